/*
 * tsdb.c - figures of the store of samples: 1,000 series × 10,000 samples at 1 s in GROUP batches of 10 series, in lists.
 * Batches are made before the clock starts. CPU is that of all threads.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "mix.h"

#include "base/err.h"
#include "sys/sys.h"
#include "tsdb/tsdb.h"
#include "wal/wal.h"

enum { SERIES = 1000, PER_LIST = 10, ROWS = 10000, PER_BATCH = 400, LISTS = SERIES / PER_LIST };
#define T0 (INT64_C(1767225600) * NS_PER_S)

static void check(int r, const char *what)
{
	if (r < 0) {
		fprintf(stderr, "%s: %s\n", what, err_log_text(err_peek()));
		exit(1);
	}
}

static double cpu(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double) u.ru_utime.tv_sec + (double) u.ru_stime.tv_sec + (double) (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static uint64_t n_seen;
static double summed;

static int count_batch(void *ctx, struct batch *b)
{
	n_seen += b->n_rows;
	return 0;
}

static int count_buckets(void *ctx, const struct tsdb_bucket *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		summed += b[i].avg;
	n_seen += n;
	return 0;
}

static struct wal *wal;
static struct tsdb *t;
static uint32_t series[SERIES];
static struct batch *batch[LISTS * ROWS / PER_BATCH];

static void make_batches(void)
{
	static struct uuid points[SERIES];
	static uint8_t types[SERIES];
	struct batch_builder *w;
	uint32_t list[LISTS];
	struct maker *m = calloc(SERIES, sizeof(*m));
	size_t n = 0;

	for (int i = 0; i < SERIES; i++) {
		points[i] = uuid_new();
		m[i] = maker(i);
		types[i] = m[i].kind == 1 ? V_I64 : m[i].kind == 2 ? V_BOOL : V_F64;
	}
	check(tsdb_series_many(t, 1, SERIES, points, types, series), "series");
	check(batch_builder_new(&w, 0), "builder");
	for (int l = 0; l < LISTS; l++)
		check(tsdb_list(t, 1, series + l * PER_LIST, PER_LIST, &list[l]), "list");
	for (int from = 0; from < ROWS; from += PER_BATCH)
		for (int l = 0; l < LISTS; l++) {
			check(batch_group_list(w, 1, 0, list[l], types + l * PER_LIST, PER_LIST), "group");
			for (int row = from; row < from + PER_BATCH; row++) {
				check(batch_group_row(w, T0 + row * NS_PER_S), "row");
				for (int k = 0; k < PER_LIST; k++) {
					struct value v = { .type = types[l * PER_LIST + k] };
					double x = value(&m[l * PER_LIST + k], row);

					if (v.type == V_I64)
						v.i = (int64_t) x;
					else if (v.type == V_BOOL)
						v.b = x != 0;
					else
						v.f64 = x;
					check(batch_group_set(w, (uint32_t) k, v, 0), "set");
				}
			}
			check(batch_seal(w, T0 + from * NS_PER_S, 0, &batch[n++]), "seal");
		}
	batch_builder_free(w);
	free(m);
}

static void ingest(void)
{
	double began = cpu();
	int64_t wall = clock_mono_ns();
	struct tsdb_stats s;

	for (size_t i = 0; i < ELEMENTSOF(batch); i++) {
		while (wal_append(wal, batch[i], NULL) < 0)
			err_clear();
		batch_unref(batch[i]);
	}
	check(tsdb_wait(t, wal_appended(wal), 60000), "wait");
	double used = cpu() - began;
	tsdb_stats(t, &s);
	printf("ingest, log to head: %.2f M samples per CPU-second (%.2f M/s wall), head %.2f bytes a sample\n", 10.0 / used,
		10e9 / (double) (clock_mono_ns() - wall), (double) s.head_bytes / (double) s.head_samples);
	began = cpu();
	check(tsdb_flush(t), "flush");
	used = cpu() - began;
	tsdb_stats(t, &s);
	printf("flush: %.2f M samples per CPU-second, %.4f bytes a sample in %llu files\n", 10.0 / used, s.bytes_per_sample,
		(unsigned long long) s.n_files);
}

/* Flushed ten minutes at a time, as a plant does: 17 files, then two hours and the day. */
static void ingest_by_minutes(void)
{
	double began = cpu();
	struct tsdb_stats s;
	size_t per_flush = (size_t) LISTS * 600 / PER_BATCH + LISTS / 2;

	for (size_t i = 0; i < ELEMENTSOF(batch); i++) {
		while (wal_append(wal, batch[i], NULL) < 0)
			err_clear();
		batch_unref(batch[i]);
		if (i % per_flush == per_flush - 1 || i + 1 == ELEMENTSOF(batch)) {
			check(tsdb_wait(t, wal_appended(wal), 60000), "wait");
			check(tsdb_flush(t), "flush");
		}
	}
	tsdb_stats(t, &s);
	printf("flushed by minutes: %.4f bytes a sample in %llu files\n", s.bytes_per_sample, (unsigned long long) s.n_files);
	double merging = cpu();
	check(tsdb_compact(t, NULL), "compact");
	double end = cpu();
	tsdb_stats(t, &s);
	printf("merged into the day: %.2f M samples per CPU-second, %.4f bytes a day's sample in %llu files\n", 10.0 / (end - merging),
		(double) s.level[2].bytes / (double) s.level[2].samples, (unsigned long long) s.n_files);
	printf("roll-ups: %.4f bytes a day's sample\n", (double) s.roll_bytes / (double) s.level[2].samples);
	printf("all of it, log to day file: %.2f M samples per CPU-second\n", 10.0 / (end - began));
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return (x > y) - (x < y);
}

static void one_hour(const char *what)
{
	enum { N = 1000 };
	static double us[N];

	n_seen = 0;
	for (int i = 0; i < N; i++) {
		uint32_t one = series[(i * 37) % SERIES];
		int64_t began = clock_mono_ns();

		check(tsdb_range(t, &(struct tsdb_query) { .tenant = 1, .series = &one, .n_series = 1, .from_ns = T0 + 3000 * NS_PER_S,
			.to_ns = T0 + 6600 * NS_PER_S }, count_batch, NULL), "range");
		us[i] = (double) (clock_mono_ns() - began) / 1000;
	}
	qsort(us, N, sizeof(*us), by_value);
	printf("%s: one series, one hour, %llu samples: best %.1f, median %.1f µs\n", what, (unsigned long long) (n_seen / N), us[0], us[N / 2]);
}

static void means(const char *what, int64_t step, bool raw_only, int64_t skip)
{
	double best = 1e9;

	for (int i = 0; i < 5; i++) {
		double began = cpu();

		n_seen = 0;
		check(tsdb_aggregate(t, &(struct tsdb_query) { .tenant = 1, .series = series, .n_series = SERIES, .from_ns = T0 + skip * NS_PER_S,
			.to_ns = T0 + ROWS * NS_PER_S, .raw_only = raw_only }, &(struct tsdb_step) { .step_ns = step, .lean = true }, count_buckets, NULL), "aggregate");
		best = fmin(best, cpu() - began);
	}
	printf("%s: %llu buckets of 1,000 series x %lld samples: %.1f ms CPU\n", what, (unsigned long long) n_seen, (long long) (ROWS - skip), best * 1000);
}

int main(int argc, char *argv[])
{
	char dir[] = "/tmp/tenon-bench-XXXXXX", path[64];
	unsigned shards = argc > 1 ? (unsigned) (argv[1][0] - '0') : 1;

	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/wal", dir);
	check(wal_open(&(struct wal_config) { .dir = path, .queue_bytes = 256 << 20, .ring_bytes = 256 << 20 }, &wal), "wal");
	check(wal_start(wal), "wal");
	check(tsdb_open(&t, &(struct tsdb_config) { .data_dir = dir, .head_bytes = UINT64_C(2) << 30, .n_shards = shards,
		.compact = argc > 3 }, wal), "open");
	check(tsdb_start(t), "start");
	printf("%u shard%s\n", shards, shards == 1 ? "" : "s");
	make_batches();
	if (argc > 2)
		ingest_by_minutes();
	else
		ingest();
	one_hour("files");
	means("files, 10-minute means", 600 * NS_PER_S, true, 0);
	means("from roll-ups, 10-minute means", 600 * NS_PER_S, false, 0);
	means("without the first hour", 600 * NS_PER_S, false, 3600);
	means("files, one mean", 0, false, 0);
	tsdb_free(t);
	wal_stop(wal, INT64_MAX);
	wal_close(wal);
	dir_remove(dir);
	return 0;
}
