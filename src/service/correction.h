/*
 * correction.h - samples that a person corrects or adds, with a reason, and what was there before.
 *
 * A corrected sample is written with the same time and quality Good_Edited, an added one with Good_EntryInserted (OPC UA StatusCodes 0x00DC0000, 0x00A20000), so
 * that every reader sees what it is. The record keeps value and quality of before, who, why; undoing writes them back, or deletes what was added. Record and
 * sample are one deed: the sample is durable in the log before the record is committed. Values stand in the record alone, not in the audit, so that an erasure
 * can take them away.
 *
 * Thread: workers. Memory: records live in the scope's arena.
 */
#pragma once

#include "service/service.h"

enum { CORRECTIONS_MAX = 1000 /* at once */ };
enum correction_kind { CORRECTION_CORRECTED, CORRECTION_INSERTED };
enum correction_state { CORRECTION_STANDING, CORRECTION_UNDONE };

struct correction_record {
	struct rec_head head;                   /* created: when */
	struct uuid point;
	const char *path, *unit;
	int64_t time;                           /* of the sample */
	int32_t kind, state;
	const char *before, *value;             /* JSON; before NULL: a sample without value, or none */
	uint32_t before_quality;                /* OPC UA StatusCode */
	const char *reason, *name;              /* why; who */
	const char *undone_by;
	int64_t undone;                         /* `has` */
	uint32_t series;
	uint64_t before_bits;                   /* of a number, exactly */
	int32_t before_type;                    /* enum vtype */
};
extern const struct rec_type correction_type;
extern const struct noun correction_noun;       /* read only: list and get */

struct correction_ask { const char *point, *time, *value; };    /* id, path or code; RFC 3339; JSON */
struct correction_in { struct rec_list corrections; const char *reason; };    /* struct correction_ask */
extern const struct rec_type correction_in_type;
struct correction_undo_in { const char *reason; };
extern const struct rec_type correction_undo_in_type;

/* All or nothing; needs history.correct for each point. *ret: in->corrections.n records. -ERR_MISSING, -ERR_DENIED, -ERR_WRONG_TYPE, -ERR_INVALID; at /corrections/n. */
int correction_make(struct scope *s, const struct correction_in *in, struct correction_record **ret);
/* -ERR_CONFLICT: it is undone, or a later one of the same sample stands. */
int correction_undo(struct scope *s, const struct uuid *id, const struct correction_undo_in *in, struct correction_record *ret);

/* Those of these points go (service/removal.h). */
int correction_erase(struct scope *s, const struct uuid *points, uint32_t n, uint32_t *ret_n);
