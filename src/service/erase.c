/*
 * erase.c - all there ever was of some points leaves the medium, step by step, as a job that a restart only delays.
 *
 * What may hold it, in the order it goes: answers and live values (the delete itself), files of history, the log, files that somebody exported, corrections kept
 * beside the history, backups. Each step can be done twice. How far it came is saved after each file; samples that come in after the delete are new and stay.
 */
#include "base/num.h"
#include "bus/bus.h"
#include "job/job.h"
#include "rec/tree.h"
#include "service/backups.h"
#include "service/correction.h"
#include "service/history.h"
#include "service/internal.h"
#include "service/kept.h"
#include "service/removal.h"
#include "tsdb/tsdb.h"
#include "wal/wal.h"

enum { FILES_NAMED = 200, LOG_WAIT_MS = 2000, LOG_TRIES = 300, BACKUP_LOOK_MS = 500, REPORT_BYTES = 60 << 10 };
enum stage { STAGE_DELETE, STAGE_FILES, STAGE_LOG, STAGE_REST };

struct erasing {
	struct job *job;
	struct scope *s;
	struct uuid removal;
	struct removal_what what;
	bool backups;
	uint64_t samples;
	/* Saved: */
	enum stage stage;
	uint64_t log_to;                        /* number of the log: what came up to there is not to be on the disk */
	uint64_t n_files, rows_gone;
	struct tsdb_rewritten file[FILES_NAMED];
	/* For the report: */
	uint64_t left;                          /* files that cannot be read */
	uint32_t exports, corrections, n_deleted, n_kept;
	const char *deleted[64], *kept[64];     /* backups */
};

static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "@job", NULL); }

/* ---- where it is ---- */

static void files_json(const struct erasing *e, struct json *j)
{
	json_kv_u64(j, "files_rewritten", e->n_files);
	json_kv_u64(j, "samples_left_out", e->rows_gone);
	json_key(j, "files");
	json_array(j);
	for (uint64_t i = 0; i < MIN(e->n_files, (uint64_t) FILES_NAMED); i++) {
		json_object(j);
		json_kv_str(j, "file", e->file[i].file);
		json_kv_u64(j, "samples", e->file[i].rows);
		json_kv_u64(j, "samples_left", e->file[i].rows_left);
		json_end(j);
	}
	json_end(j);
}

static int save(struct erasing *e)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 64 << 10);
	struct json j = JSON_TO(&b);

	json_object(&j);
	json_kv_u64(&j, "stage", e->stage);
	json_kv_u64(&j, "log_to", e->log_to);
	files_json(e, &j);
	json_end(&j);
	return b.failed ? no_memory() : job_save(e->job, b.data);
}

static int read_saved(struct erasing *e)
{
	const char *text = job_saved(e->job);
	struct tree *t;
	int r = text ? tree_parse(text, str_len(text), "@job", e->s->arena, &t) : 0;

	if (r < 0 || !text)
		return r;
	e->stage = (enum stage) tree_i64(tree_find(t, "stage"), 0);
	e->log_to = (uint64_t) tree_i64(tree_find(t, "log_to"), 0);
	e->n_files = (uint64_t) tree_i64(tree_find(t, "files_rewritten"), 0);
	e->rows_gone = (uint64_t) tree_i64(tree_find(t, "samples_left_out"), 0);
	const struct tree *files = tree_find(t, "files");
	uint32_t n = 0;
	TREE_EACH(item, files) {
		struct tsdb_rewritten *f = &e->file[n % FILES_NAMED];
		struct buf name = BUF_FIXED(f->file);

		buf_clear(&name);
		buf_add(&name, tree_str(tree_find(item, "file")) ?: "");
		f->rows = (uint64_t) tree_i64(tree_find(item, "samples"), 0);
		f->rows_left = (uint64_t) tree_i64(tree_find(item, "samples_left"), 0);
		n++;
	}
	return 0;
}

static int read_input(struct erasing *e)
{
	const char *text = job_input(e->job);
	struct tree *t;
	int r = tree_parse(text, str_len(text), "@job", e->s->arena, &t);

	if (r < 0)
		return r;
	const struct tree *points = tree_find(t, "points");
	const char *id = tree_str(tree_find(t, "removal")) ?: "";
	if (!points || !uuid_parse(id, str_len(id), &e->removal))
		return err_fail(ERR_BROKEN, "detail", "the input of an erasure", NULL);
	e->backups = tree_bool(tree_find(t, "backups"), false);
	e->samples = (uint64_t) tree_i64(tree_find(t, "samples"), 0);
	e->what = (struct removal_what) { .from_ns = INT64_MIN, .to_ns = INT64_MAX };
	e->what.points = arena_array(e->s->arena, struct uuid, points->n + 1);
	if (!e->what.points)
		return no_memory();
	TREE_EACH(item, points) {
		const char *p = tree_str(item) ?: "";

		if (uuid_parse(p, str_len(p), &e->what.points[e->what.n]))
			e->what.n++;
	}
	return removal_series(e->s, e->what.points, e->what.n, &e->what.series, &e->what.n_series);
}

/* ---- files of history ---- */

static bool is_cancelled(void *ctx) { return job_is_cancelled(((const struct erasing *) ctx)->job); }

static void on_file(void *ctx, const struct tsdb_rewritten *f)
{
	struct erasing *e = ctx;

	if (e->n_files < FILES_NAMED)
		e->file[e->n_files] = *f;
	e->n_files++;
	e->rows_gone += f->rows - f->rows_left;
	job_done(e->job, e->n_files);
	if (save(e) < 0)
		err_clear();            /* the report of a job that is resumed names fewer files then */
}

static int leave_files(struct erasing *e)
{
	const struct tsdb_purge how = { .tenant = e->s->tenant, .series = e->what.series, .n_series = e->what.n_series, .is_cancelled = is_cancelled,
		.on_file = on_file, .ctx = e };
	struct tsdb_waiting w;

	tsdb_waiting_deletes(e->s->platform->tsdb, e->s->tenant, &w);
	job_say(e->job, "writing files of history again", "正在重写历史文件");
	job_total(e->job, e->n_files + w.files, "files");
	return tsdb_purge(e->s->platform->tsdb, &how, &e->left);
}

/* ---- the log ---- */

static int leave_log(struct erasing *e)
{
	int r = 0;

	job_say(e->job, "waiting for the log to give up its old segments", "正在等待日志旧段移除");
	for (unsigned i = 0; i < LOG_TRIES; i++) {
		if (job_is_cancelled(e->job))
			return job_cancelled();
		/* The store of samples moves its cursor when it has something new in files. */
		r = tsdb_flush(e->s->platform->tsdb);
		if (r == 0)
			r = wal_forget(e->s->platform->wal, e->log_to, clock_deadline(LOG_WAIT_MS));
		if (r != -ERR_TIMEOUT)
			break;
		if (i + 1 < LOG_TRIES)
			err_clear();
	}
	return r;
}

/* ---- files that were exported ---- */

struct exports { struct uuid id[200]; uint32_t n; };

static int note_export(void *ctx, const void *rec)
{
	struct exports *x = ctx;
	const struct job_record *j = rec;

	if ((str_eq(j->kind, samples_export_kind.name) || str_eq(j->kind, history_export_kind.name)) && job_has_ended(j->state) && x->n < ELEMENTSOF(x->id))
		x->id[x->n++] = j->head.id;
	return 0;
}

static int run_exports(struct scope *s, const void *in, void *ret)
{
	return store_list(s->tx, &job_type, &(struct store_list) { .limit = 0 }, note_export, ret, NULL);
}

/* Whose they are and what else is in them: nobody looks. They can be made again. */
static int leave_exports(struct erasing *e, struct scope *system)
{
	static const struct deed deed = DEED_READ("history.erase_exports", PERM_HISTORY_ERASE, DEED_TENANT, run_exports);
	struct exports x = { .n = 0 };
	int r = scope_do(system, &deed, NULL, &x);

	for (uint32_t i = 0; r >= 0 && i < x.n; i++) {
		r = job_delete(e->s->platform->jobs, system, &x.id[i]);
		if (r == -ERR_MISSING) {
			err_clear();
			r = 0;
		}
		e->exports += r == 0;
	}
	return MIN(r, 0);
}

static void pause_a_moment(void)
{
	struct mutex m;
	struct cond c;
	int64_t until = clock_deadline(BACKUP_LOOK_MS);

	mutex_init(&m);
	cond_init(&c);
	mutex_lock(&m);
	while (cond_wait_until(&c, &m, until))
		;
	mutex_unlock(&m);
	cond_done(&c);
	mutex_done(&m);
}

/* Rows that are deleted lie in the journal of the records for a while. */
static int leave_journal(struct erasing *e)
{
	struct store *store;
	int r = guard_store_of(e->s, DEED_TENANT, &store);

	for (unsigned i = 0; r == 0 && i < LOG_TRIES; i++) {
		r = store_scour(store, clock_deadline(LOG_WAIT_MS));
		if (r != -ERR_BUSY)
			break;
		if (job_is_cancelled(e->job))
			return job_cancelled();
		if (i + 1 < LOG_TRIES) {
			err_clear();
			r = 0;
		}
		pause_a_moment();
	}
	return r;
}

/* ---- backups ---- */

static void look(void *ctx, const struct job_view *v)
{
	if (v->state == JOB_RUNNING && str_eq(v->kind, backup_make_kind.name))
		*(bool *) ctx = true;
}

/* One that is being made may have begun before. */
static int wait_for_backup(struct erasing *e)
{
	for (;;) {
		bool busy = false;

		jobs_changed(e->s->platform->jobs, TENANT_DEFAULT, NULL, 0, look, &busy);
		if (!busy)
			return 0;
		if (job_is_cancelled(e->job))
			return job_cancelled();
		job_say(e->job, "waiting for the backup that is being made", "正在等待进行中的备份结束");
		pause_a_moment();
	}
}

static int leave_backups(struct erasing *e, struct scope *system)
{
	struct backup_record *list;
	uint32_t n = 0;
	int r = e->s->platform->backups ? wait_for_backup(e) : 0;

	if (r == 0 && e->s->platform->backups)
		r = backups_list(system, &list, &n);
	for (uint32_t i = 0; r == 0 && i < n; i++) {
		if (e->backups)
			r = backups_delete(e->s, list[i].id);
		if (r == 0 && e->backups && e->n_deleted < ELEMENTSOF(e->deleted))
			e->deleted[e->n_deleted++] = list[i].id;
		else if (r == 0 && !e->backups && e->n_kept < ELEMENTSOF(e->kept))
			e->kept[e->n_kept++] = list[i].id;
	}
	return r;
}

static int leave_rest(struct erasing *e)
{
	struct scope system, first;
	uint32_t answers;
	int r;

	job_say(e->job, "exports, corrections, backups", "导出文件、更正记录、备份");
	scope_system(&system, e->s->guard, e->s->platform, e->s->arena, "erasure");
	first = system;
	r = scope_enter(&system, &e->s->tenant_id);
	if (r == 0)
		r = leave_exports(e, &system);
	if (r == 0)
		r = correction_erase(&system, e->what.points, e->what.n, &e->corrections);
	if (r == 0)
		r = kept_forget(&system, "\"before_quality\"", &answers);       /* what only a correction says */
	if (r == 0)
		r = leave_journal(e);
	return r < 0 ? r : leave_backups(e, &first);
}

/* ---- all of it ---- */

static int delete_first(struct erasing *e)
{
	job_say(e->job, "deleting", "正在删除");
	int r = removal_take(e->s, &e->what);
	if (r < 0)
		return r;
	e->log_to = wal_appended(e->s->platform->wal);
	e->stage = STAGE_FILES;
	return save(e);
}

static void names_json(struct json *j, const char *key, const char *const *names, uint32_t n)
{
	json_key(j, key);
	json_array(j);
	for (uint32_t i = 0; i < n; i++)
		json_str(j, names[i]);
	json_end(j);
}

static int note_any(void *ctx, const char *name)
{
	*(bool *) ctx = true;
	return 1;
}

/* What a repair of the store put aside belongs to whoever repaired it: it is named and not looked into. */
static bool any_in(const char *root)
{
	char path[4096];
	bool any = false;

	if (path_join(path, sizeof(path), root, "aside") && file_exists(path) && dir_each(path, note_any, &any) < 0)
		err_clear();
	return any;
}

static bool any_aside(const struct platform *p)
{
	char second[4096] = "";
	struct buf b = BUF_FIXED(second);

	if (tsdb_second_find(p->data, &b) < 0)
		err_clear();
	return any_in(p->data) || (second[0] && any_in(second));
}

static const char *report(struct erasing *e)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 64 << 10);
	struct json j = JSON_TO(&b);

	json_object(&j);
	json_kv_u64(&j, "samples", e->samples);
	files_json(e, &j);
	json_kv_u64(&j, "files_unreadable", e->left);
	json_kv_bool(&j, "log_gone", e->stage >= STAGE_REST);
	json_kv_bool(&j, "aside_left", any_aside(e->s->platform));
	json_kv_u64(&j, "exports_deleted", e->exports);
	json_kv_u64(&j, "corrections_deleted", e->corrections);
	names_json(&j, "backups_deleted", e->deleted, e->n_deleted);
	names_json(&j, "backups_left", e->kept, e->n_kept);
	json_end(&j);
	return b.failed ? NULL : arena_str(e->s->arena, b.data);
}

static int steps(struct erasing *e)
{
	int r = e->stage == STAGE_DELETE ? delete_first(e) : 0;

	if (r == 0 && e->stage == STAGE_FILES) {
		r = leave_files(e);
		if (r == 0 && e->left) {
			char text[NUM_TEXT_MAX];

			num_format_u64(text, e->left);
			r = err_fail(ERR_LEFT_UNREADABLE, "count", text, NULL);
		}
		e->stage = r == 0 ? STAGE_LOG : e->stage;
		r = r == 0 ? save(e) : r;
	}
	if (r == 0 && e->stage == STAGE_LOG) {
		r = leave_log(e);
		e->stage = r == 0 ? STAGE_REST : e->stage;
		r = r == 0 ? save(e) : r;
	}
	return r == 0 ? leave_rest(e) : r;
}

static int finish(struct erasing *e, int r)
{
	struct removal_record like = { .kind = REMOVAL_ERASED, .samples = e->samples, .report = report(e) };
	struct err why = { 0 };
	bool failed = r < 0;

	if (failed)
		why = err_take(r);
	int end = removal_end(e->s, &e->removal, &like, failed ? &why : NULL);
	if (end == 0 && like.report)
		end = job_result(e->job, like.report);
	if (failed) {
		if (end < 0)
			err_clear();
		err_put(&why);
	}
	return failed ? r : end;
}

static int run_erase(struct job *j, struct scope *s)
{
	struct erasing *e = arena_new(s->arena, struct erasing);
	int r;

	if (!e)
		return no_memory();
	memset(e, 0, sizeof(*e));
	e->job = j;
	e->s = s;
	r = read_input(e);
	if (r == 0)
		r = read_saved(e);
	if (r < 0)
		return r;
	r = steps(e);
	/* The platform stops: it goes on after the next start. */
	if ((r == -ERR_CANCELLED || r == -ERR_STOPPING) && job_is_stopping(j))
		return r;
	return finish(e, r);
}

const struct job_kind history_erase_kind = { .name = "history.erase", .title = "Erasing samples", .title_zh = "抹除样本",
	.permission = MUST_SAY(PERM_HISTORY_ERASE), .resumes = true, .run = run_erase };
