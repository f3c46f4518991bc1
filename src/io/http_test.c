/*
 * Tests of http.h: a plain socket says bytes and reads bytes. Expected behaviour is that of RFC 9110 and RFC 9112, section in brackets;
 * curl and python's http.client are asked in test/e2e.
 */
#include "io/served_test.h"

#include "tap.h"

enum { LIMIT = 1000 };

/* The server under test answers by path. */
static struct {
	struct served served;
	struct http_server *server;
	struct work_pool *pool;
	uint16_t port;
	atomic_int requests, gone, done, filled, source_done, heads;
	atomic_int last_status, last_gone;
	struct http_exchange *held;
	struct http_config config;
} t;

struct job { struct work work; struct http_exchange *x; atomic_int *go; };
static atomic_int go;

static void text(struct http_exchange *x, int status, const char *s)
{
	const struct http_field f[] = { { "Content-Type", "text/plain" }, { "X-Bad", "a\r\nX-Injected: 1" } };

	http_reply(x, &(struct http_reply) { .status = status, .fields = f, .n_fields = 2, .body = s, .len = strlen(s) });
}

static int run_job(struct work *w, void *worker)
{
	struct job *j = CONTAINER_OF(w, struct job, work);

	while (j->go && !atomic_load(j->go) && !work_is_cancelled(w))
		poll(NULL, 0, 1);
	return 0;
}
static void job_done(struct work *w)
{
	struct job *j = CONTAINER_OF(w, struct job, work);

	text(j->x, 200, "from a worker");
	free(j);
}

struct count { size_t left; bool fail; char c; };
static int fill(void *ctx, struct buf *out, size_t room, void *worker)
{
	struct count *c = ctx;
	size_t n = MIN(room, c->left);

	atomic_fetch_add(&t.filled, 1);
	for (size_t i = 0; i < n; i++)
		buf_addc(out, (char) ('a' + (c->left - i) % 26));
	c->left -= n;
	return c->left ? HTTP_MORE : c->fail ? -ERR_BROKEN : HTTP_END;
}
static void fill_done(void *ctx) { atomic_fetch_add(&t.source_done, 1); free(ctx); }

static struct { struct http_exchange *x; atomic_int events, ended; } tail;
static int fill_tail(void *ctx, struct buf *out, size_t room, void *worker)
{
	static int said;
	int events = atomic_load(&tail.events);

	if (events == 0)
		said = 0;
	for (; said < events; said++)
		buf_addf(out, "event %d\n", said + 1);
	return events >= 3 ? HTTP_END : HTTP_WAIT;
}
static void tail_done(void *ctx) { atomic_fetch_add(&tail.ended, 1); }

static int64_t on_head(void *ctx, struct http_exchange *x)
{
	atomic_fetch_add(&t.heads, 1);
	if (strcmp(http_path(x), "/refuse") == 0)
		text(x, 403, "refused");
	return strcmp(http_path(x), "/small") == 0 ? 10 : strcmp(http_path(x), "/large") == 0 ? 400000 : LIMIT;
}

static bool is_known(void *ctx, struct http_exchange *x) { return strcmp(http_query(x), "stranger") != 0; }

static void answer_facts(struct http_exchange *x)
{
	char out[2000];
	size_t len;
	const char *body = http_body(x, &len), *host = http_header(x, "host"), *cookie = http_cookie(x, "sid");
	int n = snprintf(out, sizeof(out), "%s|%s|%s|%s|%s|%zu:%.100s|%s|%d", http_method(x), http_target(x), http_path(x), http_query(x),
		host ? host : "-", len, body, cookie ? cookie : "-", (int) http_is_loopback(x));

	http_reply(x, &(struct http_reply) { .status = 200, .body = out, .len = (size_t) n });
}

static void stream(struct http_exchange *x, size_t len, bool on_worker, bool fail, bool known)
{
	struct count *c = calloc(1, sizeof(*c));

	c->left = len;
	c->fail = fail;
	http_reply_stream(x, &(struct http_reply) { .status = 200, .len = known ? len : 0 },
		&(struct http_source) { .fill = fill, .done = fill_done, .ctx = c, .pool = on_worker ? t.pool : NULL });
}

static void on_request(void *ctx, struct http_exchange *x)
{
	const char *p = http_path(x);

	atomic_fetch_add(&t.requests, 1);
	if (strcmp(p, "/work") == 0 || strcmp(p, "/hold") == 0) {
		struct job *j = calloc(1, sizeof(*j));

		j->x = x;
		j->go = p[1] == 'h' ? &go : NULL;
		if (work_submit(t.pool, t.served.l, &j->work, run_job, job_done) < 0) {
			free(j);
			text(x, 503, "busy");
		}
	} else if (strcmp(p, "/stream") == 0) {
		stream(x, 1000000, true, false, false);
	} else if (strcmp(p, "/stream-loop") == 0) {
		stream(x, 200000, false, false, false);
	} else if (strcmp(p, "/stream-known") == 0) {
		stream(x, 100000, true, false, true);
	} else if (strcmp(p, "/stream-broken") == 0) {
		stream(x, 100000, true, true, false);
	} else if (strcmp(p, "/stream-endless") == 0) {
		stream(x, SIZE_MAX / 2, true, false, false);
	} else if (strcmp(p, "/tail") == 0) {
		tail.x = x;
		http_reply_stream(x, &(struct http_reply) { .status = 200 }, &(struct http_source) { .fill = fill_tail, .done = tail_done, .pool = t.pool });
	} else if (strcmp(p, "/204") == 0) {
		http_reply(x, &(struct http_reply) { .status = 204 });
	} else if (strcmp(p, "/twice") == 0) {
		text(x, 200, "first");
		if (http_reply(x, &(struct http_reply) { .status = 500 }) == -ERR_BROKEN)
			err_clear();
	} else {
		answer_facts(x);
	}
}

static void on_gone(void *ctx, struct http_exchange *x) { atomic_fetch_add(&t.gone, 1); }
static void on_done(void *ctx, struct http_exchange *x, const struct http_done *d)
{
	atomic_store(&t.last_status, d->status);
	atomic_store(&t.last_gone, d->gone);
	atomic_fetch_add(&t.done, 1);
}

static void make_server(void *arg)
{
	static const struct http_callbacks cb = { .on_head = on_head, .is_known = is_known, .on_request = on_request, .on_gone = on_gone, .on_done = on_done };

	if (http_server_new(t.served.l, &t.config, &cb, NULL, &t.server) == 0)
		t.port = http_server_port(t.server);
}
static void free_server(void *arg) { t.server = http_server_free(t.server); }

static bool begin_with(struct http_config config)
{
	memset(&t, 0, sizeof(t));
	t.config = config;
	atomic_store(&go, 0);
	if (!served_start(&t.served) || work_pool_new(&(struct work_config) { .name = "work" }, &t.pool) < 0)
		return false;
	call_in(&t.served, make_server, NULL);
	return t.server != NULL;
}
static bool begin(void) { return begin_with((struct http_config) { 0 }); }

static bool all_are_done;
static void look(void *arg) { all_are_done = t.heads == t.done; }

static void end(void)
{
	int64_t limit = clock_deadline(10000);

	/* A worker may still have an answer on its way to a client that is gone; every exchange gets its end all the same. */
	do
		call_in(&t.served, look, NULL);
	while (!all_are_done && clock_mono_ns() < limit && poll(NULL, 0, 5) == 0);
	call_in(&t.served, free_server, NULL);
	t.pool = work_pool_free(t.pool);
	served_stop(&t.served);
	is_int(t.heads, t.done);
}

/* One request on a connection of its own, which the request asks to be closed; the whole answer. */
static char answer[2 << 20];
static const char *ask(const char *request)
{
	int fd = dial(t.port);

	snprintf(answer, sizeof(answer), "(no answer)");
	if (fd >= 0 && say(fd, request, strlen(request)) && hear_all(fd, answer, sizeof(answer)) < 0)
		snprintf(answer, sizeof(answer), "(reset)");
	close(fd);
	return answer;
}
static const char *body_of(const char *reply)
{
	const char *b = strstr(reply, "\r\n\r\n");

	return b ? b + 4 : "(no body)";
}
#define CLOSE "Host: t\r\nConnection: close\r\n\r\n"

TEST(method_target_header_cookie_and_body_arrive_as_sent)
{
	must(begin());
	is_str(body_of(ask("GET /a%20b//c?x=%41+b&y HTTP/1.1\r\nCookie: a=b; sid=42\r\n" CLOSE)),
		"GET|/a%20b//c?x=%41+b&y|/a%20b//c|x=%41+b&y|t|0:|42|1");
	is_str(body_of(ask("POST / HTTP/1.1\r\nContent-Length: 5\r\n" CLOSE "hello")), "POST|/|/||t|5:hello|-|1");
	is_str(body_of(ask("PUT /p HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" CLOSE "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\n")),
		"PUT|/p|/p||t|5:abcde|-|1");                            /* 9112 7.1 */
	is_str(body_of(ask("FROBNICATE /x HTTP/1.1\r\n" CLOSE)), "FROBNICATE|/x|/x||t|0:|-|1");
	end();
	is_int(t.requests, 4);
}

TEST(a_field_with_a_line_break_is_left_out_of_the_reply)
{
	must(begin());
	ask("GET /work HTTP/1.1\r\n" CLOSE);
	ok(strstr(answer, "HTTP/1.1 200 OK\r\n") == answer);
	ok(strstr(answer, "Content-Type: text/plain\r\n"));
	ok(!strstr(answer, "X-Injected"));
	is_str(body_of(answer), "from a worker");
	end();
}

TEST(pipelined_requests_are_answered_in_order)                          /* 9112 9.3.2 */
{
	must(begin());
	ask("GET /work?1 HTTP/1.1\r\nHost: t\r\n\r\nPOST /2 HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\nhiGET /work HTTP/1.1\r\nHost: t\r\n\r\n"
		"GET /last HTTP/1.1\r\n" CLOSE);
	const char *a = strstr(answer, "from a worker"), *b = strstr(answer, "POST|/2|"), *c = b ? strstr(b, "from a worker") : NULL,
		*d = strstr(answer, "GET|/last|");
	ok(a && b && c && d && a < b && c < d);
	end();
}

TEST(a_request_in_single_bytes_is_a_request)
{
	static const char request[] = "POST /slow HTTP/1.1\r\nContent-Length: 3\r\n" CLOSE "abc";

	must(begin());
	int fd = dial(t.port);
	for (const char *p = request; *p; p++)
		must(say(fd, p, 1));
	ok(hear_all(fd, answer, sizeof(answer)) > 0);
	is_str(body_of(answer), "POST|/slow|/slow||t|3:abc|-|1");
	close(fd);
	end();
}

TEST(HEAD_has_the_length_but_not_the_body_and_204_has_neither)          /* 9110 9.3.2, 15.3.5 */
{
	must(begin());
	ask("HEAD /x HTTP/1.1\r\n" CLOSE);
	ok(strstr(answer, "Content-Length: 20\r\n"));
	is_str(body_of(answer), "");
	ask("GET /204 HTTP/1.1\r\n" CLOSE);
	ok(strstr(answer, "HTTP/1.1 204 "));
	ok(!strstr(answer, "Content-Length"));
	is_str(body_of(answer), "");
	ask("HEAD /stream HTTP/1.1\r\n" CLOSE);
	is_str(body_of(answer), "");
	end();
	is_int(t.source_done, 1);
	is_int(t.filled, 0);
}

TEST(a_second_reply_is_refused)
{
	must(begin());
	is_str(body_of(ask("GET /twice HTTP/1.1\r\n" CLOSE)), "first");
	end();
}

TEST(a_body_declared_too_large_is_answered_413_and_the_answer_arrives)
{
	static char big[4 << 20];

	must(begin());
	/* The client sends all of it and reads only then, as simple clients do. */
	int fd = dial(t.port);
	snprintf(big, sizeof(big), "POST /big HTTP/1.1\r\nHost: t\r\nContent-Length: %zu\r\n\r\n", sizeof(big));
	must(say(fd, big, strlen(big)));
	ok(say(fd, big, sizeof(big)));
	ok(hear_all(fd, answer, sizeof(answer)) > 0);
	ok(strstr(answer, "HTTP/1.1 413 ") == answer);
	is_str(body_of(answer), "the body is too large\n");
	close(fd);
	is_int(t.requests, 0);
	ask("POST /small HTTP/1.1\r\nContent-Length: 11\r\n" CLOSE "01234567890");
	ok(strstr(answer, "HTTP/1.1 413 ") == answer);
	ask("POST /small HTTP/1.1\r\nContent-Length: 10\r\n" CLOSE "0123456789");
	ok(strstr(answer, "HTTP/1.1 200 ") == answer);
	ask("POST /x HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n" CLOSE "x");
	ok(strstr(answer, "HTTP/1.1 413 ") == answer || strstr(answer, "HTTP/1.1 400 ") == answer);
	end();
}

TEST(a_body_that_grows_too_large_is_answered_413_while_it_still_comes)
{
	static char chunk[1 << 16];
	char head[64];

	must(begin());
	int fd = dial(t.port);
	must(say_text(fd, "POST /big HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"));
	memset(chunk, 'x', sizeof(chunk));
	snprintf(head, sizeof(head), "%zx\r\n", sizeof(chunk));
	for (int i = 0; i < 50; i++)
		must(say(fd, head, strlen(head)) && say(fd, chunk, sizeof(chunk)) && say(fd, "\r\n", 2));
	say(fd, "0\r\n\r\n", 5);
	ok(hear_all(fd, answer, sizeof(answer)) > 0);
	ok(strstr(answer, "HTTP/1.1 413 Content Too Large\r\n") == answer);
	is_str(body_of(answer), "the body is too large\n");
	close(fd);
	end();
	is_int(t.last_status, 413);
	is_int(t.last_gone, 0);
}

/* Each far below what each may be, together beyond what may come at once: one is refused. A small one is not, and the others go on. */
TEST(many_large_bodies_at_once_are_refused_503)
{
	static char piece[300 << 10];
	int64_t limit = clock_deadline(10000);
	struct pollfd fd[4];
	int refused = -1;

	must(begin_with((struct http_config) { .bodies_max = 1 << 20 }));
	for (int i = 0; i < 4; i++) {
		fd[i] = (struct pollfd) { .fd = dial(t.port), .events = POLLIN };
		must(say_text(fd[i].fd, "POST /large HTTP/1.1\r\nHost: t\r\nContent-Length: 400000\r\n\r\n") && say(fd[i].fd, piece, sizeof(piece)));
	}
	must(poll(fd, 4, 10000) == 1);
	for (int i = 0; i < 4; i++)
		refused = fd[i].revents ? i : refused;
	must(hear_until(fd[refused].fd, answer, sizeof(answer), "\r\n\r\n"));
	ok(strstr(answer, "HTTP/1.1 503 ") == answer);
	close(fd[refused].fd);
	ask("POST /small HTTP/1.1\r\nContent-Length: 10\r\n" CLOSE "0123456789");
	ok(strstr(answer, "HTTP/1.1 200 ") == answer);
	while (t.done < 2 && clock_mono_ns() < limit)
		poll(NULL, 0, 2);
	for (int i = 0; i < 4; i++) {
		if (i == refused)
			continue;
		must(say(fd[i].fd, piece, 400000 - sizeof(piece)) && hear_until(fd[i].fd, answer, sizeof(answer), "\r\n\r\n"));
		ok(strstr(answer, "HTTP/1.1 200 ") == answer);
		close(fd[i].fd);
	}
	end();
}

/* They share an eighth among them, one alone may have more: so the second is refused. Who is known has all of his room meanwhile. */
TEST(large_bodies_of_strangers_take_no_room_from_others)
{
	static char piece[300 << 10];
	struct pollfd stranger[2];
	int refused, known;

	must(begin_with((struct http_config) { .bodies_max = 1 << 20 }));
	for (int i = 0; i < 2; i++) {
		stranger[i] = (struct pollfd) { .fd = dial(t.port), .events = POLLIN };
		must(say_text(stranger[i].fd, "POST /large?stranger HTTP/1.1\r\nHost: t\r\nContent-Length: 400000\r\n\r\n")
			&& say(stranger[i].fd, piece, sizeof(piece)));
	}
	must(poll(stranger, 2, 10000) == 1);
	refused = !!stranger[1].revents;
	must(hear_until(stranger[refused].fd, answer, sizeof(answer), "\r\n\r\n"));
	ok(strstr(answer, "HTTP/1.1 503 ") == answer);
	close(stranger[refused].fd);
	for (int i = 0; i < 3; i++) {
		known = dial(t.port);
		must(say_text(known, "POST /large HTTP/1.1\r\nHost: t\r\nContent-Length: 400000\r\n\r\n") && say(known, piece, sizeof(piece)));
		must(say(known, piece, 400000 - sizeof(piece)) && hear_until(known, answer, sizeof(answer), "\r\n\r\n"));
		ok(strstr(answer, "HTTP/1.1 200 ") == answer);
		close(known);
	}
	must(say(stranger[!refused].fd, piece, 400000 - sizeof(piece)) && hear_until(stranger[!refused].fd, answer, sizeof(answer), "\r\n\r\n"));
	ok(strstr(answer, "HTTP/1.1 200 ") == answer);
	close(stranger[!refused].fd);
	end();
}

TEST(who_asks_before_sending_is_told_at_once)                           /* 9110 10.1.1 */
{
	must(begin());
	int fd = dial(t.port);
	must(say_text(fd, "POST /x HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
	ok(hear_until(fd, answer, sizeof(answer), "\r\n\r\n"));
	is_str(answer, "HTTP/1.1 100 Continue\r\n\r\n");
	must(say(fd, "ok", 2));
	ok(hear_until(fd, answer, sizeof(answer), "2:ok|"));
	close(fd);
	fd = dial(t.port);
	must(say_text(fd, "POST /refuse HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
	ok(hear_all(fd, answer, sizeof(answer)) > 0);
	ok(strstr(answer, "HTTP/1.1 403 ") == answer);
	close(fd);
	end();
}

TEST(a_request_that_could_be_framed_in_two_ways_is_refused)             /* 9112 6.1, 6.3; 3.2 */
{
	static const char *const bad[] = {
		"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n" CLOSE "0\r\n\r\n",
		"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n" CLOSE "hello",
		"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n" CLOSE "0\r\n\r\n",
		"POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n" CLOSE "0\r\n\r\n",
		"POST / HTTP/1.1\r\nContent-Length: 5x\r\n" CLOSE "hello",
		"POST / HTTP/1.1\r\nContent-Length: -1\r\n" CLOSE "hello",
		"POST / HTTP/1.1\r\nContent-Length: +5\r\n" CLOSE "hello",
		"GET / HTTP/1.1\r\nHost: a\r\n" CLOSE,
		"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" CLOSE "zz\r\nabc\r\n0\r\n\r\n",
	};

	must(begin());
	for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
		ask(bad[i]);
		if (strncmp(answer, "HTTP/1.1 400 ", 13) != 0 && strncmp(answer, "HTTP/1.1 501 ", 13) != 0)
			tap_fail_("%zu: %.60s", i, answer);
	}
	end();
	is_int(t.requests, 0);
}

TEST(garbage_ends_in_an_error_or_a_closed_connection_and_the_server_goes_on)
{
	static char junk[100000];
	static const char *const bad[] = { "\r\n\r\n\r\n", "GET", "GET /\r\n\r\n", "GET / HTTP/9.9\r\n" CLOSE, "\x16\x03\x01\x02\x00\x01",
		"GET / HTTP/1.1\r\n: x\r\n" CLOSE, "GET / HTTP/1.1\r\nHost : t\r\n\r\n", " / HTTP/1.1\r\n\r\n" };
	uint64_t x = 88172645463325252ULL;

	/* Some of it is not even the beginning of a line: it ends with the time for a head. */
	must(begin_with((struct http_config) { .head_ms = 100 }));
	for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
		int fd = dial(t.port);

		must(fd >= 0);
		say(fd, bad[i], strlen(bad[i]));
		shutdown(fd, SHUT_WR);
		hear_all(fd, answer, sizeof(answer));
		close(fd);
	}
	for (int round = 0; round < 50; round++) {
		int fd = dial(t.port);

		must(fd >= 0);
		for (size_t i = 0; i < sizeof(junk); i++) {
			x ^= x << 13; x ^= x >> 7; x ^= x << 17;
			junk[i] = (char) x;
		}
		say(fd, junk, x % sizeof(junk));
		shutdown(fd, SHUT_WR);
		hear_all(fd, answer, sizeof(answer));
		close(fd);
	}
	is_str(body_of(ask("GET /still HTTP/1.1\r\n" CLOSE)), "GET|/still|/still||t|0:|-|1");
	end();
}

TEST(a_head_too_large_is_refused)                                       /* 6585 5, 9112 3 */
{
	static char big[100000];

	must(begin());
	int n = snprintf(big, sizeof(big), "GET / HTTP/1.1\r\nX-Big: ");
	memset(big + n, 'x', 60000);
	ask(big);
	ok(strstr(answer, "HTTP/1.1 431 ") == answer || strstr(answer, "HTTP/1.1 413 ") == answer);
	n = snprintf(big, sizeof(big), "GET /");
	memset(big + n, 'y', 60000);
	ask(big);
	ok(strstr(answer, "HTTP/1.1 414 ") == answer);
	end();
	is_int(t.requests, 0);
}

/* What a chunked body holds; the length, or -1 when it does not end properly. */
static long unchunk(const char *p, char *out)
{
	long total = 0;

	for (;;) {
		char *endp;
		long n = strtol(p, &endp, 16);

		if (endp == p || endp[0] != '\r')
			return -1;
		if (n == 0)
			return strcmp(endp, "\r\n\r\n") == 0 ? total : -1;
		memcpy(out + total, endp + 2, (size_t) n);
		total += n;
		p = endp + 2 + n;
		if (strncmp(p, "\r\n", 2) != 0)
			return -1;
		p += 2;
	}
}

static void check_letters(const char *got, long n, long want)
{
	long wrong = 0;

	is_int(n, want);
	for (long i = 0; i < n; i++)
		wrong += got[i] != (char) ('a' + (want - i) % 26);
	is_int(wrong, 0);
}

TEST(a_stream_made_by_workers_arrives_whole_and_in_order)
{
	static char got[2 << 20];

	must(begin());
	ask("GET /stream HTTP/1.1\r\n" CLOSE);
	ok(strstr(answer, "Transfer-Encoding: chunked\r\n"));
	check_letters(got, unchunk(body_of(answer), got), 1000000);
	ask("GET /stream-loop HTTP/1.1\r\n" CLOSE);
	check_letters(got, unchunk(body_of(answer), got), 200000);
	ask("GET /stream-known HTTP/1.1\r\n" CLOSE);
	ok(strstr(answer, "Content-Length: 100000\r\n"));
	check_letters(body_of(answer), (long) strlen(body_of(answer)), 100000);
	ask("GET /stream-broken HTTP/1.1\r\n" CLOSE);
	is_int(unchunk(body_of(answer), got), -1);      /* the client sees that it is not whole: 9112 8 */
	end();
	is_int(t.source_done, 4);
}

TEST(a_reader_who_takes_nothing_holds_no_worker)
{
	must(begin());
	int slow[8];
	for (int i = 0; i < 8; i++) {
		slow[i] = dial(t.port);
		setsockopt(slow[i], SOL_SOCKET, SO_RCVBUF, &(int) { 4096 }, sizeof(int));
		must(say_text(slow[i], "GET /stream-endless HTTP/1.1\r\nHost: t\r\n\r\n"));
	}
	must(wait_for(&t.filled, 8));
	is_str(body_of(ask("GET /work HTTP/1.1\r\n" CLOSE)), "from a worker");
	/* Nobody reads: production stops by itself. Two pieces and what the kernel takes (at most some MB) for each. */
	int before = 0, now = atomic_load(&t.filled);
	for (int64_t deadline = clock_deadline(20000); before != now && clock_mono_ns() < deadline; now = atomic_load(&t.filled)) {
		before = now;
		poll(NULL, 0, 100);
	}
	is_int(before, now);
	for (int i = 0; i < 8; i++)
		close(slow[i]);
	ok(wait_for(&t.source_done, 8));
	end();
}

TEST(a_stream_that_waits_goes_on_when_woken)
{
	memset(&tail, 0, sizeof(tail));
	must(begin());
	int fd = dial(t.port);
	must(say_text(fd, "GET /tail HTTP/1.1\r\n" CLOSE));
	ok(hear_until(fd, answer, sizeof(answer), "\r\n\r\n"));
	for (int i = 1; i <= 3; i++) {
		char want[32];
		snprintf(want, sizeof(want), "event %d\n", i);
		atomic_store(&tail.events, i);
		http_stream_wake(tail.x);
		ok(hear_until(fd, answer, sizeof(answer), want));
	}
	ok(hear_all(fd, answer, sizeof(answer)) >= 0);
	close(fd);
	ok(wait_for(&tail.ended, 1));
	end();
}

TEST(a_client_that_leaves_is_noticed_while_a_worker_still_works)
{
	must(begin());
	int fd = dial(t.port);
	must(say_text(fd, "GET /hold HTTP/1.1\r\nHost: t\r\n\r\n"));
	must(wait_for(&t.requests, 1));
	close(fd);
	ok(wait_for(&t.gone, 1));
	atomic_store(&go, 1);
	ok(wait_for(&t.done, 1));
	is_int(t.last_gone, 1);
	/* The same for a stream that has nothing to say. */
	memset(&tail, 0, sizeof(tail));
	fd = dial(t.port);
	must(say_text(fd, "GET /tail HTTP/1.1\r\nHost: t\r\n\r\n"));
	ok(hear_until(fd, answer, sizeof(answer), "\r\n\r\n"));
	close(fd);
	ok(wait_for(&tail.ended, 1));
	end();
}

TEST(a_server_that_is_freed_lets_those_who_still_work_reply_into_the_void)
{
	must(begin());
	int fd = dial(t.port);
	must(say_text(fd, "GET /hold HTTP/1.1\r\nHost: t\r\n\r\n"));
	must(wait_for(&t.requests, 1));
	call_in(&t.served, free_server, NULL);
	is_int(t.gone, 1);
	is_int(t.done, 0);
	atomic_store(&go, 1);
	ok(wait_for(&t.done, 1));
	is_int(t.last_gone, 1);
	is_int(hear_all(fd, answer, sizeof(answer)), 0);
	close(fd);
	end();
}

TEST(a_reset_in_the_middle_of_an_upload_or_a_download_harms_nobody)
{
	struct linger rst = { .l_onoff = 1 };

	must(begin());
	for (int i = 0; i < 50; i++) {
		int fd = dial(t.port);

		must(fd >= 0);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &rst, sizeof(rst));
		if (i % 3 == 0) {
			say_text(fd, "POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 900\r\n\r\nabc");
		} else if (i % 3 == 1) {
			say_text(fd, "GET /stream-endless HTTP/1.1\r\nHost: t\r\n\r\n");
			recv(fd, answer, 1000, 0);
		} else {
			say_text(fd, "GET /work HTTP/1.1\r\nHost: t\r\n\r\n");
		}
		close(fd);
	}
	is_str(body_of(ask("GET /work HTTP/1.1\r\n" CLOSE)), "from a worker");
	end();
}

TEST(a_slow_head_and_a_slow_body_end_themselves)
{
	must(begin_with((struct http_config) { .head_ms = 300, .idle_ms = 60000, .body_rate = 1000000 }));
	int fd = dial(t.port);
	must(say_text(fd, "GET /x HTTP/1.1\r\nHost: t\r\n"));
	bool ended = false;
	/* A byte now and then: silence would be noticed by any server. */
	for (int i = 0; i < 100 && !ended; i++) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (!say(fd, "X", 1))
			ended = true;
		if (poll(&p, 1, 50) > 0 && recv(fd, answer, 100, 0) <= 0)
			ended = true;
	}
	ok(ended);
	close(fd);
	end();
}

TEST(keep_alive_serves_many_requests_on_one_connection)
{
	must(begin());
	int fd = dial(t.port);
	for (int i = 0; i < 100; i++) {
		char request[100], want[100];
		int n = snprintf(request, sizeof(request), "GET /n%d HTTP/1.1\r\nHost: t\r\n\r\n", i);
		snprintf(want, sizeof(want), "GET|/n%d|/n%d||t|0:|-|1", i, i);
		must(say(fd, request, (size_t) n) && hear_until(fd, answer, sizeof(answer), want));
	}
	close(fd);
	end();
	is_int(t.requests, 100);
}

TEST(connections_beyond_the_cap_wait_their_turn)
{
	must(begin_with((struct http_config) { .max_connections = 4 }));
	int fd[6];
	for (int i = 0; i < 6; i++)
		must((fd[i] = dial(t.port)) >= 0);
	for (int i = 0; i < 4; i++)
		must(say_text(fd[i], "GET /x HTTP/1.1\r\n" CLOSE));
	for (int i = 0; i < 4; i++) {
		ok(hear_all(fd[i], answer, sizeof(answer)) > 0);
		close(fd[i]);
	}
	for (int i = 4; i < 6; i++) {
		must(say_text(fd[i], "GET /x HTTP/1.1\r\n" CLOSE));
		ok(hear_all(fd[i], answer, sizeof(answer)) > 0);
		close(fd[i]);
	}
	end();
	is_int(t.requests, 6);
}

/* curl, a client that is not ours. */
TEST(curl_agrees)
{
	char command[600], out[2000] = "";

	if (system("curl --version > /dev/null 2>&1") != 0)
		skip("there is no curl");
	must(begin());
	snprintf(command, sizeof(command), "curl -sS -m 20 -d @- 'http://127.0.0.1:%u/x?q=1' -H 'Content-Type: a/b' </dev/null; "
		"echo; head -c 900 /dev/zero | tr '\\0' z | curl -sS -m 20 -T - -H 'Expect: 100-continue' http://127.0.0.1:%u/up | tail -c 20; echo; "
		"head -c 5000000 /dev/zero | curl -sS -m 20 -o /dev/null -w '%%{http_code}' -T - http://127.0.0.1:%u/up; echo; "
		"curl -sS -m 20 http://127.0.0.1:%u/stream | wc -c; curl -sS -m 20 -I http://127.0.0.1:%u/stream -o /dev/null -w '%%{http_code}'",
		t.port, t.port, t.port, t.port, t.port);
	FILE *p = popen(command, "r");
	size_t n = p ? fread(out, 1, sizeof(out) - 1, p) : 0;
	out[n] = 0;
	pclose(p);
	char *lines[6] = { out }, *s = out;
	for (int i = 1; i < 6 && s; i++)
		if ((s = lines[i] = strchr(s, '\n')))
			*s++ = 0, lines[i] = s;
	must(s || lines[4]);
	ok(strncmp(lines[0], "POST|/x?q=1|/x|q=1|127.0.0.1:", 29) == 0);
	ok(strstr(lines[1], "z|-|1"));
	is_str(lines[2], "413");
	is_int(strtol(lines[3], NULL, 10), 1000000);
	is_str(lines[4], "200");
	end();
}

static atomic_int stopped;
static void on_stopped(void *ctx) { atomic_fetch_add(&stopped, 1); }
static void stop_server(void *arg) { http_server_stop(t.server, 5000, on_stopped, NULL); }

TEST(a_server_that_stops_finishes_what_is_under_way)
{
	atomic_store(&stopped, 0);
	must(begin());
	int idle = dial(t.port), busy = dial(t.port);
	must(say_text(idle, "GET /x HTTP/1.1\r\nHost: t\r\n\r\n") && hear_until(idle, answer, sizeof(answer), "|1"));
	must(say_text(busy, "GET /hold HTTP/1.1\r\nHost: t\r\n\r\n"));
	must(wait_for(&t.requests, 2));
	call_in(&t.served, stop_server, NULL);
	is_int(hear_all(idle, answer, sizeof(answer)), 0);
	is_int(dial(t.port), -1);
	is_int(stopped, 0);
	atomic_store(&go, 1);
	ok(hear_all(busy, answer, sizeof(answer)) > 0);
	is_str(body_of(answer), "from a worker");
	ok(strstr(answer, "Connection: close\r\n"));
	ok(wait_for(&stopped, 1));
	close(idle);
	close(busy);
	end();
}

static void ask_with_faults(void *arg)
{
	static const struct http_callbacks cb = { .on_request = on_request };

	for (uint64_t n = 1;; n++) {
		struct http_server *s = NULL;

		sys_fault_nth(SYS_ANY_MEMORY, n, ENOMEM);
		int r = http_server_new(t.served.l, &(struct http_config) { 0 }, &cb, NULL, &s);
		bool hit = sys_fault_hit();
		sys_restore();
		http_server_free(s);
		err_clear();
		if (!hit) {
			is_int(r, 0);
			break;
		}
		is_int(r, -ERR_NO_MEMORY);
	}
}

/* On the thread that makes the calls. */
static void set_fault(void *arg)
{
	if (arg)
		sys_fault_nth(SYS_ANY_MEMORY, *(uint64_t *) arg, ENOMEM);
	else
		sys_restore();
}

TEST(a_server_short_of_memory_refuses_and_goes_on)
{
	must(begin());
	call_in(&t.served, ask_with_faults, NULL);
	/* Each allocation of a request fails once: an answer, or an end, and the next request is served. */
	for (uint64_t n = 1; n <= 12; n++) {
		call_in(&t.served, set_fault, &n);
		ask(n % 2 ? "POST /x HTTP/1.1\r\nContent-Length: 3\r\n" CLOSE "abc" : "GET /stream-loop HTTP/1.1\r\n" CLOSE);
		call_in(&t.served, set_fault, NULL);
		is_str(body_of(ask("GET /after HTTP/1.1\r\n" CLOSE)), "GET|/after|/after||t|0:|-|1");
	}
	end();
}

TEST(two_servers_cannot_have_one_port_and_a_bad_address_is_named)
{
	struct http_server *s = NULL;
	static const struct http_callbacks cb = { .on_request = on_request };

	must(begin());
	is_int(http_server_new(t.served.l, &(struct http_config) { .port = t.port }, &cb, NULL, &s), -ERR_LOCKED);
	is_int(http_server_new(t.served.l, &(struct http_config) { .address = "localhost:80" }, &cb, NULL, &s), -ERR_BAD_ARGUMENT);
	is_str(err_log_text(err_peek()), "parameter address must be an IPv4 or IPv6 address or a path, is localhost:80");
	err_clear();
	end();
}
