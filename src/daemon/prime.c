/* prime.c - last samples from tsdb to bus. */
#include "daemon/prime.h"

#include "bus/bus.h"
#include "plant/plant.h"
#include "sys/sys.h"
#include "tsdb/tsdb.h"

struct prime {
	uint32_t tenant;
	struct arena arena;             /* of the samples and their texts */
	struct sample *samples;
	size_t n;
};

static int read_all(struct platform *p, struct prime *prime)
{
	struct plant_point *points;
	uint32_t *series;
	size_t n_known = 0;
	int n = plant_list(p->plant, prime->tenant, NULL, NULL, &prime->arena, &points), r;

	if (n <= 0)
		return n;
	series = arena_array(&prime->arena, uint32_t, (size_t) n);
	prime->samples = arena_array(&prime->arena, struct sample, (size_t) n);
	if (!series || !prime->samples)
		return err_fail(ERR_NO_MEMORY, "what", "the last values", NULL);
	for (int i = 0; i < n; i++)
		series[i] = points[i].series;
	r = tsdb_last(p->tsdb, prime->tenant, series, (size_t) n, &prime->arena, prime->samples);
	for (int i = 0; r == 0 && i < n; i++)
		if (prime->samples[i].time_ns != TSDB_NEVER)
			prime->samples[n_known++] = prime->samples[i];
	prime->n = n_known;
	return r;
}

static struct prime *prime_free(struct prime *prime)
{
	if (prime)
		arena_done(&prime->arena);
	return sys_free(prime);
}

int prime_read(struct platform *p, uint32_t tenant, struct prime **ret)
{
	struct prime *prime = sys_new(struct prime);
	int r;

	if (!prime)
		return err_fail(ERR_NO_MEMORY, "what", "the last values", NULL);
	prime->tenant = tenant;
	arena_init(&prime->arena, &sys_heap, 0);
	r = read_all(p, prime);
	if (r < 0 || !prime->n)
		prime = prime_free(prime);
	*ret = prime;
	return r < 0 ? r : 0;
}

void prime_put(struct prime *prime, struct bus *bus)
{
	if (prime && prime->n)
		bus_put(bus, prime->tenant, prime->samples, prime->n);
	prime_free(prime);
}
