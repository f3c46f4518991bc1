/* offline.c - records without a server: for verbs that work on a data folder. */
#include "daemon/daemon.h"
#include "daemon/folder.h"
#include "daemon/place.h"
#include "service/service.h"
#include "sys/sys.h"
#include "tsdb/tsdb.h"
#include "wal/wal.h"

struct offline { struct platform platform; struct scope scope; int lock; };

static int open_records(struct offline **ret, const char *data, bool look, struct arena *a, struct scope **ret_scope)
{
	_cleanup_(buf_done) struct buf store = BUF_INIT(&sys_heap, 1 << 16);
	struct guard_config c = { .data = data, .look = look };
	struct offline *o = NULL;
	int r = folder_check(data);

	if (r < 0)
		return r;
	o = sys_new(struct offline);
	r = o ? look ? 0 : folder_open(data, NULL) : err_fail(ERR_NO_MEMORY, "what", data, NULL);
	if (o)
		o->lock = -1;
	if (r == 0)
		r = place_find(data, &(struct store_choice) { 0 }, &store);
	if (r == 0) {
		o->platform.data = data;
		c.store = store.len ? store.data : NULL;
		r = service_open(&o->platform, &c, NULL);
	}
	if (r < 0) {
		offline_close(o);
		return r;
	}
	scope_system(&o->scope, o->platform.guard, &o->platform, a, "command line");
	*ret = o;
	*ret_scope = &o->scope;
	return 0;
}

int offline_open(struct offline **ret, const char *data, struct arena *a, struct scope **ret_scope)
{
	return open_records(ret, data, false, a, ret_scope);
}

int offline_look(struct offline **ret, const char *data, struct arena *a, struct scope **ret_scope)
{
	return open_records(ret, data, true, a, ret_scope);
}

int daemon_lock(const char *data, int *ret_lock)
{
	int r = folder_check(data);

	return r < 0 ? r : folder_open(data, ret_lock);
}

int offline_samples(struct offline *o)
{
	enum { WAIT_MS = 60000 };
	char dir[4096];
	struct wal_config log = { .dir = dir };
	struct tsdb_config samples = { .data_dir = o->platform.data, .version = TENON_VERSION };
	int r = folder_open(o->platform.data, &o->lock);

	if (r == -ERR_LOCKED) {
		err_clear();
		return 1;
	}
	if (r == 0)
		r = path_join(dir, sizeof(dir), o->platform.data, "wal") ? wal_open(&log, &o->platform.wal) : -ERR_CONFIG;
	if (r == 0)
		r = wal_start(o->platform.wal);
	if (r == 0)
		r = tsdb_open(&o->platform.tsdb, &samples, o->platform.wal);
	if (r == 0)
		r = tsdb_start(o->platform.tsdb);
	return r < 0 ? r : tsdb_wait(o->platform.tsdb, wal_appended(o->platform.wal), WAIT_MS);
}

struct offline *offline_close(struct offline *o)
{
	struct err e = *err_peek();             /* of what was done with it: closing fails in its own way */

	if (!o)
		return NULL;
	if (o->platform.guard)
		service_close(&o->platform);
	if (o->platform.tsdb)
		tsdb_stop(o->platform.tsdb);
	tsdb_free(o->platform.tsdb);
	if (o->platform.wal)
		wal_stop(o->platform.wal, clock_deadline(5000));
	wal_close(o->platform.wal);
	if (o->lock >= 0)
		sys.close(o->lock);
	err_put(&e);
	return sys_free(o);
}
