/*
 * store_pg_link.c - connections to PostgreSQL.
 *
 * A connection that broke is made again when the next transaction begins; an attempt that failed puts the next one off, from 50 ms
 * up to a second, and whoever asks meanwhile gets the sentence at once. Nothing is repeated inside a transaction.
 */
#include "base/num.h"
#include "store/store_pg.h"

enum { RETRY_FIRST_MS = 50, RETRY_MAX_MS = 1000, START_LOCK_MS = 2000, VERSION_MIN = 130000 };

int pg_load(struct pq *ret)
{
	const struct { const char *name; void **to; } symbols[] = {
#define X(call) { "PQ" #call, (void **) &ret->call },
		PQ_CALLS(X)
#undef X
	};
	void *library;
	int r = dl_open("libpq.so.5", &library);

	for (size_t i = 0; r == 0 && i < ELEMENTSOF(symbols); i++)
		r = dl_symbol(library, symbols[i].name, symbols[i].to);
	return r;
}

/* --- URLs ----------------------------------------------------------------------------------------------------------------- */

/* "host:port/database", with what libpq takes for what is not said. */
static void place_of(const PQconninfoOption *options, struct store_url *ret)
{
	const char *host = NULL, *address = NULL, *port = NULL, *database = NULL, *user = NULL;
	const struct { const char *name; const char **to; } named[] = { { "host", &host }, { "hostaddr", &address }, { "port", &port },
		{ "dbname", &database }, { "user", &user } };
	struct buf b = BUF_FIXED(ret->place);

	ret->place[0] = 0;
	ret->has_password = false;
	for (const PQconninfoOption *o = options; o->keyword; o++) {
		for (size_t i = 0; i < ELEMENTSOF(named); i++)
			if (str_eq(o->keyword, named[i].name) && !str_empty(o->val))
				*named[i].to = o->val;
		ret->has_password |= (str_eq(o->keyword, "password") || str_eq(o->keyword, "sslpassword")) && !str_empty(o->val);
	}
	buf_addf(&b, "%s:%s/%s", host ?: address ?: "local", port ?: "5432", database ?: user ?: "");
}

int store_url_read(const char *url, struct store_url *ret)
{
	PQconninfoOption *options;
	struct pq pq;
	int r;

	if (!str_starts(url, "postgresql://") && !str_starts(url, "postgres://"))
		return err_fail(ERR_CONFIG, "detail", "@store_url", NULL);
	r = pg_load(&pq);
	if (r < 0)
		return r;
	options = pq.conninfoParse(url, NULL);          /* its message would repeat the text */
	if (!options)
		return err_fail(ERR_CONFIG, "detail", "@store_url_wrong", NULL);
	place_of(options, ret);
	pq.conninfoFree(options);
	return 0;
}

/* --- what the server refuses ---------------------------------------------------------------------------------------------- */

/* The first line, without its end. */
static void first_line(const char *text, char *out, size_t room)
{
	struct buf b = { .data = out, .room = room, .max = room };
	size_t n = 0;

	while (text && text[n] && text[n] != '\n' && n + 1 < room)
		n++;
	out[0] = 0;
	buf_addn(&b, text ?: "", text ? utf8_valid_prefix(text, n) : 0);
}

static int unavailable(struct db *db, const char *why)
{
	return err_fail(ERR_UNAVAILABLE, "what", "PostgreSQL", "detail", why, NULL);
}

bool pg_is_gone(struct db *db)
{
	return !db->c || db->pq.status(db->c) != CONNECTION_OK;
}

/* "table.a, table.b" out of the detail `Key (a, b)=(1, 2) already exists.`: the words differ by language, the brackets do not. */
static void note_refused(struct db *db, const PGresult *res)
{
	const char *table = db->pq.resultErrorField(res, PG_DIAG_TABLE_NAME), *p = db->pq.resultErrorField(res, PG_DIAG_MESSAGE_DETAIL);
	const char *end = p ? str_find(p, ")=(") : NULL;
	struct buf b = BUF_FIXED(db->refused);

	db->refused[0] = 0;
	while (p && end && p < end && *p != '(')
		p++;
	for (bool first = true; p && end && p < end; first = false) {
		const char *from = ++p;

		while (p < end && *p != ',')
			p++;
		while (*from == ' ' || *from == '"')
			from++;
		buf_addf(&b, "%s%s.%.*s", first ? "" : ", ", table ?: "", (int) (p - from - (p[-1] == '"')), from);
	}
}

static int refusal(struct db *db, const PGresult *res, const char *state, const char *what, const char *text)
{
	static const struct { const char *state; enum err_kind kind; } kinds[] = {
		{ "53100", ERR_FULL }, { "53200", ERR_NO_MEMORY }, { "53", ERR_BUSY }, { "55P03", ERR_BUSY }, { "57014", ERR_BUSY },
		{ "40", ERR_BUSY }, { "08", ERR_UNAVAILABLE }, { "57P", ERR_UNAVAILABLE }, { "58", ERR_IO }, { "25006", ERR_IO },
		{ "XX001", ERR_CORRUPT }, { "XX002", ERR_CORRUPT }, { "42501", ERR_CONFIG }, { "22021", ERR_BAD_UTF8 },
	};
	enum err_kind kind = ERR_BROKEN;

	for (size_t i = 0; i < ELEMENTSOF(kinds) && kind == ERR_BROKEN; i++)
		if (str_starts(state, kinds[i].state))
			kind = kinds[i].kind;
	switch (kind) {
	case ERR_FULL: return err_fail(kind, "what", "@disk", "detail", text, NULL);
	case ERR_NO_MEMORY: case ERR_BUSY: return err_fail(kind, "what", "PostgreSQL", NULL);
	case ERR_CONFIG: return err_failf(kind, "PostgreSQL: %s", text);
	case ERR_BAD_UTF8: return err_fail(kind, "what", "text", "value", "?", NULL);
	case ERR_UNAVAILABLE: case ERR_IO:
		db->stale = true;               /* it shut down, or takes no writes any more: another server may */
		return err_fail(kind, "what", "PostgreSQL", "detail", text, NULL);
	case ERR_CORRUPT: return err_fail(kind, "what", "PostgreSQL", "detail", text, NULL);
	default: return err_failf(ERR_BROKEN, "%.160s: %s", what, text);
	}
}

int pg_failed(struct db *db, const PGresult *res, const char *what)
{
	const char *state = res ? db->pq.resultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
	char text[200];

	if (state && str_eq(state, "23505")) {
		note_refused(db, res);
		return -ERR_EXISTS;
	}
	if (state && str_eq(state, "23503"))
		return -ERR_NO_SUCH_REF;
	if (state) {
		first_line(db->pq.resultErrorField(res, PG_DIAG_MESSAGE_PRIMARY), text, sizeof(text));
		return refusal(db, res, state, what, text);
	}
	if (!db->c)
		return unavailable(db, *db->why ? db->why : "the connection is lost");
	first_line(db->pq.errorMessage(db->c), text, sizeof(text));
	if (pg_is_gone(db)) {
		db->stale = true;
		return unavailable(db, *text ? text : "the connection is lost");
	}
	return err_failf(ERR_BROKEN, "%.160s: %s", what, *text ? text : "no memory, or no answer");
}

/* --- connecting ----------------------------------------------------------------------------------------------------------- */

static void pass_over(void *ctx, const char *message) { }

int64_t pg_key(const struct db *db, const char *what)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (const char *p = what; *p; p++)
		h = (h ^ (unsigned char) *p) * UINT64_C(0x100000001b3);
	for (const char *p = db->config->schema; *p; p++)
		h = (h ^ (unsigned char) *p) * UINT64_C(0x100000001b3);
	return (int64_t) h;
}

static int exec(struct db *db, const char *sql)
{
	PGresult *res = db->pq.exec(db->c, sql);
	ExecStatusType status = db->pq.resultStatus(res);
	int r = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ? 0 : pg_failed(db, res, sql);

	db->pq.clear(res);
	return r;
}

/* The first value of the first row; "" when there is none. */
static int ask(struct db *db, const char *sql, char *ret, size_t room)
{
	PGresult *res = db->pq.exec(db->c, sql);
	int r = db->pq.resultStatus(res) == PGRES_TUPLES_OK ? 0 : pg_failed(db, res, sql);

	if (r == 0)
		first_line(db->pq.ntuples(res) ? db->pq.getvalue(res, 0, 0) : "", ret, room);
	db->pq.clear(res);
	return r;
}

/* Nobody else may have the platform's lock; it goes with the connection. At a start that of a platform that was killed a moment ago
 * may not have gone yet. */
static int lock_out(struct db *db)
{
	char sql[400], who[100];
	struct buf b = BUF_FIXED(sql);
	long long key = (long long) pg_key(db, "platform ");
	int r;

	sql[0] = 0;
	buf_addf(&b, "SET lock_timeout TO %d; SELECT pg_advisory_lock(%lld); SET lock_timeout TO 0", db->connection == 1 ? START_LOCK_MS : 1, key);
	r = exec(db, sql);
	if (r != -ERR_BUSY)
		return r;
	buf_clear(&b);
	buf_addf(&b, "SELECT coalesce(host(a.client_addr), 'local') || ', backend ' || a.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
		"WHERE l.locktype = 'advisory' AND l.granted AND (l.classid::bigint << 32 | l.objid::bigint) = %lld", key);
	if (ask(db, sql, who, sizeof(who)) < 0)
		who[0] = 0;
	return err_fail(ERR_LOCKED, "what", db->config->name, "value", who, NULL);
}

static int make_schema(struct db *db)
{
	const char *schema = db->config->schema;
	char sql[300] = "", got[8];
	int r;

	buf_addf(&BUF_FIXED(sql), "SELECT 1 FROM pg_namespace WHERE nspname = '%s'", schema);
	r = ask(db, sql, got, sizeof(got));
	if (r < 0 || got[0])
		return r;
	sql[0] = 0;
	buf_addf(&BUF_FIXED(sql), "BEGIN; SELECT pg_advisory_xact_lock(%lld); CREATE SCHEMA IF NOT EXISTS \"%s\"; COMMIT",
		(long long) pg_key(db, "writer "), schema);
	return exec(db, sql);
}

static int set_up(struct db *db)
{
	const char *encoding = db->pq.parameterStatus(db->c, "server_encoding");
	char sql[600] = "";
	int version = db->pq.serverVersion(db->c), r;

	if (version < VERSION_MIN)
		return err_failf(ERR_CONFIG, "PostgreSQL %d is too old: 13 or newer is needed", version / 10000);
	if (!str_eq(encoding, "UTF8"))
		return err_failf(ERR_CONFIG, "the database is encoded in %s and must be in UTF8", encoding ?: "?");
	buf_addf(&BUF_FIXED(sql), "SET search_path TO \"%s\", pg_catalog; SET standard_conforming_strings TO on; SET jit TO off; "
		"SET statement_timeout TO 0; SET idle_in_transaction_session_timeout TO 0; SET default_transaction_deferrable TO off; "
		"SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'; "
		"SET tcp_keepalives_idle TO 10; SET tcp_keepalives_interval TO 5; SET tcp_keepalives_count TO 3", db->config->schema);
	r = exec(db, sql);
	if (r == 0 && db->writer)
		r = make_schema(db);
	if (r == 0 && db->writer && db->config->sole)
		r = lock_out(db);
	return r;
}

static int connect(struct db *db)
{
	/* What stands before the URL is overruled by it, what stands behind overrules it. */
	static const char *const keys[] = { "connect_timeout", "keepalives_idle", "tcp_user_timeout", "fallback_application_name", "dbname",
		"client_encoding", NULL };
	const char *const values[] = { "5", "10", "10000", "tenon", db->config->url, "UTF8", NULL };

	db->c = db->pq.connectdbParams(keys, values, 1);
	if (!db->c)
		return err_fail(ERR_NO_MEMORY, "what", "PostgreSQL", NULL);
	db->connection++;
	if (db->pq.status(db->c) != CONNECTION_OK) {
		char text[200];

		first_line(db->pq.errorMessage(db->c), text, sizeof(text));
		return unavailable(db, text);
	}
	db->pq.setNoticeProcessor(db->c, pass_over, NULL);
	return set_up(db);
}

void pg_disconnect(struct db *db)
{
	if (db->c)
		db->pq.finish(db->c);
	db->c = NULL;
	db->stale = db->in_tx = false;
	buf_clear(&db->leave);
}

int pg_connected(struct db *db)
{
	int64_t now = clock_mono_ns();
	int r;

	if (db->c && !db->stale && !pg_is_gone(db))
		return 0;
	pg_disconnect(db);
	if (now < db->retry_ns)
		return unavailable(db, db->why);
	r = connect(db);
	if (r == 0) {
		db->delay_ns = db->retry_ns = 0;
		return 0;
	}
	first_line(err_arg(err_peek(), "detail") ?: err_arg(err_peek(), "value"), db->why, sizeof(db->why));
	db->delay_ns = CLAMP(db->delay_ns * 2, RETRY_FIRST_MS * NS_PER_MS, RETRY_MAX_MS * NS_PER_MS);
	db->retry_ns = clock_mono_ns() + db->delay_ns;
	{
		struct err e = *err_peek();

		pg_disconnect(db);
		err_put(&e);
	}
	return r;
}
