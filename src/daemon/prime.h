/* prime.h - inside daemon: after a start the last values come from the files, so that a screen shows them before anything new arrives. */
#pragma once

#include "service/service.h"

struct prime;

/* On a worker: reads the last sample of every point. NULL in *ret when there is none. */
int prime_read(struct platform *p, uint32_t tenant, struct prime **ret);
/* On the loop: hands them to the bus, which keeps what is newer. Frees it; NULL is fine. */
void prime_put(struct prime *prime, struct bus *bus);
