/* gate.c - see gate.h. */
#include "api/gate.h"

#include "base/err.h"
#include "base/num.h"

void gate_init(struct gate *g, unsigned most)
{
	*g = (struct gate) { .most = MAX(most, 1u), .of_tenant = MAX(most * 3 / 4, 1u), .of_one = MAX(most / 2, 1u) };
	mutex_init(&g->mutex);
}

void gate_done(struct gate *g) { mutex_done(&g->mutex); }

/* --- With the mutex held */

static void append(struct gate_list *l, struct gated *x)
{
	x->before = l->last;
	x->after = NULL;
	*(l->last ? &l->last->after : &l->first) = x;
	l->last = x;
}

static void take_out(struct gate_list *l, struct gated *x)
{
	*(x->before ? &x->before->after : &l->first) = x->after;
	*(x->after ? &x->after->before : &l->last) = x->before;
	x->before = x->after = NULL;
	x->state = GATED_NOT;
}

struct few { unsigned tenant, one; };

static struct few count(const struct gate_list *l, const struct gated *x)
{
	struct few n = { 0 };

	for (const struct gated *y = l->first; y; y = y->after) {
		n.tenant += y->tenant == x->tenant;
		n.one += y->tenant == x->tenant && uuid_equal(&y->who, &x->who);
	}
	return n;
}

static bool has_room(const struct gate *g, const struct gated *x)
{
	struct few n = count(&g->running, x);

	return g->n_running < g->most && n.tenant < g->of_tenant && n.one < g->of_one;
}

static void run(struct gate *g, struct gated *x)
{
	append(&g->running, x);
	x->state = GATED_RUNS;
	g->n_running++;
}

static void stop_waiting(struct gate *g, struct gated *x)
{
	take_out(&g->waiting, x);
	g->n_waiting--;
}

/* --- From outside */

static int too_many(const struct gate *g)
{
	char max[NUM_TEXT_MAX];

	num_format_u64(max, g->of_one);
	return err_fail(ERR_LIMIT, "what", "@queries_at_once", "max", max, NULL);
}

int gate_enter(struct gate *g, struct gated *x)
{
	mutex_hold(&g->mutex);

	/* Who waited before goes before, as far as there is room for him: gate_next() has seen to that. */
	if (has_room(g, x)) {
		run(g, x);
		return 0;
	}
	if (g->n_waiting == GATE_WAITING_MAX || count(&g->waiting, x).one == GATE_WAITING_OF_ONE) {
		g->n_refused++;
		return too_many(g);
	}
	append(&g->waiting, x);
	x->state = GATED_WAITS;
	g->n_waiting++;
	g->n_waited++;
	return 1;
}

void gate_leave(struct gate *g, struct gated *x)
{
	mutex_hold(&g->mutex);

	if (x->state == GATED_RUNS) {
		take_out(&g->running, x);
		g->n_running--;
	}
}

struct gated *gate_next(struct gate *g)
{
	mutex_hold(&g->mutex);

	for (struct gated *x = g->waiting.first; x; x = x->after)
		if (has_room(g, x)) {
			stop_waiting(g, x);
			run(g, x);
			return x;
		}
	return NULL;
}

bool gate_waits(struct gate *g, const struct gated *x)
{
	mutex_hold(&g->mutex);

	return x->state == GATED_WAITS;
}

bool gate_drop(struct gate *g, struct gated *x)
{
	mutex_hold(&g->mutex);

	if (x->state != GATED_WAITS)
		return false;
	stop_waiting(g, x);
	g->n_refused++;
	return true;
}

struct gated *gate_drop_any(struct gate *g)
{
	mutex_hold(&g->mutex);
	struct gated *x = g->waiting.first;

	if (x)
		stop_waiting(g, x);
	return x;
}

struct gate_stats gate_stats(struct gate *g)
{
	mutex_hold(&g->mutex);

	return (struct gate_stats) { g->n_running, g->n_waiting, g->n_waited, g->n_refused };
}

int gate_waited_too_long(const struct gate *g) { return too_many(g); }
