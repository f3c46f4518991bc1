/* sock.c - sockets as the rest of io needs them. */
#include "io/sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "sys/sys.h"

enum { BACKLOG = 511 };

int sock_parse(const char *address, uint16_t port, struct sockaddr_storage *ret)
{
	struct sockaddr_in *in = (struct sockaddr_in *) ret;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *) ret;
	struct sockaddr_un *un = (struct sockaddr_un *) ret;

	memset(ret, 0, sizeof(*ret));
	if (address[0] == '/') {
		size_t n = strlen(address);

		if (n >= sizeof(un->sun_path))
			return err_fail(ERR_CONFIG, "detail", "the path of a local socket may have 107 bytes", NULL);
		un->sun_family = AF_UNIX;
		memcpy(un->sun_path, address, n + 1);
		return (int) sizeof(*un);
	}
	if (inet_pton(AF_INET, address, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		return (int) sizeof(*in);
	}
	if (inet_pton(AF_INET6, address, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		return (int) sizeof(*in6);
	}
	return err_fail(ERR_BAD_ARGUMENT, "field", "address", "rule", "must be an IPv4 or IPv6 address or a path", "value", address, NULL);
}

/* A socket file that nobody answers at is a leftover of a process that died. */
static void remove_leftover(const struct sockaddr_storage *addr, int size)
{
	const char *path = ((const struct sockaddr_un *) addr)->sun_path;
	struct stat st;

	if (lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *) addr, (socklen_t) size) < 0 && errno == ECONNREFUSED)
		sys.unlink(path);
	close(fd);
}

int sock_listen(const char *address, uint16_t port, int *ret_fd, uint16_t *ret_port)
{
	struct sockaddr_storage addr;
	struct sock_name name;
	_cleanup_close_ int fd = -1;
	const char *shown = address ? address : "127.0.0.1";
	int one = 1, size = sock_parse(shown, port, &addr);
	socklen_t len = sizeof(addr);

	if (size < 0)
		return size;
	fd = socket(addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return sys_fail(errno, "make a socket for", shown);
	if (addr.ss_family == AF_UNIX)
		remove_leftover(&addr, size);
	else
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *) &addr, (socklen_t) size) < 0 || listen(fd, BACKLOG) < 0) {
		if (errno == EADDRINUSE)
			return err_fail(ERR_LOCKED, "what", "port", "value", shown, NULL);
		return sys_fail(errno, "listen at", shown);
	}
	if (getsockname(fd, (struct sockaddr *) &addr, &len) < 0)
		return sys_fail(errno, "ask the port of", shown);
	sock_name_of((const struct sockaddr *) &addr, &name);
	*ret_port = name.port;
	*ret_fd = take_fd(fd);
	return 0;
}

void sock_name_of(const struct sockaddr *addr, struct sock_name *ret)
{
	*ret = (struct sock_name) { .loopback = addr->sa_family == AF_UNIX };
	if (addr->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *) addr;

		inet_ntop(AF_INET, &in->sin_addr, ret->host, sizeof(ret->host));
		ret->port = ntohs(in->sin_port);
		ret->loopback = ntohl(in->sin_addr.s_addr) >> 24 == 127;
	} else if (addr->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) addr;
		const uint8_t *b = in6->sin6_addr.s6_addr;

		/* An IPv4 client of a dual-stack socket shows as what it is. */
		if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
			inet_ntop(AF_INET, b + 12, ret->host, sizeof(ret->host));
		else
			inet_ntop(AF_INET6, b, ret->host, sizeof(ret->host));
		ret->port = ntohs(in6->sin6_port);
		ret->loopback = IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) || (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) && b[12] == 127);
	}
}

void sock_peer(int fd, struct sock_name *ret)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);

	*ret = (struct sock_name) { 0 };
	if (getpeername(fd, (struct sockaddr *) &addr, &len) == 0)
		sock_name_of((const struct sockaddr *) &addr, ret);
}

void sock_nodelay(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

void sock_keepalive(int fd, uint32_t seconds)
{
	int one = 1, idle = (int) MIN(seconds, 32767U), interval = MAX(idle / 6, 1), count = 3;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

int sock_dup(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, 3); }
