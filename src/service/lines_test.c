/* Expected values: the examples of the InfluxDB line protocol reference (v1 and v2) and its stated rules. */
#include "service/lines.h"

#include <stdlib.h>

#include "base/str.h"

#include "tap.h"

static void one(const char *text, const char *head, const char *key, struct value want, bool has_time, int64_t time)
{
	struct lines l = lines_of(text, strlen(text));
	struct line_field f;

	is_int(lines_next(&l), 1);
	is_int(lines_field(&l, &f), 1);
	if (f.head_len != strlen(head) || memcmp(f.head, head, f.head_len))
		tap_fail_("head of %s", text);
	if (f.key_len != strlen(key) || memcmp(f.key, key, f.key_len))
		tap_fail_("key of %s", text);
	is_int(f.value.type, want.type);
	if (want.type == V_STR)
		ok(f.value.len == strlen(want.s) && !memcmp(f.value.s, want.s, f.value.len));
	else if (want.type == V_BOOL)
		is_int(f.value.b, want.b);
	else
		ok(f.value.i == want.i);        /* bits of the double, too */
	is_int(l.has_time, has_time);
	if (has_time)
		is_int(l.time, time);
}

/* Both ways to read a field, on numbers as people and programs write them, and on what is none: the short way takes nothing that the long one
 * refuses, gives the same bits, and stands behind the same comma. */
TEST(a_field_that_is_expected_is_read_as_any_other)
{
	static const char *const values[] = { "1", "-1", "0", "-0", "-0.0", "1.5", "23.10", "999999999999999", "9999999999999999", "123456789012345.6", "1234567.89012345",
		"0.1", "0.000000000000001", "0.0000000000000001", "3.141592653589793", "-2.2250738585072014e-308", "1e5", "1E-5", "1.7976931348623157e308",
		"1e309", ".5", "5.", "+1", "-", "", ".", "-.", "1.2.3", "12a", "nan", "inf", "12i", "-12i", "9223372036854775807i", "9223372036854775808i",
		"-9223372036854775808i", "999999999999999999i", "1u", "18446744073709551615u", "1.5i", "i", "-i", "t", "f", "T", "F", "true", "False", "FALSE", "tru", "truee",
		"\"text\"", "1 ", "1=2", "0x10", "1_000", "1234567", "12345678", "-1234567.12345678", "1234567.123456789", "1.23456789", "12345678.5", "7i", "1234567i",
		"-12345678i", "1234567.i", "5.i", "-.5", "--1", "1-2", "12:5", "1/2", "\xb1\xb2", "1\xff" };
	static const uint8_t types[] = { V_F64, V_I64, V_BOOL, V_F32, V_STR };
	int taken = 0, wrong = 0;

	for (size_t i = 0; i < ELEMENTSOF(values); i++)
		for (size_t k = 0; k < 4 * ELEMENTSOF(types); k++) {
			char text[128];
			struct buf b = BUF_FIXED(text);
			struct line_want want[] = { { .key = "key=", .len = 3, .type = types[k / 4] }, { .key = "other=", .len = 5, .type = V_F64 } };
			struct line_field f, other;
			uint64_t bits[2];

			text[0] = 0;
			buf_addf(&b, "m key=%s%s%s", values[i], k % 2 ? ",other=1" : "", k / 2 % 2 ? "" : " 1700000000000000000\nm a=1,b=2,c=3 1700000000000000000");
			struct lines a = lines_of(text, b.len), c = a;
			if (lines_next(&a) != 1 || lines_next(&c) != 1)
				continue;
			const char *before = a.fields;
			bool is = lines_expect(&a, want, 1 + k % 2, bits), can = lines_field(&c, &f) == 1 && (k % 2 == 0 || lines_field(&c, &other) == 1);
			if (!is) {
				wrong += a.fields != before;
				continue;
			}
			taken++;
			wrong += !can || a.fields != c.fields || f.value.type != types[k / 4] || bits[0] != (f.value.type == V_BOOL ? f.value.b : (uint64_t) f.value.i);
		}
	is_int(wrong, 0);
	ok(taken > 160);
}

/* What strtod() and strtoll() of glibc 2.36 read in the same text. */
TEST(known_lines_of_random_numbers_have_the_bits_of_the_c_library)
{
	static const char head[] = "some_measurement,place=here";
	const struct line_want want[] = { { .key = "f=", .len = 1, .type = V_F64 }, { .key = "temperature_1=", .len = 13, .type = V_F64 },
		{ .key = "number=", .len = 6, .type = V_I64 } };
	uint64_t seed = 7, wrong = 0, taken = 0;

	for (int i = 0; i < 200000; i++) {
		char text[200], number[3][40];
		struct buf b = BUF_FIXED(text);
		uint64_t bits[3];

		for (int k = 0; k < 3; k++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
			snprintf(number[k], sizeof(number[k]), "%s%.*f", seed >> 63 ? "-" : "", k == 2 ? 0 : (int) (seed >> 40) % 10, (double) (seed >> 33 & 0x3fffffff) / (1 << (seed >> 50 & 15)));
		}
		text[0] = 0;
		buf_addf(&b, "%s f=%s,temperature_1=%s,number=%si 1700000000000000%03d\n", head, number[0], number[1], number[2], i % 1000);
		struct lines l = lines_of(text, b.len);
		if (!lines_known(&l, head, strlen(head)) || !lines_expect(&l, want, 3, bits) || !lines_known_end(&l))
			continue;
		const double f[] = { strtod(number[0], NULL), strtod(number[1], NULL) };
		taken++;
		wrong += memcmp(bits, f, sizeof(f)) != 0 || (int64_t) bits[2] != strtoll(number[2], NULL, 10) || l.time != INT64_C(1700000000000000000) + i % 1000 || l.at != l.end;
	}
	is_int(wrong, 0);
	is_int(taken, 200000);
}

TEST(fields_that_are_expected_must_be_all_that_are_left)
{
	struct lines l = lines_of("m key=1,kex=2 5", 15);
	const struct line_want key = { .key = "key=", .len = 3, .type = V_F64 }, kex = { .key = "kex=", .len = 3, .type = V_F64 };
	uint64_t bits[3];

	is_int(lines_next(&l), 1);
	ok(!lines_expect(&l, &(struct line_want) { .key = "ke=", .len = 2, .type = V_F64 }, 1, bits));
	ok(!lines_expect(&l, &key, 1, bits) && !lines_expect(&l, (struct line_want[]) { kex, key }, 2, bits) && !lines_expect(&l, (struct line_want[]) { key, kex, key }, 3, bits));
	ok(lines_expect(&l, (struct line_want[]) { key, kex }, 2, bits) && !lines_expect(&l, &kex, 1, bits));
	ok(l.fields == l.fields_end);
}

TEST(the_reference_examples_read_as_written)
{
	one("myMeasurement,tag1=value1,tag2=value2 fieldKey=\"fieldValue\" 1556813561098000000", "myMeasurement,tag1=value1,tag2=value2",
		"fieldKey", (struct value) { .type = V_STR, .s = "fieldValue" }, true, 1556813561098000000);
	one("myMeasurement fieldKey=1.0", "myMeasurement", "fieldKey", (struct value) { .type = V_F64, .f64 = 1.0 }, false, 0);
	one("myMeasurement fieldKey=1", "myMeasurement", "fieldKey", (struct value) { .type = V_F64, .f64 = 1 }, false, 0);
	one("myMeasurement fieldKey=-1.234456e+78", "myMeasurement", "fieldKey", (struct value) { .type = V_F64, .f64 = -1.234456e+78 }, false, 0);
	one("myMeasurement fieldKey=12485903i", "myMeasurement", "fieldKey", (struct value) { .type = V_I64, .i = 12485903 }, false, 0);
	one("myMeasurement fieldKey=12485903u", "myMeasurement", "fieldKey", (struct value) { .type = V_I64, .i = 12485903 }, false, 0);
	one("myMeasurement fieldKey=True", "myMeasurement", "fieldKey", (struct value) { .type = V_BOOL, .b = true }, false, 0);
	one("my\\ Measurement fieldKey=\"string value\"", "my\\ Measurement", "fieldKey", (struct value) { .type = V_STR, .s = "string value" }, false, 0);
	one("# a comment\n\n  m f=f 7\r\n", "m", "f", (struct value) { .type = V_BOOL, .b = false }, true, 7);
	one("m f=\"two\nlines, with = and \\\" in it\" 7", "m", "f", (struct value) { .type = V_STR, .s = "two\nlines, with = and \\\" in it" }, true, 7);
}

TEST(escapes_are_taken_out_where_the_reference_says)
{
	char out[64];

	is_int(line_unescape("my\\ key\\,a\\=b\\x", 15, false, out), 12);
	is_bytes(out, "my key,a=b\\x", 12);
	is_int(line_unescape("a \\\"q\\\" \\\\", 10, true, out), 7);
	is_bytes(out, "a \"q\" \\", 7);
}

/* "Quotes: line protocol accepts double and single quotes in measurement names, tag keys, tag values, field keys, and interprets them as part of
 * the name, key, or value": line protocol reference, InfluxDB v2. */
TEST(a_quote_in_a_name_or_a_comment_is_a_character_and_takes_no_line_with_it)
{
	static const char text[] = "# disks of 3.5\" and\ndisk free=1i 1\npipe,size=2\" flow=2i 2\npipe,size=3\" flow=3i 3\n"
		"m text=\"two\nlines\" 4\n # a \" again\nm\\\" f=5i 5\n";
	static const char *const heads[] = { "disk", "pipe,size=2\"", "pipe,size=3\"", "m", "m\\\"" };
	static const uint32_t at[] = { 2, 3, 4, 6, 8 };
	struct lines l = lines_of(text, sizeof(text) - 1);
	struct line_field f;

	for (size_t i = 0; i < ELEMENTSOF(heads); i++) {
		must(lines_next(&l) == 1 && lines_field(&l, &f) == 1);
		ok(f.head_len == strlen(heads[i]) && memcmp(f.head, heads[i], f.head_len) == 0);
		is_int(l.time, i + 1);
		is_int(l.line, at[i]);
		is_int(lines_field(&l, &f), 0);
	}
	is_int(lines_next(&l), 0);
}

TEST(a_wrong_line_is_named_with_its_column_and_the_next_is_read)
{
	static const char *const bad[] = { "m", "m ", ",t=1 f=1", "m f", "m f=", "m =1", "m f=1,", "m f=abc", "m f=1 x", "m f=1 1.5", "m f=\"open",
		"m f=99999999999999999999i", "m f=18446744073709551615u", "m f=nan", "m f=0x10", "m f=1 99999999999999999999" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char text[100];
		struct lines l;
		struct line_field f;
		int r, n_bad = 0, n_good = 0;

		snprintf(text, sizeof(text), "a b=1 1\n%s\nc d=2 2", bad[i]);
		l = lines_of(text, strlen(text));
		while ((r = lines_next(&l))) {
			while (r > 0 && (r = lines_field(&l, &f)) > 0)
				n_good++;
			if (r < 0) {
				struct err e = err_take(r);

				is_int(e.kind, ERR_SYNTAX);
				is_str(err_arg(&e, "line"), "2");
				n_bad++;
			}
		}
		if (n_bad != 1 || n_good < 2)
			tap_fail_("%s: %d wrong, %d good", bad[i], n_bad, n_good);
	}
}
