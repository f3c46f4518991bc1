/*
 * store_pg.c - the engine on PostgreSQL: a schema a store, libpq, prepared statements, values in binary.
 *
 * Where PostgreSQL differs from SQLite it is made to answer alike:
 * - One writer: a transaction that writes takes an advisory lock of the schema, so that processes wait for each other, and numbers of
 *   the feed have no gaps.
 * - A refused statement breaks the whole transaction there. What writes is therefore sent together with a savepoint before and its
 *   release behind it, in one round trip; a refusal goes back to the savepoint.
 * - Rows come all at once there. Lists without a limit go through a cursor, in portions.
 */
#include "base/cur.h"
#include "base/num.h"
#include "store/store_pg.h"

enum { PORTION = 500, LOCK_MS = 5000 };
enum oid { BOOL = 16, BYTEA = 17, NAME = 19, INT8 = 20, INT2 = 21, INT4 = 23, TEXT = 25, FLOAT4 = 700, FLOAT8 = 701, UNKNOWN = 705,
	VARCHAR = 1043, UUID = 2950 };         /* of pg_type.dat: never renumbered */

struct param { char room[32]; const char *name; };

struct stmt {
	struct db *db;
	char *sql;                              /* with $1 instead of ?1 and :name */
	char name[24];
	uint64_t connection;                    /* the one it is prepared on */
	bool writes, many, running, over;
	PGresult *shape, *rows;                 /* what it takes and gives; the portion at hand */
	int row, n_rows;
	unsigned n_params;
	struct param *params;
	const char **values;
	int *lengths, *formats;
};

static const char *refused(struct db *db)
{
	return db->refused;
}

static bool is_good(struct db *db, const PGresult *res)
{
	ExecStatusType status = db->pq.resultStatus(res);

	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* --- connections, transactions -------------------------------------------------------------------------------------------- */

static struct db *db_close(struct db *db)
{
	if (!db)
		return NULL;
	pg_disconnect(db);
	buf_done(&db->leave);
	return sys_free(db);
}
DEFINE_CLEANUP(struct db *, db_close)

/* Readers connect when they are first needed. */
static int db_open(struct db **ret, const struct store_config *c, bool writer, uint32_t cache_kb)
{
	_cleanup_(db_closep) struct db *db = sys_new(struct db);
	int r;

	if (!db)
		return err_fail(ERR_NO_MEMORY, "what", c->name, NULL);
	db->config = c;
	db->writer = writer;
	db->leave = BUF_INIT(&sys_heap, 1 << 20);
	r = pg_load(&db->pq);
	if (r == 0 && writer)
		r = pg_connected(db);
	if (r < 0)
		return r;
	*ret = take(db);
	return 0;
}

static int exec(struct db *db, const char *sql)
{
	PGresult *res = db->c ? db->pq.exec(db->c, sql) : NULL;
	int r = is_good(db, res) ? 0 : pg_failed(db, res, sql);

	db->pq.clear(res);
	return r;
}

static int begin(struct db *db, bool writes, int64_t deadline_ns)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 1 << 20);
	int r = -1;

	if (writes)
		buf_addf(&b, "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout TO %lld; SELECT pg_advisory_xact_lock(%lld)",
			(long long) (deadline_ns ? MAX(clock_left_ms(deadline_ns, LOCK_MS), 1) : LOCK_MS), (long long) pg_key(db, "writer "));
	else
		buf_add(&b, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
	/* A connection may have broken while nobody used it. Nothing has been done yet: once more, with another. */
	for (int try = 0; r < 0 && try < 2; try++) {
		r = pg_connected(db);
		if (r < 0)
			return r;
		if (db->leave.len && exec(db, db->leave.data) < 0)
			err_clear();
		buf_clear(&db->leave);
		r = b.failed ? err_fail(ERR_NO_MEMORY, "what", db->config->name, NULL) : exec(db, b.data);
		if (r < 0 && !pg_is_gone(db) && !db->stale)
			break;
	}
	db->used_ns = clock_mono_ns();
	db->in_tx = r == 0;
	db->writes = writes;
	if (r < 0 && !pg_is_gone(db)) {
		struct err e = *err_peek();

		exec(db, "ROLLBACK");
		err_put(&e);
	}
	return r;
}

static int end(struct db *db, bool commit)
{
	PGresult *res;
	int r = 0;

	if (!db->in_tx && !commit)
		return 0;
	res = db->c ? db->pq.exec(db->c, commit ? "COMMIT" : "ROLLBACK") : NULL;
	if (!is_good(db, res))
		r = pg_failed(db, res, commit ? "COMMIT" : "ROLLBACK");
	else if (commit && !str_eq(db->pq.cmdStatus(res), "COMMIT"))    /* it says ROLLBACK when something had failed in it */
		r = err_failf(ERR_BROKEN, "%s: the transaction had failed and cannot be committed", db->config->name);
	db->pq.clear(res);
	db->in_tx = r < 0 && commit;            /* the rollback follows */
	db->used_ns = clock_mono_ns();
	return r;
}

static void rest(struct db *db, int64_t unused_since_ns)
{
	if (db->c && !db->in_tx && db->used_ns < unused_since_ns)
		pg_disconnect(db);
}

/* Outside of a transaction it makes one, so that two who start at once do not make the same table. */
static int run(struct db *db, const char *sql)
{
	bool own = !db->in_tx;
	int r = own ? begin(db, true, 0) : 0;

	if (r < 0)
		return r;
	r = exec(db, sql);
	if (own && r == 0)
		r = end(db, true);
	if (own && r < 0) {
		struct err e = *err_peek();

		end(db, false);
		err_put(&e);
	}
	return r;
}

/* --- statements ----------------------------------------------------------------------------------------------------------- */

static struct stmt *stmt_done(struct stmt *st)
{
	if (!st)
		return NULL;
	if (st->connection && st->connection == st->db->connection && st->db->c)
		buf_addf(&st->db->leave, "DEALLOCATE %s;", st->name);
	st->db->pq.clear(st->rows);
	st->db->pq.clear(st->shape);
	for (unsigned i = 0; i < st->n_params; i++)
		sys_free((void *) (uintptr_t) st->params[i].name);
	sys_free(st->params);
	sys_free(st->values);
	sys_free(st->lengths);
	sys_free(st->formats);
	sys_free(st->sql);
	return sys_free(st);
}
DEFINE_CLEANUP(struct stmt *, stmt_done)

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

struct names { const char *at[64]; size_t len[64]; unsigned n; };

static unsigned name_number(struct names *names, const char *name, size_t len)
{
	for (unsigned i = 0; i < names->n; i++)
		if (names->at[i] && names->len[i] == len && memcmp(names->at[i], name, len) == 0)
			return i + 1;
	if (names->n == ELEMENTSOF(names->at))
		return 0;
	names->at[names->n] = name;
	names->len[names->n] = len;
	return ++names->n;
}

/* ?1 and :name become $1; what stands in quotes stays, and so does `::`. */
static bool translate(const char *sql, struct names *names, struct buf *out)
{
	char quote = 0;

	for (const char *p = sql; *p; p++) {
		size_t n = 0;

		if (quote || *p == '\'' || *p == '"') {
			quote = quote ? *p == quote ? 0 : quote : *p;
		} else if (*p == '?') {
			buf_addc(out, '$');
			continue;
		} else if (*p == ':' && p[1] == ':') {
			buf_addc(out, *p++);
		} else if (*p == ':' && is_word(p[1])) {
			unsigned number;

			while (is_word(p[1 + n]))
				n++;
			number = name_number(names, p + 1, n);
			buf_addf(out, "$%u", number);
			if (!number)
				return false;
			p += n;
			continue;
		}
		buf_addc(out, *p);
	}
	return !out->failed;
}

static bool is_known(Oid type)
{
	switch (type) {
	case BOOL: case BYTEA: case NAME: case INT8: case INT2: case INT4: case TEXT: case FLOAT8: case UNKNOWN: case VARCHAR: case UUID: return true;
	}
	return false;
}

static bool starts_with_write(const char *sql)
{
	return str_starts(sql, "INSERT") || str_starts(sql, "UPDATE") || str_starts(sql, "DELETE");
}

static int prepare_here(struct stmt *st)
{
	struct db *db = st->db;
	PGresult *res = db->c ? db->pq.prepare(db->c, st->name, st->sql, 0, NULL) : NULL;
	int r = is_good(db, res) ? 0 : pg_failed(db, res, st->sql);

	db->pq.clear(res);
	if (r == 0)
		st->connection = db->connection;
	return r;
}

static int describe(struct stmt *st, const struct names *names)
{
	struct db *db = st->db;
	bool all;

	st->shape = db->pq.describePrepared(db->c, st->name);
	if (!is_good(db, st->shape))
		return pg_failed(db, st->shape, st->sql);
	for (int i = 0; i < db->pq.nfields(st->shape); i++)
		if (!is_known(db->pq.ftype(st->shape, i)))
			return err_failf(ERR_BROKEN, "column %s has a type that no field can hold; cast it: %.160s", db->pq.fname(st->shape, i), st->sql);
	if (!db->pq.nparams(st->shape))
		return 0;
	st->n_params = (unsigned) db->pq.nparams(st->shape);
	st->params = sys_alloc_array(st->n_params, sizeof(*st->params));
	st->values = sys_alloc_array(st->n_params, sizeof(*st->values));
	st->lengths = sys_alloc_array(st->n_params, sizeof(*st->lengths));
	st->formats = sys_alloc_array(st->n_params, sizeof(*st->formats));
	all = st->params && st->values && st->lengths && st->formats;
	if (!st->params)
		st->n_params = 0;
	for (unsigned i = 0; all && i < MIN(names->n, st->n_params); i++)
		all = (st->params[i].name = sys_strndup(names->at[i], names->len[i])) != NULL;
	return all ? 0 : err_fail(ERR_NO_MEMORY, "what", db->config->name, NULL);
}

static int prepare(struct db *db, const char *sql, struct stmt **ret)
{
	_cleanup_(stmt_donep) struct stmt *st = sys_new(struct stmt);
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 1 << 20);
	struct names names = { .n = 0 };
	int r;

	if (!st)
		return err_fail(ERR_NO_MEMORY, "what", db->config->name, NULL);
	st->db = db;
	if (!translate(sql, &names, &b))
		return err_failf(ERR_BROKEN, "too long, or too many parameters: %.160s", sql);
	st->sql = sys_strdup(b.data);
	if (!st->sql)
		return err_fail(ERR_NO_MEMORY, "what", db->config->name, NULL);
	st->writes = starts_with_write(sql);
	buf_addf(&BUF_FIXED(st->name), "s%llu", (unsigned long long) ++db->n_statements);
	r = prepare_here(st);
	if (r == 0)
		r = describe(st, &names);
	if (r < 0)
		return r;
	*ret = take(st);
	return 0;
}

static void put_be(char *to, uint64_t v, int n)
{
	for (int i = 0; i < n; i++)
		to[i] = (char) (v >> (8 * (n - 1 - i)));
}

/* As many bytes as the column has; what is beyond them compares as the farthest that fits. */
static int bind_int(char *room, Oid type, int64_t v)
{
	double d = (double) v;
	uint64_t bits;

	switch (type) {
	case BOOL: room[0] = v != 0; return 1;
	case INT2: put_be(room, (uint64_t) CLAMP(v, (int64_t) INT16_MIN, (int64_t) INT16_MAX), 2); return 2;
	case INT4: put_be(room, (uint64_t) CLAMP(v, (int64_t) INT32_MIN, (int64_t) INT32_MAX), 4); return 4;
	case INT8: put_be(room, (uint64_t) v, 8); return 8;
	case FLOAT8:
		memcpy(&bits, &d, sizeof(bits));
		put_be(room, bits, 8);
		return 8;
	}
	return 0;
}

/* Texts and bytes are borrowed until the statement is reset, as the others do. */
static void bind(struct stmt *st, unsigned nth, const struct cell *c)
{
	unsigned i = nth - 1;
	Oid type;
	uint64_t bits;
	char *room;

	if (i >= st->n_params)
		return;
	type = st->db->pq.paramtype(st->shape, (int) i);
	room = st->params[i].room;
	st->values[i] = room;
	st->formats[i] = 1;
	switch (c->kind) {
	case CELL_NULL:
		st->values[i] = NULL;
		return;
	case CELL_INT:
		st->lengths[i] = bind_int(room, type, c->i);
		if (!st->lengths[i]) {
			room[num_format_i64(room, c->i)] = 0;
			st->formats[i] = 0;
		}
		return;
	case CELL_REAL:
		if (type == FLOAT8) {
			memcpy(&bits, &c->d, sizeof(bits));
			put_be(room, bits, 8);
			st->lengths[i] = 8;
		} else {
			buf_addf(&BUF_FIXED(st->params[i].room), "%g", c->d);
			st->formats[i] = 0;
		}
		return;
	case CELL_TEXT: case CELL_BLOB:
		st->values[i] = c->p ?: "";
		st->lengths[i] = (int) c->len;
	}
}

static void many(struct stmt *st)
{
	st->many = !st->writes && st->db->in_tx;
}

/* --- running -------------------------------------------------------------------------------------------------------------- */

static void take_rows(struct stmt *st, PGresult *res)
{
	st->db->pq.clear(st->rows);
	st->rows = res;
	st->row = -1;
	st->n_rows = st->db->pq.ntuples(res);
}

static int took(struct stmt *st, PGresult *res)
{
	int r;

	if (is_good(st->db, res)) {
		take_rows(st, res);
		st->db->changed = 0;
		num_parse_i64(st->db->pq.cmdTuples(res), st->db->pq.cmdTuples(res) + str_len(st->db->pq.cmdTuples(res)), &st->db->changed);
		return 0;
	}
	r = pg_failed(st->db, res, st->sql);
	st->db->pq.clear(res);
	return r;
}

static int run_once(struct stmt *st)
{
	struct db *db = st->db;

	return took(st, db->pq.execPrepared(db->c, st->name, (int) st->n_params, st->values, st->lengths, st->formats, 1));
}

/* What lies between a savepoint and its release, all three in one round trip: *ret is the answer of the middle one. */
static bool exchange(struct stmt *st, PGresult **ret)
{
	struct db *db = st->db;
	const struct pq *pq = &db->pq;
	bool sent = pq->enterPipelineMode(db->c)
		&& pq->sendQueryParams(db->c, "SAVEPOINT refusable", 0, NULL, NULL, NULL, NULL, 0)
		&& pq->sendQueryPrepared(db->c, st->name, (int) st->n_params, st->values, st->lengths, st->formats, 1)
		&& pq->sendQueryParams(db->c, "RELEASE refusable", 0, NULL, NULL, NULL, NULL, 0)
		&& pq->pipelineSync(db->c);
	int nth = 0;
	bool bad = !sent;

	for (bool ended = false; sent && !ended && !pg_is_gone(db); ) {
		PGresult *res = pq->getResult(db->c);

		if (!res) {
			nth++;
			bad |= nth > 4;
			ended = nth > 4;                /* more ends than there were commands: nothing follows */
			continue;
		}
		ended = pq->resultStatus(res) == PGRES_PIPELINE_SYNC;
		bad |= !ended && !is_good(db, res);
		if (nth == 1 && !*ret && !ended) {
			*ret = res;
			continue;
		}
		pq->clear(res);
	}
	if (!pq->exitPipelineMode(db->c))
		db->stale = bad = true;
	return !bad;
}

static int run_refusable(struct stmt *st)
{
	PGresult *res = NULL;
	bool good = exchange(st, &res);
	int r;

	if (good && res)
		return took(st, res);
	r = pg_failed(st->db, res && !is_good(st->db, res) ? res : NULL, st->sql);
	st->db->pq.clear(res);
	if (!pg_is_gone(st->db)) {
		struct err e = *err_peek();

		exec(st->db, "ROLLBACK TO refusable; RELEASE refusable");
		err_put(&e);
	}
	return r;
}

static int fetch(struct stmt *st)
{
	char sql[64] = "";
	int r;

	buf_addf(&BUF_FIXED(sql), "FETCH %d FROM c%s", PORTION, st->name);
	r = took(st, st->db->pq.execParams(st->db->c, sql, 0, NULL, NULL, NULL, NULL, 1));
	st->over = r < 0 || st->n_rows < PORTION;
	return r;
}

static int run_many(struct stmt *st)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 1 << 20);
	struct db *db = st->db;
	PGresult *res;
	int r;

	buf_addf(&b, "DECLARE c%s NO SCROLL CURSOR FOR %s", st->name, st->sql);
	if (b.failed)
		return err_fail(ERR_NO_MEMORY, "what", db->config->name, NULL);
	Oid types[64];
	for (unsigned i = 0; i < MIN(st->n_params, (unsigned) ELEMENTSOF(types)); i++)
		types[i] = db->pq.paramtype(st->shape, (int) i);
	res = db->pq.execParams(db->c, b.data, (int) st->n_params, st->n_params <= ELEMENTSOF(types) ? types : NULL, st->values, st->lengths,
		st->formats, 1);
	r = is_good(db, res) ? 0 : pg_failed(db, res, st->sql);
	db->pq.clear(res);
	return r < 0 ? r : fetch(st);
}

static int start(struct stmt *st)
{
	struct db *db = st->db;
	int r = !db->c ? pg_failed(db, NULL, st->sql) : st->connection != db->connection ? prepare_here(st) : 0;

	if (r < 0)
		return r;
	st->running = true;
	st->over = !st->many;
	return st->many ? run_many(st) : st->writes && db->in_tx && !db->plain ? run_refusable(st) : run_once(st);
}

static int step(struct stmt *st)
{
	int r = st->running ? 0 : start(st);

	if (r == 0 && st->row + 1 >= st->n_rows && !st->over)
		r = fetch(st);
	if (r < 0)
		return r;
	return ++st->row < st->n_rows;
}

static void reset(struct stmt *st)
{
	if (st->many && st->running && !pg_is_gone(st->db) && st->db->in_tx) {
		char sql[40] = "";
		struct err e = *err_peek();

		buf_addf(&BUF_FIXED(sql), "CLOSE c%s", st->name);
		exec(st->db, sql);
		err_put(&e);
	}
	st->db->pq.clear(st->rows);
	st->rows = NULL;
	st->row = -1;
	st->n_rows = 0;
	st->running = st->many = false;
	for (unsigned i = 0; i < st->n_params; i++)
		st->values[i] = NULL;
}

static uint64_t get_be(const char *from, int n)
{
	uint64_t v = 0;

	for (int i = 0; i < n; i++)
		v = v << 8 | (unsigned char) from[i];
	return v;
}

static struct cell column(struct stmt *st, unsigned nth)
{
	const struct pq *pq = &st->db->pq;
	int i = (int) nth;
	const char *p;
	uint64_t bits;
	double d;

	if (pq->getisnull(st->rows, st->row, i))
		return (struct cell) { .kind = CELL_NULL };
	p = pq->getvalue(st->rows, st->row, i);
	switch (pq->ftype(st->rows, i)) {
	case BOOL: return CELL_OF_INT(*p);
	case INT2: return CELL_OF_INT((int16_t) get_be(p, 2));
	case INT4: return CELL_OF_INT((int32_t) get_be(p, 4));
	case INT8: return CELL_OF_INT(get_be(p, 8));
	case FLOAT8:
		bits = get_be(p, 8);
		memcpy(&d, &bits, sizeof(d));
		return (struct cell) { .kind = CELL_REAL, .d = d };
	case UUID: case BYTEA: return (struct cell) { .kind = CELL_BLOB, .p = p, .len = (size_t) pq->getlength(st->rows, st->row, i) };
	}
	return (struct cell) { .kind = CELL_TEXT, .p = p, .len = (size_t) pq->getlength(st->rows, st->row, i) };
}

static unsigned n_columns(struct stmt *st)
{
	return (unsigned) st->db->pq.nfields(st->shape);
}

static const char *column_name(struct stmt *st, unsigned nth)
{
	return st->db->pq.fname(st->shape, (int) nth);
}

static unsigned n_params(struct stmt *st)
{
	return st->n_params;
}

static const char *param_name(struct stmt *st, unsigned nth)
{
	return st->params[nth - 1].name;
}

static int64_t changed(struct db *db)
{
	return db->changed;
}

/* --- what is there -------------------------------------------------------------------------------------------------------- */

/* Rows as text, few of them. */
static int each(struct db *db, const char *sql, db_row_fn fn, void *ctx)
{
	PGresult *res = db->c ? db->pq.exec(db->c, sql) : NULL;
	int r = is_good(db, res) ? 0 : pg_failed(db, res, sql);

	for (int row = 0; r >= 0 && res && row < db->pq.ntuples(res); row++) {
		struct cell cells[8] = { { 0 } };
		int n = MIN(db->pq.nfields(res), (int) ELEMENTSOF(cells));

		for (int i = 0; i < n; i++)
			if (!db->pq.getisnull(res, row, i))
				cells[i] = CELL_OF_TEXT(db->pq.getvalue(res, row, i));
		r = fn(ctx, cells, (size_t) n);
	}
	db->pq.clear(res);
	return r;
}

static int tables(struct db *db, db_row_fn fn, void *ctx)
{
	/* Without our schema the current one is the system's own. */
	return each(db, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND schemaname <> 'pg_catalog'", fn, ctx);
}

static int count_rows(void *ctx, const struct cell *cells, size_t n)
{
	++*(unsigned *) ctx;
	return 0;
}

static int settle(struct db *db, const char *schema)
{
	char sql[300] = "";
	unsigned n = 0;
	int r;

	buf_addf(&BUF_FIXED(sql), "SELECT 1 FROM pg_class WHERE relnamespace = to_regnamespace('%s') LIMIT 1", schema);
	r = each(db, sql, count_rows, &n);
	if (r == 0 && n)
		return err_fail(ERR_EXISTS, "what", "@store", "field", "schema", "value", schema, NULL);
	sql[0] = 0;
	buf_addf(&BUF_FIXED(sql), "CREATE SCHEMA IF NOT EXISTS \"%s\"; SET LOCAL search_path TO \"%s\", pg_catalog", schema, schema);
	db->plain = true;
	return r < 0 ? r : exec(db, sql);
}

static int columns(struct db *db, const char *table, db_row_fn fn, void *ctx)
{
	char sql[400] = "";

	buf_addf(&BUF_FIXED(sql), "SELECT a.attname, split_part(format_type(a.atttypid, a.atttypmod), ' ', 1) FROM pg_attribute a JOIN pg_class c "
		"ON c.oid = a.attrelid WHERE c.relname = '%s' AND c.relnamespace = current_schema()::regnamespace AND a.attnum > 0 "
		"AND NOT a.attisdropped ORDER BY a.attnum", table);
	return each(db, sql, fn, ctx);
}

static int indexes(struct db *db, const char *table, db_row_fn fn, void *ctx)
{
	char sql[300] = "";

	buf_addf(&BUF_FIXED(sql), "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema() AND tablename = '%s' AND "
		"starts_with(indexname, 'ix__')", table);
	return each(db, sql, fn, ctx);
}

/* They cannot be switched off here, and need not be: tables are changed in place. */
static int references(struct db *db, bool on)
{
	return 0;
}

static int check_references(struct db *db)
{
	return 0;
}

struct reading { struct db *db; struct buf sql; };

static int add_table(void *ctx, const struct cell *cells, size_t n)
{
	struct reading *r = ctx;

	buf_addf(&r->sql, "SELECT count(t::text) FROM \"%s\" t; ", cells[0].p);
	return 0;
}

/* Every row of every table is read and unpacked: what the server's checksums and unpacking notice is noticed. */
static int scour(struct db *db) { return 0; }

static int verify(struct db *db)
{
	struct reading r = { .db = db, .sql = BUF_INIT(&sys_heap, 1 << 20) };
	int e = tables(db, add_table, &r);

	if (e == 0 && r.sql.len)
		e = r.sql.failed ? err_fail(ERR_NO_MEMORY, "what", db->config->name, NULL) : exec(db, r.sql.data);
	buf_done(&r.sql);
	return e;
}

static void large(struct db *db, bool on) { }   /* the server has processes of its own for that */

const struct engine store_pg = {
	.dialect = REC_POSTGRES, .like = "ILIKE", .name_max = REC_SQL_NAME_MAX,
	.schema_table = "CREATE TABLE IF NOT EXISTS \"tenon_schema\" (\"key\" text COLLATE \"C\" NOT NULL PRIMARY KEY, \"value\" text NOT NULL)",
	.change_table = "CREATE TABLE IF NOT EXISTS \"change\" (\"seq\" bigint NOT NULL PRIMARY KEY, \"type\" text NOT NULL, \"id\" uuid NOT NULL, "
		"\"rev\" bigint NOT NULL, \"op\" integer NOT NULL, \"by\" uuid, \"at\" bigint NOT NULL, \"before\" bytea, \"after\" bytea);\n"
		"CREATE INDEX IF NOT EXISTS \"ix__change__id\" ON \"change\" (\"id\", \"seq\");",
	.open = db_open, .close = db_close, .begin = begin, .end = end, .rest = rest, .large = large, .run = run, .each = each, .prepare = prepare,
	.done = stmt_done, .bind = bind, .many = many, .step = step, .tables = tables, .settle = settle, .reset = reset, .column = column, .n_columns = n_columns,
	.column_name = column_name, .n_params = n_params, .param_name = param_name, .changed = changed, .refused = refused, .columns = columns,
	.indexes = indexes, .references = references, .check_references = check_references, .verify = verify, .scour = scour,
};
