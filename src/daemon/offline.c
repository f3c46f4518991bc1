/* offline.c - records without a server: for verbs that work on a data folder. */
#include "daemon/daemon.h"
#include "daemon/folder.h"
#include "daemon/place.h"
#include "service/service.h"
#include "sys/sys.h"

struct offline { struct platform platform; struct scope scope; };

int offline_open(struct offline **ret, const char *data, struct arena *a, struct scope **ret_scope)
{
	_cleanup_(buf_done) struct buf store = BUF_INIT(&sys_heap, 1 << 16);
	struct guard_config c = { .data = data };
	struct offline *o = NULL;
	int r = folder_check(data);

	if (r < 0)
		return r;
	o = sys_new(struct offline);
	r = o ? folder_open(data, NULL) : err_fail(ERR_NO_MEMORY, "what", data, NULL);
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

struct offline *offline_close(struct offline *o)
{
	if (o && o->platform.guard)
		service_close(&o->platform);
	return sys_free(o);
}
