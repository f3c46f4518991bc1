/*
 * import.c - records from a table.
 *
 * One deed: all rows in one transaction, each in a savepoint of its own, so that every wrong row is named with line and column and
 * the good ones can be kept when that is wanted. A row that names an existing record (by id, path, or the noun's unique fields)
 * changes the columns it has; an empty cell clears what may be empty. References may be written as id, as path, or as code; a code
 * is looked for within the row's other references (a group's code within the row's device).
 */

#include "service/csv.h"
#include "service/internal.h"

enum { ROW_ARENA_MAX = 16 << 20, DEPTH_MAX = 16 };

struct column {
	const char *title;
	const struct rec_field *field;  /* NULL: the id */
	bool only_names;                /* a field set by the platform, used to find others (path, a point's device) */
};

struct memo { char text[128]; struct uuid within, id; };

struct import {
	struct scope *s;
	const struct noun_import *in;
	const struct rec_type *type;
	struct noun_imported *out;
	struct arena *keep, row;        /* of the request; of the row */
	struct csv_row head, cells;
	struct column column[CSV_COLUMNS_MAX];
	uint32_t n_columns;
	struct memo memo[CSV_COLUMNS_MAX];
};

/* ---- the head line ---- */

static const char *trim(struct arena *a, const char *text)
{
	size_t n;

	while (*text == ' ')
		text++;
	n = str_len(text);
	while (n && text[n - 1] == ' ')
		n--;
	return arena_strn(a, text, n);
}

static const struct rec_field *field_called(const struct rec_type *t, const char *title)
{
	for (uint32_t i = 0; i < t->n_fields; i++) {
		const struct rec_field *f = &t->fields[i];
		if (f->flags & REC_INTERNAL)
			continue;
		if (str_eq(title, f->name) || str_eq_nocase(title, f->label) || str_eq(title, f->label_zh))
			return f;
	}
	return NULL;
}

static bool is_passed_over(const char *title)
{
	static const char *const head[] = { "rev", "created", "updated", "created_by", "updated_by" };

	for (size_t i = 0; i < ELEMENTSOF(head); i++)
		if (str_eq(title, head[i]))
			return true;
	return str_empty(title);
}

static const char *nearest_field(const struct rec_type *t, const char *title)
{
	const char *names[128];
	size_t n = 0;

	for (uint32_t i = 0; i < t->n_fields && n < ELEMENTSOF(names); i++)
		if (!(t->fields[i].flags & REC_INTERNAL))
			names[n++] = t->fields[i].name;
	return str_nearest(title, names, n);
}

static void add_error(struct import *m, uint32_t line, const char *column, const struct err *e)
{
	struct noun_imported *out = m->out;

	if (out->n_errors == ERRS_MAX)
		return;
	out->errors[out->n_errors++] = (struct import_error) { .line = line, .column = arena_str(m->keep, column ? column : ""), .err = *e };
}

static int read_head(struct import *m, struct csv *csv)
{
	int r = csv_next(csv, m->keep, &m->head);

	if (r == 0)
		return err_fail(ERR_REQUIRED, "field", "header", NULL);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < m->head.n; i++) {
		const char *title = trim(m->keep, m->head.cells[i]);
		struct column *c = &m->column[i];
		if (!title)
			return err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
		*c = (struct column) { .title = title };
		if (str_eq_nocase(title, "id") || is_passed_over(title)) {
			c->only_names = true;
			continue;
		}
		c->field = field_called(m->type, title);
		if (!c->field) {
			struct err e = err_take(err_fail(ERR_UNKNOWN_FIELD, "value", title, "nearest", nearest_field(m->type, title), NULL));
			add_error(m, m->head.line, title, &e);
			m->out->failed++;
			continue;
		}
		c->only_names = (c->field->flags & REC_READONLY) != 0;
	}
	m->n_columns = m->head.n;
	return m->out->failed ? err_fail(ERR_UNKNOWN_FIELD, "value", m->out->errors[0].column, NULL) : 0;
}

static const char *cell(const struct import *m, uint32_t i)
{
	return i < m->cells.n ? m->cells.cells[i] : "";
}

static const char *cell_of(const struct import *m, const char *name)
{
	for (uint32_t i = 0; i < m->n_columns; i++)
		if (m->column[i].field ? str_eq(m->column[i].field->name, name) : str_eq_nocase(m->column[i].title, name))
			return cell(m, i);
	return "";
}

/* ---- references ---- */

static int find_id(struct import *m, const struct noun *n, struct store_filter *f, size_t n_f, struct uuid *ret)
{
	char tenant[UUID_TEXT + 1];
	void *rec = noun_alloc(m->s, n);
	int r;

	if (!rec)
		return -ERR_NO_MEMORY;
	n_f += noun_tenant_filter(m->s, n, tenant, &f[n_f]);
	r = store_find(m->s->tx, n->type, f, n_f, rec, m->s->arena);
	if (r >= 0)
		*ret = ((struct rec_head *) rec)->id;
	return r;
}

/* "acme/plant1/paint": codes from the top, for types with a parent of their own kind. */
static int find_by_codes(struct import *m, const struct noun *n, const char *text, struct uuid *ret)
{
	struct uuid at = { 0 };
	int r = 0;

	for (unsigned depth = 0; *text && r >= 0; depth++) {
		const char *slash = str_find(text, "/");
		const char *code = arena_strn(m->s->arena, text, slash ? (size_t) (slash - text) : str_len(text));
		char up[UUID_TEXT + 1] = "";
		if (!code || depth == DEPTH_MAX)
			return err_fail(ERR_MISSING, "value", text, NULL);
		if (!uuid_is_zero(&at))
			uuid_format(&at, up);
		struct store_filter f[3] = { { "parent", STORE_EQ, up }, { "code", STORE_EQ, code } };
		r = find_id(m, n, f, 2, &at);
		text = slash ? slash + 1 : "";
	}
	if (r >= 0)
		*ret = at;
	return r;
}

static int resolve(struct import *m, const struct rec_field *f, const char *text, struct uuid *ret);

/* The references of `t` that the row also names, as filters: a group's device when there is a column device. */
static int within(struct import *m, const struct rec_type *t, const struct rec_field *but, struct store_filter *f, size_t *n, struct uuid *ret_first)
{
	for (uint32_t i = 0; i < t->n_fields && *n < 4; i++) {
		const struct rec_field *inner = &t->fields[i], *outer = rec_field(m->type, inner->name);
		const char *text = inner->kind == REC_REF && outer && outer != but ? cell_of(m, inner->name) : "";
		char *id;
		struct uuid u;
		int r;
		if (str_empty(text) || outer->kind != REC_REF)
			continue;
		r = resolve(m, outer, text, &u);
		if (r < 0)
			return r;
		id = arena_alloc(m->s->arena, UUID_TEXT + 1);
		if (!id)
			return err_fail(ERR_NO_MEMORY, "what", "@row", NULL);
		uuid_format(&u, id);
		*ret_first = u;
		f[(*n)++] = (struct store_filter) { inner->name, STORE_EQ, id };
	}
	return 0;
}

static int find_ref(struct import *m, const struct noun *n, const struct rec_field *f, const char *text, struct uuid *ret)
{
	bool by_name = !rec_field(n->type, "code");
	struct store_filter filters[6] = { { by_name ? "name" : "code", STORE_EQ, text } };
	struct uuid around = { 0 }, id;
	struct memo *memo = &m->memo[f - m->type->fields];
	size_t n_f = 1;
	int r;

	if (rec_field(n->type, "parent") && str_find(text, "/"))
		return find_by_codes(m, n, text, ret);
	r = within(m, n->type, f, filters, &n_f, &around);
	if (r < 0)
		return r;
	if (str_eq(memo->text, text) && uuid_equal(&memo->within, &around)) {
		*ret = memo->id;
		return 0;
	}
	r = find_id(m, n, filters, n_f, &id);
	if (r < 0)
		return r;
	if (str_len(text) < sizeof(memo->text)) {
		memcpy(memo->text, text, str_len(text) + 1);
		memo->within = around;
		memo->id = id;
	}
	*ret = id;
	return 0;
}

static int resolve(struct import *m, const struct rec_field *f, const char *text, struct uuid *ret)
{
	const struct noun *n = noun_find(m->s->platform, f->ref);
	char what[80];
	struct buf b = BUF_FIXED(what);
	int r;

	if (uuid_parse(text, str_len(text), ret))
		return 0;
	r = n ? find_ref(m, n, f, text, ret) : -ERR_MISSING;
	if (r >= 0)
		return 0;
	if (r == -ERR_CONFLICT) {
		err_clear();
		return err_at(err_fail(ERR_INVALID, "field", f->name, "rule", "@rule_one_record", "value", text, NULL), f->name);
	}
	if (r != -ERR_MISSING)
		return r;
	err_clear();
	buf_addf(&b, "@%s", f->ref);
	return err_at(err_fail(ERR_NO_SUCH_REF, "field", f->name, "what", b.data, "value", text, NULL), f->name);
}

/* ---- a row ---- */

/* The record the row speaks of: by id, by path, by the first combination that must be unique. */
static int find_record(struct import *m, void *rec, bool *ret_found)
{
	const char *id = cell_of(m, "id"), *path = rec_field(m->type, "path") ? cell_of(m, "path") : "";
	struct store_filter f[8];
	size_t n = 0;
	struct uuid u;
	int r;

	*ret_found = false;
	if (!str_empty(id)) {
		if (!uuid_parse(id, str_len(id), &u))
			return err_at(err_fail(ERR_WRONG_TYPE, "field", "id", "want", "@uuid", "value", id, NULL), "id");
		r = noun_fetch(m->s, m->in->noun, &u, rec);
		*ret_found = r >= 0;
		return r;
	}
	if (!str_empty(path)) {
		f[n++] = (struct store_filter) { "path", STORE_EQ, path };
	} else {
		const char *at = m->type->unique;
		while (at && *at && *at != ';' && n < 6) {
			const char *end = at;
			while (*end && *end != ',' && *end != ';')
				end++;
			const char *name = arena_strn(m->s->arena, at, (size_t) (end - at));
			const struct rec_field *field = name ? rec_field(m->type, name) : NULL;
			if (!field)
				return 0;
			at = *end == ',' ? end + 1 : end;
			if (field == noun_tenant_field(m->in->noun))
				continue;
			_cleanup_(buf_done) struct buf text = BUF_INIT(&sys_heap, 4096);
			rec_field_format(m->type, field, rec, &text);
			const char *value = arena_str(m->s->arena, text.data);
			if (!value || (!*value && !(field->flags & REC_NULLABLE)))
				return 0;
			f[n++] = (struct store_filter) { name, STORE_EQ, value };
		}
	}
	if (n == 0)
		return 0;
	r = find_id(m, m->in->noun, f, n, &u);
	if (r == -ERR_MISSING) {
		err_clear();
		return str_empty(path) ? 0 : err_at(err_fail(ERR_MISSING, "what", "@record", "value", path, NULL), "path");
	}
	if (r >= 0)
		r = noun_fetch(m->s, m->in->noun, &u, rec);
	*ret_found = r >= 0;
	return r;
}

static int set_cell(struct import *m, void *rec, const struct column *c, const char *text)
{
	const struct rec_field *f = c->field;
	struct uuid id;
	int r;

	if (f->kind != REC_REF || str_empty(text))      /* an empty cell clears, or brings the default */
		return rec_field_parse(m->type, f, rec, text, str_len(text), m->s->arena);
	r = resolve(m, f, text, &id);
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
		int r = !c->field || c->only_names ? 0 : set_cell(m, rec, c, cell(m, i));
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
		int r = c->field && c->only_names && c->field->kind == REC_REF ? set_cell(m, rec, c, cell(m, i)) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

/* 0: as it was; 1: changed; 2: made. */
static int put_row(struct import *m, struct errs *errs)
{
	struct scope *s = m->s;
	void *rec = noun_alloc(s, m->in->noun), *before = noun_alloc(s, m->in->noun);
	bool found;
	int r = rec && before ? rec_init(m->type, rec, s->arena) : -ERR_NO_MEMORY;

	if (r >= 0)
		r = set_cells(m, rec, errs);
	if (r < 0)
		return r;
	r = errs_put(errs, set_names(m, rec));
	if (r >= 0)
		r = find_record(m, rec, &found);
	if (r >= 0 && found) {
		r = rec_dup(m->type, before, rec, s->arena);
		if (r >= 0)
			r = set_cells(m, rec, errs);
		if (r >= 0 && rec_equal(m->type, before, rec))
			return 0;
	}
	if (r >= 0)
		r = rec_check(m->type, rec, errs);
	if (r >= 0)
		r = noun_put(s, m->in->noun, found ? before : NULL, rec, errs);
	return r < 0 ? errs->total ? r : errs_put(errs, r) : found ? 1 : 2;
}

static const char *column_of(struct import *m, const struct err *e)
{
	for (uint32_t i = 0; i < m->n_columns; i++)
		if (m->column[i].field && e->pointer[0] == '/' && str_eq(m->column[i].field->name, e->pointer + 1))
			return m->column[i].title;
	return e->pointer[0] == '/' ? e->pointer + 1 : "";
}

static int one_row(struct import *m)
{
	struct errs errs = { .arena = m->s->arena };
	int r = store_savepoint(m->s->tx), kept;

	if (r < 0)
		return r;
	r = put_row(m, &errs);
	kept = store_release(m->s->tx, r >= 0);
	if (kept < 0)
		return kept;
	m->out->rows++;
	m->out->unchanged += r == 0;
	m->out->updated += r == 1;
	m->out->created += r == 2;
	if (r >= 0)
		return 0;
	m->out->failed++;
	if (errs.n == 0)
		errs_add(&errs, r);
	err_clear();
	for (size_t i = 0; i < errs.n; i++)
		add_error(m, m->cells.line, column_of(m, errs.item[i]), errs.item[i]);
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
		if (r < 0)
			return r;
	}
}

static int run_import(struct scope *s, const void *in, void *ret)
{
	struct import *m = arena_new(s->arena, struct import);
	struct csv csv;
	int r;

	if (!m)
		return err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
	m->s = s;
	m->in = in;
	m->type = m->in->noun->type;
	m->out = ret;
	m->keep = s->arena;
	r = csv_open(&csv, m->in->text, m->in->len);
	if (r >= 0)
		r = read_head(m, &csv);
	if (r < 0)
		return r;
	arena_init(&m->row, &sys_heap, ROW_ARENA_MAX);
	r = rows(m, &csv);
	arena_done(&m->row);
	if (r < 0)
		return r;
	if (m->out->failed && !m->in->partial)
		return refuse(m->out);
	return m->in->dry_run ? err_fail(ERR_CANCELLED, NULL, NULL) : 0;
}

int noun_import(struct scope *s, const struct noun_import *in, struct noun_imported *ret)
{
	struct deed d = { .permission = in->noun->write, .store = in->noun->store, .run = run_import };
	int r;

	*ret = (struct noun_imported) { .errors = arena_array(s->arena, struct import_error, ERRS_MAX) };
	d.name = arena_fmt(s->arena, "%s.import", in->noun->type->name);
	if (!ret->errors || !d.name)
		return err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
	r = noun_told(s, in->noun, scope_do(s, &d, in, ret));
	if (r == -ERR_CANCELLED && in->dry_run) {
		err_clear();
		return 0;
	}
	return r;
}
