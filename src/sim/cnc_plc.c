/*
 * cnc_plc.c - the control of a machining centre and who works with it: batches of parts, set-up before each, a pause after it, a new tool when one
 * is worn.
 *
 *   idle ─▶ set-up ─▶ running ─▶ idle          running ─▶ stopped ─▶ running      tool change between two parts; or not released
 *                                               any ─▶ alarm ─▶ what it was        until it is reset
 */
#include "sim/cnc_map.h"
#include "sim/plc.h"

#include <math.h>

#define KIND_POINTS "sim/cnc_points.def"
#define KIND_SIGNALS "sim/cnc_signals.def"
#define KIND_FAULTS "sim/cnc_faults.def"
#include "sim/tables.h"

static const struct sim_group groups[] = {
	{ "fast", "State and spindle", "状态与主轴", 500 },
	{ "slow", "Temperatures, counters, set-points", "温度、累计量与设定值", 2000 },
};

enum alarm { ALARM_NONE, ALARM_COOLANT, ALARM_BEARING, ALARM_VIBRATION, ALARM_OVERLOAD, ALARM_TOOL };
enum stop { STOP_NONE, STOP_OPERATOR, STOP_TOOL };
enum { TOOL_CHANGE_MS = 40000, OVERLOAD_MS = 3000, VIBRATION_MS = 3000 };

static double between(struct cnc_plant *c, double low, double high) { return low + (high - low) * chance_u32(&c->chance) / UINT32_MAX; }

static void enter(struct plc *p, enum state state)
{
	struct cnc_plant *c = &p->cnc;

	p->count[COUNT_STATE] = state;
	c->state_ms = state == STATE_IDLE ? between(c, 20e3, 60e3) : state == STATE_SETUP ? between(c, 60e3, 120e3) : 0;
	if (state == STATE_SETUP) {
		c->batch = (uint32_t) between(c, 6, 15);
		c->batch_done = 0;
	}
}

static void init(struct plc *p, uint64_t seed)
{
	cnc_init(&p->cnc, &cnc_standard);
	chance_init(&p->cnc.chance, seed, 4);
	enter(p, STATE_SETUP);
	enter(p, STATE_RUNNING);                /* whoever comes sees it work */
	p->cnc.in.go = p->cnc.in.turn = true;
}

static void set_fault(struct plc *p, unsigned fault, double severity) { cnc_set_fault(&p->cnc, (enum cnc_fault) fault, severity); }
static void second(struct plc *p, int64_t now_ns) { p->cnc.in.ambient = world_hall(&p->world, now_ns); }

static void step(struct plc *p)
{
	for (uint32_t ms = 0; ms < p->scan_ms; ms += PLC_SCAN_MS_MIN)
		cnc_step(&p->cnc, CNC_STEP_S);
}

static void truth(const struct plc *p, double *ret)
{
	struct cnc_now now, *n = &now;

	cnc_now(&p->cnc, n);
	const double all[ANALOG_N_] = {
#define ANALOG(id, low, high, noise, lag, steps, value) value,
#include "sim/cnc_signals.def"
#undef ANALOG
	};
	memcpy(ret, all, sizeof(all));
}

static enum alarm find_alarm(struct plc *p)
{
	struct cnc_plant *c = &p->cnc;

	p->overload_ms = p->analog[ANALOG_LOAD] > 120 ? p->overload_ms + p->scan_ms : 0;
	c->shaking_ms = p->analog[ANALOG_VIBRATION] > 9 ? c->shaking_ms + p->scan_ms : 0;
	if (p->analog[ANALOG_LEVEL] < 15)
		return ALARM_COOLANT;
	if (p->analog[ANALOG_BEARING] > 85)
		return ALARM_BEARING;
	if (c->shaking_ms >= VIBRATION_MS)
		return ALARM_VIBRATION;
	if (p->overload_ms >= OVERLOAD_MS)
		return ALARM_OVERLOAD;
	return p->analog[ANALOG_WEAR] > 140 ? ALARM_TOOL : ALARM_NONE;
}

/* After each part: is the batch done, is the tool? */
static void on_part(struct plc *p)
{
	struct cnc_plant *c = &p->cnc;

	c->parts_seen = c->parts;
	c->last_cycle_ms = c->cycle_ms;
	c->cycle_ms = 0;
	c->batch_done++;
	if (c->batch_done >= c->batch)
		enter(p, STATE_IDLE);
	else if (c->wear >= 1) {
		enter(p, STATE_STOPPED);
		p->count[COUNT_STOP] = STOP_TOOL;
		c->state_ms = TOOL_CHANGE_MS;
	}
}

/* Time goes on in every state but those that wait for a person. */
static void go_on(struct plc *p)
{
	struct cnc_plant *c = &p->cnc;

	switch ((enum state) p->count[COUNT_STATE]) {
	case STATE_IDLE: case STATE_SETUP:
		c->state_ms -= p->scan_ms;
		if (c->state_ms <= 0)
			enter(p, p->count[COUNT_STATE] == STATE_IDLE ? STATE_SETUP : STATE_RUNNING);
		break;
	case STATE_RUNNING:
		c->cycle_ms += p->scan_ms;
		if (c->parts != c->parts_seen)
			on_part(p);
		break;
	case STATE_STOPPED:
		if (p->count[COUNT_STOP] == STOP_TOOL && (c->state_ms -= p->scan_ms) <= 0) {
			c->wear = 0;
			p->count[COUNT_STOP] = STOP_NONE;
			enter(p, STATE_RUNNING);
		}
		break;
	case STATE_ALARM: break;
	}
}

static void hold_and_release(struct plc *p)
{
	struct cnc_plant *c = &p->cnc;
	bool released = p->command[COMMAND_RELEASE] != 0;

	if (!released && p->count[COUNT_STATE] == STATE_RUNNING) {
		enter(p, STATE_STOPPED);
		p->count[COUNT_STOP] = STOP_OPERATOR;
	} else if (released && p->count[COUNT_STOP] == STOP_OPERATOR && p->count[COUNT_STATE] == STATE_STOPPED) {
		enter(p, STATE_RUNNING);
		p->count[COUNT_STOP] = STOP_NONE;
	}
	if (p->command[COMMAND_RESET] != 0 && p->count[COUNT_STATE] == STATE_ALARM) {
		if (p->count[COUNT_ALARM] == ALARM_TOOL)
			c->wear = 0;
		p->count[COUNT_STATE] = c->before;
		p->count[COUNT_ALARM] = ALARM_NONE;
		p->overload_ms = c->shaking_ms = 0;
	}
}

static void count(struct plc *p)
{
	const struct cnc_plant *c = &p->cnc;

	p->count[COUNT_PARTS] = c->parts;
	p->count[COUNT_BATCH] = c->batch;
	p->count[COUNT_BATCH_DONE] = c->batch_done;
	p->count[COUNT_CYCLE] = (uint64_t) llround(c->last_cycle_ms / 100);
	p->count[COUNT_ENERGY] = (uint64_t) (c->electric / 36000);              /* 0.01 kWh */
	p->run_ms += p->count[COUNT_STATE] == STATE_RUNNING ? p->scan_ms : 0;
	p->count[COUNT_RUN_SECONDS] += (uint64_t) (p->run_ms / 1000);
	p->run_ms = fmod(p->run_ms, 1000);
}

static void decide(struct plc *p)
{
	struct cnc_plant *c = &p->cnc;
	enum alarm alarm;

	hold_and_release(p);
	go_on(p);
	alarm = find_alarm(p);
	if (alarm != ALARM_NONE && p->count[COUNT_STATE] != STATE_ALARM) {
		c->before = (uint32_t) p->count[COUNT_STATE];
		p->count[COUNT_STATE] = STATE_ALARM;
		p->count[COUNT_ALARM] = alarm;
	}
	c->in.go = c->in.turn = p->count[COUNT_STATE] == STATE_RUNNING;
	c->in.feed = p->command[COMMAND_FEED] / 100;
	c->in.speed = p->command[COMMAND_SPEED] / 100;
	p->bit[BIT_CUTTING] = p->analog[ANALOG_FEED] > 1;
	p->bit[BIT_ALARMED] = p->count[COUNT_STATE] == STATE_ALARM;
	p->bit[BIT_LOW] = p->analog[ANALOG_LEVEL] < 30;
	count(p);
}

static bool tripped(const struct plc *p) { return p->count[COUNT_STATE] == STATE_ALARM; }

static void draw(const struct plc *p, struct draw *ret)
{
	struct cnc_now n;

	cnc_now(&p->cnc, &n);
	draw_balanced(ret, n.power, 0.9);
}

const struct kind kind_cnc = {
	.name = "cnc", .product = "SIM-MACHINING-CENTRE", .title = "Machining centre", .title_zh = "加工中心",
	.points = points, .sources = sources, .n_points = ELEMENTSOF(points), .groups = groups, .n_groups = ELEMENTSOF(groups),
	.instruments = instruments, .n_analogs = ELEMENTSOF(instruments), .first = first, .n_commands = ELEMENTSOF(first),
	.faults = faults, .n_faults = ELEMENTSOF(faults), .first_fault = COMMAND_FAULT_LEAK, .reset = COMMAND_RESET,
	.init = init, .set_fault = set_fault, .second = second, .step = step, .truth = truth, .decide = decide, .tripped = tripped, .draw = draw,
};
