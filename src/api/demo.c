/* demo.c - the faults of the demonstration plant. The deeds are those of service/demo.h. */

#include "api/internal.h"
#include "service/demo.h"

struct switch_in { bool on; };
static const struct rec_field switch_fields[] = {
	F(struct switch_in, on, .flags = REC_REQUIRED, .label = "On", .label_zh = "投入"),
};
static const struct rec_type switch_type = REC_PLAIN(struct switch_in, "demo_switch", switch_fields, .title = "Switch of a fault", .title_zh = "故障开关");

static int run_list(struct call *c)
{
	struct demo_fault_record *items;
	uint32_t n;
	int r = demo_list(&c->scope, &items, &n);
	struct json j;

	if (r < 0)
		return r;
	j = answer_json(c);
	json_object(&j);
	json_key(&j, "items");
	json_array(&j);
	for (uint32_t i = 0; i < n; i++)
		record_json(&demo_fault_type, &items[i], NULL, &j);
	json_end(&j);
	json_end(&j);
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
	ROUTE("GET", "/demo/faults", PERM_POINT_READ, "demo.faults", run_list, .doc = "Faults of the demonstration plant; 404 no_demo when there is no such plant"),
	ROUTE("PUT", "/demo/faults/{id}", PERM_COMMAND, "demo.fault", run_set, .in = &switch_type, .out = &demo_fault_type,
		.doc = "Switch a fault of the demonstration plant on or off"),
};
const struct routes routes_demo = { rows, ELEMENTSOF(rows) };
