/* tsdb_impl.h - what the files of the engine share: tenants, their catalogs of files, the threads. */
#pragma once

#include <limits.h>
#include <stdatomic.h>

#include "sys/sys.h"
#include "tsdb/file.h"
#include "tsdb/head.h"
#include "tsdb/manifest.h"
#include "tsdb/merge.h"
#include "tsdb/tsdb.h"
#include "wal/wal.h"

enum { OPEN_FILES_MAX = 256, SHARDS_MAX = 8, DAY_SHEETS = 16 };
#define NS_PER_DAY (INT64_C(86400) * NS_PER_S)

/* The files of a tenant at one moment. Never changed: a flush makes the next one. */
struct catalog {
	atomic_uint refs;
	uint64_t version;
	size_t n;
	struct file *file[];
};

struct sheet_state { int32_t day; uint64_t hash; };     /* series.parquet of a day as last written */

struct tenant {
	uint32_t id;
	char dir[PATH_MAX];             /* DATA/tenants/<id> */
	struct names *names;
	struct file_pool *pool;
	struct mutex mutex;             /* catalog */
	struct catalog *catalog;
	_Atomic uint64_t version;       /* of the catalog: looked at without the lock */
	_Atomic uint64_t covered;       /* batches up to here are in files */
	uint64_t next_number;           /* of the flush */
	struct sheet_state sheet[DAY_SHEETS];
	uint64_t root_sheet;
	unsigned next_sheet;
};

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

	_Atomic uint64_t seq_files, flushes, flush_failures, flush_ms_last, taken, replaced, refused, ignored, lost;
};

/* tenant.c */
int tenants_open(struct tsdb *t);
void tenants_free(struct tsdb *t);
struct tenant *tenant_find(struct tsdb *t, uint32_t id);        /* NULL when there is none */
int tenant_get(struct tsdb *t, uint32_t id, struct tenant **ret);       /* makes it */
struct catalog *catalog_ref(struct tenant *te);
struct catalog *catalog_unref(struct catalog *c);
DEFINE_CLEANUP(struct catalog *, catalog_unref)
int catalog_set(struct tenant *te, const struct manifest *m);   /* files with numbers known already are kept */
int catalog_manifest(struct tenant *te, size_t more, struct manifest *ret);     /* as it is, with room for more */
bool tenant_manifest_path(const struct tenant *te, char out[PATH_MAX]);
bool tenant_day_path(const struct tenant *te, int32_t day, char out[PATH_MAX]);
bool tenant_file_base(const struct tenant *te, int32_t day, uint64_t number, char out[PATH_MAX]);

/* sweep.c */
int sweep_orphans(struct tenant *te, const struct manifest *m);        /* removes what a flush left that did not come to its end */
int sweep_adopt(struct tenant *te, struct manifest *ret);              /* a manifest made from the files that are there */

/* ingest.c */
int ingest_start(struct tsdb *t);
void ingest_stop(struct tsdb *t);
uint64_t ingest_seq(struct tsdb *t);                    /* every shard has taken in up to here */

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
	struct pqr_scratch *scratch;
	struct scan **scan;         /* by the place of the file in the catalog, made when needed */
	size_t n_scans;
	struct pieces pieces;
	struct merge merge;
	unsigned until_check;
};
int reader_open(struct tsdb *t, struct tenant *te, const struct tsdb_query *q, struct reader *ret);
void reader_close(struct reader *rd);
int reader_series(struct reader *rd, const struct series *s, int64_t from, int64_t to);        /* begins one; then: */
int reader_next(struct reader *rd, struct span *ret);           /* 1: a run; 0: no more; also -ERR_TIMEOUT, -ERR_CANCELLED */
int reader_refresh(struct reader *rd);                          /* the catalog as it is now; after a look at the head */
int reader_scan(struct reader *rd, size_t file, struct scan **ret);
int query_check(const struct tsdb_query *q);                    /* deadline, cancel */
int query_series(const struct tsdb_query *q, uint32_t **ret, size_t *ret_n);    /* ascending, each once */

/* last.c */
int last_before(struct reader *rd, const struct series *s, int64_t before, struct arena *a, struct sample *ret);
