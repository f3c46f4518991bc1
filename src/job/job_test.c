/* job_test.c - jobs against a real store, with kinds that do what the test tells them. */

#include "postgres.h"
#include "tap.h"

#include "job/impl.h"
#include "store/store.h"

/* A gate that run() waits at, so that a test decides what happens when; nothing here depends on time. */
struct gate { struct mutex lock; struct cond cond; unsigned arrived, open, runs; bool endless; };
static struct gate gate;        /* kinds are const rows without a context of their own */

static void gate_reset(unsigned open)
{
	mutex_init(&gate.lock);
	cond_init(&gate.cond);
	gate.arrived = gate.runs = 0;
	gate.open = open;
}

static void gate_open(unsigned n)
{
	mutex_hold(&gate.lock);
	gate.open += n;
	cond_broadcast(&gate.cond);
}

/* The loop goes on meanwhile: it tells of ends, which lets others begin. */
static bool gate_has(struct loop *l, unsigned arrived)
{
	int64_t deadline = clock_deadline(20000);

	while (clock_mono_ns() < deadline) {
		loop_step(l, 5);
		mutex_hold(&gate.lock);
		if (gate.arrived >= arrived)
			return true;
	}
	return false;
}

/* Counts to the total in its input, one step a pass of the gate. */
static int run_steps(struct job *j, struct scope *s)
{
	uint64_t at = job_saved(j) ? (uint64_t) strtoull(job_saved(j), NULL, 10) : 0, total = strtoull(job_input(j), NULL, 10);
	const char *path;
	int r = job_file(j, "steps.txt", "text/plain", &path);

	mutex_lock(&gate.lock);
	gate.runs++;
	mutex_unlock(&gate.lock);
	job_total(j, total, "rows");
	for (; r >= 0 && at < total; at++) {
		char text[32];
		mutex_lock(&gate.lock);
		gate.arrived++;
		cond_broadcast(&gate.cond);
		while (gate.open == 0 && !job_is_cancelled(j))
			cond_wait_until(&gate.cond, &gate.lock, clock_deadline(20));
		gate.open -= gate.open > 0;
		mutex_unlock(&gate.lock);
		if (job_is_cancelled(j))
			return job_cancelled();
		job_done(j, at + 1);
		job_say(j, "counting", "计数中");
		snprintf(text, sizeof(text), "%llu", (unsigned long long) at + 1);
		r = job_save(j, text);
	}
	if (r >= 0)
		r = file_write(path, "steps\n", 6, 0600);
	return r < 0 ? r : job_result(j, "{\"steps\":3}");
}

static int run_fails(struct job *j, struct scope *s) { return err_fail(ERR_FULL, "what", "@disk", "detail", "0 bytes left", NULL); }

static int run_reads_body(struct job *j, struct scope *s)
{
	struct buf b = BUF_INIT(&sys_heap, 1 << 16), out = BUF_INIT(&sys_heap, 1 << 16);
	int r = file_read(job_body(j), 4096, &b);

	buf_addf(&out, "{\"body\":\"%s\",\"who\":\"%s\"}", b.data, s->who.name);
	if (r >= 0)
		r = job_result(j, out.data);
	buf_done(&b);
	buf_done(&out);
	return r;
}

static const struct job_kind steps = { "test.steps", "Steps", "步骤", PERM_POINT_READ, true, run_steps };
static const struct job_kind once = { "test.once", "Once", "一次", PERM_POINT_READ, false, run_steps };
static const struct job_kind fails = { "test.fails", "Fails", "失败", PERM_POINT_READ, false, run_fails };
static const struct job_kind body = { "test.body", "Body", "正文", PERM_POINT_WRITE, false, run_reads_body };

struct world { struct buf dir; struct guard *g; struct loop *loop; struct jobs *jobs; struct arena a; struct scope s; };

static bool open_jobs(struct world *w)
{
	static const struct store_noun nouns[] = { { &job_type, STORE_QUIET } };
	struct guard_config c = { .data = w->dir.data, .store = test_database(w->dir.data), .argon_kib = 64, .argon_passes = 1,
		.tenant_nouns = nouns, .n_tenant_nouns = 1 };

	if (guard_open(&w->g, &c) < 0 || loop_new("test", &w->loop) < 0
			|| jobs_new(&w->jobs, &(struct jobs_config) { .guard = w->g, .loop = w->loop, .data = w->dir.data }) < 0)
		return false;
	jobs_add(w->jobs, &steps);
	jobs_add(w->jobs, &once);
	jobs_add(w->jobs, &fails);
	jobs_add(w->jobs, &body);
	scope_system(&w->s, w->g, NULL, &w->a, "tester");
	return jobs_start(w->jobs) >= 0;
}

static void close_jobs(struct world *w)
{
	w->jobs = jobs_free(w->jobs);
	w->loop = loop_free(w->loop);
	w->g = guard_close(w->g);
}

static bool begin_world(struct world *w, unsigned open)
{
	*w = (struct world) { .dir = BUF_INIT(&sys_heap, 4096) };
	arena_init(&w->a, &sys_heap, 0);
	gate_reset(open);
	if (dir_temp("/tmp", "tenon-job-", &w->dir) >= 0 && open_jobs(w))
		return true;
	printf("# %s\n", err_log_text(err_peek()));
	return false;
}

static void end_world(struct world *w)
{
	close_jobs(w);
	dir_remove(w->dir.data);
	buf_done(&w->dir);
	arena_done(&w->a);
	err_clear();
}

static struct uuid start(struct world *w, const char *kind, const char *input)
{
	struct uuid id = { 0 };

	is_int(job_begin(w->jobs, &w->s, &(struct job_in) { .kind = kind, .input = input }, &id), 0);
	return id;
}

/* Runs the loop until the job has ended. */
static struct job_record ended(struct world *w, const struct uuid *id)
{
	struct job_record rec = { 0 };
	int64_t deadline = clock_deadline(20000);

	do {
		loop_step(w->loop, 5);
		if (job_get(w->jobs, &w->s, id, &rec) < 0)
			break;
	} while (!job_has_ended(rec.state) && clock_mono_ns() < deadline);
	return rec;
}

TEST(a_job_runs_and_leaves_its_result_and_its_file)
{
	struct buf path = BUF_INIT(&sys_heap, 1 << 16), text = BUF_INIT(&sys_heap, 1 << 16);
	struct job_record rec;
	struct world w;
	struct uuid id;

	must(begin_world(&w, 3));
	id = start(&w, "test.steps", "3");
	rec = ended(&w, &id);
	is_int(rec.state, JOB_DONE);
	is_int(rec.done, 3);
	is_int(rec.total, 3);
	is_str(rec.unit, "rows");
	is_str(rec.result, "{\"steps\":3}");
	is_str(rec.name, "tester");
	ok(rec.started && rec.ended >= rec.started);
	is_int(job_file_path(w.jobs, &w.s, &rec, &path), 0);
	is_int(file_read(path.data, 100, &text), 0);
	is_str(text.data, "steps\n");
	is_int(rec.file_bytes, 6);
	is_int(job_delete(w.jobs, &w.s, &id), 0);
	ok(!file_exists(path.data));
	is_int(job_get(w.jobs, &w.s, &id, &rec), -ERR_MISSING);
	buf_done(&path);
	buf_done(&text);
	end_world(&w);
}

static void note_view(void *ctx, const struct job_view *v) { *(struct job_view *) ctx = *v; }

TEST(progress_is_seen_while_it_runs)
{
	struct job_view v = { 0 };
	struct job_record rec;
	struct world w;
	struct uuid id;
	uint64_t at;

	must(begin_world(&w, 1));
	id = start(&w, "test.steps", "3");
	ok(gate_has(w.loop, 2));
	is_int(job_get(w.jobs, &w.s, &id, &rec), 0);
	is_int(rec.state, JOB_RUNNING);
	is_int(rec.done, 1);
	is_str(rec.detail, "counting");
	ok(rec.eta > 0);
	at = jobs_changed(w.jobs, TENANT_DEFAULT, NULL, 0, note_view, &v);
	ok(uuid_equal(&v.id, &id));
	is_int(v.total, 3);
	v = (struct job_view) { 0 };
	is_int(jobs_changed(w.jobs, TENANT_DEFAULT, NULL, at, note_view, &v), at);
	ok(uuid_is_zero(&v.id));
	gate_open(2);
	rec = ended(&w, &id);
	ok(jobs_changed(w.jobs, TENANT_DEFAULT, NULL, at, note_view, &v) > at);
	is_int(v.state, JOB_DONE);
	end_world(&w);
}

TEST(a_failure_is_a_sentence_in_both_languages)
{
	struct job_record rec;
	struct world w;
	struct uuid id;

	must(begin_world(&w, 0));
	id = start(&w, "test.fails", NULL);
	rec = ended(&w, &id);
	is_int(rec.state, JOB_FAILED);
	is_str(rec.code, "full");
	is_str(rec.detail, "disk is full: 0 bytes left");
	is_str(rec.detail_zh, "磁盘已满：0 bytes left");
	end_world(&w);
}

TEST(what_waits_and_what_runs_can_be_cancelled)
{
	struct job_record rec;
	struct uuid id[4];
	struct world w;

	must(begin_world(&w, 0));
	for (int i = 0; i < 4; i++)
		id[i] = start(&w, "test.steps", "2");
	ok(gate_has(w.loop, JOBS_RUNNING_TENANT));      /* the others of this tenant wait */
	is_int(job_get(w.jobs, &w.s, &id[3], &rec), 0);
	is_int(rec.state, JOB_QUEUED);
	is_int(job_cancel(w.jobs, &w.s, &id[3]), 0);
	is_int(job_get(w.jobs, &w.s, &id[3], &rec), 0);
	is_int(rec.state, JOB_CANCELLED);
	is_str(rec.detail, "cancelled by tester");
	is_int(job_cancel(w.jobs, &w.s, &id[0]), 0);
	rec = ended(&w, &id[0]);
	is_int(rec.state, JOB_CANCELLED);
	is_int(job_cancel(w.jobs, &w.s, &id[0]), 0);    /* again: nothing */
	gate_open(4);
	is_int(ended(&w, &id[1]).state, JOB_DONE);
	is_int(ended(&w, &id[2]).state, JOB_DONE);
	end_world(&w);
}

TEST(a_tenant_has_a_bounded_number_of_jobs)
{
	struct uuid id;
	struct world w;

	must(begin_world(&w, 0));
	for (int i = 0; i < JOBS_WAITING_TENANT; i++)
		start(&w, "test.steps", "1");
	is_int(job_begin(w.jobs, &w.s, &(struct job_in) { .kind = "test.steps", .input = "1" }, &id), -ERR_LIMIT);
	gate_open(JOBS_WAITING_TENANT);
	end_world(&w);
}

TEST(after_a_stop_a_kind_that_resumes_goes_on_and_another_says_that_it_was_interrupted)
{
	struct job_record rec;
	struct uuid a, b;
	struct world w;

	must(begin_world(&w, 1));
	a = start(&w, "test.steps", "3");
	ok(gate_has(w.loop, 2));                        /* one step done and saved */
	b = start(&w, "test.once", "3");
	ok(gate_has(w.loop, 3));
	close_jobs(&w);
	gate_reset(10);
	must(open_jobs(&w));
	rec = ended(&w, &a);
	is_int(rec.state, JOB_DONE);
	is_int(rec.runs, 2);
	is_int(gate.arrived, 2);                /* not three: it went on behind the first */
	is_int(job_get(w.jobs, &w.s, &b, &rec), 0);
	is_int(rec.state, JOB_INTERRUPTED);
	is_str(rec.detail, "the platform was stopped before this had ended; start it again");
	end_world(&w);
}

TEST(a_file_that_came_along_is_there_and_goes_with_the_end)
{
	struct job_in in = { .kind = "test.body", .body = "hello", .len = 5 };
	struct job_record rec;
	char path[600];
	struct world w;
	struct uuid id;

	must(begin_world(&w, 0));
	is_int(job_begin(w.jobs, &w.s, &in, &id), 0);
	rec = ended(&w, &id);
	is_str(rec.result, "{\"body\":\"hello\",\"who\":\"tester\"}");
	is_int(job_path(w.jobs, TENANT_DEFAULT, &id, ".in", path), 0);
	ok(!file_exists(path));
	end_world(&w);
}

TEST(others_see_and_end_a_job_only_with_the_right_to)
{
	struct job_record rec;
	struct scope other;
	struct world w;
	struct uuid id;

	must(begin_world(&w, 0));
	id = start(&w, "test.steps", "1");
	other = w.s;
	other.who = (struct principal) { .kind = PRINCIPAL_USER, .id = uuid_new(), .name = "other", .role = "" };
	other.grants = (struct grants) { UINT64_C(1) << PUBLIC | UINT64_C(1) << SIGNED_IN };
	is_int(job_get(w.jobs, &other, &id, &rec), -ERR_MISSING);
	is_int(job_cancel(w.jobs, &other, &id), -ERR_MISSING);
	other.grants.bits |= UINT64_C(1) << PERM_SYSTEM_READ;
	is_int(job_get(w.jobs, &other, &id, &rec), 0);
	is_int(job_cancel(w.jobs, &other, &id), -ERR_DENIED);
	is_int(job_begin(w.jobs, &other, &(struct job_in) { .kind = "test.body" }, &id), -ERR_DENIED);
	gate_open(1);
	end_world(&w);
}
