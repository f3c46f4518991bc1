/* link.c - the engine's threads: made, run, ended. */
#include "link/engine.h"

enum { TICK_MS = 1000 };

static void on_tick(void *arg)
{
	struct link_thread *t = arg;

	timer_start(t->loop, &t->tick, TICK_MS, on_tick, t);
	for (struct conn *c = t->conns; c; c = c->next) {
		for (struct dev *d = c->devices; d; d = d->next)
			dev_tick(d, loop_now_ns(t->loop));
		cell_write(c->cell, &c->status);
		tap_tick(&c->tap, loop_now_ns(t->loop));
	}
}

int link_new(const struct link_config *config, struct link **ret)
{
	_cleanup_(link_freep) struct link *l = sys_new(struct link);
	struct link_config *f;
	int r = 0;

	if (!l)
		return err_fail(ERR_NO_MEMORY, "what", "link", NULL);
	f = &l->config;
	*f = *config;
	f->threads = f->threads ? f->threads : 1;
	f->reconnect_min_ms = f->reconnect_min_ms ? f->reconnect_min_ms : 500;
	f->reconnect_max_ms = f->reconnect_max_ms ? f->reconnect_max_ms : 10000;
	f->probe_min_ms = f->probe_min_ms ? f->probe_min_ms : 1000;
	f->probe_max_ms = f->probe_max_ms ? f->probe_max_ms : 30000;
	f->retry_ms = f->retry_ms ? f->retry_ms : 60000;
	f->remark_ms = f->remark_ms ? f->remark_ms : 60000;
	f->row_ms = f->row_ms ? f->row_ms : 50;
	mutex_init(&l->mutex);
	mutex_init(&l->dial_mutex);
	for (const struct driver *const *d = driver_list(); *d && r == 0; d++)
		r = driver_check(*d);
	if (r < 0)
		return r;
	l->threads = sys_alloc_array(f->threads, sizeof(*l->threads));
	if (!l->threads)
		return err_fail(ERR_NO_MEMORY, "what", "link", NULL);
	for (uint32_t i = 0; i < f->threads && r == 0; i++) {
		struct link_thread *t = &l->threads[i];
		struct buf name = BUF_FIXED(t->name);

		t->link = l;
		t->dice = random_u64() | 1;
		buf_addf(&name, "link.%u", i);
		r = loop_new(t->name, &t->loop);
		if (r == 0)
			r = batch_builder_new(&t->builder, 1);
	}
	if (r < 0)
		return r;
	*ret = take(l);
	return 0;
}

static void run(void *arg)
{
	struct link_thread *t = arg;
	int r;

	timer_start(t->loop, &t->tick, TICK_MS, on_tick, t);
	r = loop_run(t->loop);
	if (r < 0)
		log_error("link", "the loop ended: %s", err_log_text(err_peek()));
}

int link_start(struct link *l)
{
	int r = 0;

	l->started = true;
	for (uint32_t i = 0; i < l->config.threads && r == 0; i++)
		r = thread_start(&l->threads[i].thread, l->threads[i].name, run, &l->threads[i]);
	return r;
}

/* On the thread itself, or after it ended. */
static void clear(struct link_thread *t)
{
	while (t->conns)
		conn_remove(t->conns);
	timer_stop(&t->tick);
}

static void on_stop(void *arg)
{
	struct link_thread *t = arg;

	clear(t);
	loop_stop(t->loop);
}

void link_stop(struct link *l)
{
	mutex_lock(&l->mutex);
	l->stopped = true;
	mutex_unlock(&l->mutex);
	for (uint32_t i = 0; l->started && i < l->config.threads; i++) {
		struct post post = { 0 };

		if (!l->threads[i].thread.started)
			continue;
		loop_send(l->threads[i].loop, &post, on_stop, &l->threads[i]);
		thread_join(&l->threads[i].thread);
	}
	l->started = false;
}

struct link *link_free(struct link *l)
{
	if (!l)
		return NULL;
	link_stop(l);
	for (uint32_t i = 0; l->threads && i < l->config.threads; i++) {
		struct link_thread *t = &l->threads[i];

		if (t->loop) {
			/* messages that came after the end, or before a start that never was */
			while (atomic_load(&t->n_waiting) && loop_step(t->loop, 0) >= 0)
				;
			clear(t);
		}
		batch_builder_free(t->builder);
		loop_free(t->loop);
	}
	control_done(l);
	sys_free(l->threads);
	mutex_done(&l->mutex);
	mutex_done(&l->dial_mutex);
	return sys_free(l);
}
