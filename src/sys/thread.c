/* thread.c - threads, mutexes, conditions over POSIX threads. */
#include "sys/thread.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"

_Static_assert(PTHREAD_ONCE_INIT == 0, "ONCE_INIT says 0");

static _Thread_local const char *own_name;

/* For what can only fail by a mistake of ours. */
static void check(int error)
{
	if (error)
		abort();
}

static void *thread_main(void *arg)
{
	struct thread *t = arg;

	own_name = t->name;
	prctl(PR_SET_NAME, t->name);
	t->fn(t->arg);
	return NULL;
}

int thread_start_sized(struct thread *t, const char *name, size_t stack, void (*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	sigset_t all, old;
	size_t len = strnlen(name, sizeof(t->name) - 1);

	memset(t, 0, sizeof(*t));
	memcpy(t->name, name, len);
	t->fn = fn;
	t->arg = arg;
	if (pthread_attr_init(&attr) != 0)
		return err_fail(ERR_NO_MEMORY, "what", name, NULL);
	check(pthread_attr_setstacksize(&attr, MAX(stack, (size_t) PTHREAD_STACK_MIN)));
	sigfillset(&all);
	check(pthread_sigmask(SIG_SETMASK, &all, &old));
	int r = pthread_create(&t->id, &attr, thread_main, t);
	check(pthread_sigmask(SIG_SETMASK, &old, NULL));
	pthread_attr_destroy(&attr);
	if (r)
		return err_fail(ERR_NO_MEMORY, "what", name, NULL);
	t->started = true;
	return 0;
}

int thread_start(struct thread *t, const char *name, void (*fn)(void *), void *arg)
{
	return thread_start_sized(t, name, THREAD_STACK, fn, arg);
}

void thread_join(struct thread *t)
{
	if (!t->started)
		return;
	check(pthread_join(t->id, NULL));
	t->started = false;
}

const char *thread_name(void) { return own_name ? own_name : "main"; }

enum { NICE_SECOND = 5, NICE_BACKGROUND = 10 };

void thread_second(void) { (void) setpriority(PRIO_PROCESS, (id_t) syscall(SYS_gettid), NICE_SECOND); }

/* Both are per thread on Linux. What the system refuses is no failure: the work is done, only not so politely. The lowest of the common class:
 * idle would wait for ever behind a disk that is never idle, and others wait for the log's journal with it. */
void thread_background(void)
{
	enum { IO_WHO_THREAD = 1, IO_COMMON = 2 << 13, IO_LOWEST = 7 };

	(void) setpriority(PRIO_PROCESS, (id_t) syscall(SYS_gettid), NICE_BACKGROUND);
	(void) syscall(SYS_ioprio_set, IO_WHO_THREAD, 0, IO_COMMON | IO_LOWEST);
}

unsigned thread_cores(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	return (unsigned) MAX(CPU_COUNT(&set), 1);
}

void mutex_init(struct mutex *m) { check(pthread_mutex_init(&m->m, NULL)); }
void mutex_done(struct mutex *m) { check(pthread_mutex_destroy(&m->m)); }
struct mutex *mutex_lock(struct mutex *m) { check(pthread_mutex_lock(&m->m)); return m; }
bool mutex_try(struct mutex *m) { return pthread_mutex_trylock(&m->m) == 0; }
void mutex_unlock(struct mutex *m) { check(pthread_mutex_unlock(&m->m)); }

void rwlock_init(struct rwlock *l) { check(pthread_rwlock_init(&l->l, NULL)); }
void rwlock_done(struct rwlock *l) { check(pthread_rwlock_destroy(&l->l)); }
void rwlock_read(struct rwlock *l) { check(pthread_rwlock_rdlock(&l->l)); }
void rwlock_write(struct rwlock *l) { check(pthread_rwlock_wrlock(&l->l)); }
void rwlock_unlock(struct rwlock *l) { check(pthread_rwlock_unlock(&l->l)); }

void cond_init(struct cond *c)
{
	pthread_condattr_t attr;

	check(pthread_condattr_init(&attr));
	check(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC));
	check(pthread_cond_init(&c->c, &attr));
	pthread_condattr_destroy(&attr);
}

void cond_done(struct cond *c) { check(pthread_cond_destroy(&c->c)); }
void cond_wait(struct cond *c, struct mutex *m) { check(pthread_cond_wait(&c->c, &m->m)); }
void cond_signal(struct cond *c) { check(pthread_cond_signal(&c->c)); }
void cond_broadcast(struct cond *c) { check(pthread_cond_broadcast(&c->c)); }

bool cond_wait_until(struct cond *c, struct mutex *m, int64_t deadline_ns)
{
	if (deadline_ns == INT64_MAX) {
		cond_wait(c, m);
		return true;
	}
	deadline_ns = MAX(deadline_ns, INT64_C(0));
	const struct timespec t = { .tv_sec = deadline_ns / NS_PER_S, .tv_nsec = deadline_ns % NS_PER_S };
	int r = pthread_cond_timedwait(&c->c, &m->m, &t);

	if (r == ETIMEDOUT)
		return false;
	check(r);
	return true;
}

void once_run(struct once *o, void (*fn)(void)) { check(pthread_once(&o->o, fn)); }
