/* approval_command.c - commands that wait for a second person: asked for, and sent when he agrees. */
#include "service/approval.h"
#include "service/command_int.h"

struct wanted { const char *point, *value, *reason; };
static const struct rec_field wanted_fields[] = {
	F(struct wanted, point, .max = "40"),
	F_KIND(struct wanted, value, REC_JSON),
	F(struct wanted, reason, .max = "500"),
};
static const struct rec_type wanted_type = REC_PLAIN(struct wanted, "wanted_command", wanted_fields);

int command_ask_second(struct scope *s, const struct command_in *in, const struct command_task *t)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 1 << 16), changes = BUF_INIT(&sys_heap, 1 << 16);
	struct json j = JSON_TO(&b), c = JSON_TO(&changes);
	char id[UUID_TEXT + 1];
	struct wanted wanted = { .point = id, .value = in->items[0].value, .reason = in->reason };
	const char *unit = t->at.unit && *t->at.unit ? arena_fmt(s->arena, " %s", t->at.unit) : "";
	struct approval_ask ask = { .kind = "command", .decide = PERM_COMMAND, .device = &t->at.device, .reason = in->reason };

	uuid_format(&t->at.id, id);
	rec_to_json(&wanted_type, &wanted, 0, NULL, &j);
	json_object(&c);
	json_key(&c, "changes");
	json_array(&c);
	json_object(&c);
	json_kv_str(&c, "noun", "point");
	json_kv_str(&c, "id", id);
	json_kv_str(&c, "op", "command");
	json_key(&c, "before");
	json_object(&c);
	json_key(&c, "value");
	json_raw(&c, t->end.rec.before ? t->end.rec.before : "null");
	json_end(&c);
	json_key(&c, "after");
	json_object(&c);
	json_key(&c, "value");
	json_raw(&c, in->items[0].value);
	json_end(&c);
	json_end(&c);
	json_end(&c);
	json_end(&c);
	ask.title = arena_fmt(s->arena, "Write %s%s to %s", in->items[0].value, unit, t->at.path);
	ask.title_zh = arena_fmt(s->arena, "向 %s 写入 %s%s", t->at.path, in->items[0].value, unit);
	ask.body = arena_str(s->arena, b.data);
	ask.changes = arena_str(s->arena, changes.data);
	if (!unit || !ask.title || !ask.title_zh || !ask.body || !ask.changes || b.failed || changes.failed)
		return err_fail(ERR_NO_MEMORY, "what", "@approval", NULL);
	return approval_awaits(s, &ask);
}

/* ---- he agreed ---- */

struct waiter { struct mutex mutex; struct cond news; bool is_there; struct err why; enum command_state state; char after[200]; };

static void on_end(void *ctx, const struct command_end *ends, uint32_t n)
{
	struct waiter *w = ctx;
	struct buf b = BUF_FIXED(w->after);

	mutex_hold(&w->mutex);
	if (n) {
		w->why = ends[0].why;
		w->state = ends[0].rec.state;
		buf_add(&b, ends[0].rec.after ? ends[0].rec.after : "");
	}
	w->is_there = true;
	cond_signal(&w->news);
}

/* The end comes within the time of an errand, so a worker may wait for it. */
static int run(struct scope *s, const char *body, size_t len, const char **ret_outcome)
{
	struct waiter w = { .state = COMMAND_UNKNOWN };
	struct wanted wanted;
	struct command_ask ask;
	struct command_in in = { .items = &ask, .n = 1, .confirmed = true };
	struct command_end *ends = NULL;
	int r = rec_from_json(&wanted_type, &wanted, (struct rec_json) { body, len }, REC_CREATE, s->arena, NULL);

	if (r < 0)
		return r;
	ask = (struct command_ask) { wanted.point, wanted.value };
	in.reason = wanted.reason;
	mutex_init(&w.mutex);
	cond_init(&w.news);
	r = command_send(s, &in, on_end, &w, &ends);
	if (r == 0) {
		w.why = ends[0].why;
		w.state = ends[0].rec.state;
	}
	mutex_lock(&w.mutex);
	while (r == 1 && !w.is_there)
		cond_wait(&w.news, &w.mutex);
	mutex_unlock(&w.mutex);
	cond_done(&w.news);
	mutex_done(&w.mutex);
	if (r < 0)
		return r;
	if (w.why.kind != ERR_NONE && w.state != COMMAND_UNCHECKED) {
		err_put(&w.why);
		return -w.why.kind;
	}
	if (w.after[0])
		*ret_outcome = arena_str(s->arena, w.after);
	return 0;
}

const struct approval_kind approval_of_command = { "command", run };
