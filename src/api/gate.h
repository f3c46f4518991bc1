/*
 * gate.h - how many queries run at once: of one person, of one tenant, of all; who comes too much waits a while in order of coming.
 *
 * So heavy queries of one leave room for those of others, and queries never take all workers: lists, last values and live screens go on.
 *
 * Thread: any. Memory: none of its own; `struct gated` is embedded by who asks.
 */
#pragma once

#include "base/id.h"
#include "sys/sys.h"

enum { GATE_WAITING_MAX = 256, GATE_WAITING_OF_ONE = 32, GATE_WAIT_MS = 10000 };

struct gated {
	uint32_t tenant;
	struct uuid who;
	enum { GATED_NOT, GATED_RUNS, GATED_WAITS } state;
	struct gated *before, *after;           /* of the running, or of the waiting: oldest first */
};
struct gate_list { struct gated *first, *last; };
struct gate {
	struct mutex mutex;
	unsigned most, of_tenant, of_one;       /* at once */
	struct gate_list running, waiting;
	unsigned n_running, n_waiting;
	uint64_t n_waited, n_refused;
};

void gate_init(struct gate *g, unsigned most);                  /* of a tenant three quarters of them, of one person half, at least one */
void gate_done(struct gate *g);
/* tenant and who are set. 0: it runs; 1: it waits until gate_next() names it or gate_drop() takes it out; -ERR_LIMIT: too many wait. */
int gate_enter(struct gate *g, struct gated *x);
/* It has run; then gate_next() again and again, until it is NULL: whose turn it is now, and who runs from now on. */
void gate_leave(struct gate *g, struct gated *x);
struct gated *gate_next(struct gate *g);
bool gate_waits(struct gate *g, const struct gated *x);
bool gate_drop(struct gate *g, struct gated *x);                /* false: it does not wait (any more) */
struct gated *gate_drop_any(struct gate *g);
struct gate_stats { unsigned n_running, n_waiting; uint64_t n_waited, n_refused; };
struct gate_stats gate_stats(struct gate *g);
int gate_waited_too_long(const struct gate *g);                 /* -ERR_LIMIT */
