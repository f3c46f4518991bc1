/* What the main meter counts is what the sub-meters count and what the feeders lose; energy is the integral of power. */
#include "sim/grid.h"

#include <complex.h>
#include <math.h>

#include "sim/sim.h"
#include "sim/station.h"
#include "sys/sys.h"
#include "tap.h"

#define NEAR(got, want, share) do { double g_ = (got), w_ = (want);                                                    \
	if (!(fabs(g_ - w_) <= fabs(w_) * (share))) tap_fail_("%s: got %.9g, want %.9g within %.3g", #got, g_, w_, (double) (share)); } while (0)

/* Ohm and Kirchhoff with phasors: V = U + (R + jX) I, I = conj(S / U). The formula's U has to close the loop. */
TEST(the_voltage_behind_an_impedance_closes_kirchhoffs_loop)
{
	static const struct { double p, q; } loads[] = { { 0, 0 }, { 5e3, 0 }, { 8e3, 3e3 }, { 0, 4e3 }, { 20e3, 15e3 } };

	for (size_t i = 0; i < ELEMENTSOF(loads); i++) {
		struct drop d = grid_drop(230, 0.11, 0.05, loads[i].p, loads[i].q);
		complex double current = conj((loads[i].p + I * loads[i].q) / d.volts), fed = d.volts + (0.11 + I * 0.05) * current;

		NEAR(cabs(fed), 230, 1e-12);
		NEAR(cabs(current), d.amps, 1e-12);
		NEAR(d.lost_watts, d.amps * d.amps * 0.11, 1e-12);
	}
}

/* At its rated current a transformer's short-circuit voltage drops: 160 kVA, 4 %, 231 A; 2.35 kW are lost in three phases (the sources of grid.c). */
TEST(the_transformer_is_that_of_its_name_plate)
{
	double amps = 160e3 / (sqrt(3) * 400);

	NEAR(hypot(grid_standard.ohms, grid_standard.reactance) * amps, 0.04 * 400 / sqrt(3), 0.01);
	NEAR(3 * amps * amps * grid_standard.ohms, 2350, 0.01);
}

TEST(a_balanced_draw_has_its_power_factor)
{
	struct draw d;

	draw_balanced(&d, 9000, 0.8);
	NEAR(draw_watts(&d), 9000, 1e-12);
	NEAR(draw_vars(&d), 9000 * 0.75, 1e-12);        /* tan(acos 0.8) */
}

TEST(the_main_meter_sees_the_sum_and_the_losses)
{
	struct draw draws[2];
	struct meter a = { 0 }, b = { 0 }, main = { 0 }, *sub[] = { &a, &b };
	double lost = 0;
	struct grid g;

	grid_init(&g, 1);
	draw_balanced(&draws[0], 15e3, 0.95);
	draws[1] = (struct draw) { .watts = { 6e3, 4e3, 0 }, .vars = { 100, 100, 100 } };
	for (int i = 0; i < 5; i++)
		grid_flow(&g, draws, 2, sub, &main);
	for (int i = 0; i < PHASES; i++) {
		lost += (a.amps[i] * a.amps[i] + b.amps[i] * b.amps[i]) * grid_standard.feeder_ohms;
		NEAR(a.volts[i] * a.amps[i], hypot(a.draw.watts[i], a.draw.vars[i]), 1e-9);
		NEAR(main.volts[i] * main.amps[i], hypot(main.draw.watts[i], main.draw.vars[i]), 1e-6);
		ok(a.volts[i] < main.volts[i] && main.volts[i] < grid_standard.volts);
	}
	NEAR(draw_watts(&main.draw), draw_watts(&a.draw) + draw_watts(&b.draw) + lost, 1e-9);
	ok(lost > 50 && main.volts[2] > main.volts[0]);         /* the phase that carries less sags less */
}

static double of(const struct sim *s, uint32_t machine, const char *code)
{
	double v = NAN;

	ok(sim_value(s, machine, code, &v) == 0);
	return v;
}

TEST(in_the_plant_energy_is_the_integral_of_power_and_each_sub_meter_counts_its_machine)
{
	double joules = 0, first, parts;
	struct sim_machine m;
	struct loop *l;
	struct sim *s;

	must(loop_new("sim", &l) == 0);
	must(sim_new(l, &(struct sim_config) { .seed = 4, .machines = "pump,oven,cnc,meters", .scan_ms = 100, .start_ns = INT64_C(1767240000) * NS_PER_S }, &s) == 0);
	is_int(sim_machines(s), 7);
	is_int(sim_servers(s), 4);
	sim_machine(s, 3, &m);
	ok(m.kind == SIM_METER && m.unit == 1 && m.metered == -1 && m.server == 3);
	sim_machine(s, 5, &m);
	ok(m.kind == SIM_METER && m.unit == 3 && m.metered == 1);
	sim_write(s, 0, "LIC-102.L", 2.5);
	sim_advance(s, 300);
	first = of(s, 3, "EP.L");
	for (int i = 0; i < 9000; i++) {
		sim_advance(s, 1);
		joules += of(s, 3, "P") * 1e3 * 0.1;
	}
	NEAR((of(s, 3, "EP.L") - first) * 3600, joules, 0.005);         /* class 0.5 */
	NEAR(of(s, 3, "EP"), of(s, 3, "EP.L") / 1e3, 0.01);
	NEAR(of(s, 3, "EP.F"), of(s, 3, "EP.L") / 1e3, 1e-6);
	/* The machines' own ledgers are counted by other code, from other integrals. */
	NEAR(of(s, 4, "EP"), of(s, 0, "JQ-101"), 0.01);
	NEAR(of(s, 5, "EP"), of(s, 1, "JQ-200"), 0.01);
	NEAR(of(s, 6, "EP"), of(s, 2, "JQ-300"), 0.02);
	parts = of(s, 4, "EP") + of(s, 5, "EP") + of(s, 6, "EP");
	ok(of(s, 3, "EP") > parts && of(s, 3, "EP") < 1.05 * parts);
	printf("# 15 min: main %.2f kWh, parts %.2f kWh; %.1f V, PF %.3f\n", of(s, 3, "EP"), parts, of(s, 3, "U1"), of(s, 3, "PF"));
	ok(fabs(of(s, 3, "S") - hypot(of(s, 3, "P"), of(s, 3, "Q"))) < 0.2);
	sim_free(s);
	loop_free(l);
}
