/*
 * job.h - long work that somebody started and need not wait for: imports, exports, backups.
 *
 * A *kind* is a row: a name, a right, one function. A *job* is one run of it on behalf of somebody, kept as a record of his tenant:
 * who, what for, how far, how it ended, what came of it (JSON, a file). Jobs have threads of their own, so that they never take one
 * from requests: JOBS_RUNNING at once, JOBS_RUNNING_TENANT of one tenant; those that wait are bounded, too, and refused beyond.
 *
 *   static int run(struct job *j, struct scope *s)
 *   {
 *           job_total(j, n, "rows");
 *           for (uint64_t i = 0; i < n; i++) {
 *                   if (job_is_cancelled(j))
 *                           return job_cancelled();
 *                   ...
 *                   job_done(j, i + 1);
 *           }
 *           return job_result(j, "{\"rows\":12}");
 *   }
 *   const struct job_kind export_kind = { .name = "samples.export", .permission = MUST_SAY(PERM_SAMPLE_READ), .run = run, ... };
 *
 * A job begins with the rights its principal has when it begins to run, not when it was asked for. When the platform stops or dies,
 * jobs that wait are run after the next start; those under way go on if their kind can (`resumes`), else they end as `interrupted`
 * with a sentence. Jobs that ended are kept for JOBS_KEEP_DAYS, at most JOBS_KEEP of a tenant; their files go with them.
 *
 * Thread: job_begin(), job_cancel() and readers: workers. run(): a thread of jobs. jobs_changed(): any, also a loop.
 * Memory: a job belongs to this module; what run() needs beyond its end it copies.
 */
#pragma once

#include "guard/guard.h"

struct job;
struct jobs;
struct loop;

enum { JOBS_RUNNING = 3, JOBS_RUNNING_TENANT = 2, JOBS_WAITING_TENANT = 16, JOBS_ALL = 128, JOBS_KEEP = 200, JOBS_KEEP_DAYS = 7, JOBS_RUNS = 5 };

struct job_kind {
	const char *name;                       /* "samples.export": kept in records, never renamed */
	const char *title, *title_zh;
	enum permission permission;             /* to start one */
	bool resumes;                           /* run() can go on from what job_save() kept */
	/* < 0: failed, its sentence is the job's. s: the principal's scope, outside of deeds; its arena lives as long as the run. */
	int (*run)(struct job *j, struct scope *s);
};

/* ---- life ---- */

struct jobs_config {
	struct platform *platform;
	struct guard *guard;
	struct loop *loop;                      /* where ends are told */
	const char *data;                       /* the data folder: files lie in tenants/<number>/jobs */
};
int jobs_new(struct jobs **ret, const struct jobs_config *c);
/* Before jobs_start(); at most 32. `kind` is borrowed for ever. */
int jobs_add(struct jobs *j, const struct job_kind *kind);
/* Looks for what an earlier process left: runs it, or says that it was interrupted. */
int jobs_start(struct jobs *j);
/* Nothing begins any more, what runs is asked to end (job_is_cancelled()). Any thread, at once. */
void jobs_stop(struct jobs *j);
struct jobs *jobs_free(struct jobs *j);         /* stopped and waited for */
DEFINE_CLEANUP(struct jobs *, jobs_free)

/* ---- starting and ending ---- */

struct job_in {
	const char *kind;
	const char *input;                      /* JSON for run(), ≤ 64 KB; NULL: none */
	const void *body;                       /* a file that came along, kept until the job ended; NULL: none */
	size_t len;
};
/* Outside of deeds; is one (job.create). -ERR_LIMIT: too many of this tenant wait; -ERR_DENIED; -ERR_STOPPING. */
int job_begin(struct jobs *j, struct scope *s, const struct job_in *in, struct uuid *ret_id);
/* Asks a job that waits or runs to end; it ends soon after. One that has ended stays as it is. Own jobs, or system.write. */
int job_cancel(struct jobs *j, struct scope *s, const struct uuid *id);
/* A job that has ended goes, with its files; one that has not is cancelled instead. Own jobs, or system.write. */
int job_delete(struct jobs *j, struct scope *s, const struct uuid *id);

/* ---- inside run() ---- */

const char *job_input(const struct job *j);             /* "" when there is none */
const char *job_body(const struct job *j);              /* path of the file that came along; NULL: none */
const char *job_saved(const struct job *j);             /* what job_save() kept in an earlier run; NULL: begin at the beginning */
bool job_is_cancelled(const struct job *j);             /* asked to end, or the platform stops: look often */
bool job_is_stopping(const struct job *j);              /* because the platform stops: a kind that resumes goes on after the next start */
int job_cancelled(void);                                /* what run() then returns */
void job_total(struct job *j, uint64_t total, const char *unit);        /* unit: "rows", "bytes", "samples", "files"; borrowed for ever; 0: not known */
void job_done(struct job *j, uint64_t done);
void job_say(struct job *j, const char *en, const char *zh);            /* what it is at; copied, cut at 200 bytes */
int job_save(struct job *j, const char *json);                          /* durable when it returns; ≤ 64 KB. For kinds that resume */
int job_result(struct job *j, const char *json);                        /* ≤ 64 KB; copied; kept when it fails, too */
/* A file as result: `path` is where to write it (it may hold what an earlier run wrote). name: what it is called when fetched. */
int job_file(struct job *j, const char *name, const char *content_type, const char **ret_path);

/* ---- seeing ---- */

enum job_state { JOB_QUEUED, JOB_RUNNING, JOB_DONE, JOB_FAILED, JOB_CANCELLED, JOB_INTERRUPTED };
static inline bool job_has_ended(int state) { return state > JOB_RUNNING; }
const char *job_state_id(enum job_state s);             /* "running" */

struct job_record {
	struct rec_head head;                   /* created: when it was asked for; created_by: who */
	const char *kind, *title, *title_zh, *name;     /* name: of who asked */
	int32_t state;
	uint64_t done, total;
	const char *unit, *detail, *detail_zh, *code;   /* code: of the failure */
	int64_t started, ended, eta;            /* eta: reckoned when read */
	const char *result, *file, *file_type;
	uint64_t file_bytes;
	uint32_t runs;
	struct uuid principal;
	int32_t principal_kind;
	const char *input, *saved;
	bool has_body;
};
/* Stored quietly (STORE_QUIET) in the tenant's store. */
extern const struct rec_type job_type;

/* Everybody sees his own, system.read all of the tenant. The record as it is now: progress of a moment ago included. */
int job_get(struct jobs *j, struct scope *s, const struct uuid *id, struct job_record *ret);
/* Brings a record that was read from the store up to the moment; texts in `a`. */
void job_refresh(struct jobs *j, uint32_t tenant, struct job_record *rec, struct arena *a);
/* Where the file of an ended job lies: for who asked for it, and for who has its kind's right everywhere. -ERR_MISSING: it has none. */
int job_file_path(struct jobs *j, struct scope *s, const struct job_record *rec, struct buf *ret_path);

/* Jobs of a tenant that changed after `after` (0: all that have not ended), in no order; those that ended are told for a minute.
 * principal NULL: everybody's. fn is called under a lock: it must be quick and call nothing here. Returns the number to ask with next. */
struct job_view {
	struct uuid id, principal;
	const char *kind, *title, *title_zh, *unit, *detail, *detail_zh;
	enum job_state state;
	uint64_t done, total;
	int64_t eta_ns;                         /* wall clock; 0: not known */
	bool has_file;
};
uint64_t jobs_changed(struct jobs *j, uint32_t tenant, const struct uuid *principal, uint64_t after,
	void (*fn)(void *ctx, const struct job_view *v), void *ctx);
uint64_t jobs_change(const struct jobs *j);             /* the number of the last change; cheap */

struct jobs_stats { uint32_t running, waiting; uint64_t begun, done, failed, cancelled, interrupted; };
void jobs_stats(struct jobs *j, struct jobs_stats *ret);
