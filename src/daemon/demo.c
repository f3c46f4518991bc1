/* demo.c - the records of the simulated pump station come from its own register map. */
#include "daemon/demo.h"

#include "base/str.h"
#include "model/plant.h"
#include "sim/sim.h"
#include "store/store.h"
#include "sys/sys.h"

#define CODE "pump-station"
#define DEMO_START_LEVEL 2.0            /* m; above the tank's first level, so that the pump runs when the visitor comes */

struct demo { uint16_t port; struct buf body; struct json json; };

static void begin(struct demo *d)
{
	buf_clear(&d->body);
	d->json = JSON_TO(&d->body);
	json_object(&d->json);
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

/* Sends the body that was begun through the same door as a person's form. */
static int create(struct scope *s, struct demo *d, const char *noun, struct uuid *ret_id)
{
	struct noun_in in = { .noun = noun_find(s->platform, noun) };
	void *rec;
	int r;

	json_end(&d->json);
	if (d->body.failed)
		return err_fail(ERR_NO_MEMORY, "what", "demo", NULL);
	in.body = d->body.data;
	in.len = d->body.len;
	r = noun_create(s, &in, &rec);
	if (r == 0)
		*ret_id = ((struct rec_head *) rec)->id;
	return err_wrap(r, "%s of the simulated plant", noun);
}

static void put_config(struct demo *d)
{
	json_key(&d->json, "config");
	json_object(&d->json);
	json_kv_str(&d->json, "host", "127.0.0.1");
	json_kv_u64(&d->json, "port", d->port);
	json_end(&d->json);
}

static int create_device(struct scope *s, struct demo *d, struct uuid *ret)
{
	struct uuid place, connection;
	int r;

	begin(d);
	json_kv_str(&d->json, "code", "demo");
	json_kv_str(&d->json, "name", word(s, "Demonstration plant", "演示工厂"));
	json_kv_str(&d->json, "level", "site");
	r = create(s, d, "places", &place);
	if (r < 0)
		return r;
	begin(d);
	json_kv_str(&d->json, "code", CODE);
	json_kv_str(&d->json, "name", word(s, "Simulated pump station", "仿真泵站"));
	json_kv_str(&d->json, "driver", "modbus-tcp");
	put_config(d);
	r = create(s, d, "connections", &connection);
	if (r < 0)
		return r;
	begin(d);
	json_kv_str(&d->json, "code", CODE);
	json_kv_str(&d->json, "name", word(s, "Pump station", "泵站"));
	kv_id(&d->json, "connection", &connection);
	kv_id(&d->json, "place", &place);
	return create(s, d, "devices", ret);
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

static int create_point(struct scope *s, struct demo *d, const struct uuid *group, const struct sim_point *p)
{
	static const char *const types[] = { "bool", "i16", "u16", "i32", "u32", "i64", "u64", "f32", "f64", "string" };
	static const char *const accesses[] = { "r", "w", "rw" };
	struct json *j = &d->json;
	struct uuid id;

	begin(d);
	kv_id(j, "group", group);
	json_kv_str(j, "code", p->code);
	json_kv_str(j, "name", word(s, p->name, p->name_zh));
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
		put_states(j, word(s, p->states, p->states_zh));
	if (p->access != POINT_READ && p->low < p->high) {
		json_kv_f64(j, "write_min", p->low);
		json_kv_f64(j, "write_max", p->high);
	}
	return create(s, d, "points", &id);
}

static int create_all(struct scope *s, struct demo *d)
{
	size_t n_points, n_groups;
	const struct sim_point *points = sim_points(SIM_PUMP, &n_points);
	const struct sim_group *groups = sim_groups(SIM_PUMP, &n_groups);
	struct uuid device, group;
	int r = create_device(s, d, &device);

	for (size_t g = 0; r == 0 && g < n_groups; g++) {
		begin(d);
		kv_id(&d->json, "device", &device);
		json_kv_str(&d->json, "code", groups[g].code);
		json_kv_str(&d->json, "name", word(s, groups[g].name, groups[g].name_zh));
		json_kv_u64(&d->json, "period_ms", groups[g].period_ms);
		r = create(s, d, "groups", &group);
		for (size_t i = 0; r == 0 && i < n_points; i++)
			if (str_eq(points[i].group, groups[g].code))
				r = create_point(s, d, &group, &points[i]);
	}
	return r;
}

static int change_port(struct scope *s, struct demo *d, const struct connection *c)
{
	struct noun_in in = { .noun = noun_find(s->platform, "connections"), .id = c->head.id };
	void *rec;

	begin(d);
	put_config(d);
	json_end(&d->json);
	in.body = d->body.data;
	in.len = d->body.len;
	return noun_patch(s, &in, &rec);
}

static int make(struct scope *s, const void *in, void *ret)
{
	struct demo *d = ret;
	struct connection c;
	int r = store_find_by(s->tx, &connection_type, "code", CODE, &c, s->arena);

	if (r == 0)
		return change_port(s, d, &c);
	if (r != -ERR_MISSING)
		return r;
	err_clear();
	return create_all(s, d);
}

static const struct deed deed_demo = DEED("demo.create", PERM_LINK_WRITE, DEED_TENANT, make);

int demo_start(struct sim **ret, struct loop *l, struct platform *p)
{
	_cleanup_(sim_freep) struct sim *sim = NULL;
	struct demo d = { .body = BUF_INIT(&sys_heap, 1 << 20) };
	struct sim_config config = { .seed = 42 };
	struct scope s = { 0 };
	struct arena a;
	int r = sim_new(l, &config, &sim);

	if (r == 0)
		r = sim_write(sim, 0, "LIC-102.L", DEMO_START_LEVEL);
	if (r == 0)
		r = sim_start(sim);
	if (r < 0)
		return err_wrap(r, "the simulated plant");
	arena_init(&a, &sys_heap, 0);
	scope_system(&s, p->guard, p, &a, "demo");
	s.lang = lang_of_env();               /* names are stored once, in the language of this computer */
	d.port = sim_port(sim, 0);
	r = scope_do(&s, &deed_demo, NULL, &d);
	buf_done(&d.body);
	arena_done(&a);
	if (r == 0)
		*ret = take(sim);
	return r;
}
