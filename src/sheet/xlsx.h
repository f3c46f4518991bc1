/*
 * xlsx.h - inside sheet: the first worksheet that is shown of an Office Open XML workbook (ECMA-376, part 1, 18.3), as CSV.
 *
 * Every row of the sheet is a line, empty ones too, so that line n is row n (struct csv: by_row). Texts come as they are, leading zeros
 * kept; numbers as their shortest text; dates, told by their format, as 2026-01-31 or 2026-01-31T08:00:00; true and false; merged cells
 * all hold the value of the first. A formula's stored value is taken; formulas are never evaluated. What lies outside of the file
 * (external links, pictures, macros) is not looked at. XML with a document type is refused: entities cannot expand.
 *
 * Made for hostile files: bytes in, bytes out, every size bounded. Runs in a confined process (reader.c).
 *
 * Thread: one. Memory: the heap, at most about twice the limits below.
 */
#pragma once

#include "sheet/sheet.h"

enum {
	XLSX_UNPACKED_MAX = 512 << 20,  /* all parts that are read */
	XLSX_TEXTS_MAX = 96 << 20,      /* bytes of the shared strings */
	XLSX_OUT_MAX = 96 << 20,        /* of the CSV */
	XLSX_ROWS_MAX = 1 << 20, XLSX_COLUMNS_MAX = 256, XLSX_CELL_MAX = 32 << 10, XLSX_MERGES_MAX = 1024,
};

/* Appends to *out. -ERR_BAD_FILE: no workbook, damaged; a bomb, entities; -ERR_LIMIT, -ERR_TOO_LARGE. */
int xlsx_to_csv(const void *bytes, size_t len, struct buf *out, struct sheet_notes *ret);
