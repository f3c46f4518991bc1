/* history.c - the files of samples. The deeds are those of service/history.h. */

#include "api/internal.h"
#include "job/job.h"
#include "service/history.h"

static int run_stats(struct call *c)
{
	struct history_stats v;
	int r = history_stats(&c->scope, &v);
	struct json j;

	if (r < 0)
		return r;
	j = answer_json(c);
	record_json(&history_stats_type, &v, NULL, &j);
	return 0;
}

static int run_compact(struct call *c)
{
	struct uuid job;
	int r = history_compact(&c->scope, &job);

	return r < 0 ? r : answer_job(c, &job);
}

static const struct route rows[] = {
	ROUTE("GET", "/history/stats", PERM_SYSTEM_READ, "history.stats", run_stats, .out = &history_stats_type,
		.doc = "The files of samples: how many, how large, what waits to be merged"),
	ROUTE("POST", "/history/compact", PERM_SYSTEM_WRITE, "history.compact", run_compact, .out = &job_type, .status = 202,
		.doc = "Merge all files of samples into day files now, as a job"),
};
const struct routes routes_history = { rows, ELEMENTSOF(rows) };
