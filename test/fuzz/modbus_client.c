/* What a device may answer: a stream in pieces, each frame taken for the answer to a request that the first bytes choose. Whatever
 * decodes must encode to the same bytes again. */
#include <stdlib.h>

#include "base/err.h"
#include "proto/modbus/modbus.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const uint8_t fcs[] = { 1, 2, 3, 4, 5, 6, 15, 16, 22, 23, 43, 7 };
	struct cur head = cur_of(bytes, len);
	unsigned pick = cur_u8(&head), step = cur_u8(&head) + 1u;
	struct modbus_request q = { .fc = fcs[pick % ELEMENTSOF(fcs)] };
	struct modbus_tcp_splitter s = { 0 };

	q.addr = cur_be16(&head);
	q.n = cur_u8(&head) % MODBUS_MAX_READ_REGISTERS + 1;
	q.value = cur_be16(&head);
	q.id_code = 1 + pick % 4;
	if (head.bad)
		return 0;
	while (cur_left(&head)) {
		size_t n = MIN(step, cur_left(&head));
		struct cur in = cur_of(cur_take(&head, n), n);
		struct modbus_tcp t;
		int r;

		while ((r = modbus_tcp_split(&s, &in, &t)) == 1) {
			struct modbus_response a;
			uint8_t out[MODBUS_TCP_ADU_MAX];
			struct pen p = pen_of(out, sizeof(out));

			if (modbus_response_decode(t.pdu, t.len, &q, &a) < 0)
				continue;
			if (modbus_response_encode(&a, &p) < 0 || (size_t) (p.at - out) != t.len || memcmp(out, t.pdu, t.len) != 0)
				abort();
		}
		if (r < 0)
			break;
	}
	err_clear();
	return 0;
}
