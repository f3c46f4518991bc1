/* control.c - the records as last set: compares, builds what changed, sends it to the thread that lives with it. */
#include "link/engine.h"

#include "base/str.h"

/* What was set, as a fingerprint: `heavy` needs a new session, plan or address; `light` is a flag or a name. */
struct print { uint64_t a, b; };

struct entry {
	struct uuid id;
	uint8_t kind;
	bool seen;                      /* by the link_apply() under way */
	uint32_t tenant;
	int n_bad;
	struct entry *parent;
	const struct driver *driver;
	struct print heavy, light;
	struct link_thread *thread;
	void *live;                     /* conn, dev or group_rt: named in messages, never looked at here */
	struct cell *cell;
};

/* ---- fingerprints ---- */

static void print_bytes(struct print *p, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < n; i++) {
		p->a = (p->a ^ at[i]) * UINT64_C(0x100000001B3);
		p->b = ((p->b << 5 | p->b >> 59) ^ at[i]) * UINT64_C(0x9E3779B97F4A7C15);
	}
}

static void print_text(struct print *p, const char *text)
{
	print_bytes(p, text ? text : "", str_len(text ? text : "") + 1);
}

#define print_member(p, m) print_bytes((p), &(m), sizeof(m))
static const struct print print_start = { UINT64_C(0xCBF29CE484222325), 1 };

static bool same(struct print x, struct print y) { return x.a == y.a && x.b == y.b; }

static void print_point(struct print *p, const struct link_point *lp)
{
	const struct point *q = lp->point;

	print_member(p, lp->series);
	print_bytes(p, q->head.has, sizeof(q->head.has));
	print_text(p, q->address);
	print_member(p, q->type);
	print_member(p, q->access);
	print_member(p, q->byte_order);
	print_member(p, q->bit);
	print_member(p, q->enabled);
	print_member(p, q->scale);
	print_member(p, q->offset);
	print_member(p, q->raw_min);
	print_member(p, q->raw_max);
	print_member(p, q->eng_min);
	print_member(p, q->eng_max);
	print_member(p, q->clamp);
	print_member(p, q->decimals);
}

/* ---- the list of what there is ---- */

static struct entry *find(struct link *l, const struct uuid *id, uint32_t *ret_at)
{
	uint32_t lo = 0, hi = l->n_entries;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;
		int c = uuid_cmp(&l->entries[mid]->id, id);

		if (c == 0) {
			*ret_at = mid;
			return l->entries[mid];
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	*ret_at = lo;
	return NULL;
}

static int find_kind(struct link *l, const struct uuid *id, enum link_kind kind, const char *what, struct entry **ret)
{
	char text[UUID_TEXT + 1];
	uint32_t at;
	struct entry *e = find(l, id, &at);

	if (e && e->kind == kind) {
		*ret = e;
		return 0;
	}
	uuid_format(id, text);
	return err_fail(ERR_MISSING, "what", what, "value", text, NULL);
}

/* What is live has gone by then, and messages would speak of it. */
int control_runs(const struct link *l)
{
	return l->stopped ? err_fail(ERR_STOPPING, NULL, NULL) : 0;
}

int control_find(struct link *l, const struct uuid *id, enum link_kind kind, const char *what, struct target *ret)
{
	struct entry *e;
	int r = find_kind(l, id, kind, what, &e);

	if (r < 0)
		return r;
	*ret = (struct target) { .thread = e->thread, .driver = e->driver, .tenant = e->tenant, .live = e->live,
		.conn = kind == LINK_CONNECTION ? e->live : kind == LINK_DEVICE ? e->parent->live : e->parent->parent->live };
	return 0;
}

/* Room for a new entry is made before anything is sent, so that sending cannot fail half-way. */
static int entry_new(struct link *l, const struct uuid *id, enum link_kind kind, const struct link_status *first, struct entry **ret)
{
	_cleanup_free_ struct entry *e = sys_new(struct entry);
	int r;

	if (l->n_entries == l->entries_room) {
		uint32_t room = MAX(l->entries_room * 2, 64u);
		struct entry **more = sys_resize(l->entries, room * sizeof(*more));

		if (!more)
			return err_fail(ERR_NO_MEMORY, "what", "@record", NULL);
		l->entries = more;
		l->entries_room = room;
	}
	if (!e)
		return err_fail(ERR_NO_MEMORY, "what", "@record", NULL);
	r = cell_new(&e->cell, first);
	if (r < 0)
		return r;
	e->id = *id;
	e->kind = kind;
	*ret = take(e);
	return 0;
}

static void entry_add(struct link *l, struct entry *e)
{
	uint32_t at;

	find(l, &e->id, &at);
	memmove(l->entries + at + 1, l->entries + at, (l->n_entries - at) * sizeof(*l->entries));
	l->entries[at] = e;
	l->n_entries++;
}

static void put_under(struct entry *e, struct entry *parent)
{
	e->tenant = parent->tenant;
	e->parent = parent;
	e->driver = parent->driver;
	e->thread = parent->thread;
}

static void entry_drop(struct link *l, uint32_t at)
{
	cell_unref(l->entries[at]->cell);
	sys_free(l->entries[at]);
	l->n_entries--;
	memmove(l->entries + at, l->entries + at + 1, (l->n_entries - at) * sizeof(*l->entries));
}

/* ---- messages ---- */

static int change_new(struct link_thread *t, enum change_kind kind, struct change **ret)
{
	struct change *m = sys_new(struct change);

	if (!m)
		return err_fail(ERR_NO_MEMORY, "what", "@record", NULL);
	m->thread = t;
	m->kind = kind;
	*ret = m;
	return 0;
}

static void change_send(struct change *m)
{
	atomic_fetch_add(&m->thread->n_waiting, 1);
	loop_send(m->thread->loop, &m->post, change_run, m);
}

static int refuse_kind(const struct uuid *id)
{
	char text[UUID_TEXT + 1];

	uuid_format(id, text);
	return err_fail(ERR_EXISTS, "what", "@record", "field", "id", "value", text, NULL);
}

static int light_change(struct entry *e, enum change_kind kind, bool enabled, const char *name, struct print light)
{
	struct change *m = NULL;
	int r = change_new(e->thread, kind, &m);

	if (r < 0)
		return r;
	m->conn = kind == CHANGE_CONN_LIGHT ? e->live : e->parent->live;
	m->dev = kind == CHANGE_CONN_LIGHT ? NULL : e->live;
	m->enabled = enabled;
	link_name_cut(m->name, name);
	e->light = light;
	change_send(m);
	return 0;
}

/* ---- connections ---- */

static int put_connection(struct link *l, uint32_t tenant, const struct connection *c, const struct driver *d)
{
	struct print heavy = print_start, light = print_start;
	_cleanup_free_ struct entry *fresh = NULL;
	_cleanup_free_ struct change *m = NULL;
	struct link_thread *place = NULL;       /* those that wait for calls share listeners */
	struct conn *built = NULL;
	struct entry *e;
	uint32_t at;
	int r;

	print_text(&heavy, c->driver);
	print_text(&heavy, c->config);
	print_member(&light, c->enabled);
	print_text(&light, c->code);
	e = find(l, &c->head.id, &at);
	if (e && (e->kind != LINK_CONNECTION || e->tenant != tenant))
		return refuse_kind(&c->head.id);
	if (e && e->driver != d)
		return err_at(err_fail(ERR_IMMUTABLE, "field", "@driver", NULL), "driver");
	if (e && same(e->heavy, heavy))
		return same(e->light, light) ? 0 : light_change(e, CHANGE_CONN_LIGHT, c->enabled, c->code, light);
	r = conn_build(tenant, c, d, &built);
	if (r == 0)
		place = built->end.transport == DRIVER_DIAL_IN ? &l->threads[0] : &l->threads[l->next_thread];
	if (r == 0)
		r = change_new(e ? e->thread : place, CHANGE_CONN, &m);
	if (r == 0 && !e)
		r = entry_new(l, &c->head.id, LINK_CONNECTION, &built->status, &fresh);
	if (r < 0) {
		conn_free(built);
		return r;
	}
	if (!e) {
		e = take(fresh);
		e->tenant = tenant;
		e->driver = d;
		e->thread = place;
		l->next_thread = (l->next_thread + 1) % l->config.threads;
		e->live = built;
		built->cell = cell_ref(e->cell);
		entry_add(l, e);
	} else
		m->conn = e->live;
	e->heavy = heavy;
	e->light = light;
	m->new_conn = built;
	change_send(take(m));
	return 0;
}

int link_set_connection(struct link *l, uint32_t tenant, const struct connection *c)
{
	const struct driver *d = driver_find(c->driver);

	if (!d)
		return err_at(err_fail(ERR_MISSING, "what", "@driver", "value", c->driver, NULL), "driver");
	mutex_hold(&l->mutex);
	return control_runs(l) < 0 ? -ERR_STOPPING : put_connection(l, tenant, c, d);
}

/* ---- devices ---- */

static int remove_entry(struct link *l, uint32_t at);

static int put_device(struct link *l, const struct device *device)
{
	struct print heavy = print_start, light = print_start;
	_cleanup_free_ struct entry *fresh = NULL;
	_cleanup_free_ struct change *m = NULL;
	struct entry *e, *parent;
	struct dev *built = NULL;
	int r, moved = 0;
	uint32_t at;

	r = find_kind(l, &device->connection, LINK_CONNECTION, "@connection", &parent);
	if (r < 0)
		return err_at(r, "connection");
	print_text(&heavy, device->config);
	print_member(&light, device->enabled);
	print_text(&light, device->code);
	e = find(l, &device->head.id, &at);
	if (e && e->kind != LINK_DEVICE)
		return refuse_kind(&device->head.id);
	if (e && e->parent == parent && same(e->heavy, heavy))
		return same(e->light, light) ? 0 : light_change(e, CHANGE_DEV_LIGHT, device->enabled, device->code, light);
	r = dev_build(parent->driver, device, &built);
	if (r < 0)
		return r;
	if (e && e->parent != parent) {
		remove_entry(l, at);
		e = NULL;
		moved = 1;
	}
	r = change_new(parent->thread, CHANGE_DEV, &m);
	if (r == 0 && !e)
		r = entry_new(l, &device->head.id, LINK_DEVICE, &built->status, &fresh);
	if (r < 0) {
		dev_free(built);
		return r;
	}
	if (!e) {
		e = take(fresh);
		put_under(e, parent);
		e->live = built;
		built->cell = cell_ref(e->cell);
		entry_add(l, e);
	} else
		m->dev = e->live;
	e->heavy = heavy;
	e->light = light;
	m->conn = parent->live;
	m->new_dev = built;
	change_send(take(m));
	return moved;
}

int link_set_device(struct link *l, const struct device *d)
{
	mutex_hold(&l->mutex);
	return control_runs(l) < 0 ? -ERR_STOPPING : put_device(l, d);
}

/* ---- groups ---- */

static int put_group(struct link *l, const struct group *g, const struct link_point *points, uint32_t n, struct errs *errs)
{
	struct print heavy = print_start;
	_cleanup_free_ struct entry *fresh = NULL;
	_cleanup_free_ struct change *m = NULL;
	struct group_rt *built = NULL;
	struct entry *e, *parent;
	uint32_t at;
	int r = find_kind(l, &g->device, LINK_DEVICE, "@device", &parent);

	if (r < 0)
		return err_at(r, "device");
	print_member(&heavy, g->period_ms);
	print_member(&heavy, g->enabled);
	for (uint32_t i = 0; i < n; i++)
		print_point(&heavy, &points[i]);
	e = find(l, &g->head.id, &at);
	if (e && e->kind != LINK_GROUP)
		return refuse_kind(&g->head.id);
	if (e && e->parent == parent && same(e->heavy, heavy))
		return e->n_bad;
	r = group_build(parent->driver, g, points, n, errs, &built);
	if (r < 0)
		return r;
	if (e && e->parent != parent) {
		remove_entry(l, at);
		e = NULL;
	}
	r = change_new(parent->thread, CHANGE_GROUP, &m);
	if (r == 0 && !e)
		r = entry_new(l, &g->head.id, LINK_GROUP, &built->status, &fresh);
	if (r < 0) {
		group_free(built);
		return r;
	}
	if (!e) {
		e = take(fresh);
		put_under(e, parent);
		entry_add(l, e);
	} else
		m->group = e->live;
	e->heavy = heavy;
	e->live = built;
	e->n_bad = (int) built->n_misconfigured;
	built->cell = cell_ref(e->cell);
	m->conn = parent->parent->live;
	m->dev = parent->live;
	m->new_group = built;
	change_send(take(m));
	return e->n_bad;
}

int link_set_group(struct link *l, const struct group *g, const struct link_point *points, uint32_t n, struct errs *errs)
{
	mutex_hold(&l->mutex);
	return control_runs(l) < 0 ? -ERR_STOPPING : put_group(l, g, points, n, errs);
}

/* ---- removing ---- */

static bool hangs_below(const struct entry *e, const struct entry *top)
{
	for (; e; e = e->parent)
		if (e == top)
			return true;
	return false;
}

static int remove_entry(struct link *l, uint32_t at)
{
	struct entry *e = l->entries[at];
	struct change *m = NULL;
	int r = change_new(e->thread, e->kind == LINK_CONNECTION ? CHANGE_CONN_GONE : e->kind == LINK_DEVICE ? CHANGE_DEV_GONE :
		CHANGE_GROUP_GONE, &m);

	if (r < 0)
		return r;
	m->conn = e->kind == LINK_CONNECTION ? e->live : e->kind == LINK_DEVICE ? e->parent->live : e->parent->parent->live;
	m->dev = e->kind == LINK_DEVICE ? e->live : e->kind == LINK_GROUP ? e->parent->live : NULL;
	m->group = e->kind == LINK_GROUP ? e->live : NULL;
	change_send(m);
	/* first who hangs below, while the way up still stands: groups, then devices, then itself */
	for (int kind = LINK_GROUP; kind >= LINK_CONNECTION; kind--)
		for (uint32_t i = l->n_entries; i-- > 0;)
			if (l->entries[i]->kind == kind && hangs_below(l->entries[i], e))
				entry_drop(l, i);
	return 0;
}

int link_remove(struct link *l, const struct uuid *id)
{
	char text[UUID_TEXT + 1];
	uint32_t at;

	mutex_hold(&l->mutex);
	if (control_runs(l) < 0)
		return -ERR_STOPPING;
	if (find(l, id, &at))
		return remove_entry(l, at);
	uuid_format(id, text);
	return err_fail(ERR_MISSING, "what", "@record", "value", text, NULL);
}

void control_done(struct link *l)
{
	while (l->n_entries)
		entry_drop(l, l->n_entries - 1);
	l->entries = sys_free(l->entries);
}

/* ---- all at once ---- */

static void failed(int r, const char *list, uint32_t i, struct errs *errs, int *n)
{
	(*n)++;
	err_at(err_at_index(r, i), list);
	if (errs)
		errs_add(errs, r);
	else
		err_clear();
}

static void mark(struct link *l, const struct uuid *id)
{
	uint32_t at;
	struct entry *e = find(l, id, &at);

	if (e)
		e->seen = true;
}

int link_apply(struct link *l, const struct link_plant *p, struct errs *errs)
{
	int n = 0, r;

	mutex_hold(&l->mutex);
	if (control_runs(l) < 0)
		return -ERR_STOPPING;
	for (uint32_t i = 0; i < l->n_entries; i++)
		l->entries[i]->seen = l->entries[i]->tenant != p->tenant;
	for (uint32_t i = 0; i < p->n_connections; i++) {
		const struct connection *c = p->connections[i];
		const struct driver *d = driver_find(c->driver);

		r = d ? put_connection(l, p->tenant, c, d) : err_at(err_fail(ERR_MISSING, "what", "@driver", "value", c->driver, NULL), "driver");
		if (r < 0)
			failed(r, "connections", i, errs, &n);
		mark(l, &c->head.id);
	}
	for (uint32_t i = 0; i < p->n_devices; i++) {
		r = put_device(l, p->devices[i]);
		if (r < 0)
			failed(r, "devices", i, errs, &n);
		mark(l, &p->devices[i]->head.id);
	}
	for (uint32_t i = 0; i < p->n_groups; i++) {
		const struct link_group *g = &p->groups[i];

		r = put_group(l, g->group, g->points, g->n_points, errs);
		if (r < 0)
			failed(r, "groups", i, errs, &n);
		else
			n += r;
		mark(l, &g->group->head.id);
	}
	/* what is gone: from the top, so that one message takes a whole branch */
	for (int kind = LINK_CONNECTION; kind <= LINK_GROUP; kind++)
		for (uint32_t i = l->n_entries; i-- > 0;)
			if (i < l->n_entries && l->entries[i]->kind == kind && !l->entries[i]->seen)
				remove_entry(l, i);
	return n;
}

/* ---- figures ---- */

size_t link_status(struct link *l, uint32_t tenant, struct link_status *ret, size_t max)
{
	size_t n = 0;

	mutex_hold(&l->mutex);
	for (int kind = LINK_CONNECTION; kind <= LINK_GROUP; kind++)
		for (uint32_t i = 0; i < l->n_entries; i++) {
			if (l->entries[i]->kind != kind || l->entries[i]->tenant != tenant)
				continue;
			if (n < max)
				cell_read(l->entries[i]->cell, &ret[n]);
			n++;
		}
	return n;
}

int link_status_of(struct link *l, const struct uuid *id, struct link_status *ret)
{
	char text[UUID_TEXT + 1];
	struct entry *e;
	uint32_t at;

	mutex_hold(&l->mutex);
	e = find(l, id, &at);
	if (!e) {
		uuid_format(id, text);
		return err_fail(ERR_MISSING, "what", "@record", "value", text, NULL);
	}
	cell_read(e->cell, ret);
	return 0;
}
