/* noun_test.c - the generic deeds, the hooks of the platform's nouns, import; against real stores in a folder of its own. */

#include "postgres.h"
#include "tap.h"

#include <errno.h>

#include "service/world_test.h"

/* ---- one more record type: everything that REST, CLI, form, search, import and export of it need ---- */

struct pump { struct rec_head head; const char *code, *maker; double rated_kw; int32_t state; struct uuid place; };
static const struct rec_word pump_states[] = { { "stopped", "Stopped", "停机" }, { "running", "Running", "运行" }, { NULL } };
static const struct rec_field pump_fields[] = {
	F(struct pump, code, .flags = REC_REQUIRED | REC_SEARCH, .min = "1", .max = "20", .label = "Code", .label_zh = "编码"),
	F(struct pump, maker, .flags = REC_SEARCH, .max = "40", .label = "Maker", .label_zh = "制造商"),
	F(struct pump, rated_kw, .min = "0", .max = "5000", .unit = "kW", .label = "Rated power", .label_zh = "额定功率"),
	F_ENUM(struct pump, state, pump_states, .def = "stopped", .label = "State", .label_zh = "状态"),
	F_REF(struct pump, place, "place", .flags = REC_NULLABLE, .label = "Place", .label_zh = "位置"),
};
static const struct rec_type pump_type = REC_TYPE(struct pump, "pump", "pumps", pump_fields, .unique = "code", .title = "Pump", .title_zh = "泵");
static const struct noun pump_noun = NOUN_ROW(pump_type, DEED_TENANT, PERM_POINT_READ, PERM_POINT_WRITE, NULL);

/* ---- the world ---- */

static const struct noun *const more[] = { &pump_noun, NULL };

static bool begin(struct world *w) { return begin_with(w, more); }

static struct noun_in in_of(struct world *w, const char *noun, const struct uuid *id, const char *body)
{
	static const struct uuid none;

	w->errs = (struct errs) { .arena = &w->a };
	return (struct noun_in) { .noun = noun_find(&w->p, noun), .id = id ? *id : none, .body = body, .len = str_len(body),
		.errs = &w->errs };
}

static int create(struct world *w, const char *noun, const char *body, struct uuid *ret)
{
	struct noun_in in = in_of(w, noun, NULL, body);
	void *rec;
	int r = noun_create(&w->s, &in, &rec);

	if (r >= 0 && ret)
		*ret = ((struct rec_head *) rec)->id;
	return r;
}

static int patch(struct world *w, const char *noun, const struct uuid *id, const char *body, void **ret)
{
	struct noun_in in = in_of(w, noun, id, body);
	void *rec;
	int r = noun_patch(&w->s, &in, &rec);

	if (r >= 0 && ret)
		*ret = rec;
	return r;
}

static int drop(struct world *w, const char *noun, const struct uuid *id)
{
	struct noun_in in = in_of(w, noun, id, NULL);
	void *rec;

	return noun_delete(&w->s, &in, &rec);
}

static void *get(struct world *w, const char *noun, const struct uuid *id)
{
	struct noun_in in = in_of(w, noun, id, NULL);
	void *rec;

	return noun_get(&w->s, &in, &rec) < 0 ? NULL : rec;
}

/* The text with the id in place of its %s. */
static const char *fmt(struct world *w, const char *text, const struct uuid *a)
{
	const char *at = strstr(text, "%s");
	char id[UUID_TEXT + 1];

	uuid_format(a, id);
	return arena_fmt(&w->a, "%.*s%s%s", (int) (at - text), text, id, at + 2);
}

static int count_one(void *ctx, const void *rec) { ++*(int *) ctx; return 0; }

static int count(struct world *w, const char *noun, const struct store_filter *f, size_t n)
{
	struct noun_query q = { .noun = noun_find(&w->p, noun), .filters = f, .n_filters = n };
	int all = 0, r = noun_list(&w->s, &q, count_one, &all, NULL);

	return r < 0 ? r : all;
}

/* connection, device at place, group; ids as they were made */
struct plant4 { struct uuid place, connection, device, group; };

static bool build(struct world *w, struct plant4 *p)
{
	return create(w, "place", "{\"code\":\"acme\"}", &p->place) >= 0
		&& create(w, "connection", "{\"code\":\"bus\",\"driver\":\"modbus-tcp\",\"config\":{\"host\":\"127.0.0.1\"}}", &p->connection) >= 0
		&& create(w, "device", arena_fmt(&w->a, "{\"code\":\"plc\",\"connection\":%s,\"place\":%s}", fmt(w, "\"%s\"", &p->connection),
			fmt(w, "\"%s\"", &p->place)), &p->device) >= 0
		&& create(w, "group", fmt(w, "{\"code\":\"fast\",\"device\":\"%s\"}", &p->device), &p->group) >= 0;
}

/* ---- a new type ---- */

TEST(a_new_type_can_be_made_changed_found_and_deleted)
{
	struct store_filter by_maker = { "maker", STORE_EQ, "KSB" }, secret = { "no_such_field", STORE_EQ, "x" };
	struct pump *pump;
	struct uuid id;
	struct world w;

	must(begin(&w));
	is_int(create(&w, "pumps", "{\"code\":\"P-101\",\"rated_kw\":55}", &id), 0);
	is_int(patch(&w, "pump", &id, "{\"maker\":\"KSB\",\"state\":\"running\"}", (void **) &pump), 0);
	is_str(pump->code, "P-101");
	is_int(pump->state, 1);
	is_int(count(&w, "pump", &by_maker, 1), 1);
	is_int(count(&w, "pump", &secret, 1), -ERR_BAD_PARAMETER);
	is_int(create(&w, "pump", "{\"code\":\"P-101\"}", NULL), -ERR_EXISTS);
	is_int(patch(&w, "pump", &id, "{\"rated_kw\":-1}", NULL), -ERR_OUT_OF_RANGE);
	is_int(w.errs.n, 1);
	is_str(w.errs.item[0]->pointer, "/rated_kw");
	is_int(drop(&w, "pump", &id), 0);
	ok(get(&w, "pump", &id) == NULL);
	end(&w);
}

TEST(a_stale_revision_is_told_what_is_there_now)
{
	struct pump *pump, *now = NULL;
	struct noun_in in;
	struct uuid id;
	struct world w;
	uint64_t rev;

	must(begin(&w) && create(&w, "pump", "{\"code\":\"P-1\"}", &id) == 0);
	pump = get(&w, "pump", &id);
	must(pump);
	rev = pump->head.rev;
	must(patch(&w, "pump", &id, "{\"maker\":\"first\"}", NULL) == 0);
	in = in_of(&w, "pump", &id, "{\"maker\":\"second\"}");
	in.if_rev = &rev;
	is_int(noun_patch(&w.s, &in, (void **) &now), -ERR_PRECONDITION);
	must(now);
	is_str(now->maker, "first");
	end(&w);
}

/* ---- the plant ---- */

static const char *path_of(struct world *w, const struct uuid *point)
{
	struct point *p = get(w, "point", point);

	return p ? p->path : "(none)";
}

TEST(a_points_path_and_device_follow_from_where_it_hangs)
{
	struct uuid point, sub;
	struct plant4 p;
	struct world w;

	must(begin(&w) && build(&w, &p));
	is_int(create(&w, "point", fmt(&w, "{\"code\":\"temp\",\"group\":\"%s\",\"address\":\"40001\"}", &p.group), &point), 0);
	is_str(path_of(&w, &point), "acme/plc/temp");
	ok(uuid_equal(&((struct point *) get(&w, "point", &point))->device, &p.device));
	is_int(create(&w, "place", fmt(&w, "{\"code\":\"hall\",\"parent\":\"%s\"}", &p.place), &sub), 0);
	is_int(patch(&w, "device", &p.device, fmt(&w, "{\"place\":\"%s\"}", &sub), NULL), 0);
	is_str(path_of(&w, &point), "acme/hall/plc/temp");
	is_int(patch(&w, "place", &p.place, "{\"code\":\"集团\"}", NULL), 0);
	is_str(path_of(&w, &point), "集团/hall/plc/temp");
	is_int(patch(&w, "device", &p.device, "{\"place\":null}", NULL), 0);
	is_str(path_of(&w, &point), "plc/temp");
	end(&w);
}

TEST(a_place_cannot_lie_inside_itself)
{
	struct uuid a, b;
	struct world w;

	must(begin(&w) && create(&w, "place", "{\"code\":\"a\"}", &a) == 0);
	must(create(&w, "place", fmt(&w, "{\"code\":\"b\",\"parent\":\"%s\"}", &a), &b) == 0);
	is_int(patch(&w, "place", &a, fmt(&w, "{\"parent\":\"%s\"}", &b), NULL), -ERR_INVALID);
	is_str(w.errs.item[0]->pointer, "/parent");
	is_int(patch(&w, "place", &a, fmt(&w, "{\"parent\":\"%s\"}", &a), NULL), -ERR_INVALID);
	end(&w);
}

TEST(the_driver_checks_settings_and_addresses)
{
	struct connection *c;
	struct plant4 p;
	struct world w;

	must(begin(&w) && build(&w, &p));
	is_int(create(&w, "connection", "{\"code\":\"x\",\"driver\":\"no-such\"}", NULL), -ERR_NO_SUCH_REF);
	is_str(w.errs.item[0]->pointer, "/driver");
	is_int(patch(&w, "connection", &p.connection, "{\"config\":{\"port\":70000}}", NULL), -ERR_OUT_OF_RANGE);
	is_str(w.errs.item[0]->pointer, "/config/port");
	is_int(patch(&w, "connection", &p.connection, "{\"config\":{\"prt\":502}}", NULL), -ERR_UNKNOWN_FIELD);
	c = get(&w, "connection", &p.connection);
	must(c);
	ok(strstr(c->config, "\"port\":502"));  /* the driver's default is filled in */
	ok(create(&w, "point", fmt(&w, "{\"code\":\"t\",\"group\":\"%s\",\"address\":\"nonsense\"}", &p.group), NULL) < 0);
	is_str(w.errs.item[0]->pointer, "/address");
	is_int(count(&w, "point", NULL, 0), 0);
	end(&w);
}

TEST(what_is_in_use_stays)
{
	struct plant4 p;
	struct world w;

	must(begin(&w) && build(&w, &p));
	is_int(drop(&w, "connection", &p.connection), -ERR_IN_USE);
	is_int(drop(&w, "device", &p.device), -ERR_IN_USE);
	is_int(drop(&w, "place", &p.place), -ERR_IN_USE);
	is_int(drop(&w, "group", &p.group), 0);
	is_int(drop(&w, "device", &p.device), 0);
	end(&w);
}

/* ---- people ---- */

static int find_role(struct scope *s, const void *in, void *ret)
{
	return guard_role_by_name(s, in, ret);
}

static struct uuid role(struct world *w, const char *name)
{
	static const struct deed d = DEED_READ("test.role", SIGNED_IN, DEED_SYSTEM, find_role);
	struct uuid id = { 0 };

	ok(scope_do(&w->s, &d, name, &id) >= 0);
	return id;
}

static const char *user_body(struct world *w, const char *name, const char *role_name)
{
	struct uuid id = role(w, role_name);

	return arena_fmt(&w->a, "{\"name\":\"%s\",\"password\":\"ten letters\",\"role\":%s}", name, fmt(w, "\"%s\"", &id));
}

TEST(a_password_is_kept_as_hash_alone)
{
	struct user *u;
	struct uuid id;
	struct world w;

	must(begin(&w));
	is_int(create(&w, "user", user_body(&w, "ann", "administrator"), &id), 0);
	u = get(&w, "user", &id);
	must(u);
	ok(u->password == NULL);
	ok(u->hash && !strncmp(u->hash, "$argon2id$", 10));
	is_int(create(&w, "user", "{\"name\":\"bob\",\"password\":\"short\"}", NULL), -ERR_LENGTH);
	is_int(patch(&w, "user", &id, "{\"hash\":\"x\"}", NULL), -ERR_UNKNOWN_FIELD);
	end(&w);
}

TEST(a_new_password_ends_every_session_of_the_user)
{
	struct session_secrets secrets;
	struct scope s;
	struct uuid id;
	struct world w;

	must(begin(&w) && create(&w, "user", user_body(&w, "ann", "administrator"), &id) == 0);
	s = (struct scope) { .guard = w.p.guard, .arena = &w.a };
	must(guard_sign_in(&s, &(struct sign_in) { "ann", "ten letters" }, &secrets) == 0);
	is_int(guard_authenticate(&s, &(struct credentials) { .cookie = secrets.cookie }), 0);
	is_int(patch(&w, "user", &id, "{\"full_name\":\"Ann\"}", NULL), 0);
	is_int(guard_authenticate(&s, &(struct credentials) { .cookie = secrets.cookie }), 0);
	is_int(patch(&w, "user", &id, "{\"password\":\"other letters\"}", NULL), 0);
	is_int(guard_authenticate(&s, &(struct credentials) { .cookie = secrets.cookie }), -ERR_UNAUTHENTICATED);
	end(&w);
}

TEST(the_last_administrator_cannot_be_removed)
{
	struct uuid ann, bob, viewer;
	struct world w;

	must(begin(&w) && create(&w, "user", user_body(&w, "ann", "administrator"), &ann) == 0);
	viewer = role(&w, "viewer");
	is_int(drop(&w, "user", &ann), -ERR_IN_USE);
	is_int(patch(&w, "user", &ann, "{\"enabled\":false}", NULL), -ERR_IN_USE);
	is_int(patch(&w, "user", &ann, fmt(&w, "{\"role\":\"%s\"}", &viewer), NULL), -ERR_IN_USE);
	is_int(patch(&w, "user", &ann, "{\"full_name\":\"Ann\"}", NULL), 0);
	must(create(&w, "user", user_body(&w, "bob", "administrator"), &bob) == 0);
	is_int(drop(&w, "user", &ann), 0);
	is_int(drop(&w, "user", &bob), -ERR_IN_USE);
	end(&w);
}

TEST(nobody_gives_away_what_he_has_not)
{
	struct world w;

	must(begin(&w));
	w.s.grants = grants_of_flags(1u << (PERM_USER_WRITE - PERM_FIRST_) | 1u << (PERM_USER_READ - PERM_FIRST_)
		| 1u << (PERM_ROLE_WRITE - PERM_FIRST_));
	is_int(create(&w, "user", user_body(&w, "eve", "administrator"), NULL), -ERR_DENIED);
	is_int(create(&w, "role", "{\"name\":\"god\",\"permissions\":[\"tenant.write\"]}", NULL), -ERR_DENIED);
	is_int(create(&w, "role", "{\"name\":\"hr\",\"permissions\":[\"user.read\"]}", NULL), 0);
	is_int(create(&w, "place", "{\"code\":\"x\"}", NULL), -ERR_DENIED);
	end(&w);
}

TEST(a_tokens_secret_is_told_once_and_works)
{
	struct uuid id, viewer;
	struct scope s;
	struct world w;

	must(begin(&w));
	viewer = role(&w, "viewer");
	is_int(create(&w, "token", fmt(&w, "{\"name\":\"m\",\"role\":\"%s\"}", &viewer), &id), 0);
	must(w.s.told);
	s = (struct scope) { .guard = w.p.guard, .arena = &w.a };
	is_int(guard_authenticate(&s, &(struct credentials) { .bearer = w.s.told }), 0);
	is_str(s.who.role, "viewer");
	is_int(drop(&w, "token", &id), 0);
	is_int(guard_authenticate(&s, &(struct credentials) { .bearer = w.s.told }), -ERR_UNAUTHENTICATED);
	end(&w);
}

TEST(tenants_are_worlds_of_their_own)
{
	struct uuid other, place, ann;
	struct world w;

	must(begin(&w) && create(&w, "place", "{\"code\":\"ours\"}", &place) == 0);
	must(create(&w, "user", user_body(&w, "ann", "administrator"), &ann) == 0);
	is_int(create(&w, "tenant", "{\"code\":\"other\"}", &other), 0);
	is_int(scope_enter(&w.s, &other), 0);
	is_int(w.s.tenant, 2);
	is_int(count(&w, "place", NULL, 0), 0);
	is_int(count(&w, "user", NULL, 0), 0);
	is_int(count(&w, "role", NULL, 0), 8);
	ok(get(&w, "place", &place) == NULL);
	ok(get(&w, "user", &ann) == NULL);
	is_int(patch(&w, "user", &ann, "{\"full_name\":\"x\"}", NULL), -ERR_MISSING);
	is_int(drop(&w, "user", &ann), -ERR_MISSING);
	is_int(drop(&w, "tenant", &other), -ERR_READ_ONLY);
	end(&w);
}

TEST(more_tenants_than_all_is_made_for_are_refused)
{
	struct uuid off, last;
	char body[80];
	struct world w;

	must(begin(&w));
	must(create(&w, "tenant", "{\"code\":\"off\",\"enabled\":false}", &off) == 0);
	for (int i = 1; i < GUARD_TENANTS; i++) {               /* one is there */
		snprintf(body, sizeof(body), "{\"code\":\"t%d\"}", i);
		must(create(&w, "tenant", body, &last) == 0);
	}
	is_int(create(&w, "tenant", "{\"code\":\"much\"}", NULL), -ERR_TOO_BIG);
	is_str(err_log_text(err_peek()), "the number of enabled tenants must be at most 256, is 257");
	is_int(patch(&w, "tenant", &off, "{\"enabled\":true}", NULL), -ERR_TOO_BIG);
	is_int(patch(&w, "tenant", &last, "{\"name\":\"renamed\"}", NULL), 0);
	is_int(patch(&w, "tenant", &last, "{\"enabled\":false}", NULL), 0);
	is_int(patch(&w, "tenant", &off, "{\"enabled\":true}", NULL), 0);
	end(&w);
}

/* ---- import ---- */

static int import(struct world *w, const char *noun, const char *text, bool dry_run, bool partial, struct noun_imported *ret)
{
	struct noun_import in = { .noun = noun_find(&w->p, noun), .text = text, .len = str_len(text), .dry_run = dry_run, .partial = partial };
	int r = noun_import(&w->s, &in, ret);

	err_clear();
	return r;
}

TEST(points_come_from_a_table_in_either_language)
{
	const char *zh = "\xEF\xBB\xBF" "编码,采集设备,采集组,地址,数据类型,工程单位,名称\r\n"
		"t1,plc,fast,40001,32 位浮点,℃,\"温度, 1 区\"\r\nt2,plc,fast,40003,f32,℃,温度 2\r\n";
	struct noun_imported out;
	struct plant4 p;
	struct world w;

	must(begin(&w) && build(&w, &p));
	is_int(import(&w, "point", zh, true, false, &out), 0);
	is_int(out.created, 2);
	is_int(count(&w, "point", NULL, 0), 0);
	is_int(import(&w, "point", zh, false, false, &out), 0);
	is_int(count(&w, "point", NULL, 0), 2);
	is_int(import(&w, "point", zh, false, false, &out), 0);
	is_int(out.unchanged, 2);
	is_int(import(&w, "point", "path,unit,limit_h\nacme/plc/t1,K,300\n", false, false, &out), 0);
	is_int(out.updated, 1);
	is_int(import(&w, "point", "path,unit,limit_h\nacme/plc/t1,K,\nacme/plc/none,K,\n", false, true, &out), 0);
	is_int(out.updated, 1);
	is_int(out.failed, 1);
	is_int(out.errors[0].line, 3);
	is_str(out.errors[0].column, "path");
	end(&w);
}

TEST(one_wrong_row_keeps_all_out_and_every_wrong_cell_is_named)
{
	const char *text = "code,device,group,address,type\n"
		"a,plc,fast,40001,f32\nb,plc,slow,40001,f32\nc,plc,fast,4zz,f32\nd,plc,fast,40001,f33\na,plc,fast,40009,f32\n";
	static const struct { unsigned line; const char *column; int kind; } want[] = { { 3, "group", ERR_NO_SUCH_REF }, { 4, "address", 0 },
		{ 5, "type", ERR_NOT_A_WORD }, { 6, "code", ERR_TWICE_IN_FILE } };
	struct noun_imported out;
	struct plant4 p;
	struct world w;

	must(begin(&w) && build(&w, &p));
	ok(import(&w, "point", text, false, false, &out) < 0);
	is_int(out.failed, 4);
	must(out.n_errors == 4);
	for (size_t i = 0; i < ELEMENTSOF(want); i++) {
		is_int(out.errors[i].line, want[i].line);
		is_str(out.errors[i].column, want[i].column);
		if (want[i].kind)
			is_int(out.errors[i].err.kind, want[i].kind);
	}
	is_int(count(&w, "point", NULL, 0), 0);
	is_int(import(&w, "point", text, false, true, &out), 0);
	is_int(out.created, 1);
	is_int(out.updated, 0);         /* the last row names the first again: one of them is a mistake */
	is_int(count(&w, "point", NULL, 0), 1);
	end(&w);
}

TEST(a_new_type_is_imported_too_and_places_are_named_by_path)
{
	struct noun_imported out;
	struct store_filter here;
	struct uuid acme, hall;
	char id[UUID_TEXT + 1];
	struct world w;

	must(begin(&w) && create(&w, "place", "{\"code\":\"acme\"}", &acme) == 0);
	must(create(&w, "place", fmt(&w, "{\"code\":\"hall\",\"parent\":\"%s\"}", &acme), &hall) == 0);
	is_int(import(&w, "pump", "Code;Place;Rated power\nP-1;acme/hall;7.5\nP-2;;3\n", false, false, &out), 0);
	is_int(out.created, 2);
	uuid_format(&hall, id);
	here = (struct store_filter) { "place", STORE_EQ, id };
	is_int(count(&w, "pump", &here, 1), 1);
	is_int(import(&w, "pump", "code,plaze\nP-3,x\n", false, false, &out), -ERR_UNKNOWN_FIELD);
	is_str(out.errors[0].column, "plaze");
	end(&w);
}

TEST(whatever_was_done_the_audit_is_whole)
{
	struct noun_imported out;
	struct audit_report report;
	struct plant4 p;
	struct world w;

	must(begin(&w) && build(&w, &p));
	is_int(import(&w, "pump", "code\nP-1\nP-2\n", false, false, &out), 0);
	is_int(guard_audit_verify(w.p.guard, TENANT_DEFAULT, NULL, &report), 0);
	is_int(report.n, 5);            /* place, connection, device, group, one import */
	is_int(guard_audit_verify(w.p.guard, 0, NULL, &report), 0);
	end(&w);
}

/* ---- faults ---- */

TEST(whichever_allocation_fails_a_create_is_whole_or_not_there)
{
	struct audit_report report;
	struct plant4 p;
	struct world w;
	unsigned n;
	int r;

	must(begin(&w) && build(&w, &p));
	for (n = 1; n < 2000; n++) {
		struct arena a;
		bool hit;
		arena_init(&a, &sys_heap, 0);
		w.s.arena = &a;
		sys_fault_nth(SYS_ANY_MEMORY, n, ENOMEM);
		r = create(&w, "place", arena_fmt(&w.a, "{\"code\":\"n%u\"}", n), NULL);
		hit = sys_fault_hit();
		sys_restore();
		arena_done(&a);
		w.s.arena = &w.a;
		if (r < 0)
			err_clear();
		if (!hit)
			break;
	}
	is_int(r, 0);
	ok(n > 3);
	is_int(guard_audit_verify(w.p.guard, TENANT_DEFAULT, NULL, &report), 0);
	ok(report.n == 3u + (unsigned) count(&w, "place", NULL, 0));     /* one entry for each place, and three for what was built beside */
	end(&w);
}
