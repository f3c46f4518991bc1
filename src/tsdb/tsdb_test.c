/* tsdb_test.c - the store as a whole against a plain record of what was written. */
#include <math.h>

#include "tap.h"

#include "tsdb/world_test.h"

static void through_everything(unsigned n_shards, uint64_t seed)
{
	struct world w = { .f.config.n_shards = n_shards, .seed = seed };

	must(fixture_begin(&w.f) == 0);
	must(world_series(&w));
	for (unsigned round = 0; round < 40; round++) {
		write_round(&w, round);
		if (round % 5 == 1) {
			is_int(fixture_settle(&w.f), 0);
			is_int(tsdb_flush(w.f.t), 0);
		}
		if (round % 9 == 4) {
			fixture_stop(&w.f);
			must(fixture_start(&w.f) == 0);
		}
		if (round % 10 == 9) {
			is_int(fixture_settle(&w.f), 0);
			record_settle(&w.record);
			ok(world_equals(&w));
			ok(lasts_are_right(&w));
		}
	}
	struct tsdb_stats stats;
	tsdb_stats(w.f.t, &stats);
	ok(stats.n_files > 8 && stats.refused == 0 && stats.lost == 0 && stats.replaced > 0);
	is_int(stats.n_series, N_SERIES);
	record_done(&w.record);
	fixture_end(&w.f);
}

TEST(what_was_written_is_read_back_bit_for_bit_through_head_files_and_restarts) { through_everything(1, 1); }
TEST(two_shards_answer_like_one) { through_everything(2, 2); }

/* --- Reading while rows come in and are flushed */

struct race { struct fixture f; uint32_t series[4]; _Atomic int64_t settled; _Atomic bool stop; _Atomic unsigned rounds; _Atomic bool wrong; };

static int count_rows(void *ctx, struct batch *b)
{
	*(int64_t *) ctx += b->n_rows;
	return 0;
}

static int count_samples(void *ctx, const struct tsdb_bucket *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		*(int64_t *) ctx += (int64_t) b[i].n;
	return 0;
}

static void look(void *arg)
{
	struct race *r = arg;
	struct sample last[4];
	struct arena a;

	arena_init(&a, &sys_heap, 0);
	while (!r->stop && !r->wrong) {
		int64_t sure = r->settled, ranged = 0, summed = 0;
		struct tsdb_query q = ask(r->series, 4, INT64_MIN, INT64_MAX);

		q.from_ns = T0 - DAY;
		q.to_ns = T0 + 40 * DAY;
		bool wrong = tsdb_range(r->f.t, &q, count_rows, &ranged) != 0 || ranged < 4 * sure;
		wrong |= tsdb_aggregate(r->f.t, &q, &(struct tsdb_step) { .step_ns = NS_PER_S * 100 }, count_samples, &summed) != 0 ||
			summed < ranged;
		wrong |= tsdb_last(r->f.t, 1, r->series, 4, &a, last) != 0 || (sure && last[3].time_ns < T0 + (sure - 1) * NS_PER_S);
		if (wrong)
			printf("# sure of %lld, found %lld, summed %lld, last %lld\n", (long long) sure, (long long) ranged, (long long) summed,
				(long long) last[3].time_ns);
		arena_reset(&a);
		if (wrong)
			r->wrong = true;
		r->rounds++;
	}
	arena_done(&a);
}

/* One row of n series, by their numbers or as a list; each value is `value`. */
static bool write_row(struct fixture *f, struct batch_builder *w, uint32_t list, const uint32_t *series, unsigned n, int64_t ns, int64_t value)
{
	static const uint8_t types[16] = { [0 ... 15] = V_I64 };
	_cleanup_(batch_unrefp) struct batch *b = NULL;
	bool good = batch_group(w, 1, list, series, types, n) == 0 && batch_group_row(w, ns) == 0;

	for (unsigned k = 0; k < n && good; k++)
		good = batch_group_set(w, k, (struct value) { .type = V_I64, .i = value }, 0) == 0;
	return good && batch_seal(w, 0, 0, &b) == 0 && fixture_append(f, b) == 0 && fixture_settle(f) == 0;
}

static int64_t rows_of(struct fixture *f, const uint32_t *series)
{
	struct tsdb_query q = ask(series, 1, T0, T0 + DAY);
	int64_t n = 0;

	return tsdb_range(f->t, &q, count_rows, &n) == 0 ? n : -1;
}

TEST(a_series_that_is_not_to_be_kept_is_passed_over_alone_and_in_lists)
{
	for (unsigned shards = 1; shards <= 2; shards++) {
		struct fixture f = { .config = { .n_shards = shards } };
		struct uuid points[3] = { point(1), point(2), point(3) };
		uint8_t types[3] = { V_I64, V_I64, V_I64 };
		uint32_t series[3], list;
		struct batch_builder *w = NULL;
		struct sample last;
		struct arena a;

		must(fixture_begin(&f) == 0 && batch_builder_new(&w, 0) == 0 && tsdb_series_many(f.t, 1, 3, points, types, series) == 0);
		must(tsdb_list(f.t, 1, series, 3, &list) == 0);
		tsdb_keep(f.t, 1, series[1], false);
		tsdb_keep(f.t, 1, 4711, false);
		must(write_row(&f, w, 0, series, 3, T0, 7) && write_row(&f, w, list, series, 3, T0 + NS_PER_S, 8));
		is_int(rows_of(&f, &series[0]), 2);
		is_int(rows_of(&f, &series[1]), 0);
		is_int(rows_of(&f, &series[2]), 2);
		arena_init(&a, &sys_heap, 0);
		is_int(tsdb_last(f.t, 1, &series[1], 1, &a, &last), 0);
		ok(last.time_ns == TSDB_NEVER);
		tsdb_keep(f.t, 1, series[1], true);
		must(write_row(&f, w, list, series, 3, T0 + 2 * NS_PER_S, 9));
		is_int(rows_of(&f, &series[0]), 3);
		is_int(rows_of(&f, &series[1]), 1);
		is_int(tsdb_last(f.t, 1, &series[1], 1, &a, &last), 0);
		is_int(last.value.i, 9);
		arena_done(&a);
		batch_builder_free(w);
		fixture_end(&f);
	}
}

/* Some of a set, all of it, one of it alone: where each row goes in memory is nobody's business. `value` is the time's own each time. */
static bool write_mixed(struct fixture *f, struct batch_builder *w, const uint32_t *series)
{
	bool good = true;

	for (unsigned i = 0; i < 40 && good; i++) {
		int64_t t = T0 + i * NS_PER_S;

		good = write_row(f, w, 0, series, 16, t, 100 + i);
		if (i % 3 == 1)
			good = good && write_row(f, w, 0, series + 4, 8, t, 200 + i);
		if (i % 5 == 2)
			good = good && write_row(f, w, 0, series + 6, 1, t, 300 + i);
		if (i % 7 == 3)
			good = good && write_row(f, w, 0, series, 16, t - NS_PER_S, 400 + i);
	}
	return good;
}

static int64_t mixed_value(unsigned k, unsigned i)
{
	if (i % 7 == 2 && i < 39)
		return 400 + i + 1;
	if (i % 5 == 2 && k == 6)
		return 300 + i;
	return i % 3 == 1 && k >= 4 && k < 12 ? 200 + i : 100 + i;
}

static bool mixed_is_there(struct fixture *f, const uint32_t *series)
{
	struct record want = { 0 };
	struct tsdb_query q = ask(series, 16, T0, T0 + DAY);

	for (unsigned k = 0; k < 16; k++)
		for (unsigned i = 0; i < 40; i++)
			record_add(&want, &(struct sample) { .series = series[k], .time_ns = T0 + i * NS_PER_S,
				.value = { .type = V_I64, .i = mixed_value(k, i) } });
	bool good = store_equals(f->t, &q, &want);
	record_done(&want);
	return good;
}

TEST(rows_of_a_set_of_some_of_it_and_of_one_are_merged_and_the_last_written_wins)
{
	for (unsigned shards = 1; shards <= 8; shards *= 2) {
		struct fixture f = { .config = { .n_shards = shards } };
		struct uuid points[16];
		uint8_t types[16];
		uint32_t series[16];
		struct batch_builder *w = NULL;
		struct tsdb_stats s;

		for (unsigned i = 0; i < 16; i++) {
			points[i] = point(i + 1);
			types[i] = V_I64;
		}
		must(fixture_begin(&f) == 0 && batch_builder_new(&w, 0) == 0 && tsdb_series_many(f.t, 1, 16, points, types, series) == 0);
		must(write_mixed(&f, w, series));
		tsdb_stats(f.t, &s);
		is_int(s.n_lists, 2);
		ok(mixed_is_there(&f, series));
		fixture_stop(&f);
		must(fixture_start(&f) == 0 && fixture_settle(&f) == 0);        /* from the log, which knows nothing of these lists */
		ok(mixed_is_there(&f, series));
		must(tsdb_flush(f.t) == 0);
		ok(mixed_is_there(&f, series));
		must(write_row(&f, w, 0, series, 16, T0 + 40 * NS_PER_S, 7));
		is_int(rows_of(&f, &series[15]), 41);
		batch_builder_free(w);
		fixture_end(&f);
	}
}

/* Row i: series k has 100 i + k, and every fifth an uncertain quality. */
static bool write_numbered(struct fixture *f, struct batch_builder *w, uint32_t list, const uint32_t *series, unsigned i)
{
	static const uint8_t types[16] = { [0 ... 15] = V_I64 };
	_cleanup_(batch_unrefp) struct batch *b = NULL;
	bool good = batch_group(w, 1, list, series, types, 16) == 0 && batch_group_row(w, T0 + i * NS_PER_S) == 0;

	for (unsigned k = 0; k < 16 && good; k++)
		good = batch_group_set(w, k, (struct value) { .type = V_I64, .i = 100 * i + k }, k % 5 ? 0 : 0x40bc0000) == 0;
	return good && batch_seal(w, 0, 0, &b) == 0 && fixture_append(f, b) == 0 && fixture_settle(f) == 0;
}

TEST(of_a_row_those_that_are_kept_share_a_list_and_have_their_own_values)
{
	for (unsigned shards = 1; shards <= 4; shards *= 2) {
		struct fixture f = { .config = { .n_shards = shards } };
		struct record want = { 0 };
		struct uuid points[16];
		uint8_t types[16];
		uint32_t series[16], list;
		struct batch_builder *w = NULL;
		struct tsdb_query q = ask(series, 16, T0, T0 + DAY);
		struct tsdb_stats s;
		struct sample last[16];
		struct arena a;

		for (unsigned i = 0; i < 16; i++) {
			points[i] = point(i + 1);
			types[i] = V_I64;
		}
		must(fixture_begin(&f) == 0 && batch_builder_new(&w, 0) == 0 && tsdb_series_many(f.t, 1, 16, points, types, series) == 0);
		for (unsigned k = 0; k < 16; k += 7)    /* the first, one amid, and 14 */
			tsdb_keep(f.t, 1, series[k], false);
		must(tsdb_list(f.t, 1, series, 16, &list) == 0);
		for (unsigned i = 0; i < 40; i++)
			must(write_numbered(&f, w, i % 2 ? list : 0, series, i));
		for (unsigned k = 0; k < 16; k++)
			for (unsigned i = 0; i < 40 && k % 7; i++)
				record_add(&want, &(struct sample) { .series = series[k], .time_ns = T0 + i * NS_PER_S,
					.value = { .type = V_I64, .i = 100 * i + k }, .quality = k % 5 ? 0 : 0x40bc0000 });
		tsdb_stats(f.t, &s);
		is_int(s.n_lists, 2);
		is_int(s.head_samples, 13 * 40);
		ok(store_equals(f.t, &q, &want));
		arena_init(&a, &sys_heap, 0);
		is_int(tsdb_last(f.t, 1, series, 16, &a, last), 0);
		for (unsigned k = 0; k < 16; k++)
			ok(k % 7 ? last[k].value.i == 3900 + k && last[k].quality == (k % 5 ? 0 : 0x40bc0000) : last[k].time_ns == TSDB_NEVER);
		arena_done(&a);
		must(tsdb_flush(f.t) == 0);
		ok(store_equals(f.t, &q, &want));
		tsdb_keep(f.t, 1, series[7], true);
		must(write_numbered(&f, w, 0, series, 41));
		is_int(rows_of(&f, &series[7]), 1);
		is_int(rows_of(&f, &series[8]), 41);
		record_done(&want);
		batch_builder_free(w);
		fixture_end(&f);
	}
}

/* One row each of ten groups of 1,000 floats. A chunk of its own for each takes 312 bytes; a column of one they share takes 24 and room for 16 values. */
TEST(a_row_of_many_points_takes_the_memory_of_its_values)
{
	enum { K = 1000, N = 10 * K };
	struct fixture f = { .config = { .n_shards = 2 } };
	_cleanup_free_ struct uuid *points = sys_alloc_array(N, sizeof(*points));
	_cleanup_free_ uint8_t *types = sys_alloc(N);
	_cleanup_free_ uint32_t *series = sys_alloc_array(N, sizeof(*series));
	_cleanup_(batch_builder_freep) struct batch_builder *w = NULL;
	struct tsdb_stats s;

	must(points && types && series);
	for (unsigned i = 0; i < N; i++) {
		points[i] = point(i + 1);
		types[i] = V_F32;
	}
	must(fixture_begin(&f) == 0 && batch_builder_new(&w, 0) == 0 && tsdb_series_many(f.t, 1, N, points, types, series) == 0);
	for (unsigned g = 0; g < N; g += K) {
		_cleanup_(batch_unrefp) struct batch *b = NULL;

		must(batch_group(w, 1, 0, series + g, types, K) == 0 && batch_group_row(w, T0) == 0);
		for (unsigned i = 0; i < K; i++)
			must(batch_group_set(w, i, (struct value) { .type = V_F32, .f32 = (float) i }, 0) == 0);
		must(batch_seal(w, 0, 0, &b) == 0 && fixture_append(&f, b) == 0);
	}
	must(fixture_settle(&f) == 0);
	tsdb_stats(f.t, &s);
	is_int(s.head_samples, N);
	ok(s.head_bytes < N * 130);
	fixture_end(&f);
}

/* 16 series of their own, so that every shard has some; half of the least budget holds these 6,400 samples many times over. */
TEST(a_small_head_makes_no_file_of_each_batch)
{
	for (unsigned shards = 1; shards <= 8; shards *= 2) {
		struct fixture f = { .config = { .n_shards = shards, .head_bytes = 1 << 20 } };
		struct uuid points[16];
		uint8_t types[16];
		uint32_t series[16];
		struct batch_builder *w = NULL;
		struct tsdb_stats s;

		for (unsigned i = 0; i < 16; i++) {
			points[i] = point(i + 1);
			types[i] = V_I64;
		}
		must(fixture_begin(&f) == 0 && batch_builder_new(&w, 0) == 0 && tsdb_series_many(f.t, 1, 16, points, types, series) == 0);
		for (unsigned i = 0; i < 400; i++)
			must(write_row(&f, w, 0, series, 16, T0 + i * NS_PER_S, i));
		must(tsdb_flush(f.t) == 0);
		tsdb_stats(f.t, &s);
		is_int(s.n_files, 1);
		is_int(s.file_samples, 16 * 400);
		batch_builder_free(w);
		fixture_end(&f);
	}
}

TEST(a_query_never_misses_what_is_on_its_way_from_the_head_to_a_file)
{
	struct race r = { .f.config = { .flush_age_ms = 1, .n_shards = 2 } };
	struct thread readers[2];
	struct uuid points[4] = { point(1), point(2), point(3), point(4) };
	uint8_t types[4] = { V_F64, V_I64, V_BOOL, V_F32 };
	struct batch_builder *w = NULL;
	struct tsdb_stats s;

	must(fixture_begin(&r.f) == 0 && tsdb_series_many(r.f.t, 1, 4, points, types, r.series) == 0);
	must(batch_builder_new(&w, 0) == 0);
	for (int i = 0; i < 2; i++)
		must(thread_start(&readers[i], "look", look, &r) == 0);
	tsdb_stats(r.f.t, &s);
	for (int64_t row = 0; (s.flushes < 25 || r.rounds < 25) && row < 2000000 && !r.wrong; row += 50) {
		struct batch *b = NULL;

		must(batch_group(w, 1, 0, r.series, types, 4) == 0);
		for (int64_t i = row; i < row + 50; i++) {
			must(batch_group_row(w, T0 + i * NS_PER_S) == 0);
			for (unsigned k = 0; k < 4; k++) {
				struct value v = { .type = types[k] };

				if (k == 0)
					v.f64 = (double) i / 8;
				else if (k == 3)
					v.f32 = (float) i;
				else if (k == 1)
					v.i = i;
				else
					v.b = i & 1;
				must(batch_group_set(w, k, v, 0) == 0);
			}
		}
		must(batch_seal(w, 0, 0, &b) == 0);
		is_int(fixture_append(&r.f, b), 0);
		batch_unref(b);
		is_int(fixture_settle(&r.f), 0);
		r.settled = row + 50;
		/* Where others have the processor, merging (nice 10) falls behind, and a day that has 128 files takes no more until it is merged. */
		int e = row % 1000 == 0 ? tsdb_flush(r.f.t) : 0;
		ok(e == 0 || e == -ERR_BUSY);
		err_clear();
		tsdb_stats(r.f.t, &s);
	}
	r.stop = true;
	for (int i = 0; i < 2; i++)
		thread_join(&readers[i]);
	ok(!r.wrong);
	ok(s.flushes >= 25);
	ok(r.rounds >= 25);
	batch_builder_free(w);
	fixture_end(&r.f);
}
