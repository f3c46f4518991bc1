/* world_test.h - a platform on stores in a folder of its own, and somebody who may do everything. tap.h and postgres.h stand before it. */
#pragma once

#include "service/internal.h"

struct world { struct buf dir; struct platform p; struct arena a; struct scope s; struct errs errs; };

/* extra: nouns beside the platform's own, ending with NULL; NULL: none. */
static bool begin_with(struct world *w, const struct noun *const *extra)
{
	*w = (struct world) { .dir = BUF_INIT(&sys_heap, 4096), .p = { .version = "test" } };
	arena_init(&w->a, &sys_heap, 0);
	w->errs.arena = &w->a;
	if (dir_temp("/tmp", "tenon-service-", &w->dir) < 0
			|| service_open(&w->p, &(struct guard_config) { .data = w->dir.data, .store = test_database(w->dir.data), .argon_kib = 64,
				.argon_passes = 1 }, extra) < 0) {
		printf("# %s\n", err_log_text(err_peek()));
		return false;
	}
	scope_system(&w->s, w->p.guard, &w->p, &w->a, "test");
	return true;
}

static void end(struct world *w)
{
	service_close(&w->p);
	dir_remove(w->dir.data);
	buf_done(&w->dir);
	arena_done(&w->a);
	err_clear();
}
