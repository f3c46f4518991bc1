/*
 * The driver on a serial line: noise, echo, damage, lateness. Frames are those of MODBUS over Serial Line V1.02; check sums are made by
 * the functions that modbus_serial's tests hold against another stack.
 */
#include "base/err.h"
#include "link/south/modbus/modbus.h"
#include "tap.h"

extern const struct driver driver_modbus_serial, driver_modbus_dial_in;

struct bench {
	struct modbus_config config;
	struct modbus_device_config device_config[2];
	struct modbus_device device[2];
	struct modbus_session session;
	struct driver_request read;
	uint8_t asked[600];
	size_t n_asked;
};

/* A line with units 1 and 2, and a question for three holding registers from 0x6B on. */
static struct bench *bench_of(int mode)
{
	static struct bench b;

	b = (struct bench) {
		.config = { .device = "/dev/ttyS0", .timeout_ms = 1000, .max_registers = 125, .max_bits = 2000, .check_unit = true, .mode = mode, .baud = 9600 },
		.device_config = { { .unit = 1, .gap_registers = -1, .write_single = true }, { .unit = 2, .gap_registers = -1, .write_single = true } },
		.read = { .count = 1, .code = 3, .from = 0x6B, .to = 0x6E },
	};
	is_int(driver_modbus_serial.open(&b.session, &b.config), 0);
	for (int i = 0; i < 2; i++)
		driver_modbus_serial.attach(&b.session, &b.device[i], &b.device_config[i]);
	return &b;
}

static void ask(struct bench *b, int unit)
{
	struct driver_job job = { .device = &b->device[unit - 1], .request = &b->read };
	struct pen p = pen_of(b->asked, sizeof(b->asked));

	must(driver_modbus_serial.next(&b->session, &job, 0, &p) == 0);
	b->n_asked = (size_t) (p.at - b->asked);
}

static void ask_write(struct bench *b, int unit)
{
	struct modbus_address a = { .table = MODBUS_HOLDING, .number = 1, .bit = -1, .length = 1 };
	struct driver_point p = { &a, POINT_U16 };
	struct driver_write w;
	struct driver_job job = { .device = &b->device[unit - 1], .write = &w };
	struct pen out = pen_of(b->asked, sizeof(b->asked));

	must(modbus_write(&b->device[unit - 1], &p, (struct value) { .type = V_I64, .i = 3 }, &w) == 0);
	job.request = &w.request;
	must(driver_modbus_serial.next(&b->session, &job, 0, &out) == 0);
	b->n_asked = (size_t) (out.at - b->asked);
}

static size_t frame(struct bench *b, uint8_t unit, const char *pdu, size_t len, uint8_t *out)
{
	struct pen p = pen_of(out, MODBUS_ASCII_ADU_MAX);

	if (b->config.mode)
		modbus_ascii_frame(&p, unit, (const uint8_t *) pdu, len);
	else
		modbus_rtu_frame(&p, unit, (const uint8_t *) pdu, len);
	return (size_t) (p.at - out);
}
#define ANSWER "\x03\x06\x02\x2B\x00\x00\x00\x64"      /* V1.1b3, 6.3 */

/* What is said of these bytes, in steps of `step`; strays and nothings are passed over. */
static struct driver_event hear(struct bench *b, const uint8_t *bytes, size_t n, size_t step)
{
	struct driver_event e = { 0 };

	for (size_t at = 0; at < n; at += step) {
		struct cur in = cur_of(bytes + at, MIN(step, n - at));

		do {
			is_int(driver_modbus_serial.feed(&b->session, &in, 0, &e), 0);
			if (e.said == DRIVER_ANSWER || e.said == DRIVER_REFUSED || e.said == DRIVER_WRONG)
				return e;
		} while (e.said != DRIVER_NOTHING);
		is_int(cur_left(&in), 0);
	}
	return e;
}

TEST(an_answer_is_heard_in_any_pieces_in_both_modes)
{
	for (int mode = 0; mode < 2; mode++)
		for (size_t step = 1; step < 24; step++) {
			struct bench *b = bench_of(mode);
			uint8_t bytes[600];
			size_t n = frame(b, 1, ANSWER, 8, bytes);
			struct driver_event e;

			ask(b, 1);
			is_bytes(b->asked, mode ? ":0103006B00038E\r\n" : "\x01\x03\x00\x6B\x00\x03\x74\x17", b->n_asked);
			e = hear(b, bytes, n, step);
			is_int(e.said, DRIVER_ANSWER);
			is_int(e.len, 6);
			is_bytes(e.data, "\x02\x2B\x00\x00\x00\x64", 6);
		}
}

TEST(noise_around_an_answer_does_not_hide_it)
{
	for (int mode = 0; mode < 2; mode++)
		for (size_t step = 1; step < 40; step += 3) {
			struct bench *b = bench_of(mode);
			uint8_t bytes[600] = "\x01\x03\xFF\x00\x01";
			size_t n = 5 + frame(b, 1, ANSWER, 8, bytes + 5);

			ask(b, 1);
			memcpy(bytes + n, "\xFE\xFE", 2);
			is_int(hear(b, bytes, n + 2, step).said, DRIVER_ANSWER);
			/* what was left over is not the next answer's */
			ask(b, 2);
			n = frame(b, 2, ANSWER, 8, bytes);
			is_int(hear(b, bytes, n, step).said, DRIVER_ANSWER);
		}
}

TEST(an_echo_is_learnt_and_forgotten)
{
	for (int mode = 0; mode < 2; mode++)
		for (size_t step = 1; step < 60; step += 7) {
			struct bench *b = bench_of(mode);
			uint8_t bytes[1200];
			size_t n;

			for (int i = 0; i < 2; i++) {
				ask(b, 1);
				memcpy(bytes, b->asked, b->n_asked);
				n = b->n_asked + frame(b, 1, ANSWER, 8, bytes + b->n_asked);
				is_int(hear(b, bytes, n, step).said, DRIVER_ANSWER);
				ok(b->session.echoes);
			}
			/* on such a line the first copy of a write is no answer yet, the second is */
			ask_write(b, 1);
			memcpy(bytes, b->asked, b->n_asked);
			is_int(hear(b, bytes, b->n_asked, step).said, DRIVER_NOTHING);
			is_int(hear(b, bytes, b->n_asked, step).said, DRIVER_ANSWER);
			/* another adapter: no echo any more */
			ask(b, 1);
			n = frame(b, 1, ANSWER, 8, bytes);
			is_int(hear(b, bytes, n, step).said, DRIVER_ANSWER);
			ok(!b->session.echoes);
			ask_write(b, 1);
			is_int(hear(b, b->asked, b->n_asked, step).said, DRIVER_ANSWER);
		}
}

/* The address of the question reads as the byte count of the right answer: still an echo, not a damaged answer. */
TEST(an_echo_that_looks_like_an_answer_is_one)
{
	struct bench *b = bench_of(0);
	uint8_t bytes[600];
	size_t n;

	b->read = (struct driver_request) { .count = 1, .code = 3, .from = 0x0200, .to = 0x0201 };
	ask(b, 1);
	memcpy(bytes, b->asked, b->n_asked);
	n = b->n_asked + frame(b, 1, "\x03\x02\x00\x07", 4, bytes + b->n_asked);
	is_int(hear(b, bytes, n, 1).said, DRIVER_ANSWER);
}

TEST(a_damaged_answer_is_told_at_once_and_a_cut_one_when_time_is_over)
{
	for (int mode = 0; mode < 2; mode++) {
		struct bench *b = bench_of(mode);
		uint8_t bytes[600];
		size_t n = frame(b, 1, ANSWER, 8, bytes);
		struct driver_event e;

		ask(b, 1);
		bytes[n - 5] ^= 1;
		e = hear(b, bytes, n, 3);
		is_int(e.said, DRIVER_WRONG);
		is_int(e.quality, (uint32_t) QUALITY_BAD_PROTOCOL);
		bytes[n - 5] ^= 1;
		ask(b, 1);
		is_int(hear(b, bytes, n - 1, n).said, DRIVER_NOTHING);
		is_int(driver_modbus_serial.expired(&b->session, 0), 1);
		is_int(err_peek()->kind, ERR_PEER);
		ask(b, 1);
		is_int(driver_modbus_serial.expired(&b->session, 0), 0);
		err_clear();
	}
}

TEST(an_answer_that_comes_too_late_is_nobodys)
{
	for (int mode = 0; mode < 2; mode++) {
		struct bench *b = bench_of(mode);
		uint8_t bytes[1200];
		size_t n;

		/* while nothing is asked */
		ask(b, 1);
		driver_modbus_serial.expired(&b->session, 0);
		n = frame(b, 1, ANSWER, 8, bytes);
		is_int(hear(b, bytes, n, n).said, DRIVER_NOTHING);
		/* while another unit is asked: its own answer follows */
		ask(b, 1);
		driver_modbus_serial.expired(&b->session, 0);
		ask(b, 2);
		n = frame(b, 1, ANSWER, 8, bytes);
		n += frame(b, 2, "\x03\x06\0\1\0\2\0\3", 8, bytes + n);
		is_bytes(hear(b, bytes, n, n).data, "\0\1\0\2\0\3", 6);
		/* the same unit, another length */
		ask(b, 1);
		driver_modbus_serial.expired(&b->session, 0);
		b->read.to++;
		ask(b, 1);
		n = frame(b, 1, ANSWER, 8, bytes);
		n += frame(b, 1, "\x03\x08\0\1\0\2\0\3\0\4", 10, bytes + n);
		is_bytes(hear(b, bytes, n, 1).data, "\0\1\0\2\0\3\0\4", 8);
		err_clear();
	}
}

TEST(a_stranger_on_the_line_is_told)
{
	for (int mode = 0; mode < 2; mode++) {
		struct bench *b = bench_of(mode);
		uint8_t bytes[600];
		size_t n = frame(b, 9, ANSWER, 8, bytes);

		ask(b, 1);
		is_int(hear(b, bytes, n, n).said, DRIVER_WRONG);
		b->config.check_unit = false;
		ask(b, 1);
		is_int(hear(b, bytes, n, n).said, DRIVER_ANSWER);
		b->config.check_unit = true;
		ask(b, 1);
		n = frame(b, 1, "\x04\x06\0\0\0\0\0\0", 8, bytes);
		is_int(hear(b, bytes, n, n).said, DRIVER_WRONG);
		ask(b, 1);
		n = frame(b, 1, "\x83\x02", 2, bytes);
		is_int(hear(b, bytes, n, 1).said, DRIVER_REFUSED);
		err_clear();
	}
}

TEST(an_address_offset_is_added_on_the_wire_alone)
{
	struct bench *b = bench_of(0);
	uint8_t bytes[600];
	struct driver_job job = { .device = &b->device[0], .request = &b->read };
	struct pen p = pen_of(bytes, sizeof(bytes));

	b->device_config[0].shift = -1;
	ask(b, 1);
	is_bytes(b->asked, "\x01\x03\x00\x6A\x00\x03", 6);
	ask_write(b, 1);
	is_bytes(b->asked, "\x01\x06\x00\x00\x00\x03", 6);
	is_int(hear(b, b->asked, b->n_asked, 1).said, DRIVER_ANSWER);
	b->read.from = 0;
	b->read.to = 1;
	is_int(driver_modbus_serial.next(&b->session, &job, 0, &p), -ERR_INVALID);
	err_clear();
}

/* V1.02, 2.5.1.1: 3.5 characters, beyond 19,200 baud 1.75 ms; 11 bits a character with parity. */
TEST(the_silence_between_frames_follows_the_speed)
{
	static const struct { uint32_t baud; int parity; uint32_t gap_ms, byte_ns; } rows[] = {
		{ 1200, 1, 33, 9166666 }, { 9600, 0, 4, 1041666 }, { 9600, 1, 5, 1145833 }, { 19200, 1, 3, 572916 }, { 115200, 0, 2, 86805 },
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct modbus_config c = { .device = "/dev/ttyS0", .timeout_ms = 1000, .baud = rows[i].baud, .parity = rows[i].parity, .data_bits = 8,
			.stop_bits = 1 };
		struct driver_endpoint e;

		driver_modbus_serial.endpoint(&c, &e);
		is_int(e.gap_ms, rows[i].gap_ms);
		is_int(e.byte_ns, rows[i].byte_ns);
		is_int(e.in_flight, 1);
		is_int(e.late_ms, 500);
		is_int(e.transport, DRIVER_SERIAL);
	}
}

TEST(packets_are_text_or_hexadecimal)
{
	struct modbus_beat b;

	is_int(modbus_packet_parse("DTU-0001", &b), 0);
	is_int(b.len, 8);
	is_int(modbus_packet_parse("hex:FE 01 0a", &b), 0);
	is_int(b.len, 3);
	is_bytes(b.bytes, "\xFE\x01\x0A", 3);
	is_int(modbus_packet_parse("", &b), 0);
	is_int(b.len, 0);
	is_int(modbus_packet_parse(NULL, &b), 0);
	is_int(modbus_packet_parse("hex:F", &b), -ERR_INVALID);
	is_int(modbus_packet_parse("hex:zz", &b), -ERR_INVALID);
	is_int(modbus_packet_parse("0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789x", &b),
		-ERR_INVALID);
	err_clear();
}

TEST(heartbeats_between_frames_are_left_out_in_any_pieces)
{
	/* Implementation Guide 3.1.3: transaction, protocol, length, unit; the answer of V1.1b3, 6.3 */
	static const char answer[] = "\0\1\0\0\0\x09\1" ANSWER;
	uint8_t bytes[64];

	for (size_t step = 1; step < 30; step++) {
		struct bench *b = bench_of(0);
		struct driver_job job = { .device = &b->device[0], .request = &b->read };
		struct driver_event e = { 0 };
		unsigned alive = 0, answers = 0;

		b->config.framing = MODBUS_FRAMING_TCP;
		b->config.heartbeat = "ping";
		b->config.registration = "hex:41 42";
		is_int(driver_modbus_dial_in.open(&b->session, &b->config), 0);
		b->session.transaction = 0;
		struct pen p = pen_of(b->asked, sizeof(b->asked));
		must(driver_modbus_dial_in.next(&b->session, &job, 0, &p) == 0);
		memcpy(bytes, "pingAB", 6);
		memcpy(bytes + 6, answer, 15);
		memcpy(bytes + 21, "pingping", 8);
		for (size_t at = 0; at < 29; at += step) {
			struct cur in = cur_of(bytes + at, MIN(step, 29 - at));

			do {
				is_int(driver_modbus_dial_in.feed(&b->session, &in, 0, &e), 0);
				alive += e.said == DRIVER_ALIVE;
				answers += e.said == DRIVER_ANSWER;
				if (e.said == DRIVER_ANSWER)
					is_bytes(e.data, "\x02\x2B\x00\x00\x00\x64", 6);
			} while (e.said != DRIVER_NOTHING);
		}
		is_int(alive, 4);
		is_int(answers, 1);
	}
}
