/*
 * Forms of values at their addresses: half precision, decimal digits, texts, arrays, objects. Wire bytes: Python's struct (">e") and codecs
 * ("gbk", "latin-1"); decimal digits stand for themselves.
 */
#include "base/err.h"
#include "link/south/modbus/modbus.h"
#include "tap.h"

static const struct modbus_config config = { .max_registers = 125, .max_bits = 2000, .check_unit = true };
static struct modbus_device_config device_config = { .unit = 1, .gap_registers = -1, .write_single = true, .mask_write = true };

static size_t hex(const char *text, uint8_t *out)
{
	size_t n = 0;
	unsigned v;

	for (int used; sscanf(text, " %2x%n", &v, &used) == 1; text += used)
		out[n++] = (uint8_t) v;
	return n;
}

static struct modbus_device device_of(enum modbus_order order)
{
	return (struct modbus_device) { .connection = &config, .config = &device_config, .order = order };
}

struct row { const char *address; enum point_type type; enum modbus_order order; const char *wire; struct value v; };
#define TEXT(s_) { .type = V_STR, .s = s_, .len = sizeof(s_) - 1 }
static const struct row rows[] = {
	{ "HR0:f16", POINT_F32, MODBUS_ABCD, "c1 00", { .type = V_F32, .f32 = -2.5f } },
	{ "HR0:F16#BA", POINT_F64, MODBUS_ABCD, "00 c1", { .type = V_F64, .f64 = -2.5 } },
	{ "40001:bcd", POINT_U16, MODBUS_ABCD, "12 34", { .type = V_I64, .i = 1234 } },
	{ "HR0:bcd", POINT_U32, MODBUS_CDAB, "56 78 12 34", { .type = V_I64, .i = 12345678 } },
	{ "HR0:bcd#DCBA", POINT_U32, MODBUS_ABCD, "78 56 34 12", { .type = V_I64, .i = 12345678 } },
	{ "HR0:bcd", POINT_U64, MODBUS_ABCD, "00 00 12 34 56 78 90 12", { .type = V_I64, .i = 123456789012 } },
	{ "HR0/5", POINT_STRING, MODBUS_ABCD, "50 55 4d 50 2d 31 00 00 00 00", TEXT("PUMP-1") },
	{ "HR0/3", POINT_STRING, MODBUS_DCBA, "55 50 50 4d 31 2d", TEXT("PUMP-1") },
	{ "HR0/3#CDAB", POINT_STRING, MODBUS_ABCD, "2d 31 4d 50 50 55", TEXT("PUMP-1") },
	{ "HR0/3:ascii", POINT_STRING, MODBUS_CDAB, "50 55 4d 50 2d 31", TEXT("PUMP-1") },
	{ "HR0/3:gbk", POINT_STRING, MODBUS_ABCD, "ce c2 b6 c8 31 00", TEXT("\xe6\xb8\xa9\xe5\xba\xa6" "1") },
	{ "HR0/2:latin1", POINT_STRING, MODBUS_ABCD, "32 30 b0 43", TEXT("20\xc2\xb0" "C") },
	{ "HR0/3:utf8", POINT_STRING, MODBUS_ABCD, "e6 b8 a9 e5 ba a6", TEXT("\xe6\xb8\xa9\xe5\xba\xa6") },
};

static struct driver_value decode(struct modbus_device *d, const struct driver_point *p, const uint8_t *wire, size_t n, char *room)
{
	const struct modbus_address *a = p->address;
	struct driver_request q = { .count = 1, .code = modbus_read_code[a->table], .from = a->number, .to = a->number + a->length };
	struct driver_value v = { .value.s = room };

	modbus_decode(d, p, &q, wire, n, &v);
	return v;
}

TEST(values_are_read_and_written_in_every_form_and_order)
{
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		const struct row *r = &rows[i];
		struct modbus_device d = device_of(r->order);
		struct point p = { .address = r->address, .type = r->type, .access = POINT_READ_WRITE };
		struct modbus_address a;
		struct driver_point dp = { &a, r->type };
		struct driver_value got;
		struct driver_write w;
		uint8_t wire[64];
		char room[DRIVER_TEXT_MAX];
		size_t n = hex(r->wire, wire);

		printf("# %s\n", r->address);
		must(modbus_parse_address(&p, &a) == 0);
		is_int(2 * a.length, n);
		got = decode(&d, &dp, wire, n, room);
		is_int(got.quality, 0);
		is_int(got.value.type, r->v.type);
		if (r->v.type == V_STR) {
			is_int(got.value.len, r->v.len);
			is_bytes(got.value.s, r->v.s, r->v.len);
		} else
			ok(r->v.type == V_F32 ? got.value.f32 == r->v.f32 : r->v.type == V_F64 ? got.value.f64 == r->v.f64 : got.value.i == r->v.i);
		must(modbus_write(&d, &dp, r->v, &w) == 0);
		if (a.length == 1) {
			is_int(w.data[0], MODBUS_WRITE_REGISTER);
			is_bytes(w.data + 3, wire, 2);
		} else {
			is_int(w.data[0], MODBUS_WRITE_REGISTERS);
			is_int(w.data[5], n);
			is_bytes(w.data + 6, wire, n);
		}
		/* shorter by a register: nothing is read beyond */
		is_int(decode(&d, &dp, wire, n - 2, room).quality, (uint32_t) QUALITY_BAD_PROTOCOL);
	}
}

TEST(what_is_no_value_of_its_form_is_told)
{
	static const struct { const char *address; enum point_type type; const char *wire; } bad[] = {
		{ "HR0:bcd", POINT_U16, "12 3a" }, { "HR0:bcd", POINT_I16, "99 99 " }, { "HR0/2:gbk", POINT_STRING, "ce ff 41 41" },
		{ "HR0/2:ascii", POINT_STRING, "e6 b8 a9 00" }, { "HR0/2", POINT_STRING, "c0 80 00 00" },
	};

	for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
		struct modbus_device d = device_of(MODBUS_ABCD);
		struct point p = { .address = bad[i].address, .type = bad[i].type };
		struct modbus_address a;
		struct driver_point dp = { &a, bad[i].type };
		uint8_t wire[8];
		char room[DRIVER_TEXT_MAX];
		size_t n = hex(bad[i].wire, wire);

		printf("# %s %s\n", bad[i].address, bad[i].wire);
		must(modbus_parse_address(&p, &a) == 0);
		if (bad[i].type == POINT_I16)
			is_int(decode(&d, &dp, wire, n, room).value.i, 9999);
		else
			is_int(decode(&d, &dp, wire, n, room).quality, (uint32_t) QUALITY_BAD_TYPE);
	}
}

TEST(what_does_not_fit_its_form_is_not_written)
{
	static const struct { const char *address; enum point_type type; struct value v; } bad[] = {
		{ "HR0:f16", POINT_F32, { .type = V_F64, .f64 = 65520 } }, { "HR0:bcd", POINT_U16, { .type = V_I64, .i = 10000 } },
		{ "HR0:bcd", POINT_I32, { .type = V_I64, .i = -1 } }, { "HR0/2", POINT_STRING, TEXT("12345") },
		{ "HR0/2:ascii", POINT_STRING, TEXT("\xc2\xb0") }, { "HR0/2:latin1", POINT_STRING, TEXT("\xe6\xb8\xa9") },
		{ "HR0/1:gbk", POINT_STRING, TEXT("\xe6\xb8\xa9" "1") }, { "HR0/2", POINT_STRING, { .type = V_I64, .i = 1 } },
	};

	for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
		struct modbus_device d = device_of(MODBUS_ABCD);
		struct point p = { .address = bad[i].address, .type = bad[i].type, .access = POINT_READ_WRITE };
		struct modbus_address a;
		struct driver_point dp = { &a, bad[i].type };
		struct driver_write w;

		printf("# %s %zu\n", bad[i].address, i);
		must(modbus_parse_address(&p, &a) == 0);
		is_int(modbus_write(&d, &dp, bad[i].v, &w), -ERR_WRONG_TYPE);
	}
	err_clear();
}

TEST(an_element_of_an_array_is_where_it_lies)
{
	static const struct { const char *address; enum point_type type; unsigned number; int bit; unsigned length; } good[] = {
		{ "HR100[0]", POINT_F32, 100, -1, 2 }, { "HR100[5]", POINT_F32, 110, -1, 2 }, { "40001[3]", POINT_U16, 3, -1, 1 },
		{ "HR100[2]/10", POINT_STRING, 120, -1, 10 }, { "C10[7]", POINT_BOOL, 17, -1, 1 }, { "HR10.3[2]", POINT_BOOL, 10, 5, 1 },
		{ "HR10.0[35]", POINT_BOOL, 12, 3, 1 }, { "HR10[1]:bcd#CDAB", POINT_U32, 12, -1, 2 }, { "HR10[4]:f16", POINT_F32, 14, -1, 1 },
	};
	static const struct { const char *address; enum point_type type; } bad[] = {
		{ "HR100[", POINT_U16 }, { "HR100[]", POINT_U16 }, { "HR100[x]", POINT_U16 }, { "HR100[1", POINT_U16 }, { "HR100]1[", POINT_U16 },
		{ "HR65530[5]", POINT_F32 }, { "HR0/0", POINT_STRING }, { "HR0/124", POINT_STRING }, { "HR0", POINT_STRING }, { "HR0/4", POINT_U16 },
		{ "HR0:gbk", POINT_U16 }, { "HR0:f16", POINT_U16 }, { "HR0:bcd", POINT_F32 }, { "HR0:base64", POINT_U16 }, { "C0:bcd", POINT_BOOL },
		{ "HR0/4:bcd", POINT_STRING }, { "ID0", POINT_U16 }, { "ID256", POINT_STRING }, { "HR1..2", POINT_BOOL }, { "HR1.2.3", POINT_BOOL },
	};

	for (size_t i = 0; i < ELEMENTSOF(good); i++) {
		struct point p = { .address = good[i].address, .type = good[i].type };
		struct modbus_address a;

		printf("# %s\n", good[i].address);
		must(modbus_parse_address(&p, &a) == 0);
		is_int(a.number, good[i].number);
		is_int(a.bit, good[i].bit);
		is_int(a.length, good[i].length);
	}
	for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
		struct point p = { .address = bad[i].address, .type = bad[i].type };
		struct modbus_address a;

		printf("# %s\n", bad[i].address);
		is_int(modbus_parse_address(&p, &a), -ERR_INVALID);
	}
	err_clear();
}

/* V1.1b3, 6.21: one object by itself (id code 4). */
TEST(objects_of_identification_are_points)
{
	struct modbus_device d = device_of(MODBUS_ABCD);
	struct point p = { .address = "ID1", .type = POINT_STRING };
	struct modbus_address a;
	struct driver_point dp = { &a, POINT_STRING };
	struct driver_request q;
	struct driver_value v;
	struct modbus_session s = { 0 };
	struct driver_job job = { .device = &d, .request = &q };
	uint8_t out[64], list[32];
	struct pen pen = pen_of(out, sizeof(out));
	char room[DRIVER_TEXT_MAX];
	size_t n = hex("01 05 56 32 2e 31 31", list);

	must(modbus_parse_address(&p, &a) == 0);
	is_int(modbus_plan(&d, &dp, 1, &q), 1);
	is_int(modbus_open(&s, &config, MODBUS_FRAMING_TCP), 0);
	is_int(modbus_next(&s, &job, 0, &pen), 0);
	is_bytes(out + 7, "\x2b\x0e\x04\x01", 4);
	v = decode(&d, &dp, list, n, room);
	is_int(v.value.len, 5);
	is_bytes(v.value.s, "V2.11", 5);
	list[0] = 2;
	is_int(decode(&d, &dp, list, n, room).quality, (uint32_t) QUALITY_BAD_ADDRESS);
}

/* V1.1b3, 6.17: read and write in one transaction; a device that does not know it is written to by 16. */
TEST(several_registers_are_written_with_function_23_where_that_is_set)
{
	struct modbus_device d = device_of(MODBUS_ABCD);
	struct point p = { .address = "HR14", .type = POINT_U32, .access = POINT_READ_WRITE };
	struct modbus_address a;
	struct driver_point dp = { &a, POINT_U32 };
	struct driver_write w;

	must(modbus_parse_address(&p, &a) == 0);
	device_config.write_read = true;
	is_int(modbus_write(&d, &dp, (struct value) { .type = V_I64, .i = 0x00FF00FF }, &w), 0);
	is_int(w.len, 14);
	is_bytes(w.data, "\x17\x00\x0e\x00\x02\x00\x0e\x00\x02\x04\x00\xff\x00\xff", 14);
	ok(modbus_retreat(&d, &w));
	is_int(modbus_write(&d, &dp, (struct value) { .type = V_I64, .i = 1 }, &w), 0);
	is_int(w.data[0], MODBUS_WRITE_REGISTERS);
	device_config.write_read = false;
}
