/* store_pg_test.c - what happens with PostgreSQL alone: connections that break, refusals that have no like in a file, locks. */
#include "postgres.h"
#include "tap.h"

#include "store/fixture_test.h"

static const char *server(void)
{
	return getenv("TENON_TEST_POSTGRES");
}

/* Every connection of ours is cut, as when the server is restarted; psql's own is not. */
static void cut_all(void)
{
	must(test_sql(server(), "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'tenon'"));
}

static int pass(void *ctx, const void *rec) { return 0; }

static int owners(struct store *s)
{
	struct store_tx *tx = begin(s, STORE_READ);
	struct store_page page = { 0 };
	int r = store_list(tx, &owner_type, &(struct store_list) { .count = true, .limit = 1 }, pass, NULL, &page);

	store_rollback(tx);
	return r < 0 ? r : (int) page.total;
}

TEST(a_connection_that_broke_while_idle_is_not_noticed)
{
	_cleanup_(store_closep) struct store *s = open_at(fresh_path());
	struct store_tx *tx = begin(s, STORE_WRITE);
	struct owner o;

	must(put_owner(tx, "a", &o) == 0 && store_commit(tx) == 0);
	is_int(owners(s), 1);
	cut_all();
	tx = begin(s, STORE_WRITE);
	is_int(put_owner(tx, "b", &o), 0);
	is_int(put_owner(tx, "a", &o), -ERR_EXISTS);
	is_int(store_commit(tx), 0);
	cut_all();
	is_int(owners(s), 2);
	is_int(store_last_seq(s), 2);
}

static void on_commit(void *ctx, uint64_t seq) { *(uint64_t *) ctx = seq; }

TEST(a_connection_that_breaks_inside_a_transaction_undoes_it_whole)
{
	_cleanup_(store_closep) struct store *s = open_at(fresh_path());
	struct store_tx *tx = begin(s, STORE_WRITE);
	uint64_t told = 0;
	struct owner o;

	must(put_owner(tx, "a", &o) == 0);
	cut_all();
	is_int(put_owner(tx, "b", &o), -ERR_UNAVAILABLE);
	is_int(put_owner(tx, "c", &o), -ERR_UNAVAILABLE);
	is_int(store_commit(tx), -ERR_UNAVAILABLE);
	is_int(owners(s), 0);
	tx = begin(s, STORE_WRITE);
	must(put_owner(tx, "a", &o) == 0);
	cut_all();
	store_on_commit(s, on_commit, &told);
	is_int(store_commit(tx), -ERR_UNAVAILABLE);
	is_int(told, 1);                                /* the answer is lost: whoever follows is told to look */
	ok(strstr(said(LANG_EN), "PostgreSQL cannot be reached: ") && strstr(said(LANG_ZH), "无法连接PostgreSQL"));
	is_int(owners(s), 0);
	is_int(store_last_seq(s), 0);
}

static int cut_once(void *ctx, const void *rec)
{
	if (!(*(int *) ctx)++)
		cut_all();
	return 0;
}

TEST(a_list_whose_connection_breaks_ends_with_the_sentence)
{
	_cleanup_(store_closep) struct store *s = open_at(fresh_path());
	struct store_tx *tx = begin(s, STORE_WRITE);
	struct owner o;
	int n = 0;

	for (int i = 0; i < 1200; i++)
		must(put_owner(tx, arena_fmt(&arena, "%d", i), &o) == 0);
	must(store_commit(tx) == 0);
	tx = begin(s, STORE_READ);
	is_int(store_list(tx, &owner_type, &(struct store_list) { .sort = "code" }, cut_once, &n, NULL), -ERR_UNAVAILABLE);
	is_int(n, 500);                                 /* what had come before */
	store_rollback(tx);
	is_int(owners(s), 1200);
}

static int put_beside(void *ctx, const void *rec)
{
	struct { struct store_tx *tx; int n; } *c = ctx;
	struct owner back, o = { .code = arena_fmt(&arena, "beside-%d", c->n++) };

	ok(store_get(c->tx, &owner_type, &((const struct rec_head *) rec)->id, &back, &arena) == 0);
	ok(store_put(c->tx, &owner_type, &o, NULL) == 0);
	arena_reset(&arena);
	return 0;
}

TEST(a_long_list_comes_in_portions_while_its_transaction_goes_on)
{
	_cleanup_(store_closep) struct store *s = open_at(fresh_path());
	struct store_tx *tx = begin(s, STORE_WRITE);
	struct owner o;
	struct { struct store_tx *tx; int n; } c = { tx, 0 };

	for (int i = 0; i < 1001; i++)
		must(put_owner(tx, arena_fmt(&arena, "%d", i), &o) == 0);
	is_int(store_list(tx, &owner_type, &(struct store_list) { 0 }, put_beside, &c, NULL), 0);
	is_int(c.n, 1001);
	is_int(store_commit(tx), 0);
	is_int(owners(s), 2002);
}

static int put_with(struct store *s, const char *sqlstate)
{
	char sql[400];
	struct store_tx *tx = begin(s, STORE_WRITE);
	struct owner o;
	int r;

	snprintf(sql, sizeof(sql), "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'on purpose' USING "
		"ERRCODE = '%s'; END $$", sqlstate);
	if (!test_sql(server(), sql))
		return 1;
	r = put_owner(tx, "refused", &o);
	store_rollback(tx);
	return r;
}

TEST(what_the_server_cannot_do_has_a_kind_of_its_own)
{
	static const struct { const char *state; int kind; } shown[] = {        /* Appendix A of PostgreSQL's manual */
		{ "53100", ERR_FULL },          /* disk_full */
		{ "25006", ERR_IO },            /* read_only_sql_transaction */
		{ "58030", ERR_IO },            /* io_error */
		{ "53200", ERR_NO_MEMORY },     /* out_of_memory */
		{ "53300", ERR_BUSY },          /* too_many_connections */
		{ "55P03", ERR_BUSY },          /* lock_not_available */
		{ "40P01", ERR_BUSY },          /* deadlock_detected */
		{ "57P01", ERR_UNAVAILABLE },   /* admin_shutdown */
		{ "XX001", ERR_CORRUPT },       /* data_corrupted */
		{ "22012", ERR_BROKEN },        /* division_by_zero: a mistake of ours */
	};
	const char *path = fresh_path();
	_cleanup_(store_closep) struct store *s = open_at(path);
	char sql[200];
	struct store_tx *tx;
	struct owner o;

	must(test_sql(server(), "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$"));
	snprintf(sql, sizeof(sql), "CREATE TRIGGER t BEFORE INSERT ON t%ld.owners FOR EACH ROW WHEN (NEW.code = 'refused') EXECUTE FUNCTION refuse()",
		strtol(path_name(path), NULL, 10));
	must(test_sql(server(), sql));
	for (size_t i = 0; i < ELEMENTSOF(shown); i++) {
		is_int(put_with(s, shown[i].state), -shown[i].kind);
		tx = begin(s, STORE_WRITE);
		is_int(put_owner(tx, arena_fmt(&arena, "after-%zu", i), &o), 0);
		is_int(store_commit(tx), 0);
	}
	is_int(owners(s), ELEMENTSOF(shown));
	is_int(store_last_seq(s), ELEMENTSOF(shown));
}

TEST(a_transaction_in_which_something_failed_is_not_committed_as_if_nothing_had)
{
	_cleanup_(store_closep) struct store *s = open_at(fresh_path());
	struct store_tx *tx = begin(s, STORE_WRITE);
	struct owner o;

	must(put_owner(tx, "a", &o) == 0);
	is_int(store_find_by(tx, &owner_type, "name", "\xff\xfe", &o, &arena), -ERR_BAD_UTF8);
	is_int(store_commit(tx), -ERR_BROKEN);
	is_int(owners(s), 0);
}

TEST(two_platforms_do_not_open_the_same_store)
{
	struct store_config c = { .path = fresh_path(), .name = "test", .nouns = nouns, .n_nouns = 2, .seal = &test_seal, .sole = true };
	struct store *s = NULL, *other = NULL;

	must(open_place(&s, &c) == 0);
	is_int(open_place(&other, &c), -ERR_LOCKED);
	ok(!other && strstr(said(LANG_EN), "test is used by another process: local, backend "));
	c.sole = false;
	is_int(open_place(&other, &c), 0);              /* a verb of the command line beside it */
	other = store_close(other);
	c.sole = true;
	cut_all();
	must(open_place(&other, &c) == 0);              /* the first has lost it with its connection */
	struct store_tx *tx = NULL;
	is_int(store_begin(s, STORE_WRITE, 0, &tx), -ERR_LOCKED);
	other = store_close(other);
	for (int i = 0; i < 500 && store_begin(s, STORE_WRITE, 0, &tx) < 0; i++)
		usleep(10000);
	ok(tx);
	store_rollback(tx);
	store_close(s);
}

TEST(writers_of_two_processes_wait_for_each_other)
{
	const char *path = fresh_path();
	_cleanup_(store_closep) struct store *a = open_at(path), *b = open_at(path);
	struct store_tx *x = begin(a, STORE_WRITE), *y = NULL;
	struct owner o;

	is_int(store_begin(b, STORE_WRITE, clock_deadline(50), &y), -ERR_BUSY);
	must(put_owner(x, "a", &o) == 0 && store_commit(x) == 0);
	y = begin(b, STORE_WRITE);
	is_int(put_owner(y, "a", &o), -ERR_EXISTS);
	is_int(put_owner(y, "b", &o), 0);
	is_int(store_commit(y), 0);
	is_int(store_last_seq(b), 2);
}

TEST(what_is_gone_is_said_at_once_and_tried_again_later)
{
	struct store_config c = { .path = fresh_path(), .url = "postgresql://nobody@127.0.0.1:1/nowhere", .schema = "s", .nouns = nouns, .n_nouns = 2 };
	struct store *s = NULL;

	is_int(store_open(&s, &c), -ERR_UNAVAILABLE);
	ok(!s && strstr(said(LANG_EN), "PostgreSQL cannot be reached: connection to server at \"127.0.0.1\", port 1 failed"));
	is_int(err_exit(err_peek()->kind), 69);         /* EX_UNAVAILABLE */
}

TEST(a_URL_says_where_and_whether_there_is_a_password)
{
	static const struct { const char *url, *place; bool password; } good[] = {
		{ "postgresql://h/d", "h:5432/d", false }, { "postgres://u:p@h:7/d?sslmode=require", "h:7/d", true },
		{ "postgresql:///d?host=/run/x&password=p", "/run/x:5432/d", true }, { "postgresql://u@[::1]/", "::1:5432/u", false },
		{ "postgresql://a,b:6/d", "a,b:,6/d", false },
	};
	static const char *const bad[] = { "", "host=h", "mysql://h/d", "postgresql://h/d?nonsense=1", "postgresql://[::1/d", "data/system/store.db" };
	struct store_url u;

	fresh_path();
	for (size_t i = 0; i < ELEMENTSOF(good); i++) {
		must(store_url_read(good[i].url, &u) == 0);
		is_str(u.place, good[i].place);
		is_int(u.has_password, good[i].password);
	}
	for (size_t i = 0; i < ELEMENTSOF(bad); i++)
		is_int(store_url_read(bad[i], &u), -ERR_CONFIG);
}

struct lengthy { struct rec_head head; const char *a_rather_long_name_of_a_field_for_index_1, *a_rather_long_name_of_a_field_for_index_2; struct rec_list r; };
static const struct rec_field lengthy_fields[] = {
	F(struct lengthy, a_rather_long_name_of_a_field_for_index_1, .flags = REC_UNIQUE),
	F(struct lengthy, a_rather_long_name_of_a_field_for_index_2, .flags = REC_INDEX),
};
static const struct rec_type lengthy_type = REC_TYPE(struct lengthy, "lengthy", "lengthies_of_a_rather_long_plural_name", lengthy_fields,
	.unique = "a_rather_long_name_of_a_field_for_index_1,a_rather_long_name_of_a_field_for_index_2");

/* PostgreSQL cuts names off at 63 bytes: two of these would be one. */
TEST(indexes_of_long_names_stay_apart)
{
	const struct store_noun noun = { &lengthy_type, 0 };
	struct store_config c = { .path = fresh_path(), .nouns = &noun, .n_nouns = 1 };
	struct store *s = NULL;
	struct lengthy x = { .a_rather_long_name_of_a_field_for_index_1 = "1" }, y = x;
	struct store_tx *tx;

	for (int i = 0; i < 2; i++) {                   /* and the second time they are all known */
		must(open_place(&s, &c) == 0);
		s = store_close(s);
	}
	must(open_place(&s, &c) == 0);
	tx = begin(s, STORE_WRITE);
	is_int(store_put(tx, &lengthy_type, &x, NULL), 0);
	is_int(store_put(tx, &lengthy_type, &y, NULL), -ERR_EXISTS);
	is_str(err_arg(err_peek(), "field"), "a_rather_long_name_of_a_field_for_index_1");
	store_rollback(tx);
	store_close(s);
}

static int sessions(void)
{
	return test_sql(server(), "DO $$ BEGIN IF EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'tenon') THEN RAISE 'there are'; END IF; END $$");
}

TEST(connections_nobody_uses_are_let_go_and_made_again)
{
	_cleanup_(store_closep) struct store *s = open_at(fresh_path());
	struct owner o;
	struct store_tx *tx;

	must(s && owners(s) == 0);
	store_rest(s);                                  /* used a moment ago */
	ok(!sessions());
	store_pg.rest(s->writer->db, INT64_MAX);
	for (uint32_t i = 0; i < s->n_readers; i++)
		store_pg.rest(s->readers[i]->db, INT64_MAX);
	for (int i = 0; i < 500 && !sessions(); i++)
		usleep(10000);
	ok(sessions());
	tx = begin(s, STORE_WRITE);
	is_int(put_owner(tx, "a", &o), 0);
	is_int(store_commit(tx), 0);
	is_int(owners(s), 1);
}
