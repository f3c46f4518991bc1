/*
 * plant.h - the points in memory: id, path and series lead to each other without a query.
 *
 * plant_sync() brings the picture up to what the store holds: the first time everything, later what the `change` feed names. Each
 * point gets its series from the dictionary of tsdb; a point whose type changed gets another one. What changed is told to one
 * listener, in an order in which parents come before children (and children go before parents), so that links can follow.
 *
 * Thread: any; plant_sync() may block (disk) and is serialised inside, so whoever changed records may call it and then find them.
 * Memory: some 250 bytes a point and its texts, once; lookups copy into the caller's arena.
 */
#pragma once

#include "model/plant.h"

struct plant;
struct store;
struct tsdb;

struct plant_point {
	struct uuid id, group, device;
	const struct uuid *labels;      /* n_labels, in the order of the point's */
	uint32_t n_labels;
	uint32_t tenant, series;
	enum vtype vtype;
	bool enabled, store;
	uint8_t between;                /* enum point_between */
	int8_t decimals;                /* -1: all */
	const char *path, *code, *name, *unit;
};

enum plant_what { PLANT_LABEL, PLANT_PLACE, PLANT_CONNECTION, PLANT_DEVICE, PLANT_GROUP, PLANT_POINT, PLANT_WHATS_ };

struct plant_event {
	enum plant_what what;
	uint32_t tenant;
	struct uuid id;
	const void *rec;                /* struct label … struct point; NULL: it is gone. Valid during the call */
	const struct plant_point *point;        /* PLANT_POINT: also when gone */
};
typedef void (*plant_event_fn)(void *ctx, const struct plant_event *e);

/* on_event may be NULL; it is called by whoever calls plant_sync(), one call at a time, and must not call plant_sync(). */
int plant_new(struct plant **ret, struct tsdb *tsdb, plant_event_fn on_event, void *ctx);
struct plant *plant_free(struct plant *p);
DEFINE_CLEANUP(struct plant *, plant_free)

/* On failure what was told stays told, the rest comes with the next call. */
int plant_sync(struct plant *p, uint32_t tenant, struct store *store);
/* Grows with every point that was made, changed or taken away, and every device and place that moved: what was looked up before is stale when it differs. */
uint64_t plant_generation(struct plant *p);

/* Looking up. Texts of *ret live in the arena. -ERR_MISSING names what was asked. */
int plant_by_id(struct plant *p, uint32_t tenant, const struct uuid *id, struct arena *a, struct plant_point *ret);
int plant_by_path(struct plant *p, uint32_t tenant, const char *path, struct arena *a, struct plant_point *ret);
int plant_by_series(struct plant *p, uint32_t tenant, uint32_t series, struct arena *a, struct plant_point *ret);
/* `text` is an id, a path, or a code that only one point has (-ERR_CONFLICT when several have it). */
int plant_resolve(struct plant *p, uint32_t tenant, const char *text, struct arena *a, struct plant_point *ret);

/* All points of a device, or whose path begins with `prefix` (NULL or "": all), by path. Returns how many; *ret in the arena. */
int plant_list(struct plant *p, uint32_t tenant, const struct uuid *device, const char *prefix, struct arena *a,
	struct plant_point **ret);
/* A label; texts in the arena. keep_days: -1: it says nothing; 0: for ever. points: how many wear it; decides: for how many of them its days are what counts. */
struct plant_label { struct uuid id; const char *code, *name; int32_t keep_days; uint32_t points, decides; };
/* `text` is an id or a code; `decides` is left 0. -ERR_NO_SUCH_REF at `field`. */
int plant_label(struct plant *p, uint32_t tenant, const char *field, const char *text, struct arena *a, struct plant_label *ret);
/* All labels by code; and how many points say themselves how long their samples are kept. Returns how many labels. Looks at every point. */
int plant_labels(struct plant *p, uint32_t tenant, struct arena *a, struct plant_label **ret, uint32_t *ret_own);
/* By series, what tsdb_retain() would hear of those who wear the label if it said `days` (-1: nothing); TSDB_AS_IT_IS of all others. In the arena. Returns how many. */
struct plant_if { struct uuid label; int32_t days; };
int plant_days_if(struct plant *p, uint32_t tenant, const struct plant_if *what, struct arena *a, const uint32_t **ret);
/* plant_list() of the points that wear a label: only they are looked at. */
int plant_labelled(struct plant *p, uint32_t tenant, const struct uuid *label, const char *prefix, struct arena *a, struct plant_point **ret);
/* Does it wear one of the n labels? */
bool plant_wears(const struct plant_point *point, const struct uuid *labels, uint32_t n);
/* The places of a device, its own first, then what is above: at most `room`; the count. 0: it has none, or is unknown. */
size_t plant_places(struct plant *p, uint32_t tenant, const struct uuid *device, struct uuid *ret, size_t room);
/* How many codes of its points' paths, from the top, lead to the place of that level (enum place_level; -1: its own place). 0: it is in none. */
uint32_t plant_depth(struct plant *p, uint32_t tenant, const struct uuid *device, int32_t level);
size_t plant_count(struct plant *p, uint32_t tenant);
