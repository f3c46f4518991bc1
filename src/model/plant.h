/*
 * plant.h - the plant's records as a person on site thinks of them.
 *
 *   place (企业 工厂 车间 产线 工位, ISA-95)          connection (通道: port, bus, socket)
 *        └─────────────── device (采集设备: PLC, meter, unit behind a bus) ──┘
 *                             └─ group (采集组: period) ─ point (点位: one measured or written variable)
 *                                                            └ wears labels (数据标签: what kind of data its samples are)
 *
 * Every record has an id for life, a `code` (the plant's own identifier, any script), name and description. Rename and move keep
 * the history: it hangs on the id. Disabling is not deleting; disabled is a quality reason, not an alarm. A point's `path` is the
 * codes of its places, its device and itself, joined by '/'.
 *
 * Memory: records live in an arena (rec/rec.h).
 */
#pragma once

#include "model/value.h"
#include "rec/rec.h"

enum place_level { LEVEL_ENTERPRISE, LEVEL_SITE, LEVEL_AREA, LEVEL_LINE, LEVEL_CELL };

struct place {
	struct rec_head head;
	struct uuid parent;             /* zero: at the top */
	int32_t level;                  /* enum place_level */
	const char *code, *name, *description;
};

/* What kind of data a point's samples are: core, energy, quality. What is said of the label holds for all points that wear it. */
struct label {
	struct rec_head head;
	const char *code, *name, *description;
	int32_t keep_days;              /* of samples of points that say nothing themselves; 0: for ever; absent: says nothing */
};

struct connection {
	struct rec_head head;
	const char *code, *name, *description;
	const char *driver;             /* name of a driver, "modbus-tcp" */
	const char *config;             /* JSON of the driver's connection settings, checked and completed by the driver's own table */
	bool enabled;
};

struct device {
	struct rec_head head;
	struct uuid connection, place;  /* place zero: not placed yet */
	const char *code, *name, *description;
	const char *config;             /* JSON of the driver's device settings */
	bool enabled;
};

struct group {
	struct rec_head head;
	struct uuid device;
	const char *code, *name, *description;
	uint32_t period_ms;
	bool enabled;
};

/* How the variable lies in the device. */
enum point_type { POINT_BOOL, POINT_I16, POINT_U16, POINT_I32, POINT_U32, POINT_I64, POINT_U64, POINT_F32, POINT_F64, POINT_STRING };
enum point_access { POINT_READ, POINT_WRITE, POINT_READ_WRITE };
/* A is the most significant byte; ABCD = big-endian, the protocol's own order. */
enum byte_order { ORDER_DEVICE, ORDER_ABCD, ORDER_CDAB, ORDER_BADC, ORDER_DCBA };
enum point_between { BETWEEN_STEP, BETWEEN_LINEAR };
enum { POINT_LABELS_MAX = 16 };

struct point {
	struct rec_head head;
	struct uuid group, device;      /* device follows from the group */
	const char *code, *name, *description, *path;
	const char *address;            /* the driver's own notation */
	int32_t type, access, byte_order, between;
	int32_t bit;                    /* of a register, for bool; absent: none */
	struct rec_list labels;         /* of uuids, each once */
	bool enabled, store;
	int32_t keep_days;              /* of its samples; 0: for ever; absent: the longest of its labels', else as the platform keeps all */
	double scale, offset;           /* engineering = raw × scale + offset, after the ranges below */
	double raw_min, raw_max, eng_min, eng_max;      /* all four or none: raw range → engineering range */
	bool clamp;                     /* to the engineering range; otherwise outside is uncertain */
	int32_t decimals;               /* digits shown and kept after scaling; absent: all */
	const char *unit;
	struct rec_map state_texts;     /* "0" → "停机" */
	double limit_hh, limit_h, limit_l, limit_ll, limit_rate;        /* engineering units; rate per second */
	double deadband_alarm, deadband_store;
	double write_min, write_max, write_step, write_ramp;    /* of commands, engineering units; ramp per second */
	bool confirm;                   /* a command must be confirmed */
	bool approval;                  /* ... and approved by a second person */
};

extern const struct rec_type label_type, place_type, connection_type, device_type, group_type, point_type;

/* The type of a point's series. Scaling makes numbers f64; u64 is kept as i64 (beyond 2^63 - 1 its quality is bad). */
enum vtype point_vtype(const struct point *p);
bool point_is_scaled(const struct point *p);
bool point_has_range(const struct point *p);
