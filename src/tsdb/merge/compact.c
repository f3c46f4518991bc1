/* compact.c - which files are merged when: the thread, its speed, who waits for it and whom it holds back. */
#include "tsdb/merge/compact.h"

#include <stdlib.h>

#include "base/err.h"
#include "tsdb/keep/retain_impl.h"

enum { LOOK_AGAIN_S = 3600, RETRY_S = 30, RETRY_S_MAX = 600, WAIT_MS = 200, PACE_MS_MIN = 5, PACE_MS_MAX = 1000, LOOK_ROWS = 8192 };

static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "merging files of samples", NULL); }
static int cancelled(void) { return err_fail(ERR_CANCELLED, "what", "merging files of samples", NULL); }

static void tell(struct tsdb *t, enum tsdb_event event, uint32_t tenant, const struct err *why)
{
	if (t->config.on_event)
		t->config.on_event(t->config.ctx, event, tenant, why);
}

/*
 * --- A round: until nothing is left that can be done
 * What fails in it is not tried again before the next, so that it is in nobody's way: a day that finds no room, a tenant whose folder cannot be written.
 */

static bool any_stuck(const struct tenant *te, const struct compact_ask *ask) { return te->n_stuck && te->stuck_round == ask->round; }
static bool all_stuck(const struct tenant *te, const struct compact_ask *ask) { return any_stuck(te, ask) && te->n_stuck > STUCK_DAYS; }

static bool is_stuck(const struct tenant *te, const struct compact_ask *ask, int32_t day)
{
	bool stuck = all_stuck(te, ask);

	for (unsigned i = 0; any_stuck(te, ask) && !stuck && i < te->n_stuck; i++)
		stuck = te->stuck_day[i] == day;
	return stuck;
}

static void set_stuck(struct tenant *te, struct compact_ask *ask, const int32_t *day, int r)
{
	struct err why = err_take(r);

	if (!ask->failed) {
		ask->failed = r;
		ask->why = why;
	}
	if (!any_stuck(te, ask))
		te->n_stuck = 0;
	te->stuck_round = ask->round;
	te->planned = 0;
	if (day && te->n_stuck < STUCK_DAYS)
		te->stuck_day[te->n_stuck++] = *day;
	else
		te->n_stuck = STUCK_DAYS + 1;
}

/* It ends with r, or the first failure in it. */
static int end_round(struct compact_ask *ask, int r)
{
	if (r == 0 && ask->failed) {
		r = ask->failed;
		err_put(&ask->why);
	}
	ask->failed = 0;
	ask->round = 0;
	return r;
}

/* --- What is next */

struct pick { struct tenant *te; struct catalog *catalog; struct plan_file *in; struct plan plan; };

static void pick_done(struct pick *p)
{
	catalog_unref(p->catalog);
	sys_free(p->in);
	*p = (struct pick) { 0 };
}

struct day_files { const struct catalog *catalog; struct plan_file *file; struct plan_run *run; size_t n; bool any_aside; };

static int list_files(const struct catalog *c, struct day_files *ret)
{
	ret->file = sys_alloc_array(c->n + 1, sizeof(*ret->file));
	ret->run = sys_alloc_array(c->n + 1, sizeof(*ret->run));
	if (!ret->file || !ret->run)
		return no_memory();
	for (size_t i = 0; i < c->n; i++) {
		struct plan_file *f = &ret->file[ret->n];

		/* What has no samples is merged with nothing. */
		if (!(file_info(c->file[i])->parts & PART_RAW))
			continue;
		ret->n++;
		*f = (struct plan_file) { .info = *file_info(c->file[i]), .file = c->file[i], .aside = file_is_aside(c->file[i]) };
		f->info.level = file_level(c->file[i]);
		ret->any_aside |= f->aside;
	}
	ret->catalog = c;
	plan_sort(ret->file, ret->n);
	return 0;
}

/* When nothing else is to be done: a file of which something is deleted. */
static int look_for_deleted(struct tenant *te, const struct day_files *d, struct compact_ask *ask, struct plan *ret, int64_t *ret_due)
{
	const struct purge_ask how = { .all = ask->all, .series = ask->purge, .n_series = ask->n_purge, .now_ns = ask->now_ns };
	struct purge_found found;
	int r = purge_find(te, d->catalog, d->file, d->n, &how, &found);

	ask->left = found.aside;
	for (size_t i = 0; ask->purge && i < d->catalog->n; i++) {
		const struct file_info *f = file_info(d->catalog->file[i]);

		/* Of figures alone: retain_purge() could not read it. */
		ask->left += !(f->parts & PART_RAW) && file_is_aside(d->catalog->file[i]) && tombs_touch_file(d->catalog->tombs, f);
	}
	*ret_due = MIN(*ret_due, found.due_ns);
	if (r <= 0)
		return r;
	const struct file_info *f = &d->file[found.at].info;
	*ret = (struct plan) { .why = PLAN_DELETED, .first = found.at, .n = 1, .level = f->level, .bytes = f->bytes, .rows = f->rows };
	return 0;
}

/* Files of which nobody needs anything go at once; one of which enough is too old is written again. */
static int look_for_old(struct tsdb *t, struct tenant *te, const struct day_files *d, struct plan *ret)
{
	_cleanup_(file_unrefp) struct file *split = NULL;
	int r = retain_step(t, te, &split);

	for (size_t i = 0; r == 0 && split && i < d->n; i++)
		if (d->file[i].file == split)
			*ret = (struct plan) { .why = PLAN_DELETED, .first = i, .n = 1, .level = LEVEL_DAY, .bytes = d->file[i].info.bytes, .rows = d->file[i].info.rows };
	return r;
}

/* The most urgent of its days; where it begins. */
static size_t look_at_days(struct tenant *te, const struct day_files *d, const struct compact_ask *ask, struct plan *ret, int64_t *ret_due)
{
	size_t at = 0;

	for (size_t i = 0, n; !ask->purge && i < d->n; i += n) {
		n = 1;
		while (i + n < d->n && d->file[i + n].info.day == d->file[i].info.day)
			n++;
		if (is_stuck(te, ask, d->file[i].info.day))
			continue;
		struct plan p = plan_day(d->file + i, n, d->run, ask->now_ns, ask->all || te->is_full);
		if (p.why > ret->why) {
			*ret = p;
			at = i;
		} else if (!p.why) {
			*ret_due = MIN(*ret_due, p.due_ns);
		}
	}
	return at;
}

/* What is to be done of a tenant, if it is more urgent than what was found before. */
static int look_at(struct tsdb *t, struct tenant *te, struct compact_ask *ask, struct pick *best, int64_t *ret_due)
{
	_cleanup_(catalog_unrefp) struct catalog *c = catalog_ref(te);
	struct day_files d = { 0 };
	struct plan mine = { 0 };
	int64_t due = INT64_MAX;
	int r = list_files(c, &d);
	size_t mine_at = r == 0 ? look_at_days(te, &d, ask, &mine, &due) : 0;
	if (r == 0 && !mine.why && c->tombs)
		r = retain_purge(t, te, c);
	if (r == 0 && !mine.why)
		r = look_for_deleted(te, &d, ask, &mine, &due);
	/* Not while somebody waits for what he asked for. */
	if (r == 0 && !mine.why && !ask->purge)
		r = look_for_old(t, te, &d, &mine);
	ask->again |= r > 0;
	r = MIN(r, 0);
	if (mine.why && is_stuck(te, ask, d.file[mine_at + mine.first].info.day))
		mine.why = PLAN_NOTHING;
	/* What could not be opened may be so again. */
	if (d.any_aside)
		due = MIN(due, ask->now_ns + LOOK_AGAIN_S * NS_PER_S);
	if (r == 0 && mine.why > best->plan.why) {
		struct plan_file *in = sys_alloc_array(mine.n + 1, sizeof(*in));

		r = in ? 0 : no_memory();
		if (in) {
			memcpy(in, d.file + mine_at + mine.first, mine.n * sizeof(*in));
			pick_done(best);
			*best = (struct pick) { .te = te, .catalog = take(c), .in = in, .plan = mine };
		}
	}
	if (r == 0 && !ask->purge)
		te->plan_due_ns = mine.why ? ask->now_ns : due;
	*ret_due = MIN(*ret_due, due);
	sys_free(d.file);
	sys_free(d.run);
	return r;
}

static void choose(struct tsdb *t, struct compact_ask *ask, struct pick *ret, int64_t *ret_due)
{
	for (size_t i = 0;; i++) {
		struct tenant *te = tenant_at(t, i);
		if (!te)
			break;
		uint64_t version = te->version;
		if ((ask->tenant && te->id != ask->tenant) || all_stuck(te, ask))
			continue;
		bool day = retain_tick(te, clock_now_ns(), clock_mono_ns()) || te->retain_looked != te->retain_day;
		/* Nothing of it has changed since it was found that nothing is to be done: a tick costs nothing however many files there are. */
		if (!day && !ask->all && !ask->purge && !te->is_full && te->planned == version && ask->now_ns < te->plan_due_ns) {
			*ret_due = MIN(*ret_due, te->plan_due_ns);
			continue;
		}
		int r = look_at(t, te, ask, ret, ret_due);
		if (r < 0)
			set_stuck(te, ask, NULL, r);
		else if (!ask->all && !ask->purge && !any_stuck(te, ask))
			te->planned = version;
	}
}

/* --- One piece of work */

/* Waits as long as the bytes read and written are ahead of their time. */
static int keep_pace(struct merge_job *j, uint32_t n)
{
	const struct compact_ask *ask = j->ctx;
	struct tsdb *t = j->t;

	t->merging_rows += n;
	j->since += n;
	if (j->since < LOOK_ROWS)
		return 0;
	n = j->since;
	j->since = 0;
	if (t->compact_stop || (ask->is_cancelled && ask->is_cancelled(ask->ctx)))
		return cancelled();
	if (t->compact_hurry || t->crowded || t->config.compact_rate <= 0)
		return 0;
	j->paced += 2 * (double) n * (double) j->bytes / (double) MAX(j->rows, (uint64_t) 1);
	int64_t until = j->began_ns + (int64_t) (j->paced / (double) t->config.compact_rate * 1e9), now = clock_mono_ns();
	if (until - now < PACE_MS_MIN * NS_PER_MS) {
		/* What was not used is not saved up: after a pause there is no burst. */
		if (now - until > PACE_MS_MAX * NS_PER_MS) {
			j->began_ns = now;
			j->paced = 0;
		}
		return 0;
	}
	mutex_hold(&t->mutex);
	while (!t->compact_stop && !t->compact_hurry && !t->crowded && cond_wait_until(&t->compact_cond, &t->mutex, until))
		;
	return t->compact_stop ? cancelled() : 0;
}

static bool is_of_file(int r) { return r == -ERR_CORRUPT || r == -ERR_MISSING || r == -ERR_IO || r == -ERR_NEWER || r == -ERR_UNAVAILABLE; }

static void note_failure(struct tsdb *t, const struct pick *p, int r)
{
	struct err e = err_take(r);

	t->merge_failures++;
	tell(t, TSDB_MERGE_FAILED, p->te->id, &e);
	mutex_lock(&t->mutex);
	t->merge_error = e;
	t->merge_error_ns = clock_now_ns();
	mutex_unlock(&t->mutex);
	err_put(&e);
}

/* A day that is one file is called so, unless its figures are to be made yet. */
static int work(struct tsdb *t, const struct pick *p, const struct compact_ask *ask)
{
	struct merge_job j = { .t = t, .te = p->te, .in = p->in, .n = p->plan.n, .level = p->plan.level, .bytes = p->plan.bytes, .rows = p->plan.rows,
		.relabel = p->plan.is_whole && p->in[0].info.parts != PART_RAW, .tombs = p->catalog->tombs, .next_tomb = p->catalog->next_tomb, .on_rows = keep_pace, .ctx = (void *) (uintptr_t) ask, .began_ns = clock_mono_ns() };
	bool urgent = p->plan.why == PLAN_MANY_URGENT;

	t->merging_day = p->in[0].info.day;
	t->merging_of = j.rows;
	t->merging_rows = 0;
	t->merging_tenant = p->te->id;
	t->compact_hurry += urgent;
	int r = merge_job_run(&j);
	t->compact_hurry -= urgent;
	t->merging_tenant = 0;
	if (r == 0 && !j.relabel) {
		t->merges++;
		t->merged_in += j.bytes;
		t->merged_out += j.bytes_out;
		t->merged_rows += j.rows;
		t->merged_same += j.rows - MIN(j.rows_out + j.rows_old, j.rows);
		for (size_t i = 0; i < j.n && ask->on_file; i++)
			ask->on_file(ask->ctx, &p->in[i].info, j.rows_out);
	}
	if (r >= 0 || r == -ERR_CANCELLED)
		return r < 0 ? r : 1;
	note_failure(t, p, r);
	if (!is_of_file(r) || !j.failed)
		return r;
	t->set_aside++;
	file_set_aside(j.failed, r == -ERR_CORRUPT || r == -ERR_NEWER ? INT64_MAX : clock_mono_ns() + LOOK_AGAIN_S * NS_PER_S);
	p->te->planned = 0;
	err_clear();
	return 1;
}

int compact_step(struct tsdb *t, struct compact_ask *ask, int64_t *ret_due)
{
	struct pick p = { 0 };
	mutex_hold(&t->compact_lock);

	int r = 0;

	t->crowded = false;
	if (!ask->round)
		ask->round = ++t->rounds;
	for (bool any = true; any;) {
		*ret_due = INT64_MAX;
		ask->again = false;
		choose(t, ask, &p, ret_due);
		any = p.plan.why;
		r = any ? work(t, &p, ask) : ask->again;
		if (any && r < 0 && r != -ERR_CANCELLED)
			set_stuck(p.te, ask, &p.in[0].info.day, r);
		else
			any = false;
		pick_done(&p);
	}
	return r > 0 ? r : end_round(ask, r);
}

/* --- The thread */

struct rounds { unsigned failures; int64_t due_ns; uint64_t serving; struct compact_ask ask; };

/* With the lock held: what the waiters want, if there are any. Who comes in the middle of a round begins one of his own. */
static void next_ask(struct tsdb *t, struct rounds *d)
{
	bool wanted = t->compact_waiters && t->compact_wanted > t->compact_done;

	if (d->ask.all != wanted || d->serving != t->compact_wanted)
		d->ask = (struct compact_ask) { .all = wanted };
	d->ask.tenant = wanted ? t->compact_tenant : 0;
	d->ask.now_ns = clock_now_ns();
	d->serving = t->compact_wanted;
}

static void sleep_until(struct tsdb *t, const struct rounds *d)
{
	int64_t wall = MIN(d->due_ns - clock_now_ns(), LOOK_AGAIN_S * NS_PER_S), until = clock_mono_ns() + MAX(wall, NS_PER_S);

	if (d->failures)
		until = clock_mono_ns() + MIN((int64_t) RETRY_S << MIN(d->failures - 1, 5u), (int64_t) RETRY_S_MAX) * NS_PER_S;
	while (!t->compact_stop && !t->compact_look && cond_wait_until(&t->compact_cond, &t->mutex, until))
		;
	t->compact_look = false;
}

static void served(struct tsdb *t, uint64_t serving, int r)
{
	t->compact_done = serving;
	t->compact_error = r;
	if (r < 0)
		t->compact_failure = err_take(r);
	cond_broadcast(&t->compact_cond);
}

static void compact_main(void *arg)
{
	struct tsdb *t = arg;
	struct rounds d = { 0 };

	thread_background();
	mutex_lock(&t->mutex);
	while (!t->compact_stop) {
		next_ask(t, &d);
		mutex_unlock(&t->mutex);
		int r = compact_step(t, &d.ask, &d.due_ns);
		mutex_lock(&t->mutex);
		if (r <= 0)
			d.failures = r < 0 && r != -ERR_CANCELLED ? d.failures + 1 : 0;
		if (d.ask.all && r <= 0)
			served(t, d.serving, r);
		if (r < 0)
			err_clear();
		/* Who was served looked at what is there, not at when it is due. */
		if (r <= 0 && !d.ask.all)
			sleep_until(t, &d);
	}
	mutex_unlock(&t->mutex);
}

int compact_start(struct tsdb *t)
{
	if (t->config.compact_rate < 0)
		return 0;
	t->compact_stop = false;
	int r = thread_start(&t->compact_thread, "tsdb.compact", compact_main, t);
	t->compact_running = r == 0;
	return r;
}

void compact_stop(struct tsdb *t)
{
	mutex_lock(&t->mutex);
	t->compact_stop = true;
	cond_broadcast(&t->compact_cond);
	mutex_unlock(&t->mutex);
	thread_join(&t->compact_thread);
	t->compact_running = false;
	t->compact_stop = false;
}

void compact_look(struct tsdb *t)
{
	mutex_hold(&t->mutex);
	t->compact_look = true;
	cond_broadcast(&t->compact_cond);
}

/* --- Who asks */

static int all_here(struct tsdb *t, const struct tsdb_compact *how)
{
	struct compact_ask ask = { .all = true, .tenant = how->tenant, .now_ns = clock_now_ns(), .is_cancelled = how->is_cancelled, .ctx = how->ctx };
	int64_t due;
	int r;

	while ((r = compact_step(t, &ask, &due)) > 0)
		if (how->on_progress)
			how->on_progress(how->ctx);
	return r;
}

static int wait_for(struct tsdb *t, const struct tsdb_compact *how, uint64_t mine)
{
	while (t->compact_done < mine) {
		if (t->compact_stop || !t->compact_running)
			return err_fail(ERR_STOPPING, NULL, NULL);
		cond_wait_until(&t->compact_cond, &t->mutex, clock_deadline(WAIT_MS));
		mutex_unlock(&t->mutex);
		bool end = how->is_cancelled && how->is_cancelled(how->ctx);
		if (how->on_progress)
			how->on_progress(how->ctx);
		mutex_lock(&t->mutex);
		if (end && t->compact_done < mine)
			return cancelled();
	}
	if (t->compact_error < 0)
		err_put(&t->compact_failure);
	return t->compact_error;
}

int tsdb_compact(struct tsdb *t, const struct tsdb_compact *how)
{
	static const struct tsdb_compact everything;
	uint64_t aside = t->set_aside;
	int r;

	how = how ?: &everything;
	if (!t->compact_running) {
		r = all_here(t, how);
	} else {
		mutex_hold(&t->mutex);
		t->compact_tenant = t->compact_waiters && t->compact_tenant != how->tenant ? 0 : how->tenant;
		t->compact_waiters++;
		t->compact_hurry++;
		t->compact_look = true;
		uint64_t mine = ++t->compact_wanted;
		cond_broadcast(&t->compact_cond);
		r = wait_for(t, how, mine);
		t->compact_hurry--;
		t->compact_waiters--;
	}
	/* Whatever could be merged is; that something could not is not passed over in silence. */
	if (r == 0 && t->set_aside > aside) {
		mutex_hold(&t->mutex);
		err_put(&t->merge_error);
		r = -(int) t->merge_error.kind;
	}
	return r;
}

/* --- Back-pressure */

struct waiting { uint32_t of_a_day; size_t all; };

/* The most files that wait in one of these days, and those of all days. */
static struct waiting count_waiting(const struct catalog *c, const int32_t *days, size_t n)
{
	_cleanup_free_ uint32_t *count = sys_alloc_array(n + 1, sizeof(*count));
	struct waiting w = { 0 };

	for (size_t i = 0; count && i < c->n; i++) {
		int32_t day = file_info(c->file[i])->day;
		size_t lo = 0, hi = n;

		/* Parts of a day and what cannot be merged do not wait. */
		if (file_level(c->file[i]) == LEVEL_DAY || file_is_aside(c->file[i]))
			continue;
		w.all++;
		while (lo < hi) {
			size_t mid = lo + (hi - lo) / 2;

			if (days[mid] < day)
				lo = mid + 1;
			else
				hi = mid;
		}
		if (lo < n && days[lo] == day)
			w.of_a_day = MAX(w.of_a_day, ++count[lo]);
	}
	return w;
}

/* Only what merging makes fewer holds back: samples of very many days need very many files. */
int compact_admit(struct tsdb *t, struct tenant *te, const int32_t *days, size_t n)
{
	_cleanup_(catalog_unrefp) struct catalog *c = catalog_ref(te);
	struct waiting w = count_waiting(c, days, n);
	bool full = w.all && w.all + n > t->config.files_max, over = full || w.of_a_day >= t->config.files_day_max;

	te->is_full = full;
	if (w.of_a_day >= PLAN_URGENT || over) {
		t->crowded = true;
		compact_look(t);
	}
	if (over != te->held_back)
		tell(t, over ? TSDB_HELD_BACK : TSDB_HELD_NO_MORE, te->id, NULL);
	t->n_held += (unsigned) over - (unsigned) te->held_back;
	te->held_back = over;
	t->held_total += over;
	return over ? err_fail(ERR_BUSY, "what", "@merging", NULL) : 0;
}

/* --- Figures */

void compact_stats(struct tsdb *t, struct tsdb_stats *ret)
{
	ret->merges = t->merges;
	ret->merge_failures = t->merge_failures;
	ret->merged_in = t->merged_in;
	ret->merged_out = t->merged_out;
	ret->merged_rows = t->merged_rows;
	ret->merged_same = t->merged_same;
	ret->merging_tenant = t->merging_tenant;
	ret->merging_day = t->merging_day;
	ret->merging_rows = t->merging_rows;
	ret->merging_of = t->merging_of;
	ret->held_back = t->n_held;
	ret->held_total = t->held_total;
	ret->files_replaced = file_pool_doomed(t->pool);
	mutex_hold(&t->mutex);
	ret->merge_error = t->merge_error;
	ret->merge_error_ns = t->merge_error_ns;
}
