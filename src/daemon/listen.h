/* listen.h - where doors are: addresses of listeners, the folder of the console. Part of the door daemon/daemon.h. */
#pragma once

#include "base/base.h"

struct listen { char address[64]; uint16_t port; char text[80], web[4096]; };

/* "127.0.0.1:8080", "[::1]:8080", ":8080" (127.0.0.1); *ret is zeroed by the caller. Beyond loopback only when `secure`: with TLS, or because somebody said so. -ERR_INVALID. */
int listen_parse(const char *text, bool secure, struct listen *ret);
const char *listen_text(struct listen *l);              /* "127.0.0.1:8080", "[::1]:8080" */
/* The folder of the console: `given`, or share/tenon/web or web/dist beside the program; NULL when there is none. Borrowed from l. */
const char *listen_web(struct listen *l, const char *given);
