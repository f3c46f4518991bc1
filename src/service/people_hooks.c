/* people_hooks.c - what is special about users, roles, tokens and tenants. Nobody gives away a right he does not have. */

#include "service/internal.h"

/* ---- users ---- */

static int check_new_password(struct scope *s, const struct user *before, struct user *u)
{
	if (!str_empty(u->password))
		return guard_set_password(s, u);
	if (before)
		return 0;
	return err_at(err_fail(ERR_REQUIRED, "field", "password", NULL), "password");
}

static int check_user(struct scope *s, const void *before, void *rec, struct errs *errs)
{
	const struct user *b = before;
	struct user *u = rec;
	int r;

	if (!u)         /* sessions refer to the user: they go first */
		return guard_end_sessions(s, &b->head.id);
	/* Whoever changes another's password or switches him on can act as him. */
	r = b ? guard_may_grant(s, &b->role) : 0;
	if (r >= 0)
		r = guard_may_grant(s, &u->role);
	if (r >= 0)
		r = check_new_password(s, b, u);
	return errs_put(errs, r);
}

static int after_user(struct scope *s, const void *before, const void *after)
{
	const struct user *b = before, *a = after;
	bool loses, other;
	int r = 0;

	if (!b)
		return 0;
	other = !a || !str_eq(a->hash, b->hash) || !uuid_equal(&a->role, &b->role) || a->enabled != b->enabled;
	loses = b->enabled && guard_role_administers(s, &b->role) && (!a || !a->enabled || !guard_role_administers(s, &a->role));
	if (a && other)
		r = guard_end_sessions(s, &a->head.id);
	return r >= 0 && loses ? guard_keeps_administrator(s) : r;
}

const struct noun_hooks user_hooks = { .check = check_user, .after = after_user };

/* ---- roles ---- */

static int check_role(struct scope *s, const void *before, void *rec, struct errs *errs)
{
	const struct access_role *b = before;
	struct access_role *role = rec;
	int r = 0;

	if (b && b->builtin)
		return errs_put(errs, err_fail(ERR_READ_ONLY, "field", b->name, NULL));
	if (b)
		r = guard_may_grant_flags(s, b->permissions);
	if (r >= 0 && role)
		r = guard_may_grant_flags(s, role->permissions);
	return errs_put(errs, r);
}

static int after_role(struct scope *s, const void *before, const void *after)
{
	const struct access_role *b = before, *a = after;
	uint64_t admin = UINT64_C(1) << PERM_USER_WRITE;

	if (!b || !a || !(grants_of_flags(b->permissions).bits & admin) || (grants_of_flags(a->permissions).bits & admin))
		return 0;
	return guard_keeps_administrator(s);
}

const struct noun_hooks role_hooks = { .check = check_role, .after = after_role };

/* ---- tokens ---- */

static int check_token(struct scope *s, const void *before, void *rec, struct errs *errs)
{
	struct token *t = rec;
	char secret[SECRET_TEXT_MAX];
	int r;

	if (!t)
		return 0;
	r = guard_may_grant(s, &t->role);
	if (r < 0 || before)
		return errs_put(errs, r);
	r = guard_make_token(s, t, secret);
	if (r >= 0)
		s->told = arena_str(s->arena, secret);
	return r;
}

const struct noun_hooks token_hooks = { .check = check_token };

/* ---- tenants ---- */

static int check_tenant(struct scope *s, const void *before, void *rec, struct errs *errs)
{
	const struct tenant *b = before;
	struct tenant *t = rec;

	if (!t)         /* its samples and its history would be without an owner: it is disabled instead */
		return err_fail(ERR_READ_ONLY, "field", b->code, NULL);
	if (!b)
		return guard_next_tenant(s, t);
	if (b->number == TENANT_DEFAULT && !t->enabled)
		return errs_put(errs, err_at(err_fail(ERR_READ_ONLY, "field", "enabled", NULL), "enabled"));
	return 0;
}

static int after_tenant(struct scope *s, const void *before, const void *after)
{
	return before ? 0 : guard_add_roles(s, after);
}

const struct noun_hooks tenant_hooks = { .check = check_tenant, .after = after_tenant };
