/*
 * hydraulics.h - the formulas of pipes, valves, pumps and motors, one function each, with their sources. SI units throughout.
 *
 * Thread: any; pure. Sources by short name:
 *   White    F. M. White, Fluid Mechanics, 5th edition
 *   IEC      IEC 60534-2-1 (sizing equations), 60534-2-4 (inherent characteristics and rangeability)
 *   Gülich   J. F. Gülich, Centrifugal Pumps, 3rd edition
 *   Kloss    the Kloss equation of the induction motor: slip, breakdown slip, breakdown torque
 */
#pragma once

#define GRAVITY 9.80665                 /* m/s², standard */
#define WATER_DENSITY 998.2             /* kg/m³ at 20 °C, taken as constant: what is conserved must not depend on a fit */
#define WATER_HEAT 4184.0               /* J/(kg K), the same */

/* Kinematic viscosity of water, m²/s, 0 … 100 °C: Vogel's equation μ = 2.414e-5 · 10^(247.8 / (T - 140)) Pa s, T in K, within 2.5 %. */
double water_viscosity(double celsius);

/* Darcy's friction factor. Laminar 64/Re up to 2,000, P. K. Swamee and A. K. Jain (1976) from 4,000 on (within 3 % of Colebrook's), a
 * straight line between. rough: roughness over diameter. */
double friction_factor(double reynolds, double rough);

struct pipe { double length, diameter, roughness, minor; };     /* m, m, m, sum of the minor loss coefficients */
double pipe_area(const struct pipe *p);                         /* m² */
double pipe_inertance(const struct pipe *p);                    /* ρL/A, kg/m⁴: Δp = inertance · dQ/dt */
/* Darcy and Weisbach: Δp = (f L/D + ΣK) ρ v|v|/2, Pa; has the sign of the flow (m³/s). White 6.10, 6.78. */
double pipe_loss(const struct pipe *p, double flow, double viscosity);

/* Kv of a valve, (m³/h)/√bar: equal percentage Kvs · R^(u-1) above a small opening, straight down to its seat leakage below it, where
 * an equal-percentage plug would never close. IEC 60534-2-4; leakage class III of IEC 60534-4 is 0.001 · Kvs. */
struct valve { double kvs, rangeability, leakage; };
double valve_kv(const struct valve *v, double opening);         /* 0 … 1 */
double valve_loss(double kv, double flow);                      /* Pa, sign of the flow: Δp = 1 bar · (Q/Kv)² · ρ/1000. IEC 60534-2-1 */

/* A centrifugal pump by its curves at one speed; other speeds by the affinity laws H ~ n², P ~ n³, Q ~ n (White 11.28, Gülich 3.4):
 *   H(Q, s) = h0 s² + h1 Q s + h2 Q²        m           s = speed / rated speed
 *   P(Q, s) = p0 s³ + p1 Q s² + p2 Q² s     W, taken from the shaft; the torque P/ω stays defined at rest */
struct pump { double h0, h1, h2, p0, p1, p2, speed; };          /* speed: rated, rad/s */
double pump_head(const struct pump *p, double flow, double speed);
double pump_torque(const struct pump *p, double flow, double speed);

/* Induction motor on a drive that keeps V/f: the torque depends on the slip speed alone, T = 2 Tb / (Δ/Δb + Δb/Δ) (Kloss). The drive has no
 * brake: torque is never negative. */
struct motor {
	double breakdown_torque, breakdown_slip;        /* N m, rad/s */
	double rated_torque, rated_current, no_load_current;    /* A: I² = I0² + (k T)² */
	double resistance;                              /* of a phase at 20 °C, Ω; copper 0.00393 per K */
	double iron;                                    /* W of iron loss at rated frequency, ~ f^1.5 */
	double rated_sync;                              /* rad/s at rated frequency */
};
double motor_torque(const struct motor *m, double sync, double speed);
double motor_current(const struct motor *m, double torque, double sync);
double motor_copper_loss(const struct motor *m, double current, double celsius);
double motor_iron_loss(const struct motor *m, double sync);
