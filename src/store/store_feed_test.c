/* store_feed_test.c - the feed when many records go in at once, and records found by what another one has. */
#include "tap.h"

#include "store/fixture_test.h"

/* What was done, noted beside the store by this test: the feed must say the same in the same order. */
struct deed { struct uuid id; enum store_change_op op; uint64_t rev; uint8_t before[STORE_HASH], after[STORE_HASH]; };
enum { MOST = 12000 };
struct deeds { struct deed item[MOST]; size_t n, at; uint64_t seq; unsigned wrong; };

static void note(struct deeds *d, enum store_change_op op, const struct owner *before, const struct owner *after)
{
	struct deed *e = &d->item[d->n++];

	*e = (struct deed) { .id = after ? after->head.id : before->head.id, .op = op, .rev = after ? after->head.rev : before->head.rev };
	if (before)
		store_hash(&owner_type, before, e->before);
	if (after)
		store_hash(&owner_type, after, e->after);
}

static int compare(void *ctx, const struct store_change *c)
{
	struct deeds *d = ctx;
	const struct deed *e = &d->item[d->at++];

	d->wrong += d->at > d->n || !uuid_equal(&e->id, &c->id) || e->op != c->op || e->rev != c->rev || c->seq != ++d->seq
		|| memcmp(e->before, c->before, STORE_HASH) != 0 || memcmp(e->after, c->after, STORE_HASH) != 0 || !str_eq(c->type, "owner");
	return 0;
}

static bool feed_is(struct store_tx *tx, struct deeds *d)
{
	d->at = d->seq = d->wrong = 0;
	return store_changes(tx, 0, 0, compare, d) == 0 && d->at == d->n && !d->wrong;
}

/* Makes, changes, deletes or is refused, as the dice say. */
static void one_deed(struct store_tx *tx, struct dice *dice, struct owner *kept, unsigned *n, struct deeds *d)
{
	static char code[24];
	unsigned which = (unsigned) dice_below(dice, 8), at = *n ? (unsigned) dice_below(dice, *n) : 0;
	struct owner before;

	if (which < 4 || !*n) {
		snprintf(code, sizeof(code), "o%zu", d->n);
		kept[*n] = (struct owner) { .code = arena_str(&arena, code) };
		must(store_put(tx, &owner_type, &kept[*n], NULL) == 0);
		note(d, STORE_CREATED, NULL, &kept[(*n)++]);
	} else if (which < 6) {
		before = kept[at];
		snprintf(code, sizeof(code), "n%zu", d->n);
		kept[at].name = arena_str(&arena, code);
		must(store_put(tx, &owner_type, &kept[at], NULL) == 0);
		note(d, STORE_UPDATED, &before, &kept[at]);
	} else if (which < 7) {
		must(store_del(tx, &owner_type, &kept[at].head.id, 0, NULL) == 0);
		note(d, STORE_DELETED, &kept[at], NULL);
		kept[at] = kept[--*n];
	} else {
		is_int(store_put(tx, &owner_type, &(struct owner) { .code = kept[at].code }, NULL), -ERR_EXISTS);
	}
}

TEST(the_feed_has_a_row_a_record_and_nothing_of_what_was_taken_back)
{
	static struct owner kept[MOST], before[MOST];
	static struct deeds deeds;
	_cleanup_(store_closep) struct store *s = open_at(fresh_path());
	struct dice dice = { 7 };
	unsigned n = 0;

	must(s);
	for (int round = 0; round < 12; round++) {
		struct store_tx *tx = begin(s, STORE_WRITE);
		size_t had = deeds.n;
		unsigned n_had = n;
		bool keep = round % 4 != 3;

		memcpy(before, kept, n * sizeof(*kept));
		for (int part = 0; part < 5; part++) {
			bool step = dice_below(&dice, 2), good = dice_below(&dice, 3);
			size_t deeds_had = deeds.n;
			unsigned were = n;
			static struct owner at_step[MOST];

			memcpy(at_step, kept, n * sizeof(*kept));
			if (step)
				must(store_savepoint(tx) == 0);
			for (unsigned i = (unsigned) dice_below(&dice, 80); i > 0 && deeds.n < 1900; i--)
				one_deed(tx, &dice, kept, &n, &deeds);
			if (step)
				must(store_release(tx, good) == 0);
			if (step && !good) {
				deeds.n = deeds_had;
				n = were;
				memcpy(kept, at_step, n * sizeof(*kept));
			}
			ok(part % 2 || feed_is(tx, &deeds));
		}
		if (keep) {
			must(store_commit(tx) == 0);
			is_int(store_last_seq(s), deeds.n);
		} else {
			store_rollback(tx);
			deeds.n = had;
			n = n_had;
			memcpy(kept, before, n * sizeof(*kept));
		}
		tx = begin(s, STORE_READ);
		ok(feed_is(tx, &deeds));
		store_rollback(tx);
	}
	ok(deeds.n > 500);
}

/* So many that a second thread makes the hashes; also when it ends early, and in the next transaction. */
TEST(a_long_transaction_leaves_the_same_feed)
{
	static struct owner kept[MOST];
	static struct deeds deeds;
	_cleanup_(store_closep) struct store *s = open_at(fresh_path());
	struct dice dice = { 19 };
	unsigned n = 0;

	must(s);
	for (int round = 0; round < 3; round++) {
		struct store_tx *tx = begin(s, STORE_WRITE);
		size_t had;

		for (unsigned i = 0; i < 2500; i++)
			one_deed(tx, &dice, kept, &n, &deeds);
		must(store_savepoint(tx) == 0);
		had = deeds.n;
		for (unsigned i = 0; i < 100; i++)
			must(store_put(tx, &owner_type, &(struct owner) { .code = arena_fmt(&arena, "gone%u", i) }, NULL) == 0);
		must(store_release(tx, false) == 0);
		is_int(deeds.n, had);
		for (unsigned i = 0; i < 40; i++)
			one_deed(tx, &dice, kept, &n, &deeds);
		ok(round != 1 || feed_is(tx, &deeds));
		must(store_commit(tx) == 0);
		tx = begin(s, STORE_WRITE);
		for (unsigned i = 0; i < 1500; i++)
			must(store_put(tx, &owner_type, &(struct owner) { .code = arena_fmt(&arena, "never%u", i) }, NULL) == 0);
		store_rollback(tx);
		tx = begin(s, STORE_READ);
		ok(feed_is(tx, &deeds));
		store_rollback(tx);
	}
	is_int(store_last_seq(s), deeds.n);
}

/* Records read in a writing transaction are remembered: never one that has been written, deleted or taken back since. */
TEST(what_is_read_again_is_what_is_there)
{
	static struct owner kept[300];
	_cleanup_(store_closep) struct store *s = open_at(fresh_path());
	struct store_tx *tx = begin(s, STORE_WRITE);
	struct dice dice = { 23 };
	struct owner back;
	unsigned wrong = 0;

	for (unsigned i = 0; i < 300; i++)
		must(put_owner(tx, arena_fmt(&arena, "o%u", i), &kept[i]) == 0);
	for (unsigned i = 0; i < 6000; i++) {
		unsigned at = (unsigned) dice_below(&dice, i % 2 ? 300 : 12), which = (unsigned) dice_below(&dice, 20);

		if (which == 0 && kept[at].head.rev) {
			kept[at].name = arena_fmt(&arena, "n%u", i);
			must(store_put(tx, &owner_type, &kept[at], NULL) == 0);
		} else if (which == 1 && kept[at].head.rev) {
			must(store_del(tx, &owner_type, &kept[at].head.id, 0, NULL) == 0);
			kept[at].head.rev = 0;
		} else if (which == 2) {
			must(store_savepoint(tx) == 0);
			must(!kept[at].head.rev || store_del(tx, &owner_type, &kept[at].head.id, 0, NULL) == 0);
			must(store_release(tx, false) == 0);
		}
		if (store_get(tx, &owner_type, &kept[at].head.id, &back, &arena) < 0)
			wrong += kept[at].head.rev != 0;
		else
			wrong += back.head.rev != kept[at].head.rev || !rec_equal(&owner_type, &back, &kept[at]);
		err_clear();
	}
	is_int(wrong, 0);
	must(store_commit(tx) == 0);
}

TEST(one_is_found_by_what_another_has)
{
	static const struct rec_field *const fields[] = { &item_fields[2], &item_fields[0] }, *const name[] = { &item_fields[1] },
		*const fans[] = { &item_fields[3] };
	_cleanup_(store_closep) struct store *s = open_at(fresh_path());
	struct store_tx *tx = begin(s, STORE_WRITE);
	struct item a = { .code = "x" }, b = { .code = "x" }, like = { .code = "x" };
	struct uuid id = { { 0 } };
	struct owner o;

	must(put_owner(tx, "o", &o) == 0);
	b.owner = o.head.id;
	must(store_put(tx, &item_type, &b, NULL) == 0);
	is_int(store_find_like(tx, &item_type, fields, 2, &like, &id), 0);
	ok(uuid_is_zero(&id));
	must(store_put(tx, &item_type, &a, NULL) == 0);
	is_int(store_find_like(tx, &item_type, fields, 2, &like, &id), 1);
	is_bytes(&id, &a.head.id, sizeof(id));
	like.owner = o.head.id;
	is_int(store_find_like(tx, &item_type, fields, 2, &like, &id), 1);
	is_bytes(&id, &b.head.id, sizeof(id));
	like.code = "X";
	is_int(store_find_like(tx, &item_type, fields, 2, &like, &id), 0);
	is_int(store_find_like(tx, &item_type, name, 1, &like, &id), -ERR_INVALID);    /* neither has one */
	is_int(store_find_like(tx, &item_type, fans, 1, &like, &id), -ERR_BAD_ARGUMENT);
	store_rollback(tx);
}
