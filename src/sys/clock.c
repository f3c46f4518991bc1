/* clock.c - what time it is. */
#include "sys/clock.h"

#include <time.h>

#include "sys/calls.h"

static int64_t read_clock(clockid_t id)
{
	struct timespec t = { 0 };

	sys.clock_gettime(id, &t);
	return (int64_t) t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t clock_now_ns(void) { return read_clock(CLOCK_REALTIME); }
int64_t clock_mono_ns(void) { return read_clock(CLOCK_MONOTONIC); }
int64_t clock_cpu_ns(void) { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

void clock_local(int64_t ns, unsigned *ret_weekday, unsigned *ret_minute)
{
	time_t s = (time_t) (ns / NS_PER_S - (ns % NS_PER_S < 0));
	struct tm t = { 0 };

	localtime_r(&s, &t);
	*ret_weekday = (unsigned) (t.tm_wday + 6) % 7;
	*ret_minute = (unsigned) (t.tm_hour * 60 + t.tm_min);
}

int64_t clock_deadline(int64_t ms)
{
	int64_t ns, at;

	if (ms < 0 || __builtin_mul_overflow(ms, NS_PER_MS, &ns) || __builtin_add_overflow(clock_mono_ns(), ns, &at))
		return INT64_MAX;
	return at;
}

int64_t clock_left_ms(int64_t deadline_ns, int64_t max)
{
	int64_t now = clock_mono_ns();

	if (deadline_ns <= now)
		return 0;
	/* Rounded up without overflow: the distance may be INT64_MAX. */
	int64_t left = deadline_ns - now;
	int64_t ms = left / NS_PER_MS + (left % NS_PER_MS != 0);

	return MIN(ms, max);
}

int64_t clock_watch_step(struct clock_watch *w, int64_t min_ns)
{
	int64_t offset = clock_now_ns() - clock_mono_ns();
	int64_t step = w->set ? offset - w->offset_ns : 0;

	w->offset_ns = offset;
	w->set = true;
	return step >= min_ns || step <= -min_ns ? step : 0;
}
