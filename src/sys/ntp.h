/*
 * ntp.h - how well the kernel's clock follows a reference (NTP, PTP, GPS: whoever disciplines it says so to the kernel).
 *
 * Source: adjtimex(2); RFC 5905, A.4 (esterror, maxerror).
 *
 * Thread: any. Memory: none.
 */
#pragma once

#include <stdint.h>

#include "base/base.h"

struct clock_state {
	bool synchronized;
	int64_t offset_ns;              /* what is still being corrected */
	int64_t error_ns;               /* estimated error; meaningless while not synchronized */
	int64_t error_max_ns;           /* the error is not greater; grows by 500 µs a second without a reference */
};

/* -ERR_IO when the kernel does not say. */
int clock_state(struct clock_state *ret);
