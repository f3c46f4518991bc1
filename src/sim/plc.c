/* plc.c - the scan. */
#include "sim/plc.h"

#include <math.h>

static const struct instrument { double low, high, noise, lag, steps; } instruments[] = {
#define ANALOG(id, low, high, noise, lag, steps, truth) { low, high, noise, lag, steps },
#include "sim/signals.def"
#undef ANALOG
};

enum trip { TRIP_NONE, TRIP_SUMP_EMPTY, TRIP_WINDING_HOT, TRIP_BEARING_HOT, TRIP_OVERLOAD };

static void measure(struct plc *p, double seconds)
{
	struct station_now now, *n = &now;

	station_now(&p->station, n);
	const double truth[ANALOG_N_] = {
#define ANALOG(id, low, high, noise, lag, steps, value) value,
#include "sim/signals.def"
#undef ANALOG
	};
	for (int i = 0; i < ANALOG_N_; i++) {
		const struct instrument *m = &instruments[i];
		double span = m->high - m->low, step = span / m->steps, v;

		p->lagged[i] += (truth[i] - p->lagged[i]) * (p->settled && m->lag > 0 ? 1 - exp(-seconds / m->lag) : 1);
		v = p->lagged[i] + m->noise * span * chance_normal(&p->noise);
		v = m->low + step * round((fmin(fmax(v, m->low), m->high) - m->low) / step);
		p->analog[i] = v;
	}
	p->settled = true;
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
}

static void count(struct plc *p)
{
	double flow = p->analog[ANALOG_FLOW];

	p->count[COUNT_SCANS]++;
	p->count[COUNT_STAMP_US] = (uint64_t) (p->now_ns / 1000);
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

static void fill_image(struct plc *p)
{
	size_t n;
	const struct sim_point *points = sim_points(&n);

	for (size_t i = 0; i < n; i++) {
		const struct spot *spot = &p->spots->spot[i];
		unsigned index = row_index(i);

		switch (row_what(i)) {
		case 'A': image_put(&p->image, spot, p->analog[index] / points[i].scale); break;
		case 'N': image_put_count(&p->image, spot, p->count[index]); break;
		case 'B': image_put(&p->image, spot, p->bit[index]); break;
		}
	}
}

static void take_commands(struct plc *p)
{
	for (size_t i = 0; i < POINTS_N; i++)
		if (row_what(i) == 'C')
			p->command[row_index(i)] = plc_value(p, i);
	for (int f = 0; f < FAULT_N_; f++) {
		double severity = p->command[COMMAND_FAULT_LEAK + f] / 100;

		if (severity != p->station.fault[f])
			station_set_fault(&p->station, f, severity);
	}
}

void plc_scan(struct plc *p)
{
	int64_t next_ns = p->now_ns + p->scan_ms * NS_PER_MS;

	take_commands(p);
	if (p->count[COUNT_SCANS] == 0 || next_ns / NS_PER_S != p->now_ns / NS_PER_S)
		world_second(&p->world, next_ns, &p->station.in);
	for (uint32_t ms = 0; ms < p->scan_ms; ms += PLC_SCAN_MS_MIN)
		station_step(&p->station, STATION_STEP_S);
	p->now_ns = next_ns;
	measure(p, p->scan_ms / 1000.0);
	decide(p);
	count(p);
	fill_image(p);
	if (p->command[COMMAND_RESET] != 0)             /* a push-button */
		for (size_t i = 0; i < POINTS_N; i++)
			if (row_what(i) == 'C' && row_index(i) == COMMAND_RESET)
				image_put(&p->image, &p->spots->spot[i], 0);
}

void plc_init(struct plc *p, const struct spots *spots, uint64_t seed, uint32_t scan_ms, int64_t start_ns)
{
	static const double first[] = {
#define COMMAND_FIRST(id, value) value,
		COMMANDS(COMMAND_FIRST)
#undef COMMAND_FIRST
	};
	size_t n;
	const struct sim_point *points = sim_points(&n);

	*p = (struct plc) { .spots = spots, .scan_ms = scan_ms, .start_ns = start_ns, .now_ns = start_ns };
	station_init(&p->station, &station_standard);
	world_init(&p->world, seed);
	chance_init(&p->noise, seed, 2);
	for (size_t i = 0; i < n; i++)
		if (row_what(i) == 'C')
			image_put(&p->image, &spots->spot[i], first[row_index(i)] / points[i].scale);
}

double plc_value(const struct plc *p, size_t point)
{
	size_t n;

	return image_get(&p->image, &p->spots->spot[point]) * sim_points(&n)[point].scale;
}

bool plc_command(struct plc *p, size_t point, double value)
{
	size_t n;
	const struct sim_point *row = &sim_points(&n)[point];

	if (row_what(point) != 'C' || !(value >= row->low && value <= row->high))
		return false;
	image_put(&p->image, &p->spots->spot[point], value / row->scale);
	return true;
}
