/* job.c - tenon job, tenon links: what runs on the platform, and how the links do. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/parts.h"
#include "cli/verbs.h"
#include "sys/sys.h"

enum { LOOK_MS = 300 };

struct job_options { REMOTE_MEMBERS; const char *file; uint32_t limit; };
static const struct rec_field job_fields[] = {
	REMOTE_FIELDS(struct job_options),
	F(struct job_options, limit, .def = "20", .min = "1", .max = "1000", .label = "At most so many", .label_zh = "最多条数"),
	F(struct job_options, file, .label = "Where to put the file; else its own name", .label_zh = "文件保存路径；默认用原名"),
};
const struct rec_type job_option_type = REC_PLAIN(struct job_options, "options", job_fields);

struct links_options { REMOTE_MEMBERS; };
static const struct rec_field links_fields[] = { REMOTE_FIELDS(struct links_options) };
const struct rec_type links_option_type = REC_PLAIN(struct links_options, "options", links_fields);

static int ask(const struct remote *r, const char *method, const char *id, const char *more, struct arena *a, struct tree **ret)
{
	struct buf b = BUF_INIT(&sys_heap, 4096);
	struct remote_request q = { .method = method };

	buf_add(&b, "/api/v1/jobs/");
	remote_escape(&b, id);
	buf_add(&b, more);
	q.path = arena_str(a, b.data);
	buf_done(&b);
	if (!q.path)
		return err_fail(ERR_NO_MEMORY, "what", "request", NULL);
	return ret ? remote_tree(r, &q, a, ret) : remote_call(r, &q, a, NULL);
}

/* ---- waiting ---- */

static const char *text_of(const struct tree *job, const char *name, const char *name_zh)
{
	const char *text = tree_str(tree_find(job, cli_lang() == LANG_ZH ? name_zh : name));

	return text ? text : "";
}

static void progress(const struct tree *job)
{
	long long done = tree_i64(tree_find(job, "done"), 0), total = tree_i64(tree_find(job, "total"), 0);

	if (total > 0)
		fprintf(stderr, "\r\033[K%s  %lld%%  %lld/%lld %s  %s", text_of(job, "title", "title_zh"), done * 100 / total, done, total,
			text_of(job, "unit", "unit"), text_of(job, "detail", "detail_zh"));
	else
		fprintf(stderr, "\r\033[K%s  %s", text_of(job, "title", "title_zh"), text_of(job, "detail", "detail_zh"));
}

int job_wait(const struct remote *r, const char *id, struct arena *a, struct tree **ret)
{
	bool looks_on = isatty(STDERR_FILENO);
	struct tree *job = NULL;
	const char *state = "";
	int e;

	for (;;) {
		struct arena round;

		arena_init(&round, &sys_heap, 0);
		e = ask(r, "GET", id, "", &round, &job);
		state = e < 0 ? NULL : arena_str(a, tree_str(tree_find(job, "state")));
		if (e == 0 && looks_on)
			progress(job);
		arena_done(&round);
		if (e < 0 || !state || (!str_eq(state, "queued") && !str_eq(state, "running")))
			break;
		nanosleep(&(struct timespec) { .tv_nsec = LOOK_MS * NS_PER_MS }, NULL);
	}
	if (looks_on)
		fprintf(stderr, "\r\033[K");
	if (e == 0)
		e = ask(r, "GET", id, "", a, ret);
	if (e == 0 && !str_eq(state, "done"))
		return err_fail(ERR_REMOTE, "detail", text_of(*ret, "detail", "detail_zh"), NULL);
	return e;
}

int job_fetch(const struct remote *r, const char *id, const char *path, struct arena *a)
{
	struct buf b = BUF_INIT(&sys_heap, 4096);
	struct remote_request q = { .method = "GET", .accept = "application/octet-stream", .file = path };

	buf_add(&b, "/api/v1/jobs/");
	remote_escape(&b, id);
	buf_add(&b, "/file");
	q.path = arena_str(a, b.data);
	buf_done(&b);
	return q.path ? remote_call(r, &q, a, NULL) : err_fail(ERR_NO_MEMORY, "what", "request", NULL);
}

/* ---- verbs ---- */

/* job: where `r` came with it; looked at only now. */
static int print(const struct remote *remote, int r, struct tree *const *job)
{
	static const struct rec_type nothing = { .n_fields = 0 };
	struct buf out = BUF_INIT(&sys_heap, 1 << 26);

	if (r < 0)
		return r;
	show_one(&nothing, *job, remote->output, &out);
	show_print(&out);
	return 0;
}

static int list(const struct job_options *o, const struct remote *remote, struct arena *a)
{
	static const char *const columns[] = { "id", "kind", "state", "done", "total", "unit", "name", "created", "ended", "detail", NULL };
	static const char *const columns_zh[] = { "id", "kind", "state", "done", "total", "unit", "name", "created", "ended", "detail_zh", NULL };
	struct buf out = BUF_INIT(&sys_heap, 1 << 26);
	struct tree *answer;
	int r = remote_tree(remote, &(struct remote_request) { .method = "GET", .path = arena_fmt(a, "/api/v1/jobs?limit=%u", o->limit) }, a, &answer);

	if (r < 0)
		return r;
	show_columns(cli_lang() == LANG_ZH ? columns_zh : columns, tree_find(answer, "items"), remote->output, &out);
	show_print(&out);
	return 0;
}

static int file(const struct job_options *o, const struct remote *remote, const char *id, struct arena *a)
{
	struct tree *job;
	const char *name;
	int r = ask(remote, "GET", id, "", a, &job);

	if (r < 0)
		return r;
	name = str_empty(o->file) ? tree_str(tree_find(job, "file")) : o->file;
	if (str_empty(name) || (str_empty(o->file) && (str_find(name, "/") || *name == '.')))
		return err_fail(ERR_MISSING, "what", "@file", NULL);
	return job_fetch(remote, id, name, a);
}

int run_job(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	static const char *const words[] = { "list", "get", "wait", "cancel", "delete", "file" };
	const struct job_options *o = options;
	const struct remote *remote = REMOTE_OF(o);
	const char *verb = argc > 1 ? argv[1] : "", *id = argc > 2 ? argv[2] : NULL;
	struct tree *job = NULL;

	if (argc < 2 || argc > 3 || (argc == 2) != str_eq(verb, "list")) {
		if (argc >= 2 && str_nearest(verb, words, ELEMENTSOF(words)) && !str_eq(str_nearest(verb, words, ELEMENTSOF(words)), verb))
			return err_fail(ERR_NO_VERB, "value", verb, "nearest", str_nearest(verb, words, ELEMENTSOF(words)), NULL);
		return err_fail(ERR_USAGE, "detail", arena_fmt(a, "tenon job %s", c->usage), NULL);
	}
	if (!id)
		return list(o, remote, a);
	if (str_eq(verb, "get"))
		return print(remote, ask(remote, "GET", id, "", a, &job), &job);
	if (str_eq(verb, "wait"))
		return print(remote, job_wait(remote, id, a, &job), &job);
	if (str_eq(verb, "cancel"))
		return print(remote, ask(remote, "POST", id, "/cancel", a, &job), &job);
	if (str_eq(verb, "delete"))
		return ask(remote, "DELETE", id, "", a, NULL);
	if (str_eq(verb, "file"))
		return file(o, remote, id, a);
	return err_fail(ERR_NO_VERB, "value", verb, "nearest", str_nearest(verb, words, ELEMENTSOF(words)), NULL);
}

int run_links(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	static const char *const columns[] = { "kind", "id", "state_text", "since", "reason.detail", "period_ms", "points", "bad", "achieved", "p99_us",
		"requests", "timeouts", "next_try", NULL };
	const struct links_options *o = options;
	const struct remote *remote = REMOTE_OF(o);
	struct buf out = BUF_INIT(&sys_heap, 1 << 26), path = BUF_INIT(&sys_heap, 4096);
	struct remote_request q = { .method = "GET", .path = "/api/v1/links" };
	struct tree *answer = NULL;
	int r;

	if (argc > 2)
		return err_fail(ERR_USAGE, "detail", arena_fmt(a, "tenon links %s", c->usage), NULL);
	if (argc == 2) {
		buf_add(&path, "/api/v1/links/");
		remote_escape(&path, argv[1]);
		q.path = arena_str(a, path.data);
		buf_done(&path);
	}
	r = q.path ? remote_tree(remote, &q, a, &answer) : err_fail(ERR_NO_MEMORY, "what", "request", NULL);
	if (r < 0 || argc == 2)
		return print(remote, r, &answer);
	show_columns(columns, tree_find(answer, "items"), remote->output, &out);
	show_print(&out);
	return 0;
}
