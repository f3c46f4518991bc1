/* guard.c - opening: keys, the system's store, tenants and their stores. */

#include <stdatomic.h>

#include "base/num.h"
#include "base/str.h"
#include "guard/internal.h"

const struct store_noun guard_system_nouns[] = {
	{ &tenant_type, 0 }, { &role_type, 0 }, { &user_type, 0 }, { &token_type, 0 }, { &grant_type, 0 }, { &sign_in_rules_type, 0 },
	{ &session_type, STORE_QUIET }, { &one_time_type, STORE_QUIET }, { &audit_type, STORE_QUIET },
};
const struct store_noun guard_tenant_nouns[] = { { &audit_type, STORE_QUIET } };
const size_t guard_n_system_nouns = ELEMENTSOF(guard_system_nouns), guard_n_tenant_nouns = ELEMENTSOF(guard_tenant_nouns);

static int join_nouns(const struct store_noun *own, size_t n_own, const struct store_noun *more, size_t n_more,
	struct store_noun **ret, size_t *ret_n)
{
	struct store_noun *all = sys_alloc_array(n_own + n_more, sizeof(*all));

	if (!all)
		return err_fail(ERR_NO_MEMORY, "what", "the record types", NULL);
	memcpy(all, own, n_own * sizeof(*all));
	if (n_more)
		memcpy(all + n_own, more, n_more * sizeof(*all));
	*ret = all;
	*ret_n = n_own + n_more;
	return 0;
}

/* system/store.db, and the cache that is read anew when it changes. */
static void on_system_commit(void *ctx, uint64_t seq)
{
	struct guard *g = ctx;

	cache_forget(g);
	atomic_fetch_add(&g->tenants_due, 1);
	if (g->on_tenant_commit)
		g->on_tenant_commit(g->ctx, seq);
}

static int open_system(struct guard *g)
{
	char dir[480], path[512];
	int r;

	if (!path_join(dir, sizeof(dir), g->data, "system") || !path_join(path, sizeof(path), dir, "store.db"))
		return err_failf(ERR_CONFIG, "the path of the data folder is too long");
	r = g->look ? 0 : dir_make(dir, 0700);
	if (r < 0)
		return r;
	audit_head_init(&g->system_head, path);
	r = store_open(&g->system, &(struct store_config) { .path = g->system_head.store_path, .url = g->store, .schema = "tenon_system",
		.sole = g->sole, .look = g->look, .name = "the system's store", .nouns = g->system_nouns, .n_nouns = g->n_system_nouns, .queries = &guard_queries, .n_queries = 1, .seal = &g->seal });
	if (r < 0)
		return r;
	store_on_commit(g->system, on_system_commit, g);
	return audit_head_open(g, &g->system_head, g->system);
}

int guard_open(struct guard **ret, const struct guard_config *c)
{
	_cleanup_(guard_closep) struct guard *g = sys_new(struct guard);
	char dummy[PASSWORD_HASH_MAX];
	int r;

	if (!g)
		return err_fail(ERR_NO_MEMORY, "what", "guard", NULL);
	g->cost = (struct argon_cost) { c->argon_kib ? c->argon_kib : 19456, c->argon_passes ? c->argon_passes : 2,
		c->argon_lanes ? c->argon_lanes : 1 };
	mutex_init(&g->tenants_lock);
	mutex_init(&g->cache_lock);
	mutex_init(&g->throttle_lock);
	mutex_init(&g->rules_lock);
	mutex_init(&g->system_head.lock);
	g->tenant_queries = c->tenant_queries;
	g->n_tenant_queries = c->n_tenant_queries;
	g->on_tenant_commit = c->on_tenant_commit;
	g->ctx = c->ctx;
	g->cache = sys_alloc_array(CACHE_SLOTS, sizeof(*g->cache));
	g->attempts = sys_alloc_array(THROTTLE_SLOTS, sizeof(*g->attempts));
	g->tenants = sys_alloc_array(TENANTS_MAX, sizeof(*g->tenants));
	if (!g->cache || !g->attempts || !g->tenants)
		return err_fail(ERR_NO_MEMORY, "what", "guard", NULL);
	if (str_len(c->data) >= sizeof(g->data))
		return err_failf(ERR_CONFIG, "the path of the data folder is too long");
	memcpy(g->data, c->data, str_len(c->data) + 1);
	g->sole = c->sole;
	g->look = c->look;
	g->store = sys_strdup(c->store);
	if (c->store && !g->store)
		return err_fail(ERR_NO_MEMORY, "what", "guard", NULL);
	r = join_nouns(guard_system_nouns, guard_n_system_nouns, c->system_nouns, c->n_system_nouns, &g->system_nouns, &g->n_system_nouns);
	if (r >= 0)
		r = join_nouns(guard_tenant_nouns, guard_n_tenant_nouns, c->tenant_nouns, c->n_tenant_nouns, &g->tenant_nouns, &g->n_tenant_nouns);
	if (r >= 0 && !g->look)
		r = dir_make(g->data, 0700);
	if (r >= 0)
		r = keys_open(g);
	if (r >= 0)
		r = open_system(g);
	if (r >= 0 && !g->look)
		r = records_first_start(g);
	if (r >= 0)
		r = rules_load(g);
	if (r >= 0)
		r = tenants_load(g);
	if (r >= 0)
		r = guard_tenant_id(g, TENANT_DEFAULT, &g->default_tenant);
	if (r < 0)
		return r;
	password_dummy(&g->cost, dummy);
	g->dummy_hash = sys_strdup(dummy);
	if (!g->dummy_hash)
		return err_fail(ERR_NO_MEMORY, "what", "guard", NULL);
	*ret = take(g);
	return 0;
}

struct guard *guard_close(struct guard *g)
{
	if (!g)
		return NULL;
	if (g->system)
		cache_flush(g);
	for (uint32_t i = 0; i < g->n_tenants; i++) {
		store_close(g->tenants[i]->store);
		mutex_done(&g->tenants[i]->head.lock);
		sys_free(g->tenants[i]);
	}
	store_close(g->system);
	mutex_done(&g->system_head.lock);
	mutex_done(&g->tenants_lock);
	mutex_done(&g->cache_lock);
	mutex_done(&g->throttle_lock);
	mutex_done(&g->rules_lock);
	wipe(g->seal_key, sizeof(g->seal_key));
	wipe(g->head_key, sizeof(g->head_key));
	wipe(g->csrf_key, sizeof(g->csrf_key));
	wipe(g->print_key, sizeof(g->print_key));
	sys_free(g->tenants);
	sys_free(g->cache);
	sys_free(g->attempts);
	sys_free(g->system_nouns);
	sys_free(g->tenant_nouns);
	sys_free(g->dummy_hash);
	sys_free(g->store);
	return sys_free(g);
}

/* ---- tenants ---- */

static int note_tenant(void *ctx, const void *rec)
{
	struct guard *g = ctx;
	const struct tenant *t = rec;
	struct tenant_slot *slot = tenant_slot(g, t->number);

	if (!slot) {
		if (g->n_tenants == TENANTS_MAX)
			return err_fail(ERR_LIMIT, "what", "@tenant", "max", "4096", NULL);
		slot = sys_new(struct tenant_slot);
		if (!slot)
			return err_fail(ERR_NO_MEMORY, "what", "a tenant", NULL);
		mutex_init(&slot->head.lock);
		slot->number = t->number;
		slot->id = t->head.id;
		g->tenants[g->n_tenants++] = slot;
	}
	slot->enabled = t->enabled;
	slot->separated = t->separated;
	return 0;
}

/* Slots are added, never freed before the close: a pointer stays good without the lock. */
int tenants_load(struct guard *g)
{
	_cleanup_(store_rollbackp) struct store_tx *tx = NULL;
	struct store_list all = { 0 };
	unsigned due = atomic_load(&g->tenants_due);
	int r = store_begin(g->system, STORE_READ, clock_deadline(2000), &tx);

	if (r < 0)
		return r;
	mutex_hold(&g->tenants_lock);
	r = store_list(tx, &tenant_type, &all, note_tenant, g, NULL);
	if (r == 0)                             /* not before: who asks meanwhile must not be content with the old list */
		atomic_store(&g->tenants_seen, due);
	return r;
}

/* Something in the system's store changed since they were read. Not with a transaction open: readers are few. */
void tenants_refresh(struct guard *g)
{
	if (atomic_load(&g->tenants_seen) != atomic_load(&g->tenants_due) && tenants_load(g) < 0)
		err_clear();
}

struct tenant_slot *tenant_slot(struct guard *g, uint32_t number)
{
	for (uint32_t i = 0; i < g->n_tenants; i++)
		if (g->tenants[i]->number == number)
			return g->tenants[i];
	return NULL;
}

struct tenant_slot *tenant_slot_by_id(struct guard *g, const struct uuid *id)
{
	mutex_hold(&g->tenants_lock);

	for (uint32_t i = 0; i < g->n_tenants; i++)
		if (uuid_equal(&g->tenants[i]->id, id))
			return g->tenants[i];
	return NULL;
}

static int open_tenant(struct guard *g, struct tenant_slot *t)
{
	char number[NUM_TEXT_MAX], dir[480], tenants[440], path[512], schema[40] = "", name[40] = "";
	int r;

	buf_addf(&BUF_FIXED(name), "the store of tenant %u", t->number);
	buf_addf(&BUF_FIXED(schema), "tenon_%u", t->number);
	num_format_u64(number, t->number);      /* one folder a tenant: its samples lie there, too */
	if (!path_join(tenants, sizeof(tenants), g->data, "tenants") || !path_join(dir, sizeof(dir), tenants, number)
		|| !path_join(path, sizeof(path), dir, "store.db"))
		return err_failf(ERR_CONFIG, "the path of the data folder is too long");
	r = g->look ? 0 : dir_make(dir, 0700);
	if (r < 0)
		return r;
	audit_head_init(&t->head, path);
	r = store_open(&t->store, &(struct store_config) { .path = t->head.store_path, .url = g->store, .schema = schema,
		.look = g->look, .name = name, .nouns = g->tenant_nouns, .n_nouns = g->n_tenant_nouns, .queries = g->tenant_queries, .n_queries = g->n_tenant_queries, .seal = &g->seal });
	if (r < 0)
		return r;
	if (g->on_tenant_commit)
		store_on_commit(t->store, g->on_tenant_commit, g->ctx);
	r = audit_head_open(g, &t->head, t->store);
	if (r < 0)
		t->store = store_close(t->store);
	return r;
}

static int tenant_store(struct guard *g, uint32_t number, struct store **ret)
{
	struct tenant_slot *t;
	int r = 0;

	tenants_refresh(g);
	mutex_hold(&g->tenants_lock);
	t = tenant_slot(g, number);
	if (!t)
		return err_fail(ERR_MISSING, "what", "@tenant", NULL);
	if (!t->store)
		r = open_tenant(g, t);
	if (r < 0)
		return r;
	*ret = t->store;
	return 0;
}

struct store *guard_tenant_store(struct guard *g, uint32_t tenant)
{
	struct store *store;

	return tenant_store(g, tenant, &store) < 0 ? NULL : store;
}

void tenants_rest(struct guard *g)
{
	store_rest(g->system);
	mutex_hold(&g->tenants_lock);
	for (uint32_t i = 0; i < g->n_tenants; i++)
		if (g->tenants[i]->store)
			store_rest(g->tenants[i]->store);
}

struct store *guard_system_store(struct guard *g)
{
	return g->system;
}

int guard_store_of(struct scope *s, enum deed_store which, struct store **ret)
{
	if (which == DEED_TENANT)
		return tenant_store(s->guard, s->tenant, ret);
	*ret = s->guard->system;
	return 0;
}

struct audit_head *audit_head_of(struct scope *s, enum deed_store which)
{
	if (which == DEED_SYSTEM)
		return &s->guard->system_head;
	mutex_hold(&s->guard->tenants_lock);
	return &tenant_slot(s->guard, s->tenant)->head;
}

uint32_t guard_tenants(struct guard *g, uint32_t ret[GUARD_TENANTS])
{
	uint32_t n = 0;

	tenants_refresh(g);
	mutex_hold(&g->tenants_lock);
	for (uint32_t i = 0; i < g->n_tenants && n < GUARD_TENANTS; i++)
		if (g->tenants[i]->enabled)
			ret[n++] = g->tenants[i]->number;
	return n;
}

int guard_tenant_id(struct guard *g, uint32_t tenant, struct uuid *ret)
{
	struct tenant_slot *t;

	mutex_hold(&g->tenants_lock);
	t = tenant_slot(g, tenant);
	if (!t)
		return err_fail(ERR_MISSING, "what", "@tenant", NULL);
	*ret = t->id;
	return 0;
}

void scope_system(struct scope *s, struct guard *g, struct platform *p, struct arena *a, const char *name)
{
	*s = (struct scope) { .guard = g, .platform = p, .arena = a, .tenant = TENANT_DEFAULT, .grants = { UINT64_MAX }, .rights_until_ns = INT64_MAX,
		.who = { .kind = PRINCIPAL_SYSTEM, .name = name, .role = "" } };
	if (guard_tenant_id(g, TENANT_DEFAULT, &s->tenant_id) < 0)
		err_clear();
}

int scope_enter(struct scope *s, const struct uuid *tenant)
{
	struct tenant_slot *t;
	int r = s->who.kind == PRINCIPAL_SYSTEM ? 0 : scope_need(s, PERM_TENANT_WRITE);

	if (r < 0)
		return r;
	tenants_refresh(s->guard);
	t = tenant_slot_by_id(s->guard, tenant);
	if (!t) {
		char text[UUID_TEXT + 1];
		uuid_format(tenant, text);
		return err_fail(ERR_MISSING, "what", "@tenant", "value", text, NULL);
	}
	s->tenant = t->number;
	s->tenant_id = t->id;
	s->placed = NULL;               /* places are the other tenant's */
	s->n_placed = 0;
	s->reach = NULL;
	return 0;
}
