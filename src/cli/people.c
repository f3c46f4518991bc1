/* people.c - tenon user link|unlock|sessions|sign-out, tenon approval: what is about people and no record. */
#include <stdio.h>

#include "base/str.h"
#include "cli/parts.h"
#include "cli/verbs.h"
#include "daemon/daemon.h"
#include "guard/guard.h"
#include "sys/sys.h"

struct user_options { REMOTE_MEMBERS; const char *data, *url; };
static const struct rec_field user_fields[] = {
	REMOTE_FIELDS(struct user_options),
	F(struct user_options, data, .label = "Data folder, for link", .label_zh = "数据文件夹（用于 link）"),
	F(struct user_options, url, .def = "http://127.0.0.1:8080", .label = "Address of the console in the link", .label_zh = "链接中的控制台地址"),
};
const struct rec_type user_option_type = REC_PLAIN(struct user_options, "options", user_fields);

struct approval_options { REMOTE_MEMBERS; const char *note, *state; };
static const struct rec_field approval_fields[] = {
	REMOTE_FIELDS(struct approval_options),
	F(struct approval_options, state, .def = "pending", .label = "Only those in this state; all", .label_zh = "只列出该状态；all 表示全部"),
	F(struct approval_options, note, .label = "Why", .label_zh = "复核意见"),
};
const struct rec_type approval_option_type = REC_PLAIN(struct approval_options, "options", approval_fields);

const char *const user_verbs[] = { "link", "unlock", "sessions", "sign-out", NULL };

static int usage(const struct command *c, struct arena *a)
{
	return err_fail(ERR_USAGE, "detail", arena_fmt(a, "tenon %s %s", c->name, c->usage), NULL);
}

/* ---- tenon user ---- */

/* Prints the link alone. Whoever may read the data folder may do this; the store says who did. */
static int print_link(const struct user_options *o, const char *name, struct arena *a)
{
	_cleanup_(offline_closep) struct offline *offline = NULL;
	char token[SECRET_TEXT_MAX];
	struct scope *s;
	int r;

	if (str_empty(o->data))
		return err_fail(ERR_REQUIRED, "field", "--data", NULL);
	r = offline_open(&offline, o->data, a, &s);
	if (r == 0)
		r = guard_link(s, name, token);
	if (r == 0)
		printf("%.*s/reset#%s\n", (int) (str_len(o->url) - str_ends(o->url, "/")), o->url, token);
	return r;
}

static int id_of_user(const struct remote *remote, const char *name, struct arena *a, const char **ret)
{
	struct buf b = BUF_INIT(&sys_heap, 4096);
	struct remote_request q = { .method = "GET" };
	struct tree *answer = NULL;
	const char *id = NULL;
	int r;

	buf_add(&b, "/api/v1/users?fields=id&name=");
	remote_escape(&b, name);
	q.path = arena_str(a, b.data);
	buf_done(&b);
	r = q.path ? remote_tree(remote, &q, a, &answer) : err_fail(ERR_NO_MEMORY, "what", "request", NULL);
	if (r < 0)
		return r;
	TREE_EACH(item, tree_find(answer, "items"))
		id = tree_str(tree_find(item, "id"));
	*ret = id;
	return id ? 0 : err_fail(ERR_MISSING, "what", "@user", "value", name, NULL);
}

static int sessions(const struct remote *remote, const char *path, struct arena *a)
{
	static const char *const columns[] = { "id", "agent", "peer", "created", "last_used", "expires", NULL };
	struct buf out = BUF_INIT(&sys_heap, 1 << 20);
	struct tree *answer = NULL;
	int r = remote_tree(remote, &(struct remote_request) { .method = "GET", .path = path }, a, &answer);

	if (r < 0)
		return r;
	show_columns(columns, tree_find(answer, "items"), remote->output, &out);
	show_print(&out);
	return 0;
}

int run_user(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	const struct user_options *o = options;
	const struct remote *remote = REMOTE_OF(o);
	const char *id = NULL, *path;
	int r;

	if (argc != 3)
		return usage(c, a);
	if (str_eq(argv[1], "link"))
		return print_link(o, argv[2], a);
	r = id_of_user(remote, argv[2], a, &id);
	if (r < 0)
		return r;
	path = arena_fmt(a, "/api/v1/users/%s/%s", id, str_eq(argv[1], "unlock") ? "unlock" : "sessions");
	if (!path)
		return err_fail(ERR_NO_MEMORY, "what", "request", NULL);
	if (str_eq(argv[1], "sessions"))
		return sessions(remote, path, a);
	return remote_call(remote, &(struct remote_request) { .method = str_eq(argv[1], "unlock") ? "POST" : "DELETE", .path = path }, a, NULL);
}

/* ---- tenon approval ---- */

static int show_approval(const struct remote *remote, const struct remote_request *q, struct arena *a)
{
	static const struct rec_type nothing = { .n_fields = 0 };
	struct buf out = BUF_INIT(&sys_heap, 1 << 20);
	struct tree *answer = NULL;
	int r = remote_tree(remote, q, a, &answer);

	if (r < 0)
		return r;
	show_one(&nothing, answer, remote->output, &out);
	show_print(&out);
	return 0;
}

static int list_approvals(const struct approval_options *o, const struct remote *remote, struct arena *a)
{
	static const char *const columns[] = { "id", "state", "asker_name", "title", "created", "expires", "decider_name", "outcome", NULL };
	static const char *const columns_zh[] = { "id", "state", "asker_name", "title_zh", "created", "expires", "decider_name", "outcome", NULL };
	struct buf out = BUF_INIT(&sys_heap, 1 << 20), path = BUF_INIT(&sys_heap, 4096);
	struct remote_request q = { .method = "GET" };
	struct tree *answer = NULL;
	int r;

	buf_add(&path, "/api/v1/approvals");
	if (!str_eq(o->state, "all")) {
		buf_add(&path, "?state=");
		remote_escape(&path, o->state);
	}
	q.path = arena_str(a, path.data);
	buf_done(&path);
	r = q.path ? remote_tree(remote, &q, a, &answer) : err_fail(ERR_NO_MEMORY, "what", "request", NULL);
	if (r < 0)
		return r;
	show_columns(cli_lang() == LANG_ZH ? columns_zh : columns, tree_find(answer, "items"), remote->output, &out);
	show_print(&out);
	return 0;
}

int run_approval(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	static const struct { const char *word, *method, *more; } verbs[] = { { "get", "GET", "" }, { "withdraw", "DELETE", "" },
		{ "approve", "POST", "/approve" }, { "refuse", "POST", "/refuse" } };
	const struct approval_options *o = options;
	const struct remote *remote = REMOTE_OF(o);
	struct buf b = BUF_INIT(&sys_heap, 4096);
	struct remote_request q = { 0 };

	if (argc == 2 && str_eq(argv[1], "list"))
		return list_approvals(o, remote, a);
	for (size_t i = 0; argc == 3 && i < ELEMENTSOF(verbs); i++) {
		struct json j = JSON_TO(&b);
		if (!str_eq(argv[1], verbs[i].word))
			continue;
		q.method = verbs[i].method;
		buf_add(&b, "/api/v1/approvals/");
		remote_escape(&b, argv[2]);
		buf_add(&b, verbs[i].more);
		q.path = arena_str(a, b.data);
		buf_clear(&b);
		json_object(&j);
		json_kv_str(&j, "note", o->note);
		json_end(&j);
		if (str_eq(q.method, "POST")) {
			q.type = "application/json";
			q.body = arena_str(a, str_empty(o->note) ? "{}" : b.data);
			q.len = str_len(q.body);
		}
		buf_done(&b);
		return q.path ? show_approval(remote, &q, a) : err_fail(ERR_NO_MEMORY, "what", "request", NULL);
	}
	return usage(c, a);
}
