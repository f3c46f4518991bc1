/*
 * history.h - the files that samples lie in: how many, how large, how well they are merged; merging all of them now.
 *
 * They hold the samples of all tenants, so everything here is for the first tenant's people: system.read to see, system.write to merge.
 *
 * Thread: workers. Memory: records live in the scope's arena.
 */
#pragma once

#include "service/service.h"

struct job_kind;

struct history_level { const char *level; uint64_t files, bytes, samples; double bytes_per_sample; };    /* "flushed", "window", "day" */
struct history_stats {
	uint64_t has[2];
	struct rec_list levels;                 /* struct history_level */
	uint64_t files, bytes, samples;
	double bytes_per_sample;
	uint64_t series, days, files_of_day;    /* files_of_day: the most that one day has */
	uint64_t waiting_files, waiting_bytes;  /* of days that are over and not in day files */
	uint64_t replaced_files, unreadable_files;
	uint64_t merges, merge_failures, merged_bytes, written_bytes, merged_samples, overwritten_samples;      /* since the start */
	bool merging;
	int64_t merging_day;                    /* `has`: something is merged now */
	uint64_t merging_samples, merging_total;
	bool held_back;                         /* memory goes to files no more: too many wait */
	uint64_t held_back_total;
	const char *last_error;                 /* NULL: none */
	int64_t last_error_time;
};
extern const struct rec_type history_stats_type;

int history_stats(struct scope *s, struct history_stats *ret);
/* As a job ("history.compact"): what is in files becomes day files, also of days that are not over. What comes of it:
 * {"files_before","files","bytes_before","bytes"}. -ERR_LIMIT: it is under way. */
int history_compact(struct scope *s, struct uuid *ret_job);
extern const struct job_kind history_compact_kind;
