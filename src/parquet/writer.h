/*
 * writer.h - writes a Parquet file in one pass, with bounded memory.
 *
 * Columns are fed piece by piece; pq_write_rows() closes a piece of n rows, the same for every column. A page ends at 8,192 rows (or 1 MB of
 * text) in all columns at once, is encoded as the smallest of PLAIN, DELTA_BINARY_PACKED and RLE_DICTIONARY, and compressed
 * (zstd 1). Consecutive pages of nothing but nulls become one, so that an unused column costs some 40 bytes a row group. A row
 * group is held as compressed pages until it is full (131,072 rows, 16 MB), so that its dictionary pages, complete only then,
 * stand in front. Column and offset indexes, checksums, statistics and sorting columns are as parquet.thrift says.
 *
 * Thread: one at a time. Memory: about 1.5 MB plus the row group, ended by pq_writer_free().
 */
#pragma once

#include "base/buf.h"
#include "parquet/format.h"

struct pq_writer;

struct pq_writer_config {                     /* what it points to must live as long as the writer */
	const struct pq_col *cols;
	unsigned n_cols;
	unsigned n_sorted;              /* the first columns the rows are sorted by, ascending */
	const char *created_by;
	const char *const *meta;        /* key, value, key, value, NULL; may be NULL */
	int fd;                         /* borrowed, at offset 0 of an empty file */
	unsigned page_rows;             /* 0: PQ_PAGE_ROWS */
	int level;                      /* of zstd; 0: 1 */
	int level_large;                /* the same for pages of more than 6 KB of numbers; 0: like the others */
	bool quick;                     /* whole numbers as deltas, without a look at what else would be smaller: for files that are soon merged */
};

int pq_writer_new(struct pq_writer **ret, const struct pq_writer_config *config);
struct pq_writer *pq_writer_free(struct pq_writer *w);
DEFINE_CLEANUP(struct pq_writer *, pq_writer_free)

uint32_t pq_writer_room(const struct pq_writer *w);         /* rows that still fit into the current page; at least 1. Feed at most as many */
/* Values of the current piece. INT32 and FLOAT take their 32 bits sign- or zero-extended; present NULL: all are. */
void pq_write_values(struct pq_writer *w, unsigned col, const uint64_t *bits, const uint8_t *present, uint32_t n);
void pq_write_const(struct pq_writer *w, unsigned col, uint64_t bits, uint32_t n);
void pq_write_nulls(struct pq_writer *w, unsigned col, uint32_t n);
void pq_write_text(struct pq_writer *w, unsigned col, const void *bytes, uint32_t len);            /* one row */
int pq_write_rows(struct pq_writer *w, uint32_t n);        /* ends the piece; < 0: the file is spoiled, free the writer */
int pq_writer_finish(struct pq_writer *w);                  /* last page, row group, indexes and footer; does not sync */

uint64_t pq_writer_total_rows(const struct pq_writer *w);
uint64_t pq_writer_total_bytes(const struct pq_writer *w);          /* written */
uint64_t pq_writer_held_bytes(const struct pq_writer *w);           /* of whole pages that wait for the end of their row group */
/* For the side index; after pq_writer_finish(), borrowed until pq_writer_free(). */
int pq_writer_layout(struct pq_writer *w, struct pq_layout *ret);
