/* linger.h - inside io alone: after an early answer, reads on what the client still sends, so that no reset overtakes the answer. */
#pragma once

#include "io/loop.h"

struct lingering;
struct lingers { struct lingering *first; unsigned n; };

/* Duplicates fd, ends our direction, and reads until the client ends, 4 s or 64 MB have passed. At most 64 at a time: others are cut. */
void linger_start(struct lingers *all, struct loop *l, int fd);
void lingers_done(struct lingers *all);
