/*
 * mix.h - the mix of a plant, per 20 series: 9 slow analog values of 2 decimals that hold two thirds of the time, 4 counters, 3 bools, 3 noisy
 * values of 4 decimals, 1 noisy value of full precision. The same numbers each time.
 */
#pragma once

#include <math.h>
#include <stdint.h>

struct maker { int kind; uint64_t state; double v, base, amp, period; int64_t count; };

static uint64_t next(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

static double uniform(uint64_t *s) { return (double) (next(s) >> 11) / 9007199254740992.0; }
static double normal(uint64_t *s) { return sqrt(-2 * log(uniform(s) + 1e-300)) * cos(6.283185307179586 * uniform(s)); }

static struct maker maker(int i)
{
	struct maker m = { .state = (uint64_t) i * 7919 + 1 };
	int k = i % 20;

	m.kind = k < 9 ? 0 : k < 13 ? 1 : k < 16 ? 2 : k < 19 ? 3 : 4;
	m.v = m.base = 20 + uniform(&m.state) * 180;
	m.amp = 1 + uniform(&m.state) * 10;
	m.period = 60 + uniform(&m.state) * 3600;
	m.count = (int64_t) (uniform(&m.state) * 1e6);
	return m;
}

static double value(struct maker *m, int row)
{
	switch (m->kind) {
	case 0:
		if (next(&m->state) % 1024 < 358)
			m->v += normal(&m->state) * 0.05 + (m->base - m->v) * 0.002;
		return floor(m->v * 100 + 0.5) / 100;
	case 1:
		return (double) (m->count += (int64_t) (next(&m->state) % 6));
	case 2:
		if (next(&m->state) % 1024 < 4)
			m->count ^= 1;
		return (double) (m->count & 1);
	}
	double x = m->base + m->amp * sin(6.283185307179586 * row / m->period) + normal(&m->state) * 0.3;
	return m->kind == 3 ? floor(x * 10000 + 0.5) / 10000 : x;
}
