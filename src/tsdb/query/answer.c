/* answer.c - see answer.h. */
#include "tsdb/query/answer.h"

#include "base/err.h"

static int hand_over(struct answer *a)
{
	_cleanup_(batch_unrefp) struct batch *b = NULL;

	if (a->w->rows == 0)
		return 0;
	int r = tall_seal(a->w, a->q->tenant, &b);
	if (r == 0)
		r = a->on_batch(a->ctx, b);
	return MIN(r, 0);
}

int answer_put(struct answer *a, uint32_t series, const struct span *s)
{
	int r = 0;

	if (a->w->type != s->type) {
		r = hand_over(a);
		tall_begin(a->w, s->type);
	}
	for (uint32_t at = 0; at < s->n && r == 0;) {
		if (a->left == 0)
			return 1;
		int n = tall_add(a->w, series, s, at, a->left);
		if (n < 0)
			return n;
		at += (uint32_t) n;
		a->left -= (uint64_t) n;
		if (n == 0) {
			r = hand_over(a);
			tall_begin(a->w, s->type);
		}
	}
	return r;
}

static int each_series(struct reader *rd, struct answer *a, const uint32_t *series, size_t n, const struct answer_maker *m)
{
	int r = 0, last;

	for (size_t i = 0; i < n && r == 0; i++) {
		const struct series *s = names_series(rd->te->names, series[i]);
		struct span span;

		if (!s)
			continue;
		rd->tiers = m->tiers;
		rd->figures = m->on_rolls != NULL;
		r = reader_series(rd, s, a->q->from_ns, a->q->to_ns);
		rd->merge.rows = m->rows;
		rd->merge.whole_ctx = m->ctx;
		while (r == 0 && (r = reader_next(rd, &span)) > 0)
			r = r == 3 ? m->on_rolls(m->ctx, a, s, &rd->merge.figures) : m->on_span(m->ctx, a, s, &span);
		if (r == 0 && m->on_end)
			r = m->on_end(m->ctx, a);
	}
	if (r < 0)
		return r;
	last = hand_over(a);
	return last < 0 ? last : r;
}

int answer_run(struct tsdb *t, const struct tsdb_query *q, tsdb_batch_fn on_batch, void *ctx, const struct answer_maker *m)
{
	struct answer a = { .q = q, .on_batch = on_batch, .ctx = ctx, .left = q->limit ? q->limit : UINT64_MAX };
	struct tenant *te = tenant_find(t, q->tenant);
	_cleanup_free_ uint32_t *series = NULL;
	struct reader rd;
	size_t n = 0;
	int r;

	if (!te || q->from_ns >= q->to_ns)
		return 0;
	r = query_series(q, &series, &n);
	if (r < 0)
		return r;
	r = reader_open(t, te, q, &rd);
	if (r == 0) {
		a.w = &rd.kit->tall;
		tall_begin(a.w, V_NONE);
		r = each_series(&rd, &a, series, n, m);
	}
	reader_close(&rd);
	return r;
}
