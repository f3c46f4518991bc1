/*
 * batch.h - how samples travel: columns in one contiguous, pointer-free block.
 *
 * The same bytes lie in a ring, in the log, in shared memory to a child, in a test file. Offsets instead of pointers, from the
 * start of the block; column bodies are laid out as Apache Arrow's (validity bitmap LSB first with 1 = valid, bool as bitmap
 * LSB first, u32 offsets for str and bytes, little-endian), each body 8-aligned (64-aligned when the block is), so that
 * batch_to_arrow() copies nothing.
 *
 *   TALL   columns SERIES (u32) TIME VALUE [QUALITY (u32)], n_rows each; b->vtype is the type of VALUE
 *   GROUP  m = n_rows times × k series: SERIES (u32, k entries) unless b->list names a registered list; TIME (m); then per
 *          series i a column named BATCH_NAME_VALUE + i of its own vtype and, unless all Good, BATCH_NAME_QUALITY + i (u32)
 *   ROWS   TIME; then named typed columns BATCH_NAME_VALUE + i, names in column NAMES (str, one entry a column)
 *
 * A row whose validity bit is 0 has no value (its quality says why). An absent quality column means all Good. enc: ENC_CONST
 * stands for n_rows times the one entry stored. A change of anything here means log, plug-ins, shared memory and nodes: the
 * version is in the header and golden bytes are in test/golden/.
 *
 * Thread: filled by one, then sealed and immutable; ref and unref are atomic. Memory: ref-counted; at most 1 MB a block.
 */
#pragma once

#include "model/value.h"

enum {
	BATCH_VERSION = 1,
	BATCH_SIZE_MAX = 1 << 20,
	BATCH_ROWS_MAX = 4096,
	BATCH_COLS_MAX = 8192,
	BATCH_ALIGN = 64,
};
enum batch_shape { SHAPE_TALL = 1, SHAPE_GROUP, SHAPE_ROWS };
enum batch_flag { BATCH_SORTED = 1, BATCH_DERIVED = 2, BATCH_REPLAY = 4, BATCH_LATE = 8 };
enum batch_enc { ENC_PLAIN = 0, ENC_U32 = 1, ENC_CONST = 2, ENC_CONST_U32 = 3 };
enum batch_name { BATCH_NAME_SERIES = 1, BATCH_NAME_TIME, BATCH_NAME_NAMES, BATCH_NAME_TALL_VALUE, BATCH_NAME_TALL_QUALITY,
	BATCH_NAME_VALUE = 0x0010, BATCH_NAME_QUALITY = 0x8000 };

struct batch_col {
	uint8_t vtype, enc;
	uint16_t name;
	uint32_t valid;                 /* offset of the validity bitmap; 0 = all valid */
	uint32_t data;                  /* offset of the body */
	uint32_t off;                   /* str, bytes: offset of the u32 offsets (entries + 1); else 0 */
};

struct batch {
	uint32_t size;                  /* of the whole block, multiple of 64 */
	uint8_t version, shape, vtype, flags;
	uint32_t tenant, source;        /* one tenant a batch; who made it (link, token, flow): loop protection, accounting */
	uint64_t seq;                   /* its place in the log; 0 until the log gives it */
	int64_t acquired_ns;
	uint32_t n_rows, n_cols, list, pad_;
	struct batch_col col[];
};
_Static_assert(sizeof(struct batch) == 48 && sizeof(struct batch_col) == 16, "golden layout");

/* Is this block well formed? Checks every offset, count, bitmap and UTF-8 text; nothing else may touch bytes from outside
 * before it said 0. -ERR_CORRUPT with the reason. */
int batch_check(const void *bytes, size_t len);

/* References. A batch made by the builder or batch_adopt() carries its count in front of the block. */
struct batch *batch_ref(struct batch *b);
struct batch *batch_unref(struct batch *b);             /* NULL is fine; returns NULL */
int batch_copy(const void *bytes, size_t len, struct batch **ret);     /* checked copy of a block from outside */
DEFINE_CLEANUP(struct batch *, batch_unref)

/* Columns. NULL when absent. */
const struct batch_col *batch_find(const struct batch *b, unsigned name);
static inline const void *batch_body(const struct batch *b, const struct batch_col *c) { return (const char *) b + c->data; }
static inline bool batch_is_valid(const struct batch *b, const struct batch_col *c, uint32_t row)
{
	return !c->valid || ((const uint8_t *) b)[c->valid + row / 8] >> (row % 8) & 1;
}
struct value batch_value(const struct batch *b, const struct batch_col *c, uint32_t row);      /* type V_NONE when not valid */
uint32_t batch_u32(const struct batch *b, const struct batch_col *c, uint32_t row);
uint32_t batch_n_samples(const struct batch *b);        /* rows of TALL, rows × series of GROUP */

/* Every sample of TALL and GROUP in order, for those who do not care about columns. Strings are borrowed from the batch. */
struct batch_iter { const struct batch *b; const uint32_t *series; uint32_t row, col, n_series; };
/* `series` may be NULL unless b->list is set (then the registered list, of k entries). */
struct batch_iter batch_iter(const struct batch *b, const uint32_t *series);
bool batch_next(struct batch_iter *it, struct sample *ret);

/* Building. A builder owns one growing block and is reused; batch_seal() hands the finished batch out. */
struct batch_builder;
int batch_builder_new(struct batch_builder **ret, uint32_t rows_max);
struct batch_builder *batch_builder_free(struct batch_builder *w);
DEFINE_CLEANUP(struct batch_builder *, batch_builder_free)

int batch_tall(struct batch_builder *w, uint32_t tenant, uint32_t source, enum vtype t);
int batch_tall_add(struct batch_builder *w, const struct sample *s);    /* -ERR_FULL: seal first; -ERR_TYPE_CONFLICT */

/* m rows × k series; then fill by column. types[k]. */
int batch_group(struct batch_builder *w, uint32_t tenant, uint32_t source, const uint32_t *series, const uint8_t *types, uint32_t k);
int batch_group_row(struct batch_builder *w, int64_t time_ns);          /* begins the next row; its cells are without value, Bad waiting */
int batch_group_set(struct batch_builder *w, uint32_t i, struct value v, uint32_t quality);     /* cell i of the current row */

int batch_rows(struct batch_builder *w, uint32_t tenant, uint32_t source, const char *const *names, const uint8_t *types, uint32_t k);
int batch_rows_add(struct batch_builder *w, int64_t time_ns, const struct value *cells);

uint32_t batch_builder_rows(const struct batch_builder *w);
/* Finishes the block: -ERR_INVALID when empty. The builder is empty afterwards. Sets SORTED when times ascend per series. */
int batch_seal(struct batch_builder *w, int64_t acquired_ns, unsigned flags, struct batch **ret);

/* Apache Arrow C Data Interface, without a copy: schema and array borrow the batch (one reference held until release). */
struct ArrowSchema;
struct ArrowArray;
int batch_to_arrow(struct batch *b, struct ArrowSchema *ret_schema, struct ArrowArray *ret_array);
