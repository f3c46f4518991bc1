/*
 * naive_test.h - figures of samples the slow way, from what query.h says of them and nothing else: every bucket goes through its samples, in
 * long double, and knows no files, blocks or side indexes. tap.h stands before it.
 */
#pragma once

#include <math.h>

#include "tsdb/tsdb_fixture.h"

struct naive_state { struct value value; int64_t ns; uint64_t times; };

/* A bucket as it should be. loud: its sums may go beyond what a double holds on the way, so they are not compared. */
struct naive {
	struct tsdb_bucket b;
	struct naive_state state[TSDB_STATES_MAX + 1];
	uint32_t n_states;
	double sum_scale, integral_scale, max_abs;      /* of the terms without their signs: what rounding may cost */
	bool infinite, held_infinite, loud;
};

/* The samples of one series by time, each time once, and the question. */
struct naive_ask {
	const struct noted *s;
	size_t n;
	uint8_t type;
	const struct tsdb_query *q;
	const struct tsdb_step *step;
};

static inline bool naive_is_text(uint8_t type) { return type == V_STR || type == V_BYTES; }

static inline double naive_number(const struct value *v)
{
	switch (v->type) {
	case V_BOOL:
		return v->b;
	case V_F32:
		return (double) v->f32;
	case V_F64:
		return v->f64;
	case V_I64:
	case V_TIME:
		return (double) v->i;
	default:
		return 0;
	}
}

static inline bool naive_used(const struct sample *s)
{
	return s->value.type != V_NONE && s->quality >> 30 < 2 && !isnan(naive_number(&s->value));
}

static inline bool naive_same(const struct value *a, const struct value *b)
{
	if (naive_is_text((uint8_t) a->type))
		return a->len == b->len && memcmp(a->s, b->s, a->len) == 0;
	return a->type == V_I64 || a->type == V_TIME ? a->i == b->i : !(naive_number(a) < naive_number(b)) && !(naive_number(a) > naive_number(b));
}

static inline size_t naive_find(const struct naive_ask *a, int64_t t)
{
	size_t lo = 0, hi = a->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (a->s[mid].s.time_ns < t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The end of the bucket that holds t. */
static inline int64_t naive_border(const struct naive_ask *a, int64_t t)
{
	__int128 end = a->q->to_ns, step = a->step->step_ns, origin = a->step->origin_ns;

	if (a->step->border) {
		for (size_t i = a->step->n_borders; i-- > 0 && a->step->border[i] > t;)
			end = MIN(end, (__int128) a->step->border[i]);
	} else if (step > 0) {
		__int128 i = (t - origin) / step;

		if (i * step > t - origin)
			i--;
		end = MIN(end, origin + (i + 1) * step);
	}
	return (int64_t) end;
}

/* --- What goes on */

/* Where sample i ends, and the value it runs to. */
static inline int64_t naive_until(const struct naive_ask *a, size_t i, double *ret_to)
{
	bool seen = i + 1 < a->n && (!a->step->only_time || a->s[i + 1].s.time_ns < a->q->to_ns);
	const struct sample *next = seen ? &a->s[i + 1].s : NULL;

	*ret_to = naive_number(&a->s[i].s.value);
	if (next && a->step->between == TSDB_LINEAR && naive_used(next))
		*ret_to = naive_number(&next->value);
	return next ? next->time_ns : a->q->to_ns;
}

static inline long double naive_at(int64_t t, int64_t t0, int64_t t1, double v0, double v1)
{
	if (!(v0 < v1) && !(v0 > v1))
		return v0;
	return v0 + ((long double) v1 - v0) * ((long double) t - (long double) t0) / ((long double) t1 - (long double) t0);
}

static inline struct naive_state *naive_state_of(struct naive *g, const struct value *v)
{
	for (uint32_t i = 0; i < g->n_states; i++)
		if (naive_same(&g->state[i].value, v))
			return &g->state[i];
	if (g->n_states > TSDB_STATES_MAX)
		return &g->state[TSDB_STATES_MAX];      /* one too many: the store refuses */
	g->state[g->n_states] = (struct naive_state) { .value = *v };
	return &g->state[g->n_states++];
}

static inline void naive_segment(const struct naive_ask *a, struct naive *g, size_t i, long double *integral)
{
	const struct sample *s = &a->s[i].s;
	double v0 = naive_number(&s->value), v1;
	int64_t until = naive_until(a, i, &v1), from = MAX(s->time_ns, g->b.start_ns), to = MIN(until, g->b.end_ns);
	bool states = a->step->want & TSDB_STATES;

	if (states && (to > from || s->time_ns >= g->b.start_ns))
		naive_state_of(g, &s->value)->ns += MAX(to - from, (int64_t) 0);
	if (to <= from || (naive_is_text(a->type) && !states))
		return;
	long double dt = (long double) to - (long double) from, x0 = naive_at(from, s->time_ns, until, v0, v1), x1 = naive_at(to, s->time_ns, until, v0, v1);
	g->b.covered_ns += to - from;
	*integral += (x0 + x1) / 2 * dt;
	double abs = fmax(fabs(v0), fabs(v1));
	g->integral_scale += isfinite(abs) ? abs * (double) dt : 0;
	g->held_infinite |= isinf(v0) || isinf(v1);
}

/* --- One bucket */

static inline void naive_take(struct naive *g, const struct sample *s, long double *sum)
{
	struct tsdb_bucket *b = &g->b;
	double v = naive_number(&s->value);
	bool whole = s->value.type == V_I64 || s->value.type == V_TIME, first = b->n_used == 0;

	b->n_used++;
	if (first) {
		b->first = s->value;
		b->first_ns = s->time_ns;
	}
	b->last = s->value;
	b->last_ns = s->time_ns;
	if (naive_is_text((uint8_t) s->value.type))
		return;
	if (first || (whole ? s->value.i < b->min_i : v < b->min)) {
		b->min = v;
		b->min_i = whole ? s->value.i : 0;
		b->min_ns = s->time_ns;
	}
	if (first || (whole ? s->value.i > b->max_i : v > b->max)) {
		b->max = v;
		b->max_i = whole ? s->value.i : 0;
		b->max_ns = s->time_ns;
	}
	*sum += v;
	g->sum_scale += isfinite(v) ? fabs(v) : 0;
	g->infinite |= isinf(v);
	if (isfinite(v))
		g->max_abs = fmax(g->max_abs, fabs(v));
}

static inline long double naive_rise(const struct naive_ask *a, const struct value *from, const struct value *to)
{
	long double x = naive_number(from), y = naive_number(to);
	bool whole = to->type == V_I64 || to->type == V_TIME;

	if (!isfinite(x) || !isfinite(y))
		return 0;
	if (whole ? to->i >= from->i : y >= x)
		return whole ? (long double) ((__int128) to->i - from->i) : y - x;
	return MAX(y, 0) + MAX(a->step->roll_over - x, 0);
}

static inline int naive_by_value(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return (x > y) - (x < y);
}

/* numpy.percentile as numpy makes it (_lerp in function_base): also where one side is infinite. */
static inline double naive_quantile(const double *v, size_t n, double p)
{
	double rank = (double) (n - 1) * p, low = floor(rank);
	double a = v[(size_t) low], b = (size_t) low + 1 < n ? v[(size_t) low + 1] : a;

	double t = rank - low;

	return !(a < b) || t <= 0 ? a : t >= 0.5 ? b - (b - a) * (1 - t) : a + (b - a) * t;
}

/* The used sample before number i that counts; NULL: none. */
static inline const struct sample *naive_before(const struct naive_ask *a, size_t i)
{
	while (i-- > 0) {
		if (a->step->only_time && a->s[i].s.time_ns < a->q->from_ns)
			return NULL;
		if (naive_used(&a->s[i].s))
			return &a->s[i].s;
	}
	return NULL;
}

static inline void naive_wanted(const struct naive_ask *a, struct naive *g, size_t from, size_t to, long double mean)
{
	double *v = malloc((to - from + 1) * sizeof(*v));
	const struct sample *before = naive_before(a, from);
	long double m2 = 0, delta = 0;
	size_t k = 0;

	for (size_t i = from; i < to; i++) {
		const struct sample *s = &a->s[i].s;

		if (!naive_used(s))
			continue;
		bool other = !before || !naive_same(&before->value, &s->value);
		v[k++] = naive_number(&s->value);
		m2 += (v[k - 1] - mean) * (v[k - 1] - mean);
		g->b.changes += before && other;
		delta += before && !naive_is_text(a->type) ? naive_rise(a, &before->value, &s->value) : 0;
		if (a->step->want & TSDB_STATES && other)
			naive_state_of(g, &s->value)->times++;
		before = s;
	}
	g->b.stddev = k >= 2 && !naive_is_text(a->type) ? (double) sqrtl(m2 / (long double) (k - 1)) : (double) NAN;
	g->b.delta = naive_is_text(a->type) ? (double) NAN : (double) delta;
	qsort(v, k, sizeof(*v), naive_by_value);
	for (uint32_t i = 0; i < a->step->n_quantiles; i++)
		g->b.quantile[i] = k && !naive_is_text(a->type) ? naive_quantile(v, k, a->step->quantile[i]) : (double) NAN;
	free(v);
}

/* False: nothing is known of it. */
static inline bool naive_bucket(const struct naive_ask *a, uint32_t series, int64_t start, int64_t end, struct naive *g)
{
	long double sum = 0, integral = 0;

	*g = (struct naive) { .b = { .series = series, .start_ns = start, .end_ns = end, .min = (double) NAN, .max = (double) NAN } };
	size_t from = naive_find(a, start), to = naive_find(a, end);
	if (from > 0 && naive_used(&a->s[from - 1].s) && !(a->step->only_time && a->s[from - 1].s.time_ns < a->q->from_ns))
		naive_segment(a, g, from - 1, &integral);
	for (size_t i = from; i < to; i++) {
		const struct sample *s = &a->s[i].s;

		g->b.n++;
		g->b.n_good += s->quality >> 30 == 0;
		if (s->quality >> 30 > g->b.worst >> 30)
			g->b.worst = s->quality;
		if (!naive_used(s))
			continue;
		naive_take(g, s, &sum);
		naive_segment(a, g, i, &integral);
	}
	bool text = naive_is_text(a->type);
	g->b.sum = (double) sum;
	g->b.mean = g->b.n_used && !text ? (double) (sum / (long double) g->b.n_used) : (double) NAN;
	bool held = g->b.covered_ns > 0 && !text;
	g->b.avg = held ? (double) (integral / g->b.covered_ns) : (double) NAN;
	g->b.integral = held ? (double) (integral / NS_PER_S) : (double) NAN;
	g->loud = g->sum_scale > 1e290 || g->integral_scale > 1e290 || g->max_abs > 1e290;
	naive_wanted(a, g, from, to, g->b.n_used ? sum / (long double) g->b.n_used : 0);
	return g->b.n > 0 || g->b.covered_ns > 0;
}

/* A bucket that nothing is known of, whose borders are set; before: the one that was not made up, NULL: there is none. */
static inline void naive_fill(const struct naive_ask *a, const struct naive *before, struct naive *g)
{
	struct tsdb_bucket at = g->b;
	const double none = (double) NAN;

	if (before && a->step->fill == TSDB_FILL_PREVIOUS) {
		*g = *before;
		g->b.first = g->b.last;
		g->b.first_ns = g->b.last_ns;
		g->b.n = g->b.n_good = g->b.n_used = g->b.changes = 0;
		g->b.covered_ns = 0;
	} else {
		*g = (struct naive) { .b = { .series = at.series, .mean = none, .sum = none, .avg = none, .integral = none, .min = none, .max = none } };
	}
	g->n_states = 0;
	g->b.start_ns = at.start_ns;
	g->b.end_ns = at.end_ns;
	g->b.filled = true;
}

/* --- Comparing */

static inline bool naive_near(double got, double want, double scale)
{
	if (isnan(want) || isnan(got))
		return isnan(want) && isnan(got);
	return !(got < want || got > want) || fabs(got - want) <= 1e-11 * scale + 1e-300;
}

static inline bool naive_figures_equal(const struct naive_ask *a, const struct tsdb_bucket *got, const struct naive *want)
{
	const struct tsdb_bucket *w = &want->b;
	double held = want->integral_scale / fmax(1, (double) w->covered_ns);
	bool whole = a->type == V_I64 || a->type == V_TIME, good = true;

	if (w->n_used && !naive_is_text(a->type)) {
		good &= naive_near(got->min, w->min, 0) && naive_near(got->max, w->max, 0) && got->min_ns == w->min_ns && got->max_ns == w->max_ns;
		good &= !whole || (got->min_i == w->min_i && got->max_i == w->max_i);
		good &= want->loud || (naive_near(got->sum, w->sum, want->sum_scale) && naive_near(got->mean, w->mean, want->sum_scale));
	} else {
		good &= isnan(got->min) && isnan(got->max);
	}
	/* Between two values of which one has no end nothing runs straight. */
	if (!want->loud && !(want->held_infinite && a->step->between == TSDB_LINEAR))
		good &= naive_near(got->avg, w->avg, held) && naive_near(got->integral, w->integral, want->integral_scale / 1e9);
	return good;
}

static inline bool naive_wanted_equal(const struct naive_ask *a, const struct tsdb_bucket *got, const struct naive *want)
{
	unsigned asked = a->step->want;
	bool good = true;

	if (asked & TSDB_STDDEV && want->max_abs < 1e140 && !(want->max_abs < 1e-140))          /* squares beyond are none */
		good &= naive_near(got->stddev, want->infinite ? (double) NAN : want->b.stddev, 1e3 * want->max_abs);
	if (asked & TSDB_DELTA && !want->loud)
		good &= naive_near(got->delta, want->b.delta, 1e3 * fmax(want->max_abs, fabs(want->b.delta)));
	if (asked & TSDB_CHANGES)
		good &= got->changes == want->b.changes;
	for (uint32_t i = 0; i < a->step->n_quantiles && want->max_abs < 1e290; i++)
		good &= naive_near(got->quantile[i], want->b.quantile[i], want->max_abs);
	if (asked & TSDB_STATES)
		good &= got->n_states == want->n_states;
	for (uint32_t i = 0; good && asked & TSDB_STATES && i < want->n_states; i++)
		good = naive_same(&got->states[i].value, &want->state[i].value) && got->states[i].ns == want->state[i].ns &&
			got->states[i].times == want->state[i].times;
	return good;
}

/* What a lean answer may leave out is taken from what is wanted. */
static inline struct tsdb_bucket naive_without_lean(const struct naive_ask *a, const struct tsdb_bucket *got, const struct naive *want)
{
	struct tsdb_bucket b = *got;

	if (a->step->lean) {
		b.first = want->b.first;
		b.first_ns = want->b.first_ns;
		b.min = want->b.min;
		b.max = want->b.max;
		b.min_i = want->b.min_i;
		b.max_i = want->b.max_i;
		b.min_ns = want->b.min_ns;
		b.max_ns = want->b.max_ns;
		b.delta = want->b.delta;
	}
	return b;
}

/* What runs straight between two buckets is not worked out here; that it is made up is. */
static inline bool naive_filled_equal(const struct naive_ask *a, const struct tsdb_bucket *got, const struct naive *want)
{
	const struct tsdb_bucket *w = &want->b;

	if (a->step->fill == TSDB_FILL_LINEAR)
		return got->n_states == 0;
	if (isnan(w->mean))
		return isnan(got->mean) && got->n_states == 0;
	return got->n_states == 0 && naive_near(got->min, w->min, 0) && naive_near(got->max, w->max, 0) &&
		(want->loud || (naive_near(got->sum, w->sum, want->sum_scale) && naive_near(got->mean, w->mean, want->sum_scale)));
}

static inline bool naive_equal(const struct naive_ask *a, const struct tsdb_bucket *answer, const struct naive *want)
{
	const struct tsdb_bucket *w = &want->b, all = naive_without_lean(a, answer, want), *got = &all;
	bool good = got->series == w->series && got->start_ns == w->start_ns && got->end_ns == w->end_ns && got->filled == w->filled;

	good = good && got->n == w->n && got->n_good == w->n_good && got->n_used == w->n_used && got->worst == w->worst && got->covered_ns == w->covered_ns;
	good = good && same_value(&got->first, &w->first) && same_value(&got->last, &w->last);
	if (good && w->n_used)
		good = got->first_ns == w->first_ns && got->last_ns == w->last_ns;
	if (good && w->filled)
		good = naive_filled_equal(a, got, want);
	else if (good)
		good = naive_figures_equal(a, got, want) && naive_wanted_equal(a, got, want);
	if (!good)
		printf("# series %u %lld..%lld (want %u %lld..%lld)\n#  got n %llu good %llu used %llu worst %x covered %lld sum %.17g mean %.17g avg %.17g "
			"min %.17g max %.17g sd %.17g delta %.17g changes %llu states %u filled %d\n#  want n %llu good %llu used %llu worst %x covered %lld sum "
			"%.17g mean %.17g avg %.17g min %.17g max %.17g sd %.17g delta %.17g changes %llu states %u filled %d\n",
			got->series, (long long) got->start_ns, (long long) got->end_ns, w->series, (long long) w->start_ns, (long long) w->end_ns,
			(unsigned long long) got->n, (unsigned long long) got->n_good, (unsigned long long) got->n_used, got->worst, (long long) got->covered_ns,
			got->sum, got->mean, got->avg, got->min, got->max, got->stddev, got->delta, (unsigned long long) got->changes, got->n_states, got->filled,
			(unsigned long long) w->n, (unsigned long long) w->n_good, (unsigned long long) w->n_used, w->worst, (long long) w->covered_ns, w->sum, w->mean,
			w->avg, w->min, w->max, w->stddev, w->delta, (unsigned long long) w->changes, want->n_states, w->filled);
	for (size_t i = naive_find(a, w->start_ns) - (naive_find(a, w->start_ns) > 0); !good && i < MIN(a->n, naive_find(a, w->end_ns) + 1) && i < naive_find(a, w->start_ns) + 20; i++)
		printf("#  %lld: type %d bits %llx q %x\n", (long long) a->s[i].s.time_ns, a->s[i].s.value.type, (unsigned long long) a->s[i].s.value.i, a->s[i].s.quality);
	for (uint32_t i = 0; !good && i < a->step->n_quantiles; i++)
		printf("#  quantile %g: got %.17g, want %.17g\n", a->step->quantile[i], got->quantile[i], w->quantile[i]);
	for (uint32_t i = 0; !good && a->step->want & TSDB_STATES && i < MIN(got->n_states, want->n_states); i++)
		printf("#  state %llx for %lld, %llu times; want %llx for %lld, %llu times\n", (unsigned long long) got->states[i].value.i,
			(long long) got->states[i].ns, (unsigned long long) got->states[i].times, (unsigned long long) want->state[i].value.i,
			(long long) want->state[i].ns, (unsigned long long) want->state[i].times);
	return good;
}

/* --- What a screen can show: the samples of one series that should be drawn, in order, into `out` of 5 × pixels; how many. */

static inline size_t naive_plot(const struct naive_ask *a, uint32_t pixels, struct sample *out)
{
	unsigned __int128 all = (unsigned __int128) ((__int128) a->q->to_ns - a->q->from_ns);
	size_t n = 0, to = naive_find(a, a->q->to_ns);

	for (size_t i = naive_find(a, a->q->from_ns); i < to;) {
		unsigned __int128 px = (unsigned __int128) ((__int128) a->s[i].s.time_ns - a->q->from_ns) * pixels / all;
		const struct sample *k[5] = { NULL };
		size_t begin = i;

		for (; i < to && (unsigned __int128) ((__int128) a->s[i].s.time_ns - a->q->from_ns) * pixels / all == px; i++) {
			const struct sample *s = &a->s[i].s;
			double v = naive_number(&s->value);

			if (!naive_used(s) || naive_is_text(a->type)) {
				k[4] = k[4] ? k[4] : s;
				continue;
			}
			k[0] = k[0] ? k[0] : s;
			k[1] = k[1] && naive_number(&k[1]->value) <= v ? k[1] : s;
			k[2] = k[2] && naive_number(&k[2]->value) >= v ? k[2] : s;
			k[3] = s;
		}
		for (; begin < i; begin++) {
			const struct sample *s = &a->s[begin].s;

			if (s == k[0] || s == k[1] || s == k[2] || s == k[3] || s == k[4])
				out[n++] = *s;
		}
	}
	return n;
}
