/* live.c - tenon live: values as they come, a line each. */
#include <stdio.h>
#include <stdlib.h>

#include "base/cell.h"
#include "base/num.h"
#include "base/str.h"
#include "base/when.h"
#include "cli/parts.h"
#include "cli/verbs.h"
#include "io/io.h"
#include "model/value.h"
#include "sys/sys.h"

enum { POINTS_MAX = 10000, WAIT_MS = 1000, HELLO_MS = 20000 };

struct live_options { REMOTE_MEMBERS; double max_hz; uint32_t count; };
static const struct rec_field live_fields[] = {
	REMOTE_FIELDS(struct live_options),
	F(struct live_options, max_hz, .def = "5", .min = "0.1", .max = "100", .label = "At most so often a second", .label_zh = "每秒最多更新次数"),
	F(struct live_options, count, .label = "End after so many values; 0: never", .label_zh = "收到多少个值后结束；0 为不结束"),
};
const struct rec_type live_option_type = REC_PLAIN(struct live_options, "options", live_fields);

struct names { const char **id, **path; uint32_t n; };

/* An argument is a path, a code, or with a slash at its end all that lies below. */
static int add_points(const struct remote *remote, const char *what, struct arena *a, struct names *names)
{
	struct buf b = BUF_INIT(&sys_heap, 1 << 16);
	struct remote_request q = { .method = "GET" };
	struct tree *answer = NULL;
	uint32_t before = names->n;
	int r = 0;

	buf_addf(&b, "/api/v1/points?fields=id,path&limit=1000&%s=", str_ends(what, "/") ? "path.like" : str_find(what, "/") ? "path" : "code");
	remote_escape(&b, what);
	if (str_ends(what, "/"))
		buf_add(&b, "%2A");
	q.path = arena_str(a, b.data);
	while (r == 0 && q.path) {
		const char *next;
		r = remote_tree(remote, &q, a, &answer);
		TREE_EACH(p, r == 0 ? tree_find(answer, "items") : NULL) {
			if (names->n == POINTS_MAX) {
				r = err_fail(ERR_LIMIT, "what", "@points", "max", "10000", NULL);
				break;
			}
			names->id[names->n] = tree_str(tree_find(p, "id"));
			names->path[names->n++] = tree_str(tree_find(p, "path"));
		}
		next = r == 0 ? tree_str(tree_find(answer, "next")) : NULL;
		q.path = next ? arena_fmt(a, "%s&cursor=%s", b.data, next) : NULL;
	}
	buf_done(&b);
	return r < 0 || names->n > before ? r : err_fail(ERR_MISSING, "what", "@point", "value", what, NULL);
}

static int say(struct ws_dial *d, const char *op, const struct live_options *o, const char *token, const struct names *names)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 1 << 20);
	struct json j = JSON_TO(&b);

	json_object(&j);
	json_kv_str(&j, "op", op);
	if (token) {
		json_kv_str(&j, "token", token);
	} else {
		json_kv_str(&j, "id", "cli");
		json_kv_f64(&j, "max_hz", o->max_hz);
		json_key(&j, "points");
		json_array(&j);
		for (uint32_t i = 0; i < names->n; i++)
			json_str(&j, names->id[i]);
		json_end(&j);
	}
	json_end(&j);
	return b.failed ? err_fail(ERR_NO_MEMORY, "what", "request", NULL) : ws_dial_send(d, b.data, b.len);
}

/* Nothing else is heard before the hello is answered. */
static int await_hello(struct ws_dial *d, struct arena *a)
{
	_cleanup_(buf_done) struct buf message = BUF_INIT(&sys_heap, 1 << 20);
	struct tree *frame;
	int r = ws_dial_take(d, HELLO_MS, &message);

	if (r == 0)
		return err_fail(ERR_TIMEOUT, "what", "live", "ms", "20000", NULL);
	if (r > 0)
		r = tree_parse(message.data, message.len, "answer", a, &frame);
	if (r >= 0 && !str_eq(tree_str(tree_find(frame, "op")), "hello"))
		return err_fail(ERR_REMOTE, "detail", tree_str(tree_find(frame, "detail")), "exit", arena_fmt(a, "%d", err_exit(ERR_UNAUTHENTICATED)), NULL);
	return r;
}

static const char *path_of(const struct names *names, const char *id)
{
	for (uint32_t i = 0; id && i < names->n; i++)
		if (str_eq(names->id[i], id))
			return names->path[i];
	return id ? id : "";
}

static void value_text(const struct tree *v, struct buf *out)
{
	struct json j = JSON_TO(out);

	if (v && v->kind == TREE_STR)
		buf_addn(out, v->s, v->n);
	else if (v && v->kind != TREE_NULL)
		tree_write(v, &j);
}

static void print(const char *output, const char *path, const struct tree *v, struct buf *out)
{
	char when[WHEN_TEXT_MAX];
	struct buf value = BUF_INIT(&sys_heap, 1 << 20);
	const struct tree *is = tree_at(v, 2);
	unsigned quality = (unsigned) tree_i64(tree_at(v, 3), 0);

	when_format(when, tree_i64(tree_at(v, 1), 0) * NS_PER_US);
	value_text(is, &value);
	if (str_eq(output, "csv")) {
		buf_addf(out, "%s,", when);
		cell_text(out, path, str_len(path));
		buf_addc(out, ',');
		(is && is->kind == TREE_STR ? cell_text : cell_plain)(out, value.data, value.len);
		buf_addf(out, ",0x%08x\r\n", quality);
	} else if (str_eq(output, "table")) {
		buf_addf(out, "%-30s  %s  %s  %s\n", when, path, value.data, quality_text(quality, cli_lang() == LANG_ZH));
	} else {
		struct json j = JSON_TO(out);
		json_object(&j);
		json_kv_str(&j, "time", when);
		json_kv_str(&j, "path", path);
		json_key(&j, "value");
		if (is)
			tree_write(is, &j);
		else
			json_null(&j);
		json_kv_u64(&j, "quality", quality);
		json_end(&j);
		buf_addc(out, '\n');
	}
	buf_done(&value);
}

/* order: the points as the server numbers them. Returns how many values were printed. */
static int show(const struct tree *frame, const char *output, const struct names *names, const char **order, uint32_t *n)
{
	const char *op = tree_str(tree_find(frame, "op"));
	struct buf out = BUF_INIT(&sys_heap, 1 << 26);
	int shown = 0;

	if (str_eq(op, "error"))
		return err_fail(ERR_REMOTE, "detail", tree_str(tree_find(frame, "detail")), NULL);
	if (str_eq(op, "subscribed")) {
		*n = 0;
		TREE_EACH(p, tree_find(frame, "points"))
			if (*n < POINTS_MAX)
				order[(*n)++] = path_of(names, tree_str(p));
	}
	TREE_EACH(v, str_eq(op, "values") ? tree_find(frame, "v") : NULL) {
		int64_t i = tree_i64(tree_at(v, 0), -1);
		if (i < 0 || i >= *n)
			continue;
		print(output, order[i], v, &out);
		shown++;
	}
	show_print(&out);
	return shown;
}

static int follow(struct ws_dial *d, const struct live_options *o, const struct names *names, struct arena *a)
{
	_cleanup_(buf_done) struct buf message = BUF_INIT(&sys_heap, 8 << 20);
	const char **order = arena_array(a, const char *, POINTS_MAX);
	uint32_t n = 0, shown = 0;
	struct arena round;
	int r = order ? 0 : err_fail(ERR_NO_MEMORY, "what", "tenon", NULL);

	while (r >= 0 && (!o->count || shown < o->count)) {
		struct tree *frame;
		r = ws_dial_take(d, WAIT_MS, &message);
		if (r <= 0)
			continue;
		arena_init(&round, &sys_heap, 0);
		r = tree_parse(message.data, message.len, "answer", &round, &frame);
		if (r >= 0) {
			r = show(frame, output_words[o->output].word, names, order, &n);
			shown += r > 0 ? (uint32_t) r : 0;
		}
		arena_done(&round);
	}
	return MIN(r, 0);
}

int run_live(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	_cleanup_(ws_dial_closep) struct ws_dial *d = NULL;
	const struct live_options *o = options;
	const struct remote *remote = REMOTE_OF(o);
	struct fetch_trust trust;
	struct names names = { .id = arena_array(a, const char *, POINTS_MAX), .path = arena_array(a, const char *, POINTS_MAX) };
	const char *url, *token = str_empty(o->token) ? getenv("TENON_TOKEN") : o->token;
	int r = names.id && names.path ? 0 : err_fail(ERR_NO_MEMORY, "what", "tenon", NULL);

	if (argc < 2)
		return err_fail(ERR_USAGE, "detail", arena_fmt(a, "tenon live %s", c->usage), NULL);
	for (int i = 1; r == 0 && i < argc; i++)
		r = add_points(remote, argv[i], a, &names);
	url = r == 0 ? remote_url(remote, "/api/v1/live", a) : NULL;
	remote_trust(remote, &trust);
	if (r == 0)
		r = url ? remote_distrusted(&trust, url, ws_dial_open(&d, url, &trust), a) : err_fail(ERR_NO_MEMORY, "what", "request", NULL);
	if (r == 0)
		r = say(d, "hello", o, token ? token : "", NULL);
	if (r == 0)
		r = await_hello(d, a);
	if (r == 0)
		r = say(d, "subscribe", o, NULL, &names);
	if (r == 0 && o->output == 2)
		printf("time,point,value,quality\r\n");
	return r < 0 ? r : follow(d, o, &names, a);
}
