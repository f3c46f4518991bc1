/*
 * tsdb.h - the store of samples: what went through the log, kept for ever in open files, found again in microseconds.
 *
 * A reader of the log ("tsdb") brings every TALL and GROUP batch into the head, in memory, one shard a core; every ten minutes,
 * or when the head's budget is used, the head becomes Parquet files (tenants/<id>/ts/YYYY/MM/DD/), sorted by (series, time), each
 * with a side index. A query merges files and head by (series, time, order of writing): the last write wins. Only after the files
 * and the manifest that names them are on the medium does the cursor of the log move, so each sample is there exactly once
 * whatever dies when. Nothing is lossy: a value read is bit for bit the value written. Layouts: README.md.
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

struct tsdb;
struct wal;

struct tsdb_name { char path[512]; char unit[64]; };    /* UTF-8; "" = unknown */

/* What somebody should hear of. why: NULL but of MERGE_FAILED. */
enum tsdb_event { TSDB_MERGE_FAILED, TSDB_HELD_BACK, TSDB_HELD_NO_MORE };

struct tsdb_config {
	const char *data_dir;           /* holds tenants/<id>/ */
	uint64_t head_bytes;            /* 0: 32 MB */
	int64_t flush_age_ms;           /* 0: 600 000; counted from the oldest sample that is not in a file */
	unsigned n_shards;              /* 0: one a core */
	/* Merging of files: bytes read and written a second (0: 8 MB; < 0: no thread, only tsdb_compact() merges), the size at which a day's
	 * file is ended and another begun (0: 256 MB), how many files may wait to be merged in one day (0: 128) and be there in all of a
	 * tenant (0: 50 000) before memory goes to files no more. */
	int64_t compact_rate;
	uint64_t file_bytes;
	uint32_t files_day_max, files_max;
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
/* The files that a manifest names, as "2026/11/22/0000000017" under tenants/<id>/ts (with .parquet and .idx behind it), in the order they were
 * made: for who copies a folder while it is written. Needs no open store. -ERR_MISSING, -ERR_CORRUPT, -ERR_NEWER, or what on_file returned < 0. */
typedef int (*tsdb_file_fn)(void *ctx, const char *base);
int tsdb_manifest_files(const char *path, uint32_t tenant, tsdb_file_fn on_file, void *ctx);

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

/* --- Queries. An unknown series has no samples; that is not an error. */
struct tsdb_query {
	uint32_t tenant;
	const uint32_t *series;         /* ascending or not; answered in ascending order, duplicates once */
	size_t n_series;
	int64_t from_ns, to_ns;         /* from <= time < to */
	uint64_t limit;                 /* samples (range) or buckets (aggregate) at most; 0: no limit */
	int64_t deadline_ns;            /* monotonic clock; 0: none. Past it: -ERR_TIMEOUT */
	const bool *cancel;             /* set by anyone at any time: -ERR_CANCELLED. May be NULL */
	const struct tsdb_lease *lease; /* NULL: all there is */
};

/* Borrowed: batch_ref() to keep. < 0 ends the query with that error. */
typedef int (*tsdb_batch_fn)(void *ctx, struct batch *b);

/* Sealed TALL batches, sorted by (series, time); a batch is of one type and may hold several series. Returns 1 when the limit
 * cut the answer: go on behind the last (series, time) seen. */
int tsdb_range(struct tsdb *t, const struct tsdb_query *q, tsdb_batch_fn on_batch, void *ctx);

/* The same, of each pixel (one of `pixels` equal parts of from … to) the first, lowest, highest and last used sample, and one that is not used where
 * there is one: at most 5 a pixel, 1 of texts. A line through them is the line through all. */
int tsdb_plot(struct tsdb *t, const struct tsdb_query *q, uint32_t pixels, tsdb_batch_fn on_batch, void *ctx);

#define TSDB_NEVER INT64_MIN
/* The sample with the greatest time of each series, ret[n] in the order asked; time TSDB_NEVER when there is none. Strings
 * live in the arena. */
int tsdb_last(struct tsdb *t, uint32_t tenant, const uint32_t *series, size_t n, struct arena *a, struct sample *ret);
/* The same among those with from <= time < to of the query, ret[q->n_series]: what was valid at an instant. */
int tsdb_last_before(struct tsdb *t, const struct tsdb_query *q, struct arena *a, struct sample *ret);

struct tsdb_bucket;
enum tsdb_interpolation { TSDB_STEP, TSDB_LINEAR };
struct tsdb_step {
	int64_t step_ns;                /* 0: one bucket from from_ns to to_ns */
	int64_t origin_ns;              /* bucket borders are origin + i * step; the first and last bucket are cut by from and to */
	enum tsdb_interpolation between;        /* how a value goes on until the next one; for avg */
	bool only_time;                 /* leave the look before from_ns and behind to_ns out: avg then starts at the first sample inside */
	/* Instead of equal steps: bucket i runs from border[i] to border[i + 1]; ascending, borrowed during the query. NULL: step_ns */
	const int64_t *border;
	size_t n_borders;
	unsigned want;                  /* TSDB_STDDEV | … : figures that cost more than a look at the samples */
	const double *quantile;         /* 0 … 1 */
	uint32_t n_quantiles;           /* at most TSDB_QUANTILES_MAX */
	double roll_over;               /* of a counter: the value at which it begins at 0 again; 0: it never does */
	/* Of an answer that is asked for piece by piece, one series at a time: the last bucket of the piece before that was not made up. */
	const struct tsdb_bucket *before;
	enum tsdb_fill { TSDB_FILL_NONE, TSDB_FILL_NULL, TSDB_FILL_PREVIOUS, TSDB_FILL_LINEAR } fill;   /* buckets that nothing is known of */
};
enum { TSDB_STDDEV = 1, TSDB_DELTA = 2, TSDB_CHANGES = 4, TSDB_STATES = 8, TSDB_QUANTILES_MAX = 8, TSDB_STATES_MAX = 64,
	TSDB_EXACT_MAX = 65536 /* samples of a bucket up to which quantiles are exact */ };
struct tsdb_state { struct value value; int64_t ns; uint64_t times; };         /* for how long; how often it began */

/* A bucket with at least one sample, or with a value that goes on from before. Bad samples count in n and end a value, but are
 * in none of the figures; Good and Uncertain are, unless NaN, which is treated like no value. Bool counts as 0 and 1; of str
 * and bytes only counts, first and last are given. */
struct tsdb_bucket {
	uint32_t series;
	uint32_t worst;                 /* the worst quality seen, by severity */
	int64_t start_ns, end_ns;
	uint64_t n, n_good, n_used;     /* samples; with Good quality; that the figures are made of */
	int64_t covered_ns;             /* of end - start: time for which there was a value (coverage) */
	double avg;                     /* time-weighted over covered_ns; NaN when that is 0 */
	double mean, sum;               /* unweighted, compensated; NaN and 0 when n_used is 0 */
	double min, max;                /* NaN when n_used is 0 */
	int64_t min_ns, max_ns;         /* the first time of each */
	struct value first, last;       /* of the used; V_NONE when n_used is 0. Strings live until on_buckets returns */
	int64_t first_ns, last_ns;
	int64_t min_i, max_i;           /* min and max of i64 and time, exact beyond 2^53 */
	double integral;                /* of the value over covered_ns, in its unit × s; NaN when that is 0 */
	bool filled;                    /* nothing is known of it: fill made it up. Then n and covered_ns are 0 */
	/* What was wanted: */
	double stddev;                  /* of the samples, divisor n - 1; NaN with less than two */
	double delta;                   /* what a counter went up by: see tsdb_aggregate() */
	uint64_t changes;               /* used samples that differ from the used one before */
	double quantile[TSDB_QUANTILES_MAX];    /* between neighbours by line, as numpy does; beyond TSDB_EXACT_MAX within 0.1 % of rank; NaN: none */
	const struct tsdb_state *states;        /* in order of their first appearance; live until on_buckets returns */
	uint32_t n_states;
};
typedef int (*tsdb_buckets_fn)(void *ctx, const struct tsdb_bucket *bucket, size_t n);

/*
 * Buckets in order of (series, start); empty ones are left out unless `fill` is asked for, and then of a series that has any. The last value
 * is held until to_ns, so ask for to <= now. Returns 1 when the limit cut the answer; -ERR_LIMIT: more states than TSDB_STATES_MAX.
 *
 * fill: NULL leaves figures NaN and values V_NONE; PREVIOUS repeats the bucket before; LINEAR runs straight from its figures to those of the one
 * behind. A bucket into which a value goes on from before is not empty.
 * LINEAR: what lies outside the query is looked for, so that a value runs straight to the first sample behind to_ns, too.
 * delta: each used sample adds its difference to the used one before (before from_ns, too) to the bucket it lies in, so buckets add up to the
 * whole. A lower value is a counter that began at 0 again: it adds itself, and what was left to roll_over, if there is one.
 * states: a value goes on until the next sample; a Bad one, or one without value, ends it. Texts have states, too.
 */
int tsdb_aggregate(struct tsdb *t, const struct tsdb_query *q, const struct tsdb_step *step, tsdb_buckets_fn on_buckets, void *ctx);

/* What a query would look at, before it does: of runs of samples that buckets of this length (0: raw samples; INT64_MAX: one bucket) may take
 * whole, one sample each. An estimate from side indexes and head. */
struct tsdb_cost { uint64_t series, files, samples; };
int tsdb_cost(struct tsdb *t, const struct tsdb_query *q, int64_t bucket_ns, struct tsdb_cost *ret);

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
	uint64_t lost;                          /* numbers of batches that the log could not give any more */
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
};
void tsdb_stats(struct tsdb *t, struct tsdb_stats *ret);
