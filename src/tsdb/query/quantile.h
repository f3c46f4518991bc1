/*
 * quantile.h - how values are spread, from one look at each.
 *
 * Up to TSDB_EXACT_MAX values are kept, and answers are exact. Beyond, they are merged into a t-digest (T. Dunning, O. Ertl, "Computing
 * Extremely Accurate Quantiles Using t-Digests", 2019; scale function k1, delta 2,000): means of neighbours, finer towards the ends.
 *
 * Thread: one. Memory: 512 KB while exact, 64 KB more behind that; kept when it is cleared.
 */
#pragma once

#include "base/base.h"

enum { QUANTILES_CENTROIDS = 2048 };

struct centroid { double mean; double weight; };

struct quantiles {
	double *v;                      /* n that are not in centroids yet; room: TSDB_EXACT_MAX */
	uint32_t n, n_centroids;
	struct centroid *c, *spare;     /* by mean */
	double merged, min, max;        /* values in centroids */
	uint64_t random;                /* of the pivots, so that no order of values is a bad one */
};

void quantiles_clear(struct quantiles *q);
void quantiles_done(struct quantiles *q);
int quantiles_add(struct quantiles *q, const double *v, uint32_t n);   /* no NaN. -ERR_NO_MEMORY */
double quantiles_get(struct quantiles *q, double p);                    /* 0 … 1; NaN when there are no values */
