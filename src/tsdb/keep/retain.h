/*
 * retain.h - a page of tsdb.h: how long samples, and their figures of minutes and hours, are kept.
 *
 * Whole days of UTC go, counted back from a day that no clock can hurry: it follows the wall clock, but never runs more than twice as fast as this process
 * does, and stands still while nothing is written. So a clock that jumps ten years ahead deletes nothing, and one that was wrong for a week costs at most a week.
 * What is older is not seen any more, at once (where figures are kept longer: once its day is merged); it leaves the disk when all that a file holds of it is
 * too old. After the samples the figures are left: then aggregates and plots are made of these (query.h: coarse), and the samples themselves are gone. A series
 * that has no minutes because its samples are as few keeps its samples as long as minutes are kept, and the same with hours; texts have neither.
 *
 * Thread: any. Memory: none.
 */
#pragma once

#include "base/base.h"

struct tsdb;

enum tsdb_kept { TSDB_SAMPLES, TSDB_MINUTES, TSDB_HOURS, TSDB_KEPT };
enum { TSDB_DAYS_MAX = 36500 };
struct tsdb_retention {
	uint32_t days[TSDB_KEPT];       /* 0: for ever. What is coarser is kept at least as long */
	const uint32_t *instead;        /* of tsdb_would_go() for one tenant: by series, what tsdb_retain() would say; NULL: nothing else than it did */
	uint32_t n_instead;
};
#define TSDB_AS_IT_IS UINT32_MAX        /* of a series in `instead` */

/* Of one series: days of its samples; 0: as all of them, > TSDB_DAYS_MAX: for ever. As tsdb_keep() it is said at the start, and whenever it changes. */
void tsdb_retain(struct tsdb *t, uint32_t tenant, uint32_t series, uint32_t days);
void tsdb_retain_all(struct tsdb *t, const struct tsdb_retention *how);
void tsdb_retained(struct tsdb *t, struct tsdb_retention *ret);
/* Samples of the series before this are not kept; INT64_MIN: all are. Series 0: of none. */
int64_t tsdb_kept_from(struct tsdb *t, uint32_t tenant, uint32_t series);

/* What would leave the disk at once with that; what a file still needs for others is not counted. */
struct tsdb_would_go { uint64_t files, bytes, samples; int32_t first_day, last_day; int64_t today_ns; };  /* days since 1970; today: where days are counted from */
/* tenant 0: of all. */
int tsdb_would_go(struct tsdb *t, uint32_t tenant, const struct tsdb_retention *how, struct tsdb_would_go *ret);
