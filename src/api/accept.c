/* accept.c - content negotiation (RFC 9110, 12.5.1 and 8.3). */

#include "api/internal.h"
#include "base/num.h"

static const char *skip_space(const char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

static size_t word_len(const char *p)
{
	size_t n = 0;

	while (p[n] && p[n] != ',' && p[n] != ';' && p[n] != ' ' && p[n] != '\t')
		n++;
	return n;
}

static bool same_nocase(const char *a, size_t n, const char *b)
{
	if (str_len(b) < n)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((a[i] | 0x20) != (b[i] | 0x20))
			return false;
	return true;
}

/* How exactly a range names a type: 3 itself, 2 "text/…", 1 anything, 0 not. */
static int names(const char *range, size_t n, const char *type)
{
	const char *slash = str_find(type, "/");
	size_t main_len = (size_t) (slash - type) + 1;

	if (n == str_len(type) && same_nocase(range, n, type))
		return 3;
	if (n == main_len + 1 && range[main_len] == '*' && same_nocase(range, main_len, type))
		return 2;
	return n == 3 && !memcmp(range, "*/*", 3);
}

static double weight(const char **p)
{
	double q = 1;

	while (*skip_space(*p) == ';') {
		const char *at = skip_space(skip_space(*p) + 1);
		size_t n = word_len(at);
		if ((at[0] | 0x20) == 'q' && at[1] == '=' && num_parse_f64(at + 2, at + n, &q) == 0)
			q = 1;
		*p = at + n;
	}
	return q;
}

/* The quality that the most exact range gives to a type; 0: not wanted. */
static double liking(const char *accept, const char *type)
{
	double best = 0;
	int exact = 0;

	for (const char *p = accept; *p;) {
		p = skip_space(p);
		size_t n = word_len(p);
		int how = n ? names(p, n, type) : 0;
		p += n;
		double q = weight(&p);
		if (how > exact) {
			exact = how;
			best = q;
		}
		while (*p && *p != ',')
			p++;
		p += *p == ',';
	}
	return best;
}

int accept_pick(const char *accept, const char *const *offers, size_t n)
{
	double best = 0;
	int pick = -1;

	if (str_empty(accept))
		return 0;
	for (size_t i = 0; i < n; i++) {
		double q = liking(accept, offers[i]);
		if (q > best) {
			best = q;
			pick = (int) i;
		}
	}
	return pick;
}

bool content_type_is(const char *header, const char *want)
{
	const char *p = header ? skip_space(header) : "";

	return word_len(p) == str_len(want) && same_nocase(p, str_len(want), want);
}
