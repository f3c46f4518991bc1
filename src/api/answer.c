/* answer.c - what goes out: JSON, problems (RFC 9457), headers. */

#include "api/internal.h"
#include "base/num.h"

/* The console's own pages and nothing else; no page of ours inside another's. */
const struct http_field security_fields[SECURITY_FIELDS] = {
	{ "Content-Security-Policy", "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; object-src 'none'; "
		"base-uri 'none'; form-action 'self'; frame-ancestors 'none'" },
	{ "X-Content-Type-Options", "nosniff" },
	{ "X-Frame-Options", "DENY" },
	{ "Referrer-Policy", "same-origin" },
	{ "Cross-Origin-Opener-Policy", "same-origin" },
	{ "Strict-Transport-Security", "max-age=2592000" },     /* security_count() */
};

void call_field(struct call *c, const char *name, const char *value)
{
	if (c->n_fields < FIELDS_MAX && value)
		c->fields[c->n_fields++] = (struct http_field) { name, value };
}

struct json answer_json(struct call *c)
{
	c->content_type = "application/json; charset=utf-8";
	return JSON_TO(&c->out);
}

/* ---- problems ---- */

/* Arguments lie as name \0 value \0 ... */
static void args_json(struct json *j, const struct err *e)
{
	json_key(j, "args");
	json_object(j);
	for (size_t at = 0; at < e->args_len;) {
		const char *name = e->args + at, *value;
		at += str_len(name) + 1;
		value = e->args + MIN(at, (size_t) e->args_len);
		at += str_len(value) + 1;
		json_kv_str(j, name, *value == '@' ? value + 1 : value);
	}
	json_end(j);
}

static void detail_json(struct json *j, const struct err *e, enum lang lang)
{
	char text[1000];
	struct buf b = BUF_FIXED(text);

	buf_clear(&b);
	err_text(e, lang, &b);
	json_kv_str(j, "detail", text);
}

void error_entry(struct json *j, const struct err *e, enum lang lang)
{
	json_kv_str(j, "pointer", e->pointer);
	json_kv_str(j, "code", err_code(e->kind));
	args_json(j, e);
	detail_json(j, e, lang);
}

void problem_json(struct json *j, const struct err *e, enum lang lang, const char *instance)
{
	char type[80];
	struct buf b = BUF_FIXED(type);

	buf_addf(&b, "/errors/%s", err_code(e->kind));
	json_kv_str(j, "type", type);
	json_kv_str(j, "title", err_title(e->kind, lang));
	json_kv_i64(j, "status", err_http(e->kind));
	detail_json(j, e, lang);
	json_kv_str(j, "instance", instance);
	json_kv_str(j, "code", err_code(e->kind));
	args_json(j, e);
}

/* "12 s" of a throttle, else one second. */
static const char *retry_after(struct call *c, const struct err *e)
{
	const char *max = err_arg(e, "max");
	uint64_t s = 1;

	if (!max || !str_ends(max, " s") || num_parse_u64(max, max + str_len(max), &s) == 0)
		s = 1;
	return arena_fmt(&c->arena, "%llu", (unsigned long long) s);
}

static void problem_fields(struct call *c, const struct err *e)
{
	if (e->kind == ERR_UNAUTHENTICATED)
		call_field(c, "WWW-Authenticate", "Bearer realm=\"tenon\"");
	if (e->kind == ERR_NO_METHOD)
		call_field(c, "Allow", arena_str(&c->arena, err_arg(e, "words")));
	if (e->kind == ERR_UNSUPPORTED && c->route)     /* RFC 9110, 12.5.3 */
		call_field(c, "Accept-Encoding", c->route->snappy ? "snappy" : "gzip, identity");
	if (e->kind == ERR_LIMIT || e->kind == ERR_BUSY || e->kind == ERR_STOPPING || e->kind == ERR_FULL || e->kind == ERR_UNAVAILABLE)
		call_field(c, "Retry-After", retry_after(c, e));
}

static void count(struct call *c, const struct err *e)
{
	int status = err_http(e->kind);

	atomic_fetch_add(&c->api->n_errors, 1);
	if (status == 401 || status == 403)
		atomic_fetch_add(&c->api->n_denied, 1);
	if (status >= 500 && e->kind != ERR_BUSY && e->kind != ERR_STOPPING)
		log_warn("api", "failed request=%s trace=%s route=%s error=\"%s\"", c->scope.request, c->traced ? c->trace.id : "-",
			c->route ? c->route->name : "-", err_log_text(e));
}

void answer_problem(struct call *c, int result)
{
	struct err e = err_take(result);
	struct json j;

	if (e.args_len == 0 && c->errs.n && c->errs.item[0]->kind == e.kind) {  /* the sentence went into the list */
		e = *c->errs.item[0];
		e.pointer[0] = 0;
	}
	count(c, &e);
	if (c->errs.n == 0 && e.pointer[0]) {
		err_put(&e);
		errs_add(&c->errs, -e.kind);
	}
	buf_clear(&c->out);
	c->source = (struct http_source) { 0 };
	c->status = err_http(e.kind);
	j = answer_json(c);
	c->content_type = "application/problem+json; charset=utf-8";
	problem_fields(c, &e);
	json_object(&j);
	problem_json(&j, &e, c->scope.lang, c->scope.request);
	if (c->extra)
		c->extra(c, &j);
	if (c->errs.n) {
		json_key(&j, "errors");
		json_array(&j);
		for (size_t i = 0; i < c->errs.n; i++) {
			json_object(&j);
			error_entry(&j, c->errs.item[i], c->scope.lang);
			json_end(&j);
		}
		json_end(&j);
	}
	json_end(&j);
}

/* ---- sending ---- */

static void drop_body(void *arg)
{
	call_unref(arg);
}

void answer_send(struct call *c)
{
	struct http_field fields[FIELDS_MAX + SECURITY_FIELDS + 5];
	struct http_reply reply = { .status = c->status, .fields = fields };
	char trace[TRACE_TEXT];
	size_t n = 0;

	if (c->out.failed && !c->source.fill) {         /* larger than anybody may ask for at once */
		err_fail(ERR_TOO_LARGE, "what", "answer", "max", "67108864", NULL);
		c->errs.n = 0;
		c->extra = NULL;
		buf_done(&c->out);
		c->out = BUF_INIT(&sys_heap, OUT_MAX);
		answer_problem(c, -ERR_TOO_LARGE);
		reply.status = c->status = 500;
	}
	for (size_t i = 0; i < security_count(c->api); i++)
		fields[n++] = security_fields[i];
	fields[n++] = (struct http_field) { "X-Request-Id", c->scope.request };
	fields[n++] = (struct http_field) { "Cache-Control", "no-store" };
	if (c->content_type && (c->out.len || c->source.fill || c->status == 200))
		fields[n++] = (struct http_field) { "Content-Type", c->content_type };
	if (c->traced) {
		trace_write(&c->trace, trace);
		fields[n++] = (struct http_field) { "traceparent", trace };
	}
	for (size_t i = 0; i < c->n_fields; i++)
		fields[n++] = c->fields[i];
	reply.n_fields = n;
	if (c->source.fill) {
		struct http_source source = c->source;
		http_reply_stream(c->x, &reply, &source);
		return;
	}
	reply.body = c->out.data;
	reply.len = c->out.len;
	reply.free_body = drop_body;
	reply.arg = call_ref(c);
	http_reply(c->x, &reply);
}
