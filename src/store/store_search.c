/*
 * store_search.c - the column in which free words are looked for, for rows that were there before it.
 *
 * One column a table, folded once when a row is written: looking through 300,000 points for a word that none has took 610 ms, and 1,140
 * as one comparison a field; with its id in a table of its own 340, but 1,700 where many rows have the word (SQLite 3.40).
 */
#include "store/store_int.h"

enum { AT_ONCE = 500 };

struct fill {
	struct store_tx *tx;
	const struct table *t;
	struct arena arena;
	struct buf text;
	struct { struct uuid id; const char *text; } rows[AT_ONCE];
	unsigned n;
};

static int on_row(void *ctx, const void *rec)
{
	struct fill *f = ctx;

	buf_clear(&f->text);
	rec_search_text(f->t->type, rec, &f->text);
	f->rows[f->n].id = ((const struct rec_head *) rec)->id;
	f->rows[f->n].text = arena_strn(&f->arena, f->text.data, f->text.len);
	return f->text.failed || !f->rows[f->n++].text ? store_no_memory(f->tx->store) : 0;
}

static int fill_table(struct fill *f)
{
	struct store_page page = { .next = NULL };
	struct store_list spec = { .limit = AT_ONCE, .arena = &f->arena };
	int r = 0;

	do {
		char cursor[256] = "";

		buf_add(&BUF_FIXED(cursor), page.next ?: "");
		spec.cursor = page.next ? cursor : NULL;
		arena_reset(&f->arena);
		f->n = 0;
		r = store_list(f->tx, f->t->type, &spec, on_row, f, &page);
		for (unsigned i = 0; r == 0 && i < f->n; i++)
			r = stmt_run(f->tx, f->t->fill, true, (struct cell []) { CELL_OF_ID(&f->rows[i].id), CELL_OF_TEXT(f->rows[i].text) }, 2);
	} while (r == 0 && page.next);
	return r;
}

int store_schema_fill(struct store *s, struct store_tx *tx)
{
	struct fill *f = sys_new(struct fill);
	int r = 0;

	if (!f)
		return store_no_memory(s);
	f->tx = tx;
	f->text = BUF_INIT(&sys_heap, 16 << 20);
	arena_init(&f->arena, &sys_heap, 0);
	for (unsigned i = 0; r == 0 && i < s->n_tables; i++) {
		f->t = s->tables[i];
		if (f->t->is_searched)
			r = fill_table(f);
	}
	tx->refill = false;
	arena_done(&f->arena);
	buf_done(&f->text);
	sys_free(f);
	return r;
}
