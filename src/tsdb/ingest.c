/* ingest.c - from the log into the head: one thread reads, shards take in, one thread flushes. With one shard the reading thread takes
 * in itself. */
#include "tsdb/tsdb_impl.h"

#include "base/err.h"

enum { QUEUE_ITEMS = 256, QUEUE_BYTES_MIN = 1 << 20, QUEUE_BYTES_MAX = 8 << 20, RETRY_MS = 2000, TAKE_AGAIN_MS = 50 };

/* To a shard: take in this batch; or freeze; or nothing more follows up to `seq`. */
enum what { TAKE, FREEZE, MARK };
struct message { enum what what; struct batch *b; struct list *together; uint64_t seq; };

static void wake(void *ctx)
{
	struct tsdb *t = ctx;
	mutex_hold(&t->mutex);

	t->ready = true;
	cond_broadcast(&t->cond);
}

uint64_t ingest_seq(struct tsdb *t)
{
	uint64_t seq = UINT64_MAX;

	for (unsigned i = 0; i < t->n_shards; i++)
		seq = MIN(seq, atomic_load(&t->shard[i].seq));
	return seq;
}

static bool is_stopping(struct tsdb *t)
{
	mutex_hold(&t->mutex);
	return t->stopping;
}

/* Waits a little, or until something changes. */
static void pause_ms(struct tsdb *t, int64_t ms)
{
	int64_t deadline = clock_deadline(ms);
	mutex_hold(&t->mutex);

	while (!t->stopping && cond_wait_until(&t->cond, &t->mutex, deadline))
		;
}

/* Out of memory does not lose a batch: it is taken in again, which is the same as once, when a flush has made room. */
static void take_in(struct tsdb *t, struct shard_thread *s, struct batch *b, struct list *together)
{
	struct tenant *te = tenant_find(t, b->tenant);
	struct head_counts c = { 0 };

	if (!te) {
		t->refused += s->number == 0 ? batch_n_samples(b) : 0;
	} else if (b->seq > te->covered) {
		while (head_take(t->head, s->number, te->names, b, together, &c) < 0 && !is_stopping(t)) {
			err_clear();
			c = (struct head_counts) { 0 };
			pause_ms(t, TAKE_AGAIN_MS);
		}
		t->taken += c.taken;
		t->replaced += c.replaced;
		t->refused += c.refused;
		t->ignored += c.ignored;
	}
}

static void mark(struct tsdb *t, struct shard_thread *s, uint64_t seq)
{
	atomic_store(&s->seq, seq);
	mutex_hold(&t->mutex);
	if (t->waiters)
		cond_broadcast(&t->cond);
}

static void freeze(struct tsdb *t, struct shard_thread *s)
{
	head_freeze(t->head, s->number);
	mutex_hold(&t->mutex);
	if (--t->to_freeze == 0)
		cond_broadcast(&t->cond);
}

static void handle(struct tsdb *t, struct shard_thread *s, const struct message *m)
{
	if (m->what == FREEZE) {
		freeze(t, s);
		return;
	}
	if (m->what == TAKE)
		take_in(t, s, m->b, m->together);
	mark(t, s, m->seq);
}

static void shard_main(void *arg)
{
	struct shard_thread *s = arg;
	struct message m;

	while (queue_take(&s->queue, &m, INT64_MAX) > 0) {
		handle(s->t, s, &m);
		batch_unref(m.b);
	}
}

static void dropped(void *ctx, void *item) { batch_unref(((struct message *) item)->b); }

/* To every shard; each picks out what is its own. */
static void hand_out(struct tsdb *t, enum what what, struct batch *b, uint64_t seq)
{
	struct tenant *te = b ? tenant_find(t, b->tenant) : NULL;
	struct list *together = te ? head_list_of(te->names, b) : NULL;

	for (unsigned i = 0; i < t->n_shards; i++) {
		struct message m = { .what = what, .b = b, .together = together, .seq = seq };

		if (t->n_shards == 1) {
			handle(t, &t->shard[i], &m);
			continue;
		}
		if (b)
			batch_ref(b);
		if (queue_put(&t->shard[i].queue, &m, b ? b->size : 0, 0, INT64_MAX) < 0) {
			err_clear();
			batch_unref(b);
		}
	}
}

/* --- The reading thread */

static bool flush_is_due(const struct tsdb *t, int64_t now)
{
	if (t->frozen)
		return false;
	if (t->flush_wanted > t->flush_done)
		return true;
	return t->oldest_ns && (now - t->oldest_ns >= t->config.flush_age_ms * NS_PER_MS || head_bytes(t->head) >= t->config.head_bytes / 2);
}

/* While a generation waits for its files the next one may fill the other half of the budget; then reading waits. */
static bool head_is_full(const struct tsdb *t) { return t->frozen && head_bytes(t->head) >= t->config.head_bytes; }

/* With the lock held: freezes when due. Returns whether the lock was let go. */
static bool begin_flush(struct tsdb *t)
{
	if (!flush_is_due(t, clock_mono_ns()))
		return false;
	t->frozen = true;
	t->frozen_seq = t->seq_read;
	t->flush_covers = t->flush_wanted;
	t->to_freeze = t->n_shards;
	t->oldest_ns = 0;
	mutex_unlock(&t->mutex);
	hand_out(t, FREEZE, NULL, 0);
	mutex_lock(&t->mutex);
	return true;
}

/* Until there may be something to do. With the lock held. False: stop. */
static bool wait_for_work(struct tsdb *t, bool nothing)
{
	while (!t->stopping) {
		if (begin_flush(t))
			continue;
		if (!head_is_full(t) && (!nothing || t->ready))
			break;
		int64_t until = INT64_MAX;
		if (t->oldest_ns && !t->frozen)
			until = t->oldest_ns + t->config.flush_age_ms * NS_PER_MS;
		cond_wait_until(&t->cond, &t->mutex, until);
	}
	t->ready = false;
	return !t->stopping;
}

static void read_batch(struct tsdb *t, struct batch *b)
{
	mutex_lock(&t->mutex);
	t->seq_read = b->seq;
	if (!t->oldest_ns)
		t->oldest_ns = clock_mono_ns();
	mutex_unlock(&t->mutex);
	hand_out(t, TAKE, b, b->seq);
	batch_unref(b);
}

/* Numbers are not dense: that nothing more follows up to one is known when the log, asked after it was given, has nothing. */
static void read_nothing(struct tsdb *t, uint64_t appended)
{
	if (appended <= t->seq_read)
		return;
	mutex_lock(&t->mutex);
	t->seq_read = appended;
	mutex_unlock(&t->mutex);
	hand_out(t, MARK, NULL, appended);
}

static void read_main(void *arg)
{
	struct tsdb *t = arg;
	bool nothing = false;

	for (;;) {
		uint64_t appended = wal_appended(t->wal);
		struct batch *b = NULL;
		struct wal_gap gap;

		mutex_lock(&t->mutex);
		bool go = wait_for_work(t, nothing);
		mutex_unlock(&t->mutex);
		if (!go)
			return;
		int r = wal_reader_next(t->reader, &b, &gap);
		nothing = r == WAL_NOTHING;
		if (r < 0) {
			err_clear();
			pause_ms(t, RETRY_MS);
		} else if (r == WAL_GAP) {
			t->lost += gap.last - gap.first + 1;
		} else if (r == WAL_BATCH) {
			read_batch(t, b);
		} else {
			read_nothing(t, appended);
		}
	}
}

/* --- The flushing thread */

static void flush_once(struct tsdb *t)
{
	int r = flush_frozen(t);
	uint64_t seq = t->frozen_seq;

	mutex_lock(&t->mutex);
	t->flush_error = r;
	t->attempts++;
	if (r < 0) {
		t->flush_failure = err_take(r);
		t->flush_failures++;
	} else {
		t->frozen = false;
		t->flush_done = t->flush_covers;
		t->flushes++;
		t->seq_files = seq;
	}
	cond_broadcast(&t->cond);
	mutex_unlock(&t->mutex);
	if (r == 0 && t->reader)
		wal_reader_commit(t->reader, seq);
	if (r == 0)
		compact_look(t);
}

/* Somebody who asks for a flush is not kept waiting. */
static void pause_after_failure(struct tsdb *t)
{
	int64_t deadline = clock_deadline(RETRY_MS);
	mutex_hold(&t->mutex);
	uint64_t wanted = t->flush_wanted;

	while (!t->stopping && t->flush_wanted == wanted && cond_wait_until(&t->cond, &t->mutex, deadline))
		;
}

static void flush_main(void *arg)
{
	struct tsdb *t = arg;

	thread_second();                /* an answer that takes 5 ms must not wait for whole days being written */
	for (;;) {
		mutex_lock(&t->mutex);
		while (!t->stopping && !(t->frozen && t->to_freeze == 0))
			cond_wait(&t->cond, &t->mutex);
		bool stop = t->stopping;
		mutex_unlock(&t->mutex);
		if (stop)
			return;
		flush_once(t);
		if (t->flush_error < 0)
			pause_after_failure(t);
	}
}

/* --- Starting and stopping */

int ingest_start(struct tsdb *t)
{
	const struct wal_reader_config rc = { .name = "tsdb", .policy = WAL_BLOCK, .from = WAL_FROM_OLDEST, .on_ready = wake, .ctx = t };
	const struct queue_config qc = { .name = "tsdb.shard", .item_size = sizeof(struct message), .max_items = QUEUE_ITEMS,
		.max_bytes = (size_t) CLAMP(t->config.head_bytes / 16, (uint64_t) QUEUE_BYTES_MIN, (uint64_t) QUEUE_BYTES_MAX), .policy = QUEUE_WAIT, .on_drop = dropped };
	int r = wal_reader_open(t->wal, &rc, &t->reader);

	for (unsigned i = 0; i < t->n_shards && t->n_shards > 1 && r == 0; i++) {
		struct shard_thread *s = &t->shard[i];

		r = queue_init(&s->queue, &qc);
		s->queue_made = r == 0;
		if (r == 0)
			r = thread_start(&s->thread, "tsdb.shard", shard_main, s);
	}
	if (r == 0)
		r = thread_start(&t->flush_thread, "tsdb.flush", flush_main, t);
	if (r == 0)
		r = thread_start(&t->read_thread, "tsdb.read", read_main, t);
	if (r < 0)
		ingest_stop(t);
	return r;
}

void ingest_stop(struct tsdb *t)
{
	mutex_lock(&t->mutex);
	t->stopping = true;
	cond_broadcast(&t->cond);
	mutex_unlock(&t->mutex);
	for (unsigned i = 0; i < t->n_shards; i++)
		if (t->shard[i].queue_made)
			queue_close(&t->shard[i].queue);
	thread_join(&t->read_thread);
	for (unsigned i = 0; i < t->n_shards; i++) {
		thread_join(&t->shard[i].thread);
		if (t->shard[i].queue_made)
			queue_done(&t->shard[i].queue);
		t->shard[i].queue_made = false;
	}
	thread_join(&t->flush_thread);
	t->reader = wal_reader_close(t->reader);
}
