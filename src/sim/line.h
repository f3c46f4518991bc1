/* line.h - inside sim alone: the machines as units of a serial line, RTU or ASCII. */
#pragma once

#include "sim/server.h"

struct line;
int line_new(struct loop *l, const struct sim_config *config, unit_answer *answer, void *ctx, struct line **ret);
struct line *line_free(struct line *s);
