/*
 * headings.h - which field a column's title means, and which word a cell's text, in the languages of people and other programs.
 *
 * First what is exact: the field's name and its labels; then the same without blanks, signs and a unit in parentheses; then the
 * rows of headings.def.
 *
 * Thread: any. Memory: constant tables.
 */
#pragma once

#include "rec/rec.h"

enum { HEADING_MAX = 200 };

/* The field; NULL: none. *ret_passed_over (may be NULL): the title is known, but means nothing to us. */
const struct rec_field *heading_field(const struct rec_type *t, const char *title, bool *ret_passed_over);
/* The word meant by `text` in a cell of an enum or yes-or-no field; `text` itself when it is none of them. */
const char *heading_word(const struct rec_type *t, const struct rec_field *f, const char *text);
/* Does the title ask for the row to be deleted ("delete", "删除")? */
bool heading_is_delete(const char *title);
/* The title as it is compared. */
void heading_plain(const char *title, struct buf *out);
