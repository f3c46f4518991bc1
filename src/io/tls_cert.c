/* tls_cert.c - certificates: reading one, making one's own. */
#include "io/tls_priv.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "sys/sys.h"

enum { CERT_BYTES = 64 << 10, DAYS = 3650 };

static int ssl_broken(const char *what)
{
	char text[128];

	ERR_error_string_n(ERR_peek_error(), text, sizeof(text));
	ERR_clear_error();
	return err_failf(ERR_BROKEN, "%s: %s", what, text);
}

static int64_t time_of(const ASN1_TIME *t)
{
	struct tm tm = { 0 };

	return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t) timegm(&tm) * NS_PER_S : 0;
}

void tls_name_of(X509 *x, char *to, size_t size)
{
	BIO *b = BIO_new(BIO_s_mem());
	int n;

	to[0] = 0;
	if (!b)
		return;
	X509_NAME_print_ex(b, X509_get_subject_name(x), 0, XN_FLAG_RFC2253 & ~(unsigned long) ASN1_STRFLGS_ESC_MSB);
	n = BIO_read(b, to, (int) size - 1);
	to[n > 0 ? n : 0] = 0;
	BIO_free(b);
}

static void add_alternative(struct buf *b, const GENERAL_NAME *g)
{
	char text[INET6_ADDRSTRLEN] = "";
	const unsigned char *bytes;
	int n;

	if (g->type == GEN_DNS) {
		bytes = ASN1_STRING_get0_data(g->d.dNSName);
		n = ASN1_STRING_length(g->d.dNSName);
	} else if (g->type == GEN_IPADD) {
		n = ASN1_STRING_length(g->d.iPAddress);
		if ((n != 4 && n != 16) || !inet_ntop(n == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(g->d.iPAddress), text, sizeof(text)))
			return;
		bytes = (const unsigned char *) text;
		n = (int) strlen(text);
	} else {
		return;
	}
	if (b->len + (size_t) n + 3 > b->max || memchr(bytes, 0, (size_t) n))
		return;
	if (b->len)
		buf_add(b, ", ");
	buf_addn(b, bytes, (size_t) n);
}

/* RFC 5280, 4.2.1.6. */
static void names_of(X509 *x, struct buf *b)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++)
		add_alternative(b, sk_GENERAL_NAME_value(all, i));
	GENERAL_NAMES_free(all);
}

int tls_cert_read(const char *file, struct tls_cert *ret)
{
	struct buf b = BUF_INIT(&sys_heap, CERT_BYTES + 1);
	struct tls_cert c = { 0 };
	X509 *x = NULL;
	int r = file_read(file, CERT_BYTES, &b);

	if (r < 0) {
		buf_done(&b);
		return r;
	}
	BIO *bio = BIO_new_mem_buf(b.data, (int) b.len);
	if (bio)
		x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	buf_done(&b);
	if (!x) {
		ERR_clear_error();
		return err_fail(ERR_CONFIG_FILE, "what", file, "rule", "@tls_no_cert", NULL);
	}
	tls_name_of(x, c.subject, sizeof(c.subject));
	tls_fingerprint(x, c.fingerprint);
	names_of(x, &BUF_FIXED(c.names));
	c.from_ns = time_of(X509_get0_notBefore(x));
	c.until_ns = time_of(X509_get0_notAfter(x));
	c.self_signed = X509_NAME_cmp(X509_get_issuer_name(x), X509_get_subject_name(x)) == 0;
	X509_free(x);
	*ret = c;
	return 0;
}

/* Making one's own. */

static bool add_extension(X509 *x, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;
	bool done;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	done = e && X509_add_ext(x, e, -1) == 1;
	X509_EXTENSION_free(e);
	return done;
}

/* A name as it is, without the syntax of a configuration file: whatever stands in it is a name. */
static bool add_name(GENERAL_NAMES *list, const char *name)
{
	GENERAL_NAME *g = GENERAL_NAME_new();
	uint8_t address[16];
	int n = inet_pton(AF_INET, name, address) == 1 ? 4 : inet_pton(AF_INET6, name, address) == 1 ? 16 : 0;
	ASN1_STRING *value = n ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();

	if (g && value && ASN1_STRING_set(value, n ? (const void *) address : name, n ? n : (int) strlen(name)) == 1) {
		GENERAL_NAME_set0_value(g, n ? GEN_IPADD : GEN_DNS, value);
		if (sk_GENERAL_NAME_push(list, g) > 0)
			return true;
		value = NULL;
	}
	ASN1_STRING_free(value);
	GENERAL_NAME_free(g);
	return false;
}

static bool add_names(X509 *x, const char *const *names)
{
	GENERAL_NAMES *list = sk_GENERAL_NAME_new_null();
	bool done = list != NULL;

	for (const char *const *n = names; done && *n; n++)
		done = add_name(list, *n);
	done = done && X509_add1_ext_i2d(x, NID_subject_alt_name, list, 0, X509V3_ADD_DEFAULT) == 1;
	sk_GENERAL_NAME_pop_free(list, GENERAL_NAME_free);
	return done;
}

static bool fill(X509 *x, EVP_PKEY *key, const char *const *names)
{
	BIGNUM *serial = BN_new();
	X509_NAME *subject = X509_get_subject_name(x);
	const char *first = names[0] ? names[0] : "tenon";
	bool done = serial && BN_rand(serial, 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
		BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x)) && X509_set_version(x, 2) == 1 &&
		X509_gmtime_adj(X509_getm_notBefore(x), -24L * 3600) &&         /* clocks of plants differ */
		X509_time_adj_ex(X509_getm_notAfter(x), DAYS, 0, NULL) && X509_set_pubkey(x, key) == 1 &&
		X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8, (const uint8_t *) "Tenon", -1, -1, 0) == 1 &&
		X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const uint8_t *) first, -1, -1, 0) == 1 &&
		X509_set_issuer_name(x, subject) == 1 && add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
		add_extension(x, NID_key_usage, "critical,digitalSignature") && add_extension(x, NID_ext_key_usage, "serverAuth,clientAuth") &&
		add_extension(x, NID_subject_key_identifier, "hash") && add_names(x, names) && X509_sign(x, key, EVP_sha256()) > 0;

	BN_free(serial);
	return done;
}

/* The key first and each by rename: a reader finds the old pair, or a key without its certificate, which the next call makes anew. */
static int write_pair(X509 *x, EVP_PKEY *key, const char *cert_file, const char *key_file)
{
	BIO *c = BIO_new(BIO_s_mem()), *k = BIO_new(BIO_s_secmem());
	char *text = NULL;
	long n;
	int r = -ERR_BROKEN;

	if (c && k && PEM_write_bio_X509(c, x) == 1 && PEM_write_bio_PrivateKey(k, key, NULL, NULL, 0, NULL, NULL) == 1) {
		n = BIO_get_mem_data(k, &text);
		r = file_write(key_file, text, (size_t) n, 0600);
		if (r == 0) {
			n = BIO_get_mem_data(c, &text);
			r = file_write(cert_file, text, (size_t) n, 0644);
		}
	} else
		r = ssl_broken("certificate");
	BIO_free(c);
	BIO_free(k);
	return r;
}

int tls_cert_make(const char *cert_file, const char *key_file, const char *const *names)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	int r = key && x && fill(x, key, names) ? write_pair(x, key, cert_file, key_file) : ssl_broken("certificate");

	X509_free(x);
	EVP_PKEY_free(key);
	return r;
}
