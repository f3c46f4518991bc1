/* tls.c - who we are and whom we trust: OpenSSL's context, and its failures in our words. */
#include "io/tls_priv.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/str.h"
#include "sys/sys.h"

enum { ALPN_MAX = 64, FILE_BYTES = 1 << 20 };

struct tls {
	atomic_uint refs;
	SSL_CTX *ctx;
	bool server, by_name, pinned, has_ca;
	uint8_t alpn[ALPN_MAX];                 /* as on the wire: length, name, length, name */
	unsigned alpn_len;
	char pin[65];
};

SSL_CTX *tls_context(const struct tls *t) { return t->ctx; }
bool tls_is_server(const struct tls *t) { return t->server; }
bool tls_trusts_by_name(const struct tls *t) { return t->by_name; }

bool tls_fingerprint(const X509 *cert, char ret[65])
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	struct buf b = { .data = ret, .room = 65, .max = 65 };

	if (X509_digest(cert, EVP_sha256(), digest, &n) != 1 || n != 32)
		return false;
	ret[0] = 0;
	for (unsigned i = 0; i < n; i++)
		buf_addf(&b, "%02x", digest[i]);
	return true;
}

/* Failures. */

static const char *verify_term(long code)
{
	switch (code) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return "@tls_expired";
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return "@tls_not_yet";
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_CERT_UNTRUSTED:
		return "@tls_unknown_ca";
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return "@tls_other_name";
	case X509_V_ERR_CERT_REJECTED:
		return "@tls_other_print";      /* by ourselves alone: on_verify() */
	default:
		return "@tls_bad_cert";
	}
}

static const char *reason_term(int reason)
{
	switch (reason) {
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_HTTP_REQUEST:
	case SSL_R_HTTPS_PROXY_REQUEST:
	case SSL_R_PACKET_LENGTH_TOO_LONG:
		return "@tls_not_tls";
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_VERSION_TOO_LOW:
	case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
	case SSL_R_NO_PROTOCOLS_AVAILABLE:
		return "@tls_old";
	case SSL_R_NO_SHARED_CIPHER:
	case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
		return "@tls_no_cipher";
	case SSL_R_NO_APPLICATION_PROTOCOL:
	case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
		return "@tls_no_alpn";
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
		return "@tls_no_client_cert";
	case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
	case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
	case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
	case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
	case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
		return "@tls_refused_us";
	default:
		return NULL;
	}
}

int tls_fail(SSL *ssl, const char *what)
{
	unsigned long code = ERR_peek_error();
	int reason = ERR_GET_REASON(code);
	long verify = ssl ? SSL_get_verify_result(ssl) : X509_V_OK;
	const char *detail = reason_term(reason);
	char text[128];

	if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason == SSL_R_CERTIFICATE_VERIFY_FAILED && verify != X509_V_OK)
		detail = verify_term(verify);
	if (!detail && reason == ERR_R_MALLOC_FAILURE) {
		ERR_clear_error();
		return err_fail(ERR_NO_MEMORY, "what", "TLS", NULL);
	}
	if (!detail) {
		ERR_error_string_n(code, text, sizeof(text));
		detail = code ? text : "TLS";
	}
	ERR_clear_error();
	return err_fail(ERR_PEER, "what", what, "detail", detail, NULL);
}

static int file_fail(const char *file, const char *rule)
{
	ERR_clear_error();
	return err_fail(ERR_CONFIG_FILE, "what", file, "rule", rule, NULL);
}

/* "cannot be read" and "holds no certificate" need different remedies. */
static int load_fail(const char *file, const char *rule)
{
	_cleanup_close_ int fd = -1;

	if (file_open(file, O_RDONLY, 0, &fd) < 0) {
		err_clear();
		return file_fail(file, "@tls_unreadable");
	}
	switch (ERR_GET_REASON(ERR_peek_error())) {
	case SSL_R_EE_KEY_TOO_SMALL:
	case SSL_R_CA_MD_TOO_WEAK:
		return file_fail(file, "@tls_weak_cert");
	case X509_R_KEY_VALUES_MISMATCH:
		return file_fail(file, "@tls_other_key");
	default:
		return file_fail(file, rule);
	}
}

/* Names of files come from settings, and who reads them is the thread of a loop: a pipe would hold it up for ever. */
static int plain_file(const char *file)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (!file)
		return 0;
	if (file_open(file, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, &fd) < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_BYTES) {
		err_clear();
		return file_fail(file, "@tls_unreadable");
	}
	return 0;
}

/* Trust. */

static int on_verify(X509_STORE_CTX *store, void *arg)
{
	const struct tls *t = arg;
	const X509 *cert = X509_STORE_CTX_get0_cert(store);
	char seen[65];

	if (t->has_ca && X509_verify_cert(store) != 1)
		return 0;
	if (cert && tls_fingerprint(cert, seen) && str_eq(seen, t->pin)) {
		X509_STORE_CTX_set_error(store, X509_V_OK);
		return 1;
	}
	X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
	return 0;
}

static int no_passphrase(char *to, int size, int writing, void *arg) { return -1; }

int tls_pin_parse(const char *text, char ret[65])
{
	char pin[65];
	size_t n = 0;

	for (const char *p = text; *p; p++) {
		char c = *p >= 'A' && *p <= 'F' ? (char) (*p + 32) : *p;

		if (c == ':' || c == ' ')
			continue;
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')) || n == 64)
			return err_fail(ERR_INVALID, "field", "fingerprint", "rule", "@tls_fingerprint", "value", text, NULL);
		pin[n++] = c;
	}
	pin[n] = 0;
	if (n != 64)
		return err_fail(ERR_INVALID, "field", "fingerprint", "rule", "@tls_fingerprint", "value", text, NULL);
	memcpy(ret, pin, sizeof(pin));
	return 0;
}

static int set_trust(struct tls *t, const struct tls_config *c)
{
	int r = 0;

	if (c->ca && SSL_CTX_load_verify_locations(t->ctx, c->ca, NULL) != 1)
		return load_fail(c->ca, "@tls_no_cert");
	t->has_ca = c->ca != NULL;
	if (t->server && c->ca) {
		STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(c->ca);

		SSL_CTX_set_client_CA_list(t->ctx, names);
		SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	}
	if (t->server)
		return 0;
	SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
	t->pinned = !str_empty(c->fingerprint);
	if (t->pinned)
		r = tls_pin_parse(c->fingerprint, t->pin);
	if (t->pinned)
		SSL_CTX_set_cert_verify_callback(t->ctx, on_verify, t);
	else if (!c->ca) {
		SSL_CTX_set_default_verify_paths(t->ctx);
		t->by_name = true;
	}
	return r;
}

static int set_identity(struct tls *t, const struct tls_config *c)
{
	const char *key = c->key ? c->key : c->cert;

	if (!c->cert)
		return t->server ? err_failf(ERR_BROKEN, "a TLS server without a certificate") : 0;
	SSL_CTX_set_default_passwd_cb(t->ctx, no_passphrase);
	if (SSL_CTX_use_certificate_chain_file(t->ctx, c->cert) != 1)
		return load_fail(c->cert, "@tls_no_cert");
	if (SSL_CTX_use_PrivateKey_file(t->ctx, key, SSL_FILETYPE_PEM) != 1)
		return load_fail(key, "@tls_no_key");
	if (SSL_CTX_check_private_key(t->ctx) != 1)
		return file_fail(key, "@tls_other_key");
	return 0;
}

/* ALPN: "a,b" to the form of the wire. */
static int on_alpn(SSL *ssl, const uint8_t **ret, uint8_t *ret_len, const uint8_t *offered, unsigned n, void *arg)
{
	const struct tls *t = arg;
	uint8_t *out = NULL;

	if (SSL_select_next_proto(&out, ret_len, t->alpn, t->alpn_len, offered, n) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*ret = out;
	return SSL_TLSEXT_ERR_OK;
}

static int set_alpn(struct tls *t, const char *text)
{
	while (text && *text) {
		size_t n = strcspn(text, ",");

		if (!n || t->alpn_len + n + 1 > sizeof(t->alpn))
			return err_failf(ERR_BROKEN, "a list of protocols that cannot be");
		t->alpn[t->alpn_len] = (uint8_t) n;
		memcpy(t->alpn + t->alpn_len + 1, text, n);
		t->alpn_len += (unsigned) n + 1;
		text += n + (text[n] == ',');
	}
	if (t->alpn_len && t->server)
		SSL_CTX_set_alpn_select_cb(t->ctx, on_alpn, t);
	else if (t->alpn_len && SSL_CTX_set_alpn_protos(t->ctx, t->alpn, t->alpn_len) != 0)
		return err_fail(ERR_NO_MEMORY, "what", "TLS", NULL);
	return 0;
}

/* Sessions: a server gives tickets and keeps nothing; a client's layer keeps the last one it got. */

void tls_set_keeper(SSL *ssl, struct tls_keeper *k) { SSL_set_app_data(ssl, k); }

static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_keeper *k = SSL_get_app_data(ssl);

	if (!k)
		return 0;
	SSL_SESSION_free(k->session);
	k->session = session;
	return 1;
}

static void set_sessions(struct tls *t)
{
	SSL_CTX_set_session_id_context(t->ctx, (const uint8_t *) "tenon", 5);
	if (t->server) {
		SSL_CTX_set_session_cache_mode(t->ctx, SSL_SESS_CACHE_OFF);
		return;
	}
	SSL_CTX_set_session_cache_mode(t->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(t->ctx, on_session);
}

int tls_new(const struct tls_config *c, struct tls **ret_tls)
{
	struct tls *t = sys_new(struct tls);
	int r;

	if (t)
		t->ctx = SSL_CTX_new(c->server ? TLS_server_method() : TLS_client_method());
	if (!t || !t->ctx) {
		ERR_clear_error();
		sys_free(t);
		return err_fail(ERR_NO_MEMORY, "what", "TLS", NULL);
	}
	atomic_init(&t->refs, 1);
	t->server = c->server;
	SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION);
	SSL_CTX_set_security_level(t->ctx, 2);
	/* Of TLS 1.2 only what has forward secrecy and is authenticated while it is encrypted. */
	SSL_CTX_set_cipher_list(t->ctx, "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20");
	SSL_CTX_set_options(t->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_mode(t->ctx, SSL_MODE_RELEASE_BUFFERS);
	set_sessions(t);
	r = plain_file(c->cert);
	if (r == 0)
		r = plain_file(c->key);
	if (r == 0)
		r = plain_file(c->ca);
	if (r == 0)
		r = set_identity(t, c);
	if (r == 0)
		r = set_trust(t, c);
	if (r == 0)
		r = set_alpn(t, c->alpn);
	if (r < 0) {
		tls_unref(t);
		return r;
	}
	*ret_tls = t;
	return 0;
}

struct tls *tls_ref(struct tls *t)
{
	atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}

struct tls *tls_unref(struct tls *t)
{
	if (t && atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) == 1) {
		SSL_CTX_free(t->ctx);
		sys_free(t);
	}
	return NULL;
}
