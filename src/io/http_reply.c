/* http_reply.c - replies, streamed replies and upgrades, over libmicrohttpd; and what a request says of itself. */
#include <string.h>
#include <sys/socket.h>

#include "base/err.h"
#include "io/http_mhd.h"
#include "sys/sys.h"

/* Ends the connection without an answer. */
void http_cut(struct http_exchange *x)
{
	x->dead = true;
	if (x->conn)
		shutdown(x->conn->fd, SHUT_RDWR);
	http_resume(x);
}

/* Replies. */

static bool is_line(const char *s) { return !strpbrk(s, "\r\n"); }

static void add_fields(struct MHD_Response *m, const struct http_field *fields, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_line(fields[i].name) && is_line(fields[i].value))
			MHD_add_response_header(m, fields[i].name, fields[i].value);
}

int http_queue(struct http_exchange *x, int status, struct MHD_Response *m)
{
	/* A reply before the request is complete costs the connection: one without a body is complete in a moment. */
	if (x->bodyless && x->told && !x->complete) {
		x->early = m;
		return 0;
	}
	if (x->server->stopping)
		MHD_add_response_header(m, "Connection", "close");
	bool ok = MHD_queue_response(x->con, (unsigned) status, m) == MHD_YES;

	MHD_destroy_response(m);
	if (!ok) {
		http_cut(x);
		return err_failf(ERR_BROKEN, "the reply could not be queued");
	}
	http_resume(x);
	return 0;
}

static int refuse_second(const struct http_exchange *x)
{
	return x->replied ? err_failf(ERR_BROKEN, "a second reply to %s %s", x->method, x->target) : 0;
}

/* While the body still comes: on the socket itself, in one piece, then no more. */
static int reply_raw(struct http_exchange *x, const struct http_reply *r)
{
	struct buf b = BUF_INIT(&sys_heap, 64 << 10);

	buf_addf(&b, "HTTP/1.1 %d %s\r\nContent-Length: %zu\r\nConnection: close\r\n", r->status, http_reason(r->status), r->len);
	for (size_t i = 0; i < r->n_fields; i++)
		if (is_line(r->fields[i].name) && is_line(r->fields[i].value))
			buf_addf(&b, "%s: %s\r\n", r->fields[i].name, r->fields[i].value);
	buf_add(&b, "\r\n");
	buf_addn(&b, r->body, r->len);
	bool ok = !b.failed && send(x->conn->fd, b.data, b.len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t) b.len;

	x->gone = !ok;
	buf_done(&b);
	return 0;
}

int http_reply(struct http_exchange *x, const struct http_reply *r)
{
	struct MHD_Response *m = NULL;
	int result = refuse_second(x);

	if (result == 0) {
		x->replied = true;
		x->status = r->status;
		x->sent = r->len;
		if (!x->con) {
			if (r->free_body)
				r->free_body(r->arg);
			http_end(x);
			return 0;
		}
		if (x->raw) {
			result = reply_raw(x, r);
		} else if (r->free_body) {
			m = MHD_create_response_from_buffer_with_free_callback_cls(r->len, (void *) (uintptr_t) r->body, r->free_body, r->arg);
		} else {
			m = MHD_create_response_from_buffer(r->len, (void *) (uintptr_t) r->body, MHD_RESPMEM_MUST_COPY);
		}
	}
	if (m) {
		add_fields(m, r->fields, r->n_fields);
		return http_queue(x, r->status, m);
	}
	if (r->free_body)
		r->free_body(r->arg);
	if (result == 0 && !x->raw) {
		http_cut(x);
		result = err_fail(ERR_NO_MEMORY, "what", "reply", NULL);
	}
	return result;
}

static ssize_t read_stream(void *cls, uint64_t pos, char *to, size_t room)
{
	struct http_exchange *x = cls;
	long n = x->dead ? STREAM_FAILED : stream_read(x->stream, to, room);

	if (n > 0)
		x->sent += (uint64_t) n;
	if (n > 0)
		return n;
	if (n == STREAM_END)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (n == STREAM_FAILED) {
		x->gone = true;
		return MHD_CONTENT_READER_END_WITH_ERROR;
	}
	x->suspended = true;
	MHD_suspend_connection(x->con);
	return 0;
}

int http_reply_stream(struct http_exchange *x, const struct http_reply *head, const struct http_source *source)
{
	int r = refuse_second(x);

	if (r == 0 && !x->con) {
		x->replied = true;
		x->status = head->status;
		if (source->done)
			source->done(source->ctx);
		http_end(x);
		return 0;
	}
	if (r == 0)
		r = stream_new(x, source, &x->stream);
	if (r < 0) {
		if (source->done)
			source->done(source->ctx);
		if (!x->replied)
			http_cut(x);
		return r;
	}
	x->replied = true;
	x->status = head->status;
	struct MHD_Response *m = MHD_create_response_from_callback(head->len ? head->len : MHD_SIZE_UNKNOWN, HTTP_STEP, read_stream, x, NULL);
	if (!m) {
		http_cut(x);
		return err_fail(ERR_NO_MEMORY, "what", "reply", NULL);
	}
	/* A HEAD that would be chunked gets a last chunk from libmicrohttpd 0.9.75, which nobody expects: without chunks it does not. */
	if (!head->len && strcmp(x->method, "HEAD") == 0)
		MHD_set_response_options(m, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
	add_fields(m, head->fields, head->n_fields);
	return http_queue(x, head->status, m);
}

void http_stream_ready(struct http_exchange *x) { http_resume(x); }

struct stream *http_stream(const struct http_exchange *x) { return x->stream; }
void http_stream_wake(struct http_exchange *x) { stream_wake(x->stream); }

/* Upgrades. */

static void on_upgraded(void *cls, struct MHD_Connection *con, void *con_cls, const char *extra, size_t n, MHD_socket fd,
	struct MHD_UpgradeResponseHandle *handle)
{
	struct http_exchange *x = cls;
	int own = sock_dup(fd);

	if (own >= 0) {
		x->up.on_lost = NULL;
		x->up.on_socket(x->up.ctx, own, extra, n);
	}
	MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
	x->server->resumed = true;      /* another round lets go of it */
}

int http_upgrade(struct http_exchange *x, const struct http_field *fields, size_t n_fields, const struct http_upgrade *up)
{
	int r = refuse_second(x);

	if (r < 0)
		return r;
	if (!x->con)
		return err_fail(ERR_PEER, "what", "upgrade", "detail", "the client has gone", NULL);
	struct MHD_Response *m = MHD_create_response_for_upgrade(on_upgraded, x);
	if (!m)
		return err_fail(ERR_NO_MEMORY, "what", "upgrade", NULL);
	add_fields(m, fields, n_fields);
	if (MHD_queue_response(x->con, MHD_HTTP_SWITCHING_PROTOCOLS, m) == MHD_NO) {
		MHD_destroy_response(m);
		return err_failf(ERR_BROKEN, "the upgrade could not be queued");
	}
	MHD_destroy_response(m);
	x->replied = true;
	x->status = MHD_HTTP_SWITCHING_PROTOCOLS;
	x->up = *up;
	http_resume(x);
	return 0;
}

struct http_server *http_server_of(const struct http_exchange *x) { return x->server; }

/* What was asked. */

const char *http_method(const struct http_exchange *x) { return x->method; }
const char *http_target(const struct http_exchange *x) { return x->target; }
const char *http_path(const struct http_exchange *x) { return x->path; }
const char *http_query(const struct http_exchange *x) { return x->query; }
const char *http_peer(const struct http_exchange *x) { return x->conn ? x->conn->peer.host : ""; }
uint16_t http_peer_port(const struct http_exchange *x) { return x->conn ? x->conn->peer.port : 0; }
bool http_is_loopback(const struct http_exchange *x) { return x->conn && x->conn->peer.loopback; }
int64_t http_began_ns(const struct http_exchange *x) { return x->began_ns; }
bool http_is_gone(const struct http_exchange *x) { return x->gone; }
bool http_is_replied(const struct http_exchange *x) { return x->replied; }
void http_set_user(struct http_exchange *x, void *user) { x->user = user; }
void *http_user(const struct http_exchange *x) { return x->user; }
struct loop *http_loop(const struct http_exchange *x) { return x->server->loop; }

const char *http_header(const struct http_exchange *x, const char *name)
{
	return x->con ? MHD_lookup_connection_value(x->con, MHD_HEADER_KIND, name) : NULL;
}

struct each { void (*fn)(void *ctx, const char *name, const char *value); void *ctx; };

static enum MHD_Result each_field(void *cls, enum MHD_ValueKind kind, const char *key, const char *value)
{
	const struct each *e = cls;

	e->fn(e->ctx, key, value ? value : "");
	return MHD_YES;
}

void http_each_header(const struct http_exchange *x, void (*fn)(void *ctx, const char *name, const char *value), void *ctx)
{
	struct each e = { fn, ctx };

	if (x->con)
		MHD_get_connection_values(x->con, MHD_HEADER_KIND, each_field, &e);
}

const char *http_cookie(struct http_exchange *x, const char *name)
{
	return x->con ? MHD_lookup_connection_value(x->con, MHD_COOKIE_KIND, name) : NULL;
}

const char *http_body(const struct http_exchange *x, size_t *ret_len)
{
	if (ret_len)
		*ret_len = x->body.len;
	return x->body.data;
}
