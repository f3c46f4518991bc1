/*
 * num_slow.c - exact decimal to binary with whole numbers of any length that occurs: value = digits × 10^e is compared, as
 * a fraction of two big integers, with powers of two until 64 bits of quotient and a sticky bit are known.
 *
 * 768 significant digits decide every double (the longest exact half-way point has 767); further ones only say "a little more".
 */
#include "base/num_slow.h"

enum { DIGITS_MAX = 768, WORDS = 96 };  /* 96 × 32 bits hold 10^768 × 2^64 or 10^(768+324) shifted: see scale() */

struct big { uint32_t n, w[WORDS + 40]; };

static void big_mul_add(struct big *b, uint32_t by, uint32_t add)
{
	uint64_t carry = add;

	for (uint32_t i = 0; i < b->n; i++) {
		carry += (uint64_t) b->w[i] * by;
		b->w[i] = (uint32_t) carry;
		carry >>= 32;
	}
	if (carry && b->n < ELEMENTSOF(b->w))
		b->w[b->n++] = (uint32_t) carry;
}

static void big_pow10(struct big *b, unsigned e)
{
	for (; e >= 9; e -= 9)
		big_mul_add(b, 1000000000, 0);
	for (; e; e--)
		big_mul_add(b, 10, 0);
}

static void big_shift(struct big *b, unsigned bits)
{
	unsigned words = bits / 32, rest = bits % 32;

	if (!b->n || b->n + words + 1 > ELEMENTSOF(b->w))
		return;
	b->w[b->n] = 0;
	for (uint32_t i = b->n + 1; i-- > 0;) {
		uint32_t low = rest && i ? b->w[i - 1] >> (32 - rest) : 0;

		b->w[i + words] = b->w[i] << rest | low;
	}
	memset(b->w, 0, words * sizeof(b->w[0]));
	b->n += words + 1;
	while (b->n && !b->w[b->n - 1])
		b->n--;
}

static int big_cmp(const struct big *a, const struct big *b)
{
	if (a->n != b->n)
		return a->n < b->n ? -1 : 1;
	for (uint32_t i = a->n; i-- > 0;)
		if (a->w[i] != b->w[i])
			return a->w[i] < b->w[i] ? -1 : 1;
	return 0;
}

static void big_sub(struct big *a, const struct big *b)
{
	int64_t borrow = 0;

	for (uint32_t i = 0; i < a->n; i++) {
		int64_t d = (int64_t) a->w[i] - (i < b->n ? b->w[i] : 0) + borrow;

		a->w[i] = (uint32_t) d;
		borrow = d < 0 ? -1 : 0;
	}
	while (a->n && !a->w[a->n - 1])
		a->n--;
}

static int big_bits(const struct big *b)
{
	return b->n ? (int) b->n * 32 - __builtin_clz(b->w[b->n - 1]) : 0;
}

/* Digits into *num, the power of ten that remains is returned. Anything nonzero behind the last digit kept becomes a 1. */
static int read_digits(const char *s, const char *end, struct big *num)
{
	int exponent = 0, e = 0, kept = 0;
	bool after_point = false, minus, more = false;

	for (; s < end && *s != 'e' && *s != 'E'; s++) {
		if (*s == '.') {
			after_point = true;
			continue;
		}
		if (kept || *s != '0') {
			if (kept < DIGITS_MAX) {
				if (num->n)
					big_mul_add(num, 10, (uint32_t) (*s - '0'));
				else
					num->w[num->n++] = (uint32_t) (*s - '0');
				kept++;
				exponent -= after_point;
			} else {
				more |= *s != '0';
				exponent += !after_point;
			}
		} else
			exponent -= after_point;
	}
	if (more) {
		big_mul_add(num, 10, 1);
		exponent--;
	}
	if (s < end) {
		minus = *++s == '-';
		s += *s == '-' || *s == '+';
		for (; s < end; s++)
			e = e < 100000 ? e * 10 + *s - '0' : e;
		exponent += minus ? -e : e;
	}
	return exponent;
}

int num_slow(const char *s, const char *end, int fraction_bits, int infinite, uint64_t *ret_fraction)
{
	struct big num = { 0 }, den = { .n = 1, .w = { 1 } };
	int bias = infinite >> 1, exponent = read_digits(s, end, &num), e2, want, shift;
	uint64_t q = 0, half;

	*ret_fraction = 0;
	if (!num.n || exponent + big_bits(&num) * 30103 / 100000 < -400)
		return 0;
	if (exponent > 400)
		return infinite;
	if (exponent >= 0)
		big_pow10(&num, (unsigned) exponent);
	else
		big_pow10(&den, (unsigned) -exponent);

	/* value = num/den in [2^(e2-1), 2^(e2+1)); how many bits of it the format keeps */
	e2 = big_bits(&num) - big_bits(&den);
	want = MIN(fraction_bits + 2, e2 + bias + fraction_bits);       /* fewer for subnormals */
	if (want < 0)
		return 0;
	shift = want - e2;                      /* num × 2^shift / den has want or want + 1 bits */
	if (shift > 0)
		big_shift(&num, (unsigned) shift);
	else
		big_shift(&den, (unsigned) -shift);
	{
		struct big d = den;

		big_shift(&d, (unsigned) want + 1);
		for (int bit = want + 1; bit >= 0; bit--) {
			struct big part = den;

			big_shift(&part, (unsigned) bit);
			if (big_cmp(&num, &part) >= 0) {
				big_sub(&num, &part);
				q |= UINT64_C(1) << bit;
			}
		}
	}
	/* value = (q + num/den) × 2^-shift; round to the unit of the format */
	e2 = 63 - (q ? __builtin_clzll(q) : 63) - shift;                /* exponent of the leading bit */
	want = MAX(e2 - fraction_bits, 1 - bias - fraction_bits);       /* exponent of the last bit kept */
	shift = want + shift;                                           /* bits of q to drop */
	if (shift <= 0) {
		q <<= -shift;
	} else {
		half = UINT64_C(1) << (shift - 1);
		bool tie = (q & (2 * half - 1)) == half && !num.n;

		q = (q >> shift) + ((q & half) != 0 && (!tie || (q >> shift & 1)));
	}
	if (q >> (fraction_bits + 1)) {
		q >>= 1;
		want++;
	}
	if (!(q >> fraction_bits)) {
		*ret_fraction = q;
		return 0;
	}
	if (want + fraction_bits + bias >= infinite)
		return infinite;
	*ret_fraction = q & ((UINT64_C(1) << fraction_bits) - 1);
	return want + fraction_bits + bias;
}
