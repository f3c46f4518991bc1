/*
 * intake.h - inside service: what every door for samples that are sent to us has in common.
 *
 * A door reads its format twice. First it finds every series (intake_find) and notes what does not exist (intake_want); then what
 * was noted is made, in one deed (intake_make); then samples are added to builders, one a type, and all batches go to the log.
 *
 * Which series a name means is remembered until points change.
 *
 * Thread: one request's. Memory: names and texts live in the scope's arena, batches until intake_done().
 */
#pragma once

#include "base/map.h"
#include "service/ingest.h"
#include "service/pushed.h"

enum { INTAKE_CODE_MAX = 200, INTAKE_NAME_MAX = 400, INTAKE_SAMPLES_MAX = 500000 };

struct intake {
	struct ingest *ingest;
	struct scope *scope;
	int64_t now_ns;
	uint32_t samples;               /* that were added */
	struct pushed missing;
	struct batch_builder *builder[V_TIME + 1];
	struct batch **batches;
	uint32_t n_batches, room;
};

/* A path as it comes: head + "/" + key. */
struct intake_name {
	const char *head, *key;
	size_t head_len, key_len;
	bool escaped;                   /* with the backslashes of the line protocol */
	const char *unit, *description; /* for the point when it is made; may be NULL */
};
struct intake_series { uint32_t number; enum vtype type; };

struct intake intake_of(struct scope *s);
void intake_done(struct intake *t);

/* 0: there, and the scope may write it; 1: there is no such point; -ERR_DENIED, -ERR_LENGTH, -ERR_BAD_UTF8. */
int intake_find(struct intake *t, const struct intake_name *name, struct intake_series *ret);
/* Of a point that intake_find() did not find: 0, it will be made. -ERR_DENIED, -ERR_INVALID (inside the plant nothing is made by a
 * typing error), -ERR_TYPE_CONFLICT with an earlier one of the request, -ERR_QUOTA, -ERR_LENGTH. */
int intake_want(struct intake *t, const struct intake_name *name, enum vtype type);
int intake_make(struct intake *t);      /* point.write; nothing to make is fine */

/* -ERR_INVALID: more than an hour ahead of our clock. */
int intake_time(const struct intake *t, int64_t ns);
int intake_add(struct intake *t, enum vtype type, const struct sample *s);     /* sample->value.type may be V_NONE; -ERR_COUNT */
int intake_take(struct intake *t, struct batch *b);     /* a batch that is whole; takes the reference, also on failure */
int intake_seal(struct intake *t);
/* 0: appended, wait->on_durable will be called (wait NULL: it is durable); 1: there was nothing. */
int intake_append(struct intake *t, struct wal_wait *wait, uint64_t *ret_seq);
