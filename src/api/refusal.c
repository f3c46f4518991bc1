/*
 * refusal.c - refusals that no deed noted down: samples for a place of somebody else, statements, figures of the platform.
 *
 * A gateway that is set up wrongly is refused ten times a second for days: of the same principal at the same row one a minute is an entry of
 * the audit, the counters know the others.
 */
#include "api/internal.h"
#include "base/map.h"

enum { EVERY_S = 60 };

static bool is_new(struct call *c)
{
	const uint64_t key = hash_bytes(&c->scope.who.id, sizeof(c->scope.who.id)) ^ (uintptr_t) c->route;
	struct refusals *f = &c->api->refusals;
	int64_t now = clock_mono_ns();
	size_t at = (size_t) (key * UINT64_C(0x9e3779b97f4a7c15) >> 32) % REFUSALS;

	mutex_hold(&f->lock);
	if (f->lately[at].key == key && now - f->lately[at].at_ns < EVERY_S * NS_PER_S)
		return false;
	f->lately[at].key = key;
	f->lately[at].at_ns = now;
	return true;
}

void refusal_note(struct call *c, int r)
{
	struct err e;

	if (r != -ERR_DENIED || c->scope.refused || !is_new(c))
		return;
	e = err_take(r);
	guard_audit_refusal(&c->scope, c->noun ? arena_fmt(&c->arena, "%s.%s", c->noun->type->name, c->route->name) : c->route->name, r);
	err_put(&e);
}
