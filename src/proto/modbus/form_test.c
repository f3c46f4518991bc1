/* What devices put into registers besides plain numbers. Half precision: Python's struct, format "e" (nearest, ties to even). */
#include "proto/modbus/modbus.h"
#include "tap.h"

static const struct { float v; uint16_t bits; } halves[] = {
	{ 0x0.0p+0f, 0x0000 },
	{ -0x0.0p+0f, 0x8000 },
	{ 0x1.0000000000000p+0f, 0x3C00 },
	{ -0x1.4000000000000p+1f, 0xC100 },
	{ 0x1.ffc0000000000p+15f, 0x7BFF },
	{ 0x1.0000000000000p-14f, 0x0400 },
	{ 0x1.0000000000000p-24f, 0x0001 },
	{ 0x1.99999a0000000p-4f, 0x2E66 },
	{ 0x1.5555560000000p-2f, 0x3555 },
	{ 0x1.0020000000000p+11f, 0x6800 },
	{ 0x1.0060000000000p+11f, 0x6802 },
	{ -0x1.5798ee0000000p-27f, 0x8000 },
	{ 0x1.0000000000000p-25f, 0x0000 },
	{ 0x1.0000020000000p-25f, 0x0001 },
	{ 0x1.ff80000000000p-15f, 0x03FF },
	{ 0x1.ffde000000000p+15f, 0x7BFF },
	{ __builtin_inff(), 0x7C00 },
};

TEST(halves_are_those_of_another_codec)
{
	for (size_t i = 0; i < ELEMENTSOF(halves); i++) {
		printf("# %g\n", (double) halves[i].v);
		is_int(modbus_to_half(halves[i].v), halves[i].bits);
	}
	ok(modbus_from_half(0x3C00) == 1.0f && modbus_from_half(0xC100) == -2.5f && modbus_from_half(0x0001) == 0x1p-24f);
	ok(modbus_from_half(0x2E66) == 0x1.998p-4f && modbus_from_half(0x7BFF) == 65504.0f && modbus_from_half(0x83FF) == -0x1.ff8p-15f);
	ok(modbus_to_half(__builtin_nanf("")) == 0x7E00 && modbus_to_half(-1e30f) == 0xFC00);
}

TEST(every_half_comes_back)
{
	unsigned wrong = 0;

	for (uint32_t bits = 0; bits <= 0xFFFF; bits++) {
		float v = modbus_from_half((uint16_t) bits);

		wrong += v == v && modbus_to_half(v) != bits;
		wrong += (v != v) != ((bits & 0x7C00) == 0x7C00 && (bits & 0x3FF) != 0);
	}
	is_int(wrong, 0);
}

TEST(decimal_digits_are_read_and_written)
{
	static const struct { uint64_t bits, v; unsigned digits; } rows[] = {
		{ 0x1234, 1234, 4 }, { 0x9999, 9999, 4 }, { 0, 0, 4 }, { 0x12345678, 12345678, 8 }, { 0x9999999999999999, 9999999999999999, 16 },
	};
	uint64_t got = 7;

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		ok(modbus_from_bcd(rows[i].bits, &got) && got == rows[i].v);
		ok(modbus_to_bcd(rows[i].v, rows[i].digits, &got) && got == rows[i].bits);
	}
	ok(!modbus_from_bcd(0x12A4, &got) && !modbus_from_bcd(0xF000000000000000, &got));
	ok(!modbus_to_bcd(10000, 4, &got) && !modbus_to_bcd(UINT64_MAX, 16, &got));
}

TEST(texts_follow_the_order)
{
	static const struct { enum modbus_order order; const char *wire; } rows[] = {
		{ MODBUS_ABCD, "TENON!" }, { MODBUS_BADC, "ETON!N" }, { MODBUS_CDAB, "N!NOTE" }, { MODBUS_DCBA, "!NONET" },
	};
	uint8_t got[6];

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		modbus_get_text((const uint8_t *) rows[i].wire, 3, rows[i].order, got);
		is_bytes(got, "TENON!", 6);
		modbus_set_text(got, 3, rows[i].order, (const uint8_t *) "TENON!");
		is_bytes(got, rows[i].wire, 6);
	}
}
