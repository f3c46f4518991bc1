/* samples.c - samples in and out: the deeds are those of service/ingest.h and service/read.h. */

#include "api/internal.h"
#include "service/read.h"

/* On the log's thread, after the sync that covers the batch. */
static void on_durable(void *ctx, int result)
{
	call_finish(ctx, result);
}

static int run_write(struct call *c)
{
	struct ingest_in in = { .text = c->body, .len = c->body_len, .errs = &c->errs };
	struct ingested done = { 0 };
	int r = ingest_unit(call_param(c, "precision"), &in.unit_ns);

	if (r < 0)
		return r;
	c->wait = (struct wal_wait) { .on_durable = on_durable, .ctx = c };
	call_later(c);
	r = ingest_lines(&c->scope, &in, &c->wait, &done);
	if (r != 0)                     /* failed, or nothing to store: nobody will call */
		atomic_fetch_sub(&c->due, 1);
	return r < 0 ? r : r == 0 ? CALL_LATER : CALL_DONE;
}

static int run_query(struct call *c)
{
	answer_json(c);
	return read_query(&c->scope, c->in, &c->out);
}

static const char *const write_params[] = { "precision", NULL };

static const struct route rows[] = {
	ROUTE("POST", "/write", PERM_SAMPLE_WRITE, "sample.write", run_write, .raw = "*/*", .params = write_params, .status = 204, .body_max = 10 << 20,
		.doc = "Samples as InfluxDB line protocol; answered when they are durable"),
	ROUTE("POST", "/query", PERM_SAMPLE_READ, "sample.query", run_query, .in = &query_in_type, .doc = "Samples or aggregates of points"),
};
const struct routes routes_samples = { rows, ELEMENTSOF(rows) };
