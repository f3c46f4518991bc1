/* world.c - daily curves with slow noise (Ornstein and Uhlenbeck's: it wanders and comes back). */
#include "sim/world.h"

#include <math.h>

enum { LOCAL_HOURS_EAST = 8 };

void world_init(struct world *w, uint64_t seed)
{
	*w = (struct world) {};
	chance_init(&w->chance, seed, 1);
}

static double wander(struct world *w, double now, double seconds, double deviation)
{
	double keep = exp(-1 / seconds);

	return now * keep + deviation * sqrt(1 - keep * keep) * chance_normal(&w->chance);
}

void world_second(struct world *w, int64_t now_ns, struct station_inputs *in)
{
	double hour = fmod((double) (now_ns / NS_PER_S) / 3600 + LOCAL_HOURS_EAST, 24), day = 2 * M_PI / 24;

	w->thirst = wander(w, w->thirst, 120, 0.12);
	w->breeze = wander(w, w->breeze, 900, 0.8);
	in->ambient = 20 + 6 * cos((hour - 15) * day) + w->breeze;
	in->supply_temp = 12;
	/* Two peaks, morning and evening, around 60 m³/h: the shape of domestic consumption. */
	in->demand = 60.0 / 3600 * fmax(0.1, 1 + 0.30 * cos((hour - 14) * day) + 0.28 * cos(2 * (hour - 7.5) * day) + w->thirst);
}

/* Machines and people warm it. */
double world_hall(struct world *w, int64_t now_ns)
{
	struct station_inputs outside = { 0 };

	world_second(w, now_ns, &outside);
	return outside.ambient / 2 + 14;
}
