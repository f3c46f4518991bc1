/*
 * Expected bytes are the examples of "MODBUS Application Protocol Specification V1.1b3" (April 26, 2012); each row names the
 * section, whose example table stands on the page given. Framing: "MODBUS Messaging on TCP/IP Implementation Guide V1.0b".
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

static const struct example {
	const char *where;
	struct modbus_request q;
	const char *q_data, *q_bytes, *a_bytes;
	struct modbus_response a;
	const char *a_data;
} examples[] = {
	{ "6.1 p.12", { .fc = 1, .addr = 0x13, .n = 0x13 }, "", "01 00 13 00 13", "01 03 CD 6B 05", { .fc = 1 }, "CD 6B 05" },
	{ "6.2 p.13", { .fc = 2, .addr = 0xC4, .n = 0x16 }, "", "02 00 C4 00 16", "02 03 AC DB 35", { .fc = 2 }, "AC DB 35" },
	{ "6.3 p.15", { .fc = 3, .addr = 0x6B, .n = 3 }, "", "03 00 6B 00 03", "03 06 02 2B 00 00 00 64", { .fc = 3 }, "02 2B 00 00 00 64" },
	{ "6.4 p.16", { .fc = 4, .addr = 8, .n = 1 }, "", "04 00 08 00 01", "04 02 00 0A", { .fc = 4 }, "00 0A" },
	{ "6.5 p.18", { .fc = 5, .addr = 0xAC, .n = 1, .value = 0xFF00 }, "", "05 00 AC FF 00", "05 00 AC FF 00",
		{ .fc = 5, .addr = 0xAC, .value = 0xFF00 }, "" },
	{ "6.6 p.19", { .fc = 6, .addr = 1, .n = 1, .value = 3 }, "", "06 00 01 00 03", "06 00 01 00 03", { .fc = 6, .addr = 1, .value = 3 }, "" },
	{ "6.11 p.29", { .fc = 15, .addr = 0x13, .n = 10 }, "CD 01", "0F 00 13 00 0A 02 CD 01", "0F 00 13 00 0A", { .fc = 15, .addr = 0x13, .n = 10 }, "" },
	{ "6.12 p.31", { .fc = 16, .addr = 1, .n = 2 }, "00 0A 01 02", "10 00 01 00 02 04 00 0A 01 02", "10 00 01 00 02",
		{ .fc = 16, .addr = 1, .n = 2 }, "" },
	{ "6.16 p.37", { .fc = 22, .addr = 4, .n = 1, .and_mask = 0xF2, .or_mask = 0x25 }, "", "16 00 04 00 F2 00 25", "16 00 04 00 F2 00 25",
		{ .fc = 22, .addr = 4, .and_mask = 0xF2, .or_mask = 0x25 }, "" },
	{ "6.17 p.39", { .fc = 23, .addr = 3, .n = 6, .write_addr = 14, .write_n = 3 }, "00 FF 00 FF 00 FF",
		"17 00 03 00 06 00 0E 00 03 06 00 FF 00 FF 00 FF", "17 0C 00 FE 0A CD 00 01 00 03 00 0D 00 FF", { .fc = 23 },
		"00 FE 0A CD 00 01 00 03 00 0D 00 FF" },
	/* The example of 6.21 prints the length of object 1 as 0D; "Product code XX" has 0F characters. */
	{ "6.21 p.45", { .fc = 43, .id_code = 1 }, "", "2B 0E 01 00",
		"2B 0E 01 01 00 00 03 00 16 43 6F 6D 70 61 6E 79 20 69 64 65 6E 74 69 66 69 63 61 74 69 6F 6E"
		" 01 0F 50 72 6F 64 75 63 74 20 63 6F 64 65 20 58 58 02 05 56 32 2E 31 31",
		{ .fc = 43, .id_code = 1, .conformity = 1, .n_objects = 3 },
		"00 16 43 6F 6D 70 61 6E 79 20 69 64 65 6E 74 69 66 69 63 61 74 69 6F 6E"
		" 01 0F 50 72 6F 64 75 63 74 20 63 6F 64 65 20 58 58 02 05 56 32 2E 31 31" },
};

TEST(requests_are_the_examples_of_the_specification_both_ways)
{
	for (size_t i = 0; i < ELEMENTSOF(examples); i++) {
		const struct example *e = &examples[i];
		uint8_t data[256], want[256], got[256];
		struct modbus_request q = e->q, back;
		size_t n = hex(e->q_bytes, want);
		struct pen p = pen_of(got, sizeof(got));

		q.len = (uint16_t) hex(e->q_data, data);
		q.data = data;
		printf("# %s\n", e->where);
		is_int(modbus_request_encode(&q, &p), 0);
		is_int(p.at - got, n);
		is_bytes(got, want, n);
		is_int(modbus_request_decode(want, n, &back), 0);
		is_int(back.fc, q.fc);
		is_int(back.addr, q.addr);
		is_int(back.value, q.value);
		is_int(back.len, q.len);
		if (q.len)
			is_bytes(back.data, q.data, q.len);
		is_int(back.write_addr, q.write_addr);
		is_int(back.and_mask | back.or_mask << 16, q.and_mask | q.or_mask << 16);
	}
}

TEST(responses_are_the_examples_of_the_specification_both_ways)
{
	for (size_t i = 0; i < ELEMENTSOF(examples); i++) {
		const struct example *e = &examples[i];
		uint8_t data[256], want[256], got[256];
		struct modbus_request q = e->q;
		struct modbus_response a = e->a, back = { 0 };
		size_t n = hex(e->a_bytes, want);
		struct pen p = pen_of(got, sizeof(got));

		a.len = (uint16_t) hex(e->a_data, data);
		a.data = data;
		printf("# %s\n", e->where);
		is_int(modbus_response_encode(&a, &p), 0);
		is_int(p.at - got, n);
		is_bytes(got, want, n);
		is_int(modbus_response_decode(want, n, &q, &back), 0);
		is_int(back.exception, 0);
		is_int(back.len, a.len);
		if (a.len && back.len)
			is_bytes(back.data, data, a.len);
	}
}

TEST(every_truncation_and_every_extra_byte_is_refused)
{
	for (size_t i = 0; i < ELEMENTSOF(examples); i++) {
		const struct example *e = &examples[i];
		uint8_t bytes[256] = { 0 };
		struct modbus_request q;
		struct modbus_response a;
		size_t n = hex(e->a_bytes, bytes);

		printf("# %s\n", e->where);
		for (size_t len = 0; len < n; len++)
			is_int(modbus_response_decode(bytes, len, &e->q, &a), -ERR_PEER);
		is_int(modbus_response_decode(bytes, n + 1, &e->q, &a), -ERR_PEER);
		memset(bytes, 0, sizeof(bytes));
		n = hex(e->q_bytes, bytes);
		for (size_t len = 0; len < n; len++)
			ok(modbus_request_decode(bytes, len, &q) > 0);
		is_int(modbus_request_decode(bytes, n + 1, &q), MODBUS_ILLEGAL_VALUE);
	}
	err_clear();
}

/* Section 7 p.47: the example answers a read of coil 0x04A1 with 81 02. */
TEST(an_exception_is_the_function_with_its_top_bit_and_a_code)
{
	uint8_t got[8];
	struct pen p = pen_of(got, sizeof(got));
	struct modbus_response a = { .fc = 1, .exception = MODBUS_ILLEGAL_ADDRESS }, back;
	struct modbus_request q = { .fc = 1, .addr = 0x4A1, .n = 1 };

	is_int(modbus_response_encode(&a, &p), 0);
	is_bytes(got, "\x81\x02", 2);
	is_int(modbus_response_decode(got, 2, &q, &back), 0);
	is_int(back.exception, 2);
	is_str(modbus_exception_id(back.exception), "illegal_address");
	is_int(modbus_response_decode((const uint8_t *) "\x83\x02", 2, &q, &back), -ERR_PEER);
	is_int(modbus_response_decode((const uint8_t *) "\x81\x00", 2, &q, &back), -ERR_PEER);
	err_clear();
}

/* The state diagrams of section 6: quantity wrong is 03, range beyond 65535 is 02, code unknown is 01. */
TEST(a_server_answers_wrong_requests_with_the_right_exception)
{
	static const struct { const char *bytes; int want; } rows[] = {
		{ "01 00 00 07 D0", 0 }, { "01 00 00 07 D1", 3 }, { "01 00 00 00 00", 3 },
		{ "03 00 00 00 7D", 0 }, { "03 00 00 00 7E", 3 }, { "03 FF FF 00 01", 0 }, { "03 FF FF 00 02", 2 },
		{ "05 00 00 12 34", 3 }, { "0F 00 00 00 09 01 FF", 3 }, { "10 00 00 00 01 04 00 00 00 00", 3 },
		{ "17 00 00 00 01 FF FF 00 02 04 00 00 00 00", 2 }, { "2B 0D 00 00", 1 }, { "2B 0E 05 00", 3 },
		{ "07", 1 }, { "63 00", 1 },
	};
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		uint8_t b[32];
		struct modbus_request q;

		printf("# %s\n", rows[i].bytes);
		is_int(modbus_request_decode(b, hex(rows[i].bytes, b), &q), rows[i].want);
	}
}

TEST(what_the_specification_forbids_is_not_encoded)
{
	static const struct modbus_request bad[] = {
		{ .fc = 3, .n = 126 }, { .fc = 3, .n = 0 }, { .fc = 1, .n = 2001 }, { .fc = 3, .addr = 65535, .n = 2 },
		{ .fc = 5, .n = 1, .value = 1 }, { .fc = 99, .n = 1 }, { .fc = 16, .n = 2, .len = 2 }, { .fc = 15, .n = 1969, .len = 247 },
	};
	uint8_t out[300];

	for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
		struct pen p = pen_of(out, sizeof(out));

		is_int(modbus_request_encode(&bad[i], &p), -ERR_INVALID);
		is_int(p.at - out, 0);
	}
	struct pen tight = pen_of(out, 4);
	is_int(modbus_request_encode(&(struct modbus_request) { .fc = 3, .n = 1 }, &tight), -ERR_TOO_LARGE);
	err_clear();
}

TEST(the_objects_of_a_device_come_one_by_one)
{
	uint8_t b[64];
	struct modbus_response a;
	struct modbus_object o;
	struct cur list;

	must(modbus_response_decode(b, hex(examples[10].a_bytes, b), &examples[10].q, &a) == 0);
	list = cur_of(a.data, a.len);
	must(modbus_object_next(&list, &o) && o.id == 0 && o.len == 22);
	is_bytes(o.text, "Company identification", 22);
	must(modbus_object_next(&list, &o) && o.id == 1);
	must(modbus_object_next(&list, &o) && o.id == 2 && o.len == 5);
	is_bytes(o.text, "V2.11", 5);
	ok(!modbus_object_next(&list, &o) && !list.bad);
}

/* Implementation Guide section 4.4.2.1: transaction 1501, unit FF, "read register 5" (address 4). */
static const uint8_t frame[] = { 0x15, 0x01, 0, 0, 0, 6, 0xFF, 3, 0, 4, 0, 1 };

TEST(the_mbap_header_is_the_guides_example)
{
	uint8_t got[16];
	struct pen p = pen_of(got, sizeof(got));

	modbus_tcp_header(&p, 0x1501, 0xFF, 5);
	is_int(modbus_request_encode(&(struct modbus_request) { .fc = 3, .addr = 4, .n = 1 }, &p), 0);
	is_int(p.at - got, sizeof(frame));
	is_bytes(got, frame, sizeof(frame));
}

TEST(frames_come_whole_whatever_the_pieces_of_the_stream)
{
	uint8_t stream[3 * sizeof(frame)];

	for (size_t i = 0; i < 3; i++) {
		memcpy(stream + i * sizeof(frame), frame, sizeof(frame));
		stream[i * sizeof(frame) + 1] = (uint8_t) i;
	}
	for (size_t step = 1; step <= sizeof(stream); step++) {
		struct modbus_tcp_splitter s = { 0 };
		unsigned found = 0;

		for (size_t at = 0; at < sizeof(stream); at += step) {
			struct cur in = cur_of(stream + at, MIN(step, sizeof(stream) - at));
			struct modbus_tcp t;

			while (modbus_tcp_split(&s, &in, &t) == 1) {
				is_int(t.transaction, 0x1500 + found);
				is_int(t.unit, 0xFF);
				is_int(t.len, 5);
				is_bytes(t.pdu, frame + 7, 5);
				found++;
			}
			is_int(cur_left(&in), 0);
		}
		is_int(found, 3);
		is_int(s.len, 0);
	}
}

TEST(a_stream_that_is_not_modbus_is_told_from_one_that_is)
{
	static const char *const bad[] = { "00 01 00 01 00 06 01 03", "00 01 00 00 00 01 01", "00 01 00 00 00 FF 01", "48 54 54 50 2F 31 2E 31" };
	uint8_t b[16];

	for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
		struct modbus_tcp_splitter s = { 0 };
		struct modbus_tcp t;
		struct cur in = cur_of(b, hex(bad[i], b));

		is_int(modbus_tcp_split(&s, &in, &t), -ERR_PEER);
	}
	err_clear();
}

/* Exact by construction:
 * 1.0f = 3F800000, -2.5f = C0200000 (IEEE 754-2008, 3.4), 0x01234567 and 0x0123456789ABCDEF as counting bytes. */
TEST(numbers_stand_in_every_byte_order)
{
	static const struct { enum modbus_type t; enum modbus_order o; const char *wire; uint64_t bits; } rows[] = {
		{ MODBUS_U32, MODBUS_ABCD, "01 23 45 67", 0x01234567 }, { MODBUS_U32, MODBUS_CDAB, "45 67 01 23", 0x01234567 },
		{ MODBUS_U32, MODBUS_BADC, "23 01 67 45", 0x01234567 }, { MODBUS_U32, MODBUS_DCBA, "67 45 23 01", 0x01234567 },
		{ MODBUS_U64, MODBUS_ABCD, "01 23 45 67 89 AB CD EF", 0x0123456789ABCDEF },
		{ MODBUS_U64, MODBUS_CDAB, "CD EF 89 AB 45 67 01 23", 0x0123456789ABCDEF },
		{ MODBUS_U64, MODBUS_BADC, "23 01 67 45 AB 89 EF CD", 0x0123456789ABCDEF },
		{ MODBUS_U64, MODBUS_DCBA, "EF CD AB 89 67 45 23 01", 0x0123456789ABCDEF },
		{ MODBUS_U16, MODBUS_ABCD, "12 34", 0x1234 }, { MODBUS_U16, MODBUS_CDAB, "12 34", 0x1234 },
		{ MODBUS_U16, MODBUS_BADC, "34 12", 0x1234 }, { MODBUS_U16, MODBUS_DCBA, "34 12", 0x1234 },
		{ MODBUS_I16, MODBUS_ABCD, "FF FE", (uint64_t) -2 }, { MODBUS_I32, MODBUS_CDAB, "FF FE FF FF", (uint64_t) -2 },
		{ MODBUS_I64, MODBUS_ABCD, "FF FF FF FF FF FF FF FE", (uint64_t) -2 },
	};
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		uint8_t wire[8], back[8];
		size_t n = hex(rows[i].wire, wire);
		union modbus_value v = modbus_get(wire, rows[i].t, rows[i].o);

		printf("# %s\n", rows[i].wire);
		is_int(n, 2 * modbus_type_registers(rows[i].t));
		ok(v.u == rows[i].bits);
		modbus_set(back, rows[i].t, rows[i].o, v);
		is_bytes(back, wire, n);
	}
	ok(modbus_get((const uint8_t *) "\x3F\x80\0\0", MODBUS_F32, MODBUS_ABCD).f32 == 1.0f);
	ok(modbus_get((const uint8_t *) "\0\0\xC0\x20", MODBUS_F32, MODBUS_CDAB).f32 == -2.5f);
	ok(modbus_get((const uint8_t *) "\xC0\x04\0\0\0\0\0\0", MODBUS_F64, MODBUS_ABCD).f64 == -2.5);
	uint8_t wire[8];
	modbus_set(wire, MODBUS_F32, MODBUS_BADC, (union modbus_value) { .f32 = -2.5f });
	is_bytes(wire, "\x20\xC0\0\0", 4);
	modbus_set(wire, MODBUS_F64, MODBUS_DCBA, (union modbus_value) { .f64 = -2.5 });
	is_bytes(wire, "\0\0\0\0\0\0\x04\xC0", 8);
}

TEST(integers_know_what_fits)
{
	ok(modbus_fits(MODBUS_I16, -32768) && !modbus_fits(MODBUS_I16, 32768));
	ok(modbus_fits(MODBUS_U16, 65535) && !modbus_fits(MODBUS_U16, -1) && !modbus_fits(MODBUS_U16, 65536));
	ok(modbus_fits(MODBUS_U32, 4294967295) && !modbus_fits(MODBUS_U32, 4294967296));
	ok(modbus_fits(MODBUS_I64, INT64_MIN) && !modbus_fits(MODBUS_U64, -1));
}

/* 6.1 p.12: CD is 1100 1101 for outputs 27 to 20; output 20 is the lowest bit. 6.3 p.15: bit 0 is the lowest of a register. */
TEST(bits_count_from_the_lowest)
{
	uint8_t bits[3] = { 0xCD, 0x6B, 0x05 }, copy[3] = { 0 };
	static const char want[] = "1011001111010110101";

	for (unsigned i = 0; want[i]; i++) {
		is_int(modbus_get_bit(bits, i), want[i] == '1');
		modbus_set_bit(copy, i, want[i] == '1');
	}
	is_bytes(copy, bits, 3);
	modbus_set_bit(copy, 0, false);
	is_int(copy[0], 0xCC);
	ok(modbus_get_register_bit((const uint8_t *) "\x80\x01", MODBUS_ABCD, 15) && modbus_get_register_bit((const uint8_t *) "\x80\x01", MODBUS_ABCD, 0));
	ok(modbus_get_register_bit((const uint8_t *) "\x01\x00", MODBUS_BADC, 0) && !modbus_get_register_bit((const uint8_t *) "\x01\x00", MODBUS_ABCD, 0));
}
