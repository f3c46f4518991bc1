/* linger.c - reading on after the answer. RFC 9112 9.6 says why. */
#include "io/linger.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/err.h"
#include "io/sock.h"
#include "sys/sys.h"

enum { MAX_LINGERS = 64, MAX_MS = 4000, MAX_BYTES = 64 << 20, ROUND_BYTES = 1 << 20 };

struct lingering { struct lingers *all; struct lingering *prev, *next; int fd; size_t bytes; struct watch *watch; struct timer timer; };

static void end(struct lingering *g)
{
	*(g->prev ? &g->prev->next : &g->all->first) = g->next;
	if (g->next)
		g->next->prev = g->prev;
	g->all->n--;
	timer_stop(&g->timer);
	watch_free(g->watch);
	sys.close(g->fd);
	sys_free(g);
}

static void on_limit(void *arg) { end(arg); }

static void on_readable(void *arg, unsigned events)
{
	struct lingering *g = arg;
	char sink[16 << 10];

	for (size_t round = 0; round < ROUND_BYTES;) {
		ssize_t n = recv(g->fd, sink, sizeof(sink), MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0 || (g->bytes += (size_t) n) > MAX_BYTES) {
			end(g);
			return;
		}
		round += (size_t) n;
	}
}

void linger_start(struct lingers *all, struct loop *l, int fd)
{
	struct lingering *g = all->n < MAX_LINGERS ? sys_new(struct lingering) : NULL;

	if (!g)
		return;
	g->all = all;
	g->fd = sock_dup(fd);
	if (g->fd < 0 || loop_watch(l, g->fd, WATCH_IN, on_readable, g, &g->watch) < 0) {
		if (g->fd >= 0)
			sys.close(g->fd);
		sys_free(g);
		err_clear();
		return;
	}
	shutdown(g->fd, SHUT_WR);
	g->next = all->first;
	if (g->next)
		g->next->prev = g;
	all->first = g;
	all->n++;
	timer_start(l, &g->timer, MAX_MS, on_limit, g);
}

void lingers_done(struct lingers *all)
{
	while (all->first)
		end(all->first);
}
