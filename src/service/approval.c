/* approval.c - asking, deciding, and running what was approved; what users, roles and grants of separated administrators need of it. */
#include "service/approval.h"

#include "base/when.h"
#include "service/internal.h"
#include "service/reach.h"

/* Rows handed on; rows looked at for them: who may decide little has to look through what others may. */
enum { LIST_MAX = 500, LOOK_MAX = 20000, EXPIRED_AT_ONCE = 100 };

static const struct rec_word states[] = {
	{ "pending", "Waits", "待复核" }, { "approved", "Approved", "已同意" }, { "done", "Done", "已执行" }, { "failed", "Failed", "执行失败" },
	{ "refused", "Refused", "已拒绝" }, { "withdrawn", "Withdrawn", "已撤回" }, { "expired", "Expired", "已过期" }, { NULL },
};

static const struct rec_field fields[] = {
	F_REF(struct approval, tenant, "tenant", .flags = REC_INTERNAL | REC_INDEX),
	F(struct approval, kind, .max = "64", .label = "Kind", .label_zh = "类别"),
	F(struct approval, title, .max = "500", .label = "What", .label_zh = "英文内容"),
	F(struct approval, title_zh, .max = "500", .label = "What, in Chinese", .label_zh = "申请内容"),
	F_KIND(struct approval, changes, REC_JSON, .label = "Changes", .label_zh = "变更"),
	F_KIND(struct approval, body, REC_TEXT, .flags = REC_SECRET, .max = "60000"),
	F(struct approval, reason, .max = "500", .label = "Reason", .label_zh = "理由"),
	F(struct approval, asker, .flags = REC_INDEX, .label = "Asked by (id)", .label_zh = "申请人标识"),
	F(struct approval, asker_kind, .max = "16", .label = "Kind of asker", .label_zh = "申请主体类型"),
	F(struct approval, asker_name, .max = "256", .label = "Asked by", .label_zh = "申请人"),
	F(struct approval, permission, .max = "64", .label = "Permission", .label_zh = "所需权限"),
	F(struct approval, device, .label = "Device", .label_zh = "采集设备"),
	F_KIND(struct approval, expires, REC_TIME, .flags = REC_INDEX, .label = "Expires", .label_zh = "到期时间"),
	F_ENUM(struct approval, state, states, .flags = REC_INDEX, .def = "pending", .label = "State", .label_zh = "状态"),
	F(struct approval, decider, .label = "Decided by (id)", .label_zh = "复核人标识"),
	F(struct approval, decider_name, .max = "256", .label = "Decided by", .label_zh = "复核人"),
	F_KIND(struct approval, decided, REC_TIME, .flags = REC_NULLABLE, .label = "Decided", .label_zh = "复核时间"),
	F(struct approval, note, .max = "500", .label = "Note", .label_zh = "复核意见"),
	F(struct approval, outcome, .max = "1000", .label = "Outcome", .label_zh = "执行结果"),
};
const struct rec_type approval_type = REC_TYPE(struct approval, "approval", "approvals", fields, .title = "Approval", .title_zh = "双人复核");

#define APPROVAL(kind) extern const struct approval_kind kind;
#include "service/approvals.def"
#undef APPROVAL
static const struct approval_kind *const kinds[] = {
#define APPROVAL(kind) &kind,
#include "service/approvals.def"
#undef APPROVAL
};

static const struct approval_kind *kind_of(const char *name)
{
	for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
		if (str_eq(kinds[i]->name, name))
			return kinds[i];
	return NULL;
}

static void set(struct approval *a, const char *field)
{
	rec_set_has(&approval_type, a, rec_field(&approval_type, field), true);
}

/* ---- asking ---- */

static int count_row(void *ctx, const void *rec)
{
	(*(uint32_t *) ctx)++;
	return 0;
}

static int few_enough(struct scope *s)
{
	char id[UUID_TEXT + 1], now[WHEN_TEXT_MAX];
	struct store_filter f[] = { { "asker", STORE_EQ, id }, { "state", STORE_EQ, "pending" }, { "expires", STORE_GT, now } };
	struct store_list own = { .filters = f, .n_filters = ELEMENTSOF(f), .limit = APPROVALS_PENDING_MAX };
	uint32_t n = 0;
	int r;

	uuid_format(&s->who.id, id);
	when_format(now, clock_now_ns());
	r = store_list(s->tx, &approval_type, &own, count_row, &n, NULL);
	return r < 0 ? r : n < APPROVALS_PENDING_MAX ? 0 : err_fail(ERR_LIMIT, "what", "@approval", "max", "200", NULL);
}

/* What is decided is run by who decided, or never: its body, which may hold a password, does not stay in the store. */
static int put_without_body(struct scope *s, struct approval *a)
{
	const char *body = a->body;
	int r;

	a->body = NULL;
	rec_set_has(&approval_type, a, rec_field(&approval_type, "body"), false);
	r = store_put(s->tx, &approval_type, a, &s->who.id);
	a->body = body;
	rec_set_has(&approval_type, a, rec_field(&approval_type, "body"), body != NULL);
	return r;
}

struct expired { struct scope *s; struct approval *items; uint32_t n; };

static int note_expired(void *ctx, const void *rec)
{
	struct expired *e = ctx;

	return rec_dup(&approval_type, &e->items[e->n++], rec, e->s->arena);
}

/* Who asks writes down what has expired: a request nobody decided keeps its body no longer than one that was. */
static int close_expired(struct scope *s)
{
	char now[WHEN_TEXT_MAX];
	struct store_filter f[] = { { "state", STORE_EQ, "pending" }, { "expires", STORE_LT, now } };
	struct store_list old = { .filters = f, .n_filters = ELEMENTSOF(f), .limit = EXPIRED_AT_ONCE };
	struct expired e = { .s = s, .items = arena_array(s->arena, struct approval, EXPIRED_AT_ONCE) };
	int r;

	when_format(now, clock_now_ns());
	r = e.items ? store_list(s->tx, &approval_type, &old, note_expired, &e, NULL) : err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	for (uint32_t i = 0; r >= 0 && i < e.n; i++) {
		struct approval before = e.items[i];

		e.items[i].state = APPROVAL_EXPIRED;
		r = put_without_body(s, &e.items[i]);
		if (r >= 0)
			r = audit_change(s, &approval_type, &before, &e.items[i]);
	}
	return r;
}

static int put_asked(struct scope *s, const void *in, void *ret)
{
	const struct approval_ask *ask = in;
	struct approval *a = ret;
	int r = close_expired(s);

	if (r >= 0)
		r = few_enough(s);
	if (r >= 0)
		r = rec_init(&approval_type, a, s->arena);
	if (r < 0)
		return r;
	a->tenant = s->tenant_id;
	a->kind = ask->kind;
	a->title = ask->title;
	a->title_zh = ask->title_zh;
	a->changes = ask->changes;
	a->body = ask->body;
	a->reason = ask->reason;
	a->asker = s->who.id;
	a->asker_kind = s->who.kind == PRINCIPAL_TOKEN ? "token" : "user";
	a->asker_name = s->who.name;
	a->permission = permission_id(ask->decide);
	a->expires = clock_now_ns() + (ask->valid_ns ? ask->valid_ns : 24 * 3600 * NS_PER_S);
	if (ask->device)
		a->device = *ask->device;
	r = store_put(s->tx, &approval_type, a, &s->who.id);
	if (r >= 0)
		r = audit_change(s, &approval_type, NULL, a);
	a->body = NULL;
	return r;
}

int approval_ask(struct scope *s, const struct approval_ask *ask, struct approval *ret)
{
	static const struct deed deed = DEED("approval.ask", SIGNED_IN, DEED_SYSTEM, put_asked);

	if (!kind_of(ask->kind))
		return err_failf(ERR_BROKEN, "no approval of kind %s", ask->kind);
	if (s->who.kind != PRINCIPAL_USER && s->who.kind != PRINCIPAL_TOKEN)
		return err_fail(ERR_UNAUTHENTICATED, NULL, NULL);
	return scope_do(s, &deed, ask, ret);
}

int approval_awaits(struct scope *s, const struct approval_ask *ask)
{
	struct approval *a = arena_new(s->arena, struct approval);
	int r = a ? approval_ask(s, ask, a) : err_fail(ERR_NO_MEMORY, "what", "@approval", NULL);

	if (r < 0)
		return r;
	s->awaits = a;
	return err_fail(ERR_AWAITS_APPROVAL, "value", s->lang == LANG_ZH ? ask->title_zh : ask->title, NULL);
}

/* ---- looking ---- */

bool approval_may_decide(struct scope *s, const struct approval *a)
{
	enum permission p = permission_parse(a->permission);

	if (s->who.kind != PRINCIPAL_USER || p == PERM_UNSET_ || uuid_equal(&s->who.id, &a->asker))
		return false;
	return uuid_is_zero(&a->device) ? scope_may(s, p) : reach_device(s, p, &a->device);
}

static bool may_see(struct scope *s, const struct approval *a)
{
	return uuid_equal(&a->tenant, &s->tenant_id)
		&& (uuid_equal(&a->asker, &s->who.id) || uuid_equal(&a->decider, &s->who.id) || approval_may_decide(s, a));
}

/* What waits too long has expired without anybody writing it down. */
static void as_of_now(struct approval *a)
{
	if (a->state == APPROVAL_PENDING && clock_now_ns() >= a->expires)
		a->state = APPROVAL_EXPIRED;
	a->body = NULL;
	rec_set_has(&approval_type, a, rec_field(&approval_type, "body"), false);
}

struct listing { struct scope *s; int state; store_row_fn on_approval; void *ctx; uint32_t n; };

static int list_row(void *ctx, const void *rec)
{
	struct approval a = *(const struct approval *) rec;
	struct listing *l = ctx;

	if (!may_see(l->s, &a))
		return 0;
	as_of_now(&a);
	if (l->state >= 0 && a.state != l->state)
		return 0;
	return ++l->n > LIST_MAX ? 1 : l->on_approval(l->ctx, &a);
}

static int run_list(struct scope *s, const void *in, void *ret)
{
	char tenant[UUID_TEXT + 1];
	struct listing *l = ret;
	struct store_filter f[] = { { "tenant", STORE_EQ, tenant }, { "state", STORE_EQ, states[MAX(l->state, 0)].word } };
	/* What has expired may not be written down yet. */
	struct store_list list = { .filters = f, .n_filters = l->state < 0 || l->state == APPROVAL_EXPIRED ? 1 : 2, .sort = "-created", .limit = LOOK_MAX };

	uuid_format(&s->tenant_id, tenant);
	return store_list(s->tx, &approval_type, &list, list_row, l, NULL);
}

int approval_list(struct scope *s, int state, store_row_fn on_approval, void *ctx)
{
	static const struct deed deed = DEED_READ("approval.list", SIGNED_IN, DEED_SYSTEM, run_list);
	struct listing l = { s, state, on_approval, ctx, 0 };

	return scope_do(s, &deed, NULL, &l);
}

static int fetch(struct scope *s, const struct uuid *id, struct approval *ret)
{
	char text[UUID_TEXT + 1];
	int r = store_get(s->tx, &approval_type, id, ret, s->arena);

	if (r == -ERR_MISSING || (r >= 0 && !may_see(s, ret))) {
		err_clear();
		uuid_format(id, text);
		return err_fail(ERR_MISSING, "what", "@approval", "value", text, NULL);
	}
	return r;
}

static int run_get(struct scope *s, const void *in, void *ret)
{
	int r = fetch(s, in, ret);

	if (r >= 0)
		as_of_now(ret);
	return r;
}

int approval_get(struct scope *s, const struct uuid *id, struct approval *ret)
{
	static const struct deed deed = DEED_READ("approval.get", SIGNED_IN, DEED_SYSTEM, run_get);

	return scope_do(s, &deed, id, ret);
}

/* ---- deciding ---- */

static int still_waits(const struct approval *a)
{
	if (a->state == APPROVAL_PENDING && clock_now_ns() < a->expires)
		return 0;
	return err_fail(ERR_CONFLICT, "what", "@approval", "value", a->title, NULL);
}

static int put_state(struct scope *s, struct approval *a, enum approval_state state, const char *note)
{
	struct approval before = *a;
	int r;

	a->state = (int32_t) state;
	if (state != APPROVAL_DONE && state != APPROVAL_FAILED) {
		a->decider = s->who.id;
		a->decider_name = s->who.name;
		a->decided = clock_now_ns();
		set(a, "decided");
	}
	if (note)
		a->note = note;
	r = put_without_body(s, a);
	return r < 0 ? r : audit_change(s, &approval_type, &before, a);
}

/* Whoever made a token holds it: what it asks for, he asks for; and so does who made the token that made it. */
static int is_asker(struct scope *s, const struct approval *a)
{
	enum { TOKENS_DEEP = 16 };
	struct uuid who = a->asker;
	struct token t;
	int r = 0;

	for (unsigned i = 0; r >= 0 && i < TOKENS_DEEP; i++) {
		if (uuid_equal(&who, &s->who.id))
			return 1;
		r = store_get(s->tx, &token_type, &who, &t, s->arena);
		who = t.head.created_by;
	}
	if (r != -ERR_MISSING)
		return MIN(r, 0);
	err_clear();                    /* a person, or a token that was revoked: running it says so */
	return 0;
}

static int run_decide(struct scope *s, const void *in, void *ret)
{
	const struct approval_decision *d = in;
	struct approval *a = ret;
	int r = fetch(s, &d->id, a);

	if (r >= 0)
		r = is_asker(s, a);
	if (r > 0)
		r = err_fail(ERR_SAME_PERSON, NULL, NULL);
	if (r >= 0 && !approval_may_decide(s, a))
		r = err_fail(ERR_DENIED, "permission", a->permission, NULL);
	if (r >= 0)
		r = still_waits(a);
	return r < 0 ? r : put_state(s, a, d->yes ? APPROVAL_APPROVED : APPROVAL_REFUSED, d->note);
}

static int run_withdraw(struct scope *s, const void *in, void *ret)
{
	struct approval *a = ret;
	int r = fetch(s, in, a);

	if (r >= 0 && !uuid_equal(&a->asker, &s->who.id))
		r = err_fail(ERR_DENIED, "permission", a->permission, NULL);
	if (r >= 0)
		r = still_waits(a);
	return r < 0 ? r : put_state(s, a, APPROVAL_WITHDRAWN, NULL);
}

int approval_withdraw(struct scope *s, const struct uuid *id, struct approval *ret)
{
	static const struct deed deed = DEED("approval.withdraw", SIGNED_IN, DEED_SYSTEM, run_withdraw);
	int r = scope_do(s, &deed, id, ret);

	if (r >= 0)
		as_of_now(ret);
	return r;
}

/* ---- running ---- */

struct finished { const struct approval *a; bool good; const char *outcome; };

static int run_finish(struct scope *s, const void *in, void *ret)
{
	const struct finished *f = in;
	struct approval *a = ret;
	int r = store_get(s->tx, &approval_type, &f->a->head.id, a, s->arena);

	a->outcome = f->outcome;
	set(a, "outcome");
	return r < 0 ? r : put_state(s, a, f->good ? APPROVAL_DONE : APPROVAL_FAILED, NULL);
}

static const char *sentence(struct scope *s, int r)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 4096);
	struct err e = err_take(r);

	err_text(&e, s->lang, &b);
	return arena_strn(s->arena, b.data, utf8_valid_prefix(b.data, MIN(b.len, (size_t) 1000)));
}

static int run_approved(struct scope *s, const struct approval *a, const char **ret_outcome)
{
	const struct approval_kind *k = kind_of(a->kind);
	const struct principal asker = { .kind = str_eq(a->asker_kind, "token") ? PRINCIPAL_TOKEN : PRINCIPAL_USER, .id = a->asker };
	struct scope as = *s;
	int r = k ? 0 : err_failf(ERR_BROKEN, "no approval of kind %s", a->kind);

	if (r >= 0)
		r = guard_act_for(&as, s->tenant, &asker);
	as.approver = s->who;
	return r < 0 ? r : k->run(&as, a->body, str_len(a->body), ret_outcome);
}

int approval_decide(struct scope *s, const struct approval_decision *d, struct approval *ret)
{
	static const struct deed approve = DEED("approval.approve", SIGNED_IN, DEED_SYSTEM, run_decide);
	static const struct deed refuse = DEED("approval.refuse", SIGNED_IN, DEED_SYSTEM, run_decide);
	static const struct deed done = DEED("approval.done", SIGNED_IN, DEED_SYSTEM, run_finish);
	static const struct deed failed = DEED("approval.failed", SIGNED_IN, DEED_SYSTEM, run_finish);
	struct approval a;
	struct finished f = { .a = &a };
	int r = scope_do(s, d->yes ? &approve : &refuse, d, &a);

	if (r >= 0 && d->yes) {
		int done_with = run_approved(s, &a, &f.outcome);
		f.good = done_with >= 0;
		if (!f.good)
			f.outcome = sentence(s, done_with);
		r = scope_do(s, f.good ? &done : &failed, &f, &a);
	}
	if (r < 0)
		return r;
	as_of_now(&a);
	*ret = a;
	return 0;
}
