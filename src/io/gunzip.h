/*
 * gunzip.h - a body packed with gzip (RFC 1952), unpacked up to a bound: what would be larger is refused when the bound is reached,
 * however small it came.
 *
 * Thread: any that may take a while. Memory: the caller's buffer.
 */
#pragma once

#include "base/buf.h"

/* Appends at most `max` bytes to *out. -ERR_TOO_LARGE; -ERR_BAD_ARGUMENT: no gzip, cut off, or damaged; -ERR_NO_MEMORY. */
int gunzip(const void *packed, size_t len, size_t max, struct buf *out);
