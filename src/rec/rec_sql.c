/* rec_sql.c - tables, columns and indexes of a type. Names are identifiers (rec_type_check) and quoted all the same. */
#include "rec/rec_int.h"

bool rec_sql_is_join(const struct rec_field *f)
{
	return f->kind == REC_LIST && f->item == REC_REF;
}

static const char *column_type(const struct rec_field *f, enum rec_sql dialect)
{
	bool pg = dialect == REC_POSTGRES;

	switch (f->kind) {
	case REC_BOOL: return pg ? "boolean" : "INTEGER";
	case REC_I32: case REC_DATE: return pg ? "integer" : "INTEGER";
	case REC_U32: case REC_I64: case REC_U64: case REC_DEC: case REC_TIME: case REC_DURATION: return pg ? "bigint" : "INTEGER";
	case REC_F64: return pg ? "double precision" : "REAL";
	case REC_BYTES: return pg ? "bytea" : "BLOB";
	case REC_UUID: case REC_REF: return pg ? "uuid" : "BLOB";
	default: return pg ? "text COLLATE \"C\"" : "TEXT";      /* by bytes, as SQLite compares */
	}
}

static void literal(const char *text, struct buf *out)
{
	buf_addc(out, '\'');
	for (; *text; text++) {
		if (*text == '\'')
			buf_addc(out, '\'');
		buf_addc(out, *text);
	}
	buf_addc(out, '\'');
}

/* What stands in rows made before the field was: its default as the column holds it. */
static void column_default(const struct rec_field *f, enum rec_sql dialect, struct buf *out)
{
	const char *def = f->def;
	uint64_t v = 0;

	switch (f->kind) {
	case REC_BOOL:
		if (def)
			rec_parse(f, &v, def, str_len(def), NULL);
		buf_add(out, dialect == REC_POSTGRES ? *(bool *) &v ? "true" : "false" : *(bool *) &v ? "1" : "0");
		return;
	case REC_ENUM:
		literal(def ?: rec_word(f, 0) ?: "", out);
		return;
	case REC_F64:
		buf_add(out, def ?: "0");
		return;
	case REC_I32: case REC_DATE:
		if (def)
			rec_parse(f, &v, def, str_len(def), NULL);
		buf_addf(out, "%d", *(int32_t *) &v);
		return;
	case REC_U32: case REC_I64: case REC_U64: case REC_DEC: case REC_TIME: case REC_DURATION:
		if (def)
			rec_parse(f, &v, def, str_len(def), NULL);
		buf_addf(out, "%lld", (long long) (int64_t) v);
		return;
	case REC_LIST: literal(def ?: "[]", out); return;
	case REC_REC: case REC_MAP: literal(def ?: "{}", out); return;
	default: literal(def ?: "", out);
	}
}

/* Kinds that are always there unless NULLABLE. */
static bool has_value(const struct rec_field *f)
{
	return !(f->flags & REC_NULLABLE) && !rec_is_pointer(f->kind);
}

static void reference(const char *noun, rec_table_fn table_of, void *ctx, struct buf *out)
{
	const char *table = table_of ? table_of(ctx, noun) : NULL;

	if (table)
		buf_addf(out, " REFERENCES \"%s\" (\"id\")", table);
}

void rec_sql_column(const struct rec_field *f, enum rec_sql dialect, rec_table_fn table_of, void *ctx, struct buf *out)
{
	buf_addf(out, "\"%s\" %s", f->name, column_type(f, dialect));
	if (has_value(f))
		buf_add(out, " NOT NULL DEFAULT ");
	if (has_value(f) || (f->def && (f->kind == REC_STR || f->kind == REC_TEXT || f->kind == REC_JSON))) {
		if (!has_value(f))
			buf_add(out, " DEFAULT ");
		column_default(f, dialect, out);
	}
	if (f->kind == REC_REF && dialect == REC_SQLITE)
		reference(f->ref, table_of, ctx, out);
}

void rec_sql_add_column(const struct rec_type *t, const struct rec_field *f, enum rec_sql dialect, rec_table_fn table_of, void *ctx,
	struct buf *out)
{
	buf_addf(out, "ALTER TABLE \"%s\" ADD COLUMN ", t->plural);
	rec_sql_column(f, dialect, table_of, ctx, out);
	buf_add(out, ";\n");
}

static void hash(uint64_t *h, const char *p, size_t n)
{
	for (; n; n--)
		*h = (*h ^ (unsigned char) *p++) * UINT64_C(0x100000001b3);      /* FNV-1a */
}

/* PostgreSQL would cut a longer name off without a word: its end becomes a hash of the whole. */
static void index_name(const char *table, const char *fields, const char *end, enum rec_sql dialect, struct buf *out)
{
	size_t start = out->len, n;
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	buf_addf(out, "ix__%s__", table);
	for (const char *p = fields; *p && *p != ';'; p++)
		buf_add(out, *p == ',' ? "__" : (char [2]) { *p, 0 });
	buf_add(out, end);
	n = out->len - start;
	if (dialect == REC_SQLITE || n <= REC_SQL_NAME_MAX || out->failed)
		return;
	hash(&h, out->data + start, n);
	out->len = start + REC_SQL_NAME_MAX - 18;
	buf_addf(out, "__%016llx", (unsigned long long) h);
}

/* An index that is not unique ends with the id, so that rows of one value come in the order of a list without being sorted. What is
 * absent comes first with both engines; an id is never absent. */
static void index_of(const struct rec_type *t, const char *fields, bool unique, enum rec_sql dialect, struct buf *out)
{
	const char *end = dialect == REC_POSTGRES ? "\" NULLS FIRST" : "\"";

	buf_addf(out, "CREATE %sINDEX IF NOT EXISTS \"", unique ? "UNIQUE " : "");
	index_name(t->plural, fields, unique ? "__u" : "__id", dialect, out);
	buf_addf(out, "\" ON \"%s\" (\"", t->plural);
	for (const char *p = fields; *p && *p != ';'; p++)
		if (*p == ',')
			buf_addf(out, "%s, \"", end);
		else
			buf_addc(out, *p);
	buf_addf(out, "%s%s);\n", end, unique ? "" : ", \"id\"");
}

static void join_table(const struct rec_type *t, const struct rec_field *f, enum rec_sql dialect, rec_table_fn table_of, void *ctx,
	struct buf *out)
{
	const char *id = dialect == REC_POSTGRES ? "uuid" : "BLOB", *whole = dialect == REC_POSTGRES ? "integer" : "INTEGER";

	buf_addf(out, "CREATE TABLE IF NOT EXISTS \"%s__%s\" (\"owner\" %s NOT NULL REFERENCES \"%s\" (\"id\") ON DELETE CASCADE, "
		"\"pos\" %s NOT NULL, \"ref\" %s NOT NULL", t->plural, f->name, id, t->plural, whole, id);
	if (dialect == REC_SQLITE)
		reference(f->ref, table_of, ctx, out);
	buf_addf(out, ", PRIMARY KEY (\"owner\", \"pos\"))%s;\n", dialect == REC_SQLITE ? " STRICT, WITHOUT ROWID" : "");
	buf_add(out, "CREATE INDEX IF NOT EXISTS \"");
	index_name(t->plural, f->name, "__ref", dialect, out);
	buf_addf(out, "\" ON \"%s__%s\" (\"ref\");\n", t->plural, f->name);
}

void rec_sql_create(const struct rec_type *t, enum rec_sql dialect, rec_table_fn table_of, void *ctx, struct buf *out)
{
	const struct rec_field *end = t->fields + t->n_fields;

	buf_addf(out, "CREATE TABLE IF NOT EXISTS \"%s\" (", t->plural);
	for (const struct rec_field *h = rec_head_fields; h < rec_head_fields + REC_HEAD_FIELDS; h++)
		buf_addf(out, "%s\"%s\" %s%s", h > rec_head_fields ? ", " : "", h->name, column_type(h, dialect),
			h == rec_head_fields ? " NOT NULL PRIMARY KEY" : h->kind == REC_UUID ? "" : " NOT NULL DEFAULT 0");
	for (const struct rec_field *f = t->fields; f < end; f++)
		if (!rec_sql_is_join(f)) {
			buf_add(out, ", ");
			rec_sql_column(f, dialect, table_of, ctx, out);
		}
	buf_addf(out, ")%s;\n", dialect == REC_SQLITE ? " STRICT" : "");
	for (const struct rec_field *f = t->fields; f < end; f++)
		if (rec_sql_is_join(f))
			join_table(t, f, dialect, table_of, ctx, out);
		else if (f->flags & (REC_UNIQUE | REC_INDEX | REC_KEY) || f->kind == REC_REF)
			index_of(t, f->name, f->flags & REC_UNIQUE, dialect, out);
	for (const char *u = t->unique; u && *u; u += *u == ';') {
		index_of(t, u, true, dialect, out);
		while (*u && *u != ';')
			u++;
	}
}

void rec_sql_reference(const struct rec_type *t, const struct rec_field *f, rec_table_fn table_of, void *ctx, struct buf *out)
{
	bool join = rec_sql_is_join(f);

	if (!table_of || !table_of(ctx, f->ref))
		return;
	buf_addf(out, "ALTER TABLE \"%s%s%s\" ADD FOREIGN KEY (\"%s\")", t->plural, join ? "__" : "", join ? f->name : "", join ? "ref" : f->name);
	reference(f->ref, table_of, ctx, out);
	buf_add(out, ";\n");
}

static const char *itself(void *ctx, const char *noun)
{
	return noun;
}

/* FNV-1a over the SQL, piece by piece, so that no memory is needed. */
uint64_t rec_fingerprint(const struct rec_type *t)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	char room[1024];

	hash(&h, t->plural, str_len(t->plural));
	for (const struct rec_field *f = t->fields; f < t->fields + t->n_fields; f++) {
		struct buf b = BUF_FIXED(room);

		room[0] = 0;
		if (rec_sql_is_join(f))
			buf_addf(&b, "join %s %s", f->name, f->ref);
		else
			rec_sql_column(f, REC_SQLITE, itself, NULL, &b);
		hash(&h, room, b.len);
		hash(&h, (const char *) &(uint8_t) { f->flags & (REC_UNIQUE | REC_INDEX | REC_KEY) }, 1);
	}
	if (t->unique)
		hash(&h, t->unique, str_len(t->unique));
	return h;
}
