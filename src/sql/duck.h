/*
 * duck.h - inside sql alone: DuckDB as a library that may be there (libduckdb.so), loaded by name. No header of it is needed: what is
 * used is written down in duck.def, and the numbers below are its published ones.
 */
#pragma once

#include "base/base.h"

/* Passed by value; what lies in it is its own. */
struct duck_result { uint64_t unused[3]; void *columns; char *error; void *internal; };
struct duck_interval { int32_t months, days; int64_t us; };
struct duck_list { uint64_t at, n; };                           /* an entry of a list's vector */
struct duck_huge { uint64_t low; int64_t high; };
enum { DUCK_TEXT_NEAR = 12 };                   /* so many bytes lie in the struct itself, from `near` on */
struct duck_text { uint32_t len; char near[4]; const char *far; };
_Static_assert(sizeof(struct duck_result) == 48 && sizeof(struct duck_text) == 16 && sizeof(struct duck_interval) == 16, "layouts of the C interface");

enum duck_type {
	DUCK_BOOLEAN = 1, DUCK_TINYINT, DUCK_SMALLINT, DUCK_INTEGER, DUCK_BIGINT, DUCK_UTINYINT, DUCK_USMALLINT, DUCK_UINTEGER, DUCK_UBIGINT,
	DUCK_FLOAT, DUCK_DOUBLE, DUCK_TIMESTAMP, DUCK_DATE, DUCK_TIME, DUCK_INTERVAL, DUCK_HUGEINT, DUCK_VARCHAR, DUCK_BLOB, DUCK_DECIMAL,
	DUCK_TIMESTAMP_S, DUCK_TIMESTAMP_MS, DUCK_TIMESTAMP_NS, DUCK_ENUM, DUCK_LIST, DUCK_STRUCT, DUCK_MAP, DUCK_UUID, DUCK_UNION, DUCK_BIT,
	DUCK_TIME_TZ, DUCK_TIMESTAMP_TZ, DUCK_UHUGEINT, DUCK_ARRAY, DUCK_ANY, DUCK_BIGNUM, DUCK_NULL, DUCK_TEXT_LITERAL, DUCK_INTEGER_LITERAL,
};
enum duck_statement { DUCK_SELECT = 1, DUCK_EXPLAIN = 4 };

struct duck {
#define DUCK(returns, name, ...) returns (*name)(__VA_ARGS__);
#include "sql/duck.def"
#undef DUCK
};
int duck_load(struct duck *d, const char *file);                /* -ERR_UNSUPPORTED: no such library, or not all functions */

static inline bool duck_is_valid(const uint64_t *validity, uint64_t row) { return !validity || (validity[row / 64] >> (row % 64) & 1); }
static inline const char *duck_text_of(const struct duck_text *t)
{
	return t->len <= DUCK_TEXT_NEAR ? (const char *) t + offsetof(struct duck_text, near) : t->far;
}
