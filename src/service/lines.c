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
