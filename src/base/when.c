/* when.c - instants and durations as text. Day arithmetic: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
#include "base/when.h"

#include "base/num.h"
#include "base/str.h"

int32_t when_days(int year, unsigned month, unsigned day)
{
	int y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400;
	unsigned yoe = (unsigned) (y - era * 400), doy = (153 * (month + (month > 2 ? -3u : 9u)) + 2) / 5 + day - 1;

	return era * 146097 + (int32_t) (yoe * 365 + yoe / 4 - yoe / 100 + doy) - 719468;
}

void when_civil(int32_t days, int *ret_year, unsigned *ret_month, unsigned *ret_day)
{
	int32_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	unsigned doe = (unsigned) (z - era * 146097), yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	*ret_day = doy - (153 * mp + 2) / 5 + 1;
	*ret_month = mp < 10 ? mp + 3 : mp - 9;
	*ret_year = (int) yoe + era * 400 + (*ret_month <= 2);
}

static unsigned days_in_month(int year, unsigned month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

/* Exactly n digits. */
static bool digits(const char **s, const char *end, int n, unsigned *ret)
{
	unsigned v = 0;

	if (end - *s < n)
		return false;
	for (int i = 0; i < n; i++, ++*s) {
		if (**s < '0' || **s > '9')
			return false;
		v = v * 10 + (unsigned) (**s - '0');
	}
	*ret = v;
	return true;
}

static bool one_char(const char **s, const char *end, char a, char b)
{
	if (*s >= end || (**s != a && **s != b))
		return false;
	++*s;
	return true;
}

static bool parse_date(const char **s, const char *end, int32_t *ret_days)
{
	unsigned y, m, d;

	if (!digits(s, end, 4, &y) || !one_char(s, end, '-', '-') || !digits(s, end, 2, &m) || !one_char(s, end, '-', '-')
	    || !digits(s, end, 2, &d) || m < 1 || m > 12 || d < 1 || d > days_in_month((int) y, m))
		return false;
	*ret_days = when_days((int) y, m, d);
	return true;
}

bool when_parse_date(const char *s, size_t len, int32_t *ret_days)
{
	const char *end = s + len;
	int32_t days;

	if (!parse_date(&s, end, &days) || s != end)
		return false;
	*ret_days = days;
	return true;
}

/* ".123456789", at most nine digits; fewer are filled. */
static bool parse_fraction(const char **s, const char *end, int64_t *ret_ns)
{
	int64_t ns = 0, unit = 100000000;

	*ret_ns = 0;
	if (*s >= end || **s != '.')
		return true;
	if (++*s >= end || **s < '0' || **s > '9')
		return false;
	for (; *s < end && **s >= '0' && **s <= '9'; ++*s, unit /= 10) {
		if (!unit)
			return false;
		ns += unit * (**s - '0');
	}
	*ret_ns = ns;
	return true;
}

static bool parse_zone(const char **s, const char *end, int64_t *ret_seconds)
{
	unsigned h, m;
	bool minus;

	*ret_seconds = 0;
	if (one_char(s, end, 'Z', 'z'))
		return true;
	if (*s >= end || (**s != '+' && **s != '-'))
		return false;
	minus = *(*s)++ == '-';
	if (!digits(s, end, 2, &h) || !one_char(s, end, ':', ':') || !digits(s, end, 2, &m) || h > 23 || m > 59)
		return false;
	*ret_seconds = (int64_t) (h * 3600 + m * 60) * (minus ? -1 : 1);
	return true;
}

bool when_parse(const char *s, size_t len, int64_t *ret_ns)
{
	const char *end = s + len;
	int32_t days;
	unsigned h, m, sec;
	int64_t fraction, zone, ns;

	if (!parse_date(&s, end, &days) || !(one_char(&s, end, 'T', 't') || one_char(&s, end, ' ', ' '))
	    || !digits(&s, end, 2, &h) || !one_char(&s, end, ':', ':') || !digits(&s, end, 2, &m)
	    || !one_char(&s, end, ':', ':') || !digits(&s, end, 2, &sec) || h > 23 || m > 59 || sec > 59
	    || !parse_fraction(&s, end, &fraction) || !parse_zone(&s, end, &zone) || s != end)
		return false;
	ns = (int64_t) days * 86400 + h * 3600 + m * 60 + sec - zone;
	if (__builtin_mul_overflow(ns, NS_PER_S, &ns) || __builtin_add_overflow(ns, fraction, &ns))
		return false;
	*ret_ns = ns;
	return true;
}

bool when_parse_relative(const char *s, size_t len, int64_t now_ns, int64_t *ret_ns)
{
	int64_t by;

	if (len < 3 || memcmp(s, "now", 3) != 0)
		return when_parse(s, len, ret_ns);
	if (len == 3) {
		*ret_ns = now_ns;
		return true;
	}
	if ((s[3] != '-' && s[3] != '+') || !when_parse_duration(s + 4, len - 4, &by))
		return false;
	return !(s[3] == '-' ? __builtin_sub_overflow(now_ns, by, ret_ns) : __builtin_add_overflow(now_ns, by, ret_ns));
}

static char *two(char *p, unsigned v)
{
	*p++ = (char) ('0' + v / 10);
	*p++ = (char) ('0' + v % 10);
	return p;
}

size_t when_format_date(char out[WHEN_TEXT_MAX], int32_t days)
{
	char *p = out;
	int y;
	unsigned m, d;

	when_civil(days, &y, &m, &d);
	if (y < 0 || y > 9999)
		y = y < 0 ? 0 : 9999;           /* RFC 3339 has four digits; an i64 of ns never gets there */
	p = two(two(p, (unsigned) y / 100), (unsigned) y % 100);
	*p++ = '-';
	p = two(p, m);
	*p++ = '-';
	p = two(p, d);
	*p = 0;
	return (size_t) (p - out);
}

size_t when_format(char out[WHEN_TEXT_MAX], int64_t ns)
{
	int64_t sec = ns / NS_PER_S, rest = ns % NS_PER_S, day;
	unsigned of_day;
	char *p;

	if (rest < 0)
		sec--, rest += NS_PER_S;
	day = sec / 86400 - (sec % 86400 < 0);
	of_day = (unsigned) (sec - day * 86400);
	p = out + when_format_date(out, (int32_t) day);
	*p++ = 'T';
	p = two(p, of_day / 3600);
	*p++ = ':';
	p = two(p, of_day / 60 % 60);
	*p++ = ':';
	p = two(p, of_day % 60);
	if (rest) {
		*p++ = '.';
		for (int64_t unit = 100000000; rest; unit /= 10) {
			*p++ = (char) ('0' + rest / unit);
			rest %= unit;
		}
	}
	*p++ = 'Z';
	*p = 0;
	return (size_t) (p - out);
}

static const struct { const char *name; int64_t ns; } units[] = {
	{ "d", 86400 * NS_PER_S }, { "h", 3600 * NS_PER_S }, { "m", 60 * NS_PER_S }, { "s", NS_PER_S },
	{ "ms", NS_PER_MS }, { "us", NS_PER_US }, { "ns", 1 },
};

size_t when_format_duration(char out[WHEN_TEXT_MAX], int64_t ns)
{
	char *p = out;
	uint64_t rest = ns < 0 ? -(uint64_t) ns : (uint64_t) ns;

	if (ns < 0)
		*p++ = '-';
	for (size_t i = 0; i < ELEMENTSOF(units); i++) {
		uint64_t n = rest / (uint64_t) units[i].ns;

		if (!n && !(i == 3 && p == out && !rest))
			continue;
		p += num_format_u64(p, n);
		for (const char *u = units[i].name; *u; u++)
			*p++ = *u;
		rest %= (uint64_t) units[i].ns;
		if (!rest)
			break;
	}
	*p = 0;
	return (size_t) (p - out);
}

bool when_parse_duration(const char *s, size_t len, int64_t *ret_ns)
{
	const char *end = s + len;
	bool minus = s < end && *s == '-';
	int64_t sum = 0;

	s += minus;
	if (s >= end)
		return false;
	while (s < end) {
		uint64_t v;
		size_t n = num_parse_u64(s, end, &v), word = 0, i;
		int64_t part;

		if (!n || v > INT64_MAX)
			return false;
		s += n;
		while (s + word < end && s[word] >= 'a' && s[word] <= 'z')
			word++;
		for (i = 0; i < ELEMENTSOF(units); i++)
			if (str_len(units[i].name) == word && memcmp(units[i].name, s, word) == 0)
				break;
		if (i == ELEMENTSOF(units) || __builtin_mul_overflow((int64_t) v, units[i].ns, &part)
		    || __builtin_add_overflow(sum, part, &sum))
			return false;
		s += word;
	}
	*ret_ns = minus ? -sum : sum;
	return true;
}
