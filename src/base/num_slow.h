/* num_slow.h - inside base: the exact decimal behind num_parse_*, for the one number in a million the fast way cannot decide. */
#pragma once

#include "base/base.h"

/* Text "123.45e6" without sign, known to be well formed → biased exponent and fraction, rounded to nearest even. */
int num_slow(const char *s, const char *end, int fraction_bits, int infinite, uint64_t *ret_fraction);
