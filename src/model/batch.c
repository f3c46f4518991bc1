/* batch.c - references, checking and reading of blocks. */
#include "model/batch.h"

#include <stdatomic.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"
#include "sys/sys.h"

_Static_assert(BATCH_NAME_VALUE + BATCH_SERIES_MAX < BATCH_NAME_QUALITY, "names of values and qualities must not meet");
_Static_assert(2 + 2 * BATCH_SERIES_MAX <= BATCH_COLS_MAX, "a quality column for every series");

/* In front of the block, on a cache line of its own. */
struct front {
	atomic_uint refs;
	uint32_t before;                /* bytes from what malloc gave to the block */
	size_t room;
};

static struct front *front_of(struct batch *b)
{
	return (struct front *) ((char *) b - BATCH_ALIGN);
}

int batch_alloc(size_t len, struct batch **ret)
{
	if (len < sizeof(struct batch) || len > BATCH_SIZE_MAX)
		return err_fail(ERR_CORRUPT, "what", "batch", "detail", "its size is out of bounds", NULL);

	size_t room = len + 2 * BATCH_ALIGN;
	char *p = mem_alloc(&sys_heap, room);
	if (!p)
		return err_fail(ERR_NO_MEMORY, "what", "a batch", NULL);
	char *block = (char *) ALIGN_UP((uintptr_t) p + BATCH_ALIGN, BATCH_ALIGN);
	struct front *f = (struct front *) (block - BATCH_ALIGN);
	atomic_init(&f->refs, 1);
	f->before = (uint32_t) (block - p);
	f->room = room;
	*ret = (struct batch *) block;
	return 0;
}

struct batch *batch_ref(struct batch *b)
{
	atomic_fetch_add_explicit(&front_of(b)->refs, 1, memory_order_relaxed);
	return b;
}

struct batch *batch_unref(struct batch *b)
{
	if (!b)
		return NULL;
	struct front *f = front_of(b);
	if (atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) == 1)
		mem_free(&sys_heap, (char *) b - f->before, f->room);
	return NULL;
}

int batch_copy(const void *bytes, size_t len, struct batch **ret)
{
	_cleanup_(batch_unrefp) struct batch *b = NULL;
	int r = batch_alloc(len, &b);

	if (r < 0)
		return r;
	memcpy(b, bytes, len);
	r = batch_check(b, len);
	if (r < 0)
		return r;
	*ret = take(b);
	return 0;
}

/* How many columns have a name below this one. Names ascend. */
static uint32_t cols_below(const struct batch *b, unsigned name)
{
	uint32_t lo = 0, hi = b->n_cols;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;
		if (b->col[mid].name < name)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct batch_col *batch_find(const struct batch *b, unsigned name)
{
	uint32_t i = cols_below(b, name);

	return i < b->n_cols && b->col[i].name == name ? &b->col[i] : NULL;
}

uint32_t batch_n_values(const struct batch *b)
{
	if (b->shape == SHAPE_TALL)
		return 1;
	return cols_below(b, BATCH_NAME_QUALITY) - cols_below(b, BATCH_NAME_VALUE);
}

uint32_t batch_n_samples(const struct batch *b)
{
	return b->shape == SHAPE_GROUP ? b->n_rows * batch_n_values(b) : b->n_rows;
}

/* Checking. */

static int corrupt(const char *detail)
{
	return err_fail(ERR_CORRUPT, "what", "batch", "detail", detail, NULL);
}

static bool body_fits(const struct batch *b, uint32_t at, uint64_t len)
{
	return at % 8 == 0 && at >= sizeof *b + (uint64_t) b->n_cols * sizeof b->col[0] && at <= b->size && len <= b->size - at;
}

static uint64_t body_bytes(const struct batch_col *c, uint64_t entries)
{
	switch (c->vtype) {
	case V_BOOL:
		return (entries + 7) / 8;
	case V_F32:
		return entries * 4;
	case V_I64:
		return entries * (c->enc & ENC_U32 ? 4 : 8);
	default:
		return entries * 8;
	}
}

static int texts_check(const struct batch *b, const struct batch_col *c, uint32_t entries)
{
	if (!body_fits(b, c->off, (entries + UINT64_C(1)) * 4) || !body_fits(b, c->data, 0))
		return corrupt("a column of texts lies outside of the block");
	const uint32_t *off = (const uint32_t *) ((const char *) b + c->off);
	const char *body = batch_body(b, c);
	if (off[0] != 0)
		return corrupt("texts do not begin at 0");
	for (uint32_t i = 0; i < entries; i++) {
		if (off[i + 1] < off[i] || off[i + 1] - off[i] > BATCH_TEXT_MAX || off[i + 1] > b->size - c->data)
			return corrupt("a text has no end within the block");
		if (c->vtype == V_STR && !utf8_is_valid(body + off[i], off[i + 1] - off[i]))
			return corrupt("a text is not UTF-8");
	}
	return 0;
}

static int col_check(const struct batch *b, const struct batch_col *c, uint32_t entries)
{
	if (c->vtype < V_BOOL || c->vtype > V_TIME || c->enc > ENC_CONST_U32)
		return corrupt("a column has an unknown type");
	if ((c->enc & ENC_U32) && c->vtype != V_I64)
		return corrupt("only whole numbers can be stored in 32 bits");
	if (c->enc & ENC_CONST)
		entries = 1;
	if (c->valid && !body_fits(b, c->valid, (entries + UINT64_C(7)) / 8))
		return corrupt("a validity bitmap lies outside of the block");
	if (c->vtype == V_STR || c->vtype == V_BYTES)
		return texts_check(b, c, entries);
	if (c->off || !body_fits(b, c->data, body_bytes(c, entries)))
		return corrupt("a column lies outside of the block");
	return 0;
}

static bool is_u32(const struct batch_col *c)
{
	return c->vtype == V_I64 && (c->enc & ENC_U32) && !c->valid;
}

static bool is_time(const struct batch_col *c)
{
	return c->vtype == V_TIME && !c->valid;
}

static int names_check(const struct batch *b, const struct batch_col *c, uint32_t k)
{
	if (c->vtype != V_STR || c->enc != ENC_PLAIN || c->valid)
		return corrupt("the names of the columns are no texts");
	const uint32_t *off = (const uint32_t *) ((const char *) b + c->off);
	const char *body = batch_body(b, c);
	for (uint32_t i = 0; i < k; i++) {
		uint32_t len = off[i + 1] - off[i];
		if (!len || memchr(body + off[i], 0, len))
			return corrupt("a column has no name");
		for (uint32_t j = 0; j < i; j++)
			if (off[j + 1] - off[j] == len && memcmp(body + off[j], body + off[i], len) == 0)
				return corrupt("two columns have the same name");
	}
	return 0;
}

/* TALL: SERIES TIME VALUE [QUALITY]. */
static int tall_check(const struct batch *b)
{
	static const uint16_t names[] = { BATCH_NAME_SERIES, BATCH_NAME_TIME, BATCH_NAME_TALL_VALUE, BATCH_NAME_TALL_QUALITY };

	if (b->n_cols < 3 || b->n_cols > 4 || b->list)
		return corrupt("its columns do not fit its shape");
	for (uint32_t i = 0; i < b->n_cols; i++) {
		const struct batch_col *c = &b->col[i];
		if (c->name != names[i])
			return corrupt("its columns do not fit its shape");
		int r = col_check(b, c, b->n_rows);
		if (r < 0)
			return r;
	}
	if (!is_u32(&b->col[0]) || !is_time(&b->col[1]) || b->col[2].vtype != b->vtype || (b->n_cols == 4 && !is_u32(&b->col[3])))
		return corrupt("a column has the wrong type");
	return 0;
}

/* The k value columns named without a hole, beginning at column `at`. */
static int values_check(const struct batch *b, uint32_t at, uint32_t k)
{
	for (uint32_t i = 0; i < k; i++) {
		if (b->col[at + i].name != BATCH_NAME_VALUE + i)
			return corrupt("its columns do not fit its shape");
		int r = col_check(b, &b->col[at + i], b->n_rows);
		if (r < 0)
			return r;
	}
	return 0;
}

static int group_check(const struct batch *b, uint32_t k)
{
	uint32_t at = b->list ? 0 : 1;
	int r;

	if (b->vtype || k > BATCH_SERIES_MAX || cols_below(b, BATCH_NAME_VALUE) != at + 1)
		return corrupt("its columns do not fit its shape");
	if (!b->list) {
		if (b->col[0].name != BATCH_NAME_SERIES || !is_u32(&b->col[0]) || b->col[0].enc != ENC_U32)
			return corrupt("it does not name its series");
		r = col_check(b, &b->col[0], k);
		if (r < 0)
			return r;
	}
	if (b->col[at].name != BATCH_NAME_TIME || !is_time(&b->col[at]))
		return corrupt("it has no times");
	r = col_check(b, &b->col[at], b->n_rows);
	if (r < 0)
		return r;
	r = values_check(b, at + 1, k);
	if (r < 0)
		return r;
	for (uint32_t i = at + 1 + k; i < b->n_cols; i++) {
		if (b->col[i].name - BATCH_NAME_QUALITY >= (int) k || !is_u32(&b->col[i]))
			return corrupt("a quality column belongs to no series");
		r = col_check(b, &b->col[i], b->n_rows);
		if (r < 0)
			return r;
	}
	return 0;
}

static int rows_check(const struct batch *b, uint32_t k)
{
	if (b->vtype || b->list || k > BATCH_FIELDS_MAX || b->n_cols != k + 2 || b->col[0].name != BATCH_NAME_TIME ||
	    !is_time(&b->col[0]) || b->col[1].name != BATCH_NAME_NAMES)
		return corrupt("its columns do not fit its shape");
	int r = col_check(b, &b->col[0], b->n_rows);
	if (r < 0)
		return r;
	r = col_check(b, &b->col[1], k);
	if (r < 0)
		return r;
	r = names_check(b, &b->col[1], k);
	if (r < 0)
		return r;
	return values_check(b, 2, k);
}

bool batch_is_sorted(const struct batch *b)
{
	const struct batch_col *time = batch_find(b, BATCH_NAME_TIME);
	bool by_time = true;
	uint32_t i;

	if (time->enc & ENC_CONST)
		return true;
	const int64_t *t = batch_body(b, time);
	for (i = 1; i < b->n_rows && by_time; i++)
		by_time = t[i] >= t[i - 1];
	if (by_time || b->shape != SHAPE_TALL)
		return by_time;
	const struct batch_col *series = &b->col[0];
	for (i = 1; i < b->n_rows; i++) {
		uint32_t s = batch_u32(b, series, i), before = batch_u32(b, series, i - 1);
		if (s < before || (s == before && t[i] < t[i - 1]))
			return false;
	}
	return true;
}

static int shape_check(const struct batch *b)
{
	if (b->shape == SHAPE_TALL)
		return tall_check(b);
	uint32_t k = batch_n_values(b);
	if (k == 0 || (uint64_t) k * b->n_rows > BATCH_SAMPLES_MAX)
		return corrupt("it claims too few or too many values");
	if (b->shape == SHAPE_GROUP)
		return group_check(b, k);
	if (b->shape == SHAPE_ROWS)
		return rows_check(b, k);
	return corrupt("its shape is unknown");
}

int batch_check(const void *bytes, size_t len)
{
	const struct batch *b = bytes;

	if (len < sizeof *b || len > BATCH_SIZE_MAX || len % BATCH_ALIGN || (uintptr_t) bytes % 8)
		return corrupt("its size is out of bounds");
	if (b->version > BATCH_VERSION)
		return err_fail(ERR_NEWER, "what", "batch", "value", "a higher one", "want", "1", NULL);
	if (b->size != len || b->version != BATCH_VERSION || (b->flags & ~BATCH_FLAGS) || b->pad_)
		return corrupt("its header is wrong");
	if (b->n_rows == 0 || b->n_rows > BATCH_ROWS_MAX || b->n_cols > BATCH_COLS_MAX ||
	    sizeof *b + (size_t) b->n_cols * sizeof b->col[0] > len)
		return corrupt("its rows or columns are out of bounds");
	for (uint32_t i = 1; i < b->n_cols; i++)
		if (b->col[i].name <= b->col[i - 1].name)
			return corrupt("its columns are out of order");
	int r = shape_check(b);
	if (r < 0)
		return r;
	if ((b->flags & BATCH_SORTED) && !batch_is_sorted(b))
		return corrupt("it is not sorted as it says");
	return 0;
}

/* Reading. */

struct value batch_value(const struct batch *b, const struct batch_col *c, uint32_t row)
{
	struct value v = { .type = V_NONE };
	const void *body = batch_body(b, c);

	if (!batch_is_valid(b, c, row))
		return v;
	if (c->enc & ENC_CONST)
		row = 0;
	v.type = c->vtype;
	switch (c->vtype) {
	case V_BOOL:
		v.b = ((const uint8_t *) body)[row / 8] >> (row % 8) & 1;
		break;
	case V_F32:
		v.f32 = ((const float *) body)[row];
		break;
	case V_F64:
		v.f64 = ((const double *) body)[row];
		break;
	case V_STR:
	case V_BYTES: {
		const uint32_t *off = (const uint32_t *) ((const char *) b + c->off);
		v.s = (const char *) body + off[row];
		v.len = off[row + 1] - off[row];
		break;
	}
	default:
		v.i = c->enc & ENC_U32 ? ((const uint32_t *) body)[row] : ((const int64_t *) body)[row];
	}
	return v;
}

uint32_t batch_series(struct batch *b, uint32_t **ret)
{
	const struct batch_col *c = &b->col[0];
	uint32_t n = b->shape == SHAPE_GROUP ? batch_n_values(b) : c->enc & ENC_CONST ? 1 : b->n_rows;
	uint32_t end = c->data + n * (uint32_t) sizeof(**ret);

	if (b->shape == SHAPE_ROWS || b->list)
		return 0;
	for (uint32_t i = 1; i < b->n_cols; i++)
		if (b->col[i].data < end || (b->col[i].off && b->col[i].off < end) || (b->col[i].valid && b->col[i].valid < end))
			return 0;
	*ret = (uint32_t *) ((char *) b + c->data);
	return n;
}

struct batch_iter batch_iter(const struct batch *b, const uint32_t *series)
{
	struct batch_iter it = { .b = b, .series = series, .end = b->col + b->n_cols };

	if (b->shape == SHAPE_TALL) {
		it.time = &b->col[1];
		it.value = &b->col[2];
		it.quality = b->n_cols > 3 ? &b->col[3] : NULL;
	} else if (b->shape == SHAPE_GROUP) {
		uint32_t at = b->list ? 0 : 1;
		if (!b->list)
			it.series = batch_body(b, &b->col[0]);
		it.n_series = it.series ? batch_n_values(b) : 0;
		it.time = &b->col[at];
		it.value = &b->col[at + 1];
		it.quality = it.value + it.n_series;
	}
	return it;
}

bool batch_next(struct batch_iter *it, struct sample *ret)
{
	const struct batch *b = it->b;

	if (it->row >= b->n_rows || !it->time)
		return false;
	if (b->shape == SHAPE_TALL) {
		ret->series = batch_u32(b, &b->col[0], it->row);
		ret->time_ns = batch_i64(b, it->time, it->row);
		ret->quality = it->quality ? batch_u32(b, it->quality, it->row) : (uint32_t) QUALITY_GOOD;
		ret->value = batch_value(b, it->value, it->row++);
		return true;
	}
	if (!it->n_series)
		return false;
	ret->series = it->series[it->col];
	ret->time_ns = batch_i64(b, it->time, it->row);
	ret->quality = QUALITY_GOOD;
	if (it->quality < it->end && it->quality->name == BATCH_NAME_QUALITY + it->col)
		ret->quality = batch_u32(b, it->quality++, it->row);
	ret->value = batch_value(b, it->value + it->col, it->row);
	if (++it->col == it->n_series) {
		it->col = 0;
		it->row++;
		it->quality = it->value + it->n_series;
	}
	return true;
}
