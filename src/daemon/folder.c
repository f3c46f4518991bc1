/* folder.c - data/ = VERSION LOCK keys/ wal/ system/ tenants/ run/ tmp/ (and backups/, service/backups.h). */
#include "daemon/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/err.h"
#include "base/num.h"
#include "base/str.h"
#include "sys/sys.h"

enum { ROOM_WANTED = 1 << 20 };         /* bytes; the records' own log and its index need less */

/* -ERR_MISSING: nothing says that a platform ever used it. */
static int check_version(const char *data)
{
	struct buf b = BUF_INIT(&sys_heap, 64);
	char path[4096];
	uint64_t version = 0;
	int r;

	if (!path_join(path, sizeof(path), data, "VERSION"))
		return err_fail(ERR_CONFIG, "detail", "@path_long", NULL);
	r = file_read(path, 60, &b);
	while (b.len && b.data[b.len - 1] == '\n')
		b.data[--b.len] = 0;
	if (r == 0 && (!num_parse_u64(b.data, b.data + b.len, &version) || !version))
		r = err_fail(ERR_CORRUPT, "what", path, "detail", "it does not hold a version number", NULL);
	if (r == 0 && version > FOLDER_VERSION)
		r = err_fail(ERR_NEWER, "what", data, "value", b.data, "want", "1", NULL);
	buf_done(&b);
	return r;
}

static int write_version(const char *data)
{
	char path[4096];

	err_clear();
	return path_join(path, sizeof(path), data, "VERSION") ? file_write(path, "1\n", 2, 0644) : -ERR_CONFIG;
}

int folder_check(const char *data)
{
	int r = check_version(data);

	if (r == -ERR_MISSING) {
		err_clear();
		return err_fail(ERR_MISSING, "what", "@data_folder", "value", data, NULL);
	}
	return r;
}

static bool is_missing(const char *path, struct stat *st) { return stat(path, st) < 0 && (errno == ENOENT || errno == ENOTDIR); }

/* The folder, or what is there of the way to it. */
static void nearest(char *path, struct stat *st)
{
	size_t n = str_len(path);

	while (n > 1 && is_missing(path, st)) {
		while (n && path[n - 1] != '/')
			n--;
		while (n > 1 && path[n - 1] == '/')
			n--;
		if (!n)
			path[n++] = '.';
		path[n] = 0;
	}
}

/* A start that cannot end well is refused before it changes anything. */
static int check_place(const char *data, bool writes)
{
	char path[4096], number[NUM_TEXT_MAX];
	const struct passwd *p = getpwuid(geteuid());
	const char *user = p ? p->pw_name : number;
	struct statvfs fs;
	struct stat st;

	if (str_empty(data) || str_len(data) >= sizeof(path))
		return err_fail(ERR_CONFIG, "detail", "@path_long", NULL);
	memcpy(path, data, str_len(data) + 1);
	num_format_u64(number, geteuid());
	nearest(path, &st);
	if (stat(path, &st) < 0)
		return err_fail(ERR_FOLDER_DENIED, "what", data, "value", user, NULL);
	if (!S_ISDIR(st.st_mode))
		return err_fail(ERR_NO_FOLDER, "what", data, "value", path, NULL);
	if (statvfs(path, &fs) < 0)
		return sys_fail(errno, "measure", path);
	if (fs.f_flag & ST_RDONLY)
		return err_fail(ERR_FOLDER_FIXED, "what", data, NULL);
	if (faccessat(AT_FDCWD, path, R_OK | W_OK | X_OK, AT_EACCESS) < 0)
		return err_fail(ERR_FOLDER_DENIED, "what", data, "value", user, NULL);
	if (writes && (uint64_t) (geteuid() == 0 ? fs.f_bfree : fs.f_bavail) * fs.f_frsize < ROOM_WANTED)
		return err_fail(ERR_FULL, "what", "@disk", "detail", data, NULL);
	return 0;
}

int folder_open(const char *data, int *ret_lock)
{
	static const struct { const char *name; mode_t mode; } folders[] = { { "keys", 0700 }, { "wal", 0750 }, { "system", 0750 },
		{ "tenants", 0750 }, { "run", 0750 }, { "tmp", 0700 } };
	char path[4096];
	int r = check_place(data, ret_lock != NULL);

	if (r == 0)
		r = check_version(data);
	if (r == -ERR_MISSING) {
		err_clear();
		r = dir_make(data, 0750);
	}
	if (r == 0 && ret_lock) {
		if (!path_join(path, sizeof(path), data, "LOCK"))
			return err_fail(ERR_CONFIG, "detail", "@path_long", NULL);
		r = file_lock(path, ret_lock);
	}
	if (r == 0)
		r = check_version(data);
	if (r == -ERR_MISSING)
		r = write_version(data);
	if (r == 0 && ret_lock && path_join(path, sizeof(path), data, "tmp"))
		r = dir_remove(path);
	for (size_t i = 0; r == 0 && i < ELEMENTSOF(folders); i++)
		if (path_join(path, sizeof(path), data, folders[i].name))
			r = dir_make(path, folders[i].mode);
	return err_wrap(r, "data folder %s", data);
}
