/* read_asked.h - what a query asked for, read and resolved once for all forms of its answer (private to service). */
#pragma once

#include "base/json.h"
#include "service/read.h"

enum { AGGS_MAX = 24 };
enum agg {
#define AGG(NAME, word, en, zh) AGG_##NAME,
#include "service/aggregates.def"
#undef AGG
	AGG_PERCENTILE, AGG_N_ };
struct read_agg { enum agg kind; uint32_t quantile; char name[16]; };   /* quantile: which of the step's */

struct read_asked {
	struct plant_point *points;
	uint32_t n;
	int64_t from_ns, to_ns, said_to_ns;     /* of aggregates, to is not later than now: the last value is not held into the future */
	struct read_agg aggs[AGGS_MAX];
	uint32_t n_aggs;
	bool one;                               /* `aggregate`: its column is called v */
	struct tsdb_step step;                  /* but for `between`, which is the point's */
	double quantiles[TSDB_QUANTILES_MAX];
};

/* Everything in the scope's arena. */
int read_asked(struct scope *s, const struct query_in *in, struct read_asked *ret);
struct tsdb_step read_step(const struct read_asked *a, int32_t between);        /* enum point_between; borrows from *a */

/* read_aggs.c */
int read_aggs(struct scope *s, const struct query_in *in, struct read_asked *a);
void read_agg_json(struct json *j, const struct read_agg *agg, const struct tsdb_bucket *k);
double read_agg_number(const struct read_agg *agg, const struct tsdb_bucket *k);        /* NaN: there is none, or it is no number */
void read_agg_text(struct buf *out, const struct read_agg *agg, const struct tsdb_bucket *k);  /* nothing when there is none; times as RFC 3339 */
const char *read_agg_title(const struct read_agg *agg, bool zh);
void read_states_text(struct buf *out, const struct tsdb_bucket *k);    /* 0=12.5;1=3587.5 in s */
void read_value_json(struct json *j, const struct value *v);
void read_value_text(struct buf *out, const struct value *v);
