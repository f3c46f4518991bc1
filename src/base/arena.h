/*
 * arena.h - memory for what dies together: one arena per request, one per flow tick.
 *
 * Chunks come from a `struct mem` and double up to 64 KB; nothing is freed singly. arena_reset() keeps the first chunk,
 * so a reused arena does not allocate again.
 *
 * Thread: one at a time. Memory: everything handed out lives until arena_reset() or arena_done().
 */
#pragma once

#include "base/mem.h"

struct arena_chunk;

struct arena {
	const struct mem *mem;
	struct arena_chunk *first, *last;
	size_t used;                    /* bytes handed out since the last reset */
	size_t max;                     /* refuse to hand out more than this; 0 = no limit */
};

void arena_init(struct arena *a, const struct mem *mem, size_t max);
void arena_done(struct arena *a);
void arena_reset(struct arena *a);

/* One chunk of just this size for what comes next, where a chunk's rest would be lost many times over; false: out of memory. Counts what
 * arena_alloc() rounds up to 16. */
bool arena_reserve(struct arena *a, size_t n);
void *arena_alloc(struct arena *a, size_t n);                   /* zeroed, aligned to 16; NULL when out of memory */
void *arena_dup(struct arena *a, const void *p, size_t n);
char *arena_str(struct arena *a, const char *text);             /* NULL stays NULL */
char *arena_strn(struct arena *a, const char *text, size_t len);
char *arena_fmt(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define arena_new(a, type) ((type *) arena_alloc((a), sizeof(type)))
#define arena_array(a, type, n) ((type *) arena_alloc((a), sizeof(type) * (n)))
