/*
 * calendar.h - periods people count in: shifts, days, weeks, months, quarters, years, as the clock on the wall shows them.
 *
 * A day may begin at another hour than midnight (the production day: with the first shift). A week begins on Monday (ISO 8601), a month on its first
 * day, each at that hour. A period is as long as its clock makes it: a day of 23 or 25 hours where summer time begins or ends.
 *
 * Thread: any. Memory: the caller's.
 */
#pragma once

#include "base/zone.h"

enum calendar_unit { CALENDAR_NONE, CALENDAR_SHIFT, CALENDAR_DAY, CALENDAR_WEEK, CALENDAR_MONTH, CALENDAR_QUARTER, CALENDAR_YEAR };

struct calendar {
	const struct zone *zone;
	enum calendar_unit unit;
	int32_t start_s;                /* the day begins so long after midnight: 0 … 86,399 */
	int32_t shift_s;                /* length of a shift; divides a day */
};

/* The period that holds an instant, as a number that counts them; and where a period begins. Instants in s UTC. */
int64_t calendar_period(const struct calendar *c, int64_t utc_s);
int64_t calendar_begin(const struct calendar *c, int64_t period);

/* The borders of [from, to): the first is at or before from, the last at or behind to; each greater than the one before. Returns how many there
 * are; writes at most max of them. ns. */
size_t calendar_borders(const struct calendar *c, int64_t from_ns, int64_t to_ns, int64_t *ret, size_t max);
