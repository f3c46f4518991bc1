/*
 * statement.h - SQL over history and records, for who may see them.
 *
 * A statement is run elsewhere (sql/sql.h); this is where its rows come from and whose they are. ts(), last() and rollup() read samples,
 * every record type is a table by its plural; both give what the same person's lists and queries would give: his tenant, his rights, his
 * places. Secret and internal fields are no columns. Each statement is a deed, and in the audit before it runs.
 *
 *   ts(points, from, to)            time, point, value, quality
 *   last(points)                    time, point, value, quality
 *   rollup(points, step, from, to)  time, point, avg, mean, min, max, sum, count, first, last, coverage, quality
 *
 * points: an id, path or code, a path in which * stands for any letters, or a list of these. value has the type the points have; of
 * different ones DOUBLE, or VARCHAR when one is a text. Times are cut to microseconds. What has several functions, or more than a block to read, holds a
 * lease of the files (tsdb.h): one state in all of it.
 *
 * Thread: workers. Memory: what a statement keeps is its own; the scope may be another one of the same principal and tenant.
 */
#pragma once

#include "service/read.h"
#include "sql/sql.h"

enum { STATEMENT_ROWS = 10000, STATEMENT_ROWS_MAX = 10000000, STATEMENT_POINTS_MAX = 20000 };

struct statement_in {
	const char *sql, *zone;
	uint32_t limit;                 /* rows */
	int64_t timeout;                /* ns */
};
extern const struct rec_type statement_in_type;

struct statement;
/* Needs sql.query, and for what is read the right to read it. gone may be NULL. */
int statement_new(struct scope *s, const struct statement_in *in, enum sql_form form, const atomic_bool *gone, struct statement **ret);
/* About `room` bytes more. 1: there is more; 0: that was all. JSON is {"columns","rows","count","truncated"}; what fails when part of it is
 * written stands behind as "error" (a problem), for JSON alone. */
int statement_next(struct scope *s, struct statement *st, struct buf *out, size_t room);
bool statement_has_begun(const struct statement *st);   /* something was written: a failure has no status any more */
void statement_error(struct statement *st, const struct err *e, enum lang lang, struct buf *out);       /* closes the JSON */
struct statement *statement_free(struct statement *st);
DEFINE_CLEANUP(struct statement *, statement_free)

/* {"available","functions":[{"name","arguments","columns":[{"name","type"}]}],"tables":[{"name","title","columns":[{"name","type","label"}]}]}:
 * what the caller may ask for. */
int statement_tables(struct scope *s, struct json *j);
