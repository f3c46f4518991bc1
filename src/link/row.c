/* row.c - answers into rows, failures into qualities; each goes out as one batch. */
#include "link/engine.h"

#include <math.h>

bool group_is_on(const struct group_rt *g)
{
	return g->enabled && g->dev->enabled && g->dev->conn->enabled;
}

/* Raw to engineering: the range first, then scale and offset; what is not a finite number is no measurement. */
struct driver_value conv_out(const struct conv *c, struct driver_value raw)
{
	double v;

	if (raw.value.type == V_NONE)
		return raw;
	if ((raw.value.type == V_F32 && !isfinite(raw.value.f32)) || (raw.value.type == V_F64 && !isfinite(raw.value.f64)))
		return (struct driver_value) { .quality = (uint32_t) QUALITY_BAD_OUT_OF_RANGE };
	if (!c->scaled)
		return raw;
	v = raw.value.type == V_I64 ? (double) raw.value.i : raw.value.type == V_F32 ? (double) raw.value.f32 : raw.value.f64;
	v = (v * c->gain + c->shift) * c->scale + c->offset;
	if (c->ranged && (v < c->lo || v > c->hi)) {
		if (c->clamp)
			v = CLAMP(v, c->lo, c->hi);
		else
			raw.quality = (uint32_t) QUALITY_UNCERTAIN_RANGE;
	}
	if (c->rounded)
		v = rint(v * c->pow10) / c->pow10;
	raw.value = (struct value) { .type = V_F64, .f64 = v };
	return raw;
}

static bool is_bad(uint32_t said) { return said != QUALITY_UNSAID && quality_is_bad(said); }

/* The time of what was asked for over a wire: below a microsecond it is noise, and in files noise costs a byte a sample. */
static int64_t polled_ns(void) { return clock_now_ns() / NS_PER_US * NS_PER_US; }

static void set_fresh(struct group_rt *g, uint32_t i)
{
	if (g->fresh[i])
		return;
	g->fresh[i] = 1;
	if (g->n_fresh++ == 0) {
		g->row_ns = polled_ns();
		g->row_mono_ns = clock_mono_ns();
	}
}

static const struct conv plain = { .gain = 1, .scale = 1 };

void row_answer(struct group_rt *g, uint32_t request, const uint8_t *data, size_t len)
{
	const struct driver_request *q = &g->request[request].q;
	struct dev *d = g->dev;

	for (uint32_t i = q->first; g->text && i < q->first + q->count; i++)
		if (g->text[i])
			g->value[i].value.s = g->text[i];
	/* The driver writes straight into the row; what it writes is then converted in place. */
	d->conn->driver->decode(d->driver, g->point + q->first, q, data, len, g->value + q->first);
	for (uint32_t i = q->first; i < q->first + q->count; i++) {
		g->value[i] = conv_out(g->conv ? &g->conv[i] : &plain, g->value[i]);
		/* no value for the same reason as before is no news */
		if (g->value[i].value.type != V_NONE || g->said[i] != g->value[i].quality)
			set_fresh(g, i);
	}
}

void row_say(struct group_rt *g, uint32_t first, uint32_t count, uint32_t quality)
{
	for (uint32_t i = first; i < first + count; i++) {
		if (g->said[i] == quality)
			continue;
		g->value[i] = (struct driver_value) { .quality = quality };
		set_fresh(g, i);
	}
}

void row_say_again(struct group_rt *g)
{
	for (uint32_t i = 0; i < g->n; i++) {
		if (!is_bad(g->said[i]) || g->fresh[i])
			continue;
		g->value[i] = (struct driver_value) { .quality = g->said[i] };
		set_fresh(g, i);
	}
	row_flush(g);
}

static int flush_part(struct group_rt *g, uint32_t n)
{
	struct link_thread *t = g->dev->conn->thread;
	struct link *l = t->link;
	_cleanup_(batch_unrefp) struct batch *b = NULL;
	int r = batch_group(t->builder, g->dev->conn->tenant, l->config.source, t->row_series, t->row_types, n);

	if (r == 0)
		r = batch_group_row(t->builder, g->row_ns);
	for (uint32_t k = 0; k < n && r == 0; k++) {
		const struct driver_value *v = &g->value[t->row_index[k]];

		r = batch_group_set(t->builder, k, v->value, v->quality);
	}
	if (r == 0)
		r = batch_seal(t->builder, clock_now_ns(), 0, &b);
	return r == 0 ? l->config.append(l->config.ctx, b) : r;
}

/* What did not go out is forgotten: the next cycle brings newer values, and a quality not said is still a change then. */
static void settle(struct group_rt *g, uint32_t n, bool went)
{
	struct link_thread *t = g->dev->conn->thread;

	for (uint32_t k = 0; k < n; k++) {
		uint32_t i = t->row_index[k], before = g->said[i];

		g->fresh[i] = 0;
		g->said[i] = went ? g->value[i].quality : QUALITY_UNSAID;
		g->n_bad += is_bad(g->said[i]);
		g->n_bad -= is_bad(before);
		if (is_bad(g->said[i]))
			g->marked_ns = loop_now_ns(t->loop);
	}
	if (went)
		g->status.samples += n;
	else
		g->status.dropped++;
}

void row_flush(struct group_rt *g)
{
	struct link_thread *t = g->dev->conn->thread;
	uint32_t n = 0, text = 0;

	if (g->n_fresh == 0)
		return;
	for (uint32_t i = 0; i <= g->n; i++) {
		if (n == LINK_ROW_POINTS || text > LINK_ROW_TEXT || (i == g->n && n)) {
			int r = flush_part(g, n);

			if (r < 0 && r != -ERR_BUSY && r != -ERR_FULL && r != -ERR_STOPPING)
				log_warn("link", "a row is lost group=%s error=\"%s\"", g->name, err_log_text(err_peek()));
			err_clear();
			settle(g, n, r >= 0);
			n = text = 0;
		}
		if (i == g->n || !g->fresh[i])
			continue;
		t->row_series[n] = g->series[i];
		t->row_types[n] = g->vtype[i];
		t->row_index[n++] = i;
		text += g->value[i].value.type == V_STR ? g->value[i].value.len : 0;
	}
	g->n_fresh = 0;
}

void row_one(struct conn *c, uint32_t series, uint8_t vtype, const struct driver_value *v)
{
	struct link_thread *t = c->thread;
	struct link *l = t->link;
	_cleanup_(batch_unrefp) struct batch *b = NULL;
	int r = batch_group(t->builder, c->tenant, l->config.source, &series, &vtype, 1);

	if (r == 0)
		r = batch_group_row(t->builder, polled_ns());
	if (r == 0)
		r = batch_group_set(t->builder, 0, v->value, v->quality);
	if (r == 0)
		r = batch_seal(t->builder, clock_now_ns(), 0, &b);
	if (r == 0)
		r = l->config.append(l->config.ctx, b);
	if (r < 0)              /* the next cycle brings it */
		err_clear();
}
