/* sql.c - tenon sql: a SELECT over history and records. */
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/parts.h"
#include "cli/verbs.h"
#include "sys/sys.h"

enum { STATEMENT_MAX = 64 << 10, ROWS_TABLE = 10000, ROWS_FILE = 10000000 };

struct sql_options { REMOTE_MEMBERS; const char *zone, *timeout, *file; uint32_t limit; bool tables; };
static const struct rec_field fields[] = {
	REMOTE_FIELDS(struct sql_options),
	F(struct sql_options, zone, .label = "Time zone of days and clock readings", .label_zh = "日期和钟面时间的时区", .doc = "Asia/Shanghai; default: TZ, or UTC",
		.doc_zh = "如 Asia/Shanghai；默认取 TZ，否则为 UTC"),
	F(struct sql_options, timeout, .def = "30s", .label = "Time at most", .label_zh = "最长时间"),
	F(struct sql_options, limit, .max = "10000000", .label = "Rows at most; 0: 10000, into a file 10 million", .label_zh = "最多行数；0 为 10000，写入文件时为 1000 万"),
	F(struct sql_options, file, .label = "Into this file: .csv, .json or .ndjson", .label_zh = "写入此文件：.csv、.json 或 .ndjson"),
	F(struct sql_options, tables, .label = "Show tables, functions and columns", .label_zh = "列出表、函数和列"),
};
const struct rec_type sql_option_type = REC_PLAIN(struct sql_options, "options", fields);

static int show_tables(const struct remote *remote, struct arena *a)
{
	struct remote_request q = { .method = "GET", .path = "/api/v1/sql/tables" };
	struct buf out = BUF_INIT(&sys_heap, 1 << 20);
	struct tree *answer;
	int r = remote_tree(remote, &q, a, &answer);

	if (r < 0)
		return r;
	TREE_EACH(f, tree_find(answer, "functions")) {
		buf_addf(&out, "%s(%s)\n", tree_str(tree_find(f, "name")), tree_str(tree_find(f, "arguments")));
		TREE_EACH(c, tree_find(f, "columns"))
			buf_addf(&out, "  %-24s %s\n", tree_str(tree_find(c, "name")), tree_str(tree_find(c, "type")));
	}
	TREE_EACH(t, tree_find(answer, "tables")) {
		buf_addf(&out, "%s  %s\n", tree_str(tree_find(t, "name")), tree_str(tree_find(t, "title")));
		TREE_EACH(c, tree_find(t, "columns")) {
			const char *label = tree_str(tree_find(c, "label"));

			buf_addf(&out, "  %-24s %-26s %s\n", tree_str(tree_find(c, "name")), tree_str(tree_find(c, "type")), label ? label : "");
		}
	}
	show_print(&out);
	return 0;
}

/* A plan is drawn, not tabulated. */
static bool draw_plan(const struct tree *answer, struct buf *out)
{
	const struct tree *first = tree_at(tree_find(answer, "columns"), 0);

	if (!str_eq(tree_str(tree_find(first, "name")), "explain_key"))
		return false;
	TREE_EACH(row, tree_find(answer, "rows"))
		buf_addf(out, "%s\n", tree_str(tree_at(row, 1)) ? tree_str(tree_at(row, 1)) : "");
	return true;
}

static int as_table(const struct remote *remote, const struct remote_request *q, struct arena *a, struct buf *out)
{
	struct tree *answer;
	int r = remote_tree(remote, q, a, &answer);
	const char *wrong;

	if (r < 0)
		return r;
	wrong = tree_str(tree_find(tree_find(answer, "error"), "detail"));
	if (wrong)
		return err_fail(ERR_REMOTE, "detail", wrong, NULL);
	if (!draw_plan(answer, out))
		show_rows(tree_find(answer, "columns"), tree_find(answer, "rows"), out);
	if (tree_bool(tree_find(answer, "truncated"), false))
		buf_addf(out, cli_text("… only the first %lld rows: --limit\n", "……仅显示前 %lld 行：--limit\n"), (long long) tree_i64(tree_find(answer, "count"), 0));
	return 0;
}

static const char *body_of(const struct sql_options *o, const char *statement, struct arena *a)
{
	struct buf b = BUF_INIT(&sys_heap, 1 << 20);
	struct json j = JSON_TO(&b);
	const char *zone = str_empty(o->zone) ? getenv("TZ") : o->zone, *text;

	json_object(&j);
	json_kv_str(&j, "sql", statement);
	if (!str_empty(zone))
		json_kv_str(&j, "zone", zone[0] == ':' ? zone + 1 : zone);
	json_kv_str(&j, "timeout", o->timeout);
	json_kv_u64(&j, "limit", o->limit ? o->limit : str_empty(o->file) ? ROWS_TABLE : ROWS_FILE);
	json_end(&j);
	text = b.failed ? NULL : arena_str(a, b.data);
	buf_done(&b);
	return text;
}

static int ask(const struct sql_options *o, const char *statement, struct arena *a)
{
	const char *given = output_words[o->output].word, *output = str_empty(o->file) ? given : file_form(o->file, given), *text;
	struct remote_request q = { .method = "POST", .path = "/api/v1/sql", .type = "application/json", .body = body_of(o, statement, a),
		.file = str_empty(o->file) ? NULL : o->file };
	struct buf out = BUF_INIT(&sys_heap, 1 << 30);
	int r;

	if (!q.body)
		return err_fail(ERR_NO_MEMORY, "what", "request", NULL);
	if (str_eq(output, "xlsx"))
		return err_fail(ERR_UNSUPPORTED, "what", "@file", "value", o->file, "words", ".csv, .json, .ndjson", NULL);
	q.len = str_len(q.body);
	if (str_eq(output, "table")) {
		r = as_table(REMOTE_OF(o), &q, a, &out);
	} else {
		q.accept = str_eq(output, "json") ? "application/json" : str_eq(output, "ndjson") ? "application/x-ndjson" : "text/csv";
		r = remote_call(REMOTE_OF(o), &q, a, q.file ? NULL : &text);
		if (r == 0 && !q.file)
			buf_add(&out, text);
		if (r == 0 && str_eq(output, "json") && !q.file)
			buf_addc(&out, '\n');
	}
	if (r == 0)
		show_print(&out);
	buf_done(&out);
	return r;
}

int run_sql(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	const struct sql_options *o = options;
	struct buf file = BUF_INIT(&sys_heap, STATEMENT_MAX + 1);
	int r;

	if (o->tables && argc < 2)
		return show_tables(REMOTE_OF(o), a);
	if (argc != 2)
		return err_fail(ERR_USAGE, "detail", arena_fmt(a, "tenon sql %s", c->usage), NULL);
	if (!str_eq(argv[1], "-"))
		return ask(o, argv[1], a);
	r = file_read("/dev/stdin", STATEMENT_MAX, &file);
	if (r >= 0)
		r = ask(o, file.data, a);
	buf_done(&file);
	return r;
}
