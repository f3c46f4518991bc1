/* batch.c - POST /{noun}/batch: many at once. */

#include "api/internal.h"

struct answer { struct call *c; struct noun_batched out; };

static void row_json(struct call *c, const struct batch_row *row, struct json *j)
{
	bool made = str_eq(row->op, "create");

	json_object(j);
	json_kv_str(j, "op", row->op);
	json_kv_u64(j, "index", row->index);
	json_kv_i64(j, "status", row->result < 0 ? err_http(-row->result) : made ? 201 : str_eq(row->op, "delete") ? 204 : 200);
	if (row->result < 0) {
		json_key(j, "error");
		json_object(j);
		error_entry(j, &row->err, c->scope.lang);
		json_end(j);
	} else if (row->rec && !str_eq(row->op, "delete")) {
		json_key(j, "record");
		record_json(c->noun->type, row->rec, NULL, j);
	}
	json_end(j);
}

static void members(struct call *c, struct json *j)
{
	const struct answer *a = c->extra_arg;

	json_kv_u64(j, "failed", a->out.failed);
	json_key(j, "rows");
	json_array(j);
	for (uint32_t i = 0; i < a->out.n; i++)
		row_json(c, &a->out.rows[i], j);
	json_end(j);
}

/* What is wrong, as with one record: each with the place of its row in front. */
static void name_errors(struct call *c, const struct noun_batched *out)
{
	for (uint32_t i = 0; i < out->n; i++) {
		const struct batch_row *row = &out->rows[i];
		for (size_t k = 0; row->result < 0 && k < MAX(row->errs.n, (size_t) 1); k++) {
			err_put(row->errs.n ? row->errs.item[k] : &row->err);
			err_at_index(row->result, row->index);
			errs_add(&c->errs, err_at(row->result, row->op));
		}
	}
}

int batch_run(struct call *c)
{
	struct answer *a = arena_new(&c->arena, struct answer);
	struct noun_batch in = { .noun = c->noun, .body = c->body, .len = c->body_len, .atomic = true };
	struct json j;
	int r = a ? 0 : err_fail(ERR_NO_MEMORY, "what", "@list", NULL);

	if (r >= 0 && call_param(c, "atomic"))
		r = call_bool(c, "atomic", &in.atomic);
	if (r >= 0)
		r = noun_batch(&c->scope, &in, &a->out);
	c->extra_arg = a;
	if (r == -ERR_INVALID && a->out.failed) {
		struct err e = err_take(r);
		name_errors(c, &a->out);
		err_put(&e);
	}
	if (r < 0)
		return r;
	c->status = a->out.failed ? 207 : 200;
	j = answer_json(c);
	json_object(&j);
	members(c, &j);
	json_end(&j);
	return 0;
}

const char *const batch_params[] = { "atomic", NULL };
