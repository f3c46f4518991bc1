/* wire.h - inside io alone: framed messages with descriptors over a local stream socket, as child.h describes. */
#pragma once

#include "io/child.h"

enum { WIRE_HEAD = 4, WIRE_FDS_WAITING = 16 };

/* The receiving side. Descriptors come with the first byte of their message, so they wait here until it is whole. */
struct wire {
	uint8_t *bytes;
	size_t at, len, room;
	int fds[WIRE_FDS_WAITING];
	size_t n_fds;
};
void wire_done(struct wire *w);
/* One recvmsg(2) with these flags. Bytes got; 0 the other side is gone; -ERR_BUSY nothing now; else a failure. */
int wire_receive(struct wire *w, int fd, int flags);
/* Takes the next whole message: 1; 0 not yet; -ERR_TOO_LARGE, -ERR_CORRUPT: the other side does not keep the rules. Bytes are valid until
 * the next wire_receive(). */
int wire_next(struct wire *w, struct role_message *ret);

void wire_head(uint8_t head[WIRE_HEAD], size_t n, size_t n_fds);
/* One sendmsg(2): bytes sent, -1 and errno. Descriptors go along with the first byte. */
ssize_t wire_send(int fd, const uint8_t *bytes, size_t n, const int *fds, size_t n_fds, int flags);
int wire_check(size_t n, size_t n_fds);
