/*
 * oven.h - a tunnel oven in three zones, as balances of energy.
 *
 *   parts ─▶ zone 1 ═ zone 2 ═ zone 3 ─▶ parts        each zone: element ─▶ air and walls ─▶ hall, neighbours, parts; a fan stirs it
 *
 * A zone is two thermal masses, the heating element and the air with the walls it warms:
 *   C_e dT_e/dt = P − G_e (T_e − T_z)
 *   C_z dT_z/dt = G_e (T_e − T_z) + P_fan − G_w (T_z − T_a) + Σ G_c (T_n − T_z) − Q_parts        n: neighbours
 * Zone 1 and 3 lose to the hall through the ends of the tunnel (part of their G_w), zone 2 through the door. Parts warm up as in a heat exchanger
 * with one side at constant temperature: T_out = T_z − (T_z − T_in) exp(−hA/ṁc)  (Incropera and DeWitt, Fundamentals of Heat and Mass
 * Transfer, 11.3: the condenser's case), so that Q_parts = ṁc (T_out − T_in).
 *
 * Everything is linear in the temperatures: steady states can be written down, and the test does. Explicit Euler: the fastest time constant, an
 * element's, is above 40 s, a step at most 1 s; the ledger is summed with the same rates, so energy adds up but for rounding.
 *
 * Faults change a parameter: a leaking door seal, elements coated with deposits (G_e falls), the fans' bearings running dry.
 *
 * Thread: one. Memory: embedded by the caller.
 */
#pragma once

#include "base/base.h"

enum { OVEN_ZONES = 3 };
enum oven_fault {
#define FAULT(id, name, en, zh) OVEN_FAULT_##id,
#include "sim/oven_faults.def"
#undef FAULT
	OVEN_FAULT_N_,
};

struct oven_design {
	double heater;                  /* W, rated, of a zone */
	double element_heat, zone_heat; /* J/K: C_e, C_z */
	double element;                 /* W/K: G_e */
	double wall[OVEN_ZONES];        /* W/K: G_w */
	double coupling;                /* W/K between neighbours: G_c */
	double door;                    /* W/K more, of zone 2, door open */
	double seal;                    /* W/K more, of zone 2, seal gone */
	double door_s;                  /* s from closed to open */
	double parts_per_m, parts_heat; /* kg a metre of belt; J/(kg K) */
	double transfer;                /* W/K: hA of the parts in one zone */
	double belt_rate, belt_idle, belt_force;        /* m/s²; W; N */
	double fan_air, fan_speed, fan_bearing;         /* W into the air; rad/s; N m of friction, of each zone */
};
extern const struct oven_design oven_standard;

/* What the PLC and the world do to it. */
struct oven_inputs {
	double heat[OVEN_ZONES];        /* 0 … 1 of the heaters' rated power */
	bool fans, door;
	double belt;                    /* m/s wanted */
	double ambient;                 /* °C; parts come in with it */
};

struct oven_now {
	double zone[OVEN_ZONES], element[OVEN_ZONES], power[OVEN_ZONES];        /* °C, °C, W */
	double parts_out[OVEN_ZONES];   /* °C of the parts that leave each zone */
	double belt, door;              /* m/s, 0 … 1 */
	double fan_power, belt_power, total_power;      /* W from the grid */
	double vibration;               /* m/s, root mean square, at the fans' bearings */
	double ambient;
};

struct oven_plant {
	struct oven_design design, is;  /* as built; as the faults have made it */
	double leak;                    /* W/K */
	double zone[OVEN_ZONES], element[OVEN_ZONES];
	double belt, door;
	double electric, warmed, carried;       /* the ledger, J: from the grid, to the hall, with the parts */
	double travelled;               /* m of belt */
	struct oven_inputs in;
	/* The controllers' memory, see oven_plc.c. */
	double integral[OVEN_ZONES], before[OVEN_ZONES], output[OVEN_ZONES];
	double pieces, ready_ms;
};

void oven_init(struct oven_plant *o, const struct oven_design *d);
void oven_set_fault(struct oven_plant *o, enum oven_fault fault, double severity);     /* clamped to 0 … 1 */
void oven_step(struct oven_plant *o, double seconds);
void oven_now(const struct oven_plant *o, struct oven_now *ret);
double oven_energy(const struct oven_plant *o);                 /* J in it, above 0 °C */
double oven_energy_gap(const struct oven_plant *o, double energy_at_start);
