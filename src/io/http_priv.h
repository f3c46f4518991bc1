/* http_priv.h - inside io alone: what http_mhd.c, http_stream.c, http_static.c and ws.c know of each other. */
#pragma once

#include "io/http.h"

/* Pieces of a streamed reply. Read on the loop's thread by whoever writes to the socket. */
struct stream;
enum { STREAM_NOTHING = 0, STREAM_END = -1, STREAM_FAILED = -2 };
int stream_new(struct http_exchange *x, const struct http_source *source, struct stream **ret);
/* Bytes copied to `to`, or one of the above; STREAM_NOTHING: http_stream_ready(x) will be called when there is something. */
long stream_read(struct stream *s, char *to, size_t room);
void stream_fail(struct stream *s);             /* the client is gone: read says STREAM_FAILED from now on */
/* Nobody reads any more. True: *s is gone, source.done was called; false: a worker is in it, http_stream_over(x) comes later. */
bool stream_end(struct stream *s);
void stream_wake(struct stream *s);             /* any thread */

/* What the stream says to the server. */
void http_stream_ready(struct http_exchange *x);
void http_stream_over(struct http_exchange *x);
struct stream *http_stream(const struct http_exchange *x);

/* Hands the socket over after "101 Switching Protocols" has been sent: on_socket gets a descriptor of its own and the bytes that already
 * came; on_lost when the connection ended before. One of them is called, once, later. */
struct http_upgrade {
	void (*on_socket)(void *ctx, int fd, const char *bytes, size_t n);
	void (*on_lost)(void *ctx);
	void *ctx;
};
int http_upgrade(struct http_exchange *x, const struct http_field *fields, size_t n_fields, const struct http_upgrade *up);
/* The server keeps a list of WebSockets, to end them: politely when it stops (now = false), at once when it is freed. */
struct http_websocket { struct http_websocket *prev, *next; void (*on_server_end)(struct http_websocket *w, bool now); };
void http_websocket_add(struct http_server *s, struct http_websocket *w);
void http_websocket_del(struct http_server *s, struct http_websocket *w);
void http_linger(struct http_server *s, int fd);
struct http_server *http_server_of(const struct http_exchange *x);
