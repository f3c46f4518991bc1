/*
 * agg_roll.c - rows of figures of minutes and hours in the place of their samples.
 *
 * Rows that lie in one bucket are added up; between them their last values go on, as between samples. Where samples are gone (`forced`) and a row
 * crosses a border, its mean goes on over its time, and it counts where it begins.
 */
#include <math.h>

#include "base/err.h"
#include "tsdb/decimal.h"
#include "tsdb/query/agg.h"

static int64_t shortest(const struct agg *a)
{
	int64_t least = INT64_MAX;

	if (!a->step->border)
		return a->step->step_ns ? a->step->step_ns : INT64_MAX;
	for (size_t i = 1; i < a->step->n_borders; i++)
		least = MIN(least, a->step->border[i] - a->step->border[i - 1]);
	return least;
}

/* What figures cannot say, samples must. */
static bool is_said(const struct agg *a)
{
	return a->step->between == TSDB_STEP && !a->is_text && (!a->more || (a->step->want == TSDB_DELTA && !a->step->n_quantiles));
}

unsigned agg_tiers(const struct agg *a)
{
	int64_t least = shortest(a);
	unsigned tiers = 0;

	if (a->q->raw_only || !is_said(a))
		return 0;
	for (unsigned t = 0; t < ROLL_TIERS; t++)
		if (least >= roll_ns(t))
			tiers |= 1u << t;
	return tiers;
}

/* Rows of as many buckets as come, up to the first row that two of them share. */
static uint32_t whole_buckets(struct agg *a, const struct rolls *r, uint32_t k, uint32_t end)
{
	uint32_t i = k, rows = 0, n = 0;

	while (i < end) {
		agg_near(a, r->t_min[i]);
		uint32_t stop = i + rows;

		/* Most likely as many as in the bucket before. */
		if (!rows || stop >= end || r->t_max[stop - 1] >= a->near_to || r->t_max[stop] < a->near_to)
			stop = rolls_until(r, i, end, a->near_to);
		if (stop == i)
			break;
		a->cut[n++] = (uint16_t) stop;
		rows = stop - i;
		i = stop;
	}
	return i - k;
}

uint32_t agg_rows(void *ctx, const struct rolls *r, uint32_t k, uint32_t end)
{
	struct agg *a = ctx;
	uint32_t i = k;

	if (!is_said(a))
		return 0;
	if (r->finite && !a->more)
		return whole_buckets(a, r, k, end);
	agg_near(a, r->t_min[k]);
	for (; i < end && r->t_max[i] < a->near_to && isfinite(r->sum[i]) && isfinite(r->held[i]); i++)
		if (a->more && r->falls && r->falls[i])
			break;
	a->cut[0] = (uint16_t) i;
	return i - k;
}

enum { FIRST, LAST, LEAST, MOST };

static struct value value_of(const struct rolls *r, unsigned which, uint32_t i)
{
	double f = which == FIRST ? r->first[i] : which == LAST ? r->last[i] : which == LEAST ? r->min[i] : r->max[i];

	return roll_value(r->type, f, roll_is_whole(r->type) ? r->whole[which][i] : 0);
}

static void add_ends(struct agg *a, const struct rolls *r, uint32_t i)
{
	struct tsdb_bucket *b = &a->b;
	bool whole = is_whole(r->type), any = b->n_used > 0;

	if (!any || (whole ? r->whole[LEAST][i] < b->min_i : r->min[i] < b->min)) {
		b->min = r->min[i];
		b->min_ns = r->min_ns[i];
		b->min_i = whole ? r->whole[LEAST][i] : 0;
	}
	if (!any || (whole ? r->whole[MOST][i] > b->max_i : r->max[i] > b->max)) {
		b->max = r->max[i];
		b->max_ns = r->max_ns[i];
		b->max_i = whole ? r->whole[MOST][i] : 0;
	}
	if (b->first.type == V_NONE) {
		b->first = value_of(r, FIRST, i);
		b->first_ns = r->first_ns ? r->first_ns[i] : r->t_min[i];
	}
	a->held_min = lower(a->held_min, r->min[i]);
	a->held_max = higher(a->held_max, r->max[i]);
}

/* What is counted of a row, and not held. */
static int add_counts(struct agg *a, const struct rolls *r, uint32_t i)
{
	struct tsdb_bucket *b = &a->b;
	uint32_t used = r->used ? r->used[i] : r->count[i];

	b->n += r->count[i];
	b->n_good += r->good ? r->good[i] : r->count[i];
	if (r->worst && r->worst[i] >> 30 > b->worst >> 30)
		b->worst = r->worst[i];
	if (!used)
		return 0;
	sum_add(&a->sum, r->sum[i]);
	if (!r->lean) {
		add_ends(a, r, i);
	} else {
		a->held_min = -INFINITY;
		a->held_max = INFINITY;
	}
	b->n_used += used;
	b->last = value_of(r, LAST, i);
	b->last_ns = r->last_ns ? r->last_ns[i] : r->t_max[i];
	if (!a->more || r->lean)
		return 0;
	struct value first = value_of(r, FIRST, i);
	return more_roll(a, &first, &b->last);
}

static void hold_on(struct agg *a, const struct rolls *r, uint32_t i)
{
	bool any = !r->used || r->used[i];

	a->holding = any && (!r->last_ns || r->last_ns[i] == r->t_max[i]);
	a->hold = r->last[i];
	a->hold_ns = r->t_max[i];
}

/* Rows of one bucket, which is open. */
static int add_rows(struct agg *a, const struct rolls *r, uint32_t from, uint32_t end)
{
	int e = 0;

	for (uint32_t i = from; i < end && e == 0; i++) {
		if (i > from && a->holding)
			agg_integrate(a, a->hold_ns, r->t_min[i], a->hold, a->hold);
		e = add_counts(a, r, i);
		a->b.covered_ns += r->covered ? r->covered[i] : r->t_max[i] - r->t_min[i];
		sum_add(&a->integral, r->held[i]);
		hold_on(a, r, i);
	}
	return e;
}

/* The same where means alone are wanted and all samples are good. */
static void add_plain(struct agg *a, const struct rolls *r, uint32_t from, uint32_t end)
{
	struct tsdb_bucket *b = &a->b;
	uint64_t n = r->row[end] - r->row[from];
	double sum = 0, held = 0;

	for (uint32_t i = from; i < end; i++) {
		sum += r->sum[i];
		held += r->held[i];
	}
	for (uint32_t i = from; i + 1 < end; i++)
		held += r->last[i] * (double) (r->t_min[i + 1] - r->t_max[i]);
	b->n += n;
	b->n_good += n;
	b->n_used += n;
	b->covered_ns += r->t_max[end - 1] - r->t_min[from];
	sum_add(&a->sum, sum);
	sum_add(&a->integral, held);
	a->held_min = -INFINITY;
	a->held_max = INFINITY;
	b->last = value_of(r, LAST, end - 1);
	b->last_ns = r->t_max[end - 1];
	hold_on(a, r, end - 1);
}

/* A row that no bucket holds whole, of whose samples nothing else is left. */
static int spread_row(struct agg *a, uint32_t series, const struct rolls *r, uint32_t i)
{
	int64_t span = r->covered ? r->covered[i] : r->t_max[i] - r->t_min[i], at = MAX(r->t_min[i], a->q->from_ns);
	bool begins = r->t_min[i] >= a->q->from_ns;
	int e = at < a->q->to_ns ? agg_move_to(a, series, at) : 0;

	if (e < 0 || a->done || at >= a->q->to_ns)
		return e;
	a->b.coarse = true;
	if (begins)
		e = add_counts(a, r, i);
	a->holding = span > 0;
	a->hold = span > 0 ? r->held[i] / (double) span : 0;
	a->hold_ns = at;
	if (e == 0 && a->holding)
		e = agg_segment(a, series, r->t_max[i], a->hold);
	if (e < 0 || a->done)
		return e;
	if (a->open)
		a->b.coarse = true;
	hold_on(a, r, i);
	return 0;
}

/* What was read of the rows, at the end; their sum; and that of all values but the very last, each of which holds for a period. */
static void steady_sums(const struct rolls *r, uint32_t from, uint32_t end, double *ret_last, double *ret_sum, double *ret_held)
{
	const int64_t *m = r->sum_m, *last = &r->last_m[end - 1];

	if (r->is_double) {
		double sum = 0;

		for (uint32_t i = from; i < end; i++)
			sum += roll_double(m[i]);
		*ret_last = roll_double(*last);
		*ret_sum = sum;
		*ret_held = (double) r->period * (sum - *ret_last);
		return;
	}
	uint64_t sum = 0;
	for (uint32_t i = from; i < end; i++)
		sum += (uint64_t) m[i];
	*ret_last = decimal_f64(*last, r->e);
	*ret_sum = decimal_f64((int64_t) sum, r->e);
	*ret_held = (double) r->period * decimal_f64((int64_t) (sum - (uint64_t) *last), r->e);
}

/* The same of a clock: each value but the very last holds for a period. */
static void add_steady(struct agg *a, const struct rolls *r, uint32_t from, uint32_t end)
{
	struct tsdb_bucket *b = &a->b;
	uint64_t n = r->row[end] - r->row[from];
	double last, sum, held;

	steady_sums(r, from, end, &last, &sum, &held);
	b->n += n;
	b->n_good += n;
	b->n_used += n;
	b->covered_ns += r->t_max[end - 1] - r->t_min[from];
	sum_add(&a->sum, sum);
	sum_add(&a->integral, held);
	a->held_min = -INFINITY;
	a->held_max = INFINITY;
	b->last = roll_value(r->type, last, r->last_m[end - 1]);
	b->last_ns = r->t_max[end - 1];
	a->holding = true;
	a->hold = last;
	a->hold_ns = r->t_max[end - 1];
}

/* Rows from..end, all in one bucket, which nothing else is said of. */
static int add_bucket(struct agg *a, uint32_t series, const struct rolls *r, uint32_t from, uint32_t end)
{
	int e = a->holding ? agg_segment(a, series, r->t_min[from], a->hold) : 0;

	if (e == 0 && !a->done)
		e = agg_move_to(a, series, r->t_min[from]);
	if (e < 0 || a->done)
		return e;
	if (r->steady) {
		add_steady(a, r, from, end);
		return 0;
	}
	if (!r->lean || r->good || r->used || r->worst || r->covered || r->last_ns)
		return add_rows(a, r, from, end);
	add_plain(a, r, from, end);
	return 0;
}

/* Of samples that are gone. */
static int add_forced(struct agg *a, uint32_t series, const struct rolls *r, uint32_t i)
{
	int64_t start, end;
	int e = a->holding ? agg_segment(a, series, r->t_min[i], a->hold) : 0;

	if (e < 0 || a->done)
		return e;
	agg_borders(a, MAX(r->t_min[i], a->q->from_ns), &start, &end);
	if (r->t_min[i] < a->q->from_ns || r->t_max[i] >= end)
		return spread_row(a, series, r, i);
	e = agg_move_to(a, series, r->t_min[i]);
	if (e < 0 || a->done)
		return e;
	a->b.coarse |= !is_said(a) || a->more;
	return add_rows(a, r, i, i + 1);
}

struct cuts { const struct rolls *r; unsigned i, n; };          /* the bucket at hand, of so many */

static uint32_t begin_of(const struct agg *a, const struct cuts *c) { return a->cut[c->i - 1]; }

/* The bucket at hand, all the time of which a value is known: from the one before, of its rows, and on to its end. */
static int steady_bucket(struct agg *a, uint32_t series, const struct cuts *c, struct tsdb_bucket *b)
{
	const struct rolls *r = c->r;
	uint32_t from = begin_of(a, c), end = a->cut[c->i];
	double last, sum, held;

	steady_sums(r, from, end, &last, &sum, &held);
	held += a->hold * (double) (r->t_min[from] - a->near_from) + last * (double) (a->near_to - r->t_max[end - 1]);
	memset(b, 0, AGG_PLAIN_BYTES);
	b->series = series;
	b->start_ns = a->near_from;
	b->end_ns = a->near_to;
	b->n = b->n_good = b->n_used = r->row[end] - r->row[from];
	b->covered_ns = a->near_to - a->near_from;
	b->avg = held / (double) b->covered_ns;
	b->integral = held / (double) NS_PER_S;
	b->sum = sum;
	b->mean = sum / (double) b->n;
	b->min = b->max = (double) NAN;
	b->last = roll_value(r->type, last, r->last_m[end - 1]);
	b->last_ns = r->t_max[end - 1];
	a->hold = last;
	a->hold_ns = a->near_to;
	return agg_slot_out(a);
}

/* A bucket is open, and the value before holds on: it is closed, and all those behind it that are whole and follow each other, but for the last, go out. */
static int steady_buckets(struct agg *a, uint32_t series, struct cuts *c)
{
	int64_t end = a->b.end_ns;
	int e = 0;

	if (c->i + 1 == c->n || c->r->t_min[begin_of(a, c)] < end)
		return 0;
	e = agg_segment(a, series, end, a->hold);
	a->hold_ns = end;
	for (; e == 0 && !a->done && c->i + 1 < c->n; c->i++) {
		struct tsdb_bucket *b = agg_slot(a);

		agg_near(a, c->r->t_min[begin_of(a, c)]);
		if (!b || a->near_from != end)
			break;
		end = a->near_to;
		e = steady_bucket(a, series, c, b);
	}
	return e;
}

int agg_rolls(struct agg *a, uint32_t series, const struct merged_rolls *f)
{
	uint32_t k = f->k, end = f->k + f->n;
	struct cuts c = { .r = f->r };
	int e = 0;

	if (f->forced)
		return add_forced(a, series, f->r, k);
	while (a->cut[c.n++] < end)
		;
	for (; c.i < c.n && e == 0 && !a->done; c.i++) {
		if (c.i && f->r->steady && !a->step->fill)
			e = steady_buckets(a, series, &c);
		if (e == 0 && !a->done)
			e = add_bucket(a, series, f->r, c.i ? begin_of(a, &c) : k, a->cut[c.i]);
	}
	return e;
}
