/* pushed.h - inside service: points that come into being because somebody sends samples for them. */
#pragma once

#include "guard/guard.h"
#include "model/value.h"

struct pushed_point {
	struct pushed_point *next;
	const char *device, *code, *path;
	uint64_t hash;                  /* of the path */
	enum vtype type;
};

/* path = device + "/" + code, device being its first head_len bytes. 1: noted, 0: was noted already, -ERR_TYPE_CONFLICT with an
 * earlier line of the request. */
int pushed_want(struct scope *s, struct pushed_point **list, const char *path, size_t head_len, enum vtype type);
/* Makes them all, in one deed (point.write), under the connection "write". */
int pushed_make(struct scope *s, const struct pushed_point *list, uint32_t n);
