/* move_test.c - stores moved from a file to PostgreSQL and back: all of it, and nothing when it cannot be all. */
#include <sys/stat.h>

#include "postgres.h"
#include "tap.h"

#include "store/fixture_test.h"

static const struct store_noun all_nouns[] = { { &owner_type, 0 }, { &item_type, 0 }, { &every_type, STORE_QUIET } };
static uint64_t told;

static void on_table(void *ctx, const char *store, const char *table, uint64_t rows) { told += rows; }

static struct store_config in_file(const char *path)
{
	return (struct store_config) { .path = path, .name = "test", .nouns = all_nouns, .n_nouns = ELEMENTSOF(all_nouns), .seal = &test_seal };
}

static struct store_config in_schema(const char *schema)
{
	struct store_config c = in_file("nowhere");

	c.url = getenv("TENON_TEST_POSTGRES");
	c.schema = schema;
	return c;
}

enum { N_OWNERS = 700, N_EVERY = 40 };

/* References that point forward, backward and at themselves; lists; deleted records; a feed that was trimmed; every kind of value. */
static bool fill(const struct store_config *c, uint64_t seed)
{
	struct store *s = NULL;
	struct dice d = { seed };
	struct uuid first = uuid_new(), before = first;
	struct store_tx *tx;
	bool good;

	if (store_open(&s, c) < 0)
		return false;
	tx = begin(s, STORE_WRITE);
	good = tx;
	for (int i = 0; good && i < N_OWNERS; i++) {
		struct owner o = { .code = arena_fmt(&arena, "o%d", i), .name = i % 3 ? "温度 ' \" \\ %" : NULL };
		struct uuid fans[2];
		struct item it = { .code = arena_fmt(&arena, "i%d", i), .size = -i, .state = i % 3, .rights = (uint32_t) i % 8, .fans = { fans, 2 },
			.weight = i ? -1.0 / i : -0.0 };

		good = store_put(tx, &owner_type, &o, &first) == 0;
		fans[0] = fans[1] = it.owner = o.head.id;
		rec_set_has(&item_type, &it, rec_field(&item_type, "weight"), i % 2 == 0);
		good = good && store_put(tx, &item_type, &it, NULL) == 0;
		if (good && i % 10 == 9)
			good = store_del(tx, &item_type, &it.head.id, 0, &first) == 0 && store_del(tx, &owner_type, &o.head.id, 0, NULL) == 0;
	}
	for (int i = 0; good && i < N_EVERY; i++) {
		struct every e;

		every_random(&d, &arena, &e);
		e.friends.n = MIN(e.friends.n, (uint32_t) i);
		for (uint32_t k = 0; k < e.friends.n; k++)
			((struct uuid *) e.friends.items)[k] = before;
		e.head.id = i + 1 < N_EVERY ? uuid_new() : first;
		e.parent = i ? before : (struct uuid) { { 0 } };
		good = store_put(tx, &every_type, &e, NULL) == 0;
		before = e.head.id;
	}
	good = good && store_changes_trim(tx, 100) == 0;
	if (!good)
		printf("# %s\n", err_log_text(err_peek()));
	good = store_commit(tx) == 0 && good;
	store_close(s);
	return good;
}

static int hash_row(void *ctx, const void *rec)
{
	struct { const struct rec_type *t; struct sha256 *sum; } *c = ctx;
	uint8_t hash[STORE_HASH];

	store_hash(c->t, rec, hash);
	sha256_add(c->sum, hash, sizeof(hash));
	return 0;
}

static int hash_change(void *ctx, const struct store_change *c)
{
	struct sha256 *sum = ctx;
	struct store_change copy = *c;

	sha256_add(sum, c->type, str_len(c->type));
	copy.type = NULL;
	sha256_add(sum, &copy, sizeof(copy));
	return 0;
}

/* All that a store says through its door, as one number. */
static bool sum_of(const struct store_config *config, uint8_t ret[32])
{
	struct store *s = NULL;
	struct sha256 sum;
	struct store_tx *tx;
	bool good = store_open(&s, config) == 0;

	if (!good) {
		printf("# %s\n", err_log_text(err_peek()));
		return false;
	}
	sha256_init(&sum);
	tx = begin(s, STORE_READ);
	for (size_t i = 0; good && i < ELEMENTSOF(all_nouns); i++) {
		struct { const struct rec_type *t; struct sha256 *sum; } c = { all_nouns[i].type, &sum };

		good = store_list(tx, all_nouns[i].type, &(struct store_list) { 0 }, hash_row, &c, NULL) == 0;
	}
	good = good && store_changes(tx, 0, 0, hash_change, &sum) == 0;
	store_rollback(tx);
	good = good && store_verify(s) == 0;
	uint64_t last = store_last_seq(s);
	sha256_add(&sum, &last, sizeof(last));
	sha256_end(&sum, ret);
	store_close(s);
	return good;
}

static int move(struct store_config from, struct store_config to)
{
	const struct store_move m = { from, to };

	return store_move(&m, 1, on_table, NULL);
}

TEST(a_store_moved_to_PostgreSQL_and_back_is_the_same)
{
	char path[96], back[96];
	uint8_t was[32], there[32], again[32];
	struct store_config file, schema = in_schema("moved"), other;
	struct store *s = NULL;
	struct store_tx *tx;
	struct owner o;

	snprintf(path, sizeof(path), "%s", fresh_path());
	snprintf(back, sizeof(back), "%s", fresh_path());
	file = in_file(path);
	other = in_file(back);
	must(fill(&file, 1) && sum_of(&file, was));
	told = 0;
	if (move(file, schema) < 0)
		tap_fail_("%s", err_log_text(err_peek()));
	ok(told > N_OWNERS * 3);
	must(sum_of(&schema, there));
	is_bytes(there, was, 32);
	must(store_open(&s, &schema) == 0);             /* and it is in use: rules hold, numbers go on */
	tx = begin(s, STORE_WRITE);
	is_int(put_owner(tx, "o1", &o), -ERR_EXISTS);
	must(store_find_by(tx, &owner_type, "code", "o1", &o, &arena) == 0);
	is_int(store_del(tx, &owner_type, &o.head.id, 0, NULL), -ERR_IN_USE);
	is_int(put_owner(tx, "after", &o), 0);
	uint64_t last = store_last_seq(s);
	is_int(store_commit(tx), 0);
	is_int(store_last_seq(s), last + 1);
	s = store_close(s);
	must(sum_of(&schema, there));
	is_int(move(schema, other), 0);
	must(sum_of(&other, again));
	is_bytes(again, there, 32);
	must(sum_of(&file, again));
	is_bytes(again, was, 32);                       /* the first one is as it was */
	struct stat st;
	must(stat(back, &st) == 0);
	is_int(st.st_mode & 0777, 0600);
}

TEST(what_is_there_is_not_written_over)
{
	char path[96];
	struct store_config file, schema = in_schema("taken");
	uint8_t was[32], is[32];

	snprintf(path, sizeof(path), "%s", fresh_path());
	file = in_file(path);
	must(fill(&file, 2) && fill(&schema, 3) && sum_of(&schema, was));
	is_int(move(file, schema), -ERR_EXISTS);
	is_str(said(LANG_EN), "a record store with schema taken exists already");
	is_int(move(schema, file), -ERR_EXISTS);
	must(sum_of(&schema, is));
	is_bytes(is, was, 32);
}

/* Of two stores the second is refused: neither is there. */
TEST(it_is_all_or_nothing)
{
	char path[3][96];
	struct store_move m[2];
	uint8_t sum[32];

	for (int i = 0; i < 3; i++)
		snprintf(path[i], sizeof(path[i]), "%s", fresh_path());
	m[0] = (struct store_move) { in_file(path[0]), in_schema("pair_1") };
	m[1] = (struct store_move) { in_file(path[1]), in_schema("pair_2") };
	must(fill(&m[0].from, 4) && fill(&m[1].from, 5));
	must(test_sql(m[0].to.url, "CREATE SCHEMA pair_2; CREATE TABLE pair_2.x (a integer)"));
	is_int(store_move(m, 2, NULL, NULL), -ERR_EXISTS);
	ok(test_sql(m[0].to.url, "DO $$ BEGIN ASSERT to_regnamespace('pair_1') IS NULL; END $$"));
	must(test_sql(m[0].to.url, "DROP TABLE pair_2.x"));
	is_int(store_move(m, 2, NULL, NULL), 0);
	must(sum_of(&m[0].to, sum) && sum_of(&m[1].to, sum));
	struct store_move to_files[2] = { { m[0].to, in_file(path[2]) }, { m[1].to, in_file(path[1]) } };
	is_int(store_move(to_files, 2, NULL, NULL), -ERR_EXISTS);
	struct stat st;
	ok(stat(path[2], &st) < 0);
	char left[120];
	snprintf(left, sizeof(left), "%s.moving", path[2]);
	ok(stat(left, &st) < 0);
}

static int seen(void *ctx, struct store_tx *tx) { return 1; }

TEST(a_source_of_another_shape_is_not_touched)
{
	static const struct rec_field more_fields[] = { F(struct owner, code, .flags = REC_REQUIRED | REC_UNIQUE | REC_SEARCH, .min = "1"),
		F(struct owner, name, .flags = REC_SEARCH | REC_INDEX) };
	static const struct rec_type more_type = REC_TYPE(struct owner, "owner", "owners", more_fields);
	static const struct store_noun more[] = { { &more_type, 0 } }, less[] = { { &owner_type, 0 } };
	struct store_config file = in_file(fresh_path()), schema = in_schema("shape");
	struct store *s = NULL;

	is_int(store_peek(&file, seen, NULL), -ERR_MISSING);
	is_int(store_peek(&schema, seen, NULL), -ERR_MISSING);
	must(store_open(&s, &file) == 0);
	s = store_close(s);
	is_int(store_peek(&file, seen, NULL), 1);
	file.nouns = less;
	file.n_nouns = 1;
	is_int(move(file, schema), -ERR_CONFIG);        /* a table nobody here knows */
	ok(strstr(err_log_text(err_peek()), "which this version does not know"));
	file = in_file(fresh_path());
	file.nouns = less;
	file.n_nouns = 1;
	must(store_open(&s, &file) == 0);
	s = store_close(s);
	file.nouns = more;
	is_int(move(file, schema), -ERR_CONFIG);        /* an index is missing: whoever opens it makes it, this does not */
	ok(strstr(err_log_text(err_peek()), "not opened by this version yet"));
	ok(test_sql(schema.url, "DO $$ BEGIN ASSERT to_regnamespace('shape') IS NULL; END $$"));
}

static void cut(void *ctx, const char *store, const char *table, uint64_t rows)
{
	if (str_eq(table, "items"))
		test_sql(getenv("TENON_TEST_POSTGRES"), "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'tenon'");
}

TEST(a_connection_that_breaks_leaves_nothing)
{
	struct store_move m = { in_file(fresh_path()), in_schema("broken") };
	uint8_t sum[32];

	must(fill(&m.from, 6));
	is_int(store_move(&m, 1, cut, NULL), -ERR_UNAVAILABLE);
	ok(test_sql(m.to.url, "DO $$ BEGIN ASSERT to_regnamespace('broken') IS NULL; END $$"));
	is_int(store_move(&m, 1, NULL, NULL), 0);
	ok(sum_of(&m.to, sum));
}
