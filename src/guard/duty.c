/*
 * duty.c - separated administrators (三员分立): whoever looks after the platform, whoever decides who may what, and whoever watches both
 * are different people. What a role amounts to follows from its rights, so a custom role cannot go around it.
 */

#include "base/str.h"
#include "guard/internal.h"

static const struct { enum duty duty; const char *role, *term; enum permission rights[4]; } duties[] = {
	{ DUTY_SYSTEM, "system_administrator", "@system_administrator", { PERM_USER_WRITE, PERM_TENANT_WRITE, PERM_SYSTEM_WRITE, PERM_BACKUP } },
	{ DUTY_SECURITY, "security_administrator", "@security_administrator", { PERM_ROLE_WRITE, PERM_TOKEN_WRITE } },
	{ DUTY_AUDIT, "audit_administrator", "@audit_administrator", { PERM_AUDIT_READ } },
};

unsigned guard_duties(uint32_t permissions)
{
	struct grants g = grants_of_flags(permissions);
	unsigned found = 0;

	for (size_t i = 0; i < ELEMENTSOF(duties); i++)
		for (size_t k = 0; k < ELEMENTSOF(duties[i].rights) && duties[i].rights[k]; k++)
			if (grants_has(g, duties[i].rights[k]))
				found |= duties[i].duty;
	return found;
}

static bool is_one(unsigned duty) { return (duty & (duty - 1)) == 0; }

bool guard_is_separated(struct scope *s)
{
	struct tenant_slot *t;
	struct tenant now;

	if (s->tx) {                    /* of the system's store: as its deed sees it */
		if (store_get(s->tx, &tenant_type, &s->tenant_id, &now, s->arena) >= 0)
			return now.separated;
		err_clear();
	} else {
		tenants_refresh(s->guard);
	}
	mutex_hold(&s->guard->tenants_lock);
	t = tenant_slot(s->guard, s->tenant);
	return t && t->separated;
}

/* ---- nobody has two ---- */

struct summing {
	struct scope *s;
	bool separated;                 /* every right counts, not only the three roles of that name */
	unsigned duties, worst;         /* worst: what the last one added */
	const struct uuid *except;
};

static int add_role(struct summing *sum, const struct uuid *id)
{
	struct access_role role;
	unsigned more = 0;
	int r;

	if (uuid_is_zero(id))
		return 0;
	r = store_get(sum->s->tx, &role_type, id, &role, sum->s->arena);
	if (r == -ERR_MISSING) {        /* whoever puts the record names the field */
		err_clear();
		return 0;
	}
	if (r < 0)
		return r;
	for (size_t i = 0; i < ELEMENTSOF(duties); i++)
		if (role.builtin && str_eq(role.name, duties[i].role))
			more = duties[i].duty;
	if (sum->separated)
		more = guard_duties(role.permissions);
	sum->worst = more & ~sum->duties;
	sum->duties |= more;
	return 0;
}

static int add_grant(void *ctx, const void *rec)
{
	const struct access_grant *g = rec;
	struct summing *sum = ctx;

	return uuid_equal(&g->head.id, sum->except) ? 0 : add_role(sum, &g->role);
}

static int sum_duties(struct summing *sum, const struct duty_of *who)
{
	char id[UUID_TEXT + 1];
	struct store_filter f = { "user", STORE_EQ, id };
	struct store_list of = { .filters = &f, .n_filters = 1 };
	int r = add_role(sum, &who->role);

	sum->except = &who->grant;
	uuid_format(&who->holder, id);
	for (int k = 0; r >= 0 && k < 2 && !uuid_is_zero(&who->holder); k++) {
		f.field = k ? "token" : "user";
		r = store_list(sum->s->tx, &grant_type, &of, add_grant, sum, NULL);
	}
	return r < 0 ? r : add_role(sum, &who->grant_role);
}

static const char *term_of(unsigned duty)
{
	for (size_t i = 0; i < ELEMENTSOF(duties); i++)
		if (duty & duties[i].duty)
			return duties[i].term;
	return "@role";
}

static int one_duty(struct scope *s, const struct duty_of *who, bool separated)
{
	struct summing sum = { .s = s, .separated = separated };
	int r = sum_duties(&sum, who);

	if (r < 0 || is_one(sum.duties))
		return r;
	return err_at(err_fail(ERR_ONE_DUTY, "value", who->name, "what", term_of(sum.worst ? sum.worst : sum.duties), NULL), "role");
}

int guard_one_duty(struct scope *s, const struct duty_of *who)
{
	return one_duty(s, who, guard_is_separated(s));
}

/* ---- turning it on and off ---- */

static int user_named(struct scope *s, const char *name, const char *field, struct user *ret)
{
	int r = str_empty(name) ? err_fail(ERR_REQUIRED, "field", field, NULL) : store_find_by(s->tx, &user_type, "name", name, ret, s->arena);

	if (r == -ERR_MISSING || (r >= 0 && (!uuid_equal(&ret->tenant, &s->tenant_id) || !ret->enabled))) {
		err_clear();
		r = err_fail(ERR_NO_SUCH_REF, "field", field, "what", "@user", "value", name, NULL);
	}
	return r < 0 ? err_at(r, field) : r;
}

/* As everywhere: who takes or gives a role has all its rights, or somebody else lets it happen. */
static int give_role(struct scope *s, struct user *u, const char *role)
{
	struct user before = *u;
	int r = guard_may_grant(s, &before.role);

	if (r >= 0)
		r = guard_role_by_name(s, role, &u->role);
	if (r >= 0)
		r = guard_may_grant(s, &u->role);
	if (r >= 0)
		r = store_put(s->tx, &user_type, u, &s->who.id);
	if (r >= 0)
		r = audit_change(s, &user_type, &before, u);
	return r < 0 ? r : guard_end_sessions(s, &u->head.id);
}

static int set_separated(struct scope *s, bool on)
{
	struct tenant before, after;
	int r = store_get(s->tx, &tenant_type, &s->tenant_id, &before, s->arena);

	if (r < 0)
		return r;
	after = before;
	after.separated = on;
	rec_set_has(&tenant_type, &after, rec_field(&tenant_type, "separated"), true);
	r = store_put(s->tx, &tenant_type, &after, &s->who.id);
	return r < 0 ? r : audit_change(s, &tenant_type, &before, &after);
}

static int check_user(void *ctx, const void *rec)
{
	const struct user *u = rec;

	return u->enabled ? one_duty(ctx, &(struct duty_of) { .name = u->name, .holder = u->head.id, .role = u->role }, true) : 0;
}

static int check_token(void *ctx, const void *rec)
{
	const struct token *t = rec;

	if (t->expires && t->expires <= clock_now_ns())
		return 0;
	return one_duty(ctx, &(struct duty_of) { .name = t->name, .holder = t->head.id, .role = t->role }, true);
}

/* Nobody else keeps two duties: the first who would is named. */
static int check_all(struct scope *s)
{
	char tenant[UUID_TEXT + 1];
	struct store_filter f = { "tenant", STORE_EQ, tenant };
	struct store_list of = { .filters = &f, .n_filters = 1 };
	int r;

	uuid_format(&s->tenant_id, tenant);
	r = store_list(s->tx, &user_type, &of, check_user, s, NULL);
	if (r >= 0)
		r = store_list(s->tx, &token_type, &of, check_token, s, NULL);
	return r < 0 ? r : 0;
}

int guard_all_one_duty(struct scope *s)
{
	return guard_is_separated(s) ? check_all(s) : 0;
}

static int turn_on(struct scope *s, const struct separation_in *in)
{
	const char *const names[] = { in->system, in->security, in->audit };
	static const char *const fields[] = { "system", "security", "audit" };
	struct user u[3];
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ELEMENTSOF(names); i++)
		r = user_named(s, names[i], fields[i], &u[i]);
	for (size_t i = 1; r >= 0 && i < ELEMENTSOF(names); i++)
		for (size_t k = 0; r >= 0 && k < i; k++)
			if (uuid_equal(&u[i].head.id, &u[k].head.id))
				r = err_at(err_fail(ERR_ONE_DUTY, "value", u[i].name, "what", duties[i].term, NULL), fields[i]);
	for (size_t i = 0; r >= 0 && i < ELEMENTSOF(names); i++)
		r = give_role(s, &u[i], duties[i].role);
	if (r >= 0)
		r = check_all(s);
	return r < 0 ? r : set_separated(s, true);
}

static int run_separate(struct scope *s, const void *in_, void *ret)
{
	const struct separation_in *in = in_;
	struct tenant t;
	struct user u;
	int r = store_get(s->tx, &tenant_type, &s->tenant_id, &t, s->arena);

	if (r >= 0 && t.separated == in->on)
		return 0;
	if (r >= 0 && in->on)
		r = scope_need(s, PERM_ROLE_WRITE);
	if (r < 0 || in->on)
		return r < 0 ? r : turn_on(s, in);
	if (s->approver.kind == PRINCIPAL_NOBODY && !s->rehearsal)
		return err_fail(ERR_DENIED, "permission", permission_id(PERM_ROLE_WRITE), NULL);
	r = user_named(s, in->administrator, "administrator", &u);
	if (r >= 0)
		r = set_separated(s, false);
	return r < 0 ? r : give_role(s, &u, "administrator");
}

int guard_separate(struct scope *s, const struct separation_in *in)
{
	static const struct deed deed = DEED("tenant.separate", PERM_USER_WRITE, DEED_SYSTEM, run_separate);

	return scope_do(s, &deed, in, NULL);
}
