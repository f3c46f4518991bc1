/* oven_map.h - inside sim: the ids of an oven's instruments, counters, bits and commands. One such header a source file. */
#pragma once

#include "sim/kind.h"

enum analog {
#define ANALOG(id, ...) ANALOG_##id,
#include "sim/oven_signals.def"
#undef ANALOG
	ANALOG_N_,
};
enum count { COUNT_ENERGY = COUNT_OWN_, COUNT_RUN_SECONDS, COUNT_PIECES, COUNT_ALARM, COUNT_OUT_1, COUNT_OUT_2, COUNT_OUT_3, COUNT_N_ };
enum bit { BIT_HEATING, BIT_DOOR, BIT_READY, BIT_ALARMED, BIT_FANS, BIT_N_ };
/* COMMANDS(X): X(id, value at the first start). The faults stand in the order of oven_faults.def. */
#define COMMANDS(X)                                                                                                    \
	X(HEAT, 1) X(DOOR, 0) X(RESET, 0) X(ZONE_1, 150) X(ZONE_2, 180) X(ZONE_3, 200) X(BELT, 1.2)                    \
	X(FAULT_LEAK, 0) X(FAULT_FOULING, 0) X(FAULT_BEARING, 0)
enum command {
#define COMMAND_ID(id, first) COMMAND_##id,
	COMMANDS(COMMAND_ID)
#undef COMMAND_ID
	COMMAND_N_,
};
