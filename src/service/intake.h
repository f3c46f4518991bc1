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
#include "service/lines.h"
#include "service/pushed.h"

enum { INTAKE_CODE_MAX = 200, INTAKE_COLUMNS_MAX = 64 /* of a row */, INTAKE_NAME_MAX = 400, INTAKE_SAMPLES_MAX = 500000 };

struct intake {
	struct ingest *ingest;
	struct scope *scope;
	int64_t now_ns, kept_from_ns;   /* what is older is kept no more */
	uint32_t samples;               /* that were added */
	struct pushed missing;
	struct batch_builder *builder[V_TIME + 1];
	struct batch **batches;
	uint32_t n_batches, room;
	struct intake_rows *rows;       /* intake_row.c; NULL: not asked for */
	struct intake_frames *frames;   /* intake_frame.c; the same */
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

/* -ERR_INVALID: more than an hour ahead of our clock, or older than anything that is kept. -ERR_TOO_SMALL: the one instant that means there is none. */
int intake_time(const struct intake *t, int64_t ns);
int intake_add(struct intake *t, enum vtype type, const struct sample *s);     /* sample->value.type may be V_NONE; -ERR_COUNT */
int intake_take(struct intake *t, struct batch *b);     /* a batch that is whole; takes the reference, also on failure */
int intake_seal(struct intake *t);
int intake_seal_one(struct intake *t, struct batch_builder *w);                /* NULL, or empty: nothing */
int intake_count(struct intake *t, uint32_t n);                                 /* samples more: -ERR_COUNT */
void intake_reset(struct intake *t);    /* nothing was added */

/*
 * Lines: names that come again are looked up once, and their samples become rows (intake_row.c, intake_frame.c). Begin; of each line intake_row(), for
 * each field intake_row_knows() or else intake_find(), then intake_row_add(), at last intake_row_end(); behind the last line intake_rows_end(). Names
 * are borrowed until then.
 */
int intake_rows_begin(struct intake *t, size_t bytes);  /* of the request */
int intake_row(struct intake *t, const char *head, size_t len, bool plain, int64_t time_ns);     /* plain: without a backslash */
bool intake_row_knows(struct intake *t, const char *key, size_t len, struct intake_series *ret);
int intake_row_add(struct intake *t, const char *key, size_t len, const struct intake_series *series, const struct value *v);
int intake_row_end(struct intake *t);
int intake_rows_end(struct intake *t);
int intake_rows_scatter(struct intake *t);      /* of intake_seal(), both: lines that waited, sample by sample; then rows */
int intake_rows_seal(struct intake *t);
void intake_rows_remember(struct intake *t);    /* for requests that come: what the heads of this one were, and in which order */
void intake_rows_done(struct intake *t);

/* What lines with the head of this one have had before: one of exactly these fields may come as intake_row_full() alone, with the bits of its values
 * (batch_group_full()). NULL: there is nothing to expect. */
const struct line_want *intake_row_expects(const struct intake *t, uint32_t *ret_n);
int intake_row_full(struct intake *t, const uint64_t *bits);
/* The line that followed the last one before, in this request or another, and will again when somebody sends the same things over and over; if it
 * does, intake_row_is_next() (false: it may not, all the same), and intake_row_again() is all that is to be called for it. NULL: nobody knows. */
struct intake_known { const char *head; size_t head_len; const struct line_want *field; uint32_t n; };
const struct intake_known *intake_row_next(struct intake *t);
bool intake_row_is_next(struct intake *t);
int intake_row_again(struct intake *t, int64_t time_ns, const uint64_t *bits);

/* Samples of many series that come together at one time, over and over in the same order, though in lines of their own: they become rows of one
 * batch. A sample: 1: taken; 0: not one of such, it goes its own way, behind all that was taken. */
int intake_frame_add(struct intake *t, int64_t time_ns, uint32_t series, enum vtype type, uint64_t bits);
struct value intake_value(enum vtype type, uint64_t bits);      /* no texts */
uint64_t intake_bits(const struct value *v);
int intake_frames_leave(struct intake *t, bool for_ever);      /* all that was taken is sealed; then samples may go their own way */
int intake_frames_seal(struct intake *t);       /* of intake_seal(): whole rows */
void intake_frames_done(struct intake *t);
/* 0: appended, wait->on_durable will be called (wait NULL: it is durable); 1: there was nothing. */
int intake_append(struct intake *t, struct wal_wait *wait, uint64_t *ret_seq);
