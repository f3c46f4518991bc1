/* text.h - inside sql alone: values as text, as SQL writes them. */
#pragma once

#include "base/buf.h"
#include "base/json.h"

/* "2026-01-31T08:00:00.5": days and what is left, `digits` of it behind the point at most. zone: "Z" or "". */
void text_instant(struct buf *out, int64_t value, int64_t per_second, const char *zone);
void text_date(struct buf *out, int32_t days);
void text_clock(struct buf *out, int64_t us);                   /* 08:00:00.5 */
void text_interval(struct buf *out, int32_t months, int32_t days, int64_t us);
void text_huge(struct buf *out, __int128 v, unsigned scale);    /* scale: digits behind the point */
void text_huge_unsigned(struct buf *out, unsigned __int128 v);
