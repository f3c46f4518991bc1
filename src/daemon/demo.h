/*
 * demo.h - inside daemon: a simulated plant beside the platform, its records, and its faults for whoever may switch them.
 *
 * Thread: demo_start(), demo_free() on the loop's, where the plant runs; the switches (service/demo.h) from any.
 */
#pragma once

#include "io/io.h"
#include "service/demo.h"

struct demo;
struct sim;

/* Starts the plant on any free ports of 127.0.0.1, on this loop, and hands its faults to the platform. The first time its places, connections, devices,
 * groups and points are made (one deed); later its connections learn their ports. What people changed in the records stays. */
int demo_start(struct demo **ret, struct loop *l, struct platform *p);
struct demo *demo_free(struct demo *d);         /* when no worker can switch anything any more */

/* demo_records.c: one row a machine of the simulated plant, in its order. */
struct demo_machine { const char *code, *name, *name_zh, *connection, *connection_name, *connection_zh; int place; };
extern const struct demo_machine demo_machines[];
extern const char demo_machine_list[];          /* for sim_config.machines */
int demo_make_records(struct scope *s, const struct sim *sim);  /* inside a deed */
