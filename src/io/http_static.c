/* http_static.c - files and blobs: ETag and 304, gzip variant, one range, types, caching. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/num.h"
#include "base/str.h"
#include "io/http_priv.h"
#include "sys/sys.h"

enum { FIELDS_MAX = 24, TAG_MAX = 80 };

/* What is to be sent, wherever it comes from. */
struct served {
	const char *path, *etag;
	uint64_t len;
	bool gzip, has_variants, immutable;
	uint64_t from, n;               /* the range, when status is 206 */
	int status;
	char range[80];
};

/* RFC 9110 13.1.2 and 8.8.3.2: a list of entity tags, compared weakly. */
static bool has_etag(const char *list, const char *etag)
{
	size_t n = strlen(etag);

	while (*list) {
		list += strspn(list, ", \t");
		if (*list == '*')
			return true;
		if (list[0] == 'W' && list[1] == '/')
			list += 2;
		size_t len = strcspn(list, ",");
		while (len && (list[len - 1] == ' ' || list[len - 1] == '\t'))
			len--;
		if (len == n && memcmp(list, etag, n) == 0)
			return true;
		list += strcspn(list, ",");
	}
	return false;
}

/* RFC 9110 14.1.2: "bytes=from-to", "bytes=from-", "bytes=-last"; one range only, for more the whole may be sent. False: not to be heeded. */
static bool parse_range(const char *text, uint64_t len, uint64_t *ret_from, uint64_t *ret_n, bool *ret_outside)
{
	uint64_t from = 0, to = 0;

	if (strncmp(text, "bytes=", 6) != 0 || strchr(text, ','))
		return false;
	text += 6;
	const char *end = text + strlen(text);
	size_t a = num_parse_u64(text, end, &from);
	if (text[a] != '-')
		return false;
	text += a + 1;
	size_t b = num_parse_u64(text, end, &to);
	if (text[b] || (!a && !b) || (a && b && to < from))
		return false;
	if (!a) {
		from = to < len ? len - to : 0;
		*ret_outside = to == 0 || len == 0;
		*ret_n = len - from;
	} else {
		*ret_outside = from >= len;
		*ret_n = *ret_outside ? 0 : (b ? MIN(to, len - 1) : len - 1) - from + 1;
	}
	*ret_from = from;
	return true;
}

static void decide(const struct http_exchange *x, struct served *s)
{
	const char *none_match = http_header(x, "If-None-Match"), *range = http_header(x, "Range"), *if_range = http_header(x, "If-Range");
	struct buf b = BUF_FIXED(s->range);
	bool outside = false;

	s->status = 200;
	s->n = s->len;
	if (none_match && has_etag(none_match, s->etag)) {
		s->status = 304;
		return;
	}
	/* RFC 9110 13.1.5: the range is of what the client has; 14.2: only GET. */
	if (!range || strcmp(http_method(x), "GET") != 0 || (if_range && strcmp(if_range, s->etag) != 0))
		return;
	uint64_t from = 0, n = 0;
	if (!parse_range(range, s->len, &from, &n, &outside))
		return;
	if (outside) {
		s->status = 416;
		buf_addf(&b, "bytes */%llu", (unsigned long long) s->len);
		return;
	}
	s->status = 206;
	s->from = from;
	s->n = n;
	buf_addf(&b, "bytes %llu-%llu/%llu", (unsigned long long) from, (unsigned long long) (from + n - 1), (unsigned long long) s->len);
}

static size_t add(struct http_field *out, size_t n, const char *name, const char *value)
{
	if (n < FIELDS_MAX)
		out[n++] = (struct http_field) { name, value };
	return n;
}

static size_t fields_of(const struct served *s, const struct http_field *more, size_t n_more, struct http_field out[FIELDS_MAX])
{
	size_t n = 0;

	if (s->status != 416)
		n = add(out, n, "ETag", s->etag);
	n = add(out, n, "Cache-Control", s->immutable ? "public, max-age=31536000, immutable" : "no-cache");
	if (s->has_variants)
		n = add(out, n, "Vary", "Accept-Encoding");
	if (s->range[0])
		n = add(out, n, "Content-Range", s->range);
	if (s->status == 200 || s->status == 206) {
		n = add(out, n, "Content-Type", http_mime(s->path));
		n = add(out, n, "Accept-Ranges", "bytes");
		if (s->gzip)
			n = add(out, n, "Content-Encoding", "gzip");
	}
	for (size_t i = 0; i < n_more; i++)
		n = add(out, n, more[i].name, more[i].value);
	return n;
}

static bool is_readable_method(const struct http_exchange *x)
{
	return strcmp(http_method(x), "GET") == 0 || strcmp(http_method(x), "HEAD") == 0;
}

static int refuse_method(struct http_exchange *x)
{
	static const struct http_field allow = { "Allow", "GET, HEAD" };

	return http_reply(x, &(struct http_reply) { .status = 405, .fields = &allow, .n_fields = 1 });
}

static void keep(void *arg) { }

int http_reply_blob(struct http_exchange *x, const struct http_blob *blob, const struct http_field *fields, size_t n_fields)
{
	struct served s = { .path = blob->path, .has_variants = blob->gzip != NULL, .immutable = blob->immutable };
	struct http_field out[FIELDS_MAX];
	char etag[TAG_MAX];
	struct buf b = BUF_FIXED(etag);

	if (!is_readable_method(x))
		return refuse_method(x);
	s.gzip = blob->gzip && http_accepts_encoding(http_header(x, "Accept-Encoding"), "gzip");
	s.len = s.gzip ? blob->gzip_len : blob->len;
	/* Two encodings are two representations: 8.8.3.3. */
	size_t tag = strlen(blob->etag);
	if (s.gzip && tag > 2)
		buf_addf(&b, "%.*s-gz\"", (int) tag - 1, blob->etag);
	else
		buf_add(&b, blob->etag);
	s.etag = etag;
	decide(x, &s);
	const uint8_t *data = s.gzip ? blob->gzip : blob->data;
	bool empty = s.status == 304 || s.status == 416;
	return http_reply(x, &(struct http_reply) { .status = s.status, .fields = out, .n_fields = fields_of(&s, fields, n_fields, out),
		.body = empty ? NULL : data + s.from, .len = empty ? 0 : (size_t) s.n, .free_body = keep });
}

/* Files. */

struct reading { int fd; uint64_t at, left; };

static int read_piece(void *ctx, struct buf *out, size_t room, void *worker)
{
	struct reading *r = ctx;
	size_t n = (size_t) MIN((uint64_t) room, r->left);

	if (!buf_reserve(out, n))
		return err_fail(ERR_NO_MEMORY, "what", "file", NULL);
	int e = file_pread_all(r->fd, out->data + out->len, n, (int64_t) r->at);
	if (e < 0)
		return e;
	out->len += n;
	r->at += n;
	r->left -= n;
	return r->left ? HTTP_MORE : HTTP_END;
}

static void read_done(void *ctx)
{
	struct reading *r = ctx;

	sys.close(r->fd);
	sys_free(r);
}

/* Opens a regular file beneath the folder; no link leads out of it: openat2(2) RESOLVE_BENEATH. */
static int open_beneath(const char *folder, const char *path, int *ret_fd, struct stat *ret_st)
{
	const struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	_cleanup_close_ int dir = -1, fd = -1;
	int r = file_open(folder, O_PATH | O_DIRECTORY, 0, &dir);

	if (r < 0)
		return r;
	fd = (int) syscall(SYS_openat2, dir, path, &how, sizeof(how));
	if (fd < 0 || fstat(fd, ret_st) < 0 || !S_ISREG(ret_st->st_mode))
		return err_fail(ERR_MISSING, "what", "file", "value", path, NULL);
	*ret_fd = take_fd(fd);
	return 0;
}

/* A name with a hash in it ("app-3f2a9c01.js", "app.3f2a9c01.js") never changes its content. */
static bool is_hashed(const char *path)
{
	for (const char *s = path_name(path); *s; s++) {
		size_t n = strspn(s + 1, "0123456789abcdefABCDEF");

		if ((*s == '-' || *s == '.') && n >= 8 && s[1 + n] == '.')
			return true;
	}
	return false;
}

int http_reply_file(struct http_exchange *x, struct work_pool *pool, const char *folder, const char *path,
	const struct http_field *fields, size_t n_fields)
{
	struct served s = { .path = path, .immutable = is_hashed(path) };
	struct http_field out[FIELDS_MAX];
	char etag[TAG_MAX], gz[1024];
	struct buf b = BUF_FIXED(etag), g = BUF_FIXED(gz);
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (!is_readable_method(x))
		return refuse_method(x);
	while (*path == '/')
		path++;
	buf_addf(&g, "%s.gz", path);
	if (!g.failed && http_accepts_encoding(http_header(x, "Accept-Encoding"), "gzip") && open_beneath(folder, gz, &fd, &st) == 0)
		s.gzip = s.has_variants = true;
	int r = s.gzip ? 0 : open_beneath(folder, path, &fd, &st);
	if (r < 0)
		return r;
	err_clear();
	s.has_variants |= !g.failed && !s.gzip;
	buf_addf(&b, "\"%llx-%llx-%llx\"", (unsigned long long) st.st_mtim.tv_sec, (unsigned long long) st.st_mtim.tv_nsec,
		(unsigned long long) st.st_size);
	s.etag = etag;
	s.len = (uint64_t) st.st_size;
	decide(x, &s);
	struct http_reply reply = { .status = s.status, .fields = out, .n_fields = fields_of(&s, fields, n_fields, out) };
	if (s.status == 304 || s.status == 416 || !s.n)
		return http_reply(x, &reply);
	struct reading *reading = sys_new(struct reading);
	if (!reading)
		return err_fail(ERR_NO_MEMORY, "what", "file", NULL);
	*reading = (struct reading) { .fd = take_fd(fd), .at = s.from, .left = s.n };
	reply.len = (size_t) s.n;
	return http_reply_stream(x, &reply, &(struct http_source) { .fill = read_piece, .done = read_done, .ctx = reading, .pool = pool });
}
