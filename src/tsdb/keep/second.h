/*
 * second.h - the second folder: where files of old days lie, so that the disk of the data folder need not hold all of history.
 *
 * It is somebody's disk, and may be gone at any time: not mounted at the start, unplugged, full. So it is never made, only used; a marker in it,
 * tenon-store, says whose it is (the id stands in SECOND of the data folder), and a folder without it is taken only while no file lies there.
 * A file's side index, and so what it says of each series, stays in the data folder: what lies out of reach is known, only its pages are not.
 * Whoever needs these is refused with a sentence (-ERR_UNAVAILABLE); all else goes on. When the folder comes back it is used again.
 *
 *   copy (.part) → sync → read back, compared, its pages checked → its name → manifest: folder → the old one goes with its last reader
 *
 * A crash anywhere leaves the file in one folder named by the manifest, and perhaps a second copy, which the next start (or the
 * folder's return) removes. A data folder made from a backup has all files in itself and takes them for its own.
 *
 * Thread: as each says. Memory: 1 MB while a file is moved.
 */
#pragma once

#include <limits.h>
#include <stdatomic.h>

#include "base/err.h"
#include "base/id.h"
#include "sys/sys.h"

struct manifest;
struct tenant;
struct tsdb;
struct tsdb_stats;

struct second {
	char dir[PATH_MAX];             /* "": there is none */
	int64_t age_ns;                 /* a day that ended so long ago goes there; 0: what lies there comes back */
	char id[UUID_TEXT + 1];         /* of the store */
	atomic_bool reachable;
	struct mutex mutex;             /* why, error */
	struct err why;                 /* it is not */
	/* The thread that moves files, tier.c: */
	struct thread thread;
	struct cond cond;               /* with `mutex` */
	bool running, look, was_full;
	bool attached, told_lost;       /* what lies there is in order; somebody was told that it is not there */
	atomic_bool stop;
	_Atomic uint64_t moved_files, moved_bytes, failures, moving_done, moving_of;
	_Atomic uint32_t moving_tenant;
	_Atomic int32_t moving_day;
	struct err error;               /* the last failure to move a file, and when */
	int64_t error_ns;
};

/* second.c */
int second_open(struct tsdb *t);                        /* before the tenants; a folder that is not there is no failure */
int second_take(struct tsdb *t);                        /* after them: an unmarked folder, if no file lies there */
void second_done(struct tsdb *t);
bool second_tenant(const struct tsdb *t, uint32_t id, char out[PATH_MAX]);      /* SECOND/tenants/<id>; false: too long */
/* ctx: struct tsdb. 0; -ERR_UNAVAILABLE with the sentence why. again: looks now, else what was seen last. */
int second_reach(void *ctx, bool again);
int second_is_ours(const char *data_dir, const char *second_dir);               /* for who has no open store; the same failures */
bool second_has_files(const struct tenant *te);         /* a folder of the tenant is there */
int second_adopt(struct tsdb *t, struct tenant *te, struct manifest *m);        /* the manifest is lost: made of both folders */
int second_settle(struct tsdb *t, struct tenant *te, struct manifest *m);       /* at open: copies that a crash left; where each file lies */
int second_orphans(struct tenant *te, const struct manifest *m);               /* of the data folder: removed, but for what waits for the second one */
int second_attach(struct tsdb *t, struct tenant *te);                           /* the folder is back */

/* tier.c */
int tier_start(struct tsdb *t);
void tier_stop(struct tsdb *t);
/* One file: 1: moved; 0: none is to be. < 0: this one could not; it is tried again in an hour. */
int tier_step(struct tsdb *t, int64_t now_ns);
int tier_look(struct tsdb *t);                          /* is the folder there? Tells when that changes */
void tier_stats(struct tsdb *t, struct tsdb_stats *ret);
