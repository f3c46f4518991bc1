/*
 * compact.h - few large files out of many small ones, behind everybody's back.
 *
 * One thread for all tenants, of low priority and bounded speed, asks plan.h what to merge next, merges it (merge_job.c) and sleeps until
 * something is due or a flush has made a file. Where merging cannot keep up, it first hurries, then flushes are refused: the log
 * keeps what the files may not, and when that is full, who writes is told.
 *
 * Thread: compact_admit(): the flush's; the others: whoever starts, stops, asks.
 */
#pragma once

#include "tsdb/keep/purge.h"
#include "tsdb/tsdb_impl.h"

struct merge_job {
	struct tsdb *t;
	struct tenant *te;
	const struct plan_file *in;     /* sorted; held by a catalog of the caller's */
	size_t n;
	int32_t level;
	bool relabel;                   /* they are a day already, and only to be called so */
	struct tombs *tombs;            /* left out, borrowed; all that were made before this serial: */
	uint64_t next_tomb;
	uint64_t bytes, rows;           /* of the inputs */
	/* So many rows are done: waits to keep the speed; < 0 ends the job, nothing has happened then. */
	int (*on_rows)(struct merge_job *j, uint32_t n);
	void *ctx;
	int64_t began_ns;               /* of on_rows: the monotonic clock when the speed began to count, and bytes since */
	double paced;
	uint32_t since;                 /* rows, not looked at yet */
	/* Out: */
	struct file *failed;            /* an input that could not be read; NULL: it was something else */
	uint64_t rows_out, rows_old, bytes_out;         /* old: that are kept no more (retain.h) */
};
int merge_job_run(struct merge_job *j);

/* One piece of work, the most urgent: 1: done; 0: nothing is to be done before *ret_due_ns (wall clock). A file that cannot be read
 * is set aside and told, and counts as done. < 0: nothing else is to be done, and something failed. */
struct compact_ask {
	uint32_t tenant;                /* 0: any */
	bool all;                       /* as if every wait were over */
	int64_t now_ns;
	bool (*is_cancelled)(void *ctx);
	void *ctx;
	/* Nothing but what is deleted of these series: files that hold some of it are written again. left: those that cannot be. */
	const uint32_t *purge;          /* NULL: what is due */
	size_t n_purge;
	void (*on_file)(void *ctx, const struct file_info *f, uint64_t rows_left);
	uint64_t left;
	bool again;                     /* something was done that is no merge */
	/* Of compact_step() alone: what fails is passed over until nothing is left to be done, and told then: the first of it. */
	uint64_t round;
	int failed;
	struct err why;
};
int compact_step(struct tsdb *t, struct compact_ask *ask, int64_t *ret_due_ns);
