/*
 * store_behind.c - what a transaction writes behind its back: rows of the feed, gathered so that one statement writes many; their hashes, made
 * by a second thread when they become many; and, when that was asked for (store_put_behind), the rows of new records themselves, by a third.
 *
 *     put ──> batch being filled ──> hasher ──> writer (a thread, else whoever puts next) ──> engine
 *
 * A batch holds copies of the records: the threads see nothing else of the transaction. The writer's thread uses the connection; so whoever
 * else wants it waits first until everything given is written (behind_wait, in stmt_get()). What the engine refuses behind is remembered and
 * is what every later call returns. The threads are there from the thousandth row of a transaction to its end.
 */
#include "base/map.h"
#include "store/behind.h"

enum { HASHER = 1, WRITER = 2 };
enum { MANY = 1024, COPIES_MAX = 8 << 20, BATCHES = 4, KEYS = 5, KEPT_KEYS_MAX = 2 << 20, WAITS = 64 };

struct item {
	const struct rec_type *t;               /* whose hash `after` is still to be made; NULL: nothing is */
	const struct table *table;              /* where the record is still to be put; NULL: nowhere */
	void *rec;
	struct cell search;                     /* with it */
};

struct batch {
	struct store_change row[CHANGES_GATHERED];
	struct item of[CHANGES_GATHERED];
	unsigned n;
	struct arena copies;
};

struct gathered {
	struct batch batch[BATCHES];
	uint64_t given, written;                /* batches; batch[given % BATCHES] is being filled. Whoever puts alone changes `given` */
	uint64_t rows;
	bool alone;                             /* no second thread could be had */
	/* the threads */
	struct thread hasher, writer;
	struct mutex lock;                      /* what stands below, and `given` and `written` when there are threads */
	struct cond changed;
	uint64_t hashed;
	unsigned end;                           /* bits of those who shall end */
	bool drop;                              /* what is given is thrown away */
	struct store_tx behind;                 /* the writer's */
	atomic_int failed;
	struct err err;
	/* records put behind */
	bool puts, large;                       /* they are; they were in this transaction */
	const struct rec_type *type;
	const struct rec_field *field[KEYS];
	size_t n_fields;
	struct map keys;                        /* hashes of what the records have in these fields: those of the store and those put since */
	uint64_t waits, put;                    /* times somebody had to wait, records put behind */
};

/* ---- batches ---- */

static struct batch *filling(struct gathered *g)
{
	return &g->batch[g->given % BATCHES];
}

static void empty(struct batch *b)
{
	b->n = 0;
	arena_reset(&b->copies);
}

static int make_hashes(struct batch *b)
{
	struct hash_of of[CHANGES_GATHERED];
	size_t n = 0;

	for (unsigned i = 0; i < b->n; i++)
		if (b->of[i].t)
			of[n++] = (struct hash_of) { b->of[i].t, b->of[i].rec, b->row[i].after };
	return store_hash_many(of, n);
}

static int write(struct store_tx *tx, struct batch *b)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < b->n; i++)
		if (b->of[i].table)
			r = record_insert(tx, b->of[i].table, b->of[i].rec, &b->of[i].search);
	if (r == 0)
		r = change_insert(tx, b->row, b->n);
	empty(b);
	return r;
}

/* ---- the threads ---- */

/* With the lock. The first is the one that is told. */
static void note_failure(struct gathered *g, int r)
{
	if (r == 0 || g->failed)
		return;
	g->failed = r;
	g->err = *err_peek();
}

static void hasher(void *arg)
{
	struct gathered *g = arg;

	mutex_hold(&g->lock);
	for (;;) {
		struct batch *b = &g->batch[g->hashed % BATCHES];
		int r;

		while (g->hashed == g->given && !(g->end & HASHER))
			cond_wait(&g->changed, &g->lock);
		if (g->hashed == g->given)
			return;
		mutex_unlock(&g->lock);
		r = make_hashes(b);
		mutex_lock(&g->lock);
		note_failure(g, r);
		g->hashed++;
		cond_broadcast(&g->changed);
	}
}

static void writer(void *arg)
{
	struct gathered *g = arg;

	mutex_hold(&g->lock);
	for (;;) {
		struct batch *b = &g->batch[g->written % BATCHES];
		bool drop;
		int r = 0;

		while (g->written == g->hashed && !(g->end & WRITER))
			cond_wait(&g->changed, &g->lock);
		if (g->written == g->hashed)
			return;
		drop = g->drop || g->failed;
		mutex_unlock(&g->lock);
		if (drop)
			empty(b);
		else
			r = write(&g->behind, b);
		mutex_lock(&g->lock);
		note_failure(g, r);
		g->written++;
		cond_broadcast(&g->changed);
	}
}

static void begin(struct gathered *g)
{
	g->end = 0;
	g->drop = false;
	g->hashed = g->written;
	g->alone = thread_cores() < 2 || thread_start(&g->hasher, "store.hash", hasher, g) < 0;
	if (g->alone)
		err_clear();
}

static void end_of(struct gathered *g, struct thread *t, unsigned who)
{
	if (!t->started)
		return;
	mutex_lock(&g->lock);
	g->end |= who;
	cond_broadcast(&g->changed);
	mutex_unlock(&g->lock);
	thread_join(t);
	*t = (struct thread) { .started = false };
}

/* Until all that was given has gone through both threads, or the one there is. */
static void wait_for(struct gathered *g)
{
	mutex_hold(&g->lock);
	while (g->hasher.started && (g->hashed != g->given || (g->writer.started && g->written != g->given)))
		cond_wait(&g->changed, &g->lock);
}

static void give(struct gathered *g)
{
	mutex_hold(&g->lock);
	g->given++;
	cond_broadcast(&g->changed);
	while (g->writer.started && g->given - g->written == BATCHES)
		cond_wait(&g->changed, &g->lock);
}

/* ---- whoever puts ---- */

static int refused(struct gathered *g)
{
	if (g->failed)
		err_put(&g->err);
	return g->failed;
}

/* The first that is not written, once its hashes are made. */
static int write_next(struct store_tx *tx, struct gathered *g)
{
	int r;

	mutex_lock(&g->lock);
	while (g->hashed == g->written)
		cond_wait(&g->changed, &g->lock);
	r = refused(g);
	mutex_unlock(&g->lock);
	return r < 0 ? r : write(tx, &g->batch[g->written++ % BATCHES]);
}

static int flush_behind(struct gathered *g)
{
	if (filling(g)->n)
		give(g);
	wait_for(g);
	return refused(g);
}

int changes_flush(struct store_tx *tx)
{
	struct gathered *g = tx->conn->gathered;
	int r = 0;

	if (!g || tx == &g->behind)
		return 0;
	if (g->writer.started || g->failed)
		return flush_behind(g);
	while (r == 0 && g->written < g->given)
		r = write_next(tx, g);
	if (r < 0)
		return r;
	r = make_hashes(filling(g));
	return r < 0 ? r : write(tx, filling(g));
}

/* The threads are idle after it. */
void changes_drop(struct store_tx *tx)
{
	struct gathered *g = tx->conn->gathered;

	if (!g)
		return;
	mutex_lock(&g->lock);
	g->drop = true;
	mutex_unlock(&g->lock);
	wait_for(g);
	g->written = g->hashed = g->given;
	g->drop = false;
	for (unsigned i = 0; i < BATCHES; i++)
		empty(&g->batch[i]);
}

static void stop(struct gathered *g)
{
	end_of(g, &g->hasher, HASHER);
	end_of(g, &g->writer, WRITER);
	if (g->large)
		g->behind.e->large(g->behind.conn->db, false);
	g->large = false;
	g->puts = g->alone = false;
	g->failed = 0;
	g->rows = g->waits = g->put = 0;
	map_done(&g->keys);
	g->keys = MAP_INIT(&sys_heap);
	arena_done(&g->behind.scratch);
	for (unsigned i = 0; i < BATCHES; i++)
		arena_done(&g->batch[i].copies);
}

void changes_end(struct store_tx *tx)
{
	struct gathered *g = tx->conn->gathered;

	if (!g)
		return;
	changes_drop(tx);
	stop(g);
}

struct gathered *gathered_free(struct gathered *g)
{
	if (!g)
		return NULL;
	stop(g);
	mutex_done(&g->lock);
	cond_done(&g->changed);
	return sys_free(g);
}

static struct gathered *gathered_of(struct store_tx *tx)
{
	struct gathered *g = tx->conn->gathered;

	if (g)
		return g;
	g = sys_new(struct gathered);
	if (!g)
		return NULL;
	mutex_init(&g->lock);
	cond_init(&g->changed);
	g->keys = MAP_INIT(&sys_heap);
	arena_init(&g->behind.scratch, &sys_heap, 0);
	for (unsigned i = 0; i < BATCHES; i++)
		arena_init(&g->batch[i].copies, &sys_heap, COPIES_MAX);
	return tx->conn->gathered = g;
}

/* A row of the feed; what becomes of its record is added by the caller. */
static struct item *add(struct store_tx *tx, struct gathered *g, const struct store_change *c)
{
	struct batch *b = filling(g);

	b->row[b->n] = *c;
	/* There is one writer, and a rollback takes its number back: no gaps, and the order of commits. */
	b->row[b->n].seq = tx->seq = (tx->seq ?: change_last(tx)) + 1;
	b->of[b->n] = (struct item) { .t = NULL };
	g->rows++;
	return &b->of[b->n++];
}

/* For the second thread; false: no memory, so the first must do it. */
static bool copy(struct batch *b, struct item *i, const struct rec_type *t, const void *rec)
{
	void *to = arena_alloc(&b->copies, t->size);

	if (!to || rec_dup(t, to, rec, &b->copies) < 0) {
		err_clear();
		return false;
	}
	i->t = t;
	i->rec = to;
	return true;
}

int change_add(struct store_tx *tx, const struct store_change *c, const struct rec_type *t, const void *after)
{
	struct gathered *g = gathered_of(tx);
	struct batch *b;
	struct item *i;
	int r = 0;

	if (!g)
		return store_no_memory(tx->store);
	b = filling(g);
	i = add(tx, g, c);
	if (after && (!g->hasher.started || !copy(b, i, t, after)))
		r = store_hash(t, after, b->row[b->n - 1].after);
	if (r < 0 || b->n < CHANGES_GATHERED)
		return r;
	if (!g->hasher.started) {
		r = write(tx, b);
		if (g->rows >= MANY && !g->alone)
			begin(g);
		return r;
	}
	give(g);
	while (r == 0 && !g->writer.started && g->given - g->written > 1)
		r = write_next(tx, g);
	return r;
}

/* ---- records put behind ---- */

static uint64_t key_of(const struct cell *c, size_t n)
{
	uint64_t h = 0;

	for (size_t i = 0; i < n; i++) {
		h = (h ^ (c[i].kind == CELL_TEXT || c[i].kind == CELL_BLOB ? hash_bytes(c[i].p, c[i].len) : 0)) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 32;
	}
	return h;
}

static bool is_any(const void *item, const void *key) { return true; }

static int note_key(struct gathered *g, uint64_t key)
{
	if (map_find(&g->keys, key, is_any, NULL) || map_put(&g->keys, key, g))
		return 0;
	return err_fail(ERR_NO_MEMORY, "what", "store", NULL);
}

/* Of the record's fields in `g`. */
static int key_in(struct store_tx *tx, struct gathered *g, const void *rec, uint64_t *ret)
{
	struct cell c[KEYS];
	int r = 0;

	for (size_t i = 0; r == 0 && i < g->n_fields; i++)
		r = cell_of(tx, g->type, rec, g->field[i], &c[i]);
	if (r == 0)
		*ret = key_of(c, g->n_fields);
	return r;
}

bool behind_lacks(struct store_tx *tx, const struct rec_type *t, const struct rec_field *const *fields, size_t n, const void *like)
{
	struct gathered *g = tx->conn->gathered;
	uint64_t key;

	if (!g || !g->puts || t != g->type || n != g->n_fields || memcmp(fields, g->field, n * sizeof(*fields)) != 0)
		return false;
	return key_in(tx, g, like, &key) == 0 && !map_find(&g->keys, key, is_any, NULL);
}

int behind_wait(struct store_tx *tx)
{
	struct gathered *g = tx->conn->gathered;
	bool idle;
	int r;

	if (!g || tx == &g->behind || (!g->writer.started && !g->failed))
		return 0;
	mutex_lock(&g->lock);
	idle = g->written == g->given && !filling(g)->n;
	mutex_unlock(&g->lock);
	if (idle)
		return refused(g);
	r = flush_behind(g);
	if (++g->waits > WAITS && g->put < g->waits * CHANGES_GATHERED) {       /* somebody looks at nearly every row: it does not pay */
		g->puts = false;
		end_of(g, &g->writer, WRITER);
	}
	return r;
}

int behind_note(struct store_tx *tx, const struct rec_type *t, const void *rec)
{
	struct gathered *g = tx->conn->gathered;
	uint64_t key = 0;
	int r = g && g->puts && t == g->type ? key_in(tx, g, rec, &key) : 1;

	return r == 0 ? note_key(g, key) : MIN(r, 0);
}

bool behind_takes(struct store_tx *tx, const struct table *t)
{
	const struct gathered *g = tx->conn->gathered;

	return g && g->puts && !tx->savepoints && !tx->busy && !(t->flags & STORE_QUIET) && !tx->migrating;
}

int behind_put(struct store_tx *tx, const struct table *t, const void *rec, const struct store_change *c)
{
	struct gathered *g = tx->conn->gathered;
	struct batch *b = filling(g);
	struct item *i;
	int r = behind_note(tx, t->type, rec);

	if (r < 0)
		return r;
	i = add(tx, g, c);
	if (!copy(b, i, t->type, rec) || record_search(t, rec, &b->copies, &i->search) < 0) {
		b->n--;
		tx->seq--;
		return store_no_memory(tx->store);
	}
	i->table = t;
	g->put++;
	if (b->n == CHANGES_GATHERED)
		give(g);
	return 0;
}

/* What the records of the store have in the fields. */
static int load_keys(struct store_tx *tx, struct gathered *g)
{
	_cleanup_(buf_done) struct buf sql = BUF_INIT(&sys_heap, 4096);
	struct cell c[KEYS];
	STMT(tx, use);
	int r;

	buf_add(&sql, "SELECT ");
	for (size_t i = 0; i < g->n_fields; i++)
		buf_addf(&sql, "%s\"%s\"", i ? ", " : "", g->field[i]->name);
	buf_addf(&sql, " FROM \"%s\"", g->type->plural);
	r = sql.failed ? store_no_memory(tx->store) : stmt_get(tx, sql.data, false, &use.k);
	if (r < 0)
		return r;
	tx->e->many(use.k->st);
	while ((r = tx->e->step(use.k->st)) == 1) {
		for (unsigned i = 0; i < g->n_fields; i++)
			c[i] = tx->e->column(use.k->st, i);
		r = note_key(g, key_of(c, g->n_fields));
		if (r < 0)
			return r;
	}
	return r;
}

static int count(struct store_tx *tx, const struct rec_type *t, uint64_t *ret)
{
	_cleanup_(buf_done) struct buf sql = BUF_INIT(&sys_heap, 4096);
	STMT(tx, use);
	int r;

	buf_addf(&sql, "SELECT count(*) FROM \"%s\"", t->plural);
	r = sql.failed ? store_no_memory(tx->store) : stmt_get(tx, sql.data, false, &use.k);
	if (r == 0)
		r = tx->e->step(use.k->st);
	if (r == 1)
		*ret = (uint64_t) tx->e->column(use.k->st, 0).i;
	return MIN(r, 0);
}

int store_put_behind(struct store_tx *tx, const struct rec_type *t, const struct rec_field *const *fields, size_t n, uint64_t expected)
{
	struct gathered *g = gathered_of(tx);
	uint64_t there = 0;
	int r = g ? changes_flush(tx) : store_no_memory(tx->store);

	if (r < 0 || g->puts || n > KEYS || tx->savepoints || expected < MANY || expected > KEPT_KEYS_MAX)
		return r;
	for (size_t i = 0; i < n; i++)
		if (fields[i]->kind != REC_STR && fields[i]->kind != REC_REF)
			return 0;
	r = count(tx, t, &there);
	if (r < 0 || there > 4 * expected || there + expected > KEPT_KEYS_MAX)
		return r;
	g->type = t;
	g->n_fields = n;
	memcpy(g->field, fields, n * sizeof(*fields));
	r = load_keys(tx, g);
	if (r < 0)
		return r;
	if (!g->hasher.started && !g->alone)
		begin(g);
	if (g->alone)
		return 0;
	g->behind = (struct store_tx) { .store = tx->store, .conn = tx->conn, .e = tx->e, .mode = STORE_WRITE, .scratch = g->behind.scratch };
	g->puts = thread_start(&g->writer, "store.write", writer, g) == 0;
	if (!g->puts)
		err_clear();
	g->large = g->puts;
	if (g->large)
		tx->e->large(tx->conn->db, true);
	return 0;
}

bool store_refused_behind(const struct store_tx *tx)
{
	return tx->conn->gathered && tx->conn->gathered->failed;
}

int store_settle(struct store_tx *tx)
{
	return changes_flush(tx);
}
