/* lines.c - InfluxDB line protocol: the grammar of its reference, nothing more lenient. */
#include "service/lines.h"

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

/* Up to the first of `stops` that is not escaped; in fields, text in quotes is passed over. */
static const char *until(const char *p, const char *end, const char *stops, bool quotes)
{
	bool inside = false;

	for (; p < end; p++) {
		if (*p == '\\' && p + 1 < end)
			p++;
		else if (quotes && *p == '"')
			inside = !inside;
		else if (!inside)
			for (const char *s = stops; *s; s++)
				if (*p == *s)
					return p;
	}
	return inside ? NULL : end;
}

/* A newline ends a line unless it stands inside a text in quotes. */
static const char *line_end(const char *p, const char *end)
{
	const char *plain = p;
	bool has_quote = false;

	for (; plain < end && *plain != '\n'; plain++)
		has_quote |= *plain == '"';
	if (!has_quote)
		return plain;
	p = until(p, end, "\n", true);
	return p ? p : plain;
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
		const char *start = l->at, *end = line_end(start, l->end), *p = start;
		int r;

		l->line++;
		for (const char *c = start; c < end; c++)
			l->line += *c == '\n';          /* inside a text in quotes */
		l->at = end + (end < l->end);
		if (end > p && end[-1] == '\r')
			end--;
		while (p < end && *p == ' ')
			p++;
		if (p == end || *p == '#')
			continue;
		l->head = p;
		p = until(p, end, " ", false);
		l->head_len = (size_t) (p - l->head);
		if (!l->head_len || *l->head == ',')
			return wrong(l, l->head, start, "@line_measurement");
		while (p < end && *p == ' ')
			p++;
		if (p == end)
			return wrong(l, p, start, "@line_fields");
		l->fields = p;
		p = until(p, end, " ", true);
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

static bool is_word(const char *p, size_t n, const char *word)
{
	return str_len(word) == n && memcmp(p, word, n) == 0;
}

static bool parse_bool(const char *p, size_t n, bool *ret)
{
	static const char *const yes[] = { "t", "T", "true", "True", "TRUE" }, *const no[] = { "f", "F", "false", "False", "FALSE" };

	for (size_t i = 0; i < ELEMENTSOF(yes); i++) {
		if (is_word(p, n, yes[i]) || is_word(p, n, no[i])) {
			*ret = is_word(p, n, yes[i]);
			return true;
		}
	}
	return false;
}

static bool parse_value(const char *p, size_t n, struct line_field *f)
{
	const char *end = p + n;
	uint64_t u;

	if (n >= 2 && *p == '"' && end[-1] == '"') {
		f->value = (struct value) { .type = V_STR, .s = p + 1, .len = (uint32_t) (n - 2) };
		return true;
	}
	if (parse_bool(p, n, &f->value.b)) {
		f->value.type = V_BOOL;
		return true;
	}
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
	if (!n || (*p != '-' && *p != '+' && *p != '.' && (*p < '0' || *p > '9')))      /* NaN and Inf are no field values */
		return false;
	f->value.type = V_F64;
	f->is_float = true;
	f->number = p;
	f->number_len = n;
	return num_parse_f64(p, end, &f->value.f64) == n && f->value.f64 - f->value.f64 == 0;
}

int lines_field(struct lines *l, struct line_field *ret)
{
	struct line_field f = { .head = l->head, .head_len = l->head_len, .key = l->fields };
	const char *equals, *value, *next;

	if (l->fields == l->fields_end)
		return 0;
	equals = until(l->fields, l->fields_end, "=,", false);
	f.key_len = (size_t) (equals - f.key);
	if (equals == l->fields_end || *equals != '=' || !f.key_len)
		return wrong(l, l->fields, l->head, "@line_field");
	value = equals + 1;
	next = until(value, l->fields_end, ",", true);
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
