/*
 * follow.h - inside daemon: what records say, the links do.
 *
 * After each commit that touched the plant's records the change feed is read on a worker: the points in memory follow, then the
 * connections, devices and groups concerned are set in the engine; nothing else is touched.
 *
 * Thread: follow_kick() from any; the rest on the main thread.
 */
#pragma once

#include "io/io.h"
#include "service/service.h"

struct follow;

int follow_new(struct follow **ret, struct platform *p, struct loop *loop, struct work_pool *pool);
struct follow *follow_free(struct follow *f);
DEFINE_CLEANUP(struct follow *, follow_free)

struct plant_event;
void follow_on_event(void *ctx, const struct plant_event *e);   /* the plant's listener; ctx is the follow */
void follow_kick(struct follow *f);                             /* something changed: catch up soon, once */
void follow_stop(struct follow *f);                             /* no more; what is under way ends */
