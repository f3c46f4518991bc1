/*
 * writer.c - the log's thread: writes what was appended, decides when to sync, tells who waits.
 *
 * A waiting sender is held back for as long as a sync has taken lately (at most linger_ms), so that others may share its sync and
 * the disk is busy no more than half of the time on account of small batches; what arrives while a sync runs shares the next one.
 * Where nobody waits, records are written every linger_ms and synced when the oldest is idle_sync_ms old or a quarter of the queue
 * is not durable.
 *
 * A failed write or sync is never tried again on the same file: what the kernel has done with those pages nobody can say. The
 * segment is given up at its last sync, and all that is not durable is written to a new one; it is all still in memory.
 */
#include <errno.h>
#include <sys/uio.h>

#include "wal/impl.h"

/* Writing. */

/* All of it, repeating short writes. */
static int write_vectors(struct wal *w, struct iovec *v, int n, uint64_t at)
{
	while (n) {
		ssize_t put = sys.pwritev(w->fd, v, n, (off_t) at);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return sys_fail(put < 0 ? errno : EIO, "write", "the log");
		at += (uint64_t) put;
		for (; n && (size_t) put >= v->iov_len; n--)
			put -= (ssize_t) (v++)->iov_len;
		if (n) {
			v->iov_base = (char *) v->iov_base + put;
			v->iov_len -= (size_t) put;
		}
	}
	return 0;
}

/* How many of the next records go into one call and still fit into the segment; 0: begin another segment first. The ring's
 * entries behind the durable mark stay where they are, so no lock is needed. */
static unsigned gather(struct wal *w, uint64_t to, uint64_t *ret_bytes)
{
	uint64_t bytes = 0, room = w->config.segment_bytes - MIN(w->active->bytes, w->config.segment_bytes);
	unsigned n = 0;

	for (uint64_t seq = w->written + 1; seq <= to && n < WRITE_MAX; seq++) {
		struct batch *b = w->ring[seq % RING_SLOTS];
		bool fits = bytes + rec_bytes(b) <= room || (n == 0 && w->active->bytes == SEG_HEAD);
		if (!fits)
			break;
		rec_encode(b, w->heads[n]);
		w->iov[2 * n] = (struct iovec) { w->heads[n], REC_HEAD };
		w->iov[2 * n + 1] = (struct iovec) { b, b->size };
		bytes += rec_bytes(b);
		n++;
	}
	*ret_bytes = bytes;
	return n;
}

static int sync_active(struct wal *w)
{
	int r = w->active ? 0 : seg_create(w);

	if (r < 0)
		return r;
	int64_t begin = clock_mono_ns();
	if (sys.fdatasync(w->fd) < 0)
		return sys_fail(errno, "sync", "the log");
	int64_t took = clock_mono_ns() - begin;

	unsigned bucket = 0;
	while (bucket < WAL_SYNC_BUCKETS - 1 && took >= INT64_C(125000) << bucket)
		bucket++;
	mutex_hold(&w->lock);
	w->sync_ewma_ns += (took - w->sync_ewma_ns) / 8;
	w->m.syncs++;
	w->m.sync_ns += (uint64_t) took;
	w->m.sync_hist[bucket]++;
	w->durable = w->written;
	w->durable_bytes = w->written_bytes;
	w->active->durable_bytes = w->active->bytes;
	cond_broadcast(&w->room);
	return 0;
}

static int write_upto(struct wal *w, uint64_t to)
{
	int r = 0;

	while (w->written < to && r == 0) {
		uint64_t bytes;
		if (!w->active && (r = seg_create(w)) < 0)
			return r;
		unsigned n = gather(w, to, &bytes);
		if (n == 0) {                   /* full: its records are durable before the next one begins */
			r = sync_active(w);
			if (r == 0)
				r = seg_seal(w);
			continue;
		}
		r = write_vectors(w, w->iov, (int) (2 * n), w->active->bytes);
		if (r < 0)
			return r;
		mutex_hold(&w->lock);
		w->m.writes++;
		w->written += n;
		w->written_bytes += bytes;
		w->active->bytes += bytes;
		w->active->last = w->written;
	}
	return r;
}

/* Once on the segment there is, once on a new one. */
static int write_and_sync(struct wal *w, uint64_t to, bool sync)
{
	int r = 0;

	for (int attempt = 0; attempt < 2; attempt++) {
		r = write_upto(w, to);
		if (r == 0 && sync)
			r = sync_active(w);
		if (r == 0)
			return 0;
		seg_abandon(w);
		sync = true;
	}
	return r;
}

/* Telling. */

static void call_waits(struct wal *w, uint64_t upto, int result)
{
	while (w->waits && w->waits->seq_ <= upto) {
		struct wal_wait *wait = w->waits;
		w->waits = wait->next_;
		if (!w->waits)
			w->waits_end = &w->waits;
		mutex_unlock(&w->lock);
		wait->on_durable(wait->ctx, result);
		mutex_lock(&w->lock);
	}
}

static void stand_still(struct wal *w, int r)
{
	w->failure = err_take(r);
	w->failing = r;
	w->retry_ns = clock_mono_ns() + RETRY_MS * NS_PER_MS;
	call_waits(w, UINT64_MAX, r);
	cond_broadcast(&w->room);
}

/* So much is not durable that those who do not wait would soon be refused. */
static bool is_pressed(const struct wal *w)
{
	return w->appended_bytes - w->durable_bytes >= w->config.queue_bytes / 4 || w->appended - w->durable >= RING_SLOTS / 4;
}

/* When is the next thing to do, and is it a sync? */
static int64_t next_due(const struct wal *w, bool *ret_sync)
{
	uint64_t linger_ns = w->config.linger_ms * (uint64_t) NS_PER_MS;

	*ret_sync = true;
	if (w->failing)
		return w->stopping ? 0 : w->retry_ns;
	if (w->appended == w->durable)
		return INT64_MAX;
	if (w->stopping)
		return 0;
	if (w->waits) {
		if (w->appended_bytes - w->durable_bytes >= w->config.linger_bytes)
			return 0;
		return w->waits->since_ns_ + MIN((int64_t) linger_ns, w->sync_ewma_ns);
	}
	int64_t sync_due = w->unsynced_ns + w->config.idle_sync_ms * NS_PER_MS, write_due = INT64_MAX;
	if (is_pressed(w))
		return 0;
	if (w->appended > w->written)
		write_due = w->appended_bytes - w->written_bytes >= w->config.linger_bytes ? 0 : w->unwritten_ns + (int64_t) linger_ns;
	*ret_sync = sync_due <= write_due;
	return MIN(sync_due, write_due);
}

static void round_(struct wal *w, bool sync)
{
	uint64_t to = w->appended;
	int64_t now = clock_mono_ns();

	mutex_unlock(&w->lock);
	int r = write_and_sync(w, to, sync);
	mutex_lock(&w->lock);
	/* What came meanwhile came after `now`. */
	w->unwritten_ns = now;
	if (w->durable >= to)
		w->unsynced_ns = now;
	if (r < 0) {
		stand_still(w, r);
		return;
	}
	w->failing = 0;
	call_waits(w, w->durable, 0);
}

/* What is written lies in a segment that is ended; the next one is there, for the newest always stays. */
static void turn_over(struct wal *w)
{
	bool any = !w->active || w->active->bytes > SEG_HEAD;
	int r = 0;

	mutex_unlock(&w->lock);
	if (any && w->active)
		r = sync_active(w);
	if (any && r == 0)
		r = seg_seal(w);
	if (any && r == 0)
		r = seg_create(w);
	if (r < 0) {
		seg_abandon(w);
		err_clear();            /* who waits for it tries again, and is told in time */
	}
	mutex_lock(&w->lock);
	w->turn = false;
	cond_broadcast(&w->done);
}

void writer_main(void *arg)
{
	struct wal *w = arg;
	bool sync, last_try = false;

	mutex_lock(&w->lock);
	for (;;) {
		if (w->stopping && (w->appended == w->durable || (w->failing && last_try)))
			break;
		if (w->turn && !w->stopping && !w->failing) {
			turn_over(w);
			continue;
		}
		int64_t due = next_due(w, &sync);
		if (clock_mono_ns() < due) {
			cond_wait_until(&w->work, &w->lock, due);
			continue;
		}
		last_try = w->stopping;
		round_(w, sync);
	}
	call_waits(w, UINT64_MAX, -ERR_STOPPING);
	mutex_unlock(&w->lock);
	seg_seal(w);
	mutex_lock(&w->lock);
	w->writer_done = true;
	cond_broadcast(&w->room);
	cond_broadcast(&w->done);
	keeper_kick(w);
	mutex_unlock(&w->lock);
}
