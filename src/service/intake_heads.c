/*
 * intake_heads.c - a table that is read without a lock: slots are filled once and never emptied. What no longer holds, or is full, is left to those who
 * still look at it, and another begun. At its largest it stays as it is: what is full and forgotten would be learnt for nothing.
 */
#include "service/intake_heads.h"

#include <string.h>

#include "plant/plant.h"
#include "service/ingest_int.h"

enum { SLOTS_MIN = 1024, SLOTS_MAX = 1 << 18, PROBES = 16, BYTES_MAX = 64 << 20 };

struct heads {
	_Atomic uint32_t refs;
	uint64_t generation;                    /* of the plant */
	struct mutex adding;
	struct arena memory;
	uint32_t slots;
	_Atomic uint32_t n;
	_Atomic bool full;
	_Atomic(struct head_seen *) slot[];
};

static struct heads *heads_new(uint64_t generation, uint32_t slots)
{
	struct heads *h = sys_alloc(sizeof(*h) + slots * sizeof(h->slot[0]));

	if (!h)
		return NULL;
	memset(h, 0, sizeof(*h) + slots * sizeof(h->slot[0]));
	h->refs = 1;
	h->generation = generation;
	h->slots = slots;
	mutex_init(&h->adding);
	arena_init(&h->memory, &sys_heap, BYTES_MAX);
	return h;
}

struct heads *heads_unref(struct heads *h)
{
	if (!h || atomic_fetch_sub(&h->refs, 1) > 1)
		return NULL;
	arena_done(&h->memory);
	mutex_done(&h->adding);
	sys_free(h);
	return NULL;
}

struct heads *heads_now(struct ingest *i)
{
	uint64_t generation = plant_generation(i->platform->plant);

	mutex_hold(&i->heads_lock);
	struct heads *old = i->heads;
	if (!old || old->generation != generation || (old->full && old->slots < SLOTS_MAX)) {
		uint32_t slots = !old ? SLOTS_MIN : old->full ? MIN(old->slots * 2, (uint32_t) SLOTS_MAX) : old->slots;

		heads_unref(old);
		i->heads = heads_new(generation, slots);
	}
	if (i->heads)
		atomic_fetch_add(&i->heads->refs, 1);
	return i->heads;
}

uint64_t heads_hash(uint32_t tenant, const char *head, size_t len)
{
	return hash_bytes(head, len) + tenant * UINT64_C(0x9e3779b97f4a7c15);
}

static bool is(const struct head_seen *s, uint64_t hash, uint32_t tenant, const char *head, size_t len)
{
	return s->hash == hash && s->tenant == tenant && s->known.head_len == len && memcmp(s->known.head, head, len) == 0;
}

static uint32_t slot_of(const struct heads *h, uint64_t hash, uint32_t i) { return ((uint32_t) (hash >> 32) + i) & (h->slots - 1); }

struct head_seen *heads_find(const struct heads *h, uint64_t hash, uint32_t tenant, const char *head, size_t len)
{
	for (uint32_t i = 0; h && i < PROBES; i++) {
		struct head_seen *s = atomic_load_explicit(&h->slot[slot_of(h, hash, i)], memory_order_acquire);

		if (!s)
			return NULL;
		if (is(s, hash, tenant, head, len))
			return s;
	}
	return NULL;
}

/* 1: there is one; 0: they hang on several, or one is not there any more. */
static int device_of(struct plant *plant, uint32_t tenant, const struct intake_known *k, struct uuid *ret)
{
	struct arena a;
	int one = 1;

	arena_init(&a, &sys_heap, 0);
	for (uint32_t i = 0; one && i < k->n; i++) {
		struct plant_point p;

		one = plant_by_series(plant, tenant, k->field[i].series, &a, &p) == 0 && (i == 0 || uuid_equal(ret, &p.device));
		*ret = one ? p.device : *ret;
		arena_reset(&a);
	}
	arena_done(&a);
	err_clear();
	return one;
}

static struct head_seen *made(struct heads *h, uint32_t tenant, const struct intake_known *k)
{
	struct head_seen *s = arena_new(&h->memory, struct head_seen);
	struct line_want *f = arena_array(&h->memory, struct line_want, k->n);
	size_t bytes = k->head_len;

	for (uint32_t i = 0; i < k->n; i++)
		bytes += k->field[i].len + 1;
	char *text = arena_alloc(&h->memory, bytes);
	if (!s || !f || !text)
		return NULL;
	memcpy(text, k->head, k->head_len);
	s->tenant = tenant;
	s->known = (struct intake_known) { .head = text, .head_len = k->head_len, .field = f, .n = k->n };
	text += k->head_len;
	for (uint32_t i = 0; i < k->n; i++) {
		f[i] = k->field[i];
		f[i].key = text;
		memcpy(text, k->field[i].key, f[i].len);
		text[f[i].len] = '=';
		text += f[i].len + 1;
	}
	return s;
}

struct head_seen *heads_add(struct heads *h, struct plant *plant, uint32_t tenant, uint64_t hash, const struct intake_known *k, bool single)
{
	struct head_seen *s;
	struct uuid device;
	uint32_t at = 0;

	if (!k->n || h->full)
		return NULL;
	mutex_hold(&h->adding);
	for (uint32_t i = 0; i < PROBES; i++) {
		at = slot_of(h, hash, i);
		s = h->slot[at];
		if (s && is(s, hash, tenant, k->head, k->head_len))
			return s;
		if (!s)
			break;
	}
	if (h->slot[at] || !device_of(plant, tenant, k, &device))
		return NULL;
	s = h->n < h->slots / 2 ? made(h, tenant, k) : NULL;
	if (!s) {
		h->full = true;
		return NULL;
	}
	s->hash = hash;
	s->single = single;
	s->device = device;
	h->n++;
	atomic_store_explicit(&h->slot[at], s, memory_order_release);
	return s;
}
