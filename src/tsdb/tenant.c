/* tenant.c - a tenant's folder: dictionary, manifest, catalog of files. */
#include "tsdb/care/sweep.h"

#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/num.h"
#include "base/str.h"
#include "base/when.h"
#include "tsdb/keep/retain_impl.h"

static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "tenants", NULL); }
static int too_long(const char *path) { return sys_fail(ENAMETOOLONG, "open", path); }

/* --- Paths */

static bool path_of(char out[PATH_MAX], const struct tenant *te, const char *name)
{
	return path_join(out, PATH_MAX, te->dir, name);
}

bool tenant_manifest_path(const struct tenant *te, char out[PATH_MAX]) { return path_of(out, te, "ts/manifest"); }

bool tenant_day_path(const struct tenant *te, int32_t day, char out[PATH_MAX])
{
	struct buf b = { .data = out, .room = PATH_MAX, .max = PATH_MAX };
	unsigned month, of_month;
	int year;

	when_civil(day, &year, &month, &of_month);
	buf_addf(&b, "%s/ts/%04d/%02u/%02u", te->dir, year, month, of_month);
	return !b.failed;
}

bool tenant_file_base(const struct tenant *te, int32_t day, uint64_t number, char out[PATH_MAX])
{
	struct buf b = { .data = out, .room = PATH_MAX, .max = PATH_MAX };

	if (!tenant_day_path(te, day, out))
		return false;
	b.len = str_len(out);
	buf_addf(&b, "/%010llu", (unsigned long long) number);
	return !b.failed;
}

bool tenant_second_base(const struct tenant *te, int32_t day, uint64_t number, char out[PATH_MAX])
{
	struct buf b = { .data = out, .room = PATH_MAX, .max = PATH_MAX };
	struct file_info f = { .day = day, .number = number };

	buf_addf(&b, "%s/ts/", te->second);
	manifest_base(&f, &b);
	return !b.failed;
}

/* --- Opening */

bool tenant_deletes_path(const struct tenant *te, char out[PATH_MAX]) { return path_of(out, te, "ts/deletes"); }

/* What the last delete wrote beside the manifest. It means the same for ever: all that lies in files of such a rank is to be passed over, and what the log holds up
 * to there is in files. */
static int recall_deletes(const struct tenant *te, struct manifest *m)
{
	struct manifest kept;
	char path[PATH_MAX];
	int r = tenant_deletes_path(te, path) ? manifest_read(path, te->id, &kept) : too_long(te->dir);

	if (r == -ERR_MISSING || r == -ERR_CORRUPT) {
		err_clear();            /* nothing was deleted, or nobody knows */
		return 0;
	}
	if (r < 0)
		return r;
	m->covered = MAX(m->covered, kept.covered);
	m->next = MAX(m->next, kept.next);
	m->next_tomb = kept.next_tomb;
	m->tombs = take(kept.tombs);
	manifest_done(&kept);
	return 0;
}

static int read_manifest(struct tsdb *t, struct tenant *te, struct manifest *m)
{
	char path[PATH_MAX], aside[PATH_MAX];
	struct buf b = BUF_FIXED(aside);

	if (!tenant_manifest_path(te, path))
		return too_long(te->dir);
	int r = manifest_read(path, te->id, m);
	if (r != -ERR_MISSING && r != -ERR_CORRUPT)
		return r;
	/* Each tenant has one from its first day on, so it was lost: the files themselves say what they are. Batches of the log that
	 * they hold already will be written once more, which changes no answer. */
	err_clear();
	buf_addf(&b, "%s.damaged", path);
	if (r == -ERR_CORRUPT && !b.failed && file_rename(path, aside) < 0)
		err_clear();
	r = second_adopt(t, te, m);
	if (r == 0)
		r = recall_deletes(te, m);
	return r < 0 ? r : manifest_write(path, te->id, m);
}

static uint32_t highest_series(const struct manifest *m)
{
	uint32_t n = 0;

	for (size_t i = 0; i < m->n; i++)
		n = MAX(n, m->file[i].series_max);
	return MIN(n, (uint32_t) NUMBERS_MAX);
}

static struct tenant *tenant_free(struct tenant *te)
{
	if (!te)
		return NULL;
	catalog_unref(te->catalog);
	names_free(te->names);
	sys_free(te->doubt);
	mutex_done(&te->change);
	mutex_done(&te->mutex);
	return sys_free(te);
}
DEFINE_CLEANUP(struct tenant *, tenant_free)

static int load(struct tsdb *t, struct tenant *te)
{
	char path[PATH_MAX];
	struct manifest m = { 0 };
	int r = path_of(path, te, "ts") ? dir_make(path, 0750) : too_long(te->dir);

	if (r == 0)
		r = read_manifest(t, te, &m);
	if (r == 0)
		r = path_of(path, te, "series.dict") ? names_open(path, te->id, highest_series(&m), &te->names) : too_long(te->dir);
	if (r == 0 && (names_cut(te->names) || (m.n && !names_any(te->names))))
		r = names_remember(te, path, highest_series(&m));
	if (r == 0)
		r = second_settle(t, te, &m);
	if (r == 0)
		r = second_orphans(te, &m);
	if (r == 0) {
		te->covered = m.covered;
		te->next_number = m.next;
		te->next_tomb = m.next_tomb;
		r = catalog_open(te, &m);
	}
	if (r == 0)
		r = retain_open(te, &m);
	if (r == 0) {
		te->retain_looked = RETAIN_NEVER;
		retain_tick(te, clock_now_ns(), clock_mono_ns());
	}
	manifest_done(&m);
	return r;
}

static int tenant_open(struct tsdb *t, uint32_t id, struct tenant **ret)
{
	_cleanup_(tenant_freep) struct tenant *te = sys_new(struct tenant);
	struct buf b;

	if (!te)
		return no_memory();
	mutex_init(&te->mutex);
	mutex_init(&te->change);
	te->id = id;
	te->pool = t->pool;
	b = BUF_FIXED(te->dir);
	buf_addf(&b, "%s/tenants/%u", t->data, id);
	if (b.failed || !second_tenant(t, id, te->second))
		return too_long(t->data);
	int r = load(t, te);
	if (r < 0)
		return err_wrap(r, "tenant %u: ", id);
	*ret = take(te);
	return 0;
}

/* The table is guarded by tenants_lock, held for writing. */
static size_t place_of(const struct tsdb *t, uint32_t id)
{
	size_t lo = 0, hi = t->n_tenants;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->tenant[mid]->id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct tenant *tenant_find(struct tsdb *t, uint32_t id)
{
	rwlock_read(&t->tenants_lock);
	size_t i = place_of(t, id);
	struct tenant *te = i < t->n_tenants && t->tenant[i]->id == id ? t->tenant[i] : NULL;
	rwlock_unlock(&t->tenants_lock);
	return te;
}

struct tenant *tenant_at(struct tsdb *t, size_t i)
{
	rwlock_read(&t->tenants_lock);
	struct tenant *te = i < t->n_tenants ? t->tenant[i] : NULL;
	rwlock_unlock(&t->tenants_lock);
	return te;
}

static int insert(struct tsdb *t, uint32_t id, struct tenant **ret)
{
	size_t i = place_of(t, id);

	if (i < t->n_tenants && t->tenant[i]->id == id) {
		*ret = t->tenant[i];
		return 0;
	}
	struct tenant **more = sys_resize(t->tenant, (t->n_tenants + 1) * sizeof(*more)), *te = NULL;
	if (!more)
		return no_memory();
	t->tenant = more;
	int r = tenant_open(t, id, &te);
	if (r < 0)
		return r;
	memmove(more + i + 1, more + i, (t->n_tenants - i) * sizeof(*more));
	more[i] = *ret = te;
	t->n_tenants++;
	return 0;
}

int tenant_get(struct tsdb *t, uint32_t id, struct tenant **ret)
{
	struct tenant *te = tenant_find(t, id);

	if (te) {
		*ret = te;
		return 0;
	}
	rwlock_write(&t->tenants_lock);
	int r = insert(t, id, ret);
	rwlock_unlock(&t->tenants_lock);
	return r;
}

static int open_named(void *ctx, const char *name)
{
	struct tsdb *t = ctx;
	struct tenant *te;
	uint64_t id;
	size_t n = num_parse_u64(name, name + str_len(name), &id);
	char path[PATH_MAX];
	struct buf b = BUF_FIXED(path);

	if (n == 0 || name[n] || id > UINT32_MAX)
		return 0;
	buf_addf(&b, "%s/tenants/%s/series.dict", t->data, name);
	/* A tenant without samples is none of ours yet. */
	return b.failed || !file_exists(path) ? 0 : tenant_get(t, (uint32_t) id, &te);
}

int tenants_open(struct tsdb *t)
{
	char path[PATH_MAX];

	if (!path_join(path, sizeof(path), t->data, "tenants"))
		return too_long(t->data);
	int r = dir_make(path, 0750);
	return r < 0 ? r : dir_each(path, open_named, t);
}

void tenants_free(struct tsdb *t)
{
	for (size_t i = 0; i < t->n_tenants; i++)
		tenant_free(t->tenant[i]);
	sys_free(t->tenant);
	t->tenant = NULL;
	t->n_tenants = 0;
}
