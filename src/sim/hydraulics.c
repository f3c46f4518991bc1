/* hydraulics.c - see the header for the sources. */
#include "sim/hydraulics.h"

#include <math.h>

double water_viscosity(double celsius)
{
	return 2.414e-5 * pow(10, 247.8 / (celsius + 273.15 - 140)) / WATER_DENSITY;
}

static double swamee_jain(double reynolds, double rough)
{
	double x = log10(rough / 3.7 + 5.74 / pow(reynolds, 0.9));

	return 0.25 / (x * x);
}

double friction_factor(double reynolds, double rough)
{
	double laminar_end = 2000, turbulent_begin = 4000, share;

	if (reynolds <= laminar_end)
		return 64 / fmax(reynolds, 1e-9);
	if (reynolds >= turbulent_begin)
		return swamee_jain(reynolds, rough);
	share = (reynolds - laminar_end) / (turbulent_begin - laminar_end);
	return 64 / laminar_end * (1 - share) + swamee_jain(turbulent_begin, rough) * share;
}

double pipe_area(const struct pipe *p)
{
	return M_PI / 4 * p->diameter * p->diameter;
}

double pipe_inertance(const struct pipe *p)
{
	return WATER_DENSITY * p->length / pipe_area(p);
}

double pipe_loss(const struct pipe *p, double flow, double viscosity)
{
	double v = flow / pipe_area(p), reynolds = fabs(v) * p->diameter / viscosity;

	if (reynolds < 1e-6)
		return 0;
	return (friction_factor(reynolds, p->roughness / p->diameter) * p->length / p->diameter + p->minor) * WATER_DENSITY * v * fabs(v) / 2;
}

double valve_kv(const struct valve *v, double opening)
{
	double straight = 0.1, at = fmin(fmax(opening, 0), 1), low = v->leakage * v->kvs;

	if (at >= straight)
		return v->kvs * pow(v->rangeability, at - 1);
	return low + (v->kvs * pow(v->rangeability, straight - 1) - low) * at / straight;
}

double valve_loss(double kv, double flow)
{
	double q = flow * 3600 / kv;

	return 1e5 * q * fabs(q) * WATER_DENSITY / 1000;
}

double pump_head(const struct pump *p, double flow, double speed)
{
	double s = speed / p->speed;

	return p->h0 * s * s + p->h1 * flow * s + p->h2 * flow * flow;
}

double pump_torque(const struct pump *p, double flow, double speed)
{
	double s = speed / p->speed;

	return (p->p0 * s * s + p->p1 * flow * s + p->p2 * flow * flow) / p->speed;
}

double motor_torque(const struct motor *m, double sync, double speed)
{
	double slip = (sync - speed) / m->breakdown_slip;

	if (sync <= 0 || slip <= 0)
		return 0;
	return 2 * m->breakdown_torque / (slip + 1 / slip);
}

double motor_current(const struct motor *m, double torque, double sync)
{
	double k = sqrt(m->rated_current * m->rated_current - m->no_load_current * m->no_load_current) / m->rated_torque;

	return sync > 0 ? sqrt(m->no_load_current * m->no_load_current + k * k * torque * torque) : 0;
}

double motor_copper_loss(const struct motor *m, double current, double celsius)
{
	return 3 * current * current * m->resistance * (1 + 0.00393 * (celsius - 20));
}

double motor_iron_loss(const struct motor *m, double sync)
{
	return sync > 0 ? m->iron * pow(sync / m->rated_sync, 1.5) : 0;
}
