/* reader.c - a query's view: head and files of one series after the other, merged. */
#include "tsdb/keep/retain_impl.h"

#include <stdlib.h>

#include "base/err.h"

/* Beyond so many files their pages are not kept from series to series. */
/* Fewer samples than this are as soon read as their figures. */
enum { KEEP_FILES = 48, CHECK_EVERY = 16, ROLL_SAMPLES_MIN = 2048 };

static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "a query", NULL); }

int query_check(const struct tsdb_query *q)
{
	if (q->cancel && __atomic_load_n(q->cancel, __ATOMIC_RELAXED))
		return err_fail(ERR_CANCELLED, "what", "query", NULL);
	if (q->deadline_ns && clock_mono_ns() >= q->deadline_ns)
		return err_fail(ERR_TIMEOUT, "what", "query", NULL);
	return 0;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

	return (x > y) - (x < y);
}

int query_series(const struct tsdb_query *q, uint32_t **ret, size_t *ret_n)
{
	uint32_t *s = sys_alloc_array(q->n_series + 1, sizeof(*s));
	size_t n = 0;

	if (!s)
		return no_memory();
	if (q->n_series) {
		memcpy(s, q->series, q->n_series * sizeof(*s));
		qsort(s, q->n_series, sizeof(*s), by_number);
	}
	for (size_t i = 0; i < q->n_series; i++)
		if (n == 0 || s[n - 1] != s[i])
			s[n++] = s[i];
	*ret = s;
	*ret_n = n;
	return 0;
}

int reader_open(struct tsdb *t, struct tenant *te, const struct tsdb_query *q, struct reader *ret)
{
	*ret = (struct reader) { .t = t, .te = te, .q = q };
	if (q->lease && lease_tenant(q->lease) != te)
		return err_fail(ERR_BROKEN, "detail", "a query with the lease of another tenant", NULL);
	return kit_take(&t->kits, &ret->kit);
}

static void free_scans(struct reader *rd)
{
	merge_know_rolls(&rd->merge, &(struct known_rolls) { 0 });
	for (size_t i = 0; i < rd->n_scans; i++)
		scan_free(rd->scan[i]);
	for (size_t i = 0; i < rd->n_scans * ROLL_TIERS; i++)
		roll_scan_free(rd->roll[i]);
	rd->scan = sys_free(rd->scan);
	rd->roll = sys_free(rd->roll);
	rd->n_scans = 0;
}

void reader_close(struct reader *rd)
{
	if (rd->rolled)
		rd->t->rolled += rd->rolled;
	merge_done(&rd->merge);
	pieces_done(&rd->pieces);
	free_scans(rd);
	catalog_unref(rd->catalog);
	sys_free(rd->mixed.day);
	if (rd->t)
		kit_give(&rd->t->kits, rd->kit);
	*rd = (struct reader) { 0 };
}

/* A lease is of files alone. */
int reader_pieces(struct reader *rd, const struct series *s, int64_t from, int64_t to)
{
	pieces_clear(&rd->pieces);      /* those of the series read before this one */
	return rd->q->lease ? 0 : head_pieces(rd->t->head, rd->te->names, s, (struct head_range) { from, to, false }, &rd->pieces);
}

/* Samples go from the head to files, never back: who looks at the head first and takes the catalog then misses none. What is seen in
 * both is one sample after the merge. */
int reader_refresh(struct reader *rd)
{
	if (rd->catalog && (rd->q->lease || rd->catalog->version == rd->te->version))
		return 0;
	struct catalog *now = rd->q->lease ? lease_catalog(rd->q->lease) : catalog_ref(rd->te);
	struct scan **scan = sys_alloc_array(now->n + 1, sizeof(*scan));
	struct roll_scan **roll = sys_alloc_array((now->n + 1) * ROLL_TIERS, sizeof(*roll));

	if (!scan || !roll) {
		sys_free(scan);
		sys_free(roll);
		catalog_unref(now);
		return no_memory();
	}
	/* Numbers only grow: scans of files that stayed keep their pages. */
	for (size_t i = 0, j = 0; i < rd->n_scans && j < now->n;) {
		uint64_t a = file_info(rd->catalog->file[i])->number, b = file_info(now->file[j])->number;

		if (a == b)
			scan[j] = take(rd->scan[i]);
		for (unsigned k = 0; a == b && k < ROLL_TIERS; k++)
			roll[j * ROLL_TIERS + k] = take(rd->roll[i * ROLL_TIERS + k]);
		i += a <= b;
		j += b <= a;
	}
	free_scans(rd);
	catalog_unref(rd->catalog);
	rd->mixed.day = sys_free(rd->mixed.day);
	rd->catalog = now;
	rd->scan = scan;
	rd->roll = roll;
	rd->n_scans = now->n;
	return 0;
}

int reader_scan(struct reader *rd, size_t file, struct scan **ret)
{
	if (!rd->scan[file]) {
		int r = scan_new(rd->catalog->file[file], rd->kit->scratch, &rd->scan[file]);

		if (r < 0)
			return r;
		scan_want_scaled(rd->scan[file], rd->scaled);
	}
	*ret = rd->scan[file];
	return 0;
}

static bool overlaps(const struct file_info *f, uint32_t series, int64_t from, int64_t to)
{
	return f->series_min <= series && series <= f->series_max && f->t_max >= from && (f->t_min < to || to == INT64_MAX);
}

/* Of the run's samples those between from and to, as if they were spread evenly. */
static double share(const struct idx_entry *e, int64_t from, int64_t to)
{
	double a = (double) MAX(e->t_min, from), b = (double) MIN(e->t_max, to), all = (double) e->t_max - (double) e->t_min;

	return all > 0 ? (double) e->n * CLAMP((b - a) / all, 0.0, 1.0) : (double) e->n;
}

/* 1: the file has figures of the series. Lost or torn ones are passed over: the samples say the same, and the next merge makes them anew. */
static int find_figures(struct reader *rd, size_t file, unsigned tier, uint32_t series, struct idx_entry *ret)
{
	struct file *part = file_roll(rd->catalog->file[file], tier);
	struct roll_scan **c = &rd->roll[file * ROLL_TIERS + tier];
	int r = 0;

	if (!part)
		return 0;
	if (!*c)
		r = roll_scan_new(part, rd->kit->scratch, c);
	if (r == 0)
		r = roll_find(*c, series, ret);
	if (r == -ERR_MISSING || r == -ERR_CORRUPT) {
		file_set_aside(part, INT64_MAX);
		err_clear();
		r = 0;
	}
	return r;
}

/* Beside the samples that were added last, or in their place. */
static int add_figures(struct reader *rd, size_t file, uint32_t series, unsigned tiers)
{
	int r = 0;

	for (unsigned tier = 0; tier < ROLL_TIERS && r >= 0; tier++) {
		struct idx_entry e;

		r = tiers & 1u << tier ? find_figures(rd, file, tier, series, &e) : 0;
		if (r > 0)
			merge_add_rolls(&rd->merge, tier, rd->roll[file * ROLL_TIERS + tier], &e);
	}
	return MIN(r, 0);
}

static int is_mixed(struct reader *rd, int32_t day, bool *ret)
{
	int r = rd->mixed.day ? 0 : retain_mixed(rd->catalog, &rd->mixed);

	*ret = r == 0 && retain_is_mixed(&rd->mixed, day);
	return r;
}

/* The parts of the file that may be looked at for the series. */
int reader_parts(struct reader *rd, size_t file, const struct series *s, uint8_t *ret)
{
	const struct file_info *f = file_info(rd->catalog->file[file]);
	uint8_t may = retain_parts(rd->t, rd->te, s, f->day), has = 0;
	struct idx_entry e;

	*ret = f->parts;
	if (may == PARTS_ALL)
		return 0;
	for (unsigned tier = 0; tier < ROLL_TIERS; tier++) {
		int r = find_figures(rd, file, tier, s->number, &e);

		if (r < 0)
			return r;
		has |= r > 0 ? roll_part(tier) : 0;
	}
	bool mixed = false;
	int r = has && !(may & PART_RAW) && f->parts & PART_RAW ? is_mixed(rd, f->day, &mixed) : 0;
	if (r < 0)
		return r;
	has = mixed ? 0 : has;
	*ret = f->parts & may & ~PART_RAW;
	if (f->parts & PART_RAW && retain_raw(may, has, s))
		*ret |= PART_RAW;
	return 0;
}

int reader_figures(struct reader *rd, size_t file, const struct series *s, uint8_t parts, struct rolls *ret)
{
	struct idx_entry e;
	int r = 0;

	for (unsigned tier = 0; tier < ROLL_TIERS && r == 0; tier++) {
		struct roll_scan **c = &rd->roll[file * ROLL_TIERS + tier];

		r = parts & roll_part(tier) ? find_figures(rd, file, tier, s->number, &e) : 0;
		if (r <= 0)
			continue;
		r = roll_read(*c, &e, s->type, false, ret);
		if (!rd->merge.keep)
			roll_detach(*c);
		return r < 0 ? r : 1;
	}
	return r;
}

/* The last sample of a row that ends before the instant, where no row goes beyond it: *ret_i is the row. */
static bool ends_before(const struct rolls *r, int64_t before, uint32_t *ret_i)
{
	uint32_t i = rolls_until(r, 0, r->n, before);

	if (!i || (i < r->n && r->t_min[i] < before))
		return false;
	*ret_i = --i;
	return (!r->used || r->used[i] == r->count[i]) && (!r->worst || !r->worst[i]);
}

int reader_minute(struct reader *rd, size_t file, const struct idx_entry *samples, int64_t before, struct sample *ret)
{
	struct roll_scan **c = &rd->roll[file * ROLL_TIERS + ROLL_MINUTE];
	struct idx_entry e;
	bool found = false;
	uint32_t i;
	int r = rd->tiers & 1u << ROLL_MINUTE ? find_figures(rd, file, ROLL_MINUTE, samples->series, &e) : 0;

	if (r <= 0)
		return r;
	struct rolls *rolls = merge_room_for_rolls(&rd->merge);
	if (!rolls)
		return no_memory();
	r = roll_read(*c, &e, samples->type, rd->merge.lean, rolls);
	if (r == 0 && rolls->row[rolls->n] == samples->n && ends_before(rolls, before, &i)) {
		*ret = (struct sample) { .series = samples->series, .time_ns = rolls->t_max[i], .value = roll_last(rolls, i) };
		found = true;
	}
	if (r == 0 && rd->merge.keep) {
		merge_know_rolls(&rd->merge, &(struct known_rolls) { rolls, *c, samples->series, rd->merge.lean });
	} else {
		merge_give_rolls(&rd->merge, rolls);
		roll_detach(*c);
	}
	if (r < 0 && r != -ERR_NO_MEMORY) {
		roll_set_aside(*c);
		err_clear();
		r = 0;
	}
	return r < 0 ? r : found;
}

/* The samples are gone: what sums them up is all there is. */
static int add_bare(struct reader *rd, size_t file, const struct series *s, uint8_t parts)
{
	const struct file_info *f = file_info(rd->catalog->file[file]);
	unsigned tiers = 0;
	struct idx_entry e;
	int r = 0;

	for (unsigned tier = 0; tier < ROLL_TIERS; tier++)
		if (parts & roll_part(tier))
			tiers |= 1u << tier;
	for (unsigned tier = 0; tier < ROLL_TIERS && r == 0; tier++)
		r = tiers & 1u << tier ? find_figures(rd, file, tier, s->number, &e) : 0;
	if (r <= 0 || e.t_max < rd->merge.from || (e.t_min >= rd->merge.to && rd->merge.to != INT64_MAX))
		return MIN(r, 0);
	r = merge_add_bare(&rd->merge, f, &e, s->type);
	return r < 0 ? r : add_figures(rd, file, s->number, tiers);
}

static int add_rows(struct reader *rd, size_t file, const struct series *s)
{
	size_t before = rd->merge.n;
	struct idx_entry e;
	struct scan *c;
	int r = reader_scan(rd, file, &c);

	if (r == 0)
		r = scan_find(c, s->number, &e);
	if (r <= 0)
		return r;
	r = merge_add_rows(&rd->merge, c, &e, s->type);
	const struct source *src = rd->merge.n > before ? &rd->merge.source[before] : NULL;
	/* Where something is deleted, the figures still count it. */
	if (r == 0 && src && rd->tiers && roll_has(s->type) && src->tomb == src->tomb_end &&
			share(&e, rd->merge.from, rd->merge.to) >= ROLL_SAMPLES_MIN)
		r = add_figures(rd, file, s->number, rd->tiers);
	return r;
}

static int add_file(struct reader *rd, size_t file, const struct series *s)
{
	uint8_t parts;
	int r = reader_parts(rd, file, s, &parts);

	if (r < 0)
		return r;
	if (parts & PART_RAW)
		return add_rows(rd, file, s);
	return rd->figures && parts && roll_has(s->type) ? add_bare(rd, file, s, parts) : 0;
}

int reader_series(struct reader *rd, const struct series *s, int64_t from, int64_t to)
{
	size_t n = 0;
	int r;

	/* In memory, too: what is in no file yet has no day of a file that hides it. */
	from = MIN(MAX(from, retain_from(rd->t, rd->te, s)), to);
	merge_begin(&rd->merge, from, to);
	r = query_check(rd->q);
	if (r == 0)
		r = reader_pieces(rd, s, from, to);
	if (r == 0)
		r = reader_refresh(rd);
	if (r == 0)
		rd->merge.tombs = rd->catalog->tombs;
	for (size_t i = 0; r >= 0 && i < rd->n_scans; i++) {
		if (!overlaps(file_info(rd->catalog->file[i]), s->number, from, to))
			continue;
		n++;
		r = add_file(rd, i, s);
	}
	rd->merge.keep = rd->q->n_series > 1 && n <= KEEP_FILES;
	/* Files first: their rank is lower, but order decides nothing between ranks. */
	return r < 0 ? r : merge_add_pieces(&rd->merge, &rd->pieces);
}

int reader_next(struct reader *rd, struct span *ret)
{
	if (rd->until_check-- == 0) {
		int r = query_check(rd->q);

		rd->until_check = CHECK_EVERY;
		if (r < 0)
			return r;
	}
	int r = merge_next(&rd->merge, ret);
	if (r == 3)
		rd->rolled += rd->merge.figures.n;
	return r;
}
