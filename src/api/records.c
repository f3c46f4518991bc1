/* records.c - all records of a tenant's plant as one document, and a document made true: what `tenon export` and `tenon apply` speak. */
#include "api/internal.h"
#include "service/apply.h"

static int run_export(struct call *c)
{
	struct json j = answer_json(c);

	return service_export(&c->scope, &j);
}

static void raw_or_null(struct json *j, const char *key, const char *text)
{
	json_key(j, key);
	if (text)
		json_raw(j, text);
	else
		json_null(j);
}

static void item_json(struct json *j, const struct apply_item *item)
{
	static const char *const ops[] = { "create", "change", "delete", "keep" };
	char id[UUID_TEXT + 1];

	uuid_format(&item->id, id);
	json_object(j);
	json_kv_str(j, "op", ops[item->op]);
	json_kv_str(j, "noun", item->noun->type->name);
	json_kv_str(j, "id", id);
	json_kv_str(j, "name", item->name);
	json_key(j, "fields");
	json_array(j);
	for (uint32_t i = 0; i < item->n_fields; i++) {
		json_object(j);
		json_kv_str(j, "field", item->fields[i].name);
		raw_or_null(j, "before", item->fields[i].before);
		raw_or_null(j, "after", item->fields[i].after);
		json_end(j);
	}
	json_end(j);
	json_end(j);
}

static int run_apply(struct call *c)
{
	struct apply_in in = { .errs = &c->errs };
	struct applied done;
	struct tree *t = NULL;
	int r = call_bool(c, "dry_run", &in.dry_run);

	if (r == 0)
		r = call_bool(c, "delete", &in.remove);
	if (r == 0)
		r = tree_parse(c->body, c->body_len, "@body", &c->arena, &t);
	in.document = t;
	if (r == 0)
		r = service_apply(&c->scope, &in, &done);
	if (r < 0)
		return r;
	struct json j = answer_json(c);

	json_object(&j);
	json_kv_bool(&j, "dry_run", in.dry_run);
	json_kv_u64(&j, "created", done.n[APPLY_CREATE]);
	json_kv_u64(&j, "changed", done.n[APPLY_CHANGE]);
	json_kv_u64(&j, "deleted", done.n[APPLY_DELETE]);
	json_kv_u64(&j, "kept", done.n[APPLY_KEEP]);
	json_kv_u64(&j, "unchanged", done.unchanged);
	json_key(&j, "items");
	json_array(&j);
	for (uint32_t i = 0; i < done.n_items; i++)
		item_json(&j, &done.items[i]);
	json_end(&j);
	json_end(&j);
	return 0;
}

static const char *const apply_params[] = { "dry_run", "delete", NULL };
static const struct route rows[] = {
	ROUTE("GET", "/export", PERM_POINT_READ, "records.export", run_export,
		.doc = "All records of the plant as one document: places, connections, devices, groups, points, trends, without secrets"),
	ROUTE("POST", "/apply", PERM_POINT_WRITE, "records.apply", run_apply, .raw = "application/json", .params = apply_params, .body_max = 32 << 20,
		.doc = "Make such a document true, all or nothing: what would be, or was, created, changed, deleted, field by field"),
};
const struct routes routes_records = { rows, ELEMENTSOF(rows) };
