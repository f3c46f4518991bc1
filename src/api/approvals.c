/* approvals.c - what waits for a second person, and the switch of separated administrators. */

#include "api/internal.h"
#include "service/approval.h"

struct note_in { const char *note; };
static const struct rec_field note_fields[] = { F(struct note_in, note, .max = "500", .label = "Note", .label_zh = "复核意见") };
static const struct rec_type note_type = REC_PLAIN(struct note_in, "approval_note", note_fields, .title = "Note", .title_zh = "复核意见");

static void approval_json(struct call *c, const struct approval *a, struct json *j)
{
	struct buf *out = j->out;

	record_json(&approval_type, a, NULL, j);
	if (out->len && !out->failed) {
		bool decide = a->state == APPROVAL_PENDING && approval_may_decide(&c->scope, a);
		bool own = uuid_equal(&a->asker, &c->scope.who.id);
		out->len--;             /* the closing brace */
		buf_addf(out, ",\"may_decide\":%s,\"own\":%s}", decide ? "true" : "false", own ? "true" : "false");
	}
}

/* 202: nothing was done yet. */
void answer_awaits(struct call *c)
{
	const struct approval *a = c->scope.awaits;
	char id[UUID_TEXT + 1];
	struct json j;

	buf_clear(&c->out);
	c->n_fields = 0;
	j = answer_json(c);
	c->status = 202;
	uuid_format(&a->head.id, id);
	call_field(c, "Location", arena_fmt(&c->arena, "/api/v1/approvals/%s", id));
	json_object(&j);
	json_key(&j, "approval");
	approval_json(c, a, &j);
	json_end(&j);
}

struct item { struct call *c; struct json *j; };

static int add_item(void *ctx, const void *rec)
{
	struct item *i = ctx;

	approval_json(i->c, rec, i->j);
	return i->j->out->failed ? err_fail(ERR_TOO_LARGE, "what", "answer", "max", "67108864", NULL) : 0;
}

static int state_of(struct call *c, int *ret)
{
	const struct rec_field *f = rec_field(&approval_type, "state");
	const char *text = call_param(c, "state");

	*ret = -1;
	if (!text)
		return 0;
	*ret = rec_word_index(f, text, str_len(text));
	return *ret >= 0 ? 0 : err_fail(ERR_BAD_ARGUMENT, "field", "state", "rule", "@rule_fields", "value", text, NULL);
}

static int run_list(struct call *c)
{
	struct json j = answer_json(c);
	struct item i = { c, &j };
	int state, r = state_of(c, &state);

	if (r < 0)
		return r;
	json_object(&j);
	json_key(&j, "items");
	json_array(&j);
	r = approval_list(&c->scope, state, add_item, &i);
	json_end(&j);
	json_end(&j);
	return r;
}

static int answer_approval(struct call *c, int r, const struct approval *a)
{
	struct json j;

	if (r < 0)
		return r;
	j = answer_json(c);
	approval_json(c, a, &j);
	return 0;
}

static int run_get(struct call *c)
{
	struct approval a;
	struct uuid id;
	int r = call_uuid(c, &id);

	if (r >= 0)
		r = approval_get(&c->scope, &id, &a);
	return answer_approval(c, r, &a);
}

static int decide(struct call *c, bool yes)
{
	struct approval_decision d = { .yes = yes, .note = ((const struct note_in *) c->in)->note };
	struct approval a;
	int r = call_uuid(c, &d.id);

	if (r >= 0)
		r = approval_decide(&c->scope, &d, &a);
	return answer_approval(c, r, &a);
}

static int run_approve(struct call *c) { return decide(c, true); }
static int run_refuse(struct call *c) { return decide(c, false); }

static int run_withdraw(struct call *c)
{
	struct approval a;
	struct uuid id;
	int r = call_uuid(c, &id);

	if (r >= 0)
		r = approval_withdraw(&c->scope, &id, &a);
	return answer_approval(c, r, &a);
}

/* ---- separated administrators ---- */

static int run_separation(struct call *c)
{
	struct json j = answer_json(c);

	json_object(&j);
	json_kv_bool(&j, "on", guard_is_separated(&c->scope));
	json_end(&j);
	return 0;
}

static int run_separate(struct call *c)
{
	int r = separation_change(&c->scope, c->in);

	return r < 0 ? r : run_separation(c);
}

static const char *const state_param[] = { "state", NULL };

static const struct route rows[] = {
	ROUTE("GET", "/approvals", SIGNED_IN, "approval.list", run_list, .params = state_param,
		.doc = "What I asked for and what I may decide, newest first; state=pending"),
	ROUTE("GET", "/approvals/{id}", SIGNED_IN, "approval.get", run_get, .doc = "One of them"),
	ROUTE("POST", "/approvals/{id}/approve", SIGNED_IN, "approval.approve", run_approve, .in = &note_type,
		.doc = "Let it happen: the deed runs once, and the answer says what became of it"),
	ROUTE("POST", "/approvals/{id}/refuse", SIGNED_IN, "approval.refuse", run_refuse, .in = &note_type, .doc = "Refuse it"),
	ROUTE("DELETE", "/approvals/{id}", SIGNED_IN, "approval.withdraw", run_withdraw, .doc = "Take back what I asked for"),
	ROUTE("GET", "/separation", PERM_USER_READ, "separation.get", run_separation, .doc = "Are system, security and audit administrators different people?"),
	ROUTE("PUT", "/separation", PERM_USER_WRITE, "separation.set", run_separate, .in = &separation_in_type,
		.doc = "Turn it on, naming three users; turning it off waits for a second person"),
};
const struct routes routes_approvals = { rows, ELEMENTSOF(rows) };
