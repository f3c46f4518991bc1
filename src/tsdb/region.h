/*
 * region.h - the memory of one generation of one shard's head: taken in pieces, freed as a whole.
 *
 * Pieces of 16 bytes to 16 KB, sizes powers of two, go back to a list of their size when a chunk outgrows them, and are used
 * again: as they are, two neighbours as one, or in parts. What the columns of a chunk leave lies side by side, so growing takes little more than
 * what it has grown to. Everything else is cut from blocks of 256 KB. Dropping a generation after its flush is dropping its blocks.
 *
 * Thread: guarded by the shard's lock, the count of references excepted. Memory: region_bytes(), what was asked of the heap.
 */
#pragma once

#include <stdatomic.h>

#include "base/base.h"

struct region;

struct region *region_new(atomic_size_t *total);                /* one reference; bytes are added to and taken from *total */
struct region *region_ref(struct region *r);
struct region *region_unref(struct region *r);                  /* NULL is fine; returns NULL */
void *region_get(struct region *r, size_t n);                   /* aligned to 8, not zeroed; NULL when out of memory */
void region_put(struct region *r, void *p, size_t n);           /* as asked for; NULL is fine */
size_t region_bytes(const struct region *r);
