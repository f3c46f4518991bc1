/*
 * span.h - a run of samples of one series in ascending time, as columns: what head, files, merge and queries hand to each other.
 *
 * Borrowed from whoever gave it, until he is asked for the next one.
 */
#pragma once

#include "model/value.h"

enum { CELL_VALUE = 0, CELL_NONE = 1, CELL_ABSENT = 2 };        /* none: a sample without value; absent: no sample at all */
#define LAG_UNKNOWN INT32_MIN

struct span {
	uint32_t n;
	uint8_t type;                   /* enum vtype */
	const int64_t *t;               /* ns */
	const void *v;                  /* u8 of bool, i64 of i64 and time, float, double, pointers to u32 length + bytes */
	const uint8_t *cell;            /* CELL_x; NULL: all have a value */
	const uint32_t *q;              /* NULL: all Good */
	const int32_t *lag;             /* acquired - source in ms, LAG_UNKNOWN; NULL: lag_all */
	const uint64_t *seq;            /* of the log; NULL: seq_all */
	int32_t lag_all;
	uint64_t seq_all;
	uint64_t step_ns;               /* from each time to the next one; 0: they are not known to be equal */
	bool scaled;                    /* of f64 and bool, where it was asked for: v is i64 m, and the values m × 10^-e, of bool m != 0 */
	uint8_t e;
};

/* Bytes of a value in memory. */
static inline unsigned slot_width(uint8_t type) { return type == V_BOOL ? 1 : type == V_F32 ? 4 : 8; }

static inline struct span span_part(const struct span *s, uint32_t from, uint32_t n)
{
	struct span p = *s;

	p.n = n;
	p.t += from;
	p.v = (const char *) p.v + (size_t) from * (p.scaled ? sizeof(int64_t) : slot_width(p.type));
	p.cell = p.cell ? p.cell + from : NULL;
	p.q = p.q ? p.q + from : NULL;
	p.lag = p.lag ? p.lag + from : NULL;
	p.seq = p.seq ? p.seq + from : NULL;
	return p;
}

/* The first row at or behind t. */
static inline uint32_t span_find(const struct span *s, uint32_t from, int64_t t)
{
	uint32_t lo = from, hi = s->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (s->t[mid] < t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct sample span_sample(const struct span *s, uint32_t row, uint32_t series);
struct value span_value(const struct span *s, uint32_t row);
