/* The driver between an engine and a device that sends anything: addresses as text, then questions and a stream in pieces. No byte may
 * lead outside the slice that was asked for. */
#include "base/err.h"
#include "link/south/modbus/modbus.h"

extern const struct driver driver_modbus_tcp;
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct modbus_config config = { .timeout_ms = 1000, .pipeline = 4, .max_registers = 125, .max_bits = 2000, .gap_registers = 16,
		.gap_bits = 128, .check_unit = true };
	static struct modbus_device_config device_config = { .unit = 1, .gap_registers = -1, .write_single = true, .mask_write = true };
	struct modbus_session session = { 0 };
	struct modbus_device device = { 0 };
	struct modbus_address address[4];
	struct driver_point points[4];
	struct driver_request requests[4];
	struct driver_value values[4];
	struct cur in = cur_of(bytes, len);
	uint32_t n = 0, n_requests;

	driver_modbus_tcp.open(&session, &config);
	driver_modbus_tcp.attach(&session, &device, &device_config);
	for (unsigned i = 0; i < 4; i++) {
		char text[24];
		size_t k = cur_u8(&in) % sizeof(text);
		const uint8_t *from = cur_take(&in, k);
		struct point p = { .address = text, .type = cur_u8(&in) % (POINT_STRING + 1) };

		if (in.bad)
			return 0;
		memcpy(text, from, k);
		text[k] = 0;
		if (modbus_parse_address(&p, &address[n]) == 0) {
			points[n] = (struct driver_point) { &address[n], p.type };
			n++;
		}
	}
	for (uint32_t i = 1; i < n; i++)
		for (uint32_t k = i; k > 0 && modbus_order_of(points[k].address) < modbus_order_of(points[k - 1].address); k--) {
			struct driver_point t = points[k];

			points[k] = points[k - 1];
			points[k - 1] = t;
		}
	n_requests = modbus_plan(&device, points, n, requests);
	while (n_requests && cur_left(&in)) {
		uint8_t out[MODBUS_TCP_ADU_MAX];
		struct pen p = pen_of(out, sizeof(out));
		uint32_t slot = cur_u8(&in) % 4, step = cur_u8(&in);
		struct driver_job job = { .slot = slot, .device = &device, .request = &requests[slot % n_requests] };
		const uint8_t *piece;
		struct driver_event e;
		struct cur c;
		struct driver_request half[2];

		driver_modbus_tcp.next(&session, &job, 0, &p);
		piece = cur_take(&in, MIN(step, cur_left(&in)));
		if (!piece)
			break;
		c = cur_of(piece, (size_t) (in.at - piece));
		do {
			if (driver_modbus_tcp.feed(&session, &c, 0, &e) < 0) {
				driver_modbus_tcp.lost(&session);
				break;
			}
			if (e.said == DRIVER_ANSWER) {
				const struct driver_request *q = &requests[e.slot % n_requests];

				struct driver_write w = { 0 };
				char text[100];
				struct buf who = BUF_FIXED(text);

				modbus_decode(&device, points + q->first, q, e.data, e.len, values);
				modbus_merge(&device, &points[q->first], (struct value) { .type = V_BOOL, .b = true }, e.data, e.len, &w);
				modbus_who(&device, 1, e.data, e.len, &who);
			}
			if (e.said == DRIVER_REFUSED && e.hint == DRIVER_HINT_SPLIT)
				modbus_split(&device, points, &requests[e.slot % n_requests], half);
		} while (e.said != DRIVER_NOTHING);
		if (step % 7 == 0)
			driver_modbus_tcp.expired(&session, slot);
	}
	err_clear();
	return 0;
}
