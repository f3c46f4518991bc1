/* peek.c - raw registers under every reading, so that the engineer sees which one is his. */
#include "proto/modbus/modbus.h"
#include "service/visit.h"

#include <iconv.h>

static const struct { const char *name; enum modbus_type type; } types[] = {
	{ "u16", MODBUS_U16 }, { "i16", MODBUS_I16 }, { "u32", MODBUS_U32 }, { "i32", MODBUS_I32 }, { "f32", MODBUS_F32 }, { "u64", MODBUS_U64 },
	{ "i64", MODBUS_I64 }, { "f64", MODBUS_F64 },
};
static const char *const orders[] = { [MODBUS_ABCD] = "ABCD", [MODBUS_CDAB] = "CDAB", [MODBUS_BADC] = "BADC", [MODBUS_DCBA] = "DCBA" };

static void number(struct json *j, enum modbus_type t, union modbus_value v)
{
	switch (t) {
	case MODBUS_F32: json_f32(j, v.f32); break;
	case MODBUS_F64: json_f64(j, v.f64); break;
	case MODBUS_U16: case MODBUS_U32: case MODBUS_U64: json_u64(j, v.u); break;
	default: json_i64(j, v.i);
	}
}

static void readings(const uint8_t *data, uint32_t n, struct json *j)
{
	json_key(j, "readings");
	json_array(j);
	for (size_t t = 0; t < ELEMENTSOF(types); t++)
		for (int o = MODBUS_ABCD; o <= MODBUS_DCBA; o++) {
			unsigned k = modbus_type_registers(types[t].type);

			/* sixteen bits have two orders */
			if (k > n || (k == 1 && (o == MODBUS_CDAB || o == MODBUS_BADC)))
				continue;
			json_object(j);
			json_kv_str(j, "type", types[t].name);
			json_kv_str(j, "byte_order", orders[o]);
			json_key(j, "values");
			json_array(j);
			for (uint32_t i = 0; i + k <= n; i++)
				number(j, types[t].type, modbus_get(data + 2 * i, types[t].type, (enum modbus_order) o));
			json_end(j);
			json_end(j);
		}
	json_end(j);
}

/* Binary coded decimals of four digits a register; null where a digit is none. */
static void decimals(const uint8_t *data, uint32_t n, struct json *j)
{
	json_key(j, "bcd");
	json_array(j);
	for (uint32_t i = 0; i < n; i++) {
		unsigned word = (unsigned) data[2 * i] << 8 | data[2 * i + 1], value = 0;
		bool good = true;

		for (int shift = 12; shift >= 0; shift -= 4) {
			good &= (word >> shift & 15) < 10;
			value = value * 10 + (word >> shift & 15);
		}
		if (good)
			json_u64(j, value);
		else
			json_null(j);
	}
	json_end(j);
}

/* GB18030 holds GBK and GB2312; iconv(3) knows its tables. false: it is none. */
static bool from_gbk(const uint8_t *data, size_t n, char *out, size_t room)
{
	char *in = (char *) (uintptr_t) data, *to = out;
	size_t left = room - 1;
	iconv_t cd = iconv_open("UTF-8", "GB18030");
	bool good;

	if (cd == (iconv_t) -1)
		return false;
	good = iconv(cd, &in, &n, &to, &left) != (size_t) -1 && n == 0;
	iconv_close(cd);
	*to = 0;
	return good;
}

/* A text ends at its first NUL; what no encoding knows is left out, as are control characters. */
static void text(const uint8_t *data, size_t len, const char *order, struct json *j)
{
	char room[ERRAND_DATA * 4];
	const char *encoding = "UTF-8";
	size_t n = 0;

	while (n < len && data[n] >= 32 && data[n] != 127)
		n++;
	if (n == 0 || (n < len && data[n]))
		return;
	if (utf8_is_valid((const char *) data, n)) {
		memcpy(room, data, n);
		room[n] = 0;
	} else {
		encoding = "GBK";
		if (!from_gbk(data, n, room, sizeof(room)) || !utf8_is_valid(room, str_len(room)))
			return;
	}
	json_object(j);
	json_kv_str(j, "encoding", encoding);
	json_kv_str(j, "byte_order", order);
	json_kv_str(j, "text", room);
	json_end(j);
}

static void texts(const uint8_t *data, uint32_t n, struct json *j)
{
	uint8_t swapped[ERRAND_DATA];

	for (uint32_t i = 0; i < 2 * n; i++)
		swapped[i] = data[i ^ 1];
	json_key(j, "texts");
	json_array(j);
	text(data, 2 * n, "ABCD", j);
	text(swapped, 2 * n, "BADC", j);
	json_end(j);
}

static void words(const uint8_t *data, uint32_t n, struct json *j)
{
	char hex[8], bits[20];

	json_key(j, "registers");
	json_array(j);
	for (uint32_t i = 0; i < n; i++) {
		struct buf b = BUF_FIXED(hex);

		buf_addf(&b, "%02X%02X", data[2 * i], data[2 * i + 1]);
		json_str(j, hex);
	}
	json_end(j);
	json_key(j, "bits");
	json_array(j);
	for (uint32_t i = 0; i < n; i++) {
		struct buf b = BUF_FIXED(bits);

		for (int k = 15; k >= 0; k--)
			buf_addc(&b, (char) ('0' + (data[2 * i + (k < 8)] >> (k & 7) & 1)));
		json_str(j, bits);
	}
	json_end(j);
}

static void coils(const uint8_t *data, size_t len, uint32_t n, struct json *j)
{
	json_key(j, "values");
	json_array(j);
	for (uint32_t i = 0; i < n && i / 8 < len; i++)
		json_bool(j, modbus_get_bit(data, i));
	json_end(j);
}

/* An address alone says whether it is a bit: one of the two types it takes. */
static int point_of(const struct driver *d, const char *address, struct point *ret, bool *ret_bit)
{
	int r;

	*ret = (struct point) { .address = address, .type = POINT_U16, .enabled = true, .scale = 1 };
	*ret_bit = false;
	r = link_check_point(d, ret);
	if (r == 0)
		return 0;
	ret->type = POINT_BOOL;
	if (link_check_point(d, ret) == 0) {
		*ret_bit = true;
		err_clear();
		return 0;
	}
	return -ERR_INVALID;
}

int visit_peek(struct visit *v, const char *address, uint32_t count, struct buf *out)
{
	struct json j = JSON_TO(out);
	struct point p;
	struct errand e = { .kind = ERRAND_PEEK, .point = &p, .count = count };
	bool bit;
	int r = point_of(v->driver, address, &p, &bit);

	if (r == 0 && (v->driver->caps & DRIVER_PEEK) == 0)
		r = err_fail(ERR_REFUSED, "what", v->driver->title, "detail", "@driver_cannot", NULL);
	if (r == 0)
		r = visit_ask(v, &e, NULL);
	if (r < 0)
		return r;
	json_object(&j);
	json_kv_str(&j, "address", address);
	json_kv_u64(&j, "count", count);
	json_kv_i64(&j, "took_us", v->result.took_us);
	if (bit)
		coils(v->data, v->result.len, count, &j);
	else {
		uint32_t n = (uint32_t) (v->result.len / 2);

		words(v->data, n, &j);
		readings(v->data, n, &j);
		texts(v->data, n, &j);
		decimals(v->data, n, &j);
	}
	json_end(&j);
	return 0;
}
