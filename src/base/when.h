/* when.h - instants and durations as text: RFC 3339 with up to 9 digits, "now-1h", "1h30m". Proleptic Gregorian, UTC. */
#pragma once

#include "base/base.h"

enum { WHEN_TEXT_MAX = 40 };

size_t when_format(char out[WHEN_TEXT_MAX], int64_t ns);               /* 2026-01-31T08:00:00.5Z: as many digits as needed */
bool when_parse(const char *s, size_t len, int64_t *ret_ns);           /* offsets allowed; -292 … +292 years around 1970 */
bool when_parse_relative(const char *s, size_t len, int64_t now_ns, int64_t *ret_ns);  /* also now, now-1h, now+5m */
size_t when_format_duration(char out[WHEN_TEXT_MAX], int64_t ns);      /* 1h30m, 500ms, 0s */
bool when_parse_duration(const char *s, size_t len, int64_t *ret_ns);  /* d h m s ms us ns */
size_t when_format_date(char out[WHEN_TEXT_MAX], int32_t days);
bool when_parse_date(const char *s, size_t len, int32_t *ret_days);
int32_t when_days(int year, unsigned month, unsigned day);             /* days since 1970-01-01 */
void when_civil(int32_t days, int *ret_year, unsigned *ret_month, unsigned *ret_day);
