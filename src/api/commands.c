/* commands.c - values written to devices: sent, looked at, stopped. The deeds are those of service/command.h. */

#include "api/internal.h"
#include "service/command.h"

static const struct noun commands_noun = NOUN_ROW(command_type, DEED_TENANT, PERM_POINT_READ, PERM_COMMAND, NULL);

/* ---- bodies ---- */

struct one_in { const char *value, *reason; bool confirm; };
struct ask_in { const char *point, *value; };
struct many_in { struct rec_list commands; const char *reason; bool confirm; };

#define VALUE_RULE .flags = REC_REQUIRED, .label = "Value", .label_zh = "下发值", \
	.doc = "In engineering units: a number, true, false, a text, or one of the point's state texts", \
	.doc_zh = "工程单位的数值、true、false、文本或该点位的状态文本"
#define REASON_RULE .max = "500", .label = "Reason", .label_zh = "原因"
#define CONFIRM_RULE .def = "false", .label = "Confirmed", .label_zh = "已确认", .doc = "Needed for points that ask before writing", \
	.doc_zh = "对写入前需确认的点位必须给出"

static const struct rec_field one_fields[] = {
	F_KIND(struct one_in, value, REC_JSON, VALUE_RULE),
	F(struct one_in, reason, REASON_RULE),
	F(struct one_in, confirm, CONFIRM_RULE),
};
static const struct rec_type one_type = REC_PLAIN(struct one_in, "command_one", one_fields, .title = "Command", .title_zh = "指令");

static const struct rec_field ask_fields[] = {
	F(struct ask_in, point, .flags = REC_REQUIRED, .min = "1", .max = "500", .label = "Point", .label_zh = "点位", .doc = "Id, path or code",
		.doc_zh = "标识符、路径或编码"),
	F_KIND(struct ask_in, value, REC_JSON, VALUE_RULE),
};
static const struct rec_type ask_type = REC_PLAIN(struct ask_in, "command_ask", ask_fields, .title = "Command of many", .title_zh = "批量指令之一");

static const struct rec_field many_fields[] = {
	F_KIND(struct many_in, commands, REC_LIST, .item = REC_REC, .type = &ask_type, .flags = REC_REQUIRED, .min = "1", .max = "100",
		.label = "Commands", .label_zh = "指令"),
	F(struct many_in, reason, REASON_RULE),
	F(struct many_in, confirm, CONFIRM_RULE),
};
static const struct rec_type many_type = REC_PLAIN(struct many_in, "command_many", many_fields, .title = "Commands", .title_zh = "批量指令");

/* ---- answers ---- */

static void end_json(const struct command_end *e, enum lang lang, struct json *j)
{
	json_object(j);
	json_key(j, "command");
	record_json(&command_type, &e->rec, NULL, j);
	json_key(j, "error");
	if (e->why.kind == ERR_NONE)
		json_null(j);
	else {
		json_object(j);
		error_entry(j, &e->why, lang);
		json_end(j);
	}
	json_end(j);
}

static void command_member(struct call *c, struct json *j)
{
	const struct command_end *e = c->extra_arg;

	json_key(j, "command");
	record_json(&command_type, &e->rec, NULL, j);
}

static bool is_good(const struct command_end *e)
{
	return e->rec.state == COMMAND_WAITING || e->rec.state == COMMAND_DONE || e->rec.state == COMMAND_UNCHECKED;
}

/* One command: what is not done is a problem that carries the record. */
static void answer_one(struct call *c, struct command_end *e)
{
	char id[UUID_TEXT + 1];
	struct json j;

	uuid_format(&e->rec.head.id, id);
	call_field(c, "Location", arena_fmt(&c->arena, "/api/v1/commands/%s", id));
	if (is_good(e)) {
		j = answer_json(c);
		record_json(&command_type, &e->rec, NULL, &j);
		return;
	}
	c->extra = command_member;
	c->extra_arg = e;
	err_put(&e->why);
	answer_problem(c, -e->why.kind);
	c->extra = NULL;
}

static void answer_many(struct call *c, const struct command_end *ends, uint32_t n)
{
	struct json j = answer_json(c);

	json_object(&j);
	json_key(&j, "items");
	json_array(&j);
	for (uint32_t i = 0; i < n; i++)
		end_json(&ends[i], c->scope.lang, &j);
	json_end(&j);
	json_end(&j);
}

static void answer_ends(struct call *c, const struct command_end *ends, uint32_t n)
{
	if (c->later)
		answer_many(c, ends, n);
	else if (n) {
		struct command_end e = ends[0];

		answer_one(c, &e);
	}
}

/* On a thread of commands, when the last has ended. */
static void on_end(void *ctx, const struct command_end *ends, uint32_t n)
{
	struct call *c = ctx;

	answer_ends(c, ends, n);
	call_finish(c, 0);
}

/* ---- sending ---- */

static int send(struct call *c, const struct command_in *in)
{
	struct command_end *ends = NULL;
	int r;

	call_later(c);
	r = command_send(&c->scope, in, on_end, c, &ends);
	if (r == 1)
		return CALL_LATER;
	atomic_fetch_sub(&c->due, 1);   /* nobody will call */
	if (r < 0)
		return r;
	if (r == 2)
		c->status = 202;
	answer_ends(c, ends, in->n);
	return CALL_DONE;
}

static int run_one(struct call *c)
{
	const struct one_in *body = c->in;
	struct command_ask ask = { c->arg, body->value };
	struct command_in in = { .items = &ask, .n = 1, .reason = body->reason, .confirmed = body->confirm };
	struct uuid id;

	if (!uuid_parse(c->arg, str_len(c->arg), &id))
		return err_fail(ERR_MISSING, "what", "@point", "value", c->arg, NULL);
	return send(c, &in);
}

static int run_many(struct call *c)
{
	const struct many_in *body = c->in;
	const struct ask_in *asks = body->commands.items;
	struct command_ask *items = arena_array(&c->arena, struct command_ask, body->commands.n);
	struct command_in in = { .items = items, .n = body->commands.n, .reason = body->reason, .confirmed = body->confirm };

	if (!items)
		return err_fail(ERR_NO_MEMORY, "what", "@command", NULL);
	for (uint32_t i = 0; i < in.n; i++)
		items[i] = (struct command_ask) { asks[i].point, asks[i].value };
	c->later = items;               /* the answer is a list */
	return send(c, &in);
}

/* ---- looking ---- */

static int run_list(struct call *c)
{
	if (!call_param(c, "sort") && c->n_params < PARAMS_MAX)
		c->param[c->n_params++] = (struct param) { "sort", "-created" };
	return answer_list(c, &commands_noun);
}

static int which(struct call *c, struct uuid *ret)
{
	return uuid_parse(c->arg, str_len(c->arg), ret) ? 0 : err_fail(ERR_MISSING, "what", "@command", "value", c->arg, NULL);
}

static int answer_now(struct call *c, const struct uuid *id)
{
	struct json j = answer_json(c);
	struct command_record rec;
	int r = command_get(&c->scope, id, &rec);

	if (r == 0)
		record_json(&command_type, &rec, NULL, &j);
	return r;
}

static int run_get(struct call *c)
{
	struct uuid id;
	int r = which(c, &id);

	return r < 0 ? r : answer_now(c, &id);
}

static int run_stop(struct call *c)
{
	struct uuid id;
	int r = which(c, &id);

	if (r == 0)
		r = command_stop(&c->scope, &id);
	return r < 0 ? r : answer_now(c, &id);
}

static const char *const list_offers[] = { "application/json", "text/csv", "application/x-ndjson", NULL };

static const struct route rows[] = {
	ROUTE("POST", "/points/{id}/command", PERM_COMMAND, "command.send", run_one, .in = &one_type, .placed = true, .out = &command_type,
		.doc = "Write a value to a point; answered when it was read back, 202 when it walks there"),
	ROUTE("POST", "/commands", PERM_COMMAND, "command.send_many", run_many, .in = &many_type, .placed = true,
		.doc = "Write values to many points: each has its own outcome"),
	ROUTE("GET", "/commands", PERM_POINT_READ, "command.list", run_list, .params = params_of_noun, .list_of = &command_type, .offers = list_offers,
		.doc = "What was written, by whom, and what became of it; newest first"),
	ROUTE("GET", "/commands/{id}", PERM_POINT_READ, "command.get", run_get, .out = &command_type, .placed = true, .doc = "One command; of a ramp, where it is"),
	ROUTE("POST", "/commands/{id}/stop", PERM_COMMAND, "command.stop", run_stop, .out = &command_type, .placed = true, .status = 202,
		.doc = "Stop a ramp where it is"),
};
const struct routes routes_commands = { rows, ELEMENTSOF(rows) };
