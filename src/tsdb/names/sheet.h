/*
 * sheet.h - series.parquet: what the numbers in the files of samples mean, for whoever reads these without us.
 *
 * Thread: any. Memory: a page of each column.
 */
#pragma once

#include "parquet/parquet.h"

enum { COL_NUMBER, COL_POINT, COL_PATH, COL_TYPE, COL_UNIT, SHEET_COLS };
extern const struct pq_col sheet_cols[SHEET_COLS];

/* Every page of it; on_row (may be NULL) hears of each series that has a path, which is borrowed and not ended by NUL; on_cell (may be NULL) of
 * each text of any column, column by column. -ERR_MISSING, -ERR_CORRUPT. */
struct names_sheet_reader {
	int (*on_row)(void *ctx, uint32_t series, const char *path, size_t len);
	void *ctx;
	int (*on_cell)(void *ctx, unsigned col, uint32_t series, const char *text, size_t len);
};
int names_sheet_read(const char *path, const struct names_sheet_reader *to);

/* Every page of every column of any Parquet file of ours, against its checksum and what it claims. The same failures. */
int pages_read(const char *path, const struct pq_col *cols, unsigned n_cols);
