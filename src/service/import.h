/* import.h - inside service: what the files of an import share. */
#pragma once

#include "base/map.h"
#include "service/internal.h"
#include "sheet/sheet.h"

enum column_role { COLUMN_FIELD, COLUMN_ID, COLUMN_REV, COLUMN_DELETE, COLUMN_PASSED_OVER };

struct column {
	const char *title;
	const struct rec_field *field;  /* NULL unless the role says so */
	enum column_role role;
	bool only_names;                /* a field set by the platform, used to find others (path, a point's device) */
	uint32_t at;                    /* the cell of a row; CSV_COLUMNS_MAX: the file has none, `otherwise` counts for every row */
	const char *otherwise;          /* what stands for an empty cell; NULL: nothing */
};

struct memo { const struct rec_field *field; char text[104]; struct uuid within, id; };

enum { MEMOS = 256, MEMO_WAYS = 4, UNIQUE_MAX = 5 };

struct import {
	struct scope *s;
	const struct noun_import *in;
	const struct rec_type *type;
	struct noun_imported *out;
	struct arena *keep, row;        /* of the request; of the row */
	struct csv_row head, cells;
	struct column column[CSV_COLUMNS_MAX];
	uint32_t n_columns;
	const struct column *by_field[REC_FIELDS_MAX], *by_role[COLUMN_PASSED_OVER];   /* NULL: the file has none */
	const struct noun *refers[REC_FIELDS_MAX];      /* of a reference: to what */
	const struct rec_field *unique[UNIQUE_MAX], *tenant;
	size_t n_unique;                /* fields of the first combination that must be unique */
	struct memo memo[MEMOS];        /* references looked up, by hash of field, text and what they are within */
	struct map seen;                /* records a row spoke of: struct seen */
	struct arena seen_arena;
	void *fresh;                    /* a record with its defaults */
	bool row_by_row;                /* each is in the store before the next is looked at, so that a refusal names it */
	struct steps *steps;            /* NULL: a dry run, or a noun whose imports are not noted down */
};

/* import_head.c: the line with the titles, and the columns the caller has settled. */
int import_read_head(struct import *m, struct csv *csv);
void import_add_error(struct import *m, uint32_t line, const char *column, const struct err *e);
const char *import_trim(struct arena *a, const char *text);    /* without blanks around it; NULL stays NULL */
const char *import_text(const struct import *m, const struct column *c);        /* of the row; without blanks around it */
const char *import_cell(const struct import *m, const struct rec_field *f);     /* "" where the file has no such column, the field is NULL */
const char *import_role(const struct import *m, enum column_role role);

uint64_t import_lines(const char *text, size_t len);     /* import.c: at most so many rows */

/* import_ref.c */
void import_unique(struct import *m);           /* before the first row */
int import_find(struct import *m, const struct noun *n, struct store_filter *f, size_t n_f, struct uuid *ret);
int import_resolve(struct import *m, const struct rec_field *f, const char *text, struct uuid *ret);
/* The record the row speaks of: by id, by path, by the first combination that must be unique. */
int import_record(struct import *m, void *rec, bool *ret_found);

/* undo.c: what an import did, kept so that it can be undone. */
struct steps;
int steps_begin(struct scope *s, const struct noun *n, struct steps **ret);      /* *ret NULL: imports of this noun are not kept */
/* `before` NULL: made; `after` NULL: deleted. */
int steps_add(struct steps *t, const struct noun *n, const void *before, const void *after);
int steps_end(struct steps *t, const struct noun_import *in, struct noun_imported *out);
struct steps *steps_free(struct steps *t);
DEFINE_CLEANUP(struct steps *, steps_free)
