/* follow.c - see follow.h. Groups are the unit: a group whose points changed is read whole and set again. */
#include "daemon/follow.h"

#include "base/map.h"
#include "base/str.h"
#include "daemon/prime.h"
#include "link/link.h"
#include "plant/plant.h"
#include "store/store.h"
#include "sys/sys.h"

enum { RETRY_MS = 200, GONE_MS = 1000 };

struct dirty { struct uuid group; uint32_t tenant; };

struct follow {
	struct platform *platform;
	struct loop *loop;
	struct work_pool *pool;
	struct post post;
	struct timer retry;             /* the workers were busy */
	struct work work;
	bool running, again, stopped;   /* loop thread */
	bool missed;                    /* of the run: the store could not be asked; once more, later */
	struct prime *primes[GUARD_TENANTS];      /* read by the first run, for the bus */
	bool is_primed;
	uint32_t active[GUARD_TENANTS], n_active; /* tenants whose links run; of the run */
	uint32_t idle[GUARD_TENANTS], n_idle;     /* those that were disabled since */
	struct mutex lock;              /* guards dirty */
	struct map dirty;               /* struct dirty: groups to be set again */
};

static bool same_group(const void *item, const void *key)
{
	return uuid_equal(&((const struct dirty *) item)->group, key);
}

int follow_new(struct follow **ret, struct platform *p, struct loop *loop, struct work_pool *pool)
{
	struct follow *f = sys_new(struct follow);

	if (!f)
		return err_fail(ERR_NO_MEMORY, "what", "the links' records", NULL);
	f->platform = p;
	f->loop = loop;
	f->pool = pool;
	f->dirty = MAP_INIT(&sys_heap);
	mutex_init(&f->lock);
	*ret = f;
	return 0;
}

struct follow *follow_free(struct follow *f)
{
	struct dirty *d;
	size_t at = 0;

	if (!f)
		return NULL;
	while ((d = map_next(&f->dirty, &at)))
		sys_free(d);
	map_done(&f->dirty);
	mutex_done(&f->lock);
	sys_free(f);
	return NULL;
}

/* --- Marking ----------------------------------------------------------------------------------------------------------- */

static void mark(struct follow *f, uint32_t tenant, const struct uuid *group)
{
	uint64_t hash = hash_bytes(group, sizeof(*group));
	struct dirty *d;

	mutex_hold(&f->lock);
	if (map_find(&f->dirty, hash, same_group, group))
		return;
	d = sys_new(struct dirty);
	if (d)
		*d = (struct dirty) { *group, tenant };
	if (!d || !map_put(&f->dirty, hash, d)) {
		sys_free(d);
		log_error("daemon", "no memory to follow a change of a scan group; it takes effect at the next change or start");
	}
}

static void gone(struct follow *f, const struct uuid *id)
{
	int r = link_remove(f->platform->link, id);

	if (r < 0) {
		struct err e = err_take(r);

		if (e.kind != ERR_MISSING && e.kind != ERR_STOPPING)
			log_warn("daemon", "%s", err_log_text(&e));
	}
}

static bool may_pass(int r)
{
	return r == -ERR_UNAVAILABLE || r == -ERR_BUSY;
}

static void complain(int r, const char *what, const char *code)
{
	struct err e = err_take(r);

	if (e.kind != ERR_STOPPING)
		log_warn("daemon", "%s %s: %s", what, code, err_log_text(&e));
}

static int mark_row(void *ctx, const void *rec)
{
	struct follow *f = ((void **) ctx)[0];
	const uint32_t *tenant = ((void **) ctx)[1];

	mark(f, *tenant, &((const struct group *) rec)->head.id);
	return 0;
}

/* A device that moved to another connection lost its groups there. */
static void mark_groups_of(struct follow *f, uint32_t tenant, const struct uuid *device)
{
	_cleanup_(store_rollbackp) struct store_tx *tx = NULL;
	char id[UUID_TEXT + 1];
	struct store_filter filter = { "device", STORE_EQ, id };
	struct store_list list = { .filters = &filter, .n_filters = 1 };
	void *ctx[] = { f, &tenant };

	uuid_format(device, id);
	if (store_begin(guard_tenant_store(f->platform->guard, tenant), STORE_READ, 0, &tx) < 0
	    || store_list(tx, &group_type, &list, mark_row, ctx, NULL) < 0)
		complain(-err_peek()->kind, "device", id);
}

static void set_connection(struct follow *f, uint32_t tenant, const struct connection *c)
{
	int r;

	if (str_eq(c->driver, "push"))          /* nothing to read: samples are sent to it */
		return;
	r = link_set_connection(f->platform->link, tenant, c);
	if (r < 0)
		complain(r, "connection", c->code);
}

static void set_device(struct follow *f, uint32_t tenant, const struct device *d)
{
	int r = link_set_device(f->platform->link, d);

	if (r == -ERR_MISSING)
		err_clear();                    /* of a connection without a driver of ours */
	else if (r < 0)
		complain(r, "device", d->code);
	else if (r == 1)
		mark_groups_of(f, tenant, &d->head.id);
}

void follow_on_event(void *ctx, const struct plant_event *e)
{
	struct follow *f = ctx;

	switch (e->what) {
	case PLANT_CONNECTION:
		if (e->rec)
			set_connection(f, e->tenant, e->rec);
		else
			gone(f, &e->id);
		break;
	case PLANT_DEVICE:
		if (e->rec)
			set_device(f, e->tenant, e->rec);
		else
			gone(f, &e->id);
		break;
	case PLANT_GROUP:
		if (e->rec)
			mark(f, e->tenant, &e->id);
		else
			gone(f, &e->id);
		break;
	case PLANT_POINT:
		mark(f, e->tenant, &e->point->group);
		break;
	default:
		break;
	}
}

/* --- Setting groups ---------------------------------------------------------------------------------------------------- */

struct reading {
	struct follow *follow;
	struct arena arena;
	uint32_t tenant, n, room;
	struct link_point *points;
};

static int read_point(void *ctx, const void *rec)
{
	struct reading *r = ctx;
	const struct point *p = rec;
	struct point *copy = arena_new(&r->arena, struct point);
	struct plant_point known;

	if (!copy || rec_dup(&point_type, copy, p, &r->arena) < 0)
		return err_fail(ERR_NO_MEMORY, "what", "@point", NULL);
	if (plant_by_id(r->follow->platform->plant, r->tenant, &p->head.id, &r->arena, &known) < 0) {
		err_clear();                    /* made this moment: its own event is on the way */
		return 0;
	}
	if (r->n == r->room) {
		uint32_t room = MAX(r->room * 2, 64u);
		struct link_point *grown = arena_array(&r->arena, struct link_point, room);

		if (!grown)
			return err_fail(ERR_NO_MEMORY, "what", "@point", NULL);
		if (r->n)
			memcpy(grown, r->points, r->n * sizeof(*grown));
		r->points = grown;
		r->room = room;
	}
	r->points[r->n++] = (struct link_point) { known.series, copy };
	return 0;
}

static int set_group(struct reading *r, struct store_tx *tx, const struct uuid *id)
{
	struct errs errs = { .arena = &r->arena };
	char text[UUID_TEXT + 1];
	struct store_filter filter = { "group", STORE_EQ, text };
	struct store_list list = { .filters = &filter, .n_filters = 1 };
	struct group group;
	int n = store_get(tx, &group_type, id, &group, &r->arena);

	if (n < 0)
		return n;
	uuid_format(id, text);
	n = store_list(tx, &point_type, &list, read_point, r, NULL);
	if (n >= 0)
		n = link_set_group(r->follow->platform->link, &group, r->points, r->n, &errs);
	if (n > 0 && errs.n)
		log_warn("daemon", "scan group %s: %d points cannot be read as configured, the first: %s", group.code, n,
			err_log_text(errs.item[0]));
	return n < 0 ? n : 0;
}

static void set_dirty(struct follow *f, const struct dirty *d)
{
	struct reading r = { .follow = f, .tenant = d->tenant };
	struct store_tx *tx = NULL;
	int e;

	arena_init(&r.arena, &sys_heap, 0);
	e = store_begin(guard_tenant_store(f->platform->guard, d->tenant), STORE_READ, 0, &tx);
	if (e == 0)
		e = set_group(&r, tx, &d->group);
	store_rollback(tx);
	if (may_pass(e)) {
		mark(f, d->tenant, &d->group);
		f->missed = true;
	}
	if (e == -ERR_MISSING)
		err_clear();                    /* deleted, or of a connection without a driver of ours */
	else if (e < 0)
		complain(e, "scan group", "");
	arena_done(&r.arena);
}

static struct dirty *take_dirty(struct follow *f)
{
	size_t at = 0;
	struct dirty *d;

	mutex_hold(&f->lock);
	d = map_next(&f->dirty, &at);
	if (d)
		map_del(&f->dirty, hash_bytes(&d->group, sizeof(d->group)), same_group, &d->group);
	return d;
}

/* --- Tenants that are disabled and enabled ----------------------------------------------------------------------------- */

static bool is_among(const uint32_t *tenants, uint32_t n, uint32_t tenant)
{
	for (uint32_t i = 0; i < n; i++)
		if (tenants[i] == tenant)
			return true;
	return false;
}

struct switching { struct follow *follow; uint32_t tenant; bool on; };

static int switch_connection(void *ctx, const void *rec)
{
	struct switching *s = ctx;

	if (s->on)
		set_connection(s->follow, s->tenant, rec);
	else
		gone(s->follow, &((const struct connection *) rec)->head.id);
	return 0;
}

static int switch_device(void *ctx, const void *rec)
{
	struct switching *s = ctx;

	set_device(s->follow, s->tenant, rec);
	return 0;
}

static int switch_group(void *ctx, const void *rec)
{
	struct switching *s = ctx;

	mark(s->follow, s->tenant, &((const struct group *) rec)->head.id);
	return 0;
}

/* With its connections go devices and groups; they come back parents first. */
static bool switch_tenant(struct follow *f, uint32_t tenant, bool on)
{
	_cleanup_(store_rollbackp) struct store_tx *tx = NULL;
	struct switching s = { f, tenant, on };
	struct store_list all = { 0 };
	struct store *store = guard_tenant_store(f->platform->guard, tenant);
	int r = store ? store_begin(store, STORE_READ, 0, &tx) : -err_peek()->kind;

	if (r == 0)
		r = store_list(tx, &connection_type, &all, switch_connection, &s, NULL);
	if (r == 0 && on)
		r = store_list(tx, &device_type, &all, switch_device, &s, NULL);
	if (r == 0 && on)
		r = store_list(tx, &group_type, &all, switch_group, &s, NULL);
	if (r < 0)
		complain(r, "tenant", "");
	return r == 0;
}

/* Who is disabled is not read from any more. What fails is tried again by the next run. */
static void follow_tenants(struct follow *f, const uint32_t *tenants, uint32_t n)
{
	for (uint32_t i = 0; i < f->n_active; i++)
		if (!is_among(tenants, n, f->active[i]) && f->n_idle < GUARD_TENANTS && switch_tenant(f, f->active[i], false)) {
			f->idle[f->n_idle++] = f->active[i];
			f->active[i--] = f->active[--f->n_active];
		}
	for (uint32_t i = 0; i < n; i++)
		if (!is_among(f->active, f->n_active, tenants[i]) && f->n_active < GUARD_TENANTS)
			f->active[f->n_active++] = tenants[i];
	for (uint32_t i = 0; i < f->n_idle; i++)
		if (is_among(tenants, n, f->idle[i]) && switch_tenant(f, f->idle[i], true))
			f->idle[i--] = f->idle[--f->n_idle];
}

/* --- Running ----------------------------------------------------------------------------------------------------------- */

static int run(struct work *w, void *worker)
{
	struct follow *f = CONTAINER_OF(w, struct follow, work);
	uint32_t tenants[GUARD_TENANTS], n = guard_tenants(f->platform->guard, tenants);
	struct dirty *d;

	for (uint32_t i = 0; i < n && !work_is_cancelled(w); i++) {
		struct store *store = guard_tenant_store(f->platform->guard, tenants[i]);
		int r = store ? plant_sync(f->platform->plant, tenants[i], store) : 0;

		if (r == 0 && !f->is_primed)
			r = prime_read(f->platform, tenants[i], &f->primes[i]);
		f->missed |= may_pass(r);
		if (r < 0)
			complain(r, "tenant", "");
	}
	f->is_primed = true;
	follow_tenants(f, tenants, n);
	while (!work_is_cancelled(w) && !f->missed && (d = take_dirty(f))) {
		set_dirty(f, d);
		sys_free(d);
	}
	return 0;
}

static void kick(void *arg);

static void on_done(struct work *w)
{
	struct follow *f = CONTAINER_OF(w, struct follow, work);

	f->running = false;
	for (size_t i = 0; i < GUARD_TENANTS; i++) {
		prime_put(f->primes[i], f->platform->bus);
		f->primes[i] = NULL;
	}
	if (f->again && !f->stopped)
		kick(f);
	else if (f->missed && !f->stopped)
		timer_start(f->loop, &f->retry, GONE_MS, kick, f);
}

static void kick(void *arg)
{
	struct follow *f = arg;

	if (f->stopped)
		return;
	f->again = f->running;
	if (f->running)
		return;
	f->work = (struct work) { 0 };
	f->missed = false;
	f->running = work_submit(f->pool, f->loop, &f->work, run, on_done) == 0;
	if (!f->running) {
		err_clear();
		timer_start(f->loop, &f->retry, RETRY_MS, kick, f);
	}
}

void follow_kick(struct follow *f)
{
	loop_wake(f->loop, &f->post, kick, f);
}

void follow_stop(struct follow *f)
{
	f->stopped = true;
	timer_stop(&f->retry);
	if (f->running)
		work_cancel(&f->work);
}
