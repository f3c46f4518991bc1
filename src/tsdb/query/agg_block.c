/*
 * agg_block.c - samples of one bucket, a block at a time.
 *
 * Blocks of nothing but good numbers, which are most, go by four and four without a branch; all others sample by sample.
 */
#include <math.h>

#include "base/err.h"
#include "tsdb/decimal.h"
#include "tsdb/query/agg.h"

/* The span's values as numbers, and which of them are used. Returns whether all are. */
bool agg_numbers(struct agg *a, const struct span *s)
{
	bool all = !s->cell && !s->q;

	for (uint32_t i = 0; i < s->n && s->type == V_F32; i++)
		a->number[i] = (double) ((const float *) s->v)[i];
	for (uint32_t i = 0; i < s->n && s->type == V_BOOL; i++)
		a->number[i] = s->scaled ? ((const int64_t *) s->v)[i] != 0 : ((const uint8_t *) s->v)[i];
	for (uint32_t i = 0; i < s->n && (s->type == V_I64 || s->type == V_TIME); i++)
		a->number[i] = (double) ((const int64_t *) s->v)[i];
	if (s->type == V_F64 && s->scaled)
		decimals_f64(s->v, s->e, s->n, a->number);
	else if (s->type == V_F64)
		memcpy(a->number, s->v, s->n * sizeof(a->number[0]));
	else if (a->is_text)
		memset(a->number, 0, s->n * sizeof(a->number[0]));
	uint8_t good = 1;
	for (uint32_t i = 0; i < s->n; i++)
		good &= a->used[i] = a->number[i] == a->number[i];
	for (uint32_t i = 0; s->cell && i < s->n; i++)
		a->used[i] &= s->cell[i] == CELL_VALUE;
	for (uint32_t i = 0; s->q && i < s->n; i++)
		a->used[i] &= !quality_is_bad(s->q[i]);
	return all && good;
}

static void count_quality(struct agg *a, const struct span *s)
{
	if (!s->q) {
		a->b.n_good += s->n;
		return;
	}
	for (uint32_t i = 0; i < s->n; i++) {
		a->b.n_good += quality_is_good(s->q[i]);
		if (s->q[i] >> 30 > a->b.worst >> 30)
			a->b.worst = s->q[i];
	}
}

static int keep_value(struct agg *a, const struct span *s, uint32_t row, struct value *to, int64_t *to_ns)
{
	struct value v = span_value(s, row);

	if (a->is_text) {
		v.s = arena_strn(&a->texts, v.s, v.len);
		if (!v.s)
			return err_fail(ERR_NO_MEMORY, "what", "an aggregate", NULL);
	}
	*to = v;
	*to_ns = s->t[row];
	return 0;
}

/* Every span has a last one, only one of them stays. */
static int keep_last(struct agg *a, const struct span *s, uint32_t row)
{
	if (!a->is_text)
		return keep_value(a, s, row, &a->b.last, &a->b.last_ns);
	a->b.last = span_value(s, row);
	a->b.last_ns = s->t[row];
	buf_clear(&a->last_text);
	buf_addn(&a->last_text, a->b.last.s, a->b.last.len);
	a->b.last.s = a->last_text.data;
	return a->last_text.failed ? err_fail(ERR_NO_MEMORY, "what", "an aggregate", NULL) : 0;
}

static int ends(struct agg *a, const struct span *s)
{
	uint32_t first = 0, last = s->n;
	int r = 0;

	while (first < s->n && !a->used[first])
		first++;
	if (first == s->n)
		return 0;
	while (!a->used[last - 1])
		last--;
	if (a->b.first.type == V_NONE)
		r = keep_value(a, s, first, &a->b.first, &a->b.first_ns);
	return r < 0 ? r : keep_last(a, s, last - 1);
}

/* Whole numbers are compared as such: beyond 2^53 doubles take neighbours for equal. */
static void ends_whole(struct tsdb_bucket *b, const struct span *s, const uint8_t *used)
{
	const int64_t *v = s->v;
	bool any = b->n_used > 0;

	for (uint32_t i = 0; i < s->n; i++) {
		if (!used[i])
			continue;
		if (!any || v[i] < b->min_i) {
			b->min_i = v[i];
			b->min_ns = s->t[i];
		}
		if (!any || v[i] > b->max_i) {
			b->max_i = v[i];
			b->max_ns = s->t[i];
		}
		any = true;
	}
	if (any) {
		b->min = (double) b->min_i;
		b->max = (double) b->max_i;
	}
}

static void ends_real(struct tsdb_bucket *b, const struct span *s, const double *v, const uint8_t *used)
{
	bool any = b->n_used > 0;

	for (uint32_t i = 0; i < s->n; i++) {
		if (!used[i])
			continue;
		if (!any || v[i] < b->min) {
			b->min = v[i];
			b->min_ns = s->t[i];
		}
		if (!any || v[i] > b->max) {
			b->max = v[i];
			b->max_ns = s->t[i];
		}
		any = true;
	}
}

static void numbers(struct agg *a, const struct span *s)
{
	struct sum sum = a->sum;
	uint64_t used = 0;

	if (is_whole(s->type))
		ends_whole(&a->b, s, a->used);
	else
		ends_real(&a->b, s, a->number, a->used);
	for (uint32_t i = 0; i < s->n; i++) {
		if (!a->used[i])
			continue;
		sum_add(&sum, a->number[i]);
		used++;
	}
	a->sum = sum;
	a->b.n_used += used;
}

/* Segments between the samples of the block, all inside the open bucket, and what is held behind it. */
static void inner_segments(struct agg *a, const struct span *s)
{
	bool linear = a->step->between == TSDB_LINEAR;

	for (uint32_t i = 0; i + 1 < s->n; i++)
		if (a->used[i])
			agg_integrate(a, s->t[i], s->t[i + 1], a->number[i], linear && a->used[i + 1] ? a->number[i + 1] : a->number[i]);
	a->holding = a->used[s->n - 1];
	a->hold = a->number[s->n - 1];
	a->hold_ns = s->t[s->n - 1];
}

/* The same for a block whose samples are all used and hold until the next: two and two side by side, without branches. Vectors of 16
 * bytes are what every x86-64 and ARM64 has. */
typedef double v2d __attribute__((vector_size(16)));
typedef int64_t v2i __attribute__((vector_size(16)));
struct lanes { v2d sum, held, min, max; };

static inline __attribute__((always_inline)) void two(struct lanes *l, const double *v, const int64_t *t)
{
	/* A whole number below 2^52 put into the mantissa of 2^52 is that much more: int to double without a conversion. */
	const v2d two52 = { 0x1p52, 0x1p52 };
	v2d x;
	v2i from, to;

	memcpy(&x, v, sizeof(x));
	memcpy(&from, t, sizeof(from));
	memcpy(&to, t + 1, sizeof(to));
	v2i lower = x < l->min, higher = x > l->max;
	l->sum += x;
	l->held += x * ((v2d) ((to - from) | (v2i) two52) - two52);
	l->min = (v2d) (((v2i) x & lower) | ((v2i) l->min & ~lower));
	l->max = (v2d) (((v2i) x & higher) | ((v2i) l->max & ~higher));
}

static struct lanes lanes(const double *v, const int64_t *t, uint32_t n)
{
	struct lanes a = { .min = { v[0], v[0] }, .max = { v[0], v[0] } }, b = a;

	for (uint32_t i = 0; i + 4 <= n; i += 4) {
		two(&a, v + i, t + i);
		two(&b, v + i + 2, t + i + 2);
	}
	v2i lower = b.min < a.min, higher = b.max > a.max;
	a.sum += b.sum;
	a.held += b.held;
	a.min = (v2d) (((v2i) b.min & lower) | ((v2i) a.min & ~lower));
	a.max = (v2d) (((v2i) b.max & higher) | ((v2i) a.max & ~higher));
	return a;
}

static void widen(struct agg *a, const struct span *s, const double *v, double min, double max)
{
	struct tsdb_bucket *b = &a->b;
	uint32_t i = 0;

	if (!(b->min <= min)) {
		while (v[i] != min)
			i++;
		b->min = min;
		b->min_ns = s->t[i];
		b->min_i = is_whole(s->type) ? ((const int64_t *) s->v)[i] : 0;
	}
	i = 0;
	if (!(b->max >= max)) {
		while (v[i] != max)
			i++;
		b->max = max;
		b->max_ns = s->t[i];
		b->max_i = is_whole(s->type) ? ((const int64_t *) s->v)[i] : 0;
	}
}

static void widen_scaled(struct agg *a, const struct span *s, int64_t min, int64_t max)
{
	struct tsdb_bucket *b = &a->b;
	double lowest = decimal_f64(min, s->e), highest = decimal_f64(max, s->e);

	if (!(b->min <= lowest)) {
		b->min = lowest;
		b->min_ns = s->t[lanes_find(a->wide, s->v, s->n, min)];
		b->min_i = is_whole(s->type) ? min : 0;
	}
	if (!(b->max >= highest)) {
		b->max = highest;
		b->max_ns = s->t[lanes_find(a->wide, s->v, s->n, max)];
		b->max_i = is_whole(s->type) ? max : 0;
	}
}

/* All rows but the last, which holds beyond the block. False: a NaN is among them, or more than 52 days,
 * or whole numbers that are no doubles; nothing was done. */
static bool plain_block(struct agg *a, const struct span *s, const double *v)
{
	uint32_t last = s->n - 1;

	if ((uint64_t) s->t[last] - (uint64_t) s->t[0] >= UINT64_C(1) << 52)
		return false;
	struct lanes l = lanes(v, s->t, last);
	for (uint32_t i = last & ~3u; i < last; i++) {
		l.sum[0] += v[i];
		l.held[0] += v[i] * (double) (s->t[i + 1] - s->t[i]);
		l.min[0] = v[i] < l.min[0] ? v[i] : l.min[0];
		l.max[0] = v[i] > l.max[0] ? v[i] : l.max[0];
	}
	double sum = l.sum[0] + l.sum[1];
	/* Also infinities of both signs: those, too, are for the careful way. */
	if (isnan(sum + v[last]))
		return false;
	double min = fmin(l.min[0], l.min[1]), max = fmax(l.max[0], l.max[1]);
	if (is_whole(s->type) && (fmin(min, v[last]) <= -0x1p53 || fmax(max, v[last]) >= 0x1p53))
		return false;
	if (last) {
		a->held_min = lower(a->held_min, min);
		a->held_max = higher(a->held_max, max);
		a->b.covered_ns += s->t[last] - s->t[0];
		sum_add(&a->integral, l.held[0] + l.held[1]);
	}
	sum_add(&a->sum, sum);
	sum_add(&a->sum, v[last]);
	a->b.n_used += s->n;
	widen(a, s, v, fmin(min, v[last]), fmax(max, v[last]));
	a->holding = true;
	a->hold = v[last];
	a->hold_ns = s->t[last];
	return true;
}

/* The same of whole numbers and decimals of one exponent at equal steps: sums are of whole numbers, so exact, and nothing is made a double that is
 * not an end of the block. */
static bool steady_block(struct agg *a, const struct span *s)
{
	static const int64_t limit = INT64_C(1) << 52;          /* a block's sum cannot leave int64 */
	const int64_t *m = s->v;
	uint32_t last = s->n - 1;
	struct lanes_sum x = lanes_sum(a->wide, m, MAX(last, 1u));
	int64_t min = MIN(x.min, m[last]), max = MAX(x.max, m[last]);

	if (min <= -limit || max >= limit || (s->type == V_BOOL && (min < 0 || max > 1)))
		return false;
	if (last) {
		a->held_min = lower(a->held_min, decimal_f64(x.min, s->e));
		a->held_max = higher(a->held_max, decimal_f64(x.max, s->e));
		a->b.covered_ns += s->t[last] - s->t[0];
		sum_add(&a->integral, decimal_f64((int64_t) x.sum, s->e) * (double) s->step_ns);
		x.sum += (uint64_t) m[last];
	}
	sum_add(&a->sum, decimal_f64((int64_t) x.sum, s->e));
	a->b.n_used += s->n;
	if (!a->step->lean)
		widen_scaled(a, s, min, max);
	a->holding = true;
	a->hold = decimal_f64(m[last], s->e);
	a->hold_ns = s->t[last];
	return true;
}

/* The same for whom the least and greatest are nothing: then a mean is only near to what it is the mean of. */
static bool steady_total(struct agg *a, const struct span *s)
{
	const int64_t *m = s->v;
	uint32_t last = s->n - 1;
	struct lanes_total x = lanes_total(a->wide, m, s->n);

	if (!x.small || (s->type == V_BOOL && !x.bits))
		return false;
	if (last) {
		a->held_min = -INFINITY;
		a->held_max = INFINITY;
		a->b.covered_ns += s->t[last] - s->t[0];
		sum_add(&a->integral, decimal_f64((int64_t) (x.sum - (uint64_t) m[last]), s->e) * (double) s->step_ns);
	}
	sum_add(&a->sum, decimal_f64((int64_t) x.sum, s->e));
	a->b.n_used += s->n;
	a->holding = true;
	a->hold = decimal_f64(m[last], s->e);
	a->hold_ns = s->t[last];
	return true;
}

/* Nothing but good doubles, each until the next one: they are looked at where they lie. */
static int plain(struct agg *a, const struct span *s, bool *ret_done)
{
	bool plain = !a->more && !s->cell && !s->q && a->step->between == TSDB_STEP;

	*ret_done = plain && ((s->step_ns && (s->scaled || is_whole(s->type)) && (a->step->lean ? steady_total : steady_block)(a, s)) ||
		(s->type == V_F64 && !s->scaled && plain_block(a, s, s->v)));
	if (!*ret_done)
		return 0;
	a->b.n_good += s->n;
	int r = a->b.first.type == V_NONE ? keep_value(a, s, 0, &a->b.first, &a->b.first_ns) : 0;
	return r < 0 ? r : keep_value(a, s, s->n - 1, &a->b.last, &a->b.last_ns);
}

int agg_block(struct agg *a, const struct span *s)
{
	bool done;
	int r;

	a->b.n += s->n;
	r = plain(a, s, &done);
	if (r < 0 || done)
		return r;
	bool all = agg_numbers(a, s);
	count_quality(a, s);
	r = ends(a, s);
	if (a->is_text) {
		for (uint32_t i = 0; i < s->n; i++)
			a->b.n_used += a->used[i];
	} else if (!all || a->step->between != TSDB_STEP || !plain_block(a, s, a->number)) {
		numbers(a, s);
		inner_segments(a, s);
	}
	return r == 0 && a->more ? more_block(a, s) : r;
}


/* --- A run of samples by what the side index says of it */

bool agg_is_known(const struct agg *a, const struct idx_entry *e)
{
	bool exact = !is_whole(e->type) || (e->min > -0x1p53 && e->max < 0x1p53);

	return !a->more && !a->q->raw_only && a->step->between == TSDB_STEP && !a->is_text && e->n_used == e->n && exact && isfinite(e->sum) && isfinite(e->held);
}

struct value agg_value(const struct idx_entry *e, uint64_t bits)
{
	struct value v = { .type = (enum vtype) e->type };

	memcpy(&v.i, &bits, slot_width(e->type));
	return v;
}

void agg_entry(struct agg *a, const struct idx_entry *e)
{
	struct tsdb_bucket *b = &a->b;

	if (b->first.type == V_NONE) {
		b->first = agg_value(e, e->first_bits);
		b->first_ns = e->t_min;
	}
	b->last = agg_value(e, e->last_bits);
	b->last_ns = e->t_max;
	b->n += e->n;
	b->n_good += e->n_good;
	b->n_used += e->n;
	if (e->worst_q >> 30 > b->worst >> 30)
		b->worst = e->worst_q;
	if (!(b->min <= e->min)) {
		b->min = e->min;
		b->min_ns = e->min_ns;
		b->min_i = is_whole(e->type) ? (int64_t) e->min : 0;
	}
	if (!(b->max >= e->max)) {
		b->max = e->max;
		b->max_ns = e->max_ns;
		b->max_i = is_whole(e->type) ? (int64_t) e->max : 0;
	}
	sum_add(&a->sum, e->sum);
	sum_add(&a->integral, e->held);
	b->covered_ns += e->t_max - e->t_min;
	a->held_min = lower(a->held_min, e->min);
	a->held_max = higher(a->held_max, e->max);
}
