/* Tests of the text of requests. Expected values from RFC 3986, RFC 9110 (section in brackets) and the HTML standard's form encoding. */
#include "base/err.h"
#include "io/io.h"
#include "tap.h"

static char out[64];
static const char *decoded(const char *s, bool plus)
{
	int r = http_decode(s, strlen(s), plus, out, sizeof(out));

	err_clear();
	return r < 0 ? "(refused)" : out;
}
static const char *path(const char *s)
{
	int r = http_decode_path(s, out, sizeof(out));

	err_clear();
	return r < 0 ? "(refused)" : out;
}

TEST(escapes_are_decoded_and_broken_ones_refused)
{
	is_str(decoded("a%20b%2Fc%7e", false), "a b/c~");
	is_str(decoded("%E6%A6%AB%e5%8d%af", false), "榫卯");
	is_str(decoded("a+b%2B", true), "a b+");
	is_str(decoded("a+b", false), "a+b");
	is_str(decoded("", false), "");
	static const char *const bad[] = { "%", "%4", "a%", "%zz", "%4g", "%%41", "%00", "%u0041" };
	for (size_t i = 0; i < ELEMENTSOF(bad); i++)
		is_str(decoded(bad[i], false), "(refused)");
	is_int(http_decode("abc", 3, false, out, 3), -ERR_BAD_ARGUMENT);
	is_int(http_decode("abc", 3, false, out, 4), 3);
	is_int(http_decode("", 0, false, out, 0), -ERR_BAD_ARGUMENT);
	err_clear();
}

TEST(a_path_cannot_lead_out)
{
	is_str(path("/"), "/");
	is_str(path("/a/b.js"), "/a/b.js");
	is_str(path("/a/"), "/a/");
	is_str(path("/..a/b.."), "/..a/b..");
	is_str(path("/%E6%A6%AB"), "/榫");
	static const char *const bad[] = { "", "a", "/..", "/../a", "/a/..", "/a/../b", "/%2e%2e/a", "/.%2E", "/./a", "/a/.", "//a", "/a//b",
		"/a%2fb", "/a%2Fb", "/a%00", "/%ff", "/%c0%ae%c0%ae/" };
	for (size_t i = 0; i < ELEMENTSOF(bad); i++)
		is_str(path(bad[i]), "(refused)");
}

TEST(a_query_is_its_pairs_in_order)
{
	const char *q = "a=1&b=%26+x&&c&d=&=e&f=g=h";
	static const char *const want[] = { "a", "1", "b", "& x", "c", "", "d", "", "", "e", "f", "g=h" };
	struct http_pair p;
	size_t n = 0;

	for (; http_query_next(&q, &p) == 1 && n < ELEMENTSOF(want) / 2; n++) {
		is_str(p.key, want[2 * n]);
		is_str(p.value, want[2 * n + 1]);
	}
	is_int(n, ELEMENTSOF(want) / 2);
	is_int(http_query_next(&q, &p), 0);
	q = NULL;
	is_int(http_query_next(&q, &p), 0);
	q = "a=%ff";
	is_int(http_query_next(&q, &p), -ERR_BAD_ARGUMENT);
	q = "a=1&b=%4";
	is_int(http_query_next(&q, &p), 1);
	is_int(http_query_next(&q, &p), -ERR_BAD_ARGUMENT);
	err_clear();
}

TEST(a_key_or_value_too_long_is_refused)
{
	static char long_query[6000];
	struct http_pair p;

	memset(long_query, 'k', sizeof(long_query) - 1);
	const char *q = long_query;
	is_int(http_query_next(&q, &p), -ERR_BAD_ARGUMENT);
	long_query[100] = '=';
	q = long_query;
	is_int(http_query_next(&q, &p), -ERR_BAD_ARGUMENT);
	long_query[100 + 4096] = 0;
	q = long_query;
	is_int(http_query_next(&q, &p), 1);
	is_int(p.value_len, 4095);
	err_clear();
}

TEST(words_of_lists_are_found_without_their_parameters)
{
	ok(http_has_token("keep-alive, Upgrade", "upgrade"));
	ok(http_has_token("a;x=1 , b", "a"));
	ok(http_has_token(",, b", "b"));
	ok(!http_has_token("upgraded", "upgrade"));
	ok(!http_has_token("not upgrade", "upgrade"));
	ok(!http_has_token("", "a"));
	ok(!http_has_token(NULL, "a"));
}

TEST(a_coding_is_accepted_as_the_client_says)                   /* 12.5.3 */
{
	ok(http_accepts_encoding("gzip, deflate, br", "gzip"));
	ok(http_accepts_encoding("compress;q=0.5, gzip;q=1.0", "gzip"));
	ok(http_accepts_encoding("*", "gzip"));
	ok(http_accepts_encoding("GZIP ; q=0.001", "gzip"));
	ok(!http_accepts_encoding("gzip;q=0", "gzip"));
	ok(!http_accepts_encoding("*, gzip;q=0.000", "gzip"));
	ok(!http_accepts_encoding("identity, *;q=0", "gzip"));
	ok(!http_accepts_encoding("x-gzip", "gzip"));
	ok(!http_accepts_encoding("", "gzip"));
	ok(!http_accepts_encoding(NULL, "gzip"));
}

TEST(types_and_reasons_have_their_registered_names)
{
	is_str(http_mime("/x/app.min.JS"), "text/javascript; charset=utf-8");   /* RFC 9239 */
	is_str(http_mime("a.wasm"), "application/wasm");
	is_str(http_mime("Makefile"), "application/octet-stream");
	is_str(http_mime("a.unknown"), "application/octet-stream");
	is_str(http_reason(404), "Not Found");                                  /* 15.5.5 */
	is_str(http_reason(413), "Content Too Large");
	is_str(http_reason(299), "OK");
	is_str(http_reason(599), "Error");
}
