/*
 * chunk.h - samples in the head: up to 1,024 times, shared by k columns, growing 16, 32 … 1,024.
 *
 * A chunk is open (its rows are sorted; a row may come in anywhere, one at the same time replaces) until it is full; then it is
 * sealed: times and values become deltas of whole numbers (decimal.h) where they are, and are never touched again. Chunks of a
 * track follow each other in the order of the log, their times may overlap.
 *
 * Rows that come few at a time stay in an open chunk for long, so they lie there in four bytes where these say it all: times as
 * milliseconds from the first, numbers as slots.h says. A chunk whose first rows come many at a time is full soon, and is
 * wide from its beginning: no work for nothing.
 *
 * Thread: guarded by the shard's lock while open; sealed ones may be read by anybody who holds a reference to their region.
 * Memory: the region's.
 */
#pragma once

#include "model/batch.h"
#include "tsdb/region.h"
#include "tsdb/slots.h"
#include "tsdb/span.h"

enum { CHUNK_ROWS = 1024, CHUNK_ROWS_MIN = 16 };

struct packed { uint8_t kind, e; uint32_t len; const uint8_t *bytes; };
struct column {                         /* cell, q: made when the first row needs it */
	union { void *v; int32_t *m; const struct packed *pack_v; };      /* m: while its form is not wide */
	union { uint32_t *q; const struct packed *pack_q; };
	uint8_t *cell;
};

struct chunk {
	struct chunk *next;
	uint32_t n, room, k;
	bool sealed, with_seq, wide_t;
	int32_t lag_all;
	int64_t t_min, t_max;
	uint64_t seq_max;
	union {
		struct {
			union { int64_t *t; int32_t *ms; };     /* ms: from t_base, while not wide_t */
			uint32_t *seq;                          /* from seq_base */
			int32_t *lag;
			int64_t t_base;
			uint64_t seq_base;
		};
		struct { struct packed pack_t, pack_seq, pack_lag; };
	};
	struct column col[];            /* k, then the forms of k open columns: chunk_forms() */
};

/* Rows of a batch on their way in: one time column, k value columns. */
struct incoming {
	const struct batch *b;
	const struct batch_col *time, *value;   /* value: the first of k that follow each other */
	const struct batch_col *quality;        /* the first of those there are, ascending by name; NULL: none */
	const struct batch_col *end;            /* behind the last column */
	const uint8_t *types;                   /* k: what the series want */
	const uint32_t *series, *wanted;        /* of all columns of the batch; the k of them that are taken, in their order. NULL: all are */
	uint32_t k, row, n;                     /* n rows from `row` on */
	uint32_t quality_base;                  /* name of column 0's quality */
};

/* The column of the batch that goes to column i, which is at `from` or behind it. */
static inline uint32_t incoming_col(const struct incoming *in, uint32_t i, uint32_t from)
{
	while (in->series && in->series[from] != in->wanted[i])
		from++;
	return in->series ? from : i;
}

static inline uint8_t *chunk_forms(struct chunk *c) { return (uint8_t *) (c->col + c->k); }
static inline const uint8_t *chunk_open_forms(const struct chunk *c) { return (const uint8_t *) (c->col + c->k); }
static inline int64_t chunk_time(const struct chunk *c, uint32_t row)       /* of an open one */
{
	return c->wide_t ? c->t[row] : c->t_base + (int64_t) c->ms[row] * NS_PER_MS;
}

/* For the first rows of `in`. */
struct chunk *chunk_new(struct region *r, const struct incoming *in, bool with_seq);
/* Whether rows of this number of the log can go into it. */
static inline bool chunk_holds(const struct chunk *c, uint64_t seq) { return c->n == 0 || !c->with_seq || seq - c->seq_base <= UINT32_MAX; }
/* Takes in rows until the chunk is full; returns how many, < 0: out of memory (rows before were taken; taking them again changes
 * nothing). *ret_replaced counts rows that took the place of others. */
int chunk_take(struct chunk *c, struct region *r, const struct incoming *in, uint32_t *ret_replaced);
static inline bool chunk_is_full(const struct chunk *c) { return c->n == CHUNK_ROWS; }
int chunk_seal(struct chunk *c, struct region *r, const uint8_t *types);

/* Column i in the caller's room, open or sealed; absent rows are left out. Texts still lie in the region. -ERR_BROKEN, never seen. */
struct chunk_room {
	int64_t t[CHUNK_ROWS];
	uint64_t v[CHUNK_ROWS], seq[CHUNK_ROWS];
	int32_t lag[CHUNK_ROWS];
	uint32_t q[CHUNK_ROWS];
	uint8_t cell[CHUNK_ROWS];
};
int chunk_read(const struct chunk *c, uint32_t i, uint8_t type, struct chunk_room *room, struct span *ret);
int chunk_times(const struct chunk *c, struct chunk_room *room, struct span *ret);     /* of all rows; no values */
