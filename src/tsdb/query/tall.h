/*
 * tall.h - sealed TALL batches straight from spans, column by column (model/batch.h has a builder for samples one by one).
 *
 * Thread: one. Memory: some 120 KB and the texts of one batch.
 */
#pragma once

#include "base/buf.h"
#include "model/batch.h"
#include "tsdb/span.h"

struct tall {
	uint32_t rows;
	uint8_t type;                   /* of all rows; V_NONE: not begun */
	bool any_q, any_none, mixed;    /* mixed: rows of several series. Columns of what there is none of are not filled */
	struct buf text;
	uint32_t series[BATCH_ROWS_MAX], q[BATCH_ROWS_MAX], end[BATCH_ROWS_MAX];        /* end: of a text in `text` */
	int64_t time[BATCH_ROWS_MAX];
	uint64_t value[BATCH_ROWS_MAX];
	uint8_t cell[BATCH_ROWS_MAX];
};

void tall_begin(struct tall *w, uint8_t type);                  /* empties it */
void tall_done(struct tall *w);
/* As many rows of the span, from row `from` on, as still fit: 0 = seal first. -ERR_CORRUPT: a text that cannot be one. */
int tall_add(struct tall *w, uint32_t series, const struct span *s, uint32_t from, uint64_t max);
int tall_seal(struct tall *w, uint32_t tenant, struct batch **ret);     /* rows > 0; sorted if they were added so */
