/* wire.h - inside sheet: what the role says to its parent. Both are the same binary. */
#pragma once

#include "sheet/sheet.h"

struct child_profile;
extern const struct child_profile sheet_profile;

struct sheet_answer { int32_t result; struct sheet_notes notes; struct err err; };
