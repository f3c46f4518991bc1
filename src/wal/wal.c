/* wal.c - the log opened, started and stopped; appending; figures. */
#include "wal/wal.h"

#include "base/str.h"
#include "base/num.h"
#include "wal/impl.h"

static void config_fill(struct wal_config *c)
{
	uint64_t free_bytes, total = 0;

	c->segment_bytes = c->segment_bytes ? MAX(c->segment_bytes, UINT64_C(4096)) : UINT64_C(64) << 20;
	if (!c->keep_bytes && dir_free(c->dir, &free_bytes, &total) < 0)
		err_clear();
	c->keep_bytes = c->keep_bytes ? c->keep_bytes : total / 10;
	c->keep_bytes = MAX(c->keep_bytes, 2 * c->segment_bytes);
	c->ring_bytes = c->ring_bytes ? c->ring_bytes : UINT64_C(32) << 20;
	c->queue_bytes = c->queue_bytes ? c->queue_bytes : UINT64_C(16) << 20;
	c->linger_ms = c->linger_ms ? c->linger_ms : 10;
	c->linger_bytes = c->linger_bytes ? c->linger_bytes : 1 << 20;
	c->idle_sync_ms = c->idle_sync_ms ? c->idle_sync_ms : 1000;
	c->cursor_ms = c->cursor_ms ? c->cursor_ms : 1000;
	c->pack_after_ms = c->pack_after_ms ? c->pack_after_ms : 15 * 60 * 1000;
}

static struct wal *wal_free(struct wal *w)
{
	if (!w)
		return NULL;
	for (uint64_t seq = w->tail; w->ring && seq <= w->appended; seq++)
		batch_unref(w->ring[seq % RING_SLOTS]);
	for (size_t i = 0; i < w->n_seg; i++)
		sys_free(w->seg[i]);
	for (size_t i = 0; i < w->n_cursor; i++)
		sys_free(w->cursor[i]);
	if (w->fd >= 0)
		sys.close(w->fd);
	cond_done(&w->work);
	cond_done(&w->room);
	cond_done(&w->keep);
	cond_done(&w->done);
	mutex_done(&w->lock);
	mutex_done(&w->save_lock);
	sys_free(w->seg);
	sys_free(w->cursor);
	sys_free(w->ring);
	sys_free(w->heads);
	sys_free(w->iov);
	sys_free((char *) (uintptr_t) w->config.dir);
	return sys_free(w);
}
DEFINE_CLEANUP(struct wal *, wal_free)

static int load(struct wal *w)
{
	int r = dir_make(w->config.dir, 0700);

	if (r < 0)
		return r;
	config_fill(&w->config);
	r = cursors_load(w);
	if (r < 0)
		return r;
	return seg_scan_dir(w, w->run_first);
}

int wal_open(const struct wal_config *config, struct wal **ret)
{
	_cleanup_(wal_freep) struct wal *w = sys_new(struct wal);

	if (!w)
		return err_fail(ERR_NO_MEMORY, "what", "the log", NULL);
	mutex_init(&w->lock);
	mutex_init(&w->save_lock);
	cond_init(&w->work);
	cond_init(&w->room);
	cond_init(&w->keep);
	cond_init(&w->done);
	w->config = *config;
	w->config.dir = sys_strdup(config->dir);
	w->fd = -1;
	w->tail = 1;
	w->waits_end = &w->waits;
	w->ring = sys_alloc_array(RING_SLOTS, sizeof w->ring[0]);
	w->heads = sys_alloc_array(WRITE_MAX, sizeof w->heads[0]);
	w->iov = sys_alloc_array(2 * WRITE_MAX, sizeof w->iov[0]);
	if (!w->config.dir || !w->ring || !w->heads || !w->iov)
		return err_fail(ERR_NO_MEMORY, "what", "the log", NULL);
	int r = load(w);
	if (r < 0)
		return err_wrap(r, "log %s", w->config.dir);
	*ret = take(w);
	return 0;
}

int wal_start(struct wal *w)
{
	int r = thread_start(&w->writer_thread, "wal", writer_main, w);

	if (r == 0)
		r = thread_start(&w->keeper_thread, "wal-keep", keeper_main, w);
	if (r == 0) {
		w->started = true;
		return 0;
	}
	mutex_lock(&w->lock);
	w->stopping = true;
	cond_signal(&w->work);
	mutex_unlock(&w->lock);
	thread_join(&w->writer_thread);
	return r;
}

static int wait_threads(struct wal *w, int64_t deadline_ns)
{
	mutex_hold(&w->lock);

	w->stopping = true;
	cond_broadcast(&w->work);
	cond_broadcast(&w->room);
	while (!w->writer_done || !w->keeper_done)
		if (!cond_wait_until(&w->done, &w->lock, deadline_ns) && (!w->writer_done || !w->keeper_done))
			return err_failf(ERR_TIMEOUT, "the log is still writing");
	return 0;
}

int wal_stop(struct wal *w, int64_t deadline_ns)
{
	if (!w->started)
		return 0;
	int r = wait_threads(w, deadline_ns);
	if (r < 0)
		return r;
	thread_join(&w->writer_thread);
	thread_join(&w->keeper_thread);
	w->started = false;
	return 0;
}

struct wal *wal_close(struct wal *w)
{
	if (!w)
		return NULL;
	wal_stop(w, INT64_MAX);
	return wal_free(w);
}

/* Appending. */

/* Room in the ring: what every fast reader has had may go from memory. */
static void evict(struct wal *w, uint64_t bytes)
{
	while (w->tail <= w->durable && w->tail <= w->appended &&
	       (w->ring_bytes + bytes > w->config.ring_bytes || w->appended - w->tail + 1 >= RING_SLOTS)) {
		struct batch *b = w->ring[w->tail++ % RING_SLOTS];
		w->ring_bytes -= rec_bytes(b);
		batch_unref(b);
	}
}

static int may_append(struct wal *w, uint64_t bytes)
{
	if (w->stopping)
		return err_fail(ERR_STOPPING, NULL, NULL);
	if (w->failing) {
		w->m.refused_full++;
		err_put(&w->failure);
		return w->failing;
	}
	if (w->over_limit) {
		w->m.refused_full++;
		return err_fail(ERR_FULL, "what", "@log", "detail", "a reader is too far behind", NULL);
	}
	uint64_t queued = w->appended_bytes - w->durable_bytes;
	if ((queued && queued + bytes > w->config.queue_bytes) || w->appended - w->durable >= RING_SLOTS - 1) {
		w->m.refused_busy++;
		return err_fail(ERR_BUSY, "what", "@log", NULL);
	}
	return 0;
}

/* Does the writer have to look up from what it waits for? */
static bool is_news(const struct wal *w, uint64_t bytes, bool waits)
{
	uint64_t unwritten = w->appended_bytes - w->written_bytes, linger = w->config.linger_bytes;
	uint64_t queued = w->appended_bytes - w->durable_bytes, press = w->config.queue_bytes / 4;

	return w->appended == w->written || (waits && !w->waits) || (unwritten < linger && unwritten + bytes >= linger) ||
		(queued < press && queued + bytes >= press);
}

/* Lock held. */
static void append(struct wal *w, struct batch *b, struct wal_wait *wait)
{
	uint64_t bytes = rec_bytes(b);
	int64_t now = clock_mono_ns();
	bool news = is_news(w, bytes, wait != NULL);

	evict(w, bytes);
	if (w->appended == w->written)
		w->unwritten_ns = now;
	if (w->appended == w->durable)
		w->unsynced_ns = now;
	b->seq = ++w->appended;
	w->ring[b->seq % RING_SLOTS] = batch_ref(b);
	w->ring_bytes += bytes;
	w->appended_bytes += bytes;
	w->m.batches++;
	w->m.samples += batch_n_samples(b);
	w->m.queue_max = MAX(w->m.queue_max, w->appended_bytes - w->durable_bytes);
	if (wait) {
		wait->seq_ = b->seq;
		wait->since_ns_ = now;
		wait->next_ = NULL;
		*w->waits_end = wait;
		w->waits_end = &wait->next_;
	}
	if (news)
		cond_signal(&w->work);
}

int wal_append(struct wal *w, struct batch *b, struct wal_wait *wait)
{
	mutex_lock(&w->lock);
	int r = may_append(w, rec_bytes(b));
	if (r == 0)
		append(w, b, wait);
	bool ready = r == 0 && w->n_idle;
	mutex_unlock(&w->lock);
	if (ready)
		readers_ready(w);
	return r;
}

struct sync_wait { struct wal_wait wait; struct wal *w; bool done; int result; };

static void on_sync(void *ctx, int result)
{
	struct sync_wait *s = ctx;
	mutex_hold(&s->w->lock);

	s->done = true;
	s->result = result;
	cond_broadcast(&s->w->room);
}

/* Takes the wait back, unless it is being called already. Lock held. */
static bool forget_wait(struct wal *w, struct wal_wait *wait)
{
	for (struct wal_wait **at = &w->waits; *at; at = &(*at)->next_)
		if (*at == wait) {
			*at = wait->next_;
			if (!wait->next_)
				w->waits_end = at;
			return true;
		}
	return false;
}

int wal_append_sync(struct wal *w, struct batch *b, int64_t deadline_ns)
{
	struct sync_wait s = { .wait = { .on_durable = on_sync, .ctx = &s }, .w = w };
	int r;

	mutex_lock(&w->lock);
	while ((r = may_append(w, rec_bytes(b))) == -ERR_BUSY && cond_wait_until(&w->room, &w->lock, deadline_ns))
		err_clear();
	if (r == 0)
		append(w, b, &s.wait);
	mutex_unlock(&w->lock);
	if (r < 0)
		return r;
	readers_ready(w);

	mutex_hold(&w->lock);
	while (!s.done)
		if (!cond_wait_until(&w->room, &w->lock, deadline_ns) && !s.done && forget_wait(w, &s.wait))
			return err_failf(ERR_TIMEOUT, "not durable in time");
	if (s.result == 0)
		return 0;
	if (w->failing == s.result) {
		err_put(&w->failure);
		return s.result;
	}
	return err_fail((enum err_kind) -s.result, NULL, NULL);
}

/* Lock held: is anything up to there in a segment, or about to be? */
static bool holds(const struct wal *w, uint64_t seq)
{
	if (w->removing || w->durable < MIN(seq, w->appended))
		return true;
	for (size_t i = 0; i < w->n_seg; i++)
		if (w->seg[i]->last >= w->seg[i]->first && w->seg[i]->first <= seq)
			return true;
	return false;
}

static int not_passed(const struct wal *w, uint64_t seq, int64_t since_ns)
{
	const char *who = "log";
	char ms[NUM_TEXT_MAX];

	for (size_t i = 0; i < w->n_cursor; i++)
		if (w->cursor[i]->policy != WAL_VOLATILE && w->cursor[i]->saved < seq)
			who = w->cursor[i]->name;
	num_format_i64(ms, (clock_mono_ns() - since_ns) / NS_PER_MS);
	return err_fail(ERR_TIMEOUT, "what", who, "ms", ms, NULL);
}

int wal_forget(struct wal *w, uint64_t seq, int64_t deadline_ns)
{
	enum { LOOK_MS = 100 };
	const int64_t begin = clock_mono_ns();
	mutex_hold(&w->lock);

	while (holds(w, seq)) {
		if (w->stopping || !w->started)
			return err_fail(ERR_STOPPING, NULL, NULL);
		if (clock_mono_ns() >= deadline_ns)
			return not_passed(w, seq, begin);
		/* The newest always stays: so it must be one without any of it. */
		const struct segment *last = w->n_seg ? w->seg[w->n_seg - 1] : NULL;
		if (last && last->last >= last->first && last->first <= seq && w->durable >= MIN(seq, w->appended)) {
			w->turn = true;
			cond_signal(&w->work);
		}
		keeper_kick(w);
		cond_wait_until(&w->done, &w->lock, MIN(deadline_ns, clock_deadline(LOOK_MS)));
	}
	return 0;
}

uint64_t wal_appended(struct wal *w)
{
	mutex_hold(&w->lock);
	return w->appended;
}

uint64_t wal_durable(struct wal *w)
{
	mutex_hold(&w->lock);
	return w->durable;
}

void wal_metrics(struct wal *w, struct wal_metrics *ret)
{
	mutex_hold(&w->lock);

	*ret = w->m;
	ret->appended = w->appended;
	ret->durable = w->durable;
	ret->bytes = w->appended_bytes;
	ret->queue_bytes = w->appended_bytes - w->durable_bytes;
	ret->ring_bytes = w->ring_bytes;
	ret->segments = w->n_seg;
	for (size_t i = 0; i < w->n_seg; i++)
		ret->disk_bytes += w->seg[i]->disk_bytes;
	ret->failing = w->failing ? w->failing : w->over_limit ? -ERR_FULL : 0;
}
