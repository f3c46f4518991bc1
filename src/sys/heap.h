/*
 * heap.h - memory from the heap, by way of the table of calls.
 *
 * Thread: any. Memory: whoever gets it frees it.
 */
#pragma once

#include "base/mem.h"
#include "sys/calls.h"

extern const struct mem sys_heap;               /* for struct buf, struct arena */

void *sys_alloc(size_t n);                      /* zeroed; NULL when out of memory or n is 0 */
void *sys_alloc_array(size_t n, size_t size);   /* zeroed; NULL also when n × size overflows */
void *sys_resize(void *p, size_t n);            /* not zeroed; NULL and p unchanged on failure */
void *sys_free(void *p);                        /* NULL is fine; returns NULL */
char *sys_strdup(const char *text);             /* NULL stays NULL */
char *sys_strndup(const char *text, size_t n);

#define sys_new(type) ((type *) sys_alloc(sizeof(type)))

static inline void sys_freep_(void *pp) { sys_free(*(void **) pp); }
#define _cleanup_free_ _cleanup_(sys_freep_)

static inline void sys_closep_(int *fd) { if (*fd >= 0) sys.close(*fd); }
#define _cleanup_close_ _cleanup_(sys_closep_)  /* int fd = -1 when there is none */
/* Hands the descriptor on and leaves -1 behind. */
#define take_fd(fd) ({ int _fd = (fd); (fd) = -1; _fd; })
