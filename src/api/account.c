/* account.c - one's own password and sessions, links for who lost a password, rules of signing in, locked names. */

#include "api/internal.h"
#include "base/when.h"

/* ---- password ---- */

static int run_password(struct call *c)
{
	return guard_change_password(&c->scope, c->in);
}

static int run_reset(struct call *c)
{
	return guard_reset(&c->scope, c->in);
}

/* ---- sessions ---- */

static void time_kv(struct json *j, const char *key, int64_t ns)
{
	char text[WHEN_TEXT_MAX];

	when_format(text, ns);
	json_kv_str(j, key, text);
}

static void add_session(void *ctx, const struct session_info *i)
{
	struct json *j = ctx;
	char id[UUID_TEXT + 1];

	uuid_format(&i->id, id);
	json_object(j);
	json_kv_str(j, "id", id);
	json_kv_str(j, "peer", i->peer ? i->peer : "");
	json_kv_str(j, "agent", i->agent ? i->agent : "");
	time_kv(j, "created", i->created);
	time_kv(j, "last_used", i->last_used);
	time_kv(j, "expires", i->expires);
	json_kv_bool(j, "current", i->is_this);
	json_end(j);
}

static int sessions_of(struct call *c, const struct uuid *user)
{
	struct json j = answer_json(c);
	int r;

	json_object(&j);
	json_key(&j, "items");
	json_array(&j);
	r = guard_sessions(&c->scope, user, add_session, &j);
	json_end(&j);
	json_end(&j);
	return r;
}

static int own(struct call *c)
{
	return c->scope.who.kind == PRINCIPAL_USER ? 0 : err_fail(ERR_NEEDS_SESSION, NULL, NULL);
}

static int run_sessions(struct call *c)
{
	int r = own(c);

	return r < 0 ? r : sessions_of(c, &c->scope.who.id);
}

static int run_sessions_end(struct call *c)
{
	int r = own(c);

	return r < 0 ? r : guard_sessions_end(&c->scope, &c->scope.who.id, NULL);
}

static int run_session_end(struct call *c)
{
	struct uuid id;
	int r = own(c);

	if (r >= 0 && !uuid_parse(c->arg, str_len(c->arg), &id))
		r = err_fail(ERR_MISSING, "what", "@session", "value", c->arg, NULL);
	return r < 0 ? r : guard_sessions_end(&c->scope, &c->scope.who.id, &id);
}

/* ---- of another user ---- */

static int user_of(struct call *c, struct uuid *ret)
{
	return uuid_parse(c->arg, str_len(c->arg), ret) ? 0 : err_fail(ERR_MISSING, "what", "@user", "value", c->arg, NULL);
}

static int run_user_sessions(struct call *c)
{
	struct uuid id;
	int r = user_of(c, &id);

	return r < 0 ? r : sessions_of(c, &id);
}

static int run_user_sessions_end(struct call *c)
{
	struct uuid id;
	int r = user_of(c, &id);

	return r < 0 ? r : guard_sessions_end(&c->scope, &id, NULL);
}

static int run_unlock(struct call *c)
{
	struct uuid id;
	int r = user_of(c, &id);

	return r < 0 ? r : guard_unlock(&c->scope, &id);
}

/* ---- rules ---- */

static int run_rules(struct call *c)
{
	struct json j = answer_json(c);
	struct sign_in_rules rules;

	guard_rules(c->scope.guard, &rules);
	record_json(&sign_in_rules_type, &rules, NULL, &j);
	return 0;
}

static int run_rules_form(struct call *c)
{
	struct json j = answer_json(c);

	rec_form(&sign_in_rules_type, &j);
	return 0;
}

static int run_rules_change(struct call *c)
{
	int r = guard_rules_change(&c->scope, c->body, c->body_len, &c->errs);

	return r < 0 ? r : run_rules(c);
}

static const struct route rows[] = {
	ROUTE("PUT", "/session/password", SIGNED_IN, "session.password", run_password, .in = &password_in_type, .status = 204,
		.doc = "Choose another password; ends my other sessions"),
	ROUTE("POST", "/session/reset", PUBLIC, "session.reset", run_reset, .in = &reset_in_type, .status = 204, .anonymous_ok = true,
		.doc = "Choose a password with the one-time link of `tenon user link`"),
	ROUTE("GET", "/sessions", SIGNED_IN, "session.list", run_sessions, .doc = "Where I am signed in"),
	ROUTE("DELETE", "/sessions", SIGNED_IN, "session.end_all", run_sessions_end, .status = 204, .doc = "End all my sessions but this one"),
	ROUTE("DELETE", "/sessions/{id}", SIGNED_IN, "session.end", run_session_end, .status = 204, .doc = "End one of my sessions"),
	ROUTE("GET", "/users/{id}/sessions", PERM_USER_WRITE, "user.sessions", run_user_sessions, .doc = "Where a user is signed in"),
	ROUTE("DELETE", "/users/{id}/sessions", PERM_USER_WRITE, "user.end_sessions", run_user_sessions_end, .status = 204, .doc = "Sign a user out everywhere"),
	ROUTE("POST", "/users/{id}/unlock", PERM_USER_WRITE, "user.unlock", run_unlock, .status = 204, .doc = "Let a locked user try again now"),
	ROUTE("GET", "/sign-in-rules", PERM_USER_READ, "sign_in_rules.get", run_rules, .doc = "Rules of signing in: tries, delays, sessions, passwords"),
	ROUTE("GET", "/sign-in-rules/form", PERM_USER_READ, "sign_in_rules.form", run_rules_form, .doc = "Their form"),
	ROUTE("PATCH", "/sign-in-rules", PERM_ROLE_WRITE, "sign_in_rules.patch", run_rules_change, .raw = "application/json", .body_max = 1 << 16,
		.doc = "Change them, for the whole installation"),
};
const struct routes routes_account = { rows, ELEMENTSOF(rows) };
