/*
 * router.c - which row is meant.
 *
 * Rows are compared segment by segment; of those whose path fits, the ones with the most literal segments count ("/points/import"
 * before "/{noun}/{id}"), and among them the method decides: so 405 names what is offered there.
 */

#include "api/internal.h"

const struct routes *const all_routes[] = {
	&routes_records,
	&routes_session, &routes_account, &routes_approvals, &routes_about, &routes_system,
	&routes_samples, &routes_wire, &routes_jobs, &routes_metrics, &routes_sheets, &routes_commands, &routes_commission, &routes_demo, &routes_backups, &routes_history, &routes_sql,
	&routes_noun, NULL };

static unsigned cut(char *path, const char *seg[SEGMENTS_MAX])
{
	unsigned n = 0;

	while (*path) {
		if (*path == '/') {
			*path++ = 0;
			continue;
		}
		if (n == SEGMENTS_MAX)
			return SEGMENTS_MAX + 1;
		seg[n++] = path;
		while (*path && *path != '/')
			path++;
	}
	return n;
}

static size_t segment(const char **pattern)
{
	const char *p = *pattern + (**pattern == '/');
	size_t n = 0;

	while (p[n] && p[n] != '/')
		n++;
	*pattern = p;
	return n;
}

/* -1: does not fit; else how many segments are literal. */
static int fits(const struct platform *p, const struct route *r, const char *const *seg, unsigned n, struct match *m)
{
	const char *at = r->path;
	int literal = 0;
	unsigned i;

	for (i = 0; *at; i++) {
		size_t len = segment(&at);
		if (i >= n)
			return -1;
		if (at[0] != '{') {
			if (str_len(seg[i]) != len || memcmp(seg[i], at, len) != 0)
				return -1;
			literal++;
		} else if (len == 6 && !memcmp(at, "{noun}", 6)) {
			m->noun = noun_find(p, seg[i]);
			if (!m->noun || !str_eq(m->noun->type->plural, seg[i]))
				return -1;
		} else {
			m->arg = seg[i];
		}
		at += len;
	}
	return i == n ? literal : -1;
}

static void add_method(struct match *m, const char *method)
{
	struct buf b = { .data = m->allow, .len = str_len(m->allow), .room = sizeof(m->allow), .max = sizeof(m->allow) };

	if (!str_find(m->allow, method))
		buf_addf(&b, "%s%s", b.len ? ", " : "", method);
	if (str_eq(method, "GET") && !str_find(m->allow, "HEAD"))
		buf_add(&b, ", HEAD");
}

int router_match(const struct platform *p, const char *method, char *path, struct match *ret)
{
	const char *seg[SEGMENTS_MAX], *wanted = str_eq(method, "HEAD") ? "GET" : method;
	unsigned n = cut(path, seg);
	int best = -1;

	*ret = (struct match) { 0 };
	for (const struct routes *const *set = all_routes; n <= SEGMENTS_MAX && *set; set++) {
		for (const struct route *r = (*set)->items; r < (*set)->items + (*set)->n; r++) {
			struct match m = { 0 };
			int literal = fits(p, r, seg, n, &m);
			if (literal < 0 || literal < best)
				continue;
			if (literal > best) {
				best = literal;
				*ret = (struct match) { .path_known = true };
			}
			add_method(ret, r->method);
			if (str_eq(r->method, wanted)) {
				ret->route = r;
				ret->noun = m.noun;
				ret->arg = m.arg;
			}
		}
	}
	if (ret->route)
		return 0;
	if (ret->path_known)
		return err_fail(ERR_NO_METHOD, "value", method, "words", ret->allow, NULL);
	return err_fail(ERR_MISSING, "what", "@page", NULL);
}

enum permission route_permission(const struct route *r, const struct noun *n)
{
	if (r->noun == NOT_OF_A_NOUN || !n)
		return r->permission;
	return r->noun == NOUN_READS ? n->read : n->write;
}
