/*
 * scan.c - ts(), last(), rollup() and the tables of records, as functions of DuckDB whose rows come from the platform.
 *
 * What stands in the parentheses goes to the platform when DuckDB binds the statement; which columns are wanted, when it begins to read.
 * A name that is no table becomes the function of records: so tables need not be made beforehand.
 */
#include "sql/helper.h"

#include <string.h>

#include "base/str.h"
#include "base/when.h"

enum { VECTOR = 2048, DETAIL = 600, NS_PER_DAY_S = 86400 };

/* DuckDB calls back with a handle that only its own functions open, so they must be found without it. This process is one helper for one
 * statement; nothing else of the platform runs in it. */
static const struct duck *duck;

struct function { struct helper *h; enum sql_function what; };
struct bound { struct helper *h; uint32_t scan; uint16_t n; uint8_t kinds[SQL_COLUMNS_MAX]; };
struct cursor {
	struct helper *h;
	uint32_t number, n_wanted, n_out, at, n;
	bool is_open, last;
	uint8_t kinds[SQL_COLUMNS_MAX];         /* of those wanted */
	int32_t column[SQL_COLUMNS_MAX];        /* of the chunk: which of those wanted; -1: none of ours */
	struct buf rows;
	struct sql_column columns[SQL_COLUMNS_MAX];
};

/* A question and its answer, a copy; false: the platform is gone. */
static bool ask(struct helper *h, const struct buf *message, struct buf *ret)
{
	struct role_message m;
	bool well;

	mutex_hold(&h->lock);
	well = !message->failed && role_send(&h->talk, message->data, message->len, NULL, 0) >= 0 && role_receive(&h->talk, &m) == 1 && m.n > 0;
	if (well) {
		buf_clear(ret);
		buf_addn(ret, m.bytes, m.n);
	}
	return well && !ret->failed;
}

static void *type_of(enum sql_kind k)
{
	static const uint8_t types[SQL_KINDS_] = { [SQL_BOOL] = DUCK_BOOLEAN, [SQL_I32] = DUCK_INTEGER, [SQL_U32] = DUCK_UINTEGER, [SQL_I64] = DUCK_BIGINT,
		[SQL_U64] = DUCK_UBIGINT, [SQL_F32] = DUCK_FLOAT, [SQL_F64] = DUCK_DOUBLE, [SQL_TIME] = DUCK_TIMESTAMP_TZ, [SQL_DATE] = DUCK_DATE,
		[SQL_UUID] = DUCK_UUID, [SQL_TEXT] = DUCK_VARCHAR, [SQL_NUMBER] = DUCK_VARCHAR, [SQL_JSON] = DUCK_VARCHAR };

	return duck->create_logical_type(types[k]);
}

/* ---- what stands in the parentheses ---- */

static bool put_value(void *value, struct buf *out)
{
	char *text = duck->is_null_value(value) ? NULL : duck->get_varchar(value);

	if (!text)
		return false;
	sql_put_text(out, text, str_len(text));
	duck->free(text);
	return true;
}

/* One text, or a list of them. */
static bool put_texts(void *value, struct buf *out)
{
	int id = duck->get_type_id(duck->get_value_type(value));
	uint64_t n = id == DUCK_LIST ? duck->get_list_size(value) : 1;
	bool well = n <= SQL_TEXTS_MAX && !duck->is_null_value(value);

	if (!well)
		return false;
	sql_put_u16(out, (uint16_t) n);
	if (id != DUCK_LIST)
		return put_value(value, out);
	for (uint64_t i = 0; well && i < n; i++) {
		void *one = duck->get_list_child(value, i);

		well = put_value(one, out);
		duck->destroy_value(&one);
	}
	return well;
}

/* A time of SQL's as RFC 3339 (a clock reading is taken as UTC), a text as it is. */
static bool put_time(void *value, struct buf *out)
{
	int id = duck->get_type_id(duck->get_value_type(value));
	char when[WHEN_TEXT_MAX];
	int64_t us;

	if (duck->is_null_value(value))
		return false;
	if (id == DUCK_TIMESTAMP_TZ)
		us = duck->get_timestamp_tz(value);
	else if (id == DUCK_TIMESTAMP)
		us = duck->get_timestamp(value);
	else if (id == DUCK_DATE)
		us = duck->get_date(value) * (int64_t) NS_PER_DAY_S * 1000000;
	else
		return put_value(value, out);
	if (us > INT64_MAX / 1000 || us < INT64_MIN / 1000)
		return false;
	sql_put_text(out, when, when_format(when, us * 1000));
	return true;
}

static bool get_step(void *value, int64_t *ret)
{
	int id = duck->get_type_id(duck->get_value_type(value));
	char *text;
	bool well;

	if (duck->is_null_value(value))
		return false;
	if (id == DUCK_INTERVAL) {
		struct duck_interval i = duck->get_interval(value);
		int64_t us;

		return !i.months && !__builtin_mul_overflow((int64_t) i.days, NS_PER_DAY_S * INT64_C(1000000), &us) &&
			!__builtin_add_overflow(us, i.us, &us) && us > 0 && !__builtin_mul_overflow(us, INT64_C(1000), ret);
	}
	text = duck->get_varchar(value);
	well = text && when_parse_duration(text, str_len(text), ret) && *ret > 0;
	duck->free(text);
	return well;
}

/* The message BIND; NULL: well, else what is wrong, a term. */
static const char *put_asked(struct function *f, void *info, struct buf *out)
{
	const struct duck *d = duck;
	int64_t step = 0;
	unsigned at = f->what == SQL_ROLLUP ? 2 : 1;
	void *value = d->bind_get_parameter(info, 0);
	bool well;

	sql_put_u8(out, SQL_BIND);
	sql_put_u8(out, f->what);
	well = put_texts(value, out);
	d->destroy_value(&value);
	if (!well)
		return "@sql_rule_points";
	if (f->what == SQL_ROLLUP) {
		value = d->bind_get_parameter(info, 1);
		well = get_step(value, &step);
		d->destroy_value(&value);
		if (!well)
			return "@sql_rule_step";
	}
	for (unsigned i = at; i < at + 2; i++) {
		if (f->what != SQL_TS && f->what != SQL_ROLLUP) {
			sql_put_text(out, "", 0);
			continue;
		}
		value = d->bind_get_parameter(info, i);
		well = put_time(value, out);
		d->destroy_value(&value);
		if (!well)
			return "@sql_rule_time";
	}
	sql_put_u64(out, (uint64_t) step);
	return NULL;
}

static bool take_shape(struct bound *b, struct cur *c, void *info)
{
	const struct duck *d = duck;
	uint64_t rows;

	b->scan = cur_le32(c);
	rows = cur_le64(c);
	b->n = cur_le16(c);
	if (c->bad || !b->n || b->n > SQL_COLUMNS_MAX)
		return false;
	for (uint16_t i = 0; i < b->n; i++) {
		char name[SQL_NAME_BYTES + 1];
		size_t n;
		const char *text;
		void *type;

		b->kinds[i] = cur_u8(c);
		text = sql_get_text(c, SQL_NAME_BYTES, &n);
		if (!text || sql_kind_size(b->kinds[i]) == SIZE_MAX)
			return false;
		memcpy(name, text, n);
		name[n] = 0;
		type = type_of(b->kinds[i]);
		d->bind_add_result_column(info, name, type);
		d->destroy_logical_type(&type);
	}
	if (rows)
		d->bind_set_cardinality(info, rows, false);
	return true;
}

static void done_bound(void *p) { sys_free(p); }

static void on_bind(void *info, struct function *f)
{
	_cleanup_(buf_done) struct buf message = BUF_INIT(&sys_heap, SQL_BODY_MAX), answer = BUF_INIT(&sys_heap, SQL_BODY_MAX + 64);
	struct bound *b = sys_new(struct bound);
	struct cur c;
	const char *wrong, *said;
	size_t n = 0;

	if (!b)
		return;
	b->h = f->h;
	duck->bind_set_bind_data(info, b, done_bound);
	wrong = put_asked(f, info, &message);
	if (wrong) {
		atomic_store(&f->h->wrong, wrong);
		duck->bind_set_error(info, wrong);
		return;
	}
	if (!ask(f->h, &message, &answer)) {
		duck->bind_set_error(info, "the platform does not answer");
		return;
	}
	c = cur_of(answer.data, answer.len);
	if (cur_u8(&c) == SQL_BOUND && cur_u8(&c) == 0 && take_shape(b, &c, info))
		return;
	atomic_store(&f->h->source_failed, true);
	c = cur_of(answer.data, answer.len);
	cur_take(&c, 2);
	said = sql_get_text(&c, DETAIL, &n);
	buf_clear(&message);
	buf_addn(&message, said ? said : "refused", said ? n : 7);
	duck->bind_set_error(info, message.data);
}

/* ---- which columns ---- */

static void done_cursor(void *p)
{
	struct cursor *c = p;
	_cleanup_(buf_done) struct buf message = BUF_INIT(&sys_heap, 64);

	if (c->is_open) {
		sql_put_u8(&message, SQL_CLOSE);
		sql_put_u32(&message, c->number);
		helper_send(c->h, &message);
		err_clear();
	}
	buf_done(&c->rows);
	sys_free(c);
}

static void choose(struct cursor *c, const struct bound *b, void *info, struct buf *message)
{
	const struct duck *d = duck;
	size_t at;

	c->n_out = (uint32_t) MIN(d->init_get_column_count(info), (uint64_t) SQL_COLUMNS_MAX);
	sql_put_u8(message, SQL_OPEN);
	sql_put_u32(message, b->scan);
	at = message->len;
	sql_put_u16(message, 0);
	for (uint32_t i = 0; i < c->n_out; i++) {
		uint64_t column = d->init_get_column_index(info, i);

		/* count(*) wants none of ours. */
		c->column[i] = column < b->n ? (int32_t) c->n_wanted : -1;
		if (column >= b->n)
			continue;
		c->kinds[c->n_wanted++] = b->kinds[column];
		sql_put_u16(message, (uint16_t) column);
	}
	if (!c->n_wanted) {
		c->kinds[c->n_wanted++] = b->kinds[0];
		sql_put_u16(message, 0);
	}
	if (!message->failed)
		memcpy(message->data + at, &(uint16_t) { (uint16_t) c->n_wanted }, 2);
}

static bool open_cursor(struct cursor *c, const struct bound *b, void *info)
{
	_cleanup_(buf_done) struct buf message = BUF_INIT(&sys_heap, SQL_BODY_MAX), answer = BUF_INIT(&sys_heap, SQL_BODY_MAX + 64);
	struct cur r;

	choose(c, b, info, &message);
	if (!ask(c->h, &message, &answer))
		return false;
	r = cur_of(answer.data, answer.len);
	c->is_open = cur_u8(&r) == SQL_OPENED;
	c->number = cur_le32(&r);
	if (!c->is_open || r.bad) {
		c->is_open = false;
		atomic_store(&c->h->source_failed, true);
	}
	return c->is_open;
}

static void on_init(void *info)
{
	const struct bound *b = duck->init_get_bind_data(info);
	struct cursor *c = sys_new(struct cursor);

	if (!c) {
		duck->init_set_error(info, "out of memory");
		return;
	}
	c->h = b->h;
	c->rows = BUF_INIT(&sys_heap, SQL_BODY_MAX + 64);
	duck->init_set_init_data(info, c, done_cursor);
	duck->init_set_max_threads(info, 1);
	if (!open_cursor(c, b, info))
		duck->init_set_error(info, "the platform does not give these rows");
}

/* ---- rows ---- */

static void fill_texts(void *vector, const struct sql_column *c, uint32_t at, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		size_t len;
		const char *s = sql_text(c, at + i, &len);

		duck->vector_assign_string_element_len(vector, i, s, len);
	}
}

static void fill_ids(struct duck_huge *to, const uint8_t *from, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct cur c = cur_of(from + (size_t) i * 16, 16);
		uint64_t high = cur_be64(&c);

		to[i] = (struct duck_huge) { .low = cur_be64(&c), .high = (int64_t) (high ^ UINT64_C(1) << 63) };
	}
}

static void fill(void *vector, const struct sql_column *c, uint32_t at, uint32_t n)
{
	size_t size = sql_kind_size(c->kind);

	if (!size)
		fill_texts(vector, c, at, n);
	else if (c->kind == SQL_UUID)
		fill_ids(duck->vector_get_data(vector), c->body + (size_t) at * 16, n);
	else
		memcpy(duck->vector_get_data(vector), c->body + at * size, n * size);
	if (!c->valid)
		return;
	duck->vector_ensure_validity_writable(vector);
	uint64_t *validity = duck->vector_get_validity(vector);
	for (uint32_t i = 0; i < n; i++)
		if (!sql_is_valid(c, at + i))
			validity[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

static bool next_block(struct cursor *c)
{
	_cleanup_(buf_done) struct buf message = BUF_INIT(&sys_heap, 64);
	struct cur r;

	sql_put_u8(&message, SQL_NEXT);
	sql_put_u32(&message, c->number);
	if (!ask(c->h, &message, &c->rows))
		return false;
	r = cur_of(c->rows.data, c->rows.len);
	if (cur_u8(&r) != SQL_DATA) {
		atomic_store(&c->h->source_failed, true);
		return false;
	}
	c->last = cur_u8(&r);
	c->at = 0;
	return sql_rows_read(&r, c->kinds, c->n_wanted, c->columns, &c->n) == 0;
}

static void on_rows(void *info, void *chunk)
{
	struct cursor *c = duck->function_get_init_data(info);
	uint32_t n;

	while (c->at == c->n && !c->last)
		if (!next_block(c)) {
			duck->function_set_error(info, "the platform does not give these rows");
			return;
		}
	n = MIN(c->n - c->at, (uint32_t) VECTOR);
	for (uint32_t i = 0; n && i < c->n_out; i++)
		if (c->column[i] >= 0)
			fill(duck->data_chunk_get_vector(chunk, i), &c->columns[c->column[i]], c->at, n);
	duck->data_chunk_set_size(chunk, n);
	c->at += n;
}

/* ---- making them known ---- */

static void bind_any(void *info) { on_bind(info, duck->bind_get_extra_info(info)); }

static int add(struct helper *h, const char *name, enum sql_function what, unsigned n_parameters)
{
	struct function *f = sys_new(struct function);
	void *made = duck->create_table_function(), *any = duck->create_logical_type(DUCK_ANY);
	int state;

	if (!f || !made || !any)
		return err_fail(ERR_NO_MEMORY, "what", "sql", NULL);
	*f = (struct function) { h, what };
	duck->table_function_set_name(made, name);
	for (unsigned i = 0; i < n_parameters; i++)
		duck->table_function_add_parameter(made, any);
	duck->table_function_set_extra_info(made, f, done_bound);
	duck->table_function_set_bind(made, bind_any);
	duck->table_function_set_init(made, on_init);
	duck->table_function_set_function(made, on_rows);
	duck->table_function_supports_projection_pushdown(made, true);
	state = duck->register_table_function(h->con, made);
	duck->destroy_logical_type(&any);
	duck->destroy_table_function(&made);
	return state ? err_failf(ERR_BROKEN, "sql: function %s", name) : 0;
}

static void on_table(void *info, const char *table, void *ctx)
{
	void *name = duck->create_varchar(table);

	duck->replacement_scan_set_function_name(info, "tenon_records");
	duck->replacement_scan_add_parameter(info, name);
	duck->destroy_value(&name);
}

int scan_register(struct helper *h)
{
	int r;

	duck = &h->duck;
	r = add(h, "ts", SQL_TS, 3);
	if (r >= 0)
		r = add(h, "last", SQL_LAST, 1);
	if (r >= 0)
		r = add(h, "rollup", SQL_ROLLUP, 4);
	if (r >= 0)
		r = add(h, "tenon_records", SQL_RECORDS, 1);
	if (r >= 0)
		duck->add_replacement_scan(h->db, on_table, NULL, NULL);
	return r;
}
