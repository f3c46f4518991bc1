/* column.c - columns row by row: which page a row is in, that page decoded once, what it says of the rows asked for. */
#include "parquet/reader.h"

#include <string.h>

uint32_t pq_group_of(const struct pq_layout *l, uint32_t hint, uint64_t row)
{
	uint32_t lo = 0, hi = l->n_groups;

	if (hint < hi && l->group[hint].first_row <= row && row < l->group[hint].first_row + l->group[hint].rows)
		return hint;
	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		*(l->group[mid].first_row <= row ? &lo : &hi) = mid;
	}
	return lo;
}

uint32_t pq_page_of(const struct pq_chunk *c, uint32_t hint, uint32_t row)
{
	uint32_t lo = 0, hi = c->n_pages;

	if (hint < hi && c->page[hint].first_row <= row && row - c->page[hint].first_row < c->page[hint].rows)
		return hint;
	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		*(c->page[mid].first_row <= row ? &lo : &hi) = mid;
	}
	return lo;
}

int pq_column_load(struct pq_column *c, struct pq_scratch *s, int fd, const struct pq_col *col, const struct pq_chunk *chunk, struct pq_at at)
{
	int r = 0;

	if (pq_column_has(c, at))
		return 0;
	c->loaded = false;
	if (chunk->dict_size && (!c->dict_loaded || c->dict_group != at.group)) {
		pq_dict_done(&c->dict);
		c->dict_loaded = false;
		r = pq_read_dict(s, fd, col, chunk, &c->dict);
		c->dict_loaded = r == 0;
		c->dict_group = at.group;
	}
	if (r == 0)
		r = pq_read_page(s, fd, col, &chunk->page[at.page], chunk->dict_size ? &c->dict : NULL, &c->values);
	if (r < 0)
		return r;
	c->loaded = true;
	c->group = at.group;
	c->page = at.page;
	return 0;
}

void pq_column_forget(struct pq_column *c)
{
	pq_dict_done(&c->dict);
	c->loaded = c->dict_loaded = false;
}

void pq_column_done(struct pq_column *c)
{
	pq_column_forget(c);
	pq_values_done(&c->values);
}

static struct pq_view run_view(const struct pq_values *v, uint32_t at, uint32_t *n)
{
	uint32_t i = v->n_runs - 1;

	while (v->run[i].first > at)
		i--;
	if (i + 1 < v->n_runs)
		*n = MIN(*n, v->run[i + 1].first - at);
	return (struct pq_view) { .run = true, .first = (int64_t) ((uint64_t) v->run[i].value + (at - v->run[i].first) * v->run[i].step), .step = v->run[i].step };
}

struct pq_view pq_column_view(const struct pq_column *c, uint32_t at, uint32_t *n)
{
	const struct pq_values *v = &c->values;
	struct pq_view nothing = { .null = true }, w;

	if (v->all_null || (!v->def && at >= v->to))
		return nothing;
	if (!v->def && at < v->from) {
		*n = MIN(*n, v->from - at);
		return nothing;
	}
	if (!v->def) {
		*n = MIN(*n, v->to - at);
		at -= v->from;
	}
	if (v->n_runs)
		return run_view(v, at, n);
	w = (struct pq_view) { .v = v->v ? v->v + at : NULL, .text = v->text ? v->text + at : NULL, .def = v->def ? v->def + at : NULL };
	/* A page holds many series: within this one's rows it is mostly all or nothing. */
	if (w.def && !memchr(w.def, 0, *n))
		w.def = NULL;
	else if (w.def && !memchr(w.def, 1, *n))
		return nothing;
	return w;
}
