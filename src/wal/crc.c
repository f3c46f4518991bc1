/* crc.c - CRC-32C, polynomial 0x1EDC6F41 reflected (RFC 3720 B.4). Eight bytes an instruction where the machine has one. */
#include "wal/format.h"

#ifdef __x86_64__
#include <nmmintrin.h>
#endif

#define STEP_(c) ((c) & 1 ? (c) >> 1 ^ 0x82f63b78u : (c) >> 1)
/* A nibble at a time: its table is 64 bytes, made by the compiler. */
#define NIBBLE_(n) STEP_(STEP_(STEP_(STEP_((uint32_t) (n)))))

uint32_t crc32c_portable(uint32_t crc, const void *data, size_t n)
{
	static const uint32_t table[16] = { NIBBLE_(0), NIBBLE_(1), NIBBLE_(2), NIBBLE_(3), NIBBLE_(4), NIBBLE_(5), NIBBLE_(6),
		NIBBLE_(7), NIBBLE_(8), NIBBLE_(9), NIBBLE_(10), NIBBLE_(11), NIBBLE_(12), NIBBLE_(13), NIBBLE_(14), NIBBLE_(15) };
	const uint8_t *p = data;

	crc = ~crc;
	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2")))
static uint32_t crc32c_sse42(uint32_t crc, const void *data, size_t n)
{
	const uint8_t *p = data;
	uint64_t c = (uint32_t) ~crc, word;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&word, p, 8);
		c = _mm_crc32_u64(c, word);
	}
	for (; n; n--)
		c = _mm_crc32_u8((uint32_t) c, *p++);
	return ~(uint32_t) c;
}

uint32_t crc32c(uint32_t crc, const void *data, size_t n)
{
	return __builtin_cpu_supports("sse4.2") ? crc32c_sse42(crc, data, n) : crc32c_portable(crc, data, n);
}
#elif defined __ARM_FEATURE_CRC32
#include <arm_acle.h>

uint32_t crc32c(uint32_t crc, const void *data, size_t n)
{
	const uint8_t *p = data;
	uint64_t word;

	crc = ~crc;
	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&word, p, 8);
		crc = __crc32cd(crc, word);
	}
	for (; n; n--)
		crc = __crc32cb(crc, *p++);
	return ~crc;
}
#else
uint32_t crc32c(uint32_t crc, const void *data, size_t n)
{
	return crc32c_portable(crc, data, n);
}
#endif
