/* backups.c - tenon backup make|list|get|verify|file|delete: the backups a running platform keeps. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/ops.h"
#include "cli/parts.h"
#include "sys/sys.h"

struct backups_options { REMOTE_MEMBERS; const char *file, *passphrase_file; };
static const struct rec_field backups_fields[] = {
	REMOTE_FIELDS(struct backups_options),
	F(struct backups_options, file, .label = "Where to put the file, or the folder for it", .label_zh = "文件保存路径或文件夹",
		.doc = "make: fetch it, too", .doc_zh = "用于 make 时一并下载"),
	F(struct backups_options, passphrase_file, .label = "File with the passphrase of the keys", .label_zh = "密钥口令所在的文件",
		.doc = "or TENON_PASSPHRASE; without one the keys stay out", .doc_zh = "或 TENON_PASSPHRASE；均未给出时不含密钥"),
};
const struct rec_type backups_option_type = REC_PLAIN(struct backups_options, "options", backups_fields);
const char *const backups_verbs[] = { "make", "list", "get", "verify", "file", "delete", NULL };

static const char *path_of(const char *id, const char *more, struct arena *a)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 4096);

	buf_add(&b, "/api/v1/backups/");
	remote_escape(&b, id);
	buf_add(&b, more);
	return b.failed ? NULL : arena_str(a, b.data);
}

static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "request", NULL); }

static int list(const struct remote *remote, struct arena *a)
{
	static const char *const columns[] = { "id", "time", "bytes", "version", "keys", "verified", "damaged", "sha256", NULL };
	struct buf out = BUF_INIT(&sys_heap, 1 << 24);
	struct tree *answer;
	int r = remote_tree(remote, &(struct remote_request) { .method = "GET", .path = "/api/v1/backups" }, a, &answer);

	if (r < 0)
		return r;
	show_columns(columns, tree_find(answer, "items"), remote->output, &out);
	show_print(&out);
	return 0;
}

static int get(const struct remote *remote, const char *id, struct arena *a)
{
	static const struct rec_type nothing = { .n_fields = 0 };
	struct buf out = BUF_INIT(&sys_heap, 1 << 20);
	struct remote_request q = { .method = "GET", .path = path_of(id, "", a) };
	struct tree *answer;
	int r = q.path ? remote_tree(remote, &q, a, &answer) : no_memory();

	if (r < 0)
		return r;
	show_one(&nothing, answer, remote->output, &out);
	show_print(&out);
	return 0;
}

/* Nothing that is there is replaced, and what comes is for its owner's eyes: it holds the records of everybody. */
static int fetch_to(const struct remote *remote, const char *id, const char *to, struct arena *a)
{
	const char *name = arena_fmt(a, "tenon-%s.tar", id);
	struct remote_request q = { .method = "GET", .path = path_of(id, "/file", a), .accept = "application/x-tar" };
	struct stat st;
	int fd, r;

	q.file = str_empty(to) ? name : to;
	if (name && !str_empty(to) && stat(to, &st) == 0 && S_ISDIR(st.st_mode))
		q.file = arena_fmt(a, "%s/%s", to, name);
	if (!q.path || !q.file || !name)
		return no_memory();
	if (file_exists(q.file))
		return err_fail(ERR_EXISTS, "what", "@file", "field", "@path", "value", q.file, NULL);
	r = file_open(q.file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, &fd);
	if (r < 0)
		return r;
	sys.close(fd);
	r = remote_call(remote, &q, a, NULL);
	if (r < 0) {
		struct err e = err_take(r);

		if (file_unlink(q.file) < 0)
			err_clear();
		err_put(&e);
	} else if (isatty(STDOUT_FILENO))
		printf("%s\n", q.file);
	return r;
}

/* Begins a job and waits for it: the id of the backup it was about. */
static int begin(const struct remote *remote, const struct remote_request *q, struct arena *a, const char **ret_id)
{
	struct tree *job;
	const char *id;
	int r = remote_tree(remote, q, a, &job);

	if (r == 0)
		r = job_wait(remote, tree_str(tree_find(job, "id")) ?: "", a, &job);
	if (r < 0)
		return r;
	id = tree_str(tree_find(tree_find(job, "result"), "backup"));
	*ret_id = id;
	return id ? 0 : err_fail(ERR_MISSING, "what", "@backup", NULL);
}

static int make(const struct backups_options *o, const struct remote *remote, struct arena *a)
{
	_cleanup_(buf_done) struct buf body = BUF_INIT(&sys_heap, 8192);
	struct json j = JSON_TO(&body);
	struct remote_request q = { .method = "POST", .path = "/api/v1/backups", .type = "application/json" };
	const char *passphrase, *id;
	int r = backup_passphrase(o->passphrase_file, a, &passphrase);

	if (r < 0)
		return r;
	json_object(&j);
	if (passphrase)
		json_kv_str(&j, "passphrase", passphrase);
	json_end(&j);
	q.body = body.data;
	q.len = body.len;
	r = body.failed ? no_memory() : begin(remote, &q, a, &id);
	if (r == 0 && !str_empty(o->file))
		r = fetch_to(remote, id, o->file, a);
	return r < 0 ? r : get(remote, id, a);
}

static int verify(const struct remote *remote, const char *id, struct arena *a)
{
	struct remote_request q = { .method = "POST", .path = path_of(id, "/verify", a) };
	int r = q.path ? begin(remote, &q, a, &id) : no_memory();

	return r < 0 ? r : get(remote, id, a);
}

int run_backups(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	const struct backups_options *o = options;
	const struct remote *remote = REMOTE_OF(o);
	const char *verb = argv[1], *id = argc > 2 ? argv[2] : NULL;
	const bool alone = str_eq(verb, "make") || str_eq(verb, "list");

	if (argc != (alone ? 2 : 3))
		return err_fail(ERR_USAGE, "detail", arena_fmt(a, "tenon %s %s", c->name, c->usage), NULL);
	if (str_eq(verb, "make"))
		return make(o, remote, a);
	if (str_eq(verb, "list"))
		return list(remote, a);
	if (str_eq(verb, "get"))
		return get(remote, id, a);
	if (str_eq(verb, "verify"))
		return verify(remote, id, a);
	if (str_eq(verb, "file"))
		return fetch_to(remote, id, o->file, a);
	id = path_of(id, "", a);
	return id ? remote_call(remote, &(struct remote_request) { .method = "DELETE", .path = id }, a, NULL) : no_memory();
}
