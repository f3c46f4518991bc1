/*
 * ws.h - WebSocket on an HTTP exchange (RFC 6455), server side.
 *
 *   on_request:  if (ws_is_asked(x)) return ws_accept(x, &callbacks, me, &config, &ws);
 *
 * Sending is bounded: beyond backlog_max it says -ERR_BUSY, so the caller conflates by looking at ws_backlog() and waits for on_drain.
 * Pings go out by themselves; a peer that answers none in time is closed.
 * Who may open one (Origin, session) is checked before ws_accept().
 *
 * Thread: the loop's. Memory: valid until on_close returns, or ws_free().
 */
#pragma once

#include "io/http.h"

struct ws;

enum { WS_NORMAL = 1000, WS_GOING_AWAY = 1001, WS_PROTOCOL = 1002, WS_UNSUPPORTED = 1003, WS_NO_STATUS = 1005, WS_ABNORMAL = 1006,
	WS_BAD_DATA = 1007, WS_POLICY = 1008, WS_TOO_BIG = 1009, WS_INTERNAL = 1011, WS_TRY_LATER = 1013 };

struct ws_callbacks {
	void (*on_message)(void *ctx, struct ws *w, bool text, const char *data, size_t len);  /* text is valid UTF-8; NUL-terminated */
	void (*on_drain)(void *ctx, struct ws *w);              /* the backlog is empty again; may be NULL */
	/* Once, for every end but ws_free(): code as received, or why we ended it. *w is gone afterwards. */
	void (*on_close)(void *ctx, struct ws *w, int code, const char *reason);
};

struct ws_config {
	size_t message_max;             /* bytes; 0: 64 KB. More closes with 1009 */
	size_t backlog_max;             /* 0: 1 MB */
	uint32_t ping_ms;               /* 0: 30,000; silence of twice that closes */
	const char *protocol;           /* Sec-WebSocket-Protocol to answer; NULL: none */
};

bool ws_is_asked(const struct http_exchange *x);        /* a GET with a complete and valid upgrade request of version 13 */
/* Takes the exchange (its on_done comes at once, with status 101). < 0: nothing was replied, reply yourself. config may be NULL.
 * ws_send() may be called at once. */
int ws_accept(struct http_exchange *x, const struct ws_callbacks *callbacks, void *ctx, const struct ws_config *config, struct ws **ret_ws);
int ws_send(struct ws *w, bool text, const void *data, size_t len);     /* copied. -ERR_BUSY: backlog; -ERR_PEER: closing */
size_t ws_backlog(const struct ws *w);                  /* bytes queued and not yet taken by the kernel */
void ws_close(struct ws *w, int code, const char *reason);      /* sends close; on_close follows, at the latest 5 s later */
struct ws *ws_free(struct ws *w);                       /* cuts it now; on_close is not called */
