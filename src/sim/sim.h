/*
 * sim.h - a simulated plant that speaks Modbus TCP: machines from balances of mass, momentum and energy, and the meters of their current.
 *
 * Each machine has its own PLC and its own seed; what a reader finds in the registers went through physics (station.h, oven.h, cnc.h, grid.h), an
 * instrument with noise and a range, and the scan of a PLC. The same seed, start and commands give the same registers, bit by bit. A machine's
 * register map is sim_points(): from it come the demo plant, the CSV point list and the documentation.
 *
 *   sim_new(loop, &(struct sim_config) { .seed = 42, .machines = "pump,oven,meters", .port = 5020 }, &s);
 *   sim_start(s);                   5020: the pump station, 5021: the oven, 5022: main meter as unit 1, the pump's as 2, the oven's as 3
 *   sim_set_fault(s, 0, "leak", 0.5);
 *
 * Thread: the loop's. Memory: nothing is allocated after sim_start() but what connections need.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "io/io.h"
#include "model/plant.h"

struct sim;

enum { SIM_MACHINES_MAX = 64, SIM_CLIENTS_MAX = 32 };
enum sim_kind { SIM_PUMP, SIM_OVEN, SIM_CNC, SIM_METER, SIM_KINDS_ };
const char *sim_kind_name(enum sim_kind k);                     /* "pump" */
const char *sim_kind_title(enum sim_kind k, enum lang lang);
int sim_kind_find(const char *name);                            /* enum sim_kind, or -1 */

struct sim_config {
	uint64_t seed;
	const char *address;            /* where to listen; NULL: 127.0.0.1 */
	uint16_t port;                  /* of the first machine, the others follow; 0: any free ones, see sim_machine() */
	const char *machines;           /* kinds in order, each with a port of its own: "pump,oven,cnc,pump"; last may be "meters": behind one port unit
					 * 1 meters all, units 2 … the machine each; NULL: `stations` pump stations */
	uint32_t stations;              /* 1 … SIM_MACHINES_MAX; 0: 1 */
	double speed;                   /* simulated seconds a second, 0.01 … 100; 0: 1 */
	uint32_t scan_ms;               /* period of the PLC in simulated time, 2 … 1000, a multiple of 2; 0: 10 */
	const char *serial;             /* a serial line on which the machines are units 1, 2 … besides; NULL: none */
	uint32_t baud;                  /* 0: 9,600; 8 data bits, no parity, one stop bit */
	bool ascii;                     /* Modbus ASCII instead of RTU */
	bool attended;                  /* trips whose cause is gone are reset after some seconds, as by somebody who looks after the plant */
	int64_t start_ns;               /* simulated UTC at the beginning; 0: now. Fixed for a repeatable run */
};

int sim_new(struct loop *l, const struct sim_config *config, struct sim **ret_sim);
int sim_start(struct sim *s);                   /* listens, and lets the time run */
void sim_stop(struct sim *s);                   /* connections end, time stands still; sim_start() goes on where it stopped */
struct sim *sim_free(struct sim *s);
DEFINE_CLEANUP(struct sim *, sim_free)

/* The machines, in order: those of `machines`, then the meters. */
struct sim_machine {
	enum sim_kind kind;
	uint32_t server;                /* machines with the same one share a port */
	uint16_t port;                  /* 0 before sim_start() */
	uint8_t unit;                   /* there; a machine alone behind its port also answers as 0 and 255 */
	int metered;                    /* of a sub-meter: the machine behind it; else -1 */
};
uint32_t sim_machines(const struct sim *s);
void sim_machine(const struct sim *s, uint32_t machine, struct sim_machine *ret);
uint32_t sim_servers(const struct sim *s);
uint16_t sim_port(const struct sim *s, uint32_t server);        /* 0 before sim_start() */
void sim_advance(struct sim *s, uint32_t scans);                /* so many scans of every machine at once; for tests, without start */

/* What a register holds, in engineering units: the value a correct reader must find. -ERR_MISSING: no such point; -ERR_USAGE: no such machine. */
int sim_value(const struct sim *s, uint32_t machine, const char *code, double *ret_value);
/* A command or set-point, as if written over Modbus. -ERR_OUT_OF_RANGE, -ERR_MISSING, -ERR_USAGE: it is no command. */
int sim_write(struct sim *s, uint32_t machine, const char *code, double value);

/* Faults, 0 (none) … 1. Those of the machine change a parameter of the physics and are also writable over Modbus (points FAULT-…); "noise" disturbs its
 * measuring lines; "slow", "wrong", "dead" are on from any severity above 0 and act on how the unit answers. */
struct sim_fault { const char *name, *text, *text_zh; };
const struct sim_fault *sim_faults(enum sim_kind k, size_t *ret_n);             /* the machine's own; none of a meter */
const struct sim_fault *sim_common_faults(size_t *ret_n);
int sim_set_fault(struct sim *s, uint32_t machine, const char *fault, double severity);
int sim_fault(const struct sim *s, uint32_t machine, const char *fault, double *ret_severity);
/* "oven.leak=0.5,2.dead": kind (the first of it) or number from 1, fault, severity (1 when it is not said). -ERR_USAGE with a sentence. */
int sim_set_faults(struct sim *s, const char *list);

/* The register map of a machine. */
struct sim_point {
	const char *code, *name, *name_zh;
	const char *address;            /* Modicon's notation: 3xxxx input register, 4xxxx holding register, 1xxxx input, 0xxxx coil; from 1 */
	enum point_type type;           /* 32 and 64 bits: ORDER_ABCD */
	enum point_access access;
	double scale;                   /* engineering = raw × scale */
	const char *unit;               /* "" for none */
	double low, high;               /* range of the instrument, or of what may be written; engineering units */
	int32_t decimals;               /* after scaling; -1: as it comes */
	const char *group;              /* code of a sim_group */
	const char *states, *states_zh; /* "0=stopped;1=running" or NULL */
};
struct sim_group { const char *code, *name, *name_zh; uint32_t period_ms; };
const struct sim_point *sim_points(enum sim_kind k, size_t *ret_n);
const struct sim_group *sim_groups(enum sim_kind k, size_t *ret_n);
/* The point list as CSV with a header line (RFC 4180, UTF-8). */
void sim_points_csv(enum sim_kind k, enum lang lang, struct buf *out);

struct sim_stats {
	uint64_t scans, late;           /* PLC scans done; scans skipped because this machine was too slow */
	uint64_t requests, exceptions;  /* answered; of these with an exception */
	uint64_t unanswered;            /* by units that are dead */
	uint64_t bad_frames;            /* connections ended because what came was not Modbus, or asked on without waiting for a slow unit */
	uint32_t clients;               /* connected now */
};
void sim_stats(const struct sim *s, struct sim_stats *ret);

/* A simulated plant as a program of its own: makes a loop, runs until SIGINT or SIGTERM. faults: as of sim_set_faults(), or NULL. on_ready is called
 * once all machines listen. */
int sim_main_run(const struct sim_config *config, const char *faults, void (*on_ready)(void *ctx, struct sim *s), void *ctx);
