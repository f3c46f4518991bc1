/* meter_plc.c - an energy meter: it measures and counts, and takes no commands. What flows through it is set from outside (grid_flow()). */
#include "sim/meter_map.h"
#include "sim/plc.h"

#include <math.h>

#define KIND_POINTS "sim/meter_points.def"
#define KIND_SIGNALS "sim/meter_signals.def"
#include "sim/tables.h"

static const struct sim_group groups[] = {
	{ "power", "Voltages, currents, power", "电压、电流与功率", 1000 },
	{ "energy", "Energy", "电能", 5000 },
};

static void init(struct plc *p, uint64_t seed) { p->meter = (struct meter) { .hertz = 50 }; }
static void step(struct plc *p) { meter_step(&p->meter, p->scan_ms / 1000.0); }

/* Without a load there is none to speak of: 1, as meters say. */
static double power_factor(const struct meter *m)
{
	double p = draw_watts(&m->draw), s = hypot(p, draw_vars(&m->draw));

	return s > 1 ? p / s : 1;
}

static void truth(const struct plc *p, double *ret)
{
	const struct meter *m = &p->meter;
	const double all[ANALOG_N_] = {
#define ANALOG(id, low, high, noise, lag, steps, value) value,
#include "sim/meter_signals.def"
#undef ANALOG
	};

	memcpy(ret, all, sizeof(all));
}

/* A counter of watt hours is whole; the float beside it shows the same in kWh. */
static void decide(struct plc *p)
{
	p->count[COUNT_ENERGY] = (uint64_t) (p->meter.joules / 36e3);
	p->count[COUNT_ENERGY_WH] = p->count[COUNT_ENERGY_F] = (uint64_t) (p->meter.joules / 3600);
	p->count[COUNT_ENERGY_VAR] = (uint64_t) (p->meter.var_seconds / 36e3);
}

const struct kind kind_meter = {
	.name = "meter", .product = "SIM-ENERGY-METER", .title = "Energy meter", .title_zh = "电能表",
	.points = points, .sources = sources, .n_points = ELEMENTSOF(points), .groups = groups, .n_groups = ELEMENTSOF(groups),
	.instruments = instruments, .n_analogs = ELEMENTSOF(instruments), .reset = -1,
	.init = init, .step = step, .truth = truth, .decide = decide,
};
