/* Tests of files.h: whole files, faults at every system call, locks, folders. */
#include "sys/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "tap.h"

static char dir[200];
static const char *in(const char *name)
{
	static char path[4][300];
	static int turn;
	char *p = path[turn++ % 4];

	path_join(p, sizeof(path[0]), dir, name);
	return p;
}

static bool begin(void)
{
	struct buf b = BUF_FIXED(dir);

	return dir_temp("/tmp", "tenon-files-", &b) == 0;
}
static void end(void) { is_int(dir_remove(dir), 0); ok(!file_exists(dir)); }

static char *content(const char *path)
{
	static char text[400];
	struct buf b = BUF_FIXED(text);

	text[0] = 0;
	return file_read(path, 300, &b) == 0 ? text : NULL;
}

TEST(a_file_written_is_read_again)
{
	struct buf b = BUF_INIT(&sys_heap, 1 << 20);
	static char big[200000];
	int64_t size;
	struct stat st;

	must(begin());
	memset(big, 'x', sizeof(big));
	is_int(file_write(in("a"), "hello", 5, 0640), 0);
	is_str(content(in("a")), "hello");
	stat(in("a"), &st);
	is_int(st.st_mode & 0777, 0640);
	is_int(file_write(in("a"), big, sizeof(big), 0640), 0);
	is_int(file_size(in("a"), &size), 0);
	is_int(size, sizeof(big));
	is_int(file_read(in("a"), sizeof(big), &b), 0);
	is_int(b.len, sizeof(big));
	is_bytes(b.data, big, sizeof(big));
	buf_clear(&b);
	is_int(file_read(in("a"), sizeof(big) - 1, &b), -ERR_TOO_LARGE);
	is_int(file_read(in("none"), 10, &b), -ERR_MISSING);
	is_int(file_read(dir, 10, &b), -ERR_IO);
	buf_clear(&b);
	is_int(file_read("/proc/self/stat", 4096, &b), 0);      /* a file without a size */
	ok(b.len > 10);
	buf_done(&b);
	end();
}

/* Sees to it that a write is: all bytes, sync, rename, sync of the folder. */
static char order[300];
static void record(void *ctx, const struct sys_event *e)
{
	struct buf b = { .data = order, .len = strlen(order), .room = sizeof(order), .max = sizeof(order) };

	buf_addf(&b, "%s ", sys_call_name(e->call));
}

TEST(a_file_is_synced_before_it_gets_its_name_and_the_name_is_synced_too)
{
	must(begin());
	order[0] = 0;
	sys_watch(record, NULL, false);
	is_int(file_write(in("a"), "hello", 5, 0600), 0);
	sys_restore();
	is_str(order, "open write fsync close rename open fsync close ");
	end();
}

static int count_names(void *ctx, const char *name) { ++*(int *) ctx; return 0; }

TEST(whatever_fails_the_old_or_the_new_content_is_there_and_no_litter)
{
	must(begin());
	for (int kind = 0; kind < 2; kind++) {
		for (uint64_t n = 1;; n++) {
			int names = 0;

			must(file_write(in("a"), "old", 3, 0600) == 0);
			if (kind == 0)
				sys_fault_nth(SYS_ANY_FILE, n, EIO);
			else
				sys_fault_nth(SYS_ANY_MEMORY, n, ENOMEM);
			int r = file_write(in("a"), "newer", 5, 0600);
			bool hit = sys_fault_hit();
			sys_restore();
			const char *now = content(in("a"));
			must(now);
			ok(strcmp(now, r == 0 ? "newer" : "old") == 0 || (r < 0 && strcmp(now, "newer") == 0));
			dir_each(dir, count_names, &names);
			is_int(names, 1);
			if (!hit) {
				is_int(r, 0);
				break;
			}
		}
	}
	/* A short write is completed. */
	sys_fault_short(SYS_WRITE, 1);
	is_int(file_write(in("a"), "completely", 10, 0600), 0);
	sys_restore();
	is_str(content(in("a")), "completely");
	end();
}

TEST(the_second_who_locks_is_told_who_was_first)
{
	int fd = -1, other = -1;
	char want[300];

	must(begin());
	is_int(file_lock(in("LOCK"), &fd), 0);
	is_int(file_lock(in("LOCK"), &other), -ERR_LOCKED);
	is_int(other, -1);
	snprintf(want, sizeof(want), "%s is used by another process: process %d", in("LOCK"), (int) getpid());
	is_str(err_log_text(err_peek()), want);
	close(fd);
	is_int(file_lock(in("LOCK"), &other), 0);
	close(other);
	end();
}

TEST(a_lock_goes_with_its_process)
{
	int fds[2], fd = -1;
	char c;

	must(begin());
	must(pipe(fds) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		int mine;
		c = (char) (file_lock(in("LOCK"), &mine) == 0);
		if (write(fds[1], &c, 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	must(read(fds[0], &c, 1) == 1);
	is_int(c, 1);
	is_int(file_lock(in("LOCK"), &fd), -ERR_LOCKED);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	is_int(file_lock(in("LOCK"), &fd), 0);
	close(fd);
	close(fds[0]);
	close(fds[1]);
	end();
}

static char listed[100];
static int list_name(void *ctx, const char *name)
{
	struct buf b = { .data = listed, .len = strlen(listed), .room = sizeof(listed), .max = sizeof(listed) };

	buf_addf(&b, "%s ", name);
	return strcmp(name, "m") == 0 ? 42 : 0;
}

TEST(folders_are_made_listed_in_order_and_removed_without_following_links)
{
	must(begin());
	is_int(dir_make(in("x/y/z"), 0755), 0);
	is_int(dir_make(in("x/y/z"), 0755), 0);
	is_int(dir_make(in("x/y/z/"), 0755), 0);
	must(dir_make(in("keep"), 0755) == 0 && file_write(in("keep/file"), "1", 1, 0600) == 0);
	must(symlink(in("keep"), in("x/y/link")) == 0);
	is_int(file_write(in("x/b"), "1", 1, 0600), 0);
	is_int(file_write(in("x/a"), "1", 1, 0600), 0);
	listed[0] = 0;
	is_int(dir_each(in("x"), list_name, NULL), 0);
	is_str(listed, "a b y ");
	is_int(file_write(in("x/m"), "1", 1, 0600), 0);
	listed[0] = 0;
	is_int(dir_each(in("x"), list_name, NULL), 42);
	is_str(listed, "a b m ");
	is_int(dir_make(in("x/a/sub"), 0755), -ERR_IO);         /* a file is in the way */
	is_int(dir_remove(in("x")), 0);
	ok(!file_exists(in("x")));
	ok(file_exists(in("keep/file")));
	is_int(dir_remove(in("x")), 0);
	is_int(dir_each(in("x"), list_name, NULL), -ERR_MISSING);
	end();
}

TEST(temporary_files_differ_and_are_private)
{
	struct buf a = BUF_INIT(&sys_heap, 1000), b = BUF_INIT(&sys_heap, 1000);
	int fa = -1, fb = -1;
	struct stat st;
	uint64_t room, total;

	must(begin());
	is_int(file_temp(dir, "t-", &a, &fa), 0);
	is_int(file_temp(dir, "t-", &b, &fb), 0);
	ok(strcmp(a.data, b.data) != 0);
	fstat(fa, &st);
	is_int(st.st_mode & 0777, 0600);
	is_int(file_temp(in("none"), "t-", &b, &fb), -ERR_MISSING);
	is_int(dir_free(dir, &room, &total), 0);
	ok(room > 0 && room <= total);
	close(fa);
	close(fb);
	buf_done(&a);
	buf_done(&b);
	end();
}

TEST(a_read_of_exactly_n_bytes_says_when_the_file_is_too_short)
{
	char got[10] = "";
	int fd = -1;

	must(begin());
	must(file_open(in("a"), O_RDWR | O_CREAT, 0600, &fd) == 0);
	is_int(file_pwrite_all(fd, "0123456789", 10, 5), 0);
	sys_fault_short(SYS_PREAD, 1);
	is_int(file_pread_all(fd, got, 8, 7), 0);
	sys_restore();
	is_bytes(got, "23456789", 8);
	is_int(file_pread_all(fd, got, 9, 7), -ERR_CORRUPT);
	close(fd);
	is_int(file_rename(in("a"), in("b")), 0);
	is_int(file_unlink(in("a")), 0);
	is_int(file_unlink(in("b")), 0);
	end();
}

TEST(paths_are_joined_with_one_slash)
{
	char p[8];

	ok(path_join(p, sizeof(p), "a/", "b"));
	is_str(p, "a/b");
	ok(path_join(p, sizeof(p), "/a", "b"));
	is_str(p, "/a/b");
	ok(path_join(p, sizeof(p), "abc", "def"));
	ok(!path_join(p, sizeof(p), "abc", "defg"));
	is_str(path_name("/a/b"), "b");
	is_str(path_name("b"), "b");
}
