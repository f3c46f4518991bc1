/*
 * Addresses follow Modicon's reference numbers (PI-MBUS-300 rev. J, "Data Addresses in Modbus Messages": holding register 40001 is
 * addressed as 0000, coil 127 decimal as 007E hex). Expected requests and exceptions are the formats of V1.1b3, section 6 and 7.
 */
#include "base/err.h"
#include "base/str.h"
#include "link/south/modbus/modbus.h"
#include "tap.h"

extern const struct driver driver_modbus_tcp;

static struct point point_of(const char *address, enum point_type t)
{
	return (struct point) { .address = address, .type = t };
}

TEST(the_driver_keeps_what_every_driver_promises)
{
	for (const struct driver *const *d = driver_list(); *d; d++) {
		printf("# %s\n", (*d)->name);
		is_int(driver_check(*d), 0);
		is_int(rec_type_check((*d)->config), 0);
		is_int(rec_type_check((*d)->device), 0);
		is_int(rec_type_check((*d)->address), 0);
		ok(driver_find((*d)->name) == *d);
		for (const char *const *e = (*d)->examples; *e; e++) {
			uint64_t address[8];
			int r = -1;

			/* an example is right for some type */
			for (int t = POINT_BOOL; t <= POINT_STRING && r < 0; t++) {
				struct point p = point_of(*e, t);

				r = (*d)->parse_address(&p, address);
			}
			printf("# %s\n", *e);
			is_int(r, 0);
		}
	}
	err_clear();
}

TEST(a_driver_of_another_abi_is_refused_before_it_is_looked_at)
{
	struct { uint32_t abi, size; } old = { DRIVER_ABI, 64 }, newer = { DRIVER_ABI + 1, sizeof(struct driver) };
	struct driver mute = driver_modbus_tcp;

	is_int(driver_check((const struct driver *) &old), -ERR_CONFIG);
	is_int(driver_check((const struct driver *) &newer), -ERR_CONFIG);
	mute.write = NULL;
	is_int(driver_check(&mute), -ERR_CONFIG);
	err_clear();
}

TEST(addresses_are_read_in_every_notation)
{
	static const struct { const char *text; enum point_type type; int table; unsigned number; int bit, order; } rows[] = {
		{ "40001", POINT_U16, MODBUS_HOLDING, 0, -1, 0 }, { "49999", POINT_U16, MODBUS_HOLDING, 9998, -1, 0 },
		{ "400001", POINT_F32, MODBUS_HOLDING, 0, -1, 0 }, { "465535", POINT_F32, MODBUS_HOLDING, 65534, -1, 0 },
		{ "465536", POINT_U16, MODBUS_HOLDING, 65535, -1, 0 }, { "30108", POINT_I16, MODBUS_INPUT, 107, -1, 0 },
		{ "00127", POINT_BOOL, MODBUS_COILS, 126, -1, 0 }, { "10197", POINT_BOOL, MODBUS_DISCRETE, 196, -1, 0 },
		{ "4x0001", POINT_I32, MODBUS_HOLDING, 0, -1, 0 }, { "3X108", POINT_I32, MODBUS_INPUT, 107, -1, 0 },
		{ "0x00020", POINT_BOOL, MODBUS_COILS, 19, -1, 0 }, { "1x65536", POINT_BOOL, MODBUS_DISCRETE, 65535, -1, 0 },
		{ "HR0", POINT_F64, MODBUS_HOLDING, 0, -1, 0 }, { "hr107", POINT_U16, MODBUS_HOLDING, 107, -1, 0 },
		{ "IR65535", POINT_U16, MODBUS_INPUT, 65535, -1, 0 }, { "C0", POINT_BOOL, MODBUS_COILS, 0, -1, 0 },
		{ "DI65535", POINT_BOOL, MODBUS_DISCRETE, 65535, -1, 0 }, { "40001.3", POINT_BOOL, MODBUS_HOLDING, 0, 3, 0 },
		{ "HR7.15", POINT_BOOL, MODBUS_HOLDING, 7, 15, 0 }, { "40001", POINT_BOOL, MODBUS_HOLDING, 0, -1, 0 },
		{ "40001#CDAB", POINT_F32, MODBUS_HOLDING, 0, -1, ORDER_CDAB }, { "40001#dcba", POINT_F32, MODBUS_HOLDING, 0, -1, ORDER_DCBA },
		{ "40001#GHEFCDAB", POINT_F64, MODBUS_HOLDING, 0, -1, ORDER_CDAB }, { "40001.0#BA", POINT_BOOL, MODBUS_HOLDING, 0, 0, ORDER_BADC },
		{ " 40002 ", POINT_U16, MODBUS_HOLDING, 1, -1, 0 },
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct point p = point_of(rows[i].text, rows[i].type);
		struct modbus_address a = { 0 };

		printf("# %s\n", rows[i].text);
		is_int(modbus_parse_address(&p, &a), 0);
		is_int(a.table, rows[i].table);
		is_int(a.number, rows[i].number);
		is_int(a.bit, rows[i].bit);
		is_int(a.order, rows[i].order);
	}
}

TEST(a_wrong_address_names_the_rule_it_breaks)
{
	static const struct { const char *text; enum point_type type; const char *rule; } rows[] = {
		{ "", POINT_U16, "notation" }, { "4", POINT_U16, "notation" }, { "4001", POINT_U16, "notation" }, { "50001", POINT_U16, "notation" },
		{ "20001", POINT_U16, "notation" }, { "4000001", POINT_U16, "notation" }, { "40001x", POINT_U16, "notation" }, { "D100", POINT_U16, "notation" },
		{ "HR", POINT_U16, "notation" }, { "HR-1", POINT_U16, "notation" }, { "4x", POINT_U16, "notation" }, { "400 01", POINT_U16, "notation" },
		{ ".3", POINT_BOOL, "notation" }, { "#CDAB", POINT_U16, "notation" }, { "温度", POINT_U16, "notation" },
		{ "40000", POINT_U16, "five" }, { "400000", POINT_U16, "six" }, { "465537", POINT_U16, "six" }, { "4x0", POINT_U16, "number" },
		{ "4x65537", POINT_U16, "number" }, { "4x99999999999999999999", POINT_U16, "number" }, { "HR65536", POINT_U16, "zero" },
		{ "40001.16", POINT_BOOL, "bit" }, { "40001.", POINT_BOOL, "bit" }, { "40001.x", POINT_BOOL, "bit" }, { "40001.3", POINT_U16, "bit_type" },
		{ "00001.3", POINT_BOOL, "bit_place" }, { "00001", POINT_U16, "bool" }, { "10001", POINT_F32, "bool" },
		{ "40001#", POINT_F32, "order" }, { "40001#ACBD", POINT_F32, "order" }, { "40001#ABC", POINT_F32, "order" },
		{ "465536", POINT_F32, "end" }, { "HR65533", POINT_F64, "end" }, { "40001", POINT_STRING, "text" },
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct point p = point_of(rows[i].text, rows[i].type);
		struct modbus_address a = { .number = 77 };
		char want[60] = "@modbus_rule_";

		printf("# %s\n", rows[i].text);
		snprintf(want, sizeof(want), "@modbus_rule_%s", rows[i].rule);
		is_int(modbus_parse_address(&p, &a), -ERR_INVALID);
		is_str(err_arg(err_peek(), "rule"), want);
		is_int(a.number, 77);
	}
	err_clear();
}

TEST(the_broken_rule_is_said_in_both_languages)
{
	struct point p = point_of("HR65536", POINT_U16);
	struct modbus_address a;
	char text[300];
	struct buf b = BUF_FIXED(text);

	is_int(modbus_parse_address(&p, &a), -ERR_INVALID);
	err_text(err_peek(), LANG_EN, &b);
	is_str(text, "address must have a number from 0 to 65535 behind C, DI, IR and HR, is HR65536");
	buf_clear(&b);
	err_text(err_peek(), LANG_ZH, &b);
	is_str(text, "地址 C、DI、IR、HR 之后的编号应为 0 至 65535，现为 HR65536");
	err_clear();
}

TEST(the_points_own_bit_and_order_are_heard)
{
	struct point p = point_of("40001", POINT_BOOL);
	struct modbus_address a;

	p.bit = 5;
	rec_set_has(&point_type, &p, rec_field(&point_type, "bit"), true);
	is_int(modbus_parse_address(&p, &a), 0);
	is_int(a.bit, 5);
	p.address = "40001.6";
	is_int(modbus_parse_address(&p, &a), -ERR_INVALID);
	is_str(err_arg(err_peek(), "rule"), "@modbus_rule_twice");
	p = point_of("40001#CDAB", POINT_F32);
	p.byte_order = ORDER_CDAB;
	is_int(modbus_parse_address(&p, &a), 0);
	p.byte_order = ORDER_DCBA;
	is_int(modbus_parse_address(&p, &a), -ERR_INVALID);
	p.address = "40001";
	is_int(modbus_parse_address(&p, &a), 0);
	is_int(a.order, ORDER_DCBA);
	p = point_of("30001", POINT_U16);
	p.access = POINT_READ_WRITE;
	is_int(modbus_parse_address(&p, &a), -ERR_INVALID);
	is_str(err_arg(err_peek(), "rule"), "@modbus_rule_read_only");
	err_clear();
}

/* ---- the plan ---- */

struct bench {
	struct modbus_config config;
	struct modbus_device_config device_config;
	struct modbus_session session;
	struct modbus_device device;
	struct modbus_address address[300];
	struct driver_point point[300];
	struct driver_request request[300];
	uint32_t n, n_requests;
};

static struct bench bench_of(void)
{
	return (struct bench) {
		.config = { .host = "x", .port = 502, .timeout_ms = 1000, .pipeline = 1, .max_registers = 125, .max_bits = 2000,
			.gap_registers = 16, .gap_bits = 128, .check_unit = true },
		.device_config = { .unit = 1, .gap_registers = -1, .write_single = true, .mask_write = true },
	};
}

static void attach(struct bench *b)
{
	driver_modbus_tcp.open(&b->session, &b->config);
	driver_modbus_tcp.attach(&b->session, &b->device, &b->device_config);
}

static void add(struct bench *b, const char *address, enum point_type t)
{
	struct point p = point_of(address, t);

	if (modbus_parse_address(&p, &b->address[b->n]) < 0)
		tap_fail_("%s", address);
	b->point[b->n] = (struct driver_point) { &b->address[b->n], t };
	b->n++;
}

static int by_order(const void *a, const void *b)
{
	uint64_t x = modbus_order_of(((const struct driver_point *) a)->address), y = modbus_order_of(((const struct driver_point *) b)->address);

	return x < y ? -1 : x > y;
}

static void plan(struct bench *b)
{
	qsort(b->point, b->n, sizeof(b->point[0]), by_order);
	b->n_requests = modbus_plan(&b->device, b->point, b->n, b->request);
}

/* "fc:from+items" of every request, points in brackets. */
static const char *shown(const struct bench *b)
{
	static char text[1000];
	struct buf out = BUF_FIXED(text);

	text[0] = 0;
	for (uint32_t i = 0; i < b->n_requests; i++)
		buf_addf(&out, "%s%u:%u+%u(%u)", i ? " " : "", b->request[i].code, (unsigned) b->request[i].from, b->request[i].items,
			b->request[i].count);
	return text;
}

TEST(points_become_the_fewest_requests_that_tear_no_value)
{
	static const struct { const char *points, *want; uint32_t max, gap; } rows[] = {
		{ "HR0:u16", "3:0+1(1)", 125, 16 },
		{ "HR0:u16 HR1:u16 HR2:u16", "3:0+3(3)", 125, 16 },
		{ "HR2:u16 HR0:u16 HR1:u16", "3:0+3(3)", 125, 16 },                     /* any order */
		{ "HR0:f32 HR2:f32 HR4:f64", "3:0+8(3)", 125, 16 },
		{ "HR0:u16 HR17:u16", "3:0+18(2)", 125, 16 },                           /* a hole of 16 is read along */
		{ "HR0:u16 HR18:u16", "3:0+1(1) 3:18+1(1)", 125, 16 },                  /* one of 17 is not */
		{ "HR0:u16 HR2:u16", "3:0+1(1) 3:2+1(1)", 125, 0 },
		{ "HR0:u16 HR1:u16", "3:0+2(2)", 125, 0 },
		{ "HR0:u16 IR1:u16 C2:bool DI3:bool", "1:2+1(1) 2:3+1(1) 3:0+1(1) 4:1+1(1)", 125, 16 },
		{ "HR0:f32 HR3:f32", "3:0+2(1) 3:3+2(1)", 4, 16 },                      /* 5 would pass the maximum */
		{ "HR0:f32 HR2:f32 HR4:f32", "3:0+4(2) 3:4+2(1)", 5, 16 },              /* a value stays whole */
		{ "HR0:f64 HR1:u16 HR2:f32", "3:0+4(3)", 125, 16 },                     /* overlap */
		{ "HR0.1:bool HR0.2:bool HR0:u16", "3:0+1(3)", 125, 16 },
		{ "HR65535:u16 HR65500:u16", "3:65500+1(1) 3:65535+1(1)", 125, 16 },
		{ "C0:bool C1:bool C100:bool C500:bool", "1:0+101(3) 1:500+1(1)", 125, 16 },
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct bench b = bench_of();
		char text[200];

		b.config.max_registers = rows[i].max;
		b.config.gap_registers = rows[i].gap;
		attach(&b);
		snprintf(text, sizeof(text), "%s", rows[i].points);
		for (char *s = text, *next; s; s = next) {
			static const char *const words[] = { "bool", "i16", "u16", "i32", "u32", "i64", "u64", "f32", "f64" };
			char *type = strchr(s, ':');

			next = strchr(s, ' ');
			if (next)
				*next++ = 0;
			*type++ = 0;
			for (int t = 0; t < 9; t++)
				if (str_eq(words[t], type))
					add(&b, s, t);
		}
		plan(&b);
		printf("# %s\n", rows[i].points);
		is_str(shown(&b), rows[i].want);
	}
}

TEST(two_hundred_ninety_nine_points_fit_into_five_requests)
{
	struct bench b = bench_of();

	attach(&b);
	for (unsigned i = 0; i < 299; i++) {
		char text[16];

		snprintf(text, sizeof(text), "HR%u", 2 * i);
		add(&b, text, POINT_F32);
	}
	plan(&b);
	/* 62 floats are 124 of 125 registers: 299 / 62 = 4.8 */
	is_str(shown(&b), "3:0+124(62) 3:124+124(62) 3:248+124(62) 3:372+124(62) 3:496+102(51)");
}

TEST(a_devices_own_limits_come_before_the_connections)
{
	struct bench b = bench_of();

	b.device_config.max_registers = 4;
	b.device_config.gap_registers = 0;
	attach(&b);
	add(&b, "HR0", POINT_F32);
	add(&b, "HR2", POINT_F32);
	add(&b, "HR4", POINT_F32);
	add(&b, "HR7", POINT_U16);
	plan(&b);
	is_str(shown(&b), "3:0+4(2) 3:4+2(1) 3:7+1(1)");
}

TEST(what_was_refused_is_split_at_its_widest_hole_and_remembered)
{
	struct bench b = bench_of();
	struct driver_request half[2];

	attach(&b);
	add(&b, "HR0", POINT_U16);
	add(&b, "HR3", POINT_U16);
	add(&b, "HR10", POINT_U16);
	add(&b, "HR11", POINT_U16);
	plan(&b);
	is_str(shown(&b), "3:0+12(4)");
	ok(modbus_split(&b.device, b.point, &b.request[0], half));
	is_int(half[0].from, 0);
	is_int(half[0].to, 4);
	is_int(half[1].from, 10);
	is_int(half[1].to, 12);
	plan(&b);
	is_str(shown(&b), "3:0+4(2) 3:10+2(2)");
	/* without a hole in the middle; one point alone cannot be split */
	ok(modbus_split(&b.device, b.point, &half[1], half));
	is_int(half[0].to, 11);
	is_int(half[1].from, 11);
	ok(!modbus_split(&b.device, b.point, &(struct driver_request) { .first = 0, .count = 1 }, half));
	plan(&b);
	is_str(shown(&b), "3:0+4(2) 3:10+1(1) 3:11+1(1)");
}

TEST(points_on_the_same_register_are_not_split)
{
	struct bench b = bench_of();
	struct driver_request half[2];

	attach(&b);
	add(&b, "HR0.1", POINT_BOOL);
	add(&b, "HR0.2", POINT_BOOL);
	plan(&b);
	ok(!modbus_split(&b.device, b.point, &b.request[0], half));
	is_int(b.device.n_cuts, 0);
}

/* ---- on the wire ---- */

static size_t hex(const char *text, uint8_t *out)
{
	size_t n = 0;
	unsigned v;

	for (int used; sscanf(text, " %2x%n", &v, &used) == 1; text += used)
		out[n++] = (uint8_t) v;
	return n;
}

static int ask(struct bench *b, uint32_t slot, uint32_t request, const char *want)
{
	uint8_t out[300], bytes[300];
	struct pen p = pen_of(out, sizeof(out));
	struct driver_job job = { .slot = slot, .device = &b->device, .request = &b->request[request] };
	int r = driver_modbus_tcp.next(&b->session, &job, 0, &p);

	if (want) {
		is_int(p.at - out, hex(want, bytes));
		is_bytes(out, bytes, p.at - out);
	}
	return r;
}

static struct driver_event hear(struct bench *b, const char *bytes, int want_r)
{
	static uint8_t in[600];
	struct cur c = cur_of(in, hex(bytes, in));
	struct driver_event e = { 0 };

	is_int(driver_modbus_tcp.feed(&b->session, &c, 0, &e), want_r);
	return e;
}

TEST(a_question_goes_out_and_its_answer_is_told_from_others)
{
	struct bench b = bench_of();
	struct driver_value v[2];
	struct driver_event e;

	b.device_config.unit = 17;
	attach(&b);
	add(&b, "HR107", POINT_U16);
	add(&b, "HR108", POINT_I16);
	plan(&b);
	is_int(ask(&b, 0, 0, "00 01 00 00 00 06 11 03 00 6B 00 02"), 0);
	e = hear(&b, "00 01 00 00 00 07 11 03 04 02 2B FF FE", 0);
	is_int(e.said, DRIVER_ANSWER);
	is_int(e.slot, 0);
	modbus_decode(&b.device, b.point, &b.request[0], e.data, e.len, v);
	is_int(v[0].value.i, 0x22B);
	is_int(v[1].value.i, -2);
	is_int(v[1].value.type, V_I64);
	is_int(v[0].quality, 0);
}

TEST(every_kind_of_wrong_answer_has_its_reason)
{
	static const struct { const char *bytes; int r, said; uint32_t quality; int hint; const char *detail; } rows[] = {
		{ "00 01 00 00 00 03 01 83 01", 0, DRIVER_REFUSED, QUALITY_BAD_NOT_SUPPORTED, 0, "@modbus_exception_1" },
		{ "00 01 00 00 00 03 01 83 02", 0, DRIVER_REFUSED, QUALITY_BAD_ADDRESS, DRIVER_HINT_SPLIT, "@modbus_exception_2" },
		{ "00 01 00 00 00 03 01 83 03", 0, DRIVER_REFUSED, QUALITY_BAD_ADDRESS, DRIVER_HINT_SPLIT, "@modbus_exception_3" },
		{ "00 01 00 00 00 03 01 83 04", 0, DRIVER_REFUSED, QUALITY_BAD_DEVICE_FAILURE, 0, "@modbus_exception_4" },
		{ "00 01 00 00 00 03 01 83 06", 0, DRIVER_REFUSED, QUALITY_BAD_BUSY, 0, "@modbus_exception_6" },
		{ "00 01 00 00 00 03 01 83 0B", 0, DRIVER_REFUSED, QUALITY_BAD_NO_COMMUNICATION, DRIVER_HINT_ABSENT, "@modbus_exception_11" },
		{ "00 01 00 00 00 03 01 83 77", 0, DRIVER_REFUSED, QUALITY_BAD_DEVICE_FAILURE, 0, "@modbus_exception" },
		{ "00 01 00 00 00 05 01 03 02 00 01", 0, DRIVER_WRONG, QUALITY_BAD_PROTOCOL, 0, "@modbus_short_answer" },
		{ "00 01 00 00 00 09 01 03 06 00 01 00 02 00 03", 0, DRIVER_WRONG, QUALITY_BAD_PROTOCOL, 0, "@modbus_long_answer" },
		{ "00 01 00 00 00 07 01 04 04 00 01 00 02", 0, DRIVER_WRONG, QUALITY_BAD_PROTOCOL, 0, "@modbus_other_function" },
		{ "00 01 00 00 00 07 02 03 04 00 01 00 02", 0, DRIVER_WRONG, QUALITY_BAD_PROTOCOL, 0, "@modbus_other_unit" },
		{ "00 09 00 00 00 07 01 03 04 00 01 00 02", 0, DRIVER_WRONG, QUALITY_BAD_PROTOCOL, 0, "@modbus_foreign" },
		{ "48 54 54 50 2F 31 2E 31 20 34 30 30", -ERR_PEER, DRIVER_NOTHING, 0, 0, "@modbus_garbage" },
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct bench b = bench_of();
		struct driver_event e;

		attach(&b);
		add(&b, "HR0", POINT_U32);
		plan(&b);
		ask(&b, 0, 0, NULL);
		err_clear();
		printf("# %s\n", rows[i].bytes);
		e = hear(&b, rows[i].bytes, rows[i].r);
		is_int(e.said, rows[i].said);
		is_int(e.quality, rows[i].quality);
		is_int(e.hint, rows[i].hint);
		is_str(err_arg(err_peek(), "detail"), rows[i].detail);
	}
	err_clear();
}

TEST(an_answer_that_comes_too_late_is_nobodys)
{
	struct bench b = bench_of();
	struct driver_event e;

	attach(&b);
	add(&b, "HR0", POINT_U16);
	plan(&b);
	ask(&b, 0, 0, NULL);
	is_int(driver_modbus_tcp.expired(&b.session, 0), 0);
	ask(&b, 0, 0, NULL);
	e = hear(&b, "00 01 00 00 00 05 01 03 02 00 63", 0);
	is_int(e.said, DRIVER_STRAY);
	e = hear(&b, "00 02 00 00 00 05 01 03 02 00 07", 0);
	is_int(e.said, DRIVER_ANSWER);
}

TEST(silence_in_the_middle_of_an_answer_ends_the_connection)
{
	struct bench b = bench_of();

	attach(&b);
	add(&b, "HR0", POINT_U16);
	plan(&b);
	ask(&b, 0, 0, NULL);
	is_int(hear(&b, "00 01 00 00 00 05 01", 0).said, DRIVER_NOTHING);
	is_int(driver_modbus_tcp.expired(&b.session, 0), -ERR_PEER);
	driver_modbus_tcp.lost(&b.session);
	ask(&b, 0, 0, NULL);
	is_int(hear(&b, "00 02 00 00 00 05 01 03 02 00 07", 0).said, DRIVER_ANSWER);
	err_clear();
}

TEST(answers_to_several_questions_come_in_any_order)
{
	struct bench b = bench_of();
	struct driver_event e;

	attach(&b);
	add(&b, "HR0", POINT_U16);
	add(&b, "HR100", POINT_U16);
	plan(&b);
	is_int(b.n_requests, 2);
	ask(&b, 3, 0, NULL);
	ask(&b, 5, 1, NULL);
	e = hear(&b, "00 02 00 00 00 05 01 03 02 00 63", 0);
	is_int(e.said, DRIVER_ANSWER);
	is_int(e.slot, 5);
	e = hear(&b, "00 01 00 00 00 05 01 03 02 00 63", 0);
	is_int(e.slot, 3);
}

TEST(values_come_out_as_their_types_and_orders_say)
{
	struct bench b = bench_of();
	struct driver_value v[8];
	uint8_t data[64];
	size_t n;

	b.device_config.byte_order = ORDER_CDAB;
	attach(&b);
	add(&b, "HR0", POINT_F32);             /* as the device says: CDAB */
	add(&b, "HR2#ABCD", POINT_F32);
	add(&b, "HR4", POINT_U64);
	add(&b, "HR8.15", POINT_BOOL);
	add(&b, "HR8.14", POINT_BOOL);
	add(&b, "HR9", POINT_BOOL);
	add(&b, "HR10", POINT_U64);
	plan(&b);
	is_int(b.n_requests, 1);
	/* 1.0f = 3F800000, -2.5f = C0200000 (IEEE 754) */
	n = hex("00 00 3F 80 C0 20 00 00 00 05 00 00 00 00 00 00 80 01 00 00 00 01 00 00 00 00 80 00", data);
	modbus_decode(&b.device, b.point, &b.request[0], data, n, v);
	ok(v[0].value.type == V_F32 && v[0].value.f32 == 1.0f);
	ok(v[1].value.f32 == -2.5f);
	ok(v[2].value.type == V_I64 && v[2].value.i == 5);
	ok(v[3].value.type == V_BOOL && !v[3].value.b);        /* sorted: .14 first */
	ok(v[4].value.b);
	ok(!v[5].value.b);
	ok(v[6].value.type == V_NONE && v[6].quality == (uint32_t) QUALITY_BAD_TYPE);   /* 2^63 + 1 */
}

TEST(writes_are_the_functions_of_the_specification)
{
	static const struct { const char *address; enum point_type type; double value; const char *want; bool many; } rows[] = {
		{ "C172", POINT_BOOL, 1, "05 00 AC FF 00", false },             /* V1.1b3 6.5, p.18 */
		{ "HR1", POINT_U16, 3, "06 00 01 00 03", false },               /* 6.6, p.19 */
		{ "HR1", POINT_U32, 0x000A0102, "10 00 01 00 02 04 00 0A 01 02", false },       /* 6.12, p.31 */
		{ "C172", POINT_BOOL, 1, "0F 00 AC 00 01 01 01", true },
		{ "HR1", POINT_U16, 3, "10 00 01 00 01 02 00 03", true },
		{ "HR1#CDAB", POINT_F32, 1, "10 00 01 00 02 04 00 00 3F 80", false },
		{ "HR4.5", POINT_BOOL, 1, "16 00 04 FF DF 00 20", false },      /* 6.16: AND keeps the others, OR sets */
		{ "HR4.5", POINT_BOOL, 0, "16 00 04 FF DF 00 00", false },
		{ "HR1", POINT_I16, -2, "06 00 01 FF FE", false },
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct bench b = bench_of();
		struct driver_write w = { 0 };
		uint8_t want[32];

		b.device_config.write_single = !rows[i].many;
		attach(&b);
		add(&b, rows[i].address, rows[i].type);
		printf("# %s\n", rows[i].want);
		is_int(modbus_write(&b.device, &b.point[0], (struct value) { .type = V_F64, .f64 = rows[i].value }, &w), 0);
		is_int(w.len, hex(rows[i].want, want));
		is_bytes(w.data, want, w.len);
	}
}

TEST(a_bit_is_merged_into_its_register_where_no_mask_is_known)
{
	struct bench b = bench_of();
	struct driver_write w = { 0 };
	const struct value on = { .type = V_BOOL, .b = true };
	const uint8_t was[] = { 0x12, 0x04 };
	uint8_t want[32];

	attach(&b);
	add(&b, "HR4.5", POINT_BOOL);
	is_int(modbus_write(&b.device, &b.point[0], on, &w), 0);
	ok(modbus_retreat(&b.device, &w));
	is_int(modbus_write(&b.device, &b.point[0], on, &w), 1);
	is_int(w.request.code, MODBUS_READ_HOLDING);
	is_int(w.request.from, 4);
	is_int(w.request.to, 5);
	is_int(modbus_merge(&b.device, &b.point[0], on, was, 2, &w), 0);
	is_int(w.len, hex("06 00 04 12 24", want));
	is_bytes(w.data, want, w.len);
	/* ... by 16 where 6 is not known either; then there is no other way */
	ok(modbus_retreat(&b.device, &w));
	is_int(modbus_merge(&b.device, &b.point[0], on, was, 2, &w), 0);
	is_int(w.len, hex("10 00 04 00 01 02 12 24", want));
	is_bytes(w.data, want, w.len);
	ok(!modbus_retreat(&b.device, &w));
	is_int(modbus_merge(&b.device, &b.point[0], on, was, 1, &w), -ERR_PEER);
	err_clear();
}

TEST(an_unknown_function_of_writing_is_told_from_other_refusals)
{
	struct bench b = bench_of();
	struct driver_write w;
	struct driver_job job = { .slot = 0, .device = &b.device, .write = &w };
	uint8_t out[300];
	struct pen p = pen_of(out, sizeof(out));

	attach(&b);
	add(&b, "HR1", POINT_U16);
	is_int(modbus_write(&b.device, &b.point[0], (struct value) { .type = V_I64, .i = 3 }, &w), 0);
	job.request = &w.request;
	is_int(driver_modbus_tcp.next(&b.session, &job, 0, &p), 0);
	is_int(hear(&b, "00 01 00 00 00 03 01 86 01", 0).hint, DRIVER_HINT_OTHERWISE);
	p = pen_of(out, sizeof(out));
	is_int(driver_modbus_tcp.next(&b.session, &job, 0, &p), 0);
	is_int(hear(&b, "00 02 00 00 00 03 01 86 02", 0).hint, DRIVER_HINT_SPLIT);
	err_clear();
}

TEST(registers_are_peeked_at_as_far_as_one_question_reaches)
{
	struct bench b = bench_of();
	struct driver_request q;

	attach(&b);
	add(&b, "HR65530", POINT_U16);
	is_int(modbus_peek(&b.device, &b.point[0], 6, &q), 0);
	is_int(q.code, MODBUS_READ_HOLDING);
	is_int(q.to - q.from, 6);
	is_int(modbus_peek(&b.device, &b.point[0], 7, &q), -ERR_OUT_OF_RANGE);
	is_int(modbus_peek(&b.device, &b.point[0], 0, &q), -ERR_OUT_OF_RANGE);
	err_clear();
}

/* The objects of V1.1b3 6.21, example for basic identification; its second length, 0D, is one short of its text. */
TEST(a_device_is_greeted_and_says_who_it_is)
{
	struct bench b = bench_of();
	struct driver_write w;
	uint8_t want[64], list[64];
	char text[100];
	struct buf who = BUF_FIXED(text);
	size_t n;

	attach(&b);
	is_int(modbus_greet(&b.device, 0, &w), 0);
	is_int(w.len, hex("03 00 00 00 01", want));
	is_bytes(w.data, want, w.len);
	is_int(modbus_greet(&b.device, 1, &w), 0);
	is_int(w.len, hex("2B 0E 01 00", want));
	is_bytes(w.data, want, w.len);
	is_int(modbus_greet(&b.device, 2, &w), -ERR_MISSING);
	err_clear();
	n = hex("00 16 43 6F 6D 70 61 6E 79 20 69 64 65 6E 74 69 66 69 63 61 74 69 6F 6E 01 0E 50 72 6F 64 75 63 74 20 63 6F 64 65 58 58 "
		"02 05 56 32 2E 31 31", list);
	modbus_who(&b.device, 1, list, n, &who);
	is_str(text, "Company identification Product codeXX V2.11");
}

TEST(a_written_value_must_fit_its_point)
{
	static const struct { const char *address; enum point_type type; double value; } rows[] = {
		{ "HR0", POINT_U16, -1 }, { "HR0", POINT_U16, 65536 }, { "HR0", POINT_I16, 40000 }, { "HR0", POINT_I16, 1.5 }, { "C0", POINT_BOOL, 2 },
		{ "HR0", POINT_I64, 0x1p63 }, { "HR0", POINT_U32, __builtin_nan("") },
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct bench b = bench_of();
		struct driver_write w;

		attach(&b);
		add(&b, rows[i].address, rows[i].type);
		is_int(modbus_write(&b.device, &b.point[0], (struct value) { .type = V_F64, .f64 = rows[i].value }, &w), -ERR_WRONG_TYPE);
	}
	err_clear();
}

TEST(a_write_is_asked_and_its_echo_answers)
{
	struct bench b = bench_of();
	struct driver_write w;
	struct driver_job job = { .slot = 0, .device = &b.device, .write = &w };
	uint8_t out[300], want[32];
	struct pen p = pen_of(out, sizeof(out));

	attach(&b);
	add(&b, "HR1", POINT_U16);
	is_int(modbus_write(&b.device, &b.point[0], (struct value) { .type = V_I64, .i = 3 }, &w), 0);
	job.request = &w.request;
	is_int(driver_modbus_tcp.next(&b.session, &job, 0, &p), 0);
	is_int(p.at - out, hex("00 01 00 00 00 06 01 06 00 01 00 03", want));
	is_bytes(out, want, p.at - out);
	is_int(hear(&b, "00 01 00 00 00 06 01 06 00 01 00 03", 0).said, DRIVER_ANSWER);
	p = pen_of(out, sizeof(out));
	is_int(driver_modbus_tcp.next(&b.session, &job, 0, &p), 0);
	is_int(hear(&b, "00 02 00 00 00 06 01 06 00 01 00 04", 0).said, DRIVER_WRONG);
	err_clear();
}
