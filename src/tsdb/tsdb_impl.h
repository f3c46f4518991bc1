/* tsdb_impl.h - what the files of the engine share: tenants, their catalogs of files, the threads. */
#pragma once

#include <limits.h>
#include <stdatomic.h>

#include "sys/sys.h"
#include "tsdb/file.h"
#include "tsdb/head.h"
#include "tsdb/keep/second.h"
#include "tsdb/manifest.h"
#include "tsdb/merge/merge.h"
#include "tsdb/query/kit.h"
#include "tsdb/tsdb.h"
#include "wal/wal.h"

enum { OPEN_FILES_MAX = 256, SHARDS_MAX = 8, DAY_SHEETS = 16, STUCK_DAYS = 8 };
#define NS_PER_DAY (INT64_C(86400) * NS_PER_S)

/* The files of a tenant at one moment. Never changed: a flush or a compaction makes the next one. Who holds a reference reads these files,
 * whatever is merged meanwhile: a file that was replaced goes when the last one lets it go. */
struct catalog {
	atomic_uint refs;
	uint64_t version;
	struct tombs *tombs;            /* what is deleted and still lies in these files; NULL: nothing */
	uint64_t next_tomb;
	size_t n;
	struct file *file[];
};

struct mixed_days { int32_t *day; size_t n; };  /* retain_mixed() */

struct sheet_state { int32_t day; uint64_t hash; };     /* series.parquet of a day as last written */

struct tenant {
	uint32_t id;
	char dir[PATH_MAX];             /* DATA/tenants/<id> */
	char second[PATH_MAX];          /* SECOND/tenants/<id>; "": there is no second folder */
	struct names *names;
	struct file_pool *pool;
	struct mutex mutex;             /* catalog */
	struct catalog *catalog;
	_Atomic uint64_t version;       /* of the catalog: looked at without the lock */
	_Atomic uint64_t covered;       /* batches up to here are in files */
	uint64_t next_number;           /* guarded by mutex */
	struct mutex change;            /* one changes files and manifest at a time; doubt: see catalog.c */
	_Atomic uint64_t next_tomb;     /* changed under `change` */
	struct file_info *doubt;
	size_t n_doubt;
	uint64_t flush_seq, flush_first;        /* of the flush: the numbers of the generation up to this sequence */
	uint64_t planned;               /* of the compaction: the version of the catalog it looked at last, and when to look again */
	int64_t plan_due_ns;
	uint64_t stuck_round;           /* in this round of it these days failed; more than there is room for: all of them */
	int32_t stuck_day[STUCK_DAYS];
	unsigned n_stuck;
	/* Of the compaction: retain.c */
	int64_t retain_ns, retain_kept_ns, retain_mono_ns;      /* how far its clock is, and was when it was written; when that was looked at */
	_Atomic int32_t retain_day, retain_looked;      /* from which days are counted; the day that files were looked at for it */
	_Atomic uint16_t retain_longest;        /* days that a series of its own asked for, since the start */
	uint64_t retain_version;        /* of the catalog then */
	bool held_back;                 /* of the flush: too many files wait to be merged */
	atomic_bool is_full;            /* ... in all days together: none of them waits any longer */
	struct sheet_state sheet[DAY_SHEETS];
	uint64_t root_sheet;
	unsigned next_sheet;
	uint64_t second_sheet;          /* of the moving: series.parquet as it was copied last */
};

struct plan_file;

struct shard_thread {
	struct tsdb *t;
	unsigned number;
	struct thread thread;
	struct queue queue;
	bool queue_made;
	_Atomic uint64_t seq;           /* taken in */
};

struct tsdb {
	struct tsdb_config config;
	char data[PATH_MAX], created_by[64];
	struct wal *wal;
	struct wal_reader *reader;
	struct head *head;
	struct file_pool *pool;
	struct kits kits;

	struct rwlock tenants_lock;
	struct tenant **tenant;         /* by id */
	size_t n_tenants;

	struct mutex mutex;             /* all that follows, and cond */
	struct cond cond;
	bool running, stopping, ready;  /* ready: the log has something new */
	uint64_t flush_wanted, flush_covers, flush_done;        /* flushes asked for; of those the frozen one and finished ones serve */
	bool frozen;                    /* a generation waits for its files */
	unsigned to_freeze;             /* shards that have not frozen yet */
	uint64_t frozen_seq;            /* what it covers */
	uint64_t seq_read;              /* given to the shards */
	int64_t oldest_ns;              /* monotonic: when the current generation got its first batch; 0: it is empty */
	uint64_t attempts;
	int flush_error;                /* of the last attempt; 0: it worked */
	struct err flush_failure;
	unsigned waiters;

	struct thread read_thread, flush_thread;
	struct shard_thread *shard;
	unsigned n_shards;

	/* Compaction; guarded by mutex, with a condition of its own. */
	struct thread compact_thread;
	struct cond compact_cond;
	bool compact_running, compact_look;     /* look: a flush has made files, or somebody asks */
	uint64_t compact_wanted, compact_done;  /* of tsdb_compact() */
	unsigned compact_waiters;
	uint32_t compact_tenant;                /* what they want; 0: all */
	int compact_error;                      /* of what was wanted */
	struct err compact_failure;
	struct err merge_error;                 /* the last failure of any, and when */
	int64_t merge_error_ns;
	struct mutex compact_lock;              /* one at a time */
	uint64_t rounds;                        /* under it: compact_step() */
	atomic_bool compact_stop, crowded;      /* crowded: a flush found many files that wait */
	atomic_uint n_held, set_aside;          /* tenants whose flush is refused; files that could not be merged, since the start */
	atomic_uint compact_hurry;              /* no bound of speed while it is not 0 */
	_Atomic int32_t merging_day;
	_Atomic uint32_t merging_tenant;        /* 0: none */
	_Atomic uint64_t merging_rows, merging_of, merges, merge_failures, merged_in, merged_out, merged_rows, merged_same, held_total;

	struct second second;

	_Atomic uint32_t keep_changes;          /* of what is kept how long, since the start */
	_Atomic uint32_t keep_days[3];          /* retain.h */
	_Atomic uint64_t seq_files, flushes, flush_failures, flush_ms_last, taken, replaced, refused, ignored, lost, rolled;
};

/* tenant.c */
int tenants_open(struct tsdb *t);
void tenants_free(struct tsdb *t);
struct tenant *tenant_find(struct tsdb *t, uint32_t id);        /* NULL when there is none */
struct tenant *tenant_at(struct tsdb *t, size_t i);             /* one after the other, NULL behind the last; they are only ever added */
int tenant_get(struct tsdb *t, uint32_t id, struct tenant **ret);       /* makes it */
bool tenant_manifest_path(const struct tenant *te, char out[PATH_MAX]);
bool tenant_deletes_path(const struct tenant *te, char out[PATH_MAX]);   /* a manifest without files: see keep_deletes() */
bool tenant_day_path(const struct tenant *te, int32_t day, char out[PATH_MAX]);
bool tenant_file_base(const struct tenant *te, int32_t day, uint64_t number, char out[PATH_MAX]);
bool tenant_second_base(const struct tenant *te, int32_t day, uint64_t number, char out[PATH_MAX]);    /* in the second folder */

/* restore.c: series that the dictionary has lost, from series.parquet as it was written last */
int names_remember(struct tenant *te, const char *dict, uint32_t floor);

/* catalog.c */
struct catalog *catalog_ref(struct tenant *te);
struct catalog *catalog_unref(struct catalog *c);
DEFINE_CLEANUP(struct catalog *, catalog_unref)
int catalog_open(struct tenant *te, const struct manifest *m);
uint64_t tenant_numbers(struct tenant *te, size_t n);           /* the first of n numbers that nobody else gets */
/* New files in, old ones out, in one step of the manifest. < 0: nothing has changed; files to add are gone, or go when it is certain that no
 * manifest names them (again: they stay, the caller comes again with the same). */
struct trim { struct file *file; uint8_t parts; };      /* the parts that are left of it */
struct change {
	const struct file_info *add;
	struct file *const *remove;
	const struct plan_file *relabel;        /* are day files as they are */
	size_t n_add, n_remove, n_relabel;
	/* Deletes: by series and time, none overlapping another; they mean what lies in the files now, and get their rank and serial here. */
	const struct tomb *tomb;
	size_t n_tombs;
	struct file *const *settle;     /* hold nothing of what tombs up to this serial mean */
	size_t n_settle;
	uint64_t tombs;
	const struct trim *trim;
	size_t n_trim;
	uint64_t covered;               /* 0: as it was */
	bool again;
	struct file *move;              /* lies in that folder now; its old place goes with its last reader. -ERR_MISSING: it was merged */
	uint8_t move_to;
};
int tenant_change(struct tenant *te, const struct change *c);
void tenant_file_drop(const struct tenant *te, const struct file_info *f);      /* that no manifest may name */

/* ingest.c */
int ingest_start(struct tsdb *t);
void ingest_stop(struct tsdb *t);
uint64_t ingest_seq(struct tsdb *t);                    /* every shard has taken in up to here */

/* compact.c */
int compact_start(struct tsdb *t);
void compact_stop(struct tsdb *t);
void compact_look(struct tsdb *t);                      /* there are new files */
int compact_admit(struct tsdb *t, struct tenant *te, const int32_t *days, size_t n);   /* one more file in each of these days? */
void compact_stats(struct tsdb *t, struct tsdb_stats *ret);

/* flush.c */
int flush_frozen(struct tsdb *t);                       /* the frozen generation becomes files; then it is dropped */
/* sheet.c: series.parquet of these days and of the root, where something changed */
int sheets_write(struct tsdb *t, struct tenant *te, const int32_t *days, size_t n_days);

/* reader.c: one query's view of the samples, series by series */
struct reader {
	struct tsdb *t;
	struct tenant *te;
	const struct tsdb_query *q;
	struct catalog *catalog;
	struct kit *kit;
	struct scan **scan;         /* by the place of the file in the catalog, made when needed */
	struct roll_scan **roll;    /* of its figures: ROLL_TIERS a file */
	unsigned tiers;             /* which figures may stand for samples, a bit each; a file without samples has them in any case: */
	bool figures;               /* whoever reads knows what to do with them */
	size_t n_scans;
	struct pieces pieces;
	struct merge merge;
	unsigned until_check;
	bool scaled;                /* spans may be: span.h */
	struct mixed_days mixed;    /* of the catalog, when somebody asked */
	bool ended;                 /* what last_before() found is followed by a sample that is not used, of which only figures are left */
	uint64_t rolled;            /* rows of figures that were read in the place of samples */
};
int reader_open(struct tsdb *t, struct tenant *te, const struct tsdb_query *q, struct reader *ret);
void reader_close(struct reader *rd);
int reader_series(struct reader *rd, const struct series *s, int64_t from, int64_t to);        /* begins one; then: */
int reader_next(struct reader *rd, struct span *ret);           /* 1: a run; 0: no more; also -ERR_TIMEOUT, -ERR_CANCELLED */
int reader_pieces(struct reader *rd, const struct series *s, int64_t from, int64_t to);        /* what the head has; none under a lease */
int reader_refresh(struct reader *rd);                          /* the catalog as it is now; after a look at the head */
/* Figures of the finest of these parts; 0: there are none of the series. */
int reader_figures(struct reader *rd, size_t file, const struct series *s, uint8_t parts, struct rolls *ret);
/* Of a file with samples, of which nothing is deleted: the last before the instant, if figures that the reader may take (`tiers`) say it: 1. */
int reader_minute(struct reader *rd, size_t file, const struct idx_entry *samples, int64_t before, struct sample *ret);
int reader_parts(struct reader *rd, size_t file, const struct series *s, uint8_t *ret);
int reader_scan(struct reader *rd, size_t file, struct scan **ret);
int query_check(const struct tsdb_query *q);                    /* deadline, cancel */
int query_series(const struct tsdb_query *q, uint32_t **ret, size_t *ret_n);    /* ascending, each once */

/* lease.c */
struct tenant *lease_tenant(const struct tsdb_lease *l);
struct catalog *lease_catalog(const struct tsdb_lease *l);      /* a reference of the caller's */

/* last.c */
int last_before(struct reader *rd, const struct series *s, int64_t before, struct arena *a, struct sample *ret);
