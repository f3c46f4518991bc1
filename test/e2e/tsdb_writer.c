/*
 * tsdb_writer.c - writes a data folder with the store of samples, and says on standard output what it wrote, one JSON line a sample in the
 * order of writing: {"series", "t", "type", "v", "q", "lag"}. v: whole numbers as text, floats as the hex of their bits, texts as hex, null.
 *
 *   tsdb_writer DIR nasty SEED     every type, awkward values, out of order, repeated, over midnights, in several files
 *   tsdb_writer DIR small SEED     the same, a thirtieth of it: the golden folder
 *   … nasty SEED window|day        the same, a file a round, merged as the platform does: those of two hours, now and then; all of a day at the end
 *   … nasty SEED day compact       the day files in the profile that is small
 *   tsdb_writer DIR csv SEPARATOR  a recording from standard input: first column is the time in ns, the others become series
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/num.h"
#include "sys/sys.h"
#include "tsdb/merge/compact.h"
#include "wal/wal.h"

#define T0 (INT64_C(1767225600) * NS_PER_S)             /* 2026-01-01T00:00:00Z */

enum { N_SERIES = 21, N_LIST = 7, ROUNDS = 12, COLS_MAX = 64 };
static unsigned tall_rows = 300, group_rows = 200;

static const uint8_t types[] = { V_BOOL, V_I64, V_F32, V_F64, V_STR, V_BYTES, V_TIME };
static struct wal *wal;
static struct tsdb *store;
static struct batch_builder *builder;
static uint32_t series[N_SERIES], list;
static uint8_t type_of[N_SERIES];
static uint64_t seed;

static void check(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, err_log_text(err_peek()));
	exit(1);
}

static uint64_t next(void)
{
	uint64_t z = (seed += UINT64_C(0x9E3779B97F4A7C15));        /* splitmix64 */

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

static void say_hex(const void *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("%02x", ((const uint8_t *) bytes)[i]);
}

static void say(const struct sample *s, uint8_t type, int64_t acquired)
{
	int64_t lag = acquired - s->time_ns;

	printf("{\"series\":%u,\"t\":%lld,\"type\":\"%s\",\"q\":%u,\"lag\":%lld,\"v\":", s->series, (long long) s->time_ns, vtype_name(type),
		s->quality, (long long) (lag >= 0 ? lag / NS_PER_MS : -((-lag + NS_PER_MS - 1) / NS_PER_MS)));
	switch (s->value.type) {
	case V_NONE:
		printf("null}\n");
		return;
	case V_BOOL:
		printf("\"%d\"}\n", s->value.b);
		return;
	case V_F32:
	case V_F64:
		printf("\"");
		say_hex(&s->value.f64, s->value.type == V_F32 ? 4 : 8);
		printf("\"}\n");
		return;
	case V_STR:
	case V_BYTES:
		printf("\"");
		say_hex(s->value.s, s->value.len);
		printf("\"}\n");
		return;
	default:
		printf("\"%lld\"}\n", (long long) s->value.i);
	}
}

static struct value some_value(uint8_t type)
{
	static const uint64_t doubles[] = { 0, UINT64_C(1) << 63, 1, 0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000, 0x7ff8000000000123,
		0x7ff0000000000001, 0xffffffffffffffff, 0x3fb999999999999a, 0x403719999999999a, 0x7fefffffffffffff, 0x4340000000000000 };
	static const uint32_t floats[] = { 0, 0x80000000, 1, 0x7f800000, 0xff800000, 0x7fc00000, 0x7fc00123, 0x7f800001, 0x41b8cccd, 0x4b800000 };
	static const int64_t ints[] = { 0, 1, -1, INT64_MAX, INT64_MIN, INT64_C(1) << 53, (INT64_C(1) << 53) + 1, 1000000007 };
	static const char *const words[] = { "", "run", "\xe5\x81\x9c\xe6\x9c\xba", "idle", "\xe6\xa6\xab" };
	static char raw[80];
	struct value v = { .type = (enum vtype) type };
	uint64_t x = next();
	uint32_t f;
	double d;

	switch (type) {
	case V_BOOL:
		v.b = x & 1;
		break;
	case V_F32:
		if (x % 3 == 0) {
			v.f32 = (float) ((double) (int64_t) (x >> 40) / 10 - 500000);
			break;
		}
		f = x % 3 == 1 ? floats[x / 3 % ELEMENTSOF(floats)] : (uint32_t) (x >> 20);
		memcpy(&v.f32, &f, 4);
		break;
	case V_F64:
		d = (double) (int64_t) (x >> 44) / 1000 - 100;
		if (x % 3 == 0)
			v.f64 = d;
		else
			v.i = x % 3 == 1 ? (int64_t) doubles[x / 3 % ELEMENTSOF(doubles)] : (int64_t) x;
		break;
	case V_STR:
		v.s = words[x % ELEMENTSOF(words)];
		v.len = (uint32_t) strlen(v.s);
		break;
	case V_BYTES:
		for (size_t i = 0; i < sizeof(raw); i++)
			raw[i] = (char) (x >> i % 57);
		v.s = raw;
		v.len = (uint32_t) (x % sizeof(raw));
		break;
	default:
		v.i = x % 3 ? ints[x / 3 % ELEMENTSOF(ints)] : (int64_t) x >> x % 60;
	}
	return v;
}

static uint32_t some_quality(void)
{
	static const uint32_t q[] = { 0, 0, 0, 0, 0, 0x80310000, 0x40bc0000, 0x00960000 };

	return q[next() % ELEMENTSOF(q)];
}

static void send_batch(int64_t acquired)
{
	struct batch *b = NULL;

	check(batch_seal(builder, acquired, 0, &b), "seal");
	check(wal_append_sync(wal, b, INT64_MAX), "append");
	batch_unref(b);
}

static int64_t some_time(unsigned round)
{
	int64_t base = T0 + (int64_t) round * 4 * 3600 * NS_PER_S;

	return base + (int64_t) (next() % 7200) * NS_PER_S + (next() % 5 == 0 ? (int64_t) (next() % NS_PER_S) : 0);
}

static void tall(unsigned round, uint8_t type)
{
	int64_t acquired = T0 + (int64_t) round * 4 * 3600 * NS_PER_S;

	check(batch_tall(builder, 1, 0, type), "begin");
	for (unsigned i = 0; i < tall_rows; i++) {
		struct sample s = { .time_ns = some_time(next() % 7 ? round : 0), .quality = some_quality() };

		do
			s.series = series[next() % N_SERIES];
		while (type_of[s.series - series[0]] != type);
		if (next() % 17)
			s.value = some_value(type);
		check(batch_tall_add(builder, &s), "add");
		say(&s, type, acquired);
	}
	send_batch(acquired);
}

static void group(unsigned round)
{
	int64_t acquired = T0 + (int64_t) round * 4 * 3600 * NS_PER_S, t = acquired;

	check(batch_group_list(builder, 1, 0, list, types, N_LIST), "begin");
	for (unsigned i = 0; i < group_rows; i++) {
		t += (int64_t) (1 + next() % 3) * NS_PER_S;
		check(batch_group_row(builder, t), "row");
		for (unsigned k = 0; k < N_LIST; k++) {
			struct sample s = { .series = series[k], .time_ns = t, .quality = some_quality(), .value = some_value(types[k]) };

			check(batch_group_set(builder, k, s.value, s.quality), "set");
			say(&s, types[k], acquired);
		}
	}
	send_batch(acquired);
}

static void settle(void)
{
	check(tsdb_wait(store, wal_appended(wal), 60000), "wait");
	check(tsdb_flush(store), "flush");
}

/* As the thread that merges would half an hour from now: windows are complete then, days are not quiet yet. */
static void merge_windows(void)
{
	struct compact_ask ask = { .now_ns = clock_now_ns() + 1800 * NS_PER_S };
	int64_t due;
	int r;

	while ((r = compact_step(store, &ask, &due)) > 0)
		;
	check(r, "merge");
}

static void nasty(const char *merged)
{
	struct uuid points[N_SERIES];

	for (unsigned i = 0; i < N_SERIES; i++) {
		points[i] = (struct uuid) { { 1, 2, [6] = 0x70, [8] = 0x80, [15] = (uint8_t) i } };
		type_of[i] = types[i % ELEMENTSOF(types)];
	}
	check(tsdb_series_many(store, 1, N_SERIES, points, type_of, series), "series");
	check(tsdb_list(store, 1, series, N_LIST, &list), "list");
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < ELEMENTSOF(types); i++)
			tall(round, types[i]);
		group(round);
		if (round % 4 == 3 || merged)
			settle();
		if (merged && round % 6 == 4)
			merge_windows();
	}
	if (merged && strcmp(merged, "day") == 0)
		check(tsdb_compact(store, NULL), "merge");
}

/* --- Recordings */

struct table { char *cell[COLS_MAX]; unsigned n; };

static void split(char *line, char separator, struct table *t)
{
	t->n = 0;
	for (char *p = line; p && t->n < COLS_MAX; ) {
		char *end = strchr(p, separator);

		t->cell[t->n++] = p;
		if (end)
			*end++ = 0;
		p = end;
	}
}

static void recording(char separator)
{
	static char line[8192];
	struct table t;
	uint8_t all[COLS_MAX];
	uint32_t number[COLS_MAX];
	struct uuid points[COLS_MAX];
	unsigned k = 0;

	while (fgets(line, sizeof(line), stdin)) {
		int64_t at;

		line[strcspn(line, "\r\n")] = 0;
		split(line, separator, &t);
		if (!k) {
			k = t.n - 1;
			for (unsigned i = 0; i < k; i++) {
				points[i] = (struct uuid) { { 1, [6] = 0x70, [8] = 0x80, [15] = (uint8_t) i } };
				all[i] = V_F64;
			}
			check(tsdb_series_many(store, 1, k, points, all, number), "series");
			check(tsdb_list(store, 1, number, k, &list), "list");
			check(batch_group_list(builder, 1, 0, list, all, k), "begin");
			continue;
		}
		if (!num_parse_i64(t.cell[0], t.cell[0] + strlen(t.cell[0]), &at))
			exit(2);
		if (batch_group_row(builder, at) < 0) {
			send_batch(0);
			check(batch_group_list(builder, 1, 0, list, all, k), "begin");
			check(batch_group_row(builder, at), "row");
		}
		for (unsigned i = 0; i < k; i++) {
			struct value v = { .type = V_F64 };

			if (num_parse_f64(t.cell[i + 1], t.cell[i + 1] + strlen(t.cell[i + 1]), &v.f64))
				check(batch_group_set(builder, i, v, 0), "set");
		}
	}
	send_batch(0);
	settle();
	struct tsdb_stats s;
	tsdb_stats(store, &s);
	printf("{\"samples\":%llu,\"bytes\":%llu,\"bytes_per_sample\":%.4f}\n", (unsigned long long) s.file_samples,
		(unsigned long long) s.file_bytes, s.bytes_per_sample);
}

static void describe(void *ctx, uint32_t tenant, const struct uuid *point, struct tsdb_name *ret)
{
	struct buf path = BUF_FIXED(ret->path), unit = BUF_FIXED(ret->unit);

	buf_addf(&path, "acme/\xe4\xb8\x80\xe5\x8f\xb7\xe7\xba\xbf/p%u", point->b[15]);
	buf_add(&unit, "\xe2\x84\x83");
}

int main(int argc, char *argv[])
{
	char path[4096];

	if (argc < 4)
		return 2;
	snprintf(path, sizeof(path), "%s/wal", argv[1]);
	check(wal_open(&(struct wal_config) { .dir = path }, &wal), "wal");
	check(wal_start(wal), "wal");
	check(tsdb_open(&store, &(struct tsdb_config) { .data_dir = argv[1], .version = "test", .describe = describe,
		.compact_rate = -1, .compact = argc > 5 && strcmp(argv[5], "compact") == 0 }, wal), "open");
	check(tsdb_start(store), "start");
	check(batch_builder_new(&builder, 0), "builder");
	if (strcmp(argv[2], "csv") != 0) {
		if (strcmp(argv[2], "small") == 0) {
			tall_rows = 10;
			group_rows = 7;
		}
		num_parse_u64(argv[3], argv[3] + strlen(argv[3]), &seed);
		nasty(argc > 4 ? argv[4] : NULL);
	} else {
		recording(argv[3][0]);
	}
	batch_builder_free(builder);
	tsdb_free(store);
	wal_stop(wal, INT64_MAX);
	wal_close(wal);
	return 0;
}
