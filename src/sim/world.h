/* world.h - what surrounds a station: the day's warmth, the town's thirst. Functions of the simulated time and of the seed. */
#pragma once

#include "sim/chance.h"
#include "sim/station.h"

struct world { struct chance chance; double thirst, breeze; };  /* slow noise: share of the demand, K */

void world_init(struct world *w, uint64_t seed);
/* Sets in->ambient, in->supply_temp, in->demand for the time from now_ns on; call once a second of simulated time. */
void world_second(struct world *w, int64_t now_ns, struct station_inputs *in);
double world_hall(struct world *w, int64_t now_ns);             /* the same second in a hall: °C of its air */
