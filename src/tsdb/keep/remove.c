/* remove.c - deletes: what is in memory goes to files, then the manifest says in one step what is not there any more; and their end. */
#include "tsdb/keep/remove.h"

#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "tsdb/care/sweep.h"
#include "tsdb/merge/compact.h"

static int by_place(const void *a_, const void *b_)
{
	const struct tomb *a = a_, *b = b_;

	if (a->series != b->series)
		return a->series < b->series ? -1 : 1;
	return (a->from_ns > b->from_ns) - (a->from_ns < b->from_ns);
}

/* Sorted, stretches of a series that touch as one, none that is empty or of a series there is not. */
static size_t settle(struct tenant *te, const struct tsdb_stretch *what, size_t n, struct tomb *t)
{
	size_t some = 0, out = 0;
	int64_t now = clock_now_ns();

	for (size_t i = 0; i < n; i++)
		if (what[i].from_ns < what[i].to_ns && names_series(te->names, what[i].series))
			t[some++] = (struct tomb) { .series = what[i].series, .from_ns = what[i].from_ns, .to_ns = what[i].to_ns, .made_ns = now };
	if (some)
		qsort(t, some, sizeof(*t), by_place);
	for (size_t i = 0; i < some; i++) {
		struct tomb *last = out ? &t[out - 1] : NULL;

		if (last && last->series == t[i].series && last->to_ns >= t[i].from_ns)
			last->to_ns = MAX(last->to_ns, t[i].to_ns);
		else
			t[out++] = t[i];
	}
	return out;
}

int tsdb_delete(struct tsdb *t, uint32_t tenant, const struct tsdb_stretch *what, size_t n, int64_t timeout_ms)
{
	struct tenant *te = tenant_find(t, tenant);
	_cleanup_free_ struct tomb *tomb = sys_alloc_array(n + 1, sizeof(*tomb));

	if (!tomb)
		return err_fail(ERR_NO_MEMORY, "what", "deletes", NULL);
	if (!t->wal)
		return err_fail(ERR_BROKEN, "detail", "a store of samples without a log cannot delete", NULL);
	if (!te)
		return 0;
	/* What was acknowledged before is meant, wherever it is on its way. */
	int r = tsdb_wait(t, wal_appended(t->wal), timeout_ms);
	if (r == 0)
		r = tsdb_flush(t);
	n = r == 0 ? settle(te, what, n, tomb) : 0;
	if (r < 0 || !n)
		return r;
	r = tenant_change(te, &(struct change) { .tomb = tomb, .n_tombs = n });
	for (size_t i = 0; i < n && r == 0; i++) {
		struct series *s = names_series(te->names, tomb[i].series);

		head_forget(t->head, te->names, s, (struct head_range) { .from = tomb[i].from_ns, .to = tomb[i].to_ns }, te->covered);
	}
	return r;
}

/* --- Off the medium */

enum { LOOK_MS = 50 };

struct purging { struct tsdb *t; struct tenant *te; const struct tsdb_purge *how; struct file_info *old; size_t n, room; };

static int keep_name(void *ctx, const char *base)
{
	struct buf b = { .data = ctx, .room = 40, .max = 40 };

	buf_add(&b, base);
	return 0;
}

static void on_file(void *ctx, const struct file_info *f, uint64_t rows_left)
{
	struct purging *p = ctx;
	struct tsdb_rewritten w = { .rows = f->rows, .rows_left = rows_left };

	manifest_file(f, keep_name, w.file);
	if (p->how->on_file)
		p->how->on_file(p->how->ctx, &w);
}

static bool is_cancelled(void *ctx)
{
	const struct purging *p = ctx;

	return p->t->compact_stop || (p->how->is_cancelled && p->how->is_cancelled(p->how->ctx));
}

/* Files that no manifest names: somebody reads them, whoever replaced them, or they are being made. */
static int keep_unnamed(void *ctx, const char *path, const struct file_info *f)
{
	struct purging *p = ctx;

	if (p->n == p->room) {
		size_t room = MAX(p->room * 2, (size_t) 16);
		struct file_info *more = sys_resize(p->old, room * sizeof(*more));

		if (!more)
			return err_fail(ERR_NO_MEMORY, "what", "deletes", NULL);
		p->old = more;
		p->room = room;
	}
	p->old[p->n++] = *f;
	return 0;
}

static int find_unnamed(struct purging *p)
{
	_cleanup_(catalog_unrefp) struct catalog *c = catalog_ref(p->te);
	struct manifest m = { .file = sys_alloc_array(c->n + 1, sizeof(*m.file)) };

	if (!m.file)
		return err_fail(ERR_NO_MEMORY, "what", "deletes", NULL);
	for (; m.n < c->n; m.n++)
		m.file[m.n] = *file_info(c->file[m.n]);
	int r = sweep_unnamed(p->te->dir, &m, FOLDER_DATA, &(struct sweep_to) { keep_unnamed, p });
	/* Of a folder that is not there nobody can say that nothing is left in it. */
	if (r == 0 && p->t->second.dir[0])
		r = second_reach(p->t, true);
	if (r == 0 && p->t->second.dir[0] && second_has_files(p->te))
		r = sweep_unnamed(p->te->second, &m, FOLDER_SECOND, &(struct sweep_to) { keep_unnamed, p });
	sys_free(m.file);
	return r;
}

static bool is_named(struct tenant *te, uint64_t number)
{
	_cleanup_(catalog_unrefp) struct catalog *c = catalog_ref(te);
	size_t i = 0;

	while (i < c->n && file_info(c->file[i])->number < number)
		i++;
	return i < c->n && file_info(c->file[i])->number == number;
}

/* Off the disk when nobody reads it any more; what was being made has its name now. */
static int wait_gone(struct purging *p, const struct file_info *f)
{
	char base[PATH_MAX], path[PATH_MAX], index[PATH_MAX];
	struct buf b = BUF_FIXED(path), i = BUF_FIXED(index);

	path[0] = index[0] = 0;
	if (!(f->folder == FOLDER_SECOND ? tenant_second_base : tenant_file_base)(p->te, f->day, f->number, base))
		return sys_fail(ENAMETOOLONG, "open", p->te->dir);
	buf_addf(&b, "%s.parquet", base);
	buf_addf(&i, "%s.idx", base);
	if (b.failed || i.failed)
		return sys_fail(ENAMETOOLONG, "open", base);
	while ((file_exists(path) || file_exists(index)) && !is_named(p->te, f->number)) {
		if (is_cancelled(p))
			return err_fail(ERR_CANCELLED, "what", "@erasure", NULL);
		mutex_hold(&p->t->mutex);
		cond_wait_until(&p->t->compact_cond, &p->t->mutex, clock_deadline(LOOK_MS));
	}
	return 0;
}

static int carry_out(struct purging *p, uint64_t *ret_left)
{
	struct compact_ask ask = { .tenant = p->te->id, .is_cancelled = is_cancelled, .ctx = p, .purge = p->how->series, .n_purge = p->how->n_series,
		.on_file = on_file };
	int64_t due;
	int r;

	do {
		ask.now_ns = clock_now_ns();
		r = compact_step(p->t, &ask, &due);
		if (p->how->on_progress)
			p->how->on_progress(p->how->ctx);
	} while (r > 0);
	*ret_left = ask.left;
	return r;
}

int tsdb_purge(struct tsdb *t, const struct tsdb_purge *how, uint64_t *ret_left)
{
	struct purging p = { .t = t, .te = tenant_find(t, how->tenant), .how = how };
	uint64_t left = 0;

	if (!p.te || !how->n_series) {
		*ret_left = 0;
		return 0;
	}
	t->compact_hurry++;
	int r = carry_out(&p, &left);
	t->compact_hurry--;
	if (r == 0)
		r = find_unnamed(&p);
	for (size_t i = 0; i < p.n && r == 0; i++)
		r = wait_gone(&p, &p.old[i]);
	sys_free(p.old);
	if (r == 0)
		*ret_left = left;
	return r;
}

void tsdb_waiting_deletes(struct tsdb *t, uint32_t tenant, struct tsdb_waiting *ret)
{
	struct tsdb_waiting w = { 0 };

	for (size_t i = 0;; i++) {
		struct tenant *te = tenant_at(t, i);
		if (!te)
			break;
		if (tenant && te->id != tenant)
			continue;
		_cleanup_(catalog_unrefp) struct catalog *c = catalog_ref(te);
		for (size_t k = 0; c->tombs && k < c->tombs->n; k++) {
			int64_t made = c->tombs->tomb[k].made_ns;

			w.since_ns = w.since_ns ? MIN(w.since_ns, made) : made;
			w.stretches++;
		}
		for (size_t k = 0; c->tombs && k < c->n; k++)
			if (tombs_touch_file(c->tombs, file_info(c->file[k]))) {
				w.files++;
				w.bytes += file_info(c->file[k])->bytes;
			}
	}
	*ret = w;
}
