/* read_asked.c - what a query asked for. */
#include "service/read_asked.h"

#include "base/str.h"
#include "base/when.h"
#include "sys/sys.h"
#include "wal/wal.h"

static const struct rec_field query_in_fields[] = {
	F_KIND(struct query_in, points, REC_LIST, .item = REC_STR, .flags = REC_REQUIRED, .min = "1", .max = "1000", .label = "Points",
		.label_zh = "点位", .doc = "Ids, paths or codes", .doc_zh = "标识符、路径或编码"),
	F(struct query_in, from, .flags = REC_REQUIRED, .label = "From", .label_zh = "开始", .doc = "RFC 3339, or now-1h", .doc_zh = "RFC 3339 时间，或 now-1h"),
	F(struct query_in, to, .def = "now", .label = "To", .label_zh = "结束"),
	F_KIND(struct query_in, step, REC_DURATION, .def = "0s", .min = "0s", .label = "Step", .label_zh = "步长"),
	F_KIND(struct query_in, aggregates, REC_LIST, .item = REC_STR, .max = "9", .label = "Aggregates", .label_zh = "聚合"),
	F(struct query_in, aggregate, .label = "Aggregate", .label_zh = "聚合方式"),
	F(struct query_in, limit, .max = "1000000", .label = "Limit", .label_zh = "上限", .doc = "0: 10000; of CSV and NDJSON: all",
		.doc_zh = "0 表示 10000；CSV 与 NDJSON 则不限"),
	F(struct query_in, zone_minutes, .def = "0", .min = "-840", .max = "840", .unit = "min", .label = "Time zone of a workbook", .label_zh = "工作簿的时区",
		.doc = "Minutes from UTC: 480 is UTC+08:00", .doc_zh = "与 UTC 相差的分钟数：480 即 UTC+08:00"),
	F_KIND(struct query_in, compare, REC_DURATION, .def = "0s", .min = "0s", .label = "Compared with so much earlier, in a workbook",
		.label_zh = "工作簿中与此前对比", .doc = "1d"),
};
const struct rec_type query_in_type = REC_PLAIN(struct query_in, "query", query_in_fields, .title = "Query", .title_zh = "查询");

const char *const read_agg_words[AGG_N_] = { "avg", "mean", "min", "max", "sum", "count", "first", "last", "coverage" };

static int parse_when(const char *field, const char *text, int64_t now, int64_t *ret)
{
	if (when_parse_relative(text, str_len(text), now, ret))
		return 0;
	return err_at(err_fail(ERR_WRONG_TYPE, "field", field, "want", "@time", "value", text, NULL), field);
}

static int add_aggregate(struct read_asked *a, const char *word, const char *pointer)
{
	for (enum agg i = 0; i < AGG_N_; i++)
		if (str_eq(read_agg_words[i], word) && a->n_aggs < AGG_N_) {
			a->aggs[a->n_aggs++] = i;
			return 0;
		}
	return err_at(err_fail(ERR_NOT_A_WORD, "field", pointer, "words", "avg, mean, min, max, sum, count, first, last, coverage",
		"value", word, NULL), pointer);
}

static int parse_aggregates(struct read_asked *a, const struct query_in *in)
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

void read_value_json(struct json *j, const struct value *v)
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

static void write_number(struct json *j, double v)
{
	if (v == v)
		json_f64(j, v);
	else
		json_null(j);
}

void read_agg_json(struct json *j, enum agg agg, const struct tsdb_bucket *k)
{
	switch (agg) {
	case AGG_AVG: write_number(j, k->avg); break;
	case AGG_MEAN: write_number(j, k->mean); break;
	case AGG_MIN: write_number(j, k->min); break;
	case AGG_MAX: write_number(j, k->max); break;
	case AGG_SUM: write_number(j, k->sum); break;
	case AGG_COUNT: json_u64(j, k->n); break;
	case AGG_FIRST: read_value_json(j, &k->first); break;
	case AGG_LAST: read_value_json(j, &k->last); break;
	default: write_number(j, (double) k->covered_ns / (double) (k->end_ns - k->start_ns));
	}
}

/* What was acknowledged before the question belongs into its answer. The store of samples reads the log a moment later; one that is
 * further behind than this answers with what it has. */
static void catch_up(const struct platform *p)
{
	enum { PATIENCE_MS = 1000 };

	if (tsdb_wait(p->tsdb, wal_durable(p->wal), PATIENCE_MS) < 0)
		err_clear();
}

int read_asked(struct scope *s, const struct query_in *in, struct read_asked *ret)
{
	struct read_asked a = { .n = in->points.n };
	int64_t now = clock_now_ns();
	int r = parse_when("from", in->from, now, &a.from_ns);

	if (r == 0)
		r = parse_when("to", str_empty(in->to) ? "now" : in->to, now, &a.to_ns);
	if (r == 0 && a.to_ns <= a.from_ns)
		r = err_at(err_fail(ERR_INVALID, "field", "to", "rule", "@after_from", "value", in->to, NULL), "to");
	if (r == 0)
		r = read_points(s, in->points.items, in->points.n, &a.points);
	if (r == 0)
		r = parse_aggregates(&a, in);
	if (r == 0)
		catch_up(s->platform);
	if (r < 0)
		return r;
	a.said_to_ns = a.to_ns;
	if (a.n_aggs)
		a.to_ns = MIN(a.to_ns, MAX(now, a.from_ns));
	*ret = a;
	return 0;
}
