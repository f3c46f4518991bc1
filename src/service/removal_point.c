/* removal_point.c - which series a removal means, how many samples they have, and taking them out of history and live values. */
#include <stdlib.h>

#include "base/when.h"
#include "bus/bus.h"
#include "plant/plant.h"
#include "service/internal.h"
#include "service/reach.h"
#include "service/removal.h"
#include "tsdb/tsdb.h"
#include "wal/wal.h"

enum { OLDER_MAX = 8, WAIT_MS = 60000 };

static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "@list", NULL); }

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

	return (x > y) - (x < y);
}

int removal_series(struct scope *s, const struct uuid *points, uint32_t n, uint32_t **ret, uint32_t *ret_n)
{
	uint32_t *series = arena_array(s->arena, uint32_t, (size_t) n * OLDER_MAX + 1);
	size_t k = 0;

	if (!series)
		return no_memory();
	for (uint32_t i = 0; i < n; i++)
		k += MIN(tsdb_series_of(s->platform->tsdb, s->tenant, &points[i], series + k, OLDER_MAX), (size_t) OLDER_MAX);
	if (k)
		qsort(series, k, sizeof(*series), by_number);
	*ret = series;
	*ret_n = (uint32_t) k;
	return 0;
}

/* ---- who is meant ---- */

/* What he may not see is not there for him; what he sees and may not delete is refused. */
static int may(struct scope *s, const struct plant_point *p, const char *text)
{
	if (!reach_device(s, PERM_SAMPLE_READ, &p->device))
		return err_fail(ERR_MISSING, "what", "@point", "value", text, NULL);
	return reach_need_device(s, PERM_HISTORY_DELETE, &p->device);
}

/* A point that is gone still has its samples: its id finds them. */
static bool is_gone_point(struct scope *s, const char *text, struct uuid *ret)
{
	uint32_t any;

	return uuid_parse(text, str_len(text), ret) && tsdb_series_of(s->platform->tsdb, s->tenant, ret, &any, 1) > 0;
}

static int take_one(struct scope *s, const char *text, bool erase, struct removal_what *w)
{
	struct plant_point p;
	int r = plant_resolve(s->platform->plant, s->tenant, text, s->arena, &p);

	if (r == -ERR_MISSING && erase && is_gone_point(s, text, &w->points[w->n])) {
		err_clear();
		w->paths[w->n++] = text;
		return 0;
	}
	if (r == 0 && !erase)
		r = may(s, &p, text);
	if (r < 0)
		return r;
	w->points[w->n] = p.id;
	w->paths[w->n++] = p.path;
	return 0;
}

static int rooms(struct scope *s, size_t n, struct removal_what *w)
{
	w->points = arena_array(s->arena, struct uuid, n + 1);
	w->paths = arena_array(s->arena, const char *, n + 1);
	return w->points && w->paths ? 0 : no_memory();
}

static int take_named(struct scope *s, const struct removal_in *in, bool erase, struct removal_what *w)
{
	const char *const *texts = in->points.items;
	int r = rooms(s, in->points.n, w);

	for (uint32_t i = 0; r == 0 && i < in->points.n; i++) {
		r = take_one(s, texts[i], erase, w);
		if (r < 0)
			err_at(err_at_index(r, i), "points");
	}
	return r;
}

/* All below: what he may not see is left out, one he may not delete refuses all. */
static int take_below(struct scope *s, const char *under, struct removal_what *w)
{
	struct plant_point *list;
	int n = plant_list(s->platform->plant, s->tenant, NULL, arena_fmt(s->arena, "%s/", under), s->arena, &list);
	int r = n < 0 ? n : rooms(s, (size_t) n, w);

	for (int i = 0; r == 0 && i < n; i++) {
		if (!reach_device(s, PERM_SAMPLE_READ, &list[i].device))
			continue;
		r = may(s, &list[i], list[i].path);
		w->points[w->n] = list[i].id;
		w->paths[w->n++] = list[i].path;
	}
	if (r == 0 && w->n > REMOVAL_POINTS_UNDER)
		r = err_fail(ERR_LIMIT, "what", "@point", "max", "100000", NULL);
	if (r == 0 && !w->n)
		r = err_fail(ERR_MISSING, "what", "@point", "value", under, NULL);
	return r < 0 ? err_at(r, "under") : 0;
}

static int moment(const char *field, const char *text, int64_t *ret)
{
	if (str_empty(text) || when_parse_relative(text, str_len(text), clock_now_ns(), ret))
		return 0;
	return err_at(err_fail(ERR_WRONG_TYPE, "field", field, "want", "@moment", "value", text, NULL), field);
}

int removal_resolve(struct scope *s, const struct removal_in *in, bool erase, struct removal_what *ret)
{
	struct removal_what w = { .from_ns = INT64_MIN, .to_ns = INT64_MAX };
	int r = moment("from", in->from, &w.from_ns);

	if (r == 0)
		r = moment("to", in->to, &w.to_ns);
	if (r == 0 && w.from_ns >= w.to_ns)
		r = err_at(err_fail(ERR_INVALID, "field", "to", "rule", "@after_from", "value", in->to, NULL), "to");
	if (r == 0 && !in->points.n && str_empty(in->under))
		r = err_at(err_fail(ERR_REQUIRED, "field", "points", NULL), "points");
	if (r == 0)
		r = in->points.n ? take_named(s, in, erase, &w) : take_below(s, in->under, &w);
	if (r == 0)
		r = removal_series(s, w.points, w.n, &w.series, &w.n_series);
	if (r == 0)
		*ret = w;
	return r;
}

/* ---- what there is ---- */

static int add_up(void *ctx, const struct tsdb_bucket *b, size_t n)
{
	uint64_t *sum = ctx;

	for (size_t i = 0; i < n; i++)
		*sum += b[i].n;
	return 0;
}

int removal_count(struct scope *s, const struct removal_what *w, uint64_t *ret)
{
	const struct tsdb_step all = { .only_time = true };
	struct tsdb_query q = { .tenant = s->tenant, .series = w->series, .n_series = w->n_series, .from_ns = w->from_ns, .to_ns = w->to_ns,
		.cancel = s->cancel };
	uint64_t sum = 0;
	int r = tsdb_wait(s->platform->tsdb, wal_durable(s->platform->wal), WAIT_MS);

	if (r == 0)
		r = tsdb_aggregate(s->platform->tsdb, &q, &all, add_up, &sum);
	if (r >= 0)
		*ret = sum;
	return MIN(r, 0);
}

/* ---- taking them out ---- */

/* Live values of later times are not meant, though the range has no end. */
static int leave_live(struct scope *s, const struct removal_what *w)
{
	struct bus_retract *gone = arena_array(s->arena, struct bus_retract, w->n_series + 1u);
	struct sample *last = arena_array(s->arena, struct sample, w->n_series + 1u);
	int64_t now = clock_now_ns();

	if (!s->platform->bus)
		return 0;
	if (!gone || !last)
		return no_memory();
	int r = tsdb_last(s->platform->tsdb, s->tenant, w->series, w->n_series, s->arena, last);
	for (uint32_t i = 0; r == 0 && i < w->n_series; i++)
		gone[i] = (struct bus_retract) { .series = w->series[i], .from_ns = w->from_ns, .to_ns = MIN(w->to_ns, now),
			.is_left = last[i].time_ns != TSDB_NEVER, .left = last[i] };
	return r < 0 ? r : bus_retract(s->platform->bus, s->tenant, gone, w->n_series);
}

int removal_take(struct scope *s, const struct removal_what *w)
{
	struct tsdb_stretch *what = sys_alloc_array(w->n_series + 1u, sizeof(*what));

	if (!what)
		return no_memory();
	for (uint32_t i = 0; i < w->n_series; i++)
		what[i] = (struct tsdb_stretch) { w->series[i], w->from_ns, w->to_ns };
	int r = tsdb_delete(s->platform->tsdb, s->tenant, what, w->n_series, WAIT_MS);
	sys_free(what);
	return r < 0 ? r : leave_live(s, w);
}
