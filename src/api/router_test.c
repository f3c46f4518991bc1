/* router_test.c - which row is meant, and what machines are told about the rows. */

#include "tap.h"

#include "api/internal.h"
#include "rec/tree.h"

struct pump { struct rec_head head; const char *code; };
static const struct rec_field pump_fields[] = { F(struct pump, code, .flags = REC_REQUIRED, .max = "20") };
static const struct rec_type pump_type = REC_TYPE(struct pump, "pump", "pumps", pump_fields, .title = "Pump", .title_zh = "泵");
static const struct noun pump_noun = NOUN_ROW(pump_type, DEED_TENANT, PERM_POINT_READ, PERM_POINT_WRITE, NULL);

/* The platform's nouns and one more. */
static const struct platform *platform(void)
{
	static const struct noun *nouns[32];
	static struct platform p = { .version = "test", .nouns = nouns };
	size_t n = 0;

	for (const struct noun *const *own = service_nouns(); *own; own++)
		nouns[n++] = *own;
	nouns[n] = &pump_noun;
	return &p;
}

static char text[200];

static int match(const char *method, const char *path, struct match *ret)
{
	snprintf(text, sizeof(text), "%s", path);
	return router_match(platform(), method, text, ret);
}

TEST(a_literal_segment_comes_before_a_place_holder)
{
	struct match m;

	is_int(match("POST", "/points/import", &m), 0);
	is_str(m.route->name, "import");
	is_int(match("GET", "/points/01920000-0000-7000-8000-000000000000", &m), 0);
	is_str(m.route->name, "get");
	is_str(m.arg, "01920000-0000-7000-8000-000000000000");
	is_int(match("GET", "/audit/verify", &m), 0);
	is_str(m.route->name, "audit.verify");
	is_int(match("HEAD", "/points", &m), 0);
	is_str(m.route->name, "list");
}

TEST(an_unknown_path_is_missing_and_an_unknown_method_says_what_is_offered)
{
	struct match m;

	is_int(match("GET", "/nothing", &m), -ERR_MISSING);
	is_int(match("GET", "/", &m), -ERR_MISSING);
	is_int(match("GET", "/points/a/b/c/d/e/f/g/h/i/j", &m), -ERR_MISSING);
	is_int(match("GET", "/point", &m), -ERR_MISSING);       /* the singular is no address */
	is_int(match("BREW", "/points", &m), -ERR_NO_METHOD);
	is_str(m.allow, "GET, HEAD, POST");
	is_int(match("GET", "/points/import", &m), -ERR_NO_METHOD);
	is_str(m.allow, "POST");
	is_int(match("POST", "/points/some-id", &m), -ERR_NO_METHOD);
	is_str(m.allow, "GET, HEAD, PUT, PATCH, DELETE");
	err_clear();
}

TEST(every_row_has_a_permission_a_name_a_function_and_a_sentence)
{
	for (const struct routes *const *set = all_routes; *set; set++)
		for (size_t i = 0; i < (*set)->n; i++) {
			const struct route *r = &(*set)->items[i];
			ok(r->permission > PERM_UNSET_ && r->permission < PERM_N_);
			ok(r->name && r->run && r->doc && r->path[0] == '/');
			ok((*set == &routes_noun) == (r->noun != NOT_OF_A_NOUN));
		}
}

TEST(of_the_rows_that_change_something_only_signing_in_and_setup_are_open)
{
	for (const struct routes *const *set = all_routes; *set; set++)
		for (size_t i = 0; i < (*set)->n; i++) {
			const struct route *r = &(*set)->items[i];
			if (r->permission == PUBLIC && strcmp(r->method, "GET"))
				ok(!strcmp(r->path, "/session") || !strcmp(r->path, "/setup") || !strcmp(r->path, "/session/reset"));
		}
}

TEST(a_nouns_row_needs_the_nouns_own_permission)
{
	struct match m;

	must(match("GET", "/users", &m) == 0);
	is_int(route_permission(m.route, m.noun), PERM_USER_READ);
	must(match("DELETE", "/users/x", &m) == 0);
	is_int(route_permission(m.route, m.noun), PERM_USER_WRITE);
	must(match("POST", "/pumps/import", &m) == 0);
	is_int(route_permission(m.route, m.noun), PERM_POINT_WRITE);
}

TEST(one_more_noun_has_its_doors_and_its_place_in_the_document)
{
	struct buf b = BUF_INIT(&sys_heap, 16 << 20);
	struct tree *doc = NULL;
	struct match m;
	struct arena a;

	is_int(match("PATCH", "/pumps/x", &m), 0);
	ok(m.noun == &pump_noun);
	arena_init(&a, &sys_heap, 0);
	api_openapi(platform(), &b);
	is_int(tree_parse(b.data, b.len, "openapi", &a, &doc), 0);
	is_str(tree_str(tree_find(doc, "openapi")), "3.1.0");
	is_str(tree_str(tree_find(tree_find(tree_find(tree_find(doc, "paths"), "/api/v1/pumps"), "post"), "operationId")), "pump.create");
	ok(tree_find(tree_find(tree_find(doc, "components"), "schemas"), "pump") != NULL);
	buf_clear(&b);
	api_routes_json(platform(), &b);
	is_int(tree_parse(b.data, b.len, "routes", &a, &doc), 0);
	ok(doc->n > 60);
	TREE_EACH(r, doc)
		ok(tree_str(tree_find(r, "permission"))[0]);
	arena_done(&a);
	buf_done(&b);
}
