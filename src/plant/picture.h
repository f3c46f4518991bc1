/* picture.h - inside plant: the points of one tenant and their indexes. */
#pragma once

#include <stdatomic.h>

#include "base/map.h"
#include "plant/plant.h"
#include "sys/sys.h"

struct item {
	struct plant_point point;       /* texts point into the block behind */
	struct item *alike;             /* the next with this code: of a thousand like devices it has a thousand */
	char texts[];
};

/* Where a device or place is: its place, or the place above; of a place also what it is. */
struct above { struct uuid id, up; int32_t level; };

struct picture {
	struct picture *next;
	uint32_t tenant;
	bool loaded;
	uint64_t seq;                   /* of the change feed: up to here the picture is true */
	struct map by_id, by_path, by_code;     /* by_code: one of each code, the others behind it */
	struct map above;               /* of struct above, by id */
	struct item **by_series;
	uint32_t n_series;
};

struct plant {
	struct tsdb *tsdb;
	plant_event_fn on_event;
	void *ctx;
	struct mutex syncing;           /* one plant_sync() at a time */
	struct rwlock lock;             /* guards the list and the indexes of all pictures */
	atomic_uint_least64_t generation;
	struct picture *first;
};

struct picture *picture_find(struct plant *p, uint32_t tenant);        /* lock held */
struct picture *picture_get(struct plant *p, uint32_t tenant);         /* makes it; NULL: no memory */
struct item *picture_by_id(const struct picture *t, const struct uuid *id);
bool picture_put(struct picture *t, struct item *i);   /* false: no memory, nothing changed */
bool picture_above(struct picture *t, const struct above *at, bool *ret_changed);      /* false: no memory */
void picture_above_gone(struct picture *t, const struct uuid *id, bool *ret_changed);
void picture_take(struct picture *t, struct item *i);  /* out of the indexes; the item is the caller's */
