/* Every PDU a client may send gets an answer that can be encoded and that a client accepts; nothing of it breaks the station. */
#include <stdlib.h>

#include "sim/plc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct spots spots;
	static struct plc plc;
	uint8_t scratch[MODBUS_PDU_MAX], pdu[MODBUS_PDU_MAX];
	struct modbus_response a, back;
	struct modbus_request q;
	struct pen out = pen_of(pdu, sizeof(pdu));

	if (!plc.spots) {
		spots_init(&spots);
		plc_init(&plc, &spots, 1, 2, 0);
	}
	if (modbus_request_decode(data, size, &q) != 0)
		return 0;
	plc_answer(&plc, &q, scratch, &a);
	if (modbus_response_encode(&a, &out) < 0)
		abort();
	if (modbus_response_decode(pdu, (size_t) (out.at - pdu), &q, &back) < 0)
		abort();
	plc_scan(&plc);
	return 0;
}
