/* meter_map.h - inside sim: the ids of an energy meter's measurements and counters. One such header a source file. */
#pragma once

#include "sim/kind.h"

enum analog {
#define ANALOG(id, ...) ANALOG_##id,
#include "sim/meter_signals.def"
#undef ANALOG
	ANALOG_N_,
};
enum count { COUNT_ENERGY = COUNT_OWN_, COUNT_ENERGY_WH, COUNT_ENERGY_F, COUNT_ENERGY_VAR, COUNT_N_ };
enum { BIT_N_ };
