/* demo.c - tenon demo fault: what can be broken in the demonstration plant, and breaking it. */
#include "base/str.h"
#include "cli/parts.h"
#include "cli/verbs.h"
#include "service/demo.h"
#include "sys/sys.h"

struct demo_options { REMOTE_MEMBERS; };
static const struct rec_field demo_fields[] = { REMOTE_FIELDS(struct demo_options) };
const struct rec_type demo_option_type = REC_PLAIN(struct demo_options, "options", demo_fields);

static int list(const struct remote *remote, struct arena *a)
{
	static const char *const en[] = { "id", "on", "since", "title", "look", NULL }, *const zh[] = { "id", "on", "since", "title_zh", "look_zh", NULL };
	struct remote_request q = { .method = "GET", .path = "/api/v1/demo/faults" };
	struct buf out = BUF_INIT(&sys_heap, 1 << 24);
	struct tree *t;
	int r = remote_tree(remote, &q, a, &t);

	if (r < 0)
		return r;
	show_columns(cli_lang() == LANG_ZH ? zh : en, tree_find(t, "items"), remote->output, &out);
	show_print(&out);
	return 0;
}

static int set(const struct remote *remote, const char *id, bool on, struct arena *a)
{
	struct buf path = BUF_INIT(&sys_heap, 4096), out = BUF_INIT(&sys_heap, 1 << 20);
	struct remote_request q = { .method = "PUT", .type = "application/json", .body = on ? "{\"on\":true}" : "{\"on\":false}" };
	struct tree *t;
	int r;

	buf_add(&path, "/api/v1/demo/faults/");
	remote_escape(&path, id);
	q.path = arena_str(a, path.data);
	q.len = str_len(q.body);
	buf_done(&path);
	r = remote_tree(remote, &q, a, &t);
	if (r < 0)
		return r;
	show_one(&demo_fault_type, t, remote->output, &out);
	show_print(&out);
	return 0;
}

int run_demo(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	const struct demo_options *o = options;
	bool fault = argc >= 3 && str_eq(argv[1], "fault"), on = argc == 5 && str_eq(argv[4], "on"), off = argc == 5 && str_eq(argv[4], "off");

	if (fault && argc == 3 && str_eq(argv[2], "list"))
		return list(REMOTE_OF(o), a);
	if (fault && str_eq(argv[2], "set") && (on || off))
		return set(REMOTE_OF(o), argv[3], on, a);
	return err_fail(ERR_USAGE, "detail", arena_fmt(a, "tenon %s %s", c->name, c->usage), NULL);
}
