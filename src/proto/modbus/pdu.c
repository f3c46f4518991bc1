/* pdu.c - protocol data units, both directions. One row of `shapes` says what a function code carries. */
#include "base/err.h"
#include "proto/modbus/modbus.h"

enum body { BODY_READ, BODY_ONE, BODY_MANY, BODY_MASK, BODY_READ_WRITE, BODY_ID };

static const struct shape {
	uint8_t fc, body;
	bool bits;
	uint16_t max;           /* of n */
} shapes[] = {
	{ MODBUS_READ_COILS,      BODY_READ,       true,  MODBUS_MAX_READ_BITS },
	{ MODBUS_READ_DISCRETE,   BODY_READ,       true,  MODBUS_MAX_READ_BITS },
	{ MODBUS_READ_HOLDING,    BODY_READ,       false, MODBUS_MAX_READ_REGISTERS },
	{ MODBUS_READ_INPUT,      BODY_READ,       false, MODBUS_MAX_READ_REGISTERS },
	{ MODBUS_WRITE_COIL,      BODY_ONE,        true,  1 },
	{ MODBUS_WRITE_REGISTER,  BODY_ONE,        false, 1 },
	{ MODBUS_WRITE_COILS,     BODY_MANY,       true,  MODBUS_MAX_WRITE_BITS },
	{ MODBUS_WRITE_REGISTERS, BODY_MANY,       false, MODBUS_MAX_WRITE_REGISTERS },
	{ MODBUS_MASK_WRITE,      BODY_MASK,       false, 1 },
	{ MODBUS_READ_WRITE,      BODY_READ_WRITE, false, MODBUS_MAX_READ_REGISTERS },
	{ MODBUS_ENCAPSULATED,    BODY_ID,         false, 0 },
};

static const struct shape *shape_of(uint8_t fc)
{
	for (size_t i = 0; i < ELEMENTSOF(shapes); i++)
		if (shapes[i].fc == fc)
			return &shapes[i];
	return NULL;
}

static size_t data_bytes(const struct shape *s, unsigned n)
{
	return s->bits ? modbus_bit_bytes(n) : 2 * (size_t) n;
}

/* Section 4.4 and 6: data addresses run from 0 to 65535, so a range may end there and not beyond. */
static bool range_is_fine(uint16_t addr, uint16_t n, uint16_t max)
{
	return n >= 1 && n <= max && (uint32_t) addr + n <= 0x10000;
}

/* What is wrong with a request, as the exception a server answers; 0: nothing. */
static int request_fault(const struct shape *s, const struct modbus_request *q)
{
	switch (s->body) {
	case BODY_ONE:
		return s->bits && q->value != MODBUS_COIL_ON && q->value != MODBUS_COIL_OFF ? MODBUS_ILLEGAL_VALUE : 0;
	case BODY_MASK:
		return 0;
	case BODY_ID:
		return q->id_code < 1 || q->id_code > 4 ? MODBUS_ILLEGAL_VALUE : 0;
	case BODY_READ_WRITE:
		if (q->write_n < 1 || q->write_n > MODBUS_MAX_READ_WRITE_REGISTERS || q->len != 2 * q->write_n)
			return MODBUS_ILLEGAL_VALUE;
		if ((uint32_t) q->write_addr + q->write_n > 0x10000)
			return MODBUS_ILLEGAL_ADDRESS;
		break;
	case BODY_MANY:
		if (q->len != data_bytes(s, q->n))
			return MODBUS_ILLEGAL_VALUE;
		break;
	}
	if (q->n < 1 || q->n > s->max)
		return MODBUS_ILLEGAL_VALUE;
	return range_is_fine(q->addr, q->n, s->max) ? 0 : MODBUS_ILLEGAL_ADDRESS;
}

static int written(const struct pen *out)
{
	return out->bad ? err_fail(ERR_TOO_LARGE, "what", "Modbus PDU", "max", "253", NULL) : 0;
}

int modbus_request_encode(const struct modbus_request *q, struct pen *out)
{
	const struct shape *s = shape_of(q->fc);

	if (!s || request_fault(s, q))
		return err_failf(ERR_INVALID, "Modbus function %u cannot ask for %u items from %u", q->fc, q->n, q->addr);
	pen_u8(out, q->fc);
	switch (s->body) {
	case BODY_READ:
		pen_be16(out, q->addr);
		pen_be16(out, q->n);
		break;
	case BODY_ONE:
		pen_be16(out, q->addr);
		pen_be16(out, q->value);
		break;
	case BODY_MANY:
		pen_be16(out, q->addr);
		pen_be16(out, q->n);
		pen_u8(out, (uint8_t) q->len);
		pen_bytes(out, q->data, q->len);
		break;
	case BODY_MASK:
		pen_be16(out, q->addr);
		pen_be16(out, q->and_mask);
		pen_be16(out, q->or_mask);
		break;
	case BODY_READ_WRITE:
		pen_be16(out, q->addr);
		pen_be16(out, q->n);
		pen_be16(out, q->write_addr);
		pen_be16(out, q->write_n);
		pen_u8(out, (uint8_t) q->len);
		pen_bytes(out, q->data, q->len);
		break;
	case BODY_ID:
		pen_u8(out, MODBUS_MEI_DEVICE_ID);
		pen_u8(out, q->id_code);
		pen_u8(out, q->object);
		break;
	}
	return written(out);
}

int modbus_request_decode(const uint8_t *pdu, size_t len, struct modbus_request *ret)
{
	struct cur c = cur_of(pdu, len);
	struct modbus_request q = { .fc = cur_u8(&c) };
	const struct shape *s = shape_of(q.fc);
	bool id_fault = false;
	int fault;

	*ret = (struct modbus_request) { .fc = q.fc };
	if (c.bad || !s || len > MODBUS_PDU_MAX)
		return c.bad || s ? MODBUS_ILLEGAL_VALUE : MODBUS_ILLEGAL_FUNCTION;
	if (s->body == BODY_ID) {
		/* Other MEI types (13: CANopen) are other functions under the same code; section 6.19. */
		if (cur_u8(&c) != MODBUS_MEI_DEVICE_ID && !c.bad)
			return MODBUS_ILLEGAL_FUNCTION;
		q.id_code = cur_u8(&c);
		q.object = cur_u8(&c);
		id_fault = c.bad;
	} else {
		q.addr = cur_be16(&c);
		q.n = 1;
	}
	if (s->body == BODY_READ || s->body == BODY_MANY || s->body == BODY_READ_WRITE)
		q.n = cur_be16(&c);
	if (s->body == BODY_ONE)
		q.value = cur_be16(&c);
	if (s->body == BODY_MASK) {
		q.and_mask = cur_be16(&c);
		q.or_mask = cur_be16(&c);
	}
	if (s->body == BODY_READ_WRITE) {
		q.write_addr = cur_be16(&c);
		q.write_n = cur_be16(&c);
	}
	if (s->body == BODY_MANY || s->body == BODY_READ_WRITE) {
		q.len = cur_u8(&c);
		q.data = cur_take(&c, q.len);
	}
	if (c.bad || cur_left(&c) || id_fault)
		return MODBUS_ILLEGAL_VALUE;
	fault = request_fault(s, &q);
	if (!fault)
		*ret = q;
	return fault;
}

int modbus_response_encode(const struct modbus_response *a, struct pen *out)
{
	const struct shape *s = shape_of(a->fc);

	if (a->exception) {
		pen_u8(out, a->fc | 0x80);
		pen_u8(out, a->exception);
		return written(out);
	}
	if (!s)
		return err_failf(ERR_INVALID, "Modbus function %u has no response", a->fc);
	pen_u8(out, a->fc);
	switch (s->body) {
	case BODY_READ:
	case BODY_READ_WRITE:
		if (a->len < 1 || a->len > 250 || (!s->bits && a->len % 2))
			return err_failf(ERR_INVALID, "a Modbus answer cannot carry %u bytes", a->len);
		pen_u8(out, (uint8_t) a->len);
		pen_bytes(out, a->data, a->len);
		break;
	case BODY_ONE:
		pen_be16(out, a->addr);
		pen_be16(out, a->value);
		break;
	case BODY_MANY:
		pen_be16(out, a->addr);
		pen_be16(out, a->n);
		break;
	case BODY_MASK:
		pen_be16(out, a->addr);
		pen_be16(out, a->and_mask);
		pen_be16(out, a->or_mask);
		break;
	case BODY_ID:
		pen_u8(out, MODBUS_MEI_DEVICE_ID);
		pen_u8(out, a->id_code);
		pen_u8(out, a->conformity);
		pen_u8(out, a->more);
		pen_u8(out, a->next_object);
		pen_u8(out, a->n_objects);
		pen_bytes(out, a->data, a->len);
		break;
	}
	return written(out);
}

static int wrong(const char *detail)
{
	return err_fail(ERR_PEER, "what", "Modbus", "detail", detail, NULL);
}

static int id_decode(struct cur *c, const struct modbus_request *asked, struct modbus_response *a)
{
	struct modbus_object o;
	struct cur list;
	unsigned n = 0;

	if (cur_u8(c) != MODBUS_MEI_DEVICE_ID)
		return wrong("@modbus_other_function");
	a->id_code = cur_u8(c);
	a->conformity = cur_u8(c);
	a->more = cur_u8(c);
	a->next_object = cur_u8(c);
	a->n_objects = cur_u8(c);
	if (c->bad)
		return wrong("@modbus_short_answer");
	if (a->id_code != asked->id_code)
		return wrong("@modbus_wrong_echo");
	a->data = c->at;
	a->len = (uint16_t) cur_left(c);
	list = *c;
	while (modbus_object_next(&list, &o))
		n++;
	if (list.bad || n != a->n_objects)
		return wrong("@modbus_wrong_length");
	c->at = c->end;
	return 0;
}

static int data_decode(struct cur *c, const struct shape *s, const struct modbus_request *asked, struct modbus_response *a)
{
	a->len = cur_u8(c);
	a->data = cur_take(c, a->len);
	if (c->bad || a->len < data_bytes(s, asked->n))
		return wrong("@modbus_short_answer");
	if (a->len > data_bytes(s, asked->n))
		return wrong("@modbus_long_answer");
	a->addr = asked->addr;
	a->n = asked->n;
	return 0;
}

static int echo_decode(struct cur *c, const struct shape *s, const struct modbus_request *asked, struct modbus_response *a)
{
	bool same;

	a->addr = cur_be16(c);
	a->n = 1;
	if (s->body == BODY_ONE) {
		a->value = cur_be16(c);
		same = a->value == asked->value;
	} else if (s->body == BODY_MANY) {
		a->n = cur_be16(c);
		same = a->n == asked->n;
	} else {
		a->and_mask = cur_be16(c);
		a->or_mask = cur_be16(c);
		same = a->and_mask == asked->and_mask && a->or_mask == asked->or_mask;
	}
	if (c->bad)
		return wrong("@modbus_short_answer");
	return same && a->addr == asked->addr ? 0 : wrong("@modbus_wrong_echo");
}

int modbus_response_decode(const uint8_t *pdu, size_t len, const struct modbus_request *asked, struct modbus_response *ret)
{
	struct cur c = cur_of(pdu, len);
	uint8_t fc = cur_u8(&c);
	const struct shape *s = shape_of(asked->fc);
	struct modbus_response a = { .fc = fc & 0x7F };
	int r;

	if (c.bad || len > MODBUS_PDU_MAX || !s)
		return wrong("@modbus_wrong_length");
	if (a.fc != asked->fc)
		return wrong("@modbus_other_function");
	if (fc & 0x80) {
		a.exception = cur_u8(&c);
		if (c.bad || cur_left(&c) || a.exception == 0)
			return wrong("@modbus_wrong_length");
		*ret = a;
		return 0;
	}
	if (s->body == BODY_READ || s->body == BODY_READ_WRITE)
		r = data_decode(&c, s, asked, &a);
	else if (s->body == BODY_ID)
		r = id_decode(&c, asked, &a);
	else
		r = echo_decode(&c, s, asked, &a);
	if (r < 0)
		return r;
	if (cur_left(&c))
		return wrong("@modbus_long_answer");
	*ret = a;
	return 0;
}

bool modbus_object_next(struct cur *list, struct modbus_object *ret)
{
	struct modbus_object o;

	if (list->bad || cur_left(list) == 0)
		return false;
	o.id = cur_u8(list);
	o.len = cur_u8(list);
	o.text = cur_take(list, o.len);
	if (list->bad)
		return false;
	*ret = o;
	return true;
}

const char *modbus_exception_id(uint8_t exception)
{
	static const char *const ids[] = {
		[MODBUS_ILLEGAL_FUNCTION] = "illegal_function", [MODBUS_ILLEGAL_ADDRESS] = "illegal_address",
		[MODBUS_ILLEGAL_VALUE] = "illegal_value", [MODBUS_DEVICE_FAILURE] = "device_failure",
		[MODBUS_ACKNOWLEDGE] = "acknowledge", [MODBUS_DEVICE_BUSY] = "device_busy",
		[MODBUS_MEMORY_PARITY] = "memory_parity", [MODBUS_GATEWAY_PATH] = "gateway_path",
		[MODBUS_GATEWAY_TARGET] = "gateway_target",
	};

	return exception < ELEMENTSOF(ids) && ids[exception] ? ids[exception] : "unknown";
}
