/* noun_book.c - lists and templates as workbooks. */

#include <math.h>

#include "base/map.h"
#include "service/internal.h"
#include "service/noun_book.h"
#include "sheet/sheet.h"

enum { PAGE = 500, CHOICES_MAX = 64, PAGE_ARENA_MAX = 64 << 20 };
static const double EXACT = 9007199254740992.0; /* 2^53: beyond it a number would be another one */

static const char *label_of(const struct rec_field *f, enum lang lang)
{
	const char *label = lang == LANG_ZH ? f->label_zh : f->label;

	return str_empty(label) ? f->name : label;
}

/* ---- what a reference is called ---- */

struct known { struct uuid id; const char *text; };
struct refs { struct scope *s; struct map map; struct arena keep; };

static bool is_known(const void *item, const void *key) { return uuid_equal(&((const struct known *) item)->id, key); }

static int count_one(void *ctx, const void *rec) { return ++*(unsigned *) ctx > 1; }

/* Does the code say enough: within its own kind, or (groups) within the device that stands in the same row? */
static bool is_enough(struct refs *refs, const struct noun *n, const void *rec, bool with_device)
{
	const struct rec_field *code = rec_field(n->type, "code"), *device = rec_field(n->type, "device");
	_cleanup_(buf_done) struct buf text = BUF_INIT(&sys_heap, 4096);
	char tenant[UUID_TEXT + 1], id[UUID_TEXT + 1];
	struct store_filter f[3];
	unsigned found = 0;
	size_t n_f = 0;

	rec_field_format(n->type, code, rec, &text);
	if (str_find(text.data, "/") || text.failed || !text.len)
		return false;
	f[n_f++] = (struct store_filter) { "code", STORE_EQ, text.data };
	if (device && with_device) {
		uuid_format(rec_at(rec, device), id);
		f[n_f++] = (struct store_filter) { "device", STORE_EQ, id };
	}
	n_f += noun_tenant_filter(refs->s, n, tenant, &f[n_f]);
	if (store_list(refs->s->tx, n->type, &(struct store_list) { .filters = f, .n_filters = n_f }, count_one, &found, NULL) < 0)
		err_clear();
	return found == 1;
}

static const char *make_text(struct refs *refs, const struct rec_field *f, const struct uuid *id, bool with_device)
{
	const struct noun *n = noun_find(refs->s->platform, f->ref);
	const struct rec_field *code = n ? rec_field(n->type, "code") : NULL;
	void *rec = code ? arena_alloc(refs->s->arena, n->type->size) : NULL;
	char text[UUID_TEXT + 1];

	if (rec && store_get(refs->s->tx, n->type, id, rec, refs->s->arena) >= 0 && is_enough(refs, n, rec, with_device)) {
		_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 4096);
		rec_field_format(n->type, code, rec, &b);
		return arena_str(&refs->keep, b.data);
	}
	err_clear();
	uuid_format(id, text);
	return arena_str(&refs->keep, text);
}

static const char *ref_text(struct refs *refs, const struct rec_field *f, const struct uuid *id, bool with_device)
{
	uint64_t hash = hash_bytes(id, sizeof(*id));
	struct known *k = map_find(&refs->map, hash, is_known, id);

	if (k)
		return k->text;
	k = arena_new(&refs->keep, struct known);
	if (!k || !map_put(&refs->map, hash, k))
		return NULL;
	k->id = *id;
	k->text = make_text(refs, f, id, with_device);
	return k->text;
}

/* ---- a list ---- */

struct export {
	struct scope *s;
	const struct rec_type *type;
	const struct rec_field *fields[REC_FIELDS_MAX + REC_HEAD_FIELDS];
	uint16_t n_fields;
	bool with_device;
	struct refs refs;
	struct book *book;
	uint32_t row;
	struct buf text;
};

static void choose_fields(struct export *e, const char *const *only)
{
	for (; only && *only; only++) {
		const struct rec_field *f = rec_field(e->type, *only) ?: rec_head_field(*only);
		if (f && !(f->flags & (REC_INTERNAL | REC_SECRET)) && e->n_fields < ELEMENTSOF(e->fields))
			e->fields[e->n_fields++] = f;
	}
	if (!e->n_fields) {
		for (uint32_t i = 0; i < e->type->n_fields; i++)
			if (!(e->type->fields[i].flags & (REC_INTERNAL | REC_SECRET)))
				e->fields[e->n_fields++] = &e->type->fields[i];
		e->fields[e->n_fields++] = &rec_head_fields[0];
	}
	for (uint16_t i = 0; i < e->n_fields; i++)
		e->with_device |= str_eq(e->fields[i]->name, "device");
}

static bool number_of(const struct rec_field *f, const void *v, double *ret)
{
	switch (f->kind) {
	case REC_I32: *ret = *(const int32_t *) v; return true;
	case REC_U32: *ret = *(const uint32_t *) v; return true;
	case REC_I64: *ret = (double) *(const int64_t *) v; return fabs(*ret) < EXACT;
	case REC_U64: *ret = (double) *(const uint64_t *) v; return *ret < EXACT;
	case REC_F64: *ret = *(const double *) v; return isfinite(*ret);
	default: return false;
	}
}

/* "core, energy" */
static void refs_text(struct export *e, const struct rec_field *f, const void *rec)
{
	const struct rec_list *list = rec_at(rec, f);

	for (uint32_t i = 0; i < list->n; i++) {
		buf_add(&e->text, i ? ", " : "");
		buf_add(&e->text, ref_text(&e->refs, f, (const struct uuid *) list->items + i, false) ?: "");
	}
}

static int write_cell(struct export *e, uint16_t column, const struct rec_field *f, const void *rec)
{
	bool is_own = f->offset >= sizeof(struct rec_head);
	double number;

	if (is_own && !rec_has(e->type, rec, f))
		return 0;
	if (number_of(f, rec_at(rec, f), &number))
		return book_exact(e->book, e->row, column, number);
	buf_clear(&e->text);
	if (f->kind == REC_BOOL)
		buf_add(&e->text, e->s->lang == LANG_ZH ? *(bool *) rec_at(rec, f) ? "是" : "否" : *(bool *) rec_at(rec, f) ? "yes" : "no");
	else if (f->kind == REC_REF && !uuid_is_zero(rec_at(rec, f)))
		buf_add(&e->text, ref_text(&e->refs, f, rec_at(rec, f), e->with_device) ?: "");
	else if (rec_sql_is_join(f))
		refs_text(e, f, rec);
	else if (is_own)
		rec_field_format(e->type, f, rec, &e->text);
	else if (f->kind == REC_UUID) {
		char id[UUID_TEXT + 1];
		uuid_format(rec_at(rec, f), id);
		buf_add(&e->text, uuid_is_zero(rec_at(rec, f)) ? "" : id);
	}
	if (e->text.failed)
		return err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
	return book_text(e->book, e->row, column, e->text.data, BOOK_PLAIN);
}

static int add_row(void *ctx, const void *rec)
{
	struct export *e = ctx;
	int r = 0;

	e->row++;
	for (uint16_t i = 0; r >= 0 && i < e->n_fields; i++)
		r = write_cell(e, i, e->fields[i], rec);
	return r;
}

static int add_rows(struct export *e, const struct noun_query *q)
{
	struct noun_query page = *q;
	struct store_page got = { 0 };
	uint32_t left = q->limit ? q->limit : UINT32_MAX;
	struct buf cursor = BUF_INIT(&sys_heap, 4096);
	struct arena *own = e->s->arena, a;
	int r = 0;

	arena_init(&a, &sys_heap, PAGE_ARENA_MAX);
	e->s->arena = &a;
	do {
		if (e->s->platform && atomic_load_explicit(&e->s->platform->ending, memory_order_relaxed)) {
			r = err_fail(ERR_STOPPING, NULL, NULL);
			break;
		}
		page.limit = MIN(left, (uint32_t) PAGE);
		r = noun_list(e->s, &page, add_row, e, &got);
		left -= MIN(left, got.n);
		buf_clear(&cursor);
		buf_add(&cursor, r >= 0 && got.next ? got.next : "");
		page.cursor = cursor.data;
		arena_reset(&a);
	} while (r >= 0 && cursor.len && left);
	e->s->arena = own;
	arena_done(&a);
	buf_done(&cursor);
	return r;
}

int noun_book(struct scope *s, const struct noun_query *q, const char *const *only, struct buf *out)
{
	_cleanup_(book_freep) struct book *book = NULL;
	struct export *e = arena_new(s->arena, struct export);
	int r = e ? book_new(&book) : err_fail(ERR_NO_MEMORY, "what", "@file", NULL);

	if (r < 0)
		return r;
	*e = (struct export) { .s = s, .type = q->noun->type, .book = book, .text = BUF_INIT(&sys_heap, 1 << 20),
		.refs = { .s = s, .map = MAP_INIT(&sys_heap) } };
	arena_init(&e->refs.keep, &sys_heap, PAGE_ARENA_MAX);
	choose_fields(e, only);
	r = book_sheet(book, s->lang == LANG_ZH ? e->type->title_zh : e->type->title);
	book_widths(book, 0, e->n_fields, 16);
	for (uint16_t i = 0; r >= 0 && i < e->n_fields; i++)
		r = book_text(book, 0, i, label_of(e->fields[i], s->lang), BOOK_HEAD);
	book_freeze(book, 1);
	if (r >= 0)
		r = add_rows(e, q);
	map_done(&e->refs.map);
	arena_done(&e->refs.keep);
	buf_done(&e->text);
	return r < 0 ? r : book_end(book, out);
}

/* ---- a template ---- */

static const struct { const char *noun, *field, *en, *zh; } examples[] = {
#define EXAMPLE(noun, field, en, zh) { #noun, #field, en, zh },
#include "service/examples.def"
#undef EXAMPLE
};

static const char *example_of(const struct rec_type *t, const struct rec_field *f, enum lang lang)
{
	for (size_t i = 0; i < ELEMENTSOF(examples); i++)
		if (str_eq(examples[i].noun, t->name) && str_eq(examples[i].field, f->name))
			return lang == LANG_ZH ? examples[i].zh : examples[i].en;
	return "";
}

/* What is filled in, and (a point's device) what finds the record; without the device of a group, which is both. */
static bool is_filled_in(const struct rec_field *f)
{
	return !(f->flags & (REC_INTERNAL | REC_SECRET)) && (!(f->flags & REC_READONLY) || f->kind == REC_REF);
}

static void add_choices(struct book *b, uint32_t column, const struct rec_field *f, enum lang lang)
{
	const char *words[CHOICES_MAX + 2] = { NULL };
	size_t n = 0;

	if (f->kind == REC_BOOL) {
		words[n++] = lang == LANG_ZH ? "是" : "yes";
		words[n++] = lang == LANG_ZH ? "否" : "no";
	}
	for (const struct rec_word *w = f->kind == REC_ENUM ? f->words : NULL; w && w->word && n <= CHOICES_MAX; w++)
		words[n++] = w->word;
	book_choices(b, column, words);
}

/* The words with what they mean: "f32 = 32 位浮点". */
static void choices_text(const struct rec_field *f, enum lang lang, struct buf *out)
{
	if (f->kind == REC_BOOL)
		buf_add(out, lang == LANG_ZH ? "是，否" : "yes, no");
	else if (f->kind != REC_ENUM && !f->ref)
		buf_add(out, rec_kind_name(f->kind));
	if (rec_sql_is_join(f))
		buf_addf(out, lang == LANG_ZH ? "%s的编码，以逗号分隔" : "codes of %s, with commas between", lang == LANG_ZH ? label_of(f, lang) : f->name);
	else if (f->ref)
		buf_addf(out, lang == LANG_ZH ? "%s的编码" : "code of the %s", lang == LANG_ZH ? label_of(f, lang) : f->ref);
	for (const struct rec_word *w = f->kind == REC_ENUM ? f->words : NULL; w && w->word; w++)
		buf_addf(out, "%s%s = %s", out->len ? "; " : "", w->word, (lang == LANG_ZH ? w->label_zh : w->label) ?: w->word);
	if (f->min && f->max)
		buf_addf(out, "  [%s … %s]", f->min, f->max);
}

static void explain(struct book *b, const struct rec_type *t, enum lang lang)
{
	static const char *const heads[2][6] = { { "Column", "Field", "Required", "Values", "Explanation", "Example" },
		{ "列名", "字段", "必填", "取值", "说明", "示例" } };
	static const double widths[] = { 18, 16, 8, 50, 50, 22 };
	struct buf text = BUF_INIT(&sys_heap, 1 << 16);
	uint32_t row = 0;

	book_sheet(b, lang == LANG_ZH ? "说明" : "Explanations");
	for (uint32_t i = 0; i < 6; i++) {
		book_widths(b, i, i, widths[i]);
		book_text(b, 0, i, heads[lang == LANG_ZH][i], BOOK_HEAD);
	}
	for (uint32_t i = 0; i < t->n_fields; i++) {
		const struct rec_field *f = &t->fields[i];
		if (!is_filled_in(f))
			continue;
		row++;
		buf_clear(&text);
		choices_text(f, lang, &text);
		book_text(b, row, 0, label_of(f, lang), f->flags & REC_REQUIRED ? BOOK_REQUIRED : BOOK_PLAIN);
		book_text(b, row, 1, f->name, BOOK_PLAIN);
		book_text(b, row, 2, !(f->flags & REC_REQUIRED) ? "" : lang == LANG_ZH ? "是" : "yes", BOOK_PLAIN);
		book_text(b, row, 3, text.data, BOOK_PLAIN);
		book_text(b, row, 4, (lang == LANG_ZH ? f->doc_zh : f->doc) ?: "", BOOK_PLAIN);
		book_text(b, row, 5, example_of(t, f, lang), BOOK_PLAIN);
	}
	buf_done(&text);
}

int noun_template(struct scope *s, const struct noun *n, struct buf *out)
{
	_cleanup_(book_freep) struct book *b = NULL;
	const struct rec_type *t = n->type;
	int r = book_new(&b);

	if (r < 0)
		return r;
	book_sheet(b, s->lang == LANG_ZH ? t->title_zh : t->title);
	book_freeze(b, 1);
	for (uint32_t row = 0; row < 2; row++) {
		uint32_t column = 0;
		for (uint32_t i = 0; i < t->n_fields; i++) {
			const struct rec_field *f = &t->fields[i];
			if (!is_filled_in(f))
				continue;
			if (row == 0) {
				book_widths(b, column, column, 16);
				add_choices(b, column, f, s->lang);
				book_text(b, 0, column, label_of(f, s->lang), f->flags & REC_REQUIRED ? BOOK_REQUIRED : BOOK_HEAD);
			} else {
				book_text(b, 1, column, example_of(t, f, s->lang), BOOK_PLAIN);
			}
			column++;
		}
	}
	explain(b, t, s->lang);
	return book_end(b, out);
}

static void csv_cell(const char *text, bool first, struct buf *out)
{
	if (!first)
		buf_addc(out, ',');
	if (!str_find(text, ",") && !str_find(text, "\"")) {
		buf_add(out, text);
		return;
	}
	buf_addc(out, '"');
	for (; *text; text++) {
		if (*text == '"')
			buf_addc(out, '"');
		buf_addc(out, *text);
	}
	buf_addc(out, '"');
}

int noun_template_csv(struct scope *s, const struct noun *n, struct buf *out)
{
	const struct rec_type *t = n->type;

	buf_add(out, "\xEF\xBB\xBF");
	for (unsigned row = 0; row < 2; row++) {
		bool first = true;
		for (uint32_t i = 0; i < t->n_fields; i++) {
			if (!is_filled_in(&t->fields[i]))
				continue;
			csv_cell(row ? example_of(t, &t->fields[i], s->lang) : label_of(&t->fields[i], s->lang), first, out);
			first = false;
		}
		buf_add(out, "\r\n");
	}
	return out->failed ? err_fail(ERR_NO_MEMORY, "what", "@file", NULL) : 0;
}
