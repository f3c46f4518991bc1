/*
 * import.c - records from a table.
 *
 * One deed: all rows in one transaction, so that every wrong row is named with line and column and the good ones can be kept when that
 * is wanted. A row of a noun that writes more than its record (a device renames its points) has a savepoint of its own; elsewhere a row
 * that is refused has written nothing. A row that names an existing record (by id, path, or the noun's unique fields)
 * changes the columns it has; an empty cell clears what may be empty. References may be written as id, as path, or as code; a code
 * is looked for within the row's other references (a group's code within the row's device). A row whose column "delete" says yes
 * deletes its record. No two rows may speak of the same record. What was done is kept, so that it can be undone (undo.c).
 */

#include "service/approval.h"
#include "service/headings.h"
#include "service/import.h"
#include "service/reach.h"

enum { ROW_ARENA_MAX = 16 << 20, SEEN_MAX = 64 << 20 };
enum done { ROW_SAME, ROW_CHANGED, ROW_MADE, ROW_DELETED };

/* ---- no record twice ---- */

struct seen { struct uuid id; uint32_t line; };

static bool is_same(const void *item, const void *key) { return uuid_equal(&((const struct seen *) item)->id, key); }

static int not_twice(struct import *m, const struct uuid *id, const void *rec)
{
	const struct rec_field *named;
	_cleanup_(buf_done) struct buf value = BUF_INIT(&sys_heap, 4096);
	uint64_t hash = hash_bytes(id, sizeof(*id));
	struct seen *s = map_find(&m->seen, hash, is_same, id);
	char line[16];
	struct buf l = BUF_FIXED(line);

	if (!s) {
		s = arena_new(&m->seen_arena, struct seen);
		if (!s || !map_put(&m->seen, hash, s))
			return err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
		*s = (struct seen) { *id, m->cells.line };
		return 0;
	}
	named = rec_field(m->type, "code") ?: rec_field(m->type, "name");
	if (named)
		rec_field_format(m->type, named, rec, &value);
	buf_addf(&l, "%u", s->line);
	return err_at(err_fail(ERR_TWICE_IN_FILE, "value", value.data, "line", line, NULL), named ? named->name : "id");
}

/* ---- a row ---- */

enum { REFS_MAX = 64 };

static bool is_comma(const char *at, size_t *ret_len)
{
	static const char *const commas[] = { ",", ";", "，", "；", "、" };

	for (size_t i = 0; i < ELEMENTSOF(commas); i++)
		if (str_starts(at, commas[i])) {
			*ret_len = str_len(commas[i]);
			return true;
		}
	return false;
}

/* "core, energy": ids or codes. What an export in JSON wrote is taken, too. */
static int set_refs(struct import *m, void *rec, const struct rec_field *f, const char *text)
{
	struct uuid ids[REFS_MAX];
	size_t len, gap = 0;
	uint32_t n = 0;
	int r = 0;

	if (str_starts(text, "["))
		return rec_field_parse(m->type, f, rec, text, str_len(text), m->s->arena);
	for (; *text && r >= 0; text += len + gap) {
		const char *one;

		for (len = 0; text[len] && !is_comma(text + len, &gap); len++)
			;
		if (!text[len])
			gap = 0;
		one = import_trim(m->s->arena, arena_strn(m->s->arena, text, len));
		if (!one)
			return err_fail(ERR_NO_MEMORY, "what", "@row", NULL);
		if (!*one)
			continue;
		if (n == REFS_MAX)
			return err_at(err_fail(ERR_COUNT, "field", f->name, "min", "0", "max", f->max, "value", "64", NULL), f->name);
		r = import_resolve(m, f, one, &ids[n++]);
	}
	if (r < 0)
		return r;
	*(struct rec_list *) rec_at(rec, f) = (struct rec_list) { n ? arena_dup(m->s->arena, ids, n * sizeof(*ids)) : NULL, n };
	rec_set_has(m->type, rec, f, true);
	return n && !((struct rec_list *) rec_at(rec, f))->items ? err_fail(ERR_NO_MEMORY, "what", "@row", NULL) : 0;
}

static int set_cell(struct import *m, void *rec, const struct column *c)
{
	const struct rec_field *f = c->field;
	const char *text = f->kind == REC_TEXT && c->at < m->cells.n && !c->otherwise ? m->cells.cells[c->at] : import_text(m, c);
	struct uuid id;
	int r;

	text = heading_word(m->type, f, text);
	if (rec_sql_is_join(f) && !str_empty(text))
		return set_refs(m, rec, f, text);
	if (f->kind != REC_REF || str_empty(text))      /* an empty cell clears, or brings the default */
		return rec_field_parse(m->type, f, rec, text, str_len(text), m->s->arena);
	r = import_resolve(m, f, text, &id);
	if (r < 0)
		return r;
	*(struct uuid *) rec_at(rec, f) = id;
	rec_set_has(m->type, rec, f, true);
	return 0;
}

static int set_cells(struct import *m, void *rec, struct errs *errs)
{
	int first = 0;

	for (uint32_t i = 0; i < m->n_columns; i++) {
		const struct column *c = &m->column[i];
		int r = c->role != COLUMN_FIELD || c->only_names ? 0 : set_cell(m, rec, c);
		if (r >= 0)
			continue;
		if (!err_peek()->pointer[0])
			err_at(r, c->field->name);
		errs_add(errs, r);
		first = first ? first : r;
	}
	return first;
}

/* A point's device is set by the platform, from its group; for finding the point it is taken from the row. */
static int set_names(struct import *m, void *rec)
{
	for (uint32_t i = 0; i < m->n_columns; i++) {
		const struct column *c = &m->column[i];
		int r = c->role == COLUMN_FIELD && c->only_names && c->field->kind == REC_REF ? set_cell(m, rec, c) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

/* Only when asked for: what an old export says about revisions is no claim. */
static int is_at_revision(const struct import *m, const struct rec_head *now)
{
	const char *want = m->in->match ? import_role(m, COLUMN_REV) : "";
	char rev[24], what[80];
	struct buf b = BUF_FIXED(rev), t = BUF_FIXED(what);

	buf_addf(&b, "%llu", (unsigned long long) now->rev);
	if (str_empty(want) || str_eq(want, rev))
		return 0;
	buf_addf(&t, "@%s", m->type->name);
	return err_at(err_fail(ERR_PRECONDITION, "what", what, "rev", rev, "value", want, NULL), "rev");
}

static bool says_delete(const struct import *m)
{
	static const struct rec_field yes_or_no = { .name = "delete", .kind = REC_BOOL };

	return str_eq(heading_word(m->type, &yes_or_no, import_role(m, COLUMN_DELETE)), "true");
}

static int delete_row(struct import *m, struct errs *errs)
{
	void *rec = noun_alloc(m->s, m->in->noun);
	struct errs passed_over = { .arena = m->s->arena };
	bool found = false;
	int r;

	if (!rec)
		return -ERR_NO_MEMORY;
	memcpy(rec, m->fresh, m->type->size);
	set_cells(m, rec, &passed_over);        /* what only changes would need is no matter here */
	err_clear();
	r = set_names(m, rec);
	if (r >= 0)
		r = import_record(m, rec, &found);
	if (r >= 0 && !found)
		r = err_fail(ERR_MISSING, "what", "@record", "value", import_cell(m, rec_field(m->type, "code")), NULL);
	if (r >= 0)
		r = is_at_revision(m, rec);
	if (r >= 0)
		r = not_twice(m, &((struct rec_head *) rec)->id, rec);
	if (r >= 0)
		r = noun_remove(m->s, m->in->noun, rec, errs);
	if (r >= 0 && m->steps)
		r = steps_add(m->steps, m->in->noun, rec, NULL);
	return r < 0 ? errs->total ? r : errs_put(errs, r) : ROW_DELETED;
}

/* Returns enum done. */
static int put_row(struct import *m, struct errs *errs)
{
	struct scope *s = m->s;
	void *rec = noun_alloc(s, m->in->noun), *before = noun_alloc(s, m->in->noun);
	bool found = false;
	int r;

	if (!rec || !before)
		return -ERR_NO_MEMORY;
	memcpy(rec, m->fresh, m->type->size);   /* its texts are borrowed: nobody writes into a record's text */
	r = set_cells(m, rec, errs);
	if (r < 0)
		return r;
	r = errs_put(errs, set_names(m, rec));
	if (r >= 0)
		r = errs_put(errs, import_record(m, rec, &found));
	if (r >= 0 && found) {
		r = rec_dup(m->type, before, rec, s->arena);
		if (r >= 0)
			r = set_cells(m, rec, errs);
		if (r >= 0)
			r = errs_put(errs, not_twice(m, &((struct rec_head *) rec)->id, rec));
		if (r >= 0 && rec_equal(m->type, before, rec))
			return ROW_SAME;
		if (r >= 0)
			r = errs_put(errs, is_at_revision(m, before));
	}
	if (r >= 0)
		r = rec_check(m->type, rec, errs);
	if (r >= 0)
		r = noun_put(s, m->in->noun, found ? before : NULL, rec, errs);
	if (r >= 0 && !found)
		r = not_twice(m, &((struct rec_head *) rec)->id, rec);
	if (r >= 0 && m->steps)
		r = steps_add(m->steps, m->in->noun, found ? before : NULL, rec);
	return r < 0 ? errs->total ? r : errs_put(errs, r) : found ? ROW_CHANGED : ROW_MADE;
}

/* What stands above the column at fault; the field's name when the file has no such column. */
static const char *column_of(struct import *m, const struct err *e)
{
	const char *name = e->pointer[0] == '/' ? e->pointer + 1 : "";

	for (uint32_t i = 0; i < m->n_columns; i++)
		if (m->column[i].role == COLUMN_FIELD && str_eq(m->column[i].field->name, name))
			return m->column[i].title;
	return name;
}

static int one_row(struct import *m)
{
	struct errs errs = { .arena = m->s->arena };
	struct noun_imported *out = m->out;
	bool step = !noun_writes_once(m->in->noun);
	uint64_t writes = store_writes(m->s->tx);
	int r = step ? store_savepoint(m->s->tx) : 0, kept;

	if (r < 0)
		return r;
	r = says_delete(m) ? delete_row(m, &errs) : put_row(m, &errs);
	kept = step ? store_release(m->s->tx, r >= 0) : 0;
	if (kept < 0)
		return kept;
	if (r < 0 && store_refused_behind(m->s->tx))            /* some row's, not this one's */
		return r;
	if (r < 0 && !step && store_writes(m->s->tx) != writes) /* the record is there, its note is not: the disk, the memory */
		return r;
	out->rows++;
	if (r >= 0) {
		uint32_t *const count[] = { &out->unchanged, &out->updated, &out->created, &out->deleted };
		++*count[r];
		return 0;
	}
	out->failed++;
	if (errs.n == 0)
		errs_add(&errs, r);
	err_clear();
	for (size_t i = 0; i < errs.n; i++)
		import_add_error(m, m->cells.line, column_of(m, errs.item[i]), errs.item[i]);
	return r == -ERR_NO_MEMORY || r == -ERR_IO || r == -ERR_FULL || r == -ERR_BROKEN ? r : 0;
}

/* ---- the deed ---- */

/* Wrong as a whole: nothing is kept, but what is wrong is known. */
static int refuse(const struct noun_imported *out)
{
	char n[64];
	struct buf b = BUF_FIXED(n);

	buf_addf(&b, "%u/%u", out->failed, out->rows);
	return err_fail(ERR_INVALID, "field", "rows", "rule", "@rule_all_rows", "value", n, NULL);
}

static int rows(struct import *m, struct csv *csv)
{
	struct scope *s = m->s;
	int r;

	for (;;) {
		if (s->platform && atomic_load_explicit(&s->platform->ending, memory_order_relaxed))
			return err_fail(ERR_STOPPING, NULL, NULL);
		arena_reset(&m->row);
		r = csv_next(csv, &m->row, &m->cells);
		if (r <= 0)
			return r;
		s->arena = &m->row;
		r = one_row(m);
		s->arena = m->keep;
		if (r >= 0 && m->in->on_rows)
			r = m->in->on_rows(m->in->ctx, m->out->rows);
		if (r < 0)
			return r;
	}
}

uint64_t import_lines(const char *text, size_t len)
{
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n';
	return n;
}

static bool import_has(const struct import *m, const char *name)
{
	const struct rec_field *f = rec_field(m->type, name);

	return f && m->by_field[f - m->type->fields];
}

/* Rows that are found by their unique fields, and write nothing but their record. */
static int put_behind(struct import *m)
{
	if (m->row_by_row || !noun_writes_once(m->in->noun) || !m->n_unique || m->by_role[COLUMN_ID] || m->by_role[COLUMN_DELETE]
		|| import_has(m, "path"))
		return 0;
	return store_put_behind(m->s->tx, m->type, m->unique, m->n_unique, import_lines(m->in->text, m->in->len));
}

static int read_all(struct import *m, struct csv *csv)
{
	int r = import_read_head(m, csv);

	if (r >= 0 && !m->in->dry_run)
		r = steps_begin(m->s, m->in->noun, &m->steps);
	if (r >= 0)
		r = put_behind(m);
	if (r >= 0)
		r = rows(m, csv);
	if (r >= 0)
		r = store_settle(m->s->tx);
	if (r < 0)
		return r;
	if (m->out->failed && !m->in->partial)
		return refuse(m->out);
	if (m->in->dry_run)
		return err_fail(ERR_CANCELLED, NULL, NULL);
	return m->steps ? steps_end(m->steps, m->in, m->out) : 0;
}

struct import_deed { struct noun_imported *out; bool row_by_row, refused_behind; };

static int run_import(struct scope *s, const void *in, void *ret)
{
	struct import_deed *deed = ret;
	struct import *m = arena_new(s->arena, struct import);
	struct csv csv;
	int r;

	if (!m)
		return err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
	m->s = s;
	m->in = in;
	m->type = m->in->noun->type;
	m->out = deed->out;
	m->row_by_row = deed->row_by_row;
	m->keep = s->arena;
	r = csv_open(&csv, m->in->text, m->in->len);
	if (r < 0)
		return r;
	csv.by_row = m->in->by_row;
	m->seen = MAP_INIT(&sys_heap);
	arena_init(&m->row, &sys_heap, ROW_ARENA_MAX);
	arena_init(&m->seen_arena, &sys_heap, SEEN_MAX);
	m->fresh = noun_alloc(s, m->in->noun);
	r = m->fresh ? rec_init(m->type, m->fresh, s->arena) : -ERR_NO_MEMORY;
	if (r >= 0)
		r = read_all(m, &csv);
	deed->refused_behind = store_refused_behind(s->tx) && (r == -ERR_EXISTS || r == -ERR_NO_SUCH_REF);
	m->steps = steps_free(m->steps);
	map_done(&m->seen);
	arena_done(&m->seen_arena);
	arena_done(&m->row);
	return r;
}

int noun_import(struct scope *s, const struct noun_import *in, struct noun_imported *ret)
{
	struct deed d = { .permission = in->noun->write, .store = in->noun->store, .placed = reach_is_placed(in->noun->type),
		.run = run_import };
	struct import_deed deed = { .out = ret };
	struct import_error *errors;
	int r;

	/* A token's secret is told once: nobody would hear those of a file. What waits for a second person waits record by record. */
	if (in->noun->type == &token_type || approval_is_due(s, in->noun))
		return err_fail(ERR_UNSUPPORTED, "what", "@import", "value", in->noun->type->plural, "words", "create", NULL);
	errors = arena_array(s->arena, struct import_error, ERRS_MAX);
	d.name = arena_fmt(s->arena, "%s.import", in->noun->type->name);
	if (!errors || !d.name)
		return err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
	do {                                    /* again: somewhere a row was refused, and now it is asked which */
		*ret = (struct noun_imported) { .errors = errors };
		deed.row_by_row = deed.refused_behind || s->tx;
		deed.refused_behind = false;
		r = scope_do(s, &d, in, &deed);
	} while (r < 0 && deed.refused_behind);
	r = noun_told(s, in->noun, r);
	if (r < 0)
		ret->id = (struct uuid) { { 0 } };
	if (r == -ERR_CANCELLED && in->dry_run) {
		err_clear();
		return 0;
	}
	return r;
}
