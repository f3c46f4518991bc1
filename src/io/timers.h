/* timers.h - inside io alone: the pairing heap of a loop's timers (Fredman, Sedgewick, Sleator, Tarjan 1986): no memory of its own. */
#pragma once

#include "io/loop.h"

struct timers { struct timer *root; uint32_t n; };

void timers_add(struct timers *h, struct timer *t);
void timers_remove(struct timers *h, struct timer *t);
