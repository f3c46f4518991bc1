/*
 * buf.h - bytes that grow.
 *
 * A failed allocation, or growth past `max`, is remembered in `failed` and every later call does nothing; ask once, at
 * the end. Text is kept NUL-terminated behind `len`, so buf.data is always a C string (a buffer never written has data "").
 *
 *   struct buf b = BUF_INIT(&sys_heap, 1 << 20);
 *   buf_addf(&b, "%s has %u points", name, n);
 *   if (b.failed) ...
 *   buf_done(&b);
 */
#pragma once

#include <stdarg.h>

#include "base/mem.h"

struct buf {
	char *data;
	size_t len, room, max;
	const struct mem *mem;
	bool failed;
};

#define BUF_INIT(mem_, max_) ((struct buf) { .data = (char *) "", .max = (max_), .mem = (mem_) })
#define BUF_FIXED(array) ((struct buf) { .data = (array), .room = sizeof(array), .max = sizeof(array) })

void buf_done(struct buf *b);                                   /* frees what it owns; b is empty and usable again */
static inline void buf_clear(struct buf *b) { b->len = 0; b->failed = false; if (b->room) b->data[0] = 0; }

bool buf_reserve(struct buf *b, size_t n);                      /* room for n more bytes and the NUL */
void buf_add(struct buf *b, const char *text);
void buf_addn(struct buf *b, const void *bytes, size_t n);
void buf_addc_grow(struct buf *b, char c);                      /* buf_addc() where there is no room */
static inline void buf_addc(struct buf *b, char c)
{
	if (b->failed || b->len + 1 >= b->room) {
		buf_addc_grow(b, c);
		return;
	}
	b->data[b->len++] = c;
	b->data[b->len] = 0;
}
/* Formats: %s %.*s %.Ns %c %d %i %u %x %X %p with l ll z j h, width, 0 and -; %% ; %g and %.Ng print the shortest text that
 * reads back equal. No locale, no floating point library. */
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vaddf(struct buf *b, const char *fmt, va_list args);
