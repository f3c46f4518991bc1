/*
 * Frames of serial lines. Expected bytes: pymodbus 3.16.1 (FramerRTU, FramerAscii) for the requests and answers below; the CRC of
 * 02 07 stands in "MODBUS over Serial Line V1.02", 6.2.2; 4B37 is the check value of CRC-16/MODBUS in the catalogue of CRC algorithms.
 */
#include "base/err.h"
#include "proto/modbus/modbus.h"
#include "tap.h"

static size_t hex(const char *text, uint8_t *out)
{
	size_t n = 0;
	unsigned v;

	for (int used; sscanf(text, " %2x%n", &v, &used) == 1; text += used)
		out[n++] = (uint8_t) v;
	return n;
}

static const struct { const char *pdu, *rtu, *ascii; } frames[] = {
	{ "03 00 6b 00 03", "11 03 00 6b 00 03 76 87", ":1103006B00037E\r\n" },
	{ "03 06 02 2b 00 00 00 64", "11 03 06 02 2b 00 00 00 64 c8 ba", ":110306022B0000006455\r\n" },
	{ "06 00 01 00 03", "11 06 00 01 00 03 9a 9b", ":110600010003E5\r\n" },
	{ "10 00 01 00 02 04 00 0a 01 02", "11 10 00 01 00 02 04 00 0a 01 02 c6 f0", ":11100001000204000A0102CB\r\n" },
	{ "10 00 01 00 02", "11 10 00 01 00 02 12 98", ":111000010002DC\r\n" },
};

static const struct modbus_request read3 = { .fc = 3, .addr = 0x6b, .n = 3 };

TEST(check_sums_are_the_published_ones)
{
	is_int(modbus_crc("123456789", 9), 0x4B37);
	is_int(modbus_crc("\x02\x07", 2), 0x1241);
	is_int(modbus_lrc("\x11\x03\x00\x6b\x00\x03", 6), 0x7E);
}

TEST(frames_are_those_of_another_stack_both_ways)
{
	for (size_t i = 0; i < ELEMENTSOF(frames); i++) {
		uint8_t pdu[256], want[256], got[MODBUS_ASCII_ADU_MAX], scratch[MODBUS_RTU_ADU_MAX];
		size_t len = hex(frames[i].pdu, pdu), n = hex(frames[i].rtu, want);
		struct pen p = pen_of(got, sizeof(got));
		struct modbus_found f;

		printf("# %s\n", frames[i].rtu);
		modbus_rtu_frame(&p, 0x11, pdu, len);
		is_int(p.at - got, n);
		is_bytes(got, want, n);
		is_int(modbus_rtu_whole(want, n, &f), 1);
		is_int(f.unit, 0x11);
		is_int(f.len, len);
		is_bytes(f.pdu, pdu, len);
		p = pen_of(got, sizeof(got));
		modbus_ascii_frame(&p, 0x11, pdu, len);
		is_int(p.at - got, strlen(frames[i].ascii));
		is_bytes(got, frames[i].ascii, strlen(frames[i].ascii));
		is_int(modbus_ascii_find(got, (size_t) (p.at - got), scratch, &f), 1);
		is_int(f.unit, 0x11);
		is_int(f.len, len);
		is_bytes(f.pdu, pdu, len);
	}
	struct pen tight = pen_of((uint8_t[8]) { 0 }, 8);
	modbus_rtu_frame(&tight, 1, (const uint8_t *) "\x03\0\0\0\x01\0", 6);
	ok(tight.bad);
}

TEST(an_answer_is_found_however_the_line_chops_and_soils_it)
{
	static const char noise[] = "\x00\xFF\x11\x03\x11\x83\x03\x06";
	uint8_t bytes[64];
	size_t n;
	struct modbus_found f;

	memcpy(bytes, noise, 8);
	n = hex(frames[1].rtu, bytes + 8);
	for (size_t skip = 0; skip <= 8; skip++)
		for (size_t have = 0; have <= 8 - skip + n; have++) {
			int r = modbus_rtu_answer(bytes + skip, have, 0x11, &read3, &f);

			if (have < 8 - skip + n) {
				ok(r != 1);
				continue;
			}
			is_int(r, 1);
			is_int(f.from, 8 - skip);
			is_int(f.to, have);
			is_int(f.unit, 0x11);
			is_bytes(f.pdu, "\x03\x06\x02\x2b", 4);
		}
	err_clear();
}

TEST(a_damaged_answer_is_told_and_one_that_may_still_come_is_waited_for)
{
	uint8_t bytes[64];
	size_t n = hex(frames[1].rtu, bytes);
	struct modbus_found f;

	for (size_t at = 3; at < n; at++) {
		bytes[at] ^= 0x10;
		is_int(modbus_rtu_answer(bytes, n, 0x11, &read3, &f), -ERR_PEER);
		is_int(f.to, n);
		bytes[at] ^= 0x10;
	}
	/* a byte lost: the length never comes together */
	is_int(modbus_rtu_answer(bytes + 1, n - 1, 0x11, &read3, &f), 0);
	/* damaged, and behind it the beginning of another */
	bytes[5] ^= 1;
	hex(frames[1].rtu, bytes + n);
	is_int(modbus_rtu_answer(bytes, n + 4, 0x11, &read3, &f), 0);
	is_int(modbus_rtu_answer(bytes, 2 * n, 0x11, &read3, &f), 1);
	is_int(f.from, n);
	err_clear();
}

TEST(a_frame_of_somebody_else_is_a_frame_at_the_beginning_only)
{
	uint8_t bytes[64];
	size_t n = hex(frames[2].rtu, bytes);
	struct modbus_found f;

	is_int(modbus_rtu_answer(bytes, n, 0x05, &read3, &f), 1);
	is_int(f.unit, 0x11);
	is_int(f.pdu[0], 6);
	hex(frames[1].rtu, bytes + n);
	is_int(modbus_rtu_answer(bytes + 1, n + 10, 0x11, &read3, &f), 1);
	is_int(f.pdu[0], 3);
}

TEST(identification_has_the_length_of_its_objects)
{
	/* V1.1b3, 6.21 (page 45), one object cut off for brevity */
	static const char pdu[] = "\x2B\x0E\x01\x01\x00\x00\x02\x00\x03" "abc" "\x01\x02" "de";
	uint8_t bytes[64];
	struct pen p = pen_of(bytes, sizeof(bytes));
	struct modbus_request q = { .fc = MODBUS_ENCAPSULATED, .id_code = 1 };
	struct modbus_found f;

	modbus_rtu_frame(&p, 1, (const uint8_t *) pdu, 16);
	for (size_t n = 0; n < (size_t) (p.at - bytes); n++)
		is_int(modbus_rtu_answer(bytes, n, 1, &q, &f), 0);
	is_int(modbus_rtu_answer(bytes, (size_t) (p.at - bytes), 1, &q, &f), 1);
	is_int(f.len, 16);
}

TEST(a_server_finds_requests_and_by_silence_even_unknown_ones)
{
	uint8_t bytes[64] = { 0x99 };
	size_t n = 1 + hex(frames[3].rtu, bytes + 1);
	struct modbus_found f;
	struct pen p;

	for (size_t have = 0; have < n; have++)
		is_int(modbus_rtu_request(bytes, have, &f), 0);
	is_int(modbus_rtu_request(bytes, n, &f), 1);
	is_int(f.from, 1);
	is_int(f.len, 10);
	p = pen_of(bytes, sizeof(bytes));
	modbus_rtu_frame(&p, 7, (const uint8_t *) "\x11", 1);   /* 17, report server id: not ours */
	is_int(modbus_rtu_request(bytes, 4, &f), 0);
	is_int(modbus_rtu_whole(bytes, 4, &f), 1);
	is_int(f.pdu[0], 0x11);
	bytes[1] ^= 1;
	is_int(modbus_rtu_whole(bytes, 4, &f), 0);
}

TEST(ascii_begins_at_the_last_colon_and_tells_what_is_wrong)
{
	static const struct { const char *text; int want; size_t from, to; } rows[] = {
		{ "", 0, 0, 0 }, { ":1103006B00037E\r", 0, 0, 0 }, { "noise\n:1103006B00037E\r\n", 1, 6, 23 },
		{ ":11:1103006B00037E\r\n", 1, 3, 20 }, { ":1103006b00037e\n", 1, 0, 16 }, { ":1103006B00037D\r\n", -ERR_PEER, 0, 17 },
		{ ":1103006B0003E\r\n", -ERR_PEER, 0, 16 }, { ":110300GB00037E\r\n", -ERR_PEER, 0, 17 }, { ":\r\n", -ERR_PEER, 0, 3 },
	};
	uint8_t scratch[MODBUS_RTU_ADU_MAX];

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct modbus_found f = { 0 };

		printf("# %zu\n", i);
		is_int(modbus_ascii_find((const uint8_t *) rows[i].text, strlen(rows[i].text), scratch, &f), rows[i].want);
		if (rows[i].want) {
			is_int(f.from, rows[i].from);
			is_int(f.to, rows[i].to);
		}
	}
	err_clear();
}

TEST(a_line_keeps_the_newest_bytes)
{
	static struct modbus_line l;
	static uint8_t many[3000];
	struct cur in = cur_of("abc", 3);

	for (size_t i = 0; i < sizeof(many); i++)
		many[i] = (uint8_t) (i % 251);
	modbus_line_add(&l, &in);
	is_int(l.len, 3);
	modbus_line_drop(&l, 2);
	is_bytes(l.bytes, "c", 1);
	in = cur_of(many, 1000);
	modbus_line_add(&l, &in);
	is_int(l.len, 1001);
	in = cur_of(many, 100);
	modbus_line_add(&l, &in);
	is_int(l.len, sizeof(l.bytes));
	is_bytes(l.bytes + l.len - 100, many, 100);
	in = cur_of(many, sizeof(many));
	modbus_line_add(&l, &in);
	is_int(l.len, sizeof(l.bytes));
	is_bytes(l.bytes, many + sizeof(many) - sizeof(l.bytes), sizeof(l.bytes));
	is_int(cur_left(&in), 0);
	modbus_line_drop(&l, 100000);
	is_int(l.len, 0);
}
