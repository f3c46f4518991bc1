/* tier.c - files of old days go to the second folder, one at a time, in the background; or come back. */
#include <errno.h>
#include <fcntl.h>

#include "base/err.h"
#include "base/num.h"
#include "parquet/parquet.h"
#include "tsdb/care/check_file.h"
#include "tsdb/merge/compact.h"

enum { PIECE = 1 << 20, LOOK_S = 10, AGAIN_S = 3600, ROOM_SPARE = 16 << 20, PACE_MS = 50 };
#define DATA_SPARE (UINT64_C(4) << 30)                  /* the data folder is the log's, too: a twentieth, at most so much, stays free */

static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "moving files of samples", NULL); }
static int cancelled(void) { return err_fail(ERR_CANCELLED, "what", "moving files of samples", NULL); }

static void tell(struct tsdb *t, enum tsdb_event event, uint32_t tenant, const struct err *why)
{
	if (t->config.on_event)
		t->config.on_event(t->config.ctx, event, tenant, why);
}

/* --- Which file */

struct move { struct tsdb *t; struct tenant *te; struct file *file; uint8_t to; int64_t began_ns; };

/* Where a file should lie. One that came back into the data folder, as late samples were merged into it, goes again when it is a day file. */
static uint8_t wanted(const struct second *s, const struct file *f, int64_t now_ns)
{
	const struct file_info *i = file_info(f);
	int64_t over = ((int64_t) i->day + 1) * (NS_PER_DAY / NS_PER_S);        /* in seconds: days of all of int64 ns have room */

	if (!(i->parts & PART_RAW))
		return i->folder;
	if (s->age_ns == 0)
		return FOLDER_DATA;
	return file_level(f) == LEVEL_DAY && over + s->age_ns / NS_PER_S <= now_ns / NS_PER_S ? FOLDER_SECOND : i->folder;
}

/* The oldest day first. */
static void look_at(struct tsdb *t, struct tenant *te, int64_t now_ns, struct move *best)
{
	_cleanup_(catalog_unrefp) struct catalog *c = catalog_ref(te);

	for (size_t i = 0; i < c->n; i++) {
		struct file *f = c->file[i];
		const struct file_info *info = file_info(f);
		uint8_t to = wanted(&t->second, f, now_ns);

		if (to == info->folder || file_stays(f) || file_is_aside(f) || (best->file && file_info(best->file)->day <= info->day))
			continue;
		file_unref(best->file);
		*best = (struct move) { .t = t, .te = te, .file = file_ref(f), .to = to };
	}
}

static void choose(struct tsdb *t, int64_t now_ns, struct move *ret)
{
	for (size_t i = 0;; i++) {
		struct tenant *te = tenant_at(t, i);
		if (!te)
			return;
		look_at(t, te, now_ns, ret);
	}
}

/* --- The copy */

static int room_for(const struct move *m, const char *dir)
{
	uint64_t left, all, want = file_info(m->file)->bytes + ROOM_SPARE;
	char text[2][NUM_TEXT_MAX];
	int r = dir_free(dir, &left, &all);

	if (r < 0)
		return r;
	if (m->to == FOLDER_DATA)
		want += MIN(all / 20, DATA_SPARE);
	if (left >= want)
		return 0;
	num_format_u64(text[0], want);
	num_format_u64(text[1], left);
	return err_fail(ERR_NO_ROOM, "what", dir, "want", text[0], "value", text[1], NULL);
}

/* As many bytes a second as merging may read and write; nobody waits for a move. */
static int keep_pace(struct move *m, uint64_t n)
{
	struct tsdb *t = m->t;
	struct second *s = &t->second;

	s->moving_done += n;
	if (t->config.compact_rate > 0) {
		int64_t until = m->began_ns + (int64_t) (2 * (double) s->moving_done / (double) t->config.compact_rate * 1e9);
		mutex_hold(&s->mutex);

		while (!s->stop && until - clock_mono_ns() > PACE_MS * NS_PER_MS && cond_wait_until(&s->cond, &s->mutex, until))
			;
	}
	return s->stop ? cancelled() : 0;
}

/* Reads `from` to its end; what is read goes to `to` when that is not -1. */
static int pass(struct move *m, int from, int to, uint8_t *piece, uint32_t *ret_crc)
{
	uint64_t size = file_info(m->file)->bytes;
	uint32_t crc = 0;
	int r = 0;

	for (uint64_t at = 0, n; r == 0 && at < size; at += n) {
		n = MIN(size - at, (uint64_t) PIECE);
		r = file_pread_all(from, piece, n, (int64_t) at);
		if (r == 0)
			crc = crc32_more(crc, piece, n);
		if (r == 0 && to >= 0)
			r = file_write_all(to, piece, n);
		if (r == 0)
			r = keep_pace(m, to >= 0 ? n : 0);
	}
	*ret_crc = crc;
	return r;
}

static int copy(struct move *m, const char *from, const char *to)
{
	_cleanup_free_ uint8_t *piece = sys_alloc(PIECE);
	_cleanup_close_ int in = -1, out = -1;
	uint32_t was = 0, is = 0;
	int r = piece ? file_open(from, O_RDONLY, 0, &in) : no_memory();

	if (r == 0)
		r = file_open(to, O_RDWR | O_CREAT | O_TRUNC, 0640, &out);
	if (r == 0)
		r = pass(m, in, out, piece, &was);
	if (r == 0 && sys.fsync(out) < 0)
		r = sys_fail(errno, "sync", to);
	if (r < 0)
		return r;
	/* From the medium, as far as that can be asked for: not what memory still has of it. */
	(void) posix_fadvise(out, 0, 0, POSIX_FADV_DONTNEED);
	r = pass(m, out, -1, piece, &is);
	return r == 0 && was != is ? err_fail(ERR_CORRUPT, "what", to, "detail", "what was written there is not what is read back", NULL) : r;
}

static int on_bytes(void *ctx, uint64_t n)
{
	const struct move *m = ctx;

	return m->t->second.stop ? cancelled() : 0;
}

/* Its pages against their checksums: one that is damaged already stays where it is, and is told. */
static int check(struct move *m, const char *base, const char *index)
{
	struct check_file cf = { .on_bytes = on_bytes, .ctx = m };
	int r = check_file_open(&cf, base, index, file_info(m->file));

	if (r == 0)
		r = check_file_pages(&cf);
	if (r == 0 && (cf.n_bad || cf.from_index)) {
		if (cf.n_bad)
			err_put(&cf.why);
		r = cf.n_bad ? -(int) cf.why.kind : err_fail(ERR_CORRUPT, "what", "file of samples", "detail", "its footer cannot be read", NULL);
	}
	check_file_close(&cf);
	return r;
}

/* What the numbers mean goes along, for who reads the folder without us. */
static int copy_sheet(const char *from, const char *to)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 1 << 30);
	int r = file_read(from, 1 << 30, &b);

	if (r == -ERR_MISSING) {
		err_clear();
		return 0;
	}
	return r < 0 ? r : file_write(to, b.data, b.len, 0640);
}

static int copy_sheets(struct move *m, const char *folder)
{
	struct tenant *te = m->te;
	char day[PATH_MAX], from[PATH_MAX], to[PATH_MAX];
	uint64_t root = te->root_sheet | 1;
	int r = tenant_day_path(te, file_info(m->file)->day, day) && path_join(from, sizeof(from), day, "series.parquet") &&
		path_join(to, sizeof(to), folder, "series.parquet") ? copy_sheet(from, to) : sys_fail(ENAMETOOLONG, "open", te->dir);

	if (r < 0 || te->second_sheet == root)
		return r;
	r = path_join(from, sizeof(from), te->dir, "series.parquet") && path_join(to, sizeof(to), te->second, "series.parquet") ?
		copy_sheet(from, to) : sys_fail(ENAMETOOLONG, "open", te->dir);
	te->second_sheet = r == 0 ? root : 0;
	return r;
}

/* --- A move */

struct paths { char from[PATH_MAX], part_base[PATH_MAX], part[PATH_MAX], to[PATH_MAX], folder[PATH_MAX], index[PATH_MAX]; };

static bool make_paths(const struct move *m, struct paths *p)
{
	const struct file_info *f = file_info(m->file);
	char base[PATH_MAX];
	struct buf b = BUF_FIXED(p->part_base), q = BUF_FIXED(p->part), to = BUF_FIXED(p->to), folder = BUF_FIXED(p->folder);
	bool there = m->to == FOLDER_SECOND;

	if (!file_path(m->file, p->from) || !tenant_file_base(m->te, f->day, f->number, p->index) ||
			!(there ? tenant_second_base : tenant_file_base)(m->te, f->day, f->number, base))
		return false;
	buf_addf(&b, "%s.part", base);
	buf_addf(&q, "%s.part.parquet", base);
	buf_addf(&to, "%s.parquet", base);
	buf_addn(&folder, base, (size_t) (path_name(base) - base) - 1);
	return !b.failed && !q.failed && !to.failed && !folder.failed;
}

/* 1: it is needed no more. */
static int move(struct move *m, const struct paths *p)
{
	int r = room_for(m, m->to == FOLDER_SECOND ? m->t->second.dir : m->t->data);

	if (r == 0)
		r = dir_make(p->folder, 0750);
	if (r == 0)
		r = copy(m, p->from, p->part);
	if (r == 0)
		r = check(m, p->part_base, p->index);
	if (r == 0 && m->to == FOLDER_SECOND)
		r = copy_sheets(m, p->folder);
	if (r == 0)
		r = file_rename(p->part, p->to);
	if (r < 0) {
		sys.unlink(p->part);
		return r;
	}
	r = tenant_change(m->te, &(struct change) { .move = m->file, .move_to = m->to });
	/* It was merged in between: nobody needs the copy. After any other failure a manifest may name it: it stays, until it is replaced or swept. */
	if (r == -ERR_MISSING) {
		sys.unlink(p->to);
		err_clear();
		return 1;
	}
	return r;
}

static int failed(struct move *m, int r)
{
	struct second *s = &m->t->second;
	struct err e = err_take(r);
	bool full = r == -ERR_NO_ROOM || r == -ERR_FULL;

	/* The folder went meanwhile: that is told on its own. */
	if (m->to == FOLDER_SECOND && second_reach(m->t, true) < 0) {
		err_clear();
		err_put(&e);
		return r;
	}
	s->failures++;
	mutex_lock(&s->mutex);
	s->error = e;
	s->error_ns = clock_now_ns();
	mutex_unlock(&s->mutex);
	if (!full || !s->was_full)
		tell(m->t, full ? TSDB_SECOND_FULL : TSDB_MOVE_FAILED, m->te->id, &e);
	s->was_full |= full;
	err_put(&e);
	return r;
}

int tier_step(struct tsdb *t, int64_t now_ns)
{
	struct second *s = &t->second;
	struct move m = { 0 };
	struct paths *p = NULL;
	int r = 0;

	if (!s->dir[0] || second_reach(t, true) < 0) {
		err_clear();
		return 0;
	}
	choose(t, now_ns, &m);
	if (!m.file)
		return 0;
	m.began_ns = clock_mono_ns();
	s->moving_done = 0;
	s->moving_of = file_info(m.file)->bytes;
	s->moving_day = file_info(m.file)->day;
	s->moving_tenant = m.te->id;
	p = sys_new(struct paths);
	r = !p ? no_memory() : make_paths(&m, p) ? move(&m, p) : sys_fail(ENAMETOOLONG, "make", m.te->dir);
	s->moving_tenant = 0;
	if (r == 0) {
		s->moved_files++;
		s->moved_bytes += file_info(m.file)->bytes;
		s->was_full = false;
	} else if (r < 0 && r != -ERR_CANCELLED) {
		file_stay(m.file, clock_mono_ns() + AGAIN_S * NS_PER_S);
		r = failed(&m, r);
	}
	sys_free(p);
	file_unref(m.file);
	return r == 0 ? 1 : r;
}

/* --- The thread */

static int attach_all(struct tsdb *t)
{
	int r = 0;

	for (size_t i = 0; r == 0; i++) {
		struct tenant *te = tenant_at(t, i);
		if (!te)
			break;
		r = second_attach(t, te);
		te->planned = 0;
	}
	return r;
}

int tier_look(struct tsdb *t)
{
	struct second *s = &t->second;
	struct err why = { 0 };
	int r = s->dir[0] ? second_reach(t, true) : 0;
	bool there = r == 0;

	if (!s->dir[0])
		return 0;
	if (r < 0)
		why = err_take(r);
	if (there && !s->attached) {
		r = attach_all(t);
		if (r < 0)
			return r;               /* again at the next look */
		compact_look(t);
	}
	s->attached = there;
	if (there == s->told_lost)
		tell(t, there ? TSDB_SECOND_BACK : TSDB_SECOND_LOST, 0, there ? NULL : &why);
	s->told_lost = !there;
	return 0;
}

static void tier_main(void *arg)
{
	struct tsdb *t = arg;
	struct second *s = &t->second;

	thread_background();
	mutex_lock(&s->mutex);
	while (!s->stop) {
		int r = 1;

		mutex_unlock(&s->mutex);
		if (tier_look(t) < 0)
			err_clear();
		/* One that could not be moved does not keep the others from it; a full disk does. */
		while (!s->stop && (r > 0 || (r < 0 && r != -ERR_NO_ROOM && r != -ERR_FULL)))
			if ((r = tier_step(t, clock_now_ns())) < 0)
				err_clear();
		mutex_lock(&s->mutex);
		int64_t until = clock_mono_ns() + LOOK_S * NS_PER_S;
		while (!s->stop && !s->look && cond_wait_until(&s->cond, &s->mutex, until))
			;
		s->look = false;
	}
	mutex_unlock(&s->mutex);
}

int tier_start(struct tsdb *t)
{
	struct second *s = &t->second;
	int r;

	if (!s->dir[0] || t->config.compact_rate < 0)
		return 0;
	s->stop = false;
	r = thread_start(&s->thread, "tsdb.tier", tier_main, t);
	s->running = r == 0;
	return r;
}

void tier_stop(struct tsdb *t)
{
	struct second *s = &t->second;

	mutex_lock(&s->mutex);
	s->stop = true;
	cond_broadcast(&s->cond);
	mutex_unlock(&s->mutex);
	thread_join(&s->thread);
	s->running = false;
	s->stop = false;
}

/* --- Figures */

static void count_waiting(struct tsdb *t, struct tenant *te, int64_t now_ns, struct tsdb_second *to)
{
	_cleanup_(catalog_unrefp) struct catalog *c = catalog_ref(te);

	for (size_t i = 0; i < c->n; i++) {
		const struct file_info *f = file_info(c->file[i]);

		if (f->folder == FOLDER_SECOND) {
			to->files++;
			to->bytes += f->bytes;
			to->samples += f->rows;
		}
		if (t->second.dir[0] && wanted(&t->second, c->file[i], now_ns) != f->folder) {
			to->waiting_files++;
			to->waiting_bytes += f->bytes;
		}
	}
}

void tier_stats(struct tsdb *t, struct tsdb_stats *ret)
{
	struct second *s = &t->second;
	struct tsdb_second *to = &ret->second;
	int64_t now_ns = clock_now_ns();

	*to = (struct tsdb_second) { .is_set = s->dir[0] != 0, .reachable = s->reachable, .full = s->was_full, .moved_files = s->moved_files,
		.moved_bytes = s->moved_bytes, .failures = s->failures, .moving_tenant = s->moving_tenant, .moving_day = s->moving_day,
		.moving_bytes = s->moving_done, .moving_of = s->moving_of, .age_ns = s->age_ns };
	for (size_t i = 0; i < t->n_tenants; i++)
		count_waiting(t, t->tenant[i], now_ns, to);
	mutex_hold(&s->mutex);
	to->why = s->why;
	to->error = s->error;
	to->error_ns = s->error_ns;
}
