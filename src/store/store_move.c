/*
 * store_move.c - stores copied whole, from one engine to the other.
 *
 * Values go from column to column: what is sealed stays sealed, what has a hash keeps it. References are made fast when all rows are
 * there. Then both sides are read in the same order and compared.
 */
#include "store/store_int.h"

struct mover {
	const struct store_move *move;
	struct store *from, *to;
	struct store_tx *in, *out;
	char path[520];                         /* of a file until all is through */
	store_moved_fn on_table;
	void *ctx;
};

/* --- the source ----------------------------------------------------------------------------------------------------------- */

static bool is_ours(const struct store *s, const char *name)
{
	if (str_eq(name, "tenon_schema") || str_eq(name, "change"))
		return true;
	for (unsigned i = 0; i < atomic_load(&((struct store *) (uintptr_t) s)->n_tables); i++) {
		const struct table *t = s->tables[i];
		size_t n = str_len(t->type->plural);

		if (str_eq(t->type->plural, name))
			return true;
		for (uint32_t k = 0; k < t->n_joins; k++)
			if (str_starts(name, t->type->plural) && str_starts(name + n, "__") && str_eq(name + n + 2, t->joins[k]->name))
				return true;
	}
	return false;
}

struct known { const struct store *store; unsigned n; };

static int on_name(void *ctx, const struct cell *cells, size_t n)
{
	struct known *k = ctx;
	const struct store *s = k->store;

	k->n++;
	return is_ours(s, cells[0].p) ? 0 : err_failf(ERR_CONFIG, "%s holds %s, which this version does not know", s->name, cells[0].p);
}

/* For reading alone; nothing is brought to any shape. */
static int open_source(const struct store_config *c, struct store **ret, struct store_tx **ret_tx)
{
	_cleanup_(store_closep) struct store *s = NULL;
	struct known known = { .n = 0 };
	struct store_tx *tx;
	int r;

	if (!c->url && !file_exists(c->path))
		return err_fail(ERR_MISSING, "what", "@store", "value", c->path, NULL);
	r = store_shell(&s, c);
	if (r == 0)
		r = store_connect(s, false, NULL, &tx);
	if (r == 0)
		r = s->e->begin(tx->conn->db, false, 0);
	if (r < 0)
		return r;
	known.store = s;
	r = s->e->tables(tx->conn->db, on_name, &known);
	if (r == 0 && !known.n)
		return err_fail(ERR_MISSING, "what", "@store", "value", c->url ? c->schema : c->path, NULL);
	if (r == 0)
		r = store_schema_is_todays(s, tx);
	if (r < 0)
		return err_wrap(r, "%s", s->name);
	*ret = take(s);
	*ret_tx = tx;
	return 0;
}

int store_peek(const struct store_config *c, int (*fn)(void *ctx, struct store_tx *tx), void *ctx)
{
	_cleanup_(store_closep) struct store *s = NULL;
	struct store_tx *tx;
	int r = open_source(c, &s, &tx);

	return r < 0 ? r : fn(ctx, tx);
}

/* --- rows ----------------------------------------------------------------------------------------------------------------- */

struct sum { struct sha256 hash; uint64_t rows; };

static void add_cell(struct sum *s, const struct cell *c)
{
	double d = c->kind == CELL_REAL && c->d != 0 ? c->d : 0;        /* SQLite does not keep the sign of a zero */
	uint64_t len = c->len;

	sha256_add(&s->hash, &(uint8_t) { (uint8_t) c->kind }, 1);
	switch (c->kind) {
	case CELL_NULL: return;
	case CELL_INT: sha256_add(&s->hash, &c->i, sizeof(c->i)); return;
	case CELL_REAL: sha256_add(&s->hash, &d, sizeof(d)); return;
	case CELL_TEXT: case CELL_BLOB:
		sha256_add(&s->hash, &len, sizeof(len));
		sha256_add(&s->hash, c->p, c->len);
	}
}

/* Every row of a statement: into the sum, and into another statement unless that is NULL. */
static int pass_rows(struct store_tx *in, const char *select, struct store_tx *out, const char *insert, struct sum *sum)
{
	STMT(in, from);
	STMT(out ?: in, to);
	int r = stmt_get(in, select, false, &from.k);

	if (r == 0 && insert)
		r = stmt_get(out, insert, false, &to.k);
	if (r == 0)
		in->e->many(from.k->st);
	sha256_init(&sum->hash);
	while (r == 0 && (r = in->e->step(from.k->st)) == 1) {
		for (unsigned i = 0; i < in->e->n_columns(from.k->st); i++) {
			struct cell c = in->e->column(from.k->st, i);

			add_cell(sum, &c);
			if (insert)
				out->e->bind(to.k->st, i + 1, &c);
		}
		sum->rows++;
		r = insert ? out->e->step(to.k->st) : 0;
		if (insert)
			out->e->reset(to.k->st);
	}
	return r;
}

static int copy_table(struct mover *m, const char *table, const char *select, const char *insert)
{
	struct sum in = { .rows = 0 }, out = { .rows = 0 };
	uint8_t was[32], is[32];
	int r = pass_rows(m->in, select, m->out, insert, &in);

	if (r == 0)
		r = pass_rows(m->out, select, NULL, NULL, &out);
	if (r < 0)
		return r == -ERR_EXISTS || r == -ERR_NO_SUCH_REF ? err_fail(ERR_CORRUPT, "what", table, "detail", "a row of it breaks a rule", NULL) : r;
	sha256_end(&in.hash, was);
	sha256_end(&out.hash, is);
	if (in.rows != out.rows || memcmp(was, is, sizeof(is)) != 0)
		return err_fail(ERR_CORRUPT, "what", table, "detail", "what was read back is not what was written", NULL);
	if (m->on_table)
		m->on_table(m->ctx, m->from->name, table, in.rows);
	return 0;
}

static int copy_records(struct mover *m, const struct table *t)
{
	_cleanup_(buf_done) struct buf select = BUF_INIT(&sys_heap, 1 << 20);
	int r;

	buf_addf(&select, "%s ORDER BY \"id\"", t->columns_alone);
	r = select.failed ? store_no_memory(m->from) : copy_table(m, t->type->plural, select.data, t->copy);
	for (uint32_t i = 0; r == 0 && i < t->n_joins; i++) {
		char table[2 * REC_NAME_MAX + 8] = "", sql[256] = "";

		buf_addf(&BUF_FIXED(table), "%s__%s", t->type->plural, t->joins[i]->name);
		buf_addf(&BUF_FIXED(sql), "SELECT \"owner\", \"pos\", \"ref\" FROM \"%s\" ORDER BY \"owner\", \"pos\"", table);
		r = copy_table(m, table, sql, t->join_put[i]);
	}
	return r;
}

static int copy_all(struct mover *m)
{
	_cleanup_(buf_done) struct buf later = BUF_INIT(&sys_heap, 1 << 20);
	const struct engine *e = m->to->e;
	struct db *db = m->out->conn->db;
	int r = e->run(db, e->schema_table);

	if (r == 0)
		r = store_schema_make(m->to, m->out, &later);
	for (unsigned i = 0; r == 0 && i < atomic_load(&m->from->n_tables); i++)
		r = copy_records(m, m->from->tables[i]);
	if (r == 0)
		r = copy_table(m, "change",
			"SELECT \"seq\", \"type\", \"id\", \"rev\", \"op\", \"by\", \"at\", \"before\", \"after\" FROM \"change\" ORDER BY \"seq\"",
			"INSERT INTO \"change\" (\"seq\", \"type\", \"id\", \"rev\", \"op\", \"by\", \"at\", \"before\", \"after\") VALUES (?1, ?2, ?3, ?4, ?5, ?6, "
			"?7, ?8, ?9)");
	if (r == 0)
		r = store_schema_run(m->out, &later);
	if (r == 0)
		r = e->check_references(db);
	if (r == 0)
		r = store_schema_fill(m->to, m->out);
	return r < 0 ? r : store_schema_note(m->to, m->out);
}

/* --- the targets ---------------------------------------------------------------------------------------------------------- */

/* What a run that was broken off left behind is no store. */
static int clear_place(struct mover *m, const char *path)
{
	static const char *const ends[] = { "", "-wal", "-shm", "-journal" };
	int r = 0;

	if (file_exists(path))
		return err_fail(ERR_EXISTS, "what", "@store", "field", "file", "value", path, NULL);
	m->path[0] = 0;
	buf_addf(&BUF_FIXED(m->path), "%s.moving", path);
	for (size_t i = 0; r == 0 && i < ELEMENTSOF(ends); i++) {
		char name[540] = "";

		buf_addf(&BUF_FIXED(name), "%s%s", m->path, ends[i]);
		r = file_unlink(name);
	}
	return r;
}

static int move_one(struct mover *m, struct db *shared)
{
	struct store_config to = m->move->to;
	int r = to.url ? 0 : clear_place(m, to.path);

	if (r == 0)
		r = open_source(&m->move->from, &m->from, &m->in);
	if (r < 0)
		return r;
	to.nouns = m->move->from.nouns;
	to.n_nouns = m->move->from.n_nouns;
	to.migrations = m->move->from.migrations;
	to.n_migrations = m->move->from.n_migrations;
	to.path = to.url ? to.path : m->path;
	r = store_shell(&m->to, &to);
	if (r == 0)
		r = store_connect(m->to, true, shared, &m->out);
	if (r == 0 && !shared)
		r = m->to->e->references(m->out->conn->db, false);
	if (r == 0 && !shared)
		r = m->to->e->begin(m->out->conn->db, true, 0);
	if (r == 0)
		r = m->to->e->settle(m->out->conn->db, to.schema);
	if (r == 0)
		r = copy_all(m);
	err_wrap(r, "%s", m->from->name);
	m->from = store_close(m->from);         /* there may be thousands */
	return r;
}

/* One transaction for all schemas. The connection is a reader's: it makes no schema by itself. */
static int move_to_schemas(struct mover *movers, size_t n)
{
	struct store_config c = movers[0].move->to;
	struct db *db = NULL;
	int r;

	c.name = c.schema;
	r = store_pg.open(&db, &c, false, 0);
	if (r == 0)
		r = store_pg.begin(db, true, 0);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = move_one(&movers[i], db);
	for (size_t i = 0; i < n; i++)
		movers[i].to = store_close(movers[i].to);       /* its statements, before their connection */
	if (r == 0)
		r = store_pg.end(db, true);
	if (r < 0 && db) {
		struct err e = *err_peek();

		store_pg.end(db, false);
		err_put(&e);
	}
	store_pg.close(db);
	return r;
}

static int move_to_files(struct mover *movers, size_t n)
{
	size_t done = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		r = move_one(&movers[i], NULL);
		if (r == 0)
			r = movers[i].to->e->end(movers[i].out->conn->db, true);
		movers[i].to = store_close(movers[i].to);
	}
	for (; r == 0 && done < n; done++)
		r = file_rename(movers[done].path, movers[done].move->to.path);
	if (r < 0) {
		struct err e = *err_peek();

		for (size_t i = 0; i < n; i++)
			file_unlink(i < done ? movers[i].move->to.path : movers[i].path);
		err_put(&e);
	}
	return r;
}

int store_move(const struct store_move *moves, size_t n, store_moved_fn on_table, void *ctx)
{
	struct mover *movers = n ? sys_alloc_array(n, sizeof(*movers)) : NULL;
	int r;

	if (!movers)
		return n ? err_fail(ERR_NO_MEMORY, "what", "@store", NULL) : 0;
	for (size_t i = 0; i < n; i++)
		movers[i] = (struct mover) { .move = &moves[i], .on_table = on_table, .ctx = ctx };
	r = moves[0].to.url ? move_to_schemas(movers, n) : move_to_files(movers, n);
	for (size_t i = 0; i < n; i++) {
		store_close(movers[i].to);
		store_close(movers[i].from);
	}
	sys_free(movers);
	return r;
}
