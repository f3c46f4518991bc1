/* merge_test.h - short words for the tests of merging. tap.h stands before it. */
#pragma once

#include <sys/stat.h>

#include "base/str.h"
#include "tsdb/merge/compact.h"
#include "tsdb/world_test.h"

/* Nothing is merged unless the test says so. */
static const struct tsdb_config by_hand = { .compact_rate = -1, .n_shards = 1 };

static inline struct tsdb_stats stats_of(struct fixture *f)
{
	struct tsdb_stats s;

	tsdb_stats(f->t, &s);
	return s;
}

static inline bool flush(struct fixture *f) { return fixture_settle(f) == 0 && tsdb_flush(f->t) == 0; }

static inline unsigned count_names(const char *path);
static inline int count_name(void *ctx, const char *name);
struct counted { char path[1024]; unsigned n; };

static inline int count_name(void *ctx, const char *name)
{
	struct counted *c = ctx;
	char path[1024];
	struct stat st;

	snprintf(path, sizeof(path), "%.700s/%.255s", c->path, name);
	if (stat(path, &st) == 0)
		c->n += S_ISDIR(st.st_mode) ? count_names(path) : (unsigned) str_ends(name, ".parquet") && !str_eq(name, "series.parquet") &&
			!str_ends(name, ".1m.parquet") && !str_ends(name, ".1h.parquet");
	return 0;
}

static inline unsigned count_names(const char *path)
{
	struct counted c = { .n = 0 };

	snprintf(c.path, sizeof(c.path), "%.1000s", path);
	dir_each(path, count_name, &c);
	return c.n;
}

static inline unsigned files_on_disk(const struct fixture *f)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/tenants/1/ts", f->dir);
	return count_names(path);
}
