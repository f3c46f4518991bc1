/* openapi.c - the rows, told to machines: OpenAPI 3.1 and the plain list. */

#include "api/internal.h"

/* ---- parts ---- */

static void type_is(struct json *j, const char *type)
{
	json_key(j, "schema");
	json_object(j);
	json_kv_str(j, "type", type);
	json_end(j);
}

static void param(struct json *j, const char *in, const char *name, const char *type, const char *doc)
{
	json_object(j);
	json_kv_str(j, "name", name);
	json_kv_str(j, "in", in);
	if (str_eq(in, "path")) {
		json_kv_bool(j, "required", true);
	}
	if (doc)
		json_kv_str(j, "description", doc);
	type_is(j, type);
	json_end(j);
}

static void path_params(struct json *j, const char *path)
{
	char name[64];

	for (const char *p = path; *p; p++) {
		struct buf b = BUF_FIXED(name);
		if (*p != '{' || str_starts(p, "{noun}"))
			continue;
		for (p++; *p != '}'; p++)
			buf_addc(&b, *p);
		param(j, "path", b.data, "string", NULL);
	}
}

static void list_params(struct json *j, const struct rec_type *t)
{
	param(j, "query", "limit", "integer", "Records a page, 1 to 1000; 100 when absent. Of an export: records in all");
	param(j, "query", "cursor", "string", "`next` of the page before");
	param(j, "query", "sort", "string", "Fields between commas, - in front for descending");
	param(j, "query", "fields", "string", "Only these fields, between commas");
	param(j, "query", "q", "string", "Free text");
	param(j, "query", "count", "boolean", "Also count all that match");
	param(j, "query", "bom", "boolean", "CSV begins with a byte order mark");
	param(j, "query", "format", "string", "json, csv, ndjson or xlsx, where the address alone must say it");
	for (uint32_t i = 0; t && i < t->n_fields; i++)
		if (!(t->fields[i].flags & (REC_SECRET | REC_INTERNAL)))
			param(j, "query", t->fields[i].name, "string", rec_sql_is_join(&t->fields[i]) ?
				"Contains this one (id or code); also with .ne .in behind the name; empty: has none" :
				"Equal; also with .ne .lt .le .gt .ge .in .like behind the name");
	if (t && rec_field(t, "labels"))
		param(j, "query", "label", "string", "The same as labels");
}

static void ref(struct json *j, const char *name)
{
	char text[120];
	struct buf b = BUF_FIXED(text);

	buf_addf(&b, "#/components/schemas/%s", name);
	json_object(j);
	json_kv_str(j, "$ref", text);
	json_end(j);
}

static void content(struct json *j, const char *type)
{
	json_key(j, "content");
	json_object(j);
	json_key(j, type);
	json_object(j);
}

static const char *first_of(const char *types, struct buf *out)
{
	while (*types && *types != ',')
		buf_addc(out, *types++);
	return out->data;
}

static void batch_schema(struct json *j, const struct noun *n)
{
	json_key(j, "schema");
	json_object(j);
	json_kv_str(j, "type", "object");
	json_kv_bool(j, "additionalProperties", false);
	json_key(j, "minProperties");
	json_u64(j, 1);
	json_key(j, "properties");
	json_object(j);
	json_key(j, "create");
	json_object(j);
	json_kv_str(j, "type", "array");
	json_key(j, "items");
	ref(j, n->type->name);
	json_end(j);
	json_key(j, "update");
	json_raw(j, "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"id\"],\"properties\":{\"id\":{\"type\":\"string\",\"format\":\"uuid\"},"
		"\"rev\":{\"type\":\"integer\"}}}}");
	json_key(j, "delete");
	json_raw(j, "{\"type\":\"array\",\"items\":{\"oneOf\":[{\"type\":\"string\",\"format\":\"uuid\"},{\"type\":\"object\",\"required\":[\"id\"],\"properties\":{"
		"\"id\":{\"type\":\"string\",\"format\":\"uuid\"},\"rev\":{\"type\":\"integer\"}}}]}}");
	json_end(j);
	json_end(j);
}

/* A raw body of several types is told under the first; the row's description names the others. */
static void request_body(struct json *j, const struct route *r, const struct noun *n)
{
	const struct rec_type *in = r->in ? r->in : n && !r->raw && r->noun == NOUN_WRITES && !str_eq(r->method, "DELETE") ? n->type : NULL;
	char name[80], types[120] = "";
	struct buf b = BUF_FIXED(name), type = BUF_FIXED(types);

	if (!in && !r->raw)
		return;
	json_key(j, "requestBody");
	json_object(j);
	json_kv_bool(j, "required", !(r->raw && str_eq(r->raw, "*/*")));      /* no lines are no samples */
	content(j, r->raw ? str_eq(r->raw, "*/*") ? "text/plain" : first_of(r->raw, &type) : str_eq(r->method, "PATCH") ? "application/merge-patch+json" : "application/json");
	if (in) {
		buf_addf(&b, "%s%s", in->name, str_eq(r->method, "PATCH") ? "_patch" : "");
		json_key(j, "schema");
		ref(j, b.data);
	} else if (n && str_eq(r->raw, "application/json")) {
		batch_schema(j, n);
	} else {                                        /* text and files have no schema; JSON read by the row itself is an object */
		json_key(j, "schema");
		json_raw(j, str_find(r->raw, "json") ? "{\"type\":\"object\"}" : "{}");
	}
	json_end(j);
	json_end(j);
	json_end(j);
}

/* The answer's schema: a page of records, a record, or an object told about in the description. */
static void success_schema(struct json *j, const struct route *r, const struct noun *n)
{
	if (r->params == params_of_noun) {
		json_key(j, "schema");
		json_object(j);
		json_kv_str(j, "type", "object");
		json_key(j, "required");
		json_raw(j, "[\"items\",\"next\"]");
		json_key(j, "properties");
		json_object(j);
		json_key(j, "items");
		json_object(j);
		json_kv_str(j, "type", "array");
		json_key(j, "items");
		ref(j, n ? n->type->name : r->list_of->name);
		json_end(j);
		json_key(j, "next");
		json_raw(j, "{\"type\":[\"string\",\"null\"]}");
		json_key(j, "count");
		json_raw(j, "{\"type\":\"integer\"}");
		json_end(j);
		json_end(j);
	} else if (r->out || (n && !r->raw)) {
		json_key(j, "schema");
		ref(j, r->out ? r->out->name : n->type->name);
	} else {
		type_is(j, "object");
	}
}

/* What can be done next with the record that was made: programs that walk through an API follow these. */
static void links(struct json *j, const struct routes *set, const struct noun *n)
{
	json_key(j, "links");
	json_object(j);
	for (size_t i = 0; i < set->n; i++) {
		const struct route *r = &set->items[i];
		char id[120];
		struct buf b = BUF_FIXED(id);

		if (!str_eq(r->path, "/{noun}/{id}"))
			continue;
		buf_addf(&b, "%s.%s", n->type->name, r->name);
		json_key(j, r->name);
		json_object(j);
		json_kv_str(j, "operationId", id);
		json_key(j, "parameters");
		json_raw(j, "{\"id\":\"$response.body#/id\"}");
		json_end(j);
	}
	json_end(j);
}

static void responses(struct json *j, const struct route *r, const struct routes *set, const struct noun *n)
{
	char status[8];
	struct buf b = BUF_FIXED(status);

	buf_addf(&b, "%d", r->status ? r->status : 200);
	json_key(j, "responses");
	json_object(j);
	json_key(j, b.data);
	json_object(j);
	json_kv_str(j, "description", r->status == 201 ? "Made" : r->status == 204 ? "Done" : "The answer");
	if (r->status != 204 && r->offers && !str_eq(r->offers[0], "application/json")) {      /* a file: of one of these types */
		json_key(j, "content");
		json_object(j);
		for (const char *const *o = r->offers; *o; o++) {
			json_key(j, *o);
			json_object(j);
			type_is(j, "string");
			json_end(j);
		}
		json_end(j);
	} else if (r->status != 204) {
		content(j, "application/json");
		success_schema(j, r, n);
		json_end(j);
		for (const char *const *o = r->offers; o && *o; o++) {
			if (str_eq(*o, "application/json"))
				continue;
			json_key(j, *o);
			json_object(j);
			type_is(j, "string");
			json_end(j);
		}
		json_end(j);
	}
	if (n && str_eq(r->path, "/{noun}") && r->status == 201)
		links(j, set, n);
	json_end(j);
	json_key(j, "default");
	json_object(j);
	json_kv_str(j, "description", "What went wrong (RFC 9457)");
	content(j, "application/problem+json");
	json_key(j, "schema");
	ref(j, "problem");
	json_end(j);
	json_end(j);
	json_end(j);
	json_end(j);
}

static void lower(struct json *j, const char *method)
{
	char text[16];
	struct buf b = BUF_FIXED(text);

	for (; *method; method++)
		buf_addc(&b, (char) (*method | 0x20));
	json_key(j, b.data);
}

static void operation(struct json *j, const struct route *r, const struct routes *set, const struct noun *n)
{
	enum permission p = route_permission(r, n);
	char id[120], tag[64];
	struct buf b = BUF_FIXED(id), t = BUF_FIXED(tag);

	buf_addf(&b, "%s%s%s", n ? n->type->name : "", n ? "." : "", r->name);
	for (const char *c = b.data; *c && *c != '.'; c++)
		buf_addc(&t, *c);
	lower(j, r->method);
	json_object(j);
	json_kv_str(j, "operationId", b.data);
	json_kv_str(j, "summary", r->doc);
	json_kv_str(j, "x-permission", permission_id(p));
	json_key(j, "tags");
	json_array(j);
	json_str(j, t.data);
	json_end(j);
	if (p == PUBLIC) {
		json_key(j, "security");
		json_raw(j, "[]");
	}
	json_key(j, "parameters");
	json_array(j);
	path_params(j, r->path);
	if (r->params == params_of_noun)
		list_params(j, n ? n->type : r->list_of);
	for (const char *const *q = r->params; q && *q; q++)
		if (!str_ends(*q, "*"))         /* set.group=…: names of fields, told in the description */
			param(j, "query", *q, "string", NULL);
	json_end(j);
	request_body(j, r, n);
	responses(j, r, set, n);
	json_end(j);
}

/* ---- paths ---- */

static void full_path(const struct route *r, const struct noun *n, struct buf *out)
{
	if (!r->outside)
		buf_add(out, "/api/v1");
	if (n)
		buf_addf(out, "/%s%s", n->type->plural, r->path + sizeof("/{noun}") - 1);
	else
		buf_add(out, r->path);
}

static void paths_of(struct json *j, const struct routes *set, const struct noun *n)
{
	char path[160];

	for (size_t i = 0; i < set->n; i++) {
		struct buf b = BUF_FIXED(path);
		bool told = false;
		for (size_t k = 0; k < i; k++)
			told |= str_eq(set->items[k].path, set->items[i].path);
		if (told)
			continue;
		full_path(&set->items[i], n, &b);
		json_key(j, b.data);
		json_object(j);
		for (size_t k = i; k < set->n; k++)
			if (str_eq(set->items[k].path, set->items[i].path))
				operation(j, &set->items[k], set, n);
		json_end(j);
	}
}

/* ---- schemas ---- */

static const char problem_schema[] = "{\"type\":\"object\",\"required\":[\"type\",\"title\",\"status\",\"detail\",\"instance\",\"code\"],\"properties\":{"
	"\"type\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},\"status\":{\"type\":\"integer\"},\"detail\":{\"type\":\"string\"},"
	"\"instance\":{\"type\":\"string\"},\"code\":{\"type\":\"string\"},\"args\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}},"
	"\"errors\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"pointer\":{\"type\":\"string\"},\"code\":{\"type\":\"string\"},"
	"\"args\":{\"type\":\"object\"},\"detail\":{\"type\":\"string\"}}}}}}";

/* Types that stand in several rows are told once. */
struct told { const struct rec_type *t[96]; size_t n; };

static void schema(struct json *j, struct told *told, const struct rec_type *t)
{
	for (size_t i = 0; t && i < told->n; i++)
		if (told->t[i] == t)
			return;
	if (!t || told->n == ELEMENTSOF(told->t))
		return;
	told->t[told->n++] = t;
	json_key(j, t->name);
	rec_openapi(t, j);
}

static void schemas(const struct platform *p, struct json *j)
{
	struct told told = { .n = 0 };
	char name[80];

	json_key(j, "problem");
	json_raw(j, problem_schema);
	for (const struct noun *const *n = p->nouns; *n; n++) {
		struct buf b = BUF_FIXED(name);
		schema(j, &told, (*n)->type);
		buf_addf(&b, "%s_patch", (*n)->type->name);
		json_key(j, b.data);
		json_raw(j, "{\"type\":\"object\",\"description\":\"Any of the fields; null clears (RFC 7396)\"}");
	}
	for (const struct routes *const *set = all_routes; *set; set++)
		for (const struct route *r = (*set)->items; r < (*set)->items + (*set)->n; r++) {
			schema(j, &told, r->in);
			schema(j, &told, r->out);
			schema(j, &told, r->list_of);
		}
}

void openapi_write(const struct platform *p, struct buf *out)
{
	struct json j = JSON_TO(out);

	json_object(&j);
	json_kv_str(&j, "openapi", "3.1.0");
	json_key(&j, "info");
	json_object(&j);
	json_kv_str(&j, "title", "Tenon");
	json_kv_str(&j, "version", p->version);
	json_key(&j, "license");
	json_raw(&j, "{\"name\":\"Apache-2.0\",\"identifier\":\"Apache-2.0\"}");
	json_end(&j);
	json_key(&j, "security");
	json_raw(&j, "[{\"bearer\":[]},{\"cookie\":[]}]");
	json_key(&j, "paths");
	json_object(&j);
	for (const struct routes *const *set = all_routes; *set; set++)
		if (*set != &routes_noun)
			paths_of(&j, *set, NULL);
	for (const struct noun *const *n = p->nouns; *n; n++)
		paths_of(&j, &routes_noun, *n);
	json_end(&j);
	json_key(&j, "components");
	json_object(&j);
	json_key(&j, "securitySchemes");
	json_raw(&j, "{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\"},\"cookie\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"tenon_session\"}}");
	json_key(&j, "schemas");
	json_object(&j);
	schemas(p, &j);
	json_end(&j);
	json_end(&j);
	json_end(&j);
}

void api_openapi(const struct platform *p, struct buf *out)
{
	openapi_write(p, out);
}

/* ---- the plain list ---- */

static void route_json(struct json *j, const struct route *r, const struct noun *n)
{
	char path[160];
	struct buf b = BUF_FIXED(path);

	full_path(r, n, &b);
	json_object(j);
	json_kv_str(j, "method", r->method);
	json_kv_str(j, "path", b.data);
	json_kv_str(j, "permission", permission_id(route_permission(r, n)));
	json_kv_str(j, "run_on", r->run_on == RUN_LOOP ? "loop" : "work");
	json_kv_str(j, "in", r->raw ? r->raw : r->in ? r->in->name : n && r->noun == NOUN_WRITES && !str_eq(r->method, "DELETE") ? n->type->name : NULL);
	json_kv_i64(j, "status", r->status ? r->status : 200);
	json_kv_u64(j, "body_max", r->body_max ? r->body_max : BODY_DEFAULT);
	json_kv_str(j, "doc", r->doc);
	json_end(j);
}

void api_routes_json(const struct platform *p, struct buf *out)
{
	struct json j = JSON_TO(out);

	json_array(&j);
	for (const struct routes *const *set = all_routes; *set; set++)
		for (size_t i = 0; *set != &routes_noun && i < (*set)->n; i++)
			route_json(&j, &(*set)->items[i], NULL);
	for (const struct noun *const *n = p->nouns; *n; n++)
		for (size_t i = 0; i < routes_noun.n; i++)
			route_json(&j, &routes_noun.items[i], *n);
	json_end(&j);
}
