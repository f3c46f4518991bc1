/*
 * decimal.h - short decimals as whole numbers: v = m × 10^-e, when that gives the same bits.
 *
 * Industrial values are decimals in disguise (23.1, 0.0025); as mantissas they pack three times tighter than as doubles. A double
 * is one when (double) m / 10^e has its very bits with |m| < 2^52; a float when (float) of that has them, with at most 7
 * digits (more would not be shorter than the float). -0.0, NaN and infinities never are.
 *
 * Thread: any. Memory: none.
 */
#pragma once

#include "base/base.h"

enum { DECIMAL_E_MAX = 12, DECIMAL_E_LIMIT = 22 };

/* For n values: present[i] = 1 and m[i], e[i] when value i is a decimal, else present[i] = 0. Exponents are made equal over the run
 * where the bits allow it, so that mantissas follow each other closely. *hint: the exponent to try first, carried from run to
 * run of one series. Returns how many are decimals: 0 when fewer than half were, then nothing was filled in. */
size_t decimal_run_f64(const double *v, size_t n, uint8_t *hint, int64_t *m, uint8_t *e, uint8_t *present);
size_t decimal_run_f32(const float *v, size_t n, uint8_t *hint, int64_t *m, uint8_t *e, uint8_t *present);

/* Back again; e is at most DECIMAL_E_LIMIT. */
double decimal_f64(int64_t m, unsigned e);
float decimal_f32(int64_t m, unsigned e);
void decimals_f64(const int64_t *m, unsigned e, size_t n, double *to);          /* the same for n of one exponent */
