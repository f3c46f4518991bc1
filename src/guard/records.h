/*
 * records.h - a page of guard.h: tenants, users, roles, grants, tokens, and who of them may be which administrator.
 *
 * Thread: workers; what takes a scope runs inside its deed. Memory: records borrow their texts from the request's arena.
 */
#pragma once

#include "guard/scope.h"

enum { SECRET_TEXT_MAX = 64 };          /* a secret as text, with its end */

/* ---- records ---- */

struct user {
	struct rec_head head;
	struct uuid tenant;
	const char *name, *full_name, *password, *hash, *past;  /* past: older hashes, a line each, newest first */
	int32_t lang;                   /* enum lang */
	struct uuid role;
	bool enabled, password_due;
	int64_t last_sign_in, password_set;
};
/* A role for a user or token: somewhere, for a time, at hours of the week (local time of the platform). */
struct access_grant {
	struct rec_head head;
	struct uuid tenant, user, token, role, place;   /* user or token; place zero: everywhere */
	int64_t from, until;
	uint32_t days;                  /* bit 0: Monday; 0: every day */
	const char *hour_from, *hour_until;     /* "22:00" to "06:00" belongs to the day on which it begins */
	const char *note;
};
struct access_role {
	struct rec_head head;
	struct uuid tenant;             /* zero: built in, for all tenants */
	const char *name, *title, *title_zh;
	uint32_t permissions;           /* REC_FLAGS of permission_words */
	bool builtin;
};
struct token {
	struct rec_head head;
	struct uuid tenant, role;
	const char *name, *hint, *hash; /* hint: the first characters, to tell tokens apart */
	int64_t expires, last_used;
};
struct tenant {
	struct rec_head head;
	const char *code, *name;
	uint32_t number;
	bool enabled, separated;        /* separated: system, security and audit administrators are different people */
};
extern const struct rec_type user_type, role_type, grant_type, token_type, tenant_type;
extern const struct rec_word permission_words[];

/* Hashes user->password into user->hash, wipes the former, remembers the old hash. The rules were asked before. */
int guard_set_password(struct scope *s, struct user *u);
enum { GRANTS_MAX = 32 };               /* of one user or token */
/* Is the grant in force at `now` (wall clock)? *ret_until: when that changes or may change. */
bool grant_is_on(const struct access_grant *g, int64_t now, int64_t *ret_until);

/* ---- separated administrators (三员) ---- */

/* What a role's rights amount to: looking after the platform and its users, deciding who may what, watching. */
enum duty { DUTY_SYSTEM = 1, DUTY_SECURITY = 2, DUTY_AUDIT = 4 };
unsigned guard_duties(uint32_t permissions);
bool guard_is_separated(struct scope *s);
/* A user's or token's roles (its own and those of its grants; `role` and `grant_role` as they are about to be, may be zero) never hold
 * two of the three administrators; in a separated tenant never two duties. -ERR_ONE_DUTY. Inside a deed on the system's store. */
struct duty_of { const char *name; struct uuid holder, role, grant, grant_role; };
int guard_one_duty(struct scope *s, const struct duty_of *who);
int guard_all_one_duty(struct scope *s);        /* after a role changed: every user and token, in a separated tenant */
/* Turns it on: three different users become the three administrators, and nobody else has two duties; or off: `administrator` gets all
 * rights again. Needs user.write and role.write to turn on; turning off is for a deed that was approved. */
struct separation_in { bool on; const char *system, *security, *audit, *administrator; };      /* names of users */
extern const struct rec_type separation_in_type;
int guard_separate(struct scope *s, const struct separation_in *in);

/* Makes a token: fills hash and hint of `t`; the secret is told once. */
int guard_make_token(struct scope *s, struct token *t, char ret_secret[SECRET_TEXT_MAX]);
/* Ends the sessions of a user but the one of this scope: after a change of password or role. Inside a deed on the system's store. */
int guard_end_sessions(struct scope *s, const struct uuid *user);
/* A new tenant: its number before it is put, its built-in roles after, both inside the deed. */
int guard_next_tenant(struct scope *s, struct tenant *t);
int guard_add_roles(struct scope *s, const struct tenant *t);
/* After a change that took rights away, in its deed: -ERR_IN_USE when no enabled user may administer the tenant any more: one with
 * user.write and role.write, or in a separated tenant one for each duty. */
int guard_keeps_administrator(struct scope *s);
bool guard_role_administers(struct scope *s, const struct uuid *role);         /* has any of those rights */
int guard_role_by_name(struct scope *s, const char *name, struct uuid *ret);
/* Nobody gives away what he does not have: -ERR_DENIED names the first right of `role` that the scope lacks. */
int guard_may_grant(struct scope *s, const struct uuid *role);
int guard_may_grant_flags(struct scope *s, uint32_t permissions);
