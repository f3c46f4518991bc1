/* build.c - groups as the engine wants them: addresses parsed, points sorted, scaling prepared. Any thread. */
#include "link/engine.h"

#include <math.h>
#include <stdlib.h>

#include "base/str.h"

void link_name_cut(char *to, const char *name)
{
	size_t n = str_len(name);

	n = utf8_valid_prefix(name ? name : "", MIN(n, (size_t) LINK_NAME - 1));
	memcpy(to, name ? name : "", n);
	to[n] = 0;
}

/* ---- scaling ---- */

static bool has(const struct point *p, const char *name)
{
	return rec_has(&point_type, p, rec_field(&point_type, name));
}

struct conv conv_of(const struct point *p)
{
	struct conv c = { .gain = 1, .scale = p->scale, .offset = p->offset };

	c.scaled = p->type != POINT_BOOL && p->type != POINT_STRING && point_is_scaled(p);
	if (!c.scaled)
		return c;
	if (point_has_range(p) && p->raw_max != p->raw_min) {
		c.ranged = true;
		c.gain = (p->eng_max - p->eng_min) / (p->raw_max - p->raw_min);
		c.shift = p->eng_min - p->raw_min * c.gain;
		c.lo = MIN(p->eng_min, p->eng_max);
		c.hi = MAX(p->eng_min, p->eng_max);
		c.clamp = p->clamp;
	}
	if (has(p, "decimals")) {
		c.rounded = true;
		c.pow10 = 1;
		for (int32_t i = 0; i < p->decimals; i++)
			c.pow10 *= 10;
	}
	return c;
}

/* The other way; whole numbers are rounded to what the device can hold. */
struct value conv_back(const struct conv *c, enum point_type t, struct value v)
{
	double f;

	if (!c->scaled || v.type == V_STR || v.type == V_BYTES || v.type == V_NONE)
		return v;
	f = v.type == V_BOOL ? v.b : v.type == V_I64 ? (double) v.i : v.type == V_F32 ? (double) v.f32 : v.f64;
	f = ((f - c->offset) / c->scale - c->shift) / c->gain;
	if (t != POINT_F32 && t != POINT_F64)
		f = rint(f);
	return (struct value) { .type = V_F64, .f64 = f };
}

/* ---- sorting ---- */

struct sorting { uint64_t order; uint32_t index; uint32_t fixed; };

static int by_order(const void *a, const void *b)
{
	const struct sorting *x = a, *y = b;

	/* what is only said comes last; ties keep their place, so that a plan is the same each time */
	if ((x->fixed != 0) != (y->fixed != 0))
		return x->fixed ? 1 : -1;
	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* What becomes of one point: 0 it is read; 1 left out; else the quality it has. */
static uint32_t place_of(const struct driver *d, const struct link_point *p, void *address, uint32_t i, struct errs *errs, uint32_t *n_bad)
{
	int r;

	if (p->point->access == POINT_WRITE)
		return 1;
	if (!p->point->enabled)
		return (uint32_t) QUALITY_BAD_OUT_OF_SERVICE;
	r = d->parse_address(p->point, address);
	if (r < 0) {
		err_wrap(r, "point %s", p->point->code);
		r = err_at_index(err_at(r, "address"), i);
		if (errs)
			errs_add(errs, r);
		else
			err_clear();
		(*n_bad)++;
		return (uint32_t) QUALITY_BAD_CONFIGURATION;
	}
	return 0;
}

static bool any_scaled(const struct group_rt *g, const struct link_point *points, const struct sorting *order)
{
	bool scaled = false;

	for (uint32_t i = 0; i < g->n && !scaled; i++)
		scaled = conv_of(points[order[i].index].point).scaled;
	return scaled;
}

bool group_room(struct group_rt *g, size_t bytes)
{
	void *more = bytes == g->room ? g->request : sys.realloc(g->request, MAX(bytes, (size_t) 1));

	if (!more)
		return false;
	g->request = more;
	g->room = bytes;
	return true;
}

/* Bytes of the arrays of n points: they come from chunks of just their size, for there are many groups. */
static size_t arrays_of(uint32_t n, bool scaled)
{
	const size_t each[] = { sizeof(uint32_t), sizeof(uint32_t), sizeof(uint32_t), sizeof(uint8_t), sizeof(uint8_t), sizeof(struct driver_point),
		sizeof(struct driver_value), scaled ? sizeof(struct conv) : 0 };
	size_t sum = 0;

	for (size_t i = 0; i < ELEMENTSOF(each); i++)
		sum += ALIGN_UP(n * each[i], 16);
	return sum;
}

static int make_room(struct group_rt *g, bool scaled)
{
	struct arena *a = &g->arena;
	uint32_t n = g->n;

	if (n == 0)
		return 0;
	if (!arena_reserve(a, arrays_of(n, scaled)))
		return err_fail(ERR_NO_MEMORY, "what", "@group", NULL);
	g->series = arena_array(a, uint32_t, n);
	g->said = arena_array(a, uint32_t, n);
	g->fixed = arena_array(a, uint32_t, n);
	g->vtype = arena_array(a, uint8_t, n);
	g->fresh = arena_array(a, uint8_t, n);
	g->point = arena_array(a, struct driver_point, n);
	g->conv = scaled ? arena_array(a, struct conv, n) : NULL;
	g->value = arena_array(a, struct driver_value, n);
	return g->series && g->said && g->fixed && g->vtype && g->fresh && g->point && (g->conv || !scaled) && g->value &&
		group_room(g, n * REQUEST_ROOM) ? 0 : err_fail(ERR_NO_MEMORY, "what", "@group", NULL);
}

/* Texts are kept until their row goes out: each has a place of its own. */
static int make_text_room(struct group_rt *g)
{
	for (uint32_t i = 0; i < g->n_read; i++)
		if (g->point[i].type == POINT_STRING) {
			if (!g->text)
				g->text = arena_array(&g->arena, char *, g->n);
			if (!g->text)
				return err_fail(ERR_NO_MEMORY, "what", "@group", NULL);
			g->text[i] = arena_alloc(&g->arena, DRIVER_TEXT_MAX);
			if (!g->text[i])
				return err_fail(ERR_NO_MEMORY, "what", "@group", NULL);
		}
	return 0;
}

static void fill(struct group_rt *g, const struct link_point *points, const struct sorting *order, uint8_t *addresses, size_t address_size)
{
	for (uint32_t i = 0; i < g->n; i++) {
		const struct link_point *p = &points[order[i].index];

		g->series[i] = p->series;
		g->said[i] = QUALITY_UNSAID;
		g->fixed[i] = order[i].fixed;
		g->vtype[i] = (uint8_t) point_vtype(p->point);
		if (g->conv)
			g->conv[i] = conv_of(p->point);
		g->point[i] = (struct driver_point) { .address = addresses + order[i].index * address_size, .type = p->point->type };
	}
}

int group_build(const struct driver *d, const struct group *group, const struct link_point *points, uint32_t n, struct errs *errs,
	struct group_rt **ret)
{
	_cleanup_free_ struct group_rt *g = sys_new(struct group_rt);
	_cleanup_free_ struct sorting *order = sys_alloc_array(MAX(n, 1u), sizeof(*order));
	uint8_t *addresses;
	int r = -ERR_NO_MEMORY;

	if (!g || !order)
		return err_fail(ERR_NO_MEMORY, "what", "@group", NULL);
	arena_init(&g->arena, &sys_heap, 0);
	addresses = arena_reserve(&g->arena, MAX(n, 1u) * d->address->size + 16) ? arena_alloc(&g->arena, MAX(n, 1u) * d->address->size) : NULL;
	g->id = group->head.id;
	link_name_cut(g->name, group->code);
	g->enabled = group->enabled;
	g->period_ms = group->period_ms ? group->period_ms : 1000;
	if (addresses) {
		for (uint32_t i = 0; i < n; i++) {
			uint32_t q = place_of(d, &points[i], addresses + i * d->address->size, i, errs, &g->n_misconfigured);

			if (q == 1)
				continue;
			order[g->n++] = (struct sorting) { .order = q ? 0 : d->order(addresses + i * d->address->size), .index = i, .fixed = q };
			g->n_read += q == 0;
		}
		qsort(order, g->n, sizeof(*order), by_order);
		r = make_room(g, any_scaled(g, points, order));
	}
	if (r < 0) {
		arena_done(&g->arena);
		sys.free(g->request);
		return err_fail(ERR_NO_MEMORY, "what", "@group", NULL);
	}
	fill(g, points, order, addresses, d->address->size);
	r = make_text_room(g);
	if (r < 0) {
		arena_done(&g->arena);
		sys.free(g->request);
		return r;
	}
	g->status = (struct link_status) { .id = g->id, .parent = group->device, .kind = LINK_GROUP, .state = LINK_IDLE,
		.since_ns = clock_now_ns(), .period_ms = g->period_ms, .n_points = g->n };
	*ret = take(g);
	return 0;
}

struct group_rt *group_free(struct group_rt *g)
{
	if (!g)
		return NULL;
	timer_stop(&g->due);
	cell_unref(g->cell);
	arena_done(&g->arena);
	sys.free(g->request);
	return sys_free(g);
}

/* ---- connections and devices: settings parsed by the driver's own tables ---- */

static int config_parse(const struct rec_type *t, const char *json, struct arena *a, struct errs *errs, void **ret)
{
	void *config = arena_alloc(a, t->size);
	int r;

	if (!config)
		return err_fail(ERR_NO_MEMORY, "what", "@record", NULL);
	if (str_empty(json))
		json = "{}";
	r = rec_from_json(t, config, (struct rec_json) { json, str_len(json) }, REC_CREATE, a, errs);
	if (r < 0)
		return err_at(r, "config");
	*ret = config;
	return 0;
}

int link_check_connection(const struct connection *c, struct arena *a, struct errs *errs, void **ret_config)
{
	const struct driver *d = driver_find(c->driver);
	void *config;
	int r;

	if (!d)
		return err_at(err_fail(ERR_MISSING, "what", "@driver", "value", c->driver, NULL), "driver");
	r = config_parse(d->config, c->config, a, errs, &config);
	if (r == 0 && d->check) {
		r = d->check(config);
		if (r < 0)
			return err_at(r, "config");
	}
	if (r == 0 && ret_config)
		*ret_config = config;
	return r;
}

int link_check_device(const struct driver *d, const struct device *dev, struct arena *a, struct errs *errs, void **ret_config)
{
	void *config;
	int r = config_parse(d->device, dev->config, a, errs, &config);

	if (r == 0 && ret_config)
		*ret_config = config;
	return r;
}

int link_check_point(const struct driver *d, const struct point *p)
{
	uint64_t address[8];
	int r = d->parse_address(p, address);

	return r < 0 ? err_at(r, "address") : 0;
}

int conn_build(uint32_t tenant, const struct connection *connection, const struct driver *d, struct conn **ret)
{
	_cleanup_free_ struct conn *c = sys_new(struct conn);
	int r;

	if (!c)
		return err_fail(ERR_NO_MEMORY, "what", "@connection", NULL);
	arena_init(&c->arena, &sys_heap, 0);
	c->id = connection->head.id;
	c->tenant = tenant;
	c->driver = d;
	c->enabled = connection->enabled;
	link_name_cut(c->name, connection->code);
	r = config_parse(d->config, connection->config, &c->arena, NULL, &c->config);
	if (r == 0 && d->check)
		r = d->check(c->config);
	if (r == 0) {
		d->endpoint(c->config, &c->end);
		c->end.in_flight = CLAMP(c->end.in_flight, 1u, (uint32_t) DRIVER_IN_FLIGHT_MAX);
		c->session = arena_alloc(&c->arena, d->session_size);
		c->frame = arena_alloc(&c->arena, c->end.frame_max);
		r = !c->session || !c->frame ? err_fail(ERR_NO_MEMORY, "what", "@connection", NULL) : d->open(c->session, c->config);
	}
	if (r < 0) {
		arena_done(&c->arena);
		return r;
	}
	c->status = (struct link_status) { .id = c->id, .kind = LINK_CONNECTION, .at_once = c->end.in_flight, .state = LINK_IDLE,
		.since_ns = clock_now_ns() };
	*ret = take(c);
	return 0;
}

struct conn *conn_free(struct conn *c)
{
	if (!c)
		return NULL;
	chain_free(c->chain);
	tap_done(&c->tap);
	cell_unref(c->cell);
	arena_done(&c->arena);
	return sys_free(c);
}

int dev_build(const struct driver *driver, const struct device *device, struct dev **ret)
{
	_cleanup_free_ struct dev *d = sys_new(struct dev);
	int r;

	if (!d)
		return err_fail(ERR_NO_MEMORY, "what", "@device", NULL);
	arena_init(&d->arena, &sys_heap, 0);
	d->id = device->head.id;
	d->enabled = device->enabled;
	link_name_cut(d->name, device->code);
	r = config_parse(driver->device, device->config, &d->arena, NULL, &d->config);
	if (r == 0) {
		d->driver = arena_alloc(&d->arena, driver->device_size);
		r = d->driver ? 0 : err_fail(ERR_NO_MEMORY, "what", "@device", NULL);
	}
	if (r < 0) {
		arena_done(&d->arena);
		return r;
	}
	d->status = (struct link_status) { .id = d->id, .parent = device->connection, .kind = LINK_DEVICE, .state = LINK_IDLE,
		.since_ns = clock_now_ns() };
	*ret = take(d);
	return 0;
}

struct dev *dev_free(struct dev *d)
{
	if (!d)
		return NULL;
	timer_stop(&d->probe);
	cell_unref(d->cell);
	arena_done(&d->arena);
	return sys_free(d);
}
