/* write.c - rows as JSON, NDJSON, CSV. Numbers and JSON that came as text are looked at before they are believed. */
#include <string.h>

#include "base/arena.h"
#include "base/cell.h"
#include "base/id.h"
#include "base/num.h"
#include "base/str.h"
#include "rec/tree.h"
#include "sql/text.h"
#include "sql/wire.h"
#include "sys/sys.h"

static void load(void *to, const struct sql_column *c, uint32_t row)
{
	size_t size = sql_kind_size(c->kind);

	memcpy(to, c->body + row * size, size);
}

/* [-]digits[.digits] */
static bool is_number(const char *s, size_t n)
{
	size_t i = n && s[0] == '-', whole = i;

	while (i < n && s[i] >= '0' && s[i] <= '9')
		i++;
	if (i == whole || (s[whole] == '0' && i > whole + 1))
		return false;
	if (i == n)
		return true;
	if (s[i++] != '.' || i == n)
		return false;
	while (i < n && s[i] >= '0' && s[i] <= '9')
		i++;
	return i == n;
}

/* As a number where JavaScript reads it exactly: up to 15 digits. */
static void number_json(struct json *j, const char *s, size_t n)
{
	char text[20];

	if (n > 16 || !is_number(s, n)) {
		json_strn(j, s, n);
		return;
	}
	memcpy(text, s, n);
	text[n] = 0;
	json_raw(j, text);
}

static bool is_json(const char *s, size_t n)
{
	struct tree *t;
	struct arena a;
	int r;

	arena_init(&a, &sys_heap, 64 << 20);
	r = tree_parse(s, n, "@body", &a, &t);
	if (r < 0)
		err_clear();
	arena_done(&a);
	return r >= 0;
}

static void json_cell(struct json *j, const char *s, size_t n)
{
	_cleanup_free_ char *text = is_json(s, n) ? sys_strndup(s, n) : NULL;

	if (text)
		json_raw(j, text);
	else
		json_strn(j, s, n);
}

static void when_text(int64_t us, char text[60])
{
	struct buf b = { .data = text, .room = 60, .max = 60 };

	text[0] = 0;
	text_instant(&b, us, 1000000, "Z");
}

static void cell_json(struct json *j, const struct sql_column *c, uint32_t row)
{
	union { uint8_t b; int32_t i32; uint32_t u32; int64_t i64; uint64_t u64; float f32; double f64; struct uuid id; } v;
	char text[60];
	struct buf b = BUF_FIXED(text);
	size_t n;
	const char *s;

	if (!sql_is_valid(c, row)) {
		json_null(j);
		return;
	}
	if (sql_kind_size(c->kind))
		load(&v, c, row);
	switch (c->kind) {
	case SQL_BOOL: json_bool(j, v.b); break;
	case SQL_I32: json_i64(j, v.i32); break;
	case SQL_U32: json_u64(j, v.u32); break;
	case SQL_I64: json_i64(j, v.i64); break;
	case SQL_U64: json_u64(j, v.u64); break;
	case SQL_F32: json_f32(j, v.f32); break;
	case SQL_F64: json_f64(j, v.f64); break;
	case SQL_TIME: when_text(v.i64, text); json_str(j, text); break;
	case SQL_DATE: buf_clear(&b); text_date(&b, v.i32); json_str(j, text); break;
	case SQL_UUID: uuid_format(&v.id, text); json_str(j, text); break;
	case SQL_TEXT: s = sql_text(c, row, &n); json_strn(j, s, n); break;
	case SQL_NUMBER: s = sql_text(c, row, &n); number_json(j, s, n); break;
	default: s = sql_text(c, row, &n); json_cell(j, s, n);
	}
}

static void cell_csv(struct buf *out, const struct sql_column *c, uint32_t row)
{
	char text[500];
	struct buf b = BUF_FIXED(text);
	struct json j = JSON_TO(&b);
	size_t n;
	const char *s;

	if (!sql_is_valid(c, row))
		return;
	buf_clear(&b);
	switch (c->kind) {
	case SQL_TEXT: case SQL_JSON:
		s = sql_text(c, row, &n);
		cell_text(out, s, n);
		break;
	case SQL_NUMBER:
		s = sql_text(c, row, &n);
		if (is_number(s, n))
			cell_plain(out, s, n);
		else
			cell_text(out, s, n);
		break;
	default:
		cell_json(&j, c, row);
		n = b.len;
		/* Texts of JSON stand in quotes: great integers, NaN, times. */
		s = n >= 2 && text[0] == '"' ? text + 1 : text;
		cell_plain(out, s, s == text ? n : n - 2);
	}
}

void sql_write_head(enum sql_form form, const struct sql_head *head, struct json *j)
{
	switch (form) {
	case SQL_FORM_JSON:
		json_object(j);
		json_key(j, "columns");
		json_array(j);
		for (uint32_t i = 0; i < head->n; i++) {
			json_object(j);
			json_kv_str(j, "name", head->columns[i].name);
			json_kv_str(j, "type", head->columns[i].type);
			json_end(j);
		}
		json_end(j);
		json_key(j, "rows");
		json_array(j);
		break;
	case SQL_FORM_CSV:
		for (uint32_t i = 0; i < head->n; i++) {
			if (i)
				buf_addc(j->out, ',');
			cell_text(j->out, head->columns[i].name, str_len(head->columns[i].name));
		}
		buf_add(j->out, "\r\n");
		break;
	case SQL_FORM_NDJSON: break;
	}
}

static void row_ndjson(const struct sql_head *head, const struct sql_rows *rows, uint32_t row, struct buf *out)
{
	struct json j = JSON_TO(out);

	json_object(&j);
	for (uint32_t i = 0; i < rows->n_columns; i++) {
		json_key(&j, head->columns[i].name);
		cell_json(&j, &rows->columns[i], row);
	}
	json_end(&j);
	buf_addc(out, '\n');
}

static void write_row(enum sql_form form, const struct sql_head *head, const struct sql_rows *rows, uint32_t row, struct json *j)
{
	if (form == SQL_FORM_NDJSON) {
		row_ndjson(head, rows, row, j->out);
		return;
	}
	if (form == SQL_FORM_JSON)
		json_array(j);
	for (uint32_t i = 0; i < rows->n_columns; i++) {
		if (form == SQL_FORM_JSON) {
			cell_json(j, &rows->columns[i], row);
			continue;
		}
		if (i)
			buf_addc(j->out, ',');
		cell_csv(j->out, &rows->columns[i], row);
	}
	if (form == SQL_FORM_JSON)
		json_end(j);
	else
		buf_add(j->out, "\r\n");
}

void sql_write_rows(enum sql_form form, const struct sql_head *head, const struct sql_rows *rows, struct json *j, uint32_t *row, size_t room)
{
	size_t before = j->out->len;

	for (; *row < rows->n && j->out->len - before < room; ++*row)
		write_row(form, head, rows, *row, j);
}
