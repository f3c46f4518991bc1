/* remove_test.c - what is deleted is in no answer, what is purged in no file; what was written afterwards stays. */
#include <errno.h>

#include "tap.h"

#include "base/err.h"
#include "tsdb/merge/merge_test.h"

#define HOUR (INT64_C(3600) * NS_PER_S)

/* The record, settled, without them. */
static void record_delete(struct record *r, const struct tsdb_stretch *what, size_t n_what)
{
	size_t n = 0;

	record_settle(r);
	for (size_t i = 0; i < r->n; i++) {
		const struct sample *s = &r->item[i].s;
		bool goes = false;

		for (size_t k = 0; k < n_what; k++)
			goes |= what[k].series == s->series && what[k].from_ns <= s->time_ns && (s->time_ns < what[k].to_ns || what[k].to_ns == INT64_MAX);
		if (!goes)
			r->item[n++] = r->item[i];
		else if (s->value.type == V_STR || s->value.type == V_BYTES)
			free((char *) (uintptr_t) s->value.s);
	}
	r->n = n;
}

static size_t some_stretches(struct world *w, unsigned round, struct tsdb_stretch *ret)
{
	size_t n = random_next(&w->seed) % 12 + 1;

	for (size_t i = 0; i < n; i++) {
		uint64_t x = random_next(&w->seed);
		int64_t from = some_time(w, round), length = (int64_t) (x >> 8 & 0xfff) * NS_PER_S;

		ret[i] = (struct tsdb_stretch) { .series = w->series[x % N_SERIES], .from_ns = from, .to_ns = from + length };
		if ((x >> 40 & 15) == 0)
			ret[i].from_ns = INT64_MIN;
		if (x >> 50 & 1)
			ret[i].to_ns = INT64_MAX;
	}
	return n;
}

static int merge_some(struct world *w)
{
	struct compact_ask ask = { .now_ns = clock_now_ns() + (int64_t) (random_next(&w->seed) % 30) * HOUR };
	int64_t due;
	int r = 1;

	for (unsigned i = 0; i < 6 && r > 0; i++)
		r = compact_step(w->f.t, &ask, &due);
	return MIN(r, 0);
}

/* Every aggregate of one bucket a series: counts come from side indexes where they may. */
struct counts { const struct world *w; const struct record *record; unsigned wrong, seen; };

static int check_count(void *ctx, const struct tsdb_bucket *b, size_t n)
{
	struct counts *c = ctx;

	for (size_t i = 0; i < n; i++) {
		uint64_t want = 0;

		for (size_t k = 0; k < c->record->n; k++)
			want += c->record->item[k].s.series == b[i].series && c->record->item[k].s.time_ns >= b[i].start_ns &&
				c->record->item[k].s.time_ns < b[i].end_ns;
		c->wrong += want != b[i].n;
		c->seen++;
	}
	return 0;
}

static bool counts_are_right(struct world *w)
{
	const struct tsdb_step hours = { .step_ns = 6 * HOUR, .only_time = true }, all = { .step_ns = 0, .only_time = true };
	struct counts c = { .w = w, .record = &w->record };
	struct tsdb_query q = ask(w->series, N_SERIES, T0 - 2 * DAY, T0 + 2 * DAY);

	return tsdb_aggregate(w->f.t, &q, &hours, check_count, &c) == 0 && tsdb_aggregate(w->f.t, &q, &all, check_count, &c) == 0 && !c.wrong && c.seen;
}

static void model(uint64_t seed, const struct tsdb_config *config)
{
	struct world w = { .f.config = *config, .seed = seed };
	struct tsdb_stretch what[16];

	must(fixture_begin(&w.f) == 0 && world_series(&w));
	for (unsigned round = 0; round < 12; round++) {
		uint64_t x = random_next(&w.seed);

		write_round(&w, 2 * round);
		if (x & 1)
			must(flush(&w.f));
		size_t n = some_stretches(&w, 2 * round, what);
		is_int(tsdb_delete(w.f.t, 1, what, n, 30000), 0);
		record_delete(&w.record, what, n);
		if (x & 2)
			write_tall(&w, 2 * round);             /* some of it again */
		if (x & 4)
			is_int(merge_some(&w), 0);
		if ((x >> 8 & 3) == 0) {
			fixture_stop(&w.f);
			must(fixture_start(&w.f) == 0);
		}
		must(fixture_settle(&w.f) == 0);
		record_settle(&w.record);
		ok(world_equals(&w));
		ok(lasts_are_right(&w));
		ok(counts_are_right(&w));
	}
	must(flush(&w.f));
	is_int(tsdb_compact(w.f.t, NULL), 0);
	ok(world_equals(&w));
	/* Carried out: no row too many on the medium, no tomb left. */
	struct tsdb_waiting left;
	tsdb_waiting_deletes(w.f.t, 0, &left);
	is_int(left.stretches, 0);
	is_int(left.files, 0);
	is_int(stats_of(&w.f).file_samples, w.record.n);
	fixture_stop(&w.f);
	must(fixture_start(&w.f) == 0);
	ok(world_equals(&w));
	ok(lasts_are_right(&w));
	record_done(&w.record);
	fixture_end(&w.f);
}

TEST(the_last_sample_behind_a_delete_is_the_last_that_was_written_of_its_time)
{
	/* A row of a list, one of its values written again, a later one: with that deleted, the value written again is the last. */
	struct fixture f = { .config = by_hand };
	_cleanup_(batch_builder_freep) struct batch_builder *b = NULL;
	const struct uuid points[2] = { point(1), point(2) };
	const uint8_t types[2] = { V_I64, V_I64 };
	uint32_t series[2], list;
	struct sample last;
	struct arena a;

	arena_init(&a, &sys_heap, 0);
	must(fixture_begin(&f) == 0 && tsdb_series_many(f.t, 1, 2, points, types, series) == 0 && tsdb_list(f.t, 1, series, 2, &list) == 0);
	must(batch_builder_new(&b, 0) == 0);
	for (int64_t i = 0; i < 3; i++) {
		_cleanup_(batch_unrefp) struct batch *batch = NULL;
		const struct value v = { .type = V_I64, .i = i };

		if (i == 0)
			must(batch_group_list(b, 1, 7, list, types, 2) == 0 && batch_group_row(b, T0) == 0 && batch_group_set(b, 0, v, 0) == 0);
		else
			must(batch_tall(b, 1, 7, V_I64) == 0 &&
				batch_tall_add(b, &(struct sample) { .series = series[0], .time_ns = T0 + (i - 1) * NS_PER_S, .value = v }) == 0);
		must(batch_seal(b, T0, 0, &batch) == 0 && fixture_append(&f, batch) == 0);
	}
	must(fixture_settle(&f) == 0 && tsdb_last(f.t, 1, series, 1, &a, &last) == 0);
	is_int(last.value.i, 2);
	is_int(tsdb_delete(f.t, 1, &(struct tsdb_stretch) { series[0], T0 + NS_PER_S, INT64_MAX }, 1, 30000), 0);
	must(tsdb_last(f.t, 1, series, 1, &a, &last) == 0);
	is_int(last.time_ns, T0);
	is_int(last.value.i, 1);
	arena_done(&a);
	fixture_end(&f);
}

TEST(whatever_is_deleted_written_again_merged_and_restarted_every_query_says_what_is_left) { model(21, &by_hand); }
TEST(so_it_does_when_a_day_is_many_files)
{
	struct tsdb_config small = by_hand;

	small.file_bytes = 4096;
	model(22, &small);
}
TEST(so_it_does_beside_the_thread_that_merges) { model(23, &(struct tsdb_config) { .n_shards = 2 }); }

/* --- Purging */

struct told { struct tsdb_rewritten f[64]; unsigned n; bool stop; };

static void on_file(void *ctx, const struct tsdb_rewritten *f)
{
	struct told *t = ctx;

	t->f[t->n++ % ELEMENTSOF(t->f)] = *f;
}

static bool is_cancelled(void *ctx) { return ((struct told *) ctx)->stop; }

/* Rows of the series that lie in files, whatever queries say. */
static uint64_t rows_in_files(struct fixture *f, uint32_t series)
{
	struct tenant *te = tenant_find(f->t, 1);
	_cleanup_(catalog_unrefp) struct catalog *c = catalog_ref(te);
	uint64_t n = 0;

	for (size_t i = 0; i < c->n; i++) {
		const struct idx *x;

		if (file_use(c->file[i], &x) < 0)
			return UINT64_MAX;
		const struct idx_entry *e = idx_find(x, series);
		n += e ? e->n : 0;
		file_leave(c->file[i]);
	}
	return n;
}

static void several_files(struct world *w)
{
	must(fixture_begin(&w->f) == 0 && world_series(w));
	for (unsigned i = 0; i < 6; i++) {
		write_round(w, i * 7);
		must(flush(&w->f));
	}
	record_settle(&w->record);
}

TEST(purging_writes_the_files_that_hold_it_again_and_no_others)
{
	struct world w = { .f.config = by_hand, .seed = 31 };
	struct told told = { 0 };
	uint64_t left = 9;

	several_files(&w);
	const struct tsdb_stretch all = { .series = w.series[3], .from_ns = INT64_MIN, .to_ns = INT64_MAX };
	uint64_t files = stats_of(&w.f).n_files, rows = rows_in_files(&w.f, all.series);
	must(rows > 0);
	is_int(tsdb_delete(w.f.t, 1, &all, 1, 30000), 0);
	is_int(rows_in_files(&w.f, all.series), rows);
	const struct tsdb_purge how = { .tenant = 1, .series = &all.series, .n_series = 1, .on_file = on_file, .ctx = &told };
	is_int(tsdb_purge(w.f.t, &how, &left), 0);
	is_int(left, 0);
	is_int(rows_in_files(&w.f, all.series), 0);
	ok(told.n > 0 && told.n <= files);
	uint64_t gone = 0;
	for (unsigned i = 0; i < told.n; i++) {
		char path[200];

		gone += told.f[i].rows - told.f[i].rows_left;
		snprintf(path, sizeof(path), "%s/tenants/1/ts/%s.parquet", w.f.dir, told.f[i].file);
		ok(!file_exists(path));
	}
	is_int(gone, rows);
	is_int(files_on_disk(&w.f), stats_of(&w.f).n_files);
	record_delete(&w.record, &all, 1);
	ok(world_equals(&w));
	/* Again: nothing is left to do. */
	told.n = 0;
	is_int(tsdb_purge(w.f.t, &how, &left), 0);
	is_int(told.n, 0);
	record_done(&w.record);
	fixture_end(&w.f);
}

TEST(a_file_that_somebody_reads_is_waited_for_and_what_is_cancelled_goes_on_later)
{
	struct world w = { .f.config = by_hand, .seed = 32 };
	struct told told = { 0 };
	struct tsdb_lease *lease;
	uint64_t left;

	several_files(&w);
	const struct tsdb_stretch all = { .series = w.series[4], .from_ns = INT64_MIN, .to_ns = INT64_MAX };
	const struct tsdb_purge how = { .tenant = 1, .series = &all.series, .n_series = 1, .on_file = on_file, .is_cancelled = is_cancelled, .ctx = &told };
	struct record then = { 0 };
	for (size_t i = 0; i < w.record.n; i++)
		record_add(&then, &w.record.item[i].s);
	must(tsdb_lease(w.f.t, 1, &lease) == 0);
	is_int(tsdb_delete(w.f.t, 1, &all, 1, 30000), 0);
	record_delete(&w.record, &all, 1);
	ok(world_equals(&w));
	/* Who holds a lease sees one state: the one before. */
	struct tsdb_query q = ask(w.series, N_SERIES, INT64_MIN, INT64_MAX);
	q.lease = lease;
	ok(store_equals(w.f.t, &q, &then));
	told.stop = true;
	is_int(tsdb_purge(w.f.t, &how, &left), -ERR_CANCELLED);
	told.stop = false;
	lease = tsdb_lease_end(lease);
	is_int(tsdb_purge(w.f.t, &how, &left), 0);
	is_int(rows_in_files(&w.f, all.series), 0);
	is_int(files_on_disk(&w.f), stats_of(&w.f).n_files);
	record_done(&then);
	record_done(&w.record);
	fixture_end(&w.f);
}

TEST(what_was_deleted_while_the_clock_was_ahead_does_not_wait_for_that_time)
{
	struct world w = { .f.config = by_hand, .seed = 34 };
	struct compact_ask ask = { .now_ns = clock_now_ns() - 365 * DAY };
	int64_t due;
	int r;

	several_files(&w);
	const struct tsdb_stretch all = { .series = w.series[4], .from_ns = INT64_MIN, .to_ns = INT64_MAX };
	is_int(tsdb_delete(w.f.t, 1, &all, 1, 30000), 0);
	while ((r = compact_step(w.f.t, &ask, &due)) > 0)
		;
	is_int(r, 0);
	is_int(rows_in_files(&w.f, all.series), 0);
	record_done(&w.record);
	fixture_end(&w.f);
}

static bool third_time(void *ctx) { return ++*(unsigned *) ctx > 3; }

/* Whoever wrote the files again: a purge has come to its end when the old ones are off the disk, also when it is asked a second time. */
TEST(a_purge_waits_for_files_that_a_merge_replaced_and_somebody_still_reads)
{
	struct world w = { .f.config = by_hand, .seed = 33 };
	struct tsdb_lease *lease;
	unsigned asked = 0;
	uint64_t left;

	several_files(&w);
	const struct tsdb_stretch all = { .series = w.series[4], .from_ns = INT64_MIN, .to_ns = INT64_MAX };
	const struct tsdb_purge how = { .tenant = 1, .series = &all.series, .n_series = 1, .is_cancelled = third_time, .ctx = &asked };
	must(tsdb_lease(w.f.t, 1, &lease) == 0);
	is_int(tsdb_delete(w.f.t, 1, &all, 1, 30000), 0);
	is_int(tsdb_compact(w.f.t, NULL), 0);
	is_int(rows_in_files(&w.f, all.series), 0);
	ok(files_on_disk(&w.f) > stats_of(&w.f).n_files);
	for (int i = 0; i < 2; i++) {
		asked = 0;
		is_int(tsdb_purge(w.f.t, &how, &left), -ERR_CANCELLED);
		err_clear();
	}
	lease = tsdb_lease_end(lease);
	asked = 0;
	is_int(tsdb_purge(w.f.t, &how, &left), 0);
	is_int(files_on_disk(&w.f), stats_of(&w.f).n_files);
	record_done(&w.record);
	fixture_end(&w.f);
}

TEST(ten_thousand_series_are_deleted_in_one_step)
{
	enum { MANY = 10000 };
	struct fixture f = { .config = by_hand };
	struct uuid *points = sys_alloc_array(MANY, sizeof(*points));
	uint8_t *types = sys_alloc(MANY);
	uint32_t *series = sys_alloc_array(MANY, sizeof(*series));
	struct tsdb_stretch *what = sys_alloc_array(MANY, sizeof(*what));
	_cleanup_(batch_builder_freep) struct batch_builder *b = NULL;

	must(points && types && series && what && fixture_begin(&f) == 0);
	for (uint32_t i = 0; i < MANY; i++) {
		points[i] = point(i);
		types[i] = V_F64;
	}
	must(tsdb_series_many(f.t, 1, MANY, points, types, series) == 0 && batch_builder_new(&b, 0) == 0);
	for (uint32_t i = 0; i < MANY; i += 2500) {
		_cleanup_(batch_unrefp) struct batch *batch = NULL;

		must(batch_tall(b, 1, 7, V_F64) == 0);
		for (uint32_t k = i; k < i + 2500; k++)
			must(batch_tall_add(b, &(struct sample) { .series = series[k], .time_ns = T0, .value = { .type = V_F64, .f64 = k } }) == 0);
		must(batch_seal(b, T0, 0, &batch) == 0);
		is_int(fixture_append(&f, batch), 0);
	}
	for (uint32_t i = 0; i < MANY; i++)
		what[i] = (struct tsdb_stretch) { series[MANY - 1 - i], INT64_MIN, INT64_MAX };
	is_int(tsdb_delete(f.t, 1, what, MANY, 30000), 0);
	struct record none = { 0 };
	struct tsdb_query q = ask(series, MANY, INT64_MIN, INT64_MAX);
	ok(store_equals(f.t, &q, &none));
	fixture_stop(&f);
	must(fixture_start(&f) == 0);
	ok(store_equals(f.t, &q, &none));
	is_int(tsdb_compact(f.t, NULL), 0);
	is_int(stats_of(&f).n_files, 0);
	is_int(files_on_disk(&f), 0);
	sys_free(points);
	sys_free(types);
	sys_free(series);
	sys_free(what);
	fixture_end(&f);
}

TEST(what_was_deleted_stays_deleted_when_the_manifest_is_lost)
{
	struct world w = { .f.config = by_hand, .seed = 34 };
	struct tsdb_stretch what[16];
	char path[200];

	several_files(&w);
	size_t n = some_stretches(&w, 14, what);
	what[n++] = (struct tsdb_stretch) { .series = w.series[6], .from_ns = INT64_MIN, .to_ns = INT64_MAX };
	is_int(tsdb_delete(w.f.t, 1, what, n, 30000), 0);
	record_delete(&w.record, what, n);
	write_round(&w, 14);                    /* is in the log alone */
	must(fixture_settle(&w.f) == 0);
	record_settle(&w.record);
	fixture_stop(&w.f);
	snprintf(path, sizeof(path), "%s/tenants/1/ts/manifest", w.f.dir);
	must(file_write(path, "TNMF is not all", 15, 0600) == 0);
	must(fixture_start(&w.f) == 0 && fixture_settle(&w.f) == 0);
	ok(world_equals(&w));
	ok(lasts_are_right(&w));
	must(flush(&w.f));
	is_int(tsdb_compact(w.f.t, NULL), 0);
	ok(world_equals(&w));
	is_int(stats_of(&w.f).file_samples, w.record.n);
	record_done(&w.record);
	fixture_end(&w.f);
}

/* A sample a second for three hours, its value the second; of each ten minutes count and sum, told by what is left. */
struct tens { bool gone[10800]; unsigned wrong, seen; };

static int check_tens(void *ctx, const struct tsdb_bucket *b, size_t n)
{
	struct tens *t = ctx;

	for (size_t i = 0; i < n; i++) {
		uint64_t count = 0;
		double sum = 0;

		for (int64_t s = (b[i].start_ns - T0) / NS_PER_S; s < (b[i].end_ns - T0) / NS_PER_S; s++)
			if (!t->gone[s]) {
				count++;
				sum += (double) s;
			}
		t->wrong += b[i].n != count || b[i].n_used != count || b[i].sum != sum;
		t->seen += b[i].n > 0;
	}
	return 0;
}

TEST(figures_of_minutes_and_hours_do_not_count_what_is_deleted)
{
	struct fixture f = { .config = by_hand };
	struct uuid point_ = point(1);
	_cleanup_(batch_builder_freep) struct batch_builder *b = NULL;
	struct tens *tens = calloc(1, sizeof(*tens));
	const struct tsdb_step step = { .step_ns = 600 * NS_PER_S, .only_time = true };
	uint32_t series;

	must(tens && fixture_begin(&f) == 0 && tsdb_series(f.t, 1, &point_, V_F64, &series) == 0 && batch_builder_new(&b, 0) == 0);
	for (int64_t i = 0; i < 10800; i += 1800) {
		_cleanup_(batch_unrefp) struct batch *batch = NULL;

		must(batch_tall(b, 1, 7, V_F64) == 0);
		for (int64_t k = i; k < i + 1800; k++)
			must(batch_tall_add(b, &(struct sample) { .series = series, .time_ns = T0 + k * NS_PER_S, .value = { .type = V_F64, .f64 = (double) k } }) == 0);
		must(batch_seal(b, T0, 0, &batch) == 0);
		is_int(fixture_append(&f, batch), 0);
	}
	must(flush(&f));
	is_int(tsdb_compact(f.t, NULL), 0);
	struct tsdb_query q = ask(&series, 1, T0, T0 + 10800 * NS_PER_S);
	static const int64_t gone[][2] = { { 59, 61 }, { 1200, 1800 }, { 3500, 7300 }, { 10799, 10800 } };
	for (size_t i = 0; i < ELEMENTSOF(gone); i++) {
		is_int(tsdb_delete(f.t, 1, &(struct tsdb_stretch) { series, T0 + gone[i][0] * NS_PER_S, T0 + gone[i][1] * NS_PER_S }, 1, 30000), 0);
		for (int64_t s = gone[i][0]; s < gone[i][1]; s++)
			tens->gone[s] = true;
		is_int(tsdb_aggregate(f.t, &q, &step, check_tens, tens), 0);
		is_int(tens->wrong, 0);
	}
	is_int(tsdb_compact(f.t, NULL), 0);
	is_int(tsdb_aggregate(f.t, &q, &step, check_tens, tens), 0);
	is_int(tens->wrong, 0);
	ok(tens->seen > 40);
	is_int(stats_of(&f).file_samples, 10800 - 2 - 600 - 3800 - 1);
	free(tens);
	fixture_end(&f);
}

/* --- The n-th call fails */

static void delete_with_fault(enum sys_call call, int error, unsigned step)
{
	struct world w = { .f.config = by_hand, .seed = 33, .one_day = true };
	unsigned clean = 0, failed = 0;

	sys_fault_nth(call, 0, 0);
	must(fixture_begin(&w.f) == 0 && world_series(&w));
	for (unsigned nth = 1; nth < 4000 && clean < 2; nth += every(step)) {
		const uint32_t series = w.series[nth % N_SERIES];
		const struct tsdb_stretch what = { .series = series, .from_ns = T0 - DAY, .to_ns = T0 + DAY };
		const struct tsdb_purge how = { .tenant = 1, .series = &series, .n_series = 1 };
		uint64_t left;

		write_tall(&w, 10);
		must(flush(&w.f));
		record_settle(&w.record);
		sys_fault_nth(call, nth, error);
		int r = tsdb_delete(w.f.t, 1, &what, 1, 30000), p = r == 0 ? tsdb_purge(w.f.t, &how, &left) : 0;
		bool hit = sys_fault_hit();
		sys_fault_nth(call, 0, 0);
		clean = hit ? 0 : clean + 1;
		failed += r < 0 || p < 0;
		err_clear();
		/* All of it is there or nothing of it; a step that failed may still be on the medium, and is the truth after the next one. */
		if (r == 0)
			record_delete(&w.record, &what, 1);
		must(world_equals(&w));
		if (r < 0) {
			must(tsdb_delete(w.f.t, 1, &what, 1, 30000) == 0);
			record_delete(&w.record, &what, 1);
		}
		must(tsdb_purge(w.f.t, &how, &left) == 0);
		/* A file set aside because a read failed is asked again at the next start. */
		if (left || nth % 4 == 0) {
			fixture_stop(&w.f);
			must(fixture_start(&w.f) == 0 && fixture_settle(&w.f) == 0 && tsdb_purge(w.f.t, &how, &left) == 0);
		}
		must(world_equals(&w));
		must(rows_in_files(&w.f, series) == 0);
	}
	is_int(clean, 2);
	ok(failed > 0);
	printf("# %u failed\n", failed);
	is_int(files_on_disk(&w.f), stats_of(&w.f).n_files);
	record_done(&w.record);
	fixture_end(&w.f);
	sys_restore();
}

TEST(a_write_that_fails_during_a_delete_costs_nothing) { delete_with_fault(SYS_WRITE, ENOSPC, 4); }
TEST(a_sync_that_fails_during_a_delete_costs_nothing) { delete_with_fault(SYS_FSYNC, EIO, 2); }
TEST(a_rename_that_fails_during_a_delete_costs_nothing) { delete_with_fault(SYS_RENAME, EIO, 1); }
TEST(an_open_that_fails_during_a_delete_costs_nothing) { delete_with_fault(SYS_OPEN, EMFILE, 1); }
TEST(memory_that_ends_during_a_delete_costs_nothing) { delete_with_fault(SYS_ANY_MEMORY, ENOMEM, 23); }
