/* output.c - one file being written: rows as columns, synced under a temporary name, then put into its day's folder. */
#include "tsdb/output.h"

#include <errno.h>
#include <fcntl.h>

#include "base/err.h"
#include "parquet/parquet.h"
#include "tsdb/decimal.h"

enum { TEXT_PIECE = 256 << 10, SYNC_BYTES = 4 << 20 };

/* --- Rows */

static bool has_value(const struct span *s, uint32_t i) { return !s->cell || s->cell[i] == CELL_VALUE; }

typedef int64_t v2i __attribute__((vector_size(16)));

static inline v2i load2(const int64_t *p)
{
	v2i v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Times of a clock: whole microseconds, one step apart. Told without a division for each, two and two side by side. */
static bool steady(const struct span *s, int64_t *ret_step)
{
	const int64_t *t = s->t;
	int64_t step = s->n > 1 ? (int64_t) ((uint64_t) t[1] - (uint64_t) t[0]) : 0;
	v2i other = { 0 }, steps = { step, step };
	uint32_t i = 1;

	for (; i + 2 <= s->n; i += 2)
		other |= (load2(t + i) - load2(t + i - 1)) ^ steps;
	if (i < s->n)
		other[0] |= (int64_t) ((uint64_t) t[i] - (uint64_t) t[i - 1]) ^ step;
	*ret_step = step;
	return !(other[0] | other[1]) && t[0] % 1000 == 0 && step % 1000 == 0;
}

static void put_times(struct output *o, const struct span *s)
{
	int64_t step;
	uint32_t odd = 0;

	if (steady(s, &step)) {
		int64_t us = s->t[0] / 1000;

		step /= 1000;
		for (uint32_t i = 0; i < s->n; i++, us += step)
			o->bits[i] = (uint64_t) us;
		pq_write_values(o->w, COL_TS, o->bits, NULL, s->n);
		pq_write_nulls(o->w, COL_NS, s->n);
		return;
	}
	for (uint32_t i = 0; i < s->n; i++) {
		int64_t us = s->t[i] / 1000 - (s->t[i] % 1000 < 0);

		o->bits[i] = (uint64_t) us;
		o->m[i] = (int64_t) ((uint64_t) s->t[i] - (uint64_t) us * 1000);
		o->is_m[i] = o->m[i] != 0;
		odd += o->is_m[i];
	}
	pq_write_values(o->w, COL_TS, o->bits, NULL, s->n);
	if (odd)
		pq_write_values(o->w, COL_NS, (const uint64_t *) o->m, o->is_m, s->n);
	else
		pq_write_nulls(o->w, COL_NS, s->n);
}

static void put_lags(struct output *o, const struct span *s)
{
	if (!s->lag && s->lag_all == LAG_UNKNOWN) {
		pq_write_nulls(o->w, COL_LAG, s->n);
		return;
	}
	if (!s->lag) {
		pq_write_const(o->w, COL_LAG, (uint64_t) (int64_t) s->lag_all, s->n);
		return;
	}
	for (uint32_t i = 0; i < s->n; i++) {
		int32_t lag = s->lag[i];

		o->bits[i] = (uint64_t) (int64_t) lag;
		o->is_bits[i] = lag != LAG_UNKNOWN;
	}
	pq_write_values(o->w, COL_LAG, o->bits, o->is_bits, s->n);
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
		pq_write_values(o->w, COL_Q, o->bits, o->is_bits, s->n);
	else
		pq_write_nulls(o->w, COL_Q, s->n);
}

/* Whole numbers and bools: m, with exponent 0. True: all have a value, and nothing but *ret_m was set. */
static bool put_whole(struct output *o, const struct span *s, const uint64_t **ret_m)
{
	if (!s->cell && s->type != V_BOOL) {
		*ret_m = s->v;
		o->e[0] = 0;
		return true;
	}
	for (uint32_t i = 0; i < s->n; i++) {
		o->m[i] = s->type == V_BOOL ? ((const uint8_t *) s->v)[i] : ((const int64_t *) s->v)[i];
		o->e[i] = 0;
		o->is_m[i] = has_value(s, i);
	}
	memset(o->is_bits, 0, s->n);
	return false;
}

static bool is_one(const uint8_t *v, uint32_t n) { return n < 2 || memcmp(v, v + 1, n - 1) == 0; }

/* True: all are decimals of one exponent, and nothing but o->m was filled in. */
static bool put_real(struct output *o, const struct span *s, uint32_t series)
{
	if (o->hint_series != series)
		o->hint = 0;
	o->hint_series = series;
	size_t n = s->type == V_F32 ? decimal_run_f32(s->v, s->n, &o->hint, o->m, o->e, o->is_m) :
		decimal_run_f64(s->v, s->n, &o->hint, o->m, o->e, o->is_m);
	if (n == s->n && !s->cell && is_one(o->e, s->n))
		return true;
	for (uint32_t i = 0; i < s->n; i++) {
		uint64_t bits = 0;

		memcpy(&bits, (const char *) s->v + (size_t) i * slot_width(s->type), slot_width(s->type));
		o->bits[i] = bits;
		o->is_m[i] = n && o->is_m[i] && has_value(s, i);
		o->is_bits[i] = !o->is_m[i] && has_value(s, i);
	}
	return false;
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

	const uint64_t *m = (const uint64_t *) o->m;

	pq_write_nulls(o->w, other, s->n);
	if (real ? put_real(o, s, series) : put_whole(o, s, &m)) {
		pq_write_nulls(o->w, bits, s->n);
		pq_write_values(o->w, COL_M, m, NULL, s->n);
		pq_write_const(o->w, COL_E, o->e[0], s->n);
		return;
	}
	if (any(o->is_bits, s->n))
		pq_write_values(o->w, bits, o->bits, o->is_bits, s->n);
	else
		pq_write_nulls(o->w, bits, s->n);
	if (!any(o->is_m, s->n)) {
		pq_write_nulls(o->w, COL_M, s->n);
		pq_write_nulls(o->w, COL_E, s->n);
		return;
	}
	pq_write_values(o->w, COL_M, (const uint64_t *) o->m, o->is_m, s->n);
	for (uint32_t i = 0; i < s->n; i++)
		o->bits[i] = o->e[i];
	pq_write_values(o->w, COL_E, o->bits, o->is_m, s->n);
}

static void put_texts(struct output *o, const struct span *s)
{
	for (unsigned c = COL_M; c <= COL_D; c++)
		pq_write_nulls(o->w, c, s->n);
	for (uint32_t i = 0; i < s->n; i++) {
		const uint8_t *p = ((const uint8_t *const *) s->v)[i];
		uint32_t len;

		if (!has_value(s, i)) {
			pq_write_nulls(o->w, COL_S, 1);
			continue;
		}
		memcpy(&len, p, sizeof(len));
		pq_write_text(o->w, COL_S, p + sizeof(len), len);
	}
}

/* How many rows go in at once: what fits into the page, texts not too many bytes. */
static uint32_t piece_rows(const struct output *o, const struct span *s)
{
	uint32_t n = MIN(MIN(s->n, pq_writer_room(o->w)), (uint32_t) PQ_PAGE_ROWS), bytes = 0;

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

/* What a large file has in memory when it is synced at last, the log's next sync waits for. */
static int sync_some(struct output *o)
{
	uint64_t at = pq_writer_total_bytes(o->w);

	if (!o->gentle || at - o->synced < SYNC_BYTES)
		return 0;
	o->synced = at;
	return sys.fdatasync(o->fd) < 0 ? sys_fail(errno, "sync", o->temp) : 0;
}

int output_put(struct output *o, uint32_t series, const struct span *all)
{
	for (uint32_t at = 0, n; at < all->n; at += n) {
		struct span s = span_part(all, at, all->n - at);

		s.n = n = piece_rows(o, &s);
		pq_write_const(o->w, COL_SERIES, series, n);
		put_times(o, &s);
		put_lags(o, &s);
		put_quality(o, &s);
		if (s.type == V_STR || s.type == V_BYTES) {
			put_texts(o, &s);
		} else {
			put_numbers(o, &s, series);
			pq_write_nulls(o->w, COL_S, n);
		}
		int r = pq_write_rows(o->w, n);

		if (r < 0)
			return r;
	}
	if (!all->n)
		return 0;
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
	int r = idx_add(&o->idx, series, all);
	return r < 0 ? r : sync_some(o);
}

/* --- A file */

struct output *output_new(struct tsdb *t, struct tenant *te)
{
	struct output *o = sys_new(struct output);

	if (!o) {
		err_fail(ERR_NO_MEMORY, "what", "a file of samples", NULL);
		return NULL;
	}
	o->t = t;
	o->te = te;
	o->fd = -1;
	return o;
}

struct output *output_free(struct output *o)
{
	if (!o)
		return NULL;
	output_drop(o);
	return sys_free(o);
}

static const char *number_text(char room[24], uint64_t n)
{
	struct buf b = { .data = room, .room = 24, .max = 24 };

	buf_addf(&b, "%llu", (unsigned long long) n);
	return room;
}

void output_pack(struct output *o, bool day)
{
	o->compact = day && o->t->config.compact;
	o->zstd = o->compact ? COMPACT_ZSTD : MERGED_ZSTD;
	o->quick = false;
}

uint32_t output_page_rows(const struct output *o) { return o->compact ? COMPACT_PAGE_ROWS : PQ_PAGE_ROWS; }

int output_open(struct output *o, const struct file_info *info)
{
	struct buf b = BUF_FIXED(o->temp), i = BUF_FIXED(o->temp_idx);
	unsigned long long id = info->number;

	o->temp[0] = o->temp_idx[0] = 0;
	o->info = *info;
	o->info.parts = PART_RAW;
	o->hint_series = 0;
	o->synced = 0;
	buf_addf(&b, "%s/tmp/tsdb-%u-%llu.parquet", o->t->data, o->te->id, id);
	buf_addf(&i, "%s/tmp/tsdb-%u-%llu.idx", o->t->data, o->te->id, id);
	if (b.failed || i.failed || !tenant_file_base(o->te, info->day, info->number, o->base))
		return sys_fail(ENAMETOOLONG, "make", o->t->data);
	const char *const meta[] = { "tenon.layout", "1", "tenon.number", number_text(o->text[0], id), "tenon.log", number_text(o->text[1], o->covered),
		"tenon.level", number_text(o->text[2], (uint64_t) info->level), "tenon.rank", number_text(o->text[3], info->rank),
		o->compact ? "tenon.profile" : NULL, "compact", NULL };
	memcpy(o->meta, meta, sizeof(meta));
	int r = file_open(o->temp, O_WRONLY | O_CREAT | O_TRUNC, 0640, &o->fd);
	if (r < 0)
		return r;
	return pq_writer_new(&o->w, &(struct pq_writer_config) { .cols = sample_cols, .n_cols = SAMPLE_COLS, .n_sorted = 2, .created_by = o->t->created_by,
		.meta = o->meta, .fd = o->fd, .page_rows = output_page_rows(o), .level = o->zstd, .level_large = o->compact ? o->zstd : MIN(o->zstd, (int) LARGE_ZSTD),
		.quick = o->quick });
}

static int put_in_place(struct output *o)
{
	char dir[PATH_MAX], path[PATH_MAX], path_idx[PATH_MAX];
	struct buf b = BUF_FIXED(path), i = BUF_FIXED(path_idx);

	path[0] = path_idx[0] = 0;
	buf_addf(&b, "%s.parquet", o->base);
	buf_addf(&i, "%s.idx", o->base);
	if (b.failed || i.failed || !tenant_day_path(o->te, o->info.day, dir))
		return sys_fail(ENAMETOOLONG, "make", o->base);
	int r = dir_make(dir, 0750);
	if (r == 0 && sys.rename(o->temp_idx, path_idx) < 0)
		r = sys_fail(errno, "rename", o->temp_idx);
	return r < 0 ? r : file_rename(o->temp, path);
}

int output_close(struct output *o)
{
	struct pq_layout l;
	int r = pq_writer_finish(o->w);

	if (r == 0 && sys.fsync(o->fd) < 0)
		r = sys_fail(errno, "sync", o->temp);
	if (r == 0)
		r = pq_writer_layout(o->w, &l);
	o->info.bytes = pq_writer_total_bytes(o->w);
	o->info.written_ns = clock_now_ns();
	if (r == 0)
		r = idx_write(o->temp_idx, &o->idx, &l, o->info.bytes);
	if (r == 0)
		r = put_in_place(o);
	output_drop(o);
	return r;
}

void output_drop(struct output *o)
{
	if (o->fd >= 0)
		sys.close(o->fd);
	o->fd = -1;
	pq_writer_free(take(o->w));
	idx_builder_done(&o->idx);
	if (o->temp[0])
		sys.unlink(o->temp);
	if (o->temp_idx[0])
		sys.unlink(o->temp_idx);
	o->temp[0] = o->temp_idx[0] = 0;
}
