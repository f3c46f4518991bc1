/* Fuzzes paths, queries and lists of header fields: whatever is accepted must keep its promise. */
#include <assert.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"
#include "io/io.h"
#include "sys/sys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = sys_strndup((const char *) data, n), out[256];
	struct http_pair pair;
	int r = http_decode_path(text, out, sizeof(out));

	if (r >= 0) {
		assert(out[0] == '/' && strlen(out) == (size_t) r && utf8_is_valid(out, (size_t) r));
		assert(!strstr(out, "/../") && !strstr(out, "//") && !str_ends(out, "/.."));
	}
	for (const char *q = text; (r = http_query_next(&q, &pair)) == 1;) {
		assert(strlen(pair.key) == pair.key_len && strlen(pair.value) == pair.value_len);
		assert(utf8_is_valid(pair.key, pair.key_len) && utf8_is_valid(pair.value, pair.value_len));
	}
	http_has_token(text, "upgrade");
	http_accepts_encoding(text, "gzip");
	lang_of_accept(text, LANG_EN);
	http_mime(text);
	err_clear();
	sys_free(text);
	return 0;
}
