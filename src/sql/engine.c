/*
 * engine.c - the platform's side of the processes: one a statement, one spare.
 *
 * Everything about processes happens on the loop; a worker asks by a post and then talks over a socket of its own with what the loop
 * started. Whatever ends a statement, its process is killed: there is nothing in it worth keeping, and nothing of it is left for the
 * next one, who may be somebody else.
 */
#include "sql/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "base/zone.h"

enum { MEMORY = 256 << 20, THREADS = 2, QUERIES = 2, IDLE_MS = 60000 };

/* A process of the role: spare, or at work for a statement. It lives on the loop. */
struct process { struct sql_engine *engine; struct child *child; struct sql_run *run; };

struct sql_engine {
	struct sql_config config;
	char library[4096], env_library[4200], env_memory[60], env_threads[60];
	const char *env[4];
	struct child_profile profile;
	struct process *spare;
	struct timer idle;
	atomic_uint running;
	atomic_ulong starts, done, failed, killed;
	atomic_bool has_spare;
};

/* ---- the library ---- */

/* Where the program lies, and below it, as installed and as built; then where the system keeps libraries. */
static bool look(struct sql_engine *e, const char *below)
{
	char program[2048];
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
	struct buf b = BUF_FIXED(e->library);

	if (n <= 0)
		return false;
	program[n] = 0;
	*(char *) (uintptr_t) path_name(program) = 0;
	buf_addf(&b, "%s%s", program, below);
	if (!b.failed && file_exists(e->library))
		return true;
	e->library[0] = 0;
	return false;
}

static void find_library(struct sql_engine *e)
{
	static const char *const system[] = { "/usr/lib/tenon/libduckdb.so", "/usr/local/lib/tenon/libduckdb.so",
#if defined(__x86_64__)
		"/usr/lib/x86_64-linux-gnu/libduckdb.so",
#elif defined(__aarch64__)
		"/usr/lib/aarch64-linux-gnu/libduckdb.so",
#endif
	};
	struct buf b = BUF_FIXED(e->library);

	if (!str_empty(e->config.library)) {
		buf_add(&b, e->config.library);
		if (b.failed || !file_exists(e->library))
			e->library[0] = 0;
		return;
	}
	if (look(e, "tools/duckdb/libduckdb.so") || look(e, "../lib/tenon/libduckdb.so"))
		return;
	for (size_t i = 0; i < ELEMENTSOF(system); i++) {
		if (!file_exists(system[i]))
			continue;
		buf_add(&b, system[i]);
		return;
	}
}

const char *sql_library(const struct sql_engine *e) { return e && e->library[0] ? e->library : NULL; }

/* ---- on the loop ---- */

static struct process *process_free(struct process *p)
{
	if (!p)
		return NULL;
	child_free(p->child);
	return sys_free(p);
}

static struct sql_run *run_unref(struct sql_run *r)
{
	if (atomic_fetch_sub(&r->refs, 1) != 1)
		return NULL;
	if (r->theirs >= 0)
		sys.close(r->theirs);
	buf_done(&r->query);
	mutex_done(&r->lock);
	cond_done(&r->cond);
	return sys_free(r);
}

/* Once: the process is gone, the worker is told, the loop's hold is given up. */
static void finish(struct sql_run *r, enum sql_end how)
{
	if (r->over)
		return;
	timer_stop(&r->limit);
	r->process = process_free(r->process);
	if (r->theirs >= 0)
		sys.close(r->theirs);
	r->theirs = -1;
	mutex_lock(&r->lock);
	r->over = how;
	cond_broadcast(&r->cond);
	mutex_unlock(&r->lock);
	run_unref(r);
}

static void on_limit(void *arg)
{
	struct sql_run *r = arg;

	atomic_fetch_add(&r->engine->killed, 1);
	finish(r, SQL_TIMED_OUT);
}

static void drop_spare(struct sql_engine *e)
{
	timer_stop(&e->idle);
	e->spare = process_free(e->spare);
	atomic_store(&e->has_spare, false);
}

static void on_idle(void *arg) { drop_spare(arg); }

/* It says nothing over the parent's own socket that anybody asked for. */
static void on_message(void *ctx, struct child *c, const uint8_t *bytes, size_t n, const int *fds, size_t n_fds)
{
	for (size_t i = 0; i < n_fds; i++)
		sys.close(fds[i]);
}

static void on_line(void *ctx, struct child *c, const char *line) { log_info("sql", "the helper says: %s", line); }

static void on_gone(void *ctx, struct child *c, const struct child_exit *x)
{
	struct process *p = ctx;

	if (p->run)
		finish(p->run, SQL_ENDED);
	else if (p->engine->spare == p)
		drop_spare(p->engine);
}

static int process_new(struct sql_engine *e, struct process **ret)
{
	static const struct child_callbacks callbacks = { .on_message = on_message, .on_exit = on_gone, .on_output = on_line };
	const struct child_config config = { .name = "sql", .role = "sql", .profile = &e->profile, .env = e->env, .once = true };
	struct process *p = sys_new(struct process);
	int r = p ? 0 : err_fail(ERR_NO_MEMORY, "what", "sql", NULL);

	if (r >= 0) {
		p->engine = e;
		r = child_new(e->config.loop, &config, &callbacks, p, &p->child);
	}
	if (r < 0) {
		sys_free(p);
		return r;
	}
	atomic_fetch_add(&e->starts, 1);
	*ret = p;
	return 0;
}

/* The next statement finds one that has loaded its library already. */
static void keep_spare(struct sql_engine *e)
{
	if (!e->spare && process_new(e, &e->spare) < 0)
		err_clear();
	atomic_store(&e->has_spare, e->spare != NULL);
	if (e->spare)
		timer_start(e->config.loop, &e->idle, e->config.idle_ms, on_idle, e);
}

/* The process gets the statement and its end of the socket; one that cannot take them is given up. */
static int hand_over(struct sql_run *r, struct process *p)
{
	int x = child_send(p->child, r->query.data, r->query.len, &r->theirs, 1);

	if (x < 0) {
		process_free(p);
		return x;
	}
	p->run = r;
	r->process = p;
	return 0;
}

static void begin(void *arg)
{
	struct sql_run *r = arg;
	struct sql_engine *e = r->engine;
	struct process *p = take(e->spare);
	int x = p ? hand_over(r, p) : -ERR_PEER;

	/* None was spare, or it has just died. */
	if (x < 0) {
		err_clear();
		x = process_new(e, &p);
		if (x >= 0)
			x = hand_over(r, p);
	}
	if (x < 0) {
		r->failure = err_take(x);
		finish(r, SQL_NOT_STARTED);
		return;
	}
	sys.close(r->theirs);
	r->theirs = -1;
	timer_start(e->config.loop, &r->limit, r->ms, on_limit, r);
	keep_spare(e);
}

static void end(void *arg)
{
	struct sql_run *r = arg;

	finish(r, SQL_ENDED);
	run_unref(r);           /* the post's own */
}

/* ---- on a worker ---- */

static int put_query(const struct sql_in *in, struct buf *out)
{
	const char *zone = str_empty(in->zone) ? "UTC" : in->zone;
	char name[20];
	struct buf b = BUF_FIXED(name);
	struct zone fixed;

	if (in->len > SQL_TEXT_MAX)
		return err_fail(ERR_TOO_LARGE, "what", "@statement", "max", "65536", NULL);
	if (!str_matches(zone, "[A-Za-z0-9_+/:-]+") || str_len(zone) > 60)
		return sql_no_zone(zone);
	if (zone_fixed(zone, str_len(zone), &fixed) && fixed.standard_s % 3600 == 0 && zone[0] != 'U') {
		buf_addf(&b, "Etc/GMT%s%d", fixed.standard_s > 0 ? "" : "+", -fixed.standard_s / 3600);  /* POSIX counts to the west */
		zone = name;
	}
	sql_put_u8(out, SQL_QUERY);
	sql_put_u64(out, in->rows);
	sql_put_text(out, zone, str_len(zone));
	sql_put_text(out, in->text, in->len);
	return out->failed ? err_fail(ERR_NO_MEMORY, "what", "sql", NULL) : 0;
}

static int make_run(struct sql_engine *e, const struct sql_in *in, struct sql_run **ret, int *ret_fd)
{
	struct sql_run *run = sys_new(struct sql_run);
	int pair[2], r;

	if (!run)
		return err_fail(ERR_NO_MEMORY, "what", "sql", NULL);
	run->theirs = -1;
	atomic_init(&run->refs, 1);
	mutex_init(&run->lock);
	cond_init(&run->cond);
	run->engine = e;
	run->ms = in->ms;
	run->query = BUF_INIT(&sys_heap, SQL_BODY_MAX);
	r = put_query(in, &run->query);
	if (r >= 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		r = sys_fail(errno, "start", "sql");
	if (r < 0) {
		run_unref(run);
		return r;
	}
	run->theirs = pair[1];
	*ret_fd = pair[0];
	*ret = run;
	return 0;
}

int run_new(struct sql_engine *e, const struct sql_in *in, struct sql_run **ret, int *ret_fd)
{
	struct sql_run *run = NULL;
	int r;

	if (!sql_library(e))
		return err_fail(ERR_NO_SQL, NULL, NULL);
	if (atomic_fetch_add(&e->running, 1) >= e->config.queries)
		r = err_fail(ERR_BUSY, "what", "SQL", NULL);
	else
		r = make_run(e, in, &run, ret_fd);
	if (r < 0) {
		atomic_fetch_sub(&e->running, 1);
		return r;
	}
	atomic_fetch_add(&run->refs, 1);        /* the loop's, until finish() */
	loop_send(e->config.loop, &run->begin, begin, run);
	*ret = run;
	return 0;
}

/* With the lock held. */
static void ask_to_end(struct sql_run *r)
{
	if (r->over || r->ending)
		return;
	r->ending = true;
	atomic_fetch_add(&r->refs, 1);
	loop_send(r->engine->config.loop, &r->end, end, r);
}

enum sql_end run_end(struct sql_run *r)
{
	mutex_hold(&r->lock);
	ask_to_end(r);
	while (!r->over)
		cond_wait(&r->cond, &r->lock);
	return r->over;
}

void run_free(struct sql_run *r, bool failed)
{
	struct sql_engine *e = r->engine;

	atomic_fetch_add(failed ? &e->failed : &e->done, 1);
	atomic_fetch_sub(&e->running, 1);
	mutex_lock(&r->lock);
	ask_to_end(r);
	mutex_unlock(&r->lock);
	run_unref(r);
}

/* ---- life ---- */

int sql_new(const struct sql_config *config, struct sql_engine **ret)
{
	struct sql_engine *e = sys_new(struct sql_engine);
	struct buf library, memory, threads;

	if (!e)
		return err_fail(ERR_NO_MEMORY, "what", "sql", NULL);
	e->config = *config;
	e->config.memory = config->memory ? config->memory : MEMORY;
	e->config.threads = config->threads ? config->threads : THREADS;
	e->config.queries = config->queries ? config->queries : QUERIES;
	e->config.idle_ms = config->idle_ms ? config->idle_ms : IDLE_MS;
	sql_profile(e->config.memory, &e->profile);
	find_library(e);
	library = BUF_FIXED(e->env_library);
	memory = BUF_FIXED(e->env_memory);
	threads = BUF_FIXED(e->env_threads);
	buf_addf(&library, "TENON_SQL_LIBRARY=%s", e->library);
	buf_addf(&memory, "TENON_SQL_MEMORY=%llu", (unsigned long long) e->config.memory);
	buf_addf(&threads, "TENON_SQL_THREADS=%u", e->config.threads);
	e->env[0] = e->env_library;
	e->env[1] = e->env_memory;
	e->env[2] = e->env_threads;
	*ret = e;
	return 0;
}

struct sql_engine *sql_engine_free(struct sql_engine *e)
{
	if (!e)
		return NULL;
	drop_spare(e);
	return sys_free(e);
}

void sql_stats(const struct sql_engine *e, struct sql_stats *ret)
{
	*ret = (struct sql_stats) { .running = atomic_load(&e->running), .spare = atomic_load(&e->has_spare), .starts = atomic_load(&e->starts),
		.done = atomic_load(&e->done), .failed = atomic_load(&e->failed), .killed = atomic_load(&e->killed) };
}
