/*
 * batch_build.c - rows come in as they happen, columns go out.
 *
 * While it is being filled a batch is kept row by row (a cell is 16 bytes, texts lie in a pool; 8 bytes while every row came whole and Good);
 * batch_seal() knows how many rows there are, which columns are constant and which need a bitmap, lays the columns out in one block of the right
 * size and fills it.
 * Whether a row still fits into 1 MB is decided when it is added, from the most that its columns can take.
 */
#include <string.h>

#include "base/err.h"
#include "base/num.h"
#include "base/str.h"
#include "model/batch.h"
#include "sys/sys.h"

struct cell {
	uint64_t bits;                  /* the value; of texts (offset in pool) << 32 | length */
	uint32_t quality;
	uint32_t has;
};

struct room { void *p; size_t bytes; };

struct batch_builder {
	uint32_t rows_max;
	uint8_t shape;                  /* 0: not begun */
	bool has_texts;                 /* a column of them */
	bool whole;                     /* GROUP: every row came whole and Good, `cells` holds bits alone */
	uint32_t tenant, source, list;
	uint32_t k, rows;
	uint32_t row_bytes, fixed_bytes;        /* of the sealed block, at most */
	size_t pool_len, names_len;
	struct room times, series, cells, types, names, pool;   /* series: of rows (TALL) or of columns (GROUP) */
};

enum { ROOM_MIN = 1024 /* bytes */ };

int batch_builder_new(struct batch_builder **ret, uint32_t rows_max)
{
	if (rows_max == 0 || rows_max > BATCH_ROWS_MAX)
		rows_max = BATCH_ROWS_MAX;
	struct batch_builder *w = sys_new(struct batch_builder);
	if (!w)
		return err_fail(ERR_NO_MEMORY, "what", "a batch", NULL);
	w->rows_max = rows_max;
	*ret = w;
	return 0;
}

struct batch_builder *batch_builder_free(struct batch_builder *w)
{
	if (!w)
		return NULL;
	struct room *all[] = { &w->times, &w->series, &w->cells, &w->types, &w->names, &w->pool };
	for (size_t i = 0; i < ELEMENTSOF(all); i++)
		mem_free(&sys_heap, all[i]->p, all[i]->bytes);
	return sys_free(w);
}

static int room_for(struct room *room, size_t bytes)
{
	if (bytes <= room->bytes)
		return 0;
	size_t more = MAX(MAX(bytes, room->bytes * 2), (size_t) ROOM_MIN);
	void *p = mem_resize(&sys_heap, room->p, room->bytes, more);
	if (!p)
		return err_fail(ERR_NO_MEMORY, "what", "a batch", NULL);
	room->p = p;
	room->bytes = more;
	return 0;
}

/* Beginning. */

static uint32_t width(unsigned t)
{
	switch (t) {
	case V_BOOL:
		return 0;               /* a bit: counted with the bitmaps */
	case V_F32:
	case V_STR:
	case V_BYTES:
		return 4;
	default:
		return 8;
	}
}

static int begin(struct batch_builder *w, unsigned shape, const uint8_t *types, uint32_t k)
{
	int r = room_for(&w->types, k);

	if (r < 0)
		return r;
	w->shape = 0;
	w->k = k;
	w->rows = w->list = 0;
	w->has_texts = false;
	w->whole = shape == SHAPE_GROUP;
	w->pool_len = w->names_len = 0;
	w->row_bytes = 8;
	/* Header, columns with their quality columns, and for each up to three bodies rounded up, two bitmaps' odd bytes included. */
	w->fixed_bytes = sizeof(struct batch) + BATCH_ALIGN + 128 + k * (2 * sizeof(struct batch_col) + 5 * 8);
	for (uint32_t i = 0; i < k; i++) {
		if (types[i] < V_BOOL || types[i] > V_TIME)
			return err_fail(ERR_INVALID, "field", "type", "rule", "must be a value type", NULL);
		((uint8_t *) w->types.p)[i] = types[i];
		w->has_texts |= types[i] == V_STR || types[i] == V_BYTES;
		w->row_bytes += width(types[i]) + (shape == SHAPE_ROWS ? 0 : 4);
	}
	if (shape == SHAPE_TALL)
		w->row_bytes += 4;
	return 0;
}

static int begun(struct batch_builder *w, unsigned shape, uint32_t tenant, uint32_t source)
{
	w->shape = (uint8_t) shape;
	w->tenant = tenant;
	w->source = source;
	return 0;
}

int batch_tall(struct batch_builder *w, uint32_t tenant, uint32_t source, enum vtype t)
{
	int r = begin(w, SHAPE_TALL, &(uint8_t) { (uint8_t) t }, 1);

	return r < 0 ? r : begun(w, SHAPE_TALL, tenant, source);
}

static int begin_group(struct batch_builder *w, const uint8_t *types, uint32_t k)
{
	if (k == 0 || k > BATCH_SERIES_MAX)
		return err_fail(ERR_LIMIT, "what", "series in a batch", "max", "4094", NULL);
	return begin(w, SHAPE_GROUP, types, k);
}

int batch_group(struct batch_builder *w, uint32_t tenant, uint32_t source, const uint32_t *series, const uint8_t *types, uint32_t k)
{
	int r = begin_group(w, types, k);

	if (r < 0)
		return r;
	r = room_for(&w->series, k * sizeof *series);
	if (r < 0)
		return r;
	memcpy(w->series.p, series, k * sizeof *series);
	w->fixed_bytes += k * sizeof *series;
	return begun(w, SHAPE_GROUP, tenant, source);
}

int batch_group_list(struct batch_builder *w, uint32_t tenant, uint32_t source, uint32_t list, const uint8_t *types, uint32_t k)
{
	if (list == 0)
		return err_fail(ERR_INVALID, "field", "list", "rule", "must be a registered list", NULL);
	int r = begin_group(w, types, k);
	if (r < 0)
		return r;
	w->list = list;
	return begun(w, SHAPE_GROUP, tenant, source);
}

/* Names lie one behind the other, each with its NUL. */
static int add_name(struct batch_builder *w, const char *name, const char *const *before, uint32_t n)
{
	size_t len = str_len(name);

	if (len == 0 || len > BATCH_TEXT_MAX || !utf8_is_valid(name, len))
		return err_fail(ERR_INVALID, "field", "name", "rule", "must be a text in UTF-8", NULL);
	for (uint32_t i = 0; i < n; i++)
		if (str_eq(before[i], name))
			return err_fail(ERR_EXISTS, "what", "@column", "field", "name", "value", name, NULL);
	int r = room_for(&w->names, w->names_len + len + 1);
	if (r < 0)
		return r;
	memcpy((char *) w->names.p + w->names_len, name, len + 1);
	w->names_len += len + 1;
	return 0;
}

int batch_rows(struct batch_builder *w, uint32_t tenant, uint32_t source, const char *const *names, const uint8_t *types, uint32_t k)
{
	if (k == 0 || k > BATCH_FIELDS_MAX)
		return err_fail(ERR_LIMIT, "what", "columns in a batch", "max", "1024", NULL);
	int r = begin(w, SHAPE_ROWS, types, k);
	for (uint32_t i = 0; i < k && r == 0; i++)
		r = add_name(w, names[i], names, i);
	if (r < 0)
		return r;
	w->fixed_bytes += (uint32_t) MIN(w->names_len, (size_t) BATCH_SIZE_MAX) + 4 * (k + 1);
	return begun(w, SHAPE_ROWS, tenant, source);
}

/* Adding. */

static bool fits(const struct batch_builder *w, uint32_t rows, size_t pool)
{
	uint64_t bitmaps = 2 * w->k * (uint64_t) ((rows + 7) / 8);

	return w->fixed_bytes + (uint64_t) rows * w->row_bytes + bitmaps + pool <= BATCH_SIZE_MAX;
}

static int full(void)
{
	return err_fail(ERR_FULL, "what", "batch", "detail", "seal it first", NULL);
}

/* May this value stand in a column of this type? Texts are checked here, so that a sealed batch is always well formed. */
static int value_check(unsigned type, const struct value *v, uint32_t series)
{
	if (v->type == V_NONE)
		return 0;
	if (v->type != type) {
		char number[NUM_TEXT_MAX];
		num_format_u64(number, series);
		return err_fail(ERR_TYPE_CONFLICT, "field", number, "want", vtype_name(type), "value", vtype_name(v->type), NULL);
	}
	if (type != V_STR && type != V_BYTES)
		return 0;
	if (v->len > BATCH_TEXT_MAX)
		return err_fail(ERR_TOO_LARGE, "what", "@text", "max", "65536", NULL);
	if (type == V_STR && !utf8_is_valid(v->s, v->len))
		return err_fail(ERR_INVALID, "field", "value", "rule", "must be UTF-8", NULL);
	return 0;
}

static uint32_t pool_bytes(const struct value *v)
{
	return v->type == V_STR || v->type == V_BYTES ? v->len : 0;
}

/* The pool has room: the caller made it. */
static void cell_set(struct batch_builder *w, struct cell *c, const struct value *v, uint32_t quality)
{
	uint64_t bits = 0;

	c->quality = quality;
	c->has = v->type != V_NONE;
	switch (v->type) {
	case V_NONE:
		break;
	case V_BOOL:
		bits = v->b;
		break;
	case V_F32:
		memcpy(&bits, &v->f32, sizeof v->f32);
		break;
	case V_F64:
		memcpy(&bits, &v->f64, sizeof v->f64);
		break;
	case V_STR:
	case V_BYTES:
		bits = (uint64_t) w->pool_len << 32 | v->len;
		if (v->len)
			memcpy((char *) w->pool.p + w->pool_len, v->s, v->len);
		w->pool_len += v->len;
		break;
	default:
		bits = (uint64_t) v->i;
	}
	c->bits = bits;
}

/* Room for one more row, texts of `pool` bytes included. */
static int row_room(struct batch_builder *w, size_t pool)
{
	if (w->rows == w->rows_max || (uint64_t) (w->rows + 1) * w->k > BATCH_SAMPLES_MAX || !fits(w, w->rows + 1, w->pool_len + pool))
		return full();
	int r = room_for(&w->times, (w->rows + 1) * sizeof(int64_t));
	if (r == 0)
		r = room_for(&w->cells, (size_t) (w->rows + 1) * w->k * (w->whole ? sizeof(uint64_t) : sizeof(struct cell)));
	if (r == 0 && w->shape == SHAPE_TALL)
		r = room_for(&w->series, (w->rows + 1) * sizeof(uint32_t));
	if (r == 0 && pool)
		r = room_for(&w->pool, w->pool_len + pool);
	return r;
}

static struct cell *row_cells(const struct batch_builder *w, uint32_t row)
{
	return (struct cell *) w->cells.p + (size_t) row * w->k;
}

static int wrong_shape(void)
{
	return err_fail(ERR_BROKEN, "detail", "a batch was begun in another shape", NULL);
}

int batch_tall_add(struct batch_builder *w, const struct sample *s)
{
	if (w->shape != SHAPE_TALL)
		return wrong_shape();
	int r = value_check(((uint8_t *) w->types.p)[0], &s->value, s->series);
	if (r < 0)
		return r;
	r = row_room(w, pool_bytes(&s->value));
	if (r < 0)
		return r;
	((int64_t *) w->times.p)[w->rows] = s->time_ns;
	((uint32_t *) w->series.p)[w->rows] = s->series;
	cell_set(w, row_cells(w, w->rows++), &s->value, s->quality);
	return 0;
}

/* From here on cells say of themselves what they are. */
static int no_longer_whole(struct batch_builder *w)
{
	if (!w->whole)
		return 0;
	size_t n = (size_t) w->rows * w->k;
	int r = room_for(&w->cells, n * sizeof(struct cell));
	if (r < 0)
		return r;
	const uint64_t *bits = w->cells.p;
	struct cell *c = w->cells.p;
	for (size_t i = n; i-- > 0;)            /* from behind: none is written over before it is read */
		c[i] = (struct cell) { .bits = bits[i], .quality = (uint32_t) QUALITY_GOOD, .has = 1 };
	w->whole = false;
	return 0;
}

int batch_group_row(struct batch_builder *w, int64_t time_ns)
{
	if (w->shape != SHAPE_GROUP)
		return wrong_shape();
	int r = no_longer_whole(w);
	if (r == 0)
		r = row_room(w, 0);
	if (r < 0)
		return r;
	struct cell *c = row_cells(w, w->rows);
	for (uint32_t i = 0; i < w->k; i++)
		c[i] = (struct cell) { .quality = (uint32_t) QUALITY_BAD_WAITING };
	((int64_t *) w->times.p)[w->rows++] = time_ns;
	return 0;
}

int batch_group_set(struct batch_builder *w, uint32_t i, struct value v, uint32_t quality)
{
	if (w->shape != SHAPE_GROUP || w->rows == 0 || i >= w->k)
		return wrong_shape();
	const uint32_t *series = w->list ? NULL : w->series.p;
	int r = value_check(((uint8_t *) w->types.p)[i], &v, series ? series[i] : i);
	if (r == 0)
		r = no_longer_whole(w);
	if (r < 0)
		return r;
	size_t pool = pool_bytes(&v);
	if (pool) {
		if (!fits(w, w->rows, w->pool_len + pool))
			return full();
		r = room_for(&w->pool, w->pool_len + pool);
		if (r < 0)
			return r;
	}
	cell_set(w, row_cells(w, w->rows - 1) + i, &v, quality);
	return 0;
}

int batch_group_full(struct batch_builder *w, int64_t time_ns, const uint64_t *bits)
{
	if (w->shape != SHAPE_GROUP)
		return wrong_shape();
	if (w->has_texts)
		return err_fail(ERR_TYPE_CONFLICT, "field", "type", "want", "number", "value", "str", NULL);
	int r = row_room(w, 0);
	if (r < 0)
		return r;
	if (w->whole)
		memcpy((uint64_t *) w->cells.p + (size_t) w->rows * w->k, bits, w->k * sizeof *bits);
	struct cell *c = w->whole ? NULL : row_cells(w, w->rows);
	for (uint32_t i = 0; c && i < w->k; i++)
		c[i] = (struct cell) { .bits = bits[i], .quality = (uint32_t) QUALITY_GOOD, .has = 1 };
	((int64_t *) w->times.p)[w->rows++] = time_ns;
	return 0;
}

int batch_rows_add(struct batch_builder *w, int64_t time_ns, const struct value *cells)
{
	size_t pool = 0;
	int r;

	if (w->shape != SHAPE_ROWS)
		return wrong_shape();
	for (uint32_t i = 0; i < w->k; i++) {
		r = value_check(((uint8_t *) w->types.p)[i], &cells[i], i);
		if (r < 0)
			return r;
		pool += pool_bytes(&cells[i]);
	}
	r = row_room(w, pool);
	if (r < 0)
		return r;
	struct cell *c = row_cells(w, w->rows);
	((int64_t *) w->times.p)[w->rows++] = time_ns;
	for (uint32_t i = 0; i < w->k; i++)
		cell_set(w, &c[i], &cells[i], (uint32_t) QUALITY_GOOD);
	return 0;
}

uint32_t batch_builder_rows(const struct batch_builder *w)
{
	return w->shape ? w->rows : 0;
}

/* Sealing: the columns are laid out (block NULL), then laid out again the same way and filled. */

struct lay {
	struct batch *b;                /* NULL: measuring */
	const struct batch_builder *w;
	uint32_t at, n_cols, cols;      /* next free byte; columns so far, in all */
};

static void *body(struct lay *l, uint32_t *ret_at, size_t bytes)
{
	void *p = l->b ? (char *) l->b + l->at : NULL;

	*ret_at = l->at;
	l->at = (uint32_t) ALIGN_UP(l->at + bytes, 8);
	return p;
}

static struct batch_col *column(struct lay *l, struct batch_col *scratch, unsigned name, unsigned vtype, unsigned enc)
{
	struct batch_col *c = l->b ? &l->b->col[l->n_cols] : scratch;

	*c = (struct batch_col) { .vtype = (uint8_t) vtype, .enc = (uint8_t) enc, .name = (uint16_t) name };
	l->n_cols++;
	return c;
}

static void lay_u32(struct lay *l, unsigned name, const uint32_t *from, uint32_t n, bool may_be_const)
{
	struct batch_col scratch;
	bool same = may_be_const && n > 1;

	for (uint32_t i = 1; i < n && same; i++)
		same = from[i] == from[0];
	n = same ? 1 : n;
	struct batch_col *c = column(l, &scratch, name, V_I64, same ? ENC_CONST_U32 : ENC_U32);
	uint32_t *to = body(l, &c->data, n * sizeof *to);
	if (to)
		memcpy(to, from, n * sizeof *to);
}

static void lay_times(struct lay *l)
{
	const int64_t *from = l->w->times.p;
	uint32_t n = l->w->rows;
	struct batch_col scratch;
	bool same = l->w->shape == SHAPE_TALL && n > 1;

	for (uint32_t i = 1; i < n && same; i++)
		same = from[i] == from[0];
	n = same ? 1 : n;
	struct batch_col *c = column(l, &scratch, BATCH_NAME_TIME, V_TIME, same ? ENC_CONST : ENC_PLAIN);
	int64_t *to = body(l, &c->data, n * sizeof *to);
	if (to)
		memcpy(to, from, n * sizeof *to);
}

static void lay_names(struct lay *l)
{
	const char *name = l->w->names.p;
	struct batch_col scratch, *c = column(l, &scratch, BATCH_NAME_NAMES, V_STR, ENC_PLAIN);
	uint32_t k = l->w->k, *off = body(l, &c->off, (k + 1) * sizeof *off);
	char *to = body(l, &c->data, l->w->names_len - k);

	for (uint32_t i = 0; i < k && to; i++) {
		uint32_t len = (uint32_t) str_len(name);
		off[i + 1] = off[i] + len;
		memcpy(to + off[i], name, len);
		name += len + 1;
	}
}

static void lay_texts(struct lay *l, struct batch_col *c, const struct cell *cells, uint32_t stride)
{
	uint32_t n = l->w->rows, bytes = 0, *off = body(l, &c->off, (n + 1) * sizeof *off);

	for (uint32_t i = 0; i < n; i++)
		bytes += (uint32_t) cells[(size_t) i * stride].bits;
	char *to = body(l, &c->data, bytes);
	for (uint32_t i = 0; i < n && to; i++) {
		uint64_t bits = cells[(size_t) i * stride].bits;
		off[i + 1] = off[i] + (uint32_t) bits;
		if ((uint32_t) bits)
			memcpy(to + off[i], (const char *) l->w->pool.p + (bits >> 32), (uint32_t) bits);
	}
}

/* The values of column i where every row is whole. */
static void lay_whole(struct lay *l, unsigned name, uint32_t i)
{
	const struct batch_builder *w = l->w;
	const uint64_t *from = (const uint64_t *) w->cells.p + i;
	const uint32_t n = w->rows, stride = w->k;
	unsigned type = ((const uint8_t *) w->types.p)[i];
	struct batch_col scratch, *c = column(l, &scratch, name, type, ENC_PLAIN);
	uint32_t bytes = width(type);
	uint8_t *to = body(l, &c->data, bytes ? (size_t) n * bytes : (n + 7) / 8);

	for (uint32_t r = 0; to && bytes == 8 && r < n; r++)
		((uint64_t *) to)[r] = from[(size_t) r * stride];
	for (uint32_t r = 0; to && bytes == 4 && r < n; r++)
		((uint32_t *) to)[r] = (uint32_t) from[(size_t) r * stride];
	for (uint32_t r = 0; to && bytes == 0 && r < n; r++)
		to[r / 8] |= (uint8_t) (from[(size_t) r * stride] << (r % 8));
}

/* The values of column i; the block is zeroed, so absent cells are 0. */
static void lay_values(struct lay *l, unsigned name, uint32_t i)
{
	const struct batch_builder *w = l->w;
	const struct cell *cells = row_cells(w, 0) + i;
	uint32_t n = w->rows, stride = w->k, n_has = 0;
	unsigned type = ((const uint8_t *) w->types.p)[i];
	struct batch_col scratch, *c = column(l, &scratch, name, type, ENC_PLAIN);

	for (uint32_t r = 0; r < n; r++)
		n_has += cells[(size_t) r * stride].has;
	if (n_has < n) {
		uint8_t *valid = body(l, &c->valid, (n + 7) / 8);
		for (uint32_t r = 0; r < n && valid; r++)
			valid[r / 8] |= (uint8_t) (cells[(size_t) r * stride].has << (r % 8));
	}
	if (type == V_STR || type == V_BYTES) {
		lay_texts(l, c, cells, stride);
		return;
	}
	uint32_t bytes = width(type);
	uint8_t *to = body(l, &c->data, bytes ? (size_t) n * bytes : (n + 7) / 8);
	if (!to)
		return;
	for (uint32_t r = 0; r < n; r++) {
		uint64_t bits = cells[(size_t) r * stride].bits;
		if (bytes == 8)
			((uint64_t *) to)[r] = bits;
		else if (bytes == 4)
			((uint32_t *) to)[r] = (uint32_t) bits;
		else
			to[r / 8] |= (uint8_t) (bits << (r % 8));
	}
}

/* The qualities of column i, unless all are Good. */
static void lay_quality(struct lay *l, unsigned name, uint32_t i)
{
	const struct cell *cells = row_cells(l->w, 0) + i;
	uint32_t n = l->w->rows, stride = l->w->k;
	struct batch_col scratch;
	bool same = true;

	for (uint32_t r = 1; r < n && same; r++)
		same = cells[(size_t) r * stride].quality == cells[0].quality;
	if (same && cells[0].quality == (uint32_t) QUALITY_GOOD)
		return;
	same = same && n > 1;
	n = same ? 1 : n;
	struct batch_col *c = column(l, &scratch, name, V_I64, same ? ENC_CONST_U32 : ENC_U32);
	uint32_t *to = body(l, &c->data, n * sizeof *to);
	for (uint32_t r = 0; r < n && to; r++)
		to[r] = cells[(size_t) r * stride].quality;
}

static void lay_out(struct lay *l)
{
	const struct batch_builder *w = l->w;

	l->at = (uint32_t) (sizeof(struct batch) + l->cols * sizeof(struct batch_col));
	l->n_cols = 0;
	if (w->shape == SHAPE_TALL)
		lay_u32(l, BATCH_NAME_SERIES, w->series.p, w->rows, true);
	else if (w->shape == SHAPE_GROUP && !w->list)
		lay_u32(l, BATCH_NAME_SERIES, w->series.p, w->k, false);
	lay_times(l);
	if (w->shape == SHAPE_ROWS)
		lay_names(l);
	for (uint32_t i = 0; w->whole && i < w->k; i++)
		lay_whole(l, BATCH_NAME_VALUE + i, i);
	if (w->whole)
		return;
	for (uint32_t i = 0; i < w->k; i++)
		lay_values(l, w->shape == SHAPE_TALL ? BATCH_NAME_TALL_VALUE : BATCH_NAME_VALUE + i, i);
	for (uint32_t i = 0; i < w->k && w->shape != SHAPE_ROWS; i++)
		lay_quality(l, w->shape == SHAPE_TALL ? BATCH_NAME_TALL_QUALITY : BATCH_NAME_QUALITY + i, i);
}

int batch_seal(struct batch_builder *w, int64_t acquired_ns, unsigned flags, struct batch **ret)
{
	struct lay l = { .w = w };

	if (!w->shape || w->rows == 0)
		return err_fail(ERR_INVALID, "field", "batch", "rule", "must have a row", "value", "0", NULL);
	lay_out(&l);                            /* how many columns */
	l.cols = l.n_cols;
	lay_out(&l);                            /* how many bytes */
	size_t size = ALIGN_UP((size_t) l.at, BATCH_ALIGN);
	struct batch *b;
	int r = batch_alloc(size, &b);
	if (r < 0)
		return r;
	memset(b, 0, size);
	*b = (struct batch) { .size = (uint32_t) size, .version = BATCH_VERSION, .shape = w->shape, .tenant = w->tenant,
		.source = w->source, .acquired_ns = acquired_ns, .n_rows = w->rows, .n_cols = l.cols, .list = w->list };
	if (w->shape == SHAPE_TALL)
		b->vtype = ((uint8_t *) w->types.p)[0];
	l.b = b;
	lay_out(&l);
	b->flags = (uint8_t) ((flags & BATCH_FLAGS & ~BATCH_SORTED) | (batch_is_sorted(b) ? BATCH_SORTED : 0));
	w->rows = 0;
	w->whole = w->shape == SHAPE_GROUP;
	w->pool_len = 0;
	*ret = b;
	return 0;
}
