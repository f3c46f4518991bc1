/*
 * roll_steady.c - rows of figures of a clock: a sample each so many ns from the first to the last, all Good, all of them decimals of as many places
 * or none.
 *
 * Most series are so, and then little is to be done for a mean: sums and last values stay what they are packed as, where they are, and the time that
 * each value holds is the period.
 */
#include "tsdb/roll_impl.h"

#include "tsdb/decimal.h"

/* Anything here is something that a clock does not do. */
static const unsigned other[] = { ROLL_GOOD, ROLL_USED, ROLL_WORST, ROLL_COVERED, ROLL_FIRST_AT, ROLL_LAST_AT, ROLL_HELD };

bool roll_says_more(const uint32_t there[ROLL_COLS])
{
	uint32_t more = 0;

	for (unsigned i = 0; i < ELEMENTSOF(other); i++)
		more |= there[other[i]];
	return more;
}

static bool is_one(const struct pq_view *g, uint32_t n) { return g->run && (g->step == 0 || n == 1); }

static int nothing_else(const struct reading *k)
{
	struct pq_view g = { .null = true };
	int r = 0;

	for (unsigned i = 0; i < ELEMENTSOF(other) && r == 0 && g.null; i++)
		r = roll_column(k, other[i], 0, &g);
	return r < 0 ? r : g.null;
}

struct clock { int64_t next; uint64_t row; };

/* m rows from `at` on, of `count` samples each. */
static bool tick(struct rolls *to, uint32_t at, uint32_t m, int64_t count, struct clock *c)
{
	bool wide = m > 8 && lanes_are_wide();
	int64_t span, all;

	if (count < 1 || count > UINT32_MAX || __builtin_mul_overflow(to->period, count, &span) || __builtin_mul_overflow(span, (int64_t) m, &all))
		return false;
	lanes_steps(wide, to->t_min + at, m, (uint64_t) c->next, (uint64_t) span);
	lanes_steps(wide, to->t_max + at, m, (uint64_t) (c->next + (span - to->period)), (uint64_t) span);
	lanes_steps(wide, (int64_t *) to->row + at, m, c->row, (uint64_t) count);
	c->row += (uint64_t) count * m;
	return !__builtin_add_overflow(c->next, all, &c->next);
}

/* What a column says from the row at hand on, and for how many rows it does so. */
struct piece { struct pq_view v; uint32_t left; };

/* The first of n values and those behind it that are equally far from each other. */
static struct piece run_of(const int64_t *v, uint32_t n)
{
	uint64_t step = n > 1 ? (uint64_t) v[1] - (uint64_t) v[0] : 0;
	uint32_t i = 1;

	while (i < n && (uint64_t) v[i] - (uint64_t) v[i - 1] == step)
		i++;
	return (struct piece) { { .run = true, .first = v[0], .step = step }, i };
}

static int look(const struct reading *k, unsigned col, uint32_t at, struct piece *p)
{
	if (p->left)
		return 1;
	p->left = k->to->n - at;
	int r = roll_part_of(k->c, col, k->e->first_row + at, &p->left, &p->v);
	if (r == 0 && !p->v.null && !p->v.def && !p->v.run)
		*p = run_of(p->v.v, p->left);
	return r < 0 ? r : p->v.run;
}

static void pass(struct piece *p, uint32_t n)
{
	p->v.first = (int64_t) ((uint64_t) p->v.first + n * p->v.step);
	p->left -= n;
}

enum { TS, OFF, N, PERIOD, TIMES };

/* m rows from `at` on that all columns say the same of. */
static bool is_clock(struct rolls *to, uint32_t at, uint32_t m, const struct piece p[TIMES], struct clock *c)
{
	const struct pq_view *ts = &p[TS].v, *off = &p[OFF].v, *n = &p[N].v, *period = &p[PERIOD].v;
	int64_t first;

	if (__builtin_mul_overflow(ts->first, 1000, &first) || __builtin_add_overflow(first, off->first, &first))
		return false;
	if (!at)
		c->next = first;
	/* The period of a single sample is 0. */
	if (period->first != to->period && n->first != 1)
		return false;
	return first == c->next && (m == 1 || ts->step * 1000 + off->step == (uint64_t) to->period * (uint64_t) n->first) &&
		tick(to, at, m, n->first, c);
}

/* Of the first row, or of the one behind it where that is a single sample. */
static int period_of(const struct reading *k, int64_t *ret)
{
	int r = 0;

	*ret = 0;
	for (uint32_t i = 0; i < MIN(k->to->n, 2u) && *ret == 0; i++) {
		struct pq_view g;
		uint32_t one = 1;

		r = roll_part_of(k->c, ROLL_PERIOD, k->e->first_row + i, &one, &g);
		if (r < 0 || g.null || g.def)
			return r;
		*ret = g.run ? g.first : g.v[0];
	}
	return *ret > 0;
}

/* Rows are taken together as far as all that says when they are stays as it is. */
static int times(const struct reading *k)
{
	static const unsigned cols[TIMES] = { [TS] = ROLL_TS, [OFF] = ROLL_OFF, [N] = ROLL_N, [PERIOD] = ROLL_PERIOD };
	struct piece p[TIMES] = { 0 };
	struct rolls *to = k->to;
	struct clock clock = { 0 };
	int r = period_of(k, &to->period);

	if (r <= 0)
		return r;
	for (uint32_t at = 0, m; at < to->n; at += m) {
		m = to->n - at;
		for (unsigned i = 0; i < TIMES; i++) {
			r = look(k, cols[i], at, &p[i]);
			if (r <= 0)
				return r;
			m = MIN(m, p[i].left);
		}
		/* Counts that are not alike are looked at one by one. */
		if (p[N].v.step || p[PERIOD].v.step)
			m = 1;
		if (!is_clock(to, at, m, p, &clock))
			return 0;
		for (unsigned i = 0; i < TIMES; i++)
			pass(&p[i], m);
	}
	to->row[to->n] = clock.row;
	return 1;
}

/* Last values and sums of all rows, as they lie there. */
static int values_of(const struct reading *k, unsigned last_col, unsigned sum_col)
{
	struct pq_view last = { .null = true }, sum = { .null = true };
	int r = roll_column(k, last_col, 2, &last);

	if (r == 0)
		r = roll_column(k, sum_col, 3, &sum);
	if (r < 0 || last.null || last.def || last.run || sum.null || sum.def || sum.run)
		return r;
	k->to->last_m = last.v;
	k->to->sum_m = sum.v;
	return 1;
}

static bool are_finite(const int64_t *bits, uint32_t n)
{
	double none = 0;        /* 0 times what is not finite is NaN */

	for (uint32_t i = 0; i < n; i++)
		none += roll_double(bits[i]) * 0;
	return none == 0;
}

static int doubles(const struct reading *k)
{
	int r = values_of(k, ROLL_LAST_D, ROLL_SUM_D);

	k->to->is_double = true;
	return r > 0 ? are_finite(k->to->sum_m, k->to->n) : r;
}

/* Decimals, or doubles where there is no exponent. */
static int values(const struct reading *k)
{
	struct rolls *to = k->to;
	struct pq_view e;
	int r = roll_column(k, ROLL_E, 5, &e);

	if (r < 0)
		return r;
	roll_make_run(&e, to->n);
	if (e.null && !roll_is_whole(to->type))
		return doubles(k);
	to->is_double = false;
	if (e.null || !is_one(&e, to->n) || (uint64_t) e.first > (roll_is_whole(to->type) ? 0 : DECIMAL_E_LIMIT))
		return 0;
	to->e = (uint8_t) e.first;
	return values_of(k, ROLL_LAST, ROLL_SUM);
}

/* --- What the side index says alone */

/* Rows are the minutes (hours) from t_min to t_max, each with a sample or more. */
static bool times_by_index(struct rolls *to, const struct idx_entry *e)
{
	int64_t unit = roll_ns(to->tier), t = e->t_min, period = to->period, end;
	uint64_t row = 0;
	uint32_t i = 0;

	if (period <= 0 || period > unit || e->t_max < t || e->t_max > INT64_MAX - 2 * unit || t < INT64_MIN + 2 * unit)
		return false;
	end = roll_start(t, to->tier) + unit;
	for (; i < to->n && t <= e->t_max; i++, end += unit) {
		int64_t last = MIN(end - 1, e->t_max), count = (last - t) / period + 1;

		/* Minutes that all have as many, but for the last, which may be cut short. */
		uint32_t m = i && unit % period == 0 ? (uint32_t) MIN((uint64_t) (e->t_max - t) / (uint64_t) unit, (uint64_t) (to->n - i)) : 0;
		struct clock c = { t, row };
		if (!tick(to, i, MAX(m, 1u), count, &c))
			return false;
		t = c.next;
		row = c.row;
		i += MAX(m, 1u) - 1;
		end += (MAX(m, 1u) - 1) * unit;
	}
	to->row[i] = row;
	return i == to->n && row == e->n_used && to->t_max[i - 1] == e->t_max;
}

static int by_index(const struct reading *k)
{
	const struct idx_entry *e = k->e;
	struct rolls *to = k->to;

	if (!e->first_bits || e->last_q > (roll_is_whole(to->type) ? 0 : ROLL_DOUBLES))
		return 0;
	to->period = (int64_t) e->first_bits;
	if (!times_by_index(to, e))
		return 0;
	if (e->last_q == ROLL_DOUBLES)
		return doubles(k);
	to->is_double = false;
	to->e = (uint8_t) e->last_q;
	return to->e > DECIMAL_E_LIMIT ? 0 : values_of(k, ROLL_LAST, ROLL_SUM);
}

static int by_columns(const struct reading *k)
{
	int r = nothing_else(k);

	if (r > 0)
		r = times(k);
	return r > 0 ? values(k) : r;
}

int roll_read_steady(const struct reading *k)
{
	struct rolls *to = k->to;
	int r = to->n ? by_index(k) : 0;

	if (r == 0 && to->n)
		r = by_columns(k);
	if (r <= 0)
		return r;
	to->steady = to->finite = true;
	to->good = to->used = to->worst = NULL;
	to->covered = to->first_ns = to->last_ns = NULL;
	to->falls = NULL;
	return 1;
}
