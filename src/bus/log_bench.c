/*
 * log_bench.c - what a sample costs on its way: built into a batch, through the log, to the live values. `meson test --suite bench -v`,
 * or run it with a folder on the disk in question. Prints figures, asserts nothing.
 */
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"
#include "bus/bus.h"
#include "sys/sys.h"
#include "wal/wal.h"

static double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double) (u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double) (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int die(void)
{
	printf("Bail out! %s\n", err_log_text(err_peek()));
	exit(1);
}

/* `rows` samples of as many series, one scan at one time. */
static struct batch *scan(struct batch_builder *w, uint32_t first, uint32_t rows, int64_t time, double v)
{
	struct batch *b = NULL;

	if (batch_tall(w, 1, 1, V_F64) < 0)
		die();
	for (uint32_t i = 0; i < rows; i++)
		batch_tall_add(w, &(struct sample) { first + i, 0, time, { .type = V_F64, .f64 = v + i } });
	if (batch_seal(w, time, 0, &b) < 0)
		die();
	return b;
}

static void bench_build(struct batch_builder *w, uint32_t rows)
{
	enum { SAMPLES = 4000000 };
	double begin = cpu_s();
	size_t bytes = 0;

	for (uint32_t n = 0; n < SAMPLES; n += rows) {
		struct batch *b = scan(w, 1, rows, n, 1.5);
		bytes += b->size;
		batch_unref(b);
	}
	double took = cpu_s() - begin;
	printf("# build, %u rows a batch: %.1f M samples per CPU-second, %.1f bytes a sample\n", rows, SAMPLES / took / 1e6,
		(double) bytes / SAMPLES);
}

static void bench_append(struct wal *w, struct batch_builder *bb, uint32_t rows)
{
	uint32_t n = 8000000 / rows;
	struct batch **b = sys_alloc_array(n, sizeof *b);
	struct wal_metrics m;

	for (uint32_t i = 0; i < n; i++)
		b[i] = scan(bb, 1, rows, i, 1.5);
	wal_metrics(w, &m);
	uint64_t before = m.bytes;
	double begin = cpu_s();
	int64_t wall = clock_mono_ns();
	for (uint32_t i = 0; i + 1 < n; i++)
		while (wal_append(w, b[i], NULL) == -ERR_BUSY)
			usleep(500);
	if (wal_append_sync(w, b[n - 1], INT64_MAX) < 0)
		die();
	double took = cpu_s() - begin, sec = (double) (clock_mono_ns() - wall) / 1e9;
	wal_metrics(w, &m);
	printf("# append, %u rows a batch: %.1f M samples per CPU-second, %.1f M a second to durable, %.0f MB/s\n", rows,
		(double) n * rows / took / 1e6, (double) n * rows / sec / 1e6, (double) (m.bytes - before) / sec / 1e6);
	for (uint32_t i = 0; i < n; i++)
		batch_unref(b[i]);
	sys_free(b);
}

struct shot { struct wal_wait wait; int64_t begin_ns, took_ns; atomic_int *left; };

static void on_durable(void *ctx, int result)
{
	struct shot *s = ctx;

	s->took_ns = result < 0 ? INT64_MAX : clock_mono_ns() - s->begin_ns;
	atomic_fetch_sub(s->left, 1);
}

static int by_time(const void *a, const void *b)
{
	int64_t x = ((const struct shot *) a)->took_ns, y = ((const struct shot *) b)->took_ns;

	return x < y ? -1 : x > y;
}

/* per_s 0: the next one when the last is acknowledged. */
static void bench_ack(struct wal *w, struct batch_builder *bb, uint32_t n, uint32_t per_s)
{
	struct shot *s = sys_alloc_array(n, sizeof *s);
	atomic_int left = (int) n;
	double begin_cpu = cpu_s();
	int64_t begin = clock_mono_ns();

	for (uint32_t i = 0; i < n; i++) {
		struct batch *b = scan(bb, 1, 100, i, 1.5);
		int64_t at = begin + (per_s ? (int64_t) i * NS_PER_S / per_s : 0);
		while (per_s && clock_mono_ns() < at)
			usleep(100);
		s[i] = (struct shot) { .wait = { .on_durable = on_durable, .ctx = &s[i] }, .begin_ns = clock_mono_ns(), .left = &left };
		if (wal_append(w, b, &s[i].wait) < 0)
			die();
		while (!per_s && atomic_load(&left) > (int) (n - i - 1))
			usleep(20);
		batch_unref(b);
	}
	while (atomic_load(&left))
		usleep(100);
	double took = cpu_s() - begin_cpu;
	qsort(s, n, sizeof *s, by_time);
	printf("# acknowledge, %s %u a second, 100 samples each: p50 %.1f ms, p99 %.1f ms, worst %.1f ms (CPU %.1f %%)\n",
		per_s ? "sent" : "one after the other,",
		per_s ? per_s : (uint32_t) ((double) n * 1e9 / (double) (clock_mono_ns() - begin)), (double) s[n / 2].took_ns / 1e6,
		(double) s[n * 99 / 100].took_ns / 1e6, (double) s[n - 1].took_ns / 1e6,
		100 * took / ((double) (clock_mono_ns() - begin) / 1e9));
	sys_free(s);
}

static size_t take_all(void *ctx, const struct bus_value *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		*(double *) ctx += v[i].sample.value.f64;
	return n;
}

/* 100,000 series scanned once a second in batches of 100; ten screens of 100 points at 2 Hz and one subscriber of everything at 1 Hz. */
static void bench_bus(struct wal *w, struct batch_builder *bb)
{
	enum { SERIES = 100000, ROWS = 100, ROUNDS = 20 };
	struct bus *b = NULL;
	struct bus_sub *sub;
	uint32_t screen[100];
	double sum = 0, pump_cpu = 0, tell_cpu = 0;

	if (bus_new(&b, &(struct bus_config) { .wal = w }) < 0)
		die();
	for (int round = 0; round <= ROUNDS; round++) {
		if (round == 1) {               /* the first one makes the pages */
			pump_cpu = 0;
			for (uint32_t i = 0; i < 10; i++) {
				for (uint32_t j = 0; j < 100; j++)
					screen[j] = 1 + i * 10000 + j * 97;
				if (bus_subscribe(b, &(struct bus_sub_config) { .tenant = 1, .series = screen, .n = 100, .on_values = take_all,
					.ctx = &sum, .after = UINT64_MAX, .max_rate_hz = 1000 }, &sub) < 0)
					die();
			}
			if (bus_subscribe(b, &(struct bus_sub_config) { .tenant = 1, .on_values = take_all, .ctx = &sum, .after = UINT64_MAX,
				.max_rate_hz = 1e-5 }, &sub) < 0)
				die();
		}
		for (uint32_t at = 0; at < SERIES; at += ROWS) {
			struct batch *x = scan(bb, 1 + at, ROWS, round, 1.5);
			while (wal_append(w, x, NULL) == -ERR_BUSY)
				usleep(500);
			batch_unref(x);
			if (at / ROWS % 10 == 9) {      /* woken a hundred times a second */
				int64_t begin = clock_cpu_ns();
				while (bus_pump(b, 4096) == 0)
					;
				pump_cpu += (double) (clock_cpu_ns() - begin) / 1e9;
			}
		}
	}
	/* Telling everything, apart: one subscriber of all series that has seen nothing. */
	int64_t begin = clock_cpu_ns();
	if (bus_subscribe(b, &(struct bus_sub_config) { .tenant = 1, .on_values = take_all, .ctx = &sum }, &sub) < 0)
		die();
	while (bus_pump(b, 4096) == 0)
		;
	tell_cpu = (double) (clock_cpu_ns() - begin) / 1e9;
	struct bus_stats st;
	bus_stats(b, &st);
	printf("# bus, 100,000 series, 10 screens: %.0f ns a sample = %.2f %% of a core at 100,000 samples a second; %.0f ns a value told to one of all (%llu lost)\n",
		pump_cpu * 1e9 / (ROUNDS * SERIES), pump_cpu * 1e2 / ROUNDS, tell_cpu * 1e9 / SERIES, (unsigned long long) st.lost);
	bus_free(b);
}

int main(int argc, char *argv[])
{
	char dir[PATH_MAX];
	struct buf path = BUF_FIXED(dir);
	struct wal *w = NULL;
	struct batch_builder *bb = NULL;
	struct wal_metrics m;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (dir_temp(argc > 1 ? argv[1] : "/tmp", "tenon-bench-", &path) < 0 || batch_builder_new(&bb, 0) < 0 ||
	    wal_open(&(struct wal_config) { .dir = dir }, &w) < 0 || wal_start(w) < 0)
		die();
	bench_build(bb, 100);
	bench_build(bb, 4096);
	bench_append(w, bb, 100);
	bench_append(w, bb, 1000);
	bench_ack(w, bb, 300, 0);
	bench_ack(w, bb, 1000, 500);
	bench_ack(w, bb, 4000, 2000);
	bench_bus(w, bb);
	wal_metrics(w, &m);
	printf("# %llu syncs, %.2f ms each\n1..1\nok 1 - measured\n", (unsigned long long) m.syncs, (double) m.sync_ns / (double) m.syncs / 1e6);
	wal_close(w);
	batch_builder_free(bb);
	dir_remove(dir);
	return 0;
}
