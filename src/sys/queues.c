/* queues.c - the bounded queue between threads. */
#include "sys/queues.h"

#include <assert.h>
#include <string.h>

#include "base/err.h"
#include "sys/heap.h"

/* A slot: this, then the item, in slots of one stride. */
struct queue_slot { uint64_t key; size_t bytes; uint8_t item[]; };

static struct { struct mutex lock; struct queue *first; } all = { .lock = MUTEX_INIT };

static size_t stride(const struct queue *q)
{
	return ALIGN_UP(sizeof(struct queue_slot) + q->config.item_size, _Alignof(struct queue_slot));
}

/* The i-th message from the head. */
static struct queue_slot *slot_at(const struct queue *q, uint32_t i)
{
	uint32_t place = (uint32_t) (((uint64_t) q->head + i) % q->config.max_items);

	return (struct queue_slot *) (q->slots + (size_t) place * stride(q));
}

static uint32_t place_of(const struct queue *q, const struct queue_slot *s)
{
	return (uint32_t) ((size_t) ((const uint8_t *) s - q->slots) / stride(q));
}

/* The index of QUEUE_CONFLATE: open addressing, linear probing, place + 1 in each cell; removal shifts the run back. */

static uint32_t home(const struct queue *q, uint64_t key)
{
	return (uint32_t) ((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & q->index_mask;
}

static struct queue_slot *slot_in(const struct queue *q, uint32_t cell)
{
	return (struct queue_slot *) (q->slots + (size_t) (q->index[cell] - 1) * stride(q));
}

static struct queue_slot *index_find(const struct queue *q, uint64_t key)
{
	for (uint32_t c = home(q, key); q->index[c]; c = (c + 1) & q->index_mask)
		if (slot_in(q, c)->key == key)
			return slot_in(q, c);
	return NULL;
}

static void index_add(struct queue *q, const struct queue_slot *s)
{
	uint32_t c = home(q, s->key);

	while (q->index[c])
		c = (c + 1) & q->index_mask;
	q->index[c] = place_of(q, s) + 1;
}

static void index_del(struct queue *q, const struct queue_slot *s)
{
	uint32_t hole = home(q, s->key);

	while (slot_in(q, hole) != s)
		hole = (hole + 1) & q->index_mask;
	for (uint32_t c = (hole + 1) & q->index_mask; q->index[c]; c = (c + 1) & q->index_mask) {
		uint32_t from = home(q, slot_in(q, c)->key);

		/* May the entry at c move into the hole without standing before its home? */
		if (((c - from) & q->index_mask) >= ((c - hole) & q->index_mask)) {
			q->index[hole] = q->index[c];
			hole = c;
		}
	}
	q->index[hole] = 0;
}

int queue_init(struct queue *q, const struct queue_config *config)
{
	assert(config->name && config->item_size && config->max_items && config->max_items < UINT32_MAX / 4);
	memset(q, 0, sizeof(*q));
	q->config = *config;
	q->slots = sys_alloc_array(config->max_items, stride(q));
	if (q->slots && config->policy == QUEUE_CONFLATE) {
		uint32_t cells = 16;

		while (cells < config->max_items * 2)
			cells *= 2;
		q->index = sys_alloc_array(cells, sizeof(*q->index));
		q->index_mask = cells - 1;
	}
	if (!q->slots || (config->policy == QUEUE_CONFLATE && !q->index)) {
		q->slots = sys_free(q->slots);
		return err_fail(ERR_NO_MEMORY, "what", config->name, NULL);
	}
	mutex_init(&q->mutex);
	cond_init(&q->not_empty);
	cond_init(&q->not_full);
	q->stats = (struct queue_stats) { .name = config->name, .policy = config->policy, .max_items = config->max_items,
		.max_bytes = config->max_bytes };

	mutex_hold(&all.lock);
	q->next = all.first;
	if (q->next)
		q->next->prev = q;
	all.first = q;
	return 0;
}

/* Removes the oldest; its item is then valid until the lock is given up. */
static struct queue_slot *pop(struct queue *q)
{
	struct queue_slot *s = slot_at(q, 0);

	if (q->index)
		index_del(q, s);
	q->stats.len--;
	q->stats.bytes -= s->bytes;
	/* An empty ring starts over, so that a queue that keeps up stays within its first page. */
	q->head = q->stats.len ? (q->head + 1) % q->config.max_items : 0;
	return s;
}

static void drop(struct queue *q, struct queue_slot *s, uint64_t *counter)
{
	(*counter)++;
	if (q->config.on_drop)
		q->config.on_drop(q->config.ctx, s->item);
}

void queue_done(struct queue *q)
{
	if (!q->slots)
		return;
	mutex_lock(&all.lock);
	if (q->prev)
		q->prev->next = q->next;
	else
		all.first = q->next;
	if (q->next)
		q->next->prev = q->prev;
	mutex_unlock(&all.lock);
	while (q->stats.len)
		drop(q, pop(q), &q->stats.dropped);
	cond_done(&q->not_empty);
	cond_done(&q->not_full);
	mutex_done(&q->mutex);
	q->slots = sys_free(q->slots);
	q->index = sys_free(q->index);
}

static bool has_room(const struct queue *q, size_t bytes)
{
	if (q->stats.len == q->config.max_items)
		return false;
	/* A message larger than the whole cap gets through an empty queue; else it could never be sent. */
	return !q->config.max_bytes || !q->stats.len ||
		(bytes <= q->config.max_bytes && q->stats.bytes <= q->config.max_bytes - bytes);
}

static void push(struct queue *q, const void *item, size_t bytes, uint64_t key)
{
	struct queue_slot *s = slot_at(q, q->stats.len);

	s->key = key;
	s->bytes = bytes;
	memcpy(s->item, item, q->config.item_size);
	if (q->index)
		index_add(q, s);
	q->stats.len++;
	q->stats.put++;
	q->stats.bytes += bytes;
	q->stats.peak = MAX(q->stats.peak, q->stats.bytes);
}

/* Puts the item where the waiting one with this key is. Its bytes may differ; a few above the cap do no harm. */
static bool conflate(struct queue *q, const void *item, size_t bytes, uint64_t key)
{
	struct queue_slot *s = q->index ? index_find(q, key) : NULL;

	if (!s)
		return false;
	drop(q, s, &q->stats.conflated);
	q->stats.bytes = q->stats.bytes - s->bytes + bytes;
	q->stats.peak = MAX(q->stats.peak, q->stats.bytes);
	q->stats.put++;
	s->bytes = bytes;
	memcpy(s->item, item, q->config.item_size);
	return true;
}

static int make_room(struct queue *q, size_t bytes, int64_t deadline_ns)
{
	bool waited = false, late = false;

	while (!q->closed && !has_room(q, bytes)) {
		if (q->config.policy == QUEUE_DROP_OLDEST || q->config.policy == QUEUE_CONFLATE) {
			drop(q, pop(q), &q->stats.dropped);
			continue;
		}
		if (q->config.policy == QUEUE_REFUSE || late || deadline_ns == 0) {
			q->stats.refused++;
			return -ERR_BUSY;
		}
		if (!waited)
			q->stats.waited++;
		waited = true;
		q->waiting_put++;
		late = !cond_wait_until(&q->not_full, &q->mutex, deadline_ns);
		q->waiting_put--;
	}
	return q->closed ? -ERR_STOPPING : 0;
}

int queue_put(struct queue *q, const void *item, size_t bytes, uint64_t key, int64_t deadline_ns)
{
	bool was_empty;
	int r;

	mutex_lock(&q->mutex);
	if (!q->closed && conflate(q, item, bytes, key)) {
		mutex_unlock(&q->mutex);
		return 0;
	}
	r = make_room(q, bytes, deadline_ns);
	if (r == 0) {
		was_empty = q->stats.len == 0;
		push(q, item, bytes, key);
		if (q->waiting_take)
			cond_signal(&q->not_empty);
	}
	mutex_unlock(&q->mutex);
	if (r == -ERR_BUSY)
		return err_fail(ERR_BUSY, "what", q->config.name, NULL);
	if (r < 0)
		return err_fail(ERR_STOPPING, "what", q->config.name, NULL);
	if (was_empty && q->config.on_ready)
		q->config.on_ready(q->config.ctx);
	return 0;
}

int queue_take_many(struct queue *q, void *ret_items, uint32_t max, int64_t deadline_ns)
{
	uint8_t *out = ret_items;
	uint32_t n = 0;

	mutex_lock(&q->mutex);
	for (bool late = deadline_ns == 0; !q->stats.len && !q->closed && !late;) {
		q->waiting_take++;
		late = !cond_wait_until(&q->not_empty, &q->mutex, deadline_ns);
		q->waiting_take--;
	}
	for (; n < max && q->stats.len; n++)
		memcpy(out + n * q->config.item_size, pop(q)->item, q->config.item_size);
	q->stats.taken += n;
	bool ended = !n && q->closed;
	/* Messages differ in bytes: with a byte cap one that left may make room for several, or for another than the first waiter. */
	if (n && q->waiting_put)
		cond_broadcast(&q->not_full);
	mutex_unlock(&q->mutex);
	return ended ? -ERR_STOPPING : (int) n;
}

int queue_take(struct queue *q, void *ret_item, int64_t deadline_ns) { return queue_take_many(q, ret_item, 1, deadline_ns); }

void queue_close(struct queue *q)
{
	mutex_hold(&q->mutex);
	q->closed = true;
	cond_broadcast(&q->not_empty);
	cond_broadcast(&q->not_full);
}

void queue_stats(struct queue *q, struct queue_stats *ret)
{
	mutex_hold(&q->mutex);
	*ret = q->stats;
}

void queue_list(void (*fn)(void *ctx, const struct queue_stats *stats), void *ctx)
{
	mutex_hold(&all.lock);
	for (struct queue *q = all.first; q; q = q->next) {
		struct queue_stats s;

		queue_stats(q, &s);
		fn(ctx, &s);
	}
}

const char *queue_policy_name(enum queue_policy policy)
{
	static const char *const words[] = { [QUEUE_WAIT] = "wait", [QUEUE_REFUSE] = "refuse",
		[QUEUE_DROP_OLDEST] = "drop oldest", [QUEUE_CONFLATE] = "conflate" };

	return words[policy];
}
