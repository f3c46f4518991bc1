/* Tests of sys: faults and marks in the table of calls, heap, clock, log, threads, random ids, languages. */
#include "sys/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "tap.h"

static char order[400];
static void record(void *ctx, const struct sys_event *e)
{
	struct buf b = { .data = order, .len = strlen(order), .room = sizeof(order), .max = sizeof(order) };

	buf_addf(&b, "%s%s ", e->call == SYS_MARK ? e->path : sys_call_name(e->call), e->error ? "!" : "");
}

TEST(the_order_of_calls_and_marks_is_recorded)
{
	char path[] = "/tmp/tenon-sys-XXXXXX";
	int fd = mkstemp(path);

	must(fd >= 0);
	order[0] = 0;
	sys_watch(record, NULL, false);
	is_int(sys.write(fd, "abc", 3), 3);
	is_int(sys.fsync(fd), 0);
	sys_mark("ack");
	is_int(sys.close(-1), -1);
	sys.free(sys.malloc(10));
	sys_watch(NULL, NULL, false);
	sys.close(fd);
	sys_restore();
	unlink(path);
	is_str(order, "write fsync ack close! ");
}

TEST(the_kernel_says_how_well_its_clock_follows_a_reference)
{
	struct clock_state s = { .error_max_ns = -1 };

	must(clock_state(&s) == 0);
	ok(s.error_ns >= 0 && s.error_max_ns >= 0);
	/* The kernel itself gives up at NTP_PHASE_LIMIT, 16 s (include/linux/timex.h): what is worse is not synchronized. */
	ok(!s.synchronized || s.error_max_ns <= 16 * NS_PER_S);
}

TEST(the_nth_call_fails_and_only_that_one)
{
	char path[] = "/tmp/tenon-sys-XXXXXX";
	int fd = mkstemp(path);

	must(fd >= 0);
	sys_fault_nth(SYS_FSYNC, 2, EIO);
	is_int(sys.fsync(fd), 0);
	ok(!sys_fault_hit());
	is_int(sys.fsync(fd), -1);
	is_int(errno, EIO);
	ok(sys_fault_hit());
	is_int(sys.fsync(fd), 0);
	is_int(sys_count(SYS_FSYNC), 3);
	sys_fault_from(SYS_ANY_FILE, 2, ENOSPC);
	is_int(sys.write(fd, "abc", 3), 3);
	is_int(sys.write(fd, "abc", 3), -1);
	is_int(sys.fsync(fd), -1);
	is_int(errno, ENOSPC);
	sys_restore();
	is_int(sys.fsync(fd), 0);
	close(fd);
	unlink(path);
}

TEST(a_short_write_writes_half)
{
	char path[] = "/tmp/tenon-sys-XXXXXX";
	int fd = mkstemp(path);
	struct iovec v[3] = { { (char *) "ab", 2 }, { (char *) "cde", 3 }, { (char *) "f", 1 } };
	char got[20] = "";

	must(fd >= 0);
	sys_fault_short(SYS_WRITEV, 1);
	sys_fault_short(SYS_WRITE, 1);
	is_int(sys.writev(fd, v, 3), 3);
	is_int(sys.write(fd, "123456", 6), 3);
	sys_restore();
	is_int(pread(fd, got, sizeof(got), 0), 6);
	is_str(got, "abc123");
	close(fd);
	unlink(path);
}

TEST(memory_fails_at_the_nth_allocation)
{
	sys_fault_nth(SYS_ANY_MEMORY, 3, ENOMEM);
	void *a = sys_alloc(10), *b = sys_resize(a, 20), *c = sys_alloc(10);

	ok(a && b && !c);
	sys_restore();
	sys_free(b);
	ok(!sys_alloc_array(SIZE_MAX / 2, 3));
	ok(!sys_alloc(0));
	ok(!sys_free(NULL));
}

TEST(a_failure_names_deed_and_path)
{
	is_int(sys_fail(EACCES, "open", "/x/y"), -ERR_IO);
	is_str(err_log_text(err_peek()), "open /x/y: Permission denied");
	is_int(sys_fail(ENOSPC, "write", "/x/y"), -ERR_FULL);
	is_str(err_log_text(err_peek()), "disk is full: write /x/y");
	is_int(sys_fail(ENOENT, "open", "/x/y"), -ERR_MISSING);
	is_str(err_log_text(err_peek()), "there is no file /x/y");
	err_clear();
}

static int64_t fake_now, fake_mono;
static int fake_clock(clockid_t id, struct timespec *ret)
{
	int64_t t = id == CLOCK_REALTIME ? fake_now : fake_mono;

	*ret = (struct timespec) { t / NS_PER_S, t % NS_PER_S };
	return 0;
}

TEST(a_step_of_the_wall_clock_is_seen_and_slewing_is_not)
{
	struct clock_watch w = { 0 };

	sys.clock_gettime = fake_clock;
	fake_now = 1700000000 * NS_PER_S;
	fake_mono = 5 * NS_PER_S;
	is_int(clock_watch_step(&w, NS_PER_S), 0);
	fake_mono += 10 * NS_PER_S;
	fake_now += 10 * NS_PER_S + 900 * NS_PER_MS;
	is_int(clock_watch_step(&w, NS_PER_S), 0);
	fake_mono += NS_PER_S;
	fake_now += NS_PER_S - 3600 * NS_PER_S;
	is_int(clock_watch_step(&w, NS_PER_S), -3600 * NS_PER_S);
	is_int(clock_watch_step(&w, NS_PER_S), 0);
	is_int(clock_deadline(-1), INT64_MAX);
	is_int(clock_deadline(INT64_MAX), INT64_MAX);
	is_int(clock_left_ms(fake_mono + 1, 100), 1);
	is_int(clock_left_ms(fake_mono, 100), 0);
	is_int(clock_left_ms(INT64_MAX, 100), 100);
	sys_restore();
}

static char lines[4000];
static void keep_line(void *ctx, enum log_level level, const char *module, const char *text)
{
	struct buf b = { .data = lines, .len = strlen(lines), .room = sizeof(lines), .max = sizeof(lines) };

	buf_addf(&b, "%d %s: %s|", (int) level, module, text);
}
static int evaluated;
static int evaluate(void) { return ++evaluated; }

TEST(a_line_below_the_floor_is_not_even_evaluated)
{
	lines[0] = 0;
	evaluated = 0;
	log_set_sink(keep_line, NULL);
	log_set_level(LOG_LEVEL_WARN);
	log_info("wal", "n=%d", evaluate());
	log_warn("wal", "n=%d", evaluate());
	log_set_level(LOG_LEVEL_INFO);
	log_set_sink(NULL, NULL);
	is_int(evaluated, 1);
	is_str(lines, "1 wal: n=1|");
}

TEST(a_line_stays_one_line_whatever_is_in_it)
{
	lines[0] = 0;
	log_set_sink(keep_line, NULL);
	log_info("api", "user=%s", "x\nERROR api: forged\x1b[2J");
	log_set_sink(NULL, NULL);
	is_str(lines, "2 api: user=x ERROR api: forged [2J|");
}

TEST(a_place_that_says_too_much_is_silent_and_says_later_how_much_it_kept)
{
	lines[0] = 0;
	fake_mono = 1000 * NS_PER_S;
	sys.clock_gettime = fake_clock;
	log_set_sink(keep_line, NULL);
	for (int i = 0; i < 51; i++) {
		fake_mono += i == 50 ? 11 * NS_PER_S : NS_PER_MS;
		log_info("m", "x");
	}
	log_set_sink(NULL, NULL);
	sys_restore();
	int n = 0;
	for (const char *p = lines; (p = strchr(p, '|')); p++)
		n++;
	is_int(n, 21);
	ok(strstr(lines, "x suppressed=30|"));
}

/* What the process writes on its standard error with this environment. */
static void stderr_of(const char *journal, char *out, size_t room)
{
	int fds[2];

	must(pipe(fds) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(fds[1], 2);
		if (journal)
			setenv("JOURNAL_STREAM", journal, 1);
		else
			unsetenv("JOURNAL_STREAM");
		if (journal && !*journal) {
			char text[64];
			struct stat st;
			fstat(2, &st);
			snprintf(text, sizeof(text), "%llu:%llu", (unsigned long long) st.st_dev, (unsigned long long) st.st_ino);
			setenv("JOURNAL_STREAM", text, 1);
		}
		log_warn("wal", "late ms=%d", 7);
		_exit(0);
	}
	close(fds[1]);
	ssize_t n = read(fds[0], out, room - 1);
	out[MAX(n, (ssize_t) 0)] = 0;
	close(fds[0]);
	waitpid(pid, NULL, 0);
}

TEST(the_journal_gets_its_priority_and_others_get_a_word)
{
	char out[200];

	stderr_of(NULL, out, sizeof(out));
	is_str(out, "WARN wal: late ms=7\n");
	stderr_of("", out, sizeof(out));
	is_str(out, "<4>wal: late ms=7\n");
	stderr_of("1:2", out, sizeof(out));     /* inherited, but standard error goes elsewhere since: systemd.exec(5) */
	is_str(out, "WARN wal: late ms=7\n");
}

static char seen_name[32];
static void see_name(void *arg) { snprintf(seen_name, sizeof(seen_name), "%s %d", thread_name(), *(int *) arg); }

TEST(a_thread_has_a_name_and_is_joined)
{
	struct thread t, never = { 0 };
	int arg = 5;

	is_int(thread_start(&t, "a-very-long-name-indeed", see_name, &arg), 0);
	thread_join(&t);
	thread_join(&t);
	thread_join(&never);
	is_str(seen_name, "a-very-long-nam 5");
	is_str(thread_name(), "main");
	ok(thread_cores() >= 1);
}

TEST(a_condition_gives_up_at_its_deadline)
{
	struct mutex m = MUTEX_INIT;
	struct cond c;
	int64_t deadline = clock_deadline(5);

	cond_init(&c);
	mutex_lock(&m);
	while (cond_wait_until(&c, &m, deadline))
		continue;
	mutex_unlock(&m);
	ok(clock_mono_ns() >= deadline);
	cond_done(&c);
}

static atomic_int ran_once;
static struct once the_once = ONCE_INIT;
static void run_once(void) { atomic_fetch_add(&ran_once, 1); }
static void try_once(void *arg) { once_run(&the_once, run_once); }

TEST(once_is_once_from_many_threads)
{
	struct thread t[4];

	for (int i = 0; i < 4; i++)
		must(thread_start(&t[i], "once", try_once, NULL) == 0);
	for (int i = 0; i < 4; i++)
		thread_join(&t[i]);
	is_int(ran_once, 1);
}

TEST(new_ids_are_version_7_in_order_of_time_and_differ)
{
	struct uuid a = uuid_new(), b = uuid_new();

	is_int(a.b[6] >> 4, 7);         /* RFC 9562, 5.7 */
	is_int(a.b[8] >> 6, 2);
	ok(!uuid_equal(&a, &b));
	ok(memcmp(a.b, b.b, 6) <= 0);
	ok(random_u64() != random_u64());
}

TEST(the_wanted_language_is_the_one_with_the_highest_weight)
{
	is_int(lang_of_accept("zh-CN,zh;q=0.9,en;q=0.8", LANG_EN), LANG_ZH);
	is_int(lang_of_accept("en;q=0.3, zh-Hans;q=0.7", LANG_EN), LANG_ZH);
	is_int(lang_of_accept("da, en-gb;q=0.8, zh;q=0.7", LANG_ZH), LANG_EN);
	is_int(lang_of_accept("zh;q=0, de", LANG_EN), LANG_EN);
	is_int(lang_of_accept("fr", LANG_ZH), LANG_ZH);
	is_int(lang_of_accept("*", LANG_ZH), LANG_ZH);
	is_int(lang_of_accept("", LANG_EN), LANG_EN);
	is_int(lang_of_accept(",,;q=,zh;q", LANG_EN), LANG_ZH);
	is_int(lang_of_accept(NULL, LANG_EN), LANG_EN);
	is_int(lang_of_accept("zhx, enx", LANG_ZH), LANG_ZH);
	is_int(lang_parse("zh_Hans_CN.UTF-8", LANG_EN), LANG_ZH);
	is_int(lang_parse("C.UTF-8", LANG_EN), LANG_EN);
	unsetenv("TENON_LANG");
	setenv("LC_ALL", "zh_CN.UTF-8", 1);
	is_int(lang_of_env(), LANG_ZH);
	setenv("LC_ALL", "C", 1);
	is_int(lang_of_env(), LANG_EN);
	setenv("TENON_LANG", "zh", 1);
	is_int(lang_of_env(), LANG_ZH);
	unsetenv("TENON_LANG");
}
