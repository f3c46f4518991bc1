/* job.c - one job: begun, cancelled, deleted, seen; what run() says while it runs. */

#include "job/impl.h"

/* ---- begin ---- */

static int put_new(struct scope *s, const void *in, void *ret)
{
	struct job *job = ret;
	int r = store_put(s->tx, &job_type, &job->rec, &s->who.id);

	return r < 0 ? r : audit_change(s, &job_type, NULL, &job->rec);
}

static int fill(struct job *job, struct scope *s, const struct job_in *in)
{
	struct job_record *rec = &job->rec;

	job->id = rec->head.id = uuid_new();
	rec->kind = job->kind->name;
	rec->title = job->kind->title;
	rec->title_zh = job->kind->title_zh;
	rec->name = arena_str(&job->arena, s->who.name);
	rec->principal = s->who.id;
	rec->principal_kind = (int32_t) s->who.kind;
	rec->has_body = in->body != NULL;
	rec->input = arena_str(&job->arena, in->input);
	return rec->name && (rec->input || !in->input) ? 0 : err_fail(ERR_NO_MEMORY, "what", "@job", NULL);
}

static int keep_body(struct job *job, const struct job_in *in)
{
	int r = in->body ? job_path(job->jobs, job->tenant, &job->id, ".in", job->body) : 0;

	return r >= 0 && in->body ? file_write(job->body, in->body, in->len, 0600) : r;
}

int job_begin(struct jobs *j, struct scope *s, const struct job_in *in, struct uuid *ret_id)
{
	const struct job_kind *kind = kind_find(j, in->kind);
	struct deed create = { .name = "job.create", .placed = true, .store = DEED_TENANT, .run = put_new };
	struct job *job;
	struct uuid id;
	int r;

	if (!kind)
		return err_failf(ERR_BROKEN, "there is no job kind %s", in->kind);
	create.permission = kind->permission;
	job = job_new(j, s->tenant, kind);
	r = job ? fill(job, s, in) : -ERR_NO_MEMORY;
	if (r >= 0)
		r = jobs_admit(j, job);
	if (r < 0) {
		job_free(job);
		return r;
	}
	id = job->id;
	r = keep_body(job, in);
	if (r >= 0)
		r = scope_do(s, &create, NULL, job);
	if (r < 0) {
		struct err e = err_take(r);
		jobs_drop(j, job);
		job_remove_files(j, s->tenant, &id);
		err_put(&e);
		return r;
	}
	mutex_lock(&j->lock);
	job->ready = true;
	job_touch(job);
	mutex_unlock(&j->lock);
	jobs_schedule(j);
	*ret_id = id;
	return 0;
}

/* ---- one's own, or the tenant's ---- */

static int missing(const struct uuid *id)
{
	char text[UUID_TEXT + 1];

	uuid_format(id, text);
	return err_fail(ERR_MISSING, "what", "@job", "value", text, NULL);
}

static int get(struct scope *s, const void *in, void *ret)
{
	int r = store_get(s->tx, &job_type, in, ret, s->arena);

	if (r == -ERR_MISSING) {
		err_clear();
		return missing(in);
	}
	if (r >= 0 && !uuid_equal(&((struct job_record *) ret)->principal, &s->who.id) && !scope_may(s, PERM_SYSTEM_READ))
		return missing(in);
	return r;
}
static const struct deed job_get_deed = DEED_READ("job.get", SIGNED_IN, DEED_TENANT, get);

int job_get(struct jobs *j, struct scope *s, const struct uuid *id, struct job_record *ret)
{
	int r = scope_do(s, &job_get_deed, id, ret);

	if (r >= 0)
		job_refresh(j, s->tenant, ret, s->arena);
	return r;
}

static int may_end(struct scope *s, const struct job_record *rec)
{
	return uuid_equal(&rec->principal, &s->who.id) ? 0 : scope_need(s, PERM_SYSTEM_WRITE);
}

/* ---- cancel ---- */

static int note_cancel(struct scope *s, const void *in, void *ret)
{
	char text[UUID_TEXT + 1];

	uuid_format(in, text);
	return audit_text(s, "job", text);
}
static const struct deed job_cancel_deed = DEED("job.cancel", SIGNED_IN, DEED_TENANT, note_cancel);

/* What waits is taken from the queue and ended here; what runs sees it by itself. */
static struct job *ask(struct jobs *j, struct scope *s, const struct uuid *id)
{
	struct job *job;
	struct buf by;

	mutex_hold(&j->lock);
	job = jobs_find(j, s->tenant, id);
	if (!job || job->asked || job_has_ended(job->state))
		return NULL;
	by = BUF_FIXED(job->cancelled_by);
	buf_addf(&by, "%.190s", s->who.name);
	job->asked = true;
	job_touch(job);
	if (job->with_worker || !job->ready)
		return NULL;
	job->state = JOB_CANCELLED;             /* so that it is not taken up */
	job->ended_ns = INT64_MAX;              /* nor swept */
	return job;
}

int job_cancel(struct jobs *j, struct scope *s, const struct uuid *id)
{
	struct job_record rec;
	struct job *waiting;
	int r = job_get(j, s, id, &rec);

	if (r >= 0)
		r = may_end(s, &rec);
	if (r < 0 || job_has_ended(rec.state))
		return r;
	r = scope_do(s, &job_cancel_deed, id, NULL);
	if (r < 0)
		return r;
	waiting = ask(j, s, id);
	if (waiting)
		job_end(waiting, job_cancelled());
	return 0;
}

/* ---- delete ---- */

static int del(struct scope *s, const void *in, void *ret)
{
	const struct job_record *rec = in;
	int r = store_del(s->tx, &job_type, &rec->head.id, 0, &s->who.id);

	return r < 0 ? r : audit_change(s, &job_type, rec, NULL);
}
static const struct deed job_delete_deed = DEED("job.delete", SIGNED_IN, DEED_TENANT, del);

int job_delete(struct jobs *j, struct scope *s, const struct uuid *id)
{
	struct job_record rec;
	struct job *job;
	int r = job_get(j, s, id, &rec);

	if (r >= 0)
		r = may_end(s, &rec);
	if (r < 0)
		return r;
	if (!job_has_ended(rec.state))
		return job_cancel(j, s, id);
	mutex_lock(&j->lock);
	job = jobs_find(j, s->tenant, id);
	if (job && job->with_worker)            /* its end is being told */
		job = NULL;
	else if (job)
		job->ended_ns = 0;              /* the next look sweeps it */
	mutex_unlock(&j->lock);
	r = scope_do(s, &job_delete_deed, &rec, NULL);
	if (r >= 0)
		job_remove_files(j, s->tenant, id);
	return r;
}

/* ---- inside run() ---- */

const char *job_input(const struct job *j) { return j->rec.input ? j->rec.input : ""; }
const char *job_body(const struct job *j) { return j->body[0] ? j->body : NULL; }
const char *job_saved(const struct job *j) { return j->rec.saved; }

bool job_is_cancelled(const struct job *j)
{
	mutex_hold(&j->jobs->lock);
	return j->asked || atomic_load(&j->jobs->stopping);
}

bool job_is_stopping(const struct job *j) { return atomic_load(&j->jobs->stopping); }

int job_cancelled(void)
{
	return err_fail(ERR_CANCELLED, NULL, NULL);
}

void job_total(struct job *j, uint64_t total, const char *unit)
{
	mutex_hold(&j->jobs->lock);
	j->total = total;
	j->unit = unit;
	job_touch(j);
}

void job_done(struct job *j, uint64_t done)
{
	mutex_hold(&j->jobs->lock);
	j->done = done;
	job_touch(j);
}

static void copy_text(char to[JOB_TEXT], const char *text)
{
	struct buf b = { .data = to, .room = JOB_TEXT, .max = JOB_TEXT };
	size_t n = utf8_valid_prefix(text, MIN(str_len(text), (size_t) JOB_TEXT - 1));

	buf_clear(&b);
	buf_addn(&b, text, n);
}

void job_say(struct job *j, const char *en, const char *zh)
{
	mutex_hold(&j->jobs->lock);
	copy_text(j->said[LANG_EN], en);
	copy_text(j->said[LANG_ZH], zh);
	job_touch(j);
}

int job_save(struct job *j, const char *json)
{
	struct jobs *all = j->jobs;

	if (str_len(json) > JOB_JSON_MAX)
		return err_fail(ERR_TOO_LARGE, "what", "@job", "max", "65536", NULL);
	mutex_lock(&all->lock);
	j->rec.done = j->done;
	j->rec.total = j->total;
	j->rec.unit = j->unit;
	mutex_unlock(&all->lock);
	j->rec.saved = arena_str(&j->arena, json);      /* a job that saves often pays with memory: the arena has a bound */
	return j->rec.saved ? job_store(all, j->tenant, &j->rec) : err_fail(ERR_NO_MEMORY, "what", "@job", NULL);
}

int job_result(struct job *j, const char *json)
{
	if (str_len(json) > JOB_JSON_MAX)
		return err_fail(ERR_TOO_LARGE, "what", "@job", "max", "65536", NULL);
	j->rec.result = arena_str(&j->arena, json);
	return j->rec.result ? 0 : err_fail(ERR_NO_MEMORY, "what", "@job", NULL);
}

int job_file(struct job *j, const char *name, const char *content_type, const char **ret_path)
{
	int r = job_path(j->jobs, j->tenant, &j->id, ".out", j->path);

	if (r < 0)
		return r;
	j->rec.file = arena_str(&j->arena, name);
	j->rec.file_type = arena_str(&j->arena, content_type);
	if (!j->rec.file || !j->rec.file_type)
		return err_fail(ERR_NO_MEMORY, "what", "@job", NULL);
	*ret_path = j->path;
	return 0;
}

/* ---- seeing ---- */

/* Under the lock. */
static int64_t eta_of(const struct job *j)
{
	int64_t gone = clock_mono_ns() - j->began_ns;

	if (j->state != JOB_RUNNING || !j->done || j->done >= j->total)
		return 0;
	return clock_now_ns() + (int64_t) ((double) gone / (double) j->done * (double) (j->total - j->done));
}

void job_refresh(struct jobs *j, uint32_t tenant, struct job_record *rec, struct arena *a)
{
	const struct job *live;

	mutex_hold(&j->lock);
	live = jobs_find(j, tenant, &rec->head.id);
	if (job_has_ended(rec->state))
		return;
	if (!live) {
		job_interrupted(rec);
		rec->state = JOB_INTERRUPTED;
		return;
	}
	if (job_has_ended(live->state))         /* its end is on its way to the store */
		return;
	rec->state = (int32_t) live->state;
	rec->done = live->done;
	rec->total = live->total;
	rec->unit = live->unit ? arena_str(a, live->unit) : NULL;
	if (live->said[LANG_EN][0]) {
		rec->detail = arena_str(a, live->said[LANG_EN]);
		rec->detail_zh = arena_str(a, live->said[LANG_ZH]);
	}
	rec->eta = eta_of(live);
	rec_set_has(&job_type, rec, rec_field(&job_type, "eta"), rec->eta != 0);
}

/* Who sees all jobs sees that they ran. What came of one is for who asked for it, and for who could have. */
static int may_fetch(struct jobs *j, struct scope *s, const struct job_record *rec)
{
	const struct job_kind *kind = kind_find(j, rec->kind);
	struct err e;
	int r;

	if (uuid_equal(&rec->principal, &s->who.id))
		return 0;
	r = scope_need(s, kind ? kind->permission : PERM_SYSTEM_WRITE);
	if (r == 0)
		return 0;
	e = err_take(r);
	guard_audit_refusal(s, "job.file", r);
	err_put(&e);
	return r;
}

int job_file_path(struct jobs *j, struct scope *s, const struct job_record *rec, struct buf *ret_path)
{
	char path[600];
	int r;

	if (rec->state != JOB_DONE || str_empty(rec->file))
		return err_fail(ERR_MISSING, "what", "@file", NULL);
	r = may_fetch(j, s, rec);
	if (r >= 0)
		r = job_path(j, s->tenant, &rec->head.id, ".out", path);
	if (r >= 0)
		buf_add(ret_path, path);
	return r;
}

uint64_t jobs_change(const struct jobs *j)
{
	return atomic_load(&j->change);
}

uint64_t jobs_changed(struct jobs *j, uint32_t tenant, const struct uuid *principal, uint64_t after,
	void (*fn)(void *ctx, const struct job_view *v), void *ctx)
{
	mutex_hold(&j->lock);
	for (const struct job *job = j->first; job; job = job->next) {
		struct job_view v = { .id = job->id, .principal = job->rec.principal, .kind = job->kind->name, .title = job->kind->title,
			.title_zh = job->kind->title_zh, .unit = job->unit, .detail = job->said[LANG_EN], .detail_zh = job->said[LANG_ZH],
			.state = job->state, .done = job->done, .total = job->total, .eta_ns = eta_of(job), .has_file = job->has_file };
		if (job->tenant != tenant || !job->ready || (after ? job->change <= after : job_has_ended(job->state))
				|| (principal && !uuid_equal(principal, &job->rec.principal)))
			continue;
		fn(ctx, &v);
	}
	return atomic_load(&j->change);
}
