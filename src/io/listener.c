/* listener.c - the other side: accepts, and hands out chains whose bottom is the new socket. */
#include <errno.h>
#include <sys/socket.h>

#include "io/chain_priv.h"
#include "io/sock.h"
#include "sys/sys.h"

enum { MAX_CHAINS = 1024, RETRY_MS = 100, ROUND = 64 };

/* Lives as long as the last of listener and chains. */
struct listener {
	struct loop *loop;
	struct listener_config config;
	int fd;
	uint16_t port;
	struct watch *watch;
	struct timer retry;
	uint32_t n;
	bool freed;
};

static void listen_again(void *arg)
{
	struct listener *s = arg;

	if (!s->freed && watch_set(s->watch, WATCH_IN) < 0)
		err_clear();
}

static void on_chain_free(void *arg)
{
	struct listener *s = arg;

	s->n--;
	if (s->freed && !s->n)
		sys_free(s);
	else if (!s->freed && s->n == s->config.max_chains - 1)
		listen_again(s);
}

/* False: not now. */
static bool accept_one(struct listener *s)
{
	struct chain *c = NULL;
	struct sock_name peer;
	char name[96];
	struct buf b = BUF_FIXED(name);
	int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) {
		if (errno == ECONNABORTED || errno == EINTR)
			return true;
		if (errno == EAGAIN)
			return false;
		/* Out of descriptors or memory: the connection stays in the kernel's queue, and trying at once again would only burn time. */
		if (watch_set(s->watch, 0) < 0)
			err_clear();
		timer_start(s->loop, &s->retry, RETRY_MS, listen_again, s);
		return false;
	}
	sock_peer(fd, &peer);
	if (peer.host[0]) {
		sock_nodelay(fd);
		buf_addf(&b, "%s:%u", peer.host, peer.port);
	}
	if (chain_new(s->loop, NULL, NULL, &c) < 0 || chain_add_fd(c, fd, name[0] ? name : "local") < 0) {
		chain_free(c);
		sys.close(fd);
		err_clear();
		return true;
	}
	s->n++;
	chain_on_free(c, on_chain_free, s);
	s->config.on_accept(s->config.ctx, c);
	return true;
}

static void on_listen(void *arg, unsigned events)
{
	struct listener *s = arg;

	/* A reference of our own: on_accept may free the listener and the chain. */
	s->n++;
	for (int i = 0; i < ROUND && !s->freed; i++) {
		if (s->n > s->config.max_chains) {
			if (watch_set(s->watch, 0) < 0)
				err_clear();
			break;
		}
		if (!accept_one(s))
			break;
	}
	on_chain_free(s);
}

int listener_new(struct loop *l, const struct listener_config *config, struct listener **ret_listener)
{
	struct listener *s = sys_new(struct listener);

	if (!s)
		return err_fail(ERR_NO_MEMORY, "what", "listener", NULL);
	s->loop = l;
	s->config = *config;
	if (!s->config.max_chains)
		s->config.max_chains = MAX_CHAINS;
	int r = sock_listen(config->address, config->port, &s->fd, &s->port);
	if (r < 0) {
		sys_free(s);
		return r;
	}
	r = loop_watch(l, s->fd, WATCH_IN, on_listen, s, &s->watch);
	if (r < 0) {
		sys.close(s->fd);
		sys_free(s);
		return r;
	}
	*ret_listener = s;
	return 0;
}

struct listener *listener_free(struct listener *s)
{
	if (!s)
		return NULL;
	s->watch = watch_free(s->watch);
	timer_stop(&s->retry);
	sys.close(s->fd);
	s->freed = true;
	if (!s->n)
		sys_free(s);
	return NULL;
}

uint16_t listener_port(const struct listener *s) { return s->port; }
