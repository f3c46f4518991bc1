/*
 * read_query.c - POST /api/v1/query: columns of JSON.
 *
 * Samples come sorted by series; each series gathers its columns in buffers of its own and is written when the next one begins, so
 * memory is one series' text, not the answer's twice.
 */
#include "base/str.h"
#include "base/when.h"
#include "service/read.h"
#include "service/read_asked.h"
#include "sys/sys.h"

struct answer {
	struct scope *scope;
	struct json json;
	struct buf t, ns, q, v[AGGS_MAX];
	struct json jt, jns, jq, jv[AGGS_MAX];
	bool has_ns, has_q, open;
	uint32_t series;
	enum vtype type;
	const struct plant_point *point;
	const struct read_asked *asked;
	uint64_t n_buckets;
	bool only_count;
};

static void column_begin(struct buf *b, struct json *j)
{
	buf_clear(b);
	*j = JSON_TO(b);
	json_array(j);
}

static void column_write(struct answer *a, const char *name, struct buf *b, struct json *j)
{
	json_end(j);
	json_key(&a->json, name);
	json_raw(&a->json, b->data);
	a->json.out->failed |= b->failed;
}

static const struct plant_point *point_of(struct answer *a, uint32_t series, enum vtype *ret_type)
{
	struct tsdb_series_info info;

	if (tsdb_series_get(a->scope->platform->tsdb, a->scope->tenant, series, &info) < 0)
		return NULL;
	*ret_type = info.type;
	for (uint32_t i = 0; i < a->asked->n; i++)
		if (uuid_equal(&a->asked->points[i].id, &info.point))
			return &a->asked->points[i];
	return NULL;
}

static void series_end(struct answer *a)
{
	char id[UUID_TEXT + 1];

	if (!a->open)
		return;
	a->open = false;
	uuid_format(&a->point->id, id);
	json_object(&a->json);
	json_kv_str(&a->json, "point", id);
	json_kv_str(&a->json, "path", a->point->path);
	json_kv_str(&a->json, "type", vtype_name(a->type));
	json_kv_str(&a->json, "unit", a->point->unit);
	column_write(a, "t", &a->t, &a->jt);
	if (a->has_ns)
		column_write(a, "ns", &a->ns, &a->jns);
	for (uint32_t i = 0; i < MAX(a->asked->n_aggs, 1u); i++)
		column_write(a, a->asked->n_aggs && !a->asked->one ? a->asked->aggs[i].name : "v", &a->v[i], &a->jv[i]);
	if (a->has_q)
		column_write(a, "q", &a->q, &a->jq);
	json_end(&a->json);
}

/* Where samples of any of the points are gone, what is older is made of figures of minutes and hours, or is not there. */
static void say_kept(struct answer *a)
{
	int64_t kept = INT64_MIN;
	char text[WHEN_TEXT_MAX];

	for (uint32_t i = 0; i < a->asked->n; i++)
		if (a->asked->points[i].series)
			kept = MAX(kept, tsdb_kept_from(a->scope->platform->tsdb, a->scope->tenant, a->asked->points[i].series));
	if (kept <= a->asked->from_ns)
		return;
	when_format(text, kept);
	json_kv_str(&a->json, "samples_from", text);
}

/* false: a series that is none of the points asked for. */
static bool series_begin(struct answer *a, uint32_t series)
{
	if (a->open && a->series == series)
		return true;
	series_end(a);
	a->point = point_of(a, series, &a->type);
	if (!a->point)
		return false;
	a->open = true;
	a->series = series;
	a->has_ns = a->has_q = false;
	column_begin(&a->t, &a->jt);
	column_begin(&a->ns, &a->jns);
	column_begin(&a->q, &a->jq);
	for (uint32_t i = 0; i < MAX(a->asked->n_aggs, 1u); i++)
		column_begin(&a->v[i], &a->jv[i]);
	return true;
}

static void write_time(struct answer *a, int64_t ns)
{
	int64_t us = ns / 1000, rest = ns % 1000;

	if (rest < 0)
		us--, rest += 1000;
	json_i64(&a->jt, us);
	json_i64(&a->jns, rest);
	a->has_ns |= rest != 0;
}

static int on_batch(void *ctx, struct batch *b)
{
	struct answer *a = ctx;
	struct batch_iter it = batch_iter(b, NULL);
	struct sample s;

	while (batch_next(&it, &s)) {
		if (!series_begin(a, s.series))
			continue;
		write_time(a, s.time_ns);
		read_value_json(&a->jv[0], &s.value);
		json_u64(&a->jq, s.quality);
		a->has_q |= s.quality != QUALITY_GOOD;
	}
	return a->json.out->failed || a->t.failed || a->v[0].failed ? err_fail(ERR_LIMIT, "what", "query", "max", "64 MB", NULL) : 0;
}

static int on_buckets(void *ctx, const struct tsdb_bucket *bucket, size_t n)
{
	struct answer *a = ctx;

	a->n_buckets += n;
	for (const struct tsdb_bucket *k = bucket; k < bucket + n && !a->only_count; k++) {
		if (!series_begin(a, k->series))
			continue;
		write_time(a, k->start_ns);
		for (uint32_t i = 0; i < a->asked->n_aggs; i++)
			read_agg_json(&a->jv[i], &a->asked->aggs[i], k);
		json_u64(&a->jq, k->worst);
		a->has_q |= k->worst != QUALITY_GOOD;
	}
	return a->json.out->failed || a->t.failed ? err_fail(ERR_LIMIT, "what", "query", "max", "64 MB", NULL) : 0;
}

/* What lies between two samples differs by point: those that are held first, then those joined by lines. 1: cut at the limit. */
static int run_buckets(struct answer *a, const struct read_range *asked)
{
	struct plant_point *some = arena_array(a->scope->arena, struct plant_point, a->asked->n);
	int r = some ? 0 : err_fail(ERR_NO_MEMORY, "what", "query", NULL);

	for (int between = BETWEEN_STEP; r == 0 && between <= BETWEEN_LINEAR; between++) {
		struct tsdb_step step = read_step(a->asked, between);
		struct read_range range = *asked;
		uint64_t before = a->n_buckets;

		range.points = some;
		range.n = 0;
		for (uint32_t i = 0; i < a->asked->n; i++)
			if (a->asked->points[i].between == between)
				some[range.n++] = a->asked->points[i];
		if (!range.n)
			continue;
		a->only_count = before >= asked->limit;         /* is there one more? */
		range.limit = a->only_count ? 1 : asked->limit - before;
		r = read_buckets(a->scope, &range, &step, on_buckets, a);
		if (r == 0 && a->only_count && a->n_buckets > before)
			r = 1;
	}
	return r;
}

static int run(struct answer *a, const struct query_in *in)
{
	struct read_range range = { .points = a->asked->points, .n = a->asked->n, .from_ns = a->asked->from_ns, .to_ns = a->asked->to_ns,
		.limit = in->limit ? in->limit : READ_LIMIT, .pixels = in->pixels, .lttb = in->plot };

	return a->asked->n_aggs ? run_buckets(a, &range) : read_range(a->scope, &range, on_batch, a);
}

static void answer_init(struct answer *a, struct scope *s, struct buf *out)
{
	enum { COLUMN_MAX = 64 << 20 };

	*a = (struct answer) { .scope = s, .json = JSON_TO(out), .t = BUF_INIT(&sys_heap, COLUMN_MAX), .ns = BUF_INIT(&sys_heap, COLUMN_MAX),
		.q = BUF_INIT(&sys_heap, COLUMN_MAX) };
	for (unsigned i = 0; i < AGGS_MAX; i++)
		a->v[i] = BUF_INIT(&sys_heap, COLUMN_MAX);
}

static void answer_done(struct answer *a)
{
	buf_done(&a->t);
	buf_done(&a->ns);
	buf_done(&a->q);
	for (unsigned i = 0; i < AGGS_MAX; i++)
		buf_done(&a->v[i]);
}

int read_query(struct scope *s, const struct query_in *in, struct buf *out)
{
	struct read_asked asked;
	struct answer *a;
	char text[WHEN_TEXT_MAX];

	if (in->group_by)
		return read_groups(s, in, out);
	int r = read_asked(s, in, &asked);

	if (r < 0)
		return r;
	a = arena_new(s->arena, struct answer);
	if (!a)
		return err_fail(ERR_NO_MEMORY, "what", "query", NULL);
	answer_init(a, s, out);
	a->asked = &asked;
	json_object(&a->json);
	when_format(text, asked.from_ns);
	json_kv_str(&a->json, "from", text);
	when_format(text, asked.said_to_ns);
	json_kv_str(&a->json, "to", text);
	say_kept(a);
	json_key(&a->json, "series");
	json_array(&a->json);
	r = run(a, in);
	series_end(a);
	json_end(&a->json);
	json_kv_bool(&a->json, "truncated", r == 1);
	json_end(&a->json);
	answer_done(a);
	if (r >= 0 && out->failed)
		r = err_fail(ERR_LIMIT, "what", "query", "max", "64 MB", NULL);
	return r < 0 ? r : 0;
}
