/* store_record.c - one record: put, get, del, and the sentences of what the engine refused. */
#include "base/num.h"
#include "store/behind.h"

enum { SEARCH_MAX = 16 << 20, SEARCH_SHORT = 2048 /* enough for most */ };

/* --- reading -------------------------------------------------------------------------------------------------------------- */

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "3:<32 hex digits>" at `text`: the place in the list, and whom it names. Returns how long it is; 0: it is none. */
static size_t join_entry(const char *text, const char *end, uint64_t *ret_pos, struct uuid *ret)
{
	size_t n = num_parse_u64(text, end, ret_pos);

	if (!n || (size_t) (end - text) < n + 1 + 2 * sizeof(ret->b) || text[n] != ':')
		return 0;
	n++;
	for (size_t i = 0; i < sizeof(ret->b); i++, n += 2) {
		int high = digit(text[n]), low = digit(text[n + 1]);

		if (high < 0 || low < 0)
			return 0;
		ret->b[i] = (uint8_t) (high << 4 | low);
	}
	return n;
}

static int read_join(struct store_tx *tx, const struct table *t, const struct rec_field *f, struct cell c, void *rec, struct arena *a)
{
	const char *at = c.p, *end = c.p + c.len;
	struct uuid *ids, id;
	uint64_t pos;
	uint32_t n = 1;

	rec_set_has(t->type, rec, f, c.kind == CELL_TEXT || !(f->flags & REC_NULLABLE));
	if (c.kind != CELL_TEXT)
		return 0;
	for (size_t i = 0; i < c.len; i++)
		n += c.p[i] == ',';
	ids = arena_array(a, struct uuid, n);
	if (!ids)
		return store_no_memory(tx->store);
	for (uint32_t i = 0; i < n; i++) {
		size_t len = join_entry(at, end, &pos, &id);

		if (!len || pos >= n || (i + 1 < n && (at + len == end || at[len] != ',')))
			return err_fail(ERR_CORRUPT, "what", tx->store->name, "detail", f->name, NULL);
		ids[pos] = id;
		at += len + (i + 1 < n);
	}
	*(struct rec_list *) rec_at(rec, f) = (struct rec_list) { ids, n };
	return 0;
}

static int read_joins(struct store_tx *tx, const struct table *t, struct stmt *st, void *rec, struct arena *a)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < t->n_joins; i++)
		r = read_join(tx, t, t->joins[i], tx->e->column(st, t->n_columns + i), rec, a);
	return r;
}

int record_row(struct store_tx *tx, const struct table *t, struct stmt *st, void *rec, struct arena *a)
{
	int r = row_to(tx, t, st, rec, a);

	return r == 0 ? read_joins(tx, t, st, rec, a) : r;
}

int record_read(struct store_tx *tx, const struct table *t, const struct uuid *id, void *rec, struct arena *a)
{
	STMT(tx, use);
	int r = stmt_get(tx, t->get, true, &use.k);

	if (r < 0)
		return r;
	tx->e->bind(use.k->st, 1, &CELL_OF_ID(id));
	r = tx->e->step(use.k->st);
	if (r == 1) {
		r = record_row(tx, t, use.k->st, rec, a);
		return r < 0 ? r : 1;
	}
	return r;
}

static int missing(const struct rec_type *t, const struct uuid *id)
{
	char text[UUID_TEXT + 1], term[64];

	uuid_format(id, text);
	store_term(term, t->name);
	return err_fail(ERR_MISSING, "what", term, "value", text, NULL);
}

/* The nth of an id's places; NULL: of this transaction nothing is kept. */
static struct recent *recent_place(struct store_tx *tx, const struct uuid *id, unsigned nth)
{
	return &tx->conn->recent[(id->b[15] + nth) % RECENT];   /* of an id the last bytes are random */
}

static bool keeps_recent(const struct store_tx *tx)
{
	return tx->mode == STORE_WRITE && !tx->migrating;
}

static struct recent *recent_find(struct store_tx *tx, const struct table *t, const struct uuid *id)
{
	for (unsigned i = 0; keeps_recent(tx) && i < RECENT_WAYS; i++) {
		struct recent *at = recent_place(tx, id, i);

		if (at->t == t && uuid_equal(&at->id, id))
			return at;
	}
	return NULL;
}

/* A free one, else each of them in turn. */
static struct recent *recent_room(struct store_tx *tx, const struct uuid *id)
{
	for (unsigned i = 0; i < RECENT_WAYS; i++)
		if (!recent_place(tx, id, i)->t)
			return recent_place(tx, id, i);
	return recent_place(tx, id, tx->conn->recent_next++ % RECENT_WAYS);
}

static void remember(struct recent *at, const struct table *t, const struct uuid *id, const void *rec)
{
	arena_done(&at->arena);
	arena_init(&at->arena, &sys_heap, RECENT_MAX);
	at->rec = arena_alloc(&at->arena, t->type->size);
	at->t = at->rec && rec_dup(t->type, at->rec, rec, &at->arena) == 0 ? t : NULL;
	at->id = *id;
	if (!at->t)
		err_clear();
}

void recent_forget(struct conn *c, const struct table *t)
{
	for (size_t i = 0; i < RECENT; i++) {
		if (t && c->recent[i].t != t)
			continue;
		c->recent[i].t = NULL;
		arena_done(&c->recent[i].arena);
	}
}

int store_get(struct store_tx *tx, const struct rec_type *type, const struct uuid *id, void *ret_rec, struct arena *a)
{
	const struct table *t;
	struct recent *known;
	void *rec;
	int r = store_need_table(tx, type, &t);

	if (r < 0)
		return r;
	known = recent_find(tx, t, id);
	if (known)
		return rec_dup(type, ret_rec, known->rec, a);
	arena_reset(&tx->scratch);
	rec = arena_alloc(&tx->scratch, type->size);
	if (!rec)
		return store_no_memory(tx->store);
	r = record_read(tx, t, id, rec, a);
	if (r == 1)
		memcpy(ret_rec, rec, type->size);
	if (r == 1 && keeps_recent(tx))
		remember(recent_room(tx, id), t, id, rec);
	return r == 1 ? 0 : r < 0 ? r : missing(type, id);
}

/* --- what the engine refused ---------------------------------------------------------------------------------------------- */

static void show_field(const struct rec_type *t, const void *rec, const char *name, struct buf *out)
{
	const struct rec_field *f = rec_field(t, name);
	char id[UUID_TEXT + 1];

	if (f) {
		rec_field_format(t, f, rec, out);
	} else if (str_eq(name, "id")) {
		uuid_format(&((const struct rec_head *) rec)->id, id);
		buf_add(out, id);
	}
}

/* "points.device, points.code": the fields, and what the record has there. */
static int exists(struct store_tx *tx, const struct rec_type *t, const void *rec)
{
	char fields[160] = "", values[200] = "", first[REC_NAME_MAX + 1] = "", term[64];
	struct buf f = BUF_FIXED(fields), v = BUF_FIXED(values);

	for (const char *p = tx->e->refused(tx->conn->db); *p; ) {
		char name[REC_NAME_MAX + 1] = "";
		size_t n = 0;
		const char *dot = str_find(p, ".");

		for (p = dot ? dot + 1 : p; *p && *p != ','; p++)
			if (n < REC_NAME_MAX)
				name[n++] = *p;
		while (*p == ',' || *p == ' ')
			p++;
		const struct rec_field *field = rec_field(t, name);
		if (field && field->flags & REC_INTERNAL)       /* a tenant, a hash: nobody's business */
			continue;
		buf_addf(&f, "%s%s", f.len ? ", " : "", name);
		if (v.len)
			buf_add(&v, ", ");
		show_field(t, rec, name, &v);
		if (!first[0])
			memcpy(first, name, n);
	}
	store_term(term, t->name);
	return err_at(err_fail(ERR_EXISTS, "what", term, "field", fields, "value", values, NULL), first);
}

/* Is there a record of that noun? Those of other databases are not looked for. */
static bool is_there(struct store_tx *tx, const char *noun, const struct uuid *id)
{
	const struct table *t = store_table_of(tx->store, noun);
	STMT(tx, use);

	if (!t || uuid_is_zero(id))
		return true;
	if (stmt_get(tx, t->get, true, &use.k) < 0)
		return true;
	tx->e->bind(use.k->st, 1, &CELL_OF_ID(id));
	return tx->e->step(use.k->st) != 0;
}

static int no_such_ref(const struct rec_field *f, const struct uuid *id)
{
	char text[UUID_TEXT + 1], term[64];

	uuid_format(id, text);
	store_term(term, f->ref);
	return err_fail(ERR_NO_SUCH_REF, "field", f->name, "what", term, "value", text, NULL);
}

static int which_ref(struct store_tx *tx, const struct rec_type *t, const void *rec)
{
	for (const struct rec_field *f = t->fields; f < t->fields + t->n_fields; f++) {
		const struct rec_list *list = rec_at(rec, f);

		if (f->kind == REC_REF && !is_there(tx, f->ref, rec_at(rec, f)))
			return err_at(no_such_ref(f, rec_at(rec, f)), f->name);
		for (uint32_t i = 0; rec_sql_is_join(f) && i < list->n; i++) {
			const struct uuid *id = (const struct uuid *) list->items + i;

			if (!is_there(tx, f->ref, id))
				return err_at(err_at_index(no_such_ref(f, id), i), f->name);
		}
	}
	return err_failf(ERR_BROKEN, "%s: a reference of %s does not hold", tx->store->name, t->name);
}

static int explain(struct store_tx *tx, const struct rec_type *t, const void *rec, int r)
{
	return r == -ERR_EXISTS ? exists(tx, t, rec) : r == -ERR_NO_SUCH_REF ? which_ref(tx, t, rec) : r;
}

/* --- writing -------------------------------------------------------------------------------------------------------------- */

/* Of most it is short: they do it in `b`, which is a fixed room; `heap` is for the others. */
static struct cell search_of(const struct table *t, const void *rec, struct buf *b, struct buf *heap)
{
	rec_search_text(t->type, rec, b);
	if (!b->failed)
		return (struct cell) { .kind = CELL_TEXT, .p = b->data, .len = b->len };
	rec_search_text(t->type, rec, heap);
	return (struct cell) { .kind = heap->failed ? CELL_NULL : CELL_TEXT, .p = heap->data, .len = heap->len };
}

int record_search(const struct table *t, const void *rec, struct arena *a, struct cell *ret)
{
	_cleanup_(buf_done) struct buf heap = BUF_INIT(&sys_heap, SEARCH_MAX);
	char room[SEARCH_SHORT] = "";

	*ret = (struct cell) { .kind = CELL_NULL };
	if (!t->is_searched)
		return 0;
	*ret = search_of(t, rec, &BUF_FIXED(room), &heap);
	if (ret->kind == CELL_TEXT)
		ret->p = arena_strn(a, ret->p, ret->len);
	return ret->kind == CELL_TEXT && ret->p ? 0 : err_fail(ERR_NO_MEMORY, "what", "store", NULL);
}

static int run_row(struct store_tx *tx, const struct table *t, const void *rec, const char *sql, const struct cell *search)
{
	STMT(tx, use);
	int r = stmt_get(tx, sql, true, &use.k);

	for (uint32_t i = 0; r == 0 && i < t->n_columns; i++) {
		struct cell c;

		r = cell_of(tx, t->type, rec, t->columns[i], &c);
		if (r == 0)
			tx->e->bind(use.k->st, i + 1, &c);
	}
	if (r == 0 && t->is_searched)
		tx->e->bind(use.k->st, t->n_columns + 1, search);
	return r == 0 ? tx->e->step(use.k->st) : r;
}

static int write_row(struct store_tx *tx, const struct table *t, const void *rec, const char *sql)
{
	_cleanup_(buf_done) struct buf heap = BUF_INIT(&sys_heap, SEARCH_MAX);
	char room[SEARCH_SHORT] = "";
	struct cell search = { .kind = CELL_NULL };

	if (t->is_searched) {
		search = search_of(t, rec, &BUF_FIXED(room), &heap);
		if (search.kind == CELL_NULL)
			return store_no_memory(tx->store);
	}
	return run_row(tx, t, rec, sql, &search);
}

static int write_joins(struct store_tx *tx, const struct table *t, const void *rec, bool is_new)
{
	const struct rec_head *head = rec;

	for (uint32_t i = 0; i < t->n_joins; i++) {
		const struct rec_list *list = rec_at(rec, t->joins[i]);
		int r = is_new ? 0 : stmt_run(tx, t->join_del[i], true, &CELL_OF_ID(&head->id), 1);

		for (uint32_t k = 0; r == 0 && k < list->n; k++) {
			struct cell cells[] = { CELL_OF_ID(&head->id), CELL_OF_INT(k), CELL_OF_ID((const struct uuid *) list->items + k) };

			r = stmt_run(tx, t->join_put[i], true, cells, 3);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

int record_insert(struct store_tx *tx, const struct table *t, const void *rec, const struct cell *search)
{
	int r;

	arena_reset(&tx->scratch);
	r = run_row(tx, t, rec, t->insert, search);
	if (r == 0)
		r = write_joins(tx, t, rec, true);
	return explain(tx, t->type, rec, r);
}

/* Are there lists to be written? Most records have none, and most changes leave them alone. */
static bool has_joins(const struct table *t, const void *old, const void *rec)
{
	for (uint32_t i = 0; i < t->n_joins; i++)
		if (old ? !rec_field_equal(t->type, t->joins[i], old, rec) : ((const struct rec_list *) rec_at(rec, t->joins[i]))->n)
			return true;
	return false;
}

/* A row and its lists: both or neither. `old` NULL: it is new. */
static int write_all(struct store_tx *tx, const struct table *t, const void *old, const void *rec)
{
	const char *sql = old ? t->update : t->insert;
	int r;

	if (!has_joins(t, old, rec))
		return explain(tx, t->type, rec, write_row(tx, t, rec, sql));
	r = tx->e->run(tx->conn->db, "SAVEPOINT put");
	if (r < 0)
		return r;
	r = write_row(tx, t, rec, sql);
	if (r == 0)
		r = write_joins(tx, t, rec, !old);
	r = explain(tx, t->type, rec, r);
	if (r < 0) {
		struct err e = *err_peek();

		tx->e->run(tx->conn->db, "ROLLBACK TO put; RELEASE put");
		err_put(&e);
		return r;
	}
	return tx->e->run(tx->conn->db, "RELEASE put");
}

static int other_revision(const struct rec_type *t, uint64_t is, uint64_t expected)
{
	char a[NUM_TEXT_MAX], b[NUM_TEXT_MAX], term[64];

	num_format_u64(a, is);
	num_format_u64(b, expected);
	store_term(term, t->name);
	return err_fail(ERR_PRECONDITION, "what", term, "rev", a, "value", b, NULL);
}

static int need_write(struct store_tx *tx)
{
	return tx->mode == STORE_WRITE ? 0 : err_failf(ERR_BROKEN, "%s: a reading transaction cannot write", tx->store->name);
}

static int write_record(struct store_tx *tx, const struct table *t, void *rec, const struct uuid *by)
{
	struct rec_head *head = rec;
	struct store_change c = { .type = t->type->name, .op = head->rev ? STORE_UPDATED : STORE_CREATED, .at = clock_now_ns() };
	struct rec_head *old = head->rev ? arena_alloc(&tx->scratch, t->type->size) : NULL;
	bool quiet = t->flags & STORE_QUIET;
	int r;

	if (head->rev && !old)
		return store_no_memory(tx->store);
	if (old) {
		r = record_read(tx, t, &head->id, old, &tx->scratch);
		if (r != 1)
			return r < 0 ? r : missing(t->type, &head->id);
		if (old->rev != head->rev)
			return other_revision(t->type, old->rev, head->rev);
		head->created = old->created;
		head->created_by = old->created_by;
		r = quiet ? 0 : store_hash(t->type, old, c.before);
		if (r < 0)
			return r;
	} else {
		if (uuid_is_zero(&head->id))
			head->id = uuid_new();
		head->created = c.at;
		head->created_by = by ? *by : (struct uuid) { { 0 } };
	}
	head->rev++;
	head->updated = c.at;
	head->updated_by = by ? *by : (struct uuid) { { 0 } };
	c.id = head->id;
	c.by = head->updated_by;
	c.rev = head->rev;
	if (!old && behind_takes(tx, t)) {
		r = behind_put(tx, t, rec, &c);
		tx->writes += r == 0;
		return r;
	}
	r = behind_wait(tx);
	if (r == 0)
		r = write_all(tx, t, old, rec);
	if (r == 0)
		r = behind_note(tx, t->type, rec);
	tx->writes += r == 0;
	if (r < 0 || quiet)
		return r;
	return change_add(tx, &c, t->type, rec);
}

int store_put(struct store_tx *tx, const struct rec_type *type, void *rec, const struct uuid *by)
{
	const struct table *t;
	struct rec_head before;
	int r = need_write(tx);

	if (r == 0)
		r = store_need_table(tx, type, &t);
	if (r == 0)
		r = rec_check(type, rec, NULL);
	if (r < 0)
		return r;
	arena_reset(&tx->scratch);
	before = *(struct rec_head *) rec;
	recent_forget(tx->conn, t);
	r = write_record(tx, t, rec, by);
	if (r < 0)
		*(struct rec_head *) rec = before;
	return r;
}

/* --- deleting ------------------------------------------------------------------------------------------------------------- */

static int64_t count_of(struct store_tx *tx, const char *table, const char *column, const struct uuid *id)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 1024);
	STMT(tx, use);

	buf_addf(&b, "SELECT count(*) FROM \"%s\" WHERE \"%s\" = ?1", table, column);
	if (b.failed || stmt_get(tx, b.data, false, &use.k) < 0)
		return 0;
	tx->e->bind(use.k->st, 1, &CELL_OF_ID(id));
	return tx->e->step(use.k->st) == 1 ? tx->e->column(use.k->st, 0).i : 0;
}

static int64_t uses_by(struct store_tx *tx, const struct rec_type *by, const char *noun, const struct uuid *id)
{
	int64_t n = 0;

	for (const struct rec_field *f = by->fields; f < by->fields + by->n_fields; f++) {
		char table[2 * REC_NAME_MAX + 8] = "";

		if (!f->ref || !str_eq(f->ref, noun))
			continue;
		buf_addf(&BUF_FIXED(table), rec_sql_is_join(f) ? "%s__%s" : "%s", by->plural, f->name);
		n += count_of(tx, table, rec_sql_is_join(f) ? "ref" : f->name, id);
	}
	return n;
}

/* What people call a record: its code, else its name, else its id. */
static void name_of(const struct rec_type *t, const void *rec, struct buf *out)
{
	static const char *const names[] = { "code", "name", "path" };

	for (size_t i = 0; i < ELEMENTSOF(names) && !out->len; i++) {
		const struct rec_field *f = rec_field(t, names[i]);

		if (f && f->kind == REC_STR)
			rec_field_format(t, f, rec, out);
	}
	if (!out->len)
		show_field(t, rec, "id", out);
}

static int in_use(struct store_tx *tx, const struct rec_type *t, const void *rec)
{
	const struct rec_head *head = rec;
	char what[64], by[64] = "@record", count[NUM_TEXT_MAX] = "1", value[200] = "";
	struct buf b = BUF_FIXED(value);

	name_of(t, rec, &b);
	store_term(what, t->name);
	for (unsigned i = 0; i < atomic_load(&tx->store->n_tables); i++) {
		int64_t n = uses_by(tx, tx->store->tables[i]->type, t->name, &head->id);

		if (!n)
			continue;
		num_format_i64(count, n);
		store_term(by, tx->store->tables[i]->type->name);
		break;
	}
	return err_fail(ERR_IN_USE, "what", what, "value", value, "count", count, "by", by, NULL);
}

int store_del(struct store_tx *tx, const struct rec_type *type, const struct uuid *id, uint64_t rev, const struct uuid *by)
{
	const struct table *t;
	struct rec_head *old;
	struct store_change c = { .type = type->name, .op = STORE_DELETED, .id = *id, .by = by ? *by : (struct uuid) { { 0 } }, .at = clock_now_ns() };
	int r = need_write(tx);

	if (r == 0)
		r = store_need_table(tx, type, &t);
	if (r < 0)
		return r;
	arena_reset(&tx->scratch);
	recent_forget(tx->conn, t);
	old = arena_alloc(&tx->scratch, type->size);
	r = old ? record_read(tx, t, id, old, &tx->scratch) : store_no_memory(tx->store);
	if (r != 1)
		return r < 0 ? r : missing(type, id);
	if (rev && old->rev != rev)
		return other_revision(type, old->rev, rev);
	r = t->flags & STORE_QUIET ? 0 : store_hash(type, old, c.before);
	if (r == 0)
		r = stmt_run(tx, t->del, true, &CELL_OF_ID(id), 1);
	if (r == -ERR_NO_SUCH_REF)
		return in_use(tx, type, old);
	tx->writes += r == 0;
	if (r < 0 || t->flags & STORE_QUIET)
		return r;
	c.rev = old->rev;
	return change_add(tx, &c, NULL, NULL);
}
