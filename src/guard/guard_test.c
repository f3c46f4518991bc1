/* guard_test.c - signing in, rights, deeds and the audit, against a real store in a folder of its own. */

#include "postgres.h"
#include "tap.h"

#include "guard/internal.h"

struct thing { struct rec_head head; const char *name; };
static const struct rec_field thing_fields[] = { F(struct thing, name, .flags = REC_REQUIRED | REC_UNIQUE, .max = "40") };
static const struct rec_type thing_type = REC_TYPE(struct thing, "thing", "things", thing_fields);
static const struct store_noun tenant_nouns[] = { { &thing_type, 0 } };

struct world { struct buf dir; struct guard *g; struct arena a; };

static int open_guard(struct world *w)
{
	return guard_open(&w->g, &(struct guard_config) { .data = w->dir.data, .store = test_database(w->dir.data), .argon_kib = 64, .argon_passes = 1, .tenant_nouns = tenant_nouns,
		.n_tenant_nouns = 1 });
}

static bool begin(struct world *w)
{
	*w = (struct world) { .dir = BUF_INIT(&sys_heap, 4096) };
	arena_init(&w->a, &sys_heap, 0);
	if (dir_temp("/tmp", "tenon-guard-", &w->dir) < 0 || open_guard(w) < 0) {
		printf("# %s\n", err_log_text(err_peek()));
		return false;
	}
	return true;
}

static void end(struct world *w)
{
	guard_close(w->g);
	dir_remove(w->dir.data);
	buf_done(&w->dir);
	arena_done(&w->a);
	sys_restore();
	err_clear();
}

static struct scope nobody(struct world *w)
{
	struct scope s = { .guard = w->g, .arena = &w->a };

	scope_nobody(&s);
	memcpy(s.peer, "192.0.2.7", 10);
	return s;
}

static bool set_up(struct world *w)
{
	struct setup_in in = { .name = "ann", .password = "ten letters" };
	char token[SECRET_TEXT_MAX];
	struct scope s = nobody(w);
	struct uuid user;

	in.token = token;
	return guard_setup_token(w->g, NULL, token) == 0 && guard_setup(&s, &in, &user) == 0;
}

static int sign_in(struct world *w, const char *name, const char *password, struct scope *s, struct session_secrets *ret)
{
	*s = nobody(w);
	return guard_sign_in(s, &(struct sign_in) { name, password }, ret);
}

static int authenticate(struct world *w, const char *bearer, const char *cookie, struct scope *ret)
{
	*ret = nobody(w);
	return guard_authenticate(ret, &(struct credentials) { bearer, cookie });
}

/* ---- the first start ---- */

TEST(the_first_start_makes_one_tenant_and_no_user)
{
	struct world w;
	uint32_t tenants[GUARD_TENANTS];
	struct uuid id;

	must(begin(&w));
	is_int(guard_tenants(w.g, tenants), 1);
	is_int(tenants[0], TENANT_DEFAULT);
	is_int(guard_tenant_id(w.g, TENANT_DEFAULT, &id), 0);
	ok(!uuid_is_zero(&id));
	ok(guard_needs_setup(w.g));
	ok(guard_tenant_store(w.g, TENANT_DEFAULT) != NULL);
	ok(guard_tenant_store(w.g, 99) == NULL);
	end(&w);
}

TEST(the_setup_link_works_once_and_a_newer_one_ends_it)
{
	struct setup_in in = { .name = "ann", .password = "ten letters" };
	char old[SECRET_TEXT_MAX], token[SECRET_TEXT_MAX];
	struct uuid user;
	struct world w;
	struct scope s;

	must(begin(&w));
	must(guard_setup_token(w.g, NULL, old) == 0);
	must(guard_setup_token(w.g, NULL, token) == 0);
	in.token = old;
	s = nobody(&w);
	is_int(guard_setup(&s, &in, &user), -ERR_BAD_SIGN_IN);
	in.token = "tnu_guess";
	is_int(guard_setup(&s, &in, &user), -ERR_BAD_SIGN_IN);
	ok(guard_needs_setup(w.g));
	in.token = token;
	is_int(guard_setup(&s, &in, &user), 0);
	ok(!guard_needs_setup(w.g));
	is_int(guard_setup(&s, &in, &user), -ERR_EXISTS);
	end(&w);
}

TEST(a_secret_made_before_there_were_records_opens_the_setup)
{
	struct setup_in in = { .name = "ann", .password = "ten letters" };
	char given[SECRET_TEXT_MAX], token[SECRET_TEXT_MAX];
	struct uuid user;
	struct world w;
	struct scope s;

	guard_setup_secret(given);
	must(begin(&w));
	s = nobody(&w);
	in.token = given;
	is_int(guard_setup(&s, &in, &user), -ERR_BAD_SIGN_IN);
	is_int(guard_setup_token(w.g, given, token), 0);
	is_str(token, given);
	is_int(guard_setup(&s, &in, &user), 0);
	end(&w);
}

TEST(the_setup_link_expires)
{
	struct setup_in in = { .name = "ann", .password = "ten letters" };
	char token[SECRET_TEXT_MAX];
	struct store_tx *tx;
	struct one_time one;
	struct uuid user;
	struct world w;
	struct scope s;

	must(begin(&w));
	must(guard_setup_token(w.g, NULL, token) == 0);
	must(store_begin(w.g->system, STORE_WRITE, 0, &tx) == 0);
	must(store_find_by(tx, &one_time_type, "purpose", "setup", &one, &w.a) == 0);
	one.expires = clock_now_ns() - 1;
	must(store_put(tx, &one_time_type, &one, NULL) == 0 && store_commit(tx) == 0);
	in.token = token;
	s = nobody(&w);
	is_int(guard_setup(&s, &in, &user), -ERR_BAD_SIGN_IN);
	end(&w);
}

/* ---- sessions ---- */

TEST(signing_in_gives_a_session_that_a_restart_does_not_end)
{
	struct session_secrets secrets;
	struct world w;
	struct scope s;

	must(begin(&w) && set_up(&w));
	is_int(sign_in(&w, "ann", "ten letters", &s, &secrets), 0);
	is_int(s.who.kind, PRINCIPAL_USER);
	is_str(s.who.name, "ann");
	is_str(s.who.role, "administrator");
	ok(scope_may(&s, PERM_USER_WRITE));
	w.g = guard_close(w.g);
	must(open_guard(&w) == 0);
	is_int(authenticate(&w, NULL, secrets.cookie, &s), 0);
	is_str(s.who.name, "ann");
	ok(guard_csrf_matches(&s, secrets.csrf));
	ok(!guard_csrf_matches(&s, "0000"));
	ok(!guard_csrf_matches(&s, NULL));
	end(&w);
}

TEST(a_wrong_password_and_a_wrong_name_are_refused_alike_and_audited)
{
	struct session_secrets secrets;
	struct audit_report report;
	struct world w;
	struct scope s;

	must(begin(&w) && set_up(&w));
	is_int(sign_in(&w, "ann", "nine lette", &s, &secrets), -ERR_BAD_SIGN_IN);
	is_int(s.who.kind, PRINCIPAL_NOBODY);
	ok(!scope_may(&s, SIGNED_IN));
	is_int(sign_in(&w, "bob", "ten letters", &s, &secrets), -ERR_BAD_SIGN_IN);
	err_clear();
	is_int(guard_audit_verify(w.g, 0, NULL, &report), 0);
	is_int(report.n, 3);            /* setup and the two */
	end(&w);
}

TEST(signing_out_ends_the_session_at_once)
{
	struct session_secrets secrets;
	struct world w;
	struct scope s, again;

	must(begin(&w) && set_up(&w));
	must(sign_in(&w, "ann", "ten letters", &s, &secrets) == 0);
	is_int(authenticate(&w, NULL, secrets.cookie, &again), 0);
	is_int(guard_sign_out(&s), 0);
	is_int(authenticate(&w, NULL, secrets.cookie, &again), -ERR_UNAUTHENTICATED);
	is_int(again.who.kind, PRINCIPAL_NOBODY);
	end(&w);
}

static int64_t ahead_ns;
static int (*real_clock)(clockid_t, struct timespec *);

static int clock_ahead(clockid_t id, struct timespec *ret)
{
	int r = real_clock(id, ret);

	ret->tv_sec += ahead_ns / NS_PER_S;
	return r;
}

static void later(int64_t hours)
{
	if (sys.clock_gettime != clock_ahead)
		real_clock = sys.clock_gettime;
	ahead_ns = hours * 3600 * NS_PER_S;
	sys.clock_gettime = clock_ahead;
}

TEST(an_idle_session_ends_after_8_hours_and_a_used_one_after_7_days)
{
	struct session_secrets idle, used;
	struct world w;
	struct scope s;

	must(begin(&w) && set_up(&w));
	must(sign_in(&w, "ann", "ten letters", &s, &idle) == 0);
	must(sign_in(&w, "ann", "ten letters", &s, &used) == 0);
	for (int h = 7; h < 7 * 24; h += 7) {
		later(h);
		if (authenticate(&w, NULL, used.cookie, &s) != 0) {
			tap_fail_("ended after %d hours", h);
			break;
		}
		is_int(guard_tick(w.g), 0);
	}
	is_int(authenticate(&w, NULL, idle.cookie, &s), -ERR_UNAUTHENTICATED);
	later(7 * 24);
	is_int(authenticate(&w, NULL, used.cookie, &s), -ERR_UNAUTHENTICATED);
	sys.clock_gettime = real_clock;
	end(&w);
}

static uint32_t place_of_secret(const char *secret)
{
	uint8_t hash[HASH_BYTES];
	uint32_t i;

	sha256(secret, strlen(secret), hash);
	memcpy(&i, hash, sizeof(i));
	return i % CACHE_SLOTS;
}

/* Two sessions that are remembered in the same place: after some forty one has such a neighbour (the birthdays of 1024 days). */
static bool find_neighbours(struct world *w, struct session_secrets all[400], const char **ret_one, const char **ret_other)
{
	struct scope s;

	for (unsigned n = 0; n < 400; n++) {
		if (sign_in(w, "ann", "ten letters", &s, &all[n]) != 0)
			return false;
		for (unsigned i = 0; i < n; i++)
			if (place_of_secret(all[i].cookie) == place_of_secret(all[n].cookie)) {
				*ret_one = all[i].cookie;
				*ret_other = all[n].cookie;
				return true;
			}
	}
	return false;
}

TEST(a_session_in_use_is_not_idle_because_another_stands_in_its_place)
{
	static struct session_secrets all[400];
	const char *one = NULL, *other = NULL;
	struct world w;
	struct scope s;

	must(begin(&w) && set_up(&w) && find_neighbours(&w, all, &one, &other));
	for (int h = 7; h < 28; h += 7) {
		later(h);
		is_int(authenticate(&w, NULL, one, &s), 0);
		is_int(authenticate(&w, NULL, other, &s), 0);
		is_int(guard_tick(w.g), 0);
	}
	sys.clock_gettime = real_clock;
	end(&w);
}

/* ---- guessing ---- */

static int guess(struct world *w, const char *name, const char *password, unsigned address)
{
	struct session_secrets secrets;
	struct scope s = nobody(w);

	snprintf(s.peer, sizeof(s.peer), "198.51.%u.%u", address >> 8, address & 255);
	return guard_sign_in(&s, &(struct sign_in) { name, password }, &secrets);
}

static int guess_from(struct world *w, const char *password, const char *peer)
{
	struct session_secrets secrets;
	struct scope s = nobody(w);

	snprintf(s.peer, sizeof(s.peer), "%s", peer);
	return guard_sign_in(&s, &(struct sign_in) { "ann", password }, &secrets);
}

/* However the zeros in it are written (RFC 5952, 4.2): five failures from one /64, and the sixth has to wait, from another it has not. */
TEST(addresses_of_one_network_are_one_guesser)
{
	static const char *const one[] = { "2001:db8::1", "2001:db8::1:2:3:4", "2001:db8::ffff:0:0:1", "2001:db8::9:8:0:1", "2001:db8:0:0:5:6:7:8" };
	struct world w;

	must(begin(&w) && set_up(&w));
	for (unsigned i = 0; i < ELEMENTSOF(one); i++)
		is_int(guess_from(&w, "nine lette", one[i]), -ERR_BAD_SIGN_IN);
	is_int(guess_from(&w, "nine lette", "2001:db8::abcd:1"), -ERR_LIMIT);
	is_int(guess_from(&w, "nine lette", "2001:db8:0:1::1"), -ERR_BAD_SIGN_IN);
	is_int(guess_from(&w, "ten letters", "2001:db8:0:1::2"), 0);
	end(&w);
}

static uint64_t plain_key(const char *name)
{
	uint8_t hash[HASH_BYTES];
	char text[80];
	uint64_t key;

	snprintf(text, sizeof(text), "1|%s|", name);
	sha256(text, strlen(text), hash);
	memcpy(&key, hash, sizeof(key));
	return key;
}

/* Ten failures lock a name, from wherever. Sixteen names that a plain hash puts into the same place would push its count out. */
TEST(nobody_chooses_names_that_push_anothers_failures_out)
{
	unsigned found = 0;
	struct world w;

	must(begin(&w) && set_up(&w));
	for (unsigned i = 0; i < 9; i++)
		is_int(guess(&w, "ann", "nine lette", i), -ERR_BAD_SIGN_IN);
	for (unsigned i = 0; found < 16 && i < 4000000; i++) {
		char name[40];

		snprintf(name, sizeof(name), "pusher %u", i);
		if ((plain_key(name) - plain_key("ann")) % THROTTLE_SLOTS == 0 && guess(&w, name, "nine lette", 100 + found) == -ERR_BAD_SIGN_IN)
			found++;
	}
	is_int(found, 16);
	is_int(guess(&w, "ann", "nine lette", 10), -ERR_BAD_SIGN_IN);
	is_int(guess(&w, "ann", "ten letters", 11), -ERR_LIMIT);
	end(&w);
}

/* ---- tokens ---- */

static int put_token(struct scope *s, const void *in, void *ret)
{
	struct token t = { 0 };
	int r = rec_init(&token_type, &t, s->arena);

	t.name = "machine";
	t.tenant = s->tenant_id;
	t.expires = *(const int64_t *) in;
	rec_set_has(&token_type, &t, rec_field(&token_type, "expires"), t.expires != 0);
	if (r >= 0)
		r = guard_role_by_name(s, "viewer", &t.role);
	if (r >= 0)
		r = guard_make_token(s, &t, ret);
	return r < 0 ? r : store_put(s->tx, &token_type, &t, &s->who.id);
}

static const struct deed token_deed = DEED("token.create", PERM_TOKEN_WRITE, DEED_SYSTEM, put_token);

static int make_token(struct world *w, int64_t expires, char secret[SECRET_TEXT_MAX])
{
	struct scope s;

	scope_system(&s, w->g, NULL, &w->a, "test");
	return scope_do(&s, &token_deed, &expires, secret);
}

TEST(a_token_carries_its_roles_rights_and_no_more)
{
	char secret[SECRET_TEXT_MAX];
	struct world w;
	struct scope s;

	must(begin(&w));
	must(make_token(&w, 0, secret) == 0);
	is_int(authenticate(&w, secret, NULL, &s), 0);
	is_int(s.who.kind, PRINCIPAL_TOKEN);
	ok(scope_may(&s, PERM_POINT_READ));
	ok(!scope_may(&s, PERM_POINT_WRITE));
	is_int(scope_need(&s, PERM_POINT_WRITE), -ERR_DENIED);
	is_str(err_arg(err_peek(), "permission"), "point.write");
	is_int(authenticate(&w, NULL, secret, &s), -ERR_UNAUTHENTICATED);       /* as a cookie it is none */
	end(&w);
}

TEST(an_expired_token_is_refused_also_while_it_is_remembered)
{
	char secret[SECRET_TEXT_MAX];
	struct world w;
	struct scope s;

	must(begin(&w));
	must(make_token(&w, clock_now_ns() + 3600 * NS_PER_S, secret) == 0);
	is_int(authenticate(&w, secret, NULL, &s), 0);
	later(2);
	is_int(authenticate(&w, secret, NULL, &s), -ERR_UNAUTHENTICATED);
	sys.clock_gettime = real_clock;
	end(&w);
}

TEST(when_a_token_was_used_last_reaches_the_store_without_a_new_revision)
{
	char secret[SECRET_TEXT_MAX], hash[HASH_TEXT + 1];
	struct store_tx *tx;
	struct token before, after;
	struct world w;
	struct scope s;

	must(begin(&w));
	must(make_token(&w, 0, secret) == 0);
	hash_text(secret, strlen(secret), hash);
	must(store_begin(w.g->system, STORE_READ, 0, &tx) == 0);
	must(store_find_by(tx, &token_type, "hash", hash, &before, &w.a) == 0);
	store_rollback(tx);
	is_int(authenticate(&w, secret, NULL, &s), 0);
	is_int(guard_tick(w.g), 0);
	must(store_begin(w.g->system, STORE_READ, 0, &tx) == 0);
	must(store_find_by(tx, &token_type, "hash", hash, &after, &w.a) == 0);
	store_rollback(tx);
	ok(after.last_used > 0);
	is_int(after.head.rev, before.head.rev);
	end(&w);
}

/* ---- deeds ---- */

static int put_thing(struct scope *s, const void *in, void *ret)
{
	struct thing t = { 0 };
	int r = rec_init(&thing_type, &t, s->arena);

	t.name = in;
	if (r >= 0)
		r = store_put(s->tx, &thing_type, &t, &s->who.id);
	if (r >= 0)
		r = audit_change(s, &thing_type, NULL, &t);
	if (r >= 0 && !strcmp(in, "fails"))
		return err_failf(ERR_BROKEN, "on purpose");
	return r;
}

static const struct deed thing_deed = DEED("thing.create", PERM_POINT_WRITE, DEED_TENANT, put_thing);

static int do_thing(struct world *w, const char *name)
{
	struct scope s;

	scope_system(&s, w->g, NULL, &w->a, "test");
	return scope_do(&s, &thing_deed, name, NULL);
}

static int count(void *ctx, const void *rec) { ++*(int *) ctx; return 0; }

static int n_of(struct world *w, const struct rec_type *t)
{
	struct store_tx *tx;
	struct store_list all = { 0 };
	int n = 0;

	if (store_begin(guard_tenant_store(w->g, TENANT_DEFAULT), STORE_READ, 0, &tx) < 0)
		return -1;
	store_list(tx, t, &all, count, &n, NULL);
	store_rollback(tx);
	return n;
}

TEST(a_deed_leaves_its_record_and_one_entry_and_a_failed_one_nothing)
{
	struct world w;

	must(begin(&w));
	is_int(do_thing(&w, "one"), 0);
	is_int(do_thing(&w, "fails"), -ERR_BROKEN);
	is_int(n_of(&w, &thing_type), 1);
	is_int(n_of(&w, &audit_type), 1);
	end(&w);
}

TEST(a_refused_deed_does_nothing_and_is_audited)
{
	char secret[SECRET_TEXT_MAX];
	struct world w;
	struct scope s;

	must(begin(&w));
	must(make_token(&w, 0, secret) == 0);
	must(authenticate(&w, secret, NULL, &s) == 0);
	is_int(scope_do(&s, &thing_deed, "one", NULL), -ERR_DENIED);
	is_int(n_of(&w, &thing_type), 0);
	is_int(n_of(&w, &audit_type), 1);
	end(&w);
}

TEST(nobody_is_refused_without_an_entry)
{
	struct world w;
	struct scope s;

	must(begin(&w));
	s = nobody(&w);
	is_int(scope_do(&s, &thing_deed, "one", NULL), -ERR_UNAUTHENTICATED);
	is_int(n_of(&w, &audit_type), 0);
	end(&w);
}

/* ---- the audit ---- */

static bool ten(struct world *w)
{
	char name[] = "thing-0";

	for (int i = 0; i < 10; i++, name[6]++)
		if (do_thing(w, name) != 0)
			return false;
	return true;
}

static int verify(struct world *w, struct audit_report *ret)
{
	int r = guard_audit_verify(w->g, TENANT_DEFAULT, NULL, ret);

	err_clear();
	return r;
}

/* Does to entry `seq` what somebody with access to the file could do. */
static bool tamper(struct world *w, const char *seq, void (*change)(struct audit *e))
{
	struct store_tx *tx;
	struct audit e;

	if (store_begin(guard_tenant_store(w->g, TENANT_DEFAULT), STORE_WRITE, 0, &tx) < 0
			|| store_find_by(tx, &audit_type, "seq", seq, &e, &w->a) < 0)
		return false;
	if (change) {
		change(&e);
		if (store_put(tx, &audit_type, &e, NULL) < 0)
			return false;
	} else if (store_del(tx, &audit_type, &e.head.id, 0, NULL) < 0) {
		return false;
	}
	return store_commit(tx) == 0;
}

static void rename_who(struct audit *e) { e->name = "somebody else"; }
static void move_up(struct audit *e) { e->seq = 99; }
static void move_down(struct audit *e) { e->seq = 4; }

TEST(an_untouched_chain_is_whole)
{
	struct audit_report report;
	struct world w;

	must(begin(&w) && ten(&w));
	is_int(verify(&w, &report), 0);
	is_int(report.n, 10);
	is_int(report.first_bad, 0);
	w.g = guard_close(w.g);
	must(open_guard(&w) == 0);
	is_int(do_thing(&w, "eleven"), 0);
	is_int(verify(&w, &report), 0);
	is_int(report.n, 11);
	end(&w);
}

TEST(a_changed_entry_is_named)
{
	struct audit_report report;
	struct world w;

	must(begin(&w) && ten(&w) && tamper(&w, "4", rename_who));
	is_int(verify(&w, &report), -ERR_CORRUPT);
	is_int(report.first_bad, 4);
	end(&w);
}

TEST(a_missing_entry_is_named)
{
	struct audit_report report;
	struct world w;

	must(begin(&w) && ten(&w) && tamper(&w, "4", NULL));
	is_int(verify(&w, &report), -ERR_CORRUPT);
	is_int(report.first_bad, 4);
	end(&w);
}

TEST(a_missing_tail_is_noticed)
{
	struct audit_report report;
	struct world w;

	must(begin(&w) && ten(&w) && tamper(&w, "10", NULL) && tamper(&w, "9", NULL));
	is_int(verify(&w, &report), -ERR_CORRUPT);
	is_int(report.first_bad, 9);
	end(&w);
}

TEST(entries_that_changed_places_are_noticed)
{
	struct audit_report report;
	struct world w;

	must(begin(&w) && ten(&w) && tamper(&w, "4", move_up) && tamper(&w, "5", move_down));
	is_int(verify(&w, &report), -ERR_CORRUPT);
	is_int(report.first_bad, 4);
	end(&w);
}

TEST(a_head_that_was_written_by_somebody_else_is_noticed)
{
	char path[600];
	struct buf b = BUF_FIXED(path), text = BUF_INIT(&sys_heap, 1 << 16);
	struct audit_report report;
	struct world w;

	must(begin(&w) && ten(&w));
	buf_addf(&b, "%s", w.g->tenants[0]->head.path);
	must(file_read(path, 4096, &text) == 0);
	text.data[19] = text.data[19] == '9' ? '8' : '9';
	must(file_write(path, text.data, text.len, 0600) == 0);
	is_int(verify(&w, &report), -ERR_CORRUPT);
	buf_done(&text);
	end(&w);
}

/* Power went between a commit and the writing of the head. */
TEST(a_head_that_is_behind_is_no_alarm)
{
	struct buf text = BUF_INIT(&sys_heap, 1 << 16);
	struct audit_report report;
	struct world w;

	must(begin(&w) && do_thing(&w, "early") == 0);
	must(file_read(w.g->tenants[0]->head.path, 4096, &text) == 0);
	must(ten(&w));
	must(file_write(w.g->tenants[0]->head.path, text.data, text.len, 0600) == 0);
	is_int(verify(&w, &report), 0);
	is_int(report.n, 11);
	buf_done(&text);
	end(&w);
}

static bool flip_in_file(const char *path)
{
	struct buf file = BUF_INIT(&sys_heap, 65 << 20);
	size_t flipped = 0;
	bool done;

	if (file_read(path, 64 << 20, &file) < 0)
		return false;
	for (size_t i = 0; i + 12 < file.len && !flipped; i++)
		if (!memcmp(file.data + i, "thing.create", 12)) {
			file.data[i] ^= 1;
			flipped = i;
		}
	done = flipped && file_write(path, file.data, file.len, 0600) == 0;
	buf_done(&file);
	return done;
}

/* One byte of what is stored, the platform being down. */
TEST(one_flipped_byte_in_the_file_is_found)
{
	char path[600];
	struct buf b = BUF_FIXED(path);
	struct audit_report report;
	struct world w;

	must(begin(&w) && ten(&w));
	buf_addf(&b, "%s", w.g->tenants[0]->head.path);
	b.len -= 5;
	path[b.len] = 0;                /* without .head */
	w.g = guard_close(w.g);
	must(test_database(w.dir.data) ? test_sql(test_database(w.dir.data), "UPDATE tenon_1.audit SET deed = 'uhing.create' WHERE seq = 4")
		: flip_in_file(path));
	must(open_guard(&w) == 0);
	is_int(verify(&w, &report), -ERR_CORRUPT);
	ok(report.first_bad >= 1 && report.first_bad <= 10);
	end(&w);
}

TEST(secrets_show_as_stars_in_the_audit)
{
	struct audit_notes notes = { .items = BUF_INIT(&sys_heap, AUDIT_TEXT_MAX) };
	struct user before = { .name = "ann", .hash = "$argon2id$old" }, after = { .name = "anna", .hash = "$argon2id$new" };
	struct world w;
	struct scope s;

	must(begin(&w));
	s = nobody(&w);
	s.notes = &notes;
	is_int(audit_change(&s, &user_type, &before, &after), 0);
	ok(strstr(notes.items.data, "\"hash\":\"***\""));
	ok(strstr(notes.items.data, "\"name\":\"anna\""));
	ok(!strstr(notes.items.data, "argon2"));
	buf_done(&notes.items);
	end(&w);
}

/* ---- sealed fields ---- */

TEST(what_is_sealed_opens_again_and_not_when_a_bit_differs)
{
	struct buf sealed = BUF_INIT(&sys_heap, 4096), opened = BUF_INIT(&sys_heap, 4096);
	struct world w;

	must(begin(&w));
	is_int(w.g->seal.seal(w.g, "a password", 10, &sealed), 0);
	ok(!memmem(sealed.data, sealed.len, "password", 8));
	is_int(w.g->seal.unseal(w.g, sealed.data, sealed.len, &opened), 0);
	is_str(opened.data, "a password");
	for (size_t i = 0; i < sealed.len; i++) {
		sealed.data[i] ^= 1;
		buf_clear(&opened);
		is_int(w.g->seal.unseal(w.g, sealed.data, sealed.len, &opened), -ERR_CORRUPT);
		sealed.data[i] ^= 1;
	}
	buf_done(&sealed);
	buf_done(&opened);
	end(&w);
}
