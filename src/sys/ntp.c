/* ntp.c - the kernel's own account of its clock. */
#include "sys/ntp.h"

#include <errno.h>
#include <sys/timex.h>

#include "base/err.h"
#include "sys/sys.h"

int clock_state(struct clock_state *ret)
{
	struct timex t = { .modes = 0 };        /* asks, changes nothing: needs no right */
	int state = adjtimex(&t);

	if (state < 0)
		return sys_fail(errno, "adjtimex", NULL);
	*ret = (struct clock_state) { .synchronized = state != TIME_ERROR && !(t.status & STA_UNSYNC),
		.offset_ns = (int64_t) t.offset * (t.status & STA_NANO ? 1 : NS_PER_US), .error_ns = (int64_t) t.esterror * NS_PER_US,
		.error_max_ns = (int64_t) t.maxerror * NS_PER_US };
	return 0;
}
