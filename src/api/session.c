/* session.c - setup, signing in and out, who I am. */

#include "api/internal.h"
#include "service/demo.h"

/* Those held everywhere or somewhere: what is worth showing. Where each holds, the records decide. */
static void permissions_json(struct json *j, const struct scope *s)
{
	json_key(j, "permissions");
	json_array(j);
	for (int p = PERM_FIRST_; p < PERM_N_; p++)
		if (scope_may_somewhere(s, (enum permission) p))
			json_str(j, permission_id((enum permission) p));
	json_end(j);
}

static int signed_in_json(struct call *c, struct json *j)
{
	struct scope *s = &c->scope;
	struct tenant t;
	struct user u = { .lang = -1 };
	char id[UUID_TEXT + 1], csrf[SECRET_TEXT_MAX];
	int r = guard_own_tenant(s, &t);

	if (r >= 0 && s->who.kind == PRINCIPAL_USER)
		r = guard_own_user(s, &u);
	if (r < 0)
		return r;
	uuid_format(&s->who.id, id);
	json_key(j, "principal");
	json_object(j);
	json_kv_str(j, "kind", s->who.kind == PRINCIPAL_USER ? "user" : "token");
	json_kv_str(j, "id", id);
	json_kv_str(j, "name", s->who.name);
	json_kv_str(j, "full_name", u.full_name ? u.full_name : "");
	json_end(j);
	json_kv_str(j, "role", s->who.role);
	json_kv_bool(j, "password_due", s->password_due);
	json_kv_bool(j, "separated", guard_is_separated(s));
	uuid_format(&t.head.id, id);
	json_key(j, "tenant");
	json_object(j);
	json_kv_str(j, "id", id);
	json_kv_str(j, "code", t.code);
	json_kv_str(j, "name", t.name);
	json_end(j);
	json_kv_bool(j, "demo", demo_is_there(s));
	permissions_json(j, s);
	r = guard_csrf(s, csrf);
	json_kv_str(j, "csrf", r < 0 ? NULL : csrf);
	err_clear();
	json_kv_str(j, "lang", u.lang < 0 ? (s->lang == LANG_ZH ? "zh" : "en") : u.lang == LANG_ZH ? "zh" : "en");
	return 0;
}

static int answer_session(struct call *c)
{
	bool in = c->scope.who.kind != PRINCIPAL_NOBODY;
	struct json j = answer_json(c);
	int r = 0;

	json_object(&j);
	json_kv_bool(&j, "signed_in", in);
	json_kv_bool(&j, "needs_setup", !in && guard_needs_setup(c->scope.guard));
	json_kv_str(&j, "version", c->api->platform->version);
	if (in)
		r = signed_in_json(c, &j);
	json_end(&j);
	return r;
}

static int set_cookie(struct call *c, const char *value, long max_age)
{
	const char *text = arena_fmt(&c->arena, "tenon_session=%s; Path=/; Max-Age=%ld; HttpOnly; SameSite=Strict%s", value, max_age,
		c->api->config.tls ? "; Secure" : "");

	call_field(c, "Set-Cookie", text);
	return text ? 0 : err_fail(ERR_NO_MEMORY, "what", "@session", NULL);
}

static int sign_in(struct call *c, const struct sign_in *in)
{
	struct session_secrets secrets;
	struct sign_in_rules rules;
	int r = guard_sign_in(&c->scope, in, &secrets);

	guard_rules(c->scope.guard, &rules);
	if (r >= 0)
		r = set_cookie(c, secrets.cookie, (long) (rules.session_max_ns / NS_PER_S));
	return r < 0 ? r : answer_session(c);
}

static int run_sign_in(struct call *c) { return sign_in(c, c->in); }

static int run_sign_out(struct call *c)
{
	int r = guard_sign_out(&c->scope);

	return r < 0 ? r : set_cookie(c, "", 0);
}

static int run_setup_state(struct call *c)
{
	struct json j = answer_json(c);

	json_object(&j);
	json_kv_bool(&j, "needed", guard_needs_setup(c->scope.guard));
	json_end(&j);
	return 0;
}

static int run_setup(struct call *c)
{
	const struct setup_in *in = c->in;
	struct sign_in as = { .name = in->name, .password = in->password };
	struct uuid user;
	int r = guard_setup(&c->scope, in, &user);

	return r < 0 ? r : sign_in(c, &as);
}

static int run_add_user(struct call *c)
{
	struct json j = answer_json(c);
	struct uuid tenant, user;
	char id[UUID_TEXT + 1];
	int r = call_uuid(c, &tenant);

	if (r >= 0)
		r = guard_add_user(&c->scope, &tenant, c->in, &user);
	if (r < 0)
		return r;
	uuid_format(&user, id);
	json_object(&j);
	json_kv_str(&j, "id", id);
	json_end(&j);
	return 0;
}

static const struct route rows[] = {
	ROUTE("GET", "/session", PUBLIC, "session.get", answer_session, .anonymous_ok = true, .doc = "Who I am and what I may"),
	ROUTE("POST", "/session", PUBLIC, "session.create", run_sign_in, .in = &sign_in_type, .status = 201, .anonymous_ok = true,
		.doc = "Sign in: sets the cookie tenon_session"),
	ROUTE("DELETE", "/session", SIGNED_IN, "session.delete", run_sign_out, .status = 204, .doc = "Sign out"),
	ROUTE("GET", "/setup", PUBLIC, "setup.get", run_setup_state, .anonymous_ok = true, .doc = "Is the first administrator still to be made?"),
	ROUTE("POST", "/setup", PUBLIC, "setup.create", run_setup, .in = &setup_in_type, .status = 201, .anonymous_ok = true,
		.doc = "Make the first administrator with the one-time link, and sign in"),
	ROUTE("POST", "/tenants/{id}/users", PERM_TENANT_WRITE, "tenant.add_user", run_add_user, .in = &tenant_user_in_type, .status = 201,
		.doc = "Make a user in another tenant: its first administrator"),
};
const struct routes routes_session = { rows, ELEMENTSOF(rows) };
