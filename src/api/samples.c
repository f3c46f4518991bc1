/* samples.c - samples in and out: the deeds are those of service/ingest.h and service/read.h. */

#include "api/internal.h"
#include "base/num.h"
#include "job/job.h"
#include "service/read.h"
#include "sheet/sheet.h"

/* On the log's thread, after the sync that covers the batch. */
static void on_durable(void *ctx, int result)
{
	call_finish(ctx, result);
}

#define BATCH_TYPE "application/vnd.tenon.batch"

static int run_write(struct call *c)
{
	struct ingest_in in = { .text = c->body, .len = c->body_len, .errs = &c->errs };
	struct batches_in batches = { c->body, c->body_len };
	struct ingested done = { 0 };
	int r = ingest_unit(call_param(c, "precision"), &in.unit_ns);

	if (r < 0)
		return r;
	c->wait = (struct wal_wait) { .on_durable = on_durable, .ctx = c };
	call_later(c);
	if (content_type_is(c->type, BATCH_TYPE))
		r = ingest_batches(&c->scope, &batches, &c->wait, &done);
	else
		r = ingest_lines(&c->scope, &in, &c->wait, &done);
	if (r != 0)                     /* failed, or nothing to store: nobody will call */
		atomic_fetch_sub(&c->due, 1);
	return r < 0 ? r : r == 0 ? CALL_LATER : CALL_DONE;
}

/* ---- out ---- */

static const char *const query_offers[] = { "application/json", "text/csv", "application/x-ndjson", SHEET_TYPE_XLSX, NULL };
enum { OFFER_JSON, OFFER_CSV, OFFER_NDJSON, OFFER_XLSX };

/* Rows as the client takes them: each piece has an arena of its own. */
struct stream { struct call *c; struct read_rows *rows; struct arena piece; };

/* So long it may take, a piece of a stream anew; who left stops it. */
static void limit(struct call *c)
{
	const struct query_in *in = c->in;

	c->scope.deadline_ns = clock_mono_ns() + in->timeout;
	call_cancels(c);
}

static int fill(void *ctx, struct buf *out, size_t room, void *worker)
{
	struct stream *s = ctx;
	int r;

	s->c->scope.arena = &s->piece;
	limit(s->c);
	r = read_rows_next(&s->c->scope, s->rows, out, room);
	s->c->scope.arena = &s->c->arena;
	arena_reset(&s->piece);
	if (r < 0) {
		log_warn("api", "query broken request=%s error=\"%s\"", s->c->scope.request, err_log_text(err_peek()));
		err_clear();
		return r;
	}
	return r ? HTTP_MORE : HTTP_END;
}

static void cut(void *ctx)
{
	struct stream *s = ctx;

	atomic_store(&s->c->gone, true);
}

static void streamed(void *ctx)
{
	struct stream *s = ctx;

	arena_done(&s->piece);
	read_rows_free(s->rows);
	call_unref(s->c);               /* s lies in its arena */
}

static int stream(struct call *c)
{
	struct stream *s = arena_new(&c->arena, struct stream);
	bool csv = c->offer == OFFER_CSV;
	int r = s ? read_rows_new(&c->scope, c->in, csv ? READ_CSV : READ_NDJSON, &s->rows) : err_fail(ERR_NO_MEMORY, "what", "query", NULL);

	if (r < 0)
		return r;
	s->c = call_ref(c);
	arena_init(&s->piece, &sys_heap, 64 << 20);
	c->content_type = csv ? "text/csv; charset=utf-8" : "application/x-ndjson";
	call_field(c, "Content-Disposition", csv ? "attachment; filename=\"samples.csv\"" : "attachment; filename=\"samples.ndjson\"");
	c->source = (struct http_source) { .fill = fill, .done = streamed, .cut = cut, .ctx = s, .pool = c->api->workers };
	return 0;
}

/* Says how much time there was. */
static int late(const struct call *c, int r)
{
	char ms[24];
	struct buf b = BUF_FIXED(ms);

	if (r != -ERR_TIMEOUT)
		return r;
	buf_addf(&b, "%lld", (long long) (((const struct query_in *) c->in)->timeout / NS_PER_MS));
	err_clear();
	return err_fail(ERR_TIMEOUT, "what", "query", "ms", ms, NULL);
}

static int run_query(struct call *c)
{
	limit(c);
	if (c->offer != OFFER_JSON && ((const struct query_in *) c->in)->pixels)
		return read_wrong_pixels(((const struct query_in *) c->in)->pixels, "@json_alone");
	if (c->offer == OFFER_XLSX) {
		c->content_type = SHEET_TYPE_XLSX;
		call_field(c, "Content-Disposition", "attachment; filename=\"samples.xlsx\"");
		return late(c, read_book(&c->scope, c->in, &c->out));
	}
	if (c->offer != OFFER_JSON && ((const struct query_in *) c->in)->group_by) {
		c->content_type = c->offer == OFFER_CSV ? "text/csv; charset=utf-8" : "application/x-ndjson";
		return late(c, read_group_rows(&c->scope, c->in, c->offer == OFFER_CSV ? READ_CSV : READ_NDJSON, &c->out));
	}
	if (c->offer != OFFER_JSON)
		return stream(c);
	answer_json(c);
	return late(c, read_query(&c->scope, c->in, &c->out));
}

static int run_export(struct call *c)
{
	struct export_in what = { .format = call_param(c, "format"), .query = c->body, .len = c->body_len };
	struct uuid job;
	int r = export_begin(&c->scope, c->in, &what, &job);

	return r < 0 ? r : answer_job(c, &job);
}

static int run_values(struct call *c)
{
	struct values_query q = { .path = call_param(c, "path"), .state = call_param(c, "state"), .label = call_param(c, "label") };
	const char *limit = call_param(c, "limit");
	uint64_t n = 0;

	if (limit && (num_parse_u64(limit, limit + str_len(limit), &n) != str_len(limit) || n < 1 || n > READ_LIMIT))
		return err_at(err_fail(ERR_OUT_OF_RANGE, "field", "limit", "min", "1", "max", "10000", "value", limit, NULL), "limit");
	q.limit = (uint32_t) n;
	answer_json(c);
	return read_values(&c->scope, &q, &c->out);
}

static const char *const write_params[] = { "precision", NULL }, *const export_params[] = { "format", NULL };

static const char *const values_params[] = { "path", "label", "state", "limit", NULL };

static const struct route rows[] = {
	ROUTE("POST", "/write", PERM_SAMPLE_WRITE, "sample.write", run_write, .placed = true, .raw = "*/*", .params = write_params, .status = 204, .body_max = 10 << 20,
		.doc = "Samples as InfluxDB line protocol, or, as application/vnd.tenon.batch, batches; answered when they are durable"),
	ROUTE("POST", "/prometheus/write", PERM_SAMPLE_WRITE, "sample.write_remote", remote_write, .placed = true, .raw = "application/x-protobuf", .snappy = true,
		.status = 204, .body_max = 10 << 20, .doc = "Samples by Prometheus remote-write, 1.0 and 2.0; answered when they are durable"),
	ROUTE("GET", "/values", PERM_POINT_READ, "value.list", run_values, .placed = true, .params = values_params,
		.doc = "Last values with quality and since when it is so; counts of good, bad and unknown points"),
	ROUTE("POST", "/query", PERM_SAMPLE_READ, "sample.query", run_query, .placed = true, .in = &query_in_type, .offers = query_offers, .reads = true, .gated = true,
		.doc = "Samples or aggregates of points; as CSV or NDJSON without limit; as XLSX as a trend shows them"),
	ROUTE("POST", "/query/export", PERM_SAMPLE_READ, "sample.export", run_export, .placed = true, .in = &query_in_type, .out = &job_type, .params = export_params,
		.status = 202, .doc = "The same into a file, as a job; format csv or ndjson"),
};
const struct routes routes_samples = { rows, ELEMENTSOF(rows) };
