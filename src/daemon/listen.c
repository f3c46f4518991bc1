/* listen.c - addresses to listen on, and the console's folder. */
#include "daemon/listen.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/num.h"
#include "base/str.h"
#include "sys/sys.h"

static int wrong(const char *text)
{
	return err_fail(ERR_INVALID, "field", "listen", "rule", "@listen", "value", text, NULL);
}

static bool is_loopback(const char *address)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (str_eq(address, "localhost"))
		return true;
	if (inet_pton(AF_INET, address, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, address, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

int listen_parse(const char *text, bool secure, struct listen *ret)
{
	struct listen l = *ret;
	const char *end = text + str_len(text), *colon = end, *from = text;
	uint64_t port;
	size_t n;

	while (colon > text && *--colon != ':')
		;
	if (*colon != ':' || num_parse_u64(colon + 1, end, &port) != (size_t) (end - colon - 1) || port > 65535)
		return wrong(text);
	n = (size_t) (colon - text);
	if (n >= 2 && text[0] == '[' && colon[-1] == ']')
		from++, n -= 2;
	if (n >= sizeof(l.address))
		return wrong(text);
	memcpy(l.address, from, n);
	l.address[n] = 0;
	if (!n || str_eq(l.address, "localhost"))
		memcpy(l.address, "127.0.0.1", 10);
	l.port = (uint16_t) port;
	if (!is_loopback(l.address) && !secure)
		return err_fail(ERR_INVALID, "field", "listen", "rule", "@listen_insecure", "value", text, NULL);
	*ret = l;
	return 0;
}

const char *listen_text(struct listen *l)
{
	struct buf b = BUF_FIXED(l->text);

	l->text[0] = 0;
	buf_addf(&b, str_find(l->address, ":") ? "[%s]:%u" : "%s:%u", l->address, l->port);
	return l->text;
}

const char *listen_web(struct listen *l, const char *given)
{
	static const char *const places[] = { "../share/tenon/web", "../web/dist", "web" };
	char program[2048];
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);

	if (!str_empty(given))
		return given;
	while (n > 0 && program[n - 1] != '/')
		n--;
	if (n <= 0)
		return NULL;
	program[n - 1] = 0;
	for (size_t i = 0; i < ELEMENTSOF(places); i++)
		if (path_join(l->web, sizeof(l->web), program, places[i]) && file_exists(l->web))
			return l->web;
	return NULL;
}
