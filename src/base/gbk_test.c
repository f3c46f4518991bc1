/* Expected bytes: Python's codec "gbk" (3.11). */
#include "base/gbk.h"
#include "base/str.h"
#include "tap.h"

static const struct { const char *gbk, *utf8; } rows[] = {
	{ "\xce\xc2\xb6\xc8", "\xe6\xb8\xa9\xe5\xba\xa6" },            /* 温度 */
	{ "1#\xb1\xc3\xb7\xbf \xb8\xdf\xb1\xa8\xbe\xaf", "1#\xe6\xb3\xb5\xe6\x88\xbf \xe9\xab\x98\xe6\x8a\xa5\xe8\xad\xa6" },
	{ "\xb0\xa1\x81\x7c\x81\x40", "\xe5\x95\x8a\xe4\xba\x85\xe4\xb8\x82" },
	{ "", "" },
};

TEST(texts_are_those_of_another_codec_both_ways)
{
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		char utf8[64];
		uint8_t gbk[64];
		size_t n = strlen(rows[i].gbk), m = strlen(rows[i].utf8);

		is_int(gbk_to_utf8((const uint8_t *) rows[i].gbk, n, utf8, sizeof(utf8)), m);
		is_bytes(utf8, rows[i].utf8, m);
		is_int(gbk_from_utf8(rows[i].utf8, m, gbk, sizeof(gbk)), n);
		is_bytes(gbk, rows[i].gbk, n);
		for (size_t room = 0; room < m; room++)
			ok(gbk_to_utf8((const uint8_t *) rows[i].gbk, n, utf8, room) == SIZE_MAX);
		for (size_t room = 0; room < n; room++)
			ok(gbk_from_utf8(rows[i].utf8, m, gbk, room) == SIZE_MAX);
	}
}

/* 21,791 two-byte characters in that codec. */
TEST(every_pair_comes_back_or_is_none)
{
	unsigned n = 0;

	for (unsigned lead = 0x80; lead <= 0xFF; lead++)
		for (unsigned trail = 0; trail <= 0xFF; trail++) {
			uint8_t in[2] = { (uint8_t) lead, (uint8_t) trail }, back[4];
			char utf8[8];
			size_t k = gbk_to_utf8(in, 2, utf8, sizeof(utf8));

			if (k == SIZE_MAX)
				continue;
			n++;
			ok(utf8_is_valid(utf8, k));
			is_int(gbk_from_utf8(utf8, k, back, sizeof(back)), 2);
			is_bytes(back, in, 2);
		}
	is_int(n, 21791);
}

TEST(what_is_no_gbk_is_refused)
{
	static const char *const bad[] = { "\xce", "\xff\x40", "\x80\x40", "\xce\x20", "\xce\x7f", "\xce\xff", "ab\x81" };
	char out[16];
	uint8_t back[16];

	for (size_t i = 0; i < ELEMENTSOF(bad); i++)
		ok(gbk_to_utf8((const uint8_t *) bad[i], strlen(bad[i]), out, sizeof(out)) == SIZE_MAX);
	ok(gbk_from_utf8("\xf0\x9f\x98\x80", 4, back, sizeof(back)) == SIZE_MAX);
	ok(gbk_from_utf8("\xc3", 1, back, sizeof(back)) == SIZE_MAX);
}
