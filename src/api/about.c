/* about.c - what there is: record types, permissions, drivers, the OpenAPI document. */

#include "api/internal.h"
#include "link/link.h"
#include "service/reach.h"

static void type_json(struct call *c, const struct noun *n, struct json *j)
{
	const struct rec_type *t = n->type;

	json_object(j);
	json_kv_str(j, "name", t->name);
	json_kv_str(j, "plural", t->plural);
	json_kv_str(j, "title", t->title);
	json_kv_str(j, "title_zh", t->title_zh);
	json_kv_str(j, "doc", t->doc);
	json_kv_str(j, "doc_zh", t->doc_zh);
	json_kv_str(j, "read", permission_id(n->read));
	json_kv_str(j, "write", permission_id(n->write));
	json_kv_bool(j, "may_read", reach_may(&c->scope, n->read, t));
	json_kv_bool(j, "may_write", reach_may(&c->scope, n->write, t));
	json_key(j, "form");
	rec_form(t, j);
	json_end(j);
}

static int run_types(struct call *c)
{
	struct json j = answer_json(c);

	json_object(&j);
	json_key(&j, "items");
	json_array(&j);
	for (const struct noun *const *n = c->api->platform->nouns; *n; n++)
		type_json(c, *n, &j);
	json_end(&j);
	json_end(&j);
	return 0;
}

static int run_type(struct call *c)
{
	const struct noun *n = noun_find(c->api->platform, c->arg);
	struct json j = answer_json(c);

	if (!n)
		return err_fail(ERR_MISSING, "what", "@record", "value", c->arg, NULL);
	type_json(c, n, &j);
	return 0;
}

static int run_permissions(struct call *c)
{
	struct json j = answer_json(c);

	json_object(&j);
	json_key(&j, "items");
	json_array(&j);
	for (int p = PERM_FIRST_; p < PERM_N_; p++) {
		json_object(&j);
		json_kv_str(&j, "id", permission_id((enum permission) p));
		json_kv_str(&j, "title", permission_title((enum permission) p, LANG_EN));
		json_kv_str(&j, "title_zh", permission_title((enum permission) p, LANG_ZH));
		json_end(&j);
	}
	json_end(&j);
	json_end(&j);
	return 0;
}

static void form_or_null(struct json *j, const char *key, const struct rec_type *t)
{
	json_key(j, key);
	if (t)
		rec_form(t, j);
	else
		json_null(j);
}

static void driver_json(const struct driver *d, struct json *j)
{
	static const struct { uint32_t bit; const char *word; } caps[] = { { DRIVER_READ, "read" }, { DRIVER_WRITE, "write" },
		{ DRIVER_BROWSE, "browse" }, { DRIVER_SUBSCRIBE, "subscribe" }, { DRIVER_MANY, "many" },
		{ DRIVER_PEEK, "peek" }, { DRIVER_SCAN, "scan" } };

	json_object(j);
	json_kv_str(j, "name", d->name);
	json_kv_str(j, "title", d->title);
	json_kv_str(j, "title_zh", d->title_zh);
	json_kv_str(j, "doc", d->doc);
	json_kv_str(j, "doc_zh", d->doc_zh);
	json_key(j, "caps");
	json_array(j);
	for (size_t i = 0; i < ELEMENTSOF(caps); i++)
		if (d->caps & caps[i].bit)
			json_str(j, caps[i].word);
	json_end(j);
	form_or_null(j, "connection", d->config);
	form_or_null(j, "device", d->device);
	json_key(j, "address");
	json_object(j);
	json_kv_str(j, "hint", d->hint);
	json_kv_str(j, "hint_zh", d->hint_zh);
	json_key(j, "examples");
	json_array(j);
	for (const char *const *e = d->examples; e && *e; e++)
		json_str(j, *e);
	json_end(j);
	json_end(j);
	json_end(j);
}

static int run_drivers(struct call *c)
{
	struct json j = answer_json(c);

	json_object(&j);
	json_key(&j, "items");
	json_array(&j);
	for (const struct driver *const *d = driver_list(); *d; d++)
		driver_json(*d, &j);
	json_end(&j);
	json_end(&j);
	return 0;
}

static int run_openapi(struct call *c)
{
	answer_json(c);
	openapi_write(c->api->platform, &c->out);
	return 0;
}

static int run_health(struct call *c)
{
	struct json j = answer_json(c);

	json_object(&j);
	json_kv_str(&j, "status", "ok");
	json_end(&j);
	return 0;
}

static const struct route rows[] = {
	ROUTE("GET", "/types", SIGNED_IN, "type.list", run_types, .doc = "Every record type with its fields, rules and form"),
	ROUTE("GET", "/types/{name}", SIGNED_IN, "type.get", run_type, .doc = "One record type"),
	ROUTE("GET", "/permissions", SIGNED_IN, "permission.list", run_permissions, .doc = "Every permission"),
	ROUTE("GET", "/drivers", PERM_LINK_READ, "driver.list", run_drivers, .doc = "Drivers with their settings and address notation"),
	ROUTE("GET", "/openapi.json", PUBLIC, "openapi.get", run_openapi, .anonymous_ok = true, .doc = "This interface as OpenAPI 3.1"),
	ROUTE("GET", "/healthz", PUBLIC, "health.get", run_health, .run_on = RUN_LOOP, .outside = true, .doc = "Is it there?"),
};
const struct routes routes_about = { rows, ELEMENTSOF(rows) };
