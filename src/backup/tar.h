/*
 * tar.h - inside backup: regular files in the ustar form (POSIX.1-2001 pax, ustar interchange format), sizes beyond 8 GB in base 256 as GNU
 * tar writes them.
 *
 * Memory: the caller's.
 */
#pragma once

#include "base/buf.h"

enum { TAR_BLOCK = 512, TAR_NAME = 256 };
struct tar_entry { char name[TAR_NAME]; uint64_t size; uint32_t mode; int64_t time_s; bool end; };

/* False: the name does not fit (100 bytes, or 155 and 100 at a slash). */
bool tar_encode(const struct tar_entry *e, uint8_t ret[TAR_BLOCK]);
/* -ERR_CORRUPT: no header of a regular file. Two blocks of zeros end an archive; the first sets `end`. */
int tar_decode(const uint8_t block[TAR_BLOCK], struct tar_entry *ret);
static inline uint64_t tar_padding(uint64_t size) { return (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK; }
/* A path below the folder it is unpacked in: letters, digits, . _ - between slashes, no part of it . or .. */
bool tar_is_safe(const char *name);
