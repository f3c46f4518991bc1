/*
 * agg_more.c - figures that must look at each sample and the one before: changes, counters, states, deviation, quantiles.
 */
#include "base/err.h"
#include "tsdb/query/agg.h"

static bool is_same(const struct value *a, const struct value *b)
{
	switch (a->type) {
	case V_STR:
	case V_BYTES:
		return a->len == b->len && memcmp(a->s, b->s, a->len) == 0;
	case V_BOOL:
		return a->b == b->b;
	case V_F32:
		return a->f32 == b->f32;
	case V_F64:
		return a->f64 == b->f64;
	default:
		return a->i == b->i;
	}
}

static double as_double(const struct value *v)
{
	return v->type == V_BOOL ? v->b : v->type == V_F32 ? (double) v->f32 : v->type == V_F64 ? v->f64 : (double) v->i;
}

/* By how much a counter went up from a to b. */
static double rise(const struct agg *a, const struct value *from, const struct value *to)
{
	double v0 = as_double(from), v1 = as_double(to), end = a->step->roll_over;

	if (!isfinite(v0) || !isfinite(v1))     /* no reading of a counter */
		return 0;
	if (is_whole(to->type) ? to->i >= from->i : v1 >= v0)           /* beyond 2^53 doubles take neighbours for equal */
		return is_whole(to->type) ? (double) ((uint64_t) to->i - (uint64_t) from->i) : v1 - v0;
	return fmax(v1, 0) + (end > v0 ? end - v0 : 0);
}

static int remember(struct agg *a, const struct value *v)
{
	struct more *m = a->more;

	if (a->is_text && !(m->before && is_same(&m->value, v))) {
		buf_clear(&m->text);
		buf_addn(&m->text, v->s, v->len);
		if (m->text.failed)
			return err_fail(ERR_NO_MEMORY, "what", "an aggregate", NULL);
	}
	m->value = *v;
	if (a->is_text)
		m->value.s = m->text.data;
	m->before = true;
	return 0;
}

int more_before(struct agg *a, const struct value *v) { return remember(a, v); }

/* --- States */

/* The bucket's state of that value, made when it is the first time. NULL: no room, the failure is set. */
static struct tsdb_state *state_of(struct agg *a, const struct value *v)
{
	struct more *m = a->more;
	struct value copy = *v;

	for (uint32_t i = m->n_states; i-- > 0;)
		if (is_same(&m->state[i].value, v))
			return &m->state[i];
	if (m->n_states == TSDB_STATES_MAX) {
		err_fail(ERR_LIMIT, "what", "@states", "max", "64", NULL);
		return NULL;
	}
	if (a->is_text) {
		copy.s = arena_strn(&a->texts, v->s, v->len);
		if (!copy.s) {
			err_fail(ERR_NO_MEMORY, "what", "an aggregate", NULL);
			return NULL;
		}
	}
	m->state[m->n_states] = (struct tsdb_state) { .value = copy };
	return &m->state[m->n_states++];
}

static int add_state(struct agg *a, const struct value *v, int64_t ns, uint64_t times)
{
	struct tsdb_state *s = state_of(a, v);

	if (!s)
		return -(int) err_peek()->kind;
	s->ns += ns;
	s->times += times;
	return 0;
}

int more_hold(struct agg *a, int64_t ns)
{
	return a->step->want & TSDB_STATES && a->more->before ? add_state(a, &a->more->value, ns, 0) : 0;
}

/* --- A block */

/* Mean and squares of the block, then both together: T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating Formulae and a Pairwise Algorithm for
 * Computing Sample Variances", 1979. */
static void deviations(struct agg *a, uint32_t n)
{
	struct more *m = a->more;
	double sum = 0, m2 = 0, used = 0;

	for (uint32_t i = 0; i < n; i++)
		if (a->used[i]) {
			sum += a->number[i];
			used++;
		}
	if (used <= 0)
		return;
	double mean = sum / used, all = (double) m->n + used, apart = mean - m->mean;
	for (uint32_t i = 0; i < n; i++)
		if (a->used[i])
			m2 += (a->number[i] - mean) * (a->number[i] - mean);
	m->m2 += m2 + (m->n ? apart * apart * ((double) m->n * used / all) : 0);
	m->mean = m->n ? m->mean + apart * (used / all) : mean;
	m->n += (uint64_t) used;
}

static int spread(struct agg *a, uint32_t n)
{
	double v[CHUNK_ROWS];
	uint32_t k = 0;

	for (uint32_t i = 0; i < n; i++)
		if (a->used[i])
			v[k++] = a->number[i];
	return quantiles_add(&a->more->spread, v, k);
}

static int each(struct agg *a, const struct span *s, uint32_t i)
{
	unsigned want = a->step->want;
	struct more *m = a->more;
	struct value v = span_value(s, i);
	bool other = !m->before || !is_same(&m->value, &v);
	int r = 0;

	if (m->before && other)
		a->b.changes++;
	if (m->before && other && want & TSDB_DELTA && !a->is_text)
		sum_add(&m->delta, rise(a, &m->value, &v));
	if (want & TSDB_STATES) {
		int64_t until = i + 1 < s->n ? s->t[i + 1] : s->t[i];

		r = add_state(a, &v, until - s->t[i], other);
		if (a->is_text)
			agg_integrate(a, s->t[i], until, 0, 0);         /* for the time that is covered */
	}
	return r == 0 && other ? remember(a, &v) : r;
}

int more_block(struct agg *a, const struct span *s)
{
	unsigned want = a->step->want;
	int r = 0;

	if (!a->is_text && want & TSDB_STDDEV)
		deviations(a, s->n);
	if (!a->is_text && a->step->n_quantiles)
		r = spread(a, s->n);
	if (!(want & (TSDB_DELTA | TSDB_CHANGES | TSDB_STATES)))
		return r;
	for (uint32_t i = 0; r == 0 && i < s->n; i++)
		if (a->used[i])
			r = each(a, s, i);
	if (a->is_text && want & TSDB_STATES) {
		a->holding = a->used[s->n - 1];
		a->hold = 0;
		a->hold_ns = s->t[s->n - 1];
	}
	return r;
}

int more_roll(struct agg *a, const struct value *first, const struct value *last)
{
	struct more *m = a->more;

	if (m->before && !is_same(&m->value, first))
		sum_add(&m->delta, rise(a, &m->value, first));
	if (!is_same(first, last))
		sum_add(&m->delta, rise(a, first, last));
	return remember(a, last);
}

/* --- A bucket */

int more_begin(struct agg *a)
{
	if (!a->step->want && !a->step->n_quantiles)
		return 0;
	a->more = sys_new(struct more);
	if (!a->more)
		return err_fail(ERR_NO_MEMORY, "what", "an aggregate", NULL);
	a->more->text = BUF_INIT(&sys_heap, AGG_TEXT_MAX);
	return 0;
}

void more_done(struct agg *a)
{
	if (!a->more)
		return;
	quantiles_done(&a->more->spread);
	buf_done(&a->more->text);
	a->more = sys_free(a->more);
}

void more_series(struct agg *a) { a->more->before = false; }

void more_open(struct agg *a)
{
	struct more *m = a->more;

	quantiles_clear(&m->spread);
	m->mean = m->m2 = 0;
	m->n = 0;
	m->delta = (struct sum) { 0 };
	m->n_states = 0;
}

int more_close(struct agg *a)
{
	struct more *m = a->more;
	struct tsdb_bucket *b = &a->b;

	if (b->coarse) {
		b->stddev = b->delta = (double) NAN;
		for (uint32_t i = 0; i < a->step->n_quantiles; i++)
			b->quantile[i] = (double) NAN;
		b->changes = 0;
		return 0;
	}
	b->stddev = m->n >= 2 ? sqrt(m->m2 / (double) (m->n - 1)) : (double) NAN;
	b->delta = a->is_text ? (double) NAN : sum_get(&m->delta);
	for (uint32_t i = 0; i < a->step->n_quantiles; i++)
		b->quantile[i] = quantiles_get(&m->spread, a->step->quantile[i]);
	if (!m->n_states)
		return 0;
	b->states = arena_dup(&a->texts, m->state, m->n_states * sizeof(m->state[0]));
	b->n_states = m->n_states;
	return b->states ? 0 : err_fail(ERR_NO_MEMORY, "what", "an aggregate", NULL);
}
