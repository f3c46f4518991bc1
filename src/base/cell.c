/* cell.c - cells of CSV tables. */
#include "base/cell.h"

static bool is_formula(const char *text, size_t n)
{
	size_t i = 0;

	while (i < n && text[i] == '\'')
		i++;
	return i < n && (text[i] == '=' || text[i] == '+' || text[i] == '-' || text[i] == '@' || text[i] == '\t' || text[i] == '\r');
}

size_t cell_guard(const char *text, size_t n)
{
	return n && text[0] == '\'' && is_formula(text, n);
}

static void cell(struct buf *out, const char *text, size_t n, bool guard)
{
	bool quote = n && (text[0] == ' ' || text[n - 1] == ' ');

	for (size_t i = 0; i < n && !quote; i++)
		quote = text[i] == '"' || text[i] == ',' || text[i] == '\n' || text[i] == '\r';
	if (quote)
		buf_addc(out, '"');
	if (guard)
		buf_addc(out, '\'');
	for (size_t i = 0; i < n && quote; i++) {
		if (text[i] == '"')
			buf_addc(out, '"');
		buf_addc(out, text[i]);
	}
	if (quote)
		buf_addc(out, '"');
	else
		buf_addn(out, text, n);
}

void cell_text(struct buf *out, const char *text, size_t n)
{
	cell(out, text, n, is_formula(text, n));
}

void cell_plain(struct buf *out, const char *text, size_t n)
{
	cell(out, text, n, false);
}
