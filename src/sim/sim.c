/* sim.c - machines on a loop: the clock that lets them scan, the units that answer for them. */
#include "sim/sim.h"

#include <math.h>
#include <signal.h>

#include "base/num.h"
#include "base/str.h"
#include "sim/line.h"
#include "sim/plc.h"
#include "sys/sys.h"

enum { TICK_MIN_MS = 5, BEHIND_MAX_MS = 200, SLOW_MS = 800, PORTS_MAX = SIM_MACHINES_MAX };

/* How a unit answers; severity 0 … 1 of each of common_faults.def. */
enum common_fault {
#define FAULT(id, name, en, zh) FAULT_##id,
#include "sim/common_faults.def"
#undef FAULT
	COMMON_FAULT_N_,
};

struct machine {
	struct plc plc;
	double fault[COMMON_FAULT_N_];
	uint32_t port;
	int metered;
};

/* Machines in a row, behind one listener. */
struct port { struct sim *sim; struct server *server; uint32_t first, n; };

struct sim {
	struct loop *loop;
	struct sim_config config;
	char *address, *serial;
	struct line *line;
	struct spots spots[SIM_KINDS_];
	struct grid grid;
	struct timer timer;
	int64_t began_ns;               /* monotonic; when `done` scans were none */
	uint64_t done;                  /* since then */
	struct sim_stats stats;
	uint32_t n, n_ports;
	int main_meter;                 /* -1: there are no meters */
	struct port port[PORTS_MAX];
	struct machine machine[];
};

/* --- Answering --------------------------------------------------------------------------------------------------------- */

/* A confused unit answers a question that was not asked: one register too few, or the echo of another address. */
static void confuse(const struct modbus_request *q, struct modbus_response *a)
{
	if (a->exception)
		return;
	if (a->data && a->n > 1) {
		a->n = a->n > 8 ? a->n - 8u : a->n - 1u;
		a->len = (uint16_t) (q->fc == MODBUS_READ_COILS || q->fc == MODBUS_READ_DISCRETE ? modbus_bit_bytes(a->n) : 2u * a->n);
	} else
		a->exception = MODBUS_DEVICE_FAILURE;
}

static int answer_machine(struct sim *s, struct machine *m, const uint8_t *pdu, size_t len, struct pen *out)
{
	uint8_t scratch[MODBUS_PDU_MAX];
	struct modbus_request q = {};
	struct modbus_response a;
	int exception = modbus_request_decode(pdu, len, &q);

	if (m && m->fault[FAULT_DEAD] > 0) {
		s->stats.unanswered++;
		return -1;
	}
	if (exception == 0 && !m)
		exception = MODBUS_GATEWAY_TARGET;
	if (exception == 0)
		plc_answer(&m->plc, &q, scratch, &a);
	else
		a = (struct modbus_response) { .fc = len ? pdu[0] & 0x7f : 0, .exception = (uint8_t) exception };
	if (m && m->fault[FAULT_WRONG] > 0)
		confuse(&q, &a);
	s->stats.requests++;
	s->stats.exceptions += a.exception != 0;
	if (modbus_response_encode(&a, out) < 0) {
		err_clear();
		return -1;
	}
	return m && m->fault[FAULT_SLOW] > 0 ? SLOW_MS : 0;
}

/* Units 0 and 255 are the first behind the port; a gateway would look for others behind it (Implementation Guide 4.4.1.2). */
static int answer_port(void *ctx, uint8_t unit, const uint8_t *pdu, size_t len, struct pen *out)
{
	struct port *p = ctx;
	uint32_t at = unit == 0 || unit == 255 ? 0 : unit - 1u;

	return answer_machine(p->sim, at < p->n ? &p->sim->machine[p->first + at] : NULL, pdu, len, out);
}

/* On a line the unit is the machine's number; nobody answers for one that is not there. */
static int answer_line(void *ctx, uint8_t unit, const uint8_t *pdu, size_t len, struct pen *out)
{
	struct sim *s = ctx;

	if (unit)
		return unit <= s->n ? answer_machine(s, &s->machine[unit - 1], pdu, len, out) : -1;
	for (uint32_t i = 0; i < s->n; i++) {
		struct pen nowhere = *out;

		answer_machine(s, &s->machine[i], pdu, len, &nowhere);
	}
	return -1;
}

/* --- Setting up -------------------------------------------------------------------------------------------------------- */

static int check_config(const struct sim_config *c, uint32_t n)
{
	if (c->stations > SIM_MACHINES_MAX || n > SIM_MACHINES_MAX)
		return err_failf(ERR_USAGE, "at most %d machines, not %u", SIM_MACHINES_MAX, MAX(c->stations, n));
	if (!(c->speed == 0 || (c->speed >= 0.01 && c->speed <= 100)))
		return err_failf(ERR_USAGE, "a simulated plant runs at 0.01 to 100 times real time, not %g", c->speed);
	if (c->scan_ms > 1000 || c->scan_ms % PLC_SCAN_MS_MIN != 0)
		return err_failf(ERR_USAGE, "a scan takes an even number of milliseconds up to 1000, not %u", c->scan_ms);
	if (c->port && c->port + n - 1 > UINT16_MAX)
		return err_failf(ERR_USAGE, "%u machines from port %u on end beyond 65535", n, c->port);
	return 0;
}

/* The kinds of `machines` in order, meters left out; how many in *ret_n. */
static int read_machines(const struct sim_config *c, enum sim_kind kinds[SIM_MACHINES_MAX], uint32_t *ret_n, bool *ret_meters)
{
	const char *at = c->machines, *end;
	uint32_t n = 0;

	*ret_meters = false;
	for (; at && *at; at = *end ? end + 1 : end) {
		char name[16] = "";
		int kind;

		end = str_find(at, ",");
		end = end ? end : at + str_len(at);
		memcpy(name, at, MIN((size_t) (end - at), sizeof(name) - 1));
		kind = sim_kind_find(name);
		if (n == SIM_MACHINES_MAX)
			return err_failf(ERR_USAGE, "at most %d machines", SIM_MACHINES_MAX);
		if (!*ret_meters && str_eq(name, "meters") && n > 0 && n <= FEEDERS_MAX)
			*ret_meters = true;
		else if (*ret_meters || kind < 0 || kind == SIM_METER)
			return err_fail(ERR_INVALID, "field", "machines", "rule", "@rule_machines", "value", c->machines, NULL);
		else
			kinds[n++] = (enum sim_kind) kind;
	}
	while (!c->machines && n < MAX(MIN(c->stations, (uint32_t) SIM_MACHINES_MAX), 1u))
		kinds[n++] = SIM_PUMP;
	*ret_n = n;
	return n ? 0 : err_failf(ERR_USAGE, "a simulated plant has at least one machine");
}

static void add_machine(struct sim *s, enum sim_kind kind, uint32_t port, int metered)
{
	struct machine *m = &s->machine[s->n];

	m->port = port;
	m->metered = metered;
	plc_init(&m->plc, &s->spots[kind], s->config.seed + UINT64_C(0x9e3779b97f4a7c15) * s->n, s->config.scan_ms, s->config.start_ns);
	m->plc.attended = s->config.attended;
	if (s->port[port].n++ == 0)
		s->port[port].first = s->n;
	s->port[port].sim = s;
	s->n_ports = port + 1;
	s->n++;
}

static int copy_texts(struct sim *s, const struct sim_config *c)
{
	s->address = sys_strdup(c->address ? c->address : "127.0.0.1");
	s->serial = c->serial ? sys_strdup(c->serial) : NULL;
	if (!s->address || (c->serial && !s->serial))
		return err_fail(ERR_NO_MEMORY, "what", "the simulated plant", NULL);
	s->config.address = s->address;
	s->config.serial = s->serial;
	s->config.machines = NULL;
	return 0;
}

int sim_new(struct loop *l, const struct sim_config *config, struct sim **ret_sim)
{
	_cleanup_(sim_freep) struct sim *s = NULL;
	enum sim_kind kinds[SIM_MACHINES_MAX];
	uint32_t n = 0;
	bool meters;
	int r = read_machines(config, kinds, &n, &meters);

	if (r == 0)
		r = check_config(config, n + meters);
	if (r < 0)
		return r;
	s = sys_alloc(sizeof(*s) + (n + (meters ? n + 1 : 0)) * sizeof(s->machine[0]));
	if (!s)
		return err_fail(ERR_NO_MEMORY, "what", "the simulated plant", NULL);
	s->loop = l;
	s->config = *config;
	s->config.speed = config->speed != 0 ? config->speed : 1;
	s->config.scan_ms = config->scan_ms ? config->scan_ms : 10;
	s->config.start_ns = config->start_ns ? config->start_ns : clock_now_ns();
	r = copy_texts(s, config);
	if (r < 0)
		return r;
	for (int k = 0; k < SIM_KINDS_; k++)
		spots_init(&s->spots[k], kind_of((enum sim_kind) k));
	grid_init(&s->grid, s->config.seed);
	for (uint32_t i = 0; i < n; i++)
		add_machine(s, kinds[i], i, -1);
	s->main_meter = meters ? (int) s->n : -1;
	for (uint32_t i = 0; meters && i <= n; i++)
		add_machine(s, SIM_METER, n, (int) i - 1);
	sim_advance(s, 1);              /* so that no register was ever empty */
	*ret_sim = take(s);
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

/* What the machines draw now flows through the meters in the scan that follows. */
static void meter(struct sim *s)
{
	struct draw draws[FEEDERS_MAX] = { 0 };
	struct meter *sub[FEEDERS_MAX] = { 0 };
	struct plc *first = &s->machine[0].plc;
	uint32_t n = (uint32_t) s->main_meter;

	if ((first->now_ns - first->start_ns) % NS_PER_S < s->config.scan_ms * NS_PER_MS)
		grid_second(&s->grid);
	for (uint32_t i = 0; i < n; i++) {
		const struct plc *p = &s->machine[i].plc;

		p->kind->draw(p, &draws[i]);
		sub[i] = &s->machine[n + 1 + i].plc.meter;
	}
	grid_flow(&s->grid, draws, n, sub, &s->machine[n].plc.meter);
}

void sim_advance(struct sim *s, uint32_t scans)
{
	for (uint32_t k = 0; k < scans; k++)
		for (uint32_t i = 0; i < s->n; i++) {
			if ((int) i == s->main_meter)
				meter(s);
			plc_scan(&s->machine[i].plc);
		}
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
	for (uint32_t i = 0; i < s->n_ports; i++) {
		struct port *p = &s->port[i];
		int r = p->server ? 0 : server_new(s->loop, s->address, (uint16_t) (s->config.port ? s->config.port + i : 0), answer_port, p, &p->server);

		if (r < 0) {
			sim_stop(s);
			return err_wrap(r, "simulated machine %u", i + 1);
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
	for (uint32_t i = 0; i < s->n_ports; i++) {
		if (s->port[i].server)
			server_stats(s->port[i].server, &s->stats);
		s->stats.clients = 0;
		s->port[i].server = server_free(s->port[i].server);
	}
}

uint32_t sim_machines(const struct sim *s) { return s->n; }
uint32_t sim_servers(const struct sim *s) { return s->n_ports; }

uint16_t sim_port(const struct sim *s, uint32_t server)
{
	return server < s->n_ports && s->port[server].server ? server_port(s->port[server].server) : 0;
}

void sim_machine(const struct sim *s, uint32_t machine, struct sim_machine *ret)
{
	const struct machine *m = &s->machine[machine];
	enum sim_kind kind = SIM_PUMP;

	while (kind_of(kind) != m->plc.kind)
		kind++;
	*ret = (struct sim_machine) { .kind = kind, .server = m->port, .port = sim_port(s, m->port),
		.unit = (uint8_t) (machine - s->port[m->port].first + 1), .metered = m->metered };
}

void sim_stats(const struct sim *s, struct sim_stats *ret)
{
	*ret = s->stats;
	for (uint32_t i = 0; i < s->n_ports; i++)
		if (s->port[i].server)
			server_stats(s->port[i].server, ret);
}

/* --- Values, commands, faults ------------------------------------------------------------------------------------------ */

static int check_machine(const struct sim *s, uint32_t machine)
{
	return machine < s->n ? 0 : err_failf(ERR_USAGE, "machine %u is none of the %u simulated ones", machine + 1, s->n);
}

/* The point's index, or < 0. */
static int find(const struct sim *s, uint32_t machine, const char *code)
{
	int r = check_machine(s, machine);

	if (r < 0)
		return r;
	r = kind_point(s->machine[machine].plc.kind, code);
	return r >= 0 ? r : err_fail(ERR_MISSING, "what", "@point", "value", code, NULL);
}

int sim_value(const struct sim *s, uint32_t machine, const char *code, double *ret_value)
{
	int point = find(s, machine, code);

	if (point < 0)
		return point;
	*ret_value = plc_value(&s->machine[machine].plc, (size_t) point);
	return 0;
}

int sim_write(struct sim *s, uint32_t machine, const char *code, double value)
{
	char low[NUM_TEXT_MAX], high[NUM_TEXT_MAX], got[NUM_TEXT_MAX];
	int point = find(s, machine, code);
	const struct kind *k;

	if (point < 0)
		return point;
	k = s->machine[machine].plc.kind;
	if (plc_command(&s->machine[machine].plc, (size_t) point, value))
		return 0;
	if (k->sources[point].what != 'C')
		return err_failf(ERR_USAGE, "%s is measured, it cannot be written", code);
	num_format_f64(low, k->points[point].low);
	num_format_f64(high, k->points[point].high);
	num_format_f64(got, value);
	return err_fail(ERR_OUT_OF_RANGE, "field", code, "min", low, "max", high, "value", got, NULL);
}

static const struct sim_fault common_faults[] = {
#define FAULT(id, name, en, zh) { name, en, zh },
#include "sim/common_faults.def"
#undef FAULT
};

const struct sim_fault *sim_common_faults(size_t *ret_n)
{
	*ret_n = ELEMENTSOF(common_faults);
	return common_faults;
}

const struct sim_fault *sim_faults(enum sim_kind k, size_t *ret_n)
{
	*ret_n = kind_of(k)->n_faults;
	return kind_of(k)->faults;
}

static int bad_faults(const char *value)
{
	return err_fail(ERR_INVALID, "field", "fault", "rule", "@rule_faults", "value", value, NULL);
}

static int find_fault(const struct sim_fault *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(list[i].name, name))
			return (int) i;
	return -1;
}

/* The point that switches a fault of the machine itself, or -1. */
static int fault_point(const struct sim *s, uint32_t machine, const char *fault)
{
	const struct plc *p = &s->machine[machine].plc;
	int f = find_fault(p->kind->faults, p->kind->n_faults, fault);

	return f < 0 ? -1 : plc_command_point(p, p->kind->first_fault + (unsigned) f);
}

int sim_set_fault(struct sim *s, uint32_t machine, const char *fault, double severity)
{
	int r = check_machine(s, machine), point, common = find_fault(common_faults, ELEMENTSOF(common_faults), fault);

	if (r < 0)
		return r;
	point = fault_point(s, machine, fault);
	if (point >= 0)
		return sim_write(s, machine, s->machine[machine].plc.kind->points[point].code, severity * 100);
	if (common < 0)
		return err_fail(ERR_MISSING, "what", "@fault", "value", fault, NULL);
	if (!(severity >= 0 && severity <= 1))
		return bad_faults(fault);
	s->machine[machine].fault[common] = severity;
	s->machine[machine].plc.disturbed = s->machine[machine].fault[FAULT_NOISE];
	return 0;
}

int sim_fault(const struct sim *s, uint32_t machine, const char *fault, double *ret_severity)
{
	int r = check_machine(s, machine), point, common = find_fault(common_faults, ELEMENTSOF(common_faults), fault);

	if (r < 0)
		return r;
	point = fault_point(s, machine, fault);
	if (point < 0 && common < 0)
		return err_fail(ERR_MISSING, "what", "@fault", "value", fault, NULL);
	*ret_severity = point >= 0 ? plc_value(&s->machine[machine].plc, (size_t) point) / 100 : s->machine[machine].fault[common];
	return 0;
}

/* A number from 1, or a kind: the first of it. */
static int machine_named(const struct sim *s, const char *name)
{
	uint64_t number;

	if (*name && num_parse_u64(name, name + str_len(name), &number) == str_len(name))
		return number >= 1 && number <= s->n ? (int) number - 1 : -1;
	for (uint32_t i = 0; i < s->n; i++)
		if (str_eq(s->machine[i].plc.kind->name, name))
			return (int) i;
	return -1;
}

static int set_one(struct sim *s, char *item)
{
	const char *found = str_find(item, "."), *has = str_find(item, "=");
	char *dot = found ? item + (found - item) : NULL, *equals = has ? item + (has - item) : NULL;
	double severity = 1;
	int machine;

	if (equals) {
		size_t n = str_len(equals + 1);

		if (n == 0 || num_parse_f64(equals + 1, equals + 1 + n, &severity) != n)
			return bad_faults(item);
		*equals = 0;
	}
	if (!dot)
		return bad_faults(item);
	*dot = 0;
	machine = machine_named(s, item);
	if (machine < 0)
		return err_fail(ERR_MISSING, "what", "@machine", "value", item, NULL);
	return sim_set_fault(s, (uint32_t) machine, dot + 1, severity);
}

int sim_set_faults(struct sim *s, const char *list)
{
	const char *end;
	int r = 0;

	for (; r == 0 && *list; list = *end ? end + 1 : end) {
		char item[64] = "";

		end = str_find(list, ",");
		end = end ? end : list + str_len(list);
		memcpy(item, list, MIN((size_t) (end - list), sizeof(item) - 1));
		r = set_one(s, item);
	}
	return r;
}

static void on_signal(void *arg, int signum) { loop_stop(arg); }

int sim_main_run(const struct sim_config *config, const char *faults, void (*on_ready)(void *ctx, struct sim *s), void *ctx)
{
	_cleanup_(loop_freep) struct loop *l = NULL;
	_cleanup_(sim_freep) struct sim *s = NULL;
	int r = loop_new("sim", &l);

	if (r == 0)
		r = sim_new(l, config, &s);
	if (r == 0 && faults)
		r = sim_set_faults(s, faults);
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
