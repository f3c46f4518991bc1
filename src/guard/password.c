/*
 * password.c - rules of signing in, and what a new password must be.
 *
 * A password is refused when it is shorter than the rules say, one of the commonest (also with digits or marks behind), made of one
 * or two characters or of a run of neighbours, holds the user's name, or was used before. Nothing is asked about kinds of
 * characters: length and novelty are what counts (NIST SP 800-63B, 5.1.1.2).
 */

#include "base/num.h"
#include "base/str.h"
#include "guard/internal.h"

/* ---- rules ---- */

static int note_rules(void *ctx, const void *rec)
{
	struct guard *g = ctx;

	mutex_hold(&g->rules_lock);
	g->rules = *(const struct sign_in_rules *) rec;         /* no texts in it */
	return 1;
}

int rules_load(struct guard *g)
{
	_cleanup_(store_rollbackp) struct store_tx *tx = NULL;
	struct store_list one = { .limit = 1 };
	int r = store_begin(g->system, STORE_READ, clock_deadline(2000), &tx);

	return r < 0 ? r : MIN(store_list(tx, &sign_in_rules_type, &one, note_rules, g, NULL), 0);
}

/* The copy in memory: fresh from guard_tick(), guard_rules_change() and the start; asked inside transactions. */
void guard_rules(struct guard *g, struct sign_in_rules *ret)
{
	mutex_hold(&g->rules_lock);
	*ret = g->rules;
}

struct patch { const char *text; size_t len; struct errs *errs; };

static int keep_rules(void *ctx, const void *rec)
{
	*(struct sign_in_rules *) ctx = *(const struct sign_in_rules *) rec;
	return 1;
}

static int change_rules(struct scope *s, const void *in, void *ret)
{
	struct store_list one = { .limit = 1 };
	struct sign_in_rules before, after;
	const struct patch *p = in;
	int r = store_list(s->tx, &sign_in_rules_type, &one, keep_rules, &before, NULL);

	if (r < 0)
		return r;
	after = before;
	r = rec_from_json(&sign_in_rules_type, &after, (struct rec_json) { p->text, p->len }, REC_MERGE, s->arena, p->errs);
	if (r < 0 || rec_equal(&sign_in_rules_type, &before, &after))
		return r;
	r = store_put(s->tx, &sign_in_rules_type, &after, &s->who.id);
	return r < 0 ? r : audit_change(s, &sign_in_rules_type, &before, &after);
}

int guard_rules_change(struct scope *s, const char *text, size_t len, struct errs *errs)
{
	static const struct deed deed = DEED("sign_in_rule.patch", PERM_ROLE_WRITE, DEED_SYSTEM, change_rules);
	struct patch p = { text, len, errs };
	int r = 0;

	if (s->tenant != TENANT_DEFAULT)        /* they hold for the whole installation */
		r = err_fail(ERR_DENIED, "permission", permission_id(PERM_SYSTEM_WRITE), NULL);
	if (r >= 0)
		r = scope_do(s, &deed, &p, NULL);
	return r < 0 ? r : rules_load(s->guard);
}

/* ---- what a password must be ---- */

static const char *const common[] = {
#define COMMON(word) word,
#include "guard/common.def"
#undef COMMON
};

static size_t lower(const char *text, char *out, size_t room)
{
	size_t n = 0;

	for (; text[n] && n + 1 < room; n++)
		out[n] = text[n] >= 'A' && text[n] <= 'Z' ? (char) (text[n] + 32) : text[n];
	out[n] = 0;
	return n;
}

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (uint8_t) c >= 128; }

static bool is_common(const char *small)
{
	for (size_t i = 0; i < ELEMENTSOF(common); i++) {
		const char *rest;

		if (!str_starts(small, common[i]))
			continue;
		for (rest = small + str_len(common[i]); *rest && !is_letter(*rest); rest++)
			;
		if (!*rest)
			return true;
	}
	return false;
}

/* "aaaaaaaaaa", "abababababab", "23456789ab": fewer than four steps that are no repetition and no run. */
static bool is_plain(const char *text)
{
	unsigned news = 0;

	for (size_t i = 0; text[i]; i++) {
		int step = i ? text[i] - text[i - 1] : 2;
		bool again = i >= 2 && text[i] == text[i - 2];
		news += step < -1 || step > 1 ? !again : 0;
	}
	return news < 4;
}

static int weak(const char *rule)
{
	return err_at(err_fail(ERR_WEAK_PASSWORD, "rule", rule, NULL), "password");
}

static bool was_used(const struct user *u, const char *password, uint32_t history)
{
	const char *at = u->past;

	if (history && password_matches(u->hash, password))
		return true;
	for (uint32_t i = 1; i < history && at && *at; i++) {
		char one[PASSWORD_HASH_MAX];
		size_t n = 0;

		while (at[n] && at[n] != '\n' && n + 1 < sizeof(one)) {
			one[n] = at[n];
			n++;
		}
		one[n] = 0;
		if (password_matches(one, password))
			return true;
		at += n + (at[n] == '\n');
	}
	return false;
}

int guard_password_check(struct guard *g, const struct user *u, const char *password)
{
	char small[820], name[280], min[NUM_TEXT_MAX], n[NUM_TEXT_MAX];
	size_t length = utf8_count(password, str_len(password));
	struct sign_in_rules rules;

	guard_rules(g, &rules);
	if (length < rules.password_min) {
		num_format_u64(min, rules.password_min);
		num_format_u64(n, length);
		return err_at(err_fail(ERR_LENGTH, "field", "password", "min", min, "max", "200", "value", n, NULL), "password");
	}
	lower(password, small, sizeof(small));
	if (is_common(small) || is_plain(small))
		return weak("@password_common");
	if (lower(u->name ? u->name : "", name, sizeof(name)) >= 3 && str_find(small, name))
		return weak("@password_name");
	return was_used(u, password, rules.password_history) ? weak("@password_used") : 0;
}

/* Remembers the hash until now. */
static int push_past(struct scope *s, struct user *u)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 1 << 16);
	unsigned lines = 1;

	if (str_empty(u->hash))
		return 0;
	buf_add(&b, u->hash);
	for (const char *at = u->past; at && *at && lines < PAST_MAX; lines++) {
		buf_addc(&b, '\n');
		while (*at && *at != '\n')
			buf_addc(&b, *at++);
		at += *at == '\n';
	}
	u->past = b.failed ? NULL : arena_str(s->arena, b.data);
	rec_set_has(&user_type, u, rec_field(&user_type, "past"), true);
	return u->past ? 0 : err_fail(ERR_NO_MEMORY, "what", "the password", NULL);
}

/* hash: of u->password. */
static int set_hash(struct scope *s, struct user *u, const char *hash)
{
	int r = push_past(s, u);

	if (r < 0)
		return r;
	u->hash = arena_str(s->arena, hash);
	u->password_set = clock_now_ns();
	wipe((char *) (uintptr_t) u->password, str_len(u->password));
	u->password = NULL;
	rec_set_has(&user_type, u, rec_field(&user_type, "password"), false);
	rec_set_has(&user_type, u, rec_field(&user_type, "hash"), true);
	rec_set_has(&user_type, u, rec_field(&user_type, "password_set"), true);
	return u->hash ? 0 : err_fail(ERR_NO_MEMORY, "what", "the password", NULL);
}

int guard_set_password(struct scope *s, struct user *u)
{
	char hash[PASSWORD_HASH_MAX];
	int r = password_hash(&s->guard->cost, u->password, hash);

	return r < 0 ? r : set_hash(s, u, hash);
}

/* ---- one's own ---- */

/* Inside a deed: u as it is in the store gets `password`, chosen by its user. hash: of it, when it was checked before; NULL: here. */
static int put_password(struct scope *s, struct user *u, const char *password, const char *hash)
{
	struct user before = *u;
	int r = hash ? 0 : guard_password_check(s->guard, u, password);

	u->password = arena_str(s->arena, password);
	if (r >= 0 && !u->password)
		r = err_fail(ERR_NO_MEMORY, "what", "the password", NULL);
	if (r >= 0)
		r = hash ? set_hash(s, u, hash) : guard_set_password(s, u);
	u->password_due = false;
	rec_set_has(&user_type, u, rec_field(&user_type, "password_due"), true);
	if (r >= 0)
		r = store_put(s->tx, &user_type, u, &s->who.id);
	if (r >= 0)
		r = audit_change(s, &user_type, &before, u);
	return r < 0 ? r : guard_end_sessions(s, &u->head.id);
}

/* The old hash is the one that was compared: who changed it meanwhile has another password. */
struct own { const char *password, *old_hash, *hash; };

static int change_own(struct scope *s, const void *in, void *ret)
{
	const struct own *own = in;
	struct user u;
	int r = store_get(s->tx, &user_type, &s->who.id, &u, s->arena);

	if (r >= 0 && !str_eq(u.hash, own->old_hash))
		r = err_at(err_fail(ERR_BAD_SIGN_IN, NULL, NULL), "old");
	return r < 0 ? r : put_password(s, &u, own->password, own->hash);
}

int guard_change_password(struct scope *s, const struct password_in *in)
{
	static const struct deed deed = DEED("user.change_password", SIGNED_IN, DEED_SYSTEM, change_own);
	char hash[PASSWORD_HASH_MAX];
	struct own own = { .password = in->password, .hash = hash };
	struct user u;
	int r = guard_own_user(s, &u);

	own.old_hash = r >= 0 ? u.hash : NULL;
	if (r >= 0)
		r = throttle_check(s->guard, u.name, s->peer);
	if (r < 0)
		return r;
	if (!password_matches(u.hash, in->old)) {
		throttle_result(s->guard, u.name, s->peer, false);
		guard_audit_refusal(s, deed.name, -ERR_BAD_SIGN_IN);
		return err_at(err_fail(ERR_BAD_SIGN_IN, NULL, NULL), "old");
	}
	throttle_result(s->guard, u.name, s->peer, true);
	/* Comparing with each older one takes long: before the transaction, which nobody else writes beside. */
	r = guard_password_check(s->guard, &u, in->password);
	if (r >= 0)
		r = password_hash(&s->guard->cost, in->password, hash);
	return r < 0 ? r : scope_do(s, &deed, &own, NULL);
}

/* ---- the link for who lost it ---- */

struct link { const char *name, *hash; };

static const char *purpose_of(struct scope *s, const struct uuid *user)
{
	char id[UUID_TEXT + 1];

	uuid_format(user, id);
	return arena_fmt(s->arena, "user %s", id);
}

static int put_link(struct scope *s, const void *in, void *ret)
{
	const struct link *l = in;
	struct one_time one;
	struct user u;
	int r = store_find_by(s->tx, &user_type, "name", l->name, &u, s->arena);

	if (r == -ERR_MISSING) {
		err_clear();
		return err_fail(ERR_MISSING, "what", "@user", "value", l->name, NULL);
	}
	if (r >= 0)
		r = store_find_by(s->tx, &one_time_type, "purpose", purpose_of(s, &u.head.id), &one, s->arena);
	if (r == -ERR_MISSING) {
		err_clear();
		r = rec_init(&one_time_type, &one, s->arena);
	}
	if (r < 0)
		return r;
	one.purpose = purpose_of(s, &u.head.id);
	one.hash = l->hash;
	one.expires = clock_now_ns() + LINK_HOURS * 3600 * NS_PER_S;
	r = store_put(s->tx, &one_time_type, &one, &s->who.id);
	return r < 0 ? r : audit_text(s, "user", u.name);
}

int guard_link(struct scope *s, const char *user, char ret_token[SECRET_TEXT_MAX])
{
	static const struct deed deed = DEED("user.link", PERM_USER_WRITE, DEED_SYSTEM, put_link);
	char token[SECRET_TEXT_MAX], hash[HASH_TEXT + 1];
	struct link l = { user, hash };
	int r;

	if (s->who.kind != PRINCIPAL_SYSTEM)    /* it makes its holder that user: for who holds the data folder anyhow */
		return err_fail(ERR_DENIED, "permission", permission_id(PERM_SYSTEM_WRITE), NULL);
	secret_make(RESET_PREFIX, token);
	hash_text(token, str_len(token), hash);
	r = scope_do(s, &deed, &l, NULL);
	if (r >= 0)
		memcpy(ret_token, token, sizeof(token));
	wipe(token, sizeof(token));
	return r;
}

static int use_link(struct scope *s, const void *in, void *ret)
{
	const struct reset_in *reset = in;
	char hash[HASH_TEXT + 1];
	struct one_time one;
	struct uuid id;
	struct user u;
	int r;

	hash_text(reset->token, str_len(reset->token), hash);
	r = store_find_by(s->tx, &one_time_type, "hash", hash, &one, s->arena);
	if (r == -ERR_MISSING || (r >= 0 && (clock_now_ns() >= one.expires || !str_starts(one.purpose, "user ")
			|| !uuid_parse(one.purpose + 5, str_len(one.purpose + 5), &id)))) {
		err_clear();
		return err_fail(ERR_BAD_LINK, NULL, NULL);
	}
	if (r >= 0)
		r = store_get(s->tx, &user_type, &id, &u, s->arena);
	if (r == -ERR_MISSING || (r >= 0 && !u.enabled)) {
		err_clear();
		return err_fail(ERR_BAD_LINK, NULL, NULL);
	}
	if (r < 0)
		return r;
	s->tenant_id = u.tenant;
	s->who = (struct principal) { .kind = PRINCIPAL_SETUP, .id = u.head.id, .name = u.name, .role = "" };
	r = put_password(s, &u, reset->password, NULL);
	if (r >= 0)
		r = store_del(s->tx, &one_time_type, &one.head.id, 0, &s->who.id);
	if (r >= 0)
		throttle_forget(s->guard, u.name);
	return r;
}

int guard_reset(struct scope *s, const struct reset_in *in)
{
	static const struct deed deed = DEED("user.reset_password", PUBLIC, DEED_SYSTEM, use_link);
	int r = throttle_check(s->guard, "", s->peer);

	if (r < 0)
		return r;
	scope_nobody(s);
	r = secret_is(RESET_PREFIX, in->token) ? scope_do(s, &deed, in, NULL) : err_fail(ERR_BAD_LINK, NULL, NULL);
	if (r == -ERR_BAD_LINK) {
		err_clear();
		throttle_result(s->guard, "", s->peer, false);
		return refuse_sign_in(s, deed.name, "", ERR_BAD_LINK);
	}
	scope_nobody(s);
	return r;
}
