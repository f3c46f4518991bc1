/*
 * sheet_write.h - records as a workbook (Office Open XML), for Excel, LibreOffice and WPS.
 *
 * Texts are written as texts, whatever they begin with: =1+1 stays =1+1 and is never calculated. Numbers are numbers. References are
 * written as codes where a code says enough, else as ids; what is exported can be imported again and changes nothing.
 *
 * Thread: workers. Memory: rows are written to temporary files as they come (libxlsxwriter, constant memory); the result is in *out.
 */
#pragma once

#include "service/service.h"

enum { SHEET_FILE_MAX = 64 << 20 };

/* The whole list, or q->limit records of it. only: these fields, NULL: all that are shown, and the id. */
int sheet_export(struct scope *s, const struct noun_query *q, const char *const *only, struct buf *out);
/* Heads, an example row, choices to pick from, and a sheet that explains every column; in the scope's language. */
int sheet_template(struct scope *s, const struct noun *n, struct buf *out);
/* The same as CSV with a byte order mark: heads and the example row. */
int sheet_template_csv(struct scope *s, const struct noun *n, struct buf *out);
