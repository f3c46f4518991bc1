/* roll_write.c - rows of figures as columns: decimals where these give the same bits, and nothing that the other columns say already. */
#include "tsdb/roll.h"

#include <math.h>

#include "base/err.h"
#include "sys/sys.h"
#include "tsdb/decimal.h"

const struct pq_col roll_cols[ROLL_COLS] = {
	[ROLL_SERIES] = { .name = "series", .type = PQ_INT32 },
	[ROLL_TS] = { .name = "ts", .type = PQ_INT64, .kind = PQ_MICROS_UTC, .distinct = true, .steady = true },
	[ROLL_OFF] = { .name = "off", .type = PQ_INT64, .distinct = true, .unsought = true, .steady = true },
	[ROLL_PERIOD] = { .name = "period", .type = PQ_INT64, .optional = true, .distinct = true, .unsought = true, .steady = true },
	[ROLL_SPAN] = { .name = "span", .type = PQ_INT64, .optional = true, .distinct = true, .unsought = true },
	[ROLL_N] = { .name = "n", .type = PQ_INT32, .distinct = true, .unsought = true, .steady = true },
	[ROLL_GOOD] = { .name = "good", .type = PQ_INT32, .optional = true, .unsought = true },
	[ROLL_USED] = { .name = "used", .type = PQ_INT32, .optional = true, .unsought = true },
	[ROLL_WORST] = { .name = "worst", .type = PQ_INT32, .optional = true, .unsought = true },
	[ROLL_COVERED] = { .name = "covered", .type = PQ_INT64, .optional = true, .unsought = true },
	[ROLL_FIRST_AT] = { .name = "first_at", .type = PQ_INT64, .optional = true, .unsought = true },
	[ROLL_LAST_AT] = { .name = "last_at", .type = PQ_INT64, .optional = true, .unsought = true },
	[ROLL_E] = { .name = "e", .type = PQ_INT32, .optional = true, .distinct = true, .unsought = true, .steady = true },
	[ROLL_FIRST] = { .name = "first", .type = PQ_INT64, .optional = true, .unsought = true },
	[ROLL_LAST] = { .name = "last", .type = PQ_INT64, .optional = true, .unsought = true, .often = true },
	[ROLL_MIN] = { .name = "min", .type = PQ_INT64, .optional = true, .unsought = true },
	[ROLL_MAX] = { .name = "max", .type = PQ_INT64, .optional = true, .unsought = true },
	[ROLL_SUM] = { .name = "sum", .type = PQ_INT64, .optional = true, .unsought = true, .often = true },
	[ROLL_FIRST_D] = { .name = "first_d", .type = PQ_DOUBLE, .optional = true, .unsought = true },
	[ROLL_LAST_D] = { .name = "last_d", .type = PQ_DOUBLE, .optional = true, .unsought = true, .often = true },
	[ROLL_MIN_D] = { .name = "min_d", .type = PQ_DOUBLE, .optional = true, .unsought = true },
	[ROLL_MAX_D] = { .name = "max_d", .type = PQ_DOUBLE, .optional = true, .unsought = true },
	[ROLL_SUM_D] = { .name = "sum_d", .type = PQ_DOUBLE, .optional = true, .unsought = true, .often = true },
	[ROLL_HELD] = { .name = "held", .type = PQ_DOUBLE, .optional = true, .unsought = true },
	[ROLL_MIN_AT] = { .name = "min_at", .type = PQ_INT64, .optional = true, .unsought = true },
	[ROLL_MAX_AT] = { .name = "max_at", .type = PQ_INT64, .optional = true, .unsought = true },
	[ROLL_FALLS] = { .name = "falls", .type = PQ_INT32, .optional = true, .unsought = true, .steady = true },
};

/* A sum of decimals is one, but for the rounding of each addition: so much of it. */
#define SUM_SLACK 0x1p-46
#define HELD_SLACK 0x1p-46
static const double WHOLE_MAX = 4503599627370496.0;     /* 2^52, as of decimals */

/* The rows of one piece, and their decimals, four a row: first, last, min, max. */
struct rows {
	const struct roll *row;
	uint32_t n;
	bool whole;
	int64_t m[4 * ROLL_PAGE_ROWS], sum_m[ROLL_PAGE_ROWS];
	uint8_t e[ROLL_PAGE_ROWS];
	uint8_t is_m[ROLL_PAGE_ROWS], is_sum[ROLL_PAGE_ROWS];
	double sum[ROLL_PAGE_ROWS];     /* as it will be read */
	double v[4 * ROLL_PAGE_ROWS];
	uint8_t v_e[4 * ROLL_PAGE_ROWS], v_is[4 * ROLL_PAGE_ROWS];
};

struct roll_pen {
	uint64_t bits[ROLL_PAGE_ROWS];
	uint8_t is[ROLL_PAGE_ROWS];
	uint8_t hint;
	/* Of the series under way: how many rows had something to say in a column; whether all that are decimals are of so many places. */
	uint32_t there[ROLL_COLS];
	uint8_t places;
	bool alike;
	struct rows rows;
};

int roll_pen_new(struct roll_pen **ret)
{
	struct roll_pen *pen = sys_new(struct roll_pen);

	if (!pen)
		return err_fail(ERR_NO_MEMORY, "what", "writing roll-ups", NULL);
	*ret = pen;
	return 0;
}

static uint64_t bits_of(double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

static void sum_decimal(struct rows *k, uint32_t i)
{
	double sum = k->row[i].sum, m = sum;

	for (unsigned e = 0; e < k->e[i]; e++)
		m *= 10;
	k->sum[i] = sum;
	k->is_sum[i] = false;
	if (!(fabs(m) < WHOLE_MAX) || (sum == 0 && signbit(sum)))
		return;
	int64_t nearest = (int64_t) (m < 0 ? m - 0.5 : m + 0.5);
	double back = decimal_f64(nearest, k->e[i]);
	if (fabs(back - sum) > fabs(sum) * SUM_SLACK)
		return;
	k->is_sum[i] = true;
	k->sum_m[i] = nearest;
	k->sum[i] = back;
}

static void decimals_of_wholes(struct rows *k)
{
	for (uint32_t i = 0; i < k->n; i++) {
		const struct roll *r = &k->row[i];
		const int64_t four[] = { r->first.i, r->last.i, r->min.i, r->max.i };

		memcpy(k->m + 4 * i, four, sizeof(four));
		k->is_m[i] = r->used > 0;
		k->e[i] = 0;
	}
}

static void decimals_of_reals(struct rows *k, uint8_t *hint)
{
	const uint8_t *is = k->v_is;

	for (uint32_t i = 0; i < k->n; i++) {
		const struct roll *r = &k->row[i];
		const double four[] = { r->first.f, r->last.f, r->min.f, r->max.f };

		memcpy(k->v + 4 * i, four, sizeof(four));
	}
	size_t n = decimal_run_f64(k->v, 4 * (size_t) k->n, hint, k->m, k->v_e, k->v_is);
	for (uint32_t i = 0; i < k->n; i++) {
		const uint8_t *x = k->v_e + 4 * i;

		k->is_m[i] = n && k->row[i].used && is[4 * i] && is[4 * i + 1] && is[4 * i + 2] && is[4 * i + 3] && x[0] == x[1] &&
			x[0] == x[2] && x[0] == x[3];
		k->e[i] = k->is_m[i] ? x[0] : 0;
	}
}

/* --- Columns: what one row has to say */

typedef bool (*cell_fn)(const struct rows *k, uint32_t i, uint64_t *ret);

static int64_t micros(const struct roll *r) { return r->start_ns / 1000 - (r->start_ns % 1000 < 0); }
static bool is_regular(const struct roll *r) { return r->n == 1 || r->period >= 0; }

static bool cell_off(const struct rows *k, uint32_t i, uint64_t *ret)
{
	*ret = (uint64_t) k->row[i].t_min - (uint64_t) micros(&k->row[i]) * 1000;
	return true;
}

static bool cell_period(const struct rows *k, uint32_t i, uint64_t *ret)
{
	*ret = k->row[i].n == 1 ? 0 : (uint64_t) k->row[i].period;
	return is_regular(&k->row[i]);
}

static bool cell_span(const struct rows *k, uint32_t i, uint64_t *ret)
{
	*ret = (uint64_t) (k->row[i].t_max - k->row[i].t_min);
	return !is_regular(&k->row[i]);
}

static bool cell_good(const struct rows *k, uint32_t i, uint64_t *ret)
{
	*ret = k->row[i].good;
	return k->row[i].good != k->row[i].n;
}

static bool cell_used(const struct rows *k, uint32_t i, uint64_t *ret)
{
	*ret = k->row[i].used;
	return k->row[i].used != k->row[i].n;
}

static bool cell_worst(const struct rows *k, uint32_t i, uint64_t *ret)
{
	*ret = (uint64_t) (int64_t) (int32_t) k->row[i].worst;
	return k->row[i].worst != 0;
}

static bool cell_covered(const struct rows *k, uint32_t i, uint64_t *ret)
{
	const struct roll *r = &k->row[i];

	*ret = (uint64_t) r->covered_ns;
	return r->covered_ns != r->t_max - r->t_min;
}

static bool cell_first_at(const struct rows *k, uint32_t i, uint64_t *ret)
{
	const struct roll *r = &k->row[i];

	*ret = (uint64_t) (r->first_ns - r->t_min);
	return r->used && r->first_ns != r->t_min;
}

static bool cell_last_at(const struct rows *k, uint32_t i, uint64_t *ret)
{
	const struct roll *r = &k->row[i];

	*ret = (uint64_t) (r->last_ns - r->t_min);
	return r->used && !r->holds;
}

static bool cell_e(const struct rows *k, uint32_t i, uint64_t *ret)
{
	*ret = k->e[i];
	return k->is_m[i];
}

static bool cell_m(const struct rows *k, uint32_t i, unsigned which, uint64_t *ret)
{
	*ret = (uint64_t) k->m[4 * i + which];
	return k->is_m[i];
}

static bool cell_first(const struct rows *k, uint32_t i, uint64_t *ret) { return cell_m(k, i, 0, ret); }
static bool cell_last(const struct rows *k, uint32_t i, uint64_t *ret) { return cell_m(k, i, 1, ret); }
static bool cell_min(const struct rows *k, uint32_t i, uint64_t *ret) { return cell_m(k, i, 2, ret); }
static bool cell_max(const struct rows *k, uint32_t i, uint64_t *ret) { return cell_m(k, i, 3, ret); }

static bool cell_sum(const struct rows *k, uint32_t i, uint64_t *ret)
{
	*ret = (uint64_t) k->sum_m[i];
	return k->is_m[i] && k->is_sum[i];
}

static bool cell_d(const struct rows *k, uint32_t i, double v, uint64_t *ret)
{
	*ret = bits_of(v);
	return k->row[i].used && !k->is_m[i];
}

static bool cell_first_d(const struct rows *k, uint32_t i, uint64_t *ret) { return cell_d(k, i, k->row[i].first.f, ret); }
static bool cell_last_d(const struct rows *k, uint32_t i, uint64_t *ret) { return cell_d(k, i, k->row[i].last.f, ret); }
static bool cell_min_d(const struct rows *k, uint32_t i, uint64_t *ret) { return cell_d(k, i, k->row[i].min.f, ret); }
static bool cell_max_d(const struct rows *k, uint32_t i, uint64_t *ret) { return cell_d(k, i, k->row[i].max.f, ret); }

static bool cell_sum_d(const struct rows *k, uint32_t i, uint64_t *ret)
{
	*ret = bits_of(k->row[i].sum);
	return k->row[i].used && !(k->is_m[i] && k->is_sum[i]);
}

/* Where there is a period and all are used, the others say it. */
static bool cell_held(const struct rows *k, uint32_t i, uint64_t *ret)
{
	const struct roll *r = &k->row[i];
	double last = k->whole ? (double) r->last.i : r->last.f, said = r->n == 1 ? 0 : (double) r->period * (k->sum[i] - last);

	*ret = bits_of(r->held);
	return r->used && !(is_regular(r) && r->used == r->n && fabs(said - r->held) <= fabs(r->held) * HELD_SLACK);
}

static bool at(const struct roll *r, int64_t ns, uint64_t *ret)
{
	int64_t off = ns - r->t_min;

	*ret = (uint64_t) (is_regular(r) && r->period > 0 ? off / r->period : off);
	return r->used;
}

static bool cell_min_at(const struct rows *k, uint32_t i, uint64_t *ret) { return at(&k->row[i], k->row[i].min_ns, ret); }
static bool cell_max_at(const struct rows *k, uint32_t i, uint64_t *ret) { return at(&k->row[i], k->row[i].max_ns, ret); }

static bool cell_falls(const struct rows *k, uint32_t i, uint64_t *ret)
{
	*ret = 1;
	return k->row[i].falls;
}

static bool cell_ts(const struct rows *k, uint32_t i, uint64_t *ret)
{
	*ret = (uint64_t) micros(&k->row[i]);
	return true;
}

static bool cell_n(const struct rows *k, uint32_t i, uint64_t *ret)
{
	*ret = k->row[i].n;
	return true;
}

static const cell_fn cells[ROLL_COLS] = {
	[ROLL_TS] = cell_ts, [ROLL_OFF] = cell_off, [ROLL_PERIOD] = cell_period, [ROLL_SPAN] = cell_span, [ROLL_N] = cell_n, [ROLL_GOOD] = cell_good,
	[ROLL_USED] = cell_used, [ROLL_WORST] = cell_worst, [ROLL_COVERED] = cell_covered, [ROLL_FIRST_AT] = cell_first_at, [ROLL_LAST_AT] = cell_last_at,
	[ROLL_E] = cell_e, [ROLL_FIRST] = cell_first, [ROLL_LAST] = cell_last, [ROLL_MIN] = cell_min, [ROLL_MAX] = cell_max, [ROLL_SUM] = cell_sum,
	[ROLL_FIRST_D] = cell_first_d, [ROLL_LAST_D] = cell_last_d, [ROLL_MIN_D] = cell_min_d, [ROLL_MAX_D] = cell_max_d, [ROLL_SUM_D] = cell_sum_d,
	[ROLL_HELD] = cell_held, [ROLL_MIN_AT] = cell_min_at, [ROLL_MAX_AT] = cell_max_at, [ROLL_FALLS] = cell_falls,
};

static void column(struct roll_pen *pen, struct pq_writer *w, unsigned col, const struct rows *k)
{
	uint32_t there = 0;

	for (uint32_t i = 0; i < k->n; i++) {
		pen->is[i] = cells[col](k, i, &pen->bits[i]);
		there += pen->is[i];
	}
	pen->there[col] += there;
	if (!there)
		pq_write_nulls(w, col, k->n);
	else
		pq_write_values(w, col, pen->bits, there == k->n ? NULL : pen->is, k->n);
}

static int piece(struct roll_pen *pen, struct pq_writer *w, uint32_t series, struct rows *k)
{
	if (k->whole)
		decimals_of_wholes(k);
	else
		decimals_of_reals(k, &pen->hint);
	for (uint32_t i = 0; i < k->n; i++)
		sum_decimal(k, i);
	pen->places = pen->there[ROLL_TS] ? pen->places : k->e[0];
	for (uint32_t i = 0; i < k->n; i++)
		pen->alike &= k->e[i] == pen->places;
	pq_write_const(w, ROLL_SERIES, series, k->n);
	for (unsigned c = ROLL_TS; c < ROLL_COLS; c++)
		column(pen, w, c, k);
	return pq_write_rows(w, k->n);
}

int roll_write(struct roll_pen *pen, struct pq_writer *w, uint32_t series, uint8_t type, const struct roll *row, uint32_t n)
{
	int r = 0;

	memset(pen->there, 0, sizeof(pen->there));
	pen->alike = true;
	for (uint32_t from = 0, some; from < n && r == 0; from += some) {
		pen->rows.row = row + from;
		pen->rows.whole = roll_is_whole(type);
		pen->rows.n = some = MIN(n - from, pq_writer_room(w));
		pen->hint = 0;
		r = piece(pen, w, series, &pen->rows);
	}
	return r;
}

/* Of the first row, or of the one behind it where that is a single sample. */
static int64_t period_of(const struct roll *row, uint32_t n)
{
	return row[0].n > 1 ? row[0].period : n > 1 && row[1].n > 1 ? row[1].period : 0;
}

static bool is_clock(const struct roll *row, uint32_t n)
{
	int64_t period = period_of(row, n);
	bool is = period > 0;

	for (uint32_t i = 0; i < n && is; i++)
		is = (row[i].n == 1 || row[i].period == period) && (!i || row[i].t_min - row[i - 1].t_max == period);
	return is;
}

void roll_entry(const struct roll_pen *pen, const struct roll *row, uint32_t n, struct idx_entry *ret)
{
	const uint32_t *there = pen->there;
	bool decimals = there[ROLL_E] == n && there[ROLL_LAST] == n && there[ROLL_SUM] == n && pen->alike;
	bool doubles = !there[ROLL_E] && there[ROLL_LAST_D] == n && there[ROLL_SUM_D] == n;

	ret->n = n;
	ret->t_min = row[0].t_min;
	ret->t_max = row[n - 1].t_max;
	ret->n_used = 0;
	for (uint32_t i = 0; i < n; i++)
		ret->n_used += row[i].n;
	if ((decimals || doubles) && !roll_says_more(there) && is_clock(row, n))
		roll_entry_clock(ret, period_of(row, n), decimals ? pen->places : ROLL_DOUBLES);
}
