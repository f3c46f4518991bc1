/*
 * crc32.c - CRC-32 eight bytes a step (M. Kounavis, F. Berry: slicing-by-8, 2008), or, where the processor multiplies without carry, 64 (V. Gopal
 * et al., Intel: "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction", 2009; its constants for this polynomial).
 */
#include "parquet/crc32.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

static const uint32_t table[8][256] = {
#include "parquet/crc32.def"
};

#ifdef __x86_64__
#define FOLDING __attribute__((target("pclmul,sse4.1")))

FOLDING static inline __m128i fold(__m128i x, __m128i k, __m128i next)
{
	return _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(x, k, 0x00), _mm_clmulepi64_si128(x, k, 0x11)), next);
}

FOLDING static inline __m128i sixteen(const uint8_t *p) { return _mm_loadu_si128((const __m128i *) p); }

/* n: 64 and more, a multiple of 16. */
FOLDING static uint32_t folded(uint32_t c, const uint8_t *p, size_t n)
{
	const __m128i by_64 = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4);
	const __m128i by_16 = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
	const __m128i poly = _mm_set_epi64x(0x01f7011641, 0x01db710641), by_4 = _mm_cvtsi64_si128(0x0163cd6124);
	const __m128i words = _mm_setr_epi32(~0, 0, ~0, 0);
	__m128i x[4], y;

	for (int i = 0; i < 4; i++)
		x[i] = sixteen(p + 16 * i);
	x[0] = _mm_xor_si128(x[0], _mm_cvtsi32_si128((int) c));
	for (p += 64, n -= 64; n >= 64; p += 64, n -= 64)
		for (int i = 0; i < 4; i++)
			x[i] = fold(x[i], by_64, sixteen(p + 16 * i));
	for (int i = 1; i < 4; i++)
		x[0] = fold(x[0], by_16, x[i]);
	for (; n >= 16; p += 16, n -= 16)
		x[0] = fold(x[0], by_16, sixteen(p));
	y = _mm_xor_si128(_mm_srli_si128(x[0], 8), _mm_clmulepi64_si128(x[0], by_16, 0x10));
	y = _mm_xor_si128(_mm_srli_si128(y, 4), _mm_clmulepi64_si128(_mm_and_si128(y, words), by_4, 0x00));
	x[0] = _mm_and_si128(_mm_clmulepi64_si128(_mm_and_si128(y, words), poly, 0x10), words);
	return (uint32_t) _mm_extract_epi32(_mm_xor_si128(y, _mm_clmulepi64_si128(x[0], poly, 0x00)), 1);
}

static bool may_fold(void) { return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1"); }
#else
static uint32_t folded(uint32_t c, const uint8_t *p, size_t n) { return c; }
static bool may_fold(void) { return false; }
#endif

uint32_t crc32_more(uint32_t crc, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	uint32_t c = ~crc;

	if (n >= 64 && may_fold()) {
		c = folded(c, p, n & ~(size_t) 15);
		p += n & ~(size_t) 15;
		n &= 15;
	}
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
