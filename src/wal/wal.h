/*
 * wal.h - one log gives every sample its place in the order; everything else is a named reader with a cursor.
 *
 * wal_append() puts a sealed batch at the end: it gets its sequence number, readers see it at once, and a while later it is
 * durable. Whoever promised something to a sender hands in a `struct wal_wait` and answers when it is called. Readers (tsdb,
 * bus, flows, north) are served from memory while they keep up and from the log's segments when they do not; a reader may see
 * a batch before it is durable, but its cursor is remembered up to the durable mark only.
 *
 * What holds after any crash: each acknowledged batch is readable exactly once, in order; a sequence number never names two
 * batches, not even across crashes (numbers jump at a start, so they are not dense; only their order means something).
 * A batch that failed or was never acknowledged may still be there: samples are identified by (series, time).
 *
 * Nothing here says files: a broker may stand behind the same door. Only `struct wal_config` belongs to the local engine.
 *
 * Thread: wal_append, wal_metrics, wal_durable and wal_reader_commit from any thread; a reader is read by one thread at a time.
 * on_durable runs on the log's own thread, on_ready on the thread that appended; both must not block and not call the log
 * (wake somebody: uv_async_send, a condition), wal_metrics and wal_durable excepted.
 * Memory: the log holds a reference to recent batches up to `ring_bytes`; everything not yet durable is in memory, at most
 * `queue_bytes`.
 */
#pragma once

#include "model/batch.h"

struct wal;
struct wal_reader;

struct wal_config {                     /* 0 = the default */
	const char *dir;                /* made if absent; its parent must exist */
	uint64_t segment_bytes;         /* 64 MB; preallocated */
	uint64_t keep_bytes;            /* segments kept for readers that lag: 10 % of the disk; at least two segments */
	uint64_t ring_bytes;            /* recent batches in memory: 32 MB */
	uint64_t queue_bytes;           /* appended but not durable: 16 MB; beyond it wal_append() refuses */
	uint32_t linger_ms;             /* how long a waiting sender is held back so that others share its sync: at most 10 */
	uint32_t linger_bytes;          /* ... or as many bytes: 1 MB */
	uint32_t idle_sync_ms;          /* the oldest unsynced byte never gets older: 1000 */
	uint32_t cursor_ms;             /* cursors are saved at most this often: 1000 */
	uint32_t pack_after_ms;         /* a segment that is needed for so long is compressed: 15 min */
};

/* Opens or makes the log: cuts a torn tail, syncs what the last run left. Reads only the last segment. The folder is one process's
 * own: whoever opens it holds the lock of the data folder. */
int wal_open(const struct wal_config *config, struct wal **ret);
int wal_start(struct wal *w);                           /* the writer's and the keeper's thread */
/* No more appends (-ERR_STOPPING); writes and syncs all, saves the cursors. Who still waits is told -ERR_STOPPING.
 * deadline_ns: monotonic clock; -ERR_TIMEOUT when the disk is slower, then wal_close() waits for it. */
int wal_stop(struct wal *w, int64_t deadline_ns);
struct wal *wal_close(struct wal *w);                   /* stops if needed; readers must be closed before. NULL is fine */
DEFINE_CLEANUP(struct wal *, wal_close)

/* Appending. */

/* Lies with the caller (in its request) until on_durable is called, once: 0 after the sync that covers the batch, or -ERR_x: it
 * must not be acknowledged. Covers all that was appended before it, too. */
struct wal_wait {
	void (*on_durable)(void *ctx, int result);
	void *ctx;
	uint64_t seq_;
	int64_t since_ns_;
	struct wal_wait *next_;
};

/* Takes a reference of its own and sets b->seq: the batch is sealed, never appended before and not yet shown to another thread.
 * wait may be NULL: nobody waits, the batch is durable idle_sync_ms later. Never blocks.
 * -ERR_BUSY: the queue is full, try again or skip this cycle; -ERR_FULL: disk, or a reader that must not be skipped, is full;
 * -ERR_IO: the disk fails; -ERR_STOPPING. On failure nothing was appended and on_durable is not called. */
int wal_append(struct wal *w, struct batch *b, struct wal_wait *wait);
/* The same, and waits until it is durable; also for room in the queue. For threads that may block. deadline_ns: monotonic.
 * -ERR_TIMEOUT: not known whether it will be durable. */
int wal_append_sync(struct wal *w, struct batch *b, int64_t deadline_ns);

uint64_t wal_appended(struct wal *w);                   /* the last number given; 0 = none ever */
uint64_t wal_durable(struct wal *w);                    /* all up to here survives power loss */

/* Leaving the medium. The log is written on in a new segment, so that what was appended before can go as soon as every reader has passed it; waits until
 * nothing up to `seq` lies in a segment any more. -ERR_TIMEOUT names the reader that has not passed; deadline_ns: monotonic. -ERR_STOPPING. */
int wal_forget(struct wal *w, uint64_t seq, int64_t deadline_ns);

/* Reading. */

enum wal_policy {                       /* when the log would grow beyond keep_bytes because of this reader */
	WAL_BLOCK,                      /* appends are refused with -ERR_FULL until it has caught up */
	WAL_SKIP,                       /* it loses the oldest and is told so: WAL_GAP */
	WAL_VOLATILE,                   /* not remembered: starts at the end, holds nothing, is never served from disk but told of a gap */
};
enum wal_from { WAL_FROM_OLDEST, WAL_FROM_END };        /* where a reader that never was starts */
enum wal_next { WAL_NOTHING, WAL_BATCH, WAL_GAP };

struct wal_reader_config {
	const char *name;               /* [a-z0-9][a-z0-9_.-]{0,62}; the cursor's name for life, holds segments even while closed */
	enum wal_policy policy;
	enum wal_from from;
	void (*on_ready)(void *ctx);    /* something new follows after WAL_NOTHING; once, until WAL_NOTHING is said again */
	void *ctx;
};

/* Continues behind the last saved cursor. -ERR_IN_USE: open already. */
int wal_reader_open(struct wal *w, const struct wal_reader_config *config, struct wal_reader **ret);
struct wal_reader *wal_reader_close(struct wal_reader *r);
DEFINE_CLEANUP(struct wal_reader *, wal_reader_close)
/* The destination is gone: its cursor holds nothing any more. -ERR_IN_USE while open, -ERR_MISSING. */
int wal_reader_forget(struct wal *w, const char *name);

/* A reader that wants few series may name them, as tenant << 32 | series, sorted: whole compressed segments without any of them
 * are passed over. What it gets is still to be filtered. n = 0: all. The list is copied. */
int wal_reader_want(struct wal_reader *r, const uint64_t *series, size_t n);

struct wal_gap { uint64_t first, last; };               /* batches in between are lost to this reader: skipped or damaged */

/* WAL_NOTHING: nothing new now, on_ready will be called. WAL_BATCH: *ret is the caller's reference. WAL_GAP: *ret_gap is set,
 * call again. -ERR_IO, -ERR_NO_MEMORY: nothing was passed over, try later. May read the disk when the reader is behind. */
int wal_reader_next(struct wal_reader *r, struct batch **ret, struct wal_gap *ret_gap);
/* Everything up to seq needs never be seen again. Beyond the durable mark it counts from when that passes; never goes back. */
void wal_reader_commit(struct wal_reader *r, uint64_t seq);
/* Everything up to here was handed out or passed over (segments without wanted series): what a reader that found nothing for
 * itself may commit. */
uint64_t wal_reader_pos(struct wal_reader *r);
/* Back to the cursor: what was read and not committed comes again. */
void wal_reader_rewind(struct wal_reader *r);

struct wal_reader_stat {
	char name[64];
	bool open, behind;              /* behind: reads from segments */
	enum wal_policy policy;
	uint64_t pos, committed, lag_bytes;     /* of the log, behind its cursor */
	uint64_t n_memory, n_disk, n_gaps, n_lost;      /* batches served from either; gaps told; numbers within them */
};
size_t wal_readers(struct wal *w, struct wal_reader_stat *ret, size_t max);     /* returns how many there are */

/* Looking, from outside: beside the process that has it open, or without one. Nothing is changed. */

/* Segments there are, and those whose records were read through: as many as `bytes` allows, the oldest first. bad: the first file that
 * cannot be read, or has records that do not match their checksum (the newest may end in the middle of one). */
struct wal_look { uint32_t segments, read; uint64_t records; char bad[64]; };
int wal_look(const char *dir, uint64_t bytes, struct wal_look *ret);   /* -ERR_MISSING, -ERR_IO: the folder */

/* Figures. */

enum { WAL_SYNC_BUCKETS = 16 };         /* bucket i: syncs shorter than 2^i × 125 µs; the last: all longer ones */
struct wal_metrics {
	uint64_t appended, durable;     /* marks */
	uint64_t batches, samples, bytes;       /* appended since start; bytes of records */
	uint64_t queue_bytes, queue_max, ring_bytes;
	uint64_t refused_busy, refused_full;
	uint64_t writes, syncs, sync_ns, sync_hist[WAL_SYNC_BUCKETS];
	uint64_t segments, disk_bytes, compressed_in, compressed_out;
	uint64_t abandoned, damaged;    /* segments given up after a failed write or sync; records that did not match their checksum */
	int failing;                    /* 0, or -ERR_FULL / -ERR_IO: appends are refused */
};
void wal_metrics(struct wal *w, struct wal_metrics *ret);
