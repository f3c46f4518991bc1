/* apply.c - records as one document, and a document made true: plan, differences, one deed. */

#include "base/json.h"
#include "base/map.h"
#include "service/apply.h"
#include "service/approval.h"
#include "service/internal.h"

enum { NOUNS_MAX = 32 };

/* The nouns of a tenant's store, in the order in which one may refer to another (nouns.def). */
static const struct noun *noun_at(size_t *i)
{
	const struct noun *const *all = service_nouns();

	while (all[*i] && all[*i]->store != DEED_TENANT)
		++*i;
	return all[*i] ? all[(*i)++] : NULL;
}

static bool is_kept(const struct rec_field *f) { return !(f->flags & (REC_READONLY | REC_SECRET | REC_INTERNAL)); }

/* ---- export ---- */

struct export { struct json *out; const struct noun *noun; };

static int export_record(void *ctx, const void *rec)
{
	const struct export *e = ctx;
	const struct rec_type *t = e->noun->type;
	char id[UUID_TEXT + 1];

	uuid_format(&((const struct rec_head *) rec)->id, id);
	json_object(e->out);
	json_kv_str(e->out, "id", id);
	for (uint32_t i = 0; i < t->n_fields; i++) {
		const struct rec_field *f = &t->fields[i];

		if (!is_kept(f) || !rec_has(t, rec, f))
			continue;
		json_key(e->out, f->name);
		rec_field_json(t, f, rec, 0, e->out);
	}
	json_end(e->out);
	return e->out->out->failed ? err_fail(ERR_NO_MEMORY, "what", "@record", NULL) : 0;
}

static int may_all(struct scope *s, const struct noun *n, bool write)
{
	enum permission p = write ? n->write : n->read;

	return scope_may(s, p) ? 0 : err_fail(ERR_DENIED, "permission", permission_id(p), NULL);
}

static int run_export(struct scope *s, const void *in, void *ret)
{
	struct json *out = ret;
	const struct noun *n;
	int r = 0;

	json_object(out);
	for (size_t i = 0; r >= 0 && (n = noun_at(&i));) {
		struct export e = { out, n };
		struct store_list all = { .sort = NULL };

		r = may_all(s, n, false);
		json_key(out, n->type->plural);
		json_array(out);
		if (r >= 0)
			r = store_list(s->tx, n->type, &all, export_record, &e, NULL);
		json_end(out);
	}
	json_end(out);
	return r;
}

int service_export(struct scope *s, struct json *out)
{
	static const struct deed d = DEED("records.export", PERM_POINT_READ, DEED_TENANT, run_export);
	struct deed reads = d;

	reads.reads = true;
	return scope_do(s, &reads, NULL, out);
}

/* ---- the plan ---- */

struct apply { struct scope *s; const struct apply_in *in; struct applied *ret; struct map seen; };

static bool is_same(const void *item, const void *key) { return uuid_equal(item, key); }

static const char *name_of(struct apply *a, const struct rec_type *t, const void *rec)
{
	static const char *const names[] = { "path", "code", "name" };
	struct buf b = BUF_INIT(&sys_heap, 4096);
	const char *text = "";

	for (size_t i = 0; i < ELEMENTSOF(names) && !b.len; i++) {
		const struct rec_field *f = rec_field(t, names[i]);

		if (f && rec_has(t, rec, f))
			rec_field_format(t, f, rec, &b);
	}
	if (b.len)
		text = arena_strn(a->s->arena, b.data, b.len);
	buf_done(&b);
	return text ? text : "";
}

static const char *value_of(struct apply *a, const struct rec_type *t, const struct rec_field *f, const void *rec)
{
	struct buf b = BUF_INIT(&sys_heap, 1 << 20);
	struct json j = JSON_TO(&b);
	const char *text = NULL;

	if (rec && rec_has(t, rec, f)) {
		rec_field_json(t, f, rec, 0, &j);
		text = arena_strn(a->s->arena, b.data, b.len);
	}
	buf_done(&b);
	return text;
}

static int note(struct apply *a, enum apply_op op, const struct noun *n, const void *before, const void *after)
{
	const struct rec_type *t = n->type;
	const void *rec = after ? after : before;
	struct apply_item *item;

	a->ret->n[op]++;
	if (a->ret->n_items >= APPLY_ITEMS)
		return 0;
	item = &a->ret->items[a->ret->n_items++];
	*item = (struct apply_item) { .op = op, .noun = n, .id = ((const struct rec_head *) rec)->id, .name = name_of(a, t, rec) };
	if (op != APPLY_CHANGE)
		return 0;
	item->fields = arena_array(a->s->arena, struct apply_field, t->n_fields);
	if (!item->fields)
		return err_fail(ERR_NO_MEMORY, "what", "@record", NULL);
	for (uint32_t i = 0; i < t->n_fields; i++)
		if (is_kept(&t->fields[i]) && !rec_field_equal(t, &t->fields[i], before, after))
			item->fields[item->n_fields++] = (struct apply_field) { t->fields[i].name, value_of(a, t, &t->fields[i], before),
				value_of(a, t, &t->fields[i], after) };
	return 0;
}

/* ---- one record ---- */

static int id_of(const struct tree *entry, struct uuid *ret)
{
	const char *text = tree_str(tree_find(entry, "id"));

	if (!text)
		return err_at(err_fail(ERR_REQUIRED, "field", "id", NULL), "id");
	return uuid_parse(text, str_len(text), ret) ? 0 : err_at(err_fail(ERR_WRONG_TYPE, "field", "id", "want", "@uuid", "value", text, NULL), "id");
}

static int once(struct apply *a, const struct uuid *id)
{
	uint64_t hash = hash_bytes(id, sizeof(*id));
	struct uuid *copy;
	char text[UUID_TEXT + 1];

	uuid_format(id, text);
	if (map_find(&a->seen, hash, is_same, id))
		return err_at(err_fail(ERR_EXISTS, "what", "@record", "field", "id", "value", text, NULL), "id");
	copy = arena_dup(a->s->arena, id, sizeof(*id));
	return copy && map_put(&a->seen, hash, copy) ? 0 : err_fail(ERR_NO_MEMORY, "what", "@record", NULL);
}

static int apply_record(struct apply *a, const struct noun *n, const struct tree *entry)
{
	void *before = noun_alloc(a->s, n), *rec = noun_alloc(a->s, n);
	struct uuid id;
	int r = before && rec ? id_of(entry, &id) : -ERR_NO_MEMORY;
	bool is_new;

	if (r >= 0)
		r = once(a, &id);
	if (r < 0)
		return r;
	r = store_get(a->s->tx, n->type, &id, before, a->s->arena);
	is_new = r == -ERR_MISSING;
	if (is_new) {
		err_clear();
		r = rec_from_tree(n->type, rec, entry, REC_CREATE, a->s->arena, NULL);
	} else if (r >= 0) {
		r = rec_dup(n->type, rec, before, a->s->arena);
		if (r >= 0)
			r = rec_from_tree(n->type, rec, entry, REC_REPLACE, a->s->arena, NULL);
	}
	if (r < 0)
		return r;
	if (!is_new) {
		struct rec_head *h = rec;
		const struct rec_head *was = before;
		uint64_t has[2] = { h->has[0], h->has[1] };

		*h = *was;
		memcpy(h->has, has, sizeof(has));
		if (rec_equal(n->type, before, rec)) {
			a->ret->unchanged++;
			return 0;
		}
	}
	r = noun_put(a->s, n, is_new ? NULL : before, rec, NULL);
	return r < 0 ? r : note(a, is_new ? APPLY_CREATE : APPLY_CHANGE, n, before, rec);
}

/* ---- all records of a noun ---- */

/* The field that refers to the noun itself: a place's place. */
static const struct rec_field *self_of(const struct noun *n)
{
	for (uint32_t i = 0; i < n->type->n_fields; i++)
		if (n->type->fields[i].kind == REC_REF && str_eq(n->type->fields[i].ref, n->type->name))
			return &n->type->fields[i];
	return NULL;
}

/* An entry of a list, found by its id. */
struct listed { const char *id; const struct tree *entry; bool done; };

static bool is_called(const void *item, const void *key) { return str_eq(((const struct listed *) item)->id, key); }

static int find_all(struct apply *a, const struct tree *list, struct map *by_id, struct listed **ret)
{
	struct listed *all = arena_array(a->s->arena, struct listed, list->n + 1);
	size_t n = 0;

	if (!all)
		return err_fail(ERR_NO_MEMORY, "what", "@record", NULL);
	TREE_EACH(entry, list) {
		struct listed *l = &all[n++];
		uint64_t hash;

		*l = (struct listed) { tree_str(tree_find(entry, "id")), entry, false };
		hash = l->id ? hash_bytes(l->id, str_len(l->id)) : 0;
		if (l->id && !map_find(by_id, hash, is_called, l->id) && !map_put(by_id, hash, l))
			return err_fail(ERR_NO_MEMORY, "what", "@record", NULL);
	}
	*ret = all;
	return 0;
}

/* Does it wait for another of the list? */
static bool waits(const struct map *by_id, const struct listed *l, const struct rec_field *self)
{
	const char *to = self ? tree_str(tree_find(l->entry, self->name)) : NULL;
	const struct listed *other = to ? map_find(by_id, hash_bytes(to, str_len(to)), is_called, to) : NULL;

	return other && other != l && !other->done;
}

static int failed_at(struct apply *a, const struct noun *n, size_t i, int r)
{
	return errs_put(a->in->errs, err_at(err_at_index(r, i), n->type->plural));
}

static int apply_entries(struct apply *a, const struct noun *n, const struct map *by_id, struct listed *all, size_t n_all)
{
	const struct rec_field *self = self_of(n);
	bool any = true;
	int first = 0;

	while (any) {
		any = false;
		for (size_t i = 0; i < n_all; i++) {
			int r;

			if (all[i].done || waits(by_id, &all[i], self))
				continue;
			all[i].done = any = true;
			r = apply_record(a, n, all[i].entry);
			if (r < 0)
				first = first < 0 ? (failed_at(a, n, i, r), first) : failed_at(a, n, i, r);
			if (r == -ERR_NO_MEMORY || r == -ERR_IO || r == -ERR_FULL || r == -ERR_DENIED)
				return r;
		}
	}
	for (size_t i = 0; i < n_all && first == 0; i++)
		if (!all[i].done)       /* they wait for each other */
			first = failed_at(a, n, i, err_at(err_fail(ERR_INVALID, "field", self->name, "rule", "@rule_inside", "value", "", NULL), self->name));
	return first;
}

static int apply_list(struct apply *a, const struct noun *n, const struct tree *list)
{
	struct map by_id = MAP_INIT(&sys_heap);
	struct listed *all = NULL;
	int r;

	if (list->kind != TREE_LIST)
		return errs_put(a->in->errs, err_at(err_fail(ERR_WRONG_TYPE, "field", n->type->plural, "want", "@list", "value", tree_kind_term(list), NULL),
			n->type->plural));
	r = find_all(a, list, &by_id, &all);
	if (r >= 0)
		r = apply_entries(a, n, &by_id, all, list->n);
	map_done(&by_id);
	return r;
}

/* ---- what is no longer listed ---- */

struct others { struct apply *a; void **items; uint32_t n, room; const struct noun *noun; };

static int see_other(void *ctx, const void *rec)
{
	struct others *o = ctx;
	const struct uuid *id = &((const struct rec_head *) rec)->id;
	void *copy;

	if (map_find(&o->a->seen, hash_bytes(id, sizeof(*id)), is_same, id))
		return 0;
	copy = noun_alloc(o->a->s, o->noun);
	if (o->n == o->room) {
		uint32_t room = o->room ? o->room * 2 : 64;
		void **items = sys_resize(o->items, room * sizeof(*items));

		if (!items)
			return err_fail(ERR_NO_MEMORY, "what", "@record", NULL);
		o->items = items;
		o->room = room;
	}
	if (!copy || rec_dup(o->noun->type, copy, rec, o->a->s->arena) < 0)
		return err_fail(ERR_NO_MEMORY, "what", "@record", NULL);
	o->items[o->n++] = copy;
	return 0;
}

static int remove_others(struct apply *a, const struct noun *n)
{
	struct others o = { .a = a, .noun = n };
	struct store_list all = { .sort = NULL };
	int r = store_list(a->s->tx, n->type, &all, see_other, &o, NULL);

	/* The youngest first: what is inside another was made after it, as a rule; else the store names what still needs it. */
	for (uint32_t i = o.n; r >= 0 && i-- > 0;) {
		if (a->in->remove)
			r = noun_remove(a->s, n, o.items[i], NULL);
		if (r >= 0)
			r = note(a, a->in->remove ? APPLY_DELETE : APPLY_KEEP, n, o.items[i], NULL);
		else
			errs_put(a->in->errs, err_at(r, n->type->plural));
	}
	sys_free(o.items);
	return r;
}

/* ---- the deed ---- */

static int know_members(const struct apply *a)
{
	const char *words[NOUNS_MAX];
	size_t n = 0;
	const struct noun *noun;

	for (size_t i = 0; n < NOUNS_MAX && (noun = noun_at(&i));)
		words[n++] = noun->type->plural;
	TREE_EACH(m, a->in->document) {
		bool known = false;

		for (size_t i = 0; i < n; i++)
			known |= str_eq(words[i], m->key);
		if (!known)
			return errs_put(a->in->errs, err_at(err_fail(ERR_UNKNOWN_FIELD, "value", m->key, "nearest", str_nearest(m->key, words, n), NULL), m->key));
	}
	return 0;
}

static int apply_all(struct apply *a)
{
	const struct noun *named[NOUNS_MAX], *noun;
	size_t n = 0;
	int r = know_members(a), first = r;

	for (size_t i = 0; r >= 0 && n < NOUNS_MAX && (noun = noun_at(&i));) {
		const struct tree *list = tree_find(a->in->document, noun->type->plural);

		if (!list)
			continue;
		r = may_all(a->s, noun, true);
		if (r >= 0 && approval_is_due(a->s, noun))
			r = err_fail(ERR_UNSUPPORTED, "what", "@import", "value", noun->type->plural, "words", "create", NULL);
		if (r < 0)
			return r;
		named[n++] = noun;
		first = apply_list(a, noun, list);
		r = first;              /* what refers to it would only fail, too */
	}
	while (r >= 0 && n-- > 0)
		r = remove_others(a, named[n]);
	return r;
}

static int run_apply(struct scope *s, const void *in, void *ret)
{
	struct apply a = { .s = s, .in = in, .ret = ret };
	int r;

	a.ret->items = arena_array(s->arena, struct apply_item, APPLY_ITEMS);
	if (!a.ret->items)
		return err_fail(ERR_NO_MEMORY, "what", "@record", NULL);
	a.seen = MAP_INIT(&sys_heap);
	r = apply_all(&a);
	map_done(&a.seen);
	if (r >= 0 && a.in->dry_run)
		return err_fail(ERR_CANCELLED, "what", "@record", NULL);        /* undone with the transaction */
	return r < 0 || a.ret->n[APPLY_CREATE] + a.ret->n[APPLY_CHANGE] + a.ret->n[APPLY_DELETE] ? r : DEED_CHANGED_NOTHING;
}

int service_apply(struct scope *s, const struct apply_in *in, struct applied *ret)
{
	static const struct deed d = DEED("records.apply", PERM_POINT_WRITE, DEED_TENANT, run_apply);
	const struct noun *noun;
	size_t i = 0;
	int r;

	*ret = (struct applied) { 0 };
	if (!in->document || in->document->kind != TREE_OBJECT)
		return err_fail(ERR_WRONG_TYPE, "field", "@body", "want", "@object", "value", tree_kind_term(in->document), NULL);
	r = scope_do(s, &d, in, ret);
	if (r == -ERR_CANCELLED && in->dry_run) {
		err_clear();
		return 0;
	}
	noun = noun_at(&i);
	return noun_told(s, noun, r);
}
