/* store_change.c - the feed: one row for each record that was put or deleted, in the transaction that did it. */
#include "store/behind.h"

int store_hash(const struct rec_type *t, const void *rec, uint8_t ret[STORE_HASH])
{
	_cleanup_(buf_done) struct buf heap = BUF_INIT(&sys_heap, 32 << 20);
	char room[4096];                        /* enough for most */
	struct buf b = BUF_FIXED(room);
	struct json out = JSON_TO(&b);
	struct sha256 s;

	rec_to_json(t, rec, REC_SHOW_HEAD | REC_SHOW_INTERNAL | REC_HIDE_SECRET, NULL, &out);
	if (b.failed) {
		out = (struct json) JSON_TO(&heap);
		rec_to_json(t, rec, REC_SHOW_HEAD | REC_SHOW_INTERNAL | REC_HIDE_SECRET, NULL, &out);
		if (heap.failed)
			return err_fail(ERR_NO_MEMORY, "what", "store", NULL);
		b = heap;
	}
	sha256_init(&s);
	sha256_add(&s, b.data, b.len);
	sha256_end(&s, ret);
	return 0;
}

/* Most records are short: they are written side by side and hashed at once. */
int store_hash_many(struct hash_of *of, size_t n)
{
	enum { AT_ONCE = 8, SHORT = 4096 };
	char room[AT_ONCE][SHORT];
	struct sha256_text texts[AT_ONCE];
	size_t k = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		struct buf b = BUF_FIXED(room[k]);
		struct json out = JSON_TO(&b);

		room[k][0] = 0;
		rec_to_json(of[i].t, of[i].rec, REC_SHOW_HEAD | REC_SHOW_INTERNAL | REC_HIDE_SECRET, NULL, &out);
		if (b.failed)
			r = store_hash(of[i].t, of[i].rec, of[i].ret);
		else
			texts[k++] = (struct sha256_text) { b.data, b.len, of[i].ret };
		if (k == AT_ONCE || (k && i + 1 == n)) {
			sha256_many(texts, k);
			k = 0;
		}
	}
	return r;
}

static struct cell cell_of_hash(const uint8_t hash[STORE_HASH])
{
	static const uint8_t none[STORE_HASH];

	return memcmp(hash, none, STORE_HASH) == 0 ? (struct cell) { .kind = CELL_NULL }
		: (struct cell) { .kind = CELL_BLOB, .p = (const char *) hash, .len = STORE_HASH };
}

#define INSERT_CHANGE "INSERT INTO \"change\" (\"seq\", \"type\", \"id\", \"rev\", \"op\", \"by\", \"at\", \"before\", \"after\") VALUES "
enum { CHANGE_COLUMNS = 9 };

/* (?1, ..., ?9), (?10, ...): as many rows as are gathered. */
void change_sql(struct buf *out)
{
	buf_add(out, INSERT_CHANGE);
	for (unsigned i = 0; i < CHANGES_GATHERED * CHANGE_COLUMNS; i++)
		buf_addf(out, "%s?%u%s", i % CHANGE_COLUMNS ? ", " : i ? ", (" : "(", i + 1, i % CHANGE_COLUMNS == CHANGE_COLUMNS - 1 ? ")" : "");
}

static int insert(struct store_tx *tx, const struct store_change *c, unsigned n, const char *sql)
{
	STMT(tx, use);
	int r = stmt_get(tx, sql, true, &use.k);

	for (unsigned i = 0; r == 0 && i < n; i++, c++) {
		const struct cell cells[CHANGE_COLUMNS] = {
			CELL_OF_INT(c->seq), CELL_OF_TEXT(c->type), CELL_OF_ID(&c->id), CELL_OF_INT(c->rev), CELL_OF_INT(c->op), CELL_OF_ID(&c->by),
			CELL_OF_INT(c->at), cell_of_hash(c->before), cell_of_hash(c->after),
		};

		for (unsigned k = 0; k < CHANGE_COLUMNS; k++)
			tx->e->bind(use.k->st, i * CHANGE_COLUMNS + k + 1, &cells[k]);
	}
	return r == 0 ? tx->e->step(use.k->st) : r;
}

int change_insert(struct store_tx *tx, const struct store_change *c, unsigned n)
{
	int r = 0;

	if (n == CHANGES_GATHERED)
		return insert(tx, c, n, tx->store->change_sql);
	for (unsigned i = 0; r == 0 && i < n; i++)
		r = insert(tx, &c[i], 1, INSERT_CHANGE "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
	return r;
}

uint64_t change_last(struct store_tx *tx)
{
	STMT(tx, use);

	if (stmt_get(tx, "SELECT max(\"seq\") FROM \"change\"", true, &use.k) < 0 || tx->e->step(use.k->st) != 1)
		return 0;
	return (uint64_t) tx->e->column(use.k->st, 0).i;
}

static void copy_bytes(void *to, size_t n, struct cell c)
{
	if (c.kind == CELL_BLOB && c.len == n)
		memcpy(to, c.p, n);
}

int store_changes(struct store_tx *tx, uint64_t after_seq, uint32_t limit, store_change_fn on_change, void *ctx)
{
	STMT(tx, use);
	int r = changes_flush(tx);

	if (r == 0)
		r = stmt_get(tx, "SELECT \"seq\", \"type\", \"id\", \"rev\", \"op\", \"by\", \"at\", \"before\", \"after\" FROM \"change\" "
			"WHERE \"seq\" > ?1 ORDER BY \"seq\" LIMIT ?2", true, &use.k);

	if (r < 0)
		return r;
	tx->e->bind(use.k->st, 1, &CELL_OF_INT(after_seq));
	tx->e->bind(use.k->st, 2, &CELL_OF_INT(limit ? (int64_t) limit : INT64_MAX));
	if (!limit)
		tx->e->many(use.k->st);
	while ((r = tx->e->step(use.k->st)) == 1) {
		struct stmt *st = use.k->st;
		struct store_change c = {
			.seq = (uint64_t) tx->e->column(st, 0).i, .rev = (uint64_t) tx->e->column(st, 3).i,
			.op = (enum store_change_op) tx->e->column(st, 4).i, .at = tx->e->column(st, 6).i,
		};
		struct cell type = tx->e->column(st, 1);
		char name[REC_NAME_MAX + 1] = "";

		memcpy(name, type.p, MIN(type.len, (size_t) REC_NAME_MAX));
		c.type = name;
		copy_bytes(&c.id, sizeof(c.id), tx->e->column(st, 2));
		copy_bytes(&c.by, sizeof(c.by), tx->e->column(st, 5));
		copy_bytes(c.before, STORE_HASH, tx->e->column(st, 7));
		copy_bytes(c.after, STORE_HASH, tx->e->column(st, 8));
		r = on_change(ctx, &c);
		if (r != 0)
			return MIN(r, 0);
	}
	return r;
}

/* The newest row stays: it carries the number on. */
int store_changes_trim(struct store_tx *tx, uint64_t up_to_seq)
{
	int r = changes_flush(tx);

	return r < 0 ? r : stmt_run(tx, "DELETE FROM \"change\" WHERE \"seq\" <= ?1 AND \"seq\" < (SELECT max(\"seq\") FROM \"change\")", true,
		&CELL_OF_INT(up_to_seq), 1);
}
