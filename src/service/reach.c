/* reach.c - from a device to its place to all places above, once a request; in memory or in the deed's transaction. */
#include "service/reach.h"

#include "plant/plant.h"
#include "service/internal.h"

enum { PLACES_DEEP = 20, REMEMBERED = 256 };

struct known { struct uuid id; struct grants grants; };         /* a place, or a device */

struct reach {
	struct store_tx *tx;            /* what it was found out in; NULL: the points in memory */
	uint64_t generation;            /* of those */
	struct known known[REMEMBERED]; /* direct mapped by id */
};

static struct reach *reach_of(struct scope *s)
{
	struct plant *plant = s->platform ? s->platform->plant : NULL;
	uint64_t generation = plant ? plant_generation(plant) : 0;

	if (!s->reach) {
		s->reach = arena_new(s->arena, struct reach);
		if (!s->reach)
			return NULL;
		memset(s->reach, 0, sizeof(*s->reach));
		s->reach->tx = s->tx;
		s->reach->generation = generation;
	}
	if (s->reach->tx != s->tx || s->reach->generation != generation) {
		memset(s->reach->known, 0, sizeof(s->reach->known));
		s->reach->tx = s->tx;
		s->reach->generation = generation;
	}
	return s->reach;
}

void reach_forget(struct scope *s)
{
	s->reach = NULL;
}

/* The last bytes of a UUIDv7 are random. */
static struct known *slot_of(struct reach *r, const struct uuid *id)
{
	return &r->known[id->b[15] % REMEMBERED];
}

static struct grants remember(struct known *k, const struct uuid *id, struct grants g)
{
	if (k)
		*k = (struct known) { *id, g };
	return g;
}

/* ---- in memory ---- */

static struct grants grants_of_device(struct scope *s, const struct uuid *device)
{
	struct reach *r = reach_of(s);
	struct known *k = r ? slot_of(r, device) : NULL;
	struct uuid places[PLACES_DEEP];
	size_t n;

	if (k && uuid_equal(&k->id, device))
		return k->grants;
	n = plant_places(s->platform->plant, s->tenant, device, places, ELEMENTSOF(places));
	return remember(k, device, scope_grants_at(s, places, n));
}

bool reach_device(struct scope *s, enum permission p, const struct uuid *device)
{
	if (scope_may(s, p))
		return true;
	return s->n_placed && s->platform->plant && grants_has(grants_of_device(s, device), p);
}

int reach_need_device(struct scope *s, enum permission p, const struct uuid *device)
{
	return reach_device(s, p, device) ? 0 : err_fail(ERR_DENIED, "permission", permission_id(p), NULL);
}

/* ---- in a deed ---- */

bool reach_is_placed(const struct rec_type *t)
{
	return t == &label_type || t == &place_type || t == &device_type || t == &group_type || t == &point_type;
}

int reach_need(const struct scope *s, enum permission p, const struct rec_type *t)
{
	return reach_is_placed(t) ? scope_need_somewhere(s, p) : scope_need(s, p);
}

bool reach_may(const struct scope *s, enum permission p, const struct rec_type *t)
{
	return reach_is_placed(t) ? scope_may_somewhere(s, p) : scope_may(s, p);
}

/* A missing record gives nothing: whoever puts one that refers to it is told by the store. */
static int fetch(struct scope *s, const struct rec_type *t, const struct uuid *id, void *ret)
{
	int r = store_get(s->tx, t, id, ret, s->arena);

	if (r != -ERR_MISSING)
		return r < 0 ? r : 1;
	err_clear();
	return 0;
}

static int grants_of_place(struct scope *s, const struct uuid *place, struct grants *ret)
{
	struct reach *memory = reach_of(s);
	struct known *k = memory ? slot_of(memory, place) : NULL;
	struct uuid chain[PLACES_DEEP], at = *place;
	struct place up;
	size_t n = 0;

	if (k && uuid_equal(&k->id, place)) {
		*ret = k->grants;
		return 0;
	}
	while (!uuid_is_zero(&at) && n < ELEMENTSOF(chain)) {
		int r = fetch(s, &place_type, &at, &up);
		if (r < 0)
			return r;
		chain[n++] = at;
		at = r ? up.parent : (struct uuid) { 0 };
	}
	*ret = remember(k, place, scope_grants_at(s, chain, n));
	return 0;
}

static int grants_of_device_record(struct scope *s, const struct uuid *device, struct grants *ret)
{
	struct reach *memory = reach_of(s);
	struct known *k = memory ? slot_of(memory, device) : NULL;
	struct device d = { 0 };
	int r;

	if (k && uuid_equal(&k->id, device)) {
		*ret = k->grants;
		return 0;
	}
	r = fetch(s, &device_type, device, &d);
	if (r >= 0)
		r = grants_of_place(s, &d.place, ret);
	if (r >= 0)
		remember(k, device, *ret);
	return r;
}

int reach_record(struct scope *s, enum permission p, const struct rec_type *t, const void *rec)
{
	struct grants g = s->grants;
	struct group group = { 0 };
	int r = 0;

	if (scope_may(s, p))
		return 1;
	if (!s->n_placed || !reach_is_placed(t))
		return 0;
	if (t == &label_type)           /* it hangs on points anywhere */
		return p == PERM_POINT_READ && scope_may_somewhere(s, p);
	if (t == &place_type) {
		const struct place *place = rec;
		/* One that is being made has no grants of its own yet; one that moves takes its own along. */
		r = grants_of_place(s, &place->parent, &g);
		if (!uuid_is_zero(&place->head.id))
			g.bits |= scope_grants_at(s, &place->head.id, 1).bits;
	} else if (t == &device_type) {
		r = grants_of_place(s, &((const struct device *) rec)->place, &g);
	} else if (t == &group_type) {
		r = grants_of_device_record(s, &((const struct group *) rec)->device, &g);
	} else {
		const struct point *point = rec;
		r = fetch(s, &group_type, &point->group, &group);
		if (r >= 0)
			r = grants_of_device_record(s, &group.device, &g);
	}
	return r < 0 ? r : grants_has(g, p);
}
