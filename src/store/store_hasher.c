/*
 * store_hasher.c - rows of the feed on their way: gathered, so that one statement writes many; hashed by a second thread when they become
 * many.
 *
 * There are two batches. While one is filled, the thread makes the hashes of the other, which is written when the first is full. The
 * thread is there from the thousandth row of a transaction to its end; it sees copies of records and nothing else.
 */
#include "store/store_int.h"

enum { MANY = 1024, COPIES_MAX = 8 << 20 };

struct batch {
	struct store_change row[CHANGES_GATHERED];
	struct { const struct rec_type *t; void *rec; } of[CHANGES_GATHERED];   /* whose hash `after` is still to be made; NULL: nothing is */
	unsigned n;
	struct arena copies;
};

struct gathered {
	struct batch batch[2];
	unsigned now;                   /* which is filled */
	bool other;                     /* the other one is full */
	bool alone;                     /* no second thread could be had */
	uint64_t rows;
	/* the second thread */
	struct thread thread;
	struct mutex lock;              /* what stands below */
	struct cond changed;
	struct batch *work;             /* NULL: nothing to do */
	bool end;
};

/* ---- the second thread ---- */

static void make_hashes(struct batch *b)
{
	for (unsigned i = 0; i < b->n; i++)
		if (b->of[i].rec)
			store_hash(b->of[i].t, b->of[i].rec, b->row[i].after);
}

static void hasher(void *arg)
{
	struct gathered *g = arg;
	struct batch *b;

	for (;;) {
		mutex_lock(&g->lock);
		while (!g->work && !g->end)
			cond_wait(&g->changed, &g->lock);
		b = g->work;
		mutex_unlock(&g->lock);
		if (!b)
			return;
		make_hashes(b);
		mutex_lock(&g->lock);
		g->work = NULL;
		cond_broadcast(&g->changed);
		mutex_unlock(&g->lock);
	}
}

static void begin(struct gathered *g)
{
	g->end = false;
	g->alone = thread_cores() < 2 || thread_start(&g->thread, "store.hash", hasher, g) < 0;
	if (g->alone)
		err_clear();
}

static void give(struct gathered *g, struct batch *b)
{
	mutex_hold(&g->lock);
	g->work = b;
	cond_broadcast(&g->changed);
}

static void wait_for(struct gathered *g)
{
	mutex_hold(&g->lock);
	while (g->work)
		cond_wait(&g->changed, &g->lock);
}

static void stop(struct gathered *g)
{
	if (!g->thread.started)
		return;
	wait_for(g);
	mutex_lock(&g->lock);
	g->end = true;
	cond_broadcast(&g->changed);
	mutex_unlock(&g->lock);
	thread_join(&g->thread);
	g->thread = (struct thread) { .started = false };
}

/* ---- batches ---- */

static void empty(struct batch *b)
{
	b->n = 0;
	arena_reset(&b->copies);
}

static int write(struct store_tx *tx, struct batch *b)
{
	int r = change_insert(tx, b->row, b->n);

	empty(b);
	return r;
}

static int write_other(struct store_tx *tx, struct gathered *g)
{
	if (!g->other)
		return 0;
	wait_for(g);
	g->other = false;
	return write(tx, &g->batch[!g->now]);
}

int changes_flush(struct store_tx *tx)
{
	struct gathered *g = tx->conn->gathered;
	int r = g ? write_other(tx, g) : 0;

	if (!g || r < 0)
		return r;
	make_hashes(&g->batch[g->now]);
	return write(tx, &g->batch[g->now]);
}

void changes_drop(struct store_tx *tx)
{
	struct gathered *g = tx->conn->gathered;

	if (!g)
		return;
	wait_for(g);
	g->other = false;
	empty(&g->batch[0]);
	empty(&g->batch[1]);
}

void changes_end(struct store_tx *tx)
{
	struct gathered *g = tx->conn->gathered;

	if (!g)
		return;
	changes_drop(tx);
	stop(g);
	g->rows = 0;
	g->alone = false;
	if (g->batch[0].copies.first || g->batch[1].copies.first) {
		arena_done(&g->batch[0].copies);
		arena_done(&g->batch[1].copies);
	}
}

struct gathered *gathered_free(struct gathered *g)
{
	if (!g)
		return NULL;
	stop(g);
	arena_done(&g->batch[0].copies);
	arena_done(&g->batch[1].copies);
	mutex_done(&g->lock);
	cond_done(&g->changed);
	return sys_free(g);
}

static struct gathered *gathered_new(void)
{
	struct gathered *g = sys_new(struct gathered);

	if (!g)
		return NULL;
	mutex_init(&g->lock);
	cond_init(&g->changed);
	arena_init(&g->batch[0].copies, &sys_heap, COPIES_MAX);
	arena_init(&g->batch[1].copies, &sys_heap, COPIES_MAX);
	return g;
}

/* For the second thread; false: the first must do it. */
static bool copy(struct batch *b, const struct rec_type *t, const void *rec)
{
	void *to = arena_alloc(&b->copies, t->size);

	if (!to || rec_dup(t, to, rec, &b->copies) < 0) {
		err_clear();
		return false;
	}
	b->of[b->n].t = t;
	b->of[b->n].rec = to;
	return true;
}

int change_add(struct store_tx *tx, const struct store_change *c, const struct rec_type *t, const void *after)
{
	struct gathered *g = tx->conn->gathered = tx->conn->gathered ?: gathered_new();
	struct batch *b;
	int r;

	if (!g)
		return store_no_memory(tx->store);
	b = &g->batch[g->now];
	b->row[b->n] = *c;
	/* There is one writer, and a rollback takes its number back: no gaps, and the order of commits. */
	b->row[b->n].seq = tx->seq = (tx->seq ?: change_last(tx)) + 1;
	b->of[b->n].rec = NULL;
	if (after && (!g->thread.started || !copy(b, t, after)))
		store_hash(t, after, b->row[b->n].after);
	g->rows++;
	if (++b->n < CHANGES_GATHERED)
		return 0;
	if (!g->thread.started) {
		r = write(tx, b);
		if (g->rows >= MANY && !g->alone)
			begin(g);
		return r;
	}
	r = write_other(tx, g);
	give(g, b);
	g->other = true;
	g->now = !g->now;
	return r;
}
