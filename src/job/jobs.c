/* jobs.c - the jobs of a process: which wait, which run, on which thread; what an earlier process left. */

#include "job/impl.h"

/* ---- life ---- */

int jobs_new(struct jobs **ret, const struct jobs_config *c)
{
	_cleanup_(jobs_freep) struct jobs *j = sys_new(struct jobs);
	struct work_config work = { .name = "job", .threads = JOBS_RUNNING, .max_queued = JOBS_ALL, .stack = 1 << 20 };
	int r;

	if (!j)
		return err_fail(ERR_NO_MEMORY, "what", "@jobs", NULL);
	j->config = *c;
	mutex_init(&j->lock);
	/* Begins at the wall clock: a number from an earlier process is older than all there is. */
	atomic_init(&j->change, (unsigned long) clock_now_ns());
	r = work_pool_new(&work, &j->pool);
	if (r < 0)
		return r;
	*ret = take(j);
	return 0;
}

int jobs_add(struct jobs *j, const struct job_kind *kind)
{
	if (j->n_kinds == JOB_KINDS_MAX || kind_find(j, kind->name))
		return err_failf(ERR_BROKEN, "the job kind %s cannot be added", kind->name);
	j->kinds[j->n_kinds++] = kind;
	return 0;
}

const struct job_kind *kind_find(const struct jobs *j, const char *name)
{
	for (unsigned i = 0; i < j->n_kinds; i++)
		if (str_eq(j->kinds[i]->name, name))
			return j->kinds[i];
	return NULL;
}

void jobs_stop(struct jobs *j)
{
	atomic_store(&j->stopping, true);
}

struct jobs *jobs_free(struct jobs *j)
{
	if (!j)
		return NULL;
	jobs_stop(j);
	work_pool_free(j->pool);
	if (j->config.loop)
		loop_step(j->config.loop, 0);   /* the ends that are still to be told */
	while (j->first)
		jobs_drop(j, j->first);
	mutex_done(&j->lock);
	return sys_free(j);
}

/* ---- the list ---- */

struct job *job_new(struct jobs *j, uint32_t tenant, const struct job_kind *kind)
{
	struct job *job = sys_new(struct job);

	if (!job) {
		err_fail(ERR_NO_MEMORY, "what", "@job", NULL);
		return NULL;
	}
	arena_init(&job->arena, &sys_heap, 4 << 20);
	job->jobs = j;
	job->tenant = tenant;
	job->kind = kind;
	if (rec_init(&job_type, &job->rec, &job->arena) < 0)
		return job_free(job);
	return job;
}

struct job *job_free(struct job *job)
{
	if (!job)
		return NULL;
	arena_done(&job->arena);
	return sys_free(job);
}

void job_touch(struct job *job)
{
	job->change = atomic_fetch_add(&job->jobs->change, 1) + 1;
}

static void unlink_job(struct jobs *j, struct job *job)
{
	struct job **at = &j->first;

	while (*at && *at != job)
		at = &(*at)->next;
	if (*at) {
		*at = job->next;
		j->n--;
	}
}

/* Under the lock. */
static void sweep(struct jobs *j)
{
	int64_t now = clock_mono_ns();

	for (struct job *job = j->first, *next; job; job = next) {
		next = job->next;
		if (job_has_ended(job->state) && !job->with_worker && now - job->ended_ns > JOB_ENDED_MS * NS_PER_MS) {
			unlink_job(j, job);
			job_free(job);
		}
	}
}

int jobs_admit(struct jobs *j, struct job *job)
{
	struct job **end = &j->first;
	unsigned of_tenant = 0, all = 0;

	mutex_hold(&j->lock);
	sweep(j);
	if (atomic_load(&j->stopping))
		return err_fail(ERR_STOPPING, NULL, NULL);
	for (; *end; end = &(*end)->next) {
		bool waits = !job_has_ended((*end)->state);
		all += waits;
		of_tenant += waits && (*end)->tenant == job->tenant;
	}
	if (of_tenant >= JOBS_WAITING_TENANT)
		return err_fail(ERR_LIMIT, "what", "@jobs", "max", "16", NULL);
	if (all >= JOBS_ALL)
		return err_fail(ERR_LIMIT, "what", "@jobs", "max", "128", NULL);
	*end = job;
	j->n++;
	return 0;
}

void jobs_drop(struct jobs *j, struct job *job)
{
	mutex_lock(&j->lock);
	unlink_job(j, job);
	mutex_unlock(&j->lock);
	job_free(job);
}

struct job *jobs_find(struct jobs *j, uint32_t tenant, const struct uuid *id)
{
	for (struct job *job = j->first; job; job = job->next)
		if (job->tenant == tenant && uuid_equal(&job->id, id))
			return job;
	return NULL;
}

/* ---- running ---- */

static int act(struct job *job, struct scope *s)
{
	const struct principal who = { .kind = (enum principal_kind) job->rec.principal_kind, .id = job->rec.principal, .name = job->rec.name };
	char id[UUID_TEXT + 1];
	struct buf request = BUF_FIXED(s->request);
	int r = guard_act_for(s, job->tenant, &who);

	uuid_format(&job->id, id);
	buf_clear(&request);
	buf_add(&request, id);                  /* what the job does stands in the audit with its id */
	return r < 0 ? r : scope_need_somewhere(s, job->kind->permission);      /* the work itself looks at places */
}

static int begin(struct job *job)
{
	struct jobs *j = job->jobs;
	struct job_record *rec = &job->rec;

	mutex_lock(&j->lock);
	job->state = JOB_RUNNING;
	job->began_ns = clock_mono_ns();
	job_touch(job);
	mutex_unlock(&j->lock);
	rec->state = JOB_RUNNING;
	rec->runs++;
	if (!rec->started)
		rec->started = clock_now_ns();
	rec_set_has(&job_type, rec, rec_field(&job_type, "started"), true);
	return job_store(j, job->tenant, rec);
}

static enum job_state state_of(struct job *job, int r, struct err *e)
{
	struct job_record *rec = &job->rec;
	bool asked;

	mutex_lock(&job->jobs->lock);
	asked = job->asked;
	mutex_unlock(&job->jobs->lock);
	if (r >= 0)
		return JOB_DONE;
	if (asked && (r == -ERR_CANCELLED || r == -ERR_STOPPING)) {
		rec->detail = arena_fmt(&job->arena, "cancelled by %s", job->cancelled_by);
		rec->detail_zh = arena_fmt(&job->arena, "已由 %s 取消", job->cancelled_by);
		return JOB_CANCELLED;
	}
	if ((r == -ERR_CANCELLED || r == -ERR_STOPPING) && atomic_load(&job->jobs->stopping)) {
		job_interrupted(rec);
		return job->kind->resumes ? JOB_RUNNING : JOB_INTERRUPTED;
	}
	job_failed(rec, e, &job->arena);
	return JOB_FAILED;
}

static void count(struct jobs *j, enum job_state state)
{
	j->stats.done += state == JOB_DONE;
	j->stats.failed += state == JOB_FAILED;
	j->stats.cancelled += state == JOB_CANCELLED;
	j->stats.interrupted += state == JOB_INTERRUPTED;
}

/* Puts the end on record. The record is the caller's: nobody else runs this job. */
void job_end(struct job *job, int r)
{
	struct jobs *j = job->jobs;
	struct job_record *rec = &job->rec;
	struct err e = r < 0 ? err_take(r) : (struct err) { 0 };
	enum job_state state;
	int64_t bytes = 0;

	rec->detail = rec->detail_zh = rec->code = NULL;
	state = state_of(job, r, &e);
	mutex_lock(&j->lock);
	rec->done = job->done;
	rec->total = job->total;
	rec->unit = job->unit;
	mutex_unlock(&j->lock);
	if (state != JOB_RUNNING) {             /* else the next start goes on */
		rec->state = (int32_t) state;
		rec->ended = clock_now_ns();
		rec_set_has(&job_type, rec, rec_field(&job_type, "ended"), true);
		rec->saved = NULL;
		if (state != JOB_DONE)
			rec->file = rec->file_type = NULL;
		if (state != JOB_DONE && state != JOB_FAILED)   /* what a failed one says in it is why: the wrong rows of a list */
			rec->result = NULL;
		if (rec->file && file_size(job->path, &bytes) == 0)
			rec->file_bytes = (uint64_t) bytes;
	}
	if (job_store(j, job->tenant, rec) < 0) {       /* it is shown as interrupted after the next start */
		log_warn("jobs", "the end of a job is not on record: %s", err_log_text(err_peek()));
		err_clear();
	}
	if (state != JOB_RUNNING && job->body[0] && file_unlink(job->body) < 0)
		err_clear();
	if (state != JOB_RUNNING && state != JOB_DONE && job->path[0] && file_unlink(job->path) < 0)
		err_clear();
	mutex_lock(&j->lock);
	job->state = state == JOB_RUNNING ? JOB_INTERRUPTED : state;    /* as far as this process goes */
	job->has_file = rec->file != NULL;
	job->ended_ns = clock_mono_ns();
	count(j, state);
	job_touch(job);
	mutex_unlock(&j->lock);
	if (state != JOB_RUNNING)
		jobs_trim(j, job->tenant);
}

static int run(struct work *w, void *worker)
{
	struct job *job = CONTAINER_OF(w, struct job, work);
	struct scope s = { .guard = job->jobs->config.guard, .platform = job->jobs->config.platform, .who = { .name = "", .role = "" } };
	struct arena a;
	int r = atomic_load(&job->jobs->stopping) ? -ERR_STOPPING : 0;

	if (r < 0) {                            /* it has not begun: it waits for the next start */
		mutex_hold(&job->jobs->lock);
		job->state = JOB_INTERRUPTED;
		return 0;
	}
	arena_init(&a, &sys_heap, 0);
	s.arena = &a;
	r = act(job, &s);
	if (r >= 0)
		r = begin(job);
	if (r >= 0)
		r = job_is_cancelled(job) ? job_cancelled() : job->kind->run(job, &s);
	job_end(job, r);
	arena_done(&a);
	err_clear();
	return 0;
}

static void done(struct work *w)
{
	struct job *job = CONTAINER_OF(w, struct job, work);
	struct jobs *j = job->jobs;

	err_clear();
	mutex_lock(&j->lock);
	job->with_worker = false;
	j->running--;
	mutex_unlock(&j->lock);
	jobs_schedule(j);
}

/* The oldest that may begin: its tenant has fewer than its share running. */
static struct job *next(struct jobs *j)
{
	for (struct job *job = j->first; job; job = job->next) {
		unsigned of_tenant = 0;
		if (!job->ready || job->with_worker || job->state != JOB_QUEUED)
			continue;
		for (const struct job *other = j->first; other; other = other->next)
			of_tenant += other->with_worker && other->tenant == job->tenant;
		if (of_tenant < JOBS_RUNNING_TENANT)
			return job;
	}
	return NULL;
}

void jobs_schedule(struct jobs *j)
{
	struct job *job;

	mutex_hold(&j->lock);
	sweep(j);
	while (!atomic_load(&j->stopping) && j->running < JOBS_RUNNING && (job = next(j))) {
		job->work = (struct work) { 0 };
		if (work_submit(j->pool, j->config.loop, &job->work, run, done) < 0) {
			err_clear();            /* it stops */
			return;
		}
		job->with_worker = true;
		j->running++;
		j->stats.begun++;
	}
}

/* ---- what an earlier process left ---- */

struct left { struct jobs *j; uint32_t tenant; struct job_record rec[JOBS_ALL]; unsigned n; struct arena a; };

static int note_left(void *ctx, const void *rec)
{
	struct left *l = ctx;

	if (l->n == JOBS_ALL)
		return 1;
	return rec_dup(&job_type, &l->rec[l->n++], rec, &l->a);
}

static int find_left(struct left *l)
{
	_cleanup_(store_rollbackp) struct store_tx *tx = NULL;
	struct store_filter f[] = { { "state", STORE_IN, "queued,running" } };
	struct store_list list = { .filters = f, .n_filters = 1 };
	struct store *store = guard_tenant_store(l->j->config.guard, l->tenant);
	int r = store ? store_begin(store, STORE_READ, clock_deadline(60000), &tx) : -err_peek()->kind;

	return r < 0 ? r : store_list(tx, &job_type, &list, note_left, l, NULL);
}

/* true: it goes on. */
static bool take_up(struct left *l, const struct job_record *rec)
{
	const struct job_kind *kind = kind_find(l->j, rec->kind);
	struct job *job;

	if (!kind || (rec->state == JOB_RUNNING && !kind->resumes) || rec->runs >= JOBS_RUNS)
		return false;
	job = job_new(l->j, l->tenant, kind);
	if (!job || rec_dup(&job_type, &job->rec, rec, &job->arena) < 0 || (rec->has_body && job_path(l->j, l->tenant, &rec->head.id, ".in", job->body) < 0)
			|| jobs_admit(l->j, job) < 0) {
		err_clear();
		job_free(job);
		return false;
	}
	mutex_hold(&l->j->lock);
	job->id = rec->head.id;
	job->done = rec->done;
	job->total = rec->total;
	job->unit = job->rec.unit;
	job->ready = true;
	job_touch(job);
	return true;
}

static int look_after(struct left *l)
{
	int r = find_left(l);

	for (unsigned i = 0; r >= 0 && i < l->n; i++) {
		struct job_record *rec = &l->rec[i];
		if (take_up(l, rec))
			continue;
		job_interrupted(rec);
		rec->state = JOB_INTERRUPTED;
		rec->ended = clock_now_ns();
		rec_set_has(&job_type, rec, rec_field(&job_type, "ended"), true);
		job_remove_files(l->j, l->tenant, &rec->head.id);
		r = job_store(l->j, l->tenant, rec);
	}
	return r;
}

int jobs_start(struct jobs *j)
{
	uint32_t tenants[GUARD_TENANTS], n = guard_tenants(j->config.guard, tenants);
	struct left *l = sys_new(struct left);
	int r = l ? 0 : err_fail(ERR_NO_MEMORY, "what", "@jobs", NULL);

	for (uint32_t i = 0; r >= 0 && i < n; i++) {
		l->j = j;
		l->tenant = tenants[i];
		l->n = 0;
		arena_init(&l->a, &sys_heap, 0);
		r = look_after(l);
		arena_done(&l->a);
	}
	sys_free(l);
	if (r >= 0)
		jobs_schedule(j);
	return r;
}

/* ---- figures ---- */

void jobs_stats(struct jobs *j, struct jobs_stats *ret)
{
	mutex_hold(&j->lock);
	*ret = j->stats;
	ret->running = j->running;
	ret->waiting = 0;
	for (const struct job *job = j->first; job; job = job->next)
		ret->waiting += job->state == JOB_QUEUED;
}
