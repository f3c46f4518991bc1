/*
 * thread.h - threads, mutexes, conditions. Atomics are C11's <stdatomic.h>.
 *
 * Stacks are 256 KB and all signals are blocked in our threads: the loop alone receives them. A lock that fails is a bug and ends the
 * process; there is nothing a caller could do about it.
 *
 * Memory: structs are embedded by the caller and must not move while in use.
 */
#pragma once

#include <sys/types.h>

#include "base/base.h"

enum { THREAD_STACK = 256 << 10 };

struct thread { pthread_t id; bool started; void (*fn)(void *); void *arg; char name[16]; };
struct mutex { pthread_mutex_t m; };
struct cond { pthread_cond_t c; };
struct rwlock { pthread_rwlock_t l; };
struct once { pthread_once_t o; };

#define MUTEX_INIT { .m = { { 0 } } }          /* all zero is what PTHREAD_MUTEX_INITIALIZER says on Linux */
#define ONCE_INIT { 0 }

/* name: at most 15 bytes, shown by ps -L. *t must live until joined. */
int thread_start(struct thread *t, const char *name, void (*fn)(void *), void *arg);
int thread_start_sized(struct thread *t, const char *name, size_t stack, void (*fn)(void *), void *arg);
void thread_join(struct thread *t);             /* no effect when it was never started */
const char *thread_name(void);                  /* of the caller; "main" when not ours. Borrowed */
/* The calling thread's work can wait: it gets a tenth of what others get when they want the core or the disk. For good. */
void thread_background(void);
/* Nobody waits for the calling thread's answer, but others would wait were it to stop: a third of a core that is wanted, the disk like all. */
void thread_second(void);
unsigned thread_cores(void);                    /* CPUs this process may use, at least 1 */

void mutex_init(struct mutex *m);
void mutex_done(struct mutex *m);
struct mutex *mutex_lock(struct mutex *m);      /* returns m */
bool mutex_try(struct mutex *m);
void mutex_unlock(struct mutex *m);
static inline void mutex_unlockp_(struct mutex **m) { if (*m) mutex_unlock(*m); }
/* Holds m until the end of the block. */
#define mutex_hold(m) _cleanup_(mutex_unlockp_) __attribute__((unused)) struct mutex *held_ = mutex_lock(m)

void rwlock_init(struct rwlock *l);
void rwlock_done(struct rwlock *l);
void rwlock_read(struct rwlock *l);
void rwlock_write(struct rwlock *l);
void rwlock_unlock(struct rwlock *l);

void cond_init(struct cond *c);
void cond_done(struct cond *c);
void cond_wait(struct cond *c, struct mutex *m);
/* deadline_ns: clock_mono_ns() time; INT64_MAX never. False when it passed. */
bool cond_wait_until(struct cond *c, struct mutex *m, int64_t deadline_ns);
void cond_signal(struct cond *c);
void cond_broadcast(struct cond *c);

void once_run(struct once *o, void (*fn)(void));
