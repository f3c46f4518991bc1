/* live.c - the live socket: frames of control, who is connected, ticks. The contract stands in README.md. */

#include "api/live.h"
#include "base/num.h"
#include "plant/plant.h"
#include "rec/tree.h"

/* ---- sending control frames ---- */

static struct json frame(struct live_client *c, const char *op, const char *id)
{
	struct json j;

	buf_clear(&c->live->out);
	j = JSON_TO(&c->live->out);
	json_object(&j);
	json_kv_str(&j, "op", op);
	if (id)
		json_kv_str(&j, "id", id);
	return j;
}

static void send_frame(struct live_client *c, struct json *j)
{
	json_end(j);
	if (c->ws && !c->live->out.failed && ws_send(c->ws, true, c->live->out.data, c->live->out.len) < 0)
		err_clear();
}

void live_fail(struct live_client *c, const char *id, const struct err *e)
{
	struct json j = frame(c, "error", id);

	error_entry(&j, e, c->lang);
	send_frame(c, &j);
}

static void fail_now(struct live_client *c, const char *id, int r)
{
	struct err e = err_take(r);

	live_fail(c, id, &e);
}

/* ---- subscriptions ---- */

static struct live_sub *sub_by_serial(struct live_client *c, uint32_t serial)
{
	for (struct live_sub *s = c->subs; s; s = s->next)
		if (s->serial == serial)
			return s;
	return NULL;
}

static struct live_sub *sub_free(struct live_sub *s)
{
	if (!s)
		return NULL;
	bus_unsubscribe(s->bus);
	sys_free(s->path);
	sys_free(s->wanted);
	sys_free(s->point);
	sys_free(s->index);
	return sys_free(s);
}

static void sub_remove(struct live_client *c, const char *id)
{
	for (struct live_sub **s = &c->subs; *s; s = &(*s)->next)
		if (str_eq((*s)->id, id)) {
			struct live_sub *gone = *s;
			*s = gone->next;
			c->n_points -= gone->n;
			c->n_subs--;
			c->live->n_frames -= gone->frames;
			sub_free(gone);
			return;
		}
}

static int sub_points(struct live_sub *s, const struct tree *points)
{
	if (points->n > LIVE_POINTS_MAX)
		return err_fail(ERR_LIMIT, "what", "@points", "max", "10000", NULL);
	s->wanted = sys_alloc_array(points->n ? points->n : 1, sizeof(*s->wanted));
	if (!s->wanted)
		return err_fail(ERR_NO_MEMORY, "what", "a subscription", NULL);
	TREE_EACH(p, points) {
		const char *text = tree_str(p);
		if (!text || !uuid_parse(text, str_len(text), &s->wanted[s->n_wanted]))
			return err_fail(ERR_WRONG_TYPE, "field", "points", "want", "@uuid", "value", text, NULL);
		s->n_wanted++;
	}
	return 0;
}

static int sub_frames(struct live_sub *s, const struct tree *t)
{
	const char *text = tree_str(tree_find(t, "frames")), *lang = tree_str(tree_find(t, "lang"));
	unsigned others = 0;

	if (!text || !uuid_parse(text, str_len(text), &s->connection))
		return err_fail(ERR_WRONG_TYPE, "field", "frames", "want", "@uuid", "value", text, NULL);
	if (lang && !str_eq(lang, "en") && !str_eq(lang, "zh"))
		return err_fail(ERR_NOT_A_WORD, "field", "lang", "words", "en, zh", "value", lang, NULL);
	for (const struct live_sub *o = s->client->subs; o; o = o->next)
		others += o->frames;
	if (others >= LIVE_FRAMES_SUBS)
		return err_fail(ERR_LIMIT, "what", "@subscriptions", "max", "4", NULL);
	if (s->client->live->n_frames >= LIVE_FRAMES_ALL)
		return err_fail(ERR_BUSY, "what", "live", NULL);
	s->lang = lang ? str_eq(lang, "zh") ? LANG_ZH : LANG_EN : s->client->lang;
	s->after = (uint64_t) MAX(tree_i64(tree_find(t, "after"), 0), (int64_t) 0);
	s->frames = true;
	return 0;
}

static int sub_read(struct live_sub *s, const struct tree *t)
{
	const struct tree *points = tree_find(t, "points"), *format = tree_find(t, "format");
	const char *path = tree_str(tree_find(t, "path"));
	double hz = tree_f64(tree_find(t, "max_hz"), 5);

	if (!(hz >= 0.1 && hz <= 100))
		return err_fail(ERR_OUT_OF_RANGE, "field", "max_hz", "min", "0.1", "max", "100", NULL);
	if (format && !str_eq(tree_str(format), "batch") && !str_eq(tree_str(format), "json"))
		return err_fail(ERR_NOT_A_WORD, "field", "format", "words", "json, batch", "value", tree_str(format), NULL);
	s->batch = str_eq(tree_str(format), "batch");
	s->max_hz = hz;
	s->jobs = tree_bool(tree_find(t, "jobs"), false);
	if (s->jobs)
		return 0;
	if (tree_find(t, "frames"))
		return sub_frames(s, t);
	if (tree_find(t, "after")) {
		const char *after = tree_str(tree_find(t, "after"));
		struct bus *bus = s->client->live->api->platform->bus;
		if (!after || num_parse_u64(after, after + str_len(after), &s->after) != str_len(after))
			return err_fail(ERR_WRONG_TYPE, "field", "after", "want", "@text", NULL);
		s->resumed = bus && s->after > s->client->live->first && s->after <= bus_now(bus);
		s->after = s->resumed ? s->after : 0;
	}
	if (points && points->kind == TREE_LIST)
		return sub_points(s, points);
	if (!path || str_len(path) > 2000)
		return err_fail(ERR_REQUIRED, "field", "points", NULL);
	s->path = sys_strdup(path);
	return s->path ? 0 : err_fail(ERR_NO_MEMORY, "what", "a subscription", NULL);
}

static void tell_subscribed(struct live_client *c, const struct live_sub *s)
{
	struct json j = frame(c, "subscribed", s->id);
	char id[UUID_TEXT + 1];

	json_kv_bool(&j, "resumed", s->resumed);
	json_key(&j, "points");
	json_array(&j);
	for (uint32_t i = 0; i < s->n; i++) {
		uuid_format(&s->point[i].id, id);
		json_str(&j, id);
	}
	json_end(&j);
	send_frame(c, &j);
}

/* What passed since: asked for while the client takes what it is told, and never twice at once. */
static void ask_frames(struct live_client *c, struct live_sub *s)
{
	int64_t now = clock_mono_ns();

	if (s->resolving || ws_backlog(c->ws) > LIVE_BACKLOG || (s->resolved_ns && (double) (now - s->resolved_ns) < NS_PER_S / s->max_hz))
		return;
	s->resolved_ns = now;
	if (live_job_frames(c, s) < 0)          /* all workers busy: the ring keeps them until the next tick */
		err_clear();
}

void live_on_frames(struct live_client *c, const struct live_frames *f)
{
	struct live_sub *s = sub_by_serial(c, f->serial);
	struct json j;

	if (!s || !c->ws)
		return;
	s->resolving = false;
	if (f->result < 0) {
		if (f->err->kind == ERR_BUSY || f->err->kind == ERR_NO_MEMORY || f->err->kind == ERR_STOPPING)
			return;         /* not just now */
		live_fail(c, s->id, f->err);
		sub_remove(c, s->id);
		return;
	}
	if (!s->told)
		tell_subscribed(c, s);
	if (s->told && !f->n && f->last == s->after)
		return;
	j = frame(c, "frames", s->id);
	json_key(&j, "frames");
	json_raw(&j, f->json);
	json_end(&j);
	if (c->live->out.failed || ws_send(c->ws, true, c->live->out.data, c->live->out.len) < 0) {
		err_clear();            /* told again at the next tick, if the ring still has them */
		return;
	}
	s->after = f->last;
	s->told = true;
}

static int subscribe(struct live_client *c, const struct tree *t, const char *id)
{
	struct live_sub *s;
	int r;

	if (str_empty(id) || str_len(id) > LIVE_ID_MAX)
		return err_fail(ERR_LENGTH, "field", "id", "min", "1", "max", "64", NULL);
	sub_remove(c, id);
	if (c->n_subs == LIVE_SUBS_MAX)
		return err_fail(ERR_LIMIT, "what", "@subscriptions", "max", "100", NULL);
	s = sys_new(struct live_sub);
	if (!s)
		return err_fail(ERR_NO_MEMORY, "what", "a subscription", NULL);
	memcpy(s->id, id, str_len(id) + 1);
	s->client = c;
	r = sub_read(s, t);
	if (r < 0) {
		sub_free(s);
		return r;
	}
	s->serial = ++c->serial;
	s->next = c->subs;
	c->subs = s;
	c->n_subs++;
	c->live->n_frames += s->frames;
	if (s->frames) {
		ask_frames(c, s);
		return 0;
	}
	if (s->jobs) {
		tell_subscribed(c, s);
		live_tell_jobs(c);
		return 0;
	}
	r = live_job_resolve(c, s);
	if (r < 0)
		sub_remove(c, id);
	return r;
}

static bool same_points(const struct live_sub *s, const struct live_point *points, uint32_t n)
{
	if (n != s->n)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (!uuid_equal(&points[i].id, &s->point[i].id) || points[i].series != s->point[i].series)
			return false;
	return true;
}

void live_on_resolved(struct live_client *c, const struct live_resolved *r)
{
	struct live_sub *s = sub_by_serial(c, r->serial);
	int result = r->result;

	if (!s || !c->ws) {             /* unsubscribed meanwhile, or gone */
		sys_free(r->points);
		return;
	}
	s->resolving = false;
	if (result >= 0 && c->n_points - s->n + r->n > LIVE_POINTS_MAX)
		result = err_fail(ERR_LIMIT, "what", "@points", "max", "10000", NULL);
	if (result < 0) {
		struct err e = r->result < 0 ? *r->err : err_take(result);
		live_fail(c, s->id, &e);
		if (!s->told)
			sub_remove(c, s->id);
		sys_free(r->points);
		return;
	}
	s->generation = r->generation;
	s->resolved_ns = clock_mono_ns();
	if (s->told && same_points(s, r->points, r->n)) {
		sys_free(r->points);
		return;
	}
	c->n_points += r->n - s->n;
	sys_free(s->point);
	s->point = r->points;
	s->n = r->n;
	tell_subscribed(c, s);
	s->told = true;
	result = live_listen(s);
	s->resumed = false;
	if (result < 0) {
		fail_now(c, s->id, result);
		sub_remove(c, s->id);
	}
}

/* ---- clients ---- */

static void forget(char secret[SECRET_TEXT_MAX])
{
	for (volatile char *p = secret; p < secret + SECRET_TEXT_MAX; p++)      /* volatile: written although nobody reads it */
		*p = 0;
}

static void client_free(struct live_client *c)
{
	while (c->subs)
		sub_remove(c, c->subs->id);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	c->live->n--;
	forget(c->bearer);
	forget(c->cookie);
	sys_free(c);
}

void live_job_over(struct live_client *c)
{
	if (--c->jobs == 0 && !c->ws)
		client_free(c);
}

static void end(struct live_client *c, int code, const char *reason)
{
	if (c->ws)
		ws_close(c->ws, code, reason);
}

/* A close overtakes what still waits: the reason just told goes out first. */
static void end_after(struct live_client *c, int code, const char *why)
{
	if (c->ending)
		return;
	c->ending = code;
	c->why = why;
	if (c->ws && ws_backlog(c->ws) == 0)
		end(c, code, why);
}

void live_on_hello(struct live_client *c, const struct live_known *k)
{
	struct json j;

	c->checking = false;
	c->checked_ns = clock_mono_ns();
	if (!c->ws)
		return;
	if (k->result < 0 && c->known && k->err->kind != ERR_UNAUTHENTICATED && k->err->kind != ERR_DENIED)
		return;                 /* it could not be asked just now */
	if (k->result < 0) {
		live_fail(c, NULL, k->err);
		end_after(c, LIVE_REFUSED, "sign in again");
		return;
	}
	c->tenant = k->tenant;
	c->who = k->who;
	c->sees_all = k->sees_all;
	c->rights_until_ns = k->rights_until_ns;
	if (c->known)
		return;
	c->known = true;
	j = frame(c, "hello", NULL);
	json_kv_str(&j, "principal", k->name);
	send_frame(c, &j);
}

static int hello(struct live_client *c, const struct tree *t)
{
	const char *token = tree_str(tree_find(t, "token"));

	if (token) {
		if (str_len(token) >= sizeof(c->bearer))
			return err_fail(ERR_UNAUTHENTICATED, NULL, NULL);
		memcpy(c->bearer, token, str_len(token) + 1);
	}
	c->checking = true;
	return live_job_hello(c, tree_str(tree_find(t, "csrf")));
}

static int on_frame(struct live_client *c, const struct tree *t)
{
	const char *op = tree_str(tree_find(t, "op")), *id = tree_str(tree_find(t, "id"));
	struct json j;

	if (!c->known) {
		if (!str_eq(op, "hello") || c->checking)
			return err_fail(ERR_UNAUTHENTICATED, NULL, NULL);
		return hello(c, t);
	}
	if (str_eq(op, "subscribe"))
		return subscribe(c, t, id);
	if (str_eq(op, "unsubscribe") || str_eq(op, "ping")) {
		if (*op == 'u')
			sub_remove(c, id);
		j = frame(c, *op == 'u' ? "unsubscribed" : "pong", id);
		send_frame(c, &j);
		return 0;
	}
	return err_fail(ERR_NOT_A_WORD, "field", "op", "words", "subscribe, unsubscribe, ping", "value", op, NULL);
}

static void on_message(void *ctx, struct ws *w, bool text, const char *data, size_t len)
{
	struct live_client *c = ctx;
	struct tree *t = NULL;
	struct arena a;
	int r;

	if (c->ending)
		return;
	if (!text) {
		end(c, WS_UNSUPPORTED, "control frames are text");
		return;
	}
	arena_init(&a, &sys_heap, 8 << 20);
	r = tree_parse(data, len, "@body", &a, &t);
	if (r >= 0 && t->kind != TREE_OBJECT)
		r = err_fail(ERR_WRONG_TYPE, "field", "frame", "want", "@object", NULL);
	if (r >= 0)
		r = on_frame(c, t);
	if (r < 0) {
		fail_now(c, tree_str(tree_find(t, "id")), r);
		if (!c->known)
			end_after(c, LIVE_REFUSED, "the first frame must be a valid hello");
	}
	arena_done(&a);
}

static void on_drain(void *ctx, struct ws *w)
{
	struct live_client *c = ctx;

	if (c->ending)
		end(c, c->ending, c->why);
	else
		live_resume(c);
}

static void on_close(void *ctx, struct ws *w, int code, const char *reason)
{
	struct live_client *c = ctx;

	c->ws = NULL;
	while (c->subs)
		sub_remove(c, c->subs->id);
	if (c->jobs == 0)
		client_free(c);
}

/* ---- the tick ---- */

static void watch_backlog(struct live_client *c, int64_t now)
{
	if (ws_backlog(c->ws) <= LIVE_BACKLOG) {
		c->stuck_ns = 0;
		return;
	}
	if (c->stuck_ns == 0)
		c->stuck_ns = now;
	else if (now - c->stuck_ns > LIVE_PATIENCE_MS * NS_PER_MS)
		end(c, WS_TRY_LATER, "values are not taken");
}

/* Points were made, moved, changed their type: whoever watches a path gets the new list. */
static void renew(struct live_client *c, int64_t now)
{
	struct plant *plant = c->live->api->platform->plant;

	for (struct live_sub *s = c->subs; s; s = s->next) {
		if (!s->told || s->resolving || s->frames)
			continue;
		if (!s->stale && (now - s->resolved_ns < LIVE_RENEW_MS * NS_PER_MS || plant_generation(plant) == s->generation))
			continue;
		if (live_job_resolve(c, s) < 0)
			err_clear();
	}
}

static void check_rights(struct live_client *c, int64_t now)
{
	uint64_t rights = guard_generation(c->live->api->platform->guard);
	bool changed = rights != c->rights || clock_now_ns() >= c->rights_until_ns;

	if (c->checking || (!changed && now - c->checked_ns <= LIVE_CHECK_MS * NS_PER_MS))
		return;
	c->checking = true;
	if (live_job_check(c) < 0) {    /* all workers busy: next time */
		c->checking = false;
		err_clear();
		return;
	}
	c->rights = rights;
	for (struct live_sub *s = c->subs; changed && s; s = s->next)
		s->stale = true;        /* which points he may see may have changed with them */
}

static void tick_client(struct live_client *c, int64_t now)
{
	if (c->ending) {
		if (ws_backlog(c->ws) == 0 || now - c->checked_ns > LIVE_HELLO_MS * NS_PER_MS)
			end(c, c->ending, c->why);
		return;
	}
	if (!c->known) {
		if (now - c->born_ns > LIVE_HELLO_MS * NS_PER_MS)
			end(c, LIVE_REFUSED, "no hello");
		return;
	}
	check_rights(c, now);
	watch_backlog(c, now);
	live_resume(c);
	live_tell_jobs(c);
	for (struct live_sub *s = c->subs; s; s = s->next)
		if (s->frames)
			ask_frames(c, s);
	renew(c, now);
}

static void tick(void *arg)
{
	struct live *l = arg;
	int64_t now = clock_mono_ns();

	for (struct live_client *c = l->clients, *next; c; c = next) {
		next = c->next;
		if (c->ws)
			tick_client(c, now);
	}
	if (l->clients)
		timer_start(l->api->loop, &l->timer, LIVE_TICK_MS, tick, l);
}

/* ---- the door ---- */

/* A page of another site must not open a socket with our user's cookie. */
static bool origin_is_ours(struct api *a, struct http_exchange *x)
{
	const char *origin = http_header(x, "Origin"), *host = http_header(x, "Host"), *rest;

	if (!origin || str_eq(origin, a->config.origin))
		return true;
	rest = str_starts(origin, "https://") ? origin + 8 : str_starts(origin, "http://") ? origin + 7 : NULL;
	return rest && host && str_eq(rest, host);
}

static const struct ws_callbacks callbacks = { .on_message = on_message, .on_drain = on_drain, .on_close = on_close };

/* Those of this address that have not said who they are. */
static unsigned strangers(const struct live *l, const char *peer)
{
	unsigned n = 0;

	for (const struct live_client *c = l->clients; c; c = c->next)
		n += !c->known && str_eq(c->peer, peer);
	return n;
}

static void copy_secret(char to[SECRET_TEXT_MAX], const char *from)
{
	if (from && str_len(from) < SECRET_TEXT_MAX)
		memcpy(to, from, str_len(from) + 1);
}

int live_accept(struct api *a, struct call *call)
{
	struct live_client *c;
	int r;

	if (!origin_is_ours(a, call->x))
		return err_fail(ERR_CSRF, NULL, NULL);
	if (a->live->n >= LIVE_CLIENTS_MAX || strangers(a->live, call->scope.peer) >= LIVE_STRANGERS_MAX)
		return err_fail(ERR_BUSY, "what", "live", NULL);
	c = sys_new(struct live_client);
	if (!c)
		return err_fail(ERR_NO_MEMORY, "what", "a live socket", NULL);
	c->live = a->live;
	c->born_ns = clock_mono_ns();
	c->lang = call->scope.lang;
	memcpy(c->peer, call->scope.peer, sizeof(c->peer));
	copy_secret(c->cookie, call->cookie);
	if (call->authorization && str_starts(call->authorization, "Bearer "))
		copy_secret(c->bearer, call->authorization + 7);
	r = ws_accept(call->x, &callbacks, c, &(struct ws_config) { .message_max = 512 << 10, .backlog_max = LIVE_BACKLOG_MAX }, &c->ws);
	if (r < 0) {
		sys_free(c);
		return r;
	}
	c->next = a->live->clients;
	c->link = &a->live->clients;
	if (c->next)
		c->next->link = &c->next;
	a->live->clients = c;
	a->live->n++;
	if (!timer_is_running(&a->live->timer))
		timer_start(a->loop, &a->live->timer, LIVE_TICK_MS, tick, a->live);
	return 0;
}

int live_new(struct api *a, struct live **ret)
{
	struct live *l = sys_new(struct live);
	int r;

	if (!l)
		return err_fail(ERR_NO_MEMORY, "what", "live", NULL);
	l->api = a;
	l->out = BUF_INIT(&sys_heap, LIVE_BACKLOG_MAX);
	l->first = a->platform->bus ? bus_now(a->platform->bus) : 0;
	r = batch_builder_new(&l->builder, BUS_CHUNK);
	if (r < 0) {
		sys_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

void live_stop(struct live *l)
{
	for (struct live_client *c = l->clients; c; c = c->next)
		end(c, WS_GOING_AWAY, "the platform is stopping");
}

struct live *live_free(struct live *l)
{
	if (!l)
		return NULL;
	timer_stop(&l->timer);
	for (struct live_client *c = l->clients, *next; c; c = next) {
		next = c->next;
		if (c->ws)
			c->ws = ws_free(c->ws);
		if (c->jobs == 0)
			client_free(c);
	}
	batch_builder_free(l->builder);
	buf_done(&l->out);
	return sys_free(l);
}

uint32_t live_count(const struct live *l)
{
	return l->n;
}
