/* lines.c - InfluxDB line protocol: the grammar of its reference, nothing more lenient. */
#include "service/lines.h"

#include <string.h>

#include "base/num.h"
#include "base/str.h"

struct lines lines_of(const char *text, size_t len)
{
	return (struct lines) { .at = text, .end = text + len };
}

static int wrong(const struct lines *l, const char *at, const char *start, const char *detail)
{
	char line[NUM_TEXT_MAX], column[NUM_TEXT_MAX];
	int r;

	num_format_u64(line, l->line);
	num_format_u64(column, (uint64_t) (at - start) + 1);
	r = err_fail(ERR_SYNTAX, "what", "@line_protocol", "line", line, "column", column, "detail", detail, NULL);
	return err_at(r, line);
}

enum { BLANK = 1, COMMA = 2, EQUALS = 4, NEWLINE = 8, QUOTE = 16, BACKSLASH = 32 };
static const uint8_t class_of[256] = { [' '] = BLANK, [','] = COMMA, ['='] = EQUALS, ['\n'] = NEWLINE, ['"'] = QUOTE, ['\\'] = BACKSLASH };

/* Up to the first of `stops` that is not escaped; in fields, text in quotes is passed over. */
static const char *until(const char *p, const char *end, unsigned stops, bool quotes)
{
	unsigned look = stops | BACKSLASH | (quotes ? QUOTE : 0);
	bool inside = false;

	for (; p < end; p++) {
		unsigned c = class_of[(uint8_t) *p] & look;

		if (!c)
			continue;
		if (c == BACKSLASH)
			p += p + 1 < end;
		else if (c == QUOTE)
			inside = !inside;
		else if (!inside)
			return p;
	}
	return inside ? NULL : end;
}

/* The same in a line where nothing is escaped or quoted. */
static inline const char *until_plain(const char *p, const char *end, unsigned stops)
{
	while (p < end && !(class_of[(uint8_t) *p] & stops))
		p++;
	return p;
}

static const char *find(const char *p, const char *end, char c)
{
	const char *at = p < end ? memchr(p, c, (size_t) (end - p)) : NULL;

	return at ? at : end;
}

/* A newline ends a line unless it stands inside a text in quotes. Only fields have such texts: in a name and in a comment a quote is a character. */
static const char *line_end(struct lines *l, const char *p, const char *end)
{
	const char *plain = find(p, end, '\n'), *fields, *quoted;

	while (p < plain && *p == ' ')
		p++;
	l->plain = find(p, plain, '"') == plain && find(p, plain, '\\') == plain;
	l->quotes = false;
	if (l->plain || *p == '#')
		return plain;
	fields = until(p, plain, BLANK, false);
	l->quotes = find(fields, plain, '"') < plain;
	quoted = l->quotes ? until(fields, end, NEWLINE, true) : plain;
	return quoted ? quoted : plain;
}

static int parse_time(struct lines *l, const char *p, const char *end, const char *start)
{
	size_t n;

	while (end > p && (end[-1] == ' ' || end[-1] == '\r'))
		end--;
	l->has_time = p < end;
	if (!l->has_time)
		return 0;
	n = num_parse_i64(p, end, &l->time);
	return n && p + n == end ? 0 : wrong(l, p, start, "@line_time");
}

int lines_next(struct lines *l)
{
	while (l->at < l->end) {
		const char *start = l->at, *end = line_end(l, start, l->end), *p = start;
		int r;

		l->line++;
		for (const char *c = start; l->quotes && c < end; c++)
			l->line += *c == '\n';          /* inside a text in quotes */
		l->at = end + (end < l->end);
		if (end > p && end[-1] == '\r')
			end--;
		while (p < end && *p == ' ')
			p++;
		if (p == end || *p == '#')
			continue;
		l->head = p;
		p = l->plain ? find(p, end, ' ') : until(p, end, BLANK, false);
		l->head_len = (size_t) (p - l->head);
		if (!l->head_len || *l->head == ',')
			return wrong(l, l->head, start, "@line_measurement");
		while (p < end && *p == ' ')
			p++;
		if (p == end)
			return wrong(l, p, start, "@line_fields");
		l->fields = p;
		p = l->plain ? find(p, end, ' ') : until(p, end, BLANK, true);
		if (!p)
			return wrong(l, l->fields, start, "@line_quote");
		l->fields_end = p;
		while (p < end && *p == ' ')
			p++;
		r = parse_time(l, p, end, start);
		return r < 0 ? r : 1;
	}
	return 0;
}

static bool parse_bool(const char *p, size_t n, bool *ret)
{
	static const char *const yes[] = { "t", "T", "true", "True", "TRUE" }, *const no[] = { "f", "F", "false", "False", "FALSE" };

	for (size_t i = 0; i < ELEMENTSOF(yes); i++) {
		bool is_yes = str_len(yes[i]) == n && memcmp(p, yes[i], n) == 0;

		if (is_yes || (str_len(no[i]) == n && memcmp(p, no[i], n) == 0)) {
			*ret = is_yes;
			return true;
		}
	}
	return false;
}

static bool is_number(char c) { return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.'; }

/* What begins as a number is one: NaN and Inf are no field values. */
static bool parse_number(const char *p, size_t n, struct line_field *f)
{
	const char *end = p + n;
	uint64_t u;

	if (n >= 2 && end[-1] == 'i') {
		f->value.type = V_I64;
		return num_parse_i64(p, end - 1, &f->value.i) == n - 1;
	}
	if (n >= 2 && end[-1] == 'u') {
		f->value.type = V_I64;
		if (num_parse_u64(p, end - 1, &u) != n - 1 || u > INT64_MAX)
			return false;
		f->value.i = (int64_t) u;
		return true;
	}
	f->value.type = V_F64;
	f->is_float = true;
	f->number = p;
	f->number_len = n;
	return num_parse_f64(p, end, &f->value.f64) == n && f->value.f64 - f->value.f64 == 0;
}

static bool parse_value(const char *p, size_t n, struct line_field *f)
{
	if (n && is_number(*p))
		return parse_number(p, n, f);
	if (n >= 2 && *p == '"' && p[n - 1] == '"') {
		f->value = (struct value) { .type = V_STR, .s = p + 1, .len = (uint32_t) (n - 2) };
		return true;
	}
	f->value.type = V_BOOL;
	return parse_bool(p, n, &f->value.b);
}

int lines_field(struct lines *l, struct line_field *ret)
{
	struct line_field f = { .head = l->head, .head_len = l->head_len, .key = l->fields };
	const char *equals, *value, *next;

	if (l->fields == l->fields_end)
		return 0;
	equals = l->plain ? until_plain(l->fields, l->fields_end, EQUALS | COMMA) : until(l->fields, l->fields_end, EQUALS | COMMA, false);
	f.key_len = (size_t) (equals - f.key);
	if (equals == l->fields_end || *equals != '=' || !f.key_len)
		return wrong(l, l->fields, l->head, "@line_field");
	value = equals + 1;
	next = l->plain ? until_plain(value, l->fields_end, COMMA) : until(value, l->fields_end, COMMA, true);
	if (!next || !parse_value(value, (size_t) (next - value), &f))
		return wrong(l, value, l->head, "@line_value");
	if (next < l->fields_end && ++next == l->fields_end)
		return wrong(l, next, l->head, "@line_comma");
	l->fields = next;
	*ret = f;
	return 1;
}

/* --- Fields that are known beforehand: eight characters at a time */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first character is the lowest byte");
enum { AHEAD = 32 /* characters that may be looked at beyond what is needed */ };

static bool ends(char c) { return c == ',' || c == ' ' || c == '\n'; }
static bool digit(char c) { return (uint8_t) (c - '0') < 10; }

static inline uint64_t eight(const char *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

static inline uint32_t four(const char *p)
{
	uint32_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

static inline bool same(const char *a, const char *b, size_t n)
{
	size_t i = 0;

	if (n < 4) {
		while (i < n && a[i] == b[i])
			i++;
		return i == n;
	}
	if (n < 8)
		return four(a) == four(b) && four(a + n - 4) == four(b + n - 4);
	for (; i + 8 < n; i += 8)
		if (eight(a + i) != eight(b + i))
			return false;
	return eight(a + n - 8) == eight(b + n - 8);
}

/* How many digits there are before something else; 8: all. The highest bit of a byte is set in the first that is none, and maybe behind it. */
static inline unsigned digits_ahead(uint64_t w)
{
	uint64_t t = w ^ UINT64_C(0x3030303030303030), none = ((t + UINT64_C(0x7676767676767676)) | t) & UINT64_C(0x8080808080808080);

	return none ? (unsigned) __builtin_ctzll(none) / 8 : 8;
}

/* The number its first n characters say, 1 to 8 digits: pairs, then pairs of pairs, then both halves. */
static inline uint64_t number_of(uint64_t w, unsigned n)
{
	const uint64_t mask = UINT64_C(0x000000ff000000ff);
	uint64_t t = (w ^ UINT64_C(0x3030303030303030)) << (64 - 8 * n);

	t = t * 10 + (t >> 8);
	return ((t & mask) * UINT64_C(0x000f424000000064) + ((t >> 16) & mask) * UINT64_C(0x0000271000000001)) >> 32;
}

/* Any other number: as lines_field() has it. */
static const char *long_f64(const char *p, const char *end, uint64_t *ret)
{
	const char *next = until_plain(p, end, COMMA | BLANK | NEWLINE);
	struct line_field f;

	if (p == next || !is_number(*p) || !parse_number(p, (size_t) (next - p), &f) || f.value.type != V_F64)
		return NULL;
	memcpy(ret, &f.value.f64, sizeof(*ret));
	return next;
}

/* Up to 7 digits, and 8 behind a point: a whole number below 2^53 by a power of ten below 10^23, so the quotient is the nearest double (Clinger, "How to
 * read floating point numbers accurately", 1990). */
static const char *plain_f64(const char *start, const char *end, const char *safe, uint64_t *ret)
{
	static const double tens[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8 };
	static const uint64_t whole_tens[] = { 1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000 };
	const char *p = start + (*start == '-');
	double v;

	if (start > safe)
		return long_f64(start, end, ret);
	uint64_t w = eight(p);
	unsigned n = digits_ahead(w);
	if (n == 0 || n == 8)
		return long_f64(start, end, ret);
	v = (double) number_of(w, n);
	p += n;
	if (*p == '.') {
		uint64_t m = number_of(w, n);

		w = eight(++p);
		n = digits_ahead(w);
		if (n == 0)
			return long_f64(start, end, ret);
		v = (double) (m * whole_tens[n] + number_of(w, n)) / tens[n];
		p += n;
	}
	if (!ends(*p))                          /* more digits, an exponent; or what is no number */
		return long_f64(start, end, ret);
	v = *start == '-' ? -v : v;
	memcpy(ret, &v, sizeof(v));
	return p;
}

static const char *plain_i64(const char *p, const char *end, const char *safe, uint64_t *ret)
{
	bool minus = p < end && *p == '-';
	const char *from = p += minus;
	unsigned n = p < safe ? digits_ahead(eight(p)) : 0;
	int64_t v = 0;

	if (n > 0 && n < 8) {
		v = (int64_t) number_of(eight(p), n);
		p += n;
	} else {
		for (; p < end && digit(*p) && p - from < 18; p++)
			v = v * 10 + (*p - '0');
	}
	if (p == from || p == end || *p != 'i')
		return NULL;
	*ret = (uint64_t) (minus ? -v : v);
	return p + 1;
}

static const char *plain_bool(const char *p, const char *end, uint64_t *ret)
{
	const char *next = until_plain(p, end, COMMA | BLANK | NEWLINE);
	bool v;

	if (!parse_bool(p, (size_t) (next - p), &v))
		return NULL;
	*ret = v;
	return next;
}

bool lines_expect(struct lines *l, const struct line_want *want, uint32_t n, uint64_t *ret_bits)
{
	const char *p = l->fields, *end = l->fields_end, *safe = l->end - MIN((ptrdiff_t) AHEAD, l->end - p);

	if (!l->plain || !n)
		return false;
	for (uint32_t i = 0; i < n; i++, p++) {
		const struct line_want *w = &want[i];

		if ((size_t) (end - p) < w->len + 2 || !same(p, w->key, w->len + 1))
			return false;
		p += w->len + 1;
		p = w->type == V_F64 ? plain_f64(p, end, safe, &ret_bits[i]) : w->type == V_I64 ? plain_i64(p, end, safe, &ret_bits[i])
			: w->type == V_BOOL ? plain_bool(p, end, &ret_bits[i]) : NULL;
		if (!p || (i + 1 < n && (p == end || *p != ',')))
			return false;
	}
	p--;
	if (p < end && *p != ' ' && *p != '\n')
		return false;
	l->fields = p;
	return true;
}

bool lines_known(struct lines *l, const char *head, size_t len)
{
	if ((size_t) (l->end - l->at) < len + 4 || memcmp(l->at, head, len) != 0 || l->at[len] != ' ')
		return false;
	l->head = l->at;
	l->head_len = len;
	l->fields = l->at + len + 1;
	l->fields_end = l->end;
	l->plain = true;
	l->quotes = false;
	return true;
}

/* Digits, up to the end of the line. */
static const char *known_time(struct lines *l, const char *p)
{
	const char *from = p;
	uint64_t v = 0;

	l->time_again = true;
	if ((size_t) (l->end - p) > l->time_len && l->time_len && same(p, l->time_text, l->time_len) && p[l->time_len] == '\n')
		return p + l->time_len;
	l->time_again = false;
	for (; p < l->end && digit(*p) && p - from < 19; p++)
		v = v * 10 + (uint64_t) (*p - '0');
	if (p == from || v > INT64_MAX)
		return NULL;
	l->time_text = from;
	l->time_len = (size_t) (p - from);
	l->time_known = (int64_t) v;
	return p;
}

bool lines_known_end(struct lines *l)
{
	const char *p = l->fields, *end = l->end;

	l->has_time = p < end && *p == ' ';
	l->time_again = false;
	if (l->has_time)
		p = known_time(l, p + 1);
	if (!p || (p < end && *p != '\n'))
		return false;
	l->time = l->time_known;
	l->at = p + (p < end);
	l->line++;
	return true;
}

/* Nothing was moved but what lines_next() sets anew. */
void lines_back(struct lines *l) { l->fields = l->fields_end = l->at; }

size_t line_unescape(const char *s, size_t n, bool quoted, char *out)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\\' && i + 1 < n) {
			char c = s[i + 1];

			if (quoted ? c == '"' || c == '\\' : c == ',' || c == '=' || c == ' ')
				i++;
		}
		out[len++] = s[i];
	}
	return len;
}
