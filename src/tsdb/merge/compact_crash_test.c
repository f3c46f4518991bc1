/* compact_crash_test.c - what is left when a call fails, or the process dies, while files are merged: everything, each sample once. */
#include "tap.h"

#include "tsdb/merge/merge_test.h"

#include "tsdb/crash_disk.h"

/* --- The n-th call fails */

static bool all_is_there(struct world *w)
{
	bool good = world_equals(w);

	fixture_stop(&w->f);
	return good && fixture_start(&w->f) == 0 && fixture_settle(&w->f) == 0 && world_equals(w);
}

static void merge_with_fault(enum sys_call call, int error, unsigned step)
{
	struct world w = { .f.config = by_hand, .seed = 13, .one_day = true };
	unsigned clean = 0, failed = 0;

	sys_fault_nth(call, 0, 0);              /* the table is replaced before there are threads, and given back after them */
	w.f.config.file_bytes = 6000;           /* several outputs */
	must(fixture_begin(&w.f) == 0 && world_series(&w));
	for (unsigned nth = 1; nth < 6000 && clean < 2; nth += every(step)) {
		for (unsigned i = 0; i < 2 && stats_of(&w.f).n_files < 6; i++) {
			write_tall(&w, 10);
			must(flush(&w.f));
		}
		record_settle(&w.record);
		sys_fault_nth(call, nth, error);
		int r = tsdb_compact(w.f.t, NULL);
		bool hit = sys_fault_hit();
		sys_fault_nth(call, 0, 0);
		clean = hit ? 0 : clean + 1;
		failed += r < 0;
		err_clear();
		/* One that did not hurt (an unlink, memory with another way) still leaves all there. */
		must(nth % 4 ? world_equals(&w) : all_is_there(&w));
		/* What failed left nothing behind that would add up; what is in doubt is gone after the next success. */
		if (!clean && r < 0)
			must(files_on_disk(&w.f) <= stats_of(&w.f).n_files + 40);
	}
	is_int(clean, 2);
	ok(failed > 0);
	printf("# %u failed\n", failed);
	is_int(tsdb_compact(w.f.t, NULL), 0);
	ok(world_equals(&w));
	is_int(stats_of(&w.f).file_samples, w.record.n);
	write_tall(&w, 10);
	must(flush(&w.f));
	is_int(tsdb_compact(w.f.t, NULL), 0);
	is_int(files_on_disk(&w.f), stats_of(&w.f).n_files);
	record_done(&w.record);
	fixture_end(&w.f);
	sys_restore();
}

TEST(a_write_that_fails_during_a_merge_costs_nothing) { merge_with_fault(SYS_WRITE, ENOSPC, 1); }
TEST(a_sync_that_fails_during_a_merge_costs_nothing) { merge_with_fault(SYS_FSYNC, EIO, 1); }
TEST(a_rename_that_fails_during_a_merge_costs_nothing) { merge_with_fault(SYS_RENAME, EIO, 1); }
TEST(an_open_that_fails_during_a_merge_costs_nothing) { merge_with_fault(SYS_OPEN, EMFILE, 1); }
TEST(a_read_that_fails_during_a_merge_costs_nothing) { merge_with_fault(SYS_PREAD, EIO, 7); }
TEST(a_map_that_fails_during_a_merge_costs_nothing) { merge_with_fault(SYS_MMAP, ENOMEM, 1); }
TEST(memory_that_ends_during_a_merge_costs_nothing) { merge_with_fault(SYS_ANY_MEMORY, ENOMEM, 5); }

/* --- Killed, or without power, at every call */

typedef int (*deed_fn)(struct tsdb *t);

static int merge(struct tsdb *t) { return tsdb_compact(t, NULL); }

/* The step of the manifest that deletes, then off the medium. */
static const struct tomb deleted[] = { { .series = 3, .from_ns = INT64_MIN, .to_ns = INT64_MAX }, { .series = 9, .from_ns = T0, .to_ns = INT64_MAX } };

static int delete_and_purge(struct tsdb *t)
{
	const uint32_t series[] = { 3, 9 };
	const struct tsdb_purge how = { .tenant = 1, .series = series, .n_series = 2 };
	uint64_t left;
	int r = tenant_change(tenant_find(t, 1), &(struct change) { .tomb = deleted, .n_tombs = 2 });

	return r < 0 ? r : tsdb_purge(t, &how, &left);
}

/* The store is opened without a log: nothing but files is looked at, and one thread makes every call. */
static int child(const char *dir, deed_fn deed, enum how how, uint64_t at, uint64_t *ret_calls)
{
	int ends[2], status;

	if (pipe(ends) < 0)
		return -1;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		struct tsdb_config c = by_hand;
		struct tsdb *t;
		char aside[96];

		c.data_dir = dir;
		c.file_bytes = 20000;
		if (tsdb_open(&t, &c, NULL) < 0)
			_exit(2);
		snprintf(aside, sizeof(aside), "%s/aside", dir);
		mkdir(aside, 0700);
		use_disk(how, at, aside);
		if (deed(t) < 0)
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

static void at_every_call(enum how how)
{
	struct world w = { .f.config = by_hand, .seed = 14, .one_day = true };
	char dir[56], work[64];
	unsigned killed = 0, swept = 0, merged = 0;
	uint64_t calls = 0;
	int status = 9;

	must(fixture_begin(&w.f) == 0 && world_series(&w));
	for (unsigned i = 0; i < 5; i++) {
		write_tall(&w, 10);
		write_group(&w, 10, true);
		must(flush(&w.f));
	}
	record_settle(&w.record);
	fixture_stop(&w.f);
	snprintf(dir, sizeof(dir), "%.55s", w.f.dir);
	snprintf(work, sizeof(work), "%s-killed", dir);
	for (uint64_t at = 1; at < 2000 && status == 9; at++) {
		must(copy_folder(dir, work) == 0);
		status = child(work, merge, how, at, &calls);
		must(status == 9 || status == 0);
		killed += status == 9;
		snprintf(w.f.dir, sizeof(w.f.dir), "%s", work);
		unsigned before = files_on_disk(&w.f);
		must(fixture_start(&w.f) == 0 && fixture_settle(&w.f) == 0);
		must(world_equals(&w));
		/* Each once on the medium, either all old files or all new ones, and no others. */
		struct tsdb_stats s = stats_of(&w.f);
		is_int(files_on_disk(&w.f), s.n_files);
		ok(s.n_files == s.level[LEVEL_FLUSHED].files || s.n_files == s.level[LEVEL_DAY].files);
		merged += status == 9 && s.level[LEVEL_DAY].files;
		swept += before > s.n_files;
		fixture_stop(&w.f);
		dir_remove(work);
	}
	is_int(status, 0);
	ok(killed > 30 && killed == calls);
	ok(swept > 5 && merged > 0);
	printf("# at each of %u calls; files swept %u times, merged %u times\n", killed, swept, merged);
	snprintf(w.f.dir, sizeof(w.f.dir), "%s", dir);
	record_done(&w.record);
	dir_remove(dir);
}

TEST(killed_at_every_call_of_a_merge_each_sample_is_there_once) { at_every_call(KILLED); }
TEST(without_power_and_what_was_not_synced_each_sample_is_there_once) { at_every_call(WITHOUT_DATA); }
TEST(without_power_and_names_that_were_not_synced_each_sample_is_there_once) { at_every_call(WITHOUT_NAMES); }

/* --- The same while something is deleted: all of it is there or nothing of it, and what was begun is carried out afterwards */

static void without_deleted(struct record *r, struct record *ret)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct sample *s = &r->item[i].s;

		if (s->series != 3 && (s->series != 9 || s->time_ns < T0))
			record_add(ret, s);
	}
}

static void deleting_at_every_call(enum how how)
{
	struct world w = { .f.config = by_hand, .seed = 15, .one_day = true };
	struct record less = { 0 };
	char dir[56], work[64];
	unsigned killed = 0, before = 0, after = 0;
	uint64_t calls = 0;
	int status = 9;

	must(fixture_begin(&w.f) == 0 && world_series(&w));
	for (unsigned i = 0; i < 3; i++) {
		write_tall(&w, 10);
		write_group(&w, 10, true);
		must(flush(&w.f));
	}
	record_settle(&w.record);
	without_deleted(&w.record, &less);
	must(less.n < w.record.n);
	fixture_stop(&w.f);
	snprintf(dir, sizeof(dir), "%.55s", w.f.dir);
	snprintf(work, sizeof(work), "%s-killed", dir);
	struct tsdb_query q = ask(w.series, N_SERIES, INT64_MIN, INT64_MAX);
	/* The hardest way at each call, the others here and there. */
	for (uint64_t at = 1; at < 2000 && status == 9; at += how == WITHOUT_NAMES ? 1 : every(5)) {
		must(copy_folder(dir, work) == 0);
		status = child(work, delete_and_purge, how, at, &calls);
		must(status == 9 || status == 0);
		killed += status == 9;
		snprintf(w.f.dir, sizeof(w.f.dir), "%s", work);
		must(fixture_start(&w.f) == 0 && fixture_settle(&w.f) == 0);
		struct catalog *c = catalog_ref(tenant_find(w.f.t, 1));
		bool is_deleted = c->next_tomb > 1;
		catalog_unref(c);
		must(store_equals(w.f.t, &q, is_deleted ? &less : &w.record));
		*(is_deleted ? &after : &before) += 1;
		is_int(files_on_disk(&w.f), stats_of(&w.f).n_files);
		is_int(tsdb_compact(w.f.t, NULL), 0);
		must(store_equals(w.f.t, &q, is_deleted ? &less : &w.record));
		is_int(stats_of(&w.f).file_samples, is_deleted ? less.n : w.record.n);
		fixture_stop(&w.f);
		dir_remove(work);
	}
	is_int(status, 0);
	ok(killed > 15 && killed <= calls && before > 0 && after > 10);
	printf("# at %u calls; not yet deleted %u times, deleted %u times\n", killed, before, after);
	snprintf(w.f.dir, sizeof(w.f.dir), "%s", dir);
	record_done(&less);
	record_done(&w.record);
	dir_remove(dir);
}

TEST(killed_at_every_call_of_a_delete_all_of_it_is_there_or_nothing) { deleting_at_every_call(KILLED); }
TEST(without_power_and_what_was_not_synced_all_of_a_delete_is_there_or_nothing) { deleting_at_every_call(WITHOUT_DATA); }
TEST(without_power_and_names_that_were_not_synced_all_of_a_delete_is_there_or_nothing) { deleting_at_every_call(WITHOUT_NAMES); }
