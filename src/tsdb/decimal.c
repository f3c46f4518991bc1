/* decimal.c - doubles and floats as mantissa and exponent, only where the bits come back. */
#include "tsdb/decimal.h"

/* Exactly representable up to 10^22, so one division rounds once: the nearest double to the decimal. */
static const double tens[DECIMAL_E_LIMIT + 1] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14,
	1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };

double decimal_f64(int64_t m, unsigned e) { return (double) m / tens[e]; }
float decimal_f32(int64_t m, unsigned e) { return (float) ((double) m / tens[e]); }

typedef double v2d __attribute__((vector_size(16)));
typedef int64_t v2i __attribute__((vector_size(16)));
typedef uint64_t v2u __attribute__((vector_size(16)));

/* Two and two: a whole number below 2^51 added to the bits of 1.5 × 2^52 is that much more, so no conversion is needed, and one division does for
 * both. */
void decimals_f64(const int64_t *m, unsigned e, size_t n, double *to)
{
	const v2d three51 = { 0x1.8p52, 0x1.8p52 }, ten = { tens[e], tens[e] };
	uint64_t large = 0;
	size_t i = 0;

	for (; i + 2 <= n; i += 2) {
		v2u x;

		memcpy(&x, m + i, sizeof(x));
		large |= ((uint64_t) m[i] + (UINT64_C(1) << 51)) >> 52 | ((uint64_t) m[i + 1] + (UINT64_C(1) << 51)) >> 52;
		v2d y = ((v2d) (x + (v2u) three51) - three51) / ten;
		memcpy(to + i, &y, sizeof(y));
	}
	for (i = large ? 0 : i; i < n; i++)
		to[i] = decimal_f64(m[i], e);
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

/* --- Many at once: two and two side by side, without branches, in vectors of 16 bytes, which every x86-64 and ARM64 has. */

enum { MANY = 64 };
typedef uint64_t v2u __attribute__((vector_size(16)));
typedef float v2f __attribute__((vector_size(8)));

/* Whether all MANY values from `v` on are decimals of this exponent; then m is filled in. Only mantissas below 2^51 (f32: 10^7) are seen here:
 * 1.5 × 2^52 added to one of these rounds it, and leaves it in the low bits. Of a value that is a decimal of e digits that is its mantissa. */
static inline __attribute__((always_inline)) bool many_fit(const void *v, bool single, unsigned e, int64_t *m)
{
	const v2d magic = { 0x1.8p52, 0x1.8p52 }, ten = { tens[e], tens[e] };
	const v2d max = single ? (v2d) { M_MAX_F32, M_MAX_F32 } : (v2d) { 0x1p51, 0x1p51 };
	v2i other = { 0 };

	for (unsigned i = 0; i < MANY; i += 2) {
		v2d x;
		v2f f = { 0 };

		if (single) {
			memcpy(&f, (const float *) v + i, sizeof(f));
			x = __builtin_convertvector(f, v2d);
		} else {
			memcpy(&x, (const double *) v + i, sizeof(x));
		}
		v2d near = x * ten, whole = near + magic, back = (whole - magic) / ten;
		v2u mantissa = (v2u) whole - (v2u) magic;       /* of what does not fit any number, which nobody looks at */

		if (single)
			back = __builtin_convertvector(__builtin_convertvector(back, v2f), v2d);
		other |= ((v2i) back ^ (v2i) x) | ~((near < max) & (near > -max));
		memcpy(m + i, &mantissa, sizeof(mantissa));
	}
	return !(other[0] | other[1]);
}

struct run {
	const void *v;
	size_t n;
	bool single;
	unsigned e;                     /* the largest that any value so far needs */
	bool is_whole;                  /* all of them have it, and m */
};

static inline __attribute__((always_inline)) const void *value_at(const struct run *r, size_t i)
{
	return (const char *) r->v + i * (r->single ? sizeof(float) : sizeof(double));
}

/* Goes through the run for its exponent; false when most are no decimals, known after 64 of them. */
static inline __attribute__((always_inline)) bool find_exponent(struct run *r, int64_t *m)
{
	size_t bad = 0;

	for (size_t i = 0, end; i < r->n; i = end) {
		end = MIN(i + MANY, r->n);
		if (end - i == MANY && many_fit(value_at(r, i), r->single, r->e, m + i))
			continue;
		for (size_t j = i; j < end; j++) {
			if (fits(r->v, j, r->single, r->e, &m[j]))
				continue;
			unsigned e = climb(r->v, j, r->single, r->e + 1);
			r->is_whole = false;
			if (e <= DECIMAL_E_MAX)
				r->e = e;
			else if (climb(r->v, j, r->single, 0) > DECIMAL_E_MAX && ++bad >= 32 && bad * 2 > j)
				return false;
		}
	}
	return bad * 2 <= r->n;
}

static inline __attribute__((always_inline)) size_t decimal_run(struct run *r, uint8_t *hint, int64_t *m, uint8_t *e, uint8_t *present)
{
	size_t done = 0;

	/* The last run's exponent spares the climb, but only where one less would not do. */
	if (r->n && *hint && *hint <= DECIMAL_E_MAX && fits(r->v, 0, r->single, *hint, m) && !fits(r->v, 0, r->single, *hint - 1u, m))
		r->e = *hint;
	if (!find_exponent(r, m))
		return 0;
	*hint = (uint8_t) r->e;
	for (size_t i = 0, end; i < r->n; i = end) {
		end = r->is_whole ? r->n : MIN(i + MANY, r->n);
		if (r->is_whole || (end - i == MANY && many_fit(value_at(r, i), r->single, r->e, m + i))) {
			memset(e + i, (int) r->e, end - i);
			memset(present + i, 1, end - i);
			done += end - i;
			continue;
		}
		for (size_t j = i; j < end; j++) {
			unsigned k = r->e;

			if (!fits(r->v, j, r->single, k, &m[j])) {
				/* Too long with the run's exponent: its own smaller one. */
				k = climb(r->v, j, r->single, 0);
				if (k <= DECIMAL_E_MAX)
					fits(r->v, j, r->single, k, &m[j]);
			}
			present[j] = k <= DECIMAL_E_MAX;
			e[j] = (uint8_t) k;
			done += present[j];
		}
	}
	return done;
}

size_t decimal_run_f64(const double *v, size_t n, uint8_t *hint, int64_t *m, uint8_t *e, uint8_t *present)
{
	return decimal_run(&(struct run) { .v = v, .n = n, .is_whole = true }, hint, m, e, present);
}

size_t decimal_run_f32(const float *v, size_t n, uint8_t *hint, int64_t *m, uint8_t *e, uint8_t *present)
{
	return decimal_run(&(struct run) { .v = v, .n = n, .single = true, .is_whole = true }, hint, m, e, present);
}
