/* Time zone files: any bytes end, stay inside, and a zone that was read answers for any instant. */
#include "base/calendar.h"
#include "base/err.h"
#include "sys/heap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int64_t when[] = { INT64_MIN / NS_PER_S, -86400, 0, 951782400, 1774746000, 4102444800, INT64_MAX / NS_PER_S };
	struct arena a;
	struct zone z;

	arena_init(&a, &sys_heap, 4 << 20);
	if (zone_parse(data, size, &a, &z) == 0)
		for (size_t i = 0; i < ELEMENTSOF(when); i++)
			for (int unit = CALENDAR_DAY; unit <= CALENDAR_YEAR; unit++) {
				struct calendar c = { .zone = &z, .unit = (enum calendar_unit) unit, .start_s = 6 * 3600 };
				int64_t p = calendar_period(&c, when[i]);

				if (calendar_begin(&c, p) > when[i] || calendar_begin(&c, p + 1) <= when[i])
					__builtin_trap();
			}
	else
		err_clear();
	arena_done(&a);
	return 0;
}
