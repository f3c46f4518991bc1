/*
 * rec_json_in.c - a body applied to a record.
 *
 * The body is applied to a copy in the arena; the copy replaces the record when nothing was wrong. A body is gone through twice:
 * first what stands alone, then the variants, whose type follows from a sibling that may come later in the text.
 */
#include "base/num.h"
#include "rec/rec_int.h"

/* trusted: from our own store; loose: one value, whoever may set it. */
struct in { enum rec_mode mode; bool trusted, loose; struct arena *arena; struct rec_bad *bad; };
/* One record being filled: `old` is what was there before, NULL when it is new. */
struct filling { const struct rec_type *t; void *rec; const void *old; const struct rec_path *at; };

static void apply(const struct in *in, const struct filling *to, const struct tree *body);

static int wrong_kind(const struct rec_field *f, const struct tree *v)
{
	static const char *const want[] = {
		[REC_BOOL] = "@boolean", [REC_I32] = "@whole_number", [REC_U32] = "@whole_number", [REC_I64] = "@whole_number",
		[REC_U64] = "@whole_number", [REC_F64] = "@number", [REC_DEC] = "@number", [REC_TIME] = "@time",
		[REC_DATE] = "@date", [REC_DURATION] = "@duration", [REC_ENUM] = "@text", [REC_FLAGS] = "@list",
		[REC_STR] = "@text", [REC_TEXT] = "@text", [REC_BYTES] = "@base64", [REC_UUID] = "@uuid", [REC_REF] = "@uuid",
		[REC_LIST] = "@list", [REC_REC] = "@object", [REC_MAP] = "@object", [REC_VARIANT] = "@object", [REC_JSON] = "@json",
	};
	char text[REC_SHORT] = "";
	struct buf b = BUF_FIXED(text);
	struct json out = JSON_TO(&b);

	if (v->kind == TREE_STR)
		return rec_wrong(f, want[f->kind], v->s, v->n);
	if (v->kind == TREE_LIST || v->kind == TREE_OBJECT)
		return err_fail(ERR_WRONG_TYPE, "field", f->name, "want", want[f->kind], "value", tree_kind_term(v), NULL);
	tree_write(v, &out);
	return rec_wrong(f, want[f->kind], b.data, b.len);
}

static int out_of_range(const struct rec_field *f, const struct tree *v)
{
	char text[NUM_TEXT_MAX];

	return rec_out_of_range(f, text, v->kind == TREE_I64 ? num_format_i64(text, v->i) : num_format_f64(text, v->f));
}

static int read_whole(const struct rec_field *f, void *to, const struct tree *v, struct arena *a)
{
	bool is_wide = f->kind == REC_I64 || f->kind == REC_U64;
	int64_t n;

	if (v->kind == TREE_STR && is_wide)             /* beyond 2^53 numbers travel as texts */
		return rec_parse(f, to, v->s, v->n, a);
	if (v->kind == TREE_F64) {
		if (!(v->f >= -9007199254740992.0 && v->f <= 9007199254740992.0))
			return out_of_range(f, v);
		if ((double) (int64_t) v->f != v->f)
			return wrong_kind(f, v);
		n = (int64_t) v->f;
	} else if (v->kind == TREE_I64) {
		n = v->i;
	} else {
		return wrong_kind(f, v);
	}
	if ((f->kind == REC_I32 && (n < INT32_MIN || n > INT32_MAX)) || (f->kind == REC_U32 && (n < 0 || n > UINT32_MAX)) ||
			(f->kind == REC_U64 && n < 0))
		return out_of_range(f, v);
	if (is_wide)
		*(int64_t *) to = n;
	else
		*(uint32_t *) to = (uint32_t) n;
	return 0;
}

static int read_dec(const struct rec_field *f, void *to, const struct tree *v, struct arena *a)
{
	char text[NUM_TEXT_MAX];

	if (v->kind == TREE_STR)
		return rec_parse(f, to, v->s, v->n, a);
	if (v->kind == TREE_I64)
		return rec_parse(f, to, text, num_format_i64(text, v->i), a);
	if (v->kind == TREE_F64)                        /* the shortest text of the double is what was written, up to 15 digits */
		return rec_parse(f, to, text, num_format_f64(text, v->f), a);
	return wrong_kind(f, v);
}

static int read_flags(const struct rec_field *f, uint32_t *to, const struct tree *v)
{
	uint32_t set = 0;

	if (v->kind != TREE_LIST)
		return wrong_kind(f, v);
	TREE_EACH(word, v) {
		int32_t i = word->kind == TREE_STR ? rec_word_index(f, word->s, word->n) : -1;

		if (i < 0 || i > 31)
			return rec_not_a_word(f, tree_str(word) ?: "?", word->kind == TREE_STR ? word->n : 1);
		set |= UINT32_C(1) << i;
	}
	*to = set;
	return 0;
}

/* RFC 7396: the members of `patch` over those of `old`. */
static int merge(const struct rec_field *f, const struct tree *old, const struct tree *patch, struct arena *a, struct tree *ret)
{
	struct tree to = { .kind = TREE_OBJECT };

	if (patch->kind != TREE_OBJECT) {
		*ret = *patch;
		return 0;
	}
	if (patch->n > REC_PAIRS_MAX)
		return rec_check_entries(f, patch->n);
	if (old && old->kind != TREE_OBJECT)
		old = NULL;
	to.items = arena_array(a, struct tree, (size_t) patch->n + (old ? old->n : 0));
	if (!to.items)
		return rec_no_memory(f);
	TREE_EACH(was, old) {
		const struct tree *now = tree_find(patch, was->key);
		int r = now && now->kind != TREE_NULL ? merge(f, was, now, a, &to.items[to.n]) : 0;

		if (r < 0)
			return r;
		if (!now)
			to.items[to.n] = *was;
		to.items[to.n].key = was->key;
		to.n += !now || now->kind != TREE_NULL;
	}
	TREE_EACH(now, patch) {
		int r;

		if (now->kind == TREE_NULL || tree_find(old, now->key))
			continue;
		r = merge(f, NULL, now, a, &to.items[to.n]);
		if (r < 0)
			return r;
		to.items[to.n++].key = now->key;
	}
	*ret = to;
	return 0;
}

static int read_json(const struct in *in, const struct rec_field *f, const char **to, const struct tree *v)
{
	struct mem m = rec_arena_mem(in->arena);
	struct buf b = BUF_INIT(&m, REC_JSON_MAX);
	struct json out = JSON_TO(&b);
	struct tree *old, merged;
	char max[NUM_TEXT_MAX];

	if (in->mode == REC_MERGE && *to && tree_parse(*to, str_len(*to), f->name, in->arena, &old) == 0) {
		int r = merge(f, old, v, in->arena, &merged);

		if (r < 0)
			return r;
		v = &merged;
	}
	tree_write(v, &out);
	if (b.failed) {
		num_format_u64(max, REC_JSON_MAX);
		return err_fail(ERR_SIZE, "field", f->name, "min", "0", "max", max, "value", max, NULL);
	}
	*to = b.data;
	return 0;
}

static int read_map(const struct in *in, const struct rec_field *f, struct rec_map *to, const struct tree *v)
{
	struct rec_map old = in->mode == REC_MERGE ? *to : (struct rec_map) { 0 };
	struct rec_pair *items;
	uint32_t n = 0;
	int r;

	if (v->kind != TREE_OBJECT)
		return wrong_kind(f, v);
	r = rec_check_entries(f, v->n);
	if (r < 0 && v->n > REC_PAIRS_MAX)
		return r;
	items = arena_array(in->arena, struct rec_pair, (size_t) v->n + old.n);
	if (!items)
		return rec_no_memory(f);
	for (uint32_t i = 0; i < old.n; i++)
		if (!tree_find(v, old.items[i].key))
			items[n++] = old.items[i];
	TREE_EACH(pair, v) {
		if (pair->kind == TREE_STR)
			items[n++] = (struct rec_pair) { pair->key, pair->s };
		else if (pair->kind != TREE_NULL || in->mode != REC_MERGE)
			return err_at(err_fail(ERR_WRONG_TYPE, "field", f->name, "want", "@text", "value", tree_kind_term(pair), NULL), pair->key);
	}
	*to = (struct rec_map) { items, n };
	return 0;
}

static int read_leaf(const struct in *in, const struct rec_field *f, void *to, const struct tree *v)
{
	switch (f->kind) {
	case REC_BOOL:
		if (v->kind != TREE_BOOL)
			return wrong_kind(f, v);
		*(bool *) to = v->b;
		return 0;
	case REC_I32: case REC_U32: case REC_I64: case REC_U64:
		return read_whole(f, to, v, in->arena);
	case REC_F64:
		if (v->kind != TREE_F64 && v->kind != TREE_I64)
			return wrong_kind(f, v);
		*(double *) to = tree_f64(v, 0);
		return 0;
	case REC_DEC: return read_dec(f, to, v, in->arena);
	case REC_FLAGS: return read_flags(f, to, v);
	case REC_JSON: return read_json(in, f, to, v);
	case REC_MAP: return read_map(in, f, to, v);
	case REC_STR: case REC_TEXT:
		if (v->kind != TREE_STR)
			return wrong_kind(f, v);
		*(const char **) to = v->s;     /* lives in the same arena */
		return 0;
	}
	return v->kind == TREE_STR ? rec_parse(f, to, v->s, v->n, in->arena) : wrong_kind(f, v);
}

static void read_list(const struct in *in, const struct rec_field *f, struct rec_list *to, const struct tree *v, const struct rec_path *at)
{
	struct rec_field item = rec_item(f);
	struct in fresh = *in;
	char *items;
	int r = v->kind == TREE_LIST ? rec_check_entries(f, v->n) : wrong_kind(f, v);

	if (r == -ERR_COUNT && in->trusted)
		r = 0;
	items = r == 0 && v->n ? arena_alloc(in->arena, (size_t) item.size * v->n) : NULL;
	if (r == 0 && v->n && !items)
		r = rec_no_memory(f);
	if (r < 0) {
		rec_bad_add(in->bad, r, at);
		return;
	}
	fresh.mode = REC_CREATE;
	for (uint32_t i = 0; i < v->n; i++) {
		struct rec_path here = { .up = at, .index = i };
		void *p = items + (size_t) i * item.size;

		if (item.kind == REC_REC) {
			struct filling one = { .t = item.type, .rec = p, .at = &here };

			r = rec_init(item.type, p, in->arena);
			rec_bad_add(in->bad, r, &here);
			if (r == 0)
				apply(&fresh, &one, &v->items[i]);
			continue;
		}
		r = read_leaf(&fresh, &item, p, &v->items[i]);
		rec_bad_add(in->bad, r, &here);
		if (r == 0 && !in->trusted)
			rec_check_value(NULL, NULL, &item, p, &here, in->bad);
	}
	*to = (struct rec_list) { items, v->n };
}

/* A record inside a record: what was there counts when it is there and of the same type. */
static void read_record(const struct in *in, const struct rec_type *t, void *rec, const void *old, const struct tree *v, const struct rec_path *at)
{
	struct in sub = *in;
	struct filling to = { .t = t, .rec = rec, .old = old, .at = at };
	int r = 0;

	if (!old)
		sub.mode = REC_CREATE;
	if (sub.mode == REC_MERGE)
		memcpy(rec, old, t->size);
	else
		r = rec_init(t, rec, in->arena);
	rec_bad_add(in->bad, r, at);
	if (r == 0)
		apply(&sub, &to, v);
}

static void read_variant(const struct in *in, const struct filling *to, const struct rec_field *f, const struct tree *v, const struct rec_path *at)
{
	const struct rec_type *of = rec_variant(to->t, to->rec, f);
	void **slot = rec_at(to->rec, f), *old = to->old ? *(void **) rec_at(to->old, f) : NULL, *fresh;

	if (!of) {
		if (v->kind != TREE_OBJECT || v->n)
			rec_bad_add(in->bad, rec_rule(f, "@left_out", "{...}", 5), at);
		*slot = NULL;
		return;
	}
	if (old && rec_variant(to->t, to->old, f) != of)
		old = NULL;
	fresh = arena_alloc(in->arena, of->size);
	if (!fresh) {
		rec_bad_add(in->bad, rec_no_memory(f), at);
		return;
	}
	read_record(in, of, fresh, old, v, at);
	*slot = fresh;
}

/* null, or an empty cell: absent where that can be, else the default, else zero. */
static int clear(const struct rec_type *t, const struct rec_field *f, void *rec, struct arena *a)
{
	int r = 0;

	rec_set_has(t, rec, f, false);
	if (f->flags & REC_NULLABLE)
		return 0;
	if (f->kind == REC_REC)
		r = rec_init(f->type, rec_at(rec, f), a);
	return r < 0 ? r : rec_field_default(t, f, rec, a);
}

/* What the platform sets may be said when it says what is so: the value that was there, in something new the default. */
static int check_read_only(const struct in *in, const struct filling *to, const struct rec_field *f)
{
	const void *was = to->old;
	void *fresh;

	if (!was) {
		fresh = arena_alloc(in->arena, to->t->size);
		if (!fresh || rec_init(to->t, fresh, in->arena) < 0)
			return rec_no_memory(f);
		was = fresh;
	}
	return rec_field_equal(to->t, f, was, to->rec) ? 0 : err_fail(ERR_READ_ONLY, "field", f->name, NULL);
}

static void apply_field(const struct in *in, const struct filling *to, const struct rec_field *f, const struct tree *v)
{
	struct rec_path here = { .up = to->at, .key = f->name };
	void *value = rec_at(to->rec, f);
	size_t before = in->bad->n;
	int r = 0;

	if (v->kind == TREE_NULL) {
		if ((f->flags & (REC_REQUIRED | REC_NULLABLE)) == REC_REQUIRED && !in->trusted)
			r = err_fail(ERR_REQUIRED, "field", f->name, NULL);
		else
			r = clear(to->t, f, to->rec, in->arena);
		rec_bad_add(in->bad, r, &here);
	} else {
		switch (f->kind) {
		case REC_LIST: read_list(in, f, value, v, &here); break;
		case REC_REC:
			read_record(in, f->type, value, to->old && rec_has(to->t, to->old, f) ? rec_at(to->old, f) : NULL, v, &here);
			break;
		case REC_VARIANT: read_variant(in, to, f, v, &here); break;
		default:
			r = read_leaf(in, f, value, v);
			rec_bad_add(in->bad, r, &here);
			if (r == 0 && !in->trusted)
				rec_check_value(to->t, to->rec, f, value, &here, in->bad);
		}
		if (in->bad->n == before)
			rec_set_has(to->t, to->rec, f, true);
	}
	if (in->bad->n != before || in->trusted || in->loose)
		return;
	if (f->flags & REC_READONLY)
		r = check_read_only(in, to, f);
	else if (f->flags & REC_IMMUTABLE && to->old && rec_has(to->t, to->old, f) && !rec_field_equal(to->t, f, to->old, to->rec))
		r = err_fail(ERR_IMMUTABLE, "field", f->name, NULL);
	rec_bad_add(in->bad, r, &here);
}

static void unknown(const struct in *in, const struct filling *to, const char *key)
{
	struct rec_path here = { .up = to->at, .key = key };
	const char *nearest = "-", *head[REC_HEAD_FIELDS];
	unsigned best = 64;
	char room[REC_SHORT];
	struct rec_field none = { .name = "" };

	for (size_t i = 0; i < REC_HEAD_FIELDS; i++)
		head[i] = rec_head_fields[i].name;
	if (in->bad->n < ERRS_MAX && str_len(key) <= REC_NAME_MAX) {    /* a thousand wrong keys must not cost a thousand searches */
		const char *h = to->t->has_head ? str_nearest(key, head, REC_HEAD_FIELDS) : NULL;

		for (const struct rec_field *f = to->t->fields; f < to->t->fields + to->t->n_fields; f++) {
			unsigned d = f->flags & REC_INTERNAL ? 64 : str_distance(key, f->name, best);

			if (d < best) {
				best = d;
				nearest = f->name;
			}
		}
		if (h && str_distance(key, h, 64) < best)
			nearest = h;
	}
	rec_bad_add(in->bad, err_fail(ERR_UNKNOWN_FIELD, "value", rec_short(&none, key, str_len(key), room), "nearest", nearest, NULL), &here);
}

/* id, rev and the rest of the head: nobody may change them. Returns whether it was one of them. */
static bool apply_head(const struct in *in, const struct filling *to, const struct tree *v)
{
	const struct rec_field *f = to->t->has_head ? rec_head_field(v->key) : NULL;
	struct rec_path here = { .up = to->at, .key = v->key };
	uint64_t value[2] = { 0 };
	int r = 0;

	if (!f)
		return false;
	if (in->mode == REC_CREATE && !in->trusted && f->offset != offsetof(struct rec_head, id))
		return true;
	if (v->kind != TREE_NULL)
		r = read_leaf(in, f, value, v);
	if (r == 0 && (in->mode == REC_CREATE || in->trusted))
		memcpy(rec_at(to->rec, f), value, f->size);
	else if (r == 0 && to->old && memcmp(rec_at(to->old, f), value, f->size) != 0)
		r = err_fail(ERR_READ_ONLY, "field", f->name, NULL);
	rec_bad_add(in->bad, r, &here);
	return true;
}

/* What the body does not say: must it? And a variant whose sibling has changed is of the wrong type now. */
static void apply_absent(const struct in *in, const struct filling *to, const uint64_t given[2])
{
	const struct rec_type *t = to->t;

	for (const struct rec_field *f = t->fields; f < t->fields + t->n_fields; f++) {
		struct rec_path here = { .up = to->at, .key = f->name };

		if (rec_bit(given, rec_index(t, f)))
			continue;
		if (in->mode == REC_REPLACE && to->old && f->flags & (REC_READONLY | REC_IMMUTABLE | REC_SECRET | REC_INTERNAL)) {
			memcpy(rec_at(to->rec, f), rec_at(to->old, f), f->size);
			if (f->flags & REC_NULLABLE)
				rec_set_has(t, to->rec, f, rec_has(t, to->old, f));
		}
		if (f->kind == REC_VARIANT && to->old && rec_variant(t, to->old, f) != rec_variant(t, to->rec, f))
			rec_set_has(t, to->rec, f, false);
		else if (in->mode == REC_MERGE)
			continue;
		if (f->flags & REC_REQUIRED && !(f->flags & REC_READONLY) && !f->def && !(in->mode == REC_REPLACE && to->old &&
				f->flags & (REC_IMMUTABLE | REC_SECRET | REC_INTERNAL) && rec_has(t, to->old, f)))
			rec_bad_add(in->bad, err_fail(ERR_REQUIRED, "field", f->name, NULL), &here);
	}
}

static void apply(const struct in *in, const struct filling *to, const struct tree *body)
{
	const struct rec_field *f = NULL;
	uint64_t given[2] = { 0 };
	bool variants = false;

	if (body->kind != TREE_OBJECT) {
		struct rec_field whole = { .name = to->t->name, .kind = REC_REC };

		rec_bad_add(in->bad, wrong_kind(&whole, body), to->at);
		return;
	}
	TREE_EACH(v, body) {
		const struct rec_field *found = rec_field_after(to->t, v->key, f);

		if (found && found->flags & REC_INTERNAL && !in->trusted)
			found = NULL;
		if (!found) {
			if (!apply_head(in, to, v) && !in->trusted)
				unknown(in, to, v->key);
			continue;
		}
		f = found;
		given[rec_index(to->t, f) / 64] |= UINT64_C(1) << (rec_index(to->t, f) % 64);
		if (f->kind == REC_VARIANT)
			variants = true;
		else
			apply_field(in, to, f, v);
	}
	if (variants)
		TREE_EACH(v, body) {
			f = rec_field(to->t, v->key);
			if (f && f->kind == REC_VARIANT && (in->trusted || !(f->flags & REC_INTERNAL)))
				apply_field(in, to, f, v);
		}
	if (!in->trusted)
		apply_absent(in, to, given);
}

int rec_from_tree(const struct rec_type *t, void *rec, const struct tree *body, enum rec_mode mode, struct arena *a, struct errs *errs)
{
	struct rec_bad bad = { .all = errs };
	struct in in = { .mode = mode & ~REC_TRUSTED, .trusted = mode & REC_TRUSTED, .arena = a, .bad = &bad };
	struct filling to = { .t = t, .rec = arena_alloc(a, t->size), .old = in.mode == REC_CREATE ? NULL : rec };
	int r = 0;

	if (!to.rec)
		return err_fail(ERR_NO_MEMORY, "what", t->name, NULL);
	if (in.mode == REC_MERGE)
		memcpy(to.rec, rec, t->size);
	else
		r = rec_init(t, to.rec, a);
	if (r == 0 && in.mode == REC_REPLACE && t->has_head)
		memcpy(to.rec, rec, offsetof(struct rec_head, has));
	if (r < 0)
		return r;
	apply(&in, &to, body);
	r = rec_bad_end(&bad);
	if (r == 0)
		memcpy(rec, to.rec, t->size);
	return r;
}

int rec_from_json(const struct rec_type *t, void *rec, struct rec_json json, enum rec_mode mode, struct arena *a, struct errs *errs)
{
	struct tree *body;
	int r = tree_parse(json.text, json.len, "@body", a, &body);

	if (r == 0)
		return rec_from_tree(t, rec, body, mode, a, errs);
	if (errs) {
		struct err e = *err_peek();

		errs_add(errs, r);
		err_put(&e);
	}
	return r;
}

/* One value of its own, whoever may set it; *rec keeps what it had on failure. */
static int value_from_text(const struct in *how, const struct rec_type *t, const struct rec_field *f, void *rec, const char *json, size_t len)
{
	struct rec_bad bad = { 0 };
	struct in in = { .mode = REC_CREATE, .trusted = how->trusted, .loose = true, .arena = how->arena, .bad = &bad };
	struct filling to = { .t = t, .rec = rec };
	struct tree *v;
	char *kept = arena_dup(in.arena, rec_at(rec, f), f->size);
	int r = kept ? tree_parse(json, len, f->name, in.arena, &v) : rec_no_memory(f);

	if (r < 0)
		return r;
	apply_field(&in, &to, f, v);
	r = rec_bad_end(&bad);
	if (r < 0)
		memcpy(rec_at(rec, f), kept, f->size);
	return r;
}

int rec_field_load(const struct rec_type *t, const struct rec_field *f, void *rec, const char *json, size_t len, struct arena *a)
{
	struct in in = { .trusted = true, .arena = a };

	return value_from_text(&in, t, f, rec, json, len);
}

int rec_field_default(const struct rec_type *t, const struct rec_field *f, void *rec, struct arena *a)
{
	int r;

	if (!f->def)
		return 0;
	r = rec_is_compound(f->kind) || f->kind == REC_JSON ? rec_field_load(t, f, rec, f->def, str_len(f->def), a)
		: rec_parse(f, rec_at(rec, f), f->def, str_len(f->def), a);
	if (r == 0)
		rec_set_has(t, rec, f, true);
	return r;
}

/* --- one field from text, as people write it ------------------------------------------------------------------------------ */

static int word_of_label(const struct rec_field *f, const char *text, size_t len)
{
	for (const struct rec_word *w = f->words; w && w->word; w++)
		for (int i = 0; i < 2; i++) {
			const char *label = i ? w->label_zh : w->label;

			if (label && str_len(label) == len && memcmp(label, text, len) == 0)
				return (int) (w - f->words);
		}
	return -1;
}

static int parse_list(const struct rec_field *f, struct rec_list *to, const char *text, size_t len, struct arena *a)
{
	struct rec_field item = rec_item(f);
	uint32_t n = 1;
	char *items;

	for (size_t i = 0; i < len; i++)
		n += text[i] == ',';
	if (n > REC_ENTRIES_MAX)
		return rec_check_entries(f, n);
	items = arena_alloc(a, (size_t) n * item.size);
	if (!items)
		return rec_no_memory(f);
	n = 0;
	for (size_t at = 0, k; at <= len; at += k + 1) {
		int r;

		for (k = 0; at + k < len && text[at + k] != ','; k++)
			;
		r = rec_parse(&item, items + (size_t) n++ * item.size, text + at, k, a);
		if (r < 0)
			return r;
	}
	*to = (struct rec_list) { items, n };
	return 0;
}

static int parse_map(const struct rec_field *f, struct rec_map *to, const char *text, size_t len, struct arena *a)
{
	uint32_t n = 1;
	struct rec_pair *items;

	for (size_t i = 0; i < len; i++)
		n += text[i] == ',';
	items = n > REC_PAIRS_MAX ? NULL : arena_array(a, struct rec_pair, n);
	if (!items)
		return n > REC_PAIRS_MAX ? rec_check_entries(f, n) : rec_no_memory(f);
	n = 0;
	for (size_t at = 0, k, eq; at < len; at += k + 1) {
		for (k = 0, eq = 0; at + k < len && text[at + k] != ','; k++)
			if (text[at + k] == '=' && !eq)
				eq = k;
		if (!eq)
			return rec_wrong(f, "@object", text + at, k);
		items[n].key = arena_strn(a, text + at, eq);
		items[n].value = arena_strn(a, text + at + eq + 1, k - eq - 1);
		if (!items[n].key || !items[n].value)
			return rec_no_memory(f);
		for (uint32_t i = 0; i < n; i++)
			if (str_eq(items[i].key, items[n].key))
				return rec_rule(f, "@twice", items[n].key, eq);
		n++;
	}
	*to = (struct rec_map) { items, n };
	return 0;
}

int rec_field_parse(const struct rec_type *t, const struct rec_field *f, void *rec, const char *text, size_t len, struct arena *a)
{
	void *value = rec_at(rec, f);
	size_t good = utf8_valid_prefix(text, len);
	struct in in = { .arena = a };
	char at[NUM_TEXT_MAX];
	int r, w;

	if (good < len) {
		num_format_u64(at, good);
		return err_fail(ERR_BAD_UTF8, "what", f->name, "value", at, NULL);
	}
	if (!len)
		return clear(t, f, rec, a);
	if (f->kind == REC_ENUM && (w = word_of_label(f, text, len)) >= 0 && rec_word_index(f, text, len) < 0) {
		*(int32_t *) value = w;
		r = 0;
	} else if (f->kind == REC_LIST && text[0] != '[' && f->item != REC_REC) {
		r = parse_list(f, value, text, len, a);
	} else if (f->kind == REC_MAP && text[0] != '{') {
		r = parse_map(f, value, text, len, a);
	} else if (rec_is_compound(f->kind) || f->kind == REC_JSON) {
		r = value_from_text(&in, t, f, rec, text, len);
	} else {
		r = rec_parse(f, value, text, len, a);
	}
	if (r == 0)
		rec_set_has(t, rec, f, true);
	return r;
}

void rec_field_format(const struct rec_type *t, const struct rec_field *f, const void *rec, struct buf *out)
{
	struct json j = JSON_TO(out);

	if (!rec_has(t, rec, f))
		return;
	if (rec_is_compound(f->kind))
		rec_value_to_json(t, rec, f, rec_at(rec, f), f->flags & REC_SECRET ? REC_SHOW_INTERNAL : 0, &j);
	else
		rec_format(f, rec_at(rec, f), out);
}
