/* sheet_read.c - series.parquet read back: is it whole, and how is a series called? */
#include "tsdb/sheet.h"

#include <fcntl.h>

#include "base/err.h"
#include "parquet/parquet.h"
#include "sys/sys.h"

struct reading { int fd; struct pq_scratch *scratch; const struct names_sheet_reader *to; uint32_t *number; };

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

static int read_chunk(struct reading *in, const struct pq_group *g, unsigned col)
{
	const struct pq_chunk *k = &g->chunk[col];
	struct pq_values v = { 0 };
	struct pq_dict dict = { 0 };
	int r = k->dict_size ? pq_read_dict(in->scratch, in->fd, &sheet_cols[col], k, &dict) : 0;

	for (uint32_t i = 0; r == 0 && i < k->n_pages; i++) {
		uint64_t row = g->first_row + k->page[i].first_row;

		r = pq_read_page(in->scratch, in->fd, &sheet_cols[col], &k->page[i], k->dict_size ? &dict : NULL, &v);
		for (uint32_t j = 0; r == 0 && col == COL_NUMBER && j < k->page[i].rows; j++)
			in->number[row + j] = pq_has(&v, j) ? (uint32_t) pq_number(&v, j) : 0;
		if (r == 0 && col != COL_NUMBER)
			r = tell(in, col, &v, row, k->page[i].rows);
	}
	pq_values_done(&v);
	pq_dict_done(&dict);
	return r;
}

static int read_all(struct reading *in, const struct pq_layout *l)
{
	int r = pq_scratch_new(&in->scratch);

	in->number = r == 0 ? sys_alloc_array((size_t) l->rows + 1, sizeof(*in->number)) : NULL;
	if (r == 0 && !in->number)
		r = err_fail(ERR_NO_MEMORY, "what", "series.parquet", NULL);
	for (uint32_t g = 0; r == 0 && g < l->n_groups; g++)
		for (unsigned col = 0; r == 0 && col < SHEET_COLS; col++)
			r = read_chunk(in, &l->group[g], col);
	return r;
}

int names_sheet_read(const char *path, const struct names_sheet_reader *to)
{
	_cleanup_close_ int fd = -1;
	struct reading in = { .to = to };
	struct pq_layout l;
	struct arena a;
	int64_t size = 0;
	int r = file_open(path, O_RDONLY, 0, &fd);

	if (r == 0)
		r = file_size(path, &size);
	if (r < 0)
		return r;
	in.fd = fd;
	arena_init(&a, &sys_heap, 0);
	r = pq_read_layout(fd, (uint64_t) size, sheet_cols, SHEET_COLS, &a, &l);
	if (r == 0)
		r = read_all(&in, &l);
	pq_scratch_free(in.scratch);
	sys_free(in.number);
	arena_done(&a);
	return r;
}

/* --- Pages of any file */

static int read_pages(int fd, struct pq_scratch *scratch, const struct pq_col *col, const struct pq_chunk *k)
{
	struct pq_values v = { 0 };
	struct pq_dict dict = { 0 };
	int r = k->dict_size ? pq_read_dict(scratch, fd, col, k, &dict) : 0;

	for (uint32_t i = 0; r == 0 && i < k->n_pages; i++)
		r = pq_read_page(scratch, fd, col, &k->page[i], k->dict_size ? &dict : NULL, &v);
	pq_values_done(&v);
	pq_dict_done(&dict);
	return r;
}

int pages_read(const char *path, const struct pq_col *cols, unsigned n_cols)
{
	_cleanup_(pq_scratch_freep) struct pq_scratch *scratch = NULL;
	_cleanup_close_ int fd = -1;
	struct pq_layout l = { 0 };
	struct arena a;
	int64_t size = 0;
	int r = file_open(path, O_RDONLY, 0, &fd);

	if (r == 0)
		r = file_size(path, &size);
	if (r == 0)
		r = pq_scratch_new(&scratch);
	if (r < 0)
		return r;
	arena_init(&a, &sys_heap, 0);
	r = pq_read_layout(fd, (uint64_t) size, cols, n_cols, &a, &l);
	for (uint32_t g = 0; r == 0 && g < l.n_groups; g++)
		for (unsigned col = 0; r == 0 && col < n_cols; col++)
			r = read_pages(fd, scratch, &cols[col], &l.group[g].chunk[col]);
	arena_done(&a);
	return r;
}
