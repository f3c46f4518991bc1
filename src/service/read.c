/* read.c - points and samples for those who may see them. */
#include "service/read.h"

#include "base/str.h"
#include "base/when.h"
#include "service/reach.h"
#include "sys/sys.h"

int read_points(struct scope *s, const char *const *texts, uint32_t n, struct plant_point **ret)
{
	struct plant_point *points = arena_array(s->arena, struct plant_point, MAX(n, 1u));
	int r = scope_need_somewhere(s, PERM_SAMPLE_READ);

	if (r == 0 && !points)
		r = err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	for (uint32_t i = 0; r == 0 && i < n; i++) {
		r = plant_resolve(s->platform->plant, s->tenant, texts[i], s->arena, &points[i]);
		if (r == 0 && !reach_device(s, PERM_SAMPLE_READ, &points[i].device))    /* as if it was not there */
			r = err_fail(ERR_MISSING, "what", "@point", "value", texts[i], NULL);
		if (r < 0)
			err_at(err_at_index(r, i), "points");
	}
	if (r == 0)
		*ret = points;
	return r;
}

static int all_with(struct scope *s, const struct uuid *labels, uint32_t n, struct plant_point **ret, uint32_t *ret_n)
{
	struct plant_point *list = arena_array(s->arena, struct plant_point, READ_POINTS_MAX);
	uint32_t found = 0;

	if (!list)
		return err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	for (uint32_t i = 0; i < n; i++) {
		struct plant_point *some;
		int k = plant_labelled(s->platform->plant, s->tenant, &labels[i], NULL, s->arena, &some);

		if (k < 0)
			return k;
		for (const struct plant_point *p = some; p < some + k; p++) {
			if (!reach_device(s, PERM_SAMPLE_READ, &p->device) || plant_wears(p, labels, i))    /* taken with an earlier one */
				continue;
			if (found == READ_POINTS_MAX)
				return err_at(err_fail(ERR_LIMIT, "what", "@points_of_labels", "max", "1000", NULL), "labels");
			list[found++] = *p;
		}
	}
	*ret = list;
	*ret_n = found;
	return 0;
}

int read_labelled(struct scope *s, const char *const *labels, uint32_t n_labels, struct plant_point **points, uint32_t *n)
{
	struct uuid *ids = arena_array(s->arena, struct uuid, n_labels);
	int r = scope_need_somewhere(s, PERM_SAMPLE_READ);
	struct plant_label l;
	uint32_t kept = 0;

	if (r == 0 && !ids)
		r = err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	for (uint32_t i = 0; r == 0 && i < n_labels; i++) {
		r = plant_label(s->platform->plant, s->tenant, "labels", labels[i], s->arena, &l);
		if (r == -ERR_NO_SUCH_REF)
			return err_at(err_at_index(err_fail(ERR_NO_SUCH_REF, "field", "labels", "what", "@label", "value", labels[i], NULL), i), "labels");
		ids[i] = l.id;
	}
	if (r < 0)
		return r;
	if (!*points)
		return all_with(s, ids, n_labels, points, n);
	for (uint32_t i = 0; i < *n; i++)
		if (plant_wears(&(*points)[i], ids, n_labels))
			(*points)[kept++] = (*points)[i];
	*n = kept;
	return 0;
}

/* The series numbers of all points, older ones of the same point included. */
static int series_of(struct scope *s, const struct read_range *range, uint32_t **ret, size_t *ret_n)
{
	enum { OLDER_MAX = 8 };
	uint32_t *series = arena_array(s->arena, uint32_t, (size_t) range->n * OLDER_MAX + 1);
	size_t n = 0;

	if (!series)
		return err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	for (uint32_t i = 0; i < range->n; i++) {
		size_t k = tsdb_series_of(s->platform->tsdb, s->tenant, &range->points[i].id, series + n, OLDER_MAX);

		n += MIN(k, (size_t) OLDER_MAX);
	}
	*ret = series;
	*ret_n = n;
	return 0;
}

/* Who hands in points got them from read_points(), or answers for them here. */
static int may_read(struct scope *s, const struct plant_point *points, uint32_t n)
{
	int r = scope_need_somewhere(s, PERM_SAMPLE_READ);

	for (uint32_t i = 0; r == 0 && i < n && !scope_may(s, PERM_SAMPLE_READ); i++)
		r = reach_need_device(s, PERM_SAMPLE_READ, &points[i].device);
	return r;
}

static int query_of(struct scope *s, const struct read_range *range, struct tsdb_query *ret)
{
	uint32_t *series = NULL;
	size_t n = 0;
	int r = may_read(s, range->points, range->n);

	if (r == 0)
		r = series_of(s, range, &series, &n);
	if (r < 0)
		return r;
	*ret = (struct tsdb_query) { .tenant = s->tenant, .series = series, .n_series = n, .from_ns = range->from_ns, .to_ns = range->to_ns,
		.limit = range->limit, .deadline_ns = s->deadline_ns, .cancel = s->cancel };
	return 0;
}

/* Refused before it begins rather than after a minute. */
static int may_cost_at(struct scope *s, const struct tsdb_query *q, int64_t bucket)
{
	struct tsdb_cost cost = { 0 };
	char samples[24], max[24];
	struct buf n = BUF_FIXED(samples), m = BUF_FIXED(max);
	int r = tsdb_cost(s->platform->tsdb, q, bucket, &cost);

	uint64_t most = s->platform->query_samples ? s->platform->query_samples : READ_SAMPLES_MAX;
	if (r < 0 || cost.samples <= most)
		return r;
	buf_addf(&n, "%llu", (unsigned long long) cost.samples);
	buf_addf(&m, "%llu", (unsigned long long) most);
	return err_fail(ERR_TOO_COSTLY, "value", samples, "max", max, NULL);
}

static int may_cost(struct scope *s, const struct tsdb_query *q, const struct tsdb_step *step)
{
	bool plain = !step->want && !step->n_quantiles && step->between == TSDB_STEP;

	return may_cost_at(s, q, !plain ? 0 : step->n_borders > 1 ? step->border[1] - step->border[0] : step->step_ns ? step->step_ns : INT64_MAX);
}

int read_range(struct scope *s, const struct read_range *range, tsdb_batch_fn on_batch, void *ctx)
{
	struct tsdb_query q;
	int r = query_of(s, range, &q);

	if (r == 0 && range->pixels)
		r = may_cost_at(s, &q, -(int64_t) MIN((uint64_t) (range->to_ns - range->from_ns) / range->pixels, (uint64_t) INT64_MAX));
	if (r < 0)
		return r;
	if (range->pixels && range->lttb)
		return tsdb_lttb(s->platform->tsdb, &q, range->pixels, on_batch, ctx);
	return range->pixels ? tsdb_plot(s->platform->tsdb, &q, range->pixels, on_batch, ctx) : tsdb_range(s->platform->tsdb, &q, on_batch, ctx);
}

int read_buckets(struct scope *s, const struct read_range *range, const struct tsdb_step *step, tsdb_buckets_fn on_buckets, void *ctx)
{
	struct tsdb_query q;
	int r = query_of(s, range, &q);

	if (r == 0)
		r = may_cost(s, &q, step);
	return r < 0 ? r : tsdb_aggregate(s->platform->tsdb, &q, step, on_buckets, ctx);
}

int read_last(struct scope *s, const struct plant_point *points, uint32_t n, struct sample *ret)
{
	uint32_t *series = arena_array(s->arena, uint32_t, n + 1u);
	int r = may_read(s, points, n);

	if (r == 0 && !series)
		r = err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	for (uint32_t i = 0; r == 0 && i < n; i++)
		series[i] = points[i].series;
	return r < 0 ? r : tsdb_last(s->platform->tsdb, s->tenant, series, n, s->arena, ret);
}
