/* chance.c - see the header for the sources. */
#include "sim/chance.h"

#include <math.h>

uint32_t chance_u32(struct chance *c)
{
	uint64_t old = c->state;
	uint32_t mixed = (uint32_t) (((old >> 18) ^ old) >> 27), turn = (uint32_t) (old >> 59);

	c->state = old * UINT64_C(6364136223846793005) + c->stream;
	return (mixed >> turn) | (mixed << (-turn & 31));
}

void chance_init(struct chance *c, uint64_t seed, uint64_t stream)
{
	*c = (struct chance) { .stream = stream << 1 | 1 };
	chance_u32(c);
	c->state += seed;
	chance_u32(c);
}

double chance_normal(struct chance *c)
{
	double u, v, r;

	if (c->has_spare) {
		c->has_spare = false;
		return c->spare;
	}
	do {
		u = chance_u32(c) / 2147483648.0 - 1;
		v = chance_u32(c) / 2147483648.0 - 1;
		r = u * u + v * v;
	} while (r >= 1 || r == 0);
	r = sqrt(-2 * log(r) / r);
	c->spare = v * r;
	c->has_spare = true;
	return u * r;
}
