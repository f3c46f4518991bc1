/*
 * kept.h - answers kept for a day, so that a request sent twice is done once (Idempotency-Key; draft-ietf-httpapi-idempotency-key-header).
 *
 * kept_begin() puts a row for {principal, key} before the deed; kept_end() puts the answer into it. A row without an answer is a
 * request under way, or, when another process wrote it, one whose outcome nobody knows: that is said, and never tried again by itself.
 * The rows lie in the tenant's store and outlive a restart; KEPT_MAX of a tenant, the oldest go first.
 *
 * Thread: workers, outside of deeds. Memory: the scope's arena.
 */
#pragma once

#include "service/service.h"

enum { KEPT_KEY_MAX = 255, KEPT_BODY_MAX = 1 << 20, KEPT_MAX = 10000, KEPT_HOURS = 24 };

struct kept {
	int status;
	const char *content_type, *etag, *location;     /* NULL: none */
	const void *body;
	size_t len;                             /* beyond KEPT_BODY_MAX the body is not kept */
};

/* request: what tells this request from another of the same key. 0: it is new, do it and call kept_end(); 1: *ret is what was answered.
 * -ERR_KEY_REUSED, -ERR_UNDER_WAY, -ERR_OUTCOME_UNKNOWN. */
int kept_begin(struct scope *s, const char *key, const char *request, struct kept *ret);
/* answer NULL: nothing happened, the same key may be tried again. */
int kept_end(struct scope *s, const char *key, const struct kept *answer);

/* Answers that say this are emptied: asked for again they are {}, and nothing is done twice. For erasures (service/removal.h). Needs history.erase. */
int kept_forget(struct scope *s, const char *what, uint32_t *ret_n);
