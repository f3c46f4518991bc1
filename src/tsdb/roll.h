/*
 * roll.h - roll-ups: figures of the minutes and the hours of each series, made while files are merged, kept beside the merged file.
 *
 * A row of figures stands for the samples of one series in one file between two whole minutes (hours) of UTC. It holds all that an aggregate
 * needs to go on as if it had seen them, so a query takes rows where nobody else has samples among theirs and one bucket holds them whole, and
 * samples everywhere else: late data needs no repair, and the next merge makes the rows anew. A series with fewer than ROLL_WORTH samples
 * a row has none: there its samples are smaller and as quick (README.md, "Roll-ups").
 *
 * NAME.1m.parquet, NAME.1h.parquet (columns: enum roll_col), each with a side index as a file of samples has.
 *
 * Thread: a roller belongs to one thread. Memory: a roller 350 KB, and the writer's pages of 27 columns of 2,048 rows, 0.5 MB; figures
 * that are read: a day of one series, 250 KB.
 */
#pragma once

#include "parquet/parquet.h"
#include <string.h>

#include "tsdb/file.h"

enum roll_tier { ROLL_MINUTE, ROLL_HOUR, ROLL_TIERS };
enum { ROLL_WORTH = 8, ROLL_ROWS_MAX = 1441, ROLL_PAGE_ROWS = 2048 };

enum roll_col {
	ROLL_SERIES, ROLL_TS,           /* the start of the minute */
	ROLL_OFF,                       /* ns from it to the first sample */
	ROLL_PERIOD,                    /* ns from sample to sample where they are all alike (one sample: 0), else null */
	ROLL_SPAN,                      /* then: ns from the first to the last */
	ROLL_N, ROLL_GOOD, ROLL_USED,   /* samples; of Good quality, used (query.h); null: all of them */
	ROLL_WORST,                     /* quality; null: Good */
	ROLL_COVERED,                   /* ns between the first and the last for which there was a value; null: all of them */
	ROLL_FIRST_AT, ROLL_LAST_AT,    /* ns from the first sample to the first and last used one; null: they are the first and the last sample */
	ROLL_E,                         /* decimals: value = mantissa × 10^-e; null: the DOUBLE columns say them */
	ROLL_FIRST, ROLL_LAST, ROLL_MIN, ROLL_MAX, ROLL_SUM,
	ROLL_FIRST_D, ROLL_LAST_D, ROLL_MIN_D, ROLL_MAX_D, ROLL_SUM_D,
	ROLL_HELD,                      /* each value times the ns until the next; null: period × (sum - last) */
	ROLL_MIN_AT, ROLL_MAX_AT,       /* the first sample that has it: which one of them where there is a period, else ns from the first */
	ROLL_FALLS,                     /* 1: a used value is lower than the one before; null: none is */
	ROLL_COLS
};
extern const struct pq_col roll_cols[ROLL_COLS];

/* "1m", "1h" */
const char *roll_name(enum roll_tier tier);
uint8_t roll_part(enum roll_tier tier);         /* its bit of file_info.parts */
int64_t roll_ns(enum roll_tier tier);

/* --- Making. A number is a double or, of whole types and bools, an int64. */
union roll_number { double f; int64_t i; };
int64_t roll_start(int64_t t, enum roll_tier tier);     /* of the minute, of the hour */

struct roll {
	int64_t start_ns, t_min, t_max;
	int64_t period;                 /* 0: one sample; -1: not alike */
	uint32_t n, good, used, worst;
	int64_t covered_ns, first_ns, last_ns, min_ns, max_ns;  /* of the used; 0 where there are none */
	union roll_number first, last, min, max;
	double sum, held;
	bool falls, holds;              /* holds: the last sample is used */
};

/* Minutes and hours of one series after the other. */
struct roller {
	uint32_t n[ROLL_TIERS];
	uint64_t samples;
	bool full;                      /* more minutes than a day has: nothing is rolled up */
	struct roll row[ROLL_TIERS][ROLL_ROWS_MAX];
};
void roller_begin(struct roller *r);
void roller_add(struct roller *r, const struct span *s);        /* ascending in time; texts are passed over */
void roller_end(struct roller *r, uint8_t type);                /* hours, too */
bool roller_is_worth(const struct roller *r, enum roll_tier tier);
/* b, which follows a. */
void roll_join(struct roll *a, const struct roll *b, bool whole);
static inline bool roll_is_whole(uint8_t type) { return type == V_BOOL || type == V_I64 || type == V_TIME; }
static inline bool roll_has(uint8_t type) { return type != V_STR && type != V_BYTES; }

/* Rows of one series on their way into a file. */
struct roll_pen;
int roll_pen_new(struct roll_pen **ret);        /* 270 KB; freed by sys_free() */
int roll_write(struct roll_pen *pen, struct pq_writer *w, uint32_t series, uint8_t type, const struct roll *row, uint32_t n);
/* What the side index says of the rows that were written last: n of them, times, and in n_used their samples. If all there is to know of them but sums
 * and values is that there is a sample each so many ns, from t_min to t_max, first_bits is that period, else 0, and last_q the places of the decimals,
 * or ROLL_DOUBLES. */
void roll_entry(const struct roll_pen *pen, const struct roll *row, uint32_t n, struct idx_entry *ret);
enum { ROLL_DOUBLES = 255 };
static inline void roll_entry_clock(struct idx_entry *e, int64_t period, uint32_t places)
{
	e->first_bits = (uint64_t) period;
	e->last_q = places;
}
/* Whether a column has something that no clock says; one count a column. */
bool roll_says_more(const uint32_t there[ROLL_COLS]);

/* --- Reading */

/* Rows of one series in ascending time, as columns; NULL: as said. */
struct rolls {
	uint32_t n;
	uint8_t type, tier;
	bool finite;                    /* no sum and no integral is NaN or infinite */
	bool lean;                      /* first, min, max and their times were not asked for */
	/* Of lean ones: a sample each `period` ns from the first row to the last, all used and Good. Then of the arrays only t_min, t_max and row are
	 * there, and sum and last are these: whole numbers × 10^-e, of which no row's sum is 2^52, or the bits of doubles. */
	bool steady, is_double;
	uint8_t e;
	int64_t period;
	const int64_t *sum_m, *last_m;  /* borrowed from the scan until it reads again */
	int64_t t_min[ROLL_ROWS_MAX], t_max[ROLL_ROWS_MAX];
	uint32_t count[ROLL_ROWS_MAX];
	uint64_t row[ROLL_ROWS_MAX + 1];        /* the first sample of it, counted from the first of the series in the file */
	double sum[ROLL_ROWS_MAX], held[ROLL_ROWS_MAX], last[ROLL_ROWS_MAX];
	const uint32_t *good, *used, *worst;    /* all, all, Good */
	const int64_t *covered;         /* t_max - t_min */
	const int64_t *first_ns, *last_ns;      /* t_min, t_max */
	const uint8_t *falls;           /* no row does */
	double first[ROLL_ROWS_MAX], min[ROLL_ROWS_MAX], max[ROLL_ROWS_MAX];
	int64_t min_ns[ROLL_ROWS_MAX], max_ns[ROLL_ROWS_MAX];
	int64_t whole[4][ROLL_ROWS_MAX];        /* first, last, min, max of whole types, exact */
	/* What those point at: */
	uint32_t small[3][ROLL_ROWS_MAX];
	int64_t times[3][ROLL_ROWS_MAX];
	uint8_t fell[ROLL_ROWS_MAX];
	int64_t v[6][ROLL_ROWS_MAX];    /* columns being put together */
	uint8_t def[6][ROLL_ROWS_MAX];
};

struct roll_scan;
int roll_scan_new(struct file *part, struct pq_scratch *scratch, struct roll_scan **ret);      /* not open */
struct roll_scan *roll_scan_free(struct roll_scan *c);
DEFINE_CLEANUP(struct roll_scan *, roll_scan_free)
void roll_set_aside(struct roll_scan *c);        /* it could not be read: nobody asks it again before the next start */
int roll_find(struct roll_scan *c, uint32_t series, struct idx_entry *ret);     /* 1: first_row and n are rows of figures; 0: none */
/* All rows of the series; the file stays open until it is detached. -ERR_CORRUPT. */
void roll_detach(struct roll_scan *c);
int roll_read(struct roll_scan *c, const struct idx_entry *e, uint8_t type, bool lean, struct rolls *ret);
/* The first row from `k` on that ends at `to` or behind; `end`: none before it does. */
uint32_t rolls_until(const struct rolls *r, uint32_t k, uint32_t end, int64_t to);
static inline double roll_double(int64_t bits)
{
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}
/* A value of the type: whole types are m, the others v. */
static inline struct value roll_value(uint8_t type, double v, int64_t m)
{
	struct value x = { .type = (enum vtype) type };

	if (type == V_F64)
		x.f64 = v;
	else if (type == V_F32)
		x.f32 = (float) v;
	else if (type == V_BOOL)
		x.b = m != 0;
	else
		x.i = m;
	return x;
}
/* The last used value of row i. */
struct value roll_last(const struct rolls *r, uint32_t i);
/* Row i as it was made (not of a lean one). */
void roll_get(const struct rolls *r, uint32_t i, struct roll *ret);
/* The side index of a file of figures, made from it. */
int roll_rebuild(struct file *part, const char *path);
