/* The oven's steady states are those one can write down, its energy adds up, its controllers hold what they are told. */
#include "sim/oven.h"

#include <math.h>

#include "sim/oven_map.h"
#include "sim/plc.h"
#include "tap.h"

#define NEAR(got, want, share) do { double g_ = (got), w_ = (want);                                                    \
	if (!(fabs(g_ - w_) <= fabs(w_) * (share))) tap_fail_("%s: got %.9g, want %.9g within %.3g", #got, g_, w_, (double) (share)); } while (0)

static void run(struct oven_plant *o, double seconds, double step)
{
	for (long i = 0, n = lround(seconds / step); i < n; i++)
		oven_step(o, step);
}

/* The balances of the three zones at rest, as a system A T = b, by Cramer's rule: an independent way to the same temperatures. */
static double det(const double m[3][3])
{
	return m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
		m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
}

static void at_rest(const struct oven_design *d, const struct oven_inputs *in, double ret[OVEN_ZONES])
{
	double flow = in->belt * d->parts_per_m * d->parts_heat, e = flow > 0 ? exp(-d->transfer / flow) : 0, a[3][3] = { 0 }, b[3];

	for (int i = 0; i < 3; i++) {
		a[i][i] = d->wall[i] + d->coupling * (i == 1 ? 2 : 1) + flow * (1 - e);
		b[i] = in->heat[i] * d->heater + (in->fans ? d->fan_air : 0) + d->wall[i] * in->ambient + flow * (1 - e) * pow(e, i) * in->ambient;
		for (int k = 0; k < 3; k++) {
			if (k == i - 1 || k == i + 1)
				a[i][k] -= d->coupling;
			if (k < i)              /* the parts bring warmth from the zones before */
				a[i][k] -= flow * (1 - e) * (1 - e) * pow(e, i - 1 - k);
		}
	}
	for (int k = 0; k < 3; k++) {
		double m[3][3];

		memcpy(m, a, sizeof(m));
		for (int i = 0; i < 3; i++)
			m[i][k] = b[i];
		ret[k] = det(m) / det(a);
	}
}

TEST(at_rest_the_zones_are_as_warm_as_the_balances_say)
{
	static const struct oven_inputs cases[] = {
		{ .heat = { 0.5, 0.4, 0.45 }, .fans = true, .belt = 0.02, .ambient = 24 },
		{ .heat = { 0.3, 0, 0.3 }, .fans = true, .belt = 0, .ambient = 10 },
		{ .heat = { 1, 0, 0 }, .fans = false, .belt = 0.03, .ambient = 30 },
	};

	for (size_t c = 0; c < ELEMENTSOF(cases); c++) {
		double want[OVEN_ZONES];
		struct oven_plant o;

		oven_init(&o, &oven_standard);
		o.in = cases[c];
		run(&o, 60000, 0.5);
		at_rest(&oven_standard, &cases[c], want);
		for (int i = 0; i < OVEN_ZONES; i++) {
			NEAR(o.zone[i], want[i], 1e-6);
			ok(fabs(o.element[i] - o.zone[i] - cases[c].heat[i] * oven_standard.heater / oven_standard.element) < 1e-6);
		}
	}
}

/* One mass against a wall that keeps its temperature: T = T∞ (1 − e^(−t/τ)), τ = C/G. */
TEST(an_element_warms_up_by_its_time_constant)
{
	struct oven_design d = oven_standard;
	struct oven_plant o;
	double tau = d.element_heat / d.element, rise = d.heater / d.element;

	d.zone_heat = 1e15;
	oven_init(&o, &d);
	o.in.heat[1] = 1;
	for (int k = 1; k <= 3; k++) {
		run(&o, tau, 0.01);
		NEAR(o.element[1] - 170, rise * (1 - exp(-k)), 2e-3);
	}
}

TEST(energy_adds_up_through_doors_belts_and_faults)
{
	struct oven_plant o;
	double before;

	oven_init(&o, &oven_standard);
	before = oven_energy(&o);
	o.in = (struct oven_inputs) { .heat = { 0.8, 0.7, 0.6 }, .fans = true, .belt = 0.03, .ambient = 22 };
	run(&o, 600, 0.01);
	o.in.door = true;
	oven_set_fault(&o, OVEN_FAULT_LEAK, 0.7);
	run(&o, 600, 0.01);
	oven_set_fault(&o, OVEN_FAULT_FOULING, 1);
	oven_set_fault(&o, OVEN_FAULT_BEARING, 0.5);
	o.in.belt = 0;
	run(&o, 600, 0.25);
	ok(o.electric > 10e6);
	ok(fabs(oven_energy_gap(&o, before)) < 1e-9 * o.electric);
}

TEST(a_fault_moves_what_it_should_and_mended_it_is_as_built)
{
	struct oven_plant o, built;
	struct oven_now good, bad;

	oven_init(&o, &oven_standard);
	o.in = (struct oven_inputs) { .heat = { 0.5, 0.5, 0.5 }, .fans = true, .belt = 0.02, .ambient = 24 };
	built = o;
	oven_now(&o, &good);
	oven_set_fault(&o, OVEN_FAULT_BEARING, 1);
	oven_now(&o, &bad);
	ok(bad.vibration > 4.5e-3 && good.vibration < 1.4e-3);  /* ISO 10816-3: zone D above 4.5, zone A below 1.4 mm/s (small, rigid) */
	/* Seven times the friction: T ω more, of three fans. */
	NEAR(bad.fan_power - good.fan_power, 3 * 6 * oven_standard.fan_bearing * oven_standard.fan_speed, 1e-9);
	oven_set_fault(&o, OVEN_FAULT_LEAK, 1);
	oven_set_fault(&o, OVEN_FAULT_FOULING, 1);
	run(&o, 1200, 0.1);
	run(&built, 1200, 0.1);
	ok(o.zone[1] < built.zone[1] - 20 && o.element[1] - o.zone[1] > 3 * (built.element[1] - built.zone[1]));
	for (int f = 0; f < OVEN_FAULT_N_; f++)
		oven_set_fault(&o, (enum oven_fault) f, f == 1 ? NAN : 0);
	ok(memcmp(&o.is, &built.is, sizeof(o.is)) == 0 && o.leak == 0);
}

/* --- Its PLC ----------------------------------------------------------------------------------------------------------- */

struct setup { struct spots spots; struct plc plc; };

static void begin(struct setup *t)
{
	spots_init(&t->spots, &kind_oven);
	plc_init(&t->plc, &t->spots, 5, 100, INT64_C(1767240000) * NS_PER_S);
	plc_scan(&t->plc);
}

static void scans(struct setup *t, double seconds)
{
	for (long n = lround(seconds * 10); n > 0; n--)
		plc_scan(&t->plc);
}

static double value(const struct setup *t, const char *code) { return plc_value(&t->plc, (size_t) kind_point(&kind_oven, code)); }
static bool set(struct setup *t, const char *code, double v) { return plc_command(&t->plc, (size_t) kind_point(&kind_oven, code), v); }

/* At the set-points each zone needs what the balances say; the controllers have to find it. */
TEST(the_controllers_hold_the_set_points_with_the_power_the_balances_ask_for)
{
	static const double want[OVEN_ZONES] = { 160, 190, 170 };
	static const char *const set_points[] = { "TIC-201", "TIC-202", "TIC-203" }, *const powers[] = { "JT-201", "JT-202", "JT-203" };
	const struct oven_design *d = &oven_standard;
	double flow = 1.5 / 60 * d->parts_per_m * d->parts_heat, e = exp(-d->transfer / flow), parts, sum[OVEN_ZONES] = { 0 };
	static struct setup t;

	begin(&t);
	for (int i = 0; i < OVEN_ZONES; i++)
		ok(set(&t, set_points[i], want[i]));
	ok(set(&t, "SIC-201", 1.5));
	scans(&t, 7200);
	for (int k = 0; k < 600; k++) {
		scans(&t, 1);
		for (int i = 0; i < OVEN_ZONES; i++)
			sum[i] += value(&t, powers[i]) / 600;
	}
	parts = t.plc.oven.in.ambient;
	for (int i = 0; i < OVEN_ZONES; i++) {
		double out = want[i] - (want[i] - parts) * e;
		double power = d->wall[i] * (want[i] - t.plc.oven.in.ambient) + flow * (out - parts) - d->fan_air;

		power += i > 0 ? d->coupling * (want[i] - want[i - 1]) : 0;
		power += i < 2 ? d->coupling * (want[i] - want[i + 1]) : 0;
		NEAR(sum[i] * 1e3, power, 0.03);
		ok(fabs(t.plc.oven.zone[i] - want[i]) < 1);
		parts = out;
	}
	ok(value(&t, "XS-202") == 1 && value(&t, "XA-200") == 0);
	ok(fabs(value(&t, "TT-220") - parts) < 2);
}

TEST(an_open_door_takes_the_heat_off_and_is_an_alarm_while_it_is_open)
{
	static struct setup t;

	begin(&t);
	scans(&t, 60);
	ok(value(&t, "XS-201") == 1);
	ok(set(&t, "HS-202", 1));
	scans(&t, 10);
	ok(value(&t, "ZS-201") == 1 && value(&t, "XS-201") == 0 && value(&t, "XA-200") == 1 && value(&t, "JT-202") < 0.1);
	ok(set(&t, "HS-202", 0));
	scans(&t, 10);
	ok(value(&t, "ZS-201") == 0 && value(&t, "XS-201") == 1 && value(&t, "XA-200") == 0);
}

TEST(a_leaking_seal_costs_power_and_coated_elements_run_hotter)
{
	static struct setup t, leaks, coated;

	begin(&t);
	scans(&t, 3600);
	leaks = coated = t;
	leaks.plc.spots = &leaks.spots;
	coated.plc.spots = &coated.spots;
	ok(set(&leaks, "FAULT-LEAK", 60) && set(&coated, "FAULT-FOULING", 60));
	scans(&leaks, 900);
	scans(&coated, 900);
	scans(&t, 900);
	printf("# zone 2: %.1f kW, leaking %.1f kW; element 1: %.0f C, coated %.0f C\n", value(&t, "JT-202"), value(&leaks, "JT-202"),
		value(&t, "TT-211"), value(&coated, "TT-211"));
	ok(value(&leaks, "JT-202") > 1.5 * value(&t, "JT-202"));
	ok(value(&coated, "TT-211") > value(&t, "TT-211") + 50);
	ok(value(&t, "XA-200") == 0);
}

TEST(the_energy_counter_is_the_integral_of_the_power)
{
	static struct setup t;
	double joules = 0, first;

	begin(&t);
	scans(&t, 30);
	first = value(&t, "JQ-200");
	for (int i = 0; i < 18000; i++) {
		plc_scan(&t.plc);
		joules += value(&t, "JT-200") * 1e3 * 0.1;
	}
	NEAR((value(&t, "JQ-200") - first) * 3.6e6, joules, 0.005);
}
