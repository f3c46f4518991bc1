/* history.c - tenon store stats|compact|retention|check: the files of samples of a running platform; check and repair also without one. */
#include <stdio.h>

#include "base/json.h"
#include "base/str.h"
#include "base/when.h"
#include "cli/ops.h"
#include "cli/parts.h"
#include "sys/sys.h"
#include "tsdb/tsdb.h"

struct history_options { REMOTE_MEMBERS; const char *data, *folder, *samples, *minutes, *hours, *label, *days; };
static const struct rec_field history_fields[] = {
	REMOTE_FIELDS(struct history_options),
	F(struct history_options, data, .label = "Data folder, for check; without it the running platform is asked", .label_zh = "数据文件夹（用于 check）；不填则询问运行中的平台"),
	F(struct history_options, folder, .label = "Second folder, for check --data", .label_zh = "第二文件夹（用于 check --data）", .doc = "default: where it was last",
		.doc_zh = "默认为最近使用的位置"),
	F(struct history_options, samples, .label = "Days of samples, for retention: what would go", .label_zh = "样本保留天数（用于 retention）：查看将删除的内容"),
	F(struct history_options, minutes, .label = "Days of figures of minutes", .label_zh = "分钟数据保留天数"),
	F(struct history_options, hours, .label = "Days of figures of hours", .label_zh = "小时数据保留天数"),
	F(struct history_options, label, .label = "A data label, with --days: what would go if it said so", .label_zh = "数据标签，与 --days 合用：查看按此设定将删除的内容"),
	F(struct history_options, days, .label = "Its days; none: it says nothing", .label_zh = "其保留天数；不填为不作规定"),
};
const struct rec_type history_option_type = REC_PLAIN(struct history_options, "options", history_fields);
const char *const history_verbs[] = { "stats", "compact", "retention", "check", NULL };

/* All members but the lists, which are tables of their own. */
static struct tree *rest_of(const struct tree *answer, struct arena *a)
{
	struct tree *rest = arena_new(a, struct tree), *items = arena_array(a, struct tree, answer->n + 1);

	if (!rest || !items)
		return NULL;
	*rest = *answer;
	rest->items = items;
	rest->n = 0;
	TREE_EACH(member, answer)
		if (!str_eq(member->key, "levels") && !str_eq(member->key, "folders") && !str_eq(member->key, "notes") && !str_eq(member->key, "labels"))
			items[rest->n++] = *member;
	return rest;
}

/* --- check ------------------------------------------------------------------------------------------------------------- */

static void print_time(int64_t ns)
{
	char text[WHEN_TEXT_MAX];

	when_format(text, ns);
	printf("%s", text);
}

static int on_fault(void *ctx, const struct tsdb_fault *f)
{
	_cleanup_(buf_done) struct buf why = BUF_INIT(&sys_heap, 4096);

	err_text(&f->why, cli_lang(), &why);
	printf("%-11s %s\n            %s\n", tsdb_fault_id(f->kind), f->file, tsdb_fault_text(f->kind, cli_lang()));
	if (why.len)
		printf("            (%s)\n", why.data);
	if (f->rows) {
		printf(cli_text("            %llu samples of %llu points, ", "            %llu 个样本，%llu 个点位，"), (unsigned long long) f->rows,
			(unsigned long long) f->n_points);
		print_time(f->from_ns);
		printf(" … ");
		print_time(f->to_ns);
		putchar('\n');
		for (uint32_t i = 0; i < f->n_listed; i++)
			printf("              %s\n", f->point[i].path[0] ? f->point[i].path : "?");
	}
	return 0;
}

static int outcome(uint64_t faults, uint64_t harmless)
{
	return faults == harmless ? 0 : err_fail(ERR_CORRUPT, "what", cli_text("the store of samples", "样本存储"), "detail", cli_text("see above", "见上"), NULL);
}

static int check_here(const struct history_options *o)
{
	struct tsdb_check how = { .data_dir = o->data, .second_dir = str_empty(o->folder) ? NULL : o->folder, .on_fault = on_fault };
	struct tsdb_checked sum;
	int r = tsdb_check(&how, &sum);

	if (r < 0)
		return r;
	printf(cli_text("%llu files, %llu samples, %llu bytes read: %llu faults, %llu of them harmless; %llu samples cannot be read\n",
		"已读取 %llu 个文件、%llu 个样本、%llu 字节：%llu 处异常，其中 %llu 处无害；%llu 个样本无法读取\n"), (unsigned long long) sum.files,
		(unsigned long long) sum.samples, (unsigned long long) sum.bytes, (unsigned long long) sum.faults, (unsigned long long) sum.harmless,
		(unsigned long long) sum.lost);
	return outcome(sum.faults, sum.harmless);
}

static int check_there(const struct remote *remote, struct arena *a)
{
	static const char *const columns[] = { "kind", "file", "samples", "points", "from", "to", "text", NULL };
	static const char *const columns_zh[] = { "kind", "file", "samples", "points", "from", "to", "text_zh", NULL };
	static const struct rec_type nothing = { .n_fields = 0 };
	struct buf out = BUF_INIT(&sys_heap, 1 << 20);
	const struct tree *result, *list;
	struct tree *job;
	int r = remote_tree(remote, &(struct remote_request) { .method = "POST", .path = "/api/v1/history/check" }, a, &job);

	if (r == 0)
		r = job_wait(remote, tree_str(tree_find(job, "id")) ?: "", a, &job);
	if (r < 0)
		return r;
	result = tree_find(job, "result");
	list = tree_find(result, "list");
	if (str_eq(remote->output, "table") && list && list->n)
		show_columns(cli_lang() == LANG_ZH ? columns_zh : columns, list, remote->output, &out);
	else if (!str_eq(remote->output, "table"))
		show_one(&nothing, result, remote->output, &out);
	show_print(&out);
	if (str_eq(remote->output, "table"))
		printf(cli_text("%lld files, %lld samples, %lld bytes read: %lld faults, %lld of them harmless; %lld samples cannot be read\n",
			"已读取 %lld 个文件、%lld 个样本、%lld 字节：%lld 处异常，其中 %lld 处无害；%lld 个样本无法读取\n"),
			(long long) tree_i64(tree_find(result, "files"), 0), (long long) tree_i64(tree_find(result, "samples"), 0),
			(long long) tree_i64(tree_find(result, "bytes"), 0), (long long) tree_i64(tree_find(result, "faults"), 0),
			(long long) tree_i64(tree_find(result, "harmless"), 0), (long long) tree_i64(tree_find(result, "lost"), 0));
	return outcome((uint64_t) tree_i64(tree_find(result, "faults"), 0), (uint64_t) tree_i64(tree_find(result, "harmless"), 0));
}

/* --- export ------------------------------------------------------------------------------------------------------------ */

struct export_options { REMOTE_MEMBERS; const char *from, *to; };
static const struct rec_field export_fields[] = {
	REMOTE_FIELDS(struct export_options),
	F(struct export_options, from, .label = "From: RFC 3339, now-7d", .label_zh = "开始：RFC 3339 或 now-7d", .doc = "default: since ever", .doc_zh = "默认为最早"),
	F(struct export_options, to, .label = "To", .label_zh = "结束", .doc = "default: until now", .doc_zh = "默认为最新"),
};
const struct rec_type store_export_option_type = REC_PLAIN(struct export_options, "options", export_fields);
const char *const store_export_verbs[] = { "export", NULL };

int run_store_export(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	const struct export_options *o = options;
	struct buf b = BUF_INIT(&sys_heap, 1 << 20);
	struct json j = JSON_TO(&b);
	struct tree *job;
	const char *body, *id;
	int r;

	if (argc < 3)
		return err_fail(ERR_USAGE, "detail", arena_fmt(a, "tenon %s %s", c->name, c->usage), NULL);
	json_object(&j);
	json_key(&j, "points");
	json_array(&j);
	for (int i = 3; i < argc; i++)
		json_str(&j, argv[i]);
	json_end(&j);
	if (!str_empty(o->from))
		json_kv_str(&j, "from", o->from);
	if (!str_empty(o->to))
		json_kv_str(&j, "to", o->to);
	json_kv_str(&j, "format", str_ends(argv[2], ".csv") ? "csv" : "parquet");
	json_end(&j);
	body = b.failed ? NULL : arena_str(a, b.data);
	buf_done(&b);
	if (!body)
		return err_fail(ERR_NO_MEMORY, "what", "request", NULL);
	struct remote_request q = { .method = "POST", .path = "/api/v1/history/export", .type = "application/json", .body = body, .len = str_len(body) };
	r = remote_tree(REMOTE_OF(o), &q, a, &job);
	id = r < 0 ? NULL : tree_str(tree_find(job, "id"));
	if (r == 0)
		r = job_wait(REMOTE_OF(o), id ? id : "", a, &job);
	if (r == 0)
		r = job_fetch(REMOTE_OF(o), id ? id : "", argv[2], a);
	if (r == 0)
		printf(cli_text("%lld samples in %s\n", "%2$s 中有 %1$lld 个样本\n"), (long long) tree_i64(tree_find(tree_find(job, "result"), "rows"), 0), argv[2]);
	return r;
}

/* --- stats, compact ---------------------------------------------------------------------------------------------------- */

static int stats(const struct remote *remote, struct arena *a)
{
	static const struct rec_type nothing = { .n_fields = 0 };
	static const char *const columns[] = { "level", "files", "bytes", "samples", "bytes_per_sample", NULL };
	struct buf out = BUF_INIT(&sys_heap, 1 << 20);
	struct tree *answer;
	int r = remote_tree(remote, &(struct remote_request) { .method = "GET", .path = "/api/v1/history/stats" }, a, &answer);

	if (r < 0)
		return r;
	/* A table of the levels, then the rest; a program gets what the interface says, a spreadsheet the levels. */
	if (str_eq(remote->output, "table") || str_eq(remote->output, "csv"))
		show_columns(columns, tree_find(answer, "levels"), remote->output, &out);
	if (str_eq(remote->output, "table")) {
		static const char *const folders[] = { "folder", "path", "reachable", "files", "bytes", "samples", "free", "total", NULL };
		static const char *const notes[] = { "level", "text", NULL };
		const struct tree *todo = tree_find(answer, "notes");

		buf_addc(&out, '\n');
		show_columns(folders, tree_find(answer, "folders"), remote->output, &out);
		if (todo && todo->n) {
			buf_addc(&out, '\n');
			show_columns(notes, todo, remote->output, &out);
		}
		buf_addc(&out, '\n');
		answer = rest_of(answer, a);
	}
	if (!answer)
		return err_fail(ERR_NO_MEMORY, "what", "request", NULL);
	if (!str_eq(remote->output, "csv"))
		show_one(&nothing, answer, remote->output, &out);
	show_print(&out);
	return 0;
}

/* What is kept, or (--samples, --minutes, --hours) what would go if it were so many days. */
/* What is said for all, what would go; then the labels as a table of their own. */
static void show_retention(struct tree *answer, const char *output, struct arena *a, struct buf *out)
{
	static const char *const columns[] = { "code", "name", "keep_days", "points", "decides", NULL };
	static const struct rec_type nothing = { .n_fields = 0 };
	const struct tree *labels = tree_find(answer, "labels");
	struct tree *rest = rest_of(answer, a);

	if (!str_eq(output, "table") || !rest) {
		show_one(&nothing, answer, output, out);
		return;
	}
	show_one(&nothing, rest, output, out);
	if (labels && labels->n) {
		buf_addc(out, '\n');
		show_columns(columns, labels, output, out);
	}
}

static int retention(const struct history_options *o, const struct remote *remote, struct arena *a)
{
	const struct { const char *name, *value; } asked[] = { { "samples", o->samples }, { "minutes", o->minutes }, { "hours", o->hours }, { "label", o->label },
		{ "days", o->days } };
	struct buf out = BUF_INIT(&sys_heap, 1 << 20), path = BUF_INIT(&sys_heap, 1 << 12);
	struct remote_request q = { .method = "GET" };
	struct tree *answer;
	char sep = '?';

	buf_add(&path, "/api/v1/history/retention");
	for (unsigned i = 0; i < ELEMENTSOF(asked); i++)
		if (!str_empty(asked[i].value)) {
			buf_addf(&path, "%c%s=", sep, asked[i].name);
			remote_escape(&path, asked[i].value);
			sep = '&';
		}
	q.path = arena_str(a, path.data);
	buf_done(&path);
	if (!q.path)
		return err_fail(ERR_NO_MEMORY, "what", "request", NULL);
	int r = remote_tree(remote, &q, a, &answer);
	if (r < 0)
		return r;
	show_retention(answer, remote->output, a, &out);
	show_print(&out);
	return 0;
}

static int compact(const struct remote *remote, struct arena *a)
{
	struct tree *job;
	int r = remote_tree(remote, &(struct remote_request) { .method = "POST", .path = "/api/v1/history/compact" }, a, &job);

	if (r == 0)
		r = job_wait(remote, tree_str(tree_find(job, "id")) ?: "", a, &job);
	return r < 0 ? r : stats(remote, a);
}

int run_history(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	const struct history_options *o = options;
	const struct remote *remote = REMOTE_OF(o);

	if (argc != 2)
		return err_fail(ERR_USAGE, "detail", arena_fmt(a, "tenon %s %s", c->name, c->usage), NULL);
	if (str_eq(argv[1], "check"))
		return str_empty(o->data) ? check_there(remote, a) : check_here(o);
	if (str_eq(argv[1], "retention"))
		return retention(o, remote, a);
	return str_eq(argv[1], "stats") ? stats(remote, a) : compact(remote, a);
}
