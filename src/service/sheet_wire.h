/* sheet_wire.h - inside service: what the role says to its parent. Both are the same binary. */
#pragma once

#include "service/sheet_reader.h"

struct child_profile;
extern const struct child_profile sheet_profile;

struct sheet_answer { int32_t result; struct xlsx_notes notes; struct err err; };
