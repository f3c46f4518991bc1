/* command_test.c - how long commands are kept; on a store in a folder of its own, by a clock that the test sets. */

#include "postgres.h"
#include "tap.h"

#include <string.h>
#include <time.h>

#include "service/command.h"
#include "service/world_test.h"

enum { DAY_S = 86400 };
static const int64_t NOW_S = 1800000000;

static int64_t now_s;

static int set_clock(clockid_t id, struct timespec *ret)
{
	if (id != CLOCK_REALTIME)
		return clock_gettime(id, ret);
	*ret = (struct timespec) { .tv_sec = now_s };
	return 0;
}

static bool begin(struct world *w)
{
	if (!begin_with(w, NULL))
		return false;
	now_s = NOW_S;
	sys.clock_gettime = set_clock;
	return true;
}

static void end_of(struct world *w)
{
	sys_restore();
	end(w);
}

struct sent { int32_t state; uint32_t n; };

static int put(struct scope *s, const void *in, void *ret)
{
	const struct sent *sent = in;
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < sent->n; i++) {
		struct command_record rec;

		r = rec_init(&command_type, &rec, s->arena);
		rec.head.id = uuid_new();
		rec.state = sent->state;
		rec.path = "a/b";
		if (r >= 0)
			r = store_put(s->tx, &command_type, &rec, &s->who.id);
	}
	return r;
}

/* n commands as they would have been sent so many days ago. */
static int send(struct world *w, int days_ago, int32_t state, uint32_t n)
{
	static const struct deed deed = DEED("test.send", PERM_COMMAND, DEED_TENANT, put);
	struct sent sent = { state, n };
	int r;

	now_s = NOW_S - (int64_t) days_ago * DAY_S;
	r = scope_do(&w->s, &deed, &sent, NULL);
	now_s = NOW_S;
	return r;
}

struct counted { const char *deed; uint32_t n; };

static int count_row(void *ctx, const void *rec)
{
	struct counted *c = ctx;

	c->n += !c->deed || str_eq(((const struct audit *) rec)->deed, c->deed);
	return 0;
}

static int count_deed(struct scope *s, const void *in, void *ret)
{
	struct counted *c = ret;

	return store_list(s->tx, c->deed ? &audit_type : &command_type, &(struct store_list) { .limit = 0 }, count_row, c, NULL);
}

/* Commands; or entries of the audit with this deed. */
static int count(struct world *w, const char *deed)
{
	static const struct deed look = DEED_READ("test.count", PERM_COMMAND, DEED_TENANT, count_deed);
	struct counted c = { .deed = deed };

	return scope_do(&w->s, &look, NULL, &c) < 0 ? -1 : (int) c.n;
}

TEST(commands_older_than_their_time_go_and_younger_ones_and_those_under_way_stay)
{
	struct world w;

	must(begin(&w));
	must(send(&w, 181, COMMAND_DONE, 3) >= 0);
	must(send(&w, 181, COMMAND_WAITING, 1) >= 0);
	must(send(&w, 181, COMMAND_REFUSED, 2) >= 0);
	must(send(&w, 179, COMMAND_DONE, 4) >= 0);
	must(send(&w, 0, COMMAND_DONE, 5) >= 0);
	is_int(count(&w, NULL), 15);
	is_int(commands_trim(&w.p, 180 * (int64_t) DAY_S * NS_PER_S), 0);
	is_int(count(&w, NULL), 10);
	is_int(count(&w, "point.command_expired"), 1);
	is_int(commands_trim(&w.p, 180 * (int64_t) DAY_S * NS_PER_S), 0);      /* nothing to do is no entry */
	is_int(count(&w, "point.command_expired"), 1);
	now_s = NOW_S + 2 * DAY_S;
	is_int(commands_trim(&w.p, 180 * (int64_t) DAY_S * NS_PER_S), 0);
	is_int(count(&w, NULL), 6);
	end_of(&w);
}

TEST(without_a_time_they_stay_for_ever)
{
	struct world w;

	must(begin(&w));
	must(send(&w, 9000, COMMAND_DONE, 3) >= 0);
	is_int(commands_trim(&w.p, 0), 0);
	is_int(count(&w, NULL), 3);
	end_of(&w);
}

TEST(many_go_in_transactions_of_two_hundred)
{
	struct world w;

	must(begin(&w));
	must(send(&w, 200, COMMAND_DONE, 450) >= 0);
	must(send(&w, 1, COMMAND_DONE, 7) >= 0);
	is_int(commands_trim(&w.p, 180 * (int64_t) DAY_S * NS_PER_S), 0);
	is_int(count(&w, NULL), 7);
	is_int(count(&w, "point.command_expired"), 3);
	end_of(&w);
}
