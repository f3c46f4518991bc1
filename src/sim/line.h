/* line.h - inside sim alone: the stations as units of a serial line, RTU or ASCII. */
#pragma once

#include "sim/sim.h"

struct line;
struct pen;
/* The answer's PDU to `out`; false: this unit is not on the line, which is silent then. */
typedef bool line_answer(void *ctx, uint8_t unit, const uint8_t *pdu, size_t len, struct pen *out);
int line_new(struct loop *l, const struct sim_config *config, line_answer *answer, void *ctx, struct line **ret);
struct line *line_free(struct line *s);
