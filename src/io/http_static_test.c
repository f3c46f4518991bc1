/* Tests of blobs and folders over http.h. Sections of RFC 9110 in brackets. */
#include "io/served_test.h"

#include "tap.h"

static struct { struct served served; struct http_server *server; struct work_pool *pool; uint16_t port; } t;
static char folder[200], answer[2 << 20];
static const struct http_blob blob;

static void status(struct http_exchange *x, int code) { http_reply(x, &(struct http_reply) { .status = code }); }

static void on_request(void *ctx, struct http_exchange *x)
{
	const char *p = http_path(x);
	char path[300], www[300];

	if (strcmp(p, "/blob") == 0) {
		http_reply_blob(x, &blob, &(struct http_field) { "X-More", "1" }, 1);
		return;
	}
	snprintf(www, sizeof(www), "%s/www", folder);
	if (http_decode_path(p + 2, path, sizeof(path)) < 0)
		status(x, 400);
	else if (http_reply_file(x, t.pool, www, path, NULL, 0) < 0)
		status(x, 404);
	err_clear();
}

static void make_server(void *arg)
{
	static const struct http_callbacks cb = { .on_request = on_request };

	if (http_server_new(t.served.l, &(struct http_config) { 0 }, &cb, NULL, &t.server) == 0)
		t.port = http_server_port(t.server);
}
static void free_server(void *arg) { t.server = http_server_free(t.server); }

static bool begin(void)
{
	memset(&t, 0, sizeof(t));
	if (!served_start(&t.served) || work_pool_new(&(struct work_config) { .name = "work" }, &t.pool) < 0)
		return false;
	call_in(&t.served, make_server, NULL);
	return t.server != NULL;
}

static void end(void)
{
	call_in(&t.served, free_server, NULL);
	t.pool = work_pool_free(t.pool);
	served_stop(&t.served);
}

static const char *ask(const char *request)
{
	int fd = dial(t.port);

	snprintf(answer, sizeof(answer), "(no answer)");
	if (fd >= 0 && say_text(fd, request) && hear_all(fd, answer, sizeof(answer)) < 0)
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

static const struct http_blob blob = { .path = "/app-12345678.js", .data = (const uint8_t *) "0123456789", .len = 10,
	.gzip = (const uint8_t *) "GZIP", .gzip_len = 4, .etag = "\"v1\"", .immutable = true };
static const char *field_of(const char *name)
{
	static char value[200];
	snprintf(value, sizeof(value), "\r\n%s: ", name);
	const char *p = strstr(answer, value);

	if (!p)
		return "-";
	p += strlen(value);
	snprintf(value, sizeof(value), "%.*s", (int) strcspn(p, "\r"), p);
	return value;
}
static const char *ask_blob(const char *path, const char *more)
{
	char request[500];

	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\n%s" CLOSE, path, more);
	ask(request);
	return body_of(answer);
}

TEST(a_blob_has_its_type_its_tag_its_gzip_and_its_ranges)               /* 9110 8.8.3, 13.1.2, 14 */
{
	must(begin());
	is_str(ask_blob("/blob", ""), "0123456789");
	is_str(field_of("Content-Type"), "text/javascript; charset=utf-8");
	is_str(field_of("ETag"), "\"v1\"");
	is_str(field_of("Cache-Control"), "public, max-age=31536000, immutable");
	is_str(field_of("Vary"), "Accept-Encoding");
	is_str(field_of("X-More"), "1");
	is_str(ask_blob("/blob", "Accept-Encoding: br, gzip;q=0.5\r\n"), "GZIP");
	is_str(field_of("Content-Encoding"), "gzip");
	is_str(field_of("ETag"), "\"v1-gz\"");
	is_str(ask_blob("/blob", "Accept-Encoding: gzip;q=0\r\n"), "0123456789");
	ask_blob("/blob", "If-None-Match: \"v0\", W/\"v1\"\r\n");
	ok(strstr(answer, "HTTP/1.1 304 ") == answer);
	is_str(body_of(answer), "");
	is_str(ask_blob("/blob", "If-None-Match: \"v2\"\r\n"), "0123456789");
	is_str(ask_blob("/blob", "Range: bytes=2-4\r\n"), "234");
	ok(strstr(answer, "HTTP/1.1 206 ") == answer);
	is_str(field_of("Content-Range"), "bytes 2-4/10");
	is_str(ask_blob("/blob", "Range: bytes=7-\r\n"), "789");
	is_str(ask_blob("/blob", "Range: bytes=-2\r\n"), "89");
	is_str(ask_blob("/blob", "Range: bytes=5-500\r\n"), "56789");
	is_str(ask_blob("/blob", "Range: bytes=2-4\r\nIf-Range: \"v0\"\r\n"), "0123456789");
	is_str(ask_blob("/blob", "Range: bytes=4-2\r\n"), "0123456789");       /* invalid: as if it were not there */
	is_str(ask_blob("/blob", "Range: bytes=0-1,4-5\r\n"), "0123456789");
	is_str(ask_blob("/blob", "Range: lines=1-2\r\n"), "0123456789");
	ask_blob("/blob", "Range: bytes=10-\r\n");
	ok(strstr(answer, "HTTP/1.1 416 ") == answer);
	is_str(field_of("Content-Range"), "bytes */10");
	ask("POST /blob HTTP/1.1\r\nContent-Length: 0\r\n" CLOSE);
	ok(strstr(answer, "HTTP/1.1 405 ") == answer);
	is_str(field_of("Allow"), "GET, HEAD");
	end();
}

TEST(a_folder_serves_its_files_and_nothing_beside_it)
{
	struct buf b = BUF_FIXED(folder);
	char path[300], outside[300];
	static char big[300000];

	must(dir_temp("/tmp", "tenon-http-", &b) == 0);
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char) ('a' + i % 23);
	snprintf(path, sizeof(path), "%s/www/sub", folder);
	must(dir_make(path, 0755) == 0);
	snprintf(path, sizeof(path), "%s/www/sub/big.txt", folder);
	must(file_write(path, big, sizeof(big), 0644) == 0);
	snprintf(path, sizeof(path), "%s/www/a.html", folder);
	must(file_write(path, "<p>", 3, 0644) == 0);
	snprintf(path, sizeof(path), "%s/www/a.html.gz", folder);
	must(file_write(path, "gz", 2, 0644) == 0);
	snprintf(path, sizeof(path), "%s/www/empty.txt", folder);
	must(file_write(path, "", 0, 0644) == 0);
	snprintf(outside, sizeof(outside), "%s/secret", folder);
	must(file_write(outside, "secret", 6, 0644) == 0);
	snprintf(path, sizeof(path), "%s/www/link", folder);
	must(symlink(outside, path) == 0);
	snprintf(path, sizeof(path), "%s/www/link2", folder);
	must(symlink("../secret", path) == 0);

	must(begin());
	is_str(ask_blob("/f/a.html", ""), "<p>");
	is_str(field_of("Cache-Control"), "no-cache");
	is_str(ask_blob("/f/a.html", "Accept-Encoding: gzip\r\n"), "gz");
	is_str(field_of("Content-Type"), "text/html; charset=utf-8");
	is_str(ask_blob("/f/empty.txt", ""), "");
	ok(strstr(answer, "HTTP/1.1 200 ") == answer);
	ask_blob("/f/sub/big.txt", "");
	is_int(strlen(body_of(answer)), sizeof(big));
	is_bytes(body_of(answer), big, sizeof(big));
	is_str(field_of("Content-Length"), "300000");
	ask_blob("/f/sub/big.txt", "Range: bytes=100000-199999\r\n");
	is_int(strlen(body_of(answer)), 100000);
	is_bytes(body_of(answer), big + 100000, 100000);
	static const char *const none[] = { "/f/none", "/f/sub", "/f/link", "/f/link2", "/f/../secret", "/f/%2e%2e/secret",
		"/f/sub/..%2f..%2fsecret", "/f//etc/passwd", "/f/a.html%00.txt" };
	for (size_t i = 0; i < ELEMENTSOF(none); i++) {
		ask_blob(none[i], "");
		if (strncmp(answer, "HTTP/1.1 404 ", 13) != 0 && strncmp(answer, "HTTP/1.1 400 ", 13) != 0)
			tap_fail_("%s: %.100s", none[i], answer);
	}
	end();
	dir_remove(folder);
}
