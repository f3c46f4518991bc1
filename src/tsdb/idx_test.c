/* idx_test.c - the figures of the side index against plain loops. */
#include <math.h>

#include "tap.h"

#include "tsdb/idx.h"
#include "tsdb/tsdb_fixture.h"

/* The figures of the side index against a plain loop in long double: runs with gaps, NaN, infinities and years between samples, cut into spans anyhow. */
TEST(the_side_index_knows_the_figures_of_a_series_however_it_came)
{
	enum { N = 1000 };
	uint64_t seed = 5;
	int wrong = 0;

	for (int round = 0; round < 300; round++) {
		static double v[N];
		static int64_t t[N];
		struct idx_builder b = { 0 };
		uint32_t n = 1 + (uint32_t) (random_next(&seed) % N), odd = 20 + (uint32_t) (random_next(&seed) % 2000);
		long double sum = 0, held = 0, size = 0, area = 0;
		double lo = INFINITY, hi = -INFINITY;
		int64_t lo_ns = 0, hi_ns = 0;
		uint64_t used = 0;
		bool infinite = false;

		for (uint32_t i = 0; i < n; i++) {
			v[i] = (double) (int64_t) (random_next(&seed) % 20000001 - 10000000) / 1000;
			if (random_next(&seed) % odd == 0)
				v[i] = random_next(&seed) % 8 ? (double) NAN : (double) INFINITY;
			int64_t far = random_next(&seed) % odd ? (int64_t) 1000000000 : (int64_t) (random_next(&seed) % 100) * 86400 * 1000000000;
			t[i] = i ? t[i - 1] + 1 + far : -(int64_t) 4e18;
			if (i && v[i - 1] == v[i - 1]) {
				held += (long double) v[i - 1] * (long double) (t[i] - t[i - 1]);
				area += fabsl((long double) v[i - 1] * (long double) (t[i] - t[i - 1]));
			}
			if (v[i] != v[i])
				continue;
			used++;
			infinite |= isinf(v[i]);
			sum += v[i];
			size += fabs(v[i]);
			if (v[i] < lo) {
				lo = v[i];
				lo_ns = t[i];
			}
			if (v[i] > hi) {
				hi = v[i];
				hi_ns = t[i];
			}
		}
		for (uint32_t at = 0, k; at < n; at += k) {
			k = MIN(n - at, 1 + (uint32_t) (random_next(&seed) % 300));
			must(idx_add(&b, 7, &(struct span) { .n = k, .type = V_F64, .t = t + at, .v = v + at, .lag_all = LAG_UNKNOWN }) == 0);
		}
		must(idx_add(&b, 8, &(struct span) { .n = 1, .type = V_F64, .t = t, .v = v, .lag_all = LAG_UNKNOWN }) == 0);
		const struct idx_entry *e = b.entry;
		wrong += e->n != n || e->n_good != n || e->n_used != used || (used && (e->min != lo || e->max != hi || e->min_ns != lo_ns || e->max_ns != hi_ns));
		if (infinite)
			wrong += !isinf(e->sum);
		else
			wrong += fabsl(e->sum - sum) > size * 1e-15L || fabsl(e->held - held) > area * 1e-15L;
		idx_builder_done(&b);
	}
	is_int(wrong, 0);
}
