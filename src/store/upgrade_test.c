/* upgrade_test.c - files of older shapes open and keep what they hold; files of newer ones are refused. */
#include <sys/stat.h>
#include <unistd.h>

#include "rec/every_test.h"
#include "store/place_test.h"
#include "store/store_int.h"
#include "tap.h"

static struct arena arena;
static char folder[64];

static void at_end(void)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", folder);
	if (folder[0] && system(cmd))
		perror(cmd);
}

static const char *fresh_path(void)
{
	static char path[96];
	static int n;

	if (!folder[0]) {
		snprintf(folder, sizeof(folder), "/tmp/tenon-upgrade-XXXXXX");
		if (!mkdtemp(folder))
			abort();
		atexit(at_end);
		arena_init(&arena, &sys_heap, 0);
	}
	arena_reset(&arena);
	err_clear();
	snprintf(path, sizeof(path), "%s/%d.db", folder, n++);
	return path;
}

/* Version 1. */
struct pump1 { struct rec_head head; const char *code, *name; int32_t size; };
static const struct rec_field pump1_fields[] = {
	F(struct pump1, code, .flags = REC_REQUIRED | REC_UNIQUE),
	F(struct pump1, name, .flags = REC_INDEX),
	F(struct pump1, size),
};
static const struct rec_type pump1_type = REC_TYPE(struct pump1, "pump", "pumps", pump1_fields);

/* Version 2: fields added, nothing else. */
struct pump2 {
	struct rec_head head;
	const char *code, *name, *maker;
	int32_t size, state;
	double weight;
	int64_t seen, period;
	struct rec_map tags;
	struct rec_list parts, numbers;
	struct uuid parent;
	struct every_limit limit;
	uint32_t rights;
};
static const struct rec_field pump2_fields[] = {
	F(struct pump2, code, .flags = REC_REQUIRED | REC_UNIQUE),
	F(struct pump2, maker, .def = "it's unknown"),
	F(struct pump2, name),
	F(struct pump2, size, .flags = REC_INDEX),
	F_ENUM(struct pump2, state, every_states, .def = "running"),
	F(struct pump2, weight, .def = "1.5"),
	F_KIND(struct pump2, seen, REC_TIME, .flags = REC_NULLABLE),
	F_KIND(struct pump2, period, REC_DURATION, .def = "1s"),
	F(struct pump2, tags),
	F_KIND(struct pump2, parts, REC_LIST, .item = REC_REF, .ref = "pump"),
	F_KIND(struct pump2, numbers, REC_LIST, .item = REC_I32, .def = "[1,2]"),
	F_REF(struct pump2, parent, "pump"),
	F_KIND(struct pump2, limit, REC_REC, .type = &every_limit_type),
	F_KIND(struct pump2, rights, REC_FLAGS, .words = every_rights, .def = "read"),
};
static const struct rec_type pump2_type = REC_TYPE(struct pump2, "pump", "pumps", pump2_fields, .unique = "maker,code");

/* Version 3: name is called title, size is a text and may be absent, weight is gone. */
struct pump3 { struct rec_head head; const char *code, *title, *size; };
static const struct rec_field pump3_fields[] = {
	F(struct pump3, code, .flags = REC_REQUIRED | REC_UNIQUE),
	F(struct pump3, title, .flags = REC_INDEX),
	F(struct pump3, size),
};
static const struct rec_type pump3_type = REC_TYPE(struct pump3, "pump", "pumps", pump3_fields);

static int to_3(struct store_tx *tx)
{
	int r = store_step_rename(tx, "pumps", "name", "title");

	return r < 0 ? r : store_step_rebuild(tx, &pump3_type);
}

static int add_suffix(struct store_tx *tx)
{
	return store_step_sql(tx, "UPDATE \"pumps\" SET \"title\" = \"title\" || '!'");
}

static int fails(struct store_tx *tx)
{
	int r = store_step_sql(tx, "UPDATE \"pumps\" SET \"name\" = 'broken'");

	return r < 0 ? r : err_fail(ERR_BROKEN, "detail", "on purpose", NULL);
}

static const struct store_migration migrations[] = { { 1, "title", to_3 }, { 2, "suffix", add_suffix } };
static const struct store_migration failing[] = { { 1, "fails", fails } };

static int open_as(const char *path, const struct rec_type *t, const struct store_migration *m, size_t n, struct store **ret)
{
	const struct store_noun noun = { t, 0 };
	const struct store_config c = { .path = path, .name = "test", .nouns = &noun, .n_nouns = 1, .migrations = m, .n_migrations = n };

	return open_place(ret, &c);
}

static struct uuid ids[3];

/* A file of version 1 with three pumps. */
static const char *version_1(void)
{
	const char *path = fresh_path();
	struct store *s = NULL;
	struct store_tx *tx = NULL;

	if (open_as(path, &pump1_type, NULL, 0, &s) < 0 || store_begin(s, STORE_WRITE, 0, &tx) < 0)
		abort();
	for (int i = 0; i < 3; i++) {
		struct pump1 p = { .code = arena_fmt(&arena, "p%d", i), .name = i ? arena_fmt(&arena, "Pumpe %d", i) : NULL, .size = i * 10 };

		if (store_put(tx, &pump1_type, &p, NULL) < 0)
			abort();
		ids[i] = p.head.id;
	}
	if (store_commit(tx) < 0)
		abort();
	store_close(s);
	return path;
}

TEST(added_fields_have_their_defaults_in_old_rows)
{
	const char *path = version_1();
	struct store *s = NULL;
	struct store_tx *tx = NULL;
	struct pump2 p;

	must(open_as(path, &pump2_type, NULL, 0, &s) == 0);
	must(store_begin(s, STORE_WRITE, 0, &tx) == 0);
	must(store_get(tx, &pump2_type, &ids[1], &p, &arena) == 0);
	is_str(p.code, "p1");
	is_str(p.name, "Pumpe 1");
	is_str(p.maker, "it's unknown");
	ok(p.size == 10 && p.state == 1 && p.weight == 1.5 && p.period == NS_PER_S && !p.tags.n && !p.parts.n && p.rights == 1);
	is_int(p.numbers.n, 2);
	ok(p.limit.active && !rec_has(&pump2_type, &p, rec_field(&pump2_type, "seen")) && p.head.rev == 1);
	p.parts = (struct rec_list) { ids, 3 };
	p.parent = ids[2];
	is_int(store_put(tx, &pump2_type, &p, NULL), 0);
	is_int(store_del(tx, &pump2_type, &ids[2], 0, NULL), -ERR_IN_USE);
	must(store_commit(tx) == 0);
	is_int(store_verify(s), 0);
	s = store_close(s);
	must(open_as(path, &pump2_type, NULL, 0, &s) == 0);     /* and again, with nothing to do */
	store_close(s);
}

TEST(an_older_program_refuses_a_newer_file)
{
	const char *path = version_1();
	struct store *s = NULL;

	must(open_as(path, &pump2_type, NULL, 0, &s) == 0);
	s = store_close(s);
	is_int(open_as(path, &pump1_type, NULL, 0, &s), -ERR_NEWER);
	path = version_1();
	must(open_as(path, &pump3_type, migrations, 2, &s) == 0);
	s = store_close(s);
	is_int(open_as(path, &pump3_type, migrations, 1, &s), -ERR_NEWER);
	ok(!s && strstr(err_log_text(err_peek()), "newer version (2)"));
}

TEST(migrations_carry_the_rows_over)
{
	const char *path = version_1();
	struct store *s = NULL;
	struct store_tx *tx = NULL;
	struct pump3 p;

	must(open_as(path, &pump3_type, migrations, 2, &s) == 0);
	must(store_begin(s, STORE_WRITE, 0, &tx) == 0);
	must(store_get(tx, &pump3_type, &ids[2], &p, &arena) == 0);
	is_str(p.code, "p2");
	is_str(p.title, "Pumpe 2!");
	is_str(p.size, "20");
	must(store_get(tx, &pump3_type, &ids[0], &p, &arena) == 0);
	ok(!p.title);
	p.size = NULL;
	is_int(store_put(tx, &pump3_type, &p, NULL), 0);
	p = (struct pump3) { .code = "p1" };
	is_int(store_put(tx, &pump3_type, &p, NULL), -ERR_EXISTS);
	is_int(store_step_sql(tx, "DELETE FROM \"pumps\""), -ERR_BROKEN);
	must(store_commit(tx) == 0);
	is_int(store_verify(s), 0);
	s = store_close(s);
	must(open_as(path, &pump3_type, migrations, 2, &s) == 0);
	must(store_begin(s, STORE_READ, 0, &tx) == 0);
	must(store_get(tx, &pump3_type, &ids[2], &p, &arena) == 0);
	is_str(p.title, "Pumpe 2!");            /* once, not at every start */
	store_rollback(tx);
	store_close(s);
}

TEST(a_fresh_file_needs_no_migration)
{
	struct store *s = NULL;
	const char *path = fresh_path();

	must(open_as(path, &pump3_type, migrations, 2, &s) == 0);
	s = store_close(s);
	is_int(open_as(path, &pump3_type, migrations, 1, &s), -ERR_NEWER);
}

TEST(a_missing_migration_is_named)
{
	struct store *s = NULL;
	static const struct rec_field fields[] = { F(struct pump3, code), F(struct pump3, title), F(struct pump3, size) };
	struct rec_field changed[3];
	struct rec_type t = REC_TYPE(struct pump3, "pump", "pumps", fields);
	const char *path = version_1();

	memcpy(changed, fields, sizeof(changed));
	changed[1].name = "name";
	t.fields = changed;
	is_int(open_as(path, &t, NULL, 0, &s), -ERR_BROKEN);
	ok(strstr(err_log_text(err_peek()), "pumps.size"));
}

TEST(a_migration_that_fails_leaves_all_as_it_was)
{
	const char *path = version_1();
	struct store *s = NULL;
	struct store_tx *tx = NULL;
	struct pump1 p;

	is_int(open_as(path, &pump1_type, failing, 1, &s), -ERR_BROKEN);
	ok(!s && strstr(err_log_text(err_peek()), "on purpose"));
	must(open_as(path, &pump1_type, NULL, 0, &s) == 0);
	must(store_begin(s, STORE_READ, 0, &tx) == 0);
	must(store_get(tx, &pump1_type, &ids[1], &p, &arena) == 0);
	is_str(p.name, "Pumpe 1");
	store_rollback(tx);
	store_close(s);
}

TEST(indexes_come_and_go_with_the_table)
{
	const char *path = version_1();
	struct store *s = NULL;
	struct rec_field f[3];
	struct rec_type t = pump1_type;
	struct store_tx *tx = NULL;
	struct pump1 p;

	memcpy(f, pump1_fields, sizeof(f));
	f[0].flags = REC_REQUIRED;
	t.fields = f;
	must(open_as(path, &t, NULL, 0, &s) == 0 && store_begin(s, STORE_WRITE, 0, &tx) == 0);
	p = (struct pump1) { .code = "p1" };
	is_int(store_put(tx, &t, &p, NULL), 0);         /* unique no more */
	must(store_commit(tx) == 0);
	s = store_close(s);
	is_int(open_as(path, &pump1_type, NULL, 0, &s), -ERR_BROKEN);
	ok(strstr(err_log_text(err_peek()), "duplicates: pumps.code"));
}

TEST(a_type_may_join_while_running)
{
	const char *path = version_1(), *form = "{\"name\":\"tank\",\"plural\":\"tanks\",\"stored\":true,\"fields\":[{\"name\":\"code\",\"kind\":\"str\","
		"\"flags\":[\"unique\"]},{\"name\":\"feeds\",\"kind\":\"ref\",\"ref\":\"pump\"}]}";
	_cleanup_(rec_type_unrefp) const struct rec_type *tank = NULL;
	struct store *s = NULL;
	struct store_tx *tx = NULL;
	struct rec_head *rec, *back;
	char text[UUID_TEXT + 1];
	const char *body;

	must(rec_type_new(form, strlen(form), &tank) == 0);
	must(open_as(path, &pump1_type, NULL, 0, &s) == 0);
	is_int(store_add_noun(s, &(struct store_noun) { tank, 0 }, 0), 0);
	is_int(store_add_noun(s, &(struct store_noun) { tank, 0 }, 0), -ERR_EXISTS);
	must(store_begin(s, STORE_WRITE, 0, &tx) == 0);
	rec = arena_alloc(&arena, tank->size);
	back = arena_alloc(&arena, tank->size);
	uuid_format(&ids[0], text);
	body = arena_fmt(&arena, "{\"code\":\"t\",\"feeds\":\"%s\"}", text);
	must(rec_from_json(tank, rec, (struct rec_json) { body, strlen(body) }, REC_CREATE, &arena, NULL) == 0);
	is_int(store_put(tx, tank, rec, NULL), 0);
	is_int(store_get(tx, tank, &rec->id, back, &arena), 0);
	ok(rec_equal(tank, rec, back));
	is_int(store_del(tx, &pump1_type, &ids[0], 0, NULL), -ERR_IN_USE);
	is_str(err_arg(err_peek(), "by"), "@tank");
	must(store_commit(tx) == 0);
	store_close(s);
}

/* --- golden: a file written by the first version opens for ever ------------------------------------------------------------ */

static int turn(void *ctx, const void *bytes, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++)
		buf_addc(out, (char) (((const char *) bytes)[i] ^ 0x55));
	return 0;
}

static const struct store_seal seal = { turn, turn, NULL };

/* The shape of 2026: never changed. What comes later is added behind, in a second type. */
static const struct store_noun golden_nouns[] = { { &every_type, 0 }, { &pump1_type, STORE_QUIET } };

static int golden_open(const char *path, struct store **ret)
{
	const struct store_config c = { .path = path, .nouns = golden_nouns, .n_nouns = 2, .seal = &seal };

	return open_place(ret, &c);
}

/* The file opens as a file, and goes from there to where the test looks for it. */
static int golden_move(const char *path)
{
	struct store_config from = { .path = path, .nouns = golden_nouns, .n_nouns = 2, .seal = &seal }, to = from;
	struct store *s = NULL;
	char schema[64];
	int r = store_open(&s, &from);

	store_close(s);
	snprintf(schema, sizeof(schema), "t%ld", strtol(path_name(path), NULL, 10));
	to.url = getenv("TENON_TEST_POSTGRES");
	to.schema = schema;
	return r < 0 ? r : store_move(&(struct store_move) { from, to }, 1, NULL, NULL);
}

static struct every golden_record(int i)
{
	struct dice d = { 1000 + (uint64_t) i };
	struct every e;

	every_random(&d, &arena, &e);
	e.head.id = dice_uuid(&d);
	e.friends.n = 0;
	return e;
}

enum { GOLDEN_RECORDS = 20 };

static int on_found(void *ctx, const void *rec) { return ++*(int *) ctx > 1; }

static int found(struct store_tx *tx, const char *words)
{
	int n = 0;

	return store_list(tx, &every_type, &(struct store_list) { .q = words }, on_found, &n, NULL) < 0 ? -1 : n;
}

/* Run with TENON_GOLDEN=path to write the file of a new layout; it is then kept in test/golden/. */
TEST(the_golden_file_holds_what_was_written_then)
{
	char source[512], cmd[1200];
	const char *path = fresh_path(), *make = getenv("TENON_GOLDEN"), *top = getenv("TENON_SOURCE");
	struct store *s = NULL;
	struct store_tx *tx = NULL;
	struct stat st;

	if (make) {
		must(golden_open(make, &s) == 0 && store_begin(s, STORE_WRITE, 0, &tx) == 0);
		for (int i = 0; i < GOLDEN_RECORDS; i++) {
			struct every e = golden_record(i);

			must(store_put(tx, &every_type, &e, NULL) == 0);
		}
		must(store_commit(tx) == 0);
		s = store_close(s);
	}
	snprintf(source, sizeof(source), "%s/test/golden/store-v1.db", make ? "" : top ?: ".");
	snprintf(cmd, sizeof(cmd), "cp %s %s && chmod 600 %s", make ?: source, path, path);
	must(make || stat(source, &st) == 0);
	must(system(cmd) == 0);
	must(!on_postgres() || golden_move(path) == 0);
	must(golden_open(path, &s) == 0);
	is_int(store_verify(s), 0);
	must(store_begin(s, STORE_READ, 0, &tx) == 0);
	for (int i = 0; i < GOLDEN_RECORDS; i++) {
		struct every want = golden_record(i), got;

		must(store_get(tx, &every_type, &want.head.id, &got, &arena) == 0);
		ok(rec_equal(&every_type, &want, &got));
		is_int(found(tx, want.code), 1);        /* its text for free words was made when the file was opened */
	}
	store_rollback(tx);
	is_int(store_last_seq(s), GOLDEN_RECORDS);
	store_close(s);
}
