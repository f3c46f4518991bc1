/* The driver on a line and behind a call: packets as settings, then questions and whatever comes, in pieces. A value is only taken from an answer
 * of the length that was asked for; nothing is read outside the bytes that came. */
#include <stdlib.h>

#include "base/err.h"
#include "link/south/modbus/modbus.h"

extern const struct driver driver_modbus_dial_in;
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const char *text_of(struct cur *in, char *to, size_t room)
{
	size_t n = cur_u8(in) % room;
	const uint8_t *from = cur_take(in, n);

	if (from)
		memcpy(to, from, n);
	to[from ? n : 0] = 0;
	return to;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	char registration[120], heartbeat[40];
	struct cur in = cur_of(bytes, len);
	struct modbus_config config = { .max_registers = 125, .max_bits = 2000, .framing = cur_u8(&in) % 3, .check_unit = cur_u8(&in) & 1 };
	struct modbus_device_config device_config = { .unit = 1, .gap_registers = -1 };
	static struct modbus_session session;
	struct modbus_device device = { 0 };
	struct driver_request q = { .count = 1, .code = 1u + cur_u8(&in) % 4, .from = cur_u8(&in), .to = 0 };

	config.registration = text_of(&in, registration, sizeof(registration));
	config.heartbeat = text_of(&in, heartbeat, sizeof(heartbeat));
	q.to = q.from + 1 + cur_u8(&in) % 100;
	session = (struct modbus_session) { 0 };
	if (in.bad || driver_modbus_dial_in.open(&session, &config) < 0) {
		err_clear();
		return 0;
	}
	driver_modbus_dial_in.attach(&session, &device, &device_config);
	while (cur_left(&in)) {
		uint8_t out[MODBUS_ASCII_ADU_MAX], step = cur_u8(&in);
		struct pen p = pen_of(out, sizeof(out));
		struct driver_job job = { .device = &device, .request = &q };
		size_t n = MIN((size_t) step, cur_left(&in));
		struct cur piece = cur_of(cur_take(&in, n), n);
		struct driver_event e;

		if (!session.slot[0].busy)
			driver_modbus_dial_in.next(&session, &job, 0, &p);
		do {
			if (driver_modbus_dial_in.feed(&session, &piece, 0, &e) < 0) {
				driver_modbus_dial_in.lost(&session);
				break;
			}
			if (e.said == DRIVER_ANSWER && e.len != (q.code <= 2 ? modbus_bit_bytes((unsigned) (q.to - q.from)) : 2 * (q.to - q.from)))
				abort();
		} while (e.said != DRIVER_NOTHING);
		if (step % 11 == 0)
			driver_modbus_dial_in.expired(&session, 0);
	}
	err_clear();
	return 0;
}
