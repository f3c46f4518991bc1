/*
 * impl.h - the local log from inside: marks, ring, segments, cursors.
 *
 * `lock` guards everything that is not said to belong to one thread. The marks only grow within a run:
 *
 *   tail ≤ durable + 1      durable ≤ written ≤ appended
 *   [tail … appended] are in memory (`ring`), [durable + 1 … appended] must be; a reader before `tail` reads segments.
 *
 * Numbers of one run are dense, so the ring needs no search; a run starts at a multiple of RUN_STRIDE, above every number that
 * the last run can have given (it had at most RING_SLOTS not durable).
 */
#pragma once

#include <limits.h>
#include <stdatomic.h>

#include "base/err.h"
#include "sys/sys.h"
#include "wal/format.h"
#include "wal/wal.h"

enum {
	RING_SLOTS = 1 << 15,
	RUN_STRIDE = 1 << 20,
	WRITE_MAX = 128,                        /* records a pwritev */
	RETRY_MS = 1000,                        /* how often a log that stands still tries again */
};

struct segment {
	uint64_t no, first, last, prev;         /* last: of what counts in it; first - 1 while empty */
	uint64_t bytes, durable_bytes;          /* where the records end; where the durable ones do */
	uint64_t disk_bytes;
	int64_t sealed_ns;                      /* monotonic */
	bool active, packed, no_pack;           /* no_pack: could not be packed; it is read as it is */
};

struct cursor {
	char name[64];
	enum wal_policy policy;
	uint64_t want, saving, saved;           /* as committed; being written; as on disk. What counts is min(want, durable) */
	struct wal_reader *reader;              /* NULL while closed */
};

struct wal {
	struct wal_config config;
	struct mutex lock, save_lock;           /* save_lock: one writer of the cursors' file at a time; taken before lock */
	struct cond work, room, keep, done;     /* for the writer, for who waits for room, for the keeper, for who waits for either */
	struct thread writer_thread, keeper_thread;
	bool started, stopping, writer_done, keeper_done;

	struct batch **ring;
	uint64_t tail, appended, written, durable;
	uint64_t run_first, run_prev;           /* first number of this run; the log's last before it */
	uint64_t ring_bytes, appended_bytes, written_bytes, durable_bytes;      /* of records; the last three since start */
	int64_t unwritten_ns, unsynced_ns;      /* when the oldest such batch came */
	struct wal_wait *waits, **waits_end;

	int failing;                            /* 0 or -ERR_x: appends are refused, the writer tries every RETRY_MS */
	struct err failure;
	int64_t retry_ns;
	bool over_limit;                        /* keep_bytes is reached and a WAL_BLOCK reader needs the oldest */

	struct segment **seg;                   /* in order; the writer's own is the last, while there is one */
	size_t n_seg, seg_room;
	uint64_t next_no;
	struct cursor **cursor;
	size_t n_cursor, cursor_room;
	unsigned n_idle;                        /* readers to be woken */
	bool cursors_dirty, cursors_lost;
	bool kicked;                            /* the keeper has something to do */
	bool turn;                              /* the writer is to begin another segment */
	unsigned removing;                      /* segments off the list whose files are still there */

	/* The writer's own. */
	int fd;                                 /* of the active segment; -1: none */
	struct segment *active;
	uint8_t (*heads)[REC_HEAD];
	struct iovec *iov;
	int64_t sync_ewma_ns;

	struct wal_metrics m;                   /* counters; marks are filled in when asked */
};

/* segment.c */
void seg_path(const struct wal *w, uint64_t no, bool packed, char out[PATH_MAX]);
int seg_scan_dir(struct wal *w, uint64_t cursors_max);          /* at open: finds and repairs; sets marks and next_no */
int seg_create(struct wal *w);                                  /* the writer: a new active segment */
int seg_seal(struct wal *w);                                    /* the writer: syncs the active one and ends it */
void seg_abandon(struct wal *w);                                /* the writer: after a failure; written goes back to durable */
struct segment *seg_find(const struct wal *w, uint64_t seq);    /* lock held: the first that ends at or behind seq; NULL */
/* Reads records from a file: offsets and marks of what is whole. */
struct seg_scan { uint64_t first, last, end, n, damaged; };
int seg_scan_file(int fd, uint64_t from_seq, struct seg_scan *ret);

/* writer.c */
void writer_main(void *w);

/* cursor.c */
int cursors_load(struct wal *w);
int cursors_save(struct wal *w);                                /* without the lock */
struct cursor *cursor_find(const struct wal *w, const char *name);
int cursor_add(struct wal *w, const char *name, struct cursor **ret);   /* lock held */
void cursor_drop(struct wal *w, struct cursor *c);              /* both locks held */
uint64_t cursor_seq(const struct wal *w, const struct cursor *c);       /* what counts */

/* keeper.c: saves cursors, removes and packs segments */
void keeper_main(void *w);
void keeper_kick(struct wal *w);                                /* lock held */

/* pack.c */
/* Packs a sealed segment's file; 1: done, 0: given up because the log stops. */
int pack_segment(struct wal *w, const struct segment *s, uint64_t *ret_bytes);
/* The head of a packed segment, made up from its packs when it is damaged; first 0: there is nothing in it. */
int pack_head_read(int fd, struct seg_head *ret);
/* The list of series of a packed segment; its owner frees it. n = 0 and 0 returned: not known, may be any. */
int pack_series(int fd, const struct seg_head *h, uint64_t **ret, size_t *ret_n);

/* reader.c */
void readers_ready(struct wal *w);                              /* without the lock: wakes who said nothing was there */

static inline uint64_t rec_bytes(const struct batch *b) { return REC_HEAD + (uint64_t) b->size; }
