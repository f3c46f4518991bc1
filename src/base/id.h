/* id.h - names for life: UUID version 7 (RFC 9562), 16 bytes in memory, text in JSON. */
#pragma once

#include "base/base.h"

enum { UUID_TEXT = 36 };
struct uuid { uint8_t b[16]; };

/* now_ms: Unix milliseconds; random: 10 random bytes. */
struct uuid uuid_v7(int64_t now_ms, const uint8_t random[10]);
void uuid_format(const struct uuid *u, char out[UUID_TEXT + 1]);        /* lower case, NUL-terminated */
bool uuid_parse(const char *text, size_t len, struct uuid *ret);        /* 36 characters exactly */
static inline bool uuid_equal(const struct uuid *a, const struct uuid *b) { return memcmp(a, b, 16) == 0; }
static inline int uuid_cmp(const struct uuid *a, const struct uuid *b) { return memcmp(a, b, 16); }
static inline bool uuid_is_zero(const struct uuid *u) { static const struct uuid none; return uuid_equal(u, &none); }
