/*
 * station.c - the balances. look() finds every flow, pressure and torque that a state implies; slope() turns them into the rates of the
 * state; station_step() integrates. An energy term that leaves one line of slope() appears in another: keep it so.
 */
#include "sim/station.h"

#include <math.h>

/* 15 kW, 4 poles, 100 m³/h against 32 m: catalogue data of the size 80-200 of common end-suction pumps (ISO 2858), rounded. */
const struct station_design station_standard = {
	.sump = { .area = 8, .elevation = 0, .height = 3.5, .loss = 60 },
	.tank = { .area = 4, .elevation = 20, .height = 4, .loss = 80 },
	.pipe = { .length = 600, .diameter = 0.15, .roughness = 0.1e-3, .minor = 8 },
	.pipe_cooling = 600,
	.valve = { .kvs = 250, .rangeability = 50, .leakage = 0.001 },
	.valve_stroke_s = 30,
	.pump = { .h0 = 40, .h1 = 0, .h2 = -10368, .p0 = 5000, .p1 = 261211, .p2 = -1.758e6, .speed = 152.9 },
	.motor = { .breakdown_torque = 265, .breakdown_slip = 26, .rated_torque = 98, .rated_current = 29, .no_load_current = 12,
		.resistance = 0.25, .iron = 280, .rated_sync = 157.08 },
	.inertia = 0.18,
	.drive_ramp_s = 8,
	.drive_loss = 0.03,
	.winding_heat = 18000, .winding_cooling = 17,
	.bearing_torque = 0.35, .bearing_drag = 0.0025,
	.bearing_heat = 4000, .bearing_cooling = 3.2,
	.strainer = 4e6,
	.supply_max = 0.042, .supply_gain = 0.08, .supply_level = 2.6,
	.weir = 0.6,
	.unbalance = 16e-6,
};

static const char *const fault_names[] = {
#define FAULT(id, name, en, zh) name,
#include "sim/pump_faults.def"
#undef FAULT
};

const char *station_fault_name(enum station_fault fault)
{
	return (unsigned) fault < FAULT_N_ ? fault_names[fault] : "";
}

static double level_of(const struct vessel *v, double mass) { return mass / (WATER_DENSITY * v->area); }

void station_init(struct station *s, const struct station_design *d)
{
	*s = (struct station) { .design = *d, .is = *d, .in = { .speed = 1, .valve = 1, .ambient = 18, .supply_temp = 12, .demand = 0 } };
	s->y[Y_SUMP] = WATER_DENSITY * d->sump.area * 2.2;
	s->y[Y_TANK] = WATER_DENSITY * d->tank.area * 2.0;
	s->y[Y_SUMP_HEAT] = s->y[Y_SUMP] * WATER_HEAT * 13;
	s->y[Y_TANK_HEAT] = s->y[Y_TANK] * WATER_HEAT * 14;
	s->y[Y_PIPE_HEAT] = WATER_DENSITY * d->pipe.length * pipe_area(&d->pipe) * WATER_HEAT * 14;
	s->y[Y_WINDING] = s->y[Y_BEARING] = 18;
	s->y[Y_VALVE] = 1;
}

void station_set_fault(struct station *s, enum station_fault fault, double severity)
{
	const struct station_design *d = &s->design;
	double x = severity > 0 ? fmin(severity, 1) : 0;        /* also a NaN is none */

	if ((unsigned) fault >= FAULT_N_)
		return;
	s->fault[fault] = x;
	switch (fault) {
	case FAULT_LEAK: s->leak_area = 3e-4 * x; break;                        /* a hole of up to 20 mm */
	case FAULT_WEAR:                                                        /* vanes 12 % of head, rings 15 m³/h at 32 m */
		s->is.pump.h0 = d->pump.h0 * (1 - 0.12 * x);
		s->ring_leak = 7.4e-4 * x;
		break;
	case FAULT_BLOCKED: s->blocked = 0.95 * x; break;
	case FAULT_FOULING:                                                     /* roughness to 3 mm, 8 % of the bore */
		s->is.pipe.roughness = d->pipe.roughness + 2.9e-3 * x;
		s->is.pipe.diameter = d->pipe.diameter * (1 - 0.08 * x);
		break;
	case FAULT_BEARING:
		s->is.bearing_torque = d->bearing_torque * (1 + 6 * x);
		s->is.bearing_drag = d->bearing_drag * (1 + 4 * x);
		break;
	case FAULT_UNBALANCE: s->is.unbalance = d->unbalance * (1 + 6 * x); break;
	case FAULT_STRAINER: s->is.strainer = d->strainer * (1 + 24 * x); break;
	case FAULT_SUPPLY: s->is.supply_max = d->supply_max * (1 - x); break;
	case FAULT_COOLING: s->is.winding_cooling = d->winding_cooling * (1 - 0.7 * x); break;
	case FAULT_N_: break;
	}
}

/* The head at an impeller flow, which includes what slips back through the wear rings. Below 0.1 m of water in the sump it draws air. */
static double head_at(const struct station *s, const double *y, const struct station_now *n, double impeller)
{
	return pump_head(&s->is.pump, impeller, y[Y_SPEED]) * fmin(1, n->sump_level / 0.1);
}

struct node { double head, suction, discharge, leak, impeller; };

/* The node behind the pump if so much goes through the impeller. Returns how much more than flow + leak + ring slip that is. */
static double node_at(const struct station *s, const double *y, const struct station_now *n, double impeller, struct node *ret)
{
	double slip, through;

	ret->impeller = impeller;
	ret->head = head_at(s, y, n, impeller);
	slip = s->ring_leak * sqrt(fmax(ret->head, 0));
	through = impeller - slip;
	ret->suction = WATER_DENSITY * GRAVITY * (s->is.sump.elevation + n->sump_level) - s->is.strainer * through * fabs(through);
	ret->discharge = ret->suction + WATER_DENSITY * GRAVITY * ret->head;
	ret->leak = s->leak_area * 0.6 * sqrt(2 * fmax(ret->discharge, 0) / WATER_DENSITY);     /* Torricelli, sharp edge 0.6 */
	return through - ret->leak - y[Y_FLOW];
}

/* The surplus grows with the impeller's flow (the head falls), so it has one zero: regula falsi with the Illinois rule. */
static struct node solve_node(const struct station *s, const double *y, const struct station_now *n)
{
	struct node at;
	double low = y[Y_FLOW], high = y[Y_FLOW], below = node_at(s, y, n, low, &at), above;

	if (s->ring_leak == 0 && s->leak_area == 0)
		return at;
	do {
		high += 0.01;
		above = node_at(s, y, n, high, &at);
	} while (above < 0 && high < 1);
	for (int i = 0, side = 0; i < 60; i++) {
		double mid = (low * above - high * below) / (above - below), surplus = node_at(s, y, n, mid, &at);

		if (fabs(surplus) < 1e-13)
			break;
		if (surplus < 0) {
			low = mid, below = surplus;
			above = side == -1 ? above / 2 : above;
			side = -1;
		} else {
			high = mid, above = surplus;
			below = side == 1 ? below / 2 : below;
			side = 1;
		}
	}
	return at;
}

static void look(const struct station *s, const double *y, struct station_now *n)
{
	const struct station_design *d = &s->is;
	double pipe_mass = WATER_DENSITY * s->design.pipe.length * pipe_area(&s->design.pipe);
	double over, load = s->design.pump.speed > 0 ? y[Y_SPEED] / s->design.pump.speed : 0, off_best;
	struct node at;

	n->sump_level = level_of(&d->sump, y[Y_SUMP]);
	n->tank_level = level_of(&d->tank, y[Y_TANK]);
	n->sump_temp = y[Y_SUMP_HEAT] / (fmax(y[Y_SUMP], 1) * WATER_HEAT);
	n->tank_temp = y[Y_TANK_HEAT] / (fmax(y[Y_TANK], 1) * WATER_HEAT);
	n->pipe_temp = y[Y_PIPE_HEAT] / (pipe_mass * WATER_HEAT);
	n->winding_temp = y[Y_WINDING];
	n->bearing_temp = y[Y_BEARING];
	n->ambient = s->in.ambient;
	n->flow = y[Y_FLOW];
	n->speed = y[Y_SPEED];
	n->valve = y[Y_VALVE];
	at = solve_node(s, y, n);
	n->leak = at.leak;
	n->head = at.head;
	n->suction_pressure = at.suction;
	n->discharge_pressure = at.discharge;
	n->supply = fmin(fmax(d->supply_gain * (d->supply_level - n->sump_level), 0), d->supply_max);
	n->demand = s->in.demand * fmin(fmax(n->tank_level / 0.2, 0), 1);
	over = fmax(n->tank_level - d->tank.height, 0);
	n->overflow = 1.84 * d->weir * over * sqrt(over);       /* Francis: Q = 1.84 b h^1.5 */
	n->torque = motor_torque(&d->motor, y[Y_SYNC], y[Y_SPEED]);
	n->current = motor_current(&d->motor, n->torque, y[Y_SYNC]);
	n->frequency = 50 * y[Y_SYNC] / d->motor.rated_sync;
	n->power = n->torque * y[Y_SYNC] + motor_copper_loss(&d->motor, n->current, y[Y_WINDING]) + motor_iron_loss(&d->motor, y[Y_SYNC]);
	n->drive_power = n->power * (1 + d->drive_loss);
	/* Not a balance but a rule of thumb: unbalance e·ω/√2, a dry bearing, and recirculation away from the best point (Gülich 10.7). */
	off_best = fmax(0, 1 - n->flow / 0.028) * load * load;
	n->vibration = hypot(hypot(d->unbalance * y[Y_SPEED] / M_SQRT2, 0.9e-3 * off_best),
		0.5e-3 * load * (d->bearing_torque / s->design.bearing_torque - 1));
}

static void slope(const struct station *s, const double *y, double viscosity, double *dy)
{
	const struct station_design *d = &s->is;
	const struct station_inputs *in = &s->in;
	struct station_now n;
	double through, kv, pipe_drop, valve_drop, suction_drop, shaft_torque, bearing, pump_heat, sync_wanted, sync_rate, push;
	double sump_warms, tank_warms, pipe_warms, winding_warms, bearing_warms, stroke, top = d->tank.elevation, rho = WATER_DENSITY;

	look(s, y, &n);
	through = n.flow + n.leak;
	kv = valve_kv(&d->valve, y[Y_VALVE]) * (1 - s->blocked);
	pipe_drop = pipe_loss(&d->pipe, n.flow, viscosity);
	valve_drop = valve_loss(kv, n.flow);
	suction_drop = rho * GRAVITY * (d->sump.elevation + n.sump_level) - n.suction_pressure;
	push = n.discharge_pressure - rho * GRAVITY * (top + n.tank_level) - pipe_drop - valve_drop;

	shaft_torque = pump_torque(&d->pump, n.flow + n.leak + s->ring_leak * sqrt(fmax(n.head, 0)), y[Y_SPEED]) * fmin(1, n.sump_level / 0.1);
	bearing = y[Y_SPEED] > 0 ? d->bearing_torque * fmin(1, y[Y_SPEED]) + d->bearing_drag * y[Y_SPEED] : 0;
	pump_heat = shaft_torque * y[Y_SPEED] - rho * GRAVITY * n.head * through;
	sync_wanted = in->run ? fmin(fmax(in->speed, 0), 1.2) * d->motor.rated_sync : 0;
	sync_rate = d->motor.rated_sync / d->drive_ramp_s;
	stroke = 1 / d->valve_stroke_s;

	sump_warms = d->sump.loss * (n.sump_temp - in->ambient);
	tank_warms = d->tank.loss * (n.tank_temp - in->ambient);
	pipe_warms = d->pipe_cooling * (n.pipe_temp - in->ambient);
	winding_warms = d->winding_cooling * (y[Y_WINDING] - in->ambient);
	bearing_warms = d->bearing_cooling * (y[Y_BEARING] - in->ambient);

	dy[Y_SUMP] = rho * (n.supply - through);
	dy[Y_TANK] = rho * (n.flow - n.demand - n.overflow);
	dy[Y_SUMP_HEAT] = rho * WATER_HEAT * (n.supply * in->supply_temp - through * n.sump_temp) - sump_warms;
	dy[Y_TANK_HEAT] = rho * WATER_HEAT * (n.flow * n.pipe_temp - (n.demand + n.overflow) * n.tank_temp) - tank_warms;
	dy[Y_PIPE_HEAT] = rho * WATER_HEAT * n.flow * (n.sump_temp - n.pipe_temp) + pump_heat + suction_drop * through +
		(pipe_drop + valve_drop) * n.flow - pipe_warms;
	dy[Y_FLOW] = n.flow <= 0 && push < 0 ? 0 : push / pipe_inertance(&s->design.pipe);      /* the check valve holds */
	dy[Y_SPEED] = (n.torque - shaft_torque - bearing) / d->inertia;
	dy[Y_SYNC] = fmin(fmax((sync_wanted - y[Y_SYNC]) * 20, -sync_rate), sync_rate);
	dy[Y_WINDING] = (n.power - n.torque * y[Y_SPEED] - winding_warms) / d->winding_heat;
	dy[Y_BEARING] = (bearing * y[Y_SPEED] - bearing_warms) / d->bearing_heat;
	dy[Y_VALVE] = fmin(fmax((in->valve - y[Y_VALVE]) * 5, -stroke), stroke);

	dy[Y_MASS_IN] = rho * n.supply;
	dy[Y_MASS_OUT] = rho * (n.leak + n.demand + n.overflow);
	dy[Y_ELECTRIC] = n.drive_power;
	dy[Y_WARMED] = sump_warms + tank_warms + pipe_warms + winding_warms + bearing_warms + n.drive_power - n.power;
	dy[Y_CARRIED_IN] = rho * n.supply * (WATER_HEAT * in->supply_temp + GRAVITY * (d->sump.elevation + n.sump_level));
	dy[Y_CARRIED_OUT] = n.leak * (rho * WATER_HEAT * n.sump_temp + n.discharge_pressure) +
		rho * (n.demand + n.overflow) * (WATER_HEAT * n.tank_temp + GRAVITY * (top + n.tank_level));
}

static double kinetic(const struct station *s, const double *y)
{
	return pipe_inertance(&s->design.pipe) * y[Y_FLOW] * y[Y_FLOW] / 2 + s->is.inertia * y[Y_SPEED] * y[Y_SPEED] / 2;
}

/* What stops against a seat or at rest stops for good: its motion becomes heat. */
static void stop_what_turns_back(struct station *s)
{
	double *y = s->y, before = kinetic(s, y);

	if (y[Y_FLOW] >= 0 && y[Y_SPEED] >= 0)
		return;
	y[Y_FLOW] = fmax(y[Y_FLOW], 0);
	y[Y_SPEED] = fmax(y[Y_SPEED], 0);
	y[Y_PIPE_HEAT] += before - kinetic(s, y);
}

void station_step(struct station *s, double seconds)
{
	static const double at[4] = { 0, 0.5, 0.5, 1 }, weight[4] = { 1, 2, 2, 1 };
	double k[4][Y_N_], y[Y_N_], start[Y_N_];
	struct station_now n;
	double viscosity;

	look(s, s->y, &n);
	viscosity = water_viscosity(n.pipe_temp);
	memcpy(start, s->y, sizeof(start));
	for (int i = 0; i < 4; i++) {
		for (int j = 0; j < Y_N_; j++)
			y[j] = start[j] + (i ? at[i] * seconds * k[i - 1][j] : 0);
		slope(s, y, viscosity, k[i]);
	}
	for (int j = 0; j < Y_N_; j++) {
		double sum = 0;

		for (int i = 0; i < 4; i++)
			sum += weight[i] * k[i][j];
		s->y[j] = start[j] + seconds / 6 * sum;
	}
	stop_what_turns_back(s);
}

void station_now(const struct station *s, struct station_now *ret)
{
	struct station_now n = {};

	look(s, s->y, &n);
	n.viscosity = water_viscosity(n.pipe_temp);
	*ret = n;
}

double station_mass(const struct station *s)
{
	return s->y[Y_SUMP] + s->y[Y_TANK];
}

static double height_energy(const struct vessel *v, double mass)
{
	return mass * GRAVITY * (v->elevation + level_of(v, mass) / 2);
}

double station_energy(const struct station *s)
{
	const double *y = s->y;

	return y[Y_SUMP_HEAT] + y[Y_TANK_HEAT] + y[Y_PIPE_HEAT] + s->is.winding_heat * y[Y_WINDING] + s->is.bearing_heat * y[Y_BEARING] +
		kinetic(s, y) + height_energy(&s->is.sump, y[Y_SUMP]) + height_energy(&s->is.tank, y[Y_TANK]);
}

double station_mass_gap(const struct station *s, double mass_at_start)
{
	return station_mass(s) - mass_at_start - s->y[Y_MASS_IN] + s->y[Y_MASS_OUT];
}

double station_energy_gap(const struct station *s, double energy_at_start)
{
	return station_energy(s) - energy_at_start - s->y[Y_ELECTRIC] - s->y[Y_CARRIED_IN] + s->y[Y_CARRIED_OUT] + s->y[Y_WARMED];
}
