/*
 * rec_int.h - what the files of rec share: values by kind, the way to a wrong value, the list of what was wrong.
 *
 * Everything works on a *field and the place of its value*. The entries of a list are fields too: rec_item() makes the field that
 * describes them, with offset 0.
 */
#pragma once

#include "base/str.h"
#include "rec/rec.h"

/* Where in the input: a chain on the stack, innermost first. key NULL: an entry of a list. */
struct rec_path { const struct rec_path *up; const char *key; size_t index; };

/* What was wrong: all of it where the caller wants that, the first in any case. */
struct rec_bad { struct errs *all; struct err first; size_t n; };
void rec_bad_add(struct rec_bad *b, int r, const struct rec_path *at); /* takes the thread's failure; r = 0: nothing happened */
int rec_bad_end(struct rec_bad *b);                                     /* 0, or the first as the thread's failure */

struct rec_field rec_item(const struct rec_field *list);
size_t rec_kind_size(const struct rec_field *f);        /* bytes of one value in memory; 0: no such kind */
size_t rec_kind_align(const struct rec_field *f);
size_t rec_item_size(const struct rec_field *list);
uint64_t *rec_has_bits(const struct rec_type *t, const void *rec);      /* NULL when the type has none */
static inline size_t rec_index(const struct rec_type *t, const struct rec_field *f) { return (size_t) (f - t->fields); }
static inline bool rec_bit(const uint64_t *has, size_t i) { return has[i / 64] >> (i % 64) & 1; }
/* Can it be absent without a has-bit? */
static inline bool rec_is_pointer(enum rec_kind k)
{
	return k == REC_STR || k == REC_TEXT || k == REC_JSON || k == REC_VARIANT || k == REC_BYTES || k == REC_UUID || k == REC_REF;
}
static inline bool rec_is_compound(enum rec_kind k) { return k == REC_LIST || k == REC_REC || k == REC_MAP || k == REC_VARIANT; }
/* The field that follows the last one found first: bodies mostly keep the order of the table. */
const struct rec_field *rec_field_after(const struct rec_type *t, const char *name, const struct rec_field *last);

/* One value of a kind that is one JSON string, number, bool or (FLAGS) a,b. What cannot be read is a failure that names the
 * field; the value is untouched then. */
int rec_parse(const struct rec_field *f, void *v, const char *text, size_t len, struct arena *a);
void rec_format(const struct rec_field *f, const void *v, struct buf *out);
int rec_no_memory(const struct rec_field *f);
int rec_wrong(const struct rec_field *f, const char *want, const char *text, size_t len);      /* -ERR_WRONG_TYPE */
int rec_rule(const struct rec_field *f, const char *rule, const char *text, size_t len);       /* -ERR_INVALID */
int rec_out_of_range(const struct rec_field *f, const char *text, size_t len);
int rec_not_a_word(const struct rec_field *f, const char *text, size_t len);

/* Text for a sentence: at most 80 bytes, cut at a character, stars for what is SECRET. */
enum { REC_SHORT = 88 };
const char *rec_short(const struct rec_field *f, const char *text, size_t len, char out[REC_SHORT]);

/* The rules of one value that is there. t and rec: the record it stands in (for variants). */
void rec_check_value(const struct rec_type *t, const void *rec, const struct rec_field *f, const void *v, const struct rec_path *at,
	struct rec_bad *bad);
int rec_check_entries(const struct rec_field *f, size_t n);      /* of a list or map: -ERR_COUNT */
int rec_cmp(enum rec_kind k, const void *a, const void *b);     /* of kinds that have an order */

/* JSON of one value, both ways. */
int rec_field_default(const struct rec_type *t, const struct rec_field *f, void *rec, struct arena *a);        /* no default: no effect */
void rec_value_to_json(const struct rec_type *t, const void *rec, const struct rec_field *f, const void *v, unsigned show, struct json *out);
int rec_dup_value(const struct rec_type *t, const void *from_rec, const struct rec_field *f, void *to, const void *from, struct arena *a);

int rec_flag_by_name(const char *name);                /* the bit's number; -1 */

/* Memory of an arena for a buf. */
struct mem rec_arena_mem(struct arena *a);
