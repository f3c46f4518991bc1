/*
 * secret.h - secrets and what is kept of them (private to guard).
 *
 * A secret is a prefix that says what it is, 43 random characters of base62 (256 bits) and a checksum of 6: a typing error is
 * told from a guess without a look-up, and scanners find leaked ones. Only its SHA-256 is stored: with 256 random bits there is
 * nothing to guess, so no slow hash is needed. Passwords are Argon2id.
 *
 * Thread: any.
 */
#pragma once

#include "guard/guard.h"

enum { HASH_BYTES = 32, HASH_TEXT = 64, PASSWORD_HASH_MAX = 160 };

struct argon_cost { uint32_t kib, passes, lanes; };

void secret_make(const char *prefix, char ret[SECRET_TEXT_MAX]);
bool secret_is(const char *prefix, const char *text);           /* form and checksum */

void sha256(const void *data, size_t n, uint8_t ret[HASH_BYTES]);
void hash_text(const void *data, size_t n, char ret[HASH_TEXT + 1]);    /* SHA-256 in hex */
void hmac_sha256(const uint8_t key[HASH_BYTES], const void *data, size_t n, uint8_t ret[HASH_BYTES]);
void hex_format(const uint8_t *bytes, size_t n, char *out);     /* 2n characters and NUL */
bool same_bytes(const void *a, const void *b, size_t n);        /* constant time */
bool same_text(const char *a, const char *b);                   /* constant time in the text; NULL equals nothing */
void wipe(void *p, size_t n);

int password_hash(const struct argon_cost *c, const char *password, char ret[PASSWORD_HASH_MAX]);
/* The hash of no password, of the same form and cost: to refuse takes as long, to make it takes nothing. */
void password_dummy(const struct argon_cost *c, char ret[PASSWORD_HASH_MAX]);
bool password_matches(const char *hash, const char *password);
bool password_is_stale(const struct argon_cost *c, const char *hash);   /* made at another cost */
