/* InfluxDB line protocol: any bytes end, stay inside, and what is taken for a field is one. */
#include "service/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lines l = lines_of((const char *) data, size);
	struct line_field f;
	char out[1024];
	int r;

	while ((r = lines_next(&l))) {
		if (r < 0)
			continue;
		while (lines_field(&l, &f) == 1) {
			if (!f.key_len || !f.head_len || f.value.type == V_NONE)
				__builtin_trap();
			if (f.key_len < sizeof(out) && line_unescape(f.key, f.key_len, false, out) > f.key_len)
				__builtin_trap();
		}
	}
	return 0;
}
