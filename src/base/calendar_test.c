/* calendar_test.c - zones against the C library's own (localtime_r with TZ set), calendars against dates worked out by hand. */
#include <dirent.h>
#include <stdlib.h>
#include <time.h>

#include "tap.h"

#include "base/calendar.h"
#include "base/err.h"
#include "base/str.h"
#include "base/when.h"
#include "sys/sys.h"

static int load(const char *name, struct arena *a, struct zone *ret)
{
	char path[256];
	struct buf file = BUF_INIT(&sys_heap, ZONE_FILE_MAX);

	snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
	int r = file_read(path, ZONE_FILE_MAX, &file);
	if (r == 0)
		r = zone_parse(file.data, file.len, a, ret);
	buf_done(&file);
	return r;
}

static int64_t instant(const char *text)
{
	int64_t ns = 0;

	ok(when_parse(text, str_len(text), &ns));
	return ns / NS_PER_S;
}

static uint64_t state = 7;

static uint64_t next(void)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return state >> 33;
}

static const char *const zones[] = { "Europe/Berlin", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Casablanca",
	"Asia/Kathmandu", "Pacific/Apia", "Europe/Dublin", "Asia/Tehran", "America/St_Johns", "Pacific/Chatham", "Asia/Beirut", "America/Havana",
	"Antarctica/Troll", "Asia/Gaza", "America/Nuuk", "UTC", "Asia/Manila", "Europe/London" };

TEST(offsets_are_those_of_the_c_library_in_all_years)
{
	for (size_t i = 0; i < ELEMENTSOF(zones); i++) {
		struct arena a;
		struct zone z;
		unsigned wrong = 0;

		arena_init(&a, &sys_heap, 0);
		must(load(zones[i], &a, &z) == 0);
		setenv("TZ", zones[i], 1);
		tzset();
		for (int k = 0; k < 4000; k++) {
			/* 1900 to 2100, and close to each change. */
			int64_t t = k < 2000 || !z.n ? (int64_t) (next() % 6311433600u) - 2208988800 : z.at[next() % z.n] + (int64_t) (next() % 5) - 2;
			time_t c = (time_t) t;
			struct tm tm;

			localtime_r(&c, &tm);
			if (zone_offset(&z, t) != tm.tm_gmtoff && !wrong++)
				printf("# %s at %lld: %d, not %ld\n", zones[i], (long long) t, zone_offset(&z, t), tm.tm_gmtoff);
		}
		is_int(wrong, 0);
		arena_done(&a);
	}
}

TEST(what_a_wall_shows_goes_back_to_the_first_instant_that_shows_it_or_more)
{
	for (size_t i = 0; i < ELEMENTSOF(zones); i++) {
		struct arena a;
		struct zone z;
		unsigned wrong = 0;

		arena_init(&a, &sys_heap, 0);
		must(load(zones[i], &a, &z) == 0);
		for (int k = 0; k < 2000; k++) {
			int64_t t = k < 500 || !z.n ? (int64_t) (next() % 4102444800u) : z.at[next() % z.n] + (int64_t) (next() % 14400) - 7200;
			int64_t shown = t + zone_offset(&z, t), u = zone_to_utc(&z, shown), least = t;

			/* The naive way: second by second backwards, over six hours. */
			for (int64_t s = t - 6 * 3600; s < t; s++)
				if (s + zone_offset(&z, s) == shown) {
					least = s;
					break;
				}
			/* In 1892 Apia had the fourth of July twice: then the first was a day before. */
			if (u != least && !(u < t - 6 * 3600 && u + zone_offset(&z, u) == shown) && !wrong++)
				printf("# %s: %lld shown at %lld, first at %lld, got %lld\n", zones[i], (long long) shown, (long long) t, (long long) least, (long long) u);
		}
		is_int(wrong, 0);
		arena_done(&a);
	}
	/* Never shown: 2026-03-29 02:30 in Berlin; the clock jumped at 01:00 UTC. Twice: 2026-10-25 02:30, first at 00:30 UTC. */
	struct arena a;
	struct zone z;
	arena_init(&a, &sys_heap, 0);
	must(load("Europe/Berlin", &a, &z) == 0);
	is_int(zone_to_utc(&z, instant("2026-03-29T02:30:00Z")), instant("2026-03-29T01:00:00Z"));
	is_int(zone_to_utc(&z, instant("2026-10-25T02:30:00Z")), instant("2026-10-25T00:30:00Z"));
	/* Apia had no 2011-12-30. */
	must(load("Pacific/Apia", &a, &z) == 0);
	is_int(zone_to_utc(&z, instant("2011-12-30T12:00:00Z")), instant("2011-12-30T10:00:00Z"));
	arena_done(&a);
}

static void borders_are(const struct calendar *c, const char *from, const char *to, const char *const *want, size_t n)
{
	int64_t got[64];

	is_int(calendar_borders(c, instant(from) * NS_PER_S, instant(to) * NS_PER_S, got, 64), n);
	for (size_t i = 0; i < n; i++) {
		char text[WHEN_TEXT_MAX];

		when_format(text, got[i]);
		is_str(text, want[i]);
	}
}
#define BORDERS(c, from, to, ...) borders_are((c), (from), (to), (const char *const[]) { __VA_ARGS__ }, \
	sizeof((const char *const[]) { __VA_ARGS__ }) / sizeof(const char *))

TEST(days_weeks_months_and_shifts_begin_where_the_wall_says)
{
	struct arena a;
	struct zone z;
	struct calendar c = { .zone = &z, .unit = CALENDAR_DAY };

	arena_init(&a, &sys_heap, 0);
	must(load("Europe/Berlin", &a, &z) == 0);
	/* 23 hours on 2026-03-29, 25 on 2026-10-25. */
	BORDERS(&c, "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z", "2026-03-27T23:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", "2026-03-30T22:00:00Z");
	BORDERS(&c, "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
	c.start_s = 6 * 3600;           /* the production day: from 06:00 */
	BORDERS(&c, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z", "2026-03-28T05:00:00Z", "2026-03-29T04:00:00Z", "2026-03-30T04:00:00Z");
	c.unit = CALENDAR_WEEK;         /* 2026-03-30 is a Monday */
	BORDERS(&c, "2026-03-30T00:00:00Z", "2026-03-31T00:00:00Z", "2026-03-23T05:00:00Z", "2026-03-30T04:00:00Z", "2026-04-06T04:00:00Z");
	c.start_s = 0;
	c.unit = CALENDAR_MONTH;
	BORDERS(&c, "2026-02-10T00:00:00Z", "2026-04-01T00:00:00Z", "2026-01-31T23:00:00Z", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z", "2026-04-30T22:00:00Z");
	c.unit = CALENDAR_QUARTER;
	BORDERS(&c, "1969-12-31T23:30:00Z", "1970-01-01T00:30:00Z", "1969-12-31T23:00:00Z", "1970-03-31T23:00:00Z");
	c.unit = CALENDAR_YEAR;
	BORDERS(&c, "1969-06-01T00:00:00Z", "1970-06-01T00:00:00Z", "1968-12-31T23:00:00Z", "1969-12-31T23:00:00Z", "1970-12-31T23:00:00Z");
	c = (struct calendar) { .zone = &z, .unit = CALENDAR_SHIFT, .start_s = 6 * 3600, .shift_s = 8 * 3600 };
	/* The night shift of 2026-03-28, 22:00 to 06:00, has seven hours. */
	BORDERS(&c, "2026-03-28T21:00:00Z", "2026-03-29T12:00:00Z", "2026-03-28T21:00:00Z", "2026-03-29T04:00:00Z", "2026-03-29T12:00:00Z");
	c = (struct calendar) { .zone = &z, .unit = CALENDAR_DAY };
	must(load("Pacific/Apia", &a, &z) == 0);
	/* 2011-12-29 is followed by 2011-12-31. */
	BORDERS(&c, "2011-12-29T12:00:00Z", "2011-12-30T12:00:00Z", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z");
	/* Havana and Beirut set the clock at midnight: the day begins at 01:00. 2026-03-08 in Havana: 05:00 UTC. */
	must(load("America/Havana", &a, &z) == 0);
	BORDERS(&c, "2026-03-07T12:00:00Z", "2026-03-08T12:00:00Z", "2026-03-07T05:00:00Z", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z");
	is_int(calendar_borders(&c, INT64_MIN, INT64_MAX, NULL, 0), 1);         /* more than there was room for: where it stopped */
	arena_done(&a);
}

TEST(fixed_offsets_are_read_and_others_are_not)
{
	static const char *const bad[] = { "", "+8:00", "+08", "08:00", "+15:00", "+08:60", "utc", "+08:00 ", "Europe/Berlin" };
	struct zone z;

	ok(zone_fixed("UTC", 3, &z) && zone_offset(&z, 5) == 0);
	ok(zone_fixed("+08:00", 6, &z) && zone_offset(&z, 5) == 28800);
	ok(zone_fixed("-03:30", 6, &z) && zone_to_utc(&z, 0) == 12600);
	for (size_t i = 0; i < ELEMENTSOF(bad); i++)
		ok(!zone_fixed(bad[i], str_len(bad[i]), &z));
}

TEST(a_file_cut_anywhere_is_refused_or_read_as_less)
{
	struct buf file = BUF_INIT(&sys_heap, ZONE_FILE_MAX);
	struct arena a;
	struct zone z;

	arena_init(&a, &sys_heap, 0);
	must(file_read("/usr/share/zoneinfo/Europe/Berlin", ZONE_FILE_MAX, &file) == 0);
	for (size_t n = 0; n + 2 < file.len; n++)
		if (zone_parse(file.data, n, &a, &z) == 0)
			ok(!z.has_rule);
		else
			err_clear();
	buf_done(&file);
	arena_done(&a);
}
