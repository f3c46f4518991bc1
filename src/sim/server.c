/* server.c - connections of Modbus TCP and the answers that wait for their time. */
#include "sim/server.h"

#include "base/cur.h"
#include "proto/modbus/modbus.h"
#include "sys/sys.h"

enum { BACKLOG_MAX = 64 << 10, WAITING_MAX = 32 };

struct waiting { int64_t due_ns; uint16_t len; uint8_t bytes[MODBUS_TCP_ADU_MAX]; };

struct client {
	struct server *server;
	struct client *next;
	struct chain *chain;
	struct modbus_tcp_splitter splitter;
	struct timer due;
	unsigned first, n;              /* of the ring of those that wait */
	struct waiting waiting[WAITING_MAX];
};

struct server {
	struct loop *loop;
	struct listener *listener;
	struct client *clients;
	unit_answer *answer;
	void *ctx;
	uint64_t bad_frames;
	uint32_t n_clients;
};

static struct client *client_free(struct client *c)
{
	if (c) {
		for (struct client **at = &c->server->clients; *at; at = &(*at)->next)
			if (*at == c) {
				*at = c->next;
				c->server->n_clients--;
				break;
			}
		timer_stop(&c->due);
		chain_free(c->chain);
		sys_free(c);
	}
	return NULL;
}

/* It asks and does not read what we answer, or what came was no Modbus. */
static void cut_off(struct client *c)
{
	c->server->bad_frames++;
	err_clear();
	client_free(c);
}

/* What is due goes out; the timer is set for what is not. < 0: it does not read. */
static int flush(struct client *c);

static void on_due(void *arg)
{
	if (flush(arg) < 0)
		cut_off(arg);
}

static int flush(struct client *c)
{
	int r = 0;

	while (r >= 0 && c->n && c->waiting[c->first].due_ns <= loop_now_ns(c->server->loop)) {
		struct waiting *w = &c->waiting[c->first];

		r = chain_send(c->chain, w->bytes, w->len);
		c->first = (c->first + 1) % WAITING_MAX;
		c->n--;
	}
	if (c->n)
		timer_start_at(c->server->loop, &c->due, c->waiting[c->first].due_ns, on_due, c);
	return r;
}

static int reply(struct client *c, const struct modbus_tcp *frame)
{
	struct waiting *w = &c->waiting[(c->first + c->n) % WAITING_MAX];
	uint8_t pdu[MODBUS_PDU_MAX];
	struct pen body = pen_of(pdu, sizeof(pdu)), out = pen_of(w->bytes, sizeof(w->bytes));
	int64_t earliest = c->n ? c->waiting[(c->first + c->n - 1) % WAITING_MAX].due_ns : 0;
	int delay_ms;

	if (c->n == WAITING_MAX)
		return err_fail(ERR_LIMIT, "what", "requests", "max", "32", NULL);
	delay_ms = c->server->answer(c->server->ctx, frame->unit, frame->pdu, frame->len, &body);
	if (delay_ms < 0)
		return 0;
	modbus_tcp_header(&out, frame->transaction, frame->unit, (size_t) (body.at - pdu));
	pen_bytes(&out, pdu, (size_t) (body.at - pdu));
	w->len = (uint16_t) (out.at - w->bytes);
	w->due_ns = MAX(loop_now_ns(c->server->loop) + delay_ms * NS_PER_MS, earliest);
	c->n++;
	return flush(c);
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
			break;
	}
	if (r < 0)
		cut_off(c);
}

static void on_close(void *ctx, struct chain *chain, const struct err *why)
{
	client_free(ctx);
}

static const struct chain_events client_events = { .on_data = on_data, .on_close = on_close };

static void on_accept(void *ctx, struct chain *chain)
{
	struct server *s = ctx;
	struct client *c = sys_new(struct client);

	if (!c) {
		chain_free(chain);
		return;
	}
	c->server = s;
	c->chain = chain;
	c->next = s->clients;
	s->clients = c;
	s->n_clients++;
	chain_set_events(chain, &client_events, c);
	chain_set_backlog_max(chain, BACKLOG_MAX);
	if (chain_open(chain) < 0) {
		err_clear();
		client_free(c);
	}
}

int server_new(struct loop *l, const char *address, uint16_t port, unit_answer *answer, void *ctx, struct server **ret)
{
	struct server *s = sys_new(struct server);
	struct listener_config c = { .address = address, .port = port, .max_chains = SIM_CLIENTS_MAX, .on_accept = on_accept, .ctx = s };
	int r;

	if (!s)
		return err_fail(ERR_NO_MEMORY, "what", "the simulated plant", NULL);
	s->loop = l;
	s->answer = answer;
	s->ctx = ctx;
	r = listener_new(l, &c, &s->listener);
	if (r < 0) {
		server_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

struct server *server_free(struct server *s)
{
	if (s) {
		listener_free(s->listener);
		while (s->clients)
			client_free(s->clients);
		sys_free(s);
	}
	return NULL;
}

uint16_t server_port(const struct server *s) { return listener_port(s->listener); }

void server_stats(const struct server *s, struct sim_stats *add)
{
	add->bad_frames += s->bad_frames;
	add->clients += s->n_clients;
}
