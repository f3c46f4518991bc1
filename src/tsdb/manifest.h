/*
 * manifest.h - which files a tenant's history is made of, and up to where in the log.
 *
 * tenants/<id>/ts/manifest: a header {"TNMF", version, CRC-32, tenant, covered sequence, next number, files, next tomb, tombs}, then 96 bytes a
 * file and 48 a tomb (versions 1 and 2: no tombs, 64 and 80 bytes a file; they are read, version 3 is written). It is replaced as a whole (temporary name, sync, rename, sync of the folder), so it is the old or the new one: what it does not name does not
 * exist, what it names was synced before. From version 4 on the checksum is that of the version and of what follows it; one that is not is a damaged
 * manifest, which is made anew from the files. `covered` is the truth about the log: batches up to it are in files.
 *
 * Thread: values. Memory: the caller's array.
 */
#pragma once

#include "tsdb/keep/tomb.h"
#include "tsdb/tsdb.h"

struct manifest {
	uint64_t covered, next;         /* sequence of the log; number of the next file, from 1 */
	struct file_info *file;         /* ascending by number */
	size_t n;
	uint64_t next_tomb;             /* serial of the next one, from 1 */
	struct tombs *tombs;            /* a reference; NULL: none */
};

int manifest_read(const char *path, uint32_t tenant, struct manifest *ret);     /* -ERR_MISSING, -ERR_CORRUPT, -ERR_NEWER */
int manifest_write(const char *path, uint32_t tenant, const struct manifest *m);
void manifest_base(const struct file_info *f, struct buf *out);                        /* "2026/11/22/0000000017" */
int manifest_names(const struct file_info *f, tsdb_file_fn on_file, void *ctx);        /* and of its figures, "…17.1m", "…17.1h" */
int manifest_file(const struct file_info *f, tsdb_file_fn on_file, void *ctx);         /* with that */
void manifest_done(struct manifest *m);
