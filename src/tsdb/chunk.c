/* chunk.c - an open chunk: taking in rows. */
#include "tsdb/chunk.h"

#include "base/err.h"

static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "the head", NULL); }

struct chunk *chunk_new(struct region *r, uint32_t k, const uint8_t *types, bool with_seq)
{
	size_t size = sizeof(struct chunk) + k * sizeof(struct column);
	struct chunk *c = region_get(r, size);

	if (!c)
		return NULL;
	memset(c, 0, size);
	c->k = k;
	c->with_seq = with_seq;
	c->t = region_get(r, CHUNK_ROWS_MIN * sizeof(*c->t));
	if (with_seq)
		c->seq = region_get(r, CHUNK_ROWS_MIN * sizeof(*c->seq));
	if (!c->t || (with_seq && !c->seq))
		return NULL;
	for (uint32_t i = 0; i < k; i++) {
		c->col[i].v = region_get(r, CHUNK_ROWS_MIN * slot_width(types[i]));
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
	good = grow_array(r, &c->t, sizeof(*c->t), c->n, c->room, more) &&
		grow_array(r, &c->seq, sizeof(*c->seq), c->n, c->room, more) &&
		grow_array(r, &c->lag, sizeof(*c->lag), c->n, c->room, more);
	for (uint32_t i = 0; i < c->k && good; i++)
		good = grow_array(r, &c->col[i].v, slot_width(types[i]), c->n, c->room, more) &&
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
		memset((char *) col->v + (size_t) c->n * slot_width(in->types[i]), 0, (size_t) n * slot_width(in->types[i]));
	} else if (!put_values(r, col, c->n, in, src, rows)) {
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

/* Rows [rows[0], rows[0] + rows[1]) behind the last row, c->n unchanged: nothing has happened yet. */
static bool stage(struct chunk *c, struct region *r, const struct incoming *in, const uint32_t rows[2])
{
	const struct batch_col *q = in->quality;

	if (!grow(c, r, in->types, c->n + rows[1]) || !put_lag(c, r, in, rows))
		return false;
	for (uint32_t i = 0, from = 0; i < c->k; i++, from++) {
		from = incoming_col(in, i, from);
		while (q && q < in->end && q->name < in->quality_base + from)
			q++;
		bool has = q && q < in->end && q->name == in->quality_base + from;

		if (!put_column(c, r, in, from, i, rows) || !put_quality(c, r, &c->col[i], in, has ? q : NULL, rows))
			return false;
	}
	for (uint32_t j = 0; j < rows[1]; j++) {
		c->t[c->n + j] = batch_i64(in->b, in->time, rows[0] + j);
		if (c->seq)
			c->seq[c->n + j] = in->b->seq;
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
	place(c->t, sizeof(*c->t), c->n, p, over);
	place(c->seq, sizeof(*c->seq), c->n, p, over);
	place(c->lag, sizeof(*c->lag), c->n, p, over);
	for (uint32_t i = 0; i < c->k; i++) {
		/* A cell of the wrong type says nothing about the one that is there. */
		if (over && c->col[i].cell && c->col[i].cell[c->n] == CELL_ABSENT)
			continue;
		place(c->col[i].v, slot_width(types[i]), c->n, p, over);
		place(c->col[i].cell, 1, c->n, p, over);
		place(c->col[i].q, sizeof(uint32_t), c->n, p, over);
	}
}

static uint32_t find(const struct chunk *c, int64_t t)
{
	uint32_t lo = 0, hi = c->n;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (c->t[mid] < t)
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

/* The common single sample: of a fixed type, with a value, Good, behind the last one, as late as all before. */
static bool take_one(struct chunk *c, const struct incoming *in)
{
	const struct batch_col *src = in->value, *q = in->quality;
	const struct column *col = &c->col[0];
	unsigned width = slot_width(src->vtype);
	int64_t t = batch_i64(in->b, in->time, in->row);

	if (c->k != 1 || c->n == 0 || c->n == c->room || t <= c->t[c->n - 1] || src->vtype != in->types[0] || src->valid || src->enc ||
			width < 4 || src->vtype == V_STR || src->vtype == V_BYTES || col->cell || col->q || c->lag)
		return false;
	if ((q && q < in->end && batch_u32(in->b, q, in->row)) || lag_of(in->b, t) != c->lag_all)
		return false;
	memcpy((char *) col->v + (size_t) c->n * width, (const char *) batch_body(in->b, src) + (size_t) in->row * width, width);
	if (c->seq)
		c->seq[c->n] = in->b->seq;
	c->t[c->n++] = t;
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
		bool behind = c->n == 0 || t > c->t[c->n - 1];
		uint32_t rows[2] = { row, behind ? ascending(in, row, MIN(end - row, CHUNK_ROWS - c->n)) : 1 };

		if (!stage(c, r, in, rows))
			return no_memory();
		if (behind) {
			c->n += rows[1];
		} else {
			uint32_t p = find(c, t);
			bool over = c->t[p] == t;

			place_row(c, in->types, p, over);
			c->n += !over;
			*ret_replaced += over;
		}
		row += rows[1];
		c->t_min = c->t[0];
		c->t_max = c->t[c->n - 1];
		c->seq_max = MAX(c->seq_max, in->b->seq);
	}
	return (int) (row - in->row);
}
