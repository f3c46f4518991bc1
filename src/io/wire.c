/* wire.c - framed messages with descriptors over a local stream socket. */
#include "io/wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/cur.h"
#include "sys/sys.h"

enum { STEP = 16 << 10 };

void wire_done(struct wire *w)
{
	for (size_t i = 0; i < w->n_fds; i++)
		sys.close(w->fds[i]);
	w->n_fds = 0;
	w->bytes = sys_free(w->bytes);
	w->at = w->len = w->room = 0;
}

static int make_room(struct wire *w)
{
	if (w->at) {
		memmove(w->bytes, w->bytes + w->at, w->len - w->at);
		w->len -= w->at;
		w->at = 0;
	}
	if (w->room - w->len >= STEP)
		return 0;
	size_t room = MAX(w->room * 2, (size_t) STEP * 2);
	uint8_t *bytes = sys_resize(w->bytes, room);
	if (!bytes)
		return err_fail(ERR_NO_MEMORY, "what", "message", NULL);
	w->bytes = bytes;
	w->room = room;
	return 0;
}

static int take_fds(struct wire *w, struct msghdr *m)
{
	bool too_many = m->msg_flags & MSG_CTRUNC;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (w->n_fds < WIRE_FDS_WAITING) {
				w->fds[w->n_fds++] = fd;
			} else {
				sys.close(fd);
				too_many = true;
			}
		}
	}
	return too_many ? err_fail(ERR_TOO_LARGE, "what", "list of descriptors", "max", "4", NULL) : 0;
}

int wire_receive(struct wire *w, int fd, int flags)
{
	union { struct cmsghdr align; char bytes[CMSG_SPACE(sizeof(int) * CHILD_FDS_MAX)]; } control;
	int r = make_room(w);

	if (r < 0)
		return r;
	struct iovec v = { w->bytes + w->len, w->room - w->len };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes) };
	ssize_t n;
	do
		n = recvmsg(fd, &m, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == ECONNRESET)
		return 0;
	if (n < 0)
		return sys_fail(errno, "receive", NULL);
	w->len += (size_t) n;
	r = take_fds(w, &m);
	return r < 0 ? r : (int) n;
}

int wire_next(struct wire *w, struct role_message *ret)
{
	struct cur c = cur_of(w->bytes + w->at, w->len - w->at);

	if (w->len - w->at < WIRE_HEAD)
		return 0;
	uint32_t head = cur_le32(&c);
	size_t n = head & 0xffffff, n_fds = head >> 24;
	if (n > CHILD_MESSAGE_MAX)
		return err_fail(ERR_TOO_LARGE, "what", "message", "max", "1048576", NULL);
	if (n_fds > CHILD_FDS_MAX)
		return err_fail(ERR_TOO_LARGE, "what", "list of descriptors", "max", "4", NULL);
	const uint8_t *bytes = cur_take(&c, n);
	if (!bytes)
		return 0;
	if (n_fds > w->n_fds)
		return err_fail(ERR_CORRUPT, "what", "message", "detail", "its descriptors did not come along", NULL);
	*ret = (struct role_message) { .bytes = bytes, .n = n, .n_fds = n_fds };
	memcpy(ret->fds, w->fds, n_fds * sizeof(int));
	w->n_fds -= n_fds;
	memmove(w->fds, w->fds + n_fds, w->n_fds * sizeof(int));
	w->at += WIRE_HEAD + n;
	return 1;
}

void wire_head(uint8_t head[WIRE_HEAD], size_t n, size_t n_fds)
{
	struct pen p = pen_of(head, WIRE_HEAD);

	pen_le32(&p, (uint32_t) (n | n_fds << 24));
}

ssize_t wire_send(int fd, const uint8_t *bytes, size_t n, const int *fds, size_t n_fds, int flags)
{
	union { struct cmsghdr align; char bytes[CMSG_SPACE(sizeof(int) * CHILD_FDS_MAX)]; } control = { .bytes = { 0 } };
	struct iovec v = { (void *) (uintptr_t) bytes, n };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	ssize_t r;

	if (n_fds) {
		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
	}
	do
		r = sendmsg(fd, &m, flags | MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	return r;
}

int wire_check(size_t n, size_t n_fds)
{
	if (n > CHILD_MESSAGE_MAX)
		return err_fail(ERR_TOO_LARGE, "what", "message", "max", "1048576", NULL);
	if (n_fds > CHILD_FDS_MAX)
		return err_fail(ERR_TOO_LARGE, "what", "list of descriptors", "max", "4", NULL);
	return 0;
}
