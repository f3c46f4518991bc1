#include "rec/b64.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode(const uint8_t *p, size_t len, const char *letters, bool pad, struct buf *out)
{
	for (; len; ) {
		size_t n = MIN(len, (size_t) 3);
		uint32_t bits = (uint32_t) p[0] << 16 | (n > 1 ? (uint32_t) p[1] << 8 : 0) | (n > 2 ? p[2] : 0);
		char q[4] = { letters[bits >> 18], letters[bits >> 12 & 63], letters[bits >> 6 & 63], letters[bits & 63] };

		if (n < 3)
			q[3] = '=';
		if (n < 2)
			q[2] = '=';
		buf_addn(out, q, pad ? 4 : n + 1);
		p += n;
		len -= n;
	}
}

void b64_encode(const void *bytes, size_t len, struct buf *out)
{
	encode(bytes, len, standard, true, out);
}

void b64_encode_url(const void *bytes, size_t len, struct buf *out)
{
	encode(bytes, len, url_safe, false, out);
}

static int letter(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

bool b64_decode(const char *text, size_t len, void *to, size_t *ret_len)
{
	uint8_t *p = to;
	uint32_t bits = 0;
	unsigned n = 0;

	if (len && len % 4 == 0)
		for (int i = 0; i < 2 && len && text[len - 1] == '='; i++)
			len--;
	for (size_t i = 0; i < len; i++) {
		int v = letter(text[i]);

		if (v < 0)
			return false;
		bits = bits << 6 | (uint32_t) v;
		n += 6;
		if (n >= 8) {
			n -= 8;
			*p++ = (uint8_t) (bits >> n);
			bits &= (1u << n) - 1;
		}
	}
	if (bits || n >= 6)
		return false;
	*ret_len = (size_t) (p - (uint8_t *) to);
	return true;
}
