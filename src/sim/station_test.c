/* What is conserved is conserved, formulas give published figures, faults act through physics. */
#include "sim/station.h"

#include <math.h>

#include "tap.h"

#define NEAR(got, want, share) do { double g_ = (got), w_ = (want);                                                    \
	if (!(fabs(g_ - w_) <= fabs(w_) * (share))) tap_fail_("%s: got %.9g, want %.9g within %.3g", #got, g_, w_, (double) (share)); } while (0)

static void run(struct station *s, double seconds)
{
	for (long i = 0, n = lround(seconds / STATION_STEP_S); i < n; i++)
		station_step(s, STATION_STEP_S);
}

static void start(struct station *s)
{
	station_init(s, &station_standard);
	s->in = (struct station_inputs) { .run = true, .speed = 1, .valve = 1, .ambient = 18, .supply_temp = 12, .demand = 0.02 };
}

/* C. F. Colebrook (1939), solved by iteration: what Swamee and Jain's formula approximates. */
static double colebrook(double reynolds, double rough)
{
	double f = 0.02;

	for (int i = 0; i < 50; i++)
		f = pow(-2 * log10(rough / 3.7 + 2.51 / (reynolds * sqrt(f))), -2);
	return f;
}

TEST(the_friction_factor_is_colebrooks_within_three_percent)
{
	for (double re = 5e3; re < 1e8; re *= 1.7)
		for (double rough = 1e-6; rough < 1e-2; rough *= 2.3)
			NEAR(friction_factor(re, rough), colebrook(re, rough), 0.035);
	NEAR(friction_factor(1000, 0.001), 0.064, 1e-12);
	NEAR(friction_factor(2000.001, 0), friction_factor(1999.999, 0), 1e-5);
	NEAR(friction_factor(4000.001, 1e-4), friction_factor(3999.999, 1e-4), 1e-5);
}

/* White, Fluid Mechanics, 5th edition, Example 6.6: oil, ρ = 900 kg/m³, ν = 1e-5 m²/s, 0.2 m³/s through 500 m of 200 mm cast-iron pipe,
 * ε = 0.26 mm. Re = 128,000, f = 0.0225 read from the Moody chart, head loss 117 m. (The head does not depend on the density.) */
TEST(the_loss_of_a_pipe_is_that_of_whites_example_6_6)
{
	struct pipe p = { .length = 500, .diameter = 0.2, .roughness = 0.26e-3 };
	double v = 0.2 / pipe_area(&p);

	NEAR(v * p.diameter / 1e-5, 128e3, 0.01);
	NEAR(friction_factor(128e3, 0.0013), 0.0225, 0.02);
	NEAR(pipe_loss(&p, 0.2, 1e-5) / (WATER_DENSITY * GRAVITY), 117, 0.02);
	NEAR(pipe_loss(&p, -0.2, 1e-5), -pipe_loss(&p, 0.2, 1e-5), 1e-12);
}

/* White, Fluid Mechanics, 5th edition, Example 11.6: a 32-in pump at 1170 r/min, H = 490 - 0.26 Q² (ft, 1000 gal/min), between reservoirs
 * 120 ft apart in height, through 1500 ft of 16-in pipe with f = 0.030: system head 120 + 1.335 Q². They meet at 15.2 thousand gal/min,
 * 430 ft. Here the station's own equation of motion has to come to rest there. */
TEST(the_operating_point_is_that_of_whites_example_11_6)
{
	const double ft = 0.3048, kgpm = 1000 * 3.785411784e-3 / 60;
	struct station_design d = station_standard;
	struct pipe pipe = { .length = 1500 * ft, .diameter = 16.0 / 12 * ft, .minor = 0.030 * 1500 / (16.0 / 12), .roughness = 0 };
	struct station_now now;
	struct station s;

	d.pipe = pipe;
	d.valve.kvs = 1e9;
	d.strainer = 0;
	d.pump = (struct pump) { .h0 = 490 * ft, .h2 = -0.26 * ft / (kgpm * kgpm), .p0 = 1e3, .speed = 1170 * M_PI / 30 };
	d.sump = (struct vessel) { .area = 1e9, .elevation = 0, .height = 10 };
	d.tank = (struct vessel) { .area = 1e9, .elevation = 120 * ft, .height = 10 };
	station_init(&s, &d);
	s.y[Y_SUMP] = s.y[Y_TANK] = 2 * WATER_DENSITY * 1e9;
	/* The example's f is given, ours follows from Reynolds: put the whole loss into the minor coefficient by taking ours out. */
	for (int i = 0; i < 20000; i++) {
		double v = s.y[Y_FLOW] / pipe_area(&pipe), nu = water_viscosity(14);

		s.is.pipe.minor = pipe.minor - (fabs(v) > 1e-3 ? friction_factor(v * pipe.diameter / nu, 0) * pipe.length / pipe.diameter : 0);
		s.y[Y_SPEED] = d.pump.speed;            /* held by its drive */
		s.y[Y_PIPE_HEAT] = WATER_DENSITY * d.pipe.length * pipe_area(&d.pipe) * WATER_HEAT * 14;
		station_step(&s, STATION_STEP_S);
	}
	station_now(&s, &now);
	NEAR(now.flow / kgpm, 15.2, 0.005);
	NEAR(now.head / ft, 430, 0.005);
	NEAR((now.head / ft - 120) / (now.flow / kgpm * now.flow / kgpm), 1.335, 0.002);
}

/* R. Kestin, M. Sokolov, W. Wakeham (1978): 1.0016 mPa s at 20 °C; 0.547 at 50 °C. */
TEST(the_viscosity_of_water_is_the_measured_one)
{
	NEAR(water_viscosity(20) * WATER_DENSITY, 1.0016e-3, 0.01);
	NEAR(water_viscosity(50) * WATER_DENSITY, 0.547e-3, 0.01);
}

/* IEC 60534: Kv is by definition the flow of water in m³/h at 1 bar; equal percentage means equal steps multiply equally. */
TEST(a_valve_passes_its_kv_at_one_bar)
{
	struct valve v = station_standard.valve;

	NEAR(valve_loss(valve_kv(&v, 1), v.kvs / 3600), 1e5, 0.002);
	NEAR(valve_kv(&v, 0.7) / valve_kv(&v, 0.6), valve_kv(&v, 0.4) / valve_kv(&v, 0.3), 1e-9);
	NEAR(valve_kv(&v, 0), 0.001 * v.kvs, 1e-9);
}

TEST(a_pump_obeys_the_affinity_laws)
{
	const struct pump *p = &station_standard.pump;
	double w = p->speed, q = 0.025;

	NEAR(pump_head(p, q * 0.8, w * 0.8), 0.64 * pump_head(p, q, w), 1e-12);
	NEAR(pump_torque(p, q * 0.8, w * 0.8) * w * 0.8, 0.512 * pump_torque(p, q, w) * w, 1e-12);
}

TEST(the_pumps_efficiency_is_a_pumps)
{
	const struct pump *p = &station_standard.pump;
	double best = 0;

	for (double q = 0.001; q < 0.06; q += 0.0005) {
		double eta = WATER_DENSITY * GRAVITY * q * pump_head(p, q, p->speed) / (pump_torque(p, q, p->speed) * p->speed);

		ok(eta < 0.85);
		best = fmax(best, eta);
	}
	NEAR(best, 0.80, 0.03);
}

TEST(the_kloss_curve_peaks_at_the_breakdown_slip)
{
	const struct motor *m = &station_standard.motor;

	NEAR(motor_torque(m, 157, 157 - m->breakdown_slip), m->breakdown_torque, 1e-12);
	ok(motor_torque(m, 157, 157 - m->breakdown_slip * 1.2) < m->breakdown_torque);
	is_int(motor_torque(m, 100, 120), 0);
	NEAR(motor_current(m, m->rated_torque, 157), m->rated_current, 1e-12);
}

/* Starts, stops, valve strokes, every fault coming and going, twenty minutes: what is in it is what was in it plus what came minus what went. */
TEST(mass_and_energy_are_conserved_over_a_long_run)
{
	struct station s;
	double mass, energy, moved;

	start(&s);
	mass = station_mass(&s);
	energy = station_energy(&s);
	for (int minute = 0; minute < 20; minute++) {
		s.in.run = minute % 5 != 4;
		s.in.speed = 0.6 + 0.05 * (minute % 9);
		s.in.valve = minute % 7 == 3 ? 0 : 1 - 0.1 * (minute % 4);
		s.in.demand = 0.01 + 0.002 * (minute % 11);
		s.in.ambient = 10 + minute;
		if (minute >= 2)
			station_set_fault(&s, (minute - 2) / 2 % FAULT_N_, minute % 2 ? 0 : 0.8);
		run(&s, 60);
	}
	moved = s.y[Y_MASS_OUT] + s.y[Y_MASS_IN];
	ok(moved > 20000);
	ok(fabs(station_mass_gap(&s, mass)) < 1e-6 * moved);
	ok(s.y[Y_ELECTRIC] > 5e6);
	ok(fabs(station_energy_gap(&s, energy)) < 1e-6 * s.y[Y_ELECTRIC]);      /* of the electrical work, not of the water's whole heat */
	printf("# mass gap %.3g of what moved, energy gap %.3g of the electrical work\n", station_mass_gap(&s, mass) / moved,
		station_energy_gap(&s, energy) / s.y[Y_ELECTRIC]);
}

TEST(a_tank_that_runs_over_or_dry_keeps_the_balance)
{
	struct station s;
	double mass, energy;

	start(&s);
	s.in.demand = 0;
	s.y[Y_TANK_HEAT] *= 3.95 / 2.0;
	s.y[Y_TANK] = WATER_DENSITY * s.is.tank.area * 3.95;
	mass = station_mass(&s);
	energy = station_energy(&s);
	run(&s, 300);
	ok(s.y[Y_TANK] > WATER_DENSITY * s.is.tank.area * 4.0);
	ok(s.y[Y_MASS_OUT] > 100);
	station_set_fault(&s, FAULT_SUPPLY, 1);
	mass -= s.y[Y_SUMP];                    /* the sump is drained by hand: not the simulation's doing */
	energy -= station_energy(&s);
	s.y[Y_SUMP] *= 0.3 / 2.2;
	s.y[Y_SUMP_HEAT] *= 0.3 / 2.2;
	mass += s.y[Y_SUMP];
	energy += station_energy(&s);
	run(&s, 300);
	ok(s.y[Y_SUMP] > 0);
	ok(fabs(station_mass_gap(&s, mass)) < 1e-6 * s.y[Y_MASS_OUT]);
	ok(fabs(station_energy_gap(&s, energy)) < 1e-6 * s.y[Y_ELECTRIC]);
}

TEST(it_settles_near_its_rated_point)
{
	struct station_now n;
	struct station s;

	start(&s);
	s.in.demand = 0.028;
	run(&s, 120);
	station_now(&s, &n);
	ok(n.flow * 3600 > 90 && n.flow * 3600 < 115);
	ok(n.head > 29 && n.head < 35);
	ok(n.speed * 30 / M_PI > 1440 && n.speed * 30 / M_PI < 1480);
	ok(n.power > 10e3 && n.power < 14e3);
	ok(n.current > 20 && n.current < 30);
	ok(n.vibration > 0.8e-3 && n.vibration < 2.8e-3);       /* ISO 10816-7 zone A or B */
	printf("# %.1f m3/h, %.2f m, %.0f r/min, %.2f kW, %.1f A, %.2f mm/s\n", n.flow * 3600, n.head, n.speed * 30 / M_PI, n.power / 1e3,
		n.current, n.vibration * 1e3);
}

TEST(the_check_valve_lets_nothing_back)
{
	struct station s;

	start(&s);
	run(&s, 30);
	s.in.run = false;
	for (int i = 0; i < 30000; i++) {
		station_step(&s, STATION_STEP_S);
		must(s.y[Y_FLOW] >= 0 && s.y[Y_SPEED] >= 0);
	}
	ok(s.y[Y_FLOW] == 0);
	ok(s.y[Y_SPEED] < 1);
}

TEST(the_same_inputs_give_the_same_bits)
{
	struct station a, b;

	start(&a);
	start(&b);
	run(&a, 20);
	run(&b, 20);
	is_bytes(a.y, b.y, sizeof(a.y));
}

TEST(half_the_step_gives_the_same_answer)
{
	struct station a, b;

	start(&a);
	start(&b);
	run(&a, 60);
	for (int i = 0; i < 60000; i++)
		station_step(&b, STATION_STEP_S / 2);
	for (int j = 0; j < Y_N_; j++)
		NEAR(a.y[j], b.y[j], 1e-5);
}

static struct station_now settled(enum station_fault fault, double severity)
{
	struct station_now n;
	struct station s;

	start(&s);
	s.in.demand = 0.028;
	s.y[Y_WINDING] = 60;
	station_set_fault(&s, fault, severity);
	run(&s, 90);
	station_now(&s, &n);
	return n;
}

TEST(each_fault_shows_where_an_engineer_would_look_for_it)
{
	struct station_now sound = settled(FAULT_LEAK, 0), n;

	n = settled(FAULT_LEAK, 1);             /* less arrives, more power is drawn, the pump runs out on its curve */
	ok(n.flow < sound.flow * 0.97 && n.power > sound.power && n.discharge_pressure < sound.discharge_pressure && n.leak > 0.001);
	n = settled(FAULT_WEAR, 1);             /* less flow and head */
	ok(n.flow < sound.flow * 0.95 && n.discharge_pressure < sound.discharge_pressure);
	n = settled(FAULT_BLOCKED, 1);          /* less flow, higher pressure, less power */
	ok(n.flow < sound.flow * 0.8 && n.discharge_pressure > sound.discharge_pressure && n.power < sound.power);
	n = settled(FAULT_FOULING, 1);
	ok(n.flow < sound.flow * 0.85 && n.discharge_pressure > sound.discharge_pressure);
	n = settled(FAULT_BEARING, 1);          /* hot bearing, vibration, a little more power, hydraulics as before */
	ok(n.bearing_temp > sound.bearing_temp + 5 && n.vibration > sound.vibration * 1.5 && n.power > sound.power);
	ok(fabs(n.flow - sound.flow) < sound.flow * 0.01);
	n = settled(FAULT_UNBALANCE, 1);
	ok(n.vibration > sound.vibration * 3);
	n = settled(FAULT_STRAINER, 1);         /* the suction pressure falls */
	ok(n.suction_pressure < sound.suction_pressure - 20e3 && n.flow < sound.flow);
	n = settled(FAULT_SUPPLY, 1);
	ok(n.supply == 0 && n.sump_level < sound.sump_level);
	n = settled(FAULT_COOLING, 1);
	ok(n.winding_temp > sound.winding_temp + 1 && fabs(n.flow - sound.flow) < sound.flow * 0.01);
}

TEST(a_fault_that_is_mended_leaves_the_machine_as_built)
{
	struct station a, b;

	station_init(&a, &station_standard);
	station_init(&b, &station_standard);
	for (int f = 0; f < FAULT_N_; f++) {
		station_set_fault(&a, f, 0.7);
		ok(memcmp(&a, &b, sizeof(a)) != 0);
		station_set_fault(&a, f, 0);
		is_bytes(&a, &b, sizeof(a));
	}
	station_set_fault(&a, FAULT_N_, 1);
	station_set_fault(&a, FAULT_LEAK, NAN);
	is_bytes(&a, &b, sizeof(a));
}
