/* Tests of tls.h. Peer: the command line of OpenSSL in test/e2e; here both ends are ours, over real sockets, with wires that harm. */
#include "io/io.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "sys/sys.h"
#include "tap.h"

struct end {
	struct chain *c;
	struct buf got;
	int opened, closed, drained;
	struct err why;
	bool echo, free_in_open, free_in_data;
};
static struct loop *l;
static struct listener *listener;
static struct end server, client;
static struct tls *server_tls, *client_tls;
static struct chain_fault *server_fault;
static uint32_t handshake_ms;
static char folder[64], cert[96], key[96];
static struct tls_cert made;

static void on_open(void *ctx, struct chain *c)
{
	struct end *e = ctx;

	e->opened++;
	if (e->free_in_open)
		e->c = chain_free(e->c);
}
static void on_drain(void *ctx, struct chain *c) { ((struct end *) ctx)->drained++; }
static void on_data(void *ctx, struct chain *c, const uint8_t *bytes, size_t n)
{
	struct end *e = ctx;

	buf_addn(&e->got, bytes, n);
	if (e->echo)
		chain_send(c, bytes, n);
	if (e->free_in_data)
		e->c = chain_free(e->c);
}
static void on_close(void *ctx, struct chain *c, const struct err *why)
{
	struct end *e = ctx;

	e->closed++;
	e->why = *why;
}
static const struct chain_events events = { .on_open = on_open, .on_data = on_data, .on_drain = on_drain, .on_close = on_close };

static void on_accept(void *ctx, struct chain *c)
{
	chain_free(server.c);
	server.c = c;
	chain_set_events(c, &events, &server);
	if (server_fault)
		chain_add_fault(c, server_fault);
	if (server_tls)
		chain_add_tls(c, &(struct chain_tls) { .tls = server_tls, .plain_answer = "HTTP/1.1 400 Bad Request\r\n\r\nuse https\n",
			.handshake_ms = handshake_ms });
	if (chain_open(c) < 0)
		server.c = chain_free(c);
}

static int path_in(char *to, size_t size, const char *name) { return path_join(to, size, folder, name) ? 0 : -1; }

static bool begin(void)
{
	static const char *const names[] = { "plc-1", "127.0.0.1", NULL };
	struct buf dir = BUF_FIXED(folder);

	memset(&server, 0, sizeof(server));
	memset(&client, 0, sizeof(client));
	server.got = client.got = BUF_INIT(&sys_heap, 64 << 20);
	server_fault = NULL;
	handshake_ms = 0;
	folder[0] = 0;
	return dir_temp("/tmp", "tls", &dir) == 0 && path_in(cert, sizeof(cert), "cert.pem") == 0 && path_in(key, sizeof(key), "key.pem") == 0 &&
		tls_cert_make(cert, key, names) == 0 && tls_cert_read(cert, &made) == 0 &&
		tls_new(&(struct tls_config) { .server = true, .cert = cert, .key = key, .alpn = "http/1.1" }, &server_tls) == 0 &&
		loop_new("test", &l) == 0 && listener_new(l, &(struct listener_config) { .on_accept = on_accept }, &listener) == 0;
}

static void end(void)
{
	server.c = chain_free(server.c);
	client.c = chain_free(client.c);
	listener = listener_free(listener);
	l = loop_free(l);
	server_tls = tls_unref(server_tls);
	client_tls = tls_unref(client_tls);
	buf_done(&server.got);
	buf_done(&client.got);
	dir_remove(folder);
}

/* A client's chain to the server; `c` NULL: without TLS. */
static int dial(const struct tls_config *c, const char *name)
{
	int r = chain_new(l, &events, &client, &client.c);

	if (r == 0)
		r = chain_add_tcp(client.c, &(struct chain_tcp) { .host = "127.0.0.1", .port = listener_port(listener) });
	if (r == 0 && c)
		r = tls_new(c, &client_tls);
	if (r == 0 && c)
		r = chain_add_tls(client.c, &(struct chain_tls) { .tls = client_tls, .name = name });
	return r < 0 ? r : chain_open(client.c);
}

#define until(cond) ({                                                                                                  \
	int64_t deadline_ = clock_deadline(10000);                                                                      \
	while (!(cond) && clock_mono_ns() < deadline_)                                                                  \
		loop_step(l, 50);                                                                                       \
	(cond); })

TEST(bytes_go_both_ways_and_both_ends_know_whom_they_speak_to)
{
	struct tls_peer p;
	char big[300000];
	size_t sent = 0;

	must(begin());
	memset(big, 'x', sizeof(big));
	server.echo = true;
	is_int(dial(&(struct tls_config) { .ca = cert, .alpn = "http/1.1" }, "plc-1"), 0);
	is_int(client.opened, 0);
	ok(until(client.opened && server.opened));
	ok(chain_tls_peer(client.c, &p));
	is_str(p.version, "TLSv1.3");
	is_str(p.alpn, "http/1.1");
	is_str(p.fingerprint, made.fingerprint);
	ok(str_find(p.subject, "CN=plc-1"));
	is_str(p.role, "");
	ok(chain_tls_peer(server.c, &p));
	is_str(p.fingerprint, "");
	/* More than a record, than the buffers of the kernel: in pieces, as the cap lets it. */
	while (sent < sizeof(big)) {
		size_t n = MIN(sizeof(big) - sent, (size_t) 30000);

		if (chain_send(client.c, big + sent, n) == 0)
			sent += n;
		else {
			err_clear();
			client.drained = 0;
			must(until(client.drained || client.closed));
		}
	}
	ok(until(client.got.len == sizeof(big) || client.closed));
	is_int(client.got.len, sizeof(big));
	ok(memcmp(client.got.data, big, sizeof(big)) == 0);
	/* An orderly end is one on the other side, too. */
	server.c = chain_free(server.c);
	ok(until(client.closed));
	is_int(client.why.kind, ERR_NONE);
	end();
}

TEST(finishing_says_goodbye_behind_the_last_byte)
{
	must(begin());
	is_int(dial(&(struct tls_config) { .ca = cert }, "127.0.0.1"), 0);
	ok(until(client.opened && server.opened));
	is_int(chain_send(client.c, "last words", 10), 0);
	chain_finish(client.c, 5000);
	ok(until(server.closed));
	is_str(server.got.data, "last words");
	is_int(server.why.kind, ERR_NONE);
	server.c = chain_free(server.c);
	ok(until(client.closed));
	is_int(client.closed, 1);
	end();
}

TEST(a_session_is_resumed_when_the_chain_is_opened_again)
{
	struct tls_peer p;

	must(begin());
	server.echo = true;
	is_int(dial(&(struct tls_config) { .fingerprint = made.fingerprint }, NULL), 0);
	ok(until(client.opened == 1));
	ok(chain_tls_peer(client.c, &p) && !p.resumed);
	is_int(chain_send(client.c, "x", 1), 0);
	ok(until(client.got.len == 1));         /* the ticket comes before it */
	for (int i = 2; i <= 4; i++) {
		chain_close(client.c);
		is_int(chain_open(client.c), 0);
		ok(until(client.opened == i));
		ok(chain_tls_peer(client.c, &p) && p.resumed);
		is_str(p.fingerprint, made.fingerprint);
		is_int(chain_send(client.c, "x", 1), 0);
		ok(until(client.got.len == (size_t) i));
	}
	end();
}

/* Who is not trusted, and why. */
static const char *refusal(const struct tls_config *c, const char *name)
{
	static char text[400];
	struct buf b = BUF_FIXED(text);

	client.closed = client.opened = 0;
	if (dial(c, name) < 0)
		return "not begun";
	if (!until(client.closed || client.opened) || client.opened)
		return "trusted";
	text[0] = 0;
	err_text(&client.why, LANG_EN, &b);
	client.c = chain_free(client.c);
	client_tls = tls_unref(client_tls);
	return text;
}

TEST(a_peer_that_is_not_who_it_should_be_is_named_and_hears_nothing)
{
	static const char *const names[] = { "plc-1", NULL };
	char other[96], other_key[96];
	struct tls_cert foreign;

	must(begin());
	must(path_in(other, sizeof(other), "other.pem") == 0 && path_in(other_key, sizeof(other_key), "other.key") == 0);
	must(tls_cert_make(other, other_key, names) == 0 && tls_cert_read(other, &foreign) == 0);
	ok(str_find(refusal(&(struct tls_config) { .ca = other }, "plc-1"), "comes from nobody we trust"));
	ok(str_find(refusal(&(struct tls_config) { 0 }, "plc-1"), "comes from nobody we trust"));
	ok(str_find(refusal(&(struct tls_config) { .ca = cert }, "plc-2"), "is for another name"));
	ok(str_find(refusal(&(struct tls_config) { .ca = cert }, "127.0.0.2"), "is for another name"));
	ok(str_find(refusal(&(struct tls_config) { .fingerprint = foreign.fingerprint }, NULL), "has another fingerprint"));
	ok(str_find(refusal(&(struct tls_config) { .ca = other, .fingerprint = made.fingerprint }, NULL), "comes from nobody we trust"));
	is_int(server.got.len, 0);
	/* What cannot be meant. */
	is_int(dial(&(struct tls_config) { 0 }, NULL), -ERR_INVALID);
	client.c = chain_free(client.c);
	client_tls = tls_unref(client_tls);
	is_int(dial(&(struct tls_config) { .fingerprint = "abc" }, NULL), -ERR_INVALID);
	err_clear();
	end();
}

TEST(a_client_without_certificate_is_refused_where_one_is_wanted)
{
	struct tls_peer p;

	must(begin());
	server_tls = tls_unref(server_tls);
	must(tls_new(&(struct tls_config) { .server = true, .cert = cert, .key = key, .ca = cert }, &server_tls) == 0);
	is_int(dial(&(struct tls_config) { .ca = cert }, "plc-1"), 0);
	/* TLS 1.3: the client is through before the server has looked. */
	ok(until(server.closed && client.closed));
	is_int(server.opened, 0);
	is_str(err_arg(&server.why, "detail"), "@tls_no_client_cert");
	is_str(err_arg(&client.why, "detail"), "@tls_refused_us");
	client.c = chain_free(client.c);
	client_tls = tls_unref(client_tls);
	client.opened = client.closed = server.opened = 0;
	is_int(dial(&(struct tls_config) { .ca = cert, .cert = cert, .key = key }, "plc-1"), 0);
	ok(until(client.opened && server.opened));
	ok(chain_tls_peer(server.c, &p));
	is_str(p.fingerprint, made.fingerprint);
	end();
}

TEST(who_speaks_http_without_tls_is_told_so_and_garbage_is_closed)
{
	must(begin());
	is_int(dial(NULL, NULL), 0);
	ok(until(client.opened));
	is_int(chain_send(client.c, "GET / HTTP/1.1\r\n\r\n", 18), 0);
	ok(until(client.closed));
	ok(str_find(client.got.data, "use https"));
	is_int(client.why.kind, ERR_NONE);
	client.c = chain_free(client.c);
	ok(until(server.closed));
	is_int(server.opened, 0);
	server.closed = client.closed = client.opened = 0;
	is_int(dial(NULL, NULL), 0);
	ok(until(client.opened));
	is_int(chain_send(client.c, "\x16\x03\x01\x00\x04""abcd", 9), 0);
	ok(until(client.closed && server.closed));
	is_int(server.opened, 0);
	is_int(server.why.kind, ERR_PEER);
	end();
}

TEST(a_handshake_that_does_not_come_to_an_end_is_ended)
{
	must(begin());
	handshake_ms = 50;
	is_int(dial(NULL, NULL), 0);
	ok(until(server.closed));
	is_int(server.why.kind, ERR_TIMEOUT);
	is_int(server.opened, 0);
	end();
}

TEST(wires_that_harm_end_the_connection_and_never_deliver_other_bytes)
{
	struct chain_fault f = { 0 };

	must(begin());
	server_fault = &f;
	/* Received in pieces of one byte: nothing else changes. */
	f.split_in = 1;
	server.echo = true;
	is_int(dial(&(struct tls_config) { .ca = cert }, "plc-1"), 0);
	ok(until(client.opened && server.opened));
	is_int(chain_send(client.c, "whole", 5), 0);
	ok(until(client.got.len == 5));
	is_str(server.got.data, "whole");
	client.c = chain_free(client.c);
	client_tls = tls_unref(client_tls);
	f.split_in = 0;
	for (uint64_t at = 1; at < 1200; at += 97) {
		buf_clear(&server.got);
		client.opened = client.closed = server.opened = server.closed = 0;
		f.flip_in = at;
		is_int(dial(&(struct tls_config) { .ca = cert }, "plc-1"), 0);
		ok(until(client.opened || client.closed || server.closed));
		if (client.opened && chain_send(client.c, "0123456789012345678901234567890123456789", 40) < 0)
			err_clear();
		ok(until(server.closed || server.got.len));
		ok(server.got.len == 0 || (server.got.len == 40 && str_eq(server.got.data, "0123456789012345678901234567890123456789")));
		client.c = chain_free(client.c);
		client_tls = tls_unref(client_tls);
	}
	/* Cut in the middle of what the user said: no orderly end. */
	f = (struct chain_fault) { 0 };
	client.opened = client.closed = server.opened = server.closed = 0;
	is_int(dial(&(struct tls_config) { .ca = cert }, "plc-1"), 0);
	ok(until(client.opened && server.opened));
	server.c = chain_free(server.c);
	ok(until(client.closed));
	end();
}

TEST(a_chain_may_be_freed_from_within_its_callbacks)
{
	must(begin());
	client.free_in_open = true;
	is_int(dial(&(struct tls_config) { .ca = cert }, "plc-1"), 0);
	ok(until(client.opened && server.closed));
	ok(!client.c);
	client_tls = tls_unref(client_tls);
	client.free_in_open = false;
	server.closed = server.opened = client.opened = 0;
	server.free_in_data = true;
	is_int(dial(&(struct tls_config) { .ca = cert }, "plc-1"), 0);
	ok(until(client.opened && server.opened));
	is_int(chain_send(client.c, "x", 1), 0);
	ok(until(client.closed));
	ok(!server.c);
	end();
}

TEST(a_file_that_is_no_certificate_is_named_with_what_is_wrong)
{
	static const char *const names[] = { "plc-1", NULL };
	struct tls *t = NULL;
	struct tls_cert c;
	char other[96], other_key[96], rubbish[96], fifo[96];

	must(begin());
	must(path_in(other, sizeof(other), "other.pem") == 0 && path_in(other_key, sizeof(other_key), "other.key") == 0 &&
		path_in(rubbish, sizeof(rubbish), "rubbish.pem") == 0);
	must(tls_cert_make(other, other_key, names) == 0 && file_write(rubbish, "hello\n", 6, 0600) == 0);
	is_int(tls_new(&(struct tls_config) { .server = true, .cert = "/nonexistent.pem", .key = key }, &t), -ERR_CONFIG_FILE);
	is_str(err_arg(err_peek(), "rule"), "@tls_unreadable");
	is_int(tls_new(&(struct tls_config) { .server = true, .cert = rubbish, .key = key }, &t), -ERR_CONFIG_FILE);
	is_str(err_arg(err_peek(), "rule"), "@tls_no_cert");
	is_int(tls_new(&(struct tls_config) { .server = true, .cert = cert, .key = rubbish }, &t), -ERR_CONFIG_FILE);
	is_str(err_arg(err_peek(), "rule"), "@tls_no_key");
	is_int(tls_new(&(struct tls_config) { .server = true, .cert = cert, .key = other_key }, &t), -ERR_CONFIG_FILE);
	is_str(err_arg(err_peek(), "rule"), "@tls_other_key");
	is_int(tls_new(&(struct tls_config) { .ca = rubbish }, &t), -ERR_CONFIG_FILE);
	is_int(tls_cert_read(rubbish, &c), -ERR_CONFIG_FILE);
	/* A pipe that nobody writes into, as /dev/fd names those of the process itself: it is not waited for. */
	must(path_in(fifo, sizeof(fifo), "fifo") == 0 && mkfifo(fifo, 0600) == 0);
	is_int(tls_new(&(struct tls_config) { .ca = fifo }, &t), -ERR_CONFIG_FILE);
	is_str(err_arg(err_peek(), "rule"), "@tls_unreadable");
	is_int(tls_new(&(struct tls_config) { .cert = cert, .key = fifo }, &t), -ERR_CONFIG_FILE);
	is_int(tls_new(&(struct tls_config) { .cert = "/dev/zero", .key = key }, &t), -ERR_CONFIG_FILE);
	ok(!t);
	ok(made.self_signed && made.until_ns > clock_now_ns() + INT64_C(3649) * 24 * 3600 * NS_PER_S);
	ok(made.from_ns < clock_now_ns());
	end();
}
