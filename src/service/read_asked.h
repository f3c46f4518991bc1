/* read_asked.h - what a query asked for, read and resolved once for all forms of its answer (private to service). */
#pragma once

#include "base/json.h"
#include "service/read.h"

enum agg { AGG_AVG, AGG_MEAN, AGG_MIN, AGG_MAX, AGG_SUM, AGG_COUNT, AGG_FIRST, AGG_LAST, AGG_COVERAGE, AGG_N_ };
extern const char *const read_agg_words[AGG_N_];

struct read_asked {
	struct plant_point *points;
	uint32_t n;
	int64_t from_ns, to_ns, said_to_ns;     /* of aggregates, to is not later than now: the last value is not held into the future */
	enum agg aggs[AGG_N_];
	uint32_t n_aggs;
	bool one;                               /* `aggregate`: its column is called v */
};

/* Everything in the scope's arena. */
int read_asked(struct scope *s, const struct query_in *in, struct read_asked *ret);
void read_value_json(struct json *j, const struct value *v);
void read_agg_json(struct json *j, enum agg agg, const struct tsdb_bucket *k);
