/*
 * trend.h - a trend that somebody saved: which points, on which axes, over which time. It belongs to the tenant; whoever may read
 * samples may open it. Points are named by id without being held: a trend survives the points it shows.
 *
 * Memory: records live in an arena (rec/rec.h).
 */
#pragma once

#include "rec/rec.h"

enum { TREND_LINES_MAX = 32 };
/* How points become one series a group, and how their figures are put together: of queries, too (service/read.h). */
extern const struct rec_word trend_group_words[], trend_across_words[];

struct trend_line {
	struct uuid point;
	const char *axis;               /* lines of one name share an axis; empty: all of one unit */
	const char *color;              /* #rrggbb; empty: by its place */
	bool hidden;
};

struct trend {
	struct rec_head head;
	const char *name, *description;
	struct rec_list lines;          /* of struct trend_line */
	int64_t window;                 /* ns */
	int64_t until;                  /* end of the window; absent: the present, and it follows */
	int64_t shift;                  /* ns; beside it the same points so much earlier; 0: none */
	int32_t group_by, across;       /* words of the tables above */
	struct rec_list labels;         /* of uuids; with group_by: only points that wear one of them, without lines all such */
	struct rec_map limits;          /* axis → "0..100"; absent: by what is shown */
};
extern const struct rec_type trend_line_type, trend_type;
