/* values.c - raw values out of answers, and into writes. */
#include "base/err.h"
#include "base/gbk.h"
#include "base/num.h"
#include "base/str.h"
#include "link/south/modbus/modbus.h"

static const struct modbus_address *at(const struct driver_point *p) { return p->address; }
static enum modbus_type wire_type(enum point_type t) { return (enum modbus_type) (t + MODBUS_BOOL); }

static enum modbus_order order_of(const struct modbus_device *d, const struct modbus_address *a)
{
	return a->order == ORDER_DEVICE ? d->order : (enum modbus_order) (a->order - ORDER_ABCD);
}

/* Words swapped is a matter of numbers: a text follows only the order of bytes, unless its own address says otherwise. */
static enum modbus_order text_order_of(const struct modbus_device *d, const struct modbus_address *a)
{
	if (a->order != ORDER_DEVICE)
		return order_of(d, a);
	return d->order == MODBUS_BADC || d->order == MODBUS_DCBA ? MODBUS_BADC : MODBUS_ABCD;
}

static const struct driver_value unfit = { .quality = (uint32_t) QUALITY_BAD_TYPE };

/* Up to the first NUL, without the blanks behind it, in UTF-8 to where the engine wants it. */
static struct driver_value text_of(int32_t form, const uint8_t *bytes, size_t n, const char *room)
{
	char *out = (char *) (uintptr_t) room;
	size_t used = 0, len = 0;

	while (len < n && bytes[len])
		len++;
	while (len && (bytes[len - 1] == ' ' || bytes[len - 1] == 0xFF))
		len--;
	if (!out)
		return unfit;
	if (form == MODBUS_GBK)
		used = gbk_to_utf8(bytes, len, out, DRIVER_TEXT_MAX);
	else if (form == MODBUS_LATIN1)
		for (size_t i = 0; i < len; i++)
			used += utf8_encode(bytes[i], out + used);
	else if (!utf8_is_valid((const char *) bytes, len) || (form == MODBUS_ASCII && utf8_count((const char *) bytes, len) != len))
		return unfit;
	else {
		memcpy(out, bytes, len);
		used = len;
	}
	if (used == SIZE_MAX)
		return unfit;
	return (struct driver_value) { .value = { .type = V_STR, .s = out, .len = (uint32_t) used } };
}
_Static_assert(DRIVER_TEXT_MAX >= 4 * MODBUS_TEXT_REGISTERS, "the longest text of Latin-1 or GBK fits");

static struct driver_value whole(union modbus_value v, enum point_type t)
{
	/* series hold whole numbers as i64; what does not fit is not bent */
	if (t == POINT_U64 && v.u > INT64_MAX)
		return unfit;
	return (struct driver_value) { .value = { .type = V_I64, .i = v.i } };
}

static struct driver_value value_of(const struct modbus_device *d, const struct driver_point *p, const uint8_t *registers, const char *room)
{
	static const enum modbus_type of_length[] = { [1] = MODBUS_U16, [2] = MODBUS_U32, [4] = MODBUS_U64 };
	const struct modbus_address *a = at(p);
	uint8_t text[2 * MODBUS_TEXT_REGISTERS];
	union modbus_value v;

	if (p->type == POINT_STRING) {
		modbus_get_text(registers, a->length, text_order_of(d, a), text);
		return text_of(a->form, text, 2 * a->length, room);
	}
	if (a->form == MODBUS_BCD) {
		v = modbus_get(registers, of_length[a->length], order_of(d, a));
		return modbus_from_bcd(v.u, &v.u) && (p->type == POINT_U64 || modbus_fits(wire_type(p->type), v.i)) ? whole(v, p->type) : unfit;
	}
	if (a->form == MODBUS_HALF) {
		v.f32 = modbus_from_half((uint16_t) modbus_get(registers, MODBUS_U16, order_of(d, a)).u);
		return p->type == POINT_F32 ? (struct driver_value) { .value = { .type = V_F32, .f32 = v.f32 } } :
			(struct driver_value) { .value = { .type = V_F64, .f64 = (double) v.f32 } };
	}
	v = modbus_get(registers, p->type == POINT_BOOL ? MODBUS_U16 : wire_type(p->type), order_of(d, a));
	switch (p->type) {
	case POINT_BOOL:
		return (struct driver_value) { .value = { .type = V_BOOL, .b = a->bit >= 0 ? v.u >> a->bit & 1 : v.u != 0 } };
	case POINT_F32:
		return (struct driver_value) { .value = { .type = V_F32, .f32 = v.f32 } };
	case POINT_F64:
		return (struct driver_value) { .value = { .type = V_F64, .f64 = v.f64 } };
	default:
		return whole(v, p->type);
	}
}

static struct driver_value object_of(const struct modbus_address *a, const uint8_t *list, size_t len, const char *room)
{
	struct cur c = cur_of(list, len);
	struct modbus_object o;

	while (modbus_object_next(&c, &o))
		if (o.id == a->number)
			return text_of(a->form, o.text, o.len, room);
	return (struct driver_value) { .quality = (uint32_t) QUALITY_BAD_ADDRESS };
}

void modbus_decode(const void *device, const struct driver_point *points, const struct driver_request *q, const uint8_t *data, size_t len,
	struct driver_value *ret)
{
	for (uint32_t i = 0; i < q->count; i++) {
		const struct modbus_address *a = at(&points[i]);
		const char *room = points[i].type == POINT_STRING ? ret[i].value.s : NULL;
		size_t skip = a->number - q->from;

		/* feed() compared the length with what was asked for; a request made otherwise must not read beyond */
		if (a->table == MODBUS_IDENTITY)
			ret[i] = object_of(a, data, len, room);
		else if (modbus_is_bits((uint8_t) q->code) ? modbus_bit_bytes((unsigned) skip + 1) > len : 2 * (skip + a->length) > len)
			ret[i] = (struct driver_value) { .quality = (uint32_t) QUALITY_BAD_PROTOCOL };
		else if (modbus_is_bits((uint8_t) q->code))
			ret[i] = (struct driver_value) { .value = { .type = V_BOOL, .b = modbus_get_bit(data, (unsigned) skip) } };
		else
			ret[i] = value_of(device, &points[i], data + 2 * skip, room);
	}
}

static int no_fit(const char *value)
{
	return err_fail(ERR_WRONG_TYPE, "field", "value", "want", "@modbus_fitting", "value", value, NULL);
}

/* A value as the type of the point; whole numbers only where whole numbers are. */
static int to_wire(struct value v, enum point_type t, union modbus_value *ret)
{
	char text[NUM_TEXT_MAX];
	double f;

	if (v.type != V_BOOL && v.type != V_I64 && v.type != V_F32 && v.type != V_F64)
		return no_fit("");
	f = v.type == V_BOOL ? v.b : v.type == V_I64 ? (double) v.i : v.type == V_F32 ? (double) v.f32 : v.f64;
	num_format_f64(text, f);
	if (t == POINT_BOOL) {
		if (f != 0 && f != 1)
			return no_fit(text);
		ret->u = f != 0;
		return 0;
	}
	if (t == POINT_F32) {
		ret->u = 0;
		ret->f32 = v.type == V_F32 ? v.f32 : (float) f;
		return 0;
	}
	if (t == POINT_F64) {
		ret->f64 = f;
		return 0;
	}
	if (v.type == V_F32 || v.type == V_F64) {
		/* 2^63 is the first double that i64 cannot hold */
		if (!(f >= -0x1p63 && f < 0x1p63) || (double) (int64_t) f != f)
			return no_fit(text);
		v = (struct value) { .type = V_I64, .i = (int64_t) f };
	} else if (v.type == V_BOOL)
		v = (struct value) { .type = V_I64, .i = v.b };
	if (!modbus_fits(wire_type(t), v.i))
		return no_fit(text);
	ret->i = v.i;
	return 0;
}

/* Padded with NULs to the length of the place. */
static int text_to_wire(const struct modbus_device *d, const struct modbus_address *a, struct value v, uint8_t *wire)
{
	uint8_t text[2 * MODBUS_TEXT_REGISTERS] = { 0 };
	size_t room = 2 * a->length, n = v.len;
	const char *at = v.s, *end = v.s + v.len;

	if (v.type != V_STR)
		return no_fit("");
	if (a->form == MODBUS_GBK)
		n = gbk_from_utf8(v.s, v.len, text, room);
	else if (a->form == MODBUS_UTF8 || a->form == MODBUS_ASCII) {
		if (n > room || (a->form == MODBUS_ASCII && utf8_count(v.s, n) != n))
			return no_fit("");
		if (n)
			memcpy(text, v.s, n);
	} else
		for (n = 0; at < end && n != SIZE_MAX;) {
			uint32_t c = utf8_decode(&at, end);

			if (c > 255 || n == room)
				n = SIZE_MAX;
			else
				text[n++] = (uint8_t) c;
		}
	if (n == SIZE_MAX)
		return no_fit("");
	modbus_set_text(wire, a->length, text_order_of(d, a), text);
	return 0;
}

/* Numbers in the form their place wants. */
static int form_to_wire(const struct modbus_device *d, const struct driver_point *p, union modbus_value raw, uint8_t *wire)
{
	static const enum modbus_type of_length[] = { [1] = MODBUS_U16, [2] = MODBUS_U32, [4] = MODBUS_U64 };
	const struct modbus_address *a = at(p);
	enum modbus_type t = p->type == POINT_BOOL ? MODBUS_U16 : wire_type(p->type);
	char text[NUM_TEXT_MAX];

	if (a->form == MODBUS_HALF) {
		float f = p->type == POINT_F32 ? raw.f32 : (float) raw.f64;

		t = MODBUS_U16;
		num_format_f64(text, (double) f);
		raw.u = modbus_to_half(f);
		if ((raw.u & 0x7C00) == 0x7C00)         /* an infinity, or no number: beyond 65,504 */
			return no_fit(text);
	}
	if (a->form == MODBUS_BCD) {
		t = of_length[a->length];
		num_format_i64(text, raw.i);
		if (raw.i < 0 || !modbus_to_bcd(raw.u, 4 * a->length, &raw.u))
			return no_fit(text);
	}
	modbus_set(wire, t, order_of(d, a), raw);
	return 0;
}

static int encode(struct modbus_request *q, struct driver_write *w)
{
	struct pen p = pen_of(w->data, sizeof(w->data));
	int r = modbus_request_encode(q, &p);

	w->len = (uint16_t) (p.at - w->data);
	w->request = (struct driver_request) { .count = 1, .code = q->fc, .from = q->addr, .to = (uint64_t) q->addr + q->n, .items = q->n };
	return r;
}

static bool writes_single(const struct modbus_device *d)
{
	return !(d->refuses & MODBUS_NO_SINGLE) && (d->config->write_single || d->refuses & MODBUS_NO_MULTIPLE);
}

int modbus_write(const void *device, const struct driver_point *p, struct value v, struct driver_write *ret)
{
	const struct modbus_device *d = device;
	const struct modbus_address *a = at(p);
	bool single = writes_single(d);
	uint8_t data[2 * MODBUS_TEXT_REGISTERS] = { 0 };
	struct modbus_request q = { .addr = (uint16_t) a->number, .n = (uint16_t) a->length, .data = data };
	union modbus_value raw = { 0 };
	int r;

	if (a->table != MODBUS_COILS && a->table != MODBUS_HOLDING)
		return err_fail(ERR_READ_ONLY, "field", "@address", NULL);
	r = p->type == POINT_STRING ? 0 : to_wire(v, p->type, &raw);
	if (r < 0)
		return r;
	if (a->table == MODBUS_COILS) {
		q.fc = single ? MODBUS_WRITE_COIL : MODBUS_WRITE_COILS;
		q.value = raw.u ? MODBUS_COIL_ON : MODBUS_COIL_OFF;
		data[0] = raw.u != 0;
		q.len = single ? 0 : 1;
		return encode(&q, ret);
	}
	if (a->bit >= 0) {
		/* one bit, the device's others untouched: result = (register AND and_mask) OR (or_mask AND NOT and_mask) */
		union modbus_value mask = { .u = UINT64_C(1) << a->bit };
		uint8_t wire[2];

		modbus_set(wire, MODBUS_U16, order_of(d, a), mask);
		if (!d->config->mask_write || d->refuses & MODBUS_NO_MASK) {
			ret->len = 0;
			ret->request = (struct driver_request) { .count = 1, .code = modbus_read_code[a->table], .from = a->number,
				.to = (uint64_t) a->number + 1, .items = 1 };
			return 1;
		}
		q.fc = MODBUS_MASK_WRITE;
		q.or_mask = (uint16_t) (wire[0] << 8 | wire[1]);
		q.and_mask = (uint16_t) ~q.or_mask;
		if (!raw.u)
			q.or_mask = 0;
		return encode(&q, ret);
	}
	r = p->type == POINT_STRING ? text_to_wire(d, a, v, data) : form_to_wire(d, p, raw, data);
	if (r < 0)
		return r;
	q.fc = a->length == 1 && single ? MODBUS_WRITE_REGISTER : MODBUS_WRITE_REGISTERS;
	if (d->config->write_read && !(d->refuses & MODBUS_NO_READ_WRITE) && a->length <= MODBUS_MAX_READ_WRITE_REGISTERS) {
		q.fc = MODBUS_READ_WRITE;
		q.write_addr = q.addr;
		q.write_n = q.n;
	}
	q.value = (uint16_t) (data[0] << 8 | data[1]);
	q.len = q.fc == MODBUS_WRITE_REGISTER ? 0 : (uint16_t) (2 * a->length);
	return encode(&q, ret);
}

/* One bit of a register whose other bits are written as they were read. */
int modbus_merge(const void *device, const struct driver_point *p, struct value v, const uint8_t *data, size_t len, struct driver_write *ret)
{
	const struct modbus_device *d = device;
	const struct modbus_address *a = at(p);
	union modbus_value raw = { 0 }, word;
	uint8_t wire[2];
	struct modbus_request q = { .fc = writes_single(d) ? MODBUS_WRITE_REGISTER : MODBUS_WRITE_REGISTERS, .addr = (uint16_t) a->number, .n = 1,
		.data = wire };
	int r = to_wire(v, p->type, &raw);

	if (r < 0)
		return r;
	if (len != 2 || a->bit < 0)
		return err_fail(ERR_PEER, "what", "@device", "detail", "@modbus_wrong_length", NULL);
	word = modbus_get(data, MODBUS_U16, order_of(d, a));
	word.u = (word.u & ~(UINT64_C(1) << a->bit)) | (raw.u & 1) << a->bit;
	modbus_set(wire, MODBUS_U16, order_of(d, a), word);
	q.value = (uint16_t) (wire[0] << 8 | wire[1]);
	q.len = q.fc == MODBUS_WRITE_REGISTERS ? 2 : 0;
	return encode(&q, ret);
}

/* Exception 01: one value alone by 5 and 6 or by 15 and 16, a bit by mask or by the whole register; two registers only by 16. */
bool modbus_retreat(void *device, const struct driver_write *w)
{
	struct modbus_device *d = device;
	uint8_t had = d->refuses;

	switch (w->request.code) {
	case MODBUS_MASK_WRITE:
		d->refuses |= MODBUS_NO_MASK;
		break;
	case MODBUS_READ_WRITE:
		d->refuses |= MODBUS_NO_READ_WRITE;
		break;
	case MODBUS_WRITE_COIL:
	case MODBUS_WRITE_REGISTER:
		d->refuses |= MODBUS_NO_SINGLE;
		break;
	case MODBUS_WRITE_COILS:
	case MODBUS_WRITE_REGISTERS:
		if (w->request.items == 1)
			d->refuses |= MODBUS_NO_MULTIPLE;
		break;
	default:
		break;
	}
	/* Who knows neither way was asked both: the next time begins anew. */
	if ((d->refuses & (MODBUS_NO_SINGLE | MODBUS_NO_MULTIPLE)) == (MODBUS_NO_SINGLE | MODBUS_NO_MULTIPLE)) {
		d->refuses &= (uint8_t) ~(MODBUS_NO_SINGLE | MODBUS_NO_MULTIPLE);
		return false;
	}
	return d->refuses != had;
}
