/*
 * tomb.h - deletes that stand beside the files: which samples of which series are not there any more, though pages still hold them.
 *
 * A *tomb* says: samples of `series` in from <= time < to that lie in files of rank <= `rank` are not there. What is written later lies in the head
 * or in files of higher rank and is not meant, so a value may be written again after it was deleted. Queries pass the rows over; a merge leaves
 * them out and notes in its output the last tomb it applied (file_info.tombs); a tomb that touches no file any more goes.
 *
 * Tombs of one series never overlap: where a new one covers an old one, the old one is cut, for the new one means all that the old one meant.
 * So each question is one search. The list is never changed, like the catalog it belongs to.
 *
 * Thread: any. Memory: one block, counted references.
 */
#pragma once

#include <stdatomic.h>

#include "sys/sys.h"
#include "tsdb/file.h"

enum { TOMBS_MAX = 100000 };            /* of a tenant; a delete that would need more is refused */

struct tomb {
	uint32_t series;
	int64_t from_ns, to_ns;         /* from <= time < to; INT64_MAX: all later ones */
	uint64_t rank;                  /* of the newest file when it was made */
	uint64_t serial;                /* from 1, in the order of making; parts of a cut one share it */
	int64_t made_ns;                /* wall clock */
};

struct tombs { atomic_uint refs; size_t n; struct tomb tomb[]; };       /* by (series, from) */

struct tombs *tombs_ref(struct tombs *t);               /* NULL is fine, and no tombs at all */
struct tombs *tombs_unref(struct tombs *t);             /* returns NULL */
DEFINE_CLEANUP(struct tombs *, tombs_unref)
struct tombs *tombs_new(size_t room);                   /* n = 0; NULL: no memory */
bool tombs_are_right(const struct tombs *t);            /* sorted, none empty, none overlaps */

/* May a sample of the series with first <= time <= last that lies in this file be deleted? Then nothing that sums the file up - the figures of its side
 * index, a roll-up - stands for its samples there. */
bool tombs_touch(const struct tombs *t, const struct file_info *f, uint32_t series, int64_t first, int64_t last);
bool tombs_touch_file(const struct tombs *t, const struct file_info *f);       /* any of its series at all, by its bounds */
/* Up to where something may be left of first <= time < before: `before` itself, or where the tombs that reach up to it begin; first or less: nothing is. */
int64_t tombs_before(const struct tombs *t, const struct file_info *f, uint32_t series, int64_t first, int64_t before);
/* Those of a series. */
const struct tomb *tombs_of(const struct tombs *t, uint32_t series, size_t *ret_n);
/* Files that hold nothing of it are told so while they are read: file_set_tombs(). */
static inline bool tomb_is_of(const struct tomb *d, const struct file_info *f)
{
	return d->rank >= f->rank && d->serial > __atomic_load_n(&f->tombs, __ATOMIC_RELAXED);
}

/* The old ones and one more for each of `more` (sorted by series and time, none overlaps another, all of one rank and serial); old ones are cut where new
 * ones cover them. -ERR_LIMIT, -ERR_NO_MEMORY. */
int tombs_add(const struct tombs *old, const struct tomb *more, size_t n, struct tombs **ret);
/* Those of `old` that touch one of the files; the same list when it is all of them. */
int tombs_needed(struct tombs *old, const struct file_info *file, size_t n_files, struct tombs **ret);
