/*
 * lanes.h - loops over the values of a page, four and four where the processor has AVX2, one by one elsewhere: the same bits either way.
 *
 * Thread: any. Memory: none.
 */
#pragma once

#include "base/base.h"

/* What is asked of the processor, once a page and not once a loop. */
bool lanes_are_wide(void);

/* v[i] = from + i × step, around the end of 64 bits if need be. */
void lanes_steps(bool wide, int64_t *v, size_t n, uint64_t from, uint64_t step);

/* n packed deltas of `width` bits (0 … 64), LSB first: v[i] = sum + the first i + 1 of them, each and `least` more. Returns v[n - 1].
 * Reads up to 16 bytes behind the last. */
struct lanes_packed { const uint8_t *at; unsigned width; uint64_t least; };
uint64_t lanes_unpack(bool wide, const struct lanes_packed *p, size_t n, uint64_t sum, int64_t *v);

/* Four times `rows` (a multiple of 8) of them, of a width each (0 … 56), one behind the other: the same where the processor is wide, and only there. */
struct lanes_four { const uint8_t *at; const uint8_t *width; uint64_t least; size_t rows; };
void lanes_unpack_four(const struct lanes_four *p, uint64_t sum, int64_t *v);

/* Sum (around the end if need be), least and greatest of n > 0. */
struct lanes_sum { uint64_t sum; int64_t min, max; };
struct lanes_sum lanes_sum(bool wide, const int64_t *v, size_t n);

/* Their sum, and whether all are between -2^51 and 2^51, all are 0 or 1. */
struct lanes_total { uint64_t sum; bool small, bits; };
struct lanes_total lanes_total(bool wide, const int64_t *v, size_t n);

/* The first place of x among n; n: it is not there. */
size_t lanes_find(bool wide, const int64_t *v, size_t n, int64_t x);
