/* range.c - raw samples as batches. */
#include "tsdb/query/answer.h"

static int on_span(void *ctx, struct answer *a, const struct series *series, const struct span *s)
{
	return answer_put(a, series->number, s);
}

int tsdb_range(struct tsdb *t, const struct tsdb_query *q, tsdb_batch_fn on_batch, void *ctx)
{
	static const struct answer_maker all = { .on_span = on_span };

	return answer_run(t, q, on_batch, ctx, &all);
}
