/*
 * lttb.c - as many samples as are wanted, so that the line through them looks like the line through all.
 *
 * The used samples but the first and the last are dealt into n - 2 buckets of equal number; of each that sample is kept that makes the largest
 * triangle with the one kept before and the mean of the next bucket. How many there are must be known before, so samples go by twice; what
 * is remembered is two buckets.
 */
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "tsdb/query/answer.h"

struct held { int64_t t; uint64_t v; double x, y; uint32_t q; uint8_t cell; };

struct deal {                           /* a bucket of the method */
	struct held *item;
	size_t n, room;
	double x, y;                    /* sums */
	struct held broken;             /* the first in it that is not used */
	bool is_broken;
};

struct lttb {
	const struct tsdb_query *q;
	uint32_t wanted;
	struct counted { uint32_t series; uint64_t n; } *count;        /* of used samples (of texts: all), ascending by series */
	size_t n_counts, at;
	/* The second time: */
	const struct series *series;
	uint64_t all, seen;             /* used ones of the series; of texts all */
	uint64_t bucket, end;           /* the bucket being filled, and the used sample at which it ends */
	struct deal deal[2];            /* complete; being filled */
	struct held kept;
	bool is_complete;               /* deal[0] */
};

static bool is_text(const struct series *s) { return s->type == V_STR || s->type == V_BYTES; }

static struct held held(const struct lttb *l, const struct span *s, uint32_t i)
{
	struct held h = { .t = s->t[i], .q = s->q ? s->q[i] : 0, .cell = s->cell ? s->cell[i] : CELL_VALUE, .y = (double) NAN };
	unsigned width = slot_width(s->type);
	struct value v = span_value(s, i);

	memcpy(&h.v, (const char *) s->v + (size_t) i * width, width);
	h.x = (double) ((uint64_t) h.t - (uint64_t) l->q->from_ns);
	if (v.type != V_NONE && !quality_is_bad(h.q))
		h.y = v.type == V_F64 ? v.f64 : v.type == V_F32 ? (double) v.f32 : v.type == V_BOOL ? v.b : (double) v.i;
	return h;
}

/* --- The first time */

static int count(void *ctx, struct answer *a, const struct series *series, const struct span *s)
{
	struct lttb *l = ctx;

	if (!l->n_counts || l->count[l->n_counts - 1].series != series->number)
		l->count[l->n_counts++] = (struct counted) { .series = series->number };
	struct counted *c = &l->count[l->n_counts - 1];
	c->n += is_text(series) ? s->n : 0;
	for (uint32_t i = 0; !is_text(series) && i < s->n; i++) {
		double y = held(l, s, i).y;

		c->n += y == y;
	}
	return 0;
}

/* --- The second */

static int out(struct lttb *l, struct answer *a, const struct held *h)
{
	return answer_put(a, l->series->number, &(struct span) { .n = 1, .type = l->series->type, .t = &h->t, .v = &h->v, .cell = &h->cell, .q = &h->q });
}

static int put(struct deal *d, const struct held *h)
{
	if (d->n == d->room) {
		size_t room = MAX(d->room * 2, (size_t) 256);
		struct held *more = sys_resize(d->item, room * sizeof(*more));

		if (!more)
			return err_fail(ERR_NO_MEMORY, "what", "a query", NULL);
		d->item = more;
		d->room = room;
	}
	d->item[d->n++] = *h;
	d->x += h->x;
	d->y += h->y;
	return 0;
}

static void empty(struct deal *d)
{
	d->n = 0;
	d->x = d->y = 0;
	d->is_broken = false;
}

/* Of the complete bucket; x, y: the mean of what comes behind it. */
static int choose(struct lttb *l, struct answer *a, double x, double y)
{
	struct deal *d = &l->deal[0];
	const struct held *best = d->item;
	double largest = -1;
	int r = 0;

	for (const struct held *h = d->item; h < d->item + d->n; h++) {
		double area = fabs((l->kept.x - x) * (h->y - l->kept.y) - (l->kept.x - h->x) * (y - l->kept.y));

		if (area > largest) {
			largest = area;
			best = h;
		}
	}
	if (d->is_broken && (!d->n || d->broken.t < best->t))
		r = out(l, a, &d->broken);
	if (r == 0 && d->n) {
		l->kept = *best;
		r = out(l, a, best);
	}
	if (r == 0 && d->is_broken && d->n && d->broken.t > best->t)
		r = out(l, a, &d->broken);
	return r;
}

/* The bucket being filled is complete, and the one before it chosen from. */
static int turn(struct lttb *l, struct answer *a)
{
	struct deal full = l->deal[1];
	int r = l->is_complete && full.n ? choose(l, a, full.x / (double) full.n, full.y / (double) full.n) : 0;

	l->deal[1] = l->deal[0];
	l->deal[0] = full;
	empty(&l->deal[1]);
	l->is_complete = true;
	return r;
}

/* At which used sample a bucket ends, the first and the last left out. */
static uint64_t end_of(const struct lttb *l, uint64_t bucket)
{
	double every = (double) (l->all - 2) / (double) (l->wanted - 2);

	return bucket + 1 >= l->wanted - 2 ? l->all - 1 : (uint64_t) floor((double) (bucket + 1) * every) + 1;
}

static int take_used(struct lttb *l, struct answer *a, const struct held *h)
{
	uint64_t n = l->all, i = l->seen++;
	int r = 0;

	if (i >= n)                     /* written since they were counted: the line ends where it was counted */
		return 0;
	if (n <= l->wanted || i == 0) {
		l->kept = *h;
		l->end = n > l->wanted ? end_of(l, 0) : UINT64_MAX;
		return out(l, a, h);
	}
	while (r == 0 && i >= l->end && i < n - 1) {
		r = turn(l, a);
		l->end = end_of(l, ++l->bucket);
	}
	if (r == 0 && i == n - 1) {
		r = turn(l, a);
		if (r == 0)
			r = choose(l, a, h->x, h->y);
		l->kept = *h;
		return r == 0 ? out(l, a, h) : r;
	}
	return r == 0 ? put(&l->deal[1], h) : r;
}

static int take_broken(struct lttb *l, struct answer *a, const struct held *h)
{
	struct deal *d = &l->deal[1];

	if (l->all <= l->wanted)
		return out(l, a, h);
	if (!d->is_broken && l->seen && l->seen < l->all) {
		d->broken = *h;
		d->is_broken = true;
	}
	return 0;
}

/* Evenly. */
static int pick_texts(struct lttb *l, struct answer *a, const struct span *s)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < s->n; i++, l->seen++) {
		unsigned __int128 part = (unsigned __int128) l->seen * l->wanted;

		if (l->seen < l->all && (l->all <= l->wanted || part % l->all < l->wanted)) {
			struct span one = span_part(s, i, 1);

			r = answer_put(a, l->series->number, &one);
		}
	}
	return r;
}

static int pick(void *ctx, struct answer *a, const struct series *series, const struct span *s)
{
	struct lttb *l = ctx;
	int r = 0;

	if (l->series != series) {
		while (l->at < l->n_counts && l->count[l->at].series < series->number)
			l->at++;
		l->all = l->at < l->n_counts && l->count[l->at].series == series->number ? l->count[l->at].n : 0;
		l->series = series;
	}
	if (is_text(series))
		return pick_texts(l, a, s);
	for (uint32_t i = 0; r == 0 && i < s->n; i++) {
		struct held h = held(l, s, i);

		r = h.y == h.y ? take_used(l, a, &h) : take_broken(l, a, &h);
	}
	return r;
}

static int picked(void *ctx, struct answer *a)
{
	struct lttb *l = ctx;

	empty(&l->deal[0]);
	empty(&l->deal[1]);
	l->seen = l->bucket = 0;
	l->is_complete = false;
	l->series = NULL;
	return 0;
}

int tsdb_lttb(struct tsdb *t, const struct tsdb_query *q, uint32_t n, tsdb_batch_fn on_batch, void *ctx)
{
	struct lttb l = { .q = q, .wanted = MAX(n, 3u), .count = sys_alloc_array(q->n_series + 1, sizeof(*l.count)) };
	int r = l.count ? 0 : err_fail(ERR_NO_MEMORY, "what", "a query", NULL);

	if (r == 0)
		r = answer_run(t, q, on_batch, ctx, &(struct answer_maker) { .on_span = count, .ctx = &l });
	if (r == 0)
		r = answer_run(t, q, on_batch, ctx, &(struct answer_maker) { .on_span = pick, .on_end = picked, .ctx = &l });
	sys_free(l.deal[0].item);
	sys_free(l.deal[1].item);
	sys_free(l.count);
	return r;
}
