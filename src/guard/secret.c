/* secret.c - random secrets, hashes, passwords. */

#include <argon2.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/buf.h"
#include "base/sha256.h"
#include "base/str.h"
#include "guard/secret.h"
#include "sys/sys.h"

enum { RANDOM_CHARS = 43, CHECK_CHARS = 6, SALT_BYTES = 16 };

static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* Prefix and random part together, so that a session's secret is no token with another prefix. */
static void checksum(const char *text, size_t n, char out[CHECK_CHARS])
{
	uint8_t hash[HASH_BYTES];
	uint64_t v = 0;

	sha256(text, n, hash);
	for (int i = 0; i < 5; i++)
		v = v << 8 | hash[i];
	for (int i = 0; i < CHECK_CHARS; i++, v /= 62)
		out[i] = base62[v % 62];
}

void secret_make(const char *prefix, char ret[SECRET_TEXT_MAX])
{
	size_t n = str_len(prefix), end = n + RANDOM_CHARS;
	uint8_t pool[64];
	size_t left = 0;

	memcpy(ret, prefix, n);
	while (n < end) {
		if (left == 0) {
			random_bytes(pool, sizeof(pool));
			left = sizeof(pool);
		}
		uint8_t b = pool[--left];
		if (b < 248)            /* 4 × 62: every character equally likely */
			ret[n++] = base62[b % 62];
	}
	checksum(ret, n, ret + n);
	ret[n + CHECK_CHARS] = 0;
	wipe(pool, sizeof(pool));
}

bool secret_is(const char *prefix, const char *text)
{
	char check[CHECK_CHARS];
	size_t n = str_len(prefix) + RANDOM_CHARS;

	if (!text || !str_starts(text, prefix) || str_len(text) != n + CHECK_CHARS)
		return false;
	checksum(text, n, check);
	return same_bytes(check, text + n, CHECK_CHARS);
}

void sha256(const void *data, size_t n, uint8_t ret[HASH_BYTES])
{
	struct sha256 s;

	sha256_init(&s);
	sha256_add(&s, data, n);
	sha256_end(&s, ret);
}

void hex_format(const uint8_t *bytes, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * n] = 0;
}

void hash_text(const void *data, size_t n, char ret[HASH_TEXT + 1])
{
	uint8_t hash[HASH_BYTES];

	sha256(data, n, hash);
	hex_format(hash, sizeof(hash), ret);
}

void hmac_sha256(const uint8_t key[HASH_BYTES], const void *data, size_t n, uint8_t ret[HASH_BYTES])
{
	sha256_hmac(key, HASH_BYTES, data, n, ret);
}

bool same_bytes(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}

bool same_text(const char *a, const char *b)
{
	size_t n = str_len(a);

	return a && b && str_len(b) == n && same_bytes(a, b, n);
}

void wipe(void *p, size_t n)
{
	OPENSSL_cleanse(p, n);
}

int password_hash(const struct argon_cost *c, const char *password, char ret[PASSWORD_HASH_MAX])
{
	char out[PASSWORD_HASH_MAX];
	uint8_t salt[SALT_BYTES];
	int r;

	random_bytes(salt, sizeof(salt));
	r = argon2id_hash_encoded(c->passes, c->kib, c->lanes, password, str_len(password), salt, sizeof(salt), HASH_BYTES, out, sizeof(out));
	if (r == ARGON2_MEMORY_ALLOCATION_ERROR)
		return err_fail(ERR_NO_MEMORY, "what", "the password", NULL);
	if (r != ARGON2_OK)
		return err_failf(ERR_BROKEN, "password hash: %s", argon2_error_message(r));
	memcpy(ret, out, sizeof(out));
	return 0;
}

static void add_base64(struct buf *b, const uint8_t *bytes, size_t n)
{
	unsigned char text[4 * ((HASH_BYTES + 2) / 3) + 1];
	int len = EVP_EncodeBlock(text, bytes, (int) n);

	while (len && text[len - 1] == '=')     /* argon2 writes no padding */
		len--;
	text[len] = 0;
	buf_add(b, (const char *) text);
}

void password_dummy(const struct argon_cost *c, char ret[PASSWORD_HASH_MAX])
{
	uint8_t bytes[SALT_BYTES + HASH_BYTES];
	char out[PASSWORD_HASH_MAX];
	struct buf b = BUF_FIXED(out);

	random_bytes(bytes, sizeof(bytes));
	buf_addf(&b, "$argon2id$v=%d$m=%u,t=%u,p=%u$", ARGON2_VERSION_NUMBER, c->kib, c->passes, c->lanes);
	add_base64(&b, bytes, SALT_BYTES);
	buf_addc(&b, '$');
	add_base64(&b, bytes + SALT_BYTES, HASH_BYTES);
	memcpy(ret, out, sizeof(out));
}

bool password_matches(const char *hash, const char *password)
{
	return !str_empty(hash) && password && argon2id_verify(hash, password, str_len(password)) == ARGON2_OK;
}

bool password_is_stale(const struct argon_cost *c, const char *hash)
{
	char want[64];
	struct buf b = BUF_FIXED(want);

	buf_addf(&b, "$argon2id$v=%d$m=%u,t=%u,p=%u$", ARGON2_VERSION_NUMBER, c->kib, c->passes, c->lanes);
	return !str_starts(hash, want);
}
