/* pushed.c - the connection "write" with its devices, groups and points: made at the first sample that needs them. */
#include "service/pushed.h"

#include "base/str.h"
#include "model/plant.h"
#include "plant/plant.h"
#include "service/service.h"
#include "store/store.h"
#include "sys/sys.h"

static bool same_path(const void *item, const void *key)
{
	return str_eq(((const struct pushed_point *) item)->path, key);
}

void pushed_done(struct pushed *p)
{
	map_done(&p->by_path);
}

int pushed_want(struct scope *s, struct pushed *list, const char *path, size_t head_len, const struct pushed_point *like)
{
	uint64_t hash = hash_bytes(path, str_len(path));
	struct pushed_point *p = map_find(&list->by_path, hash, same_path, path);

	if (p && p->type == like->type)
		return 0;
	if (p)
		return err_fail(ERR_TYPE_CONFLICT, "field", path, "want", vtype_name(p->type), "value", vtype_name(like->type), NULL);
	p = arena_new(s->arena, struct pushed_point);
	if (!p)
		return err_fail(ERR_NO_MEMORY, "what", "@point", NULL);
	*p = (struct pushed_point) { .path = arena_str(s->arena, path), .device = arena_strn(s->arena, path, head_len),
		.code = arena_str(s->arena, path + head_len + 1), .type = like->type, .unit = like->unit, .description = like->description };
	list->by_path.mem = &sys_heap;
	if (!p->path || !p->device || !p->code || !map_put(&list->by_path, hash, p))
		return err_fail(ERR_NO_MEMORY, "what", "@point", NULL);
	if (list->last)
		list->last->next = p;
	else
		list->first = p;
	list->last = p;
	list->n++;
	return 0;
}

/* The record whose code is `code` (and whose `parent` field is `id`): found, or made from what rec holds. */
static int get_or_put(struct scope *s, const struct rec_type *t, const char *parent, const struct uuid *id, const char *code, void *rec)
{
	char text[UUID_TEXT + 1];
	struct store_filter filters[3] = { { "code", STORE_EQ, code }, { parent, STORE_EQ, text }, { "place", STORE_EQ, "" } };
	void *old = arena_alloc(s->arena, t->size);
	int r;

	if (!old)
		return err_fail(ERR_NO_MEMORY, "what", "@record", NULL);
	if (parent)
		uuid_format(id, text);
	/* A device that was given a place has another path since: its old name is free, and another device's. */
	r = store_find(s->tx, t, filters, !parent ? 1 : t == &device_type ? 3 : 2, old, s->arena);
	if (r == 0) {
		memcpy(rec, old, t->size);
		return 0;
	}
	if (r != -ERR_MISSING)
		return r;
	err_clear();
	r = store_put(s->tx, t, rec, &s->who.id);
	return r < 0 ? r : audit_change(s, t, NULL, rec);
}

/* A name may be shorter than a code. */
static const char *name_of(struct scope *s, const char *code)
{
	enum { NAME_MAX_BYTES = 128 };

	return str_len(code) <= NAME_MAX_BYTES ? code : arena_strn(s->arena, code, utf8_valid_prefix(code, NAME_MAX_BYTES));
}

static int make_group(struct scope *s, const struct uuid *connection, const char *code, struct group *ret)
{
	struct device d;
	int r = rec_init(&device_type, &d, s->arena);

	d.code = code;
	d.name = name_of(s, code);
	d.connection = *connection;
	if (r == 0)
		r = get_or_put(s, &device_type, "connection", connection, code, &d);
	if (r == 0)
		r = rec_init(&group_type, ret, s->arena);
	ret->code = "write";
	ret->device = d.head.id;
	return r < 0 ? r : get_or_put(s, &group_type, "device", &d.head.id, "write", ret);
}

static int make_point(struct scope *s, const struct group *g, const struct pushed_point *p)
{
	static const uint8_t types[] = { [V_BOOL] = POINT_BOOL, [V_I64] = POINT_I64, [V_F32] = POINT_F32, [V_F64] = POINT_F64,
		[V_STR] = POINT_STRING };
	struct point rec;
	int r = rec_init(&point_type, &rec, s->arena);

	if (r < 0)
		return r;
	rec.code = rec.address = p->code;
	rec.name = name_of(s, p->code);
	rec.path = p->path;
	rec.group = g->head.id;
	rec.device = g->device;
	rec.type = types[p->type];
	if (p->unit)
		rec.unit = p->unit;
	if (p->description)
		rec.description = p->description;
	return get_or_put(s, &point_type, "device", &g->device, p->code, &rec);
}

static int make(struct scope *s, const void *in, void *ret)
{
	const struct pushed *list = in;
	struct connection c;
	struct group g = { 0 };
	const char *device = NULL;
	int r = rec_init(&connection_type, &c, s->arena);

	c.code = "write";
	c.name = s->lang == LANG_ZH ? "数据写入" : "Samples sent in";
	c.driver = "push";
	if (r == 0)
		r = get_or_put(s, &connection_type, NULL, NULL, "write", &c);
	for (const struct pushed_point *p = list->first; r == 0 && p; p = p->next) {
		if (!str_eq(device, p->device)) {
			r = make_group(s, &c.head.id, p->device, &g);
			device = p->device;
		}
		if (r == 0)
			r = make_point(s, &g, p);
	}
	return r;
}

static const struct deed deed_make = DEED("point.create_by_write", PERM_POINT_WRITE, DEED_TENANT, make);

int pushed_make(struct scope *s, const struct pushed *list)
{
	struct store *store;
	int r = scope_do(s, &deed_make, list, NULL);

	if (r == 0)
		r = guard_store_of(s, DEED_TENANT, &store);
	return r < 0 ? r : plant_sync(s->platform->plant, s->tenant, store);
}
