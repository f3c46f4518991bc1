/* visit.c - questions that belong to no point: registers as they lie, and who is there. */
#include "base/err.h"
#include "base/num.h"
#include "base/str.h"
#include "link/south/modbus/modbus.h"

int modbus_peek(const void *device, const struct driver_point *p, uint32_t n, struct driver_request *ret)
{
	const struct modbus_device *d = device;
	const struct modbus_address *a = p->address;
	bool bits = a->table == MODBUS_COILS || a->table == MODBUS_DISCRETE;
	uint32_t most = bits ? d->connection->max_bits : d->config->max_registers ? d->config->max_registers : d->connection->max_registers;
	char max[NUM_TEXT_MAX], value[NUM_TEXT_MAX];

	most = a->table == MODBUS_IDENTITY ? 1 : MIN(most, UINT32_C(65536) - a->number);
	if (n < 1 || n > most) {
		num_format_u64(max, most);
		num_format_u64(value, n);
		return err_fail(ERR_OUT_OF_RANGE, "field", "count", "min", "1", "max", max, "value", value, NULL);
	}
	*ret = (struct driver_request) { .count = 1, .items = n, .code = modbus_read_code[a->table], .from = a->number, .to = (uint64_t) a->number + n };
	return 0;
}

/* First what every device answers, if only with an exception: holding register 0. Then its name (V1.1b3, 6.21). */
int modbus_greet(const void *device, uint32_t step, struct driver_write *ret)
{
	const struct modbus_device *d = device;
	struct modbus_request q = { .addr = step || d->config->shift >= 0 ? 0 : 1, .fc = step ? MODBUS_ENCAPSULATED : MODBUS_READ_HOLDING, .n = 1, .id_code = 1 };
	struct pen p = pen_of(ret->data, sizeof(ret->data));
	int r = step > 1 ? err_fail(ERR_MISSING, "what", "@device", "value", "", NULL) : modbus_request_encode(&q, &p);

	if (r < 0)
		return r;
	ret->len = (uint16_t) (p.at - ret->data);
	ret->request = (struct driver_request) { .count = 1, .code = q.fc, .from = q.addr, .to = q.addr + UINT64_C(1), .items = 1 };
	return 0;
}

/* Vendor, product, revision: objects 0, 1, 2. What is no UTF-8 is left out. */
void modbus_who(const void *device, uint32_t step, const uint8_t *data, size_t len, struct buf *out)
{
	struct cur list = cur_of(data, len);
	struct modbus_object o;
	bool any = false;

	while (step == 1 && modbus_object_next(&list, &o)) {
		if (o.id > 2 || !o.len || !utf8_is_valid((const char *) o.text, o.len))
			continue;
		buf_addf(out, "%s%.*s", any ? " " : "", (int) o.len, (const char *) o.text);
		any = true;
	}
}
