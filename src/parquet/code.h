/*
 * code.h - Parquet's encodings of the values of a page (parquet-format, Encodings.md).
 *
 *   varint, zigzag           ULEB128, as in Thrift and Protocol Buffers
 *   DELTA_BINARY_PACKED      blocks of 128 deltas, four miniblocks of 32, each as wide as it needs
 *   RLE / bit-packed hybrid  definition levels and dictionary indices
 *
 * Decoders read through a checked cursor and never write more than the n values asked for; false means the bytes are not what
 * they claim to be. They may *read* up to CODE_SLACK bytes behind the cursor's end: the caller's buffer has them.
 *
 * Thread: any. Memory: none.
 */
#pragma once

#include "base/cur.h"

enum { CODE_SLACK = 16, VARINT_MAX = 10 };

static inline uint64_t zigzag(int64_t v) { return (uint64_t) v << 1 ^ (uint64_t) (v >> 63); }
static inline int64_t unzigzag(uint64_t v) { return (int64_t) (v >> 1) ^ -(int64_t) (v & 1); }

void pen_varint(struct pen *p, uint64_t v);
uint64_t cur_varint(struct cur *c);

/* Room that dbp_encode() needs at most for n values. */
static inline size_t dbp_bound(size_t n) { return 4 * VARINT_MAX + (n / 128 + 1) * (VARINT_MAX + 4 + 128 * 8); }

/* bits: 32 or 64, the width of the column's type: deltas wrap around in it. */
void dbp_encode(struct pen *p, const int64_t *v, size_t n, unsigned bits);
bool dbp_decode(struct cur *c, int64_t *v, size_t n, unsigned bits);
/* The n values as runs of equal steps (times of a clock, exponents): value j of a run, from value `first` of the page on, is value + j × step, up to
 * the next run. 0: more than `max` of them, or not right: dbp_decode() says which. The cursor does not move. */
struct code_run { uint32_t first; int64_t value; uint64_t step; };
size_t dbp_runs(const struct cur *c, size_t n, unsigned bits, struct code_run *runs, size_t max);

static inline size_t rle_bound(size_t n, unsigned width) { return VARINT_MAX * (n / 8 + 2) + (n + 16) * (width + 7) / 8 + 16; }

void rle_encode(struct pen *p, const uint16_t *v, size_t n, unsigned width);    /* width 0 … 16 */
bool rle_decode(struct cur *c, uint16_t *v, size_t n, unsigned width);
/* The same of indices of a dictionary, as the values these stand for. */
struct rle_of { const int64_t *value; uint32_t n; unsigned width; };
bool rle_lookup(struct cur *c, const struct rle_of *of, int64_t *v, size_t n);
bool rle_levels(struct cur *c, uint8_t *level, size_t n, size_t *ret_ones);     /* width 1 */
/* Is it one run of n equal values? Then true and *ret is the value; the cursor does not move. */
bool rle_is_const(const struct cur *c, size_t n, unsigned width, uint16_t *ret);
