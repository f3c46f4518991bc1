/* locale.c - which language somebody wants. */
#include "sys/locale.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Primary subtag of [s, s+n): RFC 5646; setlocale(3) names use _ and . behind it. */
static enum lang lang_of_tag(const char *s, size_t n, enum lang otherwise)
{
	size_t len = 0;

	while (len < n && !strchr("-_.@;, \t", s[len]))
		len++;
	if (len == 2 && strncasecmp(s, "zh", 2) == 0)
		return LANG_ZH;
	if (len == 2 && strncasecmp(s, "en", 2) == 0)
		return LANG_EN;
	return otherwise;
}

enum lang lang_parse(const char *tag, enum lang otherwise)
{
	return tag ? lang_of_tag(tag, strlen(tag), otherwise) : otherwise;
}

/* Weight in thousandths of ";q=0.8" inside [s, end); 1000 when there is none. */
static int weight(const char *s, const char *end)
{
	int q = 0, unit = 100;

	while (s < end && *s != 'q' && *s != 'Q')
		s++;
	if (end - s < 3 || s[1] != '=')
		return 1000;
	s += 2;
	if (*s == '1')
		return 1000;
	if (*s != '0')
		return 0;
	for (s += 1; s < end && unit; s++) {
		if (*s == '.')
			continue;
		if (*s < '0' || *s > '9')
			break;
		q += (*s - '0') * unit;
		unit /= 10;
	}
	return q;
}

enum lang lang_of_accept(const char *s, enum lang otherwise)
{
	enum lang best = otherwise;
	int best_q = 0;

	while (s && *s) {
		s += strspn(s, ", \t");
		size_t n = strcspn(s, ","), tag = strcspn(s, ";,");
		enum lang lang = lang_of_tag(s, tag, LANG_N_);
		int q = weight(s + tag, s + n);

		if (lang != LANG_N_ && q > best_q) {
			best = lang;
			best_q = q;
		}
		s += n;
	}
	return best;
}

enum lang lang_of_env(void)
{
	static const char *const names[] = { "TENON_LANG", "LC_ALL", "LC_MESSAGES", "LANG" };

	for (size_t i = 0; i < ELEMENTSOF(names); i++) {
		const char *value = getenv(names[i]);

		if (value && *value)
			return lang_parse(value, LANG_EN);
	}
	return LANG_EN;
}
