/*
 * answer.h - samples on their way out: spans of one series after another, handed over as TALL batches when they are full.
 *
 * Thread: that of the query. Memory: one batch (tall.h), for the time of the query.
 */
#pragma once

#include "tsdb/query/tall.h"
#include "tsdb/tsdb_impl.h"

struct answer {
	const struct tsdb_query *q;
	tsdb_batch_fn on_batch;
	void *ctx;
	struct tall *w;
	uint64_t left;                  /* of the limit */
};

/* 0; 1: the limit is reached; < 0. */
int answer_put(struct answer *a, uint32_t series, const struct span *s);

/* What becomes of the spans of a series, in ascending order of times; 1 or less than 0 ends the answer with that. */
struct answer_maker {
	int (*on_span)(void *ctx, struct answer *a, const struct series *series, const struct span *s);
	int (*on_end)(void *ctx, struct answer *a);     /* of the series; NULL: nothing is left to say */
	/* Figures of minutes and hours may come in the place of samples: of which tiers (a bit each), which of them will do (merge.h), and what becomes
	 * of these; NULL: none. */
	unsigned tiers;
	uint32_t (*rows)(void *ctx, const struct rolls *r, uint32_t k, uint32_t end);
	int (*on_rolls)(void *ctx, struct answer *a, const struct series *series, const struct merged_rolls *f);
	void *ctx;
};
/* Each series of the query that is known, in ascending order; what was put goes out, the last batch, too. */
int answer_run(struct tsdb *t, const struct tsdb_query *q, tsdb_batch_fn on_batch, void *ctx, const struct answer_maker *m);
