/* engine.h - inside sql alone: the processes. */
#pragma once

#include "io/io.h"
#include "sql/wire.h"
#include "sys/sys.h"

enum sql_end { SQL_RUNNING, SQL_ENDED, SQL_TIMED_OUT, SQL_NOT_STARTED };

/* One statement's process. Two hold it: the worker that talks, and the loop while the process lives. */
struct sql_run {
	atomic_int refs;
	struct sql_engine *engine;
	struct post begin, end;
	struct process *process;
	struct timer limit;
	int64_t ms;
	int theirs;                     /* the helper's end of the socket, until it is handed over */
	struct buf query;               /* the first message */
	struct mutex lock;
	struct cond cond;
	bool ending;                    /* by the post */
	enum sql_end over;
	struct err failure;             /* SQL_NOT_STARTED */
};

/* A worker's: ret_fd is our end. -ERR_BUSY, -ERR_NO_SQL. */
int run_new(struct sql_engine *e, const struct sql_in *in, struct sql_run **ret, int *ret_fd);
/* Ends it, whatever it is at, and says how it had ended before that: SQL_ENDED unless the platform had cut it already. */
enum sql_end run_end(struct sql_run *r);
void run_free(struct sql_run *r, bool failed);          /* ends it, too; waits for nothing, any thread */
