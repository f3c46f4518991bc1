/* role.c - inside the child: the socket to the parent, and shutting the door behind oneself. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io/confine.h"
#include "io/wire.h"
#include "sys/sys.h"

int role_open(struct role *r)
{
	struct stat st;

	if (fstat(CHILD_FD, &st) < 0 || !S_ISSOCK(st.st_mode))
		return err_fail(ERR_USAGE, "detail", "a role is started by its parent", NULL);
	return role_of(r, CHILD_FD);
}

int role_of(struct role *r, int fd)
{
	r->fd = fd;
	r->in = sys_new(struct wire);
	return r->in ? 0 : err_fail(ERR_NO_MEMORY, "what", "role", NULL);
}

void role_close(struct role *r)
{
	if (r->in)
		wire_done(r->in);
	r->in = sys_free(r->in);
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

int role_confine(const struct child_profile *p)
{
	struct confine c;
	int r = confine_prepare(&c, p, NULL);

	if (r < 0)
		return r;
	if (confine_enter(&c) < 0)
		r = sys_fail(errno, "confine this role", NULL);
	confine_done(&c);
	return r;
}

int role_receive(struct role *r, struct role_message *ret)
{
	for (;;) {
		int e = wire_next(r->in, ret);

		if (e != 0)
			return e;
		e = wire_receive(r->in, r->fd, 0);
		if (e <= 0)
			return e;
	}
}

int role_pending(struct role *r, struct role_message *ret) { return wire_next(r->in, ret); }
int role_fill(struct role *r) { return wire_receive(r->in, r->fd, 0); }

int role_send(struct role *r, const void *bytes, size_t n, const int *fds, size_t n_fds)
{
	uint8_t head[WIRE_HEAD];
	int e = wire_check(n, n_fds);

	if (e < 0)
		return e;
	wire_head(head, n, n_fds);
	const struct { const uint8_t *bytes; size_t n; } part[2] = { { head, WIRE_HEAD }, { bytes, n } };
	for (int i = 0; i < 2; i++) {
		for (size_t at = 0; at < part[i].n;) {
			bool first = i == 0 && at == 0;
			ssize_t w = wire_send(r->fd, part[i].bytes + at, part[i].n - at, fds, first ? n_fds : 0, i == 0 && n ? MSG_MORE : 0);

			if (w < 0)
				return sys_fail(errno, "send", NULL);
			at += (size_t) w;
		}
	}
	return 0;
}
