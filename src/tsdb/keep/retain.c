/* retain.c - see retain.h: the day from which days are counted, what is too old, and files that go. */
#include "tsdb/keep/retain_impl.h"

#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/num.h"
#include "base/str.h"

#define HOUR (INT64_C(3600) * NS_PER_S)
enum { HURRY = 2, STEP_FILES = 256, SPLIT_SHARE = 4 };

/* --- The clock */

static bool clock_path(const struct tenant *te, char path[PATH_MAX]) { return path_join(path, PATH_MAX, te->dir, "ts/clock"); }

static int32_t day_of(int64_t ns) { return (int32_t) (ns / NS_PER_DAY - (ns % NS_PER_DAY < 0)); }

/* Lost, it is when the newest file was written: nothing was believed that is later. */
int retain_open(struct tenant *te, const struct manifest *m)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 64);
	char path[PATH_MAX];
	int64_t ns;

	for (size_t i = 0; i < m->n; i++)
		te->retain_ns = MAX(te->retain_ns, m->file[i].written_ns);
	te->retain_day = RETAIN_NEVER;
	int r = clock_path(te, path) ? file_read(path, 40, &b) : sys_fail(ENAMETOOLONG, "open", te->dir);
	if (r == 0 && b.len && num_parse_i64(b.data, b.data + b.len, &ns) == b.len)
		te->retain_ns = ns;
	if (r == -ERR_MISSING || r == -ERR_TOO_LARGE) {
		err_clear();
		r = 0;
	}
	te->retain_kept_ns = te->retain_ns;
	return r;
}

static int64_t newest_file(struct tenant *te)
{
	_cleanup_(catalog_unrefp) struct catalog *c = catalog_ref(te);
	int64_t newest = 0;

	for (size_t i = 0; i < c->n; i++)
		newest = MAX(newest, file_info(c->file[i])->written_ns);
	return newest;
}

static void keep_clock(struct tenant *te)
{
	char path[PATH_MAX], text[NUM_TEXT_MAX];

	if (te->retain_ns - te->retain_kept_ns < HOUR || !clock_path(te, path))
		return;
	size_t n = num_format_i64(text, te->retain_ns);
	/* Not written, it is believed a little less after the next start. */
	if (file_write(path, text, n, 0640) < 0)
		err_clear();
	te->retain_kept_ns = te->retain_ns;
}

int retain_tick(struct tenant *te, int64_t wall, int64_t mono)
{
	int64_t elapsed = te->retain_mono_ns ? mono - te->retain_mono_ns : 0;
	int32_t was = te->retain_day;

	te->retain_mono_ns = mono;
	if (!te->retain_ns)
		te->retain_ns = wall;
	te->retain_ns = MIN(wall, te->retain_ns + HURRY * elapsed);
	keep_clock(te);
	te->retain_day = day_of(MIN(te->retain_ns, newest_file(te)));
	return te->retain_day != was;
}

/* --- Days */

static uint32_t at_least(uint32_t days, uint32_t finer) { return !days || !finer ? 0 : MAX(days, finer); }

/* As tsdb_retain() takes it. */
static uint32_t said_of(const struct tsdb_retention *all, const struct series *s)
{
	uint32_t instead = all->instead && s->number < all->n_instead ? all->instead[s->number] : TSDB_AS_IT_IS;

	return instead == TSDB_AS_IT_IS ? s->raw_days : instead;
}

static struct tsdb_retention of_series(const struct tsdb_retention *all, const struct series *s)
{
	uint32_t said = said_of(all, s);
	struct tsdb_retention r = *all;

	if (said)
		r.days[TSDB_SAMPLES] = said > TSDB_DAYS_MAX ? 0 : said;
	r.days[TSDB_MINUTES] = at_least(r.days[TSDB_MINUTES], r.days[TSDB_SAMPLES]);
	r.days[TSDB_HOURS] = at_least(r.days[TSDB_HOURS], r.days[TSDB_MINUTES]);
	return r;
}

static uint8_t parts_of(const struct tsdb_retention *all, const struct series *s, int32_t today, int32_t day)
{
	static const uint8_t part[TSDB_KEPT] = { PART_RAW, PART_MINUTES, PART_HOURS };
	struct tsdb_retention how = of_series(all, s);
	uint8_t parts = PARTS_ALL;

	for (unsigned i = 0; i < TSDB_KEPT && today != RETAIN_NEVER; i++)
		if (how.days[i] && (int64_t) day < (int64_t) today - how.days[i])
			parts &= (uint8_t) ~part[i];
	return parts;
}

static struct tsdb_retention retention(const struct tsdb *t)
{
	struct tsdb_retention r = { .instead = NULL };

	for (unsigned i = 0; i < TSDB_KEPT; i++)
		r.days[i] = t->keep_days[i];
	return r;
}

uint8_t retain_parts(const struct tsdb *t, const struct tenant *te, const struct series *s, int32_t day)
{
	struct tsdb_retention all = retention(t);

	return parts_of(&all, s, te->retain_day, day);
}

int64_t retain_from(const struct tsdb *t, const struct tenant *te, const struct series *s)
{
	struct tsdb_retention all = retention(t);
	uint32_t days = of_series(&all, s).days[roll_has(s->type) ? TSDB_HOURS : TSDB_SAMPLES];
	int32_t today = te->retain_day;

	return days && today != RETAIN_NEVER ? ((int64_t) today - days) * NS_PER_DAY : INT64_MIN;
}

bool retain_raw(uint8_t may, uint8_t has, const struct series *s)
{
	if (may & PART_RAW || !roll_has(s->type))
		return may & PART_RAW;
	return has & PART_MINUTES ? false : has & PART_HOURS ? may & PART_MINUTES : may & PART_HOURS;
}

void tsdb_retain(struct tsdb *t, uint32_t tenant, uint32_t series, uint32_t days)
{
	struct tenant *te = tenant_find(t, tenant);
	struct series *s = te ? names_series(te->names, series) : NULL;
	uint16_t now = (uint16_t) MIN(days, (uint32_t) TSDB_DAYS_MAX + 1);

	if (!s || s->raw_days == now)
		return;
	s->raw_days = now;
	te->retain_longest = MAX(te->retain_longest, now);
	t->keep_changes++;
	te->retain_looked = RETAIN_NEVER;
}

void tsdb_retain_all(struct tsdb *t, const struct tsdb_retention *how)
{
	for (unsigned i = 0; i < TSDB_KEPT; i++)
		t->keep_days[i] = how->days[i];
	t->keep_changes++;
	rwlock_read(&t->tenants_lock);
	for (size_t i = 0; i < t->n_tenants; i++)
		t->tenant[i]->retain_looked = RETAIN_NEVER;
	rwlock_unlock(&t->tenants_lock);
	compact_look(t);
}

void tsdb_retained(struct tsdb *t, struct tsdb_retention *ret) { *ret = retention(t); }

int64_t tsdb_kept_from(struct tsdb *t, uint32_t tenant, uint32_t series)
{
	struct tenant *te = tenant_find(t, tenant);
	const struct series *s = te ? names_series(te->names, series) : NULL;
	struct tsdb_retention all = retention(t);

	if (!te || (series && !s) || te->retain_day == RETAIN_NEVER)
		return INT64_MIN;
	uint32_t days = s ? of_series(&all, s).days[TSDB_SAMPLES] : all.days[TSDB_SAMPLES];
	if (!s && days)
		days = te->retain_longest > TSDB_DAYS_MAX ? 0 : MAX(days, (uint32_t) te->retain_longest);
	return days ? ((int64_t) te->retain_day - days) * NS_PER_DAY : INT64_MIN;
}

/* --- Files */

struct ranked { int32_t day; bool merged, aside; struct file *file; };

static int by_day(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	return (x->day > y->day) - (x->day < y->day);
}

int retain_mixed(const struct catalog *c, struct mixed_days *ret)
{
	_cleanup_free_ struct ranked *f = sys_alloc_array(c->n + 1, sizeof(*f));
	int32_t *day = sys_alloc_array(c->n + 1, sizeof(*day));
	size_t n = 0, k = 0;

	if (!f || !day) {
		sys_free(day);
		return err_fail(ERR_NO_MEMORY, "what", "retention", NULL);
	}
	for (size_t i = 0; i < c->n; i++) {
		const struct file_info *x = file_info(c->file[i]);

		if (x->parts & PART_RAW)
			f[n++] = (struct ranked) { x->day, file_level(c->file[i]) == LEVEL_DAY, file_is_aside(c->file[i]), c->file[i] };
	}
	qsort(f, n, sizeof(*f), by_day);
	for (size_t i = 0, next; i < n; i = next) {
		bool mixed = false, aside = false;

		for (next = i; next < n && f[next].day == f[i].day; next++) {
			mixed |= !f[next].merged;
			aside |= f[next].aside;
		}
		/* Several day files stay where they are apart; others are to be merged. */
		for (size_t a = i; a < next && !aside; a++)
			for (size_t b = i; b < a && !mixed; b++)
				mixed = !files_apart(f[a].file, f[b].file);
		/* What cannot be read is never merged: it holds back nothing. */
		if (mixed && !aside)
			day[k++] = f[i].day;
	}
	*ret = (struct mixed_days) { day, k };
	return 0;
}

bool retain_is_mixed(const struct mixed_days *m, int32_t day)
{
	size_t lo = 0, hi = m->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->day[mid] < day)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < m->n && m->day[lo] == day;
}

struct looking { struct tenant *te; struct tsdb_retention how; int32_t today; uint64_t samples; struct mixed_days mixed; };

static const struct idx *use(struct file *f)
{
	const struct idx *x;

	if (f && file_use(f, &x) == 0)
		return x;
	err_clear();
	return NULL;
}

static bool needed(const struct looking *l, const struct idx *x, uint8_t part, int32_t day)
{
	for (uint32_t i = 0; i < x->n; i++) {
		const struct series *s = names_series(l->te->names, x->entry[i].series);

		if (!s || parts_of(&l->how, s, l->today, day) & part)
			return true;
	}
	return false;
}

/* The samples of a series go when its figures say what they said. */
static bool raw_needed(struct looking *l, const struct idx *raw, const struct idx *const figures[ROLL_TIERS], int32_t day)
{
	bool any = false;

	for (uint32_t i = 0; i < raw->n; i++) {
		const struct idx_entry *e = &raw->entry[i];
		const struct series *s = names_series(l->te->names, e->series);
		uint8_t has = 0;

		for (unsigned t = 0; t < ROLL_TIERS; t++)
			if (figures[t] && idx_find(figures[t], e->series))
				has |= roll_part(t);
		if (!s || retain_raw(parts_of(&l->how, s, l->today, day), has, s))
			any = true;
		else
			l->samples += e->n;
	}
	return any;
}

/* The parts of the file that somebody needs. What cannot be read is needed. */
static uint8_t look(struct looking *l, struct file *f)
{
	const struct file_info *info = file_info(f);
	const struct idx *none[ROLL_TIERS] = { NULL }, *figures[ROLL_TIERS], *raw = info->parts & PART_RAW ? use(f) : NULL;
	uint8_t parts = info->parts;

	for (unsigned t = 0; t < ROLL_TIERS; t++)
		figures[t] = use(file_roll(f, t));
	if (raw && !raw_needed(l, raw, retain_is_mixed(&l->mixed, info->day) ? none : figures, info->day))
		parts &= (uint8_t) ~PART_RAW;
	for (unsigned t = 0; t < ROLL_TIERS; t++)
		if (figures[t] && !needed(l, figures[t], roll_part(t), info->day))
			parts &= (uint8_t) ~roll_part(t);
	for (unsigned t = 0; t < ROLL_TIERS; t++)
		if (figures[t])
			file_leave(file_roll(f, t));
	if (raw)
		file_leave(f);
	return parts;
}

/* Nothing that is younger can be too old. */
static bool may_be_old(const struct looking *l, const struct file *f, uint32_t least)
{
	return file_level(f) == LEVEL_DAY && least && (int64_t) file_info(f)->day < (int64_t) l->today - least;
}

static uint32_t least_days(const struct looking *l)
{
	uint32_t least = l->how.days[TSDB_SAMPLES] ? l->how.days[TSDB_SAMPLES] : UINT32_MAX;

	for (uint32_t i = 1; i <= names_count(l->te->names); i++) {
		const struct series *s = names_series(l->te->names, i);

		if (s && said_of(&l->how, s))
			least = MIN(least, said_of(&l->how, s));
	}
	return least > TSDB_DAYS_MAX ? 0 : least;
}

bool retain_is_on(const struct tsdb *t, const struct tenant *te)
{
	struct looking l = { .te = (struct tenant *) (uintptr_t) te, .how = retention(t) };

	return te->retain_day != RETAIN_NEVER && least_days(&l);
}

int retain_step(struct tsdb *t, struct tenant *te, struct file **ret_split)
{
	_cleanup_(catalog_unrefp) struct catalog *c = catalog_ref(te);
	struct looking l = { .te = te, .how = retention(t), .today = te->retain_day };
	struct file *gone[STEP_FILES];
	struct trim trim[STEP_FILES];
	size_t n_gone = 0, n_trim = 0;
	int32_t today = te->retain_day;

	if (today == RETAIN_NEVER || (te->retain_looked == today && te->retain_version == te->version))
		return 0;
	int r = retain_mixed(c, &l.mixed);
	if (r < 0)
		return r;
	uint64_t version = te->version, looked = (uint64_t) (uint32_t) today << 32 | (t->keep_changes + 1);
	uint32_t least = least_days(&l);
	te->retain_looked = today;
	for (size_t i = 0; i < c->n && n_gone < STEP_FILES && n_trim < STEP_FILES; i++) {
		if (!may_be_old(&l, c->file[i], least) || file_is_aside(c->file[i]) || file_was_looked(c->file[i], looked))
			continue;
		const struct file_info *f = file_info(c->file[i]);
		uint64_t before = l.samples;
		uint8_t parts = look(&l, c->file[i]);

		/* Written again for a quarter of it, and then so that there is nothing left to look for today. */
		if (parts == f->parts && (l.samples - before) * SPLIT_SHARE >= f->rows && l.samples > before) {
			file_unref(*ret_split);
			*ret_split = file_ref(c->file[i]);
		} else if (parts == f->parts) {
			file_set_looked(c->file[i], looked);
		}
		if (!parts)
			gone[n_gone++] = c->file[i];
		else if (parts != f->parts)
			trim[n_trim++] = (struct trim) { c->file[i], parts };
	}
	sys_free(l.mixed.day);
	te->retain_version = *ret_split ? 0 : version;
	if (!n_gone && !n_trim)
		return 0;
	*ret_split = file_unref(*ret_split);
	r = tenant_change(te, &(struct change) { .remove = gone, .n_remove = n_gone, .trim = trim, .n_trim = n_trim });
	if (r < 0)
		te->retain_looked = RETAIN_NEVER;
	else if (t->config.on_event)
		t->config.on_event(t->config.ctx, TSDB_OLD_GONE, te->id, NULL);
	return r < 0 ? r : 1;
}

static void would_go(struct tenant *te, const struct tsdb_retention *how, struct tsdb_would_go *w)
{
	_cleanup_(catalog_unrefp) struct catalog *c = catalog_ref(te);
	struct looking l = { .te = te, .how = *how, .today = te->retain_day };
	uint32_t least = least_days(&l);

	if (te->retain_day == RETAIN_NEVER)
		return;
	w->today_ns = MAX(w->today_ns, te->retain_day * NS_PER_DAY);
	for (size_t i = 0; i < c->n; i++) {
		const struct file_info *f = file_info(c->file[i]);
		uint64_t before = l.samples;

		if (!may_be_old(&l, c->file[i], least))
			continue;
		uint8_t parts = look(&l, c->file[i]);
		if (parts == f->parts && l.samples == before)
			continue;
		w->files += !parts;
		w->bytes += f->parts & PART_RAW && !(parts & PART_RAW) ? f->bytes : 0;
		w->first_day = MIN(w->first_day, f->day);
		w->last_day = MAX(w->last_day, f->day);
	}
	w->samples += l.samples;
}

int tsdb_would_go(struct tsdb *t, uint32_t tenant, const struct tsdb_retention *how, struct tsdb_would_go *ret)
{
	struct tsdb_would_go w = { .first_day = INT32_MAX, .last_day = INT32_MIN };

	for (size_t i = 0;; i++) {
		struct tenant *te = tenant_at(t, i);
		if (!te)
			break;
		if (!tenant || te->id == tenant)
			would_go(te, how, &w);
	}
	*ret = w;
	return 0;
}
