/* A folder of the log with a segment made of these bytes: opening never fails, reading ends, and what is read is a batch. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/sys.h"
#include "wal/wal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static char dir[64];

static void clean_up(void) { dir_remove(dir); }

static void put(const char *name, const uint8_t *data, size_t len)
{
	char path[128];

	path_join(path, sizeof path, dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, data, len) != (ssize_t) len)
		abort();
	close(fd);
}

static int drop(void *ctx, const char *name)
{
	char path[128];

	path_join(path, sizeof path, dir, name);
	unlink(path);
	return 0;
}

/* The first byte says what the rest is: a plain segment, a packed one, or the cursors; then the reader goes through. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const names[] = { "0000000000000001.wal", "0000000000000001.walz", "cursors" };
	struct wal *w = NULL;
	struct wal_reader *r = NULL;
	int found, n = 0;

	if (!dir[0]) {
		struct buf b = BUF_FIXED(dir);
		if (dir_temp("/dev/shm", "fuzz-wal-", &b) < 0)
			abort();
		atexit(clean_up);
	}
	if (len == 0)
		return 0;
	dir_each(dir, drop, NULL);
	put(names[data[0] % 3], data + 1, len - 1);
	if (wal_open(&(struct wal_config) { .dir = dir, .segment_bytes = 4096, .keep_bytes = 1 << 20 }, &w) < 0)
		abort();
	if (wal_reader_open(w, &(struct wal_reader_config) { .name = "r" }, &r) < 0)
		abort();
	wal_reader_want(r, (uint64_t[]) { 1, UINT64_C(1) << 32 | 7 }, data[0] / 3 % 2 ? 2 : 0);
	do {
		struct batch *b = NULL;
		struct wal_gap gap = { 1, 1 };
		found = wal_reader_next(r, &b, &gap);
		if ((found == WAL_BATCH && batch_check(b, b->size) < 0) || found < 0 || gap.last < gap.first)
			abort();
		batch_unref(b);
	} while (found > 0 && n++ < 10000);
	if (n >= 10000)
		abort();
	wal_reader_close(r);
	wal_close(w);
	err_clear();
	return 0;
}
