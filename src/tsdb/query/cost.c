/* cost.c - what a query would look at, told by side indexes and head before a page is read. */
#include "base/err.h"
#include "tsdb/tsdb_impl.h"

/* Of a run's samples those that lie in the query's time, as if they were spread evenly. */
static double share(const struct idx_entry *e, const struct tsdb_query *q)
{
	double from = (double) MAX(e->t_min, q->from_ns), to = (double) MIN(e->t_max, q->to_ns), all = (double) e->t_max - (double) e->t_min;

	if (e->t_max < q->from_ns || e->t_min >= q->to_ns)
		return 0;
	return all > 0 ? (double) e->n * CLAMP((to - from) / all, 0.0, 1.0) : (double) e->n;
}

/* Runs that a bucket of this length takes whole need no look at their samples. */
struct wanted { const struct tsdb_query *q; const struct tombs *tombs; const uint32_t *series; size_t n; int64_t bucket_ns; };

static bool may_be_whole(const struct idx_entry *e, const struct wanted *w, const struct file_info *f)
{
	const struct tsdb_query *q = w->q;

	return !tombs_touch(w->tombs, f, e->series, e->t_min, e->t_max) && e->t_min >= q->from_ns && e->t_max < q->to_ns && e->n_used == e->n && (double) e->t_max - (double) e->t_min < (double) w->bucket_ns / 2;
}

/* The file's figures that are coarse enough for the buckets, open; NULL: there are none, or they cannot be read. */
static const struct idx *use_figures(struct file *f, const struct wanted *w, struct file **ret)
{
	int64_t bucket = w->bucket_ns < 0 ? -w->bucket_ns : w->bucket_ns;
	const struct idx *x;

	for (unsigned tier = ROLL_TIERS; tier-- > 0 && !w->q->raw_only;) {
		*ret = bucket >= roll_ns(tier) ? file_roll(f, tier) : NULL;
		if (*ret && file_use(*ret, &x) == 0)
			return x;
		err_clear();
	}
	return NULL;
}

static uint64_t of_run(const struct idx_entry *e, const struct idx *figures, const struct wanted *w, const struct file_info *f)
{
	const struct idx_entry *rows = figures ? idx_find(figures, e->series) : NULL;

	if (may_be_whole(e, w, f))
		return 1;
	return (uint64_t) share(rows && !tombs_touch(w->tombs, f, e->series, e->t_min, e->t_max) ? rows : e, w->q);
}

static int of_bare(struct file *f, const struct wanted *w, struct tsdb_cost *cost)
{
	for (unsigned tier = 0; tier < ROLL_TIERS; tier++) {
		struct file *part = file_roll(f, tier);
		const struct idx *x;

		if (!part)
			continue;
		int r = file_use(part, &x);
		if (r < 0)
			return r;
		cost->files++;
		for (size_t i = 0; i < w->n; i++) {
			const struct idx_entry *e = idx_find(x, w->series[i]);

			cost->samples += e ? (uint64_t) share(e, w->q) : 0;
		}
		file_leave(part);
		return 0;
	}
	return 0;
}

static int of_file(struct file *f, const struct wanted *w, struct tsdb_cost *cost)
{
	const struct file_info *info = file_info(f);
	const uint32_t *series = w->series;
	const struct idx *x;
	struct file *part;
	size_t n = w->n;

	if (info->t_max < w->q->from_ns || info->t_min >= w->q->to_ns || !n || series[0] > info->series_max || series[n - 1] < info->series_min)
		return 0;
	/* Its samples are gone: figures are looked at, whatever is wanted. */
	if (!(info->parts & PART_RAW))
		return of_bare(f, w, cost);
	int r = file_use(f, &x);
	if (r < 0)
		return r;
	const struct idx *figures = use_figures(f, w, &part);
	cost->files++;
	for (size_t i = 0; i < n; i++) {
		const struct idx_entry *e = idx_find(x, series[i]);

		if (e)
			cost->samples += of_run(e, figures, w, info);
	}
	if (figures)
		file_leave(part);
	file_leave(f);
	return 0;
}

static int of_head(struct reader *rd, uint32_t number, struct tsdb_cost *cost)
{
	const struct series *s = names_series(rd->te->names, number);
	int r = s ? reader_pieces(rd, s, rd->q->from_ns, rd->q->to_ns) : 0;

	for (size_t i = 0; s && r == 0 && i < rd->pieces.n; i++)
		cost->samples += rd->pieces.item[i].copy ? rd->pieces.item[i].span.n : CHUNK_ROWS;
	pieces_clear(&rd->pieces);
	return r;
}

int tsdb_cost(struct tsdb *t, const struct tsdb_query *q, int64_t bucket_ns, struct tsdb_cost *ret)
{
	struct tenant *te = tenant_find(t, q->tenant);
	struct tsdb_cost cost = { .series = q->n_series };
	_cleanup_free_ uint32_t *series = NULL;
	struct reader rd;
	size_t n = 0;

	if (!te || q->from_ns >= q->to_ns) {
		*ret = cost;
		return 0;
	}
	int r = query_series(q, &series, &n);
	if (r < 0)
		return r;
	r = reader_open(t, te, q, &rd);
	for (size_t i = 0; i < n && r == 0; i++)
		r = of_head(&rd, series[i], &cost);
	if (r == 0)
		r = reader_refresh(&rd);
	for (size_t i = 0; r == 0 && i < rd.n_scans; i++) {
		r = query_check(q);
		if (r == 0)
			r = of_file(rd.catalog->file[i], &(struct wanted) { q, rd.catalog->tombs, series, n, bucket_ns }, &cost);
		if (r < 0 && r != -ERR_TIMEOUT && r != -ERR_CANCELLED && r != -ERR_NO_MEMORY) {
			err_clear();            /* the query itself says which file it is */
			r = 0;
		}
	}
	reader_close(&rd);
	if (r == 0)
		*ret = cost;
	return r;
}
