/*
 * tsdb.h - the store of samples: what went through the log, kept for ever in open files, found again in microseconds.
 *
 * A reader of the log ("tsdb") brings every TALL and GROUP batch into the head, in memory, one shard a core; every ten minutes,
 * or when the head's budget is used, the head becomes Parquet files (tenants/<id>/ts/YYYY/MM/DD/), sorted by (series, time), each
 * with a side index. A query merges files and head by (series, time, order of writing): the last write wins. Only after the files
 * and the manifest that names them are on the medium does the cursor of the log move, so each sample is there exactly once
 * whatever dies when. Nothing is lossy: a value read is bit for bit the value written. Layouts: README.md.
 *
 * The door has four pages: this one, query.h with all that is asked of it, check.h: is all of it whole? and remove.h: how samples go.
 *
 * Thread: everything may be called from any thread between start and stop; a query runs on the caller's thread and may wait for
 * the disk, so never on a loop thread (tsdb_last() of series that have a sample in memory does not wait).
 * Memory: the head stays within head_bytes; a query uses some 2 MB a file it merges at a time, freed when it returns.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/id.h"
#include "model/batch.h"
#include "tsdb/care/check.h"
#include "tsdb/keep/remove.h"
#include "tsdb/keep/retain.h"
#include "tsdb/query.h"
#include "tsdb/query/friendly.h"

struct tsdb;
struct wal;

struct tsdb_name { char path[512]; char unit[64]; };    /* UTF-8; "" = unknown */

/* What somebody should hear of. why: NULL unless something failed. */
enum tsdb_event { TSDB_MERGE_FAILED, TSDB_HELD_BACK, TSDB_HELD_NO_MORE, TSDB_OLD_GONE /* by retention */,
	TSDB_SECOND_LOST, TSDB_SECOND_BACK, TSDB_SECOND_FULL, TSDB_MOVE_FAILED /* the second folder; lost, full, failed say why */ };

struct tsdb_config {
	const char *data_dir;           /* holds tenants/<id>/ */
	uint64_t head_bytes;            /* 0: 32 MB */
	int64_t flush_age_ms;           /* 0: 600 000; counted from the oldest sample that is not in a file */
	unsigned n_shards;              /* 0: one a core */
	/* Merging of files: bytes read and written a second (0: 8 MB; < 0: no thread, only tsdb_compact() merges), the size at which a day's
	 * file is ended and another begun (0: 256 MB), how many files may wait to be merged in one day (0: 128) and in all days of a
	 * tenant (0: 50 000) before memory goes to files no more until they are. */
	int64_t compact_rate;
	uint64_t file_bytes;
	uint32_t files_day_max, files_max;
	uint64_t whole_rows;            /* so many samples at once of a day that is over are written as its day file: 0: 1 048 576 */
	bool compact;                   /* day files are written smaller, for more processor time; those that are there stay as they are */
	/* A folder, on another disk for example, for files of days that ended so long ago; NULL: none, and files that lie in one are out of reach.
	 * Age 0: what lies there comes back. It must be there: it is never made (second.h). */
	const char *second_dir;
	int64_t second_age_ns;
	struct tsdb_retention keep;     /* tsdb_retain_all() */
	const char *version;            /* for created_by; NULL: "0" */
	/* What the files call a series besides its number (series.parquet). Optional; called at flush, on the flush's thread. */
	void (*describe)(void *ctx, uint32_t tenant, const struct uuid *point, struct tsdb_name *ret);
	void (*on_event)(void *ctx, enum tsdb_event event, uint32_t tenant, const struct err *why);    /* on a thread of this module's; optional */
	void *ctx;
};

/* Opens dictionaries, manifests and files; cuts torn tails, rebuilds lost side indexes, refuses for neither. wal may be NULL:
 * then the store is read-only (import, tools). */
int tsdb_open(struct tsdb **ret, const struct tsdb_config *config, struct wal *wal);
int tsdb_start(struct tsdb *t);                 /* threads; reads the log from where the files end */
int tsdb_stop(struct tsdb *t);                  /* does not flush: what is not in files is in the log and comes back at start */
struct tsdb *tsdb_free(struct tsdb *t);         /* NULL is fine; returns NULL */
DEFINE_CLEANUP(struct tsdb *, tsdb_free)

/* Until every batch up to `seq` can be queried (read your own writes). -ERR_TIMEOUT, -ERR_STOPPING. */
int tsdb_wait(struct tsdb *t, uint64_t seq, int64_t timeout_ms);
/* The files that a manifest names, as "2026/11/22/0000000017" under tenants/<id>/ts (with .parquet and .idx behind it; its
 * figures of minutes and hours, where it has some, as "…17.1m" and "…17.1h"), in the order they were
 * made: for who copies a folder while it is written. Needs no open store. -ERR_MISSING, -ERR_CORRUPT, -ERR_NEWER, or what on_file returned < 0. */
typedef int (*tsdb_file_fn)(void *ctx, const char *base);
int tsdb_manifest_files(const char *path, uint32_t tenant, tsdb_file_fn on_file, void *ctx);

/* Where the second folder was when the store was last open; "": it never had one. Needs no open store. -ERR_UNAVAILABLE: it is not there now; *ret has its
 * path all the same. */
int tsdb_second_find(const char *data_dir, struct buf *ret);

/* Everything in the head goes to files now; returns when manifest and cursor say so. */
int tsdb_flush(struct tsdb *t);

/*
 * Flushed files are merged behind everybody's back: those of two hours into one, those of a day that is over and quiet into its day file.
 * This merges everything that is in files now, also days that are not over, as fast as it can, and returns when only day files are left.
 * -ERR_CANCELLED, -ERR_STOPPING, -ERR_NO_ROOM, the first failure; -ERR_CORRUPT: a file could not be read, it was left as it is.
 */
struct tsdb_compact {
	uint32_t tenant;                        /* 0: all */
	bool (*is_cancelled)(void *ctx);        /* may be NULL, both */
	void (*on_progress)(void *ctx);         /* now and then: tsdb_stats() says how far */
	void *ctx;
};
int tsdb_compact(struct tsdb *t, const struct tsdb_compact *how);       /* NULL: all tenants */

/* A lease: the files of a tenant as they are now, and what is in them, for as long as it is held. Merged meanwhile, they stay on the disk
 * until it ends. A query with `lease` reads these files and nothing else: tsdb_flush() before makes it all there is. */
struct tsdb_lease;
int tsdb_lease(struct tsdb *t, uint32_t tenant, struct tsdb_lease **ret);
struct tsdb_lease *tsdb_lease_end(struct tsdb_lease *l);        /* NULL is fine; returns NULL. Before tsdb_free() */
DEFINE_CLEANUP(struct tsdb_lease *, tsdb_lease_end)
int tsdb_lease_files(const struct tsdb_lease *l, tsdb_file_fn on_file, void *ctx);      /* as tsdb_manifest_files() */

/* --- Series: u32 per tenant, from 1, given once for (point, type), durable before it is returned, never used again. A point
 * whose type changes gets a new series and keeps the old one. */
struct tsdb_series_info { struct uuid point; uint32_t series; enum vtype type; };

int tsdb_series(struct tsdb *t, uint32_t tenant, const struct uuid *point, enum vtype type, uint32_t *ret);    /* get or create */
/* The same for n points with one sync; ret[n]. All or nothing. */
int tsdb_series_many(struct tsdb *t, uint32_t tenant, size_t n, const struct uuid *points, const uint8_t *types, uint32_t *ret);
int tsdb_series_get(struct tsdb *t, uint32_t tenant, uint32_t series, struct tsdb_series_info *ret);            /* -ERR_MISSING */
/* The series of a point, oldest first, at most max; returns how many there are (0: none). */
size_t tsdb_series_of(struct tsdb *t, uint32_t tenant, const struct uuid *point, uint32_t *ret, size_t max);

/* Whether samples of a series are kept at all; they are until this says otherwise. Not remembered over a restart: who knows the points says
 * it between tsdb_open() and tsdb_start(), and whenever it changes. An unknown series is nobody's. */
void tsdb_keep(struct tsdb *t, uint32_t tenant, uint32_t series, bool keep);

/* Lists of series that GROUP batches name (batch.h: list). Same content, same number; from 1; never changed, never used again. */
int tsdb_list(struct tsdb *t, uint32_t tenant, const uint32_t *series, uint32_t k, uint32_t *ret);             /* get or create */
/* Borrowed until tsdb_free(). NULL when there is none. */
const uint32_t *tsdb_list_get(struct tsdb *t, uint32_t tenant, uint32_t list, uint32_t *ret_k);

/* --- Figures */
struct tsdb_stats {
	uint64_t n_series, n_lists, n_tenants;
	uint64_t seq_head, seq_files;           /* of the log: can be queried, is in files */
	uint64_t head_bytes, head_bytes_max, head_samples;
	uint64_t n_files, file_bytes, file_samples;
	uint64_t flushes, flush_failures, flush_ms_last;
	uint64_t ingested, replaced;            /* samples: taken in; overwritten in the head by one of the same time */
	uint64_t refused;                       /* samples of a series that does not exist or has another type */
	uint64_t rows_ignored;                  /* rows of ROWS batches */
	uint64_t rolled;                        /* rows of figures of minutes and hours that queries took in the place of samples */
	uint64_t lost;                          /* numbers of batches that the log could not give any more */
	uint64_t roll_bytes;                    /* of figures of minutes and hours, beside file_bytes */
	double bytes_per_sample;                /* file_bytes / file_samples */
	/* Merging. Levels: flushed, two hours, day. */
	struct tsdb_level { uint64_t files, bytes, samples; } level[3];
	uint64_t backlog_files, backlog_bytes;  /* of days that are over and not in day files */
	uint64_t days;                          /* that have files, of all tenants */
	uint64_t files_of_day;                  /* the most that one day has */
	uint64_t files_replaced;                /* merged, and only there because somebody still reads them */
	uint64_t files_aside;                   /* that could not be read and are not merged */
	uint64_t merges, merge_failures;        /* since the start, as all that follows */
	uint64_t merged_in, merged_out;         /* bytes of files before and after */
	uint64_t merged_rows, merged_same;      /* samples; that were overwritten by a later one of the same time */
	uint32_t merging_tenant;                /* now; 0: nothing is */
	int32_t merging_day;                    /* days since 1970 */
	uint64_t merging_rows, merging_of;
	uint64_t held_back, held_total;         /* tenants whose flush is refused because too many files wait; refusals */
	struct err merge_error;                 /* the last one; kind ERR_NONE: none */
	int64_t merge_error_ns;                 /* wall clock */
	struct tsdb_second {
		bool is_set, reachable, full;
		int64_t age_ns;
		uint64_t files, bytes, samples;         /* that lie there, also when it is out of reach or not set */
		uint64_t waiting_files, waiting_bytes;  /* that are to be moved, either way */
		uint64_t moved_files, moved_bytes, failures;    /* since the start */
		uint32_t moving_tenant;                 /* now; 0: none is */
		int32_t moving_day;
		uint64_t moving_bytes, moving_of;
		struct err why;                         /* it is out of reach */
		struct err error;                       /* of the last failure to move a file; kind ERR_NONE: none */
		int64_t error_ns;
	} second;
	uint64_t week_bytes;                    /* of files of the last seven days that are over */
	bool compact;                           /* day files are written so */
	uint32_t week_days;                     /* how many of these there were since the first sample */
};
void tsdb_stats(struct tsdb *t, struct tsdb_stats *ret);
