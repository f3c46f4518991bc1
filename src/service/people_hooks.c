/* people_hooks.c - what is special about users, roles, tokens and tenants. Nobody gives away a right he does not have. */

#include "service/internal.h"

/* ---- users ---- */

static int check_new_password(struct scope *s, const struct user *before, struct user *u)
{
	int r;

	if (!str_empty(u->password)) {
		r = guard_password_check(s->guard, u, u->password);
		if (r >= 0)
			r = guard_set_password(s, u);
		/* Somebody else knows it: it is good for one sign-in. */
		u->password_due = !(s->who.kind == PRINCIPAL_USER && uuid_equal(&s->who.id, &u->head.id));
		rec_set_has(&user_type, u, rec_field(&user_type, "password_due"), true);
		return r;
	}
	if (before)
		return 0;
	return err_at(err_fail(ERR_REQUIRED, "field", "password", NULL), "password");
}

/* ---- grants of a user or token ---- */

struct of { struct scope *s; struct uuid ids[GRANTS_MAX]; uint32_t n; int r; };

static int note_grant(void *ctx, const void *rec)
{
	const struct access_grant *g = rec;
	struct of *of = ctx;

	if (of->n < GRANTS_MAX)
		of->ids[of->n++] = g->head.id;
	if (of->r >= 0)
		of->r = guard_may_grant(of->s, &g->role);
	return 0;
}

static int grants_of(struct scope *s, const char *field, const struct uuid *id, struct of *ret)
{
	char text[UUID_TEXT + 1];
	struct store_filter f = { field, STORE_EQ, text };
	struct store_list list = { .filters = &f, .n_filters = 1 };

	*ret = (struct of) { .s = s };
	uuid_format(id, text);
	return store_list(s->tx, &grant_type, &list, note_grant, ret, NULL);
}

static int grants_end(struct scope *s, const char *field, const struct uuid *id)
{
	struct access_grant g;
	struct of of;
	int r = grants_of(s, field, id, &of);

	err_clear();
	for (uint32_t i = 0; r >= 0 && i < of.n; i++) {
		r = store_get(s->tx, &grant_type, &of.ids[i], &g, s->arena);
		if (r >= 0)
			r = store_del(s->tx, &grant_type, &of.ids[i], 0, &s->who.id);
		if (r >= 0)
			r = audit_change(s, &grant_type, &g, NULL);
	}
	return r;
}

/* All rights of the other, those from grants too. */
static int may_act_as(struct scope *s, const struct uuid *user, const struct uuid *role)
{
	struct of of;
	int r = guard_may_grant(s, role);

	if (r >= 0)
		r = grants_of(s, "user", user, &of);
	return r < 0 ? r : of.r;
}

static int check_user(struct scope *s, const void *before, void *rec, struct errs *errs)
{
	const struct user *b = before;
	struct user *u = rec;
	int r;

	/* Whoever changes another's password or switches him on can act as him. */
	r = b ? may_act_as(s, &b->head.id, &b->role) : 0;
	if (!u && r >= 0)       /* sessions and grants refer to the user: they go first */
		r = guard_end_sessions(s, &b->head.id);
	if (!u)
		return r < 0 ? r : grants_end(s, "user", &b->head.id);
	if (r >= 0)
		r = guard_may_grant(s, &u->role);
	if (r >= 0)
		r = guard_one_duty(s, &(struct duty_of) { .name = u->name, .holder = u->head.id, .role = u->role });
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
	int r = 0;

	if (!b || !a || b->permissions == a->permissions)
		return 0;
	if (guard_duties(b->permissions & ~a->permissions))
		r = guard_keeps_administrator(s);
	return r < 0 ? r : guard_all_one_duty(s);
}

const struct noun_hooks role_hooks = { .check = check_role, .after = after_role };

/* ---- grants ---- */

static int no_such(const char *field, const struct uuid *id)
{
	char text[UUID_TEXT + 1], what[40];
	struct buf b = BUF_FIXED(what);

	uuid_format(id, text);
	buf_addf(&b, "@%s", field);
	return err_at(err_fail(ERR_NO_SUCH_REF, "field", field, "what", b.data, "value", text, NULL), field);
}

/* Whom it is for, of this tenant; *ret_name is his name. */
static int holder_of(struct scope *s, const struct access_grant *g, struct duty_of *ret)
{
	bool is_user = !uuid_is_zero(&g->user);
	const char *field = is_user ? "user" : "token";
	const struct uuid *id = is_user ? &g->user : &g->token;
	struct token t = { 0 };
	struct user u = { 0 };
	int r;

	if (is_user == !uuid_is_zero(&g->token))
		return err_at(err_fail(ERR_INVALID, "field", field, "rule", "@user_or_token", "value", is_user ? "@both" : "@neither", NULL), field);
	r = is_user ? store_get(s->tx, &user_type, id, &u, s->arena) : store_get(s->tx, &token_type, id, &t, s->arena);
	if (r == -ERR_MISSING || (r >= 0 && !uuid_equal(is_user ? &u.tenant : &t.tenant, &s->tenant_id))) {
		err_clear();
		return no_such(field, id);
	}
	*ret = (struct duty_of) { .name = is_user ? u.name : t.name, .holder = *id, .role = is_user ? u.role : t.role, .grant = g->head.id,
		.grant_role = g->role };
	return r;
}

static int check_place_of(struct scope *s, const struct uuid *place)
{
	_cleanup_(store_rollbackp) struct store_tx *tx = NULL;
	struct store *store;
	struct place p;
	int r;

	if (uuid_is_zero(place))
		return 0;
	r = guard_store_of(s, DEED_TENANT, &store);
	if (r >= 0)
		r = store_begin(store, STORE_READ, s->deadline_ns, &tx);
	if (r >= 0)
		r = store_get(tx, &place_type, place, &p, s->arena);
	if (r == -ERR_MISSING) {
		err_clear();
		return no_such("place", place);
	}
	return r;
}

static int invalid(const char *field, const char *rule, const char *value)
{
	return err_at(err_fail(ERR_INVALID, "field", field, "rule", rule, "value", value, NULL), field);
}

static int check_times(const struct access_grant *g)
{
	if (g->from && g->until && g->from >= g->until)
		return invalid("until", "@after_from", "@the_same");
	if (str_empty(g->hour_from) != str_empty(g->hour_until))
		return invalid(str_empty(g->hour_from) ? "hour_from" : "hour_until", "@rule_both_hours", "@incomplete");
	if (!str_empty(g->hour_from) && str_cmp(g->hour_from, "23:59") > 0)
		return invalid("hour_from", "@rule_hour", g->hour_from);
	if (!str_empty(g->hour_until) && str_cmp(g->hour_until, "24:00") > 0)
		return invalid("hour_until", "@rule_hour", g->hour_until);
	return 0;
}

static int check_grant(struct scope *s, const void *before, void *rec, struct errs *errs)
{
	const struct access_grant *b = before;
	struct access_grant *g = rec;
	struct duty_of who;
	struct of of;
	int r = b ? guard_may_grant(s, &b->role) : 0;

	if (!g || r < 0)
		return errs_put(errs, r);
	r = holder_of(s, g, &who);
	if (r >= 0)
		r = guard_may_grant(s, &g->role);
	if (r >= 0)
		r = check_place_of(s, &g->place);
	if (r >= 0)
		r = check_times(g);
	if (r >= 0)
		r = guard_one_duty(s, &who);
	if (r >= 0 && !b)
		r = grants_of(s, uuid_is_zero(&g->user) ? "token" : "user", &who.holder, &of);
	if (r >= 0 && !b && of.n >= GRANTS_MAX)
		r = err_fail(ERR_LIMIT, "what", "@grant", "max", "32", NULL);
	return errs_put(errs, r);
}

const struct noun_hooks grant_hooks = { .check = check_grant };

/* ---- tokens ---- */

static int check_token(struct scope *s, const void *before, void *rec, struct errs *errs)
{
	struct token *t = rec;
	char secret[SECRET_TEXT_MAX];
	int r;

	if (!t)
		return grants_end(s, "token", &((const struct token *) before)->head.id);
	r = guard_may_grant(s, &t->role);
	if (r >= 0)
		r = guard_one_duty(s, &(struct duty_of) { .name = t->name, .holder = t->head.id, .role = t->role });
	if (r < 0 || before)
		return errs_put(errs, r);
	r = guard_make_token(s, t, secret);
	if (r >= 0)
		s->told = arena_str(s->arena, secret);
	return r;
}

const struct noun_hooks token_hooks = { .check = check_token };

/* ---- tenants ---- */

static int pass_over(void *ctx, const void *rec) { return 0; }

/* Each has stores, links and jobs of its own, which are all looked after at every turn. */
static int one_more_tenant(struct scope *s)
{
	struct store_filter on = { "enabled", STORE_EQ, "true" };
	struct store_page page;
	char max[16], value[16];
	int r = store_list(s->tx, &tenant_type, &(struct store_list) { .filters = &on, .n_filters = 1, .limit = 1, .count = true },
		pass_over, NULL, &page);

	if (r < 0 || page.total < GUARD_TENANTS)
		return MIN(r, 0);
	buf_addf(&BUF_FIXED(max), "%d", GUARD_TENANTS);
	buf_addf(&BUF_FIXED(value), "%llu", (unsigned long long) page.total + 1);
	return err_at(err_fail(ERR_TOO_BIG, "field", "@tenants_enabled", "max", max, "value", value, NULL), "enabled");
}

static int check_tenant(struct scope *s, const void *before, void *rec, struct errs *errs)
{
	const struct tenant *b = before;
	struct tenant *t = rec;
	int r = t && t->enabled && !(b && b->enabled) ? one_more_tenant(s) : 0;

	if (r < 0)
		return errs_put(errs, r);
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
