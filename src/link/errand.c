/* errand.c - errands, guests and plans on their way to the thread that lives with the connection. */
#include "link/engine.h"

#include "base/str.h"

enum { WITHIN_MS = 5000 };

/* ---- sending ---- */

static void send(struct link_thread *t, struct post *p, const char *name, void (*fn)(void *arg), void *arg)
{
	atomic_fetch_add(&t->n_waiting, 1);
	loop_send_named(t->loop, p, name, fn, arg);
}

static void arrived(struct link_thread *t) { atomic_fetch_sub(&t->n_waiting, 1); }

static void on_errand(void *arg)
{
	struct errand_rt *e = arg;
	struct link_thread *t = e->thread;

	lane_add(e);
	arrived(t);
}

/* ---- errands ---- */

/* What the driver must be able to do for each kind. */
static int can(const struct driver *d, enum errand_kind kind)
{
	static const uint32_t caps[] = { [ERRAND_OPEN] = 0, [ERRAND_WRITE] = DRIVER_WRITE, [ERRAND_READ] = DRIVER_READ, [ERRAND_PEEK] = DRIVER_PEEK,
		[ERRAND_GREET] = DRIVER_SCAN };

	if ((d->caps & caps[kind]) == caps[kind])
		return 0;
	return err_fail(ERR_REFUSED, "what", d->title, "detail", "@driver_cannot", NULL);
}

static int take_point(struct errand_rt *e, const struct errand *in, const struct driver *d)
{
	const struct point *p = in->point;
	int r = p ? d->parse_address(p, e->address) : 0;

	if (r < 0 || !p)
		return r < 0 ? err_at(r, "address") : 0;
	e->point = (struct driver_point) { .address = e->address, .type = p->type };
	e->conv = conv_of(p);
	e->vtype = (uint8_t) point_vtype(p);
	e->is_read = p->access != POINT_WRITE;
	e->series = in->series;
	e->store = in->store;
	return 0;
}

static int take_value(struct errand_rt *e, const struct errand *in)
{
	e->value = in->value;
	if (in->value.type != V_STR && in->value.type != V_BYTES)
		return 0;
	if (in->value.len > sizeof(e->text))
		return err_at(err_fail(ERR_TOO_LARGE, "what", "value", "max", "256", NULL), "value");
	memcpy(e->text, in->value.s, in->value.len);
	e->value.s = e->text;
	return 0;
}

static int take_device(struct errand_rt *e, const struct errand *in, const struct driver *d)
{
	struct device device = { .code = "", .config = in->config, .enabled = true };

	return in->config ? dev_build(d, &device, &e->own) : 0;
}

static int fill(struct errand_rt *e, const struct errand *in, const struct driver *d)
{
	int r = can(d, in->kind);

	e->kind = in->kind;
	e->count = in->count;
	e->within_ms = in->within_ms ? in->within_ms : WITHIN_MS;
	e->patient = in->patient;
	e->ramp = in->ramp;
	e->on_step = in->on_step;
	e->on_end = in->on_end;
	e->ctx = in->ctx;
	if (r == 0)
		r = take_device(e, in, d);
	if (r == 0)
		r = take_point(e, in, d);
	return r < 0 ? r : take_value(e, in);
}

static int find(struct link *l, const struct errand *in, struct target *ret)
{
	if (in->guest) {
		*ret = (struct target) { .thread = in->guest->thread, .driver = in->guest->driver, .conn = in->guest->conn };
		return 0;
	}
	if (in->connection)
		return control_find(l, in->connection, LINK_CONNECTION, "@connection", ret);
	return control_find(l, in->device, LINK_DEVICE, "@device", ret);
}

int link_errand(struct link *l, const struct errand *in, uint64_t *ret_ticket)
{
	struct errand_rt *e = sys_new(struct errand_rt);
	struct target t = { 0 };
	int r = e ? 0 : err_fail(ERR_NO_MEMORY, "what", "@record", NULL);

	mutex_hold(&l->mutex);
	if (r == 0)
		r = control_runs(l);
	if (r == 0)
		r = find(l, in, &t);
	if (r == 0)
		r = fill(e, in, t.driver);
	if (r < 0) {
		if (e)
			errand_free(e);
		return r;
	}
	e->thread = t.thread;
	e->conn = t.conn;
	e->dev = in->guest || in->connection ? NULL : t.live;
	e->ticket = ++l->next_ticket;
	if (ret_ticket)
		*ret_ticket = e->ticket;
	send(e->thread, &e->post, "errand", on_errand, e);
	return 0;
}

struct cancel { struct post post; struct link_thread *thread; uint64_t ticket; };

static void on_cancel(void *arg)
{
	struct cancel *m = arg;
	struct errand_rt *found = NULL;

	for (struct conn *c = m->thread->conns; c; c = c->next)
		for (struct errand_rt *e = c->lane; e; e = e->next)
			if (e->ticket == m->ticket)
				found = e;
	if (found)
		lane_cancel(found);
	arrived(m->thread);
	sys_free(m);
}

void link_errand_cancel(struct link *l, uint64_t ticket)
{
	mutex_hold(&l->mutex);
	for (uint32_t i = 0; i < l->config.threads && !l->stopped; i++) {
		struct cancel *m = sys_new(struct cancel);

		if (!m) {
			log_warn("link", "no memory to cancel: it ends by its own time");
			return;
		}
		*m = (struct cancel) { .thread = &l->threads[i], .ticket = ticket };
		send(m->thread, &m->post, "cancel", on_cancel, m);
	}
}

/* ---- guests ---- */

static void on_guest(void *arg)
{
	struct link_guest *g = arg;
	struct conn *c = g->conn;

	c->thread = g->thread;
	c->next = g->thread->conns;
	g->thread->conns = c;
	arrived(g->thread);
}

int link_guest_open(struct link *l, uint32_t tenant, const struct connection *connection, struct link_guest **ret)
{
	const struct driver *d = driver_find(connection->driver);
	_cleanup_free_ struct link_guest *g = NULL;
	struct conn *c = NULL;
	int r;

	if (!d)
		return err_at(err_fail(ERR_MISSING, "what", "@driver", "value", connection->driver, NULL), "driver");
	mutex_hold(&l->mutex);
	r = control_runs(l);
	if (r < 0)
		return r;
	g = sys_new(struct link_guest);
	r = g ? conn_build(tenant, connection, d, &c) : err_fail(ERR_NO_MEMORY, "what", "@connection", NULL);
	if (r == 0)
		r = cell_new(&c->cell, &c->status);
	if (r < 0) {
		conn_free(c);
		return r;
	}
	c->enabled = c->is_guest = true;
	*g = (struct link_guest) { .driver = d, .conn = c, .thread = &l->threads[c->end.transport == DRIVER_DIAL_IN ? 0 : l->next_thread] };
	l->next_thread = (l->next_thread + 1) % l->config.threads;
	*ret = g;
	send(g->thread, &g->post, "guest", on_guest, g);
	take(g);
	return 0;
}

static void on_leave(void *arg)
{
	struct link_guest *g = arg;
	struct link_thread *t = g->thread;

	conn_remove(g->conn);
	if (g->on_closed)
		g->on_closed(g->ctx);
	sys_free(g);
	arrived(t);
}

void link_guest_close(struct link *l, struct link_guest *g, void (*on_closed)(void *ctx), void *ctx)
{
	if (!g)
		return;
	mutex_hold(&l->mutex);
	if (!l->stopped) {
		g->on_closed = on_closed;
		g->ctx = ctx;
		send(g->thread, &g->leave, "guest leaves", on_leave, g);
		return;
	}
	/* its connection went with all others */
	sys_free(g);
	if (on_closed)
		on_closed(ctx);
}

/* ---- plans ---- */

struct plan {
	struct post post;
	struct link_thread *thread;
	struct group_rt *group;
	void (*on_plan)(void *ctx, const struct link_request *requests, uint32_t n);
	void *ctx;
	uint32_t n;
	struct link_request request[];
};

static void show(const struct group_rt *g, uint32_t i, struct link_request *ret)
{
	const struct request *q = &g->request[i];
	int64_t now = loop_now_ns(loop_of(g->dev->conn));
	struct buf b = BUF_FIXED(ret->range);

	*ret = (struct link_request) { .points = q->q.count, .items = q->q.items, .holes = q->q.holes, .last_us = q->last_us, .worst_us = q->worst_us,
		.asked = q->asked, .failed = q->failed, .is_failing = q->state == REQUEST_FAILED || q->retry_ns > now,
		.retry_ns = q->retry_ns > now ? clock_now_ns() + (q->retry_ns - now) : 0 };
	g->dev->conn->driver->show(&q->q, &b);
}

static void on_plan(void *arg)
{
	struct plan *m = arg;

	for (uint32_t i = 0; i < m->group->n_requests && i < m->n; i++)
		show(m->group, i, &m->request[i]);
	m->on_plan(m->ctx, m->request, MIN(m->n, m->group->n_requests));
	arrived(m->thread);
	sys_free(m);
}

int link_plan(struct link *l, const struct uuid *group, void (*told)(void *ctx, const struct link_request *requests, uint32_t n), void *ctx)
{
	struct target t;
	struct plan *m;
	int r;

	mutex_hold(&l->mutex);
	r = control_runs(l);
	if (r == 0)
		r = control_find(l, group, LINK_GROUP, "@group", &t);
	if (r < 0)
		return r;
	m = sys_alloc(sizeof(*m) + LINK_PLAN_MAX * sizeof(m->request[0]));
	if (!m)
		return err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	m->thread = t.thread;
	m->group = t.live;
	m->on_plan = told;
	m->ctx = ctx;
	m->n = LINK_PLAN_MAX;
	send(m->thread, &m->post, "plan", on_plan, m);
	return 0;
}
