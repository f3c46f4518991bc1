/* purge.c - see purge.h. */
#include "tsdb/keep/purge.h"

#include <stdlib.h>

#include "base/err.h"

struct purge {
	struct tenant *te;
	const struct catalog *c;
	const struct purge_ask *ask;
	bool *due;                      /* of each tomb: to be carried out now */
	uint64_t newest;                /* serial of those */
	struct file **none;             /* hold nothing of what is deleted */
	size_t n_none;
};

static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "deletes", NULL); }

static bool is_asked(const struct purge_ask *ask, uint32_t series)
{
	size_t lo = 0, hi = ask->n_series;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (ask->series[mid] < series)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < ask->n_series && ask->series[lo] == series;
}

/* Made later than now, it was made by a clock that was wrong: nobody knows when. */
static bool has_waited(const struct tomb *d, int64_t now) { return d->made_ns > now || d->made_ns + PURGE_WAIT <= now; }

static void choose(struct purge *p, struct purge_found *ret)
{
	const struct tombs *t = p->c->tombs;

	for (size_t i = 0; i < t->n; i++) {
		const struct tomb *d = &t->tomb[i];

		if (p->ask->series)
			p->due[i] = is_asked(p->ask, d->series);
		else
			p->due[i] = p->ask->all || has_waited(d, p->ask->now_ns) || t->n > TOMBS_MAX / 2;
		if (p->due[i])
			p->newest = MAX(p->newest, d->serial);
		else if (!p->ask->series)
			ret->due_ns = MIN(ret->due_ns, d->made_ns + PURGE_WAIT);
	}
}

static bool holds(const struct idx *x, const struct tomb *d)
{
	const struct idx_entry *e = idx_find(x, d->series);

	return e && e->t_max >= d->from_ns && (e->t_min < d->to_ns || d->to_ns == INT64_MAX);
}

static int by_address(const void *a, const void *b)
{
	const struct file *x = *(struct file *const *) a, *y = *(struct file *const *) b;

	return (x > y) - (x < y);
}

/* The tombs between two series, which are all that may be in a file. */
static size_t first_of(const struct tombs *t, uint32_t series)
{
	size_t n;

	return (size_t) (tombs_of(t, series, &n) - t->tomb);
}

/* 1: some of it is due; 0: nothing is; *ret_any: though something is deleted. */
static int look_into(struct purge *p, const struct plan_file *f, bool *ret_any)
{
	const struct tombs *t = p->c->tombs;
	const struct idx *x = NULL;
	bool found = false, open = false;

	*ret_any = false;
	for (size_t i = first_of(t, f->info.series_min); i < t->n && t->tomb[i].series <= f->info.series_max && !found; i++) {
		const struct tomb *d = &t->tomb[i];

		if (!tomb_is_of(d, &f->info) || d->from_ns > f->info.t_max || (d->to_ns <= f->info.t_min && d->to_ns != INT64_MAX))
			continue;
		if (!open) {
			int r = file_use(f->file, &x);

			/* Writing it again says what is wrong with it. */
			if (r < 0) {
				err_clear();
				return 1;
			}
			open = true;
		}
		bool is = holds(x, d);
		*ret_any |= is;
		found = is && p->due[i];
	}
	if (open)
		file_leave(f->file);
	return found;
}

static int each(struct purge *p, const struct plan_file *f, size_t n, struct purge_found *ret)
{
	for (size_t i = 0; i < n; i++) {
		bool any = false;

		if (f[i].info.tombs >= p->newest || !tombs_touch_file(p->c->tombs, &f[i].info))
			continue;
		if (f[i].aside) {
			ret->aside++;
			continue;
		}
		if (look_into(p, &f[i], &any) > 0) {
			ret->at = i;
			return 1;
		}
		if (!any)
			p->none[p->n_none++] = f[i].file;
	}
	return 0;
}

int purge_find(struct tenant *te, const struct catalog *c, const struct plan_file *f, size_t n, const struct purge_ask *ask, struct purge_found *ret)
{
	struct purge p = { .te = te, .c = c, .ask = ask };
	int r = 0;

	*ret = (struct purge_found) { .due_ns = INT64_MAX };
	if (!c->tombs)
		return 0;
	p.due = sys_alloc_array(c->tombs->n, sizeof(*p.due));
	p.none = sys_alloc_array(n + 1, sizeof(struct file *));
	if (!p.due || !p.none)
		r = no_memory();
	if (r == 0) {
		choose(&p, ret);
		r = p.newest ? each(&p, f, n, ret) : 0;
	}
	/* Nothing is to be written again: then it is worth a step of the manifest to say which files need no look any more. */
	if (r == 0 && p.n_none) {
		qsort(p.none, p.n_none, sizeof(struct file *), by_address);
		int e = tenant_change(te, &(struct change) { .settle = p.none, .n_settle = p.n_none, .tombs = c->next_tomb - 1 });

		r = MIN(e, 0);
	}
	sys_free(p.due);
	sys_free(p.none);
	return r;
}
