/* impl.h - inside backup: what making and restoring share. */
#pragma once

#include "backup/backup.h"
#include "backup/tar.h"
#include "base/arena.h"
#include "guard/seal.h"

enum { BACKUP_FORM = 1, PIECE = 64 << 10, DATA_VERSION = 1, KEYS_BYTES = 1 << 20 };

/* What a backup is made of: files to read and the names they get. */
struct pick { const char *name, *path; uint64_t size; bool borrowed; };       /* size: bytes that belong to it; more may lie behind. borrowed: not in the stage */
struct picks { struct arena *arena; struct pick *item; size_t n, room; uint64_t bytes; };

/* Puts links and copies of all that belongs together into `stage`, a new folder on the data folder's own file system. */
int backup_collect(const char *data, const char *stage, struct picks *ret);

bool backup_is_cancelled(const struct backup_progress *p);
void backup_tell(const struct backup_progress *p, uint64_t done, uint64_t total);
