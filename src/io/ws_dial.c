/* ws_dial.c - a WebSocket's frames over a connection that libcurl made. */
#include "io/ws_dial.h"

#include <curl/curl.h>
#include <openssl/evp.h>
#include <poll.h>

#include "base/err.h"
#include "base/str.h"
#include "io/fetch_trust.h"
#include "sys/sys.h"

enum { HEAD_MAX = 16 << 10, MESSAGE_MAX = 4 << 20, ANSWER_MS = 20000, KEY_BYTES = 16 };
enum { OP_MORE = 0, OP_TEXT = 1, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };

struct ws_dial {
	CURL *h;
	const char *url;
	__typeof__(curl_easy_setopt) *set;
	__typeof__(curl_easy_getinfo) *info;
	CURLcode (*send)(CURL *, const void *, size_t, size_t *);
	CURLcode (*recv)(CURL *, void *, size_t, size_t *);
	void (*cleanup)(CURL *);
	const char *(*error)(CURLcode);
	struct buf in;                          /* bytes that came and are not looked at yet */
};

static int lost(const struct ws_dial *d, const char *detail)
{
	return err_fail(ERR_PEER, "what", d->url, "detail", detail, NULL);
}

static int load(struct ws_dial *d, CURL *(**ret_init)(void), CURLcode (**ret_perform)(CURL *))
{
	const struct { const char *name; void **to; } symbols[] = {
		{ "curl_easy_init", (void **) ret_init }, { "curl_easy_setopt", (void **) &d->set }, { "curl_easy_perform", (void **) ret_perform },
		{ "curl_easy_getinfo", (void **) &d->info }, { "curl_easy_send", (void **) &d->send }, { "curl_easy_recv", (void **) &d->recv },
		{ "curl_easy_cleanup", (void **) &d->cleanup }, { "curl_easy_strerror", (void **) &d->error },
	};
	void *library;
	int r = dl_open("libcurl.so.4", &library);

	for (size_t i = 0; r == 0 && i < ELEMENTSOF(symbols); i++)
		r = dl_symbol(library, symbols[i].name, symbols[i].to);
	return r;
}

/* ---- bytes ---- */

/* 1: it is ready; 0: not within the time. */
static int await(struct ws_dial *d, short events, int ms)
{
	curl_socket_t fd = -1;
	struct pollfd p;

	if (d->info(d->h, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK || fd < 0)
		return lost(d, "the connection is gone");
	p = (struct pollfd) { .fd = fd, .events = events };
	return poll(&p, 1, ms) > 0;
}

static int send_all(struct ws_dial *d, const char *bytes, size_t n)
{
	while (n) {
		size_t sent = 0;
		CURLcode c = d->send(d->h, bytes, n, &sent);
		if (c == CURLE_AGAIN) {
			int r = await(d, POLLOUT, ANSWER_MS);
			if (r <= 0)
				return r < 0 ? r : lost(d, "nothing is taken");
			continue;
		}
		if (c != CURLE_OK)
			return lost(d, d->error(c));
		bytes += sent;
		n -= sent;
	}
	return 0;
}

/* 1: there is more in d->in; 0: nothing within the time. */
static int receive(struct ws_dial *d, int ms)
{
	for (;;) {
		char room[16 << 10];
		size_t n = 0;
		CURLcode c = d->recv(d->h, room, sizeof(room), &n);
		if (c == CURLE_OK && n == 0)
			return lost(d, "the other side closed the connection");
		if (c == CURLE_OK) {
			buf_addn(&d->in, room, n);
			return d->in.failed ? err_fail(ERR_NO_MEMORY, "what", "answer", NULL) : 1;
		}
		if (c != CURLE_AGAIN)
			return lost(d, d->error(c));
		int r = await(d, POLLIN, ms);
		if (r <= 0)
			return r;
	}
}

static void drop(struct ws_dial *d, size_t n)
{
	memmove(d->in.data, d->in.data + n, d->in.len - n);
	d->in.len -= n;
	d->in.data[d->in.len] = 0;
}

/* ---- the handshake (RFC 6455, 4.1) ---- */

static void answer_to(const char *key, char out[32])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	uint8_t sha[EVP_MAX_MD_SIZE];
	char text[80];
	struct buf b = BUF_FIXED(text);
	unsigned n = 0;

	buf_addf(&b, "%s%s", key, guid);
	out[0] = 0;
	if (EVP_Digest(text, b.len, sha, &n, EVP_sha1(), NULL) == 1)
		EVP_EncodeBlock((uint8_t *) out, sha, (int) n);
}

static int shake(struct ws_dial *d)
{
	struct buf head = BUF_INIT(&sys_heap, HEAD_MAX);
	const char *host = str_find(d->url, "://") + 3, *path = str_find(host, "/");
	char key[32], want[32];
	uint8_t raw[KEY_BYTES];
	const char *end = NULL;
	int r;

	random_bytes(raw, sizeof(raw));
	EVP_EncodeBlock((uint8_t *) key, raw, sizeof(raw));
	answer_to(key, want);
	buf_addf(&head, "GET %s HTTP/1.1\r\nHost: %.*s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n",
		path ? path : "/", (int) (path ? (size_t) (path - host) : str_len(host)), host, key);
	r = send_all(d, head.data, head.len);
	buf_done(&head);
	while (r >= 0 && !(end = str_find(d->in.data, "\r\n\r\n"))) {
		r = receive(d, ANSWER_MS);
		if (r == 0 || d->in.len > HEAD_MAX)
			return lost(d, "it does not answer as a WebSocket");
	}
	if (r < 0)
		return r;
	if (!str_starts(d->in.data, "HTTP/1.1 101 ") || !str_find(d->in.data, want) || str_find(d->in.data, want) > end)
		return lost(d, "it does not answer as a WebSocket");
	drop(d, (size_t) (end + 4 - d->in.data));
	return 0;
}

/* ---- frames ---- */

static int send_frame(struct ws_dial *d, int op, const char *data, size_t n)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, MESSAGE_MAX);
	uint8_t head[10] = { (uint8_t) (0x80 | op) }, mask[4];
	size_t h = 2;

	if (n < 126) {
		head[1] = (uint8_t) (0x80 | n);
	} else {
		int bytes = n <= UINT16_MAX ? 2 : 8;
		head[1] = (uint8_t) (0x80 | (bytes == 2 ? 126 : 127));
		for (int i = 0; i < bytes; i++)
			head[h++] = (uint8_t) ((uint64_t) n >> 8 * (bytes - 1 - i));
	}
	random_bytes(mask, sizeof(mask));
	buf_addn(&b, head, h);
	buf_addn(&b, mask, sizeof(mask));
	for (size_t i = 0; i < n; i++)
		buf_addc(&b, (char) (data[i] ^ mask[i % 4]));
	return b.failed ? err_fail(ERR_NO_MEMORY, "what", "request", NULL) : send_all(d, b.data, b.len);
}

int ws_dial_send(struct ws_dial *d, const char *text, size_t len)
{
	return send_frame(d, OP_TEXT, text, len);
}

struct frame { int op; bool last; size_t head, len; };

/* 1: a whole frame lies in d->in; 0: not yet. */
static int look(struct ws_dial *d, struct frame *ret)
{
	const uint8_t *p = (const uint8_t *) d->in.data;
	uint64_t n;
	size_t h = 2;

	if (d->in.len < 2)
		return 0;
	n = p[1] & 0x7f;
	if (n >= 126) {
		int bytes = n == 126 ? 2 : 8;
		if (d->in.len < h + (size_t) bytes)
			return 0;
		n = 0;
		for (int i = 0; i < bytes; i++)
			n = n << 8 | p[h++];
	}
	if (p[1] & 0x80 || p[0] & 0x70 || n > MESSAGE_MAX)      /* a server does not mask; no extensions were agreed */
		return lost(d, "it does not speak as a WebSocket");
	*ret = (struct frame) { .op = p[0] & 15, .last = p[0] & 0x80, .head = h, .len = (size_t) n };
	return d->in.len >= h + n;
}

static int closed(struct ws_dial *d, const struct frame *f)
{
	char text[160];
	struct buf b = BUF_FIXED(text);
	const uint8_t *p = (const uint8_t *) d->in.data + f->head;

	buf_clear(&b);
	if (f->len >= 2)
		buf_addf(&b, "%u %.*s", p[0] << 8 | p[1], (int) MIN(f->len - 2, (size_t) 120), (const char *) p + 2);
	return lost(d, f->len >= 2 ? text : "the other side closed the connection");
}

int ws_dial_take(struct ws_dial *d, int timeout_ms, struct buf *out)
{
	int64_t deadline = clock_deadline(timeout_ms);

	buf_clear(out);
	for (;;) {
		struct frame f = { 0 };
		int r = look(d, &f);
		if (r == 0)
			r = receive(d, (int) clock_left_ms(deadline, timeout_ms));
		else if (r == 1 && f.op == OP_CLOSE)
			return closed(d, &f);
		else if (r == 1) {
			const char *data = d->in.data + f.head;
			if (f.op == OP_PING)
				r = send_frame(d, OP_PONG, data, f.len);
			else if (f.op == OP_TEXT || f.op == OP_MORE)
				buf_addn(out, data, f.len);
			drop(d, f.head + f.len);
			if (r >= 0 && f.last && (f.op == OP_TEXT || f.op == OP_MORE))
				return out->failed ? err_fail(ERR_NO_MEMORY, "what", "answer", NULL) : 1;
			if (r >= 0)
				continue;
		}
		if (r <= 0)
			return r;
	}
}

/* ---- life ---- */

struct ws_dial *ws_dial_close(struct ws_dial *d)
{
	if (!d)
		return NULL;
	if (d->h)
		d->cleanup(d->h);
	buf_done(&d->in);
	return sys_free(d);
}

int ws_dial_open(struct ws_dial **ret, const char *url, struct fetch_trust *trust)
{
	_cleanup_(ws_dial_closep) struct ws_dial *d = sys_new(struct ws_dial);
	CURL *(*init)(void);
	CURLcode (*perform)(CURL *), c;
	int r;

	if (!d)
		return err_fail(ERR_NO_MEMORY, "what", "request", NULL);
	d->url = url;
	d->in = BUF_INIT(&sys_heap, MESSAGE_MAX + (64 << 10));
	if (!str_find(url, "://"))
		return lost(d, "http:// or https:// is missing");
	r = load(d, &init, &perform);
	if (r < 0)
		return r;
	d->h = init();
	if (!d->h)
		return err_fail(ERR_NO_MEMORY, "what", "HTTP", NULL);
	d->set(d->h, CURLOPT_URL, url);
	d->set(d->h, CURLOPT_CONNECT_ONLY, 1L);
	d->set(d->h, CURLOPT_NOSIGNAL, 1L);
	d->set(d->h, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
	d->set(d->h, CURLOPT_CONNECTTIMEOUT_MS, (long) ANSWER_MS);
	r = trust ? fetch_trust_set(trust, url, d->h, d->set) : 0;
	if (r < 0)
		return r;
	c = perform(d->h);
	if (trust)
		trust->refused = c == CURLE_PEER_FAILED_VERIFICATION;
	if (c != CURLE_OK)
		return lost(d, d->error(c));
	r = shake(d);
	if (r < 0)
		return r;
	*ret = take(d);
	return 0;
}
