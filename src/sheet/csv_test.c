/* csv_test.c - RFC 4180, section 2: its six rules are the first tests; what people's programs make of them follows. */

#include "tap.h"

#include "base/cell.h"
#include "sheet/sheet.h"
#include "sys/sys.h"

static struct arena arena;
static struct csv csv;
static struct csv_row row;

static int open_text(const char *text)
{
	arena_done(&arena);
	arena_init(&arena, &sys_heap, 1 << 20);
	return csv_open(&csv, text, strlen(text));
}

static int next(void) { return csv_next(&csv, &arena, &row); }

TEST(lines_end_with_crlf_and_the_last_may_lack_it)              /* rules 1 and 2 */
{
	is_int(open_text("aaa,bbb,ccc\r\nzzz,yyy,xxx"), 0);
	must(next() == 1);
	is_int(row.n, 3);
	is_str(row.cells[2], "ccc");
	must(next() == 1);
	is_int(row.line, 2);
	is_str(row.cells[0], "zzz");
	is_int(next(), 0);
}

TEST(spaces_are_part_of_a_cell)                                 /* rule 4 */
{
	is_int(open_text("a , b\n"), 0);
	must(next() == 1);
	is_str(row.cells[0], "a ");
	is_str(row.cells[1], " b");
}

TEST(quoted_cells_hold_line_breaks_commas_and_doubled_quotes)   /* rules 5, 6, 7 */
{
	is_int(open_text("\"aaa\",\"b\r\nbb\",\"c\"\"c,c\"\r\nzzz\r\n"), 0);
	must(next() == 1);
	is_int(row.n, 3);
	is_str(row.cells[1], "b\r\nbb");
	is_str(row.cells[2], "c\"c,c");
	must(next() == 1);
	is_int(row.line, 3);
	is_str(row.cells[0], "zzz");
}

TEST(a_byte_order_mark_is_passed_over)
{
	is_int(open_text("\xEF\xBB\xBF编码,名称\n"), 0);
	must(next() == 1);
	is_str(row.cells[0], "编码");
}

TEST(semicolons_and_tabs_separate_when_the_head_has_more_of_them)
{
	is_int(open_text("a;b;c,d\n1;2;3,5\n"), 0);
	must(next() == 1);
	is_int(row.n, 3);
	is_str(row.cells[2], "c,d");
	is_int(open_text("a\tb\n"), 0);
	must(next() == 1);
	is_int(row.n, 2);
}

TEST(empty_lines_count_as_lines_and_are_no_rows)
{
	is_int(open_text("a,b\n\n,\n1,2\n"), 0);
	must(next() == 1);
	must(next() == 1);
	is_int(row.line, 4);
	is_str(row.cells[1], "2");
	is_int(next(), 0);
}

TEST(a_trailing_separator_is_an_empty_cell)
{
	is_int(open_text("a,"), 0);
	must(next() == 1);
	is_int(row.n, 2);
	is_str(row.cells[1], "");
}

TEST(an_open_quote_is_named_with_line_and_column)
{
	is_int(open_text("a,b\n1,\"x"), 0);
	must(next() == 1);
	is_int(next(), -ERR_SYNTAX);
	is_str(err_arg(err_peek(), "line"), "2");
	err_clear();
}

TEST(text_behind_a_closing_quote_is_refused)
{
	is_int(open_text("\"a\"b,c\n"), 0);
	is_int(next(), -ERR_SYNTAX);
	is_str(err_arg(err_peek(), "column"), "4");
	err_clear();
}

TEST(bytes_that_are_no_utf8_are_named_by_place)
{
	is_int(open_text("ab\xC4\xE3"), -ERR_BAD_UTF8);         /* 你 in GBK */
	is_str(err_arg(err_peek(), "value"), "2");
	err_clear();
}

TEST(utf16_is_refused_by_name)
{
	is_int(open_text("\xFF\xFE" "a"), -ERR_UNSUPPORTED);
	err_clear();
}

TEST(too_many_columns_are_refused)
{
	char text[2 * CSV_COLUMNS_MAX + 8];

	memset(text, ',', sizeof(text));
	text[sizeof(text) - 1] = 0;
	is_int(open_text(text), 0);
	is_int(next(), -ERR_LIMIT);
	err_clear();
}

/* OWASP, CSV Injection: these beginnings make a formula. What is written and read again is the same, whatever it begins with. */
TEST(a_text_that_a_spreadsheet_would_run_goes_out_guarded_and_comes_back_as_it_was)
{
	static const char *const texts[][2] = {
		{ "=1+2", "'=1+2" }, { "+86", "'+86" }, { "-5", "'-5" }, { "@SUM(A1)", "'@SUM(A1)" }, { "\tx", "'\tx" },
		{ "=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"" },
		{ "'=x", "''=x" }, { "''-x", "'''-x" }, { "'x", "'x" }, { "x=1", "x=1" }, { "", "" }, { "'", "'" }, { " =x", "\" =x\"" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct buf b = BUF_INIT(&sys_heap, 1000);
		buf_add(&b, "a,");
		cell_text(&b, texts[i][0], strlen(texts[i][0]));
		is_str(b.data + 2, texts[i][1]);
		is_int(open_text(b.data), 0);
		must(next() == 1);
		is_str(row.cells[1], texts[i][0]);
		buf_done(&b);
	}
}
