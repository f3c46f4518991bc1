/* gbk.c - one table, made by tools/gen-gbk; the way back searches it, as texts that are written are short and rare. */
#include "base/gbk.h"
#include "base/str.h"

enum { LEADS = 126, TRAILS = 190 };

static const uint16_t table[LEADS * TRAILS] = {
#include "base/gbk.def"
};

static uint32_t character(uint8_t lead, uint8_t trail)
{
	if (lead < 0x81 || lead == 0xFF || trail < 0x40 || trail == 0x7F || trail == 0xFF)
		return 0;
	return table[(lead - 0x81) * TRAILS + trail - 0x40 - (trail > 0x7F)];
}

size_t gbk_to_utf8(const uint8_t *in, size_t n, char *out, size_t room)
{
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t c = in[i];
		char text[4];
		unsigned k;

		if (c >= 0x80) {
			c = i + 1 < n ? character(in[i], in[i + 1]) : 0;
			if (c == 0)
				return SIZE_MAX;
			i++;
		}
		k = utf8_encode(c, text);
		if (k > room - used)
			return SIZE_MAX;
		memcpy(out + used, text, k);
		used += k;
	}
	return used;
}

size_t gbk_from_utf8(const char *in, size_t n, uint8_t *out, size_t room)
{
	const char *end = in + n;
	size_t used = 0;

	while (in < end) {
		uint32_t c = utf8_decode(&in, end), at = 0;

		if (c < 0x80) {
			if (used == room)
				return SIZE_MAX;
			out[used++] = (uint8_t) c;
			continue;
		}
		while (at < ELEMENTSOF(table) && table[at] != c)
			at++;
		if (at == ELEMENTSOF(table) || room - used < 2)
			return SIZE_MAX;
		out[used++] = (uint8_t) (0x81 + at / TRAILS);
		out[used++] = (uint8_t) (0x40 + at % TRAILS + (at % TRAILS >= 0x3F));
	}
	return used;
}
