/*
 * history.h - the files that samples lie in: how many, how large, how well they are merged; merging all of them now.
 *
 * They hold the samples of all tenants, so everything here is for the first tenant's people: system.read to see, system.write to merge and to check.
 *
 * Thread: workers. Memory: records live in the scope's arena.
 */
#pragma once

#include "service/service.h"

struct job_kind;

struct history_level { const char *level; uint64_t files, bytes, samples; double bytes_per_sample; };    /* "flushed", "window", "day" */
/* "data", "second". free, total: of its disk; 0: not known, as of one that is not there. */
struct history_folder { const char *folder, *path; bool reachable; uint64_t files, bytes, samples, free, total; };
struct history_note { const char *level, *text; };      /* "warning", "error"; what is, and what to do */
struct history_stats {
	uint64_t has[2];
	struct rec_list levels;                 /* struct history_level */
	uint64_t files, bytes, samples;
	double bytes_per_sample;
	uint64_t rollup_bytes;                  /* of figures of minutes and hours */
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
	const char *profile;                    /* of day files: "portable", "compact" */
	struct rec_list folders;                /* struct history_folder */
	struct rec_list notes;                  /* struct history_note: what somebody should do something about */
	uint64_t head_bytes, head_bytes_max, head_samples;      /* in memory */
	uint64_t log_bytes, log_unread, log_unfiled;            /* log_unread: batches that cannot be queried yet; unfiled: that are in no file yet */
	uint64_t growth;                        /* bytes a day, of the last week */
	double days_left;                       /* `has`: until the disk where history ends is full, if it goes on so */
	uint64_t moving_files, moving_bytes;    /* that wait to be moved to the second folder, or back */
	uint64_t moved_files, moved_bytes;      /* since the start */
	int64_t second_age;                     /* of files that go there; `has`: there is a second folder */
};
extern const struct rec_type history_stats_type;

/* How many days are kept (0: for ever), and what would leave the disk at once if it were `asked`; of all tenants together. */
struct history_keep { uint32_t samples, minutes, hours; };
/* A label of the first tenant; keep_days as the label has it. points: who wear it; decides: for how many of them it is what counts. */
struct history_label { uint64_t has[2]; struct uuid label; const char *code, *name; int32_t keep_days; uint32_t points, decides; };
/* What if a label said so? `label` an id or code; NULL: none is asked about. days: -1: it said nothing. */
struct history_what_if { struct history_keep keep; const char *label; int32_t days; };
struct history_retention {
	uint64_t has[2];
	struct history_keep keep, asked;
	int64_t today;                          /* days are counted back from here: behind the clock when it jumped, or nothing is written */
	uint64_t files, bytes, gone_samples;    /* files that go whole; bytes of samples' files that go; samples that are seen no more */
	int64_t first, last;                    /* `has`: something would; of which days */
	struct rec_list labels;                 /* struct history_label, by code */
	uint32_t own;                           /* points that say themselves how long their samples are kept */
};
extern const struct rec_type history_retention_type;
/* asked NULL: as it is. With a label, what goes of the first tenant's. -ERR_NO_SUCH_REF at "label". */
int history_retention(struct scope *s, const struct history_what_if *asked, struct history_retention *ret);

int history_stats(struct scope *s, struct history_stats *ret);
/* As a job ("history.compact"): what is in files becomes day files, also of days that are not over. What comes of it:
 * {"files_before","files","bytes_before","bytes"}. -ERR_LIMIT: it is under way. */
int history_compact(struct scope *s, struct uuid *ret_job);
extern const struct job_kind history_compact_kind;

/* As a job ("history.check"): every file is read and held against its checksums; nothing is changed. What comes of it: {"files","bytes","samples","faults",
 * "harmless","lost","list":[{"kind","file","text","text_zh","detail","harmless","samples","from","to","points","first":["path"]}]}, at most 100. */
int history_check(struct scope *s, struct uuid *ret_job);
extern const struct job_kind history_check_kind;

/* As a job ("history.export"): samples of points into a file, of one state of the store. body: the JSON that `in` was read from. What comes of it: {"rows"} and
 * the file. For who may read samples, of his tenant. */
struct history_export_in { struct rec_list points /* of texts; none: all that may be read */; const char *from, *to; int32_t format /* 0 parquet, 1 csv */; };
extern const struct rec_type history_export_in_type;
int history_export(struct scope *s, const struct history_export_in *in, const char *body, struct uuid *ret_job);
extern const struct job_kind history_export_kind;

/* history_health.c: what history_stats() says beyond its counts. */
struct tsdb_stats;
int history_health(struct scope *s, const struct tsdb_stats *v, struct history_stats *ret);
extern const struct rec_type history_folder_type, history_note_type;
int history_may(struct scope *s, enum permission p);
