/* cnc.c - spindle, cut, tool and coolant of a machining centre. */
#include "sim/cnc.h"

#include <math.h>

#include "sim/hydraulics.h"

/* A vertical machining centre of 15 kW with a direct-driven spindle; rounded from catalogues of its size. */
const struct cnc_design cnc_standard = {
	.inertia = 0.05, .torque = 95, .stiffness = 1,
	.rated = 15000, .peak = 22500, .efficiency = 0.88,
	.bearing_torque = 0.3, .bearing_drag = 0.0012,
	.bearing_heat = 4000, .bearing_cooling = 25,
	.unbalance = 4e-6,
	.tank_area = 0.2, .tank_height = 0.4,
	.pumped = 30e-3 / 60, .top_up = 12e-3 / 60, .lost = 0.1e-3 / 60,
	.standby = 800, .axes = 900, .pump = 750,
};

/* A bracket of C45: faced, roughed, finished. */
const struct cnc_cut cnc_program[CNC_CUTS] = {
	{ .speed = 1146, .seconds = 6 },
	{ .speed = 1146, .feed = 860, .depth = 2, .width = 40, .diameter = 50, .teeth = 5, .seconds = 12 },
	{ .speed = 3581, .seconds = 5 },
	{ .speed = 3581, .feed = 1146, .depth = 10, .width = 6, .diameter = 16, .teeth = 4, .seconds = 18 },
	{ .speed = 6366, .seconds = 5 },
	{ .speed = 6366, .feed = 955, .depth = 12, .width = 0.5, .diameter = 10, .teeth = 3, .seconds = 14 },
	{ .seconds = 8 },
};

double cnc_cutting_power(const struct cnc_cut *c, double feed, double speed, double wear)
{
	double per_tooth, chip, force;

	if (c->depth <= 0 || feed <= 0 || speed <= 0)
		return 0;
	per_tooth = feed / (speed * c->teeth);
	chip = per_tooth * sqrt(c->width / c->diameter);
	force = 1700 * pow(chip, -0.25) * (1 + 0.4 * wear);             /* N/mm² */
	return c->depth * c->width * feed * force / 60e3;               /* mm³/min · N/mm² = N mm/min */
}

double cnc_tool_life(double cutting_speed) { return 60 * pow(350 / cutting_speed, 4); }

void cnc_init(struct cnc_plant *c, const struct cnc_design *d)
{
	*c = (struct cnc_plant) { .design = *d, .is = *d, .bearing = 30, .wear = 0.3, .level = 0.75 * d->tank_height,
		.in = { .feed = 1, .speed = 1, .ambient = 24 } };
}

void cnc_set_fault(struct cnc_plant *c, enum cnc_fault fault, double severity)
{
	double x = severity > 0 ? fmin(severity, 1) : 0;        /* also a NaN is none */

	switch (fault) {
	case CNC_FAULT_LEAK: c->leak_area = 4.9e-4 * x; break;          /* a hole of up to 25 mm */
	case CNC_FAULT_FOULING: c->clogged = 0.8 * x; break;
	case CNC_FAULT_BEARING:
		c->is.bearing_torque = c->design.bearing_torque * (1 + 4 * x);
		c->is.bearing_drag = c->design.bearing_drag * (1 + 4 * x);
		break;
	case CNC_FAULT_N_: break;
	}
}

static double rpm(double speed) { return speed * 30 / M_PI; }

static double wanted_speed(const struct cnc_plant *c) { return c->in.turn ? cnc_program[c->at].speed * c->in.speed * M_PI / 30 : 0; }

/* The tool is in the material when the programme proceeds and the spindle is at its speed. */
static bool is_cutting(const struct cnc_plant *c)
{
	double wanted = wanted_speed(c);

	return c->in.go && cnc_program[c->at].depth > 0 && wanted > 0 && c->speed > 0.9 * wanted;
}

static double friction(const struct cnc_plant *c)
{
	return c->speed > 0 ? c->is.bearing_torque * fmin(1, c->speed) + c->is.bearing_drag * c->speed : 0;
}

static double coolant(const struct cnc_plant *c)
{
	return c->in.go && c->level > 0.02 ? c->is.pumped * (1 - c->clogged) : 0;
}

void cnc_now(const struct cnc_plant *c, struct cnc_now *n)
{
	const struct cnc_design *d = &c->is;
	const struct cnc_cut *cut = &cnc_program[c->at];
	double worn = d->bearing_torque / c->design.bearing_torque - 1, share = c->speed / 666, shaft = c->torque * c->speed;

	*n = (struct cnc_now) { .speed = rpm(c->speed), .bearing = c->bearing, .ambient = c->in.ambient, .wear = c->wear,
		.level = c->level / d->tank_height, .coolant = coolant(c), .load = shaft / d->rated };
	if (is_cutting(c)) {
		n->feed = cut->feed * c->in.feed;
		n->cutting = cnc_cutting_power(cut, n->feed, n->speed, c->wear);
	}
	/* Braking energy is burnt in a resistor: the grid gets none back. */
	n->power = d->standby + fmax(shaft, 0) / d->efficiency + (c->in.go ? d->axes : 0) + (n->coolant > 0 ? d->pump : 0);
	n->vibration = hypot(hypot(d->unbalance * c->speed / M_SQRT2, 0.12e-3 * n->cutting / 1e3 * (1 + 2 * c->wear)), 1.3e-3 * worn * share);
}

static void proceed(struct cnc_plant *c, double seconds, bool cutting)
{
	if (!c->in.go || (cnc_program[c->at].depth > 0 && !cutting))
		return;
	c->in_cut += seconds * (cutting ? c->in.feed : 1);
	if (c->in_cut < cnc_program[c->at].seconds)
		return;
	c->in_cut = 0;
	c->at = (c->at + 1) % CNC_CUTS;
	c->parts += c->at == 0;
}

void cnc_step(struct cnc_plant *c, double seconds)
{
	const struct cnc_design *d = &c->is;
	double rub = friction(c), against, leak, most = fmin(d->torque, d->peak / fmax(c->speed, 1));
	bool cutting = is_cutting(c);
	struct cnc_now n;

	cnc_now(c, &n);
	against = rub + (n.cutting > 0 ? n.cutting / c->speed : 0);
	c->torque = fmin(fmax(against + d->stiffness * (wanted_speed(c) - c->speed), -most), most);
	if (wanted_speed(c) == 0 && c->speed < 0.5) {
		c->torque = 0;
		c->speed = 0;
	}
	c->electric += n.power * seconds;
	c->cut += n.cutting * seconds;
	c->bearing += (rub * c->speed - d->bearing_cooling * (c->bearing - c->in.ambient)) / d->bearing_heat * seconds;
	if (cutting) {
		double around = M_PI * cnc_program[c->at].diameter / 1e3 * n.speed, dry = 1 - n.coolant / d->pumped;

		c->wear += seconds / cnc_tool_life(around) * (1 + 2 * dry);
	}
	leak = 0.6 * c->leak_area * sqrt(2 * GRAVITY * c->level);
	c->level += ((c->level < 0.7 * d->tank_height ? d->top_up : 0) - (n.coolant > 0 ? d->lost : 0) - leak) / d->tank_area * seconds;
	c->level = fmax(c->level, 0);
	c->speed = fmax(c->speed + (c->torque - against) / d->inertia * seconds, 0);
	proceed(c, seconds, cutting);
}
