/*
 * loop.h - one thread that waits: timers, descriptors, signals, calls from other threads.
 *
 * A callback takes less than 1 ms; longer ones are counted and the worst is named (the macros hand the function's name on). There
 * may be several loops, one a thread; nothing is shared between them.
 *
 *   struct loop *l;
 *   loop_new("main", &l);
 *   timer_start(l, &t->timer, 500, on_timeout, t);
 *   loop_run(l);                    until loop_stop()
 *
 * Thread: everything here belongs to the loop's thread, except loop_post, loop_send and loop_stop, which any thread may call.
 * Memory: timers and posts are embedded by the caller and need none; watches are the loop's.
 */
#pragma once

#include <stdatomic.h>

#include "base/base.h"

struct loop;

/* name: for statistics and the thread's own use; must outlive the loop. */
int loop_new(const char *name, struct loop **ret_loop);
struct loop *loop_free(struct loop *l);         /* after loop_run() returned; posts not yet run are dropped, watches closed */
DEFINE_CLEANUP(struct loop *, loop_free)
int loop_run(struct loop *l);                   /* on the thread that owns it from now on; until loop_stop() */
void loop_stop(struct loop *l);                 /* any thread; the callbacks under way finish first */
int64_t loop_now_ns(struct loop *l);            /* monotonic time when this callback began: cheap */
const char *loop_name(const struct loop *l);

/* One round: waits at most `max_ms` for something to do. For tests. */
int loop_step(struct loop *l, int64_t max_ms);

/* Calls from other threads. */
enum { LOOP_POSTS_MAX = 4096 };
/* Runs fn(arg) on the loop's thread, in the order of posting. -ERR_BUSY when LOOP_POSTS_MAX of them wait. */
#define loop_post(l, fn, arg) loop_post_named(l, #fn, fn, arg)
int loop_post_named(struct loop *l, const char *name, void (*fn)(void *arg), void *arg);
/* The same with memory of the caller's own, so that it cannot fail: *p stays untouched until fn runs. Sending a post that still waits
 * is a mistake, except by loop_wake(), which then does nothing (many events, one call). */
struct post { struct post *next; const char *name; void (*fn)(void *arg); void *arg; atomic_bool waiting; };
#define loop_send(l, p, fn, arg) loop_send_named(l, p, #fn, fn, arg)
void loop_send_named(struct loop *l, struct post *p, const char *name, void (*fn)(void *arg), void *arg);
#define loop_wake(l, p, fn, arg) loop_wake_named(l, p, #fn, fn, arg)
void loop_wake_named(struct loop *l, struct post *p, const char *name, void (*fn)(void *arg), void *arg);

/* Timers. A zeroed struct is a stopped timer; stopping is immediate and needs no callback; starting again replaces. */
struct timer {
	int64_t at_ns;
	const char *name;
	void (*fn)(void *arg);
	void *arg;
	struct timer *child, *next, *prev;      /* pairing heap */
	struct loop *loop;                      /* while it runs */
};
#define timer_start(l, t, ms, fn, arg) timer_start_named(l, t, ms, #fn, fn, arg)
void timer_start_named(struct loop *l, struct timer *t, int64_t ms, const char *name, void (*fn)(void *arg), void *arg);
#define timer_start_at(l, t, mono_ns, fn, arg) timer_start_at_named(l, t, mono_ns, #fn, fn, arg)
void timer_start_at_named(struct loop *l, struct timer *t, int64_t mono_ns, const char *name, void (*fn)(void *arg), void *arg);
void timer_stop(struct timer *t);
static inline bool timer_is_running(const struct timer *t) { return t->loop != NULL; }

/* Descriptors. GONE: hang-up or error, also told as IN so that a read finds out why. */
enum { WATCH_IN = 1, WATCH_OUT = 2, WATCH_GONE = 4 };
struct watch;
struct watch_call { const char *name; void (*fn)(void *arg, unsigned events); void *arg; };
#define loop_watch(l, fd, events, fn, arg, ret) loop_watch_named(l, fd, events, &(struct watch_call) { #fn, fn, arg }, ret)
int loop_watch_named(struct loop *l, int fd, unsigned events, const struct watch_call *call, struct watch **ret_watch);
int watch_set(struct watch *w, unsigned events);        /* 0: stays silent */
struct watch *watch_free(struct watch *w);              /* before the descriptor is closed; fn is not called any more */

/* Signals, on any loop of a thread that does not block them (in practice: main). fn NULL: back to the default. */
int loop_on_signal(struct loop *l, int signum, void (*fn)(void *arg, int signum), void *arg);

/* How it does. Times are wall time of callbacks. */
struct loop_stats {
	const char *name;
	uint64_t callbacks, slow;               /* slow: took longer than 1 ms */
	int64_t busy_ns, worst_ns;
	const char *worst;                      /* the name of the longest callback ever */
	const char *last_slow;                  /* and of the last slow one */
	uint32_t timers, watches, posts_peak;
	uint64_t posts_refused;
};
void loop_stats(struct loop *l, struct loop_stats *ret);
/* Called after a slow callback (for the log). */
void loop_on_slow(struct loop *l, void (*fn)(void *arg, const char *name, int64_t ns), void *arg);

/* For other parts of io and for modules that call back on behalf of somebody: names and times what runs between. */
struct loop_span { struct loop *l; const char *name; int64_t began_ns, outer_ns; };
struct loop_span loop_enter(struct loop *l, const char *name);
void loop_leave(const struct loop_span *span);
