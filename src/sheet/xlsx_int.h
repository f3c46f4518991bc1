/* xlsx_int.h - inside sheet: XML by elements, and what the parts of a workbook tell. */
#pragma once

#include <expat.h>

#include "sheet/xlsx.h"
#include "sheet/zip.h"

/* One part read by elements. Names without prefix. < 0 ends the reading. */
struct xml {
	int (*on_start)(void *ctx, const char *name, const char **attributes);
	int (*on_end)(void *ctx, const char *name);             /* may be NULL */
	int (*on_text)(void *ctx, const char *text, size_t n);  /* may be NULL */
	void *ctx;
};
enum { XML_DEPTH_MAX = 64 };
int xml_read(struct zip *z, const struct zip_part *p, const struct xml *x);
const char *xml_attribute(const char **attributes, const char *name);           /* NULL */

enum { DATE_FORMATS_MAX = 65536, SHEETS_MAX = 1024 };
struct workbook {
	struct zip zip;
	struct sheet_notes *notes;
	char sheet_id[80], sheet_path[ZIP_NAME_MAX], strings_path[ZIP_NAME_MAX], styles_path[ZIP_NAME_MAX];
	bool since_1904;
	struct buf texts;               /* shared strings, each ended by NUL */
	struct buf at;                  /* uint32_t: where each begins */
	struct buf is_date;             /* a byte a cell format: enum date_format */
};
enum date_format { NO_DATE, DATE_ONLY, DATE_TIME, TIME_ONLY };
int workbook_open(struct workbook *w, const void *bytes, size_t len, struct sheet_notes *notes);
void workbook_done(struct workbook *w);
int sheet_read(struct workbook *w, struct buf *out);            /* xlsx_sheet.c */
