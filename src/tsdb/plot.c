/*
 * plot.c - as many samples as a screen has room for, so that no peak disappears.
 *
 * Ends: of each pixel the first, the lowest, the highest and the last sample (U. Jugel et al., "M4: A Visualization-Oriented Time Series Data
 * Aggregation", 2014): the line drawn is the line of all samples, pixel by pixel. A Bad sample, or one without value, is kept
 * too, one a pixel: there the line is broken. Of texts the first of each pixel.
 */
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "tsdb/tall.h"
#include "tsdb/tsdb_impl.h"

struct pick { int64_t t; uint64_t v; uint32_t q; uint8_t cell; bool is; };
enum { FIRST, LOWEST, HIGHEST, LAST, BROKEN, PICKS };

struct plot {
	const struct tsdb_query *q;
	uint32_t pixels;
	tsdb_batch_fn on_batch;
	void *ctx;
	struct tall *w;
	uint64_t left;
	uint32_t series;
	uint8_t type;
	bool open;                      /* a pixel is under way */
	uint64_t end;                   /* of it: ns behind from */
	struct pick pick[PICKS];
	double lowest, highest;
};

static int hand_over(struct plot *p)
{
	_cleanup_(batch_unrefp) struct batch *b = NULL;

	if (p->w->rows == 0)
		return 0;
	int r = tall_seal(p->w, p->q->tenant, &b);
	if (r == 0)
		r = p->on_batch(p->ctx, b);
	return MIN(r, 0);
}

/* 1: the limit is reached. */
static int put(struct plot *p, const struct span *s)
{
	int r = 0;

	if (p->left == 0)
		return 1;
	for (int n = 0; r == 0 && n == 0;) {
		if (p->w->type != s->type) {
			r = hand_over(p);
			tall_begin(p->w, s->type);
		}
		n = r < 0 ? r : tall_add(p->w, p->series, s, 0, 1);
		if (n < 0)
			return n;
		if (n == 0) {
			r = hand_over(p);
			tall_begin(p->w, V_NONE);
		}
	}
	p->left--;
	return r;
}

static int by_time(const void *a_, const void *b_)
{
	const struct pick *a = a_, *b = b_;

	return (a->t > b->t) - (a->t < b->t);
}

static int close_pixel(struct plot *p)
{
	struct pick k[PICKS];
	size_t n = 0;
	int r = 0;

	for (unsigned i = 0; i < PICKS; i++)
		if (p->pick[i].is)
			k[n++] = p->pick[i];
	qsort(k, n, sizeof(*k), by_time);
	for (size_t i = 0; i < n && r == 0; i++)
		if (i == 0 || k[i].t != k[i - 1].t)
			r = put(p, &(struct span) { .n = 1, .type = p->type, .t = &k[i].t, .v = &k[i].v, .cell = &k[i].cell, .q = &k[i].q });
	memset(p->pick, 0, sizeof(p->pick));
	p->open = false;
	return r;
}

static double as_number(const struct span *s, uint32_t i)
{
	struct value v = span_value(s, i);

	return v.type == V_F64 ? v.f64 : v.type == V_F32 ? (double) v.f32 : v.type == V_BOOL ? v.b : (double) v.i;
}

static void add_number(struct plot *p, const struct span *s, uint32_t i)
{
	unsigned width = slot_width(s->type);
	struct pick k = { .t = s->t[i], .q = s->q ? s->q[i] : 0, .cell = s->cell ? s->cell[i] : CELL_VALUE, .is = true };
	double v = k.cell == CELL_VALUE ? as_number(s, i) : (double) NAN;

	memcpy(&k.v, (const char *) s->v + (size_t) i * width, width);
	if (isnan(v) || quality_is_bad(k.q)) {
		if (!p->pick[BROKEN].is)
			p->pick[BROKEN] = k;
		return;
	}
	if (!p->pick[FIRST].is)
		p->pick[FIRST] = k;
	if (!p->pick[LOWEST].is || v < p->lowest) {
		p->pick[LOWEST] = k;
		p->lowest = v;
	}
	if (!p->pick[HIGHEST].is || v > p->highest) {
		p->pick[HIGHEST] = k;
		p->highest = v;
	}
	p->pick[LAST] = k;
}

/* Begins the pixel of a time: up to the first time that lies in a later one. */
static void open_pixel(struct plot *p, int64_t t)
{
	uint64_t all = (uint64_t) p->q->to_ns - (uint64_t) p->q->from_ns, at = (uint64_t) t - (uint64_t) p->q->from_ns;
	unsigned __int128 pixel = (unsigned __int128) at * p->pixels / all;

	p->end = (uint64_t) (((pixel + 1) * all + p->pixels - 1) / p->pixels);
	p->open = true;
}

static int put_span(struct plot *p, const struct span *s)
{
	bool is_text = s->type == V_STR || s->type == V_BYTES;
	int r = 0;

	for (uint32_t i = 0; i < s->n && r == 0; i++) {
		bool other = !p->open || (uint64_t) s->t[i] - (uint64_t) p->q->from_ns >= p->end;

		if (other) {
			r = close_pixel(p);
			open_pixel(p, s->t[i]);
		}
		if (r == 0 && is_text && other) {
			struct span one = span_part(s, i, 1);

			r = put(p, &one);
		} else if (!is_text) {
			add_number(p, s, i);
		}
	}
	return r;
}

static int each_series(struct reader *rd, struct plot *p, const uint32_t *series, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		const struct series *s = names_series(rd->te->names, series[i]);
		struct span span;

		if (!s)
			continue;
		p->series = s->number;
		p->type = s->type;
		p->open = false;
		r = reader_series(rd, s, p->q->from_ns, p->q->to_ns);
		while (r == 0 && (r = reader_next(rd, &span)) > 0)
			r = put_span(p, &span);
		if (r == 0)
			r = close_pixel(p);
	}
	if (r >= 0) {
		int last = hand_over(p);

		r = last < 0 ? last : r;
	}
	return r;
}

int tsdb_plot(struct tsdb *t, const struct tsdb_query *q, uint32_t pixels, tsdb_batch_fn on_batch, void *ctx)
{
	struct plot p = { .q = q, .pixels = MAX(pixels, 1u), .on_batch = on_batch, .ctx = ctx, .left = q->limit ? q->limit : UINT64_MAX };
	struct tenant *te = tenant_find(t, q->tenant);
	_cleanup_free_ uint32_t *series = NULL;
	struct reader rd;
	size_t n = 0;

	if (!te || q->from_ns >= q->to_ns)
		return 0;
	int r = query_series(q, &series, &n);
	if (r < 0)
		return r;
	p.w = sys.malloc(sizeof(*p.w));
	if (!p.w)
		return err_fail(ERR_NO_MEMORY, "what", "a query", NULL);
	p.w->text = (struct buf) { 0 };
	tall_begin(p.w, V_NONE);
	r = reader_open(t, te, q, &rd);
	if (r == 0)
		r = each_series(&rd, &p, series, n);
	reader_close(&rd);
	tall_done(p.w);
	sys_free(p.w);
	return r;
}
