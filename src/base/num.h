/*
 * num.h - numbers and text, exact both ways, without a libc.
 *
 * Printing gives the shortest decimal that reads back to the same bits; parsing rounds correctly (IEEE 754 nearest, ties to
 * even). Both are checked against the C library over millions of values in num_test.c.
 */
#pragma once

#include "base/base.h"

enum { NUM_TEXT_MAX = 32 };

/* `out` has room for NUM_TEXT_MAX. Each returns the length written, without the NUL that follows. NaN prints as NaN, infinities as Inf and -Inf. */
size_t num_format_u64(char *out, uint64_t v);
size_t num_format_i64(char *out, int64_t v);
size_t num_format_f64(char *out, double v);
size_t num_format_f32(char *out, float v);

/* Parse the longest number at the start of [s, end). Returns the bytes used, 0 when there is none or it does not fit. */
size_t num_parse_u64(const char *s, const char *end, uint64_t *ret);
size_t num_parse_i64(const char *s, const char *end, int64_t *ret);
size_t num_parse_f64(const char *s, const char *end, double *ret);      /* also nan, inf; overflow gives an infinity */
size_t num_parse_f32(const char *s, const char *end, float *ret);       /* rounded once, not by way of double */
