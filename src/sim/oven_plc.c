/*
 * oven_plc.c - the logic of an oven: a PID controller a zone, interlocks, counters.
 *
 * The controllers are of the interacting form with the derivative on the measured value and an integral that stands while the output is at its
 * bound (Åström and Hägglund, PID Controllers, 3.5): u = K (e + ∫e/Ti − Td dT/dt). The heaters are off while the door is open (EN 1539) and
 * after an alarm until it is reset; an element that nears its limit gets less.
 */
#include "sim/oven_map.h"
#include "sim/plc.h"

#include <math.h>

#define KIND_POINTS "sim/oven_points.def"
#define KIND_SIGNALS "sim/oven_signals.def"
#define KIND_FAULTS "sim/oven_faults.def"
#include "sim/tables.h"

static const struct sim_group groups[] = {
	{ "fast", "Temperatures and power", "温度与功率", 500 },
	{ "slow", "Counters and set-points", "累计量与设定值", 2000 },
};

enum alarm { ALARM_NONE, ALARM_DOOR, ALARM_ZONE_HOT, ALARM_ELEMENT_HOT, ALARM_ZONE_COLD };

static const double gain = 0.03, integral_s = 240, derivative_s = 4;           /* K in 1/K */
static const double zone_max = 250, element_max = 560, element_soft = 500;      /* °C */
static const double part_m = 0.5, ready_band = 3, cold_band = 12;               /* m of belt a part; K */

static void init(struct plc *p, uint64_t seed)
{
	static const double usual[OVEN_ZONES] = { 0.6, 0.45, 0.45 };    /* near what it will need: no swing when it is first seen */

	oven_init(&p->oven, &oven_standard);
	memcpy(p->oven.integral, usual, sizeof(usual));
	p->oven.belt = 0.02;
	for (int i = 0; i < OVEN_ZONES; i++)
		p->oven.element[i] += usual[i] * oven_standard.heater / oven_standard.element;
}

static void set_fault(struct plc *p, unsigned fault, double severity) { oven_set_fault(&p->oven, (enum oven_fault) fault, severity); }
static void second(struct plc *p, int64_t now_ns) { p->oven.in.ambient = world_hall(&p->world, now_ns); }
static void step(struct plc *p) { oven_step(&p->oven, p->scan_ms / 1000.0); }

static void truth(const struct plc *p, double *ret)
{
	struct oven_now now, *n = &now;

	oven_now(&p->oven, n);
	const double all[ANALOG_N_] = {
#define ANALOG(id, low, high, noise, lag, steps, value) value,
#include "sim/oven_signals.def"
#undef ANALOG
	};
	memcpy(ret, all, sizeof(all));
}

/* One zone's controller. */
static double control(struct plc *p, int i, bool on)
{
	struct oven_plant *o = &p->oven;
	double dt = p->scan_ms / 1000.0, seen = p->analog[ANALOG_ZONE_1 + i], e = p->command[COMMAND_ZONE_1 + i] - seen;
	double rate, u, hot = p->analog[ANALOG_ELEMENT_1 + i], most = fmin(fmax((element_max - hot) / (element_max - element_soft), 0), 1);

	/* The derivative looks at a value smoothed over its own time: noise divided by a scan would drown it. */
	o->before[i] += (seen - o->before[i]) * fmin(dt / derivative_s, 1);
	rate = (seen - o->before[i]) / derivative_s;
	u = gain * (e - derivative_s * rate) + o->integral[i];
	if (!on)
		return 0;
	if ((u < most || e < 0) && (u > 0 || e > 0))
		o->integral[i] = fmin(fmax(o->integral[i] + gain * e * dt / integral_s, 0), 1);
	return fmin(fmax(u, 0), most);
}

static enum alarm find_alarm(struct plc *p)
{
	bool cold = false;

	for (int i = 0; i < OVEN_ZONES; i++) {
		if (p->analog[ANALOG_ZONE_1 + i] > zone_max)
			return ALARM_ZONE_HOT;
		if (p->analog[ANALOG_ELEMENT_1 + i] > element_max)
			return ALARM_ELEMENT_HOT;
		cold |= p->oven.output[i] > 0.99 && p->analog[ANALOG_ZONE_1 + i] < p->command[COMMAND_ZONE_1 + i] - cold_band;
	}
	if (p->bit[BIT_DOOR])
		return ALARM_DOOR;
	return cold ? ALARM_ZONE_COLD : ALARM_NONE;
}

static void count(struct plc *p)
{
	p->count[COUNT_ENERGY] = (uint64_t) (p->oven.electric / 36000);         /* 0.01 kWh */
	p->count[COUNT_PIECES] = (uint64_t) (p->oven.travelled / part_m);
	p->run_ms += p->bit[BIT_HEATING] ? p->scan_ms : 0;
	p->count[COUNT_RUN_SECONDS] += (uint64_t) (p->run_ms / 1000);
	p->run_ms = fmod(p->run_ms, 1000);
	for (int i = 0; i < OVEN_ZONES; i++)
		p->count[COUNT_OUT_1 + i] = (uint64_t) llround(p->oven.output[i] * 10000);
}

static bool holds(uint64_t alarm) { return alarm == ALARM_ZONE_HOT || alarm == ALARM_ELEMENT_HOT; }

static void decide(struct plc *p)
{
	struct oven_plant *o = &p->oven;
	bool on, ready = true;

	if (p->command[COMMAND_RESET] != 0 || !holds(p->count[COUNT_ALARM]))    /* open doors and cold zones go as they came */
		p->count[COUNT_ALARM] = find_alarm(p);
	p->bit[BIT_DOOR] = o->door > 0.02;
	on = p->command[COMMAND_HEAT] != 0 && !p->bit[BIT_DOOR] && !holds(p->count[COUNT_ALARM]);
	for (int i = 0; i < OVEN_ZONES; i++) {
		o->output[i] = o->in.heat[i] = control(p, i, on);
		ready &= fabs(p->analog[ANALOG_ZONE_1 + i] - p->command[COMMAND_ZONE_1 + i]) <= ready_band;
	}
	o->in.fans = p->command[COMMAND_HEAT] != 0;
	o->in.door = p->command[COMMAND_DOOR] != 0;
	o->in.belt = p->command[COMMAND_BELT] / 60;
	p->bit[BIT_HEATING] = on;
	p->bit[BIT_FANS] = o->in.fans;
	p->bit[BIT_READY] = ready;
	p->bit[BIT_ALARMED] = p->count[COUNT_ALARM] != ALARM_NONE;
	count(p);
}

static bool tripped(const struct plc *p) { return holds(p->count[COUNT_ALARM]); }

/* A zone's heater hangs between one phase and neutral; fans and belt are small induction motors. */
static void draw(const struct plc *p, struct draw *ret)
{
	struct oven_now n;

	oven_now(&p->oven, &n);
	draw_balanced(ret, n.fan_power + n.belt_power, 0.8);
	for (int i = 0; i < OVEN_ZONES; i++)
		ret->watts[i] += n.power[i];
}

const struct kind kind_oven = {
	.name = "oven", .product = "SIM-OVEN", .title = "Curing oven", .title_zh = "固化炉",
	.points = points, .sources = sources, .n_points = ELEMENTSOF(points), .groups = groups, .n_groups = ELEMENTSOF(groups),
	.instruments = instruments, .n_analogs = ELEMENTSOF(instruments), .first = first, .n_commands = ELEMENTSOF(first),
	.faults = faults, .n_faults = ELEMENTSOF(faults), .first_fault = COMMAND_FAULT_LEAK, .reset = COMMAND_RESET,
	.init = init, .set_fault = set_fault, .second = second, .step = step, .truth = truth, .decide = decide, .tripped = tripped, .draw = draw,
};
