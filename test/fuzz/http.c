/* Fuzzes the server by bytes on a connection, and by the length of the pieces in which they come. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "io/io.h"

static struct loop *l;
static struct http_server *server;
static struct sockaddr_un address = { .sun_family = AF_UNIX };  /* TCP would run out of ports */

static void on_message(void *ctx, struct ws *w, bool text, const char *data, size_t len) { ws_send(w, text, data, len); }
static void on_close(void *ctx, struct ws *w, int code, const char *reason) { }

static void on_request(void *ctx, struct http_exchange *x)
{
	static const struct ws_callbacks cb = { .on_message = on_message, .on_close = on_close };
	static const struct http_blob blob = { .path = "a.js", .data = (const uint8_t *) "0123456789", .len = 10, .etag = "\"v\"" };
	struct ws *w;

	if (ws_is_asked(x) && ws_accept(x, &cb, NULL, NULL, &w) == 0)
		return;
	http_cookie(x, "a");
	http_reply_blob(x, &blob, NULL, 0);
}

static void remove_socket(void) { unlink(address.sun_path); }

static void begin(void)
{
	static const struct http_callbacks cb = { .on_request = on_request };

	if (l)
		return;
	snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/tenon-fuzz-http-%d", (int) getpid());
	if (loop_new("fuzz", &l) < 0 ||
	    http_server_new(l, &(struct http_config) { .address = address.sun_path, .body_max = 100 }, &cb, NULL, &server) < 0)
		abort();
	atexit(remove_socket);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct http_stats s;
	char sink[4096];

	begin();
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
		abort();
	size_t step = n ? 1 + data[0] % 64 * 8 : 1;
	for (size_t at = 1; at < n; at += step) {
		if (send(fd, data + at, step < n - at ? step : n - at, MSG_NOSIGNAL) < 0)
			break;
		loop_step(l, 0);
		loop_step(l, 0);
	}
	while (recv(fd, sink, sizeof(sink), MSG_DONTWAIT) > 0)
		loop_step(l, 0);
	close(fd);
	/* Every connection must end. */
	for (int i = 0; i < 1000; i++) {
		loop_step(l, 1);
		http_stats(server, &s);
		if (!s.connections && !s.websockets)
			return 0;
	}
	abort();
}
