/*
 * scope.h - a page of guard.h: rights, the scope of a request, deeds.
 *
 * A scope is made by guard alone (from a session, a token, or for the platform itself) and lives for one request. What changes the world is a
 * *deed*: one function, one permission, one transaction, one audit entry; scope_do() is the one place where a deed is run.
 *
 * Thread: that of the request. Memory: a scope and all it points to live in the request's arena.
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
	const bool *cancel;             /* set when who asked has left: long reading ends. NULL: nobody says so */
	struct store_tx *tx;            /* the deed's transaction; NULL outside of a deed */
	struct audit_notes *notes;      /* what the running deed changed, see audit_change() */
	const struct approval *awaits;  /* service/approval.h: the deed was not run but asked for */
	bool refused;                   /* that it was refused stands in the audit */
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
