/* json.c - the streaming JSON writer (RFC 8259). */
#include "base/json.h"

#include "base/num.h"
#include "base/str.h"

/* Of eight bytes at once: none is a quote, a backslash, below the blank or beyond ASCII. */
static bool eight_plain(const char *p)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
	uint64_t w, quote, slash;

	memcpy(&w, p, sizeof(w));
	quote = w ^ ones * '"';
	slash = w ^ ones * '\\';
	return !((w | (w - ones * ' ') | (quote - ones) | (slash - ones)) & tops);      /* with a top bit clear, a borrow means "less" */
}

/* The bytes in front that stand as they are whatever follows them. */
static size_t plain(const char *text, size_t n)
{
	size_t at = 0;

	while (at + 8 <= n && eight_plain(text + at))
		at += 8;
	while (at < n && (unsigned char) text[at] >= 0x20 && (unsigned char) text[at] < 0x80 && text[at] != '"' && text[at] != '\\')
		at++;
	return at;
}

void json_escape(struct buf *out, const char *text, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	size_t from = 0, at = plain(text, n);

	if (!buf_reserve(out, n + 2))           /* so long when nothing is escaped, which is most often */
		return;
	if (at == n) {
		char *to = out->data + out->len;

		to[0] = '"';
		memcpy(to + 1, text, n);
		to[n + 1] = '"';
		to[n + 2] = 0;
		out->len += n + 2;
		return;
	}
	buf_addc(out, '"');
	while (at < n) {
		unsigned char c = (unsigned char) text[at];
		const char *next = text + at;

		if (c >= 0x20 && c != '"' && c != '\\' && c < 0x80) {
			at++;
			continue;
		}
		if (c >= 0x80 && utf8_decode(&next, text + n) != UINT32_MAX) {  /* this character alone: the next may be a quote */
			at = (size_t) (next - text);
			continue;
		}
		buf_addn(out, text + from, at - from);
		from = ++at;
		switch (c) {
		case '"': buf_add(out, "\\\""); break;
		case '\\': buf_add(out, "\\\\"); break;
		case '\n': buf_add(out, "\\n"); break;
		case '\r': buf_add(out, "\\r"); break;
		case '\t': buf_add(out, "\\t"); break;
		default:
			if (c >= 0x80)
				buf_add(out, "\xef\xbf\xbd");
			else {
				char u[7] = { '\\', 'u', '0', '0', digits[c >> 4], digits[c & 15], 0 };

				buf_add(out, u);
			}
		}
	}
	buf_addn(out, text + from, n - from);
	buf_addc(out, '"');
}

/* The comma before an item, and the record that this level has one. */
static void item(struct json *j)
{
	uint32_t level = 1u << j->depth;

	if (j->after_key) {
		j->after_key = false;
		return;
	}
	if (j->has_item & level)
		buf_addc(j->out, ',');
	j->has_item |= level;
}

static void open(struct json *j, char c, bool is_array)
{
	item(j);
	if (j->depth + 1 >= JSON_DEPTH_MAX) {
		j->out->failed = true;
		return;
	}
	j->depth++;
	j->has_item &= ~(1u << j->depth);
	if (is_array)
		j->is_array |= 1u << j->depth;
	else
		j->is_array &= ~(1u << j->depth);
	buf_addc(j->out, c);
}

void json_object(struct json *j)
{
	open(j, '{', false);
}

void json_array(struct json *j)
{
	open(j, '[', true);
}

void json_end(struct json *j)
{
	if (!j->depth) {
		j->out->failed = true;
		return;
	}
	buf_addc(j->out, j->is_array >> j->depth & 1 ? ']' : '}');
	j->depth--;
}

void json_key(struct json *j, const char *key)
{
	item(j);
	json_escape(j->out, key, str_len(key));
	buf_addc(j->out, ':');
	j->after_key = true;
}

void json_null(struct json *j)
{
	item(j);
	buf_add(j->out, "null");
}

void json_bool(struct json *j, bool v)
{
	item(j);
	buf_add(j->out, v ? "true" : "false");
}

static void number(struct json *j, const char *text, size_t n, bool quoted)
{
	item(j);
	if (quoted)
		buf_addc(j->out, '"');
	buf_addn(j->out, text, n);
	if (quoted)
		buf_addc(j->out, '"');
}

void json_i64(struct json *j, int64_t v)
{
	char text[NUM_TEXT_MAX];
	size_t n = num_format_i64(text, v);

	number(j, text, n, v > INT64_C(1) << 53 || v < -(INT64_C(1) << 53));
}

void json_u64(struct json *j, uint64_t v)
{
	char text[NUM_TEXT_MAX];
	size_t n = num_format_u64(text, v);

	number(j, text, n, v > UINT64_C(1) << 53);
}

void json_f64(struct json *j, double v)
{
	char text[NUM_TEXT_MAX];
	size_t n = num_format_f64(text, v);

	number(j, text, n, !(v - v == 0));      /* NaN and infinities */
}

void json_f32(struct json *j, float v)
{
	char text[NUM_TEXT_MAX];
	size_t n = num_format_f32(text, v);

	number(j, text, n, !(v - v == 0));
}

void json_strn(struct json *j, const char *text, size_t n)
{
	item(j);
	json_escape(j->out, text, n);
}

void json_str(struct json *j, const char *text)
{
	if (text)
		json_strn(j, text, str_len(text));
	else
		json_null(j);
}

void json_raw(struct json *j, const char *text)
{
	item(j);
	buf_add(j->out, text);
}
