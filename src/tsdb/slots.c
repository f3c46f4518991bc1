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
