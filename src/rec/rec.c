/* rec.c - fields, presence, and records as a whole: defaults, copies, equality. */
#include "rec/rec_int.h"

static const struct { const char *name; uint8_t size, align; } kinds[] = {
	[REC_BOOL] = { "bool", sizeof(bool), _Alignof(bool) },
	[REC_I32] = { "i32", 4, 4 }, [REC_U32] = { "u32", 4, 4 },
	[REC_I64] = { "i64", 8, 8 }, [REC_U64] = { "u64", 8, 8 }, [REC_F64] = { "f64", 8, 8 },
	[REC_DEC] = { "dec", 8, 8 },
	[REC_TIME] = { "time", 8, 8 }, [REC_DATE] = { "date", 4, 4 }, [REC_DURATION] = { "duration", 8, 8 },
	[REC_ENUM] = { "enum", 4, 4 }, [REC_FLAGS] = { "flags", 4, 4 },
	[REC_STR] = { "str", sizeof(char *), _Alignof(char *) }, [REC_TEXT] = { "text", sizeof(char *), _Alignof(char *) },
	[REC_BYTES] = { "bytes", sizeof(struct rec_bytes), _Alignof(struct rec_bytes) },
	[REC_UUID] = { "uuid", 16, 1 }, [REC_REF] = { "ref", 16, 1 },
	[REC_LIST] = { "list", sizeof(struct rec_list), _Alignof(struct rec_list) },
	[REC_REC] = { "rec", 0, _Alignof(max_align_t) },
	[REC_MAP] = { "map", sizeof(struct rec_map), _Alignof(struct rec_map) },
	[REC_VARIANT] = { "variant", sizeof(void *), _Alignof(void *) },
	[REC_JSON] = { "json", sizeof(char *), _Alignof(char *) },
};

#define H(m, k, ...) { .name = #m, .kind = (k), .flags = REC_READONLY, .offset = offsetof(struct rec_head, m), \
	.size = sizeof(((struct rec_head *) 0)->m), __VA_ARGS__ }
const struct rec_field rec_head_fields[REC_HEAD_FIELDS] = {
	H(id, REC_UUID, .label = "Id", .label_zh = "标识符"),
	H(rev, REC_U64, .label = "Revision", .label_zh = "版本"),
	H(created, REC_TIME, .label = "Created", .label_zh = "创建时间"),
	H(updated, REC_TIME, .label = "Changed", .label_zh = "修改时间"),
	H(created_by, REC_UUID, .label = "Created by", .label_zh = "创建人"),
	H(updated_by, REC_UUID, .label = "Changed by", .label_zh = "修改人"),
};
#undef H

const char *rec_kind_name(enum rec_kind k)
{
	return (size_t) k < ELEMENTSOF(kinds) ? kinds[k].name : NULL;
}

size_t rec_kind_size(const struct rec_field *f)
{
	if (f->kind == REC_REC)
		return f->type ? f->type->size : 0;
	return f->kind < ELEMENTSOF(kinds) ? kinds[f->kind].size : 0;
}

size_t rec_kind_align(const struct rec_field *f)
{
	return f->kind < ELEMENTSOF(kinds) && kinds[f->kind].align ? kinds[f->kind].align : 1;
}

struct rec_field rec_item(const struct rec_field *list)
{
	struct rec_field f = *list;

	f.kind = list->item;
	f.item = 0;
	f.offset = 0;
	f.flags = list->flags & REC_SECRET;
	f.def = f.min = f.max = NULL;
	f.size = (uint32_t) rec_kind_size(&f);
	return f;
}

size_t rec_item_size(const struct rec_field *list)
{
	struct rec_field f = rec_item(list);

	return f.size;
}

const struct rec_field *rec_field_after(const struct rec_type *t, const char *name, const struct rec_field *last)
{
	const struct rec_field *end = t->fields + t->n_fields;
	const struct rec_field *next = last && last + 1 < end ? last + 1 : t->fields;

	for (uint32_t i = 0; i < t->n_fields; i++) {
		if (next->name[0] == name[0] && str_eq(next->name, name))
			return next;
		if (++next == end)
			next = t->fields;
	}
	return NULL;
}

const struct rec_field *rec_field(const struct rec_type *t, const char *name)
{
	return rec_field_after(t, name, NULL);
}

const struct rec_field *rec_head_field(const char *name)
{
	for (size_t i = 0; i < REC_HEAD_FIELDS; i++)
		if (str_eq(rec_head_fields[i].name, name))
			return &rec_head_fields[i];
	return NULL;
}

const char *rec_word(const struct rec_field *f, int32_t index)
{
	if (!f->words || index < 0)
		return NULL;
	for (const struct rec_word *w = f->words; w->word; w++)
		if (index-- == 0)
			return w->word;
	return NULL;
}

int32_t rec_word_index(const struct rec_field *f, const char *word, size_t len)
{
	for (const struct rec_word *w = f->words; w && w->word; w++)
		if (str_len(w->word) == len && memcmp(w->word, word, len) == 0)
			return (int32_t) (w - f->words);
	return -1;
}

const struct rec_type *rec_variant(const struct rec_type *t, const void *rec, const struct rec_field *f)
{
	const struct rec_field *by = f->sibling ? rec_field(t, f->sibling) : NULL;
	const char *word = NULL;

	if (by && by->kind == REC_ENUM && rec_has(t, rec, by))
		word = rec_word(by, *(const int32_t *) rec_at(rec, by));
	else if (by && by->kind == REC_STR)
		word = *(const char *const *) rec_at(rec, by);
	if (!word)
		return NULL;
	for (const struct rec_variant *v = f->variants; v && v->word; v++)
		if (str_eq(v->word, word))
			return v->type;
	return f->variant ? f->variant(word) : NULL;
}

uint64_t *rec_has_bits(const struct rec_type *t, const void *rec)
{
	if (t->has_head)
		return ((struct rec_head *) (uintptr_t) rec)->has;
	return t->has_bits ? (uint64_t *) (uintptr_t) rec : NULL;
}

bool rec_has(const struct rec_type *t, const void *rec, const struct rec_field *f)
{
	const void *v = rec_at(rec, f);
	const uint64_t *has;

	switch (f->kind) {
	case REC_STR: case REC_TEXT: case REC_JSON: case REC_VARIANT:
		return *(const void *const *) v != NULL;
	case REC_BYTES:
		return ((const struct rec_bytes *) v)->data != NULL;
	case REC_UUID: case REC_REF:
		return !uuid_is_zero(v);
	}
	if (!(f->flags & REC_NULLABLE))
		return true;
	has = rec_has_bits(t, rec);
	return !has || rec_bit(has, rec_index(t, f));
}

void rec_set_has(const struct rec_type *t, void *rec, const struct rec_field *f, bool there)
{
	uint64_t *has = rec_has_bits(t, rec);
	size_t i = rec_index(t, f);

	if (has && there)
		has[i / 64] |= UINT64_C(1) << (i % 64);
	else if (has)
		has[i / 64] &= ~(UINT64_C(1) << (i % 64));
	if (!there)
		memset(rec_at(rec, f), 0, f->size);
}

static void *arena_resize(void *ctx, void *p, size_t old_size, size_t new_size)
{
	void *q = new_size ? arena_alloc(ctx, new_size) : NULL;

	if (q && p)
		memcpy(q, p, MIN(old_size, new_size));
	return q;
}

struct mem rec_arena_mem(struct arena *a)
{
	return (struct mem) { .resize = arena_resize, .ctx = a };
}

/* --- records as a whole --------------------------------------------------------------------------------------------------- */

int rec_init(const struct rec_type *t, void *rec, struct arena *a)
{
	memset(rec, 0, t->size);
	for (const struct rec_field *f = t->fields; f < t->fields + t->n_fields; f++) {
		int r = 0;

		if (f->kind == REC_REC && !(f->flags & REC_NULLABLE))
			r = rec_init(f->type, rec_at(rec, f), a);
		if (r == 0)
			r = rec_field_default(t, f, rec, a);
		if (r < 0)
			return err_wrap(r, "default of %s.%s", t->name, f->name);
	}
	return 0;
}

static int dup_list(const struct rec_field *f, struct rec_list *to, const struct rec_list *from, struct arena *a)
{
	struct rec_field item = rec_item(f);

	if (!from->n) {
		*to = (struct rec_list) { 0 };
		return 0;
	}
	to->items = arena_alloc(a, (size_t) item.size * from->n);
	if (!to->items)
		return rec_no_memory(f);
	to->n = from->n;
	for (uint32_t i = 0; i < from->n; i++) {
		size_t at = (size_t) i * item.size;
		int r = rec_dup_value(NULL, NULL, &item, (char *) to->items + at, (const char *) from->items + at, a);

		if (r < 0)
			return r;
	}
	return 0;
}

static int dup_map(const struct rec_field *f, struct rec_map *to, const struct rec_map *from, struct arena *a)
{
	struct rec_pair *items = from->n ? arena_array(a, struct rec_pair, from->n) : NULL;

	for (uint32_t i = 0; i < from->n; i++) {
		if (!items)
			return rec_no_memory(f);
		items[i].key = arena_str(a, from->items[i].key);
		items[i].value = arena_str(a, from->items[i].value);
		if (!items[i].key || !items[i].value)
			return rec_no_memory(f);
	}
	*to = (struct rec_map) { items, from->n };
	return 0;
}

static int dup_variant(const struct rec_type *t, const void *rec, const struct rec_field *f, void **to, void *from, struct arena *a)
{
	const struct rec_type *v = from ? rec_variant(t, rec, f) : NULL;

	*to = NULL;
	if (!v)
		return 0;
	*to = arena_alloc(a, v->size);
	return *to ? rec_dup(v, *to, from, a) : rec_no_memory(f);
}

int rec_dup_value(const struct rec_type *t, const void *rec, const struct rec_field *f, void *to, const void *from, struct arena *a)
{
	const struct rec_bytes *bytes = from;
	const char *text;

	switch (f->kind) {
	case REC_STR: case REC_TEXT: case REC_JSON:
		text = *(const char *const *) from;
		*(const char **) to = arena_str(a, text);
		return text && !*(const char **) to ? rec_no_memory(f) : 0;
	case REC_BYTES:
		*(struct rec_bytes *) to = (struct rec_bytes) { bytes->data ? arena_dup(a, bytes->data, bytes->len) : NULL, bytes->len };
		return bytes->data && !((struct rec_bytes *) to)->data ? rec_no_memory(f) : 0;
	case REC_LIST:
		return dup_list(f, to, from, a);
	case REC_MAP:
		return dup_map(f, to, from, a);
	case REC_REC:
		return rec_dup(f->type, to, from, a);
	case REC_VARIANT:
		return dup_variant(t, rec, f, to, *(void *const *) from, a);
	}
	memcpy(to, from, f->size);
	return 0;
}

int rec_dup(const struct rec_type *t, void *to, const void *from, struct arena *a)
{
	if (to != from)
		memcpy(to, from, t->size);
	for (const struct rec_field *f = t->fields; f < t->fields + t->n_fields; f++) {
		int r = rec_dup_value(t, from, f, rec_at(to, f), rec_at(from, f), a);

		if (r < 0)
			return r;
	}
	return 0;
}

static bool equal_value(const struct rec_type *t, const void *a_rec, const struct rec_field *f, const void *a, const void *b);

static bool equal_list(const struct rec_field *f, const struct rec_list *a, const struct rec_list *b)
{
	struct rec_field item = rec_item(f);

	if (a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		if (!equal_value(NULL, NULL, &item, (const char *) a->items + (size_t) i * item.size,
				(const char *) b->items + (size_t) i * item.size))
			return false;
	return true;
}

static bool equal_map(const struct rec_map *a, const struct rec_map *b)
{
	if (a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		if (!str_eq(a->items[i].key, b->items[i].key) || !str_eq(a->items[i].value, b->items[i].value))
			return false;
	return true;
}

static bool equal_bytes(const struct rec_bytes *a, const struct rec_bytes *b)
{
	return !a->data == !b->data && a->len == b->len && (!a->len || memcmp(a->data, b->data, a->len) == 0);
}

static bool equal_variant(const struct rec_type *t, const void *rec, const struct rec_field *f, const void *a, const void *b)
{
	const struct rec_type *v = a && b ? rec_variant(t, rec, f) : NULL;

	return v ? rec_equal(v, a, b) : a == b;
}

static bool equal_value(const struct rec_type *t, const void *rec, const struct rec_field *f, const void *a, const void *b)
{
	switch (f->kind) {
	case REC_STR: case REC_TEXT: case REC_JSON:
		return str_eq(*(const char *const *) a, *(const char *const *) b);
	case REC_BYTES:
		return equal_bytes(a, b);
	case REC_LIST:
		return equal_list(f, a, b);
	case REC_MAP:
		return equal_map(a, b);
	case REC_REC:
		return rec_equal(f->type, a, b);
	case REC_VARIANT:
		return equal_variant(t, rec, f, *(void *const *) a, *(void *const *) b);
	case REC_F64:
		return *(const double *) a == *(const double *) b;
	}
	return memcmp(a, b, f->size) == 0;
}

bool rec_field_equal(const struct rec_type *t, const struct rec_field *f, const void *a, const void *b)
{
	bool has = rec_has(t, a, f);

	if (has != rec_has(t, b, f))
		return false;
	if (has && f->kind == REC_VARIANT && rec_variant(t, a, f) != rec_variant(t, b, f))
		return false;
	return !has || equal_value(t, a, f, rec_at(a, f), rec_at(b, f));
}

bool rec_equal(const struct rec_type *t, const void *a, const void *b)
{
	for (const struct rec_field *f = t->fields; f < t->fields + t->n_fields; f++)
		if (!rec_field_equal(t, f, a, b))
			return false;
	return true;
}
