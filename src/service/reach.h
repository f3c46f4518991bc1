/*
 * reach.h - where a scope's rights reach: a right given in a place holds for the place and everything below it.
 *
 * The place of a device is its own, that of a group and a point their device's; a connection has none and needs the right
 * everywhere. A label is seen by whoever sees points somewhere, and changed by whoever may change them everywhere. Two ways of asking:
 * reach_device() looks at the points in memory (reading, writing, live values, commands), inside deeds reach_record() looks at the records
 * of the deed's transaction. Whoever has the right everywhere is told so at once; of the others the last devices and places asked for are
 * remembered for the request, so that a list or a batch costs a comparison a row.
 *
 * Thread: the request's. Memory: the scope's arena.
 */
#pragma once

#include "service/service.h"

/* The right, for what hangs on this device (of the scope's tenant). A device without place: only everywhere. */
bool reach_device(struct scope *s, enum permission p, const struct uuid *device);
/* -ERR_DENIED naming the right, for a thing the scope may know of. */
int reach_need_device(struct scope *s, enum permission p, const struct uuid *device);

/* Has this kind of record a place? Then deeds on it need their right somewhere, and the record decides. */
bool reach_is_placed(const struct rec_type *t);
/* The right for records of this kind at all: somewhere, or everywhere when they have no place. */
int reach_need(const struct scope *s, enum permission p, const struct rec_type *t);
bool reach_may(const struct scope *s, enum permission p, const struct rec_type *t);
/* Inside a deed; rec as it is or is to be. A place counts with its own subtree. 1: yes, 0: no, < 0: could not be found out. */
int reach_record(struct scope *s, enum permission p, const struct rec_type *t, const void *rec);
/* After a place or device was put: what was found out may be wrong now. */
void reach_forget(struct scope *s);
