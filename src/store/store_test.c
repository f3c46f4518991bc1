#include <signal.h>
#include <sys/wait.h>

#include "tap.h"

#include "store/fixture_test.h"

TEST(a_record_of_every_kind_comes_back_as_it_went_in)
{
	static const struct store_noun every_noun[] = { { &every_type, 0 } };
	const struct store_config c = { .path = fresh_path(), .nouns = every_noun, .n_nouns = 1, .seal = &test_seal };
	_cleanup_(store_closep) struct store *s = NULL;
	struct dice d = { 11 };
	struct uuid ids[100] = { 0 };

	must(open_place(&s, &c) == 0);
	for (int i = 0; i < 100; i++) {
		struct store_tx *tx = begin(s, STORE_WRITE);
		struct every e, back;
		struct uuid *friends;

		every_random(&d, &arena, &e);
		friends = e.friends.items;
		for (uint32_t k = 0; k < e.friends.n; k++)              /* references must hold */
			friends[k] = ids[i ? (int) k % i : 0];
		if (!i)
			e.friends.n = 0;
		e.parent = i ? ids[i - 1] : (struct uuid) { { 0 } };
		if (store_put(tx, &every_type, &e, NULL) < 0)
			tap_fail_("%s", err_log_text(err_peek()));
		must(store_commit(tx) == 0);
		ids[i] = e.head.id;
		tx = begin(s, STORE_READ);
		must(store_get(tx, &every_type, &e.head.id, &back, &arena) == 0);
		for (const struct rec_field *f = every_fields; f < every_fields + ELEMENTSOF(every_fields); f++)
			if (!rec_field_equal(&every_type, f, &e, &back))
				tap_fail_("%s differs", f->name);
		is_bytes(&e.head, &back.head, offsetof(struct rec_head, has));
		store_rollback(tx);
	}
}

TEST(a_put_counts_revisions_and_refuses_an_old_one)
{
	_cleanup_(store_closep) struct store *s = open_at(fresh_path());
	_cleanup_(store_rollbackp) struct store_tx *tx = begin(s, STORE_WRITE);
	struct uuid me = uuid_new();
	struct owner o = { .code = "a" }, old, back;

	is_int(store_put(tx, &owner_type, &o, &me), 0);
	is_int(o.head.rev, 1);
	ok(o.head.created && o.head.created == o.head.updated && uuid_equal(&o.head.created_by, &me));
	old = o;
	o.name = "n";
	is_int(store_put(tx, &owner_type, &o, NULL), 0);
	is_int(o.head.rev, 2);
	old.name = "other";
	is_int(store_put(tx, &owner_type, &old, NULL), -ERR_PRECONDITION);
	is_str(said(LANG_EN), "owner is at revision 2 now, the request expected 1");
	is_int(old.head.rev, 1);
	is_int(store_del(tx, &owner_type, &o.head.id, 1, NULL), -ERR_PRECONDITION);
	is_int(store_get(tx, &owner_type, &o.head.id, &back, &arena), 0);
	is_str(back.name, "n");
	ok(uuid_equal(&back.head.created_by, &me) && uuid_is_zero(&back.head.updated_by));
	is_int(store_del(tx, &owner_type, &o.head.id, 2, NULL), 0);
	is_int(store_get(tx, &owner_type, &o.head.id, &back, &arena), -ERR_MISSING);
	is_int(store_put(tx, &owner_type, &o, NULL), -ERR_MISSING);
	is_int(store_del(tx, &owner_type, &o.head.id, 0, NULL), -ERR_MISSING);
}

TEST(what_breaks_a_rule_is_not_stored)
{
	_cleanup_(store_closep) struct store *s = open_at(fresh_path());
	_cleanup_(store_rollbackp) struct store_tx *tx = begin(s, STORE_WRITE);
	struct owner o = { .code = "" };

	is_int(store_put(tx, &owner_type, &o, NULL), -ERR_LENGTH);
	is_str(err_peek()->pointer, "/code");
	ok(uuid_is_zero(&o.head.id));
}

TEST(a_second_record_of_the_same_name_is_refused_by_name)
{
	_cleanup_(store_closep) struct store *s = open_at(fresh_path());
	_cleanup_(store_rollbackp) struct store_tx *tx = begin(s, STORE_WRITE);
	struct owner a, b, c;
	struct item i, k;

	must(put_owner(tx, "anna", &a) == 0 && put_owner(tx, "bert", &b) == 0);
	is_int(put_owner(tx, "anna", &c), -ERR_EXISTS);
	is_str(said(LANG_EN), "a owner with code anna exists already");
	is_str(err_peek()->pointer, "/code");
	i = (struct item) { .code = "x", .owner = a.head.id };
	k = (struct item) { .code = "x", .owner = b.head.id };
	is_int(store_put(tx, &item_type, &i, NULL), 0);
	is_int(store_put(tx, &item_type, &k, NULL), 0);
	k.owner = a.head.id;
	is_int(store_put(tx, &item_type, &k, NULL), -ERR_EXISTS);
	is_str(err_arg(err_peek(), "field"), "owner, code");
	is_int(k.head.rev, 1);
	k.owner = (struct uuid) { { 0 } };
	is_int(store_put(tx, &item_type, &k, NULL), 0);
}

TEST(references_hold)
{
	_cleanup_(store_closep) struct store *s = open_at(fresh_path());
	_cleanup_(store_rollbackp) struct store_tx *tx = begin(s, STORE_WRITE);
	struct owner a, b;
	struct uuid fans[2], stranger = uuid_new();
	struct item i = { .code = "x", .owner = stranger }, back;
	char text[UUID_TEXT + 1];

	must(put_owner(tx, "anna", &a) == 0 && put_owner(tx, "bert", &b) == 0);
	uuid_format(&stranger, text);
	is_int(store_put(tx, &item_type, &i, NULL), -ERR_NO_SUCH_REF);
	is_str(err_peek()->pointer, "/owner");
	is_str(err_arg(err_peek(), "value"), text);
	i.owner = a.head.id;
	fans[0] = b.head.id;
	fans[1] = stranger;
	i.fans = (struct rec_list) { fans, 2 };
	is_int(store_put(tx, &item_type, &i, NULL), -ERR_NO_SUCH_REF);
	is_str(err_peek()->pointer, "/fans/1");
	fans[1] = a.head.id;
	is_int(store_put(tx, &item_type, &i, NULL), 0);
	is_int(store_get(tx, &item_type, &i.head.id, &back, &arena), 0);
	ok(rec_equal(&item_type, &i, &back));
	is_int(store_del(tx, &owner_type, &b.head.id, 0, NULL), -ERR_IN_USE);
	is_str(said(LANG_EN), "owner bert is still used by 1 item");
	i.fans.n = 1;
	fans[0] = a.head.id;
	is_int(store_put(tx, &item_type, &i, NULL), 0);
	is_int(store_del(tx, &owner_type, &b.head.id, 0, NULL), 0);
	is_int(store_del(tx, &owner_type, &a.head.id, 0, NULL), -ERR_IN_USE);
	is_str(err_arg(err_peek(), "count"), "2");
	is_int(store_del(tx, &item_type, &i.head.id, 0, NULL), 0);
	is_int(store_del(tx, &owner_type, &a.head.id, 0, NULL), 0);
}

TEST(a_rollback_leaves_nothing_and_a_step_may_fail_alone)
{
	_cleanup_(store_closep) struct store *s = open_at(fresh_path());
	struct store_tx *tx = begin(s, STORE_WRITE);
	struct owner a, b, back;

	must(put_owner(tx, "a", &a) == 0);
	ok(!store_rollback(tx) && !store_rollback(NULL));
	tx = begin(s, STORE_WRITE);
	is_int(store_get(tx, &owner_type, &a.head.id, &back, &arena), -ERR_MISSING);
	must(put_owner(tx, "a", &a) == 0);
	is_int(store_savepoint(tx), 0);
	is_int(store_savepoint(tx), -ERR_BROKEN);
	must(put_owner(tx, "b", &b) == 0);
	is_int(put_owner(tx, "a", &back), -ERR_EXISTS);
	is_int(store_release(tx, false), 0);
	is_int(err_peek()->kind, ERR_EXISTS);
	is_int(store_savepoint(tx), 0);
	is_int(put_owner(tx, "c", &back), 0);
	is_int(store_release(tx, true), 0);
	must(store_commit(tx) == 0);
	tx = begin(s, STORE_READ);
	is_int(store_get(tx, &owner_type, &a.head.id, &back, &arena), 0);
	is_int(store_get(tx, &owner_type, &b.head.id, &back, &arena), -ERR_MISSING);
	is_int(store_find_by(tx, &owner_type, "code", "c", &back, &arena), 0);
	is_int(put_owner(tx, "d", &back), -ERR_BROKEN);
	store_rollback(tx);
}

TEST(a_reader_sees_one_state_while_others_write)
{
	_cleanup_(store_closep) struct store *s = open_at(fresh_path());
	struct store_tx *w = begin(s, STORE_WRITE), *r;
	struct owner a, back;

	must(put_owner(w, "a", &a) == 0 && store_commit(w) == 0);
	r = begin(s, STORE_READ);
	must(store_get(r, &owner_type, &a.head.id, &back, &arena) == 0);
	w = begin(s, STORE_WRITE);
	a.name = "changed";
	must(store_put(w, &owner_type, &a, NULL) == 0 && store_commit(w) == 0);
	must(store_get(r, &owner_type, &a.head.id, &back, &arena) == 0);
	ok(!back.name);
	store_rollback(r);
	r = begin(s, STORE_READ);
	must(store_get(r, &owner_type, &a.head.id, &back, &arena) == 0);
	is_str(back.name, "changed");
	store_rollback(r);
}

TEST(the_second_writer_waits_until_its_deadline)
{
	_cleanup_(store_closep) struct store *s = open_at(fresh_path());
	struct store_tx *a = begin(s, STORE_WRITE), *b = NULL;

	is_int(store_begin(s, STORE_WRITE, clock_deadline(20), &b), -ERR_BUSY);
	ok(!b);
	store_rollback(a);
	is_int(store_begin(s, STORE_WRITE, clock_deadline(20), &b), 0);
	store_rollback(b);
}

/* --- lists ---------------------------------------------------------------------------------------------------------------- */

struct seen { struct item *items; size_t n, room; };

static int on_item(void *ctx, const void *rec)
{
	struct seen *s = ctx;

	if (s->n == s->room)
		return -ERR_FULL;
	return rec_dup(&item_type, &s->items[s->n++], rec, &arena);
}

static struct item random_item(struct dice *d, int i)
{
	struct item it = { .code = arena_fmt(&arena, "i%04d", i), .size = (int32_t) dice_below(d, 7), .state = (int32_t) dice_below(d, 3),
		.rights = (uint32_t) dice_below(d, 8) };

	if (dice_below(d, 3))
		it.name = ((const char *[]) { "pump", "valve 50%", "Motor_a", "温度" })[dice_below(d, 4)];
	if (dice_below(d, 3)) {
		it.weight = (double) dice_below(d, 5) / 4;
		rec_set_has(&item_type, &it, rec_field(&item_type, "weight"), true);
	}
	if (dice_below(d, 3)) {
		it.at = (int64_t) dice_below(d, 5) * NS_PER_S;
		rec_set_has(&item_type, &it, rec_field(&item_type, "at"), true);
	}
	return it;
}

static const char *const sorts[] = { NULL, "id", "-id", "size", "-size", "code", "-code", "name", "-name", "weight", "-weight", "size,name", "-size,name",
	"-name,size,-weight", "at,-state", "-at", "created", "state,-rights" };

/* The whole list and the list page by page must be the same, for every sort, with rows coming and going behind and before. */
TEST(pages_add_up_to_the_whole_list_in_any_order)
{
	_cleanup_(store_closep) struct store *s = open_at(fresh_path());
	struct store_tx *tx = begin(s, STORE_WRITE);
	struct dice d = { 77 };
	enum { N = 157 };
	static struct item all[N + 1], paged[N + 1];

	for (int i = 0; i < N; i++) {
		struct item it = random_item(&d, i);

		must(store_put(tx, &item_type, &it, NULL) == 0);
	}
	must(store_commit(tx) == 0);
	tx = begin(s, STORE_READ);
	for (size_t k = 0; k < ELEMENTSOF(sorts); k++) {
		struct seen whole = { all, 0, N + 1 }, pages = { paged, 0, N + 1 };
		struct store_list spec = { .sort = sorts[k], .arena = &arena, .count = true };
		struct store_page page;

		must(store_list(tx, &item_type, &spec, on_item, &whole, &page) == 0);
		is_int(whole.n, N);
		is_int(page.total, N);
		ok(!page.next);
		spec.limit = 10;
		do {
			must(store_list(tx, &item_type, &spec, on_item, &pages, &page) == 0);
			spec.cursor = page.next;
			is_int(page.total, N);
		} while (page.next && pages.n <= N);
		is_int(pages.n, N);
		for (size_t i = 0; i < N; i++)
			if (!uuid_equal(&all[i].head.id, &paged[i].head.id)) {
				tap_fail_("sort %s: row %zu", sorts[k] ?: "(none)", i);
				break;
			}
	}
	store_rollback(tx);
}

TEST(paging_neither_repeats_nor_loses_while_rows_come_and_go)
{
	_cleanup_(store_closep) struct store *s = open_at(fresh_path());
	struct store_tx *tx = begin(s, STORE_WRITE);
	struct dice d = { 78 };
	enum { N = 60 };
	static struct item got[400];
	struct seen seen = { got, 0, ELEMENTSOF(got) };
	struct store_list spec = { .sort = "size,-name", .limit = 7, .arena = &arena };
	struct store_page page;
	struct uuid first[N];
	int extra = N;

	for (int i = 0; i < N; i++) {
		struct item it = random_item(&d, i);

		must(store_put(tx, &item_type, &it, NULL) == 0);
		first[i] = it.head.id;
	}
	must(store_commit(tx) == 0);
	do {
		tx = begin(s, STORE_WRITE);
		must(store_list(tx, &item_type, &spec, on_item, &seen, &page) == 0);
		spec.cursor = page.next;
		must(store_del(tx, &item_type, &got[seen.n - 1].head.id, 0, NULL) == 0);        /* the very row the cursor names */
		for (int i = 0; i < 3; i++) {
			struct item it = random_item(&d, extra++);

			must(store_put(tx, &item_type, &it, NULL) == 0);
		}
		must(store_commit(tx) == 0);
	} while (page.next && extra < 350);
	ok(!page.next);
	for (int i = 0; i < N; i++) {
		int times = 0;

		for (size_t k = 0; k < seen.n; k++)
			times += uuid_equal(&first[i], &got[k].head.id);
		is_int(times, 1);
	}
}

/* Each filter against the same question asked of every record in C. */
static bool text_has(const char *text, const char *part) { return text && strcasestr(text, part); }
static int by_id(const void *a, const void *b) { return uuid_cmp(&((const struct item *) a)->head.id, &((const struct item *) b)->head.id); }
#define HAS(it, member) rec_has(&item_type, it, rec_field(&item_type, #member))

static const struct { struct store_filter f[2]; size_t n; const char *q; } questions[] = {
	{ { { "size", STORE_EQ, "3" } }, 1 }, { { { "size", STORE_NE, "3" } }, 1 }, { { { "size", STORE_LT, "3" } }, 1 },
	{ { { "size", STORE_GE, "2" }, { "size", STORE_LE, "4" } }, 2 }, { { { "name", STORE_EQ, "" } }, 1 }, { { { "name", STORE_NE, "" } }, 1 },
	{ { { "name", STORE_LIKE, "*50%" } }, 1 }, { { { "name", STORE_LIKE, "motor?A" } }, 1 }, { { { "size", STORE_IN, "1,5" } }, 1 },
	{ { { "state", STORE_EQ, "running" } }, 1 }, { { { "state", STORE_IN, "fault,stopped" } }, 1 }, { { { "rights", STORE_EQ, "write" } }, 1 },
	{ { { "weight", STORE_GT, "0.5" } }, 1 }, { { { "weight", STORE_EQ, "" } }, 1 }, { { { "at", STORE_LE, "1970-01-01T00:00:02Z" } }, 1 },
	{ { { "name", STORE_NE, "pump" } }, 1 }, { { { NULL } }, 0, "温" }, { { { NULL } }, 0, "MOTOR 00" }, { { { NULL } }, 0, "50%" },
	{ { { "code", STORE_IN, "i0001,i\\,1,i0003" } }, 1 },
};

static bool answer(size_t q, const struct item *it)
{
	switch (q) {
	case 0: return it->size == 3;
	case 1: return it->size != 3;
	case 2: return it->size < 3;
	case 3: return it->size >= 2 && it->size <= 4;
	case 4: return !it->name;
	case 5: return it->name;
	case 6: return it->name && str_ends(it->name, "50%");
	case 7: return str_eq(it->name, "Motor_a");
	case 8: return it->size == 1 || it->size == 5;
	case 9: return it->state == 1;
	case 10: return it->state != 1;
	case 11: return it->rights & 2;
	case 12: return HAS(it, weight) && it->weight > 0.5;
	case 13: return !HAS(it, weight);
	case 14: return HAS(it, at) && it->at <= 2 * NS_PER_S;
	case 15: return !str_eq(it->name, "pump");
	case 16: return text_has(it->name, "温");
	case 17: return text_has(it->name, "motor") && strstr(it->code, "00");
	case 18: return text_has(it->name, "50%");
	case 19: return str_eq(it->code, "i0001") || str_eq(it->code, "i0003");
	}
	return false;
}

TEST(filters_answer_as_C_does)
{
	_cleanup_(store_closep) struct store *s = open_at(fresh_path());
	struct store_tx *tx = begin(s, STORE_WRITE);
	struct dice d = { 79 };
	enum { N = 120 };
	static struct item all[N], got[N];

	for (int i = 0; i < N; i++) {
		all[i] = random_item(&d, i);
		must(store_put(tx, &item_type, &all[i], NULL) == 0);
	}
	qsort(all, N, sizeof(all[0]), by_id);
	for (size_t q = 0; q < ELEMENTSOF(questions); q++) {
		const struct store_list spec = { .filters = questions[q].f, .n_filters = questions[q].n, .q = questions[q].q, .count = true };
		struct seen seen = { got, 0, N };
		struct store_page page;
		size_t want = 0;

		if (store_list(tx, &item_type, &spec, on_item, &seen, &page) < 0)
			tap_fail_("question %zu: %s", q, err_log_text(err_peek()));
		for (int i = 0; i < N; i++)
			if (answer(q, &all[i])) {
				if (want < seen.n)
					ok(uuid_equal(&got[want].head.id, &all[i].head.id));
				want++;
			}
		if (seen.n != want || page.total != want)
			tap_fail_("question %zu: got %zu, want %zu", q, seen.n, want);
		ok(want > 0);
	}
	store_rollback(tx);
}

static int on_any(void *ctx, const void *rec)
{
	++*(unsigned *) ctx;
	return 0;
}

static unsigned found_by(struct store_tx *tx, const char *words)
{
	struct store_page page = { .n = 0 };
	unsigned n = 0;

	is_int(store_list(tx, &owner_type, &(struct store_list) { .q = words, .count = true, .limit = 10, .arena = &arena }, on_any, &n, &page), 0);
	is_int(page.total, n);
	return n;
}

/* Readings: Xiandai Hanyu Cidian. 重 is zhong and chong. */
TEST(free_words_are_found_in_any_case_in_any_width_and_by_initials)
{
	_cleanup_(store_closep) struct store *s = open_at(fresh_path());
	_cleanup_(store_rollbackp) struct store_tx *tx = begin(s, STORE_WRITE);
	struct owner o = { .code = "AI_01", .name = "2# 注塑机 重量" }, other = { .code = "AI_02", .name = "100%_x" };

	must(store_put(tx, &owner_type, &o, NULL) == 0 && store_put(tx, &owner_type, &other, NULL) == 0);
	is_int(found_by(tx, "zsj"), 1);
	is_int(found_by(tx, "2ZSJ"), 1);
	is_int(found_by(tx, "zsjzl"), 1);
	is_int(found_by(tx, "zsjcl"), 1);
	is_int(found_by(tx, "塑机 ai_01"), 1);
	is_int(found_by(tx, "ＡＩ＿"), 2);
	is_int(found_by(tx, "sjz ai_02"), 0);
	is_int(found_by(tx, "0%_"), 1);
	is_int(found_by(tx, "i%0"), 0);
	is_int(found_by(tx, "i_0"), 2);
	o.name = "阀";
	must(store_put(tx, &owner_type, &o, NULL) == 0);
	is_int(found_by(tx, "zsj"), 0);
	is_int(found_by(tx, "f"), 1);
	must(store_del(tx, &owner_type, &o.head.id, 0, NULL) == 0);
	is_int(found_by(tx, "ai_01"), 0);
}

static int on_seq(void *ctx, const struct store_change *c)
{
	uint64_t *last = ctx;

	is_int(c->seq, *last + 1);
	*last = c->seq;
	return 0;
}

/* The writer remembers what it read; what it then wrote, gave up or deleted is never what it remembers. */
TEST(a_record_is_what_was_written_last_also_when_a_step_was_given_up)
{
	_cleanup_(store_closep) struct store *s = open_at(fresh_path());
	struct store_tx *tx = begin(s, STORE_WRITE);
	struct owner o = { .code = "a", .name = "first" }, got, more = { .code = "b" };
	uint64_t last = 0;

	must(store_put(tx, &owner_type, &o, NULL) == 0 && store_get(tx, &owner_type, &o.head.id, &got, &arena) == 0);
	o.name = "second";
	must(store_put(tx, &owner_type, &o, NULL) == 0 && store_get(tx, &owner_type, &o.head.id, &got, &arena) == 0);
	is_str(got.name, "second");
	is_int(got.head.rev, 2);
	must(store_savepoint(tx) == 0);
	o.name = "third";
	must(store_put(tx, &owner_type, &o, NULL) == 0 && store_put(tx, &owner_type, &more, NULL) == 0);
	must(store_get(tx, &owner_type, &o.head.id, &got, &arena) == 0);
	is_str(got.name, "third");
	must(store_release(tx, false) == 0 && store_get(tx, &owner_type, &o.head.id, &got, &arena) == 0);
	is_str(got.name, "second");
	more.head = (struct rec_head) { .rev = 0 };
	must(store_put(tx, &owner_type, &more, NULL) == 0);
	must(store_del(tx, &owner_type, &o.head.id, 2, NULL) == 0);
	is_int(store_get(tx, &owner_type, &o.head.id, &got, &arena), -ERR_MISSING);
	err_clear();
	must(store_commit(tx) == 0);
	tx = begin(s, STORE_WRITE);
	is_int(store_get(tx, &owner_type, &o.head.id, &got, &arena), -ERR_MISSING);
	err_clear();
	must(store_changes(tx, 0, 100, on_seq, &last) >= 0);
	is_int(last, 4);        /* made, changed, the other made, deleted: without gaps */
	is_int(store_last_seq(s), 4);
	store_rollback(tx);
}

static int add_code(void *ctx, const void *rec)
{
	struct buf *b = ctx;

	buf_addf(b, "%s%s", b->len ? " " : "", ((const struct item *) rec)->code);
	return 0;
}

static const char *codes(struct store_tx *tx, struct store_filter by)
{
	char text[200] = "";
	int r = store_list(tx, &item_type, &(struct store_list) { .filters = &by, .n_filters = 1 }, add_code, &BUF_FIXED(text), NULL);

	return r < 0 ? err_log_text(err_peek()) : arena_str(&arena, text);
}

static int keep_first(void *ctx, const void *rec)
{
	return rec_dup(&item_type, ctx, rec, &arena);
}

TEST(a_list_of_references_can_be_asked_for_one_of_them)
{
	_cleanup_(store_closep) struct store *s = open_at(fresh_path());
	_cleanup_(store_rollbackp) struct store_tx *tx = begin(s, STORE_WRITE);
	struct owner a, b;
	struct item i = { .code = "x" }, k = { .code = "y" }, back;
	char text[UUID_TEXT + 1];

	must(put_owner(tx, "a", &a) == 0 && put_owner(tx, "b", &b) == 0);
	i.fans = (struct rec_list) { (struct uuid []) { a.head.id, b.head.id }, 2 };
	k.fans = (struct rec_list) { &b.head.id, 1 };
	must(store_put(tx, &item_type, &i, NULL) == 0 && store_put(tx, &item_type, &k, NULL) == 0);
	uuid_format(&a.head.id, text);
	is_int(store_find_by(tx, &item_type, "fans", text, &back, &arena), 0);
	is_str(back.code, "x");
	uuid_format(&b.head.id, text);
	is_int(store_find_by(tx, &item_type, "fans", text, &back, &arena), -ERR_INVALID);
	/* One of them, none of them, none at all. */
	struct item lone = { .code = "lone" };
	char both[2 * UUID_TEXT + 2], first[UUID_TEXT + 1];
	must(store_put(tx, &item_type, &lone, NULL) == 0);
	uuid_format(&a.head.id, first);
	both[0] = 0;
	buf_addf(&BUF_FIXED(both), "%s,%s", first, text);
	is_str(codes(tx, (struct store_filter) { "fans", STORE_IN, both }), "x y");
	is_str(codes(tx, (struct store_filter) { "fans", STORE_IN, first }), "x");
	is_str(codes(tx, (struct store_filter) { "fans", STORE_NE, first }), "y lone");
	is_str(codes(tx, (struct store_filter) { "fans", STORE_EQ, "" }), "lone");
	is_str(codes(tx, (struct store_filter) { "fans", STORE_NE, "" }), "x y");
	is_int(store_find_by(tx, &item_type, "fans", "x", &back, &arena), -ERR_BAD_VALUE);
	/* A list of some fields has the lists that were asked for, in their order. */
	static const char *const with[] = { "code", "fans" }, *const without[] = { "code" };
	struct item got = { .code = NULL };
	i.fans = (struct rec_list) { (struct uuid []) { b.head.id, a.head.id }, 2 };
	must(store_put(tx, &item_type, &i, NULL) == 0);
	is_int(store_list(tx, &item_type, &(struct store_list) { .limit = 1, .fields = with, .n_fields = 2 }, keep_first, &got, NULL), 0);
	is_int(got.fans.n, 2);
	ok(memcmp(got.fans.items, i.fans.items, 2 * sizeof(struct uuid)) == 0);
	is_int(store_list(tx, &item_type, &(struct store_list) { .limit = 1, .fields = without, .n_fields = 1 }, keep_first, &got, NULL), 0);
	is_int(got.fans.n, 0);
	is_int(store_find_by(tx, &item_type, "code", "z", &back, &arena), -ERR_MISSING);
	is_str(back.code, "x");
}

static const struct { struct store_list spec; int kind; } wrong_lists[] = {
	{ { .sort = "sise" }, ERR_BAD_PARAMETER }, { { .sort = "fans" }, ERR_BAD_ARGUMENT }, { { .cursor = "!!" }, ERR_BAD_ARGUMENT },
	{ { .cursor = "AAAA" }, ERR_BAD_ARGUMENT }, { { .cursor = "" }, ERR_BAD_ARGUMENT },
	{ { .filters = &(struct store_filter) { "coed", STORE_EQ, "x" }, .n_filters = 1 }, ERR_BAD_PARAMETER },
	{ { .filters = &(struct store_filter) { "size", STORE_EQ, "x" }, .n_filters = 1 }, ERR_BAD_VALUE },
	{ { .filters = &(struct store_filter) { "size", STORE_LIKE, "1" }, .n_filters = 1 }, ERR_BAD_ARGUMENT },
	{ { .filters = &(struct store_filter) { "state", STORE_LT, "fault" }, .n_filters = 1 }, ERR_BAD_ARGUMENT },
	{ { .filters = &(struct store_filter) { "state", STORE_EQ, "faulty" }, .n_filters = 1 }, ERR_BAD_VALUE },
	{ { .filters = &(struct store_filter) { "rights", STORE_GT, "read" }, .n_filters = 1 }, ERR_BAD_ARGUMENT },
	{ { .filters = &(struct store_filter) { "owner", STORE_EQ, "x" }, .n_filters = 1 }, ERR_BAD_VALUE },
	{ { .filters = &(struct store_filter) { "at", STORE_EQ, "yesterday" }, .n_filters = 1 }, ERR_BAD_VALUE },
	{ { .q = "a b c d e f g h i" }, ERR_BAD_ARGUMENT }, { { .sort = "size,name,code,at,state" }, ERR_BAD_ARGUMENT },
};

TEST(a_list_that_asks_for_nonsense_is_refused)
{
	_cleanup_(store_closep) struct store *s = open_at(fresh_path());
	_cleanup_(store_rollbackp) struct store_tx *tx = begin(s, STORE_READ);

	for (size_t i = 0; i < ELEMENTSOF(wrong_lists); i++) {
		int r = store_list(tx, &item_type, &wrong_lists[i].spec, on_item, NULL, NULL);

		if (r != -wrong_lists[i].kind)
			tap_fail_("%zu: %d %s", i, r, err_log_text(err_peek()));
	}
	is_int(store_list(tx, &item_type, &wrong_lists[6].spec, on_item, NULL, NULL), -ERR_BAD_VALUE);
	is_str(said(LANG_EN), "parameter size must be a whole number, is x");
}

TEST(a_cursor_of_another_order_is_refused)
{
	_cleanup_(store_closep) struct store *s = open_at(fresh_path());
	_cleanup_(store_rollbackp) struct store_tx *tx = begin(s, STORE_WRITE);
	struct item got[4], i = { .code = "a" }, k = { .code = "b" };
	struct seen seen = { got, 0, 4 };
	struct store_list spec = { .sort = "size", .limit = 1, .arena = &arena };
	struct store_page page;

	must(store_put(tx, &item_type, &i, NULL) == 0 && store_put(tx, &item_type, &k, NULL) == 0);
	must(store_list(tx, &item_type, &spec, on_item, &seen, &page) == 0 && page.next);
	spec.cursor = page.next;
	spec.sort = "-size";
	is_int(store_list(tx, &item_type, &spec, on_item, &seen, &page), -ERR_BAD_ARGUMENT);
	spec.sort = "size";
	is_int(store_list(tx, &item_type, &spec, on_item, &seen, &page), 0);
	is_str(got[1].code, "b");
}

static int nested(void *ctx, const void *rec)
{
	struct store_tx *tx = ctx;
	struct item got[3], back, changed = *(const struct item *) rec;
	struct seen seen = { got, 0, 3 };

	ok(store_list(tx, &item_type, &(struct store_list) { .sort = "code" }, on_item, &seen, NULL) == 0 && seen.n == 3);
	ok(store_get(tx, &item_type, &changed.head.id, &back, &arena) == 0);
	back.name = "touched";
	ok(store_put(tx, &item_type, &back, NULL) == 0);
	return str_eq(changed.code, "b") ? 1 : 0;
}

TEST(a_row_callback_may_use_the_transaction_and_end_the_list)
{
	_cleanup_(store_closep) struct store *s = open_at(fresh_path());
	_cleanup_(store_rollbackp) struct store_tx *tx = begin(s, STORE_WRITE);
	struct store_page page;

	for (int i = 0; i < 3; i++) {
		struct item it = { .code = arena_fmt(&arena, "%c", 'a' + i) };

		must(store_put(tx, &item_type, &it, NULL) == 0);
	}
	is_int(store_list(tx, &item_type, &(struct store_list) { .sort = "code", .arena = &arena }, nested, tx, &page), 0);
	is_int(page.n, 2);
	ok(page.next);
}

/* --- the feed ------------------------------------------------------------------------------------------------------------- */

struct feed { struct store_change c[16]; size_t n; };
static int on_change(void *ctx, const struct store_change *c)
{
	struct feed *f = ctx;

	f->c[f->n] = *c;
	f->c[f->n].type = arena_str(&arena, c->type);
	return ++f->n == 16;
}
static void on_commit(void *ctx, uint64_t seq) { *(uint64_t *) ctx = seq; }

TEST(every_change_stands_in_the_feed_with_the_hashes_of_both_sides)
{
	const char *path = fresh_path();
	struct store *s = open_at(path);
	struct uuid me = uuid_new();
	struct feed feed = { 0 };
	struct owner a = { .code = "a" };
	uint8_t first[STORE_HASH], second[STORE_HASH], none[STORE_HASH] = { 0 };
	uint64_t told = 0;
	struct store_tx *tx;

	store_on_commit(s, on_commit, &told);
	tx = begin(s, STORE_WRITE);
	must(store_put(tx, &owner_type, &a, &me) == 0);
	store_hash(&owner_type, &a, first);
	must(store_commit(tx) == 0);
	is_int(told, 1);
	tx = begin(s, STORE_WRITE);
	a.name = "n";
	must(store_put(tx, &owner_type, &a, NULL) == 0);
	store_hash(&owner_type, &a, second);
	must(store_del(tx, &owner_type, &a.head.id, 0, &me) == 0);
	must(store_commit(tx) == 0);
	is_int(told, 3);
	is_int(store_last_seq(s), 3);
	tx = begin(s, STORE_WRITE);
	must(put_owner(tx, "gone", &a) == 0);
	store_rollback(tx);
	is_int(told, 3);
	store_close(s);
	s = open_at(path);
	is_int(store_last_seq(s), 3);
	tx = begin(s, STORE_WRITE);
	must(store_changes(tx, 0, 0, on_change, &feed) == 0);
	must(feed.n == 3);
	is_str(feed.c[0].type, "owner");
	ok(feed.c[0].op == STORE_CREATED && feed.c[1].op == STORE_UPDATED && feed.c[2].op == STORE_DELETED);
	ok(feed.c[0].rev == 1 && feed.c[1].rev == 2 && uuid_equal(&feed.c[0].by, &me) && uuid_is_zero(&feed.c[1].by));
	is_bytes(feed.c[0].before, none, STORE_HASH);
	is_bytes(feed.c[0].after, first, STORE_HASH);
	is_bytes(feed.c[1].before, first, STORE_HASH);
	is_bytes(feed.c[1].after, second, STORE_HASH);
	is_bytes(feed.c[2].before, second, STORE_HASH);
	is_bytes(feed.c[2].after, none, STORE_HASH);
	feed.n = 0;
	must(store_changes(tx, 1, 1, on_change, &feed) == 0);
	ok(feed.n == 1 && feed.c[0].seq == 2);
	must(store_changes_trim(tx, 100) == 0);
	feed.n = 0;
	must(store_changes(tx, 0, 0, on_change, &feed) == 0);
	ok(feed.n == 1 && feed.c[0].seq == 3);
	store_rollback(tx);
	store_close(s);
}

/* FIPS 180-4's examples, and one of a million letters (RFC 6234, TEST3). */
TEST(the_hash_is_SHA_256)
{
	static const struct { const char *text; size_t times; const char *hex; } shown[] = {
		{ "", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
		{ "aaaaaaaaaa", 100000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
	};

	for (size_t i = 0; i < ELEMENTSOF(shown); i++) {
		struct sha256 s;
		uint8_t sum[32];
		char hex[65];

		sha256_init(&s);
		for (size_t k = 0; k < shown[i].times; k++)
			sha256_add(&s, shown[i].text, strlen(shown[i].text));
		sha256_end(&s, sum);
		for (int k = 0; k < 32; k++)
			snprintf(hex + 2 * k, 3, "%02x", sum[k]);
		is_str(hex, shown[i].hex);
	}
}

/* --- named queries -------------------------------------------------------------------------------------------------------- */

struct by_size { int32_t size; };
static const struct rec_field by_size_fields[] = { F(struct by_size, size) };
static const struct rec_type by_size_type = REC_PLAIN(struct by_size, "by_size", by_size_fields);
struct tally { uint64_t n; const char *owner_code; int32_t state; };
static const struct rec_field tally_fields[] = { F(struct tally, n), F(struct tally, owner_code), F_ENUM(struct tally, state, every_states) };
static const struct rec_type tally_type = REC_PLAIN(struct tally, "tally", tally_fields);

static const struct store_query good_queries[] = {
	{ "tally", "SELECT count(*) AS \"n\", o.\"code\" AS \"owner_code\", max(i.\"state\") AS \"state\" FROM \"items\" i JOIN \"owners\" o "
		"ON o.\"id\" = i.\"owner\" WHERE i.\"size\" >= :size GROUP BY o.\"code\" ORDER BY 2", &by_size_type, &tally_type, false },
	{ "shrink", "UPDATE \"items\" SET \"size\" = :size WHERE \"size\" > :size", &by_size_type, NULL, true },
	{ "whole", "SELECT * FROM \"owners\"", NULL, &owner_type, false },
};
static const struct store_query bad_queries[] = {
	{ "syntax", "SELEKT 1", NULL, NULL, false }, { "table", "SELECT \"n\" FROM \"nowhere\"", NULL, &tally_type, false },
	{ "param", "UPDATE \"items\" SET \"size\" = :seize", &by_size_type, NULL, true },
	{ "column", "SELECT 1 AS \"x\"", NULL, &tally_type, false }, { "rows", "SELECT 1 AS \"n\"", NULL, NULL, false },
	{ "unnamed", "SELECT count(*) AS \"n\" FROM \"items\" WHERE \"size\" = ?1", &by_size_type, &tally_type, false },
	{ "two", "SELECT 1 AS \"n\"; SELECT 2 AS \"n\"", NULL, &tally_type, false },
};

static int on_tally(void *ctx, const void *rec)
{
	const struct tally *t = rec;
	struct buf *b = ctx;

	buf_addf(b, "%s %llu %d; ", t->owner_code, (unsigned long long) t->n, t->state);
	return 0;
}

static int count_rows(void *ctx, const void *rec)
{
	ok(((const struct owner *) rec)->head.rev == 1);
	return ++*(int *) ctx;
}

TEST(queries_take_and_give_records)
{
	const struct store_queries lists[] = { { good_queries, ELEMENTSOF(good_queries) } };
	const struct store_config c = { .path = fresh_path(), .nouns = nouns, .n_nouns = 2, .queries = lists, .n_queries = 1 };
	_cleanup_(store_closep) struct store *s = NULL;
	struct store_tx *tx;
	struct owner a, b;
	struct buf text = BUF_INIT(&sys_heap, 1000);
	int n = 0;

	must(open_place(&s, &c) == 0);
	tx = begin(s, STORE_WRITE);
	must(put_owner(tx, "a", &a) == 0 && put_owner(tx, "b", &b) == 0);
	for (int i = 0; i < 9; i++) {
		struct item it = { .code = arena_fmt(&arena, "%d", i), .owner = i % 3 ? a.head.id : b.head.id, .size = i, .state = i % 3 };

		must(store_put(tx, &item_type, &it, NULL) == 0);
	}
	is_int(store_query(tx, &good_queries[0], &(struct by_size) { 2 }, on_tally, &text), 2);
	is_str(text.data, "a 5 1; b 2 0; ");
	is_int(store_query(tx, &good_queries[1], &(struct by_size) { 5 }, NULL, NULL), 3);
	is_int(store_query(tx, &good_queries[2], NULL, count_rows, &n), 1);
	must(store_commit(tx) == 0);
	tx = begin(s, STORE_READ);
	is_int(store_query(tx, &good_queries[1], &(struct by_size) { 5 }, NULL, NULL), -ERR_BROKEN);
	store_rollback(tx);
	buf_done(&text);
}

TEST(a_broken_query_stops_the_start_by_name)
{
	for (size_t i = 0; i < ELEMENTSOF(bad_queries); i++) {
		const struct store_queries lists[] = { { &bad_queries[i], 1 } };
		const struct store_config c = { .path = fresh_path(), .nouns = nouns, .n_nouns = 2, .queries = lists, .n_queries = 1 };
		struct store *s = NULL;

		is_int(open_place(&s, &c), -ERR_BROKEN);
		ok(!s && strstr(err_log_text(err_peek()), bad_queries[i].name));
		store_close(s);
	}
}

/* --- crowds, kills -------------------------------------------------------------------------------------------------------- */

struct crowd { struct store *s; int id, done; };
static void crowd_member(void *arg)
{
	struct crowd *c = arg;
	struct arena a;

	arena_init(&a, &sys_heap, 0);
	for (int i = 0; i < 25; i++) {
		struct store_tx *tx = NULL;
		struct owner o = { .code = arena_fmt(&a, "%d-%d", c->id, i) }, back;

		if (store_begin(c->s, STORE_WRITE, 0, &tx) == 0 && store_put(tx, &owner_type, &o, NULL) == 0 && store_commit(tx) == 0 &&
				store_begin(c->s, STORE_READ, 0, &tx) == 0) {
			c->done += store_get(tx, &owner_type, &o.head.id, &back, &a) == 0;
			store_rollback(tx);
		}
	}
	arena_done(&a);
}

TEST(a_crowd_of_threads_loses_nothing)
{
	_cleanup_(store_closep) struct store *s = open_at(fresh_path());
	struct thread threads[6];
	struct crowd crowd[6];
	struct store_page page;
	struct store_tx *tx;
	struct item none[1];
	struct seen seen = { none, 0, 0 };

	must(s);
	for (int i = 0; i < 6; i++) {
		crowd[i] = (struct crowd) { s, i, 0 };
		must(thread_start(&threads[i], "crowd", crowd_member, &crowd[i]) == 0);
	}
	for (int i = 0; i < 6; i++) {
		thread_join(&threads[i]);
		is_int(crowd[i].done, 25);
	}
	tx = begin(s, STORE_READ);
	must(store_list(tx, &item_type, &(struct store_list) { .count = true }, on_item, &seen, &page) == 0);
	must(store_find_by(tx, &owner_type, "code", "5-24", &(struct owner) { 0 }, &arena) == 0);
	store_rollback(tx);
	is_int(store_last_seq(s), 150);
}

static int pass_over(void *ctx, const void *rec) { return 0; }

/* A child puts two records a transaction and tells the number after each commit; it is killed in the middle of things. */
static void victim(const char *path, int out)
{
	struct store *s = open_at(path);

	if (!s)
		_exit(1);
	for (uint32_t i = 1;; i++) {
		struct store_tx *tx = begin(s, STORE_WRITE);
		struct owner a = { .code = arena_fmt(&arena, "%d-%u-a", (int) getpid(), i) }, b = { .code = arena_fmt(&arena, "%d-%u-b", (int) getpid(), i) };

		if (store_put(tx, &owner_type, &a, NULL) < 0 || store_put(tx, &owner_type, &b, NULL) < 0 || store_commit(tx) < 0)
			_exit(1);
		if (write(out, &i, sizeof(i)) != sizeof(i))
			_exit(1);
	}
}

TEST(what_was_committed_survives_a_kill_and_halves_do_not)
{
	const char *path = fresh_path();
	struct dice d = { 5 };

	store_close(open_at(path));
	for (int round = 0; round < 12; round++) {
		uint32_t told = 0, i, enough = 1 + (uint32_t) dice_below(&d, 20);
		struct store_page page;
		struct owner back;
		struct store_tx *tx;
		struct store *s;
		int ends[2], status;
		pid_t pid;

		must(pipe(ends) == 0);
		pid = fork();
		if (pid == 0)
			victim(path, ends[1]);
		close(ends[1]);
		while (told < enough && read(ends[0], &i, sizeof(i)) == sizeof(i))
			told = i;
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		while (read(ends[0], &i, sizeof(i)) == sizeof(i))
			told = i;
		close(ends[0]);
		ok(told >= enough && WIFSIGNALED(status));
		s = open_at(path);
		must(s);
		is_int(store_verify(s), 0);
		tx = begin(s, STORE_READ);
		for (i = 1; i <= told; i++)
			for (char c = 'a'; c <= 'b'; c++)
				ok(store_find_by(tx, &owner_type, "code", arena_fmt(&arena, "%d-%u-%c", (int) pid, i, c), &back, &arena) == 0);
		is_int(store_find_by(tx, &owner_type, "code", arena_fmt(&arena, "%d-%u-a", (int) pid, told + 1), &back, &arena),
			store_find_by(tx, &owner_type, "code", arena_fmt(&arena, "%d-%u-b", (int) pid, told + 1), &back, &arena));
		must(store_list(tx, &owner_type, &(struct store_list) { .limit = 1, .count = true }, pass_over, NULL, &page) == 0);
		is_int(page.total, store_last_seq(s));
		store_rollback(tx);
		store_close(s);
	}
}
