/*
 * place.h - inside daemon: where the records of a data folder lie.
 *
 * In files of the folder, unless its file STORE holds the URL of a PostgreSQL database. STORE is written when a platform first starts
 * with a URL, and by `tenon store move`; whoever works on the folder (serve, token, audit) finds the records by it. A start that names
 * another place than STORE is refused: it would go on with other records, silently.
 */
#pragma once

#include "base/buf.h"
#include "daemon/daemon.h"

/* The URL appended to *ret_url; nothing: the folder's own files. -ERR_CONFIG: the choice is not where the records are, or cannot be read. */
int place_find(const char *data, const struct store_choice *choice, struct buf *ret_url);
/* Remembers it, when it is not remembered yet; "": forgets. */
int place_keep(const char *data, const char *url);
/* A choice alone, read and checked: from outside, or a file. */
int place_read(const struct store_choice *choice, struct buf *ret_url);
