/*
 * keeper.c - the second thread: saves cursors, removes segments nobody needs, enforces keep_bytes, packs what lags.
 *
 * A segment goes when every cursor has passed it on disk, not only in memory: after a crash the readers come back to where their
 * saved cursors are. The newest segment stays always; it carries the numbers on.
 */
#include "wal/impl.h"

static bool is_needed(const struct wal *w, const struct segment *s)
{
	for (size_t i = 0; i < w->n_cursor; i++)
		if (w->cursor[i]->saved < s->last && w->cursor[i]->policy != WAL_VOLATILE)
			return true;
	return w->cursors_lost;
}

static bool must_stay(const struct wal *w, const struct segment *s)
{
	for (size_t i = 0; i < w->n_cursor; i++)
		if (w->cursor[i]->saved < s->last && w->cursor[i]->policy == WAL_BLOCK)
			return true;
	return false;
}

static uint64_t disk_bytes(const struct wal *w)
{
	uint64_t n = 0;

	for (size_t i = 0; i < w->n_seg; i++)
		n += w->seg[i]->disk_bytes;
	return n;
}

/* Takes the oldest off the list if it may go. Lock held. */
static bool take_oldest(struct wal *w, char path[PATH_MAX])
{
	struct segment *s = w->n_seg > 1 ? w->seg[0] : NULL;
	bool over = disk_bytes(w) > w->config.keep_bytes;

	w->over_limit = s && over && must_stay(w, s);
	if (!s || s->active || (is_needed(w, s) && (!over || must_stay(w, s))))
		return false;
	seg_path(w, s->no, s->packed, path);
	memmove(w->seg, w->seg + 1, --w->n_seg * sizeof w->seg[0]);
	sys_free(s);
	w->removing++;
	return true;
}

static void remove_old(struct wal *w)
{
	char path[PATH_MAX];

	for (;;) {
		mutex_lock(&w->lock);
		bool taken = take_oldest(w, path);
		mutex_unlock(&w->lock);
		if (!taken)
			return;
		sys.unlink(path);
		mutex_hold(&w->lock);
		w->removing--;
		cond_broadcast(&w->done);
	}
}

/* The first segment that has been lying for long enough, or when the next will have. Lock held. */
static struct segment *to_pack(struct wal *w, int64_t *ret_due)
{
	int64_t now = clock_mono_ns(), due = INT64_MAX;

	*ret_due = due;
	for (size_t i = 0; i < w->n_seg; i++) {
		struct segment *s = w->seg[i];
		if (s->active || s->packed || s->no_pack || s->last < s->first || !is_needed(w, s))
			continue;
		int64_t at = s->sealed_ns + w->config.pack_after_ms * NS_PER_MS;
		if (at <= now)
			return s;
		due = MIN(due, at);
	}
	*ret_due = due;
	return NULL;
}

/* Only this thread removes and packs, so the segment stays. */
static void pack_one(struct wal *w, struct segment *s)
{
	char path[PATH_MAX];
	uint64_t bytes = 0;
	int r = pack_segment(w, s, &bytes);

	if (r < 0)
		err_clear();
	mutex_lock(&w->lock);
	if (r > 0) {
		w->m.compressed_in += s->disk_bytes;
		w->m.compressed_out += bytes;
		s->packed = true;
		s->disk_bytes = bytes;
	} else {
		s->no_pack = true;              /* it is read as it is */
	}
	mutex_unlock(&w->lock);
	if (r > 0) {
		seg_path(w, s->no, false, path);
		sys.unlink(path);
	}
}

void keeper_kick(struct wal *w)
{
	w->kicked = true;
	cond_signal(&w->keep);
}

/* Waits until there is something to do; returns whether cursors are to be saved. */
static bool wait_for_work(struct wal *w, int64_t saved_ns, int64_t pack_due, bool *ret_last)
{
	mutex_hold(&w->lock);
	int64_t save_due = w->cursors_dirty ? saved_ns + w->config.cursor_ms * NS_PER_MS : INT64_MAX, due = MIN(save_due, pack_due);

	while (!w->kicked && clock_mono_ns() < due)
		cond_wait_until(&w->keep, &w->lock, due);
	w->kicked = false;
	*ret_last = w->stopping && w->writer_done;
	return w->cursors_dirty && (*ret_last || clock_mono_ns() >= save_due);
}

void keeper_main(void *arg)
{
	struct wal *w = arg;
	int64_t saved_ns = 0, pack_due = INT64_MAX;

	for (bool last = false; !last;) {
		if (wait_for_work(w, saved_ns, pack_due, &last)) {
			if (cursors_save(w) < 0)
				err_clear();            /* stays dirty: again a while later */
			saved_ns = clock_mono_ns();
		}
		remove_old(w);
		mutex_lock(&w->lock);
		struct segment *s = w->stopping ? NULL : to_pack(w, &pack_due);
		mutex_unlock(&w->lock);
		if (s) {
			pack_one(w, s);
			pack_due = 0;
		}
	}
	mutex_lock(&w->lock);
	w->keeper_done = true;
	cond_broadcast(&w->done);
	mutex_unlock(&w->lock);
}
