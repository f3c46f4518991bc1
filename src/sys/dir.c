/* dir.c - folders: made, synced, listed, removed; paths. */
#include "sys/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/sys.h"

/* Folders nested deeper than this are not ours. */
enum { DEPTH_MAX = 64 };

int dir_make(const char *path, mode_t mode)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof(part))
		return sys_fail(len ? ENAMETOOLONG : ENOENT, "make", path);
	memcpy(part, path, len + 1);
	for (char *p = part + 1; ; p++) {
		char c = *p;

		if (c != '/' && c != 0)
			continue;
		*p = 0;
		if (sys.mkdir(part, mode) == 0) {
			int r = dir_sync_parent(part);

			if (r < 0)
				return r;
		} else {
			int error = errno;
			struct stat st;

			/* mkdir says EROFS or EACCES before EEXIST on some file systems: what counts is whether it is there. */
			if (stat(part, &st) < 0)
				return sys_fail(error, "make", part);
			if (!S_ISDIR(st.st_mode))
				return sys_fail(ENOTDIR, "make", part);
		}
		*p = c;
		if (!c)
			return 0;
	}
}

int dir_sync(const char *path)
{
	_cleanup_close_ int fd = -1;
	int r = file_open(path, O_RDONLY | O_DIRECTORY, 0, &fd);

	if (r < 0)
		return r;
	return sys.fsync(fd) < 0 ? sys_fail(errno, "sync", path) : 0;
}

int dir_sync_parent(const char *path)
{
	char dir[PATH_MAX];
	const char *name = path_name(path);
	size_t len = (size_t) (name - path);

	if (len == 0)
		return dir_sync(".");
	if (len >= sizeof(dir))
		return sys_fail(ENAMETOOLONG, "sync", path);
	memcpy(dir, path, len);
	dir[len] = 0;
	return dir_sync(dir);
}

static int by_bytes(const void *a, const void *b) { return strcmp(*(char *const *) a, *(char *const *) b); }

struct names { char **item; size_t n, room; };

static void names_done(struct names *l)
{
	for (size_t i = 0; i < l->n; i++)
		sys_free(l->item[i]);
	l->item = sys_free(l->item);
}

static int names_add(struct names *l, const char *name)
{
	if (l->n == l->room) {
		size_t room = l->room ? l->room * 2 : 32;
		char **item = sys_resize(l->item, room * sizeof(*item));

		if (!item)
			return err_fail(ERR_NO_MEMORY, "what", "list of files", NULL);
		l->item = item;
		l->room = room;
	}
	l->item[l->n] = sys_strdup(name);
	if (!l->item[l->n])
		return err_fail(ERR_NO_MEMORY, "what", "list of files", NULL);
	l->n++;
	return 0;
}

static int names_read(struct names *l, const char *path)
{
	int fd = -1;
	int r = file_open(path, O_RDONLY | O_DIRECTORY, 0, &fd);

	if (r < 0)
		return r;
	DIR *d = fdopendir(fd);
	if (!d) {
		sys.close(fd);
		return sys_fail(errno, "list", path);
	}
	for (;;) {
		errno = 0;
		const struct dirent *e = readdir(d);

		if (!e) {
			r = errno ? sys_fail(errno, "list", path) : 0;
			break;
		}
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		r = names_add(l, e->d_name);
		if (r < 0)
			break;
	}
	closedir(d);
	return r;
}

int dir_each(const char *path, int (*fn)(void *ctx, const char *name), void *ctx)
{
	_cleanup_(names_done) struct names list = { 0 };
	int r = names_read(&list, path);

	if (r < 0)
		return r;
	if (list.n)
		qsort(list.item, list.n, sizeof(*list.item), by_bytes);
	for (size_t i = 0; i < list.n && r == 0; i++)
		r = fn(ctx, list.item[i]);
	return r;
}

/* Works on names relative to an open folder, so that nobody can swap a folder for a link while we walk. */
static int remove_inside(int parent, const char *name, int depth)
{
	int fd = sys.openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);

	if (fd < 0)
		return sys_fail(errno, "open", name);
	DIR *d = depth < DEPTH_MAX ? fdopendir(fd) : NULL;
	if (!d) {
		int error = depth < DEPTH_MAX ? errno : ELOOP;

		sys.close(fd);
		return sys_fail(error, "list", name);
	}
	int r = 0;
	for (const struct dirent *e; r == 0 && (e = readdir(d));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd(d), e->d_name, 0) == 0 || errno == ENOENT)
			continue;
		if (errno != EISDIR && errno != EPERM) {
			r = sys_fail(errno, "remove", e->d_name);
			break;
		}
		r = remove_inside(dirfd(d), e->d_name, depth + 1);
		if (r == 0 && unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR) < 0)
			r = sys_fail(errno, "remove", e->d_name);
	}
	closedir(d);
	return r;
}

int dir_remove(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : sys_fail(errno, "remove", path);
	if (!S_ISDIR(st.st_mode))
		return file_unlink(path);
	int r = remove_inside(AT_FDCWD, path, 0);
	if (r == 0 && sys.rmdir(path) < 0)
		r = sys_fail(errno, "remove", path);
	return r;
}

int dir_free(const char *path, uint64_t *ret_free, uint64_t *ret_total)
{
	struct statvfs st;

	if (statvfs(path, &st) < 0)
		return sys_fail(errno, "measure", path);
	*ret_free = (uint64_t) st.f_bavail * st.f_frsize;
	*ret_total = (uint64_t) st.f_blocks * st.f_frsize;
	return 0;
}

bool path_join(char *out, size_t size, const char *dir, const char *name)
{
	struct buf b = { .data = out, .room = size, .max = size };
	size_t len = strlen(dir);

	buf_addn(&b, dir, len);
	if (len && dir[len - 1] != '/')
		buf_addc(&b, '/');
	buf_add(&b, name);
	return !b.failed;
}

const char *path_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}
