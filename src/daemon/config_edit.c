/* config_edit.c - one key of tenon.conf, changed where it stands. */
#include <string.h>

#include "base/str.h"
#include "daemon/setup.h"
#include "sys/sys.h"

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/* Behind blanks; `mark`: behind a # in front, too. */
static const char *skip(const char *from, const char *to, bool mark)
{
	while (from < to && (is_blank(*from) || (mark && *from == '#')))
		from++;
	return from;
}

/* "[ http ]", as config.c reads it. */
static bool is_section(const char *from, const char *to, const char *name)
{
	size_t n = str_len(name);

	from = skip(from, to, false);
	while (to > from && is_blank(to[-1]))
		to--;
	if (to - from < 2 || *from != '[' || to[-1] != ']')
		return false;
	from = skip(from + 1, to - 1, false);
	for (to--; to > from && is_blank(to[-1]); to--)
		;
	return (size_t) (to - from) == n && memcmp(from, name, n) == 0;
}

static bool is_any_section(const char *from, const char *to)
{
	from = skip(from, to, false);
	return from < to && *from == '[';
}

static bool is_key(const char *from, const char *to, const char *key, bool mark)
{
	size_t n = str_len(key);

	from = skip(from, to, mark);
	if ((size_t) (to - from) <= n || memcmp(from, key, n) != 0)
		return false;
	from = skip(from + n, to, false);
	return from < to && *from == '=';
}

/* Where the key's line is (`replace`), or where a new one belongs; NULL: the section is not there. */
struct spot { const char *from, *to; bool replace; };

static struct spot find(const char *text, const char *end, const struct config_set *set, bool mark)
{
	struct spot spot = { 0 };
	bool inside = false;
	const char *next;

	if (str_starts(text, "\xef\xbb\xbf"))
		text += 3;
	for (const char *line = text; line < end; line = next) {
		const char *to = memchr(line, '\n', (size_t) (end - line));

		next = to ? to + 1 : end;
		to = to ? to : end;
		if (is_any_section(line, to))
			inside = is_section(line, to, set->section);
		if (!inside)
			continue;
		if (is_key(line, to, set->key, mark))
			return (struct spot) { line, next, true };
		if (skip(line, to, false) < to)
			spot = (struct spot) { next, next, false };
	}
	return spot;
}

int config_edit(const char *text, const struct config_set *set, struct buf *out)
{
	const char *end = text + str_len(text);
	struct spot spot = find(text, end, set, false);

	if (!spot.replace) {
		struct spot example = find(text, end, set, true);

		spot = example.replace ? example : spot;
	}
	if (spot.from) {
		buf_addn(out, text, (size_t) (spot.from - text));
		if (spot.from > text && spot.from[-1] != '\n')
			buf_addc(out, '\n');
		buf_addf(out, "%s = %s\n", set->key, set->value);
		buf_addn(out, spot.to, (size_t) (end - spot.to));
	} else {
		buf_addn(out, text, (size_t) (end - text));
		if (end > text && end[-1] != '\n')
			buf_addc(out, '\n');
		buf_addf(out, "\n[%s]\n%s = %s\n", set->section, set->key, set->value);
	}
	return out->failed ? err_fail(ERR_NO_MEMORY, "what", "@file", NULL) : 0;
}
