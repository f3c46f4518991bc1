/* decimal_test.c - decimals against their definition, value by value. */
#include <math.h>

#include "tap.h"

#include "tsdb/decimal.h"
#include "tsdb/slots.h"
#include "tsdb/tsdb_fixture.h"

TEST(decimals_of_a_run_are_those_of_each)
{
	int64_t m[99];
	double got[99];
	uint64_t seed = 14;

	for (unsigned round = 0; round < 2000; round++) {
		unsigned e = round % 23, n = 1 + round % 99;

		for (unsigned i = 0; i < n; i++)
			m[i] = (int64_t) random_next(&seed) >> (round % 7 ? 13 + random_next(&seed) % 40 : random_next(&seed) % 20);
		m[n / 2] = round % 5 == 0 ? -(INT64_C(1) << 51) : round % 5 == 1 ? (INT64_C(1) << 51) - 1 : m[n / 2];
		decimals_f64(m, e, n, got);
		for (unsigned i = 0; i < n; i++) {
			double want = decimal_f64(m[i], e);

			must(memcmp(&want, &got[i], sizeof(want)) == 0);
		}
	}
}

TEST(decimals_come_back_bit_for_bit_or_are_refused)
{
	const double nasty[] = { -0.0, 0.0 / 0.0, 1.0 / 0.0, 0.1 + 0.2, 5e-324, 1.7976931348623157e308, 3.141592653589793, 1e22 };
	double v[300], back;
	int64_t m[300];
	uint8_t e[300], present[300], hint = 0;

	for (size_t i = 0; i < 300; i++)
		v[i] = (double) (int64_t) (i * 37 - 4000) / 100;
	is_int(decimal_run_f64(v, 300, &hint, m, e, present), 300);
	is_int(hint, 2);
	for (size_t i = 0; i < 300; i++) {
		is_int(e[i], 2);
		is_int(m[i], (int64_t) (i * 37 - 4000));
		back = decimal_f64(m[i], e[i]);
		must(memcmp(&back, &v[i], 8) == 0);
	}
	/* Decimals among the nasty: each says for itself what it is. */
	for (size_t i = 0; i < 8; i++)
		v[i * 2] = nasty[i];
	decimal_run_f64(v, 300, &hint, m, e, present);
	for (size_t i = 0; i < 300; i++) {
		if (i < 16 && i % 2 == 0)
			ok(!present[i]);
		back = present[i] ? decimal_f64(m[i], e[i]) : v[i];
		must(memcmp(&back, &v[i], 8) == 0);
	}
	is_int(decimal_run_f64(nasty, 8, &hint, m, e, present), 0);
	/* One large value among small ones keeps its own exponent. */
	v[0] = 4e15;
	v[1] = 0.25;
	is_int(decimal_run_f64(v, 2, &hint, m, e, present), 2);
	is_int(e[0], 0);
	is_int(e[1], 2);
	float f[] = { 23.1f, -7.25f, 16777216.0f, 0.0f, -0.0f }, fback;
	is_int(decimal_run_f32(f, 5, &hint, m, e, present), 3);
	is_int(m[0], 2310);
	is_int(e[0], 2);
	fback = decimal_f32(m[0], e[0]);
	ok(memcmp(&fback, &f[0], 4) == 0);
	ok(!present[2] && !present[4]);
}

/* The definition, value by value: is there an m below 2^52 (f32: 10^7) and an e up to 12 whose quotient has the bits? */
static bool is_decimal(double x, bool single)
{
	double ten = 1, max = single ? 1e7 : 0x1p52;

	for (int e = 0; e <= DECIMAL_E_MAX; e++, ten *= 10)
		for (int near = -1; near <= 1; near++) {
			double m = nearbyint(x * ten) + near, back = m / ten;

			if (!(fabs(m) < max))
				continue;
			if (single)
				back = (double) (float) back;
			if (back == x && !signbit(x) == !signbit(back))
				return true;
		}
	return false;
}

TEST(runs_of_all_sorts_have_the_mantissas_they_should)
{
	enum { N = 500 };
	uint64_t seed = 11;
	int wrong = 0;

	for (int round = 0; round < 400; round++) {
		double v[N];
		float f[N];
		int64_t m[N];
		uint8_t e[N], present[N], hint = (uint8_t) (random_next(&seed) % 5);
		unsigned digits = (unsigned) (random_next(&seed) % 5), odd = (unsigned) (random_next(&seed) % 200) + 2, n = 1 + (unsigned) (random_next(&seed) % N);
		bool single = round % 2;

		for (unsigned i = 0; i < n; i++) {
			int64_t whole = (int64_t) (random_next(&seed) % 2000000) - 1000000;

			v[i] = (double) whole / pow(10, digits);
			if (random_next(&seed) % odd == 0)      /* another length, or none */
				v[i] = random_next(&seed) % 2 ? (double) whole / 1e7 : (double) whole * 1.0000001e9 / 3;
			if (random_next(&seed) % (odd * 8) == 0)
				v[i] = -0.0;
			f[i] = (float) v[i];
		}
		size_t got = single ? decimal_run_f32(f, n, &hint, m, e, present) : decimal_run_f64(v, n, &hint, m, e, present), count = 0;
		for (unsigned i = 0; i < n && got; i++) {
			double x = single ? (double) f[i] : v[i];
			double back = !present[i] ? 0 : single ? (double) decimal_f32(m[i], e[i]) : decimal_f64(m[i], e[i]);

			wrong += present[i] != is_decimal(x, single) || (present[i] && memcmp(&back, &x, 8) != 0);
			count += present[i];
		}
		wrong += got != count;
	}
	is_int(wrong, 0);
}

/* A mantissa of 32 bits stands for a number when dividing it by the power of ten gives that number's bits: asked of each by pow() of the C library. */
TEST(numbers_kept_in_four_bytes_are_those_that_come_back)
{
	enum { N = 64 };
	static const double odd[] = { -0.0, NAN, INFINITY, -INFINITY, 2147483647.0, 2147483648.0, -2147483647.0, 1e300, 5e-324, 0.1 + 0.2, 1e15 };
	uint64_t seed = 19, bits[N], wrong = 0, filled = 0;

	for (unsigned round = 0; round < 20000; round++) {
		unsigned e = round % 7, n = 1 + (unsigned) (random_next(&seed) % N);
		bool whole = round % 5 == 0;
		int32_t m[N];

		for (unsigned i = 0; i < n; i++) {
			double v = (double) ((int64_t) (random_next(&seed) >> (33 + random_next(&seed) % 30)) - 100) / pow(10, (int) e);

			if (random_next(&seed) % 97 == 0)
				v = odd[random_next(&seed) % ELEMENTSOF(odd)];
			memcpy(&bits[i], &v, sizeof(v));
			if (whole)
				bits[i] = random_next(&seed) >> (33 + random_next(&seed) % 30);
			if (whole && random_next(&seed) % 97 == 0)
				bits[i] = random_next(&seed);
		}
		uint32_t got = form_fill(whole ? V_I64 : V_F64, (uint8_t) (e + 1), bits, n, m);
		for (unsigned i = 0; i < n && i <= got; i++) {
			int32_t one = 0;
			bool fits = form_fits(whole ? V_I64 : V_F64, (uint8_t) (e + 1), bits[i], &one);
			double back = i < got ? m[i] / pow(10, (int) e) : 0;

			if (i < got)
				wrong += !fits || one != m[i] || (whole ? (uint64_t) (int64_t) m[i] != bits[i] : memcmp(&back, &bits[i], 8) != 0);
		}
		bool two = got + 2 <= n;
		for (unsigned i = got; two && i < got + 2; i++) {
			int32_t one;

			two = form_fits(whole ? V_I64 : V_F64, (uint8_t) (e + 1), bits[i], &one);
		}
		wrong += two;                           /* it stopped for a reason */
		filled += got;
	}
	is_int(wrong, 0);
	ok(filled > 100000);
}
