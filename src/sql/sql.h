/*
 * sql.h - statements in SQL over rows that somebody else hands in, run by DuckDB where they can do no harm.
 *
 * Every statement gets a process of its own: our binary in the role "sql", which loads libduckdb.so, shuts itself in (io/child.h: it
 * may open nothing, connect to nothing, start nothing; limits on memory and time) and only then sees the statement. It asks for rows
 * over a socket: the source answers. Result rows come back over the same socket as typed columns and are written as JSON, NDJSON
 * or CSV on this side: nothing the helper says is trusted. Out of time, or nobody wants the answer any more: the process is killed. A
 * spare one, warm, waits for the next statement and ends after a minute without any.
 *
 *   sql_begin(engine, &in, &source, ctx, &q);
 *   while ((r = sql_next(q, &rows)) > 0) sql_write_rows(…);
 *   sql_free(q);
 *
 * Thread: sql_new() and sql_engine_free() on the loop; the rest on any thread that may block, one a statement.
 * Memory: rows are borrowed until the next call; some 3 MB a statement.
 */
#pragma once

#include <stdatomic.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

struct loop;
struct sql_engine;
struct sql_query;

/* How a column travels. TIME: µs since 1970, UTC. DATE: days since 1970. UUID: 16 bytes. NUMBER: a decimal number as text. JSON: as text. */
enum sql_kind { SQL_BOOL = 1, SQL_I32, SQL_U32, SQL_I64, SQL_U64, SQL_F32, SQL_F64, SQL_TIME, SQL_DATE, SQL_UUID, SQL_TEXT, SQL_NUMBER, SQL_JSON,
	SQL_KINDS_ };

/* ---- rows ---- */

struct sql_column {
	uint8_t kind;
	const uint8_t *valid, *body, *offsets;  /* valid NULL: all; at any address */
	size_t text_len;
};
struct sql_rows { uint32_t n_columns, n; const struct sql_column *columns; };
static inline bool sql_is_valid(const struct sql_column *c, uint32_t row) { return !c->valid || (c->valid[row / 8] >> (row % 8) & 1); }
const char *sql_text(const struct sql_column *c, uint32_t row, size_t *ret_n);          /* of TEXT, NUMBER, JSON */

/* Rows under way from a source: cells are added column by column in any order, then the row is ended. */
struct sql_block;
int sql_block_new(const uint8_t *kinds, uint32_t n_columns, struct sql_block **ret);
struct sql_block *sql_block_free(struct sql_block *b);
DEFINE_CLEANUP(struct sql_block *, sql_block_free)
void sql_block_clear(struct sql_block *b);
void sql_put(struct sql_block *b, uint32_t column, const void *value);                  /* as wide as its kind */
void sql_put_str(struct sql_block *b, uint32_t column, const char *text, size_t n);     /* of the kinds that are texts */
void sql_put_null(struct sql_block *b, uint32_t column);
void sql_row(struct sql_block *b);                      /* the row is whole */
uint32_t sql_block_rows(const struct sql_block *b);
bool sql_block_is_full(const struct sql_block *b);      /* time to hand it over; one more row still goes */
uint8_t sql_block_kind(const struct sql_block *b, uint32_t column);
int sql_block_write(const struct sql_block *b, struct buf *out);        /* -ERR_TOO_LARGE: beyond what a message holds */

/* ---- where rows come from ---- */

enum sql_function { SQL_TS = 1, SQL_LAST, SQL_ROLLUP, SQL_RECORDS, SQL_FUNCTIONS_ };
enum { SQL_TEXTS_MAX = 1000, SQL_TEXT_MAX = 64 << 10, SQL_SCANS_MAX = 64 };

struct sql_asked {                      /* what stands in the parentheses; of RECORDS the name of the table */
	enum sql_function function;
	const char *const *texts;
	uint32_t n;
	const char *from, *to;          /* "": not said. A time of SQL's comes as RFC 3339 */
	int64_t step_ns;
};
struct sql_shape_column { uint8_t kind; const char *name; };
struct sql_shape { uint32_t n; const struct sql_shape_column *columns; uint64_t rows; /* about so many; 0: unknown */ void *scan; };

struct sql_source {
	/* What it would give. Memory lives until the statement ends. */
	int (*bind)(void *ctx, const struct sql_asked *asked, struct sql_shape *ret);
	int (*open)(void *ctx, void *scan, const uint16_t *columns, uint32_t n, void **ret_cursor);
	/* More rows of the columns opened, until the block is full. 1: there is more; 0: that was all. */
	int (*next)(void *ctx, void *cursor, struct sql_block *out);
	void (*close)(void *ctx, void *cursor);
};

/* ---- statements ---- */

struct sql_config {
	struct loop *loop;
	const char *library;            /* libduckdb.so; NULL or "": where tools/setup and packages put it */
	uint64_t memory;                /* of a statement; 0: 256 MB */
	uint32_t threads, queries;      /* of a statement; statements at a time; 0: 2 */
	int64_t idle_ms;                /* until the spare process ends; 0: 60,000 */
};
int sql_new(const struct sql_config *config, struct sql_engine **ret);
struct sql_engine *sql_engine_free(struct sql_engine *e);       /* no statement is under way any more */
const char *sql_library(const struct sql_engine *e);            /* the file; NULL: there is none */
struct sql_stats { uint32_t running, spare, starts; uint64_t done, failed, killed; };
void sql_stats(const struct sql_engine *e, struct sql_stats *ret);

struct sql_in {
	const char *text;
	size_t len;
	const char *zone;               /* of clock readings: "Asia/Shanghai"; NULL: UTC */
	uint64_t rows;                  /* at most; the rest is left out */
	int64_t ms;                     /* at most */
	const atomic_bool *gone, *ending;       /* nobody waits any more; may be NULL */
};
struct sql_head_column { uint8_t kind; const char *name, *type; };      /* type: SQL's name of it */
struct sql_head { uint32_t n; const struct sql_head_column *columns; };

/* -ERR_NO_SQL; -ERR_BUSY: as many statements as may are under way. */
int sql_begin(struct sql_engine *e, const struct sql_in *in, const struct sql_source *source, void *ctx, struct sql_query **ret);
/* 1: rows, perhaps none; 0: that was all. -ERR_SQL says in DuckDB's words what is wrong with the statement; -ERR_SQL_FORBIDDEN, -ERR_SQL_MEMORY,
 * -ERR_TIMEOUT, -ERR_CANCELLED, -ERR_STOPPING; -ERR_SQL_DIED: its process was killed or fell. */
int sql_next(struct sql_query *q, struct sql_rows *ret);
const struct sql_head *sql_head(const struct sql_query *q);     /* once sql_next() has returned >= 0 */
bool sql_is_cut(const struct sql_query *q);                     /* there were more than in.rows */
struct sql_query *sql_free(struct sql_query *q);               /* waits for nothing; any thread */
DEFINE_CLEANUP(struct sql_query *, sql_free)

/* ---- answers ---- */

enum sql_form { SQL_FORM_JSON, SQL_FORM_NDJSON, SQL_FORM_CSV };
/* JSON: {"columns":[{"name","type"}],"rows":[[…]], and what the caller adds; the head opens "rows", the caller closes it. */
void sql_write_head(enum sql_form form, const struct sql_head *head, struct json *j);
/* From row *row on, until `out` has grown by about `room` bytes or the rows are all written; *row goes on. */
void sql_write_rows(enum sql_form form, const struct sql_head *head, const struct sql_rows *rows, struct json *j, uint32_t *row, size_t room);

/* The role: main() of the confined process. */
int sql_role(void);
