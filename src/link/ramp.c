/* ramp.c - writes that walk: a step every RAMP_MS, as far as the time since the last one allows, until the target is there. */
#include "link/engine.h"

#include <math.h>

static double target(const struct errand_rt *e)
{
	return e->value.type == V_I64 ? (double) e->value.i : e->value.type == V_F32 ? (double) e->value.f32 : e->value.f64;
}

/* Whole numbers only where whole numbers are. */
static struct value step_value(const struct errand_rt *e)
{
	bool whole = !e->conv.scaled && e->point.type != POINT_F32 && e->point.type != POINT_F64;

	return (struct value) { .type = V_F64, .f64 = whole ? rint(e->going) : e->going };
}

int ramp_walk(struct errand_rt *e)
{
	int64_t now = loop_now_ns(loop_of(e->conn));
	double to = target(e), far = e->ramp * (double) MAX(now - e->walked_ns, RAMP_MS * NS_PER_MS / 2) / NS_PER_S;

	e->walked_ns = now;
	if (to > e->at)
		e->going = MIN(e->at + far, to);
	else
		e->going = MAX(e->at - far, to);
	return lane_write(e, e->going == to ? e->value : step_value(e));
}

bool ramp_stepped(struct errand_rt *e)
{
	e->at = e->going;
	if (e->at == target(e))
		return false;
	e->result.value = (struct value) { .type = V_F64, .f64 = e->at };
	if (e->on_step)
		e->on_step(e->ctx, &e->result);
	if (e->cancelled) {
		struct err why = err_take(err_fail(ERR_CANCELLED, NULL, NULL));

		lane_end(e, ERRAND_STOPPED, &why);
		return true;
	}
	lane_again(e);
	lane_park(e, RAMP_MS);
	return true;
}
