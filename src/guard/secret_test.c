/* secret_test.c - hashes against the standards' own examples; secrets by their properties; rights by their list. */

#include "tap.h"

#include <argon2.h>
#include <stdlib.h>
#include <time.h>

#include "base/str.h"
#include "base/when.h"
#include "guard/internal.h"

TEST(sha256_of_abc_is_that_of_fips_180_4)
{
	char hex[HASH_TEXT + 1];

	hash_text("abc", 3, hex);
	is_str(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(hmac_sha256_is_that_of_rfc_4231_case_6)    /* our keys have 32 bytes; HMAC shortens a longer one by hashing it */
{
	char hex[HASH_TEXT + 1];
	uint8_t long_key[131], key[HASH_BYTES], mac[HASH_BYTES];

	memset(long_key, 0xaa, sizeof(long_key));
	sha256(long_key, sizeof(long_key), key);
	hmac_sha256(key, "Test Using Larger Than Block-Size Key - Hash Key First", 54, mac);
	hex_format(mac, sizeof(mac), hex);
	is_str(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(a_secret_has_its_form_and_two_never_agree)
{
	char a[SECRET_TEXT_MAX], b[SECRET_TEXT_MAX];

	secret_make("tnn_", a);
	secret_make("tnn_", b);
	is_int(strlen(a), 4 + 43 + 6);
	ok(secret_is("tnn_", a));
	ok(strcmp(a, b) != 0);
	ok(!secret_is("tns_", a));
}

TEST(every_single_changed_character_is_noticed)
{
	char a[SECRET_TEXT_MAX];
	int passed = 0;

	secret_make("tnn_", a);
	for (size_t i = 0; i < strlen(a); i++) {
		char was = a[i];
		a[i] = was == 'x' ? 'y' : 'x';
		passed += secret_is("tnn_", a);
		a[i] = was;
	}
	is_int(passed, 0);
	a[strlen(a) - 1] = 0;
	ok(!secret_is("tnn_", a));
	ok(!secret_is("tnn_", ""));
	ok(!secret_is("tnn_", NULL));
}

/* libargon2 itself says that it has done the whole work and found a difference, not that it could not read the text. */
TEST(the_hash_of_no_password_is_refused_after_the_same_work)
{
	const struct argon_cost cheap = { 64, 1, 1 };
	char one[PASSWORD_HASH_MAX], two[PASSWORD_HASH_MAX];

	password_dummy(&cheap, one);
	password_dummy(&cheap, two);
	is_int(argon2id_verify(one, "any", 3), ARGON2_VERIFY_MISMATCH);
	ok(!password_is_stale(&cheap, one));
	ok(!password_matches(one, ""));
	ok(strcmp(one, two) != 0);
}

TEST(a_password_matches_itself_alone_and_hashes_differ)
{
	const struct argon_cost cheap = { 64, 1, 1 };
	char a[PASSWORD_HASH_MAX], b[PASSWORD_HASH_MAX];

	must(password_hash(&cheap, "correct horse battery", a) == 0);
	must(password_hash(&cheap, "correct horse battery", b) == 0);
	ok(strcmp(a, b) != 0);
	ok(!strncmp(a, "$argon2id$v=19$m=64,t=1,p=1$", 28));
	ok(password_matches(a, "correct horse battery"));
	ok(!password_matches(a, "correct horse batterY"));
	ok(!password_matches(a, ""));
	ok(!password_matches("", "x"));
	ok(!password_matches(NULL, "x"));
}

TEST(the_hash_in_the_reference_implementations_own_test_is_understood)  /* phc-winner-argon2, src/test.c, Argon2id, t 2, m 2^16, p 1 */
{
	const char *hash = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

	ok(password_matches(hash, "password"));
	ok(!password_matches(hash, "passwore"));
}

TEST(a_hash_of_another_cost_is_stale)
{
	const struct argon_cost cheap = { 64, 1, 1 }, dear = { 128, 1, 1 };
	char a[PASSWORD_HASH_MAX];

	must(password_hash(&cheap, "correct horse battery", a) == 0);
	ok(!password_is_stale(&cheap, a));
	ok(password_is_stale(&dear, a));
}

TEST(every_permission_is_found_by_its_id_and_has_words_in_both_languages)
{
	for (int p = PERM_FIRST_; p < PERM_N_; p++) {
		is_int(permission_parse(permission_id((enum permission) p)), p);
		ok(permission_title((enum permission) p, LANG_EN)[0]);
		ok(permission_title((enum permission) p, LANG_ZH)[0]);
		is_str(permission_words[p - PERM_FIRST_].word, permission_id((enum permission) p));
	}
	is_int(permission_parse("public"), PERM_UNSET_);
	is_int(permission_parse("signed_in"), PERM_UNSET_);
	is_int(permission_parse("no.such"), PERM_UNSET_);
}

TEST(nobody_has_no_right_but_public)
{
	struct grants none = { 0 };

	for (int p = PERM_UNSET_; p <= PERM_N_; p++)
		is_int(grants_has(none, (enum permission) p), p == PUBLIC);
}

TEST(a_roles_flags_become_exactly_its_grants)
{
	struct grants g = grants_of_flags(1u << (PERM_POINT_READ - PERM_FIRST_));

	ok(grants_has(g, PERM_POINT_READ));
	ok(grants_has(g, SIGNED_IN));
	ok(!grants_has(g, PERM_POINT_WRITE));
	ok(!grants_has(g, PERM_UNSET_));
	ok(!grants_has(g, PERM_N_));
}

static struct guard *throttled(void)
{
	struct guard *g = sys_new(struct guard);

	if (!g)
		return NULL;
	mutex_init(&g->throttle_lock);
	mutex_init(&g->rules_lock);
	g->rules = (struct sign_in_rules) { .tries = 5, .tries_name = 10, .tries_address = 30, .delay_max_ns = 900 * NS_PER_S,
		.lock_ns = 59 * NS_PER_S + NS_PER_S / 2 };
	g->attempts = sys_alloc_array(THROTTLE_SLOTS, sizeof(*g->attempts));
	return g->attempts ? g : sys_free(g);
}

static void unthrottle(struct guard *g)
{
	sys_free(g->attempts);
	mutex_done(&g->throttle_lock);
	mutex_done(&g->rules_lock);
	sys_free(g);
}

TEST(guessing_gets_slower_with_every_failure_and_a_success_forgets)
{
	struct guard *g = throttled();

	must(g);
	for (int i = 0; i < 5; i++) {
		is_int(throttle_check(g, "ann", "192.0.2.7"), 0);
		throttle_result(g, "ann", "192.0.2.7", false);
	}
	is_int(throttle_check(g, "ann", "192.0.2.7"), -ERR_LIMIT);
	err_clear();
	is_int(throttle_check(g, "ann", "192.0.2.8"), 0);
	is_int(throttle_check(g, "bob", "192.0.2.7"), 0);
	throttle_result(g, "ann", "192.0.2.7", true);
	is_int(throttle_check(g, "ann", "192.0.2.7"), 0);
	unthrottle(g);
}

TEST(a_name_is_locked_for_all_addresses_and_an_address_for_all_names)
{
	struct guard *g = throttled();
	char text[40];

	must(g);
	for (int i = 0; i < 10; i++) {          /* each from somewhere else: no address is suspicious */
		struct buf b = BUF_FIXED(text);
		buf_addf(&b, "192.0.2.%d", i);
		is_int(throttle_check(g, "ann", text), 0);
		throttle_result(g, "ann", text, false);
	}
	is_int(throttle_check(g, "ann", "203.0.113.1"), -ERR_LIMIT);
	ok(str_starts(err_arg(err_peek(), "max"), "60"));       /* locked for a minute, not for a second */
	err_clear();
	is_int(throttle_check(g, "bob", "203.0.113.1"), 0);
	throttle_forget(g, "ann");
	is_int(throttle_check(g, "ann", "203.0.113.1"), 0);
	for (int i = 0; i < 30; i++) {
		struct buf b = BUF_FIXED(text);
		buf_addf(&b, "name%d", i);
		throttle_result(g, text, "198.51.100.9", false);
	}
	is_int(throttle_check(g, "carl", "198.51.100.9"), -ERR_LIMIT);
	err_clear();
	throttle_result(g, "carl", "198.51.100.9", true);
	is_int(throttle_check(g, "carl", "198.51.100.9"), -ERR_LIMIT);  /* one good guess excuses nothing */
	err_clear();
	unthrottle(g);
}

/* RFC 4291, 2.5.4: what one customer has is a /64. */
TEST(addresses_of_one_ipv6_network_count_as_one)
{
	struct guard *g = throttled();

	must(g);
	for (int i = 0; i < 5; i++)
		throttle_result(g, "ann", i % 2 ? "2001:db8:1:2::1" : "2001:db8:1:2:aaaa::7", false);
	is_int(throttle_check(g, "ann", "2001:db8:1:2:ffff::9"), -ERR_LIMIT);
	err_clear();
	is_int(throttle_check(g, "ann", "2001:db8:1:3::1"), 0);
	unthrottle(g);
}

/* ---- hours of a grant, passwords ---- */

/* 2026-01-05 is a Monday (ISO 8601); with TZ=UTC local time is that of the text. */
static bool on_at(struct access_grant g, const char *when)
{
	int64_t ns, until;

	return when_parse(when, str_len(when), &ns) && grant_is_on(&g, ns, &until) && until > ns;
}

TEST(hours_over_midnight_belong_to_the_day_on_which_they_begin)
{
	struct access_grant night = { .days = 1 /* Monday */, .hour_from = "22:00", .hour_until = "06:00" };
	struct access_grant day = { .hour_from = "08:00", .hour_until = "17:30" };

	setenv("TZ", "UTC", 1);
	tzset();
	ok(!on_at(night, "2026-01-05T21:59:59Z"));
	ok(on_at(night, "2026-01-05T22:00:00Z"));
	ok(on_at(night, "2026-01-06T05:59:59Z"));
	ok(!on_at(night, "2026-01-06T06:00:00Z"));
	ok(!on_at(night, "2026-01-06T22:00:00Z"));
	ok(!on_at(night, "2026-01-05T05:00:00Z"));      /* that would be Sunday's */
	ok(on_at(day, "2026-01-07T08:00:00Z"));
	ok(on_at(day, "2026-01-07T17:29:59Z"));
	ok(!on_at(day, "2026-01-07T17:30:00Z"));
}

TEST(a_grant_holds_from_its_beginning_until_before_its_end)
{
	struct access_grant g = { 0 };
	int64_t from, end, until;

	must(when_parse("2026-01-05T08:00:00Z", 20, &from) && when_parse("2026-01-05T09:00:00Z", 20, &end));
	g.from = from;
	g.until = end;
	ok(!grant_is_on(&g, from - 1, &until));
	is_int(until, from);
	ok(grant_is_on(&g, from, &until));
	is_int(until, end);
	ok(!grant_is_on(&g, end, &until));
	is_int(until, INT64_MAX);
}

TEST(a_duty_follows_from_rights_and_not_from_names)
{
	uint32_t user_write = 1u << (PERM_USER_WRITE - PERM_FIRST_), role_write = 1u << (PERM_ROLE_WRITE - PERM_FIRST_);

	is_int(guard_duties(0), 0);
	is_int(guard_duties(1u << (PERM_POINT_READ - PERM_FIRST_)), 0);
	is_int(guard_duties(user_write), DUTY_SYSTEM);
	is_int(guard_duties(user_write | role_write), DUTY_SYSTEM | DUTY_SECURITY);
	is_int(guard_duties(1u << (PERM_AUDIT_READ - PERM_FIRST_)), DUTY_AUDIT);
}

/* NIST SP 800-63B, 5.1.1.2: compared with lists of common values, repetitions and runs, the user's own name. */
TEST(passwords_that_are_guessed_first_are_refused)
{
	static const char *const weak[] = { "password", "Password2026!", "1234567890", "aaaaaaaaaaaa", "abababababab", "abcdefghijkl", "qwertyuiop1",
		"my ANN is it" };
	static const char *const good[] = { "quiet pump seven", "泵站在河的北岸边上", "x9#kQ2!vLm" };
	struct user u = { .name = "ann" };
	struct guard *g = throttled();

	must(g);
	g->rules.password_min = 8;
	for (size_t i = 0; i < ELEMENTSOF(weak); i++) {
		is_int(guard_password_check(g, &u, weak[i]), -ERR_WEAK_PASSWORD);
		err_clear();
	}
	for (size_t i = 0; i < ELEMENTSOF(good); i++)
		is_int(guard_password_check(g, &u, good[i]), 0);
	is_int(guard_password_check(g, &u, "seven c"), -ERR_LENGTH);
	err_clear();
	unthrottle(g);
}
