/* read_asked.c - what a query asked for. */
#include "service/read_asked.h"

#include "base/calendar.h"
#include "base/str.h"
#include "base/when.h"
#include "model/trend.h"
#include "sys/sys.h"
#include "wal/wal.h"

static const struct rec_word calendar_words[] = { { "none", "Equal steps", "等长步长" }, { "shift", "Shift", "班次" }, { "day", "Day", "日" }, { "week", "Week", "周" },
	{ "month", "Month", "月" }, { "quarter", "Quarter", "季度" }, { "year", "Year", "年" }, { NULL } };
static const struct rec_word fill_words[] = { { "none", "Left out", "不返回" }, { "null", "Empty", "空值" }, { "previous", "Previous", "前值" },
	{ "linear", "Linear", "线性插值" }, { NULL } };

static const struct rec_word plot_words[] = { { "m4", "Ends and extremes of each pixel", "每像素首末与极值" }, { "lttb", "Largest triangles", "最大三角形" }, { NULL } };

static const struct rec_field query_in_fields[] = {
	F_KIND(struct query_in, points, REC_LIST, .item = REC_STR, .max = "1000", .label = "Points",
		.label_zh = "点位", .doc = "Ids, paths or codes; may be left out where there are `labels`", .doc_zh = "标识符、路径或编码；给出 labels 时可省略"),
	F_KIND(struct query_in, labels, REC_LIST, .item = REC_STR, .max = "64", .label = "Data labels", .label_zh = "数据标签",
		.doc = "Ids or codes: only points that have one of them", .doc_zh = "标识符或编码：仅限带有其中之一的点位"),
	F(struct query_in, from, .flags = REC_REQUIRED, .label = "From", .label_zh = "开始", .doc = "RFC 3339, or now-1h", .doc_zh = "RFC 3339 时间，或 now-1h"),
	F(struct query_in, to, .def = "now", .label = "To", .label_zh = "结束"),
	F_KIND(struct query_in, step, REC_DURATION, .def = "0s", .min = "0s", .label = "Step", .label_zh = "步长"),
	F_KIND(struct query_in, aggregates, REC_LIST, .item = REC_STR, .max = "24", .label = "Aggregates", .label_zh = "聚合",
		.doc = "avg mean min max sum count first last coverage integral stddev delta changes states min_time max_time median p95",
		.doc_zh = "avg mean min max sum count first last coverage integral stddev delta changes states min_time max_time median p95"),
	F(struct query_in, aggregate, .label = "Aggregate", .label_zh = "聚合方式"),
	F_ENUM(struct query_in, calendar, calendar_words, .def = "none", .label = "Calendar", .label_zh = "日历周期",
		.doc = "Periods as the clock on the wall shows them; step is then the length of a shift", .doc_zh = "按当地时钟划分的周期；班次的长度由 step 给出"),
	F(struct query_in, zone, .def = "local", .max = "64", .label = "Time zone", .label_zh = "时区", .doc = "Europe/Berlin, +08:00, UTC; local: of the platform's computer",
		.doc_zh = "Asia/Shanghai、+08:00、UTC；local 为平台所在计算机的时区"),
	F_KIND(struct query_in, day_start, REC_DURATION, .def = "0s", .min = "0s", .max = "86399s", .label = "Start of the production day", .label_zh = "生产日开始时刻",
		.doc = "So long after midnight: 6h", .doc_zh = "零点之后多久：6h"),
	F_ENUM(struct query_in, fill, fill_words, .def = "none", .label = "Buckets without samples", .label_zh = "无样本的时段"),
	F(struct query_in, roll_over, .def = "0", .min = "0", .label = "Roll-over of the counter", .label_zh = "计数器回零值",
		.doc = "For delta: the value at which it begins at 0 again; 0: nowhere", .doc_zh = "用于 delta：计数器到达此值后从 0 重新开始；0 表示不回零"),
	F(struct query_in, pixels, .max = "100000", .label = "Width of the screen", .label_zh = "屏幕宽度", .unit = "px",
		.doc = "Of samples the first, lowest, highest and last of each pixel; JSON alone", .doc_zh = "每个像素仅返回首、最低、最高、末样本；仅用于 JSON"),
	F_ENUM(struct query_in, plot, plot_words, .def = "m4", .label = "What is picked for the screen", .label_zh = "取点方法",
		.doc = "m4: the ends and extremes of each pixel; lttb: as many samples as `pixels`, those that keep the shape",
		.doc_zh = "m4：每个像素的首末与极值；lttb：与 pixels 同数的样本，保留曲线形状"),
	F_ENUM(struct query_in, group_by, trend_group_words, .def = "none", .label = "One series for the points of each", .label_zh = "分组方式"),
	F_ENUM(struct query_in, across, trend_across_words, .def = "mean", .label = "Of the points of a group", .label_zh = "组内合并方式"),
	F_KIND(struct query_in, timeout, REC_DURATION, .def = "60s", .min = "100ms", .max = "600s", .label = "Time at most", .label_zh = "最长时间"),
	F(struct query_in, limit, .max = "1000000", .label = "Limit", .label_zh = "上限", .doc = "0: 10000; of CSV and NDJSON: all",
		.doc_zh = "0 表示 10000；CSV 与 NDJSON 则不限"),
	F(struct query_in, zone_minutes, .def = "0", .min = "-840", .max = "840", .unit = "min", .label = "Time zone of a workbook", .label_zh = "工作簿的时区",
		.doc = "Minutes from UTC: 480 is UTC+08:00", .doc_zh = "与 UTC 相差的分钟数：480 即 UTC+08:00"),
	F_KIND(struct query_in, compare, REC_DURATION, .def = "0s", .min = "0s", .label = "Compared with so much earlier, in a workbook",
		.label_zh = "工作簿中与此前对比", .doc = "1d"),
};
const struct rec_type query_in_type = REC_PLAIN(struct query_in, "query", query_in_fields, .title = "Query", .title_zh = "查询");

static int parse_when(const char *field, const char *text, int64_t now, int64_t *ret)
{
	if (when_parse_relative(text, str_len(text), now, ret))
		return 0;
	return err_at(err_fail(ERR_WRONG_TYPE, "field", field, "want", "@moment", "value", text, NULL), field);
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

static int wrong_duration(const char *field, const char *rule, int64_t ns)
{
	char text[WHEN_TEXT_MAX];

	when_format_duration(text, ns);
	return err_at(err_fail(ERR_INVALID, "field", field, "rule", rule, "value", text, NULL), field);
}

/* The borders of calendar periods, at most READ_LIMIT_MAX of them. */
static int lay_borders(struct scope *s, const struct query_in *in, const struct zone *zone, struct read_asked *a)
{
	static const int64_t shortest[] = { [CALENDAR_DAY] = 20, [CALENDAR_WEEK] = 160, [CALENDAR_MONTH] = 660, [CALENDAR_QUARTER] = 2100, [CALENDAR_YEAR] = 8700 };
	struct calendar c = { .unit = (enum calendar_unit) in->calendar, .start_s = (int32_t) (in->day_start / NS_PER_S), .shift_s = (int32_t) MIN(in->step / NS_PER_S, (int64_t) 86400) };
	int64_t *border, least = c.unit == CALENDAR_SHIFT ? in->step : shortest[c.unit] * 3600 * NS_PER_S;
	size_t max, n;

	c.zone = zone;
	if (c.unit == CALENDAR_SHIFT && (in->step < 60 * NS_PER_S || in->step % NS_PER_S || 86400 % (in->step / NS_PER_S)))
		return wrong_duration("step", "@divides_a_day", in->step);
	if (c.unit != CALENDAR_SHIFT && in->step)
		return wrong_duration("step", "@step_of_shift", in->step);
	max = (size_t) (((double) a->to_ns - (double) a->from_ns) / (double) least) + 3;
	if (max > READ_LIMIT_MAX)
		return err_at(err_fail(ERR_LIMIT, "what", "@periods", "max", "1000000", NULL), "calendar");
	border = arena_array(s->arena, int64_t, max);
	if (!border)
		return err_fail(ERR_NO_MEMORY, "what", "query", NULL);
	n = calendar_borders(&c, a->from_ns, a->to_ns, border, max);
	a->step.border = border;
	a->step.n_borders = MIN(n, max);
	return 0;
}

static int lay_step(struct scope *s, const struct query_in *in, struct read_asked *a)
{
	struct zone *zone = arena_new(s->arena, struct zone);
	int r;

	if (!zone)
		return err_fail(ERR_NO_MEMORY, "what", "query", NULL);
	r = zone_open(str_empty(in->zone) ? "local" : in->zone, s->arena, zone);
	if (r == -ERR_MISSING)
		r = err_fail(ERR_INVALID, "field", "zone", "rule", "@rule_wall", "value", in->zone, NULL);
	if (r < 0)
		return err_at(r, "zone");
	if (in->day_start % NS_PER_S)
		return wrong_duration("day_start", "@whole_seconds", in->day_start);
	a->step.step_ns = in->step;
	a->step.fill = (enum tsdb_fill) in->fill;
	a->step.roll_over = in->roll_over;
	return in->calendar ? lay_borders(s, in, zone, a) : 0;
}

struct tsdb_step read_step(const struct read_asked *a, int32_t between)
{
	struct tsdb_step step = a->step;

	step.between = between == BETWEEN_LINEAR ? TSDB_LINEAR : TSDB_STEP;
	step.quantile = a->quantiles;
	return step;
}

/* What was acknowledged before the question belongs into its answer. The store of samples reads the log a moment later; one that is
 * further behind than this answers with what it has. */
static void catch_up(const struct platform *p)
{
	enum { PATIENCE_MS = 1000 };

	if (tsdb_wait(p->tsdb, wal_durable(p->wal), PATIENCE_MS) < 0)
		err_clear();
}

int read_wrong_pixels(uint32_t pixels, const char *rule)
{
	char text[16];
	struct buf b = BUF_FIXED(text);

	buf_addf(&b, "%u", pixels);
	return err_at(err_fail(ERR_INVALID, "field", "pixels", "rule", rule, "value", text, NULL), "pixels");
}

int read_wrong_groups(int32_t group_by, const char *rule)
{
	return err_at(err_fail(ERR_INVALID, "field", "group_by", "rule", rule, "value", trend_group_words[group_by].word, NULL), "group_by");
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
	if (r == 0 && !in->points.n && !in->labels.n)
		r = err_at(err_fail(ERR_REQUIRED, "field", "points", NULL), "points");
	if (r == 0 && in->points.n)
		r = read_points(s, in->points.items, in->points.n, &a.points);
	if (r == 0 && in->labels.n)
		r = read_labelled(s, in->labels.items, in->labels.n, &a.points, &a.n);
	if (r == 0)
		r = read_aggs(s, in, &a);
	if (r == 0 && in->pixels && a.n_aggs)
		r = read_wrong_pixels(in->pixels, "@no_aggregates");
	if (r == 0)
		catch_up(s->platform);
	if (r < 0)
		return r;
	a.said_to_ns = a.to_ns;
	if (a.n_aggs)
		a.to_ns = MIN(a.to_ns, MAX(now, a.from_ns));
	r = a.n_aggs ? lay_step(s, in, &a) : 0;
	if (r < 0)
		return r;
	*ret = a;
	return 0;
}
