/* compact_crash_test.c - what is left when a call fails, or the process dies, while files are merged: everything, each sample once. */
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

#include "tap.h"

#include "tsdb/merge_test.h"

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
	for (unsigned nth = 1; nth < 6000 && clean < 2; nth += step) {
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

/* --- Killed at every call */

struct killer { uint64_t n, at; };

static void kill_at(void *ctx, const struct sys_event *e)
{
	struct killer *k = ctx;

	/* Reading changes nothing: what is left is the same as before the next call that does. */
	if (e->call != SYS_READ && e->call != SYS_PREAD && e->call != SYS_MMAP && e->call != SYS_MUNMAP && e->call != SYS_CLOSE && ++k->n == k->at)
		_exit(9);
}

static int copy_name(void *ctx, const char *name);
struct copy { char from[600], to[600]; };

static int copy_folder(const char *from, const char *to)
{
	struct copy c;

	snprintf(c.from, sizeof(c.from), "%s", from);
	snprintf(c.to, sizeof(c.to), "%s", to);
	int r = dir_make(to, 0700);
	return r < 0 ? r : dir_each(from, copy_name, &c);
}

static int copy_name(void *ctx, const char *name)
{
	const struct copy *c = ctx;
	struct buf bytes = BUF_INIT(&sys_heap, 16 << 20);
	char from[900], to[900];
	struct stat st;

	snprintf(from, sizeof(from), "%s/%s", c->from, name);
	snprintf(to, sizeof(to), "%s/%s", c->to, name);
	if (stat(from, &st) < 0)
		return -ERR_IO;
	if (S_ISDIR(st.st_mode))
		return copy_folder(from, to);
	int r = file_read(from, 16 << 20, &bytes);
	int fd = r == 0 ? open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
	if (fd >= 0)
		r = file_write_all(fd, bytes.data, bytes.len);
	close(fd);
	buf_done(&bytes);
	return r;
}

/* The store is opened without a log: nothing but files is looked at, and one thread makes every call. */
static int merge_in_child(const char *dir, uint64_t at, uint64_t *ret_calls)
{
	int ends[2], status;

	if (pipe(ends) < 0)
		return -1;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		struct tsdb_config c = by_hand;
		struct killer k = { .at = at };
		struct tsdb *t;

		c.data_dir = dir;
		c.file_bytes = 20000;
		if (tsdb_open(&t, &c, NULL) < 0)
			_exit(2);
		sys_watch(kill_at, &k, false);
		if (tsdb_compact(t, NULL) < 0)
			_exit(3);
		tsdb_free(t);
		_exit(write(ends[1], &k.n, sizeof(k.n)) == sizeof(k.n) ? 0 : 4);
	}
	close(ends[1]);
	*ret_calls = 0;
	ssize_t n = read(ends[0], ret_calls, sizeof(*ret_calls));
	close(ends[0]);
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && n >= 0 ? WEXITSTATUS(status) : -1;
}

TEST(killed_at_every_call_of_a_merge_each_sample_is_there_once)
{
	struct world w = { .f.config = by_hand, .seed = 14, .one_day = true };
	char dir[40], work[50];
	unsigned killed = 0, swept = 0;
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
	snprintf(dir, sizeof(dir), "%.39s", w.f.dir);
	snprintf(work, sizeof(work), "%s-killed", dir);
	for (uint64_t at = 1; at < 2000 && status == 9; at++) {
		must(copy_folder(dir, work) == 0);
		status = merge_in_child(work, at, &calls);
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
		swept += before > s.n_files;
		fixture_stop(&w.f);
		dir_remove(work);
	}
	is_int(status, 0);
	ok(killed > 30 && killed == calls);
	ok(swept > 5);
	printf("# killed at each of %u calls, files swept %u times\n", killed, swept);
	snprintf(w.f.dir, sizeof(w.f.dir), "%s", dir);
	record_done(&w.record);
	dir_remove(dir);
}
