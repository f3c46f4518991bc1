#include "bus/bus.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/err.h"
#include "bus/impl.h"
#include "tap.h"
#include "wal/wal.h"

static struct sample f64(uint32_t series, int64_t time, double v)
{
	return (struct sample) { series, 0, time, { .type = V_F64, .f64 = v } };
}

static struct bus *new_bus(void)
{
	struct bus *b = NULL;

	if (bus_new(&b, &(struct bus_config) { .series_max = 100000 }) < 0)
		abort();
	return b;
}

static void put1(struct bus *b, uint32_t tenant, struct sample s) { bus_put(b, tenant, &s, 1); }

TEST(the_newest_sample_by_source_time_is_the_last_one)
{
	_cleanup_(bus_freep) struct bus *b = new_bus();
	struct bus_value v;
	struct bus_stats st;

	ok(!bus_last(b, 1, 7, &v, NULL, 0));
	put1(b, 1, f64(7, 100, 1.5));
	put1(b, 1, f64(7, 90, 2.5));            /* late */
	must(bus_last(b, 1, 7, &v, NULL, 0));
	ok(v.sample.value.f64 == 1.5 && v.sample.time_ns == 100);
	put1(b, 1, f64(7, 100, 3.5));           /* of equal times the later wins */
	must(bus_last(b, 1, 7, &v, NULL, 0));
	ok(v.sample.value.f64 == 3.5);
	put1(b, 1, (struct sample) { 7, (uint32_t) QUALITY_BAD_WAITING, 200, { .type = V_NONE } });       /* an unfilled cell */
	must(bus_last(b, 1, 7, &v, NULL, 0));
	ok(v.sample.value.f64 == 3.5);
	put1(b, 1, (struct sample) { 7, (uint32_t) QUALITY_BAD_NO_COMMUNICATION, 200, { .type = V_NONE } });
	must(bus_last(b, 1, 7, &v, NULL, 0));
	ok(v.sample.value.type == V_NONE && v.sample.quality == (uint32_t) QUALITY_BAD_NO_COMMUNICATION);
	ok(!bus_last(b, 2, 7, &v, NULL, 0));    /* another tenant */
	is_int(v.since_ns, 200);
	put1(b, 1, (struct sample) { 7, (uint32_t) QUALITY_BAD_NO_COMMUNICATION, 300, { .type = V_NONE } });      /* said again */
	must(bus_last(b, 1, 7, &v, NULL, 0));
	ok(v.since_ns == 200 && v.sample.time_ns == 300);
	put1(b, 1, f64(0, 1, 1));
	put1(b, 1, f64(100001, 1, 1));
	bus_stats(b, &st);
	is_int(st.refused, 2);
	is_int(st.late, 2);
	is_int(st.series, 1);
	bus_forget(b, 1, 7);
	ok(!bus_last(b, 1, 7, &v, NULL, 0));
	bus_stats(b, &st);
	is_int(st.series, 0);
}

TEST(values_of_every_type_come_back_and_long_texts_are_cut_at_a_character)
{
	_cleanup_(bus_freep) struct bus *b = new_bus();
	char text[2000], big[3000];
	struct bus_value v;

	put1(b, 1, (struct sample) { 1, 0, 1, { .type = V_BOOL, .b = true } });
	put1(b, 1, (struct sample) { 2, 0, 1, { .type = V_I64, .i = INT64_MIN } });
	put1(b, 1, (struct sample) { 3, 0, 1, { .type = V_F32, .f32 = 0.1f } });
	put1(b, 1, (struct sample) { 4, 0, 1, { .type = V_TIME, .i = 42 } });
	put1(b, 1, (struct sample) { 5, 0, 1, { .type = V_STR, .s = "运行", .len = 6 } });
	for (size_t i = 0; i < sizeof big; i += 3)
		memcpy(big + i, "态", 3);
	put1(b, 1, (struct sample) { 6, 0, 1, { .type = V_STR, .s = big, .len = sizeof big } });
	put1(b, 1, (struct sample) { 8, 0, 1, { .type = V_BYTES, .s = "\0\1", .len = 2 } });
	ok(bus_last(b, 1, 1, &v, text, sizeof text) && v.sample.value.type == V_BOOL && v.sample.value.b);
	ok(bus_last(b, 1, 2, &v, text, sizeof text) && v.sample.value.i == INT64_MIN);
	ok(bus_last(b, 1, 3, &v, text, sizeof text) && v.sample.value.f32 == 0.1f);
	ok(bus_last(b, 1, 4, &v, text, sizeof text) && v.sample.value.type == V_TIME && v.sample.value.i == 42);
	ok(bus_last(b, 1, 5, &v, text, sizeof text));
	is_str(text, "运行");
	ok(bus_last(b, 1, 5, &v, text, 6) && v.sample.value.len == 3);
	is_str(text, "运");
	ok(bus_last(b, 1, 6, &v, text, sizeof text));
	is_int(v.sample.value.len, BUS_TEXT_MAX / 3 * 3);
	ok(bus_last(b, 1, 8, &v, text, sizeof text) && v.sample.value.len == 2 && text[1] == 1);
	/* A text grows, shrinks, and gives way to a number. */
	put1(b, 1, (struct sample) { 5, 0, 2, { .type = V_STR, .s = big, .len = 300 } });
	put1(b, 1, (struct sample) { 5, 0, 3, { .type = V_STR, .s = "x", .len = 1 } });
	ok(bus_last(b, 1, 5, &v, text, sizeof text));
	is_str(text, "x");
	put1(b, 1, f64(5, 4, 2.0));
	ok(bus_last(b, 1, 5, &v, text, sizeof text) && v.sample.value.f64 == 2.0);
}

/* A subscriber that keeps what it was told, takes at most `most` at a time, and watches the order. */
enum { MODEL = 600 };
struct view { double value[MODEL]; uint64_t change, n; size_t most; bool wrong; struct bus_sub *end_me; };

static size_t on_values(void *ctx, const struct bus_value *v, size_t n)
{
	struct view *w = ctx;

	n = n < w->most ? n : w->most;
	for (size_t i = 0; i < n; i++) {
		w->wrong = w->wrong || v[i].change <= w->change || v[i].sample.series >= MODEL;
		w->change = v[i].change;
		w->value[v[i].sample.series] = v[i].sample.value.f64;
		w->n++;
	}
	if (w->end_me)
		w->end_me = bus_unsubscribe(w->end_me);
	return n;
}

TEST(a_slow_subscriber_is_given_the_latest_value_of_each_series_and_none_twice)
{
	_cleanup_(bus_freep) struct bus *b = new_bus();
	struct view v = { .most = 10 };
	struct bus_sub *s = NULL;

	is_int(bus_subscribe(b, &(struct bus_sub_config) { .tenant = 1, .on_values = on_values, .ctx = &v }, &s), 0);
	for (int round = 0; round < 100; round++)
		for (uint32_t i = 1; i <= 50; i++)
			put1(b, 1, f64(i, round, round * 1000 + i));
	is_int(bus_pump(b, 1000), INT64_MAX);
	is_int(v.n, 10);                        /* took ten and stopped */
	is_int(bus_pump(b, 1000), INT64_MAX);
	is_int(v.n, 10);
	put1(b, 1, f64(3, 1000, 7));            /* one it has had */
	for (int i = 0; i < 5; i++) {
		bus_resume(s);
		bus_pump(b, 1000);
	}
	is_int(v.n, 51);
	ok(!v.wrong);
	ok(v.value[3] == 7 && v.value[50] == 99050);
	bus_unsubscribe(s);
}

static uint32_t dice_state = 1;
static uint32_t dice(uint32_t n)
{
	dice_state = dice_state * 1664525u + 1013904223u;
	return (dice_state >> 8) % n;
}

TEST(every_subscriber_ends_with_the_last_values_whatever_it_took_when)
{
	/* Against a model: an array of the last value written. */
	enum { SUBS = 12 };
	_cleanup_(bus_freep) struct bus *b = new_bus();
	static double model[2][MODEL];
	static struct view v[SUBS];
	struct bus_sub *s[SUBS] = { NULL };
	uint32_t list[SUBS][200];

	for (int i = 0; i < SUBS; i++) {
		struct bus_sub_config c = { .tenant = (uint32_t) i % 2, .on_values = on_values, .ctx = &v[i] };
		for (size_t j = 0; j < 200; j++)
			list[i][j] = 1 + dice(MODEL - 1);       /* with duplicates */
		if (i >= 6) {
			c.series = list[i];
			c.n = 200;
		}
		v[i] = (struct view) { .most = SIZE_MAX };
		is_int(bus_subscribe(b, &c, &s[i]), 0);
	}
	for (int64_t step = 0; step < 200000; step++) {
		uint32_t tenant = dice(2), series = 1 + dice(MODEL - 1);
		model[tenant][series] = (double) step;
		put1(b, tenant, f64(series, step, (double) step));
		if (dice(50) == 0) {
			uint32_t i = dice(SUBS);
			v[i].most = dice(40);
			bus_resume(s[i]);
			bus_pump(b, 100);
		}
		if (dice(5000) == 0) {          /* goes away and comes back where it was */
			uint32_t i = dice(SUBS);
			struct bus_sub_config c = { .tenant = i % 2, .after = bus_sub_seen(s[i]), .on_values = on_values, .ctx = &v[i] };
			c.series = i >= 6 ? list[i] : NULL;
			c.n = i >= 6 ? 200 : 0;
			bus_unsubscribe(s[i]);
			is_int(bus_subscribe(b, &c, &s[i]), 0);
		}
	}
	for (int i = 0; i < SUBS; i++) {
		v[i].most = SIZE_MAX;
		bus_resume(s[i]);
	}
	while (bus_pump(b, 100) == 0)
		;
	for (int i = 0; i < SUBS; i++) {
		unsigned wrong = 0;
		for (size_t j = 1; i < 6 && j < MODEL; j++)
			wrong += v[i].value[j] != model[i % 2][j];
		for (size_t j = 0; i >= 6 && j < 200; j++)
			wrong += v[i].value[list[i][j]] != model[i % 2][list[i][j]];
		is_int(wrong, 0);
		ok(!v[i].wrong);
	}
}

TEST(resuming_by_number_goes_on_and_a_number_from_before_means_everything)
{
	_cleanup_(bus_freep) struct bus *b = new_bus();
	struct view v = { .most = SIZE_MAX }, w = { .most = SIZE_MAX }, x = { .most = SIZE_MAX };
	struct bus_sub *s = NULL;

	for (uint32_t i = 1; i <= 20; i++)
		put1(b, 1, f64(i, 1, i));
	uint64_t now = bus_now(b);
	put1(b, 1, f64(5, 2, 55));
	is_int(bus_subscribe(b, &(struct bus_sub_config) { .tenant = 1, .after = now, .on_values = on_values, .ctx = &v }, &s), 0);
	is_int(bus_subscribe(b, &(struct bus_sub_config) { .tenant = 1, .after = UINT64_MAX, .on_values = on_values, .ctx = &w }, &s), 0);
	/* As if from a process that ended a second ago. */
	is_int(bus_subscribe(b, &(struct bus_sub_config) { .tenant = 1, .after = now - 1000000000, .on_values = on_values, .ctx = &x }, &s), 0);
	bus_pump(b, 1);
	is_int(v.n, 1);
	ok(v.value[5] == 55);
	is_int(w.n, 0);
	is_int(x.n, 20);
}

static atomic_llong fake_ns;
static int fake_clock(clockid_t id, struct timespec *ret)
{
	long long ns = atomic_load(&fake_ns);

	*ret = (struct timespec) { .tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S };
	return 0;
}

TEST(a_subscriber_is_not_called_more_often_than_it_asked_for)
{
	struct view v = { .most = SIZE_MAX };
	struct bus_sub *s = NULL;

	atomic_store(&fake_ns, 1000 * NS_PER_S);
	sys.clock_gettime = fake_clock;
	_cleanup_(bus_freep) struct bus *b = new_bus();
	is_int(bus_subscribe(b, &(struct bus_sub_config) { .tenant = 1, .max_rate_hz = 2, .on_values = on_values, .ctx = &v }, &s), 0);
	unsigned wrong = 0;
	for (int ms = 0; ms < 10000; ms += 10) {
		put1(b, 1, f64(1, ms, ms));
		int64_t now = atomic_load(&fake_ns), due = bus_pump(b, 10);
		/* Nothing is left over only right after a call. */
		wrong += ms % 500 ? due != (now / (500 * NS_PER_MS) + 1) * 500 * NS_PER_MS : due != INT64_MAX;
		atomic_fetch_add(&fake_ns, 10 * NS_PER_MS);
	}
	is_int(wrong, 0);
	is_int(v.n, 20);                        /* 2 Hz for 10 s */
	sys_restore();
}

TEST(a_subscriber_may_end_itself_or_another_while_it_is_told)
{
	_cleanup_(bus_freep) struct bus *b = new_bus();
	struct view v = { .most = SIZE_MAX }, w = { .most = SIZE_MAX };
	struct bus_sub *s = NULL, *other = NULL;
	struct bus_stats st;

	is_int(bus_subscribe(b, &(struct bus_sub_config) { .tenant = 1, .on_values = on_values, .ctx = &v }, &s), 0);
	is_int(bus_subscribe(b, &(struct bus_sub_config) { .tenant = 1, .on_values = on_values, .ctx = &w }, &other), 0);
	v.end_me = other;
	put1(b, 1, f64(1, 1, 1));
	bus_pump(b, 1);
	is_int(v.n, 1);
	is_int(w.n, 0);
	v.end_me = s;
	put1(b, 1, f64(1, 2, 1));
	bus_pump(b, 1);
	put1(b, 1, f64(1, 3, 1));
	bus_pump(b, 1);
	is_int(v.n, 2);
	bus_stats(b, &st);
	is_int(st.subs, 0);
}

/* Values that can be checked alone: value = time × series. */
struct racer { struct bus *b; atomic_bool stop; uint64_t reads, wrong; };
static void race(void *arg)
{
	struct racer *r = arg;

	for (uint32_t i = 1; !atomic_load(&r->stop); i = i % 100 + 1) {
		struct bus_value v;
		char text[32];
		if (!bus_last(r->b, 1, i, &v, text, sizeof text))
			continue;
		r->reads++;
		r->wrong += v.sample.value.type != V_F64 || v.sample.value.f64 != (double) v.sample.time_ns * i;
	}
}

TEST(other_threads_never_see_half_a_sample)
{
	struct racer r = { .b = new_bus() };
	struct thread t = { 0 };

	is_int(thread_start(&t, "racer", race, &r), 0);
	for (int64_t time = 1; time < 3000; time++)
		for (uint32_t i = 1; i <= 100; i++)
			put1(r.b, 1, f64(i, time, (double) time * i));
	atomic_store(&r.stop, true);
	thread_join(&t);
	is_int(r.wrong, 0);
	printf("# %llu reads meanwhile\n", (unsigned long long) r.reads);
	bus_free(r.b);
}

static void wake(void *ctx) { atomic_fetch_add((atomic_int *) ctx, 1); }
struct ctx { atomic_int woken; uint32_t list[2]; };
static const uint32_t *list_of(void *ctx, uint32_t tenant, uint32_t list, uint32_t n)
{
	return list == 9 && n == 2 ? ((struct ctx *) ctx)->list : NULL;
}

TEST(what_is_appended_to_the_log_is_live_before_it_is_durable)
{
	char dir[PATH_MAX];
	struct buf path = BUF_FIXED(dir);
	struct wal *w = NULL;
	struct bus *b = NULL;
	struct ctx c = { .list = { 21, 22 } };
	struct batch_builder *bb = NULL;
	struct batch *tall = NULL, *group = NULL, *unknown = NULL;
	struct bus_value v;
	struct bus_stats st;

	must(dir_temp("/tmp", "tenon-bus-", &path) == 0);
	is_int(wal_open(&(struct wal_config) { .dir = dir, .segment_bytes = 1 << 20 }, &w), 0);
	must(w);
	is_int(bus_new(&b, &(struct bus_config) { .wal = w, .on_ready = wake, .list = list_of, .ctx = &c }), 0);
	must(b);
	is_int(batch_builder_new(&bb, 0), 0);
	is_int(batch_tall(bb, 1, 1, V_F64), 0);
	for (int i = 1; i <= 1000; i++)
		batch_tall_add(bb, &(struct sample) { (uint32_t) i, 0, i, { .type = V_F64, .f64 = i } });
	is_int(batch_seal(bb, 0, 0, &tall), 0);
	for (uint32_t l = 9; l <= 10; l++) {
		is_int(batch_group_list(bb, 2, 1, l, (const uint8_t[]) { V_BOOL, V_I64 }, 2), 0);
		is_int(batch_group_row(bb, 5), 0);
		is_int(batch_group_set(bb, 0, (struct value) { .type = V_BOOL, .b = true }, 0), 0);
		is_int(batch_group_set(bb, 1, (struct value) { .type = V_I64, .i = -5 }, 0x40000000u), 0);
		is_int(batch_seal(bb, 0, 0, l == 9 ? &group : &unknown), 0);
	}
	/* The log's threads do not run: nothing can have been synced. */
	is_int(bus_pump(b, 100), INT64_MAX);
	is_int(wal_append(w, tall, NULL), 0);
	is_int(atomic_load(&c.woken), 1);
	is_int(wal_append(w, group, NULL), 0);
	is_int(wal_append(w, unknown, NULL), 0);
	is_int(bus_pump(b, 300), 0);            /* the budget is kept also within a batch */
	bus_stats(b, &st);
	is_int(st.samples, 300);
	while (bus_pump(b, 300) == 0)
		;
	bus_stats(b, &st);
	is_int(st.samples, 1002);
	is_int(st.unknown, 1);
	ok(bus_last(b, 1, 1000, &v, NULL, 0) && v.sample.value.f64 == 1000);
	ok(bus_last(b, 2, 21, &v, NULL, 0) && v.sample.value.b);
	ok(bus_last(b, 2, 22, &v, NULL, 0) && v.sample.value.i == -5 && v.sample.quality == 0x40000000u);
	ok(wal_durable(w) == 0);
	bus_free(b);
	wal_close(w);
	batch_unref(tall);
	batch_unref(group);
	batch_unref(unknown);
	batch_builder_free(bb);
	dir_remove(dir);
}

/* Groups of all sorts, through the log and sample by sample: even ones, where only first and last row are looked at, must leave the same behind. */
TEST(a_group_of_many_rows_leaves_what_its_samples_one_by_one_would)
{
	enum { K = 5, ROWS = 40, ROUNDS = 300 };
	char dir[PATH_MAX];
	struct buf path = BUF_FIXED(dir);
	struct wal *w = NULL;
	struct bus *whole = NULL, *single = new_bus();
	struct batch_builder *bb = NULL;
	struct ctx c = { 0 };
	int differ = 0;

	must(dir_temp("/tmp", "tenon-bus-", &path) == 0);
	must(wal_open(&(struct wal_config) { .dir = dir, .segment_bytes = 1 << 20 }, &w) == 0);
	must(bus_new(&whole, &(struct bus_config) { .wal = w, .on_ready = wake, .list = list_of, .ctx = &c }) == 0);
	must(batch_builder_new(&bb, 0) == 0);
	for (int round = 0; round < ROUNDS; round++) {
		uint32_t series[K], rows = 1 + dice(ROWS), odd = dice(4), quality = dice(2) * 0x40000000u;
		int64_t t = (int64_t) dice(2000);
		_cleanup_(batch_unrefp) struct batch *b = NULL;
		struct sample s;

		for (uint32_t i = 0; i < K; i++)
			series[i] = 1 + dice(9);        /* the same twice, at times */
		must(batch_group(bb, 1, 1, series, (const uint8_t[]) { V_F64, V_F64, V_F64, V_F64, V_F64 }, K) == 0);
		for (uint32_t r = 0; r < rows; r++, t += (int64_t) dice(3) - (odd == 3)) {
			must(batch_group_row(bb, t) == 0);
			for (uint32_t i = 0; i < K; i++)
				if (odd != 1 || dice(3))
					batch_group_set(bb, i, (struct value) { .type = V_F64, .f64 = dice(1000) }, odd == 2 ? dice(2) * 0x80000000u : quality);
		}
		must(batch_seal(bb, 0, 0, &b) == 0 && wal_append(w, b, NULL) == 0);
		while (bus_pump(whole, 300) == 0)
			;
		for (struct batch_iter it = batch_iter(b, NULL); batch_next(&it, &s);)
			put1(single, 1, s);
		for (uint32_t i = 1; i < 10; i++) {
			struct bus_value x = { 0 }, y = { 0 };

			differ += bus_last(whole, 1, i, &x, NULL, 0) != bus_last(single, 1, i, &y, NULL, 0) || x.sample.time_ns != y.sample.time_ns ||
				x.since_ns != y.since_ns || x.sample.quality != y.sample.quality || x.sample.value.type != y.sample.value.type ||
				(x.sample.value.type == V_F64 && x.sample.value.f64 != y.sample.value.f64);
		}
	}
	is_int(differ, 0);
	batch_builder_free(bb);
	bus_free(single);
	bus_free(whole);
	wal_close(w);
	dir_remove(dir);
}

TEST(when_memory_ends_at_any_call_values_are_refused_and_counted)
{
	bool clean = false;

	for (unsigned n = 1; n < 100 && !clean; n++) {
		struct bus *b = NULL;
		struct bus_sub *s = NULL;
		struct view v = { .most = SIZE_MAX };
		uint32_t list[] = { 1, 2 };
		struct bus_stats st = { 0 };
		sys_fault_nth(SYS_ANY_MEMORY, n, ENOMEM);
		if (bus_new(&b, &(struct bus_config) { .series_max = 100000 }) == 0) {
			put1(b, 1, f64(1, 1, 1));
			put1(b, 2, (struct sample) { 2, 0, 1, { .type = V_STR, .s = "text", .len = 4 } });
			put1(b, 1, f64(5000, 1, 1));
			bus_subscribe(b, &(struct bus_sub_config) { .tenant = 1, .series = list, .n = 2, .on_values = on_values, .ctx = &v }, &s);
			bus_pump(b, 10);
			bus_stats(b, &st);
		}
		clean = !sys_fault_hit();
		sys_restore();
		err_clear();
		if (b)
			ok(st.changes + st.refused == 3 && (s || !clean));
		if (clean)
			is_int(st.changes, 3);
		bus_free(b);
	}
	ok(clean);
}

TEST(what_was_deleted_is_live_no_more_and_what_is_left_takes_its_place)
{
	_cleanup_(bus_freep) struct bus *b = new_bus();
	char text[20] = "old";
	struct bus_value v;
	const struct bus_retract gone[] = { { .series = 1, .from_ns = 50, .to_ns = 200 },
		{ .series = 2, .from_ns = 50, .to_ns = 200, .is_left = true, .left = { 2, 0, 40, { .type = V_STR, .s = text, .len = 3 } } },
		{ .series = 3, .from_ns = 50, .to_ns = 100 }, { .series = 9, .from_ns = 50, .to_ns = 100 } };

	for (uint32_t i = 1; i <= 3; i++)
		put1(b, 1, (struct sample) { i, 0, 100, { .type = V_STR, .s = "new", .len = 3 } });
	put1(b, 2, f64(1, 100, 1));
	is_int(bus_retract(b, 1, gone, 4), 0);
	memcpy(text, "xxx", 3);                 /* was copied */
	ok(bus_last(b, 1, 1, &v, NULL, 0));     /* the loop does it */
	bus_pump(b, 100);
	ok(!bus_last(b, 1, 1, &v, NULL, 0));
	must(bus_last(b, 1, 2, &v, text, sizeof text));
	is_str(text, "old");
	is_int(v.sample.time_ns, 40);
	ok(bus_last(b, 1, 3, &v, NULL, 0) && v.sample.time_ns == 100);
	ok(bus_last(b, 2, 1, &v, NULL, 0));
	is_int(bus_retract(b, 1, gone, 1), 0);  /* never done: it goes with the bus */
}
