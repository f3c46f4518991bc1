/*
 * zip.h - inside sheet: the parts of a ZIP file in memory (PKWARE APPNOTE 6.3.10), each unpacked in pieces.
 *
 * Only what spreadsheets use: one file, stored or deflated parts, no encryption, no ZIP64. The central directory at the end is what
 * counts; parts that are not asked for are never unpacked. All parts together may unpack to `max` bytes, and no part to more than
 * ZIP_RATIO times its packed size (beyond the first 16 MB): a bomb ends there.
 *
 * Thread: one. Memory: the bytes are borrowed; unpacking needs 64 KB.
 */
#pragma once

#include "base/err.h"

enum { ZIP_PARTS_MAX = 4096, ZIP_NAME_MAX = 200, ZIP_RATIO = 250, ZIP_RATIO_FREE = 16 << 20 };

struct zip { const uint8_t *bytes; size_t len; const uint8_t *directory; size_t directory_len; uint32_t n; uint64_t unpacked, max; };
struct zip_part { uint32_t at, packed, size; uint16_t method; };

int zip_open(struct zip *z, const void *bytes, size_t len, uint64_t max);               /* -ERR_BAD_FILE, -ERR_LIMIT */
bool zip_find(const struct zip *z, const char *name, struct zip_part *ret);             /* names: as written, ASCII case aside */
/* on_bytes: < 0 is handed on, 1 ends it early. -ERR_BAD_FILE, -ERR_TOO_LARGE: a bomb. */
int zip_read(struct zip *z, const struct zip_part *p, int (*on_bytes)(void *ctx, const char *bytes, size_t n), void *ctx);
