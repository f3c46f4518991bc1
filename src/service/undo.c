/*
 * undo.c - what an import did, kept beside it and taken back as one step.
 *
 * A step is a line of JSON: {"id","rev","before"}: the record, the revision it has since (0: it was deleted), and what it was (null:
 * it was made). Steps lie in parts of at most half a megabyte, so that neither writing nor taking back holds them all. They are
 * written in the import's own transaction. Undoing goes from the last step to the first; each stands for itself: a record that was
 * changed since, or that others refer to by now, stays and is named.
 */

#include "service/import.h"

enum { PART_MAX = 512 << 10, STEP_MAX = 900 << 10, STEP_ARENA_MAX = 16 << 20 };
enum import_state { IMPORT_DONE, IMPORT_UNDONE, IMPORT_PARTLY_UNDONE };

struct import_record {
	struct rec_head head;
	const char *noun, *file, *by;
	uint32_t rows, made, changed, removed, unchanged, wrong, parts;
	int32_t state;
};
static const struct rec_word states[] = { { "done", "Done", "已导入" }, { "undone", "Undone", "已撤销" },
	{ "partly_undone", "Partly undone", "部分撤销" }, { 0 } };
#define COUNT(member, en, zh) F(struct import_record, member, .flags = REC_READONLY, .label = en, .label_zh = zh)
static const struct rec_field import_fields[] = {
	F(struct import_record, noun, .flags = REC_READONLY, .max = "40", .label = "Records", .label_zh = "记录类型"),
	F(struct import_record, file, .flags = REC_READONLY | REC_SEARCH, .max = "200", .label = "File", .label_zh = "文件"),
	F(struct import_record, by, .flags = REC_READONLY, .max = "200", .label = "By", .label_zh = "操作人"),
	F_ENUM(struct import_record, state, states, .flags = REC_READONLY, .def = "done", .label = "State", .label_zh = "状态"),
	COUNT(rows, "Rows", "行数"), COUNT(made, "Made", "新增"), COUNT(changed, "Changed", "修改"),
	COUNT(removed, "Deleted", "删除"), COUNT(unchanged, "Unchanged", "未变"), COUNT(wrong, "Wrong", "有误"),
	F(struct import_record, parts, .flags = REC_INTERNAL),
};
const struct rec_type import_type = REC_TYPE(struct import_record, "import", "imports", import_fields, .title = "Import",
	.title_zh = "导入", .doc = "Records made and changed from a file", .doc_zh = "由文件新增和修改的记录");
const struct noun import_noun = NOUN_ROW(import_type, DEED_TENANT, PERM_POINT_READ, PERM_POINT_WRITE, NULL);

struct import_part { struct rec_head head; struct uuid import; uint32_t number; struct rec_bytes steps; };
static const struct rec_field part_fields[] = {
	F(struct import_part, import, .flags = REC_INTERNAL | REC_INDEX),
	F(struct import_part, number, .flags = REC_INTERNAL),
	F(struct import_part, steps, .flags = REC_INTERNAL, .max = "1048576"),
};
const struct rec_type import_part_type = REC_TYPE(struct import_part, "import_part", "import_parts", part_fields, .unique = "import,number");

/* ---- writing down ---- */

struct steps { struct scope *s; struct uuid import; struct buf text; uint32_t parts; };

int steps_begin(struct scope *s, const struct noun *n, struct steps **ret)
{
	struct steps *t;

	if (n->store != DEED_TENANT) {
		*ret = NULL;
		return 0;
	}
	t = sys_new(struct steps);
	if (!t)
		return err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
	*t = (struct steps) { .s = s, .import = uuid_new(), .text = BUF_INIT(&sys_heap, PART_MAX + STEP_MAX) };
	*ret = t;
	return 0;
}

struct steps *steps_free(struct steps *t)
{
	if (t)
		buf_done(&t->text);
	return sys_free(t);
}

static int flush(struct steps *t)
{
	struct import_part p = { .import = t->import, .number = t->parts, .steps = { t->text.data, t->text.len } };
	int r = t->text.failed ? err_fail(ERR_NO_MEMORY, "what", "@import", NULL) : t->text.len ? store_put(t->s->tx, &import_part_type, &p,
		&t->s->who.id) : 0;

	if (r < 0)
		return r;
	t->parts += t->text.len > 0;
	buf_clear(&t->text);
	return 0;
}

int steps_add(struct steps *t, const struct noun *n, const void *before, const void *after)
{
	const struct rec_head *head = after ? after : before;
	struct json j = JSON_TO(&t->text);
	char id[UUID_TEXT + 1];

	uuid_format(&head->id, id);
	json_object(&j);
	json_kv_str(&j, "id", id);
	json_kv_u64(&j, "rev", after ? head->rev : 0);
	json_key(&j, "before");
	if (before)
		rec_to_json(n->type, before, REC_SHOW_INTERNAL | REC_HIDE_SECRET, NULL, &j);
	else
		json_null(&j);
	json_end(&j);
	buf_addc(&t->text, '\n');
	return t->text.len >= PART_MAX || t->text.failed ? flush(t) : 0;
}

/* ---- no more than IMPORTS_KEPT ---- */

struct ids { struct uuid id[IMPORTS_KEPT * 2]; uint32_t n; };

static int note_id(void *ctx, const void *rec)
{
	struct ids *ids = ctx;

	ids->id[ids->n++] = ((const struct rec_head *) rec)->id;
	return ids->n == ELEMENTSOF(ids->id);
}

static int drop_parts(struct scope *s, const struct uuid *import)
{
	char text[UUID_TEXT + 1];
	struct store_filter f = { "import", STORE_EQ, text };
	int r;

	uuid_format(import, text);
	for (;;) {
		struct ids ids = { .n = 0 };
		struct store_list list = { .filters = &f, .n_filters = 1, .limit = IMPORTS_KEPT };
		r = store_list(s->tx, &import_part_type, &list, note_id, &ids, NULL);
		for (uint32_t i = 0; r >= 0 && i < ids.n; i++)
			r = store_del(s->tx, &import_part_type, &ids.id[i], 0, &s->who.id);
		if (r < 0 || ids.n == 0)
			return r < 0 ? r : 0;
	}
}

static int forget_old(struct scope *s)
{
	struct ids *ids = arena_new(s->arena, struct ids);
	struct store_list list = { .limit = IMPORTS_KEPT * 2 };
	int r = ids ? store_list(s->tx, &import_type, &list, note_id, ids, NULL) : err_fail(ERR_NO_MEMORY, "what", "@import", NULL);

	for (uint32_t i = 0; r >= 0 && i + IMPORTS_KEPT < ids->n; i++) {
		r = drop_parts(s, &ids->id[i]);
		if (r >= 0)
			r = store_del(s->tx, &import_type, &ids->id[i], 0, &s->who.id);
	}
	return r < 0 ? r : 0;
}

int steps_end(struct steps *t, const struct noun_import *in, struct noun_imported *out)
{
	char file[201] = "";
	struct buf f = BUF_FIXED(file);
	struct import_record rec = { .head = { .id = t->import }, .noun = in->noun->type->name, .file = file, .by = t->s->who.name,
		.rows = out->rows, .made = out->created, .changed = out->updated, .removed = out->deleted,
		.unchanged = out->unchanged, .wrong = out->failed };
	int r;

	if (out->created + out->updated + out->deleted == 0)
		return 0;
	buf_addf(&f, "%.48s", in->file ? in->file : "");
	if (!utf8_is_valid(file, str_len(file)))
		file[utf8_valid_prefix(file, str_len(file))] = 0;
	r = flush(t);
	rec.parts = t->parts;
	if (r >= 0)
		r = store_put(t->s->tx, &import_type, &rec, &t->s->who.id);
	if (r >= 0)
		r = forget_old(t->s);
	if (r >= 0)
		out->id = t->import;
	return r;
}

/* ---- taking back ---- */

struct undo { struct scope *s; const struct noun *noun; const struct uuid *id; bool dry_run; struct noun_undone *out; struct arena *keep, step; };
struct step { struct uuid id; uint64_t rev; const struct tree *before; };

static int changed_since(const struct undo *u, const char *code)
{
	char what[80];
	struct buf b = BUF_FIXED(what);

	buf_addf(&b, "@%s", u->noun->type->name);
	return err_fail(ERR_CHANGED_SINCE, "what", what, "value", code, NULL);
}

/* What people call it, from what it was or is. */
static const char *code_of(struct undo *u, const void *rec)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 4096);
	const struct rec_field *f = rec_field(u->noun->type, "code");

	f = f ? f : rec_field(u->noun->type, "name");
	if (f)
		rec_field_format(u->noun->type, f, rec, &b);
	return arena_str(u->s->arena, b.data);
}

/* The record as it was; what is secret as it is. */
static int as_before(struct undo *u, const struct step *step, const void *now, void *rec)
{
	const struct rec_type *t = u->noun->type;
	struct rec_head *head = rec;
	int r = rec_from_tree(t, rec, step->before, (enum rec_mode) (REC_CREATE | REC_TRUSTED), u->s->arena, NULL);

	if (r < 0)
		return r;
	head->id = step->id;
	head->rev = now ? ((const struct rec_head *) now)->rev : 0;
	for (uint32_t i = 0; now && i < t->n_fields; i++) {
		const struct rec_field *f = &t->fields[i];
		if (!(f->flags & REC_SECRET))
			continue;
		memcpy(rec_at(rec, f), rec_at(now, f), f->size);
		rec_set_has(t, rec, f, rec_has(t, now, f));
	}
	return 0;
}

static int undo_step(struct undo *u, const struct step *step, const char **ret_code)
{
	struct scope *s = u->s;
	void *now = noun_alloc(s, u->noun), *rec = noun_alloc(s, u->noun);
	int r = now && rec ? store_get(s->tx, u->noun->type, &step->id, now, s->arena) : -ERR_NO_MEMORY;
	bool is_there = r >= 0;

	if (r < 0 && r != -ERR_MISSING)
		return r;
	err_clear();
	*ret_code = is_there ? code_of(u, now) : tree_str(tree_find(step->before, "code"));
	if (!is_there && !step->before)         /* somebody deleted it: nothing is left to do */
		return 0;
	if (is_there != (step->rev != 0) || (is_there && ((struct rec_head *) now)->rev != step->rev))
		return changed_since(u, *ret_code ? *ret_code : "");
	r = step->before ? as_before(u, step, is_there ? now : NULL, rec) : 0;
	if (r >= 0)
		r = step->before ? noun_put(s, u->noun, is_there ? now : NULL, rec, NULL) : noun_remove(s, u->noun, now, NULL);
	if (r < 0)
		return r;
	u->out->deleted += !step->before;
	u->out->restored += step->before && is_there;
	u->out->brought_back += step->before && !is_there;
	return 0;
}

static int keep_it(struct undo *u, const struct step *step, const char *code, int r)
{
	struct noun_undone *out = u->out;

	if (r == -ERR_NO_MEMORY || r == -ERR_IO || r == -ERR_FULL || r == -ERR_BROKEN || r == -ERR_CORRUPT)
		return r;
	out->kept++;
	if (out->n_items < ERRS_MAX)
		out->items[out->n_items++] = (struct import_kept) { step->id, arena_str(u->keep, code ? code : ""), err_take(r) };
	err_clear();
	return 0;
}

static int undo_line(struct undo *u, const char *line, size_t len)
{
	struct tree *t;
	struct step step = { 0 };
	const char *id, *code = NULL;
	int r = tree_parse(line, len, "@import", u->s->arena, &t), kept;

	if (r < 0)
		return r;
	id = tree_str(tree_find(t, "id"));
	if (!id || !uuid_parse(id, str_len(id), &step.id))
		return err_fail(ERR_CORRUPT, "what", "@import", "detail", "step", NULL);
	step.rev = (uint64_t) tree_i64(tree_find(t, "rev"), 0);
	step.before = tree_find(t, "before");
	if (step.before && step.before->kind != TREE_OBJECT)
		step.before = NULL;
	if (noun_writes_once(u->noun)) {
		uint64_t writes = store_writes(u->s->tx);
		r = undo_step(u, &step, &code);
		return r < 0 && store_writes(u->s->tx) == writes ? keep_it(u, &step, code, r) : MIN(r, 0);
	}
	r = store_savepoint(u->s->tx);
	if (r < 0)
		return r;
	r = undo_step(u, &step, &code);
	kept = store_release(u->s->tx, r >= 0);
	if (kept < 0)
		return kept;
	return r < 0 ? keep_it(u, &step, code, r) : 0;
}

/* The part's lines, the last one first. */
static int undo_part(struct undo *u, const struct rec_bytes *part)
{
	const char *text = part->data;
	size_t end = part->len;
	int r = 0;

	while (r >= 0 && end > 0) {
		size_t from = --end;            /* the line feed */
		while (from > 0 && text[from - 1] != '\n')
			from--;
		if (u->s->platform && atomic_load_explicit(&u->s->platform->ending, memory_order_relaxed))
			return err_fail(ERR_STOPPING, NULL, NULL);
		u->s->arena = &u->step;
		r = undo_line(u, text + from, end - from);
		u->s->arena = u->keep;
		arena_reset(&u->step);
		end = from;
	}
	return r;
}

static int undo_parts(struct undo *u, uint32_t parts)
{
	char id[UUID_TEXT + 1], number[16];
	struct store_filter f[] = { { "import", STORE_EQ, id }, { "number", STORE_EQ, number } };
	struct import_part p;
	int r = 0;

	uuid_format(u->id, id);
	while (r >= 0 && parts-- > 0) {
		struct buf b = BUF_FIXED(number);
		struct arena a;
		number[0] = 0;
		buf_addf(&b, "%u", parts);
		arena_init(&a, &sys_heap, 4 << 20);
		r = store_find(u->s->tx, &import_part_type, f, 2, &p, &a);
		if (r >= 0)
			r = undo_part(u, &p.steps);
		arena_done(&a);
	}
	return r;
}

static int run_undo(struct scope *s, const void *in, void *ret)
{
	struct undo u = *(const struct undo *) in;
	struct import_record rec;
	int r = noun_fetch(s, &import_noun, u.id, &rec);

	if (r >= 0 && rec.state != IMPORT_DONE)
		r = err_fail(ERR_INVALID, "field", "@import", "rule", "@rule_undone", "value", rec.file, NULL);
	if (r < 0)
		return r;
	u.keep = s->arena;
	arena_init(&u.step, &sys_heap, STEP_ARENA_MAX);
	r = undo_parts(&u, rec.parts);
	arena_done(&u.step);
	if (r >= 0 && u.dry_run)
		return err_fail(ERR_CANCELLED, NULL, NULL);
	rec.state = u.out->kept ? IMPORT_PARTLY_UNDONE : IMPORT_UNDONE;
	rec.parts = 0;
	if (r >= 0)
		r = drop_parts(s, u.id);
	if (r >= 0)
		r = store_put(s->tx, &import_type, &rec, &s->who.id);
	return r;
}

int noun_undo(struct scope *s, const struct uuid *import, bool dry_run, struct noun_undone *ret)
{
	struct noun_in in = { .noun = &import_noun, .id = *import };
	struct undo u = { .s = s, .id = import, .dry_run = dry_run, .out = ret };
	struct deed d = { .store = DEED_TENANT, .run = run_undo };
	void *rec;
	int r = noun_get(s, &in, &rec);

	if (r < 0)
		return r;
	u.noun = noun_find(s->platform, ((struct import_record *) rec)->noun);
	if (!u.noun)
		return err_fail(ERR_MISSING, "what", "@record", "value", ((struct import_record *) rec)->noun, NULL);
	*ret = (struct noun_undone) { .items = arena_array(s->arena, struct import_kept, ERRS_MAX) };
	d.permission = u.noun->write;
	d.name = arena_fmt(s->arena, "%s.undo_import", u.noun->type->name);
	if (!ret->items || !d.name)
		return err_fail(ERR_NO_MEMORY, "what", "@import", NULL);
	r = noun_told(s, u.noun, scope_do(s, &d, &u, NULL));
	if (r == -ERR_CANCELLED && dry_run) {
		err_clear();
		return 0;
	}
	return r;
}
