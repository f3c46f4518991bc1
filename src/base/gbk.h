/* gbk.h - texts of Chinese devices: GBK (code page 936, GB 2312 is a part of it) to UTF-8 and back. Nothing here allocates. */
#pragma once

#include "base/base.h"

/* Bytes written to out, at most `room`, without a NUL; SIZE_MAX: malformed, no such character, or no room. ASCII is itself. */
size_t gbk_to_utf8(const uint8_t *in, size_t n, char *out, size_t room);
size_t gbk_from_utf8(const char *in, size_t n, uint8_t *out, size_t room);
