/*
 * grid.h - the plant's low-voltage network and what its energy meters see of it.
 *
 *   10 kV ─ transformer ─┬─ main meter ─┬─ feeder ─ sub-meter ─ machine
 *                        Z_t            └─ feeder ─ sub-meter ─ machine      Z_f each
 *
 * Each phase for itself, with the neutral stiff: a load P + jQ behind R + jX, fed by V, has the voltage U with
 *   U⁴ + (2(PR + QX) − V²) U² + (P² + Q²)(R² + X²) = 0       (the larger root; Kundur, Power System Stability and Control, 14.1)
 * draws I = |P + jQ| / U and costs I²R and I²X on the way. So what the main meter counts is what the sub-meters count and the losses of the feeders.
 * A machine draws what its physics takes; voltages follow.
 *
 * Thread: one. Memory: embedded by the caller.
 */
#pragma once

#include "sim/chance.h"

enum { PHASES = 3, FEEDERS_MAX = 15 };

struct draw { double watts[PHASES], vars[PHASES]; };
void draw_balanced(struct draw *ret, double watts, double power_factor);        /* lagging; 0 < power_factor ≤ 1 */

/* One phase behind an impedance. The load is cut to what the line can carry at all. */
struct drop { double volts, amps, lost_watts, lost_vars; };
struct drop grid_drop(double fed_volts, double ohms, double reactance, double watts, double vars);

/* What a meter is connected to, and its counters. */
struct meter {
	double volts[PHASES], amps[PHASES];
	struct draw draw;
	double hertz;
	double joules, var_seconds;             /* since the beginning; motors alone: reactive energy is inductive */
};
void meter_step(struct meter *m, double seconds);       /* counts what flows */
double draw_watts(const struct draw *d);
double draw_vars(const struct draw *d);

struct grid_design {
	double volts;                           /* phase to neutral, transformer without load */
	double ohms, reactance;                 /* of the transformer, Ω, low-voltage side */
	double feeder_ohms, feeder_reactance;   /* of each feeder */
};
extern const struct grid_design grid_standard;

struct grid {
	struct grid_design design;
	struct chance chance;
	double wander, hertz;                   /* of the 10 kV side, share of its voltage; Hz */
	double bus[PHASES];                     /* V at the main meter */
};
void grid_init(struct grid *g, uint64_t seed);
void grid_second(struct grid *g);               /* voltage and frequency wander */
/* Puts what n machines draw through the network into the meters: sub[i] of machine i, and main. */
void grid_flow(struct grid *g, const struct draw *draws, uint32_t n, struct meter *const *sub, struct meter *main);
