/* folder.c - data/ = VERSION LOCK keys/ wal/ system/ tenants/ run/ tmp/. */
#include "daemon/folder.h"

#include "base/err.h"
#include "base/num.h"
#include "sys/sys.h"

/* -ERR_MISSING: nothing says that a platform ever used it. */
static int check_version(const char *data)
{
	struct buf b = BUF_INIT(&sys_heap, 64);
	char path[4096];
	uint64_t version = 0;
	int r;

	if (!path_join(path, sizeof(path), data, "VERSION"))
		return err_fail(ERR_CONFIG, "detail", "the path of the data folder is too long", NULL);
	r = file_read(path, 60, &b);
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

int folder_open(const char *data, int *ret_lock)
{
	static const struct { const char *name; mode_t mode; } folders[] = { { "keys", 0700 }, { "wal", 0750 }, { "system", 0750 },
		{ "tenants", 0750 }, { "run", 0750 }, { "tmp", 0700 } };
	char path[4096];
	int r = dir_make(data, 0750);

	if (r == 0 && ret_lock) {
		if (!path_join(path, sizeof(path), data, "LOCK"))
			return err_fail(ERR_CONFIG, "detail", "the path of the data folder is too long", NULL);
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
