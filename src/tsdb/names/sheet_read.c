/* sheet_read.c - series.parquet read back: is it whole, and how is a series called? */
#include "tsdb/names/sheet.h"

#include "base/err.h"
#include "parquet/parquet.h"
#include "sys/sys.h"

struct reading { const struct names_sheet_reader *to; uint32_t *number; };

/* A row that has a path has a number, which was read before. */
static int tell(const struct reading *in, unsigned col, const struct pq_values *v, uint64_t row, uint32_t rows)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < rows; i++) {
		const uint8_t *text = pq_has(v, i) ? v->text[pq_place(v, i)] : NULL;
		uint32_t len;

		if (!text)
			continue;
		memcpy(&len, text, sizeof(len));
		const char *chars = (const char *) text + sizeof(len);
		if (col == COL_PATH && in->to->on_row)
			r = in->to->on_row(in->to->ctx, in->number[row + i], chars, len);
		if (r == 0 && in->to->on_cell)
			r = in->to->on_cell(in->to->ctx, col, in->number[row + i], chars, len);
	}
	return r;
}

/* Numbers are the first column: they are known when the others come. */
static int take_page(void *ctx, const struct pq_visit *at, const struct pq_values *v)
{
	struct reading *in = ctx;

	if (at->col != COL_NUMBER)
		return tell(in, at->col, v, at->row, at->page->rows);
	for (uint32_t i = 0; i < at->page->rows; i++)
		in->number[at->row + i] = pq_has(v, i) ? (uint32_t) pq_number(v, i) : 0;
	return 0;
}

int names_sheet_read(const char *path, const struct names_sheet_reader *to)
{
	struct reading in = { .to = to };
	struct pq_file f;
	int r = pq_open(path, sheet_cols, SHEET_COLS, &f);

	if (r < 0)
		return r;
	in.number = sys_alloc_array((size_t) f.layout.rows + 1, sizeof(*in.number));
	r = in.number ? pq_each_page(&f, take_page, &in) : err_fail(ERR_NO_MEMORY, "what", "series.parquet", NULL);
	sys_free(in.number);
	pq_close(&f);
	return r;
}

int pages_read(const char *path, const struct pq_col *cols, unsigned n_cols)
{
	struct pq_file f;
	int r = pq_open(path, cols, n_cols, &f);

	if (r < 0)
		return r;
	r = pq_each_page(&f, NULL, NULL);
	pq_close(&f);
	return r;
}
