/* impl.h - what the files of job share among themselves. */
#pragma once

#include "base/str.h"
#include "io/io.h"
#include "job/job.h"
#include "sys/sys.h"

enum { JOB_TEXT = 200, JOB_KINDS_MAX = 32, JOB_JSON_MAX = 64 << 10, JOB_ENDED_MS = 60000 };

/* A job that waits, runs, or ended within the last minute. */
struct job {
	struct job *next;
	struct jobs *jobs;
	const struct job_kind *kind;
	struct work work;
	struct arena arena;                     /* of rec's texts; the worker's while it runs */
	struct job_record rec;                  /* as it is in the store; of whoever made it, then the worker's */
	uint32_t tenant;
	struct uuid id;
	char body[600], path[600];              /* files; "" when there is none */
	/* Under jobs->lock: */
	enum job_state state;
	bool ready;                             /* its record is stored: it may begin */
	bool with_worker;                       /* between submitting and its end on the loop */
	bool asked;                             /* somebody cancelled it */
	uint64_t total, done, change;
	const char *unit;
	bool has_file;
	char said[LANG_N_][JOB_TEXT];
	int64_t began_ns, ended_ns;             /* monotonic */
	char cancelled_by[JOB_TEXT];
};

struct jobs {
	struct jobs_config config;
	struct work_pool *pool;
	struct mutex lock;
	const struct job_kind *kinds[JOB_KINDS_MAX];
	unsigned n_kinds;
	struct job *first;                      /* oldest first */
	unsigned n, running;
	atomic_bool stopping;
	atomic_ulong change;
	struct jobs_stats stats;
};

/* jobs.c */
const struct job_kind *kind_find(const struct jobs *j, const char *name);
struct job *job_new(struct jobs *j, uint32_t tenant, const struct job_kind *kind);      /* not in the list yet */
struct job *job_free(struct job *job);
int jobs_admit(struct jobs *j, struct job *job);        /* into the list; -ERR_LIMIT, -ERR_STOPPING */
void jobs_drop(struct jobs *j, struct job *job);        /* out of it, and freed */
void jobs_schedule(struct jobs *j);
struct job *jobs_find(struct jobs *j, uint32_t tenant, const struct uuid *id);  /* under the lock */
void job_touch(struct job *job);                        /* under the lock: it changed */

void job_end(struct job *job, int r);                   /* the end goes on record; by whoever has the job for himself */

/* job_store.c */
int job_store(struct jobs *j, uint32_t tenant, struct job_record *rec);         /* put, in a transaction of its own */
int job_folder(struct jobs *j, uint32_t tenant, struct buf *out);
int job_path(struct jobs *j, uint32_t tenant, const struct uuid *id, const char *suffix, char ret[600]);
void job_remove_files(struct jobs *j, uint32_t tenant, const struct uuid *id);
void jobs_trim(struct jobs *j, uint32_t tenant);        /* what ended long ago goes */
void job_interrupted(struct job_record *rec);
void job_failed(struct job_record *rec, const struct err *e, struct arena *a);  /* the sentence, both languages */
