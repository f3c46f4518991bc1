/* served_test.h - for tests: a loop on a thread of its own, and a plain blocking socket as the client. */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "io/io.h"
#include "sys/sys.h"

struct served {
	struct loop *l;
	struct thread thread;
	struct mutex m;
	struct cond c;
	void (*call)(void *arg);        /* what call_in() waits for */
	void *call_arg;
	bool called;
};

static inline void served_main(void *arg) { loop_run(((struct served *) arg)->l); }

static inline bool served_start(struct served *s)
{
	memset(s, 0, sizeof(*s));
	mutex_init(&s->m);
	cond_init(&s->c);
	return loop_new("served", &s->l) == 0 && thread_start(&s->thread, "served", served_main, s) == 0;
}

static inline void served_call(void *arg)
{
	struct served *s = arg;

	s->call(s->call_arg);
	mutex_hold(&s->m);
	s->called = true;
	cond_broadcast(&s->c);
}

/* Runs fn(arg) on the loop's thread and waits for it. */
static inline void call_in(struct served *s, void (*fn)(void *arg), void *arg)
{
	s->call = fn;
	s->call_arg = arg;
	s->called = false;
	while (loop_post(s->l, served_call, s) < 0)
		continue;
	mutex_hold(&s->m);
	while (!s->called)
		cond_wait(&s->c, &s->m);
}

static inline void served_stop(struct served *s)
{
	loop_stop(s->l);
	thread_join(&s->thread);
	s->l = loop_free(s->l);
}

/* True as soon as *n ≥ want, false after 10 s. */
static inline bool wait_for(atomic_int *n, int want)
{
	for (int64_t deadline = clock_deadline(10000); atomic_load(n) < want;) {
		if (clock_mono_ns() > deadline)
			return false;
		poll(NULL, 0, 1);
	}
	return true;
}

static inline int dial(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval limit = { .tv_sec = 10 };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (struct sockaddr *) &a, sizeof(a)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static inline bool say(int fd, const void *bytes, size_t n)
{
	for (const char *p = bytes; n;) {
		ssize_t w = send(fd, p, n, MSG_NOSIGNAL);

		if (w <= 0)
			return false;
		p += w;
		n -= (size_t) w;
	}
	return true;
}

static inline bool say_text(int fd, const char *s) { return say(fd, s, strlen(s)); }

/* Everything until the other side closes; -1 on reset or after 10 s of silence. */
static inline ssize_t hear_all(int fd, char *out, size_t room)
{
	size_t len = 0;

	for (;;) {
		ssize_t n = recv(fd, out + len, room - 1 - len, 0);

		if (n < 0 || len + (size_t) n >= room - 1)
			return -1;
		len += (size_t) n;
		out[len] = 0;
		if (n == 0)
			return (ssize_t) len;
	}
}

/* Until `end` has been seen. */
static inline bool hear_until(int fd, char *out, size_t room, const char *end)
{
	size_t len = 0;

	out[0] = 0;
	while (!strstr(out, end)) {
		ssize_t n = recv(fd, out + len, room - 1 - len, 0);

		if (n <= 0)
			return false;
		len += (size_t) n;
		out[len] = 0;
	}
	return true;
}
