/* imports.c - tenon import list|undo: what came in from files, and taking it back. */
#include "base/str.h"
#include "cli/parts.h"
#include "cli/verbs.h"
#include "service/service.h"
#include "sys/sys.h"

struct import_options { REMOTE_MEMBERS; bool dry_run; };
static const struct rec_field import_fields[] = {
	REMOTE_FIELDS(struct import_options),
	F(struct import_options, dry_run, .label = "Say what would be undone", .label_zh = "仅列出将撤销的内容"),
};
const struct rec_type import_option_type = REC_PLAIN(struct import_options, "options", import_fields);

static int list(const struct remote *remote, struct arena *a)
{
	struct buf out = BUF_INIT(&sys_heap, 1 << 20);
	struct tree *answer;
	int r = remote_tree(remote, &(struct remote_request) { .method = "GET", .path = "/api/v1/imports?limit=1000" }, a, &answer);

	if (r < 0)
		return r;
	show_items(&import_type, tree_find(answer, "items"), remote->output, &out);
	show_print(&out);
	return 0;
}

static int undo(const struct remote *remote, const char *id, bool dry_run, struct arena *a)
{
	struct buf out = BUF_INIT(&sys_heap, 1 << 20), path = BUF_INIT(&sys_heap, 4096);
	struct remote_request q = { .method = "POST" };
	struct tree *answer;
	int r;

	buf_add(&path, "/api/v1/imports/");
	remote_escape(&path, id);
	buf_addf(&path, "/undo?dry_run=%s", dry_run ? "true" : "false");
	q.path = arena_str(a, path.data);
	buf_done(&path);
	r = q.path ? remote_tree(remote, &q, a, &answer) : err_fail(ERR_NO_MEMORY, "what", "request", NULL);
	if (r < 0)
		return r;
	if (str_eq(remote->output, "table"))
		TREE_EACH(e, tree_find(answer, "errors"))
			buf_addf(&out, "%s\n", tree_str(tree_find(e, "detail")) ?: "");
	show_one(&import_type, answer, remote->output, &out);
	show_print(&out);
	return 0;
}

int run_imports(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	const struct import_options *o = options;

	if (argc == 2 && str_eq(argv[1], "list"))
		return list(REMOTE_OF(o), a);
	if (argc == 3 && str_eq(argv[1], "undo"))
		return undo(REMOTE_OF(o), argv[2], o->dry_run, a);
	return err_fail(ERR_USAGE, "detail", arena_fmt(a, "tenon %s %s", c->name, c->usage), NULL);
}
