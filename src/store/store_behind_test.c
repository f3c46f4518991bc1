/* store_behind_test.c - records put behind: what is left, what is said, who waits. */
#include "tap.h"

#include "store/fixture_test.h"

struct leaf { struct rec_head head; const char *code, *name; struct uuid owner; struct rec_list friends; };
static const struct rec_field leaf_fields[] = {
	F(struct leaf, code, .flags = REC_REQUIRED | REC_SEARCH),
	F(struct leaf, name, .flags = REC_UNIQUE | REC_NULLABLE | REC_SEARCH),
	F_REF(struct leaf, owner, "owner", .flags = REC_REQUIRED),
	F_KIND(struct leaf, friends, REC_LIST, .item = REC_REF, .ref = "owner"),
};
static const struct rec_type leaf_type = REC_TYPE(struct leaf, "leaf", "leaves", leaf_fields, .unique = "owner,code");
static const struct rec_field *const key[] = { &leaf_fields[2], &leaf_fields[0] };
static const struct store_noun with_leaves[] = { { &owner_type, 0 }, { &item_type, 0 }, { &leaf_type, 0 } };

enum { MANY = 3000 };
struct forest { struct store *s; struct owner owner[3]; };

static bool open_forest(struct forest *f)
{
	const struct store_config c = { .path = fresh_path(), .name = "test", .nouns = with_leaves, .n_nouns = ELEMENTSOF(with_leaves), .seal = &test_seal };
	struct store_tx *tx;
	bool all;

	*f = (struct forest) { .s = NULL };
	if (open_place(&f->s, &c) < 0)
		return false;
	tx = begin(f->s, STORE_WRITE);
	all = put_owner(tx, "a", &f->owner[0]) == 0 && put_owner(tx, "b", &f->owner[1]) == 0 && put_owner(tx, "c", &f->owner[2]) == 0;
	return all && store_commit(tx) == 0;
}

static struct leaf leaf_of(const struct forest *f, unsigned i)
{
	struct uuid friends[2] = { f->owner[2].head.id, f->owner[0].head.id };

	return (struct leaf) { .friends = { i % 5 ? NULL : arena_dup(&arena, friends, sizeof(friends)), i % 5 ? 0 : 1 + i % 2 },
		 .code = arena_fmt(&arena, "leaf%u", i / 2), .name = i % 3 ? arena_fmt(&arena, "叶%u", i) : NULL, .owner = f->owner[i % 2].head.id };
}

static struct store_tx *begin_behind(struct forest *f)
{
	struct store_tx *tx = begin(f->s, STORE_WRITE);

	is_int(store_put_behind(tx, &leaf_type, key, 2, MANY), 0);
	return tx;
}

struct seen { unsigned n, wrong; struct leaf *want; };

static int same(void *ctx, const void *rec)
{
	struct seen *s = ctx;

	s->wrong += !rec_equal(&leaf_type, rec, &s->want[s->n]) || !uuid_equal(&((const struct rec_head *) rec)->id, &s->want[s->n].head.id);
	s->n++;
	return 0;
}

static int same_change(void *ctx, const struct store_change *c)
{
	struct seen *s = ctx;
	uint8_t hash[STORE_HASH];

	if (!str_eq(c->type, "leaf"))
		return 0;
	store_hash(&leaf_type, &s->want[s->n], hash);
	s->wrong += !uuid_equal(&c->id, &s->want[s->n].head.id) || memcmp(hash, c->after, STORE_HASH) != 0 || c->op != STORE_CREATED || c->rev != 1;
	s->n++;
	return 0;
}

static void is_forest(struct store_tx *tx, struct leaf *want, unsigned n)
{
	struct seen rows = { .want = want }, feed = { .want = want };

	is_int(store_list(tx, &leaf_type, &(struct store_list) { 0 }, same, &rows, NULL), 0);
	is_int(rows.n, n);
	is_int(rows.wrong, 0);
	is_int(store_changes(tx, 0, 0, same_change, &feed), 0);
	is_int(feed.n, n);
	is_int(feed.wrong, 0);
}

TEST(what_is_put_behind_is_what_is_there)
{
	static struct leaf kept[MANY];
	struct forest f;
	struct store_tx *tx;
	struct uuid id;

	must(open_forest(&f));
	for (unsigned looks = 0; looks < 2; looks++) {          /* the second time somebody looks at each: it stops, and goes on as before */
		unsigned n = 0;

		tx = begin_behind(&f);
		for (unsigned i = 0; i < MANY; i++) {
			kept[n] = leaf_of(&f, i);
			must(store_find_like(tx, &leaf_type, key, 2, &kept[n], &id) == 0);
			must(store_put(tx, &leaf_type, &kept[n++], NULL) == 0);
			if (looks && i % 2 == 0)
				must(store_get(tx, &leaf_type, &kept[n - 1].head.id, &(struct leaf) { .code = NULL }, &arena) == 0);
			must(!looks || i % 100 || (store_find_like(tx, &leaf_type, key, 2, &kept[i / 2], &id) == 1 && uuid_equal(&id, &kept[i / 2].head.id)));
		}
		if (looks)
			is_forest(tx, kept, n);
		must(store_settle(tx) == 0);
		if (!looks) {
			is_int(store_writes(tx), MANY);
			store_rollback(tx);
			tx = begin(f.s, STORE_READ);
			is_forest(tx, kept, 0);
			store_rollback(tx);
		}
	}
	must(store_commit(tx) == 0);
	tx = begin(f.s, STORE_READ);
	is_forest(tx, kept, MANY);
	store_rollback(tx);
	store_close(f.s);
}

TEST(what_was_there_before_is_found)
{
	struct forest f;
	struct store_tx *tx;
	struct uuid id;
	struct leaf l;

	must(open_forest(&f));
	tx = begin(f.s, STORE_WRITE);
	for (unsigned i = 0; i < 40; i++) {
		l = leaf_of(&f, i);
		must(store_put(tx, &leaf_type, &l, NULL) == 0);
	}
	must(store_commit(tx) == 0);
	tx = begin_behind(&f);
	for (unsigned i = 0; i < MANY; i++) {
		l = leaf_of(&f, i);
		is_int(store_find_like(tx, &leaf_type, key, 2, &l, &id), i < 40);
		if (i >= 40)
			must(store_put(tx, &leaf_type, &l, NULL) == 0);
		else if (i % 4 == 0) {
			must(store_get(tx, &leaf_type, &id, &l, &arena) == 0);
			l.code = arena_fmt(&arena, "other%u", i);       /* an update: found by its new name */
			must(store_put(tx, &leaf_type, &l, NULL) == 0);
			is_int(store_find_like(tx, &leaf_type, key, 2, &l, &id), 1);
		}
	}
	must(store_commit(tx) == 0);
	store_close(f.s);
}

/* Whoever puts hears of it from a later call, at the latest from the commit; and nothing is left of the transaction. */
static void is_refused(struct forest *f, struct leaf wrong, unsigned after, int kind, const char *sentence)
{
	struct store_tx *tx = begin_behind(f);
	struct leaf l;
	int r = 0;

	for (unsigned i = 0; i < after && r == 0; i++) {
		l = i == 10 ? wrong : leaf_of(f, i);
		r = store_put(tx, &leaf_type, &l, NULL);
	}
	if (r == 0)
		r = store_settle(tx);
	is_int(r, kind);
	is_str(said(LANG_EN), sentence);
	ok(store_refused_behind(tx));
	is_int(store_get(tx, &leaf_type, &l.head.id, &l, &arena), kind);
	is_int(store_commit(tx), kind);
	tx = begin(f->s, STORE_READ);
	is_forest(tx, NULL, 0);
	store_rollback(tx);
}

TEST(what_is_refused_behind_ends_the_transaction)
{
	struct forest f;
	char id[UUID_TEXT + 1];
	struct leaf l;

	must(open_forest(&f));
	for (unsigned n = 20; n <= 2000; n *= 10) {
		l = leaf_of(&f, 1);
		l.code = "another";
		is_refused(&f, l, n, -ERR_EXISTS, "a leaf with name 叶1 exists already");
		l = leaf_of(&f, 10);
		l.owner = uuid_new();
		uuid_format(&l.owner, id);
		is_refused(&f, l, n, -ERR_NO_SUCH_REF, arena_fmt(&arena, "owner names a owner that does not exist: %s", id));
	}
	store_close(f.s);
}

TEST(a_step_taken_back_takes_nothing_else_with_it)
{
	static struct leaf kept[MANY];
	struct forest f;
	struct store_tx *tx;
	struct leaf l;
	unsigned n = 0;

	must(open_forest(&f));
	tx = begin_behind(&f);
	for (unsigned i = 0; i < MANY; i++) {
		bool step = i % 500 == 250;

		if (step)
			must(store_savepoint(tx) == 0);
		l = leaf_of(&f, i);
		must(store_put(tx, &leaf_type, &l, NULL) == 0);
		if (step)
			must(store_release(tx, i % 1000 == 250) == 0);
		if (!step || i % 1000 == 250)
			kept[n++] = l;
	}
	must(store_commit(tx) == 0);
	tx = begin(f.s, STORE_READ);
	is_forest(tx, kept, n);
	store_rollback(tx);
	store_close(f.s);
}

static int put_another(void *ctx, const void *rec)
{
	struct leaf l = { .code = arena_fmt(&arena, "%s again", ((const struct leaf *) rec)->code), .owner = ((const struct leaf *) rec)->owner };

	return store_put(((void **) ctx)[0], &leaf_type, &l, NULL);
}

/* A list is under way on the connection that the writer would use. */
TEST(who_puts_while_a_list_is_read_puts_at_once)
{
	struct forest f;
	struct store_tx *tx;
	struct store_page page;
	void *ctx[1];
	struct leaf l;

	must(open_forest(&f));
	tx = begin_behind(&f);
	for (unsigned i = 0; i < 200; i++) {
		l = leaf_of(&f, i);
		must(store_put(tx, &leaf_type, &l, NULL) == 0);
	}
	ctx[0] = tx;
	is_int(store_list(tx, &leaf_type, &(struct store_list) { .limit = 100 }, put_another, ctx, NULL), 0);
	is_int(store_list(tx, &leaf_type, &(struct store_list) { .limit = 1, .count = true }, same, &(struct seen) { .want = &l }, &page), 0);
	is_int(page.total, 300);
	must(store_commit(tx) == 0);
	store_close(f.s);
}

struct parts { unsigned n, wrong; };

static int only_parts(void *ctx, const void *rec)
{
	struct parts *p = ctx;
	const struct leaf *l = rec;

	p->wrong += !str_eq(l->code, arena_fmt(&arena, "leaf%u", p->n / 2)) || l->name || !uuid_is_zero(&l->owner) || l->head.rev != 1 || l->head.created;
	p->n++;
	return 0;
}

TEST(a_list_of_some_fields_reads_no_others)
{
	static const char *const code[] = { "code" };
	struct forest f;
	struct store_tx *tx;
	struct parts p = { 0 };
	struct leaf l;

	must(open_forest(&f));
	tx = begin(f.s, STORE_WRITE);
	for (unsigned i = 0; i < 50; i++) {
		l = leaf_of(&f, i);
		must(store_put(tx, &leaf_type, &l, NULL) == 0);
	}
	is_int(store_list(tx, &leaf_type, &(struct store_list) { .fields = code, .n_fields = 1 }, only_parts, &p, NULL), 0);
	is_int(p.n, 50);
	is_int(p.wrong, 0);
	is_int(store_list(tx, &leaf_type, &(struct store_list) { .fields = code, .n_fields = 1, .sort = "code" }, only_parts, &p, NULL), -ERR_BROKEN);
	store_rollback(tx);
	store_close(f.s);
}
