/*
 * check_file.h - one file of samples looked at from end to end: which of its rows can be read, and whether they are what they should be.
 *
 * Thread: one. Memory: the places of its pages, one page of each column.
 */
#pragma once

#include "tsdb/file_impl.h"

struct bad_rows { uint64_t first, end; };               /* not to be read, by order and apart from each other */

struct check_file {
	struct file file;               /* as scan_over() wants it: fd, layout; no pool has it */
	struct arena arena;
	struct pq_scratch *scratch;
	const char *index_path;
	bool from_index;                /* its footer is lost: its places are those of the side index */
	bool index_is_good;             /* file.idx has its entries, too */
	struct bad_rows *bad;
	size_t n_bad, room;
	struct err why;                 /* of the first of them */
	/* Called with the bytes that were read; < 0 ends it. */
	int (*on_bytes)(void *ctx, uint64_t n);
	void *ctx;
};

/* path without suffix for both. info: what the manifest says. -ERR_MISSING: no such file; -ERR_CORRUPT: nobody knows where anything lies. */
int check_file_open(struct check_file *c, const char *base, const char *index_base, const struct file_info *info);
void check_file_close(struct check_file *c);
/* Every page of every column: bad[] says which rows have one that cannot be read. < 0: memory, cancelled. */
int check_file_pages(struct check_file *c);

/* Runs of rows that can be read, series by series, by order; type_of: V_F64 for what nobody knows. */
struct check_rows {
	uint8_t (*type_of)(void *ctx, uint32_t series);
	int (*on_run)(void *ctx, uint32_t series, uint64_t row, const struct span *s);
	void *ctx;
};
/* -ERR_CORRUPT: rows of a series do not ascend, or a value is none; these are added to bad[] and the rest is read. < 0 else: ended. */
int check_file_rows(struct check_file *c, const struct check_rows *to);

/* What the index of rows says of [first, end): how many series at most, the first of them, their times. */
struct check_reach { uint32_t series_min, series_max; int64_t from_ns, to_ns; uint64_t rows; };
void check_file_reach(const struct check_file *c, uint64_t first, uint64_t end, struct check_reach *add);
