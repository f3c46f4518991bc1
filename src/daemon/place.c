/* place.c - see place.h. */
#include "daemon/place.h"

#include "base/str.h"
#include "store/store.h"
#include "sys/sys.h"

enum { URL_MAX = 4000, PATH_MAX_ = 4096 };

static int too_long(void)
{
	return err_fail(ERR_CONFIG, "detail", "@path_long", NULL);
}

static void trim(struct buf *b)
{
	while (b->len && (b->data[b->len - 1] == '\n' || b->data[b->len - 1] == '\r' || b->data[b->len - 1] == ' '))
		b->data[--b->len] = 0;
}

int place_read(const struct store_choice *choice, struct buf *ret_url)
{
	struct store_url said;
	int r = 0;

	if (!str_empty(choice->file)) {
		r = file_read(choice->file, URL_MAX, ret_url);
		trim(ret_url);
	} else if (!str_empty(choice->url)) {
		buf_add(ret_url, choice->url);
	} else {
		return 0;
	}
	if (r == 0)
		r = store_url_read(ret_url->data, &said);
	if (r == 0 && said.has_password && str_empty(choice->file))
		r = err_fail(ERR_CONFIG, "detail", "@store_url_password", NULL);
	return r;
}

static int elsewhere(const char *data, const char *kept, const char *chosen)
{
	return err_fail(ERR_STORE_ELSEWHERE, "what", data, "value", kept, "want", chosen, NULL);
}

/* Both name a place: is it the same? What else they say (user, password, TLS) may change. */
static int compare(const char *data, const char *kept, const char *chosen)
{
	struct store_url a, b;
	int r = store_url_read(kept, &a);

	if (r == 0)
		r = store_url_read(chosen, &b);
	if (r < 0)
		return err_wrap(r, "%s/STORE", data);
	return str_eq(a.place, b.place) ? 0 : elsewhere(data, a.place, b.place);
}

int place_find(const char *data, const struct store_choice *choice, struct buf *ret_url)
{
	_cleanup_(buf_done) struct buf kept = BUF_INIT(&sys_heap, 1 << 16), chosen = BUF_INIT(&sys_heap, 1 << 16);
	char path[PATH_MAX_], files[PATH_MAX_];
	int r;

	if (!path_join(path, sizeof(path), data, "STORE") || !path_join(files, sizeof(files), data, "system/store.db"))
		return too_long();
	r = file_read(path, URL_MAX, &kept);
	if (r < 0 && r != -ERR_MISSING)
		return r;
	err_clear();
	trim(&kept);
	r = place_read(choice, &chosen);
	if (r < 0)
		return r;
	if (kept.len && chosen.len)
		r = compare(data, kept.data, chosen.data);
	else if (chosen.len && file_exists(files))
		r = elsewhere(data, files, "PostgreSQL");
	if (r == 0)
		buf_add(ret_url, chosen.len ? chosen.data : kept.data);
	return r;
}

int place_keep(const char *data, const char *url)
{
	_cleanup_(buf_done) struct buf kept = BUF_INIT(&sys_heap, 1 << 16), line = BUF_INIT(&sys_heap, 1 << 16);
	char path[PATH_MAX_];

	if (!path_join(path, sizeof(path), data, "STORE"))
		return too_long();
	if (str_empty(url))
		return file_unlink(path);
	buf_addf(&line, "%s\n", url);
	if (file_read(path, URL_MAX, &kept) == 0 && str_eq(kept.data, line.data))
		return 0;
	err_clear();
	return file_write(path, line.data, line.len, 0600);
}
