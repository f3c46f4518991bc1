/* noun.c - the generic deeds: create, get, replace, patch, delete, list. */

#include "plant/plant.h"
#include "service/internal.h"
#include "service/approval.h"
#include "service/reach.h"

static struct rec_head *head_of(const void *rec) { return (struct rec_head *) (uintptr_t) rec; }

static struct deed deed_of(struct scope *s, const struct noun *n, const char *verb, int (*run)(struct scope *, const void *, void *))
{
	bool reads = str_eq(verb, "get") || str_eq(verb, "list");
	const char *name = arena_fmt(s->arena, "%s.%s", n->type->name, verb);

	return (struct deed) { .name = name ? name : verb, .permission = reads ? n->read : n->write, .store = n->store, .reads = reads,
		.placed = reach_is_placed(n->type), .run = run };
}

/* What was written can be found: the points in memory follow the change feed. A failure there comes again with the next sync. */
int noun_told(struct scope *s, const struct noun *n, int r)
{
	struct store *store;

	if (r < 0 || s->tx || s->rehearsal || n->store != DEED_TENANT || !s->platform || !s->platform->plant)
		return r;
	if (guard_store_of(s, DEED_TENANT, &store) < 0 || plant_sync(s->platform->plant, s->tenant, store) < 0)
		err_clear();
	return r;
}

void *noun_alloc(struct scope *s, const struct noun *n)
{
	void *rec = arena_alloc(s->arena, n->type->size);

	if (!rec)
		err_fail(ERR_NO_MEMORY, "what", "a record", NULL);
	return rec;
}

int noun_missing(const struct noun *n, const struct uuid *id)
{
	char text[UUID_TEXT + 1], what[80];
	struct buf b = BUF_FIXED(what);

	uuid_format(id, text);
	buf_addf(&b, "@%s", n->type->name);
	return err_fail(ERR_MISSING, "what", b.data, "value", text, NULL);
}

int noun_owned(struct scope *s, const struct noun *n, const void *rec)
{
	const struct rec_field *f = noun_tenant_field(n);

	return !f || uuid_equal(rec_at(rec, f), &s->tenant_id) ? 0 : noun_missing(n, &head_of(rec)->id);
}

size_t noun_tenant_filter(struct scope *s, const struct noun *n, char text[UUID_TEXT + 1], struct store_filter *ret)
{
	const struct rec_field *f = noun_tenant_field(n);

	if (!f)
		return 0;
	uuid_format(&s->tenant_id, text);
	*ret = (struct store_filter) { f->name, STORE_EQ, text };
	return 1;
}

int noun_fetch(struct scope *s, const struct noun *n, const struct uuid *id, void *ret_rec)
{
	int r = store_get(s->tx, n->type, id, ret_rec, s->arena);

	if (r == -ERR_MISSING) {
		err_clear();
		return noun_missing(n, id);
	}
	if (r >= 0)
		r = noun_owned(s, n, ret_rec);
	if (r < 0 || !reach_is_placed(n->type))
		return r;
	/* What lies where one may not look does not exist. */
	r = reach_record(s, n->read, n->type, ret_rec);
	if (r == 0)
		r = reach_record(s, n->write, n->type, ret_rec);
	return r == 0 ? noun_missing(n, id) : MIN(r, 0);
}

/* The right to write where the record is, and where it is to be. */
static int may_write(struct scope *s, const struct noun *n, const void *before, const void *after)
{
	int r = 1;

	if (!reach_is_placed(n->type))
		return 0;
	if (before)
		r = reach_record(s, n->write, n->type, before);
	if (r > 0 && after)
		r = reach_record(s, n->write, n->type, after);
	return r == 0 ? err_fail(ERR_DENIED, "permission", permission_id(n->write), NULL) : MIN(r, 0);
}

int errs_put(struct errs *errs, int r)
{
	struct err e;

	if (r >= 0 || !errs)
		return r;
	e = *err_peek();
	errs_add(errs, r);
	err_put(&e);
	return r;
}

static int same_immutables(const struct rec_type *t, const void *before, const void *rec)
{
	_cleanup_(buf_done) struct buf was = BUF_INIT(&sys_heap, 1 << 20), is = BUF_INIT(&sys_heap, 1 << 20);

	for (uint32_t i = 0; i < t->n_fields; i++) {
		const struct rec_field *f = &t->fields[i];
		if (!(f->flags & REC_IMMUTABLE))
			continue;
		buf_clear(&was);
		buf_clear(&is);
		rec_field_format(t, f, before, &was);
		rec_field_format(t, f, rec, &is);
		if (!str_eq(was.data, is.data))
			return err_at(err_fail(ERR_IMMUTABLE, "field", f->name, NULL), f->name);
	}
	return 0;
}

int noun_put(struct scope *s, const struct noun *n, const void *before, void *rec, struct errs *errs)
{
	const struct rec_field *tenant = noun_tenant_field(n);
	size_t had = errs ? errs->total : 0;
	int r = 0;

	if (tenant) {
		*(struct uuid *) rec_at(rec, tenant) = s->tenant_id;
		rec_set_has(n->type, rec, tenant, true);
	}
	if (before)
		r = same_immutables(n->type, before, rec);
	if (r >= 0)
		r = may_write(s, n, before, rec);
	if (r >= 0 && n->hooks && n->hooks->check)
		r = n->hooks->check(s, before, rec, errs);
	if (r >= 0)
		r = store_put(s->tx, n->type, rec, &s->who.id);
	if (r >= 0 && (n->type == &place_type || n->type == &device_type))
		reach_forget(s);
	if (r >= 0)
		r = audit_change(s, n->type, before, rec);
	if (r >= 0 && n->hooks && n->hooks->after)
		r = n->hooks->after(s, before, rec);
	return r < 0 && errs && errs->total == had ? errs_put(errs, r) : r;
}

/* ---- create ---- */

static int run_create(struct scope *s, const void *in_, void *ret)
{
	const struct noun_in *in = in_;
	void *rec = noun_alloc(s, in->noun);
	int r = rec ? rec_from_json(in->noun->type, rec, (struct rec_json) { in->body, in->len }, REC_CREATE, s->arena, in->errs) : -ERR_NO_MEMORY;

	if (r >= 0)
		r = noun_put(s, in->noun, NULL, rec, in->errs);
	if (r >= 0)
		*(void **) ret = rec;
	return r;
}

int noun_create(struct scope *s, const struct noun_in *in, void **ret_rec)
{
	struct deed d = deed_of(s, in->noun, "create", run_create);

	if (approval_is_due(s, in->noun))
		return noun_ask(s, in, "create", ret_rec);
	return noun_told(s, in->noun, scope_do(s, &d, in, ret_rec));
}

/* ---- get ---- */

static int run_get(struct scope *s, const void *in_, void *ret)
{
	const struct noun_in *in = in_;
	void *rec = noun_alloc(s, in->noun);
	int r = rec ? noun_fetch(s, in->noun, &in->id, rec) : -ERR_NO_MEMORY;

	if (r >= 0)
		*(void **) ret = rec;
	return r;
}

int noun_get(struct scope *s, const struct noun_in *in, void **ret_rec)
{
	struct deed d = deed_of(s, in->noun, "get", run_get);

	return scope_do(s, &d, in, ret_rec);
}

/* ---- replace, patch ---- */

static int stale(const struct noun_in *in, const struct rec_head *now)
{
	char rev[24], want[24], what[80];
	struct buf b = BUF_FIXED(rev), w = BUF_FIXED(want), t = BUF_FIXED(what);

	if (!in->if_rev || *in->if_rev == 0 || *in->if_rev == now->rev)
		return 0;
	buf_addf(&b, "%llu", (unsigned long long) now->rev);
	buf_addf(&w, "%llu", (unsigned long long) *in->if_rev);
	buf_addf(&t, "@%s", in->noun->type->name);
	return err_fail(ERR_PRECONDITION, "what", t.data, "rev", b.data, "value", w.data, NULL);
}

static int change(struct scope *s, const struct noun_in *in, enum rec_mode mode, void *ret)
{
	const struct rec_type *t = in->noun->type;
	void *before = noun_alloc(s, in->noun), *after = noun_alloc(s, in->noun);
	int r = before && after ? noun_fetch(s, in->noun, &in->id, before) : -ERR_NO_MEMORY;

	if (r < 0)
		return r;
	*(void **) ret = before;
	r = stale(in, before);
	if (r >= 0)
		r = rec_dup(t, after, before, s->arena);
	if (r >= 0)
		r = rec_from_json(t, after, (struct rec_json) { in->body, in->len }, mode, s->arena, in->errs);
	if (r < 0)
		return r;
	*head_of(after) = (struct rec_head) { .id = head_of(before)->id, .rev = head_of(before)->rev, .created = head_of(before)->created,
		.created_by = head_of(before)->created_by, .updated = head_of(before)->updated, .updated_by = head_of(before)->updated_by,
		.has = { head_of(after)->has[0], head_of(after)->has[1] } };
	if (rec_equal(t, before, after)) {       /* no change: no revision, nothing in the audit */
		r = may_write(s, in->noun, before, NULL);
		return r < 0 ? r : DEED_CHANGED_NOTHING;
	}
	r = noun_put(s, in->noun, before, after, in->errs);
	if (r >= 0)
		*(void **) ret = after;
	return r;
}

static int run_replace(struct scope *s, const void *in, void *ret) { return change(s, in, REC_REPLACE, ret); }
static int run_patch(struct scope *s, const void *in, void *ret) { return change(s, in, REC_MERGE, ret); }

static int change_deed(struct scope *s, const struct noun_in *in, const char *verb, int (*run)(struct scope *, const void *, void *), void **ret_rec)
{
	struct deed d = deed_of(s, in->noun, verb, run);
	void *rec = NULL;
	int r;

	if (approval_is_due(s, in->noun))
		return noun_ask(s, in, verb, ret_rec);
	r = scope_do(s, &d, in, &rec);
	if (r >= 0 || r == -ERR_PRECONDITION)
		*ret_rec = rec;
	return noun_told(s, in->noun, r);
}

int noun_replace(struct scope *s, const struct noun_in *in, void **ret_rec) { return change_deed(s, in, "replace", run_replace, ret_rec); }
int noun_patch(struct scope *s, const struct noun_in *in, void **ret_rec) { return change_deed(s, in, "patch", run_patch, ret_rec); }

/* ---- delete ---- */

int noun_remove(struct scope *s, const struct noun *n, const void *rec, struct errs *errs)
{
	int r = may_write(s, n, rec, NULL);

	if (r >= 0 && n->hooks && n->hooks->check)
		r = n->hooks->check(s, rec, NULL, errs);
	if (r >= 0)
		r = store_del(s->tx, n->type, &head_of(rec)->id, head_of(rec)->rev, &s->who.id);
	if (r >= 0)
		r = audit_change(s, n->type, rec, NULL);
	if (r >= 0 && n->hooks && n->hooks->after)
		r = n->hooks->after(s, rec, NULL);
	return r;
}

static int run_delete(struct scope *s, const void *in_, void *ret)
{
	const struct noun_in *in = in_;
	void *rec = noun_alloc(s, in->noun);
	int r = rec ? noun_fetch(s, in->noun, &in->id, rec) : -ERR_NO_MEMORY;

	if (r < 0)
		return r;
	*(void **) ret = rec;
	r = stale(in, rec);
	return r < 0 ? r : noun_remove(s, in->noun, rec, in->errs);
}

int noun_delete(struct scope *s, const struct noun_in *in, void **ret_rec)
{
	return change_deed(s, in, "delete", run_delete, ret_rec);
}

/* ---- list ---- */

struct list_call { const struct noun_query *q; store_row_fn on_record; void *ctx; struct store_page *page; };

static bool may_ask_for(const struct rec_type *t, const char *name)
{
	static const char *const head[] = { "id", "rev", "created", "updated", "created_by", "updated_by" };
	const struct rec_field *f = rec_field(t, name);

	for (size_t i = 0; i < ELEMENTSOF(head); i++)
		if (str_eq(name, head[i]))
			return true;
	return f && !(f->flags & (REC_SECRET | REC_INTERNAL));
}

/* What is not shown cannot be asked for either: `hash.like=a*` would read it out letter by letter. */
static int may_list(const struct noun_query *q)
{
	const char *at = q->sort;
	char name[64];

	for (size_t i = 0; i < q->n_filters; i++)
		if (!may_ask_for(q->noun->type, q->filters[i].field))
			return err_fail(ERR_BAD_PARAMETER, "value", q->filters[i].field, NULL);
	while (at && *at) {
		struct buf b = BUF_FIXED(name);
		at += *at == '-';
		while (*at && *at != ',')
			buf_addc(&b, *at++);
		at += *at == ',';
		if (b.failed || !b.len || !may_ask_for(q->noun->type, b.data))
			return err_fail(ERR_BAD_ARGUMENT, "field", "sort", "rule", "@rule_fields", "value", q->sort, NULL);
	}
	return 0;
}

/* Rows of the places the scope may look at: the others are passed over, and not counted. */
struct sieve { struct scope *s; const struct noun_query *q; store_row_fn on_record; void *ctx; uint32_t limit; uint64_t n; };

static int sieve_row(void *ctx, const void *rec)
{
	struct sieve *v = ctx;
	int r = reach_record(v->s, v->q->noun->read, v->q->noun->type, rec);

	if (r <= 0)
		return r;
	v->n++;
	r = v->on_record ? v->on_record(v->ctx, rec) : 0;
	return r != 0 ? r : v->limit && v->n == v->limit;
}

static int list_in_reach(struct scope *s, const struct noun_query *q, const struct store_list *list, const struct list_call *c)
{
	struct sieve rows = { s, q, c->on_record, c->ctx, list->limit, 0 }, all = { .s = s, .q = q };
	struct store_list some = *list, whole = *list;
	struct store_page page = { 0 };
	int r;

	some.limit = 0;
	some.count = whole.count = false;
	r = store_list(s->tx, q->noun->type, &some, sieve_row, &rows, &page);
	whole.cursor = NULL;
	whole.limit = 0;
	if (r >= 0 && list->count)
		r = store_list(s->tx, q->noun->type, &whole, sieve_row, &all, NULL);
	page.n = (uint32_t) rows.n;
	page.total = all.n;
	if (r >= 0 && c->page)
		*c->page = page;
	return r;
}

/* Of a list of references: who is named by code is looked for, so that lists can be asked for by what people call it. */
static int id_of_code(struct scope *s, const struct rec_field *f, const char *text, size_t len, struct buf *out)
{
	const struct noun *n = noun_find(s->platform, f->ref);
	char tenant[UUID_TEXT + 1], id[UUID_TEXT + 1], what[80];
	const char *code = arena_strn(s->arena, text, len);
	struct store_filter by[2] = { { "code", STORE_EQ, code } };
	void *rec = n && code ? noun_alloc(s, n) : NULL;
	struct uuid known;
	int r;

	if (!rec)
		return err_fail(ERR_NO_MEMORY, "what", "a list", NULL);
	if (uuid_parse(text, len, &known) || !rec_field(n->type, "code")) {
		buf_addn(out, text, len);
		return 0;
	}
	r = store_find(s->tx, n->type, by, 1 + noun_tenant_filter(s, n, tenant, &by[1]), rec, s->arena);
	if (r == -ERR_MISSING) {
		err_clear();
		buf_addf(&BUF_FIXED(what), "@%s", f->ref);
		return err_at(err_fail(ERR_NO_SUCH_REF, "field", f->name, "what", what, "value", code, NULL), f->name);
	}
	if (r < 0)
		return r;
	uuid_format(&head_of(rec)->id, id);
	buf_add(out, id);
	return 0;
}

static int name_filter(struct scope *s, const struct rec_type *t, struct store_filter *f)
{
	_cleanup_(buf_done) struct buf ids = BUF_INIT(&sys_heap, 1 << 16);
	const struct rec_field *field = rec_field(t, f->field);
	const char *at = f->value;
	int r = 0;

	if (!field || !rec_sql_is_join(field) || str_empty(at))
		return 0;
	for (;;) {
		const char *comma = f->op == STORE_IN ? str_find(at, ",") : NULL;

		r = id_of_code(s, field, at, comma ? (size_t) (comma - at) : str_len(at), &ids);
		if (r < 0 || !comma)
			break;
		buf_addc(&ids, ',');
		at = comma + 1;
	}
	if (r < 0)
		return r;
	f->value = arena_str(s->arena, ids.data);
	return f->value && !ids.failed ? 0 : err_fail(ERR_NO_MEMORY, "what", "a list", NULL);
}

static int run_list(struct scope *s, const void *in, void *ret)
{
	const struct list_call *c = in;
	const struct noun_query *q = c->q;
	struct store_filter *filters = arena_array(s->arena, struct store_filter, q->n_filters + 1);
	char tenant[UUID_TEXT + 1];
	struct store_list list = { .filters = filters, .n_filters = q->n_filters, .q = q->q, .sort = q->sort, .cursor = q->cursor,
		.limit = q->limit, .count = q->count, .arena = s->arena };

	if (!filters)
		return err_fail(ERR_NO_MEMORY, "what", "a list", NULL);
	if (q->n_filters)
		memcpy(filters, q->filters, q->n_filters * sizeof(*filters));
	for (size_t i = 0; i < q->n_filters; i++) {
		int r = name_filter(s, q->noun->type, &filters[i]);

		if (r < 0)
			return r;
	}
	list.n_filters += noun_tenant_filter(s, q->noun, tenant, &filters[q->n_filters]);
	if (!scope_may(s, q->noun->read))
		return list_in_reach(s, q, &list, c);
	return store_list(s->tx, q->noun->type, &list, c->on_record, c->ctx, c->page);
}

int noun_list(struct scope *s, const struct noun_query *q, store_row_fn on_record, void *ctx, struct store_page *ret_page)
{
	struct list_call c = { .q = q, .on_record = on_record, .ctx = ctx, .page = ret_page };
	struct deed d = deed_of(s, q->noun, "list", run_list);
	int r = may_list(q);

	return r < 0 ? r : scope_do(s, &d, &c, NULL);
}
