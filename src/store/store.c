/* store.c - opening, connections, transactions. */
#include "store/behind.h"

enum { CACHE_KB = 1024, WRITER_CACHE_KB = 16384, READERS = 4, REST_S = 60 };

int store_no_memory(const struct store *s)
{
	return err_fail(ERR_NO_MEMORY, "what", s->name, NULL);
}

int store_term(char out[64], const char *noun)
{
	struct buf b = { .data = out, .room = 64, .max = 64 };

	out[0] = 0;
	buf_addf(&b, "@%.41s", noun);
	return 0;
}

const char *store_sql(struct store *s, struct buf *b)
{
	return b->failed ? NULL : arena_strn(&s->arena, b->data, b->len);
}

/* --- tables --------------------------------------------------------------------------------------------------------------- */

const struct table *store_table(const struct store *s, const struct rec_type *t)
{
	unsigned n = atomic_load_explicit(&((struct store *) (uintptr_t) s)->n_tables, memory_order_acquire);

	for (unsigned i = 0; i < n; i++)
		if (s->tables[i]->type == t)
			return s->tables[i];
	return NULL;
}

const struct table *store_table_of(const struct store *s, const char *noun)
{
	unsigned n = atomic_load_explicit(&((struct store *) (uintptr_t) s)->n_tables, memory_order_acquire);

	for (unsigned i = 0; i < n; i++)
		if (str_eq(s->tables[i]->type->name, noun))
			return s->tables[i];
	return NULL;
}

int store_need_table(struct store_tx *tx, const struct rec_type *t, const struct table **ret)
{
	*ret = store_table(tx->store, t);
	if (*ret)
		return 0;
	return err_failf(ERR_BROKEN, "%s does not hold %s", tx->store->name, t->plural);
}

/* --- statements ----------------------------------------------------------------------------------------------------------- */

static uint64_t key_of(const char *sql, bool fixed)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	if (fixed)
		return (uint64_t) (uintptr_t) sql;
	for (; *sql; sql++)
		h = (h ^ (unsigned char) *sql) * UINT64_C(0x100000001b3);
	return h | UINT64_C(1) << 63;
}

static void kept_drop(const struct engine *e, struct kept *k)
{
	k->st = e->done(k->st);
	if (!k->fixed)
		sys_free((void *) (uintptr_t) k->sql);
	*k = (struct kept) { 0 };
}

/* The same text, else an empty place, else the one used longest ago. All busy: nobody nests 64 deep. */
static struct kept *place_for(struct conn *c, const char *sql, uint64_t key, bool fixed)
{
	struct kept *best = NULL;

	for (struct kept *k = c->kept; k < c->kept + STATEMENTS_MAX; k++) {
		if (k->busy)
			continue;
		if (k->st && k->key == key && k->fixed == fixed && (fixed || str_eq(k->sql, sql)))
			return k;
		if (!best || k->used < best->used)
			best = k;
	}
	return best;
}

int stmt_get(struct store_tx *tx, const char *sql, bool fixed, struct kept **ret)
{
	struct conn *c = tx->conn;
	uint64_t key = key_of(sql, fixed);
	struct kept *k;
	int r = behind_wait(tx);

	if (r < 0)
		return r;
	k = place_for(c, sql, key, fixed);
	if (!k)
		return err_failf(ERR_BROKEN, "%s: too many statements at once", tx->store->name);
	if (!k->st || k->key != key || k->fixed != fixed || (!fixed && !str_eq(k->sql, sql))) {
		kept_drop(tx->e, k);
		k->sql = fixed ? sql : sys_strdup(sql);
		k->fixed = fixed;
		if (!k->sql)
			return store_no_memory(tx->store);
		r = tx->e->prepare(c->db, sql, &k->st);
		if (r < 0) {
			kept_drop(tx->e, k);
			return r;
		}
		k->key = key;
	}
	k->busy = true;
	tx->busy++;
	k->used = ++c->clock;
	*ret = k;
	return 0;
}

void stmt_put(struct store_tx *tx, struct kept *k)
{
	tx->e->reset(k->st);
	k->busy = false;
	tx->busy--;
}

int stmt_run(struct store_tx *tx, const char *sql, bool fixed, const struct cell *cells, unsigned n)
{
	STMT(tx, use);
	int r = stmt_get(tx, sql, fixed, &use.k);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < n; i++)
		tx->e->bind(use.k->st, i + 1, &cells[i]);
	do
		r = tx->e->step(use.k->st);
	while (r == 1);
	return r;
}

/* --- connections ---------------------------------------------------------------------------------------------------------- */

static struct conn *conn_free(struct store *s, struct conn *c)
{
	if (!c)
		return NULL;
	for (size_t i = 0; i < STATEMENTS_MAX; i++)
		kept_drop(s->e, &c->kept[i]);
	if (!c->borrowed)
		s->e->close(c->db);
	recent_forget(c, NULL);
	gathered_free(c->gathered);
	if (c->tx)
		arena_done(&c->tx->scratch);
	sys_free(c->tx);
	return sys_free(c);
}

static int conn_new(struct store *s, bool writer, struct db *shared, struct conn **ret)
{
	struct conn *c = sys_new(struct conn);
	uint32_t cache = s->config.cache_kb ?: CACHE_KB, writing = s->config.cache_kb ?: WRITER_CACHE_KB;
	int r = 0;

	if (c)
		c->tx = sys_new(struct store_tx);
	if (!c || !c->tx) {
		conn_free(s, c);
		return store_no_memory(s);
	}
	arena_init(&c->tx->scratch, &sys_heap, 0);
	c->borrowed = shared;
	c->db = shared;
	if (!shared)
		r = s->e->open(&c->db, &s->config, writer, writer ? writing : MAX(cache / 4, 64u));
	if (r < 0) {
		conn_free(s, c);
		return r;
	}
	*ret = c;
	return 0;
}

/* A free connection of that mode, lent to the caller. A reader that does not exist yet is made. */
static int conn_lend(struct store *s, enum store_mode mode, int64_t deadline_ns, struct conn **ret)
{
	mutex_hold(&s->lock);

	for (;;) {
		if (mode == STORE_WRITE && !s->writer->lent) {
			*ret = s->writer;
			break;
		}
		*ret = NULL;
		for (uint32_t i = 0; mode == STORE_READ && i < s->n_readers && !*ret; i++)
			if (!s->readers[i]->lent)
				*ret = s->readers[i];
		if (mode == STORE_READ && !*ret && s->n_readers < s->readers_max) {
			int r = conn_new(s, false, NULL, ret);

			if (r < 0)
				return r;
			s->readers[s->n_readers++] = *ret;
		}
		if (*ret)
			break;
		if (!cond_wait_until(&s->freed, &s->lock, deadline_ns ?: INT64_MAX))
			return err_fail(ERR_BUSY, "what", s->name, NULL);
	}
	(*ret)->lent = true;
	return 0;
}

static void conn_return(struct store *s, struct conn *c)
{
	recent_forget(c, NULL);
	mutex_hold(&s->lock);

	c->lent = false;
	cond_broadcast(&s->freed);
}

/* --- transactions --------------------------------------------------------------------------------------------------------- */

static struct store_tx *tx_on(struct store *s, struct conn *c, enum store_mode mode)
{
	struct arena scratch = c->tx->scratch;

	recent_forget(c, NULL);
	arena_reset(&scratch);
	*c->tx = (struct store_tx) { .store = s, .conn = c, .e = s->e, .mode = mode, .scratch = scratch };
	return c->tx;
}

int store_begin(struct store *s, enum store_mode mode, int64_t deadline_ns, struct store_tx **ret)
{
	struct store_tx *tx;
	struct conn *c;
	int r = conn_lend(s, mode, deadline_ns, &c);

	if (r < 0)
		return r;
	tx = tx_on(s, c, mode);
	r = s->e->begin(c->db, mode == STORE_WRITE, deadline_ns);
	if (r < 0) {
		conn_return(s, c);
		return err_wrap(r, "%s", s->name);
	}
	*ret = tx;
	return 0;
}

struct store_tx *store_rollback(struct store_tx *tx)
{
	struct err e;

	if (!tx)
		return NULL;
	e = *err_peek();                        /* the reason for rolling back is the sentence to keep */
	changes_end(tx);
	tx->e->end(tx->conn->db, false);        /* fails only when the engine has done it already */
	err_put(&e);
	conn_return(tx->store, tx->conn);
	return NULL;
}

static void tell_all(struct store *s, uint64_t seq)
{
	struct err e = *err_peek();

	for (uint32_t i = 0; i < s->n_on_commit; i++)
		s->on_commit[i].fn(s->on_commit[i].ctx, seq);
	err_put(&e);
}

int store_commit(struct store_tx *tx)
{
	struct store *s = tx->store;
	uint64_t seq = tx->seq;
	int r = changes_flush(tx);

	if (r == 0)
		r = tx->e->end(tx->conn->db, true);

	if (r == 0) {
		if (seq)
			atomic_store(&s->seq, seq);
		changes_end(tx);
		conn_return(s, tx->conn);
	} else {
		store_rollback(tx);
		err_wrap(r, "%s", s->name);
	}
	if (seq && (r == 0 || r == -ERR_UNAVAILABLE))   /* the answer was lost: it may have happened, so let them look */
		tell_all(s, seq);
	return r;
}

/* Said so often that SQLite keeps it prepared. */
static int step_sql(struct store_tx *tx, const char *sql)
{
	return tx->e->dialect == REC_SQLITE ? stmt_run(tx, sql, true, NULL, 0) : tx->e->run(tx->conn->db, sql);
}

int store_savepoint(struct store_tx *tx)
{
	int r = tx->savepoints ? err_failf(ERR_BROKEN, "%s: a step inside a step", tx->store->name) : changes_flush(tx);

	if (r == 0)
		r = step_sql(tx, "SAVEPOINT step");
	if (r == 0)
		tx->savepoints = 1;
	tx->seq_before = tx->seq;
	return r;
}

int store_release(struct store_tx *tx, bool keep)
{
	struct err e = *err_peek();
	int r;

	if (!keep)
		changes_drop(tx);               /* all of this step */
	r = keep ? step_sql(tx, "RELEASE step") : tx->e->run(tx->conn->db, "ROLLBACK TO step; RELEASE step");

	tx->savepoints = 0;
	if (!keep) {
		tx->seq = tx->seq_before;
		recent_forget(tx->conn, NULL);
	}
	if (r == 0)
		err_put(&e);
	return r;
}

uint64_t store_writes(const struct store_tx *tx)
{
	return tx->writes;
}

void store_on_commit(struct store *s, store_commit_fn fn, void *ctx)
{
	mutex_hold(&s->lock);

	if (s->n_on_commit < ON_COMMIT_MAX) {
		s->on_commit[s->n_on_commit].ctx = ctx;
		s->on_commit[s->n_on_commit++].fn = fn;
	}
}

uint64_t store_last_seq(struct store *s)
{
	return atomic_load(&s->seq);
}

/* --- opening -------------------------------------------------------------------------------------------------------------- */

struct store *store_close(struct store *s)
{
	if (!s)
		return NULL;
	for (uint32_t i = 0; i < s->n_readers; i++)
		conn_free(s, s->readers[i]);
	conn_free(s, s->writer);                /* last: it folds the log into the file */
	for (unsigned i = 0; i < atomic_load(&s->n_tables); i++)
		rec_type_unref(s->tables[i]->type);
	cond_done(&s->freed);
	mutex_done(&s->lock);
	arena_done(&s->arena);
	return sys_free(s);
}

static int add_table(struct store *s, const struct store_noun *noun)
{
	unsigned n = atomic_load(&s->n_tables);
	struct table *t;
	int r;

	if (n == TABLES_MAX)
		return err_fail(ERR_LIMIT, "what", s->name, "max", "512", NULL);
	r = store_table_make(s, noun, &t);
	if (r < 0)
		return r;
	rec_type_ref(noun->type);
	s->tables[n] = t;
	atomic_store_explicit(&s->n_tables, n + 1, memory_order_release);
	return 0;
}

int store_connect(struct store *s, bool writes, struct db *db, struct store_tx **ret)
{
	int r = conn_new(s, writes, db, &s->writer);

	if (r == 0)
		*ret = tx_on(s, s->writer, writes ? STORE_WRITE : STORE_READ);
	return r;
}

static const char *copy(struct store *s, const char *text, bool *all)
{
	const char *to = text ? arena_str(&s->arena, text) : NULL;

	*all &= !text || to;
	return to;
}

int store_shell(struct store **ret, const struct store_config *config)
{
	const char *name = config->name ?: config->url ? config->schema : config->path;
	struct store *s = sys_new(struct store);
	_cleanup_(buf_done) struct buf sql = BUF_INIT(&sys_heap, 1 << 16);
	bool all = true;
	int r;

	if (!s)
		return err_fail(ERR_NO_MEMORY, "what", name, NULL);
	s->e = config->url ? &store_pg : &store_sqlite;
	s->config = *config;
	s->readers_max = MIN(config->readers ?: READERS, (uint32_t) READERS_MAX);
	mutex_init(&s->lock);
	cond_init(&s->freed);
	arena_init(&s->arena, &sys_heap, 0);
	s->config.path = copy(s, config->path, &all);
	s->config.url = copy(s, config->url, &all);
	s->config.schema = copy(s, config->schema, &all);
	s->name = s->config.name = copy(s, name, &all);
	change_sql(&sql);
	s->change_sql = store_sql(s, &sql);
	all &= s->change_sql != NULL;
	r = all ? 0 : err_fail(ERR_NO_MEMORY, "what", name, NULL);
	for (size_t i = 0; r == 0 && i < config->n_nouns; i++)
		r = add_table(s, &config->nouns[i]);
	if (r < 0) {
		store_close(s);
		return err_wrap(r, "%s", name);
	}
	*ret = s;
	return 0;
}

/* A reader of PostgreSQL connects when it begins. */
static int look_at(struct store *s, struct store_tx *tx)
{
	int r = s->e->begin(tx->conn->db, false, 0);

	if (r == 0) {
		r = store_schema_is_todays(s, tx);
		struct err e = *err_peek();

		s->e->end(tx->conn->db, false);
		err_put(&e);
	}
	return r;
}

int store_open(struct store **ret, const struct store_config *config)
{
	_cleanup_(store_closep) struct store *s = NULL;
	struct store_tx *tx;
	int r = store_shell(&s, config);

	if (r < 0)
		return r;
	r = store_connect(s, !config->look, NULL, &tx);
	if (r == 0)
		r = config->look ? look_at(s, tx) : store_schema_open(s, tx);
	if (r < 0)
		return err_wrap(r, "%s", config->name ?: config->url ? config->schema : config->path);
	*ret = take(s);
	return 0;
}

int store_add_noun(struct store *s, const struct store_noun *noun, int64_t deadline_ns)
{
	_cleanup_(buf_done) struct buf later = BUF_INIT(&sys_heap, 1 << 20);
	struct store_tx *tx = NULL;
	unsigned before;
	int r = rec_type_check(noun->type);

	if (r == 0)
		r = store_begin(s, STORE_WRITE, deadline_ns, &tx);
	if (r < 0)
		return r;
	before = atomic_load(&s->n_tables);             /* nobody else adds one: we are the only writer */
	r = store_table_of(s, noun->type->name) ? err_fail(ERR_EXISTS, "what", "@record", "field", "name", "value", noun->type->name, NULL)
		: add_table(s, noun);
	if (r == 0)
		r = store_schema_sync(tx, store_table(s, noun->type), &later);
	if (r == 0)
		r = store_schema_run(tx, &later);
	if (r == 0 && tx->refill)
		r = store_schema_fill(s, tx);
	if (r == 0)
		return store_commit(tx);
	store_rollback(tx);
	if (atomic_load(&s->n_tables) > before) {
		atomic_store(&s->n_tables, before);
		rec_type_unref(noun->type);
	}
	return r;
}

int store_verify(struct store *s)
{
	struct conn *c;
	int r = conn_lend(s, STORE_READ, 0, &c);

	if (r < 0)
		return r;
	r = s->e->begin(c->db, false, 0);
	if (r == 0) {
		r = s->e->verify(c->db);
		struct err e = *err_peek();

		s->e->end(c->db, false);
		err_put(&e);
	}
	conn_return(s, c);
	return r;
}

int store_scour(struct store *s, int64_t deadline_ns)
{
	struct conn *c;
	int r = conn_lend(s, STORE_WRITE, deadline_ns, &c);

	if (r < 0)
		return r;
	r = s->e->scour(c->db);
	conn_return(s, c);
	return r;
}

void store_rest(struct store *s)
{
	int64_t since = clock_mono_ns() - REST_S * NS_PER_S;

	mutex_hold(&s->lock);
	for (uint32_t i = 0; i < s->n_readers; i++)
		if (!s->readers[i]->lent)
			s->e->rest(s->readers[i]->db, since);
	if (!s->writer->lent && !s->config.sole)
		s->e->rest(s->writer->db, since);
}
