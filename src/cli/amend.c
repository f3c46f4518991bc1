/* amend.c - tenon history delete|erase|correct|undo|corrections|removals: samples that people take away or correct. */
#include <stdio.h>
#include <unistd.h>

#include "base/num.h"
#include "base/str.h"
#include "cli/ops.h"
#include "cli/parts.h"
#include "sheet/sheet.h"
#include "sys/sys.h"

struct amend_options { REMOTE_MEMBERS; const char *from, *to, *under, *reason, *file; bool backups, dry_run, yes; };
#define O struct amend_options
static const struct rec_field amend_fields[] = {
	REMOTE_FIELDS(O),
	F(O, from, .label = "delete: from this time on", .label_zh = "delete：开始时间", .doc = "without: since ever", .doc_zh = "不填表示从最早开始"),
	F(O, to, .label = "delete: up to this time", .label_zh = "delete：结束时间", .doc = "without: for ever", .doc_zh = "不填表示直到最后"),
	F(O, under, .label = "Instead of points: all below a path", .label_zh = "代替点位：路径下全部"),
	F(O, reason, .label = "Why", .label_zh = "原因"),
	F(O, file, .label = "correct: a CSV file with the columns point,time,value", .label_zh = "correct：含 point,time,value 三列的 CSV 文件"),
	F(O, backups, .def = "false", .label = "erase: delete the backups made before, too", .label_zh = "erase：同时删除此前的备份"),
	F(O, dry_run, .def = "false", .label = "delete: only count", .label_zh = "delete：仅统计"),
	F(O, yes, .def = "false", .label = "Do not ask", .label_zh = "不再询问"),
};
const struct rec_type amend_option_type = REC_PLAIN(O, "options", amend_fields);
const char *const amend_verbs[] = { "delete", "erase", "correct", "undo", "corrections", "removals", NULL };

static const struct rec_type nothing = { .n_fields = 0 };

static int usage(const struct command *c, struct arena *a) { return err_fail(ERR_USAGE, "detail", arena_fmt(a, "tenon %s %s", c->name, c->usage), NULL); }

/* Only a person at a terminal can be asked; a program says --yes. */
static int ask(const O *o, const char *question)
{
	char line[16] = "";

	if (o->yes)
		return 0;
	if (isatty(0) && isatty(2)) {
		fprintf(stderr, "%s", question);
		if (fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y'))
			return 0;
	}
	return err_fail(ERR_USAGE, "detail", cli_text("nothing was done; say --yes", "未执行；如需执行请加 --yes"), NULL);
}

static int post(const O *o, const char *path, struct buf *body, struct arena *a, struct tree **ret)
{
	struct remote_request q = { .method = "POST", .path = path, .type = "application/json", .body = arena_str(a, body->data), .len = body->len };
	int r = body->failed || !q.body ? err_fail(ERR_NO_MEMORY, "what", "request", NULL) : remote_tree(REMOTE_OF(o), &q, a, ret);

	buf_done(body);
	return r;
}

static void points_json(struct json *j, char *const *points, int n)
{
	json_key(j, "points");
	json_array(j);
	for (int i = 0; i < n; i++)
		json_str(j, points[i]);
	json_end(j);
}

static int delete_samples(const O *o, int n, char *points[], struct arena *a)
{
	struct buf body = BUF_INIT(&sys_heap, 1 << 20), out = BUF_INIT(&sys_heap, 1 << 20);
	struct json j = JSON_TO(&body);
	struct tree *answer;
	int r = o->dry_run ? 0 : ask(o, cli_text("Delete these samples? [y/N] ", "确定删除这些样本？[y/N] "));

	if (r < 0)
		return r;
	json_object(&j);
	if (n)
		points_json(&j, points, n);
	if (o->under)
		json_kv_str(&j, "under", o->under);
	if (o->from)
		json_kv_str(&j, "from", o->from);
	if (o->to)
		json_kv_str(&j, "to", o->to);
	json_kv_str(&j, "reason", o->reason ? o->reason : "");
	json_end(&j);
	r = post(o, o->dry_run ? "/api/v1/history/delete?dry_run=true" : "/api/v1/history/delete", &body, a, &answer);
	if (r < 0)
		return r;
	show_one(&nothing, answer, o->output == 0 ? "table" : output_words[o->output].word, &out);
	show_print(&out);
	return 0;
}

static int erase(const O *o, int n, char *points[], struct arena *a)
{
	struct buf body = BUF_INIT(&sys_heap, 1 << 20), out = BUF_INIT(&sys_heap, 1 << 20);
	struct json j = JSON_TO(&body);
	struct tree *job;
	int r = ask(o, cli_text("Erase all samples of these points, for good? [y/N] ", "确定永久抹除这些点位的全部样本？[y/N] "));

	if (r < 0)
		return r;
	json_object(&j);
	points_json(&j, points, n);
	json_kv_str(&j, "reason", o->reason ? o->reason : "");
	json_kv_bool(&j, "backups", o->backups);
	json_end(&j);
	r = post(o, "/api/v1/history/erase", &body, a, &job);
	if (r == 0)
		r = job_wait(REMOTE_OF(o), tree_str(tree_find(job, "id")) ?: "", a, &job);
	if (r < 0)
		return r;
	const struct tree *report = tree_find(job, "result");
	show_one(&nothing, report ? report : job, output_words[o->output].word, &out);
	show_print(&out);
	return 0;
}

/* ---- corrections ---- */

static void value_json(const char *text, struct json *j)
{
	double f;

	if (str_eq(text, "true") || str_eq(text, "false") || (*text && num_parse_f64(text, text + str_len(text), &f) == str_len(text)))
		json_raw(j, text);
	else
		json_str(j, text);
}

static void one_json(struct json *j, const char *point, const char *time, const char *value)
{
	json_object(j);
	json_kv_str(j, "point", point);
	json_kv_str(j, "time", time);
	json_key(j, "value");
	value_json(value, j);
	json_end(j);
}

static int file_json(const char *path, struct arena *a, struct json *j)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT(&sys_heap, 4 << 20);
	struct csv csv;
	struct csv_row row;
	int r = file_read(path, 2 << 20, &text);

	if (r == 0)
		r = csv_open(&csv, text.data ? text.data : "", text.len);
	while (r >= 0 && (r = csv_next(&csv, a, &row)) > 0) {
		if (row.n < 3 || str_eq(row.cells[0], "point"))
			continue;
		one_json(j, row.cells[0], row.cells[1], row.cells[2]);
	}
	return MIN(r, 0);
}

static int correct(const O *o, int n, char *what[], struct arena *a)
{
	static const char *const columns[] = { "id", "path", "time", "kind", "before", "value", "unit", NULL };
	struct buf body = BUF_INIT(&sys_heap, 8 << 20), out = BUF_INIT(&sys_heap, 8 << 20);
	struct json j = JSON_TO(&body);
	struct tree *answer;
	int r = 0;

	json_object(&j);
	json_key(&j, "corrections");
	json_array(&j);
	if (n)
		one_json(&j, what[0], what[1], what[2]);
	else
		r = file_json(o->file, a, &j);
	json_end(&j);
	json_kv_str(&j, "reason", o->reason ? o->reason : "");
	json_end(&j);
	if (r == 0)
		r = post(o, "/api/v1/corrections", &body, a, &answer);
	if (r < 0)
		return r;
	show_columns(columns, tree_find(answer, "items"), output_words[o->output].word, &out);
	show_print(&out);
	return 0;
}

static int undo(const O *o, const char *id, struct arena *a)
{
	struct buf body = BUF_INIT(&sys_heap, 1 << 16), path = BUF_INIT(&sys_heap, 4096), out = BUF_INIT(&sys_heap, 1 << 20);
	struct json j = JSON_TO(&body);
	struct tree *answer;

	json_object(&j);
	json_kv_str(&j, "reason", o->reason ? o->reason : "");
	json_end(&j);
	buf_add(&path, "/api/v1/corrections/");
	remote_escape(&path, id);
	buf_add(&path, "/undo");
	int r = path.failed ? err_fail(ERR_NO_MEMORY, "what", "request", NULL) : post(o, arena_str(a, path.data), &body, a, &answer);
	buf_done(&path);
	if (r < 0)
		return r;
	show_one(&nothing, answer, output_words[o->output].word, &out);
	show_print(&out);
	return 0;
}

static int list(const O *o, const char *path, const char *const *columns, struct arena *a)
{
	struct buf out = BUF_INIT(&sys_heap, 8 << 20);
	struct tree *answer;
	int r = remote_tree(REMOTE_OF(o), &(struct remote_request) { .method = "GET", .path = path }, a, &answer);

	if (r < 0)
		return r;
	show_columns(columns, tree_find(answer, "items"), output_words[o->output].word, &out);
	show_print(&out);
	return 0;
}

int run_amend(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	static const char *const of_corrections[] = { "id", "created", "name", "path", "time", "kind", "state", "before", "value", "reason", NULL };
	static const char *const of_removals[] = { "id", "created", "name", "kind", "state", "n_points", "from", "to", "samples", "reason", NULL };
	const O *o = options;
	const char *verb = argc > 1 ? argv[1] : "";

	if (str_eq(verb, "delete") && (argc > 2) != (o->under != NULL))
		return delete_samples(o, argc - 2, argv + 2, a);
	if (str_eq(verb, "erase") && argc > 2)
		return erase(o, argc - 2, argv + 2, a);
	if (str_eq(verb, "correct") && (o->file ? argc == 2 : argc == 5))
		return correct(o, argc - 2, argv + 2, a);
	if (str_eq(verb, "undo") && argc == 3)
		return undo(o, argv[2], a);
	if (str_eq(verb, "corrections") && argc == 2)
		return list(o, "/api/v1/corrections?limit=1000", of_corrections, a);
	if (str_eq(verb, "removals") && argc == 2)
		return list(o, "/api/v1/removals?limit=1000", of_removals, a);
	return usage(c, a);
}
