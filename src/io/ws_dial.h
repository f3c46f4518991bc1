/*
 * ws_dial.h - the other end of a WebSocket (RFC 6455), for a program that may wait: the CLI.
 *
 * libcurl makes the connection, TLS included, and is loaded with the first one; the frames are ours. Text only; pings are answered,
 * fragments put together.
 *
 * Thread: blocks; one at a time for a struct ws_dial. Memory: messages lie in the caller's buffer.
 */
#pragma once

#include "base/buf.h"

struct ws_dial;

/* url: "http://…" or "https://…"; trust as in io/fetch.h, NULL: whom the system trusts. -ERR_PEER: not reached, not trusted, or it is no
 * WebSocket. */
struct fetch_trust;
int ws_dial_open(struct ws_dial **ret, const char *url, struct fetch_trust *trust);
struct ws_dial *ws_dial_close(struct ws_dial *d);
DEFINE_CLEANUP(struct ws_dial *, ws_dial_close)
int ws_dial_send(struct ws_dial *d, const char *text, size_t len);
/* The next message replaces what is in *out: 1; 0: nothing within timeout_ms. -ERR_PEER: it was closed, with the reason. */
int ws_dial_take(struct ws_dial *d, int timeout_ms, struct buf *out);
