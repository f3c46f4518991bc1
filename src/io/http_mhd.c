/*
 * http_mhd.c - the HTTP server, over libmicrohttpd driven by our loop. All that knows of libmicrohttpd
 * is in this file and in http_reply.c.
 *
 * libmicrohttpd parses, keeps connections and writes replies; its epoll descriptor is one of ours. What it does not do is done here:
 * - A reply can be queued before the body is read or after, never between: a body that turns out too large is answered on the socket
 *   itself. Whoever still sends is read from for a while after the answer (lingering), else the reset would overtake it.
 * - Its timeout counts silence only: slow heads and bodies are found by a sweep over the connections, twice a second while there are any.
 * - A suspended connection is not looked at: the sweep watches those that wait for longer, to notice that the client has gone.
 * - Upgraded connections would stay in its lists: the socket is duplicated and libmicrohttpd lets go of it.
 */
#include <errno.h>
#include <microhttpd.h>
#include <netinet/tcp.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/num.h"
#include "base/str.h"
#include "io/http_mhd.h"
#include "io/sock.h"
#include "sys/sys.h"

enum { POOL_BYTES = 32 << 10, SWEEP_MS = 500, BODY_GRACE_S = 10, SMALL_BODY = 64 << 10, STRANGERS = 8, EAGER_BODY = 1 << 20 };

/* Running libmicrohttpd. */

static void server_unref(struct http_server *s);
static void pump_again(void *arg)
{
	struct http_server *s = arg;

	if (s->over)
		server_unref(s);
	else
		http_pump(s);
}

void http_pump(struct http_server *s)
{
	MHD_UNSIGNED_LONG_LONG ms;
	int rounds = 8;

	if (s->pumping || s->over)
		return;
	s->pumping = true;
	do {
		s->resumed = false;
		MHD_run(s->mhd);
	} while ((s->resumed || (MHD_get_timeout(s->mhd, &ms) == MHD_YES && ms == 0)) && --rounds);
	s->pumping = false;
	if (!rounds)
		loop_wake(s->loop, &s->again, pump_again, s);
	else if (MHD_get_timeout(s->mhd, &ms) == MHD_NO)
		timer_stop(&s->due);
	else if (!timer_is_running(&s->due) || s->due.at_ns > loop_now_ns(s->loop) + (int64_t) ms * NS_PER_MS)
		/* A timer that goes off too early runs one round for nothing; setting it anew for each request costs more. */
		timer_start(s->loop, &s->due, (int64_t) ms + 1, pump_again, s);
}

/* With a loop of one's own nothing wakes libmicrohttpd but being run. *x may be gone afterwards. */
void http_resume(struct http_exchange *x)
{
	struct http_server *s = x->server;

	if (!x->suspended)
		return;
	x->suspended = false;
	x->watch = watch_free(x->watch);
	MHD_resume_connection(x->con);
	s->resumed = true;
	http_pump(s);
}

static void on_epoll(void *arg, unsigned events) { http_pump(arg); }

/* The end of an exchange. */

void http_end(struct http_exchange *x)
{
	struct http_server *s = x->server;
	const struct http_done done = { .status = x->status, .sent = x->gone ? 0 : x->sent, .ns = clock_mono_ns() - x->began_ns,
		.gone = x->gone };

	if (x->head) {
		s->stats.exchanges--;
		s->stats.bytes_out += done.sent;
		if (s->on.on_done && x->told) {
			struct loop_span span = loop_enter(s->loop, "http on_done");

			s->on.on_done(s->ctx, x, &done);
			loop_leave(&span);
		}
	}
	if (x->early)
		MHD_destroy_response(x->early);
	buf_done(&x->body);
	s->held[x->known] -= x->held;
	sys_free(x);
	if (s->over)
		server_unref(s);
	else
		http_check_stopped(s);
}

static void tell_gone(struct http_exchange *x)
{
	struct http_server *s = x->server;
	struct loop_span span = loop_enter(s->loop, "http on_gone");

	if (s->on.on_gone)
		s->on.on_gone(s->ctx, x);
	loop_leave(&span);
}

static void on_completed(void *cls, struct MHD_Connection *con, void **con_cls, enum MHD_RequestTerminationCode code)
{
	struct http_exchange *x = *con_cls;

	*con_cls = NULL;
	if (!x)
		return;
	struct http_server *s = x->server;

	x->watch = watch_free(x->watch);
	if (x->unread && x->replied)
		linger_start(&s->lingers, s->loop, x->conn->fd);
	bool known_gone = x->gone;

	x->gone |= (code != MHD_REQUEST_TERMINATED_COMPLETED_OK && !x->raw) || !x->replied;
	x->conn->x = NULL;
	x->conn->since_ns = loop_now_ns(s->loop);
	x->conn->fresh = false;
	x->conn = NULL;
	x->con = NULL;
	if (x->up.on_lost)
		x->up.on_lost(x->up.ctx);
	/* Somebody still works on it: it lives until the reply. */
	if (x->asked && !x->replied) {
		if (!known_gone)
			tell_gone(x);
		return;
	}
	if (!x->stream || stream_end(x->stream))
		http_end(x);
}

void http_stream_over(struct http_exchange *x) { http_end(x); }

/* Requests. */

static void plain(struct http_exchange *x, int status, const char *sentence)
{
	static const struct http_field type = { "Content-Type", "text/plain; charset=utf-8" };

	http_reply(x, &(struct http_reply) { .status = status, .fields = &type, .n_fields = 1, .body = sentence, .len = strlen(sentence) });
}

static void too_large(struct http_exchange *x)
{
	struct http_server *s = x->server;

	s->stats.refused++;
	x->unread = true;
	if (s->on.on_too_large) {
		struct loop_span span = loop_enter(s->loop, "http on_too_large");

		s->on.on_too_large(s->ctx, x, x->welcome);
		loop_leave(&span);
	}
	if (!x->replied)
		plain(x, 413, "the body is too large\n");
}

/* Who it is that sends may be known only when all of it is there, so strangers must not fill the memory. */
static void too_many(struct http_exchange *x)
{
	struct http_server *s = x->server;

	s->stats.refused++;
	x->unread = true;
	if (s->on.on_too_many) {
		struct loop_span span = loop_enter(s->loop, "http on_too_many");

		s->on.on_too_many(s->ctx, x);
		loop_leave(&span);
	}
	if (!x->replied)
		plain(x, 503, "too many large bodies at once\n");
}

static bool has_room(struct http_exchange *x, size_t len)
{
	struct http_server *s = x->server;
	size_t others;

	if (len <= SMALL_BODY)
		return true;
	if (!x->weighed) {
		x->weighed = true;
		x->known = s->on.is_known && s->on.is_known(s->ctx, x);
	}
	others = s->held[x->known] - x->held;
	if (others && others + len > (x->known ? s->config.bodies_max : s->config.bodies_max / STRANGERS))
		return false;
	s->held[x->known] = others + len;
	x->held = len;
	return true;
}

struct framing { const char *length, *encoding; unsigned lengths, encodings, hosts; bool blank; };

static enum MHD_Result see_field(void *cls, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct framing *f = cls;

	f->blank |= strpbrk(key, " \t") != NULL;
	if (strcasecmp(key, "Content-Length") == 0) {
		f->length = value ? value : "";
		f->lengths++;
	} else if (strcasecmp(key, "Transfer-Encoding") == 0) {
		f->encoding = value ? value : "";
		f->encodings++;
	} else if (strcasecmp(key, "Host") == 0) {
		f->hosts++;
	}
	return MHD_YES;
}

/* RFC 9112 5.1, 6.1, 6.3 and 3.2: what two readers could frame differently is refused, for it hides requests from proxies. Returns false when
 * it has replied. *ret_length: as declared, -1 unknown. */
static bool check_framing(struct http_exchange *x, int64_t *ret_length)
{
	struct framing f = { 0 };

	MHD_get_connection_values(x->con, MHD_HEADER_KIND, see_field, &f);
	*ret_length = f.encodings ? -1 : 0;
	x->unread = f.encodings || f.lengths || f.blank;
	if (f.blank) {          /* "Content-Length : 3" */
		plain(x, 400, "a blank stands in the name of a header field\n");
		return false;
	}
	if (f.lengths > 1 || f.encodings > 1 || (f.lengths && f.encodings) || f.hosts > 1) {
		plain(x, 400, "the request frames its body in more than one way\n");
		return false;
	}
	if (f.encodings && strcasecmp(f.encoding, "chunked") != 0) {
		plain(x, 501, "only chunked is understood as transfer encoding\n");
		return false;
	}
	if (f.length) {
		uint64_t n = 0;
		size_t used = num_parse_u64(f.length, f.length + strlen(f.length), &n);

		if (!used || f.length[used]) {
			plain(x, 400, "Content-Length is not a number\n");
			return false;
		}
		*ret_length = n > INT64_MAX ? INT64_MAX : (int64_t) n;
	}
	return true;
}

static void on_head(struct http_exchange *x, const char *method)
{
	struct http_server *s = x->server;
	int64_t length = 0;
	size_t n = strlen(method);

	x->head = true;
	x->began_ns = loop_now_ns(s->loop);
	s->stats.exchanges++;
	s->stats.requests++;
	if (n < sizeof(x->method))
		memcpy(x->method, method, n + 1);
	if (!x->method[0]) {
		plain(x, 501, "there is no such method\n");
		return;
	}
	if (!check_framing(x, &length))
		return;
	x->welcome = (int64_t) s->config.body_max;
	x->bodyless = length == 0;
	x->told = true;
	if (s->on.on_head) {
		struct loop_span span = loop_enter(s->loop, "http on_head");
		int64_t welcome = s->on.on_head(s->ctx, x);

		loop_leave(&span);
		if (x->replied)
			return;
		x->welcome = MAX(welcome, INT64_C(0));
	}
	if (length > x->welcome) {
		too_large(x);
		return;
	}
	x->unread = false;
	x->body = BUF_INIT(&sys_heap, (size_t) x->welcome);
	/* Not all of a large body on trust: it may never come. */
	if (length > 0)
		buf_reserve(&x->body, (size_t) MIN(length, (int64_t) EAGER_BODY));
}

static enum MHD_Result on_bytes(struct http_exchange *x, const char *data, size_t n)
{
	x->server->stats.bytes_in += n;
	if (x->body.len + n > (size_t) x->welcome) {
		x->raw = true;
		too_large(x);
		return MHD_NO;
	}
	if (!has_room(x, x->body.len + n)) {
		x->raw = true;
		too_many(x);
		return MHD_NO;
	}
	buf_addn(&x->body, data, n);
	if (x->body.failed) {
		x->raw = true;
		x->unread = true;
		plain(x, 503, "out of memory\n");
		return MHD_NO;
	}
	return MHD_YES;
}

static void on_request(struct http_exchange *x)
{
	struct http_server *s = x->server;
	struct loop_span span = loop_enter(s->loop, "http on_request");

	x->asked = true;
	s->on.on_request(s->ctx, x);
	loop_leave(&span);
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *con, const char *url, const char *method, const char *version,
	const char *data, size_t *n, void **con_cls)
{
	struct http_exchange *x = *con_cls;

	if (!x || x->dead || x->server->ending)
		return MHD_NO;
	if (!x->head) {
		on_head(x, method);
		return x->dead ? MHD_NO : MHD_YES;
	}
	if (*n) {
		size_t got = *n;

		*n = 0;
		return x->replied ? MHD_YES : on_bytes(x, data, got);
	}
	x->complete = true;
	if (x->early)
		http_queue(x, x->status, take(x->early));
	if (!x->asked && !x->replied)
		on_request(x);
	if (x->dead)
		return MHD_NO;
	if (!x->replied) {
		x->suspended = true;
		MHD_suspend_connection(con);
	}
	return MHD_YES;
}

/* The request line is there; `uri` is as sent. */
static void *on_line(void *cls, const char *uri, struct MHD_Connection *con)
{
	struct http_server *s = cls;
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(con, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct http_conn *c = info ? info->socket_context : NULL;
	size_t n = strlen(uri), path = strcspn(uri, "?");
	struct http_exchange *x = c ? sys_alloc(sizeof(*x) + (n + 1) * 2) : NULL;

	if (!x)
		return NULL;
	x->server = s;
	x->conn = c;
	x->con = con;
	x->body = BUF_INIT(&sys_heap, 0);
	memcpy(x->target, uri, n + 1);
	x->path = x->target + n + 1;
	memcpy(x->path, uri, path);
	x->query = uri[path] ? x->target + path + 1 : "";
	c->x = x;
	return x;
}

/* The query belongs to the api, byte by byte: libmicrohttpd shall not decode it. */
static size_t no_unescape(void *cls, struct MHD_Connection *con, char *s) { return strlen(s); }

/* Connections. */

static void gone(struct http_exchange *x)
{
	x->gone = true;
	x->watch = watch_free(x->watch);
	if (x->stream)
		stream_fail(x->stream);
	else
		tell_gone(x);
}

static void on_hangup(void *arg, unsigned events)
{
	if (events & WATCH_GONE)
		gone(arg);
}

static bool is_slow_body(const struct http_exchange *x, int64_t now)
{
	int64_t s = (now - x->began_ns) / NS_PER_S - BODY_GRACE_S;

	return s > 0 && x->body.len < (size_t) s * x->server->config.body_rate;
}

static void sweep(void *arg)
{
	struct http_server *s = arg;
	const struct http_config *cf = &s->config;
	int64_t now = loop_now_ns(s->loop);

	for (struct http_conn *c = s->conns, *next; c; c = next) {
		struct http_exchange *x = c->x;

		next = c->next;
		if (!x || !x->head) {
			/* A first head has head_ms; a later one may begin any time while the connection may be idle. */
			int64_t ms = cf->head_ms + (c->fresh ? 0 : cf->idle_ms);

			if (now - c->since_ns > ms * NS_PER_MS || (s->stopping && !x))
				shutdown(c->fd, SHUT_RDWR);
		} else if (!x->asked && !x->replied) {
			if (is_slow_body(x, now))
				shutdown(c->fd, SHUT_RDWR);
		} else if (x->suspended && !x->watch && !x->gone) {
			if (loop_watch(s->loop, c->fd, WATCH_GONE, on_hangup, x, &x->watch) < 0)
				err_clear();
		}
	}
	if (s->conns)
		timer_start(s->loop, &s->sweep, SWEEP_MS, sweep, s);
}

static void stopped(struct http_server *s)
{
	void (*fn)(void *) = take(s->on_stopped);

	timer_stop(&s->stop_limit);
	if (fn)
		fn(s->on_stopped_ctx);
}

static void on_stop_limit(void *arg) { stopped(arg); }
static void on_check_stopped(void *arg)
{
	struct http_server *s = arg;

	if (s->stopping && !s->conns && !s->stats.exchanges && !s->websockets && !s->gates)
		stopped(s);
}

/* Not from here: we may be inside libmicrohttpd, and whom we tell may free the server. */
void http_check_stopped(struct http_server *s)
{
	if (s->stopping && !s->conns && !s->stats.exchanges && !s->websockets && !s->gates && !s->over)
		timer_start(s->loop, &s->sweep, 0, on_check_stopped, s);
}

static void on_connection(void *cls, struct MHD_Connection *con, void **socket_context, enum MHD_ConnectionNotificationCode code)
{
	struct http_server *s = cls;
	struct http_conn *c = *socket_context;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		*socket_context = NULL;
		if (!c)
			return;
		*(c->prev ? &c->prev->next : &s->conns) = c->next;
		if (c->next)
			c->next->prev = c->prev;
		/* A place is free again: only the next round listens again. */
		s->resumed |= s->stats.connections >= s->config.max_connections;
		s->stats.connections--;
		sys_free(c);
		http_check_stopped(s);
		return;
	}
	c = sys_new(struct http_conn);
	*socket_context = c;
	if (!c)
		return;         /* on_line finds none and the request is refused */
	c->server = s;
	c->fd = MHD_get_connection_info(con, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	c->since_ns = loop_now_ns(s->loop);
	c->fresh = true;
	if (s->tls)
		sock_name_of(MHD_get_connection_info(con, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr, &c->peer);
	else
		sock_peer(c->fd, &c->peer);
	sock_nodelay(c->fd);
	c->next = s->conns;
	if (c->next)
		c->next->prev = c;
	s->conns = c;
	s->stats.connections++;
	s->stats.accepted++;
	if (!timer_is_running(&s->sweep))
		timer_start(s->loop, &s->sweep, SWEEP_MS, sweep, s);
}

/* The server. */

static struct MHD_Daemon *start(struct http_server *s)
{
	const struct http_config *cf = &s->config;
	const struct MHD_OptionItem from[] = { { s->tls ? MHD_OPTION_END : MHD_OPTION_LISTEN_SOCKET, s->fd, NULL }, { MHD_OPTION_END, 0, NULL } };

	return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_UPGRADE | MHD_ALLOW_SUSPEND_RESUME | (s->tls ? MHD_USE_NO_LISTEN_SOCKET : 0),
		0, NULL, NULL, handle, s, MHD_OPTION_ARRAY, from, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_URI_LOG_CALLBACK, on_line, s,
		MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, NULL, MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t) POOL_BYTES, MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t) HTTP_STEP,
		MHD_OPTION_CONNECTION_LIMIT, cf->max_connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT, cf->max_per_peer,
		MHD_OPTION_CONNECTION_TIMEOUT, MAX(cf->idle_ms / 1000, 1U), MHD_OPTION_END);
}

int http_server_new(struct loop *l, const struct http_config *config, const struct http_callbacks *callbacks, void *ctx,
	struct http_server **ret_server)
{
	struct http_server *s = sys_new(struct http_server);

	if (!s)
		return err_fail(ERR_NO_MEMORY, "what", "HTTP server", NULL);
	s->loop = l;
	s->config = *config;
	s->on = *callbacks;
	s->ctx = ctx;
	s->config.max_connections = config->max_connections ? config->max_connections : 1000;
	s->config.body_max = config->body_max ? config->body_max : 10 << 20;
	s->config.head_ms = config->head_ms ? config->head_ms : 10000;
	s->config.idle_ms = config->idle_ms ? config->idle_ms : 60000;
	s->config.bodies_max = config->bodies_max ? config->bodies_max : 256 << 20;
	s->config.body_rate = config->body_rate ? config->body_rate : 1000;
	s->fd = -1;
	s->tls = config->tls ? tls_ref(config->tls) : NULL;
	int r = s->tls ? http_gates_start(s) : sock_listen(config->address, config->port, &s->fd, &s->port);
	if (r < 0) {
		tls_unref(s->tls);
		sys_free(s);
		return r;
	}
	s->mhd = start(s);
	if (!s->mhd) {
		if (s->fd >= 0)
			sys.close(s->fd);
		http_gates_free(s);
		sys_free(s);
		return err_failf(ERR_BROKEN, "the HTTP server does not start");
	}
	int epoll = MHD_get_daemon_info(s->mhd, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	r = loop_watch(l, epoll, WATCH_IN, on_epoll, s, &s->watch);
	if (r < 0) {
		http_server_free(s);
		return r;
	}
	/* The first round puts the listening socket into the set. */
	http_pump(s);
	*ret_server = s;
	return 0;
}

uint16_t http_server_port(const struct http_server *s) { return s->port; }
void http_stats(const struct http_server *s, struct http_stats *ret) { *ret = s->stats; }

void http_websocket_add(struct http_server *s, struct http_websocket *w)
{
	w->next = s->websockets;
	if (w->next)
		w->next->prev = w;
	s->websockets = w;
	s->stats.websockets++;
}

void http_websocket_del(struct http_server *s, struct http_websocket *w)
{
	*(w->prev ? &w->prev->next : &s->websockets) = w->next;
	if (w->next)
		w->next->prev = w->prev;
	s->stats.websockets--;
	http_check_stopped(s);
}

void http_linger(struct http_server *s, int fd)
{
	if (!s->ending)
		linger_start(&s->lingers, s->loop, fd);
}

static void end_websockets(struct http_server *s, bool now)
{
	for (struct http_websocket *w = s->websockets, *next; w; w = next) {
		next = w->next;
		w->on_server_end(w, now);
	}
}

void http_server_stop(struct http_server *s, int64_t ms, void (*on_stopped)(void *ctx), void *ctx)
{
	if (s->stopping)
		return;
	s->stopping = true;
	s->on_stopped = on_stopped;
	s->on_stopped_ctx = ctx;
	MHD_socket fd = MHD_quiesce_daemon(s->mhd);
	if (fd != MHD_INVALID_SOCKET)
		sys.close(fd);
	timer_start(s->loop, &s->stop_limit, ms, on_stop_limit, s);
	http_gates_stop(s);
	end_websockets(s, false);
	if (s->conns)
		sweep(s);
	http_check_stopped(s);
}

/* After http_server_free() the memory stays until the last exchange has been replied to. */
static void server_unref(struct http_server *s)
{
	if (!s->stats.exchanges && !atomic_load(&s->again.waiting))
		sys_free(s);
}

struct http_server *http_server_free(struct http_server *s)
{
	if (!s)
		return NULL;
	/* libmicrohttpd must not be stopped while connections are suspended. */
	s->ending = s->pumping = true;
	for (struct http_conn *c = s->conns; c; c = c->next)
		if (c->x)
			http_cut(c->x);
	s->pumping = false;
	http_pump(s);
	end_websockets(s, true);
	s->over = true;
	s->watch = watch_free(s->watch);
	if (!s->stopping) {
		MHD_socket fd = MHD_quiesce_daemon(s->mhd);

		if (fd != MHD_INVALID_SOCKET)
			sys.close(fd);
	}
	MHD_stop_daemon(s->mhd);
	http_gates_free(s);
	lingers_done(&s->lingers);
	timer_stop(&s->due);
	timer_stop(&s->sweep);
	timer_stop(&s->stop_limit);
	server_unref(s);
	return NULL;
}
