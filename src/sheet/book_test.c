/* book_test.c - what is written is read again by the reader of strangers' workbooks; other programs read it in test/e2e/test_sheets.py. */

#include "tap.h"

#include <string.h>

#include "base/str.h"
#include "sheet/sheet.h"
#include "sheet/xlsx.h"
#include "sys/sys.h"

static struct buf file, csv;
static struct sheet_notes notes;

static struct book *begin(void)
{
	struct book *b = NULL;

	file = BUF_INIT(&sys_heap, SHEET_FILE_MAX);
	csv = BUF_INIT(&sys_heap, XLSX_OUT_MAX);
	is_int(book_new(&b), 0);
	return b;
}

static void end(struct book *b)
{
	is_int(book_end(b, &file), 0);
	is_int(xlsx_to_csv(file.data, file.len, &csv, &notes), 0);
	book_free(b);
}

static void done(void)
{
	buf_done(&file);
	buf_done(&csv);
}

TEST(texts_numbers_and_times_come_back_as_they_went)
{
	struct book *b = begin();

	book_sheet(b, "趋势");
	book_text(b, 0, 0, "时间", BOOK_HEAD);
	book_text(b, 0, 1, "=1+1", BOOK_HEAD);
	/* date -u -d '2026-01-31 08:00:00' +%s: 1769846400 */
	book_time(b, 1, 0, 1769846400000000000);
	book_number(b, 1, 1, 0.1);
	book_exact(b, 1, 2, 0.30000000000000004);      /* IEEE 754: 0.1 + 0.2, needs 17 digits */
	book_text(b, 2, 1, "007", BOOK_PLAIN);
	end(b);
	is_str(notes.sheet, "趋势");
	ok(strstr(csv.data, "2026-01-31T08:00:00") != NULL);
	ok(strstr(csv.data, ",0.1,0.30000000000000004\n") != NULL);
	ok(strstr(csv.data, "007") != NULL);
	ok(strstr(csv.data, "=1+1") != NULL);
	done();
}

TEST(a_worksheets_name_is_one_that_every_program_takes)
{
	struct book *b = begin();

	/* ECMA-376 18.2.19 with what Excel refuses: at most 31 characters, none of []:*?/\ */
	book_sheet(b, "泵站/1号:温度*压力?[流量]一二三四五六七八九十一二三四五六七八九十");
	book_text(b, 0, 0, "a", BOOK_PLAIN);
	end(b);
	is_str(notes.sheet, "泵站_1号_温度_压力__流量_一二三四五六七八九十一二三四五");
	done();
}

TEST(a_cell_beyond_the_limits_is_refused_and_so_is_the_file)
{
	struct book *b = begin();
	char *text = sys_alloc(BOOK_CELL_MAX + 2);

	memset(text, 'a', BOOK_CELL_MAX + 1);
	text[BOOK_CELL_MAX + 1] = 0;
	book_sheet(b, "a");
	is_int(book_text(b, 0, 0, text, BOOK_PLAIN), -ERR_LIMIT);
	is_int(book_end(b, &file), -ERR_LIMIT);
	book_free(b);
	b = begin();
	book_sheet(b, "a");
	is_int(book_number(b, BOOK_ROWS_MAX, 0, 1), -ERR_LIMIT);
	book_free(b);
	err_clear();
	sys_free(text);
	done();
}

TEST(a_book_that_nobody_ends_leaves_nothing_behind)
{
	struct book *b = begin();

	book_sheet(b, "a");
	book_text(b, 0, 0, "a", BOOK_PLAIN);
	ok(book_free(b) == NULL);
	done();
}
