/*
 * Tests of ws.h: a plain socket speaks RFC 6455 by hand; sections in brackets. The `websockets` package of python, where it is installed, is
 * the independent peer.
 */
#include "io/served_test.h"

#include "tap.h"

static struct {
	struct served served;
	struct http_server *server;
	uint16_t port;
	struct ws *last;
	atomic_int opened, messages, closed, code, drained, refused;
	atomic_int flood;               /* how many messages the server wanted to send and could */
	struct ws_config config;
	char reason[128];
} t;

static void on_message(void *ctx, struct ws *w, bool text, const char *data, size_t len)
{
	atomic_fetch_add(&t.messages, 1);
	if (text && strcmp(data, "close") == 0) {
		ws_close(w, 4000, "as you wish");
	} else if (text && strcmp(data, "free") == 0) {
		ws_free(w);
		atomic_fetch_add(&t.closed, 1);
	} else if (text && strcmp(data, "flood") == 0) {
		static char big[10000];
		memset(big, 'f', sizeof(big));
		while (ws_send(w, true, big, sizeof(big)) == 0)
			atomic_fetch_add(&t.flood, 1);
		err_clear();
	} else {
		ws_send(w, text, data, len);
	}
}
static void on_drain(void *ctx, struct ws *w) { atomic_fetch_add(&t.drained, 1); }
static void on_close(void *ctx, struct ws *w, int code, const char *reason)
{
	snprintf(t.reason, sizeof(t.reason), "%s", reason);
	atomic_store(&t.code, code);
	atomic_fetch_add(&t.closed, 1);
}

static void on_request(void *ctx, struct http_exchange *x)
{
	static const struct ws_callbacks cb = { .on_message = on_message, .on_drain = on_drain, .on_close = on_close };

	if (!ws_is_asked(x) || ws_accept(x, &cb, NULL, &t.config, &t.last) < 0) {
		atomic_fetch_add(&t.refused, 1);
		err_clear();
		http_reply(x, &(struct http_reply) { .status = 426 });
		return;
	}
	atomic_fetch_add(&t.opened, 1);
	ws_send(t.last, true, "welcome", 7);
}

static void make_server(void *arg)
{
	static const struct http_callbacks cb = { .on_request = on_request };

	if (http_server_new(t.served.l, &(struct http_config) { 0 }, &cb, NULL, &t.server) == 0)
		t.port = http_server_port(t.server);
}
static void free_server(void *arg) { t.server = http_server_free(t.server); }
static bool begin_with(struct ws_config config)
{
	memset(&t, 0, sizeof(t));
	t.config = config;
	if (!served_start(&t.served))
		return false;
	call_in(&t.served, make_server, NULL);
	return t.server != NULL;
}
static bool begin(void) { return begin_with((struct ws_config) { 0 }); }
static void end(void)
{
	call_in(&t.served, free_server, NULL);
	served_stop(&t.served);
	is_int(t.closed, t.opened);
}

#define HEAD "GET /ws HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"

struct frame { int opcode; bool fin; size_t len; char data[1 << 17]; };
static struct frame f;

static bool hear_n(int fd, void *to, size_t n)
{
	for (char *p = to; n;) {
		ssize_t r = recv(fd, p, n, 0);

		if (r <= 0)
			return false;
		p += r;
		n -= (size_t) r;
	}
	return true;
}

/* The next frame; server frames are not masked (5.1). */
static bool hear_frame(int fd)
{
	uint8_t h[10];

	if (!hear_n(fd, h, 2))
		return false;
	f.fin = h[0] & 0x80;
	f.opcode = h[0] & 0x0f;
	f.len = h[1];
	if (f.len == 126) {
		if (!hear_n(fd, h, 2))
			return false;
		f.len = (size_t) h[0] << 8 | h[1];
	} else if (f.len == 127) {
		if (!hear_n(fd, h, 8))
			return false;
		f.len = (size_t) h[4] << 24 | (size_t) h[5] << 16 | (size_t) h[6] << 8 | h[7];
	}
	if (f.len >= sizeof(f.data) || !hear_n(fd, f.data, f.len))
		return false;
	f.data[f.len] = 0;
	return true;
}

static bool say_frame(int fd, int first, const void *data, size_t len)
{
	static uint8_t out[(1 << 17) + 14];
	static const uint8_t mask[4] = { 0x37, 0xfa, 0x21, 0x3d };      /* 5.7: of the example */
	size_t n = 0;

	out[n++] = (uint8_t) first;
	if (len < 126) {
		out[n++] = (uint8_t) (0x80 | len);
	} else if (len < 65536) {
		out[n++] = 0x80 | 126;
		out[n++] = (uint8_t) (len >> 8);
		out[n++] = (uint8_t) len;
	} else {
		out[n++] = 0x80 | 127;
		for (int i = 7; i >= 0; i--)
			out[n++] = (uint8_t) (len >> (8 * i));
	}
	memcpy(out + n, mask, 4);
	n += 4;
	for (size_t i = 0; i < len; i++)
		out[n++] = ((const uint8_t *) data)[i] ^ mask[i % 4];
	return say(fd, out, n);
}

static int open_ws(void)
{
	static char answer[4096];
	size_t n = 0;
	int fd = dial(t.port);

	if (!say_text(fd, HEAD KEY VERSION "\r\n"))
		return -1;
	/* Byte by byte: what follows the head is frames. */
	while (n < sizeof(answer) - 1 && recv(fd, answer + n, 1, 0) == 1) {
		answer[++n] = 0;
		if (n >= 4 && strcmp(answer + n - 4, "\r\n\r\n") == 0)
			break;
	}
	ok(strstr(answer, "HTTP/1.1 101 ") == answer);
	/* 1.3: the example of the standard */
	ok(strstr(answer, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
	ok(hear_frame(fd));
	is_int(f.opcode, 1);
	is_str(f.data, "welcome");
	return fd;
}

TEST(the_handshake_is_that_of_the_standard_and_messages_come_back)
{
	static char big[60000];

	must(begin());
	int fd = open_ws();
	/* 5.7: a single-frame masked text message, "Hello" */
	static const uint8_t hello[] = { 0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58 };
	must(say(fd, hello, sizeof(hello)));
	ok(hear_frame(fd));
	is_int(f.opcode, 1);
	is_str(f.data, "Hello");
	memset(big, 7, sizeof(big));
	must(say_frame(fd, 0x82, big, sizeof(big)));
	ok(hear_frame(fd));
	is_int(f.opcode, 2);
	is_int(f.len, sizeof(big));
	is_bytes(f.data, big, sizeof(big));
	/* 5.4: in fragments, a ping in between */
	must(say_frame(fd, 0x01, "Hel", 3) && say_frame(fd, 0x89, "p", 1) && say_frame(fd, 0x80, "lo", 2));
	ok(hear_frame(fd));
	is_int(f.opcode, 10);
	is_str(f.data, "p");
	ok(hear_frame(fd));
	is_str(f.data, "Hello");
	/* 5.5.1: closing */
	must(say_frame(fd, 0x88, "\x03\xe8" "bye", 5));
	ok(hear_frame(fd));
	is_int(f.opcode, 8);
	ok(wait_for(&t.closed, 1));
	is_int(t.code, 1000);
	close(fd);
	end();
}

TEST(frames_that_came_with_the_handshake_are_not_lost)
{
	static const char both[] = HEAD KEY VERSION "\r\n" "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
	static char answer[4096];

	must(begin());
	int fd = dial(t.port);
	must(say(fd, both, sizeof(both) - 1));
	ok(hear_until(fd, answer, sizeof(answer), "Hello"));
	close(fd);
	ok(wait_for(&t.closed, 1));
	is_int(t.code, WS_ABNORMAL);
	end();
}

TEST(what_is_not_a_handshake_is_not_one)                                /* 4.2.1 */
{
	static const char *const bad[] = {
		HEAD KEY "Sec-WebSocket-Version: 8\r\nConnection: close\r\n\r\n",
		HEAD VERSION "\r\n",
		HEAD "Sec-WebSocket-Key: c2hvcnQ=\r\n" VERSION "\r\n",
		"GET /ws HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\n" KEY VERSION "\r\n",
		"POST /ws HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 0\r\n" KEY VERSION "\r\n",
	};
	char answer[1000];

	must(begin());
	for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
		int fd = dial(t.port);
		must(say_text(fd, bad[i]));
		ok(hear_until(fd, answer, sizeof(answer), "\r\n\r\n"));
		ok(strstr(answer, "HTTP/1.1 426 ") == answer);
		close(fd);
	}
	end();
	is_int(t.refused, ELEMENTSOF(bad));
}

/* What the server says to these bytes: the code of its close frame. */
static int close_code(const void *bytes, size_t n)
{
	int fd = open_ws(), code = -1;

	if (say(fd, bytes, n))
		while (hear_frame(fd))
			if (f.opcode == 8) {
				code = f.len < 2 ? WS_NO_STATUS : (uint8_t) f.data[0] << 8 | (uint8_t) f.data[1];
				break;
			}
	close(fd);
	return code;
}

TEST(mistakes_of_the_peer_end_with_the_code_of_the_standard)
{
	static uint8_t huge[14 + 70000] = { 0x82, 0xff, 0, 0, 0, 0, 0, 1, 0x11, 0x70 };

	must(begin());
	is_int(close_code("\x81\x05Hello", 7), 1002);                                   /* 5.1: not masked */
	is_int(close_code("\x83\x80\0\0\0\0", 6), 1002);                                /* 5.2: reserved opcode */
	is_int(close_code("\xc1\x80\0\0\0\0", 6), 1002);                                /* 5.2: reserved bit */
	is_int(close_code("\x09\x80\0\0\0\0", 6), WS_NO_STATUS);                        /* 5.4: fragmented control frame; 7.1.1 */
	is_int(close_code("\x80\x80\0\0\0\0", 6), 1002);                                /* 5.4: continuation of nothing */
	is_int(close_code("\x81\x82\0\0\0\0\xc0\xaf", 8), 1007);                        /* 8.1: overlong UTF-8 */
	is_int(close_code(huge, sizeof(huge)), 1009);                                   /* 7.4.1: larger than we take */
	end();
	is_int(t.messages, 0);
}

TEST(the_server_closes_with_its_own_code_and_may_cut)
{
	must(begin());
	int fd = open_ws();
	must(say_frame(fd, 0x81, "close", 5));
	ok(hear_frame(fd));
	is_int(f.opcode, 8);
	is_bytes(f.data, "\x0f\xa0" "as you wish", 13);
	must(say_frame(fd, 0x88, "\x0f\xa0", 2));
	ok(wait_for(&t.closed, 1));
	is_int(t.code, 4000);
	is_int(recv(fd, &f, 1, 0), 0);
	close(fd);
	fd = open_ws();
	must(say_frame(fd, 0x81, "free", 4));
	ok(!hear_frame(fd));
	close(fd);
	end();
}

TEST(a_peer_that_reads_nothing_fills_its_cap_and_no_more)
{
	must(begin_with((struct ws_config) { .backlog_max = 100000 }));
	int fd = open_ws();
	must(say_frame(fd, 0x81, "flood", 5));
	/* All that the cap lets in comes, and then we are told. */
	must(wait_for(&t.flood, 10));
	for (int i = 0; i < 10; i++) {
		ok(hear_frame(fd));
		is_int(f.len, 10000);
	}
	ok(wait_for(&t.drained, 1));
	is_int(t.flood, 10);
	close(fd);
	end();
}

TEST(silence_is_answered_with_a_ping_and_then_with_the_end)
{
	must(begin_with((struct ws_config) { .ping_ms = 50 }));
	int fd = open_ws();
	ok(hear_frame(fd));
	is_int(f.opcode, 9);
	must(say_frame(fd, 0x8a, f.data, f.len));
	ok(hear_frame(fd));
	is_int(f.opcode, 9);
	ok(wait_for(&t.closed, 1));             /* no pong this time */
	is_int(t.code, WS_ABNORMAL);
	close(fd);
	end();
}

TEST(pings_without_end_do_not_fill_our_memory)
{
	must(begin());
	int fd = open_ws();
	struct timeval limit = { .tv_usec = 200000 };
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	char ping[125] = "";
	for (int i = 0; i < 400000 && !atomic_load(&t.closed); i++)
		if (!say_frame(fd, 0x89, ping, sizeof(ping)))
			break;
	/* Ended for it, or the kernel's buffers are full both ways and we read no more than we write. */
	close(fd);
	ok(wait_for(&t.closed, 1));
	end();
}

static atomic_int stopped;
static void on_stopped(void *ctx) { atomic_fetch_add(&stopped, 1); }
static void stop_server(void *arg) { http_server_stop(t.server, 5000, on_stopped, NULL); }

TEST(a_server_that_stops_says_goodbye)                                  /* 7.4.1: 1001 */
{
	atomic_store(&stopped, 0);
	must(begin());
	int fd = open_ws(), other = open_ws();
	call_in(&t.served, stop_server, NULL);
	ok(hear_frame(fd));
	is_int(f.opcode, 8);
	is_bytes(f.data, "\x03\xe9", 2);
	must(say_frame(fd, 0x88, "\x03\xe9", 2));
	close(fd);
	close(other);
	ok(wait_for(&stopped, 1));
	end();
}

TEST(the_websockets_package_of_python_agrees)
{
	static const char script[] =
		"import asyncio,sys,websockets\n"
		"async def main():\n"
		"  async with websockets.connect('ws://127.0.0.1:'+sys.argv[1]+'/ws') as w:\n"
		"    assert await w.recv()=='welcome'\n"
		"    for m in ['x', 'ü'*1000, b'\\x00\\xff'*20000, '']:\n"
		"      await w.send(m)\n"
		"      assert await w.recv()==m\n"
		"    await w.ping()\n"
		"asyncio.run(main())\n";
	char command[2000];

	if (system("python3 -c 'import websockets' 2>/dev/null") != 0)
		skip("python has no websockets");
	must(begin());
	snprintf(command, sizeof(command), "python3 -c \"%s\" %u", script, t.port);
	is_int(system(command), 0);
	ok(wait_for(&t.closed, 1));
	is_int(t.code, 1000);
	end();
}
