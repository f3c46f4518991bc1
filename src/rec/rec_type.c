/*
 * rec_type.c - types made at run time, and the check every type has to pass.
 *
 * A run-time type owns an arena that holds all of it, the types inside it too; they share one count.
 */
#include <stdatomic.h>

#include "base/num.h"
#include "rec/rec_int.h"
#include "sys/sys.h"

struct owner {
	atomic_uint refs;
	struct arena arena;
	struct rec_type type;
};

/* --- the check ------------------------------------------------------------------------------------------------------------ */

static int bad(const struct rec_type *t, const struct rec_field *f, const char *rule, const char *value)
{
	char name[2 * REC_NAME_MAX + 4] = "";
	struct buf b = BUF_FIXED(name);

	buf_addf(&b, f ? "%.41s.%.41s" : "%.41s", t->name ?: "?", f && f->name ? f->name : "?");
	return err_fail(ERR_INVALID, "field", name, "rule", rule, "value", value ?: "?", NULL);
}

static bool is_name(const char *s)
{
	if (!s || *s < 'a' || *s > 'z' || str_len(s) > REC_NAME_MAX)
		return false;
	for (; *s; s++)
		if (!((*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') || *s == '_'))
			return false;
	return true;
}

static int check_words(const struct rec_type *t, const struct rec_field *f)
{
	size_t n = 0;

	if (f->kind != REC_ENUM && f->kind != REC_FLAGS && !(f->kind == REC_LIST && (f->item == REC_ENUM || f->item == REC_FLAGS)))
		return 0;
	for (const struct rec_word *w = f->words; w && w->word; w++, n++) {
		if (!*w->word || str_find(w->word, ","))
			return bad(t, f, "needs words that are not empty and have no comma", w->word);
		if (rec_word_index(f, w->word, str_len(w->word)) != (int32_t) n)
			return bad(t, f, "@twice", w->word);
	}
	if (!n)
		return bad(t, f, "needs words", "none");
	return n > 32 && (f->kind == REC_FLAGS || f->item == REC_FLAGS) ? bad(t, f, "may have at most 32 words", "more") : 0;
}

static int check_shape(const struct rec_type *t, const struct rec_field *f)
{
	if (!rec_kind_name(f->kind))
		return bad(t, f, "needs a kind", "none");
	if (f->kind == REC_LIST && (!rec_kind_name(f->item) || f->item == REC_LIST || f->item == REC_MAP || f->item == REC_VARIANT))
		return bad(t, f, "needs a kind of entries that is not a list, map or variant", rec_kind_name(f->item) ?: "none");
	if ((f->kind == REC_REC || (f->kind == REC_LIST && f->item == REC_REC)) && !f->type)
		return bad(t, f, "needs a type", "none");
	if ((f->kind == REC_REF || rec_sql_is_join(f)) && !is_name(f->ref))
		return bad(t, f, "needs a noun to refer to", f->ref ?: "none");
	if (f->kind == REC_DEC && f->scale > 18)
		return bad(t, f, "may have at most 18 decimals", "more");
	if (f->type && f->type->has_head)
		return bad(t, f, "must not hold a stored type", f->type->name);
	return 0;
}

static int check_layout(const struct rec_type *t, const struct rec_field *f)
{
	size_t start = t->has_head ? sizeof(struct rec_head) : t->has_bits ? 2 * sizeof(uint64_t) : 0;

	if (f->size != rec_kind_size(f))
		return bad(t, f, "has a member of another size than its kind", rec_kind_name(f->kind));
	if (f->offset < start || f->offset + f->size > t->size)
		return bad(t, f, "lies outside of its record", rec_kind_name(f->kind));
	if (f->kind != REC_REC && f->offset % rec_kind_align(f))
		return bad(t, f, "is not aligned", rec_kind_name(f->kind));
	for (const struct rec_field *g = t->fields; g < f; g++) {
		if (f->offset < g->offset + g->size && g->offset < f->offset + f->size)
			return bad(t, f, "lies over another field", g->name);
		if (str_eq(f->name, g->name))
			return bad(t, f, "@twice", f->name);
	}
	return 0;
}

static int check_bound(const struct rec_type *t, const struct rec_field *f, const char *text)
{
	bool counts = f->kind >= REC_ENUM;
	uint64_t v = 0;

	if (!text)
		return 0;
	if (!counts)
		return rec_parse(f, &v, text, str_len(text), NULL);
	if (f->kind != REC_STR && f->kind != REC_TEXT && f->kind != REC_LIST && f->kind != REC_MAP && f->kind != REC_BYTES)
		return bad(t, f, "cannot have a bound", text);
	return num_parse_u64(text, text + str_len(text), &v) == str_len(text) && *text ? 0 : bad(t, f, "needs a bound that is a count", text);
}

static int check_bounds(const struct rec_type *t, const struct rec_field *f)
{
	uint64_t min = 0, max = 0;
	int r = check_bound(t, f, f->min);

	if (r == 0)
		r = check_bound(t, f, f->max);
	if (r < 0 || !f->min || !f->max)
		return r;
	if (f->kind >= REC_ENUM) {
		num_parse_u64(f->min, f->min + str_len(f->min), &min);
		num_parse_u64(f->max, f->max + str_len(f->max), &max);
		return min > max ? bad(t, f, "must not have a min above its max", f->min) : 0;
	}
	rec_parse(f, &min, f->min, str_len(f->min), NULL);
	rec_parse(f, &max, f->max, str_len(f->max), NULL);
	return rec_cmp(f->kind, &min, &max) > 0 ? bad(t, f, "must not have a min above its max", f->min) : 0;
}

static int check_default(const struct rec_type *t, const struct rec_field *f)
{
	_cleanup_(arena_done) struct arena a;
	struct rec_bad wrong = { 0 };
	void *rec;
	int r;

	arena_init(&a, &sys_heap, 1 << 20);
	if (!f->def)
		return 0;
	if (f->kind == REC_VARIANT || f->kind == REC_UUID || f->kind == REC_REF || f->kind == REC_BYTES)
		return bad(t, f, "cannot have a default", f->def);
	rec = arena_alloc(&a, t->size);
	if (!rec)
		return rec_no_memory(f);
	r = rec_field_parse(t, f, rec, f->def, str_len(f->def), &a);
	if (r < 0)
		return r;
	rec_check_value(t, rec, f, rec_at(rec, f), NULL, &wrong);
	return rec_bad_end(&wrong);
}

static int check_variant(const struct rec_type *t, const struct rec_field *f)
{
	const struct rec_field *by;

	if (f->kind != REC_VARIANT)
		return 0;
	by = f->sibling ? rec_field(t, f->sibling) : NULL;
	if (!by || (by->kind != REC_ENUM && by->kind != REC_STR))
		return bad(t, f, "needs a sibling that is an enum or a text", f->sibling ?: "none");
	if (!f->variants && !f->variant)
		return bad(t, f, "needs its variants", "none");
	for (const struct rec_variant *v = f->variants; v && v->word; v++) {
		int r = v->type ? rec_type_check(v->type) : bad(t, f, "needs a type for", v->word);

		if (r < 0)
			return r;
		if (by->kind == REC_ENUM && rec_word_index(by, v->word, str_len(v->word)) < 0)
			return rec_not_a_word(by, v->word, str_len(v->word));
	}
	return 0;
}

static int check_field(const struct rec_type *t, const struct rec_field *f)
{
	int r;

	if (!is_name(f->name))
		return bad(t, f, "needs a name of a-z, 0-9 and _", f->name ?: "none");
	if (t->has_head && rec_head_field(f->name))
		return bad(t, f, "has a name that every record has already", f->name);
	if (f->flags & REC_NULLABLE && !rec_is_pointer(f->kind) && !t->has_head && !t->has_bits)
		return bad(t, f, "cannot be NULLABLE without has-bits", f->name);
	if (f->flags & REC_INTERNAL && f->flags & REC_REQUIRED)
		return bad(t, f, "cannot be INTERNAL and REQUIRED", f->name);
	r = check_shape(t, f);
	if (r == 0)
		r = check_words(t, f);
	if (r == 0)
		r = check_layout(t, f);
	if (r == 0)
		r = check_bounds(t, f);
	if (r == 0)
		r = check_variant(t, f);
	if (r == 0)
		r = check_default(t, f);
	if (r == 0 && f->type)
		r = rec_type_check(f->type);
	return r;
}

/* "a,b;c": all of them fields that a column holds. */
static int check_unique(const struct rec_type *t)
{
	char name[REC_NAME_MAX + 1];
	size_t n = 0;

	for (const char *p = t->unique; p; p++) {
		const struct rec_field *f;

		if (*p && *p != ',' && *p != ';') {
			if (n == REC_NAME_MAX)
				return bad(t, NULL, "has a combination of no fields", t->unique);
			name[n++] = *p;
			continue;
		}
		name[n] = 0;
		n = 0;
		f = rec_field(t, name);
		if (!f || rec_sql_is_join(f))
			return bad(t, NULL, "has a combination with no such field", name);
		if (!*p)
			break;
	}
	return 0;
}

int rec_type_check(const struct rec_type *t)
{
	if (!is_name(t->name) || !is_name(t->plural))
		return bad(t, NULL, "needs a name and a plural of a-z, 0-9 and _", t->plural);
	if (t->n_fields > REC_FIELDS_MAX)
		return bad(t, NULL, "has too many fields", "more than 128");
	for (const struct rec_field *f = t->fields; f < t->fields + t->n_fields; f++) {
		int r = check_field(t, f);

		if (r < 0)
			return r;
	}
	return check_unique(t);
}

/* --- from JSON ------------------------------------------------------------------------------------------------------------ */

static int read_type(struct owner *o, const struct tree *v, struct rec_type *t);

static int wrong(const char *field, const char *want, const struct tree *v)
{
	return err_fail(ERR_WRONG_TYPE, "field", field, "want", want, "value", tree_kind_term(v), NULL);
}

static int read_words(struct owner *o, const struct tree *v, const struct rec_word **ret)
{
	struct rec_word *words;
	size_t n = 0;

	if (!v)
		return 0;
	if (v->kind != TREE_LIST)
		return wrong("words", "@list", v);
	words = arena_array(&o->arena, struct rec_word, (size_t) v->n + 1);
	if (!words)
		return err_fail(ERR_NO_MEMORY, "what", "words", NULL);
	TREE_EACH(w, v) {
		words[n].word = tree_str(tree_find(w, "word"));
		words[n].label = tree_str(tree_find(w, "label"));
		words[n].label_zh = tree_str(tree_find(w, "label_zh"));
		if (!words[n++].word)
			return err_at(wrong("word", "@text", tree_find(w, "word")), "words");
	}
	*ret = words;
	return 0;
}

static int read_inner(struct owner *o, const struct tree *v, const struct rec_type **ret)
{
	struct rec_type *t;
	int r;

	if (!v)
		return 0;
	t = arena_new(&o->arena, struct rec_type);
	if (!t)
		return err_fail(ERR_NO_MEMORY, "what", "type", NULL);
	r = read_type(o, v, t);
	if (r == 0)
		*ret = t;
	return r;
}

static int read_variants(struct owner *o, const struct tree *v, const struct rec_variant **ret)
{
	struct rec_variant *variants;
	size_t n = 0;

	if (!v)
		return 0;
	if (v->kind != TREE_LIST)
		return wrong("variants", "@list", v);
	variants = arena_array(&o->arena, struct rec_variant, (size_t) v->n + 1);
	if (!variants)
		return err_fail(ERR_NO_MEMORY, "what", "variants", NULL);
	TREE_EACH(one, v) {
		int r = read_inner(o, tree_find(one, "type"), &variants[n].type);

		variants[n].word = tree_str(tree_find(one, "word"));
		if (r < 0)
			return err_at(err_at_index(r, n), "variants");
		if (!variants[n].type || !variants[n].word)
			return err_at(err_at_index(wrong("variant", "@object", one), n), "variants");
		n++;
	}
	*ret = variants;
	return 0;
}

static int read_flags(const struct tree *v, uint16_t *ret)
{
	TREE_EACH(flag, v) {
		int bit = tree_str(flag) ? rec_flag_by_name(tree_str(flag)) : -1;

		if (bit < 0)
			return err_fail(ERR_NOT_A_WORD, "field", "flags", "words", "key, required, readonly, nullable, unique, index, immutable, secret, search",
				"value", tree_str(flag) ?: "?", NULL);
		*ret |= (uint16_t) (1u << bit);
	}
	return 0;
}

static uint8_t kind_by_name(const char *name)
{
	for (unsigned k = 1; name && k <= REC_JSON; k++)
		if (str_eq(rec_kind_name(k), name))
			return (uint8_t) k;
	return 0;
}

static int read_texts(const struct tree *v, struct rec_field *f)
{
	const struct { const char *key, **to; } texts[] = {
		{ "name", &f->name }, { "default", &f->def }, { "min", &f->min }, { "max", &f->max }, { "pattern", &f->pattern },
		{ "ref", &f->ref }, { "sibling", &f->sibling }, { "unit", &f->unit }, { "label", &f->label }, { "label_zh", &f->label_zh },
		{ "doc", &f->doc }, { "doc_zh", &f->doc_zh }, { "group", &f->group }, { "widget", &f->widget }, { "since", &f->since },
	};
	static const char *const others[] = { "kind", "item", "scale", "flags", "words", "type", "variants" };

	TREE_EACH(m, v) {
		bool found = false;

		for (size_t i = 0; i < ELEMENTSOF(texts) && !found; i++)
			if (str_eq(texts[i].key, m->key)) {
				found = true;
				*texts[i].to = tree_str(m);
				if (!tree_str(m))
					return err_at(wrong(m->key, "@text", m), m->key);
			}
		for (size_t i = 0; i < ELEMENTSOF(others); i++)
			found |= str_eq(others[i], m->key);
		if (!found)
			return err_at(err_fail(ERR_UNKNOWN_FIELD, "value", m->key, "nearest",
				str_nearest(m->key, (const char *const []) { "name", "kind", "default", "min", "max", "words", "label" }, 7) ?: "kind", NULL), m->key);
	}
	return 0;
}

static int read_field(struct owner *o, const struct tree *v, struct rec_field *f, size_t *at)
{
	size_t align;
	int r;

	if (v->kind != TREE_OBJECT)
		return wrong("field", "@object", v);
	f->kind = kind_by_name(tree_str(tree_find(v, "kind")));
	f->item = kind_by_name(tree_str(tree_find(v, "item")));
	f->scale = (uint8_t) CLAMP(tree_i64(tree_find(v, "scale"), 0), INT64_C(0), INT64_C(255));
	r = read_texts(v, f);
	if (r == 0)
		r = read_flags(tree_find(v, "flags"), &f->flags);
	if (r == 0)
		r = read_words(o, tree_find(v, "words"), &f->words);
	if (r == 0)
		r = read_inner(o, tree_find(v, "type"), &f->type);
	if (r == 0)
		r = read_variants(o, tree_find(v, "variants"), &f->variants);
	align = rec_kind_align(f);
	f->size = (uint32_t) rec_kind_size(f);
	f->offset = (uint32_t) ALIGN_UP(*at, align);
	*at = f->offset + f->size;
	return r;
}

static int read_type(struct owner *o, const struct tree *v, struct rec_type *t)
{
	const struct tree *list = tree_find(v, "fields");
	struct rec_field *fields;
	size_t at;

	*t = (struct rec_type) {
		.name = tree_str(tree_find(v, "name")), .plural = tree_str(tree_find(v, "plural")), .title = tree_str(tree_find(v, "title")),
		.title_zh = tree_str(tree_find(v, "title_zh")), .doc = tree_str(tree_find(v, "doc")), .doc_zh = tree_str(tree_find(v, "doc_zh")),
		.unique = tree_str(tree_find(v, "unique")), .has_head = tree_bool(tree_find(v, "stored"), false), .owner = o,
	};
	if (!t->name)
		return wrong("name", "@text", tree_find(v, "name"));
	if (!t->plural)
		t->plural = t->name;
	if (!list || list->kind != TREE_LIST || list->n > REC_FIELDS_MAX)
		return wrong("fields", "@list", list);
	t->has_bits = !t->has_head;
	at = t->has_head ? sizeof(struct rec_head) : 2 * sizeof(uint64_t);
	fields = arena_array(&o->arena, struct rec_field, list->n);
	if (!fields)
		return err_fail(ERR_NO_MEMORY, "what", t->name, NULL);
	for (uint32_t i = 0; i < list->n; i++) {
		int r = read_field(o, &list->items[i], &fields[i], &at);

		if (r < 0)
			return err_at(err_at_index(r, i), "fields");
	}
	t->fields = fields;
	t->n_fields = list->n;
	t->size = ALIGN_UP(at, 16);
	return 0;
}

static struct owner *owner_free(struct owner *o)
{
	if (o)
		arena_done(&o->arena);
	return sys_free(o);
}
DEFINE_CLEANUP(struct owner *, owner_free)

int rec_type_new(const char *json, size_t len, const struct rec_type **ret)
{
	_cleanup_(owner_freep) struct owner *o = sys_new(struct owner);
	struct tree *v;
	int r;

	if (!o)
		return err_fail(ERR_NO_MEMORY, "what", "type", NULL);
	atomic_init(&o->refs, 1);
	arena_init(&o->arena, &sys_heap, 4 << 20);
	r = tree_parse(json, len, "@body", &o->arena, &v);
	if (r == 0)
		r = read_type(o, v, &o->type);
	if (r == 0)
		r = rec_type_check(&o->type);
	if (r < 0)
		return r;
	*ret = &take(o)->type;
	return 0;
}

const struct rec_type *rec_type_ref(const struct rec_type *t)
{
	struct owner *o = t ? t->owner : NULL;

	if (o)
		atomic_fetch_add_explicit(&o->refs, 1, memory_order_relaxed);
	return t;
}

const struct rec_type *rec_type_unref(const struct rec_type *t)
{
	struct owner *o = t ? t->owner : NULL;

	if (o && atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) == 1)
		owner_free(o);
	return NULL;
}
