/* lines.h - inside service: InfluxDB line protocol, a field at a time. Pure: no allocation, no clock. */
#pragma once

#include "base/err.h"
#include "model/value.h"

struct line_field {
	const char *head, *key;         /* measurement with tags, field key: raw, escapes included */
	size_t head_len, key_len;
	struct value value;             /* numbers as I64, F64; text raw between its quotes */
	const char *number;             /* the text of a float, to be read again as f32 */
	size_t number_len;
	bool is_float;
};

struct lines {
	const char *at, *end;           /* what is left of the text */
	uint32_t line;                  /* number of the current line, from 1 */
	/* The current line: */
	const char *head, *fields, *fields_end;
	size_t head_len;
	bool has_time;
	bool quotes, plain;             /* it has quotes; it has neither quotes nor backslashes */
	int64_t time;                   /* in the sender's unit */
	const char *time_text;          /* of the last known line (lines_known), and how long it is: lines that come together say the same */
	size_t time_len;
	int64_t time_known;
	bool time_again;                /* the current line's is that of the last known one */
};

struct lines lines_of(const char *text, size_t len);
/* The next line with content: 1, 0 at the end, -ERR_SYNTAX (the line is passed over; go on to see further errors). */
int lines_next(struct lines *l);
/* The next field of the current line: 1, 0 after the last, -ERR_SYNTAX. */
int lines_field(struct lines *l, struct line_field *ret);

/* A field that is known beforehand: its key and a plain number (or t, f, true, false) of this type. */
struct line_want { const char *key; size_t len; enum vtype type; uint32_t series /* of who asks */; };      /* behind the key stands '=' */
/* The same as lines_field() where all fields left are these. Their bits, a double's or an int64's own, a bool's 0 or 1. False: they are others, or
 * written in another way, and still the next. */
bool lines_expect(struct lines *l, const struct line_want *want, uint32_t n, uint64_t *ret_bits);
/* And where a whole line is: lines_known() instead of lines_next() when it begins with this measurement and tags, lines_expect(), lines_known_end().
 * False, any of them: it is another; lines_back(), and lines_next() has it. */
bool lines_known(struct lines *l, const char *head, size_t len);
bool lines_known_end(struct lines *l);
void lines_back(struct lines *l);

/* Without the backslashes that escape , = and blank; for texts in quotes: \" and \\. Returns the length; out has room for n. */
size_t line_unescape(const char *s, size_t n, bool quoted, char *out);
