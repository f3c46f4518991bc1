/*
 * head.h - the samples that are in no file yet, in memory, in shards.
 *
 * A *track* is where rows go: one of its own for each series that comes in TALL batches, one for each list that comes in GROUP batches,
 * whose k series share the times. Batches that spell their series out get a list too when these come together (names_share()): a row
 * of a thousand points then costs four bytes a point and not three hundred. A series may have both; then their rows carry the number of their batch, so that the last
 * write wins. A track belongs to one shard for life. A *generation* is what came in between two freezes: the current one takes rows,
 * the frozen one waits for its files; dropping it drops its region.
 *
 * Thread: head_take() of a shard by one thread at a time; everything locks the shard it touches. Memory: head_bytes(); tracks and the
 * last samples they remember stay until head_free(), which comes before names_free().
 */
#pragma once

#include "base/arena.h"
#include "model/batch.h"
#include "tsdb/chunk.h"
#include "tsdb/names/names.h"

struct head;

struct head_counts { uint64_t taken, replaced, refused, ignored; };

int head_new(unsigned n_shards, struct head **ret);
struct head *head_free(struct head *h);
DEFINE_CLEANUP(struct head *, head_free)

unsigned head_shards(const struct head *h);
/* The list whose track the batch goes to; NULL: its samples go one by one. What this says may change with every call, so it is asked once a
 * batch and told to every shard. */
struct list *head_list_of(struct names *names, const struct batch *b);
/* What of the batch belongs to this shard. -ERR_NO_MEMORY: some of it was taken; taking all of it again is right. */
int head_take(struct head *h, unsigned shard, struct names *names, const struct batch *b, struct list *together, struct head_counts *counts);
/* The current generation of the shard becomes the frozen one, of which there must be none. */
int head_freeze(struct head *h, unsigned shard);
void head_drop(struct head *h);                         /* the frozen generations of all shards: they are in files */
size_t head_bytes(struct head *h);
uint64_t head_samples(struct head *h);                  /* in current and frozen generations */

/* A chunk that holds samples of a series; its region stays until piece_done(). */
struct piece {
	struct region *region;
	const struct chunk *chunk;
	struct chunk_room *copy;        /* of an open chunk */
	struct span span;               /* of the copy */
	uint32_t col;
	uint8_t type;
	int64_t t_min, t_max;
};
struct pieces { struct piece *item; size_t n, room; struct chunk_room *spare; };       /* spare: a copy's room, used again */

/* Those with samples in the range, oldest first. */
struct head_range { int64_t from, to; bool frozen; };   /* from <= time < to (INT64_MAX: all later ones); of the frozen generation only */
int head_pieces(struct head *h, struct names *names, const struct series *s, struct head_range range, struct pieces *ret);
void pieces_clear(struct pieces *p);
void pieces_done(struct pieces *p);

/* Which series the frozen generation holds: (names, series), sorted by number within the tenant, each once. */
int head_frozen_series(struct head *h, struct names *names, uint32_t **ret, size_t *ret_n);
/* Calls fn with every chunk of the frozen generation of these names. */
int head_frozen_chunks(struct head *h, struct names *names, int (*fn)(void *ctx, const struct chunk *c), void *ctx);

/* The newest sample that came in since the start. False: none. Texts are copied into the arena (false, too, when that fails:
 * *ret_no_memory is set). */
bool head_last(struct head *h, const struct series *s, struct names *names, struct arena *a, struct sample *ret, bool *ret_no_memory);
/* The newest samples that lie in the range and came up to this number of the log, which are in files: files are asked again. */
void head_forget(struct head *h, struct names *names, struct series *s, struct head_range range, uint64_t covered);
/* What files know; kept like one that came in. */
int head_remember(struct head *h, struct names *names, struct series *s, const struct sample *sample);
