/*
 * clock.h - what time it is. Wall time may step; whatever measures a distance uses the monotonic clock.
 *
 * Thread: any; a struct clock_watch belongs to one.
 */
#pragma once

#include "base/base.h"

int64_t clock_now_ns(void);             /* UTC, ns since 1970 */
int64_t clock_mono_ns(void);            /* CLOCK_MONOTONIC: never steps, stands still while suspended */
int64_t clock_cpu_ns(void);             /* CPU time of this thread */

/* Local time of this computer (TZ, /etc/localtime): day of the week, 0 = Monday, and minute of the day. */
void clock_local(int64_t ns, unsigned *ret_weekday, unsigned *ret_minute);

/* A deadline `ms` from now on the monotonic clock; negative ms: INT64_MAX, never. */
int64_t clock_deadline(int64_t ms);
/* How many ms until then, rounded up, 0 when past, at most `max`. */
int64_t clock_left_ms(int64_t deadline_ns, int64_t max);

/* Steps of the wall clock: by how many ns did it jump against the monotonic clock since the last call? Returns 0 below `min_ns`
 * (slewing by NTP goes unnoticed: the reference moves along). The first call returns 0. */
struct clock_watch { int64_t offset_ns; bool set; };
int64_t clock_watch_step(struct clock_watch *w, int64_t min_ns);
