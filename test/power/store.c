/*
 * store.c - the store alone in a life of its own, and what must be left of it.
 *
 *   store DIR live N [SEED]        N steps of it: rows are written (every tenth batch is late by a day) and acknowledged after their sync, memory becomes
 *                                  files, files are merged while more comes; ends without a stop, as a power cut would
 *   store DIR check ROWS MOST DELETED DELETING
 *                                  opens what is there: rows 0 … ROWS are there once, with their values, rows up to MOST may be; of those below DELETED what
 *                                  was deleted is gone, of those up to DELETING it may be; figures of hours are those of the samples. Then it writes,
 *                                  flushes, merges and purges once more, and looks again
 *   store DIR damaged ROWS MOST DELETED DELETING
 *                                  the same of a folder in which a byte is wrong: nothing wrong is answered; prints "told: …" when something
 *                                  was said of it, "whole" when everything is there
 *
 * What was acknowledged goes into DIR/acknowledged as it is said (ROWS, DELETED, DELETING, 8 bytes each), so that a record of all calls (record.c) has
 * it in its order. Files of days move to DIR/second.
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

enum { SERIES = 6, ROWS = 40, EXTRA = 20, BLOCK = 400, GONE = 100 /* of the first rows of each block */ };
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
	snprintf(path, sizeof(path), "%s/second", dir);
	need(dir_make(path, 0700), "a second folder");
	need(tsdb_open(&store, &(struct tsdb_config) { .data_dir = dir, .n_shards = 2, .file_bytes = 30000, .second_dir = path, .second_age_ns = NS_PER_S }, wal),
		"the store opens");
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

struct said { uint64_t rows, deleted, deleting; };

static void say(int fd, const struct said *s) { need(write(fd, s, sizeof(*s)) == sizeof(*s) ? 0 : -1, "acknowledged"); }

static void delete_block(uint64_t first)
{
	struct tsdb_stretch what[SERIES];

	for (unsigned k = 0; k < SERIES; k++)
		what[k] = (struct tsdb_stretch) { series[k], time_of(first), time_of(first + GONE) };
	need(tsdb_delete(store, 1, what, SERIES, 30000), "deleted");
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
	struct said said = { 0 };
	for (uint64_t i = 0; i < steps; i++) {
		put_rows(i * ROWS, ROWS, i % 5 == 4);
		said.rows = (i + 1) * ROWS;
		say(fd, &said);
		if (i % 12 == 11 && i < steps - steps / 4) {
			said.deleting += BLOCK;
			say(fd, &said);
			delete_block(said.deleted);
			said.deleted += BLOCK;
			say(fd, &said);
		}
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

enum { THERE = 1, GONE_NOW = 2, EITHER = 3 };
static unsigned should_be(const struct said *said, uint64_t n)
{
	if (n >= said->rows || (n >= said->deleted && n < said->deleting && n % BLOCK < GONE))
		return EITHER;
	return n < said->deleted && n % BLOCK < GONE ? GONE_NOW : THERE;
}

static bool holds(const struct said *said, uint64_t most, bool damaged, uint64_t *ret_n)
{
	struct seen seen = { .of = calloc(most + 1, SERIES), .most = most };
	const struct tsdb_query q = { .tenant = 1, .series = series, .n_series = SERIES, .from_ns = INT64_MIN, .to_ns = INT64_MAX };
	int r = tsdb_range(store, &q, look, &seen);
	uint64_t missing = 0, back = 0;

	for (uint64_t i = 0; i < said->rows * SERIES; i++) {
		unsigned should = should_be(said, i / SERIES);

		missing += should == THERE && !seen.of[i];
		back += should == GONE_NOW && seen.of[i];
	}
	free(seen.of);
	*ret_n = seen.n;
	if (back)
		printf("%llu deleted samples are back\n", (unsigned long long) back);
	if (seen.wrong || back)
		return false;
	if (damaged) {
		struct tsdb_stats s;

		tsdb_stats(store, &s);
		if (r < 0)
			printf("told: %s\n", err_log_text(err_peek()));
		else if (!missing)
			printf("whole\n");
		else if (s.lost || s.refused)
			printf("told: the log has lost %llu batches, %llu samples were refused\n", (unsigned long long) s.lost, (unsigned long long) s.refused);
		else
			printf("lost %llu\n", (unsigned long long) missing);
		return true;
	}
	if (r < 0 || missing)
		printf("%llu samples are gone; %s\n", (unsigned long long) missing, r < 0 ? err_log_text(err_peek()) : "");
	return r == 0 && !missing;
}

/* Figures of minutes or hours are those of the samples. */
enum { HOURS_MAX = 4000 };
struct figures { struct tsdb_bucket b[HOURS_MAX]; size_t n; };

static int on_buckets(void *ctx, const struct tsdb_bucket *b, size_t n)
{
	struct figures *f = ctx;

	for (size_t i = 0; i < n && f->n < HOURS_MAX; i++)
		f->b[f->n++] = b[i];
	return 0;
}

static bool figures_agree(bool damaged)
{
	static struct figures raw, rolled;
	struct tsdb_query q = { .tenant = 1, .series = series, .n_series = SERIES, .from_ns = T0 - 2 * DAY, .to_ns = T0 + 2 * DAY };

	raw.n = rolled.n = 0;
	for (int round = 0; round < 2; round++) {
		q.raw_only = round == 0;
		int r = tsdb_aggregate(store, &q, &(struct tsdb_step) { .step_ns = 600 * NS_PER_S }, on_buckets, round ? &rolled : &raw);
		if (r < 0)
			return damaged;         /* it was told */
	}
	bool good = raw.n == rolled.n;
	for (size_t i = 0; i < raw.n && good; i++) {
		const struct tsdb_bucket *a = &raw.b[i], *b = &rolled.b[i];

		good = a->series == b->series && a->start_ns == b->start_ns && a->n == b->n && a->covered_ns == b->covered_ns && (a->min == b->min || a->min != a->min);
		good = good && (a->max == b->max || a->max != a->max) && (a->sum == b->sum || (a->sum - b->sum) * (a->sum - b->sum) < 1e-20 * a->sum * a->sum);
		if (!good)
			printf("figures of series %u from %lld on: %llu samples, sum %.17g; of the samples %llu, sum %.17g\n", b->series, (long long) b->start_ns,
				(unsigned long long) b->n, b->sum, (unsigned long long) a->n, a->sum);
	}
	return good;
}

static void check(const char *dir, struct said *said, uint64_t most, bool damaged)
{
	struct tsdb_stats s;
	uint64_t n;

	open_store(dir);
	need(tsdb_wait(store, wal_appended(wal), 30000), "the log is read");
	if (!holds(said, most, damaged, &n) || !figures_agree(damaged))
		exit(1);
	if (damaged)
		_exit(0);
	tsdb_stats(store, &s);
	if (s.head_samples + s.file_samples < n)
		exit(1);
	/* What came before its acknowledgement, and was not acknowledged, may be there by halves: all of it once more, as its sender does. */
	for (uint64_t at = said->rows; at < most + EXTRA; at += ROWS)
		put_rows(at, MIN((uint64_t) ROWS, most + EXTRA - at), false);
	for (; said->deleted < said->deleting; said->deleted += BLOCK)
		delete_block(said->deleted);
	said->rows = most + EXTRA;
	need(tsdb_wait(store, wal_appended(wal), 30000), "the log is read");
	need(tsdb_flush(store), "flushed");
	need(tsdb_compact(store, NULL), "merged");
	uint64_t left;
	need(tsdb_purge(store, &(struct tsdb_purge) { .tenant = 1, .series = series, .n_series = SERIES }, &left), "purged");
	if (!holds(said, most + EXTRA, false, &n) || !figures_agree(false))
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
	uint64_t n[4] = { 0, 1, 0, 0 };

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 4 || argc > 7)
		return 2;
	for (int i = 3; i < argc; i++)
		if (!num_parse_u64(argv[i], argv[i] + strlen(argv[i]), &n[i - 3]))
			return 2;
	if (strcmp(argv[2], "live") == 0)
		live(argv[1], n[0], n[1]);
	check(argv[1], &(struct said) { n[0], n[2], n[3] }, n[1], strcmp(argv[2], "damaged") == 0);
}
