/*
 * grant.c - what grants amount to now: a role, somewhere, for a time, at hours of the week.
 *
 * Hours are the local time of this computer, and a window that passes midnight belongs to the day on which it begins. A grant with
 * hours is looked at again every minute; one with an end, at its end.
 */

#include "base/num.h"
#include "base/str.h"
#include "guard/internal.h"

enum { DAY_MINUTES = 24 * 60 };

static unsigned minute_of(const char *text)
{
	uint64_t h = 0, m = 0;

	if (str_len(text) != 5)
		return 0;
	num_parse_u64(text, text + 2, &h);
	num_parse_u64(text + 3, text + 5, &m);
	return (unsigned) (h * 60 + m);
}

static bool day_is_in(uint32_t days, unsigned weekday)
{
	return days == 0 || (days >> weekday & 1);
}

static bool hours_are_on(const struct access_grant *g, int64_t now)
{
	bool all_day = str_empty(g->hour_from) || str_empty(g->hour_until);
	unsigned from = all_day ? 0 : minute_of(g->hour_from), until = all_day ? DAY_MINUTES : minute_of(g->hour_until);
	unsigned weekday, minute;

	clock_local(now, &weekday, &minute);
	if (from < until)
		return day_is_in(g->days, weekday) && minute >= from && minute < until;
	/* Over midnight (and "08:00" to "08:00": a whole day). */
	return (minute >= from && day_is_in(g->days, weekday)) || (minute < until && day_is_in(g->days, (weekday + 6) % 7));
}

bool grant_is_on(const struct access_grant *g, int64_t now, int64_t *ret_until)
{
	int64_t until = INT64_MAX, minute = 60 * NS_PER_S;
	bool on = true;

	if (g->from && now < g->from) {
		on = false;
		until = g->from;
	} else if (g->until && now >= g->until) {
		on = false;
	} else {
		if (g->until)
			until = g->until;
		if (g->days || !str_empty(g->hour_from)) {
			on = hours_are_on(g, now);
			until = MIN(until, (now / minute + 1) * minute);
		}
	}
	*ret_until = until;
	return on;
}

/* ---- of a user or token ---- */

struct gathering { struct store_tx *tx; struct arena *arena; struct cached *to; int64_t now; };

static void put_placed(struct cached *c, const struct uuid *place, struct grants g)
{
	uint32_t i = 0;

	while (i < c->n_placed && uuid_cmp(&c->placed[i].place, place) < 0)
		i++;
	if (i < c->n_placed && uuid_equal(&c->placed[i].place, place)) {
		c->placed[i].grants.bits |= g.bits;
		return;
	}
	if (c->n_placed == GRANTS_MAX)          /* refused when it was made: fewer rights, never more */
		return;
	memmove(&c->placed[i + 1], &c->placed[i], (c->n_placed - i) * sizeof(c->placed[0]));
	c->placed[i] = (struct placed) { *place, g };
	c->n_placed++;
}

static int gather(void *ctx, const void *rec)
{
	const struct access_grant *g = rec;
	struct gathering *all = ctx;
	struct access_role role;
	int64_t until;
	bool on = grant_is_on(g, all->now, &until);
	int r;

	all->to->rights_until_ns = MIN(all->to->rights_until_ns, until);
	if (!on)
		return 0;
	r = store_get(all->tx, &role_type, &g->role, &role, all->arena);
	if (r < 0)
		return r;
	if (uuid_is_zero(&g->place))
		all->to->grants.bits |= grants_of_flags(role.permissions).bits;
	else
		put_placed(all->to, &g->place, grants_for_place(grants_of_flags(role.permissions)));
	return 0;
}

int grants_load(struct store_tx *tx, enum principal_kind kind, struct arena *a, struct cached *ret)
{
	char id[UUID_TEXT + 1];
	struct store_filter f = { kind == PRINCIPAL_TOKEN ? "token" : "user", STORE_EQ, id };
	struct store_list of = { .filters = &f, .n_filters = 1 };
	struct gathering all = { .tx = tx, .arena = a, .to = ret, .now = clock_now_ns() };
	int r;

	uuid_format(&ret->id, id);
	ret->n_placed = 0;
	ret->rights_until_ns = INT64_MAX;
	r = store_list(tx, &grant_type, &of, gather, &all, NULL);
	return r < 0 ? r : 0;
}
