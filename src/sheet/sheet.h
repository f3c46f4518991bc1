/*
 * sheet.h - tables of cells as files of other programs: CSV and workbooks (Office Open XML), in and out.
 *
 * In, everything becomes text in UTF-8 and is read row by row. Text comes as UTF-8 with or without byte order mark, UTF-16 with one,
 * or GB18030 (GBK, GB2312: what Chinese Excel calls CSV). Which it is, is found out: what is well-formed UTF-8 is UTF-8; what is
 * damaged UTF-8 is refused, and not read as Chinese. Workbooks are read where they can do no harm: every file gets a process of its
 * own, our binary in the role "sheet", which may open nothing, connect to nothing and start nothing (io/child.h), with limits on
 * memory and time. It is given two descriptors, the file and an empty one for the CSV, and ends with one message. What it says is
 * not trusted either: the CSV is read like anybody's.
 *
 * Out, texts are written as texts, whatever they begin with: =1+1 stays =1+1 and is never calculated.
 *
 * Thread: any that may block; sheets_new() and sheets_free() on the loop. Memory: buffers and arenas of the caller.
 */
#pragma once

#include <stdatomic.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define SHEET_TYPE_XLSX "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

enum { SHEET_TEXT_MAX = 128 << 20, SHEET_FILE_MAX = 64 << 20 };

/* ---- whatever kind of file it is, as text ---- */

enum sheet_kind { SHEET_TEXT, SHEET_XLSX /* a ZIP */, SHEET_XLS /* the binary format before 2007 */ };
enum sheet_kind sheet_kind(const char *bytes, size_t len);

struct sheet_notes {                    /* what a workbook had besides the cells */
	char sheet[128];                /* the name of the worksheet taken, the first that is shown */
	uint32_t rows, sheets, hidden;  /* hidden: worksheets that are not shown, and were passed over */
	uint32_t formulas, links;       /* cells whose stored value was taken; references to other files, ignored */
};
struct sheet_text {
	const char *text;
	size_t len;
	const char *encoding;           /* a constant: "UTF-8", "UTF-16", "GB18030", "XLSX" */
	bool by_row;                    /* of a workbook: line n is row n (struct csv) */
	struct sheet_notes notes;       /* by_row only */
};
/* The text as UTF-8 without mark: in *out, or, when it is that already, inside the bytes. -ERR_BAD_UTF8 names the byte where it
 * ceases to be UTF-8; -ERR_UNSUPPORTED: none of these. */
int sheet_decode(const char *bytes, size_t len, struct buf *out, struct sheet_text *ret);

struct loop;
struct sheet_reader;
int sheets_new(struct loop *l, struct sheet_reader **ret);
struct sheet_reader *sheets_free(struct sheet_reader *s);       /* nobody reads any more */
/* A workbook's CSV, or a text decoded; *room holds it where it had to be made. ending: gives up when it becomes true; may be NULL.
 * s NULL (there is no loop: tools, tests) and a workbook: -ERR_UNSUPPORTED, and so is the old binary format. -ERR_TIMEOUT after a
 * minute; -ERR_BAD_FILE also when the process died of it. */
int sheet_table(struct sheet_reader *s, const atomic_bool *ending, const void *bytes, size_t len, struct buf *room, struct sheet_text *ret);
/* What `tenon --role=sheet` runs. Returns the exit code. */
int sheet_role(void);

/* ---- text, row by row ---- */

/* RFC 4180 with what people's programs make of it: cells between commas, semicolons or tabs (the one the first line has most of),
 * quoted where needed, a quote doubled inside quotes; lines end with LF, CRLF or CR; a byte order mark of UTF-8 is passed over. Lines
 * without any cell text are passed over. Cells live in the arena. */
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

/* ---- a workbook, written ---- */

/* Worksheets one behind the other, each from its first row down; rows go to temporary files as they come. What fails, fails every
 * call behind it: who only fills cells may look at book_end() alone. */
struct book;
enum book_style { BOOK_PLAIN, BOOK_HEAD, BOOK_REQUIRED /* a head that must be filled in */, BOOK_TIME };
enum { BOOK_ROWS_MAX = 1 << 20, BOOK_COLUMNS_MAX = 16384, BOOK_CELL_MAX = 32767 /* characters */ };

int book_new(struct book **ret);
struct book *book_free(struct book *b);
DEFINE_CLEANUP(struct book *, book_free)
/* The cells that follow are its. Signs a worksheet's name may not have become "_", a name that is too long is cut. */
int book_sheet(struct book *b, const char *name);
int book_widths(struct book *b, uint32_t first, uint32_t last, double characters);
int book_freeze(struct book *b, uint32_t rows);         /* these stay when the rest scrolls */
/* Words to pick from in the column's cells below the first (others are warned of); NULL-terminated; none when they are too many for a
 * cell's list (255 bytes). */
int book_choices(struct book *b, uint32_t column, const char *const *words);
/* "" writes nothing. -ERR_LIMIT: rows, columns, characters of a cell. */
int book_text(struct book *b, uint32_t row, uint32_t column, const char *text, enum book_style style);
/* With the 16 digits a workbook has; what is not finite goes as text. */
int book_number(struct book *b, uint32_t row, uint32_t column, double v);
/* The same, but a number that 16 digits do not bring back goes as text, so that it comes back as it was. */
int book_exact(struct book *b, uint32_t row, uint32_t column, double v);
/* A clock's reading, ns since 1970 as if it were UTC, shown to the millisecond: a workbook knows no time zones. */
int book_time(struct book *b, uint32_t row, uint32_t column, int64_t clock_ns);
/* The file, appended to *out. -ERR_TOO_LARGE beyond SHEET_FILE_MAX. The book takes no more. */
int book_end(struct book *b, struct buf *out);
