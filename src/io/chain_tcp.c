/* chain_tcp.c - the bottom of a chain: a TCP connection, by name or address, or a local socket. */
#include "io/loop_uv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

#include "io/chain_priv.h"
#include "io/sock.h"
#include "sys/sys.h"

enum { CONNECT_MS = 10000, KEEPALIVE_S = 60, ADDRESSES_MAX = 8 };

/* Resolving outlives a chain that is closed meanwhile. */
struct resolve { uv_getaddrinfo_t req; struct tcp *tcp; };

struct tcp {
	struct fd_end end;
	struct chain_layer *layer;
	char *host, *bind;
	uint16_t port;
	uint32_t connect_ms, keepalive_s;
	char peer[96];
	struct sockaddr_storage address[ADDRESSES_MAX];
	int n_addresses, tried, last_error;
	int fd;                                 /* while connecting */
	struct watch *watch;
	struct timer timer;
	int64_t deadline_ns;
	struct resolve *resolve;
};

static void try_next(struct tcp *t);

static void stop_trying(struct tcp *t)
{
	timer_stop(&t->timer);
	t->watch = watch_free(t->watch);
	if (t->fd >= 0)
		sys.close(t->fd);
	t->fd = -1;
}

static void fail(struct tcp *t, int r)
{
	struct err why = err_take(r);

	stop_trying(t);
	layer_tell_close(t->layer, &why);
}

static int fail_late(const struct tcp *t)
{
	char ms[24];
	struct buf b = BUF_FIXED(ms);

	if (t->resolve)
		return err_fail(ERR_PEER, "what", t->peer, "detail", "@net_name_late", NULL);
	buf_addf(&b, "%u", t->connect_ms);
	return err_fail(ERR_TIMEOUT, "what", t->peer, "ms", ms, NULL);
}

static void on_late(void *arg)
{
	struct tcp *t = arg;

	if (clock_mono_ns() >= t->deadline_ns || t->tried >= t->n_addresses) {
		fail(t, fail_late(t));
		return;
	}
	t->last_error = ETIMEDOUT;
	try_next(t);
}

static void on_connected(void *arg, unsigned events)
{
	struct tcp *t = arg;
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error) {
		t->last_error = error;
		try_next(t);
		return;
	}
	int fd = take_fd(t->fd);
	stop_trying(t);
	int r = fd_end_start(&t->end, t->layer, fd, true);
	if (r < 0)
		fail(t, r);
}

/* Begins to connect to one address; an errno. */
static int begin(struct tcp *t, const struct sockaddr_storage *a)
{
	struct sockaddr_storage own;
	socklen_t size = a->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : a->ss_family == AF_INET ? sizeof(struct sockaddr_in) :
		(socklen_t) sizeof(struct sockaddr_storage);

	if (a->ss_family == AF_UNIX)
		size = (socklen_t) sock_parse(t->host, 0, &own);
	t->fd = socket(a->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (t->fd < 0)
		return errno;
	if (a->ss_family != AF_UNIX) {
		sock_nodelay(t->fd);
		sock_keepalive(t->fd, t->keepalive_s);
	}
	if (t->bind) {
		int n = sock_parse(t->bind, 0, &own);

		if (n < 0) {
			err_clear();
			return EADDRNOTAVAIL;
		}
		if (bind(t->fd, (const struct sockaddr *) &own, (socklen_t) n) < 0)
			return errno;
	}
	if (connect(t->fd, (const struct sockaddr *) a, size) < 0 && errno != EINPROGRESS)
		return errno;
	/* A connection made at once is writable at once. */
	if (loop_watch(chain_loop(t->layer->chain), t->fd, WATCH_OUT, on_connected, t, &t->watch) < 0) {
		err_clear();
		return ENOMEM;
	}
	return 0;
}

static void try_next(struct tcp *t)
{
	stop_trying(t);
	while (t->tried < t->n_addresses) {
		int64_t now = clock_mono_ns(), left = MAX(t->deadline_ns - now, INT64_C(0));
		/* What is left of the time is shared by those not yet tried. */
		int64_t until = now + left / (t->n_addresses - t->tried);
		int error = begin(t, &t->address[t->tried++]);

		if (!error) {
			timer_start_at(chain_loop(t->layer->chain), &t->timer, until, on_late, t);
			return;
		}
		t->last_error = error;
		stop_trying(t);
	}
	if (t->last_error == ETIMEDOUT)
		fail(t, fail_late(t));
	else
		fail(t, fd_end_fail(&t->end, t->last_error));
}

static void begin_trying(void *arg) { try_next(arg); }

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
	struct resolve *r = CONTAINER_OF(req, struct resolve, req);
	struct tcp *t = r->tcp;

	if (t) {
		t->resolve = NULL;
		for (const struct addrinfo *a = list; a && t->n_addresses < ADDRESSES_MAX; a = a->ai_next)
			memcpy(&t->address[t->n_addresses++], a->ai_addr, a->ai_addrlen);
	}
	uv_freeaddrinfo(list);
	sys_free(r);
	if (!t)
		return;
	struct loop_span span = loop_enter(chain_loop(t->layer->chain), "on_resolved");
	if (status < 0 || !t->n_addresses)
		fail(t, err_fail(ERR_PEER, "what", t->peer, "detail", "@net_no_name", NULL));
	else
		try_next(t);
	loop_leave(&span);
}

static int resolve(struct tcp *t)
{
	static const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV };
	struct resolve *r = sys_new(struct resolve);
	char port[8];
	struct buf b = BUF_FIXED(port);

	if (!r)
		return err_fail(ERR_NO_MEMORY, "what", t->peer, NULL);
	buf_addf(&b, "%u", t->port);
	r->tcp = t;
	int e = uv_getaddrinfo(loop_uv(chain_loop(t->layer->chain)), &r->req, on_resolved, t->host, port, &hints);
	if (e < 0) {
		sys_free(r);
		return err_fail(ERR_PEER, "what", t->peer, "detail", uv_strerror(e), NULL);
	}
	t->resolve = r;
	timer_start_at(chain_loop(t->layer->chain), &t->timer, t->deadline_ns, on_late, t);
	return 0;
}

static int tcp_open(struct chain_layer *l)
{
	struct tcp *t = l->state;
	struct loop *loop = chain_loop(l->chain);

	t->deadline_ns = clock_deadline(t->connect_ms);
	t->n_addresses = t->tried = t->last_error = 0;
	memcpy(t->end.peer, t->peer, sizeof(t->peer));
	if (sock_parse(t->host, t->port, &t->address[0]) < 0) {
		err_clear();
		return resolve(t);
	}
	t->n_addresses = 1;
	timer_start(loop, &t->timer, 0, begin_trying, t);
	return 0;
}

static void tcp_close(struct chain_layer *l)
{
	struct tcp *t = l->state;

	if (t->resolve) {
		t->resolve->tcp = NULL;
		uv_cancel((uv_req_t *) &t->resolve->req);
		t->resolve = NULL;
	}
	stop_trying(t);
	fd_end_stop(&t->end);
}

static void tcp_done(struct chain_layer *l)
{
	struct tcp *t = l->state;

	sys_free(t->host);
	sys_free(t->bind);
}

static int tcp_send(struct chain_layer *l, const uint8_t *b, size_t n) { return fd_end_send(&((struct tcp *) l->state)->end, b, n); }
static size_t tcp_backlog(const struct chain_layer *l) { return fd_end_backlog(&((struct tcp *) l->state)->end); }
static void tcp_pause(struct chain_layer *l, bool pause) { fd_end_pause(&((struct tcp *) l->state)->end, pause); }
static void tcp_finish(struct chain_layer *l) { fd_end_finish(&((struct tcp *) l->state)->end); }
static const char *tcp_peer(const struct chain_layer *l) { return ((struct tcp *) l->state)->peer; }

static const struct layer tcp_layer = { .name = "tcp", .state_size = sizeof(struct tcp), .open = tcp_open, .close = tcp_close,
	.send = tcp_send, .backlog = tcp_backlog, .pause = tcp_pause, .finish = tcp_finish, .peer = tcp_peer, .done = tcp_done };

int chain_add_tcp(struct chain *c, const struct chain_tcp *tcp)
{
	struct chain_layer *l = NULL;
	int r = chain_add(c, &tcp_layer, &l);

	if (r < 0)
		return r;
	struct tcp *t = l->state;
	struct buf b = BUF_FIXED(t->peer);
	t->layer = l;
	t->fd = t->end.fd = -1;
	t->host = sys_strdup(tcp->host);
	t->bind = sys_strdup(tcp->bind);
	t->port = tcp->port;
	t->connect_ms = tcp->connect_ms ? tcp->connect_ms : CONNECT_MS;
	t->keepalive_s = tcp->keepalive_s ? tcp->keepalive_s : KEEPALIVE_S;
	if (!t->host || (tcp->bind && !t->bind))
		return err_fail(ERR_NO_MEMORY, "what", "connection", NULL);
	if (tcp->host[0] == '/')
		buf_addf(&b, "%.80s", tcp->host);
	else
		buf_addf(&b, strchr(tcp->host, ':') ? "[%.80s]:%u" : "%.80s:%u", tcp->host, tcp->port);
	return 0;
}
