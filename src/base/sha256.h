/*
 * sha256.h - SHA-256 (FIPS 180-4) and HMAC of it (RFC 2104), that cannot fail.
 *
 * Keys are derived and records are hashed with it: a library that needs memory for a sum may leave something else in its place.
 *
 * Thread: any. Memory: none.
 */
#pragma once

#include "base/base.h"

enum { SHA256_BYTES = 32 };
struct sha256 { uint32_t h[8]; uint64_t len; uint8_t block[64]; };
void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *bytes, size_t n);
void sha256_end(struct sha256 *s, uint8_t ret[SHA256_BYTES]);
/* Of n texts at once, side by side where the CPU has AVX2: five times as fast as one by one. */
struct sha256_text { const void *bytes; size_t n; uint8_t *ret; };      /* ret: SHA256_BYTES */
void sha256_many(const struct sha256_text *texts, size_t n);
void sha256_hmac(const void *key, size_t key_len, const void *data, size_t n, uint8_t ret[SHA256_BYTES]);
