/* rate_test.c - buckets of tokens, with a clock of the test's own. */
#include "tap.h"

#include "api/rate.h"
#include "sys/sys.h"

enum { RATE = 10 };
#define S NS_PER_S

static unsigned served(struct rate *r, uint64_t key, unsigned asked, int64_t now)
{
	unsigned n = 0;

	for (unsigned i = 0; i < asked; i++) {
		struct rate_slot *s = rate_enter(r, key, 1, now);
		n += s != NULL;
		rate_leave(r, s, key);
	}
	return n;
}

TEST(a_burst_is_served_then_as_much_as_the_rate_gives)
{
	struct rate *r = sys_new(struct rate);
	uint64_t a = rate_key('t', "a"), b = rate_key('t', "b");

	r->per_second = RATE;
	is_int(served(r, a, 100, S), RATE * RATE_BURST);
	is_int(served(r, a, 100, S + S / 2), RATE / 2);
	is_int(served(r, a, 100, 2 * S), RATE / 2);
	is_int(served(r, b, 100, 2 * S), RATE * RATE_BURST);    /* another has his own */
	is_int(served(r, a, 1000, 1000 * S), RATE * RATE_BURST);
	sys_free(r);
}

TEST(what_is_under_way_is_bounded)
{
	struct rate *r = sys_new(struct rate);
	uint64_t a = rate_key('t', "a");
	struct rate_slot *first = NULL;
	unsigned n = 0;

	r->per_second = 1e6;
	for (struct rate_slot *s; (s = rate_enter(r, a, 1, S)); n++)
		first = s;
	is_int(n, RATE_OPEN);
	rate_leave(r, first, a);
	ok(rate_enter(r, a, 1, S) != NULL);
	ok(rate_enter(r, a, 1, S) == NULL);
	sys_free(r);
}

TEST(a_table_full_of_quiet_callers_takes_new_ones)
{
	struct rate *r = sys_new(struct rate);
	unsigned n = 0;

	r->per_second = RATE;
	for (unsigned i = 0; i < 100000; i++) {
		char name[20];
		snprintf(name, sizeof(name), "%u", i);
		n += served(r, rate_key('a', name), 1, S + i);
	}
	is_int(n, 100000);
	sys_free(r);
}
