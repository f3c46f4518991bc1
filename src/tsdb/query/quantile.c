/* quantile.c - exact by selection, else by t-digest. */
#include "tsdb/query/quantile.h"

#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "sys/sys.h"
#include "tsdb/tsdb.h"

enum { DELTA = 2000 };

void quantiles_clear(struct quantiles *q)
{
	q->n = q->n_centroids = 0;
	q->merged = 0;
}

void quantiles_done(struct quantiles *q)
{
	sys_free(q->v);
	sys_free(q->c);
	sys_free(q->spare);
	*q = (struct quantiles) { 0 };
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return (x > y) - (x < y);
}

/* k1 of the paper: steep at both ends. */
static double scale(double p) { return DELTA / (2 * M_PI) * asin(2 * CLAMP(p, 0.0, 1.0) - 1); }

static struct centroid next_of(const struct quantiles *q, uint32_t *at_c, uint32_t *at_v)
{
	if (*at_c < q->n_centroids && (*at_v == q->n || q->c[*at_c].mean <= q->v[*at_v]))
		return q->c[(*at_c)++];
	return (struct centroid) { q->v[(*at_v)++], 1 };
}

static int merge(struct quantiles *q)
{
	double all = q->merged + q->n, before = 0, k = scale(0);
	uint32_t n = 0, at_c = 0, at_v = 0;

	if (!q->c)
		q->c = sys_alloc_array(QUANTILES_CENTROIDS + 4, sizeof(*q->c));
	if (!q->spare)
		q->spare = sys_alloc_array(QUANTILES_CENTROIDS + 4, sizeof(*q->spare));
	if (!q->c || !q->spare)
		return err_fail(ERR_NO_MEMORY, "what", "an aggregate", NULL);
	qsort(q->v, q->n, sizeof(*q->v), by_value);
	q->min = q->merged > 0 ? MIN(q->min, q->v[0]) : q->v[0];
	q->max = q->merged > 0 ? MAX(q->max, q->v[q->n - 1]) : q->v[q->n - 1];
	while (at_c < q->n_centroids || at_v < q->n) {
		struct centroid x = next_of(q, &at_c, &at_v), *last = n ? &q->spare[n - 1] : NULL;

		/* Means of finite values alone: an infinity stays by itself, or with its like. */
		bool joins = last && ((isfinite(last->mean) && isfinite(x.mean)) || last->mean == x.mean);
		if (joins && (scale((before + last->weight + x.weight) / all) - k <= 1 || n >= QUANTILES_CENTROIDS)) {
			last->weight += x.weight;
			if (last->mean != x.mean)
				last->mean += (x.mean - last->mean) * (x.weight / last->weight);
			continue;
		}
		if (last) {
			before += last->weight;
			k = scale(before / all);
		}
		q->spare[n++] = x;
	}
	struct centroid *was = q->c;
	q->c = q->spare;
	q->spare = was;
	q->n_centroids = n;
	q->merged = all;
	q->n = 0;
	return 0;
}

int quantiles_add(struct quantiles *q, const double *v, uint32_t n)
{
	if (!q->v) {
		q->v = sys_alloc_array(TSDB_EXACT_MAX, sizeof(*q->v));
		q->random = 88172645463325252;
	}
	if (!q->v)
		return err_fail(ERR_NO_MEMORY, "what", "an aggregate", NULL);
	while (n) {
		if (q->n == TSDB_EXACT_MAX) {
			int r = merge(q);

			if (r < 0)
				return r;
		}
		uint32_t k = MIN(n, (uint32_t) TSDB_EXACT_MAX - q->n);
		memcpy(q->v + q->n, v, k * sizeof(*v));
		q->n += k;
		v += k;
		n -= k;
	}
	return 0;
}

/* The values are put so that v[k] is the one that would stand there in order (C. A. R. Hoare's FIND, three ways so that equals cost nothing). */
static double select_value(struct quantiles *q, uint32_t k)
{
	uint32_t lo = 0, hi = q->n;

	while (hi - lo > 1) {
		q->random ^= q->random << 13;
		q->random ^= q->random >> 7;
		q->random ^= q->random << 17;
		double pivot = q->v[lo + (uint32_t) (q->random % (hi - lo))];
		uint32_t less = lo, at = lo, more = hi;

		while (at < more) {
			double x = q->v[at];

			if (x < pivot) {
				q->v[at++] = q->v[less];
				q->v[less++] = x;
			} else if (x > pivot) {
				q->v[at] = q->v[--more];
				q->v[more] = x;
			} else {
				at++;
			}
		}
		if (k < less)
			hi = less;
		else if (k >= more)
			lo = more;
		else
			break;
	}
	return q->v[k];
}

/* As numpy.percentile, method linear (type 7 of Hyndman and Fan): by line between the two values around rank (n - 1) p. */
static double exact(struct quantiles *q, double p)
{
	double rank = (q->n - 1) * p, low = floor(rank), t = rank - low;
	uint32_t k = (uint32_t) low;
	double a = select_value(q, k), b = a;

	if (t > 0 && k + 1 < q->n) {
		b = q->v[k + 1];
		for (uint32_t i = k + 2; i < q->n; i++)
			b = MIN(b, q->v[i]);
	}
	if (a == b)
		return a;
	return t >= 0.5 ? b - (b - a) * (1 - t) : a + (b - a) * t;
}

static double of_digest(const struct quantiles *q, double p)
{
	double rank = p * (q->merged - 1), before = 0, at = 0, from = q->min;

	/* A centroid stands at the middle of its ranks; the ends are the least and the greatest value. */
	for (uint32_t i = 0; i < q->n_centroids; i++) {
		double middle = before + (q->c[i].weight - 1) / 2, to = q->c[i].mean;

		if (rank <= middle) {
			if (from == to || middle <= at)
				return to;
			return from + (to - from) * ((rank - at) / (middle - at));
		}
		at = middle;
		from = to;
		before += q->c[i].weight;
	}
	if (from == q->max || q->merged - 1 <= at)
		return q->max;
	return from + (q->max - from) * ((rank - at) / (q->merged - 1 - at));
}

double quantiles_get(struct quantiles *q, double p)
{
	if (!q->n && q->merged <= 0)
		return (double) NAN;
	if (q->merged > 0 && q->n && merge(q) < 0) {
		err_clear();
		return (double) NAN;
	}
	return q->merged > 0 ? of_digest(q, p) : exact(q, p);
}
