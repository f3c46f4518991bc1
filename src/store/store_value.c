/*
 * store_value.c - one field ↔ one column.
 *
 * Words stand as text, times as integers, lists and records as JSON. What is SECRET is sealed and stands as base64; a record that
 * holds a secret somewhere inside is sealed as a whole and marked, so that old rows stay readable when a secret is added to it.
 */
#include "rec/b64.h"
#include "store/store_int.h"

static const char mark[] = "sealed:";

bool store_is_head(const struct rec_field *f)
{
	return f >= rec_head_fields && f < rec_head_fields + REC_HEAD_FIELDS;
}

/* --- secrets -------------------------------------------------------------------------------------------------------------- */

static bool has_secret(const struct rec_type *t);

static bool is_secret(const struct rec_type *t, const void *rec, const struct rec_field *f)
{
	const struct rec_type *of = f->type;

	if (f->flags & REC_SECRET)
		return true;
	if (f->kind == REC_VARIANT)
		of = rec_variant(t, rec, f);
	return of && (f->kind == REC_VARIANT || f->kind == REC_REC || f->kind == REC_LIST) && has_secret(of);
}

static bool has_secret(const struct rec_type *t)
{
	for (const struct rec_field *f = t->fields; f < t->fields + t->n_fields; f++) {
		if (f->flags & REC_SECRET || ((f->kind == REC_REC || f->kind == REC_LIST) && f->type && has_secret(f->type)))
			return true;
		for (const struct rec_variant *v = f->variants; v && v->word; v++)
			if (has_secret(v->type))
				return true;
		if (f->kind == REC_VARIANT && !f->variants)     /* a function: what it will say is not known */
			return true;
	}
	return false;
}

static int to_scratch(struct store_tx *tx, const struct buf *b, struct cell *ret)
{
	const char *text = b->failed ? NULL : arena_strn(&tx->scratch, b->data, b->len);

	if (!text)
		return store_no_memory(tx->store);
	*ret = (struct cell) { .kind = CELL_TEXT, .p = text, .len = b->len };
	return 0;
}

static int seal(struct store_tx *tx, const struct rec_field *f, struct cell *c, bool marked)
{
	const struct store_seal *how = tx->store->config.seal;
	_cleanup_(buf_done) struct buf sealed = BUF_INIT(&sys_heap, 8 << 20), text = BUF_INIT(&sys_heap, 16 << 20);
	int r;

	if (!how)
		return err_failf(ERR_BROKEN, "%s: %s is secret, and the store has no key to seal it", tx->store->name, f->name);
	r = how->seal(how->ctx, c->p, c->len, &sealed);
	if (r < 0)
		return r;
	if (f->kind == REC_BYTES) {                     /* the column takes bytes */
		r = to_scratch(tx, &sealed, c);
		c->kind = CELL_BLOB;
		return r;
	}
	if (marked)
		buf_add(&text, mark);
	b64_encode(sealed.data, sealed.len, &text);
	return to_scratch(tx, &text, c);
}

static int unseal(struct store_tx *tx, const struct rec_field *f, struct cell *c)
{
	const struct store_seal *how = tx->store->config.seal;
	_cleanup_(buf_done) struct buf open = BUF_INIT(&sys_heap, 8 << 20);
	char *bytes = arena_alloc(&tx->scratch, c->len + 4);
	size_t n;
	int r;

	if (!how)
		return err_failf(ERR_BROKEN, "%s: %s is sealed, and the store has no key", tx->store->name, f->name);
	if (!bytes)
		return store_no_memory(tx->store);
	if (c->kind == CELL_BLOB) {
		memcpy(bytes, c->p, c->len);
		n = c->len;
	} else if (!b64_decode(c->p, c->len, bytes, &n))
		return err_fail(ERR_CORRUPT, "what", tx->store->name, "detail", f->name, NULL);
	r = how->unseal(how->ctx, bytes, n, &open);
	return r < 0 ? r : to_scratch(tx, &open, c);
}

/* --- to a column ---------------------------------------------------------------------------------------------------------- */

static int cell_of_json(struct store_tx *tx, const struct rec_type *t, const void *rec, const struct rec_field *f, struct cell *ret)
{
	if ((f->kind == REC_LIST && !((const struct rec_list *) rec_at(rec, f))->n) || (f->kind == REC_MAP && !((const struct rec_map *) rec_at(rec, f))->n)) {
		*ret = (struct cell) { .kind = CELL_TEXT, .p = f->kind == REC_LIST ? "[]" : "{}", .len = 2 };
		return 0;
	}
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 16 << 20);
	struct json out = JSON_TO(&b);

	rec_field_json(t, f, rec, REC_SHOW_INTERNAL, &out);
	return to_scratch(tx, &b, ret);
}

static int cell_of_flags(struct store_tx *tx, const struct rec_type *t, const void *rec, const struct rec_field *f, struct cell *ret)
{
	char room[2048] = "";
	struct buf b = BUF_FIXED(room);

	rec_field_format(t, f, rec, &b);
	return to_scratch(tx, &b, ret);
}

static int64_t whole(const struct rec_field *f, const void *v)
{
	switch (f->kind) {
	case REC_BOOL: return *(const bool *) v;
	case REC_I32: case REC_DATE: return *(const int32_t *) v;
	case REC_U32: return *(const uint32_t *) v;
	default: return *(const int64_t *) v;
	}
}

int cell_of(struct store_tx *tx, const struct rec_type *t, const void *rec, const struct rec_field *f, struct cell *ret)
{
	const void *v = rec_at(rec, f);
	const struct rec_bytes *bytes = v;
	bool secret;
	int r = 0;

	*ret = (struct cell) { .kind = CELL_NULL };
	if (store_is_head(f) ? f->kind == REC_UUID && uuid_is_zero(v) : !rec_has(t, rec, f))
		return 0;
	secret = !store_is_head(f) && is_secret(t, rec, f);
	switch (f->kind) {
	case REC_BOOL: case REC_I32: case REC_U32: case REC_I64: case REC_U64: case REC_DEC: case REC_TIME: case REC_DATE: case REC_DURATION:
		*ret = CELL_OF_INT(whole(f, v));
		return 0;
	case REC_F64: *ret = (struct cell) { .kind = CELL_REAL, .d = *(const double *) v }; return 0;
	case REC_STR: case REC_TEXT: case REC_JSON: *ret = CELL_OF_TEXT(*(const char *const *) v); break;
	case REC_BYTES: *ret = (struct cell) { .kind = CELL_BLOB, .p = bytes->data, .len = bytes->len }; break;
	case REC_UUID: case REC_REF: *ret = CELL_OF_ID((const struct uuid *) v); return 0;
	case REC_ENUM: *ret = CELL_OF_TEXT(rec_word(f, *(const int32_t *) v) ?: ""); return 0;
	case REC_FLAGS: return cell_of_flags(tx, t, rec, f, ret);
	default: r = cell_of_json(tx, t, rec, f, ret);
	}
	return r == 0 && secret ? seal(tx, f, ret, !(f->flags & REC_SECRET)) : r;
}

/* Kinds whose column is JSON, which begins with a bracket: the mark cannot be taken for it. */
static bool is_json(const struct rec_field *f)
{
	return f->kind == REC_LIST || f->kind == REC_REC || f->kind == REC_MAP || f->kind == REC_VARIANT;
}

/* --- from a column -------------------------------------------------------------------------------------------------------- */

static int odd(struct store_tx *tx, const struct rec_type *t, const struct rec_field *f, const struct cell *c)
{
	char text[128] = "";

	buf_addf(&BUF_FIXED(text), "%.41s.%.41s: %.*s", t->name, f->name, (int) MIN(c->kind >= CELL_TEXT ? c->len : 0, (size_t) 30),
		c->kind == CELL_TEXT ? c->p : "");
	return err_fail(ERR_CORRUPT, "what", tx->store->name, "detail", text, NULL);
}

static void set_whole(const struct rec_field *f, void *v, int64_t i)
{
	switch (f->kind) {
	case REC_BOOL: *(bool *) v = i != 0; return;
	case REC_I32: case REC_DATE: *(int32_t *) v = (int32_t) i; return;
	case REC_U32: *(uint32_t *) v = (uint32_t) i; return;
	default: *(int64_t *) v = i;
	}
}

static int set_bytes(struct store_tx *tx, struct rec_bytes *v, const struct cell *c, struct arena *a)
{
	*v = (struct rec_bytes) { arena_dup(a, c->p, c->len), c->len };
	return v->data ? 0 : store_no_memory(tx->store);
}

static int set_json(struct store_tx *tx, const struct rec_type *t, void *rec, const struct rec_field *f, const struct cell *c, struct arena *a)
{
	int r;

	if (c->len == 2 && (f->kind == REC_LIST || f->kind == REC_MAP))         /* "[]", "{}": most of them */
		return 0;
	r = rec_field_load(t, f, rec, c->p, c->len, a);
	return r < 0 && r != -ERR_NO_MEMORY ? odd(tx, t, f, c) : r;
}

static int set_text(struct store_tx *tx, const struct rec_type *t, void *rec, const struct rec_field *f, const struct cell *c, struct arena *a)
{
	void *v = rec_at(rec, f);
	int32_t word;

	switch (f->kind) {
	case REC_STR: case REC_TEXT: case REC_JSON:
		*(const char **) v = arena_strn(a, c->p, c->len);
		return *(const char **) v ? 0 : store_no_memory(tx->store);
	case REC_ENUM:
		word = rec_word_index(f, c->p, c->len);
		if (word < 0)
			return odd(tx, t, f, c);
		*(int32_t *) v = word;
		return 0;
	case REC_FLAGS:
		if (!c->len)
			return 0;
		return rec_field_parse(t, f, rec, c->p, c->len, a) < 0 ? odd(tx, t, f, c) : 0;
	case REC_BYTES:                                 /* was sealed */
		return set_bytes(tx, v, c, a);
	}
	return set_json(tx, t, rec, f, c, a);
}

/* What the engine gave, put where the kind has it. */
static int set_value(struct store_tx *tx, const struct rec_type *t, void *rec, const struct rec_field *f, const struct cell *c, struct arena *a)
{
	void *v = rec_at(rec, f);

	switch (c->kind) {
	case CELL_INT:
		if (f->kind == REC_F64)
			*(double *) v = (double) c->i;
		else if (f->kind <= REC_DURATION)
			set_whole(f, v, c->i);
		else
			break;
		return 0;
	case CELL_REAL:
		if (f->kind != REC_F64)
			break;
		*(double *) v = c->d;
		return 0;
	case CELL_BLOB:
		if (f->kind == REC_BYTES)
			return set_bytes(tx, v, c, a);
		if ((f->kind != REC_UUID && f->kind != REC_REF) || c->len != sizeof(struct uuid))
			break;
		memcpy(v, c->p, c->len);
		return 0;
	case CELL_TEXT:
		if (f->kind < REC_ENUM || f->kind == REC_UUID || f->kind == REC_REF)
			break;
		return set_text(tx, t, rec, f, c, a);
	case CELL_NULL:
		return 0;
	}
	return odd(tx, t, f, c);
}

int cell_to(struct store_tx *tx, const struct rec_type *t, void *rec, const struct rec_field *f, struct cell c, struct arena *a)
{
	bool marked = c.kind == CELL_TEXT && c.len >= sizeof(mark) - 1 && memcmp(c.p, mark, sizeof(mark) - 1) == 0 && is_json(f);
	int r = 0;

	if (c.kind == CELL_NULL)
		return 0;
	if (marked) {
		c.p += sizeof(mark) - 1;
		c.len -= sizeof(mark) - 1;
	}
	if (marked || (f->flags & REC_SECRET && c.kind >= CELL_TEXT))
		r = unseal(tx, f, &c);
	if (r == 0)
		r = set_value(tx, t, rec, f, &c, a);
	if (r == 0 && !store_is_head(f))
		rec_set_has(t, rec, f, true);
	return r;
}

int row_to(struct store_tx *tx, const struct table *t, struct stmt *st, void *rec, struct arena *a)
{
	bool variants = false;

	memset(rec, 0, t->type->size);
	for (uint32_t i = 0; i < t->n_columns; i++) {
		int r = 0;

		if (t->columns[i]->kind == REC_VARIANT)         /* needs its sibling first */
			variants = true;
		else
			r = cell_to(tx, t->type, rec, t->columns[i], tx->e->column(st, i), a);
		if (r < 0)
			return r;
	}
	for (uint32_t i = 0; variants && i < t->n_columns; i++) {
		int r = t->columns[i]->kind != REC_VARIANT ? 0 : cell_to(tx, t->type, rec, t->columns[i], tx->e->column(st, i), a);

		if (r < 0)
			return r;
	}
	return 0;
}
