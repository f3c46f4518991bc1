/*
 * points.h - the register map behind sim_points(): where each point lies, and images of registers and bits.
 *
 * Thread: any for the tables; an image belongs to one.
 */
#pragma once

#include "proto/modbus/modbus.h"
#include "sim/sim.h"

enum analog {
#define ANALOG(id, ...) ANALOG_##id,
#include "sim/signals.def"
#undef ANALOG
	ANALOG_N_,
};
enum count { COUNT_SCANS, COUNT_STAMP_US, COUNT_ENERGY, COUNT_RUN_SECONDS, COUNT_STARTS, COUNT_LITRES, COUNT_STATUS, COUNT_TRIP, COUNT_N_ };
enum bit { BIT_RUNNING, BIT_AUTO, BIT_TRIPPED, BIT_SUMP_LOW, BIT_TANK_HIGH, BIT_VALVE_OPEN, BIT_VALVE_SHUT, BIT_N_ };
/* COMMANDS(X): X(id, value at the first start). The faults stand in the order of faults.def. */
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

enum points_n {
#define POINT(...) +1
	POINTS_N = 0
#include "sim/points.def"
#undef POINT
};

enum area { AREA_COILS, AREA_DISCRETE, AREA_INPUT, AREA_HOLDING, AREA_N_ };
enum { AREA_SIZE = 128 };

struct spot { enum area area; uint16_t at, n; enum modbus_type type; };        /* at, n in bits or registers, from 0 */

/* Made once; `used` tells which addresses exist. */
struct spots { struct spot spot[POINTS_N]; bool used[AREA_N_][AREA_SIZE]; };
void spots_init(struct spots *m);
bool spots_have(const struct spots *m, enum area area, uint32_t at, uint32_t n);
int row_find(const char *code);                                 /* index, or -1 */
char row_what(size_t point);                                    /* 'A', 'N', 'B', 'C' */
unsigned row_index(size_t point);                               /* enum analog, count, bit, command */

/* Registers big-endian and bits LSB first, as on the wire. */
struct image { uint8_t registers[AREA_N_][2 * AREA_SIZE], bits[AREA_N_][AREA_SIZE / 8]; };
void image_put(struct image *i, const struct spot *p, double raw);             /* rounded and held to what the type can carry */
void image_put_count(struct image *i, const struct spot *p, uint64_t raw);
double image_get(const struct image *i, const struct spot *p);                 /* raw */
