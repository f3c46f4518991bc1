/* Tests of queues.h: the four policies against a plain model, bytes, deadlines, closing, many threads. */
#include "sys/sys.h"

#include <errno.h>

#include "base/err.h"
#include "tap.h"

static int n_dropped, dropped_sum, n_ready;
static void on_drop(void *ctx, void *item) { n_dropped++; dropped_sum += *(int *) item; }
static void on_ready(void *ctx) { n_ready++; }

static int make(struct queue *q, enum queue_policy policy, uint32_t items, size_t bytes)
{
	n_dropped = dropped_sum = n_ready = 0;
	return queue_init(q, &(struct queue_config) { .name = "test", .item_size = sizeof(int), .max_items = items,
		.max_bytes = bytes, .policy = policy, .on_drop = on_drop, .on_ready = on_ready });
}

static int put(struct queue *q, int v, size_t bytes) { return queue_put(q, &v, bytes, (uint64_t) v % 10, 0); }
static int get(struct queue *q)
{
	int v = -1, r = queue_take(q, &v, 0);

	return r == 1 ? v : r == 0 ? -1 : r;
}

TEST(messages_leave_in_the_order_in_which_they_came)
{
	struct queue q;

	must(make(&q, QUEUE_REFUSE, 3, 0) == 0);
	is_int(get(&q), -1);
	for (int round = 0, next = 0; round < 10; round++) {
		is_int(put(&q, next, 1), 0);
		is_int(put(&q, next + 1, 1), 0);
		is_int(get(&q), next);
		is_int(get(&q), next + 1);
		next += 2;
	}
	is_int(n_ready, 10);
	queue_done(&q);
}

TEST(a_full_queue_refuses_and_counts)
{
	struct queue q;
	struct queue_stats s;

	must(make(&q, QUEUE_REFUSE, 3, 100) == 0);
	is_int(put(&q, 1, 60), 0);
	is_int(put(&q, 2, 50), -ERR_BUSY);
	is_int(put(&q, 3, 40), 0);
	is_int(put(&q, 4, 1), -ERR_BUSY);
	is_int(put(&q, 5, 0), 0);
	is_int(put(&q, 6, 0), -ERR_BUSY);
	queue_stats(&q, &s);
	is_int(s.len, 3);
	is_int(s.bytes, 100);
	is_int(s.peak, 100);
	is_int(s.refused, 3);
	is_int(get(&q), 1);
	is_int(put(&q, 7, 61), -ERR_BUSY);
	is_int(get(&q), 3);
	is_int(get(&q), 5);
	is_int(put(&q, 8, 1000), 0);    /* larger than the cap, but the queue is empty */
	is_int(put(&q, 9, 0), -ERR_BUSY);
	queue_done(&q);
	is_int(n_dropped, 1);
	is_int(dropped_sum, 8);
}

TEST(the_oldest_give_way)
{
	struct queue q;

	must(make(&q, QUEUE_DROP_OLDEST, 4, 10) == 0);
	for (int i = 1; i <= 6; i++)
		is_int(put(&q, i, 1), 0);
	is_int(n_dropped, 2);
	is_int(dropped_sum, 1 + 2);
	is_int(put(&q, 7, 9), 0);       /* room for 9 bytes: all but one go */
	is_int(get(&q), 6);
	is_int(get(&q), 7);
	is_int(get(&q), -1);
	queue_done(&q);
}

TEST(a_new_value_takes_the_place_of_the_waiting_one_of_its_key)
{
	struct queue q;
	struct queue_stats s;

	must(make(&q, QUEUE_CONFLATE, 4, 0) == 0);
	is_int(put(&q, 1, 1), 0);
	is_int(put(&q, 2, 1), 0);
	is_int(put(&q, 11, 1), 0);      /* key 1 */
	is_int(put(&q, 3, 1), 0);
	is_int(put(&q, 22, 1), 0);      /* key 2 */
	queue_stats(&q, &s);
	is_int(s.len, 3);
	is_int(s.conflated, 2);
	is_int(dropped_sum, 1 + 2);
	is_int(get(&q), 11);
	is_int(get(&q), 22);
	is_int(put(&q, 31, 1), 0);      /* key 1 has left: a new place, at the end */
	is_int(get(&q), 3);
	is_int(get(&q), 31);
	queue_done(&q);
}

/* The model: an array searched from the front. */
TEST(conflating_agrees_with_a_plain_model_over_many_steps)
{
	enum { CAP = 37, KEYS = 60, STEPS = 200000 };
	static struct { uint64_t key; int v; } model[CAP];
	int n = 0, wrong = 0;
	uint64_t x = 88172645463325252ULL;
	struct queue q;

	must(queue_init(&q, &(struct queue_config) { .name = "model", .item_size = sizeof(int), .max_items = CAP,
		.policy = QUEUE_CONFLATE }) == 0);
	for (int i = 0; i < STEPS; i++) {
		x ^= x << 13; x ^= x >> 7; x ^= x << 17;
		if ((x >> 32) % 5 < 2) {
			int v = -1, r = queue_take(&q, &v, 0);

			wrong += r != (n > 0) || (n && v != model[0].v);
			if (n)
				memmove(model, model + 1, (size_t) --n * sizeof(model[0]));
			continue;
		}
		uint64_t key = x % KEYS * UINT64_C(0x100000001);
		int k = 0;
		queue_put(&q, &i, 0, key, 0);
		while (k < n && model[k].key != key)
			k++;
		if (k == CAP) {
			memmove(model, model + 1, (size_t) --n * sizeof(model[0]));
			k = n;
		}
		n += k == n;
		model[k].key = key;
		model[k].v = i;
	}
	is_int(wrong, 0);
	queue_done(&q);
}

TEST(a_put_waits_until_its_deadline)
{
	struct queue q;
	int v = 1;
	int64_t deadline;

	must(make(&q, QUEUE_WAIT, 1, 0) == 0);
	is_int(put(&q, 1, 0), 0);
	deadline = clock_deadline(3);
	is_int(queue_put(&q, &v, 0, 0, deadline), -ERR_BUSY);
	ok(clock_mono_ns() >= deadline);
	is_str(err_log_text(err_peek()), "test is busy, try again");
	is_int(get(&q), 1);
	deadline = clock_deadline(3);
	is_int(queue_take(&q, &v, deadline), 0);
	ok(clock_mono_ns() >= deadline);
	queue_done(&q);
}

TEST(a_closed_queue_refuses_and_gives_what_is_left)
{
	struct queue q;
	int v[4];

	must(make(&q, QUEUE_WAIT, 4, 0) == 0);
	put(&q, 1, 0);
	put(&q, 2, 0);
	queue_close(&q);
	is_int(put(&q, 3, 0), -ERR_STOPPING);
	is_int(queue_take_many(&q, v, 4, INT64_MAX), 2);
	is_int(v[0] * 10 + v[1], 12);
	is_int(queue_take_many(&q, v, 4, INT64_MAX), -ERR_STOPPING);
	queue_done(&q);
}

struct crowd { struct queue *q; struct thread t; uint64_t sum, n; uint64_t from; };
enum { EACH = 20000, PUTTERS = 3, TAKERS = 3 };
static void put_many(void *arg)
{
	struct crowd *c = arg;

	for (uint64_t i = 0; i < EACH; i++) {
		uint64_t v = c->from + i;
		while (queue_put(c->q, &v, 1 + i % 7, 0, clock_deadline(1000)) < 0)
			continue;
		c->sum += v;
	}
}
static void take_many(void *arg)
{
	struct crowd *c = arg;
	uint64_t v[16];

	for (int r; (r = queue_take_many(c->q, v, 16, INT64_MAX)) > 0;)
		for (int i = 0; i < r; i++, c->n++)
			c->sum += v[i];
}

TEST(many_threads_put_and_take_and_nothing_is_lost_or_doubled)
{
	struct queue q;
	struct crowd p[PUTTERS] = { 0 }, t[TAKERS] = { 0 };
	uint64_t put_sum = 0, sum = 0, n = 0;

	must(queue_init(&q, &(struct queue_config) { .name = "crowd", .item_size = sizeof(uint64_t), .max_items = 64,
		.max_bytes = 200, .policy = QUEUE_WAIT }) == 0);
	for (int i = 0; i < TAKERS; i++) {
		t[i].q = &q;
		must(thread_start(&t[i].t, "take", take_many, &t[i]) == 0);
	}
	for (int i = 0; i < PUTTERS; i++) {
		p[i].q = &q;
		p[i].from = (uint64_t) i * 1000003;
		must(thread_start(&p[i].t, "put", put_many, &p[i]) == 0);
	}
	for (int i = 0; i < PUTTERS; i++) {
		thread_join(&p[i].t);
		put_sum += p[i].sum;
	}
	queue_close(&q);
	for (int i = 0; i < TAKERS; i++) {
		thread_join(&t[i].t);
		sum += t[i].sum;
		n += t[i].n;
	}
	is_int(n, PUTTERS * EACH);
	is_int(sum, put_sum);
	queue_done(&q);
}

static int listed;
static void count_listed(void *ctx, const struct queue_stats *s) { listed += strcmp(s->name, ctx) == 0; }

TEST(every_queue_alive_is_listed)
{
	struct queue a, b;

	must(make(&a, QUEUE_WAIT, 4, 0) == 0);
	must(make(&b, QUEUE_WAIT, 4, 0) == 0);
	listed = 0;
	queue_list(count_listed, (char *) "test");
	is_int(listed, 2);
	queue_done(&a);
	listed = 0;
	queue_list(count_listed, (char *) "test");
	is_int(listed, 1);
	queue_done(&b);
	queue_done(&b);
	is_str(queue_policy_name(QUEUE_DROP_OLDEST), "drop oldest");
}

TEST(after_a_failing_allocation_a_queue_is_not_made)
{
	for (uint64_t n = 1; n <= 2; n++) {
		struct queue q;

		sys_fault_nth(SYS_ANY_MEMORY, n, ENOMEM);
		is_int(make(&q, QUEUE_CONFLATE, 4, 0), -ERR_NO_MEMORY);
		sys_restore();
		queue_done(&q);
	}
}
