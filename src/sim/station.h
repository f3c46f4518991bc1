/*
 * station.h - a pump station as balances of mass, momentum and energy.
 *
 *   mains ─ float valve ─▶ sump ─▶ strainer ─▶ pump ─▶ check valve ─▶ pipeline ─▶ control valve ─▶ tank ─▶ consumers
 *                                               ▲ └─▶ leak                                          └─▶ overflow
 *                               drive ─ motor ──┘
 *
 * Seventeen state variables, integrated together by the classical Runge-Kutta method with a fixed step. Whatever friction takes out of the
 * flow or the shaft appears as heat in water, winding or bearing; what crosses the border is written in a ledger that is integrated
 * with it. So mass and energy can be added up at any time, and the test does. Equations: README.md; formulas: hydraulics.h.
 *
 * Faults change a parameter of this physics and nothing else; what they do to the measured values follows.
 *
 * Thread: one. Memory: embedded by the caller, nothing is allocated.
 */
#pragma once

#include "base/base.h"
#include "sim/hydraulics.h"

#define STATION_STEP_S 0.002            /* the drive's and shaft's fastest time constant is near 10 ms, the closed valve's near 3 ms */

/* Severity 0 … 1 of each; the parameter it moves stands in FAULT(id, "name", ...) of pump_faults.def. */
enum station_fault {
#define FAULT(id, name, en, zh) FAULT_##id,
#include "sim/pump_faults.def"
#undef FAULT
	FAULT_N_,
};

struct vessel { double area, elevation, height, loss; };        /* m², m of the floor, m, W/K to the surroundings */

struct station_design {
	struct vessel sump, tank;
	struct pipe pipe;
	double pipe_cooling;            /* W/K */
	struct valve valve;
	double valve_stroke_s;
	struct pump pump;
	struct motor motor;
	double inertia;                 /* kg m²: motor, coupling, impeller */
	double drive_ramp_s;            /* 0 to rated frequency */
	double drive_loss;              /* share of the power that the drive takes for itself */
	double winding_heat, winding_cooling;           /* J/K, W/K */
	double bearing_torque, bearing_drag;            /* N m at rest, N m s */
	double bearing_heat, bearing_cooling;           /* J/K, W/K */
	double strainer;                /* Pa/(m³/s)² */
	double supply_max, supply_gain, supply_level;   /* m³/s, m³/s per m, m: float valve */
	double weir;                    /* m wide, at the tank's overflow, `height` of the tank */
	double unbalance;               /* m, eccentricity of the rotating mass times its share of the machine's mass */
};
extern const struct station_design station_standard;

enum {
	Y_SUMP, Y_TANK,                                 /* kg */
	Y_SUMP_HEAT, Y_TANK_HEAT, Y_PIPE_HEAT,          /* J above 0 °C */
	Y_FLOW,                                         /* m³/s in the pipeline */
	Y_SPEED, Y_SYNC,                                /* rad/s of the shaft, of the field */
	Y_WINDING, Y_BEARING,                           /* °C */
	Y_VALVE,                                        /* 0 … 1 */
	/* The ledger: what crossed the border since the beginning. */
	Y_MASS_IN, Y_MASS_OUT,                          /* kg */
	Y_ELECTRIC, Y_WARMED,                           /* J from the grid, J to the surroundings */
	Y_CARRIED_IN, Y_CARRIED_OUT,                    /* J with the water: heat, height, pressure */
	Y_N_,
};

/* What the world does to the station, held through a step. */
struct station_inputs {
	bool run;
	double speed;                   /* wanted, share of the rated frequency */
	double valve;                   /* wanted opening, 0 … 1 */
	double ambient, supply_temp;    /* °C */
	double demand;                  /* m³/s wanted by the consumers */
};

/* Everything an instrument could be put to; SI, as the state implies it. */
struct station_now {
	double sump_level, tank_level;                  /* m */
	double suction_pressure, discharge_pressure;    /* Pa above the air's */
	double flow, leak, supply, demand, overflow;    /* m³/s */
	double head, viscosity;                         /* m, m²/s */
	double sump_temp, tank_temp, pipe_temp, winding_temp, bearing_temp, ambient;
	double speed, frequency, valve;                 /* rad/s, Hz, 0 … 1 */
	double torque, current, power, drive_power;     /* N m, A, W of the motor, W taken from the grid */
	double vibration;                               /* m/s, root mean square, at the bearing */
};

struct station {
	struct station_design design;   /* as built */
	struct station_design is;       /* as the faults have made it */
	double ring_leak, leak_area, blocked;           /* m³/s per √m, m², share of Kv: nothing on a healthy machine */
	double fault[FAULT_N_];
	double y[Y_N_];
	struct station_inputs in;
};

void station_init(struct station *s, const struct station_design *d);
/* severity is clamped to 0 … 1. */
void station_set_fault(struct station *s, enum station_fault fault, double severity);
const char *station_fault_name(enum station_fault fault);                      /* "leak" */
void station_step(struct station *s, double seconds);                           /* one Runge-Kutta step under s->in */
void station_now(const struct station *s, struct station_now *ret);

double station_mass(const struct station *s);                                   /* kg in it */
double station_energy(const struct station *s);                                 /* J in it: heat, height, motion */
/* What the balances miss since station_init(): kg, J. Zero but for rounding and the integrator's error. */
double station_mass_gap(const struct station *s, double mass_at_start);
double station_energy_gap(const struct station *s, double energy_at_start);
