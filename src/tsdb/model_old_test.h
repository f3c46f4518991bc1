/*
 * model_old_test.h - a life in which samples grow old, and one in which people correct them: what may still be seen of each series, from retain.h alone.
 * It is a part of model_test.h.
 *
 * Of each series there are three stretches of time. Before `none` nothing is seen. From `sure` on every sample is. Between the two some may be: figures
 * are kept longer than their samples there, or the clock went back, or somebody keeps them longer than he did; what is on the disk still is seen again.
 * What is seen there must have been written, and not deleted.
 */
#pragma once

#include "tsdb/keep/retain_impl.h"

/* --- How long */

static uint32_t at_least_as_long(uint32_t days, uint32_t finer) { return !days || !finer ? 0 : MAX(days, finer); }
static int64_t days_ago(int32_t today, uint32_t days) { return days && today != RETAIN_NEVER ? ((int64_t) today - days) * DAY : INT64_MIN; }
static bool exact(const struct model *m, unsigned i) { return m->none[i] >= m->sure[i]; }

static int32_t today_of(struct model *m)
{
	struct tenant *te = m->ages ? tenant_find(m->f.t, 1) : NULL;

	return te ? te->retain_day : RETAIN_NEVER;
}

/* What is kept as of now; after whatever may have changed it. */
static void look_at_days(struct model *m)
{
	const uint32_t *all = m->f.config.keep.days;

	m->today = today_of(m);
	for (unsigned i = 0; i < SERIES; i++) {
		uint32_t raw = m->own_days[i] ? m->own_days[i] : all[TSDB_SAMPLES];

		raw = raw > TSDB_DAYS_MAX ? 0 : raw;
		uint32_t hours = at_least_as_long(all[TSDB_HOURS], at_least_as_long(all[TSDB_MINUTES], raw));
		int64_t sure = days_ago(m->today, raw), none = days_ago(m->today, naive_is_text(m->types[i]) ? raw : hours);
		/* What goes while newer writes wait to be merged with it is summed up without them. */
		bool any = m->of[i].n && (m->dirty[i] || m->of[i].item[0].s.time_ns < sure);
		m->muddled[i] |= sure > m->sure[i] && any && !m->clean;
		m->came_back[i] |= none < m->none[i];
		m->muddled[i] |= m->came_back[i];
		m->sure[i] = MAX(m->sure[i], sure);
		m->none[i] = none;
	}
}

/* As the module says it. */
static bool says_the_same(struct model *m)
{
	for (unsigned i = 0; i < SERIES; i++) {
		const uint32_t raw = m->own_days[i] ? m->own_days[i] : m->f.config.keep.days[TSDB_SAMPLES];
		int64_t got = tsdb_kept_from(m->f.t, 1, m->series[i]), want = days_ago(m->today, raw > TSDB_DAYS_MAX ? 0 : raw);

		if (got != want && m->today == today_of(m)) {
			printf("# series %u is kept from %lld, want %lld\n", m->series[i], (long long) got, (long long) want);
			return false;
		}
	}
	return true;
}

/* A month of this process later: its own clock, which wall clocks cannot hurry, is told so. */
static void tick(struct model *m, int64_t jump)
{
	struct tenant *te = tenant_find(m->f.t, 1);

	if (!m->ages || !te) {
		atomic_fetch_add(&wall_ns, jump);
		return;
	}
	mutex_lock(&m->f.t->compact_lock);
	look_at_days(m);
	atomic_fetch_add(&wall_ns, jump);
	te->retain_mono_ns = clock_mono_ns() - 30 * DAY;
	retain_tick(te, atomic_load(&wall_ns), clock_mono_ns());
	mutex_unlock(&m->f.t->compact_lock);
	look_at_days(m);
}

/* Flushed and merged: figures of a day say all that was written for it. */
static bool all_merged(struct model *m)
{
	m->clean = settle(m) && tsdb_flush(m->f.t) == 0 && tsdb_compact(m->f.t, NULL) == 0;
	return m->clean;
}

static bool days_pass(struct model *m)
{
	bool merged = m->orderly || once_in(m, 2);

	if (!m->ages)
		return true;
	if (merged && !all_merged(m))
		return false;
	int64_t wall = atomic_load(&wall_ns) + (int64_t) (3600 + rnd(m, 40 * 3600)) * NS_PER_S;
	m->now = MAX(m->now, wall - (int64_t) rnd(m, once_in(m, 3) ? 2 * 86400 : 7200) * NS_PER_S);
	tick(m, wall - atomic_load(&wall_ns));
	/* A day begins for the store when something was written in it. */
	unsigned i = (unsigned) rnd(m, SERIES);
	struct sample s = { .series = m->series[i], .time_ns = m->now, .value = some_value(m, i) };
	bool good = write_sample(m, i, &s);
	good = good && settle(m) && tsdb_flush(m->f.t) == 0;
	m->clean = merged;
	tick(m, 0);
	m->clean = false;
	return good && says_the_same(m);
}

static bool clock_goes_back(struct model *m)
{
	if (m->orderly)
		return true;
	tick(m, -3 * DAY);
	return !m->ages || says_the_same(m);
}

static uint32_t some_days(struct model *m) { return once_in(m, 5) ? 0 : 1 + (uint32_t) rnd(m, 6); }

static void choose_retention(struct model *m)
{
	uint32_t *d = m->f.config.keep.days;

	if (m->orderly) {
		d[TSDB_SAMPLES] = 1 + (uint32_t) rnd(m, 2);
		d[TSDB_MINUTES] = d[TSDB_SAMPLES] + (uint32_t) rnd(m, 4);
		d[TSDB_HOURS] = once_in(m, 3) ? 0 : d[TSDB_MINUTES] + (uint32_t) rnd(m, 5);
		return;
	}
	d[TSDB_SAMPLES] = some_days(m);
	d[TSDB_MINUTES] = once_in(m, 2) ? d[TSDB_SAMPLES] : some_days(m);
	d[TSDB_HOURS] = once_in(m, 2) ? d[TSDB_MINUTES] : some_days(m);
}

/* Of one series, or of all. */
static bool keep_otherwise(struct model *m)
{
	unsigned i = (unsigned) rnd(m, SERIES);

	if (!m->ages || is_left_alone(m, i))
		return true;
	if ((m->orderly || once_in(m, 2)) && !all_merged(m))
		return false;
	mutex_lock(&m->f.t->compact_lock);
	look_at_days(m);
	if (!m->orderly && once_in(m, 4)) {
		choose_retention(m);
		tsdb_retain_all(m->f.t, &m->f.config.keep);
	} else {
		m->own_days[i] = once_in(m, 4) ? 0 : once_in(m, 6) ? TSDB_DAYS_MAX + 1 : some_days(m);
		tsdb_retain(m->f.t, 1, m->series[i], m->own_days[i]);
	}
	look_at_days(m);
	mutex_unlock(&m->f.t->compact_lock);
	m->clean = false;
	return says_the_same(m);
}

/* How long each is kept is said between tsdb_open() and tsdb_start(), as who knows the points says it. */
static bool begin(struct model *m)
{
	bool good = fixture_open(&m->f) == 0;

	for (unsigned i = 0; good && m->ages && i < SERIES; i++)
		tsdb_retain(m->f.t, 1, m->series[i], m->own_days[i]);
	good = good && tsdb_start(m->f.t) == 0;
	if (!good)
		printf("# %s\n", err_log_text(err_peek()));
	return good;
}

/* No file is left of a day that nobody keeps anything of. */
static bool nothing_old_is_left(struct model *m)
{
	_cleanup_(catalog_unrefp) struct catalog *c = catalog_ref(tenant_find(m->f.t, 1));
	int64_t least = INT64_MAX;

	look_at_days(m);
	for (unsigned i = 0; i < SERIES; i++)
		least = MIN(least, m->none[i]);
	for (size_t i = 0; i < c->n && least != INT64_MIN; i++)
		if (file_info(c->file[i])->day < least / DAY && m->today == today_of(m)) {
			printf("# a file of day %d is left, nothing is kept before day %lld\n", file_info(c->file[i])->day, (long long) (least / DAY));
			for (size_t k = 0; k < c->n; k++)
				printf("#  file %llu of day %d: level %d, parts %d, rank %llu, aside %d\n", (unsigned long long) file_info(c->file[k])->number,
					file_info(c->file[k])->day, file_level(c->file[k]), file_info(c->file[k])->parts, (unsigned long long) file_info(c->file[k])->rank,
					file_is_aside(c->file[k]));
			return false;
		}
	return true;
}

/* Of which figures alone are left. */
static unsigned bare_files(struct model *m)
{
	_cleanup_(catalog_unrefp) struct catalog *c = catalog_ref(tenant_find(m->f.t, 1));
	unsigned n = 0;

	for (size_t i = 0; i < c->n; i++)
		n += !(file_info(c->file[i])->parts & PART_RAW);
	return n;
}

/* --- Corrections (service/correction.h): a sample is written again, or added, with a quality that says so; undone, what was there before stands again. */

static bool there_now(struct model *m, unsigned i, int64_t t, struct sample *ret)
{
	struct naive_ask a = { .s = m->of[i].item, .n = m->of[i].n };
	size_t k = naive_find(&a, t);

	if (k == a.n || a.s[k].s.time_ns != t)
		return false;
	*ret = a.s[k].s;
	return true;
}

/* What a correction finds is what it remembers. */
static bool looks_so(struct model *m, unsigned i, int64_t t, const struct sample *want)
{
	struct record got = { 0 };
	struct tsdb_query q = ask(&m->series[i], 1, t, t + 1);
	int r = tsdb_range(m->f.t, &q, record_batch, &got);
	bool good = r == 0 && got.n == (want != NULL) && (!want || same_sample(&got.item[0].s, want));

	if (!good)
		printf("# series %u at %lld: %zu samples, want %d\n", m->series[i], (long long) t, got.n, want != NULL);
	record_done(&got);
	return good;
}

static void forget(struct correction *c)
{
	if (naive_is_text((uint8_t) c->before.value.type))
		free((char *) (uintptr_t) c->before.value.s);
	*c = (struct correction) { 0 };
}

static bool correct(struct model *m)
{
	struct correction *c = &m->corrected[m->corrections % CORRECTIONS], new = { .i = (unsigned) rnd(m, SERIES), .stands = true };
	unsigned i = new.i;

	if (!settle(m))
		return false;
	new.at = once_in(m, 3) ? m->now - (int64_t) rnd(m, 86400) * NS_PER_S : known_time(m, i, m->now);
	if (new.at < m->sure[i] || too_late(m, new.at))
		return true;            /* it is kept no more: the deed refuses */
	new.is = there_now(m, i, new.at, &new.before);
	if (!looks_so(m, i, new.at, new.is ? &new.before : NULL))
		return m->today != today_of(m);
	if (naive_is_text((uint8_t) new.before.value.type)) {
		char *copy = malloc(new.before.value.len + 1);

		memcpy(copy, new.before.value.s, new.before.value.len);
		new.before.value.s = copy;
	}
	struct sample s = { .series = m->series[i], .time_ns = new.at, .value = some_value(m, i),
		.quality = (uint32_t) (new.is ? QUALITY_GOOD_EDITED : QUALITY_GOOD_ENTRY_INSERTED) };
	forget(c);
	new.nth = ++m->corrections;
	*c = new;
	return write_sample(m, i, &s) && settle(m);
}

static bool undo(struct model *m)
{
	unsigned newest = 0;
	bool good = true;

	for (unsigned n = 0, k = (unsigned) rnd(m, CORRECTIONS); n < CORRECTIONS && !newest; n++, k = (k + 1) % CORRECTIONS)
		newest = m->corrected[k].stands ? k + 1 : 0;
	if (!newest || !settle(m))
		return newest == 0;
	struct correction *c = &m->corrected[newest - 1];
	/* A later one of the same sample goes first. */
	for (unsigned n = 1, k = newest % CORRECTIONS; n < CORRECTIONS; n++, k = (k + 1) % CORRECTIONS)
		if (m->corrected[k].stands && m->corrected[k].i == c->i && m->corrected[k].at == c->at && m->corrected[k].nth > c->nth)
			c = &m->corrected[k];
	if (c->at < m->sure[c->i] || too_late(m, c->at))
		good = true;
	else if (c->is)
		good = write_sample(m, c->i, &c->before) && settle(m);
	else
		good = take_one(m, c->i, c->at);
	m->undone++;
	forget(c);
	return good;
}
