/*
 * subs.c - telling those who subscribed.
 *
 * What a subscriber has seen is one number; what it has not is every series with a higher one. All series of a tenant: walk the
 * chain from the newest to the first that is known, and tell on the way back. A list of series: look at each. Either way values are
 * told in the order of their last change, so a subscriber that stops half way goes on from the number of the last it took.
 */
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "bus/impl.h"

enum { TOLD_MAX = 8 * BUS_CHUNK };      /* whole chunks to one subscriber in a pump; the others wait meanwhile */

int bus_subscribe(struct bus *b, const struct bus_sub_config *config, struct bus_sub **ret)
{
	if (b->n_subs == b->sub_room) {
		uint32_t room = MAX(8u, b->sub_room * 2);
		struct bus_sub **p = sys_resize(b->sub, room * sizeof *p);
		if (!p)
			return err_fail(ERR_NO_MEMORY, "what", "live values", NULL);
		b->sub = p;
		b->sub_room = room;
	}
	struct bus_sub *s = sys_new(struct bus_sub);
	if (!s)
		return err_fail(ERR_NO_MEMORY, "what", "live values", NULL);
	*s = (struct bus_sub) { .b = b, .tenant = config->tenant, .n = config->n, .on_values = config->on_values, .ctx = config->ctx,
		.seen = config->after == UINT64_MAX ? b->change : config->after };
	if (config->max_rate_hz > 0)
		s->interval_ns = (int64_t) fmin(1e9 / config->max_rate_hz, 86400e9);
	if (s->n) {
		s->series = sys_alloc_array(s->n, sizeof *s->series);
		s->found = sys_alloc_array(s->n, sizeof *s->found);
		if (!s->series || !s->found) {
			sys_free(s->series);
			sys_free(s->found);
			sys_free(s);
			return err_fail(ERR_NO_MEMORY, "what", "live values", NULL);
		}
		memcpy(s->series, config->series, s->n * sizeof *s->series);
	}
	b->sub[b->n_subs++] = s;
	*ret = s;
	if (b->config.on_ready)                 /* what is known already does not wait for the next change */
		b->config.on_ready(b->config.ctx);
	return 0;
}

static void sub_free(struct bus_sub *s)
{
	sys_free(s->series);
	sys_free(s->found);
	sys_free(s);
}

static void sweep(struct bus *b)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < b->n_subs; i++) {
		if (b->sub[i]->dead)
			sub_free(b->sub[i]);
		else
			b->sub[n++] = b->sub[i];
	}
	b->n_subs = n;
}

struct bus_sub *bus_unsubscribe(struct bus_sub *s)
{
	if (!s)
		return NULL;
	struct bus *b = s->b;
	s->dead = true;
	if (!b->telling)
		sweep(b);
	return NULL;
}

void subs_free(struct bus *b)
{
	for (uint32_t i = 0; i < b->n_subs; i++)
		sub_free(b->sub[i]);
	sys_free(b->sub);
}

void bus_resume(struct bus_sub *s)
{
	struct bus *b = s->b;

	if (!s->stopped)
		return;
	s->stopped = false;
	if (b->config.on_ready)
		b->config.on_ready(b->config.ctx);
}

uint64_t bus_sub_seen(const struct bus_sub *s)
{
	return s->seen;
}

/* Hands over the first n of b->values. False: it took less, or is gone. */
static bool hand_over(struct bus_sub *s, size_t n)
{
	struct bus *b = s->b;

	if (n == 0)
		return true;
	size_t took = s->on_values(s->ctx, b->values, n);
	if (took > n)
		took = n;
	if (took)
		s->seen = b->values[took - 1].change;
	s->stopped = took < n;
	mutex_lock(&b->lock);
	b->stats.calls++;
	b->stats.told += took;
	mutex_unlock(&b->lock);
	return !s->stopped && !s->dead;
}

/* Everything new of the tenant. True: there is more. */
static bool tell_all(struct bus_sub *s, const struct tenant *t)
{
	struct bus *b = s->b;
	uint32_t at = 0, told = 0;
	size_t n = 0;

	for (uint32_t i = t->newest; i && bus_slot(t, i)->change > s->seen; i = bus_slot(t, i)->older)
		at = i;
	while (at && told++ < TOLD_MAX) {
		const struct slot *slot = bus_slot(t, at);
		bus_value_of(slot, at, &b->values[n++]);
		at = slot->newer;
		if (n < BUS_CHUNK && at)
			continue;
		if (!hand_over(s, n))
			return false;
		n = 0;
	}
	return at != 0;
}

static int by_change(const void *a, const void *b)
{
	const struct changed *x = a, *y = b;

	return x->change < y->change ? -1 : x->change > y->change;
}

static bool tell_some(struct bus_sub *s, const struct tenant *t)
{
	struct bus *b = s->b;
	uint64_t seen = b->change;
	size_t n_found = 0, n = 0;
	bool sorted = true;

	for (size_t i = 0; i < s->n; i++) {
		const struct slot *slot = bus_slot(t, s->series[i]);
		if (!slot || slot->change <= s->seen)
			continue;
		s->found[n_found] = (struct changed) { slot->change, s->series[i] };
		sorted = sorted && (n_found == 0 || slot->change > s->found[n_found - 1].change);
		n_found++;
	}
	if (!sorted)
		qsort(s->found, n_found, sizeof s->found[0], by_change);
	for (size_t i = 0; i < n_found; i++) {
		if (i && s->found[i].change == s->found[i - 1].change)
			continue;               /* named twice */
		bus_value_of(bus_slot(t, s->found[i].series), s->found[i].series, &b->values[n++]);
		if (n == BUS_CHUNK) {
			if (!hand_over(s, n))
				return false;
			n = 0;
		}
	}
	if (hand_over(s, n))
		s->seen = seen;
	return false;
}

int64_t subs_tell(struct bus *b)
{
	int64_t now = clock_mono_ns(), due = INT64_MAX;
	uint32_t stopped = 0;

	b->telling = true;
	for (uint32_t i = 0; i < b->n_subs; i++) {
		struct bus_sub *s = b->sub[i];
		const struct tenant *t = bus_tenant(b, s->tenant);
		stopped += s->stopped;
		if (s->dead || s->stopped || !t || t->change <= s->seen)
			continue;
		if (now < s->due_ns) {
			due = MIN(due, s->due_ns);
			continue;
		}
		bool more = s->n ? tell_some(s, t) : tell_all(s, t);
		if (more)
			due = 0;
		else
			s->due_ns = now + s->interval_ns;
		stopped += s->stopped;
	}
	b->telling = false;
	sweep(b);
	mutex_lock(&b->lock);
	b->stats.subs = b->n_subs;
	b->stats.stopped = stopped;
	mutex_unlock(&b->lock);
	return due;
}
