/*
 * plc.h - one machine with its instruments and the PLC that reads them, decides and fills the registers, scan by scan.
 *
 *   scan: commands out of the holding registers and coils → physics for one period → instruments → logic and interlocks → registers
 *
 * The logic sees what the instruments say. A trip holds until it is reset; in an attended plant somebody does that once its cause is gone.
 *
 * Thread: one. Memory: embedded by the caller.
 */
#pragma once

#include "sim/chance.h"
#include "sim/cnc.h"
#include "sim/grid.h"
#include "sim/kind.h"
#include "sim/oven.h"
#include "sim/station.h"
#include "sim/world.h"

enum { PLC_SCAN_MS_MIN = 2, ATTENDED_MS = 15000 };

struct plc {
	const struct spots *spots;
	const struct kind *kind;
	union {
		struct station station;
		struct oven_plant oven;
		struct cnc_plant cnc;
		struct meter meter;
	};
	struct world world;
	struct chance noise;
	double disturbed;                               /* severity of the instruments' disturbance, 0 … 1 */
	double lagged[ANALOGS_MAX], analog[ANALOGS_MAX];        /* behind the time constant; as converted */
	bool settled;                                   /* the instruments have seen a first value */
	uint64_t count[COUNTS_MAX];
	bool bit[BITS_MAX];
	double command[COMMANDS_MAX], fault[COMMANDS_MAX];      /* fault: 0 … 1, as the physics has it */
	double litres, run_ms, overload_ms;             /* what the counters have not counted yet */
	bool attended;                                  /* somebody resets trips whose cause is gone */
	uint32_t tripped_ms;
	int64_t start_ns, now_ns;                       /* simulated UTC */
	uint32_t scan_ms;
	struct image image;
};

/* scan_ms: a multiple of PLC_SCAN_MS_MIN. */
void plc_init(struct plc *p, const struct spots *spots, uint64_t seed, uint32_t scan_ms, int64_t start_ns);
void plc_scan(struct plc *p);

/* Answers a Modbus request from the images; what was written counts from the next scan. `scratch` holds the data of the answer.
 * A set-point outside its range is MODBUS_ILLEGAL_VALUE and nothing is written. */
void plc_answer(struct plc *p, const struct modbus_request *q, uint8_t scratch[MODBUS_PDU_MAX], struct modbus_response *ret);
/* As if written over Modbus: false when it is no command or out of range. */
bool plc_command(struct plc *p, size_t point, double value);
double plc_value(const struct plc *p, size_t point);            /* engineering units, as the register holds it */
/* The point of a command, or -1. */
int plc_command_point(const struct plc *p, unsigned command);
