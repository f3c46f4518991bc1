/* str.c - text: comparing, UTF-8, nearest words, small patterns. */
#include "base/str.h"

size_t str_len(const char *s)
{
	size_t n = 0;

	if (s)
		while (s[n])
			n++;
	return n;
}

int str_cmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (unsigned char) *a - (unsigned char) *b;
}

bool str_eq(const char *a, const char *b)
{
	return a == b || (a && b && *a == *b && str_cmp(a, b) == 0);
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char) (c + 32) : c;
}

bool str_eq_nocase(const char *a, const char *b)
{
	if (!a || !b)
		return a == b;
	while (*a && lower(*a) == lower(*b))
		a++, b++;
	return lower(*a) == lower(*b);
}

bool str_starts(const char *s, const char *prefix)
{
	while (*prefix)
		if (*s++ != *prefix++)
			return false;
	return true;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = str_len(s), m = str_len(suffix);

	return m <= n && memcmp(s + n - m, suffix, m) == 0;
}

const char *str_find(const char *haystack, const char *needle)
{
	for (; *haystack; haystack++)
		if (str_starts(haystack, needle))
			return haystack;
	return *needle ? NULL : haystack;
}

/* RFC 3629, the table of section 4: the second byte's range depends on the first, the rest are 80..BF. */
static size_t utf8_one(const unsigned char *s, size_t n)
{
	unsigned lo = 0x80, hi = 0xbf;
	size_t len;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		len = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef) {
		len = 3;
		if (s[0] == 0xe0)
			lo = 0xa0;
		else if (s[0] == 0xed)
			hi = 0x9f;
	} else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		len = 4;
		if (s[0] == 0xf0)
			lo = 0x90;
		else if (s[0] == 0xf4)
			hi = 0x8f;
	} else
		return 0;
	if (n < len || s[1] < lo || s[1] > hi)
		return 0;
	for (size_t i = 2; i < len; i++)
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	return len;
}

size_t utf8_valid_prefix(const char *s, size_t n)
{
	size_t at = 0, len;
	uint64_t eight;

	while (at < n) {
		if (n - at >= sizeof(eight)) {          /* eight of ASCII at once */
			memcpy(&eight, s + at, sizeof(eight));
			if (!(eight & UINT64_C(0x8080808080808080))) {
				at += sizeof(eight);
				continue;
			}
		}
		len = utf8_one((const unsigned char *) s + at, n - at);
		if (!len)
			break;
		at += len;
	}
	return at;
}

size_t utf8_count(const char *s, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += ((unsigned char) s[i] & 0xc0) != 0x80;
	return count;
}

unsigned utf8_encode(uint32_t ch, char out[4])
{
	if (ch < 0x80) {
		out[0] = (char) ch;
		return 1;
	}
	if (ch < 0x800) {
		out[0] = (char) (0xc0 | ch >> 6);
		out[1] = (char) (0x80 | (ch & 63));
		return 2;
	}
	if (ch < 0x10000) {
		out[0] = (char) (0xe0 | ch >> 12);
		out[1] = (char) (0x80 | (ch >> 6 & 63));
		out[2] = (char) (0x80 | (ch & 63));
		return 3;
	}
	out[0] = (char) (0xf0 | ch >> 18);
	out[1] = (char) (0x80 | (ch >> 12 & 63));
	out[2] = (char) (0x80 | (ch >> 6 & 63));
	out[3] = (char) (0x80 | (ch & 63));
	return 4;
}

uint32_t utf8_decode(const char **s, const char *end)
{
	const unsigned char *p = (const unsigned char *) *s;
	size_t len = *s < end ? utf8_one(p, (size_t) (end - *s)) : 0;
	uint32_t ch;

	if (!len) {
		*s += *s < end;
		return UINT32_MAX;
	}
	ch = len == 1 ? p[0] : p[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++)
		ch = ch << 6 | (p[i] & 63);
	*s += len;
	return ch;
}

unsigned str_distance(const char *a, const char *b, unsigned limit)
{
	enum { MAX_LEN = 64 };
	size_t n = str_len(a), m = str_len(b);
	uint8_t row[MAX_LEN + 1];

	if (n > MAX_LEN || m > MAX_LEN || (n > m ? n - m : m - n) > limit)
		return limit + 1;
	for (size_t j = 0; j <= m; j++)
		row[j] = (uint8_t) j;
	for (size_t i = 1; i <= n; i++) {
		uint8_t diagonal = row[0];

		row[0] = (uint8_t) i;
		for (size_t j = 1; j <= m; j++) {
			uint8_t above = row[j];
			uint8_t best = (uint8_t) (diagonal + (lower(a[i - 1]) != lower(b[j - 1])));

			best = MIN(best, (uint8_t) (above + 1));
			row[j] = MIN(best, (uint8_t) (row[j - 1] + 1));
			diagonal = above;
		}
	}
	return MIN((unsigned) row[m], limit + 1);
}

const char *str_nearest(const char *word, const char *const *words, size_t n)
{
	const char *best = NULL;
	unsigned len = (unsigned) str_len(word), limit = len / 3 + 1;

	for (size_t i = 0; i < n; i++) {
		unsigned d = str_distance(word, words[i], limit);
		bool alike = 3 * d <= len || word[0] == words[i][0];    /* "lsit" is "list", "frob" is no "job" */

		if (alike && d <= limit && (!best || d < limit)) {
			best = words[i];
			limit = d;
		}
	}
	return best;
}

/* One element of a pattern: a character, '.', or a class in brackets. Returns its length in the pattern. */
static size_t element(const char *p, const char *end, char c, bool *ret_hit)
{
	const char *q = p + 1;
	bool negate, hit = false;

	if (*p == '\\' && q < end) {
		*ret_hit = p[1] == c;
		return 2;
	}
	if (*p != '[') {
		*ret_hit = *p == '.' || *p == c;
		return 1;
	}
	negate = q < end && *q == '^';
	q += negate;
	for (const char *first = q; q < end && (*q != ']' || q == first); q++) {
		if (q + 2 < end && q[1] == '-' && q[2] != ']') {
			hit |= (unsigned char) c >= (unsigned char) *q && (unsigned char) c <= (unsigned char) q[2];
			q += 2;
		} else
			hit |= c == *q;
	}
	*ret_hit = hit != negate;
	return (size_t) (q - p) + (q < end);
}

/* Linear-time for the patterns we write; the step budget keeps a hostile pattern × text from running away. */
static bool match(const char *text, const char *p, const char *end, unsigned *budget)
{
	while (p < end) {
		bool hit, dummy;
		size_t len = element(p, end, *text, &hit);
		char repeat = p + len < end ? p[len] : 0;

		if (!*budget)
			return false;
		--*budget;
		hit = hit && *text;
		if (repeat == '?') {
			if (hit && match(text + 1, p + len + 1, end, budget))
				return true;
			p += len + 1;
		} else if (repeat == '*' || repeat == '+') {
			const char *from = text + (repeat == '+'), *t = text;

			if (repeat == '+' && !hit)
				return false;
			while (*t && (element(p, end, *t, &dummy), dummy))
				t++;
			for (; t >= from; t--)
				if (match(t, p + len + 1, end, budget))
					return true;
			return false;
		} else {
			if (!hit)
				return false;
			text++;
			p += len;
		}
	}
	return !*text;
}

bool str_matches(const char *text, const char *pattern)
{
	unsigned budget = 20000;
	size_t n = str_len(pattern);

	return match(text, pattern, pattern + n, &budget);
}
