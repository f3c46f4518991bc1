/*
 * csv.h - tables as text, read row by row: RFC 4180, with what people's programs make of it.
 *
 * Cells between commas, semicolons or tabs (the one the first line has most of), quoted where needed, a quote doubled inside quotes;
 * lines end with LF, CRLF or CR; a byte order mark of UTF-8 is passed over. Lines without any cell text are passed over.
 *
 * Thread: any. Memory: cells live in the arena.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

enum { CSV_COLUMNS_MAX = 256, CSV_CELL_MAX = 64 << 10 };

struct csv {
	const char *at, *end;
	char separator;
	bool by_row;                    /* lines inside quotes do not count: `line` is the row of a spreadsheet, blank ones counted */
	uint32_t line;
};
struct csv_row { char *cells[CSV_COLUMNS_MAX]; uint32_t n, line; };    /* line: of the file, from 1, where the row begins */

/* -ERR_BAD_UTF8 names the byte; -ERR_UNSUPPORTED: UTF-16. */
int csv_open(struct csv *c, const char *text, size_t len);
/* 1: a row; 0: the end; -ERR_SYNTAX with line and column; -ERR_LIMIT: too many columns, too long a cell. */
int csv_next(struct csv *c, struct arena *a, struct csv_row *ret);
