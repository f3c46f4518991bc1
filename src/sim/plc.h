/*
 * plc.h - one station with its instruments and the PLC that reads them, decides and fills the registers, scan by scan.
 *
 *   scan: commands out of the holding registers and coils → physics for one period → instruments → logic and interlocks → registers
 *
 * In automatic the pump starts when the tank falls below the start level and stops above the stop level; in manual it follows the run
 * command. A trip (sump empty, winding or bearing hot, overload) holds until it is reset. The logic sees what the instruments say.
 *
 * Thread: one. Memory: embedded by the caller.
 */
#pragma once

#include "sim/chance.h"
#include "sim/points.h"
#include "sim/station.h"
#include "sim/world.h"

enum { PLC_SCAN_MS_MIN = 2 };

struct plc {
	const struct spots *spots;
	struct station station;
	struct world world;
	struct chance noise;
	double lagged[ANALOG_N_], analog[ANALOG_N_];    /* behind the time constant; as converted */
	bool settled;                                   /* the instruments have seen a first value */
	uint64_t count[COUNT_N_];
	bool bit[BIT_N_];
	double command[COMMAND_N_];
	double litres, run_ms, overload_ms;             /* what the counters have not counted yet */
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
