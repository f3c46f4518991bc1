/*
 * format.h - the words of Parquet (parquet.thrift, format 2.10) that writer and reader share.
 *
 * Thread: any. Memory: what holds pages of a layout is said by who makes it.
 */
#pragma once

#include "base/base.h"

enum pq_type { PQ_BOOLEAN, PQ_INT32, PQ_INT64, PQ_INT96, PQ_FLOAT, PQ_DOUBLE, PQ_BYTES, PQ_FIXED };
enum pq_encoding { PQ_PLAIN = 0, PQ_RLE = 3, PQ_DELTA = 5, PQ_RLE_DICTIONARY = 8 };
enum pq_codec { PQ_UNCOMPRESSED = 0, PQ_ZSTD = 6 };
enum pq_page_type { PQ_DATA_PAGE = 0, PQ_DICTIONARY_PAGE = 2 };
enum pq_kind { PQ_NO_KIND, PQ_MICROS_UTC, PQ_TEXT };    /* logical types */

struct pq_col {
	const char *name;
	uint8_t type, kind;             /* enum pq_type, pq_kind */
	bool optional;
	bool distinct;                  /* values hardly repeat: no dictionary is tried */
	bool unsought;                  /* nobody looks for its values: no column index where every page has some */
	bool ordered;                   /* whole numbers that ascend within a piece that is fed: its first and last are its bounds */
	bool steady;                    /* values are mostly equal, or steps between them: the reader gives runs where they are few */
	bool often;                     /* read more often than the others: a page is stored as it is where zstd saves less than a twelfth */
};

enum {
	PQ_PAGE_ROWS = 8192,
	PQ_PAGE_BYTES = 1 << 20,        /* a page of texts ends earlier */
	PQ_GROUP_ROWS = 131072,
	PQ_GROUP_BYTES = 16 << 20,      /* a row group of texts ends earlier: what the writer holds is bounded by it */
	PQ_DICT_ENTRIES = 4096,
	PQ_DICT_BYTES = 64 << 10,
	PQ_COLS_MAX = 32,
	PQ_BOUND_BYTES = 64,            /* longer texts are cut in statistics */
};

/* Bytes of one value of a fixed type, 0 for others. */
static inline unsigned pq_width(enum pq_type t) { return t == PQ_INT32 || t == PQ_FLOAT ? 4 : t == PQ_INT64 || t == PQ_DOUBLE ? 8 : 0; }

/* Where everything lies in a file. Rows of pages count from the start of their row group. */
struct pq_page {
	uint64_t offset;
	uint32_t size, first_row, rows; /* size: with its header */
	uint8_t all_null, zero_[3];
	int64_t lo, hi;                 /* least and greatest value of whole numbers */
};
_Static_assert(sizeof(struct pq_page) == 40, "lies so in the side index");
struct pq_chunk { const struct pq_page *page; uint32_t n_pages, dict_size; uint64_t dict_offset; };     /* dict_size 0: none */
struct pq_group { uint64_t first_row; uint32_t rows; struct pq_chunk chunk[PQ_COLS_MAX]; };
struct pq_layout { uint64_t rows; uint32_t n_groups, n_cols; const struct pq_group *group; };
