/* notify.c - a few lines over a socket instead of a library. */
#include "daemon/notify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/num.h"
#include "base/str.h"
#include "sys/sys.h"

void notify_send(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -1;
	size_t n = path ? str_len(path) : 0;

	if (n < 2 || n >= sizeof(to.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(to.sun_path, path, n);
	if (path[0] == '@')
		to.sun_path[0] = 0;     /* an abstract name */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendto(fd, text, str_len(text), MSG_NOSIGNAL, (const struct sockaddr *) &to,
		(socklen_t) (offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		log_warn("daemon", "the service manager does not hear us error=%d", errno);
}

void notify_reloading(void)
{
	char text[80];
	struct buf b = BUF_FIXED(text);

	text[0] = 0;
	buf_addf(&b, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long) (clock_mono_ns() / 1000));
	notify_send(text);
}

static void beat(void *arg)
{
	struct heart *h = arg;

	notify_send("WATCHDOG=1");
	timer_start(h->loop, &h->timer, h->ms, beat, h);
}

/* WATCHDOG_PID: the variables are inherited, and may be meant for somebody else. */
void heart_start(struct heart *h, struct loop *l)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t us = 0, own = 0;

	if (!usec || !num_parse_u64(usec, usec + str_len(usec), &us) || us < 2000)
		return;
	if (pid && (!num_parse_u64(pid, pid + str_len(pid), &own) || own != (uint64_t) getpid()))
		return;
	h->loop = l;
	h->ms = (int64_t) MIN(us / 2000, (uint64_t) 3600000);
	beat(h);
}

void heart_stop(struct heart *h)
{
	if (h->loop)
		timer_stop(&h->timer);
	h->loop = NULL;
}
