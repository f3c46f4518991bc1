/* change.c - configuration as it arrives on the engine's thread. A connection that is not named is not touched. */
#include "link/engine.h"

/* Answers to questions of what is gone find nobody. */
static void orphan(struct conn *c, const struct dev *d, const struct group_rt *g)
{
	for (uint32_t i = 0; i < DRIVER_IN_FLIGHT_MAX; i++)
		if (c->slot[i].busy && (c->slot[i].dev == d || c->slot[i].group == g))
			c->slot[i].dev = NULL, c->slot[i].group = NULL;
}

static void remove_group(struct group_rt *g)
{
	struct group_rt **at = &g->dev->groups;

	orphan(g->dev->conn, NULL, g);
	group_stop(g);
	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	group_free(g);
}

static void remove_dev(struct dev *d)
{
	struct dev **at = &d->conn->devices;

	while (d->groups)
		remove_group(d->groups);
	lane_orphan(d->conn, d);
	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	dev_free(d);
}

void conn_remove(struct conn *c)
{
	struct conn **at = &c->thread->conns;

	conn_close(c);
	while (c->devices)
		remove_dev(c->devices);
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	conn_free(c);
}

static void set_conn(struct change *m)
{
	struct conn *c = m->conn, *n = m->new_conn;
	struct arena arena;

	if (!c) {
		n->thread = m->thread;
		n->next = m->thread->conns;
		m->thread->conns = n;
		conn_state(n, n->enabled ? LINK_IDLE : LINK_DISABLED, NULL);
		return;
	}
	/* The connection stays who it is; its settings and the session made of them are exchanged. */
	conn_close(c);
	c->chain = chain_free(c->chain);
	arena = c->arena;
	c->arena = n->arena;
	n->arena = arena;
	c->config = n->config;
	c->session = n->session;
	c->frame = n->frame;
	c->end = n->end;
	c->status.at_once = n->end.in_flight;
	c->enabled = n->enabled;
	memcpy(c->name, n->name, sizeof(c->name));
	conn_free(n);
	conn_replan(c);
}

static void set_dev(struct change *m)
{
	struct dev *d = m->dev, *n = m->new_dev;
	struct dev **at = &m->conn->devices;
	struct arena arena;

	if (!d) {
		n->conn = m->conn;
		while (*at)
			at = &(*at)->next;
		*at = n;
		dev_attach(n);
		cell_write(n->cell, &n->status);
		return;
	}
	lane_orphan(m->conn, d);
	arena = d->arena;
	d->arena = n->arena;
	n->arena = arena;
	d->config = n->config;
	d->driver = n->driver;
	d->enabled = n->enabled;
	memcpy(d->name, n->name, sizeof(d->name));
	dev_free(n);
	dev_attach(d);
	for (struct group_rt *g = d->groups; g; g = g->next)
		group_plan(g);
	timer_stop(&d->probe);
	d->backoff_ms = 0;
	dev_state(d, LINK_WAITING, NULL);
}

static void set_group(struct change *m)
{
	struct group_rt *n = m->new_group, **at = &m->dev->groups;

	if (m->group)
		remove_group(m->group);
	n->dev = m->dev;
	while (*at)
		at = &(*at)->next;
	*at = n;
	group_plan(n);
	group_start(n);
	cell_write(n->cell, &n->status);
}

static void set_light(struct change *m)
{
	bool *enabled = m->kind == CHANGE_CONN_LIGHT ? &m->conn->enabled : &m->dev->enabled;

	*enabled = m->enabled;
	memcpy(m->kind == CHANGE_CONN_LIGHT ? m->conn->name : m->dev->name, m->name, LINK_NAME);
}

void change_run(void *arg)
{
	struct change *m = arg;
	struct link_thread *t = m->thread;
	struct conn *c = m->conn ? m->conn : m->new_conn;
	struct dev *only = m->dev ? m->dev : m->new_dev;

	switch (m->kind) {
	case CHANGE_CONN: set_conn(m); only = NULL; break;
	case CHANGE_DEV: set_dev(m); only = m->dev ? m->dev : m->new_dev; break;
	case CHANGE_GROUP: set_group(m); break;
	case CHANGE_CONN_LIGHT: set_light(m); only = NULL; break;
	case CHANGE_DEV_LIGHT: set_light(m); break;
	case CHANGE_GROUP_GONE: remove_group(m->group); break;
	case CHANGE_DEV_GONE: remove_dev(m->dev); only = NULL; break;
	case CHANGE_CONN_GONE: conn_remove(m->conn); c = NULL; break;
	}
	if (c) {
		conn_review(c);
		for (struct dev *d = c->devices; d; d = d->next)
			if (!only || d == only)
				dev_review(d);
	}
	sys_free(m);
	atomic_fetch_sub(&t->n_waiting, 1);
}
