/* sheets.c - lists of records as files: in, and what came in taken back. */

#include "api/internal.h"
#include "service/noun_book.h"
#include "sheet/sheet.h"

/* ---- import ---- */

struct import_answer { struct noun_imported out; bool dry_run; struct sheet_text text; };

static void import_members(struct call *c, struct json *j)
{
	const struct import_answer *a = c->extra_arg;
	char id[UUID_TEXT + 1];

	uuid_format(&a->out.id, id);
	json_kv_bool(j, "dry_run", a->dry_run);
	json_kv_str(j, "encoding", a->text.encoding);
	if (a->text.by_row) {
		json_key(j, "sheet");
		json_object(j);
		json_kv_str(j, "name", a->text.notes.sheet);
		json_kv_u64(j, "sheets", a->text.notes.sheets);
		json_kv_u64(j, "hidden", a->text.notes.hidden);
		json_kv_u64(j, "formulas", a->text.notes.formulas);
		json_kv_u64(j, "links", a->text.notes.links);
		json_end(j);
	}
	json_kv_u64(j, "rows", a->out.rows);
	json_kv_u64(j, "created", a->out.created);
	json_kv_u64(j, "updated", a->out.updated);
	json_kv_u64(j, "deleted", a->out.deleted);
	json_kv_u64(j, "unchanged", a->out.unchanged);
	json_kv_u64(j, "failed", a->out.failed);
	json_kv_str(j, "import", uuid_is_zero(&a->out.id) ? NULL : id);
	json_key(j, "head");
	json_object(j);
	json_kv_u64(j, "line", a->out.head_line);
	json_key(j, "fields");
	json_array(j);
	for (uint32_t i = 0; i < a->out.n_head; i++)
		json_str(j, a->out.head[i]);
	json_end(j);
	json_end(j);
	json_key(j, "errors");
	json_array(j);
	for (uint32_t i = 0; i < a->out.n_errors; i++) {
		const struct import_error *e = &a->out.errors[i];
		json_object(j);
		json_kv_u64(j, "line", e->line);
		json_kv_str(j, "column", e->column);
		error_entry(j, &e->err, c->scope.lang);
		json_end(j);
	}
	json_end(j);
}

/* set.device=…, set.group=…: for the columns the file lacks. */
static int read_settled(struct call *c, struct noun_import *in)
{
	struct noun_settled *s = arena_array(&c->arena, struct noun_settled, PARAMS_MAX);

	if (!s)
		return err_fail(ERR_NO_MEMORY, "what", "@parameters", NULL);
	in->settled = s;
	for (unsigned i = 0; i < c->n_params; i++)
		if (str_starts(c->param[i].key, "set."))
			s[in->n_settled++] = (struct noun_settled) { c->param[i].key + 4, c->param[i].value };
	return 0;
}

static int do_import(struct call *c, struct noun_import *in, struct import_answer *a)
{
	_cleanup_(buf_done) struct buf room = BUF_INIT(&sys_heap, SHEET_TEXT_MAX);
	struct platform *p = c->api->platform;
	int r = sheet_table(p->sheets, &p->ending, c->body, c->body_len, &room, &a->text);

	if (r < 0)
		return r;
	in->by_row = a->text.by_row;
	in->text = a->text.text;
	in->len = a->text.len;
	return noun_import(&c->scope, in, &a->out);
}

int sheets_import(struct call *c)
{
	struct import_answer *a = arena_new(&c->arena, struct import_answer);
	struct noun_import in = { .noun = c->noun, .file = call_param(c, "file") };
	struct uuid job;
	bool as_job;
	struct json j;
	int r = a ? call_bool(c, "dry_run", &in.dry_run) : err_fail(ERR_NO_MEMORY, "what", "@file", NULL);

	if (r >= 0)
		r = call_bool(c, "partial", &in.partial);
	if (r >= 0)
		r = call_bool(c, "match", &in.match);
	if (r >= 0)
		r = call_bool(c, "job", &as_job);
	if (r >= 0)
		r = read_settled(c, &in);
	if (r < 0)
		return r;
	if (as_job) {
		in.text = c->body;
		in.len = c->body_len;
		r = import_begin(&c->scope, &in, &job);
		return r < 0 ? r : answer_job(c, &job);
	}
	a->dry_run = in.dry_run;
	r = do_import(c, &in, a);
	c->extra_arg = a;
	if (r < 0) {
		if (a->out.n_errors)
			c->extra = import_members;
		return r;
	}
	j = answer_json(c);
	json_object(&j);
	import_members(c, &j);
	json_end(&j);
	return 0;
}

/* ---- templates, and a file as a table ---- */

int sheets_template(struct call *c)
{
	const char *format = call_param(c, "format");
	bool csv = format ? str_eq(format, "csv") : c->offer == 1;
	int r;

	if (format && !csv && !str_eq(format, "xlsx"))
		return err_fail(ERR_BAD_ARGUMENT, "field", "format", "rule", "@rule_template_format", "value", format, NULL);
	r = csv ? noun_template_csv(&c->scope, c->noun, &c->out) : noun_template(&c->scope, c->noun, &c->out);
	if (r < 0)
		return r;
	c->content_type = csv ? "text/csv; charset=utf-8" : SHEET_TYPE_XLSX;
	call_field(c, "Content-Disposition", arena_fmt(&c->arena, "attachment; filename=\"%s-template.%s\"", c->noun->type->plural, csv ? "csv" : "xlsx"));
	return 0;
}

int sheets_read_table(struct call *c)
{
	_cleanup_(buf_done) struct buf room = BUF_INIT(&sys_heap, SHEET_TEXT_MAX);
	struct platform *p = c->api->platform;
	struct sheet_text text;
	int r = sheet_table(p->sheets, &p->ending, c->body, c->body_len, &room, &text);

	if (r < 0)
		return r;
	buf_addn(&c->out, text.text, text.len);
	if (c->out.failed)
		return err_fail(ERR_TOO_LARGE, "what", "@file", "max", "67108864", NULL);
	c->content_type = "text/csv; charset=utf-8";
	call_field(c, "X-Encoding", text.encoding);
	return 0;
}

/* ---- imports ---- */

static int run_imports(struct call *c)
{
	if (!call_param(c, "sort") && c->n_params < PARAMS_MAX)
		c->param[c->n_params++] = (struct param) { "sort", "-created" };
	return answer_list(c, &import_noun);
}

static int run_undo(struct call *c)
{
	struct noun_undone out;
	struct uuid id;
	struct json j;
	bool dry_run;
	int r = call_bool(c, "dry_run", &dry_run);

	if (r >= 0 && !uuid_parse(c->arg, str_len(c->arg), &id))
		r = err_fail(ERR_MISSING, "what", "@an_import", "value", c->arg, NULL);
	if (r >= 0)
		r = noun_undo(&c->scope, &id, dry_run, &out);
	if (r < 0)
		return r;
	j = answer_json(c);
	json_object(&j);
	json_kv_bool(&j, "dry_run", dry_run);
	json_kv_u64(&j, "deleted", out.deleted);
	json_kv_u64(&j, "restored", out.restored);
	json_kv_u64(&j, "brought_back", out.brought_back);
	json_kv_u64(&j, "kept", out.kept);
	json_key(&j, "errors");
	json_array(&j);
	for (uint32_t i = 0; i < out.n_items; i++) {
		char text[UUID_TEXT + 1];
		uuid_format(&out.items[i].id, text);
		json_object(&j);
		json_kv_str(&j, "id", text);
		json_kv_str(&j, "record", out.items[i].code);
		error_entry(&j, &out.items[i].err, c->scope.lang);
		json_end(&j);
	}
	json_end(&j);
	json_end(&j);
	return 0;
}

const char *const sheets_template_params[] = { "format", NULL };
const char *const sheets_template_offers[] = { SHEET_TYPE_XLSX, "text/csv", NULL };
const char *const sheets_read_offers[] = { "text/csv", NULL };
const char *const sheets_import_params[] = { "dry_run", "partial", "match", "file", "job", "set.*", NULL };
static const char *const undo_params[] = { "dry_run", NULL };
static const char *const list_offers[] = { "application/json", "text/csv", "application/x-ndjson", NULL };

static const struct route rows[] = {
	ROUTE("GET", "/imports", PERM_POINT_READ, "import.list", run_imports, .list_of = &import_type, .params = params_of_noun, .offers = list_offers,
		.doc = "What was imported, the newest first"),
	/* The right to change what was imported is asked for by the deed, which knows what that was. */
	ROUTE("POST", "/imports/{id}/undo", SIGNED_IN, "import.undo", run_undo, .params = undo_params,
		.doc = "Undo an import as one step; what was changed since stays and is named"),
};
const struct routes routes_sheets = { rows, ELEMENTSOF(rows) };
