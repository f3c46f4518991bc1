/* statement_tables.c - records as tables: what the same person's lists would show, secret and internal fields left out. */
#include "base/str.h"
#include "service/command.h"
#include "service/reach.h"
#include "service/statement_int.h"
#include "sys/sys.h"

enum { PAGE = 1000, CELL = 128 << 10 };

/* Lists that are read alone, besides the nouns. */
static const struct noun commands_noun = NOUN_ROW(command_type, DEED_TENANT, PERM_POINT_READ, PERM_COMMAND, NULL);
static const struct noun audit_noun = NOUN_ROW(audit_type, DEED_TENANT, PERM_AUDIT_READ, PERM_AUDIT_READ, NULL);
static const struct noun *const besides[] = { &commands_noun, &import_noun, &audit_noun };

struct table { struct reading r; const char *cursor; bool last; struct statement *st; struct sql_block *out; };

/* ---- which ---- */

static const struct noun *noun_at(struct scope *s, size_t i)
{
	size_t n = 0;

	for (; s->platform->nouns[n]; n++)
		if (n == i)
			return s->platform->nouns[n];
	return i - n < ELEMENTSOF(besides) ? besides[i - n] : NULL;
}

static bool may_see(struct scope *s, const struct noun *n) { return reach_may(s, n->read, n->type); }

static const struct noun *find_table(struct scope *s, const char *name)
{
	const char *words[64];
	const struct noun *n;
	size_t n_words = 0;

	for (size_t i = 0; (n = noun_at(s, i)); i++) {
		if (!may_see(s, n))
			continue;
		if (str_eq_nocase(n->type->plural, name) || str_eq_nocase(n->type->name, name))
			return n;
		if (n_words < ELEMENTSOF(words))
			words[n_words++] = n->type->plural;
	}
	err_fail(ERR_NO_TABLE, "value", name, "nearest", str_nearest(name, words, n_words), NULL);
	return NULL;
}

static bool is_shown(const struct rec_field *f) { return !(f->flags & (REC_SECRET | REC_INTERNAL)); }

/* The id first, then what the type has, then the rest of the head. */
static const struct rec_field **fields_of(const struct rec_type *t, struct arena *a, uint32_t *ret_n)
{
	const struct rec_field **all = arena_array(a, const struct rec_field *, t->n_fields + REC_HEAD_FIELDS);
	uint32_t n = 0;

	if (!all)
		return NULL;
	all[n++] = rec_head_field("id");
	for (uint32_t i = 0; i < t->n_fields; i++)
		if (is_shown(&t->fields[i]))
			all[n++] = &t->fields[i];
	for (uint32_t i = 0; i < REC_HEAD_FIELDS; i++)
		if (!str_eq(rec_head_fields[i].name, "id"))
			all[n++] = &rec_head_fields[i];
	*ret_n = n;
	return all;
}

static enum sql_kind kind_of(const struct rec_field *f)
{
	switch (f->kind) {
	case REC_BOOL: return SQL_BOOL;
	case REC_I32: return SQL_I32;
	case REC_U32: return SQL_U32;
	case REC_I64: return SQL_I64;
	case REC_U64: return SQL_U64;
	case REC_F64: case REC_DEC: return SQL_F64;
	case REC_TIME: return SQL_TIME;
	case REC_DATE: return SQL_DATE;
	case REC_UUID: case REC_REF: return SQL_UUID;
	case REC_FLAGS: case REC_LIST: case REC_REC: case REC_MAP: case REC_VARIANT: case REC_JSON: return SQL_JSON;
	default: return SQL_TEXT;               /* texts, words, durations, bytes */
	}
}

int table_bind(struct statement *st, const struct sql_asked *asked, struct sql_shape *ret)
{
	const struct noun *n = asked->n == 1 ? find_table(st->s, asked->texts[0]) : NULL;
	struct scan *scan = arena_new(&st->arena, struct scan);
	struct sql_shape_column *columns;
	uint32_t n_fields = 0;

	if (!n)
		return -ERR_NO_TABLE;
	if (scan)
		scan->fields = fields_of(n->type, &st->arena, &n_fields);
	columns = arena_array(&st->arena, struct sql_shape_column, n_fields + 1);
	if (!scan || !scan->fields || !columns)
		return err_fail(ERR_NO_MEMORY, "what", "@statement", NULL);
	scan->function = SQL_RECORDS;
	scan->noun = n;
	for (uint32_t i = 0; i < n_fields; i++)
		columns[i] = (struct sql_shape_column) { (uint8_t) kind_of(scan->fields[i]), scan->fields[i]->name };
	*ret = (struct sql_shape) { .n = n_fields, .columns = columns, .scan = scan };
	return 0;
}

/* ---- rows ---- */

int table_open(struct statement *st, struct scan *scan, const uint16_t *columns, uint32_t n, void **ret)
{
	struct table *t = arena_new(&st->arena, struct table);
	int r = t ? reading_init(st, &t->r, scan, columns, n) : err_fail(ERR_NO_MEMORY, "what", "@statement", NULL);

	if (r >= 0)
		*ret = t;
	return r;
}

static double decimal(int64_t v, unsigned scale)
{
	double d = 1;

	for (; scale; scale--)
		d *= 10;
	return (double) v / d;
}

static int put_text(const struct table *t, uint32_t column, const struct rec_field *f, const void *rec)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 4 << 20);
	const struct rec_type *type = t->r.scan->noun->type;
	struct json j = JSON_TO(&b);

	if (kind_of(f) == SQL_JSON)
		rec_field_json(type, f, rec, 0, &j);
	else
		rec_field_format(type, f, rec, &b);
	if (b.failed || b.len > CELL)
		return err_fail(ERR_TOO_LARGE, "what", f->name, "max", "131072", NULL);
	sql_put_str(t->out, column, b.data, b.len);
	return 0;
}

static int put_field(const struct table *t, uint32_t column, const struct rec_field *f, const void *rec)
{
	const void *at = rec_at(rec, f);
	int64_t time;
	double d;

	if (!rec_has(t->r.scan->noun->type, rec, f)) {
		sql_put_null(t->out, column);
		return 0;
	}
	switch (f->kind) {
	case REC_BOOL: case REC_I32: case REC_U32: case REC_I64: case REC_U64: case REC_F64: case REC_DATE: case REC_UUID: case REC_REF:
		sql_put(t->out, column, at);
		return 0;
	case REC_DEC:
		d = decimal(*(const int64_t *) at, f->scale);
		sql_put(t->out, column, &d);
		return 0;
	case REC_TIME:
		time = *(const int64_t *) at;
		time = time / 1000 - (time % 1000 < 0);
		sql_put(t->out, column, &time);
		return 0;
	default: return put_text(t, column, f, rec);
	}
}

static int on_record(void *ctx, const void *rec)
{
	struct table *t = ctx;
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < t->r.n; i++)
		r = put_field(t, i, t->r.scan->fields[t->r.columns[i]], rec);
	if (r < 0)
		return r;
	sql_row(t->out);
	return sql_block_is_full(t->out);       /* ends the page early; the next one goes on behind */
}

int table_next(struct statement *st, void *cursor, struct sql_block *out)
{
	struct table *t = cursor;
	struct noun_query q = { .noun = t->r.scan->noun, .limit = PAGE, .cursor = t->cursor };
	struct store_page page = { 0 };
	int r = may_see(st->s, q.noun) ? 0 : err_fail(ERR_DENIED, "permission", permission_id(q.noun->read), NULL);

	t->out = out;
	if (r >= 0)
		r = noun_list(st->s, &q, on_record, t, &page);
	if (r < 0)
		return r;
	t->cursor = page.next ? arena_str(&st->arena, page.next) : NULL;
	return page.next != NULL;
}

/* ---- what there is ---- */

static const char *type_word(enum sql_kind k)
{
	static const char *const words[SQL_KINDS_] = { [SQL_BOOL] = "BOOLEAN", [SQL_I32] = "INTEGER", [SQL_U32] = "UINTEGER", [SQL_I64] = "BIGINT",
		[SQL_U64] = "UBIGINT", [SQL_F32] = "FLOAT", [SQL_F64] = "DOUBLE", [SQL_TIME] = "TIMESTAMP WITH TIME ZONE", [SQL_DATE] = "DATE",
		[SQL_UUID] = "UUID", [SQL_TEXT] = "VARCHAR", [SQL_NUMBER] = "VARCHAR", [SQL_JSON] = "VARCHAR" };

	return words[k] ? words[k] : "ANY";
}

static void function_json(struct json *j, enum sql_function f, const char *name, const char *arguments)
{
	uint32_t n;
	const struct points_column *c = points_columns(f, &n);

	json_object(j);
	json_kv_str(j, "name", name);
	json_kv_str(j, "arguments", arguments);
	json_key(j, "columns");
	json_array(j);
	for (uint32_t i = 0; i < n; i++) {
		json_object(j);
		json_kv_str(j, "name", c[i].name);
		json_kv_str(j, "type", type_word(c[i].kind));
		json_end(j);
	}
	json_end(j);
	json_end(j);
}

static int table_json(struct scope *s, const struct noun *n, struct json *j)
{
	uint32_t n_fields;
	const struct rec_field **fields = fields_of(n->type, s->arena, &n_fields);
	bool zh = s->lang == LANG_ZH;

	if (!fields)
		return err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	json_object(j);
	json_kv_str(j, "name", n->type->plural);
	json_kv_str(j, "title", zh && n->type->title_zh ? n->type->title_zh : n->type->title);
	json_key(j, "columns");
	json_array(j);
	for (uint32_t i = 0; i < n_fields; i++) {
		const char *label = zh ? fields[i]->label_zh : fields[i]->label;

		json_object(j);
		json_kv_str(j, "name", fields[i]->name);
		json_kv_str(j, "type", type_word(kind_of(fields[i])));
		if (label)
			json_kv_str(j, "label", label);
		json_end(j);
	}
	json_end(j);
	json_end(j);
	return 0;
}

int statement_tables(struct scope *s, struct json *j)
{
	const struct noun *n;
	int r = scope_need_somewhere(s, PERM_SQL);

	if (r < 0)
		return r;
	json_object(j);
	json_kv_bool(j, "available", sql_library(s->platform->sql) != NULL);
	json_key(j, "functions");
	json_array(j);
	if (scope_may_somewhere(s, PERM_SAMPLE_READ)) {
		function_json(j, SQL_TS, "ts", "points, from, to");
		function_json(j, SQL_LAST, "last", "points");
		function_json(j, SQL_ROLLUP, "rollup", "points, step, from, to");
	}
	json_end(j);
	json_key(j, "tables");
	json_array(j);
	for (size_t i = 0; r >= 0 && (n = noun_at(s, i)); i++)
		if (may_see(s, n))
			r = table_json(s, n, j);
	json_end(j);
	json_end(j);
	return r;
}
