/*
 * approval.h - second-person approval (双人复核): a deed that one person asks for and another lets happen.
 *
 * approval_ask() keeps what is wanted: a *kind* (a row of approvals.def, which names the function that does it), what it is about in
 * words, what it would change, and a body for that function. Another person with the right to decide approves or refuses; then the
 * function runs once, with the asker's rights as they are at that moment, and its audit entry names both. What runs twice cannot be:
 * the decision is one change of state in one transaction, and only who made it goes on. A deed that fails then stays failed; whoever
 * still wants it asks again. Approvals expire.
 *
 * Thread: workers. Memory: the scope's arena.
 */
#pragma once

#include "service/service.h"

enum approval_state { APPROVAL_PENDING, APPROVAL_APPROVED /* decided; its deed runs, or the process ended while it ran */, APPROVAL_DONE,
	APPROVAL_FAILED, APPROVAL_REFUSED, APPROVAL_WITHDRAWN, APPROVAL_EXPIRED };

struct approval {
	struct rec_head head;
	struct uuid tenant, asker, decider;
	const char *kind, *title, *title_zh;    /* title: what is wanted, in words, names filled in */
	const char *changes;            /* JSON as in the audit: secrets masked */
	const char *body;               /* for the kind's function; sealed on disk, never shown */
	const char *reason;             /* why, by the asker */
	const char *asker_kind, *asker_name, *permission;       /* permission: what the second person needs */
	struct uuid device;             /* where, for rights given in places; zero: nowhere in particular */
	int64_t expires, decided;
	int32_t state;                  /* enum approval_state */
	const char *decider_name, *note, *outcome;      /* note: of the second person; outcome: of the deed */
};
extern const struct rec_type approval_type;

/* A row of approvals.def. */
struct approval_kind {
	const char *name;               /* [a-z_]+; kept in records: never renamed */
	/* Does it: s is the asker with s->approver set, outside of any deed; its deeds are run with scope_do() as always.
	 * *ret_outcome (may stay NULL): a text for people, in the arena. */
	int (*run)(struct scope *s, const char *body, size_t len, const char **ret_outcome);
};

struct approval_ask {
	const char *kind, *title, *title_zh, *reason, *changes, *body;  /* reason, changes may be NULL */
	enum permission decide;         /* the right the second person needs; the asker's own right is the deed's business, before and after */
	const struct uuid *device;      /* NULL: `decide` is needed everywhere */
	int64_t valid_ns;               /* 0: a day */
};
enum { APPROVALS_PENDING_MAX = 200 };   /* of one asker: -ERR_LIMIT */
/* 0 and the record. */
int approval_ask(struct scope *s, const struct approval_ask *a, struct approval *ret);
/* What a door answers with: -ERR_AWAITS_APPROVAL, after approval_ask(); s->awaits is the record (HTTP 202). */
int approval_awaits(struct scope *s, const struct approval_ask *a);

/* yes: runs the deed and returns what became of it in *ret (state done or failed); a failed deed is no failure of this function.
 * -ERR_MISSING; -ERR_SAME_PERSON; -ERR_DENIED; -ERR_CONFLICT: decided or expired meanwhile. */
struct approval_decision { struct uuid id; bool yes; const char *note; };
int approval_decide(struct scope *s, const struct approval_decision *d, struct approval *ret);
int approval_withdraw(struct scope *s, const struct uuid *id, struct approval *ret);   /* by who asked */

/* Those the scope asked for or may decide, newest first; state < 0: all. -ERR_MISSING for others. */
int approval_list(struct scope *s, int state, store_row_fn on_approval, void *ctx);
int approval_get(struct scope *s, const struct uuid *id, struct approval *ret);
bool approval_may_decide(struct scope *s, const struct approval *a);

/* The switch of separated administrators: on is one deed, off waits for a second person. */
int separation_change(struct scope *s, const struct separation_in *in);

/* Users, roles and grants of a tenant with separated administrators wait for a second person: 1 when this change must. */
int approval_is_due(struct scope *s, const struct noun *n);
