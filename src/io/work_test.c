/* Tests of work.h: results and failures come back, the queue is bounded, cancelling, what a worker owns. */
#include "io/io.h"

#include <errno.h>

#include "sys/sys.h"
#include "tap.h"

struct job { struct work work; int in, out, result; char sentence[100]; struct gate *gate; int *left; };

/* Holds workers until opened. */
struct gate { struct mutex m; struct cond c; bool open; int inside; };
static void gate_init(struct gate *g) { memset(g, 0, sizeof(*g)); mutex_init(&g->m); cond_init(&g->c); }
static void gate_pass(struct gate *g)
{
	mutex_hold(&g->m);
	g->inside++;
	cond_broadcast(&g->c);
	while (!g->open)
		cond_wait(&g->c, &g->m);
}
static bool gate_await(struct gate *g, int n)
{
	int64_t deadline = clock_deadline(5000);
	mutex_hold(&g->m);
	while (g->inside < n)
		if (!cond_wait_until(&g->c, &g->m, deadline))
			return false;
	return true;
}
static void gate_open(struct gate *g) { mutex_hold(&g->m); g->open = true; cond_broadcast(&g->c); }

static int square(struct work *w, void *worker)
{
	struct job *j = CONTAINER_OF(w, struct job, work);

	if (j->gate)
		gate_pass(j->gate);
	if (j->in < 0)
		return err_fail(ERR_TOO_SMALL, "field", "in", "min", "0", "value", "-1", NULL);
	j->out = j->in * j->in;
	return worker ? *(int *) worker : 0;
}

static void done(struct work *w)
{
	struct job *j = CONTAINER_OF(w, struct job, work);

	j->result = w->result;
	if (w->result < 0) {
		struct err e = err_take(w->result);
		struct buf b = BUF_FIXED(j->sentence);
		err_text(&e, LANG_EN, &b);
	}
	--*j->left;
}

static bool run_until_none_left(struct loop *l, const int *left)
{
	for (int64_t deadline = clock_deadline(10000); *left && clock_mono_ns() < deadline;)
		loop_step(l, 100);
	return *left == 0;
}

TEST(a_result_and_a_failure_with_its_sentence_come_back_to_the_loop)
{
	_cleanup_(loop_freep) struct loop *l = NULL;
	_cleanup_(work_pool_freep) struct work_pool *p = NULL;
	int left = 2;
	struct job a = { .in = 7, .left = &left }, b = { .in = -1, .left = &left };

	must(loop_new("test", &l) == 0);
	must(work_pool_new(&(struct work_config) { .name = "work" }, &p) == 0);
	is_int(work_submit(p, l, &a.work, square, done), 0);
	is_int(work_submit(p, l, &b.work, square, done), 0);
	ok(run_until_none_left(l, &left));
	is_int(a.out, 49);
	is_int(a.result, 0);
	is_int(b.result, -ERR_TOO_SMALL);
	is_str(b.sentence, "in must be at least 0, is -1");
}

TEST(threads_start_when_there_is_work_and_a_full_pool_refuses)
{
	enum { THREADS = 2, QUEUED = 3 };
	_cleanup_(loop_freep) struct loop *l = NULL;
	_cleanup_(work_pool_freep) struct work_pool *p = NULL;
	struct job j[THREADS + QUEUED + 1] = { 0 };
	struct work_stats s;
	struct gate g;
	int left = THREADS + QUEUED;

	gate_init(&g);
	must(loop_new("test", &l) == 0);
	must(work_pool_new(&(struct work_config) { .name = "work", .threads = THREADS, .max_queued = QUEUED }, &p) == 0);
	work_stats(p, &s);
	is_int(s.threads, 0);
	for (int i = 0; i < THREADS + QUEUED; i++) {
		j[i] = (struct job) { .in = i, .gate = &g, .left = &left };
		is_int(work_submit(p, l, &j[i].work, square, done), 0);
		if (i < THREADS)
			must(gate_await(&g, i + 1));
	}
	is_int(work_submit(p, l, &j[THREADS + QUEUED].work, square, done), -ERR_BUSY);
	work_stats(p, &s);
	is_int(s.threads, THREADS);
	is_int(s.busy, THREADS);
	is_int(s.queued, QUEUED);
	is_int(s.refused, 1);
	gate_open(&g);
	ok(run_until_none_left(l, &left));
	for (int i = 0; i < THREADS + QUEUED; i++)
		is_int(j[i].out, i * i);
}

TEST(what_was_cancelled_before_it_began_never_begins)
{
	_cleanup_(loop_freep) struct loop *l = NULL;
	_cleanup_(work_pool_freep) struct work_pool *p = NULL;
	struct gate g;
	int left = 2;
	struct job a = { .in = 2, .gate = &g, .left = &left }, b = { .in = 3, .left = &left };

	gate_init(&g);
	must(loop_new("test", &l) == 0);
	must(work_pool_new(&(struct work_config) { .name = "work", .threads = 1 }, &p) == 0);
	is_int(work_submit(p, l, &a.work, square, done), 0);
	must(gate_await(&g, 1));
	is_int(work_submit(p, l, &b.work, square, done), 0);
	work_cancel(&b.work);
	work_cancel(&a.work);
	ok(work_is_cancelled(&a.work));
	gate_open(&g);
	ok(run_until_none_left(l, &left));
	is_int(a.out, 4);
	is_int(b.out, 0);
	is_int(b.result, -ERR_CANCELLED);
}

struct owners { atomic_int started, stopped, refuse; int what; };
static int owner_start(void *ctx, unsigned index, void **ret)
{
	struct owners *o = ctx;

	if (atomic_load(&o->refuse))
		return err_failf(ERR_BROKEN, "no connection");
	atomic_fetch_add(&o->started, 1);
	*ret = &o->what;
	return 0;
}
static void owner_stop(void *ctx, void *worker) { atomic_fetch_add(&((struct owners *) ctx)->stopped, worker != NULL); }

TEST(a_worker_owns_what_it_made_before_its_first_work_and_gives_it_back)
{
	_cleanup_(loop_freep) struct loop *l = NULL;
	struct work_pool *p = NULL;
	struct owners o = { .what = 5 };
	int left = 1;
	struct job a = { .in = 2, .left = &left };

	must(loop_new("test", &l) == 0);
	must(work_pool_new(&(struct work_config) { .name = "work", .start = owner_start, .stop = owner_stop, .ctx = &o }, &p) == 0);
	atomic_store(&o.refuse, 1);
	is_int(work_submit(p, l, &a.work, square, done), 0);
	ok(run_until_none_left(l, &left));
	is_int(a.result, -ERR_BROKEN);
	is_str(a.sentence, "the platform failed: no connection");
	atomic_store(&o.refuse, 0);
	for (int i = 0; i < 3; i++) {
		left = 1;
		is_int(work_submit(p, l, &a.work, square, done), 0);
		ok(run_until_none_left(l, &left));
		is_int(a.result, 5);
	}
	p = work_pool_free(p);
	ok(o.started >= 1);
	is_int(o.started, o.stopped);
}

TEST(a_pool_that_ends_tells_those_who_still_wait)
{
	_cleanup_(loop_freep) struct loop *l = NULL;
	struct work_pool *p = NULL;
	int left = 100, cancelled = 0;
	static struct job j[100];

	must(loop_new("test", &l) == 0);
	must(work_pool_new(&(struct work_config) { .name = "work", .threads = 1 }, &p) == 0);
	for (int i = 0; i < 100; i++) {
		j[i] = (struct job) { .in = i, .left = &left };
		is_int(work_submit(p, l, &j[i].work, square, done), 0);
	}
	p = work_pool_free(p);
	ok(run_until_none_left(l, &left));
	for (int i = 0; i < 100; i++) {
		cancelled += j[i].result == -ERR_CANCELLED;
		ok(j[i].result == 0 ? j[i].out == i * i : j[i].result == -ERR_CANCELLED);
	}
	printf("# %d of 100 cancelled\n", cancelled);
}

TEST(after_a_failing_allocation_a_pool_is_not_made)
{
	for (uint64_t n = 1;; n++) {
		struct work_pool *p = NULL;

		sys_fault_nth(SYS_ANY_MEMORY, n, ENOMEM);
		int r = work_pool_new(&(struct work_config) { .name = "work" }, &p);
		bool hit = sys_fault_hit();
		sys_restore();
		work_pool_free(p);
		if (!hit) {
			is_int(r, 0);
			break;
		}
		is_int(r, -ERR_NO_MEMORY);
		ok(!p);
	}
}
