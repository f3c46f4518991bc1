/*
 * idx.h - the side index of a file of samples: for each series its rows and figures, and the place of every page.
 *
 * NAME.idx beside NAME.parquet, little-endian: a header {"TNIX", version, file size, rows, counts, CRC-32 of the rest}, then entries
 * of 128 bytes by series, chunks, pages of 40 bytes. It is mapped, not read. It holds nothing the file itself does not: lost, torn, or of
 * another version, it is made again from the file.
 *
 * Thread: a builder belongs to one thread; an open index is read by all. Memory: the mapping and a small table of row groups.
 */
#pragma once

#include "base/arena.h"
#include "parquet/parquet.h"
#include "tsdb/span.h"

/* The columns of a file of samples: README.md, "Files". The order is that of the files for ever. */
enum sample_col { COL_SERIES, COL_TS, COL_NS, COL_LAG, COL_M, COL_E, COL_F, COL_D, COL_S, COL_Q, SAMPLE_COLS };
extern const struct pq_col sample_cols[SAMPLE_COLS];

enum idx_last { IDX_LAST_NONE, IDX_LAST_BITS, IDX_LAST_IN_FILE };        /* a sample without value; its bits; a text */

struct idx_entry {
	uint32_t series;
	uint8_t type, last_kind, zero_[2];
	uint64_t first_row, n;
	int64_t t_min, t_max;
	uint64_t n_good, n_used;        /* samples of Good quality; those with a value, neither Bad nor NaN, of which: */
	double min, max, sum;           /* min and max NaN when there are none; of texts, too */
	uint64_t last_bits;
	uint32_t last_q, worst_q;
	/* Of numbers, and of use when n_used is n: */
	uint64_t first_bits;
	int64_t min_ns, max_ns;         /* the first time of each */
	double held;                    /* each value times the ns until the next one */
};
_Static_assert(sizeof(struct idx_entry) == 128, "lies so in the side index");

struct idx_builder { struct idx_entry *entry; size_t n, room; double carry, held_carry, last; int64_t last_ns; };

int idx_add(struct idx_builder *b, uint32_t series, const struct span *s);      /* series and times ascend */
void idx_builder_close(struct idx_builder *b);          /* the last series is complete; once, before its entry is looked at */
/* A series whose rows are not samples: n of them, the rest as it is said; first_row is found. */
int idx_add_rows(struct idx_builder *b, const struct idx_entry *e);
void idx_builder_done(struct idx_builder *b);
/* Makes path anew (not synced: it can be made again). */
int idx_write(const char *path, struct idx_builder *b, const struct pq_layout *l, uint64_t parquet_size);

struct idx {
	void *map;
	size_t map_size;
	const struct idx_entry *entry;
	uint32_t n;
	struct pq_layout layout;        /* pages lie in the mapping, groups in the arena */
	struct arena arena;
};

/* -ERR_MISSING, -ERR_CORRUPT, -ERR_NEWER: make it again. */
int idx_open(const char *path, uint64_t parquet_size, struct idx *ret);
int idx_open_cols(const char *path, uint64_t parquet_size, uint32_t n_cols, struct idx *ret);    /* of a file of other columns than samples */
void idx_close(struct idx *x);
const struct idx_entry *idx_find(const struct idx *x, uint32_t series);        /* NULL when there is none */
