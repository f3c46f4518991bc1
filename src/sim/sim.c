/* sim.c - stations on a loop: the clock that lets them scan, the connections that read them. */
#include "sim/sim.h"

#include <math.h>
#include <signal.h>

#include "base/num.h"
#include "base/str.h"
#include "sim/line.h"
#include "sim/plc.h"
#include "sys/sys.h"

enum { TICK_MIN_MS = 5, BEHIND_MAX_MS = 200, BACKLOG_MAX = 64 << 10 };

struct client {
	struct station_server *server;
	struct client *next;
	struct chain *chain;
	struct modbus_tcp_splitter splitter;
};

/* One station and who talks to it. */
struct station_server {
	struct sim *sim;
	struct listener *listener;
	struct client *clients;
	struct plc plc;
};

struct sim {
	struct loop *loop;
	struct sim_config config;
	char *address, *serial;
	struct line *line;
	struct spots spots;
	struct timer timer;
	int64_t began_ns;               /* monotonic; when `done` scans were none */
	uint64_t done;                  /* since then */
	struct sim_stats stats;
	uint32_t n;
	struct station_server stations[];
};

static struct client *client_free(struct client *c)
{
	if (c) {
		for (struct client **at = &c->server->clients; *at; at = &(*at)->next)
			if (*at == c) {
				*at = c->next;
				c->server->sim->stats.clients--;
				break;
			}
		chain_free(c->chain);
		sys_free(c);
	}
	return NULL;
}

/* Units 0, 1 and 255 are the station itself; a gateway would look for others behind it (Implementation Guide 4.4.1.2). */
static void answer(struct station_server *s, const struct modbus_tcp *frame, struct modbus_response *a, uint8_t *scratch)
{
	struct modbus_request q = {};
	int exception = modbus_request_decode(frame->pdu, frame->len, &q);

	if (exception == 0 && frame->unit > 1 && frame->unit != 255)
		exception = MODBUS_GATEWAY_TARGET;
	if (exception == 0)
		plc_answer(&s->plc, &q, scratch, a);
	else
		*a = (struct modbus_response) { .fc = frame->len ? frame->pdu[0] & 0x7f : 0, .exception = (uint8_t) exception };
	s->sim->stats.requests++;
	s->sim->stats.exceptions += a->exception != 0;
}

/* On a line the unit is the station's number; nobody answers for one that is not there. */
static bool answer_line(void *ctx, uint8_t unit, const uint8_t *pdu, size_t len, struct pen *out)
{
	struct sim *s = ctx;
	uint8_t scratch[MODBUS_PDU_MAX];
	struct modbus_response a;

	for (uint32_t i = 0; i < s->n; i++)
		if (unit == 0 || unit == i + 1) {
			struct pen one = *out;

			answer(&s->stations[i], &(struct modbus_tcp) { .unit = 1, .pdu = pdu, .len = len }, &a, scratch);
			if (modbus_response_encode(&a, &one) < 0) {
				err_clear();
				return false;
			}
			if (unit) {
				*out = one;
				return true;
			}
		}
	return false;
}

static int reply(struct client *c, const struct modbus_tcp *frame)
{
	uint8_t scratch[MODBUS_PDU_MAX], pdu[MODBUS_PDU_MAX], adu[MODBUS_TCP_ADU_MAX];
	struct pen body = pen_of(pdu, sizeof(pdu)), out = pen_of(adu, sizeof(adu));
	struct modbus_response a;
	int r;

	answer(c->server, frame, &a, scratch);
	r = modbus_response_encode(&a, &body);
	if (r < 0)
		return r;
	modbus_tcp_header(&out, frame->transaction, frame->unit, (size_t) (body.at - pdu));
	pen_bytes(&out, pdu, (size_t) (body.at - pdu));
	return chain_send(c->chain, adu, (size_t) (out.at - adu));
}

static void on_data(void *ctx, struct chain *chain, const uint8_t *bytes, size_t n)
{
	struct client *c = ctx;
	struct cur in = cur_of(bytes, n);
	struct modbus_tcp frame;
	int r;

	while ((r = modbus_tcp_split(&c->splitter, &in, &frame)) == 1) {
		r = reply(c, &frame);
		if (r < 0)
			break;                  /* it asks and does not read what we answer */
	}
	if (r < 0) {
		c->server->sim->stats.bad_frames++;
		err_clear();
		client_free(c);
	}
}

static void on_close(void *ctx, struct chain *chain, const struct err *why)
{
	client_free(ctx);
}

static const struct chain_events client_events = { .on_data = on_data, .on_close = on_close };

static void on_accept(void *ctx, struct chain *chain)
{
	struct station_server *s = ctx;
	struct client *c = sys_new(struct client);

	if (!c) {
		chain_free(chain);
		return;
	}
	c->server = s;
	c->chain = chain;
	c->next = s->clients;
	s->clients = c;
	s->sim->stats.clients++;
	chain_set_events(chain, &client_events, c);
	chain_set_backlog_max(chain, BACKLOG_MAX);
	if (chain_open(chain) < 0) {
		err_clear();
		client_free(c);
	}
}

static int check_config(const struct sim_config *c)
{
	if (c->stations > SIM_STATIONS_MAX)
		return err_failf(ERR_USAGE, "at most %d stations, not %u", SIM_STATIONS_MAX, c->stations);
	if (!(c->speed == 0 || (c->speed >= 0.01 && c->speed <= 100)))
		return err_failf(ERR_USAGE, "a simulated plant runs at 0.01 to 100 times real time, not %g", c->speed);
	if (c->scan_ms > 1000 || c->scan_ms % PLC_SCAN_MS_MIN != 0)
		return err_failf(ERR_USAGE, "a scan takes an even number of milliseconds up to 1000, not %u", c->scan_ms);
	if (c->port && c->port + (c->stations ? c->stations : 1) - 1 > UINT16_MAX)
		return err_failf(ERR_USAGE, "%u stations from port %u on end beyond 65535", c->stations, c->port);
	return 0;
}

int sim_new(struct loop *l, const struct sim_config *config, struct sim **ret_sim)
{
	uint32_t n = config->stations ? config->stations : 1;
	struct sim *s;
	int r = check_config(config);

	if (r < 0)
		return r;
	s = sys_alloc(sizeof(*s) + n * sizeof(s->stations[0]));
	if (!s)
		return err_fail(ERR_NO_MEMORY, "what", "the simulated plant", NULL);
	s->loop = l;
	s->config = *config;
	s->config.speed = config->speed != 0 ? config->speed : 1;
	s->config.scan_ms = config->scan_ms ? config->scan_ms : 10;
	s->config.start_ns = config->start_ns ? config->start_ns : clock_now_ns();
	s->address = sys_strdup(config->address ? config->address : "127.0.0.1");
	if (!s->address) {
		sim_free(s);
		return err_fail(ERR_NO_MEMORY, "what", "the simulated plant", NULL);
	}
	s->config.address = s->address;
	if (config->serial && !(s->serial = sys_strdup(config->serial))) {
		sim_free(s);
		return err_fail(ERR_NO_MEMORY, "what", "the simulated plant", NULL);
	}
	s->config.serial = s->serial;
	s->n = n;
	spots_init(&s->spots);
	for (uint32_t i = 0; i < n; i++) {
		s->stations[i].sim = s;
		plc_init(&s->stations[i].plc, &s->spots, s->config.seed + UINT64_C(0x9e3779b97f4a7c15) * i, s->config.scan_ms, s->config.start_ns);
	}
	sim_advance(s, 1);              /* so that no register was ever empty */
	*ret_sim = s;
	return 0;
}

struct sim *sim_free(struct sim *s)
{
	if (s) {
		sim_stop(s);
		sys_free(s->address);
		sys_free(s->serial);
		sys_free(s);
	}
	return NULL;
}

void sim_advance(struct sim *s, uint32_t scans)
{
	for (uint32_t i = 0; i < s->n; i++)
		for (uint32_t k = 0; k < scans; k++)
			plc_scan(&s->stations[i].plc);
	s->stats.scans += scans;
}

/* Real nanoseconds a scan takes. */
static double scan_ns(const struct sim *s) { return s->config.scan_ms * 1e6 / s->config.speed; }

/* Scans that are due; those that are too long overdue are left out and counted, so that a slow machine stays answerable. */
static void on_tick(void *arg)
{
	struct sim *s = arg;
	int64_t now = loop_now_ns(s->loop);
	double due = (double) (now - s->began_ns) / scan_ns(s) - (double) s->done;
	double most = fmax(1, BEHIND_MAX_MS * 1e6 / scan_ns(s));

	if (due > most) {
		s->stats.late += (uint64_t) (due - most);
		s->done += (uint64_t) (due - most);
		due = most;
	}
	if (due >= 1) {
		sim_advance(s, (uint32_t) due);
		s->done += (uint32_t) due;
	}
	timer_start_at(s->loop, &s->timer, MAX(s->began_ns + (int64_t) ((double) (s->done + 1) * scan_ns(s)), now + TICK_MIN_MS * NS_PER_MS),
		on_tick, s);
}

int sim_start(struct sim *s)
{
	for (uint32_t i = 0; i < s->n; i++) {
		struct listener_config c = { .address = s->address, .port = (uint16_t) (s->config.port ? s->config.port + i : 0),
			.max_chains = SIM_CLIENTS_MAX, .on_accept = on_accept, .ctx = &s->stations[i] };
		int r = s->stations[i].listener ? 0 : listener_new(s->loop, &c, &s->stations[i].listener);

		if (r < 0) {
			sim_stop(s);
			return err_wrap(r, "simulated station %u", i + 1);
		}
	}
	if (s->serial && !s->line) {
		int r = line_new(s->loop, &s->config, answer_line, s, &s->line);

		if (r < 0) {
			sim_stop(s);
			return r;
		}
	}
	s->began_ns = loop_now_ns(s->loop);
	s->done = 0;
	timer_start(s->loop, &s->timer, 0, on_tick, s);
	return 0;
}

void sim_stop(struct sim *s)
{
	timer_stop(&s->timer);
	s->line = line_free(s->line);
	for (uint32_t i = 0; i < s->n; i++) {
		s->stations[i].listener = listener_free(s->stations[i].listener);
		while (s->stations[i].clients)
			client_free(s->stations[i].clients);
	}
}

uint32_t sim_stations(const struct sim *s) { return s->n; }

uint16_t sim_port(const struct sim *s, uint32_t station)
{
	return station < s->n && s->stations[station].listener ? listener_port(s->stations[station].listener) : 0;
}

void sim_stats(const struct sim *s, struct sim_stats *ret) { *ret = s->stats; }

/* The point's index, or < 0. */
static int find(const struct sim *s, uint32_t station, const char *code)
{
	int point = row_find(code);

	if (station >= s->n)
		return err_failf(ERR_USAGE, "station %u is none of the %u simulated ones", station, s->n);
	return point >= 0 ? point : err_fail(ERR_MISSING, "what", "@point", "value", code, NULL);
}

int sim_value(const struct sim *s, uint32_t station, const char *code, double *ret_value)
{
	int point = find(s, station, code);

	if (point < 0)
		return point;
	*ret_value = plc_value(&s->stations[station].plc, (size_t) point);
	return 0;
}

int sim_write(struct sim *s, uint32_t station, const char *code, double value)
{
	char low[NUM_TEXT_MAX], high[NUM_TEXT_MAX], got[NUM_TEXT_MAX];
	int point = find(s, station, code);
	const struct sim_point *row;
	size_t n;

	if (point < 0)
		return point;
	if (plc_command(&s->stations[station].plc, (size_t) point, value))
		return 0;
	if (row_what((size_t) point) != 'C')
		return err_failf(ERR_USAGE, "%s is measured, it cannot be written", code);
	row = &sim_points(&n)[point];
	num_format_f64(low, row->low);
	num_format_f64(high, row->high);
	num_format_f64(got, value);
	return err_fail(ERR_OUT_OF_RANGE, "field", code, "min", low, "max", high, "value", got, NULL);
}

static const struct sim_fault faults[] = {
#define FAULT(id, name, en, zh) { name, en, zh },
#include "sim/faults.def"
#undef FAULT
};

const struct sim_fault *sim_faults(size_t *ret_n)
{
	*ret_n = ELEMENTSOF(faults);
	return faults;
}

int sim_set_fault(struct sim *s, uint32_t station, const char *fault, double severity)
{
	size_t n;
	const struct sim_point *points = sim_points(&n);

	for (size_t f = 0; f < ELEMENTSOF(faults); f++)
		if (str_eq(faults[f].name, fault))
			for (size_t i = 0; i < n; i++)
				if (row_what(i) == 'C' && row_index(i) == COMMAND_FAULT_LEAK + f)
					return sim_write(s, station, points[i].code, severity * 100);
	return err_fail(ERR_MISSING, "what", "fault", "value", fault, NULL);
}

static void on_signal(void *arg, int signum) { loop_stop(arg); }

int sim_main_run(const struct sim_config *config, void (*on_ready)(void *ctx, struct sim *s), void *ctx)
{
	_cleanup_(loop_freep) struct loop *l = NULL;
	_cleanup_(sim_freep) struct sim *s = NULL;
	int r = loop_new("sim", &l);

	if (r == 0)
		r = sim_new(l, config, &s);
	if (r == 0)
		r = loop_on_signal(l, SIGINT, on_signal, l);
	if (r == 0)
		r = loop_on_signal(l, SIGTERM, on_signal, l);
	if (r == 0)
		r = sim_start(s);
	if (r < 0)
		return r;
	if (on_ready)
		on_ready(ctx, s);
	return loop_run(l);
}
