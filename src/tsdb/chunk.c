/* chunk.c - an open chunk: taking in rows. */
#include "tsdb/chunk.h"

#include "base/err.h"

static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "the head", NULL); }

static size_t time_width(const struct chunk *c) { return c->wide_t ? sizeof(*c->t) : sizeof(*c->ms); }
static unsigned value_width(struct chunk *c, uint32_t i, const uint8_t *types) { return form_width(types[i], chunk_forms(c)[i]); }

struct chunk *chunk_new(struct region *r, const struct incoming *in, bool with_seq)
{
	size_t size = sizeof(struct chunk) + in->k * (sizeof(struct column) + 1);
	struct chunk *c = region_get(r, size);

	if (!c)
		return NULL;
	memset(c, 0, size);
	c->k = in->k;
	c->with_seq = with_seq;
	c->wide_t = in->n > CHUNK_ROWS_MIN;
	c->t = region_get(r, CHUNK_ROWS_MIN * time_width(c));
	if (with_seq)
		c->seq = region_get(r, CHUNK_ROWS_MIN * sizeof(*c->seq));
	if (!c->t || (with_seq && !c->seq))
		return NULL;
	for (uint32_t i = 0; i < c->k; i++) {
		uint8_t form = c->wide_t ? FORM_WIDE : form_first(in->types[i]);

		chunk_forms(c)[i] = form;
		c->col[i].v = region_get(r, CHUNK_ROWS_MIN * form_width(in->types[i], form));
		if (!c->col[i].v)
			return NULL;
	}
	c->room = CHUNK_ROWS_MIN;
	return c;
}

static bool grow_array(struct region *r, void *pp, size_t width, uint32_t n, uint32_t room, uint32_t more)
{
	void **p = pp;

	if (!*p)
		return true;
	void *fresh = region_get(r, more * width);
	if (!fresh)
		return false;
	memcpy(fresh, *p, n * width);
	region_put(r, *p, room * width);
	*p = fresh;
	return true;
}

/* Room for n rows. Should memory end half-way, some arrays are longer than c->room says, which does no harm. */
static bool grow(struct chunk *c, struct region *r, const uint8_t *types, uint32_t n)
{
	uint32_t more = c->room;
	bool good = true;

	if (n <= c->room)
		return true;
	while (more < n)
		more *= 2;
	good = grow_array(r, &c->t, time_width(c), c->n, c->room, more) &&
		grow_array(r, &c->seq, sizeof(*c->seq), c->n, c->room, more) &&
		grow_array(r, &c->lag, sizeof(*c->lag), c->n, c->room, more);
	for (uint32_t i = 0; i < c->k && good; i++)
		good = grow_array(r, &c->col[i].v, value_width(c, i, types), c->n, c->room, more) &&
			grow_array(r, &c->col[i].q, sizeof(uint32_t), c->n, c->room, more) &&
			grow_array(r, &c->col[i].cell, 1, c->n, c->room, more);
	if (good)
		c->room = more;
	return good;
}

static bool want_cells(struct chunk *c, struct region *r, struct column *col)
{
	if (!col->cell) {
		col->cell = region_get(r, c->room);
		if (col->cell)
			memset(col->cell, CELL_VALUE, c->room);
	}
	return col->cell;
}

static bool want_q(struct chunk *c, struct region *r, struct column *col)
{
	if (!col->q) {
		col->q = region_get(r, c->room * sizeof(*col->q));
		if (col->q)
			memset(col->q, 0, c->room * sizeof(*col->q));
	}
	return col->q;
}

static bool put_texts(struct region *r, const uint8_t **to, const struct incoming *in, const struct batch_col *src, uint32_t row,
	uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct value v = batch_value(in->b, src, row + i);
		uint32_t len = v.type == V_NONE ? 0 : v.len;
		uint8_t *p = region_get(r, len + sizeof(len));

		if (!p)
			return false;
		memcpy(p, &len, sizeof(len));
		if (len)
			memcpy(p + sizeof(len), v.s, len);
		to[i] = p;
	}
	return true;
}

static void put_bools(uint8_t *to, const uint8_t *bits, bool same, uint32_t row, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = same ? 0 : row + i;

		to[i] = bits[at / 8] >> (at % 8) & 1;
	}
}

static void put_fixed(void *to, const void *body, bool same, uint32_t row, uint32_t n, unsigned width)
{
	if (!same) {
		memcpy(to, (const char *) body + (size_t) row * width, (size_t) n * width);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		memcpy((char *) to + (size_t) i * width, body, width);
}

/* The first n rows of a column that is not wide in a form that holds these bits too. */
static bool adapt(struct chunk *c, struct region *r, uint32_t i, uint8_t type, uint32_t n, uint64_t bits)
{
	uint8_t *form = &chunk_forms(c)[i], next = form_holding(type, *form, bits);
	struct column *col = &c->col[i];

	if (next == FORM_WIDE || !form_change(*form, next, col->m, n)) {
		uint64_t *wide = region_get(r, c->room * sizeof(*wide));

		if (!wide)
			return false;
		form_widen(type, *form, col->m, n, wide);
		region_put(r, col->m, c->room * sizeof(*col->m));
		col->v = wide;
		next = FORM_WIDE;
	}
	*form = next;
	return true;
}

static uint64_t bits_of(const struct batch *b, const struct batch_col *src, uint32_t row)
{
	return src->enc & ENC_U32 ? batch_u32(b, src, row) : (uint64_t) batch_i64(b, src, row);
}

/* To column i, which is not wide. */
static bool put_narrow(struct chunk *c, struct region *r, const struct incoming *in, const struct batch_col *src, uint32_t i,
	const uint32_t rows[2])
{
	const uint8_t *form = &chunk_forms(c)[i];
	struct column *col = &c->col[i];
	bool plain = (src->vtype == V_F64 || src->vtype == V_I64) && src->enc == ENC_PLAIN;
	const uint64_t *body = (const uint64_t *) batch_body(in->b, src) + rows[0];

	for (uint32_t j = 0; j < rows[1]; j++) {
		if (plain && *form != FORM_WIDE)
			j += form_fill(src->vtype, *form, body + j, rows[1] - j, &col->m[c->n + j]);
		if (j == rows[1])
			break;
		uint64_t bits = bits_of(in->b, src, rows[0] + j);

		while (*form != FORM_WIDE && !form_fits(src->vtype, *form, bits, &col->m[c->n + j]))
			if (!adapt(c, r, i, src->vtype, c->n + j, bits))
				return false;
		if (*form == FORM_WIDE)
			((uint64_t *) col->v)[c->n + j] = bits;
	}
	return true;
}

/* n values of the batch to rows `at` … of the column. */
static bool put_values(struct region *r, struct column *col, uint32_t at, const struct incoming *in, const struct batch_col *src,
	const uint32_t rows[2])
{
	unsigned width = slot_width(src->vtype);
	void *to = (char *) col->v + (size_t) at * width;
	const void *body = batch_body(in->b, src);
	bool same = src->enc & ENC_CONST;

	switch (src->vtype) {
	case V_BOOL:
		put_bools(to, body, same, rows[0], rows[1]);
		return true;
	case V_STR:
	case V_BYTES:
		return put_texts(r, to, in, src, rows[0], rows[1]);
	case V_I64:
		if (src->enc & ENC_U32) {
			for (uint32_t i = 0; i < rows[1]; i++)
				((int64_t *) to)[i] = batch_u32(in->b, src, rows[0] + i);
			return true;
		}
		__attribute__((fallthrough));
	default:
		put_fixed(to, body, same, rows[0], rows[1], width);
		return true;
	}
}

/* Column `from` of the batch to column i. */
static bool put_column(struct chunk *c, struct region *r, const struct incoming *in, uint32_t from, uint32_t i, const uint32_t rows[2])
{
	const struct batch_col *src = in->value + from;
	struct column *col = &c->col[i];
	uint32_t n = rows[1];

	if (src->vtype != in->types[i]) {
		if (!want_cells(c, r, col))
			return false;
		memset(col->cell + c->n, CELL_ABSENT, n);
		memset((char *) col->v + (size_t) c->n * value_width(c, i, in->types), 0, (size_t) n * value_width(c, i, in->types));
	} else if (chunk_forms(c)[i] != FORM_WIDE ? !put_narrow(c, r, in, src, i, rows) : !put_values(r, col, c->n, in, src, rows)) {
		return false;
	} else if (src->valid) {
		if (!want_cells(c, r, col))
			return false;
		for (uint32_t j = 0; j < n; j++)
			col->cell[c->n + j] = batch_is_valid(in->b, src, rows[0] + j) ? CELL_VALUE : CELL_NONE;
	} else if (col->cell) {
		memset(col->cell + c->n, CELL_VALUE, n);
	}
	return true;
}

static bool put_quality(struct chunk *c, struct region *r, struct column *col, const struct incoming *in, const struct batch_col *src,
	const uint32_t rows[2])
{
	uint32_t any = 0, n = rows[1];

	for (uint32_t j = 0; src && j < n; j++)
		any |= batch_u32(in->b, src, rows[0] + j);
	if (!any && !col->q)
		return true;
	if (!want_q(c, r, col))
		return false;
	for (uint32_t j = 0; j < n; j++)
		col->q[c->n + j] = src ? batch_u32(in->b, src, rows[0] + j) : 0;
	return true;
}

static int32_t lag_of(const struct batch *b, int64_t t)
{
	int64_t lag;

	if (!b->acquired_ns || __builtin_sub_overflow(b->acquired_ns, t, &lag))
		return LAG_UNKNOWN;
	lag = lag >= 0 ? lag / NS_PER_MS : -((-(lag + 1)) / NS_PER_MS) - 1;
	return (int32_t) CLAMP(lag, (int64_t) -INT32_MAX, (int64_t) INT32_MAX);
}

static bool put_lag(struct chunk *c, struct region *r, const struct incoming *in, const uint32_t rows[2])
{
	for (uint32_t j = 0; j < rows[1]; j++) {
		int32_t lag = lag_of(in->b, batch_i64(in->b, in->time, rows[0] + j));

		if (!c->lag && c->n == 0 && j == 0)
			c->lag_all = lag;
		if (!c->lag && lag != c->lag_all) {
			c->lag = region_get(r, c->room * sizeof(*c->lag));
			if (!c->lag)
				return false;
			for (uint32_t i = 0; i < c->n + j; i++)
				c->lag[i] = c->lag_all;
		}
		if (c->lag)
			c->lag[c->n + j] = lag;
	}
	return true;
}

static bool ms_fits(const struct chunk *c, int64_t t, int32_t *ret)
{
	int64_t d;

	if (__builtin_sub_overflow(t, c->t_base, &d) || d % NS_PER_MS != 0 || d / NS_PER_MS != (int32_t) (d / NS_PER_MS))
		return false;
	*ret = (int32_t) (d / NS_PER_MS);
	return true;
}

/* The first n times as they are. */
static bool widen_times(struct chunk *c, struct region *r, uint32_t n)
{
	int64_t *wide = region_get(r, c->room * sizeof(*wide));

	if (!wide)
		return false;
	for (uint32_t i = 0; i < n; i++)
		wide[i] = chunk_time(c, i);
	region_put(r, c->ms, c->room * sizeof(*c->ms));
	c->t = wide;
	c->wide_t = true;
	return true;
}

static bool put_times(struct chunk *c, struct region *r, const struct incoming *in, const uint32_t rows[2])
{
	uint32_t j = 0;

	if (c->n == 0)
		c->t_base = batch_i64(in->b, in->time, rows[0]);
	while (!c->wide_t && j < rows[1] && ms_fits(c, batch_i64(in->b, in->time, rows[0] + j), &c->ms[c->n + j]))
		j++;
	if (!c->wide_t && j < rows[1] && !widen_times(c, r, c->n + j))
		return false;
	if (j < rows[1])
		put_fixed(c->t + c->n + j, batch_body(in->b, in->time), in->time->enc & ENC_CONST, rows[0] + j, rows[1] - j, sizeof(*c->t));
	return true;
}

static void put_seq(struct chunk *c, const struct incoming *in, uint32_t n)
{
	c->seq_base = c->n ? c->seq_base : in->b->seq;
	uint32_t *to = c->seq + c->n, seq = (uint32_t) (in->b->seq - c->seq_base);

	for (uint32_t j = 0; j < n; j++)
		to[j] = seq;
}

/* Rows [rows[0], rows[0] + rows[1]) behind the last row, c->n unchanged: nothing has happened yet. */
static bool stage(struct chunk *c, struct region *r, const struct incoming *in, const uint32_t rows[2])
{
	const struct batch_col *q = in->quality;

	if (!grow(c, r, in->types, c->n + rows[1]) || !put_lag(c, r, in, rows) || !put_times(c, r, in, rows))
		return false;
	if (c->seq)
		put_seq(c, in, rows[1]);
	for (uint32_t i = 0, from = 0; i < c->k; i++, from++) {
		from = incoming_col(in, i, from);
		while (q && q < in->end && q->name < in->quality_base + from)
			q++;
		bool has = q && q < in->end && q->name == in->quality_base + from;

		if (!put_column(c, r, in, from, i, rows) || !put_quality(c, r, &c->col[i], in, has ? q : NULL, rows))
			return false;
	}
	return true;
}

/* Moves the staged row n to place p: as a new row, or over the row that is there. */
static void place(void *array, size_t width, uint32_t n, uint32_t p, bool over)
{
	uint8_t *a = array, row[8];

	if (!a)
		return;
	memcpy(row, a + n * width, width);
	if (!over)
		memmove(a + (p + 1) * width, a + p * width, (n - p) * width);
	memcpy(a + p * width, row, width);
}

static void place_row(struct chunk *c, const uint8_t *types, uint32_t p, bool over)
{
	place(c->t, time_width(c), c->n, p, over);
	place(c->seq, sizeof(*c->seq), c->n, p, over);
	place(c->lag, sizeof(*c->lag), c->n, p, over);
	for (uint32_t i = 0; i < c->k; i++) {
		/* A cell of the wrong type says nothing about the one that is there. */
		if (over && c->col[i].cell && c->col[i].cell[c->n] == CELL_ABSENT)
			continue;
		place(c->col[i].v, value_width(c, i, types), c->n, p, over);
		place(c->col[i].cell, 1, c->n, p, over);
		place(c->col[i].q, sizeof(uint32_t), c->n, p, over);
	}
}

static uint32_t find(const struct chunk *c, int64_t t)
{
	uint32_t lo = 0, hi = c->n;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (chunk_time(c, mid) < t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* How many rows from `row` on ascend strictly. */
static uint32_t ascending(const struct incoming *in, uint32_t row, uint32_t max)
{
	uint32_t n = 1;

	while (n < max && batch_i64(in->b, in->time, row + n) > batch_i64(in->b, in->time, row + n - 1))
		n++;
	return n;
}

/* The common single sample: of a fixed type, with a value, Good, behind the last one, as late as all before, and of a form like theirs. */
static bool take_one(struct chunk *c, const struct incoming *in)
{
	const struct batch_col *src = in->value, *q = in->quality;
	const struct column *col = &c->col[0];
	unsigned width = slot_width(src->vtype);
	int64_t t = batch_i64(in->b, in->time, in->row);
	uint8_t form = chunk_forms(c)[0];

	if (c->k != 1 || c->n == 0 || c->n == c->room || t <= c->t_max || src->vtype != in->types[0] || src->valid || src->enc ||
			width < 4 || src->vtype == V_STR || src->vtype == V_BYTES || col->cell || col->q || c->lag)
		return false;
	if ((q && q < in->end && batch_u32(in->b, q, in->row)) || lag_of(in->b, t) != c->lag_all)
		return false;
	if (form != FORM_WIDE && !form_fits(src->vtype, form, (uint64_t) batch_i64(in->b, src, in->row), &col->m[c->n]))
		return false;
	if (!c->wide_t && !ms_fits(c, t, &c->ms[c->n]))
		return false;
	if (form == FORM_WIDE)
		memcpy((char *) col->v + (size_t) c->n * width, (const char *) batch_body(in->b, src) + (size_t) in->row * width, width);
	if (c->wide_t)
		c->t[c->n] = t;
	if (c->seq)
		c->seq[c->n] = (uint32_t) (in->b->seq - c->seq_base);
	c->n++;
	c->t_max = t;
	c->seq_max = MAX(c->seq_max, in->b->seq);
	return true;
}

int chunk_take(struct chunk *c, struct region *r, const struct incoming *in, uint32_t *ret_replaced)
{
	uint32_t row = in->row, end = in->row + in->n;

	if (in->n == 1 && take_one(c, in))
		return 1;
	while (row < end && c->n < CHUNK_ROWS) {
		int64_t t = batch_i64(in->b, in->time, row);
		bool behind = c->n == 0 || t > c->t_max;
		uint32_t rows[2] = { row, behind ? ascending(in, row, MIN(end - row, CHUNK_ROWS - c->n)) : 1 };

		if (!stage(c, r, in, rows))
			return no_memory();
		if (behind) {
			c->n += rows[1];
		} else {
			uint32_t p = find(c, t);
			bool over = chunk_time(c, p) == t;

			place_row(c, in->types, p, over);
			c->n += !over;
			*ret_replaced += over;
		}
		row += rows[1];
		c->t_min = chunk_time(c, 0);
		c->t_max = chunk_time(c, c->n - 1);
		c->seq_max = MAX(c->seq_max, in->b->seq);
	}
	return (int) (row - in->row);
}
