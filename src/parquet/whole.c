/* whole.c - a file by its path, and every page of it in turn. */
#include "parquet/reader.h"

#include <fcntl.h>
#include <unistd.h>

#include "sys/sys.h"

int pq_open(const char *path, const struct pq_col *cols, unsigned n_cols, struct pq_file *ret)
{
	struct pq_file f = { .cols = cols };
	int64_t size = 0;
	int r = file_open(path, O_RDONLY, 0, &f.fd);

	if (r < 0)
		return r;
	arena_init(&f.arena, &sys_heap, 0);
	r = file_size(path, &size);
	f.size = (uint64_t) size;
	if (r == 0)
		r = pq_read_layout(f.fd, f.size, cols, n_cols, &f.arena, &f.layout);
	if (r < 0)
		pq_close(&f);
	else
		*ret = f;
	return r;
}

void pq_close(struct pq_file *f)
{
	close(f->fd);
	arena_done(&f->arena);
}

static int each_of_chunk(const struct pq_file *f, struct pq_scratch *s, struct pq_visit *at, pq_page_fn *on_page, void *ctx)
{
	const struct pq_chunk *k = &at->group->chunk[at->col];
	const struct pq_col *col = &f->cols[at->col];
	struct pq_values v = { 0 };
	struct pq_dict dict = { 0 };
	int r = k->dict_size ? pq_read_dict(s, f->fd, col, k, &dict) : 0;

	for (uint32_t i = 0; r == 0 && i < k->n_pages; i++) {
		at->page = &k->page[i];
		at->row = at->group->first_row + at->page->first_row;
		r = pq_read_page(s, f->fd, col, at->page, k->dict_size ? &dict : NULL, &v);
		if (r == 0 && on_page)
			r = on_page(ctx, at, &v);
	}
	pq_values_done(&v);
	pq_dict_done(&dict);
	return r;
}

int pq_each_page(const struct pq_file *f, pq_page_fn *on_page, void *ctx)
{
	_cleanup_(pq_scratch_freep) struct pq_scratch *s = NULL;
	int r = pq_scratch_new(&s);

	for (uint32_t g = 0; r == 0 && g < f->layout.n_groups; g++)
		for (unsigned col = 0; r == 0 && col < f->layout.n_cols; col++) {
			struct pq_visit at = { .col = col, .group = &f->layout.group[g] };

			r = each_of_chunk(f, s, &at, on_page, ctx);
		}
	return r;
}
