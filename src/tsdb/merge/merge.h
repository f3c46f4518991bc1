/*
 * merge.h - samples of one series from many places, in order of time, each time once: the last write wins.
 *
 * Sources are chunks of the head and rows of files. A source is opened when its earliest time is reached, so that files which follow each
 * other in time are read one after the other. Where only one source has samples, whole runs are handed on without a look at
 * each. Of equal times the one written last counts: head before files, a file of a higher rank before one of a lower, and
 * within the head the higher sequence number of the log.
 *
 * A file's source may have figures of minutes and hours beside its samples (roll.h): where the caller wants them, and nobody else has samples
 * among theirs, they are handed on in their place. A source whose samples are gone has nothing else.
 *
 * Thread: one. Memory: arrays of pointers; chunks 33 KB each while open; the scans' pages.
 */
#pragma once

#include "tsdb/head.h"
#include "tsdb/keep/tomb.h"
#include "tsdb/roll.h"

struct source {
	int64_t t_min;
	uint64_t rank;                  /* of a file; of the head UINT64_MAX */
	uint32_t order;                 /* the later of equals */
	/* Of the head: */
	const struct piece *piece;
	struct chunk_room *room;
	/* Of a file: */
	struct scan *scan;
	uint64_t row, end;
	uint8_t type;
	struct idx_entry entry;
	const struct tomb *tomb, *tomb_end;     /* of the series, where one touches it: the next one to look at */
	struct span rest;               /* of what was read, behind the stretch at hand */
	/* Its figures, by tier; NULL: none, or not wanted. */
	struct roll_scan *roll[ROLL_TIERS];
	struct idx_entry roll_entry[ROLL_TIERS];
	const struct file_info *bare;   /* the samples of this file are gone; NULL: they are there */
	bool is_roll;                   /* what comes next is row k[tier], and span is its first time alone */
	uint8_t tier;
	uint32_t k[ROLL_TIERS];
	uint64_t stop;                  /* samples are read up to here, then there is a choice again */
	struct rolls *rolls[ROLL_TIERS];
	/* Open: */
	struct span span;
	uint32_t at;
};

struct merge {
	struct source *source;          /* by t_min, those not opened yet from `next` on */
	uint32_t *open;                 /* indices of open sources */
	size_t n, room, next, n_open, open_room;
	int64_t from, to;
	struct chunk_room *spare;       /* of a source that has ended */
	/* Whether the figures of an entry, all of whose samples lie in the range and between those of all other sources, will do instead of
	 * them; NULL: never. */
	bool (*whole)(void *ctx, const struct idx_entry *e);
	void *whole_ctx;
	const struct idx_entry *entry;
	/* How many rows of figures from `k` on, before `end`, will do instead of their samples, taken together; NULL: none ever does. */
	uint32_t (*rows)(void *ctx, const struct rolls *r, uint32_t k, uint32_t end);
	bool lean;                      /* of figures what `lean` says (roll.h) */
	struct merged_rolls { const struct rolls *r; uint32_t k, n; bool forced; } figures;     /* forced: nothing else is there */
	struct rolls *spare_rolls[4];
	/* What was read of a series' figures before its merge began. */
	struct known_rolls { struct rolls *r; const struct roll_scan *scan; uint32_t series; bool lean; } known;
	bool begun;                     /* sources are in order */
	struct scan *failed;            /* when merge_next() failed: the file that could not be read; NULL: none */
	const struct tombs *tombs;      /* what they mean is passed over; set after merge_begin(), as long as the sources */
	bool keep;                      /* scans stay attached when their source ends: the next series may need the page */
};

void merge_begin(struct merge *m, int64_t from, int64_t to);    /* empties it; memory is kept */
void merge_done(struct merge *m);
int merge_add_pieces(struct merge *m, const struct pieces *p);
int merge_add_rows(struct merge *m, struct scan *c, const struct idx_entry *e, uint8_t type);
/* The figures of the source added last; its samples need not be there any more. */
void merge_add_rolls(struct merge *m, enum roll_tier tier, struct roll_scan *c, const struct idx_entry *e);
/* Memory for figures, and it back; and figures of a series that will be read again: they stay until another's are. The scan must stay attached. */
struct rolls *merge_room_for_rolls(struct merge *m);    /* NULL: no memory */
void merge_give_rolls(struct merge *m, struct rolls *r);
void merge_know_rolls(struct merge *m, const struct known_rolls *k);
int merge_add_bare(struct merge *m, const struct file_info *f, const struct idx_entry *e, uint8_t type);        /* e: of figures */
/* 1: the next run; 0: there is none; 2: m->entry, 3: m->figures instead of the next run. All live until the next call. */
int merge_next(struct merge *m, struct span *ret);
