/* ws.c - WebSocket on an HTTP exchange, over wslay. All that knows of wslay is in this file. */
#include "io/ws.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <wslay/wslay.h>

#include "base/err.h"
#include "base/str.h"
#include "io/http_priv.h"
#include "io/sock.h"
#include "sys/sys.h"

enum { MESSAGE_MAX = 64 << 10, BACKLOG_MAX = 1 << 20, PING_MS = 30000, CLOSE_MS = 5000, QUEUED_MAX = 10000, REASON_MAX = 123, KEY_TEXT = 24 };

struct ws {
	struct http_websocket link;             /* first: the server's list */
	struct http_server *server;
	struct loop *loop;
	struct ws_callbacks on;
	void *ctx;
	struct ws_config config;
	wslay_event_context_ptr wslay;
	int fd;                                 /* -1 until the 101 has been sent */
	struct watch *watch;
	struct timer ping, limit;
	char *extra;                            /* came before the socket did */
	size_t extra_at, extra_len;
	struct buf message;
	int64_t heard_ns;
	unsigned depth;                         /* callbacks under way */
	bool freed, ended, eof, full;           /* full: ws_send() said BUSY */
	int code;
	char reason[REASON_MAX + 1];
};

/* RFC 6455 4.2.2, and its example: key dGhlIHNhbXBsZSBub25jZQ== gives s3pPLMBiTxaQ9kYGzzhZRbK+xOo=. */
static bool accept_key(const char *key, char out[32])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	char text[KEY_TEXT + sizeof(guid)];
	uint8_t sha[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	memcpy(text, key, KEY_TEXT);
	memcpy(text + KEY_TEXT, guid, sizeof(guid));
	if (EVP_Digest(text, KEY_TEXT + sizeof(guid) - 1, sha, &n, EVP_sha1(), NULL) != 1)
		return false;
	EVP_EncodeBlock((uint8_t *) out, sha, (int) n);
	return true;
}

/* 16 bytes in base64. */
static bool is_key(const char *key)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	return key && strlen(key) == KEY_TEXT && strspn(key, alphabet) == KEY_TEXT - 2 && strcmp(key + KEY_TEXT - 2, "==") == 0;
}

bool ws_is_asked(const struct http_exchange *x)
{
	const char *version = http_header(x, "Sec-WebSocket-Version");

	return strcmp(http_method(x), "GET") == 0 && http_has_token(http_header(x, "Upgrade"), "websocket") &&
		http_has_token(http_header(x, "Connection"), "upgrade") && version && strcmp(version, "13") == 0 &&
		is_key(http_header(x, "Sec-WebSocket-Key"));
}

static void destroy(struct ws *w)
{
	timer_stop(&w->ping);
	timer_stop(&w->limit);
	w->watch = watch_free(w->watch);
	if (w->fd >= 0) {
		/* The peer may be sending still: the close frame must reach it. */
		http_linger(w->server, w->fd);
		sys.close(w->fd);
	}
	if (w->wslay)
		wslay_event_context_free(w->wslay);
	buf_done(&w->message);
	sys_free(w->extra);
	http_websocket_del(w->server, &w->link);
	sys_free(w);
}

static void leave(struct ws *w)
{
	if (--w->depth)
		return;
	if (w->ended && !w->freed) {
		w->freed = true;
		struct loop_span span = loop_enter(w->loop, "ws on_close");

		w->on.on_close(w->ctx, w, w->code, w->reason);
		loop_leave(&span);
	}
	if (w->freed)
		destroy(w);
}

/* Only between ++depth and leave(). */
static void end(struct ws *w, int code, const char *reason)
{
	struct buf b = BUF_FIXED(w->reason);

	if (w->ended)
		return;
	w->ended = true;
	w->code = code;
	buf_addf(&b, "%.*s", REASON_MAX, reason);
}

/* wslay's callbacks. */

static ssize_t on_recv(wslay_event_context_ptr c, uint8_t *to, size_t n, int flags, void *arg)
{
	struct ws *w = arg;

	if (w->extra_at < w->extra_len) {
		n = MIN(n, w->extra_len - w->extra_at);
		memcpy(to, w->extra + w->extra_at, n);
		w->extra_at += n;
		return (ssize_t) n;
	}
	ssize_t r = w->freed || w->ended ? -1 : recv(w->fd, to, n, MSG_DONTWAIT);
	if (r > 0) {
		w->heard_ns = loop_now_ns(w->loop);
		return r;
	}
	bool later = r < 0 && !w->freed && !w->ended && (errno == EAGAIN || errno == EINTR);
	w->eof |= !later;
	wslay_event_set_error(c, later ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
	return -1;
}

static ssize_t on_send(wslay_event_context_ptr c, const uint8_t *from, size_t n, int flags, void *arg)
{
	struct ws *w = arg;
	ssize_t r = send(w->fd, from, n, MSG_DONTWAIT | MSG_NOSIGNAL | ((flags & WSLAY_MSG_MORE) ? MSG_MORE : 0));

	if (r < 0)
		wslay_event_set_error(c, errno == EAGAIN || errno == EINTR ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
	return r;
}

static void on_message(wslay_event_context_ptr c, const struct wslay_event_on_msg_recv_arg *m, void *arg)
{
	struct ws *w = arg;

	/* wslay answers pings by itself; who sends them and reads no pongs would fill our memory. */
	if (wslay_is_ctrl_frame(m->opcode)) {
		if (wslay_event_get_queued_msg_count(c) > QUEUED_MAX)
			end(w, WS_POLICY, "too many frames wait");
		return;
	}
	if (w->freed || w->ended)
		return;
	buf_clear(&w->message);
	buf_addn(&w->message, m->msg, m->msg_length);
	if (w->message.failed) {
		end(w, WS_INTERNAL, "out of memory");
		return;
	}
	struct loop_span span = loop_enter(w->loop, "ws on_message");
	w->on.on_message(w->ctx, w, m->opcode == WSLAY_TEXT_FRAME, w->message.data, w->message.len);
	loop_leave(&span);
}

/* The socket. */

static void conclude(struct ws *w)
{
	bool received = wslay_event_get_close_received(w->wslay), sent = wslay_event_get_close_sent(w->wslay);

	if (received)
		end(w, wslay_event_get_status_code_received(w->wslay), "");
	else if (sent)
		end(w, wslay_event_get_status_code_sent(w->wslay), "");
	else
		end(w, WS_ABNORMAL, "");
}

static void look_what_is_next(struct ws *w)
{
	if (w->freed || w->ended)
		return;
	bool in = wslay_event_want_read(w->wslay), out = wslay_event_want_write(w->wslay);

	/* After the close frames nothing more is wanted; one that we sent for a mistake of the peer's is not waited for. */
	if (!out && (!in || (wslay_event_get_close_sent(w->wslay) && !wslay_event_get_read_enabled(w->wslay)))) {
		conclude(w);
		return;
	}
	if (watch_set(w->watch, WATCH_IN | (out ? WATCH_OUT : 0)) < 0) {
		err_clear();
		end(w, WS_INTERNAL, "");
	}
}

static void flush(struct ws *w)
{
	if (w->freed || w->ended || w->fd < 0)
		return;
	if (wslay_event_send(w->wslay) != 0)
		conclude(w);
	else
		look_what_is_next(w);
}

static void maybe_drained(struct ws *w)
{
	if (!w->full || w->ended || w->freed || ws_backlog(w))
		return;
	w->full = false;
	if (w->on.on_drain)
		w->on.on_drain(w->ctx, w);
}

static void on_wire(void *arg, unsigned events)
{
	struct ws *w = arg;

	w->depth++;
	/* A mistake of the peer's has put a close frame into the queue: it goes out before the end. */
	if ((events & WATCH_IN) && wslay_event_recv(w->wslay) != 0 && w->eof)
		conclude(w);
	flush(w);
	maybe_drained(w);
	look_what_is_next(w);   /* again: on_drain may have sent */
	leave(w);
}

static void on_ping(void *arg)
{
	struct ws *w = arg;
	static const struct wslay_event_msg ping = { .opcode = WSLAY_PING };

	w->depth++;
	if (loop_now_ns(w->loop) - w->heard_ns > 2 * (int64_t) w->config.ping_ms * NS_PER_MS) {
		end(w, WS_ABNORMAL, "no answer");
	} else {
		/* Behind a backlog there is traffic enough. */
		if (!ws_backlog(w))
			wslay_event_queue_msg(w->wslay, &ping);
		timer_start(w->loop, &w->ping, w->config.ping_ms, on_ping, w);
		flush(w);
	}
	leave(w);
}

static void on_limit(void *arg)
{
	struct ws *w = arg;

	w->depth++;
	conclude(w);
	leave(w);
}

static void on_socket(void *ctx, int fd, const char *bytes, size_t n)
{
	struct ws *w = ctx;

	w->fd = fd;
	w->depth++;
	w->heard_ns = loop_now_ns(w->loop);
	w->extra = n ? sys_alloc(n) : NULL;
	if (w->extra) {
		memcpy(w->extra, bytes, n);
		w->extra_len = n;
	}
	sock_nodelay(fd);
	if ((n && !w->extra) || loop_watch(w->loop, fd, WATCH_IN, on_wire, w, &w->watch) < 0) {
		err_clear();
		end(w, WS_INTERNAL, "");
	} else {
		timer_start(w->loop, &w->ping, w->config.ping_ms, on_ping, w);
		if (n && wslay_event_recv(w->wslay) != 0 && w->eof)
			conclude(w);
		flush(w);
	}
	leave(w);
}

static void on_lost(void *ctx)
{
	struct ws *w = ctx;

	w->depth++;
	end(w, WS_ABNORMAL, "");
	leave(w);
}

/* The server ends: first politely, then at once. */
static void on_server_end(struct http_websocket *link, bool now)
{
	struct ws *w = (struct ws *) link;

	if (!now) {
		ws_close(w, WS_GOING_AWAY, "the platform is stopping");
		return;
	}
	w->depth++;
	end(w, WS_GOING_AWAY, "");
	leave(w);
}

int ws_accept(struct http_exchange *x, const struct ws_callbacks *callbacks, void *ctx, const struct ws_config *config, struct ws **ret_ws)
{
	static const struct wslay_event_callbacks on = { .recv_callback = on_recv, .send_callback = on_send, .on_msg_recv_callback = on_message };
	char key[32] = "";
	struct ws *w = NULL;

	if (!ws_is_asked(x) || !accept_key(http_header(x, "Sec-WebSocket-Key"), key))
		return err_fail(ERR_USAGE, "detail", "this needs a WebSocket handshake (RFC 6455)", NULL);
	w = sys_new(struct ws);
	if (!w || wslay_event_context_server_init(&w->wslay, &on, w) != 0) {
		sys_free(w);
		return err_fail(ERR_NO_MEMORY, "what", "WebSocket", NULL);
	}
	w->server = http_server_of(x);
	w->loop = http_loop(x);
	w->on = *callbacks;
	w->ctx = ctx;
	w->fd = -1;
	if (config)
		w->config = *config;
	w->config.message_max = w->config.message_max ? w->config.message_max : MESSAGE_MAX;
	w->config.backlog_max = w->config.backlog_max ? w->config.backlog_max : BACKLOG_MAX;
	w->config.ping_ms = w->config.ping_ms ? w->config.ping_ms : PING_MS;
	w->message = BUF_INIT(&sys_heap, w->config.message_max);
	wslay_event_config_set_max_recv_msg_length(w->wslay, w->config.message_max);
	w->link.on_server_end = on_server_end;
	http_websocket_add(w->server, &w->link);

	struct http_field fields[3] = { { "Upgrade", "websocket" }, { "Sec-WebSocket-Accept", key } };
	size_t n = 2;
	if (w->config.protocol)
		fields[n++] = (struct http_field) { "Sec-WebSocket-Protocol", w->config.protocol };
	int r = http_upgrade(x, fields, n, &(struct http_upgrade) { .on_socket = on_socket, .on_lost = on_lost, .ctx = w });
	if (r < 0) {
		destroy(w);
		return r;
	}
	*ret_ws = w;
	return 0;
}

int ws_send(struct ws *w, bool text, const void *data, size_t len)
{
	const struct wslay_event_msg m = { .opcode = text ? WSLAY_TEXT_FRAME : WSLAY_BINARY_FRAME, .msg = data, .msg_length = len };
	size_t backlog = ws_backlog(w);

	if (w->freed || w->ended)
		return err_fail(ERR_PEER, "what", "WebSocket", "detail", "it is closed", NULL);
	if (backlog && (len > w->config.backlog_max || backlog > w->config.backlog_max - len)) {
		w->full = true;
		return err_fail(ERR_BUSY, "what", "WebSocket", NULL);
	}
	int r = wslay_event_queue_msg(w->wslay, &m);
	if (r == WSLAY_ERR_NOMEM)
		return err_fail(ERR_NO_MEMORY, "what", "WebSocket", NULL);
	if (r != 0)
		return err_fail(ERR_PEER, "what", "WebSocket", "detail", "it is closing", NULL);
	/* Its end is told from the loop, not from here. */
	if (!w->depth && w->fd >= 0 && watch_set(w->watch, WATCH_IN | WATCH_OUT) < 0)
		err_clear();
	return 0;
}

size_t ws_backlog(const struct ws *w) { return wslay_event_get_queued_msg_length(w->wslay); }

void ws_close(struct ws *w, int code, const char *reason)
{
	size_t n = reason ? strlen(reason) : 0;

	if (w->freed || w->ended)
		return;
	wslay_event_queue_close(w->wslay, (uint16_t) code, (const uint8_t *) reason, utf8_valid_prefix(reason, MIN(n, (size_t) REASON_MAX)));
	timer_start(w->loop, &w->limit, CLOSE_MS, on_limit, w);
	if (!w->depth && w->fd >= 0 && watch_set(w->watch, WATCH_IN | WATCH_OUT) < 0)
		err_clear();
}

struct ws *ws_free(struct ws *w)
{
	if (!w || w->freed)
		return NULL;
	w->freed = true;
	/* While the handshake is under way the server still points to us: its callback finds us freed. */
	if (!w->depth && w->fd >= 0)
		destroy(w);
	return NULL;
}
