/*
 * store_schema.c - migrations, and tables brought to the shape of their types.
 *
 * `tenon_schema` says how far this file has come: the layout of what the store itself needs, the number of the last migration, the
 * fingerprint of all types. When all three are ours there is nothing to do, and a start costs three reads.
 */
#include "base/map.h"
#include "base/num.h"
#include "store/store_int.h"

enum { LAYOUT = 1 };

/* --- SQL of a table ------------------------------------------------------------------------------------------------------- */

static void list_columns(const struct table *t, struct buf *b)
{
	for (uint32_t i = 0; i < t->n_columns; i++)
		buf_addf(b, "%s\"%s\"", i ? ", " : "", t->columns[i]->name);
}

/* "0:<32 hex digits>,1:...": a list as one text, so that a row of a list needs no question of its own. Its order is not the engine's to choose. */
void store_join_column(const struct store *s, const struct rec_type *t, const struct rec_field *f, struct buf *b)
{
	buf_addf(b, s->e->dialect == REC_POSTGRES ? "(SELECT string_agg(\"pos\" || ':' || replace(\"ref\"::text, '-', ''), ',')" :
		"(SELECT group_concat(\"pos\" || ':' || hex(\"ref\"))");
	buf_addf(b, " FROM \"%s__%s\" WHERE \"owner\" = \"%s\".\"id\")", t->plural, f->name, t->plural);
}

static const char *finish(struct store *s, struct buf *b)
{
	const char *sql = store_sql(s, b);

	buf_clear(b);
	return sql;
}

static void insert_sql(const struct table *t, bool search, struct buf *b)
{
	buf_addf(b, "INSERT INTO \"%s\" (", t->type->plural);
	list_columns(t, b);
	buf_add(b, search ? ", \"" STORE_SEARCH "\") VALUES (" : ") VALUES (");
	for (uint32_t i = 0; i < t->n_columns + search; i++)
		buf_addf(b, "%s?%u", i ? ", " : "", i + 1);
	buf_addc(b, ')');
}

static bool make_sql(struct store *s, struct table *t, struct buf *b)
{
	const char *table = t->type->plural;
	bool whole = true;

	buf_add(b, "SELECT ");
	list_columns(t, b);
	buf_addf(b, " FROM \"%s\"", table);
	whole &= (t->columns_alone = finish(s, b)) != NULL;
	buf_add(b, "SELECT ");
	list_columns(t, b);
	for (uint32_t i = 0; i < t->n_joins; i++) {
		buf_add(b, ", ");
		store_join_column(s, t->type, t->joins[i], b);
	}
	buf_addf(b, " FROM \"%s\"", table);
	whole &= (t->select = finish(s, b)) != NULL;
	buf_addf(b, "%s WHERE \"id\" = ?1", t->select);
	whole &= (t->get = finish(s, b)) != NULL;
	insert_sql(t, t->is_searched, b);
	whole &= (t->insert = finish(s, b)) != NULL;
	insert_sql(t, false, b);
	whole &= (t->copy = finish(s, b)) != NULL;
	buf_addf(b, "UPDATE \"%s\" SET \"" STORE_SEARCH "\" = ?2 WHERE \"id\" = ?1", table);
	whole &= (t->fill = finish(s, b)) != NULL;
	buf_addf(b, "UPDATE \"%s\" SET ", table);
	for (uint32_t i = 1; i < t->n_columns; i++)
		buf_addf(b, "%s\"%s\" = ?%u", i > 1 ? ", " : "", t->columns[i]->name, i + 1);
	if (t->is_searched)
		buf_addf(b, ", \"" STORE_SEARCH "\" = ?%u", t->n_columns + 1);
	buf_add(b, " WHERE \"id\" = ?1");
	whole &= (t->update = finish(s, b)) != NULL;
	buf_addf(b, "DELETE FROM \"%s\" WHERE \"id\" = ?1", table);
	whole &= (t->del = finish(s, b)) != NULL;
	for (uint32_t i = 0; i < t->n_joins; i++) {
		const char *field = t->joins[i]->name;

		buf_addf(b, "INSERT INTO \"%s__%s\" (\"owner\", \"pos\", \"ref\") VALUES (?1, ?2, ?3)", table, field);
		whole &= (t->join_put[i] = finish(s, b)) != NULL;
		buf_addf(b, "DELETE FROM \"%s__%s\" WHERE \"owner\" = ?1", table, field);
		whole &= (t->join_del[i] = finish(s, b)) != NULL;
	}
	return whole;
}

/* An engine that cuts long names off without a word gets none. */
static int check_names(const struct store *s, const struct rec_type *t)
{
	size_t n = str_len(t->plural);

	for (const struct rec_field *f = t->fields; f < t->fields + t->n_fields; f++)
		if (rec_sql_is_join(f))
			n = MAX(n, str_len(t->plural) + 2 + str_len(f->name));
	return s->e->name_max && n > s->e->name_max ? err_failf(ERR_BROKEN, "type %s: its name and that of a list of references are too long together",
		t->name) : 0;
}

int store_table_make(struct store *s, const struct store_noun *noun, struct table **ret)
{
	const struct rec_type *type = noun->type;
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 1 << 20);
	struct table *t = arena_new(&s->arena, struct table);
	uint32_t n = type->n_fields;
	int r = rec_type_check(type);

	if (r < 0)
		return err_wrap(r, "type %s", type->name);
	if (!type->has_head)
		return err_failf(ERR_BROKEN, "type %s has no head and cannot be stored", type->name);
	r = check_names(s, type);
	if (r < 0)
		return r;
	if (t) {
		*t = (struct table) { .type = type, .flags = noun->flags };
		t->columns = arena_array(&s->arena, const struct rec_field *, REC_HEAD_FIELDS + n);
		t->joins = arena_array(&s->arena, const struct rec_field *, n);
		t->join_put = arena_array(&s->arena, const char *, n);
		t->join_del = arena_array(&s->arena, const char *, n);
	}
	if (!t || !t->columns || !t->joins || !t->join_put || !t->join_del)
		return store_no_memory(s);
	for (uint32_t i = 0; i < REC_HEAD_FIELDS; i++)
		t->columns[t->n_columns++] = &rec_head_fields[i];
	for (const struct rec_field *f = type->fields; f < type->fields + n; f++) {
		t->is_searched |= rec_is_searched(f);
		if (rec_sql_is_join(f))
			t->joins[t->n_joins++] = f;
		else
			t->columns[t->n_columns++] = f;
	}
	if (!make_sql(s, t, &b))
		return store_no_memory(s);
	*ret = t;
	return 0;
}

/* --- bringing a table to its shape ---------------------------------------------------------------------------------------- */

static const char *table_of(void *ctx, const char *noun)
{
	const struct table *t = store_table_of(ctx, noun);

	return t ? t->type->plural : NULL;
}

/* What the file has: a bit for each column of the table that is there. */
struct shape { struct store_tx *tx; const struct table *t; uint64_t there[4]; uint32_t n; bool has_search; };

static const char *declared(const struct store_tx *tx, const struct rec_field *f, char room[512])
{
	struct buf b = { .data = room, .room = 512, .max = 512 };
	const char *type;
	char *end;

	room[0] = 0;
	rec_sql_column(f, tx->e->dialect, NULL, NULL, &b);
	type = str_find(room, "\" ");
	if (!type)
		return "";
	for (end = (char *) (uintptr_t) (type += 2); *end && *end != ' '; end++)
		;
	*end = 0;
	return type;
}

static int on_column(void *ctx, const struct cell *cells, size_t n)
{
	struct shape *s = ctx;
	char room[512];

	s->n++;
	s->has_search |= str_eq(cells[0].p, STORE_SEARCH);
	if (str_eq(cells[0].p, STORE_SEARCH))
		return 0;
	for (uint32_t i = 0; i < s->t->n_columns; i++) {
		if (!str_eq(s->t->columns[i]->name, cells[0].p))
			continue;
		s->there[i / 64] |= UINT64_C(1) << (i % 64);
		if (i >= REC_HEAD_FIELDS && !str_eq(declared(s->tx, s->t->columns[i], room), cells[1].p))
			return err_failf(ERR_BROKEN, "%s.%s is %s in the file and should be %s: a migration is missing", s->t->type->plural,
				cells[0].p, cells[1].p, room);
		return 0;
	}
	return err_fail(ERR_NEWER, "what", s->tx->store->name, "value", cells[0].p, "want", s->t->type->plural, NULL);
}

int store_schema_run(struct store_tx *tx, struct buf *b)
{
	int r = b->failed ? store_no_memory(tx->store) : b->len ? tx->e->run(tx->conn->db, b->data) : 0;

	if (r == -ERR_EXISTS)
		r = err_failf(ERR_BROKEN, "a new index finds duplicates: %s", tx->e->refused(tx->conn->db));
	buf_clear(b);
	return r;
}

struct stale { const char *wanted; struct buf drop; };

static int on_index(void *ctx, const struct cell *cells, size_t n)
{
	struct stale *s = ctx;
	char quoted[256] = "";

	buf_addf(&BUF_FIXED(quoted), "\"%s\"", cells[0].p);
	if (!str_find(s->wanted, quoted))
		buf_addf(&s->drop, "DROP INDEX %s;\n", quoted);
	return 0;
}

static int on_any(void *ctx, const struct cell *cells, size_t n)
{
	++*(unsigned *) ctx;
	return 0;
}

/* PostgreSQL: references of columns and lists that are new here. With SQLite they stand in the tables' own text. */
static int references_later(struct store_tx *tx, const struct shape *shape, struct buf *later)
{
	const struct table *t = shape->t;
	int r = 0;

	for (uint32_t i = REC_HEAD_FIELDS; i < t->n_columns; i++)
		if (t->columns[i]->kind == REC_REF && !(shape->there[i / 64] >> (i % 64) & 1))
			rec_sql_reference(t->type, t->columns[i], table_of, tx->store, later);
	for (uint32_t i = 0; r == 0 && i < t->n_joins; i++) {
		char name[2 * REC_NAME_MAX + 8] = "";
		unsigned n = 0;

		buf_addf(&BUF_FIXED(name), "%s__%s", t->type->plural, t->joins[i]->name);
		r = tx->e->columns(tx->conn->db, name, on_any, &n);
		if (!n)
			rec_sql_reference(t->type, t->joins[i], table_of, tx->store, later);
	}
	return r;
}

int store_schema_sync(struct store_tx *tx, const struct table *t, struct buf *later)
{
	_cleanup_(buf_done) struct buf create = BUF_INIT(&sys_heap, 1 << 20), add = BUF_INIT(&sys_heap, 1 << 20);
	struct shape shape = { .tx = tx, .t = t };
	struct stale stale = { .drop = BUF_INIT(&sys_heap, 1 << 20) };
	struct db *db = tx->conn->db;
	int r = tx->e->columns(db, t->type->plural, on_column, &shape);

	if (r == 0 && tx->e->dialect == REC_POSTGRES)
		r = references_later(tx, &shape, later);
	for (uint32_t i = REC_HEAD_FIELDS; r == 0 && shape.n && i < t->n_columns; i++)
		if (!(shape.there[i / 64] >> (i % 64) & 1))
			rec_sql_add_column(t->type, t->columns[i], tx->e->dialect, table_of, tx->store, &add);
	if (r == 0 && (add.len || add.failed))
		r = store_schema_run(tx, &add);
	rec_sql_create(t->type, tx->e->dialect, table_of, tx->store, &create);
	if (r == 0) {
		stale.wanted = create.data;
		r = create.failed ? store_no_memory(tx->store) : tx->e->indexes(db, t->type->plural, on_index, &stale);
	}
	if (r == 0 && (stale.drop.len || stale.drop.failed))
		r = store_schema_run(tx, &stale.drop);
	buf_done(&stale.drop);
	if (r == 0)
		r = store_schema_run(tx, &create);
	if (r == 0 && t->is_searched && !shape.has_search) {
		buf_addf(&add, "ALTER TABLE \"%s\" ADD COLUMN \"" STORE_SEARCH "\" TEXT%s;\n", t->type->plural,
			tx->e->dialect == REC_POSTGRES ? " COLLATE \"C\"" : "");
		r = store_schema_run(tx, &add);
		tx->refill |= shape.n > 0;
	}
	return err_wrap(r, "table %s", t->type->plural);
}

/* --- how far this file has come ------------------------------------------------------------------------------------------- */

struct progress { uint64_t layout, migration, fingerprint, search; bool fresh; };

static int on_progress(void *ctx, const struct cell *cells, size_t n)
{
	struct progress *p = ctx;
	const char *key = cells[0].p, *value = cells[1].p;

	p->fresh = false;
	num_parse_u64(value, value + cells[1].len, str_eq(key, "layout") ? &p->layout : str_eq(key, "migration") ? &p->migration :
		str_eq(key, "search") ? &p->search : &p->fingerprint);
	return 0;
}

static int note(struct store_tx *tx, const char *key, uint64_t value)
{
	char text[NUM_TEXT_MAX];
	size_t n = num_format_u64(text, value);
	struct cell cells[] = { CELL_OF_TEXT(key), { .kind = CELL_TEXT, .p = text, .len = n } };

	return stmt_run(tx, "INSERT INTO \"tenon_schema\" (\"key\", \"value\") VALUES (?1, ?2) ON CONFLICT (\"key\") DO UPDATE SET \"value\" = ?2",
		true, cells, 2);
}

static uint64_t fingerprint(const struct store *s)
{
	uint64_t h = 0;

	for (unsigned i = 0; i < s->n_tables; i++)
		h = (h ^ rec_fingerprint(s->tables[i]->type)) * UINT64_C(0x9e3779b97f4a7c15) + 1;
	return h;
}

/* Which texts are looked through. */
static uint64_t search_edition(const struct store *s)
{
	uint64_t h = REC_SEARCH_EDITION;

	for (unsigned i = 0; i < s->n_tables; i++) {
		const struct rec_type *t = s->tables[i]->type;
		h = h * 31 + hash_bytes(t->plural, str_len(t->plural));
		for (const struct rec_field *f = t->fields; f < t->fields + t->n_fields; f++)
			if (rec_is_searched(f))
				h = h * 31 + hash_bytes(f->name, str_len(f->name));
	}
	return h;
}

static int newer(struct store *s, uint64_t value, uint64_t want)
{
	char v[NUM_TEXT_MAX], w[NUM_TEXT_MAX];

	num_format_u64(v, value);
	num_format_u64(w, want);
	return err_fail(ERR_NEWER, "what", s->name, "value", v, "want", w, NULL);
}

/* Ends the transaction as r says; r stays. */
static int end_step(struct store_tx *tx, int r)
{
	if (r == 0)
		r = tx->e->end(tx->conn->db, true);
	if (r < 0) {
		struct err e = *err_peek();

		tx->e->end(tx->conn->db, false);
		err_put(&e);
	}
	return r;
}

/* One migration: its own transaction. References are looked at when it is through, since a table that is made anew passes through
 * a moment without its rows. */
static int migrate(struct store *s, struct store_tx *tx, const struct store_migration *m)
{
	int r = s->e->references(tx->conn->db, false);

	if (r == 0)
		r = s->e->begin(tx->conn->db, true, 0);
	if (r < 0)
		return r;
	tx->migrating = true;
	r = m->run(tx);
	tx->migrating = false;
	if (r == 0)
		r = s->e->check_references(tx->conn->db);
	if (r == 0)
		r = note(tx, "migration", m->number);
	r = end_step(tx, r);
	return r < 0 ? err_wrap(r, "migration %u %s", m->number, m->name) : s->e->references(tx->conn->db, true);
}

static int check_numbers(const struct store_config *c, uint32_t *ret_last)
{
	uint32_t last = 0;

	for (size_t i = 0; i < c->n_migrations; i++) {
		if (c->migrations[i].number <= last)
			return err_failf(ERR_BROKEN, "migration %u stands behind %u", c->migrations[i].number, last);
		last = c->migrations[i].number;
	}
	*ret_last = last;
	return 0;
}

int store_schema_make(struct store *s, struct store_tx *tx, struct buf *later)
{
	int r = s->e->run(tx->conn->db, s->e->change_table);

	for (unsigned i = 0; r == 0 && i < s->n_tables; i++)
		r = store_schema_sync(tx, s->tables[i], later);
	return r;
}

int store_schema_note(struct store *s, struct store_tx *tx)
{
	uint32_t last = s->config.n_migrations ? s->config.migrations[s->config.n_migrations - 1].number : 0;
	int r = note(tx, "layout", LAYOUT);

	if (r == 0)
		r = note(tx, "migration", last);
	if (r == 0)
		r = note(tx, "search", search_edition(s));
	return r < 0 ? r : note(tx, "fingerprint", fingerprint(s));
}

static int sync_all(struct store *s, struct store_tx *tx, bool fill)
{
	_cleanup_(buf_done) struct buf later = BUF_INIT(&sys_heap, 1 << 20);
	int r = s->e->begin(tx->conn->db, true, 0);

	if (r < 0)
		return r;
	r = store_schema_make(s, tx, &later);
	if (r == 0)
		r = store_schema_run(tx, &later);
	if (r == 0 && (fill || tx->refill))
		r = store_schema_fill(s, tx);
	if (r == 0)
		r = store_schema_note(s, tx);
	return end_step(tx, r);
}

int store_schema_open(struct store *s, struct store_tx *tx)
{
	struct progress p = { .fresh = true };
	uint32_t last = 0;
	int r = check_numbers(&s->config, &last);

	if (r == 0)
		r = s->e->run(tx->conn->db, s->e->schema_table);
	if (r == 0)
		r = s->e->each(tx->conn->db, "SELECT \"key\", \"value\" FROM \"tenon_schema\"", on_progress, &p);
	if (r == 0 && (p.layout > LAYOUT || p.migration > last))
		r = p.layout > LAYOUT ? newer(s, p.layout, LAYOUT) : newer(s, p.migration, last);
	for (size_t i = 0; r == 0 && !p.fresh && i < s->config.n_migrations; i++)
		if (s->config.migrations[i].number > p.migration)
			r = migrate(s, tx, &s->config.migrations[i]);
	if (r == 0 && (p.fresh || p.layout != LAYOUT || p.migration != last || p.fingerprint != fingerprint(s) || p.search != search_edition(s)))
		r = sync_all(s, tx, !p.fresh && p.search != search_edition(s));
	if (r == 0)
		r = store_queries_check(tx);
	if (r == 0)
		atomic_store(&s->seq, change_last(tx));
	return r;
}

int store_schema_is_todays(struct store *s, struct store_tx *tx)
{
	struct progress p = { .fresh = true };
	uint32_t last = 0;
	int r = check_numbers(&s->config, &last);

	if (r == 0)
		r = s->e->each(tx->conn->db, "SELECT \"key\", \"value\" FROM \"tenon_schema\"", on_progress, &p);
	if (r == 0 && (p.layout > LAYOUT || p.migration > last))
		return p.layout > LAYOUT ? newer(s, p.layout, LAYOUT) : newer(s, p.migration, last);
	if (r == 0 && (p.fresh || p.layout != LAYOUT || p.migration != last || p.fingerprint != fingerprint(s)))
		r = err_failf(ERR_CONFIG, "%s was not opened by this version yet: start the platform once, or run `tenon audit verify`", s->name);
	return r;
}

/* --- steps of a migration ------------------------------------------------------------------------------------------------- */

static int in_migration(struct store_tx *tx)
{
	return tx->migrating ? 0 : err_failf(ERR_BROKEN, "%s: not in a migration", tx->store->name);
}

int store_step_sql(struct store_tx *tx, const char *sql)
{
	int r = in_migration(tx);

	return r < 0 ? r : tx->e->run(tx->conn->db, sql);
}

int store_step_rename(struct store_tx *tx, const char *table, const char *from, const char *to)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 4096);
	int r = in_migration(tx);

	buf_addf(&b, "ALTER TABLE \"%s\" RENAME COLUMN \"%s\" TO \"%s\"", table, from, to);
	return r < 0 ? r : store_schema_run(tx, &b);
}

/* Indexes of the field go first: they hold on to it. Those still wanted are made again by the sync that follows. */
int store_step_drop(struct store_tx *tx, const char *table, const char *field)
{
	struct stale stale = { .wanted = "", .drop = BUF_INIT(&sys_heap, 1 << 20) };
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 4096);
	int r = in_migration(tx);

	if (r == 0)
		r = tx->e->indexes(tx->conn->db, table, on_index, &stale);
	if (r == 0 && stale.drop.len)
		r = store_schema_run(tx, &stale.drop);
	buf_done(&stale.drop);
	buf_addf(&b, "ALTER TABLE \"%s\" DROP COLUMN \"%s\"", table, field);
	return r < 0 ? r : store_schema_run(tx, &b);
}

int store_step_add(struct store_tx *tx, const struct rec_type *t, const char *field)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 4096);
	const struct rec_field *f = rec_field(t, field);
	int r = in_migration(tx);

	if (r < 0)
		return r;
	if (!f || rec_sql_is_join(f))
		return err_failf(ERR_BROKEN, "%s.%s is no column", t->plural, field);
	rec_sql_add_column(t, f, tx->e->dialect, table_of, tx->store, &b);
	return store_schema_run(tx, &b);
}

/* --- making a table anew: a change of kind, a NOT NULL that goes ------------------------------------------------------------ */

struct common { const struct table *t; struct buf names; };

static int on_common(void *ctx, const struct cell *cells, size_t n)
{
	struct common *c = ctx;

	for (uint32_t i = 0; i < c->t->n_columns; i++)
		if (str_eq(c->t->columns[i]->name, cells[0].p))
			buf_addf(&c->names, "%s\"%s\"", c->names.len ? ", " : "", cells[0].p);
	return 0;
}

static int rebuild_by_copy(struct store_tx *tx, const struct rec_type *t)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 1 << 20);
	struct common common = { .t = store_table(tx->store, t), .names = BUF_INIT(&sys_heap, 1 << 20) };
	struct rec_type fresh = *t;
	int r = in_migration(tx);

	if (r == 0 && !common.t)
		r = err_failf(ERR_BROKEN, "%s does not hold %s", tx->store->name, t->plural);
	if (r == 0)
		r = tx->e->columns(tx->conn->db, t->plural, on_common, &common);
	if (r == 0) {
		const char *end;

		fresh.plural = "new__table";            /* the first statement alone: indexes come with the sync */
		rec_sql_create(&fresh, tx->e->dialect, table_of, tx->store, &b);
		end = str_find(b.data, ";\n");
		b.len = end ? (size_t) (end + 2 - b.data) : b.len;
		buf_addf(&b, "INSERT INTO \"new__table\" (%s) SELECT %s FROM \"%s\";\n", common.names.data, common.names.data, t->plural);
		buf_addf(&b, "DROP TABLE \"%s\";\nALTER TABLE \"new__table\" RENAME TO \"%s\";\n", t->plural, t->plural);
		r = store_schema_run(tx, &b);
	}
	buf_done(&common.names);
	return r;
}

/* PostgreSQL: other tables hold on to this one, so it is changed where it is. */
struct changing { struct store_tx *tx; const struct table *t; struct buf *sql; uint64_t there[4]; };

static void change_type(struct changing *c, const struct rec_field *f, const char *was, const char *is)
{
	if (str_eq(is, "double"))
		is = "double precision";
	buf_addf(c->sql, ", ALTER COLUMN \"%s\" TYPE %s%s USING \"%s\"::%s::%s", f->name, is, str_eq(is, "text") ? " COLLATE \"C\"" : "", f->name,
		str_eq(was, "boolean") ? "integer" : "text", is);
}

static int on_changing(void *ctx, const struct cell *cells, size_t n)
{
	struct changing *c = ctx;
	const char *table = c->t->type->plural, *name = cells[0].p, *was = cells[1].p;
	char room[512], full[512] = "";

	for (uint32_t i = 0; i < c->t->n_columns; i++) {
		const struct rec_field *f = c->t->columns[i];
		struct buf b = BUF_FIXED(full);
		const char *rest, *is;
		bool other;

		if (!str_eq(f->name, name))
			continue;
		c->there[i / 64] |= UINT64_C(1) << (i % 64);
		if (i < REC_HEAD_FIELDS)
			return 0;
		rec_sql_column(f, REC_POSTGRES, NULL, NULL, &b);
		rest = str_find(full, " DEFAULT ");
		buf_addf(c->sql, "ALTER TABLE \"%s\" ALTER COLUMN \"%s\" DROP DEFAULT", table, name);
		is = declared(c->tx, f, room);
		other = !str_eq(was, is);
		if (other)
			change_type(c, f, was, is);
		buf_addf(c->sql, ", ALTER COLUMN \"%s\" %s NOT NULL", name, str_find(full, " NOT NULL") ? "SET" : "DROP");
		if (rest)
			buf_addf(c->sql, ", ALTER COLUMN \"%s\" SET%s", name, rest);
		buf_add(c->sql, ";\n");
		if (other && f->kind == REC_REF)
			rec_sql_reference(c->t->type, f, table_of, c->tx->store, c->sql);
		return 0;
	}
	buf_addf(c->sql, "ALTER TABLE \"%s\" DROP COLUMN \"%s\";\n", table, name);
	return 0;
}

static int rebuild_in_place(struct store_tx *tx, const struct rec_type *t)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 1 << 20);
	struct changing c = { .tx = tx, .t = store_table(tx->store, t), .sql = &b };
	int r = in_migration(tx);

	if (r == 0 && !c.t)
		r = err_failf(ERR_BROKEN, "%s does not hold %s", tx->store->name, t->plural);
	if (r == 0)
		r = tx->e->columns(tx->conn->db, t->plural, on_changing, &c);
	for (uint32_t i = REC_HEAD_FIELDS; r == 0 && i < c.t->n_columns; i++)
		if (!(c.there[i / 64] >> (i % 64) & 1))
			rec_sql_add_column(t, c.t->columns[i], REC_POSTGRES, NULL, NULL, &b);
	return r < 0 || !b.len ? r : store_schema_run(tx, &b);
}

int store_step_rebuild(struct store_tx *tx, const struct rec_type *t)
{
	return tx->e->dialect == REC_POSTGRES ? rebuild_in_place(tx, t) : rebuild_by_copy(tx, t);
}
