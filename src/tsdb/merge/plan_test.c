/* plan_test.c - which files are merged when. Expected values: the rules of plan.h, by hand. */
#include "tap.h"

#include "tsdb/merge/plan.h"

#define HOUR (INT64_C(3600) * NS_PER_S)
#define MIN_ (INT64_C(60) * NS_PER_S)
enum { DAY = 20454, ROOM = 200 };               /* 2026-01-01 */
#define DAY0 ((int64_t) DAY * 24 * HOUR)

struct files { struct plan_file f[ROOM]; struct plan_run run[ROOM]; size_t n; uint64_t numbers; };

/* From `from` to `to` hours of the day, written ten minutes later. */
static struct file_info *add(struct files *s, double from, double to, uint64_t rows, int32_t level)
{
	uint64_t number = ++s->numbers;
	struct plan_file *f = &s->f[s->n++];

	*f = (struct plan_file) { .info = { .number = number, .rank = number, .day = DAY, .level = level, .rows = rows, .bytes = rows, .series_min = 1,
		.series_max = 100, .t_min = DAY0 + (int64_t) (from * (double) HOUR), .t_max = DAY0 + (int64_t) (to * (double) HOUR) - 1 } };
	f->info.written_ns = f->info.t_max + 10 * MIN_;
	return &f->info;
}

static struct plan at(struct files *s, double hours)
{
	plan_sort(s->f, s->n);
	return plan_day(s->f, s->n, s->run, DAY0 + (int64_t) (hours * (double) HOUR), false);
}

/* What was planned is done. */
static void merge(struct files *s, const struct plan *p)
{
	struct file_info *first = &s->f[p->first].info, *last = &s->f[p->first + p->n - 1].info;

	first->level = p->level;
	first->rank = last->rank;
	first->t_max = last->t_max;
	first->written_ns = last->written_ns;
	memmove(s->f + p->first + 1, s->f + p->first + p->n, (s->n - p->first - p->n) * sizeof(s->f[0]));
	s->n -= p->n - 1;
}

TEST(ten_minute_files_become_two_hour_files_and_these_the_day)
{
	struct files s = { 0 };
	unsigned windows = 0;

	for (unsigned i = 0; i < 144; i++) {
		add(&s, i / 6.0, (i + 1) / 6.0, 100, LEVEL_FLUSHED);
		struct plan p = at(&s, (i + 1.5) / 6);
		if (!p.why)
			continue;
		/* The first of the next two hours completes the twelve before. */
		is_int(p.why, PLAN_WINDOW);
		is_int(p.level, LEVEL_WINDOW);
		is_int(i % 12, 0);
		is_int(p.first, windows);
		is_int(p.n, 12);
		windows++;
		merge(&s, &p);
	}
	is_int(windows, 11);
	/* The last two hours: nothing follows, so 20 minutes after the last was written; all of it when the day has been quiet for an hour. */
	struct plan p = at(&s, 24.2);
	is_int(p.why, PLAN_NOTHING);
	is_int(p.due_ns, DAY0 + 24 * HOUR - 1 + 30 * MIN_);
	p = at(&s, 24.5);
	is_int(p.why, PLAN_WINDOW);
	is_int(p.n, 12);
	merge(&s, &p);
	is_int(at(&s, 25.1).why, PLAN_NOTHING);
	p = at(&s, 25.2);
	is_int(p.why, PLAN_DAY);
	is_int(p.n, 12);
	is_int(p.level, LEVEL_DAY);
	ok(!p.is_whole);
}

TEST(a_day_of_one_file_is_a_day_file_as_it_is)
{
	struct files s = { 0 };

	add(&s, 0, 24, 100, LEVEL_FLUSHED);
	struct plan p = at(&s, 24.5);
	is_int(p.why, PLAN_NOTHING);
	is_int(p.due_ns, DAY0 + 25 * HOUR - 1 + 10 * MIN_);
	p = at(&s, 25.5);
	is_int(p.why, PLAN_DAY);
	ok(p.is_whole);
	s.f[0].info.level = LEVEL_DAY;
	p = at(&s, 1000);
	is_int(p.why, PLAN_NOTHING);
	is_int(p.due_ns, INT64_MAX);
}

TEST(little_that_comes_late_waits_in_proportion)
{
	struct files s = { 0 };
	struct file_info *late;

	add(&s, 0, 24, 1000000, LEVEL_DAY);
	late = add(&s, 3, 4, 50000, LEVEL_FLUSHED);
	late->written_ns = DAY0 + 100 * HOUR;
	is_int(at(&s, 100).due_ns, DAY0 + 101 * HOUR);  /* 5 %: an hour */
	is_int(at(&s, 101.1).why, PLAN_LATE_DAY);
	late->rows = 10000;
	is_int(at(&s, 100).due_ns, DAY0 + 105 * HOUR);  /* 1 %: five */
	late->rows = 1;
	is_int(at(&s, 100).due_ns, DAY0 + (100 + 720) * HOUR); /* never more than 30 days */
	/* More of it each half hour: the day is never quiet, and yet merged: eight times as long after the first. */
	late->rows = 50000;
	double hour = 100;
	while (!at(&s, hour).why || at(&s, hour).why == PLAN_WINDOW) {
		hour += 0.5;
		add(&s, 3, 4, 10, LEVEL_WINDOW)->written_ns = DAY0 + (int64_t) (hour * (double) HOUR);
	}
	is_int(at(&s, hour).why, PLAN_MANY);            /* too many runs for one merge come first */
	ok(hour >= 108 && hour <= 108.5);
}

TEST(day_files_behind_each_other_in_time_stay_and_others_become_one)
{
	struct files s = { 0 };

	for (unsigned i = 0; i < PLAN_APART; i++)
		add(&s, 3 * i, 3 * i + 3 + (i % 2) / 6.0, 1000000, LEVEL_DAY);         /* ten minutes of three hours are in two of them */
	is_int(at(&s, 100).why, PLAN_NOTHING);
	is_int(at(&s, 100).due_ns, INT64_MAX);
	/* Something late: as ever, all of it. */
	add(&s, 3, 4, 1000000, LEVEL_FLUSHED)->written_ns = DAY0 + 50 * HOUR;
	is_int(at(&s, 100).why, PLAN_LATE_DAY);
	is_int(at(&s, 100).n, PLAN_APART + 1);
	/* One more than a few; half an hour in two of them: not before all have been quiet for an hour. */
	s.f[PLAN_APART].info.level = LEVEL_DAY;
	is_int(at(&s, 50.9).why, PLAN_NOTHING);
	is_int(at(&s, 50.9).due_ns, DAY0 + 51 * HOUR);
	is_int(at(&s, 51.1).why, PLAN_LATE_DAY);
	s.n = 2;
	is_int(at(&s, 100).why, PLAN_NOTHING);
	s.f[1].info.t_min -= HOUR / 2;
	is_int(at(&s, 100).why, PLAN_LATE_DAY);
	is_int(at(&s, 100).level, LEVEL_DAY);
}

TEST(of_too_many_files_those_are_merged_that_cost_least)
{
	struct files s = { 0 };

	for (unsigned i = 0; i < PLAN_RUNS + 1; i++)
		add(&s, 1, 2 + i, i < 3 ? 1000000 : i == 20 ? 5000 : 10, LEVEL_WINDOW);
	struct plan p = at(&s, 24);
	is_int(p.why, PLAN_MANY);
	is_int(p.n, PLAN_FAN);
	is_int(p.first, 3);             /* the large ones at the front stay; 3 … 18 are the first sixteen of ten each */
	is_int(p.bytes, 160);
	while (s.n < PLAN_URGENT)
		add(&s, 1, 2, 10, LEVEL_FLUSHED);
	is_int(at(&s, 24).why, PLAN_MANY_URGENT);
}

TEST(what_cannot_be_read_parts_what_may_be_merged)
{
	struct files s = { 0 };

	for (unsigned i = 0; i < 9; i++)
		add(&s, i, i + 1, 100, LEVEL_WINDOW);
	s.f[4].aside = true;
	struct plan p = plan_day(s.f, s.n, s.run, DAY0 + 48 * HOUR, false);
	is_int(p.why, PLAN_DAY);
	is_int(p.first, 0);
	is_int(p.n, 4);
	for (unsigned i = 0; i < 4; i++)
		s.f[i].info.level = LEVEL_DAY;
	s.f[0].info.series_max = 10;
	p = plan_day(s.f + 3, s.n - 3, s.run, DAY0 + 48 * HOUR, false);
	is_int(p.first, 2);             /* the single day file before it is done */
	is_int(p.n, 4);
}

TEST(parts_of_a_day_are_one_run_and_merged_with_what_came_late_all_together)
{
	struct files s = { 0 };

	for (unsigned i = 0; i < 20; i++) {
		struct file_info *f = add(&s, 0, 24, 1000, LEVEL_DAY);

		f->rank = 1;
		f->series_min = i * 10;
		f->series_max = i * 10 + 9;
	}
	is_int(at(&s, 1000).why, PLAN_NOTHING);
	add(&s, 0, 1, 10000, LEVEL_FLUSHED);
	struct plan p = at(&s, 1000);
	is_int(p.why, PLAN_LATE_DAY);
	is_int(p.n, 21);
	/* Two of one rank that share series are no parts of one: they are merged. */
	s.n = 2;
	s.f[1].info.series_min = 5;
	is_int(at(&s, 1000).why, PLAN_LATE_DAY);
}

TEST(all_means_now_and_everything)
{
	struct files s = { 0 };

	for (unsigned i = 0; i < 3; i++)
		add(&s, 0, 1, 10, LEVEL_FLUSHED);
	struct plan p = plan_day(s.f, 3, s.run, DAY0 + HOUR, true);
	is_int(p.why, PLAN_DAY);
	is_int(p.n, 3);
	is_int(p.level, LEVEL_DAY);
	while (s.n < 20)
		add(&s, 0, 1, 10, LEVEL_FLUSHED);
	p = plan_day(s.f, s.n, s.run, DAY0 + HOUR, true);
	is_int(p.why, PLAN_MANY);
	is_int(p.n, PLAN_FAN);
}

/* The clock was years ahead for an hour: what was written then is no younger than what is written now. */
TEST(a_day_written_while_the_clock_was_ahead_does_not_wait_for_that_time)
{
	struct files s = { 0 };

	for (unsigned i = 0; i < 3; i++)
		add(&s, 0.1 * i, 0.1 * i + 0.1, 100, LEVEL_FLUSHED)->written_ns = DAY0 + 50000 * HOUR;
	struct plan p = at(&s, 1);
	is_int(p.why, PLAN_NOTHING);
	is_int(p.due_ns, DAY0 + 2 * HOUR + 20 * MIN_);
	is_int(at(&s, 2.4).why, PLAN_WINDOW);
	for (unsigned i = 0; i < 3; i++)
		s.f[i].info.level = LEVEL_WINDOW;
	p = at(&s, 24.5);
	is_int(p.why, PLAN_NOTHING);
	is_int(p.due_ns, DAY0 + 25 * HOUR);
	is_int(at(&s, 25.1).why, PLAN_DAY);
}

TEST(times_at_the_ends_of_the_clock_are_no_trouble)
{
	struct files s = { 0 };

	for (unsigned i = 0; i < 2; i++) {
		add(&s, 0, 1, 10, LEVEL_FLUSHED);
		s.f[i].info.day = 106751;                /* 2262-04-11, the last */
		s.f[i].info.t_max = INT64_MAX;
	}
	is_int(at(&s, 48).why, PLAN_NOTHING);
	for (unsigned i = 0; i < 2; i++) {
		s.f[i].info.day = -106752;
		s.f[i].info.t_max = INT64_MIN;
	}
	is_int(at(&s, 48).why, PLAN_DAY);
	s.f[0].info.written_ns = s.f[1].info.written_ns = DAY0 + 48 * HOUR - 1;
	is_int(at(&s, 48).due_ns, DAY0 + 48 * HOUR - 1 + 20 * MIN_);
}
