/* chain_fd.c - the bottom of a chain: a descriptor, read and written without blocking. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/chain_priv.h"
#include "sys/sys.h"

enum { READ_BYTES = 16 << 10, READ_ROUNDS = 4, KEEP_OUT = 16 << 10 };

/* What people on site meet has words of its own in both languages. */
static const struct { int error; const char *term; } causes[] = {
	{ ECONNREFUSED, "@net_refused" }, { ECONNRESET, "@net_reset" }, { EPIPE, "@net_reset" }, { EHOSTUNREACH, "@net_no_route" },
	{ ENETUNREACH, "@net_no_route" }, { ENETDOWN, "@net_no_route" }, { ETIMEDOUT, "@net_timeout" }, { EACCES, "@net_forbidden" },
	{ EPERM, "@net_forbidden" }, { ENOENT, "@net_no_device" }, { ENODEV, "@net_no_device" }, { ENXIO, "@net_no_device" }, { EBUSY, "@net_busy" },
};

int fd_end_fail(const struct fd_end *e, int error)
{
	char text[128];

	for (size_t i = 0; i < ELEMENTSOF(causes); i++)
		if (causes[i].error == error)
			return err_fail(ERR_PEER, "what", e->peer, "detail", causes[i].term, NULL);
	return err_fail(ERR_PEER, "what", e->peer, "detail", strerror_r(error, text, sizeof(text)), NULL);
}

static void lost(struct fd_end *e, int r)
{
	struct err why = { .kind = ERR_NONE };

	if (r < 0)
		why = err_take(r);
	layer_tell_close(e->layer, &why);
}

static void watch_again(struct fd_end *e)
{
	unsigned events = (chain_is_paused(e->layer->chain) ? 0 : WATCH_IN) | (fd_end_backlog(e) ? WATCH_OUT : 0);

	if (watch_set(e->watch, events) < 0)
		err_clear();
}

static ssize_t put(struct fd_end *e, const uint8_t *bytes, size_t n)
{
	ssize_t w;

	do
		w = e->is_socket ? send(e->fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT) : write(e->fd, bytes, n);
	while (w < 0 && errno == EINTR);
	return w < 0 && errno == EAGAIN ? 0 : w;
}

static void maybe_end(struct fd_end *e)
{
	if (!e->finishing || fd_end_backlog(e))
		return;
	if (e->is_socket)
		shutdown(e->fd, SHUT_WR);
	else
		lost(e, 0);
}

static void on_writable(struct fd_end *e)
{
	ssize_t w = put(e, e->out + e->at, e->len - e->at);

	if (w < 0) {
		lost(e, fd_end_fail(e, errno));
		return;
	}
	e->at += (size_t) w;
	if (e->at < e->len)
		return;
	e->at = e->len = 0;
	if (e->room > KEEP_OUT) {
		e->out = sys_free(e->out);
		e->room = 0;
	}
	watch_again(e);
	if (e->finishing)
		maybe_end(e);
	else
		layer_tell_drain(e->layer);
}

static void on_readable(struct fd_end *e)
{
	struct chain *c = e->layer->chain;
	unsigned turn = chain_turn(c);
	uint8_t bytes[READ_BYTES];

	for (int i = 0; i < READ_ROUNDS; i++) {
		ssize_t n = e->is_socket ? recv(e->fd, bytes, sizeof(bytes), MSG_DONTWAIT) : read(e->fd, bytes, sizeof(bytes));

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		/* The other end of a terminal that hangs up gives EIO. */
		if (n <= 0) {
			lost(e, n < 0 ? fd_end_fail(e, errno) : 0);
			return;
		}
		layer_tell_data(e->layer, bytes, (size_t) n);
		if (turn != chain_turn(c) || chain_is_paused(c) || (size_t) n < sizeof(bytes))
			return;
	}
}

static void on_wire(void *arg, unsigned events)
{
	struct fd_end *e = arg;
	struct chain_layer *l = e->layer;
	struct chain *c = l->chain;
	unsigned turn = chain_turn(c);

	/* The chain must outlive this function even when its user frees it in between. */
	chain_hold(c);
	if ((events & WATCH_OUT) && fd_end_backlog(e))
		on_writable(e);
	if ((events & WATCH_IN) && turn == chain_turn(c))
		on_readable(e);
	chain_release(c);
}

/* Only now it is read from: nothing comes up before the layers above know that there is something below. */
static void tell_open(void *arg)
{
	struct fd_end *e = arg;

	watch_again(e);
	layer_tell_open(e->layer);
}

int fd_end_start(struct fd_end *e, struct chain_layer *l, int fd, bool is_socket)
{
	struct loop *loop = chain_loop(l->chain);

	e->layer = l;
	e->fd = fd;
	e->is_socket = is_socket;
	e->finishing = false;
	e->at = e->len = 0;
	int r = loop_watch(loop, fd, 0, on_wire, e, &e->watch);
	if (r < 0) {
		sys.close(fd);
		e->fd = -1;
		return r;
	}
	timer_start(loop, &e->soon, 0, tell_open, e);
	return 0;
}

void fd_end_stop(struct fd_end *e)
{
	timer_stop(&e->soon);
	e->watch = watch_free(e->watch);
	if (e->layer && e->fd >= 0)
		sys.close(e->fd);
	e->layer = NULL;
	e->fd = -1;
	e->out = sys_free(e->out);
	e->at = e->len = e->room = 0;
}

int fd_end_send(struct fd_end *e, const uint8_t *bytes, size_t n)
{
	size_t waits = fd_end_backlog(e);

	if (!waits) {
		ssize_t w = put(e, bytes, n);

		/* The read side finds out and tells: this call itself stays without callbacks. */
		if (w < 0)
			return fd_end_fail(e, errno);
		bytes += w;
		n -= (size_t) w;
		if (!n)
			return 0;
		e->at = e->len = 0;
	}
	if (e->len + n > e->room) {
		if (waits)
			memmove(e->out, e->out + e->at, waits);
		e->at = 0;
		e->len = waits;
	}
	if (e->len + n > e->room) {
		size_t room = MAX(e->len + n, MIN(e->room * 2, chain_backlog_max(e->layer->chain)));
		uint8_t *out = sys_resize(e->out, room);

		if (!out)
			return err_fail(ERR_NO_MEMORY, "what", e->peer, NULL);
		e->out = out;
		e->room = room;
	}
	memcpy(e->out + e->len, bytes, n);
	e->len += n;
	if (!waits)
		watch_again(e);
	return 0;
}

void fd_end_pause(struct fd_end *e, bool pause)
{
	if (e->watch && !timer_is_running(&e->soon))
		watch_again(e);
}

void fd_end_finish(struct fd_end *e)
{
	e->finishing = true;
	maybe_end(e);
}

/* A descriptor that is open already. */

struct given { struct fd_end end; int fd; char peer[96]; };

static int given_open(struct chain_layer *l)
{
	struct given *g = l->state;

	if (g->fd < 0)
		return err_fail(ERR_PEER, "what", g->peer, "detail", "it was closed and cannot be opened again", NULL);
	memcpy(g->end.peer, g->peer, sizeof(g->peer));
	return fd_end_start(&g->end, l, take_fd(g->fd), true);
}

static void given_close(struct chain_layer *l) { fd_end_stop(&((struct given *) l->state)->end); }
static int given_send(struct chain_layer *l, const uint8_t *b, size_t n) { return fd_end_send(&((struct given *) l->state)->end, b, n); }
static size_t given_backlog(const struct chain_layer *l) { return fd_end_backlog(&((struct given *) l->state)->end); }
static void given_pause(struct chain_layer *l, bool pause) { fd_end_pause(&((struct given *) l->state)->end, pause); }
static void given_finish(struct chain_layer *l) { fd_end_finish(&((struct given *) l->state)->end); }
static const char *given_peer(const struct chain_layer *l) { return ((struct given *) l->state)->peer; }
static void given_done(struct chain_layer *l)
{
	struct given *g = l->state;

	if (g->fd >= 0)
		sys.close(g->fd);
}

static const struct layer given_layer = { .name = "socket", .state_size = sizeof(struct given), .open = given_open, .close = given_close,
	.send = given_send, .backlog = given_backlog, .pause = given_pause, .finish = given_finish, .peer = given_peer, .done = given_done };

int chain_add_fd(struct chain *c, int fd, const char *peer)
{
	struct chain_layer *l = NULL;
	int r = chain_add(c, &given_layer, &l);

	if (r < 0)
		return r;
	struct given *g = l->state;
	struct buf b = BUF_FIXED(g->peer);
	g->fd = fd;
	g->end.fd = -1;
	buf_addf(&b, "%.90s", peer);
	return 0;
}
