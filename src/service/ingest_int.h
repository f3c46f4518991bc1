/* ingest_int.h - inside service: what the doors for samples keep between requests. */
#pragma once

#include <stdatomic.h>

#include "base/map.h"
#include "service/ingest.h"
#include "sys/sys.h"

enum { MAKERS = 16 };

struct ingest {
	struct platform *platform;
	uint64_t points_max;
	struct mutex making[MAKERS];    /* by tenant: who makes points counts them first, and nobody else makes some meanwhile */
	struct rwlock lock;
	struct map known;               /* intake.c */
	uint64_t generation;            /* of the plant, when the first of `known` was looked up */
	struct mutex heads_lock;
	struct heads *heads;            /* intake_heads.c; NULL: none yet */
	_Atomic uint64_t requests, samples, refused, created;
};

void ingest_forget(struct ingest *i);   /* under the lock, or alone */
