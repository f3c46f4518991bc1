/* roll_read.c - rows of figures out of a file: pages decoded once, columns put together for one series after the other. */
#include "tsdb/roll_impl.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"
#include "tsdb/decimal.h"
#include "tsdb/file_impl.h"

static int damaged(const char *detail) { return err_fail(ERR_CORRUPT, "what", "roll-ups", "detail", detail, NULL); }
static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "reading roll-ups", NULL); }

int roll_scan_new(struct file *part, struct pq_scratch *scratch, struct roll_scan **ret)
{
	struct roll_scan *c = sys_new(struct roll_scan);

	if (!c)
		return no_memory();
	c->f = file_ref(part);
	c->scratch = scratch;
	*ret = c;
	return 0;
}

static int attach(struct roll_scan *c)
{
	int r = c->attached ? 0 : file_use(c->f, &c->idx);

	c->attached |= r == 0;
	return r;
}

static void free_columns(struct roll_scan *c)
{
	for (unsigned i = 0; i < ROLL_COLS; i++)
		pq_column_done(&c->col[i]);
	memset(c->none, 0, sizeof(c->none));
}

static void leave(struct roll_scan *c)
{
	if (c->attached)
		file_leave(c->f);
	c->attached = false;
}

void roll_detach(struct roll_scan *c)
{
	free_columns(c);
	leave(c);
}

struct roll_scan *roll_scan_free(struct roll_scan *c)
{
	if (!c)
		return NULL;
	roll_detach(c);
	file_unref(c->f);
	return sys_free(c);
}

void roll_set_aside(struct roll_scan *c) { file_set_aside(c->f, INT64_MAX); }

int roll_find(struct roll_scan *c, uint32_t series, struct idx_entry *ret)
{
	bool was = c->attached;
	int r = attach(c);

	if (r < 0)
		return r;
	const struct idx_entry *e = idx_find(c->idx, series);
	if (e)
		*ret = *e;
	if (!was)
		leave(c);               /* no column was read: none is to be freed */
	return e != NULL;
}

/* --- Columns */

int roll_part_of(struct roll_scan *c, unsigned col, uint64_t row, uint32_t *n, struct pq_view *ret)
{
	const struct pq_layout *l = &c->idx->layout;
	struct pq_column *k = &c->col[col];
	uint32_t g = pq_group_of(l, k->group, row), at = (uint32_t) (row - l->group[g].first_row);
	const struct pq_chunk *chunk = &l->group[g].chunk[col];
	uint32_t p = pq_page_of(chunk, k->page, at);
	const struct pq_page *page = &chunk->page[p];
	int r = 0;

	at -= page->first_row;
	*n = MIN(*n, page->rows - at);
	if (!page->all_null)
		r = pq_column_load(k, c->scratch, c->f->fd, &roll_cols[col], chunk, (struct pq_at) { g, p });
	if (r < 0)
		return r;
	if (page->all_null || k->values.all_null || (!k->values.def && at >= k->values.to)) {
		c->none[col] = (struct stretch) { row, row + page->rows - at };
		*ret = (struct pq_view) { .null = true };
		return 0;
	}
	*ret = pq_column_view(k, at, n);
	return 0;
}

static int64_t cell(const struct pq_view *g, uint32_t i) { return g->run ? (int64_t) ((uint64_t) g->first + i * g->step) : g->v[i]; }

static void spread(const struct pq_view *from, uint32_t n, int64_t *v, uint8_t *def)
{
	memset(def, !from->null, n);
	if (from->null)
		memset(v, 0, n * sizeof(*v));
	else if (from->run)
		for (uint32_t i = 0; i < n; i++)
			v[i] = cell(from, i);
	else
		memcpy(v, from->v, n * sizeof(*v));
	if (from->def)
		memcpy(def, from->def, n);
}

/* Whether b, which follows n values of a, goes on as these do. */
static bool joins(struct pq_view *a, uint32_t n, const struct pq_view *b, uint32_t b_n)
{
	if (!a->run || !b->run)
		return false;
	if (n == 1)
		a->step = (uint64_t) b->first - (uint64_t) a->first;
	return (uint64_t) b->first == (uint64_t) a->first + n * a->step && (b_n == 1 || b->step == a->step);
}

/* The rows from `at` on behind those that are put together. */
static int put_together(const struct reading *k, unsigned col, unsigned slot, uint32_t at, bool *any)
{
	struct rolls *to = k->to;
	struct pq_view g;
	int r = 0;

	for (uint32_t n; r == 0 && at < to->n; at += n) {
		n = to->n - at;
		r = roll_part_of(k->c, col, k->e->first_row + at, &n, &g);
		if (r < 0)
			break;
		spread(&g, n, to->v[slot] + at, to->def[slot] + at);
		*any |= !g.null;
	}
	return r;
}

int roll_column(const struct reading *k, unsigned col, unsigned slot, struct pq_view *ret)
{
	const struct stretch *none = &k->c->none[col];
	uint64_t row = k->e->first_row;
	struct rolls *to = k->to;
	uint32_t n = to->n, at = n, more;
	struct pq_view g = { .null = true }, next;

	if (row >= none->from && row + n <= none->to) {
		*ret = g;
		return 0;
	}
	int r = roll_part_of(k->c, col, row, &at, &g);
	/* Before the next page is read its memory is this one's. */
	if (r == 0 && at < n && !g.run)
		spread(&g, at, to->v[slot], to->def[slot]);
	for (; r == 0 && at < n && g.run; at += more) {
		more = n - at;
		r = roll_part_of(k->c, col, row + at, &more, &next);
		if (r == 0 && !joins(&g, at, &next, more)) {
			spread(&g, at, to->v[slot], to->def[slot]);
			break;
		}
	}
	if (r < 0 || at == n) {
		*ret = g;
		return r;
	}
	bool any = !g.null;
	r = put_together(k, col, slot, at, &any);
	*ret = (struct pq_view) { .v = to->v[slot], .def = memchr(to->def[slot], 0, n) ? to->def[slot] : NULL, .null = !any };
	return r;
}

static bool there(const struct pq_view *g, uint32_t i) { return !g->null && (!g->def || g->def[i]); }

/* --- What they say */

void roll_make_run(struct pq_view *g, uint32_t n)
{
	uint64_t other = 0;

	if (g->null || g->run || g->def)
		return;
	for (uint32_t i = 1; i < n; i++)
		other |= (uint64_t) (g->v[i] ^ g->v[0]);
	if (!other)
		*g = (struct pq_view) { .run = true, .first = g->v[0] };
}

/* A sample each so many ns, minute for minute; counts are there. False: something is not right, which says the long way. */
static bool steady_times(const struct reading *k, const struct pq_view *ts, const struct pq_view *off)
{
	struct rolls *to = k->to;
	int64_t first, step, period = k->period.first, span;
	uint64_t most = 0, row = 0;

	for (uint32_t i = 0; i < to->n; i++)
		most = MAX(most, to->count[i]);
	if (period < 0 || __builtin_mul_overflow(period, (int64_t) most, &span) || __builtin_mul_overflow(ts->first, 1000, &first) ||
			__builtin_add_overflow(first, off->first, &first) || __builtin_mul_overflow((int64_t) ts->step, 1000, &step) ||
			__builtin_add_overflow(step, (int64_t) off->step, &step) || step < span || step <= 0 || step > INT64_MAX / (2 * ROLL_ROWS_MAX) ||
			first > INT64_MAX / 2)
		return false;
	for (uint32_t i = 0; i < to->n; i++)
		to->t_min[i] = first + i * step;
	for (uint32_t i = 0; i < to->n; i++)
		to->t_max[i] = to->t_min[i] + period * (int64_t) (to->count[i] - 1);
	for (uint32_t i = 0; i < to->n; i++) {
		to->row[i] = row;
		row += to->count[i];
	}
	to->row[to->n] = row;
	return true;
}

static bool read_count(struct rolls *to, const struct pq_view *n)
{
	bool wrong = false;

	for (uint32_t i = 0; i < to->n; i++) {
		int64_t count = cell(n, i);

		wrong |= count < 1 || count > UINT32_MAX;
		to->count[i] = (uint32_t) count;
	}
	return !wrong;
}

static int any_times(const struct reading *k, const struct pq_view *ts, const struct pq_view *off, const struct pq_view *span)
{
	struct rolls *to = k->to;
	uint64_t row = 0;

	for (uint32_t i = 0; i < to->n; i++) {
		int64_t count = to->count[i], last;

		to->t_min[i] = (int64_t) ((uint64_t) cell(ts, i) * 1000 + (uint64_t) cell(off, i));
		if (there(&k->period, i)) {
			if (__builtin_mul_overflow(cell(&k->period, i), count - 1, &last))
				return damaged("a period is not right");
		} else {
			last = there(span, i) ? cell(span, i) : -1;
		}
		if (last < 0 || __builtin_add_overflow(to->t_min[i], last, &to->t_max[i]) || (i && to->t_min[i] <= to->t_max[i - 1]))
			return damaged("its times do not ascend");
		to->row[i] = row;
		row += (uint64_t) count;
	}
	to->row[to->n] = row;
	return 0;
}

static int read_times(struct reading *k)
{
	static const unsigned cols[] = { ROLL_TS, ROLL_OFF, ROLL_N, ROLL_SPAN };
	struct rolls *to = k->to;
	struct pq_view g[ELEMENTSOF(cols)];
	int r = 0;

	for (unsigned i = 0; i < ELEMENTSOF(cols) && r == 0; i++)
		r = roll_column(k, cols[i], i, &g[i]);
	if (r == 0)
		r = roll_column(k, ROLL_PERIOD, 4, &k->period);
	if (r < 0)
		return r;
	roll_make_run(&g[1], to->n);
	roll_make_run(&k->period, to->n);
	for (unsigned i = 0; i < 3; i++)
		if (g[i].null || g[i].def)
			return damaged("its rows have no time or count");
	if (!read_count(to, &g[2]))
		return damaged("a count is not right");
	if (g[0].run && g[1].run && k->period.run && !k->period.step && steady_times(k, &g[0], &g[1]))
		return 0;
	return any_times(k, &g[0], &g[1], &g[3]);
}

/* A count, or a quality, of 32 bits; NULL: `otherwise` for all. */
static int read_small(const struct reading *k, unsigned col, unsigned which, const uint32_t *otherwise, const uint32_t **ret)
{
	struct rolls *to = k->to;
	struct pq_view g;
	int r = roll_column(k, col, 0, &g);

	*ret = NULL;
	if (r < 0 || g.null)
		return r;
	for (uint32_t i = 0; i < to->n; i++) {
		to->small[which][i] = there(&g, i) ? (uint32_t) cell(&g, i) : otherwise ? otherwise[i] : 0;
		if (otherwise && to->small[which][i] > otherwise[i])
			return damaged("a count is not right");
	}
	*ret = to->small[which];
	return 0;
}

/* ns, of a stretch within the row or from its first sample on; where there is none, what its first or last sample says. */
static int read_times_of(const struct reading *k, unsigned col, unsigned which, const int64_t **ret)
{
	struct rolls *to = k->to;
	struct pq_view g;
	int r = roll_column(k, col, 0, &g);

	*ret = NULL;
	if (r < 0 || g.null)
		return r;
	for (uint32_t i = 0; i < to->n; i++) {
		int64_t span = to->t_max[i] - to->t_min[i], x = there(&g, i) ? cell(&g, i) : col == ROLL_FIRST_AT ? 0 : span;

		if (x < 0 || x > span)
			return damaged("a time is not right");
		to->times[which][i] = col == ROLL_COVERED ? x : to->t_min[i] + x;
	}
	*ret = to->times[which];
	return 0;
}

/* Decimals where there is an exponent, else doubles; whole: NULL, or where they go as they are. */
static int read_values(const struct reading *k, unsigned m_col, unsigned d_col, double *ret, int64_t *whole)
{
	const struct pq_view *exponent = &k->exponent;
	struct rolls *to = k->to;
	struct pq_view m, d;
	int r = roll_column(k, m_col, 2, &m);

	if (r == 0)
		r = roll_column(k, d_col, 3, &d);
	if (r < 0)
		return r;
	if (exponent->run && exponent->step == 0 && !m.null && !m.run) {
		decimals_f64(m.v, (unsigned) exponent->first, to->n, ret);
		for (uint32_t i = 0; i < to->n && m.def; i++)
			if (!m.def[i])
				ret[i] = there(&d, i) ? roll_double(cell(&d, i)) : 0;
		if (whole)
			memcpy(whole, m.v, to->n * sizeof(*whole));
		return 0;
	}
	for (uint32_t i = 0; i < to->n; i++) {
		if (whole)
			whole[i] = there(&m, i) ? cell(&m, i) : 0;
		if (there(exponent, i) && there(&m, i))
			ret[i] = decimal_f64(cell(&m, i), (unsigned) cell(exponent, i));
		else
			ret[i] = there(&d, i) ? roll_double(cell(&d, i)) : 0;
	}
	return 0;
}

static int read_exponents(struct reading *k)
{
	struct pq_view *ret = &k->exponent;
	int r = roll_column(k, ROLL_E, 5, ret);

	if (r == 0)
		roll_make_run(ret, k->to->n);
	for (uint32_t i = 0; r == 0 && !ret->null && i < (ret->run && ret->step == 0 ? 1 : k->to->n); i++)
		if (there(ret, i) && (uint64_t) cell(ret, i) > DECIMAL_E_LIMIT)
			return damaged("an exponent is too large");
	return r;
}

static int read_held(const struct reading *k)
{
	struct rolls *to = k->to;
	struct pq_view held;
	int r = roll_column(k, ROLL_HELD, 0, &held);

	if (r < 0)
		return r;
	if (held.null && k->period.run && !k->period.step) {
		double period = (double) k->period.first;

		for (uint32_t i = 0; i < to->n; i++)
			to->held[i] = period * (to->sum[i] - to->last[i]);
		return 0;
	}
	for (uint32_t i = 0; i < to->n; i++) {
		if (there(&held, i))
			to->held[i] = roll_double(cell(&held, i));
		else
			to->held[i] = there(&k->period, i) && to->count[i] > 1 ? (double) cell(&k->period, i) * (to->sum[i] - to->last[i]) : 0;
	}
	return 0;
}

static int read_at(const struct reading *k, unsigned col, int64_t *ret)
{
	struct rolls *to = k->to;
	struct pq_view at;
	int r = roll_column(k, col, 0, &at);

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < to->n; i++) {
		int64_t x = there(&at, i) ? cell(&at, i) : 0;

		if (there(&k->period, i) && cell(&k->period, i) > 0 && __builtin_mul_overflow(x, cell(&k->period, i), &x))
			return damaged("a time is not right");
		if (x < 0 || x > to->t_max[i] - to->t_min[i])
			return damaged("a time is not right");
		ret[i] = to->t_min[i] + x;
	}
	return 0;
}

static int read_falls(const struct reading *k)
{
	struct rolls *to = k->to;
	struct pq_view g;
	int r = roll_column(k, ROLL_FALLS, 0, &g);

	to->falls = NULL;
	if (r < 0 || g.null)
		return r;
	for (uint32_t i = 0; i < to->n; i++)
		to->fell[i] = there(&g, i);
	to->falls = to->fell;
	return 0;
}

static int read_counts(const struct reading *k)
{
	struct rolls *to = k->to;
	int r = read_small(k, ROLL_GOOD, 0, to->count, &to->good);

	if (r == 0)
		r = read_small(k, ROLL_USED, 1, to->count, &to->used);
	if (r == 0)
		r = read_small(k, ROLL_WORST, 2, NULL, &to->worst);
	if (r == 0)
		r = read_times_of(k, ROLL_COVERED, 0, &to->covered);
	if (r == 0)
		r = read_times_of(k, ROLL_FIRST_AT, 1, &to->first_ns);
	if (r == 0)
		r = read_times_of(k, ROLL_LAST_AT, 2, &to->last_ns);
	return r;
}

static bool are_finite(const struct rolls *to)
{
	double none = 0;        /* 0 times what is not finite is NaN */

	for (uint32_t i = 0; i < to->n; i++)
		none += to->sum[i] * 0 + to->held[i] * 0;
	return none == 0;
}

int roll_read(struct roll_scan *c, const struct idx_entry *e, uint8_t type, bool lean, struct rolls *to)
{
	bool whole = roll_is_whole(type);
	struct reading k = { c, e, to, { 0 }, { 0 } };
	int r = attach(c);

	if (r < 0)
		return r;
	if (e->n > ROLL_ROWS_MAX || e->first_row > c->idx->layout.rows || e->n > c->idx->layout.rows - e->first_row)
		return damaged("a series has more rows than a day has minutes");
	to->n = (uint32_t) e->n;
	to->type = type;
	to->tier = str_ends(c->f->base, ".1h") ? ROLL_HOUR : ROLL_MINUTE;
	to->lean = lean;
	to->steady = false;
	if (lean) {
		r = roll_read_steady(&k);
		if (r != 0)
			return MIN(r, 0);
	}
	r = read_times(&k);
	if (r == 0)
		r = read_counts(&k);
	if (r == 0)
		r = read_exponents(&k);
	if (r == 0)
		r = read_values(&k, ROLL_LAST, ROLL_LAST_D, to->last, whole ? to->whole[1] : NULL);
	if (r == 0)
		r = read_values(&k, ROLL_SUM, ROLL_SUM_D, to->sum, NULL);
	if (r == 0)
		r = read_held(&k);
	to->finite = r == 0 && are_finite(to);
	if (r < 0 || lean)
		return r;
	r = read_values(&k, ROLL_FIRST, ROLL_FIRST_D, to->first, whole ? to->whole[0] : NULL);
	if (r == 0)
		r = read_values(&k, ROLL_MIN, ROLL_MIN_D, to->min, whole ? to->whole[2] : NULL);
	if (r == 0)
		r = read_values(&k, ROLL_MAX, ROLL_MAX_D, to->max, whole ? to->whole[3] : NULL);
	if (r == 0)
		r = read_at(&k, ROLL_MIN_AT, to->min_ns);
	if (r == 0)
		r = read_at(&k, ROLL_MAX_AT, to->max_ns);
	return r == 0 ? read_falls(&k) : r;
}

uint32_t rolls_until(const struct rolls *r, uint32_t k, uint32_t end, int64_t to)
{
	uint32_t lo = k, hi = end;

	if (end > k && r->t_max[end - 1] < to)
		return end;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (r->t_max[mid] < to)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct value roll_last(const struct rolls *r, uint32_t i)
{
	bool whole = roll_is_whole(r->type);
	int64_t m = r->steady ? r->last_m[i] : whole ? r->whole[1][i] : 0;

	if (whole)
		return roll_value(r->type, 0, m);
	return roll_value(r->type, !r->steady ? r->last[i] : r->is_double ? roll_double(m) : decimal_f64(m, r->e), m);
}

void roll_get(const struct rolls *r, uint32_t i, struct roll *ret)
{
	bool whole = roll_is_whole(r->type);
	struct roll k = { .start_ns = roll_start(r->t_min[i], r->tier), .t_min = r->t_min[i], .t_max = r->t_max[i], .n = r->count[i], .period = -1 };

	k.good = r->good ? r->good[i] : k.n;
	k.used = r->used ? r->used[i] : k.n;
	k.worst = r->worst ? r->worst[i] : 0;
	k.covered_ns = r->covered ? r->covered[i] : k.t_max - k.t_min;
	k.first_ns = r->first_ns ? r->first_ns[i] : k.t_min;
	k.last_ns = r->last_ns ? r->last_ns[i] : k.t_max;
	k.holds = k.used && k.last_ns == k.t_max;
	k.min_ns = r->min_ns[i];
	k.max_ns = r->max_ns[i];
	k.sum = r->sum[i];
	k.held = r->held[i];
	k.falls = r->falls && r->falls[i];
	if (whole) {
		k.first.i = r->whole[0][i];
		k.last.i = r->whole[1][i];
		k.min.i = r->whole[2][i];
		k.max.i = r->whole[3][i];
	} else {
		k.first.f = r->first[i];
		k.last.f = r->last[i];
		k.min.f = r->min[i];
		k.max.f = r->max[i];
	}
	*ret = k;
}

/* --- The side index anew */

static int run_of(struct roll_scan *c, struct idx_entry *e)
{
	uint64_t rows = c->idx->layout.rows - e->first_row;
	int r = 0;

	for (e->n = 0; r == 0 && e->n < rows;) {
		uint32_t n = (uint32_t) MIN(rows - e->n, (uint64_t) ROLL_PAGE_ROWS), i = 0;
		struct pq_view g;

		r = roll_part_of(c, ROLL_SERIES, e->first_row + e->n, &n, &g);
		if (r == 0 && (g.null || g.def))
			r = damaged("it has rows without series");
		if (r < 0)
			break;
		if (!e->n)
			e->series = (uint32_t) cell(&g, 0);
		while (i < n && (uint32_t) cell(&g, i) == e->series)
			i++;
		e->n += i;
		if (i < n)
			break;
	}
	return r;
}

static int rebuild_rows(struct roll_scan *c, struct names *names, struct rolls *rolls, struct idx_builder *b)
{
	int r = 0;

	for (uint64_t row = 0, n; r == 0 && row < c->idx->layout.rows; row += n) {
		struct idx_entry e = { .first_row = row };

		r = run_of(c, &e);
		n = e.n;
		const struct series *s = r == 0 ? names_series(names, e.series) : NULL;
		e.type = s && roll_has(s->type) ? s->type : V_F64;
		if (r == 0)
			r = roll_read(c, &e, e.type, true, rolls);
		if (r < 0)
			break;
		if (rolls->steady)
			roll_entry_clock(&e, rolls->period, rolls->is_double ? ROLL_DOUBLES : rolls->e);
		e.t_min = rolls->t_min[0];
		e.t_max = rolls->t_max[rolls->n - 1];
		e.n_used = rolls->row[rolls->n];
		r = idx_add_rows(b, &e);
	}
	return r;
}

int roll_rebuild(struct file *f, const char *path)
{
	struct idx_builder b = { 0 };
	char temp[PATH_MAX];
	struct buf name = BUF_FIXED(temp);
	_cleanup_(pq_scratch_freep) struct pq_scratch *s = NULL;
	_cleanup_free_ struct roll_scan *c = sys_new(struct roll_scan);
	_cleanup_free_ struct rolls *rolls = sys_new(struct rolls);
	int r = c && rolls ? pq_scratch_new(&s) : no_memory();

	if (r == 0) {
		c->f = f;
		c->scratch = s;
		c->idx = &f->idx;
		c->attached = true;     /* it is being opened: nobody else has it yet */
		r = rebuild_rows(c, f->names, rolls, &b);
		free_columns(c);
	}
	/* Not in its place: who checks the store may have the damaged one mapped. */
	buf_addf(&name, "%s.tmp", path);
	if (r == 0 && name.failed)
		r = sys_fail(ENAMETOOLONG, "make", path);
	if (r == 0)
		r = idx_write(temp, &b, &f->idx.layout, f->info.bytes);
	if (r == 0)
		r = file_rename(temp, path);
	idx_builder_done(&b);
	return r;
}
