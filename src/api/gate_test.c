/* gate_test.c - who runs and who waits. */
#include "tap.h"

#include "api/gate.h"
#include "base/err.h"

static struct gated of(uint32_t tenant, uint8_t who) { return (struct gated) { .tenant = tenant, .who.b[0] = who }; }

TEST(one_person_has_half_a_tenant_three_quarters)
{
	struct gate g;
	struct gated x[12];

	gate_init(&g, 8);
	for (int i = 0; i < 6; i++)
		x[i] = of(1, 1);
	for (int i = 0; i < 4; i++)
		is_int(gate_enter(&g, &x[i]), 0);
	is_int(gate_enter(&g, &x[4]), 1);               /* his fifth */
	x[6] = of(1, 2);
	x[7] = of(1, 2);
	x[8] = of(1, 2);
	is_int(gate_enter(&g, &x[6]), 0);
	is_int(gate_enter(&g, &x[7]), 0);
	is_int(gate_enter(&g, &x[8]), 1);               /* the tenant's seventh */
	x[9] = of(2, 1);
	x[10] = of(2, 3);
	x[11] = of(2, 4);
	is_int(gate_enter(&g, &x[9]), 0);               /* the same number in another tenant is somebody else */
	is_int(gate_enter(&g, &x[10]), 0);
	is_int(gate_enter(&g, &x[11]), 1);              /* all are taken */
	is_int(g.n_waiting, 3);
	ok(gate_next(&g) == NULL);
	gate_leave(&g, &x[10]);
	ok(gate_next(&g) == &x[11]);                    /* those before him have no room for themselves */
	ok(gate_next(&g) == NULL);
	gate_leave(&g, &x[6]);
	ok(gate_next(&g) == &x[8]);                     /* x[4] waited longer, but his person still has four */
	gate_leave(&g, &x[0]);
	ok(gate_next(&g) == &x[4]);
	ok(gate_next(&g) == NULL);
	is_int(g.n_waiting, 0);
	is_int(g.n_running, 8);
	gate_done(&g);
}

TEST(they_wait_in_order_and_may_be_dropped)
{
	struct gate g;
	struct gated x[5];

	gate_init(&g, 2);
	for (int i = 0; i < 5; i++) {
		x[i] = of(1, 1);
		is_int(gate_enter(&g, &x[i]), i > 0);
	}
	ok(gate_drop(&g, &x[2]));
	ok(!gate_drop(&g, &x[2]));
	ok(!gate_drop(&g, &x[0]));
	is_int(g.n_refused, 1);
	gate_leave(&g, &x[0]);
	ok(gate_next(&g) == &x[1]);
	gate_leave(&g, &x[1]);
	ok(gate_next(&g) == &x[3]);
	ok(gate_drop_any(&g) == &x[4]);
	ok(gate_drop_any(&g) == NULL);
	gate_leave(&g, &x[3]);
	ok(gate_next(&g) == NULL && g.n_running == 0 && g.n_waiting == 0);
	gate_done(&g);
}

TEST(the_waiting_are_bounded_for_one_and_for_all)
{
	static struct gated x[GATE_WAITING_MAX + 2];
	struct gate g;

	gate_init(&g, 1);
	for (int i = 0; i < GATE_WAITING_MAX + 1; i++) {
		x[i] = of(1, (uint8_t) (i / 30));
		is_int(gate_enter(&g, &x[i]), i > 0);
	}
	x[GATE_WAITING_MAX + 1] = of(2, 1);
	is_int(gate_enter(&g, &x[GATE_WAITING_MAX + 1]), -ERR_LIMIT);
	is_str(err_log_text(err_peek()), "queries of one person at once: at most 1");
	err_clear();
	while (gate_drop_any(&g))
		;
	for (int i = 0; i < GATE_WAITING_OF_ONE + 1; i++) {
		x[i + 1] = of(1, 0);
		is_int(gate_enter(&g, &x[i + 1]), i < GATE_WAITING_OF_ONE ? 1 : -ERR_LIMIT);
	}
	err_clear();
	gate_done(&g);
}
