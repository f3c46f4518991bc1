/* roll.c - figures of minutes and hours being made, a block of samples at a time. */
#include "tsdb/roll.h"

#include <math.h>

#define MINUTE (INT64_C(60) * NS_PER_S)
#define HOUR (INT64_C(3600) * NS_PER_S)

const char *roll_name(enum roll_tier tier) { return tier == ROLL_HOUR ? "1h" : "1m"; }
uint8_t roll_part(enum roll_tier tier) { return tier == ROLL_HOUR ? PART_HOURS : PART_MINUTES; }
int64_t roll_ns(enum roll_tier tier) { return tier == ROLL_HOUR ? HOUR : MINUTE; }

/* What begins before int64 ns do begins with them. */
static int64_t start_of(int64_t t, int64_t step)
{
	int64_t rest = t % step, start;

	return __builtin_sub_overflow(t, rest < 0 ? rest + step : rest, &start) ? INT64_MIN : start;
}

/* --- Two that follow each other */

/* The period of both together, `gap` apart. */
static int64_t period_of(const struct roll *a, const struct roll *b, int64_t gap)
{
	return (a->n == 1 || a->period == gap) && (b->n == 1 || b->period == gap) ? gap : -1;
}

static bool is_below(union roll_number x, union roll_number y, bool whole) { return whole ? x.i < y.i : x.f < y.f; }
static double as_double(union roll_number x, bool whole) { return whole ? (double) x.i : x.f; }

static void join_used(struct roll *a, const struct roll *b, bool whole)
{
	if (!a->used) {
		a->first = b->first;
		a->first_ns = b->first_ns;
		a->min = b->min;
		a->min_ns = b->min_ns;
		a->max = b->max;
		a->max_ns = b->max_ns;
	} else {
		a->falls |= is_below(b->first, a->last, whole);
		if (is_below(b->min, a->min, whole)) {
			a->min = b->min;
			a->min_ns = b->min_ns;
		}
		if (is_below(a->max, b->max, whole)) {
			a->max = b->max;
			a->max_ns = b->max_ns;
		}
	}
	a->falls |= b->falls;
	a->last = b->last;
	a->last_ns = b->last_ns;
	a->used += b->used;
	a->sum += b->sum;
}

void roll_join(struct roll *a, const struct roll *b, bool whole)
{
	int64_t gap = b->t_min - a->t_max;

	a->period = period_of(a, b, gap);
	if (a->holds && gap > 0) {
		a->covered_ns += gap;
		a->held += as_double(a->last, whole) * (double) gap;
	}
	a->covered_ns += b->covered_ns;
	a->held += b->held;
	a->t_max = MAX(a->t_max, b->t_max);
	a->n += b->n;
	a->good += b->good;
	/* Of all Good one that says more than that is kept: who shows single samples then takes these. */
	if (b->worst >> 30 > a->worst >> 30 || !a->worst)
		a->worst = b->worst;
	a->holds = b->holds;
	if (b->used)
		join_used(a, b, whole);
}

/* --- Samples of one minute */

static union roll_number number(const struct span *s, uint32_t i)
{
	union roll_number x;

	switch (s->type) {
	case V_BOOL:
		x.i = ((const uint8_t *) s->v)[i];
		break;
	case V_F32:
		x.f = (double) ((const float *) s->v)[i];
		break;
	default:                        /* f64, i64, time */
		memcpy(&x, (const uint64_t *) s->v + i, sizeof(x));
	}
	return x;
}

static struct roll one(const struct span *s, uint32_t i, bool whole)
{
	union roll_number v = number(s, i);
	uint32_t q = s->q ? s->q[i] : 0;
	bool used = !quality_is_bad(q) && !(s->cell && s->cell[i] != CELL_VALUE) && (whole || !isnan(v.f));
	struct roll r = { .t_min = s->t[i], .t_max = s->t[i], .n = 1, .good = quality_is_good(q), .worst = q };

	if (!used)
		return r;
	r.used = 1;
	r.holds = true;
	r.first = r.last = r.min = r.max = v;
	r.first_ns = r.last_ns = r.min_ns = r.max_ns = s->t[i];
	r.sum = as_double(v, whole);
	return r;
}

static struct roll each(const struct span *s, uint32_t n, bool whole)
{
	struct roll r = one(s, 0, whole);

	for (uint32_t i = 1; i < n; i++) {
		struct roll next = one(s, i, whole);

		roll_join(&r, &next, whole);
	}
	return r;
}

/* n > 1 doubles of Good quality. False: a NaN is among them, or infinities of both signs. */
static bool plain(const struct span *s, uint32_t n, struct roll *ret)
{
	const double *v = s->v;
	const int64_t *t = s->t;
	double sum[2] = { 0 }, held[2] = { 0 }, lo = v[0], hi = v[0];
	int64_t period = t[1] - t[0], odd = 0, falls = 0;
	uint32_t i = 0, at_lo = 0, at_hi = 0;

	for (; i + 2 < n; i += 2) {
		sum[0] += v[i];
		sum[1] += v[i + 1];
		held[0] += v[i] * (double) (t[i + 1] - t[i]);
		held[1] += v[i + 1] * (double) (t[i + 2] - t[i + 1]);
		odd |= (t[i + 1] - t[i]) ^ period;
		odd |= (t[i + 2] - t[i + 1]) ^ period;
		lo = v[i] < lo ? v[i] : lo;
		hi = v[i] > hi ? v[i] : hi;
		lo = v[i + 1] < lo ? v[i + 1] : lo;
		hi = v[i + 1] > hi ? v[i + 1] : hi;
		falls |= (v[i + 1] < v[i]) | (v[i + 2] < v[i + 1]);
	}
	for (; i < n; i++) {
		sum[0] += v[i];
		lo = v[i] < lo ? v[i] : lo;
		hi = v[i] > hi ? v[i] : hi;
		if (i + 1 < n) {
			held[0] += v[i] * (double) (t[i + 1] - t[i]);
			odd |= (t[i + 1] - t[i]) ^ period;
			falls |= v[i + 1] < v[i];
		}
	}
	if (isnan(sum[0] + sum[1]))
		return false;
	while (!(v[at_lo] <= lo))
		at_lo++;
	while (!(v[at_hi] >= hi))
		at_hi++;
	*ret = (struct roll) { .t_min = t[0], .t_max = t[n - 1], .period = odd ? -1 : period, .n = n, .good = n, .used = n,
		.covered_ns = t[n - 1] - t[0], .first_ns = t[0], .last_ns = t[n - 1], .min_ns = t[at_lo], .max_ns = t[at_hi],
		.first.f = v[0], .last.f = v[n - 1], .min.f = v[at_lo], .max.f = v[at_hi], .sum = sum[0] + sum[1], .held = held[0] + held[1],
		.falls = falls != 0, .holds = true };
	return true;
}

/* The same of whole numbers and bools. False: so large that a sum of doubles would not be exact. */
static inline __attribute__((always_inline)) bool plain_whole(const struct span *s, uint32_t n, bool bits, struct roll *ret)
{
	const int64_t *t = s->t, *v = s->v;
	const uint8_t *b = s->v;
	int64_t period = t[1] - t[0], odd = 0, falls = 0, sum = 0, lo = bits ? b[0] : v[0], hi = lo, before = lo, large = 0;
	uint32_t at_lo = 0, at_hi = 0;
	double held = 0;

	for (uint32_t i = 0; i < n; i++) {
		int64_t x = bits ? b[i] : v[i];

		sum = (int64_t) ((uint64_t) sum + (uint64_t) x);
		large |= x ^ (x >> 63);
		falls |= x < before;
		before = x;
		at_lo = x < lo ? i : at_lo;
		at_hi = x > hi ? i : at_hi;
		lo = MIN(lo, x);
		hi = MAX(hi, x);
	}
	if (large >> 40 || n > 8192)
		return false;
	for (uint32_t i = 1; i < n; i++)
		odd |= (t[i] - t[i - 1]) ^ period;
	for (uint32_t i = 1; odd && i < n; i++)
		held += (double) (bits ? b[i - 1] : v[i - 1]) * (double) (t[i] - t[i - 1]);
	if (!odd)
		held = (double) period * (double) (sum - before);
	*ret = (struct roll) { .t_min = t[0], .t_max = t[n - 1], .period = odd ? -1 : period, .n = n, .good = n, .used = n,
		.covered_ns = t[n - 1] - t[0], .first_ns = t[0], .last_ns = t[n - 1], .min_ns = t[at_lo], .max_ns = t[at_hi],
		.first.i = bits ? b[0] : v[0], .last.i = before, .min.i = lo, .max.i = hi, .sum = (double) sum, .held = held, .falls = falls, .holds = true };
	return true;
}

static bool quick(const struct span *s, uint32_t n, struct roll *ret)
{
	switch (s->type) {
	case V_F64:
		return plain(s, n, ret);
	case V_BOOL:
		return plain_whole(s, n, true, ret);
	case V_I64:
	case V_TIME:
		return plain_whole(s, n, false, ret);
	default:
		return false;
	}
}

static void put(struct roller *r, const struct roll *b, int64_t minute, bool whole)
{
	uint32_t n = r->n[ROLL_MINUTE];
	struct roll *last = n ? &r->row[ROLL_MINUTE][n - 1] : NULL;

	if (last && last->start_ns == minute) {
		roll_join(last, b, whole);
		return;
	}
	if (n == ROLL_ROWS_MAX - 1) {
		r->full = true;
		return;
	}
	last = &r->row[ROLL_MINUTE][r->n[ROLL_MINUTE]++];
	*last = *b;
	last->start_ns = minute;
}

void roller_begin(struct roller *r)
{
	r->n[ROLL_MINUTE] = r->n[ROLL_HOUR] = 0;
	r->samples = 0;
	r->full = false;
}

void roller_add(struct roller *r, const struct span *s)
{
	bool whole = roll_is_whole(s->type), fast = !s->q && !s->cell;

	if (!roll_has(s->type) || r->full)
		return;
	r->samples += s->n;
	for (uint32_t at = 0, n; at < s->n && !r->full; at += n) {
		struct span part = span_part(s, at, s->n - at);
		int64_t minute = start_of(part.t[0], MINUTE);
		struct roll b;

		n = part.t[part.n - 1] - minute < MINUTE ? part.n : span_find(&part, 0, minute + MINUTE);
		if (n == 1 || !fast || !quick(&part, n, &b))
			b = each(&part, n, whole);
		put(r, &b, minute, whole);
	}
}

/* Hours are made of minutes, once it is known that they are wanted. */
static void make_hours(struct roller *r, bool whole)
{
	for (uint32_t i = 0; i < r->n[ROLL_MINUTE]; i++) {
		const struct roll *m = &r->row[ROLL_MINUTE][i];
		int64_t hour = start_of(m->start_ns, HOUR);
		struct roll *last = r->n[ROLL_HOUR] ? &r->row[ROLL_HOUR][r->n[ROLL_HOUR] - 1] : NULL;

		if (last && last->start_ns == hour) {
			roll_join(last, m, whole);
			continue;
		}
		last = &r->row[ROLL_HOUR][r->n[ROLL_HOUR]++];
		*last = *m;
		last->start_ns = hour;
	}
}

void roller_end(struct roller *r, uint8_t type)
{
	if (roll_has(type) && !r->full)
		make_hours(r, roll_is_whole(type));
}

int64_t roll_start(int64_t t, enum roll_tier tier) { return start_of(t, roll_ns(tier)); }

bool roller_is_worth(const struct roller *r, enum roll_tier tier)
{
	return !r->full && r->n[tier] && r->samples >= (uint64_t) r->n[tier] * ROLL_WORTH;
}
