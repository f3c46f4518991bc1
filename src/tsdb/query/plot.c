/*
 * plot.c - as many samples as a screen has room for, so that no peak disappears.
 *
 * Ends: of each pixel the first, the lowest, the highest and the last sample (U. Jugel et al., "M4: A Visualization-Oriented Time Series Data
 * Aggregation", 2014): the line drawn is the line of all samples, pixel by pixel. A Bad sample, or one without value, is kept
 * too, one a pixel: there the line is broken. Of texts the first of each pixel.
 */
#include <math.h>
#include <stdlib.h>

#include "tsdb/query/answer.h"

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

/* --- Figures of minutes and hours that one pixel holds, and of which all is Good and nothing more is said */

static uint32_t on_rows(void *ctx, const struct rolls *r, uint32_t k, uint32_t end)
{
	struct plot at = { .q = ((const struct plot *) ctx)->q, .pixels = ((const struct plot *) ctx)->pixels };
	uint32_t i = k;

	open_pixel(&at, r->t_min[k]);
	for (; i < end && (uint64_t) r->t_max[i] - (uint64_t) at.q->from_ns < at.end; i++)
		if ((r->good && r->good[i] != r->count[i]) || (r->used && r->used[i] != r->count[i]) || (r->worst && r->worst[i]))
			break;
	return i - k;
}

static struct pick pick_of(const struct rolls *r, unsigned which, uint32_t i, int64_t t)
{
	double f = which == FIRST ? r->first[i] : which == LAST ? r->last[i] : which == LOWEST ? r->min[i] : r->max[i];
	static const uint8_t whole[] = { [FIRST] = 0, [LAST] = 1, [LOWEST] = 2, [HIGHEST] = 3 };
	struct pick k = { .t = t, .cell = CELL_VALUE, .is = true };
	float narrow = (float) f;

	if (r->type == V_F64)
		memcpy(&k.v, &f, sizeof(f));
	else if (r->type == V_F32)
		memcpy(&k.v, &narrow, sizeof(narrow));
	else if (r->type == V_BOOL)
		memcpy(&k.v, &(uint8_t) { r->whole[whole[which]][i] != 0 }, 1);
	else
		memcpy(&k.v, &r->whole[whole[which]][i], sizeof(int64_t));
	return k;
}

static int on_rolls(void *ctx, struct answer *a, const struct series *series, const struct merged_rolls *f)
{
	struct plot *p = ctx;
	const struct rolls *r = f->r;
	int e = 0;

	p->series = series->number;
	p->type = series->type;
	for (uint32_t i = f->k; i < f->k + f->n && e == 0; i++) {
		int64_t t = MAX(r->t_min[i], p->q->from_ns);

		if ((r->used && !r->used[i]) || t >= p->q->to_ns)
			continue;
		if (!p->open || (uint64_t) t - (uint64_t) p->q->from_ns >= p->end) {
			e = close_pixel(p, a);
			open_pixel(p, t);
		}
		if (!p->pick[FIRST].is)
			p->pick[FIRST] = pick_of(r, FIRST, i, MAX(r->first_ns ? r->first_ns[i] : r->t_min[i], t));
		if (!p->pick[LOWEST].is || r->min[i] < p->lowest) {
			p->pick[LOWEST] = pick_of(r, LOWEST, i, MAX(r->min_ns[i], t));
			p->lowest = r->min[i];
		}
		if (!p->pick[HIGHEST].is || r->max[i] > p->highest) {
			p->pick[HIGHEST] = pick_of(r, HIGHEST, i, MAX(r->max_ns[i], t));
			p->highest = r->max[i];
		}
		p->pick[LAST] = pick_of(r, LAST, i, MIN(r->last_ns ? r->last_ns[i] : r->t_max[i], p->q->to_ns - 1));
	}
	return e;
}

int tsdb_plot(struct tsdb *t, const struct tsdb_query *q, uint32_t pixels, tsdb_batch_fn on_batch, void *ctx)
{
	struct plot p = { .q = q, .pixels = MAX(pixels, 1u) };
	uint64_t pixel = q->from_ns < q->to_ns ? ((uint64_t) q->to_ns - (uint64_t) q->from_ns) / p.pixels : 0;
	struct answer_maker m = { .on_span = on_span, .on_end = close_pixel, .rows = on_rows, .on_rolls = on_rolls, .ctx = &p };

	for (unsigned tier = 0; tier < ROLL_TIERS && !q->raw_only; tier++)
		if (pixel >= (uint64_t) roll_ns(tier))
			m.tiers |= 1u << tier;
	return answer_run(t, q, on_batch, ctx, &m);
}
