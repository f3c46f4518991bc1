/* value.c - numbers in registers, in every order that devices send them. */
#include "proto/modbus/modbus.h"

unsigned modbus_type_registers(enum modbus_type t)
{
	return t == MODBUS_I64 || t == MODBUS_U64 || t == MODBUS_F64 ? 4 : t == MODBUS_I32 || t == MODBUS_U32 || t == MODBUS_F32 ? 2 : 1;
}

static bool swaps_words(enum modbus_order o) { return o == MODBUS_CDAB || o == MODBUS_DCBA; }
static bool swaps_bytes(enum modbus_order o) { return o == MODBUS_BADC || o == MODBUS_DCBA; }

/* Where byte i (0 = most significant) of a number of n registers stands on the wire. */
static unsigned place(unsigned i, unsigned n, enum modbus_order o)
{
	unsigned word = i / 2, byte = i % 2;

	return 2 * (swaps_words(o) ? n - 1 - word : word) + (swaps_bytes(o) ? 1 - byte : byte);
}

union modbus_value modbus_get(const uint8_t *registers, enum modbus_type t, enum modbus_order order)
{
	unsigned n = modbus_type_registers(t);
	union modbus_value v = { 0 };
	uint64_t bits = 0;
	uint32_t low;

	for (unsigned i = 0; i < 2 * n; i++)
		bits = bits << 8 | registers[place(i, n, order)];
	switch (t) {
	case MODBUS_BOOL: v.b = bits != 0; break;
	case MODBUS_I16: v.i = (int16_t) bits; break;
	case MODBUS_I32: v.i = (int32_t) bits; break;
	case MODBUS_F32: low = (uint32_t) bits; memcpy(&v.f32, &low, 4); break;
	case MODBUS_F64: memcpy(&v.f64, &bits, 8); break;
	case MODBUS_I64: case MODBUS_U16: case MODBUS_U32: case MODBUS_U64: v.u = bits; break;
	}
	return v;
}

void modbus_set(uint8_t *registers, enum modbus_type t, enum modbus_order order, union modbus_value v)
{
	unsigned n = modbus_type_registers(t);
	uint64_t bits = v.u;
	uint32_t low;

	if (t == MODBUS_BOOL)
		bits = v.b;
	if (t == MODBUS_F32) {
		memcpy(&low, &v.f32, 4);
		bits = low;
	}
	if (t == MODBUS_F64)
		memcpy(&bits, &v.f64, 8);
	for (unsigned i = 2 * n; i-- > 0; bits >>= 8)
		registers[place(i, n, order)] = (uint8_t) bits;
}

bool modbus_fits(enum modbus_type t, int64_t v)
{
	switch (t) {
	case MODBUS_BOOL: return v == 0 || v == 1;
	case MODBUS_I16: return v >= INT16_MIN && v <= INT16_MAX;
	case MODBUS_U16: return v >= 0 && v <= UINT16_MAX;
	case MODBUS_I32: return v >= INT32_MIN && v <= INT32_MAX;
	case MODBUS_U32: return v >= 0 && v <= UINT32_MAX;
	case MODBUS_U64: return v >= 0;
	default: return true;
	}
}

float modbus_from_half(uint16_t bits)
{
	uint32_t sign = (uint32_t) (bits & 0x8000) << 16, exponent = bits >> 10 & 31, fraction = bits & 0x3FF, out;
	float v;

	if (exponent == 31)
		out = sign | 0x7F800000u | fraction << 13;
	else if (exponent)
		out = sign | (exponent + 112) << 23 | fraction << 13;
	else {
		/* subnormal: fraction × 2^-24, exact in a float */
		v = (float) fraction * 0x1p-24f;
		return sign ? -v : v;
	}
	memcpy(&v, &out, 4);
	return v;
}

uint16_t modbus_to_half(float v)
{
	uint32_t bits, magnitude, fraction, rest, half;
	uint16_t sign;
	unsigned shift;

	memcpy(&bits, &v, 4);
	sign = (uint16_t) (bits >> 16 & 0x8000);
	magnitude = bits & 0x7FFFFFFF;
	if (magnitude > 0x7F800000u)
		return (uint16_t) (sign | 0x7E00);              /* no number */
	if (magnitude >= 0x47800000u)
		return (uint16_t) (sign | 0x7C00);              /* 65,536 and more */
	if (magnitude < 0x33000000u)
		return sign;                                    /* below half of the smallest */
	/* as 1.fraction × 2^e, shifted to ten digits; subnormals by so much more */
	shift = magnitude < 0x38800000u ? 126 - (magnitude >> 23) : 13;
	fraction = magnitude < 0x38800000u ? (magnitude & 0x7FFFFF) | 0x800000 : magnitude - 0x38000000u;
	half = fraction >> shift;
	rest = fraction & ((1u << shift) - 1);
	half += rest > 1u << (shift - 1) || (rest == 1u << (shift - 1) && half & 1);
	return (uint16_t) (sign | half);
}

bool modbus_from_bcd(uint64_t bits, uint64_t *ret)
{
	uint64_t v = 0;

	for (int i = 15; i >= 0; i--) {
		unsigned digit = bits >> (4 * i) & 15;

		if (digit > 9)
			return false;
		v = v * 10 + digit;
	}
	*ret = v;
	return true;
}

bool modbus_to_bcd(uint64_t v, unsigned digits, uint64_t *ret)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < digits; i++, v /= 10)
		bits |= v % 10 << (4 * i);
	if (v)
		return false;
	*ret = bits;
	return true;
}

void modbus_get_text(const uint8_t *registers, unsigned n, enum modbus_order order, uint8_t *ret)
{
	for (unsigned i = 0; i < 2 * n; i++)
		ret[i] = registers[place(i, n, order)];
}

void modbus_set_text(uint8_t *registers, unsigned n, enum modbus_order order, const uint8_t *text)
{
	for (unsigned i = 0; i < 2 * n; i++)
		registers[place(i, n, order)] = text[i];
}

bool modbus_get_bit(const uint8_t *bits, unsigned i) { return bits[i / 8] >> (i % 8) & 1; }

void modbus_set_bit(uint8_t *bits, unsigned i, bool v)
{
	bits[i / 8] = (uint8_t) ((bits[i / 8] & ~(1u << (i % 8))) | (unsigned) v << (i % 8));
}

bool modbus_get_register_bit(const uint8_t *reg, enum modbus_order order, unsigned bit)
{
	return modbus_get(reg, MODBUS_U16, order).u >> (bit & 15) & 1;
}
