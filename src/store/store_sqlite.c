/* store_sqlite.c - the engine on SQLite 3: one file, one writer, write-ahead log, every commit synced. */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>

#include "base/num.h"
#include "store/store_int.h"

enum { FILE_MODE = 0600, CHECKPOINT_PAGES = 1000 /* SQLite's default */ };

struct db { sqlite3 *h; char refused[256]; };
struct stmt { struct db *db; sqlite3_stmt *h; };

/* --- failures ------------------------------------------------------------------------------------------------------------- */

static int failed(struct db *db, const char *what)
{
	int code = sqlite3_extended_errcode(db->h);
	const char *text = sqlite3_errmsg(db->h), *colon;

	switch (code) {
	case SQLITE_CONSTRAINT_UNIQUE: case SQLITE_CONSTRAINT_PRIMARYKEY:
		colon = str_find(text, ": ");                   /* "UNIQUE constraint failed: points.device, points.code" */
		db->refused[0] = 0;
		buf_add(&BUF_FIXED(db->refused), colon ? colon + 2 : "");
		return -ERR_EXISTS;
	case SQLITE_CONSTRAINT_FOREIGNKEY:
		return -ERR_NO_SUCH_REF;
	}
	if (code == SQLITE_IOERR_SHMSIZE)               /* there is no room for the index of its log */
		return err_fail(ERR_FULL, "what", "@disk", "detail", text, NULL);
	switch (code & 0xff) {
	case SQLITE_BUSY: case SQLITE_LOCKED: return err_fail(ERR_BUSY, "what", "store", NULL);
	case SQLITE_FULL: return err_fail(ERR_FULL, "what", "@disk", "detail", text, NULL);
	case SQLITE_NOMEM: return err_fail(ERR_NO_MEMORY, "what", "store", NULL);
	case SQLITE_CORRUPT: case SQLITE_NOTADB: return err_fail(ERR_CORRUPT, "what", "store", "detail", text, NULL);
	case SQLITE_IOERR: case SQLITE_CANTOPEN: case SQLITE_READONLY: case SQLITE_PERM: case SQLITE_AUTH:
		return err_fail(ERR_IO, "what", what, "detail", text, NULL);
	}
	return err_failf(ERR_BROKEN, "%.160s: %s", what, text);
}

static const char *refused(struct db *db)
{
	return db->refused;
}

/* --- connections ---------------------------------------------------------------------------------------------------------- */

static int run(struct db *db, const char *sql)
{
	return sqlite3_exec(db->h, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : failed(db, sql);
}

static struct db *db_close(struct db *db)
{
	if (db)
		sqlite3_close(db->h);
	return sys_free(db);
}
DEFINE_CLEANUP(struct db *, db_close)

static int set_up(struct db *db, bool writer, uint32_t cache_kb)
{
	char sql[512] = "";
	struct buf b = BUF_FIXED(sql);
	int r;

	sqlite3_busy_timeout(db->h, 5000);
	sqlite3_extended_result_codes(db->h, 1);
	sqlite3_db_config(db->h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db->h, SQLITE_DBCONFIG_DQS_DML, 0, NULL);     /* "x" is a name, never a text */
	sqlite3_db_config(db->h, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	sqlite3_limit(db->h, SQLITE_LIMIT_LENGTH, 64 << 20);
	buf_addf(&b, "PRAGMA cache_size=-%u; PRAGMA mmap_size=0; PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF; PRAGMA temp_store=MEMORY; "
		"PRAGMA synchronous=FULL; PRAGMA journal_size_limit=4194304; ", cache_kb);
	buf_add(&b, writer ? "PRAGMA journal_mode=WAL; PRAGMA secure_delete=ON;" : "PRAGMA query_only=ON;");
	r = run(db, sql);
	if (r == 0 && !writer)
		r = run(db, "SELECT count(*) FROM sqlite_schema;");
	return r;
}

/* The file exists before SQLite opens it, readable by its owner alone; what SQLite puts beside it takes the same mode. */
static int make_private(const char *path)
{
	int fd = sys.open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);

	if (fd < 0)
		return sys_fail(errno, "open", path);
	sys.close(fd);
	return 0;
}

static int db_open(struct db **ret, const struct store_config *c, bool writer, uint32_t cache_kb)
{
	_cleanup_(db_closep) struct db *db = sys_new(struct db);
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
	int r = !db ? err_fail(ERR_NO_MEMORY, "what", "store", NULL) : writer ? make_private(c->path) : 0;

	if (r < 0)
		return r;
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);     /* a lock an allocation, for figures nobody asks for; refused once SQLite runs */
	if (sqlite3_open_v2(c->path, &db->h, flags, NULL) != SQLITE_OK)
		return db->h ? failed(db, c->path) : err_fail(ERR_NO_MEMORY, "what", "store", NULL);
	r = set_up(db, writer, cache_kb);
	if (r < 0)
		return r;
	*ret = take(db);
	return 0;
}

static int begin(struct db *db, bool writes, int64_t deadline_ns)
{
	return run(db, writes ? "BEGIN IMMEDIATE" : "BEGIN");
}

static int end(struct db *db, bool commit)
{
	return run(db, commit ? "COMMIT" : "ROLLBACK");
}

static void rest(struct db *db, int64_t unused_since_ns)
{
	sqlite3_db_release_memory(db->h);
}

/* Folding its log into the file is left to the next commit: it takes as long again as the commit, and nobody needs to wait for it. */
static void large(struct db *db, bool on)
{
	sqlite3_wal_autocheckpoint(db->h, on ? 0 : CHECKPOINT_PAGES);
}

/* --- statements ----------------------------------------------------------------------------------------------------------- */

static struct stmt *stmt_done(struct stmt *st)
{
	if (st)
		sqlite3_finalize(st->h);
	return sys_free(st);
}
DEFINE_CLEANUP(struct stmt *, stmt_done)

static int prepare(struct db *db, const char *sql, struct stmt **ret)
{
	_cleanup_(stmt_donep) struct stmt *st = sys_new(struct stmt);
	const char *tail;

	if (!st)
		return err_fail(ERR_NO_MEMORY, "what", "store", NULL);
	st->db = db;
	if (sqlite3_prepare_v3(db->h, sql, -1, SQLITE_PREPARE_PERSISTENT, &st->h, &tail) != SQLITE_OK)
		return failed(db, sql);
	while (*tail == ' ' || *tail == '\n' || *tail == '\t' || *tail == ';')
		tail++;
	if (!st->h || *tail)
		return err_failf(ERR_BROKEN, "not one statement: %.160s", sql);
	*ret = take(st);
	return 0;
}

/* What is bound lives until the statement is reset: SQLITE_STATIC. */
static void bind(struct stmt *st, unsigned nth, const struct cell *c)
{
	switch (c->kind) {
	case CELL_NULL: sqlite3_bind_null(st->h, (int) nth); return;
	case CELL_INT: sqlite3_bind_int64(st->h, (int) nth, c->i); return;
	case CELL_REAL: sqlite3_bind_double(st->h, (int) nth, c->d); return;
	case CELL_TEXT: sqlite3_bind_text64(st->h, (int) nth, c->p, c->len, SQLITE_STATIC, SQLITE_UTF8); return;
	case CELL_BLOB: sqlite3_bind_blob64(st->h, (int) nth, c->p, c->len, SQLITE_STATIC); return;
	}
}

static void many(struct stmt *st) { }    /* rows come one by one anyway */

static int step(struct stmt *st)
{
	switch (sqlite3_step(st->h)) {
	case SQLITE_ROW: return 1;
	case SQLITE_DONE: return 0;
	default: return failed(st->db, "store");
	}
}

static void reset(struct stmt *st)
{
	sqlite3_reset(st->h);
	sqlite3_clear_bindings(st->h);
}

/* A connection has no mutexes, so that a value may be looked at where it lies. */
static struct cell column(struct stmt *st, unsigned nth)
{
	sqlite3_value *v = sqlite3_column_value(st->h, (int) nth);

	switch (sqlite3_value_type(v)) {
	case SQLITE_INTEGER: return CELL_OF_INT(sqlite3_value_int64(v));
	case SQLITE_FLOAT: return (struct cell) { .kind = CELL_REAL, .d = sqlite3_value_double(v) };
	case SQLITE_TEXT: {
		const char *text = (const char *) sqlite3_value_text(v);

		return (struct cell) { .kind = CELL_TEXT, .p = text ?: "", .len = text ? (size_t) sqlite3_value_bytes(v) : 0 };
	}
	case SQLITE_BLOB: {
		const char *bytes = sqlite3_value_blob(v);

		return (struct cell) { .kind = CELL_BLOB, .p = bytes ?: "", .len = (size_t) sqlite3_value_bytes(v) };
	}
	}
	return (struct cell) { .kind = CELL_NULL };
}

static unsigned n_columns(struct stmt *st)
{
	return (unsigned) sqlite3_column_count(st->h);
}

static const char *column_name(struct stmt *st, unsigned nth)
{
	return sqlite3_column_name(st->h, (int) nth);
}

static unsigned n_params(struct stmt *st)
{
	return (unsigned) sqlite3_bind_parameter_count(st->h);
}

static const char *param_name(struct stmt *st, unsigned nth)
{
	const char *name = sqlite3_bind_parameter_name(st->h, (int) nth);

	return name && name[0] == ':' ? name + 1 : NULL;
}

static int64_t changed(struct db *db)
{
	return sqlite3_changes64(db->h);
}

static int each(struct db *db, const char *sql, db_row_fn fn, void *ctx)
{
	_cleanup_(stmt_donep) struct stmt *st = NULL;
	struct cell cells[8];
	int r = prepare(db, sql, &st);

	while (r >= 0 && (r = step(st)) == 1) {
		unsigned n = MIN(n_columns(st), (unsigned) ELEMENTSOF(cells));

		for (unsigned i = 0; i < n; i++)
			cells[i] = column(st, i);
		r = fn(ctx, cells, n);
	}
	return r;
}

/* --- what is there -------------------------------------------------------------------------------------------------------- */

static int tables(struct db *db, db_row_fn fn, void *ctx)
{
	return each(db, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*'", fn, ctx);
}

static int settle(struct db *db, const char *schema)
{
	return 0;
}

static int columns(struct db *db, const char *table, db_row_fn fn, void *ctx)
{
	char sql[160] = "";

	buf_addf(&BUF_FIXED(sql), "SELECT name, type FROM pragma_table_info('%s')", table);
	return each(db, sql, fn, ctx);
}

static int indexes(struct db *db, const char *table, db_row_fn fn, void *ctx)
{
	char sql[200] = "";

	buf_addf(&BUF_FIXED(sql), "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = '%s' AND name GLOB 'ix__*'", table);
	return each(db, sql, fn, ctx);
}

static int references(struct db *db, bool on)
{
	return run(db, on ? "PRAGMA foreign_keys=ON" : "PRAGMA foreign_keys=OFF");
}

static int dangling(void *ctx, const struct cell *cells, size_t n)
{
	return err_failf(ERR_BROKEN, "a migration left a reference of %s to nothing in %s", cells[0].p, n > 2 ? cells[2].p : "?");
}

static int check_references(struct db *db)
{
	return each(db, "PRAGMA foreign_key_check", dangling, NULL);
}

static int damage(void *ctx, const struct cell *cells, size_t n)
{
	return n && cells[0].kind == CELL_TEXT && !str_eq(cells[0].p, "ok") ? err_fail(ERR_CORRUPT, "what", "store", "detail", cells[0].p, NULL) : 0;
}

static int verify(struct db *db)
{
	int r = each(db, "PRAGMA integrity_check(1)", damage, NULL);

	return r < 0 ? r : check_references(db);
}

/* A row {busy, pages in the journal, pages folded into the file}. */
static int note_busy(void *ctx, const struct cell *cells, size_t n)
{
	*(bool *) ctx = n && cells[0].kind == CELL_INT && cells[0].i;
	return 0;
}

static int scour(struct db *db)
{
	bool busy = false;
	int r = each(db, "PRAGMA wal_checkpoint(TRUNCATE)", note_busy, &busy);

	return r == 0 && busy ? err_fail(ERR_BUSY, "what", "@store", NULL) : r;
}

const struct engine store_sqlite = {
	.dialect = REC_SQLITE, .like = "LIKE",
	.schema_table = "CREATE TABLE IF NOT EXISTS \"tenon_schema\" (\"key\" TEXT NOT NULL PRIMARY KEY, \"value\" TEXT NOT NULL) STRICT, WITHOUT ROWID;",
	.change_table = "CREATE TABLE IF NOT EXISTS \"change\" (\"seq\" INTEGER PRIMARY KEY AUTOINCREMENT, \"type\" TEXT NOT NULL, \"id\" BLOB NOT NULL, "
		"\"rev\" INTEGER NOT NULL, \"op\" INTEGER NOT NULL, \"by\" BLOB, \"at\" INTEGER NOT NULL, \"before\" BLOB, \"after\" BLOB) STRICT;\n"
		"CREATE INDEX IF NOT EXISTS \"ix__change__id\" ON \"change\" (\"id\", \"seq\");",
	.open = db_open, .close = db_close, .begin = begin, .end = end, .rest = rest, .large = large, .run = run, .each = each, .prepare = prepare,
	.done = stmt_done, .bind = bind, .many = many, .step = step, .tables = tables, .settle = settle, .reset = reset, .column = column, .n_columns = n_columns, .column_name = column_name, .n_params = n_params,
	.param_name = param_name, .changed = changed, .refused = refused, .columns = columns, .indexes = indexes, .references = references,
	.check_references = check_references, .verify = verify, .scour = scour,
};
