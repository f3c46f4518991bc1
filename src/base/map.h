/*
 * map.h - a hash table of pointers: open addressing, linear probing, deletion without tombstones.
 *
 * The table owns no keys: an item carries its own, `same` compares it with the key looked for.
 *
 * Thread: one at a time for writing; any number for reading while nobody writes. Memory: 16 bytes a slot, at most 3/4 used.
 */
#pragma once

#include "base/mem.h"

typedef bool (*map_same_fn)(const void *item, const void *key);

struct map_slot { uint64_t hash; void *item; };

struct map {
	struct map_slot *slots;
	size_t room, n;                 /* room is a power of two */
	const struct mem *mem;
};

#define MAP_INIT(mem_) ((struct map) { .mem = (mem_) })

void map_done(struct map *m);                           /* the items are the caller's */
void *map_find(const struct map *m, uint64_t hash, map_same_fn same, const void *key);
bool map_put(struct map *m, uint64_t hash, void *item); /* the key must be absent; false: no memory */
void *map_del(struct map *m, uint64_t hash, map_same_fn same, const void *key);        /* the item, or NULL */
void *map_next(const struct map *m, size_t *at);        /* *at 0 begins; NULL ends; no order; not while writing */

uint64_t hash_bytes(const void *bytes, size_t n);       /* not keyed: for keys that come from inside */
