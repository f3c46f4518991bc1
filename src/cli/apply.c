/* apply.c - tenon export DIR, tenon apply DIR: a file for each noun, a record a paragraph, so that a difference of versions shows fields. */
#include <stdio.h>

#include "base/json.h"
#include "base/str.h"
#include "cli/parts.h"
#include "cli/ops.h"
#include "service/service.h"
#include "sys/sys.h"

enum { FILE_MAX = 32 << 20 };

struct apply_options { REMOTE_MEMBERS; bool dry_run, delete; };
static const struct rec_field apply_fields[] = {
	REMOTE_FIELDS(struct apply_options),
	F(struct apply_options, dry_run, .def = "false", .label = "Only say what would be done", .label_zh = "只显示将要做的更改"),
	F(struct apply_options, delete, .def = "false", .label = "Delete what the files no longer list", .label_zh = "删除文件中不再列出的记录"),
};
const struct rec_type apply_option_type = REC_PLAIN(struct apply_options, "options", apply_fields);

static int usage(const struct command *c, struct arena *a)
{
	return err_fail(ERR_USAGE, "detail", arena_fmt(a, "tenon %s %s", c->name, c->usage), NULL);
}

/* --- export ------------------------------------------------------------------------------------------------------------------ */

/* A field a line. */
static void put_record(const struct tree *record, struct buf *out)
{
	const char *sep = "";

	buf_add(out, "\t{");
	TREE_EACH(m, record) {
		struct json j = JSON_TO(out);

		buf_addf(out, "%s\n\t\t", sep);
		json_escape(out, m->key, str_len(m->key));
		buf_add(out, ": ");
		tree_write(m, &j);
		sep = ",";
	}
	buf_add(out, "\n\t}");
}

static int put_file(const char *dir, const struct tree *list, struct arena *a)
{
	struct buf b = BUF_INIT(&sys_heap, FILE_MAX);
	const char *path = arena_fmt(a, "%s/%s.json", dir, list->key), *sep = "\n";
	int r;

	buf_addc(&b, '[');
	TREE_EACH(record, list) {
		buf_add(&b, sep);
		put_record(record, &b);
		sep = ",\n";
	}
	buf_add(&b, "\n]\n");
	r = b.failed || !path ? err_fail(ERR_NO_MEMORY, "what", list->key, NULL) : file_write(path, b.data, b.len, 0644);
	buf_done(&b);
	return r;
}

int run_export(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	const struct apply_options *o = options;
	struct tree *t = NULL;
	int r;

	if (argc != 2)
		return usage(c, a);
	r = remote_tree(REMOTE_OF(o), &(struct remote_request) { .method = "GET", .path = "/api/v1/export" }, a, &t);
	if (r == 0)
		r = dir_make(argv[1], 0755);
	TREE_EACH(list, t) {
		if (r == 0)
			r = put_file(argv[1], list, a);
		if (r == 0)
			printf("%s/%s.json: %u\n", argv[1], list->key, list->n);
	}
	return r;
}

/* --- apply ------------------------------------------------------------------------------------------------------------------- */

struct document { const char *dir; struct buf text; struct arena *arena; struct { const char *noun, *path, *text; size_t len; } file[32]; size_t n; };

static int on_file(void *ctx, const char *name)
{
	struct document *d = ctx;
	struct buf b = BUF_INIT(&sys_heap, FILE_MAX);
	size_t len = str_len(name);
	struct tree *t = NULL;
	int r;

	if (!str_ends(name, ".json") || name[0] == '.' || d->n == ELEMENTSOF(d->file))
		return 0;
	d->file[d->n].noun = arena_strn(d->arena, name, len - 5);
	d->file[d->n].path = arena_fmt(d->arena, "%s/%s", d->dir, name);
	r = d->file[d->n].noun && d->file[d->n].path ? file_read(d->file[d->n].path, FILE_MAX, &b) : err_fail(ERR_NO_MEMORY, "what", name, NULL);
	if (r == 0)
		r = tree_parse(b.data, b.len, d->file[d->n].path, d->arena, &t);      /* its own line and column, before anything is sent */
	if (r == 0) {
		buf_add(&d->text, d->n ? "," : "");
		json_escape(&d->text, d->file[d->n].noun, len - 5);
		buf_addc(&d->text, ':');
		buf_addn(&d->text, b.data, b.len);
		d->file[d->n].text = arena_strn(d->arena, b.data, b.len);
		d->file[d->n].len = b.len;
		d->n++;
	}
	buf_done(&b);
	return r;
}

/* The line in which entry `index` of a list begins. */
static unsigned line_of(const char *text, size_t index)
{
	unsigned line = 1, depth = 0;
	bool quoted = false;

	for (const char *p = text; p && *p; p++) {
		line += *p == '\n';
		if (quoted) {
			if (*p == '\\' && p[1])
				p++;
			else if (*p == '"')
				quoted = false;
		} else if (*p == '"')
			quoted = true;
		else if (*p == '{' || *p == '[') {
			if (depth++ == 1 && index-- == 0)
				return line;
		} else if (*p == '}' || *p == ']')
			depth--;
	}
	return line;
}

/* "/points/12/unit" is a place in a file. */
static void put_where(const struct document *d, const char *pointer, struct buf *out)
{
	for (size_t i = 0; pointer && i < d->n; i++) {
		size_t n = str_len(d->file[i].noun);
		unsigned long at = 0;
		const char *p = pointer + 1 + n;

		if (*pointer != '/' || !str_starts(pointer + 1, d->file[i].noun) || (*p && *p != '/'))
			continue;
		if (!*p) {
			buf_add(out, d->file[i].path);
			return;
		}
		while (*++p >= '0' && *p <= '9')
			at = at * 10 + (unsigned long) (*p - '0');
		buf_addf(out, cli_text("%s, line %u", "%s 第 %u 行"), d->file[i].path, line_of(d->file[i].text, at));
		return;
	}
	buf_add(out, pointer && *pointer ? pointer : d->dir);
}

static void show_item(const struct tree *item, struct buf *out)
{
	const char *op = tree_str(tree_find(item, "op"));
	struct json j;

	buf_addf(out, "%s %s %s\n", str_eq(op, "create") ? "+" : str_eq(op, "change") ? "~" : str_eq(op, "delete") ? "-" : "=",
		tree_str(tree_find(item, "noun")), tree_str(tree_find(item, "name")));
	TREE_EACH(f, tree_find(item, "fields")) {
		buf_addf(out, "    %s: ", tree_str(tree_find(f, "field")));
		j = JSON_TO(out);
		tree_write(tree_find(f, "before"), &j);
		buf_add(out, " -> ");
		j = JSON_TO(out);
		tree_write(tree_find(f, "after"), &j);
		buf_addc(out, '\n');
	}
}

static void show_applied(const struct tree *t, const char *output, struct buf *out)
{
	if (str_eq(output, "json")) {
		struct json j = JSON_TO(out);

		tree_write(t, &j);
		buf_addc(out, '\n');
		return;
	}
	TREE_EACH(item, tree_find(t, "items"))
		show_item(item, out);
	buf_addf(out, cli_text("%s%lld created, %lld changed, %lld deleted, %lld not in the files, %lld as they were\n",
		"%s新建 %lld，更改 %lld，删除 %lld，文件中没有的 %lld，未变 %lld\n"), tree_bool(tree_find(t, "dry_run"), false) ? cli_text("would be: ", "将会：") : "",
		(long long) tree_i64(tree_find(t, "created"), 0), (long long) tree_i64(tree_find(t, "changed"), 0),
		(long long) tree_i64(tree_find(t, "deleted"), 0), (long long) tree_i64(tree_find(t, "kept"), 0),
		(long long) tree_i64(tree_find(t, "unchanged"), 0));
}

/* The first thing wrong, where it stands: the server's pointers lead into the document, people's into files. */
static int say_where(const struct document *d, const struct tree *problem, int r, struct arena *a)
{
	const struct tree *first = tree_at(tree_find(problem, "errors"), 0);
	const char *detail = tree_str(tree_find(first, "detail")), *pointer = tree_str(tree_find(first, "pointer"));
	struct buf b = BUF_INIT(&sys_heap, 1 << 16);
	struct err e;
	const char *text;

	if (!detail || !pointer || !*pointer)
		return r;
	e = err_take(r);
	put_where(d, pointer, &b);
	buf_addf(&b, cli_text(": %s", "：%s"), detail);
	text = arena_str(a, b.data);
	buf_done(&b);
	return err_fail(ERR_REMOTE, "detail", text ? text : detail, "exit", err_arg(&e, "exit") ? arena_str(a, err_arg(&e, "exit")) : "65", NULL);
}

int run_apply(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	const struct apply_options *o = options;
	struct document d = { .dir = argc == 2 ? argv[1] : "", .text = BUF_INIT(&sys_heap, FILE_MAX), .arena = a };
	struct buf out = BUF_INIT(&sys_heap, 64 << 20);
	struct tree *t = NULL, *problem = NULL;
	struct remote_request q = { .method = "POST", .type = "application/json", .ret_problem = &problem };
	int r;

	if (argc != 2)
		return usage(c, a);
	buf_addc(&d.text, '{');
	r = dir_each(d.dir, on_file, &d);
	buf_addc(&d.text, '}');
	if (r == 0 && !d.n)
		r = err_fail(ERR_MISSING, "what", "@file", "value", arena_fmt(a, "%s/*.json", d.dir), NULL);
	if (r == 0 && d.text.failed)
		r = err_fail(ERR_TOO_LARGE, "what", d.dir, "max", "33554432", NULL);
	q.path = arena_fmt(a, "/api/v1/apply?dry_run=%s&delete=%s", o->dry_run ? "true" : "false", o->delete ? "true" : "false");
	q.body = d.text.data;
	q.len = d.text.len;
	if (r == 0) {
		r = remote_tree(REMOTE_OF(o), &q, a, &t);
		if (r == -ERR_REMOTE)
			r = say_where(&d, problem, r, a);
	}
	if (r == 0)
		show_applied(t, REMOTE_OF(o)->output, &out);
	show_print(&out);
	buf_done(&d.text);
	return r;
}
