/* crash_disk.h - for tests of power cuts: a disk that keeps what was synced, and names of folders that were, and forgets the rest at a chosen call.
 * merge_test.h stands before it. One thread makes all calls. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

enum how { KILLED, WITHOUT_DATA, WITHOUT_NAMES, HOWS };

/*
 * A disk that keeps what was synced and nothing else: bytes of a file until its sync, and (WITHOUT_NAMES) names made, changed and taken away until
 * the sync of their folder. What a name stood for is kept aside by a second link.
 */
struct undo { char path[400], was[400]; };    /* was: "" when nothing was there */
static struct {
	struct sys_calls real;
	enum how how;
	uint64_t n, at;
	char aside[96];
	char open[1024][400];           /* path of a descriptor; "" when it is closed */
	char dirty[400][400];           /* files with bytes that are not synced */
	size_t n_dirty;
	struct undo undo[400];
	size_t n_undo, n_aside;
} disk;

static inline bool in_folder(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	while (n && folder[n - 1] == '/')
		n--;
	return strncmp(path, folder, n) == 0 && path[n] == '/' && !strchr(path + n + 1, '/');
}

static inline void lose_power(void)
{
	if (disk.how >= WITHOUT_DATA)
		for (size_t i = 0; i < disk.n_dirty; i++)
			if (truncate(disk.dirty[i], 0) < 0 && errno != ENOENT)
				_exit(5);
	for (size_t i = disk.n_undo; disk.how == WITHOUT_NAMES && i-- > 0;) {
		unlink(disk.undo[i].path);
		if (disk.undo[i].was[0] && rename(disk.undo[i].was, disk.undo[i].path) < 0)
			_exit(6);
	}
	_exit(9);
}

static inline void tick(void)
{
	if (++disk.n == disk.at)
		lose_power();
}

/* What `path` stands for now comes back unless its folder is synced. */
static inline void note_name(const char *path)
{
	struct undo *u = &disk.undo[disk.n_undo++];

	snprintf(u->path, sizeof(u->path), "%s", path);
	snprintf(u->was, sizeof(u->was), "%s/%zu", disk.aside, ++disk.n_aside);
	if (link(path, u->was) < 0)
		u->was[0] = 0;
}

static inline void forget_dirty(const char *path)
{
	for (size_t i = 0; i < disk.n_dirty; i++)
		if (strcmp(disk.dirty[i], path) == 0)
			memcpy(disk.dirty[i--], disk.dirty[--disk.n_dirty], sizeof(disk.dirty[0]));
}

static inline int disk_open(const char *path, int flags, mode_t mode)
{
	struct stat st;

	if (flags & O_CREAT)
		tick();
	if (flags & O_CREAT && stat(path, &st) < 0)
		note_name(path);
	int fd = disk.real.open(path, flags, mode);
	if (fd >= 0 && fd < 1024)
		snprintf(disk.open[fd], sizeof(disk.open[fd]), "%s", path);
	return fd;
}

static inline ssize_t disk_write(int fd, const void *from, size_t n)
{
	tick();
	forget_dirty(disk.open[fd]);
	memcpy(disk.dirty[disk.n_dirty++], disk.open[fd], sizeof(disk.dirty[0]));
	return disk.real.write(fd, from, n);
}

static inline int disk_sync(int fd)
{
	tick();
	forget_dirty(disk.open[fd]);
	for (size_t i = 0, n = disk.n_undo, k = 0; i < n; i++) {
		if (in_folder(disk.undo[i].path, disk.open[fd]))
			disk.n_undo--;
		else
			disk.undo[k++] = disk.undo[i];
	}
	return disk.real.fsync(fd);
}

static inline int disk_rename(const char *from, const char *to)
{
	tick();
	note_name(from);
	note_name(to);
	for (size_t i = 0; i < disk.n_dirty; i++)
		if (strcmp(disk.dirty[i], from) == 0)
			snprintf(disk.dirty[i], sizeof(disk.dirty[i]), "%s", to);
	return disk.real.rename(from, to);
}

static inline int disk_unlink(const char *path)
{
	tick();
	note_name(path);
	return disk.real.unlink(path);
}

static inline void use_disk(enum how how, uint64_t at, const char *aside)
{
	disk.real = sys;
	disk.how = how;
	disk.at = at;
	snprintf(disk.aside, sizeof(disk.aside), "%s", aside);
	sys.open = disk_open;
	sys.write = disk_write;
	sys.fsync = sys.fdatasync = disk_sync;
	sys.rename = disk_rename;
	sys.unlink = disk_unlink;
}

static inline int copy_name(void *ctx, const char *name);
struct copy { char from[600], to[600]; };

static inline int copy_folder(const char *from, const char *to)
{
	struct copy c;

	snprintf(c.from, sizeof(c.from), "%.599s", from);
	snprintf(c.to, sizeof(c.to), "%.599s", to);
	int r = dir_make(to, 0700);
	return r < 0 ? r : dir_each(from, copy_name, &c);
}

static inline int copy_name(void *ctx, const char *name)
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
