/*
 * work.h - a pool of threads for what may block: one request or job at a time each.
 *
 * Threads start when there is work for them and stay. The queue is bounded: a full pool refuses (-ERR_BUSY, 503 at the door). Each
 * worker may own something (a read connection to the store), made by the worker itself before its first piece of work.
 *
 * Thread: work_submit and work_cancel from any thread. on_done runs on the loop that was named, always and exactly once.
 * Memory: struct work is embedded by the caller, zeroed before its first use, and untouched by others after on_done began.
 */
#pragma once

#include <stdatomic.h>

#include "base/err.h"
#include "io/loop.h"

struct work_pool;

struct work {
	int (*run)(struct work *w, void *worker);       /* on a worker; its result becomes `result` */
	void (*on_done)(struct work *w);                /* on the loop */
	const char *name;
	int result;                                     /* -ERR_CANCELLED when it never ran */
	struct err failure;                             /* its sentence when result < 0; current again (err_put) in on_done */
	struct loop *loop;
	atomic_bool cancelled;
	struct work_pool *pool;
	struct work *next;
	struct post post;
	int64_t queued_ns, started_ns;
};

struct work_config {
	const char *name;                               /* "work": threads are work-0 … */
	unsigned threads;                               /* 0: max(4, cores) */
	uint32_t max_queued;                            /* 0: 1,024 */
	size_t stack;                                   /* 0: THREAD_STACK */
	/* What a worker owns; NULL: nothing. A worker whose start failed ends its piece of work with that failure and tries again. */
	int (*start)(void *ctx, unsigned index, void **ret_worker);
	void (*stop)(void *ctx, void *worker);
	void *ctx;
};

int work_pool_new(const struct work_config *config, struct work_pool **ret_pool);
/* Waits for the pieces under way; those that wait are cancelled, new ones are refused (-ERR_STOPPING). Their on_done run on their loops
 * when those run next. One thread; again does nothing. */
void work_pool_stop(struct work_pool *p);
/* Stopped first, if it is not. What is still to be said by on_done is said by the loops, which must still exist. */
struct work_pool *work_pool_free(struct work_pool *p);
DEFINE_CLEANUP(struct work_pool *, work_pool_free)

/* w->run, on_done set by the caller, everything else is ours. -ERR_BUSY: the queue is full; -ERR_STOPPING. Then on_done does not run. */
#define work_submit(p, loop, w, run_, on_done_) work_submit_named(p, loop, w, #run_, run_, on_done_)
int work_submit_named(struct work_pool *p, struct loop *l, struct work *w, const char *name,
	int (*run)(struct work *w, void *worker), void (*on_done)(struct work *w));
void work_cancel(struct work *w);               /* asks; run() looks by work_is_cancelled(); what has not begun never begins */
static inline bool work_is_cancelled(const struct work *w) { return atomic_load_explicit(&w->cancelled, memory_order_relaxed); }

struct work_stats {
	const char *name;
	unsigned threads, threads_max, busy;
	uint32_t queued, queued_peak, max_queued;
	uint64_t done, refused, cancelled;
	int64_t wait_ns, run_ns;                        /* sums over all done */
};
void work_stats(struct work_pool *p, struct work_stats *ret);
