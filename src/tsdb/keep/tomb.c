/* tomb.c - lists of deletes: searched, added to, cut, given up. */
#include "tsdb/keep/tomb.h"

#include "base/err.h"

static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "deletes", NULL); }

struct tombs *tombs_new(size_t room)
{
	struct tombs *t = sys_alloc(sizeof(*t) + room * sizeof(t->tomb[0]));

	if (t)
		atomic_init(&t->refs, 1);
	return t;
}

struct tombs *tombs_ref(struct tombs *t)
{
	if (t)
		atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}

struct tombs *tombs_unref(struct tombs *t)
{
	return t && atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) == 1 ? sys_free(t) : NULL;
}

/* The last time that is meant. */
static int64_t last_of(const struct tomb *d) { return d->to_ns == INT64_MAX ? INT64_MAX : d->to_ns - 1; }

bool tombs_are_right(const struct tombs *t)
{
	for (size_t i = 0; t && i < t->n; i++) {
		const struct tomb *d = &t->tomb[i];

		if (d->from_ns >= d->to_ns)
			return false;
		if (i && (d[-1].series > d->series || (d[-1].series == d->series && last_of(d - 1) >= d->from_ns)))
			return false;
	}
	return true;
}

/* --- Searching */

/* The first of the series, or of a later one, that does not end before `first`. */
static size_t place_of(const struct tombs *t, uint32_t series, int64_t first)
{
	size_t lo = 0, hi = t ? t->n : 0;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct tomb *d = &t->tomb[mid];

		if (d->series < series || (d->series == series && last_of(d) < first))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct tomb *tombs_of(const struct tombs *t, uint32_t series, size_t *ret_n)
{
	size_t at = place_of(t, series, INT64_MIN), end = at;

	while (t && end < t->n && t->tomb[end].series == series)
		end++;
	*ret_n = end - at;
	return t ? t->tomb + at : NULL;
}

bool tombs_touch(const struct tombs *t, const struct file_info *f, uint32_t series, int64_t first, int64_t last)
{
	for (size_t i = place_of(t, series, first); t && i < t->n && t->tomb[i].series == series && t->tomb[i].from_ns <= last; i++)
		if (tomb_is_of(&t->tomb[i], f))
			return true;
	return false;
}

int64_t tombs_before(const struct tombs *t, const struct file_info *f, uint32_t series, int64_t first, int64_t before)
{
	/* Backwards from the last one that begins in front of it. */
	for (size_t i = t ? place_of(t, series, before) + 1 : 0; i-- > 0 && before > first;) {
		const struct tomb *d = i < t->n ? &t->tomb[i] : NULL;

		if (!d || d->series > series || (d->series == series && (d->from_ns >= before || !tomb_is_of(d, f))))
			continue;
		if (d->series < series || last_of(d) < before - 1)
			break;
		before = d->from_ns;
	}
	return before;
}

/* By bounds: the file may hold a sample that the tomb means. */
static bool meets(const struct tomb *d, const struct file_info *f)
{
	return tomb_is_of(d, f) && f->series_min <= d->series && d->series <= f->series_max && d->from_ns <= f->t_max && last_of(d) >= f->t_min;
}

bool tombs_touch_file(const struct tombs *t, const struct file_info *f)
{
	for (size_t i = place_of(t, f->series_min, INT64_MIN); t && i < t->n && t->tomb[i].series <= f->series_max; i++)
		if (meets(&t->tomb[i], f))
			return true;
	return false;
}

/* --- Making the next list */

/* Goes on with the last one when it is the same delete. */
static void put(struct tombs *to, const struct tomb *d, int64_t from, int64_t end)
{
	struct tomb *last = to->n ? &to->tomb[to->n - 1] : NULL;

	if (from >= end)
		return;
	if (last && last->series == d->series && last->to_ns == from && last->serial == d->serial && last->rank == d->rank) {
		last->to_ns = end;
		return;
	}
	to->tomb[to->n] = *d;
	to->tomb[to->n].from_ns = from;
	to->tomb[to->n++].to_ns = end;
}

struct two { const struct tomb *old, *old_end, *add, *add_end; };

/* The parts of one old tomb that no new one covers, and the new ones that begin before it ends. */
static void weave(struct tombs *to, struct two *w)
{
	const struct tomb *d = w->old++;
	int64_t at = d->from_ns;

	for (; w->add < w->add_end && w->add->series == d->series && w->add->from_ns < d->to_ns; w->add++) {
		put(to, d, at, w->add->from_ns);
		if (w->add->to_ns > d->to_ns)
			break;
		put(to, w->add, w->add->from_ns, w->add->to_ns);
		at = MAX(at, w->add->to_ns);
	}
	/* A new one that goes on behind the old one's end is put when what follows is known. */
	if (w->add < w->add_end && w->add->series == d->series && w->add->from_ns < d->to_ns)
		return;
	put(to, d, at, d->to_ns);
}

static bool comes_first(const struct tomb *a, const struct tomb *b)
{
	return a->series != b->series ? a->series < b->series : a->to_ns <= b->from_ns;
}

int tombs_add(const struct tombs *old, const struct tomb *more, size_t n, struct tombs **ret)
{
	size_t n_old = old ? old->n : 0;
	_cleanup_(tombs_unrefp) struct tombs *t = tombs_new(n_old + 2 * n + 1);

	if (!t)
		return no_memory();
	struct two w = { .old = old ? old->tomb : NULL, .add = more, .add_end = more + n };
	w.old_end = old ? old->tomb + n_old : NULL;
	while (w.old < w.old_end || w.add < w.add_end) {
		if (w.old == w.old_end || (w.add < w.add_end && comes_first(w.add, w.old))) {
			put(t, w.add, w.add->from_ns, w.add->to_ns);
			w.add++;
		} else {
			weave(t, &w);
		}
	}
	if (t->n > TOMBS_MAX)
		return err_fail(ERR_LIMIT, "what", "@waiting_deletes", "max", "100000", NULL);
	*ret = take(t);
	return 0;
}

/* --- Giving up */

static bool is_needed(const struct tomb *d, const struct file_info *const *file, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (meets(d, file[i]))
			return true;
	return false;
}

int tombs_needed(struct tombs *old, const struct file_info *file, size_t n_files, struct tombs **ret)
{
	const struct file_info **some = NULL;
	struct tombs *t = NULL;
	uint64_t serial = 0;
	size_t n = 0;

	if (!old) {
		*ret = NULL;
		return 0;
	}
	some = sys_alloc_array(n_files + 1, sizeof(*some));
	t = tombs_new(old->n);
	if (!some || !t) {
		sys_free(some);
		tombs_unref(t);
		return no_memory();
	}
	for (size_t i = 0; i < old->n; i++)
		serial = MAX(serial, old->tomb[i].serial);
	/* Files that all of them are applied to are not looked at again for each. */
	for (size_t i = 0; i < n_files; i++)
		if (file[i].tombs < serial)
			some[n++] = &file[i];
	for (size_t i = 0; i < old->n; i++)
		if (is_needed(&old->tomb[i], some, n))
			t->tomb[t->n++] = old->tomb[i];
	sys_free(some);
	if (t->n == old->n || t->n == 0) {
		bool all = t->n == old->n;

		tombs_unref(t);
		t = all ? tombs_ref(old) : NULL;
	}
	*ret = t;
	return 0;
}
