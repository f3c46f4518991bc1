/*
 * plot.c - as many samples as a screen has room for, so that no peak disappears.
 *
 * Ends: of each pixel the first, the lowest, the highest and the last sample (U. Jugel et al., "M4: A Visualization-Oriented Time Series Data
 * Aggregation", 2014): the line drawn is the line of all samples, pixel by pixel. A Bad sample, or one without value, is kept
 * too, one a pixel: there the line is broken. Of texts the first of each pixel.
 */
#include <math.h>
#include <stdlib.h>

#include "tsdb/answer.h"

struct pick { int64_t t; uint64_t v; uint32_t q; uint8_t cell; bool is; };
enum { FIRST, LOWEST, HIGHEST, LAST, BROKEN, PICKS };

struct plot {
	const struct tsdb_query *q;
	uint32_t pixels;
	uint32_t series;
	uint8_t type;
	bool open;                      /* a pixel is under way */
	uint64_t end;                   /* of it: ns behind from */
	struct pick pick[PICKS];
	double lowest, highest;
};

static int by_time(const void *a_, const void *b_)
{
	const struct pick *a = a_, *b = b_;

	return (a->t > b->t) - (a->t < b->t);
}

static int close_pixel(void *ctx, struct answer *a)
{
	struct plot *p = ctx;
	struct pick k[PICKS];
	size_t n = 0;
	int r = 0;

	for (unsigned i = 0; i < PICKS; i++)
		if (p->pick[i].is)
			k[n++] = p->pick[i];
	qsort(k, n, sizeof(*k), by_time);
	for (size_t i = 0; i < n && r == 0; i++)
		if (i == 0 || k[i].t != k[i - 1].t)
			r = answer_put(a, p->series, &(struct span) { .n = 1, .type = p->type, .t = &k[i].t, .v = &k[i].v, .cell = &k[i].cell, .q = &k[i].q });
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

static int on_span(void *ctx, struct answer *a, const struct series *series, const struct span *s)
{
	struct plot *p = ctx;
	bool is_text = s->type == V_STR || s->type == V_BYTES;
	int r = 0;

	p->series = series->number;
	p->type = s->type;
	for (uint32_t i = 0; i < s->n && r == 0; i++) {
		bool other = !p->open || (uint64_t) s->t[i] - (uint64_t) p->q->from_ns >= p->end;

		if (other) {
			r = close_pixel(p, a);
			open_pixel(p, s->t[i]);
		}
		if (r == 0 && is_text && other) {
			struct span one = span_part(s, i, 1);

			r = answer_put(a, p->series, &one);
		} else if (!is_text) {
			add_number(p, s, i);
		}
	}
	return r;
}

int tsdb_plot(struct tsdb *t, const struct tsdb_query *q, uint32_t pixels, tsdb_batch_fn on_batch, void *ctx)
{
	struct plot p = { .q = q, .pixels = MAX(pixels, 1u) };

	return answer_run(t, q, on_batch, ctx, &(struct answer_maker) { .on_span = on_span, .on_end = close_pixel, .ctx = &p });
}
