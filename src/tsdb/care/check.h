/*
 * check.h - a page of tsdb.h: is every file of the store whole? And what to do when one is not.
 *
 * A check reads all there is and changes nothing: each page's checksum and content, footers, the order of rows, side indexes against the
 * rows, the manifest against the files, the dictionary, the sheets of names. It looks at the folder, not at an open store, so it may be
 * asked beside a running platform (a file that was merged away meanwhile is passed over) or without one.
 *
 * A repair needs the folder for itself. It deletes nothing: what is damaged goes into the folder aside/ with a report, and what can still be read
 * of it is written anew, page by page.
 *
 * Thread: any; one that may wait for the disk. Memory: 1 MB, 32 bytes a series, the side index of a file, one sheet of names when a fault is told.
 */
#pragma once

#include <limits.h>

#include "base/err.h"
#include "base/id.h"

enum tsdb_fault_kind {
	TSDB_FAULT_MANIFEST,            /* cannot be read: it is made from the files at the next start */
	TSDB_FAULT_MISSING,             /* a file that the manifest names is not there */
	TSDB_FAULT_FILE,                /* neither its footer nor its side index says where anything lies */
	TSDB_FAULT_FOOTER,              /* lost; the side index still says it, so that its pages can be read */
	TSDB_FAULT_PAGE,                /* rows that cannot be read */
	TSDB_FAULT_ORDER,               /* rows that are not by series and time, or of another day */
	TSDB_FAULT_FIGURES,             /* the manifest says other numbers than the file */
	TSDB_FAULT_INDEX,               /* the side index is lost, torn or says something else: made again when the file is used */
	TSDB_FAULT_DICTIONARY,          /* bytes of it cannot be read */
	TSDB_FAULT_NAMELESS,            /* a series that no dictionary knows */
	TSDB_FAULT_SHEET,               /* series.parquet: says what numbers mean, for other programs */
	TSDB_FAULT_ROLLUP,              /* figures of minutes or hours: samples are read instead, and the next merge makes them again */
	TSDB_FAULT_ROLLUP_ALONE,        /* those of samples that are kept no more */
	TSDB_FAULT_UNNAMED,             /* a file that no manifest names: left by a crash, gone at the next start */
	TSDB_FAULT_UNREACHABLE,         /* a file of the second folder, which is not there */
	TSDB_FAULT_LOG,                 /* a segment of the log */
	TSDB_FAULTS,
};
const char *tsdb_fault_id(enum tsdb_fault_kind k);              /* "page" */
bool tsdb_fault_is_harmless(enum tsdb_fault_kind k);            /* no sample is lost by it, and it mends itself */
const char *tsdb_fault_text(enum tsdb_fault_kind k, enum lang lang);    /* what is wrong, and what to do; a sentence */

enum { TSDB_FAULT_POINTS = 16 };
struct tsdb_fault_point { uint32_t series; struct uuid point; const char *path; };      /* path: "" when no sheet says it */
struct tsdb_fault {
	enum tsdb_fault_kind kind;
	uint32_t tenant;                /* 0: of none (the log) */
	const char *file;               /* below the data folder; of the second folder with its whole path */
	struct err why;
	/* What it concerns; rows 0: no samples. */
	uint64_t rows;
	int64_t from_ns, to_ns;         /* both ends included */
	uint64_t n_points;              /* at most so many; the first of them: */
	uint32_t n_listed;
	struct tsdb_fault_point point[TSDB_FAULT_POINTS];
};
/* Borrowed until it returns; < 0 ends the check with that. */
typedef int (*tsdb_fault_fn)(void *ctx, const struct tsdb_fault *f);

struct tsdb_check {
	const char *data_dir;
	const char *second_dir;         /* NULL: where it was last (tsdb_second_find()) */
	uint32_t tenant;                /* 0: all, and the log */
	uint64_t rate;                  /* bytes read a second; 0: as fast as it goes */
	tsdb_fault_fn on_fault;
	bool (*is_cancelled)(void *ctx);        /* may be NULL, both */
	void (*on_progress)(void *ctx, uint64_t done, uint64_t total);  /* bytes */
	void *ctx;
};
struct tsdb_checked {
	uint64_t tenants, files, bytes, samples;        /* looked at */
	uint64_t faults, harmless;                      /* the second: of the first */
	uint64_t lost;                                  /* samples that cannot be read */
};
/* 0, whatever was found: *ret says it. < 0: it could not be done (memory, -ERR_CANCELLED, no such folder). */
int tsdb_check(const struct tsdb_check *how, struct tsdb_checked *ret);

/* What a repair did about a file. */
enum tsdb_mended_how {
	TSDB_MENDED_REWRITTEN,          /* what could be read of it is in a new file, it lies in aside/ */
	TSDB_MENDED_ASIDE,              /* nothing could be read of it: it lies in aside/ */
	TSDB_MENDED_DROPPED,            /* it was not there: the manifest names it no more */
	TSDB_MENDED_REMADE,             /* side index, manifest, sheet: made anew from what there is */
	TSDB_MENDED_LEFT,               /* nothing could be done */
};
const char *tsdb_mended_id(enum tsdb_mended_how how);           /* "rewritten" */
struct tsdb_mended { const char *file; enum tsdb_fault_kind fault; enum tsdb_mended_how how; uint64_t kept, lost; /* samples */ };
struct tsdb_repair {
	const char *data_dir;           /* no platform runs on it: who calls holds its lock */
	const char *second_dir;         /* as in a check */
	tsdb_fault_fn on_fault;         /* of the check it begins with; may be NULL */
	void (*on_mended)(void *ctx, const struct tsdb_mended *m);
	void *ctx;
};
struct tsdb_repaired { uint64_t faults, mended, left, kept, lost; char aside[PATH_MAX]; /* "": nothing had to be put there */ };
/* < 0: it could not go on; what was done until then is done, and it may be begun again. */
int tsdb_repair(const struct tsdb_repair *how, struct tsdb_repaired *ret);
