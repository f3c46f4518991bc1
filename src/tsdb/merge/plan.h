/*
 * plan.h - what is to be merged next: a function of the files of a day and the clock, nothing else.
 *
 * The files of a day, in the order they were written, are *runs* (one file, or the parts of one large merge, which share a rank). Only runs
 * that follow each other are merged, so the order in which equal samples win stays what it was. Four rules, the first that is due counts:
 *
 *   many     more than PLAN_RUNS: those that cost least for each file that goes, PLAN_FAN at once
 *   day      the day is over and has been quiet for an hour: all of it becomes the day file. When there is one already and what came late is
 *            less than 5 % of it, the wait is longer in proportion (1 %: five hours): at most twenty bytes an hour are written again
 *            for each that came late, however often it comes. Who is never quiet waits eight times as long
 *            A few day files that lie behind each other in time, of each series (history that was brought in, flush.c), stay as they are: merged they are
 *            read no faster
 *   window   flushed files of two hours (by their latest time) become one, when one of later hours is there or 20 minutes have passed
 *   nothing  until `due_ns`, or until there is another file
 *
 * Thread: any. Memory: the caller's.
 */
#pragma once

#include "tsdb/file.h"

enum { PLAN_FAN = 16, PLAN_RUNS = 24, PLAN_URGENT = 64, PLAN_LATE = 20, PLAN_APART = 8 };
enum plan_why { PLAN_NOTHING, PLAN_DELETED /* see purge.h */, PLAN_LATE_DAY, PLAN_DAY, PLAN_WINDOW, PLAN_MANY, PLAN_MANY_URGENT };       /* the greater first */

struct plan_file { struct file_info info; struct file *file; bool aside; };      /* info.level: as it is now */
struct plan_run { size_t first, n; uint64_t rank, rows, bytes; int64_t t_min, t_max, written_ns; int32_t level; bool aside; };

struct plan {
	enum plan_why why;
	bool is_whole;                  /* one run alone: it is the day as it is, and only to be called so */
	size_t first, n;                /* of the files */
	int32_t level;                  /* of what comes of them */
	uint64_t bytes, rows;
	int64_t due_ns;                 /* of PLAN_NOTHING; INT64_MAX: not before there is another file */
};

/* By day, rank, series. */
void plan_sort(struct plan_file *f, size_t n);
/* f: the n files of one day, sorted (file NULL: what only its side index could say is taken for granted); run: room for n. all: as if every wait were over. */
struct plan plan_day(const struct plan_file *f, size_t n, struct plan_run *run, int64_t now_ns, bool all);
