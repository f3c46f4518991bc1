/* plant.c - the indexes: by id, by path, by series; one picture per tenant. */
#include "plant/plant.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/str.h"
#include "plant/picture.h"
#include "sys/sys.h"

int plant_new(struct plant **ret, struct tsdb *tsdb, plant_event_fn on_event, void *ctx)
{
	struct plant *p = sys_new(struct plant);

	if (!p)
		return err_fail(ERR_NO_MEMORY, "what", "the points in memory", NULL);
	p->tsdb = tsdb;
	p->on_event = on_event;
	p->ctx = ctx;
	rwlock_init(&p->lock);
	mutex_init(&p->syncing);
	*ret = p;
	return 0;
}

static struct picture *picture_free(struct picture *t)
{
	size_t at = 0;
	struct item *i;

	picture_labels_done(t);
	while ((i = map_next(&t->by_id, &at)))
		sys_free(i);
	map_done(&t->by_id);
	map_done(&t->by_path);
	map_done(&t->by_code);
	at = 0;
	for (struct above *u; (u = map_next(&t->above, &at));)
		sys_free(u);
	map_done(&t->above);
	sys_free(t->by_series);
	sys_free(t);
	return NULL;
}

struct plant *plant_free(struct plant *p)
{
	if (!p)
		return NULL;
	for (struct picture *t = p->first, *next; t; t = next) {
		next = t->next;
		picture_free(t);
	}
	rwlock_done(&p->lock);
	mutex_done(&p->syncing);
	sys_free(p);
	return NULL;
}

struct picture *picture_find(struct plant *p, uint32_t tenant)
{
	struct picture *t = p->first;

	while (t && t->tenant != tenant)
		t = t->next;
	return t;
}

struct picture *picture_get(struct plant *p, uint32_t tenant)
{
	struct picture *t = picture_find(p, tenant);

	if (t || !(t = sys_new(struct picture)))
		return t;
	*t = (struct picture) { .tenant = tenant, .next = p->first, .by_id = MAP_INIT(&sys_heap), .by_path = MAP_INIT(&sys_heap),
		.by_code = MAP_INIT(&sys_heap), .above = MAP_INIT(&sys_heap), .labels = MAP_INIT(&sys_heap) };
	rwlock_write(&p->lock);
	p->first = t;
	rwlock_unlock(&p->lock);
	return t;
}

static bool same_id(const void *item, const void *key) { return uuid_equal(&((const struct item *) item)->point.id, key); }
static bool same_path(const void *item, const void *key) { return str_eq(((const struct item *) item)->point.path, key); }
static bool same_item(const void *item, const void *key) { return item == key; }
static bool same_code(const void *item, const void *key) { return str_eq(((const struct item *) item)->point.code, key); }
static uint64_t hash_id(const struct uuid *id) { return hash_bytes(id, sizeof(*id)); }
static uint64_t hash_text(const char *text) { return hash_bytes(text, str_len(text)); }

struct item *picture_by_id(const struct picture *t, const struct uuid *id)
{
	return map_find(&t->by_id, hash_id(id), same_id, id);
}

static bool code_put(struct picture *t, struct item *i)
{
	uint64_t hash = hash_text(i->point.code);
	struct item *first = map_find(&t->by_code, hash, same_code, i->point.code);

	i->alike = first ? first->alike : NULL;
	if (!first)
		return map_put(&t->by_code, hash, i);
	first->alike = i;
	return true;
}

static void code_take(struct picture *t, struct item *i)
{
	uint64_t hash = hash_text(i->point.code);
	struct item *first = map_find(&t->by_code, hash, same_code, i->point.code);

	if (first != i) {
		while (first && first->alike != i)
			first = first->alike;
		if (first)
			first->alike = i->alike;
		return;
	}
	map_del(&t->by_code, hash, same_item, i);
	if (i->alike)
		map_put(&t->by_code, hash, i->alike);   /* into the place that has just become free: it needs no memory */
}

bool picture_put(struct picture *t, struct item *i)
{
	uint32_t series = i->point.series;

	if (series >= t->n_series) {
		uint32_t room = MAX(series + 1, t->n_series * 2);
		struct item **grown = sys_resize(t->by_series, room * sizeof(*grown));

		if (!grown)
			return false;
		memset(grown + t->n_series, 0, (room - t->n_series) * sizeof(*grown));
		t->by_series = grown;
		t->n_series = room;
	}
	if (!map_put(&t->by_id, hash_id(&i->point.id), i))
		return false;
	if (map_put(&t->by_path, hash_text(i->point.path), i) && code_put(t, i) && picture_wear(t, i)) {
		t->by_series[series] = i;
		return true;
	}
	picture_take(t, i);
	return false;
}

void picture_take(struct picture *t, struct item *i)
{
	map_del(&t->by_id, hash_id(&i->point.id), same_item, i);
	map_del(&t->by_path, hash_text(i->point.path), same_item, i);
	code_take(t, i);
	picture_unwear(t, i);
	if (i->point.series < t->n_series && t->by_series[i->point.series] == i)
		t->by_series[i->point.series] = NULL;
}

/* ---- places ---- */

static bool same_above(const void *item, const void *key) { return uuid_equal(&((const struct above *) item)->id, key); }

bool picture_above(struct picture *t, const struct above *at, bool *ret_changed)
{
	struct above *u = map_find(&t->above, hash_id(&at->id), same_above, &at->id);

	*ret_changed = !u || !uuid_equal(&u->up, &at->up) || u->level != at->level;
	if (u) {
		*u = *at;
		return true;
	}
	u = sys_new(struct above);
	if (!u)
		return false;
	*u = *at;
	if (map_put(&t->above, hash_id(&at->id), u))
		return true;
	sys_free(u);
	return false;
}

void picture_above_gone(struct picture *t, const struct uuid *id, bool *ret_changed)
{
	struct above *u = map_find(&t->above, hash_id(id), same_above, id);

	*ret_changed = u != NULL;
	if (u)
		map_del(&t->above, hash_id(id), same_above, id);
	sys_free(u);
}

size_t plant_places(struct plant *p, uint32_t tenant, const struct uuid *device, struct uuid *ret, size_t room)
{
	const struct above *u = NULL;
	struct picture *t;
	size_t n = 0;

	rwlock_read(&p->lock);
	t = picture_find(p, tenant);
	if (t)
		u = map_find(&t->above, hash_id(device), same_above, device);
	while (u && !uuid_is_zero(&u->up) && n < room) {
		ret[n++] = u->up;
		u = map_find(&t->above, hash_id(&u->up), same_above, &u->up);
	}
	rwlock_unlock(&p->lock);
	return n;
}

/* Places count from the device up, codes of a path from the top down. */
uint32_t plant_depth(struct plant *p, uint32_t tenant, const struct uuid *device, int32_t level)
{
	const struct above *u = NULL;
	struct picture *t;
	uint32_t above = 0, at = UINT32_MAX;

	rwlock_read(&p->lock);
	t = picture_find(p, tenant);
	if (t)
		u = map_find(&t->above, hash_id(device), same_above, device);
	while (u && !uuid_is_zero(&u->up)) {
		u = map_find(&t->above, hash_id(&u->up), same_above, &u->up);
		if (at == UINT32_MAX && (level < 0 || (u && u->level == level)))
			at = above;
		above++;
	}
	rwlock_unlock(&p->lock);
	return at == UINT32_MAX ? 0 : above - at;
}

int picture_copy(const struct item *i, struct arena *a, struct plant_point *ret)
{
	struct plant_point p = i->point;

	p.labels = p.n_labels ? arena_dup(a, p.labels, p.n_labels * sizeof(*p.labels)) : NULL;
	p.path = arena_str(a, p.path);
	p.code = arena_str(a, p.code);
	p.name = arena_str(a, p.name);
	p.unit = arena_str(a, p.unit);
	if (!p.path || !p.code || !p.name || !p.unit || (p.n_labels && !p.labels))
		return err_fail(ERR_NO_MEMORY, "what", "@point", NULL);
	*ret = p;
	return 0;
}

static int found(struct plant *p, const struct item *i, const char *asked, struct arena *a, struct plant_point *ret)
{
	int r = i ? picture_copy(i, a, ret) : err_fail(ERR_MISSING, "what", "@point", "value", asked, NULL);

	rwlock_unlock(&p->lock);
	return r;
}

int plant_by_id(struct plant *p, uint32_t tenant, const struct uuid *id, struct arena *a, struct plant_point *ret)
{
	char text[UUID_TEXT + 1];
	struct picture *t;

	uuid_format(id, text);
	rwlock_read(&p->lock);
	t = picture_find(p, tenant);
	return found(p, t ? picture_by_id(t, id) : NULL, text, a, ret);
}

int plant_by_path(struct plant *p, uint32_t tenant, const char *path, struct arena *a, struct plant_point *ret)
{
	struct picture *t;

	rwlock_read(&p->lock);
	t = picture_find(p, tenant);
	return found(p, t ? map_find(&t->by_path, hash_text(path), same_path, path) : NULL, path, a, ret);
}

int plant_by_series(struct plant *p, uint32_t tenant, uint32_t series, struct arena *a, struct plant_point *ret)
{
	char text[16];
	struct buf b = BUF_FIXED(text);
	struct picture *t;

	text[0] = 0;
	buf_addf(&b, "#%u", series);
	rwlock_read(&p->lock);
	t = picture_find(p, tenant);
	return found(p, t && series < t->n_series ? t->by_series[series] : NULL, text, a, ret);
}

int plant_resolve(struct plant *p, uint32_t tenant, const char *text, struct arena *a, struct plant_point *ret)
{
	const struct item *i = NULL;
	struct uuid id;
	struct picture *t;
	int r;

	if (uuid_parse(text, str_len(text), &id))
		return plant_by_id(p, tenant, &id, a, ret);
	r = plant_by_path(p, tenant, text, a, ret);
	if (r != -ERR_MISSING)
		return r;
	rwlock_read(&p->lock);
	t = picture_find(p, tenant);
	if (t)
		i = map_find(&t->by_code, hash_text(text), same_code, text);
	if (i && i->alike) {
		rwlock_unlock(&p->lock);
		return err_fail(ERR_INVALID, "field", "points", "rule", "@one_point", "value", text, NULL);
	}
	return found(p, i, text, a, ret);
}

int picture_by_path(const void *a, const void *b)
{
	return str_cmp(((const struct plant_point *) a)->path, ((const struct plant_point *) b)->path);
}

int plant_list(struct plant *p, uint32_t tenant, const struct uuid *device, const char *prefix, struct arena *a,
	struct plant_point **ret)
{
	struct plant_point *list;
	struct picture *t;
	struct item *i;
	size_t at = 0;
	int n = 0, r = 0;

	rwlock_read(&p->lock);
	t = picture_find(p, tenant);
	list = arena_array(a, struct plant_point, t ? t->by_id.n + 1 : 1);
	if (!list)
		r = err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	while (r == 0 && t && (i = map_next(&t->by_id, &at))) {
		if (device && !uuid_equal(device, &i->point.device))
			continue;
		if (prefix && !str_starts(i->point.path, prefix))
			continue;
		r = picture_copy(i, a, &list[n++]);
	}
	rwlock_unlock(&p->lock);
	if (r < 0)
		return r;
	qsort(list, (size_t) n, sizeof(*list), picture_by_path);
	*ret = list;
	return n;
}

size_t plant_count(struct plant *p, uint32_t tenant)
{
	struct picture *t;
	size_t n;

	rwlock_read(&p->lock);
	t = picture_find(p, tenant);
	n = t ? t->by_id.n : 0;
	rwlock_unlock(&p->lock);
	return n;
}

uint64_t plant_generation(struct plant *p)
{
	return atomic_load_explicit(&p->generation, memory_order_acquire);
}
