/*
 * call.c - the way of a request: head → row → worker (who, may he, body, deed) → answer.
 *
 * What can be refused by the head alone (no such page, wrong method, wrong type, nobody at a door that needs somebody) is refused
 * before the body is taken in.
 */

#include <string.h>

#include "api/internal.h"
#include "base/num.h"
#include "service/reach.h"

#define BASE "/api/v1"

/* ---- life ---- */

static bool is_request_id(const char *id)
{
	size_t n = str_len(id);

	return n >= 1 && n <= 36 && str_matches(id, "[A-Za-z0-9._-]+");
}

static struct call *call_new(struct api *a, struct http_exchange *x)
{
	struct call *c = sys_new(struct call);
	const char *id = http_header(x, "X-Request-Id"), *auth = http_header(x, "Authorization");
	struct buf request, peer;

	if (!c)
		return NULL;
	c->api = a;
	atomic_fetch_add(&a->refs, 1);
	c->x = x;
	atomic_init(&c->refs, 1);
	atomic_init(&c->due, 1);
	arena_init(&c->arena, &sys_heap, CALL_ARENA_MAX);
	c->out = BUF_INIT(&sys_heap, OUT_MAX);
	c->errs.arena = &c->arena;
	c->is_get = str_eq(http_method(x), "GET") || str_eq(http_method(x), "HEAD");
	c->scope = (struct scope) { .guard = a->platform->guard, .platform = a->platform, .arena = &c->arena,
		.lang = lang_of_accept(http_header(x, "Accept-Language"), LANG_EN), .who = { .name = "", .role = "" } };
	request = BUF_FIXED(c->scope.request);
	peer = BUF_FIXED(c->scope.peer);
	if (is_request_id(id)) {
		buf_add(&request, id);
	} else {
		struct uuid u = uuid_new();
		uuid_format(&u, c->scope.request);
	}
	buf_addf(&peer, "%.45s", http_peer(x));
	c->scope.agent = http_header(x, "User-Agent");
	c->query = http_query(x);
	c->authorization = auth;
	c->cookie = http_cookie(x, "tenon_session");
	c->csrf = http_header(x, "X-CSRF-Token");
	c->type = http_header(x, "Content-Type");
	c->if_match = http_header(x, "If-Match");
	c->if_none_match = http_header(x, "If-None-Match");
	c->key = http_header(x, "Idempotency-Key");
	c->target = http_target(x);
	c->traced = trace_read(http_header(x, "traceparent"), &c->trace);
	if (c->traced)
		memcpy(c->scope.trace, c->trace.id, sizeof(c->trace.id));
	atomic_fetch_add(&a->n_calls, 1);
	atomic_fetch_add(&a->n_open, 1);
	return c;
}

struct call *call_unref(struct call *c)
{
	if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
		return NULL;
	atomic_fetch_sub(&c->api->n_open, 1);
	api_unref(c->api);
	buf_done(&c->out);
	arena_done(&c->arena);
	sys_free(c);
	return NULL;
}

/* The loop's, from its head to its end. */
static void call_enter(struct call *c)
{
	c->before = c->api->under_way;
	if (c->before)
		c->before->after = c;
	c->api->under_way = c;
}

static void call_leave(struct call *c)
{
	if (c->before)
		c->before->after = c->after;
	if (c->after)
		c->after->before = c->before;
	else
		c->api->under_way = c->before;
}

void api_cut(struct api *a)
{
	for (struct call *c = a->under_way; c; c = c->before)
		atomic_store(&c->gone, true);
}

/* ---- what came ---- */

const char *call_param(const struct call *c, const char *key)
{
	for (unsigned i = 0; i < c->n_params; i++)
		if (str_eq(c->param[i].key, key))
			return c->param[i].value;
	return NULL;
}

int call_bool(const struct call *c, const char *key, bool *ret)
{
	const char *v = call_param(c, key);

	if (v && !str_eq(v, "true") && !str_eq(v, "false"))
		return err_fail(ERR_BAD_ARGUMENT, "field", key, "rule", "@rule_bool", "value", v, NULL);
	*ret = str_eq(v, "true");
	return 0;
}

int call_uuid(struct call *c, struct uuid *ret)
{
	char what[80] = "@record";
	struct buf b = BUF_FIXED(what);

	if (uuid_parse(c->arg, str_len(c->arg), ret))
		return 0;
	if (c->noun) {
		buf_clear(&b);
		buf_addf(&b, "@%s", c->noun->type->name);
	}
	return err_fail(ERR_MISSING, "what", what, "value", c->arg, NULL);
}

static int check_param(const struct call *c, const char *key)
{
	const char *const *p = c->route->params;
	size_t n = 0;

	if (p == params_of_noun)                /* the list itself knows its fields */
		return 0;
	for (; p && p[n]; n++) {
		size_t len = str_len(p[n]);
		if (str_eq(p[n], key) || (p[n][len - 1] == '*' && !strncmp(p[n], key, len - 1)))
			return 0;
	}
	return err_fail(ERR_BAD_PARAMETER, "value", key, "nearest", n ? str_nearest(key, p, n) : NULL, NULL);
}

static int read_params(struct call *c)
{
	const char *query = c->query;
	struct http_pair *pair = arena_new(&c->arena, struct http_pair);
	int r;

	if (!pair)
		return err_fail(ERR_NO_MEMORY, "what", "@parameters", NULL);
	while ((r = http_query_next(&query, pair)) > 0) {
		struct param *p = &c->param[c->n_params];
		if (c->n_params == PARAMS_MAX)
			return err_fail(ERR_LIMIT, "what", "@parameters", "max", "24", NULL);
		if (!utf8_is_valid(pair->value, pair->value_len) || !utf8_is_valid(pair->key, pair->key_len))
			return err_fail(ERR_BAD_ARGUMENT, "field", "query", "rule", "@rule_utf8", NULL);
		r = check_param(c, pair->key);
		if (r < 0)
			return r;
		p->key = arena_strn(&c->arena, pair->key, pair->key_len);
		p->value = arena_strn(&c->arena, pair->value, pair->value_len);
		if (!p->key || !p->value)
			return err_fail(ERR_NO_MEMORY, "what", "@parameters", NULL);
		c->n_params++;
	}
	return r;
}

static bool is_one_of(const char *type, const char *wanted)
{
	char one[120];

	while (*wanted) {
		struct buf b = BUF_FIXED(one);
		one[0] = 0;
		for (; *wanted && *wanted != ','; wanted++)
			buf_addc(&b, *wanted);
		if (content_type_is(type, one))
			return true;
		wanted += *wanted == ',';
		wanted += *wanted == ' ';
	}
	return false;
}

static int check_content_type(struct call *c)
{
	const char *type = c->type, *coding = http_header(c->x, "Content-Encoding"), *codings = c->route->snappy ? "snappy" : "gzip, identity";
	const char *want = c->route->raw ? c->route->raw : c->route->in || c->route->noun == NOUN_WRITES ? "application/json" : NULL;
	bool patches = str_eq(c->route->method, "PATCH");

	c->gzip = coding && !c->route->snappy && (str_eq_nocase(coding, "gzip") || str_eq_nocase(coding, "x-gzip"));
	if (coding && !c->gzip && !str_eq_nocase(coding, c->route->snappy ? "snappy" : "identity"))
		return err_fail(ERR_UNSUPPORTED, "what", "@content_coding", "value", coding, "words", codings, NULL);
	if (!want || str_eq(want, "*/*") || str_eq(c->route->method, "DELETE"))
		return 0;
	if (is_one_of(type, want) || (patches && content_type_is(type, "application/merge-patch+json")))
		return 0;
	return err_fail(ERR_UNSUPPORTED, "what", "@content_type", "value", type ? type : "", "words",
		patches ? "application/merge-patch+json, application/json" : want, NULL);
}

static const char *const json_alone[] = { "application/json", NULL };

static int check_accept(struct call *c)
{
	const char *const *offers = c->route->offers ? c->route->offers : json_alone;
	const char *accept = http_header(c->x, "Accept");
	char words[200];
	struct buf b = BUF_FIXED(words);
	size_t n = 0;

	for (; offers[n]; n++)
		buf_addf(&b, "%s%s", n ? ", " : "", offers[n]);
	c->offer = accept_pick(accept, offers, n);
	return c->offer >= 0 ? 0 : err_fail(ERR_NOT_ACCEPTABLE, "value", accept, "words", words, NULL);
}

/* ---- on the worker ---- */

static struct credentials credentials_of(const struct call *c)
{
	const char *auth = c->authorization, *space = auth ? str_find(auth, " ") : NULL;
	/* Token: what InfluxDB's clients send. Any other scheme is a credential we cannot know. */
	bool known = space && (str_starts(auth, "Bearer ") || str_starts(auth, "bearer ") || str_starts(auth, "Token "));

	return auth ? (struct credentials) { .bearer = known ? space + 1 : "" } : (struct credentials) { .cookie = c->cookie };
}

static int authenticate(struct call *c)
{
	struct credentials cred = credentials_of(c);
	int r = guard_authenticate(&c->scope, &cred);

	if (r == -ERR_UNAUTHENTICATED && c->route->anonymous_ok) {
		err_clear();
		return 0;
	}
	if (r < 0)
		return r;
	if (cred.cookie && !c->is_get && !c->route->anonymous_ok && !uuid_is_zero(&c->scope.session) && !guard_csrf_matches(&c->scope, c->csrf))
		return err_fail(ERR_CSRF, NULL, NULL);
	return 0;
}

static int authorize(struct call *c)
{
	enum permission p = route_permission(c->route, c->noun);
	bool placed = c->route->placed || (c->noun && reach_is_placed(c->noun->type));
	int r = placed ? scope_need_somewhere(&c->scope, p) : scope_need(&c->scope, p);
	struct err e;

	if (r >= 0)
		return r;
	e = err_take(r);
	guard_audit_refusal(&c->scope, c->noun ? arena_fmt(&c->arena, "%s.%s", c->noun->type->name, c->route->name) : c->route->name, r);
	err_put(&e);
	return r;
}

/* What came packed is bounded by what it may be unpacked. */
static int unpack_body(struct call *c)
{
	struct buf b = BUF_INIT(&sys_heap, c->welcome + 1);
	int r = gunzip(c->body, c->body_len, c->welcome, &b);

	if (r >= 0) {
		c->body = arena_strn(&c->arena, b.data, b.len);
		c->body_len = b.len;
		r = c->body ? 0 : err_fail(ERR_NO_MEMORY, "what", "@body", NULL);
	}
	buf_done(&b);
	return r;
}

static int read_body(struct call *c)
{
	if (!c->route->in)
		return 0;
	c->in = arena_alloc(&c->arena, c->route->in->size);
	if (!c->in)
		return err_fail(ERR_NO_MEMORY, "what", "@body", NULL);
	return rec_from_json(c->route->in, c->in, (struct rec_json) { c->body, c->body_len }, REC_CREATE, &c->arena, &c->errs);
}

/* 0: go on; CALL_LATER: it waits, and from here on is others'. */
static int pass_gate(struct call *c)
{
	int r;

	c->gated.tenant = c->scope.tenant;
	c->gated.who = c->scope.who.id;
	call_later(c);
	r = gate_enter(&c->api->gate, &c->gated);
	if (r <= 0)
		atomic_fetch_sub(&c->due, 1);
	return r > 0 ? CALL_LATER : r;
}

static void on_turn(void *arg);

static void leave_gate(struct call *c)
{
	struct api *a = c->api;
	struct gated *x;

	if (!c->route->gated)
		return;
	gate_leave(&a->gate, &c->gated);
	while ((x = gate_next(&a->gate)) != NULL) {
		struct call *next = CONTAINER_OF(x, struct call, gated);

		loop_send(a->loop, &next->turn, on_turn, next);
	}
}

static int run_call(struct work *w, void *worker)
{
	struct call *c = CONTAINER_OF(w, struct call, work);
	int r = authenticate(c);

	if (r >= 0)
		r = authorize(c);
	if (r >= 0)
		r = read_params(c);
	if (r >= 0 && c->gzip && c->body_len)
		r = unpack_body(c);
	if (r >= 0)
		r = read_body(c);
	c->status = c->route->status ? c->route->status : 200;
	if (r >= 0 && keep_is_asked(c))
		r = keep_begin(c);
	if (r == 0 && c->route->gated)
		r = pass_gate(c);
	if (r == 0) {
		r = c->route->run(c);
		refusal_note(c, r);
		leave_gate(c);
	}
	if (r == -ERR_AWAITS_APPROVAL && c->scope.awaits)
		answer_awaits(c);
	else if (r < 0)
		answer_problem(c, r);
	if (r != CALL_LATER && c->keeps)
		keep_end(c);
	err_clear();
	return 0;
}

/* The answer of a call that waited for the log is whole only on the loop: keeping it is a worker's again. */
static int run_keep(struct work *w, void *worker)
{
	keep_end(CONTAINER_OF(w, struct call, work));
	return 0;
}

/* ---- back on the loop ---- */

static void answered(struct call *c)
{
	c->api->n_owed--;
	answer_send(c);
}

static void kept(struct work *w)
{
	answered(CONTAINER_OF(w, struct call, work));
}

static void one_done(struct call *c)
{
	if (atomic_fetch_sub(&c->due, 1) != 1)
		return;
	if (c->keeps) {
		c->work = (struct work) { 0 };
		if (work_submit(c->api->workers, c->api->loop, &c->work, run_keep, kept) == 0)
			return;
		err_clear();            /* the key stays under way: its outcome is unknown to who asks again */
	}
	answered(c);
}

static void waited_too_long(void *arg)
{
	struct call *c = arg;

	if (!gate_drop(&c->api->gate, &c->gated))
		return;                         /* its turn has come */
	answer_problem(c, c->api->stopping ? err_fail(ERR_STOPPING, NULL, NULL) : gate_waited_too_long(&c->api->gate));
	one_done(c);
}

static void work_done(struct work *w)
{
	struct call *c = CONTAINER_OF(w, struct call, work);

	if (w->result < 0)
		answer_problem(c, w->result);
	if (c->route->gated && gate_waits(&c->api->gate, &c->gated))
		timer_start(c->api->loop, &c->patience, c->api->stopping ? 0 : GATE_WAIT_MS, waited_too_long, c);
	one_done(c);
}

static void later_done(void *arg)
{
	struct call *c = arg;

	if (c->result < 0) {
		call_forget(c);
		answer_problem(c, c->result);
	}
	one_done(c);
}

void call_forget(struct call *c)
{
	c->n_fields = 0;
	c->errs.n = c->errs.total = 0;
}

void call_later(struct call *c)
{
	atomic_fetch_add(&c->due, 1);
}

void call_finish(struct call *c, int result)
{
	c->result = result;
	loop_send(c->api->loop, &c->post, later_done, c);
}

/* ---- queries that wait for their turn ---- */

static int run_in_turn(struct work *w, void *worker)
{
	struct call *c = CONTAINER_OF(w, struct call, in_turn);
	int r = atomic_load(&c->gone) ? err_fail(ERR_CANCELLED, "what", "query", NULL) : c->route->run(c);

	refusal_note(c, r);
	if (r < 0)
		answer_problem(c, r);
	leave_gate(c);
	err_clear();
	return 0;
}

static void turn_done(struct work *w)
{
	struct call *c = CONTAINER_OF(w, struct call, in_turn);

	if (w->result < 0) {                    /* it never ran */
		answer_problem(c, w->result);
		leave_gate(c);
	}
	one_done(c);
}

/* The work that found the gate full may not have come back yet: this is another. */
static void on_turn(void *arg)
{
	struct call *c = arg;
	int r;

	timer_stop(&c->patience);
	r = work_submit_named(c->api->workers, c->api->loop, &c->in_turn, c->route->name, run_in_turn, turn_done);
	if (r < 0) {
		answer_problem(c, r);
		leave_gate(c);
		one_done(c);
	}
}

void call_drop_waiting(struct api *a)
{
	struct gated *x;

	while ((x = gate_drop_any(&a->gate)) != NULL) {
		struct call *c = CONTAINER_OF(x, struct call, gated);

		timer_stop(&c->patience);
		answer_problem(c, err_fail(ERR_STOPPING, NULL, NULL));
		one_done(c);
	}
}

/* ---- callbacks of the server ---- */

static int64_t refuse(struct call *c, int r)
{
	answer_problem(c, r);
	answer_send(c);
	return 0;
}

static int take_head(struct call *c, char *path)
{
	struct match m;
	int r = router_match(c->api->platform, http_method(c->x), path, &m);

	if (r == -ERR_MISSING) {
		err_clear();
		return err_fail(ERR_MISSING, "what", "@page", "value", http_path(c->x), NULL);
	}
	if (r < 0)
		return r;
	c->route = m.route;
	c->noun = m.noun;
	c->arg = m.arg;
	if (route_permission(c->route, c->noun) != PUBLIC && !c->authorization && !c->cookie)
		return err_fail(ERR_UNAUTHENTICATED, NULL, NULL);
	r = check_accept(c);
	return r < 0 ? r : check_content_type(c);
}

/* By the credential as it came, right or wrong, and by the address: what is asked for must not cost a worker to refuse. */
static int count_in(struct call *c)
{
	struct rate *rate = c->api->rate;
	const char *secret = c->authorization ? c->authorization : c->cookie;
	int64_t now = clock_mono_ns();

	c->peer_key = rate_key('a', c->scope.peer);
	c->by_peer = rate_enter(rate, c->peer_key, RATE_PEER, now);
	if (c->by_peer && secret) {
		c->who_key = rate_key('c', secret);
		c->by_who = rate_enter(rate, c->who_key, 1, now);
	}
	if (c->by_peer && (c->by_who || !secret))
		return 0;
	return err_fail(ERR_LIMIT, "what", "@requests_a_second", "max", c->api->rate_text, NULL);
}

static void count_out(struct call *c)
{
	rate_leave(c->api->rate, c->by_peer, c->peer_key);
	rate_leave(c->api->rate, c->by_who, c->who_key);
}

static bool is_of_api(const char *path)
{
	return str_eq(path, "/healthz") || str_eq(path, "/metrics") || str_eq(path, BASE) || str_starts(path, BASE "/");
}

static int64_t on_head(void *ctx, struct http_exchange *x)
{
	struct api *a = ctx;
	struct call *c;
	int r;

	http_set_user(x, NULL);
	if (!is_of_api(http_path(x)))
		return 0;               /* the console's files: no body */
	c = call_new(a, x);
	if (!c) {
		http_reply(x, &(struct http_reply) { .status = 503 });
		return 0;
	}
	http_set_user(x, c);
	call_enter(c);
	if (a->stopping)
		return refuse(c, err_fail(ERR_STOPPING, NULL, NULL));
	if (!str_eq(http_path(x), "/healthz")) {
		r = count_in(c);
		if (r < 0)
			return refuse(c, r);
	}
	r = http_decode_path(http_path(x), c->path, sizeof(c->path));
	if (r < 0) {
		err_clear();
		return refuse(c, err_fail(ERR_MISSING, "what", "@page", "value", http_path(x), NULL));
	}
	if (str_eq(c->path, BASE "/live"))
		return 0;
	r = take_head(c, str_starts(c->path, BASE) ? c->path + sizeof(BASE) - 1 : c->path);
	if (r < 0)
		return refuse(c, r);
	c->welcome = c->route->body_max ? c->route->body_max : c->api->config.body_max ? c->api->config.body_max : BODY_DEFAULT;
	return (int64_t) c->welcome;
}

/* A large body comes: of somebody who was here a moment ago, or of a stranger? Who is right is asked by the worker. */
static bool is_known(void *ctx, struct http_exchange *x)
{
	struct api *a = ctx;
	struct call *c = http_user(x);
	struct credentials cred = c ? credentials_of(c) : (struct credentials) { .bearer = NULL };

	return guard_knows(a->platform->guard, &cred);
}

static void serve_file(struct api *a, struct http_exchange *x)
{
	static const struct http_field gone[] = { { "Content-Type", "text/plain; charset=utf-8" }, { "X-Content-Type-Options", "nosniff" } };
	struct http_reply missing = { .status = 404, .fields = gone, .n_fields = ELEMENTSOF(gone), .body = "404\n", .len = 4 };
	const char *method = http_method(x);
	char path[1024];
	int r;

	if (!str_eq(method, "GET") && !str_eq(method, "HEAD")) {
		const struct http_field allow[] = { { "Allow", "GET, HEAD" } };
		http_reply(x, &(struct http_reply) { .status = 405, .fields = allow, .n_fields = 1 });
		return;
	}
	r = a->config.web ? http_decode_path(http_path(x), path, sizeof(path)) : -ERR_MISSING;
	if (r >= 0)
		r = http_reply_file(x, a->workers, a->config.web, str_eq(path, "/") ? "/index.html" : path, security_fields, security_count(a));
	/* The console draws its own pages: any address without a dot in its last part is its start page. */
	if (r < 0 && a->config.web && !str_find(path_name(path), "."))
		r = http_reply_file(x, a->workers, a->config.web, "/index.html", security_fields, security_count(a));
	err_clear();
	if (r < 0 && !http_is_replied(x))
		http_reply(x, &missing);
}

static void on_request(void *ctx, struct http_exchange *x)
{
	struct api *a = ctx;
	struct call *c = http_user(x);
	int r;

	if (http_is_replied(x))
		return;
	if (!c) {
		serve_file(a, x);
		return;
	}
	if (!c->route) {                /* live */
		r = ws_is_asked(x) ? live_accept(a, c) : err_fail(ERR_USAGE, "detail", "@is_websocket", NULL);
		if (r < 0)
			refuse(c, r);
		return;
	}
	c->body = http_body(x, &c->body_len);
	a->n_owed++;
	if (c->route->run_on == RUN_LOOP) {
		c->status = c->route->status ? c->route->status : 200;
		r = c->route->run(c);
		if (r < 0)
			answer_problem(c, r);
		one_done(c);
		return;
	}
	r = work_submit_named(a->workers, a->loop, &c->work, c->route->name, run_call, work_done);
	if (r < 0) {
		a->n_owed--;
		refuse(c, r);
	}
}

static void on_too_large(void *ctx, struct http_exchange *x, int64_t welcome)
{
	struct call *c = http_user(x);
	char max[NUM_TEXT_MAX];

	if (!c) {
		http_reply(x, &(struct http_reply) { .status = 413 });
		return;
	}
	num_format_i64(max, welcome);
	refuse(c, err_fail(ERR_TOO_LARGE, "what", "@body", "max", max, NULL));
}

static void on_too_many(void *ctx, struct http_exchange *x)
{
	struct call *c = http_user(x);

	if (c)
		refuse(c, err_fail(ERR_BUSY, "what", "@large_requests", NULL));
	else
		http_reply(x, &(struct http_reply) { .status = 503 });
}

static void on_gone(void *ctx, struct http_exchange *x)
{
	struct call *c = http_user(x);

	if (c)
		atomic_store(&c->gone, true);
}

static void on_done(void *ctx, struct http_exchange *x, const struct http_done *d)
{
	struct call *c = http_user(x);

	if (c) {
		call_leave(c);
		count_out(c);
		served_note(&c->api->served, c->route, d->status, d->ns);
	}
	call_unref(c);
	http_set_user(x, NULL);
}

const struct http_callbacks api_callbacks = { .on_head = on_head, .on_request = on_request, .on_too_large = on_too_large, .on_too_many = on_too_many, .is_known = is_known,
	.on_gone = on_gone, .on_done = on_done };
