/*
 * read_query.c - POST /api/v1/query: columns of JSON.
 *
 * Samples come sorted by series; each series gathers its columns in buffers of its own and is written when the next one begins, so
 * memory is one series' text, not the answer's twice.
 */
#include "base/str.h"
#include "base/when.h"
#include "service/read.h"
#include "sys/sys.h"

static const struct rec_field query_in_fields[] = {
	F_KIND(struct query_in, points, REC_LIST, .item = REC_STR, .flags = REC_REQUIRED, .min = "1", .max = "1000", .label = "Points",
		.label_zh = "点位", .doc = "Ids, paths or codes", .doc_zh = "标识符、路径或编码"),
	F(struct query_in, from, .flags = REC_REQUIRED, .label = "From", .label_zh = "开始", .doc = "RFC 3339, or now-1h", .doc_zh = "RFC 3339 时间，或 now-1h"),
	F(struct query_in, to, .def = "now", .label = "To", .label_zh = "结束"),
	F_KIND(struct query_in, step, REC_DURATION, .def = "0s", .min = "0s", .label = "Step", .label_zh = "步长"),
	F_KIND(struct query_in, aggregates, REC_LIST, .item = REC_STR, .max = "9", .label = "Aggregates", .label_zh = "聚合"),
	F(struct query_in, aggregate, .label = "Aggregate", .label_zh = "聚合方式"),
	F(struct query_in, limit, .def = "10000", .min = "1", .max = "1000000", .label = "Limit", .label_zh = "上限"),
};
const struct rec_type query_in_type = REC_PLAIN(struct query_in, "query", query_in_fields, .title = "Query", .title_zh = "查询");

enum agg { AGG_AVG, AGG_MEAN, AGG_MIN, AGG_MAX, AGG_SUM, AGG_COUNT, AGG_FIRST, AGG_LAST, AGG_COVERAGE, AGG_N_ };
static const char *const agg_words[] = { "avg", "mean", "min", "max", "sum", "count", "first", "last", "coverage" };

struct answer {
	struct scope *scope;
	const struct plant_point *points;
	uint32_t n_points;
	struct json json;
	struct buf t, ns, q, v[AGG_N_];
	struct json jt, jns, jq, jv[AGG_N_];
	bool has_ns, has_q, open;
	uint32_t series;
	enum vtype type;
	const struct plant_point *point;
	enum agg aggs[AGG_N_];
	uint32_t n_aggs;
	bool one;                       /* `aggregate`: its column is called v */
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
	for (uint32_t i = 0; i < a->n_points; i++)
		if (uuid_equal(&a->points[i].id, &info.point))
			return &a->points[i];
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
	for (uint32_t i = 0; i < MAX(a->n_aggs, 1u); i++)
		column_write(a, a->n_aggs && !a->one ? agg_words[a->aggs[i]] : "v", &a->v[i], &a->jv[i]);
	if (a->has_q)
		column_write(a, "q", &a->q, &a->jq);
	json_end(&a->json);
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
	for (uint32_t i = 0; i < MAX(a->n_aggs, 1u); i++)
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

static void write_value(struct json *j, const struct value *v)
{
	switch (v->type) {
	case V_BOOL: json_bool(j, v->b); break;
	case V_I64: case V_TIME: json_i64(j, v->i); break;
	case V_F32: json_f32(j, v->f32); break;
	case V_F64: json_f64(j, v->f64); break;
	case V_STR: json_strn(j, v->s, v->len); break;
	default: json_null(j);
	}
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
		write_value(&a->jv[0], &s.value);
		json_u64(&a->jq, s.quality);
		a->has_q |= s.quality != QUALITY_GOOD;
	}
	return a->json.out->failed || a->t.failed || a->v[0].failed ? err_fail(ERR_LIMIT, "what", "query", "max", "64 MB", NULL) : 0;
}

static void write_number(struct json *j, double v)
{
	if (v == v)
		json_f64(j, v);
	else
		json_null(j);
}

static void write_aggregate(struct json *j, enum agg agg, const struct tsdb_bucket *k)
{
	switch (agg) {
	case AGG_AVG: write_number(j, k->avg); break;
	case AGG_MEAN: write_number(j, k->mean); break;
	case AGG_MIN: write_number(j, k->min); break;
	case AGG_MAX: write_number(j, k->max); break;
	case AGG_SUM: write_number(j, k->sum); break;
	case AGG_COUNT: json_u64(j, k->n); break;
	case AGG_FIRST: write_value(j, &k->first); break;
	case AGG_LAST: write_value(j, &k->last); break;
	default: write_number(j, (double) k->covered_ns / (double) (k->end_ns - k->start_ns));
	}
}

static int on_buckets(void *ctx, const struct tsdb_bucket *bucket, size_t n)
{
	struct answer *a = ctx;

	a->n_buckets += n;
	for (const struct tsdb_bucket *k = bucket; k < bucket + n && !a->only_count; k++) {
		if (!series_begin(a, k->series))
			continue;
		write_time(a, k->start_ns);
		for (uint32_t i = 0; i < a->n_aggs; i++)
			write_aggregate(&a->jv[i], a->aggs[i], k);
		json_u64(&a->jq, k->worst);
		a->has_q |= k->worst != QUALITY_GOOD;
	}
	return a->json.out->failed || a->t.failed ? err_fail(ERR_LIMIT, "what", "query", "max", "64 MB", NULL) : 0;
}

/* --- What was asked ------------------------------------------------------------------------------------------------------ */

static int parse_when(const char *field, const char *text, int64_t now, int64_t *ret)
{
	if (when_parse_relative(text, str_len(text), now, ret))
		return 0;
	return err_at(err_fail(ERR_WRONG_TYPE, "field", field, "want", "@time", "value", text, NULL), field);
}

static int add_aggregate(struct answer *a, const char *word, const char *pointer)
{
	for (enum agg i = 0; i < AGG_N_; i++)
		if (str_eq(agg_words[i], word) && a->n_aggs < AGG_N_) {
			a->aggs[a->n_aggs++] = i;
			return 0;
		}
	return err_at(err_fail(ERR_NOT_A_WORD, "field", pointer, "words", "avg, mean, min, max, sum, count, first, last, coverage",
		"value", word, NULL), pointer);
}

static int parse_aggregates(struct answer *a, const struct query_in *in)
{
	const char *const *words = in->aggregates.items;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < in->aggregates.n; i++)
		r = add_aggregate(a, words[i], "aggregates");
	if (r == 0 && !str_empty(in->aggregate)) {
		if (a->n_aggs)
			return err_at(err_fail(ERR_INVALID, "field", "aggregate", "rule", "@not_both", "value", in->aggregate, NULL), "aggregate");
		a->one = true;
		r = add_aggregate(a, in->aggregate, "aggregate");
	}
	if (r == 0 && in->step && !a->n_aggs) {
		a->one = true;
		a->aggs[a->n_aggs++] = AGG_AVG;
	}
	return r;
}

/* What lies between two samples differs by point: those that are held first, then those joined by lines. 1: cut at the limit. */
static int run_buckets(struct answer *a, const struct query_in *in, const struct read_range *asked)
{
	struct plant_point *some = arena_array(a->scope->arena, struct plant_point, a->n_points);
	int r = some ? 0 : err_fail(ERR_NO_MEMORY, "what", "query", NULL);

	for (int between = BETWEEN_STEP; r == 0 && between <= BETWEEN_LINEAR; between++) {
		struct tsdb_step step = { .step_ns = in->step, .between = between == BETWEEN_LINEAR ? TSDB_LINEAR : TSDB_STEP };
		struct read_range range = *asked;
		uint64_t before = a->n_buckets;

		range.points = some;
		range.n = 0;
		for (uint32_t i = 0; i < a->n_points; i++)
			if (a->points[i].between == between)
				some[range.n++] = a->points[i];
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

static int run(struct answer *a, const struct query_in *in, struct read_range *range, int64_t now)
{
	if (!a->n_aggs)
		return read_range(a->scope, range, on_batch, a);
	range->to_ns = MIN(range->to_ns, MAX(now, range->from_ns));     /* the last value is not held into the future */
	return run_buckets(a, in, range);
}

static void answer_init(struct answer *a, struct scope *s, struct buf *out)
{
	enum { COLUMN_MAX = 64 << 20 };

	*a = (struct answer) { .scope = s, .json = JSON_TO(out), .t = BUF_INIT(&sys_heap, COLUMN_MAX), .ns = BUF_INIT(&sys_heap, COLUMN_MAX),
		.q = BUF_INIT(&sys_heap, COLUMN_MAX) };
	for (enum agg i = 0; i < AGG_N_; i++)
		a->v[i] = BUF_INIT(&sys_heap, COLUMN_MAX);
}

static void answer_done(struct answer *a)
{
	buf_done(&a->t);
	buf_done(&a->ns);
	buf_done(&a->q);
	for (enum agg i = 0; i < AGG_N_; i++)
		buf_done(&a->v[i]);
}

int read_query(struct scope *s, const struct query_in *in, struct buf *out)
{
	int64_t now = clock_now_ns();
	struct read_range range = { .n = in->points.n, .limit = in->limit ? in->limit : READ_LIMIT };
	struct plant_point *points;
	struct answer *a;
	char text[WHEN_TEXT_MAX];
	int r = parse_when("from", in->from, now, &range.from_ns);

	if (r == 0)
		r = parse_when("to", str_empty(in->to) ? "now" : in->to, now, &range.to_ns);
	if (r == 0 && range.to_ns <= range.from_ns)
		r = err_at(err_fail(ERR_INVALID, "field", "to", "rule", "@after_from", "value", in->to, NULL), "to");
	if (r == 0)
		r = read_points(s, in->points.items, in->points.n, &points);
	if (r < 0)
		return r;
	a = arena_new(s->arena, struct answer);
	if (!a)
		return err_fail(ERR_NO_MEMORY, "what", "query", NULL);
	answer_init(a, s, out);
	a->points = range.points = points;
	a->n_points = range.n;
	r = parse_aggregates(a, in);
	if (r == 0) {
		json_object(&a->json);
		when_format(text, range.from_ns);
		json_kv_str(&a->json, "from", text);
		when_format(text, range.to_ns);
		json_kv_str(&a->json, "to", text);
		json_key(&a->json, "series");
		json_array(&a->json);
		r = run(a, in, &range, now);
		series_end(a);
		json_end(&a->json);
		json_kv_bool(&a->json, "truncated", r == 1);
		json_end(&a->json);
	}
	answer_done(a);
	if (r >= 0 && out->failed)
		r = err_fail(ERR_LIMIT, "what", "query", "max", "64 MB", NULL);
	return r < 0 ? r : 0;
}
