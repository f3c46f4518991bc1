/* seal.c - bytes sealed by a passphrase, and digests: what a backup needs of cryptography. */

#include <argon2.h>
#include <openssl/evp.h>

#include "base/str.h"
#include "guard/internal.h"
#include "guard/seal.h"

/* RFC 9106, second recommended option: 64 MiB, three passes. Written in front, so that it may grow. */
enum { FORM = 1, SALT = 16, NONCE = 12, TAG = 16, HEAD = 1 + 4 + 4 + SALT + NONCE, SEAL_MAX = 1 << 20, KIB = 64 << 10, PASSES = 3, KIB_MAX = 1 << 20,
	PASSES_MAX = 16 };

static void put_u32(uint8_t *to, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t) (v >> (8 * i));
}

static uint32_t get_u32(const uint8_t *from)
{
	return (uint32_t) from[0] | (uint32_t) from[1] << 8 | (uint32_t) from[2] << 16 | (uint32_t) from[3] << 24;
}

static int key_of(const char *passphrase, const uint8_t *head, uint8_t ret[HASH_BYTES])
{
	return argon2id_hash_raw(get_u32(head + 5), get_u32(head + 1), 1, passphrase, str_len(passphrase), head + 9, SALT, ret, HASH_BYTES) == ARGON2_OK ? 0 :
		err_fail(ERR_NO_MEMORY, "what", "@keys", NULL);
}

int guard_seal(const char *passphrase, const void *bytes, size_t len, struct buf *out)
{
	uint8_t head[HEAD] = { FORM }, key[HASH_BYTES], tag[TAG];
	EVP_CIPHER_CTX *c = NULL;
	int n = 0, end = 0, r;
	bool good;

	if (len > SEAL_MAX || !buf_reserve(out, len + HEAD + TAG))
		return err_fail(ERR_NO_MEMORY, "what", "@keys", NULL);
	put_u32(head + 1, KIB);
	put_u32(head + 5, PASSES);
	random_bytes(head + 9, SALT + NONCE);
	r = key_of(passphrase, head, key);
	if (r < 0)
		return r;
	buf_addn(out, head, HEAD);
	c = EVP_CIPHER_CTX_new();
	good = c && EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, head + 9 + SALT) == 1 && EVP_EncryptUpdate(c, NULL, &n, head, HEAD) == 1 &&
		EVP_EncryptUpdate(c, (uint8_t *) out->data + out->len, &n, bytes, (int) len) == 1 &&
		EVP_EncryptFinal_ex(c, (uint8_t *) out->data + out->len + n, &end) == 1 && EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, tag) == 1;
	EVP_CIPHER_CTX_free(c);
	wipe(key, sizeof(key));
	if (!good)
		return err_failf(ERR_BROKEN, "the keys could not be sealed");
	out->len += (size_t) (n + end);
	buf_addn(out, tag, TAG);
	return 0;
}

int guard_unseal(const char *passphrase, const void *bytes, size_t len, struct buf *out)
{
	const uint8_t *in = bytes;
	uint8_t key[HASH_BYTES], tag[TAG];
	EVP_CIPHER_CTX *c;
	size_t body;
	int n = 0, end = 0, r;
	bool good;

	/* The cost is read before anything is proved: it must not be a way to take all memory. */
	if (len < HEAD + TAG || len > SEAL_MAX + HEAD + TAG || in[0] != FORM || get_u32(in + 1) > KIB_MAX || get_u32(in + 5) > PASSES_MAX)
		return err_fail(ERR_CORRUPT, "what", "@keys", "detail", "it is not of a form this version writes", NULL);
	body = len - HEAD - TAG;
	if (!buf_reserve(out, body + TAG))
		return err_fail(ERR_NO_MEMORY, "what", "@keys", NULL);
	memcpy(tag, in + len - TAG, TAG);
	r = key_of(passphrase, in, key);
	if (r < 0)
		return r;
	c = EVP_CIPHER_CTX_new();
	good = c && EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, in + 9 + SALT) == 1 && EVP_DecryptUpdate(c, NULL, &n, in, HEAD) == 1 &&
		EVP_DecryptUpdate(c, (uint8_t *) out->data + out->len, &n, in + HEAD, (int) body) == 1 &&
		EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, tag) == 1 && EVP_DecryptFinal_ex(c, (uint8_t *) out->data + out->len + n, &end) == 1;
	EVP_CIPHER_CTX_free(c);
	wipe(key, sizeof(key));
	if (!good)
		return err_fail(ERR_PASSPHRASE, "what", "@keys", NULL);
	out->len += (size_t) (n + end);
	if (out->room)
		out->data[out->len] = 0;
	return 0;
}

/* --- digests --------------------------------------------------------------------------------------------------------------- */

struct digest { EVP_MD_CTX *ctx; };

struct digest *digest_new(void)
{
	struct digest *d = sys_new(struct digest);

	if (d)
		d->ctx = EVP_MD_CTX_new();
	if (!d || !d->ctx || EVP_DigestInit_ex(d->ctx, EVP_sha256(), NULL) != 1)
		return digest_free(d);
	return d;
}

void digest_add(struct digest *d, const void *bytes, size_t n)
{
	EVP_DigestUpdate(d->ctx, bytes, n);
}

void digest_text(struct digest *d, char ret[65])
{
	uint8_t hash[HASH_BYTES];

	EVP_DigestFinal_ex(d->ctx, hash, NULL);
	EVP_DigestInit_ex(d->ctx, EVP_sha256(), NULL);
	hex_format(hash, sizeof(hash), ret);
}

struct digest *digest_free(struct digest *d)
{
	if (d)
		EVP_MD_CTX_free(d->ctx);
	return sys_free(d);
}
