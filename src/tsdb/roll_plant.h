/* roll_plant.h - twelve kinds of series over two days, most in day files, for tests of figures of minutes and hours; asked twice. tap.h stands before it. */
#pragma once

#include <math.h>

#include "tsdb/merge/merge_test.h"
#include "tsdb/roll.h"

#define S(n) ((int64_t) (n) * NS_PER_S)
#define HOUR S(3600)

/* --- What is written */

enum { PLENTY = 12 };
struct kind { uint8_t type; int64_t period; unsigned jitter, bad, nan; enum { NOISE, METER, WHOLE, HUGE_WHOLE, CONSTANT, NASTY } shape; };
static const struct kind kinds[PLENTY] = {
	{ V_F64, S(1), 0, 0, 0, NOISE }, { V_F64, S(1), 900, 0, 0, NOISE }, { V_F64, S(5), 0, 60, 0, NOISE }, { V_F64, S(2), 300, 40, 90, NASTY },
	{ V_I64, S(1), 0, 0, 0, WHOLE }, { V_I64, S(3), 500, 50, 0, HUGE_WHOLE }, { V_BOOL, S(2), 0, 0, 0, WHOLE }, { V_F32, S(4), 0, 70, 0, NOISE },
	{ V_F64, S(1), 0, 0, 0, CONSTANT }, { V_F64, S(6), 0, 0, 0, METER }, { V_F64, S(240), 0, 0, 0, NOISE }, { V_TIME, S(7), 0, 0, 0, WHOLE },
};

static inline struct value made(const struct kind *k, uint64_t x, int64_t i)
{
	struct value v = { .type = (enum vtype) k->type };
	double noise = (double) (x % 2000) / 100 - 5;

	switch (k->shape) {
	case METER:                     /* begins at 0 again now and then */
		v.f64 = (double) (i % 5000) / 4;
		return v;
	case CONSTANT:
		v.f64 = 0.1;
		return v;
	case NASTY:
		if (x % 50 == 0)
			return nasty(k->type, x >> 8);
		v.f64 = x % 7 ? noise : noise / 3;
		return v;
	case HUGE_WHOLE:
		v.i = (INT64_C(1) << 53) + (int64_t) (x % 9) - 4;
		return v;
	case WHOLE:
		if (k->type == V_BOOL)
			v.b = x % 3 == 0;
		else
			v.i = (int64_t) (x % 100000) - 50000;
		return v;
	default:
		if (k->type == V_F32)
			v.f32 = (float) noise;
		else
			v.f64 = noise;
		return v;
	}
}

struct plant { struct fixture f; uint32_t series[PLENTY]; uint64_t seed; };

static inline void write_stretch(struct plant *p, unsigned k, int64_t from, int64_t to, unsigned share)
{
	_cleanup_(batch_builder_freep) struct batch_builder *w = NULL;
	const struct kind *kind = &kinds[k];
	int64_t i = from / kind->period;

	must(batch_builder_new(&w, 0) == 0);
	while (i * kind->period < to) {
		_cleanup_(batch_unrefp) struct batch *b = NULL;

		must(batch_tall(w, 1, 0, (enum vtype) kind->type) == 0);
		for (; i * kind->period < to && batch_builder_rows(w) < 1000; i++) {
			uint64_t x = random_next(&p->seed);
			int64_t off = kind->jitter ? (int64_t) (x >> 32 & 0x3ff) * NS_PER_MS % (kind->period / 2) : 0;
			struct sample s = { .series = p->series[k], .time_ns = i * kind->period + off, .value = made(kind, x, i) };

			if (share && x >> 50 & (share - 1))
				continue;
			if (kind->bad && x >> 12 & 0xff && x >> 20 & 0xff && (x >> 20 & 0xfff) < 0xfff / kind->bad)
				s.quality = (x >> 40 & 1) ? 0x80310000 : 0x40bc0000;
			if (kind->nan && (x >> 20 & 0xfff) % kind->nan == 1)
				s.value = (struct value) { .type = V_NONE };
			must(batch_tall_add(w, &s) == 0);
		}
		if (!batch_builder_rows(w))
			continue;
		must(batch_seal(w, 0, 0, &b) == 0);
		must(fixture_append(&p->f, b) == 0);
	}
}

static inline void write_all(struct plant *p, int64_t from, int64_t to, unsigned share)
{
	for (unsigned k = 0; k < PLENTY; k++)
		write_stretch(p, k, from, to, share);
}

/* Two days in day files, then windows, a flushed file, the head; a little that came late. */
static inline void plant_begin(struct plant *p)
{
	struct uuid points[PLENTY];
	uint8_t types[PLENTY];

	p->f.config = by_hand;
	p->seed = 7;
	must(fixture_begin(&p->f) == 0);
	for (unsigned i = 0; i < PLENTY; i++) {
		points[i] = point(i);
		types[i] = kinds[i].type;
	}
	must(tsdb_series_many(p->f.t, 1, PLENTY, points, types, p->series) == 0);
	write_all(p, T0 - 3 * HOUR, T0 + 9 * HOUR, 0);
	must(flush(&p->f));
	write_all(p, T0 + 9 * HOUR, T0 + 20 * HOUR, 0);
	must(flush(&p->f));
	must(tsdb_compact(p->f.t, NULL) == 0);
}

static inline void plant_end(struct plant *p) { fixture_end(&p->f); }

/* --- Asking twice */

enum { GOT = 3000 };
struct got { struct tsdb_bucket b[GOT]; size_t n; };
static struct got with, without;

static inline int keep(void *ctx, const struct tsdb_bucket *b, size_t n)
{
	struct got *g = ctx;

	for (size_t i = 0; i < n && g->n < GOT; i++)
		g->b[g->n++] = b[i];
	return 0;
}

static inline int figures(struct plant *p, unsigned k, const int64_t range[2], const struct tsdb_step *step, bool raw_only, struct got *g)
{
	const struct tsdb_query q = { .tenant = 1, .series = &p->series[k], .n_series = 1, .from_ns = range[0], .to_ns = range[1],
		.raw_only = raw_only };

	g->n = 0;
	return tsdb_aggregate(p->f.t, &q, step, keep, g);
}

static inline double scale_of(const struct tsdb_bucket *b) { return fmax(fabs(b->min), fabs(b->max)); }

/* Relative to what was added up: sums of numbers of both signs may be near 0. */
static inline bool near(double a, double b, double scale)
{
	return (isnan(a) && isnan(b)) || a == b || fabs(a - b) <= 1e-12 * fmax(fabs(b), scale);
}

static inline bool same_counts(const struct tsdb_bucket *x, const struct tsdb_bucket *y)
{
	return x->start_ns == y->start_ns && x->end_ns == y->end_ns && x->n == y->n && x->n_good == y->n_good && x->n_used == y->n_used &&
		x->worst >> 30 == y->worst >> 30 && x->covered_ns == y->covered_ns && !x->coarse;
}

static inline bool same_sums(const struct tsdb_bucket *x, const struct tsdb_bucket *y, bool exact)
{
	double scale = isfinite(scale_of(y)) ? scale_of(y) : 0, n = (double) y->n_used, s = (double) y->covered_ns / NS_PER_S;

	if (exact && !isnan(x->sum) && x->sum != y->sum)
		return false;
	return near(x->sum, y->sum, scale * n) && near(x->mean, y->mean, scale) && near(x->avg, y->avg, scale) &&
		near(x->integral, y->integral, scale * s) && near(x->delta, y->delta, scale * n);
}

static inline bool same_extremes(const struct tsdb_bucket *x, const struct tsdb_bucket *y)
{
	return x->first_ns == y->first_ns && same_value(&x->first, &y->first) && x->min_ns == y->min_ns && x->max_ns == y->max_ns &&
		x->min_i == y->min_i && x->max_i == y->max_i && ((isnan(x->min) && isnan(y->min)) || (x->min == y->min && x->max == y->max));
}

static inline bool same_bucket(const struct tsdb_bucket *x, const struct tsdb_bucket *y, bool exact, bool lean)
{
	/* Where the total does not fit into a double, what is known of min and max keeps the mean within them. */
	bool counts = same_counts(x, y), sums = same_sums(x, y, exact) || (lean && !(scale_of(y) < 1e290));
	bool ends = x->last_ns == y->last_ns && same_value(&x->last, &y->last) && (lean || same_extremes(x, y));

	if (!(counts && sums && ends))
		printf("# counts %d sums %d ends %d: start %lld n %llu/%llu used %llu/%llu covered %lld/%lld sum %.17g/%.17g avg %.17g/%.17g "
			"delta %.17g/%.17g last %lld/%lld min %.17g/%.17g max %.17g/%.17g\n", counts, sums, ends, (long long) y->start_ns,
			(unsigned long long) x->n, (unsigned long long) y->n, (unsigned long long) x->n_used, (unsigned long long) y->n_used,
			(long long) x->covered_ns, (long long) y->covered_ns, x->sum, y->sum, x->avg, y->avg, x->delta, y->delta, (long long) x->last_ns,
			(long long) y->last_ns, x->min, y->min, x->max, y->max);
	return counts && sums && ends;
}

static inline int64_t some_step(uint64_t x)
{
	static const int64_t steps[] = { S(60), S(90), S(300), S(600), S(601), S(3600), S(3600), S(5400), S(7200), S(86400), 0 };

	return steps[x % ELEMENTSOF(steps)];
}

/* Whole minutes, whole hours, or anything. */
static inline int64_t some_time_of(uint64_t x, int64_t from, int64_t to)
{
	int64_t t = from + (int64_t) (x >> 3) % (to - from);

	return x % 3 == 0 ? t : x % 3 == 1 ? t - t % S(60) : t - t % HOUR;
}

static inline bool compare(struct plant *p, unsigned rounds, int64_t from, int64_t to)
{
	bool good = true;

	for (unsigned i = 0; i < rounds && good; i++) {
		uint64_t x = random_next(&p->seed), y = random_next(&p->seed), z = random_next(&p->seed);
		unsigned k = (unsigned) (x % PLENTY);
		int64_t range[2] = { some_time_of(y, from, to), some_time_of(z, from, to) }, border[40];
		struct tsdb_step step = { .step_ns = some_step(x >> 8), .origin_ns = x >> 16 & 1 ? 0 : (int64_t) (x >> 20 & 0xff) * S(60), .only_time = x >> 17 & 1,
			.lean = (x >> 30 & 3) == 0, .want = (x >> 32 & 3) == 0 ? TSDB_DELTA : 0, .fill = (x >> 34 & 7) == 0 ? TSDB_FILL_PREVIOUS : TSDB_FILL_NONE };

		if (range[0] > range[1])
			memcpy(range, (const int64_t[]) { range[1], range[0] }, sizeof(range));
		if ((x >> 40 & 7) == 0) {
			/* Days of another zone, with one of 23 hours. */
			for (unsigned b = 0; b < ELEMENTSOF(border); b++)
				border[b] = T0 - 3 * S(86400) + S(8 * 3600) + (int64_t) b * S(86400) - (b > 3 ? HOUR : 0);
			step.border = border;
			step.n_borders = ELEMENTSOF(border);
		}
		good = figures(p, k, range, &step, false, &with) == 0;
		good = good && figures(p, k, range, &step, true, &without) == 0;
		good = good && with.n == without.n;
		for (size_t b = 0; b < with.n && good; b++)
			good = same_bucket(&with.b[b], &without.b[b], kinds[k].shape == WHOLE || kinds[k].shape == METER, step.lean && !step.want);
		if (!good)
			printf("# kind %u from %lld to %lld step %lld origin %lld borders %zu want %u lean %d: %zu and %zu\n", k, (long long) range[0],
				(long long) range[1], (long long) step.step_ns, (long long) step.origin_ns, step.n_borders, step.want, step.lean, with.n, without.n);
	}
	return good;
}

