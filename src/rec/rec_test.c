#include "rec/rec.h"

#include <sys/wait.h>

#include "base/num.h"
#include "rec/every_test.h"
#include "rec/b64.h"
#include "sys/sys.h"
#include "tap.h"
#include "rec/audit_test.h"

static struct arena arena;

/* Tests are short programs; what they leave in the arena goes with the next. */
static struct arena *fresh(void)
{
	if (!arena.mem)
		arena_init(&arena, &sys_heap, 0);
	arena_reset(&arena);
	err_clear();
	return &arena;
}

static const char *json_of(const struct rec_type *t, const void *rec, unsigned show)
{
	struct buf b = BUF_INIT(&sys_heap, 1 << 20);
	struct json j = JSON_TO(&b);
	const char *text;

	rec_to_json(t, rec, show, NULL, &j);
	text = b.failed ? NULL : arena_strn(&arena, b.data, b.len);
	buf_done(&b);
	return text;
}

static const char *sentence(enum lang lang)
{
	struct buf b = BUF_INIT(&sys_heap, 4096);
	const char *text;

	err_text(err_peek(), lang, &b);
	text = arena_strn(&arena, b.data, b.len);
	buf_done(&b);
	return text;
}

static int from(const struct rec_type *t, void *rec, const char *text, enum rec_mode mode)
{
	return rec_from_json(t, rec, (struct rec_json) { text, strlen(text) }, mode, &arena, NULL);
}

TEST(the_table_of_every_kind_passes_its_check)
{
	fresh();
	is_int(rec_type_check(&every_type), 0);
}

TEST(the_table_of_every_kind_is_its_struct)
{
	rec_audit(&every_type);
}

struct forgetful { bool a, b; int32_t c; };
static const struct rec_field forgetful_fields[] = { F(struct forgetful, a), F(struct forgetful, c) };
static const struct rec_type forgetful_type = REC_PLAIN(struct forgetful, "forgetful", forgetful_fields);
struct mistaken { int32_t a; uint32_t b; };
static const struct rec_field mistaken_fields[] = { F(struct mistaken, a), F_KIND(struct mistaken, b, REC_DATE) };
static const struct rec_type mistaken_type = REC_PLAIN(struct mistaken, "mistaken", mistaken_fields);
static struct forgetful keep_forgetful;
static struct mistaken keep_mistaken;

/* The audit must fail here: its complaints are counted and taken back. */
TEST(the_audit_finds_a_forgotten_member_and_a_wrong_type)
{
	int before = tap_failures;

	ok(!keep_forgetful.a && !keep_mistaken.a);
	rec_audit(&forgetful_type);
	if (tap_skipped)
		return;
	must(tap_failures == before + 2);               /* b, and the count */
	rec_audit(&mistaken_type);
	must(tap_failures == before + 3);
	tap_failures = before;
}

TEST(a_new_record_has_its_defaults_and_nothing_else)
{
	struct every e;

	must(rec_init(&every_type, &e, fresh()) == 0);
	is_str(e.name, "nameless");
	ok(e.enabled && e.limit.active && !e.spare.active);
	is_int(e.count, 3);
	is_int(e.state, 1);
	is_int(e.rights, 3);
	is_int(e.period, NS_PER_S);
	ok(!e.code && !e.note && !e.settings);
	ok(!rec_has(&every_type, &e, rec_field(&every_type, "known")));
	ok(!rec_has(&every_type, &e, rec_field(&every_type, "spare")));
	ok(rec_has(&every_type, &e, rec_field(&every_type, "big")));
}

TEST(a_record_written_as_JSON_reads_back_equal)
{
	struct dice d = { 1 };

	for (int i = 0; i < 2000; i++) {
		struct every e, back;
		const char *text;

		every_random(&d, fresh(), &e);
		must(rec_check(&every_type, &e, NULL) == 0);
		text = json_of(&every_type, &e, REC_SHOW_HEAD | REC_SHOW_INTERNAL);
		must(text);
		if (from(&every_type, &back, text, REC_CREATE | REC_TRUSTED) < 0)
			printf("# %s\n# %s\n", text, err_log_text(err_peek()));
		must(err_peek()->kind == 0);
		for (const struct rec_field *f = every_fields; f < every_fields + ELEMENTSOF(every_fields); f++)
			if (!rec_field_equal(&every_type, f, &e, &back))
				tap_fail_("%s differs in %s", f->name, text);
		ok(rec_equal(&every_type, &e, &back));
	}
}

TEST(a_copy_is_equal_and_shares_no_memory)
{
	struct dice d = { 2 };
	struct arena other;

	arena_init(&other, &sys_heap, 0);
	for (int i = 0; i < 200; i++) {
		struct every e, copy;

		every_random(&d, fresh(), &e);
		must(rec_dup(&every_type, &copy, &e, &other) == 0);
		ok(rec_equal(&every_type, &e, &copy));
		ok(copy.code != e.code && (!e.tags.n || copy.tags.items != e.tags.items));
		arena_reset(&arena);
		memset(arena_alloc(&arena, 60000), 'x', 60000);
		ok(copy.code[0] == 'c' && copy.code[1] == '-');
		arena_reset(&other);
	}
	arena_done(&other);
}

/* --- every rule broken once ---------------------------------------------------------------------------------------------- */

static const struct broken { const char *body; int kind; const char *pointer, *en, *zh; } broken[] = {
	{ "{}", ERR_REQUIRED, "/code", "code is missing", "缺少 code" },
	{ "{\"code\":null}", ERR_REQUIRED, "/code", "code is missing", "缺少 code" },
	{ "{\"code\":\"\"}", ERR_LENGTH, "/code", "code must have 1 to 64 characters, has 0", "code 长度必须为 1 至 64 个字符，现为 0 个" },
	{ "{\"code\":7}", ERR_WRONG_TYPE, "/code", "code must be a text, is 7", "code 应为文本，现为 7" },
	{ "{\"code\":\"a\\nb\"}", ERR_INVALID, "/code", "code must be one line without control characters, is a",
		"code 必须是单行文本，不含控制字符，现为 a" },
	{ "{\"code\":\"a\",\"enabled\":1}", ERR_WRONG_TYPE, "/enabled", "enabled must be true or false, is 1", "enabled 应为 true 或 false，现为 1" },
	{ "{\"code\":\"a\",\"small\":6}", ERR_OUT_OF_RANGE, "/small", "small must be between -5 and 5, is 6", "small 必须在 -5 与 5 之间，现为 6" },
	{ "{\"code\":\"a\",\"small\":1.5}", ERR_WRONG_TYPE, "/small", "small must be a whole number, is 1.5", "small 应为整数，现为 1.5" },
	{ "{\"code\":\"a\",\"small\":3000000000}", ERR_OUT_OF_RANGE, "/small", "small must be between -5 and 5, is 3000000000", NULL },
	{ "{\"code\":\"a\",\"big\":99999999999999999999}", ERR_OUT_OF_RANGE, "/big", NULL, NULL },
	{ "{\"code\":\"a\",\"count\":0}", ERR_OUT_OF_RANGE, "/count", "count must be between 1 and 4294967295, is 0", NULL },
	{ "{\"code\":\"a\",\"count\":-1}", ERR_OUT_OF_RANGE, "/count", "count must be between 1 and 4294967295, is -1", NULL },
	{ "{\"code\":\"a\",\"level\":101}", ERR_OUT_OF_RANGE, "/level", "level must be between -1.8e308 and 100.5, is 101", NULL },
	{ "{\"code\":\"a\",\"price\":-101}", ERR_TOO_SMALL, "/price", "price must be at least -100.00, is -101.00", "price 不能小于 -100.00，现为 -101.00" },
	{ "{\"code\":\"a\",\"price\":\"1.234\"}", ERR_INVALID, "/price", "price has too many decimals, is 1.234", "price 小数位过多，现为 1.234" },
	{ "{\"code\":\"a\",\"price\":\"abc\"}", ERR_WRONG_TYPE, "/price", "price must be a number, is abc", NULL },
	{ "{\"code\":\"a\",\"at\":\"1980-01-01T00:00:00Z\"}", ERR_TOO_SMALL, "/at", "at must be at least 1990-01-01T00:00:00Z, is 1980-01-01T00:00:00Z", NULL },
	{ "{\"code\":\"a\",\"at\":\"today\"}", ERR_WRONG_TYPE, "/at", "at must be a time such as 2026-01-31T08:00:00Z, is today",
		"at 应为形如 2026-01-31T08:00:00Z 的时间，现为 today" },
	{ "{\"code\":\"a\",\"day\":\"2026-02-30\"}", ERR_WRONG_TYPE, "/day", "day must be a date such as 2026-01-31, is 2026-02-30", NULL },
	{ "{\"code\":\"a\",\"period\":\"5ms\"}", ERR_OUT_OF_RANGE, "/period", "period must be between 10ms and 24h, is 5ms", NULL },
	{ "{\"code\":\"a\",\"period\":5}", ERR_WRONG_TYPE, "/period", "period must be a duration such as 500ms, 10s or 1h30m, is 5", NULL },
	{ "{\"code\":\"a\",\"state\":\"runing\"}", ERR_NOT_A_WORD, "/state", "state must be one of stopped, running, fault, is runing",
		"state 只能取 stopped, running, fault，现为 runing" },
	{ "{\"code\":\"a\",\"rights\":[\"read\",\"fly\"]}", ERR_NOT_A_WORD, "/rights", "rights must be one of read, write, admin, is fly", NULL },
	{ "{\"code\":\"a\",\"rights\":\"read\"}", ERR_WRONG_TYPE, "/rights", "rights must be a list, is read", NULL },
	{ "{\"code\":\"a\",\"key\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}", ERR_SIZE, "/key", "key must have 0 to 16 bytes, has 21", "key 必须有 0 至 16 字节，现为 21 字节" },
	{ "{\"code\":\"a\",\"key\":\"!\"}", ERR_WRONG_TYPE, "/key", "key must be base64, is !", NULL },
	{ "{\"code\":\"a\",\"other\":\"12\"}", ERR_WRONG_TYPE, "/other", "other must be an id, is 12", "other 应为标识符，现为 12" },
	{ "{\"code\":\"a\",\"numbers\":[1,2,3,4,5]}", ERR_COUNT, "/numbers", "numbers must have 0 to 4 entries, has 5", "numbers 必须有 0 至 4 项，现为 5 项" },
	{ "{\"code\":\"a\",\"numbers\":[1,\"2\"]}", ERR_WRONG_TYPE, "/numbers/1", "numbers must be a whole number, is 2", NULL },
	{ "{\"code\":\"a\",\"numbers\":{}}", ERR_WRONG_TYPE, "/numbers", "numbers must be a list, is an object", "numbers 应为列表，现为对象" },
	{ "{\"code\":\"a\",\"names\":[\"ok\",\"No\"]}", ERR_PATTERN, "/names/1", "names must match [a-z]+, is No", "names 必须符合 [a-z]+，现为 No" },
	{ "{\"code\":\"a\",\"limits\":[{\"value\":1},{\"value\":1001}]}", ERR_OUT_OF_RANGE, "/limits/1/value", NULL, NULL },
	{ "{\"code\":\"a\",\"limit\":{\"note\":\"123456789012345678901\"}}", ERR_LENGTH, "/limit/note", NULL, NULL },
	{ "{\"code\":\"a\",\"limit\":{\"nots\":\"1\"}}", ERR_UNKNOWN_FIELD, "/limit/nots", "there is no field nots; the nearest is note",
		"没有字段 nots；最接近的是 note" },
	{ "{\"code\":\"a\",\"tags\":{\"a/b\":1}}", ERR_WRONG_TYPE, "/tags/a~1b", NULL, NULL },
	{ "{\"code\":\"a\",\"way\":\"none\",\"settings\":{\"host\":\"x\"}}", ERR_INVALID, "/settings", NULL, NULL },
	{ "{\"code\":\"a\",\"settings\":{\"port\":1},\"way\":\"tcp\"}", ERR_REQUIRED, "/settings/host", "host is missing", NULL },
	{ "{\"code\":\"a\",\"inner\":\"x\"}", ERR_UNKNOWN_FIELD, "/inner", NULL, NULL },
	{ "{\"code\":\"a\",\"made\":\"by magic\"}", ERR_READ_ONLY, "/made", "made is set by the platform and cannot be changed", "made 由平台设置，不能修改" },
	{ "{\"coed\":\"a\"}", ERR_UNKNOWN_FIELD, "/coed", "there is no field coed; the nearest is code", NULL },
	{ "{\"code\":\"a\",\"code\":\"b\"}", ERR_SYNTAX, "", NULL, NULL },
	{ "{\"code\":\"a\",", ERR_SYNTAX, "", NULL, NULL },
	{ "{\n \"code\":\x01}", ERR_SYNTAX, "", NULL, NULL },
	{ "[]", ERR_WRONG_TYPE, "", "every must be an object, is a list", "every 应为对象，现为列表" },
	{ "{\"code\":\"\xff\"}", ERR_BAD_UTF8, "", "request body is not valid UTF-8 at byte 9", "请求正文在第 9 字节处不是有效的 UTF-8" },
	{ "{\"code\":\"a\\u0000b\"}", ERR_SYNTAX, "", NULL, NULL },
};

TEST(every_broken_rule_names_the_field_in_both_languages_and_changes_nothing)
{
	for (size_t i = 0; i < ELEMENTSOF(broken); i++) {
		const struct broken *b = &broken[i];
		struct every e, before;

		fresh();
		memset(&e, 0x5a, sizeof(e));
		before = e;
		if (from(&every_type, &e, b->body, REC_CREATE) != -b->kind)
			tap_fail_("%s: %s", b->body, err_log_text(err_peek()));
		if (strcmp(err_peek()->pointer, b->pointer))
			tap_fail_("%s: pointer %s", b->body, err_peek()->pointer);
		if (b->en)
			is_str(sentence(LANG_EN), b->en);
		if (b->zh)
			is_str(sentence(LANG_ZH), b->zh);
		is_bytes(&e, &before, sizeof(e));
	}
}

TEST(all_wrong_fields_are_reported_at_once)
{
	struct errs errs = { .arena = fresh() };
	struct every e;
	const char *body = "{\"small\":9,\"limits\":[{\"value\":-2000,\"x\":1}],\"state\":\"?\",\"zzz\":0}";

	is_int(rec_from_json(&every_type, &e, (struct rec_json) { body, strlen(body) }, REC_CREATE, &arena, &errs), -ERR_OUT_OF_RANGE);
	must(errs.n == 6);
	is_str(errs.item[0]->pointer, "/small");
	is_str(errs.item[1]->pointer, "/limits/0/value");
	is_str(errs.item[2]->pointer, "/limits/0/x");
	is_str(errs.item[3]->pointer, "/state");
	is_str(errs.item[4]->pointer, "/zzz");
	is_str(errs.item[5]->pointer, "/code");
	is_int(errs.item[5]->kind, ERR_REQUIRED);
	is_str(err_peek()->pointer, "/small");
}

TEST(a_syntax_error_has_line_and_column)
{
	struct every e;

	fresh();
	is_int(from(&every_type, &e, "{\n  \"code\": tru\n}", REC_CREATE), -ERR_SYNTAX);
	is_str(err_arg(err_peek(), "line"), "2");
	ok(atoi(err_arg(err_peek(), "column")) >= 10);
}

TEST(nesting_is_bounded)
{
	char deep[300] = "";
	struct every e;

	fresh();
	memset(deep, '[', 200);
	is_int(from(&every_type, &e, deep, REC_CREATE), -ERR_SYNTAX);
	is_str(err_arg(err_peek(), "detail"), "nested too deep");
}

/* --- how a body is applied ------------------------------------------------------------------------------------------------ */

TEST(a_merge_changes_what_it_says_and_null_clears)
{
	struct every e;
	const struct rec_field *seen = rec_field(&every_type, "seen"), *small = rec_field(&every_type, "maybe_small");

	fresh();
	must(from(&every_type, &e, "{\"code\":\"a\",\"note\":\"n\",\"count\":9,\"maybe_small\":0,\"seen\":\"2024-01-01T00:00:00Z\",\"way\":\"tcp\","
		"\"settings\":{\"host\":\"h\",\"password\":\"p\"},\"tags\":{\"a\":\"1\",\"b\":\"2\"},\"limit\":{\"value\":5,\"note\":\"x\"},"
		"\"meta\":{\"a\":1,\"b\":{\"c\":2,\"d\":3}}}", REC_CREATE) == 0);
	ok(rec_has(&every_type, &e, small) && e.maybe_small == 0);
	must(from(&every_type, &e, "{\"note\":null,\"count\":null,\"seen\":null,\"settings\":{\"port\":503},\"tags\":{\"a\":null,\"c\":\"3\"},"
		"\"limit\":{\"value\":null},\"meta\":{\"a\":null,\"b\":{\"c\":4}}}", REC_MERGE) == 0);
	is_str(e.code, "a");
	ok(!e.note && e.count == 3);
	ok(!rec_has(&every_type, &e, seen) && rec_has(&every_type, &e, small));
	is_str(((struct every_tcp *) e.settings)->host, "h");
	is_str(((struct every_tcp *) e.settings)->password, "p");
	is_int(((struct every_tcp *) e.settings)->port, 503);
	must(e.tags.n == 2);
	is_str(e.tags.items[0].key, "b");
	is_str(e.tags.items[1].key, "c");
	is_str(e.limit.note, "x");
	ok(!(e.limit.has[0] & 1));
	is_str(e.meta, "{\"b\":{\"c\":4,\"d\":3}}");
	is_int(from(&every_type, &e, "{\"code\":null}", REC_MERGE), -ERR_REQUIRED);
}

/* RFC 7396, appendix A: the examples whose target and result are objects. */
TEST(a_merge_of_free_JSON_does_what_RFC_7396_shows)
{
	static const char *const shown[][3] = {
		{ "{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" }, { "{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}" },
		{ "{\"a\":\"b\"}", "{\"a\":null}", "{}" }, { "{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}" },
		{ "{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" }, { "{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}" },
		{ "{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}" },
		{ "{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}" }, { "[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]" },
		{ "{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]" }, { "{\"a\":\"foo\"}", "\"bar\"", "\"bar\"" },
		{ "{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}" }, { "[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}" },
		{ "{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}" },
	};

	for (size_t i = 0; i < ELEMENTSOF(shown); i++) {
		struct every e;

		fresh();
		must(from(&every_type, &e, arena_fmt(&arena, "{\"code\":\"a\",\"meta\":%s}", shown[i][0]), REC_CREATE) == 0);
		must(from(&every_type, &e, arena_fmt(&arena, "{\"meta\":%s}", shown[i][1]), REC_MERGE) == 0);
		is_str(e.meta, shown[i][2]);
	}
}

struct fixed { struct rec_head head; const char *serial, *secret, *inner, *name; };
static const struct rec_field fixed_fields[] = {
	F(struct fixed, serial, .flags = REC_REQUIRED | REC_IMMUTABLE),
	F(struct fixed, secret, .flags = REC_SECRET),
	F(struct fixed, inner, .flags = REC_INTERNAL),
	F(struct fixed, name),
};
static const struct rec_type fixed_type = REC_TYPE(struct fixed, "fixed", "fixed", fixed_fields);

TEST(a_replacement_keeps_secrets_and_what_is_set_once)
{
	struct fixed f;

	fresh();
	must(from(&fixed_type, &f, "{\"serial\":\"s1\",\"secret\":\"x\",\"name\":\"n\"}", REC_CREATE) == 0);
	f.inner = "i";
	f.head.rev = 4;
	must(from(&fixed_type, &f, "{\"rev\":4}", REC_REPLACE) == 0);
	is_str(f.serial, "s1");
	is_str(f.secret, "x");
	is_str(f.inner, "i");
	ok(!f.name && f.head.rev == 4);
	is_int(from(&fixed_type, &f, "{\"serial\":\"s2\"}", REC_REPLACE), -ERR_IMMUTABLE);
	is_int(from(&fixed_type, &f, "{\"serial\":\"s2\"}", REC_MERGE), -ERR_IMMUTABLE);
	is_int(from(&fixed_type, &f, "{\"serial\":\"s1\"}", REC_MERGE), 0);
	is_int(from(&fixed_type, &f, "{\"rev\":5}", REC_MERGE), -ERR_READ_ONLY);
	is_str(f.serial, "s1");
}

TEST(an_answer_may_be_sent_back_as_it_came)
{
	struct dice d = { 3 };
	struct every e, before;

	every_random(&d, fresh(), &e);
	e.head.id = dice_uuid(&d);
	e.head.rev = 3;
	e.head.created = e.head.updated = 1700000000 * NS_PER_S;
	before = e;
	is_int(from(&every_type, &e, json_of(&every_type, &e, REC_SHOW_HEAD), REC_MERGE), 0);
	ok(rec_equal(&every_type, &e, &before));
	is_int(from(&every_type, &e, json_of(&every_type, &e, REC_SHOW_HEAD), REC_REPLACE), 0);
	ok(rec_equal(&every_type, &e, &before));
	ok(uuid_equal(&e.head.id, &before.head.id));
}

TEST(a_changed_sibling_takes_the_variant_with_it)
{
	struct every e;

	fresh();
	must(from(&every_type, &e, "{\"code\":\"a\",\"way\":\"tcp\",\"settings\":{\"host\":\"h\"}}", REC_CREATE) == 0);
	must(from(&every_type, &e, "{\"settings\":{\"line\":\"ttyS1\"},\"way\":\"serial\"}", REC_MERGE) == 0);
	is_str(((struct every_serial *) e.settings)->line, "ttyS1");
	is_int(((struct every_serial *) e.settings)->baud, 9600);
	must(from(&every_type, &e, "{\"way\":\"tcp\"}", REC_MERGE) == 0);
	ok(!e.settings);
}

TEST(secrets_and_internal_fields_are_shown_only_to_the_store)
{
	struct every e;
	const char *text;

	must(rec_init(&every_type, &e, fresh()) == 0);
	e.code = "a";
	e.secret = "geheim";
	e.inner = "intern";
	e.way = 1;
	e.settings = &(struct every_tcp) { "h", "passwort", 1 };
	text = json_of(&every_type, &e, REC_SHOW_HEAD);
	ok(!strstr(text, "geheim") && !strstr(text, "intern") && !strstr(text, "passwort"));
	text = json_of(&every_type, &e, REC_SHOW_INTERNAL);
	ok(strstr(text, "geheim") && strstr(text, "intern") && strstr(text, "passwort"));
	text = json_of(&every_type, &e, REC_SHOW_INTERNAL | REC_HIDE_SECRET);
	ok(!strstr(text, "geheim") && strstr(text, "intern") && !strstr(text, "passwort"));
	is_int(from(&every_type, &e, "{\"secret\":7}", REC_MERGE), -ERR_WRONG_TYPE);
	ok(!strstr(err_log_text(err_peek()), "7"));
}

TEST(only_the_fields_asked_for_are_written)
{
	struct buf b = BUF_INIT(&sys_heap, 4096);
	struct json j = JSON_TO(&b);
	struct every e;

	must(rec_init(&every_type, &e, fresh()) == 0);
	rec_to_json(&every_type, &e, REC_SHOW_HEAD, (const char *const []) { "count", "rev", "inner", NULL }, &j);
	is_str(b.data, "{\"rev\":0,\"count\":3}");
	buf_done(&b);
}

/* --- as text -------------------------------------------------------------------------------------------------------------- */

TEST(a_field_written_as_text_reads_back_equal)
{
	struct dice d = { 5 };

	for (int i = 0; i < 300; i++) {
		struct every e, back;

		every_random(&d, fresh(), &e);
		must(rec_init(&every_type, &back, &arena) == 0);
		for (const struct rec_field *f = every_fields; f < every_fields + ELEMENTSOF(every_fields); f++) {
			struct buf b = BUF_INIT(&sys_heap, 1 << 20);

			if (f->kind == REC_VARIANT && e.way == 1)
				((struct every_tcp *) e.settings)->password = NULL;     /* the text does not show it */
			rec_field_format(&every_type, f, &e, &b);
			if (b.len && rec_field_parse(&every_type, f, &back, b.data, b.len, &arena) < 0)
				tap_fail_("%s: %s: %s", f->name, b.data, err_log_text(err_peek()));
			if (b.len && !rec_field_equal(&every_type, f, &e, &back))
				tap_fail_("%s: %s", f->name, b.data);
			buf_done(&b);
		}
	}
}

TEST(people_may_write_labels_lists_and_pairs)
{
	struct every e;
	const struct rec_type *t = &every_type;

	must(rec_init(t, &e, fresh()) == 0);
	is_int(rec_field_parse(t, rec_field(t, "state"), &e, "故障", strlen("故障"), &arena), 0);
	is_int(e.state, 2);
	is_int(rec_field_parse(t, rec_field(t, "numbers"), &e, "1,-2,3", 6, &arena), 0);
	is_int(e.numbers.n, 3);
	is_int(((int32_t *) e.numbers.items)[1], -2);
	is_int(rec_field_parse(t, rec_field(t, "tags"), &e, "a=1,b=x=y", 9, &arena), 0);
	must(e.tags.n == 2);
	is_str(e.tags.items[1].value, "x=y");
	is_int(rec_field_parse(t, rec_field(t, "tags"), &e, "a=1,a=2", 7, &arena), -ERR_INVALID);
	is_int(rec_field_parse(t, rec_field(t, "state"), &e, "", 0, &arena), 0);
	is_int(e.state, 1);
	is_int(rec_field_parse(t, rec_field(t, "count"), &e, "-3", 2, &arena), -ERR_OUT_OF_RANGE);
	is_int(e.count, 3);
}

TEST(decimals_are_exact)
{
	static const struct { const char *text; int64_t value; } shown[] = {
		{ "0.00", 0 }, { "12.34", 1234 }, { "-0.05", -5 }, { "92233720368547758.07", INT64_MAX }, { "-92233720368547758.08", INT64_MIN },
	};
	const struct rec_field price = { .name = "price", .kind = REC_DEC, .scale = 2, .size = 8 };
	const struct rec_type t = { .name = "t", .plural = "t", .size = 8, .n_fields = 1, .fields = &price };
	int64_t v;

	fresh();
	for (size_t i = 0; i < ELEMENTSOF(shown); i++) {
		struct buf b = BUF_INIT(&sys_heap, 100);

		is_int(rec_field_parse(&t, &price, &v, shown[i].text, strlen(shown[i].text), &arena), 0);
		is_int(v, shown[i].value);
		rec_field_format(&t, &price, &v, &b);
		is_str(b.data, shown[i].text);
		buf_done(&b);
	}
	is_int(rec_field_parse(&t, &price, &v, "92233720368547758.08", 20, &arena), -ERR_OUT_OF_RANGE);
	is_int(rec_field_parse(&t, &price, &v, "1.2300", 6, &arena), 0);
	is_int(v, 123);
	is_int(rec_field_parse(&t, &price, &v, ".", 1, &arena), -ERR_WRONG_TYPE);
}

/* RFC 4648, section 10. */
TEST(base64_gives_the_examples_of_RFC_4648)
{
	static const char *const shown[][2] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" } };
	char out[32];
	size_t n;

	for (size_t i = 0; i < ELEMENTSOF(shown); i++) {
		struct buf b = BUF_INIT(&sys_heap, 100);

		b64_encode(shown[i][0], strlen(shown[i][0]), &b);
		is_str(b.data, shown[i][1]);
		ok(b64_decode(b.data, b.len, out, &n) && n == strlen(shown[i][0]));
		is_bytes(out, shown[i][0], n);
		buf_done(&b);
	}
	ok(!b64_decode("Zg=", 3, out, &n) && !b64_decode("Z", 1, out, &n) && !b64_decode("Zh==", 4, out, &n) && !b64_decode("====", 4, out, &n));
	ok(b64_decode("-_8", 3, out, &n) && n == 2);
}

TEST(rows_are_CSV_as_in_RFC_4180)
{
	struct buf b = BUF_INIT(&sys_heap, 4096);
	struct fixed f = { .serial = "a,b", .name = "say \"x\"" };

	fresh();
	rec_csv_head(&fixed_type, (const char *const []) { "name", "serial", "id", NULL }, &b);
	rec_csv_row(&fixed_type, &f, (const char *const []) { "name", "serial", "id", NULL }, &b);
	is_str(b.data, "name,serial,id\r\n\"say \"\"x\"\"\",\"a,b\",\r\n");
	buf_clear(&b);
	f.name = "\"";
	f.serial = "two\nlines";
	rec_csv_row(&fixed_type, &f, (const char *const []) { "name", "serial", NULL }, &b);
	is_str(b.data, "\"\"\"\",\"two\nlines\"\r\n");
	buf_done(&b);
}

TEST(tables_line_up_in_any_script)
{
	static const char *const only[] = { "name", "count", "enabled", NULL };
	struct buf b = BUF_INIT(&sys_heap, 4096);
	struct every e;

	must(rec_init(&every_type, &e, fresh()) == 0);
	rec_table_head(&every_type, only, &b);
	e.name = "温度";
	rec_table_row(&every_type, &e, only, &b);
	e.name = "abcd";
	rec_table_row(&every_type, &e, only, &b);
	is_str(b.data,
		"NAME                       COUNT  ENABLED\n"
		"温度                           3  true\n"
		"abcd                           3  true\n");
	buf_done(&b);
}

/* --- every kind × every flag: a const table and a type made at run time behave the same ------------------------------------ */

static const char *text_of(void (*fn)(const struct rec_type *t, struct json *out), const struct rec_type *t)
{
	struct buf b = BUF_INIT(&sys_heap, 1 << 20);
	struct json j = JSON_TO(&b);
	const char *text;

	fn(t, &j);
	text = b.failed ? NULL : arena_strn(&arena, b.data, b.len);
	buf_done(&b);
	return text;
}

static const char *itself(void *ctx, const char *noun) { return noun; }

static const char *sql_of(const struct rec_type *t, enum rec_sql dialect)
{
	struct buf b = BUF_INIT(&sys_heap, 1 << 20);
	const char *text;

	rec_sql_create(t, dialect, itself, NULL, &b);
	text = b.failed ? NULL : arena_strn(&arena, b.data, b.len);
	buf_done(&b);
	return text;
}

union room { struct rec_head head; _Alignas(16) char bytes[4096]; };

static void compare(const struct rec_type *fixed, const struct rec_type *made, const char *body)
{
	union room a, b;
	int r = from(fixed, &a, body, REC_CREATE);
	char said[512];

	snprintf(said, sizeof(said), "%s", err_log_text(err_peek()));
	is_int(from(made, &b, body, REC_CREATE), r);
	is_str(err_log_text(err_peek()), said);
	err_clear();
	if (r < 0)
		return;
	is_str(json_of(made, &b, REC_SHOW_INTERNAL), json_of(fixed, &a, REC_SHOW_INTERNAL));
	is_int(rec_check(made, &b, NULL), rec_check(fixed, &a, NULL));
	err_clear();
}

static void conform(const struct rec_type *fixed, const char *const *bodies)
{
	_cleanup_(rec_type_unrefp) const struct rec_type *made = NULL;
	const char *form = text_of(rec_form, fixed);

	if (rec_type_new(form, strlen(form), &made) < 0)
		tap_fail_("%s: %s", form, err_log_text(err_peek()));
	must(made);
	is_int(rec_type_check(made), 0);
	is_str(text_of(rec_form, made), form);
	is_str(text_of(rec_openapi, made), text_of(rec_openapi, fixed));
	is_str(sql_of(made, REC_SQLITE), sql_of(fixed, REC_SQLITE));
	is_str(sql_of(made, REC_POSTGRES), sql_of(fixed, REC_POSTGRES));
	ok(rec_fingerprint(made) == rec_fingerprint(fixed));
	for (; *bodies; bodies++)
		compare(fixed, made, *bodies);
}

TEST(every_kind_with_every_flag_behaves_the_same_made_at_run_time)
{
	static const char *const values[] = { "true", "0", "-3", "4", "70000000000", "1.5", "\"1.50\"", "\"2024-02-29T12:00:00Z\"", "\"2024-02-29\"",
		"\"90s\"", "\"running\"", "[\"read\"]", "[]", "\"\"", "\"x\"", "\"aGk=\"", "\"0190163d-8694-739b-aea5-966c26f8ad91\"", "[1,2]",
		"{}", "{\"value\":3,\"note\":\"n\"}", "{\"a\":\"b\"}", "{\"host\":\"h\"}", "null", NULL };

	for (enum rec_kind k = REC_BOOL; k <= REC_JSON; k++)
		for (unsigned flag = 0; flag < 10; flag++) {
			struct rec_field fields[2] = {
				{ .name = "way", .kind = REC_ENUM, .words = every_ways, .def = "tcp", .offset = sizeof(struct rec_head), .size = 4 },
				{ .name = "x", .kind = (uint8_t) k, .flags = (uint16_t) (1u << flag), .label = "X", .label_zh = "某", .doc = "d", .unit = "m",
					.group = "g", .widget = "w", .since = "0.1", .offset = sizeof(struct rec_head) + 16 },
			};
			struct rec_type t = { .name = "thing", .plural = "things", .fields = fields, .n_fields = 2, .has_head = true };
			const char *bodies[ELEMENTSOF(values) + 1] = { "{}" };

			fresh();
			fields[1].scale = k == REC_DEC ? 2 : 0;
			fields[1].item = k == REC_LIST ? REC_I32 : 0;
			fields[1].words = k == REC_ENUM ? every_states : k == REC_FLAGS ? every_rights : NULL;
			fields[1].type = k == REC_REC ? &every_limit_type : NULL;
			fields[1].ref = k == REC_REF ? "thing" : NULL;
			if (k == REC_VARIANT) {
				fields[1].sibling = "way";
				fields[1].variants = every_variants;
			}
			fields[1].size = k == REC_REC ? sizeof(struct every_limit) : k == REC_BOOL ? 1 : k == REC_I32 || k == REC_U32 || k == REC_DATE ||
				k == REC_ENUM || k == REC_FLAGS ? 4 : k == REC_UUID || k == REC_REF || k == REC_BYTES || k == REC_LIST || k == REC_MAP ? 16 : 8;
			t.size = fields[1].offset + fields[1].size;
			for (size_t i = 0; values[i]; i++)
				bodies[i + 1] = arena_fmt(&arena, "{\"x\":%s}", values[i]);
			must(rec_type_check(&t) == 0);
			if (1u << flag == REC_INTERNAL)         /* not in the form: nobody but the platform has such a field */
				continue;
			conform(&t, bodies);
		}
}

TEST(the_type_of_every_kind_can_be_made_at_run_time)
{
	static const char *const bodies[] = { "{\"code\":\"a\"}", "{}", "{\"code\":\"a\",\"way\":\"tcp\",\"settings\":{\"host\":\"h\"}}", NULL };
	struct rec_field shown[ELEMENTSOF(every_fields)];
	struct rec_type t = every_type;

	fresh();
	t.fields = shown;
	t.n_fields = 0;
	for (size_t i = 0; i < ELEMENTSOF(every_fields); i++)
		if (!(every_fields[i].flags & REC_INTERNAL))
			shown[t.n_fields++] = every_fields[i];
	conform(&t, bodies);
}

static const struct { const char *form; int kind; const char *en; } bad_forms[] = {
	{ "{}", ERR_WRONG_TYPE, NULL },
	{ "{\"name\":\"A\",\"fields\":[]}", ERR_INVALID, NULL },
	{ "{\"name\":\"a\"}", ERR_WRONG_TYPE, NULL },
	{ "{\"name\":\"a\",\"fields\":[{\"name\":\"x\"}]}", ERR_INVALID, "a.x needs a kind, is none" },
	{ "{\"name\":\"a\",\"fields\":[{\"name\":\"x-y\",\"kind\":\"i32\"}]}", ERR_INVALID, NULL },
	{ "{\"name\":\"a\",\"fields\":[{\"name\":\"x\",\"kind\":\"i32\"},{\"name\":\"x\",\"kind\":\"i32\"}]}", ERR_INVALID, NULL },
	{ "{\"name\":\"a\",\"fields\":[{\"name\":\"x\",\"kind\":\"i32\",\"min\":\"z\"}]}", ERR_WRONG_TYPE, NULL },
	{ "{\"name\":\"a\",\"fields\":[{\"name\":\"x\",\"kind\":\"i32\",\"min\":\"5\",\"max\":\"4\"}]}", ERR_INVALID, NULL },
	{ "{\"name\":\"a\",\"fields\":[{\"name\":\"x\",\"kind\":\"i32\",\"min\":\"5\",\"default\":\"4\"}]}", ERR_OUT_OF_RANGE, NULL },
	{ "{\"name\":\"a\",\"fields\":[{\"name\":\"x\",\"kind\":\"enum\"}]}", ERR_INVALID, "a.x needs words, is none" },
	{ "{\"name\":\"a\",\"fields\":[{\"name\":\"x\",\"kind\":\"enum\",\"words\":[{\"word\":\"b\"},{\"word\":\"b\"}]}]}", ERR_INVALID, NULL },
	{ "{\"name\":\"a\",\"fields\":[{\"name\":\"x\",\"kind\":\"ref\"}]}", ERR_INVALID, NULL },
	{ "{\"name\":\"a\",\"fields\":[{\"name\":\"x\",\"kind\":\"list\",\"item\":\"list\"}]}", ERR_INVALID, NULL },
	{ "{\"name\":\"a\",\"fields\":[{\"name\":\"x\",\"kind\":\"rec\"}]}", ERR_INVALID, NULL },
	{ "{\"name\":\"a\",\"fields\":[{\"name\":\"x\",\"kind\":\"variant\",\"sibling\":\"y\"}]}", ERR_INVALID, NULL },
	{ "{\"name\":\"a\",\"fields\":[{\"name\":\"x\",\"kind\":\"i32\",\"flags\":[\"magic\"]}]}", ERR_NOT_A_WORD, NULL },
	{ "{\"name\":\"a\",\"fields\":[{\"name\":\"x\",\"kind\":\"i32\",\"lable\":\"L\"}]}", ERR_UNKNOWN_FIELD, NULL },
	{ "{\"name\":\"a\",\"stored\":true,\"fields\":[{\"name\":\"rev\",\"kind\":\"i32\"}]}", ERR_INVALID, NULL },
	{ "{\"name\":\"a\",\"unique\":\"x,y\",\"fields\":[{\"name\":\"x\",\"kind\":\"i32\"}]}", ERR_INVALID, NULL },
};

TEST(a_form_that_breaks_a_rule_is_refused)
{
	for (size_t i = 0; i < ELEMENTSOF(bad_forms); i++) {
		const struct rec_type *t = NULL;

		fresh();
		if (rec_type_new(bad_forms[i].form, strlen(bad_forms[i].form), &t) != -bad_forms[i].kind || t)
			tap_fail_("%s: %s", bad_forms[i].form, err_log_text(err_peek()));
		if (bad_forms[i].en)
			is_str(sentence(LANG_EN), bad_forms[i].en);
	}
}

TEST(a_run_time_type_lives_as_long_as_somebody_holds_it)
{
	const struct rec_type *t = NULL;
	const char *form = "{\"name\":\"a\",\"fields\":[{\"name\":\"x\",\"kind\":\"i32\"}]}";

	fresh();
	must(rec_type_new(form, strlen(form), &t) == 0);
	ok(rec_type_ref(t) == t);
	ok(!rec_type_unref(t));
	is_str(t->name, "a");
	ok(!rec_type_unref(t));
	ok(rec_type_ref(&every_type) == &every_type && !rec_type_unref(&every_type));
}

TEST(a_table_that_does_not_fit_its_struct_is_refused)
{
	struct rec_field f[] = { F(struct every_tcp, host), F(struct every_tcp, port) };
	struct rec_type t = REC_PLAIN(struct every_tcp, "t", f);

	fresh();
	is_int(rec_type_check(&t), 0);
	f[1].offset = 0;
	is_int(rec_type_check(&t), -ERR_INVALID);
	f[1].offset = sizeof(struct every_tcp);
	is_int(rec_type_check(&t), -ERR_INVALID);
	f[1] = f[0];
	is_int(rec_type_check(&t), -ERR_INVALID);
	f[1] = (struct rec_field) F(struct every_tcp, port);
	f[1].kind = REC_U64;
	is_int(rec_type_check(&t), -ERR_INVALID);
	f[1] = (struct rec_field) F(struct every_tcp, port, .flags = REC_NULLABLE);
	is_int(rec_type_check(&t), -ERR_INVALID);
}

/* --- descriptions --------------------------------------------------------------------------------------------------------- */

TEST(the_schema_says_what_the_table_says)
{
	const char *text;

	fresh();
	text = text_of(rec_openapi, &every_type);
	must(text);
	ok(strstr(text, "\"small\":{\"type\":[\"integer\",\"null\"],\"format\":\"int32\",\"minimum\":-5,\"maximum\":5}"));
	ok(strstr(text, "\"state\":{\"type\":[\"string\",\"null\"],\"enum\":[\"stopped\",\"running\",\"fault\",null],\"default\":\"running\"}"));
	ok(strstr(text, "\"rights\":{\"type\":[\"array\",\"null\"],\"items\":{\"type\":\"string\",\"enum\":[\"read\",\"write\",\"admin\"]},"
		"\"default\":[\"read\",\"write\"]}"));
	ok(strstr(text, "\"required\":[\"code\"],\"additionalProperties\":false}"));
	ok(strstr(text, "\"pattern\":\"^[a-z]+$\""));
	ok(!strstr(text, "\"inner\""));
}

TEST(the_schema_is_valid_by_its_metaschema_and_random_records_fit_it)
{
	char path[] = "/tmp/tenon-schema-XXXXXX", cmd[400];
	const char *top = getenv("TENON_SOURCE") ?: ".", *build = getenv("TENON_BUILD") ?: "build";
	struct dice d = { 21 };
	int fd = mkstemp(path), status;
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;

	must(f);
	fresh();
	fprintf(f, "%s\n", text_of(rec_openapi, &every_type));
	for (int i = 0; i < 100; i++) {
		struct every e;

		every_random(&d, fresh(), &e);
		e.head.id = dice_uuid(&d);
		fprintf(f, "%s\n", json_of(&every_type, &e, REC_SHOW_HEAD));
	}
	fclose(f);
	snprintf(cmd, sizeof(cmd), "p=%s/venv/bin/python3; test -x $p || p=python3; $p %s/src/rec/schema_test.py %s", build, top, path);
	fflush(stdout);
	status = system(cmd);
	unlink(path);
	if (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 127)
		skip("jsonschema (PyPI) is missing");
	is_int(WEXITSTATUS(status), 0);
}

TEST(the_TypeScript_is_one_complete_interface)
{
	struct buf b = BUF_INIT(&sys_heap, 1 << 16);

	fresh();
	rec_typescript(&every_limit_type, &b);
	is_str(b.data, "export interface Limit {\n\tvalue: number | null;\n\tnote?: string;\n\tactive: boolean;\n}\n");
	buf_clear(&b);
	rec_typescript(&every_type, &b);
	ok(strstr(b.data, "\treadonly id: string;\n") && strstr(b.data, "\tstate: \"stopped\" | \"running\" | \"fault\";\n"));
	ok(strstr(b.data, "\tcode: string;\n") && strstr(b.data, "\tnote?: string | null;\n") == NULL && strstr(b.data, "\tnote: string | null;\n"));
	ok(strstr(b.data, "/** Anything * / at all */"));
	buf_done(&b);
}

TEST(help_names_every_field)
{
	struct buf b = BUF_INIT(&sys_heap, 1 << 16);

	fresh();
	rec_describe(&every_type, LANG_EN, &b);
	for (const struct rec_field *f = every_fields; f < every_fields + ELEMENTSOF(every_fields); f++)
		ok(f->flags & REC_INTERNAL || strstr(b.data, f->name));
	ok(strstr(b.data, "  count                whole number 1.., default 3\n"));
	buf_clear(&b);
	rec_describe(&every_type, LANG_ZH, &b);
	ok(strstr(b.data, "  count                整数 1..，默认 3\n"));
	buf_done(&b);
}

TEST(adding_a_field_changes_the_fingerprint)
{
	struct rec_type t = every_type;

	t.n_fields--;
	ok(rec_fingerprint(&t) != rec_fingerprint(&every_type));
	t = every_type;
	t.unique = NULL;
	ok(rec_fingerprint(&t) != rec_fingerprint(&every_type));
	ok(rec_fingerprint(&every_type) == rec_fingerprint(&every_type));
}

/* --- memory that runs out ------------------------------------------------------------------------------------------------- */

TEST(reading_with_too_little_memory_fails_cleanly)
{
	struct dice d = { 9 };
	struct every e, to;
	struct arena small;
	const char *text;
	int r = -1;

	every_random(&d, fresh(), &e);
	text = json_of(&every_type, &e, REC_SHOW_INTERNAL);
	for (size_t max = 16; max < 1 << 20 && r < 0; max += 64) {
		arena_init(&small, &sys_heap, max);
		memset(&to, 0x5a, sizeof(to));
		r = rec_from_json(&every_type, &to, (struct rec_json) { text, strlen(text) }, REC_CREATE | REC_TRUSTED, &small, NULL);
		ok(r == 0 || (r == -ERR_NO_MEMORY && to.small == 0x5a5a5a5a));
		for (const struct rec_field *f = every_fields; r == 0 && f < every_fields + ELEMENTSOF(every_fields); f++)
			if (!rec_field_equal(&every_type, f, &e, &to))
				tap_fail_("%s differs", f->name);
		arena_done(&small);
	}
	is_int(r, 0);
}

/* --- trees ---------------------------------------------------------------------------------------------------------------- */

TEST(a_tree_gives_what_the_text_says)
{
	struct tree *t = NULL;
	const char *text = "{\"op\":\"sub\",\"ids\":[1,-2,3.5,99999999999999999999],\"deep\":{\"yes\":true,\"none\":null},\"n\":\"42\"}";
	struct buf b = BUF_INIT(&sys_heap, 4096);
	struct json j = JSON_TO(&b);

	must(tree_parse(text, strlen(text), "@body", fresh(), &t) == 0);
	is_str(tree_str(tree_find(t, "op")), "sub");
	is_int(tree_i64(tree_at(tree_find(t, "ids"), 1), 0), -2);
	ok(tree_f64(tree_at(tree_find(t, "ids"), 2), 0) == 3.5);
	ok(tree_f64(tree_at(tree_find(t, "ids"), 3), 0) == 1e20);
	ok(tree_bool(tree_find(tree_find(t, "deep"), "yes"), false));
	is_int(tree_i64(tree_find(t, "n"), 0), 42);
	ok(!tree_find(tree_find(t, "absent"), "x") && !tree_at(t, 0) && !tree_at(tree_find(t, "ids"), 4) && !tree_str(NULL));
	is_int(tree_i64(tree_find(t, "op"), -7), -7);
	tree_write(t, &j);
	is_str(b.data, "{\"op\":\"sub\",\"ids\":[1,-2,3.5,100000000000000000000],\"deep\":{\"yes\":true,\"none\":null},\"n\":\"42\"}");
	buf_done(&b);
}
