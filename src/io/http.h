/*
 * http.h - HTTP/1.1 server (RFC 9110, RFC 9112), with TLS or without.
 *
 * One server listens on one address and calls back on its loop. A request and its reply are an exchange:
 *
 *   on_head      the head is read: return how many bytes of body are welcome, or reply at once (refusal)
 *   on_request   the body is there: reply now, or hand it to a worker and reply later, on the loop
 *   on_gone      the client left meanwhile: stop the work; a reply is still due, and goes nowhere
 *   on_done      the reply has gone out or never will; the exchange ends after this
 *
 * Exactly one http_reply…() or ws_accept() for each exchange that came to on_request; one whose body never came entirely sees on_head
 * and on_done only. A body larger than welcome is answered 413 by
 * on_too_large while it still comes. Slow heads, slow bodies, too many connections end themselves.
 *
 * Thread: the loop's; http_stream_wake() any. Memory: what an exchange hands out lives until its on_done.
 */
#pragma once

#include "base/buf.h"
#include "io/loop.h"
#include "io/work.h"

struct http_server;
struct http_exchange;
struct tls;

struct http_done { int status; uint64_t sent; int64_t ns; bool gone; };        /* sent: bytes of body; gone: it did not all go out */

struct http_callbacks {
	/* ≥ 0: bytes of body welcome. A return after http_reply() does not matter. */
	int64_t (*on_head)(void *ctx, struct http_exchange *x);                        /* NULL: config.body_max */
	void (*on_request)(void *ctx, struct http_exchange *x);
	/* Must reply with 413 at once. NULL: a plain one. */
	void (*on_too_large)(void *ctx, struct http_exchange *x, int64_t welcome);
	/* The body turned out to be large (beyond 64 KB): is it known, without waiting, who sends it? NULL: nobody is. */
	bool (*is_known)(void *ctx, struct http_exchange *x);
	/* Must reply at once: with this one there would be more than config.bodies_max. NULL: a plain 503. */
	void (*on_too_many)(void *ctx, struct http_exchange *x);
	void (*on_gone)(void *ctx, struct http_exchange *x);                           /* may be NULL */
	void (*on_done)(void *ctx, struct http_exchange *x, const struct http_done *d);/* may be NULL */
};

struct http_config {
	const char *address;                    /* "127.0.0.1", "::", "/run/tenon.sock"; NULL: 127.0.0.1 */
	uint16_t port;                          /* 0: any free one */
	uint32_t max_connections;               /* 0: 1,000 */
	uint32_t max_per_peer;                  /* connections from one address; 0: no limit */
	size_t body_max;                        /* 0: 10 MB */
	/* Of all bodies at once that are beyond 64 KB, so far as they came; one alone may be larger; 0: 256 MB. Those of strangers have an eighth
	 * of it for themselves, so that they take no room from anybody who is known. */
	size_t bodies_max;
	struct tls *tls;                        /* HTTPS; NULL: HTTP. A reference is taken */
	uint32_t head_ms;                       /* until the head, and before it the TLS handshake, is there; 0: 10,000 */
	uint32_t idle_ms;                       /* between requests, and for a reader that takes nothing; 0: 60,000 */
	uint32_t body_rate;                     /* bytes/s a body must come at least, after 10 s; 0: 1,000 */
};

int http_server_new(struct loop *l, const struct http_config *config, const struct http_callbacks *callbacks, void *ctx,
	struct http_server **ret_server);
uint16_t http_server_port(const struct http_server *s);
void http_server_set_tls(struct http_server *s, struct tls *t);         /* of connections to come, on a server made with one */
/* Accepts nothing more; exchanges under way may finish, keep-alive ends. on_stopped when none is left or `ms` later. */
void http_server_stop(struct http_server *s, int64_t ms, void (*on_stopped)(void *ctx), void *ctx);
/* Cuts what is left, not from within its own callbacks. An exchange that somebody still works on hears on_gone and ends with its reply, so
 * ctx must live until then (after an orderly stop there is none). */
struct http_server *http_server_free(struct http_server *s);
DEFINE_CLEANUP(struct http_server *, http_server_free)

struct http_stats { uint32_t connections, exchanges, websockets; uint64_t accepted, requests, refused, tls_refused, bytes_in, bytes_out; };
void http_stats(const struct http_server *s, struct http_stats *ret);

/* The request. Texts are borrowed until on_done; header fields and peer until the client is gone. */
const char *http_method(const struct http_exchange *x);                 /* "GET" */
const char *http_target(const struct http_exchange *x);                 /* as sent: "/a%20b?x=1" */
const char *http_path(const struct http_exchange *x);                   /* as sent, without the query */
const char *http_query(const struct http_exchange *x);                  /* as sent, behind the ?; "" when there is none */
const char *http_header(const struct http_exchange *x, const char *name);       /* NULL when absent; the first of several */
void http_each_header(const struct http_exchange *x, void (*fn)(void *ctx, const char *name, const char *value), void *ctx);
/* The value of a cookie, NULL when absent (RFC 6265 5.4: the first of that name). */
const char *http_cookie(struct http_exchange *x, const char *name);
const char *http_peer(const struct http_exchange *x);                   /* "192.0.2.7", "::1", "" for a local socket */
uint16_t http_peer_port(const struct http_exchange *x);
bool http_is_loopback(const struct http_exchange *x);                   /* 127.0.0.0/8, ::1, local socket */
const char *http_body(const struct http_exchange *x, size_t *ret_len);  /* NUL-terminated; "" when there is none */
int64_t http_began_ns(const struct http_exchange *x);                   /* monotonic: when the head was there */
bool http_is_gone(const struct http_exchange *x);
bool http_is_replied(const struct http_exchange *x);
void http_set_user(struct http_exchange *x, void *user);                /* yours */
void *http_user(const struct http_exchange *x);
struct loop *http_loop(const struct http_exchange *x);

/* The reply. Content-Length, Date, Connection are set for you; HEAD sends no body; 204 and 304 have none. */
struct http_field { const char *name, *value; };
struct http_reply {
	int status;
	const struct http_field *fields;        /* copied */
	size_t n_fields;
	const void *body;                       /* borrowed until free_body(arg) is called; with NULL free_body: copied */
	size_t len;
	void (*free_body)(void *arg);
	void *arg;
};
/* A field with line breaks is left out; -ERR_NO_MEMORY: the connection is cut. The exchange may end before this returns. */
int http_reply(struct http_exchange *x, const struct http_reply *r);

/* A reply of unknown length, made piece by piece (chunked). fill() appends at most about `room` bytes to out, and says whether more will
 * come; it runs on a worker of `pool` (NULL: on the loop) when the client has taken most of what was made before, so a slow client
 * costs one buffer and no thread. */
enum { HTTP_MORE = 1, HTTP_END = 0, HTTP_WAIT = 2 /* nothing now: http_stream_wake() when there is */ };
struct http_source {
	int (*fill)(void *ctx, struct buf *out, size_t room, void *worker);     /* < 0: failed, the connection is cut (client sees it) */
	void (*done)(void *ctx);                                                /* on the loop, once, at the end; may be NULL */
	void (*cut)(void *ctx);                                                 /* on the loop: nobody reads it any more, and fill() runs; may be NULL */
	void *ctx;
	struct work_pool *pool;
	size_t room;                                                            /* 0: 64 KB */
};
int http_reply_stream(struct http_exchange *x, const struct http_reply *head, const struct http_source *source);
void http_stream_wake(struct http_exchange *x);         /* any thread, between http_reply_stream() and the source's done() */

/* Text of requests. */
/* Decodes %XX ('+' to space only if plus) of [s, s+n) into out with NUL; -ERR_BAD_ARGUMENT for a bad escape, a NUL, or not enough
 * room; else the length. */
int http_decode(const char *s, size_t n, bool plus, char *out, size_t room);
/* A path to look up: decoded, beginning with '/', without empty, "." and ".." segments, valid UTF-8; escaped slashes are refused.
 * Returns the length or -ERR_BAD_ARGUMENT. */
int http_decode_path(const char *path, char *out, size_t room);
/* The next key=value of a query or form; *query moves on. 1: filled; 0: no more; -ERR_BAD_ARGUMENT. Keys and values longer than room
 * are refused. */
struct http_pair { char key[128], value[4096]; size_t key_len, value_len; };
int http_query_next(const char **query, struct http_pair *ret);
/* Value of a comma-separated header: does it hold this word (without parameters; case does not count)? */
bool http_has_token(const char *value, const char *word);
/* Does Accept-Encoding allow this coding (RFC 9110 12.5.3)? */
bool http_accepts_encoding(const char *accept_encoding, const char *coding);
const char *http_reason(int status);                    /* "Not Found" */

/* Static files: ETag, 304, gzip variant, ranges, MIME type by name, a year's caching for names with a hash. */
struct http_blob {
	const char *path;                       /* "/assets/app-3f2a.js" */
	const uint8_t *data, *gzip;             /* gzip: NULL when it would not be smaller */
	size_t len, gzip_len;
	const char *etag;                       /* with quotes */
	bool immutable;
};
/* GET and HEAD; data must outlive the server. fields: more header fields (security headers). */
int http_reply_blob(struct http_exchange *x, const struct http_blob *blob, const struct http_field *fields, size_t n_fields);
/* A regular file inside `folder`; path as given by http_decode_path(). -ERR_MISSING: nothing was replied. path.gz beside it serves as the
 * gzip variant. Blocking reads happen on the pool. Links that lead out of the folder are not followed. */
int http_reply_file(struct http_exchange *x, struct work_pool *pool, const char *folder, const char *path,
	const struct http_field *fields, size_t n_fields);
const char *http_mime(const char *name);                /* "text/html; charset=utf-8"; application/octet-stream when unknown */
