/* agg_fill.c - buckets that nothing is known of, made up from their neighbours or left empty. */
#include "base/err.h"
#include "tsdb/query/agg.h"

enum { CHECK_EVERY = 4096 };

/* Every figure that is a number, once. */
static void between(struct tsdb_bucket *g, const struct tsdb_bucket *a, const struct tsdb_bucket *b, double t)
{
	g->avg = a->avg + (b->avg - a->avg) * t;
	g->mean = a->mean + (b->mean - a->mean) * t;
	g->sum = a->sum + (b->sum - a->sum) * t;
	g->min = a->min + (b->min - a->min) * t;
	g->max = a->max + (b->max - a->max) * t;
	g->integral = a->integral + (b->integral - a->integral) * t;
	g->stddev = a->stddev + (b->stddev - a->stddev) * t;
	g->delta = a->delta + (b->delta - a->delta) * t;
	for (unsigned i = 0; i < TSDB_QUANTILES_MAX; i++)
		g->quantile[i] = a->quantile[i] + (b->quantile[i] - a->quantile[i]) * t;
}

static void empty(struct tsdb_bucket *g)
{
	const double none = (double) NAN;

	g->avg = g->mean = g->sum = g->min = g->max = g->integral = g->stddev = g->delta = none;
	for (unsigned i = 0; i < TSDB_QUANTILES_MAX; i++)
		g->quantile[i] = none;
}

/* The bucket that holds `at`, as fill says; next: the one behind the gap, NULL: there is none. */
static struct tsdb_bucket made_up(const struct agg *a, uint32_t series, int64_t at, const struct tsdb_bucket *next)
{
	struct tsdb_bucket g = { .series = series, .filled = true };
	const struct tsdb_bucket *b = &a->before;

	empty(&g);
	if (a->any && a->step->fill == TSDB_FILL_PREVIOUS) {
		g = *b;
		g.n = g.n_good = g.n_used = g.changes = 0;
		g.covered_ns = 0;
		g.filled = true;
		g.first = b->last;
		g.first_ns = b->last_ns;
		g.states = NULL;
		g.n_states = 0;
	}
	agg_borders(a, at, &g.start_ns, &g.end_ns);
	if (a->any && next && a->step->fill == TSDB_FILL_LINEAR)
		between(&g, b, next, ((double) g.start_ns - (double) b->start_ns) / ((double) next->start_ns - (double) b->start_ns));
	return g;
}

static int fill_to(struct agg *a, uint32_t series, int64_t to, const struct tsdb_bucket *next)
{
	const char *text = NULL;
	int r = 0;

	/* The text before may be another one while made up buckets still wait in out[]. */
	if (a->any && a->is_text && a->filled_to < to && a->before.last.type != V_NONE) {
		text = arena_strn(&a->texts, a->before.last.s, a->before.last.len);
		if (!text)
			return err_fail(ERR_NO_MEMORY, "what", "an aggregate", NULL);
	}
	for (unsigned i = 1; r == 0 && !a->done && a->filled_to < to; i++) {
		struct tsdb_bucket g = made_up(a, series, a->filled_to, next);

		if (text && g.last.type != V_NONE)
			g.first.s = g.last.s = text;

		a->filled_to = g.end_ns;
		r = agg_out(a, &g);
		if (r == 0 && i % CHECK_EVERY == 0)
			r = query_check(a->q);
	}
	return r;
}

static int keep(struct agg *a, const struct tsdb_bucket *b)
{
	a->before = *b;
	if (a->is_text && b->last.type != V_NONE) {
		buf_clear(&a->before_text);
		buf_addn(&a->before_text, b->last.s, b->last.len);
		if (a->before_text.failed)
			return err_fail(ERR_NO_MEMORY, "what", "an aggregate", NULL);
		a->before.last.s = a->before_text.data;
	}
	return 0;
}

int fill_bucket(struct agg *a, const struct tsdb_bucket *b)
{
	int r = fill_to(a, b->series, b->start_ns, b);

	if (r == 0 && !a->done)
		r = agg_out(a, b);
	a->filled_to = b->end_ns;
	a->any = true;
	return r == 0 ? keep(a, b) : r;
}

int fill_seed(struct agg *a)
{
	a->any = a->step->before != NULL;
	return a->any ? keep(a, a->step->before) : 0;
}

int fill_rest(struct agg *a, uint32_t series)
{
	return a->step->fill ? fill_to(a, series, a->q->to_ns, NULL) : 0;
}
