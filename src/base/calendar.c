/* calendar.c - periods by number, and where they begin. */
#include "base/calendar.h"

#include "base/when.h"

enum { DAY_S = 86400 };
/* Where calendars end: a little inside what ns can say. */
static const int64_t FAR_S = INT64_C(9223286400);

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/* Days of the wall since 1970 at which a period begins. */
static int64_t first_day(enum calendar_unit unit, int64_t period)
{
	int64_t months;

	if (unit == CALENDAR_DAY)
		return period;
	if (unit == CALENDAR_WEEK)
		return period * 7 - 3;          /* 1970-01-01 was a Thursday */
	months = period * (unit == CALENDAR_MONTH ? 1 : unit == CALENDAR_QUARTER ? 3 : 12);
	return when_days((int) floor_div(months, 12), (unsigned) (months - floor_div(months, 12) * 12) + 1, 1);
}

static int64_t period_of_day(enum calendar_unit unit, int64_t day)
{
	unsigned month, mday;
	int year;

	if (unit == CALENDAR_DAY)
		return day;
	if (unit == CALENDAR_WEEK)
		return floor_div(day + 3, 7);
	when_civil((int32_t) day, &year, &month, &mday);
	int64_t months = (int64_t) year * 12 + month - 1;
	return unit == CALENDAR_MONTH ? months : floor_div(months, unit == CALENDAR_QUARTER ? 3 : 12);
}

int64_t calendar_begin(const struct calendar *c, int64_t period)
{
	if (c->unit == CALENDAR_SHIFT)
		return zone_to_utc(c->zone, period * c->shift_s + c->start_s);
	return zone_to_utc(c->zone, first_day(c->unit, period) * DAY_S + c->start_s);
}

int64_t calendar_period(const struct calendar *c, int64_t utc_s)
{
	int64_t shown = utc_s + zone_offset(c->zone, utc_s) - c->start_s;
	int64_t p = c->unit == CALENDAR_SHIFT ? floor_div(shown, c->shift_s) : period_of_day(c->unit, floor_div(shown, DAY_S));

	/* Where the clock was set meanwhile, the neighbour may be the one. */
	while (calendar_begin(c, p) > utc_s)
		p--;
	while (calendar_begin(c, p + 1) <= utc_s)
		p++;
	return p;
}

size_t calendar_borders(const struct calendar *c, int64_t from_ns, int64_t to_ns, int64_t *ret, size_t max)
{
	int64_t from_s = CLAMP(floor_div(from_ns, NS_PER_S), -FAR_S, FAR_S), to_s = CLAMP(-floor_div(-to_ns, NS_PER_S), -FAR_S, FAR_S);
	int64_t period = calendar_period(c, from_s), last = INT64_MIN;
	size_t n = 0;

	for (;; period++) {
		int64_t at = calendar_begin(c, period);

		if (at <= last)                 /* a day that no clock showed */
			continue;
		if (n < max)
			ret[n] = CLAMP(at, -FAR_S, FAR_S) * NS_PER_S;
		n++;
		last = at;
		if (at >= to_s || n > max)
			return n;
	}
}
