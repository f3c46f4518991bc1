/*
 * noun_book.h - records as a workbook (sheet/sheet.h), for Excel, LibreOffice and WPS.
 *
 * Numbers are numbers. References are written as codes where a code says enough, else as ids; what is exported can be imported again
 * and changes nothing.
 *
 * Thread: workers. Memory: the result is in *out.
 */
#pragma once

#include "service/service.h"

/* The whole list, or q->limit records of it. only: these fields, NULL: all that are shown, and the id. */
int noun_book(struct scope *s, const struct noun_query *q, const char *const *only, struct buf *out);
/* Heads, an example row, choices to pick from, and a sheet that explains every column; in the scope's language. */
int noun_template(struct scope *s, const struct noun *n, struct buf *out);
/* The same as CSV with a byte order mark: heads and the example row. */
int noun_template_csv(struct scope *s, const struct noun *n, struct buf *out);
