/* plan.c - what is to be merged next. */
#include "tsdb/merge/plan.h"

#include <stdlib.h>

#define HOUR (INT64_C(3600) * NS_PER_S)
#define WINDOW (2 * HOUR)
#define WINDOW_WAIT (INT64_C(1200) * NS_PER_S)
#define DAY (24 * HOUR)

enum { NEVER_QUIET = 8, WAIT_HOURS_MAX = 24 * 30 };

/* Sums of times that the clock cannot reach stay at its end. */
static int64_t later(int64_t t, int64_t ns)
{
	int64_t sum;

	return __builtin_add_overflow(t, ns, &sum) ? INT64_MAX : sum;
}

static int in_order(const void *a, const void *b)
{
	const struct file_info *x = &((const struct plan_file *) a)->info, *y = &((const struct plan_file *) b)->info;

	if (x->day != y->day)
		return x->day < y->day ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	if (x->series_min != y->series_min)
		return x->series_min < y->series_min ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

void plan_sort(struct plan_file *f, size_t n)
{
	if (n)
		qsort(f, n, sizeof(*f), in_order);
}

/* --- Runs */

/* Parts of one merge have their series one after the other. Two files of one rank that share series are a merged one and what it was made
 * of, adopted both when the manifest was lost. */
static bool goes_on(const struct plan_run *r, const struct plan_file *last, const struct plan_file *f)
{
	return r->rank == f->info.rank && !r->aside && !f->aside && last->info.series_max < f->info.series_min && r->level == f->info.level;
}

/* What was written later than now was written by a clock that was wrong: nobody knows when. */
static int64_t written(const struct plan_file *f, int64_t now) { return f->info.written_ns <= now ? f->info.written_ns : INT64_MIN; }

static size_t make_runs(const struct plan_file *f, size_t n, struct plan_run *run, int64_t now)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		struct plan_run *r = k ? &run[k - 1] : NULL;

		if (!r || !goes_on(r, &f[i - 1], &f[i])) {
			r = &run[k++];
			*r = (struct plan_run) { .first = i, .rank = f[i].info.rank, .t_min = f[i].info.t_min, .t_max = f[i].info.t_max, .written_ns = INT64_MIN,
				.level = f[i].info.level, .aside = f[i].aside };
		}
		r->n++;
		r->rows += f[i].info.rows;
		r->bytes += f[i].info.bytes;
		r->t_min = MIN(r->t_min, f[i].info.t_min);
		r->t_max = MAX(r->t_max, f[i].info.t_max);
		r->written_ns = MAX(r->written_ns, written(&f[i], now));
	}
	return k;
}

/* --- Rules, over runs none of which is set aside */

struct part { const struct plan_file *f; const struct plan_run *run; size_t n; int64_t day_end, now; bool all; };

static struct plan of_runs(const struct part *p, size_t from, size_t n, enum plan_why why, int32_t level)
{
	struct plan plan = { .why = why, .first = p->run[from].first, .level = level };

	for (size_t i = from; i < from + n; i++) {
		plan.n += p->run[i].n;
		plan.bytes += p->run[i].bytes;
		plan.rows += p->run[i].rows;
	}
	return plan;
}

static struct plan nothing_until(int64_t due) { return (struct plan) { .why = PLAN_NOTHING, .due_ns = due }; }

/* Of the PLAN_FAN that follow each other those with the fewest bytes. */
static struct plan cheapest(const struct part *p, enum plan_why why)
{
	size_t fan = MIN((size_t) PLAN_FAN, p->n), best = 0;
	int32_t level = LEVEL_WINDOW;
	uint64_t sum = 0, least;

	for (size_t i = 0; i < fan; i++)
		sum += p->run[i].bytes;
	least = sum;
	for (size_t i = fan; i < p->n; i++) {
		sum += p->run[i].bytes - p->run[i - fan].bytes;
		if (sum < least) {
			least = sum;
			best = i - fan + 1;
		}
	}
	for (size_t i = best; i < best + fan; i++)
		level = MAX(level, p->run[i].level);
	return of_runs(p, best, fan, why, level);
}

/* When all of it is to become the day file. */
static int64_t day_is_due(const struct part *p)
{
	uint64_t base = 0, late = 0;
	int64_t newest = INT64_MIN, oldest = INT64_MAX, wait = HOUR;

	for (size_t i = 0; i < p->n; i++)
		*(p->run[i].level == LEVEL_DAY ? &base : &late) += p->run[i].rows;
	for (size_t i = 0; i < p->n; i++) {
		const struct plan_run *r = &p->run[i];

		if (r->level == LEVEL_DAY && late)
			continue;
		newest = MAX(newest, r->written_ns);
		oldest = MIN(oldest, r->written_ns);
	}
	if (base && late && late < base / PLAN_LATE)
		wait = HOUR * (int64_t) MIN(base / PLAN_LATE / late, (uint64_t) WAIT_HOURS_MAX);
	newest = MAX(newest, p->day_end);
	oldest = MAX(oldest, p->day_end);
	return late ? MIN(later(newest, wait), later(oldest, wait * NEVER_QUIET)) : later(newest, wait);
}

/* Of two runs, but for a sixteenth of the shorter one: senders are not all at the same minute when the head is frozen. Each series is, by itself. */
static bool are_apart(const struct part *p, const struct plan_run *a, const struct plan_run *b)
{
	int64_t shorter = MIN(a->t_max - a->t_min, b->t_max - b->t_min), both = MIN(a->t_max, b->t_max) - MAX(a->t_min, b->t_min);
	bool apart = both <= shorter / 16;

	for (size_t i = a->first; apart && i < a->first + a->n; i++)
		for (size_t k = b->first; apart && k < b->first + b->n; k++)
			apart = !p->f[i].file || !p->f[k].file || files_apart(p->f[i].file, p->f[k].file);
	return apart;
}

static bool lie_apart(const struct part *p)
{
	bool apart = p->n <= PLAN_APART;

	for (size_t i = 0; i < p->n && apart; i++) {
		apart = p->run[i].level == LEVEL_DAY;
		for (size_t k = 0; k < i && apart; k++)
			apart = are_apart(p, &p->run[i], &p->run[k]);
	}
	return apart;
}

static struct plan day(const struct part *p)
{
	bool merged = false;

	for (size_t i = 0; i < p->n; i++)
		merged |= p->run[i].level == LEVEL_DAY;
	if (merged && (p->n == 1 || lie_apart(p)))
		return nothing_until(INT64_MAX);
	int64_t due = p->all ? p->now : day_is_due(p);
	if (due > p->now)
		return nothing_until(due);
	if (p->n > PLAN_FAN)
		return cheapest(p, PLAN_MANY);
	struct plan plan = of_runs(p, 0, p->n, merged ? PLAN_LATE_DAY : PLAN_DAY, LEVEL_DAY);
	plan.is_whole = p->n == 1;
	return plan;
}

static int64_t window_end(int64_t t) { return later(t, WINDOW - ((t % WINDOW) + WINDOW) % WINDOW); }

/* The first flushed files that belong together and are complete. */
static struct plan window(const struct part *p)
{
	int64_t due = INT64_MAX;

	for (size_t i = 0, n; i < p->n; i += n) {
		int64_t end = window_end(p->run[i].t_max), newest = p->run[i].written_ns;

		n = 1;
		if (p->run[i].level != LEVEL_FLUSHED)
			continue;
		for (; i + n < p->n && n < PLAN_FAN && p->run[i + n].level == LEVEL_FLUSHED && p->run[i + n].t_max < end; n++)
			newest = MAX(newest, p->run[i + n].written_ns);
		int64_t at = later(MAX(end, newest), WINDOW_WAIT);
		if (n > 1 && (n == PLAN_FAN || i + n < p->n || at <= p->now))
			return of_runs(p, i, n, PLAN_WINDOW, LEVEL_WINDOW);
		if (n > 1)
			due = MIN(due, at);
	}
	return nothing_until(due);
}

static struct plan part(const struct part *p, bool urgent)
{
	if (p->n > PLAN_RUNS)
		return cheapest(p, urgent ? PLAN_MANY_URGENT : PLAN_MANY);
	struct plan whole = day(p);
	if (whole.why || p->all)
		return whole;
	struct plan some = window(p);
	if (!some.why)
		some.due_ns = MIN(some.due_ns, whole.due_ns);
	return some;
}

struct plan plan_day(const struct plan_file *f, size_t n, struct plan_run *run, int64_t now_ns, bool all)
{
	size_t k = make_runs(f, n, run, now_ns);
	struct plan best = nothing_until(INT64_MAX);
	int64_t end = INT64_MAX;

	/* The last days that int64 ns can say never end. */
	if (n && (__builtin_mul_overflow((int64_t) f[0].info.day + 1, DAY, &end)))
		end = f[0].info.day < 0 ? INT64_MIN : INT64_MAX;
	for (size_t i = 0, m; i < k; i += m) {
		struct part p = { .f = f, .run = run + i, .day_end = end, .now = now_ns, .all = all };

		m = 1;
		if (run[i].aside)
			continue;
		while (i + m < k && !run[i + m].aside)
			m++;
		p.n = m;
		struct plan here = part(&p, k >= PLAN_URGENT);
		if (here.why > best.why)
			best = here;
		else if (!here.why && !best.why)
			best.due_ns = MIN(best.due_ns, here.due_ns);
	}
	return best;
}
