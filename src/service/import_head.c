/*
 * import_head.c - which column is which.
 *
 * Lists of points have a title, a date or an empty line above the line with the headings: of the first lines the one counts that
 * names most fields. What the caller has settled beforehand (this device, that group) fills the columns the file lacks.
 */

#include "service/headings.h"
#include "service/import.h"

enum { HEAD_LINES = 12 };

static size_t blank_at(const char *s, size_t n)
{
	if (n && (*s == ' ' || *s == '\t' || *s == '\r' || *s == '\n'))
		return 1;
	if (n >= 2 && !memcmp(s, "\xC2\xA0", 2))                /* no-break space */
		return 2;
	return n >= 3 && !memcmp(s, "\xE3\x80\x80", 3) ? 3 : 0;  /* ideographic space */
}

static size_t blank_before(const char *s, size_t n)
{
	for (size_t k = 1; k <= 3 && k <= n; k++)
		if (blank_at(s + n - k, k) == k)
			return k;
	return 0;
}

/* In place where nothing stands behind it, else a copy. */
const char *import_trim(struct arena *a, const char *text)
{
	size_t n = str_len(text), k;

	if (!text)
		return NULL;
	while ((k = blank_at(text, n)) > 0) {
		text += k;
		n -= k;
	}
	if (!blank_before(text, n))
		return text;
	while ((k = blank_before(text, n)) > 0)
		n -= k;
	return arena_strn(a, text, n);
}

/* What the platform itself keeps of every record: who made it when says nothing here. */
static bool role_of_head(const char *title, enum column_role *ret)
{
	for (size_t i = 0; i < REC_HEAD_FIELDS; i++) {
		const struct rec_field *f = &rec_head_fields[i];
		if (!str_eq_nocase(title, f->name) && !str_eq_nocase(title, f->label) && !str_eq(title, f->label_zh))
			continue;
		*ret = str_eq(f->name, "id") ? COLUMN_ID : str_eq(f->name, "rev") ? COLUMN_REV : COLUMN_PASSED_OVER;
		return true;
	}
	return false;
}

static const char *nearest_field(const struct rec_type *t, const char *title)
{
	const char *names[REC_FIELDS_MAX];
	size_t n = 0;

	for (uint32_t i = 0; i < t->n_fields && n < ELEMENTSOF(names); i++)
		if (!(t->fields[i].flags & REC_INTERNAL))
			names[n++] = t->fields[i].name;
	return str_nearest(title, names, n);
}

void import_add_error(struct import *m, uint32_t line, const char *column, const struct err *e)
{
	struct noun_imported *out = m->out;

	if (out->n_errors == ERRS_MAX)
		return;
	out->errors[out->n_errors++] = (struct import_error) { .line = line, .column = arena_str(m->keep, column ? column : ""), .err = *e };
}

/* False: nobody knows the title. */
static bool column_of(const struct rec_type *t, const char *title, struct column *c)
{
	bool passed_over = false;

	if (str_empty(title)) {
		c->role = COLUMN_PASSED_OVER;
	} else if (!role_of_head(title, &c->role)) {
		c->field = heading_field(t, title, &passed_over);
		c->role = c->field ? COLUMN_FIELD : passed_over ? COLUMN_PASSED_OVER : COLUMN_DELETE;
		if (!c->field && !passed_over && !heading_is_delete(title))
			return false;
		c->only_names = c->field && (c->field->flags & REC_READONLY) != 0;
	}
	return true;
}

static unsigned fields_named(const struct rec_type *t, const struct csv_row *row)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < row->n; i++) {
		struct column c = { 0 };
		n += !str_empty(row->cells[i]) && column_of(t, row->cells[i], &c) && c.role != COLUMN_PASSED_OVER;
	}
	return n;
}

/* *csv stands behind the line with the headings then. */
static int find_head(struct import *m, struct csv *csv)
{
	struct csv at = *csv, best = *csv;
	unsigned most = 0;
	int r = 1;

	for (unsigned i = 0; i < HEAD_LINES && r > 0; i++) {
		struct csv before = at;
		unsigned n;
		r = csv_next(&at, &m->row, &m->cells);
		if (r < 0 && most == 0 && i == 0)
			return r;
		n = r > 0 ? fields_named(m->type, &m->cells) : 0;
		if (n > most) {
			most = n;
			best = before;
		}
		arena_reset(&m->row);
	}
	err_clear();
	*csv = best;
	r = csv_next(csv, m->keep, &m->head);
	return r == 0 ? err_fail(ERR_REQUIRED, "field", "@heading_line", NULL) : r;
}

static const char *meaning(const struct column *c)
{
	static const char *const words[] = { [COLUMN_ID] = "id", [COLUMN_REV] = "rev", [COLUMN_DELETE] = "delete", [COLUMN_PASSED_OVER] = "" };

	return c->role == COLUMN_FIELD ? c->field->name : words[c->role];
}

static int add_column(struct import *m, uint32_t at, const char *title)
{
	struct column *c = &m->column[m->n_columns];

	*c = (struct column) { .title = title, .at = at };
	if (!column_of(m->type, title, c)) {
		struct err e = err_take(err_fail(ERR_UNKNOWN_FIELD, "value", title, "nearest", nearest_field(m->type, title), NULL));
		import_add_error(m, m->head.line, title, &e);
		m->out->failed++;
		return 0;
	}
	for (uint32_t i = 0; c->field && i < m->n_columns; i++)
		if (m->column[i].field == c->field) {           /* the first one counts: "位号" before "点名" */
			m->out->head[at] = "";
			return 0;
		}
	m->out->head[at] = meaning(c);
	m->n_columns++;
	return 0;
}

/* What the caller has settled: for columns the file lacks, and for its empty cells. */
static int add_settled(struct import *m)
{
	for (size_t k = 0; k < m->in->n_settled; k++) {
		const struct noun_settled *s = &m->in->settled[k];
		const struct rec_field *f = rec_field(m->type, s->field);
		uint32_t i = 0;
		if (!f || f->flags & (REC_INTERNAL | REC_SECRET))
			return err_fail(ERR_BAD_PARAMETER, "value", s->field, "nearest", nearest_field(m->type, s->field), NULL);
		while (i < m->n_columns && m->column[i].field != f)
			i++;
		if (i == CSV_COLUMNS_MAX)
			return err_fail(ERR_LIMIT, "what", "@csv_columns", "max", "256", NULL);
		if (i == m->n_columns)
			m->column[m->n_columns++] = (struct column) { .title = f->name, .field = f, .at = CSV_COLUMNS_MAX,
				.only_names = (f->flags & REC_READONLY) != 0 };
		m->column[i].otherwise = s->text;
	}
	return 0;
}

static void index_columns(struct import *m)
{
	for (uint32_t i = m->n_columns; i-- > 0;) {     /* the first one counts */
		const struct column *c = &m->column[i];
		if (c->role == COLUMN_FIELD)
			m->by_field[c->field - m->type->fields] = c;
		else if (c->role < COLUMN_PASSED_OVER)
			m->by_role[c->role] = c;
	}
	for (uint32_t i = 0; i < m->type->n_fields; i++)
		if (m->type->fields[i].kind == REC_REF || rec_sql_is_join(&m->type->fields[i]))
			m->refers[i] = noun_find(m->s->platform, m->type->fields[i].ref);
}

int import_read_head(struct import *m, struct csv *csv)
{
	int r = find_head(m, csv);

	m->out->head = arena_array(m->keep, const char *, CSV_COLUMNS_MAX);
	if (r >= 0 && !m->out->head)
		r = err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
	if (r >= 0) {
		m->out->head_line = m->head.line;
		m->out->n_head = m->head.n;
	}

	for (uint32_t i = 0; r >= 0 && i < m->head.n; i++) {
		const char *title = import_trim(m->keep, m->head.cells[i]);
		r = title ? add_column(m, i, title) : err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
	}
	if (r >= 0 && m->out->failed)
		return err_fail(ERR_UNKNOWN_FIELD, "value", m->out->errors[0].column, "nearest", err_arg(&m->out->errors[0].err, "nearest"), NULL);
	if (r >= 0)
		r = add_settled(m);
	index_columns(m);
	import_unique(m);
	return r;
}

const char *import_text(const struct import *m, const struct column *c)
{
	const char *text = c->at < m->cells.n ? import_trim(m->s->arena, m->cells.cells[c->at]) : "";

	return str_empty(text) && c->otherwise ? c->otherwise : text ? text : "";
}

const char *import_cell(const struct import *m, const struct rec_field *f)
{
	const struct column *c = f ? m->by_field[f - m->type->fields] : NULL;

	return c ? import_text(m, c) : "";
}

const char *import_role(const struct import *m, enum column_role role)
{
	return m->by_role[role] ? import_text(m, m->by_role[role]) : "";
}
