/* grid.c - the network, solved phase by phase. */
#include "sim/grid.h"

#include <math.h>

/*
 * 10/0.4 kV, 160 kVA: 4 % short-circuit voltage, 2.35 kW load loss (GB 20052, S11), so |Z| = 0.04 · 400²/160,000 = 40 mΩ, R = 2,350 · (400/160,000)² =
 * 14.7 mΩ, X = 37.2 mΩ. Feeders: 60 m of copper, 10 mm² (IEC 60228: 1.83 mΩ/m at 20 °C), X 0.08 mΩ/m.
 */
const struct grid_design grid_standard = { .volts = 233, .ohms = 0.0147, .reactance = 0.0372, .feeder_ohms = 0.110, .feeder_reactance = 0.005 };

void draw_balanced(struct draw *ret, double watts, double power_factor)
{
	for (int i = 0; i < PHASES; i++) {
		ret->watts[i] = watts / PHASES;
		ret->vars[i] = watts / PHASES * sqrt(1 / (power_factor * power_factor) - 1);
	}
}

double draw_watts(const struct draw *d) { return d->watts[0] + d->watts[1] + d->watts[2]; }
double draw_vars(const struct draw *d) { return d->vars[0] + d->vars[1] + d->vars[2]; }

struct drop grid_drop(double fed, double r, double x, double p, double q)
{
	double half = fed * fed / 2 - (p * r + q * x), under = half * half - (p * p + q * q) * (r * r + x * x), square;
	struct drop d;

	square = half + sqrt(fmax(under, 0));
	d.volts = sqrt(fmax(square, 1));
	d.amps = hypot(p, q) / d.volts;
	d.lost_watts = d.amps * d.amps * r;
	d.lost_vars = d.amps * d.amps * x;
	return d;
}

void meter_step(struct meter *m, double seconds)
{
	m->joules += draw_watts(&m->draw) * seconds;
	m->var_seconds += draw_vars(&m->draw) * seconds;
}

void grid_init(struct grid *g, uint64_t seed)
{
	*g = (struct grid) { .design = grid_standard, .hertz = 50 };
	chance_init(&g->chance, seed, 3);
	for (int i = 0; i < PHASES; i++)
		g->bus[i] = g->design.volts;
}

/* Ornstein and Uhlenbeck's walk: the voltage 0.6 % in ten minutes, the frequency 0.015 Hz in a minute. */
void grid_second(struct grid *g)
{
	const double slow = exp(-1.0 / 600), quick = exp(-1.0 / 60);

	g->wander = g->wander * slow + 0.006 * sqrt(1 - slow * slow) * chance_normal(&g->chance);
	g->hertz = 50 + (g->hertz - 50) * quick + 0.015 * sqrt(1 - quick * quick) * chance_normal(&g->chance);
}

void grid_flow(struct grid *g, const struct draw *draws, uint32_t n, struct meter *const *sub, struct meter *main)
{
	const struct grid_design *d = &g->design;
	double fed = d->volts * (1 + g->wander);

	main->hertz = g->hertz;
	for (int i = 0; i < PHASES; i++) {
		struct drop all;

		/* The bus sags under what the feeders lose, they lose by the bus: each round brings it some hundred times nearer. */
		for (int round = 0; round < 3; round++) {
			main->draw.watts[i] = main->draw.vars[i] = 0;
			for (uint32_t k = 0; k < n; k++) {
				struct drop one = grid_drop(g->bus[i], d->feeder_ohms, d->feeder_reactance, draws[k].watts[i], draws[k].vars[i]);

				main->draw.watts[i] += draws[k].watts[i] + one.lost_watts;
				main->draw.vars[i] += draws[k].vars[i] + one.lost_vars;
				sub[k]->draw.watts[i] = draws[k].watts[i];
				sub[k]->draw.vars[i] = draws[k].vars[i];
				sub[k]->volts[i] = one.volts;
				sub[k]->amps[i] = one.amps;
				sub[k]->hertz = g->hertz;
			}
			all = grid_drop(fed, d->ohms, d->reactance, main->draw.watts[i], main->draw.vars[i]);
			g->bus[i] = all.volts;
		}
		main->volts[i] = g->bus[i];
		main->amps[i] = all.amps;
	}
}
