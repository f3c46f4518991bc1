/*
 * keep.c - requests that may be sent again: Idempotency-Key.
 *
 * A request that changes something, from somebody who is known, may carry a key. Its answer is kept for a day, refusals of content
 * included; what may go differently the next time is not: 401, 403, 429 and the platform's own failures.
 */

#include "api/internal.h"
#include "service/kept.h"

bool keep_is_asked(const struct call *c)
{
	return c->key && !c->is_get && !c->route->reads && c->scope.who.kind != PRINCIPAL_NOBODY && route_permission(c->route, c->noun) != PUBLIC;
}

/* FNV-1a: rows and addresses are no secret. Bodies may hold passwords, and what is kept of them lies a day in the store. */
static uint64_t mix(uint64_t h, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ (uint8_t) text[i]) * UINT64_C(0x100000001b3);
	return (h ^ n) * UINT64_C(0x100000001b3);
}

static const char *name_of(struct call *c)
{
	const char *parts[] = { c->route->method, c->target, c->if_match ? c->if_match : "" };
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	char print[PRINT_TEXT];

	for (size_t i = 0; i < ELEMENTSOF(parts); i++)
		h = mix(h, parts[i], str_len(parts[i]));
	guard_print(c->scope.guard, c->body, c->body_len, print);
	return arena_fmt(&c->arena, "%016llx%.48s", (unsigned long long) h, print);
}

static int check_key(const struct call *c)
{
	size_t n = str_len(c->key);

	for (size_t i = 0; i < n; i++)
		if (c->key[i] < 0x21 || c->key[i] > 0x7e)
			n = 0;
	return n >= 1 && n <= KEPT_KEY_MAX ? 0 : err_fail(ERR_BAD_ARGUMENT, "field", "Idempotency-Key", "rule", "@rule_key", NULL);
}

static void replay(struct call *c, const struct kept *k)
{
	c->status = k->status;
	c->content_type = k->content_type;
	call_field(c, "ETag", k->etag);
	call_field(c, "Location", k->location);
	call_field(c, "Idempotency-Replayed", "true");
	if (k->len)
		buf_addn(&c->out, k->body, k->len);
}

int keep_begin(struct call *c)
{
	const char *name = name_of(c);
	struct kept k = { 0 };
	int r = check_key(c);

	if (r >= 0 && !name)
		r = err_fail(ERR_NO_MEMORY, "what", "request", NULL);
	if (r >= 0)
		r = kept_begin(&c->scope, c->key, name, &k);
	if (r == 1)
		replay(c, &k);
	c->keeps = r == 0;
	return r;
}

static const char *field_of(const struct call *c, const char *name)
{
	for (size_t i = 0; i < c->n_fields; i++)
		if (str_eq(c->fields[i].name, name))
			return c->fields[i].value;
	return NULL;
}

void keep_end(struct call *c)
{
	bool again = c->status >= 500 || c->status == 401 || c->status == 403 || c->status == 429;
	struct kept k = { .status = c->status, .content_type = c->content_type, .etag = field_of(c, "ETag"), .location = field_of(c, "Location"),
		.body = c->out.data, .len = c->out.len };

	c->keeps = false;
	if (c->told_at) {                       /* a secret is said once: what is kept ends before it */
		char *text = arena_strn(&c->arena, c->out.data, c->told_at + 1);
		k.body = text;
		k.len = text ? c->told_at + 1 : 0;
		if (text)
			text[c->told_at] = '}';
	}
	if (kept_end(&c->scope, c->key, again || c->source.fill ? NULL : &k) < 0) {
		log_warn("api", "an answer is not kept request=%s error=\"%s\"", c->scope.request, err_log_text(err_peek()));
		err_clear();
	}
}
