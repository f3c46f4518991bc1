/* loop.c - one thread that waits, over libuv: rounds, calls from other threads, descriptors, signals, the watchdog. */
#include "io/loop_uv.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

#include "base/err.h"
#include "io/timers.h"
#include "sys/sys.h"

static const int64_t SLOW_NS = NS_PER_MS;
enum { SPARE_POSTS = 64 };

struct watch { uv_poll_t poll; struct loop *loop; struct watch_call call; };
struct on_signal { uv_signal_t signal; struct loop *loop; void (*fn)(void *arg, int signum); void *arg; struct on_signal *next; };

struct loop {
	uv_loop_t uv;
	uv_async_t async;
	uv_timer_t alarm;
	struct timers timers;
	const char *name;
	int64_t now_ns, inner_ns;               /* when the callback under way began; time of spans ended inside it */
	unsigned depth;
	bool in_alarm;
	atomic_bool stop;
	struct on_signal *signals;
	void (*on_slow)(void *arg, const char *name, int64_t ns);
	void *on_slow_arg;
	struct loop_stats stats;

	struct mutex lock;                      /* guards what follows: other threads post */
	struct post *first, **last, *spare;
	uint32_t n_posts, n_spare, posts_peak;
	uint64_t posts_refused;
};

uv_loop_t *loop_uv(struct loop *l) { return &l->uv; }
const char *loop_name(const struct loop *l) { return l->name; }
int64_t loop_now_ns(struct loop *l) { return l->depth ? l->now_ns : clock_mono_ns(); }

/* The watchdog: spans nest (a server's callback inside a descriptor's); each is charged for what is its own. */

struct loop_span loop_enter(struct loop *l, const char *name)
{
	struct loop_span span = { .l = l, .name = name, .began_ns = clock_mono_ns(), .outer_ns = l->inner_ns };

	l->inner_ns = 0;
	l->now_ns = span.began_ns;
	l->depth++;
	return span;
}

void loop_leave(const struct loop_span *span)
{
	struct loop *l = span->l;
	int64_t total = clock_mono_ns() - span->began_ns, own = total - l->inner_ns;

	l->depth--;
	l->inner_ns = span->outer_ns + total;
	l->stats.callbacks++;
	l->stats.busy_ns += own;
	if (own > l->stats.worst_ns) {
		l->stats.worst_ns = own;
		l->stats.worst = span->name;
	}
	if (own <= SLOW_NS)
		return;
	l->stats.slow++;
	l->stats.last_slow = span->name;
	if (l->on_slow)
		l->on_slow(l->on_slow_arg, span->name, own);
}

void loop_on_slow(struct loop *l, void (*fn)(void *arg, const char *name, int64_t ns), void *arg)
{
	l->on_slow = fn;
	l->on_slow_arg = arg;
}

void loop_stats(struct loop *l, struct loop_stats *ret)
{
	mutex_hold(&l->lock);
	*ret = l->stats;
	ret->name = l->name;
	ret->timers = l->timers.n;
	ret->posts_peak = l->posts_peak;
	ret->posts_refused = l->posts_refused;
}

/* Calls from other threads. Posts of our own making carry `arg` themselves and are told by their place in the list of spares. */

static void run_post(struct loop *l, const char *name, void (*fn)(void *arg), void *arg)
{
	struct loop_span span = loop_enter(l, name);

	fn(arg);
	loop_leave(&span);
}

struct own_post { struct post post; struct loop *loop; void (*fn)(void *arg); void *arg; };

static void give_back(struct loop *l, struct own_post *p)
{
	mutex_lock(&l->lock);
	l->n_posts--;
	if (l->n_spare < SPARE_POSTS) {
		p->post.next = l->spare;
		l->spare = &p->post;
		l->n_spare++;
		p = NULL;
	}
	mutex_unlock(&l->lock);
	sys_free(p);
}

static void run_own(void *arg)
{
	struct own_post *p = arg;
	void (*fn)(void *) = p->fn;
	void *fn_arg = p->arg;

	give_back(p->loop, p);
	fn(fn_arg);
}

static void append(struct loop *l, struct post *p, const char *name, void (*fn)(void *arg), void *arg)
{
	p->name = name;
	p->fn = fn;
	p->arg = arg;
	p->next = NULL;
	*l->last = p;
	l->last = &p->next;
}

int loop_post_named(struct loop *l, const char *name, void (*fn)(void *arg), void *arg)
{
	struct own_post *p = NULL;
	bool full;

	mutex_lock(&l->lock);
	full = l->n_posts >= LOOP_POSTS_MAX;
	if (full) {
		l->posts_refused++;
	} else if (l->spare) {
		p = CONTAINER_OF(l->spare, struct own_post, post);
		l->spare = p->post.next;
		l->n_spare--;
	} else {
		p = sys_new(struct own_post);
	}
	if (p) {
		p->loop = l;
		p->fn = fn;
		p->arg = arg;
		append(l, &p->post, name, run_own, p);
		l->n_posts++;
		l->posts_peak = MAX(l->posts_peak, l->n_posts);
	}
	mutex_unlock(&l->lock);
	if (!p)
		return err_fail(full ? ERR_BUSY : ERR_NO_MEMORY, "what", l->name, NULL);
	uv_async_send(&l->async);
	return 0;
}

void loop_send_named(struct loop *l, struct post *p, const char *name, void (*fn)(void *arg), void *arg)
{
	bool was = atomic_exchange(&p->waiting, true);

	assert(!was);
	(void) was;
	mutex_lock(&l->lock);
	append(l, p, name, fn, arg);
	mutex_unlock(&l->lock);
	uv_async_send(&l->async);
}

void loop_wake_named(struct loop *l, struct post *p, const char *name, void (*fn)(void *arg), void *arg)
{
	if (atomic_exchange(&p->waiting, true))
		return;
	mutex_lock(&l->lock);
	append(l, p, name, fn, arg);
	mutex_unlock(&l->lock);
	uv_async_send(&l->async);
}

static struct post *take_posts(struct loop *l)
{
	mutex_hold(&l->lock);
	struct post *list = take(l->first);

	l->last = &l->first;
	return list;
}

static void on_async(uv_async_t *async)
{
	struct loop *l = async->data;

	for (struct post *p = take_posts(l), *next; p; p = next) {
		void (*fn)(void *) = p->fn;
		void *arg = p->arg;
		const char *name = p->name;

		next = p->next;
		/* From here on the post may be sent again, and its memory is its owner's. */
		atomic_store(&p->waiting, false);
		run_post(l, name, fn, arg);
	}
	if (atomic_load(&l->stop))
		uv_stop(&l->uv);
}

/* Timers: our own heap, one libuv timer for the earliest. */

static void on_alarm(uv_timer_t *alarm);

static void arm(struct loop *l, int64_t min_ms)
{
	const struct timer *t = l->timers.root;

	if (l->in_alarm)
		return;
	if (!t) {
		uv_timer_stop(&l->alarm);
		return;
	}
	uv_update_time(&l->uv);
	uv_timer_start(&l->alarm, on_alarm, (uint64_t) MAX(min_ms, clock_left_ms(t->at_ns, INT64_C(86400000))), 0);
}

static void on_alarm(uv_timer_t *alarm)
{
	struct loop *l = alarm->data;
	int64_t now = clock_mono_ns();

	/* Each at most once a round, and a pause of 1 ms after it (libuv runs a timer of 0 ms again and again before it looks at
	 * anything else): one that starts itself anew at once must not keep the loop. */
	l->in_alarm = true;
	for (uint32_t n = l->timers.n; n && l->timers.root && l->timers.root->at_ns <= now; n--) {
		struct timer *t = l->timers.root;
		const char *name = t->name;

		timers_remove(&l->timers, t);
		t->loop = NULL;
		run_post(l, name, t->fn, t->arg);
	}
	l->in_alarm = false;
	arm(l, 1);
}

void timer_start_at_named(struct loop *l, struct timer *t, int64_t mono_ns, const char *name, void (*fn)(void *arg), void *arg)
{
	timer_stop(t);
	t->at_ns = mono_ns;
	t->name = name;
	t->fn = fn;
	t->arg = arg;
	t->loop = l;
	timers_add(&l->timers, t);
	if (l->timers.root == t)
		arm(l, 0);
}

void timer_start_named(struct loop *l, struct timer *t, int64_t ms, const char *name, void (*fn)(void *arg), void *arg)
{
	timer_start_at_named(l, t, clock_deadline(MAX(ms, INT64_C(0))), name, fn, arg);
}

void timer_stop(struct timer *t)
{
	struct loop *l = t->loop;

	if (!l)
		return;
	bool was_first = l->timers.root == t;

	timers_remove(&l->timers, t);
	t->loop = NULL;
	if (was_first)
		arm(l, 0);
}

/* Descriptors. */

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct watch *w = poll->data;
	struct loop_span span = loop_enter(w->loop, w->call.name);
	unsigned e = 0;

	if (status < 0)
		e = WATCH_IN | WATCH_OUT | WATCH_GONE;
	if (events & UV_READABLE)
		e |= WATCH_IN;
	if (events & UV_WRITABLE)
		e |= WATCH_OUT;
	if (events & UV_DISCONNECT)
		e |= WATCH_GONE;
	w->call.fn(w->call.arg, e);
	loop_leave(&span);
}

static void free_handle(uv_handle_t *h) { sys_free(h->data); }

int watch_set(struct watch *w, unsigned events)
{
	int e = ((events & WATCH_IN) ? UV_READABLE : 0) | ((events & WATCH_OUT) ? UV_WRITABLE : 0) |
		((events & WATCH_GONE) ? UV_DISCONNECT : 0);
	int r = e ? uv_poll_start(&w->poll, e, on_poll) : uv_poll_stop(&w->poll);

	return r < 0 ? sys_fail(-r, "watch", NULL) : 0;
}

int loop_watch_named(struct loop *l, int fd, unsigned events, const struct watch_call *call, struct watch **ret_watch)
{
	struct watch *w = sys_new(struct watch);

	if (!w)
		return err_fail(ERR_NO_MEMORY, "what", call->name, NULL);
	int r = uv_poll_init(&l->uv, &w->poll, fd);
	if (r < 0) {
		sys_free(w);
		return sys_fail(-r, "watch", NULL);
	}
	w->poll.data = w;
	w->loop = l;
	w->call = *call;
	l->stats.watches++;
	r = watch_set(w, events);
	if (r < 0) {
		watch_free(w);
		return r;
	}
	*ret_watch = w;
	return 0;
}

struct watch *watch_free(struct watch *w)
{
	if (w) {
		w->loop->stats.watches--;
		uv_close((uv_handle_t *) &w->poll, free_handle);
	}
	return NULL;
}

/* Signals. */

static void on_uv_signal(uv_signal_t *signal, int signum)
{
	struct on_signal *s = signal->data;
	struct loop_span span = loop_enter(s->loop, "signal");

	s->fn(s->arg, signum);
	loop_leave(&span);
}

static void forget_signal(struct loop *l, int signum)
{
	for (struct on_signal **p = &l->signals; *p; p = &(*p)->next) {
		struct on_signal *s = *p;

		if (s->signal.signum != signum)
			continue;
		*p = s->next;
		uv_close((uv_handle_t *) &s->signal, free_handle);
		return;
	}
}

int loop_on_signal(struct loop *l, int signum, void (*fn)(void *arg, int signum), void *arg)
{
	forget_signal(l, signum);
	if (!fn)
		return 0;
	struct on_signal *s = sys_new(struct on_signal);
	if (!s)
		return err_fail(ERR_NO_MEMORY, "what", "signal", NULL);
	s->loop = l;
	s->fn = fn;
	s->arg = arg;
	s->signal.data = s;
	int r = uv_signal_init(&l->uv, &s->signal);
	if (r < 0) {
		sys_free(s);
		return sys_fail(-r, "watch signals", NULL);
	}
	r = uv_signal_start(&s->signal, on_uv_signal, signum);
	if (r < 0) {
		uv_close((uv_handle_t *) &s->signal, free_handle);
		return sys_fail(-r, "watch a signal", NULL);
	}
	s->next = l->signals;
	l->signals = s;
	return 0;
}

/* The whole. */

int loop_new(const char *name, struct loop **ret_loop)
{
	struct loop *l = sys_new(struct loop);

	if (!l)
		return err_fail(ERR_NO_MEMORY, "what", name, NULL);
	int r = uv_loop_init(&l->uv);
	if (r < 0) {
		sys_free(l);
		return sys_fail(-r, "start loop", name);
	}
	r = uv_async_init(&l->uv, &l->async, on_async);
	if (r < 0) {
		uv_loop_close(&l->uv);
		sys_free(l);
		return sys_fail(-r, "start loop", name);
	}
	uv_timer_init(&l->uv, &l->alarm);
	l->async.data = l->alarm.data = l;
	l->name = name;
	l->last = &l->first;
	l->stats.worst = l->stats.last_slow = "";
	mutex_init(&l->lock);
	*ret_loop = l;
	return 0;
}

static void close_handle(uv_handle_t *h, void *arg)
{
	if (uv_is_closing(h))
		return;
	/* Watches and signals own their memory; async and alarm are the loop's. */
	bool own = h->type == UV_POLL || h->type == UV_SIGNAL;

	uv_close(h, own ? free_handle : NULL);
}

struct loop *loop_free(struct loop *l)
{
	if (!l)
		return NULL;
	uv_walk(&l->uv, close_handle, NULL);
	uv_run(&l->uv, UV_RUN_DEFAULT);
	int r = uv_loop_close(&l->uv);
	assert(r == 0);
	(void) r;
	for (struct post *p = take_posts(l), *next; p; p = next) {
		next = p->next;
		if (p->fn == run_own)
			sys_free(p->arg);
	}
	for (struct post *p = l->spare, *next; p; p = next) {
		next = p->next;
		sys_free(CONTAINER_OF(p, struct own_post, post));
	}
	while (l->timers.root) {
		struct timer *t = l->timers.root;

		timers_remove(&l->timers, t);
		t->loop = NULL;
	}
	mutex_done(&l->lock);
	return sys_free(l);
}

int loop_run(struct loop *l)
{
	uv_run(&l->uv, UV_RUN_DEFAULT);
	atomic_store(&l->stop, false);
	return 0;
}

void loop_stop(struct loop *l)
{
	atomic_store(&l->stop, true);
	uv_async_send(&l->async);
}

static void nothing(void *arg) { }

int loop_step(struct loop *l, int64_t max_ms)
{
	struct timer limit = { 0 };

	if (max_ms > 0)
		timer_start(l, &limit, max_ms, nothing, NULL);
	uv_run(&l->uv, max_ms > 0 ? UV_RUN_ONCE : UV_RUN_NOWAIT);
	timer_stop(&limit);
	return 0;
}
