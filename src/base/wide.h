/* wide.h - 64 × 64 → 128 bits, also where the compiler has no 128-bit integer (a Cortex-M4). */
#pragma once

#include "base/base.h"

struct wide { uint64_t hi, lo; };

/* By halves, as on paper: D. Knuth, The Art of Computer Programming 2, 4.3.1 M. */
static inline struct wide wide_mul_halves(uint64_t a, uint64_t b)
{
	uint64_t al = (uint32_t) a, ah = a >> 32, bl = (uint32_t) b, bh = b >> 32;
	uint64_t low = al * bl, mid = ah * bl + (low >> 32), mid2 = al * bh + (uint32_t) mid;

	return (struct wide) { ah * bh + (mid >> 32) + (mid2 >> 32), mid2 << 32 | (uint32_t) low };
}

static inline struct wide wide_mul(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
	unsigned __int128 x = (unsigned __int128) a * b;

	return (struct wide) { (uint64_t) (x >> 64), (uint64_t) x };
#else
	return wide_mul_halves(a, b);
#endif
}

static inline struct wide wide_add(struct wide w, uint64_t v)
{
	return (struct wide) { w.hi + (w.lo + v < v), w.lo + v };
}
