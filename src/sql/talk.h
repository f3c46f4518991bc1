/* talk.h - inside sql alone: a conversation over a socket that somebody has, for tests of what a helper may say. */
#pragma once

#include "sql/sql.h"

/* The descriptor is taken, also on failure. No process is behind it that could be ended. */
int talk_new(const struct sql_in *in, const struct sql_source *source, void *ctx, int fd, struct sql_query **ret);
