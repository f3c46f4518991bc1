/* sheet_write.c - lists and templates as workbooks; libxlsxwriter writes the format. */

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <xlsxwriter.h>

#include "base/map.h"
#include "service/internal.h"
#include "service/sheet_write.h"

enum { PAGE = 500, CHOICE_ROWS = 5000, CHOICES_MAX = 64, CHOICES_BYTES = 255, CELL_MAX = 32767, PAGE_ARENA_MAX = 64 << 20 };
static const double EXACT = 9007199254740992.0; /* 2^53: beyond it a number would be another one */

/* ---- a workbook under way, in a file without a name ---- */

struct book { int fd; char path[40]; lxw_workbook *book; lxw_format *head, *required; };

static int failed(lxw_error e)
{
	return err_fail(e == LXW_ERROR_MEMORY_MALLOC_FAILED ? ERR_NO_MEMORY : ERR_IO, "what", "@file", "detail", lxw_strerror(e), NULL);
}

static int book_begin(struct book *b)
{
	lxw_workbook_options options = { .constant_memory = LXW_TRUE };
	struct buf path = BUF_FIXED(b->path);

	*b = (struct book) { .fd = memfd_create("workbook", MFD_CLOEXEC) };
	if (b->fd < 0)
		return sys_fail(errno, "make room for", "a workbook");
	buf_addf(&path, "/proc/self/fd/%d", b->fd);
	b->book = workbook_new_opt(b->path, &options);
	b->head = b->book ? workbook_add_format(b->book) : NULL;
	b->required = b->head ? workbook_add_format(b->book) : NULL;
	if (!b->required)
		return err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
	format_set_bold(b->head);
	format_set_bg_color(b->head, 0xE8EEF4);
	format_set_bold(b->required);
	format_set_bg_color(b->required, 0xFFE2B8);
	return 0;
}

/* r < 0: only closed. */
static int book_end(struct book *b, int r, struct buf *out)
{
	lxw_error e = b->book ? workbook_close(b->book) : LXW_NO_ERROR;
	struct stat st;

	if (r >= 0 && e != LXW_NO_ERROR)
		r = failed(e);
	if (r >= 0 && fstat(b->fd, &st) < 0)
		r = sys_fail(errno, "read", "a workbook");
	if (r >= 0 && (st.st_size > SHEET_FILE_MAX || !buf_reserve(out, (size_t) st.st_size + 1)))
		r = err_fail(ERR_TOO_LARGE, "what", "@file", "max", "67108864", NULL);
	if (r >= 0)
		r = file_pread_all(b->fd, out->data + out->len, (size_t) st.st_size, 0);
	if (r >= 0) {
		out->len += (size_t) st.st_size;
		out->data[out->len] = 0;
	}
	if (b->fd >= 0)
		sys.close(b->fd);
	return r;
}

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
	lxw_worksheet *sheet;
	lxw_row_t row;
	struct buf text;
	int r;
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

/* libxlsxwriter writes 16 digits: a number that needs 17 goes as text, so that it comes back as it was. */
static bool is_exact(double v)
{
	char text[40];

	snprintf(text, sizeof(text), "%.16G", v);
	return isfinite(v) && strtod(text, NULL) == v;
}

static bool number_of(const struct rec_field *f, const void *v, double *ret)
{
	switch (f->kind) {
	case REC_I32: *ret = *(const int32_t *) v; return true;
	case REC_U32: *ret = *(const uint32_t *) v; return true;
	case REC_I64: *ret = (double) *(const int64_t *) v; return fabs(*ret) < EXACT;
	case REC_U64: *ret = (double) *(const uint64_t *) v; return *ret < EXACT;
	case REC_F64: *ret = *(const double *) v; return is_exact(*ret);
	default: return false;
	}
}

static lxw_error write_cell(struct export *e, uint16_t column, const struct rec_field *f, const void *rec)
{
	bool is_own = f->offset >= sizeof(struct rec_head);
	double number;

	if (is_own && !rec_has(e->type, rec, f))
		return LXW_NO_ERROR;
	if (number_of(f, rec_at(rec, f), &number))
		return worksheet_write_number(e->sheet, e->row, column, number, NULL);
	buf_clear(&e->text);
	if (f->kind == REC_BOOL)
		buf_add(&e->text, e->s->lang == LANG_ZH ? *(bool *) rec_at(rec, f) ? "是" : "否" : *(bool *) rec_at(rec, f) ? "yes" : "no");
	else if (f->kind == REC_REF && !uuid_is_zero(rec_at(rec, f)))
		buf_add(&e->text, ref_text(&e->refs, f, rec_at(rec, f), e->with_device) ?: "");
	else if (is_own)
		rec_field_format(e->type, f, rec, &e->text);
	else if (f->kind == REC_UUID) {
		char id[UUID_TEXT + 1];
		uuid_format(rec_at(rec, f), id);
		buf_add(&e->text, uuid_is_zero(rec_at(rec, f)) ? "" : id);
	}
	if (e->text.failed || utf8_count(e->text.data, e->text.len) > CELL_MAX)
		return LXW_ERROR_MAX_STRING_LENGTH_EXCEEDED;
	return e->text.len ? worksheet_write_string(e->sheet, e->row, column, e->text.data, NULL) : LXW_NO_ERROR;
}

static int add_row(void *ctx, const void *rec)
{
	struct export *e = ctx;

	if (e->row == LXW_ROW_MAX - 1)
		return err_fail(ERR_LIMIT, "what", "@sheet_rows", "max", "1048576", NULL);
	e->row++;
	for (uint16_t i = 0; i < e->n_fields; i++) {
		lxw_error r = write_cell(e, i, e->fields[i], rec);
		if (r != LXW_NO_ERROR)
			return failed(r);
	}
	return 0;
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

int sheet_export(struct scope *s, const struct noun_query *q, const char *const *only, struct buf *out)
{
	struct export *e = arena_new(s->arena, struct export);
	struct book b = { .fd = -1 };
	int r = e ? book_begin(&b) : err_fail(ERR_NO_MEMORY, "what", "@file", NULL);

	if (r < 0)
		return book_end(&b, r, out);
	*e = (struct export) { .s = s, .type = q->noun->type, .text = BUF_INIT(&sys_heap, 1 << 20),
		.refs = { .s = s, .map = MAP_INIT(&sys_heap) } };
	arena_init(&e->refs.keep, &sys_heap, PAGE_ARENA_MAX);
	choose_fields(e, only);
	e->sheet = workbook_add_worksheet(b.book, s->lang == LANG_ZH ? e->type->title_zh : e->type->title);
	if (!e->sheet)
		r = err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
	for (uint16_t i = 0; r >= 0 && i < e->n_fields; i++) {
		worksheet_set_column(e->sheet, i, i, 16, NULL);
		worksheet_write_string(e->sheet, 0, i, label_of(e->fields[i], s->lang), b.head);
	}
	if (r >= 0) {
		worksheet_freeze_panes(e->sheet, 1, 0);
		r = add_rows(e, q);
	}
	map_done(&e->refs.map);
	arena_done(&e->refs.keep);
	buf_done(&e->text);
	return book_end(&b, r, out);
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

static void add_choices(lxw_worksheet *sheet, lxw_col_t column, const struct rec_field *f, enum lang lang)
{
	const char *words[CHOICES_MAX + 1] = { NULL };
	lxw_data_validation v = { .validate = LXW_VALIDATION_TYPE_LIST, .value_list = (char **) (uintptr_t) words, .error_type = LXW_VALIDATION_ERROR_TYPE_WARNING };
	size_t n = 0, bytes = 0;

	if (f->kind == REC_BOOL) {
		words[n++] = lang == LANG_ZH ? "是" : "yes";
		words[n++] = lang == LANG_ZH ? "否" : "no";
	}
	for (const struct rec_word *w = f->kind == REC_ENUM ? f->words : NULL; w && w->word && n < CHOICES_MAX; w++) {
		bytes += str_len(w->word) + 1;
		words[n++] = w->word;
	}
	if (n && bytes <= CHOICES_BYTES)
		worksheet_data_validation_range(sheet, 1, column, CHOICE_ROWS, column, &v);
}

/* The words with what they mean: "f32 = 32 位浮点". */
static void choices_text(const struct rec_field *f, enum lang lang, struct buf *out)
{
	if (f->kind == REC_BOOL)
		buf_add(out, lang == LANG_ZH ? "是，否" : "yes, no");
	else if (f->kind != REC_ENUM && !f->ref)
		buf_add(out, rec_kind_name(f->kind));
	if (f->ref)
		buf_addf(out, lang == LANG_ZH ? "%s的编码" : "code of the %s", lang == LANG_ZH ? label_of(f, lang) : f->ref);
	for (const struct rec_word *w = f->kind == REC_ENUM ? f->words : NULL; w && w->word; w++)
		buf_addf(out, "%s%s = %s", out->len ? "; " : "", w->word, (lang == LANG_ZH ? w->label_zh : w->label) ?: w->word);
	if (f->min && f->max)
		buf_addf(out, "  [%s … %s]", f->min, f->max);
}

static void explain(struct book *b, lxw_worksheet *sheet, const struct rec_type *t, enum lang lang)
{
	static const char *const heads[2][6] = { { "Column", "Field", "Required", "Values", "Explanation", "Example" },
		{ "列名", "字段", "必填", "取值", "说明", "示例" } };
	static const double widths[] = { 18, 16, 8, 50, 50, 22 };
	struct buf text = BUF_INIT(&sys_heap, 1 << 16);
	lxw_row_t row = 0;

	for (uint16_t i = 0; i < 6; i++) {
		worksheet_set_column(sheet, i, i, widths[i], NULL);
		worksheet_write_string(sheet, 0, i, heads[lang == LANG_ZH][i], b->head);
	}
	for (uint32_t i = 0; i < t->n_fields; i++) {
		const struct rec_field *f = &t->fields[i];
		if (!is_filled_in(f))
			continue;
		row++;
		buf_clear(&text);
		choices_text(f, lang, &text);
		worksheet_write_string(sheet, row, 0, label_of(f, lang), f->flags & REC_REQUIRED ? b->required : NULL);
		worksheet_write_string(sheet, row, 1, f->name, NULL);
		worksheet_write_string(sheet, row, 2, !(f->flags & REC_REQUIRED) ? "" : lang == LANG_ZH ? "是" : "yes", NULL);
		worksheet_write_string(sheet, row, 3, text.data, NULL);
		worksheet_write_string(sheet, row, 4, (lang == LANG_ZH ? f->doc_zh : f->doc) ?: "", NULL);
		worksheet_write_string(sheet, row, 5, example_of(t, f, lang), NULL);
	}
	buf_done(&text);
}

int sheet_template(struct scope *s, const struct noun *n, struct buf *out)
{
	const struct rec_type *t = n->type;
	lxw_worksheet *sheet, *about;
	struct book b;
	lxw_col_t column = 0;
	int r = book_begin(&b);

	if (r < 0)
		return book_end(&b, r, out);
	sheet = workbook_add_worksheet(b.book, s->lang == LANG_ZH ? t->title_zh : t->title);
	about = workbook_add_worksheet(b.book, s->lang == LANG_ZH ? "说明" : "Explanations");
	if (!sheet || !about)
		return book_end(&b, err_fail(ERR_NO_MEMORY, "what", "@file", NULL), out);
	for (unsigned row = 0; row < 2; row++) {
		column = 0;
		for (uint32_t i = 0; i < t->n_fields; i++) {
			const struct rec_field *f = &t->fields[i];
			if (!is_filled_in(f))
				continue;
			if (row == 0) {
				worksheet_set_column(sheet, column, column, 16, NULL);
				add_choices(sheet, column, f, s->lang);
				worksheet_write_string(sheet, 0, column, label_of(f, s->lang), f->flags & REC_REQUIRED ? b.required : b.head);
			} else if (*example_of(t, f, s->lang)) {
				worksheet_write_string(sheet, 1, column, example_of(t, f, s->lang), NULL);
			}
			column++;
		}
	}
	worksheet_freeze_panes(sheet, 1, 0);
	explain(&b, about, t, s->lang);
	return book_end(&b, 0, out);
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

int sheet_template_csv(struct scope *s, const struct noun *n, struct buf *out)
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
