/* text.c - values as text, as SQL writes them. */
#include "sql/text.h"

#include "base/when.h"

static void fraction(struct buf *out, int64_t rest, int64_t per_second)
{
	if (!rest)
		return;
	buf_addc(out, '.');
	for (int64_t p = per_second / 10; rest && p; rest %= p, p /= 10)
		buf_addc(out, (char) ('0' + rest / p));
}

static void time_of_day(struct buf *out, int64_t of_day, int64_t per_second)
{
	int64_t s = of_day / per_second;

	buf_addf(out, "%02d:%02d:%02d", (int) (s / 3600), (int) (s / 60 % 60), (int) (s % 60));
	fraction(out, of_day % per_second, per_second);
}

void text_date(struct buf *out, int32_t days)
{
	int year;
	unsigned month, day;

	if (days == INT32_MAX || days == -INT32_MAX) {
		buf_add(out, days > 0 ? "infinity" : "-infinity");
		return;
	}
	/* Beyond what a calendar of int years bears, a number says it best. */
	if (days > 2000000000 || days < -2000000000) {
		buf_addf(out, "%d d", days);
		return;
	}
	when_civil(days, &year, &month, &day);
	buf_addf(out, "%04d-%02u-%02u", year, month, day);
}

void text_instant(struct buf *out, int64_t value, int64_t per_second, const char *zone)
{
	int64_t per_day = per_second * 86400, days, rest;

	if (value == INT64_MAX || value <= -INT64_MAX) {
		buf_add(out, value > 0 ? "infinity" : "-infinity");
		return;
	}
	days = value / per_day;
	rest = value % per_day;
	if (rest < 0)
		days--, rest += per_day;
	if (days > INT32_MAX - 1 || days < -INT32_MAX + 1) {
		buf_addf(out, "%lld", (long long) value);
		return;
	}
	text_date(out, (int32_t) days);
	buf_addc(out, 'T');
	time_of_day(out, rest, per_second);
	buf_add(out, zone);
}

void text_clock(struct buf *out, int64_t us) { time_of_day(out, us < 0 ? 0 : us, 1000000); }

static void part(struct buf *out, bool *some, int64_t n, const char *unit)
{
	if (!n)
		return;
	buf_addf(out, "%s%lld %s%s", *some ? " " : "", (long long) n, unit, n == 1 || n == -1 ? "" : "s");
	*some = true;
}

void text_interval(struct buf *out, int32_t months, int32_t days, int64_t us)
{
	bool some = false;

	part(out, &some, months / 12, "year");
	part(out, &some, months % 12, "month");
	part(out, &some, days, "day");
	if (us || !some) {
		buf_add(out, some ? " " : "");
		if (us < 0)
			buf_addc(out, '-');
		uint64_t n = us < 0 ? (uint64_t) 0 - (uint64_t) us : (uint64_t) us;
		buf_addf(out, "%02llu:%02u:%02u", (unsigned long long) (n / 3600000000u), (unsigned) (n / 60000000u % 60), (unsigned) (n / 1000000u % 60));
		fraction(out, (int64_t) (n % 1000000u), 1000000);
	}
}

static void huge(struct buf *out, bool negative, unsigned __int128 v, unsigned scale)
{
	char digits[64];
	unsigned n = 0;

	do {
		digits[n++] = (char) ('0' + (unsigned) (v % 10));
		v /= 10;
	} while (v || n <= scale);
	if (negative)
		buf_addc(out, '-');
	while (n) {
		buf_addc(out, digits[--n]);
		if (n && n == scale)
			buf_addc(out, '.');
	}
}

void text_huge(struct buf *out, __int128 v, unsigned scale)
{
	huge(out, v < 0, v < 0 ? (unsigned __int128) 0 - (unsigned __int128) v : (unsigned __int128) v, scale);
}

void text_huge_unsigned(struct buf *out, unsigned __int128 v) { huge(out, false, v, 0); }
