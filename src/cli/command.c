/* command.c - tenon command: a value to a point, and what became of it. */
#include <stdio.h>
#include <unistd.h>

#include "base/num.h"
#include "base/str.h"
#include "cli/parts.h"
#include "cli/verbs.h"
#include "sys/sys.h"

struct command_options { REMOTE_MEMBERS; bool yes; const char *reason; };
static const struct rec_field command_fields[] = {
	REMOTE_FIELDS(struct command_options),
	F(struct command_options, yes, .label = "Confirmed: do not ask", .label_zh = "已确认，不再询问"),
	F(struct command_options, reason, .label = "Why; stands in the audit log", .label_zh = "原因，记入审计日志"),
};
const struct rec_type command_option_type = REC_PLAIN(struct command_options, "options", command_fields);

/* What JSON writes without quotes goes as it is, the rest as a text. */
static void value_json(const char *text, struct json *j)
{
	double f;

	if (str_eq(text, "true") || str_eq(text, "false") || (*text && num_parse_f64(text, text + str_len(text), &f) == str_len(text)))
		json_raw(j, text);
	else
		json_str(j, text);
}

static int body_of(const char *point, const char *value, const struct command_options *o, bool confirmed, struct arena *a, const char **ret)
{
	struct buf b = BUF_INIT(&sys_heap, 1 << 20);
	struct json j = JSON_TO(&b);

	json_object(&j);
	json_key(&j, "commands");
	json_array(&j);
	json_object(&j);
	json_kv_str(&j, "point", point);
	json_key(&j, "value");
	value_json(value, &j);
	json_end(&j);
	json_end(&j);
	if (!str_empty(o->reason))
		json_kv_str(&j, "reason", o->reason);
	json_kv_bool(&j, "confirm", confirmed);
	json_end(&j);
	*ret = arena_str(a, b.data);
	buf_done(&b);
	return *ret ? 0 : err_fail(ERR_NO_MEMORY, "what", "request", NULL);
}

/* Only a person at a terminal can be asked. */
static bool ask(const char *point, const char *value)
{
	char line[16] = "";

	if (!isatty(0) || !isatty(2))
		return false;
	fprintf(stderr, cli_text("Write %s to %s? [y/N] ", "向 %2$s 写入 %1$s？[y/N] "), value, point);
	return fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y');
}

static int failed(const struct tree *error, struct arena *a)
{
	const char *code = tree_str(tree_find(error, "code")), *detail = tree_str(tree_find(error, "detail"));
	int kind = ERR_PEER;

	for (int k = 1; code && k < ERR_N_; k++)
		if (str_eq(err_code(k), code))
			kind = k;
	if (kind == ERR_UNCONFIRMED)
		detail = arena_fmt(a, cli_text("%s: --yes", "%s：--yes"), detail ? detail : "");
	return err_fail(ERR_REMOTE, "detail", detail ? detail : "", "exit", arena_fmt(a, "%d", err_exit(kind)), NULL);
}

/* A ramp: looks every half second, says where it is. */
static int follow(const struct command_options *o, const char *id, struct arena *a, struct tree **ret)
{
	const char *path = arena_fmt(a, "/api/v1/commands/%s", id ? id : "");
	bool shows = isatty(2);
	int r;

	for (;;) {
		r = remote_tree(REMOTE_OF(o), &(struct remote_request) { .method = "GET", .path = path }, a, ret);
		if (r < 0 || !str_eq(tree_str(tree_find(*ret, "state")), "waiting"))
			break;
		if (shows)
			fprintf(stderr, "\r%g  ", tree_f64(tree_find(*ret, "after"), 0));
		usleep(500000);
	}
	if (shows)
		fputc('\n', stderr);
	return r;
}

static void show(const struct tree *command, const char *output)
{
	struct buf out = BUF_INIT(&sys_heap, 1 << 20);
	struct json j = JSON_TO(&out);

	if (str_eq(output, "json")) {
		tree_write(command, &j);
		buf_addc(&out, '\n');
	} else {
		const char *const names[] = { "path", "before", "value", "after" };
		const char *unit = tree_str(tree_find(command, "unit"));

		for (size_t i = 0; i < ELEMENTSOF(names); i++) {
			const struct tree *t = tree_find(command, names[i]);

			buf_addf(&out, "%-8s ", names[i]);
			if (t && t->kind == TREE_STR)
				buf_add(&out, t->s);
			else if (t)
				tree_write(t, &j);
			j = JSON_TO(&out);
			buf_addf(&out, "%s%s\n", i && t && t->kind != TREE_NULL && !str_empty(unit) ? " " : "", i && t && t->kind != TREE_NULL && unit ? unit : "");
		}
		buf_addf(&out, "%-8s %s\n", "state", tree_str(tree_find(command, "state")));
	}
	show_print(&out);
}

static int send(const struct command_options *o, const char *point, const char *value, bool confirmed, struct arena *a, struct tree **ret)
{
	struct remote_request q = { .method = "POST", .path = "/api/v1/commands", .type = "application/json" };
	int r = body_of(point, value, o, confirmed, a, &q.body);

	q.len = str_len(q.body);
	return r < 0 ? r : remote_tree(REMOTE_OF(o), &q, a, ret);
}

int run_command(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	const struct command_options *o = options;
	const struct tree *item, *error, *command;
	struct tree *answer;
	int r;

	if (argc != 3)
		return err_fail(ERR_USAGE, "detail", arena_fmt(a, "tenon command %s", c->usage), NULL);
	r = send(o, argv[1], argv[2], o->yes, a, &answer);
	if (r < 0)
		return r;
	item = tree_at(tree_find(answer, "items"), 0);
	if (str_eq(tree_str(tree_find(tree_find(item, "error"), "code")), "unconfirmed") && ask(argv[1], argv[2])) {
		r = send(o, argv[1], argv[2], true, a, &answer);
		if (r < 0)
			return r;
		item = tree_at(tree_find(answer, "items"), 0);
	}
	command = tree_find(item, "command");
	error = tree_find(item, "error");
	if (str_eq(tree_str(tree_find(command, "state")), "waiting")) {
		r = follow(o, tree_str(tree_find(command, "id")), a, &answer);
		if (r < 0)
			return r;
		command = answer;
		if (!str_empty(tree_str(tree_find(command, "code")))) {
			show(command, REMOTE_OF(o)->output);
			return err_fail(ERR_REMOTE, "detail", tree_str(tree_find(command, cli_text("detail", "detail_zh"))), "exit", "75", NULL);
		}
	}
	if (error && error->kind == TREE_OBJECT)
		return failed(error, a);
	show(command, REMOTE_OF(o)->output);
	return 0;
}
