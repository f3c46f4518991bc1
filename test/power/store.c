/*
 * store.c - the store alone in a life of its own, and what must be left of it.
 *
 *   store DIR live N [SEED]        N steps of it: rows are written (every tenth batch is late by a day) and acknowledged after their sync, memory becomes
 *                                  files, files are merged while more comes; ends without a stop, as a power cut would
 *   store DIR check ROWS MOST      opens what is there: rows 0 … ROWS are there once, with their values, rows up to MOST may be; in memory and files together
 *                                  not one sample more. Then it writes, flushes and merges once more, and looks again
 *   store DIR damaged ROWS MOST    the same of a folder in which a byte is wrong: nothing wrong is answered; prints "told: …" when something
 *                                  was said of it, "whole" when everything is there
 *
 * What was acknowledged goes into DIR/acknowledged as it is said, so that a record of all calls (record.c) has it in its order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/err.h"
#include "base/num.h"
#include "sys/sys.h"
#include "tsdb/tsdb.h"
#include "wal/wal.h"

#define T0 (INT64_C(1767225600) * NS_PER_S)
#define DAY (INT64_C(86400) * NS_PER_S)

enum { SERIES = 6, ROWS = 40, EXTRA = 20 };
static const uint8_t types[SERIES] = { V_F64, V_F32, V_I64, V_BOOL, V_STR, V_F64 };
static struct wal *wal;
static struct tsdb *store;
static uint32_t series[SERIES], list;
static struct batch_builder *builder;

static void need(int r, const char *what)
{
	if (r >= 0)
		return;
	printf("%s: %d %s\n", what, r, err_peek()->kind ? err_log_text(err_peek()) : "");
	exit(1);
}

static void open_store(const char *dir)
{
	char path[600];
	struct uuid p[SERIES];

	snprintf(path, sizeof(path), "%s/wal", dir);
	need(wal_open(&(struct wal_config) { .dir = path, .segment_bytes = 256 << 10, .idle_sync_ms = 20 }, &wal), "the log opens");
	need(wal_start(wal), "the log starts");
	need(tsdb_open(&store, &(struct tsdb_config) { .data_dir = dir, .n_shards = 2, .file_bytes = 30000 }, wal), "the store opens");
	need(tsdb_start(store), "the store starts");
	for (unsigned i = 0; i < SERIES; i++)
		p[i] = (struct uuid) { { 1, [15] = (uint8_t) i } };
	need(tsdb_series_many(store, 1, SERIES, p, types, series), "series");
	need(tsdb_list(store, 1, series, SERIES, &list), "a list");
	need(batch_builder_new(&builder, 0), "a builder");
}

/* What row n says follows from n alone; every tenth batch is a day late. */
static struct value cell(unsigned k, uint64_t n)
{
	static char text[40];
	struct value v = { .type = (enum vtype) types[k] };

	switch (types[k]) {
	case V_F64:
		v.f64 = k ? (double) n * 1.000000001 : (double) n / 100;
		break;
	case V_F32:
		v.f32 = (float) n / 10;
		break;
	case V_BOOL:
		v.b = n & 1;
		break;
	case V_STR:
		v.len = (uint32_t) snprintf(text, sizeof(text), "text %llu", (unsigned long long) (n * 7919));
		v.s = text;
		break;
	default:
		v.i = (int64_t) (n * n);
	}
	return v;
}

static bool is_late(uint64_t n) { return n / ROWS % 10 == 9; }
/* One second apart, from noon on; late ones stand a day before, and half a second off. */
static int64_t time_of(uint64_t n) { return T0 + DAY / 2 + (int64_t) (n % 40000) * NS_PER_S - (is_late(n) ? DAY - NS_PER_S / 2 : 0); }

static void put_rows(uint64_t from, uint64_t n, bool alone)
{
	struct batch *b = NULL;

	for (unsigned k = 0; k < (alone ? SERIES : 1); k++) {
		need(alone ? batch_tall(builder, 1, 0, (enum vtype) types[k]) : batch_group_list(builder, 1, 0, list, types, SERIES), "a batch");
		for (uint64_t i = from; i < from + n; i++) {
			if (alone) {
				need(batch_tall_add(builder, &(struct sample) { .series = series[k], .time_ns = time_of(i), .value = cell(k, i) }), "a sample");
				continue;
			}
			need(batch_group_row(builder, time_of(i)), "a row");
			for (unsigned c = 0; c < SERIES; c++)
				need(batch_group_set(builder, c, cell(c, i), 0), "a cell");
		}
		need(batch_seal(builder, 0, 0, &b), "a batch");
		need(wal_append_sync(wal, b, INT64_MAX), "written");
		b = NULL;
	}
}

static void merge_main(void *arg)
{
	(void) arg;
	need(tsdb_compact(store, NULL), "merged");
}

static void live(const char *dir, uint64_t steps, uint64_t seed)
{
	struct thread merging;
	bool is_merging = false;
	char path[600];

	open_store(dir);
	snprintf(path, sizeof(path), "%s/acknowledged", dir);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	for (uint64_t i = 0; i < steps; i++) {
		uint64_t rows = (i + 1) * ROWS;

		put_rows(i * ROWS, ROWS, i % 5 == 4);
		need(write(fd, &rows, sizeof(rows)) == sizeof(rows) ? 0 : -1, "acknowledged");
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		if ((seed >> 33) % 3 == 0 && i < steps - steps / 4)
			need(tsdb_flush(store), "flushed");
		if ((seed >> 40) % 7 == 0) {
			if (is_merging)
				thread_join(&merging);
			need(thread_start(&merging, "merging", merge_main, NULL), "a thread");
			is_merging = true;
		}
	}
	if (is_merging)
		thread_join(&merging);
	_exit(0);               /* some of it is in files, the end is in the log alone */
}

/* --- What is left */

static unsigned index_of(uint32_t number)
{
	unsigned k = 0;

	while (k < SERIES && series[k] != number)
		k++;
	return k;
}

struct seen { uint8_t *of; uint64_t most, n; bool wrong; };

static int look(void *ctx, struct batch *b)
{
	struct seen *seen = ctx;
	struct batch_iter it = batch_iter(b, NULL);
	struct sample s;

	while (batch_next(&it, &s)) {
		unsigned k = index_of(s.series);
		uint64_t n = (uint64_t) ((s.time_ns + (s.time_ns % NS_PER_S ? DAY - NS_PER_S / 2 : 0) - T0 - DAY / 2) / NS_PER_S);
		struct value want = cell(k < SERIES ? k : 0, n);
		bool text = want.type == V_STR, same = k < SERIES && n < seen->most && time_of(n) == s.time_ns && s.value.type == want.type && s.quality == 0;

		if (same)
			same = text ? s.value.len == want.len && !memcmp(s.value.s, want.s, want.len) :
				want.type == V_BOOL ? s.value.b == want.b : want.type == V_F32 ? !memcmp(&s.value.f32, &want.f32, 4) : s.value.i == want.i;
		if (!same || seen->of[n * SERIES + k]++) {
			printf("series %u at %lld: %s\n", s.series, (long long) s.time_ns, same ? "twice" : "was never written so");
			seen->wrong = true;
			return -ERR_INVALID;
		}
		seen->n++;
	}
	return 0;
}

static bool holds(uint64_t rows, uint64_t most, bool damaged, uint64_t *ret_n)
{
	struct seen seen = { .of = calloc(most + 1, SERIES), .most = most };
	const struct tsdb_query q = { .tenant = 1, .series = series, .n_series = SERIES, .from_ns = INT64_MIN, .to_ns = INT64_MAX };
	int r = tsdb_range(store, &q, look, &seen);
	uint64_t whole = 0;

	while (whole < rows * SERIES && seen.of[whole])
		whole++;
	free(seen.of);
	*ret_n = seen.n;
	if (seen.wrong)
		return false;
	if (damaged) {
		struct tsdb_stats s;

		tsdb_stats(store, &s);
		if (r < 0)
			printf("told: %s\n", err_log_text(err_peek()));
		else if (whole == rows * SERIES)
			printf("whole\n");
		else if (s.lost || s.refused)
			printf("told: the log has lost %llu batches, %llu samples were refused\n", (unsigned long long) s.lost, (unsigned long long) s.refused);
		else
			printf("lost %llu\n", (unsigned long long) (rows * SERIES - seen.n));
		return true;
	}
	if (r < 0 || whole < rows * SERIES)
		printf("%llu of %llu samples, %s\n", (unsigned long long) whole, (unsigned long long) rows * SERIES, r < 0 ? err_log_text(err_peek()) : "others are gone");
	return r == 0 && whole == rows * SERIES;
}

static void check(const char *dir, uint64_t rows, uint64_t most, bool damaged)
{
	struct tsdb_stats s;
	uint64_t n;

	open_store(dir);
	need(tsdb_wait(store, wal_appended(wal), 30000), "the log is read");
	if (!holds(rows, most, damaged, &n))
		exit(1);
	if (damaged)
		_exit(0);
	tsdb_stats(store, &s);
	if (s.head_samples + s.file_samples < n)
		exit(1);
	/* What came before its acknowledgement, and was not acknowledged, may be there by halves: all of it once more, as its sender does. */
	for (uint64_t at = rows; at < most + EXTRA; at += ROWS)
		put_rows(at, MIN((uint64_t) ROWS, most + EXTRA - at), false);
	need(tsdb_wait(store, wal_appended(wal), 30000), "the log is read");
	need(tsdb_flush(store), "flushed");
	need(tsdb_compact(store, NULL), "merged");
	if (!holds(most + EXTRA, most + EXTRA, false, &n))
		exit(1);
	tsdb_stats(store, &s);
	if (s.head_samples || s.file_samples != n) {
		printf("%llu samples in files, %llu in memory, %llu answered\n", (unsigned long long) s.file_samples, (unsigned long long) s.head_samples,
			(unsigned long long) n);
		exit(1);
	}
	_exit(0);
}

int main(int argc, char *argv[])
{
	uint64_t a, b = 1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 4 || !num_parse_u64(argv[3], argv[3] + strlen(argv[3]), &a) || (argc > 4 && !num_parse_u64(argv[4], argv[4] + strlen(argv[4]), &b)))
		return 2;
	if (strcmp(argv[2], "live") == 0)
		live(argv[1], a, b);
	check(argv[1], a, b, strcmp(argv[2], "damaged") == 0);
}
