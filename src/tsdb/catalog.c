/*
 * catalog.c - which files there are, in memory and in the manifest, and the one step that changes both.
 *
 * A flush adds files, a compaction puts new ones in the place of old ones. Each change makes the next manifest from the catalog as it is
 * at that moment, under a lock of its own, so the two never lose each other's work. What a manifest that failed to be written names is
 * in doubt until the next one: it may be the truth on the medium, so nothing of it is removed before.
 */
#include "tsdb/merge/plan.h"
#include "tsdb/tsdb_impl.h"

#include <errno.h>
#include <stdlib.h>

#include "base/err.h"

static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "catalog of files", NULL); }

static int gone(void) { return err_fail(ERR_MISSING, "what", "@file", "value", "merged meanwhile", NULL); }

struct catalog *catalog_ref(struct tenant *te)
{
	mutex_hold(&te->mutex);
	atomic_fetch_add_explicit(&te->catalog->refs, 1, memory_order_relaxed);
	return te->catalog;
}

struct catalog *catalog_unref(struct catalog *c)
{
	if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return NULL;
	for (size_t i = 0; i < c->n; i++)
		file_unref(c->file[i]);
	tombs_unref(c->tombs);
	return sys_free(c);
}

static struct file *known(const struct catalog *c, uint64_t number)
{
	size_t lo = 0, hi = c ? c->n : 0;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (file_info(c->file[mid])->number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return c && lo < c->n && file_info(c->file[lo])->number == number ? c->file[lo] : NULL;
}

/* Only who holds the lock of changes changes a catalog, so the current one may be looked at without the other lock here. */
static int make(struct tenant *te, const struct manifest *m, struct catalog **ret)
{
	_cleanup_(catalog_unrefp) struct catalog *c = sys_alloc(sizeof(*c) + m->n * sizeof(c->file[0]));

	if (!c)
		return no_memory();
	atomic_init(&c->refs, 1);
	c->tombs = tombs_ref(m->tombs);
	c->next_tomb = m->next_tomb;
	for (; c->n < m->n; c->n++) {
		const struct file_info *info = &m->file[c->n];
		struct file *f = known(te->catalog, info->number);
		char base[PATH_MAX], second[PATH_MAX];
		bool there = info->folder == FOLDER_SECOND;
		int r = 0;

		/* One that was moved is another file with the same content. */
		if (f && file_info(f)->folder == info->folder && file_info(f)->parts == info->parts)
			file_ref(f);
		else if (!tenant_file_base(te, info->day, info->number, base) || (there && !tenant_second_base(te, info->day, info->number, second)))
			r = sys_fail(ENAMETOOLONG, "open", te->dir);
		else
			r = file_new(te->pool, te->names, base, there ? second : NULL, info, &f);
		if (r < 0)
			return r;
		c->file[c->n] = f;
	}
	*ret = take(c);
	return 0;
}

static void install(struct tenant *te, struct catalog *c)
{
	_cleanup_(catalog_unrefp) struct catalog *old = NULL;
	mutex_hold(&te->mutex);

	c->version = te->version + 1;
	old = te->catalog;
	te->catalog = c;
	te->version++;
}

int catalog_open(struct tenant *te, const struct manifest *m)
{
	struct catalog *c;
	int r = make(te, m, &c);

	if (r == 0)
		install(te, c);
	return r;
}

uint64_t tenant_numbers(struct tenant *te, size_t n)
{
	mutex_hold(&te->mutex);
	uint64_t first = te->next_number;

	te->next_number += n;
	return first;
}

/* --- A change */

static int by_number(const void *a, const void *b)
{
	const struct file_info *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static bool is_removed(const struct change *ch, uint64_t number)
{
	for (size_t i = 0; i < ch->n_remove; i++)
		if (file_info(ch->remove[i])->number == number)
			return true;
	return false;
}

static bool is_relabeled(const struct change *ch, const struct file *f)
{
	for (size_t i = 0; i < ch->n_relabel; i++)
		if (ch->relabel[i].file == f)
			return true;
	return false;
}

/* What a delete means is in the files there are, whose highest rank it takes; all that is written later is not meant. */
static int new_tombs(const struct manifest *m, const struct change *ch, struct tombs **ret)
{
	_cleanup_free_ struct tomb *more = sys_alloc_array(ch->n_tombs, sizeof(*more));
	uint64_t rank = 0;

	if (!more)
		return no_memory();
	for (size_t i = 0; i < m->n; i++)
		rank = MAX(rank, m->file[i].rank);
	for (size_t i = 0; i < ch->n_tombs; i++) {
		more[i] = ch->tomb[i];
		more[i].rank = rank;
		more[i].serial = m->next_tomb;
	}
	return tombs_add(m->tombs, more, ch->n_tombs, ret);
}

/* Deletes that mean nothing any more go when files go. */
static int next_tombs(struct manifest *m, const struct change *ch)
{
	struct tombs *t = NULL;
	int r = 0;

	if (ch->n_tombs) {
		r = new_tombs(m, ch, &t);
		m->next_tomb += r == 0;
	}
	if (r == 0 && t) {
		tombs_unref(m->tombs);
		m->tombs = t;
	}
	if (r == 0 && m->tombs && (ch->n_remove || ch->n_settle || ch->n_tombs)) {
		r = tombs_needed(m->tombs, m->file, m->n, &t);
		if (r == 0) {
			tombs_unref(m->tombs);
			m->tombs = t;
		}
	}
	return r;
}

static int by_address(const void *a, const void *b)
{
	const struct file *x = *(struct file *const *) a, *y = *(struct file *const *) b;

	return (x > y) - (x < y);
}

static bool is_settled(const struct change *ch, const struct file *f)
{
	return ch->n_settle && bsearch(&f, ch->settle, ch->n_settle, sizeof(ch->settle[0]), by_address);
}

/* Figures lie in the data folder, wherever the samples lay. */
static void trim(const struct change *ch, const struct file *f, struct file_info *info)
{
	for (size_t i = 0; i < ch->n_trim; i++) {
		if (ch->trim[i].file != f)
			continue;
		info->parts = ch->trim[i].parts;
		if (info->parts & PART_RAW)
			continue;
		info->rows = info->bytes = 0;
		info->folder = FOLDER_DATA;
	}
}

static int next_manifest(struct tenant *te, const struct change *ch, struct manifest *ret)
{
	const struct catalog *c = te->catalog;
	struct manifest m = { .covered = ch->covered ? ch->covered : te->covered, .next = tenant_numbers(te, 0), .next_tomb = te->next_tomb };

	m.file = sys_alloc_array(c->n + ch->n_add + 1, sizeof(*m.file));
	if (!m.file)
		return no_memory();
	for (size_t i = 0; i < c->n; i++) {
		const struct file_info *f = file_info(c->file[i]);

		if (is_removed(ch, f->number))
			continue;
		m.file[m.n] = *f;
		m.file[m.n].level = file_level(c->file[i]);
		if (is_relabeled(ch, c->file[i]))
			m.file[m.n].level = LEVEL_DAY;
		if (is_settled(ch, c->file[i]))
			m.file[m.n].tombs = MAX(f->tombs, ch->tombs);
		if (c->file[i] == ch->move)
			m.file[m.n].folder = ch->move_to;
		trim(ch, c->file[i], &m.file[m.n]);
		m.n++;
	}
	for (size_t i = 0; i < ch->n_add; i++)
		m.file[m.n++] = ch->add[i];
	if (m.n)
		qsort(m.file, m.n, sizeof(*m.file), by_number);
	m.tombs = tombs_ref(c->tombs);
	int r = next_tombs(&m, ch);
	if (r < 0)
		manifest_done(&m);
	else
		*ret = m;
	return r;
}

void tenant_file_drop(const struct tenant *te, const struct file_info *f)
{
	char base[PATH_MAX];

	if (tenant_file_base(te, f->day, f->number, base))
		file_remove(base, PARTS_ALL);
}

/* A file that was moved meanwhile has another handle than the one merging began with. */
static void doom(struct tenant *te, struct file *f)
{
	struct file *now = known(te->catalog, file_info(f)->number);

	if (now && now != f)
		file_doom(now);
	file_doom(f);
}

/* Room for what may be in doubt is there before it is. */
static int doubt_room(struct tenant *te, size_t more)
{
	struct file_info *d = sys_resize(te->doubt, (te->n_doubt + more + 1) * sizeof(*d));

	if (!d)
		return no_memory();
	te->doubt = d;
	return 0;
}

/* A manifest is on the medium for certain: what it does not name is nobody's. */
static void settle_doubt(struct tenant *te)
{
	for (size_t i = 0; i < te->n_doubt; i++)
		if (!known(te->catalog, te->doubt[i].number))
			tenant_file_drop(te, &te->doubt[i]);
	te->n_doubt = 0;
}

/* A manifest that is lost is made of the files, which know nothing of deletes: so these stand once more beside it. The delete itself is done already. */
static void keep_deletes(const struct tenant *te, const struct manifest *m)
{
	const struct manifest kept = { .covered = m->covered, .next = m->next, .next_tomb = m->next_tomb, .tombs = m->tombs };
	char path[PATH_MAX];

	if (tenant_deletes_path(te, path) && manifest_write(path, te->id, &kept) < 0)
		err_clear();
}

static void follow(const struct catalog *next, struct file *f)
{
	struct file *after = known(next, file_info(f)->number);

	if (after && after != f)
		file_follow(f, after);
}

static int change(struct tenant *te, const struct change *ch, bool *ret_named)
{
	_cleanup_(catalog_unrefp) struct catalog *c = NULL;
	struct manifest m = { 0 };
	char path[PATH_MAX];
	int r = ch->move && known(te->catalog, file_info(ch->move)->number) != ch->move ? gone() : doubt_room(te, ch->n_add);

	if (r == 0)
		r = next_manifest(te, ch, &m);
	if (r == 0)
		r = make(te, &m, &c);
	if (r == 0 && !tenant_manifest_path(te, path))
		r = sys_fail(ENAMETOOLONG, "make", te->dir);
	if (r == 0) {
		*ret_named = true;
		r = manifest_write(path, te->id, &m);
	}
	/* From here on the new manifest is the truth, and nothing can fail any more. */
	if (r == 0) {
		for (size_t i = 0; i < ch->n_remove; i++)
			doom(te, ch->remove[i]);
		if (ch->move) {
			file_moved(ch->move);
			follow(c, ch->move);
		}
		for (size_t i = 0; i < ch->n_trim; i++) {
			if (known(te->catalog, file_info(ch->trim[i].file)->number) != ch->trim[i].file)
				continue;
			file_trim(ch->trim[i].file, ch->trim[i].parts);
			follow(c, ch->trim[i].file);
		}
		for (size_t i = 0; i < ch->n_relabel; i++)
			file_set_level(ch->relabel[i].file, LEVEL_DAY);
		for (size_t i = 0; i < ch->n_settle; i++)
			file_set_tombs(ch->settle[i], ch->tombs);
		install(te, take(c));
		te->covered = m.covered;
		te->next_tomb = m.next_tomb;
		settle_doubt(te);
		if (ch->n_tombs)
			keep_deletes(te, &m);
	}
	manifest_done(&m);
	return r;
}

int tenant_change(struct tenant *te, const struct change *ch)
{
	bool named = false;
	mutex_hold(&te->change);
	int r = change(te, ch, &named);

	/* A flush comes again with the same numbers and the same content: what it wrote may stay in any case. */
	for (size_t i = 0; r < 0 && !ch->again && i < ch->n_add; i++) {
		if (named)
			te->doubt[te->n_doubt++] = ch->add[i];
		else
			tenant_file_drop(te, &ch->add[i]);
	}
	return r;
}
