/* tier_test.c - files of old days in a second folder: what is there, what is not, and what a crash, a fault or an unplugged disk leaves. */
#include "tap.h"

#include "tsdb/merge/merge_test.h"

#include "tsdb/crash_disk.h"

#define NOW (T0 + 400 * DAY)
#define AGE (30 * DAY)

struct told { unsigned n[TSDB_MOVE_FAILED + 1]; };
struct tier { struct world w; char second[80], gone[90]; struct told told; };

static void on_event(void *ctx, enum tsdb_event event, uint32_t tenant, const struct err *why) { ((struct told *) ctx)->n[event]++; }

static void configure(struct tier *x)
{
	x->w.f.config = by_hand;
	x->w.f.config.second_dir = x->second;
	x->w.f.config.second_age_ns = AGE;
	x->w.f.config.on_event = on_event;
	x->w.f.config.ctx = &x->told;
}

/* Three days, each in one day file, and a second folder beside the data folder. */
static int begin(struct tier *x, uint64_t seed)
{
	x->w.seed = seed;
	configure(x);
	if (!fixture_folder("tier", x->second, sizeof(x->second)))
		return -1;
	snprintf(x->gone, sizeof(x->gone), "%s-gone", x->second);
	int r = fixture_begin(&x->w.f);
	if (r < 0 || !world_series(&x->w))
		return -1;
	for (unsigned i = 0; i < 3; i++)
		write_round(&x->w, 2 + 38 * i);
	if (!flush(&x->w.f))
		return -1;
	record_settle(&x->w.record);
	return tsdb_compact(x->w.f.t, NULL);
}

static void end(struct tier *x)
{
	record_done(&x->w.record);
	fixture_end(&x->w.f);
	dir_remove(x->second);
	dir_remove(x->gone);
}

static int move_all(struct tier *x)
{
	int r;

	while ((r = tier_step(x->w.f.t, NOW)) > 0)
		;
	return r;
}

static unsigned files_there(const struct tier *x)
{
	char path[120];

	snprintf(path, sizeof(path), "%s/tenants/1/ts", x->second);
	unsigned n = file_exists(path) ? count_names(path) : 0;
	err_clear();
	return n;
}

static bool start_again(struct tier *x)
{
	fixture_stop(&x->w.f);
	return fixture_start(&x->w.f) == 0 && fixture_settle(&x->w.f) == 0;
}

static bool unplug(struct tier *x) { return rename(x->second, x->gone) == 0; }
static bool plug_in(struct tier *x) { return rename(x->gone, x->second) == 0; }

TEST(files_of_old_days_lie_in_the_second_folder_and_answer_as_before)
{
	struct tier x = { 0 };

	must(begin(&x, 1) == 0);
	uint64_t all = stats_of(&x.w.f).n_files, samples = stats_of(&x.w.f).file_samples;
	is_int(stats_of(&x.w.f).second.waiting_files, all);
	is_int(move_all(&x), 0);
	struct tsdb_second s = stats_of(&x.w.f).second;
	is_int(s.files, all);
	is_int(s.samples, samples);
	is_int(s.moved_files, all);
	is_int(s.waiting_files, 0);
	is_int(files_there(&x), all);
	is_int(files_on_disk(&x.w.f), 0);
	ok(world_equals(&x.w) && lasts_are_right(&x.w));
	must(start_again(&x));
	is_int(stats_of(&x.w.f).second.files, all);
	ok(world_equals(&x.w) && lasts_are_right(&x.w));
	/* A young day stays. */
	is_int(tier_step(x.w.f.t, T0 + 10 * DAY), 0);
	end(&x);
}

TEST(a_lease_keeps_a_file_that_was_moved_and_then_merged)
{
	struct tier x = { 0 };
	struct tsdb_lease *l;

	must(begin(&x, 9) == 0 && tsdb_lease(x.w.f.t, 1, &l) == 0);
	struct tsdb_query q = ask(x.w.series, N_SERIES, INT64_MIN, INT64_MAX);
	struct record all = { 0 };
	q.lease = l;
	must(move_all(&x) == 0);
	is_int(tsdb_range(x.w.f.t, &q, record_batch, &all), 0);
	/* Late samples for each of the days, merged with what lies in the second folder. */
	for (unsigned i = 0; i < 3; i++)
		write_round(&x.w, 2 + 38 * i);
	must(flush(&x.w.f) && tsdb_compact(x.w.f.t, NULL) == 0);
	record_settle(&x.w.record);
	ok(world_equals(&x.w));
	ok(store_equals(x.w.f.t, &q, &all));
	tsdb_lease_end(l);
	is_int(files_on_disk(&x.w.f) + files_there(&x), stats_of(&x.w.f).n_files);
	record_done(&all);
	end(&x);
}

TEST(age_0_brings_all_files_back)
{
	struct tier x = { 0 };

	must(begin(&x, 2) == 0 && move_all(&x) == 0);
	uint64_t all = stats_of(&x.w.f).n_files;
	x.w.f.config.second_age_ns = 0;
	must(start_again(&x));
	is_int(stats_of(&x.w.f).second.waiting_files, all);
	is_int(move_all(&x), 0);
	is_int(stats_of(&x.w.f).second.files, 0);
	is_int(files_there(&x), 0);
	is_int(files_on_disk(&x.w.f), all);
	x.w.f.config.second_dir = NULL;
	must(start_again(&x));
	ok(world_equals(&x.w));
	end(&x);
}

static int count_batch(void *ctx, struct batch *b) { *(unsigned *) ctx += b->n_rows; return 0; }

static int ask_all(struct tier *x, int64_t from, int64_t to)
{
	struct tsdb_query q = ask(x->w.series, N_SERIES, from, to);
	unsigned n = 0;
	int r = tsdb_range(x->w.f.t, &q, count_batch, &n);

	err_clear();
	return r;
}

TEST(a_folder_that_is_not_there_costs_the_answers_that_need_it_and_no_other)
{
	struct tier x = { 0 };
	struct sample last[N_SERIES];
	struct arena a;

	must(begin(&x, 3) == 0);
	/* The first two days go. */
	while (tier_step(x.w.f.t, T0 + DAY + AGE) > 0)
		;
	must(stats_of(&x.w.f).second.files > 0 && stats_of(&x.w.f).second.files < stats_of(&x.w.f).n_files);
	must(tier_look(x.w.f.t) == 0 && unplug(&x) && start_again(&x));
	ok(!file_exists(x.second));
	is_int(stats_of(&x.w.f).second.reachable, false);
	is_int(stats_of(&x.w.f).second.why.kind, ERR_UNAVAILABLE);
	is_int(tier_look(x.w.f.t), 0);
	is_int(x.told.n[TSDB_SECOND_LOST], 1);
	is_int(ask_all(&x, T0, T0 + 3 * DAY), -ERR_UNAVAILABLE);
	is_int(ask_all(&x, T0 + DAY, T0 + 3 * DAY), 0);
	/* Side indexes are here: what they say is said. */
	struct tsdb_query q = ask(x.w.series, N_SERIES, INT64_MIN, INT64_MAX);
	struct tsdb_cost cost;
	is_int(tsdb_cost(x.w.f.t, &q, 0, &cost), 0);
	ok(cost.samples > 0);
	arena_init(&a, &sys_heap, 0);
	for (unsigned i = 0; i < N_SERIES; i++)
		if (x.w.types[i] != V_STR && x.w.types[i] != V_BYTES)
			is_int(tsdb_last(x.w.f.t, 1, &x.w.series[i], 1, &a, &last[i]), 0);
	arena_done(&a);
	/* Nothing is moved, nothing is made, new samples come in. */
	is_int(tier_step(x.w.f.t, NOW), 0);
	write_round(&x.w, 50);
	must(flush(&x.w.f));
	is_int(tsdb_compact(x.w.f.t, NULL), 0);
	ok(!file_exists(x.second));
	must(plug_in(&x));
	is_int(tier_look(x.w.f.t), 0);
	is_int(x.told.n[TSDB_SECOND_BACK], 1);
	record_settle(&x.w.record);
	ok(world_equals(&x.w) && lasts_are_right(&x.w));
	is_int(move_all(&x), 0);
	ok(world_equals(&x.w));
	end(&x);
}

TEST(a_disk_that_goes_while_it_is_read_is_said_to_be_gone)
{
	struct tier x = { 0 };

	must(begin(&x, 4) == 0 && move_all(&x) == 0 && start_again(&x));
	must(unplug(&x));
	is_int(ask_all(&x, INT64_MIN, INT64_MAX), -ERR_UNAVAILABLE);
	is_int(stats_of(&x.w.f).second.reachable, false);
	must(plug_in(&x) && tier_look(x.w.f.t) == 0);
	ok(world_equals(&x.w));
	end(&x);
}

TEST(only_the_folder_with_this_stores_mark_is_taken)
{
	struct tier x = { 0 }, other = { 0 };
	char path[120];

	must(begin(&x, 5) == 0 && begin(&other, 6) == 0 && move_all(&x) == 0 && move_all(&other) == 0);
	/* Another store's, then an empty one: a mount point without its disk. */
	x.w.f.config.second_dir = other.second;
	must(start_again(&x));
	is_int(stats_of(&x.w.f).second.reachable, false);
	is_int(tier_step(x.w.f.t, NOW), 0);
	ok(world_equals(&other.w));
	must(unplug(&x) && mkdir(x.second, 0700) == 0);
	x.w.f.config.second_dir = x.second;
	must(start_again(&x));
	is_int(stats_of(&x.w.f).second.reachable, false);
	is_int(ask_all(&x, INT64_MIN, INT64_MAX), -ERR_UNAVAILABLE);
	snprintf(path, sizeof(path), "%s/tenon-store", x.second);
	ok(!file_exists(path));
	must(rmdir(x.second) == 0 && plug_in(&x) && tier_look(x.w.f.t) == 0);
	ok(world_equals(&x.w));
	end(&x);
	end(&other);
}

TEST(late_samples_of_a_day_that_lies_there_are_merged_with_it)
{
	struct tier x = { 0 };

	must(begin(&x, 7) == 0 && move_all(&x) == 0);
	uint64_t all = stats_of(&x.w.f).n_files;
	write_round(&x.w, 3);
	must(flush(&x.w.f));
	record_settle(&x.w.record);
	ok(world_equals(&x.w));
	is_int(tsdb_compact(x.w.f.t, NULL), 0);
	ok(world_equals(&x.w));
	ok(stats_of(&x.w.f).second.files < all);
	is_int(files_there(&x), stats_of(&x.w.f).second.files);
	is_int(move_all(&x), 0);
	is_int(stats_of(&x.w.f).second.files, stats_of(&x.w.f).n_files);
	is_int(files_on_disk(&x.w.f), 0);
	must(start_again(&x));
	ok(world_equals(&x.w));
	end(&x);
}

TEST(who_holds_a_lease_reads_a_file_that_is_moved_meanwhile)
{
	struct tier x = { 0 };
	struct tsdb_lease *l;
	unsigned n = 0;

	must(begin(&x, 8) == 0 && start_again(&x) && tsdb_lease(x.w.f.t, 1, &l) == 0);
	is_int(move_all(&x), 0);
	ok(files_on_disk(&x.w.f) > 0);
	struct tsdb_query q = ask(x.w.series, N_SERIES, INT64_MIN, INT64_MAX);
	q.lease = l;
	is_int(tsdb_range(x.w.f.t, &q, count_batch, &n), 0);
	is_int(n, x.w.record.n);
	tsdb_lease_end(l);
	is_int(files_on_disk(&x.w.f), 0);
	ok(world_equals(&x.w));
	end(&x);
}

TEST(a_full_second_disk_stops_moving_and_says_so_once)
{
	struct tier x = { 0 };

	sys_fault_nth(SYS_WRITE, 0, 0);
	must(begin(&x, 9) == 0);
	uint64_t all = stats_of(&x.w.f).n_files;
	for (unsigned i = 0; i < all; i++) {
		sys_fault_from(SYS_WRITE, 1, ENOSPC);
		is_int(tier_step(x.w.f.t, NOW), -ERR_FULL);
		sys_fault_nth(SYS_WRITE, 0, 0);
		err_clear();
	}
	is_int(x.told.n[TSDB_SECOND_FULL], 1);
	is_int(stats_of(&x.w.f).second.full, true);
	is_int(files_there(&x), 0);
	ok(world_equals(&x.w));
	must(start_again(&x));
	is_int(move_all(&x), 0);
	is_int(stats_of(&x.w.f).second.files, all);
	ok(world_equals(&x.w));
	end(&x);
	sys_restore();
}

TEST(a_file_that_is_damaged_is_not_moved)
{
	struct tier x = { 0 };
	static char path[PATH_MAX];
	uint8_t b = 0;

	must(begin(&x, 10) == 0);
	struct catalog *c = catalog_ref(tenant_find(x.w.f.t, 1));
	must(file_path(c->file[0], path));
	catalog_unref(c);
	int fd = open(path, O_RDWR);
	must(fd >= 0 && pread(fd, &b, 1, 700) == 1);
	b ^= 1;
	must(pwrite(fd, &b, 1, 700) == 1);
	close(fd);
	unsigned failed = 0;
	for (int r, i = 0; i < 20 && (r = tier_step(x.w.f.t, NOW)); i++)
		failed += r == -ERR_CORRUPT;
	is_int(failed, 1);
	is_int(x.told.n[TSDB_MOVE_FAILED], 1);
	is_int(stats_of(&x.w.f).second.files, stats_of(&x.w.f).n_files - 1);
	ok(file_exists(path));
	end(&x);
}

TEST(a_manifest_that_is_lost_is_made_of_both_folders)
{
	struct tier x = { 0 };
	char path[120];

	must(begin(&x, 11) == 0);
	while (tier_step(x.w.f.t, T0 + DAY + AGE) > 0)
		;
	uint64_t all = stats_of(&x.w.f).n_files, there = stats_of(&x.w.f).second.files, figures = stats_of(&x.w.f).roll_bytes;
	must(there > 0 && there < all && figures > 0);
	snprintf(path, sizeof(path), "%s/tenants/1/ts/manifest", x.w.f.dir);
	fixture_stop(&x.w.f);
	must(unlink(path) == 0 && fixture_start(&x.w.f) == 0 && fixture_settle(&x.w.f) == 0);
	is_int(stats_of(&x.w.f).second.files, there);
	is_int(stats_of(&x.w.f).n_files, all);
	is_int(stats_of(&x.w.f).roll_bytes, figures);
	ok(world_equals(&x.w));
	/* Lost while the folder is not there: what lies in it is not taken for leftovers later. */
	fixture_stop(&x.w.f);
	must(unlink(path) == 0 && unplug(&x) && fixture_start(&x.w.f) == 0 && fixture_settle(&x.w.f) == 0);
	is_int(stats_of(&x.w.f).n_files, all - there);
	/* A start in between takes their figures for leftovers no more than this one. */
	must(start_again(&x));
	must(plug_in(&x));
	is_int(tier_look(x.w.f.t), 0);
	must(tier_look(x.w.f.t) == 0);
	is_int(stats_of(&x.w.f).second.files, there);
	is_int(stats_of(&x.w.f).n_files, all);
	is_int(stats_of(&x.w.f).roll_bytes, figures);
	ok(world_equals(&x.w));
	must(start_again(&x));
	is_int(stats_of(&x.w.f).roll_bytes, figures);
	ok(world_equals(&x.w));
	/* And while the folder is away, which is back at the next start. */
	fixture_stop(&x.w.f);
	must(unlink(path) == 0 && unplug(&x) && fixture_start(&x.w.f) == 0 && fixture_settle(&x.w.f) == 0);
	must(plug_in(&x) && start_again(&x));
	is_int(stats_of(&x.w.f).n_files, all);
	is_int(stats_of(&x.w.f).second.files, there);
	is_int(stats_of(&x.w.f).roll_bytes, figures);
	ok(world_equals(&x.w));
	end(&x);
}

TEST(a_copy_of_a_folder_that_has_all_its_files_needs_no_second_one)
{
	struct tier x = { 0 };
	char from[120], to[120];

	must(begin(&x, 12) == 0 && move_all(&x) == 0);
	uint64_t all = stats_of(&x.w.f).n_files;
	fixture_stop(&x.w.f);
	snprintf(from, sizeof(from), "%s/tenants/1/ts", x.second);
	snprintf(to, sizeof(to), "%s/tenants/1/ts", x.w.f.dir);
	must(copy_folder(from, to) == 0);
	x.w.f.config.second_dir = NULL;
	must(fixture_start(&x.w.f) == 0 && fixture_settle(&x.w.f) == 0);
	is_int(stats_of(&x.w.f).second.files, 0);
	is_int(stats_of(&x.w.f).n_files, all);
	ok(world_equals(&x.w));
	end(&x);
}

/* --- The n-th call fails */

/* All of them in `make test-all`: each start and stop is a few syncs of a disk that others use, too. */
static bool whole(void) { return getenv("TENON_TEST_WHOLE"); }

static void move_with_fault(enum sys_call call, int error, unsigned step)
{
	struct tier x = { 0 };
	unsigned clean = 0, failed = 0;

	sys_fault_nth(call, 0, 0);
	must(begin(&x, 13) == 0);
	uint64_t all = stats_of(&x.w.f).n_files;
	for (unsigned i = 0, nth = 1; nth < 4000 && clean < 2; i++) {
		/* There and back again. */
		x.w.f.config.second_age_ns = i % 2 == 0 ? AGE : 0;
		nth = 1 + i / 2 * every(3 * step);
		must(start_again(&x));
		sys_fault_nth(call, nth, error);
		int r = move_all(&x);
		bool hit = sys_fault_hit();

		sys_fault_nth(call, 0, 0);
		clean = hit ? 0 : clean + 1;
		failed += r < 0;
		err_clear();
		must(world_equals(&x.w));
		must(start_again(&x) && world_equals(&x.w));
		must(move_all(&x) == 0);
		struct tsdb_stats s = stats_of(&x.w.f);
		must(s.n_files == all && s.second.files == (x.w.f.config.second_age_ns ? all : 0));
		must(files_there(&x) == s.second.files && files_on_disk(&x.w.f) == all - s.second.files);
		must(world_equals(&x.w));
	}
	is_int(clean, 2);
	ok(failed > 0);
	printf("# %u failed\n", failed);
	end(&x);
	sys_restore();
}

TEST(a_write_that_fails_during_a_move_costs_nothing) { move_with_fault(SYS_WRITE, EIO, 1); }
TEST(a_sync_that_fails_during_a_move_costs_nothing) { move_with_fault(SYS_FSYNC, EIO, 1); }
TEST(a_rename_that_fails_during_a_move_costs_nothing) { move_with_fault(SYS_RENAME, EIO, 1); }
TEST(an_open_that_fails_during_a_move_costs_nothing) { move_with_fault(SYS_OPEN, EMFILE, 5); }
TEST(a_read_that_fails_during_a_move_costs_nothing) { move_with_fault(SYS_PREAD, EIO, 41); }
TEST(memory_that_ends_during_a_move_costs_nothing) { move_with_fault(SYS_ANY_MEMORY, ENOMEM, 41); }

/* --- Killed, or without power, at every call */

static int move_in_child(const struct tier *x, const char *dir, enum how how, uint64_t at, uint64_t *ret_calls)
{
	int ends[2], status;

	if (pipe(ends) < 0)
		return -1;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		struct tsdb_config c = x->w.f.config;
		char aside[80];
		struct tsdb *t;
		int r;

		c.data_dir = dir;
		if (tsdb_open(&t, &c, NULL) < 0)
			_exit(2);
		snprintf(aside, sizeof(aside), "%.60s/aside", dir);
		mkdir(aside, 0700);
		use_disk(how, at, aside);
		while ((r = tier_step(t, NOW)) > 0)
			;
		if (r < 0)
			_exit(3);
		tsdb_free(t);
		_exit(write(ends[1], &disk.n, sizeof(disk.n)) == sizeof(disk.n) ? 0 : 4);
	}
	close(ends[1]);
	*ret_calls = 0;
	ssize_t n = read(ends[0], ret_calls, sizeof(*ret_calls));
	close(ends[0]);
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && n >= 0 ? WEXITSTATUS(status) : -1;
}

/* From one folder to the other and back, killed at every call either way. */
static void at_every_call(enum how how, bool back)
{
	struct tier x = { 0 };
	char dir[50], second[50], work[60], work_second[60];
	unsigned killed = 0, partly = 0;
	uint64_t calls = 0;
	int status = 9;

	must(begin(&x, 14) == 0);
	if (back)
		must(move_all(&x) == 0);
	uint64_t all = stats_of(&x.w.f).n_files;
	fixture_stop(&x.w.f);
	snprintf(dir, sizeof(dir), "%.49s", x.w.f.dir);
	snprintf(second, sizeof(second), "%.49s", x.second);
	snprintf(work, sizeof(work), "%s-k", dir);
	snprintf(work_second, sizeof(work_second), "%s-k", second);
	for (uint64_t at = 1, step = whole() ? 1 : 5; at < 2000 && status == 9; at += step) {
		must(copy_folder(dir, work) == 0 && copy_folder(second, work_second) == 0);
		snprintf(x.w.f.dir, sizeof(x.w.f.dir), "%s", work);
		snprintf(x.second, sizeof(x.second), "%s", work_second);
		x.w.f.config.second_age_ns = back ? 0 : AGE;
		status = move_in_child(&x, work, how, at, &calls);
		must(status == 9 || status == 0);
		killed += status == 9;
		must(fixture_start(&x.w.f) == 0 && fixture_settle(&x.w.f) == 0);
		must(world_equals(&x.w));
		struct tsdb_stats s = stats_of(&x.w.f);
		must(s.n_files == all && files_there(&x) == s.second.files && files_on_disk(&x.w.f) == all - s.second.files);
		partly += s.second.files > 0 && s.second.files < all;
		must(move_all(&x) == 0);
		must(stats_of(&x.w.f).second.files == (back ? 0 : all) && world_equals(&x.w));
		fixture_stop(&x.w.f);
		dir_remove(work);
		dir_remove(work_second);
	}
	is_int(status, 0);
	ok(killed > 5 && killed >= calls / 5 && partly > 0);
	printf("# at %u of %llu calls; %u times some files were in one folder and some in the other\n", killed, (unsigned long long) calls, partly);
	snprintf(x.w.f.dir, sizeof(x.w.f.dir), "%s", dir);
	snprintf(x.second, sizeof(x.second), "%s", second);
	end(&x);
}

TEST(killed_at_every_call_of_a_move_each_sample_is_there_once) { at_every_call(KILLED, false); }
TEST(killed_at_every_call_of_a_move_back_each_sample_is_there_once) { at_every_call(KILLED, true); }
TEST(without_power_and_what_was_not_synced_a_move_costs_nothing) { at_every_call(WITHOUT_DATA, false); }
TEST(without_power_and_names_that_were_not_synced_a_move_costs_nothing) { at_every_call(WITHOUT_NAMES, false); }
TEST(without_power_and_names_that_were_not_synced_a_move_back_costs_nothing) { at_every_call(WITHOUT_NAMES, true); }

/* --- By itself */

TEST(the_thread_moves_what_is_old)
{
	struct tier x = { 0 };

	must(begin(&x, 15) == 0);
	x.w.f.config.compact_rate = 0;
	must(start_again(&x));
	/* What lies in 2026-01 is older than 30 days by any clock that is right. */
	for (int i = 0; i < 20000 && stats_of(&x.w.f).second.waiting_files; i++)
		usleep(1000);
	struct tsdb_stats s = stats_of(&x.w.f);
	is_int(s.second.files, s.n_files);
	ok(world_equals(&x.w));
	end(&x);
}
