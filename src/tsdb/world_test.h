/* world_test.h - a plant of 35 series of all types and values that broke other stores, written in every way, and a plain record of it.
 * tap.h stands before it. */
#pragma once

#include "tsdb/tsdb_fixture.h"

#define DAY (INT64_C(86400) * NS_PER_S)
#define T0 (INT64_C(1767225600) * NS_PER_S)     /* 2026-01-01T00:00:00Z */

static inline struct uuid point(unsigned i)
{
	struct uuid u = { { 0x01, 0x9b, [6] = 0x70, [8] = 0x80 } };

	memcpy(u.b + 12, &i, 4);
	return u;
}

static const uint8_t all_types[] = { V_BOOL, V_I64, V_F32, V_F64, V_STR, V_BYTES, V_TIME };

/* Values of which every one has broken some store: each must come back bit for bit. */
static inline struct value nasty(uint8_t type, uint64_t x)
{
	static const uint64_t doubles[] = { 0, UINT64_C(1) << 63, 1, 0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000,
		0x7ff8000000000123, 0x7ff0000000000001, 0xffffffffffffffff, 0x3fb999999999999a, 0x403719999999999a, 0x7fefffffffffffff,
		0x4340000000000000, 0x4330000000000001, 0xc08f400000000000 };
	static const uint32_t floats[] = { 0, 0x80000000, 1, 0x7f800000, 0xff800000, 0x7fc00000, 0x7fc00123, 0x7f800001, 0x41b8cccd, 0x4b800000,
		0x7f7fffff };
	static const int64_t ints[] = { 0, 1, -1, INT64_MAX, INT64_MIN, INT64_C(1) << 53, (INT64_C(1) << 53) + 1, 1000000007 };
	static const char text[] = "zero\0inside, \xe6\xa6\xab\xe5\x8d\xaf, and quite some more of it so that it is long";
	struct value v = { .type = (enum vtype) type };
	uint32_t f;

	switch (type) {
	case V_BOOL:
		v.b = x & 1;
		break;
	case V_F32:
		f = x % 3 ? floats[x / 3 % ELEMENTSOF(floats)] : (uint32_t) (x >> 20);
		memcpy(&v.f32, &f, 4);
		break;
	case V_F64:
		if (x % 4 == 0)
			v.f64 = (double) (int64_t) (x >> 8 & 0xffff) / 100;
		else
			v.i = x % 4 == 1 ? (int64_t) x : (int64_t) doubles[x / 4 % ELEMENTSOF(doubles)];
		break;
	case V_STR:
		v.s = "\xe6\xa6\xab\xe5\x8d\xaf";
		v.len = x % 3 * 3;
		break;
	case V_BYTES:
		v.s = text;
		v.len = (uint32_t) (x % sizeof(text));
		break;
	default:
		v.i = x % 3 ? ints[x / 3 % ELEMENTSOF(ints)] : (int64_t) x;
	}
	return v;
}

static inline uint32_t nasty_quality(uint64_t x)
{
	static const uint32_t q[] = { 0, 0, 0, 0, 0x80310000, 0x40bc0000, 0x00960000, 0xffffffff };

	return q[x % ELEMENTSOF(q)];
}

enum { N_SERIES = 35, N_LIST = 12 };
struct world { struct fixture f; struct record record; uint32_t series[N_SERIES], list; uint8_t types[N_SERIES]; uint64_t seed; bool one_day; };

static inline bool world_series(struct world *w)
{
	struct uuid points[N_SERIES];

	for (unsigned i = 0; i < N_SERIES; i++) {
		points[i] = point(i);
		w->types[i] = all_types[i % ELEMENTSOF(all_types)];
	}
	return tsdb_series_many(w->f.t, 1, N_SERIES, points, w->types, w->series) == 0 &&
		tsdb_list(w->f.t, 1, w->series + 5, N_LIST, &w->list) == 0;
}

/* Mostly forwards, sometimes back, sometimes exactly where one is, over two midnights; 100 ns steps make remainders. */
static inline int64_t some_time(struct world *w, unsigned round)
{
	uint64_t x = random_next(&w->seed);
	int64_t base = T0 - DAY / 50 + (int64_t) round * (DAY / 40);

	switch (x % 8) {
	case 0:
		if (w->one_day)
			return base - (int64_t) (x >> 8 & 0xfff) * NS_PER_S;
		return base - (int64_t) (x >> 8 & 0xfff) * NS_PER_S * 20;
	case 1:
		return T0 + (int64_t) (x >> 8 & 0xff) * NS_PER_S;
	case 2:
		return base + (int64_t) (x >> 8 & 0xffffff) * 100;
	default:
		return base + (int64_t) (x >> 8 & 0x3ff) * NS_PER_S;
	}
}

static inline void write_tall(struct world *w, unsigned round)
{
	_cleanup_(batch_builder_freep) struct batch_builder *b = NULL;
	_cleanup_(batch_unrefp) struct batch *batch = NULL;
	uint8_t type = all_types[random_next(&w->seed) % ELEMENTSOF(all_types)];

	must(batch_builder_new(&b, 0) == 0 && batch_tall(b, 1, 7, type) == 0);
	for (unsigned i = 0; i < 200; i++) {
		unsigned k = (unsigned) (random_next(&w->seed) % (N_SERIES / 7)) * 7;
		uint64_t x = random_next(&w->seed);
		struct sample s = { .time_ns = some_time(w, round), .quality = nasty_quality(x >> 3) };

		for (unsigned j = 0; j < 7; j++)
			if (w->types[k + j] == type)
				s.series = w->series[k + j];
		s.value = x % 11 ? nasty(type, random_next(&w->seed)) : (struct value) { .type = V_NONE };
		must(batch_tall_add(b, &s) == 0);
		record_add(&w->record, &s);
	}
	must(batch_seal(b, T0 + (int64_t) round * DAY / 40, 0, &batch) == 0);
	is_int(fixture_append(&w->f, batch), 0);
}

static inline void write_group(struct world *w, unsigned round, bool named)
{
	_cleanup_(batch_builder_freep) struct batch_builder *b = NULL;
	_cleanup_(batch_unrefp) struct batch *batch = NULL;

	must(batch_builder_new(&b, 0) == 0);
	must((named ? batch_group_list(b, 1, 7, w->list, w->types + 5, N_LIST) : batch_group(b, 1, 7, w->series + 5, w->types + 5, N_LIST)) == 0);
	for (unsigned i = 0; i < 60; i++) {
		int64_t t = some_time(w, round);

		must(batch_group_row(b, t) == 0);
		for (unsigned k = 0; k < N_LIST; k++) {
			uint64_t x = random_next(&w->seed);
			struct sample s = { .series = w->series[5 + k], .time_ns = t, .quality = (uint32_t) QUALITY_BAD_WAITING };

			if (x % 13) {
				s.value = nasty(w->types[5 + k], x >> 8);
				s.quality = nasty_quality(x >> 4);
				must(batch_group_set(b, k, s.value, s.quality) == 0);
			}
			record_add(&w->record, &s);
		}
	}
	must(batch_seal(b, T0 + (int64_t) round * DAY / 40, 0, &batch) == 0);
	is_int(fixture_append(&w->f, batch), 0);
}

static inline void write_round(struct world *w, unsigned round)
{
	for (unsigned i = 0; i < 6; i++) {
		write_tall(w, round);
		write_group(w, round, i % 3 != 2);
	}
}

static inline struct tsdb_query ask(const uint32_t *series, size_t n, int64_t from, int64_t to)
{
	return (struct tsdb_query) { .tenant = 1, .series = series, .n_series = n, .from_ns = from, .to_ns = to };
}

static inline bool world_equals(struct world *w)
{
	struct tsdb_query q = ask(w->series, N_SERIES, INT64_MIN, INT64_MAX);
	bool good = store_equals(w->f.t, &q, &w->record);

	for (unsigned i = 0; i < 6 && good; i++) {
		int64_t from = some_time(w, i * 7), to = from + (int64_t) (random_next(&w->seed) % (DAY / 4));

		q = ask(w->series, N_SERIES, from, to);
		good = store_equals(w->f.t, &q, &w->record);
		/* One series alone goes another way through the files. */
		struct record one = { 0 };
		uint32_t s = w->series[random_next(&w->seed) % N_SERIES];
		for (size_t j = 0; j < w->record.n; j++)
			if (w->record.item[j].s.series == s)
				record_add(&one, &w->record.item[j].s);
		q = ask(&s, 1, from, to);
		good = good && store_equals(w->f.t, &q, &one);
		record_done(&one);
	}
	return good;
}

static inline bool lasts_are_right(struct world *w)
{
	struct arena a;
	struct sample last[N_SERIES];
	bool good = true;

	arena_init(&a, &sys_heap, 0);
	for (int round = 0; round < 4 && good; round++) {
		int64_t before = round ? some_time(w, (unsigned) round * 11) : INT64_MAX;
		struct tsdb_query q = ask(w->series, N_SERIES, INT64_MIN, before);
		int r = round ? tsdb_last_before(w->f.t, &q, &a, last) : tsdb_last(w->f.t, 1, w->series, N_SERIES, &a, last);

		good = r == 0;
		for (unsigned i = 0; i < N_SERIES && good; i++) {
			struct sample want = { .series = w->series[i], .time_ns = TSDB_NEVER };

			for (size_t j = 0; j < w->record.n; j++)
				if (w->record.item[j].s.series == w->series[i] && w->record.item[j].s.time_ns < before)
					want = w->record.item[j].s;
			good = same_sample(&want, &last[i]);
			if (!good)
				printf("# last of series %u before %lld: want %lld, got %lld\n", w->series[i], (long long) before,
					(long long) want.time_ns, (long long) last[i].time_ns);
		}
	}
	arena_done(&a);
	return good;
}
