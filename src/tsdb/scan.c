/* scan.c - rows of a file as spans: pages found by the side index, decoded once, values put together from their columns. */
#include <string.h>

#include "base/err.h"
#include "parquet/parquet.h"
#include "sys/sys.h"
#include "tsdb/decimal.h"
#include "tsdb/file_impl.h"

/* What is unpacked, and a span made of it. */
struct pages {
	struct pq_spare spare;         /* first */
	uint32_t room;
	int64_t *t;
	uint64_t *v;
	uint32_t *q;
	int32_t *lag;
	uint8_t *cell;
	struct pq_column col[SAMPLE_COLS];
};

struct scan {
	struct file *f;
	struct pq_scratch *scratch;
	struct file *owned;             /* a reference; NULL: over a file that stays open */
	bool attached, want_lag, want_scaled;
	bool wide;                      /* lanes.h */
	uint32_t group;                 /* of the last row asked for */
	struct pages *p;                /* NULL: nothing was read yet */
};

static int damaged(const char *detail) { return err_fail(ERR_CORRUPT, "what", "file of samples", "detail", detail, NULL); }
static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "reading samples", NULL); }

int scan_over(struct file *f, struct pq_scratch *scratch, struct scan **ret)
{
	struct scan *c = sys_new(struct scan);

	if (!c)
		return no_memory();
	c->f = f;
	c->scratch = scratch;
	c->wide = lanes_are_wide();
	*ret = c;
	return 0;
}

int scan_new(struct file *f, struct pq_scratch *scratch, struct scan **ret)
{
	int r = scan_over(f, scratch, ret);

	if (r == 0)
		(*ret)->owned = file_ref(f);
	return r;
}

int scan_attach(struct scan *c)
{
	const struct idx *x;
	int r = c->attached ? 0 : file_use(c->f, &x);

	c->attached |= r == 0;
	return r;
}

static void free_rows(struct pages *p)
{
	sys_free(p->t);
	sys_free(p->v);
	sys_free(p->q);
	sys_free(p->lag);
	sys_free(p->cell);
	p->room = 0;
}

static void free_pages(struct pq_spare *spare)
{
	struct pages *p = (struct pages *) spare;

	for (unsigned i = 0; i < SAMPLE_COLS; i++)
		pq_column_done(&p->col[i]);
	free_rows(p);
	sys_free(p);
}

/* Those the scratch has to spare, or new ones. */
static int take_pages(struct scan *c)
{
	if (c->p)
		return 0;
	c->p = (struct pages *) take(*pq_scratch_spare(c->scratch));
	if (!c->p)
		c->p = sys_new(struct pages);
	if (!c->p)
		return no_memory();
	c->p->spare.free = free_pages;
	return 0;
}

static void give_pages(struct scan *c)
{
	enum { SPARE_BYTES = 2 << 20 };
	struct pages *p = take(c->p);
	size_t bytes = 0;

	for (unsigned i = 0; p && i < SAMPLE_COLS; i++) {
		bytes += p->col[i].values.raw_room;
		pq_column_forget(&p->col[i]);
	}
	if (p && !*pq_scratch_spare(c->scratch) && bytes <= SPARE_BYTES)
		*pq_scratch_spare(c->scratch) = &p->spare;
	else if (p)
		free_pages(&p->spare);
}

void scan_detach(struct scan *c)
{
	give_pages(c);
	if (c->attached)
		file_leave(c->f);
	c->attached = false;
}

struct scan *scan_free(struct scan *c)
{
	if (!c)
		return NULL;
	scan_detach(c);
	file_unref(c->owned);
	return sys_free(c);
}

struct file *scan_file(const struct scan *c) { return c->f; }
const struct idx *scan_idx(const struct scan *c) { return &c->f->idx; }
void scan_want_lag(struct scan *c, bool want) { c->want_lag = want; }
void scan_want_scaled(struct scan *c, bool want) { c->want_scaled = want; }

int scan_find(struct scan *c, uint32_t series, struct idx_entry *ret)
{
	bool was = c->attached;
	int r = scan_attach(c);

	if (r < 0)
		return r;
	const struct idx_entry *e = idx_find(&c->f->idx, series);
	if (e)
		*ret = *e;
	if (!was)
		scan_detach(c);
	return e != NULL;
}

/* The column from `row` (of the group) on; *n is lowered to what its page holds and says of all of them alike. */
static int view(struct scan *c, unsigned col, uint32_t group, uint32_t row, uint32_t *n, struct pq_view *ret)
{
	const struct pq_chunk *chunk = &c->f->idx.layout.group[group].chunk[col];
	struct pq_column *s = &c->p->col[col];
	uint32_t p = pq_page_of(chunk, s->page, row);
	const struct pq_page *page = &chunk->page[p];
	int r = 0;

	*n = MIN(*n, page->rows - (row - page->first_row));
	*ret = (struct pq_view) { .null = true };
	if (page->all_null)
		return 0;
	if (!pq_column_has(s, (struct pq_at) { group, p }) && c->f->fd < 0)
		r = file_reopen(c->f);
	if (r < 0)
		return r;
	r = pq_column_load(s, c->scratch, c->f->fd, &sample_cols[col], chunk, (struct pq_at) { group, p });
	if (r < 0)
		return file_failed(c->f, r);
	*ret = pq_column_view(s, row - page->first_row, n);
	return 0;
}

static bool rooms(struct pages *p, uint32_t n)
{
	if (n <= p->room)
		return true;
	n = ALIGN_UP(n, 2048u);
	free_rows(p);
	p->t = sys.malloc(n * sizeof(*p->t));
	p->v = sys.malloc(n * sizeof(*p->v));
	p->q = sys.malloc(n * sizeof(*p->q));
	p->lag = sys.malloc(n * sizeof(*p->lag));
	p->cell = sys.malloc(n);
	if (!p->t || !p->v || !p->q || !p->lag || !p->cell)
		return false;
	p->room = n;
	return true;
}

/* ns of each row; they must ascend within a series. */
static int times(struct scan *c, const struct pq_view *ts, const struct pq_view *ns, uint32_t n, uint64_t *ret_step)
{
	uint64_t wrong = 0, step = ts->run ? ts->step * 1000 : 0;
	int64_t last, first_ns, last_ns;

	/* Times of a clock: nothing can be wrong with them where neither end has left what int64 can say. */
	*ret_step = 0;
	if (ts->run && ns->null && (int64_t) ts->step > 0 && !__builtin_mul_overflow(ts->first, 1000, &first_ns) &&
			!__builtin_mul_overflow((int64_t) ts->step, (int64_t) (n - 1), &last) && !__builtin_add_overflow(last, ts->first, &last) &&
			!__builtin_mul_overflow(last, 1000, &last_ns)) {
		lanes_steps(c->wide, c->p->t, n, (uint64_t) first_ns, step);
		*ret_step = step;
		return 0;
	}
	for (uint32_t i = 0; i < n; i++)
		c->p->t[i] = (int64_t) ((ts->run ? (uint64_t) ts->first + i * ts->step : (uint64_t) ts->v[i]) * 1000);
	for (uint32_t i = 0; i < n && !ns->null; i++)
		if (!ns->def || ns->def[i])
			c->p->t[i] = (int64_t) ((uint64_t) c->p->t[i] + (uint64_t) ns->v[i]);
	for (uint32_t i = 1; i < n; i++)
		wrong |= c->p->t[i] <= c->p->t[i - 1];
	return wrong ? damaged("its times do not ascend") : 0;
}

static bool there(const struct pq_view *v, uint32_t i) { return !v->null && (!v->def || v->def[i]); }

static uint64_t exponent(const struct pq_view *e, uint32_t i) { return e->run ? (uint64_t) e->first + i * e->step : (uint64_t) e->v[i]; }

static int decimals_real(struct scan *c, uint8_t type, const struct pq_view *m, const struct pq_view *e, uint32_t n, struct span *ret)
{
	bool same = e->run && (e->step == 0 || n == 1);
	uint64_t bad = 0;

	if (e->null || e->def)
		return damaged("a decimal has no exponent");
	for (uint32_t i = 0; i < (same ? 1 : n); i++)
		bad |= exponent(e, i) > DECIMAL_E_LIMIT;
	if (bad)
		return damaged("an exponent is too large");
	if (type == V_F64 && same && c->want_scaled) {
		ret->v = m->v;
		ret->scaled = true;
		ret->e = (uint8_t) e->first;
		return 0;
	}
	const int64_t *v = m->v;
	const struct pq_view of = *e;   /* of our own: what is written in between cannot change it */
	void *to = c->p->v;
	if (type == V_F32)
		for (uint32_t i = 0; i < n; i++)
			((float *) to)[i] = decimal_f32(v[i], (unsigned) exponent(&of, i));
	else if (same)
		decimals_f64(v, (unsigned) of.first, n, to);
	else
		for (uint32_t i = 0; i < n; i++)
			((double *) to)[i] = decimal_f64(v[i], (unsigned) exponent(&of, i));
	return 0;
}

/* Decimals, all rows of which have one. What need not be changed stays where it was unpacked. */
static int decimals(struct scan *c, uint8_t type, const struct pq_view *m, const struct pq_view *e, uint32_t n, struct span *ret)
{
	if (type == V_F32 || type == V_F64)
		return decimals_real(c, type, m, e, n, ret);
	if (type != V_BOOL || c->want_scaled) {
		ret->v = m->v;
		ret->scaled = type == V_BOOL;
		return 0;
	}
	for (uint32_t i = 0; i < n; i++)
		((uint8_t *) c->p->v)[i] = m->v[i] != 0;
	return 0;
}

/* Row by row: a decimal, else bits, else nothing. */
static int mixed(struct scan *c, uint8_t type, const struct pq_view *m, const struct pq_view *e, const struct pq_view *bits, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		c->p->cell[i] = CELL_VALUE;
		if (there(m, i)) {
			uint64_t x = there(e, i) ? exponent(e, i) : 0;

			if (x > DECIMAL_E_LIMIT)
				return damaged("an exponent is too large");
			if (type == V_F64)
				((double *) c->p->v)[i] = decimal_f64(m->v[i], (unsigned) x);
			else if (type == V_F32)
				((float *) c->p->v)[i] = decimal_f32(m->v[i], (unsigned) x);
			else if (type == V_BOOL)
				((uint8_t *) c->p->v)[i] = m->v[i] != 0;
			else
				((int64_t *) c->p->v)[i] = m->v[i];
		} else if (there(bits, i)) {
			memcpy((char *) c->p->v + (size_t) i * slot_width(type), &bits->v[i], slot_width(type));
		} else {
			memset((char *) c->p->v + (size_t) i * slot_width(type), 0, slot_width(type));
			c->p->cell[i] = CELL_NONE;
		}
	}
	return 0;
}

static void texts(struct scan *c, const struct pq_view *s, uint32_t n, struct span *ret)
{
	static const uint8_t empty[4];
	const uint8_t **to = (const uint8_t **) c->p->v;

	for (uint32_t i = 0; i < n; i++) {
		bool is = there(s, i);

		to[i] = is ? s->text[i] : empty;
		c->p->cell[i] = is ? CELL_VALUE : CELL_NONE;
	}
	ret->cell = s->null || s->def ? c->p->cell : NULL;
}

struct views { struct pq_view ts, ns, lag, m, e, bits, s, q; };

static int all_views(struct scan *c, uint8_t type, uint32_t group, uint32_t row, uint32_t *n, struct views *v)
{
	bool text = type == V_STR || type == V_BYTES, real = type == V_F32 || type == V_F64;
	int r = view(c, COL_TS, group, row, n, &v->ts);

	*v = (struct views) { .ts = v->ts, .lag.null = true, .m.null = true, .e.null = true, .bits.null = true, .s.null = true };
	if (r == 0)
		r = view(c, COL_NS, group, row, n, &v->ns);
	if (r == 0)
		r = view(c, COL_Q, group, row, n, &v->q);
	if (r == 0 && c->want_lag)
		r = view(c, COL_LAG, group, row, n, &v->lag);
	if (r == 0 && text)
		r = view(c, COL_S, group, row, n, &v->s);
	if (r == 0 && !text)
		r = view(c, COL_M, group, row, n, &v->m);
	if (r == 0 && real)
		r = view(c, COL_E, group, row, n, &v->e);
	if (r == 0 && real)
		r = view(c, type == V_F32 ? COL_F : COL_D, group, row, n, &v->bits);
	return r;
}

static int values(struct scan *c, uint8_t type, const struct views *v, uint32_t n, struct span *ret)
{
	if (type == V_STR || type == V_BYTES) {
		texts(c, &v->s, n, ret);
		return 0;
	}
	if (!v->m.null && !v->m.def)
		return decimals(c, type, &v->m, &v->e, n, ret);
	if (v->m.null && !v->bits.null && !v->bits.def) {
		if (type == V_F64)
			ret->v = v->bits.v;
		else
			for (uint32_t i = 0; i < n; i++)
				((uint32_t *) c->p->v)[i] = (uint32_t) v->bits.v[i];
		return 0;
	}
	ret->cell = c->p->cell;
	return mixed(c, type, &v->m, &v->e, &v->bits, n);
}

int scan_read(struct scan *c, uint8_t type, uint64_t row, uint64_t end, struct span *ret)
{
	const struct pq_layout *l = &c->f->idx.layout;
	uint32_t g = c->group = pq_group_of(l, c->group, row);
	uint32_t at = (uint32_t) (row - l->group[g].first_row);
	uint32_t n = (uint32_t) MIN(end - row, (uint64_t) (l->group[g].rows - at));
	struct span s = { .type = type, .lag_all = LAG_UNKNOWN, .seq_all = c->f->info.number };
	struct views v = { 0 };
	int r = take_pages(c);

	if (r < 0)
		return r;
	r = all_views(c, type, g, at, &n, &v);
	if (r == 0 && v.ts.null)
		r = damaged("it has rows without time");
	if (r == 0 && !rooms(c->p, n))
		r = no_memory();
	if (r == 0)
		r = times(c, &v.ts, &v.ns, n, &s.step_ns);
	s.v = c->p->v;
	if (r == 0)
		r = values(c, type, &v, n, &s);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < n && !v.q.null; i++)
		c->p->q[i] = there(&v.q, i) ? (uint32_t) v.q.v[i] : 0;
	for (uint32_t i = 0; i < n && !v.lag.null; i++)
		c->p->lag[i] = there(&v.lag, i) ? (int32_t) v.lag.v[i] : LAG_UNKNOWN;
	s.n = n;
	s.t = c->p->t;
	s.q = v.q.null ? NULL : c->p->q;
	s.lag = v.lag.null ? NULL : c->p->lag;
	*ret = s;
	return 0;
}

int scan_series(struct scan *c, uint64_t row, uint32_t *ret_series, uint64_t *ret_n)
{
	const struct pq_layout *l = &c->f->idx.layout;
	uint32_t g = pq_group_of(l, c->group, row), at = (uint32_t) (row - l->group[g].first_row), n = l->group[g].rows - at, same = 1;
	struct pq_view v;
	int r = take_pages(c);

	if (r == 0)
		r = view(c, COL_SERIES, g, at, &n, &v);
	if (r == 0 && v.null)
		r = damaged("it has rows without series");
	if (r < 0)
		return r;
	while (same < n && v.v[same] == v.v[0])
		same++;
	*ret_series = (uint32_t) v.v[0];
	*ret_n = same;
	return 0;
}

uint64_t scan_page_start(const struct scan *c, uint64_t row)
{
	const struct pq_layout *l = &c->f->idx.layout;
	const struct pq_group *g = &l->group[pq_group_of(l, c->group, row)];
	const struct pq_chunk *ts = &g->chunk[COL_TS];

	return g->first_row + ts->page[pq_page_of(ts, 0, (uint32_t) (row - g->first_row))].first_row;
}

uint64_t scan_skip(const struct scan *c, uint64_t row, uint64_t end, int64_t from, int64_t to)
{
	const struct pq_layout *l = &c->f->idx.layout;
	int64_t from_us = from / 1000 - (from % 1000 < 0), to_us = (to - 1) / 1000 - ((to - 1) % 1000 < 0);

	while (row < end) {
		uint32_t g = pq_group_of(l, c->group, row);
		const struct pq_chunk *ts = &l->group[g].chunk[COL_TS];
		const struct pq_page *p = &ts->page[pq_page_of(ts, 0, (uint32_t) (row - l->group[g].first_row))];

		/* Within a series times ascend: when the page's least is too late, so is all that follows. */
		if (p->lo > to_us)
			return end;
		if (p->hi >= from_us)
			return row;
		row = l->group[g].first_row + p->first_row + p->rows;
	}
	return end;
}

static int64_t floor_us(int64_t ns) { return ns / 1000 - (ns % 1000 < 0); }

int scan_within(struct scan *c, uint64_t *row, uint64_t *end, int64_t from, int64_t to)
{
	const struct pq_layout *l = &c->f->idx.layout;
	uint32_t g = pq_group_of(l, c->group, *row), at = (uint32_t) (*row - l->group[g].first_row);
	uint32_t n = (uint32_t) MIN(*end - *row, (uint64_t) (l->group[g].rows - at));
	struct pq_view ts;
	int r = take_pages(c);

	if (r == 0)
		r = view(c, COL_TS, g, at, &n, &ts);
	if (r < 0 || !ts.run || (int64_t) ts.step <= 0)
		return r;
	/* What is before or behind by whole microseconds; the rest is for who reads the times. */
	__int128 before = (__int128) floor_us(from) - ts.first, until = to == INT64_MAX ? (__int128) n * (int64_t) ts.step : (__int128) floor_us(to - 1) - ts.first;
	__int128 skip = before > 0 ? (before + (int64_t) ts.step - 1) / (int64_t) ts.step : 0, keep = until < 0 ? 0 : until / (int64_t) ts.step + 1;

	if (keep < n)
		*end = *row + (uint64_t) keep;
	*row = MIN(*row + (uint64_t) MIN(skip, (__int128) n), *end);
	return 0;
}
