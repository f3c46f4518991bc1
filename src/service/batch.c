/*
 * batch.c - many records in one deed: made, changed, deleted, in this order. All or nothing, or each row for itself.
 *
 * Every row runs in a savepoint of its own, so that all wrong rows are named and not just the first.
 */
#include "rec/tree.h"
#include "service/approval.h"
#include "service/internal.h"
#include "service/reach.h"

struct batch_run { const struct noun_batch *in; struct noun_batched *out; const struct tree *body; };

static const struct { const char *name; int (*run)(struct scope *, const struct noun_in *, void **); } verbs[] = {
	{ "create", noun_create }, { "update", noun_patch }, { "delete", noun_delete },
};

static int wrong_kind(const char *field, const char *want, const struct tree *t)
{
	return err_at(err_fail(ERR_WRONG_TYPE, "field", field, "want", want, "value", tree_kind_term(t), NULL), field);
}

/* "<id>", or an object with it and, if wanted, the revision it must be at. */
static int read_id(const struct tree *row, struct noun_in *in, uint64_t *rev)
{
	const char *id = tree_str(row->kind == TREE_STR ? row : tree_find(row, "id"));

	if (!id)
		return err_at(err_fail(ERR_REQUIRED, "field", "id", NULL), "id");
	if (!uuid_parse(id, str_len(id), &in->id))
		return err_at(err_fail(ERR_WRONG_TYPE, "field", "id", "want", "@uuid", "value", id, NULL), "id");
	*rev = (uint64_t) tree_i64(tree_find(row, "rev"), 0);
	in->if_rev = *rev ? rev : NULL;
	return 0;
}

/* The row without what names it. */
static int body_of(struct scope *s, const struct tree *row, bool names_it, struct noun_in *in)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 1 << 20);
	struct json j = JSON_TO(&b);

	json_object(&j);
	TREE_EACH(m, row) {
		if (names_it && (str_eq(m->key, "id") || str_eq(m->key, "rev")))
			continue;
		json_key(&j, m->key);
		tree_write(m, &j);
	}
	json_end(&j);
	in->body = arena_strn(s->arena, b.data, b.len);
	in->len = b.len;
	return b.failed || !in->body ? err_fail(ERR_NO_MEMORY, "what", "@body", NULL) : 0;
}

static int do_row(struct scope *s, struct batch_run *b, size_t verb, const struct tree *row, struct batch_row *ret)
{
	struct noun_in in = { .noun = b->in->noun, .errs = &ret->errs };
	uint64_t rev = 0;
	int r = row->kind == TREE_OBJECT || (verb == 2 && row->kind == TREE_STR) ? 0 : wrong_kind(verbs[verb].name, "@object", row);

	if (r >= 0 && verb)
		r = read_id(row, &in, &rev);
	if (r >= 0 && verb < 2)
		r = body_of(s, row, verb == 1, &in);
	return r < 0 ? r : verbs[verb].run(s, &in, &ret->rec);
}

static bool is_of_the_platform(int r)
{
	return r == -ERR_NO_MEMORY || r == -ERR_IO || r == -ERR_FULL || r == -ERR_BROKEN || r == -ERR_STOPPING || r == -ERR_BUSY;
}

static int one_row(struct scope *s, struct batch_run *b, size_t verb, const struct tree *row, uint32_t index)
{
	struct batch_row *out = &b->out->rows[b->out->n];
	int r, kept;

	*out = (struct batch_row) { .op = verbs[verb].name, .index = index, .errs = { .arena = s->arena } };
	r = store_savepoint(s->tx);
	if (r < 0)
		return r;
	r = out->result = do_row(s, b, verb, row, out);
	if (r < 0) {
		out->err = err_take(r);
		if (out->err.args_len == 0 && out->errs.n)      /* the sentence went into the list */
			out->err = *out->errs.item[0];
		b->out->failed++;
	}
	kept = store_release(s->tx, r >= 0);
	b->out->n++;
	if (kept < 0)
		return kept;
	if (r < 0 && is_of_the_platform(r)) {
		err_put(&out->err);
		return r;
	}
	return 0;
}

static int run_batch(struct scope *s, const void *in, void *ret)
{
	struct batch_run *b = ret;
	int r = 0;

	for (size_t v = 0; r >= 0 && v < ELEMENTSOF(verbs); v++) {
		uint32_t i = 0;
		TREE_EACH(row, tree_find(b->body, verbs[v].name)) {
			if (s->platform && atomic_load_explicit(&s->platform->ending, memory_order_relaxed))
				return err_fail(ERR_STOPPING, NULL, NULL);
			r = one_row(s, b, v, row, i++);
			if (r < 0)
				return r;
		}
	}
	if (b->out->failed && b->in->atomic) {
		char n[64];
		struct buf text = BUF_FIXED(n);
		buf_addf(&text, "%u/%u", b->out->failed, b->out->n);
		return err_fail(ERR_INVALID, "field", "rows", "rule", "@rule_all_rows", "value", n, NULL);
	}
	return r;
}

static int read_batch(struct scope *s, const struct noun_batch *in, const struct tree **ret, uint32_t *ret_n)
{
	struct tree *t;
	uint32_t n = 0;
	int r = tree_parse(in->body, in->len, "@body", s->arena, &t);

	if (r < 0)
		return r;
	if (t->kind != TREE_OBJECT)
		return err_fail(ERR_WRONG_TYPE, "field", "body", "want", "@object", "value", tree_kind_term(t), NULL);
	TREE_EACH(m, t) {
		size_t v = 0;
		while (v < ELEMENTSOF(verbs) && !str_eq(verbs[v].name, m->key))
			v++;
		if (v == ELEMENTSOF(verbs)) {
			static const char *const words[] = { "create", "update", "delete" };
			return err_at(err_fail(ERR_UNKNOWN_FIELD, "value", m->key, "nearest", str_nearest(m->key, words, ELEMENTSOF(words)), NULL), m->key);
		}
		if (m->kind != TREE_LIST)
			return wrong_kind(m->key, "@list", m);
		n += m->n;
	}
	if (n == 0 || n > NOUN_BATCH_MAX)
		return err_fail(ERR_COUNT, "field", "body", "min", "1", "max", "1000", "value", arena_fmt(s->arena, "%u", n), NULL);
	*ret = t;
	*ret_n = n;
	return 0;
}

int noun_batch(struct scope *s, const struct noun_batch *in, struct noun_batched *ret)
{
	const char *name = arena_fmt(s->arena, "%s.batch", in->noun->type->name);
	struct deed d = { .name = name ? name : "batch", .permission = in->noun->write, .store = in->noun->store,
		.placed = reach_is_placed(in->noun->type), .run = run_batch };
	struct noun_batched out = { 0 };
	struct batch_run b = { .in = in, .out = &out };
	uint32_t n = 0;
	int r;

	/* A token's secret is said to who makes it, a change that waits for a second person is one record's. */
	if (in->noun->type == &token_type || approval_is_due(s, in->noun))
		return err_fail(ERR_UNSUPPORTED, "what", "@rows_at_once", "value", in->noun->type->plural, "words", "create, update, delete", NULL);
	r = read_batch(s, in, &b.body, &n);
	if (r < 0)
		return r;
	out.rows = arena_array(s->arena, struct batch_row, n);
	if (!out.rows)
		return err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	r = scope_do(s, &d, NULL, &b);
	*ret = out;
	return noun_told(s, in->noun, r);
}
