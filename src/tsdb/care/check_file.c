/* check_file.c - one file, page by page and then row by row. */
#include "tsdb/care/check_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#include "base/err.h"

static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "checking a file of samples", NULL); }
static int damaged(const char *detail) { return err_fail(ERR_CORRUPT, "what", "file of samples", "detail", detail, NULL); }
static bool is_of_content(int r) { return r == -ERR_CORRUPT || r == -ERR_IO; }

static bool name(char out[PATH_MAX], const char *base, const char *suffix)
{
	struct buf b = { .data = out, .room = PATH_MAX, .max = PATH_MAX };

	buf_addf(&b, "%s%s", base, suffix);
	return !b.failed;
}

/* --- Where everything lies */

/* The side index has a checksum, offset and column indexes have none: where both are there they say the same, or the footer is damaged. */
static bool same_places(const struct pq_layout *a, const struct pq_layout *b)
{
	if (a->rows != b->rows || a->n_groups != b->n_groups)
		return false;
	for (uint32_t g = 0; g < a->n_groups; g++)
		for (unsigned c = 0; c < SAMPLE_COLS; c++) {
			const struct pq_chunk *x = &a->group[g].chunk[c], *y = &b->group[g].chunk[c];
			bool bounds = c == COL_SERIES || c == COL_TS;

			if (a->group[g].rows != b->group[g].rows || x->n_pages != y->n_pages || x->dict_size != y->dict_size ||
					(x->dict_size && x->dict_offset != y->dict_offset))
				return false;
			for (uint32_t i = 0; i < x->n_pages; i++) {
				const struct pq_page *p = &x->page[i], *q = &y->page[i];

				/* A column whose pages have no bounds has no column index, so the footer does not say which are nulls. */
				if (p->offset != q->offset || p->size != q->size || p->first_row != q->first_row || p->rows != q->rows ||
						p->all_null > q->all_null || (bounds && (p->lo != q->lo || p->hi != q->hi)))
					return false;
			}
		}
	return true;
}

static int open_places(struct check_file *c, const struct file_info *info, uint64_t size)
{
	struct pq_layout foot = { 0 };
	int r = pq_read_layout(c->file.fd, size, sample_cols, SAMPLE_COLS, &c->arena, &foot);
	struct idx x;

	if (r < 0 && !is_of_content(r))
		return r;
	bool footer = r == 0;
	struct err why = err_take(r);
	r = idx_open(c->index_path, info->bytes, &x);
	c->index_is_good = r == 0;
	if (r < 0 && !is_of_content(r) && r != -ERR_MISSING && r != -ERR_NEWER)
		return r;
	err_clear();
	if (!footer && !c->index_is_good) {
		err_put(&why);
		return -(int) why.kind;
	}
	if (c->index_is_good)
		c->file.idx = x;
	c->from_index = !footer || (c->index_is_good && !same_places(&foot, &x.layout));
	if (!c->index_is_good)
		c->file.idx.layout = foot;
	return 0;
}

int check_file_open(struct check_file *c, const char *base, const char *index_base, const struct file_info *info)
{
	char path[PATH_MAX], index[PATH_MAX];
	int64_t size = 0;
	int fd = -1, r = pq_scratch_new(&c->scratch);

	arena_init(&c->arena, &sys_heap, 0);
	c->file.fd = -1;
	c->file.info = *info;
	if (r == 0 && (!name(path, base, ".parquet") || !name(index, index_base, ".idx")))
		r = sys_fail(ENAMETOOLONG, "open", base);
	if (r == 0)
		r = file_open(path, O_RDONLY, 0, &fd);
	c->file.fd = fd;
	if (r == 0)
		r = file_size(path, &size);
	if (r == 0 && !(c->index_path = arena_str(&c->arena, index)))
		r = no_memory();
	return r < 0 ? r : open_places(c, info, (uint64_t) size);
}

void check_file_close(struct check_file *c)
{
	if (c->index_is_good)
		idx_close(&c->file.idx);
	if (c->file.fd >= 0)
		sys.close(c->file.fd);
	c->file.fd = -1;
	pq_scratch_free(c->scratch);
	arena_done(&c->arena);
	sys_free(c->bad);
	*c = (struct check_file) { .file.fd = -1 };
}

/* --- Rows that cannot be read */

/* Kept by order and apart: what touches becomes one. */
static int add_bad(struct check_file *c, uint64_t first, uint64_t end)
{
	size_t at = 0, n;

	while (at < c->n_bad && c->bad[at].end < first)
		at++;
	for (n = 0; at + n < c->n_bad && c->bad[at + n].first <= end; n++) {
		first = MIN(first, c->bad[at + n].first);
		end = MAX(end, c->bad[at + n].end);
	}
	if (n == 0 && c->n_bad == c->room) {
		size_t room = MAX(c->room * 2, (size_t) 16);
		struct bad_rows *more = sys_resize(c->bad, room * sizeof(*more));

		if (!more)
			return no_memory();
		c->bad = more;
		c->room = room;
	}
	if (c->n_bad > at + n)
		memmove(c->bad + at + 1, c->bad + at + n, (c->n_bad - at - n) * sizeof(*c->bad));
	c->bad[at] = (struct bad_rows) { first, end };
	c->n_bad += 1 - n;
	return 0;
}

static int note(struct check_file *c, int r, uint64_t first, uint64_t end)
{
	struct err e = err_take(r);

	if (c->why.kind == ERR_NONE)
		c->why = e;
	return add_bad(c, first, end);
}

/* --- Pages */

static int bounds(const struct pq_page *p, const struct pq_values *v)
{
	for (uint32_t i = 0; i < p->rows; i++)
		if (pq_number(v, i) < p->lo || pq_number(v, i) > p->hi)
			return damaged("a page holds other values than its index says");
	return 0;
}

static int page(struct check_file *c, unsigned col, const struct pq_page *p, const struct pq_dict *dict, struct pq_values *v)
{
	int r = pq_read_page(c->scratch, c->file.fd, &sample_cols[col], p, dict, v);

	if (r == 0 && !v->all_null && p->all_null)
		r = damaged("a page holds other values than its index says");
	if (r == 0 && (col == COL_SERIES || col == COL_TS))
		r = v->all_null ? damaged("it has rows without series or time") : bounds(p, v);
	return r;
}

static int chunk(struct check_file *c, const struct pq_group *g, unsigned col)
{
	const struct pq_chunk *k = &g->chunk[col];
	struct pq_values v = { 0 };
	struct pq_dict dict = { 0 };
	uint64_t bytes = k->dict_size;
	int r = k->dict_size ? pq_read_dict(c->scratch, c->file.fd, &sample_cols[col], k, &dict) : 0;
	bool has_dict = k->dict_size && r == 0;

	/* Pages of values as they are need no dictionary. */
	if (is_of_content(r)) {
		if (c->why.kind == ERR_NONE)
			c->why = err_take(r);
		err_clear();
		r = 0;
	}
	for (uint32_t i = 0; r == 0 && i < k->n_pages; i++) {
		const struct pq_page *p = &k->page[i];

		r = page(c, col, p, has_dict ? &dict : NULL, &v);
		bytes += p->size;
		if (is_of_content(r))
			r = note(c, r, g->first_row + p->first_row, g->first_row + p->first_row + p->rows);
	}
	pq_values_done(&v);
	pq_dict_done(&dict);
	return r == 0 && c->on_bytes ? c->on_bytes(c->ctx, bytes) : r;
}

int check_file_pages(struct check_file *c)
{
	const struct pq_layout *l = &c->file.idx.layout;
	int r = 0;

	for (uint32_t g = 0; g < l->n_groups; g++)
		for (unsigned col = 0; col < SAMPLE_COLS && r == 0; col++)
			r = chunk(c, &l->group[g], col);
	return r;
}

/* --- Rows */

struct rows_at { uint32_t series; int64_t t; size_t bad; };

/* The first row at or behind `row` that can be read; *ret_end: where that ends. */
static uint64_t good_from(const struct check_file *c, struct rows_at *at, uint64_t row, uint64_t *ret_end)
{
	while (at->bad < c->n_bad && c->bad[at->bad].end <= row)
		at->bad++;
	if (at->bad < c->n_bad && c->bad[at->bad].first <= row)
		row = c->bad[at->bad++].end;
	*ret_end = at->bad < c->n_bad ? c->bad[at->bad].first : c->file.idx.layout.rows;
	return row;
}

/* One series' rows within a page; *ret_next: where to go on. */
static int run(struct check_file *c, struct scan *s, const struct check_rows *to, struct rows_at *at, uint64_t *row, uint64_t end)
{
	uint32_t series;
	uint64_t n = 1;
	struct span span;
	int r = scan_series(s, *row, &series, &n);

	n = MIN(n, end - *row);
	if (r == 0 && (series < at->series || series == 0))
		r = damaged("its series do not ascend");
	for (uint64_t done = 0; r == 0 && done < n; done += span.n) {
		r = scan_read(s, to->type_of(to->ctx, series), *row + done, *row + n, &span);
		if (r == 0 && series == at->series && span.t[0] <= at->t)
			r = damaged("its times do not ascend");
		if (r == 0)
			r = to->on_run(to->ctx, series, *row + done, &span);
		if (r < 0)
			break;
		at->series = series;
		at->t = span.t[span.n - 1];
	}
	if (is_of_content(r))
		r = note(c, r, *row, *row + n);
	*row += n;
	return r;
}

int check_file_rows(struct check_file *c, const struct check_rows *to)
{
	_cleanup_(scan_freep) struct scan *s = NULL;
	struct rows_at at = { 0 };
	size_t before = c->n_bad;
	uint64_t end = 0;
	int r = scan_over(&c->file, c->scratch, &s);

	if (r < 0)
		return r;
	scan_want_lag(s, true);
	for (uint64_t row = 0; r == 0 && (row = good_from(c, &at, row, &end)) < c->file.idx.layout.rows;)
		while (r == 0 && row < end) {
			r = run(c, s, to, &at, &row, end);
			/* Something new is bad: the places are counted anew. */
			if (c->n_bad != before) {
				before = c->n_bad;
				at.bad = 0;
				break;
			}
		}
	return r;
}

/* --- What rows are about */

/* Microseconds as the ns they begin with, within what can be said. */
static int64_t to_ns(int64_t us)
{
	int64_t ns;

	return __builtin_mul_overflow(us, 1000, &ns) ? us < 0 ? INT64_MIN : INT64_MAX : ns;
}

void check_file_reach(const struct check_file *c, uint64_t first, uint64_t end, struct check_reach *add)
{
	const struct pq_layout *l = &c->file.idx.layout;

	add->rows += end - first;
	for (uint32_t g = 0; g < l->n_groups; g++) {
		uint64_t from = l->group[g].first_row;

		if (from >= end || from + l->group[g].rows <= first)
			continue;
		for (unsigned col = COL_SERIES; col <= COL_TS; col++) {
			const struct pq_chunk *k = &l->group[g].chunk[col];

			for (uint32_t i = 0; i < k->n_pages; i++) {
				const struct pq_page *p = &k->page[i];

				if (from + p->first_row >= end || from + p->first_row + p->rows <= first)
					continue;
				if (col == COL_SERIES) {
					add->series_min = MIN(add->series_min, (uint32_t) p->lo);
					add->series_max = MAX(add->series_max, (uint32_t) p->hi);
				} else {
					add->from_ns = MIN(add->from_ns, to_ns(p->lo));
					add->to_ns = MAX(add->to_ns, p->hi < INT64_MAX / 1000 ? to_ns(p->hi) + 999 : INT64_MAX);
				}
			}
		}
	}
}
