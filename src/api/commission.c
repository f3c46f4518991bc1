/* commission.c - aids for who sets up devices: test, raw reads, scan, plan. The deeds are those of service/commission.h. */

#include "api/internal.h"
#include "base/num.h"
#include "job/job.h"
#include "service/commission.h"

struct visit_body { const char *connection, *device, *driver, *config, *device_config, *address; int32_t type; uint32_t count; };

static const struct rec_word types[] = {
	{ "bool", "Bit", "位" }, { "i16", "16-bit signed", "16 位有符号" }, { "u16", "16-bit unsigned", "16 位无符号" }, { "i32", "32-bit signed", "32 位有符号" },
	{ "u32", "32-bit unsigned", "32 位无符号" }, { "i64", "64-bit signed", "64 位有符号" }, { "u64", "64-bit unsigned", "64 位无符号" },
	{ "f32", "32-bit float", "32 位浮点" }, { "f64", "64-bit float", "64 位浮点" }, { 0 },
};
#define B struct visit_body
#define WHOM                                                                                                               \
	F(B, connection, .max = "200", .label = "Connection", .label_zh = "通道", .doc = "Id or code of one that is saved",   \
		.doc_zh = "已保存通道的标识符或编码"),                                                                   \
	F(B, device, .max = "200", .label = "Device", .label_zh = "采集设备", .doc = "Id or code of one that is saved",       \
		.doc_zh = "已保存采集设备的标识符或编码"),                                                               \
	F(B, driver, .max = "40", .label = "Driver", .label_zh = "驱动", .doc = "Of settings that are not saved", .doc_zh = "未保存设置的驱动"), \
	F_KIND(B, config, REC_JSON, .label = "Settings of the connection", .label_zh = "通道设置"),                            \
	F_KIND(B, device_config, REC_JSON, .label = "Settings of the device", .label_zh = "采集设备设置")
static const struct rec_field test_fields[] = {
	WHOM,
	F(B, address, .max = "200", .label = "Address to read in the end", .label_zh = "最后试读的地址"),
	F_ENUM(B, type, types, .def = "u16", .label = "Data type", .label_zh = "数据类型"),
};
static const struct rec_field peek_fields[] = {
	WHOM,
	F(B, address, .flags = REC_REQUIRED, .min = "1", .max = "200", .label = "Address", .label_zh = "地址"),
	F(B, count, .def = "8", .min = "1", .max = "125", .label = "Registers or bits", .label_zh = "寄存器或位的个数"),
};
static const struct rec_type test_type = REC_PLAIN(B, "link_test", test_fields, .title = "Test of a connection", .title_zh = "测试连接");
static const struct rec_type peek_type = REC_PLAIN(B, "link_peek", peek_fields, .title = "Raw read", .title_zh = "试读");

static struct visit_in whom(const B *b)
{
	return (struct visit_in) { b->connection, b->device, b->driver, b->config, b->device_config };
}

/* ---- the test ---- */

static void step_json(const struct step_result *r, enum lang lang, struct json *j)
{
	static const char *const states[] = { [STEP_OK] = "ok", [STEP_FAILED] = "failed", [STEP_SKIPPED] = "skipped" };

	json_object(j);
	json_kv_str(j, "step", step_id(r->step));
	json_kv_str(j, "title", step_title(r->step, lang));
	json_kv_str(j, "state", states[r->state]);
	json_key(j, "error");
	if (r->state == STEP_FAILED) {
		json_object(j);
		error_entry(j, &r->why, lang);
		json_end(j);
	} else
		json_null(j);
	json_kv_str(j, "found", r->detail);
	json_kv_str(j, "hint", lang == LANG_ZH ? r->hint_zh : r->hint);
	json_kv_i64(j, "ms", r->ms);
	json_end(j);
}

/* One step a piece, so that each is on its way before the next begins. */
struct testing { struct call *c; struct visit *v; };

static int fill(void *ctx, struct buf *out, size_t room, void *worker)
{
	struct testing *t = ctx;
	const B *b = t->c->in;
	struct json j = JSON_TO(out);
	struct step_result step;

	if (visit_step(t->v, b->address, (enum point_type) b->type, &step) == 0)
		return HTTP_END;
	step_json(&step, t->c->scope.lang, &j);
	buf_addc(out, '\n');
	err_clear();
	return HTTP_MORE;
}

static void done(void *ctx)
{
	struct testing *t = ctx;
	struct call *c = t->c;

	visit_close(t->v);
	call_unref(c);                  /* t lies in its arena */
}

static int run_test(struct call *c)
{
	const B *b = c->in;
	const struct visit_in in = whom(b);
	struct testing *t = arena_new(&c->arena, struct testing);
	struct step_result step = { .state = STEP_OK };
	struct json j;
	int r = t ? visit_open(&c->scope, &in, &t->v) : err_fail(ERR_NO_MEMORY, "what", "@connection", NULL);

	if (r < 0)
		return r;
	if (c->offer == 1) {
		t->c = call_ref(c);
		c->content_type = "application/x-ndjson";
		c->source = (struct http_source) { .fill = fill, .done = done, .ctx = t, .pool = c->api->workers };
		return 0;
	}
	j = answer_json(c);
	json_object(&j);
	json_key(&j, "steps");
	json_array(&j);
	while (visit_step(t->v, b->address, (enum point_type) b->type, &step))
		step_json(&step, c->scope.lang, &j);
	json_end(&j);
	json_kv_bool(&j, "ok", step.state != STEP_FAILED);
	json_end(&j);
	err_clear();
	visit_close(t->v);
	return 0;
}

/* ---- raw reads, scan, plan ---- */

static int run_peek(struct call *c)
{
	const B *b = c->in;
	const struct visit_in in = whom(b);
	struct visit *v = NULL;
	int r = visit_open(&c->scope, &in, &v);

	if (r < 0)
		return r;
	answer_json(c);
	r = visit_peek(v, b->address, b->count, &c->out);
	visit_close(v);
	return r;
}

static int run_scan(struct call *c)
{
	struct job_in in = { .kind = scan_kind.name, .input = c->body };
	struct uuid id;
	int r = scan_check(&c->scope, c->in);

	if (r == 0)
		r = job_begin(c->api->platform->jobs, &c->scope, &in, &id);
	return r < 0 ? r : answer_job(c, &id);
}

static int run_plan(struct call *c)
{
	struct uuid id = { 0 };
	int r = c->arg && !str_eq(c->arg, "plan") ? call_uuid(c, &id) : 0;

	answer_json(c);
	return r < 0 ? r : plan_json(&c->scope, &id, &c->out);
}

static const char *const test_offers[] = { "application/json", "application/x-ndjson", NULL };

static const struct route rows[] = {
	ROUTE("POST", "/links/test", PERM_LINK_WRITE, "link.test", run_test, .in = &test_type, .offers = test_offers,
		.doc = "Try a connection, saved or not, step by step; as NDJSON each step when it is done"),
	ROUTE("POST", "/links/peek", PERM_LINK_WRITE, "link.peek", run_peek, .in = &peek_type, .doc = "Read raw registers once, under every reading"),
	ROUTE("POST", "/links/scan", PERM_LINK_WRITE, "link.scan", run_scan, .in = &scan_in_type, .out = &job_type, .status = 202,
		.doc = "Look for devices on a bus or behind a gateway: a job"),
	ROUTE("GET", "/links/plan", PERM_LINK_READ, "link.plans", run_plan, .doc = "The requests of all scan groups, as they stand"),
	ROUTE("GET", "/links/{id}/plan", PERM_LINK_READ, "link.plan", run_plan, .doc = "The requests of a scan group, device or connection"),
};
const struct routes routes_commission = { rows, ELEMENTSOF(rows) };
