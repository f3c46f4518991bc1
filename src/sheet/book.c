/* book.c - a workbook under way, in a file without a name; libxlsxwriter writes the format. */

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <xlsxwriter.h>

#include "base/str.h"
#include "sheet/sheet.h"
#include "sys/sys.h"

enum { CHOICE_ROWS = 5000, CHOICES_MAX = 64, CHOICES_BYTES = 255, NAME_MAX_CHARS = 31 };
#define NS_DAY 86400000000000

struct book {
	int fd, r;
	char path[40];
	lxw_workbook *book;
	lxw_worksheet *sheet;
	lxw_format *styles[BOOK_TIME + 1];
};

static int failed(struct book *b, lxw_error e)
{
	if (e != LXW_NO_ERROR && b->r >= 0)
		b->r = err_fail(e == LXW_ERROR_MEMORY_MALLOC_FAILED ? ERR_NO_MEMORY : ERR_IO, "what", "@file", "detail", lxw_strerror(e), NULL);
	return b->r;
}

static int no_memory(struct book *b)
{
	if (b->r >= 0)
		b->r = err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
	return b->r;
}

static int make_styles(struct book *b)
{
	for (unsigned i = BOOK_HEAD; i <= BOOK_TIME; i++) {
		b->styles[i] = workbook_add_format(b->book);
		if (!b->styles[i])
			return no_memory(b);
	}
	format_set_bold(b->styles[BOOK_HEAD]);
	format_set_bg_color(b->styles[BOOK_HEAD], 0xE8EEF4);
	format_set_bold(b->styles[BOOK_REQUIRED]);
	format_set_bg_color(b->styles[BOOK_REQUIRED], 0xFFE2B8);
	format_set_num_format(b->styles[BOOK_TIME], "yyyy-mm-dd hh:mm:ss.000");
	return 0;
}

int book_new(struct book **ret)
{
	lxw_workbook_options options = { .constant_memory = LXW_TRUE };
	struct book *b = sys_new(struct book);
	struct buf path;
	int r;

	if (!b)
		return err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
	b->fd = memfd_create("workbook", MFD_CLOEXEC);
	if (b->fd < 0) {
		r = sys_fail(errno, "make room for", "a workbook");
		book_free(b);
		return r;
	}
	path = BUF_FIXED(b->path);
	buf_addf(&path, "/proc/self/fd/%d", b->fd);
	b->book = workbook_new_opt(b->path, &options);
	r = b->book ? make_styles(b) : no_memory(b);
	if (r < 0) {
		book_free(b);
		return r;
	}
	*ret = b;
	return 0;
}

struct book *book_free(struct book *b)
{
	if (!b)
		return NULL;
	if (b->book)
		workbook_close(b->book);
	if (b->fd >= 0)
		sys.close(b->fd);
	return sys_free(b);
}

int book_sheet(struct book *b, const char *name)
{
	char text[NAME_MAX_CHARS * 4 + 1];
	struct buf t = BUF_FIXED(text);

	for (size_t chars = 0; *name && chars < NAME_MAX_CHARS; chars++) {
		size_t n = 1;
		while (((uint8_t) name[n] & 0xC0) == 0x80)
			n++;
		buf_addn(&t, strchr("[]:*?/\\'", *name) ? "_" : name, n);
		name += n;
	}
	if (b->r < 0)
		return b->r;
	b->sheet = workbook_add_worksheet(b->book, t.len ? text : NULL);
	return b->sheet ? 0 : no_memory(b);
}

int book_widths(struct book *b, uint32_t first, uint32_t last, double characters)
{
	return b->r < 0 ? b->r : failed(b, worksheet_set_column(b->sheet, (lxw_col_t) first, (lxw_col_t) last, characters, NULL));
}

int book_freeze(struct book *b, uint32_t rows)
{
	if (b->r >= 0)
		worksheet_freeze_panes(b->sheet, rows, 0);
	return b->r;
}

int book_choices(struct book *b, uint32_t column, const char *const *words)
{
	lxw_data_validation v = { .validate = LXW_VALIDATION_TYPE_LIST, .value_list = (char **) (uintptr_t) words, .error_type = LXW_VALIDATION_ERROR_TYPE_WARNING };
	size_t n = 0, bytes = 0;

	for (; words[n]; n++)
		bytes += str_len(words[n]) + 1;
	if (b->r < 0 || !n || n > CHOICES_MAX || bytes > CHOICES_BYTES)
		return b->r;
	return failed(b, worksheet_data_validation_range(b->sheet, 1, (lxw_col_t) column, CHOICE_ROWS, (lxw_col_t) column, &v));
}

static bool has_room(struct book *b, uint32_t row, uint32_t column)
{
	if (b->r >= 0 && row >= BOOK_ROWS_MAX)
		b->r = err_fail(ERR_LIMIT, "what", "@sheet_rows", "max", "1048576", NULL);
	if (b->r >= 0 && column >= BOOK_COLUMNS_MAX)
		b->r = err_fail(ERR_LIMIT, "what", "@csv_columns", "max", "16384", NULL);
	return b->r >= 0;
}

int book_text(struct book *b, uint32_t row, uint32_t column, const char *text, enum book_style style)
{
	if (!has_room(b, row, column) || !*text)
		return b->r;
	if (utf8_count(text, str_len(text)) > BOOK_CELL_MAX)
		return b->r = err_fail(ERR_LIMIT, "what", "@csv_cell", "max", "32767", NULL);
	return failed(b, worksheet_write_string(b->sheet, row, (lxw_col_t) column, text, b->styles[style]));
}

int book_number(struct book *b, uint32_t row, uint32_t column, double v)
{
	char text[40];

	if (!has_room(b, row, column))
		return b->r;
	if (isfinite(v))
		return failed(b, worksheet_write_number(b->sheet, row, (lxw_col_t) column, v, NULL));
	snprintf(text, sizeof(text), "%g", v);
	return book_text(b, row, column, text, BOOK_PLAIN);
}

int book_exact(struct book *b, uint32_t row, uint32_t column, double v)
{
	char text[40];

	snprintf(text, sizeof(text), "%.16G", v);       /* as libxlsxwriter writes it */
	if (!isfinite(v) || strtod(text, NULL) == v)
		return book_number(b, row, column, v);
	snprintf(text, sizeof(text), "%.17g", v);
	return book_text(b, row, column, text, BOOK_PLAIN);
}

int book_time(struct book *b, uint32_t row, uint32_t column, int64_t clock_ns)
{
	/* Days since 1899-12-30; 1970-01-01 is 25569. Milliseconds are what is shown, and what a double still holds exactly enough. */
	double days = (double) (clock_ns / 1000000) / (NS_DAY / 1000000.0) + 25569;

	if (!has_room(b, row, column))
		return b->r;
	return failed(b, worksheet_write_number(b->sheet, row, (lxw_col_t) column, days, b->styles[BOOK_TIME]));
}

int book_end(struct book *b, struct buf *out)
{
	lxw_error e = workbook_close(b->book);
	struct stat st = { .st_size = 0 };

	b->book = NULL;
	if (failed(b, e) < 0)
		return b->r;
	if (fstat(b->fd, &st) < 0)
		b->r = sys_fail(errno, "read", "a workbook");
	else if (st.st_size > SHEET_FILE_MAX || !buf_reserve(out, (size_t) st.st_size + 1))
		b->r = err_fail(ERR_TOO_LARGE, "what", "@file", "max", "67108864", NULL);
	else
		b->r = file_pread_all(b->fd, out->data + out->len, (size_t) st.st_size, 0);
	if (b->r < 0)
		return b->r;
	out->len += (size_t) st.st_size;
	out->data[out->len] = 0;
	b->r = -ERR_BROKEN;     /* it takes no more */
	return 0;
}
