/* Expected values: RFC 3629, RFC 8259, RFC 9562, RFC 3339 and their examples; date(1) for days. */
#include "base/arena.h"
#include "base/cur.h"
#include "base/err.h"
#include "base/id.h"
#include "base/json.h"
#include "base/map.h"
#include "base/num.h"
#include "base/str.h"
#include "base/when.h"

#include "tap.h"

static int allocations_left = -1;

static void *heap_resize(void *ctx, void *p, size_t old, size_t n)
{
	(void) ctx, (void) old;
	if (!n) {
		free(p);
		return NULL;
	}
	if (allocations_left == 0)
		return NULL;
	if (allocations_left > 0)
		allocations_left--;
	return realloc(p, n);
}

static const struct mem heap = { heap_resize, NULL };

TEST(a_sentence_names_field_value_and_rule_in_both_languages)
{
	char room[300] = "";
	struct buf b = BUF_FIXED(room);
	struct err e;

	is_int(err_fail(ERR_OUT_OF_RANGE, "field", "period_ms", "min", "1", "max", "86400000", "value", "0", NULL), -ERR_OUT_OF_RANGE);
	err_at(-ERR_OUT_OF_RANGE, "period_ms");
	err_at_index(-ERR_OUT_OF_RANGE, 3);
	err_wrap(-ERR_OUT_OF_RANGE, "group %s", "fast");
	e = err_take(-ERR_OUT_OF_RANGE);
	err_text(&e, LANG_EN, &b);
	is_str(b.data, "period_ms must be between 1 and 86400000, is 0");
	buf_clear(&b);
	err_text(&e, LANG_ZH, &b);
	is_str(b.data, "period_ms 必须在 1 与 86400000 之间，现为 0");
	is_str(e.pointer, "/3/period_ms");
	is_str(err_log_text(&e), "group fast: period_ms must be between 1 and 86400000, is 0");
	is_int(err_peek()->kind, ERR_NONE);
	is_int(err_http(e.kind), 422);
	is_str(err_code(e.kind), "out_of_range");
}

TEST(a_term_is_shown_in_the_readers_language)
{
	char room[300] = "";
	struct buf b = BUF_FIXED(room);
	struct err e;

	err_fail(ERR_MISSING, "what", "@point", "value", "TIC-101", NULL);
	e = err_take(-ERR_MISSING);
	err_text(&e, LANG_EN, &b);
	is_str(b.data, "there is no point TIC-101");
	buf_clear(&b);
	err_text(&e, LANG_ZH, &b);
	is_str(b.data, "没有点位 TIC-101");
}

TEST(a_clause_whose_slot_is_empty_stays_out)
{
	char room[300] = "";
	struct buf b = BUF_FIXED(room);
	struct err e;

	err_fail(ERR_UNKNOWN_FIELD, "value", "zzz", NULL);
	e = err_take(-ERR_UNKNOWN_FIELD);
	err_text(&e, LANG_EN, &b);
	is_str(b.data, "there is no field zzz");
	buf_clear(&b);
	err_text(&e, LANG_ZH, &b);
	is_str(b.data, "没有字段 zzz");
}

TEST(a_long_argument_is_cut_at_a_character_and_the_sentence_still_ends)
{
	char text[2001], room[1000] = "";
	struct buf b = BUF_FIXED(room);
	struct err e;

	for (int i = 0; i < 2000; i += 4)
		memcpy(text + i, "\xe7\x82\xb9.", 4);
	text[2000] = 0;
	err_fail(ERR_INVALID, "field", "name", "value", text, "rule", "is too long", NULL);
	e = err_take(-ERR_INVALID);
	ok(e.cut);
	err_text(&e, LANG_EN, &b);
	ok(!b.failed && utf8_is_valid(b.data, b.len));
	for (int i = 0; i < 100; i++)
		err_wrap(-ERR_IO, "%s", text), err_at(-ERR_IO, text);
	e = err_take(-ERR_IO);
	ok(utf8_is_valid(e.context, strlen(e.context)) && utf8_is_valid(e.pointer, strlen(e.pointer)));
}

TEST(a_failure_nobody_described_keeps_its_kind)
{
	struct err e;

	err_fail(ERR_MISSING, "what", "x", NULL);
	e = err_take(-ERR_BUSY);
	is_int(e.kind, ERR_BUSY);
	is_int(e.args_len, 0);
}

TEST(every_error_row_has_both_sentences_with_the_same_slots)
{
	for (int k = 1; k < ERR_N_; k++) {
		const char *en = err_sentence(k, LANG_EN), *zh = err_sentence(k, LANG_ZH);

		for (const char *p = en; (p = str_find(p, "{")); p++) {
			char slot[32] = "";

			snprintf(slot, sizeof(slot), "%.*s", (int) (str_find(p, "}") - p + 1), p);
			if (!str_find(zh, slot))
				tap_fail_("%s: %s is missing in Chinese", err_code(k), slot);
		}
		/* 202: not refused, but not done either; it waits for a second person */
		ok((err_http(k) >= 400 || err_http(k) == 202) && err_exit(k) >= 64 && err_exit(k) <= 78);
	}
}

/* RFC 9457, 3.1.3: a title does not change from occurrence to occurrence. */
TEST(every_error_row_has_a_title_without_slots)
{
	for (int k = 1; k < ERR_N_; k++)
		for (int lang = 0; lang < LANG_N_; lang++) {
			const char *title = err_title(k, (enum lang) lang);

			if (str_empty(title) || str_find(title, "{"))
				tap_fail_("%s has no title", err_code(k));
		}
}

TEST(formatting_agrees_with_the_c_library)
{
	char ours[200], theirs[200];
	struct buf b = BUF_FIXED(ours);

	ours[0] = 0;
	buf_addf(&b, "%d|%5d|%-5d|%05d|%u|%lld|%zu|%x|%08X|%s|%.3s|%8s|%-8s|%c|%%|%.*s", -7, 42, 42, -42, 7u, -1234567890123LL,
		(size_t) 99, 0xbeefu, 0xbeefu, "text", "truncate", "right", "left", 'c', 2, "xyz");
	snprintf(theirs, sizeof(theirs), "%d|%5d|%-5d|%05d|%u|%lld|%zu|%x|%08X|%s|%.3s|%8s|%-8s|%c|%%|%.*s", -7, 42, 42, -42, 7u,
		-1234567890123LL, (size_t) 99, 0xbeefu, 0xbeefu, "text", "truncate", "right", "left", 'c', 2, "xyz");
	is_str(ours, theirs);
}

TEST(a_buffer_that_may_not_grow_says_so_and_stays_whole)
{
	char room[8] = "";
	struct buf b = BUF_FIXED(room), c = BUF_INIT(&heap, 100);

	buf_add(&b, "1234567");
	ok(!b.failed);
	buf_add(&b, "8");
	ok(b.failed);
	is_str(b.data, "1234567");
	for (int i = 0; i < 50; i++)
		buf_add(&c, "abc");
	ok(c.failed);
	is_int(c.len, 99);
	buf_done(&c);
	is_str(c.data, "");
}

TEST(the_nth_failing_allocation_is_survived)
{
	bool clean = false;

	for (int n = 0; !clean && n < 50; n++) {
		struct arena a;
		struct buf b = BUF_INIT(&heap, 1 << 20);

		allocations_left = n;
		arena_init(&a, &heap, 0);
		clean = true;
		for (int i = 0; i < 20; i++) {
			clean &= arena_alloc(&a, 5000) != NULL;
			clean &= arena_fmt(&a, "%s %d", "text", i) != NULL;
			buf_addf(&b, "%0900d", i);
		}
		clean &= !b.failed;
		arena_done(&a);
		buf_done(&b);
	}
	allocations_left = -1;
	ok(clean);
}

TEST(an_arena_is_zeroed_aligned_bounded_and_reused)
{
	struct arena a;
	char *p, *q;

	arena_init(&a, &heap, 100000);
	p = arena_alloc(&a, 100);
	memset(p, 0xff, 100);
	arena_reset(&a);
	q = arena_alloc(&a, 100);
	ok(p == q);
	for (int i = 0; i < 100; i++)
		ok(q[i] == 0);
	is_int((uintptr_t) arena_alloc(&a, 3) % 16, 0);
	ok(!arena_alloc(&a, 100000));
	is_str(arena_fmt(&a, "%d-%s", 7, "x"), "7-x");
	arena_done(&a);
}

TEST(only_well_formed_utf8_passes)
{
	static const char *const good[] = { "", "a", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "点位" };
	static const char *const bad[] = { "\x80", "\xc0\xaf", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe7\x82", "\xff" };

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		ok(utf8_is_valid(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ok(!utf8_is_valid(bad[i], strlen(bad[i])));
	is_int(utf8_count("点位a", 7), 3);
	for (uint32_t c = 1; c < 0x110000; c += 77) {
		char t[4];
		const char *p = t;
		unsigned n;

		if (c >= 0xd800 && c < 0xe000)
			continue;
		n = utf8_encode(c, t);
		is_int(utf8_decode(&p, t + n), c);
		ok(p == t + n);
	}
}

TEST(the_nearest_word_is_found_or_none)
{
	static const char *const words[] = { "points", "devices", "groups" };

	is_str(str_nearest("point", words, 3), "points");
	is_str(str_nearest("devcies", words, 3), "devices");
	ok(!str_nearest("zzz", words, 3));
	is_int(str_distance("kitten", "sitting", 9), 3);        /* Levenshtein's textbook example */
}

TEST(patterns_match_the_whole_text)
{
	ok(str_matches("temp_zone1", "[a-z][a-z0-9_]*"));
	ok(!str_matches("Temp", "[a-z][a-z0-9_]*"));
	ok(!str_matches("temp zone", "[a-z][a-z0-9_]*"));
	ok(str_matches("", "a*"));
	ok(str_matches("ab]c", "a[b]\\]c"));
	ok(str_matches("192.168.1.50", "[0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+"));
	ok(str_matches("x-y", "[^ /]+"));
	ok(!str_matches("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "a*a*a*a*a*a*a*a*a*a*c"));
}

TEST(a_quote_after_a_multi_byte_character_is_escaped)
{
	char room[64] = "";
	struct buf b = BUF_FIXED(room);

	json_escape(&b, "é\"温\\\n\xc3\"", 10);
	is_str(room, "\"é\\\"温\\\\\\n\xef\xbf\xbd\\\"\"");
}

TEST(json_is_written_as_rfc_8259_says)
{
	struct buf b = BUF_INIT(&heap, 1 << 16);
	struct json j = JSON_TO(&b);

	json_object(&j);
	json_kv_str(&j, "a\"b", "x\ny\t\x01 \xff 点");
	json_key(&j, "list");
	json_array(&j);
	json_i64(&j, -1);
	json_i64(&j, INT64_MAX);
	json_f64(&j, 0.1);
	json_f64(&j, __builtin_inf());
	json_null(&j);
	json_bool(&j, true);
	json_object(&j);
	json_end(&j);
	json_end(&j);
	json_kv_u64(&j, "n", 7);
	json_end(&j);
	is_str(b.data, "{\"a\\\"b\":\"x\\ny\\t\\u0001 \xef\xbf\xbd 点\",\"list\":[-1,\"9223372036854775807\",0.1,\"Inf\",null,true,{}],\"n\":7}");
	is_int(j.depth, 0);
	json_end(&j);
	ok(b.failed);
	buf_done(&b);
}

TEST(a_uuid_of_version_7_carries_its_time)
{
	/* RFC 9562, appendix A.6 */
	static const uint8_t random[10] = { 0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f };
	char text[UUID_TEXT + 1];
	struct uuid u = uuid_v7(0x017F22E279B0, random), back;

	uuid_format(&u, text);
	is_str(text, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
	ok(uuid_parse("017F22E2-79B0-7CC3-98C4-DC0C0C07398F", 36, &back) && uuid_equal(&u, &back));
	ok(!uuid_parse("017F22E2-79B0-7CC3-98C4-DC0C0C07398", 35, &back));
	ok(!uuid_parse("017F22E2+79B0-7CC3-98C4-DC0C0C07398F", 36, &back));
	ok(!uuid_parse("017F22E2-79B0-7CC3-98C4-DC0C0C07398G", 36, &back));
}

TEST(instants_follow_rfc_3339)
{
	static const struct { const char *text; int64_t ns; const char *back; } good[] = {
		{ "1985-04-12T23:20:50.52Z", 482196050520000000, "1985-04-12T23:20:50.52Z" },
		{ "1996-12-19T16:39:57-08:00", 851042397000000000, "1996-12-20T00:39:57Z" },
		{ "1937-01-01T12:00:27.87+00:20", -1041337172130000000, "1937-01-01T11:40:27.87Z" },
		{ "1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z" },
		{ "2026-01-31 08:00:00.123456789+08:00", 1769817600123456789, "2026-01-31T00:00:00.123456789Z" },
		{ "1969-12-31T23:59:59.999999999Z", -1, "1969-12-31T23:59:59.999999999Z" },
		{ "2024-02-29T00:00:00Z", 1709164800000000000, "2024-02-29T00:00:00Z" },
	};
	static const char *const bad[] = { "", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-31", "2026-01-31T24:00:00Z",
		"2026-01-31T08:00:00", "2026-01-31T08:00:00.Z", "2026-01-31T08:00:00.1234567890Z", "9999-01-01T00:00:00Z", "2026-01-31T08:00:00Zx" };
	char text[WHEN_TEXT_MAX];
	int64_t ns = 5;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		ok(when_parse(good[i].text, strlen(good[i].text), &ns));
		is_int(ns, good[i].ns);
		when_format(text, ns);
		is_str(text, good[i].back);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (when_parse(bad[i], strlen(bad[i]), &ns))
			tap_fail_("accepted %s", bad[i]);
	ok(when_parse_relative("now-1h", 6, 7200 * NS_PER_S, &ns));
	is_int(ns, 3600 * NS_PER_S);
	ok(!when_parse_relative("now-", 4, 0, &ns));
	when_format(text, INT64_MIN);
	is_str(text, "1677-09-21T00:12:43.145224192Z");
	when_format(text, INT64_MAX);
	is_str(text, "2262-04-11T23:47:16.854775807Z");
}

TEST(durations_print_and_read_back)
{
	static const struct { const char *text; int64_t ns; } good[] = { { "1h30m", 5400 * NS_PER_S }, { "500ms", 500 * NS_PER_MS },
		{ "0s", 0 }, { "-10s", -10 * NS_PER_S }, { "1d1us", 86400 * NS_PER_S + 1000 }, { "7ns", 7 } };
	char text[WHEN_TEXT_MAX];
	int64_t ns;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		ok(when_parse_duration(good[i].text, strlen(good[i].text), &ns));
		is_int(ns, good[i].ns);
		when_format_duration(text, ns);
		is_str(text, good[i].text);
	}
	ok(!when_parse_duration("", 0, &ns));
	ok(!when_parse_duration("5", 1, &ns));
	ok(!when_parse_duration("5x", 2, &ns));
	ok(!when_parse_duration("999999999999d", 13, &ns));
}

TEST(a_cursor_never_reads_past_its_end)
{
	static const uint8_t bytes[] = { 1, 2, 3, 4, 5 };
	struct cur c = cur_of(bytes, 5);
	uint8_t out[3];
	struct pen p = pen_of(out, 3);

	is_int(cur_be32(&c), 0x01020304);
	is_int(cur_be16(&c), 0);
	ok(c.bad);
	is_int(cur_u8(&c), 0);
	pen_le16(&p, 0x1234);
	pen_be16(&p, 0x5678);
	ok(p.bad);
	is_int(out[0], 0x34);
}

static bool same_number(const void *item, const void *key)
{
	return *(const uint64_t *) item == *(const uint64_t *) key;
}

TEST(a_map_finds_what_was_put_and_not_deleted)
{
	enum { N = 5000 };
	static uint64_t numbers[N];
	struct map m = MAP_INIT(&heap);
	size_t seen = 0, at = 0;

	for (uint64_t i = 0; i < N; i++) {
		numbers[i] = i * 3;
		ok(map_put(&m, hash_bytes(&numbers[i], 8) & 0xfff, &numbers[i]));       /* long runs on purpose */
	}
	for (uint64_t i = 0; i < N; i += 2)
		ok(map_del(&m, hash_bytes(&numbers[i], 8) & 0xfff, same_number, &numbers[i]) == &numbers[i]);
	for (uint64_t i = 0; i < N; i++)
		ok((map_find(&m, hash_bytes(&numbers[i], 8) & 0xfff, same_number, &numbers[i]) != NULL) == (i % 2 == 1));
	while (map_next(&m, &at))
		seen++;
	is_int(seen, N / 2);
	map_done(&m);
}
