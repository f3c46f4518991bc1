/* fuzz: a block of snappy. Whatever comes, not one byte is written beyond what it said it would be, and a whole block fills all of it. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "proto/remote_write/remote_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t room;
	uint8_t *out;

	if (snappy_size(data, size, &room) == 0 && room <= 1 << 20) {
		out = malloc(room + 1);
		if (!out)
			return 0;
		out[room] = 0xA5;
		snappy_unpack(data, size, out, room);
		if (out[room] != 0xA5)
			abort();
		free(out);
	}
	err_clear();
	return 0;
}
