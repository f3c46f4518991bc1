/* map.c - see map.h. Deletion moves later items of the run back (Knuth, TAOCP 3, 6.4, algorithm R). */
#include "base/map.h"

uint64_t hash_bytes(const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	uint64_t h = n * UINT64_C(0x9e3779b97f4a7c15), word;

	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&word, p, 8);
		h = (h ^ word) * UINT64_C(0xff51afd7ed558ccd);
		h ^= h >> 32;
	}
	word = 0;
	memcpy(&word, p, n);
	h = (h ^ word) * UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}

void map_done(struct map *m)
{
	mem_free(m->mem, m->slots, m->room * sizeof(*m->slots));
	*m = MAP_INIT(m->mem);
}

static struct map_slot *find(const struct map *m, uint64_t hash, map_same_fn same, const void *key)
{
	if (!m->n)
		return NULL;
	for (size_t i = hash & (m->room - 1); m->slots[i].item; i = (i + 1) & (m->room - 1))
		if (m->slots[i].hash == hash && same(m->slots[i].item, key))
			return &m->slots[i];
	return NULL;
}

void *map_find(const struct map *m, uint64_t hash, map_same_fn same, const void *key)
{
	struct map_slot *s = find(m, hash, same, key);

	return s ? s->item : NULL;
}

static void place(struct map_slot *slots, size_t room, struct map_slot s)
{
	size_t i = s.hash & (room - 1);

	while (slots[i].item)
		i = (i + 1) & (room - 1);
	slots[i] = s;
}

bool map_put(struct map *m, uint64_t hash, void *item)
{
	/* Seven eighths: hashes lie beside the pointers, so a longer run costs a line of the cache, and half the slots of a large map tens of bytes each. */
	if (m->n + 1 > m->room - m->room / 8) {
		size_t room = m->room ? m->room * 2 : 16;
		struct map_slot *slots = mem_alloc(m->mem, room * sizeof(*slots));

		if (!slots)
			return false;
		memset(slots, 0, room * sizeof(*slots));
		for (size_t i = 0; i < m->room; i++)
			if (m->slots[i].item)
				place(slots, room, m->slots[i]);
		mem_free(m->mem, m->slots, m->room * sizeof(*m->slots));
		m->slots = slots;
		m->room = room;
	}
	place(m->slots, m->room, (struct map_slot) { hash, item });
	m->n++;
	return true;
}

void *map_del(struct map *m, uint64_t hash, map_same_fn same, const void *key)
{
	struct map_slot *s = find(m, hash, same, key);
	size_t hole, i;
	void *item;

	if (!s)
		return NULL;
	item = s->item;
	hole = i = (size_t) (s - m->slots);
	for (;;) {
		size_t home;

		i = (i + 1) & (m->room - 1);
		if (!m->slots[i].item)
			break;
		home = m->slots[i].hash & (m->room - 1);
		if (((i - home) & (m->room - 1)) >= ((i - hole) & (m->room - 1))) {
			m->slots[hole] = m->slots[i];
			hole = i;
		}
	}
	m->slots[hole] = (struct map_slot) { 0 };
	m->n--;
	return item;
}

void *map_next(const struct map *m, size_t *at)
{
	while (*at < m->room) {
		void *item = m->slots[(*at)++].item;

		if (item)
			return item;
	}
	return NULL;
}
