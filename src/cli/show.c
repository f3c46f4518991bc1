/* show.c - records for people: a table as wide as its texts, JSON as it came, CSV (RFC 4180). */
#include <stdio.h>

#include "base/cell.h"
#include "base/json.h"
#include "base/num.h"
#include "base/str.h"
#include "cli/parts.h"
#include "sys/sys.h"

enum { COLUMNS_MAX = 64, CELL_MAX = 60 };

void show_print(struct buf *b)
{
	fwrite(b->data, 1, b->len, stdout);
	fflush(stdout);
	buf_done(b);
}

static void cell(const struct tree *t, struct buf *out)
{
	char text[NUM_TEXT_MAX];
	struct json j = JSON_TO(out);

	switch (t ? t->kind : TREE_NULL) {
	case TREE_NULL: break;
	case TREE_BOOL: buf_add(out, t->b ? "true" : "false"); break;
	case TREE_I64: num_format_i64(text, t->i); buf_add(out, text); break;
	case TREE_F64: num_format_f64(text, t->f); buf_add(out, text); break;
	case TREE_STR: buf_addn(out, t->s, t->n); break;
	default: tree_write(t, &j);
	}
}

/* East Asian characters take two columns (UAX #11, the ranges that matter here). */
static size_t width(const char *s)
{
	const char *end = s + str_len(s);
	size_t n = 0;

	while (s < end) {
		uint32_t c = utf8_decode(&s, end);

		n += (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) || (c >= 0xac00 && c <= 0xd7a3)
			|| (c >= 0xf900 && c <= 0xfaff) || (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60)
			|| (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x1f300 && c <= 0x3fffd) ? 2 : 1;
	}
	return n;
}

const struct rec_word output_words[] = { { "table", "Table", "表格" }, { "json", "JSON", "JSON" }, { "csv", "CSV", "CSV" },
	{ "ndjson", "NDJSON", "NDJSON" }, { NULL } };

static const struct tree *member(const struct tree *item, const char *column)
{
	const char *dot = str_find(column, ".");
	char outer[64];
	struct buf b = BUF_FIXED(outer);

	if (!dot)
		return tree_find(item, column);
	buf_clear(&b);
	buf_addn(&b, column, (size_t) (dot - column));
	return tree_find(tree_find(item, outer), dot + 1);
}

static size_t telling(const struct rec_type *t, const char **columns)
{
	size_t n = 0;

	columns[n++] = "id";
	for (uint32_t i = 0; i < t->n_fields && n < COLUMNS_MAX; i++)
		if (!(t->fields[i].flags & (REC_INTERNAL | REC_SECRET)))
			columns[n++] = t->fields[i].name;
	return n;
}

static void csv(const char **columns, size_t n, const struct tree *items, struct buf *out)
{
	struct buf b = BUF_INIT(&sys_heap, 1 << 20);

	for (size_t i = 0; i < n; i++)
		buf_addf(out, "%s%s", i ? "," : "", columns[i]);
	buf_add(out, "\r\n");
	TREE_EACH(item, items) {
		for (size_t i = 0; i < n; i++) {
			buf_clear(&b);
			const struct tree *t = member(item, columns[i]);

			cell(t, &b);
			if (i)
				buf_addc(out, ',');
			(t && t->kind == TREE_STR ? cell_text : cell_plain)(out, b.data, b.len);
		}
		buf_add(out, "\r\n");
	}
	buf_done(&b);
}

/* Columns that are empty in every row are left out. */
static void table(const char **columns, size_t n, const struct tree *items, struct buf *out)
{
	size_t wide[COLUMNS_MAX] = { 0 };
	struct buf b = BUF_INIT(&sys_heap, 1 << 20);

	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; pass && i < n; i++)
			if (wide[i])
				buf_addf(out, "%s%*s  ", columns[i], (int) (MAX(wide[i], str_len(columns[i])) - str_len(columns[i])), "");
		if (pass)
			buf_addc(out, '\n');
		TREE_EACH(item, items) {
			for (size_t i = 0; i < n; i++) {
				size_t w;

				buf_clear(&b);
				cell(member(item, columns[i]), &b);
				w = MIN(width(b.data), (size_t) CELL_MAX);
				if (!pass)
					wide[i] = MAX(wide[i], w);
				else if (wide[i])
					buf_addf(out, "%s%*s  ", b.data, (int) (MAX(wide[i], str_len(columns[i])) - w), "");
			}
			if (pass)
				buf_addc(out, '\n');
		}
	}
	buf_done(&b);
}

/* A value on one line. */
static void flat_cell(const struct tree *t, struct buf *b)
{
	buf_clear(b);
	cell(t, b);
	for (size_t i = 0; i < b->len; i++)
		if (b->data[i] == '\n' || b->data[i] == '\r' || b->data[i] == '\t')
			b->data[i] = ' ';
}

static bool is_number(const struct tree *t) { return t && (t->kind == TREE_I64 || t->kind == TREE_F64); }

/* Numbers stand at the right. The last column is not padded. */
static void put_cell(const struct buf *b, bool right, size_t wide, bool last, struct buf *out)
{
	int pad = (int) (wide - MIN(wide, width(b->data)));

	if (right)
		buf_addf(out, "%*s", pad, "");
	buf_addn(out, b->data, b->len);
	if (!right && !last)
		buf_addf(out, "%*s", pad, "");
	buf_add(out, last ? "\n" : "  ");
}

void show_rows(const struct tree *columns, const struct tree *rows, struct buf *out)
{
	uint32_t n = columns ? columns->n : 0;
	size_t *wide = sys_alloc_array(n + 1, sizeof(*wide));
	struct buf b = BUF_INIT(&sys_heap, 1 << 20);

	for (uint32_t i = 0; wide && i < n; i++) {
		wide[i] = width(tree_str(tree_find(tree_at(columns, i), "name")));
		TREE_EACH(row, rows) {
			flat_cell(tree_at(row, i), &b);
			wide[i] = MAX(wide[i], MIN(width(b.data), (size_t) CELL_MAX));
		}
	}
	for (uint32_t i = 0; wide && i < n; i++) {
		buf_clear(&b);
		buf_add(&b, tree_str(tree_find(tree_at(columns, i), "name")));
		put_cell(&b, rows && rows->n && is_number(tree_at(tree_at(rows, 0), i)), wide[i], i + 1 == n, out);
	}
	TREE_EACH(row, rows)
		for (uint32_t i = 0; wide && i < n; i++) {
			flat_cell(tree_at(row, i), &b);
			put_cell(&b, is_number(tree_at(row, i)), wide[i], i + 1 == n, out);
		}
	sys_free(wide);
	buf_done(&b);
}

static void lines(const struct tree *items, struct buf *out)
{
	TREE_EACH(item, items) {
		struct json j = JSON_TO(out);

		tree_write(item, &j);
		buf_addc(out, '\n');
	}
}

static void show(const char **columns, size_t n, const struct tree *items, const char *output, struct buf *out)
{
	struct json j = JSON_TO(out);

	if (str_eq(output, "json")) {
		tree_write(items, &j);
		buf_addc(out, '\n');
	} else if (str_eq(output, "ndjson"))
		lines(items, out);
	else if (str_eq(output, "csv"))
		csv(columns, n, items, out);
	else
		table(columns, n, items, out);
}

/* Is a field in every row as it is when nobody sets it? */
static bool is_plain(const struct rec_field *f, const struct tree *items)
{
	struct buf b = BUF_INIT(&sys_heap, 1 << 20);
	bool plain = true;

	TREE_EACH(item, items) {
		buf_clear(&b);
		cell(tree_find(item, f->name), &b);
		plain = plain && (!b.len || str_eq(b.data, "{}") || str_eq(b.data, "[]") || (f->def && str_eq(b.data, f->def)));
	}
	buf_done(&b);
	return plain;
}

static bool is_id(const struct rec_field *f) { return f->kind == REC_REF || f->kind == REC_UUID; }

/* Ids of what the path names already, and settings that fill a line of their own, are for programs. */
static bool is_for_programs(const struct rec_type *t, const struct rec_field *f)
{
	return f->kind == REC_JSON || (is_id(f) && rec_field(t, "path"));
}

/* A table of whole records tells what people look for: what differs from the defaults, ids last. With fields chosen, and in every other form,
 * all is told. */
void show_items(const struct rec_type *t, const struct tree *items, const char *output, struct buf *out)
{
	const char *columns[COLUMNS_MAX];
	size_t n = telling(t, columns), kept = 0;

	if (str_eq(output, "table") && tree_find(tree_at(items, 0), "created")) {
		const char *told[COLUMNS_MAX];

		for (int ids = 0; ids < 2; ids++)
			for (size_t i = 1; i < n; i++) {
				const struct rec_field *f = rec_field(t, columns[i]);

				if (is_id(f) == ids && !is_plain(f, items) && !is_for_programs(t, f))
					told[kept++] = columns[i];
			}
		told[kept++] = "id";
		show(told, kept, items, output, out);
	} else
		show(columns, n, items, output, out);
}

void show_columns(const char *const *columns, const struct tree *items, const char *output, struct buf *out)
{
	const char *room[COLUMNS_MAX];
	size_t n = 0;

	for (; columns[n] && n < COLUMNS_MAX; n++)
		room[n] = columns[n];
	show(room, n, items, output, out);
}

void show_one(const struct rec_type *t, const struct tree *item, const char *output, struct buf *out)
{
	const struct tree list = { .kind = TREE_LIST, .n = 1, .items = (struct tree *) (uintptr_t) item };
	struct buf b = BUF_INIT(&sys_heap, 1 << 20);
	struct json j = JSON_TO(out);

	if (str_eq(output, "json") || str_eq(output, "ndjson")) {
		tree_write(item, &j);
		buf_addc(out, '\n');
	} else if (str_eq(output, "csv"))
		show_items(t, &list, output, out);
	else
		TREE_EACH(member, item) {
			buf_clear(&b);
			cell(member, &b);
			if (b.len)
				buf_addf(out, "%-16s %s\n", member->key, b.data);
		}
	buf_done(&b);
}

const char *file_form(const char *file, const char *output)
{
	static const struct { const char *end, *form; } forms[] = { { ".json", "json" }, { ".ndjson", "ndjson" }, { ".jsonl", "ndjson" }, { ".xlsx", "xlsx" } };

	if (!str_eq(output, "table"))
		return output;
	for (size_t i = 0; i < ELEMENTSOF(forms); i++)
		if (str_ends(file, forms[i].end))
			return forms[i].form;
	return "csv";
}
