/* loop_uv.h - inside io alone: the libuv loop behind a struct loop. */
#pragma once

#include <uv.h>
/* Its <sys/param.h> has a MIN and a MAX of its own. */
#undef MIN
#undef MAX

#include "io/loop.h"

uv_loop_t *loop_uv(struct loop *l);
