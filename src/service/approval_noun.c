/* approval_noun.c - changes of users, roles and grants that wait for a second person, and the switch of separated administrators. */
#include "service/approval.h"
#include "service/internal.h"

/* ---- a change of a record ---- */

struct noun_body { const char *noun, *verb, *text; struct uuid id; uint64_t rev; };
static const struct rec_field noun_body_fields[] = {
	F(struct noun_body, noun), F(struct noun_body, verb), F_KIND(struct noun_body, text, REC_TEXT), F(struct noun_body, id), F(struct noun_body, rev),
};
static const struct rec_type noun_body_type = REC_PLAIN(struct noun_body, "noun_change", noun_body_fields);

int approval_is_due(struct scope *s, const struct noun *n)
{
	if (n->type != &user_type && n->type != &role_type && n->type != &grant_type)
		return 0;
	return s->who.kind != PRINCIPAL_SYSTEM && s->approver.kind == PRINCIPAL_NOBODY && !s->rehearsal && guard_is_separated(s);
}

static const struct { const char *verb, *en, *zh; int (*run)(struct scope *, const struct noun_in *, void **); } verbs[] = {
	{ "create", "Make", "新增", noun_create }, { "replace", "Change", "修改", noun_replace }, { "patch", "Change", "修改", noun_patch },
	{ "delete", "Delete", "删除", noun_delete },
};

static const char *text_of(const struct rec_type *t, const void *rec, const char *field)
{
	const struct rec_field *f = rec ? rec_field(t, field) : NULL;

	return f && f->kind == REC_STR ? *(const char *const *) rec_at(rec, f) : NULL;
}

/* What the second person agrees to is a change of what was there when it was asked for. */
static uint64_t revision_seen(const struct noun_in *in, const char *verb, const struct rec_head *rec)
{
	if (str_eq(verb, "create"))
		return 0;
	return in->if_rev && *in->if_rev ? *in->if_rev : str_eq(verb, "delete") ? rec->rev : rec->rev - 1;    /* the rehearsal made the next one */
}

static int wrap(struct scope *s, const struct noun_in *in, const char *verb, uint64_t rev, const char **ret)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 1 << 16);
	struct noun_body body = { .noun = in->noun->type->name, .verb = verb, .id = in->id, .rev = rev };
	struct json j = JSON_TO(&b);

	body.text = in->len ? arena_strn(s->arena, in->body, in->len) : "";
	if (!body.text)
		return err_fail(ERR_NO_MEMORY, "what", "@approval", NULL);
	rec_to_json(&noun_body_type, &body, REC_SHOW_INTERNAL, NULL, &j);
	if (b.failed || b.len > 60000)
		return err_fail(ERR_TOO_LARGE, "what", "@body", "max", "60000", NULL);
	*ret = arena_str(s->arena, b.data);
	return *ret ? 0 : err_fail(ERR_NO_MEMORY, "what", "@approval", NULL);
}

int noun_ask(struct scope *s, const struct noun_in *in, const char *verb, void **ret_rec)
{
	const struct rec_type *t = in->noun->type;
	struct approval_ask ask = { .kind = "noun", .decide = t == &user_type ? PERM_ROLE_WRITE : PERM_USER_WRITE };
	const char *name;
	size_t v = 0;
	int r;

	while (!str_eq(verbs[v].verb, verb))
		v++;
	s->rehearsal = true;            /* what cannot be done is said now, not to the second person */
	s->rehearsed = NULL;
	r = verbs[v].run(s, in, ret_rec);
	s->rehearsal = false;
	if (r < 0 || !s->rehearsed)     /* it would change nothing */
		return r;
	s->told = NULL;
	name = text_of(t, *ret_rec, "name");
	ask.title = arena_fmt(s->arena, "%s %s %s", verbs[v].en, t->title, name ? name : "");
	ask.title_zh = arena_fmt(s->arena, "%s%s %s", verbs[v].zh, t->title_zh, name ? name : "");
	ask.changes = s->rehearsed;
	r = wrap(s, in, verb, revision_seen(in, verb, *ret_rec), &ask.body);
	if (r >= 0 && (!ask.title || !ask.title_zh))
		r = err_fail(ERR_NO_MEMORY, "what", "@approval", NULL);
	return r < 0 ? r : approval_awaits(s, &ask);
}

static int run_noun(struct scope *s, const char *text, size_t len, const char **ret_outcome)
{
	struct noun_body body;
	struct noun_in in;
	void *rec = NULL;
	int r = rec_from_json(&noun_body_type, &body, (struct rec_json) { text, len }, REC_CREATE, s->arena, NULL);

	if (r < 0)
		return r;
	in = (struct noun_in) { .noun = noun_find(s->platform, body.noun), .id = body.id, .body = body.text, .len = str_len(body.text),
		.if_rev = body.rev ? &body.rev : NULL };
	for (size_t i = 0; in.noun && i < ELEMENTSOF(verbs); i++)
		if (str_eq(verbs[i].verb, body.verb))
			return verbs[i].run(s, &in, &rec);
	return err_failf(ERR_BROKEN, "approval of an unknown deed");
}

const struct approval_kind approval_of_noun = { "noun", run_noun };

/* ---- separated administrators, off again ---- */

int separation_change(struct scope *s, const struct separation_in *in)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 1 << 14);
	struct json j = JSON_TO(&b);
	struct approval_ask ask = { .kind = "separation", .decide = PERM_ROLE_WRITE, .title = "Turn off separated administrators",
		.title_zh = "停用三员分立" };
	int r;

	if (in->on || !guard_is_separated(s))
		return guard_separate(s, in);
	s->rehearsal = true;
	r = guard_separate(s, in);
	s->rehearsal = false;
	if (r < 0)
		return r;
	rec_to_json(&separation_in_type, in, 0, NULL, &j);
	ask.changes = s->rehearsed;
	ask.body = b.data;
	return approval_awaits(s, &ask);
}

static int run_separation(struct scope *s, const char *text, size_t len, const char **ret_outcome)
{
	struct separation_in in;
	int r = rec_from_json(&separation_in_type, &in, (struct rec_json) { text, len }, REC_CREATE, s->arena, NULL);

	return r < 0 ? r : guard_separate(s, &in);
}

const struct approval_kind approval_of_separation = { "separation", run_separation };
