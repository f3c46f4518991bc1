/* region.c - slabs of a head's generation. */
#include "tsdb/region.h"

#include "sys/sys.h"

/* Blocks double from FIRST to BLOCK_BYTES: a generation with little in it costs little of the head's budget. */
enum { FIRST_BYTES = 32 << 10, BLOCK_BYTES = 256 << 10, CLASS_MIN = 4, CLASS_MAX = 14, LARGE = 32 << 10,
	NEAR = 16 /* pieces of a list that are looked at for a neighbour */ };

struct block { struct block *next; size_t size; _Alignas(16) uint8_t bytes[]; };
struct piece { struct piece *next; };

struct region {
	atomic_uint refs;
	atomic_size_t *total;
	size_t bytes, used;             /* used: of the first block */
	struct block *block;            /* the one being cut, then the full ones */
	struct block *large;
	struct piece *free[CLASS_MAX + 1];
};

struct region *region_new(atomic_size_t *total)
{
	struct region *r = sys_new(struct region);

	if (!r)
		return NULL;
	atomic_init(&r->refs, 1);
	r->total = total;
	return r;
}

struct region *region_ref(struct region *r)
{
	atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
	return r;
}

static void free_blocks(struct block *b)
{
	while (b) {
		struct block *next = b->next;

		sys_free(b);
		b = next;
	}
}

struct region *region_unref(struct region *r)
{
	if (!r || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) != 1)
		return NULL;
	free_blocks(r->block);
	free_blocks(r->large);
	atomic_fetch_sub(r->total, r->bytes);
	return sys_free(r);
}

static struct block *block_new(struct region *r, size_t size)
{
	struct block *b = sys.malloc(sizeof(*b) + size);

	if (!b)
		return NULL;
	b->size = size;
	r->bytes += sizeof(*b) + size;
	atomic_fetch_add(r->total, sizeof(*b) + size);
	return b;
}

/* The class of a size; CLASS_MAX + 1: not kept in classes. */
static unsigned class_of(size_t n)
{
	unsigned c = n <= 16 ? CLASS_MIN : 64 - (unsigned) __builtin_clzll(n - 1);

	return (n & (n - 1)) == 0 || n <= 16 ? MIN(c, (unsigned) CLASS_MAX + 1) : CLASS_MAX + 1u;
}

static void list_put(struct region *r, unsigned c, void *p)
{
	struct piece *piece = p;

	piece->next = r->free[c];
	r->free[c] = piece;
}

/* One of a list: of the nearest larger size there is, and what is left of it goes to the smaller ones. */
static void *list_get(struct region *r, unsigned c)
{
	unsigned from = c;

	while (from <= CLASS_MAX && !r->free[from])
		from++;
	if (from > CLASS_MAX)
		return NULL;
	struct piece *p = r->free[from];
	r->free[from] = p->next;
	while (from-- > c)
		list_put(r, from, (char *) p + ((size_t) 1 << from));
	return p;
}

void *region_get(struct region *r, size_t n)
{
	unsigned c = class_of(n);
	void *p = list_get(r, c);

	if (p)
		return p;
	n = ALIGN_UP(MAX(n, (size_t) 16), 8);
	if (n > LARGE) {
		struct block *b = block_new(r, n);

		if (!b)
			return NULL;
		b->next = r->large;
		r->large = b;
		return b->bytes;
	}
	if (!r->block || r->used + n > r->block->size) {
		struct block *b = block_new(r, r->block ? MIN(2 * r->block->size, (size_t) BLOCK_BYTES) : (size_t) FIRST_BYTES);

		if (!b)
			return NULL;
		b->next = r->block;
		r->block = b;
		r->used = 0;
	}
	r->used += n;
	return r->block->bytes + r->used - n;
}

/* A neighbour of the same size among the last that were given back: it leaves the list, and the one that lies in front is returned. */
static void *neighbour(struct region *r, unsigned c, void *p)
{
	struct piece **at = &r->free[c];
	size_t n = (size_t) 1 << c;

	for (unsigned i = 0; i < NEAR && *at; i++, at = &(*at)->next) {
		char *other = (char *) *at;

		if (other + n != (char *) p && (char *) p + n != other)
			continue;
		*at = (*at)->next;
		return other < (char *) p ? other : p;
	}
	return NULL;
}

void region_put(struct region *r, void *p, size_t n)
{
	unsigned c = class_of(n);
	void *both;

	if (!p || c > CLASS_MAX)
		return;
	for (; c < CLASS_MAX && (both = neighbour(r, c, p)); c++)
		p = both;
	list_put(r, c, p);
}

size_t region_bytes(const struct region *r) { return r->bytes; }
