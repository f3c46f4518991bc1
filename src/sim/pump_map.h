/* pump_map.h - inside sim: the ids of a pump station's instruments, counters, bits and commands. One such header a source file. */
#pragma once

#include "sim/kind.h"

enum analog {
#define ANALOG(id, ...) ANALOG_##id,
#include "sim/pump_signals.def"
#undef ANALOG
	ANALOG_N_,
};
enum count { COUNT_ENERGY = COUNT_OWN_, COUNT_RUN_SECONDS, COUNT_STARTS, COUNT_LITRES, COUNT_STATUS, COUNT_TRIP, COUNT_N_ };
enum bit { BIT_RUNNING, BIT_AUTO, BIT_TRIPPED, BIT_SUMP_LOW, BIT_TANK_HIGH, BIT_VALVE_OPEN, BIT_VALVE_SHUT, BIT_N_ };
/* COMMANDS(X): X(id, value at the first start). The faults stand in the order of pump_faults.def. */
#define COMMANDS(X)                                                                                                    \
	X(RUN, 0) X(AUTO, 1) X(RESET, 0) X(SPEED, 90) X(VALVE, 100) X(START_LEVEL, 1.5) X(STOP_LEVEL, 3.2)             \
	X(FAULT_LEAK, 0) X(FAULT_WEAR, 0) X(FAULT_BLOCKED, 0) X(FAULT_FOULING, 0) X(FAULT_BEARING, 0)                  \
	X(FAULT_UNBALANCE, 0) X(FAULT_STRAINER, 0) X(FAULT_SUPPLY, 0) X(FAULT_COOLING, 0)
enum command {
#define COMMAND_ID(id, first) COMMAND_##id,
	COMMANDS(COMMAND_ID)
#undef COMMAND_ID
	COMMAND_N_,
};
