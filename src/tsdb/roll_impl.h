/* roll_impl.h - what the files that read rows of figures share. */
#pragma once

#include "tsdb/file_impl.h"
#include "tsdb/roll.h"

struct roll_scan {
	struct file *f;
	struct pq_scratch *scratch;
	const struct idx *idx;
	bool attached;
	struct pq_column col[ROLL_COLS];
	struct stretch { uint64_t from, to; } none[ROLL_COLS];  /* rows of which it is known that the column has nothing to say */
};

struct reading { struct roll_scan *c; const struct idx_entry *e; struct rolls *to; struct pq_view period, exponent; };

/* What one page has of the column from `row` on; *n is lowered to it. */
int roll_part_of(struct roll_scan *c, unsigned col, uint64_t row, uint32_t *n, struct pq_view *ret);
/* All rows: borrowed from the page where one holds them all, a run where they are one, else put together in slot `slot`. */
int roll_column(const struct reading *k, unsigned col, unsigned slot, struct pq_view *ret);
/* Equal values are a run, also where the page could not say so. */
void roll_make_run(struct pq_view *g, uint32_t n);
/* roll_steady.c. 1: done; 0: it is not so. */
int roll_read_steady(const struct reading *k);
