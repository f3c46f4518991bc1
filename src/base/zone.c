/* zone.c - TZif files (RFC 9636, 3) and the POSIX TZ text that ends them (3.3.1, with its extension of 3.3.2). */
#include "base/zone.h"

#include "base/cur.h"
#include "base/err.h"
#include "base/when.h"

enum { DAY_NONE, DAY_JULIAN, DAY_OF_YEAR, DAY_OF_MONTH, CHANGES_MAX = 20000, DAY_S = 86400, OFFSET_MAX = 16 * 3600 };
/* Manila's was 15:56 behind until 1844; no clock was further away. */

struct counts { uint32_t isut, isstd, leap, time, type, text; };

static int damaged(const char *detail) { return err_fail(ERR_BAD_FILE, "what", "time zone", "detail", detail, NULL); }

/* --- The text behind the data: CET-1CEST,M3.5.0,M10.5.0/3 */

struct text { const char *at, *end; };

static bool eat(struct text *t, char c)
{
	if (t->at >= t->end || *t->at != c)
		return false;
	t->at++;
	return true;
}

static bool number(struct text *t, unsigned max, unsigned *ret)
{
	const char *from = t->at;
	unsigned v = 0;

	while (t->at < t->end && *t->at >= '0' && *t->at <= '9' && v <= max)
		v = v * 10 + (unsigned) (*t->at++ - '0');
	*ret = v;
	return t->at > from && v <= max;
}

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/* At least three letters, or anything between < and >. */
static bool name(struct text *t)
{
	const char *from = t->at;

	if (eat(t, '<')) {
		while (t->at < t->end && *t->at != '>')
			t->at++;
		return eat(t, '>');
	}
	while (t->at < t->end && is_letter(*t->at))
		t->at++;
	return t->at - from >= 3;
}

/* [+-]h[hh][:mm[:ss]] */
static bool clock_time(struct text *t, unsigned hours_max, int32_t *ret)
{
	bool minus = eat(t, '-');
	unsigned h, m = 0, s = 0;

	if (!minus)
		eat(t, '+');
	if (!number(t, hours_max, &h) || (eat(t, ':') && (!number(t, 59, &m) || (eat(t, ':') && !number(t, 59, &s)))))
		return false;
	*ret = (int32_t) (h * 3600 + m * 60 + s) * (minus ? -1 : 1);
	return true;
}

static bool rule_day(struct text *t, struct zone_day *ret)
{
	struct zone_day d = { .kind = DAY_OF_YEAR, .time_s = 2 * 3600 };
	unsigned month, week, weekday, day;

	if (eat(t, 'M')) {
		d.kind = DAY_OF_MONTH;
		if (!number(t, 12, &month) || !month || !eat(t, '.') || !number(t, 5, &week) || !week || !eat(t, '.') || !number(t, 6, &weekday))
			return false;
		d.month = (uint8_t) month;
		d.week = (uint8_t) week;
		d.weekday = (uint8_t) weekday;
	} else {
		d.kind = eat(t, 'J') ? DAY_JULIAN : DAY_OF_YEAR;
		if (!number(t, 365, &day) || (d.kind == DAY_JULIAN && !day))
			return false;
		d.day = (uint16_t) day;
	}
	if (eat(t, '/') && !clock_time(t, 167, &d.time_s))
		return false;
	*ret = d;
	return true;
}

static bool rule(struct text t, struct zone *z)
{
	int32_t west;

	if (!name(&t) || !clock_time(&t, 24, &west))
		return false;
	z->standard_s = -west;
	z->has_rule = true;
	if (west < -OFFSET_MAX || west > OFFSET_MAX)
		return false;
	if (t.at == t.end)
		return true;
	z->has_summer = true;
	z->summer_s = z->standard_s + 3600;
	if (!name(&t))
		return false;
	if (t.at < t.end && *t.at != ',') {
		if (!clock_time(&t, 24, &west))
			return false;
		z->summer_s = -west;
	}
	return z->summer_s >= -OFFSET_MAX && z->summer_s <= OFFSET_MAX && eat(&t, ',') && rule_day(&t, &z->begins) && eat(&t, ',') && rule_day(&t, &z->ends) && t.at == t.end;
}

/* --- The data */

static bool head(struct cur *c, uint8_t *ret_version, struct counts *ret)
{
	const uint8_t *magic = cur_take(c, 4);

	if (!magic || memcmp(magic, "TZif", 4) != 0)
		return false;
	*ret_version = cur_u8(c);
	cur_take(c, 15);
	*ret = (struct counts) { cur_be32(c), cur_be32(c), cur_be32(c), cur_be32(c), cur_be32(c), cur_be32(c) };
	return !c->bad && ret->time <= CHANGES_MAX && ret->type >= 1 && ret->type <= 256 && ret->leap <= CHANGES_MAX && ret->text <= 4096 &&
		ret->isut <= 256 && ret->isstd <= 256;
}

static int changes(struct cur *c, const struct counts *n, unsigned width, struct arena *a, struct zone *z)
{
	int64_t *at = arena_array(a, int64_t, n->time + 1);
	int32_t *offset = arena_array(a, int32_t, n->time + 1);
	int32_t types[256];
	const uint8_t *which;

	if (!at || !offset)
		return err_fail(ERR_NO_MEMORY, "what", "time zone", NULL);
	for (uint32_t i = 0; i < n->time; i++) {
		at[i] = width == 8 ? (int64_t) cur_be64(c) : (int32_t) cur_be32(c);
		if (i && at[i] <= at[i - 1])
			return damaged("its times do not ascend");
	}
	which = cur_take(c, n->time);
	for (uint32_t i = 0; i < n->type; i++) {
		types[i] = (int32_t) cur_be32(c);
		cur_take(c, 2);
		if (types[i] < -OFFSET_MAX || types[i] > OFFSET_MAX)
			return damaged("an offset is more than 16 hours");
	}
	cur_take(c, n->text + (size_t) n->leap * (width + 4) + n->isstd + n->isut);
	if (c->bad)
		return damaged("it ends too early");
	offset[0] = types[0];
	for (uint32_t i = 0; i < n->time; i++) {
		if (which[i] >= n->type)
			return damaged("a change names no type");
		offset[i + 1] = types[which[i]];
	}
	*z = (struct zone) { .at = at, .offset = offset, .n = n->time };
	return 0;
}

int zone_parse(const void *bytes, size_t len, struct arena *a, struct zone *ret)
{
	struct cur c = cur_of(bytes, len);
	struct counts n;
	uint8_t version;
	struct zone z;
	int r;

	if (!head(&c, &version, &n))
		return damaged("its head is not one");
	if (version >= '2') {           /* the same again with 64 bits, behind the 32 of version 1 */
		cur_take(&c, (size_t) n.time * 5 + (size_t) n.type * 6 + n.text + (size_t) n.leap * 8 + n.isstd + n.isut);
		if (c.bad || !head(&c, &version, &n))
			return damaged("its second head is not one");
	}
	r = changes(&c, &n, version >= '2' ? 8 : 4, a, &z);
	if (r < 0)
		return r;
	if (version >= '2' && cur_left(&c) >= 2) {
		const char *text = (const char *) c.at + 1, *end = text;

		while ((const uint8_t *) end < c.end && *end != '\n')
			end++;
		if (*c.at != '\n' || (const uint8_t *) end == c.end || (end > text && !rule((struct text) { text, end }, &z)))
			return damaged("its rule cannot be read");
	}
	*ret = z;
	return 0;
}

bool zone_fixed(const char *text, size_t len, struct zone *ret)
{
	struct text t = { text, text + len };
	unsigned h = 0, m = 0;
	bool minus = false;

	if (!(len == 1 && *text == 'Z') && !(len == 3 && memcmp(text, "UTC", 3) == 0)) {
		minus = eat(&t, '-');
		if ((!minus && !eat(&t, '+')) || len != 6 || !number(&t, 14, &h) || t.end - t.at != 3 || !eat(&t, ':') || !number(&t, 59, &m) || h * 60 + m > 840)
			return false;
	}
	*ret = (struct zone) { .has_rule = true, .standard_s = (int32_t) (h * 3600 + m * 60) * (minus ? -1 : 1) };
	return true;
}

/* --- Asking */

static bool is_leap(int year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

/* s on the wall, before the change. */
static int64_t rule_at(const struct zone_day *d, int year)
{
	int32_t day = when_days(year, 1, 1);

	if (d->kind == DAY_OF_YEAR) {
		day += d->day;
	} else if (d->kind == DAY_JULIAN) {
		day += d->day - 1 + (is_leap(year) && d->day >= 60);
	} else {
		int32_t first = when_days(year, d->month, 1), next = d->month == 12 ? when_days(year + 1, 1, 1) : when_days(year, d->month + 1u, 1);
		int32_t first_weekday = (first + 4) % 7;        /* 1970-01-01 was a Thursday; 0 is Sunday */

		first_weekday = first_weekday < 0 ? first_weekday + 7 : first_weekday;
		day = first + (d->weekday - first_weekday + 7) % 7 + (d->week - 1) * 7;
		while (day >= next)
			day -= 7;
	}
	return (int64_t) day * DAY_S + d->time_s;
}

static int32_t days_of(int64_t s) { return (int32_t) CLAMP(s / DAY_S - (s % DAY_S < 0), (int64_t) -100000000, (int64_t) 100000000); }

static int32_t rule_offset(const struct zone *z, int64_t utc_s)
{
	unsigned month, day;
	int year;

	if (!z->has_summer)
		return z->standard_s;
	when_civil(days_of(utc_s + z->standard_s), &year, &month, &day);
	int64_t begins = rule_at(&z->begins, year) - z->standard_s, ends = rule_at(&z->ends, year) - z->summer_s;
	bool summer = begins < ends ? utc_s >= begins && utc_s < ends : utc_s >= begins || utc_s < ends;
	return summer ? z->summer_s : z->standard_s;
}

int32_t zone_offset(const struct zone *z, int64_t utc_s)
{
	uint32_t lo = 0, hi = z->n;

	if (z->has_rule && (!z->n || utc_s >= z->at[z->n - 1]))
		return rule_offset(z, utc_s);
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (z->at[mid] <= utc_s)
			lo = mid + 1;
		else
			hi = mid;
	}
	return z->offset[lo];
}

int64_t zone_to_utc(const struct zone *z, int64_t shown_s)
{
	/* No clock is more than 16 hours ahead or behind; what it shows is therefore between these two. */
	int64_t lo = shown_s - 16 * 3600, hi = shown_s + 16 * 3600;
	int64_t early = shown_s - zone_offset(z, lo), late = shown_s - zone_offset(z, hi);
	bool early_is = early + zone_offset(z, early) == shown_s, late_is = late + zone_offset(z, late) == shown_s;

	if (early_is || late_is)
		return early_is && late_is ? MIN(early, late) : early_is ? early : late;
	/* Never shown: the first instant that shows more. */
	while (hi - lo > 1) {
		int64_t mid = lo + (hi - lo) / 2;

		if (mid + zone_offset(z, mid) >= shown_s)
			hi = mid;
		else
			lo = mid;
	}
	return hi;
}
