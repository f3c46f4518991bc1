/* Cutting takes the power that handbooks give, tools last as Taylor found, tanks empty as Torricelli found; batches follow one another. */
#include "sim/cnc.h"

#include <math.h>

#include "sim/cnc_map.h"
#include "sim/hydraulics.h"
#include "sim/plc.h"
#include "tap.h"

#define NEAR(got, want, share) do { double g_ = (got), w_ = (want);                                                    \
	if (!(fabs(g_ - w_) <= fabs(w_) * (share))) tap_fail_("%s: got %.9g, want %.9g within %.3g", #got, g_, w_, (double) (share)); } while (0)

/* Mitsubishi Materials, Technical Data, "Formulae for cutting power, face milling", the example: a_p 2 mm, a_e 80 mm, v_f 280 mm/min, k_c 1,800 N/mm²:
 * 2 · 80 · 280 · 1,800 / 60e6 = 1.344 kW at the tool (1.68 kW with the machine's 80 %). Our force per area is Kienzle's, so it is taken out first. */
TEST(cutting_power_is_that_of_the_handbooks_example)
{
	const struct cnc_cut c = { .depth = 2, .width = 80, .diameter = 250, .teeth = 12 };
	double speed = 1000 * 80 / (M_PI * 250), kienzle = 1700 * pow(280 / (speed * 12) * sqrt(80.0 / 250), -0.25);

	NEAR(speed, 101.91, 1e-3);
	NEAR(280 / (speed * 12), 0.228, 0.005);
	NEAR(cnc_cutting_power(&c, 280, speed, 0) / kienzle * 1800, 1344, 1e-6);
	NEAR(cnc_cutting_power(&c, 280, speed, 1), 1.4 * cnc_cutting_power(&c, 280, speed, 0), 1e-9);
	ok(cnc_cutting_power(&c, 0, speed, 0) == 0);
}

/* v T^n = C: at C the tool lasts a minute, at half of it 2^(1/0.25) = 16 minutes. */
TEST(a_tool_lasts_as_taylors_equation_says)
{
	NEAR(cnc_tool_life(350), 60, 1e-12);
	NEAR(cnc_tool_life(175), 16 * 60, 1e-12);
}

static void run(struct cnc_plant *c, double seconds)
{
	for (long i = 0, n = lround(seconds / CNC_STEP_S); i < n; i++)
		cnc_step(c, CNC_STEP_S);
}

/* Torricelli: from h₁ to h₂ through a hole a in a tank A takes (A / 0.6 a) √(2/g) (√h₁ − √h₂). */
TEST(a_leaking_tank_empties_as_torricelli_says)
{
	struct cnc_design d = cnc_standard;
	struct cnc_plant c;
	double h = 0.75 * d.tank_height;

	d.top_up = 0;
	cnc_init(&c, &d);
	cnc_set_fault(&c, CNC_FAULT_LEAK, 1);
	run(&c, d.tank_area / (0.6 * 4.9e-4) * sqrt(2 / GRAVITY) * (sqrt(h) - sqrt(h / 2)));
	NEAR(c.level, h / 2, 1e-3);
}

TEST(the_spindle_starts_with_its_greatest_torque_and_then_holds_its_speed)
{
	struct cnc_plant c;
	struct cnc_now n;
	double wanted = 6366 * M_PI / 30, most, base;

	cnc_init(&c, &cnc_standard);
	c.at = 4;                                       /* no cut: speed alone */
	c.in.turn = true;
	most = cnc_standard.torque / cnc_standard.inertia;      /* rad/s² without friction */
	run(&c, 0.1);
	ok(c.speed < most * 0.1 && c.speed > 0.98 * most * 0.1);
	/* From its base speed on it gives its greatest power: J ω²/2 grows by P t, less what the bearing takes (below 2 %). */
	base = cnc_standard.peak / cnc_standard.torque;
	run(&c, base / most + 0.2 - 0.1);
	NEAR(c.speed, sqrt(base * base + 2 * cnc_standard.peak * 0.2 / cnc_standard.inertia), 0.02);
	ok(c.torque * c.speed < 1.02 * cnc_standard.peak);
	run(&c, 5);
	NEAR(c.speed, wanted, 1e-9);
	cnc_now(&c, &n);
	NEAR(n.speed, 6366, 1e-9);
	/* At rest the drive gives what the bearing takes. */
	NEAR(c.torque, cnc_standard.bearing_torque + cnc_standard.bearing_drag * wanted, 1e-6);
	run(&c, 2000);
	NEAR(c.bearing - 24, c.torque * wanted / cnc_standard.bearing_cooling, 1e-3);
	cnc_set_fault(&c, CNC_FAULT_BEARING, 1);
	run(&c, 2000);
	NEAR(c.bearing - 24, 5 * (cnc_standard.bearing_torque + cnc_standard.bearing_drag * wanted) * wanted / cnc_standard.bearing_cooling, 1e-3);
}

/* Each cut takes its seconds and, at half feed, twice as long. The energy at the tool is power times time of the three cuts. */
TEST(a_programme_takes_its_time_and_its_energy)
{
	struct cnc_design d = cnc_standard;
	double joules = 0, seconds = 0;
	struct cnc_plant c;
	long n = 0;

	cnc_init(&c, &d);
	c.wear = 0;
	c.in.turn = c.in.go = true;
	while (c.parts == 0 && n++ < 100000)
		cnc_step(&c, CNC_STEP_S);
	for (int i = 0; i < CNC_CUTS; i++) {
		const struct cnc_cut *cut = &cnc_program[i];

		joules += cnc_cutting_power(cut, cut->feed, cut->speed, 0) * cut->seconds;
		seconds += cut->seconds;
	}
	NEAR((double) n * CNC_STEP_S, seconds, 0.001);
	NEAR(c.cut, joules, 0.02);                      /* the tool wears a little meanwhile */
	ok(c.electric > c.cut / d.efficiency);
	c.in.feed = 0.5;
	for (n = 0; c.parts == 1 && n < 100000; n++)
		cnc_step(&c, CNC_STEP_S);
	NEAR((double) n * CNC_STEP_S, seconds + 12 + 18 + 14, 0.001);
}

/* --- Its control ------------------------------------------------------------------------------------------------------- */

struct setup { struct spots spots; struct plc plc; };

static void begin(struct setup *t, uint64_t seed)
{
	spots_init(&t->spots, &kind_cnc);
	plc_init(&t->plc, &t->spots, seed, 20, INT64_C(1767240000) * NS_PER_S);
	plc_scan(&t->plc);
}

static void scans(struct setup *t, double seconds)
{
	for (long n = lround(seconds * 50); n > 0; n--)
		plc_scan(&t->plc);
}

static double value(const struct setup *t, const char *code) { return plc_value(&t->plc, (size_t) kind_point(&kind_cnc, code)); }
static bool set(struct setup *t, const char *code, double v) { return plc_command(&t->plc, (size_t) kind_point(&kind_cnc, code), v); }

TEST(in_an_hour_it_makes_parts_in_batches_and_passes_through_its_states)
{
	static struct setup t;
	double in[5] = { 0 }, parts;

	begin(&t, 3);
	for (int i = 0; i < 7200; i++) {
		scans(&t, 0.5);
		in[(int) value(&t, "XS-300") % 5] += 0.5;
	}
	parts = value(&t, "NQ-301");
	printf("# an hour: %.0f parts; idle %.0f s, set-up %.0f s, running %.0f s, stopped %.0f s; tool %.0f %%\n", parts, in[0], in[1], in[2], in[3],
		value(&t, "WT-301"));
	ok(in[STATE_IDLE] > 20 && in[STATE_SETUP] > 60 && in[STATE_RUNNING] > 1800 && in[STATE_STOPPED] >= 40 && in[STATE_ALARM] == 0);
	ok(fabs(value(&t, "KQ-301") - in[STATE_RUNNING]) < 5);
	ok(fabs(value(&t, "KT-301") - 68) < 0.2);
	ok(fabs(parts * 68 - in[STATE_RUNNING]) < 70);  /* each part is a cycle; the last is under way */
}

TEST(not_released_it_stops_and_released_it_goes_on)
{
	static struct setup t;

	begin(&t, 3);
	scans(&t, 12);
	ok(value(&t, "XS-300") == STATE_RUNNING && value(&t, "ST-301") > 1000);
	ok(set(&t, "HS-301", 0));
	scans(&t, 5);
	ok(value(&t, "XS-300") == STATE_STOPPED && value(&t, "XS-302") == 1 && value(&t, "ST-301") < 1);
	ok(set(&t, "HS-301", 1));
	scans(&t, 5);
	ok(value(&t, "XS-300") == STATE_RUNNING && value(&t, "XS-302") == 0 && value(&t, "ST-301") > 1000);
}

TEST(a_leak_ends_in_an_alarm_that_holds_until_it_is_reset)
{
	static struct setup t;

	begin(&t, 3);
	ok(set(&t, "FAULT-LEAK", 100));
	scans(&t, 240);
	ok(value(&t, "XS-300") == STATE_ALARM && value(&t, "XA-300") == 1 && value(&t, "LT-301") < 15 && value(&t, "LSL-301") == 1);
	ok(set(&t, "FAULT-LEAK", 0));
	scans(&t, 240);
	ok(value(&t, "XS-300") == STATE_ALARM && value(&t, "LT-301") > 60);
	ok(set(&t, "HS-303", 1));
	scans(&t, 1);
	ok(value(&t, "XS-300") == STATE_RUNNING && value(&t, "XA-300") == 0 && value(&t, "HS-303") == 0);
}

TEST(in_an_attended_plant_somebody_resets_what_was_mended)
{
	static struct setup t;

	begin(&t, 3);
	t.plc.attended = true;
	ok(set(&t, "FAULT-LEAK", 100));
	scans(&t, 240);
	ok(value(&t, "XS-300") == STATE_ALARM);
	ok(set(&t, "FAULT-LEAK", 0));
	scans(&t, 120);
	ok(value(&t, "XS-300") == STATE_RUNNING);
}

TEST(a_worn_bearing_shakes_and_warms_and_a_clogged_filter_starves_the_tool)
{
	static struct setup good, worn, clogged;
	double most = 0, usual = 0;

	begin(&good, 3);
	begin(&worn, 3);
	begin(&clogged, 3);
	ok(set(&worn, "FAULT-BEARING", 50) && set(&clogged, "FAULT-FOULING", 100));
	for (int i = 0; i < 136; i++) {
		scans(&good, 0.5);
		scans(&worn, 0.5);
		scans(&clogged, 0.5);
		most = fmax(most, value(&worn, "VT-301"));
		usual = fmax(usual, value(&good, "VT-301"));
	}
	ok(most > usual + 1);
	ok(value(&worn, "TT-301") > value(&good, "TT-301") + 5);
	ok(fabs(good.plc.cnc.is.pumped * 60e3 - 30) < 1e-9 && value(&clogged, "FT-302") < 8);
	ok(clogged.plc.cnc.wear - 0.3 > 2 * (good.plc.cnc.wear - 0.3));
}
