/* history.c - tenon store stats|compact: the files of samples of a running platform. */
#include "base/str.h"
#include "cli/ops.h"
#include "cli/parts.h"
#include "sys/sys.h"

struct history_options { REMOTE_MEMBERS; };
static const struct rec_field history_fields[] = { REMOTE_FIELDS(struct history_options) };
const struct rec_type history_option_type = REC_PLAIN(struct history_options, "options", history_fields);
const char *const history_verbs[] = { "stats", "compact", NULL };

/* All members but the levels. */
static struct tree *rest_of(const struct tree *answer, struct arena *a)
{
	struct tree *rest = arena_new(a, struct tree), *items = arena_array(a, struct tree, answer->n + 1);

	if (!rest || !items)
		return NULL;
	*rest = *answer;
	rest->items = items;
	rest->n = 0;
	TREE_EACH(member, answer)
		if (!str_eq(member->key, "levels"))
			items[rest->n++] = *member;
	return rest;
}

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
	return str_eq(argv[1], "stats") ? stats(remote, a) : compact(remote, a);
}
