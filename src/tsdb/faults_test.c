/*
 * faults_test.c - a disk that is full, a disk that fails, no more descriptors, no more memory: from the n-th call on and until somebody mends it, while
 * memory becomes files and these are merged. Nothing is lost, nothing is there twice, and afterwards all goes on. (The n-th call alone: crash_test.c,
 * compact_crash_test.c.)
 */
#include <errno.h>

#include "tap.h"

#include "tsdb/merge_test.h"

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

TEST(a_full_disk_costs_nothing) { from_the_nth(SYS_WRITE, ENOSPC, 40); }
TEST(a_disk_that_cannot_sync_costs_nothing) { from_the_nth(SYS_FSYNC, EIO, 40); }
TEST(names_that_cannot_be_changed_cost_nothing) { from_the_nth(SYS_RENAME, EROFS, 40); }
TEST(files_that_cannot_be_opened_cost_nothing) { from_the_nth(SYS_OPEN, EMFILE, 40); }
TEST(pages_that_cannot_be_read_cost_nothing) { from_the_nth(SYS_PREAD, EIO, 40); }
TEST(memory_that_is_gone_costs_nothing) { from_the_nth(SYS_ANY_MEMORY, ENOMEM, 40); }
