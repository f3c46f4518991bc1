/* import_job.c - a long list, imported as a job: progress is seen, and it can be cancelled. */

#include "job/job.h"
#include "rec/tree.h"
#include "service/import.h"
#include "service/reach.h"
#include "sheet/sheet.h"

enum { FILE_MAX = 64 << 20, SETTLED_MAX = 24, TELL_EVERY = 256, RESULT_MAX = 60 << 10 };

struct running { struct job *job; };

static int on_rows(void *ctx, uint32_t rows)
{
	const struct running *run = ctx;

	if (rows % TELL_EVERY)
		return 0;
	job_done(run->job, rows);
	return job_is_cancelled(run->job) ? job_cancelled() : 0;
}

static const char *text_of(const struct tree *t, const char *key) { return tree_str(tree_find(t, key)); }

static void errors_json(const struct noun_imported *out, enum lang lang, struct json *j)
{
	json_key(j, "errors");
	json_array(j);
	for (uint32_t i = 0; i < out->n_errors && j->out->len < RESULT_MAX - 2048; i++) {
		char text[1000] = "";
		struct buf b = BUF_FIXED(text);
		err_text(&out->errors[i].err, lang, &b);
		json_object(j);
		json_kv_u64(j, "line", out->errors[i].line);
		json_kv_str(j, "column", out->errors[i].column);
		json_kv_str(j, "code", err_code(out->errors[i].err.kind));
		json_kv_str(j, "detail", text);
		json_end(j);
	}
	json_end(j);
}

/* The members of the answer that an import gives at once (api/sheets.md). */
static int tell(struct job *job, const struct noun_import *in, const struct noun_imported *out, enum lang lang)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT(&sys_heap, RESULT_MAX + 4096);
	struct json j = JSON_TO(&text);
	char id[UUID_TEXT + 1];

	uuid_format(&out->id, id);
	json_object(&j);
	json_kv_bool(&j, "dry_run", in->dry_run);
	json_kv_u64(&j, "rows", out->rows);
	json_kv_u64(&j, "created", out->created);
	json_kv_u64(&j, "updated", out->updated);
	json_kv_u64(&j, "deleted", out->deleted);
	json_kv_u64(&j, "unchanged", out->unchanged);
	json_kv_u64(&j, "failed", out->failed);
	json_kv_str(&j, "import", uuid_is_zero(&out->id) ? NULL : id);
	json_key(&j, "head");
	json_object(&j);
	json_kv_u64(&j, "line", out->head_line);
	json_key(&j, "fields");
	json_array(&j);
	for (uint32_t i = 0; i < out->n_head; i++)
		json_str(&j, out->head[i]);
	json_end(&j);
	json_end(&j);
	errors_json(out, lang, &j);
	json_end(&j);
	return job_result(job, text.data);
}

static int read_input(struct job *j, struct scope *s, struct noun_import *in)
{
	struct noun_settled *settled = arena_array(s->arena, struct noun_settled, SETTLED_MAX);
	struct tree *t;
	int r = settled ? tree_parse(job_input(j), str_len(job_input(j)), "@job", s->arena, &t) : err_fail(ERR_NO_MEMORY, "what", "@job", NULL);

	if (r < 0)
		return r;
	in->noun = noun_find(s->platform, text_of(t, "noun") ?: "");
	if (!in->noun)
		return err_fail(ERR_MISSING, "what", "@record", "value", text_of(t, "noun"), NULL);
	in->file = text_of(t, "file");
	in->dry_run = tree_bool(tree_find(t, "dry_run"), false);
	in->partial = tree_bool(tree_find(t, "partial"), false);
	in->match = tree_bool(tree_find(t, "match"), false);
	s->lang = str_eq(text_of(t, "lang"), "zh") ? LANG_ZH : LANG_EN;
	in->settled = settled;
	TREE_EACH(member, tree_find(t, "set"))
		if (in->n_settled < SETTLED_MAX && tree_str(member))
			settled[in->n_settled++] = (struct noun_settled) { member->key, tree_str(member) };
	return 0;
}

static int run_import(struct job *j, struct scope *s)
{
	_cleanup_(buf_done) struct buf file = BUF_INIT(&sys_heap, FILE_MAX + 1), room = BUF_INIT(&sys_heap, SHEET_TEXT_MAX);
	struct noun_import in = { .on_rows = on_rows, .ctx = &(struct running) { j } };
	struct noun_imported out = { .rows = 0 };
	struct sheet_text text;
	struct err e;
	int r = read_input(j, s, &in);

	if (r >= 0)
		r = file_read(job_body(j) ?: "", FILE_MAX, &file);
	if (r >= 0)
		r = sheet_table(s->platform->sheets, &s->platform->ending, file.data, file.len, &room, &text);
	if (r < 0)
		return r;
	in.text = text.text;
	in.len = text.len;
	in.by_row = text.by_row;
	job_total(j, import_lines(text.text, text.len), "rows");
	r = noun_import(s, &in, &out);
	e = *err_peek();
	if (job_is_cancelled(j) && in.dry_run && r >= 0)
		return job_cancelled();
	job_done(j, out.rows);
	if (tell(j, &in, &out, s->lang) < 0)
		err_clear();
	if (r < 0)
		err_put(&e);
	return r;
}

/* Who may change the records is asked when it runs, by the deed; and at the door. */
const struct job_kind import_job_kind = { .name = "records.import", .title = "Import of a list", .title_zh = "导入列表",
	.permission = MUST_SAY(PERM_POINT_READ), .run = run_import };

int import_begin(struct scope *s, const struct noun_import *in, struct uuid *ret_job)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT(&sys_heap, RESULT_MAX);
	struct json j = JSON_TO(&text);
	int r = reach_need(s, in->noun->write, in->noun->type);         /* the deed looks at places */

	if (r < 0)
		return r;
	json_object(&j);
	json_kv_str(&j, "noun", in->noun->type->name);
	json_kv_str(&j, "file", in->file);
	json_kv_str(&j, "lang", s->lang == LANG_ZH ? "zh" : "en");
	json_kv_bool(&j, "dry_run", in->dry_run);
	json_kv_bool(&j, "partial", in->partial);
	json_kv_bool(&j, "match", in->match);
	json_key(&j, "set");
	json_object(&j);
	for (size_t i = 0; i < in->n_settled; i++)
		json_kv_str(&j, in->settled[i].field, in->settled[i].text);
	json_end(&j);
	json_end(&j);
	if (text.failed)
		return err_fail(ERR_TOO_LARGE, "what", "@parameters", "max", "61440", NULL);
	return job_begin(s->platform->jobs, s, &(struct job_in) { .kind = import_job_kind.name, .input = text.data, .body = in->text, .len = in->len }, ret_job);
}
