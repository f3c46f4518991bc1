/* store_query.c - rows of queries.def: statements with names, whose parameters and columns are fields. */
#include "store/store_int.h"

static const struct rec_field *field_of(const struct rec_type *t, const char *name)
{
	const struct rec_field *f = t ? rec_field(t, name) : NULL;

	return f ?: t && t->has_head ? rec_head_field(name) : NULL;
}

static int broken(const struct store_query *q, const char *what, const char *name)
{
	return err_failf(ERR_BROKEN, "query %s: %s %s", q->name, what, name);
}

static int check(struct store_tx *tx, const struct store_query *q, struct stmt *st)
{
	for (unsigned i = 1; i <= tx->e->n_params(st); i++) {
		const char *name = tx->e->param_name(st, i);

		if (!name)
			return broken(q, "a parameter has", "no name");
		if (!field_of(q->in, name))
			return broken(q, "no field for the parameter", name);
	}
	for (unsigned i = 0; i < tx->e->n_columns(st); i++)
		if (!field_of(q->out, tx->e->column_name(st, i)) && !str_eq(tx->e->column_name(st, i), STORE_SEARCH))
			return broken(q, "no field for the column", tx->e->column_name(st, i));
	if (!q->out && tx->e->n_columns(st))
		return broken(q, "rows", "without a type");
	return 0;
}

int store_queries_check(struct store_tx *tx)
{
	const struct store_config *c = &tx->store->config;

	for (size_t i = 0; i < c->n_queries; i++)
		for (size_t k = 0; k < c->queries[i].n; k++) {
			const struct store_query *q = &c->queries[i].items[k];
			STMT(tx, use);
			int r = stmt_get(tx, q->sql, true, &use.k);

			if (r < 0)
				return err_wrap(r, "query %s", q->name);
			r = check(tx, q, use.k->st);
			if (r < 0)
				return r;
		}
	return 0;
}

static int bind_all(struct store_tx *tx, const struct store_query *q, struct stmt *st, const void *in)
{
	for (unsigned i = 1; i <= tx->e->n_params(st); i++) {
		const struct rec_field *f = field_of(q->in, tx->e->param_name(st, i));
		struct cell c;
		int r = f && in ? cell_of(tx, q->in, in, f, &c) : broken(q, "no value for the parameter", tx->e->param_name(st, i) ?: "?");

		if (r < 0)
			return r;
		tx->e->bind(st, i, &c);
	}
	return 0;
}

static int read_row(struct store_tx *tx, const struct store_query *q, struct stmt *st, void *rec, struct arena *a)
{
	int r = rec_init(q->out, rec, a);

	for (int pass = 0; r == 0 && pass < 2; pass++)          /* variants after their siblings */
		for (unsigned i = 0; r == 0 && i < tx->e->n_columns(st); i++) {
			const struct rec_field *f = field_of(q->out, tx->e->column_name(st, i));

			if (f && (f->kind == REC_VARIANT) == pass)
				r = cell_to(tx, q->out, rec, f, tx->e->column(st, i), a);
		}
	return r;
}

static int run(struct store_tx *tx, const struct store_query *q, struct stmt *st, store_row_fn on_row, void *ctx)
{
	_cleanup_(arena_done) struct arena a;
	void *rec = q->out ? sys_alloc(q->out->size) : NULL;
	int r = 0, n = 0;

	arena_init(&a, &sys_heap, 0);
	if (q->out && !rec)
		return store_no_memory(tx->store);
	while (r == 0 && (r = tx->e->step(st)) == 1) {
		arena_reset(&a);
		r = read_row(tx, q, st, rec, &a);
		if (r == 0 && on_row)
			r = on_row(ctx, rec);
		n += r >= 0;
	}
	sys_free(rec);
	if (r < 0)
		return r;
	return q->out ? n : (int) MIN(tx->e->changed(tx->conn->db), (int64_t) INT32_MAX);
}

int store_query(struct store_tx *tx, const struct store_query *q, const void *in, store_row_fn on_row, void *ctx)
{
	STMT(tx, use);
	int r;

	if (q->write && tx->mode != STORE_WRITE)
		return broken(q, "writes,", "but the transaction reads");
	if (q->write)
		recent_forget(tx->conn, NULL);
	arena_reset(&tx->scratch);
	r = stmt_get(tx, q->sql, true, &use.k);
	if (r == 0)
		r = bind_all(tx, q, use.k->st, in);
	if (r == 0 && q->out && !q->write)
		tx->e->many(use.k->st);
	if (r == 0)
		r = run(tx, q, use.k->st, on_row, ctx);
	if (r == -ERR_EXISTS)
		return err_fail(ERR_EXISTS, "what", "@record", "field", tx->e->refused(tx->conn->db), NULL);
	return r == -ERR_NO_SUCH_REF ? err_fail(ERR_NO_SUCH_REF, "field", q->name, "what", "@record", NULL) : err_wrap(r, "query %s", q->name);
}
