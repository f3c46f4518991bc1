/*
 * mem.h - where memory comes from, as a value.
 *
 * The floors above choose: the heap (sys), a static pool on a microcontroller, an allocator that fails at the
 * n-th call in a test. A NULL `struct mem *` means "no more memory than what was handed in".
 */
#pragma once

#include "base/base.h"

struct mem {
	/* new_size 0 frees and returns NULL; p NULL allocates; NULL on failure, then p is unchanged. */
	void *(*resize)(void *ctx, void *p, size_t old_size, size_t new_size);
	void *ctx;
};

static inline void *mem_alloc(const struct mem *m, size_t n) { return m ? m->resize(m->ctx, NULL, 0, n) : NULL; }
static inline void *mem_resize(const struct mem *m, void *p, size_t old, size_t n) { return m ? m->resize(m->ctx, p, old, n) : NULL; }
static inline void mem_free(const struct mem *m, void *p, size_t n) { if (m && p) m->resize(m->ctx, p, n, 0); }
