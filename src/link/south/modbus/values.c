/* values.c - raw values out of answers, and into writes. */
#include "base/err.h"
#include "base/num.h"
#include "link/south/modbus/modbus.h"

static const struct modbus_address *at(const struct driver_point *p) { return p->address; }
static enum modbus_type wire_type(enum point_type t) { return (enum modbus_type) (t + MODBUS_BOOL); }

static enum modbus_order order_of(const struct modbus_device *d, const struct modbus_address *a)
{
	return a->order == ORDER_DEVICE ? d->order : (enum modbus_order) (a->order - ORDER_ABCD);
}

static struct driver_value value_of(const struct modbus_device *d, const struct driver_point *p, const uint8_t *registers)
{
	const struct modbus_address *a = at(p);
	union modbus_value v = modbus_get(registers, p->type == POINT_BOOL ? MODBUS_U16 : wire_type(p->type), order_of(d, a));

	switch (p->type) {
	case POINT_BOOL:
		return (struct driver_value) { .value = { .type = V_BOOL, .b = a->bit >= 0 ? v.u >> a->bit & 1 : v.u != 0 } };
	case POINT_F32:
		return (struct driver_value) { .value = { .type = V_F32, .f32 = v.f32 } };
	case POINT_F64:
		return (struct driver_value) { .value = { .type = V_F64, .f64 = v.f64 } };
	case POINT_U64:
		/* series hold whole numbers as i64; what does not fit is not bent */
		if (v.u > INT64_MAX)
			return (struct driver_value) { .quality = (uint32_t) QUALITY_BAD_TYPE };
		return (struct driver_value) { .value = { .type = V_I64, .i = v.i } };
	default:
		return (struct driver_value) { .value = { .type = V_I64, .i = v.i } };
	}
}

void modbus_decode(const void *device, const struct driver_point *points, const struct driver_request *q, const uint8_t *data, size_t len,
	struct driver_value *ret)
{
	for (uint32_t i = 0; i < q->count; i++) {
		const struct modbus_address *a = at(&points[i]);
		size_t skip = a->number - q->from;

		/* feed() compared the length with what was asked for; a request made otherwise must not read beyond */
		if (modbus_is_bits((uint8_t) q->code) ? modbus_bit_bytes((unsigned) skip + 1) > len : 2 * (skip + a->length) > len)
			ret[i] = (struct driver_value) { .quality = (uint32_t) QUALITY_BAD_PROTOCOL };
		else if (modbus_is_bits((uint8_t) q->code))
			ret[i] = (struct driver_value) { .value = { .type = V_BOOL, .b = modbus_get_bit(data, (unsigned) skip) } };
		else
			ret[i] = value_of(device, &points[i], data + 2 * skip);
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
	uint8_t data[8] = { 0 };
	struct modbus_request q = { .addr = (uint16_t) a->number, .n = (uint16_t) a->length, .data = data };
	union modbus_value raw = { 0 };
	int r;

	if (a->table == MODBUS_DISCRETE || a->table == MODBUS_INPUT)
		return err_fail(ERR_READ_ONLY, "field", "@address", NULL);
	r = to_wire(v, p->type, &raw);
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
	modbus_set(data, p->type == POINT_BOOL ? MODBUS_U16 : wire_type(p->type), order_of(d, a), raw);
	q.fc = a->length == 1 && single ? MODBUS_WRITE_REGISTER : MODBUS_WRITE_REGISTERS;
	q.value = (uint16_t) (data[0] << 8 | data[1]);
	q.len = q.fc == MODBUS_WRITE_REGISTERS ? (uint16_t) (2 * a->length) : 0;
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
