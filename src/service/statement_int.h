/* statement_int.h - what the files of statement share. */
#pragma once

#include "service/statement.h"

struct statement {
	struct scope *s;                        /* of the call under way */
	struct arena arena;                     /* lives as long as the statement */
	struct sql_query *query;
	enum sql_form form;
	struct json json;
	struct sql_rows rows;
	uint32_t row;
	uint64_t count;
	int64_t deadline_ns;                    /* monotonic */
	/* What its functions look at, summed while they are bound; from the first reading on all of them see the files of one moment, if it is much. */
	struct tsdb_lease *lease;
	uint64_t cost;
	uint32_t scans;
	bool has_read;
	bool begun, all;
};

/* One table or function as bound. */
struct scan {
	enum sql_function function;
	const struct noun *noun;                /* SQL_RECORDS */
	const struct rec_field **fields;
	struct read_asked_points *points;
	int64_t from_ns, to_ns, step_ns;
	uint8_t value_kind;
};

/* statement_points.c: samples. */
int points_bind(struct statement *st, const struct sql_asked *asked, struct sql_shape *ret);
int points_open(struct statement *st, struct scan *scan, const uint16_t *columns, uint32_t n, void **ret);
int points_next(struct statement *st, void *cursor, struct sql_block *out);
/* statement_tables.c: records. */
int table_bind(struct statement *st, const struct sql_asked *asked, struct sql_shape *ret);
int table_open(struct statement *st, struct scan *scan, const uint16_t *columns, uint32_t n, void **ret);
int table_next(struct statement *st, void *cursor, struct sql_block *out);

/* Both kinds of cursors begin so. */
struct reading { struct scan *scan; uint32_t n; const uint16_t *columns; };
int reading_init(struct statement *st, struct reading *r, struct scan *scan, const uint16_t *columns, uint32_t n);

struct points_column { const char *name; uint8_t kind; };       /* kind 0: the value's */
const struct points_column *points_columns(enum sql_function f, uint32_t *ret_n);
