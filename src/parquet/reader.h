/*
 * reader.h - reads the Parquet files we write: where things lie, single pages, columns row by row.
 *
 * Only our own profile is understood (data page v1, PLAIN, DELTA_BINARY_PACKED, RLE_DICTIONARY, zstd, flat columns). Bytes are
 * not trusted: every length and count is checked, a page's checksum is compared, sizes are bounded; what does not fit is
 * -ERR_CORRUPT.
 *
 * Thread: a scratch belongs to one thread; files may be shared. Memory: the layout lives in the caller's arena; a page's values in the
 * `struct pq_values`, until the next page is read into it.
 */
#pragma once

#include "base/arena.h"
#include "parquet/code.h"
#include "parquet/format.h"

/* Footer, offset and column indexes. Columns must be exactly these, in this order. */
int pq_read_layout(int fd, uint64_t file_size, const struct pq_col *cols, unsigned n_cols, struct arena *a, struct pq_layout *ret);
/* The value of a key of the footer's metadata into the arena; NULL in *ret when there is none. */
int pq_read_meta(int fd, uint64_t file_size, const char *key, struct arena *a, const char **ret);

/* One page, decoded. Whole numbers are sign-extended, floats are their bits, texts point at u32 length + bytes. */
enum { PQ_RUNS_MAX = 32 };
struct pq_values {
	uint32_t rows;
	bool all_null;
	const uint8_t *def;             /* 1 where there is a value; value i belongs to row i. NULL: */
	uint32_t from, to;              /* these rows have one, and no others: value i belongs to row from + i */
	int64_t *v;                     /* whole numbers, bits of floats */
	const uint8_t **text;
	uint32_t n_runs;                /* of `steady` columns: these instead of v; their rows count from `from`. 0: v */
	struct code_run run[PQ_RUNS_MAX];
	/* Owned: */
	uint8_t *def_room;
	uint8_t *raw;
	size_t raw_room;
	uint32_t room, text_room;
};

static inline bool pq_has(const struct pq_values *v, uint32_t row)
{
	return !v->all_null && (v->def ? v->def[row] : v->from <= row && row < v->to);
}
static inline uint32_t pq_place(const struct pq_values *v, uint32_t row) { return v->def ? row : row - v->from; }
/* The number of a row that has one. */
int64_t pq_number(const struct pq_values *v, uint32_t row);

struct pq_dict { uint32_t n; int64_t *v; const uint8_t **text; uint8_t *raw; };

struct pq_scratch;
int pq_scratch_new(struct pq_scratch **ret);
struct pq_scratch *pq_scratch_free(struct pq_scratch *s);
DEFINE_CLEANUP(struct pq_scratch *, pq_scratch_free)
/* Memory of who read last, for who reads next; goes with the scratch. */
struct pq_spare { void (*free)(struct pq_spare *spare); };
struct pq_spare **pq_scratch_spare(struct pq_scratch *s);

/* dict: of the same chunk, may be NULL when the chunk has none. */
int pq_read_page(struct pq_scratch *s, int fd, const struct pq_col *col, const struct pq_page *page, const struct pq_dict *dict,
	struct pq_values *ret);
int pq_read_dict(struct pq_scratch *s, int fd, const struct pq_col *col, const struct pq_chunk *chunk, struct pq_dict *ret);
void pq_values_done(struct pq_values *v);
void pq_dict_done(struct pq_dict *d);

/* --- A column, of which the page that was decoded last is kept */

uint32_t pq_group_of(const struct pq_layout *l, uint32_t hint, uint64_t row);           /* hint: most likely it */
uint32_t pq_page_of(const struct pq_chunk *c, uint32_t hint, uint32_t row);             /* row: of the group */

struct pq_column {
	struct pq_values values;
	struct pq_dict dict;
	uint32_t group, page, dict_group;
	bool loaded, dict_loaded;
};
struct pq_at { uint32_t group, page; };
static inline bool pq_column_has(const struct pq_column *c, struct pq_at at) { return c->loaded && c->group == at.group && c->page == at.page; }
/* chunk: of this group. The page must not be one of nulls. */
int pq_column_load(struct pq_column *c, struct pq_scratch *s, int fd, const struct pq_col *col, const struct pq_chunk *chunk, struct pq_at at);
void pq_column_forget(struct pq_column *c);     /* its page; the memory stays */
void pq_column_done(struct pq_column *c);

/* Values from a row on; run: value i is `first` + i × step. */
struct pq_view { const int64_t *v; const uint8_t *const *text; const uint8_t *def; bool null, run; int64_t first; uint64_t step; };
/* Of the page that was loaded, from its row `at` on; *n is lowered to rows that are alike: all in one run, all or none of which have a value, where that
 * is known. Borrowed until the next page is loaded. */
struct pq_view pq_column_view(const struct pq_column *c, uint32_t at, uint32_t *n);

/* --- A file by its path, read whole */

struct pq_file { int fd; uint64_t size; const struct pq_col *cols; struct pq_layout layout; struct arena arena; };
int pq_open(const char *path, const struct pq_col *cols, unsigned n_cols, struct pq_file *ret);      /* -ERR_MISSING, -ERR_CORRUPT */
void pq_close(struct pq_file *f);

/* Every page against its checksum and what it claims, column by column in each row group; then on_page has it, which ends the walk by other than 0. NULL:
 * it is only read. */
struct pq_visit { unsigned col; const struct pq_group *group; const struct pq_page *page; uint64_t row; };       /* row: its first in the file */
typedef int pq_page_fn(void *ctx, const struct pq_visit *at, const struct pq_values *v);
int pq_each_page(const struct pq_file *f, pq_page_fn *on_page, void *ctx);
