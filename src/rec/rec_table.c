/* rec_table.c - records as rows: columns for a terminal, and CSV (RFC 4180). */
#include "base/cell.h"
#include "rec/rec_int.h"

/* --- which columns -------------------------------------------------------------------------------------------------------- */

typedef void (*column_fn)(const struct rec_type *t, const struct rec_field *f, const void *rec, size_t nth, struct buf *out);

/* The columns asked for, in the order asked; else those that fit a cell. rec NULL: the head line. */
static void each_column(const struct rec_type *t, const void *rec, const char *const *only, bool all, column_fn fn, struct buf *out)
{
	size_t nth = 0;

	for (; only && *only; only++) {
		const struct rec_field *f = rec_field(t, *only);

		if (!f && t->has_head)
			f = rec_head_field(*only);
		if (f && !(f->flags & (REC_INTERNAL | REC_SECRET)))
			fn(t, f, rec, nth++, out);
	}
	if (nth)
		return;
	if (t->has_head)
		fn(t, &rec_head_fields[0], rec, nth++, out);
	for (const struct rec_field *f = t->fields; f < t->fields + t->n_fields; f++)
		if (!(f->flags & (REC_INTERNAL | REC_SECRET)) && (all || !(rec_is_compound(f->kind) || f->kind == REC_TEXT || f->kind == REC_JSON ||
				f->kind == REC_BYTES)))
			fn(t, f, rec, nth++, out);
}

static bool is_head(const struct rec_field *f)
{
	return f >= rec_head_fields && f < rec_head_fields + REC_HEAD_FIELDS;
}

static void cell(const struct rec_type *t, const struct rec_field *f, const void *rec, struct buf *out)
{
	if (!is_head(f))
		rec_field_format(t, f, rec, out);
	else if (f->kind != REC_UUID || !uuid_is_zero(rec_at(rec, f)))
		rec_format(f, rec_at(rec, f), out);
}

/* --- a table for a terminal ----------------------------------------------------------------------------------------------- */

enum { CELL_MAX = 40 };

/* Han, Kana, Hangul and full-width forms take two places (Unicode TR 11, the ranges in daily use). */
static unsigned places(uint32_t c)
{
	return (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) || (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
		(c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) || (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x1f300 && c <= 0x1faff) ||
		(c >= 0x20000 && c <= 0x3fffd) ? 2 : 1;
}

static unsigned width_of(const struct rec_field *f)
{
	unsigned w, name = (unsigned) str_len(f->name);

	switch (f->kind) {
	case REC_BOOL: w = 5; break;
	case REC_I32: case REC_U32: case REC_DATE: w = 10; break;
	case REC_I64: case REC_U64: case REC_F64: case REC_DEC: case REC_DURATION: w = 12; break;
	case REC_TIME: w = 24; break;
	case REC_UUID: case REC_REF: w = UUID_TEXT; break;
	case REC_ENUM:
		w = 4;
		for (const struct rec_word *word = f->words; word && word->word; word++)
			w = MAX(w, (unsigned) str_len(word->word));
		break;
	default: w = 20;
	}
	return MIN(MAX(w, name), (unsigned) CELL_MAX);
}

static bool is_right(const struct rec_field *f)
{
	return (f->kind >= REC_I32 && f->kind <= REC_DEC);
}

/* One cell: cut to what a row can bear, control characters made visible, filled up to its width. */
static void fill(const struct rec_field *f, const char *text, size_t len, size_t nth, struct buf *out)
{
	const char *p = text, *end = text + len;
	unsigned width = width_of(f), used = 0, most = f->kind == REC_STR ? CELL_MAX : UINT32_MAX;
	char room[CELL_MAX * 4 + 64] = "";
	struct buf b = BUF_FIXED(room);

	if (nth)
		buf_add(out, "  ");
	while (p < end) {
		const char *from = p;
		uint32_t c = utf8_decode(&p, end);

		if (used + places(c) > most || b.len + 8 > sizeof(room))
			break;
		used += places(c);
		if (c < 0x20 || c == 0x7f || c == UINT32_MAX)
			buf_addc(&b, '?');
		else
			buf_addn(&b, from, (size_t) (p - from));
	}
	for (unsigned i = used; is_right(f) && i < width; i++)
		buf_addc(out, ' ');
	buf_addn(out, room, b.len);
	for (unsigned i = used; !is_right(f) && i < width; i++)
		buf_addc(out, ' ');
}

static void table_cell(const struct rec_type *t, const struct rec_field *f, const void *rec, size_t nth, struct buf *out)
{
	char room[1024] = "";
	struct buf b = BUF_FIXED(room);

	if (rec) {
		cell(t, f, rec, &b);
		fill(f, room, b.len, nth, out);
		return;
	}
	for (const char *p = f->name; *p; p++)
		buf_addc(&b, *p >= 'a' && *p <= 'z' ? (char) (*p - 'a' + 'A') : *p);
	fill(f, room, b.len, nth, out);
}

static void end_line(struct buf *out)
{
	while (out->len && out->data[out->len - 1] == ' ')
		out->data[--out->len] = 0;
	buf_addc(out, '\n');
}

void rec_table_head(const struct rec_type *t, const char *const *only, struct buf *out)
{
	each_column(t, NULL, only, false, table_cell, out);
	end_line(out);
}

void rec_table_row(const struct rec_type *t, const void *rec, const char *const *only, struct buf *out)
{
	each_column(t, rec, only, false, table_cell, out);
	end_line(out);
}

/* --- CSV ------------------------------------------------------------------------------------------------------------------ */

static bool is_text(const struct rec_field *f)
{
	return !(f->kind >= REC_BOOL && f->kind <= REC_DURATION) && f->kind != REC_UUID && f->kind != REC_REF;
}

static void csv_cell(const struct rec_type *t, const struct rec_field *f, const void *rec, size_t nth, struct buf *out)
{
	struct buf b = { .mem = out->mem, .max = out->max, .data = (char *) "" };

	if (nth)
		buf_addc(out, ',');
	if (!rec) {
		buf_add(out, f->name);
		return;
	}
	cell(t, f, rec, &b);
	(is_text(f) ? cell_text : cell_plain)(out, b.data, b.len);
	out->failed |= b.failed;
	buf_done(&b);
}

void rec_csv_head(const struct rec_type *t, const char *const *only, struct buf *out)
{
	each_column(t, NULL, only, true, csv_cell, out);
	buf_add(out, "\r\n");
}

void rec_csv_row(const struct rec_type *t, const void *rec, const char *const *only, struct buf *out)
{
	each_column(t, rec, only, true, csv_cell, out);
	buf_add(out, "\r\n");
}
