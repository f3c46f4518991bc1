/* cnc_map.h - inside sim: the ids of a machining centre's instruments, counters, bits and commands. One such header a source file. */
#pragma once

#include "sim/kind.h"

enum analog {
#define ANALOG(id, ...) ANALOG_##id,
#include "sim/cnc_signals.def"
#undef ANALOG
	ANALOG_N_,
};
enum count { COUNT_STATE = COUNT_OWN_, COUNT_ALARM, COUNT_STOP, COUNT_PARTS, COUNT_BATCH, COUNT_BATCH_DONE, COUNT_CYCLE, COUNT_ENERGY, COUNT_RUN_SECONDS, COUNT_N_ };
enum bit { BIT_CUTTING, BIT_ALARMED, BIT_LOW, BIT_N_ };
enum state { STATE_IDLE, STATE_SETUP, STATE_RUNNING, STATE_STOPPED, STATE_ALARM };
/* COMMANDS(X): X(id, value at the first start). The faults stand in the order of cnc_faults.def. */
#define COMMANDS(X)                                                                                                    \
	X(RELEASE, 1) X(RESET, 0) X(FEED, 100) X(SPEED, 100) X(FAULT_LEAK, 0) X(FAULT_FOULING, 0) X(FAULT_BEARING, 0)
enum command {
#define COMMAND_ID(id, first) COMMAND_##id,
	COMMANDS(COMMAND_ID)
#undef COMMAND_ID
	COMMAND_N_,
};
