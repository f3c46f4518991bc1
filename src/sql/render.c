/*
 * render.c - rows of DuckDB's result as columns of the wire: numbers, times and texts as they are, what is nested as JSON, what has no like
 * there as the text SQL writes.
 */
#include <string.h>

#include "base/id.h"
#include "base/json.h"
#include "base/str.h"
#include "sql/helper.h"
#include "sql/text.h"

enum { NODES_MAX = 4000, DEPTH_MAX = 20, CELL_MAX = 128 << 10 };

/* A type, with those it is made of. */
struct node {
	int id, inner;                          /* inner: how an enum or a decimal lies in memory */
	unsigned scale, width;
	bool is_json;
	uint64_t n, array;
	void *type;                             /* of an enum: its words */
	struct node *child;
	char **names;
};

struct render {
	struct helper *h;
	struct duck_result *result;
	uint32_t n, nodes;
	struct node *columns;
	struct sql_block *block;
	struct buf text;
	bool unknown;                           /* a value of a kind we do not know how to say */
};

/* ---- types ---- */

static void node_done(struct render *r, struct node *t)
{
	for (uint64_t i = 0; t->child && i < t->n; i++)
		node_done(r, &t->child[i]);
	for (uint64_t i = 0; t->names && i < t->n; i++)
		r->h->duck.free(t->names[i]);
	sys_free(t->names);
	sys_free(t->child);
	if (t->type)
		r->h->duck.destroy_logical_type(&t->type);
}

static int node_init(struct render *r, struct node *t, void *type, unsigned depth);

static int add_children(struct render *r, struct node *t, void *type, unsigned depth)
{
	const struct duck *d = &r->h->duck;
	int e = 0;

	t->n = t->id == DUCK_STRUCT ? d->struct_type_child_count(type) : t->id == DUCK_MAP ? 2 : 1;
	if (t->n > NODES_MAX || depth >= DEPTH_MAX)
		return err_fail(ERR_UNSUPPORTED, "what", "type", "value", "", NULL);
	t->child = sys_alloc_array(t->n, sizeof(*t->child));
	t->names = t->id == DUCK_STRUCT ? sys_alloc_array(t->n, sizeof(*t->names)) : NULL;
	if (!t->child || (t->id == DUCK_STRUCT && !t->names))
		return err_fail(ERR_NO_MEMORY, "what", "type", NULL);
	for (uint64_t i = 0; e >= 0 && i < t->n; i++) {
		void *of = t->id == DUCK_LIST ? d->list_type_child_type(type) : t->id == DUCK_ARRAY ? d->array_type_child_type(type)
			: t->id == DUCK_STRUCT ? d->struct_type_child_type(type, i) : i ? d->map_type_value_type(type) : d->map_type_key_type(type);

		if (t->names)
			t->names[i] = d->struct_type_child_name(type, i);
		e = node_init(r, &t->child[i], of, depth + 1);
	}
	return e;
}

/* Takes the type over. */
static int node_init(struct render *r, struct node *t, void *type, unsigned depth)
{
	const struct duck *d = &r->h->duck;
	char *alias = d->logical_type_get_alias(type);
	int e = 0;

	t->id = d->get_type_id(type);
	t->is_json = t->id == DUCK_VARCHAR && alias && str_eq(alias, "JSON");
	d->free(alias);
	if (++r->nodes > NODES_MAX)
		e = err_fail(ERR_UNSUPPORTED, "what", "type", "value", "", NULL);
	else if (t->id == DUCK_DECIMAL)
		t->inner = d->decimal_internal_type(type), t->scale = d->decimal_scale(type), t->width = d->decimal_width(type);
	else if (t->id == DUCK_ARRAY)
		t->array = d->array_type_array_size(type);
	if (e >= 0 && (t->id == DUCK_LIST || t->id == DUCK_ARRAY || t->id == DUCK_STRUCT || t->id == DUCK_MAP))
		e = add_children(r, t, type, depth);
	if (t->id == DUCK_ENUM) {
		t->inner = d->enum_internal_type(type);
		t->type = type;
		return e;
	}
	d->destroy_logical_type(&type);
	return e;
}

static enum sql_kind kind_of(const struct node *t)
{
	switch (t->id) {
	case DUCK_BOOLEAN: return SQL_BOOL;
	case DUCK_TINYINT: case DUCK_SMALLINT: case DUCK_INTEGER: return SQL_I32;
	case DUCK_UTINYINT: case DUCK_USMALLINT: case DUCK_UINTEGER: return SQL_U32;
	case DUCK_BIGINT: return SQL_I64;
	case DUCK_UBIGINT: return SQL_U64;
	case DUCK_FLOAT: return SQL_F32;
	case DUCK_DOUBLE: return SQL_F64;
	case DUCK_TIMESTAMP_TZ: return SQL_TIME;
	case DUCK_HUGEINT: case DUCK_UHUGEINT: case DUCK_DECIMAL: return SQL_NUMBER;
	case DUCK_LIST: case DUCK_ARRAY: case DUCK_STRUCT: case DUCK_MAP: return SQL_JSON;
	default: return t->is_json ? SQL_JSON : SQL_TEXT;
	}
}

static void type_name(const struct node *t, struct buf *out)
{
	static const char *const names[] = { [DUCK_BOOLEAN] = "BOOLEAN", [DUCK_TINYINT] = "TINYINT", [DUCK_SMALLINT] = "SMALLINT", [DUCK_INTEGER] = "INTEGER",
		[DUCK_BIGINT] = "BIGINT", [DUCK_UTINYINT] = "UTINYINT", [DUCK_USMALLINT] = "USMALLINT", [DUCK_UINTEGER] = "UINTEGER",
		[DUCK_UBIGINT] = "UBIGINT", [DUCK_FLOAT] = "FLOAT", [DUCK_DOUBLE] = "DOUBLE", [DUCK_TIMESTAMP] = "TIMESTAMP", [DUCK_DATE] = "DATE",
		[DUCK_TIME] = "TIME", [DUCK_INTERVAL] = "INTERVAL", [DUCK_HUGEINT] = "HUGEINT", [DUCK_VARCHAR] = "VARCHAR", [DUCK_BLOB] = "BLOB",
		[DUCK_TIMESTAMP_S] = "TIMESTAMP_S", [DUCK_TIMESTAMP_MS] = "TIMESTAMP_MS", [DUCK_TIMESTAMP_NS] = "TIMESTAMP_NS",
		[DUCK_ENUM] = "ENUM", [DUCK_UUID] = "UUID", [DUCK_UHUGEINT] = "UHUGEINT", [DUCK_TIMESTAMP_TZ] = "TIMESTAMP WITH TIME ZONE",
		[DUCK_NULL] = "NULL" };

	if (t->is_json)
		buf_add(out, "JSON");
	else if (t->id == DUCK_DECIMAL)
		buf_addf(out, "DECIMAL(%u,%u)", t->width, t->scale);
	else if (t->id == DUCK_LIST || t->id == DUCK_ARRAY) {
		type_name(&t->child[0], out);
		if (t->id == DUCK_LIST)
			buf_add(out, "[]");
		else
			buf_addf(out, "[%llu]", (unsigned long long) t->array);
	} else if (t->id == DUCK_STRUCT || t->id == DUCK_MAP) {
		buf_add(out, t->id == DUCK_MAP ? "MAP(" : "STRUCT(");
		for (uint64_t i = 0; i < t->n; i++) {
			buf_addf(out, "%s%s%s", i ? ", " : "", t->names ? t->names[i] : "", t->names ? " " : "");
			type_name(&t->child[i], out);
		}
		buf_addc(out, ')');
	} else
		buf_add(out, t->id > 0 && t->id < (int) ELEMENTSOF(names) && names[t->id] ? names[t->id] : "?");
}

/* ---- one value ---- */

#define AT(type, data, row) (((const type *) (data))[row])

static int64_t whole(int id, const void *data, uint64_t row)
{
	switch (id) {
	case DUCK_TINYINT: return AT(int8_t, data, row);
	case DUCK_SMALLINT: return AT(int16_t, data, row);
	case DUCK_INTEGER: return AT(int32_t, data, row);
	case DUCK_UTINYINT: return AT(uint8_t, data, row);
	case DUCK_USMALLINT: return AT(uint16_t, data, row);
	case DUCK_UINTEGER: return AT(uint32_t, data, row);
	default: return AT(int64_t, data, row);
	}
}

static __int128 huge_at(const void *data, uint64_t row)
{
	struct duck_huge h;

	memcpy(&h, (const struct duck_huge *) data + row, sizeof(h));
	return (__int128) ((unsigned __int128) (uint64_t) h.high << 64 | h.low);
}

static void uuid_text(const void *data, uint64_t row, struct buf *out)
{
	unsigned __int128 v = (unsigned __int128) huge_at(data, row) ^ (unsigned __int128) 1 << 127;
	char text[UUID_TEXT + 1];
	struct uuid id;

	for (unsigned i = 0; i < 16; i++)
		id.b[i] = (uint8_t) (v >> (8 * (15 - i)));
	uuid_format(&id, text);
	buf_add(out, text);
}

static void enum_text(struct render *r, const struct node *t, const void *data, uint64_t row, struct buf *out)
{
	char *word = r->h->duck.enum_dictionary_value(t->type, (uint64_t) whole(t->inner, data, row));

	buf_add(out, word ? word : "");
	r->h->duck.free(word);
}

/* What is neither number nor nested, as text. */
static void plain_text(struct render *r, const struct node *t, const void *data, uint64_t row, struct buf *out)
{
	switch (t->id) {
	case DUCK_VARCHAR: buf_addn(out, duck_text_of(&AT(struct duck_text, data, row)), AT(struct duck_text, data, row).len); break;
	case DUCK_BLOB: {
		const struct duck_text *b = &AT(struct duck_text, data, row);
		const uint8_t *bytes = (const uint8_t *) duck_text_of(b);

		for (uint32_t i = 0; i < b->len && !out->failed; i++)
			buf_addf(out, "%02x", bytes[i]);
		break;
	}
	case DUCK_DATE: text_date(out, AT(int32_t, data, row)); break;
	case DUCK_TIME: text_clock(out, AT(int64_t, data, row)); break;
	case DUCK_TIMESTAMP: text_instant(out, AT(int64_t, data, row), 1000000, ""); break;
	case DUCK_TIMESTAMP_TZ: text_instant(out, AT(int64_t, data, row), 1000000, "Z"); break;
	case DUCK_TIMESTAMP_S: text_instant(out, AT(int64_t, data, row), 1, ""); break;
	case DUCK_TIMESTAMP_MS: text_instant(out, AT(int64_t, data, row), 1000, ""); break;
	case DUCK_TIMESTAMP_NS: text_instant(out, AT(int64_t, data, row), 1000000000, ""); break;
	case DUCK_INTERVAL: {
		const struct duck_interval *i = &AT(struct duck_interval, data, row);

		text_interval(out, i->months, i->days, i->us);
		break;
	}
	case DUCK_UUID: uuid_text(data, row, out); break;
	case DUCK_ENUM: enum_text(r, t, data, row, out); break;
	case DUCK_HUGEINT: text_huge(out, huge_at(data, row), 0); break;
	case DUCK_UHUGEINT: text_huge_unsigned(out, (unsigned __int128) huge_at(data, row)); break;
	case DUCK_DECIMAL: text_huge(out, t->inner == DUCK_HUGEINT ? huge_at(data, row) : whole(t->inner, data, row), t->scale); break;
	default: r->unknown = true;
	}
}

static void value_json(struct render *r, const struct node *t, void *vector, uint64_t row, struct json *j);

static void list_json(struct render *r, const struct node *t, void *vector, struct duck_list l, struct json *j)
{
	void *of = t->id == DUCK_ARRAY ? r->h->duck.array_vector_get_child(vector) : r->h->duck.list_vector_get_child(vector);

	json_array(j);
	for (uint64_t i = 0; i < l.n && !j->out->failed; i++)
		value_json(r, &t->child[0], of, l.at + i, j);
	json_end(j);
}

/* A map lies as a list of pairs. */
static void map_json(struct render *r, const struct node *t, void *vector, struct duck_list l, struct json *j)
{
	const struct duck *d = &r->h->duck;
	void *pairs = d->list_vector_get_child(vector), *keys = d->struct_vector_get_child(pairs, 0), *values = d->struct_vector_get_child(pairs, 1);

	json_array(j);
	for (uint64_t i = 0; i < l.n && !j->out->failed; i++) {
		json_object(j);
		json_key(j, "key");
		value_json(r, &t->child[0], keys, l.at + i, j);
		json_key(j, "value");
		value_json(r, &t->child[1], values, l.at + i, j);
		json_end(j);
	}
	json_end(j);
}

static void nested_json(struct render *r, const struct node *t, void *vector, uint64_t row, struct json *j)
{
	const struct duck *d = &r->h->duck;

	if (t->id == DUCK_LIST) {
		list_json(r, t, vector, AT(struct duck_list, d->vector_get_data(vector), row), j);
	} else if (t->id == DUCK_ARRAY) {
		list_json(r, t, vector, (struct duck_list) { row * t->array, t->array }, j);
	} else if (t->id == DUCK_MAP) {
		map_json(r, t, vector, AT(struct duck_list, d->vector_get_data(vector), row), j);
	} else {
		json_object(j);
		for (uint64_t i = 0; i < t->n && !j->out->failed; i++) {
			json_key(j, t->names[i] ? t->names[i] : "");
			value_json(r, &t->child[i], d->struct_vector_get_child(vector, i), row, j);
		}
		json_end(j);
	}
}

static void value_json(struct render *r, const struct node *t, void *vector, uint64_t row, struct json *j)
{
	const void *data = r->h->duck.vector_get_data(vector);
	_cleanup_(buf_done) struct buf text = BUF_INIT(&sys_heap, CELL_MAX);

	if (!duck_is_valid(r->h->duck.vector_get_validity(vector), row)) {
		json_null(j);
		return;
	}
	switch (kind_of(t)) {
	case SQL_BOOL: json_bool(j, AT(uint8_t, data, row)); break;
	case SQL_I32: case SQL_U32: case SQL_I64: json_i64(j, whole(t->id, data, row)); break;
	case SQL_U64: json_u64(j, AT(uint64_t, data, row)); break;
	case SQL_F32: json_f32(j, AT(float, data, row)); break;
	case SQL_F64: json_f64(j, AT(double, data, row)); break;
	case SQL_NUMBER:
		plain_text(r, t, data, row, &text);
		json_raw(j, text.data);
		break;
	case SQL_JSON:
		if (!t->is_json) {
			nested_json(r, t, vector, row, j);
			break;
		}
		plain_text(r, t, data, row, &text);
		json_raw(j, text.data);
		break;
	default:
		plain_text(r, t, data, row, &text);
		json_strn(j, text.data, text.len);
	}
	j->out->failed |= text.failed;
}

/* ---- cells ---- */

static void put_cell(struct render *r, uint32_t column, void *vector, uint64_t row)
{
	const struct node *t = &r->columns[column];
	const void *data = r->h->duck.vector_get_data(vector);
	enum sql_kind kind = sql_block_kind(r->block, column);
	struct json j = JSON_TO(&r->text);
	int64_t n;

	if (!duck_is_valid(r->h->duck.vector_get_validity(vector), row)) {
		sql_put_null(r->block, column);
		return;
	}
	switch (kind) {
	case SQL_BOOL: sql_put(r->block, column, &(uint8_t) { AT(uint8_t, data, row) != 0 }); break;
	case SQL_I32: case SQL_U32:
		n = whole(t->id, data, row);
		sql_put(r->block, column, &n);          /* little-endian: its lower half */
		break;
	case SQL_I64: case SQL_U64: case SQL_F64: case SQL_TIME: sql_put(r->block, column, &AT(int64_t, data, row)); break;
	case SQL_F32: sql_put(r->block, column, &AT(float, data, row)); break;
	default:
		buf_clear(&r->text);
		if (kind == SQL_JSON && !t->is_json)
			value_json(r, t, vector, row, &j);
		else
			plain_text(r, t, data, row, &r->text);
		sql_put_str(r->block, column, r->text.data, r->text.len);
	}
}

int render_row(struct render *r, void *chunk, uint64_t row)
{
	for (uint32_t i = 0; i < r->n; i++) {
		r->text.failed = false;
		put_cell(r, i, r->h->duck.data_chunk_get_vector(chunk, i), row);
		if (r->text.failed)
			return err_fail(ERR_TOO_LARGE, "what", "cell", "max", "131072", NULL);
		if (r->unknown)
			return err_fail(ERR_UNSUPPORTED, "what", "column", "value", r->h->duck.column_name(r->result, i), NULL);
	}
	sql_row(r->block);
	return 0;
}

struct sql_block *render_block(struct render *r) { return r->block; }

/* ---- life ---- */

int render_head(struct render *r, struct buf *out)
{
	sql_put_u8(out, SQL_HEAD);
	sql_put_u16(out, (uint16_t) r->n);
	for (uint32_t i = 0; i < r->n; i++) {
		const char *name = r->h->duck.column_name(r->result, i);

		sql_put_u8(out, (uint8_t) kind_of(&r->columns[i]));
		sql_put_text(out, name ? name : "", MIN(utf8_valid_prefix(name ? name : "", MIN(str_len(name), (size_t) SQL_NAME_BYTES)), (size_t) SQL_NAME_BYTES));
		buf_clear(&r->text);
		type_name(&r->columns[i], &r->text);
		sql_put_text(out, r->text.data, utf8_valid_prefix(r->text.data, MIN(r->text.len, (size_t) SQL_NAME_BYTES)));
	}
	return out->failed ? err_fail(ERR_TOO_LARGE, "what", "columns", "max", "1000000", NULL) : 0;
}

struct render *render_free(struct render *r)
{
	if (!r)
		return NULL;
	for (uint32_t i = 0; r->columns && i < r->n; i++)
		node_done(r, &r->columns[i]);
	sys_free(r->columns);
	sql_block_free(r->block);
	buf_done(&r->text);
	return sys_free(r);
}

int render_new(struct helper *h, struct duck_result *result, struct render **ret)
{
	_cleanup_(render_freep) struct render *r = sys_new(struct render);
	uint64_t n = h->duck.column_count(result);
	uint8_t kinds[SQL_COLUMNS_MAX];
	int e = 0;

	if (n > SQL_COLUMNS_MAX)
		return err_fail(ERR_TOO_LARGE, "what", "columns", "max", "1000", NULL);
	if (!r)
		return err_fail(ERR_NO_MEMORY, "what", "rows", NULL);
	r->h = h;
	r->result = result;
	r->text = BUF_INIT(&sys_heap, CELL_MAX);
	r->columns = sys_alloc_array(n + 1, sizeof(*r->columns));
	if (!r->columns)
		return err_fail(ERR_NO_MEMORY, "what", "rows", NULL);
	r->n = (uint32_t) n;
	for (uint32_t i = 0; e >= 0 && i < r->n; i++) {
		e = node_init(r, &r->columns[i], h->duck.column_logical_type(result, i), 0);
		kinds[i] = (uint8_t) kind_of(&r->columns[i]);
	}
	if (e >= 0)
		e = sql_block_new(kinds, r->n, &r->block);
	if (e < 0)
		return e;
	*ret = take(r);
	return 0;
}
