/* secure.h - inside daemon: the certificate of the doors. */
#pragma once

#include "daemon/config.h"
#include "io/io.h"

/* As http.tls says; *ret NULL: no TLS. A self-signed certificate is made in the data folder when there is none, or it has expired. */
int secure_new(const struct config *c, struct tls **ret, struct tls_cert *ret_cert);
/* "AB:CD:…" of a fingerprint: as browsers show it. */
void secure_print(const char *fingerprint, struct buf *out);
bool secure_hsts(const struct config *c, const struct tls_cert *cert);
