/* session.c - who is signed in from where, and ending that; letting a locked name try again. */

#include "base/str.h"
#include "guard/internal.h"

struct listing { struct scope *s; void (*on_session)(void *ctx, const struct session_info *i); void *ctx; int64_t now, idle_ns; };

static int tell(void *ctx, const void *rec)
{
	const struct session *e = rec;
	struct listing *l = ctx;

	if (e->expires <= l->now || e->last_used + l->idle_ns <= l->now)        /* not swept yet */
		return 0;
	l->on_session(l->ctx, &(struct session_info) { .id = e->head.id, .peer = e->peer, .agent = e->agent, .created = e->head.created,
		.last_used = e->last_used, .expires = e->expires, .is_this = uuid_equal(&e->head.id, &l->s->session) });
	return 0;
}

static bool is_own(const struct scope *s, const struct uuid *user)
{
	return s->who.kind == PRINCIPAL_USER && uuid_equal(&s->who.id, user);
}

/* The user, of this tenant, whose sessions are one's own or one's to look after. */
static int get_user(struct scope *s, const struct uuid *id, struct user *ret)
{
	char text[UUID_TEXT + 1];
	int r = is_own(s, id) ? 0 : scope_need(s, PERM_USER_WRITE);

	if (r < 0)
		return r;
	r = store_get(s->tx, &user_type, id, ret, s->arena);
	if (r == -ERR_MISSING || (r >= 0 && !uuid_equal(&ret->tenant, &s->tenant_id))) {
		err_clear();
		uuid_format(id, text);
		return err_fail(ERR_MISSING, "what", "@user", "value", text, NULL);
	}
	return r;
}

static int list_sessions(struct scope *s, const void *in, void *ret)
{
	char id[UUID_TEXT + 1];
	struct store_filter f = { "user", STORE_EQ, id };
	struct store_list list = { .filters = &f, .n_filters = 1, .sort = "-last_used" };
	struct user u;
	int r = get_user(s, in, &u);

	uuid_format(in, id);
	return r < 0 ? r : MIN(store_list(s->tx, &session_type, &list, tell, ret, NULL), 0);
}

int guard_sessions(struct scope *s, const struct uuid *user, void (*on_session)(void *ctx, const struct session_info *i), void *ctx)
{
	static const struct deed deed = DEED_READ("session.list", SIGNED_IN, DEED_SYSTEM, list_sessions);
	struct listing l = { .s = s, .on_session = on_session, .ctx = ctx, .now = clock_now_ns() };
	struct sign_in_rules rules;
	int r = guard_tick(s->guard);           /* last used: what is remembered goes to the store first */

	guard_rules(s->guard, &rules);
	l.idle_ns = rules.session_idle_ns;
	return r < 0 ? r : scope_do(s, &deed, user, &l);
}

struct ending { const struct uuid *user, *session; };

static int end_sessions(struct scope *s, const void *in, void *ret)
{
	const struct ending *e = in;
	struct session session;
	char id[UUID_TEXT + 1];
	struct user u;
	int r = get_user(s, e->user, &u);

	if (r >= 0 && !e->session)
		r = guard_end_sessions(s, e->user);
	if (r >= 0 && e->session) {
		uuid_format(e->session, id);
		r = store_get(s->tx, &session_type, e->session, &session, s->arena);
		if (r == -ERR_MISSING || (r >= 0 && !uuid_equal(&session.user, e->user))) {
			err_clear();
			r = err_fail(ERR_MISSING, "what", "@session", "value", id, NULL);
		}
		if (r >= 0)
			r = store_del(s->tx, &session_type, e->session, 0, &s->who.id);
	}
	return r < 0 ? r : audit_text(s, "user", u.name);
}

int guard_sessions_end(struct scope *s, const struct uuid *user, const struct uuid *session)
{
	static const struct deed deed = DEED("session.end", SIGNED_IN, DEED_SYSTEM, end_sessions);
	struct ending e = { user, session };
	int r = scope_do(s, &deed, &e, NULL);

	cache_forget(s->guard);         /* sessions are quiet: no change is told */
	return r;
}

static int unlock(struct scope *s, const void *in, void *ret)
{
	struct user u;
	int r = get_user(s, in, &u);

	if (r < 0)
		return r;
	throttle_forget(s->guard, u.name);
	return audit_text(s, "user", u.name);
}

int guard_unlock(struct scope *s, const struct uuid *user)
{
	static const struct deed deed = DEED("user.unlock", PERM_USER_WRITE, DEED_SYSTEM, unlock);

	return scope_do(s, &deed, user, NULL);
}
