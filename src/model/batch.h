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
 * Columns stand in ascending order of their names, each at most once; SERIES and quality columns are V_I64 with ENC_U32. SERIES
 * and TIME have no validity. A row whose validity bit is 0 has no value (its quality says why). An absent quality column means
 * all Good. ENC_CONST stands for as many times the one entry stored; the builder writes SERIES and TIME of TALL and any quality
 * so when all entries are equal, so read them with batch_u32(), batch_i64(), or look at enc. A change of anything here means log,
 * plug-ins, shared memory and nodes: the version is in the header and golden bytes are in test/golden/.
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
	BATCH_SERIES_MAX = 4094,                /* of GROUP, each with a quality column */
	BATCH_FIELDS_MAX = 1024,                /* of ROWS */
	BATCH_SAMPLES_MAX = 1 << 20,            /* rows × columns: what a small block may claim to hold by ENC_CONST */
	BATCH_TEXT_MAX = 64 << 10,              /* one text; larger ones travel by blob reference */
	BATCH_ALIGN = 64,
};
enum batch_shape { SHAPE_TALL = 1, SHAPE_GROUP, SHAPE_ROWS };
/* SORTED: times never descend from row to row, or (TALL) rows are ordered by series and times never descend within one. */
enum batch_flag { BATCH_SORTED = 1, BATCH_DERIVED = 2, BATCH_REPLAY = 4, BATCH_LATE = 8, BATCH_FLAGS = 15 };
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

/* Is this block well formed? Checks every offset, count, bitmap, UTF-8 text and the claim SORTED; nothing else may touch bytes
 * from outside before it said 0. `bytes` must be 8-aligned. -ERR_CORRUPT with the reason; -ERR_NEWER. */
int batch_check(const void *bytes, size_t len);
bool batch_is_sorted(const struct batch *b);            /* what the flag SORTED says, looked up */

/* References. A batch made by the builder or batch_copy() carries its count in front of the block. */
struct batch *batch_ref(struct batch *b);
struct batch *batch_unref(struct batch *b);             /* NULL is fine; returns NULL */
int batch_copy(const void *bytes, size_t len, struct batch **ret);     /* checked copy of a block from outside, at any address */
/* The same in two steps for who reads straight into it: room for len bytes; then batch_check() before anybody sees it. */
int batch_alloc(size_t len, struct batch **ret);
DEFINE_CLEANUP(struct batch *, batch_unref)

/* Columns. NULL when absent. */
const struct batch_col *batch_find(const struct batch *b, unsigned name);
static inline const void *batch_body(const struct batch *b, const struct batch_col *c) { return (const char *) b + c->data; }
static inline bool batch_is_valid(const struct batch *b, const struct batch_col *c, uint32_t row)
{
	if (c->enc & ENC_CONST)
		row = 0;
	return !c->valid || ((const uint8_t *) b)[c->valid + row / 8] >> (row % 8) & 1;
}
static inline uint32_t batch_u32(const struct batch *b, const struct batch_col *c, uint32_t row)        /* ENC_U32 */
{
	return ((const uint32_t *) batch_body(b, c))[c->enc & ENC_CONST ? 0 : row];
}
static inline int64_t batch_i64(const struct batch *b, const struct batch_col *c, uint32_t row)         /* V_TIME, V_I64 without ENC_U32 */
{
	return ((const int64_t *) batch_body(b, c))[c->enc & ENC_CONST ? 0 : row];
}
struct value batch_value(const struct batch *b, const struct batch_col *c, uint32_t row);      /* type V_NONE when not valid */
uint32_t batch_n_values(const struct batch *b);         /* value columns: 1 of TALL, k of GROUP and ROWS */
uint32_t batch_n_samples(const struct batch *b);        /* rows of TALL, rows × series of GROUP, rows of ROWS */

/* The series of a checked TALL or GROUP, to be replaced where they stand: how many entries. 0: it carries none, or another column
 * lies in front of or among them (a block of the builder never does), so that replacing them would change more. */
uint32_t batch_series(struct batch *b, uint32_t **ret);

/* Every sample of TALL and GROUP, row by row, for those who do not care about columns. Strings are borrowed from the batch. */
struct batch_iter {
	const struct batch *b;
	const uint32_t *series;                 /* of GROUP */
	const struct batch_col *time, *value, *quality, *end;
	uint32_t row, col, n_series;
};
/* `series` may be NULL unless b->list is set (then the registered list, of batch_n_values() entries). */
struct batch_iter batch_iter(const struct batch *b, const uint32_t *series);
bool batch_next(struct batch_iter *it, struct sample *ret);

/* Building. A builder owns its memory and is reused; batch_seal() hands the finished batch out, a block of its own. -ERR_FULL from
 * an add: nothing was added, seal first (rows_max or 1 MB is reached). Texts must be UTF-8: -ERR_INVALID. */
struct batch_builder;
int batch_builder_new(struct batch_builder **ret, uint32_t rows_max);
struct batch_builder *batch_builder_free(struct batch_builder *w);
DEFINE_CLEANUP(struct batch_builder *, batch_builder_free)

int batch_tall(struct batch_builder *w, uint32_t tenant, uint32_t source, enum vtype t);
int batch_tall_add(struct batch_builder *w, const struct sample *s);    /* -ERR_FULL; -ERR_TYPE_CONFLICT */

/* m rows × k series. types[k]. What series and types point to is copied. */
int batch_group(struct batch_builder *w, uint32_t tenant, uint32_t source, const uint32_t *series, const uint8_t *types, uint32_t k);
/* The same, naming a registered list of k series instead of carrying it. */
int batch_group_list(struct batch_builder *w, uint32_t tenant, uint32_t source, uint32_t list, const uint8_t *types, uint32_t k);
int batch_group_row(struct batch_builder *w, int64_t time_ns);          /* begins the next row; its cells are without value, Bad waiting; -ERR_FULL */
int batch_group_set(struct batch_builder *w, uint32_t i, struct value v, uint32_t quality);     /* cell i of the current row; V_NONE: none */

/* A whole row at once, every cell there and Good: bits[k], each value's own in the low bytes. No texts: -ERR_TYPE_CONFLICT; -ERR_FULL. */
int batch_group_full(struct batch_builder *w, int64_t time_ns, const uint64_t *bits);

int batch_rows(struct batch_builder *w, uint32_t tenant, uint32_t source, const char *const *names, const uint8_t *types, uint32_t k);
int batch_rows_add(struct batch_builder *w, int64_t time_ns, const struct value *cells);               /* k cells */

uint32_t batch_builder_rows(const struct batch_builder *w);
/* Finishes the block: -ERR_INVALID when empty. The builder is then empty and of the same shape, ready for more; also after
 * -ERR_NO_MEMORY nothing is lost: seal again. Sets SORTED when it is so. */
int batch_seal(struct batch_builder *w, int64_t acquired_ns, unsigned flags, struct batch **ret);

/* Apache Arrow C Data Interface (arrow.apache.org/docs/format/CDataInterface.html), without a copy of any column: schema and array
 * are a struct; the array holds one reference until its release. SERIES u32 "series", TIME "time", "value", "quality" of TALL; GROUP
 * names its columns by series number "7" and "7.quality" (by place "#0" when a registered list is named); ROWS by their names.
 * ENC_CONST columns are run-end encoded with one run. */
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE
enum { ARROW_FLAG_DICTIONARY_ORDERED = 1, ARROW_FLAG_NULLABLE = 2, ARROW_FLAG_MAP_KEYS_SORTED = 4 };
struct ArrowSchema {
	const char *format, *name, *metadata;
	int64_t flags, n_children;
	struct ArrowSchema **children, *dictionary;
	void (*release)(struct ArrowSchema *);
	void *private_data;
};
struct ArrowArray {
	int64_t length, null_count, offset, n_buffers, n_children;
	const void **buffers;
	struct ArrowArray **children, *dictionary;
	void (*release)(struct ArrowArray *);
	void *private_data;
};
#endif
int batch_to_arrow(struct batch *b, struct ArrowSchema *ret_schema, struct ArrowArray *ret_array);
