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
	uint64_t reserve;               /* bytes of the disk that stay free beside the backup */
	struct backup_progress progress;/* functions may be NULL */
};
/* bytes: of the files in it; sha256: of the backup itself, as `sha256sum` says it (not told by backup_restore()). */
struct backup_report { char file[4096], sha256[65], version[64]; uint64_t files, bytes; bool keys; };
/* -ERR_MISSING, -ERR_UNSUPPORTED as below, without making one. */
int backup_possible(const char *data);
/* -ERR_EXISTS: there is such a file; -ERR_MISSING: no data folder; -ERR_UNSUPPORTED: its records are in PostgreSQL; -ERR_NO_ROOM: the disk
 * has not enough left, said before the first byte; -ERR_FULL, -ERR_IO, -ERR_CANCELLED. On failure nothing is left behind. run/last-backup in
 * the data folder says when and where the last one was made. */
int backup_make(const struct backup_config *c, struct backup_report *ret);
/* Reads all of it and holds every file in it against its sum; writes nothing. -ERR_CORRUPT says what is wrong, -ERR_NEWER, -ERR_CANCELLED. */
int backup_verify(const char *file, const struct backup_progress *progress, struct backup_report *ret);

struct restore_config {
	const char *from;               /* a file of backup_make() */
	const char *data;               /* must not exist, or be empty */
	const char *passphrase;         /* NULL: the keys stay out */
	struct backup_progress progress;
};
/* Everything is checked before the folder gets its name. -ERR_EXISTS: data is there; -ERR_CORRUPT: the file is damaged, or no backup;
 * -ERR_NEWER; -ERR_PASSPHRASE: another one sealed the keys. ret->keys: the keys came along. */
int backup_restore(const struct restore_config *c, struct backup_report *ret);
