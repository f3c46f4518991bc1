/* answer.c - a Modbus server's side of a PDU: reads from the images, writes only what is a command and within its range. */
#include "base/str.h"
#include "sim/plc.h"

static enum area area_of(uint8_t fc)
{
	switch (fc) {
	case MODBUS_READ_COILS: case MODBUS_WRITE_COIL: case MODBUS_WRITE_COILS: return AREA_COILS;
	case MODBUS_READ_DISCRETE: return AREA_DISCRETE;
	case MODBUS_READ_INPUT: return AREA_INPUT;
	default: return AREA_HOLDING;
	}
}

static uint8_t read_bits(const struct plc *p, const struct modbus_request *q, uint8_t *scratch, struct modbus_response *ret)
{
	enum area area = area_of(q->fc);

	if (!spots_have(p->spots, area, q->addr, q->n))
		return MODBUS_ILLEGAL_ADDRESS;
	ret->n = q->n;
	ret->len = (uint16_t) modbus_bit_bytes(q->n);
	memset(scratch, 0, ret->len);
	for (unsigned i = 0; i < q->n; i++)
		modbus_set_bit(scratch, i, modbus_get_bit(p->image.bits[area], q->addr + i));
	ret->data = scratch;
	return 0;
}

static uint8_t read_registers(const struct plc *p, const struct modbus_request *q, uint8_t *scratch, struct modbus_response *ret)
{
	enum area area = area_of(q->fc);

	if (!spots_have(p->spots, area, q->addr, q->n))
		return MODBUS_ILLEGAL_ADDRESS;
	ret->n = q->n;
	ret->len = (uint16_t) (2 * q->n);
	memcpy(scratch, p->image.registers[area] + 2 * q->addr, ret->len);
	ret->data = scratch;
	return 0;
}

/* The image as it would be: taken over only when every command in it is within its range. */
static uint8_t accept(struct plc *p, const struct image *wanted)
{
	const struct sim_point *points = p->kind->points;

	for (size_t i = 0; i < p->kind->n_points; i++) {
		double v = image_get(wanted, &p->spots->spot[i]) * points[i].scale;

		if (p->kind->sources[i].what == 'C' && !(v >= points[i].low && v <= points[i].high))
			return MODBUS_ILLEGAL_VALUE;
	}
	p->image = *wanted;
	return 0;
}

static uint8_t write_bits(struct plc *p, const struct modbus_request *q, struct modbus_response *ret)
{
	struct image wanted = p->image;

	if (!spots_have(p->spots, AREA_COILS, q->addr, q->n))
		return MODBUS_ILLEGAL_ADDRESS;
	for (unsigned i = 0; i < q->n; i++)
		modbus_set_bit(wanted.bits[AREA_COILS], q->addr + i,
			q->fc == MODBUS_WRITE_COIL ? q->value == MODBUS_COIL_ON : modbus_get_bit(q->data, i));
	ret->addr = q->addr;
	ret->n = q->n;
	ret->value = q->value;
	return accept(p, &wanted);
}

static uint8_t write_registers(struct plc *p, uint16_t addr, uint16_t n, const uint8_t *data)
{
	struct image wanted = p->image;

	if (!spots_have(p->spots, AREA_HOLDING, addr, n))
		return MODBUS_ILLEGAL_ADDRESS;
	memcpy(wanted.registers[AREA_HOLDING] + 2 * addr, data, 2u * n);
	return accept(p, &wanted);
}

static uint8_t write_one(struct plc *p, const struct modbus_request *q, struct modbus_response *ret)
{
	uint16_t value = q->value;
	uint8_t bytes[2];

	if (!spots_have(p->spots, AREA_HOLDING, q->addr, 1))
		return MODBUS_ILLEGAL_ADDRESS;
	if (q->fc == MODBUS_MASK_WRITE) {
		const uint8_t *now = p->image.registers[AREA_HOLDING] + 2 * q->addr;
		uint16_t old = (uint16_t) (now[0] << 8 | now[1]);

		value = (uint16_t) ((old & q->and_mask) | (q->or_mask & ~q->and_mask));         /* section 6.16 */
	}
	ret->addr = q->addr;
	ret->n = 1;
	ret->value = value;
	ret->and_mask = q->and_mask;
	ret->or_mask = q->or_mask;
	bytes[0] = (uint8_t) (value >> 8);
	bytes[1] = (uint8_t) value;
	return write_registers(p, q->addr, 1, bytes);
}

/* Section 6.21: the basic objects, all at once or one. */
static uint8_t identify(const struct plc *p, const struct modbus_request *q, uint8_t *scratch, struct modbus_response *ret)
{
	const char *const objects[] = { "Tenon", p->kind->product, "1.0" };
	bool one = q->id_code == 4;
	struct pen out = pen_of(scratch, MODBUS_PDU_MAX - 8);

	if (q->object >= ELEMENTSOF(objects) && one)
		return MODBUS_ILLEGAL_ADDRESS;
	for (uint8_t i = one || q->object < ELEMENTSOF(objects) ? q->object : 0; i < ELEMENTSOF(objects); i++) {
		pen_u8(&out, i);
		pen_u8(&out, (uint8_t) str_len(objects[i]));
		pen_bytes(&out, objects[i], str_len(objects[i]));
		ret->n_objects++;
		if (one)
			break;
	}
	ret->id_code = q->id_code;
	ret->conformity = 0x81;                         /* basic, stream and individual access */
	ret->data = scratch;
	ret->len = (uint16_t) (out.at - scratch);
	return 0;
}

static uint8_t read_and_write(struct plc *p, const struct modbus_request *q, uint8_t *scratch, struct modbus_response *ret)
{
	uint8_t exception;

	if (!spots_have(p->spots, AREA_HOLDING, q->addr, q->n))
		return MODBUS_ILLEGAL_ADDRESS;
	exception = write_registers(p, q->write_addr, q->write_n, q->data);     /* section 6.17: the write comes first */
	return exception ? exception : read_registers(p, q, scratch, ret);
}

void plc_answer(struct plc *p, const struct modbus_request *q, uint8_t scratch[MODBUS_PDU_MAX], struct modbus_response *ret)
{
	*ret = (struct modbus_response) { .fc = q->fc };
	switch (q->fc) {
	case MODBUS_READ_COILS: case MODBUS_READ_DISCRETE: ret->exception = read_bits(p, q, scratch, ret); break;
	case MODBUS_READ_HOLDING: case MODBUS_READ_INPUT: ret->exception = read_registers(p, q, scratch, ret); break;
	case MODBUS_WRITE_COIL: case MODBUS_WRITE_COILS: ret->exception = write_bits(p, q, ret); break;
	case MODBUS_WRITE_REGISTER: case MODBUS_MASK_WRITE: ret->exception = write_one(p, q, ret); break;
	case MODBUS_WRITE_REGISTERS:
		ret->addr = q->addr;
		ret->n = q->n;
		ret->exception = write_registers(p, q->addr, q->n, q->data);
		break;
	case MODBUS_READ_WRITE: ret->exception = read_and_write(p, q, scratch, ret); break;
	case MODBUS_ENCAPSULATED: ret->exception = identify(p, q, scratch, ret); break;
	default: ret->exception = MODBUS_ILLEGAL_FUNCTION; break;
	}
}
