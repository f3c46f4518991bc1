/* state.c - tenon status, tenon values: how the platform does, and the points that are not well. */
#include "base/num.h"
#include "base/str.h"
#include "base/when.h"
#include "cli/parts.h"
#include "cli/verbs.h"
#include "sys/sys.h"

struct status_options { REMOTE_MEMBERS; };
static const struct rec_field status_fields[] = { REMOTE_FIELDS(struct status_options) };
const struct rec_type status_option_type = REC_PLAIN(struct status_options, "options", status_fields);

struct values_options { REMOTE_MEMBERS; const char *state, *label; uint32_t limit; };
static const struct rec_field values_fields[] = {
	REMOTE_FIELDS(struct values_options),
	F(struct values_options, state, .label = "good uncertain bad abnormal disabled unknown", .label_zh = "good uncertain bad abnormal disabled unknown"),
	F(struct values_options, label, .label = "Only points with this data label", .label_zh = "只列出带有此数据标签的点位", .doc = "energy"),
	F(struct values_options, limit, .def = "1000", .min = "1", .max = "10000", .label = "At most so many", .label_zh = "最多条数"),
};
const struct rec_type values_option_type = REC_PLAIN(struct values_options, "options", values_fields);

static void scalar(const struct tree *t, struct buf *out)
{
	char text[NUM_TEXT_MAX];

	if (!t || t->kind == TREE_NULL)
		buf_addc(out, '-');
	else if (t->kind == TREE_STR)
		buf_addn(out, t->s, t->n);
	else if (t->kind == TREE_BOOL)
		buf_add(out, t->b ? "true" : "false");
	else if (t->kind == TREE_I64)
		buf_addn(out, text, num_format_i64(text, t->i));
	else if (t->kind == TREE_F64)
		buf_addn(out, text, num_format_f64(text, t->f));
}

static bool is_simple(const struct tree *t)
{
	return t->kind < TREE_LIST;
}

/* "log.samples  123": one line a figure, those of one thing together. */
static void figures(const struct tree *t, const char *above, struct buf *out)
{
	TREE_EACH(e, t) {
		char name[80];
		struct buf full = BUF_FIXED(name);

		buf_addf(&full, "%s%s%s", above, *above ? "." : "", e->key);
		if (is_simple(e)) {
			buf_addf(out, "%-28s ", name);
			scalar(e, out);
			buf_addc(out, '\n');
		} else if (e->kind == TREE_OBJECT) {
			figures(e, name, out);
		}
	}
}

static int print(const struct tree *answer, const char *output, void (*rows)(const struct tree *t, struct buf *out))
{
	struct buf out = BUF_INIT(&sys_heap, 64 << 20);

	if (str_eq(output, "json")) {
		struct json j = JSON_TO(&out);
		tree_write(answer, &j);
		buf_addc(&out, '\n');
	} else {
		rows(answer, &out);
	}
	show_print(&out);
	return 0;
}

static void all_figures(const struct tree *t, struct buf *out)
{
	figures(t, "", out);
}

int run_status(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	const struct status_options *o = options;
	struct remote_request q = { .method = "GET", .path = "/api/v1/status" };
	struct tree *answer;
	int r = remote_tree(REMOTE_OF(o), &q, a, &answer);

	return r < 0 ? r : print(answer, output_words[o->output].word, all_figures);
}

/* path, value, unit, quality, since. */
static void value_rows(const struct tree *t, struct buf *out)
{
	TREE_EACH(e, tree_find(t, "items")) {
		char when[WHEN_TEXT_MAX] = "-";
		const char *unit = tree_str(tree_find(e, "unit")), *quality = tree_str(tree_find(e, "quality_text"));

		if (tree_find(e, "since"))
			when_format(when, tree_i64(tree_find(e, "since"), 0) * 1000);
		buf_addf(out, "%s  ", tree_str(tree_find(e, "path")));
		scalar(tree_find(e, "v"), out);
		buf_addf(out, "%s%s  %s  %s\n", str_empty(unit) ? "" : " ", unit ? unit : "", quality ? quality : "-", when);
	}
}

int run_values(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	const struct values_options *o = options;
	struct buf path = BUF_INIT(&sys_heap, 1 << 12);
	struct remote_request q = { .method = "GET" };
	struct tree *answer;
	int r;

	buf_addf(&path, "/api/v1/values?limit=%u", (unsigned) o->limit);
	if (!str_empty(o->state)) {
		buf_add(&path, "&state=");
		remote_escape(&path, o->state);
	}
	if (!str_empty(o->label)) {
		buf_add(&path, "&label=");
		remote_escape(&path, o->label);
	}
	if (argc > 1) {
		buf_add(&path, "&path=");
		remote_escape(&path, argv[1]);
	}
	q.path = arena_str(a, path.data);
	buf_done(&path);
	if (!q.path)
		return err_fail(ERR_NO_MEMORY, "what", "request", NULL);
	r = remote_tree(REMOTE_OF(o), &q, a, &answer);
	return r < 0 ? r : print(answer, output_words[o->output].word, value_rows);
}
