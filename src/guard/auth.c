/*
 * auth.c - from a secret to a scope.
 *
 * What a secret stands for is remembered for 5 s in a direct-mapped table of fixed size, and forgotten at once when any user, role,
 * token or tenant changes in this process. When it was used last goes to the store once a minute, and when another takes its place.
 */

#include "base/str.h"
#include "guard/internal.h"

static const int64_t USED_NS = 60 * NS_PER_S;   /* how exactly the store knows when something was used last */

struct used { struct uuid id; int64_t at; };
static const struct rec_field used_fields[] = { F(struct used, id), F_KIND(struct used, at, REC_TIME) };
static const struct rec_type used_type = REC_PLAIN(struct used, "used", used_fields);

struct expired { int64_t at, idle; };
static const struct rec_field expired_fields[] = { F_KIND(struct expired, at, REC_TIME), F_KIND(struct expired, idle, REC_TIME) };
static const struct rec_type expired_type = REC_PLAIN(struct expired, "expired", expired_fields);

struct ended { struct uuid id, but; };
static const struct rec_field ended_fields[] = { F(struct ended, id), F(struct ended, but) };
static const struct rec_type ended_type = REC_PLAIN(struct ended, "ended", ended_fields);

enum {
#define QUERY(name, sql, in, writes) QUERY_##name,
#include "guard/queries.def"
#undef QUERY
	QUERY_N_,
};
static const struct store_query queries[] = {
#define QUERY(name_, sql_, in_, writes) [QUERY_##name_] = { .name = #name_, .sql = (sql_), .in = (in_), .write = (writes) },
#include "guard/queries.def"
#undef QUERY
};
const struct store_queries guard_queries = { queries, ELEMENTSOF(queries) };

/* ---- what is remembered ---- */

static struct cached *slot_of(struct guard *g, const uint8_t hash[HASH_BYTES])
{
	uint32_t i;

	memcpy(&i, hash, sizeof(i));
	return &g->cache[i % CACHE_SLOTS];
}

static bool recall(struct guard *g, const uint8_t hash[HASH_BYTES], struct cached *ret, uint64_t *ret_generation)
{
	struct cached *c = slot_of(g, hash);
	bool found;

	mutex_hold(&g->cache_lock);
	*ret_generation = g->cache_generation;
	found = c->kind != PRINCIPAL_NOBODY && same_bytes(c->hash, hash, HASH_BYTES) && clock_mono_ns() < c->fresh_until_ns
		&& clock_now_ns() < c->rights_until_ns;
	if (found)
		*ret = *c;
	return found;
}

/* What was read before all was forgotten is not believed a second time. True: another one stood there whose last use the store does not
 * know for a minute; it would else seem idle for as long as this one is busy. */
static bool remember(struct guard *g, const struct cached *c, uint64_t generation, struct cached *ret_gone)
{
	struct cached *slot = slot_of(g, c->hash);
	bool same, gone;

	mutex_hold(&g->cache_lock);
	same = same_bytes(slot->hash, c->hash, HASH_BYTES);
	gone = !same && slot->kind != PRINCIPAL_NOBODY && slot->dirty && slot->last_used_ns - slot->kept_ns >= USED_NS;
	if (gone)
		*ret_gone = *slot;
	*slot = *c;
	if (generation != g->cache_generation)
		slot->fresh_until_ns = 0;
	return gone;
}

void cache_forget(struct guard *g)
{
	mutex_hold(&g->cache_lock);
	g->cache_generation++;
	for (unsigned i = 0; i < CACHE_SLOTS; i++)
		g->cache[i].fresh_until_ns = 0;
}

uint64_t guard_generation(struct guard *g)
{
	mutex_hold(&g->cache_lock);
	return g->cache_generation;
}

static int put_used(struct store_tx *tx, unsigned query, const struct uuid *id, int64_t at)
{
	struct used u = { .id = *id, .at = at };

	return store_query(tx, &queries[query], &u, NULL, NULL);
}

static int put_used_of(struct store_tx *tx, const struct cached *c)
{
	bool is_token = c->kind == PRINCIPAL_TOKEN;

	return put_used(tx, is_token ? QUERY_token_used : QUERY_session_used, is_token ? &c->id : &c->session, c->last_used_ns);
}

/* Whose request it is need not care whether it succeeds. */
static void keep_used(struct guard *g, const struct cached *c)
{
	_cleanup_(store_rollbackp) struct store_tx *tx = NULL;
	int r = store_begin(g->system, STORE_WRITE, clock_deadline(1000), &tx);

	if (r >= 0)
		r = put_used_of(tx, c);
	if (r >= 0)
		r = store_commit(take(tx));
	if (r < 0)
		err_clear();
}

static int flush_used(struct guard *g, struct store_tx *tx)
{
	int r = 0;

	for (unsigned i = 0; i < CACHE_SLOTS && r >= 0; i++) {
		struct cached c;
		mutex_lock(&g->cache_lock);
		c = g->cache[i];
		g->cache[i].dirty = false;
		g->cache[i].kept_ns = c.last_used_ns;
		mutex_unlock(&g->cache_lock);
		if (c.kind != PRINCIPAL_NOBODY && c.dirty)
			r = put_used_of(tx, &c);
	}
	return r;
}

int guard_tick(struct guard *g)
{
	_cleanup_(store_rollbackp) struct store_tx *tx = NULL;
	int64_t now = clock_now_ns();
	struct sign_in_rules rules;
	struct expired e = { .at = now };
	int r;

	guard_rules(g, &rules);
	e.idle = now - rules.session_idle_ns;

	tenants_rest(g);
	r = store_begin(g->system, STORE_WRITE, clock_deadline(5000), &tx);
	if (r >= 0)
		r = flush_used(g, tx);
	if (r >= 0)
		r = store_query(tx, &queries[QUERY_sessions_expired], &e, NULL, NULL);
	if (r >= 0)
		r = store_commit(take(tx));
	return r < 0 ? r : rules_load(g);
}

void cache_flush(struct guard *g)
{
	if (guard_tick(g) < 0)
		err_clear();
}

int sessions_end(struct store_tx *tx, const struct uuid *user, const struct uuid *but)
{
	struct ended e = { .id = *user, .but = *but };
	int r = store_query(tx, &queries[QUERY_sessions_of_user], &e, NULL, NULL);

	return r < 0 ? r : 0;
}

int user_signed_in(struct store_tx *tx, const struct uuid *user, int64_t at)
{
	return put_used(tx, QUERY_user_signed_in, user, at);
}

/* ---- what the store says ---- */

static void copy_name(char to[NAME_MAX_BYTES], const char *from)
{
	struct buf b = { .data = to, .room = NAME_MAX_BYTES, .max = NAME_MAX_BYTES };

	to[0] = 0;
	buf_addn(&b, from ? from : "", MIN(str_len(from), (size_t) NAME_MAX_BYTES - 1));
}

/* Rights over the platform itself belong to the first tenant alone. */
static struct grants grants_in(struct grants g, uint32_t tenant)
{
	return tenant == TENANT_DEFAULT ? g : grants_of_tenant(g);
}

static void nothing_but_a_password(struct cached *c)
{
	c->password_due = true;
	c->grants = grants_of_flags(0);
	c->n_placed = 0;
}

static int fill(struct guard *g, struct store_tx *tx, const struct uuid *tenant, const struct uuid *role_id, struct arena *a, struct cached *c)
{
	struct tenant_slot *t = tenant_slot_by_id(g, tenant);
	struct access_role role;
	int r;

	if (!t || !t->enabled)
		return err_fail(ERR_UNAUTHENTICATED, NULL, NULL);
	r = store_get(tx, &role_type, role_id, &role, a);
	if (r < 0)
		return r;
	c->tenant = t->number;
	c->tenant_id = t->id;
	c->grants = grants_of_flags(role.permissions);
	copy_name(c->role, role.name);
	c->fresh_until_ns = clock_deadline(CACHE_MS);
	r = grants_load(tx, c->kind, a, c);
	c->grants = grants_in(c->grants, t->number);
	return r;
}

int cached_user(struct guard *g, struct store_tx *tx, const struct user *u, struct arena *a, struct cached *ret)
{
	struct sign_in_rules rules;
	int r;

	if (!u->enabled)
		return err_fail(ERR_UNAUTHENTICATED, NULL, NULL);
	ret->kind = PRINCIPAL_USER;
	ret->id = u->head.id;
	ret->lang = u->lang == LANG_ZH ? LANG_ZH : LANG_EN;
	copy_name(ret->name, u->name);
	r = fill(g, tx, &u->tenant, &u->role, a, ret);
	guard_rules(g, &rules);
	if (r >= 0 && (u->password_due || (rules.password_max_ns && clock_now_ns() - u->password_set > rules.password_max_ns)))
		nothing_but_a_password(ret);
	return r;
}

static int load_session(struct guard *g, struct store_tx *tx, const char *hash, struct arena *a, struct cached *ret)
{
	struct sign_in_rules rules;
	struct session session;
	struct user user;
	int r = store_find_by(tx, &session_type, "hash", hash, &session, a);

	if (r >= 0)
		r = store_get(tx, &user_type, &session.user, &user, a);
	if (r < 0)
		return r;
	ret->session = session.head.id;
	ret->expires_ns = session.expires;
	guard_rules(g, &rules);
	ret->idle_ns = rules.session_idle_ns;
	ret->last_used_ns = ret->kept_ns = session.last_used;
	return cached_user(g, tx, &user, a, ret);
}

static int cached_token(struct guard *g, struct store_tx *tx, const struct token *token, struct arena *a, struct cached *ret)
{
	ret->kind = PRINCIPAL_TOKEN;
	ret->id = token->head.id;
	ret->expires_ns = token->expires;
	ret->last_used_ns = ret->kept_ns = token->last_used;
	copy_name(ret->name, token->name);
	return fill(g, tx, &token->tenant, &token->role, a, ret);
}

static int load_token(struct guard *g, struct store_tx *tx, const char *hash, struct arena *a, struct cached *ret)
{
	struct token token;
	int r = store_find_by(tx, &token_type, "hash", hash, &token, a);

	return r < 0 ? r : cached_token(g, tx, &token, a, ret);
}

static int load(struct scope *s, bool is_token, struct cached *ret)
{
	_cleanup_(store_rollbackp) struct store_tx *tx = NULL;
	char hash[HASH_TEXT + 1];
	int r;

	tenants_refresh(s->guard);
	r = store_begin(s->guard->system, STORE_READ, s->deadline_ns, &tx);
	if (r < 0)
		return r;
	hex_format(ret->hash, HASH_BYTES, hash);
	r = is_token ? load_token(s->guard, tx, hash, s->arena, ret) : load_session(s->guard, tx, hash, s->arena, ret);
	if (r == -ERR_MISSING) {
		err_clear();
		return err_fail(ERR_UNAUTHENTICATED, NULL, NULL);
	}
	return r;
}

void scope_become(struct scope *s, const struct cached *c)
{
	s->tenant = c->tenant;
	s->tenant_id = c->tenant_id;
	s->session = c->session;
	s->grants = c->grants;
	s->n_placed = 0;
	s->placed = c->n_placed ? arena_dup(s->arena, c->placed, c->n_placed * sizeof(c->placed[0])) : NULL;
	if (s->placed)
		s->n_placed = c->n_placed;
	s->reach = NULL;
	s->rights_until_ns = c->rights_until_ns;
	s->password_due = c->password_due;
	s->who = (struct principal) { .kind = c->kind, .id = c->id, .name = arena_str(s->arena, c->name),
		.role = arena_str(s->arena, c->role) };
	if (!s->who.name || !s->who.role)
		s->who.name = s->who.role = "";
}

void scope_nobody(struct scope *s)
{
	s->tenant = TENANT_DEFAULT;
	s->tenant_id = (struct uuid) { 0 };
	s->session = (struct uuid) { 0 };
	s->grants = (struct grants) { UINT64_C(1) << PUBLIC };
	s->placed = NULL;
	s->n_placed = 0;
	s->reach = NULL;
	s->rights_until_ns = INT64_MAX;
	s->password_due = false;
	s->who = (struct principal) { .kind = PRINCIPAL_NOBODY, .name = "", .role = "" };
}

bool guard_knows(struct guard *g, const struct credentials *c)
{
	const char *secret = c->bearer ? c->bearer : c->cookie;
	struct cached found = { 0 };
	uint64_t generation;

	if (!secret || !secret_is(c->bearer ? TOKEN_PREFIX : SESSION_PREFIX, secret))
		return false;
	sha256(secret, str_len(secret), found.hash);
	return recall(g, found.hash, &found, &generation);
}

int guard_authenticate(struct scope *s, const struct credentials *c)
{
	const char *secret = c->bearer ? c->bearer : c->cookie;
	int64_t now = clock_now_ns();
	struct cached found = { 0 }, gone;
	uint64_t generation;
	int r;

	scope_nobody(s);
	if (!secret)
		return 0;
	if (!secret_is(c->bearer ? TOKEN_PREFIX : SESSION_PREFIX, secret))
		return err_fail(ERR_UNAUTHENTICATED, NULL, NULL);
	sha256(secret, str_len(secret), found.hash);
	if (!recall(s->guard, found.hash, &found, &generation)) {
		r = load(s, c->bearer != NULL, &found);
		if (r < 0)
			return r;
	}
	if ((found.expires_ns && now >= found.expires_ns) || (found.idle_ns && now - found.last_used_ns >= found.idle_ns))
		return err_fail(ERR_UNAUTHENTICATED, NULL, NULL);
	found.last_used_ns = now;
	found.dirty = true;
	if (remember(s->guard, &found, generation, &gone))
		keep_used(s->guard, &gone);
	scope_become(s, &found);
	return 0;
}

/* ---- on somebody's behalf ---- */

static int load_principal(struct scope *s, const struct principal *who, struct cached *ret)
{
	_cleanup_(store_rollbackp) struct store_tx *tx = NULL;
	struct token token;
	struct user user;
	int r = store_begin(s->guard->system, STORE_READ, s->deadline_ns, &tx);

	if (r < 0)
		return r;
	if (who->kind == PRINCIPAL_USER) {
		r = store_get(tx, &user_type, &who->id, &user, s->arena);
		return r < 0 ? r : cached_user(s->guard, tx, &user, s->arena, ret);
	}
	r = store_get(tx, &token_type, &who->id, &token, s->arena);
	if (r < 0)
		return r;
	return token.expires && clock_now_ns() >= token.expires ? -ERR_MISSING : cached_token(s->guard, tx, &token, s->arena, ret);
}

int guard_act_for(struct scope *s, uint32_t tenant, const struct principal *who)
{
	struct cached found = { 0 };
	int r = 0;

	scope_nobody(s);
	if (who->kind == PRINCIPAL_SYSTEM) {
		scope_system(s, s->guard, s->platform, s->arena, who->name);
		s->tenant = tenant;
		return guard_tenant_id(s->guard, tenant, &s->tenant_id);
	}
	tenants_refresh(s->guard);
	r = load_principal(s, who, &found);
	if (r == -ERR_MISSING || (r >= 0 && found.tenant != tenant)) {
		err_clear();
		return err_fail(ERR_UNAUTHENTICATED, NULL, NULL);
	}
	if (r >= 0)
		scope_become(s, &found);
	return r;
}
