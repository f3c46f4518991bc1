/* fetch.c - libcurl's easy interface, loaded at need. */
#include "io/fetch.h"

#include <curl/curl.h>
#include <fcntl.h>

#include "base/err.h"
#include "base/str.h"
#include "io/fetch_trust.h"
#include "sys/sys.h"

struct curl {
	CURL *(*init)(void);
	__typeof__(curl_easy_setopt) *set;
	CURLcode (*perform)(CURL *);
	__typeof__(curl_easy_getinfo) *info;
	void (*cleanup)(CURL *);
	const char *(*error)(CURLcode);
	struct curl_slist *(*list)(struct curl_slist *, const char *);
	void (*list_free)(struct curl_slist *);
};

static int load(struct curl *ret)
{
	const struct { const char *name; void **to; } symbols[] = {
		{ "curl_easy_init", (void **) &ret->init }, { "curl_easy_setopt", (void **) &ret->set },
		{ "curl_easy_perform", (void **) &ret->perform }, { "curl_easy_getinfo", (void **) &ret->info },
		{ "curl_easy_cleanup", (void **) &ret->cleanup }, { "curl_easy_strerror", (void **) &ret->error },
		{ "curl_slist_append", (void **) &ret->list }, { "curl_slist_free_all", (void **) &ret->list_free },
	};
	void *library;
	int r = dl_open("libcurl.so.4", &library);

	for (size_t i = 0; r == 0 && i < ELEMENTSOF(symbols); i++)
		r = dl_symbol(library, symbols[i].name, symbols[i].to);
	return r;
}

struct sink { const struct curl *c; CURL *h; struct fetch_answer *a; const char *path; int fd, failed; };

/* What a refusal says is for memory: only now is the status known. */
static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
	struct sink *s = arg;
	long status = 0;

	s->c->info(s->h, CURLINFO_RESPONSE_CODE, &status);
	if (s->path && status >= 200 && status < 300) {
		if (s->fd < 0)
			s->failed = file_open(s->path, O_WRONLY | O_CREAT | O_TRUNC, 0644, &s->fd);
		if (s->failed == 0)
			s->failed = file_write_all(s->fd, bytes, size * n);
		return s->failed < 0 ? 0 : size * n;
	}
	buf_addn(&s->a->body, bytes, size * n);
	return s->a->body.failed ? 0 : size * n;
}

static int perform(const struct curl *c, CURL *h, const struct fetch_request *q, struct fetch_answer *a)
{
	struct sink sink = { .c = c, .h = h, .a = a, .path = q->file, .fd = -1 };
	struct curl_slist *fields = NULL;
	char detail[CURL_ERROR_SIZE] = "";
	const char *type = NULL;
	long status = 0;
	CURLcode code;

	for (const char *const *f = q->fields; f && *f; f++)
		fields = c->list(fields, *f);
	c->set(h, CURLOPT_URL, q->url);
	c->set(h, CURLOPT_CUSTOMREQUEST, q->method);
	c->set(h, CURLOPT_HTTPHEADER, fields);
	c->set(h, CURLOPT_ERRORBUFFER, detail);
	c->set(h, CURLOPT_WRITEFUNCTION, on_body);
	c->set(h, CURLOPT_WRITEDATA, &sink);
	c->set(h, CURLOPT_NOSIGNAL, 1L);
	c->set(h, CURLOPT_TIMEOUT_MS, (long) (q->timeout_ms ? q->timeout_ms : 30000));
	if (str_eq(q->method, "HEAD"))
		c->set(h, CURLOPT_NOBODY, 1L);
	if (q->body) {
		c->set(h, CURLOPT_POSTFIELDS, q->body);
		c->set(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) q->len);
	}
	code = c->perform(h);
	if (q->trust)
		q->trust->refused = code == CURLE_PEER_FAILED_VERIFICATION;
	if (code == CURLE_OK) {
		c->info(h, CURLINFO_RESPONSE_CODE, &status);
		c->info(h, CURLINFO_CONTENT_TYPE, &type);
		a->status = (int) status;
		for (size_t i = 0; type && type[i] && i + 1 < sizeof(a->content_type); i++)
			a->content_type[i] = type[i];
	}
	c->list_free(fields);
	if (sink.fd >= 0)
		sys.close(sink.fd);
	if (sink.failed < 0)
		return sink.failed;
	if (code == CURLE_OK)
		return 0;
	return err_fail(ERR_PEER, "what", q->url, "detail", *detail ? detail : c->error(code), NULL);
}

int fetch(const struct fetch_request *q, struct fetch_answer *ret)
{
	struct fetch_answer a = { .body = BUF_INIT(&sys_heap, 1 << 30) };
	struct curl c;
	CURL *h;
	int r = load(&c);

	if (r < 0)
		return r;
	h = c.init();
	if (!h)
		return err_fail(ERR_NO_MEMORY, "what", "HTTP", NULL);
	r = q->trust ? fetch_trust_set(q->trust, q->url, h, c.set) : 0;
	if (r == 0)
		r = perform(&c, h, q, &a);
	c.cleanup(h);
	if (r < 0) {
		buf_done(&a.body);
		return r;
	}
	*ret = a;
	return 0;
}
