/*
 * zones.h - time zones by name: those of the system's database (package tzdata), read when asked for.
 *
 * Thread: any. Memory: the arena.
 */
#pragma once

#include "base/zone.h"

/* "Europe/Berlin"; "UTC", "+08:00" without a file; "local": this computer's (TZ, else /etc/localtime, else UTC). -ERR_MISSING names it. */
int zone_open(const char *name, struct arena *a, struct zone *ret);
