/* range.c - raw samples as batches. */
#include "tsdb/tsdb_impl.h"

#include "base/err.h"

struct answer {
	struct batch_builder *w;
	const struct tsdb_query *q;
	tsdb_batch_fn on_batch;
	void *ctx;
	uint8_t type;                   /* of the batch being filled; V_NONE: none */
	uint64_t left;
};

static int hand_over(struct answer *a)
{
	_cleanup_(batch_unrefp) struct batch *b = NULL;

	if (a->type == V_NONE || batch_builder_rows(a->w) == 0)
		return 0;
	a->type = V_NONE;
	int r = batch_seal(a->w, 0, 0, &b);
	if (r == 0)
		r = a->on_batch(a->ctx, b);
	return MIN(r, 0);
}

static int begin(struct answer *a, uint8_t type)
{
	if (a->type == type)
		return 0;
	int r = hand_over(a);
	if (r == 0)
		r = batch_tall(a->w, a->q->tenant, 0, type);
	if (r == 0)
		a->type = type;
	return r;
}

/* 1: the limit is reached. */
static int put_span(struct answer *a, uint32_t series, const struct span *s)
{
	int r = begin(a, s->type);

	for (uint32_t i = 0; i < s->n && r == 0; i++) {
		struct sample sample = span_sample(s, i, series);

		if (a->left == 0)
			return 1;
		r = batch_tall_add(a->w, &sample);
		if (r == -ERR_FULL) {
			err_clear();
			r = hand_over(a);
			if (r == 0)
				r = begin(a, s->type);
			if (r == 0)
				r = batch_tall_add(a->w, &sample);
		}
		a->left--;
	}
	return r;
}

static int read_all(struct reader *rd, struct answer *a, const uint32_t *series, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		const struct series *s = names_series(rd->te->names, series[i]);
		struct span span;

		if (!s)
			continue;
		r = reader_series(rd, s, a->q->from_ns, a->q->to_ns);
		while (r == 0 && (r = reader_next(rd, &span)) > 0)
			r = put_span(a, series[i], &span);
	}
	if (r >= 0) {
		int last = hand_over(a);

		r = last < 0 ? last : r;
	}
	return r;
}

int tsdb_range(struct tsdb *t, const struct tsdb_query *q, tsdb_batch_fn on_batch, void *ctx)
{
	struct answer a = { .q = q, .on_batch = on_batch, .ctx = ctx, .left = q->limit ? q->limit : UINT64_MAX };
	struct tenant *te = tenant_find(t, q->tenant);
	_cleanup_free_ uint32_t *series = NULL;
	struct reader rd;
	size_t n = 0;

	if (!te || q->from_ns >= q->to_ns)
		return 0;
	int r = query_series(q, &series, &n);
	if (r < 0)
		return r;
	r = batch_builder_new(&a.w, 0);
	if (r < 0)
		return r;
	r = reader_open(t, te, q, &rd);
	if (r == 0)
		r = read_all(&rd, &a, series, n);
	reader_close(&rd);
	batch_builder_free(a.w);
	return r;
}
