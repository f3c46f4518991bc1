/*
 * thrift.h - the compact protocol of Apache Thrift, as far as Parquet's metadata needs it (thrift-compact-protocol.md).
 *
 * Writing goes into a `struct buf`; begin and end of structs are paired by the caller. Reading goes through a checked cursor: a field
 * loop reads what it knows and skips the rest, nesting is limited, a length never exceeds what is left.
 *
 * Thread: any. Memory: the buf's; what is read is borrowed from the bytes.
 */
#pragma once

#include "base/buf.h"
#include "base/cur.h"

enum thrift_type { T_STOP, T_TRUE, T_FALSE, T_BYTE, T_I16, T_I32, T_I64, T_DOUBLE, T_BINARY, T_LIST, T_SET, T_MAP, T_STRUCT };
enum { THRIFT_DEPTH_MAX = 12 };

struct thrift_out { struct buf *out; uint8_t depth; int16_t last[THRIFT_DEPTH_MAX]; };

void thrift_int(struct thrift_out *w, int id, enum thrift_type type, int64_t v);        /* T_I16 T_I32 T_I64 */
void thrift_bool(struct thrift_out *w, int id, bool v);
void thrift_binary(struct thrift_out *w, int id, const void *bytes, size_t n);
void thrift_text(struct thrift_out *w, int id, const char *text);
void thrift_list(struct thrift_out *w, int id, enum thrift_type of, size_t n);  /* then n items: */
void thrift_item_int(struct thrift_out *w, int64_t v);
void thrift_item_bool(struct thrift_out *w, bool v);
void thrift_item_binary(struct thrift_out *w, const void *bytes, size_t n);
void thrift_item_begin(struct thrift_out *w);                                   /* a struct in a list, or the outermost */
void thrift_begin(struct thrift_out *w, int id);                                /* a struct in a field */
void thrift_end(struct thrift_out *w);

struct thrift_in { struct cur c; };
struct thrift_field { int id; enum thrift_type type; };

/* The next field of the current struct; false at its end or when the bytes are bad. Start with *f zeroed. */
bool thrift_next(struct thrift_in *r, struct thrift_field *f);
void thrift_skip(struct thrift_in *r, enum thrift_type type);
int64_t thrift_read_int(struct thrift_in *r);
bool thrift_read_item_bool(struct thrift_in *r);                                /* in a list; in a field the type is the value */
const uint8_t *thrift_read_binary(struct thrift_in *r, size_t *ret_n);          /* NULL when bad */
size_t thrift_read_list(struct thrift_in *r, enum thrift_type *ret_of);         /* how many; never more than bytes left */
