/* remote.c - requests to a running platform. */
#include <stdlib.h>

#include "base/num.h"
#include "base/str.h"
#include "cli/parts.h"
#include "io/io.h"
#include "sys/sys.h"

void remote_escape(struct buf *out, const char *text)
{
	for (; *text; text++) {
		char c = *text;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~')
			buf_addc(out, c);
		else
			buf_addf(out, "%%%02X", (unsigned) (unsigned char) c);
	}
}

/* The problem's own sentences: `detail`, then each of `errors` with its pointer. */
static int problem(const struct fetch_answer *answer, struct arena *a, struct tree **ret_problem)
{
	struct buf b = BUF_INIT(&sys_heap, 1 << 16);
	struct tree *t = NULL;
	const char *code = NULL;
	int kind = answer->status >= 500 ? ERR_PEER : ERR_USAGE, shown = 0;

	if (tree_parse(answer->body.data, answer->body.len, "answer", a, &t) == 0) {
		buf_add(&b, tree_str(tree_find(t, "detail")) ? tree_str(tree_find(t, "detail")) : "");
		code = tree_str(tree_find(t, "code"));
		TREE_EACH(e, tree_find(t, "errors")) {
			const char *pointer = tree_str(tree_find(e, "pointer")), *detail = tree_str(tree_find(e, "detail"));
			int64_t line = tree_i64(tree_find(e, "line"), 0);

			if (!detail || shown++ >= 20 || (!line && str_eq(detail, tree_str(tree_find(t, "detail")))))
				continue;
			if (line)
				buf_addf(&b, cli_text("\n  line %lld: %s", "\n  第 %lld 行：%s"), (long long) line, detail);
			else
				buf_addf(&b, "\n  %s: %s", pointer ? pointer : "", detail);
		}
	} else
		err_clear();
	if (t && ret_problem)
		*ret_problem = t;
	if (!b.len)
		buf_addf(&b, "HTTP %d", answer->status);
	for (int k = 1; code && k < ERR_N_; k++)        /* its exit code is that of the same failure here */
		if (str_eq(err_code(k), code))
			kind = k;
	{
		const char *text = arena_str(a, b.data);

		buf_done(&b);
		return err_fail(ERR_REMOTE, "detail", text ? text : "", "exit", arena_fmt(a, "%d", err_exit(kind)), NULL);
	}
}

void remote_trust(const struct remote *r, struct fetch_trust *ret)
{
	*ret = (struct fetch_trust) { .ca = str_empty(r->ca) ? getenv("TENON_CA") : r->ca,
		.fingerprint = str_empty(r->fingerprint) ? getenv("TENON_FINGERPRINT") : r->fingerprint };
}

/* "ab12…" as people compare it: AB:12:… */
static void put_print(const char *hex, struct buf *out)
{
	for (size_t i = 0; hex[i] && hex[i + 1]; i += 2)
		buf_addf(out, "%s%c%c", i ? ":" : "", hex[i] >= 'a' ? hex[i] - 32 : hex[i], hex[i + 1] >= 'a' ? hex[i + 1] - 32 : hex[i + 1]);
}

int remote_distrusted(const struct fetch_trust *t, const char *url, int r, struct arena *a)
{
	const char *host = str_find(url, "://"), *end = host ? host + 3 : url;
	char seen[100] = "", want[100] = "";
	const char *text;

	if (r >= 0 || !t->refused || !t->seen[0])
		return r;
	while (*end && *end != '/')
		end++;
	url = arena_strn(a, url, (size_t) (end - url));
	put_print(t->seen, &BUF_FIXED(seen));
	put_print(t->pin, &BUF_FIXED(want));
	if (t->pin[0] && !str_eq(t->seen, t->pin))
		text = arena_fmt(a, cli_text("%s shows another certificate: its SHA-256 fingerprint is %s, not %s", "%s 出示了另一张证书：其 SHA-256 指纹为 %s，而非 %s"),
			url, seen, want);
	else
		text = arena_fmt(a, cli_text("%s: nobody vouches for its certificate. Its SHA-256 fingerprint is %s: if that is what the platform printed, give it as "
			"--fingerprint or TENON_FINGERPRINT, or its certificate (keys/tls.crt) as --ca",
			"%s：其证书未受信任。SHA-256 指纹为 %s：如与平台打印的一致，请用 --fingerprint 或 TENON_FINGERPRINT 给出，或用 --ca 给出其证书（keys/tls.crt）"), url, seen);
	return err_fail(ERR_REMOTE, "detail", text ? text : "", "exit", arena_fmt(a, "%d", err_exit(ERR_PEER)), NULL);
}

static int call(const struct fetch_request *q, struct tree **ret_problem, struct arena *a, const char **ret_body, size_t *ret_len)
{
	struct fetch_answer answer;
	int r = fetch(q, &answer);

	if (r < 0)
		return remote_distrusted(q->trust, q->url, r, a);
	if (answer.status >= 400 || answer.status < 200)
		r = problem(&answer, a, ret_problem);
	else if (ret_body)
		*ret_body = arena_strn(a, answer.body.data, answer.body.len);
	if (ret_len)
		*ret_len = answer.body.len;
	if (r == 0 && ret_body && !*ret_body)
		r = err_fail(ERR_NO_MEMORY, "what", "answer", NULL);
	buf_done(&answer.body);
	return r;
}

const char *remote_url(const struct remote *r, const char *path, struct arena *a)
{
	const char *server = r->server;

	if (str_empty(server))
		server = getenv("TENON_SERVER");
	if (str_empty(server))
		server = "http://127.0.0.1:8080";
	return arena_fmt(a, "%.*s%s", (int) (str_len(server) - str_ends(server, "/")), server, path);
}

int remote_call(const struct remote *r, const struct remote_request *q, struct arena *a, const char **ret_body)
{
	return remote_bytes(r, q, a, ret_body, NULL);
}

int remote_bytes(const struct remote *r, const struct remote_request *q, struct arena *a, const char **ret_body, size_t *ret_len)
{
	const char *token = r->token, *fields[6];
	struct fetch_trust trust;
	struct fetch_request f = { .trust = &trust, .method = q->method, .body = q->body, .len = q->len, .timeout_ms = q->file ? 3600000 : 120000, .fields = fields, .file = q->file };
	size_t n = 0;

	remote_trust(r, &trust);
	if (str_empty(token))
		token = getenv("TENON_TOKEN");
	f.url = remote_url(r, q->path, a);
	fields[n++] = cli_lang() == LANG_ZH ? "Accept-Language: zh" : "Accept-Language: en";
	if (!str_empty(token))
		fields[n++] = arena_fmt(a, "Authorization: Bearer %s", token);
	if (q->type)
		fields[n++] = arena_fmt(a, "Content-Type: %s", q->type);
	fields[n++] = arena_fmt(a, "Accept: %s, application/problem+json", q->accept ? q->accept : "application/json");
	fields[n] = NULL;
	if (!f.url || !fields[n - 1])
		return err_fail(ERR_NO_MEMORY, "what", "request", NULL);
	return call(&f, q->ret_problem, a, ret_body, ret_len);
}

int remote_tree(const struct remote *r, const struct remote_request *q, struct arena *a, struct tree **ret)
{
	const char *body = NULL;
	int e = remote_call(r, q, a, &body);

	return e < 0 ? e : tree_parse(body, str_len(body), "answer", a, ret);
}
