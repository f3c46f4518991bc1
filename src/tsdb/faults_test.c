/*
 * faults_test.c - a disk that is full, a disk that fails, no more descriptors, no more memory: from the n-th call on and until somebody mends it, while
 * memory becomes files and these are merged. Nothing is lost, nothing is there twice, and afterwards all goes on. (The n-th call alone: crash_test.c,
 * compact_crash_test.c.) And the n-th call alone of starts and queries, which open and map everything, with side indexes and manifest and without.
 */
#include <errno.h>

#include "tap.h"

#include "tsdb/roll_plant.h"

static bool quiet(struct world *w)
{
	for (int i = 0; i < 5000; i++) {
		if (wal_durable(w->f.wal) == wal_appended(w->f.wal))
			return fixture_settle(&w->f) == 0;
		usleep(1000);
	}
	return false;
}

static void from_the_nth(enum sys_call call, int error, unsigned step)
{
	struct world w = { .f.config = by_hand, .seed = 31, .one_day = true };
	unsigned clean = 0, flushes = 0, merges = 0, round = 0;

	sys_fault_nth(call, 0, 0);              /* the table is replaced before there are threads, and given back after them */
	w.f.config.file_bytes = 6000;
	must(fixture_begin(&w.f) == 0 && world_series(&w));
	for (unsigned nth = 1; nth < 20000 && clean < 2; nth += 1 + nth * step / 100, round++) {
		write_tall(&w, 10);
		write_group(&w, 10, true);
		must(quiet(&w));
		record_settle(&w.record);
		sys_fault_from(call, nth, error);
		int flushed = tsdb_flush(w.f.t), merged = flushed == 0 ? tsdb_compact(w.f.t, NULL) : 0;
		bool hit = sys_fault_hit();
		sys_fault_nth(call, 0, 0);
		err_clear();
		flushes += flushed < 0;
		merges += merged < 0;
		clean = hit ? 0 : clean + 1;
		must(world_equals(&w) && lasts_are_right(&w));
		/* It is mended. A file that could not be read was set aside, which a start forgets. */
		if (round % 4 == 3) {
			fixture_stop(&w.f);
			must(fixture_start(&w.f) == 0 && quiet(&w) && world_equals(&w));
		}
		must(tsdb_flush(w.f.t) == 0 && tsdb_compact(w.f.t, NULL) == 0);
		must(world_equals(&w));
		ok(round % 4 == 3 ? stats_of(&w.f).file_samples == w.record.n : stats_of(&w.f).file_samples >= w.record.n);
	}
	is_int(clean, 2);
	ok(flushes > 0 || merges > 0);
	printf("# %u flushes and %u merges failed\n", flushes, merges);
	is_int(files_on_disk(&w.f), stats_of(&w.f).n_files);
	record_done(&w.record);
	fixture_end(&w.f);
	sys_restore();
}

/* --- One tenant that cannot is not in the way of the others */

/* Files of the first tenant can be begun no more: there is a folder of their name. */
static void in_the_way(const struct fixture *f, bool there)
{
	char path[200];

	for (unsigned n = 1; n < 200; n++) {
		snprintf(path, sizeof(path), "%s/tmp/tsdb-1-%u.parquet", f->dir, n);
		must((there ? mkdir(path, 0700) : rmdir(path)) == 0);
	}
}

/* A sample a second of two points of either tenant. */
static void write_both(struct fixture *f, struct record record[2], int64_t from)
{
	for (uint32_t tenant = 1; tenant <= 2; tenant++) {
		_cleanup_(batch_builder_freep) struct batch_builder *b = NULL;
		_cleanup_(batch_unrefp) struct batch *batch = NULL;
		const struct uuid points[2] = { point(tenant), point(100 + tenant) };
		uint32_t series[2];

		must(tsdb_series_many(f->t, tenant, 2, points, (const uint8_t[]) { V_F64, V_F64 }, series) == 0);
		must(batch_builder_new(&b, 0) == 0 && batch_tall(b, tenant, 0, V_F64) == 0);
		for (int64_t i = from; i < from + 400; i++) {
			struct sample s = { .series = series[i % 2], .time_ns = T0 + S(i), .value = { .type = V_F64, .f64 = (double) i / 7 * tenant } };

			must(batch_tall_add(b, &s) == 0);
			record_add(&record[tenant - 1], &s);
		}
		must(batch_seal(b, 0, 0, &batch) == 0 && fixture_append(f, batch) == 0);
	}
	must(fixture_settle(f) == 0);
}

static bool both_equal(struct fixture *f, struct record record[2])
{
	const uint32_t series[] = { 1, 2 };
	bool good = true;

	for (uint32_t tenant = 1; tenant <= 2; tenant++) {
		struct tsdb_query q = ask(series, 2, INT64_MIN, INT64_MAX);

		q.tenant = tenant;
		record_settle(&record[tenant - 1]);
		good = good && store_equals(f->t, &q, &record[tenant - 1]);
	}
	return good;
}

static size_t files_of(struct fixture *f, uint32_t tenant, int32_t level)
{
	_cleanup_(catalog_unrefp) struct catalog *c = catalog_ref(tenant_find(f->t, tenant));
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		n += file_level(c->file[i]) == level;
	return n;
}

/* The thread may have merged some of it before it could not. */
static void beside_one_that_cannot(bool thread)
{
	struct fixture f = { .config = { .compact_rate = thread ? 0 : -1, .n_shards = 1 + thread } };
	struct record record[2] = { 0 };

	must(fixture_begin(&f) == 0);
	write_both(&f, record, 0);
	in_the_way(&f, true);
	ok(tsdb_flush(f.t) < 0);
	err_clear();
	is_int(files_of(&f, 1, LEVEL_FLUSHED), 0);
	is_int(files_of(&f, 2, LEVEL_FLUSHED), 1);
	ok(both_equal(&f, record));
	/* What is in files and not yet out of the log is there once, also after a start. */
	in_the_way(&f, false);
	fixture_stop(&f);
	must(fixture_start(&f) == 0 && fixture_settle(&f) == 0);
	ok(both_equal(&f, record));
	for (int64_t i = 1; i < 3; i++) {
		is_int(tsdb_flush(f.t), 0);
		write_both(&f, record, 400 * i);
	}
	is_int(tsdb_flush(f.t), 0);
	ok(thread || (files_of(&f, 1, LEVEL_FLUSHED) > 1 && files_of(&f, 2, LEVEL_FLUSHED) > 1));
	in_the_way(&f, true);
	ok(tsdb_compact(f.t, NULL) < 0 || thread);
	err_clear();
	ok(thread || files_of(&f, 1, LEVEL_DAY) == 0);
	is_int(files_of(&f, 2, LEVEL_DAY), 1);
	is_int(files_of(&f, 2, LEVEL_FLUSHED), 0);
	/* Whom it does not concern does not hear of it. */
	is_int(tsdb_compact(f.t, &(struct tsdb_compact) { .tenant = 2 }), 0);
	ok(both_equal(&f, record));
	in_the_way(&f, false);
	is_int(tsdb_compact(f.t, NULL), 0);
	is_int(files_of(&f, 1, LEVEL_DAY), 1);
	is_int(files_of(&f, 1, LEVEL_FLUSHED), 0);
	ok(both_equal(&f, record));
	record_done(&record[0]);
	record_done(&record[1]);
	fixture_end(&f);
}

TEST(a_tenant_that_cannot_write_is_not_in_the_way_of_the_others) { beside_one_that_cannot(false); }
TEST(nor_beside_the_thread_that_merges) { beside_one_that_cannot(true); }

TEST(a_full_disk_costs_nothing) { from_the_nth(SYS_WRITE, ENOSPC, 40); }
TEST(a_disk_that_cannot_sync_costs_nothing) { from_the_nth(SYS_FSYNC, EIO, 40); }
TEST(names_that_cannot_be_changed_cost_nothing) { from_the_nth(SYS_RENAME, EROFS, 40); }
TEST(files_that_cannot_be_opened_cost_nothing) { from_the_nth(SYS_OPEN, EMFILE, 40); }
TEST(pages_that_cannot_be_read_cost_nothing) { from_the_nth(SYS_PREAD, EIO, 40); }
TEST(files_that_cannot_be_mapped_cost_nothing) { from_the_nth(SYS_MMAP, ENOMEM, 40); }
TEST(memory_that_is_gone_costs_nothing) { from_the_nth(SYS_ANY_MEMORY, ENOMEM, 40); }

/* --- The n-th call of a start and of its first queries fails: they are refused or right, and right the next time */

struct asked { struct fixture *f; struct world w; struct plant p; };
static struct got hours_were[PLENTY], ten_minutes_were[PLENTY];
static const int64_t whole_time[2] = { T0 - 4 * HOUR, T0 + 24 * HOUR };
static const struct tsdb_step hours = { .step_ns = HOUR }, ten_minutes = { .step_ns = S(600), .want = TSDB_DELTA };
static const unsigned some_kinds[] = { 1, 6, 9 };

/* 0: as it was; 1: not; < 0: refused. */
typedef int (*ask_fn)(struct asked *a);

static int ask_samples(struct asked *a)
{
	struct record got = { 0 };
	struct sample last[N_SERIES];
	struct arena arena;
	const struct tsdb_query q = ask(a->w.series, N_SERIES, INT64_MIN, INT64_MAX);
	int r = tsdb_range(a->f->t, &q, record_batch, &got);
	bool same = got.n == a->w.record.n;

	for (size_t i = 0; r == 0 && same && i < got.n; i++)
		same = same_sample(&got.item[i].s, &a->w.record.item[i].s);
	record_done(&got);
	arena_init(&arena, &sys_heap, 0);
	if (r == 0)
		r = tsdb_last(a->f->t, 1, a->w.series, N_SERIES, &arena, last);
	for (size_t i = 0, j = 0; r == 0 && same && i < N_SERIES; i++) {
		while (j < a->w.record.n && a->w.record.item[j].s.series <= a->w.series[i])
			j++;
		same = j && a->w.record.item[j - 1].s.series == a->w.series[i] ? same_sample(&a->w.record.item[j - 1].s, &last[i]) : last[i].time_ns == TSDB_NEVER;
	}
	arena_done(&arena);
	return r < 0 ? r : !same;
}

static int same_figures(struct asked *a, unsigned k, const struct tsdb_step *step, const struct got *was)
{
	a->p.f.t = a->f->t;
	int r = figures(&a->p, k, whole_time, step, false, &with);
	bool same = with.n == was->n;

	for (size_t i = 0; r == 0 && same && i < with.n; i++)
		same = same_bucket(&with.b[i], &was->b[i], false, false);
	return r < 0 ? r : !same;
}

static int ask_figures(struct asked *a)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ELEMENTSOF(some_kinds); i++) {
		r = same_figures(a, some_kinds[i], &hours, &hours_were[some_kinds[i]]);
		if (r == 0)
			r = same_figures(a, some_kinds[i], &ten_minutes, &ten_minutes_were[some_kinds[i]]);
	}
	return r;
}

enum cold { ALL_THERE, NO_INDEX, NO_MANIFEST };
static const char *const colds[] = { "", "without side indexes", "without manifest" };

struct lose { char path[600]; const char *suffix; };

static int lose_name(void *ctx, const char *name)
{
	const struct lose *l = ctx;
	struct lose in = { .suffix = l->suffix };
	struct stat st;

	snprintf(in.path, sizeof(in.path), "%.300s/%.200s", l->path, name);
	if (stat(in.path, &st) == 0 && S_ISDIR(st.st_mode))
		return dir_each(in.path, lose_name, &in);
	return str_ends(name, l->suffix) && unlink(in.path) < 0 ? -ERR_IO : 0;
}

static int become_cold(struct fixture *f, enum cold cold)
{
	struct lose l = { .suffix = cold == NO_INDEX ? ".idx" : "manifest" };

	f->t = tsdb_free(f->t);
	snprintf(l.path, sizeof(l.path), "%s/tenants", f->dir);
	return cold ? dir_each(l.path, lose_name, &l) : 0;
}

/* All is in files, so nobody reads the log. */
static int open_and_ask(struct asked *a, ask_fn asks)
{
	int r = a->f->t ? 0 : tsdb_open(&a->f->t, &a->f->config, NULL);

	return r < 0 ? r : asks(a);
}

static void cold_with_fault(struct asked *a, ask_fn asks, enum cold cold, enum sys_call call, int error)
{
	unsigned refused = 0, clean = 0, n = 0;

	for (unsigned nth = 1; nth < 20000 && clean < 2; nth += every(1 + nth / 5), n++) {
		must(become_cold(a->f, cold) == 0);
		sys_fault_nth(call, nth, error);
		int r = open_and_ask(a, asks);
		bool hit = sys_fault_hit();
		sys_fault_nth(call, 0, 0);
		err_clear();
		clean = hit ? 0 : clean + 1;
		refused += r < 0;
		must(r <= 0 && (hit || r == 0));
		must(open_and_ask(a, asks) == 0);
	}
	is_int(clean, 2);
	printf("# %s fails, %s: %u faults, refused %u times\n", sys_call_name(call), colds[cold], n - 2, refused);
}

static const struct { enum sys_call call; int error; } reading[] = {
	{ SYS_MMAP, ENOMEM }, { SYS_OPEN, EMFILE }, { SYS_PREAD, EIO }, { SYS_READ, EIO }, { SYS_ANY_MEMORY, ENOMEM },
	{ SYS_WRITE, ENOSPC }, { SYS_FSYNC, EIO }, { SYS_RENAME, EIO },
};

static void every_call(struct asked *a, ask_fn asks)
{
	for (enum cold cold = ALL_THERE; cold <= NO_MANIFEST; cold++)
		for (size_t i = 0; i < ELEMENTSOF(reading); i++)
			cold_with_fault(a, asks, cold, reading[i].call, reading[i].error);
}

TEST(whatever_fails_at_a_start_and_in_the_first_queries_their_samples_are_right_or_refused)
{
	static struct asked a = { .w = { .seed = 41, .one_day = true } };

	a.w.f.config = by_hand;
	sys_fault_nth(SYS_MMAP, 0, 0);
	a.f = &a.w.f;
	must(fixture_begin(a.f) == 0 && world_series(&a.w));
	write_tall(&a.w, 4);
	write_group(&a.w, 4, true);
	must(flush(a.f) && tsdb_compact(a.f->t, NULL) == 0);
	write_tall(&a.w, 10);
	must(flush(a.f));
	record_settle(&a.w.record);
	every_call(&a, ask_samples);
	record_done(&a.w.record);
	fixture_end(a.f);
	sys_restore();
}

/* An hour in a day file with its figures, some minutes in a flushed one. */
static void small_plant(struct plant *p)
{
	struct uuid points[PLENTY];
	uint8_t types[PLENTY];

	p->f.config = by_hand;
	for (unsigned i = 0; i < PLENTY; i++) {
		points[i] = point(i);
		types[i] = kinds[i].type;
	}
	must(fixture_begin(&p->f) == 0 && tsdb_series_many(p->f.t, 1, PLENTY, points, types, p->series) == 0);
	for (unsigned round = 0; round < 2; round++) {
		for (size_t i = 0; i < ELEMENTSOF(some_kinds); i++)
			write_stretch(p, some_kinds[i], T0 + round * HOUR, T0 + HOUR + round * S(300), 0);
		must(flush(&p->f) && (round || tsdb_compact(p->f.t, NULL) == 0));
	}
	must(stats_of(&p->f).level[LEVEL_DAY].files == 1 && stats_of(&p->f).n_files == 2);
}

TEST(whatever_fails_at_a_start_and_in_the_first_queries_their_figures_are_right_or_refused)
{
	static struct asked a;

	sys_fault_nth(SYS_MMAP, 0, 0);
	small_plant(&a.p);
	a.f = &a.p.f;
	for (unsigned k = 0; k < PLENTY; k++)
		must(figures(&a.p, k, whole_time, &hours, true, &hours_were[k]) == 0 && figures(&a.p, k, whole_time, &ten_minutes, true, &ten_minutes_were[k]) == 0);
	every_call(&a, ask_figures);
	plant_end(&a.p);
	sys_restore();
}
