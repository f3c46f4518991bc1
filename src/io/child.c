/*
 * child.c - the parent's side: starting, talking, noticing the end, starting again.
 *
 * A child is a session of its own, so that all it left behind can be killed with it, and it dies with the thread that started it. Its end is
 * seen by a pidfd in the loop: SIGCHLD, which is one for all, is left alone.
 */
#include "io/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/confine.h"
#include "io/wire.h"
#include "sys/sys.h"

enum { BACKLOG_MAX = 4 << 20, RESTART_MIN_MS = 500, RESTART_MAX_MS = 60000, LINE_MAX_BYTES = 1000, ENV_MAX = 64, ROUNDS = 32,
	EXIT_NOT_CONFINED = 126, EXIT_NOT_RUN = 127 };
static const int64_t LONG_RUN_NS = 60 * NS_PER_S;

/* A message that waits to go out. */
struct out { struct out *next; size_t at, n; int fds[CHILD_FDS_MAX]; size_t n_fds; uint8_t bytes[]; };

/* A process that runs, or ran; lives until it has been reaped, with or without its struct child. */
struct process { struct child *child; pid_t pid; int pidfd; struct watch *watch; };

struct child {
	struct loop *loop;
	struct child_config config;
	struct child_callbacks on;
	void *ctx;
	struct process *process;
	int fd, err_fd;
	struct watch *watch, *err_watch;
	struct wire in;
	struct out *first, **last;
	size_t backlog;
	bool refused, stopping;
	struct timer restart, kill;
	uint32_t restart_ms, starts;
	int64_t started_ns;
	char line[LINE_MAX_BYTES + 1];
	size_t line_len;
	unsigned depth;
	bool freed;
	const char *why;                        /* we ended it ourselves, for this */
};

static int start(struct child *c);
static void on_wire(void *arg, unsigned events);

static void destroy(struct child *c)
{
	wire_done(&c->in);
	sys_free(c);
}

static void leave(struct child *c)
{
	if (--c->depth == 0 && c->freed)
		destroy(c);
}

/* Everything that belongs to one run, but the process itself. */
static void hang_up(struct child *c)
{
	c->watch = watch_free(c->watch);
	c->err_watch = watch_free(c->err_watch);
	if (c->fd >= 0)
		sys.close(c->fd);
	if (c->err_fd >= 0)
		sys.close(c->err_fd);
	c->fd = c->err_fd = -1;
	wire_done(&c->in);
	for (struct out *o = take(c->first), *next; o; o = next) {
		next = o->next;
		for (size_t i = 0; i < o->n_fds; i++)
			sys.close(o->fds[i]);
		sys_free(o);
	}
	c->last = &c->first;
	c->backlog = 0;
	c->refused = false;
	timer_stop(&c->kill);
}

/* The process and all of its session. */
static void kill_all(const struct process *p, int signum)
{
	kill(p->pid, signum);
	kill(-p->pid, signum);
}

static void end_it(struct child *c, const char *why)
{
	c->why = why;
	if (c->process)
		kill_all(c->process, SIGKILL);
}

/* Its words on standard error. */

static void say_line(struct child *c)
{
	c->line[c->line_len] = 0;
	c->line_len = 0;
	if (c->on.on_output && !c->freed)
		c->on.on_output(c->ctx, c, c->line);
}

/* False: nothing more will come. */
static bool read_lines(struct child *c)
{
	char bytes[4096];

	for (int round = 0; round < ROUNDS && !c->freed; round++) {
		ssize_t n = read(c->err_fd, bytes, sizeof(bytes));

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (n <= 0)
			return false;
		for (ssize_t i = 0; i < n && !c->freed; i++) {
			if (bytes[i] == '\n' || c->line_len == LINE_MAX_BYTES)
				say_line(c);
			if (bytes[i] != '\n')
				c->line[c->line_len++] = bytes[i];
		}
	}
	return true;
}

static void on_err(void *arg, unsigned events)
{
	struct child *c = arg;

	c->depth++;
	if (!read_lines(c) && !c->freed)
		c->err_watch = watch_free(c->err_watch);
	leave(c);
}

/* The end. */

static const char *describe(const struct child *c, int status)
{
	if (c->why)
		return c->why;
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSYS ? "made a forbidden system call" : "was killed by a signal";
	switch (WEXITSTATUS(status)) {
	case EXIT_NOT_RUN: return "could not be run";
	case EXIT_NOT_CONFINED: return "could not be confined";
	default: return "ended";
	}
}

static void on_restart(void *arg)
{
	struct child *c = arg;

	c->depth++;
	if (start(c) < 0) {
		err_clear();
		timer_start(c->loop, &c->restart, c->restart_ms, on_restart, c);
		c->restart_ms = MIN(c->restart_ms * 2, c->config.restart_max_ms);
	}
	leave(c);
}

static void ended(struct child *c, int status)
{
	struct child_exit e = { .status = WIFEXITED(status) ? WEXITSTATUS(status) : -1, .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
		.why = describe(c, status), .restarts = !c->config.once && !c->stopping };

	c->depth++;
	/* What it said last explains its end: read before it is told. */
	for (int i = 0; i < ROUNDS && c->watch && !c->freed; i++)
		on_wire(c, WATCH_IN);
	if (c->err_fd >= 0 && !c->freed)
		read_lines(c);
	if (c->line_len && !c->freed)
		say_line(c);
	if (!c->freed) {
		hang_up(c);
		if (clock_mono_ns() - c->started_ns > LONG_RUN_NS)
			c->restart_ms = c->config.restart_min_ms;
		e.restart_ms = e.restarts ? c->restart_ms : 0;
		if (e.restarts)
			timer_start(c->loop, &c->restart, c->restart_ms, on_restart, c);
		c->restart_ms = MIN(c->restart_ms * 2, c->config.restart_max_ms);
		c->why = NULL;
		if (c->on.on_exit)
			c->on.on_exit(c->ctx, c, &e);
	}
	leave(c);
}

static void on_pidfd(void *arg, unsigned events)
{
	struct process *p = arg;
	struct child *c = p->child;
	int status = 0;

	/* Whoever it left behind goes with it, while its number is still its own. */
	kill(-p->pid, SIGKILL);
	if (waitpid(p->pid, &status, WNOHANG) == 0)
		return;
	watch_free(p->watch);
	sys.close(p->pidfd);
	if (c)
		c->process = NULL;
	sys_free(p);
	if (c)
		ended(c, status);
}

/* Talking. */

static void flush(struct child *c)
{
	while (c->first) {
		struct out *o = c->first;
		ssize_t w = wire_send(c->fd, o->bytes + o->at, o->n - o->at, o->fds, o->n_fds, MSG_DONTWAIT);

		if (w < 0 && errno == EAGAIN)
			break;
		/* The other end is gone; the pidfd tells. */
		if (w < 0)
			return;
		for (size_t i = 0; i < o->n_fds; i++)
			sys.close(o->fds[i]);
		o->n_fds = 0;
		o->at += (size_t) w;
		c->backlog -= (size_t) w;
		if (o->at < o->n)
			continue;
		c->first = o->next;
		if (!c->first)
			c->last = &c->first;
		sys_free(o);
	}
	if (watch_set(c->watch, WATCH_IN | (c->first ? WATCH_OUT : 0)) < 0)
		err_clear();
}

static void deliver(struct child *c)
{
	struct role_message m;
	int r = 0;

	while (c->fd >= 0 && !c->freed && !c->why && (r = wire_next(&c->in, &m)) == 1) {
		if (c->on.on_message) {
			c->on.on_message(c->ctx, c, m.bytes, m.n, m.fds, m.n_fds);
			continue;
		}
		for (size_t i = 0; i < m.n_fds; i++)
			sys.close(m.fds[i]);
	}
	if (r < 0) {
		err_clear();
		end_it(c, "sent a message that breaks the rules");
	}
}

static void on_wire(void *arg, unsigned events)
{
	struct child *c = arg;

	c->depth++;
	if (events & WATCH_OUT)
		flush(c);
	for (int round = 0; (events & WATCH_IN) && round < ROUNDS && c->fd >= 0 && !c->freed && !c->why; round++) {
		int r = wire_receive(&c->in, c->fd, MSG_DONTWAIT);

		if (r > 0) {
			deliver(c);
			continue;
		}
		if (r == 0) {
			/* It has closed its end: no more messages, but it may run on. */
			c->watch = watch_free(c->watch);
		} else if (r != -ERR_BUSY) {
			end_it(c, "sent a message that breaks the rules");
		}
		err_clear();
		break;
	}
	if (!c->freed && c->refused && !c->first) {
		c->refused = false;
		if (c->on.on_drain)
			c->on.on_drain(c->ctx, c);
	}
	leave(c);
}

int child_send(struct child *c, const void *bytes, size_t n, const int *fds, size_t n_fds)
{
	int r = wire_check(n, n_fds);

	if (r < 0)
		return r;
	if (c->fd < 0 || !c->watch)
		return err_fail(ERR_PEER, "what", c->config.name, "detail", "does not run", NULL);
	if (c->backlog && (n > c->config.backlog_max || c->backlog > c->config.backlog_max - n)) {
		c->refused = true;
		return err_fail(ERR_BUSY, "what", c->config.name, NULL);
	}
	struct out *o = sys_alloc(sizeof(*o) + WIRE_HEAD + n);
	if (!o)
		return err_fail(ERR_NO_MEMORY, "what", "message", NULL);
	for (size_t i = 0; i < n_fds; i++) {
		o->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
		if (o->fds[i] >= 0) {
			o->n_fds++;
			continue;
		}
		r = sys_fail(errno, "pass a descriptor", NULL);
		while (o->n_fds)
			sys.close(o->fds[--o->n_fds]);
		sys_free(o);
		return r;
	}
	o->n = WIRE_HEAD + n;
	wire_head(o->bytes, n, n_fds);
	if (n)
		memcpy(o->bytes + WIRE_HEAD, bytes, n);
	bool was_empty = !c->first;
	*c->last = o;
	c->last = &o->next;
	c->backlog += o->n;
	if (was_empty)
		flush(c);
	return 0;
}

/* Starting. What stands between fork and exec makes system calls only: other threads may hold locks. */

struct launch {
	const char *path, *folder;
	const char *argv[3];
	const char *const *args, *env[ENV_MAX + 1];
	char role[64], language[64], path_env[512], tz[64];
	struct confine confine;
	bool confined;
	const struct child_profile *profile;
	int socket, output, null;
	pid_t parent;
};

static _Noreturn void run_child(const struct launch *l)
{
	static const char cannot_run[] = "cannot be run\n", cannot_confine[] = "cannot be confined\n";
	sigset_t none;

	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != l->parent)
		_exit(EXIT_NOT_RUN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	/* The numbers to be taken may be in use by what is to be put there: first all out of the way. */
	struct confine confine = l->confine;
	if (!l->confined)
		confine.ruleset = -1;
	else if (confine.ruleset >= 0)
		confine.ruleset = fcntl(confine.ruleset, F_DUPFD, 10);
	int output = fcntl(l->output, F_DUPFD, 10), null = fcntl(l->null, F_DUPFD, 10), sock = fcntl(l->socket, F_DUPFD, 10);
	if (output < 0 || null < 0 || sock < 0 || dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0 || dup2(sock, CHILD_FD) < 0)
		_exit(EXIT_NOT_RUN);
	/* The rule set is needed once more; it closes by itself at exec. */
	if (confine.ruleset >= 0) {
		confine.ruleset = dup3(confine.ruleset, CHILD_FD + 1, O_CLOEXEC);
		syscall(SYS_close_range, CHILD_FD + 2, ~0U, 0);
	} else {
		syscall(SYS_close_range, CHILD_FD + 1, ~0U, 0);
	}
	if (chdir(l->folder) < 0)
		_exit(EXIT_NOT_RUN);
	int r = l->confined ? confine_enter(&confine) : l->profile ? confine_limits(l->profile) : 0;
	if (r < 0 || (!l->confined && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)) {
		if (write(2, cannot_confine, sizeof(cannot_confine) - 1) < 0)
			_exit(EXIT_NOT_CONFINED);
		_exit(EXIT_NOT_CONFINED);
	}
	execve(l->path, (char *const *) (uintptr_t) l->args, (char *const *) (uintptr_t) l->env);
	if (write(2, cannot_run, sizeof(cannot_run) - 1) < 0)
		_exit(EXIT_NOT_RUN);
	_exit(EXIT_NOT_RUN);
}

static void keep_env(struct launch *l, size_t *n, char *room, size_t size, const char *name)
{
	const char *value = getenv(name);
	struct buf b = { .data = room, .room = size, .max = size };

	if (!value)
		return;
	buf_addf(&b, "%s=%s", name, value);
	if (!b.failed)
		l->env[(*n)++] = room;
}

static int prepare(const struct child *c, struct launch *l)
{
	static const struct child_profile least = { 0 };
	const struct child_config *cf = &c->config;
	struct buf role = BUF_FIXED(l->role);
	size_t n = 0;

	l->folder = cf->folder ? cf->folder : "/";
	l->profile = cf->profile || cf->role ? cf->profile : &least;
	l->parent = getpid();
	keep_env(l, &n, l->path_env, sizeof(l->path_env), "PATH");
	keep_env(l, &n, l->language, sizeof(l->language), "LANG");
	keep_env(l, &n, l->tz, sizeof(l->tz), "TZ");
	for (const char *const *e = cf->env; e && *e && n < ENV_MAX; e++)
		l->env[n++] = *e;
	l->env[n] = NULL;
	if (cf->role) {
		buf_addf(&role, "--role=%s", cf->role);
		l->path = "/proc/self/exe";
		l->argv[0] = program_invocation_short_name;
		l->argv[1] = l->role;
		l->args = l->argv;
		return 0;
	}
	l->path = cf->argv[0];
	l->args = cf->argv;
	if (access(l->path, X_OK) < 0)
		return sys_fail(errno, "run", l->path);
	l->confined = true;
	return confine_prepare(&l->confine, l->profile, l->path);
}

/* The process is there: watch it. On failure it is killed and reaped. */
static int adopt(struct child *c, pid_t pid)
{
	struct process *p = sys_new(struct process);
	int fd = p ? (int) syscall(SYS_pidfd_open, pid, 0) : -1, error = p ? errno : ENOMEM;

	if (fd >= 0) {
		fcntl(fd, F_SETFD, FD_CLOEXEC);
		p->child = c;
		p->pid = pid;
		p->pidfd = fd;
		if (loop_watch(c->loop, fd, WATCH_IN, on_pidfd, p, &p->watch) == 0) {
			c->process = p;
			return 0;
		}
		error = ENOMEM;
		sys.close(fd);
	}
	sys_free(p);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return sys_fail(error, "watch", c->config.name);
}

static int spawn(struct child *c, struct launch *l)
{
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC), ours = -1, theirs = -1, out_read = -1, out_write = -1;
	int pair[2], out[2];

	if (null < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return sys_fail(errno, "start", c->config.name);
	ours = pair[0];
	theirs = pair[1];
	if (pipe2(out, O_CLOEXEC) < 0)
		return sys_fail(errno, "start", c->config.name);
	out_read = out[0];
	out_write = out[1];
	fcntl(ours, F_SETFL, O_NONBLOCK);
	fcntl(out_read, F_SETFL, O_NONBLOCK);
	l->socket = theirs;
	l->null = null;
	l->output = c->on.on_output ? out_write : STDERR_FILENO;
	pid_t pid = fork();
	if (pid == 0)
		run_child(l);
	if (pid < 0)
		return sys_fail(errno, "start", c->config.name);
	int r = adopt(c, pid);
	if (r < 0)
		return r;
	c->fd = take_fd(ours);
	c->err_fd = take_fd(out_read);
	r = loop_watch(c->loop, c->fd, WATCH_IN, on_wire, c, &c->watch);
	if (r == 0 && c->on.on_output)
		r = loop_watch(c->loop, c->err_fd, WATCH_IN, on_err, c, &c->err_watch);
	if (r < 0) {
		c->process->child = NULL;
		end_it(c, NULL);
		c->process = NULL;
		hang_up(c);
	}
	return r;
}

static int start(struct child *c)
{
	struct launch *l = sys_new(struct launch);

	if (!l)
		return err_fail(ERR_NO_MEMORY, "what", c->config.name, NULL);
	int r = prepare(c, l);
	if (r == 0)
		r = spawn(c, l);
	if (l->confined)
		confine_done(&l->confine);
	sys_free(l);
	if (r < 0)
		return r;
	c->starts++;
	c->started_ns = clock_mono_ns();
	c->depth++;
	if (c->on.on_start)
		c->on.on_start(c->ctx, c, c->process->pid);
	c->depth--;
	return 0;
}

int child_new(struct loop *l, const struct child_config *config, const struct child_callbacks *callbacks, void *ctx, struct child **ret_child)
{
	struct child *c = sys_new(struct child);

	if (!c)
		return err_fail(ERR_NO_MEMORY, "what", config->name, NULL);
	c->loop = l;
	c->config = *config;
	c->on = *callbacks;
	c->ctx = ctx;
	c->fd = c->err_fd = -1;
	c->last = &c->first;
	c->config.backlog_max = config->backlog_max ? config->backlog_max : BACKLOG_MAX;
	c->config.restart_min_ms = config->restart_min_ms ? config->restart_min_ms : RESTART_MIN_MS;
	c->config.restart_max_ms = config->restart_max_ms ? config->restart_max_ms : RESTART_MAX_MS;
	c->restart_ms = c->config.restart_min_ms;
	int r = start(c);
	if (r < 0) {
		destroy(c);
		return r;
	}
	*ret_child = c;
	return 0;
}

struct child *child_free(struct child *c)
{
	if (!c || c->freed)
		return NULL;
	timer_stop(&c->restart);
	hang_up(c);
	if (c->process) {
		/* The process remains to be reaped, by its pidfd. */
		kill_all(c->process, SIGKILL);
		c->process->child = NULL;
		c->process = NULL;
	}
	c->freed = true;
	if (!c->depth)
		destroy(c);
	return NULL;
}

static void on_kill(void *arg) { end_it(arg, "did not end when asked to"); }

void child_stop(struct child *c, int64_t ms)
{
	c->stopping = true;
	timer_stop(&c->restart);
	if (!c->process)
		return;
	kill_all(c->process, SIGTERM);
	timer_start(c->loop, &c->kill, ms, on_kill, c);
}

pid_t child_pid(const struct child *c) { return c->process ? c->process->pid : 0; }
size_t child_backlog(const struct child *c) { return c->backlog; }
uint32_t child_starts(const struct child *c) { return c->starts; }
