/* people.c - what the deeds of users, roles, tokens and tenants need to know. All run inside a deed on the system's store. */

#include "base/str.h"
#include "guard/internal.h"

int guard_make_token(struct scope *s, struct token *t, char ret_secret[SECRET_TEXT_MAX])
{
	char hash[HASH_TEXT + 1];

	secret_make(TOKEN_PREFIX, ret_secret);
	hash_text(ret_secret, str_len(ret_secret), hash);
	t->hash = arena_str(s->arena, hash);
	t->hint = arena_strn(s->arena, ret_secret, sizeof(TOKEN_PREFIX) - 1 + 4);
	rec_set_has(&token_type, t, rec_field(&token_type, "hash"), true);
	rec_set_has(&token_type, t, rec_field(&token_type, "hint"), true);
	return t->hash && t->hint ? 0 : err_fail(ERR_NO_MEMORY, "what", "the token", NULL);
}

int guard_end_sessions(struct scope *s, const struct uuid *user)
{
	return sessions_end(s->tx, user, &s->session);
}

int guard_role_by_name(struct scope *s, const char *name, struct uuid *ret)
{
	char tenant[UUID_TEXT + 1];
	struct store_filter f[] = { { "tenant", STORE_EQ, tenant }, { "name", STORE_EQ, name } };
	struct access_role role;
	int r;

	uuid_format(&s->tenant_id, tenant);
	r = store_find(s->tx, &role_type, f, ELEMENTSOF(f), &role, s->arena);
	if (r == -ERR_MISSING) {
		err_clear();
		return err_fail(ERR_MISSING, "what", "@role", "value", name, NULL);
	}
	if (r < 0)
		return r;
	*ret = role.head.id;
	return 0;
}

static int get_role(struct scope *s, const struct uuid *id, struct access_role *ret)
{
	char text[UUID_TEXT + 1];
	struct access_role role;
	int r = store_get(s->tx, &role_type, id, &role, s->arena);

	if (r == -ERR_MISSING || (r >= 0 && !uuid_equal(&role.tenant, &s->tenant_id))) {
		err_clear();
		uuid_format(id, text);
		r = err_fail(ERR_NO_SUCH_REF, "field", "role", "what", "@role", "value", text, NULL);
		return err_at(r, "role");
	}
	if (r >= 0)
		*ret = role;
	return r;
}

int guard_may_grant_flags(struct scope *s, uint32_t flags)
{
	if (s->approver.kind != PRINCIPAL_NOBODY || s->rehearsal)       /* two people answer for it, neither of whom could alone */
		return 0;
	for (int p = PERM_FIRST_; p < PERM_N_; p++)
		if ((flags >> (p - PERM_FIRST_) & 1) && !scope_may(s, (enum permission) p)
			/* rights over the platform are void in other tenants: giving them there gives nothing */
			&& !(s->tenant != TENANT_DEFAULT && permission_is_of_platform((enum permission) p)))
			return err_fail(ERR_DENIED, "permission", permission_id((enum permission) p), NULL);
	return 0;
}

int guard_may_grant(struct scope *s, const struct uuid *role_id)
{
	struct access_role role = { 0 };
	int r = get_role(s, role_id, &role);

	return r < 0 ? r : guard_may_grant_flags(s, role.permissions);
}

/* ---- somebody must be left ---- */

struct left { struct scope *s; unsigned duties; bool one_has_all; };

static uint32_t permissions_of(struct scope *s, const struct uuid *id)
{
	struct access_role role;

	if (store_get(s->tx, &role_type, id, &role, s->arena) < 0) {
		err_clear();
		return 0;
	}
	return role.permissions;
}

bool guard_role_administers(struct scope *s, const struct uuid *id)
{
	return guard_duties(permissions_of(s, id)) != 0;
}

static int look_at_user(void *ctx, const void *rec)
{
	struct left *l = ctx;
	const struct user *u = rec;
	uint32_t permissions = u->enabled ? permissions_of(l->s, &u->role) : 0;
	struct grants g = grants_of_flags(permissions);

	l->duties |= guard_duties(permissions);
	l->one_has_all |= grants_has(g, PERM_USER_WRITE) && grants_has(g, PERM_ROLE_WRITE);
	return 0;
}

int guard_keeps_administrator(struct scope *s)
{
	char tenant[UUID_TEXT + 1];
	struct store_filter f[] = { { "tenant", STORE_EQ, tenant } };
	struct store_list list = { .filters = f, .n_filters = ELEMENTSOF(f) };
	struct left l = { .s = s };
	int r;

	uuid_format(&s->tenant_id, tenant);
	r = store_list(s->tx, &user_type, &list, look_at_user, &l, NULL);
	if (r < 0 || (guard_is_separated(s) ? l.duties == (DUTY_SYSTEM | DUTY_SECURITY | DUTY_AUDIT) : l.one_has_all))
		return r < 0 ? r : 0;
	return err_fail(ERR_IN_USE, "what", "administrator", "count", "1", "by", "@tenant", NULL);
}

/* ---- tenants ---- */

static int greatest(void *ctx, const void *rec)
{
	*(uint32_t *) ctx = ((const struct tenant *) rec)->number;
	return 1;
}

int guard_next_tenant(struct scope *s, struct tenant *t)
{
	struct store_list last = { .sort = "-number", .limit = 1 };
	uint32_t number = 0;
	int r = store_list(s->tx, &tenant_type, &last, greatest, &number, NULL);

	if (r < 0)
		return r;
	t->number = number + 1;
	rec_set_has(&tenant_type, t, rec_field(&tenant_type, "number"), true);
	return 0;
}

int guard_add_roles(struct scope *s, const struct tenant *t)
{
	return records_add_roles(s->tx, &t->head.id);
}

struct new_user { const struct tenant_user_in *in; const char *hash; };

static int put_user(struct scope *s, const void *in, void *ret)
{
	const struct new_user *n = in;
	struct user u;
	int r = rec_init(&user_type, &u, s->arena);

	if (r >= 0)
		r = guard_role_by_name(s, n->in->role, &u.role);
	if (r == -ERR_MISSING) {
		err_clear();
		r = err_at(err_fail(ERR_NO_SUCH_REF, "field", "role", "what", "@role", "value", n->in->role, NULL), "role");
	}
	/* Where administrators are separated nobody makes users alone: they are asked for at home, and approved. */
	if (r >= 0 && s->who.kind != PRINCIPAL_SYSTEM && guard_is_separated(s))
		r = err_fail(ERR_DENIED, "permission", permission_id(PERM_ROLE_WRITE), NULL);
	/* In a tenant of its own the giver has nothing to lose; at home he gives what he has, and only who may make users. */
	if (r >= 0 && s->tenant == TENANT_DEFAULT) {
		r = scope_need(s, PERM_USER_WRITE);
		if (r >= 0)
			r = guard_may_grant(s, &u.role);
	}
	u.tenant = s->tenant_id;
	u.name = n->in->name;
	u.full_name = n->in->full_name;
	if (r >= 0)
		r = guard_password_check(s->guard, &u, n->in->password);
	u.hash = n->hash;
	u.password_set = clock_now_ns();
	rec_set_has(&user_type, &u, rec_field(&user_type, "password_set"), true);
	u.password_due = true;
	if (r >= 0)
		r = store_put(s->tx, &user_type, &u, &s->who.id);
	if (r >= 0)
		r = audit_change(s, &user_type, NULL, &u);
	if (r >= 0)
		*(struct uuid *) ret = u.head.id;
	return r;
}

int guard_add_user(struct scope *s, const struct uuid *tenant, const struct tenant_user_in *in, struct uuid *ret)
{
	static const struct deed deed = DEED("tenant.add_user", PERM_TENANT_WRITE, DEED_SYSTEM, put_user);
	struct scope there = *s;
	char hash[PASSWORD_HASH_MAX];
	struct new_user n = { in, hash };
	int r = scope_enter(&there, tenant);

	if (r >= 0)
		r = password_hash(&s->guard->cost, in->password, hash);
	return r < 0 ? r : scope_do(&there, &deed, &n, ret);
}

/* ---- who this is ---- */

int guard_own_user(struct scope *s, struct user *ret)
{
	_cleanup_(store_rollbackp) struct store_tx *tx = NULL;
	int r;

	if (s->who.kind != PRINCIPAL_USER)
		return err_fail(ERR_UNAUTHENTICATED, NULL, NULL);
	r = store_begin(s->guard->system, STORE_READ, s->deadline_ns, &tx);
	return r < 0 ? r : store_get(tx, &user_type, &s->who.id, ret, s->arena);
}

int guard_own_tenant(struct scope *s, struct tenant *ret)
{
	_cleanup_(store_rollbackp) struct store_tx *tx = NULL;
	int r = store_begin(s->guard->system, STORE_READ, s->deadline_ns, &tx);

	return r < 0 ? r : store_get(tx, &tenant_type, &s->tenant_id, ret, s->arena);
}
