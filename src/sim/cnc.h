/*
 * cnc.h - a machining centre that mills one part after the other: spindle, cutting, tool, coolant.
 *
 *   J dω/dt = T_drive − T_cut − T_bearing                      T_cut = P_c / ω, the drive holds the speed within its greatest torque
 *   P_c = a_p a_e v_f k_c,  k_c = k_c1.1 h^−m_c,  h = f_z √(a_e/D)      Kienzle; mean chip thickness of side milling (Sandvik Coromant,
 *                                                              Metal Cutting Technology, milling formulas); C45: k_c1.1 = 1,700 N/mm², m_c = 0.25
 *   T_life = (C / v_c)^(1/n)                                   Taylor; carbide in steel: n = 0.25, C = 350 m/min with T in minutes
 *   C dT/dt = T_bearing ω − G (T − T_ambient)                  spindle bearing
 *   A dh/dt = Q_top-up − Q_chips − 0.6 a √(2gh)                coolant; Torricelli
 *
 * A worn tool needs up to 40 % more force; poor cooling wears it up to three times as fast. The programme is a list of cuts; what stands between
 * them (tool change, loading) are cuts of depth nothing. Vibration is a rule of thumb, as in station.c.
 *
 * Thread: one. Memory: embedded by the caller.
 */
#pragma once

#include "sim/chance.h"

#define CNC_STEP_S 0.002                /* the drive's time constant J/K is 50 ms */

enum cnc_fault {
#define FAULT(id, name, en, zh) CNC_FAULT_##id,
#include "sim/cnc_faults.def"
#undef FAULT
	CNC_FAULT_N_,
};

/* r/min; mm/min; mm; mm; mm; number; s at 100 % feed */
struct cnc_cut { double speed, feed, depth, width, diameter, teeth, seconds; };
enum { CNC_CUTS = 7 };
extern const struct cnc_cut cnc_program[CNC_CUTS];

double cnc_cutting_power(const struct cnc_cut *c, double feed, double speed, double wear);     /* W; feed in mm/min, speed in r/min */
double cnc_tool_life(double cutting_speed);             /* s; cutting speed in m/min */

struct cnc_design {
	double inertia, torque, stiffness;      /* kg m²; N m at most; N m s of the speed controller */
	double rated, peak, efficiency;         /* W for long, W for moments (above the base speed the torque falls with 1/ω), share */
	double bearing_torque, bearing_drag;    /* N m; N m s */
	double bearing_heat, bearing_cooling;   /* J/K; W/K */
	double unbalance;                       /* m */
	double tank_area, tank_height;          /* m², m */
	double pumped, top_up, lost;            /* m³/s: to the tool; from the mains below 70 %; with the chips */
	double standby, axes, pump;             /* W: control; drives of the axes; coolant pump */
};
extern const struct cnc_design cnc_standard;

struct cnc_inputs {
	bool turn, go;                          /* the spindle may turn; the programme proceeds */
	double feed, speed;                     /* override, 1 = 100 % */
	double ambient;
};

struct cnc_now {
	double speed, feed;                     /* r/min; mm/min in the cut */
	double load, power;                     /* of the drive's rated power, signed as taken; W from the grid */
	double cutting;                         /* W at the tool */
	double bearing, ambient, vibration;     /* °C, °C, m/s */
	double wear, level, coolant;            /* 0 … 1 and beyond; 0 … 1; m³/s at the tool */
};

struct cnc_plant {
	struct cnc_design design, is;
	double leak_area, clogged;              /* m²; share of the flow */
	double speed, bearing, wear, level;     /* rad/s; °C; 1 = worn out; m */
	double torque;                          /* of the drive, N m */
	double electric, cut;                   /* J from the grid; J at the tool */
	uint32_t at;                            /* the cut under way */
	double in_cut;                          /* s of it done */
	uint64_t parts;                         /* programmes finished */
	struct cnc_inputs in;
	/* The control's memory, see cnc_plc.c. */
	struct chance chance;
	double state_ms, cycle_ms, last_cycle_ms, shaking_ms;
	uint32_t before, batch, batch_done;
	uint64_t parts_seen;
};

void cnc_init(struct cnc_plant *c, const struct cnc_design *d);
void cnc_set_fault(struct cnc_plant *c, enum cnc_fault fault, double severity);        /* clamped to 0 … 1 */
void cnc_step(struct cnc_plant *c, double seconds);
void cnc_now(const struct cnc_plant *c, struct cnc_now *ret);
