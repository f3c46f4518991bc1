/*
 * read.h - the only way out for samples: every reader has a scope, and what the scope may not see does not leave.
 *
 * read_points() turns what people write (id, path, code) into points of the scope's tenant; read_range(), read_buckets() and
 * read_last() hand out what the store of samples holds for them. read_query() is all of it as the JSON of POST /api/v1/query.
 *
 * Thread: workers. Memory: the scope's arena; batches are borrowed during the callback.
 */
#pragma once

#include "plant/plant.h"
#include "service/service.h"
#include "tsdb/tsdb.h"

enum { READ_POINTS_MAX = 1000, READ_LIMIT = 10000, READ_LIMIT_MAX = 1000000, READ_SAMPLES_MAX = 1000000000 /* an aggregate looks at, in one answer */ };

/* Those that wear one of the labels: of `points` (n of them; NULL: of all that may be read, at most READ_POINTS_MAX). Needs sample.read. */
int read_labelled(struct scope *s, const char *const *labels, uint32_t n_labels, struct plant_point **points, uint32_t *n);
/* Needs sample.read. -ERR_MISSING names the first that is not there (of another tenant is not there). */
int read_points(struct scope *s, const char *const *texts, uint32_t n, struct plant_point **ret);

struct read_range { const struct plant_point *points; uint32_t n; int64_t from_ns, to_ns; uint64_t limit; uint32_t pixels; bool lttb; };
/* All series a point ever had (a change of type makes another). Returns 1 when the limit cut it. pixels: tsdb_plot(), or tsdb_lttb(), instead of all samples. */
int read_range(struct scope *s, const struct read_range *r, tsdb_batch_fn on_batch, void *ctx);
int read_buckets(struct scope *s, const struct read_range *r, const struct tsdb_step *step, tsdb_buckets_fn on_buckets, void *ctx);
int read_last(struct scope *s, const struct plant_point *points, uint32_t n, struct sample *ret);

/* --- GET /api/v1/values ------------------------------------------------------------------------------------------------- */

struct values_query {
	const char *path;               /* points below it; NULL: all */
	const char *label;              /* those that wear it: id or code; NULL: all */
	const char *state;              /* good uncertain bad disabled unknown, abnormal (bad and uncertain); NULL: all */
	uint32_t limit;                 /* items at most; 0: READ_LIMIT */
};
/* {"counts":{"points","good","uncertain","bad","disabled","unknown"},"count","items":[{"point","path","code","name","unit","device",
 * "state","t":µs|null,"v","q","quality","quality_text","since":µs}]}, what changed its quality last first. counts are of all points
 * below the path, count is how many are of the state asked for. Needs point.read. */
int read_values(struct scope *s, const struct values_query *q, struct buf *out);

/* --- POST /api/v1/query ------------------------------------------------------------------------------------------------ */

struct query_in {
	struct rec_list points;         /* of texts: ids, paths, codes */
	struct rec_list labels;         /* of texts, ids or codes: only points that wear one of them; without `points` all such that may be read */
	const char *from, *to;          /* RFC 3339, now, now-1h */
	int64_t step;                   /* ns; 0: raw samples, or one bucket when aggregates are asked for */
	struct rec_list aggregates;     /* of texts: words of aggregates.def, p50, p99.9 */
	const char *aggregate;          /* the same, one: its column is called v */
	int32_t calendar;               /* enum calendar_unit: periods of the wall instead of equal steps */
	const char *zone;               /* whose wall: Europe/Berlin, +08:00, UTC, local (this computer's) */
	int64_t day_start;              /* ns: the day begins so long after midnight */
	int32_t fill;                   /* enum tsdb_fill */
	uint32_t pixels;                /* of samples: as many as a screen so wide shows; 0: all */
	int64_t timeout;                /* ns: the time it may take */
	double roll_over;               /* of delta: where the counter begins at 0 again; 0: nowhere */
	uint32_t limit;                 /* samples or buckets in all */
	int32_t zone_minutes;           /* of a workbook: whose clock its times are, from UTC */
	int32_t plot;                   /* what `pixels` picks: 0 m4, 1 lttb */
	int32_t group_by, across;       /* enum read_group_by, enum read_across: points become one series a group */
	int64_t compare;                /* ns; of a workbook: the same points so much earlier, moved to now; 0: not */
};
extern const struct rec_type query_in_type;
/* `pixels` breaks this rule. -ERR_INVALID at its field. */
int read_wrong_pixels(uint32_t pixels, const char *rule);

/* {"from","to","truncated","series":[{"point","path","type","unit","t":[µs],"ns":[0…999]?,"v":[…],"q":[…]?}]}
 * t is the start of a bucket when there are aggregates; then each aggregate is a column of its name (v for `aggregate`), and
 * q is the worst quality of the bucket. q is absent when all are Good, ns when all are 0. */
int read_query(struct scope *s, const struct query_in *in, struct buf *out);

/* Figures of many points as one series a group, {…,"group_by","across","series":[{"group","path","points","type","unit","t","v" or figures by name,
 * "with","covered","q"?}]}: with = how many of the points have samples or a value in the bucket, covered = for how much of it all of them together had one. */
/* In the order of trend_group_words and trend_across_words (model/trend.h). */
enum read_group_by { READ_BY_NONE, READ_BY_ALL, READ_BY_DEVICE, READ_BY_PLACE, READ_BY_ENTERPRISE, READ_BY_SITE, READ_BY_AREA, READ_BY_LINE, READ_BY_CELL, READ_BY_UNIT,
	READ_BY_LABEL /* a point is in the group of each of its labels */ };
enum read_across { READ_ACROSS_MEAN, READ_ACROSS_SUM, READ_ACROSS_MIN, READ_ACROSS_MAX, READ_ACROSS_COUNT };
int read_groups(struct scope *s, const struct query_in *in, struct buf *out);
int read_wrong_groups(int32_t group_by, const char *rule);     /* as read_wrong_pixels() */

/* The same as a workbook, as a trend shows it: a row a time, a column a point (of buckets one an aggregate) and its quality. At most a
 * million values: -ERR_LIMIT. */
int read_book(struct scope *s, const struct query_in *in, struct buf *out);

/* --- The same as rows of text, of any length ----------------------------------------------------------------------------- */

/* CSV: time,point,value,quality, times as RFC 3339, points by path, texts guarded (base/cell.h); NDJSON: an object a row with the same and
 * the point's id. With aggregates a column each (`aggregate`: called value) instead of value. Rows come point by point, in order of time. */
enum read_form { READ_CSV, READ_NDJSON };
int read_group_rows(struct scope *s, const struct query_in *in, enum read_form form, struct buf *out);         /* time,group,…,with,covered,quality */
struct read_rows;
int read_rows_new(struct scope *s, const struct query_in *in, enum read_form form, struct read_rows **ret);
/* About `room` bytes more. 1: there is more; 0: that was all. The scope may be another one of the same principal and tenant. */
int read_rows_next(struct scope *s, struct read_rows *r, struct buf *out, size_t room);
void read_rows_done(const struct read_rows *r, uint64_t *ret_rows, uint32_t *ret_points, uint32_t *ret_n);      /* points finished, of how many */
struct read_rows *read_rows_free(struct read_rows *r);
DEFINE_CLEANUP(struct read_rows *, read_rows_free)

/* The same into a file, as a job: `query` is the JSON that `in` was read from, format csv (or NULL) or ndjson. */
struct export_in { const char *format, *query; size_t len; };
int export_begin(struct scope *s, const struct query_in *in, const struct export_in *what, struct uuid *ret_job);
