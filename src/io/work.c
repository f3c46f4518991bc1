/* work.c - a pool of threads for what may block. */
#include "io/work.h"

#include "sys/sys.h"

enum { QUEUED_MAX = 1024, THREADS_MIN = 4 };

struct worker { struct work_pool *pool; struct thread thread; unsigned index; void *own; bool ready; char name[16]; };

struct work_pool {
	struct work_config config;
	struct mutex lock;
	struct cond wake;
	struct work *first, **last;
	struct worker *workers;
	unsigned idle;
	bool stopping;
	struct work_stats stats;
};

static void tell(void *arg)
{
	struct work *w = arg;

	if (w->result < 0)
		err_put(&w->failure);
	else
		err_clear();
	w->on_done(w);
}

static void finish(struct work *w, int result)
{
	w->result = result;
	if (result < 0)
		w->failure = err_take(result);
	loop_send_named(w->loop, &w->post, w->name, tell, w);
}

static int run(struct worker *me, struct work *w)
{
	const struct work_config *c = &me->pool->config;

	err_clear();
	if (work_is_cancelled(w))
		return err_fail(ERR_CANCELLED, "what", w->name, NULL);
	if (!me->ready && c->start) {
		int r = c->start(c->ctx, me->index, &me->own);

		if (r < 0)
			return r;
	}
	me->ready = true;
	return w->run(w, me->own);
}

static struct work *next_work(struct work_pool *p)
{
	mutex_hold(&p->lock);
	while (!p->first && !p->stopping) {
		p->idle++;
		cond_wait(&p->wake, &p->lock);
		p->idle--;
	}
	struct work *w = p->first;
	if (w) {
		p->first = w->next;
		if (!p->first)
			p->last = &p->first;
		p->stats.queued--;
		p->stats.busy++;
	}
	return w;
}

static void worker_main(void *arg)
{
	struct worker *me = arg;
	struct work_pool *p = me->pool;

	for (struct work *w; (w = next_work(p));) {
		w->started_ns = clock_mono_ns();
		int r = run(me, w);
		int64_t now = clock_mono_ns();

		mutex_lock(&p->lock);
		p->stats.busy--;
		p->stats.done++;
		p->stats.cancelled += work_is_cancelled(w);
		p->stats.wait_ns += w->started_ns - w->queued_ns;
		p->stats.run_ns += now - w->started_ns;
		mutex_unlock(&p->lock);
		finish(w, r);
	}
	if (me->ready && p->config.stop)
		p->config.stop(p->config.ctx, me->own);
}

int work_pool_new(const struct work_config *config, struct work_pool **ret_pool)
{
	struct work_pool *p = sys_new(struct work_pool);

	if (!p)
		return err_fail(ERR_NO_MEMORY, "what", config->name, NULL);
	p->config = *config;
	p->stats.name = config->name;
	p->stats.threads_max = config->threads ? config->threads : MAX((unsigned) THREADS_MIN, thread_cores());
	p->stats.max_queued = config->max_queued ? config->max_queued : QUEUED_MAX;
	p->workers = sys_alloc_array(p->stats.threads_max, sizeof(*p->workers));
	if (!p->workers) {
		sys_free(p);
		return err_fail(ERR_NO_MEMORY, "what", config->name, NULL);
	}
	p->last = &p->first;
	mutex_init(&p->lock);
	cond_init(&p->wake);
	*ret_pool = p;
	return 0;
}

void work_pool_stop(struct work_pool *p)
{
	if (!p)
		return;
	mutex_lock(&p->lock);
	p->stopping = true;
	for (struct work *w = p->first; w; w = w->next)
		work_cancel(w);
	cond_broadcast(&p->wake);
	mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->stats.threads; i++)
		thread_join(&p->workers[i].thread);
}

struct work_pool *work_pool_free(struct work_pool *p)
{
	if (!p)
		return NULL;
	work_pool_stop(p);
	cond_done(&p->wake);
	mutex_done(&p->lock);
	p->workers = sys_free(p->workers);
	return sys_free(p);
}

/* Under the lock: one thread more if nobody is free. Fails only if there is no thread at all. */
static int grow(struct work_pool *p)
{
	unsigned n = p->stats.threads;
	struct worker *w = &p->workers[n];
	struct buf name = BUF_FIXED(w->name);

	if (p->idle > p->stats.queued || n == p->stats.threads_max)
		return 0;
	w->pool = p;
	w->index = n;
	buf_addf(&name, "%.10s-%u", p->config.name, n);
	int r = thread_start_sized(&w->thread, w->name, p->config.stack ? p->config.stack : THREAD_STACK, worker_main, w);
	if (r == 0)
		p->stats.threads++;
	else if (n)
		err_clear();
	return n ? 0 : r;
}

int work_submit_named(struct work_pool *p, struct loop *l, struct work *w, const char *name,
	int (*run_)(struct work *w, void *worker), void (*on_done)(struct work *w))
{
	mutex_hold(&p->lock);
	if (p->stopping)
		return err_fail(ERR_STOPPING, "what", p->config.name, NULL);
	/* Work that an idle thread is about to take does not count as waiting. */
	if (p->stats.queued >= p->stats.max_queued + p->idle) {
		p->stats.refused++;
		return err_fail(ERR_BUSY, "what", p->config.name, NULL);
	}
	int r = grow(p);
	if (r < 0)
		return r;
	w->run = run_;
	w->on_done = on_done;
	w->name = name;
	w->loop = l;
	w->pool = p;
	w->next = NULL;
	w->result = 0;
	w->queued_ns = clock_mono_ns();
	atomic_store(&w->cancelled, false);
	*p->last = w;
	p->last = &w->next;
	p->stats.queued++;
	p->stats.queued_peak = MAX(p->stats.queued_peak, p->stats.queued);
	if (p->idle)
		cond_signal(&p->wake);
	return 0;
}

void work_cancel(struct work *w) { atomic_store(&w->cancelled, true); }

void work_stats(struct work_pool *p, struct work_stats *ret)
{
	mutex_hold(&p->lock);
	*ret = p->stats;
}
