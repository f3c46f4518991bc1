/* http_text.c - the text of requests: escapes, paths, queries, lists in header fields, names of types and statuses. */
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/str.h"
#include "io/http.h"

static int refuse(const char *field, const char *rule, const char *value, size_t n)
{
	char shown[64];
	struct buf b = BUF_FIXED(shown);

	/* What cannot be shown safely is not shown. */
	n = MIN(n, sizeof(shown) - 1);
	buf_addn(&b, value, utf8_valid_prefix(value, n));
	return err_fail(ERR_BAD_ARGUMENT, "field", field, "rule", rule, "value", shown, NULL);
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int http_decode(const char *s, size_t n, bool plus, char *out, size_t room)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		int c = (unsigned char) s[i];

		if (c == '%') {
			int hi = n - i > 2 ? hex(s[i + 1]) : -1, lo = n - i > 2 ? hex(s[i + 2]) : -1;

			if (hi < 0 || lo < 0)
				return refuse("escape", "@rule_escape", s + i, n - i);
			c = hi << 4 | lo;
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		if (c == 0)
			return refuse("text", "@no_nul", s, n);
		if (len + 1 >= room)
			return refuse("text", "@rule_too_long", s, n);
		out[len++] = (char) c;
	}
	if (room == 0)
		return refuse("text", "@rule_too_long", s, n);
	out[len] = 0;
	return (int) len;
}

int http_decode_path(const char *path, char *out, size_t room)
{
	size_t n = strlen(path);
	const char *slash = path;

	if (n == 0 || path[0] != '/')
		return refuse("path", "@rule_slash", path, n);
	/* An escaped slash would change what the segments are. */
	while ((slash = strchr(slash, '%'))) {
		if (slash[1] == '2' && (slash[2] | 0x20) == 'f')
			return refuse("path", "@rule_escaped_slash", path, n);
		slash++;
	}
	int len = http_decode(path, n, false, out, room);
	if (len < 0)
		return len;
	if (!utf8_is_valid(out, (size_t) len))
		return refuse("path", "@rule_utf8", path, n);
	for (const char *s = out; *s;) {
		size_t seg = strcspn(++s, "/");

		/* The empty segment at the very end is the folder itself. */
		if ((seg == 0 && *s) || (seg == 1 && s[0] == '.') || (seg == 2 && s[0] == '.' && s[1] == '.'))
			return refuse("path", "@rule_segments", path, n);
		s += seg;
	}
	return len;
}

int http_query_next(const char **query, struct http_pair *ret)
{
	const char *s = *query;

	while (s && *s == '&')
		s++;
	if (!s || !*s) {
		*query = s;
		return 0;
	}
	size_t n = strcspn(s, "&"), key = strcspn(s, "=&");
	int r = http_decode(s, key, true, ret->key, sizeof(ret->key));
	if (r < 0)
		return r;
	ret->key_len = (size_t) r;
	size_t value = MIN(key + 1, n);
	r = http_decode(s + value, n - value, true, ret->value, sizeof(ret->value));
	if (r < 0)
		return r;
	ret->value_len = (size_t) r;
	if (!utf8_is_valid(ret->key, ret->key_len) || !utf8_is_valid(ret->value, ret->value_len))
		return refuse("query", "@rule_utf8", s, n);
	*query = s + n;
	return 1;
}

/* The next element of a comma-separated list: [*ret, *ret + *ret_n) without blanks around; moves *list on. */
static bool next_element(const char **list, const char **ret, size_t *ret_n)
{
	const char *s = *list;

	s += strspn(s, ", \t");
	if (!*s)
		return false;
	size_t n = strcspn(s, ",");
	*list = s + n;
	while (n && (s[n - 1] == ' ' || s[n - 1] == '\t'))
		n--;
	*ret = s;
	*ret_n = n;
	return true;
}

static size_t word_len(const char *s, size_t n)
{
	size_t len = 0;

	while (len < n && s[len] != ';' && s[len] != ' ' && s[len] != '\t')
		len++;
	return len;
}

bool http_has_token(const char *value, const char *word)
{
	const char *s;
	size_t n, len = strlen(word);

	while (value && next_element(&value, &s, &n))
		if (word_len(s, n) == len && strncasecmp(s, word, len) == 0)
			return true;
	return false;
}

/* Is the weight behind a coding zero ("gzip;q=0", "q=0.000")? */
static bool is_refused(const char *s, size_t n)
{
	const char *end = s + n;

	while (s < end && *s != 'q' && *s != 'Q')
		s++;
	if (end - s < 3 || s[1] != '=')
		return false;
	for (s += 2; s < end && (*s == '0' || *s == '.'); s++)
		continue;
	return s == end || *s < '1' || *s > '9';
}

bool http_accepts_encoding(const char *accept_encoding, const char *coding)
{
	const char *s, *list = accept_encoding;
	size_t n, len = strlen(coding);
	bool any = false;

	while (list && next_element(&list, &s, &n)) {
		size_t word = word_len(s, n);
		bool refused = is_refused(s + word, n - word);

		if (word == len && strncasecmp(s, coding, len) == 0)
			return !refused;
		if (word == 1 && *s == '*')
			any = !refused;
	}
	return any;
}

const char *http_mime(const char *name)
{
	static const struct { const char *ending, *type; } types[] = {
		{ ".html", "text/html; charset=utf-8" }, { ".htm", "text/html; charset=utf-8" },
		{ ".js", "text/javascript; charset=utf-8" }, { ".mjs", "text/javascript; charset=utf-8" },
		{ ".css", "text/css; charset=utf-8" }, { ".json", "application/json" }, { ".map", "application/json" },
		{ ".svg", "image/svg+xml" }, { ".png", "image/png" }, { ".jpg", "image/jpeg" }, { ".jpeg", "image/jpeg" },
		{ ".gif", "image/gif" }, { ".webp", "image/webp" }, { ".avif", "image/avif" }, { ".ico", "image/x-icon" },
		{ ".woff2", "font/woff2" }, { ".woff", "font/woff" }, { ".ttf", "font/ttf" }, { ".wasm", "application/wasm" },
		{ ".txt", "text/plain; charset=utf-8" }, { ".md", "text/markdown; charset=utf-8" },
		{ ".csv", "text/csv; charset=utf-8" }, { ".xml", "application/xml" }, { ".pdf", "application/pdf" },
		{ ".zip", "application/zip" }, { ".gz", "application/gzip" }, { ".zst", "application/zstd" },
		{ ".tar", "application/x-tar" }, { ".parquet", "application/vnd.apache.parquet" },
		{ ".mp4", "video/mp4" }, { ".webm", "video/webm" }, { ".m3u8", "application/vnd.apple.mpegurl" },
		{ ".ts", "video/mp2t" }, { ".mp3", "audio/mpeg" }, { ".webmanifest", "application/manifest+json" },
		{ ".glb", "model/gltf-binary" }, { ".gltf", "model/gltf+json" },
	};
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && i < ELEMENTSOF(types); i++)
		if (strcasecmp(dot, types[i].ending) == 0)
			return types[i].type;
	return "application/octet-stream";
}

const char *http_reason(int status)
{
	static const struct { int status; const char *reason; } reasons[] = {
		{ 100, "Continue" }, { 101, "Switching Protocols" }, { 200, "OK" }, { 201, "Created" }, { 202, "Accepted" },
		{ 204, "No Content" }, { 206, "Partial Content" }, { 207, "Multi-Status" }, { 301, "Moved Permanently" },
		{ 302, "Found" }, { 303, "See Other" }, { 304, "Not Modified" }, { 307, "Temporary Redirect" },
		{ 308, "Permanent Redirect" }, { 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" },
		{ 404, "Not Found" }, { 405, "Method Not Allowed" }, { 406, "Not Acceptable" }, { 408, "Request Timeout" },
		{ 409, "Conflict" }, { 410, "Gone" }, { 411, "Length Required" }, { 412, "Precondition Failed" },
		{ 413, "Content Too Large" }, { 414, "URI Too Long" }, { 415, "Unsupported Media Type" },
		{ 416, "Range Not Satisfiable" }, { 417, "Expectation Failed" }, { 422, "Unprocessable Content" },
		{ 423, "Locked" }, { 425, "Too Early" }, { 426, "Upgrade Required" }, { 428, "Precondition Required" },
		{ 429, "Too Many Requests" }, { 431, "Request Header Fields Too Large" }, { 499, "Client Closed Request" },
		{ 500, "Internal Server Error" }, { 501, "Not Implemented" }, { 502, "Bad Gateway" },
		{ 503, "Service Unavailable" }, { 504, "Gateway Timeout" }, { 507, "Insufficient Storage" },
	};

	for (size_t i = 0; i < ELEMENTSOF(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return status < 400 ? "OK" : "Error";
}
