/* xlsx_sheet.c - the rows and cells of a worksheet, written as lines of CSV. */

#include <math.h>
#include <string.h>

#include "base/num.h"
#include "base/str.h"
#include "base/when.h"
#include "sheet/xlsx_int.h"
#include "sys/sys.h"

struct merge { uint32_t row, column, to_row, to_column; size_t at; uint32_t len; bool known; };

struct sheet {
	struct workbook *w;
	struct buf *out;
	struct merge *merges;
	uint32_t n_merges;
	struct buf kept;                /* values of merged cells */
	/* the row under way */
	uint32_t row, column;           /* the row written last; the column of the next cell, from 0 */
	struct buf cell[XLSX_COLUMNS_MAX];
	uint32_t n_cells;
	/* the cell under way */
	uint32_t at;
	char type[12];
	uint32_t style;
	struct buf value, text;
	bool in_value, in_text, has_formula, in_cell, in_row;
	unsigned phonetic;
};

/* "AB12" → column 27, row 12 (from 1; 0: none). False: no such reference. */
static bool parse_ref(const char **ref, uint32_t *column, uint32_t *row)
{
	uint32_t c = 0, n = 0;
	const char *p = *ref;

	for (; *p == '$'; p++)
		;
	for (; (*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z'); p++) {
		c = c * 26 + (uint32_t) (*p & 31);
		if (c > 1 << 20)
			return false;
	}
	for (; *p == '$'; p++)
		;
	for (; *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (uint32_t) (*p - '0');
		if (n > 100000000)
			return false;
	}
	*ref = p;
	*column = c - 1;
	*row = n;
	return c > 0;
}

/* ---- merged cells: they stand behind the cells, so the part is read twice ---- */

static int merge_start(void *ctx, const char *name, const char **a)
{
	struct sheet *s = ctx;
	const char *ref = xml_attribute(a, "ref");
	struct merge m = { 0 };

	if (!str_eq(name, "mergeCell") || !ref || s->n_merges == XLSX_MERGES_MAX)
		return 0;
	if (!parse_ref(&ref, &m.column, &m.row) || *ref++ != ':' || !parse_ref(&ref, &m.to_column, &m.to_row))
		return 0;
	m.to_column = MIN(m.to_column, (uint32_t) XLSX_COLUMNS_MAX - 1);
	m.to_row = MIN(m.to_row, (uint32_t) XLSX_ROWS_MAX);
	if (m.row && m.row <= m.to_row && m.column <= m.to_column)
		s->merges[s->n_merges++] = m;
	return 0;
}

static void keep_merged(struct sheet *s)
{
	for (uint32_t i = 0; i < s->n_merges; i++) {
		struct merge *m = &s->merges[i];
		const struct buf *from;
		if (m->row != s->row || m->known)
			continue;
		from = m->column < s->n_cells ? &s->cell[m->column] : NULL;
		m->known = true;
		m->at = s->kept.len;
		m->len = from ? (uint32_t) from->len : 0;
		if (m->len)
			buf_addn(&s->kept, from->data, from->len);
	}
}

/* The cells of row s->row that lie in a merged range. */
static void fill_merged(struct sheet *s)
{
	for (uint32_t i = 0; i < s->n_merges; i++) {
		const struct merge *m = &s->merges[i];
		if (!m->known || !m->len || s->row < m->row || s->row > m->to_row || s->kept.failed)
			continue;
		for (uint32_t c = m->column; c <= m->to_column; c++) {
			for (; s->n_cells <= c; s->n_cells++)
				buf_clear(&s->cell[s->n_cells]);
			if (!s->cell[c].len)
				buf_addn(&s->cell[c], s->kept.data + m->at, m->len);
		}
	}
}

/* ---- rows ---- */

static void write_cell(struct buf *out, const struct buf *cell)
{
	bool quote = false;

	for (size_t i = 0; i < cell->len && !quote; i++)
		quote = cell->data[i] == ',' || cell->data[i] == '"' || cell->data[i] == '\n' || cell->data[i] == '\r';
	if (!quote) {
		buf_addn(out, cell->data, cell->len);
		return;
	}
	buf_addc(out, '"');
	for (size_t i = 0; i < cell->len; i++) {
		if (cell->data[i] == '"')
			buf_addc(out, '"');
		buf_addc(out, cell->data[i]);
	}
	buf_addc(out, '"');
}

static int write_row(struct sheet *s)
{
	keep_merged(s);
	fill_merged(s);
	while (s->n_cells && !s->cell[s->n_cells - 1].len)
		s->n_cells--;
	for (uint32_t i = 0; i < s->n_cells; i++) {
		if (i)
			buf_addc(s->out, ',');
		if (s->cell[i].failed)
			return err_fail(ERR_LIMIT, "what", "@csv_cell", "max", "32768", NULL);
		write_cell(s->out, &s->cell[i]);
	}
	buf_addc(s->out, '\n');
	s->n_cells = 0;
	if (s->out->failed)
		return err_fail(ERR_LIMIT, "what", "@sheet_bytes", "max", "100663296", NULL);
	return 0;
}

/* Rows that are left out are empty, but for merged cells. */
static int go_to_row(struct sheet *s, uint32_t row)
{
	if (row > XLSX_ROWS_MAX)
		return err_fail(ERR_LIMIT, "what", "@sheet_rows", "max", "1048576", NULL);
	if (row <= s->row)
		return err_fail(ERR_BAD_FILE, "what", "@file", "detail", "@sheet_xml", NULL);
	while (++s->row < row) {
		int r = write_row(s);
		if (r < 0)
			return r;
	}
	s->column = 0;
	s->w->notes->rows++;
	return 0;
}

/* ---- cells ---- */

/* Days since 1900 as Excel counts them, with the leap day 1900 never had; or since 1904. */
static bool add_date(const struct sheet *s, double v, uint8_t kind, struct buf *out)
{
	int64_t seconds = (int64_t) floor(v * 86400 + 0.5), days = seconds / 86400, rest = seconds % 86400;
	char text[WHEN_TEXT_MAX];

	if (v < 0 || v > 2958466)       /* the year 9999 */
		return false;
	if (kind != TIME_ONLY || days) {
		int32_t since = s->w->since_1904 ? when_days(1904, 1, 1) + (int32_t) days
			: when_days(1899, 12, 30) + (int32_t) days + (days < 60);
		buf_addn(out, text, when_format_date(text, since));
	}
	if (kind == DATE_ONLY && rest == 0)
		return true;
	if (kind != TIME_ONLY || days)
		buf_addc(out, 'T');
	buf_addf(out, "%02d:%02d:%02d", (int) (rest / 3600), (int) (rest / 60 % 60), (int) (rest % 60));
	return true;
}

static void add_number(const struct sheet *s, struct buf *out)
{
	uint8_t kind = s->style < s->w->is_date.len ? (uint8_t) s->w->is_date.data[s->style] : NO_DATE;
	const char *text = s->value.data;
	char shown[NUM_TEXT_MAX];
	double v;

	if (!s->value.len || num_parse_f64(text, text + s->value.len, &v) != s->value.len) {
		buf_addn(out, text, s->value.len);
		return;
	}
	if (kind != NO_DATE && add_date(s, v, kind, out))
		return;
	/* 1.1000000000000001 is how a spreadsheet writes 1.1; whole numbers never as 1e+15. */
	if (v == floor(v) && fabs(v) < 1e15)
		buf_addn(out, shown, num_format_i64(shown, (int64_t) v));
	else
		buf_addn(out, shown, num_format_f64(shown, v));
}

static int add_shared(const struct sheet *s, struct buf *out)
{
	uint64_t n;
	uint32_t at;

	if (num_parse_u64(s->value.data, s->value.data + s->value.len, &n) != s->value.len || !s->value.len || n >= s->w->at.len / sizeof(at))
		return err_fail(ERR_BAD_FILE, "what", "@file", "detail", "@sheet_xml", NULL);
	memcpy(&at, s->w->at.data + n * sizeof(at), sizeof(at));
	if (at < s->w->texts.len)
		buf_add(out, s->w->texts.data + at);
	return 0;
}

/* "_x000D_" is how a carriage return is written (22.9.2.19). */
static void add_text(const char *text, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		if (n - i >= 7 && (!memcmp(text + i, "_x000D_", 7) || !memcmp(text + i, "_x000d_", 7))) {
			i += 6;
			continue;
		}
		buf_addc(out, text[i]);
	}
}

static int end_cell(struct sheet *s)
{
	struct buf *out;
	int r = 0;

	if (!s->value.len && !s->text.len)
		return 0;
	if (s->at >= XLSX_COLUMNS_MAX)
		return err_fail(ERR_LIMIT, "what", "@csv_columns", "max", "256", NULL);
	for (; s->n_cells <= s->at; s->n_cells++)
		buf_clear(&s->cell[s->n_cells]);
	out = &s->cell[s->at];
	buf_clear(out);
	if (s->value.failed || s->text.failed)
		return err_fail(ERR_LIMIT, "what", "@csv_cell", "max", "32768", NULL);
	s->w->notes->formulas += s->has_formula;
	if (str_eq(s->type, "s"))
		r = add_shared(s, out);
	else if (str_eq(s->type, "inlineStr"))
		add_text(s->text.data, s->text.len, out);
	else if (str_eq(s->type, "b"))
		buf_add(out, str_eq(s->value.data, "1") || str_eq(s->value.data, "true") ? "true" : "false");
	else if (str_eq(s->type, "str") || str_eq(s->type, "e") || str_eq(s->type, "d"))
		add_text(s->value.data, s->value.len, out);
	else
		add_number(s, out);
	return r;
}

static int start_cell(struct sheet *s, const char **a)
{
	const char *ref = xml_attribute(a, "r"), *type = xml_attribute(a, "t"), *style = xml_attribute(a, "s");
	uint32_t row;
	uint64_t n = 0;
	struct buf t = BUF_FIXED(s->type);

	s->type[0] = 0;
	buf_add(&t, type ? type : "n");
	s->at = s->column;
	if (ref && parse_ref(&ref, &s->at, &row) && s->at < s->column)
		return err_fail(ERR_BAD_FILE, "what", "@file", "detail", "@sheet_xml", NULL);
	s->column = s->at + 1;
	s->style = style && num_parse_u64(style, style + str_len(style), &n) && n < DATE_FORMATS_MAX ? (uint32_t) n : 0;
	s->has_formula = false;
	s->in_cell = true;
	s->phonetic = 0;
	buf_clear(&s->value);
	buf_clear(&s->text);
	return 0;
}

static int sheet_start(void *ctx, const char *name, const char **a)
{
	struct sheet *s = ctx;

	if (str_eq(name, "row") && !s->in_row) {
		const char *r = xml_attribute(a, "r");
		uint64_t n = 0;
		if (r && (num_parse_u64(r, r + str_len(r), &n) != str_len(r) || n > UINT32_MAX))
			n = UINT32_MAX;
		s->in_row = true;
		return go_to_row(s, r ? (uint32_t) n : s->row + 1);
	}
	if (str_eq(name, "c") && s->in_row && !s->in_cell)
		return start_cell(s, a);
	if (!s->in_cell)
		return 0;
	s->phonetic += str_eq(name, "rPh");
	s->has_formula |= str_eq(name, "f");
	s->in_value = str_eq(name, "v");
	s->in_text = str_eq(name, "t") && !s->phonetic;
	return 0;
}

static int sheet_end(void *ctx, const char *name)
{
	struct sheet *s = ctx;

	s->in_value = s->in_text = false;
	if (str_eq(name, "rPh") && s->phonetic)
		s->phonetic--;
	if (str_eq(name, "c") && s->in_cell) {
		s->in_cell = false;
		return end_cell(s);
	}
	if (str_eq(name, "row") && s->in_row) {
		s->in_row = false;
		return write_row(s);
	}
	return 0;
}

static int sheet_text(void *ctx, const char *text, size_t n)
{
	struct sheet *s = ctx;

	if (s->in_value)
		buf_addn(&s->value, text, n);
	else if (s->in_text)
		buf_addn(&s->text, text, n);
	return 0;
}

int sheet_read(struct workbook *w, struct buf *out)
{
	struct sheet *s = sys_new(struct sheet);
	struct zip_part p;
	int r = 0;

	if (!s)
		return err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
	*s = (struct sheet) { .w = w, .out = out, .merges = sys_alloc_array(XLSX_MERGES_MAX, sizeof(struct merge)),
		.kept = BUF_INIT(&sys_heap, 4 << 20), .value = BUF_INIT(&sys_heap, XLSX_CELL_MAX), .text = BUF_INIT(&sys_heap, XLSX_CELL_MAX) };
	for (unsigned i = 0; i < XLSX_COLUMNS_MAX; i++)
		s->cell[i] = BUF_INIT(&sys_heap, XLSX_CELL_MAX);
	if (!s->merges)
		r = err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
	if (r == 0 && !zip_find(&w->zip, w->sheet_path, &p))
		r = err_fail(ERR_BAD_FILE, "what", "@file", "detail", "@sheet_no_sheet", NULL);
	if (r == 0)
		r = xml_read(&w->zip, &p, &(struct xml) { merge_start, NULL, NULL, s });
	if (r == 0)
		r = xml_read(&w->zip, &p, &(struct xml) { sheet_start, sheet_end, sheet_text, s });
	for (unsigned i = 0; i < XLSX_COLUMNS_MAX; i++)
		buf_done(&s->cell[i]);
	buf_done(&s->kept);
	buf_done(&s->value);
	buf_done(&s->text);
	sys_free(s->merges);
	sys_free(s);
	return r;
}
