/* lanes.c - see lanes.h. */
#include "parquet/lanes.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

/* --- One by one */

/* Eight values of a width that the compiler knows: every shift is a constant. Reads 8 bytes from each value's first. */
static inline __attribute__((always_inline)) uint64_t eight(const uint8_t *at, unsigned width, uint64_t least, uint64_t s, int64_t *v)
{
	for (unsigned i = 0; i < 8; i++) {
		uint64_t x;

		memcpy(&x, at + (i * width >> 3), 8);
		s += least + (x >> (i * width & 7) & ((UINT64_C(1) << width) - 1));
		v[i] = (int64_t) s;
	}
	return s;
}

/* Widths beyond 16, and what is left of a miniblock cut short. */
static uint64_t any_width(const uint8_t *at, unsigned width, size_t n, uint64_t least, uint64_t s, int64_t *v)
{
	uint64_t mask = width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;

	for (size_t i = 0, bit = 0; i < n; i++, bit += width) {
		unsigned shift = bit & 7;
		uint64_t x;

		memcpy(&x, at + (bit >> 3), 8);
		x >>= shift;
		if (width > 56 && shift)
			x |= (uint64_t) at[(bit >> 3) + 8] << (64 - shift);
		s += least + (x & mask);
		v[i] = (int64_t) s;
	}
	return s;
}

#define WIDTH(w) case w: for (; i + 8 <= n; i += 8) s = eight(at + i / 8 * (w), w, least, s, v + i); break

static uint64_t unpack_each(const uint8_t *at, unsigned width, size_t n, uint64_t least, uint64_t s, int64_t *v)
{
	size_t i = 0;

	switch (width) {
	WIDTH(1); WIDTH(2); WIDTH(3); WIDTH(4); WIDTH(5); WIDTH(6); WIDTH(7); WIDTH(8);
	WIDTH(9); WIDTH(10); WIDTH(11); WIDTH(12); WIDTH(13); WIDTH(14); WIDTH(15); WIDTH(16);
	default:
		break;
	}
	return any_width(at + i / 8 * width, width, n - i, least, s, v + i);
}

static void steps_each(int64_t *v, size_t n, uint64_t from, uint64_t step)
{
	for (size_t i = 0; i < n; i++, from += step)
		v[i] = (int64_t) from;
}

static void sum_each(const int64_t *v, size_t n, struct lanes_sum *s)
{
	for (size_t i = 0; i < n; i++) {
		s->sum += (uint64_t) v[i];
		s->min = MIN(s->min, v[i]);
		s->max = MAX(s->max, v[i]);
	}
}

/* What of them is added to 2^51: no bit from the 52nd on is set where all are small. */
static void total_each(const int64_t *v, size_t n, uint64_t *sum, uint64_t *any)
{
	for (size_t i = 0; i < n; i++) {
		*sum += (uint64_t) v[i];
		*any |= (uint64_t) v[i] + (UINT64_C(1) << 51);
	}
}

static size_t find_each(const int64_t *v, size_t n, int64_t x)
{
	size_t i = 0;

	while (i < n && v[i] != x)
		i++;
	return i;
}

/* --- Four and four */

#ifdef __x86_64__
#define AVX2 __attribute__((target("avx2")))

bool lanes_are_wide(void) { return __builtin_cpu_supports("avx2"); }

AVX2 static inline __m256i times_0123(uint64_t x) { return _mm256_setr_epi64x(0, (int64_t) x, (int64_t) (2 * x), (int64_t) (3 * x)); }
AVX2 static inline __m256i all(uint64_t x) { return _mm256_set1_epi64x((int64_t) x); }

/* x0, x0 + x1, x0 + x1 + x2, all four */
AVX2 static inline __m256i sums_of_four(__m256i x)
{
	__m256i low = _mm256_add_epi64(x, _mm256_slli_si256(x, 8));
	__m256i second = _mm256_permute4x64_epi64(low, 0x55);

	return _mm256_add_epi64(low, _mm256_blend_epi32(_mm256_setzero_si256(), second, 0xf0));
}

AVX2 static inline void store(int64_t *v, __m256i x) { _mm256_storeu_si256((__m256i *) v, x); }

AVX2 static void steps_wide(int64_t *v, size_t n, uint64_t from, uint64_t step)
{
	__m256i a = _mm256_add_epi64(all(from), times_0123(step)), four = all(4 * step);
	size_t i = 0;

	for (; i + 4 <= n; i += 4) {
		store(v + i, a);
		a = _mm256_add_epi64(a, four);
	}
	steps_each(v + i, n - i, from + i * step, step);
}

/* What is added to all values of a miniblock, and what it was added up to so far: the next four values less their own deltas. */
struct adding { __m256i mask, four, before; };

/* Eight deltas, not yet masked, become values. */
AVX2 static inline __attribute__((always_inline)) void put_eight(struct adding *k, __m256i a, __m256i b, int64_t *v)
{
	a = sums_of_four(_mm256_and_si256(a, k->mask));
	b = sums_of_four(_mm256_and_si256(b, k->mask));
	store(v, _mm256_add_epi64(a, k->before));
	k->before = _mm256_add_epi64(k->before, _mm256_add_epi64(_mm256_permute4x64_epi64(a, 0xff), k->four));
	store(v + 4, _mm256_add_epi64(b, k->before));
	k->before = _mm256_add_epi64(k->before, _mm256_add_epi64(_mm256_permute4x64_epi64(b, 0xff), k->four));
}

/* Widths to 16: of the eight values of a group, which lie in `width` bytes, four fit into 64 bits from the first on, four from half of them on. */
AVX2 static inline __attribute__((always_inline)) void unpack_narrow(struct adding *k, const uint8_t *at, unsigned width, size_t n, int64_t *v)
{
	const __m256i shift = _mm256_mul_epu32(times_0123(1), all(width)), half = _mm256_add_epi64(shift, all(4 * width & 7));
	const uint8_t *mid = at + (4 * width >> 3);

	for (size_t i = 0; i < n; i += 8, at += width, mid += width) {
		uint64_t lo, hi;

		memcpy(&lo, at, 8);
		memcpy(&hi, mid, 8);
		put_eight(k, _mm256_srlv_epi64(all(lo), shift), _mm256_srlv_epi64(all(hi), half), v + i);
	}
}

AVX2 static inline __attribute__((always_inline)) __m256i four_at(const uint8_t *at, const unsigned byte[4])
{
	int64_t x[4];

	for (unsigned i = 0; i < 4; i++)
		memcpy(&x[i], at + byte[i], 8);
	return _mm256_set_epi64x(x[3], x[2], x[1], x[0]);
}

/* Widths to 56: each value from the byte on in which it begins, where eight bytes hold it whole. The next eight begin alike. */
AVX2 static inline __attribute__((always_inline)) void unpack_broad(struct adding *k, const uint8_t *at, unsigned width, size_t n, int64_t *v)
{
	const __m256i bit = _mm256_mul_epu32(times_0123(1), all(width)), seven = all(7);
	const __m256i shift = _mm256_and_si256(bit, seven), half = _mm256_and_si256(_mm256_add_epi64(bit, all(4 * width)), seven);
	unsigned byte[8];

	for (unsigned i = 0; i < 8; i++)
		byte[i] = i * width >> 3;
	for (size_t i = 0; i < n; i += 8, at += width)
		put_eight(k, _mm256_srlv_epi64(four_at(at, byte), shift), _mm256_srlv_epi64(four_at(at, byte + 4), half), v + i);
}

/* n: a multiple of 8. */
AVX2 static inline __attribute__((always_inline)) void unpack_lanes(struct adding *k, const uint8_t *at, unsigned width, size_t n, int64_t *v)
{
	k->mask = all((UINT64_C(1) << width) - 1);
	if (width == 0)
		for (size_t i = 0; i < n; i += 4, k->before = _mm256_add_epi64(k->before, k->four))
			store(v + i, k->before);
	else if (width <= 16)
		unpack_narrow(k, at, width, n, v);
	else
		unpack_broad(k, at, width, n, v);
}

AVX2 static inline struct adding adding(uint64_t least, uint64_t s)
{
	return (struct adding) { .four = all(4 * least), .before = _mm256_add_epi64(all(s + least), times_0123(least)) };
}

AVX2 static uint64_t unpack_wide(const struct lanes_packed *p, size_t n, uint64_t s, int64_t *v)
{
	struct adding k = adding(p->least, s);

	unpack_lanes(&k, p->at, p->width, n, v);
	return n ? (uint64_t) v[n - 1] : s;
}

/* Widths change, what is added up goes on in the lanes. */
AVX2 static void unpack_four(const struct lanes_four *p, uint64_t s, int64_t *v)
{
	struct adding k = adding(p->least, s);
	const uint8_t *at = p->at;

	for (unsigned m = 0; m < 4; at += p->rows / 8 * p->width[m], v += p->rows, m++)
		unpack_lanes(&k, at, p->width[m], p->rows, v);
}

AVX2 static void total_wide(const int64_t *v, size_t n, uint64_t *sum, uint64_t *any)
{
	__m256i s[2] = { all(0), all(0) }, a[2] = { all(0), all(0) };
	const __m256i add = all(UINT64_C(1) << 51);
	size_t i = 0;

	for (; i + 8 <= n; i += 8) {
		__m256i x = _mm256_loadu_si256((const __m256i *) (v + i)), y = _mm256_loadu_si256((const __m256i *) (v + i + 4));

		s[0] = _mm256_add_epi64(s[0], x);
		s[1] = _mm256_add_epi64(s[1], y);
		a[0] = _mm256_or_si256(a[0], _mm256_add_epi64(x, add));
		a[1] = _mm256_or_si256(a[1], _mm256_add_epi64(y, add));
	}
	int64_t lane[2][4];
	store(lane[0], _mm256_add_epi64(s[0], s[1]));
	store(lane[1], _mm256_or_si256(a[0], a[1]));
	for (int j = 0; j < 4; j++) {
		*sum += (uint64_t) lane[0][j];
		*any |= (uint64_t) lane[1][j];
	}
	total_each(v + i, n - i, sum, any);
}

AVX2 static void sum_wide(const int64_t *v, size_t n, struct lanes_sum *s)
{
	__m256i sum = all(0), min = all((uint64_t) v[0]), max = min;
	size_t i = 0;

	for (; i + 4 <= n; i += 4) {
		__m256i x = _mm256_loadu_si256((const __m256i *) (v + i));

		sum = _mm256_add_epi64(sum, x);
		min = _mm256_blendv_epi8(min, x, _mm256_cmpgt_epi64(min, x));
		max = _mm256_blendv_epi8(max, x, _mm256_cmpgt_epi64(x, max));
	}
	int64_t lane[3][4];
	store(lane[0], sum);
	store(lane[1], min);
	store(lane[2], max);
	for (int j = 0; j < 4; j++) {
		s->sum += (uint64_t) lane[0][j];
		s->min = MIN(s->min, lane[1][j]);
		s->max = MAX(s->max, lane[2][j]);
	}
	sum_each(v + i, n - i, s);
}

AVX2 static size_t find_wide(const int64_t *v, size_t n, int64_t x)
{
	const __m256i want = all((uint64_t) x);
	size_t i = 0;

	for (; i + 8 <= n; i += 8) {
		__m256i a = _mm256_cmpeq_epi64(_mm256_loadu_si256((const __m256i *) (v + i)), want);
		__m256i b = _mm256_cmpeq_epi64(_mm256_loadu_si256((const __m256i *) (v + i + 4)), want);

		if (!_mm256_testz_si256(_mm256_or_si256(a, b), _mm256_or_si256(a, b)))
			break;
	}
	return i + find_each(v + i, n - i, x);
}
#else
bool lanes_are_wide(void) { return false; }

static size_t find_wide(const int64_t *v, size_t n, int64_t x) { return find_each(v, n, x); }

static void steps_wide(int64_t *v, size_t n, uint64_t from, uint64_t step) { steps_each(v, n, from, step); }
static void sum_wide(const int64_t *v, size_t n, struct lanes_sum *s) { sum_each(v, n, s); }
static void total_wide(const int64_t *v, size_t n, uint64_t *sum, uint64_t *any) { total_each(v, n, sum, any); }
static void unpack_four(const struct lanes_four *p, uint64_t s, int64_t *v)
{
	const uint8_t *at = p->at;

	for (unsigned m = 0; m < 4; at += p->rows / 8 * p->width[m], m++)
		s = lanes_unpack(false, &(struct lanes_packed) { at, p->width[m], p->least }, p->rows, s, v + m * p->rows);
}
static uint64_t unpack_wide(const struct lanes_packed *p, size_t n, uint64_t s, int64_t *v)
{
	return unpack_each(p->at, p->width, n, p->least, s, v);
}
#endif

/* --- Either */

void lanes_steps(bool wide, int64_t *v, size_t n, uint64_t from, uint64_t step)
{
	(wide ? steps_wide : steps_each)(v, n, from, step);
}

uint64_t lanes_unpack(bool wide, const struct lanes_packed *p, size_t n, uint64_t sum, int64_t *v)
{
	size_t whole = wide && p->width <= 56 ? n & ~(size_t) 7 : 0;

	if (p->width == 0) {
		lanes_steps(wide, v, n, sum + p->least, p->least);
		return sum + n * p->least;
	}
	if (whole)
		sum = unpack_wide(p, whole, sum, v);
	return n > whole ? unpack_each(p->at + whole / 8 * p->width, p->width, n - whole, p->least, sum, v + whole) : sum;
}

struct lanes_sum lanes_sum(bool wide, const int64_t *v, size_t n)
{
	struct lanes_sum s = { .min = v[0], .max = v[0] };

	(wide ? sum_wide : sum_each)(v, n, &s);
	return s;
}

void lanes_unpack_four(const struct lanes_four *p, uint64_t sum, int64_t *v) { unpack_four(p, sum, v); }

struct lanes_total lanes_total(bool wide, const int64_t *v, size_t n)
{
	uint64_t sum = 0, any = 0, one = (UINT64_C(1) << 51) | 1;

	(wide ? total_wide : total_each)(v, n, &sum, &any);
	return (struct lanes_total) { sum, any >> 52 == 0, (any | one) == one && n };
}

size_t lanes_find(bool wide, const int64_t *v, size_t n, int64_t x) { return (wide ? find_wide : find_each)(v, n, x); }
