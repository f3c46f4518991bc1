/* slots.c - numbers in four bytes. */
#include "tsdb/slots.h"

static const double tens[DECIMAL_E_MAX + 1] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12 };

/* 1.5 × 2^52 added to a number below 2^31 rounds it, and leaves it in the low bits. */
static inline bool decimal_fits(double v, double ten, int32_t *ret)
{
	const double magic = 0x1.8p52, near = v * ten, whole = near + magic, back = (whole - magic) / ten;
	uint64_t bits;

	memcpy(&bits, &whole, sizeof(bits));
	*ret = (int32_t) (uint32_t) bits;
	return near < 0x1p31 - 1 && near > -0x1p31 + 1 && memcmp(&back, &v, sizeof(v)) == 0;
}

bool form_fits(uint8_t type, uint8_t form, uint64_t bits, int32_t *ret)
{
	double v;

	if (type == V_I64) {
		*ret = (int32_t) (uint32_t) bits;
		return (uint64_t) (int64_t) *ret == bits;
	}
	memcpy(&v, &bits, sizeof(v));
	return decimal_fits(v, tens[form - 1], ret);
}

typedef double v2d __attribute__((vector_size(16)));
typedef int64_t v2i __attribute__((vector_size(16)));
/* decimal_fits() of two at a time; all bits set where one does not. */
static inline __attribute__((always_inline)) v2i two_misfit(const uint64_t *bits, v2d ten, int32_t *m)
{
	const v2d magic = { 0x1.8p52, 0x1.8p52 }, most = { 0x1p31 - 1, 0x1p31 - 1 };
	v2d v;

	memcpy(&v, bits, sizeof(v));
	v2d near = v * ten, whole = near + magic, back = (whole - magic) / ten;
	m[0] = (int32_t) ((v2i) whole)[0];
	m[1] = (int32_t) ((v2i) whole)[1];
	return ((v2i) back ^ (v2i) v) | ~((near < most) & (near > -most));
}

uint32_t form_fill(uint8_t type, uint8_t form, const uint64_t *bits, uint32_t n, int32_t *m)
{
	const v2d ten = { tens[form - 1], tens[form - 1] };
	uint32_t i = 0;

	for (; type == V_I64 && i < n && (uint64_t) (int64_t) (int32_t) (uint32_t) bits[i] == bits[i]; i++)
		m[i] = (int32_t) (uint32_t) bits[i];
	for (; type == V_F64 && i + 2 <= n; i += 2) {
		int32_t two[2];
		v2i misfit = two_misfit(bits + i, ten, two);

		if (misfit[0] | misfit[1])
			break;
		memcpy(m + i, two, sizeof(two));
	}
	return i;
}

uint8_t form_holding(uint8_t type, uint8_t form, uint64_t bits)
{
	int32_t m;

	if (type != V_F64)
		return form_fits(type, form, bits, &m) ? form : FORM_WIDE;
	for (; form <= DECIMAL_E_MAX + 1; form++)
		if (form_fits(type, form, bits, &m))
			return form;
	return FORM_WIDE;
}

bool form_change(uint8_t from, uint8_t to, int32_t *m, uint32_t n)
{
	int64_t times = (int64_t) tens[to - from], most = INT32_MAX / times;

	for (uint32_t i = 0; i < n; i++)
		if (m[i] > most || m[i] < -most)
			return false;
	/* The nearest double to a decimal is the same, however many zeros are written behind it. */
	for (uint32_t i = 0; i < n; i++)
		m[i] = (int32_t) (m[i] * times);
	return true;
}

void form_widen(uint8_t type, uint8_t form, const int32_t *m, uint32_t n, uint64_t *to)
{
	for (uint32_t i = 0; i < n; i++) {
		double v = m[i] / tens[form - 1];

		if (type == V_F64)
			memcpy(&to[i], &v, sizeof(v));
		else
			to[i] = (uint64_t) (int64_t) m[i];
	}
}
