/* crc32.c - CRC-32 eight bytes a step (M. Kounavis, F. Berry: slicing-by-8, 2008). */
#include "tsdb/crc32.h"

static const uint32_t table[8][256] = {
#include "tsdb/crc32.def"
};

uint32_t crc32_more(uint32_t crc, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	uint32_t c = ~crc;

	for (; n >= 8; n -= 8, p += 8) {
		uint32_t lo, hi;

		memcpy(&lo, p, 4);
		memcpy(&hi, p + 4, 4);
		lo ^= c;
		c = table[7][lo & 255] ^ table[6][lo >> 8 & 255] ^ table[5][lo >> 16 & 255] ^ table[4][lo >> 24] ^
			table[3][hi & 255] ^ table[2][hi >> 8 & 255] ^ table[1][hi >> 16 & 255] ^ table[0][hi >> 24];
	}
	for (; n; n--)
		c = c >> 8 ^ table[0][(c ^ *p++) & 255];
	return ~c;
}

uint32_t crc32_of(const void *bytes, size_t n) { return crc32_more(0, bytes, n); }
