/* compact_test.c - merged or not, every query says the same; whatever fails or dies meanwhile. */
#include <fcntl.h>

#include "tap.h"

#include "tsdb/merge/merge_test.h"

#define HOUR (INT64_C(3600) * NS_PER_S)

/* As the thread would at that time, to the end. */
static int merge_at(struct tsdb *t, int64_t now)
{
	struct compact_ask ask = { .now_ns = now };
	int64_t due;
	int n = 0, r;

	while ((r = compact_step(t, &ask, &due)) > 0)
		n++;
	return r < 0 ? r : n;
}

/* --- The model */

static void random_step(struct world *w, unsigned round, unsigned *merges)
{
	uint64_t x = random_next(&w->seed);

	write_round(w, round);
	if (x % 3 != 0)
		must(flush(&w->f));
	if (x >> 8 & 1) {
		/* Now, or so much later that one rule after the other has its turn. */
		int r = merge_at(w->f.t, clock_now_ns() + (int64_t) (x >> 16 & 0x3f) * HOUR / 20);

		ok(r >= 0);
		*merges += (unsigned) MAX(r, 0);
	}
	if ((x >> 24 & 7) == 0)
		is_int(tsdb_compact(w->f.t, NULL), 0);
	if ((x >> 32 & 7) == 0) {
		fixture_stop(&w->f);
		must(fixture_start(&w->f) == 0);
	}
}

static void model(uint64_t seed, const struct tsdb_config *config)
{
	struct world w = { .f.config = *config, .seed = seed };
	unsigned merges = 0;

	must(fixture_begin(&w.f) == 0);
	must(world_series(&w));
	for (unsigned round = 0; round < 27; round++) {
		random_step(&w, round % 20, &merges);           /* at the end it goes back to the first days */
		if (round % 9 == 8) {
			must(fixture_settle(&w.f) == 0);
			record_settle(&w.record);
			ok(world_equals(&w));
			ok(lasts_are_right(&w));
		}
	}
	must(flush(&w.f));
	is_int(tsdb_compact(w.f.t, NULL), 0);
	record_settle(&w.record);
	ok(world_equals(&w));
	ok(lasts_are_right(&w));
	/* On the medium, too: each sample once, and days alone. */
	struct tsdb_stats s = stats_of(&w.f);
	ok(config->file_bytes ? s.n_files > 4 * s.days : config->whole_rows ? s.n_files >= s.days : s.n_files == s.days);
	is_int(s.level[LEVEL_DAY].samples, w.record.n);
	is_int(s.level[LEVEL_FLUSHED].files + s.level[LEVEL_WINDOW].files, 0);
	is_int(s.merge_failures, 0);
	is_int(s.files_replaced, 0);
	ok(merges > 5);
	/* As a new start sees it. */
	fixture_stop(&w.f);
	must(fixture_start(&w.f) == 0);
	ok(world_equals(&w));
	ok(lasts_are_right(&w));
	is_int(stats_of(&w.f).file_samples, w.record.n);
	record_done(&w.record);
	fixture_end(&w.f);
}

TEST(whatever_is_written_late_twice_merged_and_restarted_every_query_says_what_was_written_last) { model(1, &by_hand); }
TEST(so_it_does_when_a_day_is_many_files)
{
	struct tsdb_config small = by_hand;

	small.file_bytes = 4096;
	model(2, &small);
}
TEST(so_it_does_where_days_that_are_over_are_written_once)
{
	struct tsdb_config once = by_hand;

	once.whole_rows = 20;
	model(5, &once);
}
TEST(so_it_does_beside_the_thread_that_merges) { model(3, &(struct tsdb_config) { .n_shards = 2 }); }

/* --- Figures of the index */

struct sums { struct tsdb_bucket b[N_SERIES * 4]; size_t n; };

static int keep_bucket(void *ctx, const struct tsdb_bucket *b, size_t n)
{
	struct sums *s = ctx;

	for (size_t i = 0; i < n && s->n < ELEMENTSOF(s->b); i++) {
		s->b[s->n] = b[i];
		s->b[s->n].first = s->b[s->n].last = (struct value) { 0 };      /* texts do not last */
		s->n++;
	}
	return 0;
}

static bool same_entries(struct idx *a, const struct idx *b)
{
	if (a->n != b->n || a->layout.rows != b->layout.rows)
		return false;
	return memcmp(a->entry, b->entry, a->n * sizeof(a->entry[0])) == 0;
}

struct one_file { char base[600]; unsigned n; };

static int note_file(void *ctx, const char *base)
{
	struct one_file *f = ctx;

	if (str_ends(base, ".1m") || str_ends(base, ".1h"))
		return 0;

	snprintf(f->base, sizeof(f->base), "%s", base);
	f->n++;
	return 0;
}

static struct one_file files_of(const struct fixture *f)
{
	struct one_file one = { .n = 0 };
	char path[200];

	snprintf(path, sizeof(path), "%s/tenants/1/ts/manifest", f->dir);
	tsdb_manifest_files(path, 1, note_file, &one);
	return one;
}

/* The figures of a merged file are those of a file that is made from the same samples at once. */
TEST(the_side_index_of_a_merged_file_says_what_one_made_again_from_it_says)
{
	struct world w = { .f.config = by_hand, .seed = 5 };
	struct idx was = { 0 }, now = { 0 };
	char path[800];

	must(fixture_begin(&w.f) == 0 && world_series(&w));
	for (unsigned i = 0; i < 8; i++) {
		write_round(&w, 5 + i % 2);
		must(flush(&w.f));
	}
	is_int(tsdb_compact(w.f.t, NULL), 0);
	struct one_file f = files_of(&w.f);
	int64_t size;
	snprintf(path, sizeof(path), "%s/tenants/1/ts/%s.parquet", w.f.dir, f.base);
	must(file_size(path, &size) == 0);
	snprintf(path, sizeof(path), "%s/tenants/1/ts/%s.idx", w.f.dir, f.base);
	must(idx_open(path, (uint64_t) size, &was) == 0);
	fixture_stop(&w.f);
	must(unlink(path) == 0);
	must(fixture_start(&w.f) == 0);
	record_settle(&w.record);
	ok(world_equals(&w));
	must(idx_open(path, (uint64_t) size, &now) == 0);
	ok(was.n > 20 && same_entries(&was, &now));
	idx_close(&was);
	idx_close(&now);
	record_done(&w.record);
	fixture_end(&w.f);
}

TEST(aggregates_are_the_same_before_and_after_to_the_last_bit)
{
	struct world w = { .f.config = by_hand, .seed = 6 };
	struct sums *before = calloc(1, sizeof(*before)), *after = calloc(1, sizeof(*after));

	must(fixture_begin(&w.f) == 0 && world_series(&w));
	for (unsigned i = 0; i < 12; i++) {
		write_round(&w, 3 + i % 4);
		must(flush(&w.f));
	}
	struct tsdb_query q = ask(w.series, N_SERIES, T0 - DAY, T0 + DAY);
	const struct tsdb_step step = { .step_ns = 12 * HOUR };                /* figures of hours: roll_test.c */
	q.raw_only = true;
	is_int(tsdb_aggregate(w.f.t, &q, &step, keep_bucket, before), 0);
	is_int(tsdb_compact(w.f.t, NULL), 0);
	is_int(tsdb_aggregate(w.f.t, &q, &step, keep_bucket, after), 0);
	ok(before->n > 40);
	ok(before->n == after->n && memcmp(before->b, after->b, before->n * sizeof(before->b[0])) == 0);
	free(before);
	free(after);
	record_done(&w.record);
	fixture_end(&w.f);
}

/* --- Leases */

static int exists(void *ctx, const char *base)
{
	const struct fixture *f = ctx;
	char path[800];

	snprintf(path, sizeof(path), "%s/tenants/1/ts/%s.parquet", f->dir, base);
	return file_exists(path) ? 0 : -ERR_MISSING;
}

TEST(a_lease_sees_one_state_whatever_is_merged_and_written_meanwhile)
{
	struct world w = { .f.config = by_hand, .seed = 7 };
	struct record then = { 0 };
	struct tsdb_lease *lease;

	must(fixture_begin(&w.f) == 0 && world_series(&w));
	for (unsigned i = 0; i < 6; i++) {
		write_round(&w, 4);
		must(flush(&w.f));
	}
	record_settle(&w.record);
	for (size_t i = 0; i < w.record.n; i++)
		record_add(&then, &w.record.item[i].s);
	must(tsdb_lease(w.f.t, 1, &lease) == 0);
	uint64_t held = stats_of(&w.f).n_files;
	for (unsigned round = 0; round < 4; round++) {
		/* The same times again with other values, in files of every level and in the head. */
		write_round(&w, 4);
		must(flush(&w.f));
		is_int(tsdb_compact(w.f.t, NULL), 0);
		write_round(&w, 4);
		struct tsdb_query q = ask(w.series, N_SERIES, INT64_MIN, INT64_MAX);
		q.lease = lease;
		ok(store_equals(w.f.t, &q, &then));
		is_int(tsdb_lease_files(lease, exists, &w.f), 0);
		ok(stats_of(&w.f).files_replaced >= held);
	}
	must(fixture_settle(&w.f) == 0);
	record_settle(&w.record);
	ok(world_equals(&w));
	/* With the lease go the files. */
	is_int(tsdb_lease(w.f.t, 9, &(struct tsdb_lease *) { NULL }), -ERR_MISSING);
	lease = tsdb_lease_end(lease);
	is_int(stats_of(&w.f).files_replaced, 0);
	fixture_stop(&w.f);
	must(fixture_start(&w.f) == 0);
	must(fixture_settle(&w.f) == 0);
	ok(world_equals(&w));
	record_done(&then);
	record_done(&w.record);
	fixture_end(&w.f);
}

/* A query that is under way while its files are merged and gone. */
struct slow { struct world *w; struct record got; unsigned batches; };

static int merge_meanwhile(void *ctx, struct batch *b)
{
	struct slow *s = ctx;

	if (s->batches++ == 0)
		is_int(tsdb_compact(s->w->f.t, NULL), 0);
	return record_batch(&s->got, b);
}

TEST(a_query_that_began_before_reads_on)
{
	struct world w = { .f.config = by_hand, .seed = 8 };
	struct slow s = { .w = &w };

	must(fixture_begin(&w.f) == 0 && world_series(&w));
	for (unsigned i = 0; i < 6; i++) {
		write_round(&w, 4 + i % 2);
		must(flush(&w.f));
	}
	record_settle(&w.record);
	struct tsdb_query q = ask(w.series, N_SERIES, INT64_MIN, INT64_MAX);
	is_int(tsdb_range(w.f.t, &q, merge_meanwhile, &s), 0);
	bool same = s.got.n == w.record.n && s.batches > 1;
	for (size_t i = 0; same && i < s.got.n; i++)
		same = same_sample(&s.got.item[i].s, &w.record.item[i].s);
	ok(same);
	record_done(&s.got);
	record_done(&w.record);
	fixture_end(&w.f);
}

/* --- Too many */

static int write_one(struct world *w, const struct sample *s)
{
	_cleanup_(batch_builder_freep) struct batch_builder *b = NULL;
	_cleanup_(batch_unrefp) struct batch *batch = NULL;
	int r = batch_builder_new(&b, 0);

	if (r == 0)
		r = batch_tall(b, 1, 7, s->value.type);
	if (r == 0)
		r = batch_tall_add(b, s);
	if (r == 0)
		r = batch_seal(b, T0, 0, &batch);
	record_add(&w->record, s);
	return r < 0 ? r : fixture_append(&w->f, batch);
}

struct heard { unsigned failed, held, no_more; };

static void on_event(void *ctx, enum tsdb_event e, uint32_t tenant, const struct err *why)
{
	struct heard *h = ctx;

	h->failed += e == TSDB_MERGE_FAILED && why && tenant == 1;
	h->held += e == TSDB_HELD_BACK;
	h->no_more += e == TSDB_HELD_NO_MORE;
}

TEST(where_merging_cannot_keep_up_files_do_not_grow_without_end_and_nothing_is_lost)
{
	struct heard heard = { 0 };
	struct world w = { .f.config = by_hand, .seed = 9, .one_day = true };

	w.f.config.files_day_max = 5;
	w.f.config.on_event = on_event;
	w.f.config.ctx = &heard;
	must(fixture_begin(&w.f) == 0 && world_series(&w));
	int r = 0;
	unsigned flushed = 0;
	for (; flushed < 50 && r == 0; flushed++) {
		write_round(&w, 4);
		must(fixture_settle(&w.f) == 0);
		r = tsdb_flush(w.f.t);
	}
	is_int(r, -ERR_BUSY);
	is_int(flushed, 6);
	is_int(stats_of(&w.f).held_back, 1);
	ok(stats_of(&w.f).held_total >= 1);
	ok(stats_of(&w.f).files_of_day == 5);
	is_int(heard.held, 1);
	err_clear();
	record_settle(&w.record);
	ok(world_equals(&w));
	is_int(tsdb_compact(w.f.t, NULL), 0);
	is_int(tsdb_flush(w.f.t), 0);
	is_int(heard.no_more, 1);
	is_int(stats_of(&w.f).held_back, 0);
	is_int(stats_of(&w.f).head_samples, 0);
	ok(world_equals(&w));
	record_done(&w.record);
	fixture_end(&w.f);
}

/* A sample in each of many days: as many files, which no merging makes fewer. */
TEST(files_of_more_days_than_files_may_wait_hold_back_until_they_are_day_files_and_no_longer)
{
	enum { DAYS = 12 };
	struct world w = { .f.config = by_hand };

	w.f.config.files_max = 8;
	must(fixture_begin(&w.f) == 0 && world_series(&w));
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < DAYS; i++) {
			struct sample s = { .series = w.series[3], .time_ns = T0 - (int64_t) i * DAY + round, .value = { .type = V_F64, .f64 = i } };

			is_int(write_one(&w, &s), 0);
		}
		must(fixture_settle(&w.f) == 0);
		/* None waits: in they go. Then they do, and are merged although none of the days has been quiet for an hour. */
		is_int(tsdb_flush(w.f.t), 0);
		is_int(write_one(&w, &(struct sample) { .series = w.series[3], .time_ns = T0 + 1000 + round, .value.type = V_F64 }), 0);
		must(fixture_settle(&w.f) == 0);
		is_int(tsdb_flush(w.f.t), -ERR_BUSY);
		err_clear();
		is_int(stats_of(&w.f).held_back, 1);
		ok(merge_at(w.f.t, clock_now_ns()) > 0);        /* all of them, unless the flush that was refused has been tried again meanwhile */
		is_int(tsdb_flush(w.f.t), 0);
		is_int(stats_of(&w.f).held_back, 0);
		is_int(tsdb_compact(w.f.t, NULL), 0);
		is_int(stats_of(&w.f).n_files, DAYS);
	}
	record_settle(&w.record);
	ok(world_equals(&w));
	record_done(&w.record);
	fixture_end(&w.f);
}

TEST(the_thread_keeps_the_files_of_a_day_few_by_itself)
{
	struct world w = { .f.config.n_shards = 1, .seed = 10 };
	struct tsdb_stats s = { 0 };

	must(fixture_begin(&w.f) == 0 && world_series(&w));
	for (unsigned i = 0; i < 100; i++) {
		write_tall(&w, 4);
		must(flush(&w.f));
		s = stats_of(&w.f);
		must(s.files_of_day <= 129);
	}
	for (int i = 0; i < 20000 && s.files_of_day > PLAN_RUNS; i++) {
		usleep(1000);
		s = stats_of(&w.f);
	}
	ok(s.files_of_day <= PLAN_RUNS);
	ok(s.merges > 0);
	is_int(tsdb_compact(w.f.t, NULL), 0);
	is_int(stats_of(&w.f).n_files, stats_of(&w.f).days);
	record_settle(&w.record);
	ok(world_equals(&w));
	record_done(&w.record);
	fixture_end(&w.f);
}

/* --- What cannot be read */

TEST(a_damaged_file_is_left_as_it_is_told_and_the_rest_is_merged)
{
	struct heard heard = { 0 };
	struct world w = { .f.config = by_hand, .seed = 11, .one_day = true };
	struct one_file f;
	char path[800];

	w.f.config.on_event = on_event;
	w.f.config.ctx = &heard;
	must(fixture_begin(&w.f) == 0 && world_series(&w));
	for (unsigned i = 0; i < 7; i++) {
		write_round(&w, 10);
		must(flush(&w.f));
		if (i == 3)
			f = files_of(&w.f);
	}
	is_int(stats_of(&w.f).days, 1);
	snprintf(path, sizeof(path), "%s/tenants/1/ts/%s.parquet", w.f.dir, f.base);
	int fd = open(path, O_RDWR);
	char was;
	must(fd >= 0 && pread(fd, &was, 1, 600) == 1 && pwrite(fd, &(char) { (char) ~was }, 1, 600) == 1);
	is_int(tsdb_compact(w.f.t, NULL), -ERR_CORRUPT);
	err_clear();
	struct tsdb_stats s = stats_of(&w.f);
	is_int(s.n_files, 3);           /* before it, itself, behind it */
	is_int(s.files_aside, 1);
	is_int(s.merge_failures, 1);
	is_int(s.merge_error.kind, ERR_CORRUPT);
	is_int(heard.failed, 1);
	ok(file_exists(path));
	/* Mended, it is merged after the next start, and nothing is missing. */
	must(pwrite(fd, &was, 1, 600) == 1);
	close(fd);
	fixture_stop(&w.f);
	must(fixture_start(&w.f) == 0);
	record_settle(&w.record);
	ok(world_equals(&w));
	is_int(tsdb_compact(w.f.t, NULL), 0);
	is_int(stats_of(&w.f).n_files, 1);
	ok(world_equals(&w));
	record_done(&w.record);
	fixture_end(&w.f);
}

TEST(samples_at_the_ends_of_the_clock_are_found_without_the_manifest_that_was_lost)
{
	struct world w = { .f.config = by_hand };
	char path[200];

	must(fixture_begin(&w.f) == 0 && world_series(&w));
	for (int64_t i = 1; i < 2000; i += 300) {
		is_int(write_one(&w, &(struct sample) { .series = w.series[3], .time_ns = INT64_MIN + i, .value = { .type = V_F64, .f64 = (double) i } }), 0);
		is_int(write_one(&w, &(struct sample) { .series = w.series[3], .time_ns = INT64_MAX - i, .value = { .type = V_F64, .f64 = (double) i } }), 0);
	}
	must(flush(&w.f));
	record_settle(&w.record);
	for (int i = 0; i < 3; i++) {
		struct tsdb_query q = ask(w.series, N_SERIES, INT64_MIN, INT64_MAX);

		ok(store_equals(w.f.t, &q, &w.record));
		fixture_stop(&w.f);
		snprintf(path, sizeof(path), "%s/tenants/1/ts/manifest", w.f.dir);
		if (i == 0)
			must(unlink(path) == 0);
		must(fixture_start(&w.f) == 0);
		snprintf(path, sizeof(path), "%s/tenants/1/ts/manifest.damaged", w.f.dir);
		ok(!file_exists(path));
	}
	record_done(&w.record);
	fixture_end(&w.f);
}

TEST(a_manifest_that_is_lost_is_made_from_merged_files_in_their_order)
{
	struct world w = { .f.config = by_hand, .seed = 12, .one_day = true };
	char path[200];

	must(fixture_begin(&w.f) == 0 && world_series(&w));
	for (unsigned i = 0; i < 9; i++) {
		write_round(&w, 10);
		must(flush(&w.f));
		/* Early ones are merged when later ones are there already: a higher number, a lower rank. */
		if (i == 5) {
			struct compact_ask ask = { .now_ns = clock_now_ns(), .tenant = 1 };
			int64_t due;
			is_int(compact_step(w.f.t, &ask, &due), 0);     /* not quiet yet: these were written just now */
			is_int(tsdb_compact(w.f.t, NULL), 0);
		}
	}
	fixture_stop(&w.f);
	snprintf(path, sizeof(path), "%s/tenants/1/ts/manifest", w.f.dir);
	must(unlink(path) == 0);
	must(fixture_start(&w.f) == 0);
	must(fixture_settle(&w.f) == 0);
	record_settle(&w.record);
	ok(world_equals(&w));
	is_int(tsdb_compact(w.f.t, NULL), 0);
	ok(world_equals(&w));
	record_done(&w.record);
	fixture_end(&w.f);
}

/* --- Beside everything else */

struct race { struct fixture f; uint32_t series[4]; _Atomic int64_t settled; _Atomic bool stop, wrong; _Atomic unsigned rounds; };

static int count_rows(void *ctx, struct batch *b)
{
	*(int64_t *) ctx += b->n_rows;
	return 0;
}

static void look(void *arg)
{
	struct race *r = arg;
	struct arena a;

	arena_init(&a, &sys_heap, 0);
	while (!r->stop && !r->wrong) {
		int64_t sure = r->settled, found = 0, again = 0, held = 0;
		struct tsdb_query q = ask(r->series, 4, T0 - DAY, T0 + 40 * DAY);
		struct tsdb_lease *l = NULL;
		struct sample last[4];

		bool wrong = tsdb_range(r->f.t, &q, count_rows, &found) != 0 || found < 4 * sure;
		wrong |= tsdb_last_before(r->f.t, &q, &a, last) != 0 || (sure && last[3].time_ns < T0 + (sure - 1) * NS_PER_S);
		if (sure && tsdb_lease(r->f.t, 1, &l) == 0) {
			q.lease = l;
			wrong |= tsdb_range(r->f.t, &q, count_rows, &held) != 0 || tsdb_range(r->f.t, &q, count_rows, &again) != 0 || held != again;
			tsdb_lease_end(l);
		}
		if (wrong)
			printf("# sure of %lld, found %lld, held %lld, again %lld\n", (long long) sure, (long long) found, (long long) held, (long long) again);
		arena_reset(&a);
		if (wrong)
			r->wrong = true;
		r->rounds++;
	}
	arena_done(&a);
}

static void ask_for_merges(void *arg)
{
	struct race *r = arg;

	while (!r->stop) {
		if (tsdb_compact(r->f.t, NULL) < 0)
			r->wrong = true;
		usleep(2000);
	}
}

TEST(queries_flushes_and_merges_at_once_never_miss_a_sample)
{
	struct race r = { .f.config = { .flush_age_ms = 1, .n_shards = 2, .files_day_max = 1 << 20 /* however slow merging is */ } };
	struct thread readers[2], asker;
	struct uuid points[4] = { point(1), point(2), point(3), point(4) };
	uint8_t types[4] = { V_I64, V_I64, V_I64, V_I64 };
	struct batch_builder *w = NULL;
	struct tsdb_stats s;

	must(fixture_begin(&r.f) == 0 && tsdb_series_many(r.f.t, 1, 4, points, types, r.series) == 0);
	must(batch_builder_new(&w, 0) == 0);
	for (int i = 0; i < 2; i++)
		must(thread_start(&readers[i], "look", look, &r) == 0);
	must(thread_start(&asker, "ask", ask_for_merges, &r) == 0);
	tsdb_stats(r.f.t, &s);
	for (int64_t row = 0; (s.merges < 25 || s.flushes < 40 || r.rounds < 25) && row < 2000000 && !r.wrong; row += 50) {
		struct batch *b = NULL;

		must(batch_group(w, 1, 0, r.series, types, 4) == 0);
		for (int64_t i = row; i < row + 50; i++) {
			must(batch_group_row(w, T0 + i * NS_PER_S) == 0);
			for (unsigned k = 0; k < 4; k++)
				must(batch_group_set(w, k, (struct value) { .type = V_I64, .i = i }, 0) == 0);
		}
		must(batch_seal(w, 0, 0, &b) == 0);
		is_int(fixture_append(&r.f, b), 0);
		batch_unref(b);
		is_int(fixture_settle(&r.f), 0);
		r.settled = row + 50;
		if (row % 1000 == 0)
			is_int(tsdb_flush(r.f.t), 0);
		tsdb_stats(r.f.t, &s);
	}
	r.stop = true;
	for (int i = 0; i < 2; i++)
		thread_join(&readers[i]);
	thread_join(&asker);
	ok(!r.wrong);
	ok(s.merges >= 25 && s.flushes >= 40 && r.rounds >= 25);
	is_int(s.merge_failures, 0);
	batch_builder_free(w);
	fixture_end(&r.f);
}

static bool at_once(void *ctx) { return ++*(unsigned *) ctx > 1; }

struct opener { struct file_pool *pool; const char *base; struct file_info info; unsigned failures; };

/* As a merge that ends: the last one lets the file go while somebody else's file takes its place in the pool. */
static void open_and_let_go(void *arg)
{
	struct opener *o = arg;

	for (unsigned i = 0; i < 4000; i++) {
		const struct idx *x;
		struct file *f;

		if (file_new(o->pool, NULL, o->base, NULL, &o->info, &f) < 0 || file_use(f, &x) < 0) {
			o->failures++;
			return;
		}
		file_leave(f);
		file_unref(f);
	}
}

static unsigned open_files(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

TEST(a_file_may_be_let_go_at_the_instant_at_which_the_pool_closes_it)
{
	struct world w = { .f.config = by_hand, .seed = 5, .one_day = true };
	struct file_pool *pool = NULL;
	struct thread other = { 0 };
	char base[700];
	int64_t size;

	must(fixture_begin(&w.f) == 0 && world_series(&w));
	write_round(&w, 10);
	must(flush(&w.f) && file_pool_new(1, &pool) == 0);
	snprintf(base, sizeof(base), "%s/tenants/1/ts/%s.parquet", w.f.dir, files_of(&w.f).base);
	must(file_size(base, &size) == 0);
	base[strlen(base) - strlen(".parquet")] = 0;
	struct opener one = { .pool = pool, .base = base, .info = { .number = 1, .bytes = (uint64_t) size } }, two = one;
	fixture_stop(&w.f);
	unsigned before = open_files();
	must(thread_start(&other, "other", open_and_let_go, &two) == 0);
	open_and_let_go(&one);
	thread_join(&other);
	is_int(one.failures + two.failures, 0);
	is_int(open_files(), before);
	file_pool_free(pool);
	record_done(&w.record);
	fixture_end(&w.f);
}

TEST(a_merge_that_is_called_off_has_not_happened)
{
	struct world w = { .f.config = by_hand, .seed = 15, .one_day = true };
	unsigned asked = 0;

	must(fixture_begin(&w.f) == 0 && world_series(&w));
	for (unsigned i = 0; i < 8; i++) {
		for (unsigned k = 0; k < 20; k++)
			write_tall(&w, 10);
		must(flush(&w.f));
	}
	uint64_t n = stats_of(&w.f).n_files;
	is_int(tsdb_compact(w.f.t, &(struct tsdb_compact) { .is_cancelled = at_once, .ctx = &asked }), -ERR_CANCELLED);
	err_clear();
	is_int(stats_of(&w.f).n_files, n);
	is_int(files_on_disk(&w.f), n);
	is_int(stats_of(&w.f).merge_failures, 0);
	record_settle(&w.record);
	ok(world_equals(&w));
	record_done(&w.record);
	fixture_end(&w.f);
}

/* At a byte a second it would take hours: the stop does not wait for it. */
TEST(a_stop_ends_a_merge_that_keeps_its_pace)
{
	struct world w = { .f.config = { .compact_rate = 1, .n_shards = 1 }, .seed = 16, .one_day = true };

	must(fixture_begin(&w.f) == 0 && world_series(&w));
	for (unsigned i = 0; i < PLAN_RUNS + 1; i++) {
		for (unsigned k = 0; k < 10; k++)
			write_tall(&w, 10);
		must(flush(&w.f));
	}
	struct tsdb_stats s = stats_of(&w.f);
	for (int i = 0; i < 20000 && s.merging_rows == 0; i++) {
		usleep(1000);
		s = stats_of(&w.f);
	}
	ok(s.merging_tenant == 1 && s.merging_rows > 0);
	fixture_stop(&w.f);
	must(fixture_start(&w.f) == 0);
	record_settle(&w.record);
	is_int(stats_of(&w.f).n_files, PLAN_RUNS + 1);
	ok(world_equals(&w));
	record_done(&w.record);
	fixture_end(&w.f);
}
