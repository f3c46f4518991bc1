/* retain_impl.h - retention inside the module. */
#pragma once

#include "tsdb/keep/retain.h"
#include "tsdb/merge/compact.h"
#include "tsdb/roll_out.h"

#define RETAIN_NEVER INT32_MIN

int retain_open(struct tenant *te, const struct manifest *m);   /* the day that was reached before */
/* The clock goes on; 1: another day has come. */
int retain_tick(struct tenant *te, int64_t wall_ns, int64_t mono_ns);
/* Which parts of a file of that day may still be seen of the series. */
uint8_t retain_parts(const struct tsdb *t, const struct tenant *te, const struct series *s, int32_t day);
/* May the samples be seen? Where there are no minutes (hours) they are these. has: parts that hold figures of the series. */
bool retain_raw(uint8_t may, uint8_t has, const struct series *s);
/* Nothing of the series is seen that is older, wherever it lies; INT64_MIN: all of it is. */
int64_t retain_from(const struct tsdb *t, const struct tenant *te, const struct series *s);
/* Days of which files wait to be merged: figures may still count there what was written again since, so samples stay until they are. Ascending,
 * freed by sys_free(). -ERR_NO_MEMORY. */
int retain_mixed(const struct catalog *c, struct mixed_days *ret);
bool retain_is_mixed(const struct mixed_days *m, int32_t day);
/* What no series of theirs needs any more goes: one step of the manifest. 1: something went; 0: *ret_split is a file of which enough is too old to be
 * written again, a reference, if there is one. */
int retain_step(struct tsdb *t, struct tenant *te, struct file **ret_split);
bool retain_is_on(const struct tsdb *t, const struct tenant *te);
/* Figures of one file on their way into one that has nothing else. */
struct again {
	struct tenant *te;
	struct file *file;
	const struct tombs *tombs;      /* rows that one touches are left out */
	struct file_info info;          /* of the new one; its parts are known at last */
	struct roll_scan *in[ROLL_TIERS];
	struct roll_out *out;
	struct pq_scratch *scratch;
	struct rolls *rolls;
	struct roller *roller;
};
int again_open(struct again *g, struct tsdb *t, struct tenant *te, struct file *f, const struct tombs *tombs);
void again_close(struct again *g);      /* also after a failure to open */
int again_series(struct again *g, uint32_t series, uint8_t type, uint8_t parts);        /* ascending; parts: the tiers that go along */
/* Files without samples of which something is deleted are written again. */
int retain_purge(struct tsdb *t, struct tenant *te, const struct catalog *c);
