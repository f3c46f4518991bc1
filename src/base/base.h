/*
 * base.h - the handful of words that every file may use.
 *
 * The ground floor is freestanding: no operating system, no libc beyond memcpy, memmove, memset and memcmp, no
 * allocator of its own. What needs memory is handed a `struct mem` (mem.h).
 *
 * Thread: anything here may be used from any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELEMENTSOF(a) (sizeof(a) / sizeof((a)[0]))
#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
/* Each use has names of its own, so that they nest: MIN(MAX(x, lo), hi). */
#define PICK_(a, op, b, n)                                                                                             \
	({ __auto_type PASTE(a_, n) = (a); __auto_type PASTE(b_, n) = (b);                                             \
	   PASTE(a_, n) op PASTE(b_, n) ? PASTE(a_, n) : PASTE(b_, n); })
#define MIN(a, b) PICK_(a, <, b, __COUNTER__)
#define MAX(a, b) PICK_(a, >, b, __COUNTER__)
#define CLAMP(x, lo, hi) MIN(MAX(x, lo), hi)
#define ALIGN_UP(n, to) (((n) + ((__typeof__(n)) (to) - 1)) & ~((__typeof__(n)) (to) - 1))
#define CONTAINER_OF(ptr, type, member) ((type *) ((char *) (ptr) - offsetof(type, member)))

#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define NULL_TERMINATED __attribute__((sentinel))
#define MUST_USE __attribute__((warn_unused_result))

/* Ownership in the declaration: a cleaned variable frees itself on every way out of its block. */
#define _cleanup_(fn) __attribute__((cleanup(fn)))
#define DEFINE_CLEANUP(type, fn) static inline void fn##p(type *p) { if (*p) *p = fn(*p); }

/* take() hands the value on and leaves NULL behind, so that the cleanup finds nothing to free. */
#define take(p) ({ __typeof__(p) _p = (p); (p) = NULL; _p; })

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

/* What the platform below us must bring even on a microcontroller; compilers emit calls to them anyway. */
void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *p, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
