/*
 * queues.h - the bounded queue between threads: many may put, many may take, messages are values copied in and out.
 *
 * Capacity is counted in messages and in bytes (each message says how many it stands for); what happens when it is full is the
 * queue's policy and is counted. Every queue is listed while it lives: `tenon doctor queues` shows them all.
 *
 *   struct queue q;
 *   queue_init(&q, &(struct queue_config) { .name = "wal.in", .item_size = sizeof(struct batch *), .max_items = 1024,
 *           .max_bytes = 64 << 20, .policy = QUEUE_WAIT, .on_drop = batch_dropped });
 *
 * Thread: any. Memory: the ring is allocated once by queue_init(); an idle queue touches its first page only.
 */
#pragma once

#include "base/base.h"
#include "sys/thread.h"

enum queue_policy {
	QUEUE_WAIT,             /* put waits for room until its deadline, then -ERR_BUSY */
	QUEUE_REFUSE,           /* put returns -ERR_BUSY at once */
	QUEUE_DROP_OLDEST,      /* the oldest messages give way */
	QUEUE_CONFLATE,         /* a message with the key of a waiting one takes its place; a new key drops the oldest when full */
};

struct queue_config {
	const char *name;                               /* "wal.in"; must outlive the queue */
	size_t item_size;
	uint32_t max_items;
	size_t max_bytes;                               /* 0 = no limit beside max_items */
	enum queue_policy policy;
	void (*on_drop)(void *ctx, void *item);         /* a message that nobody will take: dropped, conflated, left at done; may be NULL */
	void (*on_ready)(void *ctx);                    /* the queue was empty and is not now: wake a loop; may be NULL */
	void *ctx;
};

/* len and bytes are now; peak is the most bytes ever; all others count since init. */
struct queue_stats {
	const char *name;
	enum queue_policy policy;
	uint32_t len, max_items;
	size_t bytes, peak, max_bytes;
	uint64_t put, taken, dropped, conflated, refused, waited;
};

struct queue_slot;
struct queue {
	struct queue_config config;
	struct mutex mutex;
	struct cond not_empty, not_full;
	uint8_t *slots;
	uint32_t *index;                                /* CONFLATE: key hash → slot + 1 */
	uint32_t index_mask, head, waiting_put, waiting_take;
	bool closed;
	struct queue_stats stats;
	struct queue *prev, *next;                      /* the list of all queues */
};

int queue_init(struct queue *q, const struct queue_config *config);
void queue_done(struct queue *q);               /* what still waits is handed to on_drop; no thread may be inside */

/* bytes: what the message stands for (0 counts as nothing); a message larger than max_bytes is let in when the queue is empty.
 * key: for QUEUE_CONFLATE. deadline_ns: for QUEUE_WAIT, clock_mono_ns() time. -ERR_BUSY: full. -ERR_STOPPING: closed. On failure
 * the message remains the caller's. */
int queue_put(struct queue *q, const void *item, size_t bytes, uint64_t key, int64_t deadline_ns);
/* 1: *ret_item filled; 0: nothing until the deadline (0 = do not wait); -ERR_STOPPING: closed and empty. */
int queue_take(struct queue *q, void *ret_item, int64_t deadline_ns);
/* As above for up to max messages at once; returns how many. */
int queue_take_many(struct queue *q, void *ret_items, uint32_t max, int64_t deadline_ns);
void queue_close(struct queue *q);              /* puts are refused, takes get what is left */
void queue_stats(struct queue *q, struct queue_stats *ret);

/* Every queue alive, one after the other; fn must not make or end queues. */
void queue_list(void (*fn)(void *ctx, const struct queue_stats *stats), void *ctx);
const char *queue_policy_name(enum queue_policy policy);
