/*
 * files.h - files and folders, written so that a power cut leaves the old or the new, never half.
 *
 * Paths are UTF-8 bytes. All calls that change something go through the table of calls.h.
 *
 * Thread: any. Memory: buffers of the caller.
 */
#pragma once

#include <sys/types.h>

#include "base/buf.h"

/* The whole file appended to *out; -ERR_TOO_LARGE beyond max bytes, -ERR_MISSING when there is none. */
int file_read(const char *path, size_t max, struct buf *out);
/* Temporary name, write, fsync, rename, fsync of the folder. After 0 it survives power loss. */
int file_write(const char *path, const void *data, size_t len, mode_t mode);
/* All n bytes, repeating short writes and EINTR. */
int file_write_all(int fd, const void *data, size_t n);
int file_pwrite_all(int fd, const void *data, size_t n, int64_t at);
/* Exactly n bytes, or -ERR_CORRUPT when the file ends before. */
int file_pread_all(int fd, void *to, size_t n, int64_t at);
int file_size(const char *path, int64_t *ret_bytes);
bool file_exists(const char *path);
int file_open(const char *path, int flags, mode_t mode, int *ret_fd);           /* O_CLOEXEC always */
int file_rename(const char *from, const char *to);                              /* rename and fsync of the target's folder */
int file_unlink(const char *path);                                              /* 0 also when there was none */
/* An exclusive lock held while the descriptor is open; the process id is written into it. -ERR_LOCKED names the holder. */
int file_lock(const char *path, int *ret_fd);
/* A new file dir/prefixXXXXXX, open for reading and writing; its path is written to *ret_path. */
int file_temp(const char *dir, const char *prefix, struct buf *ret_path, int *ret_fd);

int dir_make(const char *path, mode_t mode);    /* with all parents; 0 when it is there already */
int dir_sync(const char *path);                 /* names made, changed or removed inside become durable */
int dir_sync_parent(const char *path);          /* of the folder that holds path */
int dir_temp(const char *dir, const char *prefix, struct buf *ret_path);        /* a new folder, mode 0700 */
/* Names in alphabetical (byte) order without . and .. ; ends early when fn returns non-zero, which is then returned. */
int dir_each(const char *path, int (*fn)(void *ctx, const char *name), void *ctx);
int dir_remove(const char *path);               /* with all it holds; symbolic links are removed, not followed; 0 when absent */
int dir_free(const char *path, uint64_t *ret_free, uint64_t *ret_total);        /* bytes of the file system, for an unprivileged user */

/* dir + "/" + name into out; false when it does not fit. */
bool path_join(char *out, size_t size, const char *dir, const char *name);
const char *path_name(const char *path);        /* behind the last slash; borrowed */
