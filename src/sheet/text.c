/* text.c - which encoding a text is in, and the text in ours; iconv(3) knows the tables. */

#include <errno.h>
#include <iconv.h>
#include <string.h>

#include "base/str.h"
#include "sheet/sheet.h"

enum { PIECE = 64 << 10 };

enum sheet_kind sheet_kind(const char *bytes, size_t len)
{
	if (len >= 4 && !memcmp(bytes, "PK\x03\x04", 4))
		return SHEET_XLSX;
	if (len >= 8 && !memcmp(bytes, "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", 8))
		return SHEET_XLS;
	return SHEET_TEXT;
}

/* Somebody's UTF-8 with a few bytes broken, rather than another encoding? Two bytes of GBK look like UTF-8 now and then; three that
 * do, many times over, are UTF-8. */
static bool is_damaged_utf8(const char *text, size_t len)
{
	size_t good = 0, bad = 0;

	for (size_t i = 0; i < len;) {
		size_t n = utf8_valid_prefix(text + i, len - i), at = i;
		for (; at < i + n; at++)
			good += ((uint8_t) text[at] & 0xF0) == 0xE0;
		i += n;
		if (i < len) {
			bad++;
			i++;
		}
	}
	return good > 4 * bad;
}

static int not_utf8(const char *text, size_t len)
{
	char at[24];
	struct buf b = BUF_FIXED(at);

	buf_addf(&b, "%zu", utf8_valid_prefix(text, len));
	return err_fail(ERR_BAD_UTF8, "what", "@file", "value", at, NULL);
}

/* 0; -ERR_INVALID (without sentence): not in this encoding; -ERR_TOO_LARGE; -ERR_UNSUPPORTED: this system cannot. */
static int convert(const char *from, const char *bytes, size_t len, struct buf *out)
{
	iconv_t cd = iconv_open("UTF-8", from);
	char *in = (char *) (uintptr_t) bytes;
	int r = 0;

	if (cd == (iconv_t) -1)
		return err_fail(ERR_UNSUPPORTED, "what", "@text_encoding", "value", from, "words", "UTF-8", NULL);
	while (len && r == 0) {
		size_t room;
		char *to;
		if (!buf_reserve(out, PIECE)) {
			r = err_fail(ERR_TOO_LARGE, "what", "@file", "max", "134217728", NULL);
			break;
		}
		to = out->data + out->len;
		room = PIECE;
		if (iconv(cd, &in, &len, &to, &room) == (size_t) -1 && errno != E2BIG)
			r = -ERR_INVALID;
		out->len = (size_t) (to - out->data);
		out->data[out->len] = 0;
	}
	iconv_close(cd);
	return r;
}

static int none_of_ours(const char *value)
{
	return err_fail(ERR_UNSUPPORTED, "what", "@text_encoding", "value", value, "words", "UTF-8, UTF-16, GB18030", NULL);
}

int sheet_decode(const char *bytes, size_t len, struct buf *out, struct sheet_text *ret)
{
	bool utf16 = len >= 2 && (!memcmp(bytes, "\xFF\xFE", 2) || !memcmp(bytes, "\xFE\xFF", 2));
	int r;

	if (len >= 3 && !memcmp(bytes, "\xEF\xBB\xBF", 3)) {
		bytes += 3;
		len -= 3;
		if (!utf8_is_valid(bytes, len))
			return not_utf8(bytes, len);
	}
	if (!utf16 && utf8_is_valid(bytes, len)) {
		*ret = (struct sheet_text) { .text = bytes, .len = len, .encoding = "UTF-8" };
		return 0;
	}
	if (!utf16 && is_damaged_utf8(bytes, len))
		return not_utf8(bytes, len);
	buf_clear(out);
	r = utf16 ? convert(bytes[0] == '\xFF' ? "UTF-16LE" : "UTF-16BE", bytes + 2, len - 2, out) : convert("GB18030", bytes, len, out);
	if (r == -ERR_INVALID)
		return utf16 ? none_of_ours("UTF-16") : not_utf8(bytes, len);
	if (r < 0)
		return r;
	*ret = (struct sheet_text) { .text = out->data, .len = out->len, .encoding = utf16 ? "UTF-16" : "GB18030" };
	return 0;
}
