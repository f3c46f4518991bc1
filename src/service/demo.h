/*
 * demo.h - the demonstration plant's faults, as far as deeds need to know them.
 *
 * Whoever simulates a plant beside the platform (the daemon) hands in a `struct demo_plant`; nothing here knows how it is simulated. A fault is a
 * switch: on or off, since when. demo_set() is the deed: command.send, audited.
 *
 * Thread: the plant's functions may be called by any thread and return at once; deeds are for workers. Memory: the plant's texts live as long as it does,
 * records in the scope's arena.
 */
#pragma once

#include "service/service.h"

enum demo_where { DEMO_MACHINE, DEMO_MEASURING, DEMO_BUS };
enum { DEMO_POINTS_MAX = 3 };

struct demo_fault {
	const char *id;                         /* "oven-1.leak" */
	const char *fault;                      /* "leak" */
	enum demo_where where;                  /* in the machine, its measuring lines, or how it answers */
	const char *title, *title_zh;           /* "Door seal leaking" */
	const char *look, *look_zh;             /* one sentence: where it shows */
	const char *machine;                    /* code of the device */
	const char *machine_title, *machine_title_zh;
	struct uuid connection, device, points[DEMO_POINTS_MAX];        /* where one sees it; zero: nowhere, or that record is gone */
	bool on;
	int64_t since;                          /* ns UTC; 0: as it was at the start */
};

struct demo_plant {
	uint32_t tenant;                        /* whose it is; for others there is none */
	uint32_t n;                             /* faults */
	void (*get)(struct demo_plant *d, uint32_t i, struct demo_fault *ret);
	void (*set)(struct demo_plant *d, uint32_t i, bool on);         /* takes hold within moments */
};

struct demo_fault_record {
	uint64_t has[2];
	const char *id, *fault;
	int32_t where;
	const char *title, *title_zh, *look, *look_zh, *machine, *machine_title, *machine_title_zh;
	struct uuid connection, device;
	struct rec_list points;                 /* of const char *: ids */
	bool on;
	int64_t since;
};
extern const struct rec_type demo_fault_type;

bool demo_is_there(const struct scope *s);
/* All of them, in the plant's order; *ret in the arena. Needs point.read. -ERR_NO_DEMO. */
int demo_list(struct scope *s, struct demo_fault_record **ret, uint32_t *ret_n);
/* -ERR_NO_DEMO; -ERR_MISSING: no such fault; -ERR_DENIED. What is so already stays, and is not audited. */
int demo_set(struct scope *s, const char *id, bool on, struct demo_fault_record *ret);
