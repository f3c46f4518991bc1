/* nouns.c - the rows that every noun has. */

#include "api/internal.h"
#include "base/num.h"
#include "service/noun_book.h"
#include "service/reach.h"
#include "sheet/sheet.h"

const char *const params_of_noun[] = { NULL };
static const char *const list_params[] = { "limit", "cursor", "sort", "fields", "q", "count", "bom", "format" };
static const char *const list_offers[] = { "application/json", "text/csv", "application/x-ndjson", SHEET_TYPE_XLSX, NULL };
enum { OFFER_JSON, OFFER_CSV, OFFER_NDJSON, OFFER_XLSX };
static const char *const head_names[] = { "id", "rev", "created", "created_by", "updated", "updated_by" };

static bool is_shown(const struct rec_field *f) { return f && !(f->flags & (REC_SECRET | REC_INTERNAL)); }

static bool may_name(const struct rec_type *t, const char *name)
{
	for (size_t i = 0; i < ELEMENTSOF(head_names); i++)
		if (str_eq(name, head_names[i]))
			return true;
	return is_shown(rec_field(t, name));
}

/* ---- parameters of a list ---- */

static const struct { const char *word; enum store_op op; } ops[] = {
	{ "ne", STORE_NE }, { "lt", STORE_LT }, { "le", STORE_LE }, { "gt", STORE_GT }, { "ge", STORE_GE }, { "in", STORE_IN }, { "like", STORE_LIKE },
};

static int unknown_param(const struct rec_type *t, const char *key)
{
	const char *words[160];
	size_t n = 0;

	for (size_t i = 0; i < ELEMENTSOF(list_params); i++)
		words[n++] = list_params[i];
	for (size_t i = 0; i < ELEMENTSOF(head_names); i++)
		words[n++] = head_names[i];
	for (uint32_t i = 0; i < t->n_fields && n < ELEMENTSOF(words); i++)
		if (is_shown(&t->fields[i]))
			words[n++] = t->fields[i].name;
	return err_fail(ERR_BAD_PARAMETER, "value", key, "nearest", str_nearest(key, words, n), NULL);
}

static int add_filter(struct call *c, const struct rec_type *t, const struct param *p, struct store_filter *f, size_t *n)
{
	const char *dot = str_find(p->key, "."), *name = dot ? arena_strn(&c->arena, p->key, (size_t) (dot - p->key)) : p->key;

	if (name && str_eq(name, "label") && rec_field(t, "labels"))    /* one of several, as everywhere else that is asked for by label */
		name = "labels";
	if (!name || !may_name(t, name))
		return unknown_param(t, p->key);
	f[*n] = (struct store_filter) { .field = name, .op = STORE_EQ, .value = p->value };
	for (size_t i = 0; dot; i++) {
		if (i == ELEMENTSOF(ops))
			return err_fail(ERR_BAD_PARAMETER, "value", p->key, "nearest", arena_fmt(&c->arena, "%s.like", name), NULL);
		if (str_eq(dot + 1, ops[i].word)) {
			f[*n].op = ops[i].op;
			break;
		}
	}
	(*n)++;
	return 0;
}

static int read_fields(struct call *c, const struct rec_type *t, const char *text, const char *const **ret)
{
	const char **only = arena_array(&c->arena, const char *, t->n_fields + ELEMENTSOF(head_names) + 1);
	uint32_t n = 0;

	if (!only)
		return err_fail(ERR_NO_MEMORY, "what", "fields", NULL);
	while (*text) {
		size_t len = 0;
		while (text[len] && text[len] != ',')
			len++;
		const char *name = arena_strn(&c->arena, text, len);
		if (!name || !may_name(t, name) || n >= t->n_fields + ELEMENTSOF(head_names))
			return err_fail(ERR_BAD_ARGUMENT, "field", "fields", "rule", "@rule_fields", "value", name, NULL);
		only[n++] = name;
		text += len + (text[len] == ',');
	}
	*ret = n ? only : NULL;
	return 0;
}

struct list { struct noun_query query; const char *const *only; bool bom; };

static int read_limit(struct call *c, const char *text, struct list *l)
{
	uint64_t n;
	uint64_t max = c->offer == OFFER_JSON ? NOUN_LIMIT_MAX : UINT32_MAX;

	if (num_parse_u64(text, text + str_len(text), &n) != str_len(text) || !*text || n < 1 || n > max)
		return err_fail(ERR_BAD_ARGUMENT, "field", "limit", "rule", max == NOUN_LIMIT_MAX ? "@rule_limit" : "@rule_positive",
			"value", text, NULL);
	l->query.limit = (uint32_t) n;
	return 0;
}

static int read_list(struct call *c, const struct noun *noun, struct list *ret)
{
	struct store_filter *filters = arena_array(&c->arena, struct store_filter, PARAMS_MAX);
	struct list l = { .query = { .noun = noun, .filters = filters, .limit = c->offer == OFFER_JSON ? NOUN_LIMIT : 0 } };
	int r = filters ? 0 : err_fail(ERR_NO_MEMORY, "what", "a list", NULL);

	for (unsigned i = 0; r >= 0 && i < c->n_params; i++) {
		const struct param *p = &c->param[i];
		if (str_eq(p->key, "limit"))
			r = read_limit(c, p->value, &l);
		else if (str_eq(p->key, "cursor"))
			l.query.cursor = p->value;
		else if (str_eq(p->key, "sort"))
			l.query.sort = p->value;
		else if (str_eq(p->key, "q"))
			l.query.q = p->value;
		else if (str_eq(p->key, "fields"))
			r = read_fields(c, noun->type, p->value, &l.only);
		else if (str_eq(p->key, "count"))
			r = call_bool(c, "count", &l.query.count);
		else if (str_eq(p->key, "bom"))
			r = call_bool(c, "bom", &l.bom);
		else if (str_eq(p->key, "format"))
			;               /* read before: it decides what else may be asked for */
		else if (!str_eq(p->key, "store") || noun->type != &audit_type)
			r = add_filter(c, noun->type, p, filters, &l.query.n_filters);
	}
	if (r >= 0)
		*ret = l;
	return r;
}

/* ---- lists ---- */

void record_json(const struct rec_type *t, const void *rec, const char *const *only, struct json *j)
{
	rec_to_json(t, rec, only ? 0 : REC_SHOW_HEAD, only, j);
}

struct item { struct call *c; struct json *j; const struct list *l; };

static void touch(struct call *c, const void *rec)
{
	if (c->touch)
		c->touch(c, (void *) (uintptr_t) rec);  /* it lies in memory of the list's own */
}

static int add_item(void *ctx, const void *rec)
{
	struct item *i = ctx;

	touch(i->c, rec);
	record_json(i->l->query.noun->type, rec, i->l->only, i->j);
	return i->j->out->failed ? err_fail(ERR_TOO_LARGE, "what", "answer", "max", "67108864", NULL) : 0;
}

static int list_json(struct call *c, const struct list *l)
{
	struct json j = answer_json(c);
	struct store_page page = { 0 };
	struct item item = { c, &j, l };
	int r;

	json_object(&j);
	json_key(&j, "items");
	json_array(&j);
	r = noun_list(&c->scope, &l->query, add_item, &item, &page);
	if (r < 0)
		return r;
	json_end(&j);
	json_kv_str(&j, "next", page.next);
	if (l->query.count)
		json_kv_u64(&j, "count", page.total);
	json_end(&j);
	return 0;
}

/* The whole list as text, a page at a time: each has a transaction and an arena of its own. */
enum { EXPORT_PAGE = 500 };
struct export { struct call *c; struct list l; struct arena page; struct buf cursor; uint32_t left; bool begun, limited; };

struct export_row { struct export *e; struct buf *out; };

static int add_row(void *ctx, const void *rec)
{
	struct export_row *row = ctx;
	struct json j = JSON_TO(row->out);

	touch(row->e->c, rec);
	if (row->e->c->offer == OFFER_CSV) {
		rec_csv_row(row->e->l.query.noun->type, rec, row->e->l.only, row->out);
		return 0;
	}
	record_json(row->e->l.query.noun->type, rec, row->e->l.only, &j);
	buf_addc(row->out, '\n');
	return 0;
}

static int export_fill(void *ctx, struct buf *out, size_t room, void *worker)
{
	struct export *e = ctx;
	struct export_row row = { e, out };
	struct store_page page = { 0 };
	int r;

	if (!e->begun && e->c->offer == OFFER_CSV) {
		if (e->l.bom)
			buf_add(out, "\xEF\xBB\xBF");
		rec_csv_head(e->l.query.noun->type, e->l.only, out);
	}
	e->begun = true;
	e->c->scope.arena = &e->page;
	e->l.query.limit = e->limited ? MIN(e->left, (uint32_t) EXPORT_PAGE) : EXPORT_PAGE;
	e->l.query.cursor = e->cursor.len ? e->cursor.data : e->l.query.cursor;
	r = noun_list(&e->c->scope, &e->l.query, add_row, &row, &page);
	e->left -= MIN(e->left, page.n);
	if (r >= 0) {
		buf_clear(&e->cursor);
		buf_add(&e->cursor, page.next ? page.next : "");
	}
	e->c->scope.arena = &e->c->arena;
	arena_reset(&e->page);
	if (r < 0) {
		log_warn("api", "export broken request=%s error=\"%s\"", e->c->scope.request, err_log_text(err_peek()));
		err_clear();
		return r;
	}
	return e->cursor.len && !(e->limited && e->left == 0) ? HTTP_MORE : HTTP_END;
}

static void export_done(void *ctx)
{
	struct export *e = ctx;
	struct call *c = e->c;

	arena_done(&e->page);
	buf_done(&e->cursor);
	call_unref(c);                  /* e lies in its arena */
}

static int list_stream(struct call *c, const struct list *l)
{
	struct export *e = arena_new(&c->arena, struct export);
	const char *name = l->query.noun->type->plural;
	int r = reach_need(&c->scope, l->query.noun->read, l->query.noun->type);

	if (!e)
		return err_fail(ERR_NO_MEMORY, "what", "an export", NULL);
	if (r < 0)
		return r;
	*e = (struct export) { .c = call_ref(c), .l = *l, .cursor = BUF_INIT(&sys_heap, 4096), .limited = l->query.limit != 0, .left = l->query.limit };
	arena_init(&e->page, &sys_heap, 64 << 20);
	c->content_type = c->offer == OFFER_CSV ? "text/csv; charset=utf-8" : "application/x-ndjson";
	call_field(c, "Content-Disposition", arena_fmt(&c->arena, "attachment; filename=\"%s.%s\"", name, c->offer == OFFER_CSV ? "csv" : "ndjson"));
	c->source = (struct http_source) { .fill = export_fill, .done = export_done, .ctx = e, .pool = c->api->workers };
	return 0;
}

int pass_over(void *ctx, const void *rec) { return 0; }

/* format=xlsx for who cannot say Accept: a link. Only what the row offers. */
static int read_format(struct call *c)
{
	static const char *const words[] = { "json", "csv", "ndjson", "xlsx" };
	const char *format = call_param(c, "format");
	int n = 0;

	while (format && c->route->offers && c->route->offers[n])
		n++;
	for (int i = 0; i < n; i++)
		if (str_eq(format, words[i])) {
			c->offer = i;
			return 0;
		}
	return format ? err_fail(ERR_BAD_ARGUMENT, "field", "format", "rule", "@rule_format", "value", format, NULL) : 0;
}

static int list_xlsx(struct call *c, const struct list *l)
{
	const char *name = l->query.noun->type->plural;
	int r = reach_need(&c->scope, l->query.noun->read, l->query.noun->type);

	if (r >= 0)
		r = noun_book(&c->scope, &l->query, l->only, &c->out);
	if (r < 0)
		return r;
	c->content_type = SHEET_TYPE_XLSX;
	call_field(c, "Content-Disposition", arena_fmt(&c->arena, "attachment; filename=\"%s.xlsx\"", name));
	return 0;
}

int answer_list(struct call *c, const struct noun *noun)
{
	struct list l;
	struct noun_query one;
	int r = read_format(c);

	if (r >= 0)
		r = read_list(c, noun, &l);
	if (r < 0)
		return r;
	if (c->offer == OFFER_XLSX)
		return list_xlsx(c, &l);
	if (c->offer == OFFER_JSON)
		return list_json(c, &l);
	/* What is wrong with the filters is said before the first byte goes out. */
	one = l.query;
	one.limit = 1;
	r = noun_list(&c->scope, &one, pass_over, NULL, NULL);
	return r < 0 ? r : list_stream(c, &l);
}

static int run_list(struct call *c) { return answer_list(c, c->noun); }

/* ---- one record ---- */

static const char *etag_of(struct call *c, const void *rec)
{
	return arena_fmt(&c->arena, "\"%llu\"", (unsigned long long) ((const struct rec_head *) rec)->rev);
}

static int answer_record(struct call *c, const void *rec)
{
	struct json j = answer_json(c);

	call_field(c, "ETag", etag_of(c, rec));
	record_json(c->noun->type, rec, NULL, &j);
	if (c->scope.told && c->out.len && !c->out.failed) {
		c->told_at = --c->out.len;      /* the closing brace */
		buf_add(&c->out, ",\"secret\":");
		json_escape(&c->out, c->scope.told, str_len(c->scope.told));
		buf_addc(&c->out, '}');
	}
	return 0;
}

/* "7", W/"7", *; absent: any. */
static int read_if_match(struct call *c, uint64_t *rev, const uint64_t **ret)
{
	const char *t = c->if_match;
	size_t n;

	*ret = NULL;
	if (!t || str_eq(t, "*"))
		return 0;
	if (str_starts(t, "W/"))
		t += 2;
	n = *t == '"' ? num_parse_u64(t + 1, t + str_len(t), rev) : 0;
	if (n == 0 || t[1 + n] != '"' || t[2 + n] || *rev == 0)
		return err_fail(ERR_BAD_ARGUMENT, "field", "If-Match", "rule", "@rule_etag", "value", c->if_match, NULL);
	*ret = rev;
	return 0;
}

static int run_get(struct call *c)
{
	struct noun_in in = { .noun = c->noun };
	void *rec;
	int r = call_uuid(c, &in.id);

	if (r >= 0)
		r = noun_get(&c->scope, &in, &rec);
	if (r < 0)
		return r;
	if (c->if_none_match && (str_eq(c->if_none_match, "*") || str_find(c->if_none_match, etag_of(c, rec)))) {
		call_field(c, "ETag", etag_of(c, rec));
		c->status = 304;
		return 0;
	}
	return answer_record(c, rec);
}

static int run_create(struct call *c)
{
	struct noun_in in = { .noun = c->noun, .body = c->body, .len = c->body_len, .errs = &c->errs };
	char id[UUID_TEXT + 1];
	void *rec;
	int r = noun_create(&c->scope, &in, &rec);

	if (r < 0)
		return r;
	uuid_format(&((struct rec_head *) rec)->id, id);
	call_field(c, "Location", arena_fmt(&c->arena, "/api/v1/%s/%s", c->noun->type->plural, id));
	return answer_record(c, rec);
}

/* ---- changes, and what a stale one is told ---- */

static void differs_json(struct call *c, const void *now, struct json *j)
{
	const struct rec_type *t = c->noun->type;
	void *then = arena_alloc(&c->arena, t->size);

	json_key(j, "differs");
	json_array(j);
	if (then && rec_dup(t, then, now, &c->arena) >= 0 && c->body_len
			&& rec_from_json(t, then, (struct rec_json) { c->body, c->body_len }, REC_MERGE, &c->arena, NULL) >= 0)
		for (uint32_t i = 0; i < t->n_fields; i++) {
			_cleanup_(buf_done) struct buf a = BUF_INIT(&sys_heap, 1 << 20), b = BUF_INIT(&sys_heap, 1 << 20);
			if (!is_shown(&t->fields[i]))
				continue;
			rec_field_format(t, &t->fields[i], now, &a);
			rec_field_format(t, &t->fields[i], then, &b);
			if (!str_eq(a.data, b.data))
				json_str(j, t->fields[i].name);
		}
	err_clear();
	json_end(j);
}

static void stale_json(struct call *c, struct json *j)
{
	json_key(j, "current");
	record_json(c->noun->type, c->extra_arg, NULL, j);
	differs_json(c, c->extra_arg, j);
}

static int change(struct call *c, int (*deed)(struct scope *, const struct noun_in *, void **), void **ret)
{
	struct noun_in in = { .noun = c->noun, .body = c->body, .len = c->body_len, .errs = &c->errs };
	uint64_t rev;
	int r = call_uuid(c, &in.id);

	if (r >= 0)
		r = read_if_match(c, &rev, &in.if_rev);
	if (r >= 0)
		r = deed(&c->scope, &in, ret);
	if (r == -ERR_PRECONDITION) {
		c->extra = stale_json;
		c->extra_arg = *ret;
		call_field(c, "ETag", etag_of(c, *ret));
	}
	return r;
}

static int run_replace(struct call *c)
{
	void *rec = NULL;
	int r = change(c, noun_replace, &rec);

	return r < 0 ? r : answer_record(c, rec);
}

static int run_patch(struct call *c)
{
	void *rec = NULL;
	int r = change(c, noun_patch, &rec);

	return r < 0 ? r : answer_record(c, rec);
}

static int run_delete(struct call *c)
{
	void *rec = NULL;

	return change(c, noun_delete, &rec);
}

#define TYPES_IN "text/csv, text/plain, text/tab-separated-values, " SHEET_TYPE_XLSX
enum { FILE_MAX = 64 << 20 };

static const struct route rows[] = {
	NOUN_ROUTE("GET", "/{noun}", NOUN_READS, "list", run_list, .params = params_of_noun, .offers = list_offers,
		.doc = "List, filter, search, sort; or export all of it as CSV, NDJSON or XLSX"),
	NOUN_ROUTE("POST", "/{noun}", NOUN_WRITES, "create", run_create, .status = 201, .doc = "Make one"),
	NOUN_ROUTE("POST", "/{noun}/batch", NOUN_WRITES, "batch", batch_run, .raw = "application/json", .params = batch_params, .body_max = 8 << 20,
		.doc = "Make, change, delete up to 1000 at once: all or nothing, or with atomic=false each for itself (207)"),
	NOUN_ROUTE("GET", "/{noun}/{id}", NOUN_READS, "get", run_get, .doc = "One record"),
	NOUN_ROUTE("PUT", "/{noun}/{id}", NOUN_WRITES, "replace", run_replace, .doc = "Replace it: what is not said becomes the default"),
	NOUN_ROUTE("PATCH", "/{noun}/{id}", NOUN_WRITES, "patch", run_patch, .doc = "Change some fields (RFC 7396)"),
	NOUN_ROUTE("DELETE", "/{noun}/{id}", NOUN_WRITES, "delete", run_delete, .status = 204, .doc = "Delete it; 409 when others refer to it"),
	NOUN_ROUTE("GET", "/{noun}/template", NOUN_READS, "template", sheets_template, .params = sheets_template_params, .offers = sheets_template_offers,
		.doc = "A file to fill in and import: heads, an example, choices, explanations (XLSX; CSV: heads and the example)"),
	NOUN_ROUTE("POST", "/{noun}/read", NOUN_WRITES, "read", sheets_read_table, .raw = TYPES_IN, .offers = sheets_read_offers, .body_max = FILE_MAX,
		.doc = "A file as the table it holds, in CSV; nothing is stored"),
	NOUN_ROUTE("POST", "/{noun}/import", NOUN_WRITES, "import", sheets_import, .raw = TYPES_IN, .params = sheets_import_params,
		.body_max = FILE_MAX,
		.doc = "Make, change and delete many from a table (CSV in UTF-8, UTF-16 or GB18030, XLSX); all or nothing unless partial"),
};
const struct routes routes_noun = { rows, ELEMENTSOF(rows) };
