/*
 * keys.c - the keys of this data folder: keys/guard.key holds 32 random bytes, made at the first start; every key in use is
 * derived from it by HMAC-SHA256 over its purpose. Whoever has the folder without keys/ has no secret of a driver, and cannot
 * seal an audit head.
 */

#include <openssl/evp.h>

#include "base/str.h"
#include "guard/internal.h"

enum { NONCE_BYTES = 12, TAG_BYTES = 16, SEAL_VERSION = 1, SEALED_MAX = 1 << 20 };

/* AES-256-GCM (NIST SP 800-38D): version, nonce, ciphertext, tag. */
static int seal(void *ctx, const void *bytes, size_t len, struct buf *out)
{
	const struct guard *g = ctx;
	uint8_t head[1 + NONCE_BYTES] = { SEAL_VERSION }, tag[TAG_BYTES];
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n = 0, end = 0;
	bool good;

	if (len > SEALED_MAX || !buf_reserve(out, len + sizeof(head) + sizeof(tag))) {
		EVP_CIPHER_CTX_free(c);
		return err_fail(ERR_NO_MEMORY, "what", "a secret", NULL);
	}
	random_bytes(head + 1, NONCE_BYTES);
	buf_addn(out, head, sizeof(head));
	good = c && EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, g->seal_key, head + 1) == 1
		&& EVP_EncryptUpdate(c, (uint8_t *) out->data + out->len, &n, bytes, (int) len) == 1
		&& EVP_EncryptFinal_ex(c, (uint8_t *) out->data + out->len + n, &end) == 1
		&& EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, tag) == 1;
	EVP_CIPHER_CTX_free(c);
	if (!good)
		return err_failf(ERR_BROKEN, "a secret could not be sealed");
	out->len += (size_t) (n + end);
	buf_addn(out, tag, sizeof(tag));
	return 0;
}

static int unseal(void *ctx, const void *bytes, size_t len, struct buf *out)
{
	const struct guard *g = ctx;
	const uint8_t *in = bytes;
	uint8_t tag[TAG_BYTES];
	size_t body;
	int n = 0, end = 0;
	bool good;

	if (len < 1 + NONCE_BYTES + TAG_BYTES || in[0] != SEAL_VERSION || len > SEALED_MAX + 64)
		return err_fail(ERR_CORRUPT, "what", "a sealed value", "detail", "it is not of a form this version writes", NULL);
	body = len - 1 - NONCE_BYTES - TAG_BYTES;
	if (!buf_reserve(out, body + TAG_BYTES))
		return err_fail(ERR_NO_MEMORY, "what", "a secret", NULL);
	memcpy(tag, in + len - TAG_BYTES, TAG_BYTES);
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	good = c && EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, g->seal_key, in + 1) == 1
		&& EVP_DecryptUpdate(c, (uint8_t *) out->data + out->len, &n, in + 1 + NONCE_BYTES, (int) body) == 1
		&& EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag) == 1
		&& EVP_DecryptFinal_ex(c, (uint8_t *) out->data + out->len + n, &end) == 1;
	EVP_CIPHER_CTX_free(c);
	if (!good)
		return err_fail(ERR_CORRUPT, "what", "a sealed value", "detail", "it was sealed with another key, or changed", NULL);
	out->len += (size_t) (n + end);
	if (out->room)
		out->data[out->len] = 0;
	return 0;
}

static void derive(const uint8_t root[HASH_BYTES], const char *purpose, uint8_t ret[HASH_BYTES])
{
	hmac_sha256(root, purpose, str_len(purpose), ret);
}

void guard_print(struct guard *g, const void *bytes, size_t n, char ret[PRINT_TEXT])
{
	uint8_t mac[HASH_BYTES];

	hmac_sha256(g->print_key, n ? bytes : "", n, mac);
	hex_format(mac, sizeof(mac), ret);
}

/* libcrypto that found no memory when it set itself up stays half set up, and dies when it is used. */
static int crypto_is_there(void)
{
	EVP_CIPHER *c = OSSL_LIB_CTX_get0_global_default() ? EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL) : NULL;

	if (!c)
		return err_fail(ERR_NO_MEMORY, "what", "libcrypto", NULL);
	EVP_CIPHER_free(c);
	return 0;
}

int keys_open(struct guard *g)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT(&sys_heap, 1 << 16);
	char dir[512], path[512];
	uint8_t root[HASH_BYTES];
	int r;

	if (!path_join(dir, sizeof(dir), g->data, "keys") || !path_join(path, sizeof(path), dir, "guard.key"))
		return err_failf(ERR_CONFIG, "the path of the data folder is too long");
	r = crypto_is_there();
	if (r == 0 && !g->look)
		r = dir_make(dir, 0700);
	if (r < 0)
		return r;
	if (!g->look && !file_exists(path)) {
		random_bytes(root, sizeof(root));
		r = file_write(path, root, sizeof(root), 0600);
		if (r < 0)
			return r;
	}
	r = file_read(path, 4096, &text);
	if (r < 0)
		return r;
	if (text.len != HASH_BYTES)
		return err_fail(ERR_CORRUPT, "what", "keys/guard.key", "detail", "it does not have 32 bytes", NULL);
	memcpy(root, text.data, HASH_BYTES);
	derive(root, "tenon audit head 1", g->head_key);
	derive(root, "tenon csrf 1", g->csrf_key);
	derive(root, "tenon prints 1", g->print_key);
	derive(root, "tenon sealed fields 1", g->seal_key);
	wipe(root, sizeof(root));
	wipe(text.data, text.len);
	g->seal = (struct store_seal) { .seal = seal, .unseal = unseal, .ctx = g };
	return 0;
}
