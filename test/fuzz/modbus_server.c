/* What a client may ask: every request that decodes encodes to the same bytes; every other gets an exception that exists. */
#include <stdlib.h>

#include "base/err.h"
#include "proto/modbus/modbus.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct modbus_request q;
	uint8_t out[MODBUS_TCP_ADU_MAX];
	struct pen p = pen_of(out, sizeof(out));
	int r = modbus_request_decode(bytes, len, &q);

	if (r < 0 || r > MODBUS_ILLEGAL_VALUE)
		abort();
	if (r == 0 && (modbus_request_encode(&q, &p) < 0 || (size_t) (p.at - out) != len || memcmp(out, bytes, len) != 0))
		abort();
	if (r > 0) {
		struct modbus_response a = { .fc = q.fc & 0x7F, .exception = (uint8_t) r }, back;
		struct modbus_request asked = { .fc = a.fc };

		if (modbus_response_encode(&a, &p) < 0)
			abort();
		if (modbus_response_decode(out, 2, &asked, &back) == 0 && back.exception != r)
			abort();
	}
	err_clear();
	return 0;
}
