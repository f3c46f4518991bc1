/* seal.c - a full chunk is packed, and read again. */
#include "base/err.h"
#include "parquet/parquet.h"
#include "tsdb/chunk.h"
#include "tsdb/decimal.h"

enum { PACK_RAW, PACK_DELTA, PACK_DECIMAL };
enum { OUT_BYTES = 4 * VARINT_MAX + (CHUNK_ROWS / 128 + 1) * (VARINT_MAX + 4 + 128 * 8) };

static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "the head", NULL); }

static bool keep(struct region *r, const void *bytes, size_t len, struct packed *ret)
{
	uint8_t *p = region_get(r, len + CODE_SLACK);

	if (!p)
		return false;
	memcpy(p, bytes, len);
	memset(p + len, 0, CODE_SLACK);
	ret->bytes = p;
	ret->len = (uint32_t) len;
	return true;
}

/* Deltas when they are shorter than the raw bytes, else these. */
static bool pack_ints(struct region *r, const int64_t *v, uint32_t n, const void *raw, size_t raw_len, struct packed *ret)
{
	uint8_t out[OUT_BYTES];
	struct pen p = pen_of(out, sizeof(out));
	uint8_t kind = ret->kind;

	dbp_encode(&p, v, n, 64);
	size_t len = (size_t) (p.at - out);
	if (p.bad || len >= raw_len) {
		ret->kind = PACK_RAW;
		return keep(r, raw, raw_len, ret);
	}
	ret->kind = kind;
	return keep(r, out, len, ret);
}

static bool all_same(const uint8_t *v, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
		if (v[i] != v[0])
			return false;
	return true;
}

static bool pack_values(struct region *r, const void *v, uint32_t n, uint8_t type, struct packed *ret)
{
	int64_t m[CHUNK_ROWS];
	uint8_t e[CHUNK_ROWS], present[CHUNK_ROWS], hint = 0;
	size_t raw = (size_t) n * slot_width(type), done;

	ret->kind = PACK_DELTA;
	switch (type) {
	case V_BOOL:
		for (uint32_t i = 0; i < n; i++)
			m[i] = ((const uint8_t *) v)[i];
		return pack_ints(r, m, n, v, raw, ret);
	case V_I64:
	case V_TIME:
		return pack_ints(r, v, n, v, raw, ret);
	case V_F32:
	case V_F64:
		done = type == V_F32 ? decimal_run_f32(v, n, &hint, m, e, present) : decimal_run_f64(v, n, &hint, m, e, present);
		if (done == n && all_same(e, n)) {
			ret->kind = PACK_DECIMAL;
			ret->e = e[0];
			return pack_ints(r, m, n, v, raw, ret);
		}
		__attribute__((fallthrough));
	default:
		ret->kind = PACK_RAW;
		return keep(r, v, raw, ret);
	}
}

/* Four bytes as deltas are shorter than eight in any case. */
static bool pack_narrow(struct region *r, const struct column *col, uint32_t n, uint8_t type, uint8_t form, struct packed *ret)
{
	int64_t wide[CHUNK_ROWS];

	for (uint32_t i = 0; i < n; i++)
		wide[i] = col->m[i];
	ret->kind = type == V_F64 ? PACK_DECIMAL : PACK_DELTA;
	ret->e = (uint8_t) (form - 1);
	return pack_ints(r, wide, n, NULL, SIZE_MAX, ret);
}

static bool pack_times(struct region *r, const struct chunk *c, struct packed *ret)
{
	int64_t wide[CHUNK_ROWS];

	if (c->wide_t)
		return pack_ints(r, c->t, c->n, c->t, c->n * sizeof(*c->t), ret);
	for (uint32_t i = 0; i < c->n; i++)
		wide[i] = chunk_time(c, i);
	return pack_ints(r, wide, c->n, wide, c->n * sizeof(*wide), ret);
}

static bool pack_seq(struct region *r, const struct chunk *c, struct packed *ret)
{
	int64_t wide[CHUNK_ROWS];

	for (uint32_t i = 0; i < c->n; i++)
		wide[i] = (int64_t) (c->seq_base + c->seq[i]);
	return pack_ints(r, wide, c->n, wide, c->n * sizeof(*wide), ret);
}

static bool pack_q(struct region *r, const uint32_t *q, uint32_t n, struct packed *ret)
{
	int64_t wide[CHUNK_ROWS];

	for (uint32_t i = 0; i < n; i++)
		wide[i] = q[i];
	ret->kind = PACK_DELTA;
	return pack_ints(r, wide, n, q, n * sizeof(*q), ret);
}

static bool pack_lag(struct region *r, const int32_t *lag, uint32_t n, struct packed *ret)
{
	int64_t wide[CHUNK_ROWS];

	for (uint32_t i = 0; i < n; i++)
		wide[i] = lag[i];
	ret->kind = PACK_DELTA;
	return pack_ints(r, wide, n, lag, n * sizeof(*lag), ret);
}

/* The packed forms of a column, beside the open ones until all of the chunk is packed. */
struct twin { struct packed v, q; };

static bool pack_column(struct region *r, const struct chunk *c, uint32_t i, uint8_t type, struct twin *ret)
{
	const struct column *col = &c->col[i];
	uint8_t form = chunk_open_forms(c)[i];
	bool good = form == FORM_WIDE ? pack_values(r, col->v, c->n, type, &ret->v) : pack_narrow(r, col, c->n, type, form, &ret->v);

	return good && (!col->q || pack_q(r, col->q, c->n, &ret->q));
}

static void close_column(struct chunk *c, struct region *r, uint32_t i, uint8_t type, const struct twin *t)
{
	struct column *col = &c->col[i];

	region_put(r, col->v, (size_t) c->room * form_width(type, chunk_open_forms(c)[i]));
	if (col->q)
		region_put(r, col->q, c->room * sizeof(*col->q));
	col->pack_q = col->q ? &t->q : NULL;
	col->pack_v = &t->v;
}

int chunk_seal(struct chunk *c, struct region *r, const uint8_t *types)
{
	struct twin *twins = region_get(r, c->k * sizeof(*twins));
	struct packed t = { .kind = PACK_DELTA }, seq = { .kind = PACK_DELTA }, lag = { 0 };
	bool good = twins;

	if (good)
		memset(twins, 0, c->k * sizeof(*twins));
	for (uint32_t i = 0; i < c->k && good; i++)
		good = pack_column(r, c, i, types[i], &twins[i]);
	good = good && pack_times(r, c, &t) && (!c->seq || pack_seq(r, c, &seq));
	good = good && (!c->lag || pack_lag(r, c->lag, c->n, &lag));
	if (!good)
		return no_memory();
	for (uint32_t i = 0; i < c->k; i++)
		close_column(c, r, i, types[i], &twins[i]);
	region_put(r, c->t, c->room * (c->wide_t ? sizeof(*c->t) : sizeof(*c->ms)));
	region_put(r, c->seq, c->room * sizeof(*c->seq));
	region_put(r, c->lag, c->room * sizeof(*c->lag));
	c->pack_t = t;
	c->pack_seq = seq;
	c->pack_lag = lag;
	c->sealed = true;
	return 0;
}

/* --- Reading */

static bool unpack_ints(const struct packed *p, uint32_t n, int64_t *v)
{
	struct cur c = cur_of(p->bytes, p->len);

	if (p->kind == PACK_RAW) {
		memcpy(v, p->bytes, n * sizeof(*v));
		return p->len == n * sizeof(*v);
	}
	return dbp_decode(&c, v, n, 64);
}

static bool unpack_values(const struct packed *p, uint32_t n, uint8_t type, uint64_t *to)
{
	int64_t m[CHUNK_ROWS];

	if (p->kind == PACK_RAW) {
		memcpy(to, p->bytes, p->len);
		return p->len == n * slot_width(type);
	}
	struct cur c = cur_of(p->bytes, p->len);
	if (!dbp_decode(&c, m, n, 64))
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (type == V_BOOL)
			((uint8_t *) to)[i] = (uint8_t) m[i];
		else if (type == V_F32)
			((float *) to)[i] = decimal_f32(m[i], p->e);
		else if (type == V_F64)
			((double *) to)[i] = decimal_f64(m[i], p->e);
		else
			((int64_t *) to)[i] = m[i];
	}
	return true;
}

static bool unpack_narrow(const struct packed *p, uint32_t n, uint32_t *to)
{
	int64_t wide[CHUNK_ROWS];

	if (p->kind == PACK_RAW) {
		memcpy(to, p->bytes, n * sizeof(*to));
		return p->len == n * sizeof(*to);
	}
	struct cur c = cur_of(p->bytes, p->len);
	if (!dbp_decode(&c, wide, n, 64))
		return false;
	for (uint32_t i = 0; i < n; i++)
		to[i] = (uint32_t) wide[i];
	return true;
}

static void read_times(const struct chunk *c, struct chunk_room *room)
{
	for (uint32_t i = 0; i < c->n; i++)
		room->t[i] = chunk_time(c, i);
}

static bool read_open(const struct chunk *c, uint32_t i, uint8_t type, struct chunk_room *room)
{
	uint8_t form = chunk_open_forms(c)[i];

	read_times(c, room);
	if (form == FORM_WIDE)
		memcpy(room->v, c->col[i].v, (size_t) c->n * slot_width(type));
	else
		form_widen(type, form, c->col[i].m, c->n, room->v);
	for (uint32_t j = 0; j < c->n && c->seq; j++)
		room->seq[j] = c->seq_base + c->seq[j];
	if (c->lag)
		memcpy(room->lag, c->lag, c->n * sizeof(*c->lag));
	if (c->col[i].q)
		memcpy(room->q, c->col[i].q, c->n * sizeof(*room->q));
	return true;
}

static bool read_sealed(const struct chunk *c, uint32_t i, uint8_t type, struct chunk_room *room)
{
	return unpack_ints(&c->pack_t, c->n, room->t) && unpack_values(c->col[i].pack_v, c->n, type, room->v) &&
		(!c->with_seq || unpack_ints(&c->pack_seq, c->n, (int64_t *) room->seq)) &&
		(!c->pack_lag.bytes || unpack_narrow(&c->pack_lag, c->n, (uint32_t *) room->lag)) &&
		(!c->col[i].pack_q || unpack_narrow(c->col[i].pack_q, c->n, room->q));
}

/* Takes out the rows that hold nothing of this column. */
static uint32_t drop_absent(struct chunk_room *room, const struct span *s)
{
	uint32_t n = 0, width = slot_width(s->type);
	uint8_t *v = (uint8_t *) room->v;

	for (uint32_t i = 0; i < s->n; i++) {
		if (room->cell[i] == CELL_ABSENT)
			continue;
		room->t[n] = room->t[i];
		memcpy(v + (size_t) n * width, v + (size_t) i * width, width);
		room->seq[n] = room->seq[i];
		room->lag[n] = room->lag[i];
		room->q[n] = room->q[i];
		room->cell[n++] = room->cell[i];
	}
	return n;
}

int chunk_read(const struct chunk *c, uint32_t i, uint8_t type, struct chunk_room *room, struct span *ret)
{
	const struct column *col = &c->col[i];
	bool has_q = c->sealed ? col->pack_q != NULL : col->q != NULL, has_lag = c->sealed ? c->pack_lag.bytes != NULL : c->lag != NULL;

	if (!(c->sealed ? read_sealed : read_open)(c, i, type, room))
		return err_fail(ERR_BROKEN, "detail", "a sealed chunk cannot be read", NULL);
	struct span s = { .n = c->n, .type = type, .t = room->t, .v = room->v, .q = has_q ? room->q : NULL,
		.lag = has_lag ? room->lag : NULL, .lag_all = c->lag_all, .seq = c->with_seq ? room->seq : NULL, .seq_all = c->seq_max };
	if (col->cell) {
		memcpy(room->cell, col->cell, c->n);
		s.cell = room->cell;
		s.n = drop_absent(room, &s);
	}
	*ret = s;
	return 0;
}

int chunk_times(const struct chunk *c, struct chunk_room *room, struct span *ret)
{
	if (!c->sealed)
		read_times(c, room);
	else if (!unpack_ints(&c->pack_t, c->n, room->t))
		return err_fail(ERR_BROKEN, "detail", "a sealed chunk cannot be read", NULL);
	*ret = (struct span) { .n = c->n, .t = room->t };
	return 0;
}
