/*
 * agg.h - what the files of aggregates share: one series after the other, one bucket at a time.
 *
 * agg.c opens and closes buckets and lets values go on between samples, agg_block.c takes in the samples of a bucket, agg_more.c makes the
 * figures that cost more, agg_fill.c the buckets that nothing is known of.
 */
#pragma once

#include <math.h>

#include "parquet/parquet.h"
#include "tsdb/query/quantile.h"
#include "tsdb/tsdb_impl.h"

enum { OUT_BUCKETS = 256, AGG_TEXT_MAX = 32 << 20 };
/* What is wanted alone lies behind these, and is nothing where nothing is: most buckets are that much less to make and to copy. */
enum { AGG_PLAIN_BYTES = offsetof(struct tsdb_bucket, stddev) };

struct sum { double hi, lo; };          /* Neumaier: lo is what the additions to hi lost */

/* Of the bucket being filled, and what was before it; for what is wanted alone. */
struct more {
	struct quantiles spread;
	double mean, m2;                /* of the n_used samples so far: their mean, and the sum of squares of the distances from it */
	uint64_t n;
	struct sum delta;
	bool before;                    /* there was a used sample: */
	struct value value;             /* its value, texts in `text` */
	struct buf text;
	uint32_t n_states;
	struct tsdb_state state[TSDB_STATES_MAX];
};

struct agg {
	const struct tsdb_query *q;
	const struct tsdb_step *step;
	tsdb_buckets_fn on_buckets;
	void *ctx;
	uint64_t left;
	bool done;                      /* the limit is reached */
	bool wide;                      /* lanes.h */
	bool is_text;                   /* the series under way */
	uint8_t type;
	struct tsdb_bucket out[OUT_BUCKETS];
	size_t n_out;
	struct arena texts;             /* of first, last and states in out[] */
	int64_t near_from, near_to;     /* borders that were asked for last; equal: none were */
	uint16_t cut[ROLL_ROWS_MAX];    /* of rows of figures that were promised: where the buckets end they lie in */
	/* The bucket being filled: */
	bool open;
	struct tsdb_bucket b;           /* of texts the last lies in last_text until it is closed */
	struct buf last_text;
	struct sum sum, integral;
	double held_min, held_max;
	struct more *more;              /* NULL: nothing more is wanted */
	/* What goes on from the last sample: */
	bool holding;
	int64_t hold_ns;
	double hold;
	/* Buckets of this series that are out: */
	bool any;
	int64_t filled_to;
	struct tsdb_bucket before;      /* the last of them that was not made up; its last value's text in before_text */
	struct buf before_text;
	double number[CHUNK_ROWS];      /* a block of a span as numbers */
	uint8_t used[CHUNK_ROWS];
};

static inline void sum_add(struct sum *s, double v)
{
	double t = s->hi + v;

	s->lo += fabs(s->hi) >= fabs(v) ? s->hi - t + v : v - t + s->hi;
	s->hi = t;
}

/* fmin() and fmax(), which are calls, where `kept` is no NaN. */
static inline double lower(double kept, double v) { return v < kept ? v : kept; }
static inline double higher(double kept, double v) { return v > kept ? v : kept; }

static inline double sum_get(const struct sum *s) { return isfinite(s->hi) ? s->hi + s->lo : s->hi; }
static inline bool is_whole(uint8_t type) { return type == V_I64 || type == V_TIME; }

/* agg.c */
void agg_borders(const struct agg *a, int64_t t, int64_t *ret_start, int64_t *ret_end);
void agg_near(struct agg *a, int64_t t);                        /* the same into near_from and near_to */
int agg_out(struct agg *a, const struct tsdb_bucket *b);        /* to the caller, when OUT_BUCKETS are together */
/* The same of one that is written where it goes out: the first AGG_PLAIN_BYTES of it; NULL: the limit is reached. */
struct tsdb_bucket *agg_slot(struct agg *a);
int agg_slot_out(struct agg *a);
/* The value from `from` to `to`, both in the open bucket, beginning at v0 and ending at v1. */
void agg_integrate(struct agg *a, int64_t from, int64_t to, double v0, double v1);
/* The held value goes on until t, where it is v1; buckets on the way are closed. */
int agg_segment(struct agg *a, uint32_t series, int64_t t, double v1);
int agg_move_to(struct agg *a, uint32_t series, int64_t t);     /* makes the open bucket the one that holds t */

/* agg_block.c: samples of one span that lie in the open bucket */
bool agg_numbers(struct agg *a, const struct span *s);          /* number[], used[]; whether all are used */
int agg_block(struct agg *a, const struct span *s);
/* Whether the side index knows enough of a run of samples, and the run by its figures instead of its samples. */
bool agg_is_known(const struct agg *a, const struct idx_entry *e);
struct value agg_value(const struct idx_entry *e, uint64_t bits);
void agg_entry(struct agg *a, const struct idx_entry *e);

/* agg_roll.c: rows of figures instead of samples */
unsigned agg_tiers(const struct agg *a);                        /* which are worth a look, a bit each */
uint32_t agg_rows(void *agg, const struct rolls *r, uint32_t k, uint32_t end);         /* merge.h: rows */
int agg_rolls(struct agg *a, uint32_t series, const struct merged_rolls *f);

/* agg_more.c */
int more_begin(struct agg *a);                                  /* before anything; makes a->more if something is wanted */
void more_done(struct agg *a);
void more_series(struct agg *a);
int more_before(struct agg *a, const struct value *v);          /* the used sample before from */
void more_open(struct agg *a);
int more_block(struct agg *a, const struct span *s);            /* after agg_block()'s own figures; number[] and used[] are set */
int more_roll(struct agg *a, const struct value *first, const struct value *last);      /* a counter that went from one to the other without a fall */
int more_hold(struct agg *a, int64_t ns);                       /* the last value goes on in the open bucket */
int more_close(struct agg *a);

/* agg_fill.c */
int fill_bucket(struct agg *a, const struct tsdb_bucket *b);    /* what lies before it, then the bucket */
int fill_seed(struct agg *a);                                   /* the bucket that was answered before, if the step says one */
int fill_rest(struct agg *a, uint32_t series);                  /* up to the end */
