/*
 * intake.h - inside service: what every door for samples that are sent to us has in common.
 *
 * A door finds every series (intake_find) and notes what does not exist (intake_want); what was noted is made, in one deed
 * (intake_make), and the request read again; samples are added to builders, one a type, and all batches go to the log. Lines that name the
 * same fields again and again become rows (intake_row.c).
 *
 * Which series a name means is remembered until points change.
 *
 * Thread: one request's. Memory: names and texts live in the scope's arena, batches until intake_done().
 */
#pragma once

#include "base/map.h"
#include "service/ingest.h"
#include "service/pushed.h"

enum { INTAKE_CODE_MAX = 200, INTAKE_COLUMNS_MAX = 64 /* of a row */, INTAKE_NAME_MAX = 400, INTAKE_SAMPLES_MAX = 500000 };

struct intake {
	struct ingest *ingest;
	struct scope *scope;
	int64_t now_ns;
	uint32_t samples;               /* that were added */
	struct pushed missing;
	struct batch_builder *builder[V_TIME + 1];
	struct batch **batches;
	uint32_t n_batches, room;
	struct intake_rows *rows;       /* intake_row.c; NULL: not asked for */
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
int intake_make(struct intake *t);      /* point.write; nothing to make is fine. -ERR_BUSY: others made so many meanwhile that they do not all fit */

/* -ERR_INVALID: more than an hour ahead of our clock. -ERR_TOO_SMALL: the one instant that means there is none. */
int intake_time(const struct intake *t, int64_t ns);
int intake_add(struct intake *t, enum vtype type, const struct sample *s);     /* sample->value.type may be V_NONE; -ERR_COUNT */
int intake_take(struct intake *t, struct batch *b);     /* a batch that is whole; takes the reference, also on failure */
int intake_seal(struct intake *t);
int intake_seal_one(struct intake *t, struct batch_builder *w);                /* NULL, or empty: nothing */
int intake_count(struct intake *t, uint32_t n);                                 /* samples more: -ERR_COUNT */
void intake_reset(struct intake *t);    /* nothing was added */

/* Lines: names that come again are looked up once, and their samples become rows. Begin; of each line intake_row(), for each field
 * intake_row_knows() or else intake_find(), then intake_row_add(), and at last intake_row_end(). Names are borrowed until the end. */
int intake_rows_begin(struct intake *t);
int intake_row(struct intake *t, const char *head, size_t len, bool plain, int64_t time_ns);     /* plain: without a backslash */
bool intake_row_knows(struct intake *t, const char *key, size_t len, struct intake_series *ret);
int intake_row_add(struct intake *t, const char *key, size_t len, const struct intake_series *series, const struct value *v);
int intake_row_end(struct intake *t);
/* What lines with this head have had before, when theirs become rows: a line of exactly these fields may come as intake_row_full() alone, with the bits
 * of its values (batch_group_full()). NULL: there is nothing to expect. */
struct intake_expected { const char *key; size_t len; struct intake_series series; };
const struct intake_expected *intake_row_expects(const struct intake *t, uint32_t *ret_n);
int intake_row_full(struct intake *t, const uint64_t *bits);
int intake_rows_seal(struct intake *t); /* of intake_seal() */
void intake_rows_done(struct intake *t);
/* 0: appended, wait->on_durable will be called (wait NULL: it is durable); 1: there was nothing. */
int intake_append(struct intake *t, struct wal_wait *wait, uint64_t *ret_seq);
