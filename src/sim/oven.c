/* oven.c - the balances. What leaves one line appears in another, or in the ledger. */
#include "sim/oven.h"

#include <math.h>

/* A small powder-coating oven: 36 kW, 1.2 m a minute, 8 kg of steel parts a metre. */
const struct oven_design oven_standard = {
	.heater = 12000,
	.element_heat = 4000, .zone_heat = 45000,
	.element = 70,
	.wall = { 18, 12, 18 },
	.coupling = 10,
	.door = 150,
	.seal = 60,
	.door_s = 3,
	.parts_per_m = 8, .parts_heat = 490,
	.transfer = 70,
	.belt_rate = 0.005, .belt_idle = 60, .belt_force = 1500,
	.fan_air = 400, .fan_speed = 150, .fan_bearing = 0.25,
};

void oven_init(struct oven_plant *o, const struct oven_design *d)
{
	static const double warm[OVEN_ZONES] = { 140, 170, 185 };

	*o = (struct oven_plant) { .design = *d, .is = *d, .in = { .ambient = 24 } };
	for (int i = 0; i < OVEN_ZONES; i++)
		o->zone[i] = o->before[i] = o->element[i] = warm[i];
}

void oven_set_fault(struct oven_plant *o, enum oven_fault fault, double severity)
{
	double x = severity > 0 ? fmin(severity, 1) : 0;        /* also a NaN is none */

	switch (fault) {
	case OVEN_FAULT_LEAK: o->leak = o->design.seal * x; break;
	case OVEN_FAULT_FOULING: o->is.element = o->design.element * (1 - 0.7 * x); break;
	case OVEN_FAULT_BEARING: o->is.fan_bearing = o->design.fan_bearing * (1 + 6 * x); break;
	case OVEN_FAULT_N_: break;
	}
}

void oven_now(const struct oven_plant *o, struct oven_now *n)
{
	const struct oven_design *d = &o->is;
	double flow = o->belt * d->parts_per_m * d->parts_heat, t = o->in.ambient;      /* ṁc, W/K */

	*n = (struct oven_now) { .belt = o->belt, .door = o->door, .ambient = o->in.ambient };
	for (int i = 0; i < OVEN_ZONES; i++) {
		n->zone[i] = o->zone[i];
		n->element[i] = o->element[i];
		n->power[i] = d->heater * fmin(fmax(o->in.heat[i], 0), 1);
		t = flow > 1e-9 ? o->zone[i] - (o->zone[i] - t) * exp(-d->transfer / flow) : o->zone[i];
		n->parts_out[i] = t;
		n->total_power += n->power[i];
	}
	n->fan_power = o->in.fans ? OVEN_ZONES * (d->fan_air + d->fan_bearing * d->fan_speed) : 0;
	n->belt_power = o->belt > 0 ? d->belt_idle + d->belt_force * o->belt : 0;
	n->total_power += n->fan_power + n->belt_power;
	/* Not a balance but a rule of thumb, as in station.c: a good fan is in zone A of ISO 10816-3, one whose bearing is worn in zone D. */
	n->vibration = o->in.fans ? 1.1e-3 + 1.2e-3 * (d->fan_bearing / o->design.fan_bearing - 1) : 0.05e-3;
}

void oven_step(struct oven_plant *o, double seconds)
{
	const struct oven_design *d = &o->is;
	double stirred = o->in.fans ? d->fan_air : 0, into_zone[OVEN_ZONES], before;
	double flow = o->belt * d->parts_per_m * d->parts_heat, step = d->belt_rate * seconds;
	struct oven_now n;

	oven_now(o, &n);
	for (int i = 0; i < OVEN_ZONES; i++) {
		double wall = d->wall[i] + (i == 1 ? d->door * o->door + o->leak : 0);
		double lost = wall * (o->zone[i] - o->in.ambient), gained = d->element * (o->element[i] - o->zone[i]);
		double taken = flow * (n.parts_out[i] - (i ? n.parts_out[i - 1] : o->in.ambient));

		into_zone[i] = gained + stirred - lost - taken;
		if (i > 0)
			into_zone[i] += d->coupling * (o->zone[i - 1] - o->zone[i]);
		if (i < OVEN_ZONES - 1)
			into_zone[i] += d->coupling * (o->zone[i + 1] - o->zone[i]);
		o->element[i] += (n.power[i] - gained) / d->element_heat * seconds;
		o->warmed += lost * seconds;
		o->carried += taken * seconds;
	}
	for (int i = 0; i < OVEN_ZONES; i++)
		o->zone[i] += into_zone[i] / d->zone_heat * seconds;
	o->electric += n.total_power * seconds;
	o->warmed += (n.belt_power + n.fan_power - OVEN_ZONES * stirred) * seconds;     /* bearings and belt warm the hall */
	before = o->belt;
	o->belt += fmin(fmax(o->in.belt - o->belt, -step), step);
	o->travelled += (before + o->belt) / 2 * seconds;
	o->door += fmin(fmax(o->in.door - o->door, -seconds / d->door_s), seconds / d->door_s);
}

double oven_energy(const struct oven_plant *o)
{
	double sum = 0;

	for (int i = 0; i < OVEN_ZONES; i++)
		sum += o->is.zone_heat * o->zone[i] + o->is.element_heat * o->element[i];
	return sum;
}

double oven_energy_gap(const struct oven_plant *o, double energy_at_start)
{
	return oven_energy(o) - energy_at_start - o->electric + o->warmed + o->carried;
}
