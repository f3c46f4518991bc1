/* tls_priv.h - inside io alone: what tls.c (who we are) and chain_tls.c (the layer) share. */
#pragma once

#include <openssl/ssl.h>

#include "io/tls.h"

SSL_CTX *tls_context(const struct tls *t);
bool tls_is_server(const struct tls *t);
bool tls_trusts_by_name(const struct tls *t);   /* the system's issuers: anybody may have a certificate of theirs */
/* Sessions the peer offers are handed to this, with the reference, by way of tls_set_keeper(ssl). */
struct tls_keeper { SSL_SESSION *session; };
void tls_set_keeper(SSL *ssl, struct tls_keeper *k);
/* The queue of OpenSSL's errors, emptied, as one failure about `what`. */
int tls_fail(SSL *ssl, const char *what);
/* SHA-256 of a certificate as hexadecimal digits. */
void tls_name_of(X509 *cert, char *to, size_t size);
bool tls_fingerprint(const X509 *cert, char ret[65]);
/* A fingerprint as people write it, to that form. -ERR_INVALID. */
int tls_pin_parse(const char *text, char ret[65]);
