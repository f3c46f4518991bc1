/* demo.c - the faults of the demonstration plant. The deeds are those of service/demo.h. */

#include "api/internal.h"
#include "service/demo.h"

struct switch_in { bool on; };
static const struct rec_field switch_fields[] = {
	F(struct switch_in, on, .flags = REC_REQUIRED, .label = "On", .label_zh = "投入"),
};
static const struct rec_type switch_type = REC_PLAIN(struct switch_in, "demo_switch", switch_fields, .title = "Switch of a fault", .title_zh = "故障开关");

struct all { struct rec_list items; };
static const struct rec_field all_fields[] = {
	F_KIND(struct all, items, REC_LIST, .item = REC_REC, .type = &demo_fault_type, .max = "1000", .label = "Faults", .label_zh = "故障"),
};
static const struct rec_type all_type = REC_PLAIN(struct all, "demo_faults", all_fields, .title = "Faults of the demonstration plant", .title_zh = "演示工厂的全部故障");

static int run_list(struct call *c)
{
	struct demo_fault_record *items;
	struct all all = { 0 };
	int r = demo_list(&c->scope, &items, &all.items.n);
	struct json j;

	if (r < 0)
		return r;
	all.items.items = items;
	j = answer_json(c);
	record_json(&all_type, &all, NULL, &j);
	return 0;
}

static int run_set(struct call *c)
{
	const struct switch_in *body = c->in;
	struct demo_fault_record rec;
	int r = demo_set(&c->scope, c->arg, body->on, &rec);
	struct json j;

	if (r < 0)
		return r;
	j = answer_json(c);
	record_json(&demo_fault_type, &rec, NULL, &j);
	return 0;
}

static const struct route rows[] = {
	ROUTE("GET", "/demo/faults", PERM_POINT_READ, "demo.faults", run_list, .out = &all_type,
		.doc = "Faults of the demonstration plant; 404 no_demo when there is no such plant"),
	ROUTE("PUT", "/demo/faults/{id}", PERM_COMMAND, "demo.fault", run_set, .in = &switch_type, .out = &demo_fault_type,
		.doc = "Switch a fault of the demonstration plant on or off"),
};
const struct routes routes_demo = { rows, ELEMENTSOF(rows) };
