/* flush.c - the frozen generation becomes files: one a tenant and day, synced, then named by the manifest. */
#include "tsdb/tsdb_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/err.h"
#include "tsdb/decimal.h"
#include "tsdb/pqw.h"

enum { TEXT_PIECE = 256 << 10 };

struct days { int32_t *day; size_t n, room; };

struct output {                         /* one file being written */
	struct tsdb *t;
	struct tenant *te;
	struct pqw *w;
	struct idx_builder idx;
	struct file_info info;
	int fd;
	char temp[PATH_MAX], temp_idx[PATH_MAX], base[PATH_MAX];
	char covered[24], number[24];
	const char *meta[7];
	uint8_t hint;                   /* exponent of the series' last run */
	uint32_t hint_series;
	uint64_t bits[PQ_PAGE_ROWS];
	int64_t m[PQ_PAGE_ROWS];
	uint8_t e[PQ_PAGE_ROWS], is_m[PQ_PAGE_ROWS], is_bits[PQ_PAGE_ROWS];
};

static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "a flush", NULL); }

static int32_t day_of(int64_t t) { return (int32_t) (t / NS_PER_DAY - (t % NS_PER_DAY < 0)); }

/* --- Which days */

static int add_day(struct days *d, int32_t day)
{
	size_t i = d->n;

	while (i && d->day[i - 1] > day)
		i--;
	if (i && d->day[i - 1] == day)
		return 0;
	if (d->n == d->room) {
		size_t room = MAX(d->room * 2, (size_t) 8);
		int32_t *more = sys_resize(d->day, room * sizeof(*more));

		if (!more)
			return no_memory();
		d->day = more;
		d->room = room;
	}
	memmove(d->day + i + 1, d->day + i, (d->n - i) * sizeof(*d->day));
	d->day[i] = day;
	d->n++;
	return 0;
}

static int chunk_days(void *ctx, const struct chunk *c)
{
	struct days *d = ctx;
	int32_t first = day_of(c->t_min), last = day_of(c->t_max);
	int r = add_day(d, first);

	if (r < 0 || first == last)
		return r;
	/* Seldom: a chunk over a midnight, or samples from far apart. Only the days that have rows count. */
	struct chunk_room *room = sys.malloc(sizeof(*room));
	struct span s;
	if (!room)
		return no_memory();
	r = chunk_times(c, room, &s);
	for (uint32_t i = 0; r == 0 && i < s.n; i++)
		if (i == 0 || s.t[i] / NS_PER_DAY != s.t[i - 1] / NS_PER_DAY || s.t[i] < 0)
			r = add_day(d, day_of(s.t[i]));
	sys_free(room);
	return r;
}

/* --- Rows */

static bool has_value(const struct span *s, uint32_t i) { return !s->cell || s->cell[i] == CELL_VALUE; }

static void put_times(struct output *o, const struct span *s)
{
	uint32_t odd = 0;

	for (uint32_t i = 0; i < s->n; i++) {
		int64_t us = s->t[i] / 1000 - (s->t[i] % 1000 < 0);

		o->bits[i] = (uint64_t) us;
		o->m[i] = s->t[i] - us * 1000;
		o->is_m[i] = o->m[i] != 0;
		odd += o->is_m[i];
	}
	pqw_values(o->w, COL_TS, o->bits, NULL, s->n);
	if (odd)
		pqw_values(o->w, COL_NS, (const uint64_t *) o->m, o->is_m, s->n);
	else
		pqw_nulls(o->w, COL_NS, s->n);
}

static void put_lags(struct output *o, const struct span *s)
{
	if (!s->lag && s->lag_all == LAG_UNKNOWN) {
		pqw_nulls(o->w, COL_LAG, s->n);
		return;
	}
	for (uint32_t i = 0; i < s->n; i++) {
		int32_t lag = s->lag ? s->lag[i] : s->lag_all;

		o->bits[i] = (uint64_t) (int64_t) lag;
		o->is_bits[i] = lag != LAG_UNKNOWN;
	}
	pqw_values(o->w, COL_LAG, o->bits, o->is_bits, s->n);
}

static void put_quality(struct output *o, const struct span *s)
{
	uint32_t any = 0;

	for (uint32_t i = 0; s->q && i < s->n; i++) {
		o->bits[i] = (uint64_t) (int64_t) (int32_t) s->q[i];
		o->is_bits[i] = s->q[i] != 0;
		any |= s->q[i];
	}
	if (any)
		pqw_values(o->w, COL_Q, o->bits, o->is_bits, s->n);
	else
		pqw_nulls(o->w, COL_Q, s->n);
}

/* Whole numbers and bools: m, with exponent 0. */
static void put_whole(struct output *o, const struct span *s)
{
	for (uint32_t i = 0; i < s->n; i++) {
		o->m[i] = s->type == V_BOOL ? ((const uint8_t *) s->v)[i] : ((const int64_t *) s->v)[i];
		o->e[i] = 0;
		o->is_m[i] = has_value(s, i);
	}
	memset(o->is_bits, 0, s->n);
}

static void put_real(struct output *o, const struct span *s, uint32_t series)
{
	if (o->hint_series != series)
		o->hint = 0;
	o->hint_series = series;
	size_t n = s->type == V_F32 ? decimal_run_f32(s->v, s->n, &o->hint, o->m, o->e, o->is_m) :
		decimal_run_f64(s->v, s->n, &o->hint, o->m, o->e, o->is_m);
	for (uint32_t i = 0; i < s->n; i++) {
		uint64_t bits = 0;

		memcpy(&bits, (const char *) s->v + (size_t) i * slot_width(s->type), slot_width(s->type));
		o->bits[i] = bits;
		o->is_m[i] = n && o->is_m[i] && has_value(s, i);
		o->is_bits[i] = !o->is_m[i] && has_value(s, i);
	}
}

static bool any(const uint8_t *is, uint32_t n)
{
	uint8_t all = 0;

	for (uint32_t i = 0; i < n; i++)
		all |= is[i];
	return all;
}

static void put_numbers(struct output *o, const struct span *s, uint32_t series)
{
	bool real = s->type == V_F32 || s->type == V_F64;
	unsigned bits = s->type == V_F32 ? COL_F : COL_D, other = s->type == V_F32 ? COL_D : COL_F;

	if (real)
		put_real(o, s, series);
	else
		put_whole(o, s);
	pqw_nulls(o->w, other, s->n);
	if (any(o->is_bits, s->n))
		pqw_values(o->w, bits, o->bits, o->is_bits, s->n);
	else
		pqw_nulls(o->w, bits, s->n);
	if (!any(o->is_m, s->n)) {
		pqw_nulls(o->w, COL_M, s->n);
		pqw_nulls(o->w, COL_E, s->n);
		return;
	}
	pqw_values(o->w, COL_M, (const uint64_t *) o->m, o->is_m, s->n);
	for (uint32_t i = 0; i < s->n; i++)
		o->bits[i] = o->e[i];
	pqw_values(o->w, COL_E, o->bits, o->is_m, s->n);
}

static void put_texts(struct output *o, const struct span *s)
{
	for (unsigned c = COL_M; c <= COL_D; c++)
		pqw_nulls(o->w, c, s->n);
	for (uint32_t i = 0; i < s->n; i++) {
		const uint8_t *p = ((const uint8_t *const *) s->v)[i];
		uint32_t len;

		if (!has_value(s, i)) {
			pqw_nulls(o->w, COL_S, 1);
			continue;
		}
		memcpy(&len, p, sizeof(len));
		pqw_text(o->w, COL_S, p + sizeof(len), len);
	}
}

/* How many rows go in at once: what fits into the page, texts not too many bytes. */
static uint32_t piece_rows(const struct output *o, const struct span *s)
{
	uint32_t n = MIN(s->n, pqw_room(o->w)), bytes = 0;

	if (s->type != V_STR && s->type != V_BYTES)
		return n;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t len;

		memcpy(&len, ((const uint8_t *const *) s->v)[i], sizeof(len));
		bytes += len;
		if (bytes > TEXT_PIECE)
			return MAX(i, 1u);
	}
	return n;
}

static int put_span(struct output *o, uint32_t series, const struct span *all)
{
	for (uint32_t at = 0, n; at < all->n; at += n) {
		struct span s = span_part(all, at, all->n - at);

		s.n = n = piece_rows(o, &s);
		pqw_const(o->w, COL_SERIES, series, n);
		put_times(o, &s);
		put_lags(o, &s);
		put_quality(o, &s);
		if (s.type == V_STR || s.type == V_BYTES) {
			put_texts(o, &s);
		} else {
			put_numbers(o, &s, series);
			pqw_nulls(o->w, COL_S, n);
		}
		int r = pqw_rows(o->w, n);
		if (r < 0)
			return r;
	}
	struct file_info *f = &o->info;
	if (f->rows == 0) {
		f->t_min = all->t[0];
		f->t_max = all->t[all->n - 1];
		f->series_min = series;
	}
	f->t_min = MIN(f->t_min, all->t[0]);
	f->t_max = MAX(f->t_max, all->t[all->n - 1]);
	f->series_max = series;
	f->rows += all->n;
	return idx_add(&o->idx, series, all);
}

/* --- A file */

static int output_open(struct output *o)
{
	struct buf b = BUF_FIXED(o->temp), i = BUF_FIXED(o->temp_idx);
	struct buf c = BUF_FIXED(o->covered), n = BUF_FIXED(o->number);
	unsigned long long id = o->info.number;

	buf_addf(&b, "%s/tmp/tsdb-%u-%llu.parquet", o->t->data, o->te->id, id);
	buf_addf(&i, "%s/tmp/tsdb-%u-%llu.idx", o->t->data, o->te->id, id);
	if (b.failed || i.failed || !tenant_file_base(o->te, o->info.day, o->info.number, o->base))
		return sys_fail(ENAMETOOLONG, "make", o->t->data);
	buf_addf(&c, "%llu", (unsigned long long) o->t->frozen_seq);
	buf_addf(&n, "%llu", id);
	const char *const meta[] = { "tenon.layout", "1", "tenon.number", o->number, "tenon.log", o->covered, NULL };
	memcpy(o->meta, meta, sizeof(meta));
	int r = file_open(o->temp, O_WRONLY | O_CREAT | O_TRUNC, 0640, &o->fd);
	if (r < 0)
		return r;
	return pqw_new(&o->w, &(struct pqw_config) { .cols = sample_cols, .n_cols = SAMPLE_COLS, .n_sorted = 2, .created_by = o->t->created_by,
		.meta = o->meta, .fd = o->fd });
}

/* Synced under its temporary name, then under its own. A sync that fails is the end of this file: the next attempt writes a
 * new one. */
static int output_close(struct output *o)
{
	char dir[PATH_MAX], path[PATH_MAX], path_idx[PATH_MAX];
	struct buf b = BUF_FIXED(path), i = BUF_FIXED(path_idx);
	struct pq_layout l;
	int r = pqw_finish(o->w);

	buf_addf(&b, "%s.parquet", o->base);
	buf_addf(&i, "%s.idx", o->base);
	if (b.failed || i.failed || !tenant_day_path(o->te, o->info.day, dir))
		return sys_fail(ENAMETOOLONG, "make", o->base);
	if (r == 0 && sys.fsync(o->fd) < 0)
		r = sys_fail(errno, "sync", o->temp);
	if (r == 0)
		r = pqw_layout(o->w, &l);
	o->info.bytes = pqw_total_bytes(o->w);
	if (r == 0)
		r = idx_write(o->temp_idx, &o->idx, &l, o->info.bytes);
	if (r == 0)
		r = dir_make(dir, 0750);
	if (r == 0 && sys.rename(o->temp_idx, path_idx) < 0)
		r = sys_fail(errno, "rename", o->temp_idx);
	return r < 0 ? r : file_rename(o->temp, path);
}

static void output_done(struct output *o)
{
	if (o->fd >= 0)
		sys.close(o->fd);
	o->fd = -1;
	pqw_free(take(o->w));
	idx_builder_done(&o->idx);
	sys.unlink(o->temp);
	sys.unlink(o->temp_idx);
}

struct flush {
	struct tsdb *t;
	struct tenant *te;
	uint32_t *series;
	size_t n_series;
	struct days days;
	struct pieces pieces;
	struct merge merge;
	struct output *out;
	struct manifest manifest;
	int32_t *written;               /* days that got a file */
	size_t n_written;
};

static int write_series(struct flush *f, const struct series *s, int64_t from, int64_t to)
{
	struct span span;
	int r = head_pieces(f->t->head, f->te->names, s, (struct head_range) { from, to, true }, &f->pieces);

	merge_begin(&f->merge, from, to);
	if (r == 0)
		r = merge_add_pieces(&f->merge, &f->pieces);
	while (r == 0 && (r = merge_next(&f->merge, &span)) > 0)
		r = put_span(f->out, s->number, &span);
	pieces_clear(&f->pieces);
	return r;
}

static int write_day(struct flush *f, int32_t day)
{
	int64_t from = (int64_t) day * NS_PER_DAY, to;
	struct output *o = f->out;
	int r;

	/* The first and last day of what int64 ns can say are cut by its range. */
	if (__builtin_mul_overflow((int64_t) day, NS_PER_DAY, &from))
		from = INT64_MIN;
	if (__builtin_add_overflow(from, NS_PER_DAY, &to))
		to = INT64_MAX;
	if (from == INT64_MIN)
		to = ((int64_t) day + 1) * NS_PER_DAY;
	o->info = (struct file_info) { .number = f->manifest.next, .day = day };
	o->hint_series = 0;
	r = output_open(o);
	for (size_t i = 0; r == 0 && i < f->n_series; i++) {
		const struct series *s = names_series(f->te->names, f->series[i]);

		r = s ? write_series(f, s, from, to) : 0;
	}
	if (r == 0 && o->info.rows) {
		r = output_close(o);
		if (r == 0) {
			f->manifest.file[f->manifest.n++] = o->info;
			f->manifest.next++;
			f->written[f->n_written++] = day;
		}
	}
	output_done(o);
	return r;
}

static int commit(struct flush *f)
{
	char path[PATH_MAX];
	int r = sheets_write(f->t, f->te, f->written, f->n_written);

	f->manifest.covered = f->t->frozen_seq;
	if (r == 0)
		r = tenant_manifest_path(f->te, path) ? manifest_write(path, f->te->id, &f->manifest) : sys_fail(ENAMETOOLONG, "make", f->te->dir);
	if (r < 0)
		return r;
	/* From here on the new manifest is the truth; should the catalog fail for lack of memory, the flush is tried again and
	 * starts from what is in memory: the same files under the same numbers. */
	r = catalog_set(f->te, &f->manifest);
	if (r == 0) {
		f->te->covered = f->manifest.covered;
		f->te->next_number = f->manifest.next;
	}
	return r;
}

static int flush_days(struct flush *f)
{
	int r = head_frozen_chunks(f->t->head, f->te->names, chunk_days, &f->days);

	if (r == 0)
		r = catalog_manifest(f->te, f->days.n, &f->manifest);
	if (r < 0)
		return r;
	f->out = sys_new(struct output);
	f->written = sys_alloc_array(f->days.n + 1, sizeof(*f->written));
	if (!f->out || !f->written)
		return no_memory();
	f->out->t = f->t;
	f->out->te = f->te;
	f->out->fd = -1;
	for (size_t i = 0; r == 0 && i < f->days.n; i++)
		r = write_day(f, f->days.day[i]);
	return r < 0 ? r : commit(f);
}

static int flush_tenant(struct tsdb *t, struct tenant *te)
{
	struct flush f = { .t = t, .te = te };
	int r = head_frozen_series(t->head, te->names, &f.series, &f.n_series);

	/* Done in an earlier attempt, which failed at another tenant. */
	if (r == 0 && f.n_series && te->covered < t->frozen_seq)
		r = flush_days(&f);
	merge_done(&f.merge);
	pieces_done(&f.pieces);
	manifest_done(&f.manifest);
	sys_free(f.series);
	sys_free(f.days.day);
	sys_free(f.written);
	sys_free(f.out);
	return err_wrap(r, "tenant %u: ", te->id);
}

int flush_frozen(struct tsdb *t)
{
	int64_t begin = clock_mono_ns();
	int r = 0;

	/* Tenants are only ever added; those added since hold nothing in the frozen generation. */
	for (size_t i = 0; r == 0; i++) {
		rwlock_read(&t->tenants_lock);
		struct tenant *te = i < t->n_tenants ? t->tenant[i] : NULL;
		rwlock_unlock(&t->tenants_lock);
		if (!te)
			break;
		r = flush_tenant(t, te);
	}
	if (r < 0)
		return r;
	head_drop(t->head);
	t->flush_ms_last = (uint64_t) (clock_mono_ns() - begin) / NS_PER_MS;
	return 0;
}
