/*
 * num.c - printing: R. Giulietti, "The Schubfach way to render doubles" (2020), in the form with 128-bit powers of ten.
 * Parsing: D. Lemire, "Number parsing at a gigabyte per second" (2021), with the exact decimal of num_slow.c behind it for
 * the rare case that 64 bits of the product cannot decide.
 */
#include "base/num.h"

#include "base/num_slow.h"
#include "base/wide.h"

struct pow10 { uint64_t hi, lo; };

enum { POW10_MIN = -342, POW10_MAX = 324 };

static const struct pow10 powers[] = {
#define POW10(hi, lo) { hi, lo },
#include "base/pow10.def"
#undef POW10
};
_Static_assert(sizeof(powers) / sizeof(powers[0]) == POW10_MAX - POW10_MIN + 1, "one row a power");

/* Shift of a negative number is arithmetic in gcc and clang: floor(log2(10^e)) and floor(log10(2^e)), exact in our range. */
static int log2_pow10(int e) { return (e * 1741647) >> 19; }

size_t num_format_u64(char *out, uint64_t v)
{
	size_t n = 1;

	for (uint64_t rest = v; rest >= 10; rest /= 10)
		n++;
	out[n] = 0;
	for (size_t i = n; i-- > 0; v /= 10)
		out[i] = (char) ('0' + v % 10);
	return n;
}

size_t num_format_i64(char *out, int64_t v)
{
	if (v >= 0)
		return num_format_u64(out, (uint64_t) v);
	out[0] = '-';
	return 1 + num_format_u64(out + 1, -(uint64_t) v);
}

/* g × cp / 2^128 with the sticky bit: "round to odd". */
static uint64_t round_to_odd(struct pow10 g, uint64_t cp)
{
	struct wide y = wide_add(wide_mul(g.hi, cp), wide_mul(g.lo, cp).hi);

	return y.hi | (y.lo > 1);
}

static uint32_t round_to_odd32(uint64_t g, uint32_t cp)
{
	uint64_t y = (g >> 32) * cp + ((uint64_t) (uint32_t) g * cp >> 32);

	return (uint32_t) (y >> 32) | ((uint32_t) y > 1);
}

struct decimal { uint64_t digits; int exponent; };

/* Of the decimals inside the rounding interval [lower, upper] (all × 4), the shortest, then the closest to vb / 4. */
static struct decimal choose(uint64_t lower, uint64_t vb, uint64_t upper, int k)
{
	uint64_t s = vb / 4, mid;
	bool under, over;

	if (s >= 10) {
		uint64_t tens = s / 10;

		under = lower <= 40 * tens;
		over = 40 * tens + 40 <= upper;
		if (under != over)
			return (struct decimal) { tens + over, k + 1 };
	}
	under = lower <= 4 * s;
	over = 4 * s + 4 <= upper;
	if (under != over)
		return (struct decimal) { s + over, k };
	mid = 4 * s + 2;
	return (struct decimal) { s + (vb > mid || (vb == mid && (s & 1))), k };
}

static struct decimal shortest(uint64_t c, int q, bool lower_is_closer, bool single)
{
	int k = (q * 1262611 - (lower_is_closer ? 524031 : 0)) >> 22, h = q + log2_pow10(-k) + 1;
	struct pow10 g = powers[-k - POW10_MIN];
	uint64_t left = 4 * c - 2 + lower_is_closer, mid = 4 * c, right = 4 * c + 2, odd = c & 1;

	if (single) {
		uint64_t g1 = g.hi + 1;

		return choose(round_to_odd32(g1, (uint32_t) (left << h)) + odd, round_to_odd32(g1, (uint32_t) (mid << h)),
			round_to_odd32(g1, (uint32_t) (right << h)) - odd, k);
	}
	g.lo++;
	g.hi += g.lo == 0;
	return choose(round_to_odd(g, left << h) + odd, round_to_odd(g, mid << h), round_to_odd(g, right << h) - odd, k);
}

/* 1234.5, 0.00012 up to 21 digits before and 6 zeros after the point, else 1.2345e+30: the rule of ECMAScript, so that
 * JavaScript prints the same text. */
static size_t layout(char *out, struct decimal d)
{
	char digits[NUM_TEXT_MAX];
	size_t n, len = 0;
	int point;

	while (d.digits >= 10 && d.digits % 10 == 0)
		d.digits /= 10, d.exponent++;
	n = num_format_u64(digits, d.digits);
	point = (int) n + d.exponent;
	if (point > 0 && point <= 21) {
		for (size_t i = 0; i < MAX(n, (size_t) point); i++) {
			if (i == (size_t) point)
				out[len++] = '.';
			out[len++] = i < n ? digits[i] : '0';
		}
	} else if (point <= 0 && point > -6) {
		out[len++] = '0';
		out[len++] = '.';
		for (int i = point; i < 0; i++)
			out[len++] = '0';
		for (size_t i = 0; i < n; i++)
			out[len++] = digits[i];
	} else {
		out[len++] = digits[0];
		if (n > 1)
			out[len++] = '.';
		for (size_t i = 1; i < n; i++)
			out[len++] = digits[i];
		out[len++] = 'e';
		if (point > 0)
			out[len++] = '+';
		len += num_format_i64(out + len, point - 1);
	}
	out[len] = 0;
	return len;
}

static size_t word(char *out, const char *text)
{
	size_t n = 0;

	for (; text[n]; n++)
		out[n] = text[n];
	out[n] = 0;
	return n;
}

/* bits: sign, `exponent` of 11 or 8 bits, `fraction` of 52 or 23 bits. */
static size_t format(char *out, bool negative, unsigned exponent, uint64_t fraction, bool single)
{
	int fraction_bits = single ? 23 : 52, bias = single ? 150 : 1075;
	uint64_t c = fraction;
	int q = 1 - bias;
	size_t n = 0;

	if (exponent == (single ? 0xffu : 0x7ffu))
		return word(out, fraction ? "NaN" : negative ? "-Inf" : "Inf");
	if (negative)
		out[n++] = '-';
	if (!exponent && !fraction) {
		out[n++] = '0';
		out[n] = 0;
		return n;
	}
	if (exponent) {
		c |= UINT64_C(1) << fraction_bits;
		q = (int) exponent - bias;
	}
	if (q <= 0 && q > -fraction_bits - 1 && !(c & ((UINT64_C(1) << -q) - 1)))       /* a whole number */
		return n + layout(out + n, (struct decimal) { c >> -q, 0 });
	return n + layout(out + n, shortest(c, q, !fraction && exponent > 1, single));
}

size_t num_format_f64(char *out, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, 8);
	return format(out, bits >> 63, bits >> 52 & 0x7ff, bits & ((UINT64_C(1) << 52) - 1), false);
}

size_t num_format_f32(char *out, float v)
{
	uint32_t bits;

	memcpy(&bits, &v, 4);
	return format(out, bits >> 31, bits >> 23 & 0xff, bits & ((1u << 23) - 1), true);
}

size_t num_parse_u64(const char *s, const char *end, uint64_t *ret)
{
	const char *p = s;
	uint64_t v = 0;

	for (; p < end && *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t) (*p - '0'), &v))
			return 0;
	if (p > s)
		*ret = v;
	return (size_t) (p - s);
}

size_t num_parse_i64(const char *s, const char *end, int64_t *ret)
{
	bool negative = s < end && *s == '-';
	uint64_t v = 0;
	size_t sign = negative || (s < end && *s == '+'), n = num_parse_u64(s + sign, end, &v);

	if (!n || v > (uint64_t) INT64_MAX + negative)
		return 0;
	*ret = negative ? (int64_t) -v : (int64_t) v;
	return n + sign;
}

/* What stands before the exponent: up to 19 significant digits in w, the rest noted. */
struct scan { uint64_t w; int exponent; bool negative, many; const char *from; size_t len; };

static const char *scan_digits(const char *p, const char *end, struct scan *t, int *n_digits, int step)
{
	for (; p < end && *p >= '0' && *p <= '9'; p++) {
		if (*n_digits < 19) {
			t->w = t->w * 10 + (uint64_t) (*p - '0');
			*n_digits += t->w != 0;
			t->exponent -= step;
		} else {
			t->many |= *p != '0';
			t->exponent += !step;
		}
	}
	return p;
}

static bool starts_nocase(const char *p, const char *end, const char *w)
{
	for (; *w; w++, p++)
		if (p >= end || (*p | 32) != *w)
			return false;
	return true;
}

static bool scan_number(const char *s, const char *end, struct scan *t)
{
	const char *p = s, *first;
	int n_digits = 0;
	size_t digits;

	if (p < end && (*p == '-' || *p == '+'))
		t->negative = *p++ == '-';
	t->from = first = p;
	p = scan_digits(p, end, t, &n_digits, 0);
	digits = (size_t) (p - first);
	if (p < end && *p == '.') {
		const char *after = ++p;

		p = scan_digits(p, end, t, &n_digits, 1);
		digits += (size_t) (p - after);
	}
	if (!digits)
		return false;
	if (p < end && (*p == 'e' || *p == 'E')) {
		const char *q = p + 1;
		bool minus = q < end && *q == '-';
		int e = 0;

		q += q < end && (*q == '-' || *q == '+');
		for (first = q; q < end && *q >= '0' && *q <= '9'; q++)
			e = e < 100000 ? e * 10 + *q - '0' : e;
		if (q > first) {
			t->exponent += minus ? -e : e;
			p = q;
		}
	}
	t->len = (size_t) (p - s);
	return true;
}

/* The format's numbers: bits of the fraction, exponent of infinity, range of q, where ties to even can happen. */
struct ieee { int fraction, infinite, q_min, q_max, even_min, even_max; };
static const struct ieee f64_format = { 52, 0x7ff, -342, 308, -4, 23 };
static const struct ieee f32_format = { 23, 0xff, -65, 38, -17, 10 };

enum { UNDECIDED = -1 };

/* w × 10^q → biased exponent (or UNDECIDED) and fraction. */
static int eisel_lemire(uint64_t w, int q, const struct ieee *f, uint64_t *ret_fraction)
{
	int zeros, upper, shift, power2;
	struct pow10 t;
	struct wide first;
	uint64_t lo, hi, m;

	*ret_fraction = 0;
	if (!w || q < f->q_min)
		return 0;
	if (q > f->q_max)
		return f->infinite;
	zeros = __builtin_clzll(w);
	w <<= zeros;
	t = powers[q - POW10_MIN];
	if (q < 0 && q >= -27) {                /* here the reciprocal must be rounded up */
		t.lo++;
		t.hi += t.lo == 0;
	}
	first = wide_mul(w, t.hi);
	lo = first.lo;
	hi = first.hi;
	if ((hi & (~UINT64_C(0) >> (f->fraction + 3))) == ~UINT64_C(0) >> (f->fraction + 3)) {
		uint64_t more = wide_mul(w, t.lo).hi;

		lo += more;
		hi += lo < more;
	}
	if (lo == UINT64_MAX && (q < -27 || q > 55))
		return UNDECIDED;
	upper = (int) (hi >> 63);
	shift = upper + 64 - f->fraction - 3;
	m = hi >> shift;
	power2 = (((152170 + 65536) * q) >> 16) + 63 + upper - zeros + (f->infinite >> 1);
	if (power2 <= 0) {
		if (1 - power2 >= 64)
			return 0;
		m >>= 1 - power2;
		m += m & 1;
		*ret_fraction = m >> 1;
		return *ret_fraction >> f->fraction ? (*ret_fraction &= (UINT64_C(1) << f->fraction) - 1, 1) : 0;
	}
	if (lo <= 1 && q >= f->even_min && q <= f->even_max && (m & 3) == 1 && m << shift == hi)
		m &= ~UINT64_C(1);
	m += m & 1;
	m >>= 1;
	if (m >> (f->fraction + 1)) {
		m >>= 1;
		power2++;
	}
	if (power2 >= f->infinite)
		return f->infinite;
	*ret_fraction = m & ((UINT64_C(1) << f->fraction) - 1);
	return power2;
}

static size_t parse_float(const char *s, const char *end, const struct ieee *f, uint64_t *ret_bits)
{
	struct scan t = { 0 };
	uint64_t fraction, other;
	int exponent;
	int sign_at = f == &f64_format ? 63 : 31;

	if (!scan_number(s, end, &t)) {
		size_t sign = s < end && (*s == '-' || *s == '+'), n;
		bool nan = starts_nocase(s + sign, end, "nan");

		n = nan ? 3 : starts_nocase(s + sign, end, "infinity") ? 8 : starts_nocase(s + sign, end, "inf") ? 3 : 0;
		if (!n)
			return 0;
		*ret_bits = (uint64_t) f->infinite << f->fraction | (uint64_t) nan << (f->fraction - 1)
			| (uint64_t) (*s == '-') << sign_at;
		return n + sign;
	}
	exponent = eisel_lemire(t.w, t.exponent, f, &fraction);
	if (t.many && exponent != UNDECIDED) {  /* digits beyond the 19th: decided if w + 1 says the same */
		int e2 = eisel_lemire(t.w + 1, t.exponent, f, &other);

		if (e2 != exponent || other != fraction)
			exponent = UNDECIDED;
	}
	if (exponent == UNDECIDED)
		exponent = num_slow(t.from, s + t.len, f->fraction, f->infinite, &fraction);
	*ret_bits = (uint64_t) exponent << f->fraction | fraction | (uint64_t) t.negative << sign_at;
	return t.len;
}

size_t num_parse_f64(const char *s, const char *end, double *ret)
{
	uint64_t bits;
	size_t n = parse_float(s, end, &f64_format, &bits);

	if (n)
		memcpy(ret, &bits, 8);
	return n;
}

size_t num_parse_f32(const char *s, const char *end, float *ret)
{
	uint64_t bits;
	uint32_t half;
	size_t n = parse_float(s, end, &f32_format, &bits);

	half = (uint32_t) bits;
	if (n)
		memcpy(ret, &half, 4);
	return n;
}
