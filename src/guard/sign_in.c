/* sign_in.c - sessions and the first administrator. */

#include "base/str.h"
#include "guard/internal.h"

enum { SETUP_HOURS = 24, CSRF_BYTES = 24 };

/* ---- sessions ---- */

struct new_session { struct user *user; const char *hash, *password; };

/* Inside the deed: the session, when the user signed in, and a fresh password hash when the cost was raised since. */
static int put_session(struct scope *s, const void *in, void *ret)
{
	const struct new_session *n = in;
	int64_t now = clock_now_ns();
	char fresh[PASSWORD_HASH_MAX];
	struct sign_in_rules rules;
	struct session session;
	int r = rec_init(&session_type, &session, s->arena);

	if (r < 0)
		return r;
	session.user = n->user->head.id;
	session.hash = n->hash;
	session.peer = s->peer;
	session.agent = arena_strn(s->arena, s->agent ? s->agent : "", utf8_valid_prefix(s->agent, MIN(str_len(s->agent), (size_t) 200)));
	guard_rules(s->guard, &rules);
	session.expires = now + rules.session_max_ns;
	session.last_used = now;
	r = store_put(s->tx, &session_type, &session, &s->who.id);
	if (r >= 0 && n->password && password_is_stale(&s->guard->cost, n->user->hash)) {
		r = password_hash(&s->guard->cost, n->password, fresh);
		n->user->hash = fresh;
		if (r >= 0)
			r = store_put(s->tx, &user_type, n->user, &s->who.id);
		n->user->hash = NULL;
	}
	if (r >= 0)
		r = user_signed_in(s->tx, &n->user->head.id, now);
	if (r >= 0)
		s->session = session.head.id;
	return r;
}

static const struct deed session_create = DEED("session.create", SIGNED_IN, DEED_SYSTEM, put_session);

static int read_user(struct scope *s, const char *name, struct user *ret_user, struct cached *ret)
{
	_cleanup_(store_rollbackp) struct store_tx *tx = NULL;
	int r = store_begin(s->guard->system, STORE_READ, s->deadline_ns, &tx);

	if (r >= 0)
		r = store_find_by(tx, &user_type, "name", name, ret_user, s->arena);
	if (r >= 0)
		r = cached_user(s->guard, tx, ret_user, s->arena, ret);
	return r;
}

int refuse_sign_in(struct scope *s, const char *deed, const char *name, enum err_kind kind)
{
	scope_nobody(s);
	s->who.name = name ? name : "";
	guard_audit_refusal(s, deed, -(int) kind);
	scope_nobody(s);
	return err_fail(kind, NULL, NULL);
}

static int refuse(struct scope *s, const char *deed, const char *name)
{
	return refuse_sign_in(s, deed, name, ERR_BAD_SIGN_IN);
}

static int open_session(struct scope *s, struct user *user, const struct cached *who, const char *password, struct session_secrets *ret)
{
	struct session_secrets secrets;
	char hash[HASH_TEXT + 1];
	struct new_session n = { .user = user, .hash = hash, .password = password };
	int r;

	secret_make(SESSION_PREFIX, secrets.cookie);
	hash_text(secrets.cookie, str_len(secrets.cookie), hash);
	scope_become(s, who);
	r = scope_do(s, &session_create, &n, NULL);
	if (r >= 0)
		r = guard_csrf(s, secrets.csrf);
	if (r < 0) {
		scope_nobody(s);
		return r;
	}
	*ret = secrets;
	wipe(&secrets, sizeof(secrets));
	return 0;
}

int guard_sign_in(struct scope *s, const struct sign_in *in, struct session_secrets *ret)
{
	struct cached who = { 0 };
	struct user user;
	bool known, good;
	int r = throttle_check(s->guard, in->name, s->peer);

	if (r < 0)
		return r;
	r = read_user(s, in->name, &user, &who);
	if (r < 0 && r != -ERR_MISSING && r != -ERR_UNAUTHENTICATED)
		return r;
	known = r >= 0;
	if (!known)
		err_clear();
	/* A name that does not exist takes as long as one that does. */
	good = password_matches(known ? user.hash : s->guard->dummy_hash, in->password) && known;
	throttle_result(s->guard, in->name, s->peer, good);
	if (!good)
		return refuse(s, "session.create", in->name);
	return open_session(s, &user, &who, in->password, ret);
}

static int delete_session(struct scope *s, const void *in, void *ret)
{
	return store_del(s->tx, &session_type, &s->session, 0, &s->who.id);
}

int guard_sign_out(struct scope *s)
{
	static const struct deed deed = DEED("session.delete", SIGNED_IN, DEED_SYSTEM, delete_session);
	int r;

	if (uuid_is_zero(&s->session))
		return err_fail(ERR_UNAUTHENTICATED, NULL, NULL);
	r = scope_do(s, &deed, NULL, NULL);
	cache_forget(s->guard);         /* sessions are quiet: no change is told */
	return r;
}

int guard_csrf(struct scope *s, char ret_csrf[SECRET_TEXT_MAX])
{
	uint8_t mac[HASH_BYTES];

	if (uuid_is_zero(&s->session))
		return err_fail(ERR_UNAUTHENTICATED, NULL, NULL);
	hmac_sha256(s->guard->csrf_key, s->session.b, sizeof(s->session.b), mac);
	hex_format(mac, CSRF_BYTES, ret_csrf);
	return 0;
}

bool guard_csrf_matches(struct scope *s, const char *csrf)
{
	char want[SECRET_TEXT_MAX];

	if (guard_csrf(s, want) < 0) {
		err_clear();
		return false;
	}
	return same_text(want, csrf);
}

/* ---- the first administrator ---- */

static int count_one(void *ctx, const void *rec)
{
	*(bool *) ctx = true;
	return 1;
}

static int any_user(struct store_tx *tx, bool *ret)
{
	struct store_list one = { .limit = 1 };

	*ret = false;
	return store_list(tx, &user_type, &one, count_one, ret, NULL);
}

bool guard_needs_setup(struct guard *g)
{
	_cleanup_(store_rollbackp) struct store_tx *tx = NULL;
	bool any = true;

	if (store_begin(g->system, STORE_READ, clock_deadline(5000), &tx) < 0 || any_user(tx, &any) < 0)
		err_clear();
	return !any;
}

void guard_setup_secret(char ret[SECRET_TEXT_MAX]) { secret_make(SETUP_PREFIX, ret); }

int guard_setup_token(struct guard *g, const char *given, char ret_token[SECRET_TEXT_MAX])
{
	_cleanup_(store_rollbackp) struct store_tx *tx = NULL;
	char token[SECRET_TEXT_MAX], hash[HASH_TEXT + 1];
	struct one_time one;
	struct arena a;
	int r = store_begin(g->system, STORE_WRITE, 0, &tx);

	if (r < 0)
		return r;
	if (given && str_len(given) < sizeof(token))
		memcpy(token, given, str_len(given) + 1);
	else
		secret_make(SETUP_PREFIX, token);
	hash_text(token, str_len(token), hash);
	arena_init(&a, &sys_heap, 1 << 16);
	r = store_find_by(tx, &one_time_type, "purpose", "setup", &one, &a);
	if (r == -ERR_MISSING) {
		err_clear();
		r = rec_init(&one_time_type, &one, &a);
	}
	one.purpose = "setup";
	one.hash = hash;
	one.expires = clock_now_ns() + SETUP_HOURS * 3600 * NS_PER_S;
	if (r >= 0)
		r = store_put(tx, &one_time_type, &one, NULL);
	if (r >= 0)
		r = store_commit(take(tx));
	arena_done(&a);
	if (r >= 0)
		memcpy(ret_token, token, sizeof(token));
	wipe(token, sizeof(token));
	return r < 0 ? r : 0;
}

struct first { const struct setup_in *in; const char *hash; };

static int put_first_user(struct scope *s, const void *in, void *ret)
{
	const struct first *f = in;
	char hash[HASH_TEXT + 1];
	struct one_time one;
	struct user user;
	bool any;
	int r = any_user(s->tx, &any);

	if (r < 0)
		return r;
	if (any)
		return err_fail(ERR_EXISTS, "what", "@user", "field", "role", "value", "administrator", NULL);
	r = store_find_by(s->tx, &one_time_type, "purpose", "setup", &one, s->arena);
	if (r < 0 && r != -ERR_MISSING)
		return r;
	hash_text(f->in->token, str_len(f->in->token), hash);
	if (r < 0 || !same_text(one.hash, hash) || clock_now_ns() >= one.expires)
		return err_fail(ERR_BAD_SIGN_IN, NULL, NULL);
	r = rec_init(&user_type, &user, s->arena);
	if (r >= 0)
		r = guard_role_by_name(s, "administrator", &user.role);
	user.tenant = s->tenant_id;
	user.name = f->in->name;
	user.full_name = f->in->full_name;
	if (r >= 0)
		r = guard_password_check(s->guard, &user, f->in->password);
	user.hash = f->hash;
	user.password_set = clock_now_ns();
	rec_set_has(&user_type, &user, rec_field(&user_type, "password_set"), true);
	user.lang = f->in->lang;
	if (r >= 0)
		r = store_put(s->tx, &user_type, &user, &s->who.id);
	if (r >= 0)
		r = store_del(s->tx, &one_time_type, &one.head.id, 0, &s->who.id);
	if (r >= 0)
		r = audit_change(s, &user_type, NULL, &user);
	if (r >= 0)
		*(struct uuid *) ret = user.head.id;
	return r;
}

int guard_setup(struct scope *s, const struct setup_in *in, struct uuid *ret_user)
{
	static const struct deed deed = DEED("setup", PUBLIC, DEED_SYSTEM, put_first_user);
	char hash[PASSWORD_HASH_MAX];
	struct first f = { .in = in, .hash = hash };
	int r;

	if (!guard_needs_setup(s->guard))
		return err_fail(ERR_EXISTS, "what", "@user", "field", "role", "value", "administrator", NULL);
	r = throttle_check(s->guard, "", s->peer);
	if (r < 0)
		return r;
	if (!secret_is(SETUP_PREFIX, in->token)) {
		throttle_result(s->guard, "", s->peer, false);
		return refuse(s, "setup", in->name);
	}
	r = password_hash(&s->guard->cost, in->password, hash);
	if (r < 0)
		return r;
	scope_nobody(s);
	s->who = (struct principal) { .kind = PRINCIPAL_SETUP, .name = in->name, .role = "" };
	r = guard_tenant_id(s->guard, TENANT_DEFAULT, &s->tenant_id);
	if (r >= 0)
		r = scope_do(s, &deed, &f, ret_user);
	if (r == -ERR_BAD_SIGN_IN) {
		err_clear();
		throttle_result(s->guard, "", s->peer, false);
		return refuse(s, "setup", in->name);
	}
	if (r < 0)
		scope_nobody(s);
	return r;
}
