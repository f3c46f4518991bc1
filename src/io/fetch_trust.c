/* fetch_trust.c - whom a request trusts: libcurl's OpenSSL asks here. */
#include "io/fetch_trust.h"

#include <string.h>

#include "base/str.h"
#include "io/tls_priv.h"

static int on_verify(X509_STORE_CTX *store, void *arg)
{
	struct fetch_trust *t = arg;
	const X509 *cert = X509_STORE_CTX_get0_cert(store);

	if (!cert || !tls_fingerprint(cert, t->seen))
		t->seen[0] = 0;
	if (!str_empty(t->ca) || !t->pin[0])
		if (X509_verify_cert(store) != 1)
			return 0;
	if (!t->pin[0])
		return 1;
	if (!str_eq(t->seen, t->pin)) {
		X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
		return 0;
	}
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

static CURLcode on_context(CURL *h, void *context, void *arg)
{
	SSL_CTX_set_cert_verify_callback(context, on_verify, arg);
	return CURLE_OK;
}

int fetch_trust_set(struct fetch_trust *t, const char *url, CURL *h, CURLcode (*set)(CURL *, CURLoption, ...))
{
	int r;

	t->seen[0] = t->pin[0] = 0;
	t->refused = false;
	if (!str_empty(t->fingerprint)) {
		r = tls_pin_parse(t->fingerprint, t->pin);
		if (r < 0)
			return r;
		if (!str_starts(url, "https://"))
			return err_fail(ERR_USAGE, "detail", "a fingerprint is of a certificate: the address must begin with https://", NULL);
	}
	if (!str_empty(t->ca))
		set(h, CURLOPT_CAINFO, t->ca);
	if (!str_starts(url, "https://"))
		return 0;
	/* Of a libcurl on another library than OpenSSL nothing can be asked: it trusts as it does by itself, and no fingerprint. */
	if (set(h, CURLOPT_SSL_CTX_FUNCTION, on_context) != CURLE_OK || set(h, CURLOPT_SSL_CTX_DATA, t) != CURLE_OK)
		return t->pin[0] ? err_fail(ERR_UNSUPPORTED, "what", "libcurl", "value", "--fingerprint", "words", "OpenSSL", NULL) : 0;
	if (t->pin[0] && str_empty(t->ca))
		set(h, CURLOPT_SSL_VERIFYHOST, 0L);             /* this certificate and no other, whatever names it has */
	return 0;
}
