/*
 * Tests of child.h: this very program is the child. A constructor sees --role=… before main() and becomes the role; what it shall try is said
 * to it in messages.
 */
#include "io/io.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/sys.h"
#include "tap.h"

static const char *const allowed[] = { "/tmp/tenon-child-allowed", NULL };
static const struct child_profile profiles[] = {
	{ 0 },
	{ .may = CHILD_MAY_READ, .readable = allowed },
	{ .may = CHILD_MAY_READ | CHILD_MAY_WRITE, .readable = allowed, .writable = allowed, .file_bytes = 1000 },
	{ .kill = true },
	{ .may = CHILD_MAY_THREAD | CHILD_MAY_CONNECT },
	{ .memory_bytes = 256 << 20 },
};

/* The role. Its answer to each wish is 0 or the errno. */

static void nothing(void *arg) { }
static int try_to(const char *wish, const struct role_message *m, struct role *r)
{
	if (strcmp(wish, "fork") == 0) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(0);
		return pid < 0 ? errno : 0;
	}
	if (strcmp(wish, "thread") == 0) {
		struct thread t;
		int e = thread_start(&t, "t", nothing, NULL);
		thread_join(&t);
		return e < 0 ? EAGAIN : 0;
	}
	if (strcmp(wish, "socket") == 0)
		return socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0;
	if (strcmp(wish, "exec") == 0)
		return execl("/bin/true", "true", NULL) < 0 ? errno : 0;
	if (strcmp(wish, "kill") == 0)
		return kill(getppid(), 0) < 0 ? errno : 0;
	if (strcmp(wish, "limits") == 0) {
		struct rlimit { unsigned long a, b; } l = { 1000, 1000 };
		return syscall(SYS_prlimit64, 0, 7, &l, NULL) < 0 ? errno : 0;
	}
	if (strcmp(wish, "memory") == 0) {
		void *p = mmap(NULL, 1 << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		return p == MAP_FAILED ? errno : 0;
	}
	if (strncmp(wish, "read ", 5) == 0)
		return open(wish + 5, O_RDONLY) < 0 ? errno : 0;
	if (strncmp(wish, "write ", 6) == 0)
		return open(wish + 6, O_WRONLY | O_CREAT, 0600) < 0 ? errno : 0;
	if (strcmp(wish, "fill") == 0) {
		static char much[2000];
		int fd = open("/tmp/tenon-child-allowed/much", O_WRONLY | O_CREAT, 0600);
		signal(SIGXFSZ, SIG_IGN);
		return fd < 0 ? errno : write(fd, much, 2000) == 1000 && write(fd, much, 1) < 0 ? errno : 0;
	}
	if (strcmp(wish, "crash") == 0)
		raise(SIGKILL);
	if (strcmp(wish, "end") == 0)
		_exit(7);
	if (strcmp(wish, "speak") == 0)
		return fprintf(stderr, "first line\nsecond line\nno end"), fflush(stderr), 0;
	if (strcmp(wish, "huge frame") == 0)
		return write(r->fd, "\xff\xff\xff\x00", 4) == 4 ? 0 : errno;
	if (strcmp(wish, "frame without its descriptor") == 0)
		return write(r->fd, "\x00\x00\x00\x01", 4) == 4 ? 0 : errno;
	if (strcmp(wish, "environment") == 0)
		return getenv("TENON_TEST_SECRET") ? 1 : getenv("GIVEN") ? 0 : 2;
	if (strcmp(wish, "descriptors") == 0) {
		for (int fd = 4; fd < 64; fd++)
			if (fcntl(fd, F_GETFD) >= 0)
				return fd;
		return 0;
	}
	return EINVAL;
}

static void echo(struct role *r, const struct role_message *m)
{
	char bytes[100];
	int fd = m->n_fds ? m->fds[0] : -1;
	ssize_t n = fd >= 0 ? read(fd, bytes, sizeof(bytes)) : 0;

	/* With a descriptor: what is in it, and the descriptor itself. */
	if (fd >= 0)
		role_send(r, bytes, (size_t) MAX(n, (ssize_t) 0), &fd, 1);
	else
		role_send(r, m->bytes, m->n, NULL, 0);
}

static _Noreturn void be_role(const char *name)
{
	struct role r;
	struct role_message m;

	if (role_open(&r) < 0)
		_exit(100);
	if (strcmp(name, "deaf") == 0) {
		signal(SIGTERM, SIG_IGN);
		role_send(&r, "x", 1, NULL, 0);
		for (;;)
			pause();
	}
	if (strcmp(name, "brief") == 0)
		_exit(3);
	if (strcmp(name, "echo") != 0 && role_confine(&profiles[name[0] - '0']) < 0)
		_exit(101);
	while (role_receive(&r, &m) == 1) {
		char wish[200];
		if (strcmp(name, "echo") == 0 && (m.n < 4 || memcmp(m.bytes, "try ", 4) != 0)) {
			echo(&r, &m);
			continue;
		}
		snprintf(wish, sizeof(wish), "%.*s", (int) MIN(m.n - 4, (size_t) 199), (const char *) m.bytes + 4);
		int e = try_to(wish, &m, &r);
		role_send(&r, &e, sizeof(e), NULL, 0);
	}
	_exit(0);
}

__attribute__((constructor)) static void role_or_test(int argc, char *argv[])
{
	if (argc == 2 && strncmp(argv[1], "--role=", 7) == 0)
		be_role(argv[1] + 7);
}

/* The parent. */

static struct loop *l;
static struct child *c;
static struct {
	int started, exited, messages, drained, lines;
	struct child_exit exit;
	char why[100], line[3][100];
	struct buf got;
	int fd;
	bool free_in_message;
} t;

static void on_start(void *ctx, struct child *ch, pid_t pid) { t.started++; }
static void on_message(void *ctx, struct child *ch, const uint8_t *bytes, size_t n, const int *fds, size_t n_fds)
{
	t.messages++;
	buf_clear(&t.got);
	buf_addn(&t.got, bytes, n);
	if (n_fds)
		t.fd = fds[0];
	if (t.free_in_message)
		c = child_free(c);
}
static void on_exit_(void *ctx, struct child *ch, const struct child_exit *e)
{
	t.exited++;
	t.exit = *e;
	snprintf(t.why, sizeof(t.why), "%s", e->why);
}
static void on_output(void *ctx, struct child *ch, const char *line)
{
	if (t.lines < 3)
		snprintf(t.line[t.lines], sizeof(t.line[0]), "%s", line);
	t.lines++;
}
static void on_drain(void *ctx, struct child *ch) { t.drained++; }
static const struct child_callbacks callbacks = { .on_start = on_start, .on_message = on_message, .on_exit = on_exit_,
	.on_output = on_output, .on_drain = on_drain };

#define until(cond) ({                                                                                                  \
	int64_t deadline_ = clock_deadline(20000);                                                                      \
	while (!(cond) && clock_mono_ns() < deadline_)                                                                  \
		loop_step(l, 50);                                                                                       \
	(cond); })

static bool begin(const struct child_config *config)
{
	memset(&t, 0, sizeof(t));
	t.fd = -1;
	t.got = BUF_INIT(&sys_heap, 2 << 20);
	c = NULL;
	return loop_new("test", &l) == 0 && child_new(l, config, &callbacks, NULL, &c) == 0;
}
static bool begin_role(const char *role) { return begin(&(struct child_config) { .name = "test", .role = role, .once = true }); }
static void end(void)
{
	c = child_free(c);
	for (int i = 0; i < 5; i++)
		loop_step(l, 1);
	l = loop_free(l);
	buf_done(&t.got);
}

/* What the role says to the wish: 0, an errno, or -1 when it died. */
static int wish(const char *what)
{
	char text[200];
	int before = t.messages, n = snprintf(text, sizeof(text), "try %s", what), e;

	if (child_send(c, text, (size_t) n, NULL, 0) < 0 || !until(t.messages > before || t.exited) || t.messages == before)
		return -1;
	memcpy(&e, t.got.data, sizeof(e));
	return e;
}

TEST(messages_of_all_sizes_come_back)
{
	static char big[CHILD_MESSAGE_MAX];

	must(begin_role("echo"));
	is_int(t.started, 1);
	for (size_t n = 0; n <= sizeof(big); n = n * 3 + 1) {
		int before = t.messages;
		memset(big, (int) n, n);
		is_int(child_send(c, big, n, NULL, 0), 0);
		must(until(t.messages > before));
		is_int(t.got.len, n);
		is_bytes(t.got.data, big, n);
	}
	is_int(child_send(c, big, sizeof(big), NULL, 0), 0);
	must(until(t.got.len == sizeof(big)));
	is_int(child_send(c, big, sizeof(big) + 1, NULL, 0), -ERR_TOO_LARGE);
	is_int(wish("environment"), 2);
	end();
}

TEST(a_descriptor_goes_there_and_back)
{
	int fds[2], same;
	struct stat a, b;

	must(begin_role("echo"));
	must(pipe(fds) == 0 && write(fds[1], "in the pipe", 11) == 11);
	for (int i = 0; i < 20; i++)
		is_int(child_send(c, "filler", 6, NULL, 0), 0);
	is_int(child_send(c, "x", 1, fds, 1), 0);
	same = fds[0];
	fstat(same, &a);
	close(same);                            /* it was duplicated */
	ok(until(t.fd >= 0));
	is_str(t.got.data, "in the pipe");
	fstat(t.fd, &b);
	is_int(a.st_ino, b.st_ino);
	ok(fcntl(t.fd, F_GETFD) & FD_CLOEXEC);
	close(t.fd);
	close(fds[1]);
	int many[5] = { 0 };
	is_int(child_send(c, "x", 1, many, 5), -ERR_TOO_LARGE);
	end();
}

TEST(what_waits_for_a_child_is_bounded)
{
	static char big[500000];
	int sent = 0;

	must(begin(&(struct child_config) { .name = "test", .role = "echo", .once = true, .backlog_max = 1000000 }));
	while (sent < 100 && child_send(c, big, sizeof(big), NULL, 0) == 0)
		sent++;
	ok(sent >= 2 && sent < 10);
	is_int(child_send(c, big, sizeof(big), NULL, 0), -ERR_BUSY);
	ok(child_backlog(c) <= 1000000 + 500000);
	ok(until(t.drained));
	ok(until(t.messages == sent));
	end();
}

TEST(a_role_without_leave_can_only_compute_and_talk)
{
	must(begin_role("0"));
	is_int(wish("fork"), EPERM);
	ok(wish("thread") != 0);
	is_int(wish("socket"), EPERM);
	is_int(wish("exec"), EPERM);
	is_int(wish("kill"), EPERM);
	is_int(wish("limits"), EPERM);
	is_int(wish("read /etc/passwd"), EPERM);
	is_int(wish("write /tmp/tenon-child-no"), EPERM);
	is_int(wish("descriptors"), 0);
	is_int(t.exited, 0);
	end();
}

static void make_allowed(void)
{
	must(dir_make(allowed[0], 0700) == 0);
	must(file_write("/tmp/tenon-child-allowed/file", "x", 1, 0600) == 0);
	unlink("/tmp/tenon-child-allowed/link");
	must(symlink("/etc/passwd", "/tmp/tenon-child-allowed/link") == 0);
}

TEST(a_role_reads_and_writes_where_it_may)
{
	if (!role_landlock_version())
		skip("this kernel has no Landlock");
	make_allowed();
	must(begin_role("1"));
	is_int(wish("read /tmp/tenon-child-allowed/file"), 0);
	is_int(wish("read /etc/passwd"), EACCES);
	is_int(wish("read /tmp/tenon-child-allowed/link"), EACCES);
	is_int(wish("write /tmp/tenon-child-allowed/new"), EPERM);
	end();
	must(begin_role("2"));
	is_int(wish("write /tmp/tenon-child-allowed/new"), 0);
	is_int(wish("write /tmp/tenon-child-no"), EACCES);
	is_int(wish("read /etc/passwd"), EACCES);
	is_int(wish("fill"), EFBIG);      /* setrlimit(2): RLIMIT_FSIZE */
	end();
	is_int(dir_remove(allowed[0]), 0);
}

TEST(threads_and_sockets_are_given_by_name)
{
	must(begin_role("4"));
	is_int(wish("thread"), 0);
	is_int(wish("socket"), 0);
	is_int(wish("fork"), EPERM);
	is_int(wish("exec"), EPERM);
	end();
}

TEST(memory_has_its_limit)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip("a sanitizer takes all the addresses there are");
#else
	must(begin(&(struct child_config) { .name = "test", .role = "5", .once = true, .profile = &profiles[5] }));
	is_int(wish("memory"), ENOMEM);
	end();
#endif
}

TEST(a_forbidden_call_may_be_the_end)
{
	must(begin_role("3"));
	is_int(wish("fork"), -1);
	ok(until(t.exited));
	is_int(t.exit.signal, SIGSYS);
	is_str(t.why, "made a forbidden system call");
	is_int(t.exit.restarts, 0);
	is_int(child_pid(c), 0);
	is_int(child_send(c, "x", 1, NULL, 0), -ERR_PEER);
	err_clear();
	end();
}

TEST(the_end_of_a_child_is_told_with_its_reason_and_its_last_words)
{
	must(begin_role("echo"));
	is_int(wish("speak"), 0);
	ok(until(t.lines == 2));
	is_str(t.line[0], "first line");
	is_str(t.line[1], "second line");
	is_int(wish("end"), -1);
	ok(until(t.exited));
	is_int(t.lines, 3);
	is_str(t.line[2], "no end");
	is_int(t.exit.status, 7);
	is_str(t.why, "ended");
	end();
	must(begin_role("echo"));
	is_int(wish("crash"), -1);
	ok(until(t.exited));
	is_int(t.exit.signal, SIGKILL);
	is_int(t.exit.status, -1);
	end();
}

TEST(a_frame_against_the_rules_ends_the_child_and_not_us)
{
	static const char *const bad[] = { "huge frame", "frame without its descriptor" };

	for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
		must(begin_role("echo"));
		wish(bad[i]);
		ok(until(t.exited));
		is_int(t.exit.signal, SIGKILL);
		is_str(t.why, "sent a message that breaks the rules");
		end();
	}
}

TEST(a_child_that_dies_is_started_again_after_a_pause_that_doubles)
{
	must(begin(&(struct child_config) { .name = "test", .role = "brief", .restart_min_ms = 10, .restart_max_ms = 40 }));
	static const int64_t want[] = { 10, 20, 40, 40 };
	for (int i = 0; i < 4; i++) {
		must(until(t.exited == i + 1));
		is_int(t.exit.restarts, 1);
		is_int(t.exit.restart_ms, want[i]);
		is_int(t.exit.status, 3);
	}
	ok(until(child_starts(c) == 5));
	child_stop(c, 1000);
	ok(until(!child_pid(c)));
	int exited = t.exited;
	loop_step(l, 60);
	is_int(t.exited, exited);
	end();
}

TEST(who_does_not_listen_is_killed)
{
	must(begin_role("deaf"));
	ok(until(t.messages == 1));
	child_stop(c, 50);
	ok(until(t.exited));
	is_int(t.exit.signal, SIGKILL);
	is_str(t.why, "did not end when asked to");
	end();
}

TEST(a_child_may_be_freed_in_its_own_callback_and_is_reaped)
{
	must(begin_role("echo"));
	pid_t pid = child_pid(c);
	t.free_in_message = true;
	is_int(child_send(c, "x", 1, NULL, 0), 0);
	ok(until(t.messages == 1 && !c));
	ok(until(kill(pid, 0) < 0));            /* not even a zombie is left */
	is_int(t.exited, 0);
	end();
}

/* Foreign programs. */

static const char *const shell_may[] = { "/bin", "/usr", "/lib", "/lib64", "/dev/null", NULL };     /* what runs beside a shell reads the last */
static bool begin_program(const char *const *argv, const struct child_profile *p)
{
	static const char *const env[] = { "GIVEN=1", NULL };

	return begin(&(struct child_config) { .name = "test", .argv = argv, .profile = p, .once = true, .env = env });
}

TEST(a_foreign_program_sees_only_what_its_profile_gives)
{
	if (!role_landlock_version())
		skip("this kernel has no Landlock");
	setenv("TENON_TEST_SECRET", "1", 1);
	must(begin_program((const char *const[]) { "/usr/bin/env", NULL }, NULL));
	ok(until(t.exited));
	is_int(t.exit.status, 0);
	bool secret = false, given = false;
	for (int i = 0; i < MIN(t.lines, 3); i++) {
		secret |= strncmp(t.line[i], "TENON_TEST_SECRET", 17) == 0;
		given |= strcmp(t.line[i], "GIVEN=1") == 0;
	}
	ok(!secret && given);
	end();
	must(begin_program((const char *const[]) { "/bin/cat", "/etc/passwd", NULL }, NULL));
	ok(until(t.exited));
	is_int(t.exit.status, 1);
	ok(strstr(t.line[0], "Permission denied"));
	end();
	ok(!begin_program((const char *const[]) { "/bin/no-such-program", NULL }, NULL));
	err_clear();
	end();
}

TEST(a_fork_bomb_does_not_go_off)
{
	static const struct child_profile no_fork = { .may = CHILD_MAY_READ, .readable = shell_may };
	static const struct child_profile may_fork = { .may = CHILD_MAY_READ | CHILD_MAY_EXEC, .readable = shell_may, .cpu_s = 10 };
	const char *const bomb[] = { "/bin/sh", "-c", "f() { f & f; }; f", NULL };
	const char *const orphan[] = { "/bin/sh", "-c", "/bin/sleep 1000 & echo $!; exit 5", NULL };

	if (!role_landlock_version())
		skip("this kernel has no Landlock");
	must(begin_program(bomb, &no_fork));
	ok(until(t.exited));
	ok(t.exit.status > 0);
	ok(strstr(t.line[0], "fork"));
	end();
	/* Who may fork leaves nobody behind. */
	must(begin_program(orphan, &may_fork));
	ok(until(t.exited));
	is_int(t.exit.status, 5);
	pid_t pid = (pid_t) strtol(t.line[0], NULL, 10);
	if (pid <= 1)
		printf("# it said: %s\n", t.line[0]);
	ok(pid > 1);
	ok(until(kill(pid, 0) < 0 || waitpid(pid, NULL, WNOHANG) == pid));
	end();
}
