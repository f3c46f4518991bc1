/* demo.h - inside daemon: the simulated plant beside the platform, and its records. */
#pragma once

#include "io/io.h"
#include "service/service.h"

struct sim;

/* Starts a pump station on any free port of 127.0.0.1, on this loop. The first time its connection, device, groups and points are
 * made (one deed); later its connection learns the port. What people changed in the records stays. */
int demo_start(struct sim **ret, struct loop *l, struct platform *p);
