/*
 * backup.h - a data folder as one file, taken while the platform runs, and back.
 *
 * What is taken belongs together: records as SQLite's own backup gives them, samples up to the last batch that lay in the log when its
 * end was looked at. The file is a tar of plain files: BACKUP (what and when), VERSION, wal/, tenants/, system/, and SHA256SUMS last, so
 * that `tar` and `sha256sum -c` read it too. keys/ is in it only when a passphrase is given, sealed by it (Argon2id, AES-256-GCM):
 * without keys a backup gives away no secret of a driver, and needs the old keys/ beside it to be of use.
 *
 * Thread: any that may block. Memory: bounded by the number of files, not by their size.
 */
#pragma once

#include "base/err.h"

struct backup_progress { void (*on)(void *ctx, uint64_t done, uint64_t total); bool (*is_cancelled)(void *ctx); void *ctx; };

struct backup_config {
	const char *data;               /* the data folder; a platform may be running on it */
	const char *to;                 /* the file; a folder: tenon-<time>.tar in it */
	const char *passphrase;         /* NULL: without keys */
	const char *version;            /* of the program, for BACKUP */
	struct backup_progress progress;/* functions may be NULL */
};
struct backup_report { char file[4096]; uint64_t files, bytes; bool keys; };
/* -ERR_EXISTS: there is such a file; -ERR_MISSING: no data folder; -ERR_UNSUPPORTED: its records are in PostgreSQL; -ERR_FULL, -ERR_IO,
 * -ERR_CANCELLED. On failure nothing is left behind. run/last-backup in the data folder says when and where the last one was made. */
int backup_make(const struct backup_config *c, struct backup_report *ret);

struct restore_config {
	const char *from;               /* a file of backup_make() */
	const char *data;               /* must not exist, or be empty */
	const char *passphrase;         /* NULL: the keys stay out */
	struct backup_progress progress;
};
/* Everything is checked before the folder gets its name. -ERR_EXISTS: data is there; -ERR_CORRUPT: the file is damaged, or no backup;
 * -ERR_NEWER; -ERR_PASSPHRASE: another one sealed the keys. ret->keys: the keys came along. */
int backup_restore(const struct restore_config *c, struct backup_report *ret);
