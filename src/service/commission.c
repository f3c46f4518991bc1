/* commission.c - the test of a connection: one step after the other, and a hint where it fails. */
#include "service/visit.h"

#include "base/num.h"

static const struct { const char *id, *text[LANG_N_]; } steps[] = {
#define STEP(name, id, en, zh) { id, { en, zh } },
#include "service/commission.def"
};
static const struct { const char *id, *en, *zh; } hints[] = {
#define HINT(id, en, zh) { #id, en, zh },
#include "service/commission.def"
};

const char *step_id(enum step s) { return steps[s < STEPS_ ? s : 0].id; }
const char *step_title(enum step s, enum lang lang) { return steps[s < STEPS_ ? s : 0].text[lang]; }

static void hint(struct step_result *r, const char *id)
{
	for (size_t i = 0; i < ELEMENTSOF(hints); i++)
		if (str_eq(hints[i].id, id)) {
			r->hint = hints[i].en;
			r->hint_zh = hints[i].zh;
		}
}

/* ---- what a failure to connect means ---- */

static const struct { const char *detail; enum step step; const char *hint; } causes[] = {
	{ "@net_no_name", STEP_NAME, "name" }, { "@net_name_late", STEP_NAME, "name" },
	{ "@net_no_route", STEP_ROUTE, "no_route" }, { "@net_timeout", STEP_ROUTE, "no_answer" },
	{ "@net_refused", STEP_PORT, "port_refused" }, { "@net_reset", STEP_PORT, "closed" }, { "@closed_by_peer", STEP_PORT, "closed" },
};

static enum step cause(const struct err *why, bool serial, const char **ret_hint)
{
	const char *detail = err_arg(why, "detail");

	*ret_hint = serial ? "line" : why->kind == ERR_TIMEOUT ? "no_answer" : NULL;
	for (size_t i = 0; i < ELEMENTSOF(causes); i++)
		if (why->kind == ERR_PEER && str_eq(detail, causes[i].detail)) {
			*ret_hint = causes[i].hint;
			return causes[i].step;
		}
	return why->kind == ERR_TIMEOUT && !serial ? STEP_ROUTE : STEP_PORT;
}

/* ---- the steps ---- */

static int end(struct visit *v, struct step_result *ret, int r, const char *hint_id)
{
	ret->state = STEP_FAILED;
	ret->why = err_take(r);
	if (hint_id)
		hint(ret, hint_id);
	v->over = true;
	return 1;
}

static int check_settings(struct visit *v, struct driver_endpoint *ret)
{
	void *config;
	int r = link_check_connection(&v->connection, v->scope->arena, NULL, &config);
	struct device d = { .config = v->device_config };

	if (r == 0)
		r = link_check_device(v->driver, &d, v->scope->arena, NULL, NULL);
	if (r == 0)
		v->driver->endpoint(config, ret);
	return r;
}

/* Name, route and port are found out by opening; the steps that went well are told one by one. */
static int opened(struct visit *v, struct step_result *ret)
{
	struct errand e = { .kind = ERRAND_OPEN };
	enum step failed_at = STEPS_;
	const char *id = NULL;
	int r;

	if (!v->was_opened) {
		v->was_opened = true;
		r = visit_ask(v, &e, NULL);
		v->open_ms = v->result.took_us / 1000;
		v->open_why = r < 0 ? err_take(r) : (struct err) { .kind = ERR_NONE };
	}
	if (v->open_why.kind != ERR_NONE)
		failed_at = cause(&v->open_why, v->end.transport == DRIVER_SERIAL, &id);
	if (ret->step == failed_at) {
		err_put(&v->open_why);
		return end(v, ret, -v->open_why.kind, id);
	}
	if (ret->step == STEP_PORT) {
		ret->ms = v->open_ms;
		ret->detail = v->runs ? v->scope->lang == LANG_ZH ? "通道正在运行，直接使用" : "the connection is up and is used as it is" :
			v->end.transport == DRIVER_SERIAL ? v->end.host : arena_fmt(v->scope->arena, "%s:%u", v->end.host, v->end.port);
	}
	return 1;
}

static int greeted(struct visit *v, struct step_result *ret)
{
	struct errand e = { .kind = ERRAND_GREET };
	int r = visit_ask(v, &e, NULL);
	const char *detail;

	ret->ms = v->result.took_us / 1000;
	if (r == 0) {
		ret->detail = v->text[0] ? arena_str(v->scope->arena, v->text) : NULL;
		return 1;
	}
	detail = err_arg(err_peek(), "detail");
	if (v->result.is_absent)
		return end(v, ret, r, "unit_absent");
	if (r == -ERR_TIMEOUT)
		return end(v, ret, r, "unit_silent");
	if (str_eq(detail, "@closed_by_peer") || str_eq(detail, "@net_reset"))
		return end(v, ret, r, "closed");
	return end(v, ret, r, v->result.was_heard || r == -ERR_PEER ? "other" : NULL);
}

static int was_read(struct visit *v, const char *address, enum point_type type, struct step_result *ret)
{
	struct point p = v->first;
	struct errand e = { .kind = ERRAND_READ, .point = &p };
	char text[ERRAND_DATA + 16];
	struct buf b = BUF_FIXED(text);
	struct json j = JSON_TO(&b);
	int r;

	if (!str_empty(address))
		p = (struct point) { .address = address, .type = type, .enabled = true, .scale = 1 };
	else if (!v->has_first) {
		ret->state = STEP_SKIPPED;
		return 1;
	}
	r = visit_ask(v, &e, NULL);
	ret->ms = v->result.took_us / 1000;
	if (r < 0)
		return end(v, ret, r, v->result.was_heard && str_eq(err_arg(err_peek(), "detail"), "@modbus_exception_2") ? "read_address" : "read");
	buf_addf(&b, "%s = ", p.address);
	if (v->result.value.type == V_F64)
		json_f64(&j, v->result.value.f64);
	else if (v->result.value.type == V_F32)
		json_f32(&j, v->result.value.f32);
	else if (v->result.value.type == V_I64)
		json_i64(&j, v->result.value.i);
	else if (v->result.value.type == V_BOOL)
		json_bool(&j, v->result.value.b);
	else
		buf_add(&b, quality_text(v->result.quality, v->scope->lang == LANG_ZH));
	ret->detail = arena_str(v->scope->arena, text);
	return 1;
}

int visit_step(struct visit *v, const char *address, enum point_type type, struct step_result *ret)
{
	int r;

	if (v->over || v->next >= STEPS_)
		return 0;
	*ret = (struct step_result) { .step = v->next++ };
	switch (ret->step) {
	case STEP_SETTINGS:
		r = check_settings(v, &v->end);
		return r < 0 ? end(v, ret, r, "settings") : 1;
	case STEP_NAME:
	case STEP_ROUTE:
		if (v->end.transport == DRIVER_TCP)
			return opened(v, ret);
		ret->state = STEP_SKIPPED;
		return 1;
	case STEP_PORT:
		return opened(v, ret);
	case STEP_UNIT:
		if (v->driver->caps & DRIVER_SCAN)
			return greeted(v, ret);
		ret->state = STEP_SKIPPED;
		return 1;
	default:
		return was_read(v, address, type, ret);
	}
}
