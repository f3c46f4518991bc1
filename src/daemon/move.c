/* move.c - `tenon store move`: the records of a data folder nobody serves go to PostgreSQL, or back into files. */
#include "daemon/daemon.h"
#include "daemon/folder.h"
#include "daemon/place.h"
#include "service/service.h"
#include "sys/sys.h"

/* Held while it lasts: nobody starts on the folder meanwhile. */
static int lock(const char *data, int *ret_fd)
{
	char path[4096];
	int r = folder_check(data);

	if (r < 0)
		return r;
	return path_join(path, sizeof(path), data, "LOCK") ? file_lock(path, ret_fd) : err_failf(ERR_CONFIG, "the path of the data folder is too long");
}

int daemon_move(const char *data, const struct store_choice *to, store_moved_fn on_table, void *ctx)
{
	_cleanup_(buf_done) struct buf here = BUF_INIT(&sys_heap, 1 << 16), there = BUF_INIT(&sys_heap, 1 << 16);
	struct guard_config c = { .data = data };
	_cleanup_close_ int fd = -1;
	int r = lock(data, &fd);

	if (r == 0)
		r = place_find(data, &(struct store_choice) { 0 }, &here);
	if (r == 0)
		r = place_read(to, &there);
	if (r == 0 && !here.len && !there.len)
		r = err_fail(ERR_CONFIG, "detail", "@store_in_files", NULL);
	if (r < 0)
		return r;
	c.store = here.len ? here.data : NULL;
	r = service_move(&c, there.len ? there.data : NULL, on_table, ctx);
	return r < 0 ? r : place_keep(data, there.len ? there.data : "");
}
