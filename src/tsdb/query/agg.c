/*
 * agg.c - figures per step of time.
 *
 * Samples go by once. A bucket is closed when a sample behind it comes, or the end. Between two samples lies a *segment* in which the
 * first one's value goes on (or runs straight to the second's); the time-weighted mean is the integral over the segments
 * divided by the time they cover (OPC 10000-13, 5.4.3 TimeAverage: a Bad sample ends the value before it, and covers nothing).
 */
#include <math.h>

#include "base/err.h"
#include "tsdb/query/agg.h"

/* --- Buckets */

/* Of a list of borders: the one at or before t, and the next. */
static void listed(const struct tsdb_step *step, int64_t t, int64_t *start, int64_t *end)
{
	size_t lo = 0, hi = step->n_borders;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (step->border[mid] <= t)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo)
		*start = MAX(*start, step->border[lo - 1]);
	if (lo < step->n_borders)
		*end = MIN(*end, step->border[lo]);
}

void agg_borders(const struct agg *a, int64_t t, int64_t *ret_start, int64_t *ret_end)
{
	int64_t step = a->step->step_ns, start = a->q->from_ns, end = a->q->to_ns, off, border;

	if (a->step->border) {
		listed(a->step, t, &start, &end);
	} else if (step > 0 && !__builtin_sub_overflow(t, a->step->origin_ns, &off)) {
		int64_t rest = off % step;

		border = t - (rest < 0 ? rest + step : rest);
		start = MAX(start, border);
		if (!__builtin_add_overflow(border, step, &border))
			end = MIN(end, border);
	}
	*ret_start = start;
	*ret_end = end;
}

void agg_near(struct agg *a, int64_t t)
{
	int64_t next;

	if (t >= a->near_from && t < a->near_to)
		return;
	/* The next one of equal steps is found without a division. One that the end of the query cut short has no next. */
	if (t == a->near_to && a->near_from < t && a->step->step_ns && !a->step->border && !__builtin_add_overflow(t, a->step->step_ns, &next) &&
			next <= a->q->to_ns) {
		a->near_from = t;
		a->near_to = next;
		return;
	}
	agg_borders(a, t, &a->near_from, &a->near_to);
}

static void open_bucket(struct agg *a, uint32_t series, int64_t t)
{
	if (a->more)
		a->b = (struct tsdb_bucket) { 0 };
	else
		memset(&a->b, 0, AGG_PLAIN_BYTES);
	agg_near(a, t);
	a->b.series = series;
	a->b.min = a->b.max = (double) NAN;
	a->b.start_ns = a->near_from;
	a->b.end_ns = a->near_to;
	a->sum = a->integral = (struct sum) { 0 };
	a->held_min = INFINITY;
	a->held_max = -INFINITY;
	a->open = true;
	if (a->more)
		more_open(a);
}

static int hand_over(struct agg *a)
{
	int r = a->n_out ? a->on_buckets(a->ctx, a->out, a->n_out) : 0;

	a->n_out = 0;
	return MIN(r, 0);
}

int agg_out(struct agg *a, const struct tsdb_bucket *b)
{
	if (a->left == 0) {
		a->done = true;
		return 0;
	}
	a->left--;
	if (a->more || a->step->fill)
		a->out[a->n_out++] = *b;
	else
		memcpy(&a->out[a->n_out++], b, AGG_PLAIN_BYTES);
	return a->n_out == OUT_BUCKETS ? hand_over(a) : 0;
}

struct tsdb_bucket *agg_slot(struct agg *a)
{
	a->done = a->left == 0;
	return a->done ? NULL : &a->out[a->n_out];
}

int agg_slot_out(struct agg *a)
{
	a->left--;
	a->n_out++;
	return a->n_out == OUT_BUCKETS ? hand_over(a) : 0;
}

/* Of 584 years no difference is too long for unsigned ns. */
static double ns_between(int64_t from, int64_t to) { return (double) ((uint64_t) to - (uint64_t) from); }

static int close_bucket(struct agg *a)
{
	struct tsdb_bucket *b = &a->b;
	uint64_t covered = (uint64_t) b->covered_ns;
	int r = 0;

	a->open = false;
	if (b->n == 0 && covered == 0)
		return 0;
	b->covered_ns = (int64_t) MIN(covered, (uint64_t) INT64_MAX);
	if (a->is_text && b->last.type != V_NONE) {
		b->last.s = arena_strn(&a->texts, b->last.s, b->last.len);
		if (!b->last.s)
			return err_fail(ERR_NO_MEMORY, "what", "an aggregate", NULL);
	}
	b->sum = sum_get(&a->sum);
	b->mean = b->n_used && !a->is_text ? b->sum / (double) b->n_used : (double) NAN;
	b->avg = b->integral = (double) NAN;
	if (covered && !a->is_text) {
		double integral = sum_get(&a->integral);

		/* Rounding must not carry a mean out of what it is the mean of; a constant stays exactly itself. Infinities of both signs have none. */
		b->avg = isnan(integral) ? integral : higher(a->held_min, lower(a->held_max, integral / (double) covered));
		b->integral = integral / (double) NS_PER_S;
	}
	if (a->more)
		r = more_close(a);
	if (r == 0)
		r = a->step->fill ? fill_bucket(a, b) : agg_out(a, b);
	/* Texts of what is still in out[] stay: none is when it has just been emptied. */
	if (r == 0 && a->n_out == 0)
		arena_reset(&a->texts);
	return r;
}

/* --- Segments */

void agg_integrate(struct agg *a, int64_t from, int64_t to, double v0, double v1)
{
	double dt = ns_between(from, to);

	if (to <= from)
		return;
	a->b.covered_ns = (int64_t) ((uint64_t) a->b.covered_ns + ((uint64_t) to - (uint64_t) from));
	sum_add(&a->integral, v0 == v1 ? v0 * dt : (v0 / 2 + v1 / 2) * dt);
	a->held_min = lower(a->held_min, lower(v0, v1));
	a->held_max = higher(a->held_max, higher(v0, v1));
}

/* The held value goes on until t, where it is v1; buckets on the way are closed. Of what lies outside the query only the slope counts. */
int agg_segment(struct agg *a, uint32_t series, int64_t t, double v1)
{
	int64_t begin = a->hold_ns, last = MIN(t, a->q->to_ns);
	double v0 = a->hold, all = ns_between(begin, t);
	bool line = a->step->between == TSDB_LINEAR && v0 != v1;
	int r = 0;

	for (int64_t at = MAX(begin, a->q->from_ns); at < last && r == 0 && !a->done;) {
		if (!a->open)
			open_bucket(a, series, at);
		int64_t end = MIN(last, a->b.end_ns);
		/* Not by the slope: of small values it is less than a double can say. */
		double from = line ? v0 + (v1 - v0) * (ns_between(begin, at) / all) : v0;
		double to = line ? (end == t ? v1 : v0 + (v1 - v0) * (ns_between(begin, end) / all)) : v0;

		agg_integrate(a, at, end, from, to);
		if (a->more)
			r = more_hold(a, end - at);
		if (r == 0 && end == a->b.end_ns)
			r = close_bucket(a);
		at = end;
	}
	return r;
}

/* Makes the open bucket the one that holds t. */
int agg_move_to(struct agg *a, uint32_t series, int64_t t)
{
	int r = 0;

	if (a->open && t >= a->b.end_ns)
		r = close_bucket(a);
	if (r == 0 && !a->open && !a->done)
		open_bucket(a, series, t);
	return r;
}

static int put_span(struct agg *a, uint32_t series, const struct span *all)
{
	int r = 0;

	for (uint32_t at = 0; at < all->n && r == 0 && !a->done;) {
		struct span s = span_part(all, at, MIN(all->n - at, (uint32_t) CHUNK_ROWS));

		/* Is the held value's segment over, and in which bucket is this sample? */
		struct span first = span_part(&s, 0, 1);

		agg_numbers(a, &first);
		if (a->holding)
			r = agg_segment(a, series, s.t[0], a->used[0] ? a->number[0] : a->hold);
		if (r == 0)
			r = agg_move_to(a, series, s.t[0]);
		if (r < 0 || a->done)
			break;
		s.n = s.t[s.n - 1] < a->b.end_ns ? s.n : span_find(&s, 0, a->b.end_ns);
		r = agg_block(a, &s);
		at += s.n;
	}
	return r;
}

/* May the figures of the side index stand for the samples? They lie in one bucket. */
static bool is_known(void *ctx, const struct idx_entry *e)
{
	struct agg *a = ctx;
	int64_t start, end;

	if (!agg_is_known(a, e))
		return false;
	agg_borders(a, e->t_min, &start, &end);
	return e->t_max < end;
}

static int put_entry(struct agg *a, uint32_t series, const struct idx_entry *e)
{
	struct value first = agg_value(e, e->first_bits), last = agg_value(e, e->last_bits);
	int r = 0;

	agg_numbers(a, &(struct span) { .n = 1, .type = e->type, .v = &first.i });
	if (a->holding)
		r = agg_segment(a, series, e->t_min, a->number[0]);
	if (r == 0)
		r = agg_move_to(a, series, e->t_min);
	if (r < 0 || a->done)
		return r;
	agg_entry(a, e);
	agg_numbers(a, &(struct span) { .n = 1, .type = e->type, .v = &last.i });
	a->holding = true;
	a->hold = a->number[0];
	a->hold_ns = e->t_max;
	return 0;
}

/* --- Series */

/* The newest used sample before from, among the LOOK_MAX before it; *ret_right: it is the very last, so its value goes on. */
static int used_before(struct reader *rd, struct agg *a, const struct series *s, struct sample *ret, bool *ret_right)
{
	enum { LOOK_MAX = 100 };
	int64_t t = a->q->from_ns;

	for (unsigned i = 0; i < (a->more ? LOOK_MAX : 1); i++) {
		int r = last_before(rd, s, t, &a->texts, ret);

		if (r < 0 || ret->time_ns == TSDB_NEVER)
			return r;
		agg_numbers(a, &(struct span) { .n = 1, .type = s->type, .v = &(int64_t) { 0 } });
		if (ret->value.type != V_NONE && !a->is_text)
			agg_numbers(a, &(struct span) { .n = 1, .type = s->type, .v = &ret->value.i });
		if (ret->value.type != V_NONE && !quality_is_bad(ret->quality) && a->used[0]) {
			*ret_right = i == 0 && !rd->ended;
			return 1;
		}
		t = ret->time_ns;
	}
	return 0;
}

static int look_back(struct reader *rd, struct agg *a, const struct series *s)
{
	bool right = false;
	struct sample before;

	a->holding = false;
	if (a->step->only_time || (a->is_text && !a->more) || a->q->from_ns == INT64_MIN)
		return 0;
	int r = used_before(rd, a, s, &before, &right);
	if (r <= 0)
		return r;
	r = a->more ? more_before(a, &before.value) : 0;
	a->holding = right && (!a->is_text || a->step->want & TSDB_STATES);
	a->hold = a->number[0];
	a->hold_ns = a->step->between == TSDB_LINEAR ? before.time_ns : a->q->from_ns;
	return r;
}

/* What is held goes on to the end: as it is, or towards the first sample behind it. */
static int look_ahead(struct reader *rd, struct agg *a, const struct series *s)
{
	int64_t t = a->q->to_ns;
	double v1 = a->hold;
	struct span span;
	int r = 0;

	if (a->step->between == TSDB_LINEAR && !a->step->only_time && !a->is_text && t != INT64_MAX) {
		r = reader_series(rd, s, t, INT64_MAX);
		if (r == 0)
			r = reader_next(rd, &span);
		if (r > 0) {
			span.n = 1;
			agg_numbers(a, &span);
			t = a->used[0] ? span.t[0] : t;
			v1 = a->used[0] ? a->number[0] : v1;
		}
	}
	return r < 0 ? r : agg_segment(a, s->number, t, v1);
}

static int one_series(struct reader *rd, struct agg *a, const struct series *s)
{
	struct span span;

	a->open = a->any = false;
	a->filled_to = a->q->from_ns;
	a->type = s->type;
	a->is_text = s->type == V_STR || s->type == V_BYTES;
	if (a->more)
		more_series(a);
	int r = fill_seed(a);
	rd->tiers = agg_tiers(a);
	rd->merge.lean = a->step->lean && !a->more;
	if (r == 0)
		r = look_back(rd, a, s);
	rd->figures = true;
	if (r == 0)
		r = reader_series(rd, s, a->q->from_ns, a->q->to_ns);
	rd->tiers = 0;
	rd->figures = false;
	rd->merge.whole = is_known;
	rd->merge.rows = agg_rows;
	rd->merge.whole_ctx = a;
	while (r == 0 && !a->done && (r = reader_next(rd, &span)) > 0)
		r = r == 3 ? agg_rolls(a, s->number, &rd->merge.figures) : r == 2 ? put_entry(a, s->number, rd->merge.entry) : put_span(a, s->number, &span);
	rd->merge.whole = NULL;
	rd->merge.rows = NULL;
	if (r == 0 && a->holding && !a->done)
		r = look_ahead(rd, a, s);
	if (r == 0 && a->open && !a->done)
		r = close_bucket(a);
	if (r == 0 && a->any && !a->done)
		r = fill_rest(a, s->number);
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
	rd.scaled = true;
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

static int check(const struct tsdb_step *step)
{
	if (step->step_ns < 0)
		return err_fail(ERR_BAD_ARGUMENT, "field", "step", "rule", "must not be negative", "value", "a negative one", NULL);
	if (step->n_quantiles > TSDB_QUANTILES_MAX)
		return err_fail(ERR_LIMIT, "what", "quantiles", "max", "8", NULL);
	return 0;
}

int tsdb_aggregate(struct tsdb *t, const struct tsdb_query *q, const struct tsdb_step *step, tsdb_buckets_fn on_buckets, void *ctx)
{
	struct tenant *te = tenant_find(t, q->tenant);
	_cleanup_free_ struct agg *a = NULL;
	int r = check(step);

	if (r < 0 || !te || q->from_ns >= q->to_ns)
		return r;
	a = sys_new(struct agg);
	if (!a)
		return err_fail(ERR_NO_MEMORY, "what", "an aggregate", NULL);
	a->q = q;
	a->step = step;
	a->wide = lanes_are_wide();
	a->on_buckets = on_buckets;
	a->ctx = ctx;
	a->left = q->limit ? q->limit : UINT64_MAX;
	a->before_text = BUF_INIT(&sys_heap, AGG_TEXT_MAX);
	a->last_text = BUF_INIT(&sys_heap, AGG_TEXT_MAX);
	arena_init(&a->texts, &sys_heap, AGG_TEXT_MAX);
	r = more_begin(a);
	if (r == 0)
		r = all_series(t, te, a);
	more_done(a);
	buf_done(&a->before_text);
	buf_done(&a->last_text);
	arena_done(&a->texts);
	return r;
}
