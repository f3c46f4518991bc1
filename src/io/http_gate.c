/*
 * http_gate.c - HTTPS: chains with TLS in front of the HTTP server.
 *
 * libmicrohttpd reads and writes descriptors, and what it cannot do is done on these descriptors (http_mhd.c). So each connection that
 * has come through its handshake is one end of a pair of local sockets for it; the other end is a chain here, and bytes go between that
 * and the chain with the TLS layer. Whoever is slow is felt on the other side: the other chain pauses.
 *
 *   client ── outer: tcp, tls ── gate ── inner: local socket ══ local socket ── libmicrohttpd
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/err.h"
#include "io/chain.h"
#include "io/http_mhd.h"
#include "sys/sys.h"

enum { HIGH_BYTES = 64 << 10, FINISH_MS = 30000 };

static const char use_https[] = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
	"This port speaks HTTPS: write https:// in the address. 此端口使用 HTTPS：请在地址中使用 https://。\n";

struct gate {
	struct http_server *server;
	struct gate *prev, *next;
	struct chain *outer, *inner;
	int fd;                         /* libmicrohttpd's end, until it has it */
	struct sockaddr_storage peer;
	socklen_t peer_size;
};

static void end(struct gate *g)
{
	struct http_server *s = g->server;

	*(g->prev ? &g->prev->next : &s->gates) = g->next;
	if (g->next)
		g->next->prev = g->prev;
	chain_free(g->outer);
	chain_free(g->inner);
	if (g->fd >= 0)
		sys.close(g->fd);
	sys_free(g);
	http_check_stopped(s);
}

/* From one chain into the other, whose reader may be slow. False: g is gone. */
static bool pass(struct gate *g, struct chain *from, struct chain *to, const uint8_t *bytes, size_t n)
{
	if (!to)
		return true;            /* nobody to hear it any more */
	if (chain_send(to, bytes, n) < 0) {
		err_clear();
		end(g);
		return false;
	}
	if (chain_backlog(to) >= HIGH_BYTES) {
		chain_ask_drain(to);
		chain_pause(from, true);
	}
	return true;
}

static void on_outer_data(void *ctx, struct chain *c, const uint8_t *bytes, size_t n)
{
	struct gate *g = ctx;

	pass(g, c, g->inner, bytes, n);
}

static void on_inner_data(void *ctx, struct chain *c, const uint8_t *bytes, size_t n)
{
	struct gate *g = ctx;

	pass(g, c, g->outer, bytes, n);
}

static void on_outer_drain(void *ctx, struct chain *c)
{
	struct gate *g = ctx;

	if (g->inner)
		chain_pause(g->inner, false);
}

static void on_inner_drain(void *ctx, struct chain *c)
{
	struct gate *g = ctx;

	if (g->outer)
		chain_pause(g->outer, false);
}

/* The handshake is done: from here on it is a connection like any other. */
static void on_outer_open(void *ctx, struct chain *c)
{
	struct gate *g = ctx;
	struct http_server *s = g->server;

	if (MHD_add_connection(s->mhd, take_fd(g->fd), (const struct sockaddr *) &g->peer, g->peer_size) != MHD_YES)
		end(g);                 /* too many */
	http_pump(s);
}

/* The client has gone, or never came through: libmicrohttpd sees the end behind what he sent. */
static void on_outer_close(void *ctx, struct chain *c, const struct err *why)
{
	struct gate *g = ctx;

	if (g->fd >= 0)
		g->server->stats.tls_refused++;
	g->outer = chain_free(g->outer);
	if (g->fd >= 0 || !g->inner) {
		end(g);
		return;
	}
	chain_pause(g->inner, false);
	chain_finish(g->inner, FINISH_MS);
}

/* libmicrohttpd has closed: what waits goes out, then goodbye; what the client still sends is read and forgotten. */
static void on_inner_close(void *ctx, struct chain *c, const struct err *why)
{
	struct gate *g = ctx;

	g->inner = chain_free(g->inner);
	/* When the server stops it waits for what must still go out, and for nobody's answer to a goodbye. */
	if (!g->outer || !chain_is_open(g->outer) || (g->server->stopping && !chain_backlog(g->outer))) {
		end(g);
		return;
	}
	chain_pause(g->outer, false);
	chain_finish(g->outer, FINISH_MS);
}

static const struct chain_events outer_events = { .on_open = on_outer_open, .on_data = on_outer_data, .on_drain = on_outer_drain,
	.on_close = on_outer_close };

static int open_outer(struct gate *g)
{
	const struct http_server *s = g->server;
	int r = chain_add_tls(g->outer, &(struct chain_tls) { .tls = s->tls, .handshake_ms = s->config.head_ms, .plain_answer = use_https });

	chain_set_events(g->outer, &outer_events, g);
	return r < 0 ? r : chain_open(g->outer);
}

/* Only now: nothing may come up before it has somewhere to go. */
static void on_inner_open(void *ctx, struct chain *c)
{
	struct gate *g = ctx;

	if (open_outer(g) < 0) {
		err_clear();
		end(g);
	}
}

static const struct chain_events inner_events = { .on_open = on_inner_open, .on_data = on_inner_data, .on_drain = on_inner_drain,
	.on_close = on_inner_close };

static int open_inner(struct gate *g)
{
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return err_fail(ERR_BUSY, "what", "HTTPS", NULL);
	g->fd = pair[1];
	r = chain_new(g->server->loop, &inner_events, g, &g->inner);
	if (r == 0)
		r = chain_add_fd(g->inner, pair[0], "local");
	if (r < 0) {
		sys.close(pair[0]);
		return r;
	}
	return chain_open(g->inner);
}

/* "192.0.2.7:40001", "::1:40001": who it is decides what he may, so one that cannot be read is sent away. */
static bool parse_peer(struct gate *g)
{
	const char *text = chain_peer(g->outer), *colon = strrchr(text, ':');
	char host[96];
	int n;

	if (!colon || (size_t) (colon - text) >= sizeof(host))
		return false;
	memcpy(host, text, (size_t) (colon - text));
	host[colon - text] = 0;
	n = sock_parse(host, (uint16_t) strtoul(colon + 1, NULL, 10), &g->peer);
	g->peer_size = n > 0 ? (socklen_t) n : 0;
	return n > 0 && g->peer.ss_family != AF_UNIX;
}

static bool too_many(const struct gate *g)
{
	const struct http_server *s = g->server;
	struct sock_name own, other;
	uint32_t n = 0;

	if (!s->config.max_per_peer)
		return false;
	sock_name_of((const struct sockaddr *) &g->peer, &own);
	for (const struct gate *i = s->gates; i; i = i->next) {
		sock_name_of((const struct sockaddr *) &i->peer, &other);
		n += strcmp(own.host, other.host) == 0;
	}
	return n > s->config.max_per_peer;
}

static void on_accept(void *ctx, struct chain *c)
{
	struct http_server *s = ctx;
	struct gate *g = sys_new(struct gate);

	if (!g) {
		chain_free(c);
		return;
	}
	g->server = s;
	g->outer = c;
	g->fd = -1;
	g->next = s->gates;
	if (g->next)
		g->next->prev = g;
	s->gates = g;
	if (!parse_peer(g) || too_many(g) || open_inner(g) < 0) {
		err_clear();
		end(g);
	}
}

int http_gates_start(struct http_server *s)
{
	struct listener_config c = { .address = s->config.address, .port = s->config.port, .max_chains = s->config.max_connections,
		.on_accept = on_accept, .ctx = s };
	int r = listener_new(s->loop, &c, &s->listener);

	if (r == 0)
		s->port = listener_port(s->listener);
	return r;
}

void http_gates_stop(struct http_server *s)
{
	s->listener = listener_free(s->listener);
	for (struct gate *g = s->gates, *next; g; g = next) {
		next = g->next;
		/* Still in its handshake, or through with all but the client's goodbye. */
		if (g->fd >= 0 || (!g->inner && !chain_backlog(g->outer)))
			end(g);
	}
}

void http_gates_free(struct http_server *s)
{
	s->listener = listener_free(s->listener);
	while (s->gates)
		end(s->gates);
	s->tls = tls_unref(s->tls);
}

void http_server_set_tls(struct http_server *s, struct tls *t)
{
	tls_ref(t);
	tls_unref(s->tls);
	s->tls = t;
}
