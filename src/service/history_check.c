/* history_check.c - every file of samples read and held against its checksums, as a job. */
#include "base/json.h"
#include "base/when.h"
#include "job/job.h"
#include "service/history.h"
#include "service/internal.h"
#include "tsdb/tsdb.h"

/* A check shares the disk with all else: as much as it may read a second, and how much its answer may hold. */
enum { RATE = 64 << 20, LISTED = 100, ANSWER_ROOM = 48 << 10, NAMES = 5 };

struct checking { struct job *job; struct scope *s; struct json json; struct buf *out; unsigned n; };

static bool is_cancelled(void *ctx) { return job_is_cancelled(((const struct checking *) ctx)->job); }

static void on_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct checking *c = ctx;

	job_total(c->job, total, "bytes");
	job_done(c->job, done);
}

static void put_time(struct json *j, const char *key, int64_t ns)
{
	char text[WHEN_TEXT_MAX];

	when_format(text, ns);
	json_kv_str(j, key, text);
}

static int on_fault(void *ctx, const struct tsdb_fault *f)
{
	_cleanup_(buf_done) struct buf detail = BUF_INIT(&sys_heap, 4096);
	struct checking *c = ctx;
	struct json *j = &c->json;

	if (c->n++ >= LISTED || c->out->len > ANSWER_ROOM)
		return 0;
	err_text(&f->why, c->s->lang, &detail);
	json_object(j);
	json_kv_str(j, "kind", tsdb_fault_id(f->kind));
	json_kv_str(j, "file", f->file);
	json_kv_str(j, "text", tsdb_fault_text(f->kind, LANG_EN));         /* a job has no reader yet */
	json_kv_str(j, "text_zh", tsdb_fault_text(f->kind, LANG_ZH));
	json_kv_str(j, "detail", detail.len ? detail.data : "");
	json_kv_bool(j, "harmless", tsdb_fault_is_harmless(f->kind));
	json_kv_u64(j, "samples", f->rows);
	if (f->rows) {
		put_time(j, "from", f->from_ns);
		put_time(j, "to", f->to_ns);
		json_kv_u64(j, "points", f->n_points);
		json_key(j, "first");
		json_array(j);
		for (uint32_t i = 0; i < MIN(f->n_listed, (uint32_t) NAMES); i++)
			json_str(j, f->point[i].path);
		json_end(j);
	}
	json_end(j);
	return 0;
}

static int run_check(struct job *j, struct scope *s)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT(&sys_heap, 64 << 10);
	struct checking c = { .job = j, .s = s, .json = JSON_TO(&out), .out = &out };
	struct tsdb_checked sum;
	int r = history_may(s, PERM_SYSTEM_WRITE);

	if (r < 0)
		return r;
	json_object(&c.json);
	json_key(&c.json, "list");
	json_array(&c.json);
	r = tsdb_check(&(struct tsdb_check) { .data_dir = s->platform->data, .rate = RATE, .on_fault = on_fault, .is_cancelled = is_cancelled,
		.on_progress = on_progress, .ctx = &c }, &sum);
	if (r < 0)
		return r;
	json_end(&c.json);
	json_kv_u64(&c.json, "files", sum.files);
	json_kv_u64(&c.json, "bytes", sum.bytes);
	json_kv_u64(&c.json, "samples", sum.samples);
	json_kv_u64(&c.json, "faults", sum.faults);
	json_kv_u64(&c.json, "harmless", sum.harmless);
	json_kv_u64(&c.json, "lost", sum.lost);
	json_end(&c.json);
	return job_result(j, out.data);
}

/* Begun again after a restart: it only looks. */
const struct job_kind history_check_kind = { .name = "history.check", .title = "Checking files of samples", .title_zh = "检查样本文件",
	.permission = MUST_SAY(PERM_SYSTEM_WRITE), .resumes = true, .run = run_check };

static void look(void *ctx, const struct job_view *v)
{
	if (!job_has_ended(v->state) && str_eq(v->kind, history_check_kind.name))
		*(bool *) ctx = true;
}

int history_check(struct scope *s, struct uuid *ret_job)
{
	bool there = false;
	int r = history_may(s, PERM_SYSTEM_WRITE);

	if (r < 0)
		return r;
	jobs_changed(s->platform->jobs, s->tenant, NULL, 0, look, &there);
	return there ? err_fail(ERR_LIMIT, "what", "@checking", "max", "1", NULL)
		: job_begin(s->platform->jobs, s, &(struct job_in) { .kind = history_check_kind.name }, ret_job);
}
