/* picture.h - inside plant: the points of one tenant and their indexes. */
#pragma once

#include <stdatomic.h>

#include "base/map.h"
#include "plant/plant.h"
#include "sys/sys.h"

struct item;

/* A label and who wears it, in no order: who leaves gives his place to the last. One that is worn and not told of (yet, or any more) has no code. */
struct labelled {
	struct uuid id;
	char *code, *name;              /* name: behind the code, in one piece with it */
	int32_t keep_days;              /* 0: for ever, -1: it says nothing */
	struct item **items;
	uint32_t n, room;
};

/* A label that an item wears, and where in the label's list the item stands. */
struct worn { struct labelled *label; uint32_t at; };

struct item {
	struct plant_point point;       /* ids of labels and texts point into the block, behind `worn` */
	struct item *alike;             /* the next with this code: of a thousand like devices it has a thousand */
	int32_t keep_days;              /* its own, as a label's */
	struct worn worn[];             /* point.n_labels */
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
	struct map labels;              /* of struct labelled, by id */
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
int picture_copy(const struct item *i, struct arena *a, struct plant_point *ret);      /* for a caller; lock held */
int picture_by_path(const void *a, const void *b);     /* of struct plant_point, for qsort() */
void picture_take(struct picture *t, struct item *i);  /* out of the indexes; the item is the caller's */

/* labels.c. With the write lock, as all that changes a picture. */
bool picture_wear(struct picture *t, struct item *i);   /* into the lists of its labels; false: no memory, it is in none */
void picture_unwear(struct picture *t, struct item *i);
struct labelled *picture_label(const struct picture *t, const struct uuid *id);        /* NULL: nobody knows it */
int picture_label_set(struct picture *t, const struct label *rec);
void picture_label_gone(struct picture *t, const struct uuid *id);
void picture_labels_done(struct picture *t);
/* Whose days count for the item: NULL: its own, or nobody's (then *ret_days is -1). */
uint32_t picture_retain(int32_t days);  /* days as tsdb_retain() takes them */
const struct labelled *picture_days(const struct item *i, int32_t *ret_days);
