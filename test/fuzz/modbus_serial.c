/* Lines of RTU and ASCII: whatever they carry, a frame that is found lies inside the bytes, has a right check sum, and frames again to the
 * same bytes. */
#include <stdlib.h>

#include "base/err.h"
#include "proto/modbus/modbus.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void hold(const struct modbus_found *f, const uint8_t *bytes, size_t n)
{
	uint8_t out[MODBUS_RTU_ADU_MAX];
	struct pen p = pen_of(out, sizeof(out));

	if (f->from > f->to || f->to > n || f->len > MODBUS_PDU_MAX)
		abort();
	modbus_rtu_frame(&p, f->unit, f->pdu, f->len);
	if (p.bad || (size_t) (p.at - out) != f->to - f->from || memcmp(out, bytes + f->from, f->to - f->from) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const uint8_t fcs[] = { 1, 2, 3, 4, 5, 6, 15, 16, 22, 23, 43, 7 };
	struct cur in = cur_of(bytes, len);
	uint8_t pick = cur_u8(&in), step = cur_u8(&in), unit = cur_u8(&in), scratch[MODBUS_RTU_ADU_MAX];
	struct modbus_request q = { .fc = fcs[pick % ELEMENTSOF(fcs)] };
	struct modbus_line line = { 0 };
	struct modbus_found f;

	while (!in.bad && cur_left(&in)) {
		size_t k = MIN(step + 1u, cur_left(&in));
		struct cur piece = cur_of(cur_take(&in, k), k);
		int r;

		modbus_line_add(&line, &piece);
		if (modbus_rtu_answer(line.bytes, line.len, unit, &q, &f) == 1)
			hold(&f, line.bytes, line.len);
		if (modbus_rtu_whole(line.bytes, line.len, &f) == 1)
			hold(&f, line.bytes, line.len);
		if (modbus_rtu_request(line.bytes, line.len, &f) == 1) {
			struct modbus_request got;

			hold(&f, line.bytes, line.len);
			if (modbus_request_decode(f.pdu, f.len, &got) == 0) {
				uint8_t out[MODBUS_PDU_MAX];
				struct pen p = pen_of(out, sizeof(out));

				if (modbus_request_encode(&got, &p) < 0 || (size_t) (p.at - out) != f.len || memcmp(out, f.pdu, f.len) != 0)
					abort();
			}
			modbus_line_drop(&line, f.to);
		}
		r = modbus_ascii_find(line.bytes, line.len, scratch, &f);
		if (r != 0) {
			if (f.from >= f.to || f.to > line.len || (r == 1 && f.len > MODBUS_PDU_MAX))
				abort();
			modbus_line_drop(&line, f.to);
		}
	}
	err_clear();
	return 0;
}
