/* deed.c - the one place where deeds are run, and what they note down for the audit. */

#include "base/str.h"
#include "guard/internal.h"

/* The entry of a deed that two people answer for names both. */
static int note_approver(struct scope *s)
{
	char id[UUID_TEXT + 1];

	if (s->approver.kind == PRINCIPAL_NOBODY)
		return 0;
	uuid_format(&s->approver.id, id);
	audit_text(s, "approved_by", s->approver.name);
	return audit_text(s, "approver", id);
}

static int run_write(struct scope *s, const struct deed *d, const void *in, void *ret)
{
	struct audit_notes notes = { .items = BUF_INIT(&sys_heap, AUDIT_TEXT_MAX) };
	struct store *store = NULL;
	struct store_tx *tx = NULL;
	int r = guard_store_of(s, d->store, &store), result = 0;
	bool undone;

	if (r >= 0)
		r = store_begin(store, STORE_WRITE, s->deadline_ns, &tx);
	if (r < 0)
		return r;
	s->tx = tx;
	s->notes = &notes;
	result = r = d->run(s, in, ret);
	undone = r >= 0 && (s->rehearsal || r == DEED_CHANGED_NOTHING);
	if (r >= 0 && s->rehearsal)
		s->rehearsed = audit_changes_text(s);
	if (r >= 0 && !undone)
		r = note_approver(s);
	if (r >= 0 && !undone)
		r = audit_append(s, tx, d->name, "ok");
	s->tx = NULL;
	s->notes = NULL;
	if (r >= 0 && !undone)
		r = store_commit(tx);
	else
		store_rollback(tx);
	if (r >= 0 && !undone)
		audit_seal_head(s->guard, audit_head_of(s, d->store), store);
	buf_done(&notes.items);
	return r < 0 ? r : result == DEED_CHANGED_NOTHING ? 0 : result;
}

static int run_read(struct scope *s, const struct deed *d, const void *in, void *ret)
{
	struct store *store = NULL;
	int r = guard_store_of(s, d->store, &store);

	if (r >= 0)
		r = store_begin(store, STORE_READ, s->deadline_ns, &s->tx);
	if (r < 0) {
		s->tx = NULL;
		return r;
	}
	r = d->run(s, in, ret);
	s->tx = store_rollback(s->tx);
	return r;
}

/* A refusal is an entry, too: by the deed's own right, or by what it looks at: another's place, another's rights. */
static int noted(struct scope *s, const struct deed *d, int r)
{
	struct err e;

	if (r >= 0 || s->tx)
		return r;
	e = err_take(r);
	guard_audit_refusal(s, d->name, r);
	s->refused = true;
	err_put(&e);
	return r;
}

int scope_do(struct scope *s, const struct deed *d, const void *in, void *ret)
{
	int r = d->placed ? scope_need_somewhere(s, d->permission) : scope_need(s, d->permission);

	if (r < 0)
		return noted(s, d, r);
	if (s->tx) {
		r = d->run(s, in, ret);
		return r == DEED_CHANGED_NOTHING ? 0 : r;
	}
	r = d->reads ? run_read(s, d, in, ret) : run_write(s, d, in, ret);
	return r == -ERR_DENIED || r == -ERR_SAME_PERSON ? noted(s, d, r) : r;
}

/* ---- notes ---- */

/* One field as JSON; "null" when it is absent. */
static void field_json(const struct rec_type *t, const struct rec_field *f, const void *rec, struct buf *out)
{
	const char *only[] = { f->name, NULL };
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 1 << 20);
	struct json j = JSON_TO(&b);
	size_t skip = str_len(f->name) + 4;     /* {"name": */

	rec_to_json(t, rec, REC_SHOW_INTERNAL, only, &j);
	if (b.failed || b.len < skip + 1)
		buf_add(out, "null");
	else
		buf_addn(out, b.data + skip, b.len - skip - 1);
}

static bool same_field(const struct rec_type *t, const struct rec_field *f, const void *a, const void *b)
{
	_cleanup_(buf_done) struct buf x = BUF_INIT(&sys_heap, 1 << 20), y = BUF_INIT(&sys_heap, 1 << 20);

	field_json(t, f, a, &x);
	field_json(t, f, b, &y);
	return str_eq(x.data, y.data);
}

/* The fields of `rec` in which it differs from `other` (all when there is no other); secrets as "***". */
static void side(struct json *j, const char *key, const struct rec_type *t, const void *rec, const void *other)
{
	_cleanup_(buf_done) struct buf value = BUF_INIT(&sys_heap, 1 << 20);

	json_key(j, key);
	json_object(j);
	for (uint32_t i = 0; i < t->n_fields; i++) {
		const struct rec_field *f = &t->fields[i];
		if (str_eq(f->name, "head") || (!other && !rec_has(t, rec, f)) || (other && same_field(t, f, rec, other)))
			continue;
		buf_clear(&value);
		field_json(t, f, rec, &value);
		if (!other && str_eq(value.data, "null"))
			continue;
		json_key(j, f->name);
		if (f->flags & (REC_SECRET | REC_INTERNAL) && !str_eq(value.data, "null"))
			json_str(j, "***");
		else
			json_raw(j, value.data);
	}
	json_end(j);
}

static int keep(struct scope *s, struct buf *item)
{
	struct audit_notes *n = s->notes;

	if (!n)
		return 0;
	n->n++;
	if (n->cut || item->failed || n->items.len + item->len + 64 > AUDIT_TEXT_MAX)
		n->cut++;
	else
		buf_addf(&n->items, "%s%s", n->items.len ? "," : "", item->data);
	return 0;
}

int audit_change(struct scope *s, const struct rec_type *t, const void *before, const void *after)
{
	_cleanup_(buf_done) struct buf item = BUF_INIT(&sys_heap, AUDIT_TEXT_MAX);
	const struct rec_head *head = after ? after : before;
	struct json j = JSON_TO(&item);
	char id[UUID_TEXT + 1];

	if (!s->notes)
		return 0;
	if (!s->notes->noun) {
		s->notes->noun = t->name;
		s->notes->record = head->id;
	}
	if (s->notes->cut) {                    /* the list ends at the first that found no room: of a long import few are written out */
		s->notes->n++;
		s->notes->cut++;
		return 0;
	}
	uuid_format(&head->id, id);
	json_object(&j);
	json_kv_str(&j, "noun", t->name);
	json_kv_str(&j, "id", id);
	json_kv_str(&j, "op", !before ? "create" : after ? "update" : "delete");
	if (before)
		side(&j, "before", t, before, after);
	if (after)
		side(&j, "after", t, after, before);
	json_end(&j);
	return keep(s, &item);
}

int audit_text(struct scope *s, const char *what, const char *text)
{
	_cleanup_(buf_done) struct buf item = BUF_INIT(&sys_heap, AUDIT_TEXT_MAX);
	struct json j = JSON_TO(&item);

	json_object(&j);
	json_kv_str(&j, what, text);
	json_end(&j);
	return keep(s, &item);
}
