/* csv.c - a state machine over the bytes of a table. */

#include <string.h>

#include "base/cell.h"
#include "base/str.h"
#include "sheet/sheet.h"

static char separator_of(const char *at, const char *end)
{
	unsigned n[3] = { 0 };
	bool quoted = false;

	for (; at < end && (quoted || (*at != '\n' && *at != '\r')); at++) {
		quoted ^= *at == '"';
		if (!quoted) {
			n[0] += *at == ',';
			n[1] += *at == ';';
			n[2] += *at == '\t';
		}
	}
	return n[1] > n[0] && n[1] >= n[2] ? ';' : n[2] > n[0] ? '\t' : ',';
}

int csv_open(struct csv *c, const char *text, size_t len)
{
	char at[24];
	struct buf b = BUF_FIXED(at);
	size_t good;

	if (len >= 2 && (!memcmp(text, "\xFF\xFE", 2) || !memcmp(text, "\xFE\xFF", 2)))
		return err_fail(ERR_UNSUPPORTED, "what", "text encoding", "value", "UTF-16", "words", "UTF-8", NULL);
	if (len >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3)) {
		text += 3;
		len -= 3;
	}
	good = utf8_valid_prefix(text, len);
	if (good < len) {
		buf_addf(&b, "%zu", good);
		return err_fail(ERR_BAD_UTF8, "what", "@file", "value", b.data, NULL);
	}
	*c = (struct csv) { .at = text, .end = text + len, .separator = separator_of(text, text + len), .line = 1 };
	return 0;
}

static int wrong(const struct csv *c, const char *line_start, const char *detail)
{
	char line[24], column[24];
	struct buf l = BUF_FIXED(line), k = BUF_FIXED(column);

	buf_addf(&l, "%u", c->line);
	buf_addf(&k, "%zu", (size_t) (c->at - line_start) + 1);
	return err_fail(ERR_SYNTAX, "what", "@file", "line", l.data, "column", k.data, "detail", detail, NULL);
}

static bool at_line_end(const struct csv *c) { return c->at == c->end || *c->at == '\n' || *c->at == '\r'; }

static void pass_line_end(struct csv *c)
{
	if (c->at == c->end)
		return;
	if (*c->at == '\r' && c->at + 1 < c->end && c->at[1] == '\n')
		c->at++;
	c->at++;
	c->line++;
}

/* Behind the opening quote; ends behind the closing one. Never longer than its text in the file. */
static int quoted_cell(struct csv *c, const char **line_start, char *out, size_t *ret_len)
{
	size_t n = 0;

	for (;; c->at++) {
		if (c->at == c->end)
			return wrong(c, *line_start, "@csv_quote");
		if (n == CSV_CELL_MAX)
			return err_fail(ERR_LIMIT, "what", "@csv_cell", "max", "65536", NULL);
		if (*c->at == '"') {
			if (c->at + 1 == c->end || c->at[1] != '"')
				break;
			c->at++;
		} else if (*c->at == '\n' || (*c->at == '\r' && (c->at + 1 == c->end || c->at[1] != '\n'))) {
			c->line += !c->by_row;
			*line_start = c->at + 1;
		}
		out[n++] = *c->at;
	}
	c->at++;
	*ret_len = n;
	if (!at_line_end(c) && *c->at != c->separator)
		return wrong(c, *line_start, "@csv_behind_quote");
	return 0;
}

static size_t quoted_room(const struct csv *c)
{
	const char *p = c->at;

	while (p < c->end && !(*p == '"' && (p + 1 == c->end || p[1] != '"')))
		p += *p == '"' ? 2 : 1;
	return MIN((size_t) (p - c->at), (size_t) CSV_CELL_MAX) + 1;
}

static int next_cell(struct csv *c, struct arena *a, const char **line_start, char **ret)
{
	const char *start = c->at;
	char *out;
	size_t n = 0;
	int r = 0;

	if (c->at < c->end && *c->at == '"') {
		c->at++;
		out = arena_alloc(a, quoted_room(c));
		if (!out)
			return err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
		r = quoted_cell(c, line_start, out, &n);
	} else {
		while (!at_line_end(c) && *c->at != c->separator)
			c->at++;
		n = (size_t) (c->at - start);
		if (n > CSV_CELL_MAX)
			return err_fail(ERR_LIMIT, "what", "@csv_cell", "max", "65536", NULL);
		out = arena_strn(a, start, n);
		if (!out)
			return err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
	}
	if (r < 0)
		return r;
	if (memchr(out, 0, n))
		return wrong(c, *line_start, "@no_nul_inside");
	*ret = out + cell_guard(out, n);
	return 0;
}

int csv_next(struct csv *c, struct arena *a, struct csv_row *ret)
{
	const char *line_start;
	bool any;
	int r;

	do {
		if (c->at == c->end)
			return 0;
		ret->n = 0;
		ret->line = c->line;
		any = false;
		for (line_start = c->at;; c->at++) {
			if (ret->n == CSV_COLUMNS_MAX)
				return err_fail(ERR_LIMIT, "what", "@csv_columns", "max", "256", NULL);
			r = next_cell(c, a, &line_start, &ret->cells[ret->n]);
			if (r < 0)
				return r;
			any |= ret->cells[ret->n++][0] != 0;
			if (at_line_end(c))
				break;
		}
		pass_line_end(c);
	} while (!any);
	return 1;
}
