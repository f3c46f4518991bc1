/*
 * reader.c - a cursor over the log: from the ring while it keeps up, from segments when it does not.
 *
 * Where the next batch is, is decided anew each time under the lock; a file once open is read on from where it stopped. Numbers are
 * dense within a run and each segment says which number came before it, so whatever is missing is noticed and told as a gap,
 * whether it was skipped by policy or damaged on disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <zstd.h>

#include "base/str.h"
#include "wal/impl.h"

enum { READ_AIM = 256 << 10, MOVED = 100 };     /* MOVED: this segment is done, look where to go on */

struct wal_reader {
	struct wal *w;
	struct cursor *cursor;
	void (*on_ready)(void *ctx);
	void *ctx;
	uint64_t pos;                           /* handed out or passed over up to here; written under the lock */
	bool idle;                              /* NOTHING was said */
	unsigned calls;                         /* on_ready in progress */
	uint64_t *want;
	size_t n_want;

	/* The file it reads, by number; 0: none. */
	uint64_t file_no;
	int fd;
	bool packed;
	uint64_t at, end;                       /* next byte of the file to read; where records or packs end (packed: fixed) */
	uint8_t *buf, *zbuf;
	size_t buf_room, buf_len, buf_at, zbuf_room;
	ZSTD_DCtx *zstd;

	uint64_t n_memory, n_disk, n_gaps, n_lost;
};

/* What was seen of a segment under the lock. */
struct view { uint64_t no, first, last, bytes; bool packed; };

static void file_close(struct wal_reader *r)
{
	if (r->fd >= 0)
		sys.close(r->fd);
	r->fd = -1;
	r->file_no = 0;
	r->buf_len = r->buf_at = 0;
}

/* Opening and closing. */

static bool is_name(const char *name)
{
	size_t n = str_len(name);

	return n > 0 && n < 64 && name[0] != '.' && name[0] != '-' && name[0] != '_' && str_matches(name, "[a-z0-9_.-]+");
}

/* A cursor of this name, made where there was none. Lock held. */
static int cursor_take(struct wal *w, const struct wal_reader_config *config, struct cursor **ret, bool *ret_new)
{
	struct cursor *c = cursor_find(w, config->name);

	*ret_new = c == NULL;
	if (c && c->reader)
		return err_fail(ERR_IN_USE, "what", "reader of the log", "value", config->name, "count", "1", "by", "reader", NULL);
	if (!c) {
		int r = cursor_add(w, config->name, &c);
		if (r < 0)
			return r;
		bool oldest = config->policy != WAL_VOLATILE && (config->from == WAL_FROM_OLDEST || w->cursors_lost);
		c->want = !oldest ? w->appended : w->n_seg ? w->seg[0]->prev : w->tail > w->run_first ? w->tail - 1 : w->run_prev;
	}
	w->cursors_dirty = w->cursors_dirty || *ret_new || c->policy != config->policy;
	c->policy = config->policy;
	*ret = c;
	return 0;
}

int wal_reader_open(struct wal *w, const struct wal_reader_config *config, struct wal_reader **ret)
{
	struct wal_reader *r;
	bool is_new;

	if (!is_name(config->name))
		return err_fail(ERR_PATTERN, "field", "name", "pattern", "[a-z0-9][a-z0-9_.-]{0,62}", "value", config->name, NULL);
	r = sys_new(struct wal_reader);
	if (!r)
		return err_fail(ERR_NO_MEMORY, "what", "the log", NULL);
	*r = (struct wal_reader) { .w = w, .fd = -1, .on_ready = config->on_ready, .ctx = config->ctx };
	mutex_lock(&w->lock);
	int err = cursor_take(w, config, &r->cursor, &is_new);
	if (err == 0) {
		r->cursor->reader = r;
		r->pos = is_new ? r->cursor->want : cursor_seq(w, r->cursor);
	}
	mutex_unlock(&w->lock);
	if (err < 0) {
		sys_free(r);
		return err;
	}
	/* From now on it holds what it has not had, also after a crash. */
	err = is_new && config->policy != WAL_VOLATILE ? cursors_save(w) : 0;
	if (err < 0) {
		wal_reader_close(r);
		wal_reader_forget(w, config->name);
		return err;
	}
	*ret = r;
	return 0;
}

struct wal_reader *wal_reader_close(struct wal_reader *r)
{
	if (!r)
		return NULL;
	struct wal *w = r->w;
	mutex_hold(&w->save_lock);
	mutex_lock(&w->lock);
	w->n_idle -= r->idle;
	r->idle = false;
	r->cursor->reader = NULL;
	while (r->calls)
		cond_wait(&w->done, &w->lock);
	if (r->cursor->policy == WAL_VOLATILE) {
		cursor_drop(w, r->cursor);
		r->cursor = NULL;
	}
	mutex_unlock(&w->lock);
	file_close(r);
	ZSTD_freeDCtx(r->zstd);
	sys_free(r->want);
	sys_free(r->buf);
	sys_free(r->zbuf);
	return sys_free(r);
}

int wal_reader_forget(struct wal *w, const char *name)
{
	mutex_hold(&w->save_lock);
	mutex_lock(&w->lock);
	struct cursor *c = cursor_find(w, name);
	bool open = c && c->reader;
	if (c && !open) {
		cursor_drop(w, c);
		w->cursors_dirty = true;
		keeper_kick(w);
	}
	mutex_unlock(&w->lock);
	if (!c)
		return err_fail(ERR_MISSING, "what", "reader of the log", "value", name, NULL);
	if (open)
		return err_fail(ERR_IN_USE, "what", "reader of the log", "value", name, "count", "1", "by", "reader", NULL);
	return 0;
}

int wal_reader_want(struct wal_reader *r, const uint64_t *series, size_t n)
{
	uint64_t *copy = NULL;

	if (n && !(copy = sys_alloc_array(n, sizeof *copy)))
		return err_fail(ERR_NO_MEMORY, "what", "the log", NULL);
	if (n)
		memcpy(copy, series, n * sizeof *copy);
	sys_free(r->want);
	r->want = copy;
	r->n_want = n;
	return 0;
}

/* Waking. */

static struct wal_reader *next_idle(struct wal *w)
{
	for (size_t i = 0; i < w->n_cursor && w->n_idle; i++) {
		struct wal_reader *r = w->cursor[i]->reader;
		if (r && r->idle && r->pos < w->appended)
			return r;
	}
	return NULL;
}

void readers_ready(struct wal *w)
{
	struct wal_reader *r;

	mutex_lock(&w->lock);
	while ((r = next_idle(w))) {
		r->idle = false;
		w->n_idle--;
		if (!r->on_ready)
			continue;
		r->calls++;
		mutex_unlock(&w->lock);
		r->on_ready(r->ctx);
		mutex_lock(&w->lock);
		if (--r->calls == 0)
			cond_broadcast(&w->done);
	}
	mutex_unlock(&w->lock);
}

/* The file. */

/* Is any wanted series in this packed segment? When that cannot be known: yes. */
static int is_wanted(struct wal_reader *r, const struct seg_head *h, bool *ret)
{
	_cleanup_free_ uint64_t *list = NULL;
	size_t n, i = 0, j = 0;
	int err = pack_series(r->fd, h, &list, &n);

	if (err < 0)
		return err;
	*ret = n == 0;
	while (!*ret && i < n && j < r->n_want) {
		*ret = list[i] == r->want[j];
		list[i] < r->want[j] ? i++ : j++;
	}
	return 0;
}

static int file_open_view(struct wal_reader *r, const struct view *v)
{
	char path[PATH_MAX];
	struct seg_head h = { 0 };
	bool wanted = true;

	file_close(r);
	seg_path(r->w, v->no, v->packed, path);
	int err = file_open(path, O_RDONLY, 0, &r->fd);
	if (err < 0)
		return err;
	r->packed = v->packed;
	r->at = SEG_HEAD;
	if (v->packed) {
		err = pack_head_read(r->fd, &h);
		if (err == 0 && r->n_want)
			err = is_wanted(r, &h, &wanted);
		r->end = h.series_at;
	}
	if (err < 0) {
		file_close(r);
		return err;
	}
	r->file_no = v->no;
	return wanted ? 0 : MOVED;
}

static int buf_room(uint8_t **buf, size_t *room, size_t want)
{
	if (want <= *room)
		return 0;
	uint8_t *p = sys_resize(*buf, want);
	if (!p)
		return err_fail(ERR_NO_MEMORY, "what", "the log", NULL);
	*buf = p;
	*room = want;
	return 0;
}

/* More of a plain file behind what is left in the buffer. 1: got some, 0: there is no more. */
static int fill_plain(struct wal_reader *r, uint64_t end)
{
	if (r->buf_at) {
		memmove(r->buf, r->buf + r->buf_at, r->buf_len - r->buf_at);
		r->buf_len -= r->buf_at;
		r->buf_at = 0;
	}
	int err = buf_room(&r->buf, &r->buf_room, r->buf_len < READ_AIM ? READ_AIM : 2 * REC_MAX);
	if (err < 0)
		return err;
	size_t want = (size_t) MIN((uint64_t) (r->buf_room - r->buf_len), end - MIN(end, r->at));
	if (want == 0)
		return 0;
	ssize_t got = sys.pread(r->fd, r->buf + r->buf_len, want, (off_t) r->at);
	if (got < 0)
		return sys_fail(errno, "read", "a segment of the log");
	r->buf_len += (size_t) got;
	r->at += (uint64_t) got;
	return got > 0;
}

/* The head of the next pack that may hold something new; 0: no more. */
static int next_pack(struct wal_reader *r, struct pack_head *ret)
{
	uint8_t head[PACK_HEAD];

	while (r->at + PACK_HEAD <= r->end) {
		int err = file_pread_all(r->fd, head, sizeof head, (int64_t) r->at);
		if (err == -ERR_CORRUPT) {
			err_clear();
			return 0;
		}
		if (err < 0)
			return err;
		if (!pack_head_decode(head, ret) || ret->packed_len > r->end - r->at - PACK_HEAD) {
			r->at += 32;
			continue;
		}
		if (ret->last > r->pos)
			return 1;
		r->at += ALIGN_UP(PACK_HEAD + (uint64_t) ret->packed_len, 32);
	}
	return 0;
}

/* The next pack's records instead of the buffer's. 1: got some, 0: there is no more. A damaged one is left out. */
static int fill_packed(struct wal_reader *r)
{
	struct pack_head h;
	int err;

	while ((err = next_pack(r, &h)) > 0) {
		err = buf_room(&r->buf, &r->buf_room, MAX((size_t) h.raw_len, (size_t) READ_AIM));
		if (err == 0)
			err = buf_room(&r->zbuf, &r->zbuf_room, h.packed_len);
		if (err == 0 && !r->zstd && !(r->zstd = ZSTD_createDCtx()))
			err = err_fail(ERR_NO_MEMORY, "what", "the log", NULL);
		if (err == 0)
			err = file_pread_all(r->fd, r->zbuf, h.packed_len, (int64_t) r->at + PACK_HEAD);
		if (err == -ERR_CORRUPT) {
			err_clear();            /* the file ends before the pack does */
			return 0;
		}
		if (err < 0)
			return err;
		r->at += ALIGN_UP(PACK_HEAD + (uint64_t) h.packed_len, 32);
		r->buf_at = r->buf_len = 0;
		if (crc32c(0, r->zbuf, h.packed_len) != h.crc ||
		    ZSTD_decompressDCtx(r->zstd, r->buf, r->buf_room, r->zbuf, h.packed_len) != h.raw_len)
			continue;
		r->buf_len = h.raw_len;
		return 1;
	}
	return err;
}

/* Lock held. */
static int gap(struct wal_reader *r, uint64_t first, uint64_t last, bool damaged, struct wal_gap *ret)
{
	*ret = (struct wal_gap) { first, last };
	r->pos = last;
	r->n_gaps++;
	r->n_lost += last - first + 1;
	r->w->m.damaged += damaged;
	return WAL_GAP;
}

static int gap_damaged(struct wal_reader *r, uint64_t first, uint64_t last, struct wal_gap *ret)
{
	mutex_hold(&r->w->lock);
	return gap(r, first, last, true, ret);
}

/* A batch of its own out of a record; 1: done, 0: its checksum is right and it is no batch all the same. */
static int batch_of(const struct rec_view *v, struct batch **ret)
{
	_cleanup_(batch_unrefp) struct batch *b = NULL;
	int err = batch_alloc(v->len, &b);

	if (err < 0)
		return err;
	memcpy(b, v->block, v->len);
	if (batch_check(b, v->len) < 0 || b->seq != v->seq) {
		err_clear();
		return 0;
	}
	*ret = take(b);
	return 1;
}

/* Looks for the next whole record in the buffer, filling it; 1: found, buf_at is at it; 0: no more. */
static int find_record(struct wal_reader *r, const struct view *v, struct rec_view *ret)
{
	for (;;) {
		size_t left = r->buf_len - r->buf_at;
		enum rec_found found = rec_decode(r->buf + r->buf_at, left, ret);
		if (found == REC_WHOLE && ret->seq > r->pos && ret->seq <= v->last)
			return 1;
		if (found == REC_WHOLE) {
			r->buf_at += REC_HEAD + ret->len;
			continue;
		}
		/* Packs hold whole records: one cut short at the end of the buffer is damaged. In a file more bytes may follow. */
		int got = 0;
		if (found == REC_SHORT && !r->packed)
			got = fill_plain(r, v->bytes);
		else if (left < REC_HEAD)
			got = fill_packed(r);
		if (got < 0 || (got == 0 && left < REC_HEAD))
			return got;
		if (got == 0)
			r->buf_at += 32;
	}
}

/* The next batch, or the next gap, of this segment. */
static int read_next(struct wal_reader *r, const struct view *v, struct batch **ret, struct wal_gap *ret_gap)
{
	for (;;) {
		uint64_t next = MAX(r->pos + 1, v->first);
		struct rec_view rec;
		int found = find_record(r, v, &rec);
		if (found < 0)
			return found;
		if (found == 0)
			return gap_damaged(r, next, v->last, ret_gap);
		if (rec.seq > next)
			return gap_damaged(r, next, rec.seq - 1, ret_gap);
		found = batch_of(&rec, ret);
		if (found < 0)
			return found;
		r->buf_at += REC_HEAD + rec.len;
		if (found > 0)
			break;
	}
	mutex_hold(&r->w->lock);
	r->pos = (*ret)->seq;
	r->n_disk++;
	return WAL_BATCH;
}

/* The file may have been packed or removed since it was located; then it is not there any more. */
static bool has_changed(struct wal_reader *r, const struct view *v)
{
	mutex_hold(&r->w->lock);
	struct segment *s = seg_find(r->w, v->last);

	return !s || s->no != v->no || s->packed != v->packed;
}

static int read_segment(struct wal_reader *r, const struct view *v, struct batch **ret, struct wal_gap *ret_gap)
{
	int err = r->file_no == v->no ? 0 : file_open_view(r, v);

	if (err == -ERR_MISSING) {
		err_clear();
		return has_changed(r, v) ? MOVED : gap_damaged(r, MAX(r->pos + 1, v->first), v->last, ret_gap);
	}
	if (err == MOVED) {
		mutex_hold(&r->w->lock);
		r->pos = v->last;
		return MOVED;
	}
	return err < 0 ? err : read_next(r, v, ret, ret_gap);
}

/* Reading. */

/* From memory, or where to read; lock held. MOVED: in the segment of ret_view. */
static int locate(struct wal_reader *r, struct view *ret_view, struct batch **ret, struct wal_gap *ret_gap)
{
	struct wal *w = r->w;

	for (;;) {
		uint64_t next = r->pos + 1;
		if (r->pos >= w->appended) {
			w->n_idle += !r->idle;
			r->idle = true;
			return WAL_NOTHING;
		}
		if (next >= w->tail) {
			*ret = batch_ref(w->ring[next % RING_SLOTS]);
			r->pos = next;
			r->n_memory++;
			return WAL_BATCH;
		}
		if (r->cursor->policy == WAL_VOLATILE && r->pos < w->run_first - 1)
			r->pos = w->run_first - 1;
		else if (r->cursor->policy == WAL_VOLATILE)
			return gap(r, next, w->tail - 1, false, ret_gap);
		struct segment *s = seg_find(w, next);
		uint64_t before = s ? s->prev : w->tail > w->run_first ? w->tail - 1 : w->run_prev;
		if (r->pos < before)
			return gap(r, next, before, false, ret_gap);
		if (s) {
			*ret_view = (struct view) { s->no, s->first, s->last, s->bytes, s->packed };
			return MOVED;
		}
		r->pos = w->tail - 1;           /* over the numbers between two runs */
	}
}

int wal_reader_next(struct wal_reader *r, struct batch **ret, struct wal_gap *ret_gap)
{
	for (;;) {
		struct view v;
		mutex_lock(&r->w->lock);
		int found = locate(r, &v, ret, ret_gap);
		mutex_unlock(&r->w->lock);
		if (found != MOVED)
			return found;
		found = read_segment(r, &v, ret, ret_gap);
		if (found != MOVED)
			return found;
	}
}

void wal_reader_commit(struct wal_reader *r, uint64_t seq)
{
	struct wal *w = r->w;
	mutex_hold(&w->lock);

	if (seq <= r->cursor->want)
		return;
	r->cursor->want = seq;
	if (!w->cursors_dirty && r->cursor->policy != WAL_VOLATILE) {
		w->cursors_dirty = true;
		keeper_kick(w);
	}
}

uint64_t wal_reader_pos(struct wal_reader *r)
{
	mutex_hold(&r->w->lock);
	return r->pos;
}

void wal_reader_rewind(struct wal_reader *r)
{
	file_close(r);
	mutex_hold(&r->w->lock);
	r->pos = MIN(r->pos, cursor_seq(r->w, r->cursor));
}

/* Bytes of the log behind a number, the segment it lies in counted in proportion. */
static uint64_t bytes_behind(const struct wal *w, uint64_t seq)
{
	uint64_t n = w->appended_bytes - w->written_bytes;

	for (size_t i = w->n_seg; i-- && w->seg[i]->last > seq;) {
		const struct segment *s = w->seg[i];
		uint64_t all = s->last - s->first + 1, behind = s->last - MAX(seq, s->first - 1);
		n += (uint64_t) ((double) s->bytes * (double) behind / (double) all);
	}
	return n;
}

size_t wal_readers(struct wal *w, struct wal_reader_stat *ret, size_t max)
{
	mutex_hold(&w->lock);

	for (size_t i = 0; i < w->n_cursor && i < max; i++) {
		const struct cursor *c = w->cursor[i];
		const struct wal_reader *r = c->reader;
		ret[i] = (struct wal_reader_stat) { .open = r != NULL, .policy = c->policy, .committed = cursor_seq(w, c) };
		memcpy(ret[i].name, c->name, sizeof c->name);
		ret[i].pos = r ? r->pos : ret[i].committed;
		ret[i].behind = ret[i].pos + 1 < w->tail && ret[i].pos < w->appended;
		ret[i].lag_bytes = bytes_behind(w, ret[i].committed);
		if (r) {
			ret[i].n_memory = r->n_memory;
			ret[i].n_disk = r->n_disk;
			ret[i].n_gaps = r->n_gaps;
			ret[i].n_lost = r->n_lost;
		}
	}
	return w->n_cursor;
}
