/* tall.c - laying out TALL batches. */
#include "tsdb/query/tall.h"

#include "base/err.h"
#include "base/str.h"
#include "sys/sys.h"

enum { TEXT_MAX = BATCH_SIZE_MAX - (256 << 10) };

void tall_begin(struct tall *w, uint8_t type)
{
	if (!w->text.mem)
		w->text = BUF_INIT(&sys_heap, TEXT_MAX);
	buf_clear(&w->text);
	w->rows = 0;
	w->type = type;
	w->any_q = w->any_none = w->mixed = false;
}

void tall_done(struct tall *w) { buf_done(&w->text); }

static bool is_text(uint8_t type) { return type == V_STR || type == V_BYTES; }

static int add_texts(struct tall *w, const struct span *s, uint32_t from, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct value v = span_value(s, from + i);

		if (v.type == V_NONE)
			v.len = 0;
		if (v.len > BATCH_TEXT_MAX || (v.type == V_STR && !utf8_is_valid(v.s, v.len)))
			return err_fail(ERR_CORRUPT, "what", "file of samples", "detail", "a text is not one", NULL);
		if (w->text.len + v.len + 1 > TEXT_MAX)
			return (int) i;
		if (v.len)
			buf_addn(&w->text, v.s, v.len);
		w->end[w->rows + i] = (uint32_t) w->text.len;
	}
	return w->text.failed ? err_fail(ERR_NO_MEMORY, "what", "a batch", NULL) : (int) n;
}

int tall_add(struct tall *w, uint32_t series, const struct span *s, uint32_t from, uint64_t max)
{
	uint32_t n = (uint32_t) MIN((uint64_t) MIN(s->n - from, (uint32_t) BATCH_ROWS_MAX - w->rows), max), at = w->rows;
	unsigned width = slot_width(s->type);

	if (is_text(s->type)) {
		int r = add_texts(w, s, from, n);

		if (r < 0)
			return r;
		n = (uint32_t) r;
	} else {
		memcpy((char *) w->value + (size_t) at * width, (const char *) s->v + (size_t) from * width, (size_t) n * width);
	}
	memcpy(w->time + at, s->t + from, n * sizeof(*w->time));
	if (at == 0)
		w->series[0] = series;
	if (w->series[0] != series && !w->mixed) {
		for (uint32_t i = 1; i < at; i++)
			w->series[i] = w->series[0];
		w->mixed = true;
	}
	for (uint32_t i = 0; w->mixed && i < n; i++)
		w->series[at + i] = series;
	if (s->q && !w->any_q)
		memset(w->q, 0, at * sizeof(*w->q));
	w->any_q |= s->q != NULL;
	if (s->q)
		memcpy(w->q + at, s->q + from, n * sizeof(*w->q));
	else if (w->any_q)
		memset(w->q + at, 0, n * sizeof(*w->q));
	if (s->cell && !w->any_none)
		memset(w->cell, CELL_VALUE, at);
	w->any_none |= s->cell != NULL;
	if (s->cell)
		memcpy(w->cell + at, s->cell + from, n);
	else if (w->any_none)
		memset(w->cell + at, CELL_VALUE, n);
	w->rows += n;
	return (int) n;
}

/* Bytes of the body at `at`, which moves on, with zeros behind them; NULL while only measuring. */
static void *body(struct batch *b, uint32_t *at, uint32_t *ret_at, size_t bytes)
{
	*ret_at = *at;
	*at = (uint32_t) ALIGN_UP(*at + bytes, 8);
	if (b && bytes)
		memset((char *) b + *at - 8, 0, 8);
	return b ? (char *) b + *ret_at : NULL;
}

static uint8_t *bits(struct batch *b, uint32_t *at, uint32_t *ret_at, uint32_t n)
{
	uint8_t *to = body(b, at, ret_at, (n + 7) / 8);

	return to ? memset(to, 0, (n + 7) / 8) : NULL;
}

static void lay_valid(const struct tall *w, struct batch *b, uint32_t *at, struct batch_col *c)
{
	uint8_t *to = bits(b, at, &c->valid, w->rows);

	for (uint32_t i = 0; to && i < w->rows; i++)
		to[i / 8] |= (uint8_t) ((w->cell[i] == CELL_VALUE) << (i % 8));
}

static void lay_value(const struct tall *w, struct batch *b, uint32_t *at, struct batch_col *c)
{
	if (is_text(w->type)) {
		uint32_t *off = body(b, at, &c->off, (w->rows + 1) * sizeof(*off));
		char *to = body(b, at, &c->data, w->text.len);

		if (off)
			off[0] = 0;
		if (off)
			memcpy(off + 1, w->end, w->rows * sizeof(*off));
		if (to && w->text.len)
			memcpy(to, w->text.data, w->text.len);
	} else if (w->type == V_BOOL) {
		uint8_t *to = bits(b, at, &c->data, w->rows);

		for (uint32_t i = 0; to && i < w->rows; i++)
			to[i / 8] |= (uint8_t) ((((const uint8_t *) w->value)[i] & 1) << (i % 8));
	} else {
		size_t bytes = (size_t) w->rows * slot_width(w->type);
		void *to = body(b, at, &c->data, bytes);

		if (to)
			memcpy(to, w->value, bytes);
	}
}

/* b NULL: measures. Returns the bytes. */
static uint32_t lay_out(const struct tall *w, struct batch *b)
{
	struct batch_col unused[4] = { { 0 } }, *c = b ? b->col : unused;
	uint32_t cols = w->any_q ? 4 : 3, at = (uint32_t) (sizeof(*b) + cols * sizeof(*c)), one = w->mixed ? w->rows : 1;

	c[0] = (struct batch_col) { .vtype = V_I64, .enc = w->mixed ? ENC_U32 : ENC_CONST_U32, .name = BATCH_NAME_SERIES };
	void *to = body(b, &at, &c[0].data, one * sizeof(w->series[0]));
	if (to)
		memcpy(to, w->series, one * sizeof(w->series[0]));
	c[1] = (struct batch_col) { .vtype = V_TIME, .name = BATCH_NAME_TIME };
	to = body(b, &at, &c[1].data, w->rows * sizeof(w->time[0]));
	if (to)
		memcpy(to, w->time, w->rows * sizeof(w->time[0]));
	c[2] = (struct batch_col) { .vtype = w->type, .name = BATCH_NAME_TALL_VALUE };
	if (w->any_none)
		lay_valid(w, b, &at, &c[2]);
	lay_value(w, b, &at, &c[2]);
	if (w->any_q) {
		c[3] = (struct batch_col) { .vtype = V_I64, .enc = ENC_U32, .name = BATCH_NAME_TALL_QUALITY };
		to = body(b, &at, &c[3].data, w->rows * sizeof(w->q[0]));
		if (to)
			memcpy(to, w->q, w->rows * sizeof(w->q[0]));
	}
	uint32_t end = ALIGN_UP(at, (uint32_t) BATCH_ALIGN);
	if (b)
		memset((char *) b + at, 0, end - at);
	return end;
}

int tall_seal(struct tall *w, uint32_t tenant, struct batch **ret)
{
	uint32_t size = lay_out(w, NULL);
	struct batch *b;
	int r = batch_alloc(size, &b);

	if (r < 0)
		return r;
	memset(b, 0, sizeof(*b) + (w->any_q ? 4 : 3) * sizeof(b->col[0]));
	lay_out(w, b);
	b->size = size;
	b->version = BATCH_VERSION;
	b->shape = SHAPE_TALL;
	b->vtype = w->type;
	b->flags = BATCH_SORTED;
	b->tenant = tenant;
	b->n_rows = w->rows;
	b->n_cols = w->any_q ? 4 : 3;
	w->rows = 0;
	w->type = V_NONE;
	*ret = b;
	return 0;
}
