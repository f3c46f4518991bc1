/* files.c - whole files: read, written so that a power cut leaves the old or the new, locked, made, renamed. */
#include "sys/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/num.h"
#include "sys/sys.h"

int file_open(const char *path, int flags, mode_t mode, int *ret_fd)
{
	int fd = sys.open(path, flags | O_CLOEXEC, mode);

	if (fd < 0)
		return sys_fail(errno, "open", path);
	*ret_fd = fd;
	return 0;
}

int file_read(const char *path, size_t max, struct buf *out)
{
	_cleanup_close_ int fd = -1;
	size_t got = 0;
	int r = file_open(path, O_RDONLY, 0, &fd);

	if (r < 0)
		return r;
	for (;;) {
		/* One byte more than allowed shows that the file is too large, also for files that have no size (/proc). */
		size_t want = MIN(max - got + 1, (size_t) 65536);

		if (!buf_reserve(out, want))
			return err_fail(ERR_NO_MEMORY, "what", path, NULL);
		ssize_t n = sys.read(fd, out->data + out->len, want);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return sys_fail(errno, "read", path);
		if (n == 0)
			break;
		got += (size_t) n;
		if (got > max) {
			char text[NUM_TEXT_MAX];

			num_format_u64(text, max);
			return err_fail(ERR_TOO_LARGE, "what", path, "max", text, NULL);
		}
		out->len += (size_t) n;
	}
	out->data[out->len] = 0;
	return 0;
}

int file_write_all(int fd, const void *data, size_t n)
{
	for (const char *p = data; n;) {
		ssize_t w = sys.write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return sys_fail(w < 0 ? errno : ENOSPC, "write", NULL);
		p += w;
		n -= (size_t) w;
	}
	return 0;
}

int file_pwrite_all(int fd, const void *data, size_t n, int64_t at)
{
	for (const char *p = data; n;) {
		ssize_t w = sys.pwrite(fd, p, n, at);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return sys_fail(w < 0 ? errno : ENOSPC, "write", NULL);
		p += w;
		at += w;
		n -= (size_t) w;
	}
	return 0;
}

int file_pread_all(int fd, void *to, size_t n, int64_t at)
{
	for (char *p = to; n;) {
		ssize_t got = sys.pread(fd, p, n, at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return sys_fail(errno, "read", NULL);
		if (got == 0)
			return err_fail(ERR_CORRUPT, "what", "@file", "detail", "it ends too early", NULL);
		p += got;
		at += got;
		n -= (size_t) got;
	}
	return 0;
}

int file_size(const char *path, int64_t *ret_bytes)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return sys_fail(errno, "stat", path);
	*ret_bytes = st.st_size;
	return 0;
}

bool file_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

int file_rename(const char *from, const char *to)
{
	if (sys.rename(from, to) < 0)
		return sys_fail(errno, "rename", from);
	return dir_sync_parent(to);
}

int file_unlink(const char *path)
{
	if (sys.unlink(path) < 0 && errno != ENOENT)
		return sys_fail(errno, "remove", path);
	return 0;
}

static int write_new(const char *path, const void *data, size_t len, mode_t mode)
{
	int fd = -1;
	int r = file_open(path, O_WRONLY | O_CREAT | O_EXCL, mode, &fd);

	if (r < 0)
		return r;
	r = file_write_all(fd, data, len);
	if (r == 0 && sys.fsync(fd) < 0)
		r = sys_fail(errno, "sync", path);
	/* The data is synced: a failing close tells nothing more on Linux, but NFS reports quota here. */
	if (sys.close(fd) < 0 && r == 0)
		r = sys_fail(errno, "close", path);
	return r;
}

int file_write(const char *path, const void *data, size_t len, mode_t mode)
{
	char temp[PATH_MAX];
	struct buf b = BUF_FIXED(temp);

	buf_addf(&b, "%s.%016llx.tmp", path, (unsigned long long) random_u64());
	if (b.failed)
		return sys_fail(ENAMETOOLONG, "write", path);
	int r = write_new(temp, data, len, mode);
	if (r == 0 && sys.rename(temp, path) < 0)
		r = sys_fail(errno, "rename", path);
	if (r < 0) {
		sys.unlink(temp);
		return r;
	}
	return dir_sync_parent(path);
}

static int locked_by(int fd, const char *path)
{
	char who[NUM_TEXT_MAX + 8];
	struct buf b = BUF_FIXED(who);
	char pid[16] = "";
	ssize_t n = sys.pread(fd, pid, sizeof(pid) - 1, 0);

	buf_addf(&b, "process %.*s", (int) (n > 0 ? strspn(pid, "0123456789") : 1), n > 0 ? pid : "?");
	return err_fail(ERR_LOCKED, "what", path, "value", who, NULL);
}

int file_lock(const char *path, int *ret_fd)
{
	_cleanup_close_ int fd = -1;
	char pid[NUM_TEXT_MAX];
	int r = file_open(path, O_RDWR | O_CREAT, 0600, &fd);

	if (r < 0)
		return r;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? locked_by(fd, path) : sys_fail(errno, "lock", path);
	size_t n = num_format_i64(pid, getpid());
	pid[n++] = '\n';
	if (sys.ftruncate(fd, 0) < 0)
		return sys_fail(errno, "write", path);
	r = file_pwrite_all(fd, pid, n, 0);
	if (r < 0)
		return r;
	*ret_fd = take_fd(fd);
	return 0;
}

/* Tries names until one is new: fn makes it and returns a descriptor or 0. */
static int make_new(const char *dir, const char *prefix, struct buf *ret_path, int (*fn)(const char *path), int *ret)
{
	for (int tries = 0; tries < 100; tries++) {
		char path[PATH_MAX];
		struct buf b = BUF_FIXED(path);

		buf_addf(&b, "%s/%s%016llx", dir, prefix, (unsigned long long) random_u64());
		if (b.failed)
			return sys_fail(ENAMETOOLONG, "make", dir);
		int made = fn(path);
		if (made < 0 && errno == EEXIST)
			continue;
		if (made < 0)
			return sys_fail(errno, "make", path);
		*ret = made;
		buf_add(ret_path, path);
		return 0;
	}
	return sys_fail(EEXIST, "make", dir);
}

static int new_file(const char *path) { return sys.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600); }
static int new_dir(const char *path) { return sys.mkdir(path, 0700); }

int file_temp(const char *dir, const char *prefix, struct buf *ret_path, int *ret_fd)
{
	return make_new(dir, prefix, ret_path, new_file, ret_fd);
}

int dir_temp(const char *dir, const char *prefix, struct buf *ret_path)
{
	int none;

	return make_new(dir, prefix, ret_path, new_dir, &none);
}
