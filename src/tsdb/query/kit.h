/*
 * kit.h - what a query works with, kept for the next one: the unpacker of pages with their memory, and a batch being laid out.
 *
 * Thread: any; a kit that was taken belongs to its query. Memory: four kits, some 700 KB each, 3 MB at most.
 */
#pragma once

#include "parquet/parquet.h"
#include "sys/sys.h"
#include "tsdb/query/tall.h"

enum { KITS_MAX = 4 };
struct kit { struct pq_scratch *scratch; struct tall tall; };
struct kits { struct mutex mutex; struct kit *idle[KITS_MAX]; unsigned n; };

void kits_init(struct kits *k);
void kits_done(struct kits *k);         /* when no query runs any more */
int kit_take(struct kits *k, struct kit **ret);
void kit_give(struct kits *k, struct kit *kit);         /* NULL is fine */
