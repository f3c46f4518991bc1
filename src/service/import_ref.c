/* import_ref.c - whom a row speaks of: the records its references name, and the record it changes. */

#include "service/import.h"

enum { DEPTH_MAX = 16 };

int import_find(struct import *m, const struct noun *n, struct store_filter *f, size_t n_f, struct uuid *ret)
{
	char tenant[UUID_TEXT + 1];
	void *rec = noun_alloc(m->s, n);
	int r;

	if (!rec)
		return -ERR_NO_MEMORY;
	n_f += noun_tenant_filter(m->s, n, tenant, &f[n_f]);
	r = store_find(m->s->tx, n->type, f, n_f, rec, m->s->arena);
	if (r >= 0)
		*ret = ((struct rec_head *) rec)->id;
	return r;
}

/* "acme/plant1/paint": codes from the top, for types with a parent of their own kind. */
static int find_by_codes(struct import *m, const struct noun *n, const char *text, struct uuid *ret)
{
	struct uuid at = { 0 };
	int r = 0;

	for (unsigned depth = 0; *text && r >= 0; depth++) {
		const char *slash = str_find(text, "/");
		const char *code = arena_strn(m->s->arena, text, slash ? (size_t) (slash - text) : str_len(text));
		char up[UUID_TEXT + 1] = "";
		if (!code || depth == DEPTH_MAX)
			return err_fail(ERR_MISSING, "value", text, NULL);
		if (!uuid_is_zero(&at))
			uuid_format(&at, up);
		struct store_filter f[3] = { { "parent", STORE_EQ, up }, { "code", STORE_EQ, code } };
		r = import_find(m, n, f, 2, &at);
		text = slash ? slash + 1 : "";
	}
	if (r >= 0)
		*ret = at;
	return r;
}

/* The references of `t` that the row also names, as filters: a group's device when there is a column device. */
static int within(struct import *m, const struct rec_type *t, const struct rec_field *but, struct store_filter *f, size_t *n, struct uuid *ret_first)
{
	for (uint32_t i = 0; i < t->n_fields && *n < 4; i++) {
		const struct rec_field *inner = &t->fields[i], *outer = inner->kind == REC_REF ? rec_field(m->type, inner->name) : NULL;
		const char *text = outer && outer != but ? import_cell(m, outer) : "";
		char *id;
		struct uuid u;
		int r;
		if (str_empty(text) || outer->kind != REC_REF)
			continue;
		r = import_resolve(m, outer, text, &u);
		if (r < 0)
			return r;
		id = arena_alloc(m->s->arena, UUID_TEXT + 1);
		if (!id)
			return err_fail(ERR_NO_MEMORY, "what", "@row", NULL);
		uuid_format(&u, id);
		*ret_first = u;
		f[(*n)++] = (struct store_filter) { inner->name, STORE_EQ, id };
	}
	return 0;
}

static int find_ref(struct import *m, const struct noun *n, const struct rec_field *f, const char *text, struct uuid *ret)
{
	bool by_name = !rec_field(n->type, "code");
	struct store_filter filters[6] = { { by_name ? "name" : "code", STORE_EQ, text } };
	struct uuid around = { 0 }, id;
	struct memo *memo = NULL;
	size_t n_f = 1;
	uint64_t hash;
	unsigned at;
	int r;

	if (rec_field(n->type, "parent") && str_find(text, "/"))
		return find_by_codes(m, n, text, ret);
	r = within(m, n->type, f, filters, &n_f, &around);
	if (r < 0)
		return r;
	hash = hash_bytes(text, str_len(text)) ^ hash_bytes(&around, sizeof(around)) ^ (uintptr_t) f / sizeof(*f);
	at = (unsigned) (hash * UINT64_C(0x9e3779b97f4a7c15) >> 32);    /* of short texts that end differently, the low bits are alike */
	for (unsigned i = 0; i < MEMO_WAYS; i++) {
		memo = &m->memo[(at + i) % MEMOS];
		if (memo->field == f && str_eq(memo->text, text) && uuid_equal(&memo->within, &around)) {
			*ret = memo->id;
			return 0;
		}
	}
	r = import_find(m, n, filters, n_f, &id);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < MEMO_WAYS; i++) {
		memo = &m->memo[(at + i) % MEMOS];
		if (!memo->field)
			break;
	}
	if (str_len(text) < sizeof(memo->text)) {       /* no free place: the last of them */
		memo->field = f;
		memcpy(memo->text, text, str_len(text) + 1);
		memo->within = around;
		memo->id = id;
	}
	*ret = id;
	return 0;
}

int import_resolve(struct import *m, const struct rec_field *f, const char *text, struct uuid *ret)
{
	const struct noun *n = m->refers[f - m->type->fields];
	char what[80];
	struct buf b = BUF_FIXED(what);
	int r;

	if (uuid_parse(text, str_len(text), ret))
		return 0;
	r = n ? find_ref(m, n, f, text, ret) : -ERR_MISSING;
	if (r >= 0)
		return 0;
	if (r == -ERR_CONFLICT) {
		err_clear();
		return err_at(err_fail(ERR_INVALID, "field", f->name, "rule", "@rule_one_record", "value", text, NULL), f->name);
	}
	if (r != -ERR_MISSING)
		return r;
	err_clear();
	buf_addf(&b, "@%s", f->ref);
	return err_at(err_fail(ERR_NO_SUCH_REF, "field", f->name, "what", b.data, "value", text, NULL), f->name);
}

/* ---- the record itself ---- */

void import_unique(struct import *m)
{
	m->tenant = noun_tenant_field(m->in->noun);
	m->n_unique = 0;
	for (const char *at = m->type->unique, *end; at && *at && *at != ';' && m->n_unique < UNIQUE_MAX; at = *end == ',' ? end + 1 : end) {
		char name[REC_NAME_MAX + 1] = "";
		struct buf b = BUF_FIXED(name);
		for (end = at; *end && *end != ',' && *end != ';'; end++)
			;
		buf_addn(&b, at, (size_t) (end - at));
		m->unique[m->n_unique++] = rec_field(m->type, name);
	}
}

/* 1: there is one with the row's values. What must be there and is not, names nobody. */
static int by_unique(struct import *m, void *rec, struct uuid *ret)
{
	if (m->tenant) {
		*(struct uuid *) rec_at(rec, m->tenant) = m->s->tenant_id;
		rec_set_has(m->type, rec, m->tenant, true);
	}
	for (size_t i = 0; i < m->n_unique; i++) {
		const struct rec_field *f = m->unique[i];
		bool text = f->kind == REC_STR || f->kind == REC_TEXT;
		if (!(f->flags & REC_NULLABLE) && (!rec_has(m->type, rec, f) || (text && str_empty(*(const char *const *) rec_at(rec, f)))))
			return 0;
	}
	return m->n_unique ? store_find_like(m->s->tx, m->type, m->unique, m->n_unique, rec, ret) : 0;
}

/* The record the row speaks of: by id, by path, by the first combination that must be unique. */
int import_record(struct import *m, void *rec, bool *ret_found)
{
	const char *id = import_role(m, COLUMN_ID), *path = import_cell(m, rec_field(m->type, "path"));
	struct store_filter f[2] = { { "path", STORE_EQ, path } };
	struct uuid u;
	int r;

	*ret_found = false;
	if (!str_empty(id)) {
		if (!uuid_parse(id, str_len(id), &u))
			return err_at(err_fail(ERR_WRONG_TYPE, "field", "id", "want", "@uuid", "value", id, NULL), "id");
		r = noun_fetch(m->s, m->in->noun, &u, rec);
		*ret_found = r >= 0;
		return r;
	}
	if (str_empty(path)) {
		r = by_unique(m, rec, &u);
		if (r <= 0)
			return r;
		r = noun_fetch(m->s, m->in->noun, &u, rec);
		*ret_found = r >= 0;
		return r;
	}
	r = import_find(m, m->in->noun, f, 1, &u);
	if (r == -ERR_MISSING) {
		err_clear();
		return err_at(err_fail(ERR_MISSING, "what", "@record", "value", path, NULL), "path");
	}
	if (r >= 0)
		r = noun_fetch(m->s, m->in->noun, &u, rec);
	*ret_found = r >= 0;
	return r;
}
