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
 * The door has four pages: scope.h (rights, scopes, deeds), records.h (who there is), sign_in.h, and this one (opening, the audit).
 *
 * Thread: any thread; guard_authenticate() and what changes something may read the disk: workers only, never a loop.
 * Memory: a scope and all it points to live in the request's arena.
 */
#pragma once

#include "guard/records.h"
#include "guard/scope.h"
#include "guard/sign_in.h"

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
