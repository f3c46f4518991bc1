/* demo_records.c - the records of the simulated plant: places by hand, points out of the machines' own register maps. */
#include "daemon/demo.h"

#include <math.h>

#include "base/str.h"
#include "model/plant.h"
#include "sim/sim.h"
#include "store/store.h"
#include "sys/sys.h"

enum { PLACE_SITE, PLACE_UTILITIES, PLACE_POWER, PLACE_SHOP, PLACE_MACHINING, PLACE_COATING, PLACES_ };
static const struct { const char *code, *level, *name, *name_zh; int parent; } places[PLACES_] = {
	[PLACE_SITE] = { "demo", "site", "Demonstration plant", "演示工厂", -1 },
	[PLACE_UTILITIES] = { "utilities", "area", "Utilities", "公用工程", PLACE_SITE },
	[PLACE_POWER] = { "power", "area", "Power distribution", "配电室", PLACE_SITE },
	[PLACE_SHOP] = { "shop", "area", "Workshop", "生产车间", PLACE_SITE },
	[PLACE_MACHINING] = { "machining", "line", "Machining line", "机加工线", PLACE_SHOP },
	[PLACE_COATING] = { "coating", "line", "Coating line", "涂装线", PLACE_SHOP },
};

const char demo_machine_list[] = "pump,oven,cnc,meters";
const struct demo_machine demo_machines[] = {
	{ "pump-station", "Pump station", "泵站", "pump-station", "Pump station's controller", "泵站控制器", PLACE_UTILITIES },
	{ "oven-1", "Curing oven 1", "1 号固化炉", "oven-1", "Curing oven's controller", "固化炉控制器", PLACE_COATING },
	{ "cnc-1", "Machining centre 1", "1 号加工中心", "cnc-1", "Machining centre's controller", "加工中心控制器", PLACE_MACHINING },
	{ "meter-main", "Main energy meter", "总电能表", "meters", "Energy meters' bus", "电能表总线", PLACE_POWER },
	{ "meter-pump", "Energy meter of the pump station", "泵站电能表", "meters", NULL, NULL, PLACE_POWER },
	{ "meter-oven", "Energy meter of the curing oven", "固化炉电能表", "meters", NULL, NULL, PLACE_POWER },
	{ "meter-cnc", "Energy meter of the machining centre", "加工中心电能表", "meters", NULL, NULL, PLACE_POWER },
};

#define NONE NAN
static const struct { enum sim_kind kind; const char *code; double ll, l, h, hh; } limits[] = {
#define LIMIT(kind, code, ll, l, h, hh) { SIM_##kind, code, ll, l, h, hh },
#include "daemon/demo_limits.def"
#undef LIMIT
};

struct making { struct scope *s; const struct sim *sim; struct buf body; struct json json; struct uuid place[PLACES_]; };

static void begin(struct making *m)
{
	buf_clear(&m->body);
	m->json = JSON_TO(&m->body);
	json_object(&m->json);
}

static void kv_id(struct json *j, const char *key, const struct uuid *id)
{
	char text[UUID_TEXT + 1];

	uuid_format(id, text);
	json_kv_str(j, key, text);
}

static const char *word(struct scope *s, const char *en, const char *zh)
{
	return s->lang == LANG_ZH ? zh : en;
}

static int end(struct making *m, const char *noun, struct noun_in *ret)
{
	json_end(&m->json);
	if (m->body.failed)
		return err_fail(ERR_NO_MEMORY, "what", "demo", NULL);
	*ret = (struct noun_in) { .noun = noun_find(m->s->platform, noun), .body = m->body.data, .len = m->body.len };
	return 0;
}

/* Sends the body that was begun through the same door as a person's form. */
static int create(struct making *m, const char *noun, struct uuid *ret_id)
{
	struct noun_in in;
	void *rec;
	int r = end(m, noun, &in);

	if (r == 0)
		r = noun_create(m->s, &in, &rec);
	if (r == 0)
		*ret_id = ((struct rec_head *) rec)->id;
	return err_wrap(r, "%s of the simulated plant", noun);
}

/* The place with that code under its parent; made when it is not there. */
static int need_place(struct making *m, int which, struct uuid *ret)
{
	char parent[UUID_TEXT + 1] = "";
	struct store_filter f[] = { { "code", STORE_EQ, places[which].code }, { "parent", STORE_EQ, parent } };
	struct place p;
	struct uuid above;
	int r = places[which].parent >= 0 ? need_place(m, places[which].parent, &above) : 0;

	if (r < 0)
		return r;
	if (places[which].parent >= 0)
		uuid_format(&above, parent);
	r = store_find(m->s->tx, &place_type, f, ELEMENTSOF(f), &p, m->s->arena);
	if (r == 0)
		*ret = p.head.id;
	if (r != -ERR_MISSING)
		return r;
	err_clear();
	begin(m);
	json_kv_str(&m->json, "code", places[which].code);
	json_kv_str(&m->json, "name", word(m->s, places[which].name, places[which].name_zh));
	json_kv_str(&m->json, "level", places[which].level);
	if (*parent)
		json_kv_str(&m->json, "parent", parent);
	return create(m, "places", ret);
}

static void put_config(struct making *m, uint16_t port)
{
	json_key(&m->json, "config");
	json_object(&m->json);
	json_kv_str(&m->json, "host", "127.0.0.1");
	json_kv_u64(&m->json, "port", port);
	json_end(&m->json);
}

static void put_states(struct json *j, const char *states)
{
	json_key(j, "state_texts");
	json_object(j);
	while (states && *states) {             /* "0=stopped;1=running" */
		const char *equals = str_find(states, "="), *end = str_find(states, ";");
		char key[32] = "";

		if (!end)
			end = states + str_len(states);
		if (!equals || equals > end || (size_t) (equals - states) >= sizeof(key))
			break;
		memcpy(key, states, (size_t) (equals - states));
		json_key(j, key);
		json_strn(j, equals + 1, (size_t) (end - equals - 1));
		states = *end ? end + 1 : end;
	}
	json_end(j);
}

static void put_limits(struct json *j, enum sim_kind kind, const char *code)
{
	for (size_t i = 0; i < ELEMENTSOF(limits); i++) {
		const struct { const char *name; double v; } rows[] = { { "limit_ll", limits[i].ll }, { "limit_l", limits[i].l },
			{ "limit_h", limits[i].h }, { "limit_hh", limits[i].hh } };

		for (size_t k = 0; limits[i].kind == kind && str_eq(limits[i].code, code) && k < ELEMENTSOF(rows); k++)
			if (!isnan(rows[k].v))
				json_kv_f64(j, rows[k].name, rows[k].v);
	}
}

static int create_point(struct making *m, enum sim_kind kind, const struct uuid *group, const struct sim_point *p)
{
	static const char *const types[] = { "bool", "i16", "u16", "i32", "u32", "i64", "u64", "f32", "f64", "string" };
	static const char *const accesses[] = { "r", "w", "rw" };
	struct json *j = &m->json;
	struct uuid id;

	begin(m);
	kv_id(j, "group", group);
	json_kv_str(j, "code", p->code);
	json_kv_str(j, "name", word(m->s, p->name, p->name_zh));
	json_kv_str(j, "address", p->address);
	json_kv_str(j, "type", types[p->type]);
	json_kv_str(j, "access", accesses[p->access]);
	if (p->scale != 1)
		json_kv_f64(j, "scale", p->scale);
	if (!str_empty(p->unit))
		json_kv_str(j, "unit", p->unit);
	if (p->decimals >= 0)
		json_kv_i64(j, "decimals", p->decimals);
	if (p->states)
		put_states(j, word(m->s, p->states, p->states_zh));
	if (p->access != POINT_READ && p->low < p->high) {
		json_kv_f64(j, "write_min", p->low);
		json_kv_f64(j, "write_max", p->high);
	}
	put_limits(j, kind, p->code);
	return create(m, "points", &id);
}

/* The switches of faults are the panel's, they are no points of a real plant. */
static bool is_of_the_plant(const struct sim_point *p) { return !str_starts(p->code, "FAULT-"); }

static int create_points(struct making *m, enum sim_kind kind, const struct uuid *device)
{
	size_t n_points, n_groups;
	const struct sim_point *points = sim_points(kind, &n_points);
	const struct sim_group *groups = sim_groups(kind, &n_groups);
	struct uuid group;
	int r = 0;

	for (size_t g = 0; r == 0 && g < n_groups; g++) {
		begin(m);
		kv_id(&m->json, "device", device);
		json_kv_str(&m->json, "code", groups[g].code);
		json_kv_str(&m->json, "name", word(m->s, groups[g].name, groups[g].name_zh));
		json_kv_u64(&m->json, "period_ms", groups[g].period_ms);
		r = create(m, "groups", &group);
		for (size_t i = 0; r == 0 && i < n_points; i++)
			if (str_eq(points[i].group, groups[g].code) && is_of_the_plant(&points[i]))
				r = create_point(m, kind, &group, &points[i]);
	}
	return r;
}

static int create_device(struct making *m, uint32_t i, const struct uuid *connection)
{
	const struct demo_machine *d = &demo_machines[i];
	struct sim_machine machine;
	struct uuid place, device;
	int r = need_place(m, d->place, &place);

	if (r < 0)
		return r;
	sim_machine(m->sim, i, &machine);
	begin(m);
	json_kv_str(&m->json, "code", d->code);
	json_kv_str(&m->json, "name", word(m->s, d->name, d->name_zh));
	kv_id(&m->json, "connection", connection);
	kv_id(&m->json, "place", &place);
	json_key(&m->json, "config");
	json_object(&m->json);
	json_kv_u64(&m->json, "unit", machine.unit);
	json_end(&m->json);
	r = create(m, "devices", &device);
	return r < 0 ? r : create_points(m, machine.kind, &device);
}

static int create_connection(struct making *m, uint32_t first, uint16_t port)
{
	const struct demo_machine *d = &demo_machines[first];
	struct uuid connection;
	int r;

	begin(m);
	json_kv_str(&m->json, "code", d->connection);
	json_kv_str(&m->json, "name", word(m->s, d->connection_name, d->connection_zh));
	json_kv_str(&m->json, "driver", "modbus-tcp");
	put_config(m, port);
	r = create(m, "connections", &connection);
	for (uint32_t i = first; r == 0 && i < sim_machines(m->sim); i++)
		if (str_eq(demo_machines[i].connection, d->connection))
			r = create_device(m, i, &connection);
	return r;
}

static int change_port(struct making *m, const struct connection *c, uint16_t port)
{
	struct noun_in in;
	void *rec;
	int r;

	begin(m);
	put_config(m, port);
	r = end(m, "connections", &in);
	in.id = c->head.id;
	return r < 0 ? r : noun_patch(m->s, &in, &rec);
}

int demo_make_records(struct scope *s, const struct sim *sim)
{
	struct making m = { .s = s, .sim = sim, .body = BUF_INIT(&sys_heap, 1 << 20) };
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < sim_machines(sim); i++) {
		struct sim_machine machine;
		struct connection c;

		if (!demo_machines[i].connection_name)
			continue;               /* came with the first of its connection */
		sim_machine(sim, i, &machine);
		r = store_find_by(s->tx, &connection_type, "code", demo_machines[i].connection, &c, s->arena);
		if (r == 0)
			r = change_port(&m, &c, machine.port);
		else if (r == -ERR_MISSING) {
			err_clear();
			r = create_connection(&m, i, machine.port);
		}
	}
	buf_done(&m.body);
	return r;
}
