/*
 * kind.h - what a kind of machine is to its PLC: the points, instruments, commands and faults of its .def files, and its own logic.
 *
 * A machine is three files: <kind>_points.def, <kind>_signals.def and <kind>_plc.c, over physics of its own. <kind>_map.h gives the ids by
 * which the rows of the .def files and the logic name the same thing; tables.h makes the tables.
 *
 * Thread: any for the tables; an image belongs to one.
 */
#pragma once

#include "proto/modbus/modbus.h"
#include "sim/sim.h"

struct plc;
struct draw;

enum { POINTS_MAX = 64, ANALOGS_MAX = 32, COUNTS_MAX = 16, BITS_MAX = 16, COMMANDS_MAX = 24 };
enum { COUNT_SCANS, COUNT_STAMP_US, COUNT_OWN_ };                /* every machine's first counters */

struct source { char what; uint8_t index; };                    /* 'A' analog, 'N' counter, 'B' bit, 'C' command, and which */
struct instrument { double low, high, noise, lag, steps; };     /* see pump_signals.def */

struct kind {
	const char *name, *product, *title, *title_zh;
	const struct sim_point *points;
	const struct source *sources;
	size_t n_points;
	const struct sim_group *groups;
	size_t n_groups;
	const struct instrument *instruments;
	size_t n_analogs;
	const double *first;                    /* of the commands, at the first start */
	size_t n_commands;
	const struct sim_fault *faults;         /* of the machine; switched by the commands from first_fault on, 0 … 100 % */
	size_t n_faults;
	unsigned first_fault;
	int reset;                              /* the command that springs back; -1: none */
	void (*init)(struct plc *p, uint64_t seed);
	void (*set_fault)(struct plc *p, unsigned fault, double severity);
	void (*second)(struct plc *p, int64_t now_ns);          /* once a simulated second; NULL: the weather does not matter */
	void (*step)(struct plc *p);                            /* the physics, for one scan */
	void (*truth)(const struct plc *p, double *ret);        /* what each instrument is put to */
	void (*decide)(struct plc *p);                          /* logic and interlocks, by what the instruments say; counters */
	bool (*tripped)(const struct plc *p);                   /* waits for a reset; NULL: never */
	void (*draw)(const struct plc *p, struct draw *ret);    /* from the grid; NULL: nothing */
};
extern const struct kind kind_pump, kind_oven, kind_cnc, kind_meter;
const struct kind *kind_of(enum sim_kind k);
int kind_point(const struct kind *k, const char *code);         /* index, or -1 */

enum area { AREA_COILS, AREA_DISCRETE, AREA_INPUT, AREA_HOLDING, AREA_N_ };
enum { AREA_SIZE = 128 };

struct spot { enum area area; uint16_t at, n; enum modbus_type type; };        /* at, n in bits or registers, from 0 */

/* Made once; `used` tells which addresses exist. */
struct spots { const struct kind *kind; struct spot spot[POINTS_MAX]; bool used[AREA_N_][AREA_SIZE]; };
void spots_init(struct spots *m, const struct kind *k);
bool spots_have(const struct spots *m, enum area area, uint32_t at, uint32_t n);

/* Registers big-endian and bits LSB first, as on the wire. */
struct image { uint8_t registers[AREA_N_][2 * AREA_SIZE], bits[AREA_N_][AREA_SIZE / 8]; };
void image_put(struct image *i, const struct spot *p, double raw);             /* rounded and held to what the type can carry */
void image_put_count(struct image *i, const struct spot *p, uint64_t raw);
double image_get(const struct image *i, const struct spot *p);                 /* raw */
