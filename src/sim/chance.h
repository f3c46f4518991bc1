/* chance.h - noise that repeats: PCG32 (M. E. O'Neill, 2014) and normal deviates by G. Marsaglia's polar method (1964). */
#pragma once

#include "base/base.h"

struct chance { uint64_t state, stream; double spare; bool has_spare; };

/* Different streams of one seed are independent sequences. */
void chance_init(struct chance *c, uint64_t seed, uint64_t stream);
uint32_t chance_u32(struct chance *c);
double chance_normal(struct chance *c);         /* mean 0, deviation 1 */
