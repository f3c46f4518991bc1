/* Tests of chain.h: both ends on one loop, real sockets; a pseudo terminal for the serial line. */
#include "io/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "sys/sys.h"
#include "tap.h"

/* One end: what happened to it. */
struct end {
	struct chain *c;
	struct buf got;
	int opened, closed, drained, pieces;
	size_t largest;
	struct err why;
	bool echo, free_in_data, close_in_data, free_in_close;
};
static struct loop *l;
static struct listener *listener;
static struct end server, client;
static struct chain_fault *server_fault;

static void on_open(void *ctx, struct chain *c) { ((struct end *) ctx)->opened++; }
static void on_drain(void *ctx, struct chain *c) { ((struct end *) ctx)->drained++; }
static void on_data(void *ctx, struct chain *c, const uint8_t *bytes, size_t n)
{
	struct end *e = ctx;

	buf_addn(&e->got, bytes, n);
	e->pieces++;
	e->largest = MAX(e->largest, n);
	if (e->echo)
		chain_send(c, bytes, n);
	if (e->free_in_data)
		e->c = chain_free(e->c);
	else if (e->close_in_data)
		chain_close(c);
}
static void on_close(void *ctx, struct chain *c, const struct err *why)
{
	struct end *e = ctx;

	e->closed++;
	e->why = *why;
	if (e->free_in_close)
		e->c = chain_free(e->c);
}
static const struct chain_events events = { .on_open = on_open, .on_data = on_data, .on_drain = on_drain, .on_close = on_close };

static void on_accept(void *ctx, struct chain *c)
{
	chain_free(server.c);
	server.c = c;
	chain_set_events(c, &events, &server);
	if (server_fault)
		chain_add_fault(c, server_fault);
	if (chain_open(c) < 0)
		server.c = chain_free(c);
}

static bool begin(void)
{
	memset(&server, 0, sizeof(server));
	memset(&client, 0, sizeof(client));
	server.got = client.got = BUF_INIT(&sys_heap, 64 << 20);
	server_fault = NULL;
	return loop_new("test", &l) == 0 &&
		listener_new(l, &(struct listener_config) { .on_accept = on_accept }, &listener) == 0 &&
		chain_new(l, &events, &client, &client.c) == 0;
}

static void end(void)
{
	server.c = chain_free(server.c);
	client.c = chain_free(client.c);
	listener = listener_free(listener);
	l = loop_free(l);
	buf_done(&server.got);
	buf_done(&client.got);
}

static int dial_server(void)
{
	return chain_add_tcp(client.c, &(struct chain_tcp) { .host = "127.0.0.1", .port = listener_port(listener) });
}

/* Runs the loop until the condition holds; false after 10 s. */
#define until(cond) ({                                                                                                  \
	int64_t deadline_ = clock_deadline(10000);                                                                      \
	while (!(cond) && clock_mono_ns() < deadline_)                                                                  \
		loop_step(l, 50);                                                                                       \
	(cond); })

TEST(bytes_go_both_ways_and_the_end_is_told_once)
{
	must(begin());
	server.echo = true;
	is_int(dial_server(), 0);
	is_int(chain_send(client.c, "early", 5), -ERR_PEER);
	is_int(chain_open(client.c), 0);
	is_int(client.opened, 0);               /* never before chain_open() returned */
	ok(until(client.opened && server.opened));
	ok(chain_is_open(client.c));
	is_int(chain_send(client.c, "hello", 5), 0);
	ok(until(client.got.len == 5));
	is_str(client.got.data, "hello");
	ok(strncmp(chain_peer(server.c), "127.0.0.1:", 10) == 0);
	server.c = chain_free(server.c);
	ok(until(client.closed));
	is_int(client.closed, 1);
	is_int(client.why.kind, ERR_NONE);
	ok(!chain_is_open(client.c));
	/* The same chain again. */
	is_int(chain_open(client.c), 0);
	ok(until(client.opened == 2));
	is_int(chain_open(client.c), -ERR_BROKEN);
	chain_close(client.c);
	ok(until(server.closed));
	is_int(client.closed, 1);
	end();
}

TEST(a_refused_connection_and_an_unknown_name_are_told_with_their_reason)
{
	char want[200];

	must(begin());
	uint16_t port = listener_port(listener);
	listener = listener_free(listener);
	must(chain_add_tcp(client.c, &(struct chain_tcp) { .host = "127.0.0.1", .port = port }) == 0);
	is_int(chain_open(client.c), 0);
	ok(until(client.closed));
	snprintf(want, sizeof(want), "127.0.0.1:%u: the connection is refused", port);
	is_str(err_log_text(&client.why), want);
	is_int(client.why.kind, ERR_PEER);
	client.c = chain_free(client.c);
	must(chain_new(l, &events, &client, &client.c) == 0);
	/* RFC 6761 6.4: this name never exists. */
	must(chain_add_tcp(client.c, &(struct chain_tcp) { .host = "plc.invalid", .port = 502, .connect_ms = 8000 }) == 0);
	is_int(chain_open(client.c), 0);
	ok(until(client.closed == 2));
	ok(client.why.kind == ERR_PEER || client.why.kind == ERR_TIMEOUT);
	/* Freed while it is still looking. */
	is_int(chain_open(client.c), 0);
	client.c = chain_free(client.c);
	loop_step(l, 20);
	is_int(client.closed, 2);
	end();
}

TEST(a_name_is_resolved)
{
	must(begin());
	must(chain_add_tcp(client.c, &(struct chain_tcp) { .host = "localhost", .port = listener_port(listener) }) == 0);
	is_int(chain_open(client.c), 0);
	ok(until(client.opened || client.closed));
	is_int(client.opened, 1);
	end();
}

TEST(a_connection_that_nobody_answers_is_given_up_at_its_deadline)
{
	/* A listening socket whose queue is full drops further SYNs: Linux, net/ipv4/tcp_input.c tcp_conn_request. */
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), filler[4];

	must(begin());
	must(listen(fd, 0) == 0 && getsockname(fd, (struct sockaddr *) &a, &len) == 0);
	uint16_t port = (uint16_t) (((uint8_t *) &a)[2] << 8 | ((uint8_t *) &a)[3]);
	for (int i = 0; i < 4; i++) {
		filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (connect(filler[i], (struct sockaddr *) &a, len) < 0 && errno != EINPROGRESS)
			break;
	}
	must(chain_add_tcp(client.c, &(struct chain_tcp) { .host = "127.0.0.1", .port = port, .connect_ms = 200 }) == 0);
	int64_t began = clock_mono_ns();
	is_int(chain_open(client.c), 0);
	ok(until(client.closed));
	is_int(client.why.kind, ERR_TIMEOUT);
	ok(clock_mono_ns() - began >= 200 * NS_PER_MS);
	for (int i = 0; i < 4; i++)
		close(filler[i]);
	close(fd);
	end();
}

TEST(sending_is_bounded_and_the_end_of_the_backlog_is_told)
{
	static char chunk[64 << 10];
	int sent = 0;

	must(begin());
	must(dial_server() == 0 && chain_open(client.c) == 0);
	ok(until(client.opened && server.opened));
	chain_pause(server.c, true);
	chain_set_backlog_max(client.c, 256 << 10);
	memset(chunk, 'x', sizeof(chunk));
	while (sent < 10000 && chain_send(client.c, chunk, sizeof(chunk)) == 0)
		sent++;
	ok(sent < 10000);
	is_int(chain_send(client.c, chunk, sizeof(chunk)), -ERR_BUSY);
	ok(chain_backlog(client.c) <= 256 << 10);
	is_int(client.drained, 0);
	chain_pause(server.c, false);
	ok(until(client.drained));
	ok(until(server.got.len == (size_t) sent * sizeof(chunk)));
	is_int(client.drained, 1);
	is_int(chain_backlog(client.c), 0);
	/* A message larger than the cap still goes when nothing waits. */
	chain_set_backlog_max(client.c, 10);
	is_int(chain_send(client.c, "more than ten bytes", 19), 0);
	end();
}

TEST(what_waits_is_sent_before_the_end)
{
	static char chunk[3 << 20];

	must(begin());
	must(dial_server() == 0 && chain_open(client.c) == 0);
	ok(until(client.opened && server.opened));
	chain_set_backlog_max(client.c, sizeof(chunk));
	is_int(chain_send(client.c, chunk, sizeof(chunk)), 0);
	chain_finish(client.c, 10000);
	ok(until(server.closed));
	is_int(server.got.len, sizeof(chunk));
	is_int(server.why.kind, ERR_NONE);
	server.c = chain_free(server.c);
	ok(until(client.closed));
	end();
}

TEST(a_chain_may_be_freed_or_closed_in_its_own_callbacks)
{
	for (int round = 0; round < 3; round++) {
		must(begin());
		must(dial_server() == 0 && chain_open(client.c) == 0);
		ok(until(client.opened && server.opened));
		client.free_in_data = round == 0;
		client.close_in_data = round == 1;
		client.free_in_close = round == 2;
		is_int(chain_send(server.c, "x", 1), 0);
		if (round == 2)
			chain_finish(server.c, 1000);
		ok(until(server.closed));
		is_int(client.closed, round == 2);
		ok((client.c == NULL) == (round != 1));
		end();
	}
}

TEST(a_trace_sees_what_passes)
{
	must(begin());
	server.echo = true;
	is_int(dial_server(), 0);
	struct buf seen = BUF_INIT(&sys_heap, 1000);
	void see(void *ctx, bool sent, const uint8_t *bytes, size_t n);
	is_int(chain_add_trace(client.c, &(struct chain_trace) { .on_bytes = see, .ctx = &seen }), 0);
	is_int(chain_open(client.c), 0);
	ok(until(client.opened));
	is_int(chain_send(client.c, "ab", 2), 0);
	ok(until(client.got.len == 2));
	is_str(seen.data, ">ab<ab");
	buf_done(&seen);
	end();
}
void see(void *ctx, bool sent, const uint8_t *bytes, size_t n);
void see(void *ctx, bool sent, const uint8_t *bytes, size_t n)
{
	buf_addc(ctx, sent ? '>' : '<');
	buf_addn(ctx, bytes, n);
}

/* The client behind a fault sends "0123456789" and hears its echo. */
static void with_fault(const struct chain_fault *f)
{
	server.echo = true;
	must(dial_server() == 0 && chain_add_fault(client.c, f) == 0);
	is_int(chain_open(client.c), 0);
	if (f->refuse)
		return;
	ok(until(client.opened && server.opened));
	is_int(chain_send(client.c, "0123", 4), 0);
	is_int(chain_send(client.c, "456789", 6), 0);
}

TEST(faults_do_what_they_say)
{
	must(begin());
	with_fault(&(struct chain_fault) { .refuse = true });
	ok(until(client.closed));
	is_int(client.opened, 0);
	end();

	must(begin());
	with_fault(&(struct chain_fault) { .flip_out = 6, .drop_in = 2 });
	ok(until(client.got.len == 9));
	is_str(server.got.data, "0123446789");  /* the sixth byte: '5' ^ 1 */
	is_str(client.got.data, "023446789");   /* the second byte is lost on the way back */
	end();

	must(begin());
	with_fault(&(struct chain_fault) { .split_in = 3, .delay_in_ms = 20 });
	int64_t began = clock_mono_ns();
	ok(until(client.got.len == 10));
	is_str(client.got.data, "0123456789");
	ok(client.largest <= 3 && client.pieces >= 4);
	ok(clock_mono_ns() - began >= 20 * NS_PER_MS);
	end();

	must(begin());
	with_fault(&(struct chain_fault) { .cut_after_out = 7 });
	ok(until(client.closed && server.closed));
	is_str(server.got.data, "0123456");
	ok(strstr(err_log_text(&client.why), "cut by a fault"));
	end();

	must(begin());
	with_fault(&(struct chain_fault) { .cut_after_in = 5 });
	ok(until(client.closed));
	is_str(client.got.data, "01234");
	end();

	must(begin());
	with_fault(&(struct chain_fault) { .mute_in = true });
	ok(until(server.got.len == 10));
	loop_step(l, 10);
	is_int(client.got.len, 0);
	end();

	must(begin());
	with_fault(&(struct chain_fault) { .mute_out = true });
	loop_step(l, 10);
	is_int(server.got.len, 0);
	end();
}

TEST(a_listener_accepts_no_more_than_its_cap_until_one_ends)
{
	struct end e[3] = { 0 };

	must(begin());
	listener = listener_free(listener);
	must(listener_new(l, &(struct listener_config) { .on_accept = on_accept, .max_chains = 1 }, &listener) == 0);
	for (int i = 0; i < 2; i++) {
		e[i].got = BUF_INIT(&sys_heap, 100);
		must(chain_new(l, &events, &e[i], &e[i].c) == 0);
		must(chain_add_tcp(e[i].c, &(struct chain_tcp) { .host = "127.0.0.1", .port = listener_port(listener) }) == 0);
		must(chain_open(e[i].c) == 0);
		ok(until(e[i].opened));         /* by the kernel's queue */
	}
	ok(until(server.opened == 1));
	for (int i = 0; i < 5; i++)
		loop_step(l, 1);
	is_int(server.opened, 1);
	server.c = chain_free(server.c);
	ok(until(server.opened == 2));
	for (int i = 0; i < 2; i++) {
		chain_free(e[i].c);
		buf_done(&e[i].got);
	}
	/* A listener may end before its chains. */
	listener = listener_free(listener);
	ok(until(server.closed));
	end();
}

TEST(a_local_socket_is_an_address_and_its_leftover_is_replaced)
{
	char path[100], dir[] = "/tmp/tenon-chain-XXXXXX";

	must(begin());
	must(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	for (int i = 0; i < 2; i++) {
		listener = listener_free(listener);
		must(listener_new(l, &(struct listener_config) { .address = path, .on_accept = on_accept }, &listener) == 0);
	}
	must(chain_add_tcp(client.c, &(struct chain_tcp) { .host = path }) == 0);
	is_int(chain_open(client.c), 0);
	ok(until(client.opened && server.opened));
	struct listener *second = NULL;
	is_int(listener_new(l, &(struct listener_config) { .address = path, .on_accept = on_accept }, &second), -ERR_LOCKED);
	err_clear();
	unlink(path);
	rmdir(dir);
	end();
}

TEST(a_serial_line_carries_every_byte_value)
{
	int pty = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	char all[256], got[256] = "";
	size_t n = 0;
	struct termios t;

	must(begin());
	must(pty >= 0 && grantpt(pty) == 0 && unlockpt(pty) == 0);
	is_int(chain_add_serial(client.c, &(struct chain_serial) { .device = "/dev/x", .baud = 12345 }), -ERR_BAD_ARGUMENT);
	is_int(chain_add_serial(client.c, &(struct chain_serial) { .device = ptsname(pty), .baud = 19200, .parity = 'E' }), 0);
	is_int(chain_open(client.c), 0);
	ok(until(client.opened));
	struct chain *second = NULL;
	must(chain_new(l, &events, &client, &second) == 0);
	is_int(chain_add_serial(second, &(struct chain_serial) { .device = ptsname(pty), .baud = 9600 }), 0);
	is_int(chain_open(second), -ERR_PEER);         /* a line has one master */
	is_str(err_arg(err_peek(), "detail"), "@net_busy");
	err_clear();
	second = chain_free(second);
	tcgetattr(pty, &t);
	is_int(cfgetospeed(&t), B19200);
	ok(!(t.c_lflag & (ICANON | ECHO | ISIG)) && !(t.c_oflag & OPOST));  /* a pseudo terminal has no parity to ask for */
	for (int i = 0; i < 256; i++)
		all[i] = (char) i;
	is_int(chain_send(client.c, all, 256), 0);
	ok(until(({ ssize_t r = read(pty, got + n, 256 - n); n += r > 0 ? (size_t) r : 0; n == 256; })));
	is_bytes(got, all, 256);
	is_int(write(pty, all, 256), 256);
	ok(until(client.got.len == 256));
	is_bytes(client.got.data, all, 256);
	close(pty);
	ok(until(client.closed));               /* unplugged */
	client.c = chain_free(client.c);
	must(chain_new(l, &events, &client, &client.c) == 0);
	is_int(chain_add_serial(client.c, &(struct chain_serial) { .device = "/dev/no-such-line", .baud = 9600 }), 0);
	is_int(chain_open(client.c), -ERR_MISSING);
	err_clear();
	end();
}
