/* command.c - commands checked, recorded, looked at. Sending them is command_run.c. */
#include "service/command_int.h"

#include <math.h>

#include "base/num.h"
#include "base/when.h"
#include "rec/tree.h"
#include "service/reach.h"

static const struct rec_word states[] = {
	{ "waiting", "Under way", "执行中" }, { "done", "Done", "已完成" }, { "unchecked", "Written, not read back", "已写入，未回读" },
	{ "differs", "Read back differently", "回读不一致" }, { "refused", "Refused", "已拒绝" }, { "unknown", "Outcome unknown", "结果未知" },
	{ "stopped", "Stopped on the way", "中途停止" }, { 0 },
};

#define C struct command_record
static const struct rec_field fields[] = {
	F_KIND(C, point, REC_UUID, .flags = REC_INDEX, .label = "Point", .label_zh = "点位"),
	F_KIND(C, device, REC_UUID, .flags = REC_INDEX, .label = "Device", .label_zh = "采集设备"),
	F_KIND(C, order, REC_UUID, .flags = REC_INDEX, .label = "Sent together", .label_zh = "同一次下发"),
	F(C, path, .flags = REC_SEARCH, .max = "500", .label = "Path", .label_zh = "路径"),
	F(C, unit, .max = "32", .label = "Engineering unit", .label_zh = "工程单位"),
	F_KIND(C, value, REC_JSON, .label = "Value", .label_zh = "下发值"),
	F_KIND(C, before, REC_JSON, .label = "Value before", .label_zh = "原值"),
	F_KIND(C, after, REC_JSON, .label = "Read-back", .label_zh = "回读值"),
	F_ENUM(C, state, states, .def = "waiting", .flags = REC_INDEX, .label = "State", .label_zh = "状态"),
	F(C, ramp, .flags = REC_NULLABLE, .label = "Set-point ramp per second", .label_zh = "设定值斜率（每秒）"),
	F(C, reason, .flags = REC_SEARCH, .max = "500", .label = "Reason", .label_zh = "原因"),
	F(C, name, .flags = REC_SEARCH, .max = "200", .label = "Sent by", .label_zh = "下发人"),
	F(C, peer, .max = "50", .label = "From", .label_zh = "来源"),
	F(C, code, .max = "40", .label = "Failure", .label_zh = "失败代码"),
	F(C, detail, .max = "1000", .label = "What happened", .label_zh = "说明（英文）"),
	F(C, detail_zh, .max = "1000", .label = "What happened, in Chinese", .label_zh = "说明"),
	F_KIND(C, ended, REC_TIME, .flags = REC_NULLABLE, .label = "Ended", .label_zh = "结束时间"),
	F(C, took_us, .def = "0", .unit = "us", .label = "Took", .label_zh = "耗时"),
};
const struct rec_type command_type = REC_TYPE(C, "command", "commands", fields, .title = "Command", .title_zh = "指令",
	.doc = "A value written to a point, and what became of it", .doc_zh = "向点位写入的值及其结果");

/* ---- values ---- */

const char *command_value_json(struct arena *a, struct value v)
{
	char text[DRIVER_TEXT_MAX * 6 + 8];
	struct buf b = BUF_FIXED(text);
	struct json j = JSON_TO(&b);

	switch (v.type) {
	case V_BOOL: json_bool(&j, v.b); break;
	case V_I64: json_i64(&j, v.i); break;
	case V_F32: json_f32(&j, v.f32); break;
	case V_F64: json_f64(&j, v.f64); break;
	case V_STR: json_strn(&j, v.s, v.len); break;
	default: return NULL;
	}
	return b.failed ? NULL : arena_str(a, text);
}

static bool is_number_text(const char *s, size_t n, struct value *ret)
{
	int64_t i;
	double f;

	if (n && num_parse_i64(s, s + n, &i) == n) {
		*ret = (struct value) { .type = V_I64, .i = i };
		return true;
	}
	if (n && num_parse_f64(s, s + n, &f) == n) {
		*ret = (struct value) { .type = V_F64, .f64 = f };
		return true;
	}
	return false;
}

/* A text for a point of numbers: one of its state texts, or a number too long for JSON. */
static bool of_text(const struct point *p, const char *s, size_t n, struct value *ret)
{
	for (uint32_t i = 0; i < p->state_texts.n; i++)
		if (str_len(p->state_texts.items[i].value) == n && !memcmp(p->state_texts.items[i].value, s, n))
			return is_number_text(p->state_texts.items[i].key, str_len(p->state_texts.items[i].key), ret);
	return is_number_text(s, n, ret);
}

static int take_value(struct scope *s, const struct point *p, const char *json, struct value *ret)
{
	struct tree *t;
	int r = tree_parse(json, str_len(json), "value", s->arena, &t);
	bool fits = true;

	if (r < 0)
		return err_at(r, "value");
	switch ((enum tree_kind) t->kind) {
	case TREE_BOOL: *ret = (struct value) { .type = V_BOOL, .b = t->b }; break;
	case TREE_I64: *ret = (struct value) { .type = V_I64, .i = t->i }; break;
	case TREE_F64: *ret = (struct value) { .type = V_F64, .f64 = t->f }; break;
	case TREE_STR:
		if (p->type == POINT_STRING)
			*ret = (struct value) { .type = V_STR, .s = t->s, .len = t->n };
		else
			fits = of_text(p, t->s, t->n, ret);
		break;
	default: fits = false;
	}
	if (fits && p->type == POINT_STRING)
		fits = ret->type == V_STR;
	if (fits && ret->type == V_F64)
		fits = isfinite(ret->f64);
	/* A bit is 0 or 1, however it is written. */
	if (fits && p->type == POINT_BOOL && ret->type == V_I64 && (ret->i == 0 || ret->i == 1))
		*ret = (struct value) { .type = V_BOOL, .b = ret->i };
	if (fits && (p->type == POINT_BOOL) != (ret->type == V_BOOL))
		fits = false;
	return fits ? 0 : err_at(err_fail(ERR_WRONG_TYPE, "field", "@command_value", "want", p->type == POINT_BOOL ? "@boolean" : p->type == POINT_STRING ?
		"@text" : p->state_texts.n ? "@a_state_text" : "@number", "value", json, NULL), "value");
}

/* ---- rules ---- */

static bool has(const struct point *p, const char *name)
{
	return rec_has(&point_type, p, rec_field(&point_type, name));
}

static int check_limits(const struct point *p, struct value v, const char *json)
{
	double f = v.type == V_I64 ? (double) v.i : v.f64, from = has(p, "write_min") ? p->write_min : 0, steps;
	char min[NUM_TEXT_MAX], max[NUM_TEXT_MAX], step[NUM_TEXT_MAX];
	int r = 0;

	if (v.type != V_I64 && v.type != V_F64)
		return 0;
	num_format_f64(min, has(p, "write_min") ? p->write_min : 0);
	num_format_f64(max, p->write_max);
	num_format_f64(step, p->write_step);
	if (has(p, "write_min") && has(p, "write_max") && (f < p->write_min || f > p->write_max))
		r = err_fail(ERR_OUT_OF_RANGE, "field", "@command_value", "min", min, "max", max, "value", json, NULL);
	else if (has(p, "write_min") && f < p->write_min)
		r = err_fail(ERR_TOO_SMALL, "field", "@command_value", "min", min, "value", json, NULL);
	else if (has(p, "write_max") && f > p->write_max)
		r = err_fail(ERR_TOO_BIG, "field", "@command_value", "max", max, "value", json, NULL);
	else if (has(p, "write_step") && p->write_step > 0) {
		steps = (f - from) / p->write_step;
		if (fabs(steps - rint(steps)) > 1e-6)
			r = err_fail(ERR_STEP, "field", "@command_value", "step", step, "min", min, "value", json, NULL);
	}
	return r < 0 ? err_at(r, "value") : 0;
}

static int check_way(struct scope *s, struct command_task *t)
{
	const char *path = t->at.path;
	struct device d;
	struct connection c;
	int r = store_get(s->tx, &device_type, &t->point.device, &d, s->arena);

	if (r == 0)
		r = store_get(s->tx, &connection_type, &d.connection, &c, s->arena);
	if (r < 0)
		return r;
	t->device = d.head.id;
	if (!t->point.enabled || !d.enabled || !c.enabled)
		return err_fail(ERR_REFUSED, "what", !t->point.enabled ? path : !d.enabled ? d.code : c.code, "detail", "@link_disabled", NULL);
	if (t->point.access == POINT_READ)
		return err_fail(ERR_REFUSED, "what", path, "detail", "@point_read_only", NULL);
	if (!driver_find(c.driver))
		return err_fail(ERR_REFUSED, "what", c.code, "detail", "@driver_cannot", NULL);
	return 0;
}

static int check(struct scope *s, struct command_task *t, const struct command_in *in, const char *json)
{
	const struct point *p = &t->point;
	int r = check_way(s, t);

	if (r == 0)
		r = take_value(s, p, json, &t->value);
	if (r == 0)
		r = check_limits(p, t->value, json);
	if (r < 0)
		return r;
	if (has(p, "write_ramp") && p->write_ramp > 0) {
		if (t->value.type != V_I64 && t->value.type != V_F64)
			return err_fail(ERR_REFUSED, "what", t->at.path, "detail", "@not_numeric", NULL);
		t->end.rec.ramp = p->write_ramp;
		rec_set_has(&command_type, &t->end.rec, rec_field(&command_type, "ramp"), true);
	}
	if (p->confirm && !in->confirmed)
		return err_fail(ERR_UNCONFIRMED, "what", t->at.path, "value", json, NULL);
	if (!p->approval || s->approver.kind != PRINCIPAL_NOBODY)
		return 0;
	/* Who decides sees one command, and what he lets happen happens whole. */
	return in->n == 1 ? err_fail(ERR_AWAITS_APPROVAL, NULL, NULL) : err_fail(ERR_REFUSED, "what", t->at.path, "detail", "@needs_second", NULL);
}

/* ---- records ---- */

static const char *sentence(struct arena *a, const struct err *e, enum lang lang)
{
	char text[1000];
	struct buf b = BUF_FIXED(text);

	err_text(e, lang, &b);
	return arena_str(a, text);
}

void command_failed(struct arena *a, struct command_end *e, enum command_state state, const struct err *why)
{
	e->why = *why;
	e->rec.state = state;
	if (why->kind == ERR_NONE)
		return;
	e->rec.code = err_code(why->kind);
	e->rec.detail = sentence(a, why, LANG_EN);
	e->rec.detail_zh = sentence(a, why, LANG_ZH);
}

static void set_ended(struct command_record *r)
{
	r->ended = clock_now_ns();
	rec_set_has(&command_type, r, rec_field(&command_type, "ended"), true);
}

static const char *live_value(struct scope *s, const struct plant_point *p)
{
	struct bus_value v;
	char text[ERRAND_DATA];

	if (!s->platform->bus || !bus_last(s->platform->bus, s->tenant, p->series, &v, text, sizeof(text)) || quality_is_bad(v.sample.quality))
		return NULL;
	return command_value_json(s->arena, v.sample.value);
}

struct sending { const struct command_in *in; struct command_task *tasks; struct uuid order; uint32_t n_waiting; };

/* The point as it is in this transaction, what is wrong with the command, its record. */
static int record_one(struct scope *s, struct sending *o, struct command_task *t, const struct command_ask *ask)
{
	struct command_record *rec = &t->end.rec;
	struct err why;
	int r = rec_init(&command_type, rec, s->arena);

	if (r == 0)
		r = store_get(s->tx, &point_type, &t->at.id, &t->point, s->arena);
	if (r < 0)
		return r;
	rec->head.id = uuid_new();
	rec->point = t->at.id;
	rec->device = t->at.device;
	rec->order = o->order;
	rec->path = t->at.path;
	rec->unit = t->at.unit;
	rec->value = ask->value;
	rec->before = live_value(s, &t->at);
	rec->reason = o->in->reason;
	rec->name = s->who.name;
	rec->peer = s->peer;
	r = check(s, t, o->in, ask->value);
	if (r == -ERR_AWAITS_APPROVAL)
		return r;
	if (r < 0) {
		why = err_take(r);
		t->is_refused = true;
		command_failed(s->arena, &t->end, COMMAND_REFUSED, &why);
		set_ended(rec);
	} else
		o->n_waiting++;
	r = store_put(s->tx, &command_type, rec, &s->who.id);
	return r < 0 ? r : audit_change(s, &command_type, NULL, rec);
}

static int record_all(struct scope *s, const void *in, void *ret)
{
	struct sending *o = ret;
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < o->in->n; i++)
		r = record_one(s, o, &o->tasks[i], &o->in->items[i]);
	return r;
}

static const struct deed deed_send = { .name = "point.command", .permission = MUST_SAY(PERM_COMMAND), .store = DEED_TENANT, .placed = true,
	.run = record_all };

/* What he may not see is not there for him. */
static int find_point(struct scope *s, const char *text, struct plant_point *ret)
{
	int r = plant_resolve(s->platform->plant, s->tenant, text, s->arena, ret);

	if (r == 0 && !reach_device(s, PERM_POINT_READ, &ret->device))
		r = err_fail(ERR_MISSING, "what", "@point", "value", text, NULL);
	return r < 0 ? r : reach_need_device(s, PERM_COMMAND, &ret->device);
}

static int find_points(struct scope *s, const struct command_in *in, struct command_task *tasks)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < in->n; i++) {
		if (str_empty(in->items[i].value))
			r = err_at(err_fail(ERR_REQUIRED, "field", "value", NULL), "value");
		else
			r = find_point(s, in->items[i].point, &tasks[i].at);
		if (r < 0)
			err_at(err_at_index(r, i), "commands");
	}
	return r;
}

int command_send(struct scope *s, const struct command_in *in, command_end_fn on_end, void *ctx, struct command_end **ret)
{
	struct command_task *tasks = arena_array(s->arena, struct command_task, MAX(in->n, 1u));
	struct command_end *ends = arena_array(s->arena, struct command_end, MAX(in->n, 1u));
	struct sending o = { .in = in, .tasks = tasks, .order = uuid_new() };
	int r = tasks && ends ? 0 : err_fail(ERR_NO_MEMORY, "what", "@command", NULL);

	if (r == 0 && !s->platform->link)
		r = err_fail(ERR_REFUSED, "what", "@command", "detail", "@no_link", NULL);
	/* Who may nowhere is noted in the audit by the deed itself. */
	if (r == 0 && scope_may_somewhere(s, PERM_COMMAND))
		r = find_points(s, in, tasks);
	if (r == -ERR_DENIED) {
		struct err e = err_take(r);
		guard_audit_refusal(s, deed_send.name, r);
		err_put(&e);
	}
	if (r == 0)
		r = scope_do(s, &deed_send, NULL, &o);
	if (r == -ERR_AWAITS_APPROVAL) {
		err_clear();
		r = command_ask_second(s, in, &tasks[0]);
	}
	if (r < 0)
		return r;
	r = o.n_waiting ? order_start(s, tasks, in->n, on_end, ctx) : 0;
	if (r == 1)             /* on_end has it, and may have been called already */
		return r;
	for (uint32_t i = 0; i < in->n; i++)
		ends[i] = tasks[i].end;
	if (r >= 0)
		*ret = ends;
	return r;
}

/* ---- looking ---- */

static int missing(const struct uuid *id)
{
	char text[UUID_TEXT + 1];

	uuid_format(id, text);
	return err_fail(ERR_MISSING, "what", "@command", "value", text, NULL);
}

static int get(struct scope *s, const void *in, void *ret)
{
	int r = store_get(s->tx, &command_type, in, ret, s->arena);

	if (r != -ERR_MISSING)
		return r;
	err_clear();
	return missing(in);
}

static const struct deed deed_get = { .name = "command.get", .permission = MUST_SAY(PERM_POINT_READ), .store = DEED_TENANT, .reads = true,
	.placed = true, .run = get };

int command_get(struct scope *s, const struct uuid *id, struct command_record *ret)
{
	int r = scope_do(s, &deed_get, id, ret);

	if (r == 0 && !reach_device(s, PERM_POINT_READ, &ret->device))
		r = missing(id);
	if (r == 0 && ret->state == COMMAND_WAITING)
		order_look(s->platform->commands, ret, s->arena);
	return r;
}
