/* id.c - UUID version 7: RFC 9562, section 5.7. */
#include "base/id.h"

struct uuid uuid_v7(int64_t now_ms, const uint8_t random[10])
{
	struct uuid u;

	for (int i = 0; i < 6; i++)
		u.b[i] = (uint8_t) ((uint64_t) now_ms >> (40 - 8 * i));
	memcpy(u.b + 6, random, 10);
	u.b[6] = (uint8_t) (0x70 | (u.b[6] & 0x0f));
	u.b[8] = (uint8_t) (0x80 | (u.b[8] & 0x3f));
	return u;
}

void uuid_format(const struct uuid *u, char out[UUID_TEXT + 1])
{
	static const char digits[] = "0123456789abcdef";
	char *p = out;

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = digits[u->b[i] >> 4];
		*p++ = digits[u->b[i] & 15];
	}
	*p = 0;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool uuid_parse(const char *text, size_t len, struct uuid *ret)
{
	struct uuid u;
	size_t at = 0;

	if (len != UUID_TEXT)
		return false;
	for (int i = 0; i < 16; i++) {
		int high, low;

		if ((i == 4 || i == 6 || i == 8 || i == 10) && text[at++] != '-')
			return false;
		high = nibble(text[at++]);
		low = nibble(text[at++]);
		if (high < 0 || low < 0)
			return false;
		u.b[i] = (uint8_t) (high << 4 | low);
	}
	*ret = u;
	return true;
}
