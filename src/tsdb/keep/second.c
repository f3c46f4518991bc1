/* second.c - is the second folder there, and is it ours? Which of two copies counts? */
#include "tsdb/keep/second.h"

#include <errno.h>

#include "base/err.h"
#include "base/num.h"
#include "base/str.h"
#include "tsdb/care/sweep.h"

enum { MARK_BYTES = PATH_MAX + 100 };
static const char mark_name[] = "tenon-store", mark_word[] = "tenon store ", id_name[] = "SECOND", adopt_name[] = "ts/adopt-second";

static int too_long(const char *path) { return sys_fail(ENAMETOOLONG, "open", path); }
static int unreachable(const char *dir, const char *detail) { return err_fail(ERR_UNAVAILABLE, "what", dir, "detail", detail, NULL); }

/* --- Whose it is */

static int read_id(const char *path, const char *word, char ret[UUID_TEXT + 1])
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, MARK_BYTES + 1);
	size_t n = str_len(word);
	struct uuid id;
	int r = file_read(path, MARK_BYTES, &b);

	if (r < 0)
		return r;
	if (b.len < n + UUID_TEXT || memcmp(b.data, word, n) != 0 || !uuid_parse(b.data + n, UUID_TEXT, &id))
		return err_fail(ERR_CORRUPT, "what", path, "detail", "it holds no id", NULL);
	uuid_format(&id, ret);
	return 0;
}

static int write_id(const char *path, const char *word, const char *id, const char *where)
{
	char text[MARK_BYTES];
	struct buf b = BUF_FIXED(text);

	buf_addf(&b, "%s%s\n%s%s", word, id, where, *where ? "\n" : "");
	return file_write(path, text, b.len, 0640);
}

/* SECOND of the data folder: its id, and where the second folder was last. */
static int read_where(const char *data_dir, struct buf *ret)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, MARK_BYTES + 1);
	char path[PATH_MAX];
	int r = path_join(path, sizeof(path), data_dir, id_name) ? file_read(path, MARK_BYTES, &b) : too_long(data_dir);

	if (r == 0 && b.len > UUID_TEXT + 2 && b.data[UUID_TEXT] == '\n')
		buf_addn(ret, b.data + UUID_TEXT + 1, b.len - UUID_TEXT - 2);
	return r;
}

int tsdb_second_find(const char *data_dir, struct buf *ret)
{
	int r = read_where(data_dir, ret);

	if (r == -ERR_MISSING) {
		err_clear();
		return 0;
	}
	return r < 0 || !ret->len ? r : second_is_ours(data_dir, ret->data);
}

/* The marker as it is now. -ERR_MISSING: there is none. */
static int look(const char *dir, const char *id, char path[PATH_MAX])
{
	char found[UUID_TEXT + 1];
	int r;

	if (!path_join(path, PATH_MAX, dir, mark_name))
		return too_long(dir);
	r = read_id(path, mark_word, found);
	if (r == 0 && !str_eq(found, id))
		return unreachable(dir, "@second_other");
	return r;
}

static int as_unreachable(const char *dir, int r)
{
	if (r == 0 || r == -ERR_UNAVAILABLE)
		return r;
	err_clear();
	return unreachable(dir, r == -ERR_MISSING ? "@second_not_there" : "@second_unreadable");
}

int second_is_ours(const char *data_dir, const char *second_dir)
{
	char path[PATH_MAX], id[UUID_TEXT + 1];
	int r;

	if (str_empty(second_dir))
		return unreachable("store.folder", "@second_unset");
	r = path_join(path, sizeof(path), data_dir, id_name) ? read_id(path, "", id) : too_long(data_dir);
	return as_unreachable(second_dir, r < 0 ? r : look(second_dir, id, path));
}

int second_reach(void *ctx, bool again)
{
	struct tsdb *t = ctx;
	struct second *s = &t->second;
	char path[PATH_MAX];
	int r;

	if (!s->dir[0])
		return unreachable("store.folder", "@second_unset");
	if (!again && s->reachable)
		return 0;
	if (again) {
		r = as_unreachable(s->dir, look(s->dir, s->id, path));
		mutex_hold(&s->mutex);
		s->reachable = r == 0;
		s->why = r < 0 ? *err_peek() : (struct err) { 0 };
		return r;
	}
	mutex_hold(&s->mutex);
	err_put(&s->why);
	return -ERR_UNAVAILABLE;
}

/* --- Opening */

int second_open(struct tsdb *t)
{
	_cleanup_(buf_done) struct buf was = BUF_INIT(&sys_heap, MARK_BYTES + 1);
	struct second *s = &t->second;
	struct buf b = BUF_FIXED(s->dir);
	char path[PATH_MAX];
	int r;

	mutex_init(&s->mutex);
	cond_init(&s->cond);
	s->age_ns = t->config.second_age_ns;
	file_pool_reach(t->pool, &(struct file_reach) { second_reach, t });
	if (str_empty(t->config.second_dir))
		return 0;
	buf_add(&b, t->config.second_dir);
	if (b.failed || !path_join(path, sizeof(path), t->data, id_name))
		return too_long(t->config.second_dir);
	r = read_id(path, "", s->id);
	if (r == -ERR_MISSING || r == -ERR_CORRUPT) {
		struct uuid id = uuid_new();

		err_clear();
		uuid_format(&id, s->id);
		r = 0;
	} else if (r == 0) {
		r = read_where(t->data, &was);
	}
	if (r == 0 && !str_eq(was.data, s->dir))
		r = write_id(path, "", s->id, s->dir);
	if (r < 0)
		return r;
	s->attached = second_reach(t, true) == 0;       /* second_settle() puts it in order */
	err_clear();
	return 0;
}

void second_done(struct tsdb *t)
{
	cond_done(&t->second.cond);
	mutex_done(&t->second.mutex);
}

bool second_tenant(const struct tsdb *t, uint32_t id, char out[PATH_MAX])
{
	struct buf b = { .data = out, .room = PATH_MAX, .max = PATH_MAX };

	out[0] = 0;
	/* Without a folder what lies there still has a name, under which nothing is. */
	buf_addf(&b, "%s/tenants/%u", t->second.dir[0] ? t->second.dir : "store.folder", id);
	return !b.failed;
}

static bool any_lies_there(struct tsdb *t)
{
	bool any = false;

	rwlock_read(&t->tenants_lock);
	for (size_t i = 0; i < t->n_tenants && !any; i++) {
		_cleanup_(catalog_unrefp) struct catalog *c = catalog_ref(t->tenant[i]);

		for (size_t k = 0; k < c->n && !any; k++)
			any = file_info(c->file[k])->folder == FOLDER_SECOND;
	}
	rwlock_unlock(&t->tenants_lock);
	return any;
}

int second_take(struct tsdb *t)
{
	struct second *s = &t->second;
	char path[PATH_MAX];
	int r;

	if (!s->dir[0] || s->reachable)
		return 0;
	r = look(s->dir, s->id, path);
	err_clear();
	if (r != -ERR_MISSING || any_lies_there(t) || !file_exists(s->dir))
		return 0;
	s->attached = write_id(path, mark_word, s->id, "") == 0 && second_reach(t, true) == 0;
	err_clear();                    /* told at the first look */
	return 0;
}

/* --- Two folders, one manifest */

static bool has_size(const char *base, uint64_t bytes)
{
	char path[PATH_MAX];
	struct buf b = BUF_FIXED(path);
	int64_t size = -1;

	buf_addf(&b, "%s.parquet", base);
	if (b.failed || !file_exists(path) || file_size(path, &size) < 0)
		err_clear();
	return size >= 0 && (uint64_t) size == bytes;
}

static bool adopt_path(const struct tenant *te, char out[PATH_MAX]) { return path_join(out, PATH_MAX, te->dir, adopt_name); }

bool second_has_files(const struct tenant *te)
{
	char path[PATH_MAX];

	return path_join(path, sizeof(path), te->second, "ts") && file_exists(path);
}

int second_adopt(struct tsdb *t, struct tenant *te, struct manifest *m)
{
	char path[PATH_MAX], text[24];
	struct buf b = BUF_FIXED(text);
	int r;

	*m = (struct manifest) { .next = 1, .next_tomb = 1 };
	r = sweep_adopt(te->dir, FOLDER_DATA, m);
	if (r < 0 || !t->second.dir[0])
		return r;
	if (t->second.reachable)
		return second_has_files(te) ? sweep_adopt(te->second, FOLDER_SECOND, m) : 0;
	/* What lies there is not to be taken for leftovers when the folder comes back; figures whose samples are not here may be figures of those, or all
	 * that is left: they wait for it. */
	size_t n = 0;
	for (size_t i = 0; i < m->n; i++)
		if (m->file[i].parts & PART_RAW)
			m->file[n++] = m->file[i];
	m->n = n;
	buf_addf(&b, "%llu\n", (unsigned long long) m->next);
	return adopt_path(te, path) ? file_write(path, b.data, b.len, 0640) : too_long(te->dir);
}

/* 1: the manifest was lost while the folder was away. Figures of numbers below *ret_below wait for it. */
static int was_lost(const struct tenant *te, uint64_t *ret_below)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 64);
	char path[PATH_MAX];
	int r = adopt_path(te, path) ? file_read(path, 40, &b) : too_long(te->dir);

	*ret_below = 0;
	if (r == -ERR_MISSING) {
		err_clear();
		return 0;
	}
	if (r == 0 && b.len)
		num_parse_u64(b.data, b.data + b.len, ret_below);
	return r < 0 ? r : 1;
}

int second_orphans(struct tenant *te, const struct manifest *m)
{
	uint64_t below;
	int r = was_lost(te, &below);

	return r < 0 ? r : sweep_orphans(te->dir, m, FOLDER_DATA, below);
}

/* A copy in the data folder: left by a crash behind the manifest, whose other copy counts; or the only one within reach, of a backup for
 * example, and then it is the file. */
static bool settle_places(struct tsdb *t, struct tenant *te, struct manifest *m)
{
	char here[PATH_MAX], there[PATH_MAX];
	bool changed = false;

	for (size_t i = 0; i < m->n; i++) {
		struct file_info *f = &m->file[i];

		if (f->folder != FOLDER_SECOND || !(f->parts & PART_RAW) || !tenant_file_base(te, f->day, f->number, here) || !has_size(here, f->bytes))
			continue;
		if (t->second.reachable && tenant_second_base(te, f->day, f->number, there) && has_size(there, f->bytes))
			continue;
		f->folder = FOLDER_DATA;
		changed = true;
	}
	return changed;
}

int second_settle(struct tsdb *t, struct tenant *te, struct manifest *m)
{
	char path[PATH_MAX], adopt[PATH_MAX];
	bool changed = settle_places(t, te, m), is_back;
	uint64_t below;
	int r = tenant_manifest_path(te, path) && adopt_path(te, adopt) ? was_lost(te, &below) : too_long(te->dir);

	is_back = r > 0 && t->second.reachable;
	if (is_back) {
		r = second_has_files(te) ? sweep_adopt(te->second, FOLDER_SECOND, m) : 0;
		if (r == 0)
			r = sweep_adopt_figures(te->dir, below, m);
		changed = true;
	}
	if (r >= 0 && changed)
		r = manifest_write(path, te->id, m);
	if (r >= 0 && is_back)
		r = file_unlink(adopt);
	return r >= 0 && t->second.reachable && second_has_files(te) ? sweep_orphans(te->second, m, FOLDER_SECOND, 0) : MIN(r, 0);
}

static int infos(const struct catalog *c, struct manifest *ret)
{
	ret->file = sys_alloc_array(c->n + 1, sizeof(*ret->file));
	if (!ret->file)
		return err_fail(ERR_NO_MEMORY, "what", "catalog of files", NULL);
	for (ret->n = 0; ret->n < c->n; ret->n++)
		ret->file[ret->n] = *file_info(c->file[ret->n]);
	return 0;
}

/* Files of the second folder that the manifest lost. */
static int add_found(struct tenant *te, const struct manifest *had, struct manifest *m)
{
	char adopt[PATH_MAX];
	size_t n = 0;
	int r = 0;

	/* Both are by number: what is new is told by who is not in the other. */
	for (size_t i = 0, k = 0; i < m->n; i++) {
		while (k < had->n && had->file[k].number < m->file[i].number)
			k++;
		if (k == had->n || had->file[k].number != m->file[i].number)
			m->file[n++] = m->file[i];
	}
	if (n)
		r = tenant_change(te, &(struct change) { .add = m->file, .n_add = n, .again = true });
	return r == 0 && adopt_path(te, adopt) ? file_unlink(adopt) : r;
}

int second_attach(struct tsdb *t, struct tenant *te)
{
	_cleanup_(catalog_unrefp) struct catalog *c = catalog_ref(te);
	struct manifest m = { .next = UINT64_MAX }, found = { .next = 1 };
	uint64_t below = 0;
	int r = infos(c, &m), is_lost = r == 0 ? was_lost(te, &below) : r;

	if (is_lost > 0) {
		r = infos(c, &found);
		if (r == 0 && second_has_files(te))
			r = sweep_adopt(te->second, FOLDER_SECOND, &found);
		if (r == 0)
			r = sweep_adopt_figures(te->dir, below, &found);
		if (r == 0)
			r = add_found(te, &m, &found);
	} else if (is_lost == 0 && second_has_files(te)) {
		r = sweep_orphans(te->second, &m, FOLDER_SECOND, 0);
	} else {
		r = is_lost;
	}
	manifest_done(&m);
	manifest_done(&found);
	return r;
}
