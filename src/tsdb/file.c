/* file.c - the pool of open files; side indexes that are lost are made again. */
#include "tsdb/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#include "base/err.h"
#include "sys/sys.h"
#include "tsdb/file_impl.h"
#include "tsdb/roll.h"

struct file_pool {
	struct mutex mutex;
	struct file *newest, *oldest;   /* open files, by last use */
	unsigned n_open, max_open;
	atomic_uint doomed;
	struct file_reach second;
};

int file_pool_new(unsigned max_open, struct file_pool **ret)
{
	struct file_pool *p = sys_new(struct file_pool);

	if (!p)
		return err_fail(ERR_NO_MEMORY, "what", "files of samples", NULL);
	mutex_init(&p->mutex);
	p->max_open = max_open;
	*ret = p;
	return 0;
}

struct file_pool *file_pool_free(struct file_pool *p)
{
	if (!p)
		return NULL;
	mutex_done(&p->mutex);
	return sys_free(p);
}

void file_pool_reach(struct file_pool *p, const struct file_reach *reach) { p->second = *reach; }

static int new_file(struct file_pool *p, struct names *names, const char *base, const char *second, const struct file_info *info, struct file **ret)
{
	struct file *f = sys_new(struct file);
	char *copy = sys_strdup(base), *there = second ? sys_strdup(second) : NULL;

	if (!f || !copy || (second && !there)) {
		sys_free(f);
		sys_free(copy);
		sys_free(there);
		return err_fail(ERR_NO_MEMORY, "what", "files of samples", NULL);
	}
	atomic_init(&f->refs, 1);
	f->pool = p;
	f->names = names;
	f->base = copy;
	f->second = there;
	f->info = *info;
	f->level = info->level;
	f->fd = -1;
	*ret = f;
	return 0;
}

static int new_roll(struct file *of, enum roll_tier tier)
{
	char base[PATH_MAX];
	struct buf b = BUF_FIXED(base);

	buf_addf(&b, "%s.%s", of->base, roll_name(tier));
	if (b.failed)
		return sys_fail(ENAMETOOLONG, "open", of->base);
	int r = new_file(of->pool, of->names, base, NULL, &of->info, &of->roll[tier]);
	if (r == 0)
		of->roll[tier]->is_roll = true;
	return r;
}

int file_new(struct file_pool *p, struct names *names, const char *base, const char *second, const struct file_info *info, struct file **ret)
{
	_cleanup_(file_unrefp) struct file *f = NULL;
	int r = new_file(p, names, base, second, info, &f);

	for (unsigned tier = 0; r == 0 && tier < ROLL_TIERS; tier++)
		if (info->parts & roll_part(tier))
			r = new_roll(f, tier);
	if (r < 0)
		return r;
	*ret = take(f);
	return 0;
}

static void unlink_open(struct file_pool *p, struct file *f)
{
	*(f->newer ? &f->newer->older : &p->newest) = f->older;
	*(f->older ? &f->older->newer : &p->oldest) = f->newer;
	f->newer = f->older = NULL;
}

static void link_newest(struct file_pool *p, struct file *f)
{
	f->older = p->newest;
	f->newer = NULL;
	*(p->newest ? &p->newest->newer : &p->oldest) = f;
	p->newest = f;
}

static void shut(struct file_pool *p, struct file *f)
{
	unlink_open(p, f);
	idx_close(&f->idx);
	if (f->fd >= 0)
		sys.close(f->fd);
	f->fd = -1;
	f->open = false;
	p->n_open--;
}

struct file *file_ref(struct file *f)
{
	atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
	return f;
}

/* Of one in the second folder only the side index lies under its base: a lease may still read what lay there before it was moved. */
static void remove_own(const struct file *f)
{
	char path[PATH_MAX];
	struct buf b = BUF_FIXED(path);

	buf_addf(&b, "%s.idx", f->base);
	if (!f->second)
		file_remove(f->base, PART_RAW);
	else if (!b.failed)
		sys.unlink(path);
}

struct file *file_unref(struct file *f)
{
	if (!f || atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1)
		return NULL;
	/* The pool knows it until now, and may be closing it to make room for another. */
	mutex_lock(&f->pool->mutex);
	if (f->open)
		shut(f->pool, f);
	mutex_unlock(&f->pool->mutex);
	if (f->doomed) {
		char path[PATH_MAX];

		if (file_path(f, path) && (f->second || f->doomed == DOOM_MOVED))
			sys.unlink(path);
		if (f->doomed == DOOM_ALL)
			remove_own(f);
	}
	if (f->doomed && !f->is_roll)
		atomic_fetch_sub(&f->pool->doomed, 1);
	for (unsigned i = 0; i < ROLL_TIERS; i++)
		file_unref(f->roll[i]);
	file_unref(f->after);
	sys_free(f->second);
	sys_free(f->base);
	return sys_free(f);
}

void file_doom(struct file *f)
{
	if (atomic_exchange(&f->doomed, DOOM_ALL) == DOOM_NONE)
		atomic_fetch_add(&f->pool->doomed, 1);
	/* Who reads them yet holds them by a reference of his own. */
	for (unsigned i = 0; i < ROLL_TIERS; i++)
		if (f->roll[i])
			f->roll[i]->doomed = DOOM_ALL;
}

void file_follow(struct file *f, struct file *after) { f->after = file_ref(after); }

void file_trim(struct file *f, uint8_t parts)
{
	if (!(parts & PART_RAW) && atomic_exchange(&f->doomed, DOOM_ALL) == DOOM_NONE)
		atomic_fetch_add(&f->pool->doomed, 1);
	for (unsigned i = 0; i < ROLL_TIERS; i++)
		if (f->roll[i] && !(parts & roll_part(i)))
			f->roll[i]->doomed = DOOM_ALL;
}

void file_moved(struct file *f)
{
	int none = DOOM_NONE;

	if (atomic_compare_exchange_strong(&f->doomed, &none, DOOM_MOVED))
		atomic_fetch_add(&f->pool->doomed, 1);
}

struct file *file_roll(const struct file *f, unsigned tier)
{
	struct file *roll = f->roll[tier];

	return roll && !roll->aside_ns ? roll : NULL;
}

void file_remove(const char *base, uint8_t parts)
{
	static const struct { uint8_t part; const char *suffix; } all[] = { { PART_RAW, ".parquet" }, { PART_RAW, ".idx" },
		{ PART_MINUTES, ".1m.parquet" }, { PART_MINUTES, ".1m.idx" }, { PART_HOURS, ".1h.parquet" }, { PART_HOURS, ".1h.idx" } };

	for (size_t i = 0; i < ELEMENTSOF(all); i++) {
		char path[PATH_MAX];
		struct buf b = BUF_FIXED(path);

		if (!(parts & all[i].part))
			continue;
		buf_addf(&b, "%s%s", base, all[i].suffix);
		if (!b.failed)
			sys.unlink(path);
	}
}

void file_set_aside(struct file *f, int64_t until_ns) { f->aside_ns = until_ns; }
void file_set_looked(struct file *f, uint64_t what) { f->looked = what; }
bool file_was_looked(const struct file *f, uint64_t what) { return f->looked == what; }
void file_stay(struct file *f, int64_t until_ns) { f->stay_ns = until_ns; }
bool file_stays(const struct file *f) { return f->stay_ns && clock_mono_ns() < f->stay_ns; }
int32_t file_level(const struct file *f) { return f->level; }
void file_set_level(struct file *f, int32_t level) { f->level = level; }

void file_set_tombs(struct file *f, uint64_t serial)
{
	if (f->info.tombs < serial)
		__atomic_store_n(&f->info.tombs, serial, __ATOMIC_RELAXED);
}

unsigned file_pool_doomed(struct file_pool *p) { return p->doomed; }

const struct file_info *file_info(const struct file *f) { return &f->info; }

static bool name(char out[PATH_MAX], const struct file *f, const char *suffix)
{
	struct buf b = { .data = out, .room = PATH_MAX, .max = PATH_MAX };

	buf_addf(&b, "%s%s", f->base, suffix);
	return !b.failed;
}

uint64_t file_roll_bytes(const struct file *f)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < ROLL_TIERS; i++) {
		char path[PATH_MAX];
		int64_t size;

		if (!f->roll[i] || !name(path, f->roll[i], ".parquet"))
			continue;
		if (file_size(path, &size) == 0)
			bytes += (uint64_t) size;
		else
			err_clear();
	}
	return bytes;
}

bool file_path(const struct file *f, char out[PATH_MAX])
{
	struct buf b = { .data = out, .room = PATH_MAX, .max = PATH_MAX };

	buf_addf(&b, "%s.parquet", f->second ? f->second : f->base);
	return !b.failed;
}

static int reach(const struct file *f, bool again)
{
	const struct file_reach *s = f->second ? &f->pool->second : NULL;

	return s && s->reach ? s->reach(s->ctx, again) : 0;
}

int file_failed(struct file *f, int r)
{
	struct err e;

	if (!f->second || (r != -ERR_IO && r != -ERR_MISSING && r != -ERR_CORRUPT))
		return r;
	e = err_take(r);
	int gone = reach(f, true);
	if (gone < 0)
		return gone;
	err_put(&e);
	return r;
}

bool file_is_aside(const struct file *f)
{
	if (f->aside_ns && clock_mono_ns() < f->aside_ns)
		return true;
	bool gone = reach(f, false) < 0;
	if (gone)
		err_clear();
	return gone;
}

/* Reads the whole file once. */
static int rebuild(struct file *f, const char *path)
{
	struct idx_builder b = { 0 };
	_cleanup_(pq_scratch_freep) struct pq_scratch *s = NULL;
	_cleanup_(scan_freep) struct scan *c = NULL;
	char temp[PATH_MAX];
	uint64_t n;
	int r = pq_scratch_new(&s);

	if (r == 0)
		r = scan_over(f, s, &c);
	for (uint64_t row = 0; r == 0 && row < f->idx.layout.rows; row += n) {
		uint32_t number;
		struct span span;

		r = scan_series(c, row, &number, &n);
		const struct series *of = r == 0 ? names_series(f->names, number) : NULL;
		/* A number the dictionary lost: its values are still there as decimals or doubles. */
		for (uint64_t done = 0; r == 0 && done < n; done += span.n) {
			r = scan_read(c, of ? of->type : V_F64, row + done, row + n, &span);
			if (r == 0)
				r = idx_add(&b, number, &span);
		}
	}
	if (r == 0 && !name(temp, f, ".idx.tmp"))
		r = sys_fail(ENAMETOOLONG, "make", f->base);
	if (r == 0)
		r = idx_write(temp, &b, &f->idx.layout, f->info.bytes);
	if (r == 0)
		r = file_rename(temp, path);
	idx_builder_done(&b);
	return r;
}

static int open_old_index(struct file *f)
{
	char path[PATH_MAX];

	return name(path, f, ".idx") ? idx_open(path, f->info.bytes, &f->idx) : sys_fail(ENAMETOOLONG, "open", f->base);
}

static int open_index(struct file *f)
{
	const struct pq_col *cols = f->is_roll ? roll_cols : sample_cols;
	unsigned n_cols = f->is_roll ? ROLL_COLS : SAMPLE_COLS;
	char path[PATH_MAX];
	int r = name(path, f, ".idx") ? idx_open_cols(path, f->info.bytes, n_cols, &f->idx) : sys_fail(ENAMETOOLONG, "open", f->base);

	if (r != -ERR_MISSING && r != -ERR_CORRUPT && r != -ERR_NEWER)
		return r;
	err_clear();
	arena_init(&f->idx.arena, &sys_heap, 0);
	r = pq_read_layout(f->fd, f->info.bytes, cols, n_cols, &f->idx.arena, &f->idx.layout);
	if (r == 0)
		r = f->is_roll ? roll_rebuild(f, path) : rebuild(f, path);
	idx_close(&f->idx);
	return r < 0 ? r : idx_open_cols(path, f->info.bytes, n_cols, &f->idx);
}

static int size_of(struct file *f)
{
	char path[PATH_MAX];
	int64_t size;
	int r = file_path(f, path) ? file_size(path, &size) : sys_fail(ENAMETOOLONG, "open", f->base);

	if (r == 0)
		f->info.bytes = (uint64_t) size;
	return r;
}

/* The file itself. One that is out of reach is open without it, when its side index is there. */
static int open_parquet(struct file *f)
{
	char path[PATH_MAX];
	int fd = -1, r = file_path(f, path) ? reach(f, false) : sys_fail(ENAMETOOLONG, "open", f->base);

	if (r == 0) {
		r = file_open(path, O_RDONLY, 0, &fd);
		f->fd = r == 0 ? fd : -1;
		if (r < 0)
			r = file_failed(f, r);
	}
	return r < 0 && r != -ERR_UNAVAILABLE ? err_wrap(r, "%s: ", path) : r;
}

static int open_file(struct file_pool *p, struct file *f)
{
	int r = open_parquet(f);

	if (r == -ERR_UNAVAILABLE) {
		struct err why = err_take(r);

		r = open_old_index(f);
		if (r < 0) {
			err_put(&why);
			r = -(int) why.kind;
		}
	} else if (r == 0) {
		/* The manifest says the size of samples alone. */
		if (f->is_roll)
			r = size_of(f);
		if (r == 0)
			r = open_index(f);
	}
	if (r < 0) {
		if (f->fd >= 0)
			sys.close(f->fd);
		f->fd = -1;
		return err_wrap(r, "%s: ", f->base);
	}
	f->open = true;
	link_newest(p, f);
	p->n_open++;
	for (struct file *old = p->oldest, *next; p->n_open > p->max_open && old; old = next) {
		next = old->newer;
		if (old->users == 0 && old != f)
			shut(p, old);
	}
	return 0;
}

int file_reopen(struct file *f)
{
	mutex_hold(&f->pool->mutex);
	if (f->fd >= 0)
		return 0;
	int r = reach(f, true);
	return r < 0 ? r : open_parquet(f);
}

int file_use(struct file *f, const struct idx **ret)
{
	struct file_pool *p = f->pool;
	mutex_hold(&p->mutex);

	if (!f->open) {
		int r = open_file(p, f);

		if (r < 0)
			return r;
	} else {
		/* Opened while it was out of reach: perhaps it is back. */
		if (f->fd < 0 && open_parquet(f) < 0)
			err_clear();
		unlink_open(p, f);
		link_newest(p, f);
	}
	f->users++;
	*ret = &f->idx;
	return 0;
}

void file_leave(struct file *f)
{
	mutex_hold(&f->pool->mutex);
	f->users--;
}

/* --- Two files */

static bool entries_apart(const struct idx *x, const struct idx *y)
{
	for (uint32_t i = 0, k = 0; i < x->n && k < y->n;) {
		const struct idx_entry *a = &x->entry[i], *b = &y->entry[k];

		if (a->series == b->series && a->t_min <= b->t_max && b->t_min <= a->t_max)
			return false;
		i += a->series <= b->series;
		k += b->series <= a->series;
	}
	return true;
}

bool files_apart(struct file *a, struct file *b)
{
	const struct file_info *x = &a->info, *y = &b->info;
	const struct idx *of_a, *of_b;

	if (x->number < y->number)
		return files_apart(b, a);
	if (x->t_max < y->t_min || y->t_max < x->t_min || x->series_max < y->series_min || y->series_max < x->series_min)
		return true;
	_Atomic uint64_t *known = &a->apart[y->number % ELEMENTSOF(a->apart)];
	if (*known == y->number)
		return true;
	bool apart = false;
	if (file_use(a, &of_a) == 0) {
		if (file_use(b, &of_b) == 0) {
			apart = entries_apart(of_a, of_b);
			file_leave(b);
		}
		file_leave(a);
	}
	err_clear();
	if (apart)
		*known = y->number;
	return apart;
}
