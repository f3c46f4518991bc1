/*
 * tables.h - the tables of one machine, made of its .def files; included once by <kind>_plc.c, behind <kind>_map.h, with
 * KIND_POINTS, KIND_SIGNALS and KIND_FAULTS defined as the names of those files.
 */
#define INDEX_A(id) ANALOG_##id
#define INDEX_N(id) COUNT_##id
#define INDEX_B(id) BIT_##id
#define INDEX_C(id) COMMAND_##id

static const struct sim_point points[] = {
#define POINT(code, name, name_zh, address, type, access, scale, unit, low, high, decimals, group, states, what, index)               \
	{ code, name, name_zh, address, POINT_##type, POINT_##access, scale, unit, low, high, decimals, group, states },
#include KIND_POINTS
#undef POINT
};

static const struct source sources[] = {
#define POINT(code, name, name_zh, address, type, access, scale, unit, low, high, decimals, group, states, what, index)               \
	{ #what[0], INDEX_##what(index) },
#include KIND_POINTS
#undef POINT
};

static const struct instrument instruments[] = {
#define ANALOG(id, low, high, noise, lag, steps, truth) { low, high, noise, lag, steps },
#include KIND_SIGNALS
#undef ANALOG
};

#ifdef KIND_FAULTS
static const struct sim_fault faults[] = {
#define FAULT(id, name, en, zh) { name, en, zh },
#include KIND_FAULTS
#undef FAULT
};
static const double first[] = {
#define COMMAND_FIRST(id, value) value,
	COMMANDS(COMMAND_FIRST)
#undef COMMAND_FIRST
};
#endif

_Static_assert(ELEMENTSOF(points) <= POINTS_MAX && ELEMENTSOF(instruments) <= ANALOGS_MAX && (int) COUNT_N_ <= (int) COUNTS_MAX &&
	(int) BIT_N_ <= (int) BITS_MAX, "more than a PLC has room for");
