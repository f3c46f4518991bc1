/*
 * path.c - what points are called: the codes of their places from the top, of the device, and their own, joined by '/'.
 *
 * The path is kept in the record, so that it can be searched, sorted and unique. When a place or device gets another code or parent
 * every point below is put again in the same transaction.
 */

#include "service/internal.h"

enum { PLACES_MAX = 16, PATH_MAX_BYTES = 2000 };

static int add_places(struct scope *s, const struct uuid *place, struct buf *out)
{
	const char *codes[PLACES_MAX];
	struct uuid at = *place;
	struct place p;
	unsigned n = 0;
	int r;

	for (; !uuid_is_zero(&at); at = p.parent) {
		if (n == PLACES_MAX)
			return err_fail(ERR_LIMIT, "what", "@places_deep", "max", "16", NULL);
		r = store_get(s->tx, &place_type, &at, &p, s->arena);
		if (r < 0)
			return r;
		codes[n++] = p.code;
	}
	while (n-- > 0)
		buf_addf(out, "%s/", codes[n]);
	return 0;
}

int point_path(struct scope *s, const struct device *d, const struct point *p, const char **ret_path)
{
	char text[PATH_MAX_BYTES];
	struct buf b = BUF_FIXED(text);
	int r = add_places(s, &d->place, &b);

	if (r < 0)
		return r;
	buf_addf(&b, "%s/%s", d->code, p->code);
	if (b.failed)
		return err_fail(ERR_TOO_LARGE, "what", "path", "max", "2000", NULL);
	*ret_path = arena_str(s->arena, b.data);
	return *ret_path ? 0 : err_fail(ERR_NO_MEMORY, "what", "a path", NULL);
}

/* ---- again, after a change above ---- */

struct ids { struct scope *s; struct uuid *items; uint32_t n, room; };

static int note_id(void *ctx, const void *rec)
{
	struct ids *ids = ctx;

	if (ids->n == ids->room) {
		uint32_t room = ids->room ? ids->room * 2 : 64;
		struct uuid *more = arena_array(ids->s->arena, struct uuid, room);
		if (!more)
			return err_fail(ERR_NO_MEMORY, "what", "a list of records", NULL);
		if (ids->n)
			memcpy(more, ids->items, ids->n * sizeof(*more));
		ids->items = more;
		ids->room = room;
	}
	ids->items[ids->n++] = ((const struct rec_head *) rec)->id;
	return 0;
}

/* Ids first, changes after: a list is not changed while it is read. */
static int ids_below(struct scope *s, const struct rec_type *t, const char *field, const struct uuid *id, struct ids *ret)
{
	char text[UUID_TEXT + 1];
	struct store_filter f = { field, STORE_EQ, text };
	struct store_list list = { .filters = &f, .n_filters = 1 };

	*ret = (struct ids) { .s = s };
	uuid_format(id, text);
	return store_list(s->tx, t, &list, note_id, ret, NULL);
}

int paths_renew_device(struct scope *s, const struct uuid *device)
{
	struct device d;
	struct point p;
	struct ids ids;
	int r = store_get(s->tx, &device_type, device, &d, s->arena);

	if (r >= 0)
		r = ids_below(s, &point_type, "device", device, &ids);
	for (uint32_t i = 0; r >= 0 && i < ids.n; i++) {
		const char *path;
		r = store_get(s->tx, &point_type, &ids.items[i], &p, s->arena);
		if (r >= 0)
			r = point_path(s, &d, &p, &path);
		if (r < 0 || str_eq(path, p.path))
			continue;
		p.path = path;
		r = store_put(s->tx, &point_type, &p, &s->who.id);
	}
	return r < 0 ? r : 0;
}

int paths_renew_place(struct scope *s, const struct uuid *place)
{
	struct ids devices, places;
	int r = ids_below(s, &device_type, "place", place, &devices);

	if (r >= 0)
		r = ids_below(s, &place_type, "parent", place, &places);
	for (uint32_t i = 0; r >= 0 && i < devices.n; i++)
		r = paths_renew_device(s, &devices.items[i]);
	for (uint32_t i = 0; r >= 0 && i < places.n; i++)
		r = paths_renew_place(s, &places.items[i]);         /* as deep as places are: add_places() refuses more than 16 */
	return r < 0 ? r : 0;
}
