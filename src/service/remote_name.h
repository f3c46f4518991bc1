/* remote_name.h - inside service: the labels of a remote-write series as the path of a point, and back. Pure. */
#pragma once

#include "proto/remote_write/remote_write.h"
#include "service/intake.h"

enum { REMOTE_LABELS_MAX = 64, REMOTE_PART_MAX = 1024 };

struct remote_name { char head[REMOTE_PART_MAX], key[REMOTE_PART_MAX]; size_t head_len, key_len; };

/* device: "prometheus" and the labels instance and job; point: the metric's name and all other labels, sorted by name; each as
 * ,name=value with % , = / \ and control characters as %XX. Labels without value do not count. -ERR_INVALID: no name, a label
 * twice; -ERR_COUNT, -ERR_LENGTH: too many, too long. */
int remote_name(struct rw_series *s, struct remote_name *ret);
