/* Tests of loop.h: order of timers, calls from other threads, descriptors, signals, the watchdog. */
#include "io/io.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "sys/sys.h"
#include "tap.h"

struct ctx { struct loop *l; int n; int order[64]; struct timer again; };
struct one { struct timer t; struct ctx *ctx; int id; };

static void note(void *arg)
{
	struct one *o = arg;

	o->ctx->order[o->ctx->n++] = o->id;
}

static void stop(void *arg) { loop_stop(arg); }

TEST(timers_run_in_the_order_of_their_time_not_of_their_start)
{
	_cleanup_(loop_freep) struct loop *l = NULL;
	struct ctx c = { 0 };
	static const int ms[] = { 9, 3, 7, 1, 5 };
	struct one o[5] = { 0 };
	struct timer end = { 0 };
	int64_t now = clock_mono_ns();

	must(loop_new("test", &l) == 0);
	for (int i = 0; i < 5; i++) {
		o[i] = (struct one) { .ctx = &c, .id = ms[i] };
		timer_start_at(l, &o[i].t, now + ms[i] * NS_PER_MS, note, &o[i]);
	}
	timer_stop(&o[2].t);
	ok(!timer_is_running(&o[2].t));
	timer_start_at(l, &end, now + 10 * NS_PER_MS, stop, l);
	is_int(loop_run(l), 0);
	ok(clock_mono_ns() >= now + 10 * NS_PER_MS);
	is_int(c.n, 4);
	for (int i = 1; i < c.n; i++)
		ok(c.order[i] > c.order[i - 1]);
	ok(!timer_is_running(&end));
}

/* The heap against a sorted order: 2,000 timers with times from a generator, a third stopped again. */
static int64_t last_at;
static int fired, wrong;
static void check_order(void *arg)
{
	int64_t at = *(int64_t *) arg;

	wrong += at < last_at;
	last_at = at;
	fired++;
}

TEST(the_heap_of_timers_sorts_and_forgets_what_was_stopped)
{
	enum { N = 2000 };
	static struct timer t[N];
	static int64_t at[N];
	_cleanup_(loop_freep) struct loop *l = NULL;
	uint64_t x = 88172645463325252ULL;      /* xorshift64, Marsaglia 2003 */
	int stopped = 0;

	must(loop_new("test", &l) == 0);
	for (int i = 0; i < N; i++) {
		x ^= x << 13; x ^= x >> 7; x ^= x << 17;
		at[i] = 1 + (int64_t) (x % 500);        /* long past: all are due, many at the same time */
		timer_start_at(l, &t[i], at[i], check_order, &at[i]);
	}
	for (int i = 0; i < N; i += 3, stopped++)
		timer_stop(&t[i]);
	last_at = fired = wrong = 0;
	loop_step(l, 100);
	is_int(fired, N - stopped);
	is_int(wrong, 0);
	struct loop_stats s;
	loop_stats(l, &s);
	is_int(s.timers, 0);
}

static void restart(void *arg)
{
	struct ctx *c = arg;

	c->n++;
	timer_start(c->l, &c->again, 0, restart, c);
}

TEST(a_timer_that_starts_itself_at_once_does_not_keep_the_loop)
{
	struct ctx c = { 0 };

	must(loop_new("test", &c.l) == 0);
	timer_start(c.l, &c.again, 0, restart, &c);
	for (int i = 0; i < 3; i++)
		loop_step(c.l, 50);
	ok(c.n >= 1 && c.n <= 12);
	c.l = loop_free(c.l);
	ok(!timer_is_running(&c.again));
}

struct poster { struct loop *l; struct thread thread; int id, sent; atomic_int *arrived; };
static void arrive(void *arg) { atomic_fetch_add((atomic_int *) arg, 1); }
static void post_many(void *arg)
{
	struct poster *p = arg;

	for (int i = 0; i < 5000; i++)
		while (loop_post(p->l, arrive, p->arrived) < 0)
			continue;
	while (loop_post(p->l, stop, p->l) < 0)
		continue;
}

TEST(calls_from_other_threads_arrive_each_once)
{
	_cleanup_(loop_freep) struct loop *l = NULL;
	struct poster p[3] = { 0 };
	atomic_int arrived = 0;

	must(loop_new("test", &l) == 0);
	for (int i = 0; i < 3; i++) {
		p[i] = (struct poster) { .l = l, .arrived = &arrived };
		must(thread_start(&p[i].thread, "poster", post_many, &p[i]) == 0);
	}
	while (atomic_load(&arrived) < 15000)
		loop_run(l);
	for (int i = 0; i < 3; i++)
		thread_join(&p[i].thread);
	is_int(arrived, 15000);
}

TEST(a_loop_that_does_not_run_refuses_the_post_beyond_the_cap)
{
	_cleanup_(loop_freep) struct loop *l = NULL;
	atomic_int arrived = 0;
	struct loop_stats s;

	must(loop_new("test", &l) == 0);
	for (int i = 0; i < LOOP_POSTS_MAX; i++)
		is_int(loop_post(l, arrive, &arrived), 0);
	is_int(loop_post(l, arrive, &arrived), -ERR_BUSY);
	loop_step(l, 100);
	is_int(arrived, LOOP_POSTS_MAX);
	is_int(loop_post(l, arrive, &arrived), 0);
	loop_stats(l, &s);
	is_int(s.posts_refused, 1);
	is_int(s.posts_peak, LOOP_POSTS_MAX);
}

TEST(many_wakes_are_one_call_and_the_next_wake_is_another)
{
	_cleanup_(loop_freep) struct loop *l = NULL;
	struct post p = { 0 };
	atomic_int n = 0;

	must(loop_new("test", &l) == 0);
	for (int i = 0; i < 10; i++)
		loop_wake(l, &p, arrive, &n);
	loop_step(l, 100);
	is_int(n, 1);
	loop_wake(l, &p, arrive, &n);
	loop_step(l, 100);
	is_int(n, 2);
}

struct pipe_end { int fd; char got[16]; size_t n; bool gone; };
static void on_pipe(void *arg, unsigned events)
{
	struct pipe_end *p = arg;
	ssize_t n = read(p->fd, p->got + p->n, sizeof(p->got) - 1 - p->n);

	if (n > 0)
		p->n += (size_t) n;
	else
		p->gone = true;
}

TEST(a_watched_descriptor_tells_when_there_is_something_and_when_it_is_gone)
{
	_cleanup_(loop_freep) struct loop *l = NULL;
	int fds[2];
	struct watch *w = NULL;

	must(loop_new("test", &l) == 0);
	must(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
	struct pipe_end p = { .fd = fds[0] };
	must(loop_watch(l, fds[0], WATCH_IN, on_pipe, &p, &w) == 0);
	must(write(fds[1], "abc", 3) == 3);
	for (int i = 0; i < 10 && !p.n; i++)
		loop_step(l, 100);
	is_str(p.got, "abc");
	watch_set(w, 0);
	must(write(fds[1], "def", 3) == 3);
	loop_step(l, 1);
	is_int(p.n, 3);
	watch_set(w, WATCH_IN);
	for (int i = 0; i < 10 && p.n < 6; i++)
		loop_step(l, 100);
	is_str(p.got, "abcdef");
	close(fds[1]);
	for (int i = 0; i < 10 && !p.gone; i++)
		loop_step(l, 100);
	ok(p.gone);
	watch_free(w);
	close(fds[0]);
}

static void be_slow(void *arg)
{
	int64_t end = clock_mono_ns() + 3 * NS_PER_MS;

	while (clock_mono_ns() < end)
		continue;
}
static void be_slow_inside(void *arg)
{
	struct loop_span s = loop_enter(arg, "the inner one");

	be_slow(NULL);
	loop_leave(&s);
}
static const char *told;
static void on_slow(void *arg, const char *name, int64_t ns) { told = name; }

TEST(the_watchdog_names_the_slow_callback_and_not_the_one_around_it)
{
	_cleanup_(loop_freep) struct loop *l = NULL;
	struct loop_stats s;

	must(loop_new("test", &l) == 0);
	loop_on_slow(l, on_slow, NULL);
	is_int(loop_post(l, be_slow, NULL), 0);
	loop_step(l, 100);
	loop_stats(l, &s);
	is_str(s.last_slow, "be_slow");
	is_str(told, "be_slow");
	is_int(loop_post(l, be_slow_inside, l), 0);
	loop_step(l, 100);
	loop_stats(l, &s);
	is_str(s.last_slow, "the inner one");
	ok(s.slow >= 2 && s.worst_ns >= 3 * NS_PER_MS);
}

static void on_signal(void *arg, int signum) { *(int *) arg = signum; }

TEST(a_signal_is_a_callback)
{
	_cleanup_(loop_freep) struct loop *l = NULL;
	int got = 0;

	must(loop_new("test", &l) == 0);
	must(loop_on_signal(l, SIGUSR1, on_signal, &got) == 0);
	kill(getpid(), SIGUSR1);
	for (int i = 0; i < 10 && !got; i++)
		loop_step(l, 100);
	is_int(got, SIGUSR1);
	is_int(loop_on_signal(l, SIGUSR1, NULL, NULL), 0);
}
