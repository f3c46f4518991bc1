/*
 * zone.h - what a clock on the wall shows: time zones as the IANA database has them (TZif, RFC 9636), and fixed offsets.
 *
 * A zone is a list of instants at which the offset from UTC changes, and behind the last one a rule for ever (the POSIX TZ text at the file's
 * end). A time on the wall can be shown twice, then its first instant counts, or never, then the instant at which the clock jumped over it.
 *
 * Thread: a zone is never changed. Memory: the arena it was parsed into.
 */
#pragma once

#include "base/arena.h"

enum { ZONE_TEXT_MAX = 64, ZONE_FILE_MAX = 256 << 10 };

/* The `n`-th day of a year, or the w-th (5: the last) weekday of a month, at `time_s` of the wall (-167 h … 167 h). */
struct zone_day { uint8_t kind, month, week, weekday; uint16_t day; int32_t time_s; };

struct zone {
	const int64_t *at;              /* UTC s, ascending: from there on offset[i + 1] */
	const int32_t *offset;          /* s east of UTC; offset[0] before the first */
	uint32_t n;
	bool has_rule, has_summer;      /* behind the last; without summer standard_s all year round */
	int32_t standard_s, summer_s;
	struct zone_day begins, ends;   /* of summer time */
};

/* The bytes of a file of /usr/share/zoneinfo. -ERR_BAD_FILE, -ERR_NO_MEMORY. */
int zone_parse(const void *bytes, size_t len, struct arena *a, struct zone *ret);
/* "UTC", "Z", "+08:00", "-03:30": up to 14 hours. False: it is none of these. */
bool zone_fixed(const char *text, size_t len, struct zone *ret);

int32_t zone_offset(const struct zone *z, int64_t utc_s);       /* s east of UTC: shown = utc_s + offset */
int64_t zone_to_utc(const struct zone *z, int64_t shown_s);     /* of what the wall shows, in s as if it were UTC */
