/*
 * retain_test.c - what is too old is not seen, and leaves the disk when nobody needs it; figures say what the samples said; a clock that jumps deletes
 * nothing. Days are counted from now: what is written lies a year back, so any number of days below is in the past.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tap.h"

#include "tsdb/keep/remove.h"
#include "tsdb/keep/retain_impl.h"
#include "tsdb/roll_plant.h"

#include "tsdb/crash_disk.h"

enum { SLOW = 10, METERED = 9 };        /* of `kinds`: 15 samples an hour; a meter */

static struct tenant *tenant(struct plant *p) { return tenant_find(p->f.t, 1); }

static int step(struct plant *p)
{
	struct compact_ask ask = { .now_ns = clock_now_ns() };
	int64_t due;
	int r, n = 0;

	while ((r = compact_step(p->f.t, &ask, &due)) > 0 && n < 100)
		n++;
	return r < 0 ? r : n;
}

static uint64_t samples_of(struct plant *p, unsigned k)
{
	struct record got = { 0 };
	const struct tsdb_query q = { .tenant = 1, .series = &p->series[k], .n_series = 1, .from_ns = T0 - 4 * HOUR, .to_ns = T0 + 30 * HOUR };
	uint64_t n;

	is_int(tsdb_range(p->f.t, &q, record_batch, &got), 0);
	n = got.n;
	record_done(&got);
	return n;
}

/* Days since the first day of the samples: so many days kept, and it is too old. */
static uint32_t age(struct plant *p) { return (uint32_t) (tenant(p)->retain_day - (int32_t) (T0 / DAY) - 2); }

static const int64_t all_of_it[2] = { T0 - 4 * HOUR, T0 + 24 * HOUR };
static const struct tsdb_step hours = { .step_ns = HOUR }, minutes = { .step_ns = S(300), .want = TSDB_DELTA };
static struct got was[2][PLENTY];

static bool note(struct plant *p)
{
	bool good = true;

	for (unsigned k = 0; k < PLENTY; k++)
		good = good && figures(p, k, all_of_it, &hours, true, &was[0][k]) == 0 && figures(p, k, all_of_it, &minutes, true, &was[1][k]) == 0;
	return good;
}

/* Where the samples are gone the figures say the same of whole minutes, and that they are figures. */
static bool as_noted(struct plant *p, unsigned k, unsigned which, bool coarse)
{
	bool good = figures(p, k, all_of_it, which ? &minutes : &hours, false, &with) == 0 && with.n == was[which][k].n;

	for (size_t i = 0; good && i < with.n; i++) {
		struct tsdb_bucket x = with.b[i], y = was[which][k].b[i];

		/* What goes up and falls back within a minute is not said by its figures. */
		good = !x.coarse || (coarse && which && isnan(x.delta));
		if (x.coarse)
			x.delta = y.delta = 0;
		x.coarse = false;
		good = good && same_bucket(&x, &y, false, false);
	}
	if (!good)
		printf("# kind %u, step %u: %zu and %zu\n", k, which, with.n, was[which][k].n);
	return good;
}

static unsigned on_disk(struct plant *p, const char *end);
struct ends { char path[600]; const char *end; unsigned n; };

static int count_end(void *ctx, const char *name)
{
	struct ends *e = ctx, in = { .end = e->end };
	struct stat st;

	snprintf(in.path, sizeof(in.path), "%.300s/%.200s", e->path, name);
	if (stat(in.path, &st) == 0 && S_ISDIR(st.st_mode))
		dir_each(in.path, count_end, &in);
	e->n += in.n + (unsigned) (str_ends(name, e->end) && !str_eq(name, "series.parquet"));
	return 0;
}

static unsigned on_disk(struct plant *p, const char *end)
{
	struct ends e = { .end = end };

	snprintf(e.path, sizeof(e.path), "%s/tenants/1/ts", p->f.dir);
	dir_each(e.path, count_end, &e);
	return e.n;
}

static bool all_as_noted(struct plant *p)
{
	bool good = true;

	for (unsigned k = 0; k < PLENTY && good; k++)
		good = as_noted(p, k, 0, k != SLOW) && as_noted(p, k, 1, k != SLOW);
	return good;
}

TEST(samples_go_and_their_figures_say_what_they_said)
{
	struct plant p;
	struct sample last, then;
	struct arena a;

	plant_begin(&p);
	arena_init(&a, &sys_heap, 0);
	must(note(&p));
	uint64_t slow = samples_of(&p, SLOW);
	ok(samples_of(&p, 0) > 80000 && slow > 300);
	must(tsdb_last(p.f.t, 1, &p.series[0], 1, &a, &then) == 0);
	struct tsdb_would_go w;
	const struct tsdb_retention short_of = { { age(&p), age(&p) + 100, 0 } };
	is_int(tsdb_would_go(p.f.t, 1, &short_of, &w), 0);
	ok(w.samples > 500000 && w.files == 0 && w.bytes == 0 && w.first_day < w.last_day);      /* slow ones still need the files */
	is_int(samples_of(&p, 0) > 80000, 1);
	/* Of one series alone, and of all but one. */
	uint32_t instead[1000];
	struct tsdb_would_go one, but_one;
	for (size_t i = 0; i < ELEMENTSOF(instead); i++)
		instead[i] = TSDB_AS_IT_IS;
	must(p.series[0] < ELEMENTSOF(instead));
	instead[p.series[0]] = age(&p);
	is_int(tsdb_would_go(p.f.t, 1, &(struct tsdb_retention) { .instead = instead, .n_instead = ELEMENTSOF(instead) }, &one), 0);
	instead[p.series[0]] = TSDB_DAYS_MAX + 1;
	is_int(tsdb_would_go(p.f.t, 1, &(struct tsdb_retention) { { age(&p), age(&p) + 100, 0 }, instead, ELEMENTSOF(instead) }, &but_one), 0);
	ok(one.samples > 80000);
	is_int(one.samples + but_one.samples, w.samples);
	/* At once. */
	tsdb_retain_all(p.f.t, &short_of);
	is_int(samples_of(&p, 0), 0);
	is_int(samples_of(&p, SLOW), slow);
	ok(tsdb_kept_from(p.f.t, 1, p.series[0]) > T0 + DAY);
	ok(all_as_noted(&p));
	/* And on the disk: those of slow points are left, the others' figures are files of their own. */
	unsigned before = on_disk(&p, ".1m.parquet");
	ok(step(&p) > 0);
	is_int(step(&p), 0);
	ok(all_as_noted(&p));
	is_int(samples_of(&p, SLOW), slow);
	is_int(on_disk(&p, ".1m.parquet"), before);
	is_int(stats_of(&p.f).file_samples, slow);
	fixture_stop(&p.f);
	p.f.config.keep = short_of;
	must(fixture_start(&p.f) == 0);
	ok(all_as_noted(&p));
	must(tsdb_last(p.f.t, 1, &p.series[0], 1, &a, &last) == 0);
	ok(last.time_ns == then.time_ns && same_value(&last.value, &then.value));
	/* Merging whatever comes late for those days leaves them as they are. */
	must(tsdb_compact(p.f.t, NULL) == 0);
	ok(all_as_noted(&p));
	/* The minutes go: hours are left. The slow points' samples, which are their minutes, too. */
	tsdb_retain_all(p.f.t, &(struct tsdb_retention) { { age(&p), age(&p), 0 } });
	ok(as_noted(&p, 0, 0, true) && as_noted(&p, METERED, 0, true) && as_noted(&p, SLOW, 0, true));
	is_int(samples_of(&p, SLOW), 0);
	ok(step(&p) > 0);
	is_int(step(&p), 0);
	is_int(on_disk(&p, ".1m.parquet"), 0);
	is_int(stats_of(&p.f).file_samples, 0);
	ok(as_noted(&p, 0, 0, true) && as_noted(&p, METERED, 0, true) && as_noted(&p, SLOW, 0, true));
	/* And at last everything. */
	tsdb_retain_all(p.f.t, &(struct tsdb_retention) { { age(&p), age(&p), age(&p) } });
	ok(figures(&p, 0, all_of_it, &hours, false, &with) == 0 && with.n == 0);
	ok(step(&p) > 0);
	is_int(step(&p), 0);
	is_int(on_disk(&p, ".parquet"), 0);
	is_int(stats_of(&p.f).n_files, 0);
	arena_done(&a);
	plant_end(&p);
}

TEST(what_is_in_memory_alone_goes_out_of_sight_the_same_way)
{
	struct plant p;
	struct sample last;
	struct arena a;

	plant_begin(&p);
	arena_init(&a, &sys_heap, 0);
	uint32_t series[2];
	const struct uuid points[2] = { point(900), point(901) };
	const uint8_t types[2] = { V_F64, V_STR };
	must(tsdb_series_many(p.f.t, 1, 2, points, types, series) == 0);
	for (unsigned k = 0; k < 2; k++) {
		_cleanup_(batch_builder_freep) struct batch_builder *b = NULL;
		_cleanup_(batch_unrefp) struct batch *batch = NULL;

		must(batch_builder_new(&b, 0) == 0 && batch_tall(b, 1, 7, (enum vtype) types[k]) == 0);
		for (unsigned i = 0; i < 4; i++)
			must(batch_tall_add(b, &(struct sample) { .series = series[k], .time_ns = T0 + i * DAY,
				.value = k ? (struct value) { .type = V_STR, .s = "off", .len = 3 } : (struct value) { .type = V_F64, .f64 = i } }) == 0);
		must(batch_seal(b, T0, 0, &batch) == 0 && fixture_append(&p.f, batch) == 0);
	}
	must(fixture_settle(&p.f) == 0);
	uint32_t today = (uint32_t) (tenant(&p)->retain_day - (int32_t) (T0 / DAY));
	struct record got = { 0 };
	struct tsdb_query q = { .tenant = 1, .series = series, .n_series = 2, .from_ns = INT64_MIN, .to_ns = INT64_MAX };
	/* A number as long as figures of it could be kept, a text, which has none, as long as samples are: from the second day, from the third. */
	tsdb_retain_all(p.f.t, &(struct tsdb_retention) { { today - 2, today - 1, today - 1 } });
	for (unsigned round = 0; round < 2; round++) {
		is_int(tsdb_range(p.f.t, &q, record_batch, &got), 0);
		is_int(got.n, 5);
		ok(got.item[0].s.time_ns == T0 + DAY && got.item[3].s.time_ns == T0 + 2 * DAY);
		record_done(&got);
		struct tsdb_query before = { .tenant = 1, .series = series, .n_series = 2, .from_ns = INT64_MIN, .to_ns = T0 + 2 * DAY };
		struct sample two[2];
		must(tsdb_last_before(p.f.t, &before, &a, two) == 0);
		ok(two[0].time_ns == T0 + DAY && two[1].time_ns == TSDB_NEVER);
		must(tsdb_last(p.f.t, 1, series, 2, &a, two) == 0);
		ok(two[0].time_ns == T0 + 3 * DAY && two[1].time_ns == T0 + 3 * DAY);
		/* In files it is the same. */
		must(tsdb_flush(p.f.t) == 0);
	}
	/* Nor is the last sample remembered for longer. */
	tsdb_retain_all(p.f.t, &(struct tsdb_retention) { { today - 4, today - 4, today - 4 } });
	is_int(tsdb_last(p.f.t, 1, series, 1, &a, &last), 0);
	ok(last.time_ns == TSDB_NEVER);
	arena_done(&a);
	plant_end(&p);
}

TEST(a_value_that_a_bad_sample_ended_does_not_go_on_when_its_samples_are_gone)
{
	struct plant p;
	uint32_t series;

	plant_begin(&p);
	must(tsdb_series(p.f.t, 1, &(struct uuid) { { 9 } }, V_F64, &series) == 0);
	_cleanup_(batch_builder_freep) struct batch_builder *b = NULL;
	_cleanup_(batch_unrefp) struct batch *batch = NULL;
	must(batch_builder_new(&b, 0) == 0 && batch_tall(b, 1, 7, V_F64) == 0);
	for (unsigned i = 0; i < 600; i++)
		must(batch_tall_add(b, &(struct sample) { .series = series, .time_ns = T0 + i * NS_PER_S, .value = { .type = V_F64, .f64 = i },
			.quality = i == 599 ? (uint32_t) QUALITY_BAD_WAITING : 0 }) == 0);
	must(batch_seal(b, T0, 0, &batch) == 0 && fixture_append(&p.f, batch) == 0);
	must(flush(&p.f) && tsdb_compact(p.f.t, NULL) == 0);
	const struct tsdb_query q = { .tenant = 1, .series = &series, .n_series = 1, .from_ns = T0 + HOUR, .to_ns = T0 + 2 * HOUR };
	for (unsigned round = 0; round < 2; round++) {
		with.n = 0;
		is_int(tsdb_aggregate(p.f.t, &q, &hours, keep, &with), 0);
		is_int(with.n, 0);
		tsdb_retain_all(p.f.t, &(struct tsdb_retention) { { age(&p), 0, 0 } });
	}
	/* The hour that has it counts it, and says for how long there was a value. */
	const struct tsdb_query before = { .tenant = 1, .series = &series, .n_series = 1, .from_ns = T0, .to_ns = T0 + HOUR };
	is_int(tsdb_aggregate(p.f.t, &before, &hours, keep, &with), 0);
	must(with.n == 1);
	ok(with.b[0].n == 600 && with.b[0].n_used == 599 && with.b[0].covered_ns == 599 * NS_PER_S);
	plant_end(&p);
}

/* Nothing but their footers says what such files are. */
TEST(a_manifest_made_again_names_the_figures_of_samples_that_are_gone)
{
	struct plant p;
	char path[200];

	plant_begin(&p);
	must(note(&p));
	p.f.config.keep = (struct tsdb_retention) { { age(&p), age(&p) + 100, 0 } };
	tsdb_retain_all(p.f.t, &p.f.config.keep);
	ok(step(&p) > 0);
	ok(all_as_noted(&p));
	fixture_stop(&p.f);
	snprintf(path, sizeof(path), "%s/tenants/1/ts/manifest", p.f.dir);
	unsigned minutes_there = on_disk(&p, ".1m.parquet"), hours_there = on_disk(&p, ".1h.parquet");
	must(minutes_there > 0 && truncate(path, 20) == 0);
	must(fixture_start(&p.f) == 0);
	is_int(on_disk(&p, ".parquet.damaged"), 0);
	is_int(on_disk(&p, ".1m.parquet"), minutes_there);
	is_int(on_disk(&p, ".1h.parquet"), hours_there);
	ok(all_as_noted(&p));
	plant_end(&p);
}

static bool sums_to(struct plant *p, uint32_t series, uint64_t n, double sum)
{
	const struct tsdb_query q = { .tenant = 1, .series = &series, .n_series = 1, .from_ns = T0, .to_ns = T0 + HOUR };

	with.n = 0;
	is_int(tsdb_aggregate(p->f.t, &q, &hours, keep, &with), 0);
	return with.n == 1 && with.b[0].n == n && with.b[0].sum == sum;
}

TEST(what_was_written_again_late_counts_once_when_its_day_grows_too_old)
{
	struct plant p;
	uint32_t series;

	plant_begin(&p);
	must(tsdb_series(p.f.t, 1, &(struct uuid) { { 9 } }, V_F64, &series) == 0);
	_cleanup_(batch_builder_freep) struct batch_builder *b = NULL;
	_cleanup_(batch_unrefp) struct batch *batch = NULL, *late = NULL;
	must(batch_builder_new(&b, 0) == 0 && batch_tall(b, 1, 7, V_F64) == 0);
	for (unsigned i = 0; i < 600; i++)
		must(batch_tall_add(b, &(struct sample) { .series = series, .time_ns = T0 + i * NS_PER_S, .value = { .type = V_F64, .f64 = 1 } }) == 0);
	must(batch_seal(b, T0, 0, &batch) == 0 && fixture_append(&p.f, batch) == 0);
	must(flush(&p.f) && tsdb_compact(p.f.t, NULL) == 0);
	must(batch_tall(b, 1, 7, V_F64) == 0);
	must(batch_tall_add(b, &(struct sample) { .series = series, .time_ns = T0 + 7 * NS_PER_S, .value = { .type = V_F64, .f64 = 1001 } }) == 0);
	must(batch_seal(b, T0, 0, &late) == 0 && fixture_append(&p.f, late) == 0 && flush(&p.f));
	ok(sums_to(&p, series, 600, 1600));
	/* Samples of its day are kept no more, but what came late waits to be merged with them. */
	tsdb_retain_all(p.f.t, &(struct tsdb_retention) { { age(&p), 0, 0 } });
	ok(sums_to(&p, series, 600, 1600));
	ok(step(&p) > 0);
	ok(sums_to(&p, series, 600, 1600));
	must(tsdb_compact(p.f.t, NULL) == 0);
	ok(sums_to(&p, series, 600, 1600));
	struct record got = { 0 };
	const struct tsdb_query q = { .tenant = 1, .series = &series, .n_series = 1, .from_ns = T0, .to_ns = T0 + HOUR };
	is_int(tsdb_range(p.f.t, &q, record_batch, &got), 0);
	is_int(got.n, 0);
	record_done(&got);
	plant_end(&p);
}

TEST(one_point_may_be_kept_longer_or_shorter_than_all)
{
	struct plant p;

	plant_begin(&p);
	must(note(&p));
	uint64_t n = samples_of(&p, 1);
	tsdb_retain_all(p.f.t, &(struct tsdb_retention) { { age(&p), 0, 0 } });
	tsdb_retain(p.f.t, 1, p.series[1], TSDB_DAYS_MAX + 1);
	is_int(samples_of(&p, 0), 0);
	is_int(samples_of(&p, 1), n);
	ok(step(&p) > 0);
	is_int(samples_of(&p, 1), n);
	ok(as_noted(&p, 1, 1, false) && as_noted(&p, 0, 0, true));
	ok(tsdb_kept_from(p.f.t, 1, p.series[1]) == INT64_MIN);
	/* Shorter: what the others keep. */
	tsdb_retain_all(p.f.t, &(struct tsdb_retention) { { 0, 0, 0 } });
	tsdb_retain(p.f.t, 1, p.series[1], age(&p));
	is_int(samples_of(&p, 1), 0);
	plant_end(&p);
}

TEST(what_is_deleted_of_figures_alone_is_gone_by_the_minute)
{
	struct plant p;

	plant_begin(&p);
	tsdb_retain_all(p.f.t, &(struct tsdb_retention) { { age(&p), 0, 0 } });
	ok(step(&p) > 0);
	const struct tsdb_stretch gone = { p.series[0], T0 + HOUR + S(90), T0 + 2 * HOUR + S(30) };
	const int64_t range[2] = { T0, T0 + 4 * HOUR };
	must(tsdb_delete(p.f.t, 1, &gone, 1, 60000) == 0);
	for (unsigned i = 0; i < 3; i++) {
		is_int(figures(&p, 0, range, &(struct tsdb_step) { .step_ns = HOUR, .only_time = true }, false, &with), 0);
		must(with.n == 4);
		ok(with.b[0].n == 3600 && with.b[1].n == 60 && with.b[2].n == 3540 && with.b[3].n == 3600);
		if (i == 0)
			ok(step(&p) > 0);
		fixture_stop(&p.f);
		must(fixture_start(&p.f) == 0);
	}
	/* Nothing of it is left in any file. */
	uint64_t left = 1;
	is_int(tsdb_purge(p.f.t, &(struct tsdb_purge) { .tenant = 1, .series = &p.series[0], .n_series = 1 }, &left), 0);
	is_int(left, 0);
	struct tsdb_waiting w;
	tsdb_waiting_deletes(p.f.t, 1, &w);
	is_int(w.stretches, 0);
	plant_end(&p);
}

TEST(a_clock_that_jumps_deletes_nothing_and_catches_up_at_twice_its_speed)
{
	struct plant p;

	plant_begin(&p);
	struct tenant *te = tenant(&p);
	int64_t wall = clock_now_ns(), mono = te->retain_mono_ns;
	int32_t today = te->retain_day;
	/* Ten years ahead, and what is written then says so, too. */
	retain_tick(te, wall + 3650 * DAY, mono += HOUR);
	ok(te->retain_day <= today + 1);
	for (unsigned i = 0; i < 24; i++)
		retain_tick(te, wall + 3650 * DAY, mono += HOUR);
	ok(te->retain_ns <= wall + 51 * HOUR && te->retain_ns >= wall + 49 * HOUR);
	/* Nothing was written since: nothing grows old. */
	is_int(te->retain_day, today);
	/* Back again: at once. */
	retain_tick(te, wall + 10 * HOUR, mono += HOUR);
	ok(te->retain_ns == wall + 10 * HOUR);
	/* After a long stop it is where it was, and comes after. */
	int64_t then = te->retain_ns;
	fixture_stop(&p.f);
	must(fixture_start(&p.f) == 0);
	te = tenant(&p);
	ok(te->retain_ns <= then);
	plant_end(&p);
}

static int is_on_disk(void *ctx, const char *base)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/tenants/1/ts/%.100s.parquet", ((struct plant *) ctx)->f.dir, base);
	ok(file_exists(path));
	return 0;
}

static int count_named(void *ctx, const char *base);
static unsigned named;

TEST(a_lease_keeps_a_file_of_which_a_part_went_and_then_the_rest)
{
	struct plant p;
	struct tsdb_lease *l;
	char path[200];

	plant_begin(&p);
	/* One that is kept for ever and has no figures: of the others minutes go first, then the file is written again without their samples. */
	tsdb_retain(p.f.t, 1, p.series[SLOW], TSDB_DAYS_MAX + 1);
	must(tsdb_lease(p.f.t, 1, &l) == 0);
	unsigned files = on_disk(&p, ".parquet");
	tsdb_retain_all(p.f.t, &(struct tsdb_retention) { { age(&p), age(&p), 0 } });
	ok(step(&p) > 1);
	ok(stats_of(&p.f).file_samples < 1000);
	is_int(tsdb_lease_files(l, is_on_disk, &p), 0);
	ok(on_disk(&p, ".parquet") > files);
	l = tsdb_lease_end(l);
	/* Its files go with it. */
	named = 0;
	snprintf(path, sizeof(path), "%s/tenants/1/ts/manifest", p.f.dir);
	is_int(tsdb_manifest_files(path, 1, count_named, NULL), 0);
	is_int(on_disk(&p, ".parquet"), named);
	plant_end(&p);
}

static const enum sys_call calls[] = { SYS_WRITE, SYS_FSYNC, SYS_RENAME, SYS_OPEN, SYS_PREAD, SYS_MMAP, SYS_ANY_MEMORY };

TEST(whatever_fails_while_samples_go_changes_no_answer)
{
	for (size_t i = 0; i < ELEMENTSOF(calls); i++) {
		struct plant p;
		unsigned failed = 0;

		sys_fault_nth(calls[i], 0, 0);
		plant_begin(&p);
		must(note(&p));
		tsdb_retain_all(p.f.t, &(struct tsdb_retention) { { age(&p), 0, 0 } });
		for (unsigned nth = 1; nth < 4000 && stats_of(&p.f).file_samples > 1000; nth += every(1 + nth)) {
			sys_fault_nth(calls[i], nth, calls[i] == SYS_ANY_MEMORY ? ENOMEM : EIO);
			failed += step(&p) < 0 || sys_fault_hit();
			sys_fault_nth(calls[i], 0, 0);
			err_clear();
			must(as_noted(&p, 0, 0, true) && as_noted(&p, METERED, 1, true) && as_noted(&p, SLOW, 0, false));
			if (failed % 3 == 1) {
				p.f.config.keep = (struct tsdb_retention) { { age(&p), 0, 0 } };
				fixture_stop(&p.f);
				must(fixture_start(&p.f) == 0);
			}
		}
		is_int(step(&p) < 0, 0);
		ok(failed > 0);
		ok(all_as_noted(&p));
		plant_end(&p);
		sys_restore();
	}
}

/* --- Killed, or without power, at every call while samples go */

static int child(const struct plant *p, const char *dir, enum how how, uint64_t at)
{
	int status;

	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		struct tsdb_config c = p->f.config;
		struct compact_ask ask = { .now_ns = clock_now_ns() };
		struct tsdb *t;
		char aside[80];
		int64_t due;
		int r;

		c.data_dir = dir;
		if (tsdb_open(&t, &c, NULL) < 0)
			_exit(2);
		snprintf(aside, sizeof(aside), "%s/aside", dir);
		mkdir(aside, 0700);
		use_disk(how, at, aside);
		while ((r = compact_step(t, &ask, &due)) > 0)
			;
		tsdb_free(t);
		_exit(r < 0 ? 3 : 0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int count_named(void *ctx, const char *base) { return (int) (named++ * 0); }

static void killed_at_every_call(enum how how)
{
	struct plant p;
	char dir[56], work[64], path[200];
	unsigned killed = 0, went = 0;
	int status = 9;

	plant_begin(&p);
	must(note(&p));
	uint64_t slow = samples_of(&p, SLOW);
	p.f.config.keep = (struct tsdb_retention) { { age(&p), 0, 0 } };
	fixture_stop(&p.f);
	snprintf(dir, sizeof(dir), "%.55s", p.f.dir);
	snprintf(work, sizeof(work), "%s-killed", dir);
	for (uint64_t at = 1; at < 2000 && status == 9; at += 1 + at / 8) {
		must(copy_folder(dir, work) == 0);
		status = child(&p, work, how, at);
		if (status != 9 && status != 0)
			printf("# at call %llu: status %d\n", (unsigned long long) at, status);
		must(status == 9 || status == 0);
		killed += status == 9;
		snprintf(p.f.dir, sizeof(p.f.dir), "%s", work);
		must(fixture_start(&p.f) == 0);
		must(samples_of(&p, SLOW) == slow && as_noted(&p, 0, 0, true) && as_noted(&p, METERED, 1, true) && as_noted(&p, 2, 0, true));
		went += status == 9 && stats_of(&p.f).file_samples < 100000;
		/* No other files than those that are named. */
		named = 0;
		snprintf(path, sizeof(path), "%s/tenants/1/ts/manifest", p.f.dir);
		is_int(tsdb_manifest_files(path, 1, count_named, NULL), 0);
		is_int(on_disk(&p, ".parquet"), named);
		ok(step(&p) >= 0 && as_noted(&p, 0, 0, true) && stats_of(&p.f).file_samples <= slow);
		fixture_stop(&p.f);
		dir_remove(work);
	}
	is_int(status, 0);
	ok(killed > 15 && went > 0);
	printf("# at %u calls, the samples were gone after %u of them\n", killed, went);
	dir_remove(dir);
}

TEST(killed_at_any_call_while_samples_go_nothing_else_is_lost) { killed_at_every_call(KILLED); }
TEST(without_power_neither) { killed_at_every_call(WITHOUT_NAMES); }
