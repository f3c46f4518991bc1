/* rate.c - buckets of tokens. */
#include "api/rate.h"

#include "base/str.h"

uint64_t rate_key(char kind, const char *text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ (uint8_t) kind;

	for (; *text; text++)
		h = (h ^ (uint8_t) *text) * UINT64_C(0x100000001b3);
	return h ? h : 1;                       /* 0: an empty slot */
}

static struct rate_slot *slot_of(struct rate *r, uint64_t key)
{
	struct rate_slot *set = &r->slots[(key >> 7) % (RATE_SLOTS / RATE_WAYS) * RATE_WAYS], *quiet = NULL;

	for (unsigned i = 0; i < RATE_WAYS; i++) {
		if (set[i].key == key)
			return &set[i];
		if (!set[i].open && (!quiet || set[i].at_ns < quiet->at_ns))
			quiet = &set[i];
	}
	if (!quiet)                             /* all four have something under way */
		return NULL;
	*quiet = (struct rate_slot) { .key = key };
	return quiet;
}

struct rate_slot *rate_enter(struct rate *r, uint64_t key, double many, int64_t now_ns)
{
	struct rate_slot *s = slot_of(r, key);
	double rate = r->per_second * many, most = rate * RATE_BURST;

	if (!s)
		return NULL;
	if (!s->at_ns)
		s->tokens = most;
	else
		s->tokens = MIN(most, s->tokens + (double) (now_ns - s->at_ns) / 1e9 * rate);
	s->at_ns = now_ns;
	if (s->tokens < 1 || s->open >= RATE_OPEN * many)
		return NULL;
	s->tokens -= 1;
	s->open++;
	return s;
}

void rate_leave(struct rate *r, struct rate_slot *s, uint64_t key)
{
	if (s && s->key == key && s->open)
		s->open--;
}
