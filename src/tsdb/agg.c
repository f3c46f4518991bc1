/*
 * agg.c - figures per step of time.
 *
 * Samples go by once. A bucket is closed when a sample behind it comes, or the end. Between two samples lies a *segment* in which the
 * first one's value goes on (or runs straight to the second's); the time-weighted mean is the integral over the segments
 * divided by the time they cover (OPC 10000-13, 5.4.3 TimeAverage: a Bad sample ends the value before it, and covers nothing).
 */
#include <math.h>

#include "base/err.h"
#include "tsdb/tsdb_impl.h"

enum { OUT_BUCKETS = 256, TEXT_MAX = 32 << 20 };

struct sum { double hi, lo; };          /* Neumaier: lo is what the additions to hi lost */

struct agg {
	const struct tsdb_query *q;
	const struct tsdb_step *step;
	tsdb_buckets_fn on_buckets;
	void *ctx;
	uint64_t left;
	bool done;                      /* the limit is reached */
	struct tsdb_bucket out[OUT_BUCKETS];
	size_t n_out;
	struct arena texts;             /* of first and last in out[] */
	/* The bucket being filled: */
	bool open;
	struct tsdb_bucket b;
	struct sum sum, integral;
	double held_min, held_max;
	/* What goes on from the last sample: */
	bool holding;
	int64_t hold_ns;
	double hold;
	double number[CHUNK_ROWS];      /* a block of a span as numbers */
	uint8_t used[CHUNK_ROWS];
};

static void sum_add(struct sum *s, double v)
{
	double t = s->hi + v;

	s->lo += fabs(s->hi) >= fabs(v) ? s->hi - t + v : v - t + s->hi;
	s->hi = t;
}

static double sum_get(const struct sum *s) { return isfinite(s->hi) ? s->hi + s->lo : s->hi; }

/* --- Buckets */

static void borders(const struct agg *a, int64_t t, int64_t *ret_start, int64_t *ret_end)
{
	int64_t step = a->step->step_ns, start = a->q->from_ns, end = a->q->to_ns, off, border;

	if (step > 0 && !__builtin_sub_overflow(t, a->step->origin_ns, &off)) {
		int64_t rest = off % step;

		border = t - (rest < 0 ? rest + step : rest);
		start = MAX(start, border);
		if (!__builtin_add_overflow(border, step, &border))
			end = MIN(end, border);
	}
	*ret_start = start;
	*ret_end = end;
}

static void open_bucket(struct agg *a, uint32_t series, int64_t t)
{
	a->b = (struct tsdb_bucket) { .series = series, .min = (double) NAN, .max = (double) NAN };
	borders(a, t, &a->b.start_ns, &a->b.end_ns);
	a->sum = a->integral = (struct sum) { 0 };
	a->held_min = INFINITY;
	a->held_max = -INFINITY;
	a->open = true;
}

static int hand_over(struct agg *a)
{
	int r = a->n_out ? a->on_buckets(a->ctx, a->out, a->n_out) : 0;

	a->n_out = 0;
	arena_reset(&a->texts);
	return MIN(r, 0);
}

static int close_bucket(struct agg *a)
{
	struct tsdb_bucket *b = &a->b;

	a->open = false;
	if (b->n == 0 && b->covered_ns == 0)
		return 0;
	b->sum = sum_get(&a->sum);
	b->mean = b->n_used ? b->sum / (double) b->n_used : (double) NAN;
	b->avg = (double) NAN;
	/* Rounding must not carry a mean out of what it is the mean of; a constant stays exactly itself. */
	if (b->covered_ns)
		b->avg = fmax(a->held_min, fmin(a->held_max, sum_get(&a->integral) / (double) b->covered_ns));
	if (a->left == 0) {
		a->done = true;
		return 0;
	}
	a->left--;
	a->out[a->n_out++] = *b;
	return a->n_out == OUT_BUCKETS ? hand_over(a) : 0;
}

/* --- Segments */

/* The value from `from` to `to`, both in the open bucket, beginning at v0 and ending at v1. */
static void integrate(struct agg *a, int64_t from, int64_t to, double v0, double v1)
{
	double dt = (double) (to - from);

	if (to <= from)
		return;
	a->b.covered_ns += to - from;
	sum_add(&a->integral, v0 == v1 ? v0 * dt : (v0 / 2 + v1 / 2) * dt);
	a->held_min = fmin(a->held_min, fmin(v0, v1));
	a->held_max = fmax(a->held_max, fmax(v0, v1));
}

/* The held value goes on until t, where it is v1; buckets on the way are closed. */
static int segment(struct agg *a, uint32_t series, int64_t t, double v1)
{
	int64_t begin = a->hold_ns;
	double v0 = a->hold, slope = a->step->between == TSDB_LINEAR ? (v1 - v0) / (double) (t - begin) : 0;

	for (int64_t at = begin; at < t && !a->done;) {
		if (!a->open)
			open_bucket(a, series, at);
		int64_t end = MIN(t, a->b.end_ns);
		double from = slope != 0 ? v0 + slope * (double) (at - begin) : v0;
		double to = slope != 0 ? (end == t ? v1 : v0 + slope * (double) (end - begin)) : v0;

		integrate(a, at, end, from, to);
		if (end == a->b.end_ns) {
			int r = close_bucket(a);

			if (r < 0)
				return r;
		}
		at = end;
	}
	return 0;
}

/* Makes the open bucket the one that holds t. */
static int move_to(struct agg *a, uint32_t series, int64_t t)
{
	int r = 0;

	if (a->open && t >= a->b.end_ns)
		r = close_bucket(a);
	if (r == 0 && !a->open && !a->done)
		open_bucket(a, series, t);
	return r;
}

/* --- Blocks of samples within one bucket */

static bool is_text(uint8_t type) { return type == V_STR || type == V_BYTES; }

/* The span's values as numbers, and which of them are used. Returns whether all are. */
static bool as_numbers(struct agg *a, const struct span *s)
{
	bool all = !s->cell && !s->q;

	for (uint32_t i = 0; i < s->n && s->type == V_F32; i++)
		a->number[i] = (double) ((const float *) s->v)[i];
	for (uint32_t i = 0; i < s->n && s->type == V_BOOL; i++)
		a->number[i] = ((const uint8_t *) s->v)[i];
	for (uint32_t i = 0; i < s->n && (s->type == V_I64 || s->type == V_TIME); i++)
		a->number[i] = (double) ((const int64_t *) s->v)[i];
	if (s->type == V_F64)
		memcpy(a->number, s->v, s->n * sizeof(a->number[0]));
	else if (is_text(s->type))
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

	if (is_text(s->type)) {
		v.s = arena_strn(&a->texts, v.s, v.len);
		if (!v.s)
			return err_fail(ERR_NO_MEMORY, "what", "an aggregate", NULL);
	}
	*to = v;
	*to_ns = s->t[row];
	return 0;
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
	return r < 0 ? r : keep_value(a, s, last - 1, &a->b.last, &a->b.last_ns);
}

static void numbers(struct agg *a, const struct span *s)
{
	struct tsdb_bucket *b = &a->b;
	struct sum sum = a->sum;
	double min = b->n_used ? b->min : INFINITY, max = b->n_used ? b->max : -INFINITY;
	uint64_t used = 0;

	for (uint32_t i = 0; i < s->n; i++) {
		double v = a->number[i];

		if (!a->used[i])
			continue;
		if (v < min || (used == 0 && b->n_used == 0)) {
			min = v;
			b->min_ns = s->t[i];
		}
		if (v > max || (used == 0 && b->n_used == 0)) {
			max = v;
			b->max_ns = s->t[i];
		}
		sum_add(&sum, v);
		used++;
	}
	a->sum = sum;
	b->n_used += used;
	if (b->n_used) {
		b->min = min;
		b->max = max;
	}
}

/* Segments between the samples of the block, all inside the open bucket, and what is held behind it. */
static void inner_segments(struct agg *a, const struct span *s)
{
	bool linear = a->step->between == TSDB_LINEAR;

	for (uint32_t i = 0; i + 1 < s->n; i++)
		if (a->used[i])
			integrate(a, s->t[i], s->t[i + 1], a->number[i], linear && a->used[i + 1] ? a->number[i + 1] : a->number[i]);
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
	}
	i = 0;
	if (!(b->max >= max)) {
		while (v[i] != max)
			i++;
		b->max = max;
		b->max_ns = s->t[i];
	}
}

/* All rows but the last, which holds beyond the block. False: a NaN is among them or more than 52 days, nothing was done. */
static bool plain_block(struct agg *a, const struct span *s, const double *v)
{
	uint32_t last = s->n - 1;

	if (s->t[last] - s->t[0] >= INT64_C(1) << 52)
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
	if (last) {
		a->held_min = fmin(a->held_min, min);
		a->held_max = fmax(a->held_max, max);
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

/* Nothing but good doubles, each until the next one: they are looked at where they lie. */
static int plain(struct agg *a, const struct span *s, bool *ret_done)
{
	*ret_done = s->type == V_F64 && !s->cell && !s->q && a->step->between == TSDB_STEP && plain_block(a, s, s->v);
	if (!*ret_done)
		return 0;
	a->b.n_good += s->n;
	int r = a->b.first.type == V_NONE ? keep_value(a, s, 0, &a->b.first, &a->b.first_ns) : 0;
	return r < 0 ? r : keep_value(a, s, s->n - 1, &a->b.last, &a->b.last_ns);
}

static int block(struct agg *a, const struct span *s)
{
	bool done;
	int r;

	a->b.n += s->n;
	r = plain(a, s, &done);
	if (r < 0 || done)
		return r;
	bool all = as_numbers(a, s);
	count_quality(a, s);
	r = ends(a, s);
	if (is_text(s->type)) {
		for (uint32_t i = 0; i < s->n; i++)
			a->b.n_used += a->used[i];
	} else if (!all || a->step->between != TSDB_STEP || !plain_block(a, s, a->number)) {
		numbers(a, s);
		inner_segments(a, s);
	}
	return r;
}

static int put_span(struct agg *a, uint32_t series, const struct span *all)
{
	int r = 0;

	for (uint32_t at = 0; at < all->n && r == 0 && !a->done;) {
		struct span s = span_part(all, at, MIN(all->n - at, (uint32_t) CHUNK_ROWS));

		/* Is the held value's segment over, and in which bucket is this sample? */
		as_numbers(a, &(struct span) { .n = 1, .type = s.type, .v = s.v, .cell = s.cell, .q = s.q });
		if (a->holding)
			r = segment(a, series, s.t[0], a->used[0] ? a->number[0] : a->hold);
		if (r == 0)
			r = move_to(a, series, s.t[0]);
		if (r < 0 || a->done)
			break;
		s.n = s.t[s.n - 1] < a->b.end_ns ? s.n : span_find(&s, 0, a->b.end_ns);
		r = block(a, &s);
		at += s.n;
	}
	return r;
}

/* --- Series */

static int look_back(struct reader *rd, struct agg *a, const struct series *s)
{
	struct sample before;

	a->holding = false;
	if (a->step->only_time || is_text(s->type) || a->q->from_ns == INT64_MIN)
		return 0;
	int r = last_before(rd, s, a->q->from_ns, &a->texts, &before);
	if (r < 0 || before.time_ns == TSDB_NEVER || before.value.type == V_NONE || quality_is_bad(before.quality))
		return r;
	const void *v = &before.value.i;
	as_numbers(a, &(struct span) { .n = 1, .type = s->type, .v = v });
	a->holding = a->used[0];
	a->hold = a->number[0];
	a->hold_ns = a->q->from_ns;
	return 0;
}

static int one_series(struct reader *rd, struct agg *a, const struct series *s)
{
	struct span span;
	int r = look_back(rd, a, s);

	a->open = false;
	if (r == 0)
		r = reader_series(rd, s, a->q->from_ns, a->q->to_ns);
	while (r == 0 && !a->done && (r = reader_next(rd, &span)) > 0)
		r = put_span(a, s->number, &span);
	if (r == 0 && a->holding && !a->done)
		r = segment(a, s->number, a->q->to_ns, a->hold);
	if (r == 0 && a->open && !a->done)
		r = close_bucket(a);
	return r;
}

static int all_series(struct tsdb *t, struct tenant *te, struct agg *a)
{
	_cleanup_free_ uint32_t *series = NULL;
	struct reader rd;
	size_t n = 0;
	int r = query_series(a->q, &series, &n);

	if (r < 0)
		return r;
	r = reader_open(t, te, a->q, &rd);
	for (size_t i = 0; i < n && r == 0 && !a->done; i++) {
		const struct series *s = names_series(te->names, series[i]);

		if (s)
			r = one_series(&rd, a, s);
	}
	if (r == 0)
		r = hand_over(a);
	reader_close(&rd);
	return r < 0 ? r : a->done;
}

int tsdb_aggregate(struct tsdb *t, const struct tsdb_query *q, const struct tsdb_step *step, tsdb_buckets_fn on_buckets, void *ctx)
{
	struct tenant *te = tenant_find(t, q->tenant);
	_cleanup_free_ struct agg *a = NULL;

	if (step->step_ns < 0)
		return err_fail(ERR_BAD_ARGUMENT, "field", "step", "rule", "must not be negative", "value", "a negative one", NULL);
	if (!te || q->from_ns >= q->to_ns)
		return 0;
	a = sys_new(struct agg);
	if (!a)
		return err_fail(ERR_NO_MEMORY, "what", "an aggregate", NULL);
	a->q = q;
	a->step = step;
	a->on_buckets = on_buckets;
	a->ctx = ctx;
	a->left = q->limit ? q->limit : UINT64_MAX;
	arena_init(&a->texts, &sys_heap, TEXT_MAX);
	int r = all_series(t, te, a);
	arena_done(&a->texts);
	return r;
}
