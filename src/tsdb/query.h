/*
 * query.h - a page of tsdb.h: samples as they are, the last one, what a screen can show, figures of buckets, and what a query would cost.
 *
 * An unknown series has no samples; that is not an error.
 *
 * Thread: any but a loop (tsdb.h). Memory: what is handed to a callback is borrowed until it returns.
 */
#pragma once

#include "base/arena.h"
#include "model/batch.h"

struct tsdb;
struct tsdb_lease;

struct tsdb_query {
	uint32_t tenant;
	const uint32_t *series;         /* ascending or not; answered in ascending order, duplicates once */
	size_t n_series;
	int64_t from_ns, to_ns;         /* from <= time < to */
	uint64_t limit;                 /* samples (range) or buckets (aggregate) at most; 0: no limit */
	int64_t deadline_ns;            /* monotonic clock; 0: none. Past it: -ERR_TIMEOUT */
	const bool *cancel;             /* set by anyone at any time: -ERR_CANCELLED. May be NULL */
	const struct tsdb_lease *lease; /* NULL: all there is */
	bool raw_only;                  /* neither figures of minutes and hours (README.md, "Roll-ups") nor of side indexes are used where there are samples */
};

/* Borrowed: batch_ref() to keep. < 0 ends the query with that error. */
typedef int (*tsdb_batch_fn)(void *ctx, struct batch *b);

/* Sealed TALL batches, sorted by (series, time); a batch is of one type and may hold several series. Returns 1 when the limit
 * cut the answer: go on behind the last (series, time) seen. */
int tsdb_range(struct tsdb *t, const struct tsdb_query *q, tsdb_batch_fn on_batch, void *ctx);

/* The same, of each pixel (one of `pixels` equal parts of from … to) the first, lowest, highest and last used sample, and one that is not used where
 * there is one: at most 5 a pixel, 1 of texts. A line through them is the line through all. */
int tsdb_plot(struct tsdb *t, const struct tsdb_query *q, uint32_t pixels, tsdb_batch_fn on_batch, void *ctx);

/* The same, of each series at most n samples: those that keep the shape of its line (S. Steinarsson, "Downsampling Time Series for Visual
 * Representation", 2013: largest triangle three buckets), among the used ones; besides, of each bucket of that method, one that is not used where there
 * is one. n < 3: 3. Of texts every so many-th. */
int tsdb_lttb(struct tsdb *t, const struct tsdb_query *q, uint32_t n, tsdb_batch_fn on_batch, void *ctx);

#define TSDB_NEVER INT64_MIN
/* The sample with the greatest time of each series, ret[n] in the order asked; time TSDB_NEVER when there is none. Strings
 * live in the arena. */
int tsdb_last(struct tsdb *t, uint32_t tenant, const uint32_t *series, size_t n, struct arena *a, struct sample *ret);
/* The same among those with from <= time < to of the query, ret[q->n_series]: what was valid at an instant. */
int tsdb_last_before(struct tsdb *t, const struct tsdb_query *q, struct arena *a, struct sample *ret);

struct tsdb_bucket;
enum tsdb_interpolation { TSDB_STEP, TSDB_LINEAR };
struct tsdb_step {
	int64_t step_ns;                /* 0: one bucket from from_ns to to_ns */
	int64_t origin_ns;              /* bucket borders are origin + i * step; the first and last bucket are cut by from and to */
	enum tsdb_interpolation between;        /* how a value goes on until the next one; for avg */
	bool lean;                      /* first, min, max, their times and delta will not be looked at: they may be missing, and a mean of values near the
	                                 * end of double may be infinite */
	bool only_time;                 /* leave the look before from_ns and behind to_ns out: avg then starts at the first sample inside */
	/* Instead of equal steps: bucket i runs from border[i] to border[i + 1]; ascending, borrowed during the query. NULL: step_ns */
	const int64_t *border;
	size_t n_borders;
	unsigned want;                  /* TSDB_STDDEV | … : figures that cost more than a look at the samples */
	const double *quantile;         /* 0 … 1 */
	uint32_t n_quantiles;           /* at most TSDB_QUANTILES_MAX */
	double roll_over;               /* of a counter: the value at which it begins at 0 again; 0: it never does */
	/* Of an answer that is asked for piece by piece, one series at a time: the last bucket of the piece before that was not made up. */
	const struct tsdb_bucket *before;
	enum tsdb_fill { TSDB_FILL_NONE, TSDB_FILL_NULL, TSDB_FILL_PREVIOUS, TSDB_FILL_LINEAR } fill;   /* buckets that nothing is known of */
};
enum { TSDB_STDDEV = 1, TSDB_DELTA = 2, TSDB_CHANGES = 4, TSDB_STATES = 8, TSDB_QUANTILES_MAX = 8, TSDB_STATES_MAX = 64,
	TSDB_EXACT_MAX = 65536 /* samples of a bucket up to which quantiles are exact */ };
struct tsdb_state { struct value value; int64_t ns; uint64_t times; };         /* for how long; how often it began */

/* A bucket with at least one sample, or with a value that goes on from before. Bad samples count in n and end a value, but are
 * in none of the figures; Good and Uncertain are, unless NaN, which is treated like no value. Bool counts as 0 and 1; of str
 * and bytes only counts, first and last are given. */
struct tsdb_bucket {
	uint32_t series;
	uint32_t worst;                 /* the worst quality seen, by severity */
	int64_t start_ns, end_ns;
	uint64_t n, n_good, n_used;     /* samples; with Good quality; that the figures are made of */
	int64_t covered_ns;             /* of end - start: time for which there was a value (coverage) */
	double avg;                     /* time-weighted over covered_ns; NaN when that is 0 */
	double mean, sum;               /* unweighted, compensated; NaN and 0 when n_used is 0 */
	double min, max;                /* NaN when n_used is 0 */
	int64_t min_ns, max_ns;         /* the first time of each */
	struct value first, last;       /* of the used; V_NONE when n_used is 0. Strings live until on_buckets returns */
	int64_t first_ns, last_ns;
	int64_t min_i, max_i;           /* min and max of i64 and time, exact beyond 2^53 */
	double integral;                /* of the value over covered_ns, in its unit × s; NaN when that is 0 */
	bool coarse;                    /* of some of it only figures of minutes or hours are kept, and they do not say all that was asked: stddev, delta and
	                                 * quantiles are NaN, there are no states; where a row crosses a border each side has its share of the time */
	bool filled;                    /* nothing is known of it: fill made it up. Then n and covered_ns are 0 */
	/* What was wanted: */
	double stddev;                  /* of the samples, divisor n - 1; NaN with less than two */
	double delta;                   /* what a counter went up by: see tsdb_aggregate() */
	uint64_t changes;               /* used samples that differ from the used one before */
	double quantile[TSDB_QUANTILES_MAX];    /* between neighbours by line, as numpy does; beyond TSDB_EXACT_MAX within 0.1 % of rank; NaN: none */
	const struct tsdb_state *states;        /* in order of their first appearance; live until on_buckets returns */
	uint32_t n_states;
};
typedef int (*tsdb_buckets_fn)(void *ctx, const struct tsdb_bucket *bucket, size_t n);

/*
 * Buckets in order of (series, start); empty ones are left out unless `fill` is asked for, and then of a series that has any. The last value
 * is held until to_ns, so ask for to <= now. Returns 1 when the limit cut the answer; -ERR_LIMIT: more states than TSDB_STATES_MAX.
 *
 * fill: NULL leaves figures NaN and values V_NONE; PREVIOUS repeats the bucket before; LINEAR runs straight from its figures to those of the one
 * behind. A bucket into which a value goes on from before is not empty.
 * LINEAR: what lies outside the query is looked for, so that a value runs straight to the first sample behind to_ns, too.
 * delta: each used sample adds its difference to the used one before (before from_ns, too) to the bucket it lies in, so buckets add up to the
 * whole. A lower value is a counter that began at 0 again: it adds itself, and what was left to roll_over, if there is one.
 * states: a value goes on until the next sample; a Bad one, or one without value, ends it. Texts have states, too.
 */
int tsdb_aggregate(struct tsdb *t, const struct tsdb_query *q, const struct tsdb_step *step, tsdb_buckets_fn on_buckets, void *ctx);

/* What a query would look at, before it does: of runs of samples that buckets of this length (0: raw samples; INT64_MAX: one bucket; less than 0: a
 * plot of pixels of so many ns) may take whole, one sample each, of figures of minutes and hours one a row. An estimate from side indexes and head. */
struct tsdb_cost { uint64_t series, files, samples; };
int tsdb_cost(struct tsdb *t, const struct tsdb_query *q, int64_t bucket_ns, struct tsdb_cost *ret);
