/* samples.c - tenon query, tenon write: history out and in. */
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"
#include "base/str.h"
#include "base/when.h"
#include "cli/parts.h"
#include "cli/verbs.h"
#include "model/value.h"
#include "sheet/sheet.h"
#include "sys/sys.h"

struct query_options {
	REMOTE_MEMBERS;
	const char *from, *to, *step, *aggregate, *file, *calendar, *zone, *day_start, *fill, *plot, *group_by, *across, *label;
	double roll_over;
	uint32_t limit, pixels;
};
/* The first four are output_words. */
static const struct rec_word query_words[] = { { "table", "Table", "表格" }, { "json", "JSON", "JSON" }, { "csv", "CSV", "CSV" }, { "ndjson", "NDJSON", "NDJSON" },
	{ "xlsx", "XLSX", "XLSX" }, { NULL } };
static const struct rec_field query_fields[] = {
	REMOTE_FIELDS_AS(struct query_options, query_words, "table, json, csv, ndjson or xlsx", "table、json、csv、ndjson 或 xlsx"),
	F(struct query_options, from, .def = "now-1h", .label = "From", .label_zh = "开始", .doc = "now-8h, 2026-01-31T08:00:00Z, 2026-01-31T16:00:00+08:00",
		.doc_zh = "now-8h、2026-01-31T08:00:00Z、2026-01-31T16:00:00+08:00"),
	F(struct query_options, to, .def = "now", .label = "To", .label_zh = "结束"),
	F(struct query_options, step, .label = "Length of a bucket", .label_zh = "步长", .doc = "1m, 1h", .doc_zh = "1m、1h"),
	F(struct query_options, aggregate, .label = "Figures of a bucket, several by comma", .label_zh = "聚合方式，多个以逗号分隔",
		.doc = "avg mean min max sum count first last coverage integral stddev delta changes states min_time max_time median p95"),
	F(struct query_options, calendar, .label = "Periods of the wall: shift day week month quarter year", .label_zh = "日历周期：shift day week month quarter year",
		.doc = "of a shift --step says how long it is", .doc_zh = "班次的长度由 --step 给出"),
	F(struct query_options, zone, .label = "Time zone of the calendar", .label_zh = "日历的时区", .doc = "Europe/Berlin, +08:00; else the platform's",
		.doc_zh = "Asia/Shanghai、+08:00；默认为平台所在时区"),
	F(struct query_options, day_start, .label = "Start of the production day", .label_zh = "生产日开始时刻", .doc = "6h"),
	F(struct query_options, fill, .label = "Buckets without samples: none null previous linear", .label_zh = "无样本的时段：none null previous linear"),
	F(struct query_options, roll_over, .def = "0", .min = "0", .label = "For delta: where the counter begins at 0 again", .label_zh = "用于 delta：计数器回零值"),
	F(struct query_options, pixels, .max = "100000", .label = "Samples as a screen so wide shows them", .label_zh = "按此屏幕宽度返回样本"),
	F(struct query_options, plot, .label = "What --pixels picks: m4 lttb", .label_zh = "--pixels 的取点方法：m4 lttb"),
	F(struct query_options, group_by, .label = "One series for the points of each: all device place enterprise site area line cell unit label",
		.label_zh = "分组方式：all device place enterprise site area line cell unit label"),
	F(struct query_options, label, .label = "Only points with one of these data labels, several by comma; without points all of them",
		.label_zh = "仅限带有这些数据标签之一的点位，多个以逗号分隔；不给出点位时取全部"),
	F(struct query_options, across, .label = "Of the points of a group: mean sum min max count", .label_zh = "组内合并方式：mean sum min max count"),
	F(struct query_options, limit, .max = "1000000", .label = "At most so many; 0: 10000, into a file all", .label_zh = "最多条数；0 为 10000，写入文件时不限"),
	F(struct query_options, file, .label = "Into this file: .csv or .ndjson, however many; .xlsx", .label_zh = "写入此文件：.csv 或 .ndjson 条数不限；.xlsx"),
};
const struct rec_type query_option_type = REC_PLAIN(struct query_options, "options", query_fields);

static void cell(const struct tree *t, struct buf *out)
{
	char text[NUM_TEXT_MAX];

	if (!t || t->kind == TREE_NULL)
		return;
	if (t->kind == TREE_STR)
		buf_addn(out, t->s, t->n);
	else if (t->kind == TREE_BOOL)
		buf_add(out, t->b ? "true" : "false");
	else if (t->kind == TREE_I64)
		buf_addn(out, text, num_format_i64(text, t->i));
	else if (t->kind == TREE_F64)
		buf_addn(out, text, num_format_f64(text, t->f));
}

/* The columns that are neither times nor what all series have. */
static bool is_figure(const char *name)
{
	static const char *const others[] = { "point", "path", "type", "unit", "t", "ns", "q", "v", "group", "points" };

	for (size_t i = 0; i < ELEMENTSOF(others); i++)
		if (str_eq(name, others[i]))
			return false;
	return true;
}

static void states(const struct tree *list, struct buf *out)
{
	char text[WHEN_TEXT_MAX];
	const char *between = "";

	TREE_EACH(state, list) {
		buf_add(out, between);
		cell(tree_find(state, "v"), out);
		when_format_duration(text, (int64_t) (tree_f64(tree_find(state, "s"), 0) * 1000 + 0.5) * NS_PER_MS);      /* who reads it wants no more */
		buf_addf(out, " %s", text);
		between = ", ";
	}
}

static void figure(const struct tree *v, struct buf *out)
{
	if (v && v->kind == TREE_LIST)
		states(v, out);
	else
		cell(v, out);
}

/* time, point, value or figures by name, quality: one line a sample. */
static void rows(const struct tree *answer, struct buf *out)
{
	TREE_EACH(series, tree_find(answer, "series")) {
		const struct tree *t = tree_find(series, "t"), *ns = tree_find(series, "ns"), *v = tree_find(series, "v"), *q = tree_find(series, "q");

		for (uint32_t i = 0; t && i < t->n; i++) {
			char when[WHEN_TEXT_MAX];

			when_format(when, tree_i64(tree_at(t, i), 0) * 1000 + tree_i64(tree_at(ns, i), 0));
			buf_addf(out, "%-30s  %s  ", when, tree_str(tree_find(series, "path")));
			if (v)
				figure(tree_at(v, i), out);
			TREE_EACH(column, series)
				if (is_figure(column->key)) {
					buf_addf(out, "%s%s ", v ? "  " : "", column->key);
					figure(tree_at(column, i), out);
					buf_add(out, v ? "" : "  ");
				}
			buf_addf(out, "  %s\n", quality_text((uint32_t) tree_i64(tree_at(q, i), 0), cli_lang() == LANG_ZH));
		}
	}
}

/* Of this computer, now. */
static int zone_minutes(void)
{
	time_t now = time(NULL);
	struct tm local;

	return localtime_r(&now, &local) ? (int) (local.tm_gmtoff / 60) : 0;
}

static void several(struct json *j, const char *key, const char *texts)
{
	json_key(j, key);
	json_array(j);
	for (const char *at = texts, *end; *at; at = *end ? end + 1 : end) {
		end = str_find(at, ",");
		end = end ? end : at + str_len(at);
		json_strn(j, at, (size_t) (end - at));
	}
	json_end(j);
}

/* One stands for itself, its column is then the value; several by comma. */
static void words(struct json *j, const char *aggregate)
{
	if (str_empty(aggregate))
		return;
	if (str_find(aggregate, ","))
		several(j, "aggregates", aggregate);
	else
		json_kv_str(j, "aggregate", aggregate);
}

static const char *asked(const struct query_options *o, bool as_book, int argc, char *argv[], struct arena *a)
{
	struct buf b = BUF_INIT(&sys_heap, 1 << 20);
	struct json j = JSON_TO(&b);
	const char *text;

	json_object(&j);
	json_key(&j, "points");
	json_array(&j);
	for (int i = 1; i < argc; i++)
		json_str(&j, argv[i]);
	json_end(&j);
	if (!str_empty(o->label))
		several(&j, "labels", o->label);
	json_kv_str(&j, "from", o->from);
	json_kv_str(&j, "to", o->to);
	if (!str_empty(o->step))
		json_kv_str(&j, "step", o->step);
	words(&j, o->aggregate);
	if (!str_empty(o->calendar))
		json_kv_str(&j, "calendar", o->calendar);
	if (!str_empty(o->zone))
		json_kv_str(&j, "zone", o->zone);
	if (!str_empty(o->day_start))
		json_kv_str(&j, "day_start", o->day_start);
	if (!str_empty(o->fill))
		json_kv_str(&j, "fill", o->fill);
	if (o->pixels)
		json_kv_u64(&j, "pixels", o->pixels);
	if (!str_empty(o->plot))
		json_kv_str(&j, "plot", o->plot);
	if (!str_empty(o->group_by))
		json_kv_str(&j, "group_by", o->group_by);
	if (!str_empty(o->across))
		json_kv_str(&j, "across", o->across);
	if (o->roll_over > 0)
		json_kv_f64(&j, "roll_over", o->roll_over);
	if (str_empty(o->file) || o->limit)
		json_kv_u64(&j, "limit", o->limit);
	if (as_book)
		json_kv_i64(&j, "zone_minutes", zone_minutes());
	json_end(&j);
	text = b.failed ? NULL : arena_str(a, b.data);
	buf_done(&b);
	return text;
}

/* Through a job on the platform, so that it may be as long as it likes. */
static int into_file(const struct query_options *o, const char *form, const char *body, struct arena *a)
{
	const struct remote *remote = REMOTE_OF(o);
	struct remote_request q = { .method = "POST", .type = "application/json", .body = body, .len = str_len(body),
		.path = str_eq(form, "ndjson") ? "/api/v1/query/export?format=ndjson" : "/api/v1/query/export?format=csv" };
	struct tree *job;
	const char *id;
	int r = remote_tree(remote, &q, a, &job);

	if (r < 0)
		return r;
	id = tree_str(tree_find(job, "id"));
	r = job_wait(remote, id ? id : "", a, &job);
	return r < 0 ? r : job_fetch(remote, id ? id : "", o->file, a);
}

static int as_book(const struct query_options *o, const char *body, struct arena *a)
{
	struct remote_request q = { .method = "POST", .path = "/api/v1/query", .type = "application/json", .accept = SHEET_TYPE_XLSX, .body = body,
		.len = str_len(body), .file = str_empty(o->file) ? NULL : o->file };
	const char *bytes;
	size_t n;
	int r;

	if (q.file)
		return remote_call(REMOTE_OF(o), &q, a, NULL);
	if (isatty(STDOUT_FILENO))
		return err_fail(ERR_USAGE, "detail", cli_text("a workbook is no text: --file F.xlsx, or > F.xlsx", "工作簿不是文本：请用 --file F.xlsx 或 > F.xlsx"), NULL);
	r = remote_bytes(REMOTE_OF(o), &q, a, &bytes, &n);
	if (r == 0 && fwrite(bytes, 1, n, stdout) != n)
		r = sys_fail(errno, "write", "stdout");
	return r;
}

int run_query(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	const struct query_options *o = options;
	struct remote_request q = { .method = "POST", .path = "/api/v1/query", .type = "application/json" };
	const char *given = query_words[o->output].word, *output = str_empty(o->file) ? given : file_form(o->file, given), *text;
	struct buf out = BUF_INIT(&sys_heap, 1 << 30);
	struct tree *answer;
	int r;

	if (argc < 2 && str_empty(o->label))
		return err_fail(ERR_USAGE, "detail", arena_fmt(a, "tenon query %s", c->usage), NULL);
	if (!str_empty(o->file) && str_eq(output, "json"))
		return err_fail(ERR_UNSUPPORTED, "what", "@file", "value", o->file, "words", ".csv, .ndjson, .xlsx", NULL);
	q.body = asked(o, str_eq(output, "xlsx"), argc, argv, a);
	if (!q.body)
		return err_fail(ERR_NO_MEMORY, "what", "request", NULL);
	q.len = str_len(q.body);
	if (str_eq(output, "xlsx"))
		return as_book(o, q.body, a);
	if (!str_empty(o->file))
		return into_file(o, output, q.body, a);
	if (!str_eq(output, "table")) {         /* as the platform writes it */
		q.accept = str_eq(output, "csv") ? "text/csv" : str_eq(output, "ndjson") ? "application/x-ndjson" : "application/json";
		r = remote_call(REMOTE_OF(o), &q, a, &text);
		if (r == 0)
			buf_add(&out, text);
		if (r == 0 && str_eq(output, "json"))
			buf_addc(&out, '\n');
	} else {
		r = remote_tree(REMOTE_OF(o), &q, a, &answer);
		if (r == 0)
			rows(answer, &out);
		if (r == 0 && tree_bool(tree_find(answer, "truncated"), false))
			buf_add(&out, cli_text("… there is more: --limit, --step, --file\n", "……还有更多：--limit、--step、--file\n"));
	}
	if (r == 0)
		show_print(&out);
	return r;
}

enum { WRITE_LINES, WRITE_BATCHES };
static const struct rec_word write_words[] = { { "lines", "InfluxDB line protocol", "InfluxDB 行协议" },
	{ "batches", "batches (application/vnd.tenon.batch)", "批数据（application/vnd.tenon.batch）" }, { 0 } };
struct write_options { REMOTE_MEMBERS; const char *precision; int32_t format; };
static const struct rec_field write_fields[] = {
	REMOTE_FIELDS(struct write_options),
	F(struct write_options, precision, .def = "ns", .label = "Unit of timestamps: ns, us, ms, s", .label_zh = "时间戳单位：ns、us、ms、s"),
	F_ENUM(struct write_options, format, write_words, .def = "lines", .label = "What the file holds: lines or batches", .label_zh = "文件内容：lines（行协议）或 batches（批数据）"),
};
const struct rec_type write_option_type = REC_PLAIN(struct write_options, "options", write_fields);

int run_write(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	enum { FILE_MAX = 7 << 20 };
	const struct write_options *o = options;
	struct remote_request q = { .method = "POST", .type = o->format == WRITE_BATCHES ? "application/vnd.tenon.batch" : "text/plain" };
	struct buf file = BUF_INIT(&sys_heap, FILE_MAX);
	const char *name = argc < 2 || str_eq(argv[1], "-") ? "/dev/stdin" : argv[1];
	int r = argc > 2 ? err_fail(ERR_USAGE, "detail", arena_fmt(a, "tenon write %s", c->usage), NULL) : file_read(name, FILE_MAX, &file);

	if (r < 0)
		return r;
	q.path = arena_fmt(a, "/api/v1/write?precision=%s", o->precision);
	q.body = file.data;
	q.len = file.len;
	r = remote_call(REMOTE_OF(o), &q, a, NULL);
	buf_done(&file);
	return r;
}
