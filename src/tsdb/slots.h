/*
 * slots.h - numbers of an open chunk in four bytes, wherever these give the same bits back.
 *
 * A column of doubles or whole numbers begins as mantissas of 32 bits with one exponent (decimal.h) for all of them. A number that needs more digits
 * moves the exponent of all; one that is no short decimal makes the column as wide as its type.
 *
 * Thread: any. Memory: none.
 */
#pragma once

#include "tsdb/decimal.h"
#include "tsdb/span.h"

enum { FORM_WIDE = 0 };         /* as wide as the type; else 1 + exponent, of int32_t */

static inline uint8_t form_first(uint8_t type) { return type == V_F64 || type == V_I64 ? 1 : FORM_WIDE; }
static inline unsigned form_width(uint8_t type, uint8_t form) { return form == FORM_WIDE ? slot_width(type) : sizeof(int32_t); }

/* Whether these 64 bits of a double or whole number are a mantissa of this form; *ret is it, else anything. */
bool form_fits(uint8_t type, uint8_t form, uint64_t bits, int32_t *ret);
/* How many of the first of n do, two at a time; their mantissas go to m. What comes then may fit alone. */
uint32_t form_fill(uint8_t type, uint8_t form, const uint64_t *bits, uint32_t n, int32_t *m);
/* The form nearest to this one that holds these bits; FORM_WIDE: there is none. */
uint8_t form_holding(uint8_t type, uint8_t form, uint64_t bits);
/* Mantissas of one form in a later one, in place. False: one of them is too long then, and nothing was changed. */
bool form_change(uint8_t from, uint8_t to, int32_t *m, uint32_t n);
/* Back to the bits they came from. */
void form_widen(uint8_t type, uint8_t form, const int32_t *m, uint32_t n, uint64_t *to);
