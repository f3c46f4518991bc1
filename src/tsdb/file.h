/*
 * file.h - one immutable file of samples, opened when asked for, and scans that read single pages of it.
 *
 * A pool keeps at most so many files open; one that nobody uses gives way. Opening finds the side index, or makes it again from the
 * file. A scan keeps the pages it decoded last, so that series that lie in one page cost one decoding.
 *
 * Thread: files and pools are shared; a scan belongs to one thread. Memory: an open file has two maps and a table of row groups; a
 * scan 100 to 800 KB, depending on the columns that are in use.
 */
#pragma once

#include <stdatomic.h>

#include "parquet/parquet.h"
#include "sys/sys.h"
#include "tsdb/idx.h"
#include "tsdb/names/names.h"

enum { LEVEL_FLUSHED, LEVEL_WINDOW, LEVEL_DAY, LEVELS };
enum { FOLDER_DATA, FOLDER_SECOND, FOLDERS };           /* under the data folder; under the second one */
enum { PART_RAW = 1, PART_MINUTES = 2, PART_HOURS = 4, PARTS_ALL = 7 };        /* samples; what sums them up by the minute, by the hour */

struct file_info {                      /* what the manifest says */
	uint64_t number;                /* its name */
	uint64_t rank;                  /* order of writing: of equal times the sample in the file with the higher rank counts. A flushed file's is its
	                                 * number, a merged one's the highest of those it was made of; parts of one day share it */
	int32_t day, level;             /* UTC days since 1970 */
	uint64_t rows, bytes;
	int64_t t_min, t_max;
	uint32_t series_min, series_max;
	int64_t written_ns;             /* wall clock; 0: not known */
	uint8_t folder;                 /* FOLDER_x: where it lies */
	uint8_t parts;                  /* PART_x: what of its samples there is */
	uint64_t tombs;                 /* serial of the last tomb that was applied when it was written: tomb.h */
};

struct file_pool;
struct file;

int file_pool_new(unsigned max_open, struct file_pool **ret);
struct file_pool *file_pool_free(struct file_pool *p);          /* after all files */

/* Asked before a file of the second folder is opened (again: after it could not be read, so look now): 0; -ERR_UNAVAILABLE. */
struct file_reach { int (*reach)(void *ctx, bool again); void *ctx; };
void file_pool_reach(struct file_pool *p, const struct file_reach *reach);      /* before there are such files */

/* base: the path without ".parquet"; second: where the file itself lies instead, its side index excepted. NULL: it does not. */
int file_new(struct file_pool *p, struct names *names, const char *base, const char *second, const struct file_info *info, struct file **ret);
struct file *file_ref(struct file *f);
struct file *file_unref(struct file *f);
uint64_t file_roll_bytes(const struct file *f);         /* of its figures, asked of the disk */
struct file *file_roll(const struct file *f, unsigned tier);    /* enum roll_tier; borrowed; NULL: there is none, or it could not be read */
DEFINE_CLEANUP(struct file *, file_unref)
const struct file_info *file_info(const struct file *f);        /* level: as it was when this was made; now: */
int32_t file_level(const struct file *f);
void file_set_level(struct file *f, int32_t level);
void file_set_tombs(struct file *f, uint64_t serial);   /* tombs up to there mean nothing in it */
void file_trim(struct file *f, uint8_t parts);          /* a manifest names these parts of it alone, under another handle: the rest goes with the last reference */
void file_doom(struct file *f);                         /* no manifest names it any more: it goes with the last reference */
void file_moved(struct file *f);                        /* as that, but the side index is now that of another */
/* The handle that has its place since it was trimmed or moved: they share what lies on the disk, so nothing of that goes before the older one does.
 * Once a file. */
void file_follow(struct file *f, struct file *after);
bool file_path(const struct file *f, char out[4096]);   /* of the Parquet file */
/* It could not be moved to another folder: not before then (monotonic clock) again. */
void file_stay(struct file *f, int64_t until_ns);
bool file_stays(const struct file *f);
void file_remove(const char *base, uint8_t parts);                  /* what lies under that name; failures are for the sweep of the next start */
/* It could not be read to its end: it is left as it is and not merged before then (monotonic clock). */
/* For what the file was looked at last: any number but 0. */
void file_set_looked(struct file *f, uint64_t what);
bool file_was_looked(const struct file *f, uint64_t what);
void file_set_aside(struct file *f, int64_t until_ns);
bool file_is_aside(const struct file *f);               /* also of one that is out of reach */
unsigned file_pool_doomed(struct file_pool *p);         /* files that are only there because somebody reads them */

/* Has no series samples of both in times that meet? Then no sample lies in both. The side indexes say so, once; false, too, when one cannot be read. */
bool files_apart(struct file *a, struct file *b);

/* Open until file_leave(). -ERR_MISSING, -ERR_CORRUPT when the Parquet file itself is. Of one that is out of reach the side index alone is open:
 * reading pages then is -ERR_UNAVAILABLE. */
int file_use(struct file *f, const struct idx **ret);
void file_leave(struct file *f);

struct scan;
int scan_new(struct file *f, struct pq_scratch *scratch, struct scan **ret);       /* not attached */
struct scan *scan_free(struct scan *c);
DEFINE_CLEANUP(struct scan *, scan_free)
struct file *scan_file(const struct scan *c);               /* borrowed */
const struct idx *scan_idx(const struct scan *c);           /* of an attached one */
/* Reading needs the file open: an attached scan uses it. Detaching frees the pages, too. */
int scan_attach(struct scan *c);
void scan_detach(struct scan *c);
int scan_find(struct scan *c, uint32_t series, struct idx_entry *ret);      /* 1: found; 0: none; attached or not */

/* Rows from `row` on, at least one, at most to `end`, of one page, read as values of `type`. The span lives until the next call. */
int scan_read(struct scan *c, uint8_t type, uint64_t row, uint64_t end, struct span *ret);
/* The series of the row, and how many rows from there on have it (within a page). */
int scan_series(struct scan *c, uint64_t row, uint32_t *ret_series, uint64_t *ret_n);
uint64_t scan_page_start(const struct scan *c, uint64_t row);       /* the first row of the page of times that holds it */
/* The first row at or behind `row` whose page may hold times in [from, to); `end` when there is none before. */
uint64_t scan_skip(const struct scan *c, uint64_t row, uint64_t end, int64_t from, int64_t to);
/* The same within the page of *row, as far as its times are those of a clock: *row goes to the first that may lie in [from, to), or behind what is known to be
 * before it; *end to the first known to be at or behind `to`, if one is. */
int scan_within(struct scan *c, uint64_t *row, uint64_t *end, int64_t from, int64_t to);
void scan_want_lag(struct scan *c, bool want);              /* off: lag is not read */
void scan_want_scaled(struct scan *c, bool want);           /* on: spans may be `scaled` (span.h) */
