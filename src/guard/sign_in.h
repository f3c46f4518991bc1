/*
 * sign_in.h - a page of guard.h: the first administrator, passwords and sessions, and who a request comes from.
 *
 * Thread: workers; guard_generation() any. Memory: the caller's.
 */
#pragma once

#include "guard/records.h"

/* ---- the first administrator ---- */

/* True while there is no user. */
bool guard_needs_setup(struct guard *g);
/* A new one-time secret for the setup link (valid 24 h; an older one stops working). Only its hash is kept. */
int guard_setup_token(struct guard *g, const char *given, char ret_token[SECRET_TEXT_MAX]);
/* A secret for `given` (NULL: guard_setup_token() makes one), for who prints the link before there are records. */
void guard_setup_secret(char ret[SECRET_TEXT_MAX]);
/* Makes the first administrator. -ERR_BAD_SIGN_IN: wrong, used or expired secret; -ERR_EXISTS: there is a user already. */
struct setup_in { const char *token, *name, *password, *full_name; int32_t lang; };
extern const struct rec_type setup_in_type;
int guard_setup(struct scope *s, const struct setup_in *in, struct uuid *ret_user);

/* ---- signing in ---- */

struct tenant_user_in { const char *name, *password, *full_name, *role; };
extern const struct rec_type tenant_user_in_type;

struct sign_in { const char *name, *password; };
extern const struct rec_type sign_in_type;

struct session_secrets {
	char cookie[SECRET_TEXT_MAX];           /* value of the cookie tenon_session */
	char csrf[SECRET_TEXT_MAX];             /* value for X-CSRF-Token */
};
/* s: a scope of nobody with peer set; becomes the user's on success. -ERR_BAD_SIGN_IN, -ERR_LIMIT (too many failures; wait): both
 * take the same time and say the same whether the name exists or not. */
int guard_sign_in(struct scope *s, const struct sign_in *in, struct session_secrets *ret);
int guard_sign_out(struct scope *s);
/* After too many failures for a name: lets it try again now. Needs user.write. */
int guard_unlock(struct scope *s, const struct uuid *user);

/* Rules of signing in: one record of the installation, changed with role.write in the first tenant. */
struct sign_in_rules {
	struct rec_head head;
	uint32_t tries;                 /* failures for one name from one address before the first delay, which then doubles */
	uint32_t tries_name, tries_address;     /* ... for one name from anywhere; from one address for any names */
	int64_t delay_max_ns, lock_ns;  /* the longest delay; how long a name is locked after tries_name failures */
	int64_t session_idle_ns, session_max_ns;
	uint32_t password_min, password_history;        /* characters; how many older ones are refused */
	int64_t password_max_ns;        /* age at which a new one is due; 0: never */
};
extern const struct rec_type sign_in_rules_type;
void guard_rules(struct guard *g, struct sign_in_rules *ret);
int guard_rules_change(struct scope *s, const char *patch, size_t len, struct errs *errs);    /* JSON, RFC 7396 */

/* One's own password: the old one, and one that the rules allow. Ends the other sessions. -ERR_BAD_SIGN_IN, -ERR_WEAK_PASSWORD. */
struct password_in { const char *old, *password; };
extern const struct rec_type password_in_type;
int guard_change_password(struct scope *s, const struct password_in *in);
/* -ERR_WEAK_PASSWORD says why: too short, too common, holds the name, used before. u: whose; its hash and past are looked at. */
int guard_password_check(struct guard *g, const struct user *u, const char *password);
/* A one-time secret with which a user sets a new password (valid 1 h, an older one stops working): for who holds the data folder. */
int guard_link(struct scope *s, const char *user, char ret_token[SECRET_TEXT_MAX]);
struct reset_in { const char *token, *password; };
extern const struct rec_type reset_in_type;
int guard_reset(struct scope *s, const struct reset_in *in);   /* nobody's scope; -ERR_BAD_LINK, -ERR_WEAK_PASSWORD */

/* Sessions of a user: of the scope's own, or with user.write another's. */
struct session_info { struct uuid id; const char *peer, *agent; int64_t created, last_used, expires; bool is_this; };
int guard_sessions(struct scope *s, const struct uuid *user, void (*on_session)(void *ctx, const struct session_info *i), void *ctx);
/* session NULL: all but this one (of another user: all). -ERR_MISSING. */
int guard_sessions_end(struct scope *s, const struct uuid *user, const struct uuid *session);
/* The CSRF value of the session of this scope; derived, the same for its life. -ERR_UNAUTHENTICATED without session. */
int guard_csrf(struct scope *s, char ret_csrf[SECRET_TEXT_MAX]);
bool guard_csrf_matches(struct scope *s, const char *csrf);     /* constant time */
/* What bytes are known by again, in hexadecimal digits: with a key of this installation, so that nobody who has it can try what they were. */
enum { PRINT_TEXT = 65 };
void guard_print(struct guard *g, const void *bytes, size_t n, char ret[PRINT_TEXT]);

/* Who this scope is, read anew. -ERR_UNAUTHENTICATED when it is no user, or nobody. */
int guard_own_user(struct scope *s, struct user *ret);
int guard_own_tenant(struct scope *s, struct tenant *ret);
/* A user in another tenant, by whom tenant.write allows: how a new tenant gets its first administrator. role: NULL administrator. */
int guard_add_user(struct scope *s, const struct uuid *tenant, const struct tenant_user_in *in, struct uuid *ret);

/* What came with a request. cookie and bearer: the secret alone, NULL if absent. Fills tenant, who, grants, session of s, whose
 * other members the caller has set. Nothing given: nobody, 0. Something given and wrong: -ERR_UNAUTHENTICATED. */
struct credentials { const char *bearer, *cookie; };
int guard_authenticate(struct scope *s, const struct credentials *c);
/* Was somebody let in with that secret lately, so that it need not be looked up? Memory alone; any thread. Rights are not asked. */
bool guard_knows(struct guard *g, const struct credentials *c);
/* Another number than before: a user, role, token, tenant or session changed; who was let in earlier is to be asked again. Any thread. */
uint64_t guard_generation(struct guard *g);
/* Once a minute on a worker: last-used times to the store, expired sessions away, unused connections let go. */
int guard_tick(struct guard *g);
