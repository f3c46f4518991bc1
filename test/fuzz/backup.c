/* Fuzz: any bytes as a backup. Whatever they are, nothing is written but below the folder asked for, and a failure leaves nothing. */
#include "backup/backup.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backup/tar.h"
#include "base/err.h"
#include "sys/sys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int never_sync(int fd) { return 0; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char folder[64];
	char from[64], to[100];
	struct buf b = BUF_FIXED(folder), f = BUF_FIXED(from);
	struct backup_report report;
	int fd = memfd_create("backup", 0);

	sys.fsync = never_sync;
	for (size_t at = 0; at + TAR_BLOCK <= size; at += TAR_BLOCK) {
		struct tar_entry e;

		if (tar_decode(data + at, &e) == 0 && !e.end && e.size >> 62)
			abort();
		err_clear();
	}
	folder[0] = from[0] = 0;
	if (fd < 0 || write(fd, data, size) != (ssize_t) size || dir_temp("/tmp", "fuzz-backup", &b) < 0 || !path_join(to, sizeof(to), folder, "to"))
		abort();
	buf_addf(&f, "/proc/self/fd/%d", fd);
	if (backup_restore(&(struct restore_config) { .from = from, .data = to }, &report) < 0 && file_exists(to))
		abort();
	err_clear();
	dir_remove(folder);
	close(fd);
	return 0;
}
