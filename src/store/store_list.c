/*
 * store_list.c - lists: filters, search, order, and the place where the next page begins.
 *
 * A cursor is the sort keys of the last row handed out, and its id. The next page begins behind them, so rows that come and go
 * meanwhile neither shift it nor repeat. Where all keys are always there and run one way the comparison is one row value, which
 * an index answers; otherwise it is written out key by key.
 */
#include "base/num.h"
#include "rec/b64.h"
#include "store/behind.h"

enum { CELLS_MAX = 96, KEYS_MAX = 5, WORDS_MAX = 8, IN_MAX = 200 };

struct key { const struct rec_field *f; bool down; };

/* One statement being written. */
struct query {
	struct store_tx *tx;
	const struct table *t;
	struct arena arena;                     /* rows; reset for each */
	struct arena params;
	struct buf sql;
	struct cell cells[CELLS_MAX + IN_MAX];
	unsigned n_cells;
	struct key keys[KEYS_MAX];
	unsigned n_keys;
	uint64_t order;                         /* which sort a cursor belongs to */
	unsigned n_where;
};

static const struct rec_field *field_of(const struct rec_type *t, const char *name)
{
	const struct rec_field *f = rec_field(t, name);

	return f ?: rec_head_field(name);
}

static int no_such_field(const struct rec_type *t, const char *name)
{
	const char *names[REC_FIELDS_MAX + REC_HEAD_FIELDS];
	size_t n = 0;

	for (const struct rec_field *f = t->fields; f < t->fields + t->n_fields; f++)
		if (!(f->flags & (REC_INTERNAL | REC_SECRET)))
			names[n++] = f->name;
	for (size_t i = 0; i < REC_HEAD_FIELDS; i++)
		names[n++] = rec_head_fields[i].name;
	return err_fail(ERR_BAD_PARAMETER, "value", name, "nearest", str_nearest(name, names, n) ?: "-", NULL);
}

static int bad_argument(const char *field, const char *rule, const char *value)
{
	return err_fail(ERR_BAD_ARGUMENT, "field", field, "rule", rule, "value", value, NULL);
}

static int param(struct query *q, struct cell c)
{
	if (q->n_cells == ELEMENTSOF(q->cells))
		return bad_argument("filter", "@too_many", "");
	q->cells[q->n_cells++] = c;
	buf_addf(&q->sql, "?%u", q->n_cells);
	return 0;
}

static void and_where(struct query *q)
{
	buf_add(&q->sql, q->n_where++ ? " AND " : " WHERE ");
}

/* A text as the column of f holds it. */
static int cell_from_text(struct query *q, const struct rec_field *f, const char *text, size_t len, struct cell *ret)
{
	const struct rec_type *t = q->t->type;
	void *rec = arena_alloc(&q->params, MAX(t->size, sizeof(struct rec_head)));
	int r;

	if (!rec)
		return store_no_memory(q->tx->store);
	if (f->kind == REC_STR || f->kind == REC_TEXT) {
		const char *copy = arena_strn(&q->params, text, len);

		*ret = (struct cell) { .kind = CELL_TEXT, .p = copy, .len = len };
		return copy ? 0 : store_no_memory(q->tx->store);
	}
	if (store_is_head(f)) {
		const struct rec_type head = { .name = t->name, .size = sizeof(struct rec_head), .n_fields = REC_HEAD_FIELDS, .fields = rec_head_fields };

		r = rec_field_parse(&head, f, rec, text, len, &q->params);
	} else {
		r = rec_field_parse(t, f, rec, text, len, &q->params);
	}
	if (r < 0) {
		struct err e = err_take(r);
		const char *value = arena_strn(&q->params, text, len) ?: "", *want = err_arg(&e, "want") ?: err_arg(&e, "words");

		if (want)
			return err_fail(ERR_BAD_VALUE, "field", f->name, "want", want, "value", value, NULL);
		return bad_argument(f->name, "@out_of_bounds", value);
	}
	return cell_of(q->tx, t, rec, f, ret);
}

/* --- filters -------------------------------------------------------------------------------------------------------------- */

static bool is_ordered(enum rec_kind k)
{
	return (k >= REC_I32 && k <= REC_DURATION) || k == REC_STR || k == REC_TEXT || k == REC_UUID;
}

static bool is_comparable(const struct rec_field *f)
{
	return !(f->flags & REC_SECRET) && f->kind != REC_LIST && f->kind != REC_REC && f->kind != REC_MAP && f->kind != REC_VARIANT && f->kind != REC_JSON;
}

/* * and ? become % and _; what LIKE would take for more is escaped. */
static int like(struct query *q, const char *text, bool anywhere)
{
	size_t len = str_len(text);
	char *p = arena_alloc(&q->params, 2 * len + 3), *to = p;

	if (!p)
		return store_no_memory(q->tx->store);
	if (anywhere)
		*to++ = '%';
	for (; *text; text++) {
		if (*text == '%' || *text == '_' || *text == '\\')
			*to++ = '\\';
		*to++ = anywhere ? *text : *text == '*' ? '%' : *text == '?' ? '_' : *text;
	}
	if (anywhere)
		*to++ = '%';
	return param(q, (struct cell) { .kind = CELL_TEXT, .p = p, .len = (size_t) (to - p) });
}

static int filter_in(struct query *q, const struct rec_field *f, const char *value)
{
	char *one = arena_alloc(&q->params, str_len(value) + 1);
	unsigned n = 0;

	if (!one)
		return store_no_memory(q->tx->store);
	buf_addf(&q->sql, "\"%s\" IN (", f->name);
	for (bool more = true; more; n++) {
		struct cell c;
		size_t len = 0;
		int r;

		for (; *value && *value != ','; value++) {
			if (*value == '\\' && value[1] == ',')
				value++;
			one[len++] = *value;
		}
		more = *value++ == ',';
		if (n == IN_MAX)
			return bad_argument(f->name, "@too_many", "");
		buf_add(&q->sql, n ? ", " : "");
		r = cell_from_text(q, f, one, len, &c);
		if (r == 0)
			r = param(q, c);
		if (r < 0)
			return r;
	}
	buf_addc(&q->sql, ')');
	return 0;
}

/* Is one of these ids in the list? None given: is there none at all? */
static int filter_list(struct query *q, const struct rec_field *f, const struct store_filter *by)
{
	const char *at = by->value;
	struct uuid id;
	int r = 0;

	if (by->op != STORE_EQ && by->op != STORE_NE && by->op != STORE_IN)
		return bad_argument(f->name, "@not_ordered", by->value);
	buf_addf(&q->sql, "%sEXISTS (SELECT 1 FROM \"%s__%s\" j WHERE j.\"owner\" = \"%s\".\"id\"", (by->op == STORE_NE) != str_empty(at) ? "NOT " : "",
		q->t->type->plural, f->name, q->t->type->plural);
	for (unsigned n = 0; r == 0 && (n == 0 ? !str_empty(at) : at != NULL); n++) {
		const char *comma = by->op == STORE_IN ? str_find(at, ",") : NULL;
		size_t len = comma ? (size_t) (comma - at) : str_len(at);

		if (n == IN_MAX)
			return bad_argument(f->name, "@too_many", "");
		if (!uuid_parse(at, len, &id))
			return err_fail(ERR_BAD_VALUE, "field", f->name, "want", "@uuid", "value", by->value, NULL);
		buf_add(&q->sql, n ? ", " : " AND j.\"ref\" IN (");
		r = param(q, (struct cell) { .kind = CELL_BLOB, .p = arena_dup(&q->params, &id, sizeof(id)), .len = sizeof(id) });
		at = comma ? comma + 1 : NULL;
	}
	buf_add(&q->sql, str_empty(by->value) ? ")" : "))");
	return r;
}

/* Is this word among the flags? */
static int filter_contains(struct query *q, const struct rec_field *f, const struct store_filter *by)
{
	const char *not = by->op == STORE_NE ? "NOT " : "";
	int r;

	if (by->op != STORE_EQ && by->op != STORE_NE)
		return bad_argument(f->name, "@not_ordered", by->value);
	if (rec_word_index(f, by->value, str_len(by->value)) < 0)
		return bad_argument(f->name, "@one_of_its_words", by->value);
	buf_addf(&q->sql, "%s(',' || \"%s\" || ',') LIKE ('%%,' || ", not, f->name);
	r = param(q, CELL_OF_TEXT(by->value));
	buf_add(&q->sql, " || ',%')");
	return r;
}

static int filter_none(struct query *q, const struct rec_field *f, bool equal)
{
	bool text = f->kind == REC_STR || f->kind == REC_TEXT;

	buf_addf(&q->sql, equal ? text ? "(\"%s\" IS NULL OR \"%s\" = '')" : "\"%s\" IS NULL" : text ? "\"%s\" <> ''" : "\"%s\" IS NOT NULL",
		f->name, f->name);
	return 0;
}

static int filter(struct query *q, const struct store_filter *by)
{
	static const char *const ops[] = { [STORE_EQ] = "=", [STORE_NE] = "<>", [STORE_LT] = "<", [STORE_LE] = "<=", [STORE_GT] = ">",
		[STORE_GE] = ">=" };
	const struct rec_field *f = field_of(q->t->type, by->field);
	struct cell c;
	int r;

	if (!f || f->flags & REC_SECRET)
		return no_such_field(q->t->type, by->field);
	and_where(q);
	if (rec_sql_is_join(f))
		return filter_list(q, f, by);
	if (f->kind == REC_FLAGS)
		return filter_contains(q, f, by);
	if (!is_comparable(f))
		return bad_argument(f->name, "@not_comparable", by->value);
	if ((by->op == STORE_EQ || by->op == STORE_NE) && str_empty(by->value))
		return filter_none(q, f, by->op == STORE_EQ);
	if (by->op == STORE_IN)
		return filter_in(q, f, by->value);
	if (by->op == STORE_LIKE ? f->kind != REC_STR && f->kind != REC_TEXT : by->op > STORE_NE && !is_ordered(f->kind))
		return bad_argument(f->name, by->op == STORE_LIKE ? "@not_text" : "@not_ordered", by->value);
	if (by->op == STORE_LIKE) {
		buf_addf(&q->sql, "\"%s\" %s ", f->name, q->tx->e->like);
		r = like(q, by->value, false);
		buf_add(&q->sql, " ESCAPE '\\'");
		return r;
	}
	r = cell_from_text(q, f, by->value, str_len(by->value), &c);
	if (r < 0)
		return r;
	buf_addf(&q->sql, by->op == STORE_NE ? "(\"%s\" IS NULL OR \"%s\" %s " : "(\"%s\" %s ", f->name, by->op == STORE_NE ? f->name : ops[by->op],
		ops[by->op]);
	r = param(q, c);
	buf_addc(&q->sql, ')');
	return r;
}

static int search_word(struct query *q, const char *word)
{
	_cleanup_(buf_done) struct buf folded = BUF_INIT(&sys_heap, 1 << 20);
	int r;

	and_where(q);
	if (!q->t->is_searched) {
		buf_add(&q->sql, "0 = 1");
		return 0;
	}
	rec_search_fold(word, str_len(word), &folded);
	if (folded.failed)
		return store_no_memory(q->tx->store);
	buf_add(&q->sql, "\"" STORE_SEARCH "\" LIKE ");
	r = like(q, folded.data, true);
	buf_add(&q->sql, " ESCAPE '\\'");
	return r;
}

static int search(struct query *q, const char *text)
{
	char *word = arena_alloc(&q->params, str_len(text) + 1);
	unsigned n_words = 0;

	if (!word)
		return store_no_memory(q->tx->store);
	while (*text) {
		size_t n = 0;
		int r;

		while (*text == ' ')
			text++;
		while (*text && *text != ' ')
			word[n++] = *text++;
		word[n] = 0;
		if (!n)
			break;
		if (n_words++ == WORDS_MAX)
			return bad_argument("q", "@too_many", word);
		r = search_word(q, word);
		if (r < 0)
			return r;
	}
	return 0;
}

static int where(struct query *q, const struct store_list *spec)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < spec->n_filters; i++)
		r = filter(q, &spec->filters[i]);
	if (r == 0 && spec->q)
		r = search(q, spec->q);
	return r;
}

/* --- order and cursor ----------------------------------------------------------------------------------------------------- */

static int read_sort(struct query *q, const char *sort)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (const char *p = sort; p && *p; h = (h ^ (unsigned char) *p++) * UINT64_C(0x100000001b3))
		;
	q->order = h & 0xffffffff;
	while (sort && *sort) {
		char name[REC_NAME_MAX + 1] = "";
		bool down = *sort == '-';
		size_t n = 0;
		const struct rec_field *f;

		for (sort += down; *sort && *sort != ','; sort++)
			if (n < REC_NAME_MAX)
				name[n++] = *sort;
		sort += *sort == ',';
		f = field_of(q->t->type, name);
		if (!f || f->flags & REC_SECRET)
			return no_such_field(q->t->type, name);
		if (!is_comparable(f))
			return bad_argument("sort", "@not_comparable", name);
		if (q->n_keys == KEYS_MAX - 1)
			return bad_argument("sort", "@too_many", name);
		q->keys[q->n_keys++] = (struct key) { f, down };
		if (str_eq(name, "id"))
			return 0;
	}
	q->keys[q->n_keys] = (struct key) { &rec_head_fields[0], q->n_keys && q->keys[q->n_keys - 1].down };
	q->n_keys++;
	return 0;
}

static bool may_be_null(const struct rec_field *f)
{
	if (store_is_head(f))
		return f->kind == REC_UUID && !str_eq(f->name, "id");
	return f->flags & REC_NULLABLE || f->kind == REC_STR || f->kind == REC_TEXT || f->kind == REC_BYTES || f->kind == REC_UUID || f->kind == REC_REF;
}

static const char *make_cursor(struct query *q, const void *rec, struct arena *a)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 1 << 20), text = BUF_INIT(&sys_heap, 1 << 20);
	struct json out = JSON_TO(&b);

	json_array(&out);
	json_u64(&out, q->order);
	for (unsigned i = 0; i < q->n_keys; i++) {
		struct cell c;
		char id[UUID_TEXT + 1];

		if (cell_of(q->tx, q->t->type, rec, q->keys[i].f, &c) < 0)
			return NULL;
		switch (c.kind) {
		case CELL_NULL: json_null(&out); break;
		case CELL_INT: json_i64(&out, c.i); break;
		case CELL_REAL: json_f64(&out, c.d); break;
		case CELL_TEXT: json_strn(&out, c.p, c.len); break;
		case CELL_BLOB:
			if (c.len == sizeof(struct uuid)) {
				uuid_format((const struct uuid *) (const void *) c.p, id);
				json_str(&out, id);
			} else {
				struct buf bytes = BUF_INIT(&sys_heap, 1 << 20);

				b64_encode(c.p, c.len, &bytes);
				json_str(&out, bytes.data);
				buf_done(&bytes);
			}
		}
	}
	json_end(&out);
	b64_encode_url(b.data, b.len, &text);
	return b.failed || text.failed ? NULL : arena_strn(a, text.data, text.len);
}

static bool read_key(struct query *q, const struct rec_field *f, const struct tree *v, struct cell *ret)
{
	struct uuid id;

	if (!v)
		return false;
	if (v->kind == TREE_NULL) {
		*ret = (struct cell) { .kind = CELL_NULL };
		return may_be_null(f);
	}
	switch (f->kind) {
	case REC_F64:
		*ret = (struct cell) { .kind = CELL_REAL, .d = tree_f64(v, 0) };
		return v->kind == TREE_F64 || v->kind == TREE_I64;
	case REC_UUID: case REC_REF:
		if (v->kind != TREE_STR || !uuid_parse(v->s, v->n, &id))
			return false;
		*ret = (struct cell) { .kind = CELL_BLOB, .p = arena_dup(&q->params, &id, sizeof(id)), .len = sizeof(id) };
		return ret->p;
	case REC_STR: case REC_TEXT: case REC_ENUM: case REC_FLAGS:
		*ret = (struct cell) { .kind = CELL_TEXT, .p = tree_str(v), .len = v->n };
		return v->kind == TREE_STR;
	case REC_BYTES: {
		char *bytes = v->kind == TREE_STR ? arena_alloc(&q->params, b64_size(v->n)) : NULL;
		size_t n;

		if (!bytes || !b64_decode(v->s, v->n, bytes, &n))
			return false;
		*ret = (struct cell) { .kind = CELL_BLOB, .p = bytes, .len = n };
		return true;
	}
	}
	*ret = CELL_OF_INT(tree_i64(v, 0));
	return tree_i64(v, 0) == tree_i64(v, 1);
}

/* "behind this value", with NULL before everything going up and after everything going down. */
static int behind(struct query *q, const struct key *k, struct cell c)
{
	const char *name = k->f->name;
	int r;

	if (c.kind == CELL_NULL) {
		buf_addf(&q->sql, k->down ? "0 = 1" : "\"%s\" IS NOT NULL", name);
		return 0;
	}
	buf_addf(&q->sql, "%s\"%s\" %s ", may_be_null(k->f) && k->down ? "(" : "", name, k->down ? "<" : ">");
	r = param(q, c);
	if (may_be_null(k->f) && k->down)
		buf_addf(&q->sql, " OR \"%s\" IS NULL)", name);
	return r;
}

static int same_key(struct query *q, const struct key *k, struct cell c)
{
	if (c.kind == CELL_NULL) {
		buf_addf(&q->sql, "\"%s\" IS NULL", k->f->name);
		return 0;
	}
	buf_addf(&q->sql, "\"%s\" = ", k->f->name);
	return param(q, c);
}

/* k1 > v1 OR (k1 = v1 AND (k2 > v2 OR (...))); the bound in front lets an index of k1 begin at the right place. */
static int behind_keys(struct query *q, const struct cell *at)
{
	int r = 0;

	if (at[0].kind != CELL_NULL && !(may_be_null(q->keys[0].f) && q->keys[0].down)) {
		buf_addf(&q->sql, "\"%s\" %s ", q->keys[0].f->name, q->keys[0].down ? "<=" : ">=");
		r = param(q, at[0]);
		buf_add(&q->sql, " AND ");
	}
	buf_addc(&q->sql, '(');
	for (unsigned i = 0; r == 0 && i < q->n_keys; i++) {
		r = behind(q, &q->keys[i], at[i]);
		if (r < 0 || i + 1 == q->n_keys)
			break;
		buf_add(&q->sql, " OR (");
		r = same_key(q, &q->keys[i], at[i]);
		buf_add(&q->sql, " AND (");
	}
	for (unsigned i = 0; i + 1 < q->n_keys; i++)
		buf_add(&q->sql, "))");
	buf_addc(&q->sql, ')');
	return r;
}

static int behind_row(struct query *q, const struct cell *at)
{
	int r = 0;

	buf_addc(&q->sql, '(');
	for (unsigned i = 0; i < q->n_keys; i++)
		buf_addf(&q->sql, "%s\"%s\"", i ? ", " : "", q->keys[i].f->name);
	buf_addf(&q->sql, ") %s (", q->keys[0].down ? "<" : ">");
	for (unsigned i = 0; r == 0 && i < q->n_keys; i++) {
		buf_add(&q->sql, i ? ", " : "");
		r = param(q, at[i]);
	}
	buf_addc(&q->sql, ')');
	return r;
}

static int from_cursor(struct query *q, const char *cursor)
{
	size_t len = str_len(cursor), n;
	char *text = arena_alloc(&q->params, b64_size(len));
	struct tree *list = NULL;
	struct cell at[KEYS_MAX];
	bool plain = true, good;

	if (!text)
		return store_no_memory(q->tx->store);
	good = b64_decode(cursor, len, text, &n) && tree_parse(text, n, "cursor", &q->params, &list) == 0 && list->kind == TREE_LIST &&
		list->n == q->n_keys + 1 && tree_i64(tree_at(list, 0), -1) == (int64_t) q->order;
	for (unsigned i = 0; good && i < q->n_keys; i++) {
		good = read_key(q, q->keys[i].f, tree_at(list, i + 1), &at[i]);
		plain &= !may_be_null(q->keys[i].f) && q->keys[i].down == q->keys[0].down;
	}
	if (!good)
		return bad_argument("cursor", "@not_this_list", cursor);
	and_where(q);
	return plain ? behind_row(q, at) : behind_keys(q, at);
}

static void order_by(struct query *q)
{
	buf_add(&q->sql, " ORDER BY ");
	for (unsigned i = 0; i < q->n_keys; i++)
		buf_addf(&q->sql, "%s\"%s\"%s", i ? ", " : "", q->keys[i].f->name,
			str_eq(q->keys[i].f->name, "id") ? q->keys[i].down ? " DESC" : "" : q->keys[i].down ? " DESC NULLS LAST" : " NULLS FIRST");
}

/* --- running it ----------------------------------------------------------------------------------------------------------- */

static int start(struct query *q, struct kept **ret)
{
	int r;

	if (q->sql.failed)
		return store_no_memory(q->tx->store);
	r = stmt_get(q->tx, q->sql.data, false, ret);
	for (unsigned i = 0; r == 0 && i < q->n_cells; i++)
		q->tx->e->bind((*ret)->st, i + 1, &q->cells[i]);
	return r;
}

static int count(struct query *q, const struct store_list *spec, uint64_t *ret)
{
	STMT(q->tx, use);
	int r;

	buf_addf(&q->sql, "SELECT count(*) FROM \"%s\"", q->t->type->plural);
	r = where(q, spec);
	if (r == 0)
		r = start(q, &use.k);
	if (r == 0)
		r = q->tx->e->step(use.k->st);
	if (r == 1)
		*ret = (uint64_t) q->tx->e->column(use.k->st, 0).i;
	buf_clear(&q->sql);
	q->n_cells = q->n_where = 0;
	return r < 0 ? r : 0;
}

static int rows(struct query *q, const struct store_list *spec, store_row_fn on_row, void *ctx, struct store_page *page)
{
	void *rec = arena_alloc(&q->params, q->t->type->size);
	STMT(q->tx, use);
	int r = rec ? start(q, &use.k) : store_no_memory(q->tx->store);

	if (r == 0 && !spec->limit)
		q->tx->e->many(use.k->st);
	while (r == 0 && (r = q->tx->e->step(use.k->st)) == 1) {
		bool last = spec->limit && page->n + 1 == spec->limit;

		arena_reset(&q->arena);
		r = record_row(q->tx, q->t, use.k->st, rec, &q->arena);
		if (r == 0)
			r = on_row(ctx, rec);
		if (r < 0)
			return r;
		page->n++;
		if (r == 0 && !last)
			continue;
		r = q->tx->e->step(use.k->st);                  /* is there one more? */
		if (r == 1 && spec->arena) {
			page->next = make_cursor(q, rec, spec->arena);
			if (!page->next)
				return store_no_memory(q->tx->store);
		}
		return MIN(r, 0);
	}
	return r;
}

static bool is_wanted(const struct store_list *spec, const char *name)
{
	for (size_t i = 0; i < spec->n_fields; i++)
		if (str_eq(spec->fields[i], name))
			return true;
	return str_eq(name, "id") || str_eq(name, "rev");
}

/* The table as if it had no other columns. */
static int narrow(struct query *q, const struct store_list *spec)
{
	struct table *part = arena_new(&q->params, struct table);
	const struct rec_field **columns = arena_array(&q->params, const struct rec_field *, q->t->n_columns);
	const struct rec_field **joins = arena_array(&q->params, const struct rec_field *, q->t->n_joins + 1);
	uint32_t n = 0, n_joins = 0;

	if (!part || !columns || !joins)
		return store_no_memory(q->tx->store);
	if (spec->sort)
		return err_failf(ERR_BROKEN, "a list of some fields is in the order of its ids");
	buf_add(&q->sql, "SELECT ");
	for (uint32_t i = 0; i < q->t->n_columns; i++) {
		if (!is_wanted(spec, q->t->columns[i]->name))
			continue;
		buf_addf(&q->sql, "%s\"%s\"", n ? ", " : "", q->t->columns[i]->name);
		columns[n++] = q->t->columns[i];
	}
	for (uint32_t i = 0; i < q->t->n_joins; i++) {
		if (!is_wanted(spec, q->t->joins[i]->name))
			continue;
		buf_add(&q->sql, ", ");
		store_join_column(q->tx->store, q->t->type, q->t->joins[i], &q->sql);
		joins[n_joins++] = q->t->joins[i];
	}
	buf_addf(&q->sql, " FROM \"%s\"", q->t->type->plural);
	*part = *q->t;
	part->columns = columns;
	part->n_columns = n;
	part->joins = joins;
	part->n_joins = n_joins;
	q->t = part;
	return 0;
}

static int list(struct query *q, const struct store_list *spec, store_row_fn on_row, void *ctx, struct store_page *page)
{
	int r = read_sort(q, spec->sort);

	if (r == 0 && spec->count)
		r = count(q, spec, &page->total);
	if (r < 0)
		return r;
	if (!spec->fields)
		buf_add(&q->sql, q->t->select);
	else
		r = narrow(q, spec);
	if (r == 0)
		r = where(q, spec);
	if (r == 0 && spec->cursor)
		r = from_cursor(q, spec->cursor);
	if (r < 0)
		return r;
	order_by(q);
	if (spec->limit) {
		buf_add(&q->sql, " LIMIT ");
		r = param(q, CELL_OF_INT((int64_t) spec->limit + 1));
	}
	return r < 0 ? r : rows(q, spec, on_row, ctx, page);
}

int store_list(struct store_tx *tx, const struct rec_type *t, const struct store_list *spec, store_row_fn on_row, void *ctx,
	struct store_page *ret_page)
{
	struct store_page page = { 0 };
	struct query *q;
	const struct table *table;
	int r = store_need_table(tx, t, &table);

	if (r < 0)
		return r;
	q = sys_new(struct query);
	if (!q)
		return store_no_memory(tx->store);
	q->tx = tx;
	q->t = table;
	q->sql = BUF_INIT(&sys_heap, 1 << 20);
	arena_init(&q->arena, &sys_heap, 0);
	arena_init(&q->params, &sys_heap, 16 << 20);
	r = list(q, spec, on_row, ctx, &page);
	arena_done(&q->arena);
	arena_done(&q->params);
	buf_done(&q->sql);
	sys_free(q);
	if (r >= 0 && ret_page)
		*ret_page = page;
	return MIN(r, 0);
}

/* --- one record by its values --------------------------------------------------------------------------------------------- */

struct found { const struct rec_type *t; void *rec; struct arena *arena; unsigned n; };

static int on_found(void *ctx, const void *rec)
{
	struct found *f = ctx;

	return f->n++ ? 1 : rec_dup(f->t, f->rec, rec, f->arena);
}

int store_find(struct store_tx *tx, const struct rec_type *t, const struct store_filter *filters, size_t n, void *ret_rec, struct arena *a)
{
	const struct store_list spec = { .filters = filters, .n_filters = n, .limit = 2 };
	struct found found = { .t = t, .rec = arena_alloc(a, t->size), .arena = a };
	const char *value = n ? filters[0].value : "";
	char term[64];
	int r = found.rec ? store_list(tx, t, &spec, on_found, &found, NULL) : store_no_memory(tx->store);

	if (r < 0)
		return r;
	store_term(term, t->name);
	if (!found.n)
		return err_fail(ERR_MISSING, "what", term, "value", value, NULL);
	if (found.n > 1)
		return err_fail(ERR_INVALID, "field", n ? filters[0].field : t->name, "rule", "@ambiguous", "value", value, NULL);
	memcpy(ret_rec, found.rec, t->size);
	return 0;
}

static int ambiguous(const struct rec_type *t, const struct rec_field *f, const void *like)
{
	_cleanup_(buf_done) struct buf value = BUF_INIT(&sys_heap, 1 << 20);

	rec_field_format(t, f, like, &value);
	return err_fail(ERR_INVALID, "field", f->name, "rule", "@ambiguous", "value", value.data, NULL);
}

static bool is_none(const struct cell *c)
{
	return c->kind == CELL_NULL || (c->kind == CELL_TEXT && !c->len);
}

int store_find_like(struct store_tx *tx, const struct rec_type *t, const struct rec_field *const *fields, size_t n, const void *like, struct uuid *ret)
{
	char sql[512];
	struct buf b = BUF_FIXED(sql);
	struct cell cells[KEYS_MAX], id = { .kind = CELL_NULL };
	unsigned nth = 0;
	const struct table *table;
	STMT(tx, use);
	int r = store_need_table(tx, t, &table);

	arena_reset(&tx->scratch);
	if (r == 0 && behind_lacks(tx, t, fields, n, like))
		return 0;
	buf_addf(&b, "SELECT \"id\" FROM \"%s\"", t->plural);
	for (size_t i = 0; r == 0 && i < n; i++) {
		bool text = fields[i]->kind == REC_STR || fields[i]->kind == REC_TEXT;

		if (n > ELEMENTSOF(cells) || !is_comparable(fields[i]) || fields[i]->kind == REC_FLAGS)
			return bad_argument(fields[i]->name, "@not_comparable", "");
		r = cell_of(tx, t, like, fields[i], &cells[i]);
		buf_add(&b, i ? " AND " : " WHERE ");
		if (!is_none(&cells[i]))
			buf_addf(&b, "\"%s\" = ?%u", fields[i]->name, ++nth);
		else
			buf_addf(&b, text ? "(\"%s\" IS NULL OR \"%s\" = '')" : "\"%s\" IS NULL", fields[i]->name, fields[i]->name);
	}
	buf_add(&b, " LIMIT 2");
	if (r == 0)
		r = b.failed ? store_no_memory(tx->store) : stmt_get(tx, sql, false, &use.k);
	nth = 0;
	for (size_t i = 0; r == 0 && i < n; i++)
		if (!is_none(&cells[i]))
			tx->e->bind(use.k->st, ++nth, &cells[i]);
	if (r == 0)
		r = tx->e->step(use.k->st);
	if (r != 1)
		return r;
	id = tx->e->column(use.k->st, 0);
	if (id.len == sizeof(*ret))
		memcpy(ret, id.p, sizeof(*ret));
	r = tx->e->step(use.k->st);
	return r < 0 ? r : r == 1 ? ambiguous(t, fields[0], like) : 1;
}

int store_find_by(struct store_tx *tx, const struct rec_type *t, const char *field, const char *value, void *ret_rec, struct arena *a)
{
	return store_find(tx, t, &(struct store_filter) { .field = field, .op = STORE_EQ, .value = value }, 1, ret_rec, a);
}
