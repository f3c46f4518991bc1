/*
 * wire.h - inside sql alone: what the platform and its helper say to each other, over a socket of their own for each statement.
 *
 * The first byte of a message says what it is. The helper asks and the platform answers, one question at a time; the rows of the result
 * come in between, unasked. Both sides read with checked cursors; the platform's side of it is fuzzed (test/fuzz/sql_wire.c), because a
 * helper that ran a hostile statement is not trusted.
 *
 *   platform  QUERY  rows u64, threads u32, zone text, statement text
 *             BOUND  result u8 (0: well), text | scan u32, rows u64, n u16, n × {kind u8, name text}
 *             OPENED cursor u32         or FAILED
 *             DATA   last u8, rows (below)     or FAILED
 *   helper    BIND   function u8, n u16, n × text, from text, to text, step i64
 *             OPEN   scan u32, n u16, n × column u16
 *             NEXT   cursor u32
 *             CLOSE  cursor u32                  (no answer)
 *             HEAD   n u16, n × {kind u8, name text, type text}
 *             ROWS   rows
 *             END    more u8
 *             FAILED why u8, text
 *
 * text: u32 bytes, bytes. rows: n u32, then each column: u8 whether a bitmap of validity follows (bit 0 first, 1 is valid), and n entries
 * of its kind's size; of texts n + 1 u32 offsets and the bytes.
 */
#pragma once

#include "base/buf.h"
#include "base/cur.h"
#include "sql/sql.h"

enum sql_message { SQL_QUERY = 'Q', SQL_BOUND = 'B', SQL_OPENED = 'O', SQL_DATA = 'D', SQL_BIND = 'b', SQL_OPEN = 'o', SQL_NEXT = 'n',
	SQL_CLOSE = 'c', SQL_HEAD = 'h', SQL_ROWS = 'r', SQL_END = 'e', SQL_FAILED = 'f' };
enum sql_why { SQL_WHY_WRONG = 1, SQL_WHY_FORBIDDEN, SQL_WHY_MEMORY, SQL_WHY_SOURCE /* the platform said so itself */, SQL_WHY_LIBRARY,
	SQL_WHY_ZONE /* the text: the zone nobody knows */, SQL_WHYS_ };

enum { SQL_COLUMNS_MAX = 1000, SQL_BLOCK_BYTES = 400 << 10, SQL_BLOCK_ROWS = 32768, SQL_BODY_MAX = (1 << 20) - 64, SQL_NAME_BYTES = 1000 };

/* Texts in messages. */
void sql_put_text(struct buf *b, const char *s, size_t n);
void sql_put_u32(struct buf *b, uint32_t v);
void sql_put_u64(struct buf *b, uint64_t v);
static inline void sql_put_u8(struct buf *b, uint8_t v) { buf_addc(b, (char) v); }
static inline void sql_put_u16(struct buf *b, uint16_t v) { buf_addn(b, &v, sizeof(v)); }
/* NULL and c->bad when it is longer than max, no UTF-8 or has a NUL in it. Not NUL-terminated. */
const char *sql_get_text(struct cur *c, size_t max, size_t *ret_n);

size_t sql_kind_size(enum sql_kind k);          /* bytes of an entry; 0: texts; kinds that are none: -1 */

/* Rows as they came; borrowed from the message. */
int sql_rows_read(struct cur *c, const uint8_t *kinds, uint32_t n_columns, struct sql_column *columns, uint32_t *ret_rows);

/* A zone that DuckDB has no name for: -ERR_INVALID, with the sentence. */
int sql_no_zone(const char *zone);

/* Inside one process: profile and name of the role. */
struct child_profile;
void sql_profile(uint64_t memory_bytes, struct child_profile *ret);
