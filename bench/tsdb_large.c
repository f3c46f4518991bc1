/*
 * tsdb_large.c - many series, many samples: what a million series take in memory, and how long a store of so many million samples takes to start.
 *
 *   tsdb_large series            1,000,000 series in 100,000 lists of ten, known after a start; then 60 samples of each, not in files
 *   tsdb_large start MILLIONS    as many samples of 1,000 series of a plant's mix, by days in day files; then opened anew, ten times
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mix.h"

#include "base/err.h"
#include "sys/sys.h"
#include "tsdb/tsdb.h"
#include "wal/wal.h"

#define T0 (INT64_C(1767225600) * NS_PER_S)
enum { PER_LIST = 10 };

static void check(int r, const char *what)
{
	if (r < 0) {
		fprintf(stderr, "%s: %s\n", what, err_log_text(err_peek()));
		exit(1);
	}
}

/* Private memory of this process, bytes: what files are mapped for the system may take back. */
static double memory(void)
{
	FILE *f = fopen("/proc/self/smaps_rollup", "r");
	char line[128];
	double kb = 0;

	malloc_trim(0);
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "Private_Dirty:", 14) == 0 || strncmp(line, "Swap:", 5) == 0)
			kb += strtod(strchr(line, ':') + 1, NULL);
	}
	if (f)
		fclose(f);
	return kb * 1024;
}

static struct wal *wal;
static struct tsdb *t;

static void begin(const char *dir, uint64_t head)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/wal", dir);
	check(wal_open(&(struct wal_config) { .dir = path, .queue_bytes = 8 << 20, .ring_bytes = 8 << 20 }, &wal), "wal");
	check(wal_start(wal), "wal");
	check(tsdb_open(&t, &(struct tsdb_config) { .data_dir = dir, .head_bytes = head, .compact_rate = -1, .flush_age_ms = INT64_C(1) << 40 }, wal), "open");
	check(tsdb_start(t), "start");
}

static void end(void)
{
	tsdb_stop(t);
	t = tsdb_free(t);
	wal_stop(wal, INT64_MAX);
	wal_close(wal);
}

static void append(struct batch *b)
{
	while (wal_append(wal, b, NULL) < 0) {
		err_clear();
		check(tsdb_wait(t, wal_appended(wal), 60000), "wait");
	}
	batch_unref(b);
}

static void many_series(const char *dir)
{
	enum { N = 1000000, ROWS = 60, AT_ONCE = 100000 };
	uint32_t *series = calloc(N, sizeof(*series)), *list = calloc(N / PER_LIST, sizeof(*list));
	uint8_t *types = malloc(N);
	struct uuid *points = malloc(AT_ONCE * sizeof(*points));
	struct batch_builder *w;
	struct batch *b;
	struct tsdb_stats s;

	begin(dir, UINT64_C(4) << 30);
	memset(types, V_F64, N);
	for (int at = 0; at < N; at += AT_ONCE) {
		for (int i = 0; i < AT_ONCE; i++)
			points[i] = uuid_new();
		check(tsdb_series_many(t, 1, AT_ONCE, points, types, series + at), "series");
	}
	for (int i = 0; i < N / PER_LIST; i++)
		check(tsdb_list(t, 1, series + i * PER_LIST, PER_LIST, &list[i]), "list");
	end();
	double before = memory();
	begin(dir, UINT64_C(4) << 30);
	double idle = memory() - before;
	printf("idle: %.0f bytes a series\n", idle / N);
	struct maker *m = malloc(N * sizeof(*m));
	for (int i = 0; i < N; i++)
		m[i] = maker(i);
	double base = memory();
	check(batch_builder_new(&w, 0), "builder");
	for (int row = 0; row < ROWS; row++)
		for (int i = 0; i < N / PER_LIST; i++) {
			check(batch_group_list(w, 1, 0, list[i], types, PER_LIST), "group");
			check(batch_group_row(w, T0 + row * NS_PER_S), "row");
			for (int k = 0; k < PER_LIST; k++)
				check(batch_group_set(w, (uint32_t) k, (struct value) { .type = V_F64, .f64 = value(&m[i * PER_LIST + k], row) }, 0), "set");
			check(batch_seal(w, T0 + row * NS_PER_S, 0, &b), "seal");
			append(b);
		}
	check(tsdb_wait(t, wal_appended(wal), 600000), "wait");
	batch_builder_free(w);
	tsdb_stats(t, &s);
	printf("with %d samples each: %.0f bytes a series, of these %.0f in the head (%llu samples in memory)\n", ROWS, (memory() - base + idle) / N, (double) s.head_bytes / N,
		(unsigned long long) s.head_samples);
	end();
	free(m);
	free(points);
	free(types);
	free(list);
	free(series);
}

static void many_samples(const char *dir, int millions)
{
	enum { N = 1000, PER_BATCH = 400 };
	struct uuid points[N];
	uint32_t series[N], list[N / PER_LIST];
	uint8_t types[N];
	struct maker *m = malloc(N * sizeof(*m));
	struct batch_builder *w;
	struct batch *b;
	struct tsdb_stats s;

	begin(dir, UINT64_C(256) << 20);
	for (int i = 0; i < N; i++) {
		points[i] = uuid_new();
		m[i] = maker(i);
		types[i] = V_F64;
	}
	check(tsdb_series_many(t, 1, N, points, types, series), "series");
	check(batch_builder_new(&w, 0), "builder");
	for (int l = 0; l < N / PER_LIST; l++)
		check(tsdb_list(t, 1, series + l * PER_LIST, PER_LIST, &list[l]), "list");
	for (int64_t row = 0; row < (int64_t) millions * 1000; row += PER_BATCH)
		for (int l = 0; l < N / PER_LIST; l++) {
			check(batch_group_list(w, 1, 0, list[l], types, PER_LIST), "group");
			for (int64_t r = row; r < row + PER_BATCH; r++) {
				check(batch_group_row(w, T0 + r * NS_PER_S), "row");
				for (int k = 0; k < PER_LIST; k++)
					check(batch_group_set(w, (uint32_t) k, (struct value) { .type = V_F64, .f64 = value(&m[l * PER_LIST + k], (int) r) }, 0), "set");
			}
			check(batch_seal(w, T0, 0, &b), "seal");
			append(b);
		}
	check(tsdb_wait(t, wal_appended(wal), 600000), "wait");
	check(tsdb_flush(t), "flush");
	check(tsdb_compact(t, NULL), "compact");
	batch_builder_free(w);
	free(m);
	end();
	double took[10];
	for (int i = 0; i < 10; i++) {
		int64_t began = clock_mono_ns();

		begin(dir, UINT64_C(256) << 20);
		took[i] = (double) (clock_mono_ns() - began) / 1e6;
		for (int k = i; k > 0 && took[k] < took[k - 1]; k--) {
			double x = took[k];
			took[k] = took[k - 1];
			took[k - 1] = x;
		}
		tsdb_stats(t, &s);
		end();
	}
	printf("start with %.0f M samples in %llu files: median %.1f ms, worst %.1f ms\n", (double) s.file_samples / 1e6, (unsigned long long) s.n_files, took[5], took[9]);
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/tenon-bench-XXXXXX";

	if (argc < 2 || !mkdtemp(dir))
		return 1;
	if (strcmp(argv[1], "series") == 0)
		many_series(dir);
	else
		many_samples(dir, argc > 2 ? (int) strtol(argv[2], NULL, 10) : 100);
	dir_remove(dir);
	return 0;
}
