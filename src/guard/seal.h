/*
 * seal.h - bytes sealed by a passphrase, and digests: what a backup needs of cryptography. Second door of guard, to backup.
 *
 * Thread: any. Memory: the caller's.
 */
#pragma once

#include "base/buf.h"

/* Sealed (Argon2id, then AES-256-GCM), appended to out; at most 1 MB. -ERR_PASSPHRASE: another one, or changed bytes. */
int guard_seal(const char *passphrase, const void *bytes, size_t len, struct buf *out);
int guard_unseal(const char *passphrase, const void *bytes, size_t len, struct buf *out);
/* SHA-256 of what is added, as hexadecimal digits. */
struct digest;
struct digest *digest_new(void);                /* NULL: no memory */
void digest_add(struct digest *d, const void *bytes, size_t n);
void digest_text(struct digest *d, char ret[65]);       /* and begins again */
struct digest *digest_free(struct digest *d);
DEFINE_CLEANUP(struct digest *, digest_free)
