/*
 * collect.c - what belongs together, while a platform goes on writing.
 *
 * The order makes it consistent; nobody is asked to stand still:
 * 1. links to every segment of the log, and a copy of its cursors: whatever is trimmed from now on, we have it
 * 2. each tenant's history: a link to its manifest, then to the files that one names. It covers the log up to some number c
 * 3. links to the segments made meanwhile, and how long each is now: the log's end e, so c ≤ e, and between the history's c and e no batch
 *    is missing
 * 4. series.dict, which only grows: it knows every series of 2. and 3.
 * 5. records, as SQLite gives them in one read transaction; before each the sealed head of its audit chain, which may be behind, never ahead
 * A file is never changed in place once it has its name, but for the segment being written, the dictionary and the stores.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/impl.h"
#include "base/num.h"
#include "base/str.h"
#include "store/store.h"
#include "sys/sys.h"
#include "tsdb/tsdb.h"

enum { TRIES = 20, DEEP = 8 };

/* last: the newest segment of the first look; when it is still there at the second, none made in between has gone. */
struct collect { const char *data, *stage, *second /* the second folder of history; NULL: none */; struct picks *to; char last[17], made[4096]; bool last_is_there; };

static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "@backup", NULL); }

static int add(struct picks *to, const char *name, const char *path, uint64_t size)
{
	struct pick p = { arena_str(to->arena, name), arena_str(to->arena, path), size, false };

	if (to->n == to->room) {
		size_t room = to->room ? to->room * 2 : 256;
		struct pick *item = sys_resize(to->item, room * sizeof(*item));

		if (!item)
			return no_memory();
		to->item = item;
		to->room = room;
	}
	if (!p.name || !p.path)
		return no_memory();
	to->item[to->n++] = p;
	to->bytes += size;
	return 0;
}

static struct pick *picked(const struct picks *from, const char *name)
{
	for (size_t i = from->n; i-- > 0;)
		if (str_eq(from->item[i].name, name))
			return &from->item[i];
	return NULL;
}

/* How much of a file is its own: a segment is allocated before it is written. */
static int size_of(const char *path, uint64_t *ret)
{
	_cleanup_close_ int fd = -1;
	off_t end, at = 0;
	int r = file_open(path, O_RDONLY, 0, &fd);

	if (r < 0)
		return r;
	end = lseek(fd, 0, SEEK_END);
	if (!str_ends(path, ".wal")) {
		*ret = (uint64_t) end;
		return 0;
	}
	for (off_t from; (from = lseek(fd, at, SEEK_DATA)) >= 0;)
		at = lseek(fd, from, SEEK_HOLE);
	*ret = (uint64_t) (errno == ENXIO ? at : end);
	return 0;
}

static int copy_bytes(const char *from, const char *to)
{
	_cleanup_close_ int in = -1, out = -1;
	char bytes[PIECE];
	int r = file_open(from, O_RDONLY, 0, &in);

	if (r == 0)
		r = file_open(to, O_WRONLY | O_CREAT | O_EXCL, 0600, &out);
	while (r == 0) {
		ssize_t n = sys.read(in, bytes, sizeof(bytes));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return sys_fail(errno, "read", from);
		if (n == 0)
			break;
		r = file_write_all(out, bytes, (size_t) n);
	}
	return r;
}

/* Names come folder by folder: one that was just made is not made again. */
static int make_parents(struct collect *c, const char *path)
{
	char dir[sizeof(c->made)];
	size_t n = str_len(path);
	int r;

	while (n && path[n] != '/')
		n--;
	if (n >= sizeof(dir))
		return err_fail(ERR_CONFIG, "detail", "a path is too long", NULL);
	memcpy(dir, path, n);
	dir[n] = 0;
	if (str_eq(c->made, dir))
		return 0;
	r = dir_make(dir, 0700);
	if (r == 0)
		memcpy(c->made, dir, n + 1);
	return r;
}

/* A link where the file system knows them, else a copy. -ERR_MISSING: it has gone meanwhile. */
static int keep(struct collect *c, const char *name, bool copy)
{
	char from[4096], to[4096];
	uint64_t size = 0;
	int r;

	if (!path_join(from, sizeof(from), c->data, name) || !path_join(to, sizeof(to), c->stage, name))
		return err_fail(ERR_CONFIG, "detail", "a path is too long", NULL);
	r = make_parents(c, to);
	if (r == 0 && !copy && sys.link(from, to) < 0) {
		if (errno == ENOENT)
			return err_fail(ERR_MISSING, "what", "@file", "value", from, NULL);
		copy = true;
	}
	if (r == 0 && copy)
		r = copy_bytes(from, to);
	if (r == 0)
		r = size_of(to, &size);
	return r < 0 ? r : add(c->to, name, to, size);
}

/* --- The log ------------------------------------------------------------------------------------------------------------- */

static bool is_segment(const char *name) { return str_ends(name, ".wal") || str_ends(name, ".walz"); }

static int on_segment(void *ctx, const char *name)
{
	struct collect *c = ctx;
	char path[300], plain[300];
	struct buf p = BUF_FIXED(path), q = BUF_FIXED(plain);
	struct pick *have;
	int r;

	if (!is_segment(name) || str_len(name) < 20)
		return 0;
	c->last_is_there |= memcmp(name, c->last, 16) == 0;
	path[0] = plain[0] = 0;
	buf_addf(&p, "wal/%s", name);
	buf_addf(&q, "wal/%.16s.wal", name);
	have = picked(c->to, path);
	if (have) {
		uint64_t was = have->size;

		r = size_of(have->path, &have->size);
		c->to->bytes += have->size - was;
		return r;
	}
	if (!str_eq(path, plain) && picked(c->to, plain))
		return 0;               /* packed since: the same batches */
	r = keep(c, path, false);
	if (r == -ERR_MISSING) {        /* not needed any more; the history covers it */
		err_clear();
		r = 0;
	}
	return r;
}

static int collect_log(struct collect *c)
{
	char dir[4096];
	int r;

	if (!path_join(dir, sizeof(dir), c->data, "wal"))
		return err_fail(ERR_CONFIG, "detail", "a path is too long", NULL);
	c->last_is_there = !c->last[0];
	r = dir_each(dir, on_segment, c);
	for (size_t i = 0; r == 0 && i < c->to->n; i++)         /* names are numbers, and come in order */
		if (is_segment(c->to->item[i].name))
			memcpy(c->last, path_name(c->to->item[i].name), 16);
	return r == 0 && !c->last_is_there ? err_fail(ERR_BUSY, "what", "@backup", NULL) : r;
}

static int collect_cursors(struct collect *c)
{
	int r = keep(c, "wal/cursors", true);

	if (r == -ERR_MISSING) {
		err_clear();
		r = 0;
	}
	return r;
}

/* --- A tenant's files ------------------------------------------------------------------------------------------------------ */

struct walk { struct collect *c; const char *folder; unsigned depth; };

static bool is_special(const char *name)
{
	const char *last = path_name(name);

	return str_eq(last, "series.dict") || str_starts(last, "store.db") || str_starts(last, ".") || str_find(last, ".tmp");
}

static int walk(struct collect *c, const char *folder, unsigned depth);

static int on_file(void *ctx, const char *name)
{
	const struct walk *w = ctx;
	char path[TAR_NAME], full[4096];
	struct buf b = BUF_FIXED(path);
	struct stat st;

	path[0] = 0;
	buf_addf(&b, "%s/%s", w->folder, name);
	if (b.failed || !tar_is_safe(path) || !path_join(full, sizeof(full), w->c->data, path))
		return 0;               /* no name of ours */
	if (lstat(full, &st) < 0)
		return errno == ENOENT ? 0 : sys_fail(errno, "stat", full);
	if (S_ISDIR(st.st_mode) && str_eq(name, "ts") && w->depth == 0)
		return 0;               /* the history: collect_history() */
	if (S_ISDIR(st.st_mode))
		return w->depth < DEEP ? walk(w->c, path, w->depth + 1) : 0;
	return !S_ISREG(st.st_mode) || is_special(path) ? 0 : keep(w->c, path, false);
}

static int walk(struct collect *c, const char *folder, unsigned depth)
{
	struct walk w = { c, folder, depth };
	char dir[4096];
	int r;

	if (!path_join(dir, sizeof(dir), c->data, folder))
		return err_fail(ERR_CONFIG, "detail", "a path is too long", NULL);
	r = dir_each(dir, on_file, &w);
	if (r == -ERR_MISSING && !file_exists(dir)) {   /* the folder itself went */
		err_clear();
		r = 0;
	}
	return r;
}

/* A file's name in a tenant's history: its samples, its index, what its day's series are called. */
struct history { struct collect *c; const char *tenant; char day[64]; };

static int keep_of(struct collect *c, const char *tenant, const char *base, const char *suffix, bool must)
{
	char name[TAR_NAME];
	struct buf b = BUF_FIXED(name);
	int r;

	name[0] = 0;
	buf_addf(&b, "%s/ts/%s%s", tenant, base, suffix);
	if (b.failed)
		return err_fail(ERR_CONFIG, "detail", "a path is too long", NULL);
	r = keep(c, name, false);
	if (r == -ERR_MISSING && !must) {
		err_clear();
		r = 0;
	}
	return r;
}

/* A file of the second folder, on another disk: read where it lies. In the backup it stands like all others, and where that is restored it lies so. */
static int keep_second(struct history *h, const char *base)
{
	char name[TAR_NAME], from[4096];
	struct buf b = BUF_FIXED(name);
	uint64_t size = 0;
	int r;

	name[0] = 0;
	buf_addf(&b, "%s/ts/%s.parquet", h->tenant, base);
	if (b.failed || !path_join(from, sizeof(from), h->c->second, name))
		return err_fail(ERR_CONFIG, "detail", "a path is too long", NULL);
	r = size_of(from, &size);
	if (r == 0)
		r = add(h->c->to, name, from, size);
	if (r == 0)
		h->c->to->item[h->c->to->n - 1].borrowed = true;
	return r;
}

static int on_history(void *ctx, const char *base)
{
	struct history *h = ctx;
	size_t n = (size_t) (path_name(base) - base);
	/* Figures that are lost are made again from their samples. */
	bool figures = str_ends(base, ".1m") || str_ends(base, ".1h");
	int r = keep_of(h->c, h->tenant, base, ".parquet", !figures);

	if (r == -ERR_MISSING && h->c->second)
		r = keep_second(h, base);
	if (r == 0)
		r = keep_of(h->c, h->tenant, base, ".idx", false);      /* one that is lost is made again */
	if (r == 0 && (str_len(h->day) != n || memcmp(h->day, base, n) != 0)) {
		memcpy(h->day, base, n);
		h->day[n] = 0;
		r = keep_of(h->c, h->tenant, h->day, "series.parquet", false);
	}
	return r;
}

/*
 * A manifest is replaced, never changed, and so are the files it names: with a link to it and links to those there is one moment of the history.
 * When one of them has gone meanwhile there is a later manifest, and it is begun again with that.
 */
static int collect_history(struct collect *c, const char *tenant)
{
	struct history h = { .c = c, .tenant = tenant };
	char path[4096], name[TAR_NAME];
	struct buf b = BUF_FIXED(name);
	uint64_t number = 0;
	int r = keep_of(c, tenant, "manifest", "", true);

	if (r == -ERR_MISSING) {        /* nothing is in files yet */
		err_clear();
		return 0;
	}
	name[0] = 0;
	buf_addf(&b, "%s/ts/manifest", tenant);
	num_parse_u64(path_name(tenant), path_name(tenant) + str_len(path_name(tenant)), &number);
	if (r == 0 && !path_join(path, sizeof(path), c->stage, name))
		r = err_fail(ERR_CONFIG, "detail", "a path is too long", NULL);
	return r < 0 ? r : tsdb_manifest_files(path, (uint32_t) number, on_history, &h);
}

static void forget_from(struct picks *p, size_t n)
{
	while (p->n > n) {
		p->n--;
		p->bytes -= p->item[p->n].size;
		if (!p->item[p->n].borrowed && file_unlink(p->item[p->n].path) < 0)
			err_clear();
	}
}

static int collect_tenant(struct collect *c, const char *tenant)
{
	size_t from = c->to->n;
	int r = -ERR_MISSING;

	for (int i = 0; r == -ERR_MISSING && i < TRIES; i++) {
		err_clear();
		forget_from(c->to, from);
		r = collect_history(c, tenant);
		if (r == 0)
			r = walk(c, tenant, 0);
	}
	if (r == -ERR_MISSING) {
		err_clear();
		r = err_fail(ERR_BUSY, "what", "@backup", NULL);
	}
	return r;
}

static int collect_dictionary(struct collect *c, const char *tenant)
{
	char name[TAR_NAME];
	struct buf b = BUF_FIXED(name);
	int r;

	name[0] = 0;
	buf_addf(&b, "%s/series.dict", tenant);
	r = keep(c, name, true);
	if (r == -ERR_MISSING) {        /* nothing was ever sampled */
		err_clear();
		r = 0;
	}
	return r;
}

/* --- Records --------------------------------------------------------------------------------------------------------------- */

static int collect_store(struct collect *c, const char *folder)
{
	char name[TAR_NAME], head[TAR_NAME], from[4096], to[4096];
	struct buf b = BUF_FIXED(name), h = BUF_FIXED(head);
	uint64_t size;
	int r;

	name[0] = head[0] = 0;
	buf_addf(&b, "%s/store.db", folder);
	buf_addf(&h, "%s/store.db.head", folder);
	if (!path_join(from, sizeof(from), c->data, name) || !path_join(to, sizeof(to), c->stage, name))
		return err_fail(ERR_CONFIG, "detail", "a path is too long", NULL);
	if (!file_exists(from))
		return err_fail(ERR_UNSUPPORTED, "what", "@backup", "value", folder, "words", "SQLite", NULL);
	r = keep(c, head, true);
	if (r == -ERR_MISSING) {
		err_clear();
		r = make_parents(c, to);
	}
	if (r == 0)
		r = store_copy(from, to);
	if (r == 0)
		r = size_of(to, &size);
	return r < 0 ? r : add(c->to, name, to, size);
}

/* --- All of it ------------------------------------------------------------------------------------------------------------- */

struct tenants { struct arena *arena; const char *name[4096]; size_t n; };

static int on_tenant(void *ctx, const char *name)
{
	struct tenants *t = ctx;
	const char *path = arena_fmt(t->arena, "tenants/%s", name);

	if (!path)
		return no_memory();
	if (t->n < ELEMENTSOF(t->name) && tar_is_safe(path))
		t->name[t->n++] = path;
	return 0;
}

static int collect(struct collect *c, const struct tenants *tenants)
{
	int r = keep(c, "VERSION", true);

	if (r == 0)
		r = collect_log(c);
	if (r == 0)
		r = collect_cursors(c);
	for (size_t i = 0; r == 0 && i < tenants->n; i++)
		r = collect_tenant(c, tenants->name[i]);
	if (r == 0)
		r = collect_log(c);
	for (size_t i = 0; r == 0 && i < tenants->n; i++) {
		r = collect_dictionary(c, tenants->name[i]);
		if (r == 0)
			r = collect_store(c, tenants->name[i]);
	}
	return r < 0 ? r : collect_store(c, "system");
}

/* A backup without what lies there would look like a whole one. */
static int find_second(struct collect *c, struct arena *a)
{
	char path[4096];
	struct buf b = BUF_FIXED(path);
	int r;

	path[0] = 0;
	r = tsdb_second_find(c->data, &b);
	if (r == 0 && b.len && !(c->second = arena_str(a, path)))
		return no_memory();
	return r;
}

int backup_collect(const char *data, const char *stage, struct picks *ret)
{
	struct collect c = { .data = data, .stage = stage, .to = ret };
	struct tenants *tenants = arena_new(ret->arena, struct tenants);
	char dir[4096];
	int r = tenants && path_join(dir, sizeof(dir), data, "tenants") ? 0 : no_memory();

	if (r == 0)
		r = find_second(&c, ret->arena);
	/* Tenants first: one that is made from now on has its record, but no folder, and gets a new one. */
	if (r == 0) {
		tenants->arena = ret->arena;
		r = dir_each(dir, on_tenant, tenants);
	}
	for (int i = 0; r == 0 && i < TRIES; i++) {
		c.last[0] = 0;
		r = collect(&c, tenants);
		if (r != -ERR_BUSY || i + 1 == TRIES)
			break;
		err_clear();
		r = 0;
		forget_from(ret, 0);
	}
	return r;
}
