/* pushed.h - inside service: points that come into being because somebody sends samples for them. */
#pragma once

#include "base/map.h"
#include "guard/guard.h"
#include "model/value.h"

struct pushed_point {
	struct pushed_point *next;
	const char *device, *code, *path, *unit, *description;
	enum vtype type;
};

/* Those a request needs, in the order they were noted. Zeroed: none. */
struct pushed { struct pushed_point *first, *last; uint32_t n; struct map by_path; };
void pushed_done(struct pushed *p);

/* path = device + "/" + code, device being its first head_len bytes; of `like` unit and description are taken over. 0: noted;
 * -ERR_TYPE_CONFLICT with an earlier one. */
int pushed_want(struct scope *s, struct pushed *list, const char *path, size_t head_len, const struct pushed_point *like);
/* Makes them all, in one deed (point.write), under the connection "write". */
int pushed_make(struct scope *s, const struct pushed *list);
