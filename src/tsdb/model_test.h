/*
 * model_test.h - a store and the record of what it was told: the things that happen to it, at random. tap.h stands before it.
 */
#pragma once

#include <stdatomic.h>

#include "base/str.h"
#include "tsdb/merge/merge_test.h"
#include "tsdb/query/naive_test.h"
#include "tsdb/tsdb_impl.h"

enum { SERIES = 28, LISTS = 3, LIST_MAX = 14, LEASES = 2, BUCKETS_MAX = 3000, PIXELS_MAX = 500, CORRECTIONS = 50 };
enum profile { NASTY, DECIMALS, RANDOM_BITS, SETPOINT, COUNTER, PROFILES };

/* stands: somebody may undo it. is: there was a sample before. */
struct correction { unsigned i; bool stands, is; uint64_t nth; int64_t at; struct sample before; };
struct held { struct tsdb_lease *lease; struct record of[SERIES]; };

struct model {
	struct fixture f;
	uint64_t seed;
	uint32_t series[SERIES], list[LISTS];
	uint8_t types[SERIES], profile[SERIES];
	struct record of[SERIES];
	bool dirty[SERIES];
	int64_t last[SERIES];           /* value of counters and walks */
	unsigned digits[SERIES];
	uint8_t member[LISTS][LIST_MAX];
	uint32_t members[LISTS];
	int64_t now;
	struct held held[LEASES];
	struct thread merging;
	bool is_merging;
	char second[72];                /* "": there is no second folder */
	/* model_old_test.h */
	bool ages;                      /* what is old goes */
	bool orderly;                   /* and nothing is written late where figures alone are left, nor deleted of some series */
	bool clean;                     /* all that was written is merged */
	bool muddled[SERIES];           /* something old was written or deleted late: figures alone cannot say all of it */
	bool came_back[SERIES];         /* something was kept no more, and then was again: of a time the newer of two values may have gone */
	int32_t today;
	uint32_t own_days[SERIES];      /* tsdb_retain() */
	int64_t sure[SERIES], none[SERIES];
	struct correction corrected[CORRECTIONS];
	uint64_t samples, asked, refused, restarts, merges, flushes, deleted, moved, rolled, corrections, undone, hidden, summed;
	char text[BATCH_TEXT_MAX];
};

static _Atomic int64_t wall_ns;
static struct sys_calls real_calls;

static int model_clock(clockid_t id, struct timespec *ret)
{
	int64_t t = atomic_load(&wall_ns);

	if (id != CLOCK_REALTIME)
		return real_calls.clock_gettime(id, ret);
	*ret = (struct timespec) { .tv_sec = (time_t) (t / NS_PER_S), .tv_nsec = (long) (t % NS_PER_S) };
	return 0;
}

static uint64_t rnd(struct model *m, uint64_t n) { return random_next(&m->seed) % n; }
static bool once_in(struct model *m, uint64_t n) { return rnd(m, n) == 0; }

/* --- Values and times */

static struct value walk(struct model *m, unsigned i)
{
	struct value v = { .type = (enum vtype) m->types[i] };
	double scale = pow(10, m->digits[i]);

	switch (m->profile[i]) {
	case COUNTER:
		m->last[i] = once_in(m, 60) ? 0 : m->last[i] + (int64_t) rnd(m, 50);
		break;
	case SETPOINT:
		m->last[i] = once_in(m, 30) ? (int64_t) rnd(m, 7) : m->last[i];
		break;
	default:
		m->last[i] += (int64_t) rnd(m, 201) - 100;
	}
	if (v.type == V_F64)
		v.f64 = (double) m->last[i] / scale;
	else if (v.type == V_F32)
		v.f32 = (float) ((double) m->last[i] / scale);
	else
		v.i = m->last[i];
	return v;
}

static struct value random_bits(struct model *m, uint8_t type)
{
	struct value v = { .type = (enum vtype) type, .i = (int64_t) random_next(&m->seed) };
	uint32_t half = (uint32_t) v.i;

	if (type == V_F32)
		memcpy(&v.f32, &half, 4);
	else if (type == V_F64 && once_in(m, 2))
		v.f64 = (double) (v.i >> 11) * 0x1p-53 * 100;   /* twenty decimals */
	return v;
}

static struct value some_text(struct model *m, uint8_t type)
{
	struct value v = { .type = (enum vtype) type, .s = m->text };

	if (!once_in(m, 40))
		return nasty(type, random_next(&m->seed));
	v.len = (uint32_t) (once_in(m, 12) ? BATCH_TEXT_MAX - rnd(m, 2) : rnd(m, 3000));
	for (uint32_t i = 0; i < v.len; i++)
		m->text[i] = (char) (type == V_STR ? 'a' + rnd(m, 26) : rnd(m, 256));
	return v;
}

static struct value some_value(struct model *m, unsigned i)
{
	uint8_t type = m->types[i];

	if (once_in(m, 90))
		return (struct value) { .type = V_NONE };
	if (type == V_STR || type == V_BYTES)
		return some_text(m, type);
	if (type == V_BOOL)
		return (struct value) { .type = V_BOOL, .b = once_in(m, 2) };
	if (m->profile[i] == NASTY)
		return nasty(type, random_next(&m->seed));
	return m->profile[i] == RANDOM_BITS ? random_bits(m, type) : walk(m, i);
}

static uint32_t some_quality(struct model *m, unsigned i) { return once_in(m, m->profile[i] == NASTY ? 4 : 70) ? nasty_quality(rnd(m, 8)) : 0; }

/* So late that figures may be all that is kept of it. */
static bool too_late(const struct model *m, int64_t t)
{
	int64_t sure = INT64_MIN;

	for (unsigned i = 0; m->orderly && i < SERIES; i++)
		sure = MAX(sure, m->sure[i]);
	return m->orderly && (t < sure + DAY || t < T0 - DAY);
}

static bool is_left_alone(const struct model *m, unsigned i) { return m->orderly && i >= SERIES / 2; }

/* Where a run of rows begins, and how far its rows are apart. */
static int64_t some_start(struct model *m, int64_t *ret_step)
{
	static const int64_t steps[] = { 1, 100, 1000000, NS_PER_S, NS_PER_S, NS_PER_S, 10 * NS_PER_S, 60 * NS_PER_S, 600 * NS_PER_S };
	static const int64_t far[] = { 0, -DAY * 400, INT64_C(4102444800) * NS_PER_S, INT64_C(9214646400) * NS_PER_S };

	*ret_step = steps[rnd(m, ELEMENTSOF(steps))];
	if (once_in(m, 80))
		return far[rnd(m, ELEMENTSOF(far))] + (int64_t) rnd(m, 1000) * NS_PER_S;
	if (once_in(m, 8))
		return m->now - (int64_t) rnd(m, 3 * 86400) * NS_PER_S;
	if (once_in(m, 6))
		return m->now - (int64_t) rnd(m, 7200) * NS_PER_S;
	return m->now;
}

/* --- Writing */

static void note(struct model *m, unsigned i, const struct sample *s)
{
	record_add(&m->of[i], s);
	m->dirty[i] = true;
	m->samples++;
	m->muddled[i] |= s->time_ns < m->sure[i] + DAY;
	m->hidden += s->time_ns < m->none[i];
}

static bool append(struct model *m, struct batch_builder *b)
{
	_cleanup_(batch_unrefp) struct batch *batch = NULL;

	if (batch_builder_rows(b) == 0)
		return true;
	m->clean = false;
	return batch_seal(b, m->now, 0, &batch) == 0 && fixture_append(&m->f, batch) == 0;
}

/* -ERR_FULL: what is there goes first. */
static bool add(struct model *m, struct batch_builder *b, const struct sample *s)
{
	int r = batch_tall_add(b, s);

	if (r == -ERR_FULL) {
		err_clear();
		r = append(m, b) ? batch_tall_add(b, s) : r;
	}
	return r == 0;
}

/* When the series has a sample already: one of the last few hundred in half of the cases, else any. */
static int64_t known_time(struct model *m, unsigned i, int64_t otherwise)
{
	size_t n = m->of[i].n, newest = MIN(n, (size_t) 300);

	if (n == 0)
		return otherwise;
	return m->of[i].item[once_in(m, 2) ? n - 1 - rnd(m, newest) : rnd(m, n)].s.time_ns;
}

static bool write_one_by_one(struct model *m)
{
	_cleanup_(batch_builder_freep) struct batch_builder *b = NULL;
	uint8_t type = all_types[rnd(m, ELEMENTSOF(all_types))];
	unsigned of_type = (unsigned) (type - V_BOOL), n = 1 + (unsigned) rnd(m, once_in(m, 4) ? 2500 : 200);
	int64_t step, t = some_start(m, &step);
	bool one = once_in(m, 2), jitter = once_in(m, 3), again = once_in(m, 3);

	for (of_type = 0; all_types[of_type] != type; of_type++)
		;
	unsigned i = of_type + 7 * (unsigned) rnd(m, SERIES / 7);
	bool good = batch_builder_new(&b, 0) == 0 && batch_tall(b, 1, 7, (enum vtype) type) == 0;
	for (unsigned k = 0; k < n && good; k++) {
		if (!one)
			i = of_type + 7 * (unsigned) rnd(m, SERIES / 7);
		struct sample s = { .series = m->series[i], .time_ns = again ? known_time(m, i, t) : t, .value = some_value(m, i), .quality = some_quality(m, i) };

		bool pass = too_late(m, s.time_ns);
		good = pass || add(m, b, &s);
		if (good && !pass)
			note(m, i, &s);
		t += jitter ? (int64_t) rnd(m, 5) * step - step : step;
	}
	return good && append(m, b);
}

/* Of a list that is known, or spelled out; cells that nobody sets wait for a value. */
static bool write_together(struct model *m)
{
	_cleanup_(batch_builder_freep) struct batch_builder *b = NULL;
	uint8_t types[LIST_MAX], pick[LIST_MAX];
	uint32_t series[LIST_MAX], k = 0;
	unsigned l = (unsigned) rnd(m, LISTS + 1), n = 1 + (unsigned) rnd(m, 150);
	int64_t step, t = some_start(m, &step);
	bool named = l < LISTS && once_in(m, 2);

	if (l < LISTS) {
		k = m->members[l];
		memcpy(pick, m->member[l], sizeof(pick));
	}
	for (unsigned i = (unsigned) rnd(m, 8); l == LISTS && k < 9 && i < SERIES; i += 1 + (unsigned) rnd(m, 5))
		pick[k++] = (uint8_t) i;
	for (uint32_t i = 0; i < k; i++) {
		types[i] = m->types[pick[i]];
		series[i] = m->series[pick[i]];
	}
	bool good = batch_builder_new(&b, 0) == 0 && (named ? batch_group_list(b, 1, 7, m->list[l], types, k) : batch_group(b, 1, 7, series, types, k)) == 0;
	for (unsigned row = 0; row < n && good; row++, t += once_in(m, 50) ? 0 : step) {
		if (too_late(m, t))
			continue;
		int r = batch_group_row(b, t);

		if (r == -ERR_FULL) {
			err_clear();
			good = append(m, b) && batch_group_row(b, t) == 0;
		}
		for (uint32_t i = 0; i < k && good; i++) {
			struct sample s = { .series = series[i], .time_ns = t, .quality = (uint32_t) QUALITY_BAD_WAITING };

			if (!once_in(m, 13)) {
				struct value v = some_value(m, pick[i]);
				uint32_t q = some_quality(m, pick[i]);

				if (batch_group_set(b, i, v, q) == 0) {
					s.value = v;
					s.quality = q;
				} else {
					err_clear();            /* long texts: the row has no room for this one */
				}
			}
			note(m, pick[i], &s);
		}
	}
	return good && append(m, b);
}

static bool write_sample(struct model *m, unsigned i, const struct sample *s)
{
	_cleanup_(batch_builder_freep) struct batch_builder *b = NULL;
	bool good = batch_builder_new(&b, 0) == 0 && batch_tall(b, 1, 7, (enum vtype) m->types[i]) == 0 && add(m, b, s);

	if (good)
		note(m, i, s);
	return good && append(m, b);
}

static bool settle(struct model *m)
{
	bool good = fixture_settle(&m->f) == 0;

	for (unsigned i = 0; i < SERIES; i++) {
		if (m->dirty[i])
			record_settle(&m->of[i]);
		m->dirty[i] = false;
	}
	return good;
}

/* A type that is not the series', and a series that there is not: counted, and nothing else. Texts longer than a batch takes are not taken. */
static bool write_wrong(struct model *m)
{
	_cleanup_(batch_builder_freep) struct batch_builder *b = NULL;
	unsigned i = (unsigned) rnd(m, SERIES), n = 1 + (unsigned) rnd(m, 20);
	uint8_t type = m->types[i] == V_F64 ? V_I64 : V_F64;
	static char big[BATCH_TEXT_MAX + 1];

	bool good = settle(m) && batch_builder_new(&b, 0) == 0 && batch_tall(b, 1, 7, (enum vtype) type) == 0;
	uint64_t before = stats_of(&m->f).refused;
	for (unsigned k = 0; k < n && good; k++) {
		struct sample s = { .series = once_in(m, 3) ? 100000 : m->series[i], .time_ns = m->now + k, .value = { .type = (enum vtype) type, .i = 7 } };

		good = batch_tall_add(b, &s) == 0;
	}
	good = good && append(m, b) && settle(m);
	m->refused += n;
	if (good && stats_of(&m->f).refused - before != n) {
		printf("# %llu of %u wrong samples were refused\n", (unsigned long long) (stats_of(&m->f).refused - before), n);
		good = false;
	}
	struct sample s = { .series = m->series[4], .time_ns = m->now, .value = { .type = V_BYTES, .s = big, .len = sizeof(big) } };
	good = good && batch_tall(b, 1, 7, V_BYTES) == 0 && batch_tall_add(b, &s) < 0 && err_peek()->kind != ERR_FULL;
	err_clear();
	return good;
}

/* Samples of a series that keeps no history are neither in memory nor in files; the ones before and behind are. */
static bool pass_over(struct model *m)
{
	_cleanup_(batch_builder_freep) struct batch_builder *b = NULL;
	unsigned i = (unsigned) rnd(m, SERIES);

	bool good = flush(&m->f) && batch_builder_new(&b, 0) == 0 && batch_tall(b, 1, 7, (enum vtype) m->types[i]) == 0;
	tsdb_keep(m->f.t, 1, m->series[i], false);
	for (unsigned k = 0; k < 10 && good; k++)
		good = batch_tall_add(b, &(struct sample) { .series = m->series[i], .time_ns = m->now + k * NS_PER_S, .value = some_value(m, i) }) == 0;
	good = good && append(m, b) && flush(&m->f);
	tsdb_keep(m->f.t, 1, m->series[i], true);
	return good;
}

/* --- The store's own life */

static void merge_main(void *arg)
{
	struct model *m = arg;

	if (tsdb_compact(m->f.t, NULL) < 0)
		err_clear();
}

static void merge_end(struct model *m)
{
	if (m->is_merging)
		thread_join(&m->merging);
	m->is_merging = false;
}

static bool merge(struct model *m)
{
	m->merges++;
	if (once_in(m, 3))
		return tsdb_compact(m->f.t, NULL) == 0;
	merge_end(m);
	m->is_merging = thread_start(&m->merging, "merging", merge_main, m) == 0;
	return m->is_merging;
}

static void lease_end(struct held *h)
{
	h->lease = tsdb_lease_end(h->lease);
	for (unsigned i = 0; i < SERIES; i++)
		record_done(&h->of[i]);
}

static bool lease(struct model *m)
{
	struct held *h = &m->held[rnd(m, LEASES)];

	lease_end(h);
	if (!settle(m) || tsdb_flush(m->f.t) < 0 || tsdb_lease(m->f.t, 1, &h->lease) < 0)
		return false;
	for (unsigned i = 0; i < SERIES; i++)
		for (size_t k = 0; k < m->of[i].n; k++)
			record_add(&h->of[i], &m->of[i].item[k].s);
	return true;
}

static int remove_idx(void *ctx, const char *name)
{
	struct model *m = ctx;
	size_t len = strlen(m->text);
	int r = 0;

	snprintf(m->text + len, sizeof(m->text) - len, "/%s", name);
	if (str_ends(name, ".idx") && once_in(m, 5))
		r = unlink(m->text);
	else if (!strchr(name, '.') && !str_eq(name, "manifest"))
		r = dir_each(m->text, remove_idx, m);
	m->text[len] = 0;
	return r;
}

static void take_out(struct model *m, unsigned i, const struct tsdb_stretch *w)
{
	size_t kept = 0;

	for (size_t k = 0; k < m->of[i].n; k++) {
		struct noted *x = &m->of[i].item[k];

		if (x->s.time_ns < w->from_ns || x->s.time_ns >= w->to_ns)
			m->of[i].item[kept++] = *x;
		else if (naive_is_text((uint8_t) x->s.value.type))
			free((char *) (uintptr_t) x->s.value.s);
	}
	m->deleted += m->of[i].n - kept;
	m->of[i].n = kept;
	m->muddled[i] |= w->from_ns < m->sure[i] + DAY;
	m->clean = false;
}

static bool take_one(struct model *m, unsigned i, int64_t at)
{
	const struct tsdb_stretch w = { m->series[i], at, at + 1 };

	take_out(m, i, &w);
	return tsdb_delete(m->f.t, 1, &w, 1, 30000) == 0;
}

/* Stretches of some series, in one step; what is written afterwards is not meant. */
static bool take_away(struct model *m)
{
	struct tsdb_stretch what[SERIES];
	size_t n = 0;

	if (!settle(m))
		return false;
	for (unsigned i = (unsigned) rnd(m, 10); i < SERIES; i += 1 + (unsigned) rnd(m, 20)) {
		struct tsdb_stretch *w = &what[n++];

		*w = (struct tsdb_stretch) { .series = m->series[i], .from_ns = m->now - (int64_t) rnd(m, 2 * 86400) * NS_PER_S };
		if (once_in(m, 2))
			w->from_ns = known_time(m, i, w->from_ns);
		if (once_in(m, 8) || __builtin_add_overflow(w->from_ns, 1 + (int64_t) rnd(m, once_in(m, 2) ? 100000 : 200) * NS_PER_S, &w->to_ns))
			w->to_ns = INT64_MAX;
		if (once_in(m, 15))
			w->from_ns = INT64_MIN;
		if (is_left_alone(m, i) && too_late(m, w->from_ns)) {
			n--;
			continue;
		}
		take_out(m, i, w);
	}
	return n == 0 || tsdb_delete(m->f.t, 1, what, n, 30000) == 0;
}

static bool purge(struct model *m)
{
	uint64_t left = 1;

	merge_end(m);
	for (unsigned i = 0; i < LEASES; i++)
		lease_end(&m->held[i]);         /* a purge waits for whoever reads what is to go */
	return tsdb_purge(m->f.t, &(struct tsdb_purge) { .tenant = 1, .series = m->series, .n_series = SERIES }, &left) == 0 && left == 0;
}

/* Files of old days to the second folder, or back. */
static bool move_files(struct model *m)
{
	int r = 0;

	/* Else the store has a thread of its own for it. */
	while (m->second[0] && m->f.config.compact_rate < 0 && (r = tier_step(m->f.t, atomic_load(&wall_ns))) > 0)
		m->moved++;
	return r == 0;
}

#include "tsdb/model_old_test.h"

static void choose_config(struct model *m)
{
	struct tsdb_retention keep = m->f.config.keep;

	m->f.config = (struct tsdb_config) {
		.keep = keep,
		.head_bytes = once_in(m, 3) ? 1 << 20 : 0, .flush_age_ms = once_in(m, 3) ? 20 : 0, .n_shards = 1 + (unsigned) rnd(m, 4),
		.compact_rate = once_in(m, 4) ? -1 : 64 << 20, .file_bytes = once_in(m, 2) ? 20000 : 0, .files_day_max = 100000, .files_max = 0,
		.whole_rows = once_in(m, 2) ? 1 + rnd(m, 2000) : 0,
	};
	if (m->second[0]) {
		m->f.config.second_dir = m->second;
		m->f.config.second_age_ns = once_in(m, 4) ? 0 : (int64_t) (1 + rnd(m, 3 * 86400)) * NS_PER_S;
	}
}

static bool restart(struct model *m, bool lose_indexes)
{
	merge_end(m);
	for (unsigned i = 0; i < LEASES; i++)
		lease_end(&m->held[i]);
	m->rolled += stats_of(&m->f).rolled;
	bool good = tsdb_stop(m->f.t) == 0;
	look_at_days(m);
	fixture_stop(&m->f);
	m->restarts++;
	if (lose_indexes) {
		snprintf(m->text, sizeof(m->text), "%s/tenants/1/ts", m->f.dir);
		if (dir_each(m->text, remove_idx, m) < 0)
			err_clear();            /* there is no file yet */
	}
	choose_config(m);
	good = good && begin(m);
	look_at_days(m);
	return good;
}

/* One thing that happens. */
static bool model_live(struct model *m)
{
	switch (rnd(m, 31)) {
	case 0:
		m->flushes++;
		return settle(m) && tsdb_flush(m->f.t) == 0;
	case 1:
		return merge(m);
	case 2:
		return !once_in(m, 3) || restart(m, once_in(m, 2));
	case 3:
		return !once_in(m, 2) || lease(m);
	case 4:
		return write_wrong(m);
	case 5:
		/* Days forward, and sometimes back. */
		if (once_in(m, 5))
			return clock_goes_back(m);
		atomic_fetch_add(&wall_ns, (int64_t) rnd(m, 40) * 3600 * NS_PER_S);
		return true;
	case 6:
		return !once_in(m, 6) || pass_over(m);
	case 7:
		return !once_in(m, 2) || take_away(m);
	case 8:
		return !once_in(m, 8) || purge(m);
	case 9:
		return move_files(m);
	case 10 ... 17:
		return write_one_by_one(m);
	case 27:
		return days_pass(m);
	case 28:
		return !once_in(m, 3) || keep_otherwise(m);
	case 29:
		return correct(m);
	case 30:
		return !once_in(m, 2) || undo(m);
	default:
		return write_together(m);
	}
}

/* --- Beginning and end */

static bool model_begin(struct model *m)
{
	struct uuid points[SERIES];
	bool good;

	real_calls = sys;
	sys.clock_gettime = model_clock;
	m->now = T0 + DAY / 2;
	atomic_store(&wall_ns, m->now);
	const char *keep = getenv("TENON_MODEL_KEEP"), *tmp = getenv("TMPDIR");

	snprintf(m->f.dir, sizeof(m->f.dir), keep ? "%.60s" : "%.40s/tenon-model-XXXXXX", keep ? keep : tmp ? tmp : "/tmp");
	good = keep || mkdtemp(m->f.dir);
	if (!keep && once_in(m, 2)) {
		snprintf(m->second, sizeof(m->second), "%s-second", m->f.dir);
		good = good && dir_make(m->second, 0700) == 0;
	}
	/* What is kept is for others to compare as it was written. */
	m->ages = !keep && once_in(m, 2);
	m->orderly = m->ages && once_in(m, 2);
	if (m->ages)
		choose_retention(m);
	m->clean = true;
	m->today = RETAIN_NEVER;
	for (unsigned i = 0; i < SERIES; i++)
		m->sure[i] = m->none[i] = INT64_MIN;
	choose_config(m);
	good = good && begin(m);
	for (unsigned i = 0; i < SERIES; i++) {
		points[i] = point(i);
		m->types[i] = all_types[i % 7];
		m->profile[i] = (uint8_t) rnd(m, PROFILES);
		m->digits[i] = (unsigned) rnd(m, 6);
	}
	good = good && tsdb_series_many(m->f.t, 1, SERIES, points, m->types, m->series) == 0;
	for (unsigned l = 0; l < LISTS && good; l++) {
		uint32_t series[LIST_MAX], n = 0;

		for (unsigned i = (unsigned) rnd(m, 6); n < LIST_MAX && i < SERIES; i += 1 + (unsigned) rnd(m, 4)) {
			m->member[l][n] = (uint8_t) i;
			series[n++] = m->series[i];
		}
		m->members[l] = n;
		good = tsdb_list(m->f.t, 1, series, n, &m->list[l]) == 0;
	}
	return good;
}

static void model_end(struct model *m)
{
	merge_end(m);
	for (unsigned i = 0; i < LEASES; i++)
		lease_end(&m->held[i]);
	fixture_stop(&m->f);
	if (!getenv("TENON_MODEL_KEEP") && !getenv("TENON_MODEL_LEAVE"))
		dir_remove(m->f.dir);
	if (m->second[0] && !getenv("TENON_MODEL_LEAVE"))
		dir_remove(m->second);
	for (unsigned i = 0; i < SERIES; i++)
		record_done(&m->of[i]);
	for (unsigned i = 0; i < CORRECTIONS; i++)
		forget(&m->corrected[i]);
	sys.clock_gettime = real_calls.clock_gettime;
}
