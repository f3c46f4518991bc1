/* writer_impl.h - what the writer's files share: writer.c (feeding, row groups), writer_page.c (one page), writer_foot.c (indexes, footer). */
#pragma once

#include <zstd.h>

#include "base/arena.h"
#include "parquet/writer.h"

/* The least and greatest value of a page or chunk: bits of fixed types, pointers into the arena for texts. */
struct bound { bool set, cut_max, cut_min; uint64_t lo, hi; const uint8_t *lo_text, *hi_text; uint32_t lo_len, hi_len; };

struct page { struct pq_page out; struct bound bound; uint32_t nulls; };

struct chunk {                          /* one column of one row group */
	struct page *page;
	uint32_t n_pages, room;
	uint32_t encodings;             /* bit mask */
	uint32_t dict_size;             /* of the dictionary page, 0: none */
	uint64_t offset, size, raw_size, nulls;
	struct bound bound;
};

struct group { uint64_t first_row, offset, size, raw_size; uint32_t rows; struct chunk chunk[]; };

struct dict {
	uint16_t *slot;                 /* hash → entry + 1 */
	uint64_t *entry;                /* bits, or offset << 32 | len into text */
	uint32_t n;
	struct buf text;
};

struct feed {                           /* one column: the page being filled, the chunk being collected */
	uint64_t *val;                  /* of the values that are there: bits, or offset << 32 | len into text */
	uint8_t *def;
	uint32_t n_val, n_rows;
	int64_t lo, hi;                 /* of an ordered column */
	struct buf text;
	struct buf body;                /* finished pages of this row group */
	uint32_t null_from, null_rows;  /* pages of nulls not written yet */
	struct dict dict;
	bool dict_used;
};

struct pq_writer {
	struct pq_writer_config config;
	struct arena arena;             /* bounds of texts */
	struct group **group;
	uint32_t n_groups, room;
	uint32_t page_at, group_at;     /* rows in the current page, in the current group before it */
	uint64_t at;                    /* bytes written */
	uint64_t rows;
	uint64_t text_bytes;            /* in the current page */
	ZSTD_CCtx *zstd;
	struct buf levels, raw, packed[2];      /* of the page; a candidate before and after compression: the best so far is packed[best] */
	unsigned best;
	uint16_t *index;                /* levels, then the indices of a dictionary candidate */
	struct feed feed[];
};

static inline struct group *pq_writer_now(struct pq_writer *w) { return w->group[w->n_groups - 1]; }
static inline uint64_t text_ref(size_t at, size_t len) { return (uint64_t) at << 32 | len; }

int pq_writer_end_page(struct pq_writer *w, unsigned col);          /* the page being filled goes to the chunk's body */
int pq_writer_end_nulls(struct pq_writer *w, unsigned col);         /* so do nulls that were held back */
int pq_writer_dict_page(struct pq_writer *w, unsigned col, struct buf *out);
int pq_writer_no_memory(void);
int pq_writer_foot(struct pq_writer *w);
int pq_writer_put(struct pq_writer *w, const struct buf *b);
void pq_bound_join(const struct pq_col *c, struct bound *all, const struct bound *b);
int pq_bound_of_page(struct pq_writer *w, unsigned col, struct bound *ret);
