/* decimal.c - doubles and floats as mantissa and exponent, only where the bits come back. */
#include "tsdb/decimal.h"

/* Exactly representable up to 10^22, so one division rounds once: the nearest double to the decimal. */
static const double tens[DECIMAL_E_LIMIT + 1] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14,
	1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };

double decimal_f64(int64_t m, unsigned e) { return (double) m / tens[e]; }
float decimal_f32(int64_t m, unsigned e) { return (float) ((double) m / tens[e]); }

void decimals_f64(const int64_t *m, unsigned e, size_t n, double *to)
{
	double ten = tens[e];

	for (size_t i = 0; i < n; i++)
		to[i] = (double) m[i] / ten;
}

static const double M_MAX = 4503599627370496.0;         /* 2^52: below it x + 0.5 is exact */
static const double M_MAX_F32 = 10000000.0;

/* The one body for both types, specialised by the compiler. */
static inline __attribute__((always_inline)) bool fits(const void *v, size_t i, bool single, unsigned e, int64_t *ret)
{
	double x = (single ? (double) ((const float *) v)[i] : ((const double *) v)[i]) * tens[e];
	double max = single ? M_MAX_F32 : M_MAX;

	if (!(x < max && x > -max))
		return false;
	int64_t m = (int64_t) (x < 0 ? x - 0.5 : x + 0.5);
	if (single) {
		float back = decimal_f32(m, e);

		if (memcmp(&back, (const float *) v + i, sizeof(back)) != 0)
			return false;
	} else {
		double back = decimal_f64(m, e);

		if (memcmp(&back, (const double *) v + i, sizeof(back)) != 0)
			return false;
	}
	*ret = m;
	return true;
}

/* The smallest exponent from `e` on that value i needs; DECIMAL_E_MAX + 1 when there is none. */
static inline __attribute__((always_inline)) unsigned climb(const void *v, size_t i, bool single, unsigned e)
{
	int64_t m;

	while (e <= DECIMAL_E_MAX && !fits(v, i, single, e, &m))
		e++;
	return e;
}

/* The exponent of the run: the largest that any of its values needs; -1 when most are no decimals, known after 64 of them. */
static inline __attribute__((always_inline)) int exponent(const void *v, size_t n, bool single, unsigned hint)
{
	unsigned run = 0;
	size_t bad = 0;
	int64_t m;

	/* The last run's exponent spares the climb, but only where one less would not do. */
	if (n && hint && hint <= DECIMAL_E_MAX && fits(v, 0, single, hint, &m) && !fits(v, 0, single, hint - 1, &m))
		run = hint;
	for (size_t i = 0; i < n; i++) {
		if (fits(v, i, single, run, &m))
			continue;
		unsigned e = climb(v, i, single, run + 1);
		if (e <= DECIMAL_E_MAX)
			run = e;
		else if (climb(v, i, single, 0) > DECIMAL_E_MAX && ++bad >= 32 && bad * 2 > i)
			return -1;
	}
	return bad * 2 > n ? -1 : (int) run;
}

static inline __attribute__((always_inline)) size_t decimal_run(const void *v, size_t n, bool single, uint8_t *hint, int64_t *m,
	uint8_t *e, uint8_t *present)
{
	int run = exponent(v, n, single, *hint);
	size_t done = 0;

	if (run < 0)
		return 0;
	*hint = (uint8_t) run;
	for (size_t i = 0; i < n; i++) {
		unsigned k = (unsigned) run;

		if (!fits(v, i, single, k, &m[i])) {
			/* Too long with the run's exponent: its own smaller one. */
			k = climb(v, i, single, 0);
			if (k <= DECIMAL_E_MAX)
				fits(v, i, single, k, &m[i]);
		}
		present[i] = k <= DECIMAL_E_MAX;
		e[i] = (uint8_t) k;
		done += present[i];
	}
	return done;
}

size_t decimal_run_f64(const double *v, size_t n, uint8_t *hint, int64_t *m, uint8_t *e, uint8_t *present)
{
	return decimal_run(v, n, false, hint, m, e, present);
}

size_t decimal_run_f32(const float *v, size_t n, uint8_t *hint, int64_t *m, uint8_t *e, uint8_t *present)
{
	return decimal_run(v, n, true, hint, m, e, present);
}
