/*
 * purge.h - which file is to be written again because something in it is deleted.
 *
 * A tomb names bounds; the side index says whether the file holds samples of its series in its time. Files that hold none only get a note that the tombs are
 * applied to them. What is deleted may wait a day, so that many deletes cost one writing.
 *
 * Thread: who holds compact_lock.
 */
#pragma once

#include "tsdb/merge/plan.h"
#include "tsdb/tsdb_impl.h"

#define PURGE_WAIT (INT64_C(86400) * NS_PER_S)

struct purge_ask {
	bool all;                       /* nothing waits */
	const uint32_t *series;         /* ascending: only these, and at once; NULL: all of them */
	size_t n_series;
	int64_t now_ns;
};
struct purge_found {
	size_t at;                      /* of the files: it holds some */
	int64_t due_ns;                 /* when one will be due */
	uint64_t aside;                 /* not looked at, because they could not be read */
};
/* 1: there is one; 0: there is none now. The files are the catalog's, all of them. */
int purge_find(struct tenant *te, const struct catalog *c, const struct plan_file *f, size_t n, const struct purge_ask *ask, struct purge_found *ret);
