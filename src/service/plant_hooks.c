/* plant_hooks.c - what is special about places, connections, devices, groups and points. */

#include "link/link.h"
#include "service/internal.h"

/* ---- places ---- */

enum { PLACES_DEEP = 16 };

static int check_place(struct scope *s, const void *before, void *rec, struct errs *errs)
{
	const struct place *p = rec;
	struct place up;
	struct uuid at;
	unsigned deep = 0;

	if (!p)
		return 0;
	for (at = p->parent; !uuid_is_zero(&at); at = up.parent) {
		int r;
		if (before && uuid_equal(&at, &p->head.id)) {
			r = err_fail(ERR_INVALID, "field", "parent", "rule", "@rule_inside", "value", p->code, NULL);
			return errs_put(errs, err_at(r, "parent"));
		}
		if (++deep >= PLACES_DEEP)
			return err_fail(ERR_LIMIT, "what", "@places_deep", "max", "16", NULL);
		r = store_get(s->tx, &place_type, &at, &up, s->arena);
		if (r == -ERR_MISSING) {        /* store_put() names the field */
			err_clear();
			return 0;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static int after_place(struct scope *s, const void *before, const void *after)
{
	const struct place *b = before, *a = after;

	if (!b || !a || (str_eq(a->code, b->code) && uuid_equal(&a->parent, &b->parent)))
		return 0;
	return paths_renew_place(s, &a->head.id);
}

const struct noun_hooks place_hooks = { .check = check_place, .after = after_place };

/* ---- settings of a driver ---- */

/* JSON as the driver's table reads it, defaults filled in, names in the table's order. */
static int normal_config(struct scope *s, const struct rec_type *t, const char **config, struct errs *errs)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT(&sys_heap, 1 << 16);
	struct errs inner = { .arena = s->arena };
	struct json j = JSON_TO(&text);
	const char *given = str_empty(*config) ? "{}" : *config;
	void *rec = arena_alloc(s->arena, t->size);
	int r;

	if (!rec)
		return err_fail(ERR_NO_MEMORY, "what", "settings", NULL);
	r = rec_from_json(t, rec, (struct rec_json) { given, str_len(given) }, REC_CREATE, s->arena, &inner);
	if (r < 0) {
		struct err first = *err_peek();
		for (size_t i = 0; errs && i < inner.n; i++) {
			err_put(inner.item[i]);
			errs_add(errs, err_at(-inner.item[i]->kind, "config"));
		}
		err_put(&first);
		return err_at(r, "config");
	}
	rec_to_json(t, rec, REC_SHOW_INTERNAL, NULL, &j);
	*config = arena_str(s->arena, text.data);
	return *config && !text.failed ? 0 : err_fail(ERR_NO_MEMORY, "what", "settings", NULL);
}

/* What is sent in (service/ingest.h) has no driver: any address, no settings. */
#define DRIVER_PUSH "push"

/* *ret NULL: samples are sent in. */
static int driver_get(const char *name, const struct driver **ret)
{
	*ret = driver_find(name);
	if (*ret || str_eq(name, DRIVER_PUSH))
		return 0;
	return err_at(err_fail(ERR_NO_SUCH_REF, "field", "driver", "what", "@driver", "value", name, NULL), "driver");
}

static int check_connection(struct scope *s, const void *before, void *rec, struct errs *errs)
{
	struct connection *c = rec;
	const struct driver *d;
	int r;

	if (!c)
		return 0;
	r = driver_get(c->driver, &d);
	if (r < 0)
		return errs_put(errs, r);
	if (!d)
		return 0;
	r = normal_config(s, d->config, &c->config, errs);
	return r < 0 ? r : errs_put(errs, link_check_connection(c, s->arena, NULL, NULL));
}

const struct noun_hooks connection_hooks = { .check = check_connection };

/* ---- devices ---- */

static int driver_of_device(struct scope *s, const struct device *d, const struct driver **ret)
{
	struct connection c;
	int r = store_get(s->tx, &connection_type, &d->connection, &c, s->arena);

	return r < 0 ? r : driver_get(c.driver, ret);
}

/* "no such connection" belongs to the field that names it. */
static int no_ref(int r, const char *field, const struct uuid *id)
{
	char text[UUID_TEXT + 1], what[40];
	struct buf b = BUF_FIXED(what);

	if (r != -ERR_MISSING)
		return r;
	err_clear();
	uuid_format(id, text);
	buf_addf(&b, "@%s", field);
	return err_at(err_fail(ERR_NO_SUCH_REF, "field", field, "what", b.data, "value", text, NULL), field);
}

static int check_device(struct scope *s, const void *before, void *rec, struct errs *errs)
{
	const struct device *b = before;
	struct device *d = rec;
	const struct driver *driver, *was;
	int r;

	if (!d)
		return 0;
	r = no_ref(driver_of_device(s, d, &driver), "connection", &d->connection);
	if (r < 0)
		return errs_put(errs, r);
	if (b && !uuid_equal(&b->connection, &d->connection) && driver_of_device(s, b, &was) >= 0 && was != driver) {
		r = err_fail(ERR_INVALID, "field", "connection", "rule", "@rule_same_driver", "value",
			driver ? driver->name : DRIVER_PUSH, NULL);
		return errs_put(errs, err_at(r, "connection"));
	}
	err_clear();
	return driver ? normal_config(s, driver->device, &d->config, errs) : 0;
}

static int after_device(struct scope *s, const void *before, const void *after)
{
	const struct device *b = before, *a = after;

	if (!b || !a || (str_eq(a->code, b->code) && uuid_equal(&a->place, &b->place)))
		return 0;
	return paths_renew_device(s, &a->head.id);
}

const struct noun_hooks device_hooks = { .check = check_device, .after = after_device };

/* ---- points ---- */

static void set_has(struct point *p, const char *name)
{
	rec_set_has(&point_type, p, rec_field(&point_type, name), true);
}

static int check_ranges(const struct point *p)
{
	const char *const four[] = { "raw_min", "raw_max", "eng_min", "eng_max" };
	unsigned n = 0;

	for (size_t i = 0; i < ELEMENTSOF(four); i++)
		n += rec_has(&point_type, p, rec_field(&point_type, four[i]));
	if (n != 0 && n != ELEMENTSOF(four))
		return err_at(err_fail(ERR_INVALID, "field", "raw_min", "rule", "@rule_all_four",
			"value", "@incomplete", NULL), "raw_min");
	if (n && p->raw_min == p->raw_max)
		return err_at(err_fail(ERR_INVALID, "field", "raw_max", "rule", "@rule_raw_min", "value", "@the_same", NULL), "raw_max");
	return 0;
}

static int check_address(struct scope *s, const struct device *d, const struct point *p)
{
	const struct driver *driver;
	int r = driver_of_device(s, d, &driver);

	if (r < 0 || !driver)
		return r;
	r = link_check_point(driver, p);
	return r < 0 && !err_peek()->pointer[0] ? err_at(r, "address") : r;
}

static int check_labels(const struct point *p)
{
	const struct uuid *ids = p->labels.items;
	char text[UUID_TEXT + 1];

	for (uint32_t i = 1; i < p->labels.n; i++)
		for (uint32_t k = 0; k < i; k++)
			if (uuid_equal(&ids[i], &ids[k])) {
				uuid_format(&ids[i], text);
				return err_at(err_at_index(err_fail(ERR_INVALID, "field", "labels", "rule", "@twice", "value", text, NULL), i), "labels");
			}
	return 0;
}

static int check_point(struct scope *s, const void *before, void *rec, struct errs *errs)
{
	struct point *p = rec;
	struct group g;
	struct device d;
	int r, first = 0;

	if (!p)
		return 0;
	r = no_ref(store_get(s->tx, &group_type, &p->group, &g, s->arena), "group", &p->group);
	if (r >= 0)
		r = store_get(s->tx, &device_type, &g.device, &d, s->arena);
	if (r < 0)
		return errs_put(errs, r);
	p->device = g.device;
	set_has(p, "device");
	r = point_path(s, &d, p, &p->path);
	if (r < 0)
		return errs_put(errs, r);
	set_has(p, "path");
	first = errs_put(errs, check_address(s, &d, p));
	r = errs_put(errs, check_ranges(p));
	first = first < 0 ? first : r;
	r = errs_put(errs, check_labels(p));
	return first < 0 ? first : r;
}

const struct noun_hooks point_hooks = { .check = check_point };
