/*
 * pump_plc.c - the logic of a pump station. In automatic the pump starts when the tank falls below the start level and stops above the stop
 * level; in manual it follows the run command. A trip (sump empty, winding or bearing hot, overload) holds until it is reset.
 */
#include "sim/plc.h"
#include "sim/pump_map.h"

#include <math.h>

#define KIND_POINTS "sim/pump_points.def"
#define KIND_SIGNALS "sim/pump_signals.def"
#define KIND_FAULTS "sim/pump_faults.def"
#include "sim/tables.h"

static const struct sim_group groups[] = {
	{ "fast", "Process values", "过程量", 200 },
	{ "slow", "Temperatures, counters, set-points", "温度、累计量与设定值", 1000 },
};

enum trip { TRIP_NONE, TRIP_SUMP_EMPTY, TRIP_WINDING_HOT, TRIP_BEARING_HOT, TRIP_OVERLOAD };

static void init(struct plc *p, uint64_t seed) { station_init(&p->station, &station_standard); }

static void set_fault(struct plc *p, unsigned fault, double severity) { station_set_fault(&p->station, (enum station_fault) fault, severity); }

static void second(struct plc *p, int64_t now_ns) { world_second(&p->world, now_ns, &p->station.in); }

static void step(struct plc *p)
{
	for (uint32_t ms = 0; ms < p->scan_ms; ms += PLC_SCAN_MS_MIN)
		station_step(&p->station, STATION_STEP_S);
}

static void truth(const struct plc *p, double *ret)
{
	struct station_now now, *n = &now;

	station_now(&p->station, n);
	const double all[ANALOG_N_] = {
#define ANALOG(id, low, high, noise, lag, steps, value) value,
#include "sim/pump_signals.def"
#undef ANALOG
	};
	memcpy(ret, all, sizeof(all));
}

static enum trip find_trip(struct plc *p)
{
	double limit = 1.15 * p->station.design.motor.rated_current;

	p->overload_ms = p->analog[ANALOG_CURRENT] > limit ? p->overload_ms + p->scan_ms : 0;
	if (p->bit[BIT_RUNNING] && p->analog[ANALOG_SUMP_LEVEL] < 0.3)
		return TRIP_SUMP_EMPTY;
	if (p->analog[ANALOG_WINDING_TEMP] > 140)
		return TRIP_WINDING_HOT;
	if (p->analog[ANALOG_BEARING_TEMP] > 95)
		return TRIP_BEARING_HOT;
	return p->overload_ms >= 5000 ? TRIP_OVERLOAD : TRIP_NONE;
}

static bool wants_to_run(const struct plc *p)
{
	double level = p->analog[ANALOG_TANK_LEVEL];

	if (p->count[COUNT_TRIP] != TRIP_NONE)
		return false;
	if (p->command[COMMAND_AUTO] == 0)
		return p->command[COMMAND_RUN] != 0;
	if (level <= p->command[COMMAND_START_LEVEL])
		return p->analog[ANALOG_SUMP_LEVEL] > 0.6;
	return p->bit[BIT_RUNNING] && level < p->command[COMMAND_STOP_LEVEL];
}

static void count(struct plc *p)
{
	double flow = p->analog[ANALOG_FLOW];

	p->count[COUNT_ENERGY] = (uint64_t) (p->station.y[Y_ELECTRIC] / 36000);         /* 0.01 kWh */
	p->litres += flow > 1 ? flow / 3600 * p->scan_ms : 0;                            /* below the meter's cut-off nothing counts */
	p->count[COUNT_LITRES] += (uint64_t) p->litres;
	p->litres -= floor(p->litres);
	p->run_ms += p->bit[BIT_RUNNING] ? p->scan_ms : 0;
	p->count[COUNT_RUN_SECONDS] += (uint64_t) (p->run_ms / 1000);
	p->run_ms = fmod(p->run_ms, 1000);
	p->count[COUNT_STATUS] = 0;
	for (int i = 0; i < BIT_N_; i++)
		p->count[COUNT_STATUS] |= (uint64_t) p->bit[i] << i;
}

static void decide(struct plc *p)
{
	bool runs;

	if (p->command[COMMAND_RESET] != 0) {
		p->count[COUNT_TRIP] = TRIP_NONE;
		p->overload_ms = 0;
	}
	if (p->count[COUNT_TRIP] == TRIP_NONE)
		p->count[COUNT_TRIP] = find_trip(p);
	runs = wants_to_run(p);
	p->count[COUNT_STARTS] += runs && !p->bit[BIT_RUNNING];
	p->bit[BIT_RUNNING] = runs;
	p->bit[BIT_AUTO] = p->command[COMMAND_AUTO] != 0;
	p->bit[BIT_TRIPPED] = p->count[COUNT_TRIP] != TRIP_NONE;
	p->bit[BIT_SUMP_LOW] = p->analog[ANALOG_SUMP_LEVEL] < 0.5;
	p->bit[BIT_TANK_HIGH] = p->analog[ANALOG_TANK_LEVEL] > 3.7;
	p->bit[BIT_VALVE_OPEN] = p->analog[ANALOG_VALVE] > 98;
	p->bit[BIT_VALVE_SHUT] = p->analog[ANALOG_VALVE] < 2;
	p->station.in.run = runs;
	p->station.in.speed = p->command[COMMAND_SPEED] / 100;
	p->station.in.valve = p->command[COMMAND_VALVE] / 100;
	count(p);
}

static bool tripped(const struct plc *p) { return p->count[COUNT_TRIP] != TRIP_NONE; }

/* A drive with a diode bridge: what it takes is in phase with the voltage but for its harmonics, which count as reactive here. */
static void draw(const struct plc *p, struct draw *ret)
{
	struct station_now n;

	station_now(&p->station, &n);
	draw_balanced(ret, n.drive_power, 0.95);
}

const struct kind kind_pump = {
	.name = "pump", .product = "SIM-PUMP-STATION", .title = "Pump station", .title_zh = "泵站",
	.points = points, .sources = sources, .n_points = ELEMENTSOF(points), .groups = groups, .n_groups = ELEMENTSOF(groups),
	.instruments = instruments, .n_analogs = ELEMENTSOF(instruments), .first = first, .n_commands = ELEMENTSOF(first),
	.faults = faults, .n_faults = ELEMENTSOF(faults), .first_fault = COMMAND_FAULT_LEAK, .reset = COMMAND_RESET,
	.init = init, .set_fault = set_fault, .second = second, .step = step, .truth = truth, .decide = decide, .tripped = tripped, .draw = draw,
};
