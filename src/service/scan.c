/* scan.c - who is on a bus, or behind a gateway: a job that greets one unit after the other. */
#include "job/job.h"
#include "service/visit.h"

#include "base/num.h"

#define S struct scan_in
static const struct rec_field scan_fields[] = {
	F(S, connection, .max = "200", .label = "Connection", .label_zh = "通道", .doc = "Id or code of one that is saved", .doc_zh = "已保存通道的标识符或编码"),
	F(S, driver, .max = "40", .label = "Driver", .label_zh = "驱动", .doc = "Of settings that are not saved", .doc_zh = "未保存设置的驱动"),
	F_KIND(S, config, REC_JSON, .label = "Settings", .label_zh = "设置"),
	F(S, from, .def = "1", .min = "0", .max = "255", .label = "From unit", .label_zh = "起始单元"),
	F(S, to, .def = "247", .min = "0", .max = "255", .label = "To unit", .label_zh = "结束单元"),
};
const struct rec_type scan_in_type = REC_PLAIN(S, "scan", scan_fields, .title = "Scan of a bus", .title_zh = "总线扫描");

static const char *config_of(const struct visit *v, uint32_t unit)
{
	return arena_fmt(v->scope->arena, "{\"%s\":%u}", v->driver->unit, unit);
}

static void found(struct json *j, uint32_t unit, const char *who)
{
	json_object(j);
	json_kv_u64(j, "unit", unit);
	json_kv_str(j, "who", who);
	json_end(j);
}

/* The wire is gone, not the device: going on would only wait. */
static bool is_hopeless(const struct visit *v, int r)
{
	return r < 0 && !v->result.was_heard && r != -ERR_TIMEOUT;
}

static int greet_all(struct job *job, struct visit *v, const struct scan_in *in, struct json *j)
{
	uint32_t from = MAX(in->from, v->driver->unit_min), to = MIN(in->to, v->driver->unit_max), hopeless = 0, n = 0;
	char en[80], zh[80];

	job_total(job, to >= from ? to - from + 1 : 0, "units");
	for (uint32_t unit = from; unit <= to; unit++) {
		struct errand e = { .kind = ERRAND_GREET, .patient = true };
		struct buf b = BUF_FIXED(en), c = BUF_FIXED(zh);
		int r;

		if (job_is_cancelled(job))
			return job_cancelled();
		buf_addf(&b, "unit %u, %u found", unit, n);
		buf_addf(&c, "单元 %u，已找到 %u 个", unit, n);
		job_say(job, en, zh);
		r = visit_ask(v, &e, config_of(v, unit));
		hopeless = is_hopeless(v, r) ? hopeless + 1 : 0;
		if (hopeless >= 3)
			return r;
		err_clear();
		if (r == 0) {
			found(j, unit, v->text);
			n++;
		}
		job_done(job, unit - from + 1);
	}
	return 0;
}

static int enter(struct scope *s, const struct scan_in *in, struct visit **ret)
{
	int r = visit_enter(s, &(struct visit_in) { .connection = in->connection, .driver = in->driver, .config = in->config }, false, ret);

	return r == 0 && !((*ret)->driver->caps & DRIVER_SCAN) ? err_fail(ERR_REFUSED, "what", (*ret)->driver->title, "detail", "@driver_cannot", NULL) : r;
}

int scan_check(struct scope *s, const struct scan_in *in)
{
	_cleanup_(visit_closep) struct visit *v = NULL;
	char from[NUM_TEXT_MAX], to[NUM_TEXT_MAX];

	if (in->from <= in->to)
		return enter(s, in, &v);
	num_format_u64(from, in->from);
	num_format_u64(to, in->to);
	return err_at(err_fail(ERR_TOO_BIG, "field", "from", "max", to, "value", from, NULL), "from");
}

static int run(struct job *job, struct scope *s)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT(&sys_heap, 60000);
	_cleanup_(visit_closep) struct visit *v = NULL;
	struct json j = JSON_TO(&out);
	struct scan_in in;
	const char *input = job_input(job);
	int r = rec_from_json(&scan_in_type, &in, (struct rec_json) { input, str_len(input) }, REC_CREATE, s->arena, NULL);

	if (r == 0)
		r = enter(s, &in, &v);
	if (r < 0)
		return r;
	json_object(&j);
	json_key(&j, "found");
	json_array(&j);
	r = greet_all(job, v, &in, &j);
	json_end(&j);
	json_end(&j);
	return r < 0 ? r : job_result(job, out.data);
}

const struct job_kind scan_kind = { .name = "link.scan", .title = "Scan of a bus", .title_zh = "总线扫描", .permission = MUST_SAY(PERM_LINK_WRITE), .run = run };
