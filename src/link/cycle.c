/*
 * cycle.c - when a group is due and what it asks next.
 *
 * Due times are whole multiples of the period in wall time, so nothing drifts and groups of one period agree; the timer itself is
 * monotonic. Among the cycles of a connection the one whose deadline is nearest asks first, and of equal ones the one whose last cycle
 * is longest ago; a cycle that is still asking when the next is due goes on, and the next one is missed. So a line that is asked for
 * more than it can gives every group of one period as many turns.
 */
#include "link/engine.h"

void group_publish(struct group_rt *g)
{
	const struct link_config *f = config_of(g->dev->conn);
	enum link_state before = g->status.state, s;
	uint64_t known = g->status.planned < 64 ? g->status.planned : 64;
	uint32_t wrong = 0;

	g->status.n_requests = g->n_requests;
	g->status.n_bad = g->n_bad;
	g->status.p50_us = hist_quantile(&g->took, 0.5);
	g->status.p99_us = hist_quantile(&g->took, 0.99);
	g->status.jitter_p99_us = hist_quantile(&g->late, 0.99);
	g->status.achieved = known ? (float) __builtin_popcountll(known < 64 ? g->history & ((UINT64_C(1) << known) - 1) : g->history) / (float) known : 0;
	for (uint32_t i = 0; i < g->n_requests; i++)
		wrong += g->request[i].state == REQUEST_FAILED || g->request[i].retry_ns != 0;
	if (!group_is_on(g))
		s = LINK_DISABLED;
	else if (g->n_read == 0)
		s = LINK_IDLE;
	else if (g->dev->status.state != LINK_UP)
		s = g->dev->status.state == LINK_SILENT ? LINK_SILENT : LINK_WAITING;
	else if (wrong && g->n_bad)
		s = LINK_PARTLY;
	else
		s = known >= 8 && g->status.achieved < 0.9f ? LINK_LATE : LINK_UP;
	if (s == LINK_UP || s == LINK_LATE)
		g->status.reason = (struct err) { .kind = ERR_NONE };
	if (s != before)
		g->status.since_ns = clock_now_ns();
	g->status.state = (uint8_t) s;
	cell_write(g->cell, &g->status);
	if (s != before && f->on_state)
		f->on_state(f->ctx, &g->status);
}

/* ---- asking ---- */

static void activate(struct group_rt *g)
{
	struct conn *c = g->dev->conn;

	if (g->is_active)
		return;
	g->is_active = true;
	g->active_prev = NULL;
	g->active_next = c->active;
	if (c->active)
		c->active->active_prev = g;
	c->active = g;
}

static void deactivate(struct group_rt *g)
{
	if (!g->is_active)
		return;
	g->is_active = false;
	if (g->active_prev)
		g->active_prev->active_next = g->active_next;
	else
		g->dev->conn->active = g->active_next;
	if (g->active_next)
		g->active_next->active_prev = g->active_prev;
	g->active_next = g->active_prev = NULL;
}

static bool is_before(const struct group_rt *a, const struct group_rt *b)
{
	return a->deadline_ns != b->deadline_ns ? a->deadline_ns < b->deadline_ns : (int32_t) (a->turn - b->turn) < 0;
}

bool cycle_next(struct conn *c, int64_t now, struct group_rt **ret, uint32_t *ret_request)
{
	struct group_rt *best = NULL;

	for (struct group_rt *g = c->active; g; g = g->active_next)
		if (!best || is_before(g, best))
			best = g;
	if (!best)
		return false;
	while (best->request[best->cursor].state != REQUEST_TODO)
		best->cursor++;
	*ret = best;
	*ret_request = best->cursor;
	return true;
}

static void cycle_end(struct group_rt *g)
{
	int64_t now = loop_now_ns(loop_of(g->dev->conn));
	uint32_t took = (uint32_t) MIN((now - g->begun_ns) / NS_PER_US, (int64_t) UINT32_MAX);

	g->running = false;
	g->turn = g->dev->conn->turn;
	deactivate(g);
	if (g->cycle_failed)
		g->status.failed++;
	else {
		g->status.done++;
		g->history |= 1;
		g->status.last_us = took;
		hist_add(&g->took, took);
	}
	row_flush(g);
	group_publish(g);
}

/* A probe may belong to a group that runs no cycle: then it is only an answer. */
static void check_end(struct group_rt *g)
{
	if (g->running && g->todo == 0 && g->open == 0)
		cycle_end(g);
	else if (!g->running)
		row_flush(g);
	else if (g->n_fresh && loop_now_ns(loop_of(g->dev->conn)) - g->row_mono_ns >= config_of(g->dev->conn)->row_ms * NS_PER_MS)
		row_flush(g);
}

void cycle_sent(struct group_rt *g, uint32_t request, int64_t now)
{
	if (g->request[request].state == REQUEST_TODO && --g->todo == 0)
		deactivate(g);
	g->request[request].state = REQUEST_SENT;
	g->open++;
	if (g->running && !g->first_sent) {
		g->first_sent = true;
		if (!g->kicked)
			hist_add(&g->late, (uint32_t) CLAMP((now - g->wanted_ns) / NS_PER_US, INT64_C(0), (int64_t) UINT32_MAX));
	}
}

void cycle_settled(struct group_rt *g, uint32_t request, bool good)
{
	struct request *q = &g->request[request];

	if (q->state == REQUEST_SENT)
		g->open--;
	else if (q->state == REQUEST_TODO && --g->todo == 0)
		deactivate(g);
	q->state = good ? REQUEST_DONE : REQUEST_FAILED;
	/* What is known to be refused does not make every cycle a failed one. */
	if (!good && q->retry_ns == 0)
		g->cycle_failed = true;
	check_end(g);
}

void cycle_abort(struct group_rt *g)
{
	if (!g->running)
		return;
	for (uint32_t i = 0; g->todo && i < g->n_requests; i++)
		if (g->request[i].state == REQUEST_TODO) {
			g->request[i].state = REQUEST_IDLE;
			g->todo--;
		}
	deactivate(g);
	g->cycle_failed = true;
	check_end(g);
}

/* One question becomes two, both still to be asked in this cycle. false: there is no memory for that. */
bool cycle_split(struct group_rt *g, uint32_t request, const struct driver_request half[2])
{
	struct conn *c = g->dev->conn;

	if (!group_room(g, (g->n_requests + 1) * sizeof(g->request[0])))
		return false;
	memmove(&g->request[request + 2], &g->request[request + 1], (g->n_requests - request - 1) * sizeof(g->request[0]));
	g->n_requests++;
	for (uint32_t i = 0; i < DRIVER_IN_FLIGHT_MAX; i++)
		if (c->slot[i].busy && c->slot[i].group == g && c->slot[i].request > request)
			c->slot[i].request++;
	g->open--;
	for (int i = 0; i < 2; i++)
		g->request[request + (uint32_t) i] = (struct request) { .q = half[i], .state = g->running ? REQUEST_TODO : REQUEST_IDLE };
	if (!g->running)
		return true;
	g->todo += 2;
	g->cursor = MIN(g->cursor, request);
	activate(g);
	return true;
}

void cycle_begin(struct group_rt *g, int64_t now)
{
	if (g->running || !group_is_on(g) || g->n_read == 0)
		return;
	g->kicked = true;
	g->status.planned++;
	g->history <<= 1;
	g->deadline_ns = now + g->period_ms * NS_PER_MS;
	g->begun_ns = now;
	g->running = true;
	g->cycle_failed = g->first_sent = false;
	g->cursor = 0;
	for (uint32_t i = 0; i < g->n_requests; i++) {
		struct request *q = &g->request[i];

		if (q->state == REQUEST_SENT || q->retry_ns > now)
			continue;       /* asked as a probe; or not to be asked for a while */
		q->retry_ns = 0;
		q->state = REQUEST_TODO;
		g->todo++;
	}
	if (g->todo)
		activate(g);
	else
		check_end(g);
}

/* ---- when ---- */

static void on_due(void *arg);

/* What passes between reading one clock and the other must not decide which of two groups is first: the difference is kept while it holds. */
static int64_t wall_ahead(struct link_thread *t, int64_t wall, int64_t mono)
{
	int64_t change = wall - mono - t->wall_ahead_ns;

	if (change > NS_PER_MS || change < -NS_PER_MS)
		t->wall_ahead_ns = wall - mono;
	return t->wall_ahead_ns;
}

static void arm(struct group_rt *g)
{
	int64_t period = g->period_ms * NS_PER_MS, wall = clock_now_ns(), mono = clock_mono_ns();
	int64_t next = (wall / period + 1) * period;

	/* The timer may fire a moment early by the wall clock: not the same instant twice. After a step back by more, begin anew. */
	if (next <= g->due_wall_ns && g->due_wall_ns - next < period)
		next = g->due_wall_ns + period;
	g->due_wall_ns = next;
	g->due_ns = next - wall_ahead(g->dev->conn->thread, wall, mono);
	timer_start_at(loop_of(g->dev->conn), &g->due, g->due_ns, on_due, g);
}

static void on_due(void *arg)
{
	struct group_rt *g = arg;
	struct dev *d = g->dev;
	int64_t now = loop_now_ns(loop_of(d->conn)), due = g->due_ns, period = g->period_ms * NS_PER_MS;
	uint64_t skipped = now > due ? (uint64_t) ((now - due) / period) : 0;

	if (group_is_on(g) && g->n_read) {
		if (skipped) {
			g->status.planned += skipped;
			g->status.missed += skipped;
			g->history = skipped < 64 ? g->history << skipped : 0;
		}
		if (g->running || d->status.state != LINK_UP) {
			g->status.planned++;
			g->history <<= 1;
			if (g->running)
				g->status.missed++;
			else
				g->status.failed++;
			group_publish(g);
		} else {
			cycle_begin(g, now);
			g->kicked = false;
			g->wanted_ns = due;
			g->deadline_ns = due + period;
		}
	}
	arm(g);
	conn_pump(d->conn);
}

void group_plan(struct group_rt *g)
{
	struct dev *d = g->dev;
	struct conn *c = d->conn;
	struct driver_request *planned;

	if (!group_room(g, g->n * REQUEST_ROOM)) {
		log_error("link", "group %s: no memory for a new plan, the old one stays", g->name);
		return;
	}
	/* what is on its way belongs to the old plan */
	for (uint32_t i = 0; i < DRIVER_IN_FLIGHT_MAX; i++)
		if (c->slot[i].busy && c->slot[i].group == g)
			c->slot[i].dev = NULL;
	if (g->running) {
		g->todo = g->open = 0;
		deactivate(g);
		g->running = false;
		g->status.failed++;
	}
	planned = (struct driver_request *) (g->request + g->n);
	g->n_requests = g->n_read ? c->driver->plan(d->driver, g->point, g->n_read, planned) : 0;
	g->status.items = 0;
	g->open = 0;
	for (uint32_t i = 0; i < g->n_requests; i++) {
		g->request[i] = (struct request) { .q = planned[i] };
		g->status.items += planned[i].items;
	}
	group_room(g, g->n_requests * sizeof(g->request[0]));
}

void group_start(struct group_rt *g)
{
	g->due_wall_ns = 0;
	arm(g);
}

void group_stop(struct group_rt *g)
{
	timer_stop(&g->due);
	deactivate(g);
	g->running = false;
}
