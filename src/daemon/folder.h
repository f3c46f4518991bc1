/* folder.h - inside daemon: the data folder, its layout, its lock and its version. */
#pragma once

#include "base/base.h"

enum { FOLDER_VERSION = 1 };

/* Makes what is missing: VERSION keys/ wal/ system/ tenants/ run/ tmp/ (emptied). *ret_lock is held as long as it is open; NULL: no lock. */
int folder_open(const char *data, int *ret_lock);
/* Is there one? Nothing is made or changed. -ERR_MISSING: no folder, or none of a platform; -ERR_NEWER, -ERR_CORRUPT, -ERR_IO. */
int folder_check(const char *data);
