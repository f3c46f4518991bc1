/* Every PDU a client may send gets an answer that can be encoded and that a client accepts; nothing of it breaks a machine of any kind. */
#include <stdlib.h>

#include "sim/plc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct spots spots[SIM_KINDS_];
	static struct plc plc[SIM_KINDS_];
	uint8_t scratch[MODBUS_PDU_MAX], pdu[MODBUS_PDU_MAX];
	struct modbus_response a, back;
	struct modbus_request q;

	if (modbus_request_decode(data, size, &q) != 0)
		return 0;
	for (int k = 0; k < SIM_KINDS_; k++) {
		struct pen out = pen_of(pdu, sizeof(pdu));

		if (!plc[k].spots) {
			spots_init(&spots[k], kind_of((enum sim_kind) k));
			plc_init(&plc[k], &spots[k], 1, 2, 0);
		}
		plc_answer(&plc[k], &q, scratch, &a);
		if (modbus_response_encode(&a, &out) < 0)
			abort();
		if (modbus_response_decode(pdu, (size_t) (out.at - pdu), &q, &back) < 0)
			abort();
		plc_scan(&plc[k]);
	}
	return 0;
}
