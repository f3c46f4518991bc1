/* secure.c - the certificate of the doors: somebody's, or one of our own making. */
#include "daemon/secure.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <unistd.h>

#include "base/str.h"
#include "sys/sys.h"

enum { NAMES_MAX = 40, NAME_MAX_BYTES = 64 };

struct names { char text[NAMES_MAX][NAME_MAX_BYTES]; const char *list[NAMES_MAX + 1]; size_t n; };

static void add_name(struct names *to, const char *name)
{
	size_t len = str_len(name);

	if (!len || len >= NAME_MAX_BYTES || to->n >= NAMES_MAX)
		return;
	for (size_t i = 0; i < to->n; i++)
		if (str_eq(to->text[i], name))
			return;
	memcpy(to->text[to->n], name, len + 1);
	to->list[to->n] = to->text[to->n];
	to->n++;
}

/* Whatever somebody may write into his browser to reach this computer. */
static void collect_names(const struct config *c, struct names *to)
{
	char text[NAME_MAX_BYTES];
	struct ifaddrs *all = NULL;

	if (gethostname(text, sizeof(text)) == 0) {
		text[sizeof(text) - 1] = 0;
		add_name(to, text);
	}
	add_name(to, "localhost");
	if (!str_eq(c->listen.address, "0.0.0.0") && !str_eq(c->listen.address, "::"))
		add_name(to, c->listen.address);
	add_name(to, "127.0.0.1");
	add_name(to, "::1");
	if (getifaddrs(&all) < 0)
		return;
	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		const void *in = !i->ifa_addr ? NULL : i->ifa_addr->sa_family == AF_INET ? (const void *) &((const struct sockaddr_in *) (const void *)
			i->ifa_addr)->sin_addr : i->ifa_addr->sa_family == AF_INET6 ? (const void *) &((const struct sockaddr_in6 *) (const void *)
			i->ifa_addr)->sin6_addr : NULL;

		if (in && inet_ntop(i->ifa_addr->sa_family, in, text, sizeof(text)))
			add_name(to, text);
	}
	freeifaddrs(all);
}

static int own_certificate(const struct config *c, char *cert, char *key, size_t size, struct tls_cert *ret)
{
	struct names *names;
	int r;

	if (!path_join(cert, size, c->platform.data, "keys/tls.crt") || !path_join(key, size, c->platform.data, "keys/tls.key"))
		return err_fail(ERR_CONFIG, "detail", "@path_long", NULL);
	if (file_exists(cert) && file_exists(key)) {
		r = tls_cert_read(cert, ret);
		if (r < 0 || ret->until_ns > clock_now_ns())
			return r;
	}
	names = sys_new(struct names);
	if (!names)
		return err_fail(ERR_NO_MEMORY, "what", cert, NULL);
	collect_names(c, names);
	r = tls_cert_make(cert, key, names->list);
	sys_free(names);
	return r < 0 ? r : tls_cert_read(cert, ret);
}

int secure_new(const struct config *c, struct tls **ret, struct tls_cert *ret_cert)
{
	struct tls_config tls = { .server = true, .cert = c->http.certificate, .key = c->http.key, .alpn = "http/1.1" };
	char cert[4096], key[4096];
	struct tls_cert seen = { 0 };
	int r;

	if (c->http.tls == CONFIG_TLS_OFF) {
		*ret = NULL;
		return 0;
	}
	if (c->http.tls == CONFIG_TLS_SELF_SIGNED) {
		r = own_certificate(c, cert, key, sizeof(cert), &seen);
		tls.cert = cert;
		tls.key = key;
	} else {
		tls.key = str_empty(tls.key) ? NULL : tls.key;
		r = tls_cert_read(tls.cert, &seen);
		if (r < 0 && r != -ERR_CONFIG_FILE)
			r = err_fail(ERR_CONFIG_FILE, "what", tls.cert, "rule", "@tls_unreadable", NULL);
	}
	if (r == 0)
		r = tls_new(&tls, ret);
	if (r == 0)
		*ret_cert = seen;
	return r;
}

void secure_print(const char *fingerprint, struct buf *out)
{
	for (size_t i = 0; fingerprint[i] && fingerprint[i + 1]; i += 2)
		buf_addf(out, "%s%c%c", i ? ":" : "", fingerprint[i] & (fingerprint[i] > '9' ? ~32 : ~0), fingerprint[i + 1] & (fingerprint[i + 1] > '9' ? ~32 : ~0));
}

bool secure_hsts(const struct config *c, const struct tls_cert *cert)
{
	if (c->http.tls == CONFIG_TLS_OFF || c->http.hsts == CONFIG_HSTS_OFF)
		return false;
	return c->http.hsts == CONFIG_HSTS_ON || (c->http.tls == CONFIG_TLS_FILES && !cert->self_signed);
}
