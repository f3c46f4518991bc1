/*
 * guard.h - who may do what, and who did it.
 *
 * Nothing reaches a store, the samples or a device without a `struct scope`: on behalf of whom, in which tenant, with which
 * rights, and where. A scope is made by guard alone (from a session, a token, or for the platform itself) and lives for one
 * request. Rights come from the role of a user or token and from *grants*: a role, in a place and below, from and until, at
 * hours of the week. What nobody gave is denied.
 * What changes the world is a *deed*: one function, one permission, one transaction, one audit entry; scope_do() is the one
 * place where a deed is run. A row without a permission does not build.
 *
 * The audit is a chain: every entry carries the SHA-256 over the previous entry's hash and its own canonical JSON; a head kept
 * beside the store, sealed with a key, notices a missing tail.
 *
 * Thread: any thread; guard_authenticate() and what changes something may read the disk: workers only, never a loop.
 * Memory: a scope and all it points to live in the request's arena.
 */
#pragma once

#include "store/store.h"

struct guard;
struct reach;
struct approval;
struct platform;                /* service/service.h */

/* ---- permissions ---- */

enum permission {
	PERM_UNSET_,            /* what a row has that says nothing: such a row does not build */
	PUBLIC,                 /* nobody has to be signed in */
	SIGNED_IN,              /* any principal of the tenant */
	PERM_FIRST_,
	PERM_BEFORE_ = PERM_FIRST_ - 1,         /* the list goes on with PERM_FIRST_ */
#define PERMISSION(name, id, en, zh) PERM_##name,
#include "guard/permissions.def"
#undef PERMISSION
	PERM_N_,
};
/* A constant; a compile-time failure for PERM_UNSET_ and for numbers that are no permission. */
#define MUST_SAY(p) ((enum permission) ((p) + 0 * sizeof(char[(p) > PERM_UNSET_ && (p) < PERM_N_ ? 1 : -1])))

const char *permission_id(enum permission p);                   /* "point.read"; "public", "signed_in" */
const char *permission_title(enum permission p, enum lang lang);
enum permission permission_parse(const char *id);               /* PERM_UNSET_ if there is none; never PUBLIC or SIGNED_IN */

struct grants { uint64_t bits; };                               /* bit 1 << enum permission */
struct grants grants_of_flags(uint32_t flags);                  /* of a role's `permissions` */
_Static_assert((int) PERM_N_ <= 64, "grants is one word");
static inline bool grants_has(struct grants g, enum permission p)
{
	return p > PERM_UNSET_ && p < PERM_N_ && (p == PUBLIC || (g.bits >> p & 1));
}

/* ---- the scope ---- */

enum principal_kind { PRINCIPAL_NOBODY, PRINCIPAL_USER, PRINCIPAL_TOKEN, PRINCIPAL_SYSTEM, PRINCIPAL_SETUP };

/* Rights in a place and in all below it. Only rights over the plant can be given so: permission_is_placed(). */
struct placed { struct uuid place; struct grants grants; };

struct principal {
	enum principal_kind kind;
	struct uuid id;
	const char *name, *role;        /* "" when there is none */
};

struct scope {
	struct guard *guard;
	struct platform *platform;      /* what deeds work with: stores, log, samples, plant, links */
	struct arena *arena;
	uint32_t tenant;                /* number for batches and series */
	struct uuid tenant_id;
	struct principal who;
	struct grants grants;           /* everywhere */
	const struct placed *placed;    /* in places, ascending by place, each once */
	uint32_t n_placed;
	struct reach *reach;            /* service/reach.h: what was found out about places, for this request */
	int64_t rights_until_ns;        /* wall clock: then a grant begins or ends and who this is must be asked again; INT64_MAX: never */
	bool password_due;              /* an administrator chose the password: nothing but choosing another is allowed */
	struct uuid session;            /* zero unless signed in by session */
	struct principal approver;      /* the second person, in a deed that was approved; stands in its audit entry */
	bool rehearsal;                 /* deeds are run and undone: what they would change is in `rehearsed` */
	const char *rehearsed;          /* JSON as in the audit's `changes`; in the arena */
	enum lang lang;
	const char *agent;              /* User-Agent of the caller; NULL: none */
	char request[40];               /* X-Request-Id; stands in the audit */
	char trace[36];                 /* trace id of W3C Trace Context, "" when there is none; stands in the audit */
	char peer[48];                  /* address of the caller, "" inside the house */
	int64_t deadline_ns;            /* monotonic; 0 = none */
	struct store_tx *tx;            /* the deed's transaction; NULL outside of a deed */
	struct audit_notes *notes;      /* what the running deed changed, see audit_change() */
	const struct approval *awaits;  /* service/approval.h: the deed was not run but asked for */
	const char *told;               /* said once in the answer and kept nowhere: the secret of a new token */
};

/* Everywhere in the tenant. */
static inline bool scope_may(const struct scope *s, enum permission p) { return grants_has(s->grants, p); }
int scope_need(const struct scope *s, enum permission p);      /* -ERR_DENIED, -ERR_UNAUTHENTICATED, -ERR_PASSWORD_DUE; not audited by itself */
/* Everywhere or at least in one place: whoever asks this looks at the place of each record afterwards (service/reach.h). */
bool scope_may_somewhere(const struct scope *s, enum permission p);
int scope_need_somewhere(const struct scope *s, enum permission p);
/* What the scope may in a place, given with all that are above it, in any order. */
struct grants scope_grants_at(const struct scope *s, const struct uuid *places, size_t n);
bool permission_is_placed(enum permission p);
bool permission_is_of_platform(enum permission p);       /* holds in the first tenant alone */

/* For the platform's own work (start, CLI on a closed data folder, jobs): all rights in one tenant. */
void scope_system(struct scope *s, struct guard *g, struct platform *p, struct arena *a, const char *name);
/* The same person or platform at work in another tenant: for the platform itself, and for who holds tenant.write. Outside of deeds. */
int scope_enter(struct scope *s, const struct uuid *tenant);

/* The rights that somebody has now, for work done on his behalf while he is away. s has guard, platform and arena. -ERR_UNAUTHENTICATED:
 * there is no such user or token any more, it is disabled or expired, or belongs to another tenant. */
int guard_act_for(struct scope *s, uint32_t tenant, const struct principal *who);

/* ---- deeds ---- */

enum deed_store { DEED_TENANT, DEED_SYSTEM };

struct deed {
	const char *name;               /* "point.create"; what the audit says */
	enum permission permission;
	enum deed_store store;
	bool reads;                     /* changes nothing: no transaction for writing, no audit entry */
	bool placed;                    /* the right is needed somewhere only: run() looks at the place of what it touches */
	int (*run)(struct scope *s, const void *in, void *ret);
};
#define DEED(name_, permission_, store_, run_) \
	{ .name = (name_), .permission = MUST_SAY(permission_), .store = (store_), .run = (run_) }
#define DEED_READ(name_, permission_, store_, run_) \
	{ .name = (name_), .permission = MUST_SAY(permission_), .store = (store_), .run = (run_), .reads = true }

/* What run() may return to say so: the transaction is given up and no entry is written. scope_do() then returns 0. */
enum { DEED_CHANGED_NOTHING = 4711 };

/* Checks the right, opens the transaction, runs, writes the audit entry, commits; undoes all on failure. A refusal is audited.
 * Called inside a running deed it joins that deed's transaction and entry (still checking the right). */
int scope_do(struct scope *s, const struct deed *d, const void *in, void *ret);

/* Inside a deed: remember what changed. before NULL = made, after NULL = gone; both copied, secrets masked. */
int audit_change(struct scope *s, const struct rec_type *t, const void *before, const void *after);
int audit_text(struct scope *s, const char *what, const char *text);    /* "import", "312 points from points.csv" */

/* ---- opening ---- */

struct guard_config {
	const char *data;                               /* the data folder; system/, tenants/, keys/ are made in it */
	const char *store;                              /* postgresql://...: records lie there, in schemas tenon_system, tenon_1 ...; NULL: in files */
	bool sole;                                      /* and no second platform may open them: -ERR_LOCKED */
	bool look;                                      /* for reading alone: nothing is made. -ERR_MISSING: keys; -ERR_CONFIG: records of an older version */
	uint32_t argon_kib, argon_passes, argon_lanes;  /* 0: 19456, 2, 1 (OWASP password storage cheat sheet) */
	const struct store_noun *system_nouns, *tenant_nouns;   /* further tables, copied; what guard brings itself is not among them */
	size_t n_system_nouns, n_tenant_nouns;
	const struct store_queries *tenant_queries;     /* borrowed */
	size_t n_tenant_queries;
	void (*on_tenant_commit)(void *ctx, uint64_t seq);      /* records of some tenant, or a tenant itself; from the committing thread, must not block */
	void *ctx;
};

/* Opens the system's store; on the first start makes the default tenant. -ERR_NEWER, -ERR_CORRUPT, -ERR_IO, -ERR_UNAVAILABLE. */
int guard_open(struct guard **ret, const struct guard_config *c);
struct guard *guard_close(struct guard *g);
DEFINE_CLEANUP(struct guard *, guard_close)

/* Copies all stores of c->data from c->store (NULL: files) to `to` (NULL: files), which must be empty; see store_move(). Nobody has them open. */
int guard_move(const struct guard_config *c, const char *to, store_moved_fn on_table, void *ctx);

struct store *guard_system_store(struct guard *g);
struct store *guard_tenant_store(struct guard *g, uint32_t tenant);     /* opened at need; NULL if there is no such tenant */
int guard_store_of(struct scope *s, enum deed_store which, struct store **ret);
enum { GUARD_TENANTS = 256 };           /* enabled at a time; one more is refused */
uint32_t guard_tenants(struct guard *g, uint32_t ret[GUARD_TENANTS]);          /* numbers of all enabled tenants; the count */
int guard_tenant_id(struct guard *g, uint32_t tenant, struct uuid *ret);
enum { TENANT_DEFAULT = 1 };

/* ---- the first administrator ---- */

/* True while there is no user. */
bool guard_needs_setup(struct guard *g);
/* A new one-time secret for the setup link (valid 24 h; an older one stops working). Only its hash is kept. */
enum { SECRET_TEXT_MAX = 64 };
int guard_setup_token(struct guard *g, const char *given, char ret_token[SECRET_TEXT_MAX]);
/* A secret for `given` (NULL: guard_setup_token() makes one), for who prints the link before there are records. */
void guard_setup_secret(char ret[SECRET_TEXT_MAX]);
/* Makes the first administrator. -ERR_BAD_SIGN_IN: wrong, used or expired secret; -ERR_EXISTS: there is a user already. */
struct setup_in { const char *token, *name, *password, *full_name; int32_t lang; };
extern const struct rec_type setup_in_type;
int guard_setup(struct scope *s, const struct setup_in *in, struct uuid *ret_user);

/* ---- signing in ---- */

struct user;
struct tenant;
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
/* Another number than before: a user, role, token, tenant or session changed; who was let in earlier is to be asked again. Any thread. */
uint64_t guard_generation(struct guard *g);
/* Once a minute on a worker: last-used times to the store, expired sessions away, unused connections let go. */
int guard_tick(struct guard *g);

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

/* ---- the audit ---- */

struct audit {
	struct rec_head head;
	uint64_t seq;
	int64_t time;
	struct uuid tenant, principal;
	const char *kind, *name, *deed, *outcome, *request, *trace, *peer, *noun, *changes, *previous, *hash;
	struct uuid record;
};
extern const struct rec_type audit_type;

/* Something worth an entry that is no deed: a refusal at the door, a failed sign-in. Never fails the caller. */
void guard_audit_refusal(struct scope *s, const char *deed, int error);

struct audit_report {
	uint64_t n, first_bad;          /* entries read; sequence of the first broken one, 0 = none */
	char detail[160];               /* what is wrong with it */
};
/* The end of a chain as a sealed text: for a place that whoever cuts the chain does not reach (service/witness.h). "" = no entry yet. */
enum { AUDIT_MARK_MAX = 256 };
int guard_audit_mark(struct guard *g, uint32_t tenant, char ret[AUDIT_MARK_MAX]);
/* Walks the chain of the system's store (tenant 0) or a tenant's. 0: whole; -ERR_CORRUPT: broken, see the report. marks: what
 * guard_audit_mark() gave in the past; each must be in the chain. NULL: none. */
struct audit_marks { const char *const *texts; size_t n; };
int guard_audit_verify(struct guard *g, uint32_t tenant, const struct audit_marks *marks, struct audit_report *ret);
