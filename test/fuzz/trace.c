/* fuzz: traceparent. What is read has the form that is written. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct trace t;
	char *text = strndup((const char *) data, size), out[TRACE_TEXT];

	if (text && trace_read(text, &t)) {
		struct trace again;
		trace_write(&t, out);
		if (!trace_read(out, &again) || strcmp(t.id, again.id) || strcmp(t.flags, again.flags))
			abort();
	}
	free(text);
	return 0;
}
